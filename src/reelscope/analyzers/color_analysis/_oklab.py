"""OKLab and sRGB (IEC 61966-2-1), over arrays. OKLab: Ottosson 2020, https://bottosson.github.io/posts/oklab/."""

from __future__ import annotations

import numpy as np

__all__ = ["hex_of", "linear_to_oklab", "oklab_to_linear", "oklab_to_srgb8", "srgb8_of_hex", "srgb_to_linear", "srgb_to_oklab"]

_LMS_OF_RGB = np.array(
    [
        [0.4122214708, 0.5363325363, 0.0514459929],
        [0.2119034982, 0.6806995451, 0.1073969566],
        [0.0883024619, 0.2817188376, 0.6299787005],
    ]
)
_LAB_OF_LMS = np.array(
    [
        [0.2104542553, 0.7936177850, -0.0040720468],
        [1.9779984951, -2.4285922050, 0.4505937099],
        [0.0259040371, 0.7827717662, -0.8086757660],
    ]
)
_LMS_OF_LAB = np.linalg.inv(_LAB_OF_LMS)
_RGB_OF_LMS = np.linalg.inv(_LMS_OF_RGB)


def srgb_to_linear(srgb: np.ndarray) -> np.ndarray:
    """Linear light (0-1) of sRGB values (0-255, any shape, fractions allowed)."""
    value = np.asarray(srgb, np.float64) / 255.0
    return np.where(value <= 0.04045, value / 12.92, ((value + 0.055) / 1.055) ** 2.4)


def linear_to_oklab(linear: np.ndarray) -> np.ndarray:
    """OKLab [..., 3] (L 0-1, a, b about +-0.4) of linear sRGB [..., 3] (0-1)."""
    return np.cbrt(linear @ _LMS_OF_RGB.T) @ _LAB_OF_LMS.T


def oklab_to_linear(lab: np.ndarray) -> np.ndarray:
    """Linear sRGB [..., 3] of OKLab [..., 3]; outside 0-1 where the colour is outside the gamut."""
    return (np.asarray(lab, np.float64) @ _LMS_OF_LAB.T) ** 3 @ _RGB_OF_LMS.T


def srgb_to_oklab(srgb: np.ndarray) -> np.ndarray:
    """OKLab [..., 3] of sRGB [..., 3] (0-255)."""
    return linear_to_oklab(srgb_to_linear(srgb))


def oklab_to_srgb8(lab: np.ndarray) -> np.ndarray:
    """The nearest sRGB colour, uint8 [..., 3], of OKLab [..., 3]; clipped channel by channel where it is outside the gamut."""
    linear = np.clip(oklab_to_linear(lab), 0.0, 1.0)
    value = np.where(linear <= 0.0031308, linear * 12.92, 1.055 * linear ** (1 / 2.4) - 0.055)
    return np.rint(value * 255.0).astype(np.uint8)


def hex_of(lab: np.ndarray) -> str:
    """`#rrggbb` of one OKLab colour [3]."""
    r, g, b = (int(v) for v in oklab_to_srgb8(lab))
    return f"#{r:02x}{g:02x}{b:02x}"


def srgb8_of_hex(code: str) -> tuple[int, int, int]:
    """R, G, B (0-255) of `#rrggbb`."""
    return int(code[1:3], 16), int(code[3:5], 16), int(code[5:7], 16)
