"""Paths from backends that find people by themselves, frame by frame: tracking, the gate, the division at shots."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import median

import numpy as np

from reelscope.analyzers.body_pose._paths import Path, visible
from reelscope.features._tracking import Tracker, Xywh, shot_of, split_at

__all__ = ["LOW", "Collector", "Found", "embodied"]

LOW, HIGH, NEW = 0.25, 0.4, 0.5  # detector scores: carry a track that was seen just before, carry any, start one
MIN_SAMPLES = 3  # 0.6 s at five a second; in a shorter shot, all of it
MIN_SCORE = 0.6  # upper quartile of a track's scores: persons reach 0.65-0.95, dolls, birds and furniture mostly less

SHOWN = 0.5  # of a track's samples in which a head or a leg shows: hands and a headless torso over a table are no body to measure

Found = tuple[Xywh, float, np.ndarray]
"""Box (0-1 of the picture), detector's score, points float32 [k, 3] (x, y 0-1 of the picture, confidence)."""


class Collector:
    """Takes what was found in each frame; keeps a few hundred bytes per person and sample.

    Args:
        limit: Confidence from which on a point counts as visible.
    """

    def __init__(self, limit: float) -> None:
        self._limit = limit
        self._tracker = Tracker(high=HIGH, low=LOW, new=NEW, iou_min=0.3, lost_s=1.0)
        self._rows: dict[int, list[tuple[float, Found]]] = {}
        self.sampled: list[float] = []

    def feed(self, t_s: float, found: Sequence[Found]) -> None:
        """One frame; those without anybody are to be told, too."""
        self.sampled.append(t_s)
        numbers = self._tracker.update(t_s, [box for box, _, _ in found], [score for _, score, _ in found])
        for number, one in zip(numbers, found, strict=True):
            if number >= 0:
                self._rows.setdefault(number, []).append((t_s, one))

    @property
    def met(self) -> bool:
        """Whether the detector was sure enough of anybody to follow them, whatever the gate says."""
        return bool(self._rows)

    def paths(self, shots: Sequence[tuple[float, float]]) -> list[Path]:
        """Who passes the gate, by start, then size."""
        step = median(np.diff(self.sampled).tolist()) if len(self.sampled) > 1 else 0.2
        parts = []
        for rows in self._rows.values():
            for part in split_at([t for t, _ in rows], shots):
                inside = rows[part]
                shot = shot_of(inside[0][0], shots)
                start, end = shots[shot] if shots else (0.0, inside[-1][0] + step)
                looked = sum(start <= t < end for t in self.sampled)
                if len(inside) < min(MIN_SAMPLES, looked) or float(np.percentile([f[1] for _, f in inside], 75)) < MIN_SCORE:
                    continue
                points = np.stack([f[2] for _, f in inside]).astype(np.float32)
                if float(np.mean(embodied(points, self._limit))) < SHOWN:
                    continue
                parts.append(
                    (inside[0][0], -float(np.mean([f[0][2] * f[0][3] for _, f in inside])), shot, max(inside[-1][0], end), inside, points)
                )
        parts.sort(key=lambda p: p[:2])
        return [
            Path(
                k,
                shot,
                start,
                min(inside[-1][0] + step, end),
                np.array([t for t, _ in inside]),
                np.array([f[0] for _, f in inside], np.float32),
                np.array([f[1] for _, f in inside], np.float32),
                points,
            )
            for k, (start, _, shot, end, inside, points) in enumerate(parts)
        ]


def embodied(points: np.ndarray, limit: float) -> np.ndarray:
    """bool [n]: whether points [n, 17, 3] show a part of the head, or a leg from the hip to the ankle."""
    seen = visible(points, limit)
    legs = [seen[:, [hip, knee, ankle]].all(axis=1) for hip, knee, ankle in ((11, 13, 15), (12, 14, 16))]
    return seen[:, :5].any(axis=1) | legs[0] | legs[1]
