"""The reshoot sheet of hand-made documents."""

from __future__ import annotations

from typing import Any

import pytest

from reelscope.document.evidence import Evidence
from reelscope.document.insights._sheet import SheetCamera, SheetPath, SheetShot, SheetTransition
from reelscope.document.insights._sheet_line import line
from reelscope.document.insights.reshoot import Reshoot, _cell, measure
from reelscope.document.schema import AnalyzerEntry
from tests.document.fixtures import entry, full_document, seg
from tests.document.insights.made import captions, clip, cuts, face, series, talk, voice
from tests.document.insights.sounding import audio, heard, sounding

LEFT, RIGHT = [0.0, 0.4, 0.2, 0.2], [0.8, 0.4, 0.2, 0.2]


def things(
    *tracks: tuple[str, float, float, list[tuple[float, list[float]]]], people: tuple[tuple[float, float], ...] = ()
) -> AnalyzerEntry:
    rows = [
        {"track_id": i, "start_s": a, "end_s": b, "label": label, "points": [{"t_s": t, "xywh_norm": w} for t, w in points]}
        for i, (label, a, b, points) in enumerate(tracks)
    ]
    return entry(tracks=rows, series=[series("count_person", *people)] if people else [])


def camera(*rows: dict[str, Any], parts: tuple[tuple[float, float, str], ...] = ()) -> AnalyzerEntry:
    return entry(segments=[seg(a, b, move=move, shot=0) for a, b, move in parts], summary={"shots": list(rows)})


def row(shot: int, move: str | None, size: str | None = "medium", **figures: Any) -> dict[str, Any]:
    seen = {"move": move, "components": [move], "speed_fw_s": 0.1, "zoom_factor": 1.0, **figures} if move else None
    return {"shot": shot, "camera": seen, "reason": None if seen else "too dark", "size": size, "size_reason": None if size else "no face"}


def test_without_shots_it_is_unavailable() -> None:
    found = measure(clip(missing=("cut_analysis",)))
    assert (found.status, found.code, found.shots) == ("unavailable", "no_backend", [])


def test_shots_tile_the_clip_and_say_how_they_are_entered() -> None:
    found = measure(clip(cut_analysis=cuts(2.0, (5.0, 6.0, "dissolve")))).shots
    assert [(s.index, s.start_s, s.end_s, s.duration_s) for s in found] == [(0, 0, 2, 2), (1, 2, 5.5, 3.5), (2, 5.5, 10, 4.5)]
    assert [s.transition_in and (s.transition_in.kind, s.transition_in.duration_s) for s in found] == [None, ("cut", 0), ("dissolve", 1)]


def test_what_no_analyzer_gave_is_null_and_says_why_once() -> None:
    names = ("camera_analysis", "object_detection", "eye_tracking", "text_overlay", "color_analysis", "qwen2_vl_temporal", "temporal_flow")
    found = measure(sounding(missing=names, cut_analysis=cuts(5.0), audio_analysis=audio()))
    for field in ("camera", "size", "subject", "people", "gaze", "face", "palette", "texts", "description", "stage"):
        assert "did not run" in found.not_measured[field]
        assert not getattr(found.shots[0], field)
    assert "gave no result" in found.not_measured["sound.voice_share"]
    assert found.shots[0].sound is not None and found.shots[0].sound.voice_share is None


def test_what_one_shot_lacks_stands_in_that_shot_and_what_all_lack_stands_once() -> None:
    found = measure(clip(cut_analysis=cuts(5.0), camera_analysis=camera(row(0, "static", None), row(1, None, None))))
    assert found.not_measured["size"] == "no face"
    assert found.shots[0].not_measured == {} and found.shots[1].not_measured == {"camera": "too dark"}


def test_camera_with_its_parts() -> None:
    parts = ((0.0, 4.0, "static"), (4.0, 9.5, "zoom_in"), (9.5, 20.0, "pan_left"))
    given = camera(row(0, "zoom_in", "close_up", zoom_factor=1.3, components=["zoom_in", "handheld"]), parts=parts)
    shot = measure(clip(cut_analysis=cuts(), camera_analysis=given)).shots[0]
    assert shot.camera is not None and shot.camera.components == ["zoom_in", "handheld"] and shot.camera.zoom_factor == 1.3
    assert [(p.from_s, p.to_s, p.move) for p in shot.camera.parts] == [(0, 4, "static"), (4, 9.5, "zoom_in"), (9.5, 10, "pan_left")]
    assert shot.size == "close_up"


@pytest.mark.parametrize(
    ("box", "cell"),
    [
        ([0.0, 0.0, 0.2, 0.2], "top_left"),
        ([0.4, 0.4, 0.2, 0.2], "middle_centre"),
        ([0.9, 0.9, 0.1, 0.1], "bottom_right"),
        ([0.0, 0.0, 1.0, 1.0], "middle_centre"),
        ([1.0, 1.0, 0.2, 0.2], "bottom_right"),
        ([-0.2, 0.2, 0.1, 0.3], "middle_left"),
    ],
)
def test_thirds(box: list[float], cell: str) -> None:
    assert _cell(box) == cell


