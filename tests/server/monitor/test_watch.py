"""The monitor: one snapshot from everything, counts that never fall, who is told, and what happens when the database is away."""

from __future__ import annotations

import asyncio
import json
import random
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from reelscope.server.db import Database, jobs, meta, runs
from reelscope.server.fleet import Fleet
from reelscope.server.monitor.build import EndedJobs, Kept, Restarts, snapshot_of
from reelscope.server.monitor.journal import read_journal
from reelscope.server.monitor.shapes import MonitorSnapshot
from reelscope.server.monitor.store import DatabaseStore, Ended, Look
from reelscope.server.monitor.tally import HOUR_S, Run
from reelscope.server.monitor.watch import AGAIN_S, HISTORY, Monitor
from tests.server.monitor.made import NOW, FakeStore, RecordedNvml, Row, example, look, sample
from tests.server.monitor.test_sample import NoGpus

DEADLINE_S = 240.0


def until(condition: Callable[[], Any], what: str) -> None:
    end, pause = time.monotonic() + DEADLINE_S, threading.Event()
    while not condition():
        assert time.monotonic() < end, what
        pause.wait(0.01)


@pytest.fixture
def monitor(tmp_path: Path) -> Iterator[Callable[..., Monitor]]:
    made = []

    def make(store: Any = None, **more: Any) -> Monitor:
        made.append(Monitor(store or FakeStore(), tmp_path, gpus=NoGpus(), **{"every_s": 0.01, **more}))
        return made[-1]

    yield make
    for each in made:
        each.stop()
    assert not any(t.name == "monitor" for t in threading.enumerate())


# --- one snapshot ------------------------------------------------------------------------------------------------------------------------


def test_a_snapshot_has_everything_in_it() -> None:
    made = example()
    assert [m.host for m in made.machines] == ["web", "alpha", "beta"]  # the server's own first
    beta = made.machines[2]
    assert [(g.index, g.state, g.util_percent) for g in beta.gpus] == [(0, "ok", 87.0), (1, "lost", None)]
    assert (made.queue.queued, made.queue.running, made.queue.oldest_queued_s) == (3, 1, 12.0)
    assert (made.queue.done_1h, made.queue.failed_1h, made.queue.cancelled_1h) == (1, 1, 1)
    alpha, other = made.workers
    assert (alpha.rss_mib, alpha.memory_limit_mib, other.memory_limit_mib) == (900.0, 8000.0, 4096.0)
    assert alpha.doing[0].phase == "decode" and alpha.doing[0].share == 0.5
    assert alpha.models[0].model_dump() == {"name": "yamnet", "worker": "cpu-0", "device": "cpu", "mib": 36.0}
    assert (other.engine[0].gpu_mib, other.engine[0].gpu_limit_mib) == (9000.0, 11500.0)
    (model,) = made.models
    assert (model.hits, model.misses, model.hit_rate, model.loaded_in) == (18, 2, 0.9, ["alpha-77-1-aaaa", "beta-9-1-bbbb"])
    assert (made.restarts, made.engine_restarts, made.uptime_s) == (0, 2, 50.0)
    assert MonitorSnapshot.model_validate_json(made.model_dump_json()) == made


def test_nothing_known_is_null_and_not_zero() -> None:
    bare = Look(now=NOW, workers=[Row(sample={}, state="starting")])
    kept = Kept()
    kept.take(bare, started=NOW)
    made = snapshot_of(bare, kept, {"host": "web"}, started=NOW, state="starting")
    assert made.analyzers == [] and made.models == [] and made.queue.oldest_queued_s is None
    assert [m.host for m in made.machines] == ["web"]
    assert {v for k, v in made.machines[0].model_dump().items() if k not in ("host", "age_s", "disks", "gpus")} == {None}
    assert (made.workers[0].rss_mib, made.workers[0].memory_limit_mib) == (None, None)


def test_of_one_machine_the_newest_sample_tells() -> None:
    rows = [
        Row("a-1-1-x", sample=sample(load_1m=1.0), beat_age_s=0.9),
        Row("a-1-2-y", sample=sample(load_1m=2.0), beat_age_s=0.1),
        Row("web-1-1-z", host="web", sample=sample("web", load_1m=3.0)),
    ]
    there = look(workers=rows)
    made = snapshot_of(there, Kept(), sample("web", load_1m=4.0), started=NOW, state="ready")
    assert [(m.host, m.load_1m, m.age_s) for m in made.machines] == [("web", 4.0, 0.0), ("alpha", 2.0, 0.1)]


