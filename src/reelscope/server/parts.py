"""What the web process is made of, and its life: started with the app, stopped with it."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from pathlib import Path

from fastapi import Request

from reelscope.config import Settings
from reelscope.config.places import data_dir
from reelscope.server.asking import Asking
from reelscope.server.blobs import LocalBlobs
from reelscope.server.calling import share_secret
from reelscope.server.corrections import CorrectionBook
from reelscope.server.db import Database, open_database
from reelscope.server.durable import Durable
from reelscope.server.exports import Making
from reelscope.server.fleet import Fleet
from reelscope.server.hub import Hub
from reelscope.server.janitor import Janitor
from reelscope.server.jobs import Jobs
from reelscope.server.listing import Listing
from reelscope.server.looking import Looking
from reelscope.server.monitor.store import DatabaseStore
from reelscope.server.monitor.watch import Monitor
from reelscope.server.readiness import Readiness
from reelscope.server.reports import Reports
from reelscope.server.supervise import Supervisor
from reelscope.server.traffic import TrafficCounter

__all__ = ["Parts", "parts"]

log = logging.getLogger(__name__)


class Parts:
    """The web process's parts. It never opens media.

    Args:
        database: An open one, in place of the settings'.
    """

    def __init__(self, settings: Settings, database: Database | None = None) -> None:
        self.settings = settings
        self.data_dir: Path = data_dir(settings)
        self.data_dir.mkdir(parents=True, exist_ok=True)
        self.database = database or open_database(settings)
        self.database.prepare()
        share_secret(self.database, self.data_dir)
        self.durable = Durable(self.database)
        self.jobs = Jobs(self.database, self.durable)
        self.fleet = Fleet(self.database, self.jobs, self.data_dir)
        self.blobs = LocalBlobs(self.data_dir / "blobs")
        self.corrections = CorrectionBook(self.database)
        self.asking = Asking(settings, self.blobs)
        self.listing = Listing(self.database, self.jobs)
        self.looking = Looking(self.jobs, self.listing)
        self.hub = Hub(self.jobs)
        self.supervisor = Supervisor(settings, self.fleet, settings.server.workers)
        self.janitor = Janitor(settings, self.jobs, self.fleet, self.blobs)
        self.readiness = Readiness(settings, self.fleet)
        self.monitor = Monitor(
            DatabaseStore(self.database, self.fleet), self.data_dir, temp_dir=settings.system.temp_dir, state=lambda: self.state
        )  # fmt: skip
        self.reports = Reports()
        self.exports = Making()
        self.traffic = TrafficCounter()
        self.blob_locks: dict[str, asyncio.Lock] = {}
        self.draining = False  # about to end: takes no new jobs
        self.ending = False  # about to close: nobody is kept waiting
        self.started = time.monotonic()

    @property
    def state(self) -> str:
        """starting, ready or draining."""
        return "draining" if self.draining else "ready" if self.readiness.ready else "starting"

    def start(self) -> None:
        """Start workers, janitor, monitor."""
        self.supervisor.start()
        self.janitor.start()
        self.readiness.start()
        self.monitor.start()

    def drain(self) -> None:
        """Take no more jobs; may be called from a signal handler."""
        self.draining = True

    def end(self) -> None:
        """End every stream, and whatever else waits for something to happen."""
        self.drain()
        self.ending = True
        self.hub.close()
        self.monitor.end_followers()

    def stop(self) -> None:
        """Let the workers end, then everything else."""
        self.end()
        stops: tuple[Callable[[], None], ...] = (
            self.supervisor.stop, self.janitor.stop, self.readiness.stop, self.monitor.stop, self.durable.close, self.database.close,
        )  # fmt: skip
        for stop in stops:
            try:
                stop()
            except Exception:
                log.exception("%r failed", stop)


def parts(request: Request) -> Parts:
    """The parts of the app that a request came to."""
    return request.app.state.parts
