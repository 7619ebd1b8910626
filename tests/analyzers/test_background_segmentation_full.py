"""The transformers of background_segmentation with tiny random checkpoints of the real classes."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from reelscope.analyzers.background_segmentation._classes import Transformer, semantic_scores
from reelscope.config import Settings
from reelscope.models import sources
from reelscope.models.sources import ModelSource, register
from reelscope.pipeline import Session
from tests.clips import moving_frames, write_clip

pytestmark = pytest.mark.torch
torch = pytest.importorskip("torch", reason="needs torch: make test-full")
transformers = pytest.importorskip("transformers", reason="needs transformers: make test-full")

LABELS = {0: "wall", 1: "ceiling", 2: "person, individual", 3: "sky", 4: "windowpane, window"}


def mask2former() -> Any:
    config = transformers.Mask2FormerConfig(
        backbone_config=transformers.SwinConfig(
            image_size=64, patch_size=4, embed_dim=8, depths=[1, 1, 1, 1], num_heads=[1, 1, 2, 2], window_size=2,
            out_features=["stage1", "stage2", "stage3", "stage4"],
        ),
        feature_size=32, mask_feature_size=32, hidden_dim=32, encoder_feedforward_dim=16, encoder_layers=1, decoder_layers=2,
        num_attention_heads=2, dim_feedforward=16, num_queries=5, id2label=LABELS,
    )  # fmt: skip
    return transformers.Mask2FormerForUniversalSegmentation(config)


def segformer() -> Any:
    config = transformers.SegformerConfig(
        depths=[1, 1, 1, 1], hidden_sizes=[8, 8, 16, 16], num_attention_heads=[1, 1, 2, 2], decoder_hidden_size=16, id2label=LABELS
    )
    return transformers.SegformerForSemanticSegmentation(config)


KINDS = {
    "mask2former": ("mask2former-ade20k", mask2former, "Mask2FormerForUniversalSegmentation"),
    "segformer": ("segformer-ade20k", segformer, "SegformerForSemanticSegmentation"),
}


def saved(folder: Path, backend: str) -> ModelSource:
    """A random checkpoint in a folder, as the store would hold it."""
    name, make, loads = KINDS[backend]
    torch.manual_seed(0)
    make().save_pretrained(folder)
    parts = tuple(sources.Part(f, sources.file_sha256(f), f.stat().st_size) for f in sorted(folder.iterdir()))
    return ModelSource(name, runtime="transformers", path=folder, parts=parts, loads=loads)


@pytest.mark.parametrize("backend", sorted(KINDS))
def test_named_on_a_cpu_it_classes_a_clip(backend: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sources, "_registered", {})
    register(saved(tmp_path / "model", backend))
    clip = write_clip(tmp_path / "clip.mp4", moving_frames(75, width=128, height=96))
    settings = Settings.model_validate({"analysis": {"backends": {"background_segmentation": backend}}, "placement": {"workers": 0}})
    with Session(settings) as session:
        entry = session.analyze(clip, only=["background_segmentation"]).document.analyzers["background_segmentation"]
    assert (entry.status, entry.backend, entry.tier, entry.device) == ("ok", backend, "full", "cpu"), entry.reason
    segment = entry.segments[0]
    assert segment.classes and {c.label for c in segment.classes} <= {"wall", "ceiling", "sky", "windowpane"}  # type: ignore[attr-defined]
    assert segment.person_class_share is not None and 0 <= segment.person_class_share <= 1  # type: ignore[attr-defined]
    assert {m.id for m in entry.models} >= {KINDS[backend][0], "selfie-segmentation"}


@pytest.mark.parametrize("backend", sorted(KINDS))
def test_a_batch_gives_what_its_pictures_give_alone(backend: str) -> None:
    torch.manual_seed(0)
    model = KINDS[backend][1]().eval()
    mapper = Transformer(lambda: SimpleNamespace(model=model, device="cpu"))
    assert mapper.names == ("wall", "ceiling", "person", "sky", "windowpane")
    pictures = [np.random.default_rng(i).integers(0, 256, (100, 180, 3), np.uint8) for i in range(3)]
    together = mapper.maps(pictures)
    for rgb, numbers in zip(pictures, together, strict=True):
        assert numbers.shape == (128, 230)  # a quarter of 512 x 922, without what fills up to 928
        assert (numbers == mapper.maps([rgb])[0]).mean() > 0.999


def test_queries_become_scores_as_the_library_has_it() -> None:
    """Against the library's own reading of the answer, at the size of the masks."""
    torch.manual_seed(1)
    answer = SimpleNamespace(class_queries_logits=torch.randn(2, 7, 6), masks_queries_logits=torch.randn(2, 7, 9, 12))
    expected = torch.einsum("bqc,bqhw->bchw", answer.class_queries_logits.softmax(-1)[..., :-1], answer.masks_queries_logits.sigmoid())
    torch.testing.assert_close(semantic_scores(answer), expected)
    assert semantic_scores(SimpleNamespace(logits=expected)) is expected
