"""The backend fairface with the real class on a tiny random checkpoint: pictures as the library prepares them, a clip end to end."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from reelscope.analyzers.age_estimation._readers import FairFace
from reelscope.config import Settings
from reelscope.media.encode import ClipWriter
from reelscope.models.manifest import FilePin, Pin, manifest
from reelscope.models.sessions import SessionRequest, open_session
from reelscope.models.sources import file_sha256
from reelscope.models.store import ModelStore, Record
from reelscope.pipeline import Session

pytestmark = pytest.mark.torch
torch = pytest.importorskip("torch", reason="needs torch: make test-full")
transformers = pytest.importorskip("transformers", reason="needs transformers: make test-full")

LABELS = {0: "20-29", 1: "0-2", 2: "3-9", 3: "10-19", 4: "30-39", 5: "40-49", 6: "50-59", 7: "60-69", 8: "more than 70"}


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> ModelStore:
    """A store with a tiny age-fairface that takes everybody for 30 to 39."""
    place = ModelStore(tmp_path_factory.mktemp("store"))
    entry = manifest()["age-fairface"]
    sizes = {"hidden_size": 16, "intermediate_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2}
    config = transformers.ViTConfig(image_size=224, patch_size=32, id2label=LABELS, label2id={v: k for k, v in LABELS.items()}, **sizes)
    torch.manual_seed(0)
    model = transformers.ViTForImageClassification(config)
    with torch.no_grad():
        model.classifier.bias[4] += 6.0
    folder = place.folder(entry)
    model.save_pretrained(folder)
    files = tuple(FilePin(p.name, Pin(file_sha256(p), p.stat().st_size)) for p in sorted(folder.iterdir()))
    place.note(entry, Record("test", True, files, "made by a test"))
    return place


def test_answers_are_those_of_the_library_in_the_order_of_age(store: ModelStore) -> None:
    entry = manifest()["age-fairface"]
    session = open_session(SessionRequest(store.source(entry, entry)))
    cuts = list(np.random.default_rng(0).integers(0, 255, (2, 224, 224, 3), np.uint8))
    reader = FairFace(lambda: session)
    chances = reader.ask(cuts)
    pixels = torch.from_numpy(np.stack(cuts)).permute(0, 3, 1, 2).float()
    with torch.inference_mode():
        plain = session.model((pixels / 255 - 0.5) / 0.5).logits.softmax(dim=1).mean(dim=0).numpy()
    np.testing.assert_allclose(chances, plain[[1, 2, 3, 0, 4, 5, 6, 7, 8]], atol=1e-5)
    found = reader.sum_up([chances] * 3)
    assert 28 < found.low < found.age < found.high < 42 and found.spread == 0


def test_a_clip_through_fairface(store: ModelStore, media: Path, tmp_path: Path) -> None:
    import cv2

    rgb = cv2.cvtColor(cv2.resize(cv2.imread(str(media / "face-obama-portrait.jpg")), (360, 450)), cv2.COLOR_BGR2RGB)
    clip = tmp_path / "portrait.mp4"
    with ClipWriter(clip, 360, 450, fps=10) as writer:
        for _ in range(12):
            writer.frame(rgb)
    settings = {"analysis": {"backends": {"age_estimation": "fairface"}}, "models": {"dir": str(store.root)}}
    with Session(Settings.model_validate(settings)) as session:
        entry = session.analyze(clip, only=["age_estimation"]).document.analyzers["age_estimation"]
    assert entry.status == "ok", entry.reason
    assert (entry.backend, entry.tier) == ("fairface", "full")
    (face,) = entry.segments
    assert 25 < face.age_low < face.age < face.age_high < 45 and face.views >= 3
