"""The store of results: what comes back as it was, and that no damage, full disk or neighbour hurts more than the keeping."""

from __future__ import annotations

import errno
import gzip
import json
import logging
import os
import shutil
import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from pydantic import SerializeAsAny

from reelscope.config import Settings, load_settings
from reelscope.config.places import DATA_VARIABLE, data_dir
from reelscope.document.schema import AnalyzerResult, ModelInfo, Segment, Series, Summary, Track, TrackPoint
from reelscope.engine import kept as module
from reelscope.engine.kept import FORMAT, Kept, KeptResults, open_kept
from reelscope.errors import ConfigError
from reelscope.features.base import Feature
from reelscope.features.shots import Shots, ShotsFeature, Transition
from reelscope.features.stills import Still, Stills, StillsFeature

KEY, OTHER = "ab" * 32, "cd" * 32


class Word(Segment):
    text: str
    figures: tuple[float | None, ...] = ()


class WordSummary(Summary):
    tempo_bpm: float | None = None


class WordResult(AnalyzerResult):
    segments: list[Word] = []  # type: ignore[assignment]
    summary: WordSummary = WordSummary()


class OpenResult(AnalyzerResult):
    """As some analyzers declare them: the segments' own classes are not named."""

    segments: list[SerializeAsAny[Segment]] = []


RESULT = WordResult(
    coverage=1 / 3,
    segments=[Word(start_s=0.1234567890123, end_s=1 / 3, confidence=0.123456789, text="größer ✓", figures=(1e-17, None, 2.5))],
    tracks=[Track(track_id=1, start_s=0, end_s=1, points=[TrackPoint(t_s=0.1, xywh_norm=(0.1, 0.2, 1 / 3, 1 / 7))])],
    series=[Series(name="level", unit="LUFS", t_s=[0.0, 1 / 3], values=[None, -23.123456789])],
    summary=WordSummary(tempo_bpm=None, note="a field of its own"),  # type: ignore[call-arg]
    warnings=["one"],
)
FACTS: dict[str, Any] = {
    "seconds": 0.1 + 0.2,
    "device": "cuda:0",
    "attempts": 2,
    "models": (ModelInfo(id="m", revision="r 1", sha256="00", licence="MIT"),),
    "created_at": datetime(2026, 1, 2, 3, 4, 5, 678, tzinfo=UTC),
}


@pytest.fixture
def store(tmp_path: Path) -> KeptResults:
    return KeptResults(tmp_path / "data" / "results", max_mib=10)


def entries(store: KeptResults) -> list[Path]:
    return sorted(store.folder.glob("v*/*/*"))


def nothing_left_half_written(store: KeptResults) -> bool:
    return not list((store.folder / "tmp").iterdir())


# --- round trips ------------------------------------------------------------------------------------------------------------------


def test_a_result_comes_back_with_all_its_digits_and_how_it_was_made(store: KeptResults) -> None:
    assert store.put(KEY, Kept(RESULT, **FACTS))
    found = store.get(KEY, WordResult)
    assert found == Kept(RESULT, **FACTS)
    assert found is not None and isinstance(found.result.segments[0], Word) and isinstance(found.result.segments[0].figures, tuple)
    assert found.result.segments[0].start_s == 0.1234567890123  # the document's serialisation would round it
    assert found.result.model_dump_json() == RESULT.model_dump_json()
    assert store.get(OTHER, WordResult) is None
    assert nothing_left_half_written(store)


def test_fields_without_a_class_and_numbers_that_are_none_come_back(store: KeptResults) -> None:
    given = AnalyzerResult(segments=[Segment(start_s=0, end_s=1, counted=3, level=float("nan"), deep={"a": [1, None, float("inf")]})])
    assert store.put(KEY, Kept(given, 1.0))
    found = store.get(KEY, AnalyzerResult)
    assert found is not None and found.result.model_dump_json() == given.model_dump_json()


