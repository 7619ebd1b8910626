"""Putting claims together, and what would come of it by chance."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from reelscope.analyzers.cross_analyzer_intelligence._result import Claim, ClaimName, Clue
from reelscope.document.evidence import Channel
from reelscope.timebase import Interval, merge

__all__ = ["STEP_S", "TURNS", "Found", "Turns", "claim", "clip_spans", "cells", "turned"]

MOST_EVIDENCE = 12
TURNS = 48  # even turns of one channel against the other: chance is then known to 2 %
# Chance is counted in cells of this length, as bits of one number for the whole clip: half a hundred turns of an hour take a millisecond.
STEP_S = 0.05


@dataclass(slots=True)
class Found:
    """Claims that were examined, and why others could not be."""

    claims: list[Claim] = field(default_factory=list)
    not_measured: dict[str, str] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)

    def lacks(self, names: Sequence[ClaimName], *channels: Channel) -> bool:
        """Whether a channel is missing; the claims then say which."""
        reason = next((c.lack.reason for c in channels if c.lack is not None), None)
        if reason is not None:
            self.not_measured |= dict.fromkeys(names, reason)
        return reason is not None


def claim(
    name: ClaimName,
    span: Interval,
    *,
    holds: bool,
    strength: float | None,
    evidence: Sequence[Clue] = (),
    chance: float | None = None,
    reason: str | None = None,
    subject: str | None = None,
    figures: Mapping[str, float | None] | None = None,
) -> Claim:
    """A claim with its evidence in order, cut to what a document holds."""
    rows = sorted(evidence, key=lambda c: c.t_s)
    return Claim(
        start_s=span[0], end_s=span[1], claim=name, holds=holds, strength=strength, chance=chance, subject=subject,
        figures=dict(figures or {}), reason=None if holds else reason, evidence=rows[:MOST_EVIDENCE], evidence_total=len(rows),
    )  # fmt: skip


def turned(intervals: Sequence[Interval], duration_s: float, by_s: float) -> list[Interval]:
    """Intervals moved in time by `by_s`, what leaves the clip at its end coming in again at its start."""
    out: list[Interval] = []
    for start, end in intervals:
        a = (start + by_s) % duration_s
        b = a + (end - start)
        out += [(a, min(b, duration_s))] + ([(0.0, b - duration_s)] if b > duration_s else [])
    return merge(out)


def cells(intervals: Sequence[Interval], duration_s: float) -> int:
    """Intervals as bits: the cells of STEP_S whose edges, rounded, they cover; the first cell is the lowest bit."""
    count = _count(duration_s)
    out = 0
    for start, end in intervals:
        first, last = (min(max(round(t / STEP_S), 0), count) for t in (start, end))
        out |= ((1 << (last - first)) - 1) << first
    return out


def _count(duration_s: float) -> int:
    return max(1, round(duration_s / STEP_S))


class Turns:
    """A channel turned in time by k / TURNS of the clip, as cells; the turn by nothing left out, none for an empty clip.

    A turn keeps what a channel is like (how much of it there is, in how long pieces) and takes away what it has to do with the others.
    """

    def __init__(self, intervals: Sequence[Interval], duration_s: float) -> None:
        self.count = _count(duration_s)
        bits, full = cells(intervals, duration_s), (1 << self.count) - 1
        by = (self.count * k // TURNS for k in range(1, TURNS)) if duration_s > 0 else ()
        self.masks = [(bits << n | bits >> (self.count - n)) & full for n in by]

    def rate(self, holds: Sequence[bool]) -> float | None:
        """Share of the turns for which a rule holds; None without any."""
        return sum(holds) / len(holds) if holds else None


def clip_spans(intervals: Sequence[Interval], source: str, what: str) -> list[Clue]:
    """Intervals as evidence."""
    return [Clue(source=source, what=what, t_s=a, end_s=b) for a, b in intervals]
