"""`reelscope table`: what is refused, what is left out, what is written where."""

from __future__ import annotations

import csv
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from reelscope.cli import table as table_module
from tests.cli.conftest import Result
from tests.document.table.documents import document, save

Cli = Callable[[Sequence[object]], Result]


@pytest.fixture
def clips(place: Path) -> Path:
    """Two documents of two clips."""
    for i, name in enumerate(("a", "b")):
        case = document(cut_analysis={"shots": i + 1})
        case["source"]["sha256"] = f"{i:064x}"
        save(place / "clips" / name / "analysis.json", case)
    return place / "clips"


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_no_folder(cli: Cli, place: Path) -> None:
    cli(["table", "missing"]).assert_refused(2, "missing: no such folder", "reelscope analyze")
    (place / "a.json").write_text("{}")
    cli(["table", "a.json"]).assert_refused(2, "a.json: is no folder")


def test_an_empty_folder(cli: Cli, place: Path) -> None:
    (place / "empty").mkdir()
    cli(["table", "empty"]).assert_refused(2, "empty: no documents in it", "reelscope analyze")
    assert list((place / "empty").iterdir()) == []


def test_a_folder_without_any_document_names_its_files(cli: Cli, place: Path) -> None:
    save(place / "d" / "truth.json", {})
    done = cli(["table", "d"])
    assert (done.code, done.out) == (2, "")
    assert done.err.splitlines()[0] == "left out: truth.json: is no document: it has no schema_version"
    assert "error: d: no documents in it" in done.err
    assert not (place / "d" / "table.csv").exists()


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--to", "xlsx"], "'xlsx' is no format"),
        (["--to", "parqet"], "did you mean 'parquet'"),
        (["--to", ","], "no format is given"),
        (["--to", "csv", "--out", "x.parquet"], "ends in .parquet, which is not among the formats asked for: csv"),
    ],
)
def test_formats_that_are_refused(cli: Cli, clips: Path, options: list[str], words: str) -> None:
    cli(["table", clips, *options]).assert_refused(2, words)


def test_a_place_that_cannot_be_written(cli: Cli, clips: Path, place: Path) -> None:
    (place / "file").write_text("kept")
    cli(["table", clips, "--out", "file/x.csv"]).assert_refused(2, "file")  # and no word of rows that stand nowhere
    assert (place / "file").read_text() == "kept"
    (place / "t" / "table.csv").mkdir(parents=True)
    cli(["table", clips, "--out", "t"]).assert_refused(2, "is a folder", "--out")


def test_without_pyarrow_nothing_is_written(cli: Cli, clips: Path, place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    cli(["table", clips, "--to", "csv,parquet", "--out", "out"]).assert_refused(2, "needs the package pyarrow")
    assert not (place / "out").exists()
    assert cli(["table", clips, "--to", "csv", "--out", "out"]).code == 0


def test_rows_in_order_with_damaged_files_left_out(cli: Cli, clips: Path) -> None:
    (clips / "b" / "broken.json").write_text('{"schema')
    save(clips / "c.json", document())
    done = cli(["table", clips])
    assert (done.code, done.out) == (0, "table: clips/table.csv\n")
    assert "left out: b/broken.json: is not JSON" in done.err
    assert "rows: 3; files left out: 1" in done.err
    found = rows(clips / "table.csv")
    assert [(row["document"], row["shots"]) for row in found] == [("a/analysis.json", "1"), ("b/analysis.json", "2"), ("c.json", "")]


def test_the_same_clip_twice_is_told(cli: Cli, clips: Path) -> None:
    save(clips / "again.json", {**document(), "source": {"sha256": f"{0:064x}"}})
    done = cli(["table", clips])
    assert "2 rows are of 1 clips that were analysed several times" in done.err
    assert len(rows(clips / "table.csv")) == 3


@pytest.mark.parametrize(
    ("options", "written"),
    [
        ([], ["clips/table.csv"]),
        (["--to", "parquet,csv,csv"], ["clips/table.parquet", "clips/table.csv"]),
        (["--out", "x.parquet"], ["x.parquet"]),
        (["--to", "csv,parquet", "--out", "deep/x.csv"], ["deep/x.csv", "deep/x.parquet"]),
        (["--out", "some.folder"], ["some.folder/table.csv"]),
    ],
)
def test_where_files_go(cli: Cli, clips: Path, place: Path, options: list[str], written: list[str]) -> None:
    done = cli(["table", clips, *options])
    assert done.code == 0, done.err
    assert done.out == "".join(f"table: {name}\n" for name in written)
    assert all((place / name).stat().st_size for name in written)
    before = {name: (place / name).read_bytes() for name in written}
    assert cli(["table", clips, *options]).code == 0
    assert {name: (place / name).read_bytes() for name in written} == before


def test_many_foreign_files_do_not_hide_the_rest(cli: Cli, clips: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(table_module, "TOLD_MOST", 2)
    for i in range(5):
        save(clips / f"{i}.json", [])
    assert [line for line in cli(["table", clips]).err.splitlines() if line.startswith("left out")][2:] == ["left out: 3 more files"]


def test_progress_where_it_takes_long(cli: Cli, clips: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "files read" not in cli(["table", clips]).err
    monkeypatch.setattr(table_module, "SLOW_S", 0.0)
    assert "1 of 2 files read\n" in cli(["table", clips]).err
