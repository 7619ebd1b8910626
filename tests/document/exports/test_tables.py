"""Tables: nothing is lost or made up, types hold, and the three formats say the same."""

from __future__ import annotations

import csv
import io
import json
import math
import sys
from pathlib import Path
from typing import Any

import pyarrow
import pyarrow.parquet
import pytest

from reelscope.analyzers.registry import INSTALLED
from reelscope.document.exports import Material, export
from reelscope.document.exports.tables import TABLES, tables_reference
from reelscope.document.exports.tables.columns import BOX, OWN, TYPED
from reelscope.document.exports.tables.rows import rows_of, timecode
from reelscope.document.names import ANALYZER_NAMES
from reelscope.document.schema import Document, Segment
from reelscope.errors import InputError
from tests.document.fixtures import empty_document, entry, full_document

Rows = list[dict[str, Any]]


def read_back(document: Document) -> Document:
    return Document.model_validate_json(document.model_dump_json())


def of_csv(data: bytes) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(data.decode(), newline="")))


def of_jsonl(data: bytes) -> Rows:
    return [json.loads(line) for line in data.decode().splitlines()]


def of_parquet(data: bytes) -> pyarrow.Table:
    return pyarrow.parquet.read_table(pyarrow.BufferReader(data))


def with_segment(name: str = "text_overlay", /, **fields: Any) -> Document:
    """A document whose one segment is this."""
    document = full_document()
    for other in document.analyzers.values():
        other.segments = []
    document.analyzers[name].segments = [Segment.model_validate({"start_s": 1.0, "end_s": 2.0, **fields})]
    return document


def only_row(document: Document) -> dict[str, Any]:
    (row,) = rows_of(document)["segments"]
    return row


# --- what must not happen -------------------------------------------------------------------------------------------------------------


def test_parquet_without_pyarrow_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(InputError, match="pyarrow"):
        export("parquet", Material(full_document()))


@pytest.mark.parametrize("text", ["=1+1", "@SUM(A1)", "+1", "-1", "\tx", "＝1"])  # noqa: RUF001
def test_no_text_of_a_clip_is_a_formula(text: str) -> None:
    document = with_segment(text=text)
    document.shots[0].text, document.shots[0].speech, document.shots[0].description = [text, "b"], text, text
    document.analyzers["text_overlay"].reason = text
    made = export("csv", Material(document))
    for name in made:
        for row in of_csv(made[name]):
            for key, cell in row.items():
                assert not cell.startswith(("=", "@", "+", "\t", "＝")) and (cell[:1] != "-" or math.isfinite(float(cell))), (
                    name,
                    key,
                    cell,
                )  # noqa: RUF001
    (row,) = of_csv(made["segments.csv"])
    assert row["text"] == "'" + text
    assert of_jsonl(export("jsonl", Material(document))["segments.jsonl"])[0]["text"] == text  # who is no spreadsheet gets it as it is


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, 1e300, 2**63])
def test_what_is_no_figure_is_null(value: float) -> None:
    document = with_segment(strength=value, deep={"x": [value]})
    row = only_row(document)
    assert row["strength"] is None
    if math.isfinite(value):
        assert row["fields"]["deep"] == {"x": [value]}
    else:
        assert row["fields"]["deep"] == {"x": [None]}
    for format in ("csv", "jsonl", "parquet"):
        for data in export(format, Material(document)).values():
            assert b"NaN" not in data and b"Infinity" not in data


@pytest.mark.parametrize(
    ("field", "value"),
    [("kind", 3), ("holds", "yes"), ("track_id", "7"), ("track_id", True), ("track_id", 1.5), ("arousal", "0.5"), ("text", ["a"])],
)
def test_a_field_of_another_type_is_kept_where_no_type_is_promised(field: str, value: Any) -> None:
    row = only_row(with_segment(**{field: value}))
    assert row[field] is None
    assert row["fields"][field] == value


def test_a_field_named_like_a_column_of_the_row_does_not_reach_it() -> None:
    row = only_row(with_segment(status="failed", backend="other", index=9, analyzer="x", analysis_id="y", fields=[1], sha256="z", x_norm=5))
    assert (row["status"], row["backend"], row["index"], row["analyzer"], row["x_norm"]) == ("ok", "embedded-cpu", 0, "text_overlay", None)
    assert (row["analysis_id"], row["sha256"]) == ("a-20261123-7f3c", "9f2c" * 16)
    assert row["fields"] == {
        "status": "failed", "backend": "other", "index": 9, "analyzer": "x", "analysis_id": "y", "fields": [1], "sha256": "z", "x_norm": 5,
    }  # fmt: skip


# --- columns --------------------------------------------------------------------------------------------------------------------------


def test_columns_have_one_name_each_and_words() -> None:
    for name, columns in TABLES.items():
        assert len({c.name for c in columns}) == len(columns), name
        assert all(c.meaning.endswith(".") for c in columns)
    assert not {c.name for c in (*OWN, *BOX)} & {c.name for c in TYPED}


