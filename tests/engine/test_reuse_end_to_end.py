"""Kept results through whole runs: what runs again, counted, and that a reused document is the same document."""

from __future__ import annotations

import shutil
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from reelscope.analyzers.base import AudioNeed, FrameNeed
from reelscope.config import Settings
from reelscope.config.places import data_dir
from reelscope.document.schema import AnalyzerResult, ModelInfo, Segment
from reelscope.features.shots import Shots, ShotsFeature
from reelscope.models.catalog import Catalog
from reelscope.pipeline import Analysis, Session
from tests.clips import moving_frames, tone, write_clip
from tests.engine.stubs import FakeRegistry, stub_analyzer, stub_feature

EVERY = (FrameNeed(None, 64),)
ANALYZERS = {"cut_analysis", "text_overlay", "scene_segmentation", "speech_flow", "temporal_flow"}
VOICE_AND_READERS = {"voice", "speech_flow", "temporal_flow"}


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_clip(tmp_path_factory.mktemp("clip") / "two-takes.mp4", moving_frames(30) + moving_frames(30, seed=5), sound=tone(2.0))


def two_halves(member: Any, inputs: Any) -> Shots:
    end_s = inputs.clip.media.duration_s
    return Shots((), ((0.0, end_s / 2), (end_s / 2, end_s)))


class QuickShots(stub_feature("shots", hooks={"finish": two_halves}, frames=EVERY)):  # type: ignore[misc]
    """Kept as the real ones are."""

    keeps = True
    store = ShotsFeature.store
    restore = ShotsFeature.restore


class Counted:
    """A registry of stubs that counts what is finished, by name. temporal_flow shows what it was given."""

    def __init__(self) -> None:
        self.ran: Counter[str] = Counter()
        self.version: dict[str, int] = {}
        self.failing: set[str] = set()

    def registry(self) -> FakeRegistry:
        def hooks(name: str) -> dict[str, Any]:
            return {"finish": lambda *args: self.count(name)}

        def seen(member: Any, inputs: Any) -> AnalyzerResult:
            self.count("temporal_flow")
            given = inputs.results["speech_flow"].segments[0].model_dump()
            return AnalyzerResult(segments=[Segment(start_s=0, end_s=1, given=given["counted"], cuts="cut_analysis" in inputs.results)])

        voice = stub_feature(
            "voice", hooks={"finish": lambda *args: self.count("voice")}, audio=AudioNeed("mono16k"), models=("silero-vad",)
        )
        kinds = [
            stub_analyzer("cut_analysis", hooks=hooks("cut_analysis"), features=("shots",)),
            stub_analyzer("text_overlay", hooks=hooks("text_overlay"), frames=EVERY, models=("pp-ocrv6-det-small",)),
            stub_analyzer("scene_segmentation", hooks=hooks("scene_segmentation"), frames=EVERY, soft_after=("text_overlay",)),
            stub_analyzer("speech_flow", hooks=hooks("speech_flow"), features=("voice",)),
            stub_analyzer("temporal_flow", hooks={"finish": seen}, after=("speech_flow",), soft_after=("cut_analysis",)),
        ]
        return FakeRegistry(*kinds, features=(QuickShots, voice))

    def count(self, name: str) -> None:
        self.ran[name] += 1
        if name in self.failing:
            raise RuntimeError("it broke")

    def analyze(self, clip: Path, **settings: Any) -> Analysis:
        """One clip in a session of its own; `ran` then holds what finished in it."""
        self.ran.clear()
        given = {"performance": {"window_s": 0.5}, "optimisation": {"lanes": 2}, **settings}
        with Session(Settings.model_validate(given), registry=self.registry()) as session:
            return session.analyze(clip)


@pytest.fixture
def counted() -> Counted:
    return Counted()


def lasting(analysis: Analysis) -> dict[str, Any]:
    """The document without what differs between any two runs."""
    document = analysis.document.model_dump(mode="json")
    for name in ("analysis_id", "created_at", "run"):
        del document[name]
    for entry in document["analyzers"].values():
        del entry["reused"], entry["seconds"]
    return document


def change_model(monkeypatch: pytest.MonkeyPatch, changed: str) -> None:
    """Another file behind a model's name, as the keys see it."""
    describe = Catalog.describe

    def other(self: Catalog, name: str) -> ModelInfo:
        return describe(self, name).model_copy(update={"sha256": "0" * 64} if name == changed else {})

    monkeypatch.setattr(Catalog, "describe", other)


def test_a_second_run_computes_and_decodes_nothing_and_makes_the_same_document(clip: Path, counted: Counted) -> None:
    first = counted.analyze(clip)
    assert set(counted.ran) == {*ANALYZERS, "voice"}
    assert not any(e.reused for e in first.document.analyzers.values()) and first.document.run.cache.results_reused == []
    second = counted.analyze(clip)
    assert not counted.ran
    assert second.document.run.passes == 0 and "sound" not in second.document.run.phases
    assert {n for n, e in second.document.analyzers.items() if e.reused} == ANALYZERS
    assert set(second.document.run.cache.results_reused) == ANALYZERS
    assert lasting(second) == lasting(first)
    assert {n: e.seconds for n, e in second.document.analyzers.items()} == {n: e.seconds for n, e in first.document.analyzers.items()}
    assert len(first.document.shots) == 2 and first.keyframes and second.keyframes == first.keyframes


