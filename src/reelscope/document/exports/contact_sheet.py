"""Every shot's keyframe on one picture, with number, times, size, move and colours.

The one font that is always there is Pillow's own, which has ASCII and a few signs. So of the clip only its title is written, and that where
the font has all of it: a box in place of a letter would be a word that nobody wrote. What was not measured is left off.
"""

from __future__ import annotations

import io
import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from reelscope.document.exports.shapes import Material
from reelscope.document.schema import Document, ShotRow

if TYPE_CHECKING:
    from PIL import Image, ImageDraw, ImageFont

__all__ = ["MOST_SHOTS", "contact_sheet", "readable"]

# 200 vertical keyframes of 150 x 267 are 12 megapixels, some 15 MB: what a phone still opens, and more than anybody looks through.
MOST_SHOTS = 200
# A keyframe of ours has 540 px on its short side; a JPEG can claim 65,535 each way, which would be 12 GB decoded.
MOST_PIXELS = 40_000_000
# Narrow and wide pictures beyond these would leave cells of a few pixels; the picture stands inside of such a cell with bars.
NARROWEST, WIDEST = 9 / 21, 21 / 9
SHEET_ASPECT = 1.6  # of the grid, about that of a screen
LEAST_WIDTH, MOST_WIDTH = 760, 2600  # px: the heading's line fits; a wider sheet is too small to read when it fits a screen
MARGIN, ROUND, FINE = 44, 8, 4  # px, px, times finer than the sheet while corners are drawn
LOOK = (64, 64)  # a size at which a JPEG is decoded at an eighth: quick, and every byte of it is read
BAR, BAR_GAP = 5, 9  # px: the palette's height, and its distance from the picture
ZLIB_LEVEL = 6

BACK, PANEL, LINE = "#0d0e11", "#17181d", "#272a31"
INK, INK_2, INK_3, WARN = "#eeeff2", "#a6abb6", "#868c98", "#e8b04b"
DOT = "  \N{MIDDLE DOT}  "
COLOUR = re.compile(r"#[0-9a-fA-F]{6}")


@dataclass(frozen=True, slots=True)
class Scale:
    """How large things are, in px: up to `shots` shots, a picture of `area`, at least `least` wide."""

    shots: int
    area: int
    least: int
    font: int
    small: int
    gap: int


SCALES = (
    Scale(12, 270 * 480, 220, 19, 16, 28),
    Scale(48, 200 * 356, 190, 16, 14, 22),
    Scale(MOST_SHOTS, 150 * 267, 150, 13, 12, 16),
)


def contact_sheet(material: Material) -> dict[str, bytes]:
    """The sheet as a PNG: the same bytes for the same material."""
    from PIL import Image, ImageDraw

    document = material.document
    shots = document.shots[:MOST_SHOTS]
    left_out = len(document.shots) - len(shots)
    scale = next(s for s in SCALES if len(shots) <= s.shots)
    width, height = _cell(document, scale)
    text_px = BAR_GAP + BAR + 11 + scale.font + 7 + scale.small
    columns, rows = _grid(len(shots), width + scale.gap, height + text_px + scale.gap)
    head = MARGIN + 30 + 14 + 17 + 30
    grid_px = rows * (height + text_px) + max(0, rows - 1) * (scale.gap + 6)
    size = (
        max(LEAST_WIDTH, 2 * MARGIN + columns * width + max(0, columns - 1) * scale.gap),
        head + (grid_px if shots else 120) + (46 if left_out else 0) + MARGIN,
    )
    sheet = Image.new("RGB", size, BACK)
    draw = ImageDraw.Draw(sheet)
    _heading(draw, material, size[0] - 2 * MARGIN)
    if not shots:
        draw.rounded_rectangle((MARGIN, head, size[0] - MARGIN - 1, head + 119), ROUND, fill=PANEL, outline=LINE)
        told = _why_none(document)
        for line, (text, colour) in enumerate(zip(told, (INK, INK_2), strict=False)):
            font = _font(19 if line == 0 else 16)
            at = (MARGIN + 28, head + 60 + 30 * line - 15 * (len(told) - 1))
            draw.text(at, _fitting(text, font, size[0] - 2 * MARGIN - 56), fill=colour, font=font, anchor="lm")
    corners = _corners(width, height)
    for at, shot in enumerate(shots):
        x = MARGIN + at % columns * (width + scale.gap)
        y = head + at // columns * (height + text_px + scale.gap + 6)
        sheet.paste(_tile(shot, material, (width, height), _font(scale.small)), (x, y), corners)
        _bar(draw, shot, (x, y + height + BAR_GAP), width)
        _lines(draw, shot, (x, y + height + BAR_GAP + BAR + 11), width, scale)
    if left_out:
        more = f"{left_out} more {_plural(left_out, 'shot is', 'shots are')} not on this sheet"
        told = f"{more}: it shows the first {len(shots)} of {len(document.shots)}"
        draw.text((MARGIN, size[1] - MARGIN - 4), told, fill=WARN, font=_font(17), anchor="ls")
    out = io.BytesIO()
    sheet.save(out, "PNG", compress_level=ZLIB_LEVEL)
    return {"contact-sheet.png": out.getvalue()}


