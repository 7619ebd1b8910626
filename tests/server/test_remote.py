"""A worker's end of fetching and bringing files, against a server that breaks in every way."""

from __future__ import annotations

import hashlib
import re
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from reelscope.errors import ConfigError, EngineError, OutputError
from reelscope.server.blobs import LocalBlobs
from reelscope.server.remote import RemoteBlobs, token_of

DATA = bytes(range(256)) * 2000
NAME = hashlib.sha256(DATA).hexdigest()


@dataclass
class Script:
    """What the server does, and what it saw."""

    blobs: dict[str, bytes] = field(default_factory=dict)
    parts: dict[str, bytes] = field(default_factory=dict)
    break_after: list[int] = field(default_factory=list)  # bytes after which the next answers end
    damage: int = 0  # answers that come damaged
    fail: list[int] = field(default_factory=list)  # statuses of the next requests
    asked: list[tuple[str, str]] = field(default_factory=list)


class Handler(BaseHTTPRequestHandler):
    script: Script

    def log_message(self, *args: object) -> None:
        pass

    def _begin(self) -> bool:
        self.script.asked.append((self.command, self.headers.get("Range") or self.headers.get("Content-Range") or ""))
        assert self.headers["Authorization"] == "Bearer rs_x"
        if self.script.fail:
            self.rfile.read(int(self.headers.get("Content-Length", 0)))
            self._answer(self.script.fail.pop(0), b"")
            return False
        return True

    def _answer(self, status: int, data: bytes, **headers: str) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        if self.command != "HEAD":
            if data and self.script.break_after:
                self.wfile.write(data[: self.script.break_after.pop(0)])
                self.wfile.flush()
                self.connection.close()
                return
            self.wfile.write(data)

    def do_GET(self) -> None:  # noqa: N802
        if not self._begin():
            return
        data = self.script.blobs.get(self.path.rsplit("/", 1)[-1])
        if data is None:
            self._answer(404, b"")
            return
        if self.script.damage:
            self.script.damage -= 1
            data = b"!" + data[1:]
        asked = re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range") or "")
        first = int(asked[1]) if asked else 0
        if first >= len(data):
            self._answer(416, b"")
            return
        self._answer(206 if asked else 200, data[first:])

    def do_HEAD(self) -> None:  # noqa: N802
        if self._begin():
            name = self.path.rsplit("/", 1)[-1]
            if name in self.script.blobs:
                self._answer(200, b"")
            else:
                self._answer(404, b"", Upload_Offset=str(len(self.script.parts.get(name, b""))))

    def do_PUT(self) -> None:  # noqa: N802
        name = self.path.rsplit("/", 1)[-1]
        if not self._begin():
            return
        body = self.rfile.read(int(self.headers["Content-Length"]))
        first, total = map(int, re.fullmatch(r"bytes (\d+)-\d+/(\d+)", self.headers["Content-Range"]).groups())  # type: ignore[union-attr]
        part = self.script.parts.get(name, b"")
        if first != len(part):
            self._answer(409, b"", Upload_Offset=str(len(part)))
            return
        if self.script.break_after:
            self.script.parts[name] = part + body[: self.script.break_after.pop(0)]
            self.connection.close()
            return
        self.script.parts[name] = part + body
        if len(part + body) < total:
            self._answer(204, b"", Upload_Offset=str(len(part + body)))
        elif hashlib.sha256(part + body).hexdigest() != name:
            del self.script.parts[name]
            self._answer(422, b"")
        else:
            self.script.blobs[name] = self.script.parts.pop(name)
            self._answer(201, b"")


@pytest.fixture
def script() -> Script:
    return Script()


