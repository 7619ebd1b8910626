"""From followed lines to what the viewer read: which lines to believe, which belong together, and what part they play."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

from reelscope.analyzers.text_overlay import _words

__all__ = ["Block", "Frame", "ReadLine", "Role", "accept", "block_role", "group", "in_turn", "merge_lines", "unreadable", "without_parts"]

Role = Literal["caption", "title", "sticker", "watermark", "scene_text"]

Xyxy = tuple[float, float, float, float]

SURE_MIN = 0.9  # one reading this sure counts alone, where the line was seen in two samples
AGREED_MIN = 0.85  # two readings that agree count from here; what noise reads as scores 0.1-0.8 and changes from sample to sample
WHOLE_MIN = 0.8  # share of the largest box
SINGLE_MIN = 0.95  # a single character: earrings, wheels and door knobs read as G, O and 1
FLAT_MAX = 8.0  # grey levels: a single character must be drawn, that is of one colour
SINGLE_CONTRAST_MIN = 3.0
SHORT_MIN_S = 0.15  # seen in one sample only: it must have stood this long on the frames between
MERGE_GAP_S = 0.5  # the same words in the same place again after less than this: one text (a flash, a dissolve, a missed sample)
MERGE_GAP_MOVING_S = 1.2  # for moving text, which is found again by the next scan only
SLIDE_GAP_S = 0.25  # the same words elsewhere after at most this: a line that slides too fast to be followed
SLIDE_HEIGHTS = 6.0  # how far, in line heights
TIMES_S = 0.35  # lines of one text appear and go within this of each other
LINE_SCORE_MIN = 0.9  # detector score of a line that cannot be read; ornaments and edges stay below
LINE_RATIO_MIN = 3.0  # and its width to height
BLANK_SCORE_MIN = 0.85  # the same where the recogniser saw writing but had no letter for any of it
LINE_HEIGHT_MAX = 0.15  # share of the picture's long side
LINE_MIN_S = 0.6
DOUBT_MIN = 0.95  # where other lines of the clip could not be read, only readings this sure are believed

OPENING_S = 1.5  # a text that stands when the clip begins, or comes this soon, is its title
TITLE_SHARE = 0.085  # height of the letters as share of the picture's mean side (root of its area), from which a text is a title
WATERMARK_SHARE = 0.05  # watermarks are smaller than this
WATERMARK_STAY = 0.8  # share of the clip that a watermark stays
WATERMARK_CUTS, WATERMARK_STAY_CUT = (
    3,
    0.5,
)  # cuts that it stands over; a caption in a quickly cut clip does that too, but not for half of it
WATERMARK_STAY_MARKED = 0.3  # enough where the words themselves say so (a handle, an address, a copyright sign)
WATERMARK_MIN_S = 4.0
STICKER_TILT_DEG = 4.0
STICKER_WIDTH = 0.35  # share of the picture's width
STICKER_OFF_CENTRE = 0.15
SURROUND_MIN = 12.0  # grey levels: the picture around a resting text has changed
CUT_S = 0.15  # a text that comes or goes this near to a transition does so with the shot
MARKS = ("©", "@", "www.", ".com", ".net", ".org", "copyright", "http")


@dataclass(frozen=True, slots=True)
class Frame:
    """The clip as far as the layout needs it; sizes in px of the display picture. `transitions_s`: (start, end), None where not known."""

    width_px: float
    height_px: float
    duration_s: float
    transitions_s: tuple[tuple[float, float], ...] | None = None


@dataclass(frozen=True, slots=True)
class ReadLine:
    """A finished line; boxes in px of the display picture (left, top, right, bottom).

    Attributes:
        found_s: When it was found; `start_s` was looked for backwards from there.
        agreement: How many of `readings` readings say `text`.
        height_px: Height of the letters; ratio: length of the detected line to its height.
        travel: Distance moved, in line heights; surround_change: grey levels that the picture around it changed while it rested.
        pops: Whether it came or went while the picture around it stayed as it was.
        flat: Mean deviation of the ink's colour in grey levels, None where ink and ground do not come apart; contrast: WCAG ratio.
    """

    track_id: int
    text: str
    confidence: float
    start_s: float
    end_s: float
    path: tuple[tuple[float, Xyxy], ...]
    score: float = 1.0
    readings: int = 1
    agreement: int = 1
    samples: int = 2
    found_s: float = 0.0
    height_px: float = 0.0
    ratio: float = 5.0
    angle_deg: float = 0.0
    travel: float = 0.0
    surround_change: float = 0.0
    pops: bool = False
    text_rgb: tuple[int, int, int] | None = None
    ground_rgb: tuple[int, int, int] | None = None
    contrast: float | None = None
    flat: float | None = None
    ground_flat: float | None = None

    @property
    def box(self) -> Xyxy:
        """Where it stood longest: medians of the path, without the times at which only a part of it was there or known."""
        boxes = [box for _, box in self.path]
        largest = max(_area(box) for box in boxes)
        whole = [box for box in boxes if _area(box) >= WHOLE_MIN * largest]
        return tuple(statistics.median(box[k] for box in whole) for k in range(4))  # type: ignore[return-value]

    @property
    def duration_s(self) -> float:
        return self.end_s - self.start_s


@dataclass(frozen=True, slots=True)
class Block:
    """Lines that make one text, in reading order."""

    lines: tuple[ReadLine, ...]
    start_s: float
    end_s: float
    evidence: tuple[str, ...] = field(default=())

    @property
    def text(self) -> str:
        return _words.join_lines([line.text for line in self.lines])

    @property
    def box(self) -> Xyxy:
        return _hull([line.box for line in self.lines])

    @property
    def height_px(self) -> float:
        return statistics.median(line.height_px for line in self.lines)

    def path(self) -> list[tuple[float, Xyxy]]:
        """Hull of the lines' boxes at each time of the longest path."""
        longest = max(self.lines, key=lambda line: len(line.path))
        others = [dict(line.path) for line in self.lines if line is not longest]
        return [(t, _hull([box, *(other[t] for other in others if t in other)])) for t, box in longest.path]


