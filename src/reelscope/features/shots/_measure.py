"""What one frame is next to the frame before it: maps of cells, small enough to keep a few seconds of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np

__all__ = ["CELL_PX", "WORK_SHORT_PX", "FrameMeter", "FrameRow"]

# Half of the 180 px that arrive: noise and interlacing remnants average out, and the optical flow of a frame takes 0.5 ms instead of 2.
WORK_SHORT_PX = 90
# Nine cells across the short side: a head in a medium shot spans about three of them, a caption line about one row.
CELL_PX = 10
# Longest side worked on, for strips such as 16 x 1000.
WORK_LONG_PX = 320
THUMB_PX = 5
HIST_BINS = 8


@dataclass(slots=True)
class FrameRow:
    """One frame's figures; maps are float32 [rows, cols] over cells of 10 x 10 px of the 90 px picture, values of luma 0-255.

    Attributes:
        pts_s: Its time.
        raw: Mean absolute luma difference to the frame before.
        residual: The same after motion compensation and without the change of each cell's own brightness.
        u, v: Optical flow to the frame before, px of the 90 px picture.
        edge: Mean gradient magnitude.
        gain, loss: Mean gradient magnitude that came and went (after motion compensation).
        glare: Share of pixels that changed by more than 50 and are or were near white, as ink and boxes of captions are.
        thumb: Luma over cells of 5 x 5 px.
        hist: 8 x 8 x 8 RGB histogram, square roots of shares, so that a dot product is the Bhattacharyya coefficient.
        mean, std: Of luma.
    """

    pts_s: float
    raw: np.ndarray
    residual: np.ndarray
    u: np.ndarray
    v: np.ndarray
    edge: np.ndarray
    gain: np.ndarray
    loss: np.ndarray
    glare: np.ndarray
    thumb: np.ndarray
    hist: np.ndarray
    mean: float
    std: float


class FrameMeter:
    """Measures frames of one clip one after the other; holds one frame."""

    def __init__(self) -> None:
        self._flow: Any = cv2.DISOpticalFlow_create(cv2.DISOPTICAL_FLOW_PRESET_ULTRAFAST)  # type: ignore[attr-defined]
        self._flow.setFinestScale(1)
        self._last: tuple[Any, Any] | None = None

    def begin(self, width_px: int, height_px: int) -> None:
        """Forget the last clip; the size of the frames to come."""
        scale = WORK_SHORT_PX / min(width_px, height_px)
        self.cols, self.rows = (max(9, min(WORK_LONG_PX // CELL_PX, round(side * scale / CELL_PX))) for side in (width_px, height_px))
        self.size = (self.cols * CELL_PX, self.rows * CELL_PX)
        self._grid: Any = np.stack(np.meshgrid(np.arange(self.size[0]), np.arange(self.size[1])), -1).astype(np.float32)
        self._last = None

    def measure(self, rgb: np.ndarray, pts_s: float) -> FrameRow:
        """Figures of one frame, uint8 [h, w, 3]; those against the frame before are zero for the first."""
        small = cv2.resize(rgb, self.size, interpolation=cv2.INTER_AREA)
        luma = cv2.cvtColor(small, cv2.COLOR_RGB2GRAY)
        gradient = _gradient(luma)
        codes: Any = np.right_shift(small[::3, ::3], 5)  # type: ignore[arg-type]
        index = (codes[..., 0].astype(np.intp) << 6) | (codes[..., 1].astype(np.intp) << 3) | codes[..., 2]
        hist = np.sqrt(np.bincount(index.ravel(), minlength=512).astype(np.float32) / index.size)
        thumb = cv2.resize(luma, (self.size[0] // THUMB_PX, self.size[1] // THUMB_PX), interpolation=cv2.INTER_AREA).astype(np.float32)
        zero = np.zeros((self.rows, self.cols), np.float32)
        mean, std = (float(x[0, 0]) for x in cv2.meanStdDev(luma))
        if self._last is None:
            row = FrameRow(pts_s, zero, zero, zero, zero, self._cells(gradient), zero, zero, zero, thumb, hist, mean, std)
        else:
            old, old_gradient = self._last
            flow = self._flow.calc(luma, old, None)
            where = self._grid + flow
            warped, warped_gradient = _warp(old, where), _warp(old_gradient, where)
            difference: Any = cv2.subtract(luma, warped, dtype=cv2.CV_32F)
            difference -= cv2.blur(difference, (CELL_PX, CELL_PX))
            absolute = cv2.absdiff(luma, old)
            changed, white = (cv2.threshold(p, at, 255, cv2.THRESH_BINARY)[1] for p, at in ((absolute, 50), (cv2.max(luma, old), 225)))
            strong = cv2.bitwise_and(changed, white)
            flow_cells = cv2.resize(flow, (self.cols, self.rows), interpolation=cv2.INTER_AREA)
            row = FrameRow(
                pts_s,
                self._cells(absolute),
                self._cells(np.abs(difference)),
                flow_cells[..., 0].copy(),
                flow_cells[..., 1].copy(),
                self._cells(gradient),
                self._cells(cv2.subtract(gradient, warped_gradient)),
                self._cells(cv2.subtract(warped_gradient, gradient)),
                self._cells(strong) / 255,
                thumb,
                hist,
                mean,
                std,
            )
        self._last = (luma, gradient)
        return row

    def _cells(self, picture: np.ndarray) -> np.ndarray:
        if picture.dtype == np.uint8:
            picture = picture.astype(np.float32)
        return cv2.resize(picture, (self.cols, self.rows), interpolation=cv2.INTER_AREA)


def _warp(picture: Any, where: Any) -> Any:
    return cv2.remap(picture, where, None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)  # type: ignore[call-overload]  # stub: map2


def _gradient(luma: np.ndarray) -> np.ndarray:
    """Gradient magnitude (L1, Scharr-free central differences) as uint8, saturated."""
    gx = cv2.convertScaleAbs(cv2.Sobel(luma, cv2.CV_16S, 1, 0), alpha=0.25)
    gy = cv2.convertScaleAbs(cv2.Sobel(luma, cv2.CV_16S, 0, 1), alpha=0.25)
    return cv2.add(gx, gy)
