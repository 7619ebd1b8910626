"""Finding faces in one picture with the two BlazeFace detectors: near faces (128 px) and far ones (192 px).

Both look at a square; a picture that is not square is padded (`letterbox`) or covered by overlapping squares (`tiles`). Their heads
predict, for each of a fixed set of anchors, a box, six points and a logit. Anchors and scales follow the options that Google publishes
with the models (mediapipe/modules/face_detection, *.pbtxt); method: Bazarevsky et al. 2019, BlazeFace.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import cv2
import numpy as np

__all__ = ["FULL", "SHORT", "Detection", "Detector", "Layout", "Views", "anchors", "decode", "weighted_nms"]

LOGIT_LIMIT = 100.0  # the published decoder clips here; exp stays finite
NMS_IOU = 0.3  # as published: boxes that overlap more are one face


class Session(Protocol):
    """What is needed of a model's session."""

    def run(self, inputs: Sequence[Any]) -> list[Any]:
        """Inputs and outputs in the model's order."""


@dataclass(frozen=True, slots=True)
class Layout:
    """A detector's published options: side of its input, and for each grid its stride and anchors a cell."""

    side_px: int
    grids: tuple[tuple[int, int], ...]


SHORT = Layout(128, ((8, 2), (16, 6)))  # strides 8, 16, 16, 16 with two anchors each: the three equal ones share a grid
FULL = Layout(192, ((4, 1),))


@dataclass(frozen=True, slots=True)
class Detection:
    """A face: x, y, width, height in pixels of the picture, score 0-1, and float32 [6, 2] points in pixels.

    Points: the subject's right eye, left eye, tip of the nose, middle of the mouth, right and left ear.
    """

    xywh_px: tuple[float, float, float, float]
    score: float
    points: np.ndarray


