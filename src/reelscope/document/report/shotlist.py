"""The shot list: its rows for the page, each shot as a paragraph, and the cells of the table that is copied."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from typing import Any

from reelscope.document.report.mends import Mends
from reelscope.document.report.parts import Mended, mended
from reelscope.document.report.summaries import summary_of
from reelscope.document.report.words import NA, SPACE, THIN, clean, hex_colour, in_column, number, percent, sentence, timecode
from reelscope.document.schema import Document, ShotRow, ShotTransition
from reelscope.document.unread import unread_in

__all__ = ["SHOT_HEAD", "data_uri", "heard", "heard_in", "shots", "swatches"]

PNG_MAGIC = b"\x89PNG"
CAMERA_STILL = 0.02  # frame widths per s; slower than this a speed says nothing beside the move's name
HEARD_LEAST = 0.1  # share of the shot from which a class of sound is named, as in the reshoot sheet

SIZE_NOTES = {
    "shot size is told by faces and people, and none was found in this shot": "no face, no person",
    "faces and people were found in too little of this shot": "too briefly seen",
}
"""Reasons for which a size is not known, as they fit the column; the whole reason is its title."""

SHOT_HEAD = (
    "Shot",
    "Start",
    "End",
    "Length (s)",
    "Enters by",
    "Camera",
    "Size",
    "On screen",
    "Said",
    "Description",
    "Speech (%)",
    "Sound",
    "Loudness (LUFS)",
    "Palette",
    "Sharpness",
    "Corrected",
)
"""Columns of the copied table. A cell is empty where nothing was measured, or where there is nothing."""


def data_uri(image: bytes) -> str:
    """A picture as a data URI: keyframes are JPEG; PNG is told by its magic."""
    kind = "png" if image.startswith(PNG_MAGIC) else "jpeg"
    return f"data:image/{kind};base64,{base64.b64encode(image).decode('ascii')}"


def _transition(t: ShotTransition | None, *, first: bool) -> dict[str, Any]:
    if t is None:
        return {"kind": "start" if first else "", "words": "Start" if first else NA, "note": "", "jump": False}
    variant = clean(t.variant).replace("_", " ") if t.variant else ""
    length = t.end_s - t.start_s
    return {
        "kind": clean(t.kind),
        "words": f"{sentence(clean(t.kind))} {variant}".strip(),
        "note": f"{number(round(length, 2))} s" if length > 0 else "",
        "jump": bool(t.jump_cut),
    }


def _camera(shot: ShotRow) -> dict[str, str] | None:
    camera = shot.camera
    if camera is None:
        return None
    notes = []
    others = [sentence(clean(c)).lower() for c in camera.components if c != camera.move]
    if others:
        notes.append("with " + ", ".join(others))
    if camera.speed_fw_s is not None and abs(camera.speed_fw_s) >= CAMERA_STILL and not camera.move.startswith("zoom"):
        notes.append(f"{number(camera.speed_fw_s, 2)} widths/s")
    if camera.zoom_rate_s is not None and camera.move.startswith("zoom"):
        notes.append(f"scale {number(camera.zoom_rate_s * 100, 2)} %/s")
    return {"move": clean(camera.move), "words": sentence(clean(camera.move)), "note": ", ".join(notes)}


def swatches(found: object) -> list[dict[str, Any]]:
    """Colours of a palette as far as they are plain "#rrggbb"; `grow` is their weight in a bar."""
    out = []
    for s in found if isinstance(found, list) else []:
        one = s if isinstance(s, Mapping) else s.model_dump()
        colour, share = hex_colour(one.get("hex")), one.get("share")
        if colour:
            weight = share if isinstance(share, int | float) else 0.0
            out.append(
                {
                    "hex": colour,
                    "share": percent(weight) if share is not None else NA,
                    "grow": round(100 * max(weight, 0.01), 2),
                    "name": clean(one.get("name") or ""),
                }
            )
    return out


def heard(document: Document) -> dict[int, list[str]]:
    """What is heard in each shot besides the voice, by the shot's index, as the reshoot sheet has it; nothing where it has not."""
    sheet = document.insights.get("reshoot")
    rows = sheet.model_dump(mode="json").get("shots") or () if sheet is not None and sheet.status == "ok" else ()
    return {row["index"]: [clean(w).replace("_", " ") for w in heard_in(row.get("sound") or {})] for row in rows}


