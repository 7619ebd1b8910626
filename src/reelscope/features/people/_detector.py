"""Finding people in a picture: MediaPipe's pose detector, opened as a plain TensorFlow Lite file.

The model is a single-shot detector whose boxes are faces with four points of the body beside them (BlazePose, Bazarevsky et al. 2020): the
middle of the hips, a point on the circle about it that encloses the whole body, and the same for the shoulders and the upper body.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import ceil

import numpy as np

from reelscope.features.people._picture import Picture

__all__ = ["INPUT_PX", "Detection", "Tile", "anchors", "decode", "detect", "tile_input", "tiles_of"]

INPUT_PX = 224
STRIDES_PX = (8, 16, 32, 32, 32)
PER_CELL = 2  # anchors per cell and layer; layers of the same stride lie behind each other
SQUARE_TO = 1.4  # a picture no longer than this (4:3) is looked at as a whole only
OVERLAP = 0.2  # of neighbouring squares, of their side; two for 16:9
MERGE_IOU = 0.3  # detections that overlap more are one person (the model's published setting)


@dataclass(frozen=True, slots=True)
class Tile:
    """A square part of the picture in pixels; it may reach beyond the picture, where it is black."""

    x: float
    y: float
    side: float


@dataclass(frozen=True, slots=True)
class Detection:
    """A person found. Attributes are in pixels of the picture.

    Attributes:
        xywh_px: Box of the face. points_px: float32 [4, 2]: hips, full-body circle, shoulders, upper-body circle.
        score: 0-1.
    """

    score: float
    xywh_px: tuple[float, float, float, float]
    points_px: np.ndarray


def anchors() -> np.ndarray:
    """Centres of the 2254 anchors, float32 [2254, 2] as x, y of the input, 0-1."""
    out: list[np.ndarray] = []
    for stride in sorted(set(STRIDES_PX)):
        cells = INPUT_PX // stride
        centre = (np.arange(cells, dtype=np.float32) + 0.5) / cells
        grid = np.stack(np.meshgrid(centre, centre), axis=-1).reshape(-1, 2)  # rows first
        out.append(np.repeat(grid, PER_CELL * STRIDES_PX.count(stride), axis=0))
    return np.concatenate(out)


def tiles_of(width: int, height: int) -> tuple[Tile, ...]:
    """The whole picture in a square, then overlapping squares of its shorter side that cover it; a nearly square one has only the first."""
    long, short = float(max(width, height)), float(min(width, height))
    out = [Tile((width - long) / 2, (height - long) / 2, long)]
    if long > short * SQUARE_TO:
        count = max(2, ceil((long / short - OVERLAP) / (1 - OVERLAP)))
        for k in range(count):
            at = (long - short) * k / (count - 1)
            out.append(Tile(at, 0.0, short) if width > height else Tile(0.0, at, short))
    return tuple(out)


def tile_input(picture: Picture, tile: Tile) -> np.ndarray:
    """The model's input, float32 [1, 224, 224, 3] in -1 to 1; what lies beyond the picture is black."""
    scale = INPUT_PX / tile.side
    source = picture.shrunk(1 / scale / 2)  # a factor of two at least is left to the mean of areas
    across, down = source.shape[1] / picture.width, source.shape[0] / picture.height
    left, top = max(0.0, tile.x), max(0.0, tile.y)
    right, bottom = min(float(picture.width), tile.x + tile.side), min(float(picture.height), tile.y + tile.side)
    size = (max(1, round((right - left) * scale)), max(1, round((bottom - top) * scale)))
    part = source[round(top * down) : round(bottom * down), round(left * across) : round(right * across)]
    small = picture.cv2.resize(part, size, interpolation=picture.cv2.INTER_AREA if scale < 1 else picture.cv2.INTER_LINEAR)
    out = np.full((1, INPUT_PX, INPUT_PX, 3), -1.0, np.float32)
    x, y = round((left - tile.x) * scale), round((top - tile.y) * scale)
    small = small[: INPUT_PX - y, : INPUT_PX - x]
    np.multiply(small, np.float32(1 / 127.5), out=out[0, y : y + small.shape[0], x : x + small.shape[1]])
    out[0, y : y + small.shape[0], x : x + small.shape[1]] -= 1
    return out


def decode(raw: np.ndarray, logits: np.ndarray, centres: np.ndarray, tile: Tile, limit: float) -> list[Detection]:
    """Detections of one tile, the best first; several for one person are averaged by their score.

    Args:
        raw: float32 [2254, 12] in input pixels against the anchor: x, y (centre), width, height, then four points.
        logits: float32 [2254]. centres: as from anchors(). limit: least score.
    """
    score = 1 / (1 + np.exp(-np.clip(logits, -80, 80)))
    keep = np.flatnonzero(score >= limit)
    if not len(keep):
        return []
    keep = keep[np.argsort(-score[keep])]
    rows, score = raw[keep] / INPUT_PX, score[keep]
    pairs = rows.reshape(len(rows), 6, 2).copy()
    pairs[:, [0, 2, 3, 4, 5]] += centres[keep][:, None]
    boxes = np.concatenate([pairs[:, 0] - pairs[:, 1] / 2, pairs[:, 1]], axis=1)
    out: list[Detection] = []
    left = np.ones(len(keep), bool)
    for i in range(len(keep)):
        if not left[i]:
            continue
        same = left & (_iou(boxes[i], boxes) >= MERGE_IOU)
        same[i] = True
        left &= ~same
        weight = score[same] / score[same].sum()
        box = weight @ boxes[same] * tile.side
        points = np.tensordot(weight, pairs[same][:, 2:], 1) * tile.side + (tile.x, tile.y)
        x, y, w, h = box.tolist()
        out.append(Detection(float(score[i]), (x + tile.x, y + tile.y, w, h), points.astype(np.float32)))
    return out


def _iou(box: np.ndarray, boxes: np.ndarray) -> np.ndarray:
    low = np.maximum(box[:2], boxes[:, :2])
    high = np.minimum(box[:2] + box[2:], boxes[:, :2] + boxes[:, 2:])
    shared = np.prod(np.clip(high - low, 0, None), axis=1)
    return shared / np.maximum(np.prod(box[2:]) + np.prod(boxes[:, 2:], axis=1) - shared, 1e-9)


def detect(
    run: Callable[[Sequence[np.ndarray]], list[np.ndarray]], centres: np.ndarray, picture: Picture, tile: Tile, limit: float
) -> list[Detection]:
    """Everybody in the tile, the best first. `run` takes the model's inputs and gives its outputs."""
    raw, logits = run([tile_input(picture, tile)])
    return decode(raw[0], logits[0, :, 0], centres, tile, limit)
