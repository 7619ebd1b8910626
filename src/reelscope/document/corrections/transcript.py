"""The transcript as corrected: which words are shown, and when."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from reelscope.document.corrections.items import Said
from reelscope.document.corrections.resolve import Stand
from reelscope.document.corrections.shapes import Correction
from reelscope.document.corrections.words import pieces
from reelscope.timebase import round_s

__all__ = ["Shown", "shown_words"]


@dataclass(frozen=True, slots=True)
class Shown:
    """A word as it is shown.

    Attributes:
        segment: Index of the segment in which it is. first, after: the measured words that it stands for.
        correction: What it comes from; None for a measured word.
        shared: Whether its times are a part of what was measured for other words.
    """

    segment: int
    start_s: float
    end_s: float
    text: str
    language: str | None
    first: int
    after: int
    correction: Correction | None = None
    shared: bool = False


def shown_words(words: Sequence[Said], stands: Iterable[Stand]) -> list[Shown]:
    """All words of the transcript in its order, the corrected ones in place of those that were measured."""
    begin = {s.indices[0]: s for s in stands if s.correction.kind == "word" and s.indices and not s.agreed}
    out: list[Shown] = []
    i = 0
    while i < len(words):
        stand = begin.get(i)
        if stand is None:
            w = words[i]
            out.append(Shown(w.segment, w.start_s, w.end_s, w.text, w.language, i, i + 1))
            i += 1
            continue
        after = i + len(stand.indices)
        out += _instead(words, i, after, stand.correction)
        i = after
    return out


def _instead(words: Sequence[Said], first: int, after: int, correction: Correction) -> list[Shown]:
    """The words of a correction. As many as were measured take their times; else the time of all is shared out by letters."""
    old = words[first:after]
    new = pieces(correction.now, old[0].language)
    if len(new) == len(old):
        return [Shown(w.segment, w.start_s, w.end_s, text, w.language, first, after, correction) for w, text in zip(old, new, strict=True)]
    start, end = old[0].start_s, max(w.end_s for w in old)
    whole = sum(map(len, new))
    edges = [start]
    for text in new:
        edges.append(edges[-1] + (end - start) * len(text) / whole)
    edges[-1:] = [end] if new else []
    out = []
    for k, text in enumerate(new):
        segment = old[k * len(old) // len(new)].segment
        out.append(Shown(segment, round_s(edges[k]), round_s(edges[k + 1]), text, old[0].language, first, after, correction, shared=True))
    return out
