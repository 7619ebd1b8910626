"""Limits of worker processes: what they are started with, what they set in themselves, and the guard that watches their memory.

PyTorch and onnxruntime keep to a limit of GPU memory by themselves (onnxruntime: reelscope.models.manager). Other runtimes have none; they
are counted with what they were measured to hold. The guard is for what goes beyond all that. docs/failures.md has the table.
"""

from __future__ import annotations

import ctypes
import importlib.abc
import importlib.machinery
import importlib.metadata
import logging
import os
import sys
import threading
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from types import ModuleType
from typing import Any, Literal

from reelscope.config import Settings
from reelscope.engine.faults import over_limit
from reelscope.engine.placement import Hardware, WorkerPlan
from reelscope.errors import EngineError

__all__ = [
    "GpuMemory",
    "Guard",
    "Kind",
    "Limit",
    "Sample",
    "allocator_settings",
    "apply_in_worker",
    "be_nice",
    "few_arenas",
    "offenders",
    "rss_mib",
    "torch_limits",
    "worker_environment",
]

log = logging.getLogger(__name__)

MIB = 2**20
RAM_SHARE = 0.9  # of the machine: above it the system's own killer comes, which picks its victim by size and not by fault
GPU_MARGIN_X = 1.15  # a CUDA context and its libraries' kernels come on top of what allocators count
SAMPLE_S = 1.0
M_ARENA_MAX = -8  # malloc.h
AUTOGROUP = Path("/proc/self/autogroup")
GROUP_TRIES, GROUP_PAUSE_S = 5, 0.11  # Linux takes one change in a tenth of a second from all users together
IN_A_ROW = 2  # one sample above the limit may be a peak that is given back at once

NUMERIC = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMEXPR_NUM_THREADS", "VECLIB_MAXIMUM_THREADS")
ALLOCATOR, OLD_ALLOCATOR = "PYTORCH_ALLOC_CONF", "PYTORCH_CUDA_ALLOC_CONF"
RENAMED = (2, 9)  # PyTorch that reads the new name and warns of the old one
OFFLINE = {"HF_HUB_OFFLINE": "1", "TRANSFORMERS_OFFLINE": "1", "HF_HUB_DISABLE_TELEMETRY": "1", "TOKENIZERS_PARALLELISM": "false"}


# --- before a worker starts ----------------------------------------------------------------------------------------------------------


# glibc gives every thread an arena of its own, which keeps what it once held: 240 clips through one process grew it by 15-32 %, with two
# arenas not at all. Telemetry: see reelscope/__init__.py.
ARENAS = 2
UNLESS_SET = {"MALLOC_ARENA_MAX": f"{ARENAS}", "ORT_DISABLE_TELEMETRY": "1"}


def worker_environment(
    plan: WorkerPlan, settings: Settings, *, environ: Mapping[str, str] = os.environ, torch_version: str | None = None
) -> dict[str, str]:
    """Variables to start a worker with, on top of `environ`: they must be there before its libraries are loaded.

    Args:
        torch_version: Of the PyTorch that the worker would load; looked up where it is not given.

    Raises:
        EngineError: A GPU worker without the GPU's UUID.
    """
    if plan.device != "cpu" and not plan.gpu_uuid:
        raise EngineError(f"worker {plan.name}: the UUID of {plan.device} is not known")
    threads = str(plan.numeric_threads)
    made = dict.fromkeys(NUMERIC, threads) | {"OPENCV_FOR_THREADS_NUM": threads} | OFFLINE
    made |= {"CUDA_VISIBLE_DEVICES": plan.gpu_uuid or "", "CUDA_DEVICE_ORDER": "PCI_BUS_ID"}
    made |= {name: value for name, value in UNLESS_SET.items() if name not in environ}
    if plan.device == "cpu":
        return made
    own = next((n for n in (ALLOCATOR, OLD_ALLOCATOR) if environ.get(n)), None)
    wanted = allocator_settings(settings)
    if own is not None:
        log.info("worker %s: %s=%s of the environment stands in place of optimisation.cuda_*", plan.name, own, environ[own])
    elif wanted:
        made[_allocator_name(torch_version or _torch_version())] = wanted
    return made


