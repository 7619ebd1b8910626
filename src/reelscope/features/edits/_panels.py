"""Split screens and pictures in the picture: straight edges that stand still while the picture moves on both sides of them.

Per second of frames the mean horizontal and vertical luma steps are taken. The seam of two pictures is one line, one or two pixels wide,
on nearly every row, at the same place in every frame; edges of a scene are rarely straight over the whole picture, and where the camera or
a subject moves they do not stay. What stays on both sides is no evidence: a seam counts only where both sides change on their own.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np

from reelscope.features.edits import Edit, EditKind

__all__ = ["Panels", "Rect", "Seam", "find_rects", "find_seams"]

CHUNK_S = 1.0  # a second of motion blurs the edges of things, and no split screen is meant to be shorter
MIN_FRAMES = 5  # of a chunk
MIN_SIDE_PX = 16  # there is no room for panels in less
STEP_MIN = 7.0  # levels between neighbouring pixels, on average over the chunk: compression noise stays below 3
STEP_RATIO = 2.5  # against the mean of the steps 3-6 px beside it: texture is steep everywhere, a seam is alone
SEAM_ROWS = 0.72  # share of the rows on which a seam shows; two pictures may agree in colour on the others
END_ROWS = 0.5  # the same in the outermost tenth at both ends
EDGE_SHARE = 0.12  # no panel is narrower than this share of the picture
ACTIVE = 0.8  # levels, mean change of a side from frame to frame: a take with a sitting person has 1-3, a still picture below 0.3
RUN_GAP = 3  # px that an edge of a rectangle may miss
RECT_MIN, RECT_MAX = 0.18, 0.75  # sides of an inset, shares of the picture's sides
# Share of the sides on which the edge shows: of each, and of the four on average. Where inset and background agree in colour it does not.
SIDE_COVER, RECT_COVER = 0.45, 0.72
END_MAX, ENDS_OPEN = 0.5, 1  # beyond a corner an inset's edge ends; frames of doors and windows go on. One of eight may by accident
LINES = 16  # columns and rows looked at: an inset has two of each
MIN_EDIT_S = 1.0
MATCH = 0.03  # of the picture: the same seam or rectangle in the next chunk
GAP_CHUNKS = 1  # chunks in which it may be missed


@dataclass(frozen=True, slots=True)
class Seam:
    """A straight line through the whole picture. vertical: left | right panels; at: its place, share of the width or height;
    rows: share of the picture's rows (columns) on which it shows; step: mean luma step in levels."""

    vertical: bool
    at: float
    rows: float
    step: float


@dataclass(frozen=True, slots=True)
class Rect:
    """A rectangle with four standing edges, shares of the picture. cover: mean share of its sides on which the edge shows."""

    x: float
    y: float
    w: float
    h: float
    cover: float


_Found = tuple[Any, float, float]  # a seam or rectangle with the changes on both sides of its edge


@dataclass(frozen=True, slots=True)
class _Chunk:
    start_s: float
    end_s: float
    seams: tuple[_Found, ...]
    rects: tuple[_Found, ...]


def _standing(steps: np.ndarray) -> np.ndarray:
    """bool [h, w]: steps along x that are steep and alone in their surroundings (3-6 px to either side)."""
    padded = np.pad(steps, ((0, 0), (6, 6)), mode="edge")
    sums = np.cumsum(np.pad(padded, ((0, 0), (1, 0))), axis=1)
    width = steps.shape[1]
    left = (sums[:, 4 : 4 + width] - sums[:, 0:width]) / 4
    right = (sums[:, 13 : 13 + width] - sums[:, 9 : 9 + width]) / 4
    return (steps >= STEP_MIN) & (steps >= STEP_RATIO * np.maximum(left, right))


