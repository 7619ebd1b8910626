"""The insights as cards: what each says first, its figures, its table, and the safe zones drawn. Every time in them leads to its second."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from reelscope.document.insights import INSIGHTS
from reelscope.document.insights.hook import first_of
from reelscope.document.report.parts import At, Command, Part, at, hint_parts, span
from reelscope.document.report.sheet import Sheet, sheet
from reelscope.document.report.summaries import Figure, figures
from reelscope.document.report.whole import by_title
from reelscope.document.report.words import NA, clean, figure, in_column, key_title, number, percent, sentence, timecode
from reelscope.document.schema import Document

__all__ = ["Card", "Phone", "Table", "cards"]

Fields = Mapping[str, Any]

MOST_ROWS = 60  # of a table: a minute of one-second shots; more stands in the document
TITLES = {
    "chars_per_s": "Characters per second",
    "fastest_chars_per_s": "Fastest text",
    "short_s": "Missing to read all",
    "most_at_once": "Texts at once",
    "over_speech_s": "Text over speech",
    "competing_s": "Text other than speech",
    "overloaded_s": "Overloaded",
    "low_contrast": "Texts of low contrast",
    "louder_by_lu": "Against the whole clip",
    "news_per_10_s": "New things",
    "longest_without_news_s": "Longest time without anything new",
}
MOST_EVIDENCE = 4  # rows of evidence on a line


@dataclass(frozen=True, slots=True)
class Table:
    """Rows of words. head: titles; numeric: columns that are set to the right. left_out: rows that stand in the document only.

    A cell is a part, or several of them.
    """

    head: Sequence[str]
    rows: Sequence[Sequence[Part | Sequence[Part]]]
    numeric: frozenset[int] = frozenset()
    left_out: int = 0


@dataclass(frozen=True, slots=True)
class Phone:
    """One app's safe area and what lies where, in px of the frame of 1080x1920.

    boxes: x, y, width, height, hidden, words, when the text comes (s). jumps: what is hidden, each with its moment; more: how many
    such moments the document has besides.
    """

    title: str
    points: str
    boxes: Sequence[tuple[float, float, float, float, bool, str, float]]
    told: str
    jumps: Sequence[tuple[At, str]] = ()
    more: int = 0


@dataclass(frozen=True, slots=True)
class Card:
    """An insight as it is shown.

    Attributes:
        lead: What it says in a line, made of measured figures only.
        bars: Name, share 0-1, words.
        jumps: Moments that it speaks of: what, and where.
        method: How it is computed, in a line; section: where docs/insights.md has the formulas.
        sheet: What is printed for the set.
    """

    name: str
    title: str
    status: str
    reason: str | None = None
    hint: Sequence[str | Command] = ()
    lead: Sequence[Part] = ()
    figures: Sequence[Figure] = ()
    missing: Sequence[tuple[str, str]] = ()
    table: Table | None = None
    bars: Sequence[tuple[str, float, str]] = ()
    phones: Sequence[Phone] = ()
    jumps: Sequence[tuple[str, Sequence[Part]]] = ()
    method: str = ""
    section: str = ""
    sheet: Sheet | None = None
    wide: bool = field(default=False)


def cards(document: Document) -> list[Card]:
    """A card for each insight of the document, in the order of INSIGHTS, then those that this version does not know."""
    names = [n for n in INSIGHTS if n in document.insights] + [n for n in document.insights if n not in INSIGHTS]
    return [_card(name, document.insights[name].model_dump(mode="json"), document) for name in names]


SECTIONS = {
    "hook": "1-hook",
    "safe_zones": "2-safe-zones",
    "reading_load": "3-reading-load",
    "pacing": "4-pacing",
    "mute_test": "5-mute-test-and-eyes-closed-test",
    "loop": "6-loop",
    "attention": "7-attention-risks",
    "reshoot": "8-reshoot-sheet",
}
"""Where docs/insights.md has the formulas of an insight. A test holds them against its headings."""


def _method(name: str) -> str:
    """How an insight is computed: what its module says of itself, without the references to files."""
    if name not in INSIGHTS:
        return ""
    told = " ".join((importlib.import_module(f"reelscope.document.insights.{name}").__doc__ or "").split())
    return ". ".join(s.rstrip(".") for s in told.split(". ") if ".md" not in s and "reelscope/" not in s).strip() + "." if told else ""


def _card(name: str, found: Fields, document: Document) -> Card:
    title = INSIGHTS.get(name, sentence(clean(name)))
    status = found.get("status", "ok")
    told = {"method": _method(name), "section": f"docs/insights.md#{SECTIONS[name]}" if name in SECTIONS else ""}
    if status != "ok":
        reason, hint = found.get("reason"), found.get("hint")
        return Card(
            name, title, str(status), by_title(clean(reason)) if reason else None, hint_parts(clean(hint) if hint else None), **told
        )
    why: dict[str, list[str]] = {}
    for key, reason in (found.get("not_measured") or {}).items():
        names = why.setdefault(by_title(clean(reason)), [])
        if (words := _lacking(clean(key))) not in names:
            names.append(words)
    shown = SHOWN.get(name, _plain)(found, document)
    return Card(name, title, "ok", missing=[(", ".join(keys), reason) for reason, keys in why.items()], **told, **shown)


LACKING = {
    "told": "what a model tells of it",
    "news": "new things",
    "news_per_10_s": "new things",
    "louder_by_lu": "loudness against the whole clip",
    "clip_loudness_lufs": "loudness of the whole clip",
    "two_messages": "text and speech that differ",
    "competing_s": "text other than speech",
    "said_share": "text that is also spoken",
    "over_speech_s": "text over speech",
    "over_speech_share": "text over speech",
    "chars_per_s": "characters per second",
    "fastest_chars_per_s": "fastest text",
    "picture.face_iou": "whether a face stays in its place",
    "picture.same_texts": "whether the texts are the same",
    "sound.meets": "whether the sound runs on",
    "sound.on_beat": "whether it meets on the beat",
    "sentence.meets": "whether the sentence runs on",
    "without_sound.spoken_words": "spoken words",
    "without_sound.on_screen_words": "spoken words on screen",
    "without_sound.on_screen_share": "spoken words on screen",
    "without_sound.voice_s": "time with voice",
    "without_sound.voice_with_text_s": "voice with text",
    "without_sound.voice_with_text_share": "voice with text",
    "without_picture.overlaid_words": "words on screen",
    "without_picture.spoken_words": "words on screen that are spoken",
    "without_picture.spoken_share": "words on screen that are spoken",
    "sound.words": "what is said",
    "sound.tempo_bpm": "tempo",
}
"""What is lacking, where the field's name would not say it."""


