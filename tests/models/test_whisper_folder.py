"""CTranslate2 folders: what an import takes, and what a session refuses. A tiny checkpoint of the real architecture."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from reelscope.errors import InputError, ModelError
from reelscope.models.importing import import_as
from reelscope.models.manager import ModelManager
from reelscope.models.manifest import manifest
from reelscope.models.sessions import SessionRequest, open_session
from reelscope.models.sources import ModelSource, Part, file_sha256
from reelscope.models.store import ModelStore
from tests.whisper_store import MELS, TEXT, put, write_whisper

BASE = manifest()["whisper-base"]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_whisper(tmp_path_factory.mktemp("made"))


@pytest.fixture
def folder(made: Path, tmp_path: Path) -> Path:
    return shutil.copytree(made, tmp_path / "given")


def source(folder: Path) -> ModelSource:
    parts = tuple(Part(p, file_sha256(p), p.stat().st_size) for p in sorted(folder.iterdir()))
    return ModelSource("tiny", runtime="ctranslate2", path=folder, parts=parts, hint="pull it again")


def test_a_session_hears_and_tells_where_it_runs(folder: Path) -> None:
    session = open_session(SessionRequest(source(folder), precision="int8", threads=2))
    assert session.device == "cpu" and session.bytes == sum(p.stat().st_size for p in folder.iterdir())
    assert session.model.model.compute_type == "int8_float32" and session.model.model.n_mels == MELS
    encoded = session.model.encode(np.zeros((1, MELS, 3000), np.float32))
    assert session.model.model.detect_language(encoded)[0][0][0] == "<|en|>"
    session.close()
    session.close()
    with pytest.raises(ModelError, match="was unloaded"):
        _ = session.model


@pytest.mark.parametrize("gone", ["model.bin", "config.json", "tokenizer.json", "vocabulary.json"])
def test_a_folder_that_lacks_a_file_says_which(folder: Path, gone: str, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / gone).unlink()
    monkeypatch.setattr("socket.socket.connect", lambda *a: pytest.fail("a connection was opened"))
    with pytest.raises(ModelError, match=f"its folder has no {gone}") as caught:
        open_session(SessionRequest(source(folder)))
    assert caught.value.code == "model_corrupt" and caught.value.hint == "pull it again"


def test_a_file_instead_of_a_folder_is_refused(folder: Path) -> None:
    alone = ModelSource.of_file("tiny", folder / "model.bin", runtime="ctranslate2")
    with pytest.raises(ModelError, match="needs a folder"):
        open_session(SessionRequest(alone))


def test_parts_of_different_models_are_told(folder: Path) -> None:
    (folder / "preprocessor_config.json").write_text(json.dumps({"feature_size": 128}))
    with pytest.raises(ModelError, match=f"spectra of {MELS} bands, its preprocessor_config.json makes 128"):
        open_session(SessionRequest(source(folder)))


@pytest.mark.parametrize(
    ("request_", "words"),
    [({"device": "tpu:0"}, "knows no device"), ({"precision": "int3"}, "knows no precision"), ({"device": "cuda:7"}, "CUDA devices")],
)
def test_what_the_runtime_cannot_do_is_said(folder: Path, request_: dict[str, str], words: str) -> None:
    with pytest.raises(ModelError, match=words):
        open_session(SessionRequest(source(folder), **request_))  # type: ignore[arg-type]


def test_the_cpu_takes_over_only_where_that_is_allowed(folder: Path) -> None:
    session = open_session(SessionRequest(source(folder), device="cuda:7", precision="fp16", allow_cpu=True))
    assert session.device == "cpu" and session.model.model.compute_type == "int8_float32"


def test_weights_that_are_damaged_do_not_load(folder: Path) -> None:
    damaged = folder / "model.bin"
    damaged.write_bytes(damaged.read_bytes()[:1000])
    with ModelManager(sources=lambda name: source(folder)) as manager, pytest.raises(ModelError, match="does not load on cpu"):
        manager.handle("tiny", precision="int8").pin()


def test_a_changed_file_is_found_before_it_is_opened(tmp_path: Path) -> None:
    store = put(tmp_path)
    words = store.folder(BASE) / "vocabulary.json"
    words.write_text(words.read_text().replace('"and"', '"und"') + " ")
    with (
        ModelManager(sources=lambda name: store.source(BASE, BASE)) as manager,
        pytest.raises(ModelError, match=r"vocabulary\.json"),
    ):
        manager.handle("whisper-base").pin()


# --- import


def test_a_folder_is_imported_under_its_name(folder: Path, tmp_path: Path) -> None:
    (folder / "README.md").write_text("words")
    (folder / "pytorch_model.bin").write_bytes(b"pickle")
    store = ModelStore(tmp_path / "store")
    done = import_as(store, BASE, folder, revision="a" * 40)
    assert done.taken == ["whisper-base"] and sorted(p.name for p in done.unknown) == ["README.md", "pytorch_model.bin"]
    found = store.source(BASE, BASE)
    assert found.path == store.folder(BASE) and len(found.files) == 5
    session = open_session(SessionRequest(found, precision="int8"))
    assert session.model.hf_tokenizer.decode(session.model.hf_tokenizer.encode(TEXT).ids).strip() == TEXT


@pytest.mark.parametrize("gone", ["model.bin", "tokenizer.json", "config.json"])
def test_half_a_folder_is_not_imported(folder: Path, tmp_path: Path, gone: str) -> None:
    (folder / gone).unlink()
    with pytest.raises(InputError, match=f"there is no {gone}") as caught:
        import_as(ModelStore(tmp_path / "store"), BASE, folder)
    assert caught.value.hint == "what is taken: *.json, *.txt, model.bin"


def test_the_model_of_voices_is_one_file(tmp_path: Path) -> None:
    entry = manifest()["wespeaker-resnet34"]
    (tmp_path / "given").mkdir()
    (tmp_path / "given/voxceleb_resnet34_LM.onnx").write_bytes(b"graph")
    (tmp_path / "given/config.yaml").write_text("")
    store = ModelStore(tmp_path / "store")
    done = import_as(store, entry, tmp_path / "given", ["wespeaker-resnet34"])
    assert done.taken == ["wespeaker-resnet34"] and done.not_accepted == []
    assert store.source(entry, entry).path == store.folder(entry) / "voxceleb_resnet34_LM.onnx"
