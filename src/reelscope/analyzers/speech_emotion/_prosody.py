"""Arousal of utterances from their prosody: how high, how lively and how fast each is against the same speaker's others.

Pure functions over what speech_flow measured. Loudness is no part of it: a level says as much of microphone and mix as of the voice.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any

from reelscope.timebase import Interval, overlap_s

__all__ = ["FIGURES", "Figure", "Scored", "Utterance", "against_others", "arousal", "read_utterances", "speaker_of"]

FIGURES = ("pitch_level", "pitch_range", "syllable_rate")

MIN_SPEECH_S = 1.0  # below it speech_flow gives no rate either: five syllables or so
MIN_VOICED_S = 0.4  # a 10th and a 90th percentile of 25 frames
KNOWN_SHARE = 0.5  # of the utterance's speech in which a figure is known; speech_flow leaves out what it cannot tell
# The median of three has one utterance on either side, so that one that is odd does not become the norm; of two it would be half of it.
MIN_OTHERS = 3
SOFT_Z = 3.0  # beyond it a score counts ever less: it is rather a pitch heard an octave off than a voice ten times as excited
MAD_TO_SIGMA = 1.4826  # of a normal distribution
# The least scatter that an utterance is measured with, so that equal utterances are not told apart by the grain of the measurement:
# semitones, semitones, syllables per second (one or two in the two seconds of a short utterance, the error of counting them).
LEAST_SPREAD: Mapping[str, float] = {"pitch_level": 1.0, "pitch_range": 1.5, "syllable_rate": 0.8}
HALF_Z = 2.0  # arousal is about half of its range where all three scores are 1
REFERENCE_HZ = 100.0


@dataclass(frozen=True, slots=True)
class Utterance:
    """An utterance as speech_flow measured it.

    Attributes:
        figures: Values by name of FIGURES; those that could not be measured are missing.
        missing: Why, by name.
        margin_db: Median of its phrases' margins above their background; None where nothing is heard around them.
        reason: Why nothing at all can be said of it; None where something can.
    """

    number: int
    start_s: float
    end_s: float
    phrases: tuple[Interval, ...]
    figures: Mapping[str, float]
    missing: Mapping[str, str]
    margin_db: float | None = None
    reason: str | None = None

    @property
    def audible(self) -> bool:
        """Whether it is long and clear enough for anything to be said of it."""
        return self.reason is None

    @property
    def whole(self) -> bool:
        """Whether every figure is there: only such are compared and compared with."""
        return len(self.figures) == len(FIGURES)


@dataclass(frozen=True, slots=True)
class Figure:
    """A figure, what it is compared with, and the comparison."""

    value: float
    baseline: float
    spread: float
    z: float


@dataclass(frozen=True, slots=True)
class Scored:
    """An utterance's comparison. arousal None: reason says why; figures are then empty."""

    arousal: float | None
    figures: Mapping[str, Figure]
    reason: str | None = None


def read_utterances(flow: Any, min_margin_db: float) -> list[Utterance]:
    """The utterances of a result of speech_flow, in order.

    Args:
        flow: Its result; the phrases among its segments are read.
        min_margin_db: Utterances less far above what is heard around them are not measured.
    """
    groups: dict[int, list[Any]] = {}
    for segment in flow.segments:
        if segment.kind == "speech" and segment.utterance is not None:
            groups.setdefault(segment.utterance, []).append(segment)
    return [_utterance(number, phrases, min_margin_db) for number, phrases in sorted(groups.items())]