def test_a_worker_that_went_is_shown_for_a_minute_without_figures() -> None:
    gone = [Row("a-1-1-x", state="gone", beat_age_s=30, doing=[]), Row("a-1-1-y", state="gone", beat_age_s=61)]
    there = look(workers=gone)
    made = snapshot_of(there, Kept(), sample("web"), started=NOW, state="draining")
    assert [(w.id, w.state, w.rss_mib, w.models, w.engine) for w in made.workers] == [("a-1-1-x", "gone", None, [], [])]
    assert [m.host for m in made.machines] == ["web"] and made.state == "draining"


# --- counts ------------------------------------------------------------------------------------------------------------------------------


def test_restarts_count_once_each_whatever_order_rows_come_in() -> None:
    restarts = Restarts()
    before = Row("r-5-1-old", started_at=NOW - 999, restarts=7)  # of another machine, long before this server
    restarts.take([before, Row("a-1-1-x"), Row("a-1-2-x")], counted_from=NOW - 500)
    assert restarts.total == 0
    restarts.take([before, Row("a-1-1-x", state="gone"), Row("a-1-2-x")], counted_from=NOW - 500)
    assert restarts.total == 0  # gone, and nobody in its place yet
    restarts.take([before, Row("a-1-1-x", state="gone"), Row("a-1-1-y", restarts=1), Row("a-1-2-x")], counted_from=NOW - 500)
    assert restarts.total == 1
    restarts.take([Row("r-5-1-new", restarts=9), Row("a-1-1-z", restarts=4), Row("a-1-2-x")], counted_from=NOW - 500)
    assert restarts.total == 2 + 4  # three of them ended before they had a row
    restarts.take([Row("a-1-2-x")], counted_from=NOW - 500)
    assert restarts.total == 6


def test_ended_jobs_count_once_and_leave_the_hour() -> None:
    ended = EndedJobs()
    rows = [Ended("1", "done", NOW - 10), Ended("2", "failed", NOW - 5), Ended("0", "done", NOW - 100)]
    for _ in range(3):
        ended.take(rows, NOW, counted_from=NOW - 50)
    assert ended.hour() == {"done": 2, "failed": 1} and ended.total == {"done": 1, "failed": 1}
    ended.take([], NOW + HOUR_S - 50, counted_from=NOW - 50)
    assert ended.hour() == {"done": 1, "failed": 1}
    ended.take([], NOW + HOUR_S, counted_from=NOW - 50)
    assert not ended.hour() and not ended._seen and ended.total == {"done": 1, "failed": 1}


def test_ten_per_cent_injected_failures_read_ten_per_cent_through_the_monitor(monitor: Callable[..., Monitor]) -> None:
    rng = random.Random(11)
    rows = [
        Run(NOW + n, f"{n}-{i}", "cut_analysis", "failed" if rng.random() < 0.1 else "ok", rng.uniform(0.5, 1.5), False)
        for n in range(240)
        for i in range(10)
    ]
    made = monitor(FakeStore(lambda n: look(now=NOW + n, runs=[r for r in rows if NOW + n - AGAIN_S < r.at <= NOW + n])))
    for _ in range(240):
        snapshot = made.look()
    (cut,) = snapshot.analyzers
    assert cut.runs_5m == cut.runs_1h == 2400
    assert cut.error_rate_5m == pytest.approx(0.1, abs=0.02) and cut.seconds_median_1h == pytest.approx(1.0, abs=0.1)
    counted = made.counters().runs
    assert counted["cut_analysis", "ok"] + counted["cut_analysis", "failed"] == 2400


# --- its life ----------------------------------------------------------------------------------------------------------------------------


def test_the_first_look_asks_for_an_hour_and_later_ones_for_what_is_new(monitor: Callable[..., Monitor]) -> None:
    store = FakeStore()
    made = monitor(store)
    assert made.latest() is None and made.latest_json() is None and made.history().points == []
    for _ in range(3):
        made.look()
    assert store.asked[0] == HOUR_S and all(AGAIN_S <= back < AGAIN_S + DEADLINE_S for back in store.asked[1:])
    latest = made.latest()
    assert latest is not None and json.loads(made.latest_json() or "") == latest.model_dump(mode="json")


