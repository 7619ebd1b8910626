"""Speech with known phrases: the dry files of the shared media, alone and mixed over music and sounds.

The phrases of a dry file are found from its energy alone (so that no voice detector is its own truth), split at pauses of 0.3 s or more.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

__all__ = ["HELD_OUT_SPEECH", "TUNING_SPEECH", "Mix", "dry_phrases", "make_mix", "read_mono16k"]

RATE_HZ = 16_000
MIN_PAUSE_S = 0.3
TUNING_SPEECH = ("speech-en-librispeech-198-209-0000.ogg", "speech-en-de-licence-text.mp3", "speech-ru-sadtalker.wav")
HELD_OUT_SPEECH = ("speech-en-jfk.flac", "speech-en-harvard-dog.wav", "speech-en-harvard-air.wav", "talking-woman-flag-512.mp4")
BACKGROUNDS = (
    "music-jazz-vibe-ace.ogg",
    "music-jazz-vibe-ace.ogg",
    "sound-esc50-dog.wav",
    "sound-esc50-cat.wav",
    "sound-esc50-thunderstorm-a.wav",
    "sound-esc50-alarm-clock.wav",
    "sound-esc50-car-horn-a.wav",
)


@dataclass(frozen=True, slots=True)
class Mix:
    """A generated mix at 16 kHz: samples [n], its phrases in seconds, speech-to-background ratio in dB, background file."""

    samples: np.ndarray
    phrases: tuple[tuple[float, float], ...]
    snr_db: float
    background: str


def read_mono16k(path: Path) -> np.ndarray:
    """Decode a file's first sound track to float32 mono at 16 kHz, the mean of its channels."""
    import av
    import soxr

    with av.open(str(path)) as container:
        stream = container.streams.audio[0]
        resampler = av.AudioResampler(format="fltp")
        frames = [f.to_ndarray() for frame in container.decode(stream) for f in resampler.resample(frame)]
        frames += [f.to_ndarray() for f in resampler.resample(None)]
        rate = stream.rate
    mono = np.concatenate(frames, axis=1).mean(axis=0, dtype=np.float32)
    return mono if rate == RATE_HZ else soxr.resample(mono, rate, RATE_HZ).astype(np.float32)


def dry_phrases(samples: np.ndarray, min_pause_s: float = MIN_PAUSE_S) -> list[tuple[float, float]]:
    """Phrases of clean speech from its energy: 20 ms frames less than 32 dB below the loud ones (95th percentile) and 8 dB above the
    noise floor (5th percentile), joined over pauses below `min_pause_s`, at least 0.1 s long."""
    hop = RATE_HZ // 100
    count = len(samples) // hop
    power = np.square(samples[: count * hop], dtype=np.float64).reshape(count, hop).mean(axis=1)
    power = np.convolve(power, [0.5, 0.5], "same")
    level = 10 * np.log10(power + 1e-10)
    threshold = max(np.percentile(level, 95) - 32, np.percentile(level, 5) + 8)
    loud = np.concatenate([[0], (level > threshold).astype(np.int8), [0]])
    edges = np.flatnonzero(np.diff(loud)) / 100
    out: list[tuple[float, float]] = []
    for start, end in zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True):
        if out and start - out[-1][1] < min_pause_s:
            out[-1] = (out[-1][0], end)
        else:
            out.append((start, end))
    return [(a, b) for a, b in out if b - a >= 0.1]


def make_mix(
    rng: np.random.Generator, speech: list[np.ndarray], backgrounds: dict[str, np.ndarray], snr_db: float, seconds: float = 25.0
) -> Mix:
    """Speech files one after the other with gaps of 0.5 to 3 s, over one background that never stops; peak 0.7 at most."""
    out = np.zeros(round(seconds * RATE_HZ), np.float32)
    phrases: list[tuple[float, float]] = []
    at = rng.uniform(0.3, 2.0)
    order = rng.permutation(len(speech))
    powers = []
    for index in np.resize(order, 20):
        dry = speech[index]
        if at + 1.5 > seconds:
            break
        found = dry_phrases(dry)
        first = rng.integers(len(found))
        used = [p for p in found[first:] if at + p[1] - found[first][0] + 0.3 < seconds][: int(rng.integers(1, 4))]
        if not used:
            break
        low, high = max(0.0, used[0][0] - 0.1), used[-1][1] + 0.1
        part = dry[round(low * RATE_HZ) : round(high * RATE_HZ)] * (0.1 / np.sqrt(np.mean(np.square(dry))))
        start = round(at * RATE_HZ)
        out[start : start + len(part)] += part[: len(out) - start]
        powers.append(np.square(part))
        phrases += [(at + a - low, at + b - low) for a, b in used]
        at += high - low + rng.uniform(0.5, 3.0)
    name = sorted(set(backgrounds))[rng.integers(len(set(backgrounds)))] if rng.random() < 0.6 else "music-jazz-vibe-ace.ogg"
    ground = backgrounds[name]
    ground = np.roll(np.resize(ground, max(len(out), len(ground))), int(rng.integers(len(ground))))[: len(out)]
    speech_power = float(np.mean(np.concatenate(powers))) if powers else 0.01
    ground_power = float(np.mean(np.square(ground))) + 1e-12
    mixed = out + ground * np.sqrt(speech_power / ground_power / 10 ** (snr_db / 10))
    mixed = mixed * min(1.0, 0.7 / float(np.abs(mixed).max()))
    return Mix(mixed.astype(np.float32), tuple(phrases), snr_db, name)
