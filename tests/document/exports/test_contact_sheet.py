"""The contact sheet: valid whatever the document, nothing drawn that is not there, never too large."""

from __future__ import annotations

import io
from collections.abc import Mapping
from typing import Any

import pytest
from PIL import Image, ImageChops

from reelscope.document.exports import Material
from reelscope.document.exports import contact_sheet as module
from reelscope.document.exports.contact_sheet import BACK, MOST_SHOTS, MOST_WIDTH, WARN, contact_sheet
from reelscope.document.schema import Document, ShotRow, Swatch
from tests.document.fixtures import empty_document, entry, full_document, jpeg, keyframes_of

RED, BLUE = (250, 10, 10), (10, 10, 250)


@pytest.fixture(autouse=True)
def quickly_written(monkeypatch: pytest.MonkeyPatch) -> None:
    """The pictures are looked at, not kept."""
    monkeypatch.setattr(module, "ZLIB_LEVEL", 1)


def sheet(document: Document, keyframes: Mapping[str, bytes] | None = None, title: str = "clip.mp4") -> Image.Image:
    (data,) = contact_sheet(Material(document, keyframes or {}, title=title)).values()
    picture = Image.open(io.BytesIO(data))
    picture.load()
    assert (picture.format, picture.mode) == ("PNG", "RGB")
    return picture


def colours(picture: Image.Image) -> dict[tuple[int, int, int], int]:
    return {colour: count for count, colour in picture.getcolors(1 << 24) or ()}  # type: ignore[misc]


def rgb(hex: str) -> tuple[int, ...]:
    return tuple(bytes.fromhex(hex.removeprefix("#")))


def has(picture: Image.Image, colour: tuple[int, int, int], near: int = 12) -> int:
    """Pixels about a colour: JPEG moves it a little."""
    return sum(n for c, n in colours(picture).items() if all(abs(a - b) <= near for a, b in zip(c, colour, strict=True)))


def red_keyframes(document: Document, size: tuple[int, int] = (180, 320)) -> dict[str, bytes]:
    return {shot.keyframe: jpeg(*size, RED, RED) for shot in document.shots if shot.keyframe}


def many(count: int) -> Document:
    document = full_document()
    shots = [ShotRow(index=i, start_s=i / 2, end_s=(i + 1) / 2, keyframe="keyframes/k.jpg") for i in range(count)]
    return document.model_copy(update={"shots": shots})


def same(one: Image.Image, other: Image.Image) -> bool:
    return one.size == other.size and ImageChops.difference(one, other).getbbox() is None


