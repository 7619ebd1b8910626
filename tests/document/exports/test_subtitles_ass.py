"""ASS: which word is lit when, where lines stand and how large, and that a player shows them there."""

from __future__ import annotations

import re
import subprocess
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from reelscope.document.exports import ExportOptions, Material, export
from reelscope.document.measures.zones import PROFILES, hidden_share
from tests.conftest import debian_program
from tests.document.exports.subtitles_made import Read, material, read_ass, said, seen

LIT, BASE = "{\\1c&H29D6FF&}", "{\\1c&HFFFFFF&}"


def speech(*args: Any, **kwargs: Any) -> list[Read]:
    return read_ass(export("ass", material(*args, **kwargs))["speech.ass"])[2]


def lit(event: Read) -> list[str]:
    """The words between the two colours."""
    assert event.text.count(LIT) == event.text.count(BASE)
    return re.findall(re.escape(LIT) + "(.*?)" + re.escape(BASE), event.text)


def test_a_word_that_nobody_timed_is_never_lit() -> None:
    spoken = said("one two three", 0, 3)
    spoken["words"][1] |= {"start_s": None, "end_s": None}
    assert [(e.start_ms, e.end_ms, lit(e)) for e in speech([spoken])] == [(0, 1000, ["one"]), (1000, 2000, []), (2000, 3000, ["three"])]


def test_each_word_is_lit_while_it_is_spoken() -> None:
    spoken = said("one two three four five", 0, 2.5, 0)
    times = [(0.0, 0.5), (0.6, 1.0), (1.3, 1.5), (1.5, 2.0), (2.0, 2.5)]
    spoken["words"] = [{"start_s": a, "end_s": b, "text": w} for (a, b), w in zip(times, spoken["text"].split(), strict=True)]
    found = speech([spoken])
    assert [(e.start_ms, e.end_ms, lit(e)) for e in found] == [
        (0, 600, ["one"]),  # held over a gap of 0.1 s
        (600, 1000, ["two"]), (1000, 1300, []),  # not over one of 0.3 s
        (1300, 1500, ["three"]), (1500, 2000, ["four"]), (2000, 2500, ["five"]),
    ]  # fmt: skip
    plain = {e.text.replace(LIT, "").replace(BASE, "") for e in found}
    assert plain == {"one two three four five"} and {len(e.lines) for e in found} == {2}  # the same lines in every step: nothing jumps


def test_the_last_word_goes_out_when_the_cue_stays_longer() -> None:
    assert [(e.start_ms, e.end_ms, lit(e)) for e in speech([said("hi", 1, 1.3)])] == [(1000, 1300, ["hi"]), (1300, 1830, [])]


def test_without_highlight_a_cue_is_one_event_without_tags() -> None:
    (event,) = speech([said("one two", 0, 2)], options=ExportOptions(highlight=False))
    assert (event.start_ms, event.end_ms, event.text) == (0, 2000, "one two")


def test_steps_follow_each_other_without_a_gap() -> None:
    found = speech([said("one two three four five six seven", 0.123, 3.456), said("eight nine", 3.5, 4.4, 1)])
    assert all(a.end_ms == b.start_ms for a, b in pairwise(found))


def test_a_word_wider_than_the_line_makes_the_font_smaller() -> None:
    sizes = [re.match(r"\{\\fs(\d+)\}", e.text) for e in speech([said("Short words. " + "M" * 44, 0, 4)])]
    assert sizes[0] is None and sizes[-1] is not None and int(sizes[-1][1]) == 30


SIZES = [(1080, 1920), (720, 1280), (1080, 1350), (1080, 1080), (886, 1920)]


@pytest.mark.parametrize("size", SIZES)
def test_the_room_of_a_portrait_picture_is_free_in_every_app(size: tuple[int, int]) -> None:
    info, styles, _ = read_ass(export("ass", material([said("a", 0, 1)], size=size))["speech.ass"])
    assert (info["PlayResX"], info["PlayResY"]) == (str(size[0]), str(size[1]))
    style = {k: int(styles["Speech"][k]) for k in ("MarginL", "MarginR", "MarginV", "Fontsize", "Alignment")}
    height = 2.5 * style["Fontsize"]  # two lines and their outline
    top = size[1] - style["MarginV"] - height
    width = size[0] - style["MarginL"] - style["MarginR"]
    box = (style["MarginL"] / size[0], top / size[1], width / size[0], height / size[1])
    assert style["Alignment"] == 2
    for profile in PROFILES.values():
        assert hidden_share(profile, box, *size) < 0.003  # margins are whole pixels
    lower = (box[0], (top + 0.03 * size[1]) / size[1], box[2], box[3])
    assert size == (886, 1920) or any(hidden_share(p, lower, *size) > 0.05 for p in PROFILES.values())  # and it is the lowest


def test_a_landscape_picture_keeps_five_percent_and_sound_alone_has_the_apps_frame() -> None:
    # beside the width of the outline, of 4 and 5 px
    for size, margins in (((1280, 720), ("68", "68", "40")), (None, ("125", "305", "677"))):
        info, styles, _ = read_ass(export("ass", material([said("a", 0, 1)], size=size))["speech.ass"])
        assert tuple(styles["Speech"][k] for k in ("MarginL", "MarginR", "MarginV")) == margins
        assert info["PlayResX"] == str(size[0] if size else 1080)