def _lacking(key: str) -> str:
    return LACKING.get(key) or " ".join(key_title(k).lower() for k in key.split("."))


def _plain(found: Fields, _: Document) -> dict[str, Any]:
    """Whatever figures there are."""
    hidden = {"status", "code", "reason", "hint", "not_measured"}
    return {"figures": [f for f in figures({k: v for k, v in found.items() if k not in hidden}) if not f.missing]}


def _hook(found: Fields, document: Document) -> dict[str, Any]:
    firsts = sorted((t, first_of(key, t, document)) for key, t in found.items() if key.startswith("first_") and t is not None)
    window = found.get("window_s") or 0.0
    lead = _firsts([f for f in firsts if f[0] <= window])
    keys = ("face_share", "at_camera_share", "text_share", "voice_share", "words", "cuts", "loudness_lufs", "louder_by_lu")
    texts = [Figure("Text", clean(t["text"]), at=t["start_s"]) for t in found.get("texts") or ()]
    said = [Figure("Said", clean(found["said"]), at=found.get("first_word_s"))] if found.get("said") else []
    later = _firsts([f for f in firsts if f[0] > window])
    jumps = [("Later", later[1:])] if later else []
    return {"lead": lead or ["Nothing begins in it"], "figures": [*texts, *said, *_pick(found, keys)], "jumps": jumps}


def _firsts(found: Sequence[tuple[float, str]]) -> list[Part]:
    """First face 0:00.00, motion 0:00.20, ...: each with a way to it."""
    parts: list[Part] = []
    for t, name in found:
        parts += [", " if parts else "First ", at(t, f"{name.replace('_', ' ')} {timecode(t)}")]
    return parts


