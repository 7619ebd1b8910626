"""Running the application: one process that listens, until it is told to end, and then lets everything end in order."""

from __future__ import annotations

import asyncio
import signal
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import sqlalchemy as sa
import uvicorn

from reelscope.config import Settings
from reelscope.config.places import data_dir
from reelscope.errors import ConfigError
from reelscope.server.app import create_app
from reelscope.server.db import open_database, tokens
from reelscope.server.listening import check_listening, uvicorn_options
from reelscope.server.monitor.logs import log_to_files

__all__ = ["run"]


class _Server(uvicorn.Server):
    """Tells the app of the signal at once, so that /ready turns false before connections are closed; then it ends with 0.

    uvicorn's own would raise the signal again when all is over, and a server that did what it was told would look like one that was killed.
    """

    def __init__(self, config: uvicorn.Config, drain: Callable[[], None]) -> None:
        super().__init__(config)
        self._drain = drain

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        before = {number: signal.signal(number, self.handle_exit) for number in (signal.SIGINT, signal.SIGTERM)}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def handle_exit(self, sig: int, frame: Any) -> None:
        self._drain()
        super().handle_exit(sig, frame)


def run(settings: Settings, *, tell: Callable[[str], object] = print) -> None:
    """Serve until SIGTERM or Ctrl-C.

    Raises:
        ConfigError: The database, the address or the port is not usable.
    """
    database = open_database(settings)
    database.prepare()
    exist = database.read(lambda c: c.execute(sa.select(sa.func.count()).select_from(tokens)).scalar_one()) > 0
    check_listening(settings, tokens_exist=exist)
    listener = _listen(settings)
    app = create_app(settings, database=database)
    config = uvicorn.Config(app, log_config=None, **uvicorn_options())
    password = sa.make_url(database.url).password
    host, port = listener.getsockname()[:2]
    with log_to_files(data_dir(settings), secrets=[password] if password else []), listener:
        shown = f"[{host}]" if ":" in host else host
        tell(f"reelscope serves on http://{shown}:{port} (database {database.shown}); Ctrl-C ends")
        asyncio.run(_Server(config, app.state.parts.drain).serve(sockets=[listener]))


def _listen(settings: Settings) -> socket.socket:
    server = settings.server
    try:
        family = socket.getaddrinfo(server.host, server.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0][0]
        return socket.create_server((server.host, server.port), family=family, backlog=2048, reuse_port=False)
    except OSError as error:
        raise ConfigError(
            f"{server.host}:{server.port}: cannot listen there ({error.strerror or error})",
            code="cannot_listen",
            hint="is another server running? choose another port with --port",
        ) from error
