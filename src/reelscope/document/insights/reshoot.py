"""The reshoot sheet: shot by shot what was measured, enough to shoot it again, and a line of plain text for the crew.

Nothing here is concluded: it is what the analyzers say of each shot, laid side by side. Fields and limits: docs/insights.md.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from statistics import median
from typing import Any

from reelscope.document.evidence import Channel, Evidence, Shot
from reelscope.document.insights._sheet import (
    SheetBackground,
    SheetCamera,
    SheetColour,
    SheetGaze,
    SheetMove,
    SheetPath,
    SheetPerson,
    SheetShot,
    SheetText,
    SheetTransition,
)
from reelscope.document.insights._sheet_line import line
from reelscope.document.insights._sheet_sound import Sound
from reelscope.document.insights.base import unavailable
from reelscope.document.schema import Insight
from reelscope.timebase import Interval, overlap_s

__all__ = ["RESULT", "Reshoot", "measure"]

COLOURS = 3  # of the palette; the rest stands in color_analysis
CLASSES = 3  # of the background
MOVED = 0.03  # of the picture; what boxes tremble by from sight to sight stays below
WATERMARK = "watermark"
TEXT_EDGE_S = 0.05  # a text that reaches over the shot by less ends with it: a frame and a half

# Which analyzer gives which fields; where it has no result, its reason stands once for the whole clip.
FIELDS: dict[str, tuple[str, ...]] = {
    "camera_analysis": ("camera", "size"),
    "object_detection": ("subject", "people"),
    "eye_tracking": ("gaze",),
    "text_overlay": ("texts",),
    "color_analysis": ("palette", "brightness", "contrast", "tone", "cct_k"),
    "background_segmentation": ("background",),
    "body_pose": ("postures", "gestures"),
    "scene_segmentation": ("scene",),
    "temporal_flow": ("stage",),
    "qwen2_vl_temporal": ("description",),
}


class Reshoot(Insight):
    """One row a shot. Reasons of fields that no shot has stand under not_measured, those of one shot in its own.

    Attributes:
        shots: In order of time.
        watermarks: What stands over many shots; seconds from the clip's start.
    """

    shots: list[SheetShot] = []
    watermarks: list[SheetText] = []


RESULT = Reshoot


def measure(evidence: Evidence) -> Reshoot:
    """The sheet; unavailable where the shots are not known."""
    if evidence.shots.lack is not None:
        return unavailable(Reshoot, evidence.shots.lack)
    result = Reshoot(
        not_measured={
            field: lack.reason for name, fields in FIELDS.items() if (lack := evidence.lack(name)) is not None for field in fields
        }
    )
    if evidence.faces.lack is not None:
        result.not_measured["face"] = evidence.faces.lack.reason
    whole = Shot(0, 0.0, evidence.duration_s)
    result.watermarks = [_text(t, whole) for t in evidence.segments("text_overlay").items if t.get("role") == WATERMARK]
    sound = Sound(evidence, result.not_measured)
    for shot in evidence.shots.items:
        row = _row(evidence, shot)
        row.sound = sound.of(shot, row.not_measured)
        row.line = line(row)
        result.shots.append(row)
    _once(result)
    return result


def _once(result: Reshoot) -> None:
    """A reason that is the same in all shots stands once."""
    first = result.shots[0].not_measured if len(result.shots) > 1 else {}
    for field, reason in list(first.items()):
        if all(shot.not_measured.get(field) == reason for shot in result.shots):
            result.not_measured[field] = reason
            for shot in result.shots:
                del shot.not_measured[field]


def _row(evidence: Evidence, shot: Shot) -> SheetShot:
    why: dict[str, str] = {}
    row = SheetShot(
        index=shot.index,
        start_s=shot.start_s,
        end_s=shot.end_s,
        duration_s=shot.end_s - shot.start_s,
        scene=_of(evidence, "scene_segmentation", shot, "index"),
        stage=_of(evidence, "temporal_flow", shot, "stage"),
        transition_in=_transition(evidence, shot),
        face=_face(evidence, shot, why),
        subject=_subject(evidence, shot, why),
        people=_people(evidence, shot),
        texts=[_text(t, shot) for t in evidence.segments("text_overlay").items if _meets(t, shot) and t.get("role") != WATERMARK],
        description=_told(evidence, shot),
    )
    _camera(evidence, shot, row, why)
    _colours(evidence, shot, row, why)
    row.background = _background(evidence, shot, why)
    row.gaze = _gaze(evidence, shot, why)
    for part in evidence.segments("body_pose").items:
        if _meets(part, shot) and part.get("kind") in ("posture", "gesture"):
            (row.postures if part["kind"] == "posture" else row.gestures).append(_person(part, shot))
    if row.description is None and evidence.lack("qwen2_vl_temporal") is None:
        why["description"] = "no text of the model is mostly about this shot"
    row.not_measured = why
    return row


def _meets(entry: Any, shot: Shot) -> bool:
    return overlap_s((entry["start_s"], entry["end_s"]), (shot.start_s, shot.end_s)) > 0


def _longest(entries: Iterable[Any], shot: Shot) -> Any:
    """The segment that shares most time with the shot; None where none touches it."""
    met = [e for e in entries if _meets(e, shot)]
    return max(met, key=lambda e: overlap_s((e["start_s"], e["end_s"]), (shot.start_s, shot.end_s)), default=None)


def _of(evidence: Evidence, name: str, shot: Shot, field: str) -> Any:
    found = _longest(evidence.segments(name).items, shot)
    return found.get(field) if found is not None else None


def _transition(evidence: Evidence, shot: Shot) -> SheetTransition | None:
    """How the shot is entered: the transition whose middle is its start."""
    if shot.entered_by is None:
        return None
    rows = evidence.segments("cut_analysis").items
    found = min(rows, key=lambda s: abs((s["start_s"] + s["end_s"]) / 2 - shot.start_s))
    return SheetTransition(
        kind=found["kind"], variant=found.get("variant"), duration_s=found["end_s"] - found["start_s"], jump_cut=found.get("jump_cut")
    )


def _camera(evidence: Evidence, shot: Shot, row: SheetShot, why: dict[str, str]) -> None:
    if evidence.lack("camera_analysis") is not None:
        return
    rows = evidence.summary("camera_analysis").get("shots") or ()
    seen = next((r for r in rows if r.get("shot") == shot.index), None)
    row.size = seen.get("size") if seen is not None else None
    if row.size is None:
        why["size"] = (seen or {}).get("size_reason") or "camera_analysis has no row of this shot"
    figures = seen.get("camera") if seen is not None else None
    if figures is None:
        why["camera"] = (seen or {}).get("reason") or "camera_analysis has no row of this shot"
        return
    names = ("move", "speed_fw_s", "pan_fw_s", "tilt_fw_s", "zoom_factor", "zoom_rate_s", "roll_deg", "shake")
    row.camera = SheetCamera.model_validate({name: figures[name] for name in names if name in figures})
    if len(figures.get("components") or ()) > 1:
        row.camera.components = list(figures["components"])
    parts = [s for s in evidence.segments("camera_analysis").items if _meets(s, shot) and s.get("move")]
    if len(parts) > 1:
        row.camera.parts = [SheetMove(from_s=a, to_s=b, move=p["move"]) for p in parts for a, b in [_inside(p, shot)]]


def _inside(entry: Any, shot: Shot) -> Interval:
    """A stretch cut to the shot, in seconds from its start."""
    return max(entry["start_s"], shot.start_s) - shot.start_s, min(entry["end_s"], shot.end_s) - shot.start_s


def _path(label: str, boxes: Sequence[tuple[float, float, Any]], shot: Shot) -> SheetPath:
    """Boxes from when to when they hold, in order."""
    first, last = boxes[0][2], boxes[-1][2]
    moved = any(abs(a - b) >= MOVED for a, b in zip(first, last, strict=True))
    seen = min(boxes[-1][1], shot.end_s) - max(boxes[0][0], shot.start_s)
    return SheetPath(
        label=label,
        first_xywh_norm=first,
        last_xywh_norm=last if moved else None,
        first_cell=_cell(first),
        last_cell=_cell(last) if moved else None,
        share=sum(b[2] * b[3] for *_, b in boxes) / len(boxes),
        seen_share=min(1.0, seen / (shot.end_s - shot.start_s)),
    )


def _cell(xywh: Sequence[float]) -> str:
    """The cell of the grid of thirds in which a box's centre lies."""
    x, y = xywh[0] + xywh[2] / 2, xywh[1] + xywh[3] / 2
    across = ("left", "centre", "right")[min(2, max(0, int(3 * x)))]
    down = ("top", "middle", "bottom")[min(2, max(0, int(3 * y)))]
    return f"{down}_{across}"


