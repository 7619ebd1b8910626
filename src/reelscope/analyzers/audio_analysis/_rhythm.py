"""Onsets, tempo and beats from an onset-strength curve (100 values a second)."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

__all__ = ["Onsets", "Pulse", "beat_times", "find_onsets", "find_pulses", "main_tempo"]

ADVANCE_S = 0.004  # the 46 ms windows see an attack before their middle reaches it; measured on clicks (6 ms) and drums (3 ms)

# Onsets
ONSET_SMOOTH_S = 0.1  # half width of the local mean
ONSET_GAP_S = 0.1  # at most ten onsets a second stand in the document
ONSET_MIN = 0.12  # mean rise of the bands in log10 power (1.2 dB); steady noise passes it once in 1,000 frames

# Tempo
MIN_BPM, MAX_BPM = 50.0, 200.0
PREFERRED_BPM = 120.0  # where people tap (Moelants 2002); decides between octaves that fit equally well
PREFERRED_OCTAVES = 1.2  # standard deviation of that preference
# Low sounds repeat as well at half the lag as at the lag: the beat is twice as fast. Much worse than at twice the lag: half as fast.
FASTER_FROM, SLOWER_BELOW = 0.9, 0.6
WINDOW_S, WINDOW_HOP_S = 8.0, 4.0  # eight beats at 60 bpm; music often plays alone for no longer between phrases of speech
MIN_SOUND_S = 4.0  # four beats at 60 bpm: less is no pulse that could be called stable
MIN_SPREAD = 0.03  # standard deviation of the onset strength: 0.015 for steady noise, from 0.05 for music
MIN_CLARITY = 0.3  # speech and noise reach 0.17 in 8 s, 0.2 in 4 s
AGREES = 0.8  # share of its own clarity that a window keeps at its neighbour's tempo, to count as the same pulse
SMOOTHING = np.hanning(7)[1:-1] / np.hanning(7)[1:-1].sum()  # 50 ms: beats are played with a spread
TIGHTNESS = 100.0  # cost of a beat off the period (Ellis 2007)


@dataclass(frozen=True, slots=True)
class Onsets:
    """Times in seconds and strengths (mean rise of the bands in log10 power)."""

    t_s: np.ndarray
    strength: np.ndarray


@dataclass(frozen=True, slots=True)
class Pulse:
    """A stretch with a stable pulse. `clarity`: the normalised autocorrelation (0-1) of the onset strength, mean at one to four beats."""

    start_s: float
    end_s: float
    tempo_bpm: float
    clarity: float


def find_onsets(onset: np.ndarray, frame_s: float) -> Onsets:
    """Local maxima of the onset strength that stand out from their surroundings, at least 0.1 s apart, the stronger first."""
    if len(onset) < 3:
        return Onsets(np.zeros(0), np.zeros(0))
    reach = max(1, round(ONSET_SMOOTH_S / frame_s))
    padded = np.pad(onset.astype(np.float64), reach)
    mean = np.convolve(padded, np.ones(2 * reach + 1) / (2 * reach + 1), "valid")
    inner = np.pad(onset, 1, constant_values=-1.0)
    candidate = (onset > inner[:-2]) & (onset >= inner[2:]) & (onset > 1.5 * mean) & (onset > ONSET_MIN)
    at = np.flatnonzero(candidate)
    gap = ONSET_GAP_S / frame_s
    kept: list[int] = []
    taken = np.zeros(len(onset), bool)
    for i in at[np.argsort(-onset[at], kind="stable")].tolist():
        low, high = max(0, math.ceil(i - gap + 1e-9)), math.floor(i + gap - 1e-9) + 1
        if not taken[low:high].any():
            taken[i] = True
            kept.append(i)
    found = np.array(sorted(kept), np.int64)
    return Onsets(found * frame_s + ADVANCE_S, onset[found].astype(np.float64))


def _autocorrelation(onset: np.ndarray, frame_s: float) -> np.ndarray:
    """Unbiased autocorrelation of one window up to three quarters of its length, 1 at lag 0."""
    size = 2 ** math.ceil(math.log2(2 * len(onset)))
    part = np.convolve(onset.astype(np.float64), SMOOTHING, "same")
    part -= part.mean()
    lags = len(part) * 3 // 4
    curve = np.fft.irfft(np.square(np.abs(np.fft.rfft(part, size))), size)[:lags] / (len(part) - np.arange(lags))
    return curve / curve[0] if curve[0] > 0 else np.zeros(lags)


def _peak_near(curve: np.ndarray, lag: float, reach: float) -> tuple[float, float]:
    """Position and height of the parabola through the highest sample within `reach` of `lag`."""
    low, high = max(1, math.floor(lag - reach)), min(len(curve) - 2, math.ceil(lag + reach))
    if high < low:
        return lag, -1.0
    i = low + int(np.argmax(curve[low : high + 1]))
    left, middle, right = curve[i - 1], curve[i], curve[i + 1]
    bend = left - 2 * middle + right
    shift = float(np.clip(0.5 * (left - right) / bend, -0.5, 0.5)) if bend < -1e-12 else 0.0
    return i + shift, float(middle - 0.25 * (left - right) * shift)


def find_pulses(onset: np.ndarray, low: np.ndarray, frame_s: float) -> list[Pulse]:
    """Stretches in which the onset strength repeats steadily, in time order, without overlap.

    Windows of 8 s, half overlapping, are judged each for itself, so that music between or under speech counts where it can be
    heard. Neighbours that agree become one stretch, whose tempo is read from their mean autocorrelation.

    Args:
        onset, low: Onset strength of all bands and of the low ones, [frames].
    """
    window, hop = min(len(onset), round(WINDOW_S / frame_s)), round(WINDOW_HOP_S / frame_s)
    if window * frame_s < MIN_SOUND_S:
        return []
    runs: list[dict] = []
    starts = list(range(0, len(onset) - window + 1, hop))
    if starts[-1] + window < len(onset):
        starts.append(len(onset) - window)
    for number, start in enumerate(starts):
        part = onset[start : start + window]
        if part.std() < MIN_SPREAD:
            continue
        curve, low_curve = _autocorrelation(part, frame_s), _autocorrelation(low[start : start + window], frame_s)
        tempo, clarity = _tempo(curve, low_curve, frame_s)
        if clarity < MIN_CLARITY:
            continue
        last = runs[-1] if runs else None
        if last and last["number"] == number - 1 and _comb(curve, np.array([60 / last["tempo"] / frame_s]))[0] >= AGREES * clarity:
            last["curves"].append((curve, low_curve))
        else:
            last = {"start": start, "curves": [(curve, low_curve)]}
            runs.append(last)
        last["tempo"], _ = _tempo(*np.mean(last["curves"], axis=0), frame_s)
        last["number"], last["end"] = number, start + window
    pulses: list[Pulse] = []
    for run in runs:
        start_s, end_s = run["start"] * frame_s, run["end"] * frame_s
        tempo, clarity = _tempo(*np.mean(run["curves"], axis=0), frame_s)
        if pulses and pulses[-1].end_s > start_s:  # another tempo from here on: the border is the middle of the shared part
            before = pulses.pop()
            start_s = (start_s + before.end_s) / 2
            pulses.append(Pulse(before.start_s, start_s, before.tempo_bpm, before.clarity))
        pulses.append(Pulse(start_s, end_s, tempo, clarity))
    return pulses


def main_tempo(pulses: list[Pulse]) -> tuple[float, float] | None:
    """Tempo and clarity that hold for the longest: means, weighted by length, over the stretches within 4 % of the longest."""
    if not pulses:
        return None
    longest = max(pulses, key=lambda p: (p.end_s - p.start_s) * p.clarity)
    same = [p for p in pulses if abs(p.tempo_bpm / longest.tempo_bpm - 1) <= 0.04]
    weights = [p.end_s - p.start_s for p in same]
    return float(np.average([p.tempo_bpm for p in same], weights=weights)), float(np.average([p.clarity for p in same], weights=weights))


def _tempo(curve: np.ndarray, low_curve: np.ndarray, frame_s: float) -> tuple[float, float]:
    """The tempo whose multiples of the beat the autocorrelation repeats at, and its clarity.

    Every lag between 200 and 50 bpm is scored by the mean at 1, 2, 3 and 4 times the lag, weighted by a log-normal preference
    around 120 bpm; the low bands decide whether the beat is an octave faster or slower; the winner is refined on its highest
    multiple within the window, which divides the error of one frame.
    """
    shortest, longest = 60 / MAX_BPM / frame_s, 60 / MIN_BPM / frame_s
    periods = np.arange(shortest, longest, 0.25)
    taste = np.exp(-0.5 * np.square(np.log2(60 / (periods * frame_s) / PREFERRED_BPM) / PREFERRED_OCTAVES))
    both = (curve + low_curve) / 2
    period = float(periods[np.argmax(_comb(both, periods) * taste)])

    def low_at(lag: float) -> float:
        return float(_comb(low_curve, np.array([lag - 0.5, lag, lag + 0.5])).max())

    if period / 2 >= shortest and low_at(period / 2) > FASTER_FROM * low_at(period):
        period /= 2
    elif period * 2 <= longest and low_at(period) < SLOWER_BELOW * low_at(2 * period):
        period *= 2
    multiple = 1
    while True:
        refined, height = _peak_near(curve, period * multiple, max(1.0, 0.04 * period))
        if height > 0:
            period = refined / multiple
        if period * multiple * 2 >= len(curve) - 1:
            break
        multiple *= 2
    return 60 / (period * frame_s), float(np.clip(_comb(curve, np.array([period]))[0], 0, 1))


def _comb(curve: np.ndarray, periods: np.ndarray) -> np.ndarray:
    """Mean of the curve at 1, 2, 3 and 4 times each period, as far as the curve reaches."""
    lags = np.arange(len(curve))
    multiples = np.stack([np.interp(periods * k, lags, curve, right=np.nan) for k in (1, 2, 3, 4)])
    return np.nansum(multiples, axis=0) / np.maximum(1, np.isfinite(multiples).sum(axis=0))


def beat_times(onset: np.ndarray, frame_s: float, tempo_bpm: float) -> tuple[np.ndarray, np.ndarray]:
    """Beats by dynamic programming (Ellis 2007): times in seconds and the onset strength there.

    Beats before the first and after the last sound, and in stretches of two beats without any onset, are dropped.
    """
    period = 60 / tempo_bpm / frame_s
    deviation = float(onset.std())
    if deviation <= 0 or len(onset) < 2 * period:
        return np.zeros(0), np.zeros(0)
    reach = round(period)
    kernel = np.exp(-0.5 * np.square(np.arange(-reach, reach + 1) * 32.0 / period))
    local = np.convolve(onset.astype(np.float64) / deviation, kernel, "same")
    offsets = np.arange(-round(2 * period), -round(period / 2) + 1)
    cost = -TIGHTNESS * np.square(np.log(-offsets / period))
    score, link = local.copy(), np.full(len(local), -1)
    start = -int(offsets[0])
    for i in range(len(local)):
        if i < start:
            usable = offsets[offsets + i >= 0]
            if not len(usable):
                continue
            values = cost[-len(usable) :] + score[i + usable[0] : i + usable[-1] + 1]
            base = i + int(usable[0])
        else:
            values = cost + score[i - start : i - start + len(offsets)]
            base = i - start
        top = int(np.argmax(values))
        if values[top] > 0:
            score[i] += values[top]
            link[i] = base + top
    tail = int(np.argmax(score[-max(1, round(period)) :])) + max(0, len(score) - max(1, round(period)))
    beats = [tail]
    while link[beats[-1]] >= 0:
        beats.append(int(link[beats[-1]]))
    found = np.array(beats[::-1])
    threshold = 0.1 * float(np.percentile(local[found], 75)) if len(found) else 0.0
    near = np.array([local[max(0, i - reach) : i + reach + 1].max() for i in found.tolist()])
    found = found[near > max(threshold, 1e-9)]
    return found * frame_s + ADVANCE_S, onset[found].astype(np.float64)
