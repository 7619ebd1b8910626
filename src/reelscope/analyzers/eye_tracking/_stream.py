"""From frames and sightings of faces to one row of figures per frame and face, while the clip streams by."""

from __future__ import annotations

from array import array
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import astuple, dataclass

import numpy as np

from reelscope.analyzers.eye_tracking._eyes import Eye, Session, both_eyes
from reelscope.features.faces import FacesWindow
from reelscope.features.faces._mesh import LEFT_EYE, RIGHT_EYE, fit_mesh, roi_of_mesh
from reelscope.features.faces._pose import head_pose
from reelscope.media.frames import Frames

__all__ = ["MAX_FACES", "MIN_EYE_PX", "EyeLog", "EyeRow", "EyeStream"]

PRESENT = 0.5
"""Least presence of the mesh from frame to frame, as its makers have it."""
MAX_FACES = 3
"""Faces measured at once, the largest ones: 4 ms each and frame."""
MIN_EYE_PX = 5.0
"""Distance of an eye's corners from which on it is measured at all; see docs for what is left of the figures at this size."""
UNSEEN_S = 0.45
"""How long a face is followed without a new sighting: two samples of `faces`."""
BETWEEN_S = 0.08
"""Two frames no farther apart (three frames at 30 or 25 a second): the mesh of the one between is the mean of theirs, weighted by time. A
head moves smoothly over that time, and the eyes themselves are looked at in every frame; it saves an eighth of the work."""
NEAR_EYES = 0.3
"""Only where no corner of an eye moved by more than this part of the eye's width from the first to the third; else it may be a cut."""
BACK_S = 0.25
"""How far before its first sighting a face is followed backwards: one sample."""


@dataclass(frozen=True, slots=True)
class EyeRow:
    """A face in one frame: pose in degrees as in FaceSeen, and both eyes (the subject's)."""

    t_s: float
    yaw_deg: float
    pitch_deg: float
    roll_deg: float
    right: Eye
    left: Eye


class EyeLog:
    """The rows of one face in time order, 112 bytes each: an hour of one face is 12 MB."""

    COLUMNS = 14

    def __init__(self, rows: Iterable[EyeRow] = ()) -> None:
        self._values = array("d")
        for row in rows:
            self.append(row)

    def append(self, row: EyeRow) -> None:
        """Add a row, later than the last one."""
        self._values.extend((row.t_s, row.yaw_deg, row.pitch_deg, row.roll_deg, *astuple(row.right), *astuple(row.left)))

    def __len__(self) -> int:
        return len(self._values) // self.COLUMNS

    def between(self, low_s: float, high_s: float) -> list[EyeRow]:
        """Rows with low_s <= t_s < high_s."""
        table = np.frombuffer(self._values, np.float64).reshape(-1, self.COLUMNS) if self._values else np.zeros((0, self.COLUMNS))
        first, last = np.searchsorted(table[:, 0], [low_s, high_s])
        return [EyeRow(*v[:4], Eye(*v[4:9]), Eye(*v[9:])) for v in table[first:last].tolist()]


