"""Bars of the timeline and the rows that they stand in."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from reelscope.document.report.labels import QUIET, alarming, colours_of, details_of, label_of, striking, tone_key
from reelscope.document.report.words import timecode

__all__ = ["MANY_POINTS", "MAX_ITEMS", "Item", "Maker", "Row", "Tips", "pack", "row"]

TONES = 8
POINT_S = 1e-6
MANY_POINTS = 12
DENSE = 100  # bars of a row: browsers lay out some thousands of elements within a frame, and some twenty rows are in sight
MAX_ITEMS = 1500  # of one row: beyond it bars are thinner than a pixel and the file grows for nothing; the document has them all


@dataclass(slots=True)
class Tips:
    """What the page's script reads.

    Attributes:
        entries: Details of every item: {"h": title, "t": time, "s": start in s, "d": [[name, value], ...]}; "m": number of the
            edit that mends it.
        curves: Figures of every curve, see `Curve.data`.
        rows: Bars of rows that have many: tips "i", left edges "l" and widths "w" (percent of the clip; -1 for a moment), places "k" of
            their classes in "tones", colours "c" of a palette.
    """

    entries: list[dict[str, Any]] = field(default_factory=list)
    curves: list[dict[str, object]] = field(default_factory=list)
    rows: list[dict[str, object]] = field(default_factory=list)

    def add(self, title: str, time: str, start_s: float, details: list[tuple[str, str]]) -> int:
        self.entries.append({"h": title, "t": time, "s": round(start_s, 6), "d": [list(d) for d in details]})
        return len(self.entries) - 1

    def add_row(self, row: Row) -> Row:
        """A row of many bars, or of words, is drawn by the page's script, as far as it is in sight; others stay as they are."""
        if len(row.items) <= DENSE and not row.words:
            return row
        tones = list(dict.fromkeys(item.tone for item in row.items))
        data: dict[str, object] = {
            "i": [item.tip for item in row.items],
            "l": [item.left for item in row.items],
            "w": [-1 if item.point else item.width for item in row.items],
            "k": [tones.index(item.tone) for item in row.items],
            "tones": tones,
        }
        if any(item.colours for item in row.items):
            data["c"] = [[list(colour) for colour in item.colours] for item in row.items]
        self.rows.append(data)
        return replace(row, dense=len(self.rows) - 1)

    def add_curve(self, data: dict[str, object]) -> int:
        self.curves.append(data)
        return len(self.curves) - 1


@dataclass(frozen=True, slots=True)
class Item:
    """One bar (or mark, where it has no length) of a lane; left and width in percent of the clip. tone: classes of the style."""

    tip: int
    left: float
    width: float
    label: str
    aria: str
    tone: str
    point: bool
    colours: tuple[tuple[str, float], ...] = ()


@dataclass(frozen=True, slots=True)
class Row:
    title: str | None
    items: tuple[Item, ...]
    omitted: int = 0
    marks: bool = False  # only moments and many of them: thin ticks
    words: bool = False  # words of speech: small bars that touch
    dense: int | None = None  # which of the rows that the script draws, see Tips.add_row


def _time_words(start_s: float, end_s: float) -> str:
    if end_s - start_s <= POINT_S:
        return timecode(start_s)
    return f"{timecode(start_s)} \N{EN DASH} {timecode(end_s)} ({timecode(end_s - start_s)})"


@dataclass(slots=True)
class Maker:
    """Makes the bars of one lane, which share their colours."""

    duration_s: float
    tips: Tips
    noun: str = ""
    mend: Callable[[Mapping[str, Any], float, float], int | None] | None = None
    tones: dict[str, str] = field(default_factory=dict)

    def tone(self, category: str) -> str:
        if category in QUIET:
            return "tq"
        return self.tones.setdefault(category, f"t{len(self.tones) % TONES}")

    def place(self, start_s: float, end_s: float) -> tuple[float, float]:
        """Left edge and width in percent of the clip, inside of it."""
        whole = self.duration_s or 1.0
        left = min(100.0, max(0.0, 100 * start_s / whole))
        return round(left, 4), round(max(0.0, min(100.0 - left, 100 * (end_s - start_s) / whole)), 4)

    def item(self, start_s: float, end_s: float, extra: Mapping[str, Any], confidence: float | None, number: int, fallback: str) -> Item:
        label, named = label_of(extra, self.noun)
        colours = colours_of(extra)
        if not named:
            label = fallback or str(number)
        words = _time_words(start_s, end_s)
        point = end_s - start_s <= POINT_S
        left, width = self.place(start_s, end_s)
        tone = "tw" if alarming(extra) else self.tone(tone_key(extra))
        tip = self.tips.add(label, words, start_s, details_of(extra, confidence, label))
        if self.mend is not None and (number_of := self.mend(extra, start_s, end_s)) is not None:
            self.tips.entries[tip]["m"] = number_of
        return Item(
            tip=tip,
            left=left,
            width=0.0 if point else width,
            label="" if colours and not named else label,
            aria=f"{label}, {words}",
            tone=f"{tone} hot" if striking(extra) else tone,
            point=point,
            colours=colours,
        )

    def word(self, start_s: float, end_s: float, text: str, tone: str, details: list[tuple[str, str]]) -> Item:
        """A word of speech; always a bar, however short."""
        words = _time_words(start_s, end_s)
        left, width = self.place(start_s, end_s)
        return Item(self.tips.add(text, words, start_s, details), left, width, text, f"{text}, {words}", tone, point=False)


def pack(items: Iterable[Item]) -> list[list[Item]]:
    """First-fit into as few rows as bars without overlap need; the order of `items` is the order in time."""
    rows: list[list[Item]] = []
    ends: list[float] = []
    for item in items:
        end = item.left + item.width
        for i, last in enumerate(ends):
            if item.left >= last - 1e-3:
                rows[i].append(item)
                ends[i] = max(end, item.left + 1e-2)
                break
        else:
            rows.append([item])
            ends.append(max(end, item.left + 1e-2))
    return rows


def row(title: str | None, items: list[Item]) -> Row:
    """A row of the first bars of a list."""
    shown = items[:MAX_ITEMS]
    return Row(title, tuple(shown), len(items) - len(shown), len(shown) > 2 * MANY_POINTS and all(i.point for i in shown))