# --- what is not there ----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"media": {"width_px": None, "height_px": None, "fps": None}}, ["No shots: the clip has no picture"]),
        ({}, ["No shots were found"]),
        ({"cut": entry("failed", code="x", reason="it broke")}, ["Shots were not measured", "cut_analysis is failed: it broke"]),
        ({"cut": entry("timeout", reason="за 60 с")}, ["Shots were not measured", "cut_analysis is timeout"]),
        ({"cut": entry("skipped")}, ["Shots were not measured", "cut_analysis is skipped"]),
    ],
)
def test_without_shots_the_sheet_says_why(changes: dict[str, Any], words: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    document = full_document().model_copy(update={"shots": []})
    document.media = document.media.model_copy(update=changes.get("media", {}))
    document.analyzers["cut_analysis"] = changes.get("cut", entry())
    assert module._why_none(document) == words
    said = sheet(document)
    monkeypatch.setattr(module, "_why_none", lambda document: [])
    assert not same(said, sheet(document))  # it is drawn, too


@pytest.mark.parametrize("data", [b"", b"\xff\xd8\xff", b"GIF89a", b"\xff\xd8\xff" + bytes(2000), "cut", "png"])
def test_a_keyframe_that_is_no_picture_is_left_out(data: bytes | str) -> None:
    document = full_document()
    good = red_keyframes(document)
    broken = dict(good)
    name = document.shots[0].keyframe or ""
    if data == "cut":
        broken[name] = good[name][: len(good[name]) // 3]
    elif data == "png":
        out = io.BytesIO()
        Image.new("RGB", (180, 320), RED).save(out, "PNG")
        broken[name] = out.getvalue()
    else:
        broken[name] = data  # type: ignore[assignment]
    whole, lacking = sheet(document, good), sheet(document, broken)
    assert whole.size == lacking.size
    assert has(lacking, RED) <= has(whole, RED) * 7 / 8 + 100


def test_a_picture_that_claims_to_be_enormous_is_not_decoded(monkeypatch: pytest.MonkeyPatch) -> None:
    document = full_document()
    monkeypatch.setattr(module, "MOST_PIXELS", 180 * 320 - 1)
    assert has(sheet(document, red_keyframes(document)), RED) == 0


def test_a_bomb_of_the_library_s_own_limit_is_none_either(monkeypatch: pytest.MonkeyPatch) -> None:
    document = full_document()
    for limit in (180 * 320 // 3, 180 * 320 - 1):  # above twice the limit an error, above it a warning
        monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", limit)
        for data in red_keyframes(document).values():
            assert module._picture(data, (90, 160)) is None
    monkeypatch.undo()


def test_missing_keyframes_are_said_to_be_missing() -> None:
    document = full_document()
    pictures = red_keyframes(document)
    assert has(sheet(document, {}), RED) == 0
    assert not same(sheet(document, {}), sheet(document, dict.fromkeys(pictures, b"x")))  # missing and unreadable are two things
    document.shots[0].keyframe = None
    assert has(sheet(document, pictures), RED) > 0


@pytest.mark.parametrize("title", ["Три вещи.mp4", "出口", "é", "a\nb", "a\x00", "\U0001f600", "", "   "])
def test_a_title_the_font_cannot_write_is_left_off(title: str) -> None:
    document = empty_document()
    assert same(sheet(document, title=title), sheet(document, title=""))


@pytest.mark.parametrize("title", ["clip (final) v7.mp4", "“quoted”…", "x" * 400])
def test_a_title_the_font_can_write_stands_there(title: str) -> None:
    document = empty_document()
    assert not same(sheet(document, title=title), sheet(document, title=""))


def test_what_was_not_measured_is_left_off() -> None:
    document = empty_document()
    bare = sheet(document)
    document.shots[0].size = "medium"
    assert not same(bare, sheet(document))
    document.shots[0].size = "средний"  # a document of somebody else's making
    assert same(bare, sheet(document))


@pytest.mark.parametrize("hex", ["red", "#12345", "#1234567", 'url("x")', "#gggggg"])
def test_only_plain_colours_are_drawn(hex: str) -> None:
    document = empty_document()
    bare = sheet(document)
    document.shots[0].palette = [Swatch(hex=hex, share=0.5), Swatch(hex="#ff0000", share=None), Swatch(hex="#00ff00", share=0.0)]
    assert same(bare, sheet(document))
    document.shots[0].palette.append(Swatch(hex="#FF0000", share=0.3))
    assert has(sheet(document), (255, 0, 0)) > 1000


# --- what is there --------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("make", [full_document, empty_document])
def test_the_same_document_gives_the_same_bytes(make: Any) -> None:
    document = make()
    material = Material(document, keyframes_of(document))
    assert contact_sheet(material) == contact_sheet(material)
    assert list(contact_sheet(material)) == ["contact-sheet.png"]


def test_every_keyframe_is_on_it_whole() -> None:
    document = full_document()
    whole = sheet(document, red_keyframes(document))
    assert has(whole, RED) == pytest.approx(8 * 270 * 480, rel=0.01)
    wide = sheet(document, red_keyframes(document, (320, 180)))  # another shape than the clip's: with bars, not cut off
    assert has(wide, RED) == pytest.approx(8 * 270 * (270 * 180 / 320), rel=0.02)
    grey = io.BytesIO()
    Image.new("L", (180, 320), 200).save(grey, "JPEG")
    assert has(sheet(document, dict.fromkeys(red_keyframes(document), grey.getvalue())), (200, 200, 200), 3) > 8 * 270 * 470


def test_shots_stand_in_rows_in_their_order() -> None:
    document = full_document()
    pictures = red_keyframes(document)
    pictures[document.shots[4].keyframe or ""] = jpeg(180, 320, BLUE, BLUE)
    picture = sheet(document, pictures)  # 8 vertical shots: two rows of four
    assert has(picture.crop((0, 0, picture.width, picture.height // 2)), BLUE) == 0
    assert has(picture.crop((0, picture.height // 2, picture.width // 4 + 20, picture.height)), BLUE) > 270 * 470


@pytest.mark.parametrize("count", [1, 13, MOST_SHOTS])
@pytest.mark.parametrize("size", [(1080, 1920), (1920, 1080), (100, 5000), (5000, 100), (None, None)])
def test_the_sheet_stays_sane(count: int, size: tuple[int | None, int | None]) -> None:
    document = many(count)
    document.media = document.media.model_copy(update={"width_px": size[0], "height_px": size[1]})
    picture = sheet(document)
    assert picture.width <= MOST_WIDTH
    assert picture.width * picture.height < 17_000_000
    assert picture.height < 10_000
    assert rgb(WARN) not in colours(picture)
    edge = picture.crop((picture.width - 20, 0, picture.width, picture.height))
    assert set(colours(edge)) == {rgb(BACK)}  # nothing runs over the margin


def test_shots_beyond_the_limit_are_counted_on_it() -> None:
    full, more = sheet(many(MOST_SHOTS)), sheet(many(MOST_SHOTS + 37))
    assert more.width == full.width and more.height > full.height
    assert rgb(WARN) in colours(more.crop((0, full.height - 60, more.width, more.height)))


def test_photo_posts_say_how_many_pictures() -> None:
    document = full_document()
    plain = sheet(document)
    document.media.slides = [0.0, 3.0, 6.0]
    assert not same(plain.crop((0, 0, plain.width, 130)), sheet(document).crop((0, 0, plain.width, 130)))


@pytest.mark.parametrize(
    ("seconds", "words"), [(0.0, "0:00.00"), (59.996, "1:00.00"), (61.5, "1:01.50"), (3599.999, "1:00:00.00"), (7322.25, "2:02:02.25")]
)
def test_clock(seconds: float, words: str) -> None:
    assert module._clock(seconds) == words


def test_long_words_end_in_an_ellipsis() -> None:
    font = module._font(14)
    assert module._fitting("short", font, 200) == "short"
    cut = module._fitting("a long line of words", font, 80)
    assert cut.endswith("…") and font.getlength(cut) <= 80
    assert module._fitting("long", font, 1) == ""
