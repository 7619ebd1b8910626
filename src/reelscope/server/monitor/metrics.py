"""The snapshot as Prometheus reads it. Its registry is made for one answer: nothing global, nothing that outlives a worker that is gone.

Labels are bounded: analyzers and models are ours, workers, machines and GPUs are those that are there, states and windows are few.
Figures that are null have no line; Prometheus then shows a gap and no invented 0.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, InfoMetricFamily, Metric, SummaryMetricFamily
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest
from prometheus_client.registry import Collector

from reelscope.api import FINAL
from reelscope.server.monitor.shapes import AnalyzerRates, MonitorSnapshot

__all__ = ["CONTENT_TYPE", "Counters", "render"]

CONTENT_TYPE = CONTENT_TYPE_LATEST
MIB = 2**20

SERVER_STATES = ("starting", "ready", "draining")
WORKER_STATES = ("starting", "ready", "draining")
WINDOWS = ("5m", "1h")


@dataclass(frozen=True, slots=True)
class Counters:
    """Counts since the server's start that only grow.

    Attributes:
        jobs: By final state. runs: by analyzer and status ("reused" for results kept from before).
        seconds: Runs with known seconds, and their sum, by analyzer.
        looks_failed: Times that the database could not be read. journal_dropped: snapshots that the disk had no room for.
        age_s: Of the snapshot; None where there is none.
    """

    jobs: Mapping[str, int] = field(default_factory=dict)
    runs: Mapping[tuple[str, str], int] = field(default_factory=dict)
    seconds: Mapping[str, tuple[int, float]] = field(default_factory=dict)
    looks_failed: int = 0
    journal_dropped: int = 0
    age_s: float | None = None


def render(snapshot: MonitorSnapshot | None, counters: Counters) -> bytes:
    """Prometheus's text format, to be sent as CONTENT_TYPE."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Collector(snapshot, counters))
    return generate_latest(registry)


class _Collector(Collector):
    def __init__(self, snapshot: MonitorSnapshot | None, counters: Counters) -> None:
        self._snapshot, self._counters = snapshot, counters

    def collect(self) -> Iterator[Metric]:
        yield from _of_counters(self._counters)
        if self._snapshot is not None:
            yield from _of_server(self._snapshot)
            yield from _of_machines(self._snapshot)
            yield from _of_gpus(self._snapshot)
            yield from _of_workers(self._snapshot)
            yield from _of_analyzers(self._snapshot.analyzers)
            yield from _of_models(self._snapshot)


def _gauge(name: str, text: str, *labels: str) -> GaugeMetricFamily:
    return GaugeMetricFamily(f"reelscope_{name}", text, labels=labels)


def _counter(name: str, text: str, *labels: str) -> CounterMetricFamily:
    return CounterMetricFamily(f"reelscope_{name}", text, labels=labels)


def _put(family: Metric, labels: list[str], value: float | None) -> None:
    if value is not None:
        family.add_metric(labels, value)  # type: ignore[attr-defined]


def _bytes(mib: float | None) -> float | None:
    return None if mib is None else mib * MIB


def _share(percent: float | None) -> float | None:
    return None if percent is None else percent / 100


def _of_counters(counters: Counters) -> Iterator[Metric]:
    jobs = _counter("jobs", "Jobs that ended since the server's start, by final state.", "state")
    for state in sorted(FINAL):
        _put(jobs, [state], counters.jobs.get(state, 0))
    yield jobs
    runs = _counter("analyzer_runs", "Analyzers in jobs that ended since the server's start, by how they ended.", "analyzer", "status")
    for (analyzer, status), count in sorted(counters.runs.items()):
        _put(runs, [analyzer, status], count)
    yield runs
    spent = SummaryMetricFamily("reelscope_analyzer_seconds", "Seconds of analyzers that ran.", labels=["analyzer"])
    for analyzer, (count, seconds) in sorted(counters.seconds.items()):
        spent.add_metric([analyzer], count, seconds)
    yield spent
    failed = _counter("monitor_looks_failed", "Times that the monitor could not read the database.")
    _put(failed, [], counters.looks_failed)
    yield failed
    dropped = _counter("monitor_journal_dropped", "Snapshots that could not be written to the journal.")
    _put(dropped, [], counters.journal_dropped)
    yield dropped
    age = _gauge("monitor_age_seconds", "Age of the snapshot that these figures are of.")
    _put(age, [], counters.age_s)
    yield age


