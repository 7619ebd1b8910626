"""Posture and movement of one person from keypoints, by rules that docs/analyzers/body_pose.md states."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

import numpy as np

from reelscope.analyzers.body_pose._paths import L_HIP, L_SHOULDER, R_HIP, R_SHOULDER, Body, intervals
from reelscope.analyzers.body_pose._types import Posture

__all__ = ["PostureSpan", "movement", "posture_at", "postures"]

MAX_GAP_S = 0.5  # samples further apart are not one movement; the feature gives five a second
KNEES, ANKLES = (13, 14), (15, 16)
MAIN = [0, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16]  # the face counts once
MAIN_MIN = 4  # shoulders alone do not move against their own middle
LYING_DEG, BENDING_DEG = 60.0, 40.0  # torso against the vertical; a walking or leaning person stays below 30
THIGH_SITTING_DEG, THIGH_UP_DEG = 50.0, 125.0  # thigh against hanging down; walking swings to about 35; knees above the hips are a mistake
THIGH_SHORT = 0.55  # thigh towards the lens: its length over the shin's; seen upright they are about equal
KNEE_STRAIGHT_DEG = 150.0
SMOOTH = 2  # samples to both sides that vote
TRAVEL_MAX = 2.0
"""Torso lengths per second, mean over the samples that vote, above which there is no posture: children who jump on a bed travel at 2.3 to
4.1, a woman who walks at most 1.7, who stands or sits 0.1 to 0.7. Their legs are straight in mid-air, too."""
MIN_S = 0.8  # a shorter posture is a step of a movement


@dataclass(frozen=True, slots=True)
class PostureSpan:
    """A posture from one sample to another (indices, both included) with the medians of what decided."""

    posture: Posture
    first: int
    last: int
    evidence: dict[str, float | None]


def tilt_deg(vector: np.ndarray) -> float:
    """Angle of a vector (x, y down) against straight up, 0-180 degrees."""
    return float(np.degrees(np.arctan2(abs(vector[0]), -vector[1])))


def joint_deg(a: np.ndarray, joint: np.ndarray, b: np.ndarray) -> float:
    """Inner angle at a joint, 0-180 degrees; NaN where a point is missing."""
    u, v = a - joint, b - joint
    size = float(np.linalg.norm(u) * np.linalg.norm(v))
    return float(np.degrees(np.arccos(np.clip(u @ v / size, -1, 1)))) if size > 0 else float("nan")


def posture_at(xy: np.ndarray) -> tuple[Posture | None, dict[str, float]]:
    """Posture in one sample of points [17, 2], and the figures: torso_tilt_deg, thigh_tilt_deg, knee_deg, thigh_to_shin."""
    shoulders, hips = xy[[L_SHOULDER, R_SHOULDER]].mean(axis=0), xy[[L_HIP, R_HIP]].mean(axis=0)
    if not np.isfinite(shoulders).all() or not np.isfinite(hips).all():
        return None, {}
    figures = {"torso_tilt_deg": tilt_deg(shoulders - hips)}
    legs = []
    for hip, knee, ankle in zip((L_HIP, R_HIP), KNEES, ANKLES, strict=True):
        if np.isfinite(xy[knee]).all():
            # straight down is 0: a standing leg
            thigh = tilt_deg(xy[hip] - xy[knee])
            shin = float(np.linalg.norm(xy[knee] - xy[ankle]))
            legs.append(
                (thigh, joint_deg(xy[hip], xy[knee], xy[ankle]), float(np.linalg.norm(xy[hip] - xy[knee])) / shin if shin else np.nan)
            )
    if legs:
        names = ("thigh_tilt_deg", "knee_deg", "thigh_to_shin")
        for name, values in zip(names, zip(*legs, strict=True), strict=True):
            known = [v for v in values if np.isfinite(v)]
            if known:
                figures[name] = float(np.mean(known))
    return _decide(figures), figures


def _decide(f: dict[str, float]) -> Posture | None:
    torso, thigh, knee, ratio = f["torso_tilt_deg"], f.get("thigh_tilt_deg"), f.get("knee_deg"), f.get("thigh_to_shin")
    if torso > LYING_DEG:
        if thigh is None:
            return None  # a torso alone may as well be bent over
        return "bending" if thigh < BENDING_DEG else "lying"
    if torso > BENDING_DEG:
        return "bending" if thigh is not None and thigh < BENDING_DEG else None
    if thigh is None:
        return "upright"
    if thigh > THIGH_UP_DEG:
        return None
    if thigh >= THIGH_SITTING_DEG or (ratio is not None and ratio < THIGH_SHORT):
        return "sitting"
    return "standing" if knee is not None and knee >= KNEE_STRAIGHT_DEG else None


def postures(body: Body) -> list[PostureSpan]:
    """Postures that last, in time order; stretches that no rule decides, or in which the person travels fast, are left out."""
    each = [posture_at(xy) for xy in body.xy]
    names = [name for name, _ in each]
    fast = _fast(movement(body)[1])
    voted: list[Posture | None] = []
    for i in range(len(names)):
        near = Counter(names[max(0, i - SMOOTH) : i + SMOOTH + 1])
        best = max(near.values())
        voted.append(names[i] if near[names[i]] == best else next(n for n, c in near.items() if c == best))
    voted = [None if f else n for n, f in zip(voted, fast, strict=True)]
    out: list[PostureSpan] = []
    for posture in dict.fromkeys(n for n in voted if n is not None):
        for first, last in intervals([v == posture for v in voted], body.t_s, MAX_GAP_S):
            if body.t_s[last] - body.t_s[first] < MIN_S:
                continue
            rows = [f for name, f in each[first : last + 1] if name == posture]
            keys = dict.fromkeys(k for f in rows for k in f)
            out.append(PostureSpan(posture, first, last, {k: float(np.median([f[k] for f in rows if k in f])) for k in keys}))
    return sorted(out, key=lambda s: s.first)


def _fast(travel: np.ndarray) -> list[bool]:
    out = []
    for i in range(len(travel)):
        near = travel[max(0, i - SMOOTH) : i + SMOOTH + 1]
        near = near[np.isfinite(near)]
        out.append(bool(len(near)) and float(np.mean(near)) > TRAVEL_MAX)
    return out


def movement(body: Body) -> tuple[np.ndarray, np.ndarray]:
    """Movement and travel at each sample, float64 [n], torso lengths per second; NaN where not measurable.

    Movement: mean speed, from the sample before, of the main points visible in both, relative to the middle of the shoulders, so that
    neither walking nor a panning camera counts. Travel: the speed of that middle, camera included.
    """
    n = len(body.t_s)
    moved, travelled = np.full(n, np.nan), np.full(n, np.nan)
    centre = body.xy[:, [L_SHOULDER, R_SHOULDER]].mean(axis=1)
    own = body.xy[:, MAIN] - centre[:, None]
    for i in range(1, n):
        dt = float(body.t_s[i] - body.t_s[i - 1])
        unit = float(body.unit[i])
        if dt > MAX_GAP_S or not unit > 0:
            continue
        travelled[i] = np.linalg.norm(centre[i] - centre[i - 1]) / unit / dt
        steps = np.linalg.norm(own[i] - own[i - 1], axis=1)
        steps = steps[np.isfinite(steps)]
        if len(steps) >= MAIN_MIN:
            moved[i] = float(np.mean(steps)) / unit / dt
    return moved, travelled
