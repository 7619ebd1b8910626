"""Numbers for faces from frame to frame, and which of the tracks are kept."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

import numpy as np

from reelscope.features._tracking import Tracker, shot_of, split_at
from reelscope.features.faces._find import Found
from reelscope.features.faces._pose import head_pose
from reelscope.features.faces._types import Faces, FaceSeen, FaceTrack

__all__ = ["Follower", "keep"]

STEP_S = 0.2  # between samples, where the clip has only one
HIGH, LOW = 0.6, 0.3  # scores that start and carry a track, and that only carry it
MIN_SIGHTINGS, MIN_S = 2, 0.4
"""A track is seen at least twice and lasts 0.4 s (two samples): what detectors see in a single frame of a clip without people was gone in
the next."""
MIN_MEAN, MIN_MEAN_UNSURE = 0.6, 0.7
MIN_SIGHTINGS_UNSURE = 4
"""Least mean score, and what is asked of a track that the mesh is not sure of in half its sightings: fists at a cup and at a kettle reached
0.45-0.77 in up to three sightings, a cockatoo 0.63; blurred faces of children 0.71-0.84, a drummer's face 20 px wide 0.8-0.88, any face
that the mesh sees 0.98."""
SURE = 0.9
"""Where the shot itself is shorter than 0.6 s, one sighting of this score is enough."""
SHORT_SHOT_S = 0.6


class Follower:
    """Takes the faces of one frame after another; keeps numbers only."""

    def __init__(self) -> None:
        self._tracker = Tracker(high=HIGH, low=LOW, new=LOW, lost_s=1.0)
        self._times: list[float] = []
        self._rows: dict[int, list[tuple[float, ...]]] = defaultdict(list)

    def add(self, t_s: float, found: Sequence[Found], width: int, height: int) -> tuple[FaceSeen, ...]:
        """Number the faces of a frame of this size in pixels."""
        self._times.append(t_s)
        boxes = [_norm(f.xywh_px, width, height) for f in found]
        numbers = self._tracker.update(t_s, boxes, [f.score for f in found])
        seen = []
        for face, box, number in zip(found, boxes, numbers, strict=True):
            if number < 0:
                continue
            points, pose = None, None
            if face.mesh is not None:
                pose = head_pose(face.mesh.points)
                points = (face.mesh.points / np.array([width, height, width])).astype(np.float32)
            yaw, pitch, roll = (None, None, None) if pose is None else pose
            seen.append(FaceSeen(number, box, face.score, points, yaw, pitch, roll))
            self._rows[number].append((t_s, *box, face.score, *((np.nan,) * 3 if pose is None else pose)))
        return tuple(seen)

    def finish(self, shots: Sequence[tuple[float, float]], duration_s: float) -> Faces:
        """Cut the tracks at the shots, leave out what is none, number the rest."""
        step = float(np.median(np.diff(self._times))) if len(self._times) > 1 else STEP_S
        parts = []
        for live_id, rows in self._rows.items():
            table = np.array(rows)
            for part in split_at(table[:, 0].tolist(), shots):
                piece = table[part]
                shot = shot_of(float(piece[0, 0]), shots)
                start_s, end_s = shots[shot] if shots else (0.0, duration_s)
                if keep(piece[:, 0], piece[:, 5], step, end_s - start_s):
                    parts.append((live_id, shot, piece, max(piece[-1, 0], min(piece[-1, 0] + step, end_s, duration_s))))
        parts.sort(key=lambda p: (p[2][0, 0], -float(np.median(p[2][:, 3] * p[2][:, 4]))))
        tracks = tuple(
            FaceTrack(
                number,
                live_id,
                float(piece[0, 0]),
                float(end_s),
                shot,
                piece[:, 0].copy(),
                piece[:, 1:5].astype(np.float32),
                piece[:, 5].astype(np.float32),
                piece[:, 6:9].astype(np.float32),
            )
            for number, (live_id, shot, piece, end_s) in enumerate(parts)
        )
        return Faces(tracks, tuple(self._times))


def keep(t_s: np.ndarray, scores: np.ndarray, step_s: float, shot_s: float) -> bool:
    """Whether a track is a face: seen often and long enough, and well enough on average."""
    sure = float((scores >= SURE).mean()) >= 0.5
    if float(scores.mean()) < (MIN_MEAN if sure else MIN_MEAN_UNSURE):
        return False
    if sure and shot_s < SHORT_SHOT_S:
        return True
    return len(t_s) >= (MIN_SIGHTINGS if sure else MIN_SIGHTINGS_UNSURE) and float(t_s[-1] - t_s[0]) + step_s >= MIN_S - 1e-6


def _norm(xywh_px: Sequence[float], width: int, height: int) -> tuple[float, float, float, float]:
    """The part of a box inside the picture, 0-1."""
    x, y, w, h = xywh_px
    x0, y0 = min(max(x / width, 0.0), 1.0), min(max(y / height, 0.0), 1.0)
    x1, y1 = min(max((x + w) / width, 0.0), 1.0), min(max((y + h) / height, 0.0), 1.0)
    return x0, y0, max(0.0, x1 - x0), max(0.0, y1 - y0)
