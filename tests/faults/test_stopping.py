"""Ends that nobody may have to wait for: closing, giving up, workers that cannot be started or do not read, sessions left open."""

from __future__ import annotations

import importlib
import logging
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from reelscope.engine import local
from reelscope.engine.process import WorkerProcess
from reelscope.errors import EngineError
from reelscope.outputs import out_folder
from reelscope.pipeline import Session
from tests.engine.stubs import FakeRegistry, stub_analyzer
from tests.faults.stubs import EVERY
from tests.faults.tools import DEADLINE_S, Place, pids, same, until, workers_of


def in_time(call: Callable[[], Any], *, seconds: float = 300.0) -> Any:
    """What a call returns; fails where it does not end."""
    made: list[Any] = []
    thread = threading.Thread(target=lambda: made.append(call()), daemon=True)
    thread.start()
    thread.join(seconds)
    assert made, "it did not end, or raised"
    return made[0]


def test_a_preload_that_brings_its_worker_down_does_not_go_on_for_ever(place: Place, clip: Path) -> None:
    place.control.set(cut_analysis={"do": "sigkill", "phase": "load"})
    with place.session(models={"preload": ["cut_analysis"]}) as session:
        entries = in_time(lambda: session.analyze(clip)).document.analyzers
    assert (entries["cut_analysis"].status, entries["cut_analysis"].code) == ("failed", "worker_died")
    assert entries["color_analysis"].status == "ok"
    assert len(place.control.marks("cut_analysis")) <= 4  # the preload, and the tries of the clip


@pytest.mark.parametrize("workers", [0, 2])
def test_a_member_that_hangs_while_it_closes_delays_neither_its_clip_nor_the_next(
    place: Place, clip: Path, quiet: Any, workers: int
) -> None:
    breaks, hangs = {"do": "raise", "phase": "finish", "times": 1}, {"do": "hang", "phase": "close", "times": 2}
    place.control.set(cut_analysis=[breaks, hangs])
    with place.session(placement={"workers": workers}) as session:
        broken = in_time(lambda: session.analyze(clip)).document
        until(lambda: len(place.control.marks("cut_analysis")) == 2, "it hangs where it closes")
        same(in_time(lambda: session.analyze(clip)).document, quiet)
        place.control.release()
    assert broken.analyzers["cut_analysis"].code == "finish_failed"
    assert broken.analyzers["color_analysis"].status == "ok"


@pytest.mark.parametrize("workers", [0, 2])
def test_what_a_constructor_raises_is_its_members_own_failure(place: Place, clip: Path, quiet: Any, workers: int) -> None:
    place.control.set(cut_analysis={"do": "raise", "phase": "make"})
    with place.session(placement={"workers": workers}) as session:
        document = session.analyze(clip).document
    assert (document.analyzers["cut_analysis"].status, document.analyzers["cut_analysis"].code) == ("failed", "load_failed")
    assert document.analyzers["temporal_flow"].code == "dependency_failed"
    same(document, quiet, besides=("cut_analysis", "temporal_flow", "cross_analyzer_intelligence"))


