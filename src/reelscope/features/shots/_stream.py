"""Frames in, transitions out, with bounded memory."""

from __future__ import annotations

from collections import deque

import numpy as np

from reelscope.features.shots import _gradual
from reelscope.features.shots._decide import CutCandidate, GradualCandidate, choose_cuts, combine
from reelscope.features.shots._evidence import LOOK_AROUND, NAMES, evidence, worth_a_look
from reelscope.features.shots._measure import FrameMeter, FrameRow
from reelscope.features.shots._model import probability
from reelscope.features.shots._same import same_take
from reelscope.features.shots._types import Transition

__all__ = ["ShotStream"]

# Samples of the gradual search: at most this many a second (two frames of 60, every frame of 30), see _gradual.SPANS.
SAMPLE_RATE_HZ = 31.0
# The gradual search works on stretches of this length; a transition is taken once this much of the clip after it is known, which is also
# how far back the next stretch begins: longer than the longest transition looked for (4 s).
STRETCH_S = 30.0
SETTLED_S = 5.0
# A candidate below this is not kept: it can never become a cut.
KEEP_PROBABILITY = 0.2
# Mean luma change of 0.1 (as `raw_before` and `raw_after` have it): repeated frames, not a tripod, whose sensor noise alone makes 0.3
# and more.
HELD_LOG_RAW = -0.9
# Figures that stand in the document with each cut.
SHOWN = ("raw_ratio", "flow_jump_ratio", "hist", "ncc", "revert")


class ShotStream:
    """Takes the frames of one clip after the other; holds 17 frames' figures and 14 s of thumbnails (luma, 18 x 32)."""

    def __init__(self) -> None:
        self._meter = FrameMeter()
        self.begin()

    def begin(self) -> None:
        """Forget the last clip."""
        self._size: tuple[int, int] | None = None
        self._rows: deque[FrameRow] = deque(maxlen=2 * LOOK_AROUND + 1)
        self._count = 0
        self._first_s = 0.0
        self._cuts: list[CutCandidate] = []
        self._gradual: list[GradualCandidate] = []
        self._pts: list[float] = []
        self._thumbs: list[np.ndarray] = []

    def add(self, rgb: np.ndarray, pts_s: float) -> None:
        """Take the next frame, uint8 [h, w, 3]."""
        size = (rgb.shape[1], rgb.shape[0])
        if size != self._size:
            self._meter.begin(*size)
            self._size = size
        row = self._meter.measure(rgb, pts_s)
        if not self._rows:
            self._first_s = pts_s
        self._rows.append(row)
        self._count += 1
        if self._count > LOOK_AROUND:
            self._look(len(self._rows) - 1 - LOOK_AROUND)
        if not self._pts or pts_s - self._pts[-1] >= 1 / SAMPLE_RATE_HZ:
            self._pts.append(pts_s)
            self._thumbs.append(row.thumb)
            if pts_s - self._pts[0] >= STRETCH_S:
                self._search(last=False)

    def end(self) -> tuple[Transition, ...]:
        """All transitions of the clip."""
        for i in range(max(0, len(self._rows) - min(LOOK_AROUND, self._count)), len(self._rows)):
            self._look(i)
        self._search(last=True)
        cuts = choose_cuts(self._cuts, self._first_s, self._rows[-1].pts_s) if self._rows else []
        return combine(cuts, self._gradual)

    def _look(self, i: int) -> None:
        rows = self._rows
        if i < 1 or not worth_a_look(rows, i):
            return
        figures = evidence(rows, i)
        p = probability(figures)
        if p < KEEP_PROBABILITY:
            return
        at = dict(zip(NAMES, figures.tolist(), strict=True))
        same = same_take(rows[i - 1].thumb, rows[i].thumb, at["hist"])
        held = max(at["raw_before"], at["raw_after"]) < HELD_LOG_RAW
        shown = tuple((k, round(at[k], 4)) for k in SHOWN)
        self._cuts.append(CutCandidate(rows[i].pts_s, p, same, shown, held))

    def _search(self, *, last: bool) -> None:
        if len(self._pts) < 2:
            return
        now = self._pts[-1]
        settled = now if last else now - SETTLED_S
        for f in _gradual.scan(np.array(self._pts), np.stack(self._thumbs)):
            if f.end_s <= settled and all(f.start_s >= g.end_s for g in self._gradual):
                self._gradual.append(GradualCandidate(f.kind, max(f.start_s, 0.0), f.end_s, f.variant, f.cost, f.figures))
        if not last:
            keep = next(i for i, t in enumerate(self._pts) if t >= settled - SETTLED_S)
            del self._pts[:keep], self._thumbs[:keep]
