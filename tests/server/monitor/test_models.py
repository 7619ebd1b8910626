"""Counts of models and of the engine's workers, in one process and over processes that come and go."""

from __future__ import annotations

import json
import threading
from pathlib import Path

from reelscope.config import Settings
from reelscope.events import Event, EventBus, News
from reelscope.pipeline import Session
from reelscope.server.monitor.models import ModelTally, ModelTotal, Totals
from reelscope.server.monitor.worker import WorkerSampler
from tests.clips import moving_frames, write_clip
from tests.engine.stubs import FakeRegistry, stub_analyzer
from tests.server.monitor.made import RecordedNvml

MIB = 2**20


def news(
    kind: str, model: str | None = "yamnet", *, worker: str = "cpu-0", mib: float = 4.0, seconds: float = 0.0, device: str = "cpu"
) -> Event:
    return Event("", "worker", news=News(kind, worker, model, device, seconds, int(mib * MIB)))


def told(*events: Event) -> ModelTally:
    tally = ModelTally()
    for event in events:
        tally(event)
    return tally


def test_hits_misses_and_what_is_loaded() -> None:
    made = told(
        news("load", seconds=0.5), news("hit"), news("hit"), news("load", worker="cpu-1", seconds=0.25), news("reload"), news("over_budget")
    ).snapshot()
    json.dumps(made)
    (row,) = made["models"]
    assert {k: row[k] for k in ("name", "hits", "misses", "loads", "failed", "load_s", "unloads")} == {
        "name": "yamnet", "hits": 2, "misses": 2, "loads": 2, "failed": 0, "load_s": 0.75, "unloads": 0,
    }  # fmt: skip
    assert row["loaded"] == [{"worker": "cpu-0", "device": "cpu", "mib": 4.0}, {"worker": "cpu-1", "device": "cpu", "mib": 4.0}]


def test_a_load_that_failed_is_a_miss_and_holds_nothing() -> None:
    (row,) = told(news("fail", seconds=2.0, mib=0)).snapshot()["models"]
    assert (row["misses"], row["loads"], row["failed"], row["load_s"], row["loaded"]) == (1, 0, 1, 2.0, [])


def test_what_was_unloaded_is_not_held() -> None:
    two = told(news("load", mib=4), news("load", mib=6), news("evict", mib=4)).snapshot()["models"][0]  # two precisions, say
    assert two["loaded"] == [{"worker": "cpu-0", "device": "cpu", "mib": 6.0}] and two["unloads"] == 1
    assert told(news("load"), news("idle")).snapshot()["models"][0]["loaded"] == []
    assert told(news("evict")).snapshot()["models"][0]["loaded"] == []  # of a load that was before us


def test_with_a_worker_go_its_models() -> None:
    for end in ("lost", "recycled", "started"):
        made = told(news("load"), news("load", worker="cpu-1"), news(end, None)).snapshot()
        assert made["models"][0]["loaded"] == [{"worker": "cpu-1", "device": "cpu", "mib": 4.0}]
        assert (made["lost"], made["recycled"]) == (int(end == "lost"), int(end == "recycled"))


def test_events_of_clips_are_no_news() -> None:
    assert told(Event("clip", "model", message="load yamnet on cpu")).snapshot() == {"models": [], "lost": 0, "recycled": 0}


def test_threads_may_publish_at_once() -> None:
    tally = ModelTally()
    bus = EventBus([tally])
    threads = [threading.Thread(target=lambda: [bus.publish(news("hit")) for _ in range(500)]) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert tally.snapshot()["models"][0]["hits"] == 2000


def test_totals_over_workers_never_fall() -> None:
    totals = Totals()
    first = told(news("load"), news("hit"), news("lost", None))
    totals.take({"a": first.snapshot(), "b": told(news("load")).snapshot()})
    assert totals.models() == {"yamnet": ModelTotal(1, 2, 2, 0, 0.0, 0)} and totals.engine_restarts == 1
    totals.take({"b": told(news("load"), news("hit")).snapshot()})  # a is gone
    assert totals.models()["yamnet"].hits == 2 and totals.models()["yamnet"].misses == 2
    totals.take({"b": told(news("load"), news("hit")).snapshot(), "c": told(news("load"), news("lost", None)).snapshot()})
    assert totals.models()["yamnet"].misses == 3 and totals.engine_restarts == 2
    totals.take({})
    assert totals.models()["yamnet"].hit_rate == 2 / 5 and totals._now == {}


def test_a_rate_of_nothing_is_none() -> None:
    assert ModelTotal().hit_rate is None and Totals().models() == {}
    totals = Totals()
    totals.take({"a": {}})  # a worker that has not sampled yet
    assert totals.models() == {} and totals.engine_restarts == 0


def test_a_workers_beat(tmp_path: Path) -> None:
    from reelscope.server.monitor.gpus import NvmlGpus

    clip = write_clip(tmp_path / "clip.mp4", moving_frames(10))
    settings = Settings.model_validate({"placement": {"workers": 0}, "system": {"keep_results": False}})
    nvml = RecordedNvml(lost=(1,))
    with Session(settings, registry=FakeRegistry(stub_analyzer("audio_analysis"))) as session:
        sampler = WorkerSampler(session, tmp_path, gpus=NvmlGpus(nvml=nvml))
        before = sampler.sample()
        session.analyze(clip)
        session.events.publish(news("load", worker="here"))
        made = sampler.sample()
    assert before["engine"] == [] and before["models"] == []
    (here,) = made["engine"]
    assert (here["name"], here["ready"], here["memory_limit_mib"]) == ("here", True, None) and here["rss_mib"] > 10
    assert [g["state"] for g in made["gpus"]] == ["ok", "lost"]
    assert made["models"][0]["loaded"] == [{"worker": "here", "device": "cpu", "mib": 4.0}]
    json.dumps(made, allow_nan=False)
    assert sampler.sample()["engine"] == []  # the session is closed: a worker's last beats
    sampler.close()
    assert nvml.open == 0 and session.events.subscribers == []
