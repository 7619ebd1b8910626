"""A timeline lane for every analyzer that ran, made from its segments, tracks and series without knowing which analyzer it is.

Labels come from the typed fields that the document promises (text, label, move, kind, role); what a lane cannot name it numbers.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from reelscope.document.names import title_of
from reelscope.document.report.curves import Curve, Waveform, curve, waveform
from reelscope.document.report.items import MANY_POINTS, MAX_ITEMS, Item, Maker, Row, Tips, pack, row
from reelscope.document.report.labels import category_of, fields
from reelscope.document.report.mends import Mends
from reelscope.document.report.speech_rows import speech_rows
from reelscope.document.report.words import clean, sentence
from reelscope.document.schema import AnalyzerEntry, Document, Segment, Series, Track

__all__ = ["MAX_ITEMS", "Item", "Lane", "Row", "Tips", "lane", "lanes", "pack"]

# What an `index` counts, where the word is not "No.".
INDEX_WORDS = {"scene_segmentation": "Scene"}
MAX_GROUPS = 8
SHOWN_ROWS = 4
SHOWN_VOICES = 8
SHOWN_CURVES = 2
TOLD_SHARE = 0.9

# Who is seen comes before what is seen.
PEOPLE = ("person", "face", "hand")
PLURALS = {"person": "People", "face": "Faces", "hand": "Hands", "event": "Sounds"}

PEAKS = "peak_dbfs"  # of audio_analysis: the waveform

# Curves that people look for first, by a word of their name.
FIRST_CURVES = ("momentary", "loudness", "pitch", "brightness", "luma", "sharp", "speed", "zoom", "energy")


@dataclass(frozen=True, slots=True)
class Lane:
    """What one analyzer gave; `rows` and `curves` stand open, the `more_` ones behind a switch."""

    name: str
    title: str
    wave: tuple[int, Waveform] | None
    rows: tuple[Row, ...]
    curves: tuple[tuple[int, Curve], ...]
    more_rows: tuple[Row, ...]
    more_curves: tuple[tuple[int, Curve], ...]

    @property
    def empty(self) -> bool:
        return not (self.rows or self.curves or self.wave)

    @property
    def height_px(self) -> int:
        """About how tall the lane is drawn; a browser that leaves out what is off the screen takes it until it has seen the lane."""
        heads = 1 if self.rows and self.rows[0].title is None and not self.wave else 0
        rows = 26 * (1 + len(self.rows) - heads) + 46 * len(self.curves) + (64 if self.wave else 0)
        return rows + (22 if self.more_rows or self.more_curves else 0)


def _overlap(spans: list[tuple[float, float]]) -> bool:
    latest = -1.0
    for start, end in sorted(spans):
        if start < latest - 1e-6:
            return True
        latest = max(latest, end)
    return False


def _group(extra: Mapping[str, Any]) -> str:
    """What shares a row where bars overlap: things of a kind; where sound is sorted into classes, the class."""
    if extra.get("kind") == "class" and isinstance(extra.get("label"), str):
        return str(extra["label"])
    return category_of(extra)


def _grouped(made: list[tuple[str, Item]]) -> list[Row]:
    """Rows by group, people before things, each packed."""
    groups = list(dict.fromkeys(group for group, _ in made))
    people = [group for group in PEOPLE if group in groups]
    rest = [group for group in groups if group not in PEOPLE]
    sets: list[tuple[str | None, set[str]]] = [(PLURALS[group], {group}) for group in people]
    if rest and (people or len(groups) > MAX_GROUPS):
        sets.append(("Objects" if people else None, set(rest)))
    elif len(groups) == 1:
        sets = [(PLURALS[groups[0]] if people else None, set(groups))]
    else:
        sets += [(PLURALS.get(group) or (sentence(clean(group)) if group else "Other"), {group}) for group in rest]
    rows = []
    for title, of in sets:
        rows += [row(title if i == 0 else None, packed) for i, packed in enumerate(pack(item for group, item in made if group in of))]
    return rows


def _segment_rows(segments: list[Segment], maker: Maker) -> list[Row]:
    # What does not hold comes after what does, where rows are short of room.
    ordered = sorted(segments, key=lambda s: (getattr(s, "holds", True) is False, s.start_s, s.end_s))
    made = [(_group(extra := fields(s)), maker.item(s.start_s, s.end_s, extra, s.confidence, n, "")) for n, s in enumerate(ordered, 1)]
    points = sum(item.point for _, item in made)
    people = {group for group, _ in made} & set(PEOPLE)
    crowded = _overlap([(s.start_s, s.end_s) for s in ordered]) or (points > MANY_POINTS and points < len(made))
    if not crowded and not people:
        return [row(None, [item for _, item in made])] if made else []
    return _grouped(made)


def _track_rows(entry: AnalyzerEntry, maker: Maker) -> list[Row]:
    told: dict[Any, float] = {}
    for s in entry.segments:
        told[getattr(s, "track_id", None)] = told.get(getattr(s, "track_id", None), 0.0) + s.end_s - s.start_s
    # A track of which segments speak most of the time is on the timeline already.
    tracks = [t for t in entry.tracks if told.get(t.track_id, 0.0) < TOLD_SHARE * (t.end_s - t.start_s) or t.track_id not in told]
    ordered = sorted(tracks, key=lambda t: (t.start_s, t.end_s))
    made = []
    for n, track in enumerate(ordered, 1):
        extra = fields(track)
        made.append((_group(extra), maker.item(track.start_s, track.end_s, extra, None, n, f"Track {track.track_id}")))
    if {group for group, _ in made} & set(PEOPLE):
        return _grouped(made)
    return [row("Tracks" if i == 0 and entry.segments else None, packed) for i, packed in enumerate(pack(item for _, item in made))]


def _curve_order(series: Series) -> int:
    name = series.name.lower()
    if name.startswith(("gaze", "head")):  # pitch of an eye or a head is no pitch of a voice
        return len(FIRST_CURVES)
    return next((i for i, word in enumerate(FIRST_CURVES) if word in name), len(FIRST_CURVES))


def lane(name: str, entry: AnalyzerEntry, duration_s: float, tips: Tips, mends: Mends | None = None) -> Lane:
    """The lane of one analyzer that ran. mends: takes what can be mended in it."""
    tracks = {track.track_id: track for track in entry.tracks}
    mend = partial(_mend, mends, name, tracks) if mends is not None else None
    maker = Maker(duration_s, tips, INDEX_WORDS.get(name, ""), mend)
    made = speech_rows if any(hasattr(s, "words") and hasattr(s, "text") for s in entry.segments) else _segment_rows
    rows = [tips.add_row(found) for found in made(entry.segments, maker) + _track_rows(entry, maker)]
    wave = None
    if peaks := next((s for s in entry.series if s.name == PEAKS), None):
        wave = waveform(peaks, duration_s, [(s.start_s, s.end_s) for s in entry.segments if getattr(s, "kind", None) == "clipping"])
    drawn = [curve(s, duration_s) for s in sorted(entry.series, key=_curve_order) if wave is None or s is not peaks]
    curves = [(tips.add_curve(c.data), c) for c in drawn if c.path]
    room = SHOWN_CURVES - (wave is not None)
    shown = [pair for n, pair in enumerate(curves) if n < room or "beat" in pair[1].name]  # editors cut on beats
    most = SHOWN_VOICES if made is speech_rows else SHOWN_ROWS
    return Lane(
        name=name,
        title=clean(title_of(name, getattr(entry, "title", None))),
        wave=(tips.add_curve(wave.data), wave) if wave else None,
        rows=tuple(rows[:most]),
        curves=tuple(shown),
        more_rows=tuple(rows[most:]),
        more_curves=tuple(pair for pair in curves if pair not in shown),
    )


def _mend(mends: Mends, name: str, tracks: Mapping[Any, Track], extra: Mapping[str, Any], start_s: float, end_s: float) -> int | None:
    return mends.bar(name, extra, start_s, end_s, tracks.get(extra.get("track_id")))


# Picture first, then what is in it, then what is heard, then what is concluded: the order in which a timeline is read.
LANE_ORDER = (
    "cut_analysis", "camera_analysis", "scene_segmentation", "temporal_flow", "qwen2_vl_temporal", "text_overlay",
    "speech_transcription", "speech_flow", "speech_emotion", "audio_analysis", "audio_environment",
    "object_detection", "body_pose", "eye_tracking", "age_estimation", "background_segmentation",
    "color_analysis", "content_quality", "cross_analyzer_intelligence",
)  # fmt: skip


def lanes(document: Document, tips: Tips, mends: Mends | None = None) -> list[Lane]:
    """Lanes of all analyzers whose status is `ok`; one that found nothing keeps its lane, because that is a result too.

    Args:
        mends: Takes what can be mended in them.
    """
    ran = {name: entry for name, entry in document.analyzers.items() if entry.status == "ok"}
    order = [n for n in LANE_ORDER if n in ran] + [n for n in ran if n not in LANE_ORDER]
    return [lane(name, ran[name], document.media.duration_s, tips, mends) for name in order]
