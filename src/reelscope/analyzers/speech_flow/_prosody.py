"""Pitch, loudness, syllables and emphasis of speech, from 16 kHz mono; plain functions over arrays.

Contours have 100 values a second (energy) or 62.5 (pitch); everything reads the sound in blocks.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

__all__ = [
    "Energy",
    "Pitch",
    "Syllable",
    "above_background",
    "background_levels",
    "emphasised",
    "energy_contours",
    "find_syllables",
    "pitch_contour",
    "sampled",
]

RATE_HZ = 16_000
HOP = 160  # 10 ms
WINDOW = 400  # 25 ms
BLOCK_S = 20.0
FLOOR_DB = -100.0

# The vowel band: above most fundamentals, below the hiss of consonants. This band, 50 ms and 1.5 dB came out best of 75 combinations
# on the four recordings with a known text; de Jong & Wempe 2009 take the whole band and 2 dB.
VOWEL_LOW_HZ, VOWEL_HIGH_HZ = 300.0, 2500.0
SMOOTH_FRAMES = 5  # 50 ms Hann: shorter than a fast syllable (150 ms), longer than a glottal period
DIP_DB = 1.5  # between two nuclei the level falls and rises by this
NUCLEUS_S = 0.03  # half width of a nucleus, in which a voiced pitch frame must lie: two frames of 16 ms
RANGE_DB = 25.0  # nuclei lie within this of the phrase's loud ones (de Jong & Wempe 2009)

PITCH_LOW_HZ, PITCH_HIGH_HZ = 60.0, 600.0  # creak to excited child
PITCH_CONTEXT_S = 0.24  # SwiftF0 sees 11 frames of 16 ms before and 10 after
PITCH_BLOCK_S = 20.0
VOICED = 0.5  # SwiftF0's own calibrated border

AROUND_S, GUARD_S = 2.0, 0.1  # where the background of a phrase is measured; consonants may reach over the phrase's edge
PITCH_MARGIN_DB = 6.0  # halves the share of frames that follow the music at 10 dB (from 17 to 9 % over jazz) and keeps 88 % of the voiced

EMPHASIS_Z = 2.5  # sum of the two z-scores from which a syllable counts as emphasised
EMPHASIS_GAP_S = 0.4  # one event per word


@dataclass(frozen=True, slots=True)
class Energy:
    """Every 10 ms: `level_db` RMS in dBFS, `vowel_db` the level of the vowel band, smoothed; frame i at i * 0.01 s."""

    level_db: np.ndarray
    vowel_db: np.ndarray


@dataclass(frozen=True, slots=True)
class Pitch:
    """Frames of 16 ms where speech is: times in seconds, fundamental in Hz, confidence 0-1 (voiced from 0.5)."""

    t_s: np.ndarray
    hz: np.ndarray
    confidence: np.ndarray

    @property
    def voiced(self) -> np.ndarray:
        """bool [frames]."""
        return self.confidence >= VOICED


@dataclass(frozen=True, slots=True)
class Syllable:
    """A nucleus: time, level of the vowel band in dB and the pitch nearby in Hz."""

    t_s: float
    level_db: float
    pitch_hz: float


def energy_contours(samples: np.ndarray) -> Energy:
    """Contours of float32 [n] at 16 kHz."""
    window = np.hanning(WINDOW + 1)[:-1].astype(np.float32)
    scale = 2 / (512 * np.square(window).sum())
    frequencies = np.fft.rfftfreq(512, 1 / RATE_HZ)
    band = (frequencies >= VOWEL_LOW_HZ) & (frequencies <= VOWEL_HIGH_HZ)
    count = -(-len(samples) // HOP)
    power, vowel = np.zeros(count, np.float32), np.zeros(count, np.float32)
    step = round(BLOCK_S * RATE_HZ) // HOP
    for first in range(0, count, step):
        after = min(first + step, count)
        low, high = first * HOP - WINDOW // 2, (after - 1) * HOP + WINDOW // 2
        part = np.nan_to_num(np.asarray(samples[max(0, low) : high], np.float32), posinf=0.0, neginf=0.0)
        part = np.pad(part, (max(0, -low), max(0, high - len(samples))))
        frames = sliding_window_view(part, WINDOW)[::HOP][: after - first]
        power[first:after] = np.square(frames).mean(axis=1)
        spectra = np.fft.rfft(frames * window, 512, axis=1)[:, band]
        vowel[first:after] = (np.square(spectra.real) + np.square(spectra.imag)).sum(axis=1) * scale
    kernel = np.hanning(SMOOTH_FRAMES + 2)[1:-1]
    smooth = np.convolve(vowel, kernel / kernel.sum(), "same") if count >= SMOOTH_FRAMES else vowel
    return Energy(_db(power), _db(smooth))


def _db(power: np.ndarray) -> np.ndarray:
    return (10 * np.log10(np.maximum(power, 10 ** (FLOOR_DB / 10)))).astype(np.float32)


def pitch_contour(
    samples: np.ndarray,
    stretches: Iterable[tuple[float, float]],
    detect: Callable[[np.ndarray], tuple[np.ndarray, np.ndarray, np.ndarray]],
) -> Pitch:
    """Pitch inside the stretches only.

    Args:
        samples: float32 [n] at 16 kHz.
        stretches: Half-open seconds, in order, without overlap.
        detect: float32 [n] -> (t_s from the array's start, hz, confidence).
    """
    parts: list[tuple[np.ndarray, np.ndarray, np.ndarray]] = []
    for start, end in stretches:
        at = start
        while at < end:
            until = min(at + PITCH_BLOCK_S, end)
            low = max(0, round((at - PITCH_CONTEXT_S) * RATE_HZ))
            block = np.asarray(samples[low : round((until + PITCH_CONTEXT_S) * RATE_HZ)], np.float32)
            if len(block):
                t_s, hz, confidence = detect(np.nan_to_num(block, posinf=0.0, neginf=0.0))
                t_s = t_s + low / RATE_HZ
                inside = (t_s >= at) & (t_s < until)
                parts.append((t_s[inside], hz[inside], confidence[inside]))
            at = until
    if not parts:
        empty = np.zeros(0)
        return Pitch(empty, empty, empty)
    return Pitch(*(np.concatenate(column) for column in zip(*parts, strict=True)))


def find_syllables(vowel_db: np.ndarray, start_s: float, end_s: float, pitch: Pitch) -> list[Syllable]:
    """Syllable nuclei of one phrase: peaks of the vowel band's level, parted by dips of 1.5 dB, loud enough, and voiced.

    After de Jong & Wempe 2009 ("Praat script to detect syllable nuclei and measure speech rate automatically").
    """
    first, after = max(0, round(start_s * 100)), min(len(vowel_db), round(end_s * 100) + 1)
    level = vowel_db[first:after].astype(np.float64)
    if len(level) < 3:
        return []
    floor = np.percentile(level, 95) - RANGE_DB
    peaks = [i for i in _peaks(level, DIP_DB) if level[i] >= floor]
    t_voiced, hz_voiced = pitch.t_s[pitch.voiced], pitch.hz[pitch.voiced]
    out = []
    for i in peaks:
        t = (first + i) / 100
        low, high = np.searchsorted(t_voiced, (t - NUCLEUS_S, t + NUCLEUS_S))
        if high > low:
            out.append(Syllable(t, float(level[i]), float(np.median(hz_voiced[low:high]))))
    return out


def _peaks(level: np.ndarray, dip_db: float) -> list[int]:
    """Maxima separated by falls and rises of at least `dip_db` (zigzag extremes)."""
    out: list[int] = []
    high = low = 0
    rising = True
    for i in range(1, len(level)):
        if rising:
            if level[i] > level[high]:
                high = i
            elif level[i] < level[high] - dip_db:
                out.append(high)
                low, rising = i, False
        elif level[i] < level[low]:
            low = i
        elif level[i] > level[low] + dip_db:
            high, rising = i, True
    if rising and level[high] > (level[low] if out else level[: high + 1].min()) + dip_db:
        out.append(high)
    return out


def emphasised(syllables: list[Syllable]) -> list[tuple[Syllable, float, float]]:
    """Syllables that stand out from the others of their utterance: (syllable, level z, pitch z).

    z-scores of the level (dB) and of the pitch (semitones) over the utterance's syllables; a syllable counts where both are positive
    and their sum is at least 2.5; of several within 0.4 s the strongest. Needs five syllables.
    """
    if len(syllables) < 5:
        return []
    level = _z(np.array([s.level_db for s in syllables]))
    pitch = _z(12 * np.log2([s.pitch_hz for s in syllables]))
    score = np.where((level > 0) & (pitch > 0), level + pitch, 0)
    kept: list[int] = []
    for i in np.argsort(-score).tolist():
        if score[i] >= EMPHASIS_Z and all(abs(syllables[i].t_s - syllables[k].t_s) >= EMPHASIS_GAP_S for k in kept):
            kept.append(i)
    return [(syllables[i], float(level[i]), float(pitch[i])) for i in sorted(kept)]


def _z(values: np.ndarray) -> np.ndarray:
    deviation = values.std()
    return (values - values.mean()) / deviation if deviation > 1e-9 else np.zeros(len(values))


def background_levels(level_db: np.ndarray, phrases: list[tuple[float, float]]) -> list[float | None]:
    """What is heard around each phrase: the median level in dB of the frames without speech within 2 s of it, at least 0.1 s from any.

    None where less than 0.2 s of that exists.
    """
    speech = np.zeros(len(level_db) + 1, np.int32)
    for start, end in phrases:
        speech[max(0, round((start - GUARD_S) * 100))] += 1
        speech[min(len(level_db), round((end + GUARD_S) * 100))] -= 1
    free = np.cumsum(speech[:-1]) == 0
    out: list[float | None] = []
    for start, end in phrases:
        near = slice(max(0, round((start - AROUND_S) * 100)), round((end + AROUND_S) * 100))
        levels = level_db[near][free[near]]
        out.append(float(np.median(levels)) if len(levels) >= 20 else None)
    return out


def above_background(pitch: Pitch, level_db: np.ndarray, phrases: list[tuple[float, float]], background_db: list[float | None]) -> Pitch:
    """The pitch with confidence 0 in frames that are not 6 dB louder than what is heard around their phrase: those may be its pitch."""
    confidence = pitch.confidence.copy()
    frame = np.minimum(np.round(pitch.t_s * 100).astype(np.int64), len(level_db) - 1)
    for (start, end), level in zip(phrases, background_db, strict=True):
        if level is not None:
            low, high = np.searchsorted(pitch.t_s, (start, end))
            confidence[low:high][level_db[frame[low:high]] < level + PITCH_MARGIN_DB] = 0
    return Pitch(pitch.t_s, pitch.hz, confidence)


def sampled(t_s: np.ndarray, values: np.ndarray, start_s: float, end_s: float, step_s: float) -> tuple[np.ndarray, np.ndarray]:
    """Medians in steps: (middle of each step, median or NaN where the step is empty)."""
    count = max(0, int(np.ceil((end_s - start_s) / step_s - 1e-9)))
    out = np.full(count, np.nan)
    index = np.floor((t_s - start_s) / step_s + 1e-9).astype(np.int64)
    good = (index >= 0) & (index < count)
    order = np.argsort(index[good], kind="stable")
    bins, data = index[good][order], values[good][order]
    edges = np.flatnonzero(np.diff(bins)) + 1
    for part_bins, part in zip(np.split(bins, edges), np.split(data, edges), strict=True):
        if len(part):
            out[part_bins[0]] = np.median(part)
    left = start_s + np.arange(count) * step_s
    return (left + np.minimum(left + step_s, end_s)) / 2, out
