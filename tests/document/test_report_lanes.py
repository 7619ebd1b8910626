"""Rows of the timeline: words by voice, people before things, faults that stand out, the waveform."""

from __future__ import annotations

import re
from typing import Any

import pytest

from reelscope.document.report import speech_rows as spoken
from reelscope.document.report.curves import WIDTH, waveform
from reelscope.document.report.items import DENSE, Maker, Tips
from reelscope.document.report.labels import alarming, details_of, striking
from reelscope.document.report.lanes import lane
from reelscope.document.schema import Segment, Series, Track
from tests.document.fixtures import entry, seg


def word(start_s: object, end_s: object, text: object, confidence: float | None = 0.9) -> dict[str, object]:
    return {"start_s": start_s, "end_s": end_s, "text": text, "confidence": confidence}


def said(start_s: float, words: list[Any], **more: Any) -> Segment:
    return seg(
        start_s, start_s + 1, text=" ".join(str(w["text"]) for w in words if isinstance(w, dict)), words=words, language="en", **more
    )


def labels(made: Any) -> list[tuple[str | None, list[str]]]:
    return [(row.title, [item.label for item in row.items]) for row in (*made.rows, *made.more_rows)]


# ---- words ---------------------------------------------------------------------------------------------------------------------


def test_every_voice_has_a_row_of_its_words() -> None:
    segments = [
        said(0, [word(0.1, 0.3, "So"), word(0.3, 0.5, "here,")], speaker=0),
        said(1, [word(1.1, 1.5, "Why?")], speaker=1),
        said(2, [word(2.0, 2.4, "Listen.")], speaker=0),
        said(3, [word(3.0, 3.4, "Hm.")], speaker=None),
    ]
    made = lane("speech_transcription", entry(segments=segments), 10.0, Tips())
    assert labels(made) == [("Speaker 1", ["So", "here,", "Listen."]), ("Speaker 2", ["Why?"]), ("Voice not told apart", ["Hm."])]
    assert all(row.words and row.dense is not None for row in made.rows)
    assert [(i.left, i.width) for i in made.rows[0].items][:2] == [(1.0, 2.0), (3.0, 2.0)]


def test_one_voice_needs_no_name_and_a_name_that_was_given_stands() -> None:
    plain = lane("speech_transcription", entry(segments=[said(0, [word(0, 1, "So")], speaker=None)]), 10.0, Tips())
    assert labels(plain) == [(None, ["So"])]
    named = lane("speech_transcription", entry(segments=[said(0, [word(0, 1, "So")], speaker=0, speaker_name="Ada <b>")]), 10.0, Tips())
    assert labels(named) == [("Ada <b>", ["So"])]


def test_a_word_that_its_model_doubts_is_quiet() -> None:
    segments = [said(0, [word(0, 1, "sure", 0.5), word(1, 2, "unsure", 0.49), word(2, 3, "untold", None)], speaker=None)]
    row = lane("speech_transcription", entry(segments=segments), 10.0, Tips()).rows[0]
    assert [item.tone for item in row.items] == ["t0", "tq", "t0"]


def test_a_sentence_whose_words_have_no_times_is_one_bar() -> None:
    broken = [None, 3, word("0", 1, "a"), word(0, 1, ["b"]), word(0, 1, "  ")]
    segments = [
        seg(0, 2, text="all of it", words=broken, speaker=None),
        seg(2, 3, text="and this", words=None),
        seg(3, 4, text="", words=[]),
    ]
    assert labels(lane("speech_transcription", entry(segments=segments), 10.0, Tips())) == [(None, ["all of it", "and this"])]


def test_an_hour_of_one_voice_is_drawn_by_sentences(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spoken, "MAX_WORDS", 3)
    segments = [said(0, [word(0, 0.2, "one"), word(0.2, 0.4, "two")]), said(2, [word(2, 2.2, "three"), word(2.2, 2.4, "four")])]
    assert labels(lane("speech_transcription", entry(segments=segments), 10.0, Tips())) == [(None, ["one two", "three four"])]


def test_a_word_that_ends_before_it_begins_has_no_negative_width() -> None:
    row = lane("speech_transcription", entry(segments=[said(0, [word(3, 2, "a"), word(99, 100, "b")])]), 10.0, Tips()).rows[0]
    assert [(i.left, i.width, i.point) for i in row.items] == [(30.0, 0.0, False), (100.0, 0.0, False)]


# ---- people, sound, faults ---------------------------------------------------------------------------------------------------------


def test_people_stand_apart_from_things_and_before_them() -> None:
    segments = [
        seg(a, b, label=label) for a, b, label in ((0, 5, "cup"), (0, 9, "person"), (1, 3, "face"), (4, 6, "dog"), (6, 8, "person"))
    ]
    assert labels(lane("object_detection", entry(segments=segments), 10.0, Tips())) == [
        ("People", ["Person"]),
        (None, ["Person"]),
        ("Faces", ["Face"]),
        ("Objects", ["Cup"]),
        (None, ["Dog"]),
    ]
    tracks = [Track(track_id=n, start_s=n, end_s=n + 1, label=label) for n, label in enumerate(("person", "cup"))]
    assert labels(lane("object_detection", entry(tracks=tracks), 10.0, Tips())) == [("People", ["Person"]), ("Objects", ["Cup"])]


