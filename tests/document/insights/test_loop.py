"""Loop of hand-made ends. That clips really loop, or do not, is measured in bench/accuracy (insights)."""

from __future__ import annotations

from typing import Any

import pytest

from reelscope.document.insights.loop import Loop, LoopPicture, measure
from reelscope.document.schema import AnalyzerEntry
from tests.document.fixtures import entry
from tests.document.insights.made import captions, clip, cuts, face, talk, voice
from tests.document.insights.sounding import audio, heard, sounding

BOX = [0.2, 0.2, 0.4, 0.4]


def seam(difference: float, *, first: float | None = 0.005, last: float | None = 0.005, palette: float = 0.1) -> AnalyzerEntry:
    found = {"first_s": 0.0, "last_s": 9.97, "palette_distance": palette, "layout_distance": 0.05, "difference": difference}
    return entry(summary={"seam": {**found, "usual_first": first, "usual_last": last}})


def picture(**entries: Any) -> tuple[Loop, LoopPicture]:
    found = measure(clip(**entries))
    assert found.picture is not None
    return found, found.picture


@pytest.mark.parametrize(
    ("given", "meets", "limit"),
    [
        (seam(0.0), True, 0.01),
        (seam(0.01), True, 0.01),
        (seam(0.0101), False, 0.01),
        (seam(0.05, last=0.05), True, 0.05),  # so much moves there anyway
        (seam(0.05, first=0.04, last=0.049), False, 0.049),
        (seam(0.02, first=None, last=None), False, 0.01),
    ],
)
def test_picture(given: AnalyzerEntry, meets: bool, limit: float) -> None:
    found, seen = picture(scene_segmentation=given)
    assert (seen.meets, seen.limit) == (meets, limit)
    assert ("picture" in found.meeting, "picture" in found.apart) == (meets, not meets)
    assert "sound" in found.unknown and "sentence" in found.unknown


def test_the_same_place_with_a_jump_is_said() -> None:
    assert picture(scene_segmentation=seam(0.1))[1].same_look is True
    assert picture(scene_segmentation=seam(0.1, palette=0.6))[1].same_look is False


@pytest.mark.parametrize(("summary", "reason"), [({"seam": None}, "fewer than two frames"), ({"scenes": 1}, "did not compare")])
def test_no_frames_to_compare(summary: dict[str, Any], reason: str) -> None:
    found, seen = picture(scene_segmentation=entry(summary=summary))
    assert seen.meets is None and seen.same_look is None and reason in found.not_measured["picture.meets"]


def test_faces_and_texts_at_both_ends() -> None:
    ends = face((0.0, 2.0, [(0.0, BOX), (1.0, [0.0, 0.0, 0.1, 0.1])]), (8.0, 10.0, [(8.0, [0.9, 0.9, 0.1, 0.1]), (9.8, BOX)]))
    standing = (
        {"start_s": 0.2, "end_s": 3, "text": "one"},
        {"start_s": 4, "end_s": 6, "text": "two"},
        {"start_s": 8, "end_s": 10, "text": "one"},
    )
    _, seen = picture(scene_segmentation=seam(0.0), eye_tracking=ends, text_overlay=captions(*standing), cut_analysis=cuts(5.0))
    assert seen.face_iou == pytest.approx(1.0) and seen.same_texts is True
    assert (seen.first.shot, seen.last.shot, seen.first.texts, seen.last.texts) == (0, 1, ["one"], ["one"])
    _, seen = picture(scene_segmentation=seam(0.0), eye_tracking=face((0.0, 2.0, [(0.0, BOX)])), text_overlay=captions(standing[0]))
    assert seen.face_iou == 0.0 and seen.same_texts is False
    found, seen = picture(scene_segmentation=seam(0.0), eye_tracking=face())
    assert seen.face_iou is None and found.not_measured["picture.face_iou"] == "no face is seen at either end"
    assert seen.same_texts is None and "text_overlay" in found.not_measured["picture.same_texts"]


@pytest.mark.parametrize(
    ("level", "meets"),
    [
        (lambda t: -20.0, True),
        (lambda t: -20.0 if t < 5 else -25.0, True),  # 5 LU and 5 dB
        (lambda t: -20.0 if t < 5 else -28.0, False),
        (lambda t: -20.0 if t < 5 else None, False),  # ends in silence
        (lambda t: None, True),  # silent at both ends: nothing is heard to break
        (lambda t: -20.0 if t < 9 else -20.0 - 30 * (t - 9), False),  # fades out
    ],
)
def test_sound(level: Any, meets: bool) -> None:
    found = measure(sounding(audio_analysis=audio(level=level)))
    assert found.sound is not None and found.sound.meets is meets, found.sound
    assert ("sound" in found.meeting) is meets


