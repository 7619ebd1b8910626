"""The spine of shots, from hand-made results."""

from __future__ import annotations

from collections import namedtuple
from typing import Any

import pytest

from reelscope.analyzers.camera_analysis import CameraSummary, Figures, ShotCameraFigures
from reelscope.analyzers.speech_transcription import SpokenSegment, Word
from reelscope.document.merge import ShotInput, build_shots, pick_keyframe
from reelscope.document.schema import AnalyzerResult, Segment, Series, ShotTransition

Still = namedtuple("Still", "t_s sharpness")
SHOT = ShotInput(0.0, 10.0)


@pytest.mark.parametrize(
    ("stills", "gradual", "chosen"),
    [
        ([], [], None),
        ([Still(11, 9)], [], None),  # the end is not in the shot, nor what follows it
        ([Still(10, 9), Still(5, 1)], [], 5),
        ([Still(0.5, 9), Still(5, 1), Still(6, 2)], [], 6),  # sharpest of the middle, not of the edges
        ([Still(0.5, 9), Still(9.5, 3)], [], 0.5),  # nothing in the middle
        ([Still(4, 9), Still(6, 1)], [(3, 5)], 6),  # never in a dissolve where there is anything else
        ([Still(4, 9)], [(3, 5)], 4),
        ([Still(4, 2), Still(6, 2)], [], 4),  # the earlier of equals
    ],
)
def test_keyframe(stills: list[Still], gradual: list[tuple[float, float]], chosen: float | None) -> None:
    found = pick_keyframe(SHOT, stills, gradual)
    assert (found.t_s if found is not None else None) == chosen


def test_without_results_every_measured_field_is_null() -> None:
    (row,) = build_shots([SHOT], {}, [])
    assert (row.camera, row.size, row.speech_share, row.loudness_lufs, row.sharpness, row.scene, row.keyframe, row.keyframe_s) == (
        None,
    ) * 8
    assert row.text == [] and row.palette == []


def figures(move: str, **values: float) -> Figures:
    rest = {n: None for n, f in Figures.model_fields.items() if f.is_required()}
    return Figures.model_validate(rest | {"move": move, "components": [move]} | values)


def test_fields_come_from_what_covers_most_of_the_shot() -> None:
    dissolve = ShotTransition(kind="dissolve", start_s=3.5, end_s=4.5)
    shots = [ShotInput(0.0, 4.0), ShotInput(4.0, 10.0, dissolve)]
    results = {
        "camera_analysis": AnalyzerResult(
            segments=[Segment(start_s=0, end_s=1, move="static")],
            summary=CameraSummary(
                shots=[
                    ShotCameraFigures(shot=0, start_s=0, end_s=4, camera=figures("pan_left", speed_fw_s=0.2)),
                    ShotCameraFigures(shot=1, start_s=4, end_s=10, camera=None, reason="too dark", size="close_up"),
                ]
            ),
        ),
        "text_overlay": AnalyzerResult(
            segments=[
                Segment(start_s=3, end_s=5, text="both"),
                Segment(start_s=6, end_s=7, text="late"),
                Segment(start_s=8, end_s=9, text="late"),
            ]
        ),
        "speech_flow": AnalyzerResult(
            segments=[
                Segment(start_s=0, end_s=1, kind="speech"),
                Segment(start_s=1, end_s=4, kind="pause"),
                Segment(start_s=7, end_s=10, kind="speech"),
            ]
        ),
        "color_analysis": AnalyzerResult(
            segments=[Segment(start_s=4, end_s=10, palette=[{"hex": "#102030", "share": 1.0, "name": "navy"}])]
        ),
        "content_quality": AnalyzerResult(
            segments=[Segment(start_s=0, end_s=10, kind="black"), Segment(start_s=4, end_s=10, sharpness=12.5)]
        ),
        "scene_segmentation": AnalyzerResult(segments=[Segment(start_s=0, end_s=4, index=0), Segment(start_s=4, end_s=10, index=1)]),
    }
    first, second = build_shots(shots, results, [Still(2, 1), Still(7, 1)])
    assert first.camera is not None and (first.camera.move, first.camera.speed_fw_s, first.size) == ("pan_left", 0.2, None)
    assert (second.camera, second.size) == (None, "close_up")
    assert (first.text, second.text) == (["both"], ["both", "late"])
    assert (first.speech_share, second.speech_share) == (0.25, 0.5)
    assert first.palette == [] and second.palette[0].hex == "#102030"
    assert (first.sharpness, second.sharpness) == (None, 12.5)
    assert (first.scene, second.scene) == (0, 1)
    assert second.transition_in == dissolve
    assert (first.keyframe, second.keyframe_s) == ("keyframes/shot-000.jpg", 7)


