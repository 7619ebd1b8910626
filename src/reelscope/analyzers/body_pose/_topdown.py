"""Models that take one person's part of the picture: MoveNet, BlazePose lite, ViTPose. Cropping and decoding by hand.

Boxes are x, y, width, height in pixels; points come back as float32 [k, 3]: x, y in pixels, confidence 0-1.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np

from reelscope.analyzers.body_pose._paths import BLAZE_ROWS
from reelscope.features.people._landmarks import find as find_landmarks
from reelscope.features.people._landmarks import roi_of
from reelscope.features.people._picture import Picture

__all__ = ["BlazeLite", "MoveNet", "Points", "VitPose", "dark", "square_of", "vitpose_box"]

MOVENET_PX = 192
MOVENET_MARGIN = 1.25  # measured on the labelled bodies: PCK 0.75 at 1.0, 0.78 at 1.25, 0.77 at 1.5
VIT_WIDTH, VIT_HEIGHT = 192, 256
VIT_MARGIN = 1.25  # as in training
MEAN = np.array([0.485, 0.456, 0.406], np.float32)  # of ImageNet, R G B
STD = np.array([0.229, 0.224, 0.225], np.float32)
BLUR_PX = 11  # Gaussian of DARK on a heat map of 48 x 64 (Zhang et al., CVPR 2020)

Xywh = tuple[float, float, float, float]


class Points(Protocol):
    """A pose model over people, each in a picture."""

    def __call__(self, pictures: Sequence[np.ndarray], boxes: Sequence[Xywh], keypoints: Sequence[np.ndarray]) -> list[np.ndarray]:
        """Points of each person: picture (uint8 [h, w, 3]), box, and the points (float32 [33, 4] in pixels) that the feature found."""


def square_of(box: Xywh, margin: float) -> np.ndarray:
    """Corners (top left, top right, bottom left), float32 [3, 2], of the square about a box, enlarged by `margin`."""
    x, y, width, height = box
    side = max(width, height) * margin
    left, top = x + width / 2 - side / 2, y + height / 2 - side / 2
    return np.array([[left, top], [left + side, top], [left, top + side]], np.float32)


class MoveNet:
    """MoveNet Lightning (single person, uint8, 192 x 192) on the square about each person."""

    def __init__(self, cv2: Any, handle: Any) -> None:
        self._cv2, self._handle = cv2, handle

    def __call__(self, pictures: Sequence[np.ndarray], boxes: Sequence[Xywh], keypoints: Sequence[np.ndarray]) -> list[np.ndarray]:
        out = []
        target = np.array([[0, 0], [MOVENET_PX, 0], [0, MOVENET_PX]], np.float32)
        for rgb, box in zip(pictures, boxes, strict=True):
            corners = square_of(box, MOVENET_MARGIN)
            matrix = self._cv2.getAffineTransform(corners - 0.5, target - 0.5)
            square = self._cv2.warpAffine(rgb, matrix, (MOVENET_PX, MOVENET_PX), flags=self._cv2.INTER_AREA)
            rows = self._handle.session.run([square[None]])[0][0, 0]  # y, x (0-1 of the square), confidence
            side = float(corners[1, 0] - corners[0, 0])
            out.append(np.stack([corners[0, 0] + rows[:, 1] * side, corners[0, 1] + rows[:, 0] * side, rows[:, 2]], axis=1))
        return out


class BlazeLite:
    """The lighter landmark model of BlazePose on the circle about each body."""

    def __init__(self, cv2: Any, handle: Any) -> None:
        self._cv2, self._handle = cv2, handle

    def __call__(self, pictures: Sequence[np.ndarray], boxes: Sequence[Xywh], keypoints: Sequence[np.ndarray]) -> list[np.ndarray]:
        out = []
        for rgb, box, points in zip(pictures, boxes, keypoints, strict=True):
            hips = points[23:25, :2].mean(axis=0)
            away = points[11:13, :2].mean(axis=0) - hips
            corners = np.array([[box[0] + i * box[2], box[1] + j * box[3]] for i in (0, 1) for j in (0, 1)])
            radius = float(np.linalg.norm(corners - hips, axis=1).max())
            size = float(np.linalg.norm(away))
            circle = hips + (away / size if size > 0 else np.array([0.0, -1.0])) * radius
            body = find_landmarks(self._handle.session.run, Picture(self._cv2, rgb), roi_of(hips.tolist(), circle.tolist()))
            out.append(body.points[BLAZE_ROWS][:, [0, 1, 3]])
        return out


def vitpose_box(box: Xywh) -> tuple[float, float, float, float]:
    """Centre x, y, width, height of ViTPose's part of the picture: 3 : 4, the box and a margin."""
    x, y, width, height = box
    aspect = VIT_WIDTH / VIT_HEIGHT
    width, height = max(width, height * aspect), max(height, width / aspect)
    return x + box[2] / 2, y + box[3] / 2, width * VIT_MARGIN, height * VIT_MARGIN