def test_music_voice_and_silence_at_the_seam() -> None:
    found = measure(
        sounding(
            audio_analysis=audio(silence=((0.0, 0.4), (9.0, 10.0))),
            audio_environment=heard((0.0, 4.0, "music"), (9.0, 10.0, "music")),
            speech_flow=voice((0.2, 3.0), (8.0, 9.4)),
        )
    ).sound
    assert found is not None
    assert (found.music_through, found.voice_first, found.voice_last) == (True, True, False)
    assert (found.silence_first_s, found.silence_last_s) == (0.4, 1.0)
    half = measure(sounding(audio_analysis=audio(), audio_environment=heard((0.0, 9.8, "music")))).sound
    assert half is not None and half.music_through is False


@pytest.mark.parametrize(
    ("beats", "pulse", "gap", "on_beat"),
    [
        ((0.5, 9.5), ((0.0, 10.0, 60.0),), 1.0, True),
        ((0.5, 9.0), ((0.0, 10.0, 60.0),), 1.5, False),
        ((0.25, 9.25), ((0.0, 4.0, 120.0), (6.0, 10.0, 120.0)), 2.0, True),
        ((0.5, 9.5), ((0.0, 4.0, 120.0), (6.0, 10.0, 100.0)), None, None),  # another tempo
        ((0.5, 9.5), ((2.0, 10.0, 60.0),), None, None),  # not felt at the beginning
        ((), (), None, None),
    ],
)
def test_the_beat_over_the_seam(beats: Any, pulse: Any, gap: float | None, on_beat: bool | None) -> None:
    found = measure(sounding(audio_analysis=audio(beats=beats, pulse=pulse)))
    assert found.sound is not None
    assert found.sound.beat_gap == (gap if gap is None else pytest.approx(gap)) and found.sound.on_beat is on_beat
    assert (on_beat is None) == ("sound.on_beat" in found.not_measured)


def test_no_sound_track_and_too_short_a_clip() -> None:
    assert measure(clip(scene_segmentation=seam(0.0))).not_measured["sound.meets"] == "the clip has no sound track"
    short = measure(sounding(0.9, audio_analysis=audio(0.9)))
    assert short.sound is not None and short.sound.meets is None and "shorter than 1 s" in short.not_measured["sound.meets"]


def said(text: str, *, end_s: float = 9.9) -> AnalyzerEntry:
    words = text.split()
    step = end_s / len(words)
    return talk(*((i * step, (i + 1) * step, w) for i, w in enumerate(words)))


@pytest.mark.parametrize(
    ("text", "meets", "open_", "repeated"),
    [
        ("never buy coffee again. And that is why I", True, True, 0),
        ("Never buy coffee again. And that is why I", None, True, 0),  # a capital letter tells nothing
        ("Never buy coffee again. That was it.", False, False, 0),
        ("what I did. Never again what I did.", True, False, 3),
        ("Never again, coffee again. never again coffee", True, True, 3),
        ("never buy coffee. And so I...", True, True, 0),  # trails off
        ('never buy coffee. And so "I stopped."', False, False, 0),
        ("never buy coffee and so I", None, None, 0),  # no full stop anywhere
        ("one two three and then one two three", True, None, 3),
        ("\u4f60\u597d \u4e16\u754c\u3002 \u4f60\u597d \u4e16\u754c\u3002 \u518d\u89c1", None, True, 0),  # no small letters
    ],
)
def test_sentence(text: str, meets: bool | None, open_: bool | None, repeated: int) -> None:
    found = measure(sounding(speech_transcription=said(text)))
    assert found.sentence is not None
    assert (found.sentence.meets, found.sentence.ends_open, found.sentence.repeated_words) == (meets, open_, repeated)
    assert ("sentence.meets" in found.not_measured) == (meets is None)


def test_cut_off_while_the_voice_runs() -> None:
    for end_s, cut_off in ((9.71, True), (9.69, False)):
        found = measure(sounding(speech_transcription=said("so. this is why I", end_s=end_s))).sentence
        assert found is not None and found.cut_off is cut_off and found.last_words == "so. this is why I"


def test_without_words_nothing_is_said_of_sentences() -> None:
    texts = captions({"start_s": 0, "end_s": 10, "text": "and that is why"})
    found = measure(sounding(missing=("speech_transcription",), text_overlay=texts, speech_flow=voice((0, 10)), audio_analysis=audio()))
    assert found.sentence is not None and found.sentence.meets is None and found.sentence.ends_open is None
    assert "did not run" in found.not_measured["sentence.meets"]
    assert measure(sounding(speech_transcription=entry(), audio_analysis=audio())).not_measured["sentence.meets"] == "no word is spoken"


def test_without_anything_it_is_unavailable() -> None:
    found = measure(clip(missing=("scene_segmentation", "audio_analysis", "speech_transcription")))
    assert (found.status, found.code, found.picture) == ("unavailable", "no_backend", None)
