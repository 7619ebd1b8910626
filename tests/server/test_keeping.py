"""What is kept, for how long, and what is removed while somebody is about to name it; many jobs, and what they cost."""

from __future__ import annotations

import os
import threading
from pathlib import Path

import pytest
import sqlalchemy as sa

from reelscope.api import AnalysisRequest, ErrorBody, Progress
from reelscope.server import janitor
from reelscope.server.blobs import LocalBlobs
from reelscope.server.db import events, jobs
from reelscope.server.jobs import Handed, Job
from tests.server.conftest import InProcess, in_process
from tests.server.places import until

OLD = (1.0, 1.0)


def hand_in(api: InProcess, name: str = "a.mp4") -> Job:
    job, new = api.parts.jobs.hand_in(Handed(AnalysisRequest(url="https://example.com/a.mp4"), "url", name, name))
    assert new
    return job


def fail(api: InProcess, job: Job, ended_ago_s: float = 0.0) -> None:
    claim = api.parts.jobs.claim(job.id, "w1")
    assert claim is not None
    for share in (0.1, 0.2):
        assert api.parts.jobs.report(claim, Progress(phase="decode", share=share), [("log", {"message": f"at {share}"})])
    assert api.parts.jobs.fail(claim, ErrorBody(code="x", message="y"))
    query = sa.update(jobs).where(jobs.c.id == job.id).values(finished_at=jobs.c.finished_at - ended_ago_s)
    api.parts.database.write(lambda c: c.execute(query))


def test_a_file_that_a_worker_is_told_of_is_not_removed_under_it(tmp_path: Path) -> None:
    """It lies there from a job that was removed; a worker asks, need not bring it, and commits a job that names it a moment later."""
    with in_process(tmp_path, f"sqlite:///{tmp_path}/x.sqlite3") as api:
        api.parts.janitor.stop()  # its first round would come between the lines below
        names = [api.parts.blobs.put_bytes(data)[0] for data in (b"asked", b"put", b"nobody")]
        for name in names:
            os.utime(api.parts.blobs.path(name), OLD)
        assert api.client.head(f"/blobs/{names[0]}").status_code == 200
        answer = api.client.put(f"/blobs/{names[1]}", content=b"put", headers={"Content-Range": "bytes 0-2/3"})
        assert answer.status_code == 201
        api.parts.janitor.tidy()
        assert [api.parts.blobs.has(name) for name in names] == [True, True, False]


def test_sweeping_asks_for_the_names_of_one_folder_at_a_time(tmp_path: Path) -> None:
    blobs = LocalBlobs(tmp_path)
    names = [blobs.put_bytes(bytes([i]))[0] for i in range(40)]
    young = blobs.put_bytes(b"young")[0]
    for name in names:
        os.utime(blobs.path(name), OLD)
    asked: list[str] = []

    def named(first: str) -> set[str]:
        asked.append(first)
        return {name for name in names[:20] if name.startswith(first)}

    assert blobs.sweep(named) == 20
    assert [blobs.has(name) for name in names] == [True] * 20 + [False] * 20
    assert blobs.has(young) and asked == sorted({name[:2] for name in names})


def test_what_is_put_again_while_the_sweep_looks_at_it_stays(tmp_path: Path) -> None:
    blobs = LocalBlobs(tmp_path)
    name = blobs.put_bytes(b"again")[0]
    os.utime(blobs.path(name), OLD)

    def named(first: str) -> set[str]:
        blobs.put_bytes(b"again")  # after its age was seen, before it is removed
        return set()

    assert blobs.sweep(named) == 0
    assert blobs.has(name)


def test_progress_goes_an_hour_after_the_end_and_the_story_stays(tmp_path: Path, database_url: str) -> None:
    with in_process(tmp_path, database_url) as api:
        old, young, waiting = hand_in(api), hand_in(api), hand_in(api)
        fail(api, old, janitor.HOUR_S + 10)
        fail(api, young)
        for _ in range(2):
            api.parts.janitor.tidy()
        kinds = {job.id: [e.kind for e in api.parts.jobs.events_after(job.id, 0)] for job in (old, young, waiting)}
        assert kinds[old.id] == ["state", "state", "log", "log", "state"]
        assert kinds[young.id].count("progress") == 2
        assert kinds[waiting.id] == ["state"]
        fail(api, waiting, janitor.HOUR_S + 5)  # later than what was looked at before
        api.parts.janitor.tidy()
        left = api.parts.database.read(lambda c: c.execute(sa.select(events.c.job_id).where(events.c.kind == "progress")).scalars().all())
        assert left == [young.id] * 2


