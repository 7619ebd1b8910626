"""One line of text followed through time, and the ring of recent pictures in which its true beginning and end are looked for."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

import numpy as np

from reelscope.analyzers.text_overlay import _words
from reelscope.analyzers.text_overlay._gate import gradient
from reelscope.analyzers.text_overlay._ink import Ink
from reelscope.analyzers.text_overlay._template import Template

__all__ = ["ALIKE", "VISIBLE", "Line", "Ring", "backwards", "forwards", "usable_small"]

VISIBLE = 0.30  # share of full strength at which a line counts as there: chance matches stay below 0.2, half a fade is 0.5
ALIKE = 0.5  # likeness at which what is there is this line: 0.7-1 for itself over any picture, 0.1-0.45 for other words in its place
ALIKE_BETWEEN = 0.4  # the same on the way in and out, where a faint line has as much picture beside it
BELIEVED_MIN = 0.85  # confidence; what noise reads as scores 0.1-0.8
SLIDE_PX = 3  # px that a line may move from one picture to the next and still be followed back to its beginning
SMALL_STRENGTH_MIN = 5.0  # grey levels per px: a template of the small picture weaker than this is noise
SMALL_PIXELS_MIN = 40  # stroke px, likewise

XyxyPx = tuple[float, float, float, float]


@dataclass(slots=True)
class Line:
    """A line of text while it is followed and after. Boxes and quads are in px of the sample.

    Attributes:
        track_id: From 1, in order of discovery.
        quad: float32 [4, 2], corners of the line now.
        template: At the gate's reduced scale; small: at the scale of the every-frame picture, None where there is none.
        start_s: First frame in which it is there; seen_s: last sample in which it was.
        end_s: First frame in which it is gone, None while it is there.
        gone_s: First sample of the present absence, None while it is seen.
        readings: (confidence, text), in the order read.
        path: (pts, box) of the samples in which it was there.
        crop, crops: Mean of its upright crops (float32 rgb) while it stands still, and of how many.
        surround: Luma around it when found (reduced px); surround_change: most that this has changed since, mean grey levels.
        moving: Whether it moved in the last sample; stale: whether it has come to rest since it was last looked at.
        travel_px: How far it has moved in all; pops: whether it came or went while the picture around it stayed as it was.
    """

    track_id: int
    quad: np.ndarray
    score: float
    template: Template
    start_s: float
    seen_s: float
    small: Template | None = None
    end_s: float | None = None
    gone_s: float | None = None
    found_s: float = 0.0
    settled: bool = False
    visible: int = 0
    readings: list[tuple[float, str]] = field(default_factory=list)
    path: list[tuple[float, XyxyPx]] = field(default_factory=list)
    crop: np.ndarray | None = None
    crops: int = 0
    ink: Ink | None = None
    surround: np.ndarray | None = None
    surround_change: float = 0.0
    travel_px: float = 0.0
    moving: bool = False
    stale: bool = False
    pops: bool = False

    @property
    def box(self) -> XyxyPx:
        """Upright bounds: left, top, right, bottom."""
        (x0, y0), (x1, y1) = self.quad.min(axis=0), self.quad.max(axis=0)
        return float(x0), float(y0), float(x1), float(y1)

    @property
    def confidence(self) -> float:
        """Of the best reading."""
        return _words.best_reading(self.readings)[0]

    @property
    def text(self) -> str:
        """The best reading."""
        return _words.best_reading(self.readings)[1].strip()

    @property
    def height_px(self) -> float:
        """Height of the detected line across its writing direction: ascenders to descenders and a margin of about a sixth."""
        return float(min(np.linalg.norm(self.quad[0] - self.quad[3]), np.linalg.norm(self.quad[0] - self.quad[1])))

    @property
    def ratio(self) -> float:
        """Length of the line to its height."""
        sides = float(np.linalg.norm(self.quad[0] - self.quad[3])), float(np.linalg.norm(self.quad[0] - self.quad[1]))
        return max(sides) / max(1.0, min(sides))

    @property
    def angle_deg(self) -> float:
        """Clockwise turn of the writing direction against the horizontal, -90 to 90."""
        dx, dy = self.quad[1] - self.quad[0]
        return float(np.degrees(np.arctan2(dy, dx)))

    @property
    def believed(self) -> bool:
        """Whether it is likely to be text: sure enough, and more than one letter."""
        return self.confidence >= BELIEVED_MIN and _words.letters(self.text) > 1

    @property
    def agreement(self) -> int:
        """How many readings say what the best one says."""
        return sum(_words.similar(text, self.text) for _, text in self.readings)


class Ring:
    """Recent luma pictures with their times, oldest first; bounded by time."""

    def __init__(self, keep_s: float) -> None:
        self.keep_s = keep_s
        self._items: deque[tuple[float, np.ndarray]] = deque()
        self._fields: dict[float, np.ndarray] = {}

    def add(self, pts_s: float, gray: np.ndarray, field: np.ndarray | None = None) -> None:
        """Append a picture (uint8 [h, w], kept; with its gradient field where known). Calls come in time order."""
        if self._items and self._items[-1][1].shape != gray.shape:
            self._items.clear()
            self._fields.clear()
        self._items.append((pts_s, gray))
        if field is not None:
            self._fields[pts_s] = field

    def forget(self, now_s: float) -> None:
        """Drop pictures older than `keep_s` before `now_s`."""
        while self._items and self._items[0][0] < now_s - self.keep_s:
            self._fields.pop(self._items.popleft()[0], None)

    def between(self, start_s: float, end_s: float) -> list[float]:
        """Times of the pictures in [start_s, end_s)."""
        return [t for t, _ in self._items if start_s <= t < end_s]

    def gray(self, pts_s: float) -> np.ndarray:
        """The picture at exactly `pts_s`."""
        return next(g for t, g in self._items if t == pts_s)

    def nearest(self, pts_s: float) -> float | None:
        """Time of the picture nearest to `pts_s`."""
        return min((t for t, _ in self._items), key=lambda t: abs(t - pts_s), default=None)

    def field(self, pts_s: float) -> np.ndarray:
        """Gradient field of the picture at exactly `pts_s`, kept until the picture leaves."""
        found = self._fields.get(pts_s)
        if found is None:
            found = self._fields[pts_s] = gradient(self.gray(pts_s))
        return found


def usable_small(template: Template | None) -> bool:
    """Whether the line is large and strong enough to be timed on the small pictures."""
    return template is not None and template.pixels >= SMALL_PIXELS_MIN and template.strength >= SMALL_STRENGTH_MIN


def backwards(
    template: Template, ring: Ring, since_s: float, there_s: float, at: tuple[int, int] | None = None
) -> list[tuple[float, int, int]]:
    """Times before `there_s` (newest first) at which the line is there without a break, with its left and top then."""
    at = at or (template.x, template.y)
    out: list[tuple[float, int, int]] = []
    for t in reversed(ring.between(since_s, there_s)):
        match = template.find(ring.field(t), at=at, radius=SLIDE_PX)
        if match.alpha < VISIBLE or match.likeness < ALIKE_BETWEEN:
            break
        at = (at[0] + match.dx, at[1] + match.dy)
        out.append((t, *at))
    return out


def forwards(template: Template, ring: Ring, there_s: float, gone_s: float) -> float:
    """First time after `there_s` at which the line is not there; `gone_s` where every picture before that shows it."""
    at = (template.x, template.y)
    for t in ring.between(there_s, gone_s):
        if t <= there_s:
            continue
        match = template.find(ring.field(t), at=at, radius=SLIDE_PX)
        if match.alpha < VISIBLE or match.likeness < ALIKE_BETWEEN:
            return t
        at = (at[0] + match.dx, at[1] + match.dy)
    return gone_s
