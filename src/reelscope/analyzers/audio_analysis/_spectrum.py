"""One blockwise pass of short-time spectra: onset strength, spectral features, band energies and a fine pitch histogram.

Memory: a block, a few hundred spectra at a time, and per second of sound 100 onset values and 4 rows of features.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

__all__ = ["BANDS_HZ", "FEATURE_S", "Features", "PitchHistogram", "SpectrumScan", "spectral_features"]

FRAME_RATE_HZ = 100  # onset frames per second: 1 % of the beat at 60 bpm
WINDOW_S = 0.046  # 2048 samples at 44.1 kHz: separates partials from about 60 Hz apart, short enough for onsets
FEATURE_FRAMES = 25  # spectra averaged (power) per row of features
FEATURE_S = FEATURE_FRAMES / FRAME_RATE_HZ  # 0.25 s: four values a second
CHUNK = 256  # spectra computed at once: 4 MiB at 48 kHz
ROLLOFF = 0.85  # share of the magnitude below the roll-off frequency, the usual choice (Tzanetakis & Cook 2002)
BANDS_HZ: tuple[tuple[str, float, float], ...] = (
    ("sub", 20, 60),
    ("bass", 60, 250),
    ("low_mid", 250, 500),
    ("mid", 500, 2000),
    ("high_mid", 2000, 4000),
    ("presence", 4000, 6000),
    ("air", 6000, 20000),
)
SILENT_POWER = 1e-9  # -90 dBFS: below that a spectrum is dither or codec noise, and features of it mean nothing

ONSET_BANDS = 40  # mel-spaced, 30 Hz to 16 kHz
ONSET_FLOOR = 1e-7  # -70 dBFS in a band: level added before the logarithm, so that changes within noise do not count
LOW_BANDS = 14  # of them, up to about 800 Hz: where bass, kick and snare drum mark the beat
ONSET_LAG = 2  # frames (20 ms) between the compared spectra: covers the rise of most attacks (Böck & Widmer 2013)

PITCH_WINDOW_S = 0.37  # 16384 samples at 44.1 kHz: a semitone at 110 Hz (6.5 Hz) is resolved
PITCH_HOP_S = 0.1
PITCH_LOW_HZ, PITCH_HIGH_HZ = 65.0, 2100.0  # C2 to C7
PITCH_BINS = 120  # per octave: 10 cents
PITCH_RANGE_DB = 40.0  # peaks further below the frame's strongest are leakage and noise


@dataclass(frozen=True, slots=True)
class Features:
    """Rows every 0.25 s; NaN where it is silent. Frequencies in Hz, `flatness` 0-1, `bands_db` [n, 7] in dBFS (RMS)."""

    t_s: np.ndarray
    centroid_hz: np.ndarray
    rolloff_hz: np.ndarray
    bandwidth_hz: np.ndarray
    flatness: np.ndarray
    bands_db: np.ndarray


@dataclass(slots=True)
class PitchHistogram:
    """Strength of spectral peaks by pitch class in steps of 10 cents, A4 = 440 Hz, bin 0 = C; frames: those with a peak."""

    bins: np.ndarray = field(default_factory=lambda: np.zeros(PITCH_BINS))
    frames: int = 0


def spectral_features(power: np.ndarray, frequencies_hz: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Centroid, roll-off, bandwidth (Hz) and flatness of power spectra [n, bins]; NaN where the power is below -90 dBFS.

    With M = sqrt(P): centroid = sum(f M) / sum(M); bandwidth = sqrt(sum((f - centroid)^2 M) / sum(M)); roll-off = lowest f with
    85 % of sum(M) at or below it; flatness = geometric / arithmetic mean of P (Peeters 2004; magnitudes as in librosa).
    """
    loud = power.sum(axis=1) > SILENT_POWER
    magnitude = np.sqrt(power, dtype=np.float64)
    total = magnitude.sum(axis=1)
    safe = np.where(loud, total, 1.0)
    centroid = magnitude @ frequencies_hz / safe
    spread = np.maximum(magnitude @ np.square(frequencies_hz, dtype=np.float64) / safe - np.square(centroid), 0)
    reached = np.cumsum(magnitude, axis=1) >= ROLLOFF * total[:, None]
    rolloff = frequencies_hz[np.argmax(reached, axis=1)]
    inner = power[:, 1:] + 1e-20  # the mean (DC) is no part of the sound's colour
    flatness = np.exp(np.log(inner).mean(axis=1)) / inner.mean(axis=1)
    return tuple(np.where(loud, v, np.nan) for v in (centroid, rolloff, np.sqrt(spread), flatness))  # type: ignore[return-value]


