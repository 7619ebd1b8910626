"""What an editor sees as markers: insights with their evidence, texts on the screen, what is said. Pure: a document in, notes out.

Beats, gaze, objects and other dense results are left out: hundreds of markers hide the ones that matter. They stand in the tables.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from reelscope.document.exports.timelines._text import figure, one_line, span_words
from reelscope.document.insights.hook import first_of
from reelscope.document.schema import Document

__all__ = ["COLOURS", "TO_DO", "Note", "notes_of"]

Fields = Mapping[str, Any]

COLOURS: dict[str, str] = {
    "attention": "RED",
    "safe_zones": "MAGENTA",
    "reading_load": "YELLOW",
    "mute_test": "YELLOW",
    "hook": "CYAN",
    "pacing": "BLUE",
    "transition": "BLUE",
    "loop": "BLUE",
    "text": "GREEN",
    "speech": "WHITE",
}
"""Kinds of notes and their colours: those that both OpenTimelineIO and the locators of EDLs have."""

TO_DO = frozenset({"attention", "safe_zones", "reading_load"})
"""Kinds that ask for something to be looked at: Final Cut Pro, which has no colours, shows them as to-do markers."""

NAME_LENGTH = 120  # characters; programs show less
COMMENT_LENGTH = 500
# Voice without text that is shorter is the edge of a caption, which comes after the voice or goes before it.
LEAST_UNTEXTED_S = 1.0
LEAST_HIDDEN_S = 0.5  # less is a face that turns away or a text that comes in from the side
MOST_EVIDENCE = 4  # pieces on a line, as in the report


@dataclass(frozen=True, slots=True)
class Note:
    """One thing to mark. end_s = start_s: a moment. comment: the claim's figures and when, on one line."""

    start_s: float
    end_s: float
    kind: str
    name: str
    comment: str

    @property
    def colour(self) -> str:
        return COLOURS[self.kind]

    @property
    def to_do(self) -> bool:
        return self.kind in TO_DO


def notes_of(document: Document) -> list[Note]:
    """All notes, by time, then by kind. What was not measured gives none."""
    found = [n for reader in (_texts, _speech, _transitions) for n in reader(document)]
    for name, reader in INSIGHTS.items():
        insight = document.insights.get(name)
        if insight is not None and insight.status == "ok":
            found += reader(insight.model_dump(mode="json"), document)
    order = {kind: i for i, kind in enumerate(COLOURS)}
    return sorted(found, key=lambda n: (n.start_s, order[n.kind], n.end_s, n.name))


def _note(kind: str, row: Fields, name: str, *told: str) -> Note:
    """A note of a row with start_s and end_s; its comment ends with when that is, since a marker ends with its shot."""
    start, end = float(row["start_s"]), float(row["end_s"])
    comment = "; ".join([*(t for t in told if t), span_words(start, end)])
    return Note(start, max(start, end), kind, one_line(name, NAME_LENGTH), one_line(comment, COMMENT_LENGTH))


def _at(t_s: float) -> dict[str, float]:
    return {"start_s": t_s, "end_s": t_s}


def _words(name: object) -> str:
    """A snake_case name of ours as words."""
    return str(name).replace("_", " ")


def _rows(document: Document, analyzer: str) -> Iterator[Fields]:
    entry = document.analyzers[analyzer]
    if entry.status == "ok":
        yield from (s.model_dump(mode="json") for s in entry.segments)


def _texts(document: Document) -> Iterator[Note]:
    for row in _rows(document, "text_overlay"):
        if row.get("text"):
            yield _note("text", row, str(row["text"]), "text on screen", _words(row.get("role") or ""))


def _speech(document: Document) -> Iterator[Note]:
    """What is said; without a transcript, when somebody speaks."""
    said = document.analyzers["speech_transcription"]
    if said.status == "ok":
        for row in _rows(document, "speech_transcription"):
            if row.get("text"):
                yield _note("speech", row, str(row["text"]), "speech", _speaker(row))
        return
    why = f"words not known: {said.reason or _words(said.status)}"
    for row in _rows(document, "speech_flow"):
        if row.get("kind") == "speech":
            yield _note("speech", row, "Speech", why)


def _speaker(row: Fields) -> str:
    if row.get("speaker_name"):
        return str(row["speaker_name"])
    number = row.get("speaker")
    return f"speaker {number + 1}" if isinstance(number, int) else ""  # from 1, as in the report and in subtitles


def _transitions(document: Document) -> Iterator[Note]:
    """Gradual transitions that lead into no shot: a fade up from black at the beginning, one down at the end. And jump cuts."""
    shown = {(t.start_s, t.end_s) for s in document.shots[1:] if (t := s.transition_in) is not None}
    for row in _rows(document, "cut_analysis"):
        if row["end_s"] > row["start_s"] and (row["start_s"], row["end_s"]) not in shown:
            yield _note("transition", row, _words(row.get("kind") or "transition").capitalize(), str(row.get("variant") or ""))
    for shot in document.shots[1:]:
        if shot.transition_in is not None and shot.transition_in.jump_cut:
            yield _note("transition", _at(shot.start_s), "Jump cut", f"into shot {shot.index + 1}")


