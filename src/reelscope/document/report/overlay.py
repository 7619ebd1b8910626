"""What the player draws over the picture and says beneath it, as compact numbers for the script.

Times are whole milliseconds and places thousandths of the picture: a fifteenth of a frame, and less than a pixel of the player's screen.
Nothing is drawn where nothing was measured: a box stands only in the stretches in which its thing was seen, and two points of a path are
joined only over a gap that the analyzer itself would leave between sightings.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from reelscope.document.report.lanes import Lane
from reelscope.document.report.words import clean, sentence
from reelscope.document.schema import AnalyzerEntry, Document, Series, Track, TrackPoint

__all__ = ["LAYERS", "overlay", "reason_of"]

LAYERS: tuple[tuple[str, str], ...] = (
    ("objects", "Objects"),
    ("faces", "Faces"),
    ("pose", "Pose"),
    ("text", "Text"),
    ("gaze", "Gaze"),
    ("zones", "Safe zones"),
)
"""Name and title of every layer, in the order of their keys 1 to 6."""

# Objects are looked for five times a second and thinned to points up to a second apart; one sample more is no gap yet.
OBJECT_GAP_S = 1.25
# Faces and skeletons have every sample, five a second: one that is missing is bridged, two are not.
POINT_GAP_S = 0.45
# How long a point stands alone, before and after its moment: half of a sample, rounded up to whole frames.
ALONE_S = 0.11

# Bones by the names of their ends; a model that does not know one of the names has no such bone.
BONES = (
    ("left_shoulder", "right_shoulder"), ("left_shoulder", "left_elbow"), ("left_elbow", "left_wrist"),
    ("right_shoulder", "right_elbow"), ("right_elbow", "right_wrist"), ("left_shoulder", "left_hip"), ("right_shoulder", "right_hip"),
    ("left_hip", "right_hip"), ("left_hip", "left_knee"), ("left_knee", "left_ankle"), ("right_hip", "right_knee"),
    ("right_knee", "right_ankle"), ("left_ankle", "left_heel"), ("left_heel", "left_foot_index"), ("right_ankle", "right_heel"),
    ("right_heel", "right_foot_index"), ("left_wrist", "left_index"), ("right_wrist", "right_index"), ("left_wrist", "left_thumb"),
    ("right_wrist", "right_thumb"), ("nose", "left_eye"), ("nose", "right_eye"), ("left_eye", "left_ear"), ("right_eye", "right_ear"),
    ("mouth_left", "mouth_right"),
)  # fmt: skip

TONES = 8  # classes t0 to t7 of the lanes (css/base.css)
POSE_TONE = 5  # the first skeleton is not of the colour of the box around it
FACE = "face"


def reason_of(entry: AnalyzerEntry) -> str | None:
    """Why an analyzer has nothing to show, as words; None where it ran."""
    if entry.status == "ok":
        return None
    return clean(entry.reason) if entry.reason else "not measured"


def _ms(seconds: float) -> int:
    return round(seconds * 1000)


def _mille(value: float) -> int:
    return round(value * 1000)


def _box(point: TrackPoint) -> list[int]:
    return [_mille(v) for v in point.xywh_norm]


def _path(points: Sequence[TrackPoint]) -> list[int]:
    """t, x, y, w, h by turns; of a run in one place only its ends."""
    rows = [[_ms(p.t_s), *_box(p)] for p in points]
    kept = [row for i, row in enumerate(rows) if i in (0, len(rows) - 1) or row[1:] != rows[i - 1][1:] or row[1:] != rows[i + 1][1:]]
    return [v for row in kept for v in row]


def _tones(made: Iterable[Lane], name: str) -> dict[str, int]:
    """Number of the colour that a label has in an analyzer's lane."""
    found: dict[str, int] = {}
    for lane in made:
        if lane.name == name:
            for row in (*lane.rows, *lane.more_rows):
                for item in row.items:
                    if item.tone[1:].isdigit():
                        found.setdefault(item.label, int(item.tone[1:]))
    return found


def _seen(entry: AnalyzerEntry) -> dict[int, list[int]]:
    """Stretches in which each track was seen: start, end by turns."""
    found: dict[int, list[int]] = {}
    for s in sorted(entry.segments, key=lambda s: s.start_s):
        track_id = getattr(s, "track_id", None)
        if isinstance(track_id, int):
            found.setdefault(track_id, []).extend((_ms(s.start_s), _ms(s.end_s)))
    return found


