"""Silence: by level alone, as audio_analysis measures it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from reelscope.timebase import Interval

if TYPE_CHECKING:
    from reelscope.media.audio import AudioTrack

__all__ = ["SILENCE_DBFS", "silences"]

STEP_S = 0.02
SILENCE_DBFS = -50.0  # the default of audio_analysis: the noise of a quiet room recorded by a phone lies about there
LEAST_S = 0.3  # a shorter one is a pause between words
BLOCK_S = 10.0


def silences(audio: AudioTrack) -> tuple[list[Interval], list[Interval]]:
    """Stretches of 0.3 s and more whose every 20 ms lie below -50 dBFS (RMS of all channels), and those in which all samples are zero."""
    step = max(1, round(audio.rate_hz * STEP_S))
    block = max(1, round(BLOCK_S / STEP_S)) * step
    powers = []
    for start in range(0, audio.frames, block):
        samples = np.nan_to_num(audio.samples[start : start + block], nan=0.0, posinf=0.0, neginf=0.0)
        power = np.einsum("ij,ij->i", samples, samples) / samples.shape[1]
        edges = np.arange(0, len(power), step)
        powers.append(np.add.reduceat(power, edges) / np.diff([*edges, len(power)]))
    power = np.concatenate(powers) if powers else np.zeros(0, np.float32)
    step_s, end_s = step / audio.rate_hz, audio.duration_s
    return _runs(power < 10 ** (SILENCE_DBFS / 10), step_s, end_s), _runs(power == 0, step_s, end_s)


def _runs(quiet: np.ndarray, step_s: float, end_s: float) -> list[Interval]:
    edges = np.flatnonzero(np.diff(np.concatenate([[False], quiet, [False]]).astype(np.int8)))
    found = [(a * step_s, min(b * step_s, end_s)) for a, b in zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True)]
    return [(a, b) for a, b in found if b - a >= LEAST_S - 1e-9 or (a == 0 and b >= end_s - 1e-9 and b > a)]
