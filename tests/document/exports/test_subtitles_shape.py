"""How subtitles break and when they show: rules by hand-made tables, then what must hold for any transcript."""

from __future__ import annotations

import unicodedata
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reelscope.document.exports import ExportOptions, export
from tests.document.exports.subtitles_made import Read, material, read_srt, read_vtt, said, words

Segments = list[dict[str, Any]]


def cues(segments: Segments, *, options: ExportOptions | None = None, duration_s: float = 30.0) -> list[Read]:
    return read_vtt(export("vtt", material(segments, options=options, duration_s=duration_s))["speech.vtt"])


def lines(text: str, *, seconds: float = 6.0, **options: Any) -> list[tuple[str, ...]]:
    return [c.lines for c in cues([said(text, 0, seconds)], options=ExportOptions(**options))]


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("ask what you can do for your country.", [("ask what you can", "do for your country.")]),
        ("The child almost hurt the small dog.", [("The child almost", "hurt the small dog.")]),
        ("And so, my fellow Americans:", [("And so,", "my fellow Americans:")]),  # at the sign, not in the middle
        ("one two three four five", [("one two three", "four five")]),  # no fifth word alone on its line
        ("It is late. We go home now.", [("It is late.",), ("We go home now.",)]),  # a sentence is not carried into the next
        ("We met Dr. Smith and Mrs. Jones.", [("We met Dr. Smith", "and Mrs. Jones.")]),
        ("wait... what was that thing", [("wait... what", "was that thing")]),
        ("he said (very loudly) nothing to us", [("he said (very loudly)", "nothing to us")]),
        ("salt & pepper - and so on", [("salt & pepper -", "and so on")]),  # a sign does not begin a line
        ("five", [("five",)]),
    ],
)
def test_breaks(text: str, wanted: list[tuple[str, ...]]) -> None:
    assert lines(text) == wanted


@pytest.mark.parametrize("text", ["we sold 10 000 of them all in May", "about 1 000 000 people came to see it", "a b c d e 25 000 f g h i"])
@pytest.mark.parametrize("options", [{}, {"words_per_line": 1, "lines": 1}, {"words_per_line": 3}, {"lines": 1, "chars_per_line": 8}])
def test_a_number_is_never_broken(text: str, options: dict[str, Any]) -> None:
    numbers = {"10 000", "1 000 000", "25 000"}
    whole = next(n for n in numbers if n in text)
    assert any(whole in line for cue in lines(text, **options) for line in cue)


def test_a_number_stays_with_what_it_counts_where_there_is_room() -> None:
    for cue in lines("you need 3 eggs and 250 grams of flour and 2 spoons"):
        assert not any(line[-1].isdigit() for line in cue)


def test_a_word_longer_than_a_line_stands_alone_and_whole() -> None:
    long = "Donaudampfschifffahrtsgesellschaftskapitän"
    assert (long,) in [(line,) for cue in lines(f"see the {long} right now") for line in cue]


def test_no_word_is_left_alone_where_another_way_is_as_short() -> None:
    text = "one two three four five six seven eight nine"  # 9 words, of which 8 fill a cue
    assert [sum(len(line.split()) for line in cue) for cue in lines(text)] in ([4, 5], [5, 4])


def test_a_pause_ends_a_cue_and_a_breath_does_where_a_break_is_needed() -> None:
    spoken = said("ask not what you want", 0, 3)
    spoken["words"] = [*words("ask not", 0, 1), *words("what you want", 1.5, 3)]
    assert [c.lines for c in cues([spoken])] == [("ask not",), ("what you want",)]
    spoken = said("a b c d e f g h i j", 0, 3)
    spoken["words"] = [*words("a b c d e f", 0, 1.5), *words("g h i j", 1.75, 3)]
    assert [c.text for c in cues([spoken])] == ["a b c d e f", "g h i j"]


def test_a_new_speaker_starts_a_new_cue_and_nothing_crosses_the_other_one() -> None:
    found = cues([said("so what", 0, 0.4, 0), said("nothing", 0.4, 0.7, 1), said("at all", 0.7, 1.2, 0), said("oh", 1.2, 1.4, None)])
    assert [(c.text, c.speaker) for c in found] == [
        ("so what", "Speaker 1"),
        ("nothing", "Speaker 2"),
        ("at all", "Speaker 1"),
        ("oh", None),
    ]
    assert [c.end_ms for c in found[:-1]] == [c.start_ms for c in found[1:]] == [400, 700, 1200]


