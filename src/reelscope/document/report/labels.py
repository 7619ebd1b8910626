"""What a bar of the timeline is called, how it is coloured and what its tip says, from the typed fields of segments and tracks."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from reelscope.document.report.words import MINUS, NA, clean, hex_colour, key_title, percent, sentence, value_text
from reelscope.document.schema import Segment, Track

__all__ = ["QUIET", "alarming", "category_of", "colours_of", "details_of", "fields", "label_of", "striking", "tone_key"]

LABEL_KEYS = (
    "text",
    "what_happens",
    "label",
    "title",
    "name",
    "move",
    "stage",
    "claim",
    "kind",
    "event",
    "gesture",
    "emotion",
    "posture",
    "role",
    "category",
    "size",
    "state",
)
CATEGORY_KEYS = ("stage", "claim", "kind", "move", "role", "label", "event", "gesture", "emotion", "posture", "category", "size", "state")
FREE_TEXT = frozenset({"text", "what_happens", "title", "name", "description"})
# Numbers count from 0 in the document and from 1 on the page, where people read them.
NUMBER_KEYS = {"scene": "Scene", "scene_index": "Scene", "shot": "Shot", "shot_index": "Shot", "index": "No."}

# What is the absence of the thing measured, drawn quietly.
QUIET = frozenset({"pause", "silence", "static", "none", "other", "unknown", "not_found"})
# What an editor mends: these and whatever a shot is found wanting for stand out.
FAULTS = ("black", "frozen", "clipping")
STRETCHES = ("shot", "clip")  # no sets: a document of others may hold what no set can be asked for
MAX_DETAILS = 12


def fields(thing: Segment | Track) -> dict[str, Any]:
    """Typed fields beyond the base's own, whether the object is a subclass or was read back from JSON."""
    base = {"start_s", "end_s", "confidence", "points"}
    return {k: v for k, v in thing.model_dump(mode="json").items() if k not in base}


def label_of(extra: Mapping[str, Any], noun: str = "") -> tuple[str, bool]:
    """What to write on a bar, and whether the document named it (else a number must do); `noun`: what an `index` counts."""
    if extra.get("jump_cut") is True:
        return "Jump cut", True
    if extra.get("kind") in STRETCHES:  # says only that the figures are those of a shot: its number says more
        extra = {k: v for k, v in extra.items() if k != "kind"}
        number, _ = label_of({k: v for k, v in extra.items() if k in NUMBER_KEYS}, noun)
        found = ", ".join(_reasons(extra)).lower()
        return f"{number}: {found}" if number and found else number or sentence(found), True
    said = _said(extra)
    if said:
        return said, True
    for key in LABEL_KEYS:
        value = extra.get(key)
        if isinstance(value, str) and value:
            words = clean(value) if key in FREE_TEXT else sentence(clean(value))
            if key == "kind" and isinstance(extra.get("variant"), str) and extra["variant"]:
                words += f" {clean(extra['variant']).replace('_', ' ')}"
            return words, True
    reasons = _reasons(extra)
    if reasons:
        return ", ".join(reasons), True
    for key, word in NUMBER_KEYS.items():
        if isinstance(extra.get(key), int):
            return f"{noun if key == 'index' and noun else word} {extra[key] + 1}", True
    return "", False


def _said(extra: Mapping[str, Any]) -> str:
    """What a bar measured, where its kind alone does not say it: the posture, where the eyes look, the age, what is behind the subject."""
    kind = extra.get("kind")
    if isinstance(kind, str) and isinstance(extra.get(kind), str):  # kind "posture" with the posture beside it
        return sentence(clean(extra[kind]).replace("_", " "))
    if kind == "look" and "at_camera" in extra:
        return {True: "Into the camera", False: "Away"}.get(extra["at_camera"], "Not measurable")
    if isinstance(extra.get("claim"), str) and "holds" in extra:
        subject = f": {clean(extra['subject'])}" if isinstance(extra.get("subject"), str) else ""
        return f"{'' if extra['holds'] else 'not '}{sentence(clean(extra['claim'])).lower()}{subject}".capitalize()
    if "arousal" in extra and not isinstance(extra.get("category"), str):
        value = extra["arousal"]
        return f"Arousal {value:+.2f}".replace("-", MINUS) if isinstance(value, int | float) else "Arousal not measurable"
    low, high = extra.get("age_low"), extra.get("age_high")
    if isinstance(low, int | float) and isinstance(high, int | float):
        return f"{low:.0f}\N{EN DASH}{high:.0f} years"
    if "subject_share" in extra and "background_share" in extra:
        share, setting = extra["subject_share"], extra.get("setting")
        parts = [clean(setting)] if isinstance(setting, str) else []
        parts += [f"subject {percent(share)}"] if isinstance(share, int | float) else ["subject not measured"]
        return sentence(", ".join(parts))
    return ""


