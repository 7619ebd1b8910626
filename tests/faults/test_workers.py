"""Workers that never start, grow, are watched; the engine in this process; memory and folders that are full."""

from __future__ import annotations

import os
import subprocess
import threading
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from reelscope.document.schema import Document
from reelscope.engine import process
from reelscope.errors import EngineError, OutputError
from reelscope.events import News
from reelscope.pipeline import Session
from tests.faults.misdeeds import Control
from tests.faults.stubs import REGISTRY, StubRegistry
from tests.faults.tools import DEADLINE_S, Place, impatient, pids, same, until


class BrokenRegistry(StubRegistry):
    """Fine here, and not to be imported in a worker."""

    def __init__(self) -> None:
        self.members = REGISTRY.members
        self.where = "tests.faults.broken:REGISTRY"


def test_workers_that_never_start_are_given_up(place: Place, clip: Path) -> None:
    with place.session(BrokenRegistry()) as session:
        for _ in range(2):
            document = session.analyze(clip).document
            ran = [e for e in document.analyzers.values() if e.status != "unavailable"]
            assert {e.status for e in ran} == {"failed"}
            assert {e.code for e in ran} <= {"worker_failed", "dependency_failed"}
            entry = document.analyzers["cut_analysis"]
            assert entry.code == "worker_failed" and "exit code 1; RuntimeError: this module is broken on purpose" in (entry.reason or "")
        assert pids(session) == set()  # none is started for ever