def _numbered(tracks: Sequence[Track]) -> dict[int, int]:
    """Number of each track among those of its label in its shot, from 1; 0 where it is the only one."""
    groups: dict[tuple[Any, str | None], list[int]] = {}
    for i, track in enumerate(tracks):
        groups.setdefault((getattr(track, "shot", None), track.label), []).append(i)
    return {i: n if len(group) > 1 else 0 for group in groups.values() for n, i in enumerate(group, 1)}


def _boxes(tracks: Sequence[Track], seen: Mapping[int, list[int]], tones: Mapping[str, int]) -> list[dict[str, Any]]:
    """Tracks with label, colour, stretches and path."""
    numbers = _numbered(tracks)
    colours: dict[str, int] = dict(tones)
    made = []
    for i, track in enumerate(tracks):
        if not track.points:
            continue
        label = sentence(clean(track.label)) if track.label else f"Track {track.track_id}"
        tone = colours.setdefault(label, len(colours) % TONES)
        spans = seen.get(track.track_id) or [_ms(track.start_s), _ms(track.end_s)]
        path = _path(sorted(track.points, key=lambda p: p.t_s))
        made.append({"l": f"{label} {numbers[i]}" if numbers[i] else label, "c": tone, "s": spans, "p": path})
    return made


def _layer(why: str | None, tracks: list[dict[str, Any]], nothing: str, **more: Any) -> dict[str, Any]:
    """A layer as the script takes it. why: the reason for which there is nothing to draw."""
    if why is None and not tracks:
        why = nothing
    return {"why": why, **more, "tracks": tracks} if why is None else {"why": why}


def _objects(document: Document, made: Sequence[Lane]) -> dict[str, Any]:
    entry = document.analyzers["object_detection"]
    tracks = [t for t in entry.tracks if t.label != FACE]
    boxes = _boxes(tracks, _seen(entry), _tones(made, "object_detection"))
    return _layer(reason_of(entry), boxes, "no object or person was found", gap=_ms(OBJECT_GAP_S))


def _faces(document: Document, made: Sequence[Lane]) -> dict[str, Any]:
    objects, eyes = document.analyzers["object_detection"], document.analyzers["eye_tracking"]
    found = [t for t in objects.tracks if t.label == FACE]
    tones = _tones(made, "object_detection")
    if found or eyes.status != "ok":
        why = reason_of(objects)
        return _layer(why, _boxes(found, _seen(objects), tones), "no face was found", gap=_ms(OBJECT_GAP_S))
    return _layer(None, _boxes(eyes.tracks, {}, tones), "no face was found", gap=_ms(POINT_GAP_S))


def _text(document: Document, made: Sequence[Lane]) -> dict[str, Any]:
    entry = document.analyzers["text_overlay"]
    tones = _tones(made, "text_overlay")
    roles = {getattr(s, "track_id", None): (getattr(s, "role", None), getattr(s, "text", None)) for s in entry.segments}
    spans = _seen(entry)
    tracks, colours = [], {}
    for track in entry.tracks:
        if not track.points:
            continue
        role, text = roles.get(track.track_id, (None, None))
        label = sentence(clean(role or track.label or "text")).replace("_", " ")
        tone = tones.get(clean(text)) if isinstance(text, str) else None
        if tone is None:
            tone = colours.setdefault(label, len(colours) % TONES)
        span = spans.get(track.track_id) or [_ms(track.start_s), _ms(track.end_s)]
        tracks.append({"l": label, "c": tone, "s": span, "p": _path(sorted(track.points, key=lambda p: p.t_s))})
    # A text stands where it was last seen until it goes: its segment says that it is there.
    return _layer(reason_of(entry), tracks, "no text was found", gap=None)


def _pose(document: Document) -> dict[str, Any]:
    entry = document.analyzers["body_pose"]
    why = reason_of(entry)
    if why is not None:
        return {"why": why}
    summary = entry.summary.model_dump(mode="json")
    names = [str(name) for name in summary.get("keypoint_names") or []]
    limit = summary.get("visibility_limit")
    where = {name: i for i, name in enumerate(names)}
    bones = [[where[a], where[b]] for a, b in BONES if a in where and b in where]
    tracks = []
    for n, track in enumerate(t for t in entry.tracks if t.points):
        poses = [_pose_row(p, len(names), limit if isinstance(limit, int | float) else 0.0) for p in sorted(track.points, key=_time)]
        poses = [row for row in poses if row is not None]
        if poses:
            tracks.append({"c": (n + POSE_TONE) % TONES, "s": [_ms(track.start_s), _ms(track.end_s)], "p": poses})
    return _layer(None, tracks, "no body was found", gap=_ms(POINT_GAP_S), alone=_ms(ALONE_S), bones=bones)


