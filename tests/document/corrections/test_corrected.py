"""One document and its corrections: what is refused, what changes with what, what is said of it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, get_args

import pytest

from reelscope.document.corrections import EDITABLE, Corrections, beside, corrected, read_corrections
from reelscope.document.schema import Document
from reelscope.errors import InputError
from tests.document.corrections.made import SENTENCES, Overlay, said_of, sentence, spoken, transcript
from tests.document.fixtures import empty_document, full_document

CLIP = spoken()
ONE = {
    "id": "a", "kind": "word", "field": "text", "anchor": {"analyzer": "speech_transcription", "part": "words"}, "was": "a", "now": "b",
    "author": "ana", "at": "2026-11-24T09:00:00Z",
}  # fmt: skip
TWICE = json.dumps({"sha256": "0" * 64, "edits": [ONE, ONE]}).encode()


def entry_of(document: Document, name: str) -> Any:
    return document.analyzers[name].model_dump(mode="json")


def refused(call: Any) -> InputError:
    with pytest.raises(InputError) as caught:
        call()
    return caught.value


# --- what is refused ------------------------------------------------------------------------------------------------------------------


def test_corrections_of_another_clip_are_refused() -> None:
    overlay = Overlay(CLIP)
    overlay.say(0, "Welcome to reelscope,")
    other = overlay.all.model_copy(update={"sha256": "0" * 64})
    assert refused(lambda: corrected(CLIP, other)).code == "other_clip"


def test_a_corrected_document_is_not_corrected_by_others() -> None:
    overlay = Overlay(CLIP)
    overlay.say(0, "Welcome to reelscope,")
    once = corrected(CLIP, overlay.all).document
    overlay.say(4, "Sound is everything.")
    assert refused(lambda: corrected(once, overlay.all)).code == "already_corrected"


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"", "not_corrections"),
        (b"[]", "not_corrections"),
        (b'{"sha256": "abc", "edits": []}', "not_corrections"),
        (b'{"sha256": "%s", "edits": [{"id": "a"}]}' % (b"0" * 64), "not_corrections"),
        (b'{"schema_version": "2.0", "sha256": "%s"}' % (b"0" * 64), "other_schema"),
        (TWICE, "not_corrections"),
    ],
)
def test_a_file_that_holds_none_is_refused_by_name(tmp_path: Path, content: bytes, code: str) -> None:
    file = tmp_path / "corrections.json"
    file.write_bytes(content)
    error = refused(lambda: read_corrections(file))
    assert error.code == code and str(file) in error.message


def test_files_beside_a_document(tmp_path: Path) -> None:
    path = tmp_path / "analysis.json"
    assert beside(CLIP, path) is None
    assert refused(lambda: read_corrections(tmp_path / "none.json")).code == "no_corrections"
    path.with_name("corrections.json").write_text(Corrections(sha256="0" * 64).model_dump_json())
    assert refused(lambda: beside(CLIP, path)).code == "other_clip"
    path.with_name("corrections.json").write_text(Corrections(sha256=CLIP.source.sha256).model_dump_json())
    assert beside(CLIP, path) == Corrections(sha256=CLIP.source.sha256)


def test_two_that_look_the_same_must_be_told_apart() -> None:
    tracks = entry_of(CLIP, "object_detection")
    tracks["tracks"] = [
        {**tracks["tracks"][2], "track_id": n, "points": [{"t_s": 2.0, "xywh_norm": box}]}
        for n, box in ((5, [0, 0, 0.2, 0.2]), (6, [0.7, 0, 0.2, 0.2]))
    ]
    overlay = Overlay(spoken(object_detection=tracks))
    edit = {"analyzer": "object_detection", "start_s": 2, "end_s": 9, "was": "cup", "now": "mug"}
    assert refused(lambda: overlay.add("label", **edit)).code == "several_places"
    overlay.add("label", **edit, xywh_norm=[0.69, 0, 0.2, 0.2])
    found = entry_of(corrected(overlay.document, overlay.all).document, "object_detection")
    assert [(t["track_id"], t["label"]) for t in found["tracks"]] == [(5, "cup"), (6, "mug")]


def test_the_same_words_said_twice_in_a_segment_must_be_told_apart() -> None:
    overlay = Overlay(CLIP)
    error = refused(lambda: overlay.add("word", start_s=2.6, end_s=4.9, was="no", now="oh"))
    assert (error.code, "no no no" in error.message) == ("not_there", True)
    word = entry_of(CLIP, "speech_transcription")["segments"][1]["words"][1]
    overlay.add("word", start_s=word["start_s"], end_s=word["end_s"], was="no", now="oh")
    assert said_of(corrected(CLIP, overlay.all).document)[1] == "no oh no light comes first."


@pytest.mark.parametrize("document", [full_document(), empty_document()])
def test_documents_without_anything_to_find_it_in(document: Document) -> None:
    overlay = Overlay(CLIP)
    overlay.say(0, "Welcome to reelscope,")
    overlay.add("speaker", was=1, now="Ben")
    overlay.add("speaker", start_s=2.6, end_s=4.9, was=0, now="Cleo")
    found = corrected(document, overlay.all)
    assert [(o.state, bool(o.reason)) for o in found.outcomes] == [("unplaced", True)] * 3
    assert [u["was"] for u in found.document.model_extra["corrections"]["unplaced"]] == ["reel scope,", 1, 0]  # type: ignore[index]
    assert corrected(document, Corrections(sha256=document.source.sha256)).document is document


# --- words ----------------------------------------------------------------------------------------------------------------------------


def test_a_sentence_that_is_written_anew_is_the_least_changes() -> None:
    overlay = Overlay(CLIP)
    made = overlay.say(5, "Follow for part too.")
    assert [(c.was, c.now) for c in made] == [("four", "for"), ("two.", "too.")]
    segment = entry_of(corrected(CLIP, overlay.all).document, "speech_transcription")["segments"][5]
    before = entry_of(CLIP, "speech_transcription")["segments"][5]
    assert segment["text"] == "Follow for part too."
    assert [(w["start_s"], w["end_s"]) for w in segment["words"]] == [(w["start_s"], w["end_s"]) for w in before["words"]]
    assert [w["confidence"] for w in segment["words"]] == [0.9, None, 0.9, None]  # the model's was of another word
    assert [[(m["was"], m["now"], m["author"]) for m in w.get("corrected", [])] for w in segment["words"]] == [
        [], [("four", "for", "ana")], [], [("two.", "too.", "ana")],
    ]  # fmt: skip
    assert [(m["field"], m["was"]) for m in segment["corrected"]] == [("text", "Follow four part two.")]


def test_words_made_one_or_several_share_the_time_and_say_so() -> None:
    overlay = Overlay(CLIP)
    overlay.say(0, "Welcome to the reelscope,")
    words = entry_of(corrected(CLIP, overlay.all).document, "speech_transcription")["segments"][0]["words"]
    before = entry_of(CLIP, "speech_transcription")["segments"][0]["words"]
    assert [w["text"] for w in words] == ["Welcome", "to", "the", "reelscope,"]
    overlay.say(0, "Welcome to our own reelscope, friends,")
    words = entry_of(corrected(CLIP, overlay.all).document, "speech_transcription")["segments"][0]["words"]
    assert [w["text"] for w in words] == ["Welcome", "to", "our", "own", "reelscope,", "friends,"]
    shared = [w for w in words if w.get("times") == "shared"]
    assert [w["text"] for w in shared] == ["our", "own", "reelscope,", "friends,"]
    assert (shared[0]["start_s"], shared[-1]["end_s"]) == (before[2]["start_s"], before[3]["end_s"])
    assert all(a["end_s"] == b["start_s"] for a, b in zip(shared, shared[1:], strict=False))


def test_a_word_that_was_forgotten_belongs_to_the_one_before() -> None:
    overlay = Overlay(CLIP)
    (made,) = overlay.say(4, "Sound is only half.")
    assert (made.was, made.now) == ("is", "is only")
    (made,) = overlay.say(2, "So move the camera slowly.")
    assert (made.was, made.now) == ("Move", "So move")


def test_words_that_were_not_said_go_and_with_the_last_one_the_segment() -> None:
    overlay = Overlay(CLIP)
    overlay.say(4, "Sound is.")
    assert "Sound is." in said_of(corrected(CLIP, overlay.all).document)
    overlay.say(4, "")
    found = corrected(CLIP, overlay.all).document
    assert len(said_of(found)) == len(SENTENCES) - 1
    (gone,) = found.model_extra["corrections"]["taken_away"]  # type: ignore[index]
    assert (gone["analyzer"], gone["was"], gone["author"]) == ("speech_transcription", "Sound is half.", "ana")
    assert found.shots[5].speech != CLIP.shots[5].speech


def test_writing_back_what_was_measured_takes_the_correction_back() -> None:
    overlay = Overlay(CLIP)
    overlay.say(5, "Follow for part too.")
    (made,) = overlay.say(5, "Follow for part two.", author="ben")
    assert (made.was, made.now) == ("two.", "two.")
    found = corrected(CLIP, overlay.all)
    assert [o.state for o in found.outcomes] == ["applied", "superseded", "agreed"]
    assert said_of(found.document)[5] == "Follow for part two."


def test_a_word_within_a_corrected_run_is_corrected_as_it_is_shown() -> None:
    overlay = Overlay(CLIP)
    overlay.say(0, "Welcome to our own reelscope,")
    words = entry_of(corrected(CLIP, overlay.all).document, "speech_transcription")["segments"][0]["words"]
    own = next(w for w in words if w["text"] == "own")
    overlay.add("word", start_s=own["start_s"], end_s=own["end_s"], was="own", now="very own")
    assert said_of(corrected(CLIP, overlay.all).document)[0] == "Welcome to our very own reelscope,"


def test_a_language_without_blanks() -> None:
    segments = [sentence(1.0, 3.0, None, ("今", "日", "は"), "ja")]
    overlay = Overlay(spoken(segments))
    (made,) = overlay.say(0, "今夜は。")
    assert (made.was, made.now) == ("日は", "夜は。")
    assert said_of(corrected(overlay.document, overlay.all).document) == ["今夜は。"]


def test_shots_summary_and_insights_follow_and_nothing_else_does() -> None:
    overlay = Overlay(CLIP)
    overlay.say(0, "Welcome to reelscope,")
    found = corrected(CLIP, overlay.all).document
    assert found.shots[0].speech == "Welcome to reelscope,"
    (mark,) = found.shots[0].model_extra["corrected"]  # type: ignore[index]
    assert (mark["field"], mark["was"], mark["now"]) == ("speech", CLIP.shots[0].speech, "Welcome to reelscope,")
    assert all(a == b for a, b in zip(found.shots[1:], CLIP.shots[1:], strict=True))
    summary = entry_of(found, "speech_transcription")["summary"]
    assert summary["text"].startswith("Welcome to reelscope,") and summary["words"] == 24
    hook = found.insights["hook"].model_dump(mode="json")
    assert hook["from_corrections"] and "reelscope" in str(hook) and "reel scope" not in str(hook)
    same = {n for n in CLIP.insights if found.insights[n] == CLIP.insights[n]}
    assert "safe_zones" in same and "hook" not in same
    for name in CLIP.analyzers:
        assert name == "speech_transcription" or found.analyzers[name] == CLIP.analyzers[name]
    assert found.model_extra["corrections"]["as_measured"]  # type: ignore[index]


# --- texts, shots, labels, speakers ---------------------------------------------------------------------------------------------------


def test_a_text_keeps_its_lines_where_it_has_as_many_words() -> None:
    texts = entry_of(CLIP, "text_overlay")
    texts["segments"][0]["lines"] = ["Three things", "nobody tells you"]
    overlay = Overlay(spoken(text_overlay=texts))
    overlay.add("text", start_s=0.2, end_s=2.3, was="Three things nobody tells you", now="Three thinks nobody tells you")
    segment = entry_of(corrected(overlay.document, overlay.all).document, "text_overlay")["segments"][0]
    assert segment["lines"] == ["Three thinks", "nobody tells you"]
    overlay.add("text", start_s=0.2, end_s=2.3, was="Three thinks nobody tells you", now="Three\nthings to know")
    segment = entry_of(corrected(overlay.document, overlay.all).document, "text_overlay")["segments"][0]
    assert (segment["text"], segment["lines"]) == ("Three things to know", ["Three", "things to know"])


def test_the_confidence_of_what_was_corrected_was_of_something_else() -> None:
    texts = entry_of(CLIP, "text_overlay")
    for segment in texts["segments"]:
        segment["confidence"] = 0.98
    overlay = Overlay(spoken(text_overlay=texts))
    overlay.add("text", start_s=0.2, end_s=2.3, was="Three things nobody tells you", now="Three thinks nobody tells you")
    overlay.add("label", analyzer="text_overlay", field="role", start_s=2.5, end_s=5.0, was=texts["segments"][1]["role"], now="sticker")
    found = entry_of(corrected(overlay.document, overlay.all).document, "text_overlay")["segments"]
    assert [s["confidence"] for s in found[:2]] == [None, 0.98]
    assert entry_of(overlay.document, "text_overlay")["segments"][0]["confidence"] == 0.98


def test_a_text_that_is_not_there_goes_from_everywhere() -> None:
    overlay = Overlay(CLIP)
    overlay.add("text", start_s=17.2, end_s=19.0, was="出口 Выход", now="")
    found = corrected(CLIP, overlay.all).document
    entry = entry_of(found, "text_overlay")
    assert len(entry["segments"]) == len(entry_of(CLIP, "text_overlay")["segments"]) - 1
    assert len(entry["tracks"]) == len(entry_of(CLIP, "text_overlay")["tracks"]) - 1
    assert not any("出口 Выход" in shot.text for shot in found.shots)
    assert found.insights["reading_load"].status == "ok"


def test_a_shot_changes_wherever_the_document_repeats_it() -> None:
    overlay = Overlay(CLIP)
    overlay.add("shot", field="size", start_s=5.1, end_s=7.266667, was=None, now="long")
    overlay.add("shot", field="move", start_s=10.8, end_s=13.4, was="tilt_up", now="static")
    overlay.add("shot", field="transition", start_s=2.4, end_s=5.1, was="cut", now="wipe")
    overlay.add("shot", field="description", start_s=0.0, end_s=2.4, was=None, now="She looks up.")
    found = corrected(CLIP, overlay.all).document
    rows = entry_of(found, "camera_analysis")["summary"]["shots"]
    assert (found.shots[2].size, rows[2]["size"], rows[2]["size_reason"]) == ("long", "long", None)
    assert found.shots[4].camera is not None and (found.shots[4].camera.move, found.shots[4].camera.components) == ("static", ["static"])
    assert rows[4]["camera"]["move"] == "static"
    assert found.shots[1].transition_in is not None and found.shots[1].transition_in.kind == "wipe"
    assert entry_of(found, "cut_analysis")["segments"][0]["kind"] == "wipe"
    assert found.shots[0].description == "She looks up."
    marks = [[m["field"] for m in (s.model_extra or {}).get("corrected", [])] for s in found.shots]
    assert marks == [["description"], ["transition"], ["size"], [], ["move"], [], [], []]


def test_a_voice_is_named_everywhere_and_one_segment_by_itself() -> None:
    overlay = Overlay(CLIP)
    overlay.add("speaker", was=0, now="Ana")
    overlay.add("speaker", start_s=13.9, end_s=16.6, was="Ana", now="Ben")
    found = corrected(CLIP, overlay.all).document
    entry = entry_of(found, "speech_transcription")
    assert [s.get("speaker_name") for s in entry["segments"]] == ["Ana", "Ana", None, None, "Ben", None]
    assert [s["speaker"] for s in entry["segments"]] == [0, 0, 1, 1, 0, 2]  # as measured
    assert entry["summary"]["speaker_names"] == {"0": "Ana"}
    assert [s.get("speaker_name") for s in entry_of(found, "speech_emotion")["segments"]] == ["Ana", "Ana", None, None, "Ben", None]
    overlay.add("speaker", was="Ana", now="Anna")
    again = entry_of(corrected(CLIP, overlay.all).document, "speech_transcription")
    assert [s.get("speaker_name") for s in again["segments"]] == ["Anna", "Anna", None, None, "Ben", None]


def test_labels_of_the_other_analyzers() -> None:
    overlay = Overlay(CLIP)
    for edit in (
        {"analyzer": "object_detection", "start_s": 2, "end_s": 9, "was": "cup", "now": "mug"},
        {"analyzer": "text_overlay", "field": "role", "start_s": 0.2, "end_s": 2.3, "was": "title", "now": "caption"},
        {"analyzer": "audio_environment", "start_s": 0.0, "end_s": 12.0, "was": "music", "now": "noise"},
        {"analyzer": "audio_environment", "start_s": 14.0, "end_s": 15.0, "was": "Dog", "now": "Door bell"},
        {"analyzer": "body_pose", "field": "gesture", "start_s": 2, "end_s": 3, "was": "wave", "now": "point"},
        {"analyzer": "scene_segmentation", "start_s": 0.0, "end_s": 7.266667, "was": None, "now": "kitchen"},
        {"analyzer": "speech_emotion", "start_s": 0.3, "end_s": 2.2, "was": "calm", "now": "happy"},
    ):
        (made,) = overlay.add("label", **edit)
        assert made.anchor.analyzer == edit["analyzer"]
    found = corrected(CLIP, overlay.all)
    assert {o.state for o in found.outcomes} == {"applied"}
    document = found.document
    assert entry_of(document, "scene_segmentation")["segments"][0]["name"] == "kitchen"
    assert entry_of(document, "text_overlay")["tracks"][0]["label"] == "caption"
    noise = {"analyzer": "audio_environment", "start_s": 0, "end_s": 12, "was": "noise", "now": "Dog"}
    assert refused(lambda: overlay.add("label", **noise)).code == "unknown_value"


def test_a_sound_of_one_kind_is_not_taken_for_the_same_word_of_another() -> None:
    times = {"start_s": 1.0, "end_s": 3.0}
    sounds = [{**times, "kind": "class", "label": "speech"}, {**times, "kind": "event", "label": "Speech"}]
    overlay = Overlay(spoken(audio_environment={**entry_of(CLIP, "audio_environment"), "segments": sounds}))
    overlay.add("label", analyzer="audio_environment", **times, was="Speech", now="Narration")
    overlay.add("label", analyzer="audio_environment", **times, was="speech", now="music")
    found = corrected(overlay.document, overlay.all)
    assert [o.state for o in found.outcomes] == ["applied", "applied"]
    assert [s["label"] for s in entry_of(found.document, "audio_environment")["segments"]] == ["music", "Narration"]


def test_an_overlay_of_a_newer_version_is_said_to_be_unplaced() -> None:
    overlay = Overlay(CLIP)
    (made,) = overlay.add("label", analyzer="object_detection", start_s=2, end_s=9, was="cup", now="mug")
    newer = made.model_copy(update={"field": "colour"})
    (outcome,) = corrected(CLIP, overlay.all.model_copy(update={"edits": [newer]})).outcomes
    assert outcome.state == "unplaced" and "colour" in (outcome.reason or "")


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"kind": "label"}, "cannot correct size of shots"),
        ({"kind": "speaker", "field": "speaker_name"}, "cannot correct speaker_name of shots"),
        ({"kind": "word", "field": "text"}, "cannot correct text of shots"),
        ({"anchor": {"part": "speakers"}}, "cannot correct size of shots"),
        ({"anchor": {"analyzer": "nobody"}}, "cannot correct size of nobody"),
        ({"now": "huge"}, "'huge' is no value of size"),
        ({"now": ""}, "'' is no value of size"),
    ],
)
def test_a_file_written_by_hand_says_only_what_can_be_said(change: dict[str, Any], told: str) -> None:
    overlay = Overlay(CLIP)
    (made,) = overlay.add("shot", field="size", start_s=0.0, end_s=2.4, was="close_up", now="medium")
    raw = made.model_dump(mode="json")
    raw |= change | {"anchor": raw["anchor"] | change.get("anchor", {})}
    found = corrected(CLIP, Corrections.model_validate({"sha256": CLIP.source.sha256, "edits": [raw]}))
    assert [(o.state, told in (o.reason or "")) for o in found.outcomes] == [("unplaced", True)]
    assert found.document.shots == CLIP.shots


def test_shots_are_corrected_only_where_what_is_in_them_was() -> None:
    raw = CLIP.model_dump(mode="json")
    raw["shots"][3]["text"] = ["as another version wrote it"]
    overlay = Overlay(Document.model_validate(raw))
    overlay.add("text", start_s=0.2, end_s=2.3, was="Three things nobody tells you", now="Three things")
    found = corrected(overlay.document, overlay.all).document
    assert [s.index for s in found.shots if (s.model_extra or {}).get("corrected")] == [0]


def test_allowed_values_are_those_of_the_analyzers() -> None:
    from reelscope.analyzers.audio_environment._classes import Label
    from reelscope.analyzers.body_pose._types import Gesture, Posture
    from reelscope.analyzers.camera_analysis import Move
    from reelscope.analyzers.camera_analysis._size import ShotSize
    from reelscope.analyzers.registry import INSTALLED
    from reelscope.analyzers.text_overlay._layout import Role

    values = {(e.analyzer, e.field): e.values for e in EDITABLE if e.values}
    assert values["shots", "size"] == get_args(ShotSize)
    assert values["shots", "move"] == get_args(Move)
    assert values["text_overlay", "role"] == get_args(Role)
    assert values["body_pose", "posture"] == get_args(Posture) and values["body_pose", "gesture"] == get_args(Gesture)
    assert values["audio_environment", "label"] == get_args(Label)
    for what in EDITABLE:
        if what.analyzer == "shots" or what.added or what.part == "words":
            continue
        kind = INSTALLED.analyzer(what.analyzer)
        assert kind is not None
        part = get_args(kind.Result.model_fields[what.part].annotation)[0]
        part = get_args(part)[0] if get_args(part) else part
        assert what.field in part.model_fields, what


def test_many_corrections_are_still_quick() -> None:
    import time

    segments = transcript((round(k * 3.0, 3), round(k * 3.0 + 2.8, 3), 0, tuple(f"word{k}x{i}" for i in range(8))) for k in range(400))
    overlay = Overlay(spoken(segments))
    from reelscope.document.corrections import Edit, planned
    from tests.document.corrections.made import BEGAN

    edits = [
        Edit(kind="word", start_s=s["start_s"], end_s=s["end_s"], was=s["text"], now=s["text"].replace("x3", "y3")) for s in segments[:200]
    ]
    began = time.process_time()  # what others do on the machine meanwhile is not counted
    made = planned(overlay.document, overlay.all, edits, author="a", at=BEGAN, new_id=iter(f"c{n}" for n in range(999)).__next__)
    found = corrected(overlay.document, overlay.all.model_copy(update={"edits": made}))
    assert len(found.applied) == 200
    assert time.process_time() - began < 20
