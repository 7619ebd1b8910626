"""CSV that every reader takes and no spreadsheet runs; Parquet with types."""

from __future__ import annotations

import csv
import io
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reelscope.document.table import COLUMNS, harmless, header, row_of, to_csv, to_parquet
from reelscope.document.table.write import FORMULA
from reelscope.errors import InputError
from tests.document.table.documents import document

HOSTILE = '=HYPERLINK("http://x","a, b")\n"quoted"'


def row_with(text: str) -> dict[str, object]:
    return dict(row_of(document(speech_transcription={"text": text, "words": 2}, audio_analysis={"integrated_lufs": -15.091}), "a,b.json"))


def read(data: bytes) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(data.decode("utf-8"), newline="")))


def test_parquet_without_pyarrow_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(InputError, match="needs the package pyarrow") as caught:
        to_parquet([row_of(document(), "x.json")])
    assert "--to csv" in str(caught.value.hint)


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "\n=1", "＝1", "'=1", "''-1"])  # noqa: RUF001
def test_a_text_that_begins_like_a_formula_is_made_harmless(text: str) -> None:
    assert harmless(text) == "'" + text


@pytest.mark.parametrize("text", ["", "a=1", "'tis", "1-2", " x", "'"])
def test_other_texts_stay(text: str) -> None:
    assert harmless(text) == text


@given(st.text(alphabet="'=+-@\t a"))
def test_the_apostrophe_can_be_taken_away(text: str) -> None:
    out = harmless(text)
    assert not FORMULA.match(out) or out.startswith("'")
    assert (out[1:] if FORMULA.match(out) else out) == text


def test_csv_comes_back_as_it_was() -> None:
    row = row_with(HOSTILE)
    data = to_csv([row])  # type: ignore[list-item]
    (back,) = read(data)
    assert list(back) == header()
    assert back["transcript"] == "'" + HOSTILE
    assert back["document"] == "a,b.json"
    assert (back["loudness_lufs"], back["words"], back["vfr"], back["fps"]) == ("-15.091", "2", "false", "30.0")  # a number is no formula
    assert (back["shots"], back["shots_why"]) == ("", "skipped: not asked for")
    assert data.endswith(b"\n")
    assert b"\r" not in data
    assert to_csv([row]) == data  # type: ignore[list-item]


def test_half_a_surrogate_pair_can_be_written() -> None:
    row = row_with("a\ud800b \U0001f600")
    (back,) = read(to_csv([row]))  # type: ignore[list-item]
    assert back["transcript"] == "a�b \U0001f600"
    assert to_parquet([row])  # type: ignore[list-item]


def test_parquet_has_types_and_texts_as_they_are() -> None:
    pyarrow = pytest.importorskip("pyarrow", reason="needs pyarrow")
    parquet = pytest.importorskip("pyarrow.parquet", reason="needs pyarrow")
    rows = [row_with(HOSTILE), row_of(document(cut_analysis={"shots": 3, "shot_length_cv": 1}), "b.json")]
    table = parquet.read_table(pyarrow.BufferReader(to_parquet(rows)))  # type: ignore[arg-type]
    assert table.column_names == header()
    kinds = {"text": "string", "int": "int64", "float": "double", "bool": "bool"}
    assert [(c.name, str(table.schema.field(c.name).type)) for c in COLUMNS] == [(c.name, kinds[c.kind]) for c in COLUMNS]
    assert all(field.nullable for field in table.schema)
    assert table["transcript"].to_pylist() == [HOSTILE, None]
    assert table["shots"].to_pylist() == [None, 3]
    assert table["shot_length_cv"].to_pylist() == [None, 1.0]
    assert table.schema.field("loudness_lufs").metadata[b"unit"] == b"LUFS"


def test_parquet_keeps_the_type_of_a_column_without_any_value() -> None:
    pyarrow = pytest.importorskip("pyarrow", reason="needs pyarrow")
    parquet = pytest.importorskip("pyarrow.parquet", reason="needs pyarrow")
    table = parquet.read_table(pyarrow.BufferReader(to_parquet([row_of(document(), "x.json")])))
    assert str(table.schema.field("tempo_bpm").type) == "double"
    assert table["tempo_bpm"].null_count == 1
