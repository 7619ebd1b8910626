"""What may be used of the machine, from fake cgroups and a fake NVML; the peak of this process and a real child."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from reelscope.config import Settings
from reelscope.engine import hardware
from reelscope.engine.gpu_list import Board, Mig, PyNvml, visible_gpus
from reelscope.engine.hardware import PeakMemory, available_cores, count_cores, memory_limit_mib, read_hardware

GIB = 2**30


@pytest.fixture
def cgroup(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cgroup tree on a machine with eight cores, six of them in the affinity mask."""
    monkeypatch.setattr(os, "cpu_count", lambda: 8)
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: set(range(6)), raising=False)
    (tmp_path / "cgroup").mkdir()
    (tmp_path / "own").write_text("0::/\n")
    return tmp_path / "cgroup"


def put(folder: Path, **files: str) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        (folder / name.replace("__", ".")).write_text(text)


@pytest.mark.parametrize(
    ("files", "cores", "said"),
    [
        ({}, 6, "affinity mask; 8 installed"),
        ({"cpu__max": "max 100000"}, 6, "affinity mask"),
        ({"cpu__max": "200000 100000"}, 2, "quota of 2;"),
        ({"cpu__max": "150000 100000"}, 2, "quota of 1.5;"),
        ({"cpu__max": "50000 100000"}, 1, "1 core: "),
        ({"cpu__max": "900000 100000"}, 6, "affinity mask"),
        ({"cpu__max": "nonsense"}, 6, "affinity mask"),
    ],
)
def test_cores_under_a_quota(cgroup: Path, files: dict[str, str], cores: int, said: str) -> None:
    put(cgroup, **files)
    found = count_cores(None, cgroup, cgroup.parent / "own")
    assert (found.count, available_cores(cgroup, cgroup.parent / "own")) == (cores, cores)
    assert said in found.why


def test_the_tightest_group_on_the_way_up_limits(cgroup: Path) -> None:
    own = cgroup.parent / "own"
    own.write_text("0::/user.slice/me\n")
    put(cgroup / "user.slice", cpu__max="300000 100000", memory__max=str(2 * GIB))
    put(cgroup / "user.slice/me", cpu__max="400000 100000", memory__max="max")
    assert available_cores(cgroup, own) == 3
    assert memory_limit_mib(cgroup, own, physical=8 * GIB)[0] == 2048


def test_version_one_groups(cgroup: Path) -> None:
    own = cgroup.parent / "own"
    own.write_text("3:cpu,cpuacct:/docker/abc\n2:memory:/docker/abc\n")
    put(cgroup / "cpu", cpu__cfs_quota_us="-1", cpu__cfs_period_us="100000")
    put(cgroup / "memory", memory__limit_in_bytes=str(2**63 - 4096))
    assert available_cores(cgroup, own) == 6
    assert memory_limit_mib(cgroup, own, physical=8 * GIB)[0] == 8192
    put(cgroup / "cpu/docker/abc", cpu__cfs_quota_us="250000", cpu__cfs_period_us="100000")
    put(cgroup / "memory/docker/abc", memory__limit_in_bytes=str(GIB))
    assert available_cores(cgroup, own) == 3
    assert memory_limit_mib(cgroup, own, physical=8 * GIB)[0] == 1024