@pytest.mark.parametrize(
    ("model", "expected", "passes"),
    [("silero-vad", VOICE_AND_READERS, 0), ("pp-ocrv6-det-small", {"text_overlay", "scene_segmentation"}, 1)],
)
def test_a_changed_model_runs_its_members_and_their_dependants_again_and_nothing_else(
    clip: Path, counted: Counted, monkeypatch: pytest.MonkeyPatch, model: str, expected: set[str], passes: int
) -> None:
    first = counted.analyze(clip)
    change_model(monkeypatch, model)
    second = counted.analyze(clip)
    assert dict(counted.ran) == dict.fromkeys(expected, 1)
    assert {n for n, e in second.document.analyzers.items() if e.reused} == ANALYZERS - expected
    assert second.document.run.passes == passes
    assert second.document.media == first.document.media and second.document.shots == first.document.shots
    assert second.document.analyzers["temporal_flow"].segments == first.document.analyzers["temporal_flow"].segments
    third = counted.analyze(clip)
    assert not counted.ran and third.document.run.passes == 0


@pytest.mark.parametrize(
    ("bypass", "kept_afterwards"),
    [({"analysis": {"fresh": True}}, True), ({"system": {"keep_results": False}}, False)],
)
def test_bypassing(clip: Path, counted: Counted, bypass: dict[str, Any], kept_afterwards: bool) -> None:
    counted.analyze(clip, **bypass)
    assert (data_dir(Settings()) / "results").exists() == kept_afterwards
    again = counted.analyze(clip, **bypass)
    assert set(counted.ran) == {*ANALYZERS, "voice"} and again.document.run.passes == 1
    counted.analyze(clip)
    assert bool(counted.ran) != kept_afterwards


def test_an_option_concerns_who_reads_it(clip: Path, counted: Counted) -> None:
    counted.analyze(clip)
    counted.analyze(clip, performance={"window_s": 0.5, "analyzers": {"text_overlay": {"fps": 5.0}}})
    assert set(counted.ran) == {"text_overlay", "scene_segmentation"}


def test_names_asked_for_are_found_in_a_run_of_all(clip: Path, counted: Counted) -> None:
    first = counted.analyze(clip)
    counted.ran.clear()
    with Session(registry=counted.registry()) as session:
        document = session.analyze(clip, only=["cut_analysis"]).document
    assert not counted.ran and document.run.passes == 0
    assert document.analyzers["cut_analysis"].reused and document.analyzers["text_overlay"].status == "skipped"
    assert [(s.start_s, s.end_s, s.keyframe_s) for s in document.shots] == [
        (s.start_s, s.end_s, s.keyframe_s) for s in first.document.shots
    ]
    assert document.media == first.document.media


def test_a_copy_of_the_clip_is_the_same_clip_and_a_changed_one_is_not(clip: Path, counted: Counted, tmp_path: Path) -> None:
    counted.analyze(clip)
    copy = Path(shutil.copy(clip, tmp_path / "copy.mp4"))
    counted.analyze(copy)
    assert not counted.ran
    with copy.open("ab") as file:
        file.write(bytes(8))
    counted.analyze(copy)
    assert set(counted.ran) == {*ANALYZERS, "voice"}


def test_a_failure_is_not_kept_nor_what_was_made_without_it(clip: Path, counted: Counted) -> None:
    counted.failing = {"text_overlay"}
    first = counted.analyze(clip)
    assert first.document.analyzers["text_overlay"].status == "failed"
    assert first.document.analyzers["scene_segmentation"].status == "ok"
    counted.failing = set()
    second = counted.analyze(clip)
    assert set(counted.ran) == {"text_overlay", "scene_segmentation"}
    assert second.document.analyzers["text_overlay"].status == "ok"
    counted.analyze(clip)
    assert not counted.ran


def test_damage_of_the_store_costs_a_run_and_nothing_else(clip: Path, counted: Counted) -> None:
    first = counted.analyze(clip)
    for path in (data_dir(Settings()) / "results").rglob("*"):
        if path.is_file():
            path.write_bytes(path.read_bytes()[:-1] or b"x")
    second = counted.analyze(clip)
    assert set(counted.ran) == {*ANALYZERS, "voice"}
    assert lasting(second) == lasting(first) and second.keyframes == first.keyframes
    counted.analyze(clip)
    assert not counted.ran


def test_facts_of_a_damaged_clip_are_those_of_the_first_run(clip: Path, counted: Counted, tmp_path: Path) -> None:
    broken = tmp_path / "broken.mp4"
    data = bytearray(clip.read_bytes())
    start = data.find(b"mdat") + len(data) // 3
    data[start : start + 200] = bytes(200)
    broken.write_bytes(data)
    first = counted.analyze(broken).document.media
    second = counted.analyze(broken)
    assert not counted.ran and second.document.run.passes == 0
    assert second.document.media == first and first.duration_decoded_s


def test_a_store_that_cannot_be_written_changes_no_document(clip: Path, counted: Counted, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    first = counted.analyze(clip, system={"data_dir": str(tmp_path / "file")})
    second = counted.analyze(clip, system={"data_dir": str(tmp_path / "file")})
    assert set(counted.ran) == {*ANALYZERS, "voice"}
    assert lasting(first) == lasting(second)
