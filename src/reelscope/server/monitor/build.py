"""From what was read to one snapshot: pure functions, and the small counts that outlive a look."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from reelscope.server.monitor.models import Totals
from reelscope.server.monitor.shapes import (
    Disk,
    Doing,
    EngineWorker,
    Gpu,
    LoadedModel,
    Machine,
    MachinePoint,
    ModelUse,
    MonitorPoint,
    MonitorSnapshot,
    Queue,
    ServerState,
    WorkerNow,
)
from reelscope.server.monitor.store import Ended, Look, WorkerRow
from reelscope.server.monitor.tally import HOUR_S, Windows
from reelscope.version import VERSION

__all__ = ["EndedJobs", "Kept", "Restarts", "point_of", "snapshot_of"]

GONE_SHOWN_S = 60.0  # a worker that went is seen for a minute: who looks after an alarm sees which it was


@dataclass(slots=True)
class EndedJobs:
    """Jobs that ended, each counted once however often its row is read."""

    total: Counter[str] = field(default_factory=Counter)  # by final state, since it was made
    _hour: deque[Ended] = field(default_factory=deque)
    _seen: set[str] = field(default_factory=set)

    def take(self, rows: Iterable[Ended], now: float, *, counted_from: float) -> None:
        """Take rows, known ones among them; those before `counted_from` count in the hour only."""
        for job in sorted(rows, key=lambda r: r.at):
            if job.job_id in self._seen or job.at <= now - HOUR_S:
                continue
            self._seen.add(job.job_id)
            self._hour.append(job)
            if job.at >= counted_from:
                self.total[job.state] += 1
        while self._hour and self._hour[0].at <= now - HOUR_S:
            self._seen.discard(self._hour.popleft().job_id)

    def hour(self) -> Counter[str]:
        """By final state, within the hour."""
        return Counter(job.state for job in self._hour)


@dataclass(slots=True)
class Restarts:
    """Workers that were started in the place of one that ended. An id is a place's and a part of its own, after the last hyphen."""

    _places: dict[str, tuple[int, int]] = field(default_factory=dict)  # restarts when first seen that do not count, and most seen
    _left: int = 0

    def take(self, rows: Sequence[WorkerRow], *, counted_from: float) -> None:
        """Take the rows there are. What a worker had behind it that was started before `counted_from` does not count."""
        seen = set()
        for row in rows:
            place = row.id.rsplit("-", 1)[0]
            seen.add(place)
            first, most = self._places.get(place, (row.restarts if row.started_at < counted_from else 0, 0))
            self._places[place] = (first, max(most, row.restarts))
        for place in self._places.keys() - seen:
            first, most = self._places.pop(place)
            self._left += max(0, most - first)

    @property
    def total(self) -> int:
        """Since it was made."""
        return self._left + sum(max(0, most - first) for first, most in self._places.values())


@dataclass(slots=True)
class Kept:
    """What goes on from look to look."""

    windows: Windows = field(default_factory=Windows)
    ended: EndedJobs = field(default_factory=EndedJobs)
    restarts: Restarts = field(default_factory=Restarts)
    totals: Totals = field(default_factory=Totals)

    def take(self, look: Look, *, started: float) -> None:
        """Take what a look found. started: of the server, by the database's clock."""
        self.windows.take(look.runs, look.now, counted_from=started)
        self.ended.take(look.ended, look.now, counted_from=started)
        self.restarts.take(look.workers, counted_from=started)
        self.totals.take({w.id: w.sample for w in look.workers if w.state != "gone"})


