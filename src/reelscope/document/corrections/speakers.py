"""Names of voices: a voice of the whole clip is found again by when it spoke, since its number may be another one in another analysis."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from reelscope.document.corrections.fields import SPEECH
from reelscope.document.corrections.places import Found
from reelscope.document.corrections.shapes import Anchor, Correction
from reelscope.document.measures.words import tokens
from reelscope.timebase import Interval, intersect, total_s

__all__ = ["find_segments", "find_voice", "segment_anchor", "voice_anchor"]

Segments = Sequence[Mapping[str, Any]]

# A voice that shares so much of its time with the named one, both ways, is that one; two cannot be.
SHARED = 0.6
NEAR_S = 0.5  # of a segment's ends: they lie in pauses
INSIDE = 0.8  # share of a segment's time
SAID = 0.6  # share of the words that must be found again
MOST_SPANS = 1000

UNTOLD = "this analysis does not tell voices apart"
OTHERWISE = "this analysis groups the voices in another way"
NOT_SAID = "what was said there is divided or heard differently in this analysis"
SEVERAL = "the same is said several times there"


def voice_anchor(segments: Segments, number: int) -> Anchor:
    """The anchor of a voice: all times at which it was heard."""
    spans = [_times(s) for s in segments if s.get("speaker") == number][:MOST_SPANS]
    return Anchor(analyzer=SPEECH, part="speakers", start_s=spans[0][0], end_s=max(e for _, e in spans), spans=spans)


def find_voice(correction: Correction, segments: Segments) -> Found:
    """The number of a voice, as the only index."""
    spans = list(correction.anchor.spans)
    voices: dict[int, list[Interval]] = {}
    for segment in segments:
        if segment.get("speaker") is not None:
            voices.setdefault(int(segment["speaker"]), []).append(_times(segment))
    if not voices:
        return Found(reason=UNTOLD)
    known = total_s(intersect(spans, [span for own in voices.values() for span in own]))
    for number, own in voices.items():
        shared = total_s(intersect(spans, own))
        if shared > 0 and shared >= SHARED * known and shared >= SHARED * total_s(own) and 2 * known >= total_s(spans):
            return Found((number,))
    return Found(reason=OTHERWISE)


def segment_anchor(segments: Segments, index: int) -> Anchor:
    """The anchor of one segment: when, and what is said in it."""
    segment = segments[index]
    start, end = _times(segment)
    same = [i for i, s in enumerate(segments) if tokens(s["text"]) == tokens(segment["text"])]
    gaps = [max(0.0, segments[i]["start_s"] - end, start - segments[i]["end_s"]) for i in same if i != index]
    return Anchor(
        analyzer=SPEECH, part="segments", start_s=start, end_s=end, text=segment["text"], nth=same.index(index), of=len(same),
        gap_s=round(min(gaps), 6) if gaps else None,
    )  # fmt: skip


def find_segments(correction: Correction, segments: Segments) -> Found:
    """The segments that are now what one was: all of what was said in it, and nothing else."""
    anchor = correction.anchor
    said = tokens(anchor.text or "")
    if not said:
        return Found(reason=NOT_SAID)
    near = [i for i, s in enumerate(segments) if _inside(anchor, _times(s))]
    whole = [i for i in near if tokens(segments[i]["text"]) == said]
    if whole:
        alone = anchor.gap_s is None or anchor.gap_s > 2 * NEAR_S
        if alone and len(whole) == 1:
            return Found((whole[0],))
        row = [i for i, s in enumerate(segments) if tokens(s["text"]) == said]
        if len(row) != anchor.of or row[anchor.nth] not in whole:
            return Found(reason=SEVERAL)
        chosen = row[anchor.nth]
        nearest = all(_away(anchor, segments[chosen]) < _away(anchor, segments[i]) for i in row if i != chosen)
        return Found((chosen,)) if nearest else Found(reason=SEVERAL)
    parts = _in_turn(said, [(i, tokens(segments[i]["text"])) for i in near])
    return Found(tuple(parts)) if parts else Found(reason=NOT_SAID)


def _in_turn(said: Sequence[str], near: Sequence[tuple[int, tuple[str, ...]]]) -> list[int]:
    """Segments that say parts of it one after the other, together most of it; none where one says something else."""
    parts, at, count = [], 0, 0
    for index, own in near:
        if not own:
            continue
        found = next((k for k in range(at, len(said) - len(own) + 1) if tuple(said[k : k + len(own)]) == own), None)
        if found is None:
            return []
        parts.append(index)
        at, count = found + len(own), count + len(own)
    return parts if count >= SAID * len(said) else []


def _times(segment: Mapping[str, Any]) -> Interval:
    return float(segment["start_s"]), float(segment["end_s"])


def _inside(anchor: Anchor, times: Interval) -> bool:
    start, end = max(times[0], anchor.start_s - NEAR_S), min(times[1], anchor.end_s + NEAR_S)
    return end >= start and end - start >= INSIDE * (times[1] - times[0])


def _away(anchor: Anchor, segment: Mapping[str, Any]) -> float:
    start, end = _times(segment)
    return abs(start - anchor.start_s) + abs(end - anchor.end_s)
