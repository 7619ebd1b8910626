"""`reelscope analyze` with pictures: one clip of slides beside its report, or a refusal that leaves nothing."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from reelscope.media.stills import read_slides
from tests.cli.conftest import write_clip

ONLY = ["--only", "cut_analysis", "--format", "json"]


def left_in(folder: Path) -> list[str]:
    return sorted(str(p.relative_to(folder)) for p in folder.rglob("*"))


@pytest.fixture
def pictures(place: Path) -> list[str]:
    for name, colour in (("b.jpg", "navy"), ("a.png", "olive"), ("c.webp", "teal")):
        Image.new("RGB", (90, 160), colour).save(place / name)
    return ["b.jpg", "a.png", "c.webp"]


def refused(cli: Any, place: Path, *words: str, argv: list[Any]) -> None:
    before = left_in(place)
    cli(argv).assert_refused(2, *words)
    assert left_in(place) == before
    assert left_in(place.parent / "tmp") == []


def test_pictures_and_clips_do_not_go_together(cli: Any, place: Path, pictures: list[str]) -> None:
    write_clip(place / "clip.mp4")
    refused(cli, place, "b.jpg is a picture", "clip.mp4", argv=["analyze", "b.jpg", "clip.mp4", "--out", "o"])
    refused(cli, place, "b.jpg is a picture", "https://", argv=["analyze", "https://example.org/a.jpg", "b.jpg", "--out", "o"])


@pytest.mark.parametrize("flag", [["--audio", "a.mp3"], ["--seconds-each", "2"]])
def test_flags_of_pictures_are_refused_with_clips(cli: Any, place: Path, flag: list[str]) -> None:
    write_clip(place / "clip.mp4")
    refused(cli, place, flag[0], "clip.mp4", argv=["analyze", "clip.mp4", *flag, "--out", "o"])


@pytest.mark.parametrize(
    ("argv", "word"),
    [
        (["b.jpg", "nothing.jpg"], "nothing.jpg: no such file"),
        (["b.jpg", "--audio", "nothing.mp3"], "nothing.mp3: no such file"),
        (["b.jpg", "--audio", "a.png"], "a.png: is an image"),
        (["b.jpg", "--seconds-each", "0"], "0.0 s for each picture"),
        (["b.jpg"] * 101, "101 pictures"),
        (["b.jpg", "--set", "system.max_duration_s=2"], "a clip of 3 s"),
        (["b.jpg", "--set", "system.max_pixels=256"], "max_pixels"),  # found out by the analysis, of the clip that was made
    ],
)
def test_a_refusal_leaves_nothing(cli: Any, place: Path, pictures: list[str], argv: list[str], word: str) -> None:
    refused(cli, place, word, argv=["analyze", *argv, "--out", "deep/o"])


def test_a_file_of_the_clips_name_is_not_replaced_unless_it_holds_slides(cli: Any, place: Path, pictures: list[str]) -> None:
    (place / "o").mkdir()
    write_clip(place / "o/clip.mp4")
    before = (place / "o/clip.mp4").read_bytes()
    refused(cli, place, "clip.mp4", "not replaced", argv=["analyze", *pictures, "--out", "o"])
    assert (place / "o/clip.mp4").read_bytes() == before
    assert cli(["analyze", *pictures, *ONLY, "--out", "p"]).code == 0
    assert cli(["analyze", *pictures[:2], *ONLY, "--out", "p"]).code == 0
    assert read_slides(place / "p/clip.mp4") == (0.0, 3.0)
    refused(cli, place, "max_pixels", argv=["analyze", *pictures, "--set", "system.max_pixels=256", "--out", "p"])


def test_pictures_become_a_clip_beside_its_report(cli: Any, place: Path, pictures: list[str]) -> None:
    write_clip(place / "sound.mp4", 2.0)
    result = cli(["analyze", *pictures, "--audio", "sound.mp4", "--seconds-each", "0.5", "--only", "cut_analysis", "--out", "o"])
    assert result.code == 0, result.err
    assert read_slides(place / "o/clip.mp4") == (0.0, 0.5, 1.0)
    document = json.loads((place / "o/analysis.json").read_text())
    assert document["source"]["path"] == "o/clip.mp4"
    assert document["source"]["url"] is None
    assert document["source"]["post"] == {"slides": pictures, "audio": "sound.mp4"}
    assert document["media"]["slides"] == [0.0, 0.5, 1.0]
    assert [s["start_s"] for s in document["shots"]] == [0.0, 0.5, 1.0]
    assert (place / "o/report.html").is_file()
    assert "note: the clip was made of 3 still pictures" in result.out
    assert "note: of its sound of 2.0" in result.out
    assert [name for name in left_in(place / "o") if not name.startswith("keyframes")] == ["analysis.json", "clip.mp4", "report.html"]


def test_without_out_the_folder_has_the_first_pictures_name(cli: Any, place: Path, pictures: list[str]) -> None:
    assert cli(["analyze", *pictures, *ONLY, "--quiet"]).code == 0
    assert (place / "out/b/analysis.json").is_file()
    assert (place / "out/b/clip.mp4").is_file()


def test_a_video_that_is_named_like_a_picture_is_a_video(cli: Any, place: Path) -> None:
    write_clip(place / "clip.mp4").rename(place / "clip.jpg")
    assert cli(["analyze", "clip.jpg", *ONLY, "--out", "o"]).code == 0
    assert json.loads((place / "o/analysis.json").read_text())["media"]["slides"] is None