def test_the_thread_looks_tells_and_stops(monitor: Callable[..., Monitor], tmp_path: Path) -> None:
    made, seen = monitor(), list[MonitorSnapshot]()
    forget = made.subscribe(seen.append)
    made.start()
    until(lambda: len(seen) >= 3, "three looks")
    forget()
    made.stop()
    made.stop()
    count = len(seen)
    assert [s.at for s in seen] == sorted({s.at for s in seen})
    assert len(list(read_journal(tmp_path))) >= count == len(seen)


def test_the_history_keeps_five_minutes(monitor: Callable[..., Monitor]) -> None:
    made = monitor()
    for _ in range(HISTORY + 7):
        made.look()
    points = made.history().points
    assert len(points) == HISTORY == 300
    assert points[-1].at.timestamp() == NOW + HISTORY + 6 and points[0].at.timestamp() == NOW + 7
    assert (points[0].queued, points[0].running, points[0].workers) == (3, 1, 1)
    assert [m.host for m in points[0].machines][1:] == ["alpha"]


def test_a_database_that_is_away_is_told_once_and_counted(monitor: Callable[..., Monitor], caplog: pytest.LogCaptureFixture) -> None:
    away = threading.Event()

    def answer(n: int) -> Look:
        if away.is_set():
            raise RuntimeError("postgresql://me:secret@db")
        return look(now=NOW + n)

    made = monitor(FakeStore(answer))
    made.start()
    until(lambda: made.latest() is not None, "a look")
    away.set()
    until(lambda: made.counters().looks_failed >= 3, "failed looks")
    assert made.latest() is not None  # the last one stays, and its age tells
    age = made.counters().age_s
    assert age is not None and age >= 0
    away.clear()
    at = made.latest()
    until(lambda: made.latest() is not at, "a look again")
    made.stop()
    told = [r.getMessage() for r in caplog.records if r.levelname == "WARNING"]
    assert told == ["the monitor cannot read the database: RuntimeError", "the monitor sees the database again"]


def test_a_subscriber_that_raises_is_told_no_more(monitor: Callable[..., Monitor], caplog: pytest.LogCaptureFixture) -> None:
    made, seen, bad = monitor(), list[Any](), list[int]()

    def raising(snapshot: MonitorSnapshot) -> None:
        bad.append(1)
        raise RuntimeError

    made.subscribe(raising)
    made.subscribe(seen.append)
    made.look()
    made.look()
    assert len(seen) == 2 and bad == [1]


def test_the_state_is_asked_at_each_look(monitor: Callable[..., Monitor]) -> None:
    states = iter(["starting", "ready", "draining"])
    made = monitor(state=lambda: next(states))
    assert [made.look().state for _ in range(3)] == ["starting", "ready", "draining"]


def test_followers_get_the_newest_and_miss_what_they_are_too_slow_for(monitor: Callable[..., Monitor]) -> None:
    made = monitor()

    async def follow() -> tuple[list[str], list[str]]:
        quick, slow = [], []

        async def read(into: list[str], every: int) -> None:
            async for text in made.follow():
                into.append(text)
                for _ in range(every):
                    await asyncio.sleep(0)

        tasks = [asyncio.create_task(read(quick, 0)), asyncio.create_task(read(slow, 50))]
        for _ in range(20):
            made.look()
            while not quick or json.loads(quick[-1])["at"] != json.loads(made.latest_json() or "")["at"]:
                await asyncio.sleep(0)
        made.end_followers()
        made.look()  # it goes on for everybody else
        await asyncio.wait_for(asyncio.gather(*tasks), DEADLINE_S)
        return quick, slow

    quick, slow = asyncio.run(follow())
    assert len(quick) == 20 and 1 <= len(slow) <= 20
    assert made._wakers == []


def test_a_follower_that_leaves_is_forgotten(monitor: Callable[..., Monitor]) -> None:
    made = monitor()

    async def follow() -> None:
        made.look()
        stream = made.follow()
        assert json.loads(await anext(stream))["state"] == "ready"
        assert len(made._wakers) == 1
        await stream.aclose()

    asyncio.run(follow())
    assert made._wakers == []
    made.look()


