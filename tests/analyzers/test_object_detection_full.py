"""The backend dfine with the real classes on a tiny random checkpoint: pictures and answers as the library's own, a clip end to end."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from reelscope.analyzers.object_detection import _dfine
from reelscope.config import Settings
from reelscope.models.manifest import FilePin, Pin, manifest
from reelscope.models.sessions import SessionRequest, open_session
from reelscope.models.sources import file_sha256
from reelscope.models.store import ModelStore, Record
from reelscope.pipeline import Session
from tests.clips import moving_frames, write_clip

pytestmark = pytest.mark.torch
torch = pytest.importorskip("torch", reason="needs torch: make test-full")
transformers = pytest.importorskip("transformers", reason="needs transformers: make test-full")

THING = "thing 3"


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> ModelStore:
    """A store with a tiny dfine-large, made to see one thing in the middle of every picture."""
    place = ModelStore(tmp_path_factory.mktemp("store"))
    entry = manifest()["dfine-large"]
    folder = place.folder(entry)
    stages = {"stage_in_channels": [8, 16, 24, 32], "stage_mid_channels": [8, 8, 16, 16], "stage_out_channels": [16, 24, 32, 48]}
    ones = dict.fromkeys(("stage_num_blocks", "stage_numb_of_layers", "depths"), [1] * 4)
    backbone = transformers.HGNetV2Config(
        stem_channels=[3, 8, 8],
        embedding_size=8,
        hidden_sizes=[16, 24, 32, 48],
        out_features=["stage2", "stage3", "stage4"],
        **stages,
        **ones,
    )
    small = dict.fromkeys(("encoder_hidden_dim", "encoder_ffn_dim", "d_model", "decoder_ffn_dim"), 32)
    config = transformers.DFineConfig(
        backbone_config=backbone,
        encoder_in_channels=[24, 32, 48],
        decoder_in_channels=[32, 32, 32],
        encoder_attention_heads=2,
        decoder_attention_heads=2,
        decoder_layers=2,
        num_queries=30,
        lqe_hidden_dim=8,
        num_denoising=0,
        id2label={k: f"thing {k}" for k in range(5)},
        **small,
    )
    torch.manual_seed(0)
    model = transformers.DFineForObjectDetection(config)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if "bbox_embed" in name:
                parameter.mul_(0.05)  # boxes stay near their anchors
            if "class_embed" in name and name.endswith("bias"):
                parameter[3] += 4.0
    model.save_pretrained(folder)
    files = tuple(FilePin(p.name, Pin(file_sha256(p), p.stat().st_size)) for p in sorted(folder.iterdir()))
    place.note(entry, Record("test", True, files, "made by a test"))
    return place


@pytest.fixture(scope="module")
def model(store: ModelStore) -> object:
    entry = manifest()["dfine-large"]
    return open_session(SessionRequest(store.source(entry, entry))).model


def _pictures(n: int) -> np.ndarray:
    rng = np.random.default_rng(3)
    coarse = rng.integers(0, 256, (n, 9, 16, 3), np.uint8)
    return coarse.repeat(20, 1).repeat(20, 2)


def test_pictures_are_prepared_as_the_library_does() -> None:
    given = _pictures(2)
    ours = _dfine.prepare(torch.from_numpy(given), torch.float32)
    theirs = transformers.RTDetrImageProcessorPil()(list(given), return_tensors="pt")["pixel_values"]
    assert ours.shape == theirs.shape == (2, 3, 640, 640)
    assert (ours - theirs).abs().max() <= 1.01 / 255  # PIL sums in whole numbers


def test_objects_are_those_of_the_library(model: object) -> None:
    given = torch.from_numpy(_pictures(2))
    found = _dfine.detect(model, given, 0.3)
    with torch.inference_mode():
        out = model(pixel_values=_dfine.prepare(given, torch.float32))  # type: ignore[operator]
    theirs = transformers.RTDetrImageProcessorPil().post_process_object_detection(out, threshold=0.3, target_sizes=[(1, 1)] * 2)
    assert found[0] and found[1]
    for ours, reference in zip(found, theirs, strict=True):
        corners = reference["boxes"].clamp(0, 1).numpy()
        expected = {
            (round(float(s), 4), f"thing {int(k)}", *np.round([x0, y0, x1 - x0, y1 - y0], 3).tolist())
            for s, k, (x0, y0, x1, y1) in zip(reference["scores"], reference["labels"], corners, strict=True)
            if x1 > x0 and y1 > y0
        }
        assert {(round(s, 4), label, *np.round(box, 3).tolist()) for box, s, label in ours} == expected
        assert [s for _, s, _ in ours] == sorted((s for _, s, _ in ours), reverse=True)


def test_batches_give_what_single_pictures_give(model: object) -> None:
    given = torch.from_numpy(_pictures(3))
    together = _dfine.detect(model, given, 0.3)
    alone = [_dfine.detect(model, given[k : k + 1], 0.3)[0] for k in range(3)]
    for a, b in zip(together, alone, strict=True):
        assert [x[2] for x in a] == [x[2] for x in b]
        np.testing.assert_allclose([x[1] for x in a], [x[1] for x in b], atol=1e-4)


def test_a_clip_through_dfine(store: ModelStore, tmp_path: Path) -> None:
    clip = write_clip(tmp_path / "clip.mp4", moving_frames(45, width=160, height=120))
    settings = {"analysis": {"backends": {"object_detection": "dfine"}}, "models": {"dir": str(store.root)}}
    with Session(Settings.model_validate(settings)) as session:
        entry = session.analyze(clip, only=["object_detection"]).document.analyzers["object_detection"]
    assert entry.status == "ok", entry.reason
    assert (entry.backend, entry.tier, entry.device) == ("dfine", "full", "cpu")
    assert entry.tracks and {t.label for t in entry.tracks} == {THING}
    assert entry.summary.vocabulary == [*(f"thing {k}" for k in range(5)), "face"]
    assert next(m for m in entry.models if m.id == "dfine-large").revision == "test"
    json.loads(entry.model_dump_json())
