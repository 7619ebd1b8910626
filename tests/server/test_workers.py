"""Real worker processes: a job's whole way, and every way in which one can be cut short."""

from __future__ import annotations

import ctypes
import json
import os
import platform
import shutil
import signal
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path

import psutil
import pytest

from reelscope.document.schema import Document
from reelscope.server import supervise
from reelscope.server.calling import share_secret
from reelscope.server.monitor.logs import story
from tests.server.places import BROKEN, CHEAP, Place, place, small_clip, until

SYS_TGKILL = {"x86_64": 234, "aarch64": 131}[platform.machine()]


@pytest.fixture
def here(tmp_path: Path, database_url: str) -> Iterator[Place]:
    with place(tmp_path / "data", database_url) as found:
        yield found


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return small_clip(tmp_path_factory.mktemp("clip"))


def named(clip: Path, folder: Path, name: str) -> Path:
    return Path(shutil.copy(clip, folder / name))


def running(here: Place, *jobs: object) -> bool:
    return all(here.now(job).state == "running" for job in jobs)  # type: ignore[arg-type]


def states(here: Place, job: object) -> list[str]:
    return [e.data["state"] for e in here.jobs.events_after(job.id, 0) if e.kind == "state"]  # type: ignore[attr-defined]


def test_the_whole_way(here: Place, clip: Path) -> None:
    with here.workers():
        (done,) = here.ended(here.put(clip))
    assert (done.state, done.ok, done.failed, done.attempts) == ("done", len(CHEAP), 0, 1)
    files = here.jobs.files(done.id)
    document = Document.model_validate_json(here.blobs.path(files["analysis.json"][0]).read_bytes())
    assert document.source.sha256 == files["clip"][0] == done.clip_sha256
    assert document.source.path == clip.name  # not where it lies in our folder
    assert {row.keyframe for row in document.shots} <= set(files)
    assert states(here, done) == ["queued", "running", "done"]
    assert list((here.data_dir / "spare").iterdir()) == []
    assert all(w.state == "gone" for w in here.fleet.all())


def test_what_is_no_clip_fails_with_the_reason(here: Place, tmp_path: Path) -> None:
    junk = tmp_path / "junk.mp4"
    junk.write_bytes(b"nothing that plays" * 100)
    with here.workers():
        (failed,) = here.ended(here.put(junk))
    error = json.loads(failed.error or "{}")
    assert failed.state == "failed" and error["code"] == "is_text" and error["hint"], error
    assert error["message"].startswith("junk.mp4: ")  # as it was handed in, not where it lies in our folder
    assert failed.attempts == 1


def test_cancelling_stops_the_work_within_seconds(here: Place, clip: Path, tmp_path: Path) -> None:
    with here.workers(command=BROKEN):
        job = here.put(named(clip, tmp_path, "waits.mp4"))
        until(lambda: running(here, job))
        here.jobs.cancel(job.id)
        asked = time.monotonic()
        until(lambda: not any(w.doing for w in here.fleet.all() if w.alive), seconds=10.0)
        assert time.monotonic() - asked < 10.0
        (after,) = here.ended(here.put(clip))  # and there is room for the next
    assert after.state == "done"
    assert states(here, job) == ["queued", "running", "cancelled"]


def test_a_clip_that_kills_its_workers_is_given_up_and_takes_nobody_along(here: Place, clip: Path, tmp_path: Path) -> None:
    with here.workers(command=BROKEN) as supervisor:
        bad = here.put(named(clip, tmp_path, "dies.mp4"))
        good = [here.put(clip) for _ in range(3)]
        ended = here.ended(bad, *good)
        assert supervisor.restarts >= 2
    assert [job.state for job in ended] == ["failed", "done", "done", "done"]
    assert json.loads(ended[0].error or "{}")["code"] == "worker_died"


def test_a_bug_of_ours_ends_its_job_and_no_other(here: Place, clip: Path, tmp_path: Path) -> None:
    with here.workers(command=BROKEN) as supervisor:
        bad, good = here.ended(here.put(named(clip, tmp_path, "bug.mp4")), here.put(clip))
        assert supervisor.restarts == 0
    assert json.loads(bad.error or "{}")["code"] == "internal"
    assert good.state == "done"


def test_a_worker_that_is_killed_loses_nothing(here: Place, clip: Path, tmp_path: Path) -> None:
    here.hold.touch()
    with here.workers(command=BROKEN) as supervisor:
        jobs = [here.put(named(clip, tmp_path, "held.mp4")) for _ in range(6)]
        until(lambda: any(running(here, job) for job in jobs))
        os.kill(supervisor.pids()[0], signal.SIGKILL)
        here.hold.unlink()
        ended = here.ended(*jobs)
        assert supervisor.restarts == 1
    assert [job.state for job in ended] == ["done"] * 6
    assert all(states(here, job).count("done") == 1 for job in jobs)


def test_ending_hands_back_what_does_not_end_in_time(here: Place, clip: Path, tmp_path: Path) -> None:
    with here.workers(command=BROKEN):
        job = here.put(named(clip, tmp_path, "waits.mp4"))
        until(lambda: running(here, job))
        began = time.monotonic()
    assert time.monotonic() - began < here.settings.server.drain_s + 40
    after = here.now(job)
    assert (after.state, after.attempts, after.strikes) == ("queued", 0, 0)  # of a worker that was killed the attempt would count
    assert here.jobs.durable.states([job.workflow]) == {job.workflow: "ENQUEUED"}


