"""Global motion of the picture, frame to frame: what the camera does once subjects are left out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from reelscope.features.base import Clip, Feature, FeatureSpec, Inputs, LoadContext
from reelscope.media.frames import EVERY_FRAME, Window

if TYPE_CHECKING:
    import numpy as np

    from reelscope.features._motion_fit import Span

__all__ = ["FEATURE", "Motion", "MotionFeature"]

MAX_PAIRS_PER_S = 30.0
MIN_STEP_S = 1 / MAX_PAIRS_PER_S - 0.004  # 4 ms of slack: at 29.97 or 30 fps with rounded pts no frame may fall out


@dataclass(frozen=True, slots=True)
class Motion:
    """One row per pair of frames that follow each other; all arrays are float64 [n], in time order.

    The picture's motion, not the camera's: a camera that pans left moves the picture right. Each pair is a similarity about the picture's
    centre. Pairs are measured across cuts too (their inliers are low, or their motion is nonsense): consumers leave out those that
    touch a transition.

    Attributes:
        t_s, dt_s: Time of the later frame; distance to the earlier one. The pair spans [t_s - dt_s, t_s].
        dx, dy: Translation of the picture's centre in frame widths; right and down are positive. NaN where nothing could be fitted.
        log_scale: Natural log of the scale; positive: content grows.
        rot: Turn in radians, positive: the picture turns clockwise.
        inliers: Share (0-1) of the tracked corners that follow the fit; 0 where there is none. Corners near the edge count more.
        residual: RMS distance of those corners from the fit, frame widths.
        local_motion: Mean speed of all corners relative to the fit, frame widths per second: how much moves besides the camera.
        height_fw: Height of the picture in frame widths.
    """

    t_s: np.ndarray
    dt_s: np.ndarray
    dx: np.ndarray
    dy: np.ndarray
    log_scale: np.ndarray
    rot: np.ndarray
    inliers: np.ndarray
    residual: np.ndarray
    local_motion: np.ndarray
    height_fw: float

    def __post_init__(self) -> None:
        if len({len(getattr(self, name)) for name in COLUMNS}) != 1:
            raise ValueError("the arrays of Motion differ in length")

    def __len__(self) -> int:
        return len(self.t_s)


COLUMNS = ("t_s", "dt_s", "dx", "dy", "log_scale", "rot", "inliers", "residual", "local_motion")


def assemble(spans: Sequence[Span], width_px: int, height_px: int) -> Motion:
    """The camera's candidate of each span, in the units of Motion."""
    import numpy as np

    from reelscope.features import _motion_fit as fit

    rows = [np.zeros((0, len(COLUMNS)))]
    for span, pick in zip(spans, fit.choose(spans, width_px, float(np.hypot(width_px, height_px) / np.sqrt(12))), strict=True):
        t, dt = span.t_s[1:], np.diff(span.t_s)
        block = np.full((len(t), len(COLUMNS)), np.nan)
        block[:, 0], block[:, 1], block[:, 6] = t, dt, 0.0
        if pick is not None:
            c = span.candidates[pick]
            if c.spread < fit.MIN_SPREAD:
                rows.append(block)
                continue
            block[:, 2:6] = c.pairs / np.array([width_px, width_px, 1, 1])
            block[:, 6], block[:, 7], block[:, 8] = c.share, c.residual_px / width_px, c.local_px / width_px / dt
        rows.append(block)
    table = np.concatenate(rows)
    return Motion(**dict(zip(COLUMNS, (np.ascontiguousarray(c) for c in table.T), strict=True)), height_fw=height_px / width_px)


class MotionFeature(Feature[Motion]):
    """Streams pairs of small frames through `Tracker`; keeps a few numbers per pair and two small frames."""

    spec: ClassVar[FeatureSpec] = FeatureSpec("motion", version=1, packages=("cv2",), frames=(EVERY_FRAME,), cost=0.04)

    def load(self, ctx: LoadContext) -> None:
        super().load(ctx)
        import cv2

        from reelscope.features._motion_fit import Tracker

        self._cv2 = cv2
        self._tracker = Tracker(cv2)
        self._start()

    def begin(self, clip: Clip) -> None:
        self._start()

    def _start(self) -> None:
        self._tracker.reset()
        self._last_t: float | None = None
        self._size = (1, 1)

    def feed(self, window: Window) -> Any:
        frames = window.frames(self.frames[0])
        for rgb, t in zip(frames.pixels, frames.pts_s.tolist(), strict=True):
            if self._last_t is not None and t - self._last_t < MIN_STEP_S:
                continue
            self._tracker.feed(self._cv2.cvtColor(rgb, self._cv2.COLOR_RGB2GRAY), t)
            self._last_t = t
        if len(frames):
            self._size = (frames.pixels.shape[2], frames.pixels.shape[1])
        return None

    def finish(self, inputs: Inputs) -> Motion:
        return assemble(self._tracker.finish(), *self._size)

    def close(self) -> None:
        self._tracker = None  # type: ignore[assignment]


FEATURE = MotionFeature
