"""33 points of one person: MediaPipe's pose landmark model over a turned square of the picture (BlazePose, Bazarevsky et al. 2020)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import atan2, cos, hypot, pi, sin

import numpy as np

from reelscope.features.people._picture import Picture

__all__ = ["INPUT_PX", "POINTS", "Body", "Roi", "crop", "decode", "find", "roi_of"]

INPUT_PX = 256
POINTS = 33
AUXILIARY = (33, 34)  # outputs beside the 33 points: middle of the hips, point on the circle about the body
ROI_SCALE = 1.25  # published: the square is a quarter wider than the circle
SHARPER = 2 / 3  # the picture is halved from a factor of 3 on: single pixels that bilinear sampling leaves out below it do no harm
HEAT_PX = 64
HEAT_REACH = 3  # cells about a point that are looked at for its refinement (7 x 7, published)
HEAT_MIN = 0.5  # below it the heat map says nothing certain and the regressed point stays


@dataclass(frozen=True, slots=True)
class Roi:
    """A turned square: centre and side in pixels, angle clockwise in radians."""

    x: float
    y: float
    side: float
    angle: float


@dataclass(frozen=True, slots=True)
class Body:
    """A person as the model sees one, in pixels of the picture.

    Attributes:
        presence: Confidence (0-1) that the square holds a person.
        points: float32 [33, 4]: x, y, z (same scale as x), visibility 0-1.
        next_roi: Where to look for the person in the next frame.
        box_px: x, y, width, height of the person's mask; None where there is none.
    """

    presence: float
    points: np.ndarray
    next_roi: Roi
    box_px: tuple[float, float, float, float] | None


def roi_of(centre: Sequence[float], circle: Sequence[float]) -> Roi:
    """The square about the circle with this centre through this point; upright where the point lies straight above the centre."""
    dx, dy = float(circle[0]) - float(centre[0]), float(circle[1]) - float(centre[1])
    angle = pi / 2 - atan2(-dy, dx)
    angle -= 2 * pi * np.floor((angle + pi) / (2 * pi))
    return Roi(float(centre[0]), float(centre[1]), 2 * ROI_SCALE * hypot(dx, dy), float(angle))


def to_picture(roi: Roi, points: np.ndarray) -> np.ndarray:
    """Points [..., 2] of the input, 0-1, as pixels of the picture."""
    c, s = cos(roi.angle) * roi.side, sin(roi.angle) * roi.side
    x, y = points[..., 0] - 0.5, points[..., 1] - 0.5
    return np.stack([roi.x + c * x - s * y, roi.y + s * x + c * y], axis=-1)


def crop(picture: Picture, roi: Roi) -> np.ndarray:
    """The model's input, float32 [1, 256, 256, 3] in 0 to 1; what lies beyond the picture is black."""
    cv2 = picture.cv2
    corners = to_picture(roi, np.array([[0, 0], [1, 0], [0, 1]], np.float32)).astype(np.float32)
    source = picture.shrunk(roi.side / INPUT_PX * SHARPER)
    corners *= np.array([source.shape[1] / picture.width, source.shape[0] / picture.height], np.float32)
    target = np.array([[0, 0], [INPUT_PX, 0], [0, INPUT_PX]], np.float32)
    matrix = cv2.getAffineTransform(corners - 0.5, target - 0.5)
    square = cv2.warpAffine(source, matrix, (INPUT_PX, INPUT_PX), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT)
    return np.multiply(square, np.float32(1 / 255), dtype=np.float32)[None]


def decode(outputs: Sequence[np.ndarray], roi: Roi) -> Body:
    """The model's outputs in pixels of the picture.

    Args:
        outputs: points [1, 195] (39 of x, y, z in input pixels, then logits of visibility and presence), presence [1, 1], mask logits
            [1, 256, 256, 1], heat maps [1, 64, 64, 39]; what follows is not used.
    """
    table = outputs[0].reshape(-1, 5).astype(np.float32)
    xy = table[:, :2] / INPUT_PX
    refine(xy[:POINTS], outputs[3][0, :, :, :POINTS])
    placed = to_picture(roi, xy)
    points = np.empty((POINTS, 4), np.float32)
    points[:, :2] = placed[:POINTS]
    points[:, 2] = table[:POINTS, 2] / INPUT_PX * roi.side
    points[:, 3] = _sigmoid(table[:POINTS, 3])
    mask = outputs[2][0, :, :, 0] > 0  # a logit
    return Body(
        float(outputs[1][0, 0]),
        points,
        roi_of(placed[AUXILIARY[0]], placed[AUXILIARY[1]]),
        _box(mask, roi),
    )


def refine(xy: np.ndarray, heat: np.ndarray) -> None:
    """Move points [n, 2] (0-1, in place) to the weighted middle of their heat maps [64, 64, n] (logits) where these are certain."""
    cells = (xy * HEAT_PX).astype(int)
    for i, (x, y) in enumerate(cells.tolist()):
        if not (0 <= x < HEAT_PX and 0 <= y < HEAT_PX):
            continue
        left, top = max(0, x - HEAT_REACH), max(0, y - HEAT_REACH)
        part = _sigmoid(heat[top : y + HEAT_REACH + 1, left : x + HEAT_REACH + 1, i])
        if part.max() < HEAT_MIN:
            continue
        total = part.sum()
        xy[i, 0] = (part.sum(axis=0) @ np.arange(left, left + part.shape[1])) / total / HEAT_PX
        xy[i, 1] = (part.sum(axis=1) @ np.arange(top, top + part.shape[0])) / total / HEAT_PX


def _box(mask: np.ndarray, roi: Roi) -> tuple[float, float, float, float] | None:
    where = np.argwhere(mask[::2, ::2])[:, ::-1] * 2 + 1
    if not len(where):
        return None
    placed = to_picture(roi, where / INPUT_PX)
    low, high = np.percentile(placed, 0.5, axis=0), np.percentile(placed, 99.5, axis=0)  # single specks do not make the box
    return float(low[0]), float(low[1]), float(high[0] - low[0]), float(high[1] - low[1])


def _sigmoid(values: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-np.clip(values, -80, 80)))


def find(run: Callable[[Sequence[np.ndarray]], list[np.ndarray]], picture: Picture, roi: Roi) -> Body:
    """The person in the square. `run` takes the model's inputs and gives its outputs."""
    return decode(run([crop(picture, roi)]), roi)
