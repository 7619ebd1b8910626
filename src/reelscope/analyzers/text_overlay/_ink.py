"""Colours of a line: its ink, what the ink stands on, and the contrast between the two (WCAG 2.1)."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

__all__ = ["Ink", "contrast_ratio", "hex_of", "measure_ink", "relative_luminance"]

INK_SHARE_MIN = 0.03  # of the crop: less is a speck, not writing
INK_SHARE_MAX = 0.65  # more is a plate, not writing
PLATE_WIDTH = 0.8  # share of the crop's width
PLATE_FULL = 0.5  # share of its own bounds that a plate fills; outlines that run together fill 0.2-0.4
EXTENT_MIN = 0.005  # share of a row that must be ink: specks above and below do not stretch the line
OUTLINED_MIN = 0.35  # share of a filled outline that its letter takes (0.5-0.8); counters take 0.05-0.25 of their letters


@dataclass(frozen=True, slots=True)
class Ink:
    """Colours as sRGB 0-255.

    Attributes:
        text: Median colour of the stroke cores.
        ground: Median colour of what directly surrounds the strokes: a plate, an outline, or the picture.
        contrast: WCAG contrast ratio of the two, 1-21.
        text_spread, ground_spread: Mean absolute deviation from the medians in grey levels: drawn text is flat, photographed text is not.
        extent: Left, top, right, bottom of the strokes as shares of the crop.
    """

    text: tuple[int, int, int]
    ground: tuple[int, int, int]
    contrast: float
    text_spread: float
    ground_spread: float
    extent: tuple[float, float, float, float]


def relative_luminance(rgb: tuple[int, int, int]) -> float:
    """Relative luminance 0-1 of an sRGB colour (WCAG 2.1)."""
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in (v / 255 for v in rgb)]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast_ratio(a: tuple[int, int, int], b: tuple[int, int, int]) -> float:
    """WCAG 2.1 contrast ratio of two sRGB colours: 1 (equal) to 21 (black on white)."""
    high, low = sorted((relative_luminance(a), relative_luminance(b)), reverse=True)
    return (high + 0.05) / (low + 0.05)


def hex_of(rgb: tuple[int, int, int]) -> str:
    """`#rrggbb`."""
    return "#{:02x}{:02x}{:02x}".format(*rgb)


def measure_ink(crop: np.ndarray) -> Ink | None:
    """Colours of the line in `crop` (uint8 [h, w, 3] rgb); None where ink and ground do not come apart.

    Otsu's threshold (1979) divides the luma in two. Writing is what does not reach the crop's border, since the detector's boxes keep a
    margin. Where both classes have such parts, one surrounds the other: letters around their counters, or an outline around its letters;
    an outlined letter fills most of its outline, a counter little of its letter. Cores of the strokes give the ink's colour, a ring
    around them (one pixel of anti-aliasing left out) that of the ground.
    """
    if crop.shape[0] < 6 or crop.shape[1] < 6:
        return None
    gray = cv2.cvtColor(crop, cv2.COLOR_RGB2GRAY)
    _, bright = cv2.threshold(gray, 0, 1, cv2.THRESH_BINARY + cv2.THRESH_OTSU)
    ink = _ink_mask(bright)
    if ink is None:
        return None
    depth = cv2.distanceTransform(ink, cv2.DIST_L2, 3)
    cores = depth >= max(1.0, 0.6 * float(np.percentile(depth[ink > 0], 90)))
    square = np.ones((3, 3), np.uint8)
    near = cv2.dilate(ink, square)
    reach = max(1, round(crop.shape[0] / 40))  # an outline is about a tenth of the letters' height wide
    ring = (cv2.dilate(near, square, iterations=reach) > 0) & (near == 0)
    if not cores.any() or not ring.any():
        return None
    text, text_spread = _median(crop[cores])
    ground, ground_spread = _median(crop[ring])
    return Ink(text, ground, contrast_ratio(text, ground), text_spread, ground_spread, _extent(ink))


def _ink_mask(bright: np.ndarray) -> np.ndarray | None:
    """Strokes as uint8 0/1 [h, w], from the two classes of a crop (1: bright); None where neither looks like writing."""
    inner = [_inner(bright), _inner(1 - bright)]
    areas = [int(mask.sum()) for mask in inner]
    # which of the two is on the outside: the one whose filled outlines hold most of the other
    filled = [_filled(mask) for mask in inner]
    held = [float((inner[1 - k] & filled[k]).sum()) / max(1, areas[1 - k]) for k in (0, 1)]
    outer = int(areas[1] > areas[0]) if min(areas) == 0 else int(held[1] > held[0])
    within = int((inner[1 - outer] & filled[outer]).sum())
    outlined = within >= OUTLINED_MIN * max(1, int(filled[outer].sum()))
    ink = inner[1 - outer] & filled[outer] if outlined else inner[outer]
    return ink if INK_SHARE_MIN <= float(ink.mean()) <= INK_SHARE_MAX else None


def _extent(ink: np.ndarray) -> tuple[float, float, float, float]:
    h, w = ink.shape
    columns, rows = np.flatnonzero(ink.any(axis=0)), np.flatnonzero(ink.sum(axis=1) >= max(1, EXTENT_MIN * w))
    if len(rows) == 0:
        rows = np.flatnonzero(ink.any(axis=1))
    return float(columns[0] / w), float(rows[0] / h), float((columns[-1] + 1) / w), float((rows[-1] + 1) / h)


def _inner(mask: np.ndarray) -> np.ndarray:
    """The parts of a 0/1 mask that do not touch its border and are no plate (as wide as the crop, and mostly full)."""
    count, labels, stats, _ = cv2.connectedComponentsWithStats(mask, connectivity=4)
    h, w = mask.shape
    x, y, right, bottom = stats[:, 0], stats[:, 1], stats[:, 0] + stats[:, 2], stats[:, 1] + stats[:, 3]
    inside = (x > 0) & (y > 0) & (right < w) & (bottom < h)
    plate = (stats[:, 2] > PLATE_WIDTH * w) & (stats[:, 4] > PLATE_FULL * stats[:, 2] * stats[:, 3])
    inside &= ~plate
    inside[0] = False
    return inside[labels].astype(np.uint8)


def _filled(mask: np.ndarray) -> np.ndarray:
    """A 0/1 mask with everything inside its outer contours."""
    contours, _ = cv2.findContours(mask, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    out = np.zeros_like(mask)
    cv2.drawContours(out, contours, -1, 1, cv2.FILLED)
    return out


def _median(pixels: np.ndarray) -> tuple[tuple[int, int, int], float]:
    middle = np.median(pixels, axis=0)
    spread = float(np.abs(pixels.astype(np.float32) - middle).mean())
    red, green, blue = (int(v) for v in middle)
    return (red, green, blue), spread