def test_subject_from_start_to_end_of_the_shot() -> None:
    path = [(0.0, LEFT), (1.0, [0.1, 0.4, 0.2, 0.2]), (4.8, RIGHT), (6.0, LEFT)]
    given = things(
        ("cup", 0.0, 10.0, [(0.0, [0.0, 0.0, 1.0, 1.0])]), ("person", 0.0, 8.0, path), people=((0.0, 1.0), (1.0, 3.0), (6.0, 1.0))
    )
    first, second = measure(clip(cut_analysis=cuts(5.0), object_detection=given)).shots
    assert first.subject is not None and first.subject.label == "person"  # before all things, however large
    assert (first.subject.first_cell, first.subject.last_cell) == ("middle_left", "middle_right")
    assert (first.people, second.people) == (3, 1)
    assert second.subject is not None and second.subject.seen_share == pytest.approx(2 / 5)
    none = measure(clip(cut_analysis=cuts(), object_detection=things(("hand", 0, 9, [(0, LEFT)]))))
    assert none.shots[0].subject is None and none.shots[0].not_measured["subject"] == "object_detection found nothing with a name"


def test_gaze_of_the_largest_face() -> None:
    given = face((0.0, 5.0, [(0.0, LEFT)]), (0.0, 5.0, [(0.0, [0.2, 0.2, 0.6, 0.6])]))
    given.segments = [
        seg(0, 3, kind="look", face=1, at_camera=True),
        seg(3, 4, kind="look", face=1, at_camera=False),
        seg(4, 5, kind="look", face=1, at_camera=None),
        seg(0, 5, kind="look", face=0, at_camera=False),
    ]
    given.series = [series_of("gaze_yaw.1", (0.0, 4.0), (1.0, None), (2.0, 8.0), (3.0, 6.0)), series_of("gaze_yaw.0", (0.0, -40.0))]
    found = measure(clip(cut_analysis=cuts(6.0), eye_tracking=given))
    gaze = found.shots[0].gaze
    assert gaze is not None and gaze.at_camera_share == 0.75 and gaze.yaw_deg == 6.0 and gaze.pitch_deg is None
    assert found.shots[1].gaze is None and found.shots[1].not_measured["face"] == "no face is seen"


def series_of(name: str, *values: tuple[float, float | None]) -> Any:
    from reelscope.document.schema import Series

    return Series.model_validate(series(name, *values))


def test_texts_relative_to_the_shot_and_watermarks_once() -> None:
    given = captions(
        {"start_s": 4.0, "end_s": 7.0, "text": "over the cut", "text_colour": "#ffffff", "background_colour": "#000000"},
        {"start_s": 5.2, "end_s": 6.0, "text": "inside"},
        {"start_s": 0.0, "end_s": 10.0, "text": "@me", "role": "watermark"},
    )
    found = measure(clip(cut_analysis=cuts(5.0), text_overlay=given))
    told = [[(t.text, t.from_s, t.to_s, t.goes_on) for t in s.texts] for s in found.shots]
    assert told == [[("over the cut", 4, 5, True)], [("over the cut", 0, 2, True), ("inside", pytest.approx(0.2), 1, False)]]
    assert [(t.text, t.from_s, t.to_s) for t in found.watermarks] == [("@me", 0, 10)]


def test_sound_of_each_shot() -> None:
    evidence = sounding(
        cut_analysis=cuts(5.0, 9.8),
        audio_analysis=audio(
            level=lambda t: -20.0 if t < 5 else -10.0, silence=((0.0, 1.0),), pulse=((5.0, 10.0, 120.0),), beats=(5.3, 5.8)
        ),
        speech_flow=voice((1.0, 6.0)),
        speech_transcription=talk((1.0, 2.0, "pour"), (4.8, 5.1, "coffee"), (5.1, 6.0, "slowly.")),
        audio_environment=heard((0, 5, "speech"), (2.5, 10, "music"), (6, 6.4, "Dog", "event"), (7, 7.2, "Dog", "event")),
    )
    first, second, third = (s.sound for s in measure(evidence).shots)
    assert first is not None and second is not None and third is not None
    assert (first.loudness_lufs, second.loudness_lufs) == (pytest.approx(-20, abs=0.1), pytest.approx(-10, abs=0.1))
    assert (first.voice_share, first.silence_share, first.words) == (0.8, 0.2, "pour coffee")
    assert (second.words, second.tempo_bpm, second.first_beat_s, second.events) == ("slowly.", 120, pytest.approx(0.3), ["Dog"])
    assert first.heard == {"speech": 1.0, "music": 0.5} and first.tempo_bpm is None
    assert third.loudness_lufs is None and measure(evidence).shots[2].not_measured["sound.loudness_lufs"] == "shorter than 0.4 s"
    silent = measure(clip(cut_analysis=cuts()))
    assert silent.shots[0].sound is None and silent.not_measured["sound"] == "the clip has no sound track"