def test_a_worker_that_cannot_be_started_again_is_told(place: Place, clip: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = [0]

    class Refused(WorkerProcess):
        def __init__(self, *args: Any) -> None:
            made[0] += 1
            if made[0] > 2:
                raise RuntimeError("can't start new thread")
            super().__init__(*args)

    monkeypatch.setattr(local, "WorkerProcess", Refused)
    place.control.set(cut_analysis={"do": "sigkill", "phase": "feed", "window": 1, "times": 1})
    with place.session() as session:
        entries = in_time(lambda: session.analyze(clip)).document.analyzers
    assert entries["cut_analysis"].code == "worker_failed"
    assert {e.status for e in entries.values() if e.attempts} <= {"ok", "failed"}


def test_closing_does_not_wait_for_a_process_that_a_member_left_behind(place: Place, clip: Path, quiet: Any) -> None:
    place.control.set(cut_analysis={"do": "child", "phase": "load", "times": 1})
    session = place.session()
    try:
        same(session.analyze(clip).document, quiet)
    finally:
        in_time(lambda: session.close() or True)


def test_leaving_the_loop_gives_up_the_clips_of_that_loop_only(place: Place, clip: Path, quiet: Any) -> None:
    place.control.set(color_analysis={"do": "pause", "phase": "feed", "window": 2})
    begun: list[int] = []
    documents: list[Any] = []

    def item(number: int) -> int:
        begun.append(number)
        return number

    with place.session() as session:
        other = threading.Thread(target=lambda: documents.append(session.analyze(clip).document))
        other.start()
        until(lambda: place.control.marks("color_analysis"), "the other clip is on its way")
        for _ in session.each(item, range(100)):
            break
        assert len(begun) < 20
        place.control.release()
        other.join()
    same(documents[0], quiet)


def test_clips_that_had_not_begun_are_not_begun_once_they_are_given_up(place: Place, clip: Path) -> None:
    raised: list[BaseException] = []
    entered = threading.Event()

    with place.session() as session:

        def work(number: int) -> None:
            if number == 0:
                entered.wait(DEADLINE_S)
                return
            token = session._token
            entered.set()
            assert token is not None and token.wait(DEADLINE_S)  # given up before its engine knows of it
            try:
                session.analyze(clip)
            except EngineError as error:
                raised.append(error)

        results = session.each(work, [0, 1])
        next(results)
        results.close()
    assert [e.code for e in raised] == ["stopped"]  # type: ignore[attr-defined]


@pytest.mark.parametrize("step", ["reelscope.document.insights.measure_insights", "reelscope.document.report.render_report"])
def test_what_is_given_up_after_its_engine_is_done_is_not_written(
    place: Place, clip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    out = tmp_path / "out"
    reached = threading.Event()
    raised: list[EngineError] = []
    module, _, name = step.rpartition(".")
    real = getattr(importlib.import_module(module), name)

    def late(*args: Any, **kwargs: Any) -> Any:
        reached.set()
        session._token.wait(DEADLINE_S)  # given up in the middle of this step
        return real(*args, **kwargs)

    monkeypatch.setattr(step, late)

    def work(number: int) -> None:
        if number == 0:
            reached.wait(DEADLINE_S)
            return
        try:
            with out_folder(out):
                session.write(session.analyze(clip), out)
        except EngineError as error:
            raised.append(error)

    with place.session() as session:
        results = session.each(work, [0, 1])
        next(results)
        results.close()
    assert [e.code for e in raised] == ["stopped"]
    assert not out.exists()


def test_a_closed_session_refuses(place: Place, clip: Path) -> None:
    session = place.session()
    session.analyze(clip)
    session.close()
    with pytest.raises(EngineError) as caught:
        session.analyze(clip)
    assert caught.value.code == "closed"
    assert workers_of() == [] or not place.left()


def test_a_registry_that_cannot_travel_is_said_and_leaves_no_process(place: Place, clip: Path) -> None:
    before = {p.pid for p in workers_of()}
    registry = FakeRegistry(stub_analyzer("cut_analysis", frames=EVERY))
    with Session(place.settings(), registry=registry, many=True) as session, pytest.raises(EngineError) as caught:
        session.analyze(clip)
    assert caught.value.hint is not None and "placement.workers=0" in caught.value.hint
    assert {p.pid for p in workers_of()} == before


def test_a_workers_log_has_its_level_and_no_traceback_unless_debugging(place: Place, clip: Path, caplog: pytest.LogCaptureFixture) -> None:
    place.control.set(cut_analysis={"do": "raise", "phase": "feed", "window": 1})
    for level, shown in ((logging.WARNING, False), (logging.DEBUG, True)):
        caplog.clear()
        with caplog.at_level(level, logger="reelscope"), place.session() as session:
            session.analyze(clip)
        lines = [r.getMessage() for r in caplog.records if "[cpu-" in r.getMessage()]
        assert [line for line in lines if line.endswith("cut_analysis failed in feed")]
        assert any("Traceback" in line for line in lines) is shown


def test_a_worker_that_reads_nothing_any_more_is_ended(place: Place, clip: Path, quiet: Any) -> None:
    documents: list[Any] = []
    with place.session() as session:
        session.analyze(clip)
        stopped = sorted(pids(session))[0]
        os.kill(stopped, signal.SIGSTOP)
        patient = session.engine.settings
        session.engine.settings = place.settings(faults={"load_timeout_s": 3.0})  # for this one only: workers that start may take longer
        thread = threading.Thread(target=lambda: documents.append(session.analyze(clip).document), daemon=True)
        thread.start()
        until(lambda: stopped not in pids(session), "it is ended")
        session.engine.settings = patient
        in_time(lambda: thread.join() or True)
        assert stopped not in pids(session)
    same(documents[0], quiet)


SCRIPT = """
import sys
from reelscope.config import Settings
from reelscope.engine import process
from reelscope.pipeline import Session
from tests.faults.stubs import REGISTRY
process.CLOSE_S = 100.0  # of a worker that is slow to end it would tell
settings = Settings.model_validate({"placement": {"workers": 1}, "system": {
    "temp_dir": sys.argv[2], "shared_dir": sys.argv[3], "keep_results": False, "min_free_disk_mib": 0}})
session = Session(settings, registry=REGISTRY, many=True)
session.analyze(sys.argv[1])
"""


def test_a_session_that_nobody_closed_is_closed_at_exit(place: Place, clip: Path) -> None:
    started = time.monotonic()
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, str(clip), str(place.temp), str(place.shared)],
        cwd=Path(__file__).parents[2], env=place.environment, capture_output=True, text=True, timeout=300,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")
    assert place.left() == [], time.monotonic() - started
