"""What one process sees of its machine, once a second: cores, memory, disks, GPUs, and what its own process tree holds.

Under a container's limits the figures are those of the container: a machine of 64 cores tells a quota of 2 nothing.
"""

from __future__ import annotations

import contextlib
import os
import socket
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

from reelscope.engine.hardware import CGROUP, OWN_CGROUP, cgroup_folders, count_cores, memory_limit_mib
from reelscope.engine.limits import rss_mib
from reelscope.server.monitor.gpus import GpuReader, NvmlGpus

__all__ = ["MachineSampler", "TreeMemory", "busy_cpu"]

MIB = 2**20
# Finding the children of a process reads every process of the machine: 1.4 ms for 90, measured. Workers come and go in minutes.
CHILDREN_S = 5.0
# Core and memory limits change when somebody resizes the container, and reading them opens some dozen files.
LIMITS_S = 30.0

T = TypeVar("T")


class MachineSampler:
    """Samples the machine for as long as it lives. One thread at a time asks it.

    Args:
        data_dir: Folder of the data; temp_dir: of a run's files; their disks are told.
        gpus: Asked for GPUs; NVML where it is not given.
        cgroup, own: Where the kernel tells of control groups.
        clock: Seconds that only grow.
    """

    def __init__(
        self,
        data_dir: Path,
        temp_dir: Path | None = None,
        *,
        gpus: GpuReader | None = None,
        cgroup: Path = CGROUP,
        own: Path = OWN_CGROUP,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._disks = {"data": data_dir, "temp": temp_dir or Path(tempfile.gettempdir())}
        self._gpus = gpus if gpus is not None else NvmlGpus()
        self._cgroup, self._own, self._clock = cgroup, own, clock
        self._host = socket.gethostname()
        self._cpu = _Cpu(cgroup, own, clock)
        self._memory_limit: int | None = None
        self._memory_folder: Path | None = None
        self._looked: float | None = None
        self.tree = TreeMemory(clock=clock)

    def sample(self) -> dict[str, Any]:
        """JSON-able. What cannot be read is null; nothing is raised."""
        _or_none(self._look_at_limits)
        cores = _or_none(lambda: count_cores(None, self._cgroup, self._own))
        memory = _or_none(_memory)
        gpus = _or_none(self._gpus.read)
        return {
            "host": self._host,
            "cpu_percent": _or_none(self._cpu.percent),
            "cpu_cores": cores.count if cores is not None else None,
            "cpu_why": cores.why if cores is not None else None,
            "memory_used_mib": memory[0] if memory is not None else None,
            "memory_total_mib": memory[1] if memory is not None else None,
            "memory_limit_mib": self._memory_limit,
            "memory_limit_used_mib": _or_none(self._limited_used),
            "load_1m": _or_none(lambda: round(os.getloadavg()[0], 2)),
            "disks": [disk for role, path in self._disks.items() if (disk := _or_none(lambda r=role, p=path: _disk(r, p)))],  # type: ignore[misc]
            "gpus": [gpu.as_json() for gpu in gpus[0]] if gpus is not None else [],
            "gpus_note": gpus[1] if gpus is not None else "the NVIDIA driver does not answer",
            "pid": os.getpid(),
            "rss_mib": _or_none(self.tree.mib),
        }

    def close(self) -> None:
        """Let go of the GPUs' driver."""
        self._gpus.close()

    def _look_at_limits(self) -> None:
        now = self._clock()
        if self._looked is not None and now - self._looked < LIMITS_S:
            return
        self._looked = now
        import psutil

        physical = int(psutil.virtual_memory().total)
        limit = memory_limit_mib(self._cgroup, self._own, physical=physical)[0]
        self._memory_limit = limit if limit < physical // MIB else None
        self._memory_folder = None
        for folder in cgroup_folders(self._cgroup, self._own, "memory"):
            for name in ("memory.max", "memory.limit_in_bytes"):
                with contextlib.suppress(OSError, ValueError):
                    if int((folder / name).read_text()) // MIB == limit:
                        self._memory_folder = self._memory_folder or folder

    def _limited_used(self) -> float | None:
        """What counts against the limit, without file pages that the kernel would give up."""
        folder = self._memory_folder
        if self._memory_limit is None or folder is None:
            return None
        for usage, inactive in (("memory.current", "inactive_file"), ("memory.usage_in_bytes", "total_inactive_file")):
            with contextlib.suppress(OSError, ValueError):
                used = int((folder / usage).read_text())
                stat = dict(line.split(" ", 1) for line in (folder / "memory.stat").read_text().splitlines() if " " in line)
                return round(max(0, used - int(stat.get(inactive, 0))) / MIB, 1)
        return None


class TreeMemory:
    """What a process and all that it started hold for themselves, MiB: frames and libraries that they share are left out.

    Args:
        pid: Of the process; this one where it is not given.
    """

    def __init__(self, pid: int | None = None, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._pid = pid or os.getpid()
        self._clock = clock
        self._looked: float | None = None
        self._children: list[int] = []

    def mib(self) -> float | None:
        """None where the process is gone."""
        now = self._clock()
        if self._looked is None or now - self._looked >= CHILDREN_S:
            import psutil

            self._looked = now
            try:
                self._children = [p.pid for p in psutil.Process(self._pid).children(recursive=True)]
            except psutil.Error:
                return None
        own = rss_mib(self._pid)
        return None if own is None else round(own + sum(rss_mib(pid) or 0.0 for pid in self._children), 1)


class _Cpu:
    """How busy the cores are that this process may use, between two questions."""

    def __init__(self, cgroup: Path, own: Path, clock: Callable[[], float]) -> None:
        self._cgroup, self._own, self._clock = cgroup, own, clock
        self._times: dict[int, tuple[float, float]] = {}
        self._used: tuple[float, float] | None = None

    def percent(self) -> float | None:
        """0-100: of the quota where there is one, else of the cores in the affinity mask. None at the first question."""
        quota = _or_none(lambda: _quota(self._cgroup, self._own))
        if quota is not None:
            return self._of_quota(*quota)
        import psutil

        now = {i: (sum(t) - t.idle - getattr(t, "iowait", 0.0), sum(t)) for i, t in enumerate(psutil.cpu_times(percpu=True))}
        before, self._times = self._times, now
        mask = os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else now.keys()
        return busy_cpu(before, {i: t for i, t in now.items() if i in mask})

    def _of_quota(self, cores: float, used_s: float) -> float | None:
        now = self._clock()
        before, self._used = self._used, (now, used_s)
        if before is None or now <= before[0]:
            return None
        # a little above 100 where a period's rest was carried over
        return round(min(100.0, max(0.0, 100 * (used_s - before[1]) / ((now - before[0]) * cores))), 1)


def busy_cpu(before: Mapping[int, tuple[float, float]], now: Mapping[int, tuple[float, float]]) -> float | None:
    """Percent of the time of these cores that was not idle. Times are (busy, all) in seconds by core; None where none has passed."""
    busy = sum(now[i][0] - before[i][0] for i in now if i in before)
    passed = sum(now[i][1] - before[i][1] for i in now if i in before)
    return round(min(100.0, max(0.0, 100 * busy / passed)), 1) if passed > 0 else None


def _quota(cgroup: Path, own: Path) -> tuple[float, float] | None:
    """The tightest CPU quota as cores, and the seconds of core time that its group has used; None without a quota below the mask."""
    found: list[tuple[float, float]] = []
    for folder in cgroup_folders(cgroup, own, "cpu"):
        with contextlib.suppress(OSError, ValueError):  # v2
            limit, period = (folder / "cpu.max").read_text().split()
            stat = dict(line.split() for line in (folder / "cpu.stat").read_text().splitlines())
            found.append((int(limit) / int(period), int(stat["usage_usec"]) / 1e6))
        with contextlib.suppress(OSError, ValueError):  # v1, where the time stands in another tree at the same place
            limit, period = (folder / "cpu.cfs_quota_us").read_text(), (folder / "cpu.cfs_period_us").read_text()
            if int(limit) > 0:
                used = cgroup / "cpuacct" / folder.relative_to(cgroup / "cpu" if folder.is_relative_to(cgroup / "cpu") else cgroup)
                found.append((int(limit) / int(period), int((used / "cpuacct.usage").read_text()) / 1e9))
    tightest = min(found, default=None)
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return tightest if tightest is not None and tightest[0] < cores else None


def _memory() -> tuple[float, float]:
    """Used and whole memory of the machine, MiB; used: what could not be given to a new program."""
    import psutil

    memory = psutil.virtual_memory()
    return round((memory.total - memory.available) / MIB, 1), round(memory.total / MIB, 1)


def _disk(role: str, path: Path) -> dict[str, Any]:
    import shutil

    there = next(p for p in (path, *path.absolute().parents) if p.exists())  # it is made when something is first kept
    usage = shutil.disk_usage(there)
    return {"path_role": role, "free_mib": round(usage.free / MIB, 1), "total_mib": round(usage.total / MIB, 1)}


def _or_none(read: Callable[[], T]) -> T | None:
    """A figure that cannot be read, for whatever reason of whichever system, must cost that figure and not the beat of the worker."""
    try:
        return read()
    except Exception:
        return None
