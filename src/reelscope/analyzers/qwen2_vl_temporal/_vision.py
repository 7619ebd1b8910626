"""Pictures as Qwen's vision towers take them, with NumPy alone: size, resampling, normalisation, patches.

Written from the published description of Qwen2-VL (dynamic resolution: sides are multiples of a patch times the merge, the number of pixels
lies between two bounds, two frames make one temporal patch) and compared with the processors of transformers in the tests.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

__all__ = ["FAMILIES", "Eye", "Family", "fit_size", "patches", "resize"]

MAX_ASPECT = 200  # what the models were made for; a picture beyond it is no picture


@dataclass(frozen=True, slots=True)
class Family:
    """What differs between the families and is not in their configuration.

    Attributes:
        mean, std: Of the pixels, 0-1, per channel.
        timestamps: Whether each pair of frames stands in a vision block of its own behind its time (Qwen3-VL).
        seconds_per_grid: Whether the model takes the seconds between two pairs of frames (Qwen2.5-VL).
    """

    mean: tuple[float, float, float]
    std: tuple[float, float, float]
    timestamps: bool = False
    seconds_per_grid: bool = False


CLIP_MEAN, CLIP_STD = (0.48145466, 0.4578275, 0.40821073), (0.26862954, 0.26130258, 0.27577711)
# By `model_type` of the configuration.
FAMILIES = {
    "qwen2_vl": Family(CLIP_MEAN, CLIP_STD),
    "qwen2_5_vl": Family(CLIP_MEAN, CLIP_STD, seconds_per_grid=True),
    "qwen3_vl": Family((0.5, 0.5, 0.5), (0.5, 0.5, 0.5), timestamps=True),
}


@dataclass(frozen=True, slots=True)
class Eye:
    """The shape of a vision tower's input: sides of a patch in pixels, patches merged per side, frames per temporal patch."""

    patch: int = 14
    merge: int = 2
    temporal: int = 2

    @property
    def factor(self) -> int:
        """Sides of a picture are multiples of it; a square of this side becomes one token."""
        return self.patch * self.merge


def fit_size(width: int, height: int, *, factor: int, min_pixels: int, max_pixels: int) -> tuple[int, int]:
    """The size (width, height) at which a picture is shown: multiples of `factor`, the aspect as near as that allows.

    Raises:
        ValueError: One side is more than 200 times the other.
    """
    if max(width, height) > MAX_ASPECT * min(width, height):
        raise ValueError(f"a picture of {width}x{height} is too long for its width")
    wide, high = max(factor, round(width / factor) * factor), max(factor, round(height / factor) * factor)
    if wide * high > max_pixels:
        scale = math.sqrt(width * height / max_pixels)
        wide, high = (max(factor, math.floor(side / scale / factor) * factor) for side in (width, height))
    elif wide * high < min_pixels:
        scale = math.sqrt(min_pixels / (width * height))
        wide, high = (math.ceil(side * scale / factor) * factor for side in (width, height))
    return wide, high


def resize(rgb: np.ndarray, width: int, height: int) -> np.ndarray:
    """Resample a picture with a bicubic kernel that widens when it shrinks (as Pillow does), columns first, rounded after each pass.

    Args:
        rgb: uint8 [h, w, 3].

    Returns:
        uint8 [height, width, 3].
    """
    high, wide = rgb.shape[:2]
    out = rgb
    if wide != width:
        out = _first_axis(out.transpose(1, 0, 2), width).transpose(1, 0, 2)
    if high != height:
        out = _first_axis(out, height)
    return np.ascontiguousarray(out)


def patches(frames: Sequence[np.ndarray], eye: Eye, family: Family) -> tuple[np.ndarray, tuple[int, int, int]]:
    """Normalised patches in the order in which the model merges them.

    Args:
        frames: uint8 [h, w, 3] each, of one size that fits the eye. An incomplete temporal patch is filled up with the last frame; one
            picture alone makes one, as a still does.

    Returns:
        float32 [t * h * w, 3 * temporal * patch * patch] and the grid (t, h, w) in patches.
    """
    count = math.ceil(len(frames) / eye.temporal) * eye.temporal
    pixels = np.stack([*frames, *[frames[-1]] * (count - len(frames))]).astype(np.float32) / np.float32(255)
    pixels = (pixels - np.asarray(family.mean, np.float32)) / np.asarray(family.std, np.float32)
    p, m = eye.patch, eye.merge
    time, high, wide = count // eye.temporal, pixels.shape[1] // p, pixels.shape[2] // p
    cut = pixels.reshape(time, eye.temporal, high // m, m, p, wide // m, m, p, 3)
    ordered = cut.transpose(0, 2, 5, 3, 6, 8, 1, 4, 7)  # time, block row, block column, row, column, channel, frame, y, x
    return np.ascontiguousarray(ordered).reshape(time * high * wide, -1), (time, high, wide)


def _first_axis(pixels: np.ndarray, target: int) -> np.ndarray:
    """uint8 [n, m, 3] resampled to [target, m, 3]: one large product."""
    flat = np.ascontiguousarray(pixels).reshape(len(pixels), -1).astype(np.float32)
    out = _kernel(len(pixels), target) @ flat
    out += 0.5
    np.clip(out, 0, 255, out=out)
    return out.astype(np.uint8).reshape(target, -1, 3)  # the cast cuts off, which after adding a half rounds


@lru_cache(maxsize=64)
def _kernel(source: int, target: int) -> np.ndarray:
    """float32 [target, source]: each row weighs the source's pixels for one of the target's (Keys' cubic with a = -0.5)."""
    scale = source / target
    stretch = max(1.0, scale)
    centres = (np.arange(target) + 0.5) * scale
    places = np.arange(source) + 0.5
    x = np.abs((places[None, :] - centres[:, None]) / stretch)
    a = -0.5
    near = ((a + 2) * x - (a + 3)) * x * x + 1
    far = ((x - 5) * x + 8) * x * a - 4 * a
    weights = np.where(x < 1, near, np.where(x < 2, far, 0.0))
    return (weights / weights.sum(1, keepdims=True)).astype(np.float32)