@pytest.mark.parametrize(
    ("told", "description"),
    [
        ([], None),
        ([(0.0, 2.0, "A man pours.")], "A man pours."),
        ([(1.5, 9.0, "A man pours.")], None),  # mostly about the next shot
        ([(0.0, 2.0, None)], None),
    ],
)
def test_description(told: list[tuple[float, float, str | None]], description: str | None) -> None:
    given = entry(segments=[seg(a, b, what_happens=text) for a, b, text in told])
    found = measure(clip(12.0, cut_analysis=cuts(2.0), qwen2_vl_temporal=given))
    shot = found.shots[0]
    assert shot.description == description and ("A man pours." in shot.line) == (description is not None)
    assert (description is None) == ("description" in shot.not_measured | found.not_measured)


def test_the_line_says_what_was_measured_and_nothing_else() -> None:
    bare = SheetShot(index=0, start_s=0, end_s=2, duration_s=2)
    assert line(bare) == "Shot 1, 2.00 s."
    where = SheetPath(label="face", first_xywh_norm=(0, 0, 0.2, 0.2), last_xywh_norm=(0.8, 0, 0.2, 0.2), first_cell="top_left",
                      last_cell="top_right", share=0.04, seen_share=0.9)  # fmt: skip
    full = SheetShot(
        index=1, start_s=2, end_s=5, duration_s=3, transition_in=SheetTransition(kind="wipe", variant="left", duration_s=0.5),
        size="medium_close_up", camera=SheetCamera(move="zoom_in", zoom_factor=1.3), face=where, people=2,
    )  # fmt: skip
    assert line(full) == (
        "Shot 2, 3.00 s, after a wipe (left) of 0.50 s. Medium close-up, camera zoom in (to 1.30 times the size). 2 people. "
        "Face top left to top right, 4 % of the picture."
    )
    brief = where.model_copy(update={"seen_share": 0.1})
    assert "Face" not in line(full.model_copy(update={"face": brief}))
    assert (
        line(bare.model_copy(update={"transition_in": SheetTransition(kind="cut", jump_cut=True)})) == "Shot 1, 2.00 s, after a jump cut."
    )


def test_sixty_shots_stay_below_120_kb() -> None:
    n = 60
    spots = [(i + 0.0, [0.31234, 0.21234, 0.41234, 0.31234]) for i in range(n)]
    cells = [(i + 0.8, [0.32345, 0.22345, 0.42345, 0.32345]) for i in range(n)]
    path = sorted(spots + cells)
    evidence = sounding(
        float(n),
        cut_analysis=cuts(*range(1, n)),
        camera_analysis=camera(
            *(row(i, "handheld", pan_fw_s=0.012345, tilt_fw_s=-0.0123, zoom_rate_s=0.0123, shake=0.0034) for i in range(n))
        ),
        object_detection=things(
            *(("person", i, i + 1, path[2 * i : 2 * i + 2]) for i in range(n)), people=tuple((i + 0.5, 1.0) for i in range(n))
        ),
        eye_tracking=face(*((i, i + 1, path[2 * i : 2 * i + 2]) for i in range(n))),
        text_overlay=captions(
            *(
                {
                    "start_s": i + 0.1,
                    "end_s": i + 0.9,
                    "text": "about five words of text",
                    "text_colour": "#ffffff",
                    "background_colour": "#000000",
                }
                for i in range(n)
            )
        ),  # fmt: skip
        color_analysis=entry(
            segments=[
                seg(
                    i,
                    i + 1,
                    shot=i,
                    brightness=0.54321,
                    contrast=0.54321,
                    tone="warm",
                    cct_k=5123.4,
                    palette=[{"hex": "#e5b893", "share": 0.3, "name": "light brown"}] * 6,
                )
                for i in range(n)
            ]
        ),  # fmt: skip
        audio_analysis=audio(float(n)),
        speech_flow=voice(*((i + 0.1, i + 0.8) for i in range(n))),
        speech_transcription=talk(*((i + k / 4, i + k / 4 + 0.2, "words") for i in range(n) for k in range(3))),
    )
    found = measure(evidence)
    assert len(found.shots) == n and found.shots[5].face is not None and found.shots[5].palette
    assert len(found.model_dump_json(indent=1)) < 120_000  # as it is written


def test_the_full_document_reads_back_as_it_was_written() -> None:
    document = full_document()
    first, second = measure(Evidence.of(document)), measure(Evidence.of(document.model_dump(mode="json")))
    assert first.model_dump_json() == second.model_dump_json()
    assert Reshoot.model_validate_json(first.model_dump_json()).model_dump_json() == first.model_dump_json()
    assert len(first.shots) == len(document.shots)
