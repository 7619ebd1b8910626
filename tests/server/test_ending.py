"""A server that is told to end: what it still answers, for how long, and what it does not wait for."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import uvicorn

from reelscope.server.serve import _Server
from tests.server.conftest import Served, in_process
from tests.server.places import CHEAP, small_clip, until

MIB = 1 << 20
ROOM = ("--set", "server.min_free_disk_mib=0")


def hand_in(server: Served, clip: Path) -> dict[str, Any]:
    answer = server.client.post("/analyses", json={"path": str(clip), "fresh": True, "analyzers": CHEAP})
    assert answer.status_code == 202, answer.text
    return answer.json()


@pytest.mark.system
def test_clips_end_while_it_goes_on_answering(serve: Callable[..., Served], tmp_path: Path) -> None:
    server = serve("--root", str(tmp_path), "--set", "server.drain_s=3600", *ROOM, program="tests.server.broken_serve")
    server.ready()
    states: list[str] = []

    def follow() -> None:
        with httpx.stream("GET", f"{server.url}/analyses/{job['id']}/events", timeout=120, trust_env=False) as answer:
            found = (json.loads(line[6:]) for line in answer.iter_lines() if line.startswith("data: "))
            states.extend(event["data"]["state"] for event in found if event["kind"] == "state")

    with held(server, tmp_path) as clip:  # a server whose clips have ended answers nobody any more
        job = hand_in(server, clip)
        following = threading.Thread(target=follow)
        following.start()
        until(lambda: "running" in states)
        server.process.send_signal(signal.SIGTERM)
        until(lambda: server.client.get("/ready").status_code == 503)
        assert server.client.get("/ready").json()["state"] == "draining"
        assert server.client.post("/analyses", json={"path": str(clip)}).json()["code"] == "draining"
        assert server.client.get(f"/analyses/{job['id']}").json()["state"] == "running"
    assert server.process.wait(240) == 0  # `stop` would send a second signal
    server.stop()
    following.join(240)
    assert states == ["queued", "running", "done"]


@contextlib.contextmanager
def held(server: Served, folder: Path) -> Iterator[Path]:
    """A clip that ends when the block does, and not before."""
    hold = server.data_dir / "hold"
    hold.touch()
    try:
        yield small_clip(folder).rename(folder / "held.mp4")
    finally:
        hold.unlink()


@contextlib.contextmanager
def connected(server: Served, *head: str) -> Iterator[socket.socket]:
    host, port = server.url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port))) as connection:
        connection.sendall("\r\n".join([head[0], f"Host: {host}", *head[1:], "", ""]).encode())
        yield connection


@pytest.mark.system
def test_who_reads_or_sends_slowly_is_not_waited_for(serve: Callable[..., Served], tmp_path: Path) -> None:
    clip = tmp_path / "big.mp4"
    clip.write_bytes(os.urandom(32 * MIB))
    server = serve("--workers", "0", "--root", str(tmp_path), *ROOM)
    job = hand_in(server, clip)
    upload = ("POST /analyses/upload HTTP/1.1", "Content-Type: multipart/form-data; boundary=x", "Content-Length: 99999")
    coming = (server.data_dir / "blobs").glob
    with connected(server, f"GET {job['links']['media']} HTTP/1.1") as reading, connected(server, *upload) as sending:
        assert reading.recv(12) == b"HTTP/1.1 200"
        sending.sendall(b'--x\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\nabc')
        until(lambda: any(coming(".incoming-*")))
        assert server.stop() == 0
    assert not any(coming(".incoming-*"))


@pytest.mark.system
def test_a_second_signal_waits_for_nobody_and_loses_nothing(serve: Callable[..., Served], tmp_path: Path) -> None:
    server = serve("--root", str(tmp_path), "--set", "server.drain_s=3600", *ROOM, program="tests.server.broken_serve")
    server.ready()
    with held(server, tmp_path) as clip:
        job = hand_in(server, clip)
        until(lambda: server.client.get(f"/analyses/{job['id']}").json()["state"] == "running")
        server.process.send_signal(signal.SIGINT)
        until(lambda: server.client.get("/ready").status_code == 503)
        assert server.process.stdout is not None and "3600 s; Ctrl-C again: now" in server.process.stdout.readline()
        server.process.send_signal(signal.SIGINT)
        assert server.process.wait(240) == 0
        server.stop()
        server.start()
        until(lambda: server.client.get(f"/analyses/{job['id']}").json()["attempts"] == 2)
        server.client.delete(f"/analyses/{job['id']}")


def test_a_signal_takes_no_lock_that_the_interrupted_code_may_hold(tmp_path: Path) -> None:
    """A signal's handler runs in the middle of whatever the main thread does: here, of a stream that begins."""
    with in_process(tmp_path, f"sqlite:///{tmp_path}/x.sqlite3") as api:
        loop = asyncio.new_event_loop()
        server = _Server(uvicorn.Config(lambda: None), api.parts, print)  # type: ignore[arg-type, misc]
        server._loop = loop

        def interrupted() -> None:
            with api.parts.hub._lock:
                server.handle_exit(signal.SIGTERM, None)
                server.handle_exit(signal.SIGTERM, None)

        thread = threading.Thread(target=interrupted, daemon=True)
        thread.start()
        thread.join(120)
        assert not thread.is_alive() and api.parts.draining
        assert not server.should_exit  # only when the loop comes to it
        until(lambda: (loop.run_until_complete(asyncio.sleep(0)), server.should_exit)[1])
        until(lambda: not any(t.name == "drain" for t in threading.enumerate()))
        loop.close()
