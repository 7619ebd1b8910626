"""Turned squares of a picture: cut them out for a model, and bring its points back."""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np

__all__ = ["Roi", "crop", "roi_of", "to_picture"]


@dataclass(frozen=True, slots=True)
class Roi:
    """A square in pixels: its centre, its side, and its turn in radians (positive: clockwise as seen, y points down)."""

    cx: float
    cy: float
    side: float
    angle: float = 0.0


def roi_of(points: np.ndarray, right: np.ndarray, left: np.ndarray, scale: float) -> Roi:
    """The square about points that stands level with a line, its side the longer side of the points' box there times `scale`.

    Args:
        points: float [n, 2], pixels.
        right, left: float [2], ends of the line: the subject's right end (left in the picture) first.
    """
    dx, dy = (np.asarray(left, float) - np.asarray(right, float)).tolist()
    angle = math.atan2(dy, dx)
    c, s = math.cos(angle), math.sin(angle)
    level = np.asarray(points, float) @ np.array([[c, -s], [s, c]])  # turned by -angle
    low, high = level.min(axis=0), level.max(axis=0)
    mx, my = ((low + high) / 2).tolist()
    return Roi(mx * c - my * s, mx * s + my * c, float((high - low).max()) * scale, angle)


def crop(rgb: np.ndarray, roi: Roi, size: int, *, mirror: bool = False) -> np.ndarray:
    """The square as a picture: uint8 [size, size, 3]; what lies outside the picture is black.

    Args:
        rgb: uint8 [h, w, 3].
        mirror: Whether left and right change sides.
    """
    return cv2.warpAffine(rgb, _matrix(roi, size, mirror=mirror), (size, size), flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP)


def to_picture(points: np.ndarray, roi: Roi, size: int, *, mirror: bool = False) -> np.ndarray:
    """Points of the cut square back in the picture's pixels; a third coordinate is brought to the same scale.

    Args:
        points: float [n, 2 or 3], pixels of the cut square, 0 to size.
    """
    matrix = _matrix(roi, size, mirror=mirror)
    points = np.asarray(points, np.float32)
    out = points.copy()
    out[:, :2] = points[:, :2] @ matrix[:, :2].T + matrix[:, 2]
    if points.shape[1] > 2:
        out[:, 2] = points[:, 2] * (roi.side / size)
    return out


def _matrix(roi: Roi, size: int, *, mirror: bool) -> np.ndarray:
    """float64 [2, 3]: from the cut square's pixels to the picture's."""
    k = roi.side / size
    c, s = math.cos(roi.angle) * k, math.sin(roi.angle) * k
    flip = -1.0 if mirror else 1.0
    turn = np.array([[c * flip, -s], [s * flip, c]])
    middle = turn @ np.array([size / 2, size / 2])
    return np.hstack([turn, [[roi.cx - middle[0]], [roi.cy - middle[1]]]])
