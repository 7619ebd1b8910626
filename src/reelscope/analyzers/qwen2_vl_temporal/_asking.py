"""Asking for segments: in groups, with the text before as context, once more where an answer does not have its shape, within budgets.

Which segments stand together in a group is fixed (`group` of the options), so that an answer depends on nothing that a machine may differ
in: where memory runs out a group is cut into smaller batches, and the context of all its segments stays the last text of the group before.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

from pydantic import BaseModel

from reelscope.analyzers.qwen2_vl_temporal._answers import BadAnswer, SegmentAnswer, WholeAnswer, read
from reelscope.analyzers.qwen2_vl_temporal._prompt import SEGMENT_SCHEMA, WHOLE_SCHEMA, again, segment_text, thinned, whole_text
from reelscope.analyzers.qwen2_vl_temporal._segments import SegmentFrames

__all__ = ["NO_TIME", "Ask", "Asker", "Budget", "Described", "Describer", "Reply"]

NO_TIME = "the time budget was spent"
MOST_S = 1_500.0  # for one group: less than the analyzer's deadline for a window
WHOLE_SHARE_S = 2.0  # of the clip: the summary may take as long as one more segment
T = TypeVar("T", bound=BaseModel)


@dataclass(frozen=True, slots=True)
class Ask:
    """One question.

    Attributes:
        text: What is asked. schema: JSON Schema of the answer, for servers that take one.
        frames: uint8 [h, w, 3] each; empty for a question about text. times_s: since the segment began.
        before: The picture before the segment.
        turns: Earlier rounds: what was answered, and what was asked then.
        tokens: That the answer may have.
    """

    text: str
    schema: dict[str, Any]
    tokens: int
    frames: tuple[Any, ...] = ()
    times_s: tuple[float, ...] = ()
    before: Any = None
    turns: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Reply:
    """What came back: a text, or why none did. cut: whether the text ended with the token budget instead of by itself."""

    text: str | None = None
    error: str | None = None
    tokens: int = 0
    cut: bool = False


class Asker(Protocol):
    """A model that answers: in this process, or behind a server."""

    def answer(self, asks: Sequence[Ask], until: float) -> list[Reply]:
        """A reply to each, in order; `until` is the time.monotonic() at which to stop."""


@dataclass(slots=True)
class Budget:
    """Seconds that asking may take: so many for each second of the clip that was reached, less what was spent."""

    rate: float
    clock: Callable[[], float] = time.monotonic
    spent_s: float = 0.0

    def until(self, reached_s: float) -> float:
        """The clock's time at which what was reached of the clip has used its share up."""
        return self.clock() + min(MOST_S, max(0.0, self.rate * reached_s - self.spent_s))


@dataclass(frozen=True, slots=True)
class Described:
    """What came of one question: an answer, or the reason why there is none."""

    answer: Any = None
    reason: str | None = None
    repaired: bool = False


@dataclass(slots=True)
class Describer:
    """Asks about the segments of one clip.

    Attributes:
        asker: Who answers. budget: of seconds. language: of the answers. tokens: of each answer at most.
        context: The last good text of the groups before.
        asked, generated, repaired: Counts.
    """

    asker: Asker
    budget: Budget
    language: str
    tokens: int
    context: str | None = None
    asked: int = 0
    generated: int = 0
    repaired: int = 0

    def group(self, segments: Sequence[SegmentFrames[Any]]) -> list[Described]:
        """Answers about segments that stand together; their last good text is the context of the next group."""
        asks = [self._segment_ask(s) for s in segments]
        found = self._ask(asks, SegmentAnswer, segments[-1].end_s)
        texts = [d.answer.what_happens for d in found if d.answer is not None]
        if texts:
            self.context = texts[-1]
        return found

    def whole(self, texts: Sequence[tuple[float, float, str]], duration_s: float) -> tuple[Described, int]:
        """A summary of the clip from its segments' texts (start_s, end_s, text), and of how many it was made."""
        if not texts:
            return Described(reason="no segment was described"), 0
        shown = thinned(texts)
        # The share of the clip is spent on its segments by now, if time is short: one answer's worth is added.
        asks = [Ask(whole_text(shown, self.language), WHOLE_SCHEMA, self.tokens)]
        return self._ask(asks, WholeAnswer, duration_s + WHOLE_SHARE_S)[0], len(shown)

    def _segment_ask(self, s: SegmentFrames[Any]) -> Ask:
        text = segment_text(
            count=len(s.pictures),
            seconds=s.end_s - s.start_s,
            language=self.language,
            has_before=s.before is not None,
            context=self.context,
        )
        times = tuple(round(t - s.start_s, 3) for t in s.times_s)
        return Ask(text, SEGMENT_SCHEMA, self.tokens, s.pictures, times, s.before)

    def _ask(self, asks: Sequence[Ask], shape: type[T], reached_s: float) -> list[Described]:
        """Ask, and ask those once more whose answer did not have the shape."""
        until, started = self.budget.until(reached_s), self.budget.clock()
        try:
            replies = self.asker.answer(asks, until)
            found = [_described(r, shape) for r in replies]
            self._count(replies)
            bad = [i for i, d in enumerate(found) if d.answer is None and replies[i].text is not None]
            if bad and self.budget.clock() < until:
                once = [_again(asks[i], replies[i], str(found[i].reason)) for i in bad]
                second = self.asker.answer(once, until)
                self._count(second)
                for i, reply in zip(bad, second, strict=True):
                    better = _described(reply, shape)
                    if better.answer is not None:
                        self.repaired += 1
                        found[i] = Described(better.answer, repaired=True)
                    else:
                        found[i] = Described(reason=f"{found[i].reason}; asked again: {better.reason}")
            return found
        finally:
            self.budget.spent_s += self.budget.clock() - started

    def _count(self, replies: Sequence[Reply]) -> None:
        self.asked += len(replies)
        self.generated += sum(r.tokens for r in replies)


def _described(reply: Reply, shape: type[T]) -> Described:
    if reply.text is None:
        return Described(reason=reply.error or "no answer")
    try:
        return Described(read(reply.text, shape))
    except BadAnswer as error:
        return Described(reason=f"{error}{f' (stopped after {reply.tokens} tokens)' if reply.cut else ''}")


def _again(ask: Ask, reply: Reply, error: str) -> Ask:
    turn = again(error, reply.text or "")
    return Ask(ask.text, ask.schema, ask.tokens, ask.frames, ask.times_s, ask.before, (*ask.turns, turn))