def _time(point: TrackPoint) -> float:
    return point.t_s


def _pose_row(point: TrackPoint, names: int, limit: float) -> list[int] | None:
    """t, then x, y of every keypoint; both -9999 where it is not visible. None for a point without a skeleton."""
    keypoints = getattr(point, "keypoints", None)
    if not keypoints:
        return None
    row = [_ms(point.t_s)]
    for k in list(keypoints)[:names]:
        x, y, seen = (*k, None, None, None)[:3] if k is not None else (None, None, None)
        shown = isinstance(x, int | float) and isinstance(y, int | float) and (seen is None or seen >= limit)
        row += [_mille(x), _mille(y)] if shown else [HIDDEN, HIDDEN]
    return row


HIDDEN = -9999
"""Place of a keypoint that was not seen: no picture has one there."""


def _gaze(document: Document) -> dict[str, Any]:
    entry = document.analyzers["eye_tracking"]
    why = reason_of(entry)
    if why is not None:
        return {"why": why}
    series = {s.name: s for s in entry.series}
    looks: dict[int, list[int]] = {}
    for s in entry.segments:
        face = getattr(s, "face", None)
        if isinstance(face, int) and getattr(s, "kind", None) == "look" and getattr(s, "at_camera", None) is True:
            looks.setdefault(face, []).extend((_ms(s.start_s), _ms(s.end_s)))
    tracks = []
    for track in entry.tracks:
        yaw, pitch = series.get(f"gaze_yaw.{track.track_id}"), series.get(f"gaze_pitch.{track.track_id}")
        if track.points and yaw is not None and any(v is not None for v in yaw.values):
            tracks.append(
                {
                    "s": [_ms(track.start_s), _ms(track.end_s)],
                    "p": _path(sorted(track.points, key=_time)),
                    "look": looks.get(track.track_id, []),
                    "g": _angles(yaw, pitch),
                }
            )
    return _layer(None, tracks, "no gaze could be measured", gap=_ms(POINT_GAP_S))


def _angles(yaw: Series, pitch: Series | None) -> list[int | None]:
    """t, yaw, pitch in whole degrees by turns; pitch None where only the sideways direction was measured."""
    up = dict(zip(pitch.t_s, pitch.values, strict=True)) if pitch is not None else {}
    out: list[int | None] = []
    for t, sideways in zip(yaw.t_s, yaw.values, strict=True):
        if sideways is not None:
            down = up.get(t)
            out += [_ms(t), round(sideways), None if down is None else round(down)]
    return out


def _zones(document: Document) -> dict[str, Any]:
    width, height = document.media.width_px, document.media.height_px
    if not width or not height:
        return {"why": "the clip has no picture"}
    if width >= height:
        return {"why": "the apps lay their buttons over upright clips; this one is not upright"}
    zones = document.insights.get("safe_zones")
    profiles = getattr(zones, "profiles", None)
    picture = getattr(zones, "picture_px", None)
    if zones is None or zones.status != "ok" or not profiles or not picture:
        reason = getattr(zones, "reason", None)
        return {"why": clean(reason) if reason else "safe zones were not measured"}
    found = []
    for name, profile in profiles.items():
        one = profile if isinstance(profile, Mapping) else profile.model_dump(mode="json")
        left, top, wide, high = picture
        corners = [[_mille((x - left) / wide), _mille((y - top) / high)] for x, y in one["polygon_px"]]
        found.append({"n": clean(name), "l": clean(one["label"]), "d": clean(one["dated"]), "p": corners})
    return {"why": None, "profiles": found}


def overlay(document: Document, made: Sequence[Lane]) -> dict[str, Any]:
    """Layers by name (`LAYERS`).

    Args:
        made: The lanes, whose colours the boxes take.

    Returns:
        For each layer `why` (None, or the reason for which there is nothing to draw) and what js/overlay.js draws.
    """
    return {
        "objects": _objects(document, made),
        "faces": _faces(document, made),
        "pose": _pose(document),
        "text": _text(document, made),
        "gaze": _gaze(document),
        "zones": _zones(document),
    }
