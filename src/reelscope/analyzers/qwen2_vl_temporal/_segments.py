"""Cutting a clip into segments and choosing the frames that are shown of each. Pure: pictures are whatever the caller hands in.

The grid is fixed: `[k * segment_s, (k + 1) * segment_s)` on the clip's clock, whatever cuts lie in it. A model is told of nothing that it
does not see, so it is not told of cuts either; which shot a segment belongs to is the merge's business (reelscope.document.merge).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

__all__ = ["MIN_TAIL_S", "Cutter", "SegmentFrames", "spread"]

P = TypeVar("P")

MIN_TAIL_S = 0.5  # a shorter rest at the end joins the segment before it: four frames tell little, and cost as much as sixteen
HELD = 4  # times the frames shown are held of a segment at most, where a setting samples more than the backend asks for
EPSILON_S = 1e-6  # times have six decimals


@dataclass(frozen=True, slots=True)
class SegmentFrames(Generic[P]):
    """One segment as it is shown.

    Attributes:
        index: From 0, in order; segments without any picture have none.
        start_s, end_s: Half-open.
        times_s, pictures: Frames shown, in order. A segment in which no frame begins shows the one that stands.
        before: The picture right before the segment; None for the first.
    """

    index: int
    start_s: float
    end_s: float
    times_s: tuple[float, ...]
    pictures: tuple[P, ...]
    before: P | None


def spread(times_s: Sequence[float], start_s: float, end_s: float, count: int) -> list[int]:
    """Which of the frames to show: `count` of them, as even in time as they lie; all where there are no more.

    Args:
        times_s: Strictly increasing, within the interval.

    Returns:
        Indices, increasing. For each of `count` equal parts of the interval the frame nearest its middle that was not taken yet and
        leaves enough for the parts that follow.
    """
    total = len(times_s)
    if total <= count:
        return list(range(total))
    step = (end_s - start_s) / count
    chosen: list[int] = []
    for k in range(count):
        first = chosen[-1] + 1 if chosen else 0
        middle = start_s + (k + 0.5) * step
        chosen.append(min(range(first, total - (count - k) + 1), key=lambda i: (abs(times_s[i] - middle), i)))
    return chosen


class Cutter(Generic[P]):
    """Collects frames as they come and gives out segments once nothing can change them any more.

    Args:
        segment_s: Length of the grid. frames: shown of each segment at most.
    """

    def __init__(self, segment_s: float, frames: int) -> None:
        self._segment_s, self._frames = segment_s, frames
        self._slot = 0
        self._times: list[float] = []
        self._pictures: list[P] = []
        self._standing: P | None = None  # the last frame of the segment given out last
        self._waiting: tuple[int, list[float], list[P], P | None] | None = None  # complete, unless a short tail joins it
        self._given = 0

    def add(self, t_s: float, picture: P) -> list[SegmentFrames[P]]:
        """Take a frame; times increase. Returns the segments that are complete now, in order."""
        out: list[SegmentFrames[P]] = []
        slot = max(self._slot, int((t_s + EPSILON_S) // self._segment_s))
        while self._slot < slot:
            out += self._close_slot()
        self._times.append(t_s)
        self._pictures.append(picture)
        if len(self._times) > HELD * self._frames:
            self._thin(2 * self._frames)
        if self._waiting is not None and t_s - self._slot * self._segment_s >= MIN_TAIL_S:
            out += self._give_waiting()
        return out

    def end(self, duration_s: float) -> list[SegmentFrames[P]]:
        """The clip is over. Returns the segments that are left."""
        out: list[SegmentFrames[P]] = []
        # slots in which a frame only stands: at the end of a clip whose last frame lasts
        while (self._slot + 1) * self._segment_s + MIN_TAIL_S <= duration_s + EPSILON_S:
            out += self._close_slot()
        if duration_s - self._slot * self._segment_s < MIN_TAIL_S - EPSILON_S and self._waiting is not None:
            slot, times, pictures, before = self._waiting
            self._waiting = (slot, times + self._times, pictures + self._pictures, before)
        elif self._times or (self._standing_now() is not None and duration_s > self._slot * self._segment_s + EPSILON_S):
            out += self._close_slot()
        return out + self._give_waiting(until_s=duration_s)

    def _standing_now(self) -> P | None:
        """The picture that is on the screen when the current slot begins."""
        return self._waiting[2][-1] if self._waiting is not None else self._standing

    def _close_slot(self) -> list[SegmentFrames[P]]:
        out = self._give_waiting()
        times, pictures = self._times, self._pictures
        if not times and self._standing is not None:
            times, pictures = [self._slot * self._segment_s], [self._standing]
        if times:
            self._waiting = (self._slot, times, pictures, self._standing)
        self._slot += 1
        self._times, self._pictures = [], []
        return out

    def _give_waiting(self, until_s: float | None = None) -> list[SegmentFrames[P]]:
        if self._waiting is None:
            return []
        slot, times, pictures, before = self._waiting
        self._waiting = None
        # the first picture may come late; before it there is nothing to see
        start_s = max(slot * self._segment_s, times[0]) if before is None else slot * self._segment_s
        end_s = (slot + 1) * self._segment_s if until_s is None else until_s
        end_s = max(end_s, times[-1])  # a container may say less than was decoded
        chosen = spread(times, start_s, end_s, self._frames)
        self._standing = pictures[-1]
        made = SegmentFrames(
            self._given, start_s, end_s, tuple(times[i] for i in chosen), tuple(pictures[i] for i in chosen), before
        )  # fmt: skip
        self._given += 1
        return [made]

    def _thin(self, count: int) -> None:
        start_s = self._slot * self._segment_s
        chosen = spread(self._times, start_s, start_s + self._segment_s, count)
        self._times = [self._times[i] for i in chosen]
        self._pictures = [self._pictures[i] for i in chosen]
