"""What a process sees of its machine: real figures here, container limits in a made-up tree, and nothing raised whatever breaks."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from reelscope.server.monitor import sample as module
from reelscope.server.monitor.gpus import GpuSample
from reelscope.server.monitor.sample import MachineSampler, TreeMemory, busy_cpu

MIB = 2**20


class NoGpus:
    def read(self) -> tuple[list[GpuSample], str | None]:
        return [], "none"

    def close(self) -> None:
        pass


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def sampler(tmp_path: Path, **more: Any) -> MachineSampler:
    return MachineSampler(tmp_path / "data", tmp_path, gpus=NoGpus(), **more)


def test_this_machine(tmp_path: Path) -> None:
    seen = sampler(tmp_path)
    first = seen.sample()
    assert first["cpu_percent"] is None  # nothing has passed yet
    for _ in range(200_000):  # some hundredths of a second, so that time has passed for the kernel
        pass
    made = seen.sample()
    json.dumps(made)
    assert made["memory_total_mib"] == pytest.approx(psutil.virtual_memory().total / MIB, abs=1)
    assert 0 < made["memory_used_mib"] < made["memory_total_mib"]
    assert made["cpu_cores"] >= 1 and made["rss_mib"] > 1 and made["pid"] == os.getpid()
    assert [d["path_role"] for d in made["disks"]] == ["data", "temp"]  # the data folder does not exist yet
    assert all(0 <= d["free_mib"] <= d["total_mib"] for d in made["disks"])
    assert (made["gpus"], made["gpus_note"]) == ([], "none")
    assert not (tmp_path / "data").exists()


def test_busy_cores() -> None:
    before = {0: (10.0, 100.0), 1: (50.0, 100.0)}
    assert busy_cpu(before, {0: (11.0, 102.0), 1: (50.0, 102.0)}) == 25.0
    assert busy_cpu(before, {1: (52.0, 102.0)}) == 100.0  # the mask leaves one
    assert busy_cpu({}, before) is None and busy_cpu(before, before) is None


def v2(
    folder: Path, *, cores: str = "max", used_s: float = 0, limit_mib: float | str = "max", held_mib: float = 0, files_mib: float = 0
) -> None:
    period = 100_000
    (folder / "cpu.max").write_text(f"{cores if cores == 'max' else int(float(cores) * period)} {period}\n")
    (folder / "cpu.stat").write_text(f"usage_usec {int(used_s * 1e6)}\nuser_usec 0\n")
    (folder / "memory.max").write_text(f"{limit_mib if limit_mib == 'max' else int(float(limit_mib) * MIB)}\n")
    (folder / "memory.current").write_text(f"{int(held_mib * MIB)}\n")
    (folder / "memory.stat").write_text(f"anon 1\ninactive_file {int(files_mib * MIB)}\nactive_file 7\n")


@pytest.fixture
def group(tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / "cgroup"
    folder.mkdir()
    (tmp_path / "own").write_text("0::/\n")
    yield folder


def test_a_quota_is_what_the_cores_are_measured_by(tmp_path: Path, group: Path) -> None:
    clock = Clock()
    v2(group, cores="0.5", used_s=10)
    seen = sampler(tmp_path, cgroup=group, own=tmp_path / "own", clock=clock)
    assert seen.sample()["cpu_percent"] is None
    clock.now += 2
    v2(group, cores="0.5", used_s=10.25)
    made = seen.sample()
    assert made["cpu_percent"] == 25.0  # a quarter of the one second that two seconds of half a core are
    assert made["cpu_cores"] == 1 and (os.cpu_count() == 1 or "quota of 0.5" in made["cpu_why"])


def test_a_quota_above_the_cores_is_none(tmp_path: Path, group: Path) -> None:
    v2(group, cores="100000", used_s=10)
    made = sampler(tmp_path, cgroup=group, own=tmp_path / "own")
    made.sample()
    assert made._cpu._used is None  # it looks at the cores


def test_the_first_versions_quota(tmp_path: Path, group: Path) -> None:
    clock = Clock()
    for name in ("cpu", "cpuacct", "memory"):
        (group / name).mkdir()
    (group / "cpu" / "cpu.cfs_quota_us").write_text("50000\n")
    (group / "cpu" / "cpu.cfs_period_us").write_text("100000\n")
    (group / "cpuacct" / "cpuacct.usage").write_text("1000000000\n")
    (group / "memory" / "memory.limit_in_bytes").write_text(f"{512 * MIB}\n")
    (group / "memory" / "memory.usage_in_bytes").write_text(f"{300 * MIB}\n")
    (group / "memory" / "memory.stat").write_text(f"cache 1\ntotal_inactive_file {100 * MIB}\n")
    seen = sampler(tmp_path, cgroup=group, own=tmp_path / "own", clock=clock)
    seen.sample()
    clock.now += 1
    (group / "cpuacct" / "cpuacct.usage").write_text("1250000000\n")
    made = seen.sample()
    assert made["cpu_percent"] == 50.0
    assert (made["memory_limit_mib"], made["memory_limit_used_mib"]) == (512, 200.0)


def test_a_memory_limit_and_what_counts_against_it(tmp_path: Path, group: Path) -> None:
    v2(group, limit_mib=256, held_mib=200, files_mib=50)
    made = sampler(tmp_path, cgroup=group, own=tmp_path / "own").sample()
    assert (made["memory_limit_mib"], made["memory_limit_used_mib"]) == (256, 150.0)
    assert made["memory_total_mib"] > 256  # the machine's


def test_without_a_limit_none_is_told(tmp_path: Path, group: Path) -> None:
    v2(group, held_mib=200)
    made = sampler(tmp_path, cgroup=group, own=tmp_path / "own").sample()
    assert (made["memory_limit_mib"], made["memory_limit_used_mib"]) == (None, None)


def test_a_limit_is_read_again_after_a_while(tmp_path: Path, group: Path) -> None:
    clock = Clock()
    v2(group, limit_mib=256)
    seen = sampler(tmp_path, cgroup=group, own=tmp_path / "own", clock=clock)
    seen.sample()
    v2(group, limit_mib=512)
    assert seen.sample()["memory_limit_mib"] == 256
    clock.now += module.LIMITS_S
    assert seen.sample()["memory_limit_mib"] == 512


def test_whatever_breaks_costs_its_figure_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*args: Any, **kwargs: Any) -> Any:
        raise OSError("not here")

    for name in ("virtual_memory", "cpu_times", "Process"):
        monkeypatch.setattr(psutil, name, broken)
    monkeypatch.setattr(os, "getloadavg", broken)
    monkeypatch.setattr("shutil.disk_usage", broken)
    seen = sampler(tmp_path)
    seen._gpus.read = broken  # type: ignore[method-assign]
    made = seen.sample()
    assert {k for k, v in made.items() if v is not None} == {"host", "cpu_cores", "cpu_why", "disks", "gpus", "gpus_note", "pid"}
    assert made["disks"] == [] and made["gpus"] == []


def test_the_tree_counts_children_and_notices_new_ones_within_seconds() -> None:
    """A tree of its own: this process has others' children, too, such as a database's, which come and go."""
    clock = Clock()
    holds = "import sys; held = bytearray(60 << 20); print(flush=True); sys.stdin.read()"
    program = f"""
import subprocess, sys
print(flush=True)
sys.stdin.readline()
with subprocess.Popen([sys.executable, "-c", {holds!r}], stdin=subprocess.PIPE) as child:
    sys.stdin.read()
    child.stdin.close()
"""
    with subprocess.Popen([sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0) as root:
        assert root.stdin is not None and root.stdout is not None
        root.stdout.readline()
        tree = TreeMemory(root.pid, clock=clock)
        alone = tree.mib()
        root.stdin.write(b"now\n")
        root.stdout.readline()  # of its child, which has the same stdout
        clock.now += module.CHILDREN_S
        with_child = tree.mib()
        root.stdin.close()
    assert alone is not None and with_child is not None and with_child > alone + 50
    assert TreeMemory(root.pid).mib() is None  # a process that is gone
