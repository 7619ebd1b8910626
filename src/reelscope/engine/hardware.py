"""What this process may use of the machine: cores under affinity and quota, memory under a cgroup, GPUs; and the peak of its memory."""

from __future__ import annotations

import contextlib
import math
import os
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING

from reelscope.engine.gpu_list import Nvml, PyNvml, visible_gpus
from reelscope.engine.placement import Hardware

if TYPE_CHECKING:
    import psutil

    from reelscope.config import Settings

__all__ = [
    "CGROUP",
    "OWN_CGROUP",
    "Cores",
    "PeakMemory",
    "available_cores",
    "cgroup_folders",
    "count_cores",
    "memory_limit_mib",
    "read_hardware",
]

CGROUP = Path("/sys/fs/cgroup")
OWN_CGROUP = Path("/proc/self/cgroup")
SAMPLE_S = 0.1  # memory grows over whole windows (seconds): ten samples a second see the peak and cost nothing
CHILDREN_S = 0.5  # finding the children reads the parent of every process of the machine: 1.4 ms for 90
# For a process's share of what several use, the kernel walks all of its pages: 17 ms for 1 GiB, measured. The sum of all shares hardly
# grows where the sum of resident memory does not, so it is read when that has grown, and now and then all the same.
GROWN_MIB, SHARES_S = 8, 5.0
MIB = 2**20


@dataclass(frozen=True, slots=True)
class Cores:
    """How many cores may be used, and what limits them."""

    count: int
    why: str


def read_hardware(settings: Settings, *, nvml: Nvml | None = None) -> Hardware:
    """The machine as it may be used: `placement.threads` cores where that is set; every GPU that CUDA_VISIBLE_DEVICES leaves."""
    cores = count_cores(settings.placement.threads)
    ram_mib, memory_why = memory_limit_mib()
    gpus, gpu_why = visible_gpus(nvml or PyNvml(), os.environ)
    return Hardware(cores.count, ram_mib, gpus, (cores.why, memory_why, gpu_why))


def available_cores(cgroup: Path = CGROUP, own: Path = OWN_CGROUP) -> int:
    """Cores that this process may use: its affinity mask, cut to the CPU quota of its cgroup (v2 or v1), at least 1."""
    return count_cores(None, cgroup, own).count


def count_cores(setting: int | None, cgroup: Path = CGROUP, own: Path = OWN_CGROUP) -> Cores:
    """Cores to use and why. A setting holds as it is: who sets it may know better than the quota."""
    installed = os.cpu_count() or 1
    try:
        masked = len(os.sched_getaffinity(0))
    except AttributeError:  # macOS and Windows have no affinity mask
        masked = installed
    quota = _quota(cgroup, own)
    count = max(1, min(masked, math.ceil(quota)) if quota else masked)
    if setting is not None:
        return Cores(setting, f"{setting} cores: placement.threads; {count} may be used")
    if quota and math.ceil(quota) < masked:
        return Cores(count, f"{_cores(count)}: the container's quota of {quota:.3g}; {masked} in the affinity mask")
    if masked < installed:
        return Cores(count, f"{_cores(count)}: the affinity mask; {installed} installed")
    return Cores(count, f"{_cores(count)}: all that are installed")


def _cores(count: int) -> str:
    return "1 core" if count == 1 else f"{count} cores"


def cgroup_folders(cgroup: Path, own: Path, controller: str) -> Iterator[Path]:
    """Folders of this process's cgroup and those above it: every one of them limits. v2: one tree; v1: a tree for each controller.

    A container often sees its own group as the root although /proc names the path on the host: what does not exist is left out.
    """
    try:
        lines = own.read_text().splitlines()
    except OSError:  # not Linux, or /proc hidden
        lines = []
    for line in lines:
        _, names, path = (line.split(":", 2) + ["", ""])[:3]
        if names and controller not in names.split(","):
            continue
        base = cgroup / controller if names else cgroup
        steps = [p for p in path.split("/") if p and p != ".."]
        for depth in range(len(steps), 0, -1):
            yield base.joinpath(*steps[:depth])
    yield cgroup
    yield cgroup / controller