def allocator_settings(settings: Settings) -> str:
    """PyTorch's CUDA allocator, as its variable says it; empty: as PyTorch does it by itself.

    All three may stand together (PyTorch 2.5 and later). Segments that expand are neither limited in splitting nor collected; the other two
    are for systems where they are not supported. PyTorch takes thresholds below 1 only; at 1 there is nothing to collect.
    """
    o = settings.optimisation
    parts = ["expandable_segments:True"] if o.cuda_expandable_segments else []
    if o.cuda_gc_threshold is not None and o.cuda_gc_threshold < 1:
        parts.append(f"garbage_collection_threshold:{o.cuda_gc_threshold:g}")
    if o.cuda_max_split_mib is not None:
        parts.append(f"max_split_size_mb:{o.cuda_max_split_mib}")
    return ",".join(parts)


def _allocator_name(version: str) -> str:
    numbers = version.split("+")[0].split(".")[:2]
    old = all(n.isdigit() for n in numbers) and tuple(int(n) for n in numbers) < RENAMED
    return OLD_ALLOCATOR if old else ALLOCATOR


def _torch_version() -> str:
    """Empty where there is no PyTorch; nothing is imported."""
    with suppress(importlib.metadata.PackageNotFoundError):
        return importlib.metadata.version("torch")
    return ""


# --- inside a worker -----------------------------------------------------------------------------------------------------------------


def apply_in_worker(plan: WorkerPlan, settings: Settings) -> None:
    """Set this process's niceness, and PyTorch's limits as soon as anything imports it."""
    be_nice(settings.placement.nice)
    _when_imported("torch", partial(torch_limits, plan=plan))


def be_nice(level: int) -> None:
    """Give this process at least this niceness; where it leads a session of its own, the session too.

    Linux weighs sessions against each other first (sched_autogroup) and only then the processes of each: without the second step a worker
    in a session of its own would take as much of the processor as what it is to be nice to.
    """
    missing = level - os.nice(0)
    if missing > 0:  # a parent that is nicer than that stays so: only root may take it back
        os.nice(missing)
    level = os.nice(0)
    if level <= 0 or os.getsid(0) != os.getpid():
        return
    for _ in range(GROUP_TRIES):
        try:
            AUTOGROUP.write_text(f"{level}", encoding="ascii")
            return
        except BlockingIOError:
            time.sleep(GROUP_PAUSE_S)
        except OSError:  # a kernel without it
            return


def few_arenas() -> None:
    """Limit glibc's arenas in a process that nobody started with `worker_environment`; call it before there are threads."""
    if "MALLOC_ARENA_MAX" in os.environ:
        return
    with suppress(OSError, AttributeError):  # another C library
        ctypes.CDLL(None).mallopt(M_ARENA_MAX, ARENAS)


def torch_limits(torch: Any, plan: WorkerPlan) -> float | None:
    """Limit PyTorch's threads and, in a GPU worker with a budget, its share of the GPU's memory.

    Above it PyTorch raises its out-of-memory error while the GPU still has room for others.

    Returns:
        The share, 0-1; None: no limit was set.
    """
    torch.set_num_threads(plan.numeric_threads)
    if plan.device == "cpu" or plan.gpu_budget_mib is None or not torch.cuda.is_available():
        return None
    share = min(1.0, plan.gpu_budget_mib * MIB / torch.cuda.get_device_properties(0).total_memory)
    torch.cuda.set_per_process_memory_fraction(share, 0)
    return share


def _when_imported(name: str, call: Callable[[ModuleType], object]) -> None:
    """Call with the module right after it is first imported; now where it is there already."""
    if name in sys.modules:
        call(sys.modules[name])
    else:
        sys.meta_path.insert(0, _AfterImport(name, call))


class _AfterImport(importlib.abc.MetaPathFinder):
    """Finds one module as the others find it, and calls once it has been executed. Merely looking for it calls nothing."""

    def __init__(self, name: str, call: Callable[[ModuleType], object]) -> None:
        self.name, self.call = name, call

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        if fullname != self.name:
            return None
        finders = list(sys.meta_path)
        behind = (
            finders[finders.index(self) + 1 :] if self in finders else finders
        )  # two that asked all others would ask each other for ever
        spec = next((s for f in behind if (s := f.find_spec(fullname, path, target)) is not None), None)
        if spec is not None and spec.loader is not None:
            execute = spec.loader.exec_module

            def exec_module(module: ModuleType) -> None:
                execute(module)
                with suppress(ValueError):
                    sys.meta_path.remove(self)
                self.call(module)

            spec.loader.exec_module = exec_module  # type: ignore[method-assign]
        return spec