def _pick(found: Fields, keys: Sequence[str]) -> list[Figure]:
    """Those of the figures that were measured, named by TITLES where the field's name is too short to be read alone."""
    return [Figure(TITLES.get(k, f.name), f.value) for k in keys for f in figures({k: found.get(k)}) if not f.missing]


def _safe_zones(found: Fields, _: Document) -> dict[str, Any]:
    phones = []
    for name, profile in (found.get("profiles") or {}).items():
        totals = (found.get("totals") or {}).get(name) or {}
        points = " ".join(f"{x:g},{y:g}" for x, y in profile["polygon_px"])
        told = []
        for what in ("texts", "faces"):
            count, seconds = totals.get(f"{what}_hidden"), totals.get(f"{what}_hidden_s")
            if count is not None:
                told.append(f"{_count(count, what[:-1])} for {number(round(seconds or 0.0, 1))} s" if count else f"no {what}")
        jumps = _hidden(found, name, totals)
        boxes = _zone_boxes(found, name)
        shown = jumps[:MOST_HIDDEN]
        phones.append(Phone(clean(profile["label"]), points, boxes, "; ".join(told) or NA, shown, len(jumps) - len(shown)))
    rows = []
    for text in found.get("texts") or ():
        row: list[Part] = [at(text["start_s"]), clean(text["text"])]
        for name in found.get("profiles") or {}:
            zone = text["zones"][name]
            row.append(_zone_cell(zone))
        rows.append(row)
    head = ["Time", "Text", *(clean(p["label"]) for p in (found.get("profiles") or {}).values())]
    return {"lead": ["Hidden by the app's own buttons and captions"], "phones": phones, "table": _table(head, rows), "wide": True}


MOST_HIDDEN = 8  # moments under a phone; the table beneath has every text


def _hidden(found: Fields, name: str, totals: Fields) -> list[tuple[At, str]]:
    """What an app hides, in order of time: texts by their words, faces by when they are hidden."""
    texts = [
        (float(t["start_s"]), f"{timecode(t['start_s'])} {clean(t['text'])}", f"{percent(t['zones'][name]['share'])} hidden")
        for t in found.get("texts") or ()
        if t["zones"][name]["hidden_s"]
    ]
    faces = [
        (start, f"{timecode(start)} face", f"for {figure('x_s', round(end - start, 1))}")
        for start, end in _hidden_faces(found.get("faces") or (), name, totals.get("face_spans") or ())
    ]
    return [(At(words, t), note) for t, words, note in sorted(texts + faces)]


LEAST_HIDDEN_S = 0.05  # shorter is a frame or two, and would stand as 0 s


def _hidden_faces(faces: Sequence[Fields], name: str, spans: Sequence[Fields]) -> list[tuple[float, float]]:
    """When each hidden face is hidden. The spans are of all faces together: where one follows another, they are one stretch."""
    out = []
    for face in faces:
        if face["zones"][name]["hidden_s"]:
            parts = [(max(s["start_s"], face["start_s"]), min(s["end_s"], face["end_s"])) for s in spans]
            out += [(float(a), float(b)) for a, b in parts if b - a >= LEAST_HIDDEN_S]
    return out


def _zone_cell(zone: Fields) -> str:
    if not zone["hidden_s"]:
        return "free"
    words = f"{percent(zone['share'])} hidden"
    if zone.get("move_px") is not None:
        right, down = (round(v) for v in zone["move_px"])
        ways = [f"{abs(right)} px {'right' if right > 0 else 'left'}"] if right else []
        ways += [f"{abs(down)} px {'down' if down > 0 else 'up'}"] if down else []
        return f"{words}; free {' and '.join(ways)}"
    if zone.get("fits_at_scale") is not None:
        return f"{words}; fits at {percent(zone['fits_at_scale'])} of its size"
    return words


def _zone_boxes(found: Fields, name: str) -> list[tuple[float, float, float, float, bool, str, float]]:
    x0, y0, width, height = found.get("picture_px") or (0.0, 0.0, 1080.0, 1920.0)
    out = []
    for text in found.get("texts") or ():
        x, y, w, h = text["xywh_norm"]
        hidden = bool(text["zones"][name]["hidden_s"])
        box = tuple(round(v, 1) for v in (x0 + x * width, y0 + y * height, w * width, h * height))
        out.append((*box, hidden, clean(text["text"]), float(text["start_s"])))
    return out


