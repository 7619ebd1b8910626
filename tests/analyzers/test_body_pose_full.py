"""ViTPose with a tiny random checkpoint of the real class, and the whole backend over a clip."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import cv2
import numpy as np
import pytest

from reelscope.analyzers.body_pose import _backends, _topdown
from reelscope.config import Settings
from reelscope.features.base import LoadContext, NoOptions
from reelscope.models import sources
from reelscope.models.batches import Batches
from reelscope.models.sources import ModelSource, Part, register
from reelscope.pipeline import Session
from tests.clips import moving_frames, write_clip

pytestmark = pytest.mark.torch
torch = pytest.importorskip("torch", reason="needs torch: make test-full")
transformers = pytest.importorskip("transformers", reason="needs transformers: make test-full")


def tiny() -> Any:
    torch.manual_seed(0)
    backbone = transformers.VitPoseBackboneConfig(
        image_size=[256, 192], patch_size=[16, 16], hidden_size=16, num_hidden_layers=1, num_attention_heads=2, out_indices=[1]
    )
    labels = {i: str(i) for i in range(17)}
    return transformers.VitPoseForPoseEstimation(transformers.VitPoseConfig(backbone_config=backbone, id2label=labels))


def saved(folder: Path) -> ModelSource:
    """The checkpoint in a folder, as the store would hold it."""
    tiny().save_pretrained(folder)
    parts = tuple(Part(f, sources.file_sha256(f), f.stat().st_size) for f in sorted(folder.iterdir()))
    return ModelSource("vitpose-base", runtime="transformers", path=folder, parts=parts, loads="VitPoseForPoseEstimation")


def model_of(network: Any, batch: int) -> _topdown.VitPose:
    ctx = LoadContext("cpu", NoOptions(), (), batches=Batches(batch))
    return _topdown.VitPose(cv2, torch, ctx, SimpleNamespace(session=SimpleNamespace(model=network.eval(), device="cpu")))


def test_the_input_is_what_the_library_makes_of_it() -> None:
    """Against the library's own processor where it can be imported."""
    try:
        from transformers.models.vitpose.image_processing_pil_vitpose import VitPoseImageProcessorPil as Processor
    except ImportError:
        pytest.skip("this transformers has no processor that runs without torchvision")
    rgb = np.random.default_rng(0).integers(0, 256, (200, 300, 3), np.uint8)
    rgb = cv2.GaussianBlur(rgb, (9, 9), 0)
    box = (60.0, 20.0, 80.0, 150.0)
    theirs = Processor()(rgb, boxes=[[list(box)]], return_tensors="np")["pixel_values"][0]
    mine = _topdown.vitpose_input(cv2, rgb, box)
    inner = np.abs(np.asarray(theirs) - mine)[:, 8:-8, 8:-8]
    assert inner.mean() < 0.02 and np.percentile(inner, 99) < 0.1


def test_a_batch_gives_what_its_people_give_alone() -> None:
    network = tiny()
    rgb = np.random.default_rng(1).integers(0, 256, (200, 300, 3), np.uint8)
    boxes = [(10.0, 10.0, 60.0, 150.0), (100.0, 20.0, 90.0, 90.0), (200.0, 50.0, 80.0, 140.0)]
    together = model_of(network, 16)([rgb] * 3, boxes, [])
    for box, points in zip(boxes, together, strict=True):
        (alone,) = model_of(network, 1)([rgb], [box], [])
        assert points.shape == (17, 3) and np.allclose(points, alone, atol=1e-3)
        cx, cy, width, height = _topdown.vitpose_box(box)
        assert (np.abs(points[:, 0] - cx) <= width / 2 + 2).all() and (np.abs(points[:, 1] - cy) <= height / 2 + 2).all()


def test_a_peak_in_the_heat_map_is_placed_in_the_picture() -> None:
    y, x = np.mgrid[:64, :48]
    heat = np.exp(-((x - 23.5) ** 2 + (y - 31.5) ** 2) / 8).astype(np.float32)  # the middle
    network = SimpleNamespace(dtype=torch.float32)

    class Network:
        dtype = torch.float32

        def __call__(self, pixel_values: Any) -> Any:
            return SimpleNamespace(heatmaps=torch.from_numpy(np.tile(heat, (len(pixel_values), 17, 1, 1))))

    model = _topdown.VitPose(
        cv2, torch, LoadContext("cpu", NoOptions(), ()), SimpleNamespace(session=SimpleNamespace(model=Network(), device="cpu"))
    )
    (points,) = model([np.zeros((200, 300, 3), np.uint8)], [(100.0, 20.0, 90.0, 90.0)], [])
    assert network.dtype is torch.float32 and points[0].tolist() == pytest.approx([145, 65, 0.97], abs=0.1)


def test_named_on_a_cpu_it_runs_over_a_clip(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sources, "_registered", {})
    register(saved(tmp_path / "model"))
    # YOLOX's place: one person in every frame, so that ViTPose is asked
    monkeypatch.setattr(_backends, "yolox", lambda session, rgb, least: [((0.2, 0.1, 0.5, 0.8), 0.9, "person")])
    register(ModelSource("yolox-nano", runtime="torch", loader=lambda request: torch.nn.Linear(1, 1)))
    monkeypatch.setitem(_backends.LIMITS, "vitpose", -1.0)  # a random network is sure of nothing
    monkeypatch.setitem(_backends.SURE, "vitpose", -1.0)
    clip = write_clip(tmp_path / "clip.mp4", moving_frames(45, width=128, height=96))
    settings = Settings.model_validate({"analysis": {"backends": {"body_pose": "vitpose"}}, "placement": {"workers": 0}})
    with Session(settings) as session:
        entry = session.analyze(clip, only=["body_pose"]).document.analyzers["body_pose"]
    assert (entry.status, entry.backend, entry.tier, entry.device) == ("ok", "vitpose", "full", "cpu"), entry.reason
    (track,) = entry.tracks
    assert len(track.points) >= 5 and len(track.points[0].keypoints) == 17  # type: ignore[attr-defined]
    assert {m.id for m in entry.models} == {"vitpose-base", "yolox-nano"}