def heard_in(sound: Mapping[str, Any]) -> list[str]:
    """Classes of sound and named events of one shot. The voice has a place of its own, and beside music a silence is a rest in it."""
    classes = [c for c, share in (sound.get("heard") or {}).items() if c != "speech" and (share or 0.0) >= HEARD_LEAST]
    classes = [c for c in classes if c != "silence" or len(classes) == 1]
    return [w for w in dict.fromkeys([*classes, *(sound.get("events") or ())]) if w.casefold() != "speech"]


def shots(document: Document, keyframes: Mapping[str, bytes], mends: Mends | None = None) -> list[dict[str, Any]]:
    """Rows of the shot list. A keyframe that is not there stays empty. mends: takes what can be mended in them."""
    mends = mends or Mends()
    rows = []
    base = document.shots[0].index if document.shots else 0
    whole = document.media.duration_s or 1.0
    marks = {getattr(s, "text", None) for s in document.analyzers["text_overlay"].segments if getattr(s, "role", None) == "watermark"}
    fixed = {getattr(s, "text", None): mended(s).get("text") for s in document.analyzers["text_overlay"].segments}
    sounds, whys = heard(document), _size_reasons(document)
    for i, shot in enumerate(document.shots):
        image = keyframes.get(shot.keyframe) if shot.keyframe else None
        row = {
            "index": shot.index,
            "number": shot.index + (1 - base if base == 0 else 0),
            "start": timecode(shot.start_s),
            "end": timecode(shot.end_s),
            "length": f"{number(round(shot.end_s - shot.start_s, 2))} s",
            "start_s": shot.start_s,
            "exact": f"{shot.start_s:.6f} to {shot.end_s:.6f} s",
            "left": round(100 * shot.start_s / whole, 4),
            "width": round(100 * (shot.end_s - shot.start_s) / whole, 4),
            "image": data_uri(image) if image else None,
            "keyframe_at": timecode(shot.keyframe_s),
            "transition": _transition(shot.transition_in, first=i == 0),
            "camera": _camera(shot),
            "size": sentence(clean(shot.size)) if shot.size else None,
            "size_why": None if shot.size else whys.get(shot.index),
            "size_note": None if shot.size else SIZE_NOTES.get(whys.get(shot.index, ""), whys.get(shot.index)),
            "scene": shot.scene,
            "unread": None if shot.text else unread_in(document, shot.start_s, shot.end_s),
            "text": [(clean(t), t in marks, fixed.get(t)) for t in sorted(shot.text, key=lambda t: t in marks)],
            "speech": clean(shot.speech) if shot.speech else None,
            "speech_share": None if shot.speech_share is None else percent(shot.speech_share),
            "speech_bar": None if shot.speech_share is None else round(100 * min(1.0, max(0.0, shot.speech_share)), 1),
            "sounds": sounds.get(shot.index, []),
            "palette": swatches(shot.palette),
            "loudness": None if shot.loudness_lufs is None else in_column(shot.loudness_lufs, 1),
            "sharpness": None if shot.sharpness is None else in_column(shot.sharpness, 2),
            "description": clean(shot.description) if shot.description else None,
            "mended": _said_otherwise(document, shot) | mended(shot),
            "mends": _mends(shot, mends),
        }
        row["facets"] = _facets(shot, row)
        row["paragraph"] = _paragraph(row)
        row["cells"] = json.dumps(_cells(shot, row), ensure_ascii=False)
        rows.append(row)
    return rows


def _size_reasons(document: Document) -> dict[int, str]:
    """Why the size of a shot is not known, by the shot's index; nothing where camera_analysis does not say."""
    rows = summary_of(document, "camera_analysis").get("shots")
    found = [r for r in rows if isinstance(r, Mapping)] if isinstance(rows, list) else []
    return {r["shot"]: clean(r["size_reason"]) for r in found if isinstance(r.get("shot"), int) and isinstance(r.get("size_reason"), str)}


def _mends(shot: ShotRow, mends: Mends) -> dict[str, str]:
    """What can be mended of a shot, by field."""
    was = {"size": shot.size, "move": shot.camera.move if shot.camera else None, "description": shot.description}
    if shot.transition_in is not None:
        was["transition"] = shot.transition_in.kind
    titles = {"size": "Shot size", "move": "Camera", "description": "What happens", "transition": "How the shot is entered"}
    return {
        field: mends.add("shot", titles[field], value, field=field, start_s=shot.start_s, end_s=shot.end_s) for field, value in was.items()
    }


