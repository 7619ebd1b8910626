"""From paths to the typed result: thinning, series, summary."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from reelscope.analyzers.body_pose._gestures import gestures
from reelscope.analyzers.body_pose._paths import Body, Path, body_of, visible
from reelscope.analyzers.body_pose._posture import movement, postures
from reelscope.analyzers.body_pose._types import BodyPoint, BodyPoseResult, BodySegment, BodySummary, BodyTrack, PersonFigures
from reelscope.document.schema import Series
from reelscope.timebase import round_s

__all__ = ["NOBODY", "POINTS_BUDGET", "UNSURE", "result_of", "thin_to"]

POINTS_BUDGET = 1200
"""Points of all tracks together, counted in points of 17 keypoints of about 0.45 kB: half a megabyte. Two people with 29 keypoints for a
minute fit at five a second; beyond, every second, fourth or tenth is written. Rules and series always read all."""
PEAK_PERCENT = 98.0
NOBODY = "nobody was found"
UNSURE = "persons were found, but no skeleton was certain enough"


def thin_to(counts: Sequence[int], keypoints: int) -> int:
    """Every how many samples a point is written so that the tracks together keep to the budget (in points of 17 keypoints)."""
    total = sum(counts) * keypoints / 17
    return next((k for k in (1, 2, 4) if total / k <= POINTS_BUDGET), 10)


def result_of(
    paths: Sequence[Path],
    sampled: Sequence[float],
    names: Sequence[str],
    limits: tuple[float, float],
    aspect: float,
    covered: float,
    nobody: str = NOBODY,
) -> BodyPoseResult:
    """The whole result.

    Args:
        sampled: Times that were looked at. names: of the keypoints.
        limits: Visibility from which on a point is written, and from which on it counts for the rules.
        aspect: Width over height of the display picture. covered: Share of the clip that was looked at.
        nobody: Why there are no paths, where there are none.
    """
    limit, sure = limits
    every = thin_to([len(p.t_s) for p in paths], len(names))
    segments: list[BodySegment] = []
    tracks: list[BodyTrack] = []
    moves: list[np.ndarray] = []
    travels: list[np.ndarray] = []
    for path in paths:
        body = body_of(path, aspect, sure)
        moved, travelled = movement(body)
        moves.append(moved)
        travels.append(travelled)
        segments += _segments(path, body)
        tracks.append(_track(path, moved, limit, every))
    segments.sort(key=lambda s: (s.start_s, s.track_id))
    step = 0.2 if len(sampled) < 2 else float(np.median(np.diff(sampled)))
    summary = _summary(paths, sampled, segments, moves, travels, nobody)
    summary.keypoint_names, summary.visibility_limit = list(names), limit
    summary.points_per_s = None if not paths else 1 / (step * every)
    series = [
        _series("movement", paths, moves),
        _series("travel", paths, travels),
    ]
    return BodyPoseResult(coverage=covered, segments=segments, tracks=tracks, series=series if paths else [], summary=summary)


def _segments(path: Path, body: Body) -> list[BodySegment]:
    def end(last: int) -> float:
        after = path.t_s[last + 1] if last + 1 < len(path.t_s) else path.end_s
        return round_s(max(float(path.t_s[last]), min(float(after), path.end_s)))

    out = [
        BodySegment(
            start_s=round_s(path.t_s[s.first]),
            end_s=end(s.last),
            kind="posture",
            track_id=path.track_id,
            shot=path.shot,
            posture=s.posture,
            evidence=s.evidence,
        )
        for s in postures(body)
    ]
    out += [
        BodySegment(
            start_s=round_s(path.t_s[g.first]),
            end_s=end(g.last),
            kind="gesture",
            track_id=path.track_id,
            shot=path.shot,
            gesture=g.gesture,
            side=g.side,
            evidence=g.evidence,
        )
        for g in gestures(body)
    ]
    return out


def _track(path: Path, moved: np.ndarray, limit: float, every: int) -> BodyTrack:
    seen = visible(path.points, limit)
    points = [
        BodyPoint(
            t_s=round_s(path.t_s[i]),
            xywh_norm=tuple(path.xywh_norm[i].tolist()),
            keypoints=[tuple(p) if ok else None for p, ok in zip(path.points[i].tolist(), seen[i].tolist(), strict=True)],
        )
        for i in range(0, len(path.t_s), every)
    ]
    mean, peak = _mean_peak(moved)
    return BodyTrack(
        track_id=path.track_id,
        start_s=round_s(path.start_s),
        end_s=round_s(path.end_s),
        label="person",
        shot=path.shot,
        score=float(np.mean(path.score)),
        movement_mean=mean,
        movement_peak=peak,
        points=points,
    )


def _mean_peak(values: np.ndarray) -> tuple[float | None, float | None]:
    known = values[np.isfinite(values)]
    return (float(np.mean(known)), float(np.percentile(known, PEAK_PERCENT))) if len(known) else (None, None)


def _series(name: str, paths: Sequence[Path], values: Sequence[np.ndarray]) -> Series:
    """Mean over the people of each time."""
    rows: dict[float, list[float]] = {}
    for path, own in zip(paths, values, strict=True):
        for t, v in zip(path.t_s.tolist(), own.tolist(), strict=True):
            rows.setdefault(t, []).append(v)
    times = sorted(rows)
    known = [[v for v in rows[t] if v == v] for t in times]
    return Series(
        name=name, unit="torso lengths/s", t_s=[round_s(t) for t in times], values=[float(np.mean(k)) if k else None for k in known]
    )


def _summary(
    paths: Sequence[Path],
    sampled: Sequence[float],
    segments: Sequence[BodySegment],
    moves: Sequence[np.ndarray],
    travels: Sequence[np.ndarray],
    nobody: str,
) -> BodySummary:
    present: dict[float, int] = {}
    for path in paths:
        for t in path.t_s.tolist():
            present[t] = present.get(t, 0) + 1
    out = BodySummary(
        people_max=max(present.values(), default=0),
        person_time_share=min(1.0, len(present) / len(sampled)) if sampled else None,
        postures=_count(segments, "posture"),
        gestures=_count(segments, "gesture"),
    )
    if moves:
        out.movement_mean, out.movement_peak = _mean_peak(np.concatenate(moves))
        out.travel_mean = _mean_peak(np.concatenate(travels))[0]
    reason = nobody if not paths else "too few points are visible in two samples that follow each other"
    out.not_measured = {name: reason for name in ("movement_mean", "movement_peak", "travel_mean") if getattr(out, name) is None}
    if not sampled:
        out.not_measured["person_time_share"] = "no frame was looked at"
    if not paths:
        out.not_measured["points_per_s"] = nobody
    return out


def _count(segments: Sequence[BodySegment], field: str) -> dict:
    found: dict[str, PersonFigures] = {}
    for s in segments:
        name = getattr(s, field)
        if name is not None:
            one = found.setdefault(name, PersonFigures(count=0, person_s=0.0))
            one.count += 1
            one.person_s = (one.person_s or 0.0) + s.end_s - s.start_s
    return found
