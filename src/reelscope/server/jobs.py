"""The life of a job, one method for each change of its state, each one transaction.

    queued -> running -> done | failed        cancelled from queued or running, by whoever asks first
       ^---------'  handed back, or its worker was lost

A change is an UPDATE that names the state it comes from and, once the job was claimed, the fence: the number of the claim. Who holds an
older claim (a worker that was thought lost and wakes up) changes nothing and is told so. Every change leaves an event in the job's story.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import Any

import sqlalchemy as sa

from reelscope.api import FINAL, AnalysisRequest, ErrorBody, JobEvent, Progress
from reelscope.server.db import Database, events, job_files, jobs, now, runs
from reelscope.server.durable import ANALYSES, CALLBACKS, Durable

__all__ = ["MAX_ATTEMPTS", "Claim", "Conflict", "Handed", "Job", "Jobs", "Made"]

# A worker that dies over a clip is that clip's strike; at two it is given up, as an analyzer is in one clip (faults.tries).
MAX_STRIKES = 2
# A claim that ends in any other way than an answer (power cuts, machines that vanish) says little about the clip; ten in a row do.
MAX_ATTEMPTS = 10

EVENTS_MOST = 5000  # of one job: 40 minutes of progress; a change of state always gets in
STATES_AT_ONCE = 1000  # workflows in one question: SQLite takes 32,766 parameters, and a queue may be longer


class Conflict(Exception):
    """An idempotency key came with another request than the first time."""


@dataclass(frozen=True, slots=True)
class Job:
    """A job's row; see reelscope.server.db.jobs."""

    id: str
    number: int
    state: str
    created_at: float
    started_at: float | None
    finished_at: float | None
    title: str
    source_kind: str
    source_name: str
    source_url: str | None
    clip_sha256: str | None
    request: str
    priority: int
    same_key: str | None
    owner: str | None
    workflow: str
    fence: int
    worker: str | None
    attempts: int
    strikes: int
    seq: int
    progress: str | None
    duration_s: float | None
    seconds: float | None
    ok: int | None
    failed: int | None
    unavailable: int | None
    error: str | None
    callback_url: str | None
    callback: str | None

    @property
    def asked(self) -> AnalysisRequest:
        """What was asked for."""
        return AnalysisRequest.model_validate_json(self.request)

    @property
    def final(self) -> bool:
        """Whether it ended."""
        return self.state in FINAL

    @property
    def alone(self) -> bool:
        """Whether nothing else may run in its worker, since an earlier one died over it."""
        return self.strikes > 0


_COLUMNS = [jobs.c[f.name] for f in fields(Job)]

# Statements that are executed with every look at a job: putting one together takes as long as executing it.
_PLACES = sa.select(jobs.c.id, (sa.func.row_number().over(order_by=(jobs.c.priority, jobs.c.number, jobs.c.id)) - 1).label("place"))
_QUEUE = _PLACES.where(jobs.c.state == "queued").subquery()
_AHEAD = sa.select(_QUEUE).where(_QUEUE.c.id.in_(sa.bindparam("ids", expanding=True)))
_SOME = sa.select(*_COLUMNS).where(jobs.c.id.in_(sa.bindparam("ids", expanding=True)))


@dataclass(frozen=True, slots=True)
class Handed:
    """A job as it is handed in.

    Attributes:
        kind, name, url: Of the source, as api.SourceBrief; clip: sha256 and bytes of a file that is in the blobs.
        same_key: What makes two requests the same; None: never answered from what is there.
    """

    request: AnalysisRequest
    kind: str
    name: str
    title: str
    url: str | None = None
    clip: tuple[str, int] | None = None
    same_key: str | None = None
    idempotency_key: str | None = None
    idempotency_body: str | None = None
    owner: str | None = None


@dataclass(frozen=True, slots=True)
class Claim:
    """A job in a worker's hands."""

    job: Job
    fence: int


@dataclass(frozen=True, slots=True)
class Made:
    """What an analysis made.

    Attributes:
        files: sha256 and bytes in the blobs by name.
        runs: Analyzer, status, seconds, reused.
    """

    files: Mapping[str, tuple[str, int]]
    title: str
    clip_sha256: str
    duration_s: float
    seconds: float
    ok: int
    failed: int
    unavailable: int
    search_text: str
    runs: Sequence[tuple[str, str, float | None, bool]] = field(default=())


