from __future__ import annotations

import json
import mmap
import os
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from reelscope.config import Settings
from reelscope.engine.limits import (
    GpuMemory,
    Guard,
    Kind,
    Limit,
    Sample,
    allocator_settings,
    offenders,
    rss_mib,
    torch_limits,
    worker_environment,
)
from reelscope.engine.placement import Gpu, Hardware, WorkerPlan
from reelscope.errors import EngineError

CPU = WorkerPlan("cpu-0", "cpu", (), (), numeric_threads=3)
GPU = WorkerPlan("language", "cuda:1", (), (), gpu_uuid="GPU-aa", numeric_threads=2, gpu_budget_mib=1000)
MACHINE = Hardware(2, 10_000, (Gpu(0, "GPU-aa", "fake", 80_000),))
MIB = 2**20


def settings(**tables: dict[str, Any]) -> Settings:
    return Settings.model_validate(tables)


# --- what a worker is started with ---------------------------------------------------------------------------------------------------


def test_a_cpu_worker_sees_no_gpu_and_its_own_threads() -> None:
    made = worker_environment(CPU, settings(), environ={"CUDA_VISIBLE_DEVICES": "0"}, torch_version="2.9.1")
    assert made["CUDA_VISIBLE_DEVICES"] == "" and made["CUDA_DEVICE_ORDER"] == "PCI_BUS_ID"
    assert made["MALLOC_ARENA_MAX"] == "2"
    assert {made[n] for n in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMEXPR_NUM_THREADS")} == {"3"}
    assert made["HF_HUB_OFFLINE"] == "1" and made["TOKENIZERS_PARALLELISM"] == "false" and made["ORT_DISABLE_TELEMETRY"] == "1"
    assert not any("ALLOC_CONF" in n for n in made)


def test_a_gpu_worker_sees_its_gpu_only() -> None:
    assert worker_environment(GPU, settings(), environ={}, torch_version="")["CUDA_VISIBLE_DEVICES"] == "GPU-aa"


def test_a_gpu_worker_without_a_uuid_is_a_bug() -> None:
    with pytest.raises(EngineError, match="cuda:0"):
        worker_environment(WorkerPlan("people", "cuda:0", (), ()), settings(), environ={})


def test_telemetry_that_the_user_set_stays() -> None:
    assert "ORT_DISABLE_TELEMETRY" not in worker_environment(CPU, settings(), environ={"ORT_DISABLE_TELEMETRY": "0"})


@pytest.mark.parametrize(
    ("version", "name"),
    [
        ("2.8.0+cu128", "PYTORCH_CUDA_ALLOC_CONF"),
        ("1.13.1", "PYTORCH_CUDA_ALLOC_CONF"),
        ("2.9.0", "PYTORCH_ALLOC_CONF"),
        ("2.10.0a0+git1", "PYTORCH_ALLOC_CONF"),
        ("3.0", "PYTORCH_ALLOC_CONF"),
        ("", "PYTORCH_ALLOC_CONF"),
    ],
)
def test_the_allocator_is_set_under_the_name_that_this_pytorch_reads(version: str, name: str) -> None:
    made = worker_environment(GPU, settings(), environ={}, torch_version=version or "none")
    assert [n for n in made if "ALLOC_CONF" in n] == [name]
    assert made[name] == "expandable_segments:True,garbage_collection_threshold:0.8,max_split_size_mb:512"


@pytest.mark.parametrize("own", ["PYTORCH_ALLOC_CONF", "PYTORCH_CUDA_ALLOC_CONF"])
def test_an_allocator_that_the_user_set_wins_and_is_told(own: str, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level("INFO"):
        made = worker_environment(GPU, settings(), environ={own: "backend:cudaMallocAsync"}, torch_version="2.9.0")
    assert not any("ALLOC_CONF" in n for n in made)
    assert own in caplog.text and "backend:cudaMallocAsync" in caplog.text


@pytest.mark.parametrize(
    ("table", "text"),
    [
        ({"cuda_expandable_segments": False}, "garbage_collection_threshold:0.8,max_split_size_mb:512"),
        ({"cuda_gc_threshold": None, "cuda_max_split_mib": None}, "expandable_segments:True"),
        ({"cuda_gc_threshold": 1.0, "cuda_max_split_mib": 64}, "expandable_segments:True,max_split_size_mb:64"),
        ({"cuda_expandable_segments": False, "cuda_gc_threshold": None, "cuda_max_split_mib": None}, ""),
    ],
)
def test_the_allocators_settings(table: dict[str, Any], text: str) -> None:
    chosen = settings(optimisation=table)
    assert allocator_settings(chosen) == text
    assert ("PYTORCH_ALLOC_CONF" in worker_environment(GPU, chosen, environ={}, torch_version="2.9.0")) == bool(text)


def test_opencv_takes_its_threads_from_the_environment() -> None:
    env = {**os.environ, **worker_environment(WorkerPlan("cpu-0", "cpu", (), (), numeric_threads=1), settings())}
    done = subprocess.run([sys.executable, "-c", "import cv2; print(cv2.getNumThreads())"], env=env, capture_output=True, text=True)
    assert done.stdout.strip() == "1", done.stderr


# --- inside a worker -----------------------------------------------------------------------------------------------------------------


class FakeTorch:
    """PyTorch as far as limits need it."""

    def __init__(self, total_mib: int = 4000, *, cuda: bool = True) -> None:
        self.calls: list[tuple[Any, ...]] = []
        self.set_num_threads = lambda n: self.calls.append(("threads", n))
        self.cuda = SimpleNamespace(
            is_available=lambda: cuda,
            get_device_properties=lambda i: SimpleNamespace(total_memory=total_mib * MIB),
            set_per_process_memory_fraction=lambda share, i: self.calls.append(("share", share, i)),
        )


@pytest.mark.parametrize(
    ("plan", "torch", "calls"),
    [
        (GPU, FakeTorch(), [("threads", 2), ("share", 0.25, 0)]),
        (GPU, FakeTorch(500), [("threads", 2), ("share", 1.0, 0)]),
        (GPU, FakeTorch(cuda=False), [("threads", 2)]),
        (CPU, FakeTorch(), [("threads", 3)]),
        (WorkerPlan("people", "cuda:0", (), (), gpu_uuid="GPU-aa"), FakeTorch(), [("threads", 1)]),
    ],
)
def test_pytorchs_limits(plan: WorkerPlan, torch: FakeTorch, calls: list[tuple[Any, ...]]) -> None:
    share = torch_limits(torch, plan)
    assert torch.calls == calls and share == (calls[1][1] if len(calls) > 1 else None)


IN_WORKER = """
import importlib.util, json, os, sys
from reelscope.config import Settings
from reelscope.engine.limits import apply_in_worker
from reelscope.engine.placement import WorkerPlan

before, finders = os.nice(0), len(sys.meta_path)
apply_in_worker(WorkerPlan("cpu-0", "cpu", (), (), numeric_threads=5), Settings.model_validate({"placement": {"nice": before + 2}}))
light = "torch" not in sys.modules
found = importlib.util.find_spec("torch").origin
import torch
after = len(sys.meta_path) - finders
apply_in_worker(WorkerPlan("cpu-0", "cpu", (), (), numeric_threads=6), Settings())
print(json.dumps({"light": light, "found": found, "nicer": os.nice(0) - before, "threads": torch.threads, "finders": after}))
"""


def test_a_worker_limits_itself_and_pytorch_when_that_is_imported(tmp_path: Path) -> None:
    (tmp_path / "torch.py").write_text("threads = []\nset_num_threads = threads.append\n")
    env = {**os.environ, "PYTHONPATH": os.pathsep.join([str(tmp_path), *sys.path])}
    done = subprocess.run([sys.executable, "-c", IN_WORKER], env=env, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    seen = json.loads(done.stdout)
    assert seen == {"light": True, "found": str(tmp_path / "torch.py"), "nicer": 2, "threads": [5, 6], "finders": 0}


TWICE = """
import importlib.util, json, sys
from reelscope.config import Settings
from reelscope.engine.limits import apply_in_worker
from reelscope.engine.placement import WorkerPlan

finders = len(sys.meta_path)
for threads in (5, 6):
    apply_in_worker(WorkerPlan("cpu-0", "cpu", (), (), numeric_threads=threads), Settings())
found = importlib.util.find_spec("torch") is not None
import torch
print(json.dumps({"found": found, "threads": torch.threads, "finders": len(sys.meta_path) - finders}))
"""


def test_limits_that_are_set_twice_before_pytorch_is_looked_for(tmp_path: Path) -> None:
    (tmp_path / "torch.py").write_text("threads = []\nset_num_threads = threads.append\n")
    env = {**os.environ, "PYTHONPATH": os.pathsep.join([str(tmp_path), *sys.path])}
    done = subprocess.run([sys.executable, "-c", TWICE], env=env, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == {"found": True, "threads": [5, 6], "finders": 0}


IN_SESSION = """
import os
from pathlib import Path
from reelscope.engine.limits import be_nice

def of_session():
    told = Path("/proc/self/autogroup").read_text().split()  # nothing in a session that has no group of its own
    return int(told[-1]) if told else None

before, session = os.nice(0), of_session()
be_nice(before + 3)
be_nice(before + 1)  # it is nicer already
print(os.nice(0) - before, of_session() - before if of_session() != session else "as before")
"""


@pytest.mark.skipif(not Path("/proc/self/autogroup").exists(), reason="needs Linux's sched_autogroup")
@pytest.mark.parametrize(("leads", "seen"), [(True, "3 3"), (False, "3 as before")])
def test_a_worker_that_leads_a_session_makes_it_nice(leads: bool, seen: str) -> None:
    done = subprocess.run([sys.executable, "-c", IN_SESSION], capture_output=True, text=True, start_new_session=leads)
    assert (done.stdout.strip(), done.stderr) == (seen, "")


# --- the guard -----------------------------------------------------------------------------------------------------------------------

BOTH = {"w": Limit(100, 50)}


@pytest.mark.parametrize(
    ("rounds", "told"),
    [
        ([Sample(101, 0)], []),
        ([Sample(101, 0), Sample(101, 0)], ["memory"]),
        ([Sample(101, 0), Sample(99, 0), Sample(101, 0)], []),
        ([Sample(101, 0)] * 5, ["memory"]),  # once is enough
        ([Sample(1, 51)] * 2, ["GPU memory"]),
        ([Sample(101, 51)] * 2, ["memory", "GPU memory"]),
        ([Sample(None, None)] * 3, []),
        ([Sample(101, None), Sample(None, None), Sample(101, None)], []),
    ],
)
def test_offenders(rounds: list[Sample], told: list[str]) -> None:
    strikes: dict[tuple[str, Kind], int] = {}
    found = []
    for sample in rounds:
        strikes, new = offenders(strikes, {"w": sample}, BOTH)
        found += new
    assert [o.kind for o in found] == told


def test_without_a_limit_nobody_offends() -> None:
    assert offenders({("w", "memory"): 9}, {"w": Sample(1e9, 1e9)}, {"w": Limit()}) == ({}, [])


class NvmlError(Exception):
    pass


class FakeNvml:
    """NVML with what a test says that processes hold, in MiB."""

    NVMLError = NvmlError

    def __init__(self, held: dict[int, float | None] | None = None, *, broken: str = "") -> None:
        self.held, self.broken, self.open = held or {}, broken, 0

    def _may(self, call: str) -> None:
        if call == self.broken:
            raise NvmlError(call)

    def nvmlInit(self) -> None:  # noqa: N802
        self._may("init")
        self.open += 1

    def nvmlShutdown(self) -> None:  # noqa: N802
        self.open -= 1

    def nvmlDeviceGetHandleByUUID(self, uuid: str) -> str:  # noqa: N802
        self._may("handle")
        return uuid

    def nvmlDeviceGetComputeRunningProcesses(self, handle: str) -> list[Any]:  # noqa: N802
        self._may("processes")
        return [SimpleNamespace(pid=p, usedGpuMemory=None if m is None else int(m * MIB)) for p, m in self.held.items()]


def test_gpu_memory_by_process() -> None:
    nvml = FakeNvml({7: 100.0, 8: None, 9: 0.0})
    memory = GpuMemory(["GPU-aa", "GPU-bb", "GPU-aa"], nvml=nvml)
    assert memory.by_pid() == {7: 200.0}  # a worker with two halves of something
    memory.close()
    memory.close()
    assert nvml.open == 0 and memory.by_pid() == {}


@pytest.mark.parametrize("broken", ["init", "handle", "processes"])
def test_a_driver_that_does_not_tell_is_normal(broken: str) -> None:
    nvml = FakeNvml({7: 100.0}, broken=broken)
    memory = GpuMemory(["GPU-aa"], nvml=nvml)
    assert memory.by_pid() == {}
    memory.close()
    assert nvml.open == 0


def test_no_gpu_asks_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pynvml", None)  # importing it fails
    assert GpuMemory([]).by_pid() == {} and GpuMemory(["GPU-aa"]).by_pid() == {}


def watch(
    tell: Callable[..., object],
    *,
    ram: dict[int, float] | None = None,
    nvml: FakeNvml | None = None,
    faults: dict[str, int] | None = None,
    every_s: float = 3600.0,
) -> Guard:
    """A guard over tables; its thread sleeps for good unless told otherwise, so that tests look for themselves."""
    gpu = GpuMemory(["GPU-aa"], nvml=nvml or FakeNvml())
    return Guard(settings(faults=faults or {}), MACHINE, tell, ram_of=lambda pid: (ram or {}).get(pid), gpu=gpu, every_s=every_s)


@pytest.mark.parametrize(("faults", "used", "limit"), [({}, 9001.0, 9000.0), ({"worker_mib": 500}, 501.0, 500.0)])
def test_the_guard_names_who_holds_too_much_memory(faults: dict[str, int], used: float, limit: float) -> None:
    told: list[Any] = []
    guard = watch(lambda *offence: told.append(offence), ram={11: used, 12: limit}, faults=faults)
    guard.add("cpu-0", 11)
    guard.add("cpu-1", 12)
    for _ in range(3):
        guard.look()
    guard.close()
    assert told == [("cpu-0", "memory", used, limit)]


def test_the_guard_names_who_holds_too_much_gpu_memory() -> None:
    told: list[Any] = []
    nvml = FakeNvml()
    guard = watch(lambda *offence: told.append(offence), nvml=nvml)
    guard.add("language", 11, 1000)
    nvml.held = {11: 1150.0}  # the margin for the context
    guard.look()
    guard.look()
    assert told == []
    nvml.held = {11: 1151.0}
    guard.look()
    guard.look()
    guard.close()
    assert [(name, kind, used) for name, kind, used, _ in told] == [("language", "GPU memory", 1151.0)]
    assert told[0][3] == pytest.approx(1150.0) and nvml.open == 0


def test_the_gpu_memory_of_all_workers_is_told_and_nothing_where_none_is_known() -> None:
    seen: list[float] = []
    nvml = FakeNvml()
    guard = watch(lambda *offence: None, nvml=nvml)
    guard.seen = seen.append
    guard.add("pool", 10)
    guard.look()
    assert seen == []
    guard.add("language", 11, 1000)
    guard.add("people", 12, 1000)
    nvml.held = {10: 5.0, 11: 700.0, 12: 30.0}
    guard.look()
    guard.close()
    assert seen == [730.0]


def test_a_process_of_another_container_under_the_same_id_is_not_ours() -> None:
    told: list[Any] = []
    guard = watch(lambda *offence: told.append(offence), nvml=FakeNvml({11: 5000.0}))
    guard.add("language", 11, 1000)
    guard.look()
    guard.look()
    guard.close()
    assert told == []


def test_a_worker_without_a_gpu_budget_is_not_looked_at_there() -> None:
    told: list[Any] = []
    nvml = FakeNvml()
    guard = watch(lambda *offence: told.append(offence), nvml=nvml)
    guard.add("pool", 11)
    nvml.held = {11: 1e6}
    guard.look()
    guard.look()
    guard.close()
    assert told == []


def test_a_restarted_worker_begins_anew() -> None:
    told: list[Any] = []
    guard = watch(lambda *offence: told.append(offence), ram={11: 9001.0, 12: 9001.0})
    guard.add("cpu-0", 11)
    guard.look()
    guard.remove("cpu-0")
    guard.remove("cpu-0")
    guard.add("cpu-0", 12)
    guard.look()
    assert told == []
    guard.look()
    guard.close()
    assert len(told) == 1


def test_a_sample_of_a_worker_that_was_replaced_meanwhile_counts_for_nobody() -> None:
    told: list[Any] = []

    def ram_of(pid: int) -> float:
        if pid == 11 and replace_now:
            guard.remove("cpu-0")
            guard.add("cpu-0", 12)
        return 9001.0

    replace_now: list[bool] = []
    guard = watch(lambda *offence: told.append(offence))
    guard.ram_of = ram_of
    guard.add("cpu-0", 11)
    guard.look()
    replace_now.append(True)
    guard.look()  # the second sample above the limit is of a process that is gone
    guard.look()  # the first of the new one
    assert told == []
    guard.look()
    guard.close()
    assert len(told) == 1


def test_the_thread_tells_and_whoever_is_told_may_replace_the_worker() -> None:
    told, done = [], threading.Event()
    others = set(threading.enumerate())  # engines of fixtures have guards of their own

    def offender(name: str, kind: str, used_mib: float, limit_mib: float) -> None:
        guard.remove(name)
        guard.add(name, 12)
        told.append(threading.current_thread().name)
        done.set()

    guard = watch(offender, ram={11: 9001.0, 12: 1.0}, every_s=0.01)
    guard.add("cpu-0", 11)
    assert done.wait(60)
    guard.close()
    assert told == ["memory-guard"] and "memory-guard" not in {t.name for t in set(threading.enumerate()) - others}
    guard.add("late", 13)  # a worker that starts while the engine closes starts no thread
    assert "memory-guard" not in {t.name for t in set(threading.enumerate()) - others}


def test_memory_of_a_process_leaves_out_what_it_shares(tmp_path: Path) -> None:
    size = 96 * MIB
    path = tmp_path / "frames"
    path.write_bytes(bytes(size))
    before = rss_mib(os.getpid())
    assert before is not None
    with path.open("r+b") as file, mmap.mmap(file.fileno(), size) as shared:
        assert sum(shared[i] for i in range(0, size, mmap.PAGESIZE)) == 0  # every page is resident now
        with_frames = rss_mib(os.getpid())
    own = bytearray(os.urandom(1)) * size
    with_own = rss_mib(os.getpid())
    assert with_frames is not None and with_own is not None and len(own) == size
    if sys.platform == "linux":  # elsewhere the system does not tell
        assert with_frames - before < 32
    assert with_own - before > 64


def test_memory_of_a_process_that_is_gone() -> None:
    child = subprocess.Popen([sys.executable, "-c", ""])
    child.wait()
    assert rss_mib(child.pid) is None


def test_importing_it_is_light() -> None:
    code = "import sys, reelscope.engine.limits; print([m for m in ('psutil', 'pynvml', 'numpy', 'torch') if m in sys.modules])"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip() == "[]"
