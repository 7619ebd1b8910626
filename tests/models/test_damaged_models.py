"""One byte flipped in a model of each tier: it is refused by its name, and the other analyzers of the clip run."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest

from reelscope.analyzers.base import Analyzer
from reelscope.config import Settings
from reelscope.document.schema import Document
from reelscope.errors import ModelError
from reelscope.media.frames import FrameNeed
from reelscope.models import embedded
from reelscope.models.catalog import Catalog
from reelscope.models.importing import import_as, import_folder
from reelscope.models.manager import ModelManager
from reelscope.models.manifest import Entry, manifest, parse
from reelscope.models.sources import ModelSource
from reelscope.models.store import ModelStore
from reelscope.pipeline import Session
from tests.clips import moving_frames, tone, write_clip
from tests.conftest import SHARED
from tests.engine.stubs import FakeRegistry, stub_analyzer
from tests.models.loopback import sha256
from tests.models.test_sources import flip

SMALL = FrameNeed(4, 32)


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_clip(tmp_path_factory.mktemp("clip") / "clip.mp4", moving_frames(45, width=96, height=64), sound=tone(1.5))


def here(store: Path | None = None) -> Settings:
    """Everything in this process, nothing kept."""
    models = {} if store is None else {"dir": str(store)}
    return Settings.model_validate({"placement": {"workers": 0}, "system": {"keep_results": False}, "models": models})


def user(name: str, model: str, *, tier: str = "embedded") -> type[Analyzer]:
    """An analyzer that opens a model and tells that it did."""

    def load(self: Any, ctx: Any) -> None:
        self.handle = ctx.model(model)

    kind = stub_analyzer(name, frames=(SMALL,), models=(model,))

    class User(kind):  # type: ignore[misc, valid-type]
        def load(self, ctx: Any) -> None:
            super().load(ctx)
            load(self, ctx)

        def finish(self, inputs: Any) -> Any:
            assert self.handle.session.bytes > 0
            return super().finish(inputs)

    return User


def beside() -> type[Analyzer]:
    return stub_analyzer("color_analysis", frames=(SMALL,))


def assert_refused(document: Document, name: str, model: str, *, others: tuple[str, ...]) -> None:
    entry = document.analyzers[name]
    assert (entry.status, entry.code) == ("failed", "model_corrupt"), entry.reason
    assert f"model {model}:" in str(entry.reason) and "damaged or another one" in str(entry.reason) and entry.hint
    for other in others:
        assert document.analyzers[other].status == "ok", document.analyzers[other].reason


def test_embedded(clip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The file as it lies in its package, copied aside: the package stays whole."""
    found = embedded.find(manifest()["swift-f0"])
    assert found is not None
    copy = Path(shutil.copy(found, tmp_path / "model.onnx"))
    flip(copy)
    real = embedded.find
    monkeypatch.setattr(embedded, "find", lambda entry: copy if entry.name == "swift-f0" else real(entry))
    with Session(here()) as session:
        document = session.analyze(clip, only=["speech_flow", "color_analysis", "cut_analysis"]).document
    assert_refused(document, "speech_flow", "swift-f0", others=("color_analysis", "cut_analysis"))


def tiny(tmp_path: Path) -> tuple[dict[str, Entry], Path]:
    """A compact model that is really opened, and the folder that has its file."""
    found = embedded.find(manifest()["swift-f0"])
    assert found is not None
    (tmp_path / "given").mkdir()
    content = found.read_bytes()
    (tmp_path / "given/tiny.onnx").write_bytes(content)
    text = f"""
    [tiny]
    tier = "compact"
    purpose = "tests"
    runtime = "onnx"
    licence = "MIT"
    files = [ {{ name = "tiny.onnx", sha256 = "{sha256(content)}", bytes = {len(content)} }} ]
    """
    return dict(manifest()) | parse(text), tmp_path / "given"


