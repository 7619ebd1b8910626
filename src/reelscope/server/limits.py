"""How much anybody may ask for: requests, failed logins, waiting jobs, room on the disk. What comes in is counted in intake.

Everything here refuses by raising `Refusal`, which knows its HTTP status and when to come again.
"""

from __future__ import annotations

import math
import os
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Hashable
from pathlib import Path

import sqlalchemy as sa
from starlette.responses import JSONResponse, Response

from reelscope.api import ErrorBody
from reelscope.errors import ReelscopeError
from reelscope.server.db import Database, jobs

__all__ = ["Buckets", "DiskWatch", "QueueWatch", "Refusal", "database_failed", "disk_full", "draining", "refuse"]

MIB = 1024 * 1024

# Clients whose requests are counted at the same time: some hundred bytes each. With more, who was away the longest begins anew.
MOST_CLIENTS = 4096

# A look at the disk is one system call; twice a second finds a disk that fills within the 2 s that are promised.
DISK_LOOK_S = 0.5
# Room comes back when somebody makes it, or when the janitor's next round does.
DISK_RETRY_S = 30.0
# Counting ten thousand waiting jobs takes a millisecond; not for every request of a burst.
QUEUE_LOOK_S = 1.0
# A queue at its limit is thousands of clips long, and loses one in some seconds.
QUEUE_RETRY_S = 10.0
# A server that ends is back, or somebody else is in its place, when its clips have ended or were handed back.
DRAIN_RETRY_S = 5.0
# A database that is restarted is back in some seconds.
DATABASE_RETRY_S = 5.0


class Refusal(ReelscopeError):
    """A request that is not done.

    Args:
        status: Of the HTTP answer. retry_after_s: When asking again makes sense; makes the refusal retryable.
        headers: More headers of the answer.
    """

    default_code = "refused"

    def __init__(
        self,
        status: int,
        message: str,
        *,
        code: str,
        hint: str | None = None,
        retry_after_s: float | None = None,
        headers: dict[str, str] | None = None,
    ) -> None:
        super().__init__(message, code=code, hint=hint, retryable=retry_after_s is not None)
        self.status, self.retry_after_s = status, retry_after_s
        self.headers = headers or {}

    def __reduce__(self) -> tuple[object, ...]:
        return (_rebuild, (self.status, self.message, self.code, self.hint, self.retry_after_s, self.headers))


def _rebuild(status: int, message: str, code: str, hint: str | None, retry_after_s: float | None, headers: dict[str, str]) -> Refusal:
    return Refusal(status, message, code=code, hint=hint, retry_after_s=retry_after_s, headers=headers)


def refuse(refusal: Refusal) -> Response:
    """The answer that a refusal is."""
    body = ErrorBody(code=refusal.code, message=refusal.message, hint=refusal.hint, retryable=refusal.retryable)
    headers = dict(refusal.headers)
    if refusal.retry_after_s is not None:
        headers["Retry-After"] = str(max(1, math.ceil(refusal.retry_after_s)))  # whole seconds (RFC 9110), and never "at once"
    return JSONResponse(body.model_dump(), refusal.status, headers)


def draining() -> Refusal:
    """The server is about to end."""
    return Refusal(
        503, "the server is about to end and takes no new jobs", code="draining", hint="hand it in again soon", retry_after_s=DRAIN_RETRY_S
    )


def database_failed() -> Refusal:
    """The database does not answer."""
    return Refusal(503, "the database does not answer", code="database_failed", hint="ask again soon", retry_after_s=DATABASE_RETRY_S)


def disk_full(free_mib: int, min_free_mib: int) -> Refusal:
    """There is too little room for new jobs."""
    return Refusal(
        503, f"{free_mib} MiB free in the data folder, new jobs are taken from {min_free_mib} MiB on", code="disk_full",
        hint="remove analyses, free some space there, or lower server.min_free_disk_mib", retry_after_s=DISK_RETRY_S,
    )  # fmt: skip


class Buckets:
    """A token bucket for each client: so many requests a minute, all at once or spread. Any thread.

    A full bucket holds a minute's worth. So a client that was quiet may make them in one burst, and in any minute of a busy one it is at
    most twice the figure, in the long run the figure itself.

    Args:
        per_minute: How many come back in a minute, and how many a full one holds.
        most: Clients that are remembered.
    """

    def __init__(self, per_minute: float, *, most: int = MOST_CLIENTS, clock: Callable[[], float] = time.monotonic) -> None:
        self._size, self._rate = float(per_minute), per_minute / 60.0
        self._most, self._clock = most, clock
        self._held: OrderedDict[Hashable, tuple[float, float]] = OrderedDict()  # what is left, and when that was
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return len(self._held)

    def take(self, client: Hashable) -> float:
        """Take one. Returns 0 where it was there, else the seconds until it will be."""
        now = self._clock()
        with self._lock:
            left, at = self._held.pop(client, (self._size, now))
            left = min(self._size, left + (now - at) * self._rate)
            wait_s = 0.0 if left >= 1.0 else (1.0 - left) / self._rate
            self._held[client] = (left - 1.0 if left >= 1.0 else left, now)
            if len(self._held) > self._most:
                self._held.popitem(last=False)
        return wait_s


