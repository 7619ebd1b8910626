"""Pure parts: spreads, shares, goals, and tables as data."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

__all__ = ["Goal", "Part", "Table", "break_even", "less", "spread"]


@dataclass(frozen=True, slots=True)
class Goal:
    """A line that says whether a figure is good enough."""

    text: str
    met: bool

    def __str__(self) -> str:
        return f"{self.text}: {'met' if self.met else 'MISSED'}"


@dataclass(frozen=True, slots=True)
class Table:
    """A table as data; the first column is text, the others are figures."""

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]

    def __post_init__(self) -> None:
        wrong = [row for row in self.rows if len(row) != len(self.columns)]
        if wrong:
            raise ValueError(f"{self.title}: {len(self.columns)} columns, but a row of {len(wrong[0])}: {wrong[0]}")


@dataclass(slots=True)
class Part:
    """What a part of the benchmark found. figures: for the file; tables, notes and goals: for people."""

    name: str
    figures: dict[str, Any] = field(default_factory=dict)
    tables: list[Table] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    goals: list[Goal] = field(default_factory=list)


def spread(values: Sequence[float], digits: int = 2) -> str:
    """Median and range as they are printed; one value alone has no range."""
    if not values:
        raise ValueError("nothing was measured")
    middle = f"{statistics.median(values):.{digits}f}"
    return middle if len(values) == 1 else f"{middle} ({min(values):.{digits}f}-{max(values):.{digits}f})"


def less(now: float, before: float) -> float:
    """Share of the time that is saved, 0-1; below 0 where it takes longer."""
    if before <= 0:
        raise ValueError(f"nothing can be saved of {before} s")
    return 1 - now / before


def break_even(one: Sequence[tuple[float, float]], other: Sequence[tuple[float, float]]) -> float | None:
    """Length from which the other way takes less time than the one; None where it never does, 0 where it always does.

    Args:
        one, other: Two points (length, seconds) each; the seconds are taken to grow along the line through them.
    """
    (one_at, one_slope), (other_at, other_slope) = _line(one), _line(other)
    if other_slope >= one_slope:
        return 0.0 if other_at < one_at and other_slope == one_slope else None
    return max(0.0, (other_at - one_at) / (one_slope - other_slope))


def _line(points: Sequence[tuple[float, float]]) -> tuple[float, float]:
    """Seconds at length 0, and seconds for each unit of length."""
    (x0, y0), (x1, y1) = points
    slope = (y1 - y0) / (x1 - x0) if x1 != x0 else 0.0
    return y0 - slope * x0, slope