def accept(line: ReadLine) -> bool:
    """Whether the line was truly there and says what was read. What is there for one sample, or reads differently each time, is noise."""
    count = _words.letters(line.text)
    if count == 0 or _words.script_doubt(line.text):
        return False
    stays = line.samples >= 2 or line.duration_s >= SHORT_MIN_S
    if not stays or 2 * line.agreement < line.readings:
        return False
    if count == 1:
        drawn = line.flat is not None and line.flat <= FLAT_MAX and (line.contrast or 0.0) >= SINGLE_CONTRAST_MIN
        return line.confidence >= SINGLE_MIN and line.readings >= 2 and line.agreement == line.readings and drawn
    if line.confidence >= SURE_MIN:
        return line.samples >= 2 or line.confidence >= SINGLE_MIN
    return line.confidence >= AGREED_MIN and line.agreement >= 2


def unreadable(line: ReadLine, frame: Frame) -> bool:
    """Whether a line of writing stood there that the recogniser has no letters for: long, sure for the detector, at rest."""
    low = line.box[3] - line.box[1] <= LINE_HEIGHT_MAX * max(frame.width_px, frame.height_px)
    score = LINE_SCORE_MIN if _words.letters(line.text) else BLANK_SCORE_MIN
    written = low and line.ratio >= LINE_RATIO_MIN and line.score >= score
    return written and line.samples >= 3 and line.duration_s >= LINE_MIN_S and line.travel < 1 and not accept(line)


def merge_lines(lines: Sequence[ReadLine]) -> list[ReadLine]:
    """Make one of lines that say the same in the same place with a short gap between."""
    out: list[ReadLine] = []
    for line in sorted(lines, key=lambda each: (each.start_s, each.track_id)):
        k = next((k for k in range(len(out) - 1, -1, -1) if _continued(out[k], line)), None)
        if k is None:
            out.append(line)
            continue
        old = out[k]
        best, other = (old, line) if (old.confidence, old.samples) >= (line.confidence, line.samples) else (line, old)
        out[k] = replace(
            best,
            track_id=old.track_id,
            start_s=old.start_s,
            end_s=max(old.end_s, line.end_s),
            path=tuple(sorted({**dict(other.path), **dict(best.path)}.items())),
            samples=old.samples + line.samples,
            found_s=min(old.found_s, line.found_s),
            readings=old.readings + line.readings,
            agreement=best.agreement + (other.agreement if _words.similar(old.text, line.text) else 0),
            travel=old.travel + line.travel,
            surround_change=max(old.surround_change, line.surround_change),
            pops=old.pops or line.pops,
        )
    return out


