"""Who counts as the subject of a shot: seen often enough, and not gainsaid by object_detection. Pure but for the masks it reads."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from math import ceil
from typing import Any

from reelscope.analyzers.background_segmentation._shots import Name, Reading, Sample, read_sample, tracks_of

__all__ = ["FLEETING", "NOBODY", "NO_MASK", "NO_SAMPLE", "SEEN_ELSEWHERE", "Judged", "judge", "needed", "persons_of", "together"]

SUBJECT_GAP_S = 1.0  # a subject that was away for longer begins a new track

# Samples that a person must be seen in: two, and a tenth of the shot's. A false face of 0.6 s gave one of the 24 of coffee-pour-hands. Two
# seconds of samples are enough in a take of any length, or nobody could walk through a long one.
LEAST_SAMPLES, LEAST_SHARE, ENOUGH_SAMPLES = 2, 0.1, 5
# Shots of so few samples cannot ask for two of them. There the features' own sightings speak, which are twice as dense.
SHORT_SAMPLES = 2

NO_SAMPLE = "no frame was sampled"
NOBODY = "no person was found"
FLEETING = "a person was found in too few of the sampled frames to count"
NO_MASK = "people were found, but the model masked them in no frame, or in too few"
SEEN_ELSEWHERE = "a person was seen by object_detection, but no face or skeleton was found to cut out a mask with"
# Of several shots without a subject, the first of these that is true of one speaks for the clip; the first two mean that the share is not
# known, so it is not known of the whole either.
UNKNOWN = (NO_MASK, SEEN_ELSEWHERE)
ORDER = (*UNKNOWN, FLEETING, NOBODY, NO_SAMPLE)


@dataclass(frozen=True, slots=True)
class Judged:
    """Readings of which those that do not count were taken back. reason: why no subject is in them, or None."""

    readings: tuple[Reading, ...]
    reason: str | None


def needed(samples: int) -> int:
    """In how many of a shot's samples somebody must be seen."""
    return 1 if samples <= SHORT_SAMPLES else max(LEAST_SAMPLES, min(ceil(LEAST_SHARE * samples), ENOUGH_SAMPLES))


def persons_of(result: Any) -> list[tuple[float, float]] | None:
    """Times (start, end) of the persons of object_detection's result that were sighted twice or more; None where it did not run."""
    if result is None:
        return None
    persons = [s for s in result.segments if getattr(s, "label", None) == "person" and getattr(s, "sightings", 2) >= 2]
    return [(s.start_s, s.end_s) for s in persons]


def judge(samples: Sequence[Sample], known: Sequence[Collection[Name]], persons: Iterable[tuple[float, float]] | None = None) -> Judged:
    """Readings of the samples of one shot.

    Args:
        samples: In order of time. known: who is in a finished track at each of them.
        persons: Times of object_detection's persons; None where it did not run.
    """
    if not samples:
        return Judged((), NO_SAMPLE)
    readings = [read_sample(s, names) for s, names in zip(samples, known, strict=True)]
    there = _enough(readings, [r.person for r in readings])
    fleeting = any(r.person and not kept for r, kept in zip(readings, there, strict=True))
    readings = [r if kept or not r.person else read_sample(s, ()) for s, r, kept in zip(samples, readings, there, strict=True)]
    masked = _enough(readings, [r.box is not None for r in readings])
    readings = [r if kept or r.box is None else _unknown(r) for r, kept in zip(readings, masked, strict=True)]
    spans = list(persons or ())
    seen = [any(a - 1e-6 <= r.t_s < b - 1e-6 for a, b in spans) for r in readings]
    if sum(seen) < needed(len(readings)):
        seen = [False] * len(readings)
    gated = any(there)
    # where object_detection has a person and no mask is there, a share of 0 would be wrong
    readings = [_unknown(r) if other and r.box is None else r for r, other in zip(readings, seen, strict=True)]
    if any(masked):
        return Judged(tuple(readings), None)
    if gated or any(seen):
        blank = [replace(_unknown(r), person=r.person) for r in readings]
        return Judged(tuple(blank), NO_MASK if gated else SEEN_ELSEWHERE)
    return Judged(tuple(readings), FLEETING if fleeting else NOBODY)


def together(parts: Sequence[Judged]) -> Judged:
    """The shots as one stretch."""
    readings = tuple(r for part in parts for r in part.readings)
    reasons = {part.reason for part in parts} or {NO_SAMPLE}
    return Judged(readings, None if None in reasons else next(r for r in ORDER if r in reasons))


def _enough(readings: Sequence[Reading], flags: Sequence[bool]) -> list[bool]:
    """Flags that stand: in stretches of two and more, and enough of them together."""
    least = needed(len(readings))
    marked = [r for r, flag in zip(readings, flags, strict=True) if flag]
    parts = [part for part in tracks_of(marked, SUBJECT_GAP_S) if len(part) >= min(least, LEAST_SAMPLES)]
    times = {r.t_s for part in parts for r in part}
    return [r.t_s in times if len(times) >= least else False for r in readings]


def _unknown(r: Reading) -> Reading:
    """Somebody is there, and what of the picture they fill is not known; nor is what is behind them."""
    return Reading(r.t_s, True, None)