def _cell(document: Document, scale: Scale) -> tuple[int, int]:
    """Width and height of a picture's place, in the clip's own shape as far as that is sane."""
    media = document.media
    aspect = media.width_px / media.height_px if media.width_px and media.height_px else 1.0
    aspect = min(WIDEST, max(NARROWEST, aspect))
    width = max(scale.least, round(math.sqrt(scale.area * aspect)))
    return width, round(width / aspect)


def _grid(count: int, cell_width: int, cell_height: int) -> tuple[int, int]:
    """Columns and rows: about `SHEET_ASPECT` where `MOST_WIDTH` allows it, with the fewest columns for that many rows."""
    if not count:
        return 0, 0
    room = (MOST_WIDTH - 2 * MARGIN) // cell_width
    wanted = max(1, min(count, room, round(math.sqrt(count * SHEET_ASPECT * cell_height / cell_width))))
    rows = math.ceil(count / wanted)
    return math.ceil(count / rows), rows


def _heading(draw: ImageDraw.ImageDraw, material: Material, width: int) -> None:
    large, font = _font(30), _font(17)
    title = material.title if _drawable(material.title) else ""
    draw.text((MARGIN, MARGIN + 24), _fitting(title or "Contact sheet", large, width), fill=INK, font=large, anchor="ls")
    media, shots = material.document.media, material.document.shots
    parts = [f"{len(shots)} {_plural(len(shots), 'shot')}"] if shots else []  # without any, the sheet says why
    parts.append(_clock(media.duration_s))
    if media.slides is not None:
        parts.append(f"made of {len(media.slides)} still {_plural(len(media.slides), 'picture')}")
    if media.width_px and media.height_px:
        parts.append(f"{media.width_px} x {media.height_px}")
    if media.fps:
        parts.append(f"{media.fps:.5g} frames/s{' (varies)' if media.vfr else ''}")
    draw.text((MARGIN, MARGIN + 30 + 14 + 14), _fitting(DOT.join(parts), font, width), fill=INK_3, font=font, anchor="ls")


def _why_none(document: Document) -> list[str]:
    """What stands in place of the shots of a document without any."""
    if document.media.width_px is None:
        return ["No shots: the clip has no picture"]
    cuts = document.analyzers["cut_analysis"]
    if cuts.status == "ok":
        return ["No shots were found"]
    reason = cuts.reason if cuts.reason and _drawable(cuts.reason) else ""
    return ["Shots were not measured", f"cut_analysis is {cuts.status}{f': {reason}' if reason else ''}"]


