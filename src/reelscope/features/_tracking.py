"""One tracker for everything that is detected frame by frame: faces, people, hands, objects.

The association is ByteTrack's (Zhang et al., ECCV 2022): confident boxes first, then the doubtful ones for tracks that would otherwise be
lost, so that a face half behind a hand keeps its number. As in DeepSORT (Wojke et al. 2017) tracks that were just seen choose before those
that were not: who passes behind somebody must not take that person's box. And as in OC-SORT (Cao et al. 2023) what was seen last counts
beside what was predicted: people turn on their heels. It is written here because the kept libraries (supervision, trackers, norfair) bring
matplotlib, pandas or a second OpenCV for about a hundred lines, and count time in frames: our samples are irregular, a few a second.

Boxes are (x, y, width, height) in any one unit; normalised ones should have been taken from a picture that is not extremely long, since
distances are measured in box sizes per axis. Pure Python: a frame has a handful of boxes. SciPy is imported when boxes compete.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import exp, hypot, sqrt

__all__ = ["Tracker", "Xywh", "iou_xywh", "nms", "shot_of", "split_at"]

Xywh = tuple[float, float, float, float]

JITTER = 0.05
"""Standard deviation of a detected box's centre, in box sizes; ByteTrack's 1/20."""
ACCELERATION = 3.0
"""Standard deviation of the acceleration, box sizes per s^2: someone who gets up and walks, or a hand."""
FIRST_SPEED = 1.5
"""Standard deviation of the speed of what was seen once, box sizes per second."""
COAST_S = 0.7
"""Time constant with which an unseen track slows down: after 1 s it would else have left the picture on one noisy step."""
SIZE_STEP = 0.6
"""Weight of the newest size: sizes change slowly, and extrapolating them lets boxes of lost tracks collapse or explode."""
JUMP = 1.2
"""Centre distance, in box sizes, within which boxes without overlap may be the same thing: a hand or a ball at 5 samples a second."""
JUMP_S = 0.5
"""...when it was seen at most this long ago."""
JUMP_AREA = 0.4
"""...and its area did not change by more than this ratio."""


def iou_xywh(a: Sequence[float], b: Sequence[float]) -> float:
    """Intersection over union of two boxes; 0 where both are empty."""
    width = min(a[0] + a[2], b[0] + b[2]) - max(a[0], b[0])
    height = min(a[1] + a[3], b[1] + b[3]) - max(a[1], b[1])
    if width <= 0 or height <= 0:
        return 0.0
    both = float(width * height)
    return both / (float(a[2] * a[3]) + float(b[2] * b[3]) - both)


def nms(boxes: Sequence[Sequence[float]], scores: Sequence[float], limit: float) -> list[int]:
    """Non-maximum suppression: indices that stay, the best score first; those that overlap a better one by more than `limit` go."""
    kept: list[int] = []
    for i in sorted(range(len(scores)), key=lambda k: -scores[k]):
        if all(iou_xywh(boxes[i], boxes[k]) <= limit for k in kept):
            kept.append(i)
    return kept


def shot_of(t_s: float, shots: Sequence[tuple[float, float]]) -> int:
    """Index of the shot that a moment lies in; moments outside belong to the first or the last one."""
    return max(0, bisect_right([start for start, _ in shots], t_s) - 1)


def split_at(track_times: Sequence[float], shots: Sequence[tuple[float, float]]) -> list[slice]:
    """Cut a track at shot boundaries: what carries the same number across a cut is not the same thing.

    Args:
        track_times: Increasing.
        shots: Half-open (start, end), in order; they tile the clip. With none the track stays whole.

    Returns:
        Slices into the track, none empty.
    """
    if not len(track_times):
        return []
    place = [shot_of(t, shots) for t in track_times] if shots else [0] * len(track_times)
    edges = [0, *(i for i in range(1, len(place)) if place[i] != place[i - 1]), len(place)]
    return [slice(a, b) for a, b in zip(edges, edges[1:], strict=False)]


class _Axis:
    """Kalman filter of one coordinate: position, speed, and their covariance; noise scales with the box's size."""

    __slots__ = ("pp", "pv", "vv", "x", "v")

    def __init__(self, x: float, size: float) -> None:
        self.x, self.v = x, 0.0
        self.pp, self.pv, self.vv = (JITTER * size) ** 2, 0.0, (FIRST_SPEED * size) ** 2

    def predict(self, dt: float, size: float, *, coasting: bool) -> None:
        keep = exp(-dt / COAST_S) if coasting else 1.0
        step = COAST_S * (1 - keep) if coasting else dt
        q = (ACCELERATION * size) ** 2
        self.x += self.v * step
        self.v *= keep
        self.pp += 2 * step * self.pv + step * step * self.vv + q * dt**4 / 4
        self.pv = keep * (self.pv + step * self.vv) + q * dt**3 / 2
        self.vv = keep * keep * self.vv + q * dt * dt

    def correct(self, z: float, size: float) -> None:
        s = self.pp + (JITTER * size) ** 2
        gain, gain_v, off = self.pp / s, self.pv / s, z - self.x
        self.x += gain * off
        self.v += gain_v * off
        self.vv -= gain_v * self.pv
        self.pv -= gain * self.pv
        self.pp -= gain * self.pp


