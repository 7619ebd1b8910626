"""What each backend does with the frames of a window."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Protocol

import cv2
import numpy as np

from reelscope.analyzers._yolo import Session, yolox
from reelscope.analyzers.body_pose import _topdown
from reelscope.analyzers.body_pose._collect import LOW, Collector, Found
from reelscope.analyzers.body_pose._paths import BLAZE_NAMES, COCO_NAMES, Path, from_people, with_points
from reelscope.analyzers.body_pose._result import NOBODY, UNSURE
from reelscope.analyzers.body_pose._yolo_pose import detect as detect_yolo_pose
from reelscope.features._tracking import Xywh

if TYPE_CHECKING:
    from reelscope.features.base import LoadContext
    from reelscope.features.people import People, PeopleWindow

__all__ = ["LIMITS", "SURE", "Looker", "make"]

LIMITS = {"mediapipe_full": 0.5, "pose_lite": 0.5, "movenet": 0.2, "vitpose": 0.3, "yolov8_pose": 0.5}
"""Visibility from which on a point is written: BlazePose and YOLOv8 give a probability; the others the height of a heat map's peak. On the
labelled bodies 0.2 keeps 99 % of MoveNet's right points (0.3: 96 %), 0.5 98 % of BlazePose's."""
SURE = LIMITS | {"movenet": 0.3}
"""Visibility from which on a point counts for the rules. Of the points that are not in the picture at all MoveNet gives 60 % at least 0.2
and 44 % at least 0.3, BlazePose 43 % at least 0.5: knees and heads that nobody sees must not make a posture, or a person."""
MAX_PEOPLE = 8  # per frame, the surest: a crowd must not take the whole budget


class Looker(Protocol):
    """One backend at work on one clip."""

    names: Sequence[str]

    def begin(self) -> None:
        """A new clip."""

    def feed(self, pixels: np.ndarray, times: Sequence[float], people: PeopleWindow | None) -> None:
        """The sampled frames of a window (uint8 [n, h, w, 3]); people: the feature's value, where the backend reads it live."""

    def paths(self, people: People | None, shots: Sequence[tuple[float, float]]) -> list[Path]:
        """Everybody, at the end."""

    def sampled(self, people: People | None) -> Sequence[float]:
        """The times that were looked at."""

    def nobody(self, people: People | None) -> str:
        """Why there is no path, where there is none; after paths()."""


class OfFeature:
    """The points of the feature `people` as they are, or anew by a model in the places that it found."""

    names = BLAZE_NAMES

    def __init__(self, model: _topdown.Points | None) -> None:
        self._model = model
        self.begin()

    def begin(self) -> None:
        self._found: dict[tuple[int, float], np.ndarray] = {}

    def feed(self, pixels: np.ndarray, times: Sequence[float], people: PeopleWindow | None) -> None:
        if self._model is None or people is None:
            return
        size = np.array([pixels.shape[2], pixels.shape[1]], np.float32)
        seen = [(rgb, t, person) for rgb, t, here in zip(pixels, times, people.people, strict=True) for person in here]
        places = []
        for _, _, person in seen:
            points = person.keypoints.copy()
            points[:, :2] *= size
            places.append(points)
        boxes = [_pixels(person.xywh_norm, rgb) for rgb, _, person in seen]
        for (_, t, person), points in zip(seen, self._model([rgb for rgb, _, _ in seen], boxes, places), strict=True):
            points[:, :2] /= size
            self._found[person.live_id, t] = points

    def paths(self, people: People | None, shots: Sequence[tuple[float, float]]) -> list[Path]:
        assert people is not None
        return from_people(people) if self._model is None else with_points(people, self._found, len(self.names))

    def sampled(self, people: People | None) -> Sequence[float]:
        assert people is not None
        return people.sampled_s

    def nobody(self, people: People | None) -> str:
        return NOBODY  # what the feature's models suspect and its gate drops are leaves and kettles, too: no finding to tell


class Alone(ABC):
    """A backend that finds people itself."""

    names = COCO_NAMES
    limit: float

    def begin(self) -> None:
        self._collector = Collector(self.limit)

    def feed(self, pixels: np.ndarray, times: Sequence[float], people: PeopleWindow | None) -> None:
        for t, found in zip(times, self.find(pixels), strict=True):
            self._collector.feed(t, found)

    @abstractmethod
    def find(self, pixels: np.ndarray) -> list[list[Found]]:
        """Everybody in each frame."""

    def paths(self, people: People | None, shots: Sequence[tuple[float, float]]) -> list[Path]:
        return self._collector.paths(shots)

    def sampled(self, people: People | None) -> Sequence[float]:
        return self._collector.sampled

    def nobody(self, people: People | None) -> str:
        return UNSURE if self._collector.met else NOBODY


class Boxed(Alone):
    """YOLOX-nano finds people, a top-down model their points."""

    def __init__(self, detector: Any, model: _topdown.Points, limit: float) -> None:
        self._detector, self._model, self.limit = detector, model, limit
        self.begin()

    def find(self, pixels: np.ndarray) -> list[list[Found]]:
        session: Session = self._detector.session
        size = np.array([pixels.shape[2], pixels.shape[1]], np.float32)
        seen: list[tuple[int, Xywh, float]] = []
        for k, rgb in enumerate(pixels):
            people = [(box, score) for box, score, label in yolox(session, rgb, LOW) if label == "person"]
            seen += [(k, box, score) for box, score in people[:MAX_PEOPLE]]
        boxes = [_pixels(box, pixels[k]) for k, box, _ in seen]
        out: list[list[Found]] = [[] for _ in pixels]
        placed: list[list[np.ndarray]] = [[] for _ in pixels]
        for (k, box, score), points in zip(seen, self._model([pixels[k] for k, _, _ in seen], boxes, []), strict=True):
            if any(same_torso(points, other) for other in placed[k]):
                continue  # two boxes, with an arm and without it, of one person
            placed[k].append(points.copy())
            points[:, :2] /= size
            out[k].append((box, score, points))
        return out


def same_torso(a: np.ndarray, b: np.ndarray) -> bool:
    """Whether shoulders and hips of two people (points [17, 3] in pixels) lie within a third of the torso of each other, on average."""
    torso = [5, 6, 11, 12]
    size = float(np.linalg.norm(b[[5, 6], :2].mean(axis=0) - b[[11, 12], :2].mean(axis=0)))
    return float(np.linalg.norm(a[torso, :2] - b[torso, :2], axis=1).mean()) < size / 3


class YoloPose(Alone):
    """YOLOv8-pose finds both."""

    limit = SURE["yolov8_pose"]

    def __init__(self, handle: Any) -> None:
        self._handle = handle
        self.begin()

    def find(self, pixels: np.ndarray) -> list[list[Found]]:
        return [detect_yolo_pose(self._handle.session, rgb)[:MAX_PEOPLE] for rgb in pixels]


def _pixels(box: Sequence[float], rgb: np.ndarray) -> Xywh:
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
        return Boxed(ctx.model("yolox-nano"), _topdown.MoveNet(cv2, ctx.model("movenet-lightning")), SURE["movenet"])
    import torch

    return Boxed(ctx.model("yolox-nano"), _topdown.VitPose(cv2, torch, ctx, ctx.model("vitpose-base")), SURE["vitpose"])