def _of_server(s: MonitorSnapshot) -> Iterator[Metric]:
    yield InfoMetricFamily("reelscope_build", "The program that runs.", value={"version": s.version})
    up = _gauge("uptime_seconds", "Seconds since the server's start.")
    _put(up, [], s.uptime_s)
    yield up
    state = _gauge("server_state", "1 for the state that the server is in.", "state")
    for name in SERVER_STATES:
        _put(state, [name], float(s.state == name))
    yield state
    queue = _gauge("queue_jobs", "Jobs that have not ended, by state.", "state")
    _put(queue, ["queued"], s.queue.queued)
    _put(queue, ["running"], s.queue.running)
    yield queue
    oldest = _gauge("queue_oldest_seconds", "How long the oldest waiting job has waited; 0 where none waits.")
    _put(oldest, [], s.queue.oldest_queued_s or 0.0)
    yield oldest
    hour = _gauge("jobs_ended_1h", "Jobs that ended within the last hour, by final state.", "state")
    for name, count in (("done", s.queue.done_1h), ("failed", s.queue.failed_1h), ("cancelled", s.queue.cancelled_1h)):
        _put(hour, [name], count)
    yield hour
    restarts = _counter("worker_restarts", "Workers that were started in the place of one that ended, since the server's start.")
    _put(restarts, [], s.restarts)
    yield restarts
    engine = _counter("engine_worker_restarts", "Workers of engines that were lost or recycled, since the server's start.")
    _put(engine, [], s.engine_restarts)
    yield engine


def _of_machines(s: MonitorSnapshot) -> Iterator[Metric]:
    cpu = _gauge("machine_cpu_ratio", "How busy the cores are that may be used, 0-1.", "host")
    cores = _gauge("machine_cpu_cores", "Cores that may be used.", "host")
    load = _gauge("machine_load1", "Load average of one minute.", "host")
    used = _gauge("machine_memory_used_bytes", "Memory of the machine in use.", "host")
    total = _gauge("machine_memory_bytes", "Memory of the machine.", "host")
    limit = _gauge("machine_memory_limit_bytes", "Memory that the container may use, where it has a limit.", "host")
    limited = _gauge("machine_memory_limit_used_bytes", "Memory that counts against the container's limit.", "host")
    free = _gauge("disk_free_bytes", "Free space of the disk by what lies on it.", "host", "role")
    size = _gauge("disk_bytes", "Size of the disk.", "host", "role")
    for m in s.machines:
        _put(cpu, [m.host], _share(m.cpu_percent))
        _put(cores, [m.host], m.cpu_cores)
        _put(load, [m.host], m.load_1m)
        _put(used, [m.host], _bytes(m.memory_used_mib))
        _put(total, [m.host], _bytes(m.memory_total_mib))
        _put(limit, [m.host], _bytes(m.memory_limit_mib))
        _put(limited, [m.host], _bytes(m.memory_limit_used_mib))
        for disk in m.disks:
            _put(free, [m.host, disk.path_role], _bytes(disk.free_mib))
            _put(size, [m.host, disk.path_role], _bytes(disk.total_mib))
    yield from (cpu, cores, load, used, total, limit, limited, free, size)


def _of_gpus(s: MonitorSnapshot) -> Iterator[Metric]:
    lost = _gauge("gpu_lost", "1 where the driver has lost the GPU.", "host", "gpu")
    util = _gauge("gpu_util_ratio", "Share of the time that the GPU computes, 0-1.", "host", "gpu")
    used = _gauge("gpu_memory_used_bytes", "GPU memory in use.", "host", "gpu")
    total = _gauge("gpu_memory_bytes", "GPU memory.", "host", "gpu")
    warm = _gauge("gpu_temperature_celsius", "Temperature of the GPU.", "host", "gpu")
    power = _gauge("gpu_power_watts", "Power that the GPU draws.", "host", "gpu")
    for m in s.machines:
        for gpu in m.gpus:
            labels = [m.host, str(gpu.index)]
            _put(lost, labels, float(gpu.state == "lost"))
            _put(util, labels, _share(gpu.util_percent))
            _put(used, labels, _bytes(gpu.memory_used_mib))
            _put(total, labels, _bytes(gpu.memory_total_mib))
            _put(warm, labels, gpu.temperature_c)
            _put(power, labels, gpu.power_w)
    yield from (lost, util, used, total, warm, power)


