"""Rows of the words that are said: one for each voice, its words as small bars with the word in them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from reelscope.document.report.items import Item, Maker, Row, pack, row
from reelscope.document.report.labels import fields
from reelscope.document.report.words import clean, percent
from reelscope.document.schema import Segment

__all__ = ["MAX_WORDS", "speech_rows"]

MAX_WORDS = 3000
"""Words of one voice that get a bar each: a quarter of an hour of talk. Beyond, a bar is a sentence, so that the row stays whole."""

UNSURE = 0.5  # a word that its model held for less likely than not is drawn quietly


def speech_rows(segments: list[Segment], maker: Maker) -> list[Row]:
    """One row for each voice in order of appearance; without voices told apart one row without a title."""
    voices: dict[tuple[object, object], list[tuple[Segment, dict[str, Any]]]] = {}
    for segment in sorted(segments, key=lambda s: (s.start_s, s.end_s)):
        extra = fields(segment)
        voices.setdefault((_number(extra), _name(extra)), []).append((segment, extra))
    told_apart = any(voice != (None, "") for voice in voices)
    rows = []
    for n, (voice, spoken) in enumerate(voices.items()):
        tone = maker.tone(str(n))
        items = [item for segment, extra in spoken for item in _words(segment, extra, tone, maker)]
        title = _title(*voice) if told_apart else None
        if items and len(items) <= MAX_WORDS:
            rows.append(Row(title, tuple(items), words=True))
            continue
        bars = [maker.item(s.start_s, s.end_s, {**e, "words": None}, s.confidence, k, "") for k, (s, e) in enumerate(spoken, 1)]
        rows += [row(title if k == 0 else None, packed) for k, packed in enumerate(pack(bars))]
    return rows


def _number(extra: Mapping[str, Any]) -> int | None:
    found = extra.get("speaker")
    return found if isinstance(found, int) else None


def _name(extra: Mapping[str, Any]) -> str:
    found = extra.get("speaker_name")
    return clean(found) if isinstance(found, str) else ""


def _title(number: object, name: object) -> str:
    if name:
        return str(name)
    return f"Speaker {number + 1}" if isinstance(number, int) else "Voice not told apart"


def _words(segment: Segment, extra: Mapping[str, Any], tone: str, maker: Maker) -> list[Item]:
    """Bars of a sentence's words; of the sentence itself where its words have no times."""
    out = []
    found = extra.get("words")
    for word in found if isinstance(found, list) else []:
        if not isinstance(word, Mapping):
            continue
        start, end, text, sure = (word.get(k) for k in ("start_s", "end_s", "text", "confidence"))
        if not (isinstance(start, int | float) and isinstance(end, int | float) and isinstance(text, str) and text.strip()):
            continue
        details = [("Confidence", percent(sure))] if isinstance(sure, int | float) else []
        quiet = isinstance(sure, int | float) and sure < UNSURE
        out.append(maker.word(float(start), max(float(start), float(end)), clean(text).strip(), "tq" if quiet else tone, details))
    text = extra.get("text")
    if not out and isinstance(text, str) and text.strip():
        details = [("Confidence", percent(segment.confidence))] if segment.confidence is not None else []
        out.append(maker.word(segment.start_s, segment.end_s, clean(text).strip(), tone, details))
    return out
