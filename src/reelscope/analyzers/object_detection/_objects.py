"""From numbered boxes to objects: tracks cut at shots, a gate against noise, one label for one thing, presence, counts. Pure Python."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from reelscope.features._tracking import Xywh, iou_xywh, shot_of, split_at

__all__ = ["Gate", "Path", "counts_at", "cut", "one_label_each", "presences", "thin", "worth"]

GAP_STEPS = 3.5
"""A presence goes on over at most two missed samples: a third is an absence, or a flicker worth showing."""
SAME_IOU, SAME_SHARE = 0.7, 0.5
"""Two labels for one thing: boxes that overlap so much (mean) in at least this share of the shorter track's sightings."""
THIN_NORM, THIN_GAP_S = 0.004, 1.0
"""A point of a path is left out where the line between its neighbours passes this near (share of the picture, each figure of the box),
and points are at most this far apart; 0.004 is below the jitter of every detector here."""


@dataclass(frozen=True, slots=True)
class Path:
    """Sightings of one thing in one shot, in time order.

    Attributes:
        t_s, boxes, scores: One each per sighting; boxes normalised.
        step_s: Distance of the samples that it was looked for in.
        shot: Index; until_s: end of that shot.
    """

    label: str
    t_s: tuple[float, ...]
    boxes: tuple[Xywh, ...]
    scores: tuple[float, ...]
    step_s: float
    shot: int = 0
    until_s: float = float("inf")

    def __len__(self) -> int:
        return len(self.t_s)

    @property
    def score(self) -> float:
        """Mean of the scores."""
        return sum(self.scores) / len(self.scores)

    @property
    def share(self) -> float:
        """Mean share of the picture."""
        return sum(b[2] * b[3] for b in self.boxes) / len(self.boxes)

    @property
    def end_s(self) -> float:
        """One sample past the last sighting, within the shot."""
        return min(self.t_s[-1] + self.step_s, self.until_s)

    def part(self, of: slice) -> Path:
        """Some of its sightings."""
        return Path(self.label, self.t_s[of], self.boxes[of], self.scores[of], self.step_s, self.shot, self.until_s)


@dataclass(frozen=True, slots=True)
class Gate:
    """What a track must show to be an object.

    Attributes:
        mean: Least mean score. base, sum: the scores above `base` must add up to at least `sum`: a few sure sightings or many fair ones.
        sightings: At least so many.
    """

    mean: float
    base: float
    sum: float
    sightings: int = 2


def worth(path: Path, gate: Gate) -> bool:
    """Whether it is an object."""
    return len(path) >= gate.sightings and path.score >= gate.mean and sum(s - gate.base for s in path.scores) >= gate.sum


def cut(path: Path, shots: Sequence[tuple[float, float]]) -> list[Path]:
    """One path for each shot that it touches."""
    out = []
    for part in split_at(path.t_s, shots):
        p = path.part(part)
        shot = shot_of(p.t_s[0], shots) if shots else 0
        out.append(Path(p.label, p.t_s, p.boxes, p.scores, p.step_s, shot, shots[shot][1] if shots else path.until_s))
    return out


def one_label_each(paths: Iterable[Path]) -> list[Path]:
    """Of paths with different labels that lie on each other the one with more score in all: a car is not also a suitcase."""
    kept: list[Path] = []
    of_shot: dict[int, list[Path]] = {}  # a long clip has thousands of paths, a shot a few
    for path in sorted(paths, key=lambda p: -sum(p.scores)):
        others = of_shot.setdefault(path.shot, [])
        if not any(k.label != path.label and _same(k, path) for k in others):
            others.append(path)
            kept.append(path)
    return kept


def _same(a: Path, b: Path) -> bool:
    where = dict(zip(a.t_s, a.boxes, strict=True))
    overlaps = [iou_xywh(where[t], box) for t, box in zip(b.t_s, b.boxes, strict=True) if t in where]
    return len(overlaps) >= SAME_SHARE * min(len(a), len(b)) and sum(overlaps) >= SAME_IOU * len(overlaps) > 0


def presences(path: Path) -> list[Path]:
    """Its parts without gaps."""
    edges = [i for i in range(1, len(path)) if path.t_s[i] - path.t_s[i - 1] > GAP_STEPS * path.step_s]
    return [path.part(slice(a, b)) for a, b in zip([0, *edges], [*edges, len(path)], strict=True)]


def counts_at(times: Sequence[float], parts: Iterable[Path]) -> list[int]:
    """How many of these presences hold at each time."""
    change = [0] * (len(times) + 1)
    for part in parts:
        change[bisect_left(times, part.t_s[0])] += 1
        change[bisect_left(times, part.end_s - part.step_s / 4)] -= 1  # the sample at the end itself may be a rounding later
    out, now = [], 0
    for k in range(len(times)):
        now += change[k]
        out.append(now)
    return out


def thin(path: Path, least_gap_s: float) -> list[int]:
    """Indices of the sightings that draw its course: straight lines between them pass through the others.

    Args:
        least_gap_s: Points are at least this far apart, the last one excepted.
    """
    kept = [0]
    last = len(path) - 1
    for i in range(1, last):
        a = kept[-1]
        if path.t_s[i] - path.t_s[a] < least_gap_s:
            continue
        if path.t_s[i + 1] - path.t_s[a] > THIN_GAP_S or any(_off(path, a, i + 1, k) > THIN_NORM for k in range(a + 1, i + 1)):
            kept.append(i)
    if last > 0:
        if len(kept) > 1 and path.t_s[last] - path.t_s[kept[-1]] < least_gap_s:
            kept.pop()
        kept.append(last)
    return kept


def _off(path: Path, a: int, b: int, k: int) -> float:
    """How far sighting k lies from the line between a and b."""
    f = (path.t_s[k] - path.t_s[a]) / (path.t_s[b] - path.t_s[a])
    return max(abs(p + f * (q - p) - r) for p, q, r in zip(path.boxes[a], path.boxes[b], path.boxes[k], strict=True))