def _reading_load(found: Fields, _: Document) -> dict[str, Any]:
    texts = found.get("texts") or ()
    rows = [
        [
            at(t["start_s"]),
            clean(t["text"]),
            figure("dwell_s", t["dwell_s"]),
            in_column(t["chars_per_s"], 1),
            clean(t["pace"]).replace("_", " "),
            NA if t["contrast_ok"] is None else f"{number(t['contrast_ratio'])} {'enough' if t['contrast_ok'] else 'too low'}",
        ]
        for t in texts
    ]
    slow = [t for t in texts if t["pace"] != "comfortable"]
    lead = (
        "No text to read"
        if not texts
        else f"{len(slow)} of {len(texts)} texts are faster than {number(found['comfortable_cps'])} characters/s"
    )
    keys = ("chars_per_s", "fastest_chars_per_s", "short_s", "most_at_once", "over_speech_s", "competing_s", "overloaded_s", "low_contrast")
    head = ["Time", "Text", "Stands", "Characters/s", "Pace", "Contrast"]
    jumps = _jumps(found, (("Too much to read", "overloaded"), ("Read one thing, hear another", "competing")))
    return {"lead": [lead], "figures": _pick(found, keys), "jumps": jumps, "table": _table(head, rows, {2, 3}), "wide": bool(rows)}


MOST_JUMPS = 12  # moments on a line; a count of the others stands after them


def _jumps(found: Fields, named: Sequence[tuple[str, str]]) -> list[tuple[str, Sequence[Part]]]:
    """Lines of moments from lists of stretches, those that have any."""
    return [(title, _line([span(s) for s in rows])) for title, key in named if (rows := found.get(key))]


def _line(moments: Sequence[Part]) -> list[Part]:
    more = len(moments) - MOST_JUMPS
    return [*moments[:MOST_JUMPS], *([f"and {more} more"] if more > 0 else [])]


def _pacing(found: Fields, _: Document) -> dict[str, Any]:
    bins = [b for b in found.get("bins") or () if b["time_share"] is not None]
    bars = []
    for b in bins:
        name = f"{number(b['from_s'])} s and more" if b["to_s"] is None else f"{number(b['from_s'])}{chr(0x2013)}{number(b['to_s'])} s"
        bars.append((name, b["time_share"], _count(b["shots"], "shot") if b["shots"] else ""))
    lengths = found.get("lengths") or {}
    count = found.get("shots") or 0
    middle = f", the middle one of {figure('median_s', lengths['median_s'])}" if lengths and count > 1 else ""
    lead = f"{_count(count, 'shot')}{middle}; {number(found.get('per_minute') or 0.0)} transitions a minute"
    jumps = [
        (f"{title} {figure('x_s', round(s['end_s'] - s['start_s'], 2))}", [span(s), f"{number(s['per_minute'])} a minute"])
        for title, s in (("Fastest", found.get("fastest")), ("Slowest", found.get("slowest")))
        if s
    ]
    off = [s for s in (found.get("beats") or {}).get("landings") or () if not s["on_beat"]]
    if off:
        jumps.append(("Cuts off the beat", _line([at(s["t_s"], f"{timecode(s['t_s'])} {_signed(s['offset_s'])} s") for s in off])))
    return {"lead": [lead], "bars": bars, "figures": _pick(found, ("jump_cuts",)) + _beats(found), "jumps": jumps}


def _signed(value: float) -> str:
    return ("+" if value > 0 else "") + number(round(value, 2))


def _beats(found: Fields) -> list[Figure]:
    beats = found.get("beats") or {}
    if beats.get("share") is None:
        return []
    told = f"{beats['on_beat']} of {beats['cuts']}"
    return [Figure("Cuts on the beat", told, note="" if beats.get("chance") is None else f"{percent(beats['chance'])} by chance")]


def _count(count: int, noun: str) -> str:
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def _table(head: Sequence[str], rows: Sequence[Sequence[Part | Sequence[Part]]], numeric: set[int] | None = None) -> Table | None:
    if not rows:
        return None
    return Table(head, rows[:MOST_ROWS], frozenset(numeric or ()), max(0, len(rows) - MOST_ROWS))


