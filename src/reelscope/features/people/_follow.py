"""From frame to frame: where to look for bodies, which of those found are one person, and what number each has."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import hypot
from typing import Any

import numpy as np

from reelscope.features._tracking import Tracker, iou_xywh
from reelscope.features.people import _detector, _landmarks
from reelscope.features.people._landmarks import Body, Roi

__all__ = ["Follower", "Sight", "same_body", "torso_box"]

Run = Callable[[Sequence[np.ndarray]], list[np.ndarray]]

START_MIN = 0.5  # detector score from which on somebody new is looked for (the model's published limit)
CONFIRM_MIN = 0.3  # ... from which on somebody who was there before is confirmed
PRESENCE_MIN = 0.5  # published limit of the landmark model
UNCONFIRMED = 4  # samples (0.8 s) for which a body is followed that the detector does not see: the landmark model alone follows anything
MAX_BODIES = 6  # per frame, the most certain first: a crowd may not take more than about 0.1 s a frame
SAME_PLACE = 0.4  # squares whose centres are nearer than this share of the smaller side hold the same person
SAME_BOX = 0.7  # overlap of the masks' boxes from which on two bodies are one
TORSO = [11, 12, 23, 24]


@dataclass(frozen=True, slots=True)
class Sight:
    """One body in one frame.

    Attributes:
        number: Of the track. t_s: when.
        body: As found. detected: the detector's score where it saw this person in this very frame; 0: found where the person was before.
    """

    number: int
    t_s: float
    body: Body
    detected: float


@dataclass(frozen=True, slots=True)
class _Place:
    """Where to look: the detector's score there (0: only from before), and for how many samples it has not seen anybody there."""

    roi: Roi
    score: float
    missed: int


def torso_box(points: np.ndarray) -> tuple[float, float, float, float]:
    """A square about shoulders and hips of points [33, 4], which does not change when arms move; by it people are followed."""
    shoulders, hips = points[11:13, :2].mean(axis=0), points[23:25, :2].mean(axis=0)
    x, y = ((shoulders + hips) / 2).tolist()
    side = 1.5 * max(1.0, hypot(*(shoulders - hips).tolist()), float(np.ptp(points[11:13, 0])))
    return x - side / 2, y - side / 2, side, side


def same_body(a: Body, b: Body) -> bool:
    """Whether two bodies are one person: their torsos within a third of their size of each other, or much the same mask."""
    distance = float(np.linalg.norm(a.points[TORSO, :2] - b.points[TORSO, :2], axis=1).mean())
    if distance < torso_box(a.points)[2] / 3:
        return True
    return a.box_px is not None and b.box_px is not None and iou_xywh(a.box_px, b.box_px) > SAME_BOX


class Follower:
    """Streams frames: detects in each, looks where people were before too, numbers whom it finds.

    Wide pictures are also looked at in squares, one a frame in turn, since people are small in them; tall ones are not: it found nobody
    more in the clips here and costs as much as the detector again.

    Args:
        cv2: The module. find_people, find_points: run the two models.
    """

    def __init__(self, cv2: Any, find_people: Run, find_points: Run) -> None:
        self._cv2, self._people, self._points = cv2, find_people, find_points
        self._centres = _detector.anchors()
        self._tracker = Tracker(high=PRESENCE_MIN, low=PRESENCE_MIN, iou_min=0.2, lost_s=1.0)
        self.reset()

    def reset(self) -> None:
        """Forget the last clip."""
        self._tracker.reset()
        self._last: list[_Place] = []
        self._turn = 0

    def feed(self, rgb: np.ndarray, t_s: float) -> list[Sight]:
        """Everybody in the frame (uint8 [h, w, 3]), the most certain first."""
        found: list[tuple[Body, _Place]] = []
        for place in self._places(rgb)[:MAX_BODIES]:
            body = _landmarks.find(self._cv2, self._points, rgb, place.roi)
            if body.presence >= PRESENCE_MIN and not any(same_body(other, body) for other, _ in found):
                found.append((body, place))
        self._last = [_Place(body.next_roi, 0.0, place.missed + 1) for body, place in found if place.missed < UNCONFIRMED]
        numbers = self._tracker.update(t_s, [torso_box(b.points) for b, _ in found], [b.presence for b, _ in found])
        return [Sight(n, t_s, body, place.score) for n, (body, place) in zip(numbers, found, strict=True) if n >= 0]

    def _places(self, rgb: np.ndarray) -> list[_Place]:
        height, width = rgb.shape[:2]
        whole, *squares = _detector.tiles_of(width, height)
        looked = [whole, squares[self._turn % len(squares)]] if squares and width > height else [whole]
        self._turn += 1
        places: list[_Place] = []
        detections = [d for t in looked for d in _detector.detect(self._cv2, self._people, self._centres, rgb, t, CONFIRM_MIN)]
        for d in sorted(detections, key=lambda d: -d.score):
            roi = _landmarks.roi_of(d.points_px[0], d.points_px[1])
            if roi.side > 1 and (d.score >= START_MIN or _near(roi, self._last)) and not _near(roi, places):
                places.append(_Place(roi, d.score, 0))
        return places + [p for p in self._last if not _near(p.roi, places)]


def _near(roi: Roi, places: Sequence[_Place]) -> bool:
    return any(hypot(roi.x - p.roi.x, roi.y - p.roi.y) < SAME_PLACE * min(roi.side, p.roi.side) for p in places)
