"""What each backend does with a frame."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Protocol

import cv2
import numpy as np

from reelscope.analyzers.body_pose import _topdown
from reelscope.analyzers.body_pose._collect import LOW, Collector, Found
from reelscope.analyzers.body_pose._paths import BLAZE_NAMES, COCO_NAMES, Path, from_people, with_points
from reelscope.analyzers.body_pose._yolo_pose import detect as detect_yolo_pose
from reelscope.analyzers.object_detection._yolo import Session, yolox

if TYPE_CHECKING:
    from reelscope.features.base import LoadContext
    from reelscope.features.people import People, PeopleWindow

__all__ = ["LIMITS", "Looker", "make"]

LIMITS = {"mediapipe_full": 0.5, "pose_lite": 0.5, "movenet": 0.3, "vitpose": 0.3, "yolov8_pose": 0.5}
"""Visibility from which on a point counts: BlazePose and YOLOv8 give a probability; the others the height of a heat map's peak. On the
labelled bodies 0.3 keeps 96 % of MoveNet's right points and 0.5 98 % of BlazePose's, and each lets through 43 % of those that are not in
the picture at all; no limit parts the two well."""
MAX_PEOPLE = 8  # per frame, the surest: a crowd must not take the whole budget


class Looker(Protocol):
    """One backend at work on one clip."""

    names: Sequence[str]

    def begin(self) -> None:
        """A new clip."""

    def feed(self, rgb: np.ndarray, t_s: float, people: PeopleWindow | None, index: int) -> None:
        """One sampled frame (uint8 [h, w, 3]); `index`: of it in the window of the feature `people`, where the backend reads it live."""

    def paths(self, people: People | None, shots: Sequence[tuple[float, float]]) -> list[Path]:
        """Everybody, at the end."""

    def sampled(self, people: People | None) -> Sequence[float]:
        """The times that were looked at."""


class OfFeature:
    """The points of the feature `people` as they are, or anew by a model in the places that it found."""

    names = BLAZE_NAMES

    def __init__(self, model: _topdown.Points | None) -> None:
        self._model = model
        self.begin()

    def begin(self) -> None:
        self._found: dict[tuple[int, float], np.ndarray] = {}

    def feed(self, rgb: np.ndarray, t_s: float, people: PeopleWindow | None, index: int) -> None:
        if self._model is None or people is None:
            return
        size = np.array([rgb.shape[1], rgb.shape[0]], np.float32)
        seen = people.people[index]
        places = []
        for person in seen:
            points = person.keypoints.copy()
            points[:, :2] *= size
            places.append(points)
        boxes = [_pixels(person.xywh_norm, rgb) for person in seen]
        for person, points in zip(seen, self._model(rgb, boxes, places), strict=True):
            points[:, :2] /= size
            self._found[person.live_id, t_s] = points

    def paths(self, people: People | None, shots: Sequence[tuple[float, float]]) -> list[Path]:
        assert people is not None
        return from_people(people) if self._model is None else with_points(people, self._found, len(self.names))

    def sampled(self, people: People | None) -> Sequence[float]:
        assert people is not None
        return people.sampled_s


class Alone:
    """A backend that finds people itself."""

    names = COCO_NAMES
    limit: float

    def begin(self) -> None:
        self._collector = Collector(self.limit)

    def feed(self, rgb: np.ndarray, t_s: float, people: PeopleWindow | None, index: int) -> None:
        self._collector.feed(t_s, self.find(rgb))

    def find(self, rgb: np.ndarray) -> list[Found]:
        """Everybody in the frame."""
        raise NotImplementedError

    def paths(self, people: People | None, shots: Sequence[tuple[float, float]]) -> list[Path]:
        return self._collector.paths(shots)

    def sampled(self, people: People | None) -> Sequence[float]:
        return self._collector.sampled


class Boxed(Alone):
    """YOLOX-nano finds people, a top-down model their points."""

    def __init__(self, detector: Any, model: _topdown.Points, limit: float) -> None:
        self._detector, self._model, self.limit = detector, model, limit
        self.begin()

    def find(self, rgb: np.ndarray) -> list[Found]:
        session: Session = self._detector.session
        people = [(box, score) for box, score, label in yolox(session, rgb, LOW) if label == "person"][:MAX_PEOPLE]
        size = np.array([rgb.shape[1], rgb.shape[0]], np.float32)
        out: list[Found] = []
        placed: list[np.ndarray] = []
        for (box, score), points in zip(people, self._model(rgb, [_pixels(box, rgb) for box, _ in people], []), strict=True):
            if any(same_torso(points, other) for other in placed):
                continue  # two boxes, with an arm and without it, of one person
            placed.append(points.copy())
            points[:, :2] /= size
            out.append((box, score, points))
        return out


def same_torso(a: np.ndarray, b: np.ndarray) -> bool:
    """Whether shoulders and hips of two people (points [17, 3] in pixels) lie within a third of the torso of each other, on average."""
    torso = [5, 6, 11, 12]
    size = float(np.linalg.norm(b[[5, 6], :2].mean(axis=0) - b[[11, 12], :2].mean(axis=0)))
    return float(np.linalg.norm(a[torso, :2] - b[torso, :2], axis=1).mean()) < size / 3


class YoloPose(Alone):
    """YOLOv8-pose finds both."""

    limit = LIMITS["yolov8_pose"]

    def __init__(self, handle: Any) -> None:
        self._handle = handle
        self.begin()

    def find(self, rgb: np.ndarray) -> list[Found]:
        return detect_yolo_pose(self._handle.session, rgb)[:MAX_PEOPLE]


def _pixels(box: Sequence[float], rgb: np.ndarray) -> tuple[float, float, float, float]:
    height, width = rgb.shape[:2]
    return box[0] * width, box[1] * height, box[2] * width, box[3] * height


def make(ctx: LoadContext) -> Looker:
    """The planned backend."""
    if ctx.backend == "mediapipe_full":
        return OfFeature(None)
    if ctx.backend == "pose_lite":
        return OfFeature(_topdown.BlazeLite(cv2, ctx.model("pose-landmarks-lite")))
    if ctx.backend == "yolov8_pose":
        return YoloPose(ctx.model("yolov8x-pose"))
    if ctx.backend == "movenet":
        return Boxed(ctx.model("yolox-nano"), _topdown.MoveNet(cv2, ctx.model("movenet-lightning")), LIMITS["movenet"])
    import torch

    return Boxed(ctx.model("yolox-nano"), _topdown.VitPose(cv2, torch, ctx, ctx.model("vitpose-base")), LIMITS["vitpose"])
