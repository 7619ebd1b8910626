"""Cuts against the beats of the music: what share lies on a beat, against what share would by chance at that tempo.

Sound has no frames and pictures have: a cut that an editor lays on a beat lands on the nearest frame, up to half a frame away, and the
beat itself is heard and measured within some 20 ms. Beat trackers are judged with 70 ms either way (MIREX audio beat tracking), which is
also about what viewers forgive between sound and picture (ITU-R BT.1359 puts the limits at 45 ms early and 125 ms late). At fast tempi
such a window would hold most of the time, so it is never wider than a quarter of the beat either way.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import exp, lgamma, log, log1p
from statistics import median

from reelscope.timebase import Interval, round_s

__all__ = ["LEAST_LIFT", "LEAST_SHARE", "MIN_CUTS", "TOLERANCE_S", "BeatMatch", "Landing", "cuts_on_beats", "pulse_stretches"]

TOLERANCE_S = 0.07  # either way; see above
LARGEST_PART = 0.25  # of the beat: the windows then hold at most half of the time
MIN_CUTS = 3  # two cuts on the beat happen by chance at 120 bpm in one clip of twelve
LEAST_SHARE = 0.5
LEAST_LIFT = 2.0

# Beats further apart than this times their neighbours' intervals belong to two stretches: a tracker that misses one beat leaves twice the
# interval, and across such a hole nothing says where the beat was.
BREAK = 1.75
NEIGHBOURS = 4  # intervals either side whose median is the local beat: a bar of four
ROUNDING_S = 1e-6


@dataclass(frozen=True, slots=True)
class Landing:
    """A cut and the beat nearest to it. offset_s: the cut after the beat, negative where it comes before."""

    t_s: float
    beat_s: float
    offset_s: float
    on_beat: bool


@dataclass(frozen=True, slots=True)
class BeatMatch:
    """Cuts against beats.

    Attributes:
        cuts: Cuts inside the pulse; only these are counted. outside: cuts where no pulse is, which can be neither on a beat nor off it.
        on_beat: Of `cuts`, those at most `tolerance_s` from a beat.
        share: on_beat over cuts; None without cuts inside the pulse.
        chance: Share (0-1) of the pulse's time that lies within `tolerance_s` of a beat: what cuts at random moments would reach; None
            without a pulse.
        lift: share over chance.
        by_chance: Probability that as many or more of so many cuts at random moments lie on a beat (binomial); None without cuts.
        tolerance_s: Either way, as it was used: at most a quarter of the beat; None without a pulse.
        pulse: Stretches of time with beats.
        landings: Each cut inside the pulse.
        holds: Whether the clip is cut to the beat: `MIN_CUTS` cuts or more, and a share of at least max(0.5, 2 x chance).
        reason: Why it does not hold; None where it does.
    """

    cuts: int
    outside: int
    on_beat: int
    share: float | None
    chance: float | None
    lift: float | None
    by_chance: float | None
    tolerance_s: float | None
    pulse: tuple[Interval, ...]
    landings: tuple[Landing, ...]
    holds: bool
    reason: str | None

    @property
    def examined(self) -> bool:
        """Whether there were cuts and beats enough to say anything."""
        return self.cuts >= MIN_CUTS


def cuts_on_beats(
    cuts_s: Iterable[float], beats_s: Iterable[float], *, tempo_bpm: float | None = None, tolerance_s: float = TOLERANCE_S
) -> BeatMatch:
    """How many cuts lie on a beat, and how many would by chance.

    Each beat stands for the time up to half way to its neighbours; at the ends of a stretch for half an interval beyond. A cut in none of
    these cells is outside the pulse and is not counted.

    Args:
        cuts_s: Moments of hard cuts. A dissolve has no moment that could lie on a beat.
        beats_s: Times of beats.
        tempo_bpm: Of the music; None: from the beats' median interval.
        tolerance_s: Either way, before it is held to a quarter of the beat.

    Raises:
        ValueError: A tolerance or a tempo that is not above 0.
    """
    if tolerance_s <= 0 or (tempo_bpm is not None and tempo_bpm <= 0):
        raise ValueError(f"tolerance_s and tempo_bpm must be above 0, got {tolerance_s} and {tempo_bpm}")
    cuts, beats = sorted(cuts_s), sorted(set(beats_s))
    stretches = pulse_stretches(beats)
    if not stretches:
        return BeatMatch(
            cuts=0, outside=len(cuts), on_beat=0, share=None, chance=None, lift=None, by_chance=None, tolerance_s=None,
            pulse=(), landings=(), holds=False, reason="no pulse was found: there are no beats",
        )  # fmt: skip
    kept = [t for stretch in stretches for t in stretch]
    cells = [cell for stretch in stretches for cell in _cells(stretch)]
    beat_s = 60 / tempo_bpm if tempo_bpm is not None else median(b - a for s in stretches for a, b in zip(s, s[1:], strict=False))
    tolerance = min(tolerance_s, LARGEST_PART * beat_s)
    near = sum(min(t - start, tolerance) + min(end - t, tolerance) for t, (start, end) in zip(kept, cells, strict=True))
    chance = near / sum(end - start for start, end in cells)
    landings = tuple(found for t in cuts if (found := _land(t, kept, cells, tolerance)) is not None)
    on_beat = sum(landing.on_beat for landing in landings)
    share = on_beat / len(landings) if landings else None
    reason = _why_not(len(landings), share, chance)
    return BeatMatch(
        cuts=len(landings),
        outside=len(cuts) - len(landings),
        on_beat=on_beat,
        share=share,
        chance=chance,
        lift=None if share is None else share / chance,
        by_chance=_tail(len(landings), on_beat, chance) if landings else None,
        tolerance_s=tolerance,
        pulse=tuple((round_s(_cells(s)[0][0]), round_s(_cells(s)[-1][1])) for s in stretches),
        landings=landings,
        holds=reason is None,
        reason=reason,
    )


def pulse_stretches(beats_s: Sequence[float]) -> list[list[float]]:
    """Beats in rows without a hole, each of two or more; `beats_s` in order and without repeats.

    A hole is an interval longer than 1.75 times the median of those around it. A beat alone has no interval and is left out.
    """
    gaps = [b - a for a, b in zip(beats_s, beats_s[1:], strict=False)]
    rows: list[list[float]] = [[t] for t in beats_s[:1]]
    for i, gap in enumerate(gaps):
        around = gaps[max(0, i - NEIGHBOURS) : i] + gaps[i + 1 : i + 1 + NEIGHBOURS]
        if around and gap > BREAK * median(around):
            rows.append([])
        rows[-1].append(beats_s[i + 1])
    return [row for row in rows if len(row) >= 2]


def _cells(row: Sequence[float]) -> list[Interval]:
    """The time for which each beat of a stretch stands."""
    middles = [(a + b) / 2 for a, b in zip(row, row[1:], strict=False)]
    edges = [2 * row[0] - middles[0], *middles, 2 * row[-1] - middles[-1]]
    return list(zip(edges, edges[1:], strict=False))


def _land(t: float, beats: Sequence[float], cells: Sequence[Interval], tolerance_s: float) -> Landing | None:
    """A cut on the beat in whose cell it lies; None where it lies in none."""
    i = bisect_left(beats, t)
    for k in (i - 1, i):
        if 0 <= k < len(beats) and cells[k][0] - ROUNDING_S <= t < cells[k][1] + ROUNDING_S:
            offset = t - beats[k]
            return Landing(t, beats[k], round_s(offset), abs(offset) <= tolerance_s + ROUNDING_S)
    return None


def _why_not(cuts: int, share: float | None, chance: float) -> str | None:
    """Why the clip is not cut to the beat; None where it is."""
    if share is None or cuts < MIN_CUTS:
        return f"{cuts} cut{'s' * (cuts != 1)} inside the pulse, {MIN_CUTS} are needed"
    needed = max(LEAST_SHARE, LEAST_LIFT * chance)
    if share < needed - ROUNDING_S:
        return f"{share:.2f} of the cuts lie on a beat, {needed:.2f} are needed at a chance of {chance:.2f}"
    return None


def _tail(n: int, k: int, p: float) -> float:
    """Probability of `k` or more hits in `n` trials of chance `p`; in logarithms, since combinations of many cuts do not fit a float."""
    if k == 0 or p >= 1:
        return 1.0
    whole = lgamma(n + 1)
    logs = (whole - lgamma(i + 1) - lgamma(n - i + 1) + i * log(p) + (n - i) * log1p(-p) for i in range(k, n + 1))
    return min(1.0, sum(exp(x) for x in logs))