def mel_matrix(frequencies_hz: np.ndarray, bands: int, low_hz: float, high_hz: float) -> np.ndarray:
    """Triangles [bins, bands], evenly spaced on the mel scale (2595 log10(1 + f / 700)), each of peak 1; none is left empty."""
    edges = 700 * (10 ** (np.linspace(*(2595 * math.log10(1 + f / 700) for f in (low_hz, high_hz)), bands + 2) / 2595) - 1)
    rising = (frequencies_hz[:, None] - edges[:-2]) / (edges[1:-1] - edges[:-2])
    falling = (edges[2:] - frequencies_hz[:, None]) / (edges[2:] - edges[1:-1])
    out = np.clip(np.minimum(rising, falling), 0, None)
    for band in np.flatnonzero(out.sum(axis=0) == 0):
        out[np.argmin(np.abs(frequencies_hz - edges[band + 1])), band] = 1
    return out.astype(np.float32)


class _Framer:
    """Cuts a stream into overlapping frames, the first centred at 0 s; yields chunks [<= CHUNK, size]."""

    def __init__(self, size: int, hop: int) -> None:
        self.size, self.hop = size, hop
        self._buffer = np.zeros(size // 2, np.float32)
        self._skip = 0  # samples to drop before the next frame, where the hop is longer than the frame

    def push(self, mono: np.ndarray):
        self._buffer = np.concatenate([self._buffer, mono])
        count = (len(self._buffer) - self.size) // self.hop + 1
        if count <= 0:
            return
        frames = sliding_window_view(self._buffer, self.size)[:: self.hop][:count]
        for start in range(0, count, CHUNK):
            yield frames[start : start + CHUNK]
        self._buffer = self._buffer[count * self.hop :].copy()


class SpectrumScan:
    """Takes mono float32 blocks in order, then `finish`."""

    def __init__(self, rate_hz: int) -> None:
        self.rate_hz = rate_hz
        size = max(64, 2 ** round(math.log2(rate_hz * WINDOW_S)))
        self._window, self._scale = _window(size)
        self.hop = max(1, round(rate_hz / FRAME_RATE_HZ))
        self._frames = _Framer(size, self.hop)
        self._frequencies = np.fft.rfftfreq(size, 1 / rate_hz).astype(np.float32)
        self._mel = mel_matrix(self._frequencies, ONSET_BANDS, 30.0, min(16_000.0, rate_hz / 2))
        self._recent: np.ndarray | None = None  # log bands of the last ONSET_LAG frames
        self._onset: list[np.ndarray] = []
        self._pending: list[np.ndarray] = []  # power spectra not yet averaged into a row
        self._rows: list[np.ndarray] = []
        self._in_band = [(self._frequencies >= low) & (self._frequencies < high) for _, low, high in BANDS_HZ]

        pitch_size = max(256, 2 ** round(math.log2(rate_hz * PITCH_WINDOW_S)))
        self._pitch_window, _ = _window(pitch_size)
        self._pitch_frames = _Framer(pitch_size, max(1, round(rate_hz * PITCH_HOP_S)))
        self._pitch_low = max(1, int(PITCH_LOW_HZ * pitch_size / rate_hz))
        self._pitch_high = min(pitch_size // 2, int(PITCH_HIGH_HZ * pitch_size / rate_hz) + 2)
        self._pitch_step_hz = rate_hz / pitch_size
        self.pitches = PitchHistogram()

    @property
    def frame_s(self) -> float:
        """Seconds between onset frames (0.01 where the rate divides evenly)."""
        return self.hop / self.rate_hz

    def push(self, mono: np.ndarray) -> None:
        """Take the next float32 [n]."""
        for frames in self._frames.push(mono):
            self._take(frames)
        for frames in self._pitch_frames.push(mono):
            self._take_pitches(frames)

    def finish(self) -> tuple[np.ndarray, Features]:
        """Onset strength float32 [2, frames] of all bands and of the low ones (frame i at i * frame_s), and the features.

        The last half window is left out: zeros after the sound would make an edge there, which looks like an onset.
        """
        pending = np.concatenate(self._pending) if self._pending else np.zeros((0, 1))
        rest = len(pending) >= FEATURE_FRAMES // 2  # a shorter one is no row
        if rest:
            self._add_rows(pending.mean(axis=0, keepdims=True))
        rows = np.concatenate(self._rows) if self._rows else np.zeros((0, 4 + len(BANDS_HZ)), np.float32)
        t_s = (np.arange(len(rows)) + 0.5) * FEATURE_FRAMES * self.frame_s
        if rest:
            t_s[-1] += (len(pending) - FEATURE_FRAMES) / 2 * self.frame_s
        onset = np.concatenate(self._onset, axis=1) if self._onset else np.zeros((2, 0), np.float32)
        return onset, Features(t_s, rows[:, 0], rows[:, 1], rows[:, 2], rows[:, 3], rows[:, 4:])

    def _take(self, frames: np.ndarray) -> None:
        spectra = np.fft.rfft(frames * self._window, axis=1)
        power = (np.square(spectra.real) + np.square(spectra.imag)) * self._scale
        levels = np.log10(power @ self._mel + ONSET_FLOOR)
        if self._recent is None:
            self._recent = np.repeat(levels[:1], ONSET_LAG, axis=0)
        history = np.concatenate([self._recent, levels])
        before = history[:-ONSET_LAG]
        # The highest of three neighbouring bands: vibrato and glides move energy between them without a new sound.
        widest = np.maximum(before, np.maximum(np.roll(before, 1, axis=1), np.roll(before, -1, axis=1)))
        widest[:, 0], widest[:, -1] = np.maximum(before[:, 0], before[:, 1]), np.maximum(before[:, -1], before[:, -2])
        rise = np.maximum(history[ONSET_LAG:] - widest, 0)
        self._onset.append(np.stack([rise.mean(axis=1), rise[:, :LOW_BANDS].mean(axis=1)]))
        self._recent = history[-ONSET_LAG:]
        self._pending.append(power)
        waiting = sum(len(p) for p in self._pending)
        if waiting >= FEATURE_FRAMES:
            joined = np.concatenate(self._pending)
            whole = waiting // FEATURE_FRAMES * FEATURE_FRAMES
            self._add_rows(joined[:whole].reshape(-1, FEATURE_FRAMES, joined.shape[1]).mean(axis=1))
            self._pending = [joined[whole:].copy()]

    def _add_rows(self, power: np.ndarray) -> None:
        columns = list(spectral_features(power, self._frequencies))
        for inside in self._in_band:
            energy = power[:, inside].sum(axis=1)  # 0 for a band above half the rate
            columns.append(np.where(energy > 1e-12, 10 * np.log10(np.maximum(energy, 1e-12)), np.nan))
        self._rows.append(np.stack(columns, axis=1).astype(np.float32))

    def _take_pitches(self, frames: np.ndarray) -> None:
        low, high = self._pitch_low, self._pitch_high
        for start in range(0, len(frames), 32):  # 32 long spectra: 4 MiB at 48 kHz
            spectra = np.fft.rfft(frames[start : start + 32] * self._pitch_window, axis=1)[:, low - 1 : high + 1]
            level = 10 * np.log10(np.square(spectra.real) + np.square(spectra.imag) + 1e-12)
            middle = level[:, 1:-1]
            tops = level.max(axis=1, keepdims=True)
            peak = (middle > level[:, :-2]) & (middle >= level[:, 2:]) & (middle > tops - PITCH_RANGE_DB) & (tops > -40)
            row, column = np.nonzero(peak)
            if not len(row):
                continue
            left, centre, right = level[row, column], level[row, column + 1], level[row, column + 2]
            shift = 0.5 * (left - right) / np.minimum(left - 2 * centre + right, -1e-6)  # parabola through three log magnitudes
            frequency = (column + low + np.clip(shift, -0.5, 0.5)) * self._pitch_step_hz
            weight = (centre - tops[row, 0] + PITCH_RANGE_DB) / PITCH_RANGE_DB  # 1 for the strongest, 0 at the range's end
            octave = np.log2(frequency / 440.0) + 0.75  # C is 9 semitones below A
            bins = np.floor(octave * PITCH_BINS + 0.5).astype(np.int64) % PITCH_BINS
            self.pitches.bins += np.bincount(bins, weight, PITCH_BINS)
            self.pitches.frames += len(np.unique(row))


def _window(size: int) -> tuple[np.ndarray, np.float32]:
    """A Hann window, and the factor that makes |rfft|^2 sum to the mean square of the samples."""
    window = np.hanning(size + 1)[:-1]
    return window.astype(np.float32), np.float32(2 / (size * np.square(window).sum()))
