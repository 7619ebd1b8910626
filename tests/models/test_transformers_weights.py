"""The transformers runtime with a folder that lacks weights: the library fills them at random, which nobody may take for a model."""

from __future__ import annotations

from pathlib import Path

import pytest

from reelscope.errors import ModelError
from reelscope.models.sessions import SessionRequest, open_session
from reelscope.models.sources import ModelSource, Part, file_sha256

pytestmark = pytest.mark.torch
torch = pytest.importorskip("torch", reason="needs torch: make test-full")
transformers = pytest.importorskip("transformers", reason="needs transformers: make test-full")
safetensors = pytest.importorskip("safetensors.torch", reason="needs safetensors: make test-full")


def saved(folder: Path) -> Path:
    """A tiny ResNet, whose norms have buffers: their means and variances decide, their counters do not."""
    config = transformers.ResNetConfig(embedding_size=4, hidden_sizes=[4, 8], depths=[1, 1], layer_type="basic", num_labels=2)
    transformers.ResNetForImageClassification(config).save_pretrained(folder)
    return folder


def drop(folder: Path, part: str) -> str:
    """Take the first weight with this in its name out of the file."""
    path = folder / "model.safetensors"
    weights = safetensors.load_file(path)
    name = next(n for n in weights if part in n)
    del weights[name]
    safetensors.save_file(weights, path, metadata={"format": "pt"})
    return name


def source_of(folder: Path) -> ModelSource:
    parts = tuple(Part(p, file_sha256(p), p.stat().st_size) for p in sorted(folder.iterdir()))
    return ModelSource("small", "transformers", folder, parts=parts, loads="ResNetForImageClassification", hint="fetch it")


@pytest.mark.parametrize("part", ["classifier.1.weight", "running_mean"])
def test_a_folder_without_all_weights_is_refused(tmp_path: Path, part: str) -> None:
    name = drop(saved(tmp_path), part)
    with pytest.raises(ModelError, match=f"1 weights of ResNetForImageClassification are not in its files, such as {name}") as caught:
        open_session(SessionRequest(source_of(tmp_path)))
    assert caught.value.code == "model_corrupt" and caught.value.hint == "fetch it"


def test_a_whole_one_is_opened_also_without_counters(tmp_path: Path) -> None:
    drop(saved(tmp_path), "num_batches_tracked")
    session = open_session(SessionRequest(source_of(tmp_path)))
    assert session.device == "cpu" and not session.model.training  # type: ignore[attr-defined]