def test_no_cgroup_no_affinity_mask(cgroup: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(os, "sched_getaffinity", raising=False)
    assert available_cores(cgroup / "missing", cgroup / "missing") == 8
    monkeypatch.setattr(os, "cpu_count", lambda: None)
    assert available_cores(cgroup / "missing", cgroup / "missing") == 1


def test_a_setting_holds_as_it_is(cgroup: Path) -> None:
    found = count_cores(32, cgroup, cgroup.parent / "own")
    assert found.count == 32 and "placement.threads; 6 may be used" in found.why


def test_memory_is_the_machines_or_the_containers(cgroup: Path) -> None:
    own = cgroup.parent / "own"
    assert memory_limit_mib(cgroup, own, physical=8 * GIB) == (8192, "8.0 GiB of memory: the machine's")
    put(cgroup, memory__max=str(GIB))
    assert memory_limit_mib(cgroup, own, physical=8 * GIB) == (1024, "1.0 GiB of memory: the container's limit; the machine has 8.0")


# --- GPUs -------------------------------------------------------------------------------------------------------------------------

A, B, C = "GPU-aaaa-1", "GPU-aabb-2", "GPU-cccc-3"
M1, M2 = "MIG-11aa", "MIG-12bb"
WHOLE = (Board(B, "two", 48, "00000000:41:00.0"), Board(A, "one", 24, "00000000:01:00.0"), Board(C, "three", 80, "00000000:C1:00.0"))
CUT = (Board(A, "cut", 80, "00000000:01:00.0", (Mig(M1, "1g", 10), Mig(M2, "2g", 20))), Board(B, "whole", 48, "00000000:41:00.0"))


class Fake:
    def __init__(self, boards: Sequence[Board], trouble: str | None = None) -> None:
        self.found = boards, trouble

    def boards(self) -> tuple[Sequence[Board], str | None]:
        return self.found


@pytest.mark.parametrize(
    ("visible", "uuids"),
    [
        (None, [A, B, C]),
        ("0", [A]),
        ("2,0", [C, A]),
        (" 1 , 2", [B, C]),
        ("+1", [B]),
        ("1gpu2,2ampere", [B, C]),
        ("", []),
        (" ", []),
        ("-1", []),
        ("0,-1,1", [A]),
        ("1,7,0", [B]),
        ("7", []),
        ("none", []),
        ("0,", [A]),
        ("0,0", []),
        ("0,1,0", []),
        ("0,01", [A, B]),
        (A, [A]),
        (f"{C},{A}", [C, A]),
        ("GPU-c", [C]),
        ("GPU-aab,GPU-aaa", [B, A]),
        ("GPU-aa", []),
        ("GPU-", []),
        ("GPU-c,GPU-x,GPU-aaa", [C]),
        ("GPU-c,1", [C]),
        ("1,GPU-c", [B]),
        (f"{C},{C}", []),
        (f"GPU-c,{C}", []),
        ("gpu-cccc-3", []),
        (f"{C}, {A}", [C]),
        ("MIG-11", []),
    ],
)
def test_visible_devices_as_cuda_reads_them(visible: str | None, uuids: list[str]) -> None:
    gpus, why = visible_gpus(Fake(WHOLE), {} if visible is None else {"CUDA_VISIBLE_DEVICES": visible})
    assert [g.uuid for g in gpus] == uuids
    assert [g.index for g in gpus] == list(range(len(uuids)))
    assert why.startswith("no GPU") is (not uuids)


@pytest.mark.parametrize(
    ("visible", "uuids"),
    [
        (None, [M1, M2, B]),
        ("0", [M1]),
        ("1,0", [B, M1]),
        (A, [M1]),
        (M2, [M2]),
        ("MIG-12,MIG-11", [M2, M1]),
        ("MIG-1", []),
        ("MIG-11,MIG-11", []),
        (f"{M1},{B}", [M1]),
    ],
)
def test_divided_gpus(visible: str | None, uuids: list[str]) -> None:
    gpus, _ = visible_gpus(Fake(CUT), {} if visible is None else {"CUDA_VISIBLE_DEVICES": visible})
    assert [g.uuid for g in gpus] == uuids
    assert all(g.memory_mib == {M1: 10, M2: 20, B: 48}[g.uuid] for g in gpus)


def test_why_there_is_no_gpu() -> None:
    assert visible_gpus(Fake((), "no NVIDIA driver"), {})[1] == "no GPU: no NVIDIA driver"
    assert visible_gpus(Fake(()), {})[1] == "no GPU: none is installed"
    assert "'7' fits no GPU" in visible_gpus(Fake(WHOLE), {"CUDA_VISIBLE_DEVICES": "0,7"})[1]
    assert "twice" in visible_gpus(Fake(WHOLE), {"CUDA_VISIBLE_DEVICES": "0,0"})[1]
    assert "without an instance" in visible_gpus(Fake((Board(A, "n", 1, "b", ()),)), {})[1]


class FakeLibrary:
    """What nvidia-ml-py offers, for a divided GPU and a whole one."""

    NVML_DEVICE_MIG_ENABLE = 1

    class NVMLError(Exception):
        pass

    def __init__(self, fails: str = "") -> None:
        self.fails = fails
        self.open = 0

    def __getattr__(self, name: str) -> Any:
        def call(*args: Any) -> Any:
            if name == self.fails:
                raise self.NVMLError(f"{name} failed")
            return self.answer(name, *args)

        return call

    def answer(self, name: str, *args: Any) -> Any:
        if name in ("nvmlInit", "nvmlShutdown"):
            self.open += 1 if name == "nvmlInit" else -1
            return None
        if name == "nvmlDeviceGetMigMode":
            if args[0] == "1":
                raise self.NVMLError("not supported")
            return [1, 1]
        if name == "nvmlDeviceGetMigDeviceHandleByIndex":
            if args[1] == 0:
                raise self.NVMLError("not found")
            return f"{args[0]}/{args[1]}"
        if name == "nvmlDeviceGetMemoryInfo":
            return SimpleNamespace(total=(10 if "/" in args[0] else 80) * 2**20)
        table = {
            "nvmlDeviceGetCount": lambda: 2,
            "nvmlDeviceGetHandleByIndex": str,
            "nvmlDeviceGetMaxMigDeviceCount": lambda handle: 3,
            "nvmlDeviceGetUUID": lambda handle: (("MIG-" if "/" in handle else "GPU-") + handle).encode(),
            "nvmlDeviceGetName": lambda handle: f"name {handle}",
            "nvmlDeviceGetPciInfo": lambda handle: SimpleNamespace(busId=f"00:0{handle}".encode()),
        }
        return table[name](*args)


def test_nvml_is_asked_for_gpus_and_their_instances(monkeypatch: pytest.MonkeyPatch) -> None:
    library = FakeLibrary()
    monkeypatch.setitem(sys.modules, "pynvml", library)
    boards, trouble = PyNvml().boards()
    assert trouble is None and library.open == 0
    assert list(boards) == [
        Board("GPU-0", "name 0", 80, "00:00", (Mig("MIG-0/1", "name 0/1", 10), Mig("MIG-0/2", "name 0/2", 10))),
        Board("GPU-1", "name 1", 80, "00:01"),
    ]


@pytest.mark.parametrize(("fails", "left"), [("nvmlInit", 0), ("nvmlDeviceGetCount", 0), ("nvmlDeviceGetMemoryInfo", 0)])
def test_a_driver_in_trouble_is_no_gpu(monkeypatch: pytest.MonkeyPatch, fails: str, left: int) -> None:
    library = FakeLibrary(fails)
    monkeypatch.setitem(sys.modules, "pynvml", library)
    boards, trouble = PyNvml().boards()
    assert (list(boards), library.open) == ([], left)
    assert fails in (trouble or "")


def test_a_missing_library_is_no_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pynvml", None)
    assert PyNvml().boards() == ((), "the Python package nvidia-ml-py is not installed")


def test_hardware_is_read_under_settings_and_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "1")
    found = read_hardware(Settings.model_validate({"placement": {"threads": 3}}), nvml=Fake(WHOLE))
    assert (found.cores, [g.uuid for g in found.gpus], found.ram_mib > 0) == (3, [B], True)
    assert len(found.why) == 3 and "placement.threads" in found.why[0] and "CUDA_VISIBLE_DEVICES=1" in found.why[2]


