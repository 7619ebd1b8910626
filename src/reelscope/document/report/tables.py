"""Text, sound and colour of the report, as plain values for the templates; the shot list is made in shotlist.py."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from reelscope.document.report.curves import Curve, curve, limits, words
from reelscope.document.report.labels import fields
from reelscope.document.report.lanes import Tips
from reelscope.document.report.mends import Mends
from reelscope.document.report.parts import At, mended
from reelscope.document.report.shotlist import data_uri, shots, swatches
from reelscope.document.report.summaries import Figure, figures, null_reason, summary_of
from reelscope.document.report.words import clean, figure, hex_colour, key_title, number, percent, sentence, timecode, value_text
from reelscope.document.schema import Document, Segment, Series

__all__ = ["data_uri", "palette", "shots", "sound", "swatches", "text_rows"]

TEXT_SHOWN = {"text", "role", "xywh_norm", "track_id", "corrected"}


def text_rows(document: Document, mends: Mends | None = None) -> list[dict[str, Any]]:
    """Texts on screen in time order: words, time, role, place, colours, contrast, and what else was measured."""
    mends = mends or Mends()
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
                "start_s": segment.start_s,
                "end": timecode(segment.end_s),
                "mended": mended(segment),
                "mends": _text_mends(segment, extra, mends),
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


def _text_mends(segment: Segment, extra: Mapping[str, Any], mends: Mends) -> dict[str, str]:
    track = extra.get("track_id")
    # its track tells it apart; the box of a text that moves is not where each moment of the track is
    box = extra.get("xywh_norm") if track is None else None
    place = {"start_s": segment.start_s, "end_s": segment.end_s, "track_id": track, "xywh_norm": box}
    role = mends.add("label", "Role of the text", extra.get("role"), analyzer="text_overlay", field="role", **place)
    lines = [str(line) for line in extra.get("lines") or ()]
    shown = "\n".join(lines) if len(lines) > 1 else None
    return {"text": mends.add("text", "Text on screen", extra.get("text"), shown=shown, **place), "role": role}


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
    return {
        "plots": plots,
        "jumps": _jumps(document),
        "speech": speech,
        "figures": told,
        "cuts": [round(100 * s.start_s / whole, 3) for s in document.shots[1:]],
    }


LOUDEST = (("momentary_lufs", "Loudest moment", "0.4 s"), ("short_term_lufs", "Loudest stretch", "3 s"))
"""Series of loudness, what their largest value is called, and the window of one value; a value stands at the middle of its window."""


def _jumps(document: Document) -> list[tuple[str, At, str]]:
    """Moments of the sound that people look for: what, when, and the figure there."""
    entry, flow = document.analyzers["audio_analysis"], document.analyzers["speech_flow"]
    out = []
    for name, title, window in LOUDEST:
        known = [
            (value, -t_s)
            for s in entry.series
            if s.name == name and entry.status == "ok"
            for t_s, value in zip(s.t_s, s.values, strict=True)
            if value is not None
        ]
        if known:
            value, t_s = max(known)
            out.append((title, At(timecode(-t_s), -t_s), f"{figure(name, value)} over {window}"))
    voice = [s.start_s for s in flow.segments if getattr(s, "kind", None) == "speech"] if flow.status == "ok" else []
    if voice:
        out.append(("First voice", At(timecode(min(voice)), min(voice)), ""))
    silences = [s for s in entry.segments if getattr(s, "kind", None) == "silence"] if entry.status == "ok" else []
    if silences:
        longest = max(silences, key=lambda s: (s.end_s - s.start_s, -s.start_s))
        length = f"{number(round(longest.end_s - longest.start_s, 2))} s"
        out.append(("Longest silence", At(timecode(longest.start_s), longest.start_s), length))
    return out
