"""The texts on the screen, as the document has them: when, where and in which colours."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from reelscope.document.exports.subtitles._letters import clean
from reelscope.document.exports.subtitles._timing import LEAST_MS, clip_ms, milliseconds
from reelscope.document.exports.subtitles._words import TEXTS, number, segments_of
from reelscope.document.schema import Document

__all__ = ["Shown", "texts_of"]

_HEX = re.compile(r"#[0-9a-fA-F]{6}")


@dataclass(frozen=True, slots=True)
class Shown:
    """A text on the screen. Half-open, in ms of the clip; what was not measured is None.

    Attributes:
        lines: From the top, each cleaned.
        xywh_norm: Where it stood longest, in shares of the display picture.
        line_height_px: Height of a line's ink in px of the display picture.
        tilt_deg: Clockwise.
        text_hex, ground_hex: sRGB, `#rrggbb`: of the strokes, and of what directly surrounds them.
    """

    start_ms: int
    end_ms: int
    lines: tuple[str, ...]
    role: str | None
    xywh_norm: tuple[float, float, float, float] | None
    line_height_px: float | None
    tilt_deg: float
    text_hex: str | None
    ground_hex: str | None


def texts_of(document: Document) -> list[Shown]:
    """Every text that has words, in order of time. Several may stand at once."""
    length = clip_ms(document)
    shown = (_shown(fields, length) for fields in segments_of(document, TEXTS))
    return sorted((s for s in shown if s.lines), key=lambda s: s.start_ms)


def _shown(fields: Mapping[str, Any], length_ms: int | None) -> Shown:
    start = milliseconds(number(fields.get("start_s")) or 0.0)
    if length_ms is not None:
        start = min(start, max(0, length_ms - LEAST_MS))
    end = max(start + LEAST_MS, milliseconds(number(fields.get("end_s")) or 0.0))
    if length_ms is not None:
        end = max(start + 1, min(end, length_ms))
    role = fields.get("role")
    return Shown(
        start, end, _lines(fields), clean(role) or None, _box(fields.get("xywh_norm")), number(fields.get("line_height_px")),
        number(fields.get("tilt_deg")) or 0.0, _colour(fields.get("text_colour")), _colour(fields.get("background_colour")),
    )  # fmt: skip


def _lines(fields: Mapping[str, Any]) -> tuple[str, ...]:
    """The lines as they stand on the screen, unless the text is another one: then somebody corrected it, and it goes before them."""
    text, listed = fields.get("text"), fields.get("lines")
    whole = text if isinstance(text, str) else ""
    lines = [clean(line) for line in listed] if isinstance(listed, list | tuple) else []
    if "".join(lines).replace(" ", "") != clean(whole).replace(" ", ""):
        lines = [clean(line) for line in whole.splitlines()]
    return tuple(line for line in lines if line)


def _box(value: object) -> tuple[float, float, float, float] | None:
    found = [number(v) for v in value] if isinstance(value, list | tuple) else []
    known = [v for v in found if v is not None]
    if len(found) != 4 or len(known) != 4 or known[2] <= 0 or known[3] <= 0:
        return None
    return known[0], known[1], known[2], known[3]


def _colour(value: object) -> str | None:
    return value if isinstance(value, str) and _HEX.fullmatch(value) else None
