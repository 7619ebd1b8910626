"""Attention risks of hand-made clips."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reelscope.document.evidence import Evidence
from reelscope.document.insights.attention import Attention, measure
from reelscope.document.schema import AnalyzerEntry
from tests.document.fixtures import entry, seg
from tests.document.insights.made import captions, clip, cuts, face, series, talk, voice
from tests.document.insights.sounding import audio, heard, sounding

BOX = [0.2, 0.2, 0.4, 0.4]


def text(start_s: float, end_s: float, words: str = "hi", role: str = "caption") -> dict[str, object]:
    return {"start_s": start_s, "end_s": end_s, "text": words, "role": role}


def of(found: Attention, kind: str) -> list[tuple[float, float]]:
    return [(s.start_s, s.end_s) for s in found.stretches if s.kind == kind]


def quiet(duration_s: float = 20.0, **entries: Any) -> Evidence:
    """A silent picture of one shot without anything, but for what is given."""
    return clip(duration_s, **{"cut_analysis": cuts(), "text_overlay": captions(), **entries})


@pytest.mark.parametrize(
    ("given", "stretches"),
    [
        ({}, [(0.0, 20.0)]),
        ({"cut_analysis": cuts(10.0)}, [(0.0, 10.0), (10.0, 20.0)]),
        ({"cut_analysis": cuts((9.0, 11.0, "dissolve"))}, [(0.0, 10.0), (10.0, 20.0)]),
        ({"cut_analysis": cuts(*range(1, 20, 2))}, []),
        ({"cut_analysis": cuts(2.9, 5.8, 8.7, 11.6, 14.5, 17.4)}, []),
        ({"text_overlay": captions(text(4.0, 8.0))}, [(0.0, 4.0), (4.0, 20.0)]),
        ({"text_overlay": captions(text(4.0, 8.0, role="scene_text"))}, [(0.0, 20.0)]),
        ({"eye_tracking": face((12.0, 15.0, [(12.0, BOX)]))}, [(0.0, 12.0), (12.0, 20.0)]),
        ({"eye_tracking": face((12.0, 12.4, [(12.0, BOX)]))}, [(0.0, 20.0)]),  # too short to be seen
        ({"eye_tracking": face((0.2, 15.0, [(0.2, BOX)]))}, [(0.0, 20.0)]),  # there from the start
        (
            {"cut_analysis": cuts(12.0), "eye_tracking": face((12.2, 15.0, [(12.2, BOX)]))},
            [(0.0, 12.0), (12.0, 20.0)],
        ),  # there from the cut
        (
            {"camera_analysis": entry(segments=[seg(0, 8, shot=0, move="static"), seg(8, 20, shot=0, move="pan_left")])},
            [(0.0, 8.0), (8.0, 20.0)],
        ),
        ({"camera_analysis": entry(segments=[seg(0, 8, shot=0, move="static"), seg(9, 20, shot=0, move="static")])}, [(0.0, 20.0)]),
        ({"body_pose": entry(segments=[seg(7, 8, kind="gesture", gesture="wave"), seg(9, 12, kind="posture")])}, [(0.0, 7.0), (7.0, 20.0)]),
    ],
)
def test_nothing_new(given: dict[str, AnalyzerEntry], stretches: list[tuple[float, float]]) -> None:
    found = measure(quiet(**given))
    assert of(found, "nothing_new") == stretches
    assert of(found, "picture_unchanged") == [s for s in stretches if s[1] - s[0] >= 5]
    assert found.seconds["nothing_new"] == pytest.approx(sum(b - a for a, b in stretches))


def test_voice_is_news_while_it_goes_on_but_not_to_the_picture() -> None:
    found = measure(sounding(20.0, cut_analysis=cuts(), text_overlay=captions(), speech_flow=voice((2.0, 12.0), (18.0, 19.0))))
    assert of(found, "nothing_new") == [(12.0, 18.0)]
    assert of(found, "picture_unchanged") == [(0.0, 20.0)]
    assert found.longest_without_news_s == 6.0


def test_sounds_are_news() -> None:
    base = {"cut_analysis": cuts(), "text_overlay": captions(), "speech_flow": voice()}
    found = measure(
        sounding(
            20.0, **base, audio_environment=heard((0, 20, "music"), (9.0, 9.5, "Dog", "event"), (12, 12.4, "noise"), (15, 20, "silence"))
        )
    )
    assert of(found, "nothing_new") == [(0.0, 9.0), (9.0, 20.0)]
    found = measure(sounding(20.0, **base, audio_analysis=audio(20.0, silence=((5.0, 7.0), (12.0, 12.9)))))
    assert of(found, "nothing_new") == [(0.0, 5.0), (7.0, 20.0)]
    assert of(found, "silence") == [(5.0, 7.0)]


def test_evidence_says_what_came_before_and_after_and_how_much_moves() -> None:
    moving = entry(series=[series("local_motion", (1.0, 0.5), (6.0, 0.02), (8.0, 0.04), (12.0, 0.5))])
    found = measure(quiet(text_overlay=captions(text(4.0, 8.0, "stop")), cut_analysis=cuts(10.0), camera_analysis=moving))
    row = next(s for s in found.stretches if s.kind == "nothing_new" and s.start_s == 4.0)
    assert [(e.source, e.what, e.t_s, e.value) for e in row.evidence] == [
        ("text_overlay", "before: text: stop", 4.0, None),
        ("cut_analysis", "after: cut", 10.0, None),
        ("camera_analysis", "movement in the picture", None, pytest.approx(0.03)),
    ]


@pytest.mark.parametrize(
    ("entries", "until"),
    [
        ({}, 20.0),
        ({"cut_analysis": cuts(1.5)}, None),
        ({"cut_analysis": cuts(1.6)}, 1.6),
        ({"cut_analysis": cuts(5.0), "text_overlay": captions(text(1.0, 3.0))}, None),
        ({"cut_analysis": cuts(5.0), "text_overlay": captions(text(0.0, 20.0, "@me", "watermark"))}, 5.0),
        ({"eye_tracking": face((0.0, 3.0, [(0.0, BOX)]))}, None),
        ({"eye_tracking": face((4.0, 8.0, [(4.0, BOX)]))}, 4.0),
    ],
)
def test_late_hook(entries: dict[str, AnalyzerEntry], until: float | None) -> None:
    assert of(measure(quiet(**entries)), "late_hook") == ([] if until is None else [(0.0, until)])


def test_overload_and_two_messages() -> None:
    busy = captions(text(2.0, 4.0, "x" * 60), text(6.0, 9.0, "quiet words here"))
    said = talk((2.5, 3.0, "other"), (6.5, 7.0, "something"), (7.0, 7.5, "else"))
    found = measure(
        sounding(20.0, cut_analysis=cuts(), text_overlay=busy, speech_flow=voice((2.5, 3.0), (6.5, 7.5)), speech_transcription=said)
    )
    assert of(found, "reading_overload") == [(2.0, 4.0)]
    assert of(found, "two_messages") == [(2.5, 3.0), (6.5, 7.5)]
    last = [s for s in found.stretches if s.kind == "two_messages"][-1]
    assert [e.what for e in last.evidence] == ["to read: quiet words here", "spoken: something else"]
    same = talk((6.5, 7.0, "quiet"), (7.0, 7.2, "words"), (7.2, 7.5, "here"))
    heard_too = measure(
        sounding(
            20.0,
            cut_analysis=cuts(),
            text_overlay=captions(text(6, 9, "quiet words here")),
            speech_flow=voice((6.5, 7.5)),
            speech_transcription=same,
        )  # fmt: skip
    )
    assert of(heard_too, "two_messages") == []


def test_without_words_two_messages_are_not_told() -> None:
    found = measure(
        sounding(missing=("speech_transcription",), cut_analysis=cuts(), text_overlay=captions(text(1, 3)), speech_flow=voice((1, 3)))
    )
    assert "two_messages" not in found.seconds and "did not run" in found.not_measured["two_messages"]
    assert "reading_overload" in found.seconds


def test_black_and_frozen() -> None:
    quality = entry(
        segments=[seg(1.0, 1.4, kind="black"), seg(3.0, 3.6, kind="black"), seg(5.0, 7.0, kind="frozen"), seg(0, 9, kind="shot")]
    )
    found = measure(quiet(content_quality=quality))
    assert of(found, "black") == [(3.0, 3.6)] and of(found, "frozen") == [(5.0, 7.0)]


@pytest.mark.parametrize("gone", ["cut_analysis", "text_overlay", "speech_flow"])
def test_what_must_be_known_is(gone: str) -> None:
    given = {"cut_analysis": cuts(), "text_overlay": captions(), "speech_flow": voice(), "audio_analysis": audio()}
    found = measure(sounding(missing=(gone,), **given))
    assert found.status == "ok" and "nothing_new" not in found.seconds and "did not run" in found.not_measured["nothing_new"]
    assert found.longest_without_news_s is None and found.news is None
    assert ("picture_unchanged" in found.seconds) == (gone == "speech_flow")
    assert "silence" in found.seconds and found.not_looked_at[gone]


def test_what_was_not_looked_at_is_said_and_sound_only_where_there_is_some() -> None:
    found = measure(quiet())
    assert "camera_analysis" in found.not_looked_at and "audio_environment" not in found.not_looked_at
    assert found.not_measured["silence"] == "the clip has no sound track"


def test_without_anything_it_is_unavailable() -> None:
    found = measure(clip(missing=("cut_analysis", "text_overlay")))
    assert (found.status, found.code, found.stretches) == ("unavailable", "no_backend", [])


# As times stand in a document: whole microseconds.
TIMES = st.lists(st.integers(0, 12_000_000).map(lambda us: us / 1e6), max_size=6)
SPANS = st.lists(st.tuples(st.integers(0, 11_000_000), st.integers(50_000, 6_000_000)), max_size=5)


@given(TIMES, SPANS, SPANS, SPANS)
def test_stretches_lie_in_the_clip_and_do_not_overlap(cut_s: list[float], texts: Any, voices: Any, silences: Any) -> None:
    def inside(spans: list[tuple[int, int]]) -> list[tuple[float, float]]:
        return sorted((a / 1e6, min(12_000_000, a + d) / 1e6) for a, d in spans)

    found = measure(
        sounding(
            12.0,
            cut_analysis=cuts(*sorted(cut_s)),
            text_overlay=captions(*(text(a, b, "a few words to read") for a, b in inside(texts))),
            speech_flow=voice(*inside(voices)),
            speech_transcription=talk(*((a, b, "word") for a, b in inside(voices))),
            audio_analysis=audio(12.0, silence=tuple(inside(silences))),
        )
    )
    for kind, seconds in found.seconds.items():
        rows = of(found, kind)
        assert all(0 <= a < b <= 12.0 for a, b in rows)
        assert all(left[1] <= right[0] for left, right in pairwise(rows))
        assert seconds == pytest.approx(sum(b - a for a, b in rows), abs=1e-6)
    for a, b in of(found, "nothing_new"):
        assert not any(a < t < b for t in cut_s) and b - a >= 3
