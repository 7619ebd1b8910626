"""Workers that are killed, crash, end or hang: who is tried again, who is given up, and that all others have what a quiet run gives."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import psutil
import pytest

from reelscope.document.schema import Document
from reelscope.pipeline import Session
from tests.faults.misdeeds import Control
from tests.faults.tools import Place, impatient, same, until, workers_of


def test_a_quiet_run_needs_one_pass_and_one_attempt(quiet: Document) -> None:
    ran = {n: e for n, e in quiet.analyzers.items() if e.status != "unavailable"}
    assert len(ran) == 10
    assert {(e.status, e.attempts) for e in ran.values()} == {("ok", 1)}
    assert (quiet.run.passes, quiet.media.frames_decoded) == (1, 90)


@pytest.mark.parametrize(
    ("name", "phase"),
    [
        ("cut_analysis", "load"),
        ("color_analysis", "begin"),
        ("cut_analysis", "feed"),
        ("people", "feed"),
        ("cut_analysis", "finish"),
        ("people", "finish"),
        ("audio_analysis", "finish"),
        ("temporal_flow", "finish"),
    ],
)
def test_who_was_running_when_its_worker_was_killed_is_tried_again(
    session: Session, control: Control, clip: Path, quiet: Document, name: str, phase: str
) -> None:
    if phase == "load":  # only a new worker loads
        for worker in workers_of():
            worker.kill()
    misdeed = {"do": "sigkill", "phase": phase, "times": 1} | ({"window": 2} if phase == "feed" else {})
    control.set(**{name: misdeed})
    document = session.analyze(clip).document
    same(document, quiet)
    assert len(control.marks(name)) == 1
    if name != "people":
        assert document.analyzers[name].attempts >= 2


def test_workers_that_died_before_the_clip_count_against_nobody(session: Session, control: Control, clip: Path, quiet: Document) -> None:
    stopped = [seat.host for seat in session.engine._seats.values()]
    with session.engine._lock:  # so that nobody notices before the clip has begun on them
        for host in stopped:
            host.process.kill()
            host.process.wait()
    control.set(cut_analysis={"do": "sigkill", "phase": "feed", "window": 2, "times": 1})
    document = session.analyze(clip).document
    same(document, quiet)


@pytest.mark.parametrize("deed", ["segfault", "exit", "fork", "hang", "hang_locked"])
def test_a_worker_that_ends_or_hangs_once_costs_a_second_pass(
    session: Session, control: Control, clip: Path, quiet: Document, monkeypatch: pytest.MonkeyPatch, deed: str
) -> None:
    impatient(monkeypatch, control, "cut_analysis", window_timeout_s=3.0)
    control.set(cut_analysis={"do": deed, "phase": "feed", "window": 2, "times": 1})
    document = session.analyze(clip).document
    same(document, quiet)
    assert document.analyzers["cut_analysis"].attempts == 2
    assert 2 <= document.run.passes <= 3  # the others of its worker together, then it alone
    assert len(control.marks("cut_analysis")) == 1
    if deed == "fork":
        until(lambda: control.lines("forked"), "what it forked says who it is")
    control.release()
    until(lambda: not any(psutil.pid_exists(int(pid)) for pid in control.lines("forked")), "what it forked ends")


def test_hanging_in_finish_and_again_is_a_timeout(
    session: Session, control: Control, clip: Path, quiet: Document, monkeypatch: pytest.MonkeyPatch
) -> None:
    impatient(monkeypatch, control, "eye_tracking", tries=2, window_timeout_s=3.0)
    # in the middle of the hang: a worker that ends before it costs a round in which nothing hangs yet
    exits = {"do": "exit", "phase": "finish", "times": 1, "after": "eye_tracking"}
    control.set(eye_tracking={"do": "hang", "phase": "finish"}, body_pose=exits)
    document = session.analyze(clip).document
    same(document, quiet, besides=["eye_tracking"])
    entry = document.analyzers["eye_tracking"]
    assert (entry.status, entry.code, entry.attempts) == ("timeout", "deadline", 2)


def test_a_poison_is_given_up_after_two_tries_with_all_that_needs_it(
    session: Session, control: Control, clip: Path, quiet: Document
) -> None:
    control.set(cut_analysis={"do": "sigkill", "phase": "feed", "window": 1})
    document = session.analyze(clip).document
    same(document, quiet, besides=["cut_analysis", "temporal_flow", "cross_analyzer_intelligence"])
    entries = document.analyzers
    assert (entries["cut_analysis"].status, entries["cut_analysis"].code, entries["cut_analysis"].attempts) == ("failed", "worker_died", 2)
    assert "SIGKILL" in (entries["cut_analysis"].reason or "")
    assert (entries["temporal_flow"].status, entries["temporal_flow"].code) == ("failed", "dependency_failed")
    assert "cut_analysis" in (entries["temporal_flow"].reason or "")
    # it may use what has failed, and does not need it
    assert entries["cross_analyzer_intelligence"].status == "ok"
    assert set(entries["cross_analyzer_intelligence"].segments[0].model_dump()["read"]) == {"color_analysis"}
    assert len(control.marks("cut_analysis")) == 2


def test_a_poisonous_feature_takes_its_readers_with_it_and_nobody_else(
    session: Session, control: Control, clip: Path, quiet: Document
) -> None:
    control.set(people={"do": "sigkill", "phase": "feed", "window": 3})
    document = session.analyze(clip).document
    same(document, quiet, besides=["body_pose", "eye_tracking"])
    assert {document.analyzers[n].code for n in ("body_pose", "eye_tracking")} == {"dependency_failed"}


def test_two_poisons_at_once_are_both_found_out(session: Session, control: Control, clip: Path, quiet: Document) -> None:
    control.set(
        cut_analysis={"do": "sigkill", "phase": "feed", "window": 0},
        color_analysis={"do": "segfault", "phase": "feed", "window": 0},
        audio_analysis={"do": "exit", "phase": "finish"},
        speech_flow={"do": "sigkill", "phase": "finish"},
    )
    document = session.analyze(clip).document
    poisons = ["cut_analysis", "color_analysis", "audio_analysis", "speech_flow"]
    same(document, quiet, besides=[*poisons, "temporal_flow", "cross_analyzer_intelligence"])
    assert {document.analyzers[n].code for n in poisons} == {"worker_died"}
    assert document.analyzers["temporal_flow"].code == "dependency_failed"
    assert document.analyzers["cross_analyzer_intelligence"].status == "ok"


def test_the_next_clip_is_as_if_nothing_had_been(session: Session, control: Control, clip: Path, quiet: Document) -> None:
    control.set(cut_analysis={"do": "sigkill", "phase": "feed"})
    assert session.analyze(clip).document.analyzers["cut_analysis"].code == "worker_died"
    control.set()
    document = session.analyze(clip).document
    same(document, quiet)
    assert (document.run.passes, {e.attempts for e in document.analyzers.values()}) == (1, {0, 1})


def test_a_worker_that_died_between_two_clips_costs_no_result(session: Session, control: Control, clip: Path, quiet: Document) -> None:
    session.analyze(clip)
    for worker in workers_of():
        worker.kill()
    same(session.analyze(clip).document, quiet)


def test_a_death_before_anything_was_begun_costs_nothing(
    session: Session, control: Control, clip: Path, quiet: Document, monkeypatch: pytest.MonkeyPatch
) -> None:
    session.analyze(clip)
    engine = session.engine
    sit = engine._sit

    def sit_and_lose_all(*arguments: Any) -> None:
        sit(*arguments)
        lives = {name: seat.life for name, seat in engine._seats.items()}
        for worker in workers_of():
            worker.kill()
        until(lambda: all(engine._seats[name].life > life for name, life in lives.items()), "others sit in their places")

    monkeypatch.setattr(engine, "_sit", sit_and_lose_all)
    document = session.analyze(clip).document
    same(document, quiet)
    assert (document.run.passes, {e.attempts for e in document.analyzers.values()}) == (1, {0, 1})


def test_a_poison_in_one_clip_is_not_held_against_the_clips_beside_it(
    session: Session, control: Control, clip: Path, quiet: Document, tmp_path: Path
) -> None:
    poisoned = tmp_path / "poisoned.mp4"
    shutil.copy(clip, poisoned)
    control.set(cut_analysis={"do": "sigkill", "phase": "finish", "clip": poisoned.name})
    for source, analysis in session.analyze_many([poisoned, clip, poisoned, clip, clip]):
        assert not isinstance(analysis, Exception)
        if source == clip:
            same(analysis.document, quiet)
        else:
            ran = {n: e for n, e in analysis.document.analyzers.items() if e.status != "unavailable"}
            assert {n: e.code for n, e in ran.items() if e.status != "ok"} == {
                "cut_analysis": "worker_died",
                "temporal_flow": "dependency_failed",
            }


def test_nothing_stays_in_use_after_losses(session: Session, control: Control, clip: Path, shared_place: Place) -> None:
    control.set(cut_analysis={"do": "sigkill", "phase": "feed", "window": 2, "times": 1})
    session.analyze(clip)
    assert session.engine._pool is not None and session.engine._pool.in_use == 0
    assert len(workers_of()) == 2
    names = [name for name in shared_place.left() if "worker-" in name]
    assert len(names) == 4  # a board and an error output for each worker that lives
