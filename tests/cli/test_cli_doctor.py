"""`reelscope doctor` and `reelscope analyzers`."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from reelscope.cli import checks
from reelscope.cli.checks import Check, flavours
from reelscope.document.names import ANALYZER_NAMES


def test_this_machine_is_fit(cli: Any) -> None:
    result = cli(["doctor"])
    assert result.code == 0, result.out
    names = {line.split()[1] for line in result.out.splitlines() if line.split()[0] in ("ok", "warn")}
    assert {"python", "decoder", "processors", "gpu", "inference", "models", "disk", "opencv"} <= names
    assert result.err == ""


def test_json_has_every_check(cli: Any) -> None:
    rows = json.loads(cli(["doctor", "--json"]).out)
    assert len(rows) == len(checks.CHECKS)
    assert all(set(row) == {"name", "status", "detail", "fix"} for row in rows)
    inference = next(row for row in rows if row["name"] == "inference")
    assert "CPUExecutionProvider" in inference["detail"]


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


class FakeNvml:
    """What nvidia-ml-py offers, for two devices or for none."""

    class NVMLError(Exception):
        pass

    def __init__(self, names: list[str] | None) -> None:
        self.names = names
        self.open = 0

    def nvmlInit(self) -> None:  # noqa: N802 - the library's own names
        if self.names is None:
            raise self.NVMLError("driver not loaded")
        self.open += 1

    def nvmlShutdown(self) -> None:  # noqa: N802
        self.open -= 1

    def nvmlDeviceGetCount(self) -> int:  # noqa: N802
        return len(self.names or ())

    def nvmlDeviceGetHandleByIndex(self, index: int) -> int:  # noqa: N802
        return index

    def nvmlDeviceGetMemoryInfo(self, handle: int) -> Any:  # noqa: N802
        return SimpleNamespace(total=(handle + 1) * 1024 * checks.MIB)

    def nvmlDeviceGetName(self, handle: int) -> str:  # noqa: N802
        return (self.names or [])[handle]


def test_gpus_are_listed_and_their_absence_is_normal(monkeypatch: pytest.MonkeyPatch) -> None:
    two = FakeNvml(["Big", "Small"])
    monkeypatch.setitem(sys.modules, "pynvml", two)
    assert checks.gpu() == Check("gpu", "ok", "cuda:0 Big, 1024 MiB; cuda:1 Small, 2048 MiB")
    assert two.open == 0
    monkeypatch.setitem(sys.modules, "pynvml", FakeNvml(None))
    assert checks.gpu().status == "ok"
    assert "none found" in checks.gpu().detail


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
            assert result.out.count(row["name"]) == 2  # in the table, and beside the reason
    assert next(row for row in rows if row["name"] == "color_analysis")["tier"] == "embedded"


def test_analyzers_obeys_the_settings(cli: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REELSCOPE_ANALYSIS__BACKENDS__COLOR_ANALYSIS", "no_such")
    cli(["analyzers"]).assert_refused(2, "no_such")
