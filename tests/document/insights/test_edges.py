"""Where one channel ends before another, comes from elsewhere, or could not be read: what the insights say then."""

from __future__ import annotations

import random

import pytest

from reelscope.analyzers.cross_analyzer_intelligence import analyse
from reelscope.document.evidence import Evidence
from reelscope.document.insights import attention, hook, loop, mute_test, reading_load, reshoot
from reelscope.document.measures.words import joined
from reelscope.document.schema import AudioInfo
from tests.document.fixtures import entry, seg
from tests.document.insights.made import box_px, captions, clip, cuts, talk, voice
from tests.document.insights.sounding import audio, sounding

FACE = {"track_id": 0, "start_s": 2.0, "end_s": 8.0, "label": "face", "points": [{"t_s": 2.0, "xywh_norm": box_px(0, 1500, 300, 300)}]}


def short_of_sound(start_s: float = 0.0, end_s: float = 2.0) -> Evidence:
    found = clip(6.0, audio_analysis=audio(2.0), cut_analysis=cuts(3.0), text_overlay=captions(), speech_flow=voice())
    found.media.audio = AudioInfo(codec="aac", rate_hz=48000, channels=1, layout="mono", start_s=start_s, duration_s=end_s - start_s)
    return found


def test_where_the_sound_track_has_ended_it_is_silent() -> None:
    found = short_of_sound()
    assert found.silence.items == ((2.0, 6.0),)
    assert mute_test.measure(found).without_picture.not_silent_share == pytest.approx(1 / 3)
    assert attention.measure(found).seconds["silence"] == pytest.approx(4.0)
    assert loop.measure(found).sound.silence_last_s == pytest.approx(4.0)
    assert [s.sound.silence_share for s in reshoot.measure(found).shots] == pytest.approx([1 / 3, 1.0])


def test_before_it_begins_too_but_not_for_some_frames() -> None:
    assert short_of_sound(1.0, 6.0).silence.items == ((0.0, 1.0),)
    assert short_of_sound(0.05, 5.9).silence.items == ()


def test_faces_of_a_detector_are_its_own() -> None:
    detector = entry(tracks=[FACE], segments=[], summary={"vocabulary": ["face", "person"]})
    found = clip(10.0, object_detection=detector, text_overlay=captions(), cut_analysis=cuts(), speech_flow=voice())
    assert found.faces_from == "object_detection"
    result = analyse(found)
    assert {c.source for s in result.segments if s.claim == "face_hidden" for c in s.evidence} == {"object_detection"}
    assert "cannot contradict itself" in result.summary.not_measured["face_without_person"] and result.summary.contradictions == 0
    late = next(s for s in attention.measure(found).stretches if s.kind == "late_hook")
    assert [r.source for r in late.evidence] == ["object_detection"]
    assert clip(10.0, object_detection=detector, eye_tracking=entry()).faces_from == "eye_tracking"


@pytest.mark.parametrize("mark", [(), (seg(0.0, 12.0, text="@b", role="watermark", track_id=1, xywh_norm=[0.8, 0.9, 0.1, 0.05]),)])
def test_over_lines_that_could_not_be_read_nothing_is_said_of_what_is_new(mark: tuple) -> None:
    unread = entry(segments=list(mark), summary={"unreadable_lines": 9})
    found = clip(12.0, text_overlay=unread, cut_analysis=cuts(), speech_flow=voice(), eye_tracking=entry())
    risks = attention.measure(found)
    assert {s.kind for s in risks.stretches} & {"nothing_new", "late_hook", "picture_unchanged"} == set()
    opening = hook.measure(found)
    assert opening.text_share is None and opening.first_text_s is None and "9 lines" in opening.not_measured["text_share"]


def test_words_are_joined_as_their_language_is_written() -> None:
    assert joined([("今", "zh"), ("天", "zh"), ("good", "en"), ("day", None)]) == "今天 good day" and joined([]) == ""
    spoken = talk((0.5, 0.8, "今"), (0.8, 1.1, "天"))
    spoken.segments[0].language = "zh"
    found = sounding(4.0, speech_transcription=spoken, cut_analysis=cuts(), speech_flow=voice((0.5, 1.1)))
    assert hook.measure(found).said == "今天"
    assert [s.sound.words for s in reshoot.measure(found).shots] == ["今天"]
    assert loop.measure(found).sentence.last_words == "今天"


def test_the_load_of_many_texts_is_their_sum_at_every_time() -> None:
    """The running sums against adding up what stands, text by text."""
    rng = random.Random(3)
    starts = [rng.uniform(0, 50) for _ in range(120)]
    texts = [{"start_s": a, "end_s": a + rng.uniform(0.3, 6), "text": "word " * rng.randint(1, 9)} for a in starts]
    found = reading_load.measure(clip(60.0, text_overlay=captions(*texts)))
    for row in found.texts:
        times = [row.start_s, *(r.start_s for r in found.texts if row.start_s <= r.start_s < row.end_s)]
        assert row.at_once == max(sum(r.start_s <= t < r.end_s for r in found.texts) for t in times)
    assert found.load is not None
    for t, load in zip(found.load.t_s, found.load.load, strict=True):
        lo, hi = t - 0.25, t + 0.25
        true = sum(max(0.0, min(hi, r.end_s) - max(lo, r.start_s)) * r.needed_s / r.dwell_s for r in found.texts) / 0.5
        assert load == pytest.approx(true, abs=1e-9)
