"""A line of the accuracy table, and matching of detections to truth."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

__all__ = ["Context", "Counts", "Row", "match"]

A = TypeVar("A")
B = TypeVar("B")


@dataclass(frozen=True, slots=True)
class Context:
    """Where a measurement reads and writes. `media` is None where ../shared/media does not exist; `quick` asks for a tenth of n."""

    media: Path | None
    work: Path
    quick: bool = False


@dataclass(frozen=True, slots=True)
class Counts:
    """True positives, false positives, false negatives."""

    tp: int
    fp: int
    fn: int

    @property
    def f1(self) -> float | None:
        """Harmonic mean of precision and recall; None where there is neither truth nor detection."""
        total = 2 * self.tp + self.fp + self.fn
        return 2 * self.tp / total if total else None

    def __add__(self, other: Counts) -> Counts:
        return Counts(self.tp + other.tp, self.fp + other.fp, self.fn + other.fn)


@dataclass(frozen=True, slots=True)
class Row:
    """One measured figure.

    Attributes:
        analyzer: Name of the analyzer.
        measure: What was measured, on what.
        n: How many trials, segments or clips; counts: TP, FP, FN where they apply.
        value: The figure; None for `no truth`. goal: what it should be, as text ("F1 >= 0.95"). met: whether it is.
        reference: The same figure for another tool, by its name, where one is in the table.
        note: Why there is no truth, or what else to know.
    """

    analyzer: str
    measure: str
    n: int = 0
    value: float | None = None
    unit: str = ""
    goal: str = ""
    met: bool | None = None
    counts: Counts | None = None
    reference: dict[str, float] | None = None
    note: str = ""


def match(found: Sequence[A], truth: Sequence[B], distance: Callable[[A, B], float], limit: float) -> Counts:
    """Greedy one-to-one matching by distance (closest pair first); pairs further apart than `limit` do not match."""
    pairs = sorted((distance(a, b), i, j) for i, a in enumerate(found) for j, b in enumerate(truth))
    used_a: set[int] = set()
    used_b: set[int] = set()
    for d, i, j in pairs:
        if d <= limit and i not in used_a and j not in used_b:
            used_a.add(i)
            used_b.add(j)
    return Counts(len(used_a), len(found) - len(used_a), len(truth) - len(used_b))
