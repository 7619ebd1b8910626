"""What the feature `faces` gives: faces of a window while the clip streams by, and tracks at its end."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np

__all__ = ["FaceSeen", "FaceTrack", "Faces", "FacesWindow"]


@dataclass(frozen=True, slots=True)
class FaceSeen:
    """A face in one frame.

    Attributes:
        live_id: The same for one face from frame to frame; provisional: it may go on across a cut, and the track may turn out to be none.
        xywh_norm: Forehead to chin, ear to ear, as seen; normalised to the picture.
        score: 0-1: the mesh's face presence where it is sure (`points`), else what the detector says on a second, closer look.
        points: float32 [468, 3] of the face mesh (x, y normalised to the picture, z in the scale of x, smaller is nearer), or None where
            the face is too small, blurred or turned for it.
        yaw_deg: Positive: the face turns to the picture's right. pitch_deg: positive: up. roll_deg: positive: clockwise as seen.
            None without points.
    """

    live_id: int
    xywh_norm: tuple[float, float, float, float]
    score: float
    points: np.ndarray | None = None
    yaw_deg: float | None = None
    pitch_deg: float | None = None
    roll_deg: float | None = None


@dataclass(frozen=True, slots=True)
class FacesWindow:
    """One entry per sampled frame of a window, also for frames without faces."""

    t_s: tuple[float, ...]
    faces: tuple[tuple[FaceSeen, ...], ...]


@dataclass(frozen=True, slots=True)
class FaceTrack:
    """One face followed through one shot.

    Attributes:
        track_id: From 0, by start, then size. live_id: what its sightings carried while streaming.
        start_s, end_s: From the first sighting to one sampling step past the last, within the shot. shot: index of the shot.
        t_s: float64 [n]. xywh_norm: float32 [n, 4]. score: float32 [n].
        pose_deg: float32 [n, 3]: yaw, pitch, roll as in FaceSeen; NaN where unknown.
    """

    track_id: int
    live_id: int
    start_s: float
    end_s: float
    shot: int
    t_s: np.ndarray
    xywh_norm: np.ndarray
    score: np.ndarray
    pose_deg: np.ndarray

    def __post_init__(self) -> None:
        if not len(self.t_s) == len(self.xywh_norm) == len(self.score) == len(self.pose_deg):
            raise ValueError("the arrays of a FaceTrack differ in length")


@dataclass(frozen=True, slots=True)
class Faces:
    """All faces of a clip that passed the gates, by start, then size; and the times of all frames that were looked at."""

    tracks: tuple[FaceTrack, ...]
    sampled_s: tuple[float, ...]
