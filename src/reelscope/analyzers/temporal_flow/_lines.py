"""What is said and what is written, clause by clause, with the time of every word."""

from __future__ import annotations

import re
from dataclasses import dataclass

from reelscope.analyzers.temporal_flow._find import Hit, find, fold, ordinal
from reelscope.document.evidence import Evidence, Text, Word
from reelscope.document.measures.words import tokens

__all__ = ["Clause", "clauses"]

ENDS_CLAUSE = re.compile(r"[.,;:!?…|/–—]+$")  # noqa: RUF001 - dashes as people write them
PARTS = re.compile(r"(?<=[.,;:!?…|/–—])\s+|\s+[–—|/-]\s+")  # noqa: RUF001 - within a caption, where no pause tells
PAUSE_S = 0.5  # a clause ends where nobody speaks so long: pauses within a clause are mostly below 0.5 s (Campione & Veronis 2002)
FEW_WORDS = 2  # captions this short, one after the other in one go, are one line cut into words
NEXT_S = 0.35  # so soon the next of them comes; texts are looked at five times a second


@dataclass(frozen=True, slots=True)
class Clause:
    """A clause. words: folded, as they are compared; starts_s, ends_s: of each word; asks: whether it ends with a question
    mark; opens: whether it begins a sentence or a text."""

    source: str
    text: str
    start_s: float
    end_s: float
    words: tuple[str, ...]
    starts_s: tuple[float, ...]
    ends_s: tuple[float, ...]
    language: str | None = None
    asks: bool = False
    role: str | None = None
    opens: bool = False

    @property
    def spoken(self) -> bool:
        return self.source == "speech_transcription"

    def find(self, table: str) -> list[Hit]:
        """Patterns of one table in it."""
        return find(table, self.words, self.language, glued=not self.spoken)

    @property
    def step(self) -> int | None:
        """Number of the step that it opens; only a text or a sentence opens one ("in 3, 2, 1" does not)."""
        return ordinal(self.words, self.language) if self.opens else None

    def span(self, hit: Hit) -> tuple[float, float]:
        """When the words of a hit are said; a text stands there as a whole."""
        at, times = 0, []
        for word, start, end in zip(self.words, self.starts_s, self.ends_s, strict=True):
            if at < hit.end and at + len(word) > hit.start:
                times.append((start, end))
            at += len(word) + 1
        return (times[0][0], times[-1][1]) if times else (self.start_s, self.end_s)


def clauses(evidence: Evidence) -> list[Clause]:
    """Clauses of speech and of texts laid over the picture, in order of time."""
    language = evidence.summary("speech_transcription").get("language")
    found = [*_said(evidence, language), *_written(evidence)]
    return sorted(found, key=lambda c: (c.start_s, c.source))


def _said(evidence: Evidence, language: str | None) -> list[Clause]:
    out: list[Clause] = []
    for said in evidence.said.items:
        if not said.words:  # the time of a word is not known then: the stretch's stands for all of it
            out += _parts("speech_transcription", said.text, said.start_s, said.end_s, language)
            continue
        run: list[Word] = []
        opens = True
        for word in said.words:
            if run and ((pause := word.start_s - run[-1].end_s >= PAUSE_S) or ENDS_CLAUSE.search(run[-1].text)):
                out += _clause(run, language, opens)
                opens = pause or not run[-1].text.endswith(",")
                run = []
            run.append(word)
        out += _clause(run, language, opens)
    return out


def _clause(run: list[Word], language: str | None, opens: bool) -> list[Clause]:  # noqa: FBT001 - private
    rows = [(fold(token), word.start_s, word.end_s) for word in run for token in tokens(word.text)]
    if not rows:
        return []
    words, starts, ends = zip(*rows, strict=True)
    text = " ".join(w.text for w in run)
    asks = run[-1].text.rstrip("\"'»”").endswith("?")
    return [Clause("speech_transcription", text, run[0].start_s, run[-1].end_s, words, starts, ends, language, asks, opens=opens)]


def _parts(source: str, text: str, start_s: float, end_s: float, language: str | None, role: str | None = None) -> list[Clause]:
    """Clauses of a text all of whose words have one time."""
    out: list[Clause] = []
    for part in PARTS.split(text):
        words = tuple(fold(t) for t in tokens(part))
        if words:
            n, asks = len(words), part.rstrip("\"'»” ").endswith("?")
            times = (start_s,) * n, (end_s,) * n
            out.append(Clause(source, part, start_s, end_s, words, *times, language, asks, role, opens=not out))
    return out


def _written(evidence: Evidence) -> list[Clause]:
    out: list[Clause] = []
    run: list[Text] = []
    for text in sorted(evidence.overlays.items, key=lambda t: (t.start_s, t.end_s)):
        short = len(tokens(text.text)) <= FEW_WORDS
        if run and not (short and -0.1 <= text.start_s - run[-1].end_s <= NEXT_S):
            out += _line(run)
            run = []
        if short:
            run.append(text)
        else:
            out += _line([text])
    return out + _line(run)


def _line(run: list[Text]) -> list[Clause]:
    """One caption, or several of a word or two as the line that they are. What a text says need not be in the language that is spoken."""
    if len(run) < 2:
        return [c for t in run for c in _parts("text_overlay", t.text, t.start_s, t.end_s, None, t.role)]
    rows = [(fold(token), text.start_s, text.end_s) for text in run for token in tokens(text.text)]
    if not rows:
        return []
    words, starts, ends = zip(*rows, strict=True)
    text = " ".join(t.text for t in run)
    return [
        Clause(
            "text_overlay",
            text,
            run[0].start_s,
            run[-1].end_s,
            words,
            starts,
            ends,
            None,
            run[-1].text.endswith("?"),
            run[0].role,
            opens=True,
        )
    ]
