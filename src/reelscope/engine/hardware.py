"""What this process may use of the machine: cores under affinity and container quota, peak memory."""

from __future__ import annotations

import math
import os
import threading
from pathlib import Path
from types import TracebackType

__all__ = ["PeakMemory", "available_cores"]

SAMPLE_S = 0.1  # memory grows over whole windows (seconds): ten samples a second see the peak and cost nothing


def available_cores(cgroup: Path = Path("/sys/fs/cgroup")) -> int:
    """Cores that this process may use: its affinity mask, cut to the CPU quota of its cgroup (v2 or v1), at least 1."""
    try:
        cores = len(os.sched_getaffinity(0))
    except AttributeError:  # macOS and Windows have no affinity mask
        cores = os.cpu_count() or 1
    quota = _quota(cgroup)
    return max(1, min(cores, math.ceil(quota)) if quota else cores)


def _quota(cgroup: Path) -> float | None:
    try:
        limit, period = (cgroup / "cpu.max").read_text().split()
        return None if limit == "max" else int(limit) / int(period)
    except (OSError, ValueError):
        pass
    try:
        limit = (cgroup / "cpu/cpu.cfs_quota_us").read_text()
        period = (cgroup / "cpu/cpu.cfs_period_us").read_text()
        return int(limit) / int(period) if int(limit) > 0 else None
    except (OSError, ValueError):
        return None


class PeakMemory:
    """Samples the resident memory of this process while it is entered; `peak_mib` holds the largest value."""

    def __init__(self) -> None:
        self.peak_mib = 0.0
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="peak-memory", daemon=True)

    def __enter__(self) -> PeakMemory:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._stop.set()
        self._thread.join()

    def _watch(self) -> None:
        import psutil

        me = psutil.Process()  # the engine of one process starts no other
        while True:
            self.peak_mib = max(self.peak_mib, me.memory_info().rss / 2**20)
            if self._stop.wait(SAMPLE_S):
                return
