"""PostgreSQL goes away and comes back, under workers and a server that are at work."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from reelscope.api import AnalysisRequest, Progress
from reelscope.server.db import Database
from reelscope.server.jobs import Handed
from tests.postgres import Postgres
from tests.server.conftest import in_process
from tests.server.places import BROKEN, CHEAP, place, small_clip, until

pytestmark = pytest.mark.system


@pytest.fixture(scope="module")
def own() -> Iterator[Postgres]:
    """A PostgreSQL that no other test uses."""
    found = Postgres()
    yield found
    found.close()


def test_workers_wait_for_it_and_nothing_is_lost(own: Postgres, tmp_path: Path) -> None:
    clip = small_clip(tmp_path)
    waits, held = tmp_path / "waits.mp4", tmp_path / "held.mp4"
    for copy in (waits, held):
        copy.write_bytes(clip.read_bytes())
    with own.database() as url, place(tmp_path / "data", url) as here, here.workers(2, command=BROKEN) as supervisor:
        here.hold.touch()  # some are on their way each time, however long this process looks elsewhere
        stays = here.put(waits)
        jobs = [here.put(held) for _ in range(12)]
        until(lambda: sum(w.state == "ready" for w in here.fleet.all()) == 2)  # one that starts meanwhile ends and is started again
        for _ in range(2):
            until(lambda: here.now(stays).state == "running" and any(here.now(job).state == "running" for job in jobs))
            own.stop()
            here.hold.unlink()
            time.sleep(3.0)  # longer than any request waits for it, and the claims and commits of these seconds all break off
            here.hold.touch()
            own.start()
        here.hold.unlink()
        ended = here.ended(*jobs)
        assert [(job.state, job.error) for job in ended] == [("done", None)] * 12
        for job in jobs:
            assert [e.data["state"] for e in here.jobs.events_after(job.id, 0) if e.kind == "state"].count("done") == 1
        assert here.now(stays).state == "running" and here.now(stays).strikes == 0
        assert supervisor.restarts == 0
        here.jobs.cancel(stays.id)
        until(lambda: not any(w.doing for w in here.fleet.all() if w.alive))


def test_the_server_says_so_and_recovers(own: Postgres, tmp_path: Path) -> None:
    with own.database() as url, in_process(tmp_path, url) as api:
        job, _ = api.parts.jobs.hand_in(Handed(AnalysisRequest(url="https://example.com/a.mp4"), "url", "a.mp4", "a.mp4"))
        own.stop()
        try:
            for ask in ("/analyses", f"/analyses/{job.id}"):
                answer = api.client.get(ask)
                assert (answer.status_code, answer.json()["code"], answer.json()["retryable"]) == (503, "database_failed", True)
                assert answer.headers["Retry-After"]
            assert api.client.get("/health").status_code == 200
            assert api.client.get("/ready").status_code == 503
            until(lambda: any(c.name == "database" and not c.ok for c in api.parts.readiness.checks()))
        finally:
            own.start()
        until(lambda: api.client.get(f"/analyses/{job.id}").status_code == 200)
        until(lambda: any(c.name == "database" and c.ok for c in api.parts.readiness.checks()))


class _Torn(Database):
    """A connection that breaks after a commit, before its answer is there, so often."""

    torn = 0

    def tear(self) -> None:
        self.torn = 1
        real = self.engine.dialect.do_commit

        def commit(connection: Any) -> None:
            real(connection)
            if self.torn and threading.current_thread() is threading.main_thread():
                self.torn -= 1
                raise sa.exc.OperationalError("COMMIT", None, Exception("server closed the connection"))

        self.engine.dialect.do_commit = commit  # type: ignore[method-assign]


def test_a_commit_whose_answer_is_lost_is_found(tmp_path: Path, database_url: str) -> None:
    with place(tmp_path / "data", database_url) as here:
        torn = _Torn(database_url)
        here.jobs.database = torn
        torn.tear()
        job, new = here.jobs.hand_in(Handed(AnalysisRequest(url="https://example.com/a.mp4", analyzers=CHEAP), "url", "a", "a"))
        assert new and torn.torn == 0
        assert torn.read(lambda c: c.exec_driver_sql("SELECT count(*) FROM reelscope_jobs").scalar()) == 1
        torn.tear()
        claim = here.jobs.claim(job.id, "w1")
        assert claim is not None and claim.fence == 1 and torn.torn == 0
        assert here.jobs.report(claim, Progress(phase="fetch"))
        assert here.jobs.claim(job.id, "w2") is None
        torn.close()
