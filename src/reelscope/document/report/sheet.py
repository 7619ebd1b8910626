"""The reshoot sheet as it is printed: what to shoot, shot by shot, in the few lines that fit beside a picture."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from reelscope.document.report.shotlist import heard_in
from reelscope.document.report.whole import by_title
from reelscope.document.report.words import SPACE, clean, hex_colour, number, percent, sentence, timecode
from reelscope.document.schema import Document

__all__ = ["Sheet", "SheetRow", "sheet"]

Fields = Mapping[str, Any]

SEEN_LEAST = 0.25  # share of the shot from which a face or thing is named, as in the sheet's own line
ZOOM_LEAST = 0.02  # of the size: less is not seen
# A row must fit on a page whatever is written or said in the shot; what is left out stands in the report.
TEXTS_SHOWN, LONGEST_TEXT, LONGEST_SAID, LONGEST_TOLD = 5, 120, 300, 240
MOVES_SHOWN = 4  # one after the other; a longer list is no direction for a camera


@dataclass(frozen=True, slots=True)
class SheetRow:
    """One shot. place: which of the page's keyframes; None: none. look, sound: lines; texts: words and a note. said: spoken words."""

    number: int
    place: int | None
    start: str
    end: str
    length: str
    enters: str
    part: str
    look: Sequence[str]
    texts: Sequence[tuple[str, str]]
    more_texts: int
    said: str
    sound: Sequence[str]
    colours: Sequence[tuple[str, str]]
    tone: str
    untold: str


@dataclass(frozen=True, slots=True)
class Sheet:
    """All shots. throughout: watermarks; missing: what no shot has, and why."""

    rows: Sequence[SheetRow]
    throughout: Sequence[str]
    missing: Sequence[tuple[str, str]]


def sheet(found: Fields, document: Document) -> Sheet | None:
    """The sheet of the insight; None where it has no shots."""
    shots = found.get("shots") or ()
    if not shots:
        return None
    places = {shot.index: i for i, shot in enumerate(document.shots)}
    why: dict[str, list[str]] = {}
    for key, reason in (found.get("not_measured") or {}).items():
        why.setdefault(by_title(clean(reason)), []).append(_name(key))
    throughout = list(dict.fromkeys(clean(t["text"]) for t in found.get("watermarks") or ()))
    missing = [(", ".join(names), reason) for reason, names in why.items()]
    return Sheet([_row(s, places.get(s["index"])) for s in shots], throughout, missing)


def _row(shot: Fields, place: int | None) -> SheetRow:
    colours = [(h, clean(c.get("name") or h)) for c in shot.get("palette") or () if (h := hex_colour(c.get("hex")))]
    sound, texts = shot.get("sound") or {}, shot.get("texts") or ()
    own = [_name(k) for k in shot.get("not_measured") or {} if k in ("size", "camera")]
    return SheetRow(
        number=shot["index"] + 1,
        place=place,
        start=timecode(shot["start_s"]),
        end=timecode(shot["end_s"]),
        length=f"{number(round(shot['duration_s'], 2))} s",
        enters=_enters(shot.get("transition_in")),
        part=", ".join(w for w in (_words(shot.get("stage")), _scene(shot.get("scene"))) if w),
        look=[line for line in _look(shot) if line],
        texts=[(_cut(clean(t["text"]), LONGEST_TEXT), _text_note(t)) for t in texts[:TEXTS_SHOWN]],
        more_texts=max(0, len(texts) - TEXTS_SHOWN),
        said=_cut(clean(sound.get("words") or ""), LONGEST_SAID),
        sound=[line for line in _sound(sound) if line],
        colours=colours,
        tone=_words(shot.get("tone")),
        untold=", ".join(own),
    )


def _name(key: str) -> str:
    return " ".join(sentence(part).lower() for part in clean(key).split("."))


def _words(name: object) -> str:
    return sentence(clean(name)).lower().replace("close up", "close-up") if name else ""


def _cut(text: str, longest: int) -> str:
    """A text as far as it fits, cut between words where it has any."""
    text = " ".join(text.split())
    if len(text) <= longest:
        return text
    kept = text[:longest].rsplit(" ", 1)[0] if " " in text[:longest] else text[:longest]
    return f"{kept} …"


