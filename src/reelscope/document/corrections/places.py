"""Finding a corrected segment, track, shot or transition again in another analysis of the same clip.

The rule over all others: better no place than a wrong one. Times are taken to move by `NEAR_S` at most; where two places fit, order
decides if their number is the same as it was, and otherwise nothing does.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher

from reelscope.document.corrections.fields import SHOTS, Editable
from reelscope.document.corrections.items import Item, alike, box_at, iou, plain
from reelscope.document.corrections.shapes import Anchor, Correction, PathBox
from reelscope.timebase import overlap_s

__all__ = ["BY_TIME", "Found", "anchor_of", "find", "missing"]

# Sampled analyzers look five times a second, so a start or an end may fall to the next sample; another model adds its own delay.
NEAR_S = 0.3
INSIDE = 0.8  # share of a place's time that must lie in that of the correction
COVERED = 0.5  # share of the correction's time that its places must cover
OVERFULL = 1.2  # times the correction's time: more are more than one place
# From this length on, a place whose both ends are within NEAR_S shares most of its time with the correction: no neighbour does.
LONG_S = 4 * NEAR_S
SHORT_S = 2 * NEAR_S  # below it, what stands next to it may be where it was
SAME_BOX, OTHER_BOX, STRICT_BOX = 0.4, 0.2, 0.5  # intersection over union: of the same thing, of something else, where nothing else speaks
SIMILAR = 0.6  # of two readings of one text (difflib's ratio)
EXACT_S = 0.002

BY_TIME = frozenset({(SHOTS, f) for f in ("size", "move", "transition", "description")}) | {
    ("qwen2_vl_temporal", "what_happens"),
    ("scene_segmentation", "name"),
    ("background_segmentation", "setting"),
}
"""What is said of a stretch of time, whatever was measured there; everything else is said of a thing with a value."""

NONE_LEFT = "{was!r} is not found there in this analysis"
NOTHING = "nothing of the kind is there in this analysis"
DIVIDED = "this analysis divides the time there differently"
SEVERAL = "several places in this analysis fit equally"


@dataclass(frozen=True, slots=True)
class Found:
    """Where a correction stands, by indices; or why it stands nowhere. agreed: this analysis says so by itself."""

    indices: tuple[int, ...] = ()
    agreed: bool = False
    reason: str | None = None


def missing(was: object) -> str:
    """Why nothing is found for a value."""
    shown = was if not isinstance(was, str) or len(was) <= 60 else was[:59] + "…"
    return NONE_LEFT.format(was=shown)


def anchor_of(what: Editable, item: Item, everything: Sequence[Item]) -> Anchor:
    """The anchor of a place among all places that have the field."""
    by_time = (what.analyzer, what.field) in BY_TIME
    same = _in_order([i for i in everything if by_time or (alike(i.value, item.value) and _box(item.path, i.path) >= OTHER_BOX)])
    gaps = [_gap(i, item) for i in same if i is not item]
    return Anchor(
        analyzer=what.analyzer, part=what.part, of_kind=what.when, start_s=item.start_s, end_s=item.end_s, path=list(item.path),
        nth=same.index(item), of=len(same), gap_s=round(min(gaps), 6) if gaps else None,
    )  # fmt: skip


def find(correction: Correction, everything: Sequence[Item], *, fuzzy: bool) -> Found:
    """Where a correction stands among all places of its kind.

    Args:
        fuzzy: Whether a text may have been read differently.
    """
    anchor, was, now = correction.anchor, correction.was, correction.now
    by_time = (anchor.analyzer, correction.field) in BY_TIME
    same = [i for i in everything if by_time or alike(i.value, was)]
    found = _choose(anchor, same, parts=not by_time)
    if found.indices:
        chosen = [i for i in same if i.index in found.indices]
        return Found(found.indices, agreed=all(_equal(i.value, now) for i in chosen))
    if by_time:
        return found if found.reason else Found(reason=NOTHING)
    if now:
        agreeing = [i for i in everything if alike(i.value, now) and not alike(i.value, was)]
        other = _choose(anchor, agreeing, parts=True, strict=True)
        if other.indices:
            equal = all(_equal(i.value, now) for i in agreeing if i.index in other.indices)
            return Found(other.indices, agreed=equal)
    if fuzzy and found.reason is None:
        read = _read_differently(anchor, was, now, everything)
        if read is not None:
            return Found((read.index,))
    return Found(reason=found.reason or missing(was))


def _choose(anchor: Anchor, same: Sequence[Item], *, parts: bool, strict: bool = False) -> Found:
    """Of places with the right value the one at the right time, or its parts; no reason where none is near.

    Args:
        strict: Whether both ends must be where they were.
    """
    near = [i for i in same if _inside(anchor, i) and _same_box(anchor, i)]
    whole = [i for i in near if _ends(anchor, i) <= NEAR_S + 1e-9]
    length = anchor.end_s - anchor.start_s
    if len(whole) == 1 and length >= LONG_S:
        return Found((whole[0].index,))
    if strict:
        return Found((whole[0].index,)) if len(near) == len(whole) == 1 and length >= SHORT_S else Found()
    if not near:
        around = [i for i in same if overlap_s((i.start_s, i.end_s), (anchor.start_s, anchor.end_s)) > 0 and _same_box(anchor, i)]
        return Found(reason=DIVIDED if around else None)
    alone = anchor.gap_s is None or anchor.gap_s > 2 * NEAR_S
    if not alone:
        return _by_order(anchor, same, near)
    if len(near) == 1:
        only = near[0]
        covers = length <= 0 or (only.end_s - only.start_s) >= COVERED * length
        return Found((only.index,)) if covers and (parts or only in whole) else Found(reason=DIVIDED)
    if len(whole) == 1 and length >= SHORT_S:
        return Found((whole[0].index,))
    return _all_parts(anchor, near, rose=len(same) > anchor.of) if parts and not whole else Found(reason=SEVERAL)


def _by_order(anchor: Anchor, same: Sequence[Item], near: Sequence[Item]) -> Found:
    """Among places that are alike and close: the same one by number, if as many as then are there and it is also the nearest in time."""
    row = _in_order([i for i in same if not anchor.path or not i.path or _box(anchor.path, i.path) >= OTHER_BOX])
    if len(row) != anchor.of:
        return Found(reason=SEVERAL)
    chosen = row[anchor.nth]
    others = [i for i in row if i is not chosen]
    nearest = all(_distance(anchor, chosen) < _distance(anchor, i) for i in others)
    if chosen in near and nearest and _ends(anchor, chosen) <= NEAR_S + 1e-9:
        return Found((chosen.index,))
    return Found(reason=SEVERAL)


def _all_parts(anchor: Anchor, near: Sequence[Item], *, rose: bool) -> Found:
    """One place of then that is several now: one after the other, together as long, and more of them in the clip than there were."""
    row = _in_order(near)
    apart = all(a.end_s <= b.start_s + EXACT_S for a, b in zip(row, row[1:], strict=False))
    length = anchor.end_s - anchor.start_s
    total = sum(i.end_s - i.start_s for i in row)
    if apart and rose and COVERED * length <= total <= OVERFULL * length:
        return Found(tuple(i.index for i in row))
    return Found(reason=SEVERAL)


def _read_differently(anchor: Anchor, was: object, now: str, everything: Sequence[Item]) -> Item | None:
    """A text that stands where the corrected one stood, at the same time, alone, and reads much like it."""
    if not anchor.path:
        return None
    wide = Item(-1, anchor.start_s - 2 * NEAR_S, anchor.end_s + 2 * NEAR_S, None)
    there = [
        i for i in everything if i.path and overlap_s((i.start_s, i.end_s), (wide.start_s, wide.end_s)) > 0
        and _box(anchor.path, i.path) >= OTHER_BOX
    ]  # fmt: skip
    if len(there) != 1 or _ends(anchor, there[0]) > NEAR_S or _box(anchor.path, there[0].path) < STRICT_BOX:
        return None
    read = plain(there[0].value).casefold()
    likest = max(SequenceMatcher(None, read, plain(t).casefold(), autojunk=False).ratio() for t in (was, now))
    return there[0] if likest >= SIMILAR else None


def _equal(value: object, now: str) -> bool:
    return isinstance(value, str) and plain(value) == plain(now)


def _in_order(found: Sequence[Item]) -> list[Item]:
    return sorted(found, key=lambda i: (i.start_s, i.end_s, tuple(i.path[0].xywh_norm) if i.path else (), i.index))


def _gap(a: Item, b: Item) -> float:
    """Seconds between two places; 0 where they touch or meet."""
    return max(0.0, a.start_s - b.end_s, b.start_s - a.end_s)


def _ends(anchor: Anchor, item: Item) -> float:
    """How far the ends lie apart, the further of the two."""
    return max(abs(item.start_s - anchor.start_s), abs(item.end_s - anchor.end_s))


def _distance(anchor: Anchor, item: Item) -> float:
    return abs(item.start_s - anchor.start_s) + abs(item.end_s - anchor.end_s)


def _inside(anchor: Anchor, item: Item) -> bool:
    """Whether most of a place's time is that of the correction, which may have moved a little."""
    start, end = anchor.start_s - NEAR_S, anchor.end_s + NEAR_S
    if item.end_s <= item.start_s:
        return start <= item.start_s <= end
    return overlap_s((item.start_s, item.end_s), (start, end)) >= INSIDE * (item.end_s - item.start_s)


def _same_box(anchor: Anchor, item: Item) -> bool:
    return not anchor.path or (bool(item.path) and _box(anchor.path, item.path) >= SAME_BOX)


def _box(a: Sequence[PathBox], b: Sequence[PathBox]) -> float:
    """How well two paths agree: the mean intersection over union at the times of the one with fewer seconds; 1 where neither has any."""
    if not a or not b:
        return 1.0 if not a and not b else 0.0
    shorter = min(a, b, key=lambda p: p[-1].t_s - p[0].t_s)
    return sum(iou(box_at(a, p.t_s), box_at(b, p.t_s)) for p in shorter) / len(shorter)
