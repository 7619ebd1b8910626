"""A database, files and workers without a web process in front of them."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from reelscope.api import FINAL, AnalysisRequest
from reelscope.config import Settings
from reelscope.server.blobs import LocalBlobs
from reelscope.server.db import Database, open_database
from reelscope.server.durable import Durable
from reelscope.server.fleet import Fleet
from reelscope.server.jobs import Handed, Job, Jobs
from reelscope.server.supervise import Supervisor
from tests.clips import moving_frames, write_clip

CHEAP = ["color_analysis", "cut_analysis"]
BROKEN = (sys.executable, "-m", "tests.server.broken_worker")
DEADLINE_S = 240.0


@dataclass
class Place:
    """What a server has, on a data folder."""

    settings: Settings
    data_dir: Path
    database: Database
    jobs: Jobs
    fleet: Fleet
    blobs: LocalBlobs

    @property
    def hold(self) -> Path:
        """While this file is there, BROKEN workers do not get on with clips whose names begin with `held`."""
        return self.data_dir / "hold"

    def put(self, clip: Path, **asked: Any) -> Job:
        """Hand a clip in."""
        request = AnalysisRequest(path=str(clip), **{"fresh": True, "analyzers": CHEAP, **asked})
        job, _ = self.jobs.hand_in(Handed(request, "path", clip.name, clip.name, clip=self.blobs.put_file(clip)))
        return job

    def now(self, job: Job) -> Job:
        """The job as it is now."""
        found = self.jobs.get(job.id)
        assert found is not None
        return found

    def ended(self, *jobs: Job) -> list[Job]:
        """The jobs once all have ended."""
        until(lambda: all(self.now(job).state in FINAL for job in jobs), lambda: f"{[self.now(job) for job in jobs]}, {self.fleet.all()}")
        return [self.now(job) for job in jobs]

    @contextmanager
    def workers(self, count: int = 1, **more: Any) -> Iterator[Supervisor]:
        """Workers on this data folder."""
        supervisor = Supervisor(self.settings, self.fleet, count, **more)
        supervisor.start()
        try:
            yield supervisor
        finally:
            supervisor.stop()


@contextmanager
def place(folder: Path, database_url: str, **changes: Any) -> Iterator[Place]:
    """A place on a data folder and a database."""
    tree = {
        "system": {"data_dir": str(folder)},
        "server": {"database": database_url, "drain_s": 5.0, **changes},
        "placement": {"threads": 1},
    }
    settings = Settings.model_validate(tree)
    folder.mkdir(parents=True, exist_ok=True)
    database = open_database(settings)
    database.prepare()
    durable = Durable(database)
    jobs = Jobs(database, durable)
    try:
        yield Place(settings, folder, database, jobs, Fleet(database, jobs, folder), LocalBlobs(folder / "blobs"))
    finally:
        durable.close()
        database.close()


def until(true: Callable[[], bool], tell: Callable[[], str] = lambda: "", seconds: float = DEADLINE_S) -> None:
    """Wait for a condition."""
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, f"waited {seconds:g} s in vain {tell()}"
        time.sleep(0.05)


def small_clip(folder: Path, seconds: int = 3) -> Path:
    """A clip that takes no time."""
    return write_clip(folder / f"{seconds}-seconds.mp4", moving_frames(30 * seconds, width=64, height=48))
