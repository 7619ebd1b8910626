"""People over time as the rules read them: points in one order whatever the backend, in units of the torso."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from reelscope.features.people import POINT_NAMES, People

__all__ = ["BLAZE_NAMES", "COCO_NAMES", "Body", "Path", "body_of", "from_people", "with_points"]

COCO_NAMES = (
    "nose",
    "left_eye",
    "right_eye",
    "left_ear",
    "right_ear",
    "left_shoulder",
    "right_shoulder",
    "left_elbow",
    "right_elbow",
    "left_wrist",
    "right_wrist",
    "left_hip",
    "right_hip",
    "left_knee",
    "right_knee",
    "left_ankle",
    "right_ankle",
)
"""COCO-17; every backend has these, first and in this order."""
MORE = (
    "mouth_left",
    "mouth_right",
    "left_pinky",
    "right_pinky",
    "left_index",
    "right_index",
    "left_thumb",
    "right_thumb",
    "left_heel",
    "right_heel",
    "left_foot_index",
    "right_foot_index",
)  # the corners of the eyes, which the 33 points also have, say nothing that the eyes do not
BLAZE_NAMES = COCO_NAMES + MORE
BLAZE_ROWS = [POINT_NAMES.index(name) for name in BLAZE_NAMES]
NOSE, L_SHOULDER, R_SHOULDER, L_HIP, R_HIP = 0, 5, 6, 11, 12
TORSO_PER_SHOULDERS = 1.3
"""Length of the torso over the width of the shoulders, seen from the front (ANSUR II: about 0.50 m to 0.39 m between the shoulder and hip
points of both sexes): for people whose hips the picture does not show."""
UNIT_REACH = 5  # samples to both sides whose median is the unit: people may come nearer, single samples must not jump


@dataclass(frozen=True, slots=True)
class Path:
    """One person within one shot.

    Attributes:
        t_s: float64 [n]. xywh_norm: float32 [n, 4]. score: float32 [n].
        points: float32 [n, k, 3]: x, y (0-1 of the picture), visibility 0-1; the first 17 are COCO's. NaN where the backend did not look.
    """

    track_id: int
    shot: int
    start_s: float
    end_s: float
    t_s: np.ndarray
    xywh_norm: np.ndarray
    score: np.ndarray
    points: np.ndarray


@dataclass(frozen=True, slots=True)
class Body:
    """What the rules read of a path.

    Attributes:
        t_s: float64 [n].
        xy: float64 [n, 17, 2] in picture heights, y down; NaN where a point is not visible.
        unit: float64 [n], length of the torso in picture heights; NaN where neither torso nor shoulders are visible.
    """

    t_s: np.ndarray
    xy: np.ndarray
    unit: np.ndarray


def from_people(people: People) -> list[Path]:
    """The 33 points of the feature in this module's order."""
    return [
        Path(t.track_id, t.shot, t.start_s, t.end_s, t.t_s, t.xywh_norm, t.score, t.keypoints[:, BLAZE_ROWS][:, :, [0, 1, 3]])
        for t in people.tracks
    ]


def with_points(people: People, found: Mapping[tuple[int, float], np.ndarray], count: int) -> list[Path]:
    """The people of the feature with the points (float32 [count, 3], by live_id and time) that another model found in their boxes."""
    empty = np.full((count, 3), np.nan, np.float32)
    return [
        replace(path, points=np.stack([found.get((track.live_id, t), empty) for t in track.t_s.tolist()]))
        for path, track in zip(from_people(people), people.tracks, strict=True)
    ]


def visible(points: np.ndarray, limit: float) -> np.ndarray:
    """bool [n, k]: points that are sure enough and inside the picture."""
    x, y, v = points[..., 0], points[..., 1], points[..., 2]
    return (v >= limit) & (x >= 0) & (x <= 1) & (y >= 0) & (y <= 1)  # NaN compares false


def body_of(path: Path, aspect: float, limit: float) -> Body:
    """Units of the picture's height, invisible points left out. aspect: width over height of the display picture."""
    points = path.points[:, : len(COCO_NAMES)]
    xy = points[..., :2].astype(np.float64) * (aspect, 1.0)
    xy[~visible(points, limit)] = np.nan
    shoulders = xy[:, [L_SHOULDER, R_SHOULDER]]
    torso = np.linalg.norm(shoulders.mean(axis=1) - xy[:, [L_HIP, R_HIP]].mean(axis=1), axis=1)
    width = np.linalg.norm(shoulders[:, 0] - shoulders[:, 1], axis=1) * TORSO_PER_SHOULDERS
    raw = np.where(np.isfinite(torso), np.fmax(torso, width), width)  # a torso bent to the lens is short, shoulders from the side are
    raw[~(raw > 0)] = np.nan  # all in one place: nothing to measure by
    return Body(path.t_s, xy, running_median(raw, UNIT_REACH))


def running_median(values: np.ndarray, reach: int) -> np.ndarray:
    """Median of the finite values within `reach` samples; NaN where there is none."""
    out = np.full(len(values), np.nan)
    for i in range(len(values)):
        near = values[max(0, i - reach) : i + reach + 1]
        near = near[np.isfinite(near)]
        if len(near):
            out[i] = np.median(near)
    return out


def intervals(flags: Sequence[bool] | np.ndarray, t_s: np.ndarray, max_gap_s: float) -> list[tuple[int, int]]:
    """Runs of true flags as (first, last) index; time gaps above max_gap_s end a run."""
    out: list[tuple[int, int]] = []
    for i, flag in enumerate(flags):
        if not flag:
            continue
        if out and out[-1][1] == i - 1 and t_s[i] - t_s[i - 1] <= max_gap_s:
            out[-1] = (out[-1][0], i)
        else:
            out.append((i, i))
    return out
