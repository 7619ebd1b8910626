"""The life of a job, on SQLite and PostgreSQL: every change of state, who may make it, and what is left where somebody is too late."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

from reelscope.api import AnalysisRequest, ErrorBody, Progress
from reelscope.server.db import Database
from reelscope.server.durable import Durable
from reelscope.server.jobs import MAX_ATTEMPTS, Claim, Conflict, Handed, Job, Jobs, Made

CLIP = ("a" * 64, 1000)
ERROR = ErrorBody(code="not_a_clip", message="not a clip")


@pytest.fixture
def jobs(database_url: str) -> Iterator[Jobs]:
    database = Database(database_url)
    database.prepare()
    durable = Durable(database)
    yield Jobs(database, durable)
    durable.close()
    database.close()


def handed(**changes: object) -> Handed:
    request = AnalysisRequest(path="/clips/a.mp4", **{k: changes.pop(k) for k in ("priority", "fresh", "callback_url") if k in changes})  # type: ignore[arg-type]
    return Handed(request, "path", "a.mp4", "a.mp4", clip=CLIP, **changes)  # type: ignore[arg-type]


def new(jobs: Jobs, **changes: object) -> Job:
    job, made = jobs.hand_in(handed(**changes))
    assert made
    return job


def claimed(jobs: Jobs, job: Job, worker: str = "w1") -> Claim:
    claim = jobs.claim(job.id, worker)
    assert claim is not None
    return claim


def made(**changes: object) -> Made:
    values = {
        "files": {"analysis.json": ("b" * 64, 10)}, "title": "a", "clip_sha256": CLIP[0], "duration_s": 3.0, "seconds": 1.0, "ok": 2,
        "failed": 0, "unavailable": 1, "search_text": "a", "runs": [("cut_analysis", "ok", 0.5, False)],
    }  # fmt: skip
    return Made(**{**values, **changes})  # type: ignore[arg-type]


def states(jobs: Jobs, job: Job) -> list[str]:
    return [e.data["state"] for e in jobs.events_after(job.id, 0) if e.kind == "state"]


def test_the_straight_way(jobs: Jobs) -> None:
    job = new(jobs)
    assert job.state == "queued"
    assert jobs.durable.states([job.workflow]) == {job.workflow: "ENQUEUED"}
    claim = claimed(jobs, job)
    assert jobs.report(claim, Progress(phase="decode", share=0.5), [("log", {"level": "info", "message": "hello"})])
    assert jobs.finish(claim, made())
    done = jobs.get(job.id)
    assert done is not None and (done.state, done.ok, done.unavailable, done.progress) == ("done", 2, 1, None)
    assert jobs.files(job.id) == {"clip": CLIP, "analysis.json": ("b" * 64, 10)}
    assert states(jobs, job) == ["queued", "running", "done"]
    assert [e.seq for e in jobs.events_after(job.id, 0)] == [1, 2, 3, 4, 5]
    assert [e.kind for e in jobs.events_after(job.id, 2)] == ["log", "progress", "state"]


def test_what_ended_ends_once(jobs: Jobs) -> None:
    job = new(jobs)
    claim = claimed(jobs, job)
    assert jobs.fail(claim, ERROR)
    assert not jobs.finish(claim, made())
    assert not jobs.fail(claim, ERROR)
    assert not jobs.report(claim, Progress(phase="decode"))
    assert not jobs.hand_back(claim)
    assert jobs.claim(job.id, "w2") is None
    after = jobs.cancel(job.id)
    assert after is not None and after.state == "failed"
    assert states(jobs, job) == ["queued", "running", "failed"]
    assert jobs.files(job.id) == {"clip": CLIP}


def test_a_late_riser_overwrites_nothing(jobs: Jobs) -> None:
    """A worker that was thought lost wakes up, with the job in another's hands, and after that one has ended it."""
    job = new(jobs)
    late = claimed(jobs, job, "w1")
    jobs.lost("w1", strike=False)
    assert not jobs.finish(late, made(title="late"))
    second = claimed(jobs, job, "w2")
    assert not jobs.report(late, Progress(phase="merge"))
    assert not jobs.finish(late, made(title="late"))
    assert not jobs.fail(late, ERROR)
    assert not jobs.found_clip(late, "c" * 64, 5, "late")
    assert jobs.finish(second, made(title="right"))
    assert not jobs.finish(late, made(title="late"))
    found = jobs.get(job.id)
    assert found is not None and (found.state, found.title) == ("done", "right")


def test_cancelling(jobs: Jobs) -> None:
    waiting, running = new(jobs), new(jobs)
    claim = claimed(jobs, running)
    for job in (waiting, running):
        after = jobs.cancel(job.id)
        assert after is not None and after.state == "cancelled"
        assert jobs.durable.states([job.workflow]) == {job.workflow: "CANCELLED"}
    assert not jobs.report(claim, Progress(phase="decode"))  # this is how its worker hears of it
    assert jobs.claim(waiting.id, "w1") is None
    assert jobs.cancel("0" * 32) is None