class EyeStream:
    """Follows each sighted face from frame to frame by its own mesh and measures its eyes.

    Args:
        mesh, iris: Give the sessions of face-landmarks and iris-landmarks.
    """

    def __init__(self, mesh: Callable[[], Session], iris: Callable[[], Session]) -> None:
        self._mesh, self._iris = mesh, iris
        self.rows: dict[int, EyeLog] = defaultdict(EyeLog)
        self.too_small: dict[int, float] = {}  # live id: widest eye, px, of faces that were left out for it
        self.crowded: set[int] = set()  # live ids left out because larger faces were there
        self.times = array("d")
        self._carried: dict[int, tuple[np.ndarray, float]] = {}

    def feed(self, frames: Frames, seen: FacesWindow) -> None:
        """Take a window: frames at EYES and what the feature `faces` saw in it."""
        if not len(frames):
            return
        height, width = frames.pixels.shape[1:3]
        scale = np.array([width, height, width], np.float32)
        self.times.extend(frames.pts_s.tolist())
        sightings: dict[int, list[tuple[float, np.ndarray]]] = defaultdict(list)
        for t_s, faces in zip(seen.t_s, seen.faces, strict=True):
            for face in faces:
                if face.points is not None:
                    sightings[face.live_id].append((t_s, face.points * scale))
        sizes = {i: max(_eye_px(p) for _, p in points) for i, points in sightings.items()}
        sizes.update({i: _eye_px(p) for i, (p, _) in self._carried.items() if i not in sizes})
        for i, size in sizes.items():
            if size < MIN_EYE_PX:
                self.too_small[i] = max(size, self.too_small.get(i, 0.0))
        chosen = sorted((i for i, size in sizes.items() if size >= MIN_EYE_PX), key=lambda i: -sizes[i])
        self.crowded.update(chosen[MAX_FACES:])
        carried: dict[int, tuple[np.ndarray, float]] = {}
        for live_id in chosen[:MAX_FACES]:
            rows, last = self._follow(frames, sightings[live_id], self._carried.get(live_id))
            for i in sorted(rows):
                self.rows[live_id].append(rows[i])
            if last is not None:
                carried[live_id] = last
        self._carried = carried

    def _follow(
        self, frames: Frames, sightings: Sequence[tuple[float, np.ndarray]], carried: tuple[np.ndarray, float] | None
    ) -> tuple[dict[int, EyeRow], tuple[np.ndarray, float] | None]:
        """One face through a window: forwards from each sighting until it is lost, then backwards into the gaps before sightings.

        Returns:
            Rows by index of the frame, and the mesh with the time of its last sighting, to go on with in the next window.
        """
        times = frames.pts_s.tolist()
        rows: dict[int, EyeRow] = {}
        waiting = list(sightings)
        points, sighted_s = carried if carried is not None else (None, 0.0)
        for i, t_s in enumerate(times):
            sighted = False
            while waiting and waiting[0][0] <= t_s + 1e-6:
                sighted_s, points = waiting.pop(0)
                sighted = True
            if points is not None and t_s - sighted_s > UNSEEN_S:
                points = None
            if points is None or i in rows:
                continue
            ahead = None
            until_s = min(waiting[0][0] - 2e-6 if waiting else sighted_s + UNSEEN_S, sighted_s + UNSEEN_S)
            if i - 1 in rows and not sighted and i + 1 < len(times) and times[i + 1] <= until_s:
                ahead = self._pair(frames, times, points, rows, i)
            points = ahead if ahead is not None else self._measure(frames.pixels[i], t_s, points, rows, i)
        if waiting:  # sighted after the window's last frame of ours
            sighted_s, points = waiting[-1]
        for seen_s, first in sightings:
            back: np.ndarray | None = first
            for i in range(int(np.searchsorted(times, seen_s - 1e-6)) - 1, -1, -1):
                if back is None or i in rows or seen_s - times[i] > BACK_S:
                    break
                back = self._measure(frames.pixels[i], times[i], back, rows, i)
        return rows, None if points is None else (points, sighted_s)

    def _pair(self, frames: Frames, times: Sequence[float], before: np.ndarray, rows: dict[int, EyeRow], index: int) -> np.ndarray | None:
        """Measure a frame and the next one with one mesh, that of the next; its points, or None (and no row) where that is not near enough.

        Args:
            before: Points in the frame before.
        """
        after = index + 1
        if times[after] - times[index - 1] > BETWEEN_S:
            return None
        mesh = fit_mesh(self._mesh(), frames.pixels[after], roi_of_mesh(before))
        if mesh.presence < PRESENT or _eyes_moved(before, mesh.points) > NEAR_EYES * _eye_px(before):
            return None
        part = (times[index] - times[index - 1]) / (times[after] - times[index - 1])
        for i, points in ((index, before + np.float32(part) * (mesh.points - before)), (after, mesh.points)):
            if not self._eyes(frames.pixels[i], times[i], points, rows, i):
                rows.pop(index, None)
                return None
        return mesh.points

    def _measure(self, rgb: np.ndarray, t_s: float, near: np.ndarray, rows: dict[int, EyeRow], index: int) -> np.ndarray | None:
        """Find the face near where it was and measure it into `rows`; its points, or None where it is lost."""
        mesh = fit_mesh(self._mesh(), rgb, roi_of_mesh(near))
        return mesh.points if mesh.presence >= PRESENT and self._eyes(rgb, t_s, mesh.points, rows, index) else None

    def _eyes(self, rgb: np.ndarray, t_s: float, points: np.ndarray, rows: dict[int, EyeRow], index: int) -> bool:
        """Measure a face's eyes into `rows`; whether the points have a pose."""
        pose = head_pose(points)
        if pose is None:
            return False
        rows[index] = EyeRow(t_s, *pose, *both_eyes(self._iris(), rgb, points))
        return True


def _eyes_moved(before: np.ndarray, after: np.ndarray) -> float:
    """The longest way of a corner of an eye, in the points' unit."""
    corners = [*RIGHT_EYE, *LEFT_EYE]
    return float(np.hypot(*(after[corners, :2] - before[corners, :2]).T).max())


def _eye_px(points: np.ndarray) -> float:
    """Width of the wider eye."""
    return float(max(np.hypot(*(points[a, :2] - points[b, :2])) for a, b in (RIGHT_EYE, LEFT_EYE)))
