"""View counts from CSV: how clips may be named, and what is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from reelscope.document.compare.figures import Clip
from reelscope.document.compare.views import read_views
from reelscope.errors import InputError

A, B = "a" * 64, "b" * 64
CLIPS = [
    (Clip("one", A, "/clips/one.mp4", 10.0, "2026-11-01", "0.1.0", "1.0", url="https://example.org/v/1"), Path("out/one/analysis.json")),
    (Clip("two", B, "C:\\clips\\two.mp4", 10.0, "2026-11-01", "0.1.0", "1.0"), Path("docs/second.json")),
]


def counts(folder: Path, text: str, encoding: str = "utf-8") -> list[int | None]:
    path = folder / "views.csv"
    path.write_bytes(text.encode(encoding))
    return read_views(path, CLIPS).counts


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("file,views\n", [None, None]),
        ("file,views\none.mp4,5\ntwo.mp4,0\n", [5, 0]),
        ("file,views\n/clips/one.mp4,5\nsecond.json,6\n", [5, 6]),
        ("file,views\nout/one/analysis.json,5\ndocs/second.json,6\n", [5, 6]),
        ("file,views\none,5\n", [5, None]),
        (f"sha256,views\n{A.upper()},5\n", [5, None]),
        ("url,views\nhttps://example.org/v/1,5\n", [5, None]),
        ("views;file\n5;one.mp4\n", [5, None]),
        ("Views\tFile\n5\tone.mp4\n", [5, None]),
        (f"file,sha256,views,likes\n,{B},7,1\none.mp4,,5,2\n", [5, 7]),
        ("file,views\none.mp4,5\none.mp4,5\n\n,\n", [5, None]),
        ("file,views\none.mp4,\n", [None, None]),
        ('file,views\r\n"one.mp4", 5 \r\n', [5, None]),
    ],
)
def test_rows_find_their_clips(tmp_path: Path, text: str, expected: list[int | None]) -> None:
    assert counts(tmp_path, text) == expected


def test_a_byte_order_mark_is_no_part_of_the_first_name(tmp_path: Path) -> None:
    assert counts(tmp_path, "file,views\none.mp4,5\n", "utf-8-sig") == [5, None]


def test_unknown_clips_are_named_and_the_others_counted(tmp_path: Path) -> None:
    path = tmp_path / "views.csv"
    path.write_text(f"file,sha256,views\nthree.mp4,,5\n,{'c' * 64},5\ntwo.mp4,,9\n")
    found = read_views(path, CLIPS)
    assert found.counts == [None, 9]
    assert found.unknown == ["three.mp4", "c" * 64]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "first line holds nothing"),
        ("one.mp4,5\n", r"first line holds one\.mp4, 5"),
        ("views\n5\n", "first line holds views"),
        ("file,views\none.mp4,1.2M\n", r"line 2: '1\.2M' is no count"),
        ("file,views\none.mp4,-1\n", "line 2: '-1' is no count"),
        ("file,views\none.mp4,1.5\n", r"line 2: '1\.5' is no count"),
        ("file,views\none.mp4,\u0665\n", "is no count"),
        (f"file,views\none.mp4,{10**15}\n", "is no count"),
        ("file,views\n,5\n", "line 2: views without"),
        ("file,views\none.mp4,5\ntwo.mp4,6\none,7\n", "line 4: one has 5 views and 7"),
        (f"file,sha256,views\none.mp4,{B},5\n", "stands for 2 of the documents"),
        ('file,views\n"one.mp4,5\n', "line 2"),
    ],
)
def test_what_is_wrong_is_named_with_its_line(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(InputError, match=message) as refused:
        counts(tmp_path, text)
    assert refused.value.hint


def test_two_clips_of_one_file_name_are_told_apart_by_sha256_alone(tmp_path: Path) -> None:
    twins = [(Clip(n, s, f"/{n}/clip.mp4", 1.0, "", "", "1.0"), Path(f"{n}/analysis.json")) for n, s in (("x", A), ("y", B))]
    path = tmp_path / "views.csv"
    path.write_text("file,views\nclip.mp4,5\n")
    with pytest.raises(InputError, match=r"clip\.mp4 stands for 2") as refused:
        read_views(path, twins)
    assert "sha256" in (refused.value.hint or "")
    path.write_text(f"sha256,views\n{B},5\n")
    assert read_views(path, twins).counts == [None, 5]


def test_a_file_that_cannot_be_read(tmp_path: Path) -> None:
    for path, words in ((tmp_path, "cannot be read"), (tmp_path / "none.csv", "cannot be read")):
        with pytest.raises(InputError, match=words):
            read_views(path, CLIPS)
    (tmp_path / "latin.csv").write_bytes("file,views\né.mp4,5\n".encode("latin-1"))
    with pytest.raises(InputError, match="no CSV in UTF-8"):
        read_views(tmp_path / "latin.csv", CLIPS)
