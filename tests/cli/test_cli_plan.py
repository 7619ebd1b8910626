"""`reelscope plan`, the flags that place work, and the table of what workers see."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from reelscope.cli.analyze import settings_flags
from reelscope.cli.plan import as_dict, imagined, show
from reelscope.cli.terminal import console
from reelscope.config import FlagValue, Settings
from reelscope.document.names import ANALYZER_NAMES
from reelscope.engine.placement import Hardware
from reelscope.errors import ConfigError
from tests.engine.test_gpu_placement import plan as gpu_plan


def planned(cli: Any, *words: str) -> dict[str, Any]:
    result = cli(["plan", "--json", *words])
    assert result.code == 0, result.err
    found: dict[str, Any] = json.loads(result.out)
    return found


def names(found: dict[str, Any]) -> list[str]:
    return sorted(m["name"] for w in found["workers"] for m in w["members"] if m["backend"])


def test_every_analyzer_is_placed_or_says_why_not(cli: Any) -> None:
    found = planned(cli)
    assert sorted([*names(found), *(row["name"] for row in found["not_running"])]) == sorted(ANALYZER_NAMES)
    assert all(row["reason"] for row in found["not_running"])
    assert found["here"] and [w["name"] for w in found["workers"]] == ["here"]
    assert sum(m["cost_share"] for m in found["workers"][0]["members"]) == pytest.approx(1, abs=0.01)
    assert found["what_if"] is False and len(found["machine"]["why"]) == 3


def test_several_clips_are_planned_for_workers(cli: Any) -> None:
    found = planned(cli, "--clips", "2", "--cpus", "3")
    assert [w["name"] for w in found["workers"]] == ["cpu-0", "cpu-1", "cpu-2"]
    assert found["machine"]["cores"] == 3


@pytest.mark.parametrize("width", ["80", "120"])
def test_it_fits_the_terminal(cli: Any, monkeypatch: pytest.MonkeyPatch, width: str) -> None:
    monkeypatch.setenv("COLUMNS", width)
    result = cli(["plan", "--workers", "2", "--set", "placement.pin.text_overlay=cpu:1"])
    assert result.code == 0, result.err
    assert max(map(len, result.out.splitlines())) <= int(width)
    for word in (
        "This machine",
        "cpu-0",
        "cpu-1",
        "text_overlay",
        "pinned: text_overlay=cpu:1",
        "decoder threads",
        "finish",
        "Does not run",
    ):
        assert word in result.out
    assert "What if" not in result.out


def test_devices_are_shown_as_this_machine_counts_them(capsys: pytest.CaptureFixture[str]) -> None:
    made = gpu_plan(48, 48, settings={"placement": {"pin": {"body_pose": "cuda:1", "eye_tracking": "cuda:1"}}})
    (worker,) = as_dict(made, Hardware(4, 1), imagined=False)["workers"][:1]
    assert worker["device"] == "cuda:1" and {m["device"] for m in worker["members"]} == {"cuda:1"}
    show(console(), made, Hardware(4, 1), imagined=False)
    shown = capsys.readouterr().out
    assert "cuda:1" in shown and "GiB of GPU memory" in shown and "cuda:0" not in shown.partition("\npeople")[2]


def test_flags_choose_as_for_analyze(cli: Any) -> None:
    assert names(planned(cli, "--only", "color_analysis")) == ["color_analysis"]
    assert "color_analysis" not in names(planned(cli, "--skip", "color_analysis"))
    assert [w["name"] for w in planned(cli, "--clips", "3", "--workers", "0")["workers"]] == ["here"]


def test_a_clip_without_sound_needs_nothing_for_sound(cli: Any, place: Path, clip: Path) -> None:
    from tests.cli.conftest import write_clip

    mute = write_clip(place / "mute.mp4", 0.5, sound=False)
    assert "audio_analysis" in names(planned(cli, str(clip)))
    assert "audio_analysis" not in names(planned(cli, str(mute)))
    cli(["plan", "missing.mp4"]).assert_refused(2, "missing.mp4")


def test_another_machine_is_marked(cli: Any) -> None:
    result = cli(["plan", "--hardware", "cores=16,gpus=2x80"])
    assert result.code == 0, result.err
    assert result.out.startswith("What if: another machine") and "16 cores" in result.out and "cuda:1" in result.out
    found = planned(cli, "--hardware", "cores=16,gpus=80+24")
    assert found["what_if"] is True
    assert [g["memory_mib"] for g in found["machine"]["gpus"]] == [80 * 1024, 24 * 1024]


@pytest.mark.parametrize(
    ("spec", "cores", "memory", "gpus"),
    [
        ("cores=4", 4, 1, []),
        ("cores=4, memory=64, gpus=0", 4, 64, []),
        ("gpus=1x23.5", 1, 1, [23.5]),
        ("gpus=2x80+24", 1, 1, [80, 80, 24]),
    ],
)
def test_hardware_is_read(spec: str, cores: int, memory: int, gpus: list[float]) -> None:
    found = imagined(spec, Settings())
    assert (found.cores, found.ram_mib, [g.memory_mib / 1024 for g in found.gpus]) == (cores, memory * 1024, gpus)
    assert [g.index for g in found.gpus] == list(range(len(gpus)))


@pytest.mark.parametrize(
    "spec", ["", "cores", "cores=0", "cores=x", "cores=1,cores=2", "gpus=", "gpus=0x80", "gpus=2x", "gpus=-1", "gpus=2x0", "disk=1"]
)
def test_hardware_that_makes_no_sense_is_refused(spec: str) -> None:
    with pytest.raises(ConfigError) as caught:
        imagined(spec, Settings())
    assert "cores=16" in (caught.value.hint or "")


def test_cores_by_setting_hold_on_another_machine_too() -> None:
    assert imagined("cores=16", Settings.model_validate({"placement": {"threads": 2}})).cores == 2


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--set", "placement.pin.body_pos=cpu"], "body_pose"),
        (["--set", "placement.pin.text_overlay=cuda:0", "--hardware", "cores=2"], "no place 'cuda:0'"),
        (["--set", "placement.pin.text_overlay=cuda:0", "--hardware", "cores=2,gpus=24"], "computes on the CPU"),
        (["--set", "placement.devices=cpu,cuda:3", "--hardware", "cores=2,gpus=24"], "no device 'cuda:3'"),
        (["--cpus", "0"], "placement.threads"),
        (["--workers", "-1"], "placement.workers"),
        (["--only", "nothing"], "nothing"),
    ],
)
def test_what_cannot_be_placed_is_refused(cli: Any, words: list[str], said: str) -> None:
    cli(["plan", *words]).assert_refused(2, said)


def test_flags_are_settings() -> None:
    assert settings_flags() == {}
    assert settings_flags(cpus=3, workers=0, fresh=True) == {
        "placement.threads": FlagValue(3, "--cpus"),
        "placement.workers": FlagValue(0, "--workers"),
        "analysis.fresh": FlagValue(True, "--fresh"),
    }
