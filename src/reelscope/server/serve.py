"""Running the application: one process that listens, until it is told to end, and then lets everything end in order."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import logging
import signal
import socket
import threading
from collections.abc import Callable, Iterator
from typing import Any

import sqlalchemy as sa
import uvicorn

from reelscope.config import Settings
from reelscope.config.places import data_dir
from reelscope.engine.limits import few_arenas
from reelscope.errors import ConfigError
from reelscope.server.app import create_app
from reelscope.server.db import open_database, tokens
from reelscope.server.listening import check_listening, uvicorn_options
from reelscope.server.monitor.logs import log_to_files
from reelscope.server.parts import Parts

__all__ = ["run"]

log = logging.getLogger(__name__)

# When the server closes: how long answers and uploads on their way may take to end. Clips had their time before (server.drain_s); a
# download to somebody who reads slowly, or not at all, would keep the server from ever ending.
CLOSING_S = 5


class _Server(uvicorn.Server):
    """Told to end, it turns /ready false at once and goes on answering until its workers have ended; then it closes, and ends with 0.

    So who follows a clip sees its end. A second signal closes at once; a second Ctrl-C waits for no clip either.

    uvicorn's own would raise the signal again when all is over, and a server that did what it was told would look like one that was killed.
    """

    _loop: asyncio.AbstractEventLoop

    def __init__(self, config: uvicorn.Config, parts: Parts, tell: Callable[[str], object]) -> None:
        super().__init__(config)
        self._parts, self._tell = parts, tell

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        # What is loaded by now stays. To go over all of it, as the collector does now and then, holds every answer up for 90 ms.
        gc.collect()
        gc.freeze()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        self._loop = asyncio.get_running_loop()
        before = {number: signal.signal(number, self.handle_exit) for number in (signal.SIGINT, signal.SIGTERM)}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def handle_exit(self, sig: int, frame: Any) -> None:
        again = self._parts.draining
        self._parts.drain()  # a flag: whatever takes a lock may wait for the very code that the signal interrupted
        self.force_exit |= again and sig == signal.SIGINT
        self._loop.call_soon_threadsafe(self._close if again else self._begin_to_end)

    def _begin_to_end(self) -> None:
        if self._parts.settings.server.workers:
            with contextlib.suppress(OSError):  # nobody reads it
                self._tell(f"ends: clips on their way have {self._parts.settings.server.drain_s:g} s; Ctrl-C again: now")
        threading.Thread(target=self._let_end, name="drain", daemon=True).start()

    def _let_end(self) -> None:
        try:
            self._parts.supervisor.stop()
        except Exception:
            log.exception("the workers could not be ended")
        try:
            self._loop.call_soon_threadsafe(self._close)
        except RuntimeError:  # a second signal was quicker
            return

    def _close(self) -> None:
        if self.force_exit:  # what the workers hold goes back to the queue, as it does when they die
            self._parts.supervisor.kill()
        self._parts.end()
        self.should_exit = True


def run(settings: Settings, *, tell: Callable[[str], object] = print) -> None:
    """Serve until SIGTERM or Ctrl-C.

    Raises:
        ConfigError: The database, the address or the port is not usable.
    """
    few_arenas()  # sixty clients for two minutes let it grow by 26 MiB otherwise, and by 10 so, most of it the database's own caches
    database = open_database(settings)
    database.prepare()
    exist = database.read(lambda c: c.execute(sa.select(sa.func.count()).select_from(tokens)).scalar_one()) > 0
    check_listening(settings, tokens_exist=exist)
    listener = _listen(settings)
    app = create_app(settings, database=database)
    config = uvicorn.Config(app, log_config=None, timeout_graceful_shutdown=CLOSING_S, **uvicorn_options())
    password = sa.make_url(database.url).password
    host, port = listener.getsockname()[:2]
    with log_to_files(data_dir(settings), secrets=[password] if password else []), listener:
        shown = f"[{host}]" if ":" in host else host
        tell(f"reelscope serves on http://{shown}:{port} (database {database.shown}); Ctrl-C ends")
        asyncio.run(_Server(config, app.state.parts, tell).serve(sockets=[listener]))


def _listen(settings: Settings) -> socket.socket:
    server = settings.server
    try:
        family = socket.getaddrinfo(server.host, server.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0][0]
        listener = socket.create_server((server.host, server.port), family=family, backlog=2048, reuse_port=False)
        # asyncio sets it only on sockets that were made with the protocol's number. Without it head and body, two writes, wait for each
        # other: 40 ms for every answer on a connection that is used again.
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return listener
    except OSError as error:
        raise ConfigError(
            f"{server.host}:{server.port}: cannot listen there ({error.strerror or error})",
            code="cannot_listen",
            hint="is another server running? choose another port with --port",
        ) from error
