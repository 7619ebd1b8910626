"""Reading load of hand-made captions."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reelscope.document.insights.reading_load import measure, reading_s
from tests.document.fixtures import entry
from tests.document.insights.made import captions, clip, talk, voice


def caption(start_s: float, end_s: float, text: str, **fields: object) -> dict[str, object]:
    return {"start_s": start_s, "end_s": end_s, "text": text, **fields}


def test_without_text_overlay_it_is_unavailable() -> None:
    found = measure(clip(missing=("text_overlay",), speech_transcription=talk((0.0, 1.0, "words")), speech_flow=voice((0.0, 1.0))))
    assert (found.status, found.code) == ("unavailable", "no_backend") and found.texts == [] and found.characters is None


def test_no_text_is_measured_and_its_rates_say_why_they_are_null() -> None:
    found = measure(clip(text_overlay=entry(summary={"unreadable_lines": 0}), speech_flow=voice()))
    assert found.status == "ok" and found.characters == 0 and found.text_s == 0.0 and found.load is not None
    assert found.chars_per_s is None and found.not_measured["chars_per_s"] == "no text is laid over the picture"
    assert found.unread_lines == 0


@pytest.mark.parametrize(
    ("text", "cps", "needed"),
    [
        ("a" * 34, 17.0, 2.0),
        ("one two", 17.0, 7 / 17),
        ("\u4f60\u597d\u4e16\u754c", 17.0, 4 / 9),
        ("\u3053\u3093\u306b\u3061\u306f", 17.0, 5 / 4),
        ("\u7248\u672c 12", 20.0, 2 / 9 + 3 / 20),
        ("", 17.0, 0.0),
    ],
)
def test_time_to_read(text: str, cps: float, needed: float) -> None:
    assert reading_s(text, cps) == pytest.approx(needed)


@pytest.mark.parametrize(
    ("characters", "dwell_s", "pace", "spare_s"),
    [
        (34, 2.0, "comfortable", 0.0),
        (35, 2.0, "fast", 2.0 - 35 / 17),
        (40, 2.0, "fast", 2.0 - 40 / 17),
        (41, 2.0, "too_fast", 2.0 - 41 / 17),
        (4, 0.4, "comfortable", 0.4 - 4 / 17),
    ],
)
def test_pace(characters: int, dwell_s: float, pace: str, spare_s: float) -> None:
    found = measure(clip(text_overlay=captions(caption(1.0, 1.0 + dwell_s, "x" * characters))))
    row = found.texts[0]
    assert (row.pace, row.characters, row.dwell_s) == (pace, characters, pytest.approx(dwell_s))
    assert row.spare_s == pytest.approx(spare_s, abs=1e-9) and row.chars_per_s == pytest.approx(characters / dwell_s, rel=1e-4)
    assert (found.fast, found.too_fast) == (pace == "fast", pace == "too_fast")
    assert found.short_s == pytest.approx(max(0.0, -spare_s), abs=1e-9)


def test_several_texts_at_once_add_up() -> None:
    rows = [caption(0.0, 2.0, "x" * 17), caption(1.0, 3.0, "y" * 34), caption(1.0, 2.0, "z" * 17, role="title")]
    found = measure(clip(4.0, text_overlay=captions(*rows)))
    assert [r.at_once for r in found.texts] == [3, 3, 3] and found.most_at_once == 3
    assert found.several_s == 1.0 and found.text_s == 3.0
    assert found.load is not None and found.load.load == pytest.approx([0.5, 0.5, 2.5, 2.5, 1.0, 1.0, 0.0, 0.0])
    assert [(s.start_s, s.end_s) for s in found.overloaded] == [(1.0, 2.0)] and found.overloaded_s == 1.0
    assert found.chars_per_s == pytest.approx(68 / 3, rel=1e-4)


def test_one_after_another_is_not_at_once() -> None:
    found = measure(clip(text_overlay=captions(caption(0.0, 1.0, "one"), caption(1.0, 2.0, "two"))))
    assert found.most_at_once == 1 and found.several_s == 0.0


def test_watermarks_and_scene_are_not_counted() -> None:
    rows = [caption(0.0, 9.0, "@me", role="watermark"), caption(0.0, 9.0, "EXIT", role="scene_text"), caption(0.0, 1.0, "hey")]
    assert [r.text for r in measure(clip(text_overlay=captions(*rows))).texts] == ["hey"]


def test_overlap_with_voice_needs_no_words_but_the_rest_does() -> None:
    found = measure(clip(text_overlay=captions(caption(1.0, 3.0, "hello there")), speech_flow=voice((2.0, 5.0))))
    assert found.texts[0].over_speech_s == 1.0 and found.over_speech_s == 1.0 and found.over_speech_share == 0.5
    assert found.texts[0].said_share is None and found.competing_s is None and found.competing == []
    assert set(found.not_measured) == {"said_share", "competing_s"}


def test_without_voice_the_overlap_is_null_with_the_reason() -> None:
    found = measure(clip(missing=("speech_flow",), text_overlay=captions(caption(1.0, 3.0, "hello"))))
    assert found.texts[0].over_speech_s is None and found.over_speech_s is None
    assert found.not_measured["over_speech_s"] == "it did not run" and found.not_measured["competing_s"] == "it did not run"


@pytest.mark.parametrize(
    ("text", "share", "competing"),
    [
        ("Hello there, friend!", 1.0, []),
        ("hello there mate", 2 / 3, []),
        ("Link in bio", 0.0, [(1.0, 2.0)]),
        ("friend there hello", 1 / 3, [(1.0, 2.0)]),
    ],
)
def test_what_is_said_does_not_compete(text: str, share: float, competing: list[tuple[float, float]]) -> None:
    words = talk((0.6, 1.2, "hello"), (1.2, 1.5, "there"), (1.5, 2.0, "friend"))
    found = measure(clip(text_overlay=captions(caption(1.0, 3.0, text)), speech_transcription=words, speech_flow=voice((0.6, 2.0))))
    assert found.texts[0].said_share == pytest.approx(share)
    assert [(s.start_s, s.end_s) for s in found.competing] == competing
    assert found.competing_s == sum(b - a for a, b in competing)


def test_words_long_before_or_after_are_not_said_with_the_text() -> None:
    words = talk((0.0, 0.4, "hello"), (5.0, 5.4, "hello"))
    found = measure(clip(text_overlay=captions(caption(1.0, 3.0, "hello")), speech_transcription=words))
    assert found.texts[0].said_share == 0.0


@pytest.mark.parametrize(
    ("height_share", "ratio", "large", "least", "ok"),
    [
        (0.02, 4.4, False, 4.5, False),
        (0.02, 4.6, False, 4.5, True),
        (0.04, 4.4, True, 3.0, True),
        (0.04, 2.9, True, 3.0, False),
        (None, 21.0, None, None, None),
        (0.04, None, True, 3.0, None),
    ],
)
def test_contrast(height_share: float | None, ratio: float | None, large: bool | None, least: float | None, ok: bool | None) -> None:
    found = measure(clip(text_overlay=captions(caption(0.0, 1.0, "hey", line_height_share=height_share, contrast_ratio=ratio))))
    row = found.texts[0]
    assert (row.large, row.contrast_least, row.contrast_ok) == (large, least, ok)
    assert (row.contrast_reason is None) == (ok is not None)
    assert found.low_contrast == (ok is False)
    assert (found.lowest_contrast_ratio is None) == ("lowest_contrast_ratio" in found.not_measured)


def test_letters_of_a_wide_clip_are_smaller_on_the_phone() -> None:
    """A picture 1920 wide is shown at 1080: letters of 8 % of its height are 1080 * 0.08 * 0.5625 = 49 px, below the 60 of large ones."""
    rows = captions(caption(0.0, 1.0, "hey", line_height_share=0.08))
    assert measure(clip(size=(1920, 1080), text_overlay=rows)).texts[0].large is False
    assert measure(clip(size=(1080, 1920), text_overlay=rows)).texts[0].large is True


@given(
    st.lists(st.tuples(st.integers(0, 30), st.integers(1, 12), st.integers(1, 80)), max_size=6),
)
def test_the_load_over_time_adds_up_to_the_time_that_reading_takes(texts: list[tuple[int, int, int]]) -> None:
    """Seconds of load are seconds of reading: nothing is lost in the steps or counted twice."""
    rows = [caption(a / 4, (a + n) / 4, "x" * k) for a, n, k in texts]
    found = measure(clip(11.3, text_overlay=captions(*rows)))
    assert found.load is not None
    widths = [min(0.5, 11.3 - 0.5 * k) for k in range(len(found.load.t_s))]
    area = sum(w * v for w, v in zip(widths, found.load.load, strict=True))
    assert area == pytest.approx(sum(k for *_, k in texts) / 17, abs=1e-6)
    assert len(found.load.t_s) <= 2 * 11.3 + 1