# --- the guard -----------------------------------------------------------------------------------------------------------------------

Kind = Literal["memory", "GPU memory"]


@dataclass(frozen=True, slots=True)
class Limit:
    """MiB that a worker may hold; None: no limit."""

    ram_mib: float | None = None
    gpu_mib: float | None = None


@dataclass(frozen=True, slots=True)
class Sample:
    """MiB that a worker holds; None: not known."""

    ram_mib: float | None = None
    gpu_mib: float | None = None


@dataclass(frozen=True, slots=True)
class Offence:
    """A worker above its limit, `IN_A_ROW` times."""

    worker: str
    kind: Kind
    used_mib: float
    limit_mib: float


def offenders(
    strikes: Mapping[tuple[str, Kind], int], samples: Mapping[str, Sample], limits: Mapping[str, Limit]
) -> tuple[dict[tuple[str, Kind], int], list[Offence]]:
    """Judge one round of samples. Returns the samples in a row above the limit, for the next round, and who is to be ended now.

    A worker is an offender once: its count goes on, and is forgotten with the worker.
    """
    counts: dict[tuple[str, Kind], int] = {}
    found: list[Offence] = []
    for worker, sample in samples.items():
        limit = limits.get(worker, Limit())
        pairs: tuple[tuple[Kind, float | None, float | None], ...] = (
            ("memory", sample.ram_mib, limit.ram_mib),
            ("GPU memory", sample.gpu_mib, limit.gpu_mib),
        )
        for kind, used, most in pairs:
            if over_limit(used, most):
                assert used is not None and most is not None
                counts[worker, kind] = strikes.get((worker, kind), 0) + 1
                if counts[worker, kind] == IN_A_ROW:
                    found.append(Offence(worker, kind, used, most))
    return counts, found


def rss_mib(pid: int) -> float | None:
    """Main memory that a process holds for itself, MiB: without mapped files, and so without the frames it shares. None: it is gone."""
    import psutil

    try:
        memory = psutil.Process(pid).memory_info()
    except psutil.Error:
        return None
    return (memory.rss - getattr(memory, "shared", 0)) / MIB  # macOS does not tell what is shared


class GpuMemory:
    """GPU memory by process, through NVML. No library, no driver, a driver that does not tell: all normal, nothing is known then."""

    def __init__(self, uuids: Collection[str], *, nvml: Any = None) -> None:
        self._nvml, self._handles = None, []
        if not uuids:
            return
        try:
            if nvml is None:
                import pynvml as nvml
            nvml.nvmlInit()
        except ImportError:
            return
        except nvml.NVMLError as error:
            log.info("GPU memory of workers is not watched: %s", error)
            return
        self._nvml = nvml
        for uuid in dict.fromkeys(uuids):
            with suppress(nvml.NVMLError):
                self._handles.append(nvml.nvmlDeviceGetHandleByUUID(uuid))

    def by_pid(self) -> dict[int, float]:
        """MiB by process id, over all the GPUs. In a container ids may be those of the host, and sizes absent or 0: such are left out."""
        held: dict[int, float] = {}
        for handle in self._handles:
            assert self._nvml is not None
            try:
                processes = self._nvml.nvmlDeviceGetComputeRunningProcesses(handle)
            except self._nvml.NVMLError:  # lost, or not supported
                continue
            for process in processes:
                if process.usedGpuMemory:
                    held[process.pid] = held.get(process.pid, 0.0) + process.usedGpuMemory / MIB
        return held

    def close(self) -> None:
        """Let go of NVML."""
        if self._nvml is not None:
            with suppress(self._nvml.NVMLError):
                self._nvml.nvmlShutdown()
            self._nvml, self._handles = None, []


@dataclass(slots=True)
class _Watched:
    pid: int
    limit: Limit
    gpu_known: bool


