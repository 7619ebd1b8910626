"""The places of a document (as JSON) that can be corrected, in one form for all analyzers."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from reelscope.document.corrections.fields import SHOTS, SPEECH, Editable
from reelscope.document.corrections.shapes import PathBox
from reelscope.document.measures.words import tokens

__all__ = ["Item", "Raw", "Said", "Words", "alike", "box_at", "iou", "items", "plain", "said", "target"]

Raw = Mapping[str, Any]
Xywh = Sequence[float]

PATH_BOXES = 5


@dataclass(frozen=True, slots=True)
class Item:
    """A segment, track, shot or transition. index: in its list. path: up to five boxes, in order of time."""

    index: int
    start_s: float
    end_s: float
    value: str | int | None
    path: tuple[PathBox, ...] = ()
    track_id: int | None = None


@dataclass(frozen=True, slots=True)
class Said:
    """A word of the transcript. segment, word: its indices; key: what it is compared by."""

    segment: int
    word: int
    start_s: float
    end_s: float
    text: str
    language: str | None
    key: tuple[str, ...]


class Words(list[Said]):
    """A transcript's words; `starts`: where each first key stands, so that a run is looked up and not searched for."""

    def __init__(self, words: Iterable[Said]) -> None:
        super().__init__(words)
        self.starts: dict[str, list[int]] = {}
        for i, word in enumerate(self):
            self.starts.setdefault(word.key[0], []).append(i)


def plain(text: object) -> str:
    """A text without the differences that nobody sees: of blanks and ends of lines."""
    return " ".join(str(text).split())


def alike(a: object, b: object) -> bool:
    """Whether two values say the same: the same words, whatever their case and punctuation."""
    if not isinstance(a, str) or not isinstance(b, str):
        return a == b
    left, right = tokens(a), tokens(b)
    return left == right if left or right else plain(a) == plain(b)


def said(raw: Raw) -> Words:
    """All words of the transcript, in its order."""
    out = []
    for s, segment in enumerate(raw["analyzers"][SPEECH].get("segments") or ()):
        for w, word in enumerate(segment.get("words") or ()):
            text = plain(word["text"])
            key = tokens(text) or (text,)
            out.append(Said(s, w, float(word["start_s"]), float(word["end_s"]), text, segment.get("language"), key))
    return Words(out)


def items(raw: Raw, what: Editable) -> list[Item]:
    """All places that have this field."""
    if what.analyzer == SHOTS:
        return _shots(raw, what.field)
    entry = raw["analyzers"][what.analyzer]
    tracks = {t["track_id"]: t for t in entry.get("tracks") or ()}
    out = []
    for i, found in enumerate(entry.get(what.part) or ()):
        if what.when is not None and found.get("kind") != what.when:
            continue
        if what.part == "segments" and not what.added and found.get(what.field) is None:
            continue
        path = _path(found if what.part == "tracks" else tracks.get(found.get("track_id")), found)
        value = found.get(what.field)
        out.append(Item(i, float(found["start_s"]), float(found["end_s"]), value, path, found.get("track_id")))
    return out


def _shots(raw: Raw, field: str) -> list[Item]:
    out = []
    for i, shot in enumerate(raw.get("shots") or ()):
        place: Any = shot.get("transition_in") if field == "transition" else shot
        if place is None:
            continue
        if field == "transition":
            value = place["kind"]
        elif field == "move":
            value = (shot.get("camera") or {}).get("move")
        else:
            value = shot.get(field)
        out.append(Item(i, float(place["start_s"]), float(place["end_s"]), value))
    return out


def target(raw: Any, what: Editable, index: int) -> Any:
    """The part of the JSON that an item was read from."""
    if what.analyzer == SHOTS:
        return raw["shots"][index]["transition_in"] if what.part == "transitions" else raw["shots"][index]
    return raw["analyzers"][what.analyzer][what.part][index]


def _path(track: Any, found: Any) -> tuple[PathBox, ...]:
    """Boxes of a track in a stretch of time, evenly spaced; else the segment's own one."""
    points = (track or {}).get("points") or ()
    start, end = float(found["start_s"]), float(found["end_s"])
    if points:
        times = [float(p["t_s"]) for p in points]
        boxes = [p["xywh_norm"] for p in points]
        count = PATH_BOXES if end > start else 1
        moments = [start + (k + 0.5) * (end - start) / count for k in range(count)]
        return tuple(PathBox(t_s=round(t, 6), xywh_norm=tuple(_between(times, boxes, t))) for t in moments)  # type: ignore[arg-type]
    box = found.get("xywh_norm") or found.get("first_xywh_norm")
    return (PathBox(t_s=start, xywh_norm=tuple(box)),) if box else ()


def box_at(path: Sequence[PathBox], t_s: float) -> Xywh:
    """Where a path is at a time: on the straight line between its boxes, before and after it where it begins and ends."""
    return _between([p.t_s for p in path], [p.xywh_norm for p in path], t_s)


def _between(times: Sequence[float], boxes: Sequence[Xywh], t_s: float) -> Xywh:
    k = bisect_right(times, t_s)
    if k == 0 or k == len(times):
        return boxes[min(k, len(times) - 1)]
    share = (t_s - times[k - 1]) / (times[k] - times[k - 1])
    return [round(a + share * (b - a), 5) for a, b in zip(boxes[k - 1], boxes[k], strict=True)]


def iou(a: Xywh, b: Xywh) -> float:
    """Intersection over union of two boxes; 0 where they do not meet."""
    width = min(a[0] + a[2], b[0] + b[2]) - max(a[0], b[0])
    height = min(a[1] + a[3], b[1] + b[3]) - max(a[1], b[1])
    shared = max(0.0, width) * max(0.0, height)
    union = a[2] * a[3] + b[2] * b[3] - shared
    return shared / union if union > 0 else 0.0
