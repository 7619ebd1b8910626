"""The full backends on a GPU with tiny random checkpoints of the real classes: each computes there, and finds what it finds on the CPU.

The checkpoints are those of the tests beside this one, which run on any machine.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from reelscope.config import Settings
from reelscope.models.sources import ModelSource, Part, file_sha256, register
from reelscope.pipeline import Session
from tests.clips import moving_frames, write_clip

pytestmark = pytest.mark.torch
torch = pytest.importorskip("torch", reason="needs torch: make test-full")
transformers = pytest.importorskip("transformers", reason="needs transformers: make test-full")
if not torch.cuda.is_available():
    pytest.skip("needs an NVIDIA GPU", allow_module_level=True)

from tests.analyzers import (  # noqa: E402
    qwen_store,
    test_audio_environment_full,
    test_background_segmentation_full,
    test_body_pose_full,
    test_embeddings_full,
    test_object_detection_full,
    test_speech_emotion_full,
)

objects_store = test_object_detection_full.store
spoken = test_speech_emotion_full.spoken


@dataclass
class Case:
    """What to run. store: the folder of models, None where the model is registered by name."""

    analyzer: str
    backend: str
    clip: Path
    store: Path | None = None
    options: dict[str, Any] = field(default_factory=dict)


def analysed(case: Case, device: str) -> Any:
    analysis = {"backends": {case.analyzer: case.backend}, "options": {case.analyzer: case.options}, "fresh": True}
    placement: dict[str, Any] = {"workers": 0} | ({"devices": ["cpu"]} if device == "cpu" else {})
    models = {"dir": str(case.store)} if case.store is not None else {}
    with Session(Settings.model_validate({"analysis": analysis, "placement": placement, "models": models})) as session:
        return session.analyze(case.clip, only=[case.analyzer]).document.analyzers[case.analyzer]


def same_on_both(case: Case) -> tuple[Any, Any]:
    """The entries of the GPU and of the CPU, which are of one shape."""
    torch.cuda.init()  # there are no statistics to read before
    before = torch.cuda.memory_stats(0).get("allocation.all.allocated", 0)
    there = analysed(case, "cuda:0")
    allocations = torch.cuda.memory_stats(0).get("allocation.all.allocated", 0) - before
    here = analysed(case, "cpu")
    assert (there.status, there.backend, there.tier, there.device) == ("ok", case.backend, "full", "cuda:0"), there.reason
    assert allocations > 0  # something was computed there
    assert (here.status, here.device) == ("ok", "cpu"), here.reason
    assert [(s.start_s, s.end_s) for s in there.segments] == [(s.start_s, s.end_s) for s in here.segments]
    return there, here


def clip_of(folder: Path, frames: int = 60, **size: int) -> Path:
    return write_clip(folder / "clip.mp4", moving_frames(frames, **({"width": 160, "height": 96} | size)))


def test_ast(tmp_path: Path) -> None:
    made = test_audio_environment_full
    folder = tmp_path / "ast"
    made.tiny_ast().save_pretrained(folder)
    parts = tuple(Part(f, file_sha256(f), f.stat().st_size) for f in sorted(folder.iterdir()))
    register(ModelSource("ast-audioset", runtime="transformers", path=folder, parts=parts, loads="ASTForAudioClassification"))
    sound = np.tile(made.sound(9.0)[:, None], (1, 2))
    there, here = same_on_both(Case("audio_environment", "ast", write_clip(tmp_path / "clip.mp4", moving_frames(90), sound=sound)))
    a, b = ({t.label: t.score for t in e.summary.top_events} for e in (there, here))
    assert a.keys() == b.keys()
    np.testing.assert_allclose([a[k] for k in sorted(a)], [b[k] for k in sorted(b)], atol=0.02)


@pytest.mark.parametrize("backend", ["mask2former", "segformer"])
def test_background(backend: str, tmp_path: Path) -> None:
    register(test_background_segmentation_full.saved(tmp_path / "model", backend))
    there, here = same_on_both(Case("background_segmentation", backend, clip_of(tmp_path, width=128)))
    for a, b in zip(there.segments, here.segments, strict=True):
        assert abs(a.person_class_share - b.person_class_share) < 0.1


def test_vitpose(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = test_body_pose_full
    register(made.saved(tmp_path / "model"))
    monkeypatch.setattr(made._backends, "yolox", lambda session, rgb, least: [((0.2, 0.1, 0.5, 0.8), 0.9, "person")])
    register(ModelSource("yolox-nano", runtime="torch", loader=lambda request: torch.nn.Linear(1, 1).to(request.device)))
    monkeypatch.setitem(made._backends.LIMITS, "vitpose", -1.0)
    monkeypatch.setitem(made._backends.SURE, "vitpose", -1.0)
    there, here = same_on_both(Case("body_pose", "vitpose", clip_of(tmp_path, 45, width=128)))
    assert [len(t.points) for t in there.tracks] == [len(t.points) for t in here.tracks]


def test_siglip(tmp_path: Path) -> None:
    made = test_embeddings_full
    made.registered("siglip2-base", made.tiny_siglip(), tmp_path / "siglip", "SiglipModel")
    frames = moving_frames(45, width=160, height=96) + moving_frames(45, width=160, height=96, seed=1)
    there, here = same_on_both(Case("scene_segmentation", "siglip", write_clip(tmp_path / "two.mp4", frames)))
    a, b = ((e.segments[0].to_next or e.segments[0].links[0]).embedding_distance for e in (there, here))
    assert abs(a - b) < 0.02


def test_clip(tmp_path: Path) -> None:
    made = test_embeddings_full
    made.registered("clip-vit-b32", made.tiny_clip(), tmp_path / "clip", "CLIPModel")
    there, here = same_on_both(Case("content_quality", "clip_iqa", clip_of(tmp_path)))
    assert abs(there.summary.clip_iqa - here.summary.clip_iqa) < 0.05


def test_dfine(objects_store: Any, tmp_path: Path) -> None:
    there, here = same_on_both(Case("object_detection", "dfine", clip_of(tmp_path, 45, height=120), store=objects_store.root))
    assert {t.label for t in there.tracks} == {t.label for t in here.tracks} == {test_object_detection_full.THING}


@pytest.mark.real
@pytest.mark.parametrize(("backend", "model"), [("wav2vec2", "wav2vec2-emotion"), ("wav2vec2_dimensions", "wav2vec2-emotion-dimensions")])
def test_wav2vec2(backend: str, model: str, spoken: Path, tmp_path: Path) -> None:
    made = test_speech_emotion_full
    labels = made.CLASSES if backend == "wav2vec2" else made.DIMENSIONS
    made.put(tmp_path / "store", model, made.tiny(labels), accepted=backend != "wav2vec2")
    same_on_both(Case("speech_emotion", backend, spoken, store=tmp_path / "store"))


@pytest.mark.parametrize(("kind", "name"), [("qwen2_vl", "qwen2-vl-7b"), ("qwen2_5_vl", "qwen2.5-vl-7b"), ("qwen3_vl", "qwen3-vl-4b")])
def test_qwen(kind: str, name: str, tmp_path: Path) -> None:
    """Random weights never give the asked-for shape: every row is null with a reason, on both."""
    qwen_store.put_model(tmp_path / "store", name, qwen_store.tiny_model(kind))
    case = Case("qwen2_vl_temporal", name, clip_of(tmp_path, 105, height=160), tmp_path / "store", {"max_new_tokens": 32})
    there, here = same_on_both(case)
    assert there.summary.answers == here.summary.answers and there.summary.tokens > 0


def test_memory_beyond_the_budget_is_refused_while_the_card_has_room() -> None:
    """PyTorch's own share of the card, as a worker sets it."""
    from reelscope.engine.limits import torch_limits
    from reelscope.engine.placement import WorkerPlan

    taken = int(torch.cuda.memory_reserved(0) / 2**20)
    plan = WorkerPlan("people", "cuda:0", (), (), gpu_uuid="GPU", numeric_threads=torch.get_num_threads(), gpu_budget_mib=taken + 512)
    total_mib = torch.cuda.get_device_properties(0).total_memory / 2**20
    try:
        assert torch_limits(torch, plan) == pytest.approx((taken + 512) / total_mib)
        held = torch.empty(256 * 2**20, dtype=torch.uint8, device="cuda:0")
        free_mib = torch.cuda.mem_get_info(0)[0] / 2**20
        with pytest.raises(torch.OutOfMemoryError):
            torch.empty(2048 * 2**20, dtype=torch.uint8, device="cuda:0")
        assert free_mib > 4096 and held.numel() == 256 * 2**20
    finally:
        torch.cuda.set_per_process_memory_fraction(1.0, 0)


def test_nvml_tells_the_card_as_torch_sees_it() -> None:
    from reelscope.engine.gpu_list import PyNvml

    boards, why = PyNvml().boards()
    assert why is None and boards
    seen = torch.cuda.get_device_properties(0)
    assert boards[0].name == seen.name
    assert abs(boards[0].memory_mib - seen.total_memory / 2**20) < 0.05 * boards[0].memory_mib