def _reasons(extra: Mapping[str, Any]) -> list[str]:
    """What was found wanting, the first three."""
    found = extra.get("reasons")
    return [sentence(clean(r)) for r in found[:3] if isinstance(r, str)] if isinstance(found, list) else []


def category_of(extra: Mapping[str, Any]) -> str:
    """What decides the colour of a bar, and its row where bars overlap."""
    for key in CATEGORY_KEYS:
        value = extra.get(key)
        if isinstance(value, str) and value:
            return value
    return ""


def tone_key(extra: Mapping[str, Any]) -> str:
    """A shot that nothing is wrong with is drawn quietly, one with reasons in their colour."""
    category = category_of(extra)
    if category == "class" and isinstance(extra.get("label"), str):
        return str(extra["label"])
    if extra.get("holds") is False or (not category and "arousal" in extra and extra["arousal"] is None):
        return "none"
    if category in STRETCHES:
        return next(iter(_reasons(extra)), "none")
    if category in extra and isinstance(extra[category], str):
        return str(extra[category])
    if category == "look" and "at_camera" in extra:
        return {True: "look", False: "away"}.get(extra["at_camera"], "none")
    return category


def alarming(extra: Mapping[str, Any]) -> bool:
    """Whether a bar is a fault of the picture or the sound."""
    kind = extra.get("kind")
    return kind in FAULTS or (kind in STRETCHES and bool(_reasons(extra)))


def striking(extra: Mapping[str, Any]) -> bool:
    """Whether a bar is what its lane is looked at for: eyes that meet the camera, a gesture."""
    kind = extra.get("kind")
    return (kind == "look" and extra.get("at_camera") is True) or (kind == "gesture" and isinstance(extra.get("gesture"), str))


def colours_of(extra: Mapping[str, Any]) -> tuple[tuple[str, float], ...]:
    """Swatches (hex, share of the bar in percent) of a bar that has a palette."""
    palette = extra.get("palette")
    if not isinstance(palette, list):
        return ()
    found = [(hex_colour(s.get("hex")), s.get("share")) for s in palette if isinstance(s, Mapping)]
    weighed = [(h, float(w) if isinstance(w, int | float) else 0.0) for h, w in found if h]
    total = sum(w for _, w in weighed)
    if not total:
        return ()
    return tuple((h, round(100 * w / total, 2)) for h, w in weighed)


def _mended(found: object) -> list[tuple[str, str]]:
    """What a reader corrected: what the analysis had said stays in sight."""
    out = []
    for change in found if isinstance(found, list) else []:
        if isinstance(change, Mapping) and isinstance(change.get("field"), str):
            was = change.get("was")
            out.append(("Corrected", f"{key_title(clean(change['field'])).lower()} was {NA if was is None else clean(was)[:80]}"))
    return out


def details_of(extra: Mapping[str, Any], confidence: float | None, label: str) -> list[tuple[str, str]]:
    out = [("Confidence", percent(confidence))] if confidence is not None else []
    out += _mended(extra.get("corrected"))
    for key, value in extra.items():
        if key == "palette":
            value = [f"{s.get('hex')}" for s in value or [] if isinstance(s, Mapping)]
        elif isinstance(value, list | dict) and (not value or (isinstance(value, list) and isinstance(value[0], list | dict))):
            continue  # empty, or a path or word list: too much for a tip
        elif key in NUMBER_KEYS or key == "track_id" or value is None:
            continue
        text = value_text(key, value, limit=6)
        if sentence(text) == label or text == label:
            continue  # the title says it already
        out.append((key_title(key), text if len(text) <= 160 else text[:159] + "…"))
    return out[:MAX_DETAILS]
