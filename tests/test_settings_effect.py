"""Every setting does something: a row for each key of the tree, with what it changes in a run."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from reelscope.analyzers.base import Analyzer, AnalyzerSpec, Backend, Options, Window
from reelscope.analyzers.registry import INSTALLED
from reelscope.config import Settings, leaves
from reelscope.config.places import data_dir, models_dir
from reelscope.document.names import ANALYZER_NAMES
from reelscope.document.schema import AnalyzerResult
from reelscope.engine import conduct, limits, local
from reelscope.engine.faults import recycle
from reelscope.engine.host import make_models
from reelscope.engine.kept import open_kept
from reelscope.engine.limits import allocator_settings
from reelscope.engine.placement import Hardware, Placement, WorkerPlan
from reelscope.engine.plan import Lookup, make_plan
from reelscope.engine.shared import shared_parent
from reelscope.errors import ReelscopeError
from reelscope.features.base import Clip, Inputs, LoadContext
from reelscope.media.frames import FrameNeed
from reelscope.models.catalog import Catalog
from reelscope.models.fetch import why_offline
from reelscope.pipeline import Session, write
from reelscope.plugins import Plugin
from tests.clips import moving_frames, write_clip
from tests.engine.stubs import FakeRegistry, stub_analyzer
from tests.engine.test_placement import choice, placed

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
    preloaded: list[str] = field(default_factory=list)
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
    monkeypatch.setattr(local.Host, "preload", lambda host, message: seen.preloaded.extend(job.name for job in message.jobs))
    kept_off = {"keep_results": False, **changes.get("system", {})}
    in_here = {"workers": 0, **changes.get("placement", {})}  # what stubs see is looked at in this process
    settings = Settings.model_validate({**changes, "system": kept_off, "placement": in_here})
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
    ("models.preload", [NAME], [], lambda s: s.preloaded, [NAME], []),
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


def on_two_gpus(settings: Settings) -> Placement:
    """Where a clip runs on a machine with four cores and two GPUs."""
    full = [choice(n, group=g, tier="full", vram=1024) for n, g in ((NAME, "detection"), ("body_pose", "people"), (VLM, "language"))]  # type: ignore[arg-type]
    return placed(*full, choice("color_analysis", group="audio"), gpus=(80, 80), settings=settings.model_dump(), many=True)


def budget(settings: Settings, worker: str) -> int | None:
    return next(w.gpu_budget_mib for w in on_two_gpus(settings).workers if w.name == worker)


def cpu_workers(settings: Settings) -> int:
    many = [choice(n) for n in ANALYZER_NAMES[:5]]
    return len(placed(*many, cores=4, settings=settings.model_dump(), many=True).workers)


def niceness(settings: Settings) -> int:
    """What a worker adds to its niceness."""
    added: list[int] = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(limits.os, "nice", lambda n: added.append(n) or 0)
        limits.apply_in_worker(WorkerPlan("cpu-0", "cpu", (), ()), settings)
    return sum(added)


def limit_s(settings: Settings, phase: str) -> float:
    """How long a call into a member may take that itself allows 60 s for a window."""
    member = SimpleNamespace(spec=stub_analyzer(NAME).spec)
    run: Any = SimpleNamespace(engine=SimpleNamespace(settings=settings), out=SimpleNamespace(members={NAME: member}))
    return conduct.ClipRun.limit_s(run, NAME, phase)


def ram_limit(settings: Settings) -> float | None:
    guard = limits.Guard(settings, Hardware(1, 1000), lambda *offence: None, every_s=3600.0)
    try:
        guard.add("cpu-0", 0)
        return guard._watched["cpu-0"].limit.ram_mib
    finally:
        guard.close()


def clips_at_once(settings: Settings) -> int:
    """Clips that are on their way at the same time, at most."""
    way: set[int] = set()
    most = [0]
    barrier = threading.Barrier(settings.optimisation.clips_in_flight)

    def call(item: int) -> None:
        way.add(item)
        most[0] = max(most[0], len(way))
        barrier.wait(60)
        way.discard(item)

    with Session(settings, registry=FakeRegistry()) as session:
        list(session.each(call, range(3 * settings.optimisation.clips_in_flight)))
    return most[0]


def lacks(settings: Settings) -> str | None:
    """What the command line advises for a model under a licence that is to be accepted."""
    lack = Catalog.of(settings).lack("age-utkface")
    return lack.hint if lack is not None else None


def refuses_to_fetch(settings: Settings) -> bool:
    return why_offline(settings, {}) is not None


def runs_plugins(settings: Settings) -> bool:
    """Whether an analyzer that a package declares is in the plan."""
    lookup = Lookup(lambda name: None, lambda name: INSTALLED.feature(name).spec, lambda backend: None, {"extra": EXTRA})
    made = make_plan(
        only=None, skip=(), settings=settings, lookup=lookup, has_picture=True, has_sound=True, hardware=Hardware(1, 1000)
    )  # fmt: skip
    return "extra" in made.choices


def kept_room(settings: Settings) -> int | None:
    kept = open_kept(settings)
    return None if kept is None else kept._max_bytes // 2**20


VLM = "qwen2_vl_temporal"
EXTRA = Plugin("extra", "a_package:Extra", "a-package", "1.0")
PIN = f"placement.pin.{NAME}"

# setting, one value, another value, what the code that reads it makes of it, and the outcome of each
PARTS: list[tuple[str, Any, Any, Callable[[Settings], Any], Any, Any]] = [
    ("placement.workers", 0, 3, cpu_workers, 1, 3),
    ("placement.devices", ["cpu"], ["cpu", "cuda:1"], lambda s: {w.device for w in on_two_gpus(s).workers}, {"cpu"}, {"cpu", "cuda:1"}),
    (PIN, "cpu", "cuda:0", lambda s: on_two_gpus(s).worker_of(NAME).device, "cpu", "cuda:0"),
    ("placement.gpu_gib.language", 3, None, lambda s: budget(s, "language"), 3 * 1024, 24 * 1024),
    ("placement.gpu_gib.detection", 3, None, lambda s: budget(s, "detection"), 3 * 1024, 10 * 1024),
    ("placement.gpu_gib.people", 3, None, lambda s: budget(s, "people"), 3 * 1024, 7 * 1024),
    ("placement.nice", 0, 7, niceness, 0, 7),
    ("models.dir", "/somewhere", "/else", lambda s: models_dir(s), Path("/somewhere"), Path("/else")),
    ("models.offline", True, False, refuses_to_fetch, True, False),
    (
        "analysis.licence",
        "permissive",
        "any",
        lacks,
        "reelscope analyze CLIP --licence any",
        "reelscope models pull age-utkface --accept-licence age-utkface",
    ),
    ("models.ram_mib", 64, None, lambda s: on_two_gpus(s).workers[0].ram_budget_mib, 64, None),
    ("models.idle_s", 5.0, None, lambda s: make_models(s, WorkerPlan("here", "cpu", (), ()), lambda news: None)._idle_s, 5.0, None),
    ("plugins.enabled", True, False, runs_plugins, True, False),
    ("faults.window_timeout_s", 5.0, None, lambda s: limit_s(s, "feed"), 5.0, 60.0),
    ("faults.load_timeout_s", 5.0, 7.0, lambda s: limit_s(s, "load"), 5.0, 7.0),
    ("faults.recycle_clips", 3, 0, lambda s: recycle(3, 100.0, 100.0, s) is not None, True, False),
    ("faults.recycle_mib", 99, None, lambda s: recycle(1, 100.0, 100.0, s) is not None, True, False),
    ("faults.worker_mib", 99, None, ram_limit, 99, 900.0),
    ("optimisation.clips_in_flight", 1, 3, clips_at_once, 1, 3),
    ("optimisation.cuda_expandable_segments", True, False, lambda s: "expandable_segments:True" in allocator_settings(s), True, False),
    ("optimisation.cuda_gc_threshold", 0.5, None, lambda s: "garbage_collection_threshold:0.5" in allocator_settings(s), True, False),
    ("optimisation.cuda_max_split_mib", 64, None, lambda s: "max_split_size_mb:64" in allocator_settings(s), True, False),
    ("system.shared_dir", "/tmp", None, lambda s: shared_parent(s, 0) == Path("/tmp"), True, not Path("/dev/shm").is_dir()),
    ("system.data_dir", "/somewhere", "/else", lambda s: data_dir(s), Path("/somewhere"), Path("/else")),
    ("system.keep_results", True, False, lambda s: open_kept(s) is not None, True, False),
    ("system.results_max_mib", 5, 7, kept_room, 5, 7),
]

# settings whose effect takes dying workers or several runs to see: where their test stands
ELSEWHERE = {
    **{f"server.{key}": "tests/server/test_security.py" for key in ("without_token", "requests_per_minute")},
    **{f"server.{key}": "tests/server/test_security_intake.py" for key in ("max_upload_mib", "max_queue")},
    "server.host": "tests/server/test_security_listening.py",
    "server.min_free_disk_mib": "tests/server/test_limits.py",
    **{f"server.{key}": "tests/server/test_api.py" for key in ("roots", "keep_days", "keep_media_days")},
    **{f"server.{key}": "tests/server/places.py" for key in ("database", "drain_s")},
    "server.workers": "tests/server/conftest.py",
    "server.port": "tests/cli/test_cli_serve.py",
    "analysis.fresh": "tests/engine/test_reuse_end_to_end.py",
    "faults.tries": "tests/faults",
    **{f"sources.{key}": "tests/media/source/test_fetch.py" for key in ("max_mib", "timeout_s", "retries", "cookies", "allow_private")},
}

# settings that only the command line reads; each has its test below or in tests/cli
COMMAND_LINE = {"system.temp_dir", "system.log_level", "output.dir"}


@pytest.mark.parametrize(("key", "first", "second", "look", "one", "other"), EFFECTS, ids=[row[0] for row in EFFECTS])
def test_a_setting_changes_the_run(
    clip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, key: str, first: Any, second: Any, look: Any, one: Any, other: Any
) -> None:
    assert look(run(clip, nested(key, first), tmp_path / "a", monkeypatch)) == one
    assert look(run(clip, nested(key, second), tmp_path / "b", monkeypatch)) == other


@pytest.mark.parametrize(("key", "first", "second", "look", "one", "other"), PARTS, ids=[row[0] for row in PARTS])
def test_a_setting_changes_its_part(key: str, first: Any, second: Any, look: Any, one: Any, other: Any) -> None:
    assert look(Settings.model_validate(nested(key, first))) == one
    assert look(Settings.model_validate(nested(key, second))) == other


@pytest.mark.parametrize(("key", "where"), ELSEWHERE.items(), ids=list(ELSEWHERE))
def test_a_setting_is_tested_elsewhere(key: str, where: str) -> None:
    place = Path(__file__).parent.parent / where
    files = [place] if place.is_file() else sorted(place.glob("**/*.py"))
    last = key.rpartition(".")[2]
    assert any(f'"{last}"' in f.read_text() or f"{last}=" in f.read_text() for f in files), f"no test of {key} in {where}"


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

    covered = (
        {general(row[0]) for row in EFFECTS}
        | {general(row[0]) for row in PARTS}
        | {row[0] for row in REFUSALS}
        | COMMAND_LINE
        | set(ELSEWHERE)
    )
    wanted = {
        general(".".join((key, *({"analyzer": "NAME", "option": "share"}[level] for level in leaf.levels))))
        for key, leaf in leaves().items()
    }
    assert covered == wanted
