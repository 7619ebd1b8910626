"""Detections of one clip: numbered as they come, made into objects at its end."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import median
from typing import Any

from reelscope.analyzers.object_detection._objects import Gate, Path, cut, one_label_each, worth
from reelscope.features._tracking import Tracker, Xywh

__all__ = ["HAND_GATE", "LEAST", "NOMINAL_STEP_S", "OBJECT_GATE", "Collector", "of_tracks", "step_of"]

LEAST = 0.1
"""Detections below are not looked at: with YOLOX-nano they are as often beside an object as on it."""
HIGH, LOW, NEW = 0.4, 0.15, 0.5
"""Scores that carry a track, that carry it where it was just seen, that start one. Chosen on the shared clips with YOLOX-nano."""
LOST_S = 1.0
LOST_STEPS = 2.5
"""...and at least so many pictures: where the detector looks once a second, a track must not be lost between two of them."""
OBJECT_GATE = Gate(mean=0.55, base=0.25, sum=1.0)
"""Two sightings of 0.75, three of 0.59, four of 0.55; a single one never counts. With YOLOX-nano on the shared clips, objects other than
people: 0.55 keeps 12 right labels and 7 wrong ones, 0.45 would keep 13 and 10, 0.6 11 and 6; people are the same at all three. The false
person that lasts longest (cockatoo, 25 sightings) has a mean of 0.39."""
HAND_GATE = Gate(mean=0.7, base=0.25, sum=1.0)
"""The hand model's presence is nearly always below 0.3 or above 0.9."""
NOMINAL_STEP_S = 0.2


class Collector:
    """Follows boxes from picture to picture; holds about 150 bytes a box.

    Args:
        step_s: Planned distance of the pictures.
    """

    def __init__(self, step_s: float = NOMINAL_STEP_S) -> None:
        self.times: list[float] = []
        self._tracker = Tracker(high=HIGH, low=LOW, new=NEW, lost_s=max(LOST_S, LOST_STEPS * step_s))
        self._seen: dict[tuple[int, str], list[tuple[float, Xywh, float]]] = {}

    def add(self, t_s: float, found: Sequence[tuple[Xywh, float, str]]) -> None:
        """The boxes of one picture, also where there are none."""
        self.times.append(t_s)
        numbers = self._tracker.update(t_s, [f[0] for f in found], [f[1] for f in found], [f[2] for f in found])
        for number, (box, score, label) in zip(numbers, found, strict=True):
            if number >= 0:
                self._seen.setdefault((number, label), []).append((t_s, box, score))

    def objects(self, shots: Sequence[tuple[float, float]], gate: Gate) -> list[Path]:
        """What passes the gate, cut at shots; of several labels for one thing one."""
        step_s = step_of(self.times) or NOMINAL_STEP_S
        whole = [
            Path(label, tuple(r[0] for r in rows), tuple(r[1] for r in rows), tuple(r[2] for r in rows), step_s)
            for (_, label), rows in self._seen.items()
        ]
        return one_label_each(p for path in whole for p in cut(path, shots) if worth(p, gate))


def of_tracks(label: str, value: Any, shots: Sequence[tuple[float, float]]) -> list[Path]:
    """The tracks of `faces` or `people`, which have passed gates of their own.

    Args:
        value: Faces or People.
    """
    step_s = step_of(value.sampled_s) or NOMINAL_STEP_S
    out = []
    for track in value.tracks:
        boxes = tuple((float(x), float(y), float(w), float(h)) for x, y, w, h in track.xywh_norm.tolist())
        path = Path(label, tuple(track.t_s.tolist()), boxes, tuple(map(float, track.score.tolist())), step_s)
        out += cut(path, shots)
    return out


def step_of(times: Sequence[float]) -> float | None:
    """Usual distance of the pictures; None for less than two."""
    return median(b - a for a, b in zip(times, times[1:], strict=False)) if len(times) > 1 else None
