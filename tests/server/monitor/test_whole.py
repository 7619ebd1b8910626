"""The whole way: real worker processes on a real database, seen through the monitor, and one job's story in the log."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from reelscope.server.monitor import DatabaseStore, Monitor
from reelscope.server.monitor.logs import story
from reelscope.server.monitor.metrics import CONTENT_TYPE
from tests.clips import moving_frames, tone, write_clip
from tests.server.monitor.test_sample import NoGpus
from tests.server.places import Place, place, until


@pytest.fixture
def here(tmp_path: Path) -> Iterator[Place]:
    folder = tmp_path / "data"
    with place(folder, f"sqlite:///{tmp_path / 'server.sqlite3'}") as found:
        yield found


def test_a_worker_its_job_and_its_models_are_seen(here: Place, tmp_path: Path) -> None:
    clip = write_clip(tmp_path / "clip.mp4", moving_frames(60, width=64, height=48), sound=tone(2.0))
    junk = tmp_path / "junk.mp4"
    junk.write_bytes(b"nothing that plays" * 100)
    monitor = Monitor(DatabaseStore(here.database, here.fleet), here.data_dir, gpus=NoGpus())
    told: list[str] = []
    try:
        before = monitor.look()
        assert (before.workers, before.analyzers, before.queue.done_1h) == ([], [], 0)
        done, failed = here.put(clip, analyzers=["speech_flow", "color_analysis"]), here.put(junk)
        waiting = monitor.look()
        assert waiting.queue.queued == 2 and waiting.queue.oldest_queued_s is not None
        with here.workers():

            def seen() -> bool:
                snapshot = monitor.look()
                told.extend(d.job for w in snapshot.workers for d in w.doing)
                ended = snapshot.queue.done_1h == 1 and snapshot.queue.failed_1h == 1
                return ended and any(w.engine for w in snapshot.workers) and len(snapshot.models) == 2  # told with the next beat

            until(seen)
            after = monitor.look()
        gone = monitor.look()
    finally:
        monitor.stop()
    (worker,) = after.workers
    assert worker.state == "ready" and worker.rss_mib is not None and worker.rss_mib > 50 and worker.memory_limit_mib is not None
    assert [m.host for m in after.machines] == [worker.host] and after.machines[0].disks
    assert {a.name: (a.runs_1h, a.failed_1h, a.error_rate_1h) for a in after.analyzers} == {
        "color_analysis": (1, 0, 0.0), "speech_flow": (1, 0, 0.0),
    }  # fmt: skip
    assert all(a.seconds_median_5m is not None and a.seconds_median_5m > 0 for a in after.analyzers)
    assert set(told) <= {done.id, failed.id}
    once = (1, 1, [worker.id])
    assert {m.name: (m.misses, m.loads, m.loaded_in) for m in after.models} == {"silero-vad": once, "swift-f0": once}
    assert [(w.state, w.rss_mib) for w in gone.workers] == [("gone", None)] and [m.misses for m in gone.models] == [1, 1]
    text = monitor.metrics().decode()
    assert 'reelscope_jobs_total{state="done"} 1.0' in text and 'reelscope_jobs_total{state="failed"} 1.0' in text
    assert 'reelscope_model_misses_total{model="swift-f0"} 1.0' in text and CONTENT_TYPE
    lines = [json.loads(line) for p in sorted((here.data_dir / "monitor").iterdir()) for line in p.read_text().splitlines()]
    assert len(lines) >= 4 and lines[-1]["queue"]["done_1h"] == 1
    for job in (done, failed):
        told_of = story(job.id, here.data_dir)
        assert told_of and all((line["job"], line["worker"]) == (job.id, worker.id) for line in told_of)
