"""audio_environment with AST, on a tiny random checkpoint of the real class."""

from __future__ import annotations

import warnings
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from reelscope.analyzers.audio_environment import _ast
from reelscope.config import Settings
from reelscope.models import sources
from reelscope.models.sources import ModelSource, register
from reelscope.pipeline import Session
from tests.clips import moving_frames, write_clip

pytestmark = pytest.mark.torch
torch = pytest.importorskip("torch", reason="needs torch: make test-full")
transformers = pytest.importorskip("transformers", reason="needs transformers: make test-full")

RATE = 16_000
LABELS = {0: "Speech", 1: "Dog", 2: "Bark", 3: "Music", 4: "Jazz", 5: "Scary music", 6: "Silence", 7: "Rain"}


def tiny_ast() -> Any:
    torch.manual_seed(0)
    config = transformers.ASTConfig(
        hidden_size=16, intermediate_size=16, num_hidden_layers=1, num_attention_heads=2, id2label=LABELS, num_labels=len(LABELS)
    )
    return transformers.ASTForAudioClassification(config).eval()


def sound(seconds: float) -> np.ndarray:
    t = np.arange(round(seconds * RATE)) / RATE
    rng = np.random.default_rng(3)
    return (0.2 * np.sin(2 * np.pi * (300 + 50 * t) * t) + 0.05 * rng.normal(size=len(t)) + 0.02).astype(np.float32)


@pytest.mark.parametrize("seconds", [0.025, 1.0, 7.3, 10.24])
def test_the_filter_bank_is_the_librarys(seconds: float) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # it says of its own filters that the lowest are empty
        extractor = transformers.ASTFeatureExtractor()
    theirs = extractor(sound(seconds), sampling_rate=RATE, return_tensors="np")["input_values"][0]
    np.testing.assert_allclose(_ast.fbank(sound(seconds)), theirs, atol=2e-4)


def test_scores_are_the_models_own() -> None:
    model = tiny_ast()
    inputs = [_ast.fbank(sound(s)) for s in (2.0, 10.24)]
    ours = _ast.sigmoids(SimpleNamespace(model=model, device="cpu"), inputs)
    with torch.inference_mode():
        theirs = model(torch.from_numpy(np.stack(inputs))).logits.sigmoid().numpy()
    np.testing.assert_allclose(ours, theirs, atol=1e-6)


def test_a_clip_with_ast(tmp_path: Path) -> None:
    folder = tmp_path / "ast"
    tiny_ast().save_pretrained(folder)
    parts = tuple(sources.Part(f, sources.file_sha256(f), f.stat().st_size) for f in sorted(folder.iterdir()))
    register(ModelSource("ast-audioset", runtime="transformers", path=folder, parts=parts, loads="ASTForAudioClassification"))
    clip = write_clip(tmp_path / "clip.mp4", moving_frames(90), sound=np.tile(sound(9.0)[:, None], (1, 2)))  # three seconds at 48 kHz
    settings = {"analysis": {"backends": {"audio_environment": "ast"}}, "placement": {"workers": 0}}
    with Session(Settings.model_validate(settings)) as session:
        entry = session.analyze(clip, only=["audio_environment"]).document.analyzers["audio_environment"]
    assert (entry.status, entry.backend, entry.tier, entry.device) == ("ok", "ast", "full", "cpu"), entry.reason
    assert {t.label for t in entry.summary.top_events} == set(LABELS.values())
    assert all(0 < t.score < 1 for t in entry.summary.top_events)
    assert [s.name for s in entry.series] == ["speech_score", "music_score", "noise_score"]
    assert {s.label for s in entry.segments if s.kind == "event"} <= set(LABELS.values()) - {"Silence"}