def _first_up(text: str) -> str:
    return text[:1].upper() + text[1:]


def _scene(index: object) -> str:
    return f"scene {index + 1}" if isinstance(index, int) else ""


def _enters(found: Fields | None) -> str:
    if not found:
        return ""
    variant = f" {_words(found.get('variant'))}" if found.get("variant") else ""
    kind = "jump cut" if found.get("jump_cut") else f"{_words(found['kind'])}{variant}"
    length = found.get("duration_s") or 0.0
    return kind + (f", {number(round(length, 2))}{SPACE}s" if length else "")


def _look(shot: Fields) -> Iterator[str]:
    """Lines of what the camera sees, the most needed first."""
    if shot.get("description"):
        yield _cut(clean(shot["description"]).strip(), LONGEST_TOLD)
    yield _first_up(", ".join(w for w in (_words(shot.get("size")), _camera(shot.get("camera"))) if w))
    people = shot.get("people")
    seen = "" if people is None else "nobody recognised" if people == 0 else "1 person" if people == 1 else f"{people} people"
    doing = dict.fromkeys(_words(p["what"]) for p in (*(shot.get("postures") or ()), *(shot.get("gestures") or ())))
    yield _first_up(", ".join(w for w in (seen, *doing) if w))
    face, thing = _place(shot.get("face")), _place(shot.get("subject"))
    gaze = (shot.get("gaze") or {}).get("at_camera_share")
    if face:
        yield _first_up(face) + (f", at the camera {percent(gaze)}" if gaze is not None else "")
    if thing and not (face and (shot.get("subject") or {}).get("label") == "person"):
        yield _first_up(thing)
    behind = shot.get("background") or {}
    told = [_words(w) for w in (behind.get("setting"), *(behind.get("classes") or ())) if w]
    if told:
        yield f"Behind: {', '.join(told)}"


def _camera(camera: Fields | None) -> str:
    if not camera or not camera.get("move"):
        return ""
    parts = camera.get("parts") or ()
    if len(parts) > 1:
        told = [f"{_words(p['move'])} {_span(p)}" for p in parts[:MOVES_SHOWN]]
        more = f", {len(parts) - MOVES_SHOWN} more" if len(parts) > MOVES_SHOWN else ""
        return f"camera {', then '.join(told)}{more}"
    zoom = camera.get("zoom_factor")
    size = f", to {number(zoom)}× the size" if zoom is not None and abs(zoom - 1) >= ZOOM_LEAST and camera["move"] != "static" else ""
    return f"camera {' and '.join(_words(c) for c in camera.get('components') or [camera['move']])}{size}"


def _span(found: Fields) -> str:
    return f"{found['from_s']:.1f}\N{EN DASH}{found['to_s']:.1f}{SPACE}s"


def _place(path: Fields | None) -> str:
    """Where something is, and how large; nothing for what is seen for a moment only."""
    if not path or (path.get("seen_share") or 0.0) < SEEN_LEAST:
        return ""
    first, last = _words(path.get("first_cell")), _words(path.get("last_cell"))
    way = f"{first} to {last}" if last and last != first else first
    return f"{_words(path['label'])} {way}, {percent(path.get('share') or 0.0)} of the picture"


def _text_note(text: Fields) -> str:
    colours = [h for key in ("text_colour", "background_colour") if (h := hex_colour(text.get(key)))]
    return ", ".join(w for w in (_words(text.get("role")), _span(text), _words(text.get("cell")), " on ".join(colours)) if w)


def _sound(sound: Fields) -> Iterator[str]:
    share = sound.get("voice_share")
    if share is not None:
        yield "no voice" if share == 0 else f"voice {percent(share)}"
    yield ", ".join(_words(w) for w in heard_in(sound))
    tempo = sound.get("tempo_bpm")
    yield f"{number(round(tempo))}{SPACE}BPM" if tempo is not None else ""
    level = sound.get("loudness_lufs")
    yield f"{number(round(level))}{SPACE}LUFS" if level is not None else ""
