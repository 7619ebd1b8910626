"""Pacing curves and key moments."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from statistics import fmean

from reelscope.analyzers.temporal_flow._changes import Change, held, sample
from reelscope.analyzers.temporal_flow._result import KeyMoment
from reelscope.document.evidence import Evidence
from reelscope.document.schema import Series
from reelscope.timebase import overlap_s

__all__ = ["key_moments", "pacing"]

STEP_S = 0.5
WINDOW_S = 4.0  # long enough for two or three shots of a fast clip, short enough to show a change within one
MOST_POINTS = 600  # of a long clip: five minutes at two a second, then wider apart
TOGETHER_S = 0.5
MOST_MOMENTS = 60


def pacing(evidence: Evidence) -> tuple[list[Series], list[str]]:
    """Curves over windows of 4 s around each point, cut to the clip, and what `pace` counts."""
    duration = evidence.duration_s
    if duration <= 0:
        return [], []
    step = max(STEP_S, duration / MOST_POINTS)
    times = [(i + 0.5) * step for i in range(max(1, round(duration / step))) if (i + 0.5) * step < duration] or [duration / 2]
    windows = [(max(0.0, t - WINDOW_S / 2), min(duration, t + WINDOW_S / 2)) for t in times]
    events = {
        "transitions": [c.middle_s for c in evidence.cuts.items] if evidence.cuts.known else None,
        "texts": sorted(t.start_s for t in evidence.overlays.items) if evidence.overlays.known else None,
        "phrases": sorted(p.start_s for p in evidence.phrases.items) if evidence.phrases.known else None,
    }
    counted = {name: rows for name, rows in events.items() if rows is not None}
    out = []

    def rate(name: str, unit: str, rows: Sequence[float]) -> None:
        out.append(Series(name=name, unit=unit, t_s=times, values=[_per_min(rows, w) for w in windows]))

    if counted:
        rate("pace", "changes/min", sorted(t for rows in counted.values() for t in rows))
        for name, rows in counted.items():
            rate(f"{name}_per_min", f"{name}/min", rows)
    if evidence.onsets.known:
        rate("onsets_per_min", "onsets/min", evidence.onsets.items)
    if evidence.words.known:
        rate("words_per_min", "words/min", [w.start_s for w in evidence.words.items])
    phrases = [(p.start_s, p.end_s, p.figures.get("syllables")) for p in evidence.phrases.items]
    if any(n is not None for *_, n in phrases):
        rows = [(a, b, n) for a, b, n in phrases if n is not None and b > a]
        values = [60 * sum(n * overlap_s((a, b), w) / (b - a) for a, b, n in rows) / (w[1] - w[0]) for w in windows]
        out.append(Series(name="syllables_per_min", unit="syllables/min", t_s=times, values=values))
    motion = [held(evidence.series("camera_analysis", n).items) for n in ("speed", "local_motion")]
    if all(motion):
        both = [[sample(m, *w) for m in motion] for w in windows]
        out.append(
            Series(name="motion", unit="frame widths/s", t_s=times, values=[fmean(a) + fmean(b) if a and b else None for a, b in both])
        )
    return out, list(counted)


def _per_min(rows: Sequence[float], window: tuple[float, float]) -> float:
    return 60 * (bisect_left(rows, window[1]) - bisect_left(rows, window[0])) / (window[1] - window[0])


def key_moments(events: Sequence[Change]) -> tuple[list[KeyMoment], int]:
    """Times at which two channels or more change within 0.5 s; the 60 with the most channels in order of time, and how many there are.

    A change belongs to one moment only: those with the most channels take theirs first.
    """
    rows = [e for e in events if e.channel != "told"]  # its times are those of segments of two seconds
    starts = [e.t_s for e in rows]
    groups = []
    for i, event in enumerate(rows):
        group = rows[i : bisect_left(starts, event.t_s + TOGETHER_S + 1e-9)]
        channels = len({e.channel for e in group})
        if channels >= 2:
            groups.append((-channels, -len(group), i, group))
    taken: set[int] = set()
    moments: list[tuple[int, KeyMoment]] = []
    for rank, (_, _, i, group) in enumerate(sorted(groups, key=lambda g: g[:3])):
        indices = range(i, i + len(group))
        if taken & set(indices):
            continue
        taken |= set(indices)
        at = next((e.t_s for e in group if e.source == "cut_analysis"), group[0].t_s)
        moments.append((rank, KeyMoment(t_s=at, reasons=[e.clue() for e in group])))
    kept = [m for _, m in sorted(moments, key=lambda m: m[0])[:MOST_MOMENTS]]
    return sorted(kept, key=lambda m: m.t_s), len(moments)
