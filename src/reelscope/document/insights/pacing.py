"""How fast a clip is cut: lengths of shots, cuts a minute over time, cuts on the beat. Formulas and limits: docs/insights.md."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from statistics import fmean, pstdev

from reelscope.document.evidence import Evidence
from reelscope.document.insights.base import lacking, unavailable
from reelscope.document.measures.beats import cuts_on_beats
from reelscope.document.schema import Insight, Model, Seconds, Value

__all__ = ["BIN_EDGES_S", "RESULT", "measure", "quantile"]

# Bins of shot lengths, the same for every clip so that clips can be laid beside each other: finer where short-form editing happens.
BIN_EDGES_S = (0.0, 0.5, 1.0, 1.5, 2.0, 3.0, 4.0, 6.0, 10.0)

# Cuts a minute are counted in a window of this length: long enough for a rate (one cut is 12 a minute), short beside clips of 15-60 s.
WINDOW_S = 5.0
STEP_S = 0.5
ROUNDING_S = 1e-6


class ShotLengths(Model):
    """Distribution of shot lengths. q1_s, median_s, q3_s: quartiles, interpolated linearly; sd_s: of the population; cv: sd / mean."""

    min_s: Seconds
    q1_s: Seconds
    median_s: Seconds
    q3_s: Seconds
    max_s: Seconds
    mean_s: Seconds
    sd_s: Seconds
    cv: Value


class LengthBin(Model):
    """Shots of from_s <= length < to_s (null: and longer). time_share: share (0-1) of the clip's time that they fill."""

    from_s: Seconds
    to_s: Seconds | None
    shots: int
    time_share: Value


class Rate(Model):
    """A stretch and its transitions a minute."""

    start_s: Seconds
    end_s: Seconds
    per_minute: Value


class RateOverTime(Model):
    """Transitions a minute in windows of window_s that lie wholly in the clip; t_s: their middles."""

    window_s: Seconds
    step_s: Seconds
    t_s: list[Seconds]
    per_minute: list[Value]


class BeatCut(Model):
    """A hard cut inside the pulse. offset_s: after the nearest beat, negative where it comes before; on_beat: within the tolerance."""

    t_s: Seconds
    beat_s: Seconds
    offset_s: Seconds
    on_beat: bool


class BeatCuts(Model):
    """Hard cuts against the beats of the music; how it is counted: reelscope/document/measures/beats.py.

    Attributes:
        cut_to_beat: Whether the clip is cut to the beat: three cuts or more, and a share of at least max(0.5, 2 x chance); else the reason.
        tempo_bpm: Of the music, as audio_analysis has it; tolerance_s: a cut so far from a beat, either way, is on it.
        cuts: Hard cuts where there is a pulse; outside: those where there is none; on_beat: of `cuts`.
        share: on_beat / cuts; chance: what cuts at random moments would reach; lift: share / chance; by_chance: probability that random
            cuts do as well or better. Null without cuts in the pulse, or without a pulse.
        offset_mean_s: Mean offset of the cuts on a beat, negative: early; null without any.
        landings: The cuts one by one.
    """

    cut_to_beat: bool
    reason: str | None
    tempo_bpm: Value
    tolerance_s: Seconds | None
    cuts: int
    outside: int
    on_beat: int
    share: Value
    chance: Value
    lift: Value
    by_chance: Value
    offset_mean_s: Seconds | None
    landings: list[BeatCut]


class Pacing(Insight):
    """Rhythm of the editing.

    Attributes:
        shots: How many. lengths: of them; null for a clip without time. bins: their histogram.
        transitions: How many; a gradual one counts once, at its middle. by_kind: of each kind; jump_cuts: cuts between like pictures.
        per_minute: Transitions over the clip's length. rate: over time.
        fastest, slowest: The first window with the most, the least transitions; null where the clip is no longer than one window.
        beats: Hard cuts against the music; null without audio_analysis.
    """

    shots: int | None = None
    lengths: ShotLengths | None = None
    bins: list[LengthBin] = []
    transitions: int | None = None
    by_kind: dict[str, int] = {}
    jump_cuts: int | None = None
    per_minute: Value = None
    rate: RateOverTime | None = None
    fastest: Rate | None = None
    slowest: Rate | None = None
    beats: BeatCuts | None = None


RESULT = Pacing

ONE_WINDOW = f"the clip is no longer than one window of {WINDOW_S:g} s"


