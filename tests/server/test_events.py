"""The story of an analysis as a stream: from its beginning, from where one left off, to its end."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from reelscope.api import AnalysisRequest, ErrorBody, Progress
from reelscope.server import hub
from reelscope.server.jobs import Handed, Job
from tests.server.conftest import Served
from tests.server.places import Place, place, until


def lines(answer: httpx.Response) -> Iterator[dict[str, Any]]:
    """Events of a stream, by its own rules."""
    event: dict[str, Any] = {}
    for line in answer.iter_lines():
        if line.startswith(":"):
            continue
        if not line:
            if "data" in event:
                yield event
            event = {}
            continue
        name, _, value = line.partition(": ")
        event[name] = json.loads(value) if name == "data" else value


@pytest.fixture
def both(serve: Any) -> Iterator[tuple[Served, Place]]:
    """A server without workers, and its database from outside."""
    server = serve("--workers", "0", "--set", "server.min_free_disk_mib=0")
    with place(server.data_dir, f"sqlite:///{server.data_dir}/server.sqlite3") as outside:
        yield server, outside


def hand_in(outside: Place) -> Job:
    return outside.jobs.hand_in(Handed(AnalysisRequest(path="/x"), "path", "x", "x", clip=("0" * 64, 1)))[0]


@pytest.mark.system
def test_streams_replay_follow_resume_and_end(both: tuple[Served, Place]) -> None:
    server, outside = both
    job = hand_in(outside)
    claim = outside.jobs.claim(job.id, "w")
    assert claim is not None
    with server.client.stream("GET", f"/analyses/{job.id}/events") as answer:
        assert answer.headers["content-type"].startswith("text/event-stream")
        stream = lines(answer)
        first = [next(stream), next(stream)]
        assert [(e["id"], e["event"], e["data"]["data"]["state"]) for e in first] == [("1", "state", "queued"), ("2", "state", "running")]
        outside.jobs.report(claim, Progress(phase="decode", share=0.5))  # followed live
        third = next(stream)
        assert (third["id"], third["event"], third["data"]["data"]["share"]) == ("3", "progress", 0.5)
    outside.jobs.fail(claim, ErrorBody(code="x", message="y"))
    with server.client.stream("GET", f"/analyses/{job.id}/events", headers={"Last-Event-ID": "2"}) as answer:
        rest = list(lines(answer))  # it ends by itself after the last event
    assert [e["id"] for e in rest] == ["3", "4"] and rest[-1]["data"]["data"]["error"]["code"] == "x"
    with server.client.stream("GET", f"/analyses/{job.id}/events?after=3") as answer:
        assert [e["id"] for e in lines(answer)] == ["4"]
    with server.client.stream("GET", f"/analyses/{job.id}/events", headers={"Last-Event-ID": "nonsense"}) as answer:
        assert len(list(lines(answer))) == 4


@pytest.mark.system
def test_many_follow_one_and_a_removed_job_ends_its_streams(both: tuple[Served, Place]) -> None:
    server, outside = both
    job = hand_in(outside)
    ended: list[int] = []

    def follow() -> None:
        stream = httpx.stream("GET", f"{server.url}/analyses/{job.id}/events", timeout=120, trust_env=False)
        with stream as answer:
            ended.append(len(list(lines(answer))))

    threads = [threading.Thread(target=follow) for _ in range(20)]
    for thread in threads:
        thread.start()
    outside.jobs.cancel(job.id)
    outside.jobs.purge(job.id)
    for thread in threads:
        thread.join(240)
    assert len(ended) == 20


@pytest.mark.system
def test_a_server_that_ends_ends_its_streams(both: tuple[Served, Place]) -> None:
    server, outside = both
    job = hand_in(outside)
    with httpx.stream("GET", f"{server.url}/analyses/{job.id}/events", timeout=120, trust_env=False) as answer:
        next(lines(answer))
        assert server.stop() == 0


def test_what_came_last_is_told_before_a_stream_ends(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A server that ends waits for its clips, and ends its streams as soon as it has."""
    monkeypatch.setattr(hub, "POLL_S", 3600.0)  # as one that had no time to look again
    with place(tmp_path / "data", f"sqlite:///{tmp_path}/x.sqlite3") as here:
        job, made = hand_in(here), hub.Hub(here.jobs)

        async def follow(after: int) -> list[str]:
            events = made.follow(job.id, after)
            states = []
            if after == 0:
                states.append(await anext(events))
                here.jobs.cancel(job.id)
                made.close()
            states += [event async for event in events if event is not None]
            return [event.data["state"] for event in states if event is not None]

        assert asyncio.run(follow(0)) == ["queued", "cancelled"]
        assert asyncio.run(follow(1)) == []  # it is closed


def test_numbers_that_no_event_has(tmp_path: Path) -> None:
    """They are not waited for, nor handed to a database that cannot count so far; a browser that has all is told to come back no more."""
    from tests.server.conftest import in_process

    with in_process(tmp_path, f"sqlite:///{tmp_path}/x.sqlite3") as api:
        job, _ = api.parts.jobs.hand_in(Handed(AnalysisRequest(path="/x"), "path", "x", "x", clip=("0" * 64, 1)))
        api.parts.jobs.cancel(job.id)
        address = f"/analyses/{job.id}/events"
        for last in ("2", "3", "9" * 20):
            assert api.client.get(address, headers={"Last-Event-ID": last}).status_code == 204, last
            assert api.client.get(address, params={"after": last}).status_code == 204, last
        assert api.client.get(address, params={"after": 1}).text.count("data:") == 1
        assert api.client.get(address, params={"after": -1}).status_code == 422


def test_streams_are_counted(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    from tests.server.conftest import in_process

    monkeypatch.setattr(hub, "MOST_STREAMS", 0)
    with in_process(tmp_path, f"sqlite:///{tmp_path}/x.sqlite3") as api:
        job, _ = api.parts.jobs.hand_in(Handed(AnalysisRequest(path="/x"), "path", "x", "x", clip=("0" * 64, 1)))
        answer = api.client.get(f"/analyses/{job.id}/events")
        assert (answer.status_code, answer.json()["code"]) == (503, "too_many_streams")


@pytest.mark.system
def test_the_monitor_streams(both: tuple[Served, Place]) -> None:
    server, _ = both
    until(lambda: server.client.get("/monitor").status_code == 200)
    with server.client.stream("GET", "/monitor/events") as answer:
        stream = lines(answer)
        snapshots = [next(stream) for _ in range(2)]
    assert all(s["event"] == "snapshot" and s["data"]["queue"]["queued"] == 0 for s in snapshots)