def _mute_test(found: Fields, _: Document) -> dict[str, Any]:
    """Shares as bars: what is left of the words, then of the time."""
    mute, dark = found.get("without_sound") or {}, found.get("without_picture") or {}
    named = (
        ("Spoken words on screen", mute, "on_screen_share"),
        ("Voice with text", mute, "voice_with_text_share"),
        ("Words on screen spoken", dark, "spoken_share"),
        ("Time with voice", dark, "voice_share"),
        ("Time with music", dark, "music_share"),
        ("Time with sound", dark, "not_silent_share"),
    )
    bars = [(name, part[key], percent(part[key])) for name, part, key in named if part.get(key) is not None]
    lost: list[tuple[str, Sequence[Part]]] = [
        (f"Lost without {what}", _line([at(w["t_s"], clean(w["word"])) for w in part["lost"]]))
        for what, part in (("sound", mute), ("picture", dark))
        if part.get("lost")
    ]
    jumps = [*lost, *_jumps(mute, (("Voice without text", "voice_without_text"),))]
    return {"lead": ["What is left of the message, muted or unseen"], "bars": bars, "jumps": jumps}


SEAM_S = 2.0  # before the end, so that one sees and hears how it comes to the seam


def _loop(found: Fields, document: Document) -> dict[str, Any]:
    told = []
    for part in ("picture", "sound", "sentence"):
        meets = (found.get(part) or {}).get("meets")
        told.append(Figure(sentence(part), NA if meets is None else "meets the beginning" if meets else "does not meet it"))
    picture, sound = found.get("picture") or {}, found.get("sound") or {}
    more = figures(
        {
            "difference": picture.get("difference"),
            "band_step_db": sound.get("band_step_db"),
            "loudness_step_lu": sound.get("loudness_step_lu"),
        }
    )
    return {
        "lead": ["Does the end meet the beginning?"],
        "figures": [*(f for f in told if not f.missing), *(f for f in more if not f.missing)],
        "jumps": [("Look at", [at(max(0.0, document.media.duration_s - SEAM_S), "the end"), at(0.0, "the beginning")])],
    }


def _attention(found: Fields, _: Document) -> dict[str, Any]:
    rows = [[span(s), sentence(clean(s["kind"])), _evidence(s.get("evidence") or ())] for s in found.get("stretches") or ()]
    lead = f"{len(rows)} {'stretch' if len(rows) == 1 else 'stretches'} at risk" if rows else "No stretch at risk was found"
    return {
        "lead": [lead],
        "figures": _pick(found, ("longest_without_news_s", "news_per_10_s")),
        "table": _table(["When", "What", "Evidence"], rows),
    }


def _evidence(rows: Sequence[Fields]) -> Part | list[Part]:
    """The first rows of evidence, a line each: what, its figure, and the moment where it has one."""
    told: list[Part] = []
    for row in rows[:MOST_EVIDENCE]:
        value, unit = row.get("value"), row.get("unit")
        words = clean(row["what"]) + (f" {_measure(value, clean(unit or ''))}" if value is not None else "")
        told.append(words if row.get("t_s") is None else at(row["t_s"], f"{words} {timecode(row['t_s'])}"))
    if len(rows) > MOST_EVIDENCE:
        told.append(f"and {len(rows) - MOST_EVIDENCE} more")
    return told or NA


def _measure(value: float, unit: str) -> str:
    """A figure of evidence; a share of something in percent of it."""
    what = unit.removeprefix("share").strip() if unit.split(" ")[0] == "share" else None
    return f"{number(value)} {unit}".rstrip() if what is None else f"({percent(value)}{f' {what}' if what else ''})"


def _reshoot(found: Fields, document: Document) -> dict[str, Any]:
    rows = [[at(s["start_s"], str(s["index"] + 1)), clean(s["line"])] for s in found.get("shots") or ()]
    lead = ["Each shot as measured: enough to shoot it again"]
    return {"lead": lead, "table": _table(["Shot", "Sheet"], rows), "sheet": sheet(found, document), "wide": True}


SHOWN: dict[str, Callable[[Fields, Document], dict[str, Any]]] = {
    "hook": _hook,
    "safe_zones": _safe_zones,
    "reading_load": _reading_load,
    "pacing": _pacing,
    "mute_test": _mute_test,
    "loop": _loop,
    "attention": _attention,
    "reshoot": _reshoot,
}
