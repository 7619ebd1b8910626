"""Subtitles as files: what is hostile first, then both documents, then what other programs read in them."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import av
import pytest

from reelscope.document.corrections import Corrections, Edit, corrected, planned
from reelscope.document.exports import FORMATS, ExportOptions, Material, export
from reelscope.document.schema import Document, Segment
from tests.document.exports.subtitles_made import Read, document, material, read_ass, read_srt, read_vtt, said, seen, words
from tests.document.fixtures import empty_document, entry, full_document

NAMES = ("srt", "vtt", "ass")
ENDS_OF_LINE = "\n", "\r", "\r\n", "\x0b", "\x0c", "\x85", "\u2028", "\u2029", "\n\n"
TALK = [
    said("The child almost hurt the small dog.", 0.36, 3.17, 0),
    said("And so, my fellow Americans:", 4.32, 6.24, 1),
    said("ask not", 7.36, 8.35, 1),
    said("what your country can do for you,", 9.44, 11.62, 1),
    said("ask what you can do for your country.", 12.22, 14.5, 1),
    said("At that high level the air is pure.", 24.03, 26.72, 0),
]


def files(given: Material) -> dict[str, bytes]:
    return {name: data for format_name in NAMES for name, data in export(format_name, given).items()}


def cues(given: Material, which: str = "speech") -> list[Read]:
    """What is in the WebVTT file, after the SRT file was seen to say the same at the same times."""
    made = files(given)
    vtt, srt = read_vtt(made[f"{which}.vtt"]), read_srt(made[f"{which}.srt"])
    assert [(c.start_ms, c.end_ms) for c in vtt] == [(c.start_ms, c.end_ms) for c in srt]
    assert [c.lines for c in vtt] == [tuple(line.replace("\u2060", "") for line in c.lines) for c in srt]
    return vtt


def assert_empty(made: dict[str, bytes]) -> None:
    assert made["srt"] == b""
    assert made["vtt"] == b"WEBVTT\n"
    assert read_ass(made["ass"])[2] == []


def speech_of(given: Material) -> dict[str, bytes]:
    return {name.removeprefix("speech."): data for name, data in files(given).items() if name.startswith("speech.")}


@pytest.mark.parametrize("status", ["not_applicable", "unavailable", "skipped", "failed", "timeout"])
def test_without_a_result_the_files_are_empty_whatever_else_is_known_of_the_voice(status: str) -> None:
    made = document()
    left_over = entry(status, segments=TALK, reason="it did not run")  # what is no result is not read
    voice = entry(segments=[{"start_s": 0.3, "end_s": 3.1, "kind": "speech"}])
    made = made.model_copy(update={"analyzers": {**made.analyzers, "speech_transcription": left_over, "speech_flow": voice}})
    assert_empty(speech_of(Material(made)))


@pytest.mark.parametrize(
    "segment",
    [
        {"start_s": 0, "end_s": 1},
        {"start_s": 0, "end_s": 1, "text": "", "words": []},
        {"start_s": 0, "end_s": 1, "text": None, "words": None},
        {"start_s": 0, "end_s": 1, "text": 7, "words": "words"},
        {"start_s": 0, "end_s": 1, "text": " \n\0 ", "words": [{"start_s": 0, "end_s": 1, "text": "\0\r\n"}, {"text": None}, None, 3]},
    ],
)
def test_segments_without_a_word_make_no_cue(segment: dict[str, Any]) -> None:
    assert_empty(speech_of(material([segment])))
    assert files(material([], [segment | {"role": "caption"}]))["text.srt"] == b""


@pytest.mark.parametrize("end", ENDS_OF_LINE)
@pytest.mark.parametrize("name", NAMES)
def test_an_end_of_line_in_a_word_ends_no_line_of_the_file(end: str, name: str) -> None:
    text = f"one{end}two"
    given = material(
        [said(text, 0, 1, 0, words=[{"start_s": 0, "end_s": 1, "text": text}], speaker_name=f"A{end}B")],
        [seen(text, 0, 1, lines=[text])],
        title=f"a{end}[Events]{end}Dialogue: x",
    )
    made = files(given)
    plain = files(material([said("one two", 0, 1, 0, speaker_name="A B", words=given_words(text))], [seen("one two", 0, 1)], title="t"))
    for which in ("speech", "text"):
        assert len(made[f"{which}.{name}"].splitlines()) == len(plain[f"{which}.{name}"].splitlines())
    assert [c.text for c in cues(given)] == ["one two"]


def given_words(text: str) -> list[dict[str, Any]]:
    return [{"start_s": 0, "end_s": 1, "text": " ".join(text.split())}]


def test_markup_in_words_is_shown_and_not_obeyed() -> None:
    hostile = [
        "<b>bold</b>",
        "{\\an8}top",
        "a-->b",
        "AT&T",
        "&lt;",
        "<v",
        "I<3",
        "1",
        "\\N",
        "{x}",
        "</v>",
        "NOTE",
        "<script>",
        "00:00:01,000-->",
    ]
    listed = [{"start_s": i, "end_s": i + 0.9, "text": w} for i, w in enumerate(hostile)]
    given = material([said("x", 0, 14, words=listed)], [seen(" ".join(hostile), 0, 5)], options=ExportOptions(words_per_line=1, lines=1))
    assert [c.text for c in cues(given)] == hostile
    assert [c.text for c in cues(given, "text")] == [" ".join(hostile)]
    shown = [c.text for c in read_ass(files(given)["speech.ass"])[2]]
    assert len(shown) >= len(hostile)
    for word in hostile:
        escaped = word.replace("\\", "\\\u2060").replace("{", "\\{").replace("}", "\\}")
        assert any(escaped in text for text in shown), word


def test_a_speakers_name_cannot_leave_its_place() -> None:
    given = material([said("hello there", 0, 1, 0, speaker_name="Ann, <b>,{\\i1}\nDialogue: x-->")])
    (cue,) = cues(given)
    assert cue.speaker == "Ann, <b>,{\\i1} Dialogue: x-->"
    assert {e.speaker for e in read_ass(files(given)["speech.ass"])[2]} == {"Ann  <b> {\\i1} Dialogue: x-->"}


def test_lone_surrogates_and_control_characters_are_left_out_and_marks_of_direction_stay() -> None:
    given = material([said("a\ud800b \x07c\u200f \u2067\u05d0\u2069", 0, 1, words=[])])
    assert [c.text for c in cues(given)] == ["ab c\u200f \u2067\u05d0\u2069"]


@pytest.mark.parametrize("value", [float("nan"), float("inf"), "1.0", None, True, []])
def test_a_time_that_is_none_leaves_the_word_and_takes_the_segments_time(value: Any) -> None:
    given = material(
        [said("one two", 2, 3, words=[{"start_s": value, "end_s": value, "text": "one"}, {"start_s": 2.5, "end_s": 3, "text": "two"}])]
    )
    (cue,) = cues(given)
    assert cue.text == "one two"
    assert cue.start_ms == 2000


def test_times_outside_the_clip_are_brought_into_it() -> None:
    given = material([said("early on", -3, -2), said("late then", 40, 41), said("later still", 90, 95)], [seen("x", 40, 50)], duration_s=10)
    found = cues(given)
    assert [c.text for c in found] == ["early on", "late then", "later still"]
    assert all(0 <= a.start_ms < a.end_ms <= 10_000 for a in found)
    assert all(a.end_ms <= b.start_ms for a, b in zip(found, found[1:], strict=False))
    assert [(c.start_ms, c.end_ms) for c in cues(given, "text")] == [(9960, 10_000)]


def test_more_cues_than_the_clip_has_frames_still_come_one_after_another() -> None:
    given = material([said("no", 0.5, 0.5, i % 2) for i in range(100)], duration_s=1)
    found = cues(given)
    assert len(found) == 100
    assert all(a.start_ms < a.end_ms <= b.start_ms for a, b in zip(found, found[1:], strict=False)) and found[-1].end_ms <= 1000


def test_a_clip_of_unknown_length_bounds_nothing() -> None:
    assert [(c.start_ms, c.end_ms) for c in cues(material([said("one two", 5, 7)], duration_s=0))] == [(5000, 7000)]


def both() -> list[Document]:
    """Two documents of different length: every status, with and without a transcript; nothing said or shown."""
    full = full_document()
    talk = entry(segments=[Segment.model_validate(s) for s in TALK[:3]])
    spoken = full.model_copy(update={"analyzers": {**full.analyzers, "speech_transcription": talk}})
    made = [full, spoken, empty_document()]
    return [*made, *(Document.model_validate_json(d.model_dump_json()) for d in made)]


@pytest.mark.parametrize("given", both(), ids=lambda d: d.analysis_id)
@pytest.mark.parametrize("name", NAMES)
def test_every_document_gives_all_files_that_the_registry_names(given: Document, name: str) -> None:
    made = export(name, Material(given))
    assert set(made) == set(FORMATS[name].files)
    read: Any = {"srt": read_srt, "vtt": read_vtt, "ass": lambda data: read_ass(data)[2]}[name]
    for data in made.values():
        for cue in read(data):
            assert 0 <= cue.start_ms < cue.end_ms <= given.media.duration_s * 1000


def test_the_full_document_has_its_texts_and_no_speech_that_was_not_transcribed() -> None:
    made = Material(full_document())
    assert_empty(speech_of(made))
    shown = [
        (s["start_s"], s["end_s"], s["text"], s["role"]) for s in (s.model_dump() for s in made.document.analyzers["text_overlay"].segments)
    ]
    wanted = sorted((round(a * 1000), round(b * 1000), t) for a, b, t, role in shown if role != "watermark")
    assert sorted((c.start_ms, c.end_ms, c.text) for c in cues(made, "text")) == wanted
    assert "@studio.north" in files(made)["text.ass"].decode()


def test_the_empty_document_gives_empty_files() -> None:
    made = files(Material(empty_document()))
    assert {name: data for name, data in made.items() if name.endswith((".srt", ".vtt"))} == {
        "speech.srt": b"", "text.srt": b"", "speech.vtt": b"WEBVTT\n", "text.vtt": b"WEBVTT\n",
    }  # fmt: skip
    assert all(read_ass(made[f"{which}.ass"])[2] == [] for which in ("speech", "text"))


def test_corrected_words_are_exported_as_they_stand() -> None:
    mended = said("The child almost", 0, 1.5, 0, corrected=[{"field": "text", "was": "child", "now": "young child", "author": "a"}])
    mended["words"][1]["text"] = "young child"  # one word became two: they share its time
    mended["words"][2]["text"] = ""  # and one was taken away
    given = material([mended], [seen("3 things\nnobody tells", 0, 1, lines=["3 thinqs"], corrected=[{}]), seen("", 1, 2)])
    assert [c.lines for c in cues(given)] == [("The young child",)]
    assert [c.lines for c in cues(given, "text")] == [("3 things", "nobody tells")]
    lit = [e.text for e in read_ass(files(given)["speech.ass"])[2]]
    assert any("&}young child{" in text for text in lit)


def test_an_overlay_of_corrections_reaches_every_file() -> None:
    measured = document(TALK, [seen("3 thinqs", 0, 1)])
    edits = [
        Edit(kind="word", start_s=0.36, end_s=3.17, was=TALK[0]["text"], now="The child almost hurt that small brown dog."),
        Edit(kind="word", start_s=7.36, end_s=8.35, was="ask not", now=""),
        Edit(kind="speaker", was=1, now="Kennedy"),
        Edit(kind="text", start_s=0, end_s=1, was="3 thinqs", now="3 things"),
    ]
    overlay = Corrections(sha256=measured.source.sha256)
    ids = iter("abcdefgh")
    found = planned(measured, overlay, edits, author="a", at=datetime(2026, 11, 26, tzinfo=UTC), new_id=lambda: next(ids))
    mended = Material(corrected(measured, overlay.model_copy(update={"edits": found})).document)
    assert cues(mended)[0].text == "The child almost hurt that small brown dog."
    assert [c.speaker for c in cues(mended)] == ["Speaker 1", "Kennedy", "Kennedy", "Kennedy", "Speaker 1"]
    assert not any(c.text.startswith("ask not") for c in cues(mended))
    assert [c.text for c in cues(mended, "text")] == ["3 things"]
    assert cues(Material(measured))[0].text == "The child almost hurt the small dog."


def test_texts_keep_their_lines_and_may_stand_at_the_same_time() -> None:
    given = material(
        [],
        [seen("a b", 1, 3, lines=["a", "b"]), seen("c", 0, 2), seen("@me", 0, 30, role="watermark"), seen("SHOP", 2, 3, role="scene_text")],
    )
    assert [(c.start_ms, c.end_ms, c.lines) for c in cues(given, "text")] == [
        (0, 2000, ("c",)), (1000, 3000, ("a", "b")), (2000, 3000, ("SHOP",)),
    ]  # fmt: skip


def test_the_same_document_gives_the_same_bytes() -> None:
    assert files(material(TALK)) == files(material(TALK))


@pytest.mark.parametrize("name", ["speech.srt", "speech.vtt", "speech.ass", "text.srt", "text.vtt", "text.ass"])
def test_ffmpeg_reads_every_event_at_its_time(tmp_path: Path, name: str) -> None:
    given = material(TALK, [seen("a < b & {c}", 0.25, 3), seen("two", 1, 2.5, lines=["two"], tilt_deg=8)])
    path = tmp_path / name
    path.write_bytes(files(given)[name])
    read = {"srt": read_srt, "vtt": read_vtt, "ass": lambda data: read_ass(data)[2]}[name.rsplit(".")[1]](path.read_bytes())
    found = []
    with av.open(str(path)) as container:
        stream = container.streams.subtitles[0]
        for packet in container.demux(stream):
            if packet.size:
                assert packet.pts is not None and packet.duration is not None and packet.time_base is not None
                start, end = (float(t * packet.time_base * 1000) for t in (packet.pts, packet.pts + packet.duration))
                found.append((round(start), round(end), [r.ass.decode().split(",", 8)[8] for r in packet.decode()]))
    assert [(start, end) for start, end, _ in found] == [(c.start_ms, c.end_ms) for c in read]
    if name.endswith(".ass"):
        assert [text for *_, text in found] == [["\\N".join(c.lines)] for c in read]
    else:
        plain = [[t.replace("\\N", " ").replace("\\{", "{").replace("{{}", "{").replace("\\}", "}") for t in text] for *_, text in found]
        assert plain == [[c.text] for c in read]


@pytest.mark.parametrize("name", ["speech.vtt", "speech.ass"])
def test_ffmpeg_opens_files_without_a_cue(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    path.write_bytes(files(material())[name])
    with av.open(str(path)) as container:
        assert len(container.streams.subtitles) == 1
        assert [p for p in container.demux() if p.size] == []


def test_words_that_nobody_timed_are_spread_over_their_segment() -> None:
    given = material([said("one two three four five six seven eight nine ten", 2, 4, words=[])], options=ExportOptions(lines=1))
    found = cues(given)
    assert " ".join(c.text for c in found) == "one two three four five six seven eight nine ten"
    assert found[0].start_ms == 2000 and found[-1].end_ms <= 4833
    assert all(a.end_ms == b.start_ms for a, b in zip(found, found[1:], strict=False))
    assert "\\1c" not in files(given)["speech.ass"].decode()  # and none of them is lit


def test_options_reach_the_file() -> None:
    talk = [said("one two three four five six", 0, 3, words=words("one two three four five six", 0, 3))]
    assert [c.lines for c in cues(material(talk, options=ExportOptions(words_per_line=1, lines=1)))] == [
        (w,) for w in talk[0]["text"].split()
    ]
    one_line = cues(material(talk, options=ExportOptions(words_per_line=20, lines=1, chars_per_line=80)))
    assert [c.lines for c in one_line] == [("one two three four five six",)]