def test_stopping_lets_go_of_the_driver(tmp_path: Path) -> None:
    from reelscope.server.monitor.gpus import NvmlGpus

    nvml = RecordedNvml()
    made = Monitor(FakeStore(), tmp_path, gpus=NvmlGpus(nvml=nvml))
    assert len(made.look().machines[0].gpus) == 2
    made.stop()
    assert nvml.open == 0


# --- the database ------------------------------------------------------------------------------------------------------------------------


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    made = Database(f"sqlite:///{tmp_path / 'server.sqlite3'}")
    meta.create_all(made.engine)
    yield made
    made.close()


def put(c: sa.Connection, job_id: str, state: str, came: float, ended: float | None = None) -> None:
    c.execute(
        jobs.insert().values(
            id=job_id, number=int(came * 1e6), state=state, created_at=came, finished_at=ended, title="t", source_kind="path",
            source_name="n", request="{}", priority=5, workflow=job_id,
        )
    )  # fmt: skip


def test_the_real_database_is_read(database: Database, tmp_path: Path, monitor: Callable[..., Monitor]) -> None:
    store = DatabaseStore(database, Fleet(database, None, tmp_path))  # type: ignore[arg-type]
    empty = store.look(HOUR_S)
    assert (empty.queued, empty.running, empty.oldest_at, empty.ended, empty.runs, empty.workers) == (0, 0, None, [], [], [])
    assert empty.now == pytest.approx(time.time(), abs=60)
    now = empty.now

    def fill(c: sa.Connection) -> None:
        put(c, "q1", "queued", now - 4000)
        put(c, "q2", "queued", now - 2000)
        put(c, "r1", "running", now - 90)
        put(c, "d1", "done", now - 100, now - 2)
        put(c, "d2", "done", now - 9000, now - 2 * HOUR_S)
        put(c, "f1", "failed", now - 100, now - 3)
        for job, at, status, seconds, reused in (("d1", now - 2, "ok", 1.5, False), ("f1", now - 3, "timeout", 9.0, False),
                                                 ("d2", now - 2 * HOUR_S, "ok", 1.0, False)):  # fmt: skip
            c.execute(runs.insert().values(job_id=job, analyzer="cut_analysis", at=at, status=status, seconds=seconds, reused=reused))

    database.write(fill)
    Fleet(database, None, tmp_path).enter("here-1-1-x", restarts=0)  # type: ignore[arg-type]
    Fleet(database, None, tmp_path).beat("here-1-1-x", "ready", [], sample("here"))  # type: ignore[arg-type]
    made = monitor(store).look()
    assert (made.queue.queued, made.queue.running, made.queue.done_1h, made.queue.failed_1h) == (2, 1, 1, 1)
    assert made.queue.oldest_queued_s == pytest.approx(4000, abs=240)
    (cut,) = made.analyzers
    assert (cut.runs_1h, cut.failed_1h, cut.error_rate_5m, cut.seconds_median_1h) == (2, 1, 0.5, 5.25)
    (worker,) = made.workers
    assert (worker.state, worker.rss_mib, worker.models[0].name) == ("ready", 900.0, "yamnet")


def test_every_query_of_a_look_uses_an_index(database: Database, tmp_path: Path) -> None:
    said: list[str] = []
    store = DatabaseStore(database, Fleet(database, None, tmp_path))  # type: ignore[arg-type]

    def explain(connection: Any, cursor: Any, statement: str, parameters: Any, context: Any, many: bool) -> None:
        if statement.startswith(("SELECT reelscope_jobs", "SELECT reelscope_runs")):
            plan = connection.connection.cursor().execute(f"EXPLAIN QUERY PLAN {statement}", parameters).fetchall()
            said.extend(row[3] for row in plan)

    sa.event.listen(database.engine, "before_cursor_execute", explain)
    store.look(60.0)
    assert len([s for s in said if "USING" in s and "INDEX" in s]) == 3 and not [s for s in said if s.startswith("SCAN")], said
    assert any("COVERING INDEX reelscope_jobs_state" in s for s in said), said
