"""A green or blue screen that was not keyed: one saturated hue, evenly lit, over much of the picture and its border."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

from reelscope.features.edits import Edit

__all__ = ["Backdrop", "screen_share"]

# OpenCV's hue runs to 180. Chroma-key cloth and paint: green 100-150 degrees, blue 205-245 degrees.
HUES = {"green": (50, 75), "blue": (103, 122)}
MIN_SATURATION, MIN_VALUE = 110, 50  # of 255; lawn and sky are paler, a lit screen is not
MIN_SHARE = 0.3  # of the picture
BORDER_SHARE = 0.4  # of the picture's outermost ring: a screen is behind the subject
HUE_SPREAD = 4.0  # standard deviation of the hue, steps of 2 degrees; foliage and sky spread wider
TEXTURE_MAX = 3.0  # levels, median luma step inside: cloth is smooth, a lawn is not
MIN_EDIT_S = 1.0


def screen_share(rgb: np.ndarray) -> tuple[float, float, float]:
    """(share of the picture, spread of the hue, 0 green or 1 blue) of the larger screen colour; share 0 where it is no screen.

    Args:
        rgb: uint8 [h, w, 3].
    """
    if rgb.shape[1] < 2:  # no neighbours to tell cloth by
        return 0.0, 0.0, 0.0
    hsv = cv2.cvtColor(rgb, cv2.COLOR_RGB2HSV)
    hue, saturation, value = hsv[..., 0], hsv[..., 1], hsv[..., 2]
    vivid = (saturation >= MIN_SATURATION) & (value >= MIN_VALUE)
    best = (0.0, 0.0, 0.0)
    for number, (low, high) in enumerate(HUES.values()):
        mask = vivid & (hue >= low) & (hue <= high)
        share = float(mask.mean())
        if share < MIN_SHARE or share <= best[0]:
            continue
        ring = np.concatenate([mask[:4].ravel(), mask[-4:].ravel(), mask[:, :4].ravel(), mask[:, -4:].ravel()])
        spread = float(hue[mask].std())
        steps = cv2.absdiff(value[:, 1:], value[:, :-1])[mask[:, 1:] & mask[:, :-1]]
        if float(ring.mean()) >= BORDER_SHARE and spread <= HUE_SPREAD and steps.size and float(np.median(steps)) <= TEXTURE_MAX:
            best = (share, spread, float(number))
    return best


class Backdrop:
    """Takes colour frames and holds three numbers of each."""

    def __init__(self) -> None:
        self._rows: list[tuple[float, float, float, float]] = []

    def add(self, rgb: np.ndarray, t_s: float) -> None:
        """Take one frame."""
        self._rows.append((t_s, *screen_share(rgb)))

    def finish(self, shots: Sequence[tuple[float, float]]) -> list[Edit]:
        """One edit for each shot of which most sampled frames show a screen."""
        out = []
        for start_s, end_s in shots:
            rows = [r for r in self._rows if start_s - 1e-6 <= r[0] < end_s - 1e-6]
            on = [r for r in rows if r[1] > 0]
            if end_s - start_s >= MIN_EDIT_S and len(on) > 0.6 * len(rows):
                share, spread, blue = (float(np.mean([r[k] for r in on])) for k in (1, 2, 3))
                figures = (("share", round(share, 4)), ("hue_spread", round(spread, 3)), ("blue", float(round(blue))))
                out.append(Edit("green_screen", float(start_s), float(end_s), figures))
        return out