def test_typed_columns_are_fields_of_analyzers() -> None:
    """A column whose field is renamed or never was would be blank for ever."""
    fields: set[str] = set()
    for name in ANALYZER_NAMES:
        kind = INSTALLED.analyzer(name)
        assert kind is not None
        (segment,) = kind.Result.model_fields["segments"].annotation.__args__  # type: ignore[union-attr]
        fields |= set(segment.model_fields)
    assert {c.name for c in TYPED} - fields == set()
    assert "xywh_norm" in fields


def test_the_page_is_what_the_columns_say() -> None:
    page = Path(__file__).parents[3] / "docs" / "exports" / "tables.md"
    assert page.read_text(encoding="utf-8") == tables_reference(), "write it again: tables_reference()"
    assert all(f"| `{c.name}` | {c.kind} | {c.unit} | {c.meaning} |" in tables_reference() for columns in TABLES.values() for c in columns)


# --- rows -----------------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("make", [full_document, empty_document])
def test_every_segment_is_a_row_and_nothing_of_it_is_lost(make: Any) -> None:
    document = read_back(make())
    rows = rows_of(document)["segments"]
    expected = [(name, i, s.model_dump(mode="json")) for name, entry in document.analyzers.items() for i, s in enumerate(entry.segments)]
    assert [(row["analyzer"], row["index"]) for row in rows] == [(name, i) for name, i, _ in expected]
    for row, (_, _, raw) in zip(rows, expected, strict=True):
        assert list(row) == [c.name for c in TABLES["segments"]]
        for key, value in raw.items():
            if key == "xywh_norm":
                assert [row[c.name] for c in BOX] == value
            else:
                assert (row[key] if key in row and row[key] is not None else (row["fields"] or {}).get(key)) == value, key


def test_every_analyzer_is_a_row_with_its_status_and_reason() -> None:
    rows = {row["analyzer"]: row for row in rows_of(full_document())["analyzers"]}
    assert list(rows) == list(ANALYZER_NAMES)
    assert {row["status"] for row in rows.values()} == {"ok", "not_applicable", "unavailable", "skipped", "failed", "timeout"}
    failed = rows["audio_environment"]
    assert (failed["code"], failed["reason"]) == ("model_load_failed", "yamnet.onnx does not match its sha256")
    assert (failed["segments"], failed["attempts"], failed["seconds"]) == (0, 2, 0.2)
    found = rows["text_overlay"]
    assert (found["segments"], found["tracks"], found["models"], found["licences"]) == (7, 7, ["PP-OCRv6-small-rec"], ["Apache-2.0"])
    assert rows["audio_analysis"]["summary"]["integrated_lufs"] == -14.3
    assert rows["age_estimation"]["seconds"] is None and rows["age_estimation"]["summary"] is None


def test_a_document_without_segments_gives_headings_only() -> None:
    made = export("csv", Material(empty_document()))
    assert of_csv(made["segments.csv"]) == [] and made["segments.csv"].startswith(b"analyzer,status,backend,index,start_s")
    assert len(of_csv(made["analyzers.csv"])) == len(ANALYZER_NAMES)
    assert export("jsonl", Material(empty_document()))["segments.jsonl"] == b""
    table = of_parquet(export("parquet", Material(empty_document()))["segments.parquet"])
    assert table.num_rows == 0 and str(table.schema.field("strength").type) == "double"


def test_a_shot_not_measured_is_blank_not_nought() -> None:
    document = empty_document()
    (row,) = rows_of(document)["shots"]
    measured = ("transition", "transition_s", "jump_cut", "size", "camera", "camera_shake", "speech", "speech_share", "loudness_lufs",
                "sharpness", "scene", "description", "keyframe", "palette_shares")  # fmt: skip
    assert {row[key] for key in measured} == {None}
    assert (row["text"], row["palette"]) == ([], [])  # they were looked for
    for name in ("text_overlay", "color_analysis"):
        document.analyzers[name] = entry("skipped")
    (row,) = rows_of(document)["shots"]
    assert (row["text"], row["palette"], row["palette_names"]) == (None, None, None)
    (cells,) = of_csv(export("csv", Material(document))["shots.csv"])
    assert {cells[key] for key in (*measured, "palette", "text")} == {""}


