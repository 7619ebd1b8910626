"""Views of faces while the clip streams by, and one estimate per face track at its end; the models stand in `_readers`."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from reelscope.features.faces import FaceSeen, FaceTrack
from reelscope.features.faces._find import SURE
from reelscope.features.faces._mesh import roi_of_mesh
from reelscope.features.faces._roi import Roi, crop

__all__ = [
    "MAX_VIEWS",
    "MIN_FACE_PX",
    "MIN_VIEWS",
    "OLDEST",
    "AgeStream",
    "Estimate",
    "Reader",
    "View",
    "estimate",
    "unfit",
    "view_of",
    "views_of",
]

MIN_FACE_PX = 60.0
"""Least width of a face: at 35 and 43 px two men of 72 and 53 were taken for 41 and 45."""
MAX_YAW_DEG, MAX_PITCH_DEG, MAX_ROLL_DEG = 25.0, 25.0, 45.0
FIRST_VIEWS, FIRST_STEP_S, STEP_S = 5, 0.19, 0.59
"""A new face is looked at in every sample until there are five views, then about every half second: some shots are short."""
MAX_VIEWS = 15
MIN_VIEWS = 3
OLDEST = 116


class Reader(Protocol):
    """A model that is shown faces: the side and the (margin, mirrored) of its cuts, what it says of them, what that comes to."""

    side_px: int
    views: tuple[tuple[float, bool], ...]

    def ask(self, cuts: Sequence[np.ndarray]) -> np.ndarray:
        """Its answer to the cuts of one view, any figures that `sum_up` understands."""

    def sum_up(self, answers: Sequence[np.ndarray]) -> Estimate:
        """The age from the answers to several views."""


@dataclass(frozen=True, slots=True)
class View:
    """One look at a face: when, the model's answer, and how sharp it is (higher: sharper)."""

    t_s: float
    answer: np.ndarray
    sharpness: float


@dataclass(frozen=True, slots=True)
class Estimate:
    """Years, the ends of an 80 % interval, of how many views, and their standard deviation."""

    age: float
    low: float
    high: float
    views: int
    spread: float


class AgeStream:
    """Keeps a few numbers per face."""

    def __init__(self, reader: Reader) -> None:
        self.reader = reader
        self.views: dict[int, list[View]] = defaultdict(list)
        self.passed: dict[int, list[tuple[float, str]]] = defaultdict(list)  # live id: when and why a sighting was no good view

    def look(self, rgb: np.ndarray, t_s: float, faces: Sequence[FaceSeen]) -> None:
        """Take the faces of one frame (uint8 [h, w, 3])."""
        height, width = rgb.shape[:2]
        for face in faces:
            why = unfit(face, width)
            if why is not None:
                self.passed[face.live_id].append((t_s, why))
                continue
            views = self.views[face.live_id]
            step = FIRST_STEP_S if len(views) < FIRST_VIEWS else STEP_S
            if views and t_s - views[-1].t_s < step:
                continue
            assert face.points is not None
            views.append(view_of(self.reader, rgb, face.points * np.array([width, height, width], np.float32), t_s))


def unfit(face: FaceSeen, width_px: int) -> str | None:
    """Why a sighting is no good view: small, turned, or not clear enough for a mesh; None where it is one."""
    if face.xywh_norm[2] * width_px < MIN_FACE_PX:
        return "small"
    if face.points is None or face.score < SURE or face.yaw_deg is None or face.pitch_deg is None or face.roll_deg is None:
        return "unclear"
    turned = abs(face.yaw_deg) > MAX_YAW_DEG or abs(face.pitch_deg) > MAX_PITCH_DEG or abs(face.roll_deg) > MAX_ROLL_DEG
    return "turned" if turned else None


def view_of(reader: Reader, rgb: np.ndarray, points: np.ndarray, t_s: float) -> View:
    """Ask the model about one face whose mesh is given in pixels; its eyes are brought level."""
    low, high = points[:, :2].min(axis=0), points[:, :2].max(axis=0)
    cx, cy = ((low + high) / 2).tolist()
    side, angle = float((high - low).max()), roi_of_mesh(points).angle
    cuts = [crop(rgb, Roi(cx, cy, side * margin, angle), reader.side_px, mirror=mirror) for margin, mirror in reader.views]
    sharpness = float(np.abs(np.diff(cuts[0].mean(axis=2), n=2, axis=1)).mean())
    return View(t_s, reader.ask(cuts), sharpness)


def estimate(reader: Reader, views: Sequence[View]) -> Estimate | None:
    """What the sharpest views come to; None below three."""
    best = sorted(views, key=lambda v: -v.sharpness)[:MAX_VIEWS]
    return reader.sum_up([v.answer for v in best]) if len(best) >= MIN_VIEWS else None


def views_of(track: FaceTrack, stream: AgeStream) -> tuple[list[View], list[str]]:
    """Views of a face track, and why its other sightings were none."""
    low, high = track.start_s - 1e-6, track.end_s - 1e-6
    views = [v for v in stream.views.get(track.live_id, ()) if low <= v.t_s < high]
    return views, [why for t_s, why in stream.passed.get(track.live_id, ()) if low <= t_s < high]
