"""How a frame looks, in a few numbers, and how far two frames are apart: palette and colour layout in OKLab."""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import cv2
import numpy as np

from reelscope.analyzers.color_analysis._oklab import srgb_to_oklab

__all__ = ["Look", "look_of", "layout_distance", "palette_distance", "palette_of", "reduce_frame", "shot_distance", "without_bars"]

GRID_SHORT, GRID_LONG_MAX = 18, 64  # cells along the shorter side, and at most along the longer one
# Soft bins, so that a slightly different exposure does not jump bins: OKLab L in steps of 0.125, a and b in steps of 0.06 from -0.3 to 0.3.
BINS, STEP_L, STEP_AB = (9, 11, 11), 0.125, 0.06
CORE = 0.875  # share of each side that is looked for in the other picture; the rest is room to shift
SCALES = (1.0, 0.85, 0.72, 0.61, 0.52)  # punch-ins up to twice the size
# Not the very nearest pair of frames: one that belongs to the shot beside, or shows both, would join what does not belong together.
NEAR_QUANTILE = 0.1
BAR_RANGE = 10  # of 255: cells of a bar differ by at most this, over the row and over the clip
BARS_MOST = 0.75  # more than this share of a side is no bar but a plain picture


@dataclass(frozen=True, slots=True)
class Look:
    """One frame: OKLab grid float32 [h, w, 3] and palette histogram float64 [1089] (sums to 1)."""

    grid: np.ndarray
    palette: np.ndarray


def reduce_frame(rgb: np.ndarray) -> np.ndarray:
    """A frame as a grid of mean colours: uint8 [h, w, 3] sRGB, the shorter side 18 cells."""
    height, width = rgb.shape[:2]
    scale = GRID_SHORT / min(height, width)
    size = tuple(min(GRID_LONG_MAX, max(GRID_SHORT, round(side * scale))) for side in (width, height))
    return cv2.resize(rgb, size, interpolation=cv2.INTER_AREA)


def without_bars(grids: np.ndarray) -> tuple[slice, slice]:
    """Rows and columns of the picture inside plain bars that are there throughout.

    Args:
        grids: uint8 [n, h, w, 3], all grids of the clip that are compared.
    """
    whole = slice(0, grids.shape[1]), slice(0, grids.shape[2])
    if not len(grids):
        return whole
    out = []
    for axis, size in ((1, grids.shape[1]), (2, grids.shape[2])):
        others = tuple(i for i in range(3) if i != axis)
        reach = grids.max(axis=others).astype(int) - grids.min(axis=others)
        plain = (reach <= BAR_RANGE).all(axis=1)
        first = int(np.argmin(plain)) if not plain.all() else size
        last = int(np.argmin(plain[::-1])) if not plain.all() else size
        out.append(slice(first, size - last) if first + last <= BARS_MOST * size else slice(0, size))
    return out[0], out[1]


def look_of(grid: np.ndarray) -> Look:
    """Look of a grid (uint8 [h, w, 3], sRGB)."""
    lab = srgb_to_oklab(grid)
    return Look(lab.astype(np.float32), palette_of(lab))


def palette_of(lab: np.ndarray) -> np.ndarray:
    """Soft three-dimensional histogram of OKLab colours [..., 3]: each is shared among its eight nearest bins; float64 [1089], sum 1."""
    flat = lab.reshape(-1, 3)
    place = flat / (STEP_L, STEP_AB, STEP_AB) + (0, BINS[1] // 2, BINS[2] // 2)
    place = np.clip(place, 0, np.array(BINS) - 1.001)
    low = np.floor(place).astype(int)
    part = place - low
    out = np.zeros(int(np.prod(BINS)))
    for corner in itertools.product((0, 1), repeat=3):
        weight = np.prod(np.where(np.array(corner, bool), part, 1 - part), axis=1)
        index = np.ravel_multi_index(tuple((low + np.array(corner)).T), BINS)
        out += np.bincount(index, weight, len(out))
    return out / len(flat)


def palette_distance(a: np.ndarray, b: np.ndarray) -> float:
    """Hellinger distance of two histograms, 0 (the same colours) to 1 (none in common)."""
    return float(np.sqrt(max(0.0, 1.0 - np.sqrt(a * b).sum())))


def layout_distance(a: np.ndarray, b: np.ndarray) -> float:
    """Root mean squared OKLab difference of two grids (float32 [h, w, 3]) where one's core fits best into the other, shifted and scaled."""
    best = np.inf
    for seeking, within in ((a, b), (b, a)):
        height, width = seeking.shape[:2]
        core_h, core_w = max(1, round(CORE * height)), max(1, round(CORE * width))
        top, left = (height - core_h) // 2, (width - core_w) // 2
        core = seeking[top : top + core_h, left : left + core_w]
        for scale in SCALES:
            size = (max(1, round(core_w * scale)), max(1, round(core_h * scale)))
            patch = cv2.resize(core, size, interpolation=cv2.INTER_AREA)
            error = cv2.matchTemplate(within, patch, cv2.TM_SQDIFF).min() / (size[0] * size[1])
            best = min(best, error)
    return float(np.sqrt(max(0.0, best)))  # rounding can take a sum of squares below 0


def shot_distance(a: list[Look], b: list[Look]) -> tuple[float, float]:
    """Palette and layout distance of two shots: those of their nearest frames, of the palettes the lower decile."""
    palette = float(np.quantile([palette_distance(x.palette, y.palette) for x in a for y in b], NEAR_QUANTILE))
    few_a, few_b = (sorted({0, len(looks) // 2, len(looks) - 1}) for looks in (a, b))
    layout = min(layout_distance(a[i].grid, b[j].grid) for i in few_a for j in few_b)
    return palette, layout
