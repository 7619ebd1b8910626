"""The first seconds of hand-made clips, with each input in turn left out."""

from __future__ import annotations

import math
from typing import Any

import pytest

from reelscope.document.insights.hook import LOCAL_MOTION_FW_S, gated_lufs, measure
from reelscope.document.names import ANALYZER_NAMES
from tests.document.fixtures import entry, seg
from tests.document.insights.made import box_px, captions, clip, cuts, face, series, talk, voice

FACE = box_px(300, 400, 400, 480)


def everything() -> dict[str, Any]:
    """A clip of ten seconds in which all of it happens."""
    return {
        "cut_analysis": cuts(2.0, (4.0, 4.5, "dissolve")),
        "camera_analysis": entry(
            segments=[seg(0.0, 2.0, move="static", shot=0), seg(2.0, 4.25, move="pan_left", shot=1)],
            series=[series("local_motion", (0.1, None), (0.3, LOCAL_MOTION_FW_S - 0.001), (0.5, LOCAL_MOTION_FW_S), (0.7, 0.2))],
            summary={
                "shots": [
                    {"shot": 0, "start_s": 0.0, "end_s": 2.0, "size": "close_up", "camera": {"move": "static"}},
                    {"shot": 1, "start_s": 2.0, "end_s": 4.25, "size": None, "camera": None},
                ]
            },
        ),
        "text_overlay": captions(
            {"start_s": 0.5, "end_s": 2.0, "text": "Wait", "role": "title"},
            {"start_s": 0.0, "end_s": 10.0, "text": "@me", "role": "watermark"},
            {"start_s": 5.0, "end_s": 6.0, "text": "later"},
        ),
        "eye_tracking": face((1.0, 2.5, [(1.0, FACE)]), looks=((1.0, 2.2, True), (2.2, 2.5, None))),
        "speech_flow": voice((0.25, 1.0), (2.5, 4.0)),
        "speech_transcription": talk((0.3, 0.6, "Wait,"), (0.6, 1.0, "what?"), (2.9, 3.2, "This"), (3.2, 3.5, "works.")),
        "audio_analysis": entry(
            segments=[seg(2.0, 2.4, kind="silence")],
            series=[
                series("momentary_lufs", *((round(0.2 + k / 10, 6), -20.0 if k < 30 else -10.0) for k in range(90))),
                series("onset_strength", (0.35, 1.0), (2.5, 1.0), (3.0, 1.0)),
            ],
            summary={"integrated_lufs": -12.5},
        ),
        "audio_environment": entry(segments=[seg(0.0, 10.0, kind="class", label="speech"), seg(4.0, 5.0, kind="event", label="Laughter")]),
        "qwen2_vl_temporal": entry(segments=[seg(0.0, 2.0, what_happens="A face."), seg(4.0, 6.0, what_happens="A cat.")]),
    }


def test_the_whole_opening() -> None:
    found = measure(clip(**everything()))
    assert found.status == "ok" and found.not_measured == {} and found.window_s == 3.0
    assert (found.first_face_s, found.first_text_s, found.first_voice_s, found.first_word_s) == (1.0, 0.5, 0.25, 0.3)
    assert (found.first_cut_s, found.first_sound_s, found.first_motion_s) == (2.0, 0.35, pytest.approx(0.4))
    assert found.face_share == pytest.approx(0.5) and found.largest_face == pytest.approx(0.25)
    assert found.at_camera_share == pytest.approx(0.4) and found.gaze_known_share == pytest.approx(0.4)
    assert found.cuts == 1 and [(s.size, s.move) for s in found.shots or ()] == [("close_up", "static"), (None, None)]
    assert found.text_share == pytest.approx(0.5) and [t.text for t in found.texts or ()] == ["Wait", "@me"]
    assert found.voice_share == pytest.approx(1.25 / 3) and (found.words, found.said) == (3, "Wait, what? This")
    assert found.loudness_lufs == pytest.approx(-20.0) and found.louder_by_lu == pytest.approx(-7.5)
    assert found.silence_share == pytest.approx(0.4 / 3) and found.onsets == 2
    assert [s.label for s in found.sounds or ()] == ["speech"] and found.told == ["A face."]


def test_nothing_measured_at_all_is_unavailable() -> None:
    found = measure(clip(missing=ANALYZER_NAMES))
    assert (found.status, found.reason, found.hint) == ("unavailable", "it did not run", "reelscope models pull x")
    assert found.window_s is None


