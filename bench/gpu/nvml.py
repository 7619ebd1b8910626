"""What NVML says while a batch runs: use of the GPU at 1 Hz, memory of the device and of each process. And the figures made of it."""

from __future__ import annotations

import math
import statistics
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any

__all__ = ["GOAL_PERCENT", "Reading", "Sampler", "Use", "card", "fragmentation", "nvml_reader", "percentile", "summarise"]

GOAL_PERCENT = 60.0  # mean use over a batch of 20 clips
PERIOD_S = 1.0
MIB = 2**20


@dataclass(frozen=True, slots=True)
class Reading:
    """One look at one device. processes: MiB by process id, empty where the driver does not say (some virtual machines)."""

    percent: float
    used_mib: float
    processes: Mapping[int, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Use:
    """Figures of a stretch of readings. None: there were no readings."""

    readings: int
    mean_percent: float | None
    median_percent: float | None
    p10_percent: float | None
    device_peak_mib: float | None
    process_peaks_mib: Mapping[int, float]

    @property
    def goal_met(self) -> bool | None:
        """Whether the mean reaches the goal; None where nothing was measured."""
        return None if self.mean_percent is None else self.mean_percent >= GOAL_PERCENT


def percentile(values: Sequence[float], share: float) -> float:
    """Nearest-rank percentile: the least value with at least `share` (0-1) of all at or below it.

    Raises:
        ValueError: No values, or a share outside 0-1.
    """
    if not values or not 0 <= share <= 1:
        raise ValueError(f"no {share} percentile of {len(values)} values")
    return sorted(values)[max(0, math.ceil(share * len(values)) - 1)]


def summarise(readings: Sequence[Reading]) -> Use:
    """Mean, median, 10th percentile and peaks."""
    percents = [r.percent for r in readings]
    peaks: dict[int, float] = {}
    for reading in readings:
        for pid, mib in reading.processes.items():
            peaks[pid] = max(mib, peaks.get(pid, 0.0))
    return Use(
        readings=len(readings),
        mean_percent=statistics.fmean(percents) if percents else None,
        median_percent=statistics.median(percents) if percents else None,
        p10_percent=percentile(percents, 0.1) if percents else None,
        device_peak_mib=max((r.used_mib for r in readings), default=None),
        process_peaks_mib=peaks,
    )


def fragmentation(allocated_mib: float, reserved_mib: float) -> float | None:
    """1 - allocated / reserved: the share of what PyTorch took from the device that holds nothing. None where it took nothing."""
    if not 0 <= allocated_mib <= reserved_mib:
        raise ValueError(f"allocated {allocated_mib} MiB of {reserved_mib} MiB reserved")
    return None if reserved_mib == 0 else 1 - allocated_mib / reserved_mib


class Sampler:
    """Takes readings until it is left; `use()` at any time. `read` None: there is no GPU, and no figures are made up."""

    def __init__(self, read: Callable[[], Reading] | None, *, period_s: float = PERIOD_S) -> None:
        self._read, self._period_s = read, period_s
        self._readings: list[Reading] = []
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="nvml-sampler", daemon=True)

    def use(self) -> Use:
        """Figures so far."""
        return summarise(list(self._readings))

    def __enter__(self) -> Sampler:
        if self._read is not None:
            self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._stop.set()
        if self._read is not None:
            self._thread.join()

    def _watch(self) -> None:
        assert self._read is not None
        while True:
            self._readings.append(self._read())
            if self._stop.wait(self._period_s):
                return


def card(uuid: str) -> dict[str, str | int | float]:
    """Name, memory and state of a card as NVML tells them, and the driver. Nothing is set."""
    import pynvml

    pynvml.nvmlInit()
    handle = pynvml.nvmlDeviceGetHandleByUUID(uuid)
    return {
        "name": str(pynvml.nvmlDeviceGetName(handle)),
        "driver": str(pynvml.nvmlSystemGetDriverVersion()),
        "memory, MiB": pynvml.nvmlDeviceGetMemoryInfo(handle).total // MIB,
        "in use before we began, MiB": pynvml.nvmlDeviceGetMemoryInfo(handle).used // MIB,
        "power limit, W": pynvml.nvmlDeviceGetEnforcedPowerLimit(handle) // 1000,
        "memory of each process is told": _tells_processes(pynvml, handle),
    }


def _tells_processes(nvml: Any, handle: Any) -> str:
    """Whether NVML would list processes here: inside containers and virtual machines it may list none although there are some."""
    try:
        return f"listed now: {len(nvml.nvmlDeviceGetComputeRunningProcesses(handle))}"
    except nvml.NVMLError as error:
        return f"no ({error})"


def nvml_reader(uuid: str | None = None) -> Callable[[], Reading] | None:
    """Reads one device (the first without a UUID); None where there is no driver or no device."""
    import pynvml

    try:
        pynvml.nvmlInit()
        handle = pynvml.nvmlDeviceGetHandleByUUID(uuid) if uuid else pynvml.nvmlDeviceGetHandleByIndex(0)
    except pynvml.NVMLError:
        return None

    def read() -> Reading:
        try:
            processes = {p.pid: (p.usedGpuMemory or 0) / MIB for p in pynvml.nvmlDeviceGetComputeRunningProcesses(handle)}
        except pynvml.NVMLError:  # not told inside some containers and virtual machines
            processes = {}
        used = pynvml.nvmlDeviceGetMemoryInfo(handle).used / MIB
        return Reading(float(pynvml.nvmlDeviceGetUtilizationRates(handle).gpu), used, processes)

    return read
