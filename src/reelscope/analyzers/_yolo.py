"""YOLO models as ONNX files: letterbox, and the decoding of YOLOX's and YOLOv8's outputs.

Both follow their publishers' own export demos: YOLOX (Ge et al. 2021; BGR, 0-255, the picture in the upper left corner of the square),
YOLOv8 (Ultralytics; RGB, 0-1, the picture in its middle).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import cv2
import numpy as np

from reelscope.analyzers._coco import COCO
from reelscope.features._tracking import nms

__all__ = ["Detections", "Letterbox", "decode_yolov8", "decode_yolox", "letterbox", "pick", "yolov8", "yolox"]

YOLOX_PX, YOLOV8_PX = 416, 640
PAD = 114  # grey, as both were trained with
STRIDES_PX = (8, 16, 32)
NMS_IOU = 0.5
MAX_CANDIDATES = 200  # before suppression, the best; a picture with more than 100 objects of note is not ours

Detections = list[tuple[tuple[float, float, float, float], float, str]]
"""Of one picture: normalised x, y, width, height; score 0-1; label."""


class Session(Protocol):
    """What is needed of a model's session."""

    def run(self, outputs: Sequence[str] | None, feeds: dict[str, Any]) -> list[Any]:
        """Outputs by name (None: all); inputs by name."""


@dataclass(frozen=True, slots=True)
class Letterbox:
    """How a picture lies in a model's square: factor, and where its corner is, both in the square's pixels; the picture's size."""

    scale: float
    x: int
    y: int
    width: int
    height: int

    def normalised(self, xyxy: np.ndarray) -> np.ndarray:
        """float [n, 4], corners in the square's pixels -> x, y, width, height of the picture, cut at its edges."""
        size = np.array([self.width, self.height] * 2, np.float64)
        corners = np.clip((xyxy - [self.x, self.y, self.x, self.y]) / self.scale / size, 0, 1)
        return np.concatenate([corners[:, :2], corners[:, 2:] - corners[:, :2]], axis=1)


def letterbox(rgb: np.ndarray, side: int, *, centred: bool) -> tuple[np.ndarray, Letterbox]:
    """The picture in a grey square: uint8 [side, side, 3]; it is scaled up as well as down.

    Args:
        rgb: uint8 [h, w, 3].
    """
    height, width = rgb.shape[:2]
    scale = side / max(height, width)
    w, h = max(1, round(width * scale)), max(1, round(height * scale))
    x, y = ((side - w) // 2, (side - h) // 2) if centred else (0, 0)
    out = np.full((side, side, 3), PAD, np.uint8)
    out[y : y + h, x : x + w] = cv2.resize(rgb, (w, h), interpolation=cv2.INTER_LINEAR)
    return out, Letterbox(scale, x, y, width, height)


def grid(side: int) -> tuple[np.ndarray, np.ndarray]:
    """Cells of YOLOX's three levels in the order of its output: column and row float32 [n, 2], stride float32 [n, 1]."""
    cells, strides = [], []
    for stride in STRIDES_PX:
        n = side // stride
        rows, columns = np.mgrid[:n, :n]
        cells.append(np.stack([columns.ravel(), rows.ravel()], axis=1))
        strides.append(np.full((n * n, 1), stride))
    return np.concatenate(cells).astype(np.float32), np.concatenate(strides).astype(np.float32)


def decode_yolox(raw: np.ndarray, side: int, least: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Candidates of at least this score.

    Args:
        raw: float32 [n, 5 + classes]: centre against the cell and ln of the size, in strides; objectness; classes (both 0-1).

    Returns:
        float [k, 4] corners in the square's pixels, scores [k] (objectness times the best class), classes int [k].
    """
    cells, strides = grid(side)
    classes = raw[:, 5:].argmax(axis=1)
    scores = raw[:, 4] * raw[np.arange(len(raw)), 5 + classes]
    keep = np.flatnonzero(scores >= least)
    centre = (raw[keep, :2] + cells[keep]) * strides[keep]
    half = np.exp(np.minimum(raw[keep, 2:4], 10)) * strides[keep] / 2  # e^10 strides: no picture is that large, and exp stays finite
    return np.concatenate([centre - half, centre + half], axis=1), scores[keep], classes[keep]


def decode_yolov8(raw: np.ndarray, least: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Candidates of at least this score; there is no objectness.

    Args:
        raw: float32 [4 + classes, n]: centre x, y, width, height in the square's pixels; classes 0-1.

    Returns:
        As `decode_yolox`.
    """
    classes = raw[4:].argmax(axis=0)
    scores = raw[4:].max(axis=0)
    keep = np.flatnonzero(scores >= least)
    centre, half = raw[:2, keep].T, raw[2:4, keep].T / 2
    return np.concatenate([centre - half, centre + half], axis=1), scores[keep], classes[keep]


def pick(boxes: np.ndarray, scores: np.ndarray, classes: np.ndarray, names: Sequence[str]) -> Detections:
    """Non-maximum suppression within each class.

    Args:
        boxes: float [n, 4]: x, y, width, height.
    """
    best = np.argsort(-scores, kind="stable")[:MAX_CANDIDATES]
    best = best[(boxes[best, 2] > 0) & (boxes[best, 3] > 0)]
    out: Detections = []
    for kind in dict.fromkeys(classes[best].tolist()):
        mine = best[classes[best] == kind]
        rows = boxes[mine].tolist()
        for i in nms(rows, scores[mine].tolist(), NMS_IOU):
            x, y, w, h = rows[i]
            out.append(((x, y, w, h), float(scores[mine[i]]), names[kind]))
    return out


def yolox(session: Session, rgb: np.ndarray, least: float) -> Detections:
    """What YOLOX sees in one picture. `rgb`: uint8 [h, w, 3]."""
    square, place = letterbox(rgb, YOLOX_PX, centred=False)
    planes = np.ascontiguousarray(square[..., ::-1].transpose(2, 0, 1)[None], np.float32)
    boxes, scores, classes = decode_yolox(session.run(None, {"images": planes})[0][0], YOLOX_PX, least)
    return pick(place.normalised(boxes), scores, classes, COCO)


def yolov8(session: Session, rgb: np.ndarray, least: float) -> Detections:
    """What YOLOv8 sees in one picture. `rgb`: uint8 [h, w, 3]."""
    square, place = letterbox(rgb, YOLOV8_PX, centred=True)
    planes = np.ascontiguousarray(square.transpose(2, 0, 1)[None], np.float32) / np.float32(255)
    boxes, scores, classes = decode_yolov8(session.run(None, {"images": planes})[0][0], least)
    return pick(place.normalised(boxes), scores, classes, COCO)