# --- memory -----------------------------------------------------------------------------------------------------------------------

HOLD = "import sys; block = bytearray(b'x') * (400 * 2**20); print('held', flush=True); sys.stdin.read()"


def test_memory_of_children_counts() -> None:
    with PeakMemory() as alone:
        pass
    with PeakMemory(children_s=0.0) as memory:
        child = subprocess.Popen([sys.executable, "-c", HOLD], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        assert child.stdin is not None and child.stdout is not None
        assert child.stdout.readline() == b"held\n"
        deadline = time.monotonic() + 60
        while memory.peak_mib <= alone.peak_mib + 250 and time.monotonic() < deadline:  # until a sample sees it (shared pages count less)
            time.sleep(0.02)
        child.communicate()
    assert memory.peak_mib > alone.peak_mib + 250


def test_shared_pages_count_once(monkeypatch: pytest.MonkeyPatch) -> None:
    process = SimpleNamespace(pid=7, memory_info=lambda: SimpleNamespace(rss=100, shared=30))
    rollup = "00400000-7ffd [rollup]\nRss:  2048 kB\nPss:   512 kB\nPss_Anon: 1 kB\n"
    assert hardware._share_bytes(process, read=lambda pid: rollup) == 512 * 1024  # type: ignore[arg-type]

    def refused(pid: int) -> str:
        raise PermissionError

    assert hardware._share_bytes(process, read=refused) == 70  # type: ignore[arg-type]


def test_a_child_that_ended_counts_nothing() -> None:
    import psutil

    def gone() -> Any:
        raise psutil.NoSuchProcess(7)

    def missing(pid: int) -> str:
        raise FileNotFoundError

    assert hardware._share_bytes(SimpleNamespace(pid=7, memory_info=gone), read=missing) == 0  # type: ignore[arg-type]
