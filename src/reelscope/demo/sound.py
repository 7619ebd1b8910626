"""The demo reel's sound: drums, bass and plucked chords on a fixed beat, the voice over them."""

from __future__ import annotations

import numpy as np
from scipy import signal

from reelscope.demo import timeline
from reelscope.demo.voice import speak

__all__ = ["RATE_HZ", "soundtrack"]

RATE_HZ = 48_000
PEAK = 0.80  # of full scale: room for what AAC adds between samples
VOICE_GAIN, MUSIC_GAIN = 0.60, 0.42
DUCKED = 0.32  # of the music under the voice (-10 dB), as editing tools set it
DUCK_S = 0.12

# Semitones above D for each chord: the bass, then the chord in close position.
CHORD_NOTES = {"D": (0, (12, 16, 19, 24)), "G": (5, (12, 17, 21, 24)), "A": (-5, (13, 16, 19, 25))}
D2_HZ = 73.416
# Melody: (beat within the bar, semitones above D4), the chord's notes, so that the key is plain.
RIFFS = {
    "D": ((0.0, 0), (0.5, 4), (1.0, 7), (2.0, 12), (2.5, 7), (3.0, 4)),
    "G": ((0.0, 5), (0.5, 9), (1.0, 12), (2.0, 9), (3.0, 5)),
    "A": ((0.0, 7), (0.5, 11), (1.0, 14), (2.0, 11), (3.0, 4)),
}


def soundtrack() -> np.ndarray:
    """The whole mix: float32 [n, 2], full scale +-1.0, as long as the picture."""
    voice = speak(timeline.PHRASES, timeline.DURATION_S, RATE_HZ)
    speaking = np.zeros(len(voice))
    for phrase in timeline.PHRASES:
        speaking[round(phrase.start_s * RATE_HZ) : round(phrase.end_s * RATE_HZ)] = 1.0
    width = round(DUCK_S * RATE_HZ)
    duck = 1.0 - (1.0 - DUCKED) * _moving_average(speaking, width)
    mix = MUSIC_GAIN * _music() * duck[:, None] + VOICE_GAIN * voice[:, None]
    fade = round(0.25 * RATE_HZ)
    mix[-fade:] *= np.linspace(1, 0, fade)[:, None]
    return (PEAK * mix / np.abs(mix).max()).astype(np.float32)


def _music() -> np.ndarray:
    """Drums, bass, chords and melody: float64 [n, 2], peak 1.0."""
    n = round(timeline.DURATION_S * RATE_HZ)
    out = np.zeros((n + 2 * RATE_HZ, 2))
    rng = np.random.default_rng(3)
    kick, snare, hat = _kick(), _snare(rng), _hat(rng)
    beat = timeline.BEAT_S
    for bar, chord in enumerate(timeline.CHORDS):
        start_s = bar * 4 * beat
        last = bar == len(timeline.CHORDS) - 1
        root, notes = CHORD_NOTES[chord]
        _add(out, start_s, _chord(notes, 2.4 * beat if not last else 1.1), 0.30, 0.0)
        if not last:
            _add(out, start_s + 2 * beat, _chord(notes, 1.6 * beat), 0.22, 0.0)
        for i in (0, 1.5, 2, 3) if not last else (0,):
            _add(out, start_s + i * beat, _bass(root, 0.85 * beat), 0.42, 0.0)
        for i, note in RIFFS[chord] if not last else ((0.0, 12),):
            _add(out, start_s + i * beat, _pluck(2 ** (note / 12) * D2_HZ * 4, 0.7), 0.16, 0.25)
        for i in range(4 if not last else 1):
            _add(out, start_s + i * beat, snare if i % 2 else kick, 0.55 if i % 2 else 0.85, 0.0)
            for half in (0.0, 0.5):
                _add(out, start_s + (i + half) * beat, hat, 0.16 if half else 0.22, -0.2)
    out = out[:n]
    return out / np.abs(out).max()


def _add(out: np.ndarray, start_s: float, sound: np.ndarray, gain: float, pan: float) -> None:
    """Mix a mono sound in at `start_s`; pan from -1 (left) to 1 (right)."""
    at = round(start_s * RATE_HZ)
    end = min(len(out), at + len(sound))
    if end > at:
        out[at:end] += gain * sound[: end - at, None] * np.array([1 - max(0.0, pan), 1 + min(0.0, pan)])


def _time(length_s: float) -> np.ndarray:
    return np.arange(round(length_s * RATE_HZ)) / RATE_HZ


def _kick() -> np.ndarray:
    t = _time(0.28)
    return np.sin(2 * np.pi * (48 * t + 4.2 * (1 - np.exp(-t / 0.035)))) * np.exp(-t / 0.085)


def _snare(rng: np.random.Generator) -> np.ndarray:
    t = _time(0.20)
    noise = signal.sosfilt(signal.butter(2, (900, 9000), "bandpass", fs=RATE_HZ, output="sos"), rng.normal(0, 1, len(t)))
    return 0.55 * noise * np.exp(-t / 0.055) + 0.5 * np.sin(2 * np.pi * 186 * t) * np.exp(-t / 0.04)


def _hat(rng: np.random.Generator) -> np.ndarray:
    t = _time(0.06)
    return signal.sosfilt(signal.butter(2, 7000, "highpass", fs=RATE_HZ, output="sos"), rng.normal(0, 1, len(t))) * np.exp(-t / 0.016)


def _bass(semitones: int, length_s: float) -> np.ndarray:
    t = _time(length_s)
    wave = 2 * np.pi * D2_HZ * 2 ** (semitones / 12) * t
    return (np.sin(wave) + 0.35 * np.sin(2 * wave) + 0.12 * np.sin(3 * wave)) * np.exp(-t / 0.45) * _edges(t, length_s)


def _chord(notes: tuple[int, ...], length_s: float) -> np.ndarray:
    return sum(_pluck(D2_HZ * 2 ** (note / 12) * 2, length_s) for note in notes) / len(notes) * 1.6


def _pluck(pitch_hz: float, length_s: float) -> np.ndarray:
    """An electric-piano-like tone: harmonics that die the faster the higher they are."""
    t = _time(length_s)
    tone = sum(np.sin(2 * np.pi * pitch_hz * k * t) * np.exp(-t * k / 0.55) / k**1.6 for k in range(1, 6))
    return tone * _edges(t, length_s)


def _edges(t: np.ndarray, length_s: float) -> np.ndarray:
    """Attack and release of a few milliseconds against clicks."""
    return np.minimum(1.0, np.minimum(t / 0.004, np.maximum(0.0, (length_s - t) / 0.03)))


def _moving_average(x: np.ndarray, width: int) -> np.ndarray:
    total = np.cumsum(np.concatenate([np.zeros(width // 2), x, np.zeros(width - width // 2)]))
    return (total[width:] - total[:-width]) / width
