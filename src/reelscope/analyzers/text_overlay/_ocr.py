"""Text detection and recognition: the PP-OCRv6 networks that lie inside the rapidocr wheel, run through onnxruntime.

The networks are opened by path and driven directly: nothing of rapidocr is imported, so nothing can reach for the network, no logger is
touched, and a call costs the inference alone. Detection is a differentiable-binarisation network (Liao et al., AAAI 2020: the net gives
the probability that a pixel lies in the shrunk core of a text line), recognition a CTC network over 48 px high line crops.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import cv2
import numpy as np

if TYPE_CHECKING:
    from reelscope.models.manager import ModelHandle

__all__ = ["DETECTOR", "RECOGNISER", "LineBox", "Reading", "TextReader", "boxes_from_map", "crop_line", "ctc_decode"]

DETECTOR, RECOGNISER = "pp-ocrv6-det-small", "pp-ocrv6-rec-small"

STRIDE_PX = 32  # the detector's input sides are multiples of this
CORE_THRESHOLD = 0.3  # probability above which a pixel belongs to a line's core (the network's published setting)
BOX_SCORE_MIN = 0.5  # mean probability over the core; below it half of what is found in foliage and fabric passes
UNCLIP_RATIO = 1.6  # how far the shrunk core grows back: offset = area * ratio / perimeter (the network's published setting)
CORE_MIN_PX = 3  # shorter sides of cores below this are specks
CORES_MAX = 200  # per frame; a page of a book has about 60 lines

LINE_HEIGHT_PX = 48  # the recogniser's input height
LINE_WIDTH_MAX_PX = 1600  # 33 line heights: about 80 characters; wider crops are squeezed
UPRIGHT_RATIO = 1.5  # crops this much taller than wide are turned: vertical lines


@dataclass(frozen=True, slots=True)
class LineBox:
    """One detected line.

    Attributes:
        quad: float32 [4, 2], corners x, y in px of the picture given: top left, top right, bottom right, bottom left of the line.
        score: Mean core probability 0-1.
    """

    quad: np.ndarray
    score: float

    @property
    def xyxy(self) -> tuple[float, float, float, float]:
        """Upright bounds in px: left, top, right, bottom."""
        (x0, y0), (x1, y1) = self.quad.min(axis=0), self.quad.max(axis=0)
        return float(x0), float(y0), float(x1), float(y1)


@dataclass(frozen=True, slots=True)
class Reading:
    """What the recogniser read in one crop: the text and the mean probability (0-1) of its characters."""

    text: str
    confidence: float


class TextReader:
    """The two networks.

    Args:
        detector, recogniser: Handles on onnx sessions of DETECTOR and RECOGNISER.
    """

    def __init__(self, detector: ModelHandle, recogniser: ModelHandle) -> None:
        self._detector, self._recogniser = detector, recogniser
        self._characters: list[str] = []

    @property
    def characters(self) -> list[str]:
        """What the recogniser's classes mean: index 0 is the CTC blank, the last one the space."""
        if not self._characters:
            self._characters = ["", *self._recogniser.session.metadata["character"].splitlines(), " "]
        return self._characters

    def detect(self, rgb: np.ndarray, *, scale: float = 1.0) -> list[LineBox]:
        """Lines of `rgb` (uint8 [h, w, 3]), looked for at `scale` times its size; quads are in px of `rgb`."""
        h, w = rgb.shape[:2]
        in_h, in_w = (max(STRIDE_PX, round(side * scale / STRIDE_PX) * STRIDE_PX) for side in (h, w))
        picture = (
            rgb if (in_h, in_w) == (h, w) else cv2.resize(rgb, (in_w, in_h), interpolation=cv2.INTER_AREA if in_h < h else cv2.INTER_LINEAR)
        )
        # the networks were trained on B G R in -1..1
        blob = cv2.dnn.blobFromImage(picture, 1 / 127.5, mean=(127.5, 127.5, 127.5), swapRB=True)
        core = self._detector.session.run(None, {"x": blob})[0][0, 0]
        return boxes_from_map(core, w / in_w, h / in_h, (w, h))

    def read(self, crops: list[np.ndarray]) -> list[Reading]:
        """Read line crops (uint8 [h, w, 3] rgb each), one inference each: padding to a common width costs more than a batch gains."""
        return [self._read_one(crop) for crop in crops]

    def _read_one(self, crop: np.ndarray) -> Reading:
        h, w = crop.shape[:2]
        if h < 2 or w < 2:
            return Reading("", 0.0)
        width = min(LINE_WIDTH_MAX_PX, max(8, math.ceil(LINE_HEIGHT_PX * w / h)))
        line = cv2.resize(crop, (width, LINE_HEIGHT_PX), interpolation=cv2.INTER_LINEAR)
        blob = cv2.dnn.blobFromImage(line, 1 / 127.5, mean=(127.5, 127.5, 127.5), swapRB=True)
        return ctc_decode(self._recogniser.session.run(None, {"x": blob})[0][0], self.characters)


