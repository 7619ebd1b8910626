"""What has to be done now and then: bury lost workers, mend the queue, remove by rule what is old and what nothing names."""

from __future__ import annotations

import logging
import threading
import time

import sqlalchemy as sa

from reelscope.config import Settings
from reelscope.server.blobs import LocalBlobs
from reelscope.server.db import job_files, jobs, now, runs
from reelscope.server.fleet import Fleet
from reelscope.server.jobs import Jobs

__all__ = ["Janitor"]

log = logging.getLogger(__name__)

LOOK_S = 2.0  # for lost workers
MEND_S = 30.0
MEND_OLDER_S = 60.0
TIDY_S = 600.0
DAY_S = 86_400.0
RUNS_KEPT_S = 7 * DAY_S  # figures are told over an hour; a week lets somebody look back
AT_ONCE = 100  # analyses removed in one round: the database is not held up


class Janitor:
    """A thread that does it."""

    def __init__(self, settings: Settings, jobs_: Jobs, fleet: Fleet, blobs: LocalBlobs) -> None:
        self.settings, self.jobs, self.fleet, self.blobs = settings, jobs_, fleet, blobs
        self._stopped = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Begin."""
        self._thread = threading.Thread(target=self._run, name="janitor", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End after what it is at."""
        self._stopped.set()
        if self._thread is not None:
            self._thread.join()

    def tidy(self) -> None:
        """Remove by rule: analyses after `keep_days`, clips after `keep_media_days`, files that nothing names, old figures."""
        server = self.settings.server
        if server.keep_days is not None:
            for job_id in self._ended_before(server.keep_days):
                self.jobs.purge(job_id)
        if server.keep_media_days is not None:
            old = sa.select(jobs.c.id).where(jobs.c.finished_at < now() - server.keep_media_days * DAY_S)
            gone = sa.delete(job_files).where(job_files.c.name == "clip", job_files.c.job_id.in_(old))
            self.jobs.database.write(lambda c: c.execute(gone))
        self.jobs.database.write(lambda c: c.execute(sa.delete(runs).where(runs.c.at < now() - RUNS_KEPT_S)))
        named = self.jobs.database.read(lambda c: set(c.execute(sa.select(job_files.c.sha256).distinct()).scalars()))
        freed = self.blobs.sweep(named)
        if freed:
            log.info("removed %.1f MiB of files that nothing names", freed / (1 << 20))

    def _ended_before(self, days: float) -> list[str]:
        query = sa.select(jobs.c.id).where(jobs.c.finished_at < now() - days * DAY_S).limit(AT_ONCE)
        return self.jobs.database.read(lambda c: list(c.execute(query).scalars()))

    def _run(self) -> None:
        mended = 0.0
        tidied = 0.0
        while not self._stopped.is_set():
            try:
                self.fleet.look()
                if time.monotonic() - mended > MEND_S:
                    mended = time.monotonic()
                    self.jobs.mend(MEND_OLDER_S)
                if time.monotonic() - tidied > TIDY_S:
                    tidied = time.monotonic()
                    self.tidy()
            except Exception:
                log.warning("the janitor's round failed", exc_info=True)
            self._stopped.wait(LOOK_S)