def test_a_worker_that_dies_twice_over_a_clip_ends_it(jobs: Jobs) -> None:
    job = new(jobs)
    assert not claimed(jobs, job, "w1").job.alone
    assert jobs.lost("w1", strike=True) == [job.id]
    assert claimed(jobs, job, "w2").job.alone  # the next time nothing else runs beside it
    jobs.lost("w2", strike=True)
    found = jobs.get(job.id)
    assert found is not None and found.state == "failed" and "worker_died" in str(found.error)


def test_a_worker_that_is_ended_from_outside_is_no_strike(jobs: Jobs) -> None:
    job = new(jobs)
    for n in range(MAX_ATTEMPTS):
        assert not claimed(jobs, job, f"w{n}").job.alone
        jobs.lost(f"w{n}", strike=False)
    assert jobs.claim(job.id, "w") is None  # but nobody tries for ever
    found = jobs.get(job.id)
    assert found is not None and found.state == "failed"


def test_handing_back_is_no_attempt(jobs: Jobs) -> None:
    job = new(jobs)
    claim = claimed(jobs, job)
    assert jobs.hand_back(claim)
    found = jobs.get(job.id)
    assert found is not None and (found.state, found.attempts, found.worker) == ("queued", 0, None)
    assert claimed(jobs, job, "w2").fence > claim.fence


def test_the_same_is_answered_from_what_is_there(jobs: Jobs) -> None:
    first = new(jobs, same_key="k")
    again, fresh = jobs.hand_in(handed(same_key="k"))
    assert (again.id, fresh) == (first.id, False)
    claim = claimed(jobs, first)
    jobs.finish(claim, made())
    assert jobs.hand_in(handed(same_key="k"))[0].id == first.id
    assert jobs.hand_in(handed(same_key="k", fresh=True))[1]
    assert jobs.hand_in(handed(same_key="other"))[1]


def test_what_failed_or_was_cancelled_answers_nothing(jobs: Jobs) -> None:
    first = new(jobs, same_key="k")
    jobs.cancel(first.id)
    second = new(jobs, same_key="k")
    jobs.fail(claimed(jobs, second), ERROR)
    assert jobs.hand_in(handed(same_key="k"))[1]


def test_idempotency_keys(jobs: Jobs) -> None:
    first = new(jobs, idempotency_key="me:1", idempotency_body="x")
    assert jobs.hand_in(handed(idempotency_key="me:1", idempotency_body="x")) == (first, False)
    with pytest.raises(Conflict):
        jobs.hand_in(handed(idempotency_key="me:1", idempotency_body="y"))


def test_one_key_from_many_at_once_makes_one_job(jobs: Jobs) -> None:
    found: list[tuple[str, bool]] = []
    start = threading.Barrier(8)

    def hand_in() -> None:
        start.wait()
        job, fresh = jobs.hand_in(handed(idempotency_key="me:1", idempotency_body="x"))
        found.append((job.id, fresh))

    threads = [threading.Thread(target=hand_in) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 8 and len({i for i, _ in found}) == 1 and sum(fresh for _, fresh in found) == 1


def test_many_write_the_story_of_one_job(jobs: Jobs) -> None:
    job = new(jobs)
    claim = claimed(jobs, job)

    def write() -> None:
        for n in range(10):
            assert jobs.report(claim, Progress(phase="decode"), [("log", {"level": "info", "message": str(n)})])

    threads = [threading.Thread(target=write) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [e.seq for e in jobs.events_after(job.id, 0)] == list(range(1, 2 + 80 + 1))


def test_callbacks_are_put_into_the_queue_with_the_end(jobs: Jobs) -> None:
    job = new(jobs, callback_url="https://example.com/hook")
    assert jobs.durable.states([f"{job.id}.callback"]) == {}
    jobs.finish(claimed(jobs, job), made())
    assert jobs.durable.states([f"{job.id}.callback"]) == {f"{job.id}.callback": "ENQUEUED"}
    found = jobs.get(job.id)
    assert found is not None and found.callback == "waiting"


def test_purging_leaves_nothing(jobs: Jobs) -> None:
    job = new(jobs)
    claim = claimed(jobs, job)
    assert jobs.purge(job.id)
    assert jobs.get(job.id) is None and jobs.files(job.id) == {} and jobs.events_after(job.id, 0) == []
    assert jobs.durable.states([job.workflow]) == {}
    assert not jobs.finish(claim, made())
    assert jobs.files(job.id) == {}
    assert not jobs.purge(job.id)


def test_a_waiting_job_whose_workflow_is_gone_is_put_back(jobs: Jobs) -> None:
    job = new(jobs)
    assert jobs.mend(older_than_s=0.0) == 0
    jobs.durable.forget([job.workflow])
    assert jobs.mend(older_than_s=3600.0) == 0  # it may be about to be committed
    assert jobs.mend(older_than_s=0.0) == 1
    after = jobs.get(job.id)
    assert after is not None and after.workflow != job.workflow
    assert jobs.durable.states([after.workflow]) == {after.workflow: "ENQUEUED"}


def test_order_of_the_queue(jobs: Jobs) -> None:
    slow, first, second = new(jobs, priority=9), new(jobs, priority=1), new(jobs, priority=1)
    assert [jobs.ahead([j.id])[j.id] for j in (first, second, slow)] == [0, 1, 2]
