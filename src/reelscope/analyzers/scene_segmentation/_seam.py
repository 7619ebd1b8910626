"""Where the clip begins again: how far its last frame is from its first, against what the picture changes in a tenth of a second there."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from reelscope.analyzers.color_analysis._oklab import srgb_to_oklab
from reelscope.analyzers.scene_segmentation._looks import layout_distance, look_of, palette_distance, reduce_frame
from reelscope.timebase import Interval

__all__ = ["Ends", "SeamFigures", "difference"]

STEP_S = 0.1  # three frames of 30: a loop that runs on makes one step of a frame, a jump within a take mostly more than this
SLACK_S = 0.005  # for rounded pts, so that no frame of a matching rate falls out
KEEP = 11  # a second of steps at each end


@dataclass(frozen=True, slots=True)
class SeamFigures:
    """The first and the last frame compared; distances as in `_looks`, `usual_*` None where an end has only one frame in its shot."""

    first_s: float
    last_s: float
    palette: float
    layout: float
    difference: float
    usual_first: float | None
    usual_last: float | None


class Ends:
    """Takes the frames of one clip and keeps 23 grids of it: the first second's, the last second's and the very last frame's."""

    def __init__(self) -> None:
        self._head: list[tuple[float, np.ndarray]] = []
        self._tail: deque[tuple[float, np.ndarray]] = deque(maxlen=KEEP)
        self._last: tuple[float, np.ndarray] | None = None

    def add(self, pixels: np.ndarray, pts_s: np.ndarray) -> None:
        """Take the next frames, uint8 [n, h, w, 3]."""
        for rgb, t_s in zip(pixels, pts_s.tolist(), strict=True):
            if self._tail and t_s - self._tail[-1][0] < STEP_S - SLACK_S:
                continue
            grid = reduce_frame(rgb)
            self._tail.append((t_s, grid))
            if len(self._head) < KEEP:
                self._head.append((t_s, grid))
        if len(pixels):
            self._last = float(pts_s[-1]), reduce_frame(pixels[-1])

    def compare(self, shots: Iterable[Interval]) -> SeamFigures | None:
        """The figures; None where the clip has fewer than two frames."""
        if self._last is None or not self._head or self._last[0] <= self._head[0][0]:
            return None
        (first_s, first), (last_s, last) = self._head[0], self._last
        a, b = look_of(first), look_of(last)
        shots = list(shots)
        return SeamFigures(
            first_s,
            last_s,
            palette_distance(a.palette, b.palette),
            layout_distance(a.grid, b.grid),
            difference(first, last),
            _usual(self._head, _shot_of(first_s, shots)),
            _usual(self._tail, _shot_of(last_s, shots)),
        )


def difference(a: np.ndarray, b: np.ndarray) -> float:
    """Root mean squared OKLab difference of two grids (uint8 [h, w, 3], sRGB) as they lie."""
    return float(np.sqrt(((srgb_to_oklab(a) - srgb_to_oklab(b)) ** 2).sum(axis=-1).mean()))


def _usual(grids: Iterable[tuple[float, np.ndarray]], shot: Interval) -> float | None:
    """Median difference from one grid to the next within a shot."""
    inside = [grid for t_s, grid in grids if shot[0] <= t_s < shot[1]]
    steps = [difference(a, b) for a, b in zip(inside, inside[1:], strict=False)]
    return float(np.median(steps)) if steps else None


def _shot_of(t_s: float, shots: list[Interval]) -> Interval:
    """The shot in which a moment lies; the nearest end of them where rounding left it outside."""
    return next((s for s in shots if s[0] <= t_s < s[1]), (shots[-1][0], t_s + 1) if shots else (t_s, t_s + 1))