NEEDED = {
    "cut_analysis": {"first_cut_s", "cuts", "shots"},
    "camera_analysis": {"first_motion_s"},
    "text_overlay": {"first_text_s", "text_share", "texts"},
    "eye_tracking": {"first_face_s", "face_share", "largest_face", "at_camera_share", "gaze_known_share"},
    "speech_flow": {"first_voice_s", "voice_share"},
    "speech_transcription": {"first_word_s", "words", "said"},
    "audio_analysis": {"first_sound_s", "onsets", "silence_share", "loudness_lufs", "louder_by_lu", "clip_loudness_lufs"},
    "audio_environment": {"sounds"},
    "qwen2_vl_temporal": {"told"},
}


@pytest.mark.parametrize("name", NEEDED)
def test_what_is_missing_is_null_with_a_reason_and_nothing_else_changes(name: str) -> None:
    whole, found = measure(clip(**everything())), measure(clip(missing=(name, "object_detection"), **everything()))
    assert set(found.not_measured) == NEEDED[name] and set(found.not_measured.values()) == {"it did not run"}
    for field in type(found).model_fields:
        if field in NEEDED[name]:
            assert getattr(found, field) is None, field
        elif field not in ("not_measured", "shots"):
            assert getattr(found, field) == getattr(whole, field), field


def test_words_are_never_made_of_text_or_voice() -> None:
    found = measure(clip(missing=("speech_transcription",), **everything()))
    assert found.first_word_s is None and found.words is None and found.said is None and found.first_voice_s == 0.25


def test_looked_for_and_not_there_is_null_without_a_reason() -> None:
    empty = {name: entry() for name in ("cut_analysis", "text_overlay", "eye_tracking", "speech_flow", "speech_transcription")}
    found = measure(clip(**empty))
    assert found.first_face_s is None and found.first_text_s is None and found.first_word_s is None and found.first_cut_s is None
    assert not {"first_face_s", "first_text_s", "first_word_s", "first_cut_s", "first_voice_s"} & set(found.not_measured)
    assert (found.face_share, found.text_share, found.words, found.said, found.cuts) == (0.0, 0.0, 0, "", 0)


def test_motion_that_could_not_be_measured_is_not_rest() -> None:
    blank = entry(segments=[], series=[series("local_motion", (0.1, None), (0.3, None))])
    assert "no motion" in measure(clip(camera_analysis=blank)).not_measured["first_motion_s"]
    still = entry(segments=[seg(0.0, 5.0, move="static")], series=[series("local_motion", (0.1, 0.001), (0.3, 0.002))])
    found = measure(clip(camera_analysis=still))
    assert found.first_motion_s is None and "first_motion_s" not in found.not_measured


def test_a_camera_that_moves_is_motion() -> None:
    moving = entry(segments=[seg(1.5, 5.0, move="zoom_in")], series=[series("local_motion", (0.1, 0.0), (0.3, 0.0))])
    assert measure(clip(camera_analysis=moving)).first_motion_s == 1.5


def test_a_short_clip_is_its_own_window() -> None:
    found = measure(clip(2.0, speech_flow=voice((0.0, 1.0)), cut_analysis=cuts()))
    assert found.window_s == 2.0 and found.voice_share == 0.5


def test_a_silent_opening_has_no_loudness_and_says_so() -> None:
    quiet = entry(series=[series("momentary_lufs", (0.2, None), (0.3, -80.0), (5.0, -10.0))], summary={"integrated_lufs": -10.0})
    found = measure(clip(audio_analysis=quiet))
    assert found.loudness_lufs is None and found.louder_by_lu is None and "-70 LUFS" in found.not_measured["loudness_lufs"]
    unheard = entry(series=[series("momentary_lufs", (0.2, None))], summary={"not_measured": {"integrated_lufs": "too quiet"}})
    assert measure(clip(audio_analysis=unheard)).not_measured["clip_loudness_lufs"] == "too quiet"


@pytest.mark.parametrize(
    ("blocks", "loudness"),
    [
        ([], None),
        ([-70.0, -90.0], None),
        ([-23.0] * 5, -23.0),
        ([-23.0, -23.0, -71.0], -23.0),
        ([-20.0, -20.0, -40.0], -20.0),  # the relative gate: ten below the mean of all three
        ([-20.0, -23.0103], 10 * math.log10(0.0075)),
    ],
)
def test_gates_of_bs_1770(blocks: list[float], loudness: float | None) -> None:
    assert gated_lufs(blocks) == (None if loudness is None else pytest.approx(loudness, abs=1e-4))