def test_shots_as_the_list_of_an_editor() -> None:
    rows = rows_of(full_document())["shots"]
    assert [row["number"] for row in rows] == [*range(1, 9)] and [row["index"] for row in rows] == [*range(8)]
    third = rows[3]
    assert (third["start"], third["end"], third["length"]) == ("0:00:07.267", "0:00:10.800", "0:00:03.533")
    assert (third["start_s"], third["end_s"], third["length_s"]) == (7.266667, 10.8, 3.533333)
    assert (third["transition"], third["transition_s"], third["jump_cut"]) == ("dissolve", 0.466667, False)
    assert (third["camera"], third["camera_components"], third["size"]) == ("handheld", ["handheld", "roll"], "wide")
    assert third["text"] == ["2. Move the camera"]
    assert rows[0]["palette"] == ["#1f2a44", "#c98b5a", "#efe3d0", "#7a3b2e"]
    assert (rows[0]["palette_shares"], rows[0]["palette_names"][0]) == ([0.46, 0.24, 0.2, 0.1], "midnight blue")
    assert rows[1]["transition_s"] == 0.0  # a hard cut was measured: it takes no time
    (csv_row,) = [row for row in of_csv(export("csv", Material(full_document()))["shots.csv"]) if row["number"] == "4"]
    assert (csv_row["camera_components"], csv_row["length_s"], csv_row["jump_cut"]) == ("handheld | roll", "3.533333", "false")


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0.0, "0:00:00.000"), (59.9996, "0:01:00.000"), (3661.0005, "1:01:01.000"), (-0.25, "-0:00:00.250"), (-0.0001, "0:00:00.000")],
)
def test_timecode(seconds: float, words: str) -> None:
    assert timecode(seconds) == words


@pytest.mark.parametrize(
    ("start_s", "end_s", "own", "shot"),
    [
        (2.4, 2.4, None, 1),  # a hard cut is the first moment of the new shot
        (0.0, 24.0, None, 3),  # the longest of those it covers, here 10.8 - 7.27 ... 24 - 20.13
        (2.0, 2.8, None, 0),  # as much in one as in the other: the first
        (24.0, 24.0, None, None),  # the end is no part of the clip
        (30.0, 31.0, None, None),
        (0.0, 1.0, 5, 5),
    ],
)
def test_the_shot_of_a_segment(start_s: float, end_s: float, own: int | None, shot: int | None) -> None:
    document = with_segment(start_s=start_s, end_s=end_s, shot=own)
    if (start_s, end_s) == (0.0, 24.0):
        shot = max(document.shots, key=lambda s: s.end_s - s.start_s).index
    row = only_row(document)
    assert row["shot"] == shot
    assert (row["fields"] or {}).get("shot") is None
    document.shots = []
    assert only_row(document)["shot"] == own


def test_what_a_person_corrected_is_named() -> None:
    told = [
        {"field": "text", "was": "teh", "now": "the", "author": "ana", "at": "2026-11-26T00:00:00Z"},
        {"field": "text"},
        {"field": "role"},
    ]
    row = only_row(with_segment(text="the", corrected=told))
    assert row["corrected"] == ["text", "role"] and row["fields"]["corrected"] == told
    assert only_row(with_segment(text="the"))["corrected"] == []
    document = full_document()
    document.shots[2] = document.shots[2].model_copy(update={"corrected": told})
    assert [row["corrected"] for row in rows_of(read_back(document))["shots"]][1:4] == [[], ["text", "role"], []]


# --- formats --------------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("make", [full_document, empty_document])
@pytest.mark.parametrize("table", TABLES)
def test_the_three_formats_say_the_same(table: str, make: Any) -> None:
    document = read_back(make())
    columns = {c.name: c for c in TABLES[table]}
    lines = of_jsonl(export("jsonl", Material(document))[f"{table}.jsonl"])
    parquet = of_parquet(export("parquet", Material(document))[f"{table}.parquet"])
    cells = of_csv(export("csv", Material(document))[f"{table}.csv"])
    types = {"text": "string", "int": "int64", "float": "double", "bool": "bool", "texts": "list<element: string>", "json": "string"}
    assert {f.name: str(f.type) for f in parquet.schema} == {name: types[c.kind] for name, c in columns.items()}
    assert all(field.nullable for field in parquet.schema)
    assert len(lines) == parquet.num_rows == len(cells)
    for line, row, texts in zip(lines, parquet.to_pylist(), cells, strict=True):
        assert list(line) == list(row) == list(texts) == list(columns)
        for name, column in columns.items():
            value, text = line[name], texts[name]
            assert (json.loads(row[name]) if column.kind == "json" and row[name] is not None else row[name]) == value
            match column.kind:
                case "json":
                    assert (json.loads(text) if text else None) == value
                case "texts":
                    assert [part for part in text.removeprefix("'").split(" | ") if part] == (value or [])
                case "text":
                    assert text.removeprefix("'") == (value or "")
                case "bool":
                    assert text == {None: "", True: "true", False: "false"}[value]
                case _:
                    assert (float(text) if text else None) == value
    assert parquet.schema.field("sha256").metadata[b"meaning"]


def test_typed_results_give_the_same_rows_as_those_read_back() -> None:
    document = full_document()
    for format in ("csv", "jsonl", "parquet"):
        made = export(format, Material(document))
        assert made == export(format, Material(read_back(document))) == export(format, Material(document))
