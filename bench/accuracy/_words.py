"""Error rates of a transcript: words and characters in their compared form (reelscope.document.measures.words.tokens)."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass

from reelscope.document.measures.words import align, edit_distance, tokens

__all__ = ["Errors", "TimedWord", "characters", "edge_errors", "median", "words"]


@dataclass(frozen=True, slots=True)
class Errors:
    """Insertions, deletions and substitutions together, against units of the truth."""

    wrong: int
    units: int

    @property
    def rate(self) -> float | None:
        """Errors per unit of the truth; above 1 where more was put in than there is. None without truth."""
        return self.wrong / self.units if self.units else None

    def __add__(self, other: Errors) -> Errors:
        return Errors(self.wrong + other.wrong, self.units + other.units)


@dataclass(frozen=True, slots=True)
class TimedWord:
    """A word of a transcript with its time."""

    start_s: float
    end_s: float
    text: str


def words(truth: str, heard: str) -> Errors:
    """Words that differ (WER)."""
    return Errors(edit_distance(tokens(truth), tokens(heard)), len(tokens(truth)))


def characters(truth: str, heard: str) -> Errors:
    """Characters that differ, blanks between words counted (CER)."""
    a, b = (" ".join(tokens(text)) for text in (truth, heard))
    return Errors(edit_distance(a, b), len(a))


def edge_errors(phrases: Sequence[tuple[float, float, str]], heard: Sequence[TimedWord]) -> list[float]:
    """How far the first word of each phrase starts from where the phrase starts, and the last ends from where it ends, in seconds.

    Words are found by aligning all that was heard with all that was said; an edge whose word was not heard as it was said is left out.

    Args:
        phrases: (start_s, end_s, text) in order.
    """
    said = [tokens(text) for _, _, text in phrases]
    plain = [(word, t) for word in heard for t in tokens(word.text)]
    flat = [t for phrase in said for t in phrase]
    found = {i: plain[j][0] for i, j in align(flat, [t for _, t in plain]) if i is not None and j is not None and flat[i] == plain[j][1]}
    out, at = [], 0
    for (start, end, _), phrase in zip(phrases, said, strict=True):
        if phrase and (first := found.get(at)) is not None:
            out.append(abs(first.start_s - start))
        if phrase and (last := found.get(at + len(phrase) - 1)) is not None:
            out.append(abs(last.end_s - end))
        at += len(phrase)
    return out


def median(values: Sequence[float]) -> float | None:
    """Median; None of nothing."""
    return statistics.median(values) if values else None
