"""Shot size from the faces and people of object_detection: how much of a person the picture shows, in head heights. Pure functions.

Film terms are steps of the same ladder: from the top of the head down, a close-up ends at the shoulders, a medium close-up at the chest, a
medium shot at the waist, a medium long shot at the knees, a long shot below the feet. A grown person is about 7.5 head heights tall
(chest 2, waist 3, knees 5.5; the proportions of artists' canons).
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from statistics import median
from typing import Any, Literal

from reelscope.document.schema import Model, Value
from reelscope.timebase import merge, total_s

__all__ = ["NOBODY", "NOT_RUN", "ShotSize", "SizeEvidence", "shot_size"]

ShotSize = Literal["extreme_close_up", "close_up", "medium_close_up", "medium", "medium_long", "long", "extreme_long"]

NOT_RUN = "shot size needs the faces and people of object_detection, which is not there"
NOBODY = "shot size is told by faces and people, and none was found in this shot"
CUT_OFF = "a person without a visible face reaches over the picture's edge: how much of them is seen cannot be told"
SELDOM = "faces and people were found in too little of this shot"

Box = tuple[float, float, float, float]

HEAD_PER_FACE = 1.35  # crown to chin over forehead to chin: a face's box begins at the hairline
EXTREME_FACE = 0.6  # of the picture's height: features, not a face
# Head heights from the crown to the picture's lower edge, at most:
LADDER: tuple[tuple[float, ShotSize], ...] = ((1.7, "close_up"), (2.5, "medium_close_up"), (4.0, "medium"), (6.2, "medium_long"))
EXTREME_LONG_PERSON = 1 / 3  # of the picture's height: the place rules, not the person
EXTREME_LONG_HEAD = EXTREME_LONG_PERSON / 7.5
EDGE = 0.02  # of the picture: a box that comes so near to its edge is cut off by it
MIN_SHARE = 0.25  # of the shot
STEP_S, MOST_MOMENTS = 0.2, 300  # moments that are looked at: as often as object_detection looks


class SizeEvidence(Model):
    """What a shot size was decided on: medians over the shot of the largest face (or person) of each moment.

    Attributes:
        face_height: Of the picture's height. heads_shown: head heights from the crown to the picture's lower edge. person_height: of the
            picture's height, where no face was seen. share: of the shot in which it was seen.
    """

    face_height: Value = None
    heads_shown: Value = None
    person_height: Value = None
    share: Value = None


def shot_size(tracks: Iterable[Any], start_s: float, end_s: float) -> tuple[ShotSize | None, SizeEvidence | None, str | None]:
    """(size, evidence, reason why there is none) of one shot.

    Args:
        tracks: Of object_detection: label, start_s, end_s, points with t_s and xywh_norm (thinned: seconds come from the ends).
    """
    tracks = list(tracks)
    (faces, face_s), (people, person_s) = (_seen(tracks, label, start_s, end_s) for label in ("face", "person"))
    if not face_s and not person_s:
        return None, None, NOBODY
    length_s = end_s - start_s
    if faces and face_s >= MIN_SHARE * length_s and 2 * face_s >= person_s:
        face = median(box[3] for box in faces)
        heads = median((1.0 - (y + h - HEAD_PER_FACE * h)) / (HEAD_PER_FACE * h) for _, y, _, h in faces)
        return _by_face(face, heads), SizeEvidence(face_height=face, heads_shown=heads, share=min(1.0, face_s / length_s)), None
    if not people or person_s < MIN_SHARE * length_s:
        return None, None, SELDOM
    whole = [box for box in people if box[1] > EDGE and box[1] + box[3] < 1 - EDGE]
    if 2 * len(whole) < len(people):
        return None, None, CUT_OFF
    height = median(box[3] for box in whole)
    evidence = SizeEvidence(person_height=height, share=min(1.0, person_s / length_s))
    return ("extreme_long" if height < EXTREME_LONG_PERSON else "long"), evidence, None


def _by_face(face: float, heads: float) -> ShotSize:
    if face >= EXTREME_FACE:
        return "extreme_close_up"
    if HEAD_PER_FACE * face < EXTREME_LONG_HEAD:
        return "extreme_long"
    return next((size for most, size in LADDER if heads <= most), "long")


def _seen(tracks: Sequence[Any], label: str, start_s: float, end_s: float) -> tuple[list[Box], float]:
    """The largest box of a label at each of evenly spaced moments of a shot at which there is one, and for how many seconds there is one.

    Paths are thinned, a still one more than one that moves: a box stands for the time that it lasts, not for its points.
    """
    spans, here = [], []
    for track in tracks:
        span = max(start_s, track.start_s), min(end_s, track.end_s)
        if track.label == label and track.points and span[1] > span[0]:
            spans.append(span)
            here.append((track, [p.t_s for p in track.points]))
    count = min(MOST_MOMENTS, max(1, round((end_s - start_s) / STEP_S)))
    boxes = []
    for k in range(count if here else 0):
        t_s = start_s + (k + 0.5) * (end_s - start_s) / count
        found = [_box_at(track.points, times, t_s) for track, times in here if track.start_s <= t_s < track.end_s]
        if found:
            boxes.append(max(found, key=lambda box: box[2] * box[3]))
    return boxes, total_s(merge(spans))


def _box_at(points: Sequence[Any], times: Sequence[float], t_s: float) -> Box:
    """Where a track is: on the straight line between the points of its path."""
    k = bisect_right(times, t_s)
    if k == 0 or k == len(times):
        x, y, w, h = points[min(k, len(times) - 1)].xywh_norm
        return x, y, w, h
    f = (t_s - times[k - 1]) / (times[k] - times[k - 1])
    x, y, w, h = (p + f * (q - p) for p, q in zip(points[k - 1].xywh_norm, points[k].xywh_norm, strict=True))
    return x, y, w, h