def snapshot_of(look: Look, kept: Kept, own: Mapping[str, Any], *, started: float, state: ServerState) -> MonitorSnapshot:
    """The snapshot of a look whose rows `kept` has taken. own: sample of the server's machine."""
    shown = [w for w in look.workers if w.state != "gone" or w.beat_age_s < GONE_SHOWN_S]
    there = [w for w in shown if w.state != "gone"]
    hour = kept.ended.hour()
    return MonitorSnapshot(
        at=_time(look.now),
        version=VERSION,
        uptime_s=round(max(0.0, look.now - started), 1),
        state=state,
        machines=_machines(own, there),
        workers=[_worker(w) for w in shown],
        queue=Queue(
            queued=look.queued,
            running=look.running,
            done_1h=hour["done"],
            failed_1h=hour["failed"],
            cancelled_1h=hour["cancelled"],
            oldest_queued_s=round(max(0.0, look.now - look.oldest_at), 1) if look.oldest_at is not None else None,
        ),
        analyzers=kept.windows.rates(),
        models=_models(kept.totals, there),
        restarts=kept.restarts.total,
        engine_restarts=kept.totals.engine_restarts,
    )


def point_of(snapshot: MonitorSnapshot) -> MonitorPoint:
    """What the history keeps of a snapshot."""
    return MonitorPoint(
        at=snapshot.at,
        queued=snapshot.queue.queued,
        running=snapshot.queue.running,
        workers=sum(w.state == "ready" for w in snapshot.workers),
        machines=[
            MachinePoint(host=m.host, cpu_percent=m.cpu_percent, memory_used_mib=m.memory_used_mib, gpus=[g.util_percent for g in m.gpus])
            for m in snapshot.machines
        ],
    )


def _time(at: float) -> datetime:
    return datetime.fromtimestamp(at, UTC)


def _machines(own: Mapping[str, Any], workers: Sequence[WorkerRow]) -> list[Machine]:
    """The server's first, then those of the workers by name; of several workers of one machine the newest sample tells."""
    found = {str(own.get("host")): (own, 0.0)}
    for worker in sorted(workers, key=lambda w: w.beat_age_s):
        if worker.sample:
            found.setdefault(worker.host, (worker.sample, worker.beat_age_s))
    first, *others = found.items()
    return [_machine(host, *sampled) for host, sampled in (first, *sorted(others))]


def _machine(host: str, sample: Mapping[str, Any], age_s: float) -> Machine:
    figures = ("cpu_percent", "cpu_cores", "cpu_why", "memory_used_mib", "memory_total_mib", "memory_limit_mib", "memory_limit_used_mib")
    return Machine(
        host=host,
        age_s=round(age_s, 1),
        **{name: sample.get(name) for name in (*figures, "load_1m", "gpus_note")},
        disks=[Disk(**disk) for disk in sample.get("disks", ())],
        gpus=[Gpu(**gpu) for gpu in sample.get("gpus", ())],
    )


def _worker(row: WorkerRow) -> WorkerNow:
    gone = row.state == "gone"
    sample = {} if gone else row.sample
    limit = sample.get("memory_limit_mib")
    return WorkerNow(
        id=row.id,
        host=row.host,
        pid=row.pid,
        state=row.state,  # type: ignore[arg-type]
        since=_time(row.started_at),
        beat_age_s=round(max(0.0, row.beat_age_s), 1),
        rss_mib=sample.get("rss_mib"),
        memory_limit_mib=limit if limit is not None else sample.get("memory_total_mib"),
        restarts=row.restarts,
        engine_restarts=int(row.sample.get("lost", 0)) + int(row.sample.get("recycled", 0)),
        doing=[] if gone else [Doing(**doing) for doing in row.doing],
        models=[LoadedModel(name=m["name"], **place) for m in sample.get("models", ()) for place in m["loaded"]],
        engine=[EngineWorker(**each) for each in sample.get("engine", ())],
    )


def _models(totals: Totals, workers: Sequence[WorkerRow]) -> list[ModelUse]:
    holders: dict[str, list[str]] = {}
    for worker in workers:
        for row in worker.sample.get("models", ()):
            if row["loaded"]:
                holders.setdefault(row["name"], []).append(worker.id)
    return [
        ModelUse(
            name=name,
            hits=total.hits,
            misses=total.misses,
            hit_rate=round(total.hit_rate, 4) if total.hit_rate is not None else None,
            loads=total.loads,
            failed=total.failed,
            load_s=round(total.load_s, 3),
            loaded_in=holders.get(name, []),
        )
        for name, total in totals.models().items()
    ]
