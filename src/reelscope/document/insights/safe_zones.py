"""What the apps' own buttons and captions cover of the texts and faces in a clip, and where the texts would be seen.

Formulas and limits: docs/insights.md. The profiles and their geometry: reelscope/document/measures/zones.py.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from reelscope.document.evidence import Evidence, Text
from reelscope.document.insights.base import Span, lacking, spans, unavailable
from reelscope.document.measures.paths import Placed, held
from reelscope.document.measures.zones import PROFILES, Profile, fit, hidden_share, largest_scale, nearest_safe
from reelscope.document.schema import Insight, Model, Seconds, Value, XywhNorm
from reelscope.timebase import Interval, merge, total_s

__all__ = ["FACE_LIMIT", "RESULT", "TEXT_LIMIT", "measure"]

# Share of its box from which a text counts as hidden: one letter of a line of twenty, at whichever end.
TEXT_LIMIT = 0.05
# Share of its box from which a face counts as hidden: eyes and mouth lie within the middle half of the box's width and the lower two
# thirds of its height, so a strip of a quarter along any side may go before one of them does.
FACE_LIMIT = 0.25

Xywh = tuple[float, float, float, float]


class ZoneProfile(Model):
    """A profile. polygon_px: corners of the safe area at 1080x1920; dated: month for which the figures hold; source: where from."""

    label: str
    dated: str
    source: str
    polygon_px: list[tuple[float, float]]


class Hidden(Model):
    """How much of something one app covers.

    Attributes:
        share: Share (0-1) of the box outside the safe area, mean over its time; largest_share: where it is worst.
        hidden_s: Seconds in which more of it than the limit lies outside.
    """

    share: Value
    largest_share: Value
    hidden_s: Seconds


class HiddenText(Hidden):
    """The same of a text, and what would help.

    Attributes:
        nearest_xy_norm: Top left corner, as in xywh_norm, of the nearest position inside the picture at which the box where it stood
            longest is wholly in the safe area; its own position where it is in it already; null where a box of that size does not fit.
        move_px: The way there in pixels of the finished picture, right and down.
        fits_at_scale: Where it does not fit: what to scale it by so that it does; null where it fits, or where nothing would.
    """

    nearest_xy_norm: tuple[Value, Value] | None
    move_px: tuple[Value, Value] | None
    fits_at_scale: Value = None


class ZonedText(Model):
    """A text on the screen. xywh_norm: where it stood longest; zones: by name of the profile."""

    start_s: Seconds
    end_s: Seconds
    text: str
    role: str | None
    track_id: int | None
    xywh_norm: XywhNorm
    zones: dict[str, HiddenText]


class ZonedWriting(Model):
    """Writing in the scene itself, which cannot be moved. zones: by name of the profile."""

    start_s: Seconds
    end_s: Seconds
    text: str
    track_id: int | None
    zones: dict[str, Hidden]


class ZonedFace(Model):
    """A face followed within a shot. zones: by name of the profile."""

    start_s: Seconds
    end_s: Seconds
    track_id: int
    zones: dict[str, Hidden]


class ZoneTotals(Model):
    """One app, over the whole clip. Figures of texts or faces are null where those were not measured.

    Attributes:
        texts_hidden: Captions, titles and stickers that are hidden at some time; texts_hidden_s: seconds in which one is; texts_share:
            share of their area that lies outside, over all of them and their time (area times seconds).
        texts_unplaceable: Of all captions, titles and stickers, those that fit nowhere in the safe area at their size.
        faces_hidden, faces_hidden_s, faces_share: The same of faces.
        text_spans, face_spans: When something is hidden.
    """

    texts_hidden: int | None = None
    texts_hidden_s: Seconds | None = None
    texts_share: Value = None
    texts_unplaceable: int | None = None
    faces_hidden: int | None = None
    faces_hidden_s: Seconds | None = None
    faces_share: Value = None
    text_spans: list[Span] | None = None
    face_spans: list[Span] | None = None


class SafeZones(Insight):
    """Texts and faces against the safe areas of the apps.

    Attributes:
        profiles: By name: what is assumed of each app.
        picture_px: x, y, width, height of the picture in the frame of 1080x1920; the whole frame for a clip of 9:16.
        text_limit, face_limit: Share of its box from which a text, a face counts as hidden.
        totals: By name of the profile.
        texts: Captions, titles and stickers; marks: watermarks; in_scene: writing in the scene itself; both outside the totals.
            faces. Null where they were not measured.
    """

    profiles: dict[str, ZoneProfile] = {}
    picture_px: tuple[Value, Value, Value, Value] | None = None
    text_limit: Value = None
    face_limit: Value = None
    totals: dict[str, ZoneTotals] = {}
    texts: list[ZonedText] | None = None
    marks: list[ZonedText] | None = None
    in_scene: list[ZonedWriting] | None = None
    faces: list[ZonedFace] | None = None


RESULT = SafeZones


class _Course:
    """One thing under one profile over its time: (start_s, end_s, hidden share, area of the box) by stretches."""

    def __init__(self, path: Sequence[Placed], profile: Profile, size_px: tuple[int, int], limit: float) -> None:
        shares = {where: hidden_share(profile, where, *size_px) for _, _, where in path}
        self.stretches = [(a, b, shares[where], where[2] * where[3]) for a, b, where in path]
        self.hidden: list[Interval] = merge((a, b) for a, b, share, _ in self.stretches if share > limit)

    def figures(self) -> dict[str, float]:
        """Fields of Hidden."""
        seconds = sum(b - a for a, b, _, _ in self.stretches)
        return {
            "share": sum((b - a) * share for a, b, share, _ in self.stretches) / seconds,
            "largest_share": max(share for _, _, share, _ in self.stretches),
            "hidden_s": total_s(self.hidden),
        }


def measure(evidence: Evidence) -> SafeZones:
    """Texts and faces against every profile."""
    width, height = evidence.width_px, evidence.height_px
    texts, faces = evidence.texts, evidence.faces
    if texts.lack is not None and faces.lack is not None:
        return unavailable(SafeZones, texts.lack)
    if not width or not height:
        raise ValueError("texts or faces were found in a clip without a picture")
    size = width, height
    result = SafeZones(
        profiles={n: ZoneProfile(label=p.label, dated=p.dated, source=p.source, polygon_px=list(p.polygon)) for n, p in PROFILES.items()},
        picture_px=_picture(*size),
        text_limit=TEXT_LIMIT,
        face_limit=FACE_LIMIT,
        totals={n: ZoneTotals() for n in PROFILES},
        not_measured=lacking({"texts": texts, "marks": texts, "in_scene": texts, "faces": faces}),
    )
    if texts.known:
        _add_texts(result, evidence, size)
    if faces.known:
        _add_faces(result, evidence, size)
    return result


def _picture(width_px: int, height_px: int) -> Xywh:
    scale, left, top = fit(width_px, height_px)
    return left, top, width_px * scale, height_px * scale


def _add_texts(result: SafeZones, evidence: Evidence, size_px: tuple[int, int]) -> None:
    result.texts, result.marks, result.in_scene = [], [], []
    courses: dict[str, list[_Course]] = {n: [] for n in PROFILES}
    for text in evidence.texts.items:
        path = held(text.boxes, text.start_s, text.end_s)
        if not path:
            continue
        under = {n: _Course(path, p, size_px, TEXT_LIMIT) for n, p in PROFILES.items()}
        if not text.overlaid and text.role != "watermark":
            zones = {n: Hidden(**course.figures()) for n, course in under.items()}
            result.in_scene.append(
                ZonedWriting(start_s=text.start_s, end_s=text.end_s, text=text.text, track_id=text.track_id, zones=zones)
            )
            continue
        if text.overlaid:
            for name, course in under.items():
                courses[name].append(course)
        (result.texts if text.overlaid else result.marks).append(_zoned(text, under, text.xywh_norm or longest(path), size_px))
    for name, total in result.totals.items():
        total.texts_hidden, total.text_spans, total.texts_hidden_s, total.texts_share = _total(courses[name])
        total.texts_unplaceable = sum(row.zones[name].nearest_xy_norm is None for row in result.texts)


def _zoned(text: Text, courses: Mapping[str, _Course], where: Xywh, size_px: tuple[int, int]) -> ZonedText:
    zones = {n: HiddenText(**c.figures(), **_help(PROFILES[n], where, size_px)) for n, c in courses.items()}
    return ZonedText(
        start_s=text.start_s, end_s=text.end_s, text=text.text, role=text.role, track_id=text.track_id, xywh_norm=where, zones=zones
    )  # fmt: skip


def _add_faces(result: SafeZones, evidence: Evidence, size_px: tuple[int, int]) -> None:
    found = [(f, held(f.boxes, f.start_s, f.end_s)) for f in evidence.faces.items]
    courses = {n: [_Course(path, p, size_px, FACE_LIMIT) for _, path in found if path] for n, p in PROFILES.items()}
    faces = [face for face, path in found if path]
    result.faces = [
        ZonedFace(
            start_s=face.start_s, end_s=face.end_s, track_id=face.track_id,
            zones={n: Hidden(**courses[n][i].figures()) for n in PROFILES},
        )
        for i, face in enumerate(faces)
    ]  # fmt: skip
    for name, total in result.totals.items():
        total.faces_hidden, total.face_spans, total.faces_hidden_s, total.faces_share = _total(courses[name])


def _total(courses: Iterable[_Course]) -> tuple[int, list[Span], float, float | None]:
    """How many are hidden at some time, when, for how long, and the share of area and time."""
    courses = list(courses)
    when = merge(i for c in courses for i in c.hidden)
    stretches = [s for c in courses for s in c.stretches]
    weight = sum((b - a) * area for a, b, _, area in stretches)
    share = sum((b - a) * area * share for a, b, share, area in stretches) / weight if weight else None
    return sum(bool(c.hidden) for c in courses), spans(when), total_s(when), share


def longest(path: Sequence[Placed]) -> Xywh:
    """The box that stands for the longest time in all; of equals the first."""
    time: dict[Xywh, float] = {}
    for start, end, where in path:
        time[where] = time.get(where, 0.0) + end - start
    return max(time, key=lambda where: time[where])


def _help(profile: Profile, where: Xywh, size_px: tuple[int, int]) -> dict[str, tuple[float, float] | float | None]:
    """The last three fields of HiddenText."""
    nearest = nearest_safe(profile, where, *size_px)
    if nearest is None:
        return {"nearest_xy_norm": None, "move_px": None, "fits_at_scale": largest_scale(profile, where, *size_px) or None}
    move = (nearest[0] - where[0]) * size_px[0], (nearest[1] - where[1]) * size_px[1]
    return {"nearest_xy_norm": nearest, "move_px": move}
