"""Hands in a picture: palms from a single-shot detector, each confirmed and outlined by the 21 points of the hand model.

Both models are MediaPipe's, opened as plain TensorFlow Lite files; sizes, anchors and the square about a palm follow the options published
with them (mediapipe/modules/palm_detection, hand_landmark). Method: Zhang et al. 2020, MediaPipe Hands. The palm detector alone fires on
knees, bread and folded cloth; the hand model's presence score is the second opinion.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Protocol

import cv2
import numpy as np

from reelscope.features.faces._detect import Layout, anchors, letterbox, weighted_nms
from reelscope.features.faces._roi import Roi, crop, to_picture

__all__ = ["HandFinder", "hand_box", "palm_rows", "roi_of_palm"]

PALM_PX = 192
HAND_PX = 224
LAYOUT = Layout(PALM_PX, ((8, 2), (16, 6)))  # 2016 anchors
PALM_SCORE = 0.5  # as published
ROI_SCALE, ROI_SHIFT = 2.6, 0.5  # side of the hand's square in palm lengths, and how far it lies towards the fingers
WRIST, MIDDLE_FINGER = 0, 2  # of the palm's seven points
PRESENCE = 0.6
SKIN = 0.06
"""The 21 points are joints and lie inside the hand: the box is drawn out by this share of its sides."""

Xywh = tuple[float, float, float, float]


class Session(Protocol):
    """What is needed of a model's session."""

    def run(self, inputs: Sequence[Any]) -> list[Any]:
        """Inputs and outputs in the model's order."""


def palm_rows(raw: np.ndarray, logits: np.ndarray, centres: np.ndarray, least: float) -> tuple[np.ndarray, np.ndarray]:
    """Palms of the anchors that score at least `least`.

    Args:
        raw: float32 [n, 18] in input pixels: x, y of the centre against the anchor, width, height, seven points against the anchor.
        logits: float32 [n]. centres: float32 [n, 2], anchors, 0-1.

    Returns:
        float32 [k, 18] in 0-1 of the input (x, y of the corner, width, height, points), scores float64 [k].
    """
    scores = 1 / (1 + np.exp(-np.clip(logits.astype(np.float64), -100, 100)))
    keep = np.flatnonzero(scores >= least)
    rows = raw[keep].astype(np.float32) / PALM_PX
    rows[:, 0:2] += centres[keep] - rows[:, 2:4] / 2
    rows[:, 4:] += np.tile(centres[keep], 7)
    return rows, scores[keep]


def roi_of_palm(row: np.ndarray) -> Roi:
    """The square in which the hand model looks: fingers up, its centre moved from the palm towards the fingers.

    Args:
        row: float [18], as from `palm_rows`, in pixels of the picture.
    """
    x, y, w, h = row[:4].tolist()
    points = row[4:].reshape(7, 2)
    dx, dy = (points[MIDDLE_FINGER] - points[WRIST]).tolist()
    angle = math.atan2(dy, dx) + math.pi / 2
    shift = ROI_SHIFT * h
    return Roi(x + w / 2 + shift * math.sin(angle), y + h / 2 - shift * math.cos(angle), max(w, h) * ROI_SCALE, angle)


def hand_box(points: np.ndarray, width: int, height: int) -> Xywh | None:
    """Box of the hand's points within the picture, normalised; None where nothing of it is inside.

    Args:
        points: float [21, 2], pixels.
    """
    low, high = points.min(axis=0), points.max(axis=0)
    margin = SKIN * (high - low)
    size = np.array([width, height])
    low, high = np.clip((low - margin) / size, 0, 1), np.clip((high + margin) / size, 0, 1)
    w, h = (high - low).tolist()
    return (float(low[0]), float(low[1]), w, h) if w > 0 and h > 0 else None


class HandFinder:
    """Both models on one picture at a time."""

    def __init__(self) -> None:
        self._centres = anchors(LAYOUT)

    def find(self, palms: Session, hands: Session, rgb: np.ndarray) -> list[tuple[Xywh, float]]:
        """Normalised box and presence score (0-1) of every hand.

        Args:
            rgb: uint8 [h, w, 3].
        """
        height, width = rgb.shape[:2]
        square = letterbox(width, height)[0]
        raw, logits = palms.run([_input(rgb)])
        rows, scores = palm_rows(raw.reshape(-1, 18), logits.reshape(-1), self._centres, PALM_SCORE)
        rows *= square.side
        rows[:, [0, *range(4, 18, 2)]] += square.x
        rows[:, [1, *range(5, 18, 2)]] += square.y
        out: list[tuple[Xywh, float]] = []
        for row, _ in weighted_nms(rows, scores):
            roi = roi_of_palm(row)
            points, presence = hands.run([(crop(rgb, roi, HAND_PX).astype(np.float32) / 255)[None]])[:2]
            score = float(presence.reshape(-1)[0])
            if score < PRESENCE:
                continue
            box = hand_box(to_picture(points.reshape(21, 3)[:, :2], roi, HAND_PX), width, height)
            if box is not None:
                out.append((box, score))
        return out


def _input(rgb: np.ndarray) -> np.ndarray:
    """The picture in the middle of a black square: float32 [1, 192, 192, 3], 0-1."""
    height, width = rgb.shape[:2]
    scale = PALM_PX / max(width, height)
    w, h = max(1, round(width * scale)), max(1, round(height * scale))
    out = np.zeros((1, PALM_PX, PALM_PX, 3), np.float32)
    x, y = (PALM_PX - w) // 2, (PALM_PX - h) // 2
    out[0, y : y + h, x : x + w] = cv2.resize(rgb, (w, h), interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR)
    out /= 255
    return out
