"""Time: pts to seconds on the clip's presentation clock, and arithmetic on half-open intervals `[start_s, end_s)`."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence
from fractions import Fraction

__all__ = ["Interval", "clip_to", "coverage", "intersect", "meeting", "merge", "overlap_s", "round_s", "seconds", "subtract", "total_s"]

Interval = tuple[float, float]

SECONDS_DECIMALS = 6  # a microsecond: finer than any stream's time base, coarse enough for exact JSON round trips


def seconds(pts: int, time_base: Fraction, origin: Fraction = Fraction(0)) -> float:
    """Seconds of `pts` on the clock whose zero is `origin` (seconds), exact until the last rounding."""
    return float(round(pts * time_base - origin, SECONDS_DECIMALS))


def round_s(value: float) -> float:
    """Round seconds as they stand in the document (6 decimals)."""
    return round(float(value), SECONDS_DECIMALS)


def overlap_s(a: Interval, b: Interval) -> float:
    """Length of the intersection of two intervals in seconds (0.0 where they only touch)."""
    return max(0.0, min(a[1], b[1]) - max(a[0], b[0]))


def merge(intervals: Iterable[Interval], gap_s: float = 0.0) -> list[Interval]:
    """Union of intervals as a sorted list without overlap; neighbours at most `gap_s` apart become one. Empty ones vanish."""
    out: list[Interval] = []
    for start, end in sorted(i for i in intervals if i[1] > i[0]):
        if out and start - out[-1][1] <= gap_s:
            out[-1] = (out[-1][0], max(out[-1][1], end))
        else:
            out.append((start, end))
    return out


def intersect(a: Iterable[Interval], b: Iterable[Interval]) -> list[Interval]:
    """Intersection of two unions of intervals."""
    left, right = merge(a), merge(b)
    out: list[Interval] = []
    i = j = 0
    while i < len(left) and j < len(right):
        start, end = max(left[i][0], right[j][0]), min(left[i][1], right[j][1])
        if end > start:
            out.append((start, end))
        if left[i][1] <= right[j][1]:
            i += 1
        else:
            j += 1
    return out


def subtract(a: Iterable[Interval], b: Iterable[Interval]) -> list[Interval]:
    """What of `a` is not in `b`."""
    holes = merge(b)
    out: list[Interval] = []
    for start, end in merge(a):
        for hole_start, hole_end in meeting(holes, (start, end)):
            if hole_start > start:
                out.append((start, hole_start))
            start = max(start, hole_end)
        if start < end:
            out.append((start, end))
    return out


def meeting(union: Sequence[Interval], within: Interval) -> Sequence[Interval]:
    """Those of a union (in order, none over another, as `merge` gives it) that meet a stretch; looked up, since an hour has thousands."""
    first = bisect_right(union, within[0], key=lambda s: s[1])
    return union[first : bisect_left(union, within[1], lo=first, key=lambda s: s[0])]


def clip_to(intervals: Iterable[Interval], bounds: Interval) -> list[Interval]:
    """Intervals cut to `bounds`."""
    return intersect(intervals, [bounds])


def total_s(intervals: Iterable[Interval]) -> float:
    """Length of the union in seconds."""
    return sum(end - start for start, end in merge(intervals))


def coverage(intervals: Iterable[Interval], duration_s: float) -> float:
    """Share (0-1) of `[0, duration_s)` that the union covers."""
    return min(1.0, total_s(clip_to(intervals, (0.0, duration_s))) / duration_s) if duration_s > 0 else 0.0