def test_classes_of_sound_have_rows_and_colours_of_their_own() -> None:
    segments = [seg(0, 9, kind="class", label="music"), seg(1, 3, kind="class", label="speech"), seg(2, 3, kind="event", label="Dog, bark")]
    made = lane("audio_environment", entry(segments=segments), 10.0, Tips())
    assert labels(made) == [("Music", ["Music"]), ("Speech", ["Speech"]), ("Sounds", ["Dog, bark"])]
    assert len({item.tone for row in made.rows for item in row.items}) == 3


@pytest.mark.parametrize(
    ("extra", "alarm", "strike"),
    [
        ({"kind": "black"}, True, False),
        ({"kind": "frozen"}, True, False),
        ({"kind": "clipping"}, True, False),
        ({"kind": "shot", "reasons": ["soft"]}, True, False),
        ({"kind": "shot", "reasons": []}, False, False),
        ({"kind": "duplicate", "reasons": []}, False, False),
        ({"kind": ["black"]}, False, False),
        ({"kind": "look", "at_camera": True}, False, True),
        ({"kind": "look", "at_camera": False}, False, False),
        ({"kind": "look", "at_camera": None}, False, False),
        ({"kind": "gesture", "gesture": "wave"}, False, True),
        ({"kind": "posture", "posture": "sitting"}, False, False),
    ],
)
def test_what_stands_out(extra: dict[str, Any], alarm: bool, strike: bool) -> None:
    assert (alarming(extra), striking(extra)) == (alarm, strike)
    item = Maker(10.0, Tips()).item(0, 1, extra, None, 1, "")
    assert (item.tone.startswith("tw"), item.tone.endswith("hot")) == (alarm, strike)


def test_what_was_corrected_keeps_what_the_analysis_said() -> None:
    changes = [
        {"field": "text", "was": "wether", "now": "weather"},
        {"field": "speaker_name", "was": None, "now": "Ada"},
        "x",
        {"field": 3},
    ]
    told = details_of({"text": "weather", "corrected": changes}, None, "weather")
    assert told == [("Corrected", "text was wether"), ("Corrected", "speaker name was \N{EM DASH}")]


def test_rows_of_many_bars_go_to_the_script_with_all_they_need() -> None:
    tips = Tips()
    segments = [seg(i / 20, i / 20 + 0.04, kind="ab"[i % 2]) for i in range(DENSE + 1)]
    made = lane("cut_analysis", entry(segments=segments), 10.0, tips)
    assert made.rows[0].dense == 0
    data = tips.rows[0]
    assert [tips.entries[i]["s"] for i in data["i"]][:3] == [0.0, 0.05, 0.1]  # type: ignore[attr-defined, index]
    assert (data["l"][1], data["w"][1], data["tones"]) == (0.5, 0.4, ["t0", "t1"])  # type: ignore[index]
    few = lane("cut_analysis", entry(segments=segments[:DENSE]), 10.0, Tips())
    assert few.rows[0].dense is None


# ---- the waveform --------------------------------------------------------------------------------------------------------------


def peaks(values: list[float | None], step: float = 0.1) -> Series:
    return Series(name="peak_dbfs", unit="dBFS", t_s=[(i + 0.5) * step for i in range(len(values))], values=values)


def test_the_waveform_is_linear_and_reaches_the_edge_at_full_scale() -> None:
    made = waveform(peaks([0.0, -6.0206, 1.5]), 0.3)
    assert made is not None
    assert made.path == "M0 50V0.0H3333V25.0H6667V0.0H10000V100.0H6667V75.0H3333V100.0H0Z"


def test_digital_silence_is_a_hole_and_none_at_all_is_no_waveform() -> None:
    made = waveform(peaks([-6.0, None, -6.0]), 0.3)
    assert made is not None and made.path.count("M") == 2
    assert waveform(peaks([None, None]), 0.2) is None
    assert waveform(Series(name="peak_dbfs", unit="dBFS", t_s=[], values=[]), 3.0) is None


def test_a_long_waveform_keeps_its_peaks_within_its_size() -> None:
    values: list[float | None] = [-60.0] * 36_000
    values[17_777] = 0.0
    made = waveform(peaks(values), 3600.0)
    assert made is not None and made.path.count("V0.0") == 1 and len(made.path) < 200_000
    at = float(re.search(r"V0\.0H([\d.]+)", made.path)[1])  # type: ignore[index]
    assert at == pytest.approx(WIDTH * 1777.8 / 3600, abs=2 * WIDTH / 3000)


def test_clipped_stretches_are_marked_and_a_short_one_is_still_seen() -> None:
    segments = [seg(0.1, 0.1001, kind="clipping"), seg(0, 0.2, kind="silence")]
    made = lane("audio_analysis", entry(series=[peaks([-1.0] * 100)], segments=segments), 10.0, Tips())
    assert made.wave is not None
    assert (made.wave[1].clipped, made.wave[1].clips) == (1, "M100 0H102V100H100Z")
    assert made.curves == () and not made.empty


def test_positions_of_long_clips_are_good_to_a_frame() -> None:
    made = waveform(peaks([-1.0] * 30), 3600.0)
    assert made is not None
    steps = [float(x) for x in re.findall(r"H([\d.]+)", made.path)][:29]
    assert all(x == pytest.approx((i + 1) * 0.1 / 3600 * WIDTH, abs=WIDTH / 3600 / 60) for i, x in enumerate(steps))
