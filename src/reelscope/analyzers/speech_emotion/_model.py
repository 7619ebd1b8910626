"""What a wav2vec2 network with a head for emotion says of stretches of sound.

Two kinds: with a softmax over classes (Wav2Vec2ForSequenceClassification), and with a regression of arousal, dominance and valence
(reelscope.models.wav2vec2_dimensions). Which one it is, and what its outputs are called, stands in its configuration.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from reelscope.errors import ModelError
from reelscope.media.audio import MONO_RATE_HZ
from reelscope.timebase import Interval

__all__ = ["DIMENSIONS", "Heard", "hear", "normalised", "pieces"]

DIMENSIONS = frozenset({"arousal", "dominance", "valence"})
# Attention grows with the square of the length, and what these networks were trained on is hardly longer.
MAX_PIECE_S = 15.0
VARIANCE_FLOOR = 1e-7  # as the networks were trained with: silence stays silence
# IEMOCAP's abbreviations, which the SUPERB checkpoints carry.
WORDS = {"neu": "neutral", "hap": "happy", "ang": "angry", "sad": "sad", "fru": "frustrated", "exc": "excited", "sur": "surprised"}


@dataclass(frozen=True, slots=True)
class Heard:
    """A network's answer. probabilities: of all classes, sum 1. dimensions: -1 to 1 by name. One of them is empty."""

    probabilities: Mapping[str, float] = field(default_factory=dict)
    dimensions: Mapping[str, float] = field(default_factory=dict)


def normalised(samples: np.ndarray) -> np.ndarray:
    """Zero mean, unit variance, over the piece: float32 [n]."""
    x = np.nan_to_num(np.asarray(samples, np.float32), posinf=0.0, neginf=0.0)
    return ((x - x.mean()) / np.sqrt(x.var() + VARIANCE_FLOOR)).astype(np.float32)


def pieces(start_s: float, end_s: float) -> list[Interval]:
    """An utterance in equal pieces of at most 15 s."""
    count = max(1, int(np.ceil((end_s - start_s) / MAX_PIECE_S - 1e-9)))
    edges = np.linspace(start_s, end_s, count + 1).tolist()
    return list(zip(edges, edges[1:], strict=False))


def hear(
    session: Callable[[], Any],
    samples: Any,
    stretches: Sequence[Interval],
    batched: Callable[[Sequence[Any], Callable[[Sequence[Any]], Sequence[Any]]], list[Any]],
) -> list[Heard]:
    """The network's answer to each stretch; those of its pieces are averaged by their length.

    Args:
        session: Gives the session anew for each use.
        samples: float32 [n] at 16 kHz, read by slices.
        stretches: Half-open seconds.
        batched: As LoadContext.batched.

    Raises:
        ModelError: The network wants another rate or gives nothing that is known here.
    """
    scale = _prepares(session())

    def ask(parts: Sequence[Interval]) -> list[np.ndarray]:
        return [_ask(session(), samples, part, scale) for part in parts]  # one by one: zeros beside a shorter one would change it

    out = []
    for start, end in stretches:
        parts = pieces(start, end)
        rows = batched(parts, ask)
        out.append(_mean(session(), rows, [b - a for a, b in parts]))
    return out


def _prepares(session: Any) -> bool:
    """Whether the network wants its sound normalised, as the checkpoint says."""
    path = session.folder / "preprocessor_config.json"
    told = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
    rate = told.get("sampling_rate", MONO_RATE_HZ)
    if rate != MONO_RATE_HZ:
        raise ModelError(f"the emotion network in {session.folder.name} takes {rate} Hz, not {MONO_RATE_HZ}")
    return bool(told.get("do_normalize", True))


def _ask(session: Any, samples: Any, part: Interval, scale: bool) -> np.ndarray:
    import torch

    sound = np.asarray(samples[round(part[0] * MONO_RATE_HZ) : round(part[1] * MONO_RATE_HZ)], np.float32)
    given = torch.from_numpy(normalised(sound) if scale else np.nan_to_num(sound, posinf=0.0, neginf=0.0))
    with torch.inference_mode():
        logits = session.model(given[None].to(session.device)).logits[0].float()
        if _names(session) >= DIMENSIONS:
            return np.asarray(logits.cpu())
        return np.asarray(torch.softmax(logits, dim=0).cpu())


def _names(session: Any) -> frozenset[str]:
    return frozenset(session.model.config.id2label.values())


def _mean(session: Any, rows: Sequence[np.ndarray], lengths: Sequence[float]) -> Heard:
    values = np.average(np.stack(rows), axis=0, weights=lengths)
    labels = [session.model.config.id2label[i] for i in range(len(values))]
    if frozenset(labels) >= DIMENSIONS:  # trained on scores of 0 to 1, a half being neither
        return Heard(dimensions={n: float(np.clip(2 * v - 1, -1, 1)) for n, v in zip(labels, values, strict=True) if n in DIMENSIONS})
    if any(label.startswith("LABEL_") for label in labels):
        raise ModelError("the emotion network does not say what its outputs stand for", code="model_corrupt")
    return Heard(probabilities={WORDS.get(n.lower(), n.lower()): float(v) for n, v in zip(labels, values, strict=True)})