def test_files_of_the_user_are_not_taken_for_modules(
    place: Place, clip: Path, quiet: Document, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("queue", "numpy", "reelscope"):
        (tmp_path / f"{name}.py").write_text("raise RuntimeError")
    monkeypatch.chdir(tmp_path)
    with place.session() as session:
        same(session.analyze(clip).document, quiet)


def test_a_worker_that_has_grown_is_started_anew_after_the_clip(place: Place, clip: Path, quiet: Document) -> None:
    place.control.set(cut_analysis={"do": "grow", "phase": "finish", "mib": 600, "times": 1})
    with place.session(faults={"recycle_mib": 400}) as session:
        same(session.analyze(clip).document, quiet)
        grown = place.control.marks("cut_analysis")[0]
        after = pids(session)
        assert grown not in after and len(after) == 1  # the other one stays
        same(session.analyze(clip).document, quiet)
        assert after < pids(session) and len(pids(session)) == 2


def test_a_worker_is_started_anew_between_clips_that_overlap(place: Place, clip: Path, quiet: Document) -> None:
    news: list[News] = []
    with place.session(faults={"recycle_clips": 2}) as session:
        session.events.subscribe(lambda event: news.append(event.news) if event.news is not None else None)
        for _, analysis in session.analyze_many([clip] * 6):
            assert not isinstance(analysis, Exception)
            same(analysis.document, quiet)
            assert analysis.document.run.passes == 1
    started = Counter(n.worker for n in news if n.kind == "started")
    assert len(started) == 2 and min(started.values()) >= 2  # each of the two anew at least once


def test_a_worker_above_its_limit_is_ended_in_the_middle_of_the_clip(place: Place, clip: Path, quiet: Document) -> None:
    place.control.set(cut_analysis={"do": "grow", "phase": "feed", "window": 1, "mib": 600, "stay": True, "times": 1})
    with place.session(faults={"worker_mib": 400}) as session:
        document = session.analyze(clip).document
    same(document, quiet)
    assert document.analyzers["cut_analysis"].attempts == 2


def test_clips_that_are_given_up_leave_the_workers_to_others(session: Session, control: Control, clip: Path, quiet: Document) -> None:
    control.set(color_analysis={"do": "pause", "phase": "feed", "window": 2, "times": 1})
    raised: list[BaseException] = []

    def analyze() -> None:
        try:
            session.analyze(clip)
        except EngineError as error:
            raised.append(error)

    for _ in range(4):  # one more than there are slots for windows
        before = pids(session)
        control.set(color_analysis={"do": "pause", "phase": "feed", "window": 2, "times": 1})
        thread = threading.Thread(target=analyze)
        thread.start()
        until(lambda: control.marks("color_analysis"), "the pause")
        session.stop()
        control.release()
        thread.join()
        assert pids(session) == before
        until(lambda: not any(seat.host.board.read() for seat in session.engine._seats.values()), "nobody is at work any more")
    assert [e.code for e in raised] == ["stopped"] * 4  # type: ignore[attr-defined]
    control.set()
    document = session.analyze(clip).document
    same(document, quiet)
    assert document.run.passes == 1


def test_closing_does_not_wait_for_who_hangs(place: Place, clip: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process, "CLOSE_S", 3600.0)  # nobody kills it: its members get 3 s, then it ends by itself
    place.control.set(color_analysis={"do": "hang", "phase": "feed", "window": 2})
    session = place.session()
    thread = threading.Thread(target=lambda: pytest.raises(EngineError, session.analyze, clip))
    thread.start()
    until(lambda: place.control.marks("color_analysis"), "the hang")
    closing = threading.Thread(target=session.close, daemon=True)
    started = time.monotonic()
    closing.start()
    for waiting in (closing, thread):
        waiting.join(DEADLINE_S)
        assert not waiting.is_alive()
    assert time.monotonic() - started < 10


def test_a_member_that_hangs_while_it_is_preloaded_is_ended(place: Place, clip: Path, quiet: Document) -> None:
    place.control.set(cut_analysis={"do": "hang", "phase": "load", "times": 1})
    with place.session(models={"preload": ["cut_analysis"]}) as session:
        same(session.analyze(clip).document, quiet)
        hanging = place.control.marks("cut_analysis")[0]
        patient = session.engine.settings
        session.engine.settings = place.settings(faults={"load_timeout_s": 2.0})  # not while workers start, which may take longer
        until(lambda: hanging not in pids(session), "its worker is ended")
        session.engine.settings = patient
        same(session.analyze(clip).document, quiet)


def test_closing_gives_up_clips_that_are_on_their_way(place: Place, clip: Path) -> None:
    place.control.set(color_analysis={"do": "pause", "phase": "feed", "window": 2})
    raised: list[EngineError] = []

    def analyze() -> None:
        try:
            session.analyze(clip)
        except EngineError as error:
            raised.append(error)
        finally:
            place.control.release()  # no sooner: the clip could be through before it is given up

    with place.session() as session:
        thread = threading.Thread(target=analyze)
        thread.start()
        until(lambda: place.control.marks("color_analysis"), "the pause")
    thread.join()
    assert [e.code for e in raised] == ["stopped"]


# --- in this process -------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("phase", ["feed", "finish"])
def test_in_this_process_a_hang_leaves_its_thread_behind_and_goes_on(
    place: Place, clip: Path, quiet: Document, monkeypatch: pytest.MonkeyPatch, phase: str
) -> None:
    impatient(monkeypatch, place.control, "color_analysis", window_timeout_s=2.0)
    place.control.set(color_analysis={"do": "hang", "phase": phase, "times": 1})
    with place.session(placement={"workers": 0}) as session:
        document = session.analyze(clip).document
        same(document, quiet)
        assert document.analyzers["color_analysis"].attempts == 2
        place.control.release()
        same(session.analyze(clip).document, quiet)


def test_in_this_process_a_hang_for_good_is_a_timeout(place: Place, clip: Path, quiet: Document, monkeypatch: pytest.MonkeyPatch) -> None:
    impatient(monkeypatch, place.control, "cut_analysis", window_timeout_s=2.0)
    place.control.set(cut_analysis={"do": "hang", "phase": "feed", "window": 1})
    with place.session(placement={"workers": 0}, faults={"tries": 1}) as session:
        document = session.analyze(clip).document
        place.control.release()
    same(document, quiet, besides=["cut_analysis", "temporal_flow", "cross_analyzer_intelligence"])
    assert (document.analyzers["cut_analysis"].status, document.analyzers["cut_analysis"].code) == ("timeout", "deadline")
    assert document.analyzers["temporal_flow"].code == "dependency_failed"


# --- no room ---------------------------------------------------------------------------------------------------------------------------


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 1 MiB."""
    folder = tmp_path / "small"
    folder.mkdir()
    mounted = os.geteuid() == 0 and subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", folder], capture_output=True, check=False
    )
    if not mounted or mounted.returncode:
        pytest.skip("needs the right to mount a tmpfs")
    yield folder
    subprocess.run(["umount", "--lazy", folder], check=True)  # frames of a traceback may still map a file in it


def test_a_full_shared_folder_is_got_round(
    place: Place, clip: Path, quiet: Document, small_disk: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with place.session(system={"shared_dir": str(small_disk)}, performance={"window_s": 2.0}) as session:
        (small_disk / "filler").write_bytes(bytes(900_000))
        document = session.analyze(clip).document
        assert document.run.passes == 1
        assert {e.status for e in document.analyzers.values()} == {"ok", "unavailable"}
    assert "is full" in caplog.text
    assert [p.name for p in small_disk.iterdir()] == ["filler"]


def test_with_no_room_anywhere_the_clip_ends_with_one_clear_error(place: Place, clip: Path, small_disk: Path) -> None:
    system = {"shared_dir": str(small_disk), "temp_dir": str(small_disk)}
    with place.session(system=system) as session:
        (small_disk / "filler").write_bytes(bytes(800_000))
        with pytest.raises(OutputError) as error:
            session.analyze(clip)
        assert error.value.code in ("disk_full", "shared_memory_full") and error.value.hint
        assert [p.name for p in small_disk.iterdir() if p.name.endswith(".f32")] == []
        (small_disk / "filler").unlink()
    assert list(small_disk.iterdir()) == []


def test_a_disk_without_room_for_anything_is_said_to_be_full(place: Place, clip: Path, small_disk: Path) -> None:
    with place.session(system={"temp_dir": str(small_disk)}) as session:
        with (small_disk / "filler").open("wb", buffering=0) as file, pytest.raises(OSError, match="No space"):
            while file.write(bytes(1 << 12)):
                pass
        with pytest.raises(OutputError) as error:
            session.analyze(clip)
        assert error.value.code == "disk_full"
        (small_disk / "filler").unlink()
    assert list(small_disk.iterdir()) == []
