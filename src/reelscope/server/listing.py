"""Reading many jobs: pages, search, and how long one will take, from those that were done before."""

from __future__ import annotations

import base64
import binascii
import statistics
from dataclasses import fields

import sqlalchemy as sa

from reelscope.api import Estimate
from reelscope.errors import InputError
from reelscope.server.db import Database, jobs, now, workers
from reelscope.server.jobs import Job, Jobs
from reelscope.server.search import words_of

__all__ = ["Listing"]

LATEST = 50  # clips that an estimate is made of: enough to be steady, few enough to follow a change of machine
LEAST = 3
_COLUMNS = [jobs.c[f.name] for f in fields(Job)]


class Listing:
    """Questions over all jobs."""

    def __init__(self, database: Database, jobs_: Jobs) -> None:
        self.database, self.jobs = database, jobs_

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
        after = _number(cursor) if cursor else None
        page = sa.select(*_COLUMNS).where(*wanted, *([jobs.c.number < after] if after is not None else []))
        page = page.order_by(jobs.c.number.desc()).limit(limit + 1)
        count = sa.select(sa.func.count()).select_from(jobs).where(*wanted)

        def body(c: sa.Connection) -> tuple[list[Job], int]:
            return [Job(**r._mapping) for r in c.execute(page)], c.execute(count).scalar_one()

        found, total = self.database.read(body)
        more = len(found) > limit
        return found[:limit], _cursor(found[limit - 1].number) if more else None, total

    def estimate(self, job: Job) -> Estimate:
        """When a job that has not ended should end."""
        ahead = self.jobs.ahead(job) if job.state == "queued" else 0
        whole = job.asked.analyzers is None
        query = (
            sa.select(jobs.c.seconds, jobs.c.duration_s, jobs.c.request)
            .where(jobs.c.state == "done", jobs.c.seconds.is_not(None))
            .order_by(jobs.c.finished_at.desc())
            .limit(LATEST)
        )

        def body(c: sa.Connection) -> tuple[list[tuple[float, float]], int, float]:
            rows = c.execute(query).all()
            alike = [(r.seconds, r.duration_s) for r in rows if ('"analyzers":null' in r.request) == whole and r.duration_s]
            alive = sa.select(sa.func.count()).select_from(workers).where(workers.c.state == "ready", workers.c.beat_at > now() - 20.0)
            began = c.execute(sa.select(now() - sa.func.coalesce(job.started_at, now()))).scalar_one() if job.state == "running" else 0.0
            return alike, c.execute(alive).scalar_one(), began

        done, alive, spent = self.database.read(body)
        if len(done) < LEAST:
            return Estimate(seconds=None, jobs_ahead=ahead, basis=f"fewer than {LEAST} clips of this kind were analysed here")
        if job.state == "queued" and alive == 0:
            return Estimate(seconds=None, jobs_ahead=ahead, basis="no worker is there")
        typical = statistics.median(seconds for seconds, _ in done)
        own = typical
        if job.duration_s:
            own = statistics.median(seconds / length for seconds, length in done) * job.duration_s
        left = max(0.0, own - spent) + typical * ahead / max(1, alive)
        return Estimate(seconds=round(left, 1), jobs_ahead=ahead, basis=f"the median of the last {len(done)} clips of this kind")


def _cursor(number: int) -> str:
    return base64.urlsafe_b64encode(str(number).encode()).decode().rstrip("=")


def _number(cursor: str) -> int:
    try:
        text = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)).decode("ascii")
        number = int(text) if text.isdecimal() else -1
    except (binascii.Error, ValueError):
        number = -1
    if not 0 <= number < 1 << 63:
        raise InputError("cursor: not one that a page gave", code="bad_cursor", hint="begin without it")
    return number
