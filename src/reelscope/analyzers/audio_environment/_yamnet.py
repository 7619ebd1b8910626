"""YAMNet: 521 sounds of AudioSet, 0.96 s at a time, every 0.48 s; sound in, so that its spectra are the model's own.

The model (github.com/tensorflow/models, research/audioset/yamnet) frames what it is given by itself; here it gets blocks that overlap by
as much as its frames do, so that the answers are those for the whole sound.
"""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import numpy as np

from reelscope.analyzers.audio_environment._audioset import Scores
from reelscope.errors import ModelError

__all__ = ["class_names", "score"]

RATE_HZ = 16_000
FRAME, HOP = 15_600, 7_680  # samples: 0.96 s of spectra, the last 25 ms long; 0.48 s
FRAMES_AT_ONCE = 64  # 31 s: 110 MiB of activations at most
CLASSES = 521
CLASS_MAP = "yamnet_class_map.csv"
HEADER = ["index", "mid", "display_name"]


def class_names(folder: Path | None) -> tuple[str, ...]:
    """The 521 names, from the list that belongs to the model.

    Raises:
        ModelError: The list is missing (`model_missing`) or is not what it must be (`model_corrupt`).
    """
    hint = "reelscope models remove yamnet, then reelscope models pull yamnet"
    path = None if folder is None else folder / CLASS_MAP
    try:
        rows = [] if path is None else list(csv.reader(path.read_text(encoding="utf-8").splitlines()))
    except FileNotFoundError:
        raise ModelError(f"model yamnet: the file {CLASS_MAP} is missing", code="model_missing", hint=hint) from None
    except (OSError, UnicodeDecodeError) as error:
        raise ModelError(f"model yamnet: the file {CLASS_MAP} cannot be read: {error}", code="model_corrupt", hint=hint) from error
    good = bool(rows) and rows[0] == HEADER and all(len(r) == len(HEADER) and r[0] == str(i) and r[2] for i, r in enumerate(rows[1:]))
    if not good or len(rows) != CLASSES + 1:
        raise ModelError(
            f"model yamnet: the file {CLASS_MAP} is not a list of {CLASSES} classes with the columns {', '.join(HEADER)}",
            code="model_corrupt",
            hint=hint,
        )
    return tuple(r[2] for r in rows[1:])


def score(session: Any, samples: np.ndarray, names: tuple[str, ...]) -> Scores:
    """Scores of float32 [n] at 16 kHz (an array or what is sliced like one), one cell per 0.48 s.

    Frame i hears [0.48 i, 0.48 i + 0.96) s; its cell is the middle half of that, the first and the last reach to the ends.

    Args:
        session: LiteRT's; it takes sound of any length.

    Raises:
        ModelError: It answers with another number of classes or frames.
    """
    count = 1 + max(0, -(-(len(samples) - FRAME) // HOP))
    parts = []
    for first in range(0, count, FRAMES_AT_ONCE):
        frames = min(FRAMES_AT_ONCE, count - first)
        start, size = first * HOP, (frames - 1) * HOP + FRAME
        block = np.nan_to_num(np.asarray(samples[start : start + size], np.float32), nan=0.0, posinf=0.0, neginf=0.0)
        block = np.clip(np.pad(block, (0, size - len(block))), -1.0, 1.0)  # what it was trained on
        found = session.run([block])[0]
        # Now and then it rounds up by itself and adds a frame of zeros.
        if found.ndim != 2 or found.shape[0] not in (frames, frames + 1) or found.shape[1] != len(names):
            raise ModelError(f"model yamnet: it answered with {found.shape}, not {(frames, len(names))}", code="model_corrupt")
        parts.append(found[:frames])
    duration_s = len(samples) / RATE_HZ
    edges = (np.arange(count + 1) + 0.5) * HOP / RATE_HZ
    edges[0], edges[-1] = 0.0, duration_s
    return Scores(names, np.concatenate(parts), np.minimum(edges, duration_s))
