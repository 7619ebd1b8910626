"""Corrections that leave no mark where they belong: what finds no place in this analysis, and what was taken away."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from reelscope.document.report.mends import NAMED
from reelscope.document.report.parts import Part, day_of, mended_value, span
from reelscope.document.report.words import NA, clean, sentence
from reelscope.document.schema import Document

__all__ = ["SHOWN", "Aside", "aside"]

SHOWN = 5
"""Of them without a click; the rest folds out."""

TITLES = {"word": "Words", "speaker": "Speaker"}
TEXTS = {"speech_transcription": "Words", "text_overlay": "Text on the screen"}


@dataclass(frozen=True, slots=True)
class Aside:
    """One of them.

    Attributes:
        taken: Taken away; else it found no place.
        what: What it is of; was, now: its value as measured then, and as corrected; why: it has no place.
        when: Where in the clip; a dash for what is of no moment. by: who said so, and on which day.
    """

    taken: bool
    what: str
    was: str
    now: str
    when: Part
    by: str
    why: str | None


def aside(document: Document) -> list[Aside]:
    """All of a corrected document, those without a place first; a measured one has none."""
    told = (document.model_extra or {}).get("corrections")
    return [*_rows(told, "unplaced"), *_rows(told, "taken_away")] if isinstance(told, Mapping) else []


def _rows(told: Mapping[str, Any], key: str) -> Iterator[Aside]:
    rows = told.get(key)
    for row in rows if isinstance(rows, list) else ():
        if isinstance(row, Mapping):
            yield _one(row, taken=key == "taken_away")


def _one(row: Mapping[str, Any], *, taken: bool) -> Aside:
    kind, field, was = row.get("kind"), str(row.get("field") or ""), row.get("was")
    if taken:
        what = TEXTS.get(str(row.get("analyzer")), "Text")
    else:
        what = TITLES.get(str(kind)) or ("Text on the screen" if (kind, field) == ("text", "text") else NAMED.get(field))
    if kind == "speaker" and isinstance(was, int):
        was = f"speaker {was + 1}"
    author = clean(row.get("author") or "nobody named")
    times = (row.get("start_s"), row.get("end_s"))
    return Aside(
        taken,
        what or sentence(clean(field).replace("_", " ")) or "A correction",
        mended_value(field, was),
        mended_value(field, row.get("now")),
        span({"start_s": times[0], "end_s": times[1]}) if all(isinstance(t, int | float) for t in times) else NA,
        f"{author}, {day_of(row.get('at'))}",
        clean(row["reason"]) if row.get("reason") else None,
    )