class Jobs:
    """The jobs of a database. Its methods may be called from any thread and process."""

    def __init__(self, database: Database, durable: Durable) -> None:
        self.database, self.durable = database, durable

    # --- handing in -------------------------------------------------------------------------------------------------------------------

    def hand_in(self, handed: Handed) -> tuple[Job, bool]:
        """Accept a job, or find the one that answers the request already.

        Returns:
            The job, and whether it is new.

        Raises:
            Conflict: The idempotency key came with another request before.
        """
        job_id = uuid.uuid4().hex
        try:
            return self.database.write(lambda c: self._hand_in(c, handed, job_id))
        except sa.exc.IntegrityError:  # another request with the same idempotency key was quicker
            return self.database.write(lambda c: self._hand_in(c, handed, job_id))

    def _hand_in(self, c: sa.Connection, handed: Handed, job_id: str) -> tuple[Job, bool]:
        before = self._find(c, job_id)
        if before is not None:  # this transaction was committed, and its answer was lost on the way
            return before, True
        if handed.idempotency_key is not None:
            found = c.execute(sa.select(*_COLUMNS, jobs.c.idempotency_body).where(jobs.c.idempotency_key == handed.idempotency_key)).first()
            if found is not None:
                if found.idempotency_body != handed.idempotency_body:
                    raise Conflict
                return _job(found), False
        if handed.same_key is not None and not handed.request.fresh:
            same = sa.select(*_COLUMNS).where(jobs.c.same_key == handed.same_key, jobs.c.state.in_(("queued", "running", "done")))
            if handed.request.callback_url is not None:  # who asks to be told is told, of a job of his own where nobody else tells him
                same = same.where(jobs.c.callback_url == handed.request.callback_url, jobs.c.state != "done")
            found = c.execute(same.order_by(jobs.c.number.desc()).limit(1)).first()
            if found is not None:
                return _job(found), False
        workflow = f"{job_id}.0"
        c.execute(
            jobs.insert().values(
                id=job_id, number=sa.cast(now() * 1_000_000, sa.BigInteger), state="queued", created_at=now(), title=handed.title,
                source_kind=handed.kind, source_name=handed.name, source_url=handed.url,
                clip_sha256=handed.clip[0] if handed.clip is not None else None, request=handed.request.model_dump_json(),
                priority=handed.request.priority, same_key=handed.same_key, idempotency_key=handed.idempotency_key,
                idempotency_body=handed.idempotency_body, owner=handed.owner, workflow=workflow, fence=0, attempts=0, strikes=0, seq=0,
                callback_url=handed.request.callback_url, search_text=handed.title.casefold(),
            )
        )  # fmt: skip
        if handed.clip is not None:
            c.execute(job_files.insert().values(job_id=job_id, name="clip", sha256=handed.clip[0], bytes=handed.clip[1]))
        self.durable.enqueue(c, ANALYSES, workflow, job_id, priority=handed.request.priority)
        self._tell(c, job_id, [("state", {"state": "queued"})])
        return self._get(c, job_id), True

    # --- work -------------------------------------------------------------------------------------------------------------------------

    def claim(self, job_id: str, worker: str) -> Claim | None:
        """Take a waiting job; None where there is nothing to do: it ended, another has it, or it is given up here after too many tries."""

        claims: list[Claim] = []

        def body(c: sa.Connection) -> Claim | None:
            before = self._find(c, job_id) if claims else None
            if before is not None and (before.state, before.worker, before.fence) == ("running", worker, claims[0].fence):
                return claims[0]  # this transaction was committed, and its answer was lost on the way
            taken = c.execute(
                sa.update(jobs)
                .where(jobs.c.id == job_id, jobs.c.state == "queued")
                .values(
                    state="running",
                    worker=worker,
                    fence=jobs.c.fence + 1,
                    attempts=jobs.c.attempts + 1,
                    started_at=sa.func.coalesce(jobs.c.started_at, now()),
                    progress=None,
                )  # fmt: skip
                .returning(*_COLUMNS)
            ).first()
            if taken is None:
                return None
            job = _job(taken)
            if job.attempts > MAX_ATTEMPTS:
                self._end(c, job, "failed", error=_lost(f"it was begun {MAX_ATTEMPTS} times and never ended", retryable=True))
                return None
            self._tell(c, job_id, [("state", {"state": "running", "worker": worker, "attempt": job.attempts})])
            claims[:] = [Claim(job, job.fence)]
            return claims[0]

        return self.database.write(body)

    def report(self, claim: Claim, progress: Progress, story: Iterable[tuple[str, dict[str, Any]]] = ()) -> bool:
        """Write how far a claim is; False where the job is no longer this claim's, so that its worker stops."""

        def body(c: sa.Connection) -> bool:
            changed = c.execute(_held(claim).values(progress=progress.model_dump_json())).rowcount == 1
            if changed:
                self._tell(c, claim.job.id, [*story, ("progress", progress.model_dump(mode="json"))])
            return changed

        return self.database.write(body)

    def found_clip(self, claim: Claim, sha256: str, size: int, title: str) -> bool:
        """A fetched clip is in the blobs."""

        def body(c: sa.Connection) -> bool:
            changed = c.execute(_held(claim).values(clip_sha256=sha256, title=title)).rowcount == 1
            if changed:
                c.execute(sa.delete(job_files).where(job_files.c.job_id == claim.job.id, job_files.c.name == "clip"))
                c.execute(job_files.insert().values(job_id=claim.job.id, name="clip", sha256=sha256, bytes=size))
            return changed

        return self.database.write(body)

    def finish(self, claim: Claim, made: Made) -> bool:
        """Commit what an analysis made; False where it came too late, and nothing changed."""

        def body(c: sa.Connection) -> bool:
            ended = self._end(
                c, claim.job, "done", fence=claim.fence, title=made.title, clip_sha256=made.clip_sha256, duration_s=made.duration_s,
                seconds=made.seconds, ok=made.ok, failed=made.failed, unavailable=made.unavailable, search_text=made.search_text,
            )  # fmt: skip
            if ended:
                kept = job_files.c.name == "clip"
                c.execute(sa.delete(job_files).where(job_files.c.job_id == claim.job.id, ~kept))
                rows = [{"job_id": claim.job.id, "name": n, "sha256": s, "bytes": b} for n, (s, b) in made.files.items() if n != "clip"]
                if rows:
                    c.execute(job_files.insert(), rows)
                self._ran(c, claim.job.id, made.runs)
            return ended

        return self.database.write(body)

    def fail(self, claim: Claim, error: ErrorBody) -> bool:
        """End a claim with an error; False where it came too late."""
        return self.database.write(lambda c: self._end(c, claim.job, "failed", fence=claim.fence, error=error))

    def hand_back(self, claim: Claim) -> bool:
        """A worker that is about to end gives a job back; its place in the queue is given back when the worker is gone (`Fleet.lost`)."""

        def body(c: sa.Connection) -> bool:
            changed = c.execute(_held(claim).values(state="queued", worker=None, fence=jobs.c.fence + 1, attempts=jobs.c.attempts - 1))
            if changed.rowcount == 1:
                self._tell(c, claim.job.id, [("state", {"state": "queued", "why": "handed back by a worker that ends"})])
            return changed.rowcount == 1

        return self.database.write(body)

    def lost(self, worker: str, *, strike: bool) -> list[str]:
        """A worker is gone: what it held waits again. strike: it died of itself, so each of its jobs may be the reason.

        Returns:
            Ids of the jobs that it held.
        """

        def body(c: sa.Connection) -> list[str]:
            held = [_job(r) for r in c.execute(sa.select(*_COLUMNS).where(jobs.c.worker == worker, jobs.c.state == "running"))]
            for job in held:
                if strike and job.strikes + 1 >= MAX_STRIKES:
                    what = f"its worker died {MAX_STRIKES} times over this clip"
                    self._end(c, job, "failed", fence=job.fence, strikes=job.strikes + 1, error=_lost(what, retryable=False))
                    continue
                c.execute(
                    sa.update(jobs)
                    .where(jobs.c.id == job.id, jobs.c.fence == job.fence, jobs.c.state == "running")
                    .values(state="queued", worker=None, fence=jobs.c.fence + 1, strikes=jobs.c.strikes + int(strike))
                )
                self._tell(c, job.id, [("state", {"state": "queued", "why": f"worker {worker} was lost"})])
            return [job.id for job in held]

        return self.database.write(body)

    def cancel(self, job_id: str) -> Job | None:
        """End a job that has not ended, and return it as it is then; None where there is none."""

        def body(c: sa.Connection) -> tuple[Job | None, bool]:
            job = self._find(c, job_id, lock=True)
            if job is None:
                return None, False
            ended = not job.final and self._end(c, job, "cancelled")
            return self._get(c, job_id), ended

        job, ended = self.database.write(body)
        if job is not None and ended:
            self.durable.cancel(job.workflow)
        return job

    def purge(self, job_id: str) -> bool:
        """Remove a job with everything of it (its files go when nothing else names them); False where there is none."""
        job = self.cancel(job_id)
        if job is None:
            return False

        def body(c: sa.Connection) -> None:
            for table in (events, job_files, runs):
                c.execute(sa.delete(table).where(table.c.job_id == job_id))
            c.execute(sa.delete(jobs).where(jobs.c.id == job_id))

        self.database.write(body)
        self.durable.forget([job.workflow, _callback_workflow(job_id)])
        return True

    def mend(self, older_than_s: float) -> int:
        """Put jobs back into the queue that wait though no workflow of theirs does, which no way of ours leads to; return how many."""

        old = sa.select(jobs.c.id, jobs.c.fence, jobs.c.priority, jobs.c.workflow)
        old = old.where(jobs.c.state == "queued", jobs.c.created_at < now() - older_than_s)
        found = self.database.read(lambda c: c.execute(old).all())
        states: dict[str, str] = {}
        for some in range(0, len(found), STATES_AT_ONCE):
            states |= self.durable.states([job.workflow for job in found[some : some + STATES_AT_ONCE]])
        stray = [job for job in found if states.get(job.workflow) not in ("ENQUEUED", "PENDING", "DELAYED")]

        def again(c: sa.Connection, job: Any) -> bool:
            workflow = f"{job.id}.{job.fence + 1}"
            changed = c.execute(
                sa.update(jobs)
                .where(jobs.c.id == job.id, jobs.c.state == "queued", jobs.c.workflow == job.workflow)
                .values(workflow=workflow, fence=jobs.c.fence + 1)
            )
            if changed.rowcount == 1:
                self.durable.enqueue(c, ANALYSES, workflow, job.id, priority=job.priority)
            return changed.rowcount == 1

        return sum(self.database.write(lambda c, job=job: again(c, job)) for job in stray)  # type: ignore[misc]

    # --- callbacks --------------------------------------------------------------------------------------------------------------------

    def called_back(self, job_id: str, state: str) -> None:
        """What came of telling the callback address: delivered or failed."""
        self.database.write(lambda c: c.execute(sa.update(jobs).where(jobs.c.id == job_id).values(callback=state)))

    # --- reading ----------------------------------------------------------------------------------------------------------------------

    def get(self, job_id: str) -> Job | None:
        """A job by its id."""
        return self.database.read(lambda c: self._find(c, job_id))

    def some(self, job_ids: Collection[str]) -> list[Job]:
        """Those of these jobs that there are, in any order."""
        return self.database.read(lambda c: [_job(r) for r in c.execute(_SOME, {"ids": list(job_ids)})])

    def files(self, job_id: str) -> dict[str, tuple[str, int]]:
        """sha256 and bytes of its files, by name."""
        query = sa.select(job_files.c.name, job_files.c.sha256, job_files.c.bytes).where(job_files.c.job_id == job_id)
        return self.database.read(lambda c: {r.name: (r.sha256, r.bytes) for r in c.execute(query)})

    def events_after(self, job_id: str, seq: int, limit: int = 500) -> list[JobEvent]:
        """The story of a job after its event `seq`."""
        query = sa.select(events).where(events.c.job_id == job_id, events.c.seq > seq).order_by(events.c.seq).limit(limit)
        return self.database.read(
            lambda c: [JobEvent(seq=r.seq, at=r.at, kind=r.kind, data=json.loads(r.data)) for r in c.execute(query)]  # type: ignore[arg-type]
        )

    def held(self, worker: str) -> dict[str, int]:
        """Jobs that a worker holds, with their fences."""
        query = sa.select(jobs.c.id, jobs.c.fence).where(jobs.c.worker == worker, jobs.c.state == "running")
        return self.database.read(lambda c: {r.id: r.fence for r in c.execute(query)})

    def holders(self) -> set[str]:
        """Workers that hold jobs."""
        query = sa.select(jobs.c.worker).distinct().where(jobs.c.state == "running")
        return self.database.read(lambda c: set(c.execute(query).scalars()))

    def ahead(self, job_ids: Collection[str]) -> dict[str, int]:
        """How many jobs are taken before each of these, of which those that do not wait are left out; the queue is gone over once."""
        if not job_ids:
            return {}
        return self.database.read(lambda c: {r.id: r.place for r in c.execute(_AHEAD, {"ids": list(job_ids)})})

    # --- inside a transaction ---------------------------------------------------------------------------------------------------------

    def _find(self, c: sa.Connection, job_id: str, *, lock: bool = False) -> Job | None:
        query = sa.select(*_COLUMNS).where(jobs.c.id == job_id)
        found = c.execute(query.with_for_update() if lock else query).first()
        return _job(found) if found is not None else None

    def _get(self, c: sa.Connection, job_id: str) -> Job:
        found = self._find(c, job_id)
        assert found is not None
        return found

    def _end(
        self, c: sa.Connection, job: Job, state: str, *, fence: int | None = None, error: ErrorBody | None = None, **values: Any
    ) -> bool:
        """Bring a job that has not ended to its final state; with a fence only where the claim still holds."""
        query = sa.update(jobs).where(jobs.c.id == job.id, jobs.c.state.in_(("queued", "running")))
        if fence is not None:
            query = query.where(jobs.c.fence == fence, jobs.c.state == "running")
        if error is not None:
            values["error"] = error.model_dump_json()
        if job.callback_url is not None:
            values["callback"] = "waiting"
        ended = c.execute(query.values(state=state, finished_at=now(), fence=jobs.c.fence + 1, progress=None, **values)).rowcount == 1
        if ended:
            self._tell(c, job.id, [("state", {"state": state, "error": error.model_dump() if error is not None else None})])
            if job.callback_url is not None:
                self.durable.enqueue(c, CALLBACKS, _callback_workflow(job.id), job.id)
        return ended

    def _tell(self, c: sa.Connection, job_id: str, story: Iterable[tuple[str, dict[str, Any]]]) -> None:
        rows = list(story)
        last = c.execute(sa.update(jobs).where(jobs.c.id == job_id).values(seq=jobs.c.seq + len(rows)).returning(jobs.c.seq)).scalar_one()
        first = last - len(rows) + 1
        rows = [r for r in enumerate(rows, first) if r[0] <= EVENTS_MOST or r[1][0] == "state"]
        if rows:
            c.execute(
                events.insert(),
                [{"job_id": job_id, "seq": seq, "at": _at(c), "kind": kind, "data": json.dumps(data)} for seq, (kind, data) in rows],
            )

    def _ran(self, c: sa.Connection, job_id: str, ran: Sequence[tuple[str, str, float | None, bool]]) -> None:
        c.execute(sa.delete(runs).where(runs.c.job_id == job_id))
        at = _at(c)
        rows = [{"job_id": job_id, "analyzer": n, "at": at, "status": s, "seconds": t, "reused": r} for n, s, t, r in ran]
        if rows:
            c.execute(runs.insert(), rows)


def _job(row: Any) -> Job:
    return Job(*row[: len(_COLUMNS)])


def _held(claim: Claim) -> Any:
    return sa.update(jobs).where(jobs.c.id == claim.job.id, jobs.c.fence == claim.fence, jobs.c.state == "running")


def _at(c: sa.Connection) -> float:
    return c.execute(sa.select(now())).scalar_one()


def _callback_workflow(job_id: str) -> str:
    return f"{job_id}.callback"


def _lost(what: str, *, retryable: bool) -> ErrorBody:
    hint = "the server's log tells more (reelscope status ID); another server may fare better" if retryable else "the clip may be damaged"
    return ErrorBody(code="worker_died", message=what, hint=hint, retryable=retryable)
