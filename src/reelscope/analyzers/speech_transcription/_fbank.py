"""Log mel filter banks as Kaldi makes them, which speaker models are trained on. numpy only."""

from __future__ import annotations

from functools import cache

import numpy as np

__all__ = ["BANDS", "fbank"]

RATE_HZ = 16_000
FRAME, HOP, FFT = 400, 160, 512  # 25 ms every 10 ms
BANDS, LOW_HZ = 80, 20.0
PREEMPHASIS = 0.97
FULL_SCALE = 32768.0  # Kaldi reads 16-bit samples as numbers
FLOOR = float(np.finfo(np.float32).eps)


def fbank(samples: np.ndarray) -> np.ndarray:
    """Natural log of the energy in 80 mel bands, 20 Hz to 8 kHz, each band less its mean.

    Frames of 25 ms every 10 ms that lie wholly in the sound; mean removed, pre-emphasis 0.97, Hamming window; no dither.

    Args:
        samples: float32 [n], 16 kHz, full scale 1.

    Returns:
        float32 [frames, 80]; none where the sound is shorter than a frame.
    """
    if len(samples) < FRAME:
        return np.zeros((0, BANDS), np.float32)
    frames = np.lib.stride_tricks.sliding_window_view(samples.astype(np.float32) * FULL_SCALE, FRAME)[::HOP].astype(np.float64)
    frames = frames - frames.mean(axis=1, keepdims=True)
    frames[:, 1:] -= PREEMPHASIS * frames[:, :-1].copy()
    frames[:, 0] *= 1 - PREEMPHASIS
    power = np.abs(np.fft.rfft(frames * np.hamming(FRAME), FFT)) ** 2
    bands = np.log(np.maximum(power @ _filters().T, FLOOR))
    return (bands - bands.mean(axis=0)).astype(np.float32)


@cache
def _filters() -> np.ndarray:
    """float64 [80, 257]: triangles that are even in mel = 1127 ln(1 + f / 700); Kaldi leaves the last bin out."""
    mel = 1127 * np.log1p(np.arange(FFT // 2 + 1) * RATE_HZ / FFT / 700)
    edges = np.linspace(1127 * np.log1p(LOW_HZ / 700), 1127 * np.log1p(RATE_HZ / 2 / 700), BANDS + 2)
    left, middle, right = edges[:-2, None], edges[1:-1, None], edges[2:, None]
    return np.maximum(0.0, np.minimum((mel - left) / (middle - left), (right - mel) / (right - middle))) * (np.arange(len(mel)) < FFT // 2)