def _of_workers(s: MonitorSnapshot) -> Iterator[Metric]:
    there = [w for w in s.workers if w.state != "gone"]
    count = _gauge("workers", "Workers by state.", "state")
    for state in WORKER_STATES:
        _put(count, [state], sum(w.state == state for w in there))
    yield count
    age = _gauge("worker_beat_age_seconds", "Seconds since the worker's last sign of life.", "worker", "host")
    jobs = _gauge("worker_jobs", "Jobs in the worker's hands.", "worker", "host")
    rss = _gauge("worker_memory_bytes", "Memory that the worker and its processes hold for themselves.", "worker", "host")
    limit = _gauge("worker_memory_limit_bytes", "Memory that all on its machine or in its container may use.", "worker", "host")
    engine = _gauge("engine_worker_memory_bytes", "Memory of a process of the worker's engine.", "worker", "process")
    most = _gauge("engine_worker_memory_limit_bytes", "Memory above which a process of the engine is ended.", "worker", "process")
    gpu = _gauge("engine_worker_gpu_memory_bytes", "GPU memory of a process of the worker's engine.", "worker", "process")
    gpu_most = _gauge(
        "engine_worker_gpu_memory_limit_bytes", "GPU memory above which a process of the engine is ended.", "worker", "process"
    )
    for w in there:
        _put(age, [w.id, w.host], w.beat_age_s)
        _put(jobs, [w.id, w.host], len(w.doing))
        _put(rss, [w.id, w.host], _bytes(w.rss_mib))
        _put(limit, [w.id, w.host], _bytes(w.memory_limit_mib))
        for each in w.engine:
            _put(engine, [w.id, each.name], _bytes(each.rss_mib))
            _put(most, [w.id, each.name], _bytes(each.memory_limit_mib))
            _put(gpu, [w.id, each.name], _bytes(each.gpu_mib))
            _put(gpu_most, [w.id, each.name], _bytes(each.gpu_limit_mib))
    yield from (age, jobs, rss, limit, engine, most, gpu, gpu_most)


def _of_analyzers(rates: list[AnalyzerRates]) -> Iterator[Metric]:
    runs = _gauge("analyzer_window_runs", "How often the analyzer ran within the window.", "analyzer", "window")
    errors = _gauge("analyzer_error_ratio", "Share of these that failed, 0-1.", "analyzer", "window")
    median = _gauge("analyzer_seconds_median", "Median of their seconds.", "analyzer", "window")
    p95 = _gauge("analyzer_seconds_p95", "Seconds that 95 % of them stay below.", "analyzer", "window")
    for rate in rates:
        for window in WINDOWS:
            _put(runs, [rate.name, window], getattr(rate, f"runs_{window}"))
            _put(errors, [rate.name, window], getattr(rate, f"error_rate_{window}"))
            _put(median, [rate.name, window], getattr(rate, f"seconds_median_{window}"))
        _put(p95, [rate.name, "1h"], rate.seconds_p95_1h)
    yield from (runs, errors, median, p95)


def _of_models(s: MonitorSnapshot) -> Iterator[Metric]:
    hits = _counter("model_hits", "Uses that found the model loaded.", "model")
    misses = _counter("model_misses", "Uses that did not.", "model")
    failed = _counter("model_load_failures", "Loads that failed.", "model")
    seconds = _counter("model_load_seconds", "Seconds spent on loading.", "model")
    loaded = _gauge("model_loaded", "Workers that hold the model now.", "model")
    for model in s.models:
        _put(hits, [model.name], model.hits)
        _put(misses, [model.name], model.misses)
        _put(failed, [model.name], model.failed)
        _put(seconds, [model.name], model.load_s)
        _put(loaded, [model.name], len(model.loaded_in))
    yield from (hits, misses, failed, seconds, loaded)
    held = _gauge("worker_models_bytes", "Memory of the models that the worker has loaded.", "worker", "device")
    for w in s.workers:
        sums: dict[str, float] = {}
        for each in w.models:
            sums[each.device] = sums.get(each.device, 0.0) + each.mib
        for device, mib in sorted(sums.items()):
            _put(held, [w.id, device], mib * MIB)
    yield held
