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
from reelscope.features.people._picture import Picture

__all__ = ["Follower", "Sight", "same_body", "torso_box"]

Run = Callable[[Sequence[np.ndarray]], list[np.ndarray]]

START_MIN = 0.5  # detector score from which on somebody new is looked for (the model's published limit)
CONFIRM_MIN = 0.3  # ... from which on somebody who was there before is confirmed
PRESENCE_MIN = 0.5  # published limit of the landmark model
UNCONFIRMED = 4  # samples (0.8 s) for which a body is followed that the detector does not see: the landmark model alone follows anything
MAX_BODIES = 6  # per frame, the most certain first: a crowd may not take more than about 0.1 s a frame
SURE = 0.75  # detector score that confirms so well that the next frame needs no look; whoever is doubtful is looked at in each
EMPTY_LOOKS = 5  # looks without anybody (1 s, as long as a track may be lost) from which on every second frame is enough
THUMB_STEP = 32  # pixels: of 540 x 960 these 510 are compared with those of the sample before
CHANGED = 25.0  # mean difference (0-255) that is another picture: a cut is mostly 40 and more, a walk or a pan below 20
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
    """Where to look: the detector's score there (0: only from before), for how many samples it has not seen anybody there, and whether
    somebody was there in the sample before."""

    roi: Roi
    score: float
    missed: int
    known: bool


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
    """Streams frames: detects, looks where people were before too, numbers whom it finds.

    The detector looks at every frame while somebody is new or doubtful, at every second one once it is sure of everybody who is followed,
    or has seen nobody for a while; and at once where somebody is lost or the picture changes.

    Wide pictures are looked at in each frame, and also in squares, one in turn, since people are small in them: with fewer looks small
    people were lost and a cartoon bird became a person. Tall ones are not: squares found nobody more in the clips here and cost as much
    as the detector again.

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
        self._empty = 0  # looks in a row that saw nobody
        self._may_rest = False
        self._thumb: np.ndarray | None = None

    def feed(self, rgb: np.ndarray, t_s: float) -> list[Sight]:
        """Everybody in the frame (uint8 [h, w, 3]), the most certain first."""
        picture = Picture(self._cv2, rgb)
        resting = self._rests(rgb)
        found = self._bodies(picture, self._last if resting else self._places(picture))
        if resting and len(found) < len(self._last):  # somebody is lost: a cut, or out of sight
            resting = False
            found = self._bodies(picture, self._places(picture))
        self._settle(found, resting)
        numbers = self._tracker.update(t_s, [torso_box(b.points) for b, _ in found], [b.presence for b, _ in found])
        return [Sight(n, t_s, body, place.score) for n, (body, place) in zip(numbers, found, strict=True) if n >= 0]

    def _rests(self, rgb: np.ndarray) -> bool:
        """Whether this frame does without the detector."""
        if len(_detector.tiles_of(rgb.shape[1], rgb.shape[0])) > 1 and rgb.shape[1] > rgb.shape[0]:
            return False
        thumb = rgb[::THUMB_STEP, ::THUMB_STEP].astype(np.int16)
        before, self._thumb = self._thumb, thumb
        if not self._may_rest or before is None or before.shape != thumb.shape:
            return False
        return float(np.abs(thumb - before).mean()) < CHANGED

    def _settle(self, found: Sequence[tuple[Body, _Place]], resting: bool) -> None:
        """Note where people are, and whether the next frame may do without the detector. resting: this one did."""
        self._empty = 0 if found else self._empty + (not resting)
        sure = all(place.known and place.score >= SURE for _, place in found) if found else self._empty >= EMPTY_LOOKS
        self._may_rest = sure and not resting
        self._last = [_Place(body.next_roi, 0.0, place.missed + 1, True) for body, place in found if place.missed < UNCONFIRMED]

    def _bodies(self, picture: Picture, places: Sequence[_Place]) -> list[tuple[Body, _Place]]:
        found: list[tuple[Body, _Place]] = []
        for place in places[:MAX_BODIES]:
            body = _landmarks.find(self._points, picture, place.roi)
            if body.presence >= PRESENCE_MIN and not any(same_body(other, body) for other, _ in found):
                found.append((body, place))
        return found

    def _places(self, picture: Picture) -> list[_Place]:
        """Where the detector sees people now, then where they were before."""
        width, height = picture.width, picture.height
        whole, *squares = _detector.tiles_of(width, height)
        looked = [whole, squares[self._turn % len(squares)]] if squares and width > height else [whole]
        self._turn += 1
        places: list[_Place] = []
        detections = [d for t in looked for d in _detector.detect(self._people, self._centres, picture, t, CONFIRM_MIN)]
        for d in sorted(detections, key=lambda d: -d.score):
            roi = _landmarks.roi_of(d.points_px[0], d.points_px[1])
            if roi.side <= 1 or _near(roi, places):
                continue
            known = _near(roi, self._last)
            if known or d.score >= START_MIN:
                places.append(_Place(roi, d.score, 0, known))
        return places + [p for p in self._last if not _near(p.roi, places)]


def _near(roi: Roi, places: Sequence[_Place]) -> bool:
    return any(hypot(roi.x - p.roi.x, roi.y - p.roi.y) < SAME_PLACE * min(roi.side, p.roi.side) for p in places)
