"""Generated sound with exact truth: sines, click and drum tracks, cadences."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

__all__ = ["Beat", "cadence", "click_track", "drum_track", "sine"]

RATE_HZ = 44_100


@dataclass(frozen=True, slots=True)
class Beat:
    """A generated track: mono samples, its tempo and where its beats lie."""

    samples: np.ndarray
    tempo_bpm: float
    beats_s: np.ndarray


def sine(seconds: float, hz: float, dbfs: float, rate_hz: int = 48_000, *, phase_deg: float = 0.0, channels: int = 2) -> np.ndarray:
    """A sine of peak level `dbfs` in every channel, float32 [n, channels]."""
    t = np.arange(round(seconds * rate_hz)) / rate_hz
    wave = 10 ** (dbfs / 20) * np.sin(2 * np.pi * hz * t + np.deg2rad(phase_deg))
    return np.repeat(wave[:, None], channels, axis=1).astype(np.float32)


def _place(out: np.ndarray, at_s: float, sound: np.ndarray, rate_hz: int) -> None:
    start = round(at_s * rate_hz)
    if start < 0 or start >= len(out):
        return
    out[start : start + len(sound)] += sound[: len(out) - start]


def _decay(seconds: float, time_constant_s: float, rate_hz: int) -> tuple[np.ndarray, np.ndarray]:
    t = np.arange(round(seconds * rate_hz)) / rate_hz
    return t, np.exp(-t / time_constant_s)


def click_track(rng: np.random.Generator, tempo_bpm: float, seconds: float, rate_hz: int = RATE_HZ) -> Beat:
    """A metronome: one click a beat, the first of four accented, in a little noise."""
    beats = np.arange(rng.uniform(0, 0.5), seconds, 60 / tempo_bpm)
    out = rng.normal(0, 10 ** (rng.uniform(-70, -50) / 20), round(seconds * rate_hz))
    hz = rng.uniform(800, 2500)
    t, fade = _decay(0.05, 0.008, rate_hz)
    for i, beat in enumerate(beats):
        _place(out, beat, (0.8 if i % 4 == 0 else 0.5) * fade * np.sin(2 * np.pi * hz * (1.5 if i % 4 == 0 else 1) * t), rate_hz)
    return Beat(out.astype(np.float32), tempo_bpm, beats)


# Patterns of one bar of 4/4 in 16 steps: kick, snare, hi-hat.
PATTERNS: dict[str, tuple[tuple[int, ...], tuple[int, ...], tuple[int, ...]]] = {
    "rock": ((0, 8), (4, 12), (0, 2, 4, 6, 8, 10, 12, 14)),
    "house": ((0, 4, 8, 12), (4, 12), (2, 6, 10, 14)),
    "hip_hop": ((0, 6, 10), (4, 12), (0, 2, 4, 6, 8, 10, 12, 14)),
    "sixteenths": ((0, 7, 8), (4, 12), tuple(range(16))),
    "trap": ((0, 10), (8,), (0, 2, 4, 6, 8, 10, 12, 13, 14, 15)),
    "pop": ((0, 8, 10), (4, 12), (0, 4, 8, 12)),
}


def drum_track(rng: np.random.Generator, tempo_bpm: float, seconds: float, pattern: str, rate_hz: int = RATE_HZ) -> Beat:
    """Kick, snare and hi-hat in one of PATTERNS, played with up to 6 ms of spread and varying force, over a soft bass note."""
    step_s = 60 / tempo_bpm / 4
    first = rng.uniform(0, 0.5)
    out = rng.normal(0, 10 ** (rng.uniform(-70, -50) / 20), round(seconds * rate_hz))
    kicks, snares, hats = PATTERNS[pattern]
    t, fade = _decay(0.3, 0.07, rate_hz)
    kick = 0.8 * fade * np.sin(2 * np.pi * (50 * t + 30 * 0.03 * (1 - np.exp(-t / 0.03)) * 2))
    t, fade = _decay(0.2, 0.05, rate_hz)
    snare = 0.45 * fade * (0.5 * np.sin(2 * np.pi * 190 * t) + 0.5 * rng.normal(0, 1, len(t)))
    t, fade = _decay(0.06, 0.012, rate_hz)
    hat = 0.15 * fade * np.diff(rng.normal(0, 1, len(t) + 1))
    bass_hz = rng.uniform(45, 80)
    steps = int((seconds - first) / step_s) + 1
    for step in range(steps):
        at = first + step * step_s + rng.uniform(-0.003, 0.003)
        for hits, sound in ((kicks, kick), (snares, snare), (hats, hat)):
            if step % 16 in hits:
                _place(out, at, sound * rng.uniform(0.7, 1.0), rate_hz)
        if step % 8 == 0:
            t = np.arange(round(step_s * 6 * rate_hz)) / rate_hz
            _place(out, at, 0.12 * np.minimum(1, t / 0.01) * np.exp(-t / 0.5) * np.sin(2 * np.pi * bass_hz * t), rate_hz)
    return Beat((0.7 * out).astype(np.float32), tempo_bpm, np.arange(first, seconds, 60 / tempo_bpm))


NOTE_NAMES = ("C", "C#", "D", "D#", "E", "F", "F#", "G", "G#", "A", "A#", "B")
MAJOR_CHORDS = {"I": (0, 4, 7), "ii": (2, 5, 9), "IV": (5, 9, 12), "V": (7, 11, 14), "V7": (7, 11, 14, 17), "vi": (9, 12, 16)}
MINOR_CHORDS = {
    "i": (0, 3, 7),
    "iio": (2, 5, 8),
    "iv": (5, 8, 12),
    "V": (7, 11, 14),
    "V7": (7, 11, 14, 17),
    "VI": (8, 12, 15),
    "VII": (10, 14, 17),
}
MAJOR_CADENCES = (("I", "IV", "V", "I"), ("I", "vi", "IV", "V", "I"), ("ii", "V7", "I", "I"), ("I", "V", "vi", "IV", "I"))
MINOR_CADENCES = (("i", "iv", "V", "i"), ("i", "VI", "iv", "V7", "i"), ("iio", "V7", "i", "i"), ("i", "VII", "VI", "V", "i"))


def cadence(
    rng: np.random.Generator, tonic: int, mode: str, *, repeats: int = 2, detune_cents: float = 0.0, rate_hz: int = RATE_HZ
) -> np.ndarray:
    """Chords of a cadence in the key with this tonic (0 = C) and mode ("major", "minor"), four to eight partials a note, with a bass."""
    chords = MAJOR_CHORDS if mode == "major" else MINOR_CHORDS
    cadences = MAJOR_CADENCES if mode == "major" else MINOR_CADENCES
    names = cadences[rng.integers(len(cadences))] * repeats
    chord_s = rng.uniform(0.5, 1.0)
    out = rng.normal(0, 1e-3, round(chord_s * len(names) * rate_hz) + rate_hz // 2)
    partials = int(rng.integers(4, 9))
    t, fade = _decay(chord_s * 1.1, rng.uniform(0.4, 1.5), rate_hz)
    fade = fade * np.minimum(1, t / 0.01)
    for i, name in enumerate(names):
        root = chords[name][0]
        for note in (*chords[name], root - 12):
            hz = 440 * 2 ** ((tonic + note - 9 + detune_cents / 100) / 12) * (1.0 if tonic < 6 else 0.5)
            tone = sum(np.sin(2 * np.pi * hz * k * t + rng.uniform(0, 6)) / k**1.3 for k in range(1, partials + 1))
            _place(out, i * chord_s, 0.12 * fade * tone, rate_hz)
    return np.clip(out, -1, 1).astype(np.float32)