def test_compact(clip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    entries, given = tiny(tmp_path)
    monkeypatch.setattr("reelscope.models.catalog.manifest", lambda: entries)
    store = ModelStore(tmp_path / "store")
    import_folder(store, entries, given)
    registry = FakeRegistry(user("object_detection", "tiny"), beside())
    with Session(here(store.root), registry=registry) as session:
        whole = session.analyze(clip).document
        assert whole.analyzers["object_detection"].status == "ok", whole.analyzers["object_detection"].reason
        assert [m.sha256 for m in whole.analyzers["object_detection"].models] == [entries["tiny"].files[0].pin.sha256]
    flip(store.folder(entries["tiny"]) / "tiny.onnx")
    with Session(here(store.root), registry=registry) as session:
        assert_refused(session.analyze(clip).document, "object_detection", "tiny", others=("color_analysis",))


@pytest.mark.parametrize("model", ["yolox-nano", "face-landmarker", "yamnet"])
def test_compact_as_shared(clip: Path, tmp_path: Path, model: str) -> None:
    if not (SHARED / "models/MANIFEST.json").is_file():
        pytest.skip("needs ../shared/models, which is not here")
    store = ModelStore(tmp_path / "store")
    import_folder(store, manifest(), SHARED / "models")
    flip(store.folder(manifest()[model]) / manifest()[model].files[0].name)
    registry = FakeRegistry(user("object_detection", model), user("body_pose", "movenet-lightning"), beside())
    with Session(here(store.root), registry=registry) as session:
        assert_refused(session.analyze(clip).document, "object_detection", model, others=("color_analysis", "body_pose"))


@pytest.mark.torch
def test_full(clip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A tiny random checkpoint of a real class, imported as a model of a hub."""
    torch = pytest.importorskip("torch", reason="needs torch: make test-full")
    transformers = pytest.importorskip("transformers", reason="needs transformers: make test-full")
    torch.manual_seed(0)
    config = transformers.ViTConfig(
        hidden_size=16, num_hidden_layers=1, num_attention_heads=2, intermediate_size=16, image_size=32, patch_size=16
    )
    transformers.ViTModel(config).save_pretrained(tmp_path / "given")
    text = """
    [seer]
    tier = "full"
    purpose = "tests"
    runtime = "transformers"
    licence = "Apache-2.0"
    source = { kind = "hub", repo = "some/model" }
    loads = "ViTModel"
    """
    entries = dict(manifest()) | parse(text)
    monkeypatch.setattr("reelscope.models.catalog.manifest", lambda: entries)
    store = ModelStore(tmp_path / "store")
    assert import_as(store, entries["seer"], tmp_path / "given").taken == ["seer"]
    registry = FakeRegistry(user("object_detection", "seer"), beside())
    with Session(here(store.root), registry=registry) as session:
        whole = session.analyze(clip).document
        assert whole.analyzers["object_detection"].status == "ok", whole.analyzers["object_detection"].reason
    flip(store.folder(entries["seer"]) / "model.safetensors")
    with Session(here(store.root), registry=registry) as session:
        assert_refused(session.analyze(clip).document, "object_detection", "seer", others=("color_analysis",))


def test_an_archive_without_the_part_names_the_model(tmp_path: Path) -> None:
    import zipfile

    path = tmp_path / "bundle.task"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("other.tflite", b"x")
    source = ModelSource.of_file("bundle", path, runtime="litert", member="wanted.tflite")
    with ModelManager(sources=lambda name: source) as manager, pytest.raises(ModelError, match="model bundle does not load") as caught:
        manager.handle("bundle").pin()
    assert caught.value.code == "model_failed" and "wanted.tflite" in caught.value.message


def test_a_model_of_the_store_is_found_by_every_reader(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    entries, given = tiny(tmp_path)
    monkeypatch.setattr("reelscope.models.catalog.manifest", lambda: entries)
    import_folder(ModelStore(tmp_path / "store"), entries, given)
    catalog = Catalog(tmp_path / "store")
    assert catalog.lack("tiny") is None and catalog.find("tiny") == tmp_path / "store/tiny/tiny.onnx"
    assert catalog.describe("tiny").sha256 == entries["tiny"].files[0].pin.sha256
