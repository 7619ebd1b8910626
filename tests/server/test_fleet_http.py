"""A fleet as it is meant: a server and three workers with a data folder each, sharing PostgreSQL and HTTP and nothing else."""

from __future__ import annotations

import hashlib
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest

from reelscope.document.schema import Document
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

    def all(self) -> list[psutil.Process]:
        """Its processes: the supervisor, the worker, the engine's."""
        me = psutil.Process(self.process.pid)
        return [me, *me.children(recursive=True)]

    def kill(self) -> None:
        """Everything of it, for good: a machine that vanishes."""
        for process in self.all():
            process.kill()
        self.close()

    def close(self) -> None:
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            self.process.wait(120)
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


def ready(server: Served) -> int:
    found = server.client.get("/monitor")
    return sum(w["state"] == "ready" for w in found.json()["workers"]) if found.status_code == 200 else 0


def hand_in(server: Served, clip: Path, **asked: Any) -> dict[str, Any]:
    import json

    request = {"analyzers": CHEAP, "fresh": True, **asked}
    with clip.open("rb") as file:
        answer = server.client.post("/analyses/upload", data={"request": json.dumps(request)}, files={"file": (clip.name, file)})
    assert answer.status_code == 202, answer.text
    return answer.json()


def state(server: Served, job: dict[str, Any]) -> str:
    return server.client.get(f"/analyses/{job['id']}").json()["state"]


def test_three_workers_and_one_that_is_killed_for_good(fleet: Any, tmp_path: Path) -> None:
    server, stations = fleet(3)
    clip = small_clip(tmp_path, seconds=6)
    jobs = [hand_in(server, clip) for _ in range(12)]
    holds: set[str] = set()

    def busy() -> bool:
        for w in server.client.get("/monitor").json()["workers"]:
            if w["pid"] in {p.pid for p in stations[0].all()} and w["doing"]:
                holds.update(d["job"] for d in w["doing"])
        return bool(holds)

    until(busy)
    stations[0].kill()
    killed = time.monotonic()
    until(lambda: all(state(server, job) in ("done", "failed") for job in jobs), lambda: str([state(server, j) for j in jobs]))
    took = time.monotonic() - killed
    ended = [server.client.get(f"/analyses/{job['id']}").json() for job in jobs]
    assert [e["state"] for e in ended] == ["done"] * len(jobs), [e["error"] for e in ended]
    assert took < 60.0, took
    done_by: dict[str, list[str]] = {}
    for job in jobs:
        story = server.client.get(f"/analyses/{job['id']}/events").text
        assert len(re.findall(r'"state": ?"done"', story)) == 1
        done_by[job["id"]] = re.findall(r'"worker": ?"([^"]+)"', story)
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
    with httpx.Client(base_url=server.url, headers={"Authorization": f"Bearer {token}"}, trust_env=False) as worker:

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
