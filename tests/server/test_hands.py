"""What a worker does with a job where it cannot do it, or is told to end at the wrong moment; no processes."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from reelscope.errors import ConfigError, EngineError, OutputError
from reelscope.events import EventBus
from reelscope.server import work as module
from reelscope.server.blobs import LocalBlobs
from reelscope.server.db import jobs
from reelscope.server.jobs import Job
from reelscope.server.remote import RemoteBlobs
from reelscope.server.work import Work
from tests.server.places import DEADLINE_S, Place, place, until


class _Session:
    """A session whose clips take as long as the test wants, and fail as it wants."""

    def __init__(self, here: Place) -> None:
        self.settings, self.events = here.settings, EventBus()
        self.go = threading.Event()
        self.error: Exception = EngineError("the session is closed", code="closed")
        self.begun = 0

    def analyze(self, *args: Any, stop: threading.Event, **more: Any) -> None:
        self.begun += 1
        while not self.go.wait(0.01):
            if stop.is_set():
                raise EngineError("stopped", code="stopped", retryable=True)
        raise self.error

    def stop_clip(self, stop: threading.Event) -> None:
        pass


class Hands:
    """A worker's Work, its jobs run in threads as DBOS does."""

    def __init__(self, here: Place) -> None:
        self.here, self.session = here, _Session(here)
        self.end, self.parked, self.unfit = threading.Event(), 0, 0
        (here.data_dir / "spare").mkdir()
        self.work = Work(
            here.jobs, here.blobs, self.session, worker="w1", spare=here.data_dir / "spare", parked=self._park, unfit=self._unfit,  # type: ignore[arg-type]
        )  # fmt: skip
        self.threads: list[threading.Thread] = []

    def _park(self) -> None:
        self.parked += 1
        self.end.wait()

    def _unfit(self) -> None:
        self.unfit += 1
        self.work.drain()

    def take(self, job: Job) -> None:
        self.threads.append(threading.Thread(target=self.work.run, args=(job.id,)))
        self.threads[-1].start()

    def close(self) -> None:
        self.session.go.set()
        self.work.drain()
        self.end.set()
        for thread in self.threads:
            thread.join(DEADLINE_S)
            assert not thread.is_alive()


@pytest.fixture
def here(tmp_path: Path) -> Iterator[Place]:
    with place(tmp_path / "data", f"sqlite:///{tmp_path}/x.sqlite3") as found:
        yield found


@pytest.fixture
def hands(here: Place) -> Iterator[Hands]:
    found = Hands(here)
    yield found
    found.close()


def put(here: Place, name: str = "a.mp4") -> Job:
    clip = here.data_dir / name
    clip.write_bytes(b"a clip")
    return here.put(clip)


def test_a_job_that_waits_for_its_turn_is_not_begun_by_a_worker_that_ends(here: Place, hands: Hands) -> None:
    """One that a worker died over goes alone; it must not begin when the others were let end, in a session that is being closed."""
    first, alone = put(here), put(here, "b.mp4")
    here.database.write(lambda c: c.execute(jobs.update().where(jobs.c.id == alone.id).values(strikes=1)))
    hands.take(first)
    until(lambda: hands.session.begun == 1)
    hands.take(alone)
    until(lambda: hands.work._inside == 2)
    assert here.now(alone).state == "queued"  # not claimed: it would share the blame where this worker dies over the first
    hands.work.drain()
    assert hands.work.busy
    hands.session.error = OutputError("broken", code="broken")
    hands.session.go.set()
    until(lambda: not hands.work.busy and hands.parked > 0)  # it is out of its hands a moment before it is parked
    assert (here.now(first).state, here.now(alone).state, here.now(alone).attempts) == ("failed", "queued", 0)
    assert hands.session.begun == 1 and hands.parked == 1


def test_a_job_counts_as_in_its_hands_from_before_the_claim(here: Place, hands: Hands, monkeypatch: pytest.MonkeyPatch) -> None:
    real, reached, go = here.jobs.claim, threading.Event(), threading.Event()

    def slow(*args: Any) -> Any:
        reached.set()
        go.wait(DEADLINE_S)
        return real(*args)

    monkeypatch.setattr(here.jobs, "claim", slow)
    job = put(here)
    hands.take(job)
    assert reached.wait(DEADLINE_S)
    hands.work.drain()
    assert hands.work.busy  # a worker that ends waits for it
    go.set()
    until(lambda: not hands.work.busy)
    assert (here.now(job).state, hands.session.begun) == ("queued", 0)


@pytest.mark.parametrize(
    "error",
    [EngineError("away", code="server_away", retryable=True), ConfigError("the server refuses this worker's token", code="token_refused")],
)
def test_a_worker_that_cannot_reach_the_server_s_files_fails_no_job(here: Place, hands: Hands, error: Exception) -> None:
    queue = [put(here, f"{i}.mp4") for i in range(3)]
    hands.session.error = error
    hands.session.go.set()
    for job in queue:
        hands.take(job)
    until(lambda: hands.parked == 3 and not hands.work.busy)
    assert [(here.now(job).state, here.now(job).attempts) for job in queue] == [("queued", 0)] * 3
    assert hands.unfit >= 1


def test_a_full_disk_keeps_jobs_waiting_and_fails_none(here: Place, hands: Hands, monkeypatch: pytest.MonkeyPatch) -> None:
    full, looks = threading.Event(), []
    full.set()

    def room(folder: Path, mib: int) -> None:
        looks.append(folder)
        if full.is_set():
            raise OutputError("full", code="disk_full")

    monkeypatch.setattr(module, "check_room", room)
    monkeypatch.setattr(module, "ROOM_S", 0.02)
    waits, stays = put(here), put(here, "b.mp4")
    hands.take(waits)
    until(lambda: len(looks) > 5)
    assert here.now(waits).state == "queued" and not hands.work.busy
    full.clear()  # somebody makes room
    until(lambda: here.now(waits).state == "running")
    full.set()
    hands.take(stays)
    hands.work.drain()
    until(lambda: hands.parked == 1)
    assert here.now(stays).state == "queued"


def test_a_bug_after_the_claim_ends_the_process_and_not_the_job(here: Place, hands: Hands, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*args: Any) -> Any:
        raise TypeError("a bug of ours")

    monkeypatch.setattr(here.jobs, "fail", broken)
    hands.session.go.set()
    job = put(here)
    hands.take(job)
    until(lambda: hands.unfit == 1 and hands.parked == 1)
    assert here.now(job).state == "running"  # until this process is gone:
    here.jobs.lost("w1", strike=False)
    assert here.now(job).state == "queued"


def test_no_job_is_taken_before_the_server_lets_the_worker_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stop, asked = threading.Event(), []
    remote = RemoteBlobs("http://127.0.0.1:9", "rs_x", LocalBlobs(tmp_path), stop=stop)

    class _Answer:
        status_code = 401

    def head(path: str) -> Any:
        asked.append(path)
        if len(asked) == 3:
            _Answer.status_code = 404
        return _Answer

    monkeypatch.setattr(remote._client, "head", head)
    assert remote.reach() and len(asked) == 3
    _Answer.status_code = 403
    asked[:] = ["", "", ""]
    stop.set()
    assert not remote.reach()
    remote.close()
