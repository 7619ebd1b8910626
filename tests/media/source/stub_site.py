"""A site on this machine that answers as a test wants: files, pages, breaks and lies."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

__all__ = ["StubSite", "serving"]

Answer = Callable[[BaseHTTPRequestHandler], None]


class StubSite:
    """Answers by path; every request is written down in `asked` as (method, path, headers)."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, str, dict[str, str]]] = []
        self.ended = threading.Event()  # answers that never end by themselves wait for it
        self._answers: dict[str, Answer] = {}
        site = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:  # and every other method
                path = self.path.partition("?")[0]
                site.asked.append((self.command, self.path, dict(self.headers)))
                answer = site._answers.get(path)
                with contextlib.suppress(ConnectionError):
                    if answer is None:
                        send(self, 404, b"<html>nothing here</html>", "text/html")
                    else:
                        answer(self)

            do_HEAD = do_POST = do_GET  # noqa: N815

            def log_message(self, *_: Any) -> None:
                pass

        class Server(ThreadingHTTPServer):
            daemon_threads = True

            def handle_error(self, *_: Any) -> None:  # a client that breaks off is what some tests are about
                pass

        self.server = Server(("127.0.0.1", 0), Handler)

    def url(self, path: str) -> str:
        return f"http://127.0.0.1:{self.server.server_address[1]}{path}"

    def answer(self, path: str, answer: Answer) -> str:
        """Answer a path by a function; its address."""
        self._answers[path] = answer
        return self.url(path)

    def file(self, path: str, data: bytes | Path, kind: str = "video/mp4", **headers: str) -> str:
        """A file, with ranges."""
        body = data.read_bytes() if isinstance(data, Path) else data

        def answer(request: BaseHTTPRequestHandler) -> None:
            asked = request.headers.get("Range", "")
            if asked.startswith("bytes="):
                start = int(asked[6:].split("-")[0])
                end = int(asked.split("-")[1] or len(body) - 1)
                more = {"Content-Range": f"bytes {start}-{end}/{len(body)}", **headers}
                send(request, 206, body[start : end + 1], kind, more)
            else:
                send(request, 200, body, kind, headers)

        return self.answer(path, answer)

    def page(self, path: str, html: str) -> str:
        """A web page."""
        return self.answer(path, lambda request: send(request, 200, html.encode(), "text/html; charset=utf-8"))

    def status(self, path: str, status: int, **headers: str) -> str:
        """Nothing but a status."""
        more = {key.replace("_", "-"): value for key, value in headers.items()}
        return self.answer(path, lambda request: send(request, status, b"", "text/plain", more))

    def count(self, path: str) -> int:
        """How often a path was asked for."""
        return sum(asked.partition("?")[0] == path for _, asked, _ in self.asked)


def send(request: BaseHTTPRequestHandler, status: int, body: bytes, kind: str, headers: dict[str, str] | None = None) -> None:
    """A whole answer."""
    request.send_response(status)
    request.send_header("Content-Type", kind)
    request.send_header("Content-Length", str(len(body)))
    request.send_header("Last-Modified", "Sat, 01 Jan 2011 00:00:00 GMT")  # the day of a server, never of a post
    for key, value in (headers or {}).items():
        request.send_header(key, value)
    request.end_headers()
    if request.command != "HEAD":
        request.wfile.write(body)


@contextmanager
def serving() -> Iterator[StubSite]:
    """The site while the block runs."""
    site = StubSite()
    thread = threading.Thread(target=site.server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield site
    finally:
        site.ended.set()
        site.server.shutdown()
        site.server.server_close()
        thread.join()
