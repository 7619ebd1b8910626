"""Files given to be compared: what is refused and called what it is, names that tell documents apart."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from reelscope.document.compare import pairs
from reelscope.document.compare.alignment import shot_costs
from reelscope.document.compare.figures import figures_of
from reelscope.document.compare.many import compare_many, each_once
from reelscope.document.compare.pairs import compare_pair
from reelscope.document.compare.read import TESTED, names_of, read_figures
from reelscope.errors import InputError
from tests.document.fixtures import empty_document, full_document


def written(path: Path, **changes: Any) -> Path:
    data = json.loads(full_document().model_dump_json()) | changes
    path.write_text(json.dumps(data), encoding="utf-8")
    return path


@pytest.mark.parametrize(
    ("content", "what"),
    [
        (b"\x00\x00\x00\x18ftypmp42", "an MP4 or MOV file"),
        (b"\x1a\x45\xdf\xa3rest", "a WebM or Matroska file"),
        (b"\xff\xd8\xff\xe0", "a JPEG picture"),
        (b"PK\x03\x04", "a ZIP archive"),
        (b" \n<!doctype html>", "an HTML or XML page"),
        (b"  \n", "an empty file"),
        (b"null", "it holds null, not an object"),
        (b"3", "it holds a number, not an object"),
        (b'{"texts": []}', "it has no schema_version (its keys: texts)"),
        (b'{"schema_version": "1.0"}', "it has no analyzers"),
        (b'{"schema_version": "1.0", "analyzers": {}}', "a damaged document"),
        (b"[" * 100_000, "nested too deeply"),
        (b'"\xff"', "no text in UTF-8"),
    ],
)
def test_a_file_that_is_none_is_named_with_what_it_is(tmp_path: Path, content: bytes, what: str) -> None:
    path = tmp_path / "given"
    path.write_bytes(content)
    with pytest.raises(InputError) as refused:
        read_figures(path, "given")
    assert refused.value.message.startswith(f"{path}: is ")
    assert what in refused.value.message
    assert refused.value.hint


def test_a_document_that_lost_its_end_is_refused(tmp_path: Path) -> None:
    path = written(tmp_path / "a.json")
    path.write_bytes(path.read_bytes()[:-400])
    with pytest.raises(InputError, match="is not JSON"):
        read_figures(path, "a")


def test_a_part_of_another_type_is_named_by_its_place(tmp_path: Path) -> None:
    path = written(tmp_path / "a.json", shots=[{"index": 0, "start_s": "soon", "end_s": 2}])
    with pytest.raises(InputError, match=r"damaged document: shots\.0\.start_s"):
        read_figures(path, "a")


def test_a_folder_and_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"without an analysis\.json"):
        read_figures(tmp_path, "a")
    with pytest.raises(InputError, match="No such file"):
        read_figures(tmp_path / "none.json", "a")


def test_a_newer_document_of_the_same_kind_is_read_and_warned_of(tmp_path: Path) -> None:
    old = read_figures(written(tmp_path / "a.json"), "a")
    new = read_figures(written(tmp_path / "b.json", schema_version="1.4", something_new={"x": 1}), "b")
    assert any("different schema versions (1.0, 1.4)" in w for w in compare_pair(old, new).warnings)
    assert any("different schema versions (1.0, 1.4)" in w for w in compare_many([old, new, new]).warnings)


def test_what_is_no_number_in_json_is_no_figure(tmp_path: Path) -> None:
    data = json.loads(full_document().model_dump_json())
    data["analyzers"]["cut_analysis"]["summary"] |= {"shots": float("nan"), "cuts": 3, "not_measured": ["no table"]}
    data["shots"][0]["palette"] = [{"hex": "red", "share": 1.0}]
    (tmp_path / "a.json").write_text(json.dumps(data), encoding="utf-8")
    found = read_figures(tmp_path / "a.json", "a")
    assert "cut_analysis.shots" not in found.values
    assert found.values["cut_analysis.cuts"] == 3
    assert "palette" not in shot_costs(found.shots[0], found.shots[4])


def test_the_row_that_is_held_against_views_has_numbers_alone(tmp_path: Path) -> None:
    row = read_figures(written(tmp_path / "a.json"), "a").row
    assert row["duration_s"] == 24.0
    assert set(row) <= set(TESTED)
    assert all(type(value) is float for value in row.values())


def test_figures_that_are_tested_are_fifty_or_more_and_none_is_a_text() -> None:
    assert 50 <= len(TESTED) <= 90
    assert not {"key", "setting", "transcript", "language", "document", "clip"} & set(TESTED)


@pytest.mark.parametrize(
    ("paths", "names"),
    [
        (["out/a/analysis.json", "out/b/analysis.json"], ["a", "b"]),
        (["a.json", "b.json"], ["a", "b"]),
        (["x/a/analysis.json", "y/a/analysis.json", "c.json"], ["x/a/analysis.json", "y/a/analysis.json", "c"]),
        (["analysis.json", "b.json"], ["analysis", "b"]),
    ],
)
def test_names(paths: list[str], names: list[str]) -> None:
    assert names_of([Path(p) for p in paths]) == names


def test_too_many_shots_are_not_laid_out_and_the_figures_are(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pairs, "MAX_PAIRS", 63)
    a = figures_of(full_document(), "a")
    pair = compare_pair(a, a)
    assert pair.shots == ()
    assert pair.shots_reason is not None
    assert "8 and 8 shots are too many" in pair.shots_reason
    assert pair.figures


def test_without_shots_the_reason_names_the_document() -> None:
    bare = empty_document()
    bare.shots = []
    pair = compare_pair(figures_of(full_document(), "full"), figures_of(bare, "bare"))
    assert pair.shots_reason == "bare: this document has no shots: cut_analysis gave none"


def test_each_clip_counts_once_and_the_first_stays() -> None:
    document = full_document()
    kept, warnings = each_once([figures_of(document, "first"), figures_of(document, "second")])
    assert [d.clip.name for d in kept] == ["first"]
    assert len(warnings) == 1
    assert "second is of the same clip as first" in warnings[0]
