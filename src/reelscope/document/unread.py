"""Writing that was seen and could not be read: then "no text" is no measured zero, and what says so here says why instead.

text_overlay counts the texts that it read, and beside them the lines that it could follow but not read: of another script, too small, too
blurred. Where it read none and such lines are there, its zeros are of the reading and not of the screen.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from reelscope.document.schema import Document

__all__ = ["UNREADABLE", "measured", "unread", "unread_in", "unread_words"]

UNREADABLE = "unreadable"
"""Label of the tracks of such lines."""

OF_ALL = ("count", "by_role", "characters", "text_s", "text_share")
"""Figures of the texts of every role."""
OF_OVERLAYS = ("overlay_s",)
"""Figures of the texts that are laid over the picture; a watermark that was read says nothing of them."""


def unread_words(count: int) -> str:
    """What the lines are, as a reason."""
    return f"{'1 line stands' if count == 1 else f'{count} lines stand'} on the screen and could not be read"


def unread(summary: Mapping[str, Any]) -> str | None:
    """Why text_overlay's summary has no texts: lines stood there that could not be read. None where it has some, or where nothing stood."""
    lines = summary.get("unreadable_lines")
    there = isinstance(lines, int) and lines > 0
    return unread_words(lines) if there and summary.get("count") in (0, None) else None  # type: ignore[arg-type]


def measured(name: str, summary: Mapping[str, Any]) -> dict[str, Any]:
    """An analyzer's summary without zeros that nobody measured: they are null, and `not_measured` has the reason."""
    lines = summary.get("unreadable_lines")
    if name != "text_overlay" or not isinstance(lines, int) or lines <= 0:
        return dict(summary)
    void = [*(OF_ALL if summary.get("count") == 0 else ()), *(OF_OVERLAYS if summary.get("overlay_s") == 0 else ())]
    void = [key for key in void if key in summary]
    told = summary.get("not_measured")
    reasons = (dict(told) if isinstance(told, Mapping) else {}) | dict.fromkeys(void, unread_words(lines))
    return {**summary, **dict.fromkeys(void)} | ({"not_measured": reasons} if reasons else {})


def unread_in(document: Document, start_s: float, end_s: float) -> str | None:
    """Why it is not known that a stretch without a text has none: lines stood in it that could not be read. None where none did."""
    entry = document.analyzers["text_overlay"]
    lines = getattr(entry.summary, "unreadable_lines", None)
    if entry.status != "ok" or not isinstance(lines, int) or lines <= 0:
        return None
    tracks = [t for t in entry.tracks if t.label == UNREADABLE]
    if not tracks:  # where they stood is not told
        return None if entry.segments else unread_words(lines)
    here = sum(t.start_s < end_s and t.end_s > start_s for t in tracks)
    return unread_words(here) if here else None
