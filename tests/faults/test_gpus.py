"""A plan for two GPUs that runs for real, with logical devices: every worker sees its own, and computes on the CPU what is asked of it."""

from __future__ import annotations

from pathlib import Path

import pytest

from reelscope import pipeline
from reelscope.engine.placement import Gpu, Hardware
from tests.faults.stubs import GPU_REGISTRY
from tests.faults.tools import Place, same, workers_of

GPUS = (Gpu(0, "GPU-aaaa", "fake", 40_960), Gpu(1, "GPU-bbbb", "fake", 40_960))


@pytest.mark.parametrize("gpus", [GPUS, GPUS[:1]])
def test_a_plan_for_gpus_runs_with_a_worker_for_each_group(
    place: Place, clip: Path, monkeypatch: pytest.MonkeyPatch, gpus: tuple[Gpu, ...]
) -> None:
    monkeypatch.setattr(pipeline, "read_hardware", lambda settings: Hardware(cores=2, ram_mib=16_000, gpus=gpus))
    with place.session(GPU_REGISTRY) as session:
        plan = session.plan()
        assert not plan.placement.unplaced
        document = session.analyze(clip).document
        ran = {n: e for n, e in document.analyzers.items() if e.status != "unavailable"}
        assert {e.status for e in ran.values()} == {"ok"} and len(ran) == 6
        assert {n for n, e in ran.items() if e.device != "cpu"} == {"qwen2_vl_temporal", "object_detection", "color_analysis"}
        views = {v["worker"]: v for v in session.engine.views()}
        assert set(views) == {w.name for w in plan.placement.workers} >= {"language", "detection", "people"}
        uuids = {g.index: g.uuid for g in gpus}
        for worker in plan.placement.workers:
            gpu = None if worker.device == "cpu" else uuids[int(worker.device.partition(":")[2])]
            assert views[worker.name]["gpus"] == ([gpu] if gpu else [])
        assert {uuid for v in views.values() for uuid in v["gpus"]} == {g.uuid for g in gpus}
        # a GPU worker that is lost comes back on its own GPU
        place.control.set(qwen2_vl_temporal={"do": "sigkill", "phase": "feed", "window": 1, "times": 1})
        before = {w.pid for w in workers_of()}
        same(session.analyze(clip).document, document)
        assert len({w.pid for w in workers_of()} - before) == 1
        assert {v["worker"]: v["gpus"] for v in session.engine.views()} == {n: v["gpus"] for n, v in views.items()}
