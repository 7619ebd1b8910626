"""Ages of faces: views of a face for the model while the clip streams by, and one interval per face track at its end."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from reelscope.features.faces import FaceSeen, FaceTrack
from reelscope.features.faces._find import SURE
from reelscope.features.faces._mesh import roi_of_mesh
from reelscope.features.faces._roi import Roi, crop

__all__ = ["MIN_FACE_PX", "MIN_VIEWS", "AgeStream", "Estimate", "View", "estimate", "unfit", "view_of", "views_of"]

SIDE_PX = 200
YEARS = 116.0
"""The model answers in parts of this age (its repository's description: the output times 116)."""
VIEWS = ((1.0, False), (1.15, True), (1.3, False), (1.45, True))
"""Each face is shown with four margins, two of them mirrored, and the answers are averaged: from crop to crop of one picture they differ
by up to 30 years, and how tightly the training pictures were cut is not told."""
MIN_FACE_PX = 60.0
"""Least width of a face: at 35 and 43 px two men of 72 and 53 were taken for 41 and 45."""
MAX_YAW_DEG, MAX_PITCH_DEG, MAX_ROLL_DEG = 25.0, 25.0, 45.0
FIRST_VIEWS, FIRST_STEP_S, STEP_S = 5, 0.19, 0.59
"""A new face is looked at in every sample until there are five views, then about every half second: some shots are short."""
MAX_VIEWS = 15
MIN_VIEWS = 3
MODEL_ERROR_Y = 10.0
"""Standard deviation of the model's error. Its repository states a mean error of 2.6 years on its own split of UTKFace; the best published
ones on held-out pictures of that set are about 4.6. Four large faces of known age came out 14 and 5 years too young, 3 and 7 too old
(RMS 8.4)."""
Z80 = 1.28
"""Half-width of an interval that holds 80 % of a normal distribution, in standard deviations."""
OLDEST = 116


class Session(Protocol):
    """What is needed of a model's session."""

    def run(self, inputs: Sequence[Any]) -> list[Any]:
        """Inputs and outputs in the model's order."""


@dataclass(frozen=True, slots=True)
class View:
    """One look at a face: when, the mean answer in years, and how sharp it is (higher: sharper)."""

    t_s: float
    years: float
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
    """Keeps a few numbers per face.

    Args:
        session: Gives the model's session.
    """

    def __init__(self, session: Callable[[], Session]) -> None:
        self._session = session
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
            points = face.points * np.array([width, height, width], np.float32)
            views.append(view_of(self._session(), rgb, points, t_s))


def unfit(face: FaceSeen, width_px: int) -> str | None:
    """Why a sighting is no good view: small, turned, or not clear enough for a mesh; None where it is one."""
    if face.xywh_norm[2] * width_px < MIN_FACE_PX:
        return "small"
    if face.points is None or face.score < SURE or face.yaw_deg is None or face.pitch_deg is None or face.roll_deg is None:
        return "unclear"
    turned = abs(face.yaw_deg) > MAX_YAW_DEG or abs(face.pitch_deg) > MAX_PITCH_DEG or abs(face.roll_deg) > MAX_ROLL_DEG
    return "turned" if turned else None


def view_of(session: Session, rgb: np.ndarray, points: np.ndarray, t_s: float) -> View:
    """Ask the model about one face whose mesh is given in pixels."""
    low, high = points[:, :2].min(axis=0), points[:, :2].max(axis=0)
    cx, cy = ((low + high) / 2).tolist()
    side, angle = float((high - low).max()), roi_of_mesh(points).angle
    answers = []
    sharpness = 0.0
    for margin, mirror in VIEWS:
        cut = crop(rgb, Roi(cx, cy, side * margin, angle), SIDE_PX, mirror=mirror)
        (answer,) = session.run([cut[None].astype(np.float32) / 255])
        answers.append(float(np.asarray(answer).reshape(-1)[0]) * YEARS)
        sharpness = sharpness or float(np.abs(np.diff(cut.mean(axis=2), n=2, axis=1)).mean())
    return View(t_s, float(np.mean(answers)), sharpness)


def estimate(views: Sequence[View]) -> Estimate | None:
    """One age of the sharpest views: their median, and the interval; None below three.

    The interval's half-width is 1.28 sqrt(error of the model ^ 2 + variance of the views).
    """
    best = sorted(views, key=lambda v: -v.sharpness)[:MAX_VIEWS]
    if len(best) < MIN_VIEWS:
        return None
    years = np.array([v.years for v in best])
    age, spread = float(np.median(years)), float(years.std(ddof=1))
    half = Z80 * math.hypot(MODEL_ERROR_Y, spread)
    age = min(max(age, 0.0), float(OLDEST))
    return Estimate(age, max(0.0, age - half), min(float(OLDEST), age + half), len(best), spread)


def views_of(track: FaceTrack, stream: AgeStream) -> tuple[list[View], list[str]]:
    """Views of a face track, and why its other sightings were none."""
    low, high = track.start_s - 1e-6, track.end_s - 1e-6
    views = [v for v in stream.views.get(track.live_id, ()) if low <= v.t_s < high]
    return views, [why for t_s, why in stream.passed.get(track.live_id, ()) if low <= t_s < high]
