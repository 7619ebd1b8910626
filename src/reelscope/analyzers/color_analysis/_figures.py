"""Figures of light and colour from weighted OKLab entries; every formula stands in docs/analyzers/color_analysis.md."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from reelscope.analyzers.color_analysis._oklab import oklab_to_linear

__all__ = ["Figures", "cct_k", "figures", "harmony"]

WARM_AXIS_DEG = (
    75.0  # OKLab hue: the direction from the white of a 12000 K radiator to that of a 3000 K one is 74, 10000 to 4000 K 78 degrees
)
TONE_LIMIT = 0.015  # OKLab; a lesser mean shift is called neutral: half of what the white of 5000 K is shifted from D65
MIN_LUMINANCE = 0.002  # linear, 0-1; below it the chromaticity of the mean is made of noise
MAX_DUV = 0.05  # CIE 15: a correlated colour temperature has no meaning further from the Planckian locus
CCT_RANGE_K = (2000.0, 12500.0)  # where McCamy's formula was fitted
CHROMATIC = 0.04  # OKLab chroma below which a palette colour has no hue worth naming
HUE_GROUP_DEG = 30.0  # hues this near belong together
ANALOGOUS_DEG = 75.0  # hues within this arc are neighbours on the wheel
HARMONY_TOLERANCE_DEG = 30.0

_XYZ_OF_RGB = np.array([[0.4124564, 0.3575761, 0.1804375], [0.2126729, 0.7151522, 0.0721750], [0.0193339, 0.1191920, 0.9503041]])


@dataclass(frozen=True, slots=True)
class Figures:
    """brightness: mean OKLab L; contrast: its 95th minus 5th percentile; chroma: mean OKLab C.

    saturation: mean C over mean L, None for black. warmth: mean shift along the blue-orange axis (OKLab).
    cct_k: None outside the formula's limits.
    """

    brightness: float
    contrast: float
    chroma: float
    saturation: float | None
    warmth: float
    cct_k: float | None

    @property
    def tone(self) -> str:
        """warm, neutral or cool, by TONE_LIMIT."""
        return "warm" if self.warmth > TONE_LIMIT else "cool" if self.warmth < -TONE_LIMIT else "neutral"


def figures(entries: np.ndarray) -> Figures | None:
    """Figures of entries [n, 4] (OKLab L, a, b, weight); None where there are none."""
    total = float(entries[:, 3].sum()) if len(entries) else 0.0
    if total <= 0:
        return None
    weight = entries[:, 3] / total
    lightness = entries[:, 0]
    order = np.argsort(lightness, kind="stable")
    cumulative = np.cumsum(weight[order])
    low, high = (float(lightness[order][min(int(np.searchsorted(cumulative, q)), len(order) - 1)]) for q in (0.05, 0.95))
    brightness = float(weight @ lightness)
    chroma = float(weight @ np.hypot(entries[:, 1], entries[:, 2]))
    axis = np.radians(WARM_AXIS_DEG)
    warmth = float(weight @ (entries[:, 1] * np.cos(axis) + entries[:, 2] * np.sin(axis)))
    linear = weight @ np.clip(oklab_to_linear(entries[:, :3]), 0.0, 1.0)
    # 0.05: at a mean lightness that low the quotient is made of rounding
    return Figures(brightness, high - low, chroma, chroma / brightness if brightness >= 0.05 else None, warmth, cct_k(linear))


def cct_k(linear_rgb: np.ndarray) -> float | None:
    """Correlated colour temperature in K of a linear sRGB colour [3] by McCamy 1992.

    None where it has no meaning: too dark, further than MAX_DUV (CIE 1960 uv) from the Planckian locus (Krystek 1985), outside CCT_RANGE_K.
    """
    x, y, z = _XYZ_OF_RGB @ np.asarray(linear_rgb, np.float64)
    if y < MIN_LUMINANCE:
        return None
    cx, cy = x / (x + y + z), y / (x + y + z)
    n = (cx - 0.3320) / (0.1858 - cy)
    kelvin = 449.0 * n**3 + 3525.0 * n**2 + 6823.3 * n + 5520.33
    if not CCT_RANGE_K[0] <= kelvin <= CCT_RANGE_K[1]:
        return None
    u, v = 4 * cx / (12 * cy - 2 * cx + 3), 6 * cy / (12 * cy - 2 * cx + 3)
    pu = (0.860117757 + 1.54118254e-4 * kelvin + 1.28641212e-7 * kelvin**2) / (1 + 8.42420235e-4 * kelvin + 7.08145163e-7 * kelvin**2)
    pv = (0.317398726 + 4.22806245e-5 * kelvin + 4.20481691e-8 * kelvin**2) / (1 - 2.89741816e-5 * kelvin + 1.61456053e-7 * kelvin**2)
    return float(kelvin) if np.hypot(u - pu, v - pv) <= MAX_DUV else None


def harmony(colours: Sequence[tuple[np.ndarray, float]]) -> str | None:
    """The scheme that the hues of a palette form, by the angles between them on the OKLab hue circle.

    Colours of chroma below CHROMATIC do not count; hues within HUE_GROUP_DEG of one another (single linkage) form a group.
    All within HUE_GROUP_DEG: monochromatic. All within ANALOGOUS_DEG: analogous. Two groups 180 degrees apart: complementary. Three groups
    all 120 apart: triadic; one opposite the middle of the other two: split_complementary. Four, two opposite pairs: tetradic.
    Each within HARMONY_TOLERANCE_DEG; `mixed` where no rule fits.

    Args:
        colours: (OKLab [3], share) of each palette colour.

    Returns:
        The scheme's name; None where no colour is chromatic.
    """
    hues = [(float(np.degrees(np.arctan2(lab[2], lab[1]))) % 360.0, share * float(np.hypot(lab[1], lab[2]))) for lab, share in colours]
    hues = sorted(h for h, (lab, _) in zip(hues, colours, strict=True) if np.hypot(lab[1], lab[2]) >= CHROMATIC)
    if not hues:
        return None
    arc = _arc([h for h, _ in hues])
    groups = _groups(hues)
    if len(groups) == 1 and arc <= HUE_GROUP_DEG:
        return "monochromatic"
    if arc <= ANALOGOUS_DEG:
        return "analogous"
    if len(groups) == 2 and _near(groups[0], groups[1], 180.0):
        return "complementary"
    if len(groups) == 3:
        pairs = [(groups[i], groups[(i + 1) % 3], groups[(i + 2) % 3]) for i in range(3)]
        if all(_near(a, b, 120.0) for a, b, _ in pairs):
            return "triadic"
        if any(_apart(a, b) <= 90.0 and _near(c, _middle(a, b), 180.0) for a, b, c in pairs):
            return "split_complementary"
    if len(groups) == 4 and _near(groups[0], groups[2], 180.0) and _near(groups[1], groups[3], 180.0):
        return "tetradic"
    return "mixed"


def _apart(a: float, b: float) -> float:
    """Angle between two hues, 0-180 degrees."""
    return abs((a - b + 180.0) % 360.0 - 180.0)


def _near(a: float, b: float, angle: float) -> bool:
    return abs(_apart(a, b) - angle) <= HARMONY_TOLERANCE_DEG


def _middle(a: float, b: float) -> float:
    """The hue halfway along the shorter arc."""
    return (a + ((b - a + 180.0) % 360.0 - 180.0) / 2.0) % 360.0


def _arc(hues: list[float]) -> float:
    """The shortest arc that holds all of the sorted hues, in degrees."""
    gaps = [(b - a) for a, b in zip(hues, hues[1:], strict=False)] + [hues[0] + 360.0 - hues[-1]]
    return 360.0 - max(gaps)


def _groups(hues: list[tuple[float, float]]) -> list[float]:
    """Weighted mean hue of each group of the sorted (hue, weight), in order around the circle."""
    start = max(range(len(hues)), key=lambda i: (hues[i][0] - hues[i - 1][0]) % 360.0 if len(hues) > 1 else 0.0)
    turned = hues[start:] + hues[:start]
    runs: list[list[tuple[float, float]]] = [[turned[0]]]
    for before, this in zip(turned, turned[1:], strict=False):
        if (this[0] - before[0]) % 360.0 <= HUE_GROUP_DEG:
            runs[-1].append(this)
        else:
            runs.append([this])
    out = []
    for run in runs:
        turn = np.exp(1j * np.radians([h for h, _ in run])) @ np.array([w for _, w in run])
        out.append(float(np.degrees(np.angle(turn))) % 360.0)
    return out
