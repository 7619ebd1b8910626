"""Voice-like sound: a glottal pulse train through moving formants, with the rhythm of syllables. It says nothing.

Source-filter synthesis after D. H. Klatt, "Software for a cascade/parallel formant synthesizer", JASA 67(3), 1980; the pulse is
A. E. Rosenberg's trigonometric one ("Effect of glottal pulse shape on the quality of natural vowels", JASA 49, 1971). Vowel formants are
those of men in G. E. Peterson and H. L. Barney, "Control methods used in a study of the vowels", JASA 24(2), 1952.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy import signal

from reelscope.demo.timeline import Phrase, Syllable

__all__ = ["speak"]

STEP_S = 0.005  # control tracks are moved 200 times a second, as in Klatt's synthesizer
BANDWIDTHS_HZ = (70.0, 95.0, 140.0, 230.0, 300.0)
UPPER_HZ = (3500.0, 4500.0)  # the fourth and fifth formant hardly move
BASE_PITCH_HZ = 128.0

VOWELS_HZ = {"a": (730, 1090, 2440), "e": (530, 1840, 2480), "i": (270, 2290, 3010), "o": (570, 840, 2410), "u": (300, 870, 2240)}
# Consonant: formants at its middle (None: those of the vowel), voicing 0-1, noise 0-1 and its band in Hz, length in seconds.
CONSONANTS: dict[str, tuple[tuple[int, int, int] | None, float, float, tuple[int, int], float]] = {
    "": (None, 1.0, 0.0, (500, 2000), 0.0),
    "m": ((260, 1050, 2200), 0.45, 0.0, (500, 2000), 0.065),
    "n": ((260, 1500, 2500), 0.45, 0.0, (500, 2000), 0.060),
    "l": ((350, 1150, 2700), 0.60, 0.0, (500, 2000), 0.055),
    "r": ((340, 1200, 1650), 0.60, 0.0, (500, 2000), 0.055),
    "w": ((300, 650, 2200), 0.60, 0.0, (500, 2000), 0.060),
    "d": ((280, 1700, 2600), 0.15, 0.25, (3000, 6500), 0.050),
    "t": ((300, 1800, 2600), 0.0, 0.60, (3000, 8000), 0.060),
    "k": ((300, 1900, 2300), 0.0, 0.55, (1500, 4000), 0.060),
    "s": ((300, 1600, 2600), 0.0, 0.45, (4500, 9000), 0.085),
    "h": (None, 0.0, 0.22, (600, 4000), 0.055),
}


def speak(phrases: Sequence[Phrase], duration_s: float, rate_hz: int) -> np.ndarray:
    """All phrases on one track: float32 [duration_s * rate_hz], peak 1.0, exactly zero between phrases."""
    out = np.zeros(round(duration_s * rate_hz), np.float64)
    for number, phrase in enumerate(phrases):
        sound = _phrase(phrase, rate_hz, np.random.default_rng(100 + number))
        start = round(phrase.start_s * rate_hz)
        out[start : start + len(sound)] = sound[: len(out) - start]
    return (out / np.abs(out).max()).astype(np.float32)


def _phrase(phrase: Phrase, rate_hz: int, rng: np.random.Generator) -> np.ndarray:
    count = round((phrase.end_s - phrase.start_s) / STEP_S)
    formants = np.zeros((count, 3))
    voicing, noise, pitch = np.zeros(count), np.zeros(count), np.zeros(count)
    bands: list[tuple[int, int, tuple[int, int]]] = []
    at = 0
    for i, syllable in enumerate(phrase.syllables):
        end = count if i == len(phrase.syllables) - 1 else at + round(syllable.length_s / STEP_S)
        bands.append((at, end, CONSONANTS[syllable.onset][3]))
        _syllable(syllable, at, end, formants, voicing, noise)
        pitch[at:end] = BASE_PITCH_HZ * syllable.pitch
        at = end
    time = np.arange(count) * STEP_S
    fall = 1.10 - 0.22 * time / max(time[-1], 0.5)  # declination: the pitch of a statement falls to its end
    pitch = _smooth(pitch, 15) * fall * (1 + 0.012 * np.sin(2 * np.pi * 5.1 * time))
    formants = _smooth(formants, 9)
    voicing = _smooth(voicing, 5)
    voicing[-8:] *= np.linspace(1, 0, 8)
    noise = _smooth(noise, 3)

    step = round(STEP_S * rate_hz)
    n = count * step
    fine = np.arange(n) / step
    source = _pulses(np.interp(fine, np.arange(count), pitch), rate_hz, rng) * np.interp(fine, np.arange(count), voicing)
    breath = rng.normal(0, 1, n)
    source += 0.004 * breath * np.interp(fine, np.arange(count), voicing)  # a voice is never without air
    voiced = _resonate(source, formants, step, rate_hz)
    hiss = np.zeros(n)
    for first, last, band in bands:
        if noise[first:last].any():
            sos = signal.butter(2, band, "bandpass", fs=rate_hz, output="sos")
            hiss[first * step : last * step] += signal.sosfilt(sos, breath[first * step : last * step])
    voiced /= max(np.abs(voiced).max(), 1e-9)
    out = voiced + 0.5 * hiss * np.interp(fine, np.arange(count), noise)
    ramp = round(0.004 * rate_hz)
    out[:ramp] *= np.linspace(0, 1, ramp)
    out[-ramp:] *= np.linspace(1, 0, ramp)
    return out


def _syllable(syllable: Syllable, at: int, end: int, formants: np.ndarray, voicing: np.ndarray, noise: np.ndarray) -> None:
    """Write one syllable's targets into the control tracks."""
    place, voiced, hiss, _, length_s = CONSONANTS[syllable.onset]
    vowel = VOWELS_HZ[syllable.vowel]
    middle = min(end, at + round(length_s / STEP_S))
    formants[at:middle] = place or vowel
    formants[middle:end] = vowel
    voicing[at:middle] = voiced
    span = max(1, end - middle)
    stress = 1.0 if syllable.pitch > 1 else 0.8
    voicing[middle:end] = stress * (1 - 0.35 * (np.arange(end - middle) / span) ** 2)
    if syllable.onset in ("t", "k", "d"):  # a stop: silence while the mouth is shut, then the burst
        noise[max(at, middle - 4) : middle + 1] = hiss
    else:
        noise[at:middle] = hiss


