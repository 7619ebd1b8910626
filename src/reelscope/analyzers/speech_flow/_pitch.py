"""Pitch by the SwiftF0 network, driven directly: the file lies inside the swift-f0 wheel, nothing of the package is imported.

The network takes 16 kHz mono and gives a fundamental frequency and a voicing score for every 256 samples, calibrated so that 0.5 parts
voiced from unvoiced.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from reelscope.analyzers.speech_flow import _prosody

__all__ = ["FRAME", "SILENCE_PEAK", "detect_pitch"]

FRAME = 256  # samples of a frame: 16 ms
SILENCE_PEAK = 1e-3  # the network never saw digital silence and answers it with random voiced frames; below this nothing is heard


def detect_pitch(session: Any, samples: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Pitch of one block.

    Args:
        session: An onnx session of swift-f0.
        samples: float32 [n], finite, n >= 1, at 16 kHz; memory grows with it: blocks of 20 s, as _prosody.pitch_contour cuts them.

    Returns:
        Start of each frame in seconds from the block's start, Hz between 60 and 600, score 0-1; float64 [max(1, n // 256)] each.
    """
    low, high = (np.asarray(hz, np.float32) for hz in (_prosody.PITCH_LOW_HZ, _prosody.PITCH_HIGH_HZ))
    hz, score = session.run(["pitch", "confidence"], {"audio": samples[None], "fmin": low, "fmax": high})
    hz, score = hz[0].astype(np.float64), score[0].astype(np.float64)
    frames = samples[: len(score) * FRAME].reshape(len(score), -1)  # less than a frame of sound is one shorter frame
    score[np.abs(frames).max(axis=1) < SILENCE_PEAK] = 0.0
    return np.arange(len(score)) * (FRAME / _prosody.RATE_HZ), hz, score