def _utterance(number: int, phrases: Sequence[Any], min_margin_db: float) -> Utterance:
    spans = tuple((float(p.start_s), float(p.end_s)) for p in phrases)
    lengths = [end - start for start, end in spans]
    margins = [p.background_margin_db for p in phrases if p.background_margin_db is not None]
    margin = median(margins) if margins else None
    reason = None
    if margin is not None and margin < min_margin_db:
        reason = f"{margin:.1f} dB above what is heard around it; {min_margin_db:.0f} are needed"
    elif sum(lengths) < MIN_SPEECH_S:
        reason = f"{sum(lengths):.2f} s of speech are too short"
    if reason is not None:
        return Utterance(number, spans[0][0], spans[-1][1], spans, {}, dict.fromkeys(FIGURES, reason), margin, reason)
    figures: dict[str, float] = {}
    missing: dict[str, str] = {}
    counted = [(p.syllables, s) for p, s in zip(phrases, lengths, strict=True) if p.syllables is not None]
    counted_s = sum(s for _, s in counted)
    if counted_s >= max(MIN_SPEECH_S, KNOWN_SHARE * sum(lengths)):
        figures["syllable_rate"] = sum(n for n, _ in counted) / counted_s
    else:
        missing["syllable_rate"] = f"syllables were counted in {counted_s:.2f} s of it only"
    toned = [p for p in phrases if p.pitch_median_hz is not None and p.pitch_range_semitones is not None and p.voiced_share]
    weights = [p.voiced_share * (p.end_s - p.start_s) for p in toned]
    if sum(weights) >= MIN_VOICED_S and sum(p.end_s - p.start_s for p in toned) >= KNOWN_SHARE * sum(lengths):
        tones = [12 * math.log2(p.pitch_median_hz / REFERENCE_HZ) for p in toned]
        figures["pitch_level"] = _mean(tones, weights)
        figures["pitch_range"] = _mean([p.pitch_range_semitones for p in toned], weights)
    else:
        missing |= dict.fromkeys(("pitch_level", "pitch_range"), f"{sum(weights):.2f} s of it have a pitch; {MIN_VOICED_S} are needed")
    return Utterance(number, spans[0][0], spans[-1][1], spans, figures, missing, margin)


def _mean(values: Sequence[float], weights: Sequence[float]) -> float:
    return sum(v * w for v, w in zip(values, weights, strict=True)) / sum(weights)


def against_others(utterances: Sequence[Utterance], speakers: Sequence[int | None]) -> list[Scored]:
    """Each utterance against the others of its speaker.

    Leaving itself out keeps the measure still while it moves: with itself among few, it would shift what it is measured with.

    Args:
        speakers: Of each utterance; None is one voice as well, of whom nothing is known.
    """
    out = []
    for one, speaker in zip(utterances, speakers, strict=True):
        others = [u for u, s in zip(utterances, speakers, strict=True) if u is not one and s == speaker and u.whole]
        if not one.whole:
            out.append(Scored(None, {}, "; ".join(dict.fromkeys(one.missing.values()))))
        elif len(others) < MIN_OTHERS:
            out.append(Scored(None, {}, f"other utterances of this speaker to compare with: {len(others)}; {MIN_OTHERS} are needed"))
        else:
            figures = {name: _figure(name, one.figures[name], [u.figures[name] for u in others]) for name in FIGURES}
            out.append(Scored(arousal([f.z for f in figures.values()]), figures))
    return out


def _figure(name: str, value: float, others: Sequence[float]) -> Figure:
    baseline = median(others)
    mad = median(abs(v - baseline) for v in others)
    spread = math.hypot(MAD_TO_SIGMA * mad, LEAST_SPREAD[name])
    return Figure(value, baseline, spread, (value - baseline) / spread)


def arousal(scores: Sequence[float]) -> float:
    """tanh(m / 2) with m the mean of 3 tanh(z / 3), -1 to 1: 0 where all is as usual; each score counts the same, and always one way."""
    return math.tanh(sum(SOFT_Z * math.tanh(z / SOFT_Z) for z in scores) / len(scores) / HALF_Z)


def speaker_of(utterance: Utterance, turns: Iterable[tuple[float, float, int]]) -> int | None:
    """Who speaks for the longest part of an utterance's phrases; None where no turn (start, end, speaker) touches them."""
    times: dict[int, float] = {}
    for start, end, speaker in turns:
        shared = sum(overlap_s((start, end), phrase) for phrase in utterance.phrases)
        if shared > 0:
            times[speaker] = times.get(speaker, 0.0) + shared
    return max(sorted(times), key=lambda s: times[s], default=None)
