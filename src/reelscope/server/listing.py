"""Reading many jobs: pages, search, and how long one will take, from those that were done before."""

from __future__ import annotations

import base64
import binascii
import re
import statistics
import time
from collections.abc import Sequence
from dataclasses import fields

import sqlalchemy as sa

from reelscope.api import Estimate, Progress
from reelscope.errors import InputError
from reelscope.server.db import Database, jobs, now, workers
from reelscope.server.fleet import LEASE_S
from reelscope.server.jobs import Job, Jobs
from reelscope.server.search import words_of

__all__ = ["Listing"]

LATEST = 50  # clips that an estimate is made of: enough to be steady, few enough to follow a change of machine
LEAST = 3
MEASURED_S = 0.5  # fifty clips are read for it, and everybody who waits asks for an estimate with every look
OWN_PACE_FROM = 0.1  # of a clip's steps: from there its own pace says more than that of others, where it is slower
CURSOR = re.compile(r"([0-9]{1,19})\.([0-9a-f]{32})")
_COLUMNS = [jobs.c[f.name] for f in fields(Job)]


class Listing:
    """Questions over all jobs."""

    def __init__(self, database: Database, jobs_: Jobs) -> None:
        self.database, self.jobs = database, jobs_
        self.measured_s = MEASURED_S
        self._known: tuple[float, tuple[dict[bool, list[tuple[float, float]]], int, float]] | None = None

    def page(self, *, state: str | None, q: str | None, limit: int, cursor: str | None) -> tuple[list[Job], str | None, int]:
        """A page, newest first; the cursor of the next; how many there are in all.

        Raises:
            InputError: A cursor that is none of ours.
        """
        wanted = []
        if state is not None:
            wanted.append(jobs.c.state == state)
        for word in words_of(q or ""):
            wanted.append(jobs.c.search_text.contains(word, autoescape=True))
        after = _after(cursor) if cursor else None
        # SQLite's clock has milliseconds: two jobs may have come in at the same one
        page = sa.select(*_COLUMNS).where(*wanted, *([sa.tuple_(jobs.c.number, jobs.c.id) < after] if after is not None else []))
        page = page.order_by(jobs.c.number.desc(), jobs.c.id.desc()).limit(limit + 1)
        count = sa.select(sa.func.count()).select_from(jobs).where(*wanted)

        def body(c: sa.Connection) -> tuple[list[Job], int]:
            return [Job(**r._mapping) for r in c.execute(page)], c.execute(count).scalar_one()

        found, total = self.database.read(body)
        more = len(found) > limit
        return found[:limit], _cursor(found[limit - 1]) if more else None, total

    def estimates(self, found: Sequence[Job]) -> list[Estimate | None]:
        """When each job should end; None for one that has ended."""
        if all(job.final for job in found):
            return [None] * len(found)
        paces, alive, now_s = self._lately()
        ahead = self.jobs.ahead([job.id for job in found if job.state == "queued"])
        return [
            None if job.final else self._estimate(job, paces[job.asked.analyzers is None], alive, now_s, ahead.get(job.id, 0))
            for job in found
        ]

    def _lately(self) -> tuple[dict[bool, list[tuple[float, float]]], int, float]:
        """What `_measured` finds, at most `measured_s` old; the time goes on."""
        known, at = self._known, time.monotonic()
        if known is None or at - known[0] > self.measured_s:
            known = self._known = (at, self.database.read(self._measured))
        paces, alive, now_s = known[1]
        return paces, alive, now_s + at - known[0]

    def _measured(self, c: sa.Connection) -> tuple[dict[bool, list[tuple[float, float]]], int, float]:
        """Seconds and lengths of the last clips, by whether all analyzers were asked for; workers that are there; the time."""
        query = (
            sa.select(jobs.c.seconds, jobs.c.duration_s, jobs.c.request)
            .where(jobs.c.state == "done", jobs.c.seconds.is_not(None))
            .order_by(jobs.c.finished_at.desc())
            .limit(LATEST)
        )
        paces: dict[bool, list[tuple[float, float]]] = {True: [], False: []}
        for row in c.execute(query):
            if row.duration_s:
                paces['"analyzers":null' in row.request].append((row.seconds, row.duration_s))
        alive = sa.select(sa.func.count()).select_from(workers).where(workers.c.state == "ready", workers.c.beat_at > now() - LEASE_S)
        return paces, c.execute(alive).scalar_one(), c.execute(sa.select(now())).scalar_one()

    def _estimate(self, job: Job, done: Sequence[tuple[float, float]], alive: int, now_s: float, ahead: int) -> Estimate:
        if job.state == "queued" and alive == 0:
            return Estimate(seconds=None, jobs_ahead=ahead, basis="no worker is there")
        if len(done) < LEAST:
            return Estimate(seconds=None, jobs_ahead=ahead, basis=f"fewer than {LEAST} clips of this kind were analysed here")
        typical = own = statistics.median(seconds for seconds, _ in done)
        if job.duration_s:
            own = statistics.median(seconds / length for seconds, length in done) * job.duration_s
        basis = f"the median of the last {len(done)} clips of this kind"
        left = own
        if job.state == "running" and job.started_at is not None:
            share = (Progress.model_validate_json(job.progress).share if job.progress else None) or 0.0
            spent = now_s - job.started_at
            if job.attempts > 1:  # when this attempt began is not kept
                left = own * (1 - share)
            elif share >= OWN_PACE_FROM and spent * (1 - share) / share > own - spent:
                left, basis = spent * (1 - share) / share, "its own pace so far"
            else:
                left = max(0.0, own - spent)
        left += typical * ahead / max(1, alive)
        return Estimate(seconds=round(left, 1), jobs_ahead=ahead, basis=basis)


def _cursor(last: Job) -> str:
    return base64.urlsafe_b64encode(f"{last.number}.{last.id}".encode()).decode().rstrip("=")


def _after(cursor: str) -> sa.Tuple:
    """What the rows after a cursor's are less than."""
    try:
        match = CURSOR.fullmatch(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)).decode("ascii"))
    except (binascii.Error, ValueError):
        match = None
    if match is None or int(match[1]) >= 1 << 63:
        raise InputError("cursor: not one that a page gave", code="bad_cursor", hint="begin without it")
    return sa.tuple_(sa.literal(int(match[1]), sa.BigInteger), sa.literal(match[2]))
