"""Workers as the database knows them: who beats, who is gone, and what of theirs goes back to the queue.

A worker's row is its own, once a second. Two things tell that it is gone: its lock (a file that it holds while it lives) can be taken,
which whoever shares its data folder sees at once; or its row has had no beat for `LEASE_S`, which everybody sees.
"""

from __future__ import annotations

import fcntl
import json
import logging
import os
import re
import socket
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from reelscope.server.db import Database, now, workers
from reelscope.server.jobs import Jobs
from reelscope.version import VERSION

__all__ = ["BEAT_S", "LEASE_S", "Fleet", "Worker", "WorkerLock", "new_worker_id"]

log = logging.getLogger(__name__)

BEAT_S = 1.0
# A worker that is only slow (swapping, a stopped virtual machine) must not be thought lost; a lost one's clips should go on within the
# minute. The fence makes the first mistake harmless, it only costs work that is done twice.
LEASE_S = 20.0
CLOCK = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)  # goes on while the machine sleeps, where there is such a clock
# A worker that died of itself is its supervisor's to bury, who looks five times a second and knows how it died: whether that is a strike.
GRACE_S = 3.0
GONE_KEPT_S = 3600.0  # rows of workers that are gone stay this long, for the monitor


@dataclass(frozen=True, slots=True)
class Worker:
    """A worker's row. beat_age_s: since its last beat, by the database's clock."""

    id: str
    host: str
    pid: int
    data_dir: str
    version: str
    state: str
    started_at: float
    beat_at: float
    restarts: int
    doing: list[dict[str, Any]]
    sample: dict[str, Any]
    beat_age_s: float

    @property
    def alive(self) -> bool:
        """Whether it may still be at work."""
        return self.state != "gone" and self.beat_age_s < LEASE_S


def new_worker_id(place: str) -> str:
    """An id that no other process has: host, place, and what makes it unique."""
    host = re.sub(r"[^A-Za-z0-9-]", "-", socket.gethostname())[:32]
    return f"{host}-{place}-{os.urandom(4).hex()}"


class WorkerLock:
    """A file that a worker holds while it lives; the lock goes with the process, however that ends."""

    def __init__(self, data_dir: Path, worker: str) -> None:
        folder = data_dir / "workers"
        folder.mkdir(parents=True, exist_ok=True)
        self.path = folder / f"{worker}.lock"
        while True:
            self._fd = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            fcntl.flock(self._fd, fcntl.LOCK_EX)
            with suppress(FileNotFoundError):
                if os.path.samestat(self.path.lstat(), os.fstat(self._fd)):
                    break
            os.close(self._fd)  # who sweeps was quicker than our lock, and has removed the file

    def close(self) -> None:
        """Let go of it; the file goes too."""
        self.path.unlink(missing_ok=True)
        os.close(self._fd)

    @staticmethod
    def free(data_dir: Path, worker: str) -> bool:
        """Whether nobody holds it any more."""
        path = data_dir / "workers" / f"{worker}.lock"
        try:
            fd = os.open(path, os.O_RDWR | os.O_CLOEXEC)
        except FileNotFoundError:
            return True
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            return False
        finally:
            os.close(fd)
        path.unlink(missing_ok=True)
        return True


class Fleet:
    """The workers of a database. data_dir: this process's, whose workers' locks it can see."""

    def __init__(self, database: Database, jobs: Jobs, data_dir: Path) -> None:
        self.database, self.jobs, self.data_dir = database, jobs, data_dir
        self._looked: float | None = None
        self._lenient_until = 0.0

    def enter(self, worker: str, *, restarts: int) -> None:
        """A worker is there and begins to load."""
        self.database.write(
            lambda c: c.execute(
                workers.insert().values(
                    id=worker, host=socket.gethostname(), pid=os.getpid(), data_dir=str(self.data_dir), version=VERSION, state="starting",
                    started_at=now(), beat_at=now(), restarts=restarts, doing="[]", sample="{}",
                )
            )
        )  # fmt: skip

    def beat(self, worker: str, state: str, doing: list[dict[str, Any]], sample: dict[str, Any]) -> bool:
        """A worker lives, and what it does; False where it was taken for lost meanwhile: what it holds is no longer its."""
        query = sa.update(workers).where(workers.c.id == worker, workers.c.state != "gone")
        values = {"beat_at": now(), "state": state, "doing": json.dumps(doing), "sample": json.dumps(sample)}
        return self.database.write(lambda c: c.execute(query.values(**values)).rowcount) == 1

    def all(self) -> list[Worker]:
        """Every worker that is there or went lately, oldest first."""
        query = sa.select(workers, (now() - workers.c.beat_at).label("beat_age_s")).order_by(workers.c.started_at)

        def of(r: Any) -> Worker:
            return Worker(
                r.id, r.host, r.pid, r.data_dir, r.version, r.state, r.started_at, r.beat_at, r.restarts, json.loads(r.doing),
                json.loads(r.sample), r.beat_age_s,
            )  # fmt: skip

        return self.database.read(lambda c: [of(r) for r in c.execute(query)])

    def bury(self, worker: str, *, strike: bool = False) -> None:
        """A worker is gone for good: its jobs wait again, and their places in the queue are free. May be called again, by anybody.

        strike: it died of itself, over what it was doing.
        """
        gone = sa.update(workers).where(workers.c.id == worker, workers.c.state != "gone").values(state="gone", doing="[]", beat_at=now())
        first = self.database.write(lambda c: c.execute(gone).rowcount) == 1
        WorkerLock.free(self.data_dir, worker)  # a process that was killed has left its file
        held = self.jobs.lost(worker, strike=strike and first)
        freed = self.jobs.durable.recover(worker)
        if held or freed:
            log.warning("worker %s is gone; jobs that it held go back to the queue: %s", worker, ", ".join(held) or "none")

    def look(self) -> list[str]:
        """Bury those that are gone, whoever they worked for; returns their ids. Any process may do it, at any time."""
        rows = {w.id: w for w in self.all()}
        lenient = self._is_late()
        gone = [w.id for w in rows.values() if w.state != "gone" and self._is_gone(w, lenient=lenient)]
        buried = {w.id for w in rows.values() if w.state == "gone"}
        left = {e for e in self.jobs.durable.pending() if e not in rows or e in buried} - {*gone}  # buried, but not to the end
        left |= self.jobs.holders() & buried  # claimed a job after that, before it knew
        for worker in (*gone, *left):
            self.bury(worker)
        for path in (self.data_dir / "workers").glob("*.lock"):
            if path.stem not in rows:  # killed before it had a row; one that only has none yet holds its lock
                WorkerLock.free(self.data_dir, path.stem)
        old = sa.delete(workers).where(workers.c.state == "gone", workers.c.beat_at < now() - GONE_KEPT_S)
        self.database.write(lambda c: c.execute(old))
        return gone

    def _is_late(self) -> bool:
        """Whether the silence of others may be our own: this process stood still or could not ask, as may they. They get a lease then."""
        at = time.clock_gettime(CLOCK)
        if self._looked is not None and at - self._looked > LEASE_S / 2:
            self._lenient_until = at + LEASE_S
        self._looked = at
        return at < self._lenient_until

    def _is_gone(self, worker: Worker, *, lenient: bool) -> bool:
        if worker.beat_age_s >= LEASE_S and not lenient:
            return True
        here = worker.data_dir == str(self.data_dir) and worker.host == socket.gethostname()
        return here and worker.beat_age_s >= GRACE_S and WorkerLock.free(self.data_dir, worker.id)
