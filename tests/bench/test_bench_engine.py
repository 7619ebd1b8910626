"""The benchmark of the engine: its figures, its clips, the process that measures, and what each part makes of what it measured."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from bench.engine import __main__ as command
from bench.engine import long, parts, setting
from bench.engine.figures import Goal, Table, break_even, less, spread
from bench.engine.material import BATCH, batch_clips, count_frames, cut, main_clip
from bench.engine.parts import DEFAULT, PARTS
from bench.engine.runner import Runner, computing
from bench.engine.serve import Listener, deep_bytes, refuse_failures
from bench.engine.setting import Bench

from reelscope.document.names import ANALYZER_NAMES
from reelscope.events import Event
from tests.clips import moving_frames, tone, write_clip


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_clip(tmp_path_factory.mktemp("clip") / "tiny.mp4", moving_frames(60, width=96, height=170), sound=tone(2.0))


# --- figures ----------------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("values", "digits", "expected"),
    [([1.0], 2, "1.00"), ([3.0, 1.0, 2.0], 1, "2.0 (1.0-3.0)"), ([0.00012, 0.0002], 4, "0.0002 (0.0001-0.0002)")],
)
def test_spread(values: list[float], digits: int, expected: str) -> None:
    assert spread(values, digits) == expected


def test_nothing_measured_has_no_spread() -> None:
    with pytest.raises(ValueError, match="nothing was measured"):
        spread([])


@pytest.mark.parametrize(("now", "before", "expected"), [(1.0, 4.0, 0.75), (4.0, 4.0, 0.0), (6.0, 4.0, -0.5)])
def test_time_saved(now: float, before: float, expected: float) -> None:
    assert less(now, before) == expected


def test_nothing_is_saved_of_nothing() -> None:
    with pytest.raises(ValueError, match="nothing can be saved"):
        less(1.0, 0.0)


@pytest.mark.parametrize(
    ("other", "expected"),
    [
        (((0.0, 2.0), (10.0, 7.0)), 2.0),  # a second later at the start, half a second less for each second
        (((2.0, 2.0), (10.0, 10.0)), 0.0),  # starts sooner, the same pace
        (((2.0, 3.0), (10.0, 11.0)), None),  # the same pace, starts later
        (((2.0, 2.0), (10.0, 12.0)), None),  # a worse pace
        (((0.0, 0.5), (10.0, 5.0)), 0.0),  # better in both
    ],
)
def test_from_which_length_on_another_way_pays(other: tuple[tuple[float, float], tuple[float, float]], expected: float | None) -> None:
    assert break_even(((0.0, 1.0), (10.0, 11.0)), other) == expected


def test_a_row_of_another_width_is_refused() -> None:
    with pytest.raises(ValueError, match="2 columns, but a row of 1"):
        Table("t", ("a", "b"), (("1", "2"), ("1",)))


def test_a_goal_says_whether_it_is_met() -> None:
    assert str(Goal("goal of 3", True)) == "goal of 3: met" and str(Goal("goal of 3", False)) == "goal of 3: MISSED"


@pytest.mark.parametrize(("asked", "expected"), [(None, DEFAULT), ("memory", ("memory",)), ("passes, modes", ("modes", "passes"))])
def test_parts_by_name(asked: str | None, expected: tuple[str, ...]) -> None:
    assert command.names_of(asked) == expected


def test_an_unknown_part_is_refused_by_name() -> None:
    with pytest.raises(SystemExit, match="no part is called 'mode'.*modes"):
        command.names_of("memory,mode")


def test_the_long_parts_run_only_when_named() -> None:
    assert set(PARTS) - set(DEFAULT) == {"batch", "memory"}


# --- clips ------------------------------------------------------------------------------------------------------------------------------


def test_a_cut_keeps_what_comes_first_and_encodes_nothing(clip: Path, tmp_path: Path) -> None:
    piece = cut(clip, tmp_path / "piece.mp4", 1.0)
    assert (count_frames(clip), count_frames(piece)) == (60, 30)


def test_the_batch_is_twenty_different_clips() -> None:
    assert len({name for name, _ in BATCH}) == 20


@pytest.mark.real
def test_the_batch_is_there(media: Path, tmp_path: Path) -> None:
    clips = batch_clips(tmp_path, media / "none.mp4", media=media, most_s=0.5)
    assert len(clips) == 20 and all(c.stat().st_size > 0 for c in clips)


def test_without_the_real_clips_the_batch_is_pieces_of_one(clip: Path, tmp_path: Path) -> None:
    clips = batch_clips(tmp_path, clip, count=3, media=tmp_path / "none", most_s=1.5)
    assert [count_frames(c) for c in clips] == [45, 45, 45] and len(set(clips)) == 3


def test_a_clip_that_is_named_must_be_there(tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match=r"none\.mp4 is not there"):
        main_clip(tmp_path / "none.mp4", tmp_path)


# --- the process that measures ----------------------------------------------------------------------------------------------------------


def test_bytes_of_all_that_a_thing_holds() -> None:
    shared = np.zeros(1_000_000, np.uint8)
    ring: list[Any] = [shared, {"again": shared}, int]
    ring.append(ring)
    assert 1_000_000 < deep_bytes(ring) < 1_002_000


def test_steps_are_noted_once_and_loads_add_up() -> None:
    listener = Listener()
    listener.reset(0.0)
    for event in (
        Event("c", "load", "shots", seconds=0.25),
        Event("c", "load", "shots", seconds=0.5),
        Event("c", "feed", done=0),  # one worker is through with the first window, another is not
    ):
        listener.take(event)
    assert (dict(listener.loads), listener.first_window_s, listener.first_decoded_s) == ({"shots": 0.75}, None, None)
    listener.take(Event("c", "feed", done=1))
    first = listener.first_window_s
    listener.take(Event("c", "feed", done=2))
    assert first is not None and listener.first_window_s == first


def test_a_session_in_a_process_of_its_own(clip: Path, tmp_path: Path) -> None:
    keeping = {"analysis": {"fresh": False}, "system": {"keep_results": True}}
    with Runner(computing(tmp_path, workers=0, **keeping)) as runner:
        first = runner.one(clip, only=["color_analysis"], since=runner.started)
        assert 0 < first["begun_s"] < first["first_decoded_s"] < first["first_window_s"] < first["begun_s"] + first["seconds"] + 1
        assert (first["passes"], first["frames_decoded"], first["ok"], first["reused"]) == (1, 60, ["color_analysis"], [])
        assert first["cpu_s"] > 0 and first["peak_mib"] > 10 and first["loads"]["color_analysis"] > 0
        again = runner.one(clip, only=["color_analysis"])
        assert (again["passes"], again["reused"], again["begun_s"] < first["begun_s"]) == (0, ["color_analysis"], True)
        runner.ask("open", settings={"analysis": {"options": {"color_analysis": {"colors": 5}}}})
        assert runner.one(clip, only=["color_analysis"])["reused"] == []
        lone = runner.ask("lone", clip=str(clip), only=["audio_analysis"])
        assert (lone["passes"], lone["frames_decoded"]) == (0, 0)  # the document's shots are not made
        weighed = runner.ask("one", clip=str(clip), only=["color_analysis"], weigh=True)
        assert weighed["result_mib"] > weighed["json_mib"] > 0
    assert runner.close() > first["begun_s"]


def test_a_process_that_fails_is_told(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    with Runner(computing(tmp_path, workers=0)) as runner, pytest.raises(RuntimeError, match="ended with 1"):
        runner.one(tmp_path / "none.mp4")
    assert "none.mp4" in capfd.readouterr().err


@pytest.mark.parametrize("status", ["failed", "timeout"])
def test_a_time_with_a_failure_in_it_counts_for_nothing(status: str) -> None:
    refuse_failures({"shots": ("ok", None), "text_overlay": ("not_applicable", "no picture")})
    with pytest.raises(RuntimeError, match="not everything ran.*text_overlay.*it broke"):
        refuse_failures({"shots": ("ok", None), "text_overlay": (status, "it broke")})


# --- what parts make of it --------------------------------------------------------------------------------------------------------------

NAMES = ["color_analysis", "text_overlay", "audio_analysis"]


class FakeRunner:
    """Answers at once, with the figures of a machine that is set by the test."""

    frames = 60
    in_one_call = 0.8
    grows_mib = 10.0
    saved = 0.05

    def __init__(self, start: dict[str, Any]) -> None:
        self.workers = start["settings"]["placement"]["workers"]
        self.keeps = start["settings"]["system"]["keep_results"]
        self.options: dict[str, Any] = {}
        self.started, self.runs = 0.0, 0
        self.seen: set[str] = set()

    def __enter__(self) -> FakeRunner:
        return self

    def __exit__(self, *error: object) -> None:
        pass

    def close(self) -> float:
        return 2.0 + (self.workers or 0)

    def one(self, clip: Path, *, only: Any = None, since: float | None = None) -> dict[str, Any]:
        return self.ask("one", clip=str(clip), since=since)

    def ask(self, what: str, **given: Any) -> dict[str, Any]:
        assert what in ("one", "many", "lone", "open")
        if what == "open":
            self.options, self.runs = given["settings"]["analysis"]["options"], 0
            return {}
        if what == "many":
            return {"seconds": self.in_one_call * len(given["clips"]), "cpu_s": 1.5 * len(given["clips"])}
        if what == "lone":
            return {"seconds": 0.5, "passes": 1, "frames_decoded": self.frames, "decode_s": 0.2}
        known = self.keeps and given["clip"] in self.seen
        reused = [n for n in NAMES if known and n not in self.options]
        self.seen.add(given["clip"])
        self.runs += 1
        share = self.saved if self.runs > 1 else 1.0
        return {
            "begun_s": 1.0 if given.get("since") is not None else 0.0, "seconds": 1.0, "cpu_s": 1.5, "duration_s": 2.0,
            "phases": {"decode": 0.5, "finish": 0.1}, "passes": int(len(reused) < 3), "frames_decoded": 60,
            "peak_mib": 300.0 + (self.grows_mib if "many-minutes" in given["clip"] else 0.0), "first_decoded_s": 1.5,
            "first_window_s": 10.0 * share, "loads": dict.fromkeys(NAMES, 0.2 * share), "cache": {"hits": 3, "misses": 0, "load_s": 0.0},
            "reused": reused, "ok": NAMES, "result_mib": 1.0 + 2.0 * ("many-minutes" in given["clip"]), "json_mib": 0.5,
        }  # fmt: skip


@pytest.fixture
def bench(clip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Bench]:
    monkeypatch.setattr(setting, "Runner", FakeRunner)
    for name, value in {"frames": 60, "in_one_call": 0.8, "grows_mib": 10.0, "saved": 0.05}.items():
        monkeypatch.setattr(FakeRunner, name, value)
    yield Bench(clip, tmp_path, runs=2, minutes=0.1, clips=4, most_s=1.0)


@pytest.mark.parametrize("name", PARTS)
def test_every_part_prints_and_can_be_kept(name: str, bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    if name == "memory":
        monkeypatch.setattr("bench.gpu.clip.loop_clip", lambda source, target, *, seconds: target)
    part = PARTS[name](bench)
    assert part.name == name and part.tables and all(t.rows for t in part.tables)
    assert json.loads(json.dumps(part.figures))
    console = command.make_console(150)
    with console.capture() as printed:
        command.show(console, part)
    assert all(row[0] in printed.get() for t in part.tables for row in t.rows)


@pytest.mark.parametrize(("in_one_call", "met"), [(0.8, True), (0.95, False)])
def test_goal_of_the_batch(bench: Bench, monkeypatch: pytest.MonkeyPatch, in_one_call: float, met: bool) -> None:
    monkeypatch.setattr(FakeRunner, "in_one_call", in_one_call)
    assert [g.met for g in long.batch(bench).goals] == [met] * (len(bench.modes) + 1)


def test_a_frame_that_is_missing_misses_the_goal(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    assert [g.met for g in parts.passes(bench).goals] == [True]
    monkeypatch.setattr(parts, "count_frames", lambda clip: 61)
    assert [g.met for g in parts.passes(bench).goals] == [False]


@pytest.mark.parametrize(("saved", "met"), [(0.05, True), (0.3, False)])
def test_goals_of_loading(bench: Bench, monkeypatch: pytest.MonkeyPatch, saved: float, met: bool) -> None:
    monkeypatch.setattr(FakeRunner, "saved", saved)
    goals = {g.text: g.met for g in parts.cache(bench).goals}
    assert {m for text, m in goals.items() if "for loading" in text} == {met}
    assert {m for text, m in goals.items() if "first window" in text} == {met}
    assert {m for text, m in goals.items() if "whole run" in text} == {False}  # 2 s in a new process, 1 s again


@pytest.mark.parametrize(("grows_mib", "met"), [(150.0, True), (151.0, False)])
def test_goal_of_memory(bench: Bench, monkeypatch: pytest.MonkeyPatch, grows_mib: float, met: bool) -> None:
    monkeypatch.setattr("bench.gpu.clip.loop_clip", lambda source, target, *, seconds: target)
    monkeypatch.setattr(FakeRunner, "grows_mib", grows_mib)
    part = long.memory(bench)
    assert [g.met for g in part.goals] == [met, met]
    assert part.tables[0].rows[0][3:6] == (f"{grows_mib:+.0f}", "+2.0", f"{grows_mib - 2:+.0f}")


def test_with_an_option_changed_only_its_analyzer_runs(bench: Bench) -> None:
    part = parts.reuse(bench)
    assert [row[-1] for row in part.tables[0].rows] == ["0 of 3", "3 of 3", "2 of 3"]
    assert part.notes == ["with the option changed these ran: color_analysis"] and part.goals[0].met


def test_the_option_that_is_changed_is_one() -> None:
    from reelscope.analyzers.registry import INSTALLED

    name, options = parts.CHANGED
    found = INSTALLED.analyzer(name)
    assert name in ANALYZER_NAMES and found is not None
    assert found.Options.model_validate(options) != found.Options()


@pytest.mark.parametrize(("in_one_call", "expected"), [(0.8, "3 of 3 goals met"), (1.0, "0 of 3 goals met")])
def test_what_is_printed_can_be_kept(
    clip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, in_one_call: float, expected: str
) -> None:
    monkeypatch.setattr(setting, "Runner", FakeRunner)
    monkeypatch.setattr(FakeRunner, "in_one_call", in_one_call)
    told = ["--only", "batch", "--clip", str(clip), "--runs", "1", "--clips", "2", "--most-s", "0.5", "--json", str(tmp_path / "f.json")]
    assert command.main([*told, "--page", str(tmp_path / "f.md")]) == 0
    assert len(json.loads((tmp_path / "f.json").read_text())["parts"]["batch"]["clips"]) == 2
    assert expected in (tmp_path / "f.md").read_text()
