"""A fleet as it is meant: a server and three workers with a data folder each, sharing PostgreSQL and HTTP and nothing else."""

from __future__ import annotations

import hashlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest
import sqlalchemy as sa

from reelscope.document.schema import Document
from reelscope.server.db import Database
from reelscope.server.db import jobs as table
from tests.postgres import Postgres
from tests.server.conftest import Served
from tests.server.places import CHEAP, small_clip, until

pytestmark = pytest.mark.system


class Station:
    """`reelscope worker` as a process, on a data folder of its own."""

    def __init__(self, folder: Path, server: str, database: str, token: Path) -> None:
        folder.mkdir()
        self.folder = folder
        self.errors = folder.parent / f"{folder.name}.err"
        env = {**os.environ, "REELSCOPE_DATA_DIR": str(folder), "REELSCOPE_SERVER__DATABASE": database}
        command = [sys.executable, "-m", "reelscope", "worker", "--server", server, "--token-file", str(token)]
        command += ["--set", "placement.threads=1", "--set", "server.drain_s=5"]
        with self.errors.open("wb") as errors:
            self.process = subprocess.Popen(command, env=env, stdout=subprocess.PIPE, stderr=errors, text=True)

    def each(self, number: int) -> None:
        """A signal to each of its processes: the supervisor, the worker, the engine's."""
        me = psutil.Process(self.process.pid)
        for process in (me, *me.children(recursive=True)):
            with suppress(psutil.NoSuchProcess):  # a worker ends with its supervisor
                process.send_signal(number)

    def kill(self) -> None:
        """Everything of it, for good: a machine that vanishes."""
        self.each(signal.SIGKILL)
        self.close()

    def close(self) -> None:
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            self.process.wait(240)
        self.process.wait()
        assert self.process.stdout is not None
        self.process.stdout.close()


@pytest.fixture
def database(postgres: Postgres) -> Iterator[str]:
    with postgres.database() as url:
        yield url


@pytest.fixture
def fleet(serve: Any, database: str, tmp_path: Path) -> Iterator[Callable[[int], tuple[Served, list[Station]]]]:
    stations: list[Station] = []

    def start(count: int) -> tuple[Served, list[Station]]:
        env = {"REELSCOPE_SERVER__DATABASE": database}
        server = serve("--workers", "0", "--set", "server.min_free_disk_mib=0", name="server", env=env)
        made = subprocess.run(
            [sys.executable, "-m", "reelscope", "token", "create", "workers", "--scope", "worker"],
            env=server.env, capture_output=True, text=True, check=True,
        )  # fmt: skip
        token = tmp_path / "token"
        token.write_text(made.stdout)
        mine = subprocess.run(
            [sys.executable, "-m", "reelscope", "token", "create", "me"], env=server.env, capture_output=True, text=True, check=True
        )
        server.client.headers["Authorization"] = f"Bearer {mine.stdout.strip()}"
        stations.extend(Station(tmp_path / f"worker-{n}", server.url, database, token) for n in range(count))
        until(lambda: ready(server) == count, lambda: "\n".join(s.errors.read_text()[-1500:] for s in stations))
        return server, stations

    yield start
    for station in stations:
        station.close()


def place(worker: str) -> str:
    """The station of a worker, by its process's id: host, process, number, and what is its own."""
    return worker.rsplit("-", 3)[1]


def ready(server: Served) -> int:
    found = server.client.get("/monitor")
    return sum(w["state"] == "ready" for w in found.json()["workers"]) if found.status_code == 200 else 0


def hand_in(server: Served, clip: Path, **asked: Any) -> dict[str, Any]:
    request = {"analyzers": CHEAP, "fresh": True, **asked}
    with clip.open("rb") as file:
        answer = server.client.post("/analyses/upload", data={"request": json.dumps(request)}, files={"file": (clip.name, file)})
    assert answer.status_code == 202, answer.text
    return answer.json()


def state(server: Served, job: dict[str, Any]) -> str:
    return server.client.get(f"/analyses/{job['id']}").json()["state"]


def told(server: Served, job: dict[str, Any]) -> list[dict[str, Any]]:
    """The changes of a job's state."""
    story = server.client.get(f"/analyses/{job['id']}/events").text
    events = (json.loads(line.removeprefix("data: ")) for line in story.splitlines() if line.startswith("data: "))
    return [{"at": datetime.fromisoformat(e["at"]).timestamp(), **e["data"]} for e in events if e["kind"] == "state"]


