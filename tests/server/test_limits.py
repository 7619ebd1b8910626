"""How much anybody may ask for: counted requests, waiting jobs, room on the disk."""

from __future__ import annotations

import os
import pickle
import subprocess
import threading
import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import sqlalchemy as sa

from reelscope.config import Settings
from reelscope.server.db import Database, jobs, meta, open_database
from reelscope.server.limits import DISK_LOOK_S, MIB, Buckets, DiskWatch, QueueWatch, Refusal, refuse
from tests.server.guard import Clock, Guarded, guarded, until

# --- buckets ------------------------------------------------------------------------------------------------------------------------------


def test_a_bucket_empties_and_fills() -> None:
    clock = Clock()
    buckets = Buckets(60, clock=clock)
    assert [buckets.take("a") for _ in range(60)] == [0.0] * 60
    assert buckets.take("a") == pytest.approx(1.0)
    assert buckets.take("b") == 0.0
    clock.now += 0.25
    assert buckets.take("a") == pytest.approx(0.75)  # being refused costs nothing
    clock.now += 0.75
    assert buckets.take("a") == 0.0
    assert buckets.take("a") == pytest.approx(1.0)
    clock.now += 1e6
    assert [buckets.take("a") for _ in range(60)] == [0.0] * 60  # and no more than a full one, however long it was away
    assert buckets.take("a") > 0


def test_a_bucket_holds_the_rate_in_the_long_run() -> None:
    clock = Clock()
    buckets = Buckets(120, clock=clock)
    passed = 0
    for _ in range(6000):  # ten a second for ten minutes
        passed += buckets.take("a") == 0.0
        clock.now += 0.1
    assert 10 * 120 <= passed <= 11 * 120


def test_clients_that_are_remembered_are_few() -> None:
    buckets = Buckets(1, most=100, clock=Clock())
    buckets.take("first")
    for n in range(10_000):
        buckets.take(n)
        buckets.take("first")
    assert len(buckets) == 100
    assert buckets.take("first") > 0  # who keeps asking is not forgotten


# --- refusals -----------------------------------------------------------------------------------------------------------------------------


def test_refusals_travel() -> None:
    one = Refusal(503, "m", code="c", hint="h", retry_after_s=2.1, headers={"A": "b"})
    again = pickle.loads(pickle.dumps(one))
    assert vars(again) == vars(one)
    assert again.retryable
    assert refuse(one).headers["retry-after"] == "3"
    assert not Refusal(403, "m", code="c").retryable
    assert refuse(Refusal(429, "m", code="c", retry_after_s=0.0)).headers["retry-after"] == "1"


# --- the queue ----------------------------------------------------------------------------------------------------------------------------


@pytest.fixture
def database() -> Iterator[Database]:
    made = open_database(Settings())
    made.write(meta.create_all)
    yield made
    made.close()


def put(database: Database, state: str = "queued") -> None:
    names = dict.fromkeys(("title", "source_kind", "source_name", "request", "workflow"), "x")
    row = {**names, "id": uuid.uuid4().hex, "number": 1, "state": state, "created_at": 1.0, "priority": 5, "search_text": ""}
    database.write(lambda c: c.execute(jobs.insert().values(**row)))


def code(call: Any) -> str | None:
    try:
        call()
    except Refusal as refusal:
        assert refusal.status == 503
        return refusal.code
    return None


def test_a_queue_takes_as_many_as_it_may(database: Database) -> None:
    queue = QueueWatch(database, 3, clock=Clock())  # a clock that stands: only what is counted here tells
    put(database, "running")
    put(database, "done")
    for _ in range(3):
        queue.check()
        put(database)
        queue.done(accepted=True)
    assert code(queue.check) == "queue_full"
    assert code(queue.check) == "queue_full"
    database.write(lambda c: c.execute(sa.update(jobs).values(state="running")))
    queue.check()  # seen at once, since near the limit it looks


def test_what_is_on_its_way_counts_until_it_is_refused(database: Database) -> None:
    queue = QueueWatch(database, 2, clock=Clock())
    queue.check()
    queue.check()
    assert code(queue.check) == "queue_full"
    queue.done(accepted=False)
    queue.check()


