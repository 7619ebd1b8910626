"""Where subtitles stand in the picture and how large they are, so that no app's own buttons and captions cover them."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product

from reelscope.document.exports.shapes import ExportOptions
from reelscope.document.measures.zones import FRAME_PX, PROFILES, fit
from reelscope.document.schema import Document

__all__ = ["CELL_EM", "Room", "picture_px", "room_of"]

# Left free on every side of a picture that is wider than tall, which those apps are not made for: EBU R 95, 5 % for graphics.
R95_SHARE = 0.05
# Width of a cell in font sizes (ASS calls the height of a line the size). Small letters of Arial Bold take 0.45 on average, a wide
# character of two cells 0.9 in full. A line of capitals takes 0.6: the player then wraps the longest ones inside the margins.
CELL_EM = 0.5
# Largest font size as a share of the shorter side: beyond it two lines cover the speaker's face.
MAX_SIZE_SHARE = 0.07
# Outline as a share of the font size: keeps white letters readable on a white wall.
EDGE_SHARE = 0.08
# Parts of a picture that are left free: less than a fifth of its width holds no line.
LEAST_WIDTH_SHARE = 0.2


@dataclass(frozen=True, slots=True)
class Room:
    """Where lines of subtitles go, in px of the display picture.

    Attributes:
        left, right, bottom: What is left free at the sides and below.
        size: Of the font as ASS counts it. edge: width of the outline, for which the margins have room.
    """

    left: int
    right: int
    bottom: int
    size: int
    edge: int


def picture_px(document: Document) -> tuple[int, int]:
    """Display size of the picture; for a clip of sound alone the frame that the apps show, 1080x1920."""
    width, height = document.media.width_px, document.media.height_px
    return (width, height) if width and height else (int(FRAME_PX[0]), int(FRAME_PX[1]))


def room_of(document: Document, options: ExportOptions) -> Room:
    """The lowest room in the picture that every app leaves free, and the font size at which a full line fits into it."""
    width, height = picture_px(document)
    found = _free(width, height) if width <= height else None
    left, right, bottom = found or (R95_SHARE * width, (1 - R95_SHARE) * width, (1 - R95_SHARE) * height)
    size = min((right - left) / (options.chars_per_line * CELL_EM), MAX_SIZE_SHARE * min(width, height))
    edge = max(1, round(size * EDGE_SHARE))
    return Room(round(left) + edge, round(width - right) + edge, round(height - bottom) + edge, max(1, round(size)), edge)


def _free(width_px: int, height_px: int) -> tuple[float, float, float] | None:
    """Left, right and lower edge of the room that ends lowest and, of these, is widest; None where the apps leave nothing free."""
    scale, x0, y0 = fit(width_px, height_px)
    inside = (x0, y0, x0 + width_px * scale, y0 + height_px * scale)
    rooms = []
    for chosen in product(*(p.rooms for p in PROFILES.values())):
        lefts, tops, rights, bottoms = zip(*chosen, inside, strict=True)
        left, top, right, bottom = max(lefts), max(tops), min(rights), min(bottoms)
        if right - left >= LEAST_WIDTH_SHARE * width_px * scale and bottom > top:
            rooms.append((bottom, right - left, left))
    if not rooms:
        return None
    bottom, wide, left = max(rooms)
    return (left - x0) / scale, (left + wide - x0) / scale, (bottom - y0) / scale