def _quota(cgroup: Path, own: Path) -> float | None:
    """Cores' worth of time that the tightest cgroup allows; None without a limit."""
    found = []
    for folder in cgroup_folders(cgroup, own, "cpu"):
        with contextlib.suppress(OSError, ValueError):  # not there, or "max" for no limit
            limit, period = (folder / "cpu.max").read_text().split()
            found.append(int(limit) / int(period))
        with contextlib.suppress(OSError, ValueError):
            limit, period = (folder / "cpu.cfs_quota_us").read_text(), (folder / "cpu.cfs_period_us").read_text()
            if int(limit) > 0:
                found.append(int(limit) / int(period))
    return min(found, default=None)


def memory_limit_mib(cgroup: Path = CGROUP, own: Path = OWN_CGROUP, *, physical: int | None = None) -> tuple[int, str]:
    """Main memory that this process may use, in MiB, and why: the machine's, or less under a memory cgroup (v2 or v1)."""
    if physical is None:
        import psutil

        physical = int(psutil.virtual_memory().total)
    limits = []
    for folder in cgroup_folders(cgroup, own, "memory"):
        for name in ("memory.max", "memory.limit_in_bytes"):  # v1 writes some 2**63 for no limit
            with contextlib.suppress(OSError, ValueError):
                limits.append(int((folder / name).read_text()))
    limit = min(limits, default=physical)
    if limit < physical:
        return limit // MIB, f"{limit / 2**30:.1f} GiB of memory: the container's limit; the machine has {physical / 2**30:.1f}"
    return physical // MIB, f"{physical / 2**30:.1f} GiB of memory: the machine's"


class PeakMemory:
    """Samples the memory of this process and its children while it is entered; `peak_mib` holds the largest sum.

    Alone, that is the resident memory. With children, each process counts with its proportional share (PSS): frames and libraries
    that several of them map are counted once.
    """

    def __init__(self, *, children_s: float = CHILDREN_S) -> None:
        self.peak_mib = 0.0
        self._children_s = children_s
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="peak-memory", daemon=True)

    def __enter__(self) -> PeakMemory:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._stop.set()
        self._thread.join()

    def _watch(self) -> None:
        import time

        import psutil

        me = psutil.Process()
        children: list[psutil.Process] = []
        looked = shared_at = -math.inf
        most = 0.0  # resident memory of all at the last look at the shares
        while True:
            now = time.monotonic()
            if now - looked >= self._children_s:
                looked = now
                children = me.children(recursive=True)
                resident = sum(map(_resident_bytes, (me, *children))) / MIB if children else 0.0
                if children and (resident > most + GROWN_MIB or now - shared_at >= SHARES_S):
                    shared_at, most = now, max(most, resident)
                    self.peak_mib = max(self.peak_mib, sum(map(_share_bytes, (me, *children))) / MIB)
            if not children:
                self.peak_mib = max(self.peak_mib, me.memory_info().rss / MIB)
            if self._stop.wait(SAMPLE_S):
                return


def _resident_bytes(process: psutil.Process) -> int:
    """Resident memory of a process; 0 where it has ended."""
    import psutil

    try:
        return int(process.memory_info().rss)
    except psutil.Error:
        return 0


def _share_bytes(process: psutil.Process, *, read: Callable[[int], str] | None = None) -> int:
    """Proportional share of memory of a process: pages that n processes map count 1/n; 0 where it has ended."""
    import psutil

    try:
        with contextlib.suppress(OSError, StopIteration):  # not Linux, not allowed, or the process is gone
            text = (read or _rollup)(process.pid)
            return 1024 * next(int(line.split()[1]) for line in text.splitlines() if line.startswith("Pss:"))
        found = process.memory_info()
        return int(found.rss) - int(getattr(found, "shared", 0))
    except psutil.Error:
        return 0


def _rollup(pid: int) -> str:
    return Path(f"/proc/{pid}/smaps_rollup").read_text()