def test_speakers_at_once_do_not_overlap_and_lose_no_word() -> None:
    found = cues([said("one two three four five six seven eight nine", 0, 6, 0), said("yes yes", 2, 3, 1), said("no", 2, 3, 2)])
    assert all(a.end_ms <= b.start_ms for a, b in zip(found, found[1:], strict=False))
    assert " ".join(c.text for c in found if c.speaker == "Speaker 1") == "one two three four five six seven eight nine"
    assert [c.text for c in found if c.speaker in ("Speaker 2", "Speaker 3")] == ["yes yes", "no"]


def test_a_segment_that_breaks_off_within_a_sentence_goes_on() -> None:
    found = cues([said("and nobody said a word about", 0, 2, 0), said("it.", 2, 2.3, 0), said("Then we left.", 2.5, 3.3, 0)])
    assert [c.text for c in found] == ["and nobody said a word about it.", "Then we left."]
    apart = cues([said("and nobody said a word about", 0, 2, 0), said("it.", 2.6, 3, 0)])
    assert [c.text for c in apart] == ["and nobody said a word about", "it."]


@pytest.mark.parametrize(
    ("following_s", "end_ms"),
    [
        (None, 1833),  # at least 0.833 s
        (5.0, 1833),
        (1.5, 1500),  # no longer than to the next
        (2.1, 2100),  # a gap of up to 0.4 s is closed
        (2.3, 1833),  # a longer one is not
    ],
)
def test_time_on_the_screen(following_s: float | None, end_ms: int) -> None:
    after = [] if following_s is None else [said("and then", following_s, following_s + 1, 1)]
    assert cues([said("hi there", 1, 1.3, 0), *after])[0].end_ms == end_ms


def test_the_last_cue_ends_with_the_clip() -> None:
    assert cues([said("bye bye", 9.5, 9.8)], duration_s=10)[-1].end_ms == 10_000


def test_words_that_nobody_timed_lie_between_those_that_were() -> None:
    spoken = said("one two three four five six", 1, 4)
    for word in spoken["words"][2:4]:
        word["start_s"] = word["end_s"] = None
    found = cues([spoken], options=ExportOptions(words_per_line=1, lines=1))
    assert [(c.text, c.start_ms) for c in found] == [
        ("one", 1000),
        ("two", 1500),
        ("three", 2000),
        ("four", 2556),
        ("five", 3000),
        ("six", 3500),
    ]


def unspaced(text: str, start_s: float, end_s: float, language: str) -> dict[str, Any]:
    """A segment as Whisper's pieces make it, which are parted by | here."""
    return said(text.replace("|", ""), start_s, end_s, words=words(text.replace("|", " "), start_s, end_s), language=language)


@pytest.mark.parametrize(
    ("text", "language", "wanted"),
    [
        (
            "今日|は|とても|天気|が|いい|ので|、|公園|へ|散歩|に|行き|まし|た|。",
            "ja",
            [("今日はとても", "天気がいいので、"), ("公園へ散歩に", "行きました。")],
        ),
        ("我|们|在|20|26|年|去|北|京|，|你|呢|？", "zh", [("我们在2026年去北京，", "你呢？")]),
    ],
)
def test_scripts_without_blanks(text: str, language: str, wanted: list[tuple[str, ...]]) -> None:
    assert [c.lines for c in cues([unspaced(text, 0, 5, language)])] == wanted


def test_blanks_between_words_of_another_script_stay() -> None:
    spoken = said("これは Apple Watch です", 0, 2, language="ja")
    assert [c.text for c in cues([spoken])] == ["これは Apple Watch です"]


def test_a_mended_sentence_of_a_script_without_blanks_is_broken_within_the_line() -> None:
    whole = "これはとても長い文章なので一行には収まりません"
    (segment,) = [said(whole, 0, 4, language="ja")]
    found = cues([segment])
    assert "".join(line for c in found for line in c.lines) == whole
    assert all(2 * len(line) <= 22 for c in found for line in c.lines)
    assert not any(line[0] in "っゃゅょー。、" for c in found for line in c.lines)


def test_thai_marks_and_vowels_stay_with_their_consonant() -> None:
    spoken = unspaced("สวั|สดี|ครับ|วัน|นี้|เ|ร|า|จะ|ทำ|อา|หา|ร|กัน|ที่|บ้าน", 0, 4, "th")
    found = [line for c in cues([spoken]) for line in c.lines]
    assert "".join(found) == spoken["text"]
    assert not any(unicodedata.category(line[0]) == "Mn" or line[0] in "ะาำ" or line[-1] in "เแโใไ" for line in found)