@dataclass(slots=True)
class Guard:
    """Watches the memory of workers in a thread of its own and names those that are above their limit.

    Args:
        offender: Called from that thread with the worker's name, "memory" or "GPU memory", what it holds and its limit, both MiB; it may
            call `add` and `remove`.
        seen: Told the GPU memory of all watched workers together, MiB, after each round of samples in which any was known.
        ram_of: MiB of a process; gpu: GPU memory of processes. Tests put tables here.
        every_s: Seconds between samples.
    """

    settings: Settings
    hardware: Hardware
    offender: Callable[[str, str, float, float], object]
    seen: Callable[[float], object] = lambda mib: None
    ram_of: Callable[[int], float | None] = rss_mib
    gpu: GpuMemory | None = None
    every_s: float = SAMPLE_S
    _watched: dict[str, _Watched] = field(default_factory=dict, init=False)
    _strikes: dict[tuple[str, Kind], int] = field(default_factory=dict, init=False)
    _levels: dict[str, tuple[Sample, Limit]] = field(default_factory=dict, init=False)
    _lock: threading.Lock = field(default_factory=threading.Lock, init=False)
    _stop: threading.Event = field(default_factory=threading.Event, init=False)
    _thread: threading.Thread | None = field(default=None, init=False)

    def __post_init__(self) -> None:
        self.gpu = self.gpu or GpuMemory([g.uuid for g in self.hardware.gpus])

    def add(self, name: str, pid: int, gpu_budget_mib: int | None = None) -> None:
        """Watch a worker that was started just now."""
        # It cannot hold GPU memory yet: an entry under its id belongs to a process of another container or of the host.
        own_ids = gpu_budget_mib is not None and self.gpu is not None and pid not in self.gpu.by_pid()
        ram_mib = self.settings.faults.worker_mib or RAM_SHARE * self.hardware.ram_mib
        gpu_mib = GPU_MARGIN_X * gpu_budget_mib if gpu_budget_mib is not None else None
        with self._lock:
            self._forget(name)
            self._watched[name] = _Watched(pid, Limit(ram_mib, gpu_mib), own_ids)
            if self._thread is None and not self._stop.is_set():
                self._thread = threading.Thread(target=self._run, name="memory-guard", daemon=True)
                self._thread.start()

    def remove(self, name: str) -> None:
        """Watch it no more; unknown names are ignored."""
        with self._lock:
            self._forget(name)

    def levels(self) -> dict[str, tuple[Sample, Limit]]:
        """What each watched worker held at the last look, and its limits."""
        with self._lock:
            return dict(self._levels)

    def look(self) -> None:
        """Take one round of samples and report. The thread does this every `every_s`."""
        with self._lock:
            watched = dict(self._watched)
        held = self.gpu.by_pid() if self.gpu is not None and any(w.gpu_known for w in watched.values()) else {}
        samples = {n: Sample(self.ram_of(w.pid), held.get(w.pid) if w.gpu_known else None) for n, w in watched.items()}
        used = [s.gpu_mib for s in samples.values() if s.gpu_mib is not None]
        if used:
            self.seen(sum(used))
        with self._lock:
            same = {n: s for n, s in samples.items() if self._watched.get(n) is watched[n]}  # replaced meanwhile: not this one's figures
            self._levels = {n: (s, watched[n].limit) for n, s in same.items()}
            self._strikes, found = offenders(self._strikes, same, {n: w.limit for n, w in watched.items()})
        for offence in found:  # outside the lock: whoever is told may hold locks of its own that callers of remove() wait for
            log.warning("worker %s holds %.0f MiB of %s, above %.0f", offence.worker, offence.used_mib, offence.kind, offence.limit_mib)
            self.offender(offence.worker, offence.kind, offence.used_mib, offence.limit_mib)

    def close(self) -> None:
        """End the thread."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join()
        if self.gpu is not None:
            self.gpu.close()

    def _forget(self, name: str) -> None:
        self._watched.pop(name, None)
        self._levels.pop(name, None)
        self._strikes = {key: n for key, n in self._strikes.items() if key[0] != name}

    def _run(self) -> None:
        while not self._stop.wait(self.every_s):
            self.look()
