"""Matched filter for one line of text: is it still there, where, and how strongly."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

__all__ = ["Match", "Template"]

STROKE_SHARE = 0.3  # of the template's 95th percentile: weaker gradients are background and anti-aliasing
CLIP_X = 1.5  # gradients of the picture count at most this many times the template's 95th percentile: a busy background cannot shout
AVERAGE_MAX = 5  # samples averaged into a template: the strokes stay, the moving background goes
STRONGER = 1.25  # a match this much stronger replaces the template (a fade-in was caught half way)
PIXELS_MIN = 24  # stroke-edge px below which a match is chance


@dataclass(frozen=True, slots=True)
class Match:
    """Where the template fits best.

    Attributes:
        alpha: Projection of the picture on the template: 1 as when taken, 0 gone, in between while it fades.
        likeness: Cosine between the two over the whole box, 0-1: other words share strokes with these, but have more beside them.
        dx, dy: Shift in px of the field against the place asked for.
    """

    alpha: float
    likeness: float
    dx: int
    dy: int


class Template:
    """Gradients of a line's strokes, in px of one scale of the picture.

    Args:
        field: float32 [2, h, w], gradient field of the picture.
        box: Left, top, right, bottom in px of the field.
    """

    __slots__ = ("_count", "_mean", "height", "kernel", "limit", "pixels", "power", "width", "x", "y")

    def __init__(self, field: np.ndarray, box: tuple[float, float, float, float]) -> None:
        h, w = field.shape[1:]
        self.x, self.y = max(0, min(w - 1, int(box[0]))), max(0, min(h - 1, int(box[1])))
        self.width = max(1, min(w, int(np.ceil(box[2]))) - self.x)
        self.height = max(1, min(h, int(np.ceil(box[3]))) - self.y)
        self._take(_cut(field, self.x, self.y, self.x + self.width, self.y + self.height))

    def _take(self, crop: np.ndarray) -> None:
        self._mean, self._count = crop, 1
        self._mask()

    def _mask(self) -> None:
        strength = np.sqrt((self._mean**2).sum(axis=2))
        top = float(np.percentile(strength, 95))
        strokes = strength > max(1e-3, STROKE_SHARE * top)
        self.kernel = np.ascontiguousarray(self._mean * strokes[..., None], dtype=np.float32)
        self.power = float((self.kernel**2).sum())
        self.pixels = int(strokes.sum())
        self.limit = CLIP_X * top

    @property
    def strength(self) -> float:
        """Root mean square gradient of the strokes in grey levels per px."""
        return float(np.sqrt(self.power / self.pixels)) if self.pixels else 0.0

    @property
    def usable(self) -> bool:
        """Whether there is enough of it for a match to mean something."""
        return self.pixels >= PIXELS_MIN and self.power > 0

    def find(self, field: np.ndarray, *, at: tuple[int, int] | None = None, radius: int = 0) -> Match:
        """Best match within `radius` px of `at` (left, top; by default where the template was last put)."""
        x, y = at if at is not None else (self.x, self.y)
        h, w = field.shape[1:]
        x0, y0, x1, y1 = x - radius, y - radius, x + self.width + radius, y + self.height + radius
        inside = _cut(field, max(0, x0), max(0, y0), max(0, min(w, x1)), max(0, min(h, y1)))
        if not self.usable or inside.size == 0:
            return Match(0.0, 0.0, 0, 0)
        strength = np.sqrt(inside[..., 0] ** 2 + inside[..., 1] ** 2)
        part = inside * np.minimum(1.0, self.limit / np.maximum(strength, 1e-6))[..., None]
        top, left = max(0, -y0), max(0, -x0)
        bottom, right = (y1 - y0) - part.shape[0] - top, (x1 - x0) - part.shape[1] - left
        if top or left or bottom or right:
            part = cv2.copyMakeBorder(part, top, bottom, left, right, cv2.BORDER_CONSTANT, value=0)
        part = np.ascontiguousarray(part, np.float32)
        if radius == 0:
            bx = by = 0
            alpha = float((part * self.kernel).sum()) / self.power
        else:
            scores = cv2.matchTemplate(part, self.kernel, cv2.TM_CCORR)
            _, best, _, (bx, by) = cv2.minMaxLoc(scores)
            alpha = float(best) / self.power
        here = part[by : by + self.height, bx : bx + self.width]
        energy = float(np.vdot(here, here))
        likeness = alpha * (self.power / energy) ** 0.5 if energy > 0 else 0.0
        return Match(alpha, likeness, bx - radius, by - radius)

    def follow(self, field: np.ndarray, match: Match) -> None:
        """Move to the match and, while young or where the match is stronger, learn from it."""
        h, w = field.shape[1:]
        self.x, self.y = self.x + match.dx, self.y + match.dy
        if self.x < 0 or self.y < 0 or self.x + self.width > w or self.y + self.height > h:
            return
        crop = _cut(field, self.x, self.y, self.x + self.width, self.y + self.height)
        if match.alpha > STRONGER:
            self._take(crop)
        elif self._count < AVERAGE_MAX:
            self._count += 1
            self._mean = self._mean + (crop - self._mean) / self._count
            self._mask()


def _cut(field: np.ndarray, x0: int, y0: int, x1: int, y1: int) -> np.ndarray:
    """A part of a field as float32 [h, w, 2], a copy: OpenCV matches interleaved channels."""
    return np.stack((field[0, y0:y1, x0:x1], field[1, y0:y1, x0:x1]), axis=2)
