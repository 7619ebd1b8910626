"""Global motion of the picture, frame to frame: what the camera does once subjects are left out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from reelscope.features.base import Clip, Feature, FeatureSpec, Inputs, LoadContext
from reelscope.media.frames import EVERY_FRAME, Window

if TYPE_CHECKING:
    import numpy as np

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


class MotionFeature(Feature[Motion]):
    """Streams pairs of small frames through `Tracker`; keeps nine numbers a pair and two small frames."""

    spec: ClassVar[FeatureSpec] = FeatureSpec("motion", version=1, packages=("cv2",), frames=(EVERY_FRAME,), cost=0.05)

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
        self._rows: list[tuple[float, ...]] = []
        self._last_t: float | None = None
        self._height_fw = 1.0

    def feed(self, window: Window) -> Any:
        frames = window.frames(self.frames[0])
        for rgb, t in zip(frames.pixels, frames.pts_s.tolist(), strict=True):
            if self._last_t is not None and t - self._last_t < MIN_STEP_S:
                continue
            gray = self._cv2.cvtColor(rgb, self._cv2.COLOR_RGB2GRAY)
            pair = self._tracker.feed(gray, t)
            if pair is not None and self._last_t is not None:
                dt = t - self._last_t
                m = (pair.dx, pair.dy, pair.log_scale, pair.rot, pair.inliers, pair.residual, pair.local_motion / dt)
                self._rows.append((t, dt, *m))
            self._last_t = t
            self._height_fw = gray.shape[0] / gray.shape[1]
        return None

    def finish(self, inputs: Inputs) -> Motion:
        import numpy as np

        table = np.array(self._rows, np.float64).reshape(-1, len(COLUMNS))
        return Motion(**dict(zip(COLUMNS, (np.ascontiguousarray(c) for c in table.T), strict=True)), height_fw=self._height_fw)

    def close(self) -> None:
        self._tracker = None  # type: ignore[assignment]


FEATURE = MotionFeature
