"""A timeline lane for every analyzer that ran, made from its segments, tracks and series without knowing which analyzer it is.

Labels come from the typed fields that the document promises (text, label, move, kind, role); what a lane cannot name it numbers.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from reelscope.document.names import ANALYZER_TITLES
from reelscope.document.report.curves import Curve, curve
from reelscope.document.report.labels import QUIET, category_of, colours_of, details_of, fields, label_of, tone_key
from reelscope.document.report.words import clean, sentence, timecode
from reelscope.document.schema import AnalyzerEntry, Document, Segment, Series

__all__ = ["Item", "Lane", "Row", "Tips", "lane", "lanes", "pack"]

# What an `index` counts, where the word is not "No.".
INDEX_WORDS = {"scene_segmentation": "Scene"}
TONES = 8

POINT_S = 1e-6
MANY_POINTS = 12
MAX_GROUPS = 8
MAX_ITEMS = 1500  # of one row: beyond it bars are thinner than a pixel and the file grows for nothing; the document has them all
SHOWN_ROWS = 4
SHOWN_CURVES = 2
TOLD_SHARE = 0.9

# Curves that people look for first, by a word of their name.
FIRST_CURVES = ("momentary", "loudness", "pitch", "brightness", "luma", "sharp", "speed", "zoom", "energy")


@dataclass(slots=True)
class Tips:
    """Details of every item, read by the page's script: {"h": title, "t": time, "d": [[name, value], ...]}."""

    entries: list[dict[str, Any]] = field(default_factory=list)
    curves: list[dict[str, object]] = field(default_factory=list)

    def add(self, title: str, time: str, details: list[tuple[str, str]]) -> int:
        self.entries.append({"h": title, "t": time, "d": [list(d) for d in details]})
        return len(self.entries) - 1

    def add_curve(self, data: dict[str, object]) -> int:
        self.curves.append(data)
        return len(self.curves) - 1


@dataclass(frozen=True, slots=True)
class Item:
    """One bar (or mark, where it has no length) of a lane; left and width in percent of the clip."""

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


@dataclass(frozen=True, slots=True)
class Lane:
    """What one analyzer gave; `rows` and `curves` stand open, the `more_` ones behind a switch."""

    name: str
    title: str
    rows: tuple[Row, ...]
    curves: tuple[tuple[int, Curve], ...]
    more_rows: tuple[Row, ...]
    more_curves: tuple[tuple[int, Curve], ...]

    @property
    def empty(self) -> bool:
        return not (self.rows or self.curves)


def _time_words(start_s: float, end_s: float) -> str:
    if end_s - start_s <= POINT_S:
        return timecode(start_s)
    return f"{timecode(start_s)} \N{EN DASH} {timecode(end_s)} ({timecode(end_s - start_s)})"


@dataclass(slots=True)
class _Maker:
    duration_s: float
    tips: Tips
    noun: str = ""
    tones: dict[str, str] = field(default_factory=dict)

    def tone(self, category: str) -> str:
        if category in QUIET:
            return "tq"
        return self.tones.setdefault(category, f"t{len(self.tones) % TONES}")

    def item(self, start_s: float, end_s: float, extra: Mapping[str, Any], confidence: float | None, number: int, fallback: str) -> Item:
        label, named = label_of(extra, self.noun)
        colours = colours_of(extra)
        if not named:
            label = fallback or str(number)
        words = _time_words(start_s, end_s)
        point = end_s - start_s <= POINT_S
        whole = self.duration_s or 1.0
        left = min(100.0, max(0.0, 100 * start_s / whole))
        return Item(
            tip=self.tips.add(label, words, details_of(extra, confidence, label)),
            left=round(left, 4),
            width=0.0 if point else round(min(100.0 - left, 100 * (end_s - start_s) / whole), 4),
            label="" if colours and not named else label,
            aria=f"{label}, {words}",
            tone=self.tone(tone_key(extra)),
            point=point,
            colours=colours,
        )


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


def _overlap(spans: list[tuple[float, float]]) -> bool:
    latest = -1.0
    for start, end in sorted(spans):
        if start < latest - 1e-6:
            return True
        latest = max(latest, end)
    return False


def _row(title: str | None, items: list[Item]) -> Row:
    shown = items[:MAX_ITEMS]
    return Row(title, tuple(shown), len(items) - len(shown), len(shown) > 2 * MANY_POINTS and all(i.point for i in shown))


