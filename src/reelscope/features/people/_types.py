"""What the feature `people` hands out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np

__all__ = ["POINT_NAMES", "People", "PeopleWindow", "PersonSeen", "PersonTrack"]

POINT_NAMES = (
    "nose",
    "left_eye_inner",
    "left_eye",
    "left_eye_outer",
    "right_eye_inner",
    "right_eye",
    "right_eye_outer",
    "left_ear",
    "right_ear",
    "mouth_left",
    "mouth_right",
    "left_shoulder",
    "right_shoulder",
    "left_elbow",
    "right_elbow",
    "left_wrist",
    "right_wrist",
    "left_pinky",
    "right_pinky",
    "left_index",
    "right_index",
    "left_thumb",
    "right_thumb",
    "left_hip",
    "right_hip",
    "left_knee",
    "right_knee",
    "left_ankle",
    "right_ankle",
    "left_heel",
    "right_heel",
    "left_foot_index",
    "right_foot_index",
)
"""The 33 points in the order of the model; left and right are the person's own."""


@dataclass(frozen=True, slots=True)
class PersonSeen:
    """One person in one sampled frame.

    Attributes:
        live_id: Holds as long as the person is followed within a shot; tracks that the person gate drops later have one too.
        xywh_norm: Box of the visible part of the person, of the display picture, clipped to it.
        score: Confidence (0-1) of the pose model that there is a person.
        keypoints: float32 [33, 4]: x, y normalised to the picture (may lie outside of it), z (depth against the hips, in the x scale,
            negative nearer), visibility 0-1; POINT_NAMES order.
    """

    live_id: int
    xywh_norm: tuple[float, float, float, float]
    score: float
    keypoints: np.ndarray


@dataclass(frozen=True, slots=True)
class PeopleWindow:
    """One window: the sampled times, and who was seen at each. Provisional: the gate judges whole tracks, at the end."""

    t_s: tuple[float, ...]
    people: tuple[tuple[PersonSeen, ...], ...]


@dataclass(frozen=True, slots=True)
class PersonTrack:
    """One person within one shot, after the person gate.

    Attributes:
        track_id: From 0, ordered by start, then size. live_id: as in PersonSeen.
        start_s, end_s: First and last time seen, the latter extended to the next sample or the end of the shot.
        shot: Index of the shot.
        t_s: float64 [n]. xywh_norm: float32 [n, 4]. score: float32 [n]. keypoints: float32 [n, 33, 4]; as in PersonSeen.
    """

    track_id: int
    live_id: int
    start_s: float
    end_s: float
    shot: int
    t_s: np.ndarray
    xywh_norm: np.ndarray
    score: np.ndarray
    keypoints: np.ndarray

    def __len__(self) -> int:
        return len(self.t_s)


@dataclass(frozen=True, slots=True)
class People:
    """Everybody in the clip, and the times that were looked at."""

    tracks: tuple[PersonTrack, ...]
    sampled_s: tuple[float, ...]