def test_a_text_without_place_or_colours_stands_where_subtitles_do() -> None:
    bare = {"start_s": 0, "end_s": 1, "text": "x", "lines": ["x"], "role": "caption"}
    for other in ({}, {"xywh_norm": None}, {"xywh_norm": [0.1, 0.1, 0, 0]}, {"xywh_norm": ["a"], "text_colour": "red"}):
        assert read_ass(export("ass", material([], [bare | other]))["text.ass"])[2] == [Read(0, 1000, ("x",), None, "Caption")]


def test_texts_stand_where_they_were_measured_in_their_colours() -> None:
    shown = [
        seen("a b", 0, 1, lines=["a", "b"], role="sticker", tilt_deg=8.25),
        seen("level", 0, 1, tilt_deg=1.2),
        seen("?", 0, 1, role="new"),
    ]
    found = read_ass(export("ass", material([], shown))["text.ass"])[2]
    assert [e.style for e in found] == ["Sticker", "Caption", "Text"]
    assert found[0].lines[0].startswith("{\\an5\\pos(540.0,1008.0)\\q2\\fs") and "\\frz-8.2" in found[0].text
    assert "\\1c&H00CCFF&\\3c&H302010&}" in found[0].text and found[0].lines[1] == "b"
    assert "\\frz" not in found[1].text


def test_right_to_left_text_is_whole_and_finds_its_direction() -> None:
    text = "\u05e9\u05dc\u05d5\u05dd iPhone 15 \u05dc\u05db\u05d5\u05dc\u05dd"
    made = export("ass", material([said(text, 0, 2)]))["speech.ass"]
    _, styles, events = read_ass(made)
    assert {e.text.replace(LIT, "").replace(BASE, "") for e in events} == {text}
    assert styles["Speech"]["Encoding"] == "-1"
    assert read_ass(export("ass", material([said("hi", 0, 2)]))["speech.ass"])[1]["Speech"]["Encoding"] == "1"


def burnt(given: Material, name: str, at_s: float, folder: Path) -> np.ndarray[Any, Any]:
    """uint8 [960, 540, 3]: what ffmpeg's renderer (libass) draws on grey at a moment."""
    ffmpeg = debian_program("ffmpeg")
    (folder / name).write_bytes(export("ass", given)[name])
    done = subprocess.run(
        [ffmpeg, "-v", "error", "-f", "lavfi", "-i", "color=c=0x808080:s=540x960:r=10:d=6", "-vf", f"ass={name},format=rgb24",
         "-ss", str(at_s), "-frames:v", "1", "-f", "rawvideo", "-"],
        cwd=folder, capture_output=True, check=True,
    )  # fmt: skip
    return np.frombuffer(done.stdout, np.uint8).reshape(960, 540, 3)


def drawn(picture: np.ndarray[Any, Any]) -> tuple[float, float, float, float]:
    """Box of what was drawn, in shares of the picture."""
    ys, xs = np.nonzero(np.abs(picture.astype(int) - 128).max(axis=2) > 40)
    assert len(xs)
    return xs.min() / 540, ys.min() / 960, (xs.max() + 1 - xs.min()) / 540, (ys.max() + 1 - ys.min()) / 960


def yellow(picture: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    red, green, blue = (picture[..., i].astype(int) for i in range(3))
    return (red > 200) & (green > 160) & (blue < 120)


def test_a_player_draws_speech_in_the_free_room_with_the_spoken_word_lit(tmp_path: Path) -> None:
    given = material([said("ask what you can do for your country.", 0, 4)])
    early, late = burnt(given, "speech.ass", 0.2, tmp_path), burnt(given, "speech.ass", 3.8, tmp_path)
    for picture in (early, late):
        box = drawn(picture)
        assert all(hidden_share(p, box, 1080, 1920) == 0 for p in PROFILES.values())
        assert 0.55 < box[1] < 0.65 and box[2] > 0.3
    assert np.nonzero(yellow(early))[0].mean() < np.nonzero(yellow(late))[0].mean() - 20  # first line, then second
    assert yellow(early).any() and np.abs(burnt(given, "speech.ass", 5, tmp_path).astype(int) - 128).max() < 5


def test_a_player_draws_escaped_words_as_they_are(tmp_path: Path) -> None:
    """Braces and backslashes take room; as tags they would take none."""
    plain, hostile = (
        drawn(burnt(material([said(text, 0, 4)], options=ExportOptions(highlight=False)), "speech.ass", 1, tmp_path))
        for text in ("ab", "a{\\fs1}\\N\\hb")
    )
    assert hostile[2] > 2 * plain[2] and hostile[3] < 2 * plain[3]  # one line, much longer


def test_a_player_draws_a_text_at_its_box(tmp_path: Path) -> None:
    box = (0.2, 0.3, 0.6, 0.04)
    shown = seen("Step by Step", 0, 4, xywh_norm=list(box), line_height_px=70.0, text_colour="#ffd629", background_colour="#000000")
    found = drawn(burnt(material([], [shown]), "text.ass", 1, tmp_path))
    assert abs(found[0] + found[2] / 2 - 0.5) < 0.02 and abs(found[1] + found[3] / 2 - 0.32) < 0.015
    assert found[2] < 0.66 and 0.5 * 70 / 1920 < found[3] < 1.6 * 70 / 1920