@pytest.mark.parametrize(
    "result",
    [
        OpenResult(segments=[Word(start_s=0, end_s=1, text="loses its class")]),
        AnalyzerResult(segments=[Segment(start_s=0, end_s=1, boxes=(1, 2))]),  # a tuple that nothing declares
        AnalyzerResult(segments=[Segment(start_s=0, end_s=1, blob=b"x")]),
        AnalyzerResult(segments=[Segment(start_s=0, end_s=1, table={1: 2})]),
        WordResult.model_construct(summary="not a summary"),
    ],
)
def test_what_would_not_come_back_the_same_is_not_kept(
    store: KeptResults, result: AnalyzerResult, caplog: pytest.LogCaptureFixture
) -> None:
    assert not store.put(KEY, Kept(result, 1.0))
    assert store.get(KEY, type(result)) is None and not entries(store)
    assert "is not kept" in caplog.text


def test_the_later_result_stands(store: KeptResults) -> None:
    for seconds in (1.0, 2.0):
        assert store.put(KEY, Kept(RESULT, seconds))
    found = store.get(KEY, WordResult)
    assert found is not None and found.seconds == 2.0 and len(entries(store)) == 1


def test_facts_come_back(store: KeptResults) -> None:
    assert store.get_facts(KEY) is None
    assert store.put_facts(KEY, {"errors": 3, "stats": {"end_s": 1 / 3, "stopped": None}})
    assert store.get_facts(KEY) == {"errors": 3, "stats": {"end_s": 1 / 3, "stopped": None}}


SHOTS = Shots(
    (
        Transition("cut", 1 / 3, 1 / 3, 0.9, jump_cut=True, figures=(("raw", 0.1), ("flow", -3.0))),
        Transition("fade", 1.0, 1.5, variant="black"),
    ),
    ((0.0, 1 / 3), (1 / 3, 2.0)),
)


def test_shots_come_back(store: KeptResults, tmp_path: Path) -> None:
    assert not store.has_feature(KEY)
    assert store.put_feature(KEY, ShotsFeature, Kept(SHOTS, **FACTS))
    assert store.has_feature(KEY)
    assert store.get_feature(KEY, ShotsFeature, tmp_path / "shots") == Kept(SHOTS, **FACTS)
    assert store.get_feature(OTHER, ShotsFeature, tmp_path / "none") is None and not (tmp_path / "none").exists()


def stills(folder: Path, *pictures: bytes) -> Stills:
    (folder / "stills.jpegs").write_bytes(b"".join(pictures))
    offsets = [sum(map(len, pictures[:i])) for i in range(len(pictures))]
    return Stills(
        str(folder / "stills.jpegs"), tuple(Still(i / 5, 1 / 3, o, len(p)) for i, (o, p) in enumerate(zip(offsets, pictures, strict=True)))
    )


def test_stills_come_back_and_outlive_their_entry(store: KeptResults, tmp_path: Path) -> None:
    (tmp_path / "first").mkdir()
    given = stills(tmp_path / "first", b"one", b"second")
    assert store.put_feature(KEY, StillsFeature, Kept(given, 1.0))
    shutil.rmtree(tmp_path / "first")  # its clip is over
    found = store.get_feature(KEY, StillsFeature, tmp_path / "later")
    shutil.rmtree(store.folder)  # another process prunes
    assert found is not None and found.result.stills == given.stills
    assert [found.result.read(s) for s in found.result.stills] == [b"one", b"second"]
    assert Path(found.result.path).is_relative_to(tmp_path / "later")


def test_a_feature_on_another_file_system_is_copied(store: KeptResults, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*args: Any) -> None:
        raise OSError(errno.EXDEV, os.strerror(errno.EXDEV))

    monkeypatch.setattr(Path, "hardlink_to", refuse)
    store.put_feature(KEY, ShotsFeature, Kept(SHOTS, 1.0))
    found = store.get_feature(KEY, ShotsFeature, tmp_path / "shots")
    assert found is not None and found.result == SHOTS


def test_a_feature_is_replaced(store: KeptResults, tmp_path: Path) -> None:
    for shots in (Shots((), ()), SHOTS):
        assert store.put_feature(KEY, ShotsFeature, Kept(shots, 1.0))
    found = store.get_feature(KEY, ShotsFeature, tmp_path / "shots")
    assert found is not None and found.result == SHOTS and nothing_left_half_written(store)


# --- damage -----------------------------------------------------------------------------------------------------------------------


