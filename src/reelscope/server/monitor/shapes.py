"""What `GET /monitor` answers: one snapshot of the server, its workers and its queue. A figure that is not known is null, never 0."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from pydantic import BaseModel, ConfigDict

__all__ = [
    "AnalyzerRates",
    "Disk",
    "Doing",
    "EngineWorker",
    "Gpu",
    "LoadedModel",
    "Machine",
    "MachinePoint",
    "ModelUse",
    "MonitorHistory",
    "MonitorPoint",
    "MonitorSnapshot",
    "Queue",
    "WorkerNow",
]

ServerState = Literal["starting", "ready", "draining"]


class _Shape(BaseModel):
    model_config = ConfigDict(allow_inf_nan=False, frozen=True)


class Disk(_Shape):
    """A disk by what lies on it. role "data": results and clips; "temp": files of a run."""

    path_role: Literal["data", "temp"]
    free_mib: float
    total_mib: float


class Gpu(_Shape):
    """One GPU, in PCI bus order. lost: the driver gives it no more; its figures are null then."""

    index: int
    name: str | None
    state: Literal["ok", "lost"]
    util_percent: float | None = None
    memory_used_mib: float | None = None
    memory_total_mib: float | None = None
    temperature_c: float | None = None
    power_w: float | None = None


class Machine(_Shape):
    """A machine of the fleet, as the newest sample from it says.

    Attributes:
        cpu_percent: 0-100 of the cores that may be used: the container's quota, else the affinity mask.
        cpu_cores: How many these are; cpu_why: what limits them.
        memory_used_mib, memory_total_mib: Of the machine. memory_limit_mib: of the container; null without one, and then
            memory_limit_used_mib (what counts against it) is null too.
        gpus_note: Why there are no GPUs.
        age_s: Of the sample.
    """

    host: str
    age_s: float
    cpu_percent: float | None = None
    cpu_cores: int | None = None
    cpu_why: str | None = None
    memory_used_mib: float | None = None
    memory_total_mib: float | None = None
    memory_limit_mib: float | None = None
    memory_limit_used_mib: float | None = None
    load_1m: float | None = None
    disks: list[Disk] = []
    gpus: list[Gpu] = []
    gpus_note: str | None = None


class Doing(_Shape):
    """A job in a worker's hands. share: 0-1, null before it is known. seconds: since it was taken."""

    job: str
    title: str
    phase: str
    share: float | None = None
    seconds: float | None = None


class LoadedModel(_Shape):
    """A model that is loaded now. worker: of the engine."""

    name: str
    worker: str
    device: str
    mib: float


class EngineWorker(_Shape):
    """A process of a worker's engine ("here": the worker itself). Above a limit it is ended; null: none, or not known."""

    name: str
    device: str
    pid: int
    ready: bool
    rss_mib: float | None = None
    memory_limit_mib: float | None = None
    gpu_mib: float | None = None
    gpu_limit_mib: float | None = None
    models_mib: float = 0.0


class WorkerNow(_Shape):
    """A worker.

    Attributes:
        since: When its process was started. beat_age_s: since its last sign of life.
        rss_mib: It holds with all that it started, without what they share.
        memory_limit_mib: Of its machine or container, which all that run there share.
        restarts: Workers that were in its place before it. engine_restarts: of its engine's workers, lost or recycled.
    """

    id: str
    host: str
    pid: int
    state: Literal["starting", "ready", "draining", "gone"]
    since: datetime
    beat_age_s: float
    rss_mib: float | None = None
    memory_limit_mib: float | None = None
    restarts: int = 0
    engine_restarts: int = 0
    doing: list[Doing] = []
    models: list[LoadedModel] = []
    engine: list[EngineWorker] = []


class Queue(_Shape):
    """Jobs now, and those that ended within the hour. oldest_queued_s: how long the oldest waits; null where none does."""

    queued: int
    running: int
    done_1h: int
    failed_1h: int
    cancelled_1h: int
    oldest_queued_s: float | None = None


class AnalyzerRates(_Shape):
    """An analyzer over five minutes and an hour.

    Attributes:
        runs: How often it ran (ended ok, failed or timeout), results that were kept from before not counted.
        failed: Of these failed or timeout. error_rate: their share, 0-1; null where it did not run.
        seconds_median, seconds_p95: Of the runs whose seconds are known; null where there are none.
    """

    name: str
    runs_5m: int
    failed_5m: int
    error_rate_5m: float | None
    seconds_median_5m: float | None
    runs_1h: int
    failed_1h: int
    error_rate_1h: float | None
    seconds_median_1h: float | None
    seconds_p95_1h: float | None


class ModelUse(_Shape):
    """A model over all workers since the server's start.

    Attributes:
        hits, misses: Uses that found it loaded, and that did not. hit_rate: share of the hits, 0-1; null before the first use.
        loads, failed: Of the misses those that loaded it and those that could not. load_s: seconds spent on both.
        loaded_in: Workers that hold it now.
    """

    name: str
    hits: int
    misses: int
    hit_rate: float | None
    loads: int
    failed: int
    load_s: float
    loaded_in: list[str]


class MonitorSnapshot(_Shape):
    """Everything at one moment.

    Attributes:
        at: By the database's clock. uptime_s: of the server.
        restarts: Workers that were started in the place of one that ended, since the server's start; engine_restarts: the same of the
            processes of their engines, those recycled for their memory included.
    """

    at: datetime
    version: str
    uptime_s: float
    state: ServerState
    machines: list[Machine]
    workers: list[WorkerNow]
    queue: Queue
    analyzers: list[AnalyzerRates]
    models: list[ModelUse]
    restarts: int
    engine_restarts: int


class MachinePoint(_Shape):
    """A machine in a point of the history. gpus: utilisation in percent, in their order."""

    host: str
    cpu_percent: float | None = None
    memory_used_mib: float | None = None
    gpus: list[float | None] = []


class MonitorPoint(_Shape):
    """One second of the history. workers: that are ready."""

    at: datetime
    queued: int
    running: int
    workers: int
    machines: list[MachinePoint]


class MonitorHistory(_Shape):
    """The last minutes, oldest first."""

    points: list[MonitorPoint]
