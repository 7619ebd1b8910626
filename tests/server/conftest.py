"""The application in this process without workers, and a real server as a process of its own."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi.testclient import TestClient

from reelscope.config import Settings
from reelscope.server import fleet, listing
from reelscope.server.app import create_app
from reelscope.server.parts import Parts
from tests.server.places import until


@dataclass
class InProcess:
    """The app, driven without a socket."""

    client: TestClient
    parts: Parts
    folder: Path


@contextmanager
def in_process(folder: Path, database_url: str, **server: Any) -> Iterator[InProcess]:
    """The app of these settings, its parts started, without workers."""
    tree = {
        "system": {"data_dir": str(folder / "data")},
        "server": {"database": database_url, "workers": 0, "min_free_disk_mib": 0, "requests_per_minute": 1_000_000, **server},
    }
    app = create_app(Settings.model_validate(tree))
    app.state.parts.listing.measured_s = 0.0  # a test looks at once
    with TestClient(app, base_url="http://127.0.0.1:8003", client=("127.0.0.1", 50000)) as client:
        yield InProcess(client, app.state.parts, folder)


@pytest.fixture
def api(tmp_path: Path, database_url: str) -> Iterator[InProcess]:
    """The app on either database, with the folder `roots` below tmp_path as its root."""
    (tmp_path / "roots").mkdir()
    with in_process(tmp_path, database_url, roots=[str(tmp_path / "roots")]) as found:
        yield found


@pytest.fixture
def rows_are_workers(monkeypatch: pytest.MonkeyPatch) -> None:
    """A worker that is a row and no process beats once, and the janitor takes none for gone however long the test needs from there."""
    monkeypatch.setattr(fleet, "GRACE_S", 3600.0)
    monkeypatch.setattr(fleet, "LEASE_S", 7200.0)
    monkeypatch.setattr(listing, "LEASE_S", 7200.0)


class Served:
    """`reelscope serve` as a process. program: another module that takes its arguments."""

    def __init__(self, data_dir: Path, *args: str, env: dict[str, str] | None = None, program: str = "reelscope") -> None:
        self.data_dir = data_dir
        self.program, self.args = program, args
        self.env = {**os.environ, "REELSCOPE_DATA_DIR": str(data_dir), **(env or {})}
        self.start()

    def start(self) -> None:
        """Start it, again after `kill`; waits until it listens."""
        command = [sys.executable, "-m", self.program, "serve", "--port", "0", *self.args]
        self.errors = self.data_dir.parent / "serve.err"
        with self.errors.open("ab") as errors:
            self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=errors, env=self.env, text=True)
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        found = re.search(r"http://[^ ]+", line)
        assert found is not None, (line, self.errors.read_text()[-3000:])
        self.url = found[0]
        self.client = httpx.Client(base_url=self.url, timeout=120.0, trust_env=False)

    def ready(self) -> None:
        """Wait until it takes jobs."""
        until(lambda: self.client.get("/ready").status_code == 200, lambda: self.errors.read_text()[-3000:])

    def kill(self) -> None:
        """kill -9."""
        self.process.kill()
        self._gone()

    def stop(self, wait_s: float = 240.0) -> int:
        """SIGTERM, and wait for its end."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        code = self.process.wait(wait_s)
        self._gone()
        return code

    def _gone(self) -> None:
        self.process.wait()
        assert self.process.stdout is not None
        self.process.stdout.close()
        self.client.close()


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Callable[..., Served]]:
    """Starts servers; all are ended afterwards."""
    started: list[Served] = []

    def start(*args: str, name: str = "data", **more: Any) -> Served:
        found = Served(tmp_path / name, *args, **more)
        started.append(found)
        return found

    yield start
    for server in started:
        if server.process.poll() is None:
            server.stop()