def find_seams(steps_x: np.ndarray, steps_y: np.ndarray) -> list[Seam]:
    """Seams in mean luma steps.

    Args:
        steps_x: float [h, w - 1], mean absolute step to the right neighbour. steps_y: float [h - 1, w], to the lower one.
    """
    found = []
    for vertical, steps in ((True, steps_x), (False, steps_y.T)):
        length = steps.shape[1]
        if length < MIN_SIDE_PX:
            continue
        strong = _standing(steps)
        wide = strong | np.pad(strong[:, 1:], ((0, 0), (0, 1)))  # a seam between two pixels shares its step with the next one
        rows = wide.mean(axis=0)
        margin = max(4, wide.shape[0] // 10)
        rows[np.minimum(wide[:margin].mean(axis=0), wide[-margin:].mean(axis=0)) < END_ROWS] = 0  # the edge of a caption's box stops short
        first, last = round(EDGE_SHARE * length), round((1 - EDGE_SHARE) * length)
        candidates = [c for c in range(first, last) if rows[c] >= SEAM_ROWS and rows[c] == rows[max(0, c - 4) : c + 5].max()]
        taken = -10
        for c in candidates:
            if c - taken > 4:
                on = wide[:, c]
                found.append(Seam(vertical, (c + 1) / (length + 1), float(rows[c]), float(steps[on, c].mean())))
                taken = c
    return found


def _lines(strong: np.ndarray, least: int) -> list[int]:
    """Columns with the longest standing edges (gaps of RUN_GAP px closed), at most LINES of them, none beside another."""
    closed = cv2.morphologyEx(strong.astype(np.uint8), cv2.MORPH_CLOSE, np.ones((2 * RUN_GAP + 1, 1), np.uint8))
    length = np.zeros(closed.shape[1], np.int64)
    longest = length.copy()
    for row in closed:
        length = (length + 1) * row
        longest = np.maximum(longest, length)
    out: list[int] = []
    for column in np.argsort(-longest, kind="stable"):
        if longest[column] < least or len(out) == LINES:
            break
        if all(abs(int(column) - c) > 2 for c in out):
            out.append(int(column))
    return sorted(out)


def find_rects(steps_x: np.ndarray, steps_y: np.ndarray) -> list[Rect]:
    """Rectangles whose four edges stand and end at the corners; arguments as for `find_seams`. The best of those that overlap is kept."""
    height, width = steps_x.shape[0], steps_y.shape[1]
    tall, flat = _standing(steps_x), _standing(steps_y.T)
    tall, flat = (m | np.pad(m[:, 1:], ((0, 0), (0, 1))) | np.pad(m[:, :-1], ((0, 0), (1, 0))) for m in (tall, flat))
    columns = _lines(tall, round(RECT_MIN * height * SIDE_COVER))
    rows = _lines(flat, round(RECT_MIN * width * SIDE_COVER))
    down = {x: np.concatenate([[0], np.cumsum(tall[:, x])]) for x in columns}
    along = {y: np.concatenate([[0], np.cumsum(flat[:, y])]) for y in rows}
    found: list[Rect] = []
    for x0, x1 in itertools.combinations(columns, 2):
        if not RECT_MIN * width <= x1 - x0 <= RECT_MAX * width:
            continue
        for y0, y1 in itertools.combinations(rows, 2):
            if not RECT_MIN * height / 2 <= y1 - y0 <= RECT_MAX * height:
                continue
            covers = [_share(down[x], y0, y1) for x in (x0, x1)] + [_share(along[y], x0, x1) for y in (y0, y1)]
            if min(covers) < SIDE_COVER or sum(covers) < 4 * RECT_COVER:
                continue
            beyond_y, beyond_x = max(6, (y1 - y0) // 5), max(6, (x1 - x0) // 5)
            ends = [_share(down[x], a, b) for x in (x0, x1) for a, b in ((y0 - beyond_y, y0 - 2), (y1 + 3, y1 + beyond_y))]
            ends += [_share(along[y], a, b) for y in (y0, y1) for a, b in ((x0 - beyond_x, x0 - 2), (x1 + 3, x1 + beyond_x))]
            if sum(e > END_MAX for e in ends) <= ENDS_OPEN:
                found.append(Rect((x0 + 1) / width, (y0 + 1) / height, (x1 - x0) / width, (y1 - y0) / height, sum(covers) / 4))
    found.sort(key=lambda r: -r.cover)
    kept: list[Rect] = []
    for rect in found:
        if all(_overlap(rect, k) < 0.2 for k in kept):
            kept.append(rect)
    return kept[:4]


def _share(sums: np.ndarray, first: int, last: int) -> float:
    """Share of true values in [first, last) of what was summed up; 0 where the range lies outside."""
    first, last = max(0, first), min(len(sums) - 1, last)
    return float(sums[last] - sums[first]) / (last - first) if last > first else 0.0


def _overlap(a: Rect, b: Rect) -> float:
    w = min(a.x + a.w, b.x + b.w) - max(a.x, b.x)
    h = min(a.y + a.h, b.y + b.h) - max(a.y, b.y)
    return w * h / min(a.w * a.h, b.w * b.h) if w > 0 and h > 0 else 0.0


class Panels:
    """Takes luma frames; holds the sums of one chunk and what was found in each."""

    def __init__(self) -> None:
        self._chunks: list[_Chunk] = []
        self._clear()

    def _clear(self) -> None:
        self._sums: tuple[np.ndarray, np.ndarray, np.ndarray] | None = None
        self._last: np.ndarray | None = None
        self._count, self._start_s, self._end_s = 0, 0.0, 0.0

    def add(self, gray: np.ndarray, t_s: float) -> None:
        """Take one frame, uint8 [h, w]."""
        if min(gray.shape) < MIN_SIDE_PX:
            return
        if self._last is not None and (gray.shape != self._last.shape or t_s - self._start_s >= CHUNK_S):
            self._close(t_s if gray.shape == self._last.shape else self._end_s)
        if self._last is None:
            self._start_s = t_s
        steps_x = cv2.absdiff(gray[:, 1:], gray[:, :-1]).astype(np.float32)
        steps_y = cv2.absdiff(gray[1:], gray[:-1]).astype(np.float32)
        change = np.zeros(gray.shape, np.float32) if self._last is None else cv2.absdiff(gray, self._last).astype(np.float32)
        if self._sums is None:
            self._sums = steps_x, steps_y, change
        else:
            for total, more in zip(self._sums, (steps_x, steps_y, change), strict=True):
                total += more
        self._last = gray.copy()
        self._count += 1
        self._end_s = t_s

    def _close(self, end_s: float) -> None:
        """Look at the chunk and begin the next one."""
        if self._sums is not None and self._count >= MIN_FRAMES:
            steps_x, steps_y, change = (s / self._count for s in self._sums)
            change = change * (self._count / (self._count - 1))
            seams = tuple((s, *_sides(change, s)) for s in find_seams(steps_x, steps_y))
            rects = tuple((r, *_in_and_out(change, r)) for r in find_rects(steps_x, steps_y))
            self._chunks.append(_Chunk(self._start_s, end_s, seams, rects))
        self._clear()

    def finish(self, shots: Sequence[tuple[float, float]]) -> list[Edit]:
        """Edits, their ends moved onto the cuts that lie within a chunk of them."""
        self._close(self._end_s)
        seams = _chains(self._chunks, [[(s, a, b) for s, a, b in c.seams if min(a, b) >= ACTIVE] for c in self._chunks], _same_seam)
        rects = _chains(self._chunks, [[(r, a, b) for r, a, b in c.rects if min(a, b) >= ACTIVE] for c in self._chunks], _same_rect)
        out = []
        for chain in seams:
            seam = chain.members[len(chain.members) // 2][0]
            figures = [("x" if seam.vertical else "y", seam.at)]
            figures += [("rows", _mean(m[0].rows for m in chain.members)), ("step", _mean(m[0].step for m in chain.members))]
            out.append(_edit("split_screen", chain, shots, figures))
        for chain in rects:
            r = chain.members[len(chain.members) // 2][0]
            figures = [("x", r.x), ("y", r.y), ("w", r.w), ("h", r.h), ("cover", _mean(m[0].cover for m in chain.members))]
            out.append(_edit("picture_in_picture", chain, shots, figures))
        splits = [e for e in out if e.kind == "split_screen"]
        return _joined(splits) + [e for e in out if e.kind == "picture_in_picture"]


def _edit(kind: EditKind, chain: _Chain, shots: Sequence[tuple[float, float]], figures: list[tuple[str, float]]) -> Edit:
    """An edit with its ends on cuts: the one inside the outermost chunk, else one less than a chunk beyond it, else the chunk's end."""
    cuts = sorted({t for shot in shots for t in shot})
    first, last = chain.chunks[0], chain.chunks[-1]
    start_s = next((c for c in cuts if first.start_s - 0.1 <= c < first.end_s - 0.1), None)
    if start_s is None:
        start_s = next((c for c in reversed(cuts) if first.start_s - CHUNK_S < c < first.start_s), first.start_s)
    end_s = next((c for c in reversed(cuts) if last.start_s + 0.1 < c <= last.end_s + 0.1), None)
    if end_s is None:
        end_s = next((c for c in cuts if last.end_s < c < last.end_s + CHUNK_S), last.end_s)
    changes = [("change_a", _mean(m[1] for m in chain.members)), ("change_b", _mean(m[2] for m in chain.members))]
    return Edit(kind, start_s, max(start_s, end_s), tuple((name, round(float(v), 4)) for name, v in [*figures, *changes]))


def _joined(splits: list[Edit]) -> list[Edit]:
    """One edit for each stretch: several seams at once (three panels) count as `seams`; the first seam's figures stand for it."""
    out: list[Edit] = []
    for edit in sorted(splits, key=lambda e: e.start_s):
        if out and edit.start_s < out[-1].end_s:
            before = out[-1]
            figures = dict(before.evidence)
            figures["seams"] = figures.get("seams", 1) + 1
            out[-1] = Edit("split_screen", before.start_s, max(before.end_s, edit.end_s), tuple(figures.items()))
        else:
            out.append(edit)
    return [e for e in out if e.end_s - e.start_s >= MIN_EDIT_S - 1e-6]


@dataclass(slots=True)
class _Chain:
    """The same finding in chunk after chunk. last: index of its last chunk."""

    chunks: list[_Chunk]
    members: list[_Found]
    last: int


def _chains(chunks: list[_Chunk], found: list[list[_Found]], same: Callable[[Any, Any], bool]) -> list[_Chain]:
    """Findings that go on from chunk to chunk, missing at most GAP_CHUNKS of them."""
    chains: list[_Chain] = []
    for i, items in enumerate(found):
        for item in items:
            fitting = next((c for c in chains if i - GAP_CHUNKS - 1 <= c.last < i and same(c.members[-1][0], item[0])), None)
            if fitting is not None:
                fitting.chunks.append(chunks[i])
                fitting.members.append(item)
                fitting.last = i
            else:
                chains.append(_Chain([chunks[i]], [item], i))
    # one chunk alone is an accident of edges and motion, unless the clip has no more of them
    return [c for c in chains if len(c.chunks) >= 2 or (len(chunks) == 1 and c.chunks[0].end_s - c.chunks[0].start_s >= MIN_EDIT_S - 0.2)]


def _same_seam(a: Seam, b: Seam) -> bool:
    return a.vertical == b.vertical and abs(a.at - b.at) <= MATCH


def _same_rect(a: Rect, b: Rect) -> bool:
    return max(abs(a.x - b.x), abs(a.y - b.y), abs(a.w - b.w), abs(a.h - b.h)) <= 2 * MATCH


def _sides(change: np.ndarray, seam: Seam) -> tuple[float, float]:
    """Mean change on both sides of a seam, 2 % of the picture away from it."""
    turned = change if seam.vertical else change.T
    length = turned.shape[1]
    a, b = round((seam.at - 0.02) * length), round((seam.at + 0.02) * length)
    return float(turned[:, :a].mean()), float(turned[:, b:].mean())


def _in_and_out(change: np.ndarray, rect: Rect) -> tuple[float, float]:
    height, width = change.shape
    x0, y0 = round((rect.x + 0.01) * width), round((rect.y + 0.01) * height)
    x1, y1 = round((rect.x + rect.w - 0.01) * width), round((rect.y + rect.h - 0.01) * height)
    inside = change[y0:y1, x0:x1]
    rest = float(change.sum()) - float(inside.sum())
    return (float(inside.mean()) if inside.size else 0.0), rest / max(1, change.size - inside.size)


def _mean(values: Iterable[float]) -> float:
    found = list(values)
    return sum(found) / len(found)
