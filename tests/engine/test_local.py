"""The engine of one process: what each failure does to the document, and that frames, sound and results reach whom they should."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from reelscope.analyzers.base import AudioNeed, FrameNeed
from reelscope.config import Settings
from reelscope.document.schema import AnalyzerResult, Document
from reelscope.errors import AnalyzerError, NotApplicable
from reelscope.events import Event, EventBus
from reelscope.features.shots import Shots
from reelscope.pipeline import Session
from tests.clips import moving_frames, tone, write_clip
from tests.conftest import still_there
from tests.engine.stubs import FakeRegistry, stub_analyzer, stub_feature

EVERY = (FrameNeed(None, 64),)


@pytest.fixture(scope="session")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_clip(tmp_path_factory.mktemp("clip") / "five-seconds.mp4", moving_frames(150), sound=tone(5.0))


def settings(**changes: Any) -> Settings:
    here = {"performance": {"window_s": 0.5}, "system": {"keep_results": False}, "placement": {"workers": 0}}
    return Settings.model_validate({**here, **changes})


def run(clip: Path, registry: FakeRegistry, *, events: EventBus | None = None, given: Settings | None = None) -> Document:
    with Session(given or settings(), events, registry=registry) as session:
        return session.analyze(clip).document


def boom(*args: Any) -> Any:
    raise RuntimeError("it broke")


def all_closed() -> bool:
    """Whether closing of members is over: nobody waits long for that, which on a machine that stalls is not long enough."""
    return not still_there(t for t in threading.enumerate() if t.name == "aside")


def test_every_frame_reaches_every_analyzer_once(clip: Path) -> None:
    registry = FakeRegistry(*(stub_analyzer(n, frames=EVERY) for n in ("cut_analysis", "color_analysis", "body_pose")))
    document = run(clip, registry)
    assert [document.analyzers[n].segments[0].model_dump()["counted"] for n in registry.analyzers] == [150] * 3
    assert document.run.passes == 1
    assert document.media.frames_decoded == 150


def test_all_nineteen_stand_in_the_document_with_their_true_status(clip: Path) -> None:
    document = run(clip, FakeRegistry(stub_analyzer("color_analysis", frames=EVERY)))
    assert len(document.analyzers) == 19
    assert document.analyzers["color_analysis"].status == "ok"
    others = [e for n, e in document.analyzers.items() if n != "color_analysis"]
    assert {(e.status, e.code) for e in others} == {("unavailable", "not_built")}
    assert all(e.reason and not e.segments and e.seconds is None for e in others)


@pytest.mark.parametrize(
    ("method", "code"), [("load", "load_failed"), ("begin", "begin_failed"), ("feed", "feed_failed"), ("finish", "finish_failed")]
)
def test_an_exception_fails_its_analyzer_only(clip: Path, method: str, code: str, caplog: pytest.LogCaptureFixture) -> None:
    bad = stub_analyzer("cut_analysis", frames=EVERY, hooks={method: boom})
    document = run(clip, FakeRegistry(bad, stub_analyzer("color_analysis", frames=EVERY)))
    entry = document.analyzers["cut_analysis"]
    assert (entry.status, entry.code, entry.reason, entry.segments) == ("failed", code, "RuntimeError: it broke", [])
    assert document.analyzers["color_analysis"].segments[0].model_dump()["counted"] == 150


@pytest.mark.parametrize(
    ("error", "status", "code"),
    [
        (AnalyzerError("no pulse", code="no_pulse"), "failed", "no_pulse"),
        (NotApplicable("nothing to see"), "not_applicable", "not_applicable"),
        (MemoryError(), "failed", "out_of_memory"),
    ],
)
def test_errors_on_purpose_keep_their_code(clip: Path, error: Exception, status: str, code: str) -> None:
    def throw(*args: Any) -> None:
        raise error

    entry = run(clip, FakeRegistry(stub_analyzer("cut_analysis", frames=EVERY, hooks={"finish": throw}))).analyzers["cut_analysis"]
    assert (entry.status, entry.code) == (status, code)


def test_a_result_of_the_wrong_kind_is_a_failure(clip: Path) -> None:
    entry = run(clip, FakeRegistry(stub_analyzer("cut_analysis", frames=EVERY, hooks={"finish": lambda *a: {"fake": 1}}))).analyzers[
        "cut_analysis"
    ]
    assert (entry.status, entry.code) == ("failed", "bad_result")


def test_a_failed_analyzer_is_fed_no_more(clip: Path) -> None:
    fed: list[int] = []

    def feed(self: Any, window: Any) -> None:
        fed.append(window.index)
        raise ValueError

    run(clip, FakeRegistry(stub_analyzer("cut_analysis", frames=EVERY, hooks={"feed": feed})))
    assert fed == [0]


def test_dependents_of_a_failure_say_so(clip: Path, caplog: pytest.LogCaptureFixture) -> None:
    registry = FakeRegistry(
        stub_analyzer("cut_analysis", frames=EVERY, hooks={"finish": boom}),
        stub_analyzer("temporal_flow", after=("cut_analysis",)),
        stub_analyzer("cross_analyzer_intelligence", soft_after=("cut_analysis",)),
    )
    entries = run(clip, registry).analyzers
    assert (entries["temporal_flow"].status, entries["temporal_flow"].code) == ("failed", "dependency_failed")
    assert "it broke" in (entries["temporal_flow"].reason or "")
    assert entries["cross_analyzer_intelligence"].status == "ok"


def test_a_failed_feature_fails_its_consumers(clip: Path, caplog: pytest.LogCaptureFixture) -> None:
    people = stub_feature("people", frames=EVERY, hooks={"feed": boom})
    registry = FakeRegistry(
        stub_analyzer("body_pose", frames=EVERY, features=("people",), live=("people",)),
        stub_analyzer("eye_tracking", frames=EVERY, features=("people",)),
        stub_analyzer("color_analysis", frames=EVERY),
        features=(people,),
    )
    entries = run(clip, registry).analyzers
    assert {entries[n].code for n in ("body_pose", "eye_tracking")} == {"dependency_failed"}
    assert entries["color_analysis"].status == "ok"


def test_features_reach_consumers_per_window_and_whole(clip: Path) -> None:
    seen: list[Any] = []
    whole: dict[str, Any] = {}
    people = stub_feature("people", frames=EVERY)
    consumer = stub_analyzer(
        "body_pose",
        frames=EVERY,
        features=("people", "shots"),
        live=("people",),
        hooks={"feed": lambda self, w: seen.append(w.features["people"]), "finish": lambda self, i: whole.update(i.features)},
    )
    run(clip, FakeRegistry(consumer, features=(people,)))
    assert seen == list(range(10))
    assert whole["people"] == "people"
    assert isinstance(whole["shots"], Shots)


def test_results_reach_those_that_named_them_and_nobody_else(clip: Path) -> None:
    given: dict[str, Mapping[str, Any]] = {}

    def keep(name: str) -> Any:
        return lambda self, inputs: given.update({name: dict(inputs.results)})

    registry = FakeRegistry(
        stub_analyzer("cut_analysis", frames=EVERY),
        stub_analyzer("temporal_flow", after=("cut_analysis",), hooks={"finish": keep("temporal_flow")}),
        stub_analyzer("cross_analyzer_intelligence", hooks={"finish": keep("cross")}),
    )
    run(clip, registry)
    assert isinstance(given["temporal_flow"]["cut_analysis"], AnalyzerResult)
    assert given["cross"] == {}


def test_sound_is_there_for_who_asks(clip: Path, tmp_path: Path) -> None:
    heard: dict[str, Any] = {}

    def listen(name: str) -> Any:
        return lambda self, inputs: heard.update({name: inputs.audio})

    audio = stub_analyzer("audio_analysis", audio=AudioNeed("original"), hooks={"finish": listen("audio_analysis")})
    picture = stub_analyzer("cut_analysis", frames=EVERY, hooks={"finish": listen("cut_analysis")})
    voice = stub_analyzer("speech_flow", audio=AudioNeed("mono16k"), hooks={"finish": listen("speech_flow")})
    run(clip, FakeRegistry(audio, voice, picture))
    assert heard["audio_analysis"].duration_s == heard["speech_flow"].duration_s == pytest.approx(5.0, abs=0.05)
    assert heard["cut_analysis"] is None
    mute = write_clip(tmp_path / "mute.mp4", moving_frames(10))
    entry = run(mute, FakeRegistry(audio)).analyzers["audio_analysis"]
    assert (entry.status, entry.code) == ("not_applicable", "no_audio")


def test_only_skip_and_what_they_pull_in(clip: Path) -> None:
    registry = FakeRegistry(
        stub_analyzer("cut_analysis", frames=EVERY),
        stub_analyzer("color_analysis", frames=EVERY),
        stub_analyzer("temporal_flow", after=("cut_analysis",)),
    )
    with Session(settings(), registry=registry) as session:
        entries = session.analyze(clip, only=["temporal_flow"]).document.analyzers
        assert {n: e.status for n, e in entries.items() if e.status != "skipped"} == {"temporal_flow": "ok", "cut_analysis": "ok"}
        assert not entries["cut_analysis"].requested and entries["temporal_flow"].requested
        entries = session.analyze(clip, only=["temporal_flow"], skip=["cut_analysis"]).document.analyzers
        assert entries["temporal_flow"].status == "unavailable"
        assert "cut_analysis" in (entries["temporal_flow"].reason or "")


def test_a_changed_sampling_rate_changes_the_frames_delivered(clip: Path) -> None:
    registry = FakeRegistry(stub_analyzer("color_analysis", frames=(FrameNeed(4, 64),)))
    for fps, expected in ((None, 20), (2, 10), (10, 50)):
        given = settings(performance={"window_s": 0.5, "analyzers": {"color_analysis": {"fps": fps}}})
        assert run(clip, registry, given=given).analyzers["color_analysis"].segments[0].model_dump()["counted"] == expected


def test_members_stay_loaded_from_clip_to_clip_and_are_closed_once(clip: Path) -> None:
    calls: list[str] = []
    hooks = {m: (lambda self, *a, m=m: calls.append(m)) for m in ("load", "begin", "close")}
    with Session(settings(), registry=FakeRegistry(stub_analyzer("cut_analysis", frames=EVERY, hooks=hooks))) as session:
        session.analyze(clip)
        session.analyze(clip)
    assert all_closed() and calls == ["load", "begin", "begin", "close"]


def test_a_member_that_failed_is_not_kept(clip: Path, caplog: pytest.LogCaptureFixture) -> None:
    calls: list[str] = []
    hooks = {"load": lambda self: calls.append("load"), "close": lambda self: calls.append("close"), "finish": boom}
    with Session(settings(), registry=FakeRegistry(stub_analyzer("cut_analysis", frames=EVERY, hooks=hooks))) as session:
        session.analyze(clip)
        session.analyze(clip)
    assert all_closed() and sorted(calls) == ["close", "close", "load", "load"]


def test_windows_in_flight_are_bounded_by_the_slowest(clip: Path) -> None:
    decoded: list[float] = []
    ahead: list[float] = []
    bus = EventBus([lambda e: decoded.append(e.done) if e.step == "decode" else None])
    gate = threading.Event()

    def feed(self: Any, window: Any) -> None:
        if window.index == 0:
            gate.wait(0.3)  # long enough for an unbounded decoder to run through all ten windows
        ahead.append((decoded[-1] if decoded else 0.0) - window.start_s)

    registry = FakeRegistry(stub_analyzer("cut_analysis", frames=EVERY, hooks={"feed": feed}))
    given = settings(performance={"window_s": 0.5, "windows_in_flight": 1})
    run(clip, registry, events=bus, given=given)
    assert max(ahead) <= 0.5 * 4 + 0.1  # one in the queue, one being fed, one being handed over, one held back for `last`


def test_events_tell_the_way_of_a_clip(clip: Path) -> None:
    events: list[Event] = []
    run(clip, FakeRegistry(stub_analyzer("cut_analysis", frames=EVERY)), events=EventBus([events.append]))
    steps = [e.step for e in events]
    assert steps[:2] == ["probe", "plan"] and steps[-2:] == ["merge", "done"]
    assert {e.analyzer for e in events if e.step == "finish"} == {"cut_analysis", "shots", "stills"}
    assert [e.done for e in events if e.step == "decode"] == pytest.approx([0.5 * i for i in range(1, 11)], abs=0.05)
    assert [e.done for e in events if e.step == "feed"] == list(range(1, 11))  # windows that everybody is through with


def test_a_subscriber_that_raises_does_not_harm_the_run(clip: Path, caplog: pytest.LogCaptureFixture) -> None:
    def bad(event: Event) -> None:
        raise RuntimeError("mine")

    assert (
        run(clip, FakeRegistry(stub_analyzer("cut_analysis", frames=EVERY)), events=EventBus([bad])).analyzers["cut_analysis"].status
        == "ok"
    )


def test_interrupted_runs_leave_nothing(clip: Path, tmp_path: Path) -> None:
    def interrupt(event: Event) -> None:
        if event.step == "decode" and event.done > 1:
            raise KeyboardInterrupt

    given = settings(system={"temp_dir": str(tmp_path)})
    before = set(threading.enumerate())
    with pytest.raises(KeyboardInterrupt):
        run(clip, FakeRegistry(stub_analyzer("cut_analysis", frames=EVERY)), events=EventBus([interrupt]), given=given)
    assert list(tmp_path.iterdir()) == []
    assert not still_there(t for t in threading.enumerate() if t not in before and t.name.startswith(("lane-", "finish")))
