"""What the monitor reads of the database, in one go."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from reelscope.server.monitor.tally import Run, RunRow

if TYPE_CHECKING:
    from reelscope.server.db import Database
    from reelscope.server.fleet import Fleet

__all__ = ["DatabaseStore", "Ended", "Look", "Store", "WorkerRow"]


class WorkerRow(Protocol):
    """A worker's row (server.fleet.Worker). sample: of monitor.worker.WorkerSampler; doing: server.work.Work's."""

    @property
    def id(self) -> str: ...
    @property
    def host(self) -> str: ...
    @property
    def pid(self) -> int: ...
    @property
    def state(self) -> str: ...
    @property
    def started_at(self) -> float: ...
    @property
    def restarts(self) -> int: ...
    @property
    def doing(self) -> list[dict[str, Any]]: ...
    @property
    def sample(self) -> dict[str, Any]: ...
    @property
    def beat_age_s(self) -> float: ...


class Ended(NamedTuple):
    """A job that ended."""

    job_id: str
    state: str
    at: float


@dataclass(frozen=True, slots=True)
class Look:
    """The database at one moment; times are seconds since 1970 by its own clock.

    Attributes:
        workers: That are there or went lately.
        oldest_at: When the oldest waiting job came in; None where none waits.
        ended, runs: Since the time that was asked for.
    """

    now: float
    workers: Sequence[WorkerRow] = ()
    queued: int = 0
    running: int = 0
    oldest_at: float | None = None
    ended: Sequence[Ended] = ()
    runs: Sequence[RunRow] = ()


class Store(Protocol):
    """Where the monitor looks."""

    def look(self, back_s: float) -> Look:
        """Everything now, and what ended within the last `back_s` seconds."""
        ...


class DatabaseStore:
    """The server's database."""

    def __init__(self, database: Database, fleet: Fleet) -> None:
        self._database, self._fleet = database, fleet

    def look(self, back_s: float) -> Look:
        """See Store. Every query goes over an index, and none reads more than what waits, runs or ended within the time."""
        import sqlalchemy as sa

        from reelscope.server.db import jobs, now, runs

        def body(c: sa.Connection) -> Look:
            at = c.execute(sa.select(now())).scalar_one()
            # `number` is the time of coming in, in microseconds, and stands in the same index as the state
            open_ = sa.select(jobs.c.state, sa.func.count(), sa.func.min(jobs.c.number)).where(jobs.c.state.in_(("queued", "running")))
            counts = {state: (n, first) for state, n, first in c.execute(open_.group_by(jobs.c.state))}
            ended = sa.select(jobs.c.id, jobs.c.state, jobs.c.finished_at).where(jobs.c.finished_at > at - back_s)
            ran = sa.select(runs.c.at, runs.c.job_id, runs.c.analyzer, runs.c.status, runs.c.seconds, runs.c.reused).where(
                runs.c.at > at - back_s
            )
            queued, first = counts.get("queued", (0, None))
            return Look(
                now=at,
                queued=queued,
                running=counts.get("running", (0, None))[0],
                oldest_at=first / 1e6 if first is not None else None,
                ended=[Ended(*row) for row in c.execute(ended)],
                runs=[Run(*row) for row in c.execute(ran)],
            )

        found = self._database.read(body)
        return Look(found.now, self._fleet.all(), found.queued, found.running, found.oldest_at, found.ended, found.runs)
