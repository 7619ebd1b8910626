"""Shot list, text, sound and colour of the report, as plain values for the templates."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import Any

from reelscope.document.report.curves import Curve, curve, limits, words
from reelscope.document.report.labels import fields
from reelscope.document.report.lanes import Tips
from reelscope.document.report.summaries import Figure, figures, null_reason, summary_of
from reelscope.document.report.words import NA, clean, figure, hex_colour, key_title, number, percent, sentence, timecode, value_text
from reelscope.document.schema import Document, Series, ShotRow, ShotTransition

__all__ = ["data_uri", "palette", "shots", "sound", "text_rows"]

PNG_MAGIC = b"\x89PNG"
CAMERA_STILL = 0.02  # frame widths per s; slower than this a speed says nothing beside the move's name


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


def shots(document: Document, keyframes: Mapping[str, bytes]) -> list[dict[str, Any]]:
    """Rows of the shot list. A keyframe that is not there stays empty."""
    rows = []
    base = document.shots[0].index if document.shots else 0
    whole = document.media.duration_s or 1.0
    marks = {getattr(s, "text", None) for s in document.analyzers["text_overlay"].segments if getattr(s, "role", None) == "watermark"}
    for i, shot in enumerate(document.shots):
        image = keyframes.get(shot.keyframe) if shot.keyframe else None
        rows.append(
            {
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
                "scene": shot.scene,
                "text": [(clean(t), t in marks) for t in sorted(shot.text, key=lambda t: t in marks)],
                "speech": clean(shot.speech) if shot.speech else None,
                "speech_share": None if shot.speech_share is None else percent(shot.speech_share),
                "speech_bar": None if shot.speech_share is None else round(100 * min(1.0, max(0.0, shot.speech_share)), 1),
                "palette": swatches(shot.palette),
                "loudness": None if shot.loudness_lufs is None else number(round(shot.loudness_lufs, 1)),
                "sharpness": None if shot.sharpness is None else number(shot.sharpness),
                "description": clean(shot.description) if shot.description else None,
            }
        )
    return rows


TEXT_SHOWN = {"text", "role", "xywh_norm", "track_id"}


def text_rows(document: Document) -> list[dict[str, Any]]:
    """Texts on screen in time order: words, time, role, place, colours, contrast, and what else was measured."""
    rows = []
    for segment in sorted(document.analyzers["text_overlay"].segments, key=lambda s: (s.start_s, s.end_s)):
        extra = fields(segment)
        colours = [(key_title(k), h) for k, v in extra.items() if (h := hex_colour(v))]
        colours += [
            ("Colour", h)
            for k, v in extra.items()
            if isinstance(v, list)
            for c in v
            if (h := hex_colour(c if isinstance(c, str) else c.get("hex") if isinstance(c, Mapping) else None))
        ]
        box = extra.get("xywh_norm")
        contrast = next(((k, v) for k, v in extra.items() if "contrast" in k and (v is None or isinstance(v, int | float))), None)
        rest = [
            (key_title(k), value_text(k, v))
            for k, v in extra.items()
            if k not in TEXT_SHOWN
            and v is not None
            and not isinstance(v, list | dict)
            and not hex_colour(v)
            and (contrast is None or k != contrast[0])
        ]
        rows.append(
            {
                "text": clean(extra.get("text") or ""),
                "role": sentence(clean(extra["role"])) if extra.get("role") else None,
                "start": timecode(segment.start_s),
                "end": timecode(segment.end_s),
                "length": f"{number(round(segment.end_s - segment.start_s, 2))} s",
                "confidence": None if segment.confidence is None else percent(segment.confidence),
                "box": [round(100 * float(v), 2) for v in box] if isinstance(box, list | tuple) and len(box) == 4 else None,
                "box_words": value_text("xywh_norm", box) if box else None,
                "colours": colours[:4],
                "contrast": None
                if contrast is None or contrast[1] is None
                else f"{number(contrast[1])}:1"
                if "ratio" in contrast[0] or contrast[1] >= 1
                else number(contrast[1]),
                "rest": rest,
            }
        )
    return rows


def palette(document: Document) -> list[dict[str, Any]]:
    """Palette of the whole clip."""
    return swatches(summary_of(document, "color_analysis").get("palette"))


# ---- sound -------------------------------------------------------------------------------------------------------------------

ENERGY_WORDS = ("waveform", "rms", "energy", "peak", "envelope")
SOUND_FIGURES = ("integrated_lufs", "loudness_range_lu", "true_peak_dbtp", "tempo_bpm", "key")


def _plot(title: str, series: list[Series], document: Document, tips: Tips, kind: str) -> dict[str, Any] | None:
    ends = limits(series)
    if ends is None:
        return None
    drawn: list[tuple[int, Curve]] = []
    for s in series:
        c = curve(s, document.media.duration_s, ends)
        if c.path:
            drawn.append((tips.add_curve(c.data), c))
    if not drawn:
        return None
    c = drawn[0][1]
    return {
        "title": title,
        "kind": kind,
        "unit": c.unit,
        "curves": drawn,
        "low": words(ends[0], c.unit, ends),
        "high": words(ends[1], c.unit, ends),
        "ends": ends,
        "rules": [],
    }


def sound(document: Document, tips: Tips) -> dict[str, Any]:
    """Charts of loudness, energy and pitch with the speech behind them, and the figures of the sound."""
    entry, flow = document.analyzers["audio_analysis"], document.analyzers["speech_flow"]
    summary = summary_of(document, "audio_analysis")
    plots = []
    if entry.status == "ok":
        loud = [s for s in entry.series if s.unit == "LUFS"]
        if loud and (plot := _plot("Loudness", loud, document, tips, "line")):
            level = summary.get("integrated_lufs")
            if isinstance(level, int | float):
                low, high = plot["ends"]
                if low <= level <= high:
                    plot["rules"].append((round(96 - (level - low) / (high - low) * 92, 1), f"Integrated {figure('x_lufs', level)}"))
            plots.append(plot)
        energy = [s for s in entry.series if s.unit != "LUFS" and any(w in s.name.lower() for w in ENERGY_WORDS)]
        if energy and (plot := _plot(key_title(clean(energy[0].name)), energy[:1], document, tips, "area")):
            plots.append(plot)
    if flow.status == "ok":
        pitch = [s for s in flow.series if s.unit == "Hz"]
        if pitch and (plot := _plot("Pitch of the voice", pitch[:1], document, tips, "line")):
            plots.append(plot)
        energy = [s for s in flow.series if any(w in s.name.lower() for w in ENERGY_WORDS)]
        if energy and len(plots) < 3 and (plot := _plot("Energy", energy[:1], document, tips, "area")):
            plots.append(plot)
    whole = document.media.duration_s or 1.0
    speech = [
        (round(100 * s.start_s / whole, 3), round(100 * (s.end_s - s.start_s) / whole, 3))
        for s in flow.segments
        if flow.status == "ok" and getattr(s, "kind", None) == "speech"
    ]
    told = [Figure(key_title(k), figure(k, summary[k]), why=null_reason(summary, k)) for k in SOUND_FIGURES if k in summary]
    if flow.status == "ok":
        told += [f for f in figures(flow.summary.model_dump(mode="json")) if "rate" in f.name.lower() or "pitch" in f.name.lower()][:3]
    return {"plots": plots, "speech": speech, "figures": told, "cuts": [round(100 * s.start_s / whole, 3) for s in document.shots[1:]]}