def test_a_burst_does_not_get_past_the_limit(database: Database) -> None:
    queue = QueueWatch(database, 20)
    let_in: list[int] = []
    barrier = threading.Barrier(8)

    def hand_in() -> None:
        barrier.wait(120)
        hand_in_some(8)

    def hand_in_some(count: int) -> None:
        for _ in range(count):
            if code(queue.check) is None:
                put(database)
                let_in.append(1)
                queue.done(accepted=True)

    threads = [threading.Thread(target=hand_in) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert queue.waiting <= len(let_in)
    assert 19 <= len(let_in) <= 20  # a job that is counted twice for a moment may cost a place, and never makes one
    hand_in_some(20 - len(let_in))  # what it cost is there again
    assert len(let_in) == 20 and code(queue.check) == "queue_full"
    queue._seen = None
    assert queue.waiting == len(let_in)


# --- the disk -----------------------------------------------------------------------------------------------------------------------------


class Disk:
    """A disk with so much free, in MiB; counts how often it is asked."""

    def __init__(self, free_mib: float) -> None:
        self.free_mib, self.asked = free_mib, 0

    def __call__(self, path: Path) -> Any:
        self.asked += 1
        if self.free_mib < 0:
            raise OSError(5, "Input/output error")
        return SimpleNamespace(f_bavail=int(self.free_mib * 256), f_frsize=4096, f_bfree=10**9)


def test_a_full_disk_takes_no_jobs_until_it_has_room(tmp_path: Path) -> None:
    disk, clock = Disk(100), Clock()
    watch = DiskWatch(tmp_path, 50, statvfs=disk, clock=clock)
    watch.check()
    disk.free_mib = 49.9
    clock.now += DISK_LOOK_S
    with pytest.raises(Refusal) as caught:
        watch.check()
    assert (caught.value.status, caught.value.code, caught.value.retryable) == (503, "disk_full", True)
    assert caught.value.message.startswith("49 MiB free")
    assert "50 MiB" in caught.value.message
    disk.free_mib = 50
    clock.now += DISK_LOOK_S
    watch.check()


def test_a_disk_is_asked_twice_a_second_at_most(tmp_path: Path) -> None:
    disk, clock = Disk(100), Clock()
    watch = DiskWatch(tmp_path, 50, statvfs=disk, clock=clock)
    for _ in range(1000):
        watch.check()
        clock.now += 0.002
    assert 4 <= disk.asked <= 5


def test_what_would_not_fit_is_refused_before(tmp_path: Path) -> None:
    watch = DiskWatch(tmp_path, 50, statvfs=Disk(100))
    watch.check(50 * MIB)
    assert code(lambda: watch.check(50 * MIB + 1)) == "disk_full"


def test_a_disk_that_fails_takes_no_jobs(tmp_path: Path) -> None:
    assert code(DiskWatch(tmp_path, 0, statvfs=Disk(-1)).check) == "disk_failed"


def test_a_folder_that_is_not_there_yet(tmp_path: Path) -> None:
    assert DiskWatch(tmp_path / "a" / "b", 1).free_bytes > 0


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 8 MiB, where mounting one is allowed."""
    folder = tmp_path / "small"
    folder.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=8m", "reelscope-test", str(folder)], capture_output=True, check=False)
    if mounted.returncode != 0:
        pytest.skip("needs leave to mount a tmpfs, which this machine does not give")
    try:
        yield folder
    finally:
        subprocess.run(["umount", str(folder)], check=True)


def test_on_a_small_disk(small_disk: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REELSCOPE_DATA_DIR", str(small_disk))
    g = guarded(min_free_disk_mib=4)
    try:
        _drive(g, small_disk)
    finally:
        g.database.close()


def _drive(g: Guarded, folder: Path) -> None:
    def status() -> int:
        return g.ask("POST", "/analyses", json={}).status_code

    assert status() == 202
    filler = folder / "filler"
    filler.write_bytes(os.urandom(4 * MIB))
    filled = time.monotonic()
    until(lambda: status() == 503)
    assert time.monotonic() - filled < 2.0
    response = g.ask("POST", "/analyses", json={})
    assert response.json()["code"] == "disk_full"
    assert response.json()["retryable"]
    assert int(response.headers["retry-after"]) >= 1
    assert f"{g.security.disk.free_bytes // MIB} MiB free" in response.json()["message"]
    assert g.ask("GET", "/analyses").status_code == 200  # what is there can be read
    filler.unlink()
    until(lambda: status() == 202)

    # an upload that fits by what it says, while something else fills the disk
    async def body() -> Any:
        yield b"x" * 65536
        filler.write_bytes(os.urandom(4 * MIB))
        end = time.monotonic() + 10
        while time.monotonic() < end:
            yield b"x" * 1024

    began = time.monotonic()
    response = g.ask("POST", "/analyses/upload", content=body(), headers={"Content-Type": "multipart/form-data; boundary=b"})
    assert (response.status_code, response.json()["code"]) == (503, "disk_full")
    assert time.monotonic() - began < 5
    assert g.got == []  # the app never saw it whole