@pytest.mark.parametrize(
    ("shot", "values", "expected"),
    [
        ((0.0, 1.0), [-20.0, -20.0], -20.0),
        ((0.0, 1.0), [-10.0, -20.0], -12.596),  # the mean of energies, not of decibels
        ((0.0, 1.0), [None, None], None),
        ((0.0, 0.3), [-20.0, -20.0], None),  # shorter than a momentary window
    ],
)
def test_loudness_of_a_shot(shot: tuple[float, float], values: list[float | None], expected: float | None) -> None:
    audio = AnalyzerResult(series=[Series(name="momentary_lufs", unit="LUFS", t_s=[0.2, 0.6], values=values)])
    (row,) = build_shots([ShotInput(*shot)], {"audio_analysis": audio}, [])
    assert row.loudness_lufs == (None if expected is None else pytest.approx(expected, abs=1e-3))


def transcript(*lines: tuple[str, list[tuple[float, float, str]]]) -> dict[str, AnalyzerResult]:
    segments = [
        SpokenSegment(
            start_s=words[0][0],
            end_s=words[-1][1],
            text=" ".join(t for _, _, t in words),
            words=[Word(start_s=a, end_s=b, text=t) for a, b, t in words],
            language=language,
        )
        for language, words in lines
    ]
    return {"speech_transcription": AnalyzerResult(segments=segments)}


ENGLISH = ("en", [(0.5, 1.0, "Pour"), (1.5, 2.3, "slowly."), (1.9, 2.5, "Then")])
ALSO = ("en", [(3.0, 3.2, "stop.")])
CHINESE = ("zh", [(0.1, 0.2, "\u4f60"), (0.2, 0.4, "\u597d\u3002")])


@pytest.mark.parametrize(
    ("results", "spoken"),
    [
        ({}, (None, None)),
        (transcript(), ("", "")),  # nobody speaks: that was measured
        (transcript(ENGLISH, ALSO), ("Pour slowly.", "Then stop.")),  # a word belongs where its middle lies
        (transcript(CHINESE, ALSO), ("\u4f60\u597d\u3002", "stop.")),
    ],
)
def test_words_of_a_shot(results: dict[str, AnalyzerResult], spoken: tuple[str | None, str | None]) -> None:
    first, second = build_shots([ShotInput(0.0, 2.0), ShotInput(2.0, 4.0)], results, [])
    assert (first.speech, second.speech) == spoken


def told(*rows: tuple[float, float, str | None]) -> dict[str, AnalyzerResult]:
    segments = [Segment(start_s=a, end_s=b, status="ok" if t else "failed", what_happens=t) for a, b, t in rows]
    return {"qwen2_vl_temporal": AnalyzerResult(segments=segments)}


@pytest.mark.parametrize(
    ("rows", "shot", "expected"),
    [
        ([], (0, 4), None),
        ([(0, 2, None), (2, 4, None)], (0, 4), None),  # failed ones tell nothing
        ([(0, 2, "a"), (2, 4, None)], (1.5, 4), None),  # what was told is about another shot
        ([(0, 2, "a"), (2, 4, "b")], (0, 4), "a"),  # the first of equals
        ([(0, 2, "a"), (2, 4, "b")], (1, 4), "b"),
        ([(0, 2, "a"), (2, 4, "b")], (1, 1.6), "a"),  # a shot within a segment
        ([(0, 2, "a"), (2, 4, "b")], (1.9, 2.4), "b"),
        ([(0, 2, "a")], (2, 4), None),
        ([(0, 2, "a")], (1.9, 2.4), None),
    ],
)
def test_a_shot_is_described_by_the_segment_that_is_most_about_it(rows: list[Any], shot: tuple[float, float], expected: str | None) -> None:
    (row,) = build_shots([ShotInput(*shot)], told(*rows), [])
    assert row.description == expected
