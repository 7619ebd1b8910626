"""Rows, samples and a recorded NVML, as the real ones are."""

# ruff: noqa: N802  (functions of NVML, named as it names them)

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

from pynvml import NVML_ERROR_GPU_IS_LOST, NVML_ERROR_NOT_SUPPORTED, NVML_ERROR_RESET_REQUIRED, NVML_TEMPERATURE_GPU, NVMLError

from reelscope.server.monitor.shapes import MonitorSnapshot
from reelscope.server.monitor.store import Ended, Look
from reelscope.server.monitor.tally import Run

__all__ = ["NOW", "FakeStore", "RecordedNvml", "Row", "example", "look", "sample"]

NOW = 1_800_000_000.0
MIB = 2**20


class RecordedNvml:
    """Two GPUs as pynvml told of them; `lost` are gone, `silent` questions have no answer."""

    NVML_ERROR_GPU_IS_LOST = NVML_ERROR_GPU_IS_LOST
    NVML_ERROR_RESET_REQUIRED = NVML_ERROR_RESET_REQUIRED
    NVML_TEMPERATURE_GPU = NVML_TEMPERATURE_GPU
    NVMLError = NVMLError
    TABLE = (
        ("NVIDIA H100 80GB HBM3", 81559, 30211, 87, 54, 412_730),
        ("NVIDIA H100 80GB HBM3", 81559, 4, 0, 31, 69_120),
    )

    def __init__(self, *, lost: tuple[int, ...] = (), silent: tuple[str, ...] = (), count: int = 2) -> None:
        self.lost, self.silent, self.count = set(lost), set(silent), count
        self.handles = True  # whether a lost GPU still has a handle
        self.open = 0
        self.lost_code = NVML_ERROR_GPU_IS_LOST

    def nvmlInit(self) -> None:
        self.open += 1

    def nvmlShutdown(self) -> None:
        self.open -= 1

    def nvmlDeviceGetCount(self) -> int:
        return self.count

    def nvmlDeviceGetHandleByIndex(self, index: int) -> int:
        if not self.handles:
            self._check(index, "handle")
        return index

    def nvmlDeviceGetName(self, handle: int) -> bytes:
        return str(self._answer(handle, "name", 0)).encode()

    def nvmlDeviceGetMemoryInfo(self, handle: int) -> Any:
        return SimpleNamespace(total=self._answer(handle, "memory", 1) * MIB, used=self._answer(handle, "memory", 2) * MIB)

    def nvmlDeviceGetUtilizationRates(self, handle: int) -> Any:
        return SimpleNamespace(gpu=self._answer(handle, "util", 3), memory=0)

    def nvmlDeviceGetTemperature(self, handle: int, sensor: int) -> int:
        assert sensor == NVML_TEMPERATURE_GPU
        return int(self._answer(handle, "temperature", 4))

    def nvmlDeviceGetPowerUsage(self, handle: int) -> int:
        return int(self._answer(handle, "power", 5))

    def _check(self, index: int, question: str) -> None:
        if index in self.lost:
            raise NVMLError(self.lost_code)
        if question in self.silent:
            raise NVMLError(NVML_ERROR_NOT_SUPPORTED)

    def _answer(self, index: int, question: str, column: int) -> Any:
        self._check(index, question)
        return self.TABLE[index][column]


def sample(host: str = "alpha", **changes: Any) -> dict[str, Any]:
    """What a worker puts into its beat."""
    return {
        "host": host,
        "cpu_percent": 42.5,
        "cpu_cores": 2,
        "cpu_why": "2 cores: all that are installed",
        "memory_used_mib": 3000.0,
        "memory_total_mib": 8000.0,
        "memory_limit_mib": None,
        "memory_limit_used_mib": None,
        "load_1m": 1.5,
        "disks": [
            {"path_role": "data", "free_mib": 9000.0, "total_mib": 20000.0},
            {"path_role": "temp", "free_mib": 500.0, "total_mib": 1000.0},
        ],
        "gpus": [],
        "gpus_note": "no NVIDIA driver",
        "pid": 11,
        "rss_mib": 900.0,
        "engine": [
            {
                "name": "cpu-0", "device": "cpu", "pid": 12, "ready": True, "rss_mib": 700.0, "memory_limit_mib": 7200.0, "gpu_mib": None,
                "gpu_limit_mib": None, "models_mib": 36.0,
            }
        ],
        "models": [
            {
                "name": "yamnet", "hits": 9, "misses": 1, "loads": 1, "failed": 0, "load_s": 0.25, "unloads": 0,
                "loaded": [{"worker": "cpu-0", "device": "cpu", "mib": 36.0}],
            }
        ],
        "lost": 1,
        "recycled": 0,
        **changes,
    }  # fmt: skip


@dataclass
class Row:
    """A worker's row."""

    id: str = "alpha-77-1-aaaa"
    host: str = "alpha"
    pid: int = 11
    state: str = "ready"
    started_at: float = NOW - 100
    restarts: int = 0
    doing: list[dict[str, Any]] = field(default_factory=list)
    sample: dict[str, Any] = field(default_factory=sample)
    beat_age_s: float = 0.4


def look(**changes: Any) -> Look:
    """The database at NOW, with one worker at work."""
    doing = [{"job": "a" * 32, "title": "a clip", "phase": "decode", "share": 0.5, "seconds": 3.2}]
    given: dict[str, Any] = {"now": NOW, "workers": [Row(doing=doing)], "queued": 3, "running": 1, "oldest_at": NOW - 12}
    return Look(**{**given, **changes})


class FakeStore:
    """Answers with what `answer` makes of each look's number."""

    def __init__(self, answer: Callable[[int], Look] = lambda n: look(now=NOW + n)) -> None:
        self.answer, self.asked = answer, list[float]()

    def look(self, back_s: float) -> Look:
        self.asked.append(back_s)
        return self.answer(len(self.asked) - 1)


def example() -> MonitorSnapshot:
    """A snapshot with something of everything in it: a busy GPU machine, one GPU lost."""
    from reelscope.server.monitor.build import Kept, snapshot_of
    from reelscope.server.monitor.gpus import NvmlGpus

    gpus = [g.as_json() for g in NvmlGpus(nvml=RecordedNvml(lost=(1,))).read()[0]]
    limited = {"memory_limit_mib": 4096, "memory_limit_used_mib": 3900.0}
    engine = [{**sample()["engine"][0], "name": "gpu-0", "device": "cuda:0", "gpu_mib": 9000.0, "gpu_limit_mib": 11500.0}]
    there = look(
        workers=[
            *look().workers,
            Row(id="beta-9-1-bbbb", host="beta", restarts=1, sample=sample("beta", gpus=gpus, gpus_note=None, engine=engine, **limited)),
        ],
        ended=[Ended("1", "done", NOW + 1), Ended("2", "failed", NOW + 1), Ended("3", "cancelled", NOW + 1)],
        runs=[
            Run(NOW + 1, "1", "cut_analysis", "ok", 1.5, False),
            Run(NOW + 1, "2", "cut_analysis", "failed", 0.5, False),
            Run(NOW + 1, "1", "speech_flow", "ok", None, True),
        ],
    )
    kept = Kept()
    kept.take(there, started=NOW - 50)
    return snapshot_of(there, kept, sample("web"), started=NOW - 50, state="ready")