def _main_face(evidence: Evidence, shot: Shot) -> tuple[Any, list[tuple[float, float, Any]]] | None:
    """The face that takes most of the shot's picture over its time, with its boxes in the shot."""
    best = None
    for face in evidence.faces.items:
        boxes = [(b.start_s, b.end_s, b.xywh_norm) for b in face.boxes if b.end_s > shot.start_s and b.start_s < shot.end_s]
        size = sum(b[2] * b[3] for *_, b in boxes)
        if boxes and (best is None or size > best[0]):
            best = size, face, boxes
    return (best[1], best[2]) if best is not None else None


def _face(evidence: Evidence, shot: Shot, why: dict[str, str]) -> SheetPath | None:
    found = _main_face(evidence, shot)
    if found is None:
        if evidence.faces.lack is None:
            why["face"] = "no face is seen"
        return None
    return _path("face", found[1], shot)


def _subject(evidence: Evidence, shot: Shot, why: dict[str, str]) -> SheetPath | None:
    """The largest thing with a name, a person before all others: pictures are framed for people."""
    if evidence.lack("object_detection") is not None:
        return None
    best: tuple[tuple[bool, float], str, list[tuple[float, float, Any]]] | None = None
    for track in evidence.entry("object_detection").get("tracks", ()):
        label = track.get("label")
        if label in (None, "face", "hand"):
            continue
        points = [(p["t_s"], p["xywh_norm"]) for p in track.get("points", ()) if shot.start_s <= p["t_s"] < shot.end_s]
        ends = [*(t for t, _ in points[1:]), track["end_s"]]
        boxes = [(t, max(t, end), box) for (t, box), end in zip(points, ends, strict=False)]
        rank = (label == "person", sum(b[2] * b[3] for *_, b in boxes))
        if boxes and (best is None or rank > best[0]):
            best = rank, str(label), boxes
    if best is None:
        why["subject"] = "object_detection found nothing with a name"
        return None
    return _path(best[1], best[2], shot)


