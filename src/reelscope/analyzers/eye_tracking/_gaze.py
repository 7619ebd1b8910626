"""Where eyes look, relative to the camera, and when they look into it. Pure figures: no pictures, no models. Formulas: docs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from reelscope.analyzers.eye_tracking._eyes import Eye
from reelscope.analyzers.eye_tracking._stream import MIN_EYE_PX, EyeRow

__all__ = ["Calibration", "Gaze", "Stretch", "calibrate", "gaze_of", "stretches", "visible_openness"]

IRIS_MM = 11.7
"""Diameter of the human iris: the same in all adults within 0.5 mm, so it is the scale (Ablavatski et al. 2020)."""
ROTATION_MM = 10.0
"""From the eye's centre of rotation, 13.5 mm behind the cornea's front, to the plane of the iris, 3.5 mm behind it (schematic eye)."""
RESPONSE, RESPONSE_DOWN = 0.61, 0.3
"""How far the model's iris moves per movement of the iris in the picture, sideways and down. Measured by moving the painted iris of three
people by up to 0.4 diameters: 0.59-0.64; 0.25-0.39 (0.09 on the smallest)."""
DEPTH_IRIS = 0.6
"""How far the model's iris moves against the head's turn while people look into the camera, in its diameters per sine of the angle: 0.41,
0.94, 0.56, 0.57 on four clips. (What it would be for eyes seen rightly: the centre of rotation, some 7 mm behind the eye's corners.)"""
DEPTH_IRIS_DOWN = 0.1
"""The same for nodding: 0.0-0.3 on five clips."""
REST_DOWN = -0.17
"""The iris of an eye that looks straight out lies this many diameters below the line through the corners (so above it): -0.165 to -0.187 on
five clips."""
FAR_EYE = 0.6
"""An eye whose width is below this part of the other's is turned away and left out."""
MAX_YAW_DEG, MAX_PITCH_DEG = 40.0, 40.0
"""Heads turned further: the eyes' contours are guesses."""
CLOSED = 0.12
"""Openness below which no iris is seen, whoever it is: closed eyes measured 0.04-0.12, eyes laughing or narrowed 0.15-0.2."""
NEAR_OPEN = 0.75
"""Part of the track's own open level above which the iris is seen well enough for a direction."""

PITCH_EYE_PX = 18.0
"""Least width of an eye for looking up or down: clean clips shrunk to 12 px differ by 3 degrees from themselves, to 9 px by 5, to 7 px by
6-12; strongly compressed ones by 10-20 at 10-16 px. Below it only the sideways direction decides."""
STEADY_S = 0.1

CALIBRATION_YAW_DEG, CALIBRATION_PITCH_DEG = 20.0, 30.0
CALIBRATION_MIN = 15  # frames: half a second
CALIBRATION_MAX_DEG = (8.0, 12.0)
"""Largest shift sideways and up or down: over six people who look into the camera the densest direction lay up to 8 degrees off. One
farther off is taken as a look elsewhere, not as a bias."""
BANDWIDTH_DEG = 4.0
STARTS, SOME = 200, 2000  # directions that the densest one is looked for among, and those that are counted about them

ENTER_DEG, LEAVE_DEG = (8.0, 15.0), (11.0, 20.0)
"""Sideways and up or down, from the camera: below the first a look begins, above the second it ends. People feel looked at within about 9
degrees (Gamer & Hecht 2007); the directions of people who look into the camera scatter by 1-5 degrees sideways, by 3-8 up and down."""
MIN_LOOK_S = 0.2
MIN_AWAY_S = 0.25  # a glance away and back takes longer: two jumps of the eye and a rest between them
BRIDGE_S = 0.6  # a blink: an unknown stretch no longer than this between equal ones is theirs


@dataclass(frozen=True, slots=True)
class Gaze:
    """All float64 [n]; angles in degrees relative to the camera (positive: to the picture's right, up); NaN where not measurable.

    Attributes:
        yaw_deg, pitch_deg: Direction; the pitch is also NaN where the eyes are too small for it.
        openness: Of the visible eyes. open_part: over the track's own open level. width_px: of the wider eye.
        head_deg: [n, 3]: yaw, pitch, roll.
    """

    t_s: np.ndarray
    yaw_deg: np.ndarray
    pitch_deg: np.ndarray
    openness: np.ndarray
    open_part: np.ndarray
    width_px: np.ndarray
    head_deg: np.ndarray


@dataclass(frozen=True, slots=True)
class Calibration:
    """What is taken off all directions of a track, in degrees, and of how many frames it was learned; 0 of 0 frames: nothing."""

    yaw_deg: float = 0.0
    pitch_deg: float = 0.0
    frames: int = 0


@dataclass(frozen=True, slots=True)
class Stretch:
    """Frames [first, last] of a track; `at_camera` None: not measurable."""

    first: int
    last: int
    at_camera: bool | None


def _visible(row: EyeRow) -> list[Eye]:
    """The eyes that are not turned away."""
    return [e for e in (row.right, row.left) if e.iris > 0 and e.width_px >= FAR_EYE * max(row.right.width_px, row.left.width_px)]


def visible_openness(rows: Sequence[EyeRow]) -> np.ndarray:
    """Mean openness of the visible eyes: float64 [n]; 0 where there is none."""
    return np.array([float(np.mean([e.openness for e in eyes])) if (eyes := _visible(row)) else 0.0 for row in rows])


def gaze_of(rows: Sequence[EyeRow], open_level: np.ndarray) -> Gaze:
    """Directions of one face, uncalibrated.

    The eye's centre of rotation lies behind the middle of its corners, along the head's direction f; the iris lies before it, along the
    gaze g. Seen from afar: g = (offset of the iris - its rest + DEPTH * f) / RESPONSE * IRIS_MM / ROTATION_MM, sideways and down, level
    with the head.

    Args:
        open_level: float64 [n]: openness of this face's open eyes about each frame.
    """
    n = len(rows)
    openness, width = visible_openness(rows), np.zeros(n)
    yaw, pitch = np.full(n, np.nan), np.full(n, np.nan)
    head = np.array([(r.yaw_deg, r.pitch_deg, r.roll_deg) for r in rows]).reshape(n, 3)
    for i, row in enumerate(rows):
        eyes = _visible(row)
        width[i] = max(row.right.width_px, row.left.width_px)
        if (
            not eyes
            or width[i] < MIN_EYE_PX
            or openness[i] < max(CLOSED, NEAR_OPEN * open_level[i])
            or abs(head[i, 0]) > MAX_YAW_DEG
            or abs(head[i, 1]) > MAX_PITCH_DEG
        ):
            continue
        y, p, r = np.radians(head[i])
        face = np.array([np.sin(y) * np.cos(p), -np.sin(p)])
        c, s = np.cos(r), np.sin(r)
        level = np.array([c * face[0] + s * face[1], c * face[1] - s * face[0]])
        across = (float(np.mean([e.x / e.iris for e in eyes])) + DEPTH_IRIS * level[0]) / RESPONSE
        down = (float(np.mean([e.y / e.iris for e in eyes])) - REST_DOWN + DEPTH_IRIS_DOWN * level[1]) / RESPONSE_DOWN
        across, down = c * across - s * down, s * across + c * down  # back to the picture's axes
        k = IRIS_MM / ROTATION_MM
        yaw[i] = np.degrees(np.arcsin(np.clip(across * k, -1, 1)))
        if width[i] >= PITCH_EYE_PX:
            pitch[i] = -np.degrees(np.arcsin(np.clip(down * k, -1, 1)))
    t_s = np.array([r.t_s for r in rows])
    part = np.where(open_level > 0, openness / np.maximum(open_level, 1e-9), 0.0)
    return Gaze(t_s, _steady(t_s, yaw), _steady(t_s, pitch), openness, part, width, head)


def _steady(t_s: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Median of what was measured within a tenth of a second; NaN stays NaN. An eye rests for 0.2 s and more between two jumps."""
    out = values.copy()
    for i in np.flatnonzero(np.isfinite(values)):
        a, b = np.searchsorted(t_s, [t_s[i] - STEADY_S, t_s[i] + STEADY_S + 1e-6])
        out[i] = np.nanmedian(values[a:b])
    return out


def calibrate(gaze: Gaze) -> Calibration:
    """The densest direction of the frames with a nearly frontal head, where it is near enough to be the camera.

    Mean shift with a Gaussian of BANDWIDTH_DEG from the direction that has most neighbours.
    """
    frontal = (np.abs(gaze.head_deg[:, 0]) < CALIBRATION_YAW_DEG) & (np.abs(gaze.head_deg[:, 1]) < CALIBRATION_PITCH_DEG)
    points = np.stack([gaze.yaw_deg, np.nan_to_num(gaze.pitch_deg)], axis=1)[frontal & np.isfinite(gaze.yaw_deg)]
    if len(points) < CALIBRATION_MIN:
        return Calibration()
    starts, some = (points[:: max(1, len(points) // n)] for n in (STARTS, SOME))
    near = np.exp(-((starts[:, None] - some[None]) ** 2).sum(axis=2) / (2 * BANDWIDTH_DEG**2))
    centre = starts[int(near.sum(axis=1).argmax())]
    for _ in range(20):
        w = np.exp(-((points - centre) ** 2).sum(axis=1) / (2 * BANDWIDTH_DEG**2))
        centre = (points * w[:, None]).sum(axis=0) / w.sum()
    if abs(centre[0]) > CALIBRATION_MAX_DEG[0] or abs(centre[1]) > CALIBRATION_MAX_DEG[1]:
        return Calibration()
    return Calibration(float(centre[0]), float(centre[1]), len(points))


def stretches(gaze: Gaze, calibration: Calibration, step_s: float) -> list[Stretch]:
    """The track's frames in stretches that look into the camera, elsewhere, or cannot be told. They follow each other without gaps.

    Args:
        step_s: Time that a frame stands for; 0 for a single frame, which stands for none.
    """
    n = len(gaze.t_s)
    state: list[bool | None] = [None] * n
    looking = False
    for i in range(n):
        across, up = abs(gaze.yaw_deg[i] - calibration.yaw_deg), abs(gaze.pitch_deg[i] - calibration.pitch_deg)
        if np.isnan(across):
            continue
        limit = LEAVE_DEG if looking else ENTER_DEG
        looking = bool(across <= limit[0] and not up > limit[1])  # up is NaN where the eyes are too small for it
        state[i] = looking
    parts = _runs(state)
    parts = _absorb(parts, gaze.t_s, step_s, None, BRIDGE_S)
    parts = _absorb(parts, gaze.t_s, step_s, False, MIN_AWAY_S)
    parts = _absorb(parts, gaze.t_s, step_s, True, MIN_LOOK_S)
    return _absorb(parts, gaze.t_s, step_s, None, BRIDGE_S)  # again: what a stray frame divided may be one blink now


def _runs(state: Sequence[bool | None]) -> list[Stretch]:
    out: list[Stretch] = []
    for i, value in enumerate(state):
        if out and out[-1].at_camera is value:
            out[-1] = Stretch(out[-1].first, i, value)
        else:
            out.append(Stretch(i, i, value))
    return out


def _absorb(parts: Sequence[Stretch], t_s: np.ndarray, step_s: float, what: bool | None, below_s: float) -> list[Stretch]:
    """Give stretches of one kind that are shorter than a limit to their neighbours where these agree.

    At the track's ends the one neighbour decides, except for unknown stretches, which stay. A short look between others becomes a look
    elsewhere, or unknown where nothing else is around it.
    """
    state: list[bool | None] = []
    for k, part in enumerate(parts):
        value = part.at_camera
        length = float(t_s[part.last] - t_s[part.first]) + step_s
        if value is what and length < below_s - 1e-6:
            around = [parts[j].at_camera for j in (k - 1, k + 1) if 0 <= j < len(parts)]
            if len(set(around)) == 1 and (len(around) == 2 or what is not None):
                value = around[0]
            elif what is True:
                value = False if False in around else None
        state += [value] * (part.last - part.first + 1)
    return _runs(state)
