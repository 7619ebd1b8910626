"""The gate: where in a sample something text-like has newly come to rest, so that the networks run there and nowhere else.

Overlaid text stands still on the screen while it can be read, whatever moves behind it. The gate works on the gradient field of a reduced
luma picture: a pixel is *stable* where its gradient is strong and equals that of the sample before, and *fresh* where it is stable but
differs from what was there when the place was last examined. Places dense in fresh pixels become regions for the detector. A static
scene is examined once; a moving one has no stable pixels but the text on it. Two levels are remembered apart: `quick` for a look at
reduced size, as soon as something rests, and `close` for a look at full size (small print), when it has rested for a while.
"""

from __future__ import annotations

from typing import Literal

import cv2
import numpy as np

__all__ = ["Gate", "Level", "Region", "gradient", "regions_of", "unite"]

Level = Literal["quick", "close"]

STRONG = 18.0  # grey levels per px: white text at a quarter of its opacity over mid grey still passes, sensor noise does not
SAME = 0.45  # relative length of a gradient difference up to which two gradients count as the same
CELL_PX = 8  # px of the reduced picture: a line of 16 px in a 540 px picture fills one row of cells
FRESH_MIN = 0.04  # share of fresh pixels of each polarity in a cell; either flank of a caption's strokes fills 0.08-0.2 of it
FLANK_MIN = 8.0  # grey levels per px: a horizontal slope weaker than this belongs to a horizontal stroke
CELLS_MIN = 3  # in a region: single cells are corners and noise
PAD_PX = 12  # px of the reduced picture around a region: the detector wants some background
REST_S = 1.0  # how long a place must have rested for the close look; small print (watermarks, labels) stays longer than that

Region = tuple[int, int, int, int]
"""Left, top, right, bottom; half-open, in px of the picture named."""


def gradient(gray: np.ndarray) -> np.ndarray:
    """Gradient field of a luma picture (uint8 [h, w]) in grey levels per px: float32 [2, h, w], x then y (Sobel / 8)."""
    field = np.empty((2, *gray.shape), np.float32)
    cv2.Sobel(gray, cv2.CV_32F, 1, 0, dst=field[0], scale=0.125)
    cv2.Sobel(gray, cv2.CV_32F, 0, 1, dst=field[1], scale=0.125)
    return field


def power_of(field: np.ndarray) -> np.ndarray:
    """Squared length of a gradient field: float32 [h, w]."""
    out = field[0] * field[0]
    out += field[1] * field[1]
    return out


def regions_of(fresh: np.ndarray, slope: np.ndarray) -> list[Region]:
    """Boxes (px of the mask) around the places dense in fresh pixels of both polarities.

    A stroke has two flanks: where text is, rising and falling luma lie side by side, while the outline of an object has one of them.

    Args:
        fresh: bool [h, w].
        slope: float32 [h, w], horizontal gradient.
    """
    h, w = fresh.shape
    rows, columns = max(1, round(h / CELL_PX)), max(1, round(w / CELL_PX))
    rising = _density(fresh & (slope > FLANK_MIN), columns, rows)
    falling = _density(fresh & (slope < -FLANK_MIN), columns, rows)
    both = np.minimum(cv2.blur(rising, (3, 1)), cv2.blur(falling, (3, 1)))
    dense = (both > FRESH_MIN).astype(np.uint8)
    if not dense.any():
        return []
    # words of a line belong together: close gaps of two cells sideways, one cell up and down
    joined = cv2.morphologyEx(dense, cv2.MORPH_CLOSE, np.ones((3, 5), np.uint8))
    count, _, stats, _ = cv2.connectedComponentsWithStats(joined, connectivity=8)
    step_x, step_y = w / columns, h / rows
    boxes: list[Region] = []
    for x, y, cw, ch, _area in stats[1:count].tolist():
        if cw < 2 or int(dense[y : y + ch, x : x + cw].sum()) < CELLS_MIN:
            continue
        left, right = max(0, int(x * step_x) - PAD_PX), min(w, int((x + cw) * step_x) + PAD_PX + 1)
        top, bottom = max(0, int(y * step_y) - PAD_PX), min(h, int((y + ch) * step_y) + PAD_PX + 1)
        boxes.append((left, top, right, bottom))
    return unite(boxes)


def _density(mask: np.ndarray, columns: int, rows: int) -> np.ndarray:
    return cv2.resize(mask.view(np.uint8).astype(np.float32), (columns, rows), interpolation=cv2.INTER_AREA)


def unite(boxes: list[Region]) -> list[Region]:
    """Merge boxes that overlap until none do; sorted."""
    out: list[Region] = []
    for box in sorted(boxes):
        current = box
        while True:
            hit = next((o for o in out if overlaps(o, current)), None)
            if hit is None:
                break
            out.remove(hit)
            current = (min(current[0], hit[0]), min(current[1], hit[1]), max(current[2], hit[2]), max(current[3], hit[3]))
        out.append(current)
    return sorted(out)


def overlaps(a: tuple[float, ...], b: tuple[float, ...]) -> bool:
    """Whether two boxes share area."""
    return min(a[2], b[2]) > max(a[0], b[0]) and min(a[3], b[3]) > max(a[1], b[1])


class Gate:
    """What was where in the last sample, what has been examined, and for how long each pixel has rested."""

    def __init__(self) -> None:
        self.field: np.ndarray | None = None
        self._pts_s = 0.0
        self._age_s: np.ndarray | None = None
        self._seen: dict[Level, np.ndarray] = {}
        self._fresh: dict[Level, np.ndarray] = {}

    def step(self, gray: np.ndarray, pts_s: float) -> np.ndarray:
        """Take the next sample's reduced luma (uint8 [h, w]); returns its gradient field (float32 [2, h, w])."""
        field = gradient(gray)
        before, self.field = self.field, field
        if before is None or before.shape != field.shape or self._age_s is None:
            self._age_s = np.zeros(gray.shape, np.float32)
            self._seen = {level: np.zeros_like(field) for level in ("quick", "close")}
            self._fresh = {level: np.zeros(gray.shape, bool) for level in ("quick", "close")}
        else:
            power = power_of(field)
            limit = SAME * SAME * power
            stable = (power > STRONG * STRONG) & (power_of(field - before) <= limit)
            self._age_s += np.float32(pts_s - self._pts_s)
            self._age_s *= stable
            for level, seen in self._seen.items():
                known = power_of(field - seen) <= limit
                # what no longer looks as it did when examined is forgotten: the same caption coming back is new
                seen *= known
                self._fresh[level] = stable & ~known
            self._fresh["close"] &= self._age_s >= REST_S
        self._pts_s = pts_s
        return field

    def examined(self, region: Region, level: Level) -> None:
        """Remember that `region` (px of the reduced picture) has been looked at in this sample."""
        if self.field is None:
            return
        at = slice(max(0, region[1]), max(0, region[3])), slice(max(0, region[0]), max(0, region[2]))
        for each in ("quick", "close") if level == "close" else ("quick",):
            self._seen[each][:, at[0], at[1]] = self.field[:, at[0], at[1]]
            self._fresh[each][at] = False

    def regions(self, level: Level) -> list[Region]:
        """Regions of this sample still to examine at that level, in px of the reduced picture."""
        fresh = self._fresh.get(level)
        return [] if fresh is None or self.field is None else regions_of(fresh, self.field[0])
