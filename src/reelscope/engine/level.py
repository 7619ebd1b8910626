"""What each worker of an engine holds, against what it may hold: a view for who watches the engine from outside."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from reelscope.engine.limits import Limit, Sample, rss_mib
from reelscope.engine.placement import WorkerPlan
from reelscope.engine.process import WorkerProcess

__all__ = ["WorkerLevel", "level_of"]

MIB = 2**20


@dataclass(frozen=True, slots=True)
class WorkerLevel:
    """One worker now.

    Attributes:
        name: "here" for members that work in this process. ready: whether it has started.
        ram_mib, gpu_mib: What it held at the guard's last look (limits.SAMPLE_S); of this process now. None: not known.
        ram_limit_mib, gpu_limit_mib: Above which it is ended; None: no limit.
        models_mib: Of that in models.
    """

    name: str
    device: str
    pid: int
    ready: bool
    ram_mib: float | None
    ram_limit_mib: float | None
    gpu_mib: float | None
    gpu_limit_mib: float | None
    models_mib: float


def level_of(plan: WorkerPlan, host: Any, held_bytes: int, levels: Mapping[str, tuple[Sample, Limit]]) -> WorkerLevel:
    """A worker from its plan, its host and what the guard saw."""
    if isinstance(host, WorkerProcess):
        sample, limit = levels.get(plan.name, (Sample(), Limit()))
        pid, ready = host.pid, host.ready
    else:
        pid, ready = os.getpid(), True
        sample, limit = Sample(rss_mib(pid)), Limit()
    return WorkerLevel(plan.name, plan.device, pid, ready, sample.ram_mib, limit.ram_mib, sample.gpu_mib, limit.gpu_mib, held_bytes / MIB)