def repacked(**changes: Any) -> Any:
    def change(path: Path) -> None:
        data = json.loads(gzip.decompress(path.read_bytes()))
        path.write_bytes(gzip.compress(json.dumps({**data, **changes}).encode()))

    return change


@pytest.mark.parametrize(
    "damage",
    [
        pytest.param(lambda p: p.write_bytes(b""), id="empty"),
        pytest.param(lambda p: p.write_bytes(p.read_bytes()[:-9]), id="truncated"),
        pytest.param(lambda p: p.write_bytes(b"not gzip"), id="not gzip"),
        pytest.param(lambda p: p.write_bytes(p.read_bytes()[:40] + b"\0\0\0" + p.read_bytes()[43:]), id="bits"),
        pytest.param(lambda p: p.write_bytes(gzip.compress(b"{")), id="not JSON"),
        pytest.param(lambda p: p.write_bytes(gzip.compress(b"[]")), id="another thing"),
        pytest.param(repacked(key=OTHER), id="another key"),
        pytest.param(repacked(format=FORMAT + 1), id="another format"),
        pytest.param(repacked(result={"segments": [{"start_s": "x"}]}), id="another result"),
        pytest.param(repacked(models=None), id="no models"),
        pytest.param(repacked(seconds={}), id="no seconds"),
    ],
)
def test_a_damaged_entry_is_ignored_told_and_removed(store: KeptResults, damage: Any, caplog: pytest.LogCaptureFixture) -> None:
    store.put(KEY, Kept(RESULT, 1.0))
    store.put(OTHER, Kept(RESULT, 1.0))
    (path,) = store.folder.glob(f"v*/*/{KEY}.json.gz")
    damage(path)
    assert store.get(KEY, WordResult) is None
    assert not path.exists() and "damaged" in caplog.text and path.name in caplog.text
    assert store.get(OTHER, WordResult) is not None
    assert store.put(KEY, Kept(RESULT, 1.0)) and store.get(KEY, WordResult) is not None


@pytest.mark.parametrize(
    "damage",
    [
        pytest.param(lambda f: (f / "shots.json").write_text("{}"), id="a file"),
        pytest.param(lambda f: (f / "shots.json").write_text('{"transitions": [], "shots": []}'), id="a file that fits"),
        pytest.param(lambda f: (f / "shots.json").unlink(), id="a file is gone"),
        pytest.param(lambda f: (f / "entry.json").write_text("{"), id="the entry"),
    ],
)
def test_a_damaged_feature_leaves_no_trace(store: KeptResults, tmp_path: Path, damage: Any) -> None:
    store.put_feature(KEY, ShotsFeature, Kept(SHOTS, 1.0))
    (path,) = entries(store)
    damage(path)
    assert store.get_feature(KEY, ShotsFeature, tmp_path / "into") is None
    assert not (tmp_path / "into").exists()
    assert store.put_feature(KEY, ShotsFeature, Kept(SHOTS, 1.0))
    assert store.get_feature(KEY, ShotsFeature, tmp_path / "into") is not None


def test_an_entry_writes_nowhere_else(store: KeptResults, tmp_path: Path) -> None:
    store.put_feature(KEY, ShotsFeature, Kept(SHOTS, 1.0))
    (path,) = entries(store)
    shutil.copy(path / "shots.json", path.parent / "shots.json")
    (path / "entry.json").write_text((path / "entry.json").read_text().replace('"shots.json"', '"../shots.json"'))
    assert store.get_feature(KEY, ShotsFeature, tmp_path / "into") is None
    assert not (tmp_path / "shots.json").exists() and not store.has_feature(KEY)


def test_a_feature_that_cannot_read_its_files_is_removed(store: KeptResults, tmp_path: Path) -> None:
    class Newer(ShotsFeature):
        @classmethod
        def restore(cls, folder: Path) -> Shots:
            raise RuntimeError("files of an older version")

    store.put_feature(KEY, ShotsFeature, Kept(SHOTS, 1.0))
    assert store.get_feature(KEY, Newer, tmp_path / "into") is None
    assert not store.has_feature(KEY)


# --- disks that fail --------------------------------------------------------------------------------------------------------------