# What must hold for any transcript.

PLAIN = st.text("abcdefghij", min_size=1, max_size=30)
HOSTILE = st.one_of(
    PLAIN,
    st.sampled_from(
        ["10", "000", "$5", "3.5", "Mr.", "end.", "well,", "-", "(", "so)", "<b>", "-->", "{\\i1}", "a\nb", "&amp;", "\0", "", " "]
    ),
    st.sampled_from(["今日は", "。", "ー", "สวัส", "ดี", "مرحبا", "\u200fשלום\u200f", "👩\u200d🍳", "e\u0301", "한국어"]),
    st.text(max_size=6),
)
OPTIONS = st.builds(
    ExportOptions, words_per_line=st.integers(1, 6), lines=st.integers(1, 4), chars_per_line=st.integers(8, 40), highlight=st.booleans()
)


@st.composite
def transcripts(draw: st.DrawFn, texts: st.SearchStrategy[str]) -> Segments:
    """Segments one after another; some words without a time, some of no length, some speakers unknown."""
    out, at = [], 0.0
    for _ in range(draw(st.integers(0, 6))):
        at += draw(st.sampled_from([0.0, 0.05, 0.3, 0.7, 3.0]))
        start, listed = at, []
        for text in draw(st.lists(texts, min_size=1, max_size=14)):
            end = at + draw(st.sampled_from([0.0, 0.08, 0.2, 0.6]))
            timed = draw(st.integers(0, 5)) > 0
            listed.append({"text": text, "start_s": at if timed else None, "end_s": end if timed else None})
            at = end + draw(st.sampled_from([0.0, 0.0, 0.02, 0.25, 0.6]))
        out.append(said(" ".join(w["text"] for w in listed) or "x", start, at, draw(st.sampled_from([None, 0, 1])), words=listed))
    return out


def squeezed(text: str) -> str:
    """What of a text must be found again, without what no file can hold and without blanks."""
    return "".join(c for c in text if unicodedata.category(c) not in ("Cc", "Cs") and not c.isspace())


def in_order(found: list[Read], duration_s: float) -> None:
    assert all(0 <= c.start_ms < c.end_ms <= duration_s * 1000 for c in found)
    assert all(a.end_ms <= b.start_ms for a, b in zip(found, found[1:], strict=False))


@settings(max_examples=80, deadline=None)
@given(transcripts(HOSTILE), OPTIONS)
def test_every_word_stands_once_and_in_order(segments: Segments, options: ExportOptions) -> None:
    made = material(segments, options=options, duration_s=120)
    found = read_vtt(export("vtt", made)["speech.vtt"])
    in_order(found, 120)
    assert squeezed("".join(c.text for c in found)) == squeezed("".join(w["text"] for s in segments for w in s["words"]))
    assert all(len(c.lines) <= options.lines for c in found)
    assert [(c.start_ms, c.end_ms) for c in read_srt(export("srt", made)["speech.srt"])] == [(c.start_ms, c.end_ms) for c in found]


@settings(max_examples=80, deadline=None)
@given(transcripts(PLAIN), OPTIONS)
def test_lines_keep_their_limits_and_cues_their_speaker(segments: Segments, options: ExportOptions) -> None:
    found = cues(segments, options=options, duration_s=120)
    in_order(found, 120)
    for line in (line for c in found for line in c.lines):
        assert len(line.split()) <= options.words_per_line
        assert len(line) <= options.chars_per_line or " " not in line
    turns = [(None if s["speaker"] is None else f"Speaker {s['speaker'] + 1}", w["text"]) for s in segments for w in s["words"]]
    assert [(c.speaker, w) for c in found for w in c.text.split()] == turns


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.tuples(PLAIN, st.floats(-5, 50), st.floats(-5, 50), st.sampled_from([None, 0, 1])), min_size=1, max_size=12),
    OPTIONS,
    st.sampled_from([0.5, 1.0, 7.3, 40.0]),
)
def test_whatever_the_times_say_cues_come_in_order_within_the_clip(rows: list[Any], options: ExportOptions, duration_s: float) -> None:
    segments = [said(f"{text} {text}", a, b, who, words=words(f"{text} {text}", a, b)) for text, a, b, who in rows]
    found = cues(segments, options=options, duration_s=duration_s)
    in_order(found, duration_s)
    assert sorted(w for c in found for w in c.text.split()) == sorted(w for text, *_ in rows for w in (text, text))
