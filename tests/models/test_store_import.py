"""`models import`: files told by their sums, whatever else lies in the folder."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from reelscope.document.schema import ModelInfo
from reelscope.errors import InputError, ModelError, OutputError
from reelscope.models import importing
from reelscope.models import manifest as known
from reelscope.models.catalog import Catalog
from reelscope.models.download import Client, Places
from reelscope.models.fetch import Puller
from reelscope.models.importing import import_as, import_folder, is_wanted
from reelscope.models.manifest import Entry, Pin, Refused, parse
from reelscope.models.states import check, state
from reelscope.models.store import RECORD, ModelStore
from tests.conftest import SHARED
from tests.models.loopback import sha256

ONE, TWO, EARS = b"one" * 1000, b"two" * 1000, b"ears" * 500
MANIFEST = parse(
    f"""
    [eyes]
    tier = "compact"
    purpose = "tests"
    runtime = "onnx"
    licence = "MIT"
    files = [
      {{ name = "one.onnx", sha256 = "{sha256(ONE)}", bytes = {len(ONE)} }},
      {{ name = "two.csv", sha256 = "{sha256(TWO)}", bytes = {len(TWO)} }},
    ]
    [ears]
    tier = "compact"
    purpose = "tests"
    runtime = "onnx"
    licence = "MIT"
    opt_in = "trained on what is not for trade"
    source = {{ kind = "github", repo = "a/b", revision = "{"e" * 40}" }}
    files = [ {{ name = "ears.onnx", path = "ears.onnx", sha256 = "{sha256(EARS)}", bytes = {len(EARS)} }} ]
    [left-ear]
    tier = "compact"
    purpose = "tests"
    runtime = "onnx"
    licence = "MIT"
    files_of = "ears"
    member = "left"
    [talker]
    tier = "full"
    purpose = "tests"
    runtime = "transformers"
    licence = "Apache-2.0"
    source = {{ kind = "hub", repo = "some/model" }}
    loads = "TinyModel"
    [exported]
    tier = "full"
    purpose = "tests"
    runtime = "onnx"
    licence = "AGPL-3.0"
    opt_in = "also over a network"
    brings = "exported.onnx"
    """
)
EYES, TALKER, EXPORTED = MANIFEST["eyes"], MANIFEST["talker"], MANIFEST["exported"]


@pytest.fixture
def store(tmp_path: Path) -> ModelStore:
    return ModelStore(tmp_path / "store")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The files of two models under names of their own, in subfolders."""
    root = tmp_path / "given"
    (root / "deep/er").mkdir(parents=True)
    (root / "deep/er/download (1)").write_bytes(ONE)
    (root / "two.csv").write_bytes(TWO)
    (root / "ears.onnx").write_bytes(EARS)
    return root


def names(paths: list[Path]) -> list[str]:
    return sorted(p.name for p in paths)


def files_of(store: ModelStore, entry: Entry) -> dict[str, bytes]:
    return {p.name: p.read_bytes() for p in store.folder(entry).iterdir() if p.name not in (RECORD, ".stamps.json")}


def test_files_are_told_by_their_sums(store: ModelStore, folder: Path) -> None:
    done = import_folder(store, MANIFEST, folder)
    assert (done.taken, done.not_accepted, done.unknown, done.refused) == (["eyes", "ears"], ["ears"], [], [])
    assert files_of(store, EYES) == {"one.onnx": ONE, "two.csv": TWO}
    record = store.record(MANIFEST["ears"])
    assert record is not None and record.revision == "e" * 40 and not record.accepted
    again = import_folder(store, MANIFEST, folder, ["left-ear"])
    assert (again.taken, again.here, again.not_accepted) == ([], ["eyes", "ears"], [])
    record = store.record(MANIFEST["ears"])
    assert record is not None and record.accepted
    assert import_folder(store, MANIFEST, folder).not_accepted == []  # remembered


