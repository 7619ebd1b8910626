"""How soft the edges of a picture are, edge by edge: the standard deviation of the blur that a step was softened by.

S. Zhuo, T. Sim, "Defocus map estimation from a single image", Pattern Recognition 44(9), 2011: a step softened by a Gaussian of standard
deviation s, blurred again by Gaussians of s1 and s2, has slopes whose ratio is R = sqrt((s^2 + s2^2) / (s^2 + s1^2)) whatever its
contrast, so that s^2 = (s2^2 - R^2 s1^2) / (R^2 - 1).
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

__all__ = ["EdgeBlur", "measure_edges"]

SHORT_SIDE_PX = 360  # where phone footage is as sharp as it gets, and noise is averaged out
SIGMA_1, SIGMA_2 = 1.0, 2.5  # px; 2.5 still parts s = 5 from s = 8
# Levels per px after the second blur. A step of 60 levels softened by 8 px has 2.9; noise of 3 levels leaves 0.1.
SLOPE_MIN = 2.0
BLUR_MAX_PX = 12.0  # beyond, R is within 2 % of 1 and tells nothing
BLUR_MIN_PX = 0.5  # sharper than that the grid of pixels does not show
# What sampling adds to s^2: the slope is taken over two pixels (variance 1/3), a pixel is a mean over its width (1/12), and the crest of an
# edge lies half a pixel beside the nearest one at worst (1/12).
SAMPLING_PX2 = 0.5
# Edges that are kept of a frame, spread evenly: 2.4 kB.
MOST_EDGES = 800


@dataclass(frozen=True, slots=True)
class EdgeBlur:
    """Edges of one frame.

    Attributes:
        row, column: uint8 [n], grid cell of each. sigma: float16 [n], blur in thousandths of the picture's shorter side.
        cells: bits of the grid cells that hold any edge (np.packbits).
    """

    row: np.ndarray
    column: np.ndarray
    sigma: np.ndarray
    cells: bytes


def measure_edges(rgb: np.ndarray, grid: tuple[int, int]) -> EdgeBlur:
    """Edges of a frame (uint8 [h, w, 3]) on a grid of (rows, columns)."""
    short = min(rgb.shape[:2])
    scale = min(1.0, SHORT_SIDE_PX / short)
    size = (max(1, round(rgb.shape[1] * scale)), max(1, round(rgb.shape[0] * scale)))
    luma = cv2.cvtColor(cv2.resize(rgb, size, interpolation=cv2.INTER_AREA), cv2.COLOR_RGB2GRAY).astype(np.float32)
    slopes = []
    for sigma in (SIGMA_1, SIGMA_2):
        soft = cv2.GaussianBlur(luma, (0, 0), sigma, borderType=cv2.BORDER_REPLICATE)
        slopes.append([cv2.Sobel(soft, cv2.CV_32F, dx, dy, ksize=3, scale=1 / 8) for dx, dy in ((1, 0), (0, 1))])
    # Canny thins the slopes of the second blur to their crests; it takes int16, 64 steps a level
    dx, dy = (np.clip(np.rint(64 * s), -32767, 32767).astype(np.int16) for s in slopes[1])
    limit = 64 * SLOPE_MIN
    edges = cv2.Canny(dx, dy, limit, limit, L2gradient=True)
    rows, columns = np.nonzero(edges)
    first, second = (np.hypot(s[0][rows, columns], s[1][rows, columns]) for s in slopes)
    ratio_2 = (first / np.maximum(second, 1e-6)) ** 2
    blur_2 = (SIGMA_2**2 - ratio_2 * SIGMA_1**2) / np.maximum(ratio_2 - 1, 1e-6)
    blur = np.sqrt(np.clip(blur_2 - SAMPLING_PX2, BLUR_MIN_PX**2, BLUR_MAX_PX**2))
    grid_rows, grid_columns = rows * grid[0] // size[1], columns * grid[1] // size[0]
    cells = np.zeros(grid, bool)
    cells[grid_rows, grid_columns] = True
    some = np.unique(np.linspace(0, len(rows) - 1, MOST_EDGES).astype(int)) if len(rows) > MOST_EDGES else slice(None)
    return EdgeBlur(
        grid_rows[some].astype(np.uint8),
        grid_columns[some].astype(np.uint8),
        (1000 * blur[some] / min(size)).astype(np.float16),
        np.packbits(cells).tobytes(),
    )