def _pulses(pitch_hz: np.ndarray, rate_hz: int, rng: np.random.Generator) -> np.ndarray:
    """Derivative of Rosenberg's glottal flow (the lips radiate the derivative), with a little jitter and shimmer per period."""
    phase = np.cumsum(pitch_hz / rate_hz)
    period = phase.astype(int)
    jitter = rng.normal(0, 0.006, period[-1] + 2)
    phase = phase + np.interp(phase, np.arange(len(jitter)), jitter)
    within = phase % 1.0
    opening, closing = 0.40, 0.16
    rise = 0.5 * (1 - np.cos(np.pi * within / opening))
    shut = np.cos(0.5 * np.pi * (within - opening) / closing)
    flow = np.where(within < opening, rise, np.where(within < opening + closing, shut, 0.0))
    shimmer = 1 + rng.normal(0, 0.03, period[-1] + 3)
    return np.diff(flow, prepend=0.0) * shimmer[np.clip(phase.astype(int), 0, period[-1] + 2)]


def _resonate(source: np.ndarray, formants: np.ndarray, step: int, rate_hz: int) -> np.ndarray:
    """Through a cascade of five two-pole resonators (Klatt's equations), their centres moved every `step` samples."""
    out = np.empty_like(source)
    state = np.zeros((5, 2))
    bandwidth = np.array(BANDWIDTHS_HZ)
    r = np.exp(-np.pi * bandwidth / rate_hz)
    for i, moving in enumerate(formants):
        centre = np.array([*moving, *UPPER_HZ])
        b = 2 * r * np.cos(2 * np.pi * centre / rate_hz)
        sos = np.zeros((5, 6))
        sos[:, 0], sos[:, 3], sos[:, 4], sos[:, 5] = 1 - b + r * r, 1.0, -b, r * r
        part = slice(i * step, (i + 1) * step)
        out[part], state = signal.sosfilt(sos, source[part], zi=state)
    return out


def _smooth(track: np.ndarray, width: int) -> np.ndarray:
    """Moving average over `width` control steps, ends held: formants and pitch glide."""
    pad = width // 2
    padded = np.concatenate([np.repeat(track[:1], pad, axis=0), track, np.repeat(track[-1:], pad, axis=0)])
    kernel = np.ones(width) / width
    if track.ndim == 1:
        return np.convolve(padded, kernel, "valid")
    return np.stack([np.convolve(padded[:, j], kernel, "valid") for j in range(track.shape[1])], axis=1)