def test_what_is_not_known_or_not_taken_does_no_harm(store: ModelStore, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    bad = b"cut off"
    monkeypatch.setattr(known, "refused", lambda: (Refused(Pin(sha256(bad), len(bad)), "a download that was cut off"),))
    (folder / "cut.pt").write_bytes(bad)
    (folder / "holiday.jpg").write_bytes(b"\xff\xd8")
    (folder / "same-size").write_bytes(b"x" * len(ONE))
    (folder / "one.onnx").write_bytes(ONE[:-1])
    done = import_folder(store, MANIFEST, folder)
    assert done.taken == ["eyes", "ears"] and names(done.unknown) == ["holiday.jpg", "same-size"]
    assert {p.name: why for p, why in done.refused} == {
        "cut.pt": "a download that was cut off",
        "one.onnx": "named as a file of eyes, but with other content: damaged, or another version",
    }
    assert sorted(p.name for p in store.root.iterdir()) == [".locks", "ears", "eyes"]


def test_a_model_of_which_a_file_is_missing_is_not_taken(store: ModelStore, folder: Path) -> None:
    (folder / "two.csv").unlink()
    done = import_folder(store, MANIFEST, folder)
    assert done.taken == ["ears"] and done.incomplete == {"eyes": ("two.csv",)}
    assert not store.folder(EYES).exists()


def test_links_to_files_are_followed_and_links_to_folders_are_not(store: ModelStore, tmp_path: Path) -> None:
    """A hub's cache has links to its blobs; a link to a folder may lead anywhere, also back."""
    (tmp_path / "blobs").mkdir()
    (tmp_path / "blobs/abc").write_bytes(EARS)
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere/one.onnx").write_bytes(ONE)
    given = tmp_path / "given"
    given.mkdir()
    (given / "model.onnx").symlink_to(tmp_path / "blobs/abc")
    (given / "folder").symlink_to(tmp_path / "elsewhere")
    (given / "loop").symlink_to(given)
    (given / "nowhere").symlink_to(tmp_path / "none")
    os.mkfifo(given / "pipe")
    done = import_folder(store, MANIFEST, given)
    assert done.taken == ["ears"] and done.incomplete == {} and done.unknown == []
    assert not (store.folder(MANIFEST["ears"]) / "ears.onnx").is_symlink()


def test_one_file_will_do(store: ModelStore, folder: Path) -> None:
    assert import_folder(store, MANIFEST, folder / "ears.onnx").taken == ["ears"]


def test_hard_links_take_no_room(store: ModelStore, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import_folder(store, MANIFEST, folder / "ears.onnx", link=True)
    place = store.folder(MANIFEST["ears"]) / "ears.onnx"
    assert place.samefile(folder / "ears.onnx")
    store.remove(MANIFEST["ears"])

    def refuses(*args: Any) -> None:
        raise OSError("another disk")

    monkeypatch.setattr(importing.os, "link", refuses)
    import_folder(store, MANIFEST, folder / "ears.onnx", link=True)
    assert not place.samefile(folder / "ears.onnx") and place.read_bytes() == EARS


def test_a_file_that_changes_while_it_is_copied_leaves_nothing(store: ModelStore, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = importing._copy

    def change_first(path: Path, part: Path, file: Any) -> None:
        path.write_bytes(b"x" * file.pin.bytes)
        real(path, part, file)

    monkeypatch.setattr(importing, "_copy", change_first)
    with pytest.raises(ModelError, match="changed while it was copied"):
        import_folder(store, MANIFEST, folder)
    assert not store.folder(EYES).exists()


def test_a_full_disk_is_told_with_the_figures(store: ModelStore, folder: Path) -> None:
    with pytest.raises(OutputError, match="are to stay free") as caught:
        import_folder(store, MANIFEST, folder, reserve_mib=10**9)
    assert caught.value.code == "disk_full" and not store.folder(EYES).exists()


def test_a_folder_that_is_none_or_too_large_is_told(store: ModelStore, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(InputError, match="no such folder"):
        import_folder(store, MANIFEST, folder / "none")
    monkeypatch.setattr(importing, "MAX_FILES", 3)
    with pytest.raises(InputError, match="more than 3 files"):
        import_folder(store, MANIFEST, folder)


def test_damage_in_the_store_is_mended(store: ModelStore, folder: Path) -> None:
    import_folder(store, MANIFEST, folder)
    place = store.folder(EYES) / "one.onnx"
    place.write_bytes(b"x" + ONE[1:])
    (folder / "two.csv").unlink()
    assert import_folder(store, MANIFEST, folder).taken == ["eyes"]
    assert place.read_bytes() == ONE


def test_the_shared_folder_makes_the_compact_tier(store: ModelStore) -> None:
    if not (SHARED / "models/MANIFEST.json").is_file():
        pytest.skip("needs ../shared/models, which is not here")
    done = import_folder(store, known.manifest(), SHARED / "models", ["age-utkface"])
    compact = [e for e in known.manifest().values() if e.tier == "compact" and not e.on_hub]
    assert set(done.taken) == {e.name for e in compact if e.files_of is None} and done.not_accepted == []
    assert all(Catalog(store.root).lack(e.name) is None for e in compact)
    refused = {p.name: why for p, why in done.refused}
    assert "cut off" in refused["yolov8n_truncated.pt"] and {"yolov8n.pt", "model_gender_q.tflite"} < set(refused)
    assert [p.name for p in done.unknown] == ["MANIFEST.json"]


# --- a folder as one model


def hub_folder(root: Path, **more: bytes) -> Path:
    root.mkdir()
    files = {"config.json": b"{}", "model.safetensors": b"weights", "tokenizer.json": b"{}", "pytorch_model.bin": b"pickle", "x.py": b""}
    for name, content in {**files, **more}.items():
        (root / name).write_bytes(content)
    return root


def test_a_folder_is_taken_as_a_model_of_a_hub_and_its_sums_recorded(store: ModelStore, tmp_path: Path) -> None:
    done = import_as(store, TALKER, hub_folder(tmp_path / "given"), revision="f" * 40)
    assert done.taken == ["talker"] and names(done.unknown) == ["pytorch_model.bin", "x.py"]
    record = store.record(TALKER)
    assert record is not None and record.revision == "f" * 40
    assert {f.name: f.pin.sha256 for f in record.files}["model.safetensors"] == sha256(b"weights")
    assert store.source(TALKER, TALKER).path == store.folder(TALKER)
    assert import_as(store, TALKER, tmp_path / "given").here == ["talker"]
    record = store.record(TALKER)
    assert record is not None and record.revision == "f" * 40


def test_other_files_taken_later_replace_all_that_was_recorded(store: ModelStore, tmp_path: Path) -> None:
    import_as(store, TALKER, hub_folder(tmp_path / "given", **{"old.json": b"{}"}), revision="f" * 40)
    import_as(store, TALKER, hub_folder(tmp_path / "newer", **{"model.safetensors": b"better"}))
    record = store.record(TALKER)
    assert record is not None and record.revision is None and "old.json" not in files_of(store, TALKER) and store.present(TALKER)


@pytest.mark.parametrize(("gone", "words"), [("model.safetensors", "no weights as safetensors"), ("config.json", r"no config\.json")])
def test_a_folder_without_weights_is_refused(store: ModelStore, tmp_path: Path, gone: str, words: str) -> None:
    (hub_folder(tmp_path / "given") / gone).unlink()
    with pytest.raises(InputError, match=words) as caught:
        import_as(store, TALKER, tmp_path / "given")
    assert caught.value.code == "no_weights" and "never *.bin" in str(caught.value.hint) and not store.folder(TALKER).exists()


def test_an_export_of_ones_own_is_taken_by_its_name(store: ModelStore, tmp_path: Path) -> None:
    (tmp_path / "exported.onnx").write_bytes(b"graph")
    done = import_as(store, EXPORTED, tmp_path / "exported.onnx", ["exported"])
    assert done.taken == ["exported"] and done.not_accepted == []
    assert store.source(EXPORTED, EXPORTED).path == store.folder(EXPORTED) / "exported.onnx"
    with pytest.raises(InputError, match=r"there is no exported\.onnx"):
        import_as(store, EXPORTED, hub_folder(tmp_path / "given"))


def test_a_pinned_model_is_not_taken_on_trust(store: ModelStore, folder: Path) -> None:
    with pytest.raises(ModelError, match="need no --as"):
        import_as(store, EYES, folder)


@pytest.mark.parametrize(
    "name", ["a.bin", "a.pt", "a.pkl", "a.py", ".json", "../a.json", "a/b.json", "x.safetensors", "model.safetensors.bin"]
)
def test_pickles_code_and_paths_are_never_wanted(name: str) -> None:
    assert not is_wanted(name)


# --- checks


@pytest.fixture
def catalog(store: ModelStore, folder: Path, monkeypatch: pytest.MonkeyPatch) -> Catalog:
    monkeypatch.setattr("reelscope.models.catalog.manifest", lambda: MANIFEST)
    import_folder(store, MANIFEST, folder)
    return Catalog(store.root)


def test_the_quick_check_reads_only_what_changed(catalog: Catalog, store: ModelStore) -> None:
    assert [(c.name, c.problem) for c in check(catalog, MANIFEST.values(), full=False)] == [("eyes", None), ("ears", None)]
    place = store.folder(EYES) / "one.onnx"
    before = place.stat()
    place.write_bytes(b"x" + ONE[1:])
    os.utime(place, ns=(before.st_atime_ns, before.st_mtime_ns))  # the time of change of its entry tells
    found = {c.name: c for c in check(catalog, MANIFEST.values(), full=False)}
    assert found["eyes"].code == "model_corrupt" and "one.onnx is damaged" in str(found["eyes"].problem) and found["ears"].problem is None
    assert state(catalog, EYES).word == "damaged"
    assert str(state(catalog, EYES).hint) == "reelscope models remove eyes, then reelscope models import DIR"


def test_a_file_of_another_size_or_none_is_seen_without_reading(catalog: Catalog, store: ModelStore) -> None:
    place = store.folder(EYES) / "one.onnx"
    place.write_bytes(ONE[:-1])
    assert store.damage(EYES) == "the file one.onnx has 2999 bytes instead of 3000"
    place.unlink()
    assert store.damage(EYES) == "the file one.onnx is missing"
    assert catalog.missing("eyes") and state(catalog, EYES).word == "damaged"


def test_licences_stand_between_a_model_and_its_use(catalog: Catalog, store: ModelStore) -> None:
    lack = catalog.lack("left-ear")
    assert lack is not None and lack.hint == "reelscope models pull ears --accept-licence ears"
    assert (
        lack.reason == "the licence of the model left-ear was not accepted (MIT: trained on what is not for trade)"
        and catalog.lack("eyes") is None
    )
    assert state(catalog, MANIFEST["ears"]).word == "licence not accepted"
    store.accept(MANIFEST["ears"])
    assert catalog.lack("left-ear") is None and state(catalog, MANIFEST["ears"]).word == "in store"
    strict = Catalog(store.root, licences="permissive").lack("ears")
    assert strict is not None and strict.hint == "reelscope analyze CLIP --licence any"
    brought = catalog.lack("exported")
    assert brought is not None and brought.hint == "reelscope models import exported.onnx --as exported --accept-licence exported"


def test_what_went_or_cannot_be_read_is_described_without_its_sum(
    catalog: Catalog, store: ModelStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A document is written after the run: a model that was removed meanwhile must not cost it."""
    assert catalog.describe("eyes").sha256 is not None

    def refuse(*rest: object, **more: object) -> str:
        raise PermissionError(13, "Permission denied")

    with monkeypatch.context() as patch:
        patch.setattr("reelscope.models.sources.file_sha256", refuse)
        assert catalog.describe("eyes").sha256 is None
    store.remove(EYES)
    assert catalog.describe("eyes") == ModelInfo(id="eyes", licence=EYES.licence)


def test_a_damaged_model_without_a_public_source_asks_for_its_folder(catalog: Catalog, store: ModelStore) -> None:
    (store.folder(EYES) / "one.onnx").write_bytes(b"x" + ONE[1:])
    nobody = Client(Places(github="http://127.0.0.1:9", hub="http://127.0.0.1:9"), tries=1)
    with pytest.raises(ModelError, match="no public source") as caught:
        Puller(store, nobody).pull(EYES)
    assert caught.value.code == "not_public" and caught.value.hint == "reelscope models import DIR"
