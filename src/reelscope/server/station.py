"""Workers on a machine without a server: `reelscope worker`."""

from __future__ import annotations

import signal
from types import FrameType

from reelscope.config import Settings
from reelscope.config.places import data_dir
from reelscope.server.db import open_database
from reelscope.server.durable import Durable
from reelscope.server.fleet import Fleet
from reelscope.server.jobs import Jobs
from reelscope.server.supervise import Supervisor
from reelscope.server.worker import wait_until

__all__ = ["Station"]


class Station:
    """The supervisor of this machine's workers. Use it as a context manager.

    Raises:
        ConfigError: The database cannot be reached.
    """

    def __init__(self, settings: Settings, *, count: int, server: str | None, token_file: str | None) -> None:
        self._database = open_database(settings)
        self._database.prepare()
        self._durable = Durable(self._database)
        self.shown = self._database.shown
        folder = data_dir(settings)
        folder.mkdir(parents=True, exist_ok=True)
        fleet = Fleet(self._database, Jobs(self._database, self._durable), folder)
        self._supervisor = Supervisor(settings, fleet, count, server=server, token_file=token_file)
        self._ended = False

    def __enter__(self) -> Station:
        self._supervisor.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._supervisor.stop()
        self._durable.close()
        self._database.close()

    def wait(self) -> None:
        """Until SIGTERM or Ctrl-C."""

        def end(number: int, frame: FrameType | None) -> None:
            self._ended = True

        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, end)
        wait_until(lambda: self._ended)