@dataclass(slots=True)
class _Live:
    """A track that may go on."""

    number: int
    label: str
    x: _Axis
    y: _Axis
    width: float
    height: float
    seen_s: float
    last: Xywh

    @property
    def box(self) -> Xywh:
        return (self.x.x - self.width / 2, self.y.x - self.height / 2, self.width, self.height)


class Tracker:
    """Numbers for boxes over time.

    Args:
        high: Scores from here on may start and carry a track.
        low: Scores from here on may only carry one that was seen in the sample before.
        new: Scores from here on start a track; None: `high`.
        iou_min: Least overlap of a box with a track's predicted box.
        lost_s: How long a track is remembered unseen.

    Numbers count up from 0 and are never used twice, also not after `reset`. Every first sighting gets a number: how often something must
    be seen before it counts is the caller's to decide.
    """

    def __init__(self, *, high: float, low: float = 0.1, new: float | None = None, iou_min: float = 0.3, lost_s: float = 1.0) -> None:
        self.high, self.low, self.new, self.iou_min, self.lost_s = high, low, high if new is None else new, iou_min, lost_s
        self._next = 0
        self.reset()

    def reset(self) -> None:
        """Forget all tracks: a new clip, or a cut."""
        self._tracks: list[_Live] = []
        self._now: float | None = None
        self._before: float | None = None

    def update(
        self, t_s: float, boxes_xywh: Sequence[Sequence[float]], scores: Sequence[float], labels: Sequence[str] | None = None
    ) -> list[int]:
        """Take the boxes of one moment; moments without boxes are to be reported too.

        Args:
            t_s: Seconds, later than the call before.
            labels: Boxes join only tracks of their label; None: all are one kind.

        Returns:
            Each box's number, -1 where it was not taken up.

        Raises:
            ValueError: Time does not increase, or the lists differ in length.
        """
        kinds = [""] * len(boxes_xywh) if labels is None else list(labels)
        if not len(boxes_xywh) == len(scores) == len(kinds):
            raise ValueError(f"{len(boxes_xywh)} boxes, {len(scores)} scores and {len(kinds)} labels: one of each per box")
        if self._now is not None and t_s <= self._now:
            raise ValueError(f"times must increase: {t_s} s after {self._now} s")
        boxes: list[Xywh] = [(float(b[0]), float(b[1]), float(b[2]), float(b[3])) for b in boxes_xywh]
        self._before, self._now = self._now, t_s
        self._tracks = [t for t in self._tracks if t_s - t.seen_s <= self.lost_s]
        if self._before is not None:
            for track in self._tracks:
                coasting = track.seen_s < self._before
                track.x.predict(t_s - self._before, track.width, coasting=coasting)
                track.y.predict(t_s - self._before, track.height, coasting=coasting)
        numbers = [-1] * len(boxes)
        free = list(self._tracks)
        sure = [i for i in range(len(boxes)) if scores[i] >= self.high]
        doubtful = [i for i in range(len(boxes)) if self.low <= scores[i] < self.high]

        def join(rows: list[int], tracks: list[_Live], cost: Callable[[_Live, Xywh], float | None]) -> list[int]:
            pairs = _assign([[None if track.label != kinds[i] else cost(track, boxes[i]) for track in tracks] for i in rows])
            for r, c in pairs:
                self._take(tracks[c], boxes[rows[r]])
                numbers[rows[r]] = tracks[c].number
                free.remove(tracks[c])
            return [i for i in rows if numbers[i] < 0]

        sure = join(sure, [t for t in free if t.seen_s == self._before], self._overlap)
        sure = join(sure, list(free), self._overlap)
        join(doubtful, [t for t in free if t.seen_s == self._before], self._overlap)
        sure = join(sure, [t for t in free if t_s - t.seen_s <= JUMP_S], _jump)
        for i in sure:
            if scores[i] >= self.new:
                numbers[i] = self._begin(boxes[i], kinds[i])
        return numbers

    def _overlap(self, track: _Live, box: Xywh) -> float | None:
        """1 - IoU, None below the least one. What was just seen is also looked for where it was."""
        iou = iou_xywh(track.box, box)
        if track.seen_s == self._before:
            iou = max(iou, iou_xywh(track.last, box))
        return 1 - iou if iou >= self.iou_min and iou > 0 else None

    def _take(self, track: _Live, box: Xywh) -> None:
        track.x.correct(box[0] + box[2] / 2, box[2])
        track.y.correct(box[1] + box[3] / 2, box[3])
        track.width += SIZE_STEP * (box[2] - track.width)
        track.height += SIZE_STEP * (box[3] - track.height)
        assert self._now is not None
        track.seen_s, track.last = self._now, box

    def _begin(self, box: Xywh, label: str) -> int:
        assert self._now is not None
        x, y, width, height = box
        number, self._next = self._next, self._next + 1
        self._tracks.append(_Live(number, label, _Axis(x + width / 2, width), _Axis(y + height / 2, height), width, height, self._now, box))
        return number