def test_ending_lets_a_clip_end(clip: Path, tmp_path: Path, database_url: str) -> None:
    with place(tmp_path / "data", database_url, drain_s=300.0) as here:
        with here.workers():
            job = here.put(clip)
            until(lambda: here.now(job).state != "queued")
        assert here.now(job).state == "done"


def test_a_signal_counts_whichever_thread_it_is_given_to(here: Place, clip: Path) -> None:
    """The kernel gives it to any thread of the process; the main one, which runs Python's handlers, may not even notice."""
    with here.workers() as supervisor:
        (done,) = here.ended(here.put(clip))
        (pid,) = supervisor.pids()
        threads = [int(task.name) for task in Path(f"/proc/{pid}/task").iterdir() if int(task.name) != pid]
        # the newest that is still there: one of the job's may be about to end
        assert any(ctypes.CDLL(None).syscall(SYS_TGKILL, pid, thread, signal.SIGTERM) == 0 for thread in reversed(threads))
        until(lambda: supervisor.restarts == 1)
    assert done.state == "done"


def test_a_worker_on_another_folder_than_the_server_s_takes_no_jobs(here: Place, clip: Path, tmp_path: Path) -> None:
    """`reelscope worker` without --server on another machine: it would fail every job of the queue, since no clip is there."""
    (tmp_path / "elsewhere").mkdir()
    share_secret(here.database, tmp_path / "elsewhere")
    with here.workers():
        job = here.put(clip)
        until(lambda: any(w.state == "starting" and w.sample for w in here.fleet.all()))
        assert here.now(job).state == "queued"
        share_secret(here.database, here.data_dir)
        assert here.ended(job)[0].state == "done"


def free(here: Place) -> bool:
    """Whether nobody else is in the middle of a transaction that others wait for."""
    if here.database.sqlite:
        with closing(sqlite3.connect(here.database.engine.url.database or "", timeout=0.0)) as own:
            try:
                own.execute("BEGIN IMMEDIATE")
            except sqlite3.OperationalError:
                return False
            return True
    others = "datname = current_database() AND pid <> pg_backend_pid() AND backend_xid IS NOT NULL"
    return here.database.read(lambda c: c.exec_driver_sql(f"SELECT count(*) FROM pg_stat_activity WHERE {others}").scalar()) == 0


def stop(here: Place, pid: int) -> None:
    """Stop a process, and not in the middle of a transaction: there it would hold up the others, who are to go on without it."""

    def stopped() -> bool:
        os.kill(pid, signal.SIGSTOP)
        for _ in range(20):
            time.sleep(0.05)
            if free(here):
                return True
        os.kill(pid, signal.SIGCONT)
        return False

    until(stopped)


def test_a_worker_that_was_stopped_for_long_changes_nothing_and_ends(
    here: Place, clip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It sleeps (a suspended machine), is taken for lost, another one does its job, and it wakes up."""
    monkeypatch.setattr(supervise, "LOST_S", 600.0)  # it is to end by itself, and nobody takes its place while it sleeps
    with here.workers(command=BROKEN) as supervisor:
        job = here.put(named(clip, tmp_path, "waits.mp4"))
        until(lambda: running(here, job))
        first, pid = here.now(job).worker, supervisor.pids()[0]
        assert first is not None
        stop(here, pid)
        here.fleet.bury(first)  # what everybody does when there was no beat for LEASE_S
        assert here.now(job).state == "queued"
        other = here.jobs.claim(job.id, "other")
        assert other is not None
        os.kill(pid, signal.SIGCONT)
        until(lambda: supervisor.restarts == 1)
        assert (here.now(job).worker, here.now(job).fence) == ("other", other.fence)
        here.jobs.cancel(job.id)


def test_two_workers_share_the_queue(here: Place, clip: Path, tmp_path: Path) -> None:
    here.hold.touch()  # or the quicker one might have done them all
    with here.workers(2, command=BROKEN):
        jobs = [here.put(named(clip, tmp_path, "held.mp4")) for _ in range(8)]
        until(lambda: len({now.worker for now in map(here.now, jobs) if now.state == "running"}) == 2)
        here.hold.unlink()
        here.ended(*jobs)
    who = {e.data["worker"] for job in jobs for e in here.jobs.events_after(job.id, 0) if e.data.get("state") == "running"}
    assert len(who) == 2


def test_nothing_is_left_behind(here: Place, clip: Path) -> None:
    before = {p.pid for p in psutil.Process().children(recursive=True)}
    with here.workers():
        here.ended(here.put(clip))

    def left() -> list[psutil.Process]:
        found = []
        for process in psutil.Process().children(recursive=True):
            with suppress(psutil.NoSuchProcess):  # it ended between two questions
                # the database of the whole session tidies up when it likes
                if process.pid not in before and process.status() != psutil.STATUS_ZOMBIE and process.name() != "postgres":
                    found.append(process)
        return found

    until(lambda: left() == [], lambda: str(left()))
    assert list((here.data_dir / "workers").iterdir()) == []


def test_the_log_tells_the_story_of_one_job(here: Place, clip: Path, tmp_path: Path) -> None:
    with here.workers(command=BROKEN):
        good, bad = here.put(clip), here.put(named(clip, tmp_path, "bug.mp4"))
        here.ended(good, bad)
    lines = story(bad.id, here.data_dir)
    assert {line["job"] for line in lines} == {bad.id} and all(line["worker"] for line in lines)
    assert any("ZeroDivisionError" in json.dumps(line) for line in lines)
    assert not any("ZeroDivisionError" in json.dumps(line) for line in story(good.id, here.data_dir))