def _hook(found: Fields, document: Document) -> Iterator[Note]:
    """What begins when, as one note for each moment."""
    firsts: dict[float, list[str]] = {}
    for key, t_s in found.items():
        if key.startswith("first_") and key.endswith("_s") and isinstance(t_s, (int, float)):
            firsts.setdefault(float(t_s), []).append(_words(first_of(key, t_s, document)))
    for t_s, names in sorted(firsts.items()):
        yield _note("hook", _at(t_s), f"First {', '.join(names)}", "hook")


def _safe_zones(found: Fields, document: Document) -> Iterator[Note]:
    profiles = found.get("profiles") or {}
    for what, key in (("text", "texts"), ("face", "faces")):
        for row in found.get(key) or ():
            labels = {app: (profiles.get(app) or {}).get("label", app) for app in row["zones"]}
            told = [
                f"{labels[app]}: {_percent(zone.get('share'))} outside, hidden for {figure(zone['hidden_s'])} s"
                for app, zone in row["zones"].items()
                if zone["hidden_s"] >= LEAST_HIDDEN_S
            ]
            if told:
                name = f"Hidden by the app: {row['text']}" if what == "text" else "Hidden by the app: a face"
                yield _note("safe_zones", row, name, *told)


def _percent(share: float | None) -> str:
    return "a share not known" if share is None else f"{figure(100 * share)} %"


def _reading_load(found: Fields, document: Document) -> Iterator[Note]:
    for row in found.get("texts") or ():
        if row["pace"] != "comfortable":
            pace = "Too fast to read" if row["pace"] == "too_fast" else "Fast to read"
            told = f"{figure(row['chars_per_s'])} characters/s" if row.get("chars_per_s") is not None else ""
            yield _note("reading_load", row, f"{pace}: {row['text']}", told, f"needs {figure(row['needed_s'])} s")
        if row.get("contrast_ok") is False:
            told = f"contrast {figure(row['contrast_ratio'])} of the {figure(row['contrast_least'])} that its size needs"
            yield _note("reading_load", row, f"Low contrast: {row['text']}", told)


def _mute_test(found: Fields, document: Document) -> Iterator[Note]:
    for row in (found.get("without_sound") or {}).get("voice_without_text") or ():
        if row["end_s"] - row["start_s"] >= LEAST_UNTEXTED_S:
            yield _note("mute_test", row, "Voice without text", "lost with the sound off")


def _attention(found: Fields, document: Document) -> Iterator[Note]:
    for row in found.get("stretches") or ():
        evidence = list(row.get("evidence") or ())
        told = [
            str(e["what"]) + (f" {figure(e['value'])} {e.get('unit') or ''}".rstrip() if e.get("value") is not None else "")
            for e in evidence[:MOST_EVIDENCE]
        ]
        more = [f"and {len(evidence) - MOST_EVIDENCE} more"] if len(evidence) > MOST_EVIDENCE else []
        yield _note("attention", row, f"Attention: {_words(row['kind'])}", *told, *more)


def _pacing(found: Fields, document: Document) -> Iterator[Note]:
    """The fastest and the slowest stretch, where they differ."""
    fastest, slowest = found.get("fastest"), found.get("slowest")
    if fastest and slowest and fastest.get("per_minute") != slowest.get("per_minute"):
        for name, row in (("Fastest stretch", fastest), ("Slowest stretch", slowest)):
            yield _note("pacing", row, name, f"{figure(row['per_minute'])} transitions a minute")


def _loop(found: Fields, document: Document) -> Iterator[Note]:
    """Whether the end meets the beginning, at the end."""
    told = []
    for part in ("picture", "sound", "sentence"):
        meets = (found.get(part) or {}).get("meets")
        if meets is not None:
            told.append(f"{part} {'meets' if meets else 'does not meet'} the beginning{_limits(part, found[part])}")
    if told:
        yield _note("loop", _at(document.media.duration_s), "Loop", *told)


def _limits(part: str, row: Fields) -> str:
    value, limit = {"picture": ("difference", "limit"), "sound": ("band_step_db", "band_limit_db")}.get(part, ("", ""))
    if row.get(value) is None or row.get(limit) is None:
        return ""
    unit = " dB" if value.endswith("_db") else ""
    return f" (step {figure(row[value])}{unit}, limit {figure(row[limit])}{unit})"


INSIGHTS = {
    "hook": _hook,
    "safe_zones": _safe_zones,
    "reading_load": _reading_load,
    "pacing": _pacing,
    "mute_test": _mute_test,
    "loop": _loop,
    "attention": _attention,
}
