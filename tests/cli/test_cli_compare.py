"""`reelscope compare` as it is called: what is refused, what is written, what is said."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import Result
from tests.document.fixtures import full_document

Cli = Callable[[Sequence[Any]], Result]


def document(folder: Path, index: int = 0, *, views: int | None = None, **changes: Any) -> Path:
    """A document of a clip of its own in a folder of its own. changes: values by path, its keys joined by two underscores."""
    data = json.loads(full_document().model_dump_json())
    post = {"view_count": views} if views is not None else None
    data["source"] |= {"sha256": f"{index + 1:064x}", "path": f"clips/clip-{index}.mp4", "post": post}
    for path, value in changes.items():
        *above, last = path.split("__")
        table = data
        for key in above:
            table = table[key]
        table[last] = value
    target = folder / f"clip-{index}" / "analysis.json"
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(json.dumps(data), encoding="utf-8")
    return target


def many(folder: Path, n: int, *, with_views: int = 0) -> list[Path]:
    """Documents whose length rises with their number, and with it their views."""
    return [document(folder, i, views=100 * i * i if i < with_views else None, media__duration_s=20.0 + i) for i in range(n)]


def test_one_document_is_refused(cli: Cli, place: Path) -> None:
    cli(["compare", document(place)]).assert_refused(2, "two or more", "hint:")


def test_a_file_that_is_not_there_is_refused(cli: Cli, place: Path) -> None:
    cli(["compare", document(place), "missing.json"]).assert_refused(2, "missing.json", "No such file")


@pytest.mark.parametrize(
    ("content", "word"),
    [(b"", "empty"), (b"{", "not JSON"), (b"[1]", "no document"), (b"{}", "no document"), (b"\xff\xfe{", "not JSON"), (b"<html>", "HTML")],
)
def test_what_is_no_document_is_refused_and_said(cli: Cli, place: Path, content: bytes, word: str) -> None:
    bad = place / "bad.json"
    bad.write_bytes(content)
    cli(["compare", document(place), bad]).assert_refused(2, "bad.json", word)


def test_another_schema_is_refused(cli: Cli, place: Path) -> None:
    cli(["compare", document(place), document(place, 1, schema_version="2.0")]).assert_refused(2, "schema version 2.0")


def test_an_unknown_group_is_refused(cli: Cli, place: Path) -> None:
    cli(["compare", document(place), document(place, 1), "--only", "hok"]).assert_refused(2, "did you mean 'hook'?")
    cli(["compare", document(place), document(place, 1), "--only", ","]).assert_refused(2, "--only")


def test_json_that_cannot_be_written_is_refused_and_leaves_nothing(cli: Cli, place: Path) -> None:
    a, b = document(place), document(place, 1)
    (place / "file").write_text("")
    cli(["compare", a, b, "--json", place]).assert_refused(2, "is a folder")
    cli(["compare", a, b, "--json", "file/out.json"]).assert_refused(2, "file")
    assert sorted(p.name for p in place.iterdir()) == ["clip-0", "clip-1", "file"]


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("", "columns"),
        ("file,likes\na,1\n", "columns"),
        ("file,views\nclip-0.mp4,many\n", "line 2"),
        ("file,views\nclip-0.mp4,-4\n", "line 2"),
        ("file,views\n,4\n", "line 2"),
        ("file,views\nclip-0.mp4,4\nclip-0.mp4,5\n", "line 3"),
    ],
)
def test_a_table_of_views_that_is_wrong_is_refused(cli: Cli, place: Path, text: str, word: str) -> None:
    (place / "views.csv").write_text(text)
    cli(["compare", *many(place, 3), "--views", "views.csv"]).assert_refused(2, "views.csv", word)


def test_a_table_of_views_that_is_not_there_is_refused(cli: Cli, place: Path) -> None:
    cli(["compare", *many(place, 3), "--views", "none.csv"]).assert_refused(2, "none.csv")


def test_the_same_document_twice_has_no_difference(cli: Cli, place: Path) -> None:
    a = document(place)
    result = cli(["compare", a, a, "--json", "pair.json"])
    assert result.code == 0
    assert "no difference" in result.out
    told = json.loads((place / "pair.json").read_text())
    assert told["figures"]
    assert all(f["a"] == f["b"] and not f["difference"] for f in told["figures"])
    assert told["only_one"] == []
    assert [(s["a"], s["b"], s["cost"]) for s in told["shots"]] == [(i, i, 0) for i in range(len(told["shots"]))]


def test_two_documents_show_what_differs_and_why_something_is_missing(cli: Cli, place: Path) -> None:
    lost = {"status": "failed", "requested": True, "reason": "it broke"}
    a = document(place, 0)
    b = document(place, 1, media__duration_s=30.0, analyzers__cut_analysis=lost, analyzers__color_analysis__version=9)
    result = cli(["compare", a, b, "--json", "pair.json"])
    assert result.code == 0
    told = json.loads((place / "pair.json").read_text())
    figures = {f["path"]: f for f in told["figures"]}
    assert figures["media.duration_s"]["difference"] == 6.0
    gone = [f for f in told["only_one"] if f["path"].startswith("cut_analysis.")]
    assert gone
    assert {(f["measured_in"], f["reason"]) for f in gone} == {("a", "failed: it broke")}
    assert "failed: it broke" in result.out
    assert "color_analysis" in result.err
    assert "version" in result.err


def test_only_limits_what_is_printed(cli: Cli, place: Path) -> None:
    b = document(place, 1, media__duration_s=30.0)
    assert "duration_s" in cli(["compare", document(place), b, "--only", "media"]).out
    assert cli(["compare", document(place), b, "--only", "hook,pacing"]).out.splitlines()[2:] == ["no difference"]


def test_tables_stay_within_a_hundred_columns(cli: Cli, place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "100")
    long = document(place, 99, media__duration_s=123456.789, media__size_bytes=987654321987, shots=[])
    for documents, title in ((many(place, 2), "figure "), ([*many(place, 14, with_views=14), long], "figure ")):
        lines = cli(["compare", *documents]).out.splitlines()
        start = next(i for i, line in enumerate(lines) if line.startswith(title))
        end = next(i for i in range(start, len(lines)) if not lines[i].strip()) if "" in lines[start:] else len(lines)
        assert end - start > 1
        assert max(len(line.rstrip()) for line in lines[start:end]) <= 100


@pytest.mark.parametrize("columns", [60, 80, 100, 140])
@pytest.mark.parametrize("n", [2, 5])
def test_names_are_never_broken_inside_a_word(cli: Cli, place: Path, monkeypatch: pytest.MonkeyPatch, n: int, columns: int) -> None:
    monkeypatch.setenv("COLUMNS", str(columns))
    documents = [document(place, i, media__bit_rate_bps=6_212_795 + 1000 * i, media__size_bytes=15_842_628 + i) for i in range(n)]
    out = cli(["compare", *documents, "--only", "media,shots,hook,reading_load", "--all"]).out
    lines = out[out.index("\nfigure") + 1 :].splitlines()
    words = {word for line in lines for word in re.findall(r"[a-z]{3,}_?", line)}
    for name in ("bit_rate_bps", "size_bytes", "duration_s", "median_loudness_lufs", "first_motion_s", "fastest_chars_per_s"):
        assert set(re.findall("[a-z]{3,}_?", name)) <= words, name
    assert not {"bp", "median_loud", "duratio", "bit_rate_bp"} & {line.strip().split(" ")[0] for line in lines}
    assert max(map(len, lines[: lines.index("") if "" in lines else None])) <= columns or columns == 60


def test_eleven_clips_with_views_are_refused_and_twelve_are_not(cli: Cli, place: Path) -> None:
    documents = many(place, 12, with_views=11)
    few = cli(["compare", *documents, "--json", "few.json"])
    assert few.code == 0
    assert "refused: view counts are known of 11 clips" in few.out
    told = json.loads((place / "few.json").read_text())["effects"]
    assert (told["clips_with_views"], told["effects"]) == (11, [])
    (place / "views.csv").write_text("file,views\nclip-11.mp4,99999\n")
    enough = cli(["compare", *documents, "--views", "views.csv", "--json", "enough.json"])
    assert enough.code == 0
    assert "refused" not in enough.out
    assert "no cause" in enough.out
    effects = {e["figure"]: e for e in json.loads((place / "enough.json").read_text())["effects"]["effects"]}
    assert (effects["duration_s"]["rho"], effects["duration_s"]["finding"]) == (1.0, True)


def test_a_row_of_an_unknown_clip_is_told(cli: Cli, place: Path) -> None:
    (place / "views.csv").write_text("file,views\nclip-1.mp4,5\nelsewhere.mp4,7\n")
    result = cli(["compare", *many(place, 3), "--views", "views.csv"])
    assert result.code == 0
    assert "elsewhere.mp4" in result.err
    assert "clip-1.mp4" not in result.err


def test_distributions_name_the_ends_and_what_is_missing(cli: Cli, place: Path) -> None:
    documents = many(place, 4)
    documents.append(document(place, 9, analyzers__cut_analysis={"status": "timeout", "requested": True, "reason": "too slow"}))
    result = cli(["compare", *documents, "--json", "many.json"])
    assert result.code == 0
    spreads = {s["path"]: s for s in json.loads((place / "many.json").read_text())["spreads"]}
    length = spreads["media.duration_s"]
    assert (length["n"], length["min"], length["median"], length["max"]) == (5, 20.0, 22.0, 24.0)
    assert (length["lowest"], length["highest"]) == (["clip-0"], ["clip-9"])
    cuts = next(s for path, s in spreads.items() if path.startswith("cut_analysis."))
    assert (cuts["n"], cuts["missing"]) == (4, {"timeout: too slow": 1})


def test_a_clip_counts_once(cli: Cli, place: Path) -> None:
    documents = many(place, 3)
    result = cli(["compare", *documents, documents[0], "--json", "many.json"])
    assert result.code == 0
    assert "left out" in result.err
    assert len(json.loads((place / "many.json").read_text())["clips"]) == 3


def test_a_folder_stands_for_all_documents_below_it_and_tells_what_is_none(cli: Cli, place: Path) -> None:
    many(place / "out", 3)
    (place / "out" / "package.json").write_text("{}")
    result = cli(["compare", "out", "--json", "many.json"])
    assert result.code == 0
    assert [c["name"] for c in json.loads((place / "many.json").read_text())["clips"]] == ["clip-0", "clip-1", "clip-2"]
    assert [line for line in result.err.splitlines() if line.startswith("left out: ")] == [
        "left out: out/package.json: is JSON but no document: it has no schema_version (its keys: none)"
    ]


def test_a_folder_without_documents_or_with_one_is_refused(cli: Cli, place: Path) -> None:
    (place / "empty").mkdir()
    cli(["compare", "empty"]).assert_refused(2, "empty: no documents in it")
    document(place / "one")
    cli(["compare", "one"]).assert_refused(2, "two or more are compared")


def test_views_of_two_documents_are_refused(cli: Cli, place: Path) -> None:
    (place / "views.csv").write_text("file,views\nclip-0.mp4,5\n")
    cli(["compare", *many(place, 2), "--views", "views.csv"]).assert_refused(2, "two clips", "12")


def test_three_documents_of_one_clip_are_refused(cli: Cli, place: Path) -> None:
    a = document(place)
    cli(["compare", a, a, a]).assert_refused(2, "of one clip")


# --- the page ------------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("n", [2, 3])
def test_a_page_is_written(cli: Cli, place: Path, n: int) -> None:
    result = cli(["compare", *many(place, n), "--html", "pages/compare.html"])
    assert result.code == 0 and result.out.endswith("comparison: pages/compare.html\n")
    html = (place / "pages/compare.html").read_text()
    assert html.startswith("<!doctype html>") and html.count('<li class="clip ') == n


def test_a_page_that_cannot_be_written_is_refused(cli: Cli, place: Path) -> None:
    (place / "here").mkdir()
    cli(["compare", *many(place, 2), "--html", "here"]).assert_refused(2, "here: is a folder", "--html")
