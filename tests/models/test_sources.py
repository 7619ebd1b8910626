"""Files of models: pins, damage, and packages of versions that nothing was pinned for."""

from __future__ import annotations

import base64
import hashlib
import importlib.metadata
import importlib.util
import os
import shutil
from pathlib import Path
from types import SimpleNamespace

import pytest

from reelscope.errors import ModelError
from reelscope.models import embedded, sources
from reelscope.models.catalog import Catalog
from reelscope.models.manager import ModelManager
from reelscope.models.manifest import manifest
from reelscope.models.sources import ModelSource, file_sha256, register, verify

models = Catalog()
describe, find, missing, source_of = models.describe, models.find, models.missing, models.source_of


@pytest.fixture
def model_file(tmp_path: Path) -> Path:
    """A copy of the smallest model."""
    found = find("swift-f0")
    assert found is not None
    return shutil.copy(found, tmp_path / "model.onnx")


def flip(path: Path) -> None:
    """Turn one bit in the middle, a second after the last change: file systems tell times of change only to some milliseconds."""
    status = path.stat()
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns + 10**9))


@pytest.fixture
def clean(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a test registers is forgotten after it."""
    monkeypatch.setattr(sources, "_registered", {})


# --- damage


def test_a_flipped_bit_is_refused_by_name(model_file: Path) -> None:
    source = ModelSource.of_file("pitchy", model_file, hint="fetch it again")
    verify(source)
    flip(model_file)
    with pytest.raises(ModelError, match=r"model pitchy: the file model\.onnx is damaged or another one") as caught:
        verify(source)
    assert (caught.value.code, caught.value.hint) == ("model_corrupt", "fetch it again")


def test_a_file_damaged_between_clips_is_refused_at_the_next_load(model_file: Path) -> None:
    source = ModelSource.of_file("pitchy", model_file)
    with ModelManager(sources=lambda name: source) as manager:
        handle = manager.handle("pitchy")
        handle.pin()
        handle.unpin()
        flip(model_file)
        assert handle.pin().hits == 1  # in memory it is whole
        handle.unpin()
        manager.evict_unused("cpu")
        with pytest.raises(ModelError, match="pitchy") as caught:
            handle.pin()
        assert caught.value.code == "model_corrupt" and manager.loaded() == ()


def test_damage_that_leaves_no_trace_is_found_where_loading_fails(model_file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A failing disk changes no time of change: the file is read again before the second try."""
    source = ModelSource.of_file("pitchy", model_file)
    flip(model_file)
    status = model_file.stat()
    key = (model_file, status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino)
    monkeypatch.setitem(sources._hashes, key, str(source.sha256))

    def fails(request: object) -> None:
        raise RuntimeError("no protobuf")

    with ModelManager(sources=lambda name: source, open_session=fails) as manager, pytest.raises(ModelError) as caught:  # type: ignore[arg-type]
        manager.handle("pitchy").pin()
    assert caught.value.code == "model_corrupt"


def test_a_file_of_the_pinned_sha256_that_is_no_model_names_the_model(tmp_path: Path) -> None:
    (tmp_path / "bad.onnx").write_bytes(b"no model")
    source = ModelSource.of_file("bad", tmp_path / "bad.onnx")
    with ModelManager(sources=lambda name: source) as manager, pytest.raises(ModelError, match="model bad does not load on cpu") as caught:
        manager.handle("bad").pin()
    assert caught.value.code == "model_failed" and manager.stats().reloads == 1


def test_a_missing_and_an_unreadable_file_are_told(tmp_path: Path) -> None:
    gone = ModelSource("gone", path=tmp_path / "gone.onnx", sha256="0" * 64)
    with pytest.raises(ModelError, match=r"gone\.onnx is missing") as caught:
        verify(gone)
    assert caught.value.code == "model_missing"
    with pytest.raises(ModelError, match="cannot be read") as caught:
        verify(ModelSource("folder", path=tmp_path, sha256="0" * 64))
    assert caught.value.code == "model_failed"


def test_a_source_is_a_file_with_its_sha256_or_a_loader(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="neither a file nor a loader"):
        ModelSource("x")
    with pytest.raises(ValueError, match="without its sha256"):
        ModelSource("x", path=tmp_path)
    verify(ModelSource("x", loader=lambda request: None))


def test_a_file_is_read_again_only_when_it_has_changed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "m"
    path.write_bytes(b"one")
    first = file_sha256(path)
    assert first == hashlib.sha256(b"one").hexdigest()
    with monkeypatch.context() as patch:
        patch.setattr(hashlib, "file_digest", lambda file, kind: pytest.fail("read again"))
        assert file_sha256(path) == first
    assert file_sha256(path, again=True) == first
    path.write_bytes(b"another")
    assert file_sha256(path) == hashlib.sha256(b"another").hexdigest()


# --- models inside packages


EMBEDDED = [name for name, entry in manifest().items() if entry.tier == "embedded"]


@pytest.mark.parametrize("name", EMBEDDED)
def test_the_installed_files_are_the_pinned_ones(name: str) -> None:
    model, path = manifest()[name], find(name)
    assert path is not None
    assert importlib.metadata.version(str(model.distribution)) in (model.pins or {}), "the locks name a version that is not pinned"
    source = source_of(name)
    verify(source)
    assert source.bytes == path.stat().st_size
    assert source.memory("cpu") >= source.bytes
    assert describe(name).sha256 == source.sha256


def test_an_unpinned_version_is_verified_by_its_own_record(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    pinned = source_of("swift-f0").sha256
    monkeypatch.setattr(importlib.metadata, "version", lambda name: "9.9")
    monkeypatch.setattr(embedded, "_told", set())
    assert source_of("swift-f0").sha256 == pinned
    source_of("swift-f0")
    assert caplog.text.count("swift-f0 9.9, with which nothing was measured") == 1


def test_a_record_that_says_something_else_wins_over_the_file(monkeypatch: pytest.MonkeyPatch) -> None:
    path = find("swift-f0")
    digest = base64.urlsafe_b64encode(bytes(32)).decode().rstrip("=")
    entry = SimpleNamespace(name="model.onnx", hash=SimpleNamespace(mode="sha256", value=digest), size=7, locate=lambda: path)
    monkeypatch.setattr(importlib.metadata, "version", lambda name: "9.9")
    monkeypatch.setattr(importlib.metadata, "files", lambda name: [entry])
    source = source_of("swift-f0")
    assert (source.sha256, source.bytes) == ("00" * 32, 7)
    with pytest.raises(ModelError, match="swift-f0"):
        verify(source)


@pytest.mark.parametrize("files", [None, []], ids=["no record", "not in the record"])
def test_a_file_that_nothing_vouches_for_is_refused(monkeypatch: pytest.MonkeyPatch, files: list[object] | None) -> None:
    monkeypatch.setattr(importlib.metadata, "version", lambda name: "9.9")
    monkeypatch.setattr(importlib.metadata, "files", lambda name: files)
    with pytest.raises(ModelError, match=r"swift-f0: nothing says what its file must be: swift-f0 9\.9") as caught:
        source_of("swift-f0")
    assert caught.value.code == "model_unverified" and "swift-f0==0.3.0" in str(caught.value.hint)


def test_unknown_and_uninstalled_models_are_told_when_a_member_asks_for_a_handle(monkeypatch: pytest.MonkeyPatch) -> None:
    manager = ModelManager()
    with pytest.raises(ModelError, match="there is no model 'yolo'"):
        manager.handle("yolo")
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(ModelError, match="faster-whisper") as caught:
        manager.handle("silero-vad")
    assert caught.value.code == "model_missing" and "pip install" in str(caught.value.hint)
    assert missing("silero-vad")


# --- models of one's own


@pytest.mark.usefixtures("clean")
def test_registered_models_are_found_and_described(model_file: Path) -> None:
    register(ModelSource.of_file("mine", model_file, revision="made here", licence="CC0-1.0"))
    register(ModelSource("random", runtime="torch", loader=lambda request: None))
    assert find("mine") == model_file and not missing("mine")
    assert (describe("mine").revision, describe("mine").licence) == ("made here", "CC0-1.0")
    assert find("random") is None and not missing("random") and describe("random").sha256 is None
    with ModelManager() as manager:
        assert manager.handle("mine").session.bytes == model_file.stat().st_size
