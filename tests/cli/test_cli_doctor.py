"""`reelscope doctor` and `reelscope analyzers`."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from reelscope.cli import checks
from reelscope.cli.checks import Check, flavours
from reelscope.document.names import ANALYZER_NAMES
from reelscope.engine import gpu_list
from reelscope.engine.gpu_list import Board


def test_this_machine_is_fit(cli: Any) -> None:
    result = cli(["doctor"])
    assert result.code == 0, result.out
    names = {line.split()[1] for line in result.out.splitlines() if line.split()[0] in ("ok", "warn")}
    assert {"python", "decoder", "processors", "gpu", "inference", "models", "disk", "opencv", "workers"} <= names
    assert "cpu-0 on cpu: sees" in " ".join(result.out.split())
    assert result.err == ""


def test_a_worker_that_does_not_start_is_named(cli: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    from reelscope.engine import inspect

    def views(*args: Any) -> list[dict[str, Any]]:
        return [
            {**SEEN, "worker": "people", "gpus": ["GPU-1"], "allocator": "expandable_segments:True"},
            {"worker": "pool", "error": "torn"},
        ]

    monkeypatch.setattr(inspect, "worker_views", views)
    found = checks.workers()
    assert (found.status, found.detail) == ("fail", "pool: torn")
    monkeypatch.setattr(inspect, "worker_views", lambda *args: views()[:1])
    assert "people on cpu: sees 4 cores and GPU-1; 2 numeric threads; numpy 2; CUDA allocator expandable" in checks.workers().detail


SEEN = {"worker": "cpu-0", "pid": 7, "cores": 4, "threads": 2, "device": "cpu", "gpus": [], "allocator": None, "packages": {"numpy": "2"}}


def test_json_has_every_check(cli: Any) -> None:
    rows = json.loads(cli(["doctor", "--json"]).out)
    assert len(rows) == len(checks.CHECKS)
    assert all(set(row) == {"name", "status", "detail", "fix"} for row in rows)
    inference = next(row for row in rows if row["name"] == "inference")
    assert "CPUExecutionProvider" in inference["detail"]


def test_a_bad_setting_is_told_once(cli: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REELSCOPE_SERVER__PORT", "abc")
    result = cli(["doctor"])
    assert result.code == 1
    assert (result.err.count("server.port = abc"), result.out.count("server.port = abc")) == (1, 1), result.err
    rows = {row["name"]: row for row in json.loads(cli(["doctor", "--json"]).out)}
    assert [name for name, row in rows.items() if row["status"] == "fail"] == ["settings"]
    assert (rows["disk"]["status"], rows["disk"]["detail"]) == ("warn", "not checked: what is wrong with settings stops it")


def test_what_is_wrong_is_named_and_exit_is_one(cli: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken() -> Check:
        raise OSError("no such library")

    monkeypatch.setattr(checks, "CHECKS", (lambda: Check("good", "ok", "fine"), lambda: Check("bad", "fail", "torn", "sew it"), broken))
    result = cli(["doctor"])
    assert result.code == 1
    assert result.err == "error: bad: torn; broken: OSError: no such library\nhint: sew it\n"
    assert "fix: sew it" in result.out


def test_warnings_do_not_fail(cli: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checks, "CHECKS", (lambda: Check("slow", "warn", "one core", "add one"),))
    assert cli(["doctor"]).code == 0


def test_bad_settings_show_up_in_the_doctor(cli: Any, place: Path) -> None:
    (place / "reelscope.toml").write_text("x = 1")
    result = cli(["doctor"])
    assert result.code == 1
    assert "reelscope.toml:1: 'x' is no setting" in result.err


@pytest.mark.parametrize(
    ("installed", "status", "said"),
    [
        ({"onnxruntime": "1.2"}, "ok", "onnxruntime 1.2"),
        ({"onnxruntime-gpu": "1.2", "numpy": "2"}, "ok", "onnxruntime-gpu 1.2"),
        ({"numpy": "2"}, "fail", "not installed"),
        ({"onnxruntime": "1.2", "onnxruntime-gpu": "1.1"}, "fail", "onnxruntime 1.2, onnxruntime-gpu 1.1"),
    ],
)
def test_exactly_one_flavour(installed: dict[str, str], status: str, said: str) -> None:
    found = flavours("runtime", checks.ONNXRUNTIME, installed, wanted="onnxruntime")
    assert found.status == status
    assert said in found.detail
    assert (found.fix is None) == (status == "ok")


def test_missing_models_are_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("reelscope.models.embedded.find", lambda name: None)
    found = checks.models()
    assert found.status == "fail"
    assert "pitch (swift-f0)" in found.detail
    assert checks.inference().status == "fail"


def test_gpus_are_listed_and_their_absence_is_normal(monkeypatch: pytest.MonkeyPatch) -> None:
    boards = [Board("GPU-a", "Big", 2048, "01"), Board("GPU-b", "Small", 1024, "02")]
    monkeypatch.setattr(gpu_list.PyNvml, "boards", lambda self: (boards, None))
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "1")
    assert checks.gpu() == Check("gpu", "ok", "1 GPU: CUDA_VISIBLE_DEVICES=1; cuda:0 Small, 1024 MiB, GPU-b")
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES")
    assert checks.gpu().detail.count("cuda:") == 2
    monkeypatch.setattr(gpu_list.PyNvml, "boards", lambda self: ([], "no NVIDIA driver"))
    assert checks.gpu() == Check("gpu", "ok", "no GPU: no NVIDIA driver; the embedded tier needs none")


def test_cores_by_setting_are_told(place: Path) -> None:
    (place / "reelscope.toml").write_text("placement.threads = 3")
    assert "3 cores: placement.threads" in checks.processors().detail
    (place / "reelscope.toml").write_text("placement.threads = 1")
    assert checks.processors().status == "warn"


def test_little_memory_is_a_warning(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("reelscope.engine.hardware.memory_limit_mib", lambda: (1024, "1.0 GiB of memory: the container's limit"))
    found = checks.memory()
    assert found.status == "warn" and "container's limit; " in found.detail and "container" in (found.fix or "")


def test_room_for_shared_windows(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    usage = SimpleNamespace(total=100 * checks.MIB, free=10 * checks.MIB)
    monkeypatch.setattr(checks.shutil, "disk_usage", lambda folder: usage)
    assert checks.shared_memory(place).status == "warn"
    usage.free = 90 * checks.MIB
    assert checks.shared_memory(place).status == "ok"
    assert checks.shared_memory(place / "missing").status == "ok"
    (place / "reelscope.toml").write_text("system.shared_dir = 'missing'")
    assert checks.shared_memory(place).status == "fail"
    (place / "reelscope.toml").write_text("system.shared_dir = '.'")
    assert "system.shared_dir" in checks.shared_memory(place / "missing").detail


@pytest.mark.parametrize(
    ("env", "status"), [({"ORT_DISABLE_TELEMETRY": "1"}, "ok"), ({"ORT_DISABLE_TELEMETRY": "0"}, "warn"), ({}, "warn")]
)
def test_telemetry_that_somebody_switched_on_is_told(env: dict[str, str], status: str) -> None:
    assert checks.privacy(env).status == status


def test_a_full_disk_is_named(cli: Any, place: Path) -> None:
    (place / "reelscope.toml").write_text("system.min_free_disk_mib = 1000000000")
    result = cli(["doctor"])
    assert result.code == 1
    assert "1000000000" in result.err


def test_analyzers_lists_all_with_backend_or_reason(cli: Any) -> None:
    result = cli(["analyzers"])
    assert result.code == 0, result.err
    rows = json.loads(cli(["analyzers", "--json"]).out)
    assert [row["name"] for row in rows] == list(ANALYZER_NAMES)
    for row in rows:
        line = next(line for line in result.out.splitlines() if line.startswith(row["name"]))
        assert (row["backend"] or "none") in line
        assert (row["backend"] is None) == (row["reason"] is not None)
        if row["backend"] is None:
            told = result.out.replace(row["hint"] or "\0", "")  # a hint may name it too
            assert told.count(row["name"]) == 2  # in the table, and beside the reason
    assert next(row for row in rows if row["name"] == "color_analysis")["tier"] == "embedded"


def test_analyzers_obeys_the_settings(cli: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REELSCOPE_ANALYSIS__BACKENDS__COLOR_ANALYSIS", "no_such")
    cli(["analyzers"]).assert_refused(2, "no_such")