def _jump(track: _Live, box: Xywh) -> float | None:
    """Distance of the centres in box sizes, each axis by itself; None where it is too far, or the sizes do not fit."""
    area, other = track.width * track.height, box[2] * box[3]
    if min(area, other) < JUMP_AREA * max(area, other) or not area:
        return None
    distance = hypot(
        (box[0] + box[2] / 2 - track.x.x) / sqrt(track.width * box[2]), (box[1] + box[3] / 2 - track.y.x) / sqrt(track.height * box[3])
    )
    return distance if distance <= JUMP else None


def _assign(costs: list[list[float | None]]) -> list[tuple[int, int]]:
    """Pairs (row, column) of least total cost among those that are allowed (not None), as many pairs as possible."""
    allowed = [(r, c) for r, row in enumerate(costs) for c, cost in enumerate(row) if cost is not None]
    if len({r for r, _ in allowed}) == len(allowed) == len({c for _, c in allowed}):
        return allowed  # nothing competes, as in most frames
    from scipy.optimize import linear_sum_assignment

    far = 1 + 2 * sum(costs[r][c] or 0.0 for r, c in allowed)  # dearer than all allowed pairs together
    rows, columns = linear_sum_assignment([[far if cost is None else cost for cost in row] for row in costs])
    return [(int(r), int(c)) for r, c in zip(rows, columns, strict=True) if costs[r][c] is not None]
