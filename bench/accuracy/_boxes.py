"""Average precision, recall and identity of boxes against labels by hand. Pure arithmetic.

AP50 as in PASCAL VOC since 2010: detections of all frames by score, each takes the free labelled box it overlaps most with IoU >= 0.5;
area under the precision-recall curve after precision was made to fall. A detection that takes none and lies mostly in a region that the
labeller left undecided counts neither way.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from bench.accuracy.rows import Counts
from reelscope.features._tracking import Xywh, iou_xywh

__all__ = ["Found", "average_precision", "box_at", "judge", "pair", "switches"]

IOU = 0.5
IGNORED_SHARE = 0.5


@dataclass(frozen=True, slots=True)
class Found:
    """A detection in a labelled frame. `track`: the number of its track."""

    frame: int
    box: Xywh
    score: float
    track: int = -1


def judge(
    found: Sequence[Found], truth: Mapping[int, Sequence[Xywh]], ignore: Mapping[int, Sequence[Xywh]]
) -> tuple[list[tuple[float, bool]], dict[tuple[int, int], int]]:
    """Which detections are right.

    Args:
        truth, ignore: Boxes and undecided regions by frame.

    Returns:
        (score, right) of those that count, by falling score; the track that took each labelled box (frame, number of the box).
    """
    taken: dict[tuple[int, int], int] = {}
    verdicts: list[tuple[float, bool]] = []
    for f in sorted(found, key=lambda f: -f.score):
        options = [(iou_xywh(f.box, box), k) for k, box in enumerate(truth.get(f.frame, ())) if (f.frame, k) not in taken]
        best, k = max(options, default=(0.0, -1))
        if best >= IOU:
            taken[f.frame, k] = f.track
            verdicts.append((f.score, True))
        elif not any(_inside(f.box, region) >= IGNORED_SHARE for region in ignore.get(f.frame, ())):
            verdicts.append((f.score, False))
    return verdicts, taken


def average_precision(verdicts: Sequence[tuple[float, bool]], labelled: int) -> float | None:
    """Area under the curve; None without labelled boxes."""
    if not labelled:
        return None
    precision, recall, right = [], [], 0
    for n, (_, ok) in enumerate(verdicts, 1):
        right += ok
        precision.append(right / n)
        recall.append(right / labelled)
    area, before = 0.0, 0.0
    for k, r in enumerate(recall):
        area += (r - before) * max(precision[k:])
        before = r
    return area


def counts(verdicts: Sequence[tuple[float, bool]], labelled: int) -> Counts:
    """TP, FP, FN."""
    right = sum(ok for _, ok in verdicts)
    return Counts(right, len(verdicts) - right, labelled - right)


def switches(tracks: Sequence[int | None]) -> int:
    """How often one thing's track number changes from one labelled frame to the next in which it was found."""
    seen = [t for t in tracks if t is not None]
    return sum(a != b for a, b in zip(seen, seen[1:], strict=False))


def pair(first: Sequence[Xywh], second: Sequence[Xywh]) -> list[float]:
    """IoU of boxes that two labellers drew of the same things: the best pairs first, those that do not touch left out."""
    options = sorted(((iou_xywh(a, b), i, j) for i, a in enumerate(first) for j, b in enumerate(second)), reverse=True)
    used_a: set[int] = set()
    used_b: set[int] = set()
    out = []
    for iou, i, j in options:
        if iou > 0 and i not in used_a and j not in used_b:
            used_a.add(i)
            used_b.add(j)
            out.append(iou)
    return out


def box_at(times: Sequence[float], boxes: Sequence[Xywh], t_s: float) -> Xywh:
    """Box of a path at a moment: straight between its points, at rest beyond its ends."""
    if t_s <= times[0]:
        return boxes[0]
    for k in range(1, len(times)):
        if t_s <= times[k]:
            f = (t_s - times[k - 1]) / (times[k] - times[k - 1])
            x, y, w, h = (a + f * (b - a) for a, b in zip(boxes[k - 1], boxes[k], strict=True))
            return (x, y, w, h)
    return boxes[-1]


def _inside(box: Xywh, region: Xywh) -> float:
    """Share of the box that lies in the region."""
    width = min(box[0] + box[2], region[0] + region[2]) - max(box[0], region[0])
    height = min(box[1] + box[3], region[1] + region[3]) - max(box[1], region[1])
    return max(0.0, width) * max(0.0, height) / (box[2] * box[3]) if box[2] * box[3] else 0.0
