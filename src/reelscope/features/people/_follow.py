"""From frame to frame: where to look for bodies, which of those found are one person, and what number each has."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import hypot
from typing import Any

import numpy as np

from reelscope.features._tracking import Tracker
from reelscope.features.people import _detector, _landmarks
from reelscope.features.people._landmarks import Body, Roi

__all__ = ["Follower", "Sight", "same_body", "torso_box"]

Run = Callable[[Sequence[np.ndarray]], list[np.ndarray]]

DETECT_MIN = 0.5  # published score limit of the detector
PRESENCE_MIN = 0.5  # published limit of the landmark model
MAX_BODIES = 6  # per frame: a crowd may not take more than about 0.1 s a frame; the most certain first
SAME_ROI = 0.4  # squares whose centres are nearer than this share of the smaller side hold the same person
BOXES = slice(11, 13), slice(23, 25)  # shoulders, hips


@dataclass(frozen=True, slots=True)
class Sight:
    """One body in one frame.

    Attributes:
        number: Of the track. t_s: when.
        body: As found. detected: score of the detector where it saw this person in this very frame, else 0:
            found where the person was before.
    """

    number: int
    t_s: float
    body: Body
    detected: float


def torso_box(points: np.ndarray) -> tuple[float, float, float, float]:
    """A square about shoulders and hips that does not change when arms move; by it people are told apart over time."""
    shoulders, hips = points[BOXES[0], :2].mean(axis=0), points[BOXES[1], :2].mean(axis=0)
    x, y = ((shoulders + hips) / 2).tolist()
    side = 1.5 * max(1.0, hypot(*(shoulders - hips).tolist()), float(np.ptp(points[11:13, 0])))
    return x - side / 2, y - side / 2, side, side


def same_body(a: np.ndarray, b: np.ndarray) -> bool:
    """Whether two sets of points [33, 4] are one person: the torso's points lie within a third of its size of each other on average."""
    torso = [11, 12, 23, 24]
    size = torso_box(a)[2]
    return float(np.linalg.norm(a[torso, :2] - b[torso, :2], axis=1).mean()) < size / 3


class Follower:
    """Streams frames: detects in each, looks where people were before too, numbers whom it finds.

    Args:
        cv2: The module. find_people, find_points: run the two models.
    """

    def __init__(self, cv2: Any, find_people: Run, find_points: Run) -> None:
        self._cv2, self._detector, self._points = cv2, find_people, find_points
        self._centres = _detector.anchors()
        self._tracker = Tracker(high=PRESENCE_MIN, low=PRESENCE_MIN, iou_min=0.2, lost_s=1.0)
        self.reset()

    def reset(self) -> None:
        """Forget the last clip."""
        self._tracker.reset()
        self._last: list[Roi] = []

    def feed(self, rgb: np.ndarray, t_s: float) -> list[Sight]:
        """Everybody in the frame (uint8 [h, w, 3]), the most certain first."""
        detections = _detector.detect(self._cv2, self._detector, self._centres, rgb, DETECT_MIN)
        places: list[tuple[Roi, float]] = []
        for d in detections:
            _add(places, _landmarks.roi_of(d.points_px[0], d.points_px[1]), d.score)
        for roi in self._last:
            _add(places, roi, 0.0)
        found: list[tuple[Body, float]] = []
        for roi, score in places[:MAX_BODIES]:
            body = _landmarks.find(self._cv2, self._points, rgb, roi)
            if body.presence >= PRESENCE_MIN and not any(same_body(other.points, body.points) for other, _ in found):
                found.append((body, score))
        self._last = [body.next_roi for body, _ in found]
        numbers = self._tracker.update(t_s, [torso_box(b.points) for b, _ in found], [b.presence for b, _ in found])
        return [Sight(n, t_s, body, score) for n, (body, score) in zip(numbers, found, strict=True) if n >= 0]


def _add(places: list[tuple[Roi, float]], roi: Roi, score: float) -> None:
    if roi.side > 1 and not any(hypot(roi.x - o.x, roi.y - o.y) < SAME_ROI * min(roi.side, o.side) for o, _ in places):
        places.append((roi, score))