def boxes_from_map(core: np.ndarray, scale_x: float, scale_y: float, size_px: tuple[int, int]) -> list[LineBox]:
    """Lines from the detector's probability map (float32 [h, w]); scales go from map px to picture px, `size_px` bounds the quads."""
    mask = (core > CORE_THRESHOLD).astype(np.uint8)
    contours, _ = cv2.findContours(mask, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
    out: list[LineBox] = []
    for contour in contours[:CORES_MAX]:
        centre, (side_a, side_b), angle = cv2.minAreaRect(contour)
        if min(side_a, side_b) < CORE_MIN_PX:
            continue
        x, y, w, h = cv2.boundingRect(contour)
        inside = np.zeros((h, w), np.uint8)
        cv2.drawContours(inside, [contour - (x, y)], -1, 1, cv2.FILLED)
        score = float(cv2.mean(core[y : y + h, x : x + w], inside)[0])
        if score < BOX_SCORE_MIN:
            continue
        grow = side_a * side_b * UNCLIP_RATIO / (side_a + side_b)  # twice the offset area * ratio / perimeter
        quad = order_corners(cv2.boxPoints((centre, (side_a + grow, side_b + grow), angle)))
        quad *= (scale_x, scale_y)
        np.clip(quad, 0, size_px, out=quad)
        out.append(LineBox(quad.astype(np.float32), score))
    return out


def order_corners(points: np.ndarray) -> np.ndarray:
    """Corners float [4, 2] of a rectangle in the order top left, top right, bottom right, bottom left of an upright reader."""
    by_x = points[np.argsort(points[:, 0], kind="stable")]
    left = by_x[:2][np.argsort(by_x[:2, 1], kind="stable")]
    right = by_x[2:][np.argsort(by_x[2:, 1], kind="stable")]
    return np.array([left[0], right[0], right[1], left[1]], dtype=np.float64)


def crop_line(rgb: np.ndarray, quad: np.ndarray) -> np.ndarray:
    """The line under `quad`, made upright: uint8 [h, w, 3]; a line much taller than wide is turned by 90 degrees."""
    width = int(max(np.linalg.norm(quad[0] - quad[1]), np.linalg.norm(quad[3] - quad[2])))
    height = int(max(np.linalg.norm(quad[0] - quad[3]), np.linalg.norm(quad[1] - quad[2])))
    if width < 2 or height < 2:
        return np.zeros((0, 0, 3), np.uint8)
    target = np.array([[0, 0], [width, 0], [width, height], [0, height]], np.float32)
    matrix = cv2.getPerspectiveTransform(quad.astype(np.float32), target)
    crop = cv2.warpPerspective(rgb, matrix, (width, height), flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)
    return np.ascontiguousarray(np.rot90(crop)) if height > UPRIGHT_RATIO * width else crop


def ctc_decode(probabilities: np.ndarray, characters: list[str]) -> Reading:
    """Greedy CTC: best class per step, repeats collapsed, blanks (class 0) dropped. `probabilities`: float32 [steps, classes]."""
    best = probabilities.argmax(axis=1)
    keep = best != 0
    keep[1:] &= best[1:] != best[:-1]
    steps = np.flatnonzero(keep)
    if len(steps) == 0:
        return Reading("", 0.0)
    text = "".join(characters[i] for i in best[steps])
    return Reading(text, float(probabilities[steps, best[steps]].mean()))
