"""A server on this machine that stands for GitHub's raw files and for a model hub, and misbehaves as it is told."""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from urllib.parse import unquote, urlsplit

from reelscope.models.manifest import Entry, parse

__all__ = ["Handler", "Server", "blob_id", "entry", "listing", "sha256"]


@dataclass
class Server:
    """Serves `files` by path; `tricks` by path are used up one for each request.

    Attributes:
        asked: Path and headers of every request.
    """

    files: dict[str, bytes] = field(default_factory=dict)
    tricks: dict[str, list[Callable[[Handler], bool]]] = field(default_factory=dict)
    asked: list[tuple[str, dict[str, str]]] = field(default_factory=list)

    def __enter__(self) -> Server:
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), type("Bound", (Handler,), {"place": self}))
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(10)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def paths(self) -> list[str]:
        return [path for path, _ in self.asked]

    def ranges(self) -> list[str | None]:
        return [headers.get("Range") for _, headers in self.asked]


class Handler(BaseHTTPRequestHandler):
    """One request."""

    place: Server
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        path = unquote(urlsplit(self.path).path)
        self.place.asked.append((path, dict(self.headers)))
        tricks = self.place.tricks.get(path, [])
        if tricks and tricks.pop(0)(self):
            return
        body = self.place.files.get(path)
        if body is None:
            self.answer(404, b"not there")
            return
        start = self.headers.get("Range", "")
        if start:
            first = int(start.removeprefix("bytes=").rstrip("-"))
            if first >= len(body):
                self.answer(416, b"")
                return
            self.answer(206, body[first:], {"Content-Range": f"bytes {first}-{len(body) - 1}/{len(body)}"})
            return
        self.answer(200, body)

    def answer(
        self, code: int, body: bytes, headers: dict[str, str] | None = None, *, length: int | None = None, sent: int | None = None
    ) -> None:
        """Answer; sent: close the connection after so many bytes of the body; length: -1 leaves it unsaid."""
        self.send_response(code)
        for key, value in (headers or {}).items():
            self.send_header(key, value)
        if length != -1:
            self.send_header("Content-Length", str(len(body) if length is None else length))
        self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(body if sent is None else body[:sent])
        self.close_connection = True

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def blob_id(content: bytes) -> str:
    """Git's object id of a file."""
    return hashlib.sha1(f"blob {len(content)}\0".encode() + content, usedforsecurity=False).hexdigest()


def listing(commit: str, files: dict[str, bytes], *, lfs: tuple[str, ...] = (".safetensors", ".bin")) -> bytes:
    """What a hub says of a repository."""
    rows = []
    for name, content in files.items():
        row: dict[str, object] = {"rfilename": name, "size": len(content), "blobId": blob_id(content)}
        if name.endswith(lfs):
            row["lfs"] = {"size": len(content), "sha256": sha256(content), "pointerSize": 134}
        rows.append(row)
    return json.dumps({"id": "x", "sha": commit, "siblings": rows}).encode()


def entry(content: bytes, *, name: str = "tiny", licence: str = "Apache-2.0", extra: str = "") -> Entry:
    """A compact model of one file on GitHub."""
    return parse(
        f"""
        [{name}]
        tier = "compact"
        purpose = "tests"
        runtime = "onnx"
        licence = "{licence}"
        source = {{ kind = "github", repo = "some/where", revision = "{"a" * 40}" }}
        files = [ {{ name = "{name}.onnx", path = "deep/{name}.onnx", sha256 = "{sha256(content)}", bytes = {len(content)} }} ]
        {extra}
        """
    )[name]