def vitpose_input(cv2: Any, rgb: np.ndarray, box: Xywh) -> np.ndarray:
    """float32 [3, 256, 192], normalised; the part's edges lie on the centres of the outer pixels (unbiased, Huang et al., CVPR 2020)."""
    cx, cy, width, height = vitpose_box(box)
    source = np.array([[cx - width / 2, cy - height / 2], [cx + width / 2, cy - height / 2], [cx - width / 2, cy + height / 2]], np.float32)
    target = np.array([[0, 0], [VIT_WIDTH - 1, 0], [0, VIT_HEIGHT - 1]], np.float32)
    part = cv2.warpAffine(rgb, cv2.getAffineTransform(source, target), (VIT_WIDTH, VIT_HEIGHT), flags=cv2.INTER_LINEAR)
    return np.ascontiguousarray(((part.astype(np.float32) / 255 - MEAN) / STD).transpose(2, 0, 1))


def dark(cv2: Any, heat: np.ndarray) -> np.ndarray:
    """Peak of each heat map [k, h, w], between its pixels: float32 [k, 3] as x, y in heat-map pixels and the height of the peak.

    The map is blurred, and the top of the parabola through the logarithm about the highest pixel is taken (DARK, Zhang et al. 2020).
    """
    out = np.empty((len(heat), 3), np.float32)
    for i, plane in enumerate(heat):
        y, x = np.unravel_index(int(plane.argmax()), plane.shape)
        out[i] = x, y, plane[y, x]
        log = np.log(np.maximum(cv2.GaussianBlur(plane.astype(np.float32), (BLUR_PX, BLUR_PX), 0), 1e-3))
        if not (1 <= x < plane.shape[1] - 1 and 1 <= y < plane.shape[0] - 1):
            continue
        dx, dy = (log[y, x + 1] - log[y, x - 1]) / 2, (log[y + 1, x] - log[y - 1, x]) / 2
        dxx = log[y, x + 1] - 2 * log[y, x] + log[y, x - 1]
        dyy = log[y + 1, x] - 2 * log[y, x] + log[y - 1, x]
        dxy = (log[y + 1, x + 1] - log[y + 1, x - 1] - log[y - 1, x + 1] + log[y - 1, x - 1]) / 4
        if dxx * dyy - dxy * dxy > 1e-9:
            step = -np.linalg.solve(np.array([[dxx, dxy], [dxy, dyy]], np.float64), np.array([dx, dy], np.float64))
            out[i, :2] += np.clip(step, -1, 1)  # the top lies next to the highest pixel; further is a flat map
    return out


class VitPose:
    """ViTPose through transformers: 17 heat maps of 48 x 64 for each person, batches of the engine's size."""

    def __init__(self, cv2: Any, torch: Any, ctx: Any, handle: Any) -> None:
        self._cv2, self._torch, self._ctx, self._handle = cv2, torch, ctx, handle

    def __call__(self, pictures: Sequence[np.ndarray], boxes: Sequence[Xywh], keypoints: Sequence[np.ndarray]) -> list[np.ndarray]:
        parts = [vitpose_input(self._cv2, rgb, box) for rgb, box in zip(pictures, boxes, strict=True)]
        return [self._placed(heat, box) for heat, box in zip(self._ctx.batched(parts, self._infer), boxes, strict=True)]

    def _infer(self, parts: Sequence[np.ndarray]) -> list[np.ndarray]:
        session = self._handle.session
        with self._torch.inference_mode():
            pixels = self._torch.from_numpy(np.stack(parts)).to(session.device, session.model.dtype)
            return list(session.model(pixel_values=pixels).heatmaps.float().cpu().numpy())

    def _placed(self, heat: np.ndarray, box: Xywh) -> np.ndarray:
        cx, cy, width, height = vitpose_box(box)
        points = dark(self._cv2, heat)
        points[:, 0] = cx - width / 2 + points[:, 0] / (heat.shape[2] - 1) * width
        points[:, 1] = cy - height / 2 + points[:, 1] / (heat.shape[1] - 1) * height
        points[:, 2] = np.clip(points[:, 2], 0, 1)
        return points