@pytest.fixture
def remote(script: Script, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[RemoteBlobs]:
    monkeypatch.setattr("reelscope.server.remote.PAUSES_S", (0.01,))
    monkeypatch.setattr("reelscope.server.remote.PIECE", 100_000)
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Bound", (Handler,), {"script": script}))
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    found = RemoteBlobs(f"http://127.0.0.1:{server.server_port}", "rs_x", LocalBlobs(tmp_path / "fetched"), patience_s=120.0)
    yield found
    found.close()
    server.shutdown()
    thread.join()
    server.server_close()


def test_a_file_is_fetched_once(remote: RemoteBlobs, script: Script) -> None:
    script.blobs[NAME] = DATA
    assert remote.path(NAME).read_bytes() == DATA
    assert remote.path(NAME).read_bytes() == DATA
    assert script.asked == [("GET", "")]


def test_what_broke_off_goes_on(remote: RemoteBlobs, script: Script) -> None:
    script.blobs[NAME] = DATA
    script.break_after = [200_000, 100_000]
    assert remote.path(NAME).read_bytes() == DATA
    assert [asked for _, asked in script.asked] == ["", "bytes=200000-", "bytes=300000-"]


def test_what_came_damaged_is_fetched_again(remote: RemoteBlobs, script: Script, tmp_path: Path) -> None:
    script.blobs[NAME] = DATA
    script.damage = 1
    assert remote.path(NAME).read_bytes() == DATA
    assert not list((tmp_path / "fetched").glob(".incoming-*"))


def test_many_want_the_same_file(remote: RemoteBlobs, script: Script, tmp_path: Path) -> None:
    script.blobs[NAME] = DATA
    script.damage, script.break_after = 1, [100_000]
    found: list[bytes] = []
    threads = [threading.Thread(target=lambda: found.append(remote.path(NAME).read_bytes())) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [DATA] * 8
    assert [p.name for p in (tmp_path / "fetched").glob("*/*")] == [NAME]


def test_a_file_that_is_gone_is_told_at_once(remote: RemoteBlobs, script: Script) -> None:
    with pytest.raises(OutputError) as caught:
        remote.path(NAME)
    assert caught.value.code == "blob_missing" and len(script.asked) == 1


def test_a_server_that_is_away_for_a_while(remote: RemoteBlobs, script: Script) -> None:
    script.blobs[NAME] = DATA
    script.fail = [503, 500, 503]
    assert remote.path(NAME).read_bytes() == DATA


def test_a_server_that_stays_away_is_given_up(remote: RemoteBlobs, script: Script) -> None:
    script.fail = [503] * 10_000
    remote._patience_s = 0.5
    with pytest.raises(EngineError) as caught:
        remote.path(NAME)
    assert caught.value.code == "server_away" and caught.value.retryable


@pytest.mark.parametrize("status", [401, 403])
def test_a_refused_token_is_told_at_once(remote: RemoteBlobs, script: Script, status: int) -> None:
    script.fail = [status]
    with pytest.raises(ConfigError) as caught:
        remote.put_bytes(DATA)
    assert caught.value.code == "token_refused" and "rs_x" not in str(caught.value)


def test_results_go_in_pieces_and_go_on(remote: RemoteBlobs, script: Script) -> None:
    script.break_after = [30_000, 70_000]
    assert remote.put_bytes(DATA) == (NAME, len(DATA))
    assert script.blobs == {NAME: DATA}
    before = len(script.asked)
    remote.put_bytes(DATA)
    assert script.asked[before:] == [("HEAD", "")]  # it is there already


def test_what_arrived_damaged_is_brought_again(remote: RemoteBlobs, script: Script, tmp_path: Path) -> None:
    script.parts[NAME] = b"!" * 1000
    file = tmp_path / "clip"
    file.write_bytes(DATA)
    assert remote.put_file(file) == (NAME, len(DATA))
    assert script.blobs[NAME] == DATA


def test_tokens_in_files(tmp_path: Path) -> None:
    file = tmp_path / "token"
    with pytest.raises(ConfigError):
        token_of(str(file))
    file.write_text("\n")
    with pytest.raises(ConfigError):
        token_of(str(file))
    file.write_text("rs_x\n")
    assert (token_of(str(file)), token_of(None)) == ("rs_x", None)