def in_turn(lines: Sequence[ReadLine]) -> list[ReadLine]:
    """Let a line that was found after another one had gone from its place begin no earlier than that one's end."""
    out: list[ReadLine] = []
    for b in lines:
        before = [a.end_s for a in lines if a is not b and b.start_s < a.end_s <= b.found_s and _overlap(a.box, b.box) > 0.5]
        start_s = max([b.start_s, *before])
        out.append(replace(b, start_s=start_s, path=tuple(p for p in b.path if p[0] >= start_s) or b.path[-1:]))
    return out


def without_parts(lines: Sequence[ReadLine]) -> list[ReadLine]:
    """Drop lines that are a piece of another line seen at the same time (a word of it found apart while it slid in)."""
    return [a for a in lines if not any(_part_of(a, b) for b in lines if b is not a)]


def _part_of(a: ReadLine, b: ReadLine) -> bool:
    together_s = min(a.end_s, b.end_s) - max(a.start_s, b.start_s)
    (x0, y0, x1, y1), (x, y) = b.box, _centre(a.box)
    inside = x0 < x < x1 and y0 < y < y1 and _overlap(a.box, b.box) > 0.3 and _words.letters(a.text) < _words.letters(b.text)
    return inside and together_s > 0.5 * a.duration_s and a.duration_s <= 1.5 * b.duration_s


def _continued(old: ReadLine, new: ReadLine) -> bool:
    gap_s = new.start_s - old.end_s
    if not _words.similar(old.text, new.text):
        return False
    (_, last), (_, first) = old.path[-1], new.path[0]
    if gap_s <= MERGE_GAP_S and _overlap(last, first) > 0.5:
        return True
    moving = old.travel > 1 or new.travel > 1 or gap_s <= SLIDE_GAP_S
    reach = SLIDE_HEIGHTS * max(old.height_px, new.height_px) * max(1.0, gap_s / SLIDE_GAP_S)
    near = abs(_centre(last)[0] - _centre(first)[0]) <= reach and abs(_centre(last)[1] - _centre(first)[1]) <= reach
    return moving and near and -SLIDE_GAP_S <= gap_s <= MERGE_GAP_MOVING_S


def group(lines: Sequence[ReadLine]) -> list[Block]:
    """Put lines together that stand under each other (or in a row), look alike and come and go together."""
    parent = list(range(len(lines)))

    def root(k: int) -> int:
        while parent[k] != k:
            k = parent[k]
        return k

    for i, a in enumerate(lines):
        for j in range(i):
            if _together(lines[j], a):
                parent[root(i)] = root(j)
    groups: dict[int, list[ReadLine]] = {}
    for k, line in enumerate(lines):
        groups.setdefault(root(k), []).append(line)
    blocks = [Block(tuple(_reading_order(g)), min(line.start_s for line in g), max(line.end_s for line in g)) for g in groups.values()]
    return sorted(blocks, key=lambda b: (b.start_s, b.lines[0].track_id))


def _together(a: ReadLine, b: ReadLine) -> bool:
    if abs(a.start_s - b.start_s) > TIMES_S or abs(a.end_s - b.end_s) > TIMES_S or abs(a.angle_deg - b.angle_deg) > 5:
        return False
    (ax0, ay0, ax1, ay1), (bx0, by0, bx1, by1) = a.box, b.box
    tall, low = max(a.height_px, b.height_px), min(a.height_px, b.height_px)
    if low <= 0 or tall > 1.7 * low:
        return False
    across, down = min(ax1, bx1) - max(ax0, bx0), min(ay1, by1) - max(ay0, by0)
    stacked = across > 0.3 * min(ax1 - ax0, bx1 - bx0) and -1.3 * tall < down < 0.5 * low
    row = down > 0.6 * low and -1.0 * tall < across
    return stacked or row


