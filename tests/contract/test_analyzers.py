"""What every analyzer promises, on clips that are difficult in different ways. A new analyzer is one more row of ROWS."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args

import pytest

from reelscope.analyzers.registry import INSTALLED
from reelscope.document.names import ANALYZER_NAMES
from reelscope.document.schema import AnalyzerEntry, Segment, Summary
from reelscope.pipeline import Session
from tests.contract.conftest import CLIPS, Analysed

WITHOUT_SOUND = {"vfr", "one_frame", "tiny", "fast"}
WITHOUT_PICTURE = {"sound_only"}
MAX_SERIES_HZ = 10.5  # documented as 10; a half more for the value at either end
MAX_TRACK_HZ = 5.5


@dataclass(frozen=True)
class Row:
    """An analyzer and the clips that it does not apply to. available: whether it works without weights that are fetched."""

    name: str
    not_applicable: frozenset[str]
    available: bool = True


PICTURE, SOUND = frozenset(WITHOUT_PICTURE), frozenset(WITHOUT_SOUND)
ROWS = (
    Row("qwen2_vl_temporal", PICTURE, available=False),
    Row("object_detection", PICTURE),
    Row("text_overlay", PICTURE),
    Row("background_segmentation", PICTURE),
    Row("camera_analysis", PICTURE),
    Row("body_pose", PICTURE),
    Row("scene_segmentation", PICTURE),
    Row("color_analysis", PICTURE),
    Row("content_quality", PICTURE),
    Row("age_estimation", PICTURE, available=False),
    Row("eye_tracking", PICTURE),
    Row("cut_analysis", PICTURE),
    Row("speech_transcription", SOUND, available=False),
    Row("audio_analysis", SOUND),
    Row("audio_environment", SOUND),
    Row("speech_emotion", SOUND),
    Row("speech_flow", SOUND),
    Row("temporal_flow", frozenset()),
    Row("cross_analyzer_intelligence", frozenset()),
)
by_row = pytest.mark.parametrize("row", ROWS, ids=lambda r: r.name)
by_clip = pytest.mark.parametrize("clip", CLIPS)


def test_every_installed_analyzer_has_a_row() -> None:
    assert {r.name for r in ROWS} == {n for n in ANALYZER_NAMES if INSTALLED.analyzer(n) is not None}


@by_row
def test_the_class_names_itself_like_its_module(row: Row) -> None:
    kind = INSTALLED.analyzer(row.name)
    assert kind is not None and kind.spec.name == row.name == kind.__module__.split(".")[2]
    assert kind.__doc__ and kind.Result.__doc__
    for backend in kind.spec.backends:
        for feature in backend.features:
            assert INSTALLED.feature(feature).spec.name == feature


@by_row
def test_results_are_typed(row: Row) -> None:
    """The JSON Schema and the docs are made of these types."""
    kind = INSTALLED.analyzer(row.name)
    assert kind is not None
    segment = get_args(kind.Result.model_fields["segments"].annotation)[0]
    segment = get_args(segment)[0] if get_args(segment) else segment  # under SerializeAsAny
    assert issubclass(segment, Segment) and segment is not Segment
    summary = kind.Result.model_fields["summary"].annotation
    assert isinstance(summary, type) and issubclass(summary, Summary) and summary is not Summary


@by_row
@by_clip
def test_status(row: Row, clip: str, analysed: Analysed) -> None:
    entry = analysed(clip).analyzers[row.name]
    expected = "not_applicable" if clip in row.not_applicable else "unavailable" if not row.available else "ok"
    assert entry.status == expected, f"{entry.code}: {entry.reason}"
    assert (entry.reason is not None) == (expected != "ok")
    assert expected != "unavailable" or entry.hint, "what is unavailable says what to do"
    assert entry.requested and entry.version and (expected != "ok" or (entry.backend and entry.device and entry.seconds is not None))


@by_row
@by_clip
def test_times_lie_in_the_clip_and_in_order(row: Row, clip: str, analysed: Analysed) -> None:
    document = analysed(clip)
    entry, end = document.analyzers[row.name], document.media.duration_s + 1e-3
    starts = [s.start_s for s in entry.segments]
    assert starts == sorted(starts)
    for segment in entry.segments:
        assert 0 <= segment.start_s <= segment.end_s <= end
        assert segment.confidence is None or 0 <= segment.confidence <= 1
    for track in entry.tracks:
        times = [p.t_s for p in track.points]
        assert times == sorted(times) and all(track.start_s - 1e-6 <= t <= track.end_s + 1e-6 for t in times)
        assert len(times) <= MAX_TRACK_HZ * (track.end_s - track.start_s) + 1
    for series in entry.series:
        assert len(series.t_s) == len(series.values) and series.unit
        assert list(series.t_s) == sorted(series.t_s) and all(0 <= t <= end for t in series.t_s)
        assert len(series.t_s) <= MAX_SERIES_HZ * document.media.duration_s + 2, f"{series.name} is too dense"


@by_row
def test_results_can_be_sent_between_processes(row: Row, analysed: Analysed) -> None:
    entry = analysed("talk").analyzers[row.name]
    assert _facts(pickle.loads(pickle.dumps(entry))) == _facts(entry)


@by_clip
def test_nothing_of_the_last_clip_stays(clip: str, contract_session: Session, clip_path: Callable[[str], Path], analysed: Analysed) -> None:
    """The same clip again, after others, on members that have seen them, gives the same document."""
    first = analysed(clip)
    contract_session.analyze(clip_path("talk" if clip != "talk" else "vfr"))
    again = contract_session.analyze(clip_path(clip)).document
    for row in ROWS:
        assert _facts(again.analyzers[row.name]) == _facts(first.analyzers[row.name]), row.name
    assert [s.model_dump() for s in again.shots] == [s.model_dump() for s in first.shots]


@by_clip
def test_shots_tile_the_clip(clip: str, analysed: Analysed) -> None:
    document = analysed(clip)
    if clip in WITHOUT_PICTURE:
        assert document.shots == []
        return
    assert document.shots[0].start_s == 0
    assert document.shots[-1].end_s == pytest.approx(document.media.duration_s, abs=1e-5)
    assert all(a.end_s == b.start_s for a, b in zip(document.shots, document.shots[1:], strict=False))
    assert all(s.keyframe_s is None or s.start_s <= s.keyframe_s < s.end_s for s in document.shots)


def _facts(entry: AnalyzerEntry) -> dict[str, Any]:
    return {k: v for k, v in entry.model_dump(mode="json").items() if k != "seconds"}
