"""Who is taken for gone, and what becomes of what they held."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from reelscope.server import fleet
from reelscope.server.db import now, workers
from reelscope.server.fleet import WorkerLock, new_worker_id
from tests.server.places import Place, place, small_clip, until

pytestmark = pytest.mark.usefixtures("rows_are_workers")  # lease and grace are hours: no stall between two lines is a silence
HOUR_S = 3600.0


@pytest.fixture
def here(tmp_path: Path, database_url: str) -> Iterator[Place]:
    with place(tmp_path / "data", database_url) as found:
        yield found


def silent_for(here: Place, worker: str, seconds: float) -> None:
    here.database.write(lambda c: c.execute(sa.update(workers).where(workers.c.id == worker).values(beat_at=now() - seconds)))


def test_ids_are_never_the_same() -> None:
    assert len({new_worker_id("1") for _ in range(1000)}) == 1000


def test_a_worker_without_a_beat_is_gone_and_its_jobs_wait_again(here: Place, tmp_path: Path) -> None:
    lock = WorkerLock(here.data_dir, "w1")
    here.fleet.enter("w1", restarts=0)
    job = here.put(small_clip(tmp_path))
    assert here.jobs.claim(job.id, "w1") is not None
    assert here.fleet.look() == []
    silent_for(here, "w1", fleet.LEASE_S - HOUR_S / 2)
    assert here.fleet.look() == []
    silent_for(here, "w1", fleet.LEASE_S + 1)
    assert here.fleet.look() == ["w1"]
    assert here.now(job).state == "queued"
    assert not here.fleet.beat("w1", "ready", [], {})  # a late riser is told
    assert here.fleet.look() == []
    lock.close()


def test_who_did_not_look_for_long_judges_nobody_by_its_silence(here: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The machine slept, or the database was away: nobody could beat, and the first one awake must not bury the others."""
    clock = [0.0]
    monkeypatch.setattr(fleet.time, "clock_gettime", lambda which: clock[0])
    lock = WorkerLock(here.data_dir, "w1")
    here.fleet.enter("w1", restarts=0)
    for gap, age, gone in [
        (0.0, 0.0, []),
        (fleet.LEASE_S * 1.5, fleet.LEASE_S * 1.5, []),
        (fleet.LEASE_S * 0.4, fleet.LEASE_S * 1.9, []),
        (fleet.LEASE_S * 0.4, fleet.LEASE_S * 2.3, []),
        (fleet.LEASE_S * 0.3, fleet.LEASE_S * 2.6, ["w1"]),  # it had its time to beat
    ]:
        clock[0] += gap
        silent_for(here, "w1", age)
        assert here.fleet.look() == gone
    lock.close()


def test_who_is_dead_by_its_lock_is_buried_however_late(here: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = [0.0]
    monkeypatch.setattr(fleet.time, "clock_gettime", lambda which: clock[0])
    here.fleet.enter("w1", restarts=0)  # nobody holds its lock
    assert here.fleet.look() == []
    clock[0] += fleet.LEASE_S
    silent_for(here, "w1", fleet.LEASE_S)
    assert here.fleet.look() == ["w1"]


def test_a_worker_of_another_machine_has_no_lock_here(here: Place) -> None:
    here.fleet.enter("far", restarts=0)
    here.database.write(lambda c: c.execute(sa.update(workers).where(workers.c.id == "far").values(host="elsewhere")))
    silent_for(here, "far", fleet.GRACE_S + 1)  # one of this machine would be looked for
    assert here.fleet.look() == []


def test_the_lock_of_a_killed_process_is_free_at_once_and_a_moment_is_left_to_its_supervisor(here: Place) -> None:
    code = (
        "import sys; from pathlib import Path; from reelscope.server.fleet import WorkerLock\n"
        "lock = WorkerLock(Path(sys.argv[1]), 'w1'); print('held', flush=True); sys.stdin.read()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code, str(here.data_dir)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        here.fleet.enter("w1", restarts=0)
        assert not WorkerLock.free(here.data_dir, "w1")
        assert here.fleet.look() == []
        process.kill()
    assert here.fleet.look() == []  # its supervisor's to bury, which knows how it died
    silent_for(here, "w1", fleet.GRACE_S)
    assert here.fleet.look() == ["w1"]
    assert not (here.data_dir / "workers" / "w1.lock").exists()


def test_burying_twice_is_burying_once(here: Place, tmp_path: Path) -> None:
    lock = WorkerLock(here.data_dir, "w1")
    here.fleet.enter("w1", restarts=0)
    job = here.put(small_clip(tmp_path))
    here.jobs.claim(job.id, "w1")
    here.fleet.bury("w1", strike=True)
    here.fleet.bury("w1", strike=True)
    assert here.now(job).strikes == 1
    lock.close()


def test_a_job_that_somebody_gone_claimed_too_late_waits_again(here: Place, tmp_path: Path) -> None:
    """It slept, was buried, woke up in the middle of a claim and died of a power cut: nothing in the queue's books names it."""
    lock = WorkerLock(here.data_dir, "w1")
    here.fleet.enter("w1", restarts=0)
    job = here.put(small_clip(tmp_path))
    here.fleet.bury("w1")
    assert here.jobs.claim(job.id, "w1") is not None
    assert here.jobs.durable.pending() == {}
    here.fleet.look()
    assert here.now(job).state == "queued"
    lock.close()


def test_rows_of_the_gone_are_kept_for_a_while(here: Place) -> None:
    here.fleet.enter("w1", restarts=2)
    here.fleet.bury("w1")
    here.fleet.look()
    assert [(w.id, w.state, w.restarts, w.pid) for w in here.fleet.all()] == [("w1", "gone", 2, os.getpid())]
    silent_for(here, "w1", 1e6)
    here.fleet.look()
    assert here.fleet.all() == []


def test_beats_tell_what_a_worker_does(here: Place) -> None:
    here.fleet.enter("w1", restarts=0)
    assert here.fleet.beat("w1", "ready", [{"job": "x"}], {"rss_mib": 1.5})
    found = here.fleet.all()[0]
    assert (found.state, found.doing, found.sample, found.alive) == ("ready", [{"job": "x"}], {"rss_mib": 1.5}, True)
    until(lambda: here.fleet.all()[0].beat_age_s > 0)


def test_the_lock_of_a_worker_that_died_before_it_had_a_row_goes(here: Place) -> None:
    held = WorkerLock(here.data_dir, "starting")
    (here.data_dir / "workers" / "dead.lock").touch()
    here.fleet.look()
    assert [p.name for p in (here.data_dir / "workers").iterdir()] == ["starting.lock"]
    held.close()
