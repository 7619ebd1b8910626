"""The person gate: which of the bodies that the models report are people. Pure decisions over numbers, no pictures.

The landmark model puts a skeleton into anything that it is shown (a cockatoo, a kettle, a leaf). Two things tell people apart: the
detector, asked anew in every frame, is sure of them (0.8-0.98; things 0.3-0.7), and their torso keeps its size from sample to sample.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

import numpy as np

from reelscope.features._tracking import shot_of, split_at
from reelscope.features.people._follow import Sight
from reelscope.features.people._types import People, PersonSeen, PersonTrack

__all__ = ["Observation", "certainty", "observe", "tracks"]

MIN_SAMPLES = 2  # one sample may be a ghost of motion blur; a shot of 0.4 s still has two
MIN_CERTAINTY = 0.66
"""Least certainty() of a person. On the clips at hand people reach 0.65 (a face behind hands) to 0.96, dogs, leaves, cups and birds up to
0.59, but a cartoon bird with a torso, two arms and two legs 0.65, just below. Docs: body_pose, the person gate."""


@dataclass(frozen=True, slots=True)
class Observation:
    """A sight with what the gate judges it by: the detector's score (0: not seen by it) and the torso's length in pixels."""

    t_s: float
    person: PersonSeen
    detected: float
    torso: float


def observe(sights: Sequence[Sight], width: int, height: int) -> list[Observation]:
    """Sights of one frame in normalised units."""
    out = []
    for s in sights:
        points = s.body.points.copy()
        points[:, :2] /= (width, height)
        points[:, 2] /= width
        box = s.body.box_px
        if box is None:
            continue
        x0, y0 = max(0.0, box[0] / width), max(0.0, box[1] / height)
        x1, y1 = min(1.0, (box[0] + box[2]) / width), min(1.0, (box[1] + box[3]) / height)
        if x1 <= x0 or y1 <= y0:
            continue
        torso = float(np.linalg.norm(s.body.points[11:13, :2].mean(axis=0) - s.body.points[23:25, :2].mean(axis=0)))
        out.append(Observation(s.t_s, PersonSeen(s.number, (x0, y0, x1 - x0, y1 - y0), s.body.presence, points), s.detected, torso))
    return out


def certainty(detected: Sequence[float], torso: Sequence[float]) -> float:
    """How sure it is that one track is a person; 1 at most, may be negative.

    The upper quartile of the detector's scores, where it saw the track at all, less the median change of the torso's length from one sample
    to the next (absolute natural log). 0 where the detector never saw it.

    Args:
        detected: Scores in time order, 0 where not seen. torso: lengths in any one unit, as many.
    """
    scores = [d for d in detected if d > 0]
    if not scores or len(torso) < MIN_SAMPLES:
        return 0.0
    change = np.abs(np.diff(np.log(np.maximum(torso, 1e-6))))
    return float(np.percentile(scores, 75) - np.median(change))


def tracks(seen: Sequence[Observation], sampled: Sequence[float], shots: Sequence[tuple[float, float]]) -> People:
    """Tracks of those that are people, divided at shot boundaries."""
    rows: dict[int, list[Observation]] = {}
    for o in seen:
        rows.setdefault(o.person.live_id, []).append(o)
    step = median(np.diff(sampled).tolist()) if len(sampled) > 1 else 0.2
    parts: list[tuple[float, float, int, list[Observation]]] = []
    for group in rows.values():
        for part in split_at([o.t_s for o in group], shots):
            inside = group[part]
            if certainty([o.detected for o in inside], [o.torso for o in inside]) < MIN_CERTAINTY:
                continue
            shot = shot_of(inside[0].t_s, shots)
            area = float(np.mean([o.person.xywh_norm[2] * o.person.xywh_norm[3] for o in inside]))
            parts.append((inside[0].t_s, -area, shot, inside))
    parts.sort(key=lambda p: (p[0], p[1]))
    return People(tuple(_track(k, shot, inside, step, shots) for k, (_, _, shot, inside) in enumerate(parts)), tuple(sampled))


def _track(number: int, shot: int, inside: Sequence[Observation], step: float, shots: Sequence[tuple[float, float]]) -> PersonTrack:
    last = inside[-1].t_s
    end = min(last + step, shots[shot][1]) if shots else last + step
    return PersonTrack(
        number,
        inside[0].person.live_id,
        inside[0].t_s,
        max(end, last),
        shot,
        np.array([o.t_s for o in inside]),
        np.array([o.person.xywh_norm for o in inside], np.float32),
        np.array([o.person.score for o in inside], np.float32),
        np.stack([o.person.keypoints for o in inside]).astype(np.float32),
    )