def _people(evidence: Evidence, shot: Shot) -> int | None:
    """Most people, or faces where more of them are seen, at one time."""
    counts = [
        v
        for name in ("count_person", "count_face")
        for t, v in evidence.series("object_detection", name).items
        if v is not None and shot.start_s <= t < shot.end_s
    ]
    return int(max(counts)) if counts else None


def _gaze(evidence: Evidence, shot: Shot, why: dict[str, str]) -> SheetGaze | None:
    if evidence.lack("eye_tracking") is not None:
        return None
    found = _main_face(evidence, shot)
    if found is None:
        return None  # as the reason of `face` says
    track = found[0].track_id
    looks = [look for look in evidence.looks.items if look.face == track and look.at_camera is not None]
    times = [(look.at_camera, overlap_s((look.start_s, look.end_s), (shot.start_s, shot.end_s))) for look in looks]
    known = sum(t for _, t in times)
    gaze = SheetGaze(
        at_camera_share=sum(t for at, t in times if at) / known if known else None,
        yaw_deg=_median(evidence, f"gaze_yaw.{track}", shot),
        pitch_deg=_median(evidence, f"gaze_pitch.{track}", shot),
        head_yaw_deg=_median(evidence, f"head_yaw.{track}", shot),
        head_pitch_deg=_median(evidence, f"head_pitch.{track}", shot),
    )
    if gaze.at_camera_share is None:
        why["gaze.at_camera_share"] = "whether the face looks at the camera could not be told"
    return gaze


def _median(evidence: Evidence, series: str, shot: Shot) -> float | None:
    values = [v for t, v in evidence.series("eye_tracking", series).items if v is not None and shot.start_s <= t < shot.end_s]
    return median(values) if values else None


def _text(entry: Any, shot: Shot) -> SheetText:
    start, end = _inside(entry, shot)
    where = entry.get("xywh_norm")
    return SheetText(
        text=entry["text"],
        role=entry.get("role"),
        from_s=start,
        to_s=end,
        goes_on=entry["start_s"] < shot.start_s - TEXT_EDGE_S or entry["end_s"] > shot.end_s + TEXT_EDGE_S,
        xywh_norm=where,
        cell=_cell(where) if where else None,
        line_height_share=entry.get("line_height_share"),
        text_colour=entry.get("text_colour"),
        background_colour=entry.get("background_colour"),
    )


def _person(entry: Any, shot: Shot) -> SheetPerson:
    start, end = _inside(entry, shot)
    return SheetPerson(what=str(entry.get(entry["kind"])), from_s=start, to_s=end)


def _colours(evidence: Evidence, shot: Shot, row: SheetShot, why: dict[str, str]) -> None:
    if evidence.lack("color_analysis") is not None:
        return
    found = _longest(evidence.segments("color_analysis").items, shot)
    if found is None or not found.get("palette"):
        why["palette"] = (found or {}).get("reason") or "color_analysis has no sample of this shot"
        return
    row.palette = [SheetColour(hex=c["hex"], name=c.get("name")) for c in found["palette"][:COLOURS]]
    row.brightness, row.contrast = found.get("brightness"), found.get("contrast")
    row.tone, row.cct_k = found.get("tone"), found.get("cct_k")


def _background(evidence: Evidence, shot: Shot, why: dict[str, str]) -> SheetBackground | None:
    if evidence.lack("background_segmentation") is not None:
        return None
    found = _longest(evidence.segments("background_segmentation").items, shot)
    if found is None:
        why["background"] = "background_segmentation has no row of this shot"
        return None
    classes = found.get("classes")
    row = SheetBackground(
        setting=found.get("setting"),
        classes=[str(c["label"]) for c in classes[:CLASSES]] if classes is not None else None,
        texture=found.get("texture"),
        blur=found.get("background_blur"),
    )
    if row.setting is None:
        why["background.setting"] = found.get("setting_reason") or "not told"
    if row.blur is None:
        why["background.blur"] = found.get("blur_reason") or "not measured"
    return row if row != SheetBackground() else None


def _told(evidence: Evidence, shot: Shot) -> str | None:
    """The model's text of the segment that shares most time with the shot, if most of one of the two lies in the other."""
    rows: Channel[Any] = evidence.segments("qwen2_vl_temporal")
    found = _longest((r for r in rows.items if r.get("what_happens")), shot)
    if found is None:
        return None
    shared = overlap_s((found["start_s"], found["end_s"]), (shot.start_s, shot.end_s))
    if 2 * shared < min(found["end_s"] - found["start_s"], shot.end_s - shot.start_s):
        return None
    return str(found["what_happens"])