class DiskWatch:
    """The free room of the data folder's disk, never older than half a second. Any thread.

    Args:
        folder: It need not exist yet: its nearest existing parent is on the same disk.
        min_free_mib: What must stay free, in MiB.
    """

    def __init__(
        self,
        folder: Path,
        min_free_mib: int,
        *,
        statvfs: Callable[[Path], os.statvfs_result] = os.statvfs,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.folder, self.min_free_mib = folder, min_free_mib
        self._statvfs, self._clock = statvfs, clock
        self._seen: tuple[float, int] | None = None

    @property
    def free_bytes(self) -> int:
        """What an ordinary user may still write.

        Raises:
            Refusal: The disk does not answer.
        """
        now, seen = self._clock(), self._seen
        if seen is not None and now - seen[0] < DISK_LOOK_S:
            return seen[1]
        # In the event loop's thread: a local disk answers in microseconds, and one that hangs stops everything else as well.
        try:
            facts = self._statvfs(self._existing())
        except OSError as error:
            raise Refusal(
                503, f"the data folder's disk cannot be asked: {error.strerror or error}", code="disk_failed",
                hint="see that the data folder is there", retry_after_s=DISK_RETRY_S,
            ) from error  # fmt: skip
        free = facts.f_bavail * facts.f_frsize
        self._seen = (now, free)
        return free

    def check(self, wanted_bytes: int = 0) -> None:
        """Return where there is room, also after so many more bytes.

        Raises:
            Refusal: There is none (503 `disk_full`), or the disk does not answer (503 `disk_failed`).
        """
        free = self.free_bytes
        if free - wanted_bytes < self.min_free_mib * MIB:
            raise disk_full(free // MIB, self.min_free_mib)

    def _existing(self) -> Path:
        return next((p for p in (self.folder, *self.folder.parents) if p.exists()), Path(os.sep))


class QueueWatch:
    """How many jobs wait, and whether one more may. `waiting` and `check` read the database, so call them from a thread.

    The count may be a second old while the limit is far. What was let in since, and what is on its way in, counts too, so that a burst
    does not get past the limit; near it the count is always new.
    """

    def __init__(self, database: Database, max_queue: int, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._database, self._max, self._clock = database, max_queue, clock
        self._seen: tuple[float, int] | None = None
        self._looks = self._newest = 0  # looks begun, and which of them `_seen` is of
        self._accepted = self._then = 0  # let in so far, and how many that were when the look of `_seen` began
        self._coming = 0
        self._lock = threading.Lock()  # held for the figures only: `done` is called where nothing may wait for a database

    @property
    def waiting(self) -> int:
        """Jobs that wait, at most a second ago."""
        return self._look(QUEUE_LOOK_S)

    def check(self) -> None:
        """Let one more in; `done` must be called when it is in or was refused elsewhere.

        Raises:
            Refusal: 503 `queue_full`.
        """
        for age_s in (QUEUE_LOOK_S, 0.0):
            self._look(age_s)
            with self._lock:
                waiting = (self._seen[1] if self._seen is not None else 0) + self._accepted - self._then + self._coming
                if waiting < self._max:
                    self._coming += 1
                    return
        raise Refusal(
            503, f"{waiting} jobs wait, no more than {self._max} may", code="queue_full",
            hint="hand it in again later, add workers, or raise server.max_queue", retry_after_s=QUEUE_RETRY_S,
        )  # fmt: skip

    def done(self, *, accepted: bool) -> None:
        """What `check` let in has been answered."""
        with self._lock:
            self._coming -= 1
            self._accepted += int(accepted)

    def _look(self, age_s: float) -> int:
        now = self._clock()
        with self._lock:
            if self._seen is not None and now - self._seen[0] < age_s:
                return self._seen[1]
            before = self._accepted
            self._looks += 1
            look = self._looks
        query = sa.select(sa.func.count()).select_from(jobs).where(jobs.c.state == "queued")
        found = self._database.read(lambda c: c.execute(query).scalar_one())
        with self._lock:
            if look > self._newest:  # a look that began earlier and ended later knows less
                self._seen, self._newest, self._then = (now, found), look, before
            # Those let in while it was read count beside it: one counted twice is better than none.
        return found