def anchors(layout: Layout) -> np.ndarray:
    """Centres of the anchors in the model's order, 0-1: float32 [n, 2] (x, y). Their size is fixed at 1: boxes are absolute."""
    out = []
    for stride, each in layout.grids:
        n = -(-layout.side_px // stride)
        ys, xs = np.mgrid[0:n, 0:n]
        out.append(np.repeat(np.stack([xs.ravel(), ys.ravel()], axis=1) + 0.5, each, axis=0) / n)
    return np.concatenate(out).astype(np.float32)


def decode(raw: np.ndarray, logits: np.ndarray, centres: np.ndarray, side_px: int, least: float) -> tuple[np.ndarray, np.ndarray]:
    """Boxes and points of the anchors whose score is at least `least`.

    Args:
        raw: float32 [n, 16]: dx, dy, w, h and six points dx, dy, in pixels of the input, offsets from the anchor.
        logits: float32 [n].

    Returns:
        float32 [k, 16] in 0-1 of the input (x, y of the box's corner, w, h, six points x, y), and scores float32 [k].
    """
    scores = 1 / (1 + np.exp(-np.clip(logits.astype(np.float64), -LOGIT_LIMIT, LOGIT_LIMIT)))
    keep = np.flatnonzero(scores >= least)
    out = raw[keep].astype(np.float32) / side_px
    out[:, 0:2] += centres[keep]
    out[:, 4:] += np.tile(centres[keep], 6)
    out[:, 0:2] -= out[:, 2:4] / 2
    sane = (out[:, 2] > 0) & (out[:, 3] > 0)
    return out[sane], scores[keep][sane]


def weighted_nms(rows: np.ndarray, scores: np.ndarray, *, iou: float = NMS_IOU) -> list[tuple[np.ndarray, float]]:
    """Join what overlaps: each group becomes the mean of its rows weighted by score, with the best score of the group.

    Args:
        rows: float [n, 4 + k]: x, y, w, h and further coordinates of the same kind.
    """
    out = []
    order = np.argsort(-scores, kind="stable")
    while len(order):
        overlap = _iou(rows[order[0], :4], rows[order, :4])
        group = order[overlap > iou]
        if not len(group):  # a box without area does not even overlap itself
            group = order[:1]
        w = scores[group]
        out.append(((rows[group] * w[:, None]).sum(axis=0) / w.sum(), float(scores[order[0]])))
        order = order[~np.isin(order, group)]
    return out


def _iou(box: np.ndarray, boxes: np.ndarray) -> np.ndarray:
    low = np.maximum(box[:2], boxes[:, :2])
    high = np.minimum(box[:2] + box[2:], boxes[:, :2] + boxes[:, 2:])
    inside = np.prod(np.clip(high - low, 0, None), axis=1)
    union = box[2] * box[3] + boxes[:, 2] * boxes[:, 3] - inside
    return np.where(union > 0, inside / np.maximum(union, 1e-12), 0.0)


@dataclass(frozen=True, slots=True)
class Square:
    """A square region of a picture in pixels; it may reach beyond the picture."""

    x: float
    y: float
    side: float


def letterbox(width: int, height: int) -> list[Square]:
    """The whole picture in the middle of one square."""
    side = max(width, height)
    return [Square((width - side) / 2, (height - side) / 2, side)]


def tiles(width: int, height: int, *, overlap: float = 0.25) -> list[Square]:
    """Squares of the short side along the long one, each covering at least `overlap` of the next; one for a nearly square picture."""
    short, long = min(width, height), max(width, height)
    if long <= 1.15 * short:
        return letterbox(width, height)
    n = max(2, -(-int(long - overlap * short) // max(1, int((1 - overlap) * short))))
    step = (long - short) / (n - 1)
    return [Square(i * step, 0, short) if width > height else Square(0, i * step, short) for i in range(n)]


class Views:
    """Squares of one picture as the detectors take them. Reduced pictures are shared: reducing costs as much as a small model.

    Args:
        rgb: uint8 [h, w, 3].
    """

    def __init__(self, rgb: np.ndarray) -> None:
        self._rgb = rgb
        self._half: np.ndarray | None = None
        self._cut: dict[Square, np.ndarray] = {}  # 192 px wide, from which 128 px are made

    def square(self, q: Square, side: int) -> np.ndarray:
        """uint8 [side, side, 3]; outside the picture black."""
        if side == FULL.side_px:
            if q not in self._cut:
                self._cut[q] = self._reduced(q, side)
            return self._cut[q]
        if q in self._cut and side < FULL.side_px:
            return cv2.resize(self._cut[q], (side, side), interpolation=cv2.INTER_AREA)
        return self._reduced(q, side)

    def _reduced(self, q: Square, side: int) -> np.ndarray:
        h, w = self._rgb.shape[:2]
        if q.side < 2 * side or min(h, w) < 2:
            return cut_square(self._rgb, q, side)
        if self._half is None:  # exact halves are five times as fast as the rest of the way; an odd last row or column falls off
            self._half = cv2.resize(self._rgb[: h // 2 * 2, : w // 2 * 2], (w // 2, h // 2), interpolation=cv2.INTER_AREA)
        return cut_square(self._half, Square(q.x / 2, q.y / 2, q.side / 2), side)


class Detector:
    """One of the two detectors on squares of a picture."""

    def __init__(self, layout: Layout, *, least: float) -> None:
        self._layout, self._least = layout, least
        self._centres = anchors(layout)

    def rows(self, session: Session, views: Views, squares: Sequence[Square]) -> tuple[np.ndarray, np.ndarray]:
        """What is found before joining: float32 [k, 16] in pixels of the picture (as in `decode`), and scores."""
        side = self._layout.side_px
        found, scores = [np.zeros((0, 16), np.float32)], [np.zeros(0, np.float32)]
        for q in squares:
            raw, logits = session.run([model_input(views.square(q, side))])
            rows, s = decode(raw.reshape(-1, 16), logits.reshape(-1), self._centres, side, self._least)
            rows *= q.side
            rows[:, 0] += q.x
            rows[:, 1] += q.y
            rows[:, 4::2] += q.x
            rows[:, 5::2] += q.y
            found.append(rows)
            scores.append(s)
        return np.concatenate(found), np.concatenate(scores)


def cut_square(rgb: np.ndarray, q: Square, side: int) -> np.ndarray:
    """A square of the picture, scaled: uint8 [side, side, 3]; outside the picture black."""
    h, w = rgb.shape[:2]
    x0, y0 = max(0, round(q.x)), max(0, round(q.y))
    x1, y1 = min(w, round(q.x + q.side)), min(h, round(q.y + q.side))
    k = side / q.side
    out = np.zeros((side, side, 3), np.uint8)
    left, top = max(0, min(side - 1, round((x0 - q.x) * k))), max(0, min(side - 1, round((y0 - q.y) * k)))
    right, bottom = max(left + 1, min(side, round((x1 - q.x) * k))), max(top + 1, min(side, round((y1 - q.y) * k)))
    method = cv2.INTER_AREA if k < 1 else cv2.INTER_LINEAR
    out[top:bottom, left:right] = cv2.resize(rgb[y0:y1, x0:x1], (right - left, bottom - top), interpolation=method)
    return out


def model_input(square: np.ndarray) -> np.ndarray:
    """uint8 [side, side, 3] as the detectors want it: float32 [1, side, side, 3], -1 to 1."""
    out = np.multiply(square[None], np.float32(1 / 127.5), dtype=np.float32)
    out -= 1
    return out


def detections(rows: np.ndarray, scores: np.ndarray) -> list[Detection]:
    """Joined faces, the best first."""
    return [
        Detection((float(r[0]), float(r[1]), float(r[2]), float(r[3])), s, r[4:].reshape(6, 2).astype(np.float32))
        for r, s in weighted_nms(rows, scores)
    ]
