"""SigLIP for scenes and CLIP for quality, with tiny random checkpoints of the real classes."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from reelscope.analyzers.content_quality import _clip as clip
from reelscope.analyzers.scene_segmentation import _embed as siglip
from reelscope.config import Settings
from reelscope.models import sources
from reelscope.models.sources import ModelSource, register
from reelscope.pipeline import Session
from tests.clips import moving_frames, write_clip

pytestmark = pytest.mark.torch
torch = pytest.importorskip("torch", reason="needs torch: make test-full")
transformers = pytest.importorskip("transformers", reason="needs transformers: make test-full")

TOWER = {"hidden_size": 16, "intermediate_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2}


def tiny_siglip() -> Any:
    torch.manual_seed(0)
    vision = TOWER | {"image_size": 224, "patch_size": 32}
    return transformers.SiglipModel(transformers.SiglipConfig(text_config=TOWER | {"vocab_size": 64}, vision_config=vision)).eval()


def tiny_clip() -> Any:
    torch.manual_seed(0)
    text = TOWER | {"vocab_size": 600, "eos_token_id": 513, "bos_token_id": 512, "projection_dim": 8}
    vision = TOWER | {"image_size": 224, "patch_size": 32, "projection_dim": 8}
    return transformers.CLIPModel(transformers.CLIPConfig(text_config=text, vision_config=vision, projection_dim=8)).eval()


def write_tokenizer(folder: Path) -> None:
    """A CLIP tokenizer that knows single bytes only."""
    letters = [*range(ord("!"), ord("~") + 1), *range(ord("¡"), ord("¬") + 1), *range(ord("®"), ord("ÿ") + 1)]
    letters += [256 + i for i in range(256 - len(letters))]
    words = [chr(n) for n in letters] + [chr(n) + "</w>" for n in letters] + ["<|startoftext|>", "<|endoftext|>"]
    (folder / "vocab.json").write_text(json.dumps({w: i for i, w in enumerate(words)}), encoding="utf-8")
    (folder / "merges.txt").write_text("#version: 0.2\n", encoding="utf-8")


def registered(name: str, model: Any, folder: Path, loads: str) -> None:
    model.save_pretrained(folder)
    if loads == "CLIPModel":
        write_tokenizer(folder)
    parts = tuple(sources.Part(f, sources.file_sha256(f), f.stat().st_size) for f in sorted(folder.iterdir()))
    register(ModelSource(name, runtime="transformers", path=folder, parts=parts, loads=loads))


@pytest.fixture(autouse=True)
def own_register(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(sources, "_registered", {})
    yield


def entry_of(name: str, backend: str, clip_path: Path, options: dict[str, Any] | None = None) -> Any:
    given = {"backends": {name: backend}, "options": {name: options or {}}}
    with Session(Settings.model_validate({"analysis": given, "placement": {"workers": 0}})) as session:
        entry = session.analyze(clip_path, only=[name]).document.analyzers[name]
    assert (entry.status, entry.backend, entry.tier, entry.device) == ("ok", backend, "full", "cpu"), entry.reason
    return entry


@pytest.fixture
def two_shots(tmp_path: Path) -> Path:
    frames = moving_frames(45, width=160, height=96) + moving_frames(45, width=160, height=96, seed=1)
    return write_clip(tmp_path / "two.mp4", frames)


# --- SigLIP


def test_scenes_by_embedding(two_shots: Path, tmp_path: Path) -> None:
    registered("siglip2-base", tiny_siglip(), tmp_path / "siglip", "SiglipModel")
    entry = entry_of("scene_segmentation", "siglip", two_shots)
    links = [s.to_next or s.links[0] for s in entry.segments][:1]
    assert links[0].embedding_distance is not None and 0 <= links[0].embedding_distance <= 2
    assert links[0].palette_distance is None and links[0].distance == links[0].embedding_distance
    assert entry.summary.threshold == 0.2 and entry.coverage == 1
    assert entry.models[0].id == "siglip2-base"
    apart = entry_of("scene_segmentation", "siglip", two_shots, {"threshold": 1e-6})
    assert apart.summary.threshold == 1e-6 and apart.summary.scenes == 2


def test_embeddings_are_the_models_own(tmp_path: Path) -> None:
    """Against SiglipVisionModel, which the library loads from the same checkpoint."""
    model = tiny_siglip()
    model.save_pretrained(tmp_path)
    vision = transformers.SiglipVisionModel.from_pretrained(tmp_path).eval()
    pictures = [np.random.default_rng(i).integers(0, 256, (96, 160, 3), np.uint8) for i in range(3)]
    ours = siglip.embed(SimpleNamespace(model=model, device="cpu"), pictures)
    with torch.inference_mode():
        theirs = vision(pixel_values=torch.from_numpy(siglip.prepare(pictures))).pooler_output
    np.testing.assert_allclose(ours, torch.nn.functional.normalize(theirs, dim=1).numpy(), atol=1e-5)
    np.testing.assert_allclose(np.linalg.norm(ours, axis=1), 1, rtol=1e-5)


# --- CLIP


def test_quality_with_a_score(two_shots: Path, tmp_path: Path) -> None:
    registered("clip-vit-b32", tiny_clip(), tmp_path / "clip", "CLIPModel")
    entry = entry_of("content_quality", "clip_iqa", two_shots)
    shots = [s for s in entry.segments if s.kind == "shot"]
    assert len(shots) == 2 and all(0 < s.clip_iqa < 1 for s in shots)
    assert 0 < entry.summary.clip_iqa < 1 and shots[0].sharpness is not None
    plain = entry_of_embedded(two_shots)
    assert all(s.clip_iqa is None for s in plain.segments) and shots[0].sharpness == plain.segments[0].sharpness


def entry_of_embedded(clip_path: Path) -> Any:
    with Session(Settings.model_validate({"placement": {"workers": 0}})) as session:
        entry = session.analyze(clip_path, only=["content_quality"]).document.analyzers["content_quality"]
    assert entry.backend == "measured"
    return entry


def test_the_score_is_the_softmax_of_the_models_own_logits(tmp_path: Path) -> None:
    model = tiny_clip()
    write_tokenizer(tmp_path)
    session = SimpleNamespace(model=model, device="cpu", folder=tmp_path)
    squares = [np.random.default_rng(i).integers(0, 256, (224, 224, 3), np.uint8) for i in range(3)]
    ours = clip.score(session, clip.prompt_points(session), squares)
    tokenizer = transformers.CLIPTokenizer.from_pretrained(tmp_path)
    tokens = tokenizer(list(clip.PROMPTS), padding=True, return_tensors="pt")
    assert tokens["input_ids"][0][0] == 512 and tokens["input_ids"][0].max() == 513
    with torch.inference_mode():
        theirs = model(pixel_values=torch.from_numpy(clip.prepare(squares)), **tokens).logits_per_image.softmax(1)[:, 0]
    np.testing.assert_allclose(ours, theirs.numpy(), atol=1e-5)
    assert len({round(v, 6) for v in ours}) == 3