def measure(evidence: Evidence) -> Pacing:
    """Shots and transitions of the whole clip."""
    if evidence.staged is not None:
        return unavailable(Pacing, evidence.staged)
    if evidence.shots.lack is not None:
        return unavailable(Pacing, evidence.shots.lack)
    duration = evidence.duration_s
    lengths = [s.end_s - s.start_s for s in evidence.shots.items if s.end_s > s.start_s]
    cuts = evidence.cuts.items
    result = Pacing(
        shots=len(lengths),
        lengths=_lengths(lengths) if lengths else None,
        bins=_bins(lengths),
        transitions=len(cuts),
        by_kind=dict(sorted(Counter(c.kind for c in cuts).items())),
        jump_cuts=sum(bool(c.jump_cut) for c in cuts),
        per_minute=60 * len(cuts) / duration if duration > 0 else None,
    )
    _add_rate(result, [c.middle_s for c in cuts], duration)
    result.not_measured |= lacking({"beats": evidence.beats})
    if evidence.beats.known:
        result.beats = _on_beats(evidence)
    return result


def _on_beats(evidence: Evidence) -> BeatCuts:
    match = cuts_on_beats((c.start_s for c in evidence.cuts.items if c.kind == "cut"), evidence.beats.items)
    offsets = [landing.offset_s for landing in match.landings if landing.on_beat]
    return BeatCuts(
        cut_to_beat=match.holds,
        reason=match.reason,
        tempo_bpm=evidence.summary("audio_analysis").get("tempo_bpm"),
        tolerance_s=match.tolerance_s,
        cuts=match.cuts,
        outside=match.outside,
        on_beat=match.on_beat,
        share=match.share,
        chance=match.chance,
        lift=match.lift,
        by_chance=match.by_chance,
        offset_mean_s=fmean(offsets) if offsets else None,
        landings=[BeatCut(t_s=x.t_s, beat_s=x.beat_s, offset_s=x.offset_s, on_beat=x.on_beat) for x in match.landings],
    )


def quantile(values: Sequence[float], q: float) -> float:
    """Quantile `q` (0-1) of some values, interpolated linearly between neighbours (type 7 of Hyndman and Fan 1996).

    Raises:
        ValueError: No values.
    """
    if not values:
        raise ValueError("no values to take a quantile of")
    ranked = sorted(values)
    at = q * (len(ranked) - 1)
    below = min(int(at), len(ranked) - 2) if len(ranked) > 1 else 0
    above = min(below + 1, len(ranked) - 1)
    return ranked[below] + (at - below) * (ranked[above] - ranked[below])


def _lengths(lengths: Sequence[float]) -> ShotLengths:
    mean, sd = fmean(lengths), pstdev(lengths)
    return ShotLengths(
        min_s=min(lengths),
        q1_s=quantile(lengths, 0.25),
        median_s=quantile(lengths, 0.5),
        q3_s=quantile(lengths, 0.75),
        max_s=max(lengths),
        mean_s=mean,
        sd_s=sd,
        cv=sd / mean,
    )


def _bins(lengths: Sequence[float]) -> list[LengthBin]:
    out = []
    whole = sum(lengths)
    for low, high in zip(BIN_EDGES_S, (*BIN_EDGES_S[1:], float("inf")), strict=True):
        # Times have 6 decimals, so a shot of exactly two seconds may come out a hair shorter: an edge belongs to the bin above it.
        inside = [s for s in lengths if low <= s + ROUNDING_S < high]
        share = sum(inside) / whole if whole else None
        out.append(LengthBin(from_s=low, to_s=None if high == float("inf") else high, shots=len(inside), time_share=share))
    return out


def _add_rate(result: Pacing, cuts_s: Sequence[float], duration_s: float) -> None:
    """Fields over time."""
    if duration_s <= WINDOW_S:
        result.not_measured |= dict.fromkeys(("rate", "fastest", "slowest"), ONE_WINDOW)
        return
    starts = [k * STEP_S for k in range(int((duration_s - WINDOW_S) / STEP_S + ROUNDING_S) + 1)]
    counts = [sum(a - ROUNDING_S <= t < a + WINDOW_S - ROUNDING_S for t in cuts_s) for a in starts]
    rates = [60 * n / WINDOW_S for n in counts]
    result.rate = RateOverTime(window_s=WINDOW_S, step_s=STEP_S, t_s=[a + WINDOW_S / 2 for a in starts], per_minute=rates)
    for name, extreme in (("fastest", max(rates)), ("slowest", min(rates))):
        start = starts[rates.index(extreme)]
        setattr(result, name, Rate(start_s=start, end_s=start + WINDOW_S, per_minute=extreme))
