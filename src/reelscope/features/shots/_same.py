"""Whether a cut stays in one take: the picture after it is the picture before it, moved or enlarged a little."""

from __future__ import annotations

import cv2
import numpy as np

__all__ = ["likeness", "same_take"]

# Enlargements tried: a punch-in of up to 20 % and its reverse.
SCALES = (1 / 1.2, 1 / 1.1, 1.0, 1.1, 1.2)
# Middle part of the picture that is compared, and how far it may have moved, in thumbnail cells of 5 px.
MIDDLE, SHIFT = 0.7, 3
# Of generated jump cuts 91 % are above this likeness (and 99 % below the histogram distance), of cuts between sources none.
SAME_LIKENESS, SAME_HIST = 0.65, 0.2


def same_take(before: np.ndarray, after: np.ndarray, hist_distance: float) -> bool:
    """True for a jump cut; thumbnails float32 [h, w], and the distance (0-1) of the colour histograms."""
    return hist_distance < SAME_HIST and likeness(before, after) > SAME_LIKENESS


def likeness(before: np.ndarray, after: np.ndarray) -> float:
    """Highest correlation (-1 to 1) of the middle of `after`, scaled and shifted a little, with `before`."""
    h, w = before.shape
    best = -1.0
    for scale in SCALES:
        scaled = cv2.resize(after, None, fx=scale, fy=scale, interpolation=cv2.INTER_LINEAR)
        mh, mw = (max(2, int(MIDDLE * min(a, b))) for a, b in zip((h, w), scaled.shape, strict=True))
        y, x = (scaled.shape[0] - mh) // 2, (scaled.shape[1] - mw) // 2
        top, left = (h - mh) // 2, (w - mw) // 2
        dy, dx = min(top, SHIFT), min(left, SHIFT)
        field = before[top - dy : top + mh + dy, left - dx : left + mw + dx]
        found = cv2.matchTemplate(np.ascontiguousarray(field), np.ascontiguousarray(scaled[y : y + mh, x : x + mw]), cv2.TM_CCOEFF_NORMED)
        best = max(best, float(np.nan_to_num(found, nan=0.0, posinf=0.0, neginf=0.0).max()))
    return best