def test_the_queue_s_books_forget_what_ended(tmp_path: Path, database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with in_process(tmp_path, database_url) as api:
        cancelled, waiting = hand_in(api), hand_in(api)
        api.parts.jobs.cancel(cancelled.id)
        api.parts.janitor.tidy()
        states = api.parts.durable.states([cancelled.workflow, waiting.workflow])
        assert states == {cancelled.workflow: "CANCELLED", waiting.workflow: "ENQUEUED"}
        monkeypatch.setattr(janitor, "HOUR_S", -60.0)
        api.parts.janitor.tidy()
        assert api.parts.durable.states([cancelled.workflow, waiting.workflow]) == {waiting.workflow: "ENQUEUED"}
        assert api.parts.jobs.mend(0.0) == 0


def test_all_that_is_old_goes_in_one_round(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(janitor, "AT_ONCE", 2)
    with in_process(tmp_path, f"sqlite:///{tmp_path}/x.sqlite3", keep_days=1.0) as api:
        for _ in range(7):
            fail(api, hand_in(api), 2 * janitor.DAY_S)
        keep = hand_in(api)
        api.parts.janitor.tidy()
        assert [i["id"] for i in api.client.get("/analyses").json()["items"]] == [keep.id]


def test_pages_hold_each_job_once_where_many_came_in_at_the_same_time(tmp_path: Path, database_url: str) -> None:
    with in_process(tmp_path, database_url) as api:
        made = {hand_in(api, f"{i}.mp4").id for i in range(7)}
        api.parts.database.write(lambda c: c.execute(sa.update(jobs).values(number=1)))
        found, cursor = [], ""
        while cursor is not None:
            page = api.client.get("/analyses", params={"limit": 3, **({"cursor": cursor} if cursor else {})}).json()
            found += [item["id"] for item in page["items"]]
            cursor = page["next"]
        assert len(found) == 7 and set(found) == made


def test_estimates_of_a_page_tell_each_its_place(tmp_path: Path, database_url: str) -> None:
    with in_process(tmp_path, database_url) as api:
        for i in range(5):
            hand_in(api, f"{i}.mp4")
        items = api.client.get("/analyses").json()["items"]
        assert [(item["title"], item["estimate"]["jobs_ahead"]) for item in items] == [(f"{i}.mp4", i) for i in (4, 3, 2, 1, 0)]


def test_a_stream_that_was_read_to_its_end_ends_at_once(tmp_path: Path) -> None:
    """A browser comes back with Last-Event-ID after every end of a connection."""
    with in_process(tmp_path, f"sqlite:///{tmp_path}/x.sqlite3") as api:
        job = hand_in(api)
        fail(api, job)
        last = api.parts.jobs.events_after(job.id, 0)[-1].seq
        answers: list[str] = []
        asking = threading.Thread(
            target=lambda: answers.append(api.client.get(f"/analyses/{job.id}/events?after={last}").text), daemon=True
        )
        asking.start()
        until(lambda: bool(answers))
        assert "data:" not in answers[0]


def test_who_asks_to_be_told_of_the_end_is_told(tmp_path: Path) -> None:
    """An analysis that is there already, or on its way for somebody else, tells nobody: such a request makes its own."""
    (tmp_path / "roots").mkdir()
    (tmp_path / "roots" / "a.mp4").write_bytes(b"\x00\x00\x00\x18ftypmp42" * 100)
    with in_process(tmp_path, f"sqlite:///{tmp_path}/x.sqlite3", roots=[str(tmp_path / "roots")]) as api:

        def post(callback: str | None) -> str:
            body = {"path": str(tmp_path / "roots" / "a.mp4"), "callback_url": callback}
            return str(api.client.post("/analyses", json=body).json()["id"])

        plain = post(None)
        told = post("https://example.com/a")
        assert told != plain
        assert post("https://example.com/a") == told  # on its way, and told when it ends
        assert post("https://example.com/b") not in (plain, told)
        assert post(None) != ""