def test_a_full_disk_costs_the_keeping_and_is_told_once(
    store: KeptResults, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    written = Path.write_bytes

    def full(path: Path, data: bytes) -> int:
        written(path, data[:10])
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(Path, "write_bytes", full)
    assert not store.put(KEY, Kept(RESULT, 1.0)) and not store.put(OTHER, Kept(RESULT, 1.0))
    assert [r.levelno for r in caplog.records] == [logging.WARNING] and "No space left" in caplog.text
    assert store.get(KEY, WordResult) is None and not entries(store) and nothing_left_half_written(store)
    monkeypatch.undo()
    assert store.put(KEY, Kept(RESULT, 1.0))


def test_the_disk_is_not_filled_to_the_brim(tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch) -> None:
    store = KeptResults(tmp_path / "results", max_mib=10, min_free_mib=100)

    class Usage(NamedTuple):
        free: int

    free = [99 << 20]
    monkeypatch.setattr(module.shutil, "disk_usage", lambda folder: Usage(free[0]))
    assert not store.put(KEY, Kept(RESULT, 1.0)) and "min_free_disk_mib" in caplog.text
    free[0] = 100 << 20
    assert store.put(KEY, Kept(RESULT, 1.0))


def test_a_folder_that_cannot_be_made_costs_the_keeping(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "file").touch()
    store = KeptResults(tmp_path / "file" / "results", max_mib=10)
    assert not store.put(KEY, Kept(RESULT, 1.0))
    assert not store.put_feature(KEY, ShotsFeature, Kept(SHOTS, 1.0))
    assert store.get(KEY, WordResult) is None and store.get_feature(KEY, ShotsFeature, tmp_path / "into") is None
    assert not store.has_feature(KEY) and store.get_facts(KEY) is None


def test_what_may_not_be_read_is_as_if_it_were_not_there(
    store: KeptResults, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    store.put(KEY, Kept(RESULT, 1.0))

    def refuse(path: Path) -> bytes:
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))

    monkeypatch.setattr(Path, "read_bytes", refuse)
    assert store.get(KEY, WordResult) is None and store.get(KEY, WordResult) is None
    assert len(caplog.records) == 1 and "cannot be read" in caplog.text
    monkeypatch.undo()
    assert store.get(KEY, WordResult) is not None  # it was not taken for damaged


def test_a_feature_whose_own_code_fails_costs_the_keeping(store: KeptResults, caplog: pytest.LogCaptureFixture) -> None:
    class Broken(ShotsFeature):
        @classmethod
        def store(cls, value: Shots, folder: Path) -> None:
            (folder / "half").touch()
            raise RuntimeError("it broke")

    assert not store.put_feature(KEY, Broken, Kept(SHOTS, 1.0))
    assert not entries(store) and nothing_left_half_written(store) and "it broke" in caplog.text


def test_a_feature_that_cannot_be_kept_says_so(store: KeptResults) -> None:
    class Plain(Feature[int]):
        def finish(self, inputs: Any) -> int:
            return 1

    assert not Plain.keeps and not store.put_feature(KEY, Plain, Kept(1, 1.0))


def test_the_folder_is_for_this_user_alone(store: KeptResults) -> None:
    store.put(KEY, Kept(RESULT, 1.0))
    assert {p.stat().st_mode & 0o777 for p in (store.folder, *store.folder.rglob("*")) if p.is_dir()} == {0o700}


# --- room -------------------------------------------------------------------------------------------------------------------------


def key(n: int) -> str:
    return f"{n:064x}"[::-1]


def age(store: KeptResults, name: str, seconds: float) -> None:
    (path,) = store.folder.glob(f"v*/*/{name}.*")
    os.utime(path, (time.time() - seconds,) * 2)


def big(mib: float) -> AnalyzerResult:
    return AnalyzerResult(warnings=[os.urandom(int(mib * (1 << 20))).hex()])  # hex digits of noise pack to about their half