def _tile(shot: ShotRow, material: Material, size: tuple[int, int], font: ImageFont.FreeTypeFont) -> Image.Image:
    """A shot's picture, whole, on a panel of the size."""
    from PIL import Image, ImageDraw

    tile = Image.new("RGB", size, PANEL)
    data = material.keyframes.get(shot.keyframe) if shot.keyframe else None
    picture = _picture(data, size) if data is not None else None
    if picture is not None:
        tile.paste(picture, ((size[0] - picture.width) // 2, (size[1] - picture.height) // 2))
        return tile
    draw = ImageDraw.Draw(tile)
    draw.rounded_rectangle((0, 0, size[0] - 1, size[1] - 1), ROUND, outline=LINE)
    draw.text((size[0] / 2, size[1] / 2), "no keyframe" if data is None else "unreadable keyframe", fill=INK_3, font=font, anchor="mm")
    return tile


def _picture(data: bytes, size: tuple[int, int]) -> Image.Image | None:
    """A JPEG scaled into a size; None where it is none."""
    from PIL import Image, ImageOps

    try:
        with Image.open(io.BytesIO(data), formats=("JPEG",)) as found:
            if found.width * found.height > MOST_PIXELS:
                return None
            found.draft("RGB", (2 * size[0], 2 * size[1]))  # decodes at a half, a quarter or an eighth where that is large enough
            return ImageOps.contain(found.convert("RGB"), size, Image.Resampling.LANCZOS)
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError, Image.DecompressionBombWarning):
        return None


def readable(data: bytes) -> bool:
    """Whether a keyframe would be seen on the sheet."""
    return _picture(data, LOOK) is not None


def _corners(width: int, height: int) -> Image.Image:
    """Mask of a rectangle with round corners."""
    from PIL import Image, ImageDraw

    mask = Image.new("L", (width * FINE, height * FINE), 0)
    ImageDraw.Draw(mask).rounded_rectangle((0, 0, width * FINE - 1, height * FINE - 1), ROUND * FINE, fill=255)
    return mask.resize((width, height), Image.Resampling.BOX)


def _bar(draw: ImageDraw.ImageDraw, shot: ShotRow, at: tuple[int, int], width: int) -> None:
    """The palette as a bar, each colour as wide as its share of the picture among those that are named."""
    found = [(s.hex, s.share) for s in shot.palette if COLOUR.fullmatch(s.hex) and s.share is not None and s.share > 0]
    whole, before = sum(share for _, share in found), 0.0
    if found:  # an edge: a black part would look like none
        draw.rectangle((at[0] - 1, at[1] - 1, at[0] + width, at[1] + BAR), outline=LINE)
    for colour, share in found:
        left, before = round(width * before / whole), before + share
        right = round(width * before / whole)
        if right > left:
            draw.rectangle((at[0] + left, at[1], at[0] + right - 1, at[1] + BAR - 1), fill=colour)


def _lines(draw: ImageDraw.ImageDraw, shot: ShotRow, at: tuple[int, int], width: int, scale: Scale) -> None:
    """Number, start and length; below, size and move."""
    font, small = _font(scale.font), _font(scale.small)
    x, base = at[0], at[1] + scale.font - 3
    draw.text((x, base), f"{shot.index + 1}", fill=INK, font=font, anchor="ls")
    draw.text((x + width, base), f"{shot.end_s - shot.start_s:.2f} s", fill=INK_2, font=small, anchor="rs")
    left = x + round(font.getlength(f"{shot.index + 1}")) + round(scale.font * 0.6)
    draw.text((left, base), _clock(shot.start_s), fill=INK_2, font=small, anchor="ls")
    words = [word.replace("_", " ").capitalize() for word in (shot.size, shot.camera.move if shot.camera else None) if word]
    told = DOT.join(word for word in words if _drawable(word))
    draw.text((x, base + 7 + scale.small), _fitting(told, small, width), fill=INK_3, font=small, anchor="ls")


def _clock(seconds: float) -> str:
    """`m:ss.cc`, with hours in front from one hour on."""
    hundredths = round(seconds * 100)
    minutes, rest = divmod(hundredths, 6000)
    hours, minutes = divmod(minutes, 60)
    return f"{f'{hours}:{minutes:02d}' if hours else minutes}:{rest // 100:02d}.{rest % 100:02d}"


def _font(size_px: int) -> ImageFont.FreeTypeFont:
    from PIL import ImageFont

    return ImageFont.load_default(size_px)  # type: ignore[return-value]


def _drawable(text: str) -> bool:
    """Whether the font has every character of a text."""
    font = _font(16)
    lacking = _ink(font, "\uffff")
    return bool(text.strip()) and all(c == " " or (c.isprintable() and _ink(font, c) != lacking) for c in text)


def _ink(font: ImageFont.FreeTypeFont, character: str) -> tuple[tuple[int, int], bytes]:
    mask = font.getmask(character)
    return mask.size, bytes(mask)


def _fitting(text: str, font: ImageFont.FreeTypeFont, width: float) -> str:
    """The text, or as much of its beginning as fits with an ellipsis."""
    if font.getlength(text) <= width:
        return text
    fits: Sequence[int] = [n for n in range(len(text)) if font.getlength(f"{text[:n].rstrip()}…") <= width]
    return f"{text[: fits[-1]].rstrip()}…" if fits else ""


def _plural(count: int, one: str, many: str | None = None) -> str:
    return one if count == 1 else many or f"{one}s"
