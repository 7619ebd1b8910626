"""The result from finished paths. Pure Python."""

from __future__ import annotations

from collections.abc import Sequence

from reelscope.analyzers.object_detection._objects import Path, counts_at, presences, thin
from reelscope.analyzers.object_detection._types import LabelFigures, ObjectResult, ObjectSegment, ObjectSummary, ObjectTrack
from reelscope.document.schema import Series, TrackPoint
from reelscope.timebase import round_s, total_s

__all__ = ["make_result"]

POINT_GAP_S = 0.199  # at most five points a second
MAX_SERIES = 12  # of labels; a crowded kitchen has thirty, and the rest stands in the tracks
MAX_TRACKS = 400  # about 0.4 MB of the document


def make_result(
    paths: Sequence[Path], times: Sequence[float], duration_s: float, *, vocabulary: Sequence[str], step_s: float | None, coverage: float
) -> ObjectResult:
    """Number the objects by start, then size, and write them down.

    Args:
        paths: Objects, each within one shot. times: of the counts, increasing.
        coverage: Share of the clip that was looked at.
    """
    warnings: list[str] = []
    ordered = sorted(paths, key=lambda p: (p.t_s[0], -p.share, p.label))
    if len(ordered) > MAX_TRACKS:
        longest = {id(p) for p in sorted(ordered, key=lambda p: -len(p))[:MAX_TRACKS]}
        warnings.append(f"{len(ordered)} objects; the {MAX_TRACKS} seen most often are written")
        ordered = [p for p in ordered if id(p) in longest]
    parts = [presences(p) for p in ordered]
    segments = [
        ObjectSegment(
            start_s=round_s(part.t_s[0]),
            end_s=round_s(min(part.end_s, duration_s)),
            confidence=min(1.0, part.score),
            label=part.label,
            track_id=number,
            shot=part.shot,
            share=part.share,
            first_xywh_norm=part.boxes[0],
            last_xywh_norm=part.boxes[-1],
            sightings=len(part),
        )
        for number, mine in enumerate(parts)
        for part in mine
    ]
    segments.sort(key=lambda s: (s.start_s, s.track_id))
    labels = _figures(ordered, parts, times, duration_s)
    series = [
        Series(
            name=f"count_{row.label.replace(' ', '_')}",
            unit="objects",
            t_s=[round_s(t) for t in times],
            values=list(map(float, counts_at(times, [q for mine in parts for q in mine if q.label == row.label]))),
        )
        for row in labels[:MAX_SERIES]
    ]
    return ObjectResult(
        coverage=coverage,
        segments=segments,
        tracks=[_track(number, path, duration_s) for number, path in enumerate(ordered)],
        series=series,
        summary=ObjectSummary(labels=labels, vocabulary=list(vocabulary), step_s=step_s),
        warnings=warnings,
    )


def _track(number: int, path: Path, duration_s: float) -> ObjectTrack:
    return ObjectTrack(
        track_id=number,
        start_s=round_s(path.t_s[0]),
        end_s=round_s(min(path.end_s, duration_s)),
        label=path.label,
        points=[TrackPoint(t_s=round_s(path.t_s[k]), xywh_norm=path.boxes[k]) for k in thin(path, POINT_GAP_S)],
        shot=path.shot,
        score=path.score,
        share=path.share,
        sightings=len(path),
    )


def _figures(paths: Sequence[Path], parts: Sequence[Sequence[Path]], times: Sequence[float], duration_s: float) -> list[LabelFigures]:
    rows = []
    for label in sorted({p.label for p in paths}):
        mine = [p for p in paths if p.label == label]
        here = [q for p, all_of in zip(paths, parts, strict=True) if p.label == label for q in all_of]
        seen = sum(len(p) for p in mine)
        rows.append(
            LabelFigures(
                label=label,
                tracks=len(mine),
                largest_count=max([*counts_at(times, here), 1]),  # of a single picture nothing is counted over time
                seconds=round_s(total_s((q.t_s[0], min(q.end_s, duration_s)) for q in here)),
                mean_share=sum(p.share * len(p) for p in mine) / seen,
            )
        )
    return sorted(rows, key=lambda r: (-r.seconds, r.label))
