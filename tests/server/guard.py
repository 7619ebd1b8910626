"""A small app with everything of reelscope.server.security around it, asked in this process or over a socket."""

from __future__ import annotations

import asyncio
import socket
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import httpx
import uvicorn
from fastapi import FastAPI, Request
from fastapi.responses import HTMLResponse, JSONResponse, StreamingResponse
from pydantic import BaseModel
from sse_starlette import EventSourceResponse

from reelscope.config import Settings
from reelscope.config.places import data_dir
from reelscope.server.db import Database, meta, open_database
from reelscope.server.listening import uvicorn_options
from reelscope.server.security import Security, install
from reelscope.server.tokens import Tokens

HERE = "http://127.0.0.1:8003"
DEADLINE_S = 90.0


class Clock:
    """A clock that goes when it is told to."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


class Wanted(BaseModel):
    url: str = ""


@dataclass
class Guarded:
    """The app, what guards it, and its tokens."""

    app: FastAPI
    security: Security
    tokens: Tokens
    database: Database
    folder: Path
    got: list[int]  # bytes of each body that the app read to its end
    stopping: bool = False

    def set_clock(self, clock: Callable[[], float]) -> None:
        """Let everything that counts time go by this clock."""
        s = self.security
        for part in (s.book, s.requests, s.failures, s.disk, s.queue):
            part._clock = clock

    def ask(self, method: str, path: str, *, peer: str = "127.0.0.1", base: str = HERE, **more: Any) -> httpx.Response:
        """One request, in this process."""

        async def send() -> httpx.Response:
            transport = httpx.ASGITransport(self.app, client=(peer, 40000))
            async with httpx.AsyncClient(transport=transport, base_url=base) as client:
                return await client.request(method, path, **more)

        return asyncio.run(send())


def guarded(**server: Any) -> Guarded:
    """An app under these settings of `server.*`, in the test's own data folder."""
    settings = Settings.model_validate({"server": {"min_free_disk_mib": 0, **server}})
    database = open_database(settings)
    database.write(meta.create_all)
    app = FastAPI()
    got: list[int] = []

    async def read(request: Request) -> int:
        size = 0
        async for piece in request.stream():
            size += len(piece)
        got.append(size)
        return size

    @app.get("/health")
    @app.get("/assets/page.js")
    @app.get("/analyses")
    @app.get("/metrics")
    @app.get("/blobs/{name}")
    async def some(request: Request) -> dict[str, Any]:
        client = request.state.client
        return {"name": client.name, "trusted": client.trusted}

    @app.get("/ready")
    async def ready(request: Request) -> dict[str, Any]:
        return {"trusted": request.state.client.trusted}

    @app.get("/", response_class=HTMLResponse)
    async def page() -> str:
        return "<p>page</p>"

    @app.get("/report")
    async def report() -> HTMLResponse:
        return HTMLResponse("<p>report</p>", headers={"Content-Security-Policy": "default-src data:", "Cache-Control": "max-age=5"})

    @app.post("/analyses", status_code=202)
    async def make(wanted: Wanted) -> dict[str, str]:
        return {"url": wanted.url}

    @app.post("/raw")
    async def raw(request: Request) -> dict[str, int]:
        return {"size": await read(request)}

    @app.post("/analyses/upload", status_code=202)
    async def upload(request: Request) -> JSONResponse:
        return JSONResponse({"size": await read(request)}, 202)

    @app.put("/blobs/{name}", status_code=201)
    async def blob(name: str, request: Request) -> dict[str, int]:
        return {"size": await read(request)}

    @app.get("/fails")
    async def fails() -> None:
        raise RuntimeError("the secret of the machine")

    @app.get("/stream")
    async def stream() -> StreamingResponse:
        async def ticks() -> AsyncIterator[bytes]:
            while True:
                yield b"data: tick\n\n"
                await asyncio.sleep(0.02)

        return StreamingResponse(ticks(), media_type="text/event-stream")

    @app.get("/events")
    async def events() -> EventSourceResponse:
        async def ticks() -> AsyncIterator[dict[str, str]]:
            while True:
                yield {"data": "tick"}
                await asyncio.sleep(0.02)

        return EventSourceResponse(ticks())

    @app.get("/breaks")
    async def breaks() -> StreamingResponse:
        async def some_then_none() -> AsyncIterator[bytes]:
            yield b"some"
            raise RuntimeError("in the middle")

        return StreamingResponse(some_then_none())

    made = Guarded(app, None, Tokens(database), database, data_dir(settings), got)  # type: ignore[arg-type]
    made.security = install(app, settings, database, draining=lambda: made.stopping)
    return made


@contextmanager
def serving(app: Any, *, lifespan: Literal["on", "off"] = "off") -> Iterator[tuple[str, int]]:
    """The app behind a socket of this machine; yields its address and port."""
    listener = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(app, log_config=None, lifespan=lifespan, timeout_graceful_shutdown=5, **uvicorn_options()))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, name="uvicorn")
    thread.start()
    try:
        until(lambda: server.started)
        yield listener.getsockname()[:2]
    finally:
        server.should_exit = True
        thread.join(DEADLINE_S)
        listener.close()
        assert not thread.is_alive()


def until(true: Callable[[], bool]) -> None:
    """Wait for something to become true."""
    end = time.monotonic() + DEADLINE_S
    while not true():
        assert time.monotonic() < end, "it did not come true"
        time.sleep(0.005)


def send_raw(address: tuple[str, int], *pieces: bytes, close: bool = False) -> bytes:
    """Send bytes as they are and return all that is answered until the server closes, or falls silent after a whole answer."""
    with socket.create_connection(address, timeout=DEADLINE_S) as connection:
        for piece in pieces:
            connection.sendall(piece)
        if close:
            connection.shutdown(socket.SHUT_WR)
        return read_answer(connection)


def read_answer(connection: socket.socket) -> bytes:
    """One answer with a length, or everything until the end."""
    got = b""
    while True:
        head, found, body = got.partition(b"\r\n\r\n")
        length = next((int(line.split(b":")[1]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-length:")), None)
        if found and length is not None and len(body) >= length:
            return got
        piece = connection.recv(65536)
        if not piece:
            return got
        got += piece