def test_three_workers_and_one_that_is_killed_for_good(fleet: Any, tmp_path: Path, database: str) -> None:
    server, stations = fleet(3)
    clip = small_clip(tmp_path, seconds=6)
    jobs = [hand_in(server, clip) for _ in range(12)]
    books, at_work, lost, first = Database(database), set[str](), set[str](), str(stations[0].process.pid)

    def holds() -> set[str]:
        """What the first one has in its hands."""
        running = sa.select(table.c.id, table.c.worker).where(table.c.state == "running")
        found = {row.id: place(row.worker) for row in books.read(lambda c: c.execute(running).all())}
        at_work.update(found.values())
        return {job for job, where in found.items() if where == first}

    def caught() -> bool:
        """Whether each has begun something, and the first one stands still with a clip that it cannot end any more."""
        waiting = sa.select(sa.func.count()).where(table.c.state == "queued")
        if books.read(lambda c: c.execute(waiting).scalar_one()) < 3:  # there is always something to take, also for one that comes late
            jobs.append(hand_in(server, clip))
        if not holds() or len(at_work) < 3:
            return False
        stations[0].each(signal.SIGSTOP)
        time.sleep(0.2)  # for a commit that was on its way to the database
        lost.update(holds())
        if not lost:
            stations[0].each(signal.SIGCONT)
        return bool(lost)

    try:
        until(caught)
        killed = time.time()
        stations[0].kill()
    finally:
        books.close()
    until(lambda: all(state(server, job) in ("done", "failed") for job in jobs), lambda: str([state(server, j) for j in jobs]))
    took = time.time() - killed
    ended = [server.client.get(f"/analyses/{job['id']}").json() for job in jobs]
    assert [e["state"] for e in ended] == ["done"] * len(jobs), [e["error"] for e in ended]
    assert took < 60.0, took
    done_by: dict[str, list[str]] = {}
    for job in jobs:
        story = told(server, job)
        assert [e["state"] for e in story].count("done") == 1
        done_by[job["id"]] = [place(e["worker"]) for e in story if e["state"] == "running"]
        if job["id"] in lost:
            back = max(e["at"] for e in story if "was lost" in e.get("why", ""))
            assert back - killed < 60.0 and done_by[job["id"]][-1] != first
        document = Document.model_validate_json(server.client.get(job["links"]["document"]).content)
        assert document.analyzers["cut_analysis"].status == "ok"
        assert "keyframe" in server.client.get(job["links"]["report"]).text
    assert len({who for workers in done_by.values() for who in workers}) == 3  # all three worked
    for number in (1, 2):  # each has fetched the clip once, whole
        found = list((stations[number].folder / "fetched").glob("*/*"))
        assert [hashlib.sha256(p.read_bytes()).hexdigest() for p in found] == [hashlib.sha256(clip.read_bytes()).hexdigest()]
    assert not (stations[1].folder / "blobs").exists()  # what they made is with the server


def test_a_worker_without_the_right_token_says_so_and_takes_no_jobs(fleet: Any, tmp_path: Path, database: str) -> None:
    server, _ = fleet(0)
    token = tmp_path / "wrong"
    token.write_text("rs_wrong")
    station = Station(tmp_path / "stranger", server.url, database, token)
    try:
        until(lambda: "refuses this worker's token" in station.errors.read_text(), lambda: station.errors.read_text()[-2000:])
        job = hand_in(server, small_clip(tmp_path))
        assert ready(server) == 0 and state(server, job) == "queued"  # it takes no job, and so fails none
    finally:
        station.close()


def test_files_come_and_go_in_pieces(fleet: Any, tmp_path: Path) -> None:
    """What a worker's connection does to the server when it breaks: it goes on where it was, and what is damaged is refused."""
    server, _ = fleet(0)
    token = (tmp_path / "token").read_text().strip()
    data = os.urandom(300_000)
    name = hashlib.sha256(data).hexdigest()
    with httpx.Client(base_url=server.url, headers={"Authorization": f"Bearer {token}"}, timeout=120.0, trust_env=False) as worker:

        def put(first: int, last: int, content: bytes | None = None) -> httpx.Response:
            piece = data[first : last + 1] if content is None else content
            return worker.put(f"/blobs/{name}", content=piece, headers={"Content-Range": f"bytes {first}-{last}/{len(data)}"})

        assert (worker.head(f"/blobs/{name}").status_code, worker.get(f"/blobs/{name}").status_code) == (404, 404)
        answer = put(0, 99_999)
        assert (answer.status_code, answer.headers["upload-offset"]) == (204, "100000")
        assert worker.head(f"/blobs/{name}").headers["upload-offset"] == "100000"
        answer = put(200_000, 299_999)
        assert (answer.status_code, answer.headers["upload-offset"]) == (409, "100000")
        assert put(100_000, 299_999, os.urandom(200_000)).status_code == 422  # damaged on the way: begins anew
        assert worker.head(f"/blobs/{name}").headers["upload-offset"] == "0"
        assert put(0, 299_999).status_code == 201
        assert put(0, 299_999).status_code == 201
        assert worker.get(f"/blobs/{name}").content == data
        assert worker.get(f"/blobs/{name}", headers={"Range": "bytes=10-19"}).content == data[10:20]
        assert worker.put(f"/blobs/{name[:-1]}z", content=b"x", headers={"Content-Range": "bytes 0-0/1"}).status_code == 422
        assert worker.get("/analyses").status_code == 403  # a worker's token opens files and nothing else
    assert server.client.get(f"/blobs/{name}").status_code == 403
