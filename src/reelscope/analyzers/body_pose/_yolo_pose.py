"""YOLOv8-pose as an ONNX file: people and their 17 points at once (Ultralytics' own export; the weights are AGPL-3.0)."""

from __future__ import annotations

import numpy as np

from reelscope.analyzers._yolo import NMS_IOU, YOLOV8_PX, Letterbox, Session, letterbox
from reelscope.analyzers.body_pose._collect import LOW, Found
from reelscope.features._tracking import nms

__all__ = ["decode", "detect"]

POINTS = 17
ROWS = 5 + 3 * POINTS  # centre x, y, width, height, score, then x, y, confidence of each point


def decode(raw: np.ndarray, place: Letterbox, least: float) -> list[Found]:
    """People of one picture, the best first.

    Args:
        raw: float32 [56, n]: centre x, y, width, height in the square's pixels; score; 17 x (x, y in the square's pixels, confidence).

    Raises:
        ValueError: Not the output of a model of 17 points.
    """
    if raw.ndim != 2 or raw.shape[0] != ROWS:
        raise ValueError(f"a YOLOv8 pose model gives {ROWS} rows, not {raw.shape}: export one of 17 points")
    rows = raw[:, raw[4] >= least].T.astype(np.float64)
    boxes = place.normalised(np.concatenate([rows[:, :2] - rows[:, 2:4] / 2, rows[:, :2] + rows[:, 2:4] / 2], axis=1))
    points = rows[:, 5:].reshape(len(rows), POINTS, 3)
    points[..., 0] = (points[..., 0] - place.x) / place.scale / place.width
    points[..., 1] = (points[..., 1] - place.y) / place.scale / place.height
    inside = np.flatnonzero((boxes[:, 2] > 0) & (boxes[:, 3] > 0))
    kept = nms(boxes[inside].tolist(), rows[inside, 4].tolist(), NMS_IOU)
    out: list[Found] = []
    for i in inside[kept].tolist():
        x, y, width, height = boxes[i].tolist()
        out.append(((x, y, width, height), float(rows[i, 4]), points[i].astype(np.float32)))
    return out


def detect(session: Session, rgb: np.ndarray) -> list[Found]:
    """People of one picture (uint8 [h, w, 3])."""
    square, place = letterbox(rgb, YOLOV8_PX, centred=True)
    planes = np.ascontiguousarray(square.transpose(2, 0, 1)[None], np.float32) / np.float32(255)
    return decode(session.run(None, {"images": planes})[0][0], place, LOW)