def _segment_rows(segments: list[Segment], maker: _Maker) -> list[Row]:
    # What does not hold comes after what does, where rows are short of room.
    ordered = sorted(segments, key=lambda s: (getattr(s, "holds", True) is False, s.start_s, s.end_s))
    made = [
        (category_of(extra := fields(s)), s, maker.item(s.start_s, s.end_s, extra, s.confidence, n, "")) for n, s in enumerate(ordered, 1)
    ]
    groups = list(dict.fromkeys(category for category, _, _ in made))
    points = sum(item.point for _, _, item in made)
    crowded = _overlap([(s.start_s, s.end_s) for _, s, _ in made]) or (points > MANY_POINTS and points < len(made))
    if not crowded:
        return [_row(None, [item for _, _, item in made])] if made else []
    if len(groups) > MAX_GROUPS or len(groups) == 1:
        return [_row(None, row) for row in pack(item for _, _, item in made)]
    rows = []
    for group in groups:
        title = sentence(clean(group)) if group else "Other"
        for i, row in enumerate(pack(item for category, _, item in made if category == group)):
            rows.append(_row(title if i == 0 else None, row))
    return rows


def _track_rows(entry: AnalyzerEntry, maker: _Maker) -> list[Row]:
    told: dict[Any, float] = {}
    for s in entry.segments:
        told[getattr(s, "track_id", None)] = told.get(getattr(s, "track_id", None), 0.0) + s.end_s - s.start_s
    # A track of which segments speak most of the time is on the timeline already.
    tracks = [t for t in entry.tracks if told.get(t.track_id, 0.0) < TOLD_SHARE * (t.end_s - t.start_s) or t.track_id not in told]
    ordered = sorted(tracks, key=lambda t: (t.start_s, t.end_s))
    items = [maker.item(t.start_s, t.end_s, fields(t), None, n, f"Track {t.track_id}") for n, t in enumerate(ordered, 1)]
    return [_row("Tracks" if i == 0 and entry.segments else None, row) for i, row in enumerate(pack(items))]


def _curve_order(series: Series) -> int:
    name = series.name.lower()
    if name.startswith(("gaze", "head")):  # pitch of an eye or a head is no pitch of a voice
        return len(FIRST_CURVES)
    return next((i for i, word in enumerate(FIRST_CURVES) if word in name), len(FIRST_CURVES))


def lane(name: str, entry: AnalyzerEntry, duration_s: float, tips: Tips) -> Lane:
    """The lane of one analyzer that ran."""
    maker = _Maker(duration_s, tips, INDEX_WORDS.get(name, ""))
    rows = _segment_rows(entry.segments, maker) + _track_rows(entry, maker)
    drawn = [curve(s, duration_s) for s in sorted(entry.series, key=_curve_order)]
    curves = [(tips.add_curve(c.data), c) for c in drawn if c.path]
    shown = [pair for n, pair in enumerate(curves) if n < SHOWN_CURVES or "beat" in pair[1].name]  # editors cut on beats
    return Lane(
        name=name,
        title=ANALYZER_TITLES.get(name, sentence(name)),
        rows=tuple(rows[:SHOWN_ROWS]),
        curves=tuple(shown),
        more_rows=tuple(rows[SHOWN_ROWS:]),
        more_curves=tuple(pair for pair in curves if pair not in shown),
    )


# Picture first, then what is in it, then what is heard, then what is concluded: the order in which a timeline is read.
LANE_ORDER = (
    "cut_analysis", "camera_analysis", "scene_segmentation", "temporal_flow", "qwen2_vl_temporal", "text_overlay",
    "speech_transcription", "speech_flow", "speech_emotion", "audio_analysis", "audio_environment",
    "object_detection", "body_pose", "eye_tracking", "age_estimation", "background_segmentation",
    "color_analysis", "content_quality", "cross_analyzer_intelligence",
)  # fmt: skip


def lanes(document: Document, tips: Tips) -> list[Lane]:
    """Lanes of all analyzers whose status is `ok`; one that found nothing keeps its lane, because that is a result too."""
    ran = {name: entry for name, entry in document.analyzers.items() if entry.status == "ok"}
    order = [n for n in LANE_ORDER if n in ran] + [n for n in ran if n not in LANE_ORDER]
    return [lane(name, ran[name], document.media.duration_s, tips) for name in order]