def _reading_order(lines: Sequence[ReadLine]) -> list[ReadLine]:
    """Top to bottom, and from left to right what stands in a row."""
    rows: list[list[ReadLine]] = []
    for line in sorted(lines, key=lambda each: _centre(each.box)[1]):
        if rows and abs(_centre(rows[-1][0].box)[1] - _centre(line.box)[1]) < 0.5 * line.height_px:
            rows[-1].append(line)
        else:
            rows.append([line])
    return [line for row in rows for line in sorted(row, key=lambda each: each.box[0])]


def block_role(block: Block, frame: Frame) -> tuple[Role, tuple[str, ...]]:
    """The part a text plays, with what speaks for it (see docs/analyzers/text_overlay.md for the rules)."""
    x0, _, x1, _ = block.box
    share = block.height_px / (frame.width_px * frame.height_px) ** 0.5
    stay = (block.end_s - block.start_s) / frame.duration_s if frame.duration_s > 0 else 0.0
    travel = statistics.median(line.travel for line in block.lines)
    seconds = max(block.end_s - block.start_s, 0.2)
    evidence: list[str] = []
    crossed = sum(block.start_s + CUT_S < start and end < block.end_s - CUT_S for start, end in frame.transitions_s or ())
    if crossed:
        evidence.append("stays_over_cuts")
    if max(line.surround_change for line in block.lines) >= SURROUND_MIN and travel < 1:
        evidence.append("rests_while_picture_changes")
    if any(line.pops for line in block.lines) and travel < 2:
        evidence.append("comes_or_goes_alone")
    edges = ((0.0, 0.0), (frame.duration_s, frame.duration_s), *(frame.transitions_s or ()))
    at_edges = [any(start - CUT_S <= t <= end + CUT_S for start, end in edges) for t in (block.start_s, block.end_s)]
    if frame.transitions_s is not None and not all(at_edges) and travel < 2:
        evidence.append("comes_or_goes_within_shot")
    drawn = all(line.flat is not None and line.flat <= FLAT_MAX and (line.ground_flat or 0.0) <= FLAT_MAX for line in block.lines)
    if drawn:
        evidence.append("flat_colours")
    if travel / seconds > 1.0 and not crossed:
        return "scene_text", ("moves_with_picture",)
    if not evidence:
        return "scene_text", ("rests_in_a_resting_picture",)
    marked = any(mark in block.text.casefold() for mark in MARKS)
    if share <= WATERMARK_SHARE and (
        (stay >= WATERMARK_STAY and frame.duration_s >= WATERMARK_MIN_S)
        or (crossed >= WATERMARK_CUTS and stay >= WATERMARK_STAY_CUT)
        or (marked and stay >= WATERMARK_STAY_MARKED)
    ):
        return "watermark", tuple(evidence)
    if abs(statistics.median(line.angle_deg for line in block.lines)) >= STICKER_TILT_DEG:
        return "sticker", (*evidence, "tilted")
    width = (x1 - x0) / frame.width_px
    off = abs((x0 + x1) / 2 / frame.width_px - 0.5)
    if width <= STICKER_WIDTH and off >= STICKER_OFF_CENTRE and drawn:
        return "sticker", (*evidence, "small_plate_off_centre")
    if share >= TITLE_SHARE:
        return "title", (*evidence, "large")
    if block.start_s <= OPENING_S and frame.duration_s > 2 * OPENING_S:
        return "title", (*evidence, "opens_the_clip")
    return "caption", tuple(evidence)


def _hull(boxes: Sequence[Xyxy]) -> Xyxy:
    return min(b[0] for b in boxes), min(b[1] for b in boxes), max(b[2] for b in boxes), max(b[3] for b in boxes)


def _centre(box: Xyxy) -> tuple[float, float]:
    return (box[0] + box[2]) / 2, (box[1] + box[3]) / 2


def _area(box: Xyxy) -> float:
    return max(0.0, box[2] - box[0]) * max(0.0, box[3] - box[1])


def _overlap(a: Xyxy, b: Xyxy) -> float:
    width, height = min(a[2], b[2]) - max(a[0], b[0]), min(a[3], b[3]) - max(a[1], b[1])
    smaller = min((a[2] - a[0]) * (a[3] - a[1]), (b[2] - b[0]) * (b[3] - b[1]))
    return width * height / smaller if width > 0 and height > 0 and smaller > 0 else 0.0
