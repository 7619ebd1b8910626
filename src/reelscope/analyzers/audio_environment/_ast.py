"""Audio Spectrogram Transformer: 527 sounds of AudioSet in windows of 10.24 s (Gong, Chung, Glass, "AST", Interspeech 2021).

Its input is Kaldi's log mel filter bank. The library makes it with torchaudio, or frame by frame in Python; here it is made for a whole
window at once and held equal to the library's by a test.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from reelscope.analyzers.audio_environment._audioset import Scores

__all__ = ["WINDOW_S", "fbank", "score", "sigmoids"]

RATE_HZ = 16_000
FRAMES, BANDS = 1024, 128
LENGTH, STEP, SIZE = 400, 160, 512  # 25 and 10 ms; the transform's size
LOW_HZ = 20.0
PREEMPHASIS = 0.97
FLOOR = np.float32(1.192092955078125e-07)  # as Kaldi has it: the smallest step of a float32
MEAN, SPREAD = -4.2677393, 4.5689974  # of AudioSet, as trained; the model takes (x - mean) / (2 spread)
WINDOW_S = 10.24  # 1024 frames of 10 ms
HOP_S = 2.56  # a quarter of a window: each cell is heard in four windows


def fbank(samples: np.ndarray) -> np.ndarray:
    """Model input float32 [1024, 128] of float32 [n] at 16 kHz, n at most 10.24 s; what is missing is zero before it is scaled."""
    out = np.zeros((FRAMES, BANDS), np.float64)
    if len(samples) >= LENGTH:
        frames = sliding_window_view(samples.astype(np.float64), LENGTH)[::STEP][:FRAMES]
        frames = frames - frames.mean(axis=1, keepdims=True)
        first = frames[:, :1] * (1 - PREEMPHASIS)
        frames = np.concatenate([first, frames[:, 1:] - PREEMPHASIS * frames[:, :-1]], axis=1)
        power = np.square(np.abs(np.fft.rfft(frames * np.hanning(LENGTH), SIZE, axis=1)))
        out[: len(frames)] = np.log(np.maximum(power @ _filters(), FLOOR))
    return ((out - MEAN) / (2 * SPREAD)).astype(np.float32)


def _filters() -> np.ndarray:
    """Kaldi's triangles float64 [257, 128]: even on its mel scale, straight on that scale, not on the frequencies."""
    top = _mel(np.array(RATE_HZ / 2))
    edges = np.linspace(_mel(np.array(LOW_HZ)), top, BANDS + 2)
    bins = _mel(np.arange(SIZE // 2 + 1) * RATE_HZ / SIZE)[:, None]
    rising = (bins - edges[:-2]) / (edges[1:-1] - edges[:-2])
    falling = (edges[2:] - bins) / (edges[2:] - edges[1:-1])
    return np.clip(np.minimum(rising, falling), 0, None)


def _mel(hz: np.ndarray) -> np.ndarray:
    return 1127.0 * np.log1p(hz / 700.0)


def sigmoids(session: Any, inputs: Sequence[np.ndarray]) -> list[np.ndarray]:
    """Scores float32 [classes] of each input; `session` holds an ASTForAudioClassification."""
    import torch

    model = session.model
    given = torch.from_numpy(np.stack(inputs)).to(session.device, next(model.parameters()).dtype)
    with torch.inference_mode():
        return list(torch.sigmoid(model(input_values=given).logits.float()).cpu().numpy())


def score(samples: np.ndarray, names: tuple[str, ...], run: Callable[[Sequence[np.ndarray]], Sequence[np.ndarray]], batch: int) -> Scores:
    """Scores of a whole sound, one cell per 2.56 s: the mean over the windows that hear all of the cell.

    Args:
        samples: float32 [n] at 16 kHz, an array or what is sliced like one.
        run: Inputs to scores, see `sigmoids`. batch: windows whose input is held at once.
    """
    hop, size = round(HOP_S * RATE_HZ), round(WINDOW_S * RATE_HZ)
    cells = max(1, -(-len(samples) // hop))
    windows = max(1, cells - size // hop + 1)
    sums, heard = np.zeros((cells, len(names))), np.zeros(cells)
    for first in range(0, windows, batch):
        numbers = range(first, min(windows, first + batch))
        cut = [np.asarray(samples[k * hop : k * hop + size], np.float32) for k in numbers]
        inputs = [fbank(np.nan_to_num(c, nan=0.0, posinf=0.0, neginf=0.0)) for c in cut]
        for k, found in zip(numbers, run(inputs), strict=True):
            inside = slice(k, min(cells, k + size // hop))
            sums[inside] += found
            heard[inside] += 1
    edges = np.minimum(np.arange(cells + 1) * HOP_S, len(samples) / RATE_HZ)
    return Scores(names, (sums / heard[:, None]).astype(np.float32), edges)
