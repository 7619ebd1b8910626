"""A small internet on loopback: 127.0.0.2 stands for a public server, 127.0.0.1, 127.0.0.3 and ::1 for what must stay out of reach."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from reelscope.net import AddressRules

__all__ = ["PUBLIC", "RULES", "Answer", "Handler", "Names", "Site", "Trap"]

PUBLIC = "127.0.0.2"
# As a user would allow one address. It takes nothing from the judgement of any other.
RULES = AddressRules((PUBLIC,))

Answer = tuple[int, dict[str, str], bytes]


class Names:
    """A resolver from a table. A name with several lists of addresses answers with the next each time, and stays with the last."""

    def __init__(self, **table: Sequence[str] | Sequence[Sequence[str]]) -> None:
        self.table = {name.replace("_", "."): answers for name, answers in table.items()}
        self.asked: list[str] = []

    def __call__(self, host: str) -> Sequence[str]:
        self.asked.append(host)
        answers = self.table.get(host)
        if answers is None:
            raise socket.gaierror(socket.EAI_NONAME, "no such name")
        if not answers or isinstance(answers[0], str):
            return answers
        return answers[min(self.asked.count(host), len(answers)) - 1]


class Handler(BaseHTTPRequestHandler):
    """Answers from the site's table."""

    site: Site
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self.site.asked.append((self.command, self.path, dict(self.headers), body))
        answer = self.site.pages.get(self.path.partition("?")[0])
        if callable(answer):
            answer = answer(self)
            if answer is None:
                return
        status, headers, content = answer or (404, {}, b"nothing here")
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        if "Content-Length" not in headers and "Transfer-Encoding" not in headers:
            self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if self.command != "HEAD":
            with contextlib.suppress(ConnectionError):  # whoever asked has seen enough
                self.wfile.write(content)

    do_POST = do_HEAD = do_GET  # noqa: N815

    def log_message(self, *_: Any) -> None:
        pass


class Site:
    """A public web site: pages by path, each an answer or a function of the request."""

    def __init__(self, tls: Any = None, address: str = PUBLIC) -> None:
        self.pages: dict[str, Answer | Callable[[Handler], Answer | None]] = {}
        self.asked: list[tuple[str, str, dict[str, str], bytes]] = []
        self.tls, self.address = tls, address

    def __enter__(self) -> Site:
        self._server = _Server((self.address, 0), type("Bound", (Handler,), {"site": self}))
        self.port = self._server.server_address[1]
        if self.tls is not None:
            self._server.socket = self.tls.wrap_socket(self._server.socket, server_side=True)
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(10)

    def url(self, path: str, host: str = "cdn.example") -> str:
        return f"{'https' if self.tls else 'http'}://{host}:{self.port}{path}"

    def paths(self) -> list[str]:
        return [path for _, path, _, _ in self.asked]


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, *_: Any) -> None:  # a client that hung up or did not like our certificate
        pass


class Trap:
    """Listens where nobody may connect to: one port at 127.0.0.1, 127.0.0.3 and, where the machine has it, ::1."""

    def __init__(self) -> None:
        self._listening: list[socket.socket] = []
        first = self._listen(socket.AF_INET, "127.0.0.1", 0)
        self.port = first.getsockname()[1]
        self._listen(socket.AF_INET, "127.0.0.3", self.port)
        with contextlib.suppress(OSError):
            self._listen(socket.AF_INET6, "::1", self.port)

    def _listen(self, family: int, address: str, port: int) -> socket.socket:
        listening = socket.socket(family, socket.SOCK_STREAM)
        self._listening.append(listening)
        listening.bind((address, port))
        listening.listen()
        listening.setblocking(False)
        return listening

    def caught(self) -> int:
        """How many connections came. The kernel completes them by itself, so none can be on its way still."""
        count = 0
        for listening in self._listening:
            with contextlib.suppress(BlockingIOError):
                while True:
                    listening.accept()[0].close()
                    count += 1
        return count

    def close(self) -> None:
        for listening in self._listening:
            listening.close()


@contextmanager
def trap() -> Iterator[Trap]:
    made = Trap()
    try:
        yield made
    finally:
        made.close()
