"""Every setting does something: a row for each key of the tree, with what it changes in a run."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from reelscope.analyzers.base import Analyzer, AnalyzerSpec, Backend, Options, Window
from reelscope.config import Settings, leaves
from reelscope.document.names import ANALYZER_NAMES
from reelscope.document.schema import AnalyzerResult
from reelscope.engine import conduct, local
from reelscope.errors import ReelscopeError
from reelscope.features.base import Clip, Inputs, LoadContext
from reelscope.media.frames import FrameNeed
from reelscope.pipeline import Session, write
from tests.clips import moving_frames, write_clip
from tests.engine.stubs import FakeRegistry, stub_analyzer

SECONDS = 3.0
NAME = "text_overlay"


@pytest.fixture(scope="session")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_clip(tmp_path_factory.mktemp("clip") / "three-seconds.mp4", moving_frames(90, width=64, height=48))


@dataclass
class Seen:
    """What a run under certain settings looked like from inside."""

    windows: int = 0
    frames: int = 0
    batch: int = 0
    share: float = 0.0
    backend: str = ""
    work_dir: Path = Path()
    lanes: set[str] = field(default_factory=set)
    decode_threads: list[int] = field(default_factory=list)
    in_flight: list[int] = field(default_factory=list)
    cores: int = 0
    files: list[str] = field(default_factory=list)


def registry(seen: Seen) -> FakeRegistry:
    """One analyzer with two backends and an option that writes down what it is given, and one beside it."""

    class Witness(Analyzer[AnalyzerResult]):
        spec = AnalyzerSpec(
            name=NAME,
            version=1,
            group="people",
            backends=(
                Backend(name="small", tier="embedded", rank=1, frames=(FrameNeed(10, 32),), cost=1.0),
                Backend(name="large", tier="compact", rank=2, frames=(FrameNeed(10, 32),), batch=4, cost=1.0),
            ),
        )
        Result = AnalyzerResult

        class Options(Options):
            share: float = 0.5

        def load(self, ctx: LoadContext) -> None:
            super().load(ctx)
            seen.batch, seen.backend, seen.share = ctx.batch, ctx.backend or "", self.options.share

        def begin(self, clip: Clip) -> None:
            seen.work_dir = Path(clip.work_dir)

        def feed(self, window: Window) -> None:
            seen.windows += 1
            seen.frames += len(window.frames(self.frames[0]))
            seen.lanes.add(threading.current_thread().name)

        def finish(self, inputs: Inputs) -> AnalyzerResult:
            return AnalyzerResult()

    def note_lane(*args: Any) -> None:
        seen.lanes.add(threading.current_thread().name)

    return FakeRegistry(Witness, stub_analyzer("color_analysis", frames=(FrameNeed(10, 32),), cost=1.0, hooks={"feed": note_lane}))


def run(clip: Path, changes: dict[str, Any], folder: Path, monkeypatch: pytest.MonkeyPatch) -> Seen:
    """Analyse and write under these settings."""
    seen = Seen()
    real_pass, real_flow = conduct.DecodePass, local.HereFlow

    class Pass(real_pass):  # type: ignore[misc, valid-type]
        def __init__(self, *args: Any, threads: int = 0, **kwargs: Any) -> None:
            seen.decode_threads.append(threads)
            super().__init__(*args, threads=threads, **kwargs)

    class Flow(real_flow):  # type: ignore[misc, valid-type]
        def __init__(self, in_flight: int, stop: threading.Event) -> None:
            seen.in_flight.append(in_flight)
            super().__init__(in_flight, stop)

    monkeypatch.setattr(conduct, "DecodePass", Pass)
    monkeypatch.setattr(local, "HereFlow", Flow)
    kept_off = {**changes, "system": {"keep_results": False, **changes.get("system", {})}}
    settings = Settings.model_validate(kept_off)
    folder.mkdir()
    with Session(settings, registry=registry(seen)) as session:
        written = write(session.analyze(clip), folder, formats=settings.output.formats)
        assert session.engine.hardware is not None
        seen.cores = session.engine.hardware.cores
    seen.files = sorted(p.name for p in written.paths.values())
    return seen


def nested(key: str, value: Any) -> dict[str, Any]:
    for part in reversed(key.split(".")):
        value = {part: value}
    return value  # type: ignore[no-any-return]


# setting, one value, another value, what they change, and the outcome of each
EFFECTS: list[tuple[str, Any, Any, Callable[[Seen], Any], Any, Any]] = [
    ("performance.window_s", 0.5, 1.0, lambda s: s.windows, 6, 3),
    ("performance.windows_in_flight", 1, 3, lambda s: s.in_flight, [1], [3]),
    (f"performance.analyzers.{NAME}.fps", 2, 5, lambda s: s.frames, 6, 15),
    (f"performance.analyzers.{NAME}.batch", 7, None, lambda s: s.batch, 7, 4),
    ("placement.threads", 1, 3, lambda s: s.cores, 1, 3),
    ("placement.decode_threads", 1, 2, lambda s: s.decode_threads, [1], [2]),
    ("optimisation.lanes", 1, 2, lambda s: len(s.lanes), 1, 2),
    ("analysis.tier", "embedded", "auto", lambda s: s.backend, "small", "large"),
    (f"analysis.backends.{NAME}", "small", "large", lambda s: s.backend, "small", "large"),
    (f"analysis.options.{NAME}.share", 0.25, 1, lambda s: s.share, 0.25, 1.0),
    ("output.formats", ["json"], ["html"], lambda s: s.files, ["analysis.json"], ["report.html"]),
]

# setting, a value under which the run is refused, the error's code
REFUSALS = [
    ("system.max_duration_s", SECONDS - 1, "too_long"),
    ("system.max_pixels", 64 * 48 - 1, "too_many_pixels"),
    ("system.min_free_disk_mib", 10**9, "disk_full"),
]

# settings that only the command line reads; each has its test below or in tests/cli
COMMAND_LINE = {"system.temp_dir", "system.log_level", "output.dir"}


@pytest.mark.parametrize(("key", "first", "second", "look", "one", "other"), EFFECTS, ids=[row[0] for row in EFFECTS])
def test_a_setting_changes_the_run(
    clip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, key: str, first: Any, second: Any, look: Any, one: Any, other: Any
) -> None:
    assert look(run(clip, nested(key, first), tmp_path / "a", monkeypatch)) == one
    assert look(run(clip, nested(key, second), tmp_path / "b", monkeypatch)) == other


@pytest.mark.parametrize(("key", "value", "code"), REFUSALS)
def test_a_limit_refuses(clip: Path, key: str, value: Any, code: str) -> None:
    with (
        pytest.raises(ReelscopeError) as caught,
        Session(Settings.model_validate(nested(key, value)), registry=registry(Seen())) as session,
    ):
        session.analyze(clip)
    assert caught.value.code == code


def test_temp_dir_holds_the_files_of_a_run(clip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "mine").mkdir()
    seen = run(clip, nested("system.temp_dir", str(tmp_path / "mine")), tmp_path / "o", monkeypatch)
    assert seen.work_dir.parent == tmp_path / "mine"
    assert list((tmp_path / "mine").iterdir()) == []


def test_log_level_is_the_loggers(capsys: pytest.CaptureFixture[str]) -> None:
    from reelscope.cli.terminal import State, log_to_stderr

    logger = logging.getLogger("reelscope.somewhere")
    before = logger.getEffectiveLevel()
    for level in ("error", "info"):
        with log_to_stderr(level, State()):
            logger.info("told %s", level)
            logger.error("failed")
    assert capsys.readouterr().err == "error: failed\ninfo: told info\nerror: failed\n"
    assert logger.getEffectiveLevel() == before
    assert not logging.getLogger("reelscope").handlers


def test_output_dir_is_where_results_go_without_out() -> None:
    from reelscope.cli.analyze import targets

    settings = Settings.model_validate(nested("output.dir", "/elsewhere"))
    assert [t.folder for t in targets(["a.mp4"], None, settings)] == [Path("/elsewhere/a")]


def test_no_setting_is_without_an_effect() -> None:
    """A setting that nothing reads is a promise that nobody keeps: each leaf of the tree has a row above."""

    def general(key: str) -> str:
        return ".".join("NAME" if part in ANALYZER_NAMES else part for part in key.split("."))

    covered = {general(row[0]) for row in EFFECTS} | {row[0] for row in REFUSALS} | COMMAND_LINE
    wanted = {
        general(".".join((key, *({"analyzer": "NAME", "option": "share"}[level] for level in leaf.levels))))
        for key, leaf in leaves().items()
    }
    assert covered == wanted