def test_the_longest_unused_go_first(tmp_path: Path) -> None:
    store = KeptResults(tmp_path, max_mib=4)
    for n in range(3):
        store.put(key(n), Kept(big(1), 1.0))
        age(store, key(n), 1000 - n)
    store.put_feature(key(3), ShotsFeature, Kept(SHOTS, 1.0))
    age(store, key(3), 2000)
    assert store.get(key(0), AnalyzerResult) is not None  # used: now it is the youngest
    store.put(key(4), Kept(big(1), 1.0))
    there = {n for n in range(5) if store.get(key(n), AnalyzerResult) is not None or store.has_feature(key(n))}
    assert there == {0, 2, 4}  # 3 (a feature, the oldest) and 1 went, and 4.7 MiB became less than 3.6


def test_pruning_makes_room_for_some_more(tmp_path: Path) -> None:
    store = KeptResults(tmp_path, max_mib=1)
    folder = tmp_path / f"v{FORMAT}" / "ab"
    folder.mkdir(parents=True)
    for n in range(11):
        (folder / f"{n:02}.json.gz").write_bytes(bytes((1 << 20) // 10))
        os.utime(folder / f"{n:02}.json.gz", (1000 + n,) * 2)
    store.prune()
    assert [p.name[:2] for p in sorted(folder.iterdir())] == [f"{n:02}" for n in range(2, 11)]  # nine tenths are left
    store.prune()
    assert len(list(folder.iterdir())) == 9


def test_a_feature_in_use_is_young(tmp_path: Path) -> None:
    store = KeptResults(tmp_path / "results", max_mib=1)
    store.put_feature(KEY, ShotsFeature, Kept(SHOTS, 1.0))
    age(store, KEY, 1000)
    before = entries(store)[0].stat().st_mtime
    store.get_feature(KEY, ShotsFeature, tmp_path / "into")
    assert entries(store)[0].stat().st_mtime > before + 900


def test_pruning_takes_other_formats_and_what_dead_processes_left(tmp_path: Path) -> None:
    store = KeptResults(tmp_path, max_mib=1)
    old = tmp_path / "v0" / "ab" / "abcd.json.gz"
    old.parent.mkdir(parents=True)
    old.write_bytes(bytes(1 << 20))
    os.utime(old, (0, 0))
    (tmp_path / "tmp").mkdir()
    for name, seconds in (("dead", 7200), ("living", 0)):
        (tmp_path / "tmp" / name).mkdir()
        os.utime(tmp_path / "tmp" / name, (time.time() - seconds,) * 2)
    store.put(KEY, Kept(RESULT, 1.0))
    assert not old.exists() and store.get(KEY, WordResult) is not None
    assert [p.name for p in (tmp_path / "tmp").iterdir()] == ["living"]


def test_the_folder_is_looked_through_now_and_then_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    looks: list[int] = []
    monkeypatch.setattr(KeptResults, "prune", lambda self: looks.append(1))
    store = KeptResults(tmp_path, max_mib=16)  # a sixteenth of it: 1 MiB
    store.put(KEY, Kept(RESULT, 1.0))
    assert len(looks) == 1
    for n in range(5):
        store.put(key(n), Kept(RESULT, 1.0))
    assert len(looks) == 1
    for n in range(3):
        store.put(key(n), Kept(big(0.6), 1.0))
    assert len(looks) == 2


# --- neighbours -------------------------------------------------------------------------------------------------------------------

NEIGHBOUR = """
import sys
from pathlib import Path
from reelscope.document.schema import AnalyzerResult
from reelscope.engine.kept import Kept, KeptResults
from reelscope.features.shots import Shots, ShotsFeature
store = KeptResults(Path(sys.argv[1]), max_mib=1)
print("ready", flush=True)
sys.stdin.readline()
for n in range(60):
    key = f"{n % 7:064x}"[::-1]
    store.put(key, Kept(AnalyzerResult(warnings=["x" * 5000]), 1.0))
    store.put_feature(key, ShotsFeature, Kept(Shots((), ((0.0, 1.0),)), 1.0))
    found = store.get(key, AnalyzerResult)
    assert found is None or found.result.warnings == ["x" * 5000]
    store.get_feature(key, ShotsFeature, Path(sys.argv[2]) / str(n))
    if n % 5 == 0:
        store.prune()
"""


def test_two_processes_share_a_folder(tmp_path: Path) -> None:
    running = []
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        command = [sys.executable, "-c", NEIGHBOUR, str(tmp_path / "results"), str(tmp_path / name)]
        running.append(subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True))
    try:
        for process in running:
            assert process.stdout is not None and process.stdout.readline() == "ready\n"
        outputs = []
        for process in running:
            assert process.stdin is not None
            process.stdin.write("go\n")
            process.stdin.flush()
        outputs = [process.communicate(timeout=120) for process in running]
    finally:
        for process in running:
            process.kill()
            process.wait()
    assert [(p.returncode, err) for p, (_, err) in zip(running, outputs, strict=True)] == [(0, ""), (0, "")]
    store = KeptResults(tmp_path / "results", max_mib=1)
    assert nothing_left_half_written(store)
    assert all(store.get(f"{n:064x}"[::-1], AnalyzerResult) is not None for n in range(7))


# --- settings ---------------------------------------------------------------------------------------------------------------------


def test_the_settings_name_the_store(tmp_path: Path) -> None:
    system = {"data_dir": tmp_path, "results_max_mib": 1, "min_free_disk_mib": 0}
    found = open_kept(Settings.model_validate({"system": system}))
    assert found is not None and found.folder == tmp_path / "results"
    assert open_kept(Settings.model_validate({"system": {**system, "keep_results": False}})) is None
    for n in range(3):
        assert found.put(key(n), Kept(big(0.4), 1.0))
    assert len(entries(found)) < 3  # results_max_mib
    brim = open_kept(Settings.model_validate({"system": {**system, "min_free_disk_mib": 10**9}}))
    assert brim is not None and not brim.put(KEY, Kept(RESULT, 1.0))


@pytest.mark.parametrize(
    ("env", "platform", "expected"),
    [
        ({"HOME": "/home/me"}, "linux", "/home/me/.local/share/reelscope"),
        ({"HOME": "/Users/me"}, "darwin", "/Users/me/Library/Application Support/reelscope"),
        ({"HOME": "/home/me", "XDG_DATA_HOME": "/data"}, "linux", "/data/reelscope"),
        ({"HOME": "/home/me", "XDG_DATA_HOME": "data"}, "linux", "/home/me/.local/share/reelscope"),  # relative: not allowed, ignored
        ({"HOME": "/home/me", "XDG_DATA_HOME": "/data", "REELSCOPE_DATA_DIR": "/mine"}, "linux", "/mine"),
        ({"HOME": "/home/me", "REELSCOPE_DATA_DIR": ""}, "linux", "/home/me/.local/share/reelscope"),
    ],
)
def test_where_data_lies(env: dict[str, str], platform: str, expected: str) -> None:
    assert data_dir(Settings(), env=env, platform=platform) == Path(expected)
    given = Settings.model_validate({"system": {"data_dir": "/set"}})
    assert data_dir(given, env=env, platform=platform) == Path("/set")


def test_a_relative_data_folder_is_one_of_the_current_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert data_dir(Settings(), env={"REELSCOPE_DATA_DIR": "here"}) == tmp_path / "here"


def test_without_a_home_folder_nothing_is_kept_and_the_setting_is_named(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def homeless() -> Path:
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.setattr(Path, "home", homeless)
    monkeypatch.delenv("HOME", raising=False)
    monkeypatch.delenv(DATA_VARIABLE)
    with pytest.raises(ConfigError, match="no home folder") as caught:
        data_dir(Settings(), env={})
    assert caught.value.hint is not None and "system.data_dir" in caught.value.hint
    assert open_kept(Settings()) is None and "system.data_dir" in caplog.text


def test_the_variable_of_the_data_folder_is_no_unknown_setting(tmp_path: Path) -> None:
    env = {DATA_VARIABLE: "/mine", "REELSCOPE_SYSTEM__KEEP_RESULTS": "no"}
    assert not load_settings({}, env=env, cwd=tmp_path, home=tmp_path).settings.system.keep_results


def test_tests_have_a_folder_of_their_own() -> None:
    found = open_kept(Settings())
    assert found is not None and str(found.folder).startswith(os.environ["REELSCOPE_DATA_DIR"])
    assert not found.folder.exists()
