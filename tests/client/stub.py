"""A server whose every answer is scripted, on a free port of this machine's loopback."""

from __future__ import annotations

import hashlib
import json
import re
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

KEPT_BODY = 1024 * 1024  # of larger bodies only size and hash are kept


@dataclass(slots=True)
class Call:
    """A request as it arrived."""

    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: bytes
    body_bytes: int
    body_sha256: str

    def json(self) -> Any:
        return json.loads(self.body)


Answer = Callable[[BaseHTTPRequestHandler, Call], None]


def reply(status: int, body: bytes = b"", **headers: str) -> Answer:
    """A plain answer; underscores in header names stand for hyphens."""

    def answer(handler: BaseHTTPRequestHandler, call: Call) -> None:
        handler.send_response(status)
        for name, value in {"Content_Type": "application/octet-stream", **headers}.items():
            handler.send_header(name.replace("_", "-"), value)
        handler.send_header("Content-Length", str(len(body)))
        handler.end_headers()
        handler.wfile.write(body)

    return answer


def told(value: Any, status: int = 200, **headers: str) -> Answer:
    """JSON."""
    return reply(status, json.dumps(value).encode(), Content_Type="application/json", **headers)


def refused(status: int, code: str, message: str = "no", hint: str | None = None, *, retryable: bool = False, **headers: str) -> Answer:
    """The server's form of an error."""
    return told({"code": code, "message": message, "hint": hint, "retryable": retryable}, status, **headers)


def hung_up(handler: BaseHTTPRequestHandler, call: Call) -> None:
    """The connection closes without an answer."""
    handler.close_connection = True


def cut_off(body: bytes, length: int, **headers: str) -> Answer:
    """An answer that promises `length` bytes and breaks after `body`."""

    def answer(handler: BaseHTTPRequestHandler, call: Call) -> None:
        handler.send_response(200)
        for name, value in headers.items():
            handler.send_header(name.replace("_", "-"), value)
        handler.send_header("Content-Length", str(length))
        handler.end_headers()
        handler.wfile.write(body)

    return answer


def stream(*pieces: bytes) -> Answer:
    """Server-sent events, piece by piece, then the end of the connection."""

    def answer(handler: BaseHTTPRequestHandler, call: Call) -> None:
        handler.send_response(200)
        handler.send_header("Content-Type", "text/event-stream")
        handler.end_headers()
        for piece in pieces:
            handler.wfile.write(piece)
            handler.wfile.flush()

    return answer


def event(seq: int, kind: str, **data: Any) -> bytes:
    """One event of an analysis as the server writes it."""
    body = json.dumps({"seq": seq, "at": "2026-01-02T03:04:05Z", "kind": kind, "data": data}, ensure_ascii=False)
    return f"id: {seq}\r\nevent: {kind}\r\ndata: {body}\r\n\r\n".encode()


def job(id: str = "a" * 32, state: str = "queued", **more: Any) -> dict[str, Any]:
    """An analysis as the server tells it."""
    base = f"/analyses/{id}"
    links = {"self": base, **{n: f"{base}/{n}" for n in ("events", "document", "report", "media")}, "export": f"{base}/export/{{format}}"}
    return {
        "id": id, "state": state, "created_at": "2026-01-02T03:04:05Z", "title": f"clip {id[:2]}", "priority": 5,
        "source": {"kind": "url", "name": "https://example.com/v"}, "progress": {"phase": "queued" if state == "queued" else "ended"},
        "links": links, **more,
    }  # fmt: skip


@dataclass(slots=True)
class Stub:
    """Answers by method and path; the last answer of a route repeats."""

    port: int
    calls: list[Call] = field(default_factory=list)
    routes: dict[tuple[str, str], list[Answer]] = field(default_factory=dict)
    lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def on(self, method: str, path: str, *answers: Answer) -> Stub:
        """path: a regular expression for the whole path; of several that match the last one made holds."""
        self.routes[method, path] = list(answers)
        return self

    def of(self, method: str, path: str) -> list[Call]:
        """The requests of one kind, as they came."""
        return [c for c in self.calls if c.method == method and re.fullmatch(path, c.path)]

    def next(self, call: Call) -> Answer:
        with self.lock:
            self.calls.append(call)
            for (method, path), answers in reversed(self.routes.items()):
                if method == call.method and re.fullmatch(path, call.path):
                    return answers.pop(0) if len(answers) > 1 else answers[0]
        return refused(404, "not_found", f"nothing at {call.path}")


def start(stub: Stub | None = None) -> tuple[Stub, ThreadingHTTPServer]:
    """Start a stub; the caller shuts the server down."""

    class Handler(BaseHTTPRequestHandler):
        def handle_any(self) -> None:
            parts = urlsplit(self.path)
            query = {k: v[-1] for k, v in parse_qs(parts.query, keep_blank_values=True).items()}
            body, size, digest = b"", 0, hashlib.sha256()
            for piece in self._pieces():
                size += len(piece)
                digest.update(piece)
                body += piece if len(body) < KEPT_BODY else b""
            headers = {k.lower(): v for k, v in self.headers.items()}
            call = Call(self.command, parts.path, query, headers, body, size, digest.hexdigest())
            self.close_connection = True
            stub.next(call)(self, call)

        do_GET = do_POST = do_DELETE = handle_any  # noqa: N815 - the names that the library calls

        def _pieces(self) -> Any:
            if self.headers.get("Transfer-Encoding", "").lower() == "chunked":
                while size := int(self.rfile.readline(), 16):
                    yield self.rfile.read(size)
                    self.rfile.readline()
                self.rfile.readline()
                return
            left = int(self.headers.get("Content-Length") or 0)
            while left and (piece := self.rfile.read(min(left, 65536))):
                left -= len(piece)
                yield piece

        def log_message(self, *args: Any) -> None:
            pass

    class Server(ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, request: Any, client_address: Any) -> None:
            pass  # a client that went away in the middle is what some tests are about

    server = Server(("127.0.0.1", 0), Handler)
    stub = stub or Stub(server.server_address[1])
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
    return stub, server
