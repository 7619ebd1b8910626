"""What has to be done now and then: bury lost workers, mend the queue, remove by rule what is old and what nothing names."""

from __future__ import annotations

import logging
import threading
import time

import sqlalchemy as sa

from reelscope.config import Settings
from reelscope.server.blobs import LocalBlobs
from reelscope.server.db import events, job_files, jobs, now, runs
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
HOUR_S = 3600.0  # who follows a job, or looks why it went wrong, does so within the hour
AT_ONCE = 100  # analyses in one transaction: the database is not held up


class Janitor:
    """A thread that does it."""

    def __init__(self, settings: Settings, jobs_: Jobs, fleet: Fleet, blobs: LocalBlobs) -> None:
        self.settings, self.jobs, self.fleet, self.blobs = settings, jobs_, fleet, blobs
        self._stopped = threading.Event()
        self._told_until = 0.0  # end of the last job whose progress was removed, since this process began
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
            while not self._stopped.is_set() and (old_ids := self._ended_before(server.keep_days)):
                for job_id in old_ids:
                    self.jobs.purge(job_id)
        if server.keep_media_days is not None:
            old = sa.select(jobs.c.id).where(jobs.c.finished_at < now() - server.keep_media_days * DAY_S)
            gone = sa.delete(job_files).where(job_files.c.name == "clip", job_files.c.job_id.in_(old))
            self.jobs.database.write(lambda c: c.execute(gone))
        self.jobs.database.write(lambda c: c.execute(sa.delete(runs).where(runs.c.at < now() - RUNS_KEPT_S)))
        self._forget_progress()
        while not self._stopped.is_set() and self.jobs.durable.sweep(HOUR_S):
            continue
        freed = self.blobs.sweep(self._named)
        if freed:
            log.info("removed %.1f MiB of files that nothing names", freed / (1 << 20))

    def _forget_progress(self) -> None:
        """Of a job that ended an hour ago the story stays, and its thousand lines of progress go."""
        ended = sa.select(jobs.c.id, jobs.c.finished_at).where(jobs.c.finished_at < now() - HOUR_S).order_by(jobs.c.finished_at)
        while not self._stopped.is_set():
            some = ended.where(jobs.c.finished_at > self._told_until).limit(AT_ONCE)
            found = self.jobs.database.read(lambda c, some=some: c.execute(some).all())  # type: ignore[misc]
            if not found:
                return
            gone = sa.delete(events).where(events.c.job_id.in_([r.id for r in found]), events.c.kind == "progress")
            self.jobs.database.write(lambda c, gone=gone: c.execute(gone))  # type: ignore[misc]
            self._told_until = found[-1].finished_at

    def _named(self, first: str) -> set[str]:
        """Hashes that jobs name, of those that begin so."""
        query = sa.select(job_files.c.sha256).where(job_files.c.sha256.between(first, first + "g"))  # g: after every hexadecimal digit
        return self.jobs.database.read(lambda c: set(c.execute(query).scalars()))

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
