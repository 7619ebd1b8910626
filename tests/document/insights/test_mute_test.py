"""Mute and eyes-closed test of hand-made transcripts and captions."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reelscope.document.evidence import Evidence
from reelscope.document.insights.mute_test import WINDOW_S, MuteTest, WithoutPicture, WithoutSound, measure
from tests.document.fixtures import entry
from tests.document.insights.made import captions, clip, talk, voice
from tests.document.insights.sounding import audio, heard, sounding


def caption(start_s: float, end_s: float, text: str, role: str = "caption") -> dict[str, object]:
    return {"start_s": start_s, "end_s": end_s, "text": text, "role": role}


def english(*words: tuple[float, float, str]) -> object:
    found = talk(*words)
    found.summary.language = "en"  # type: ignore[attr-defined]
    return found


def parts(evidence: Evidence) -> tuple[MuteTest, WithoutSound, WithoutPicture]:
    found = measure(evidence)
    assert found.without_sound is not None and found.without_picture is not None
    return found, found.without_sound, found.without_picture


SPOKEN = ((1.0, 1.4, "Pour"), (1.4, 1.6, "the"), (1.6, 2.0, "coffee"), (2.0, 2.6, "slowly."))


@pytest.mark.parametrize(
    ("shown", "on_screen", "spoken_of"),
    [
        ([], 0, (0, 0)),
        ([caption(1.0, 2.6, "pour the COFFEE slowly!")], 3, (3, 3)),
        ([caption(1.0, 2.6, "Step 1: pour")], 1, (1, 3)),
        ([caption(1.0, 2.6, "tea")], 0, (0, 1)),
        ([caption(1.0, 2.6, "pour coffee", "watermark")], 0, (0, 0)),  # nothing that was laid there to be read
        ([caption(1.0, 2.6, "pour coffee", "scene_text")], 0, (0, 0)),
        ([caption(2.6 + WINDOW_S, 5.0, "slowly")], 1, (1, 1)),  # it lags by just as much as it may
        ([caption(2.61 + WINDOW_S, 5.0, "slowly")], 0, (0, 1)),
        ([caption(1.0, 1.4, "pour"), caption(1.4, 2.6, "coffee slowly")], 3, (3, 3)),
        ([caption(1.0, 2.6, "pour pour")], 1, (2, 2)),  # each as often as it stands
    ],
)
def test_words_on_both_sides(shown: list[dict[str, object]], on_screen: int, spoken_of: tuple[int, int]) -> None:
    found, mute, blind = parts(
        sounding(speech_transcription=english(*SPOKEN), text_overlay=captions(*shown), speech_flow=voice((1.0, 2.6)))
    )
    assert found.stop_words == "en"
    assert (mute.spoken_words, mute.on_screen_words, mute.on_screen_share) == (3, on_screen, pytest.approx(on_screen / 3))
    assert (blind.spoken_words, blind.overlaid_words) == spoken_of
    if not spoken_of[1]:
        assert blind.spoken_share is None and found.not_measured["without_picture.spoken_share"]
    assert len(mute.lost) == 3 - on_screen


def test_a_text_long_gone_does_not_count() -> None:
    late = english((5.0, 5.4, "coffee"))
    for end_s, there in ((5.0 - WINDOW_S, 1), (4.99 - WINDOW_S, 0)):
        _, mute, blind = parts(sounding(speech_transcription=late, text_overlay=captions(caption(1.0, end_s, "coffee"))))
        assert mute.on_screen_words == blind.spoken_words == there


def test_without_a_transcript_what_needs_words_is_null_and_says_why() -> None:
    found, mute, blind = parts(
        sounding(missing=("speech_transcription",), text_overlay=captions(caption(1, 3, "coffee")), speech_flow=voice((0.0, 4.0)))
    )
    assert found.status == "ok" and found.hint == "reelscope models pull x"
    for name in ("spoken_words", "on_screen_words", "on_screen_share"):
        assert getattr(mute, name) is None and "did not run" in found.not_measured[f"without_sound.{name}"]
    for name in ("overlaid_words", "spoken_words", "spoken_share"):
        assert getattr(blind, name) is None and "did not run" in found.not_measured[f"without_picture.{name}"]
    assert (mute.voice_s, mute.voice_with_text_s, mute.voice_with_text_share) == (4.0, 2.0, 0.5)  # this needs no words
    assert [(s.start_s, s.end_s) for s in mute.voice_without_text] == [(0.0, 1.0), (3.0, 4.0)]
    assert blind.voice_share == 0.4 and blind.music_share is None and found.not_measured["without_picture.music_share"]


def test_a_language_without_a_list_counts_every_word() -> None:
    words = talk((1.0, 1.4, "the"), (1.4, 1.8, "coffee"))
    found, mute, _ = parts(sounding(speech_transcription=words, text_overlay=captions()))
    assert found.stop_words is None and mute.spoken_words == 2 and mute.on_screen_share == 0


def test_nothing_said_is_no_share() -> None:
    found, mute, _ = parts(sounding(speech_transcription=entry(), text_overlay=captions(caption(0, 1, "a")), speech_flow=voice()))
    assert mute.spoken_words == 0 and mute.on_screen_share is None
    assert found.not_measured["without_sound.on_screen_share"] == "no content word is spoken"
    assert mute.voice_with_text_share is None and found.not_measured["without_sound.voice_with_text_share"] == "nobody speaks"


def test_a_clip_without_sound_leaves_nothing_to_hear() -> None:
    found, mute, blind = parts(clip(text_overlay=captions(caption(0, 1, "coffee"))))
    assert (blind.voice_share, blind.music_share, blind.heard_share, blind.not_silent_share) == (0, 0, 0, 0)
    assert mute.voice_s is None and found.not_measured["without_sound.voice_s"] == "the clip has no sound track"


def test_what_is_heard() -> None:
    _, _, blind = parts(
        sounding(
            text_overlay=captions(),
            speech_flow=voice((0.0, 2.0)),
            audio_environment=heard((0.0, 2.0, "speech"), (1.0, 4.0, "music"), (6.0, 7.0, "Dog", "event"), (7.0, 10.0, "noise")),
            audio_analysis=audio(silence=((8.0, 9.0),)),
        )
    )
    assert (blind.voice_share, blind.music_share, blind.heard_share, blind.not_silent_share) == (0.2, 0.3, 0.5, 0.9)


def test_without_anything_it_is_unavailable() -> None:
    found = measure(sounding(missing=("text_overlay", "speech_flow", "speech_transcription")))
    assert (found.status, found.code) == ("unavailable", "no_backend") and found.without_sound is None


WORD = st.sampled_from(["coffee", "dog", "monday", "the", "a", "1,000", "don't", ""])
ROW = st.tuples(st.floats(0, 9), st.floats(0.1, 3), WORD)


@given(st.lists(ROW, max_size=8), st.lists(ROW, max_size=6))
def test_shares_stay_between_none_and_all(said: list[tuple[float, float, str]], shown: list[tuple[float, float, str]]) -> None:
    words = sorted((a, min(10.0, a + d), w) for a, d, w in said)
    _, mute, blind = parts(
        sounding(
            speech_transcription=english(*words),
            text_overlay=captions(*(caption(a, min(10.0, a + d), w) for a, d, w in shown)),
            speech_flow=voice(*((a, b) for a, b, _ in words)),
        )
    )
    for share in (mute.on_screen_share, mute.voice_with_text_share, blind.spoken_share, blind.voice_share):
        assert share is None or 0 <= share <= 1
    assert mute.spoken_words is not None and mute.on_screen_words is not None and mute.on_screen_words <= mute.spoken_words


def test_all_that_is_shown_is_said_and_all_said_shown() -> None:
    words = [(i * 1.0, i + 0.9, w) for i, w in enumerate(("pour", "coffee", "slowly"))]
    _, mute, blind = parts(sounding(speech_transcription=talk(*words), text_overlay=captions(*(caption(a, b, w) for a, b, w in words))))
    assert mute.on_screen_share == blind.spoken_share == 1.0