def _said_otherwise(document: Document, shot: ShotRow) -> dict[str, Mended]:
    """The mark of the shot's words, where somebody corrected what is said in it."""
    for segment in document.analyzers["speech_transcription"].segments:
        if segment.start_s < shot.end_s and segment.end_s > shot.start_s and (found := mended(segment).get("text")) and shot.speech:
            return {"speech": found}
    return {}


def _facets(shot: ShotRow, row: Mapping[str, Any]) -> dict[str, str | None]:
    """What the list can be narrowed by, as the chips call it; None: not measured, or nothing of the kind."""
    kind = row["transition"]["kind"]
    there = {"text": any(not mark for _, mark, _ in row["text"]), "speech": bool(shot.speech or shot.speech_share)}
    return {
        "enters": sentence(kind) if kind and shot.transition_in else None,
        "move": row["camera"]["words"] if row["camera"] else None,
        "size": row["size"],
        "with": " ".join(word for word, found in there.items() if found),
    }


def _plain(text: str) -> str:
    """Text for another program: ordinary spaces instead of those that keep a figure and its unit together."""
    return text.replace(SPACE, " ").replace(THIN, " ")


def _quoted(texts: list[str]) -> str:
    return ", ".join(f"“{' '.join(t.split())}”" for t in texts)


def _paragraph(row: Mapping[str, Any]) -> str:
    """The shot as a few sentences, of what was measured only."""
    entered, camera = row["transition"], row["camera"]
    first = [f"Shot {row['number']}, {row['start']}-{row['end']} ({row['length']})"]
    if entered["kind"] == "start":
        first.append("opens the clip")
    elif entered["kind"]:
        words = entered["words"].lower() if not entered["jump"] else "jump cut"
        first.append(f"enters by {words}" + (f" of {entered['note']}" if entered["note"] else ""))
    if camera:
        first.append(f"camera {camera['words'].lower()}" + (f" ({camera['note']})" if camera["note"] else ""))
    if row["size"]:
        first.append(row["size"].lower())
    lines = [", ".join(first)]
    if row["description"]:
        lines.append(row["description"].strip().rstrip("."))
    shown = [t for t, mark, _ in row["text"] if not mark]
    if shown:
        lines.append(f"On screen: {_quoted(shown)}")
    if row["speech"]:
        lines.append(f"Said: {_quoted([row['speech']])}")
    if row["speech_share"]:
        lines.append(f"Speech {row['speech_share']} of it")
    sound = [*row["sounds"], *([f"{row['loudness']} LUFS"] if row["loudness"] else [])]
    if sound:
        lines.append("Sound: " + ", ".join(sound))
    if row["palette"]:
        lines.append("Palette: " + ", ".join(f"{p['name']} {p['hex']}".strip() for p in row["palette"]))
    if row["sharpness"]:
        lines.append(f"Sharpness {row['sharpness']}")
    lines += [f"{field} {m.told}" for field, m in _told(row)]
    return _plain(". ".join(lines)) + "."


def _told(row: Mapping[str, Any]) -> list[tuple[str, Mended]]:
    """Corrections of a row with what they are of."""
    return [(sentence(field), m) for field, m in row["mended"].items()] + [(f"“{t}”", m) for t, _, m in row["text"] if m]


def _cells(shot: ShotRow, row: Mapping[str, Any]) -> list[str]:
    """The row as SHOT_HEAD has it, figures as plain decimals so that a spreadsheet can reckon with them."""
    entered, camera = row["transition"], row["camera"]
    notes = [n for n in ("jump cut" if entered["jump"] else "", entered["note"]) if n]
    cells = [
        str(row["number"]),
        row["start"],
        row["end"],
        _decimal(shot.end_s - shot.start_s, 3),
        "" if entered["words"] == NA else entered["words"] + (f" ({', '.join(notes)})" if notes else ""),
        "" if not camera else camera["words"] + (f" ({camera['note']})" if camera["note"] else ""),
        row["size"] or "",
        " / ".join(t for t, *_ in row["text"]),
        row["speech"] or "",
        row["description"] or "",
        "" if shot.speech_share is None else _decimal(100 * shot.speech_share, 1),
        ", ".join(row["sounds"]),
        _decimal(shot.loudness_lufs, 1),
        ", ".join(f"{p['hex']} {p['name']}".strip() for p in row["palette"]),
        _decimal(shot.sharpness, 4),
        "; ".join(f"{field}: {m.told}" for field, m in _told(row)),
    ]
    return [" ".join(_plain(c).split()) for c in cells]


def _decimal(value: float | None, decimals: int) -> str:
    return "" if value is None else f"{value:.{decimals}f}"
