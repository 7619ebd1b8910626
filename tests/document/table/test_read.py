"""From files to rows: what is no document, what is blank and why, values as they stand."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from reelscope.document.table import COLUMNS, WHY, Column, Skipped, find_documents, header, read_row, read_table, row_of
from reelscope.document.table import read as read_module
from tests.document.fixtures import full_document
from tests.document.table.documents import document, save


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "is empty"),
        (b"\n ", "is empty"),
        (b'{"a": ', "is not JSON"),
        (b"\xff\xfe\xfa{", "is not JSON"),
        (b"[" * 200_000, "nested too deeply"),
        (b"1" * 10_000, "is not JSON"),
        (b'{"schema_version": NaN}', "NaN is no JSON number"),
        (b"[1, 2]", "not an object"),
        (b"{}", "it has no schema_version"),
        (b'{"schema_version": 1}', "it has no schema_version"),
        (b'{"schema_version": "2.0"}', "has schema version 2.0; this version of reelscope reads 1.x"),
        (b'{"schema_version": "1.0", "source": {}, "media": []}', "it has no media, run, analyzers"),
        (b'{"schema_version": "1.0", "source": {}, "media": {}, "run": {}, "analyzers": {}}', "it has no source.sha256"),
    ],
)
def test_a_file_that_is_no_document_says_why(tmp_path: Path, data: bytes, words: str) -> None:
    (tmp_path / "a.json").write_bytes(data)
    found = read_row(tmp_path, "a.json")
    assert isinstance(found, Skipped)
    assert found.path == "a.json"
    assert words in found.reason


def test_files_that_cannot_be_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    os.mkfifo(tmp_path / "pipe.json")
    (tmp_path / "folder.json").mkdir()
    (tmp_path / "dangling.json").symlink_to(tmp_path / "nowhere")
    save(tmp_path / "large.json", document())
    monkeypatch.setattr(read_module, "MAX_BYTES", 10)
    reasons = {file.path: file.reason for file in read_table(tmp_path, find_documents(tmp_path)).skipped}
    assert reasons["pipe.json"] == "no regular file"
    assert reasons["dangling.json"].startswith("cannot be read: ")
    assert reasons["large.json"].endswith("bytes are too many for a document")
    assert set(reasons) == {"pipe.json", "dangling.json", "large.json"}


def test_documents_are_found_in_order_and_hidden_ones_are_not(tmp_path: Path) -> None:
    for name in ("b/analysis.json", "a/z.JSON", "a.json", ".git/x.json", "b/.part.json", "b/x.txt"):
        save(tmp_path / name, {})
    (tmp_path / "loop").symlink_to(tmp_path, target_is_directory=True)
    assert find_documents(tmp_path) == ["a.json", "a/z.JSON", "b/analysis.json"]


def test_every_row_has_every_name_and_each_measured_cell_a_value_or_a_reason() -> None:
    for case in (document(), full_document().model_dump(mode="json"), {**document(), "analyzers": {}}):
        row = row_of(case, "x.json")
        assert list(row) == header()
        both = [c.name for c in COLUMNS if c.measured and (row[c.name] is None) == (row[c.name + WHY] is None)]
        assert both == []


def test_a_document_without_insights_is_blank_with_the_reason() -> None:
    row = row_of(document(), "x.json")
    assert row["hook_first_face_s"] is None
    assert row["hook_first_face_s_why"] == "the document has no hook: it was written by reelscope 0.1.0"


def reason(case: dict[str, Any], name: str) -> Any:
    row = row_of(case, "x.json")
    assert row[name] is None
    return row[name + WHY]


def test_where_reasons_come_from() -> None:
    case = document(
        audio_analysis={"tempo_bpm": None, "integrated_lufs": None, "not_measured": {"tempo_bpm": "no pulse"}},
        color_analysis={"harmony": None, "harmony_reason": "grey", "tone": None, "reason": "black throughout"},
        temporal_flow={"stages": {"turn": {"status": "not_found", "reason": "nothing turns", "start_s": None}}, "not_read": {}},
        cut_analysis={},
    )
    case["insights"] = {
        "hook": {"status": "ok", "first_face_s": None, "first_word_s": None, "not_measured": {"first_word_s": "no words"}},
        "loop": {"status": "ok", "sentence": {"meets": None}, "picture": None, "not_measured": {"sentence.meets": "no full stop"}},
        "pacing": {"status": "ok", "beats": None, "not_measured": {"beats": "no sound track"}},
        "safe_zones": {"status": "ok", "totals": {"reels": {"texts_hidden_s": None}}, "not_measured": {"texts": "no reader"}},
        "reading_load": {"status": "unavailable", "reason": "no text was read"},
        "attention": {"status": "failed", "reason": None},
    }
    assert reason(case, "sharpness") == "skipped: not asked for"
    assert reason(case, "tempo_bpm") == "no pulse"
    assert reason(case, "loudness_lufs") == "null in the document, which gives no reason"
    assert reason(case, "harmony") == "grey"
    assert reason(case, "tone") == "black throughout"
    assert reason(case, "story_turn_start_s") == "nothing turns"
    assert reason(case, "story_hook_found") == "the document has no such field: it was written by reelscope 0.1.0"
    assert reason(case, "story_not_read") == "all of them had a result"
    assert reason(case, "shots") == "the document has no such field: it was written by reelscope 0.1.0"
    assert reason(case, "hook_first_face_s") == "looked for, and never in the clip"
    assert reason(case, "hook_first_word_s") == "no words"
    assert reason(case, "loop_sentence_meets") == "no full stop"
    assert reason(case, "loop_picture_meets") == "null in the document, which gives no reason"
    assert reason(case, "cuts_on_beat_share") == "no sound track"
    assert reason(case, "reels_texts_hidden_s") == "no reader"
    assert reason(case, "reading_chars_per_s") == "unavailable: no text was read"
    assert reason(case, "news_per_10_s") == "failed"


def test_values_stand_as_they_are() -> None:
    case = document(
        cut_analysis={"shots": 7, "shot_length_cv": 0},
        audio_analysis={"integrated_lufs": -15.091, "silence_s": 0.0},
        temporal_flow={
            "stages": {"hook": {"status": "found", "start_s": 0.0}, "turn": {"status": "not_found"}},
            "not_read": {"b": "", "a": ""},
        },
    )
    case["analyzers"]["cross_analyzer_intelligence"] |= {
        "status": "ok",
        "segments": [{"claim": "other", "holds": True}, {"claim": "cut_to_beat", "holds": False, "strength": 0.25}],
    }
    row = row_of(case, "x.json")
    got = {name: row[name] for name in ("shots", "shot_length_cv", "loudness_lufs", "silence_s", "story_hook_found", "story_turn_found")}
    assert got == {
        "shots": 7, "shot_length_cv": 0, "loudness_lufs": -15.091, "silence_s": 0.0, "story_hook_found": True, "story_turn_found": False,
    }  # fmt: skip
    assert (row["cut_to_beat_holds"], row["cut_to_beat_strength"], row["story_not_read"]) == (False, 0.25, "b a")
    assert (row["document"], row["duration_s"], row["audio_codec"], row["analyzers_ok"]) == ("x.json", 20.4, None, 4)


@pytest.mark.parametrize(
    ("kind", "value"),
    [("int", 2.5), ("int", True), ("int", 2**63), ("int", "7"), ("float", "1"), ("float", False), ("float", float("inf")),
     ("float", 10**400), ("text", 3), ("text", ["a"]), ("bool", 1), ("bool", "true")],
)  # fmt: skip
def test_a_value_of_another_type_is_blank_and_says_so(kind: Any, value: Any) -> None:
    column = Column("x", kind, "", "", "cut_analysis", "summary.x")
    row = row_of(document(cut_analysis={"x": value}), "x.json", (column,))
    assert row == {"x": None, "x_why": f"the document has no {kind} there"}


def test_parts_of_another_type_break_nothing() -> None:
    for wrong in (None, 3, "text", [], [1], {"status": "ok", "summary": [], "segments": 3}, {"status": ["ok"]}):
        case = document()
        case["analyzers"] = dict.fromkeys(case["analyzers"], wrong)
        case["insights"] = wrong
        row = row_of(case, "x.json")
        assert [c.name for c in COLUMNS if c.measured and not (row[c.name] is None and row[c.name + WHY])] == []


def test_processes_give_the_same_in_the_same_order(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for i in range(6):
        save(tmp_path / f"{i}.json", document(cut_analysis={"shots": i}) if i != 3 else [])
    names = find_documents(tmp_path)
    here = read_table(tmp_path, names)
    monkeypatch.setattr(read_module, "POOL_FROM", 2)
    seen: list[tuple[int, int]] = []
    there = read_table(tmp_path, names, workers=2, progress=lambda done, total: seen.append((done, total)))
    assert there == here
    assert [row["shots"] for row in here.rows] == [0, 1, 2, 4, 5]
    assert [file.path for file in here.skipped] == ["3.json"]
    assert seen == [(i, 6) for i in range(1, 7)]


def test_columns_of_a_post_are_as_a_fetch_writes_it() -> None:
    """The post's object has no classes to check paths against: one is made as the source makes it."""
    from reelscope.media.source.post import post_of

    info = {
        "extractor_key": "TikTok", "id": "7", "uploader": "somebody", "uploader_id": "1", "timestamp": 1_760_000_000, "view_count": 1200,
        "like_count": 34, "comment_count": 5, "repost_count": 6, "save_count": 7, "title": "a", "webpage_url": "https://www.tiktok.com/@somebody/video/7",
    }  # fmt: skip
    made = document()
    made["source"] |= {"url": info["webpage_url"], "post": post_of(info)}
    row = row_of(made, "a")
    names = ("post_author", "post_published_at", "post_views", "post_likes", "post_comments", "post_shares", "post_saves")
    assert {name: row[name] for name in names} == {
        "post_author": "somebody", "post_published_at": "2025-10-09T08:53:20Z", "post_views": 1200, "post_likes": 34, "post_comments": 5,
        "post_shares": 6, "post_saves": 7,
    }  # fmt: skip
    assert all(row_of(document(), "a")[name] is None for name in names)
