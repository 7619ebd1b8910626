"""What can be corrected, and to which values. Names are those of the analyzers; a test holds them against the analyzers' own."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from reelscope.document.corrections.shapes import Kind, Part
from reelscope.errors import InputError, nearest

__all__ = ["EDITABLE", "MOVES", "SHOTS", "SPEECH", "Editable", "editable"]

SPEECH = "speech_transcription"
SHOTS = "shots"  # the document's list of shots, which no analyzer alone makes

SIZES = ("extreme_close_up", "close_up", "medium_close_up", "medium", "medium_long", "long", "extreme_long")
MOVES = ("static", "pan_left", "pan_right", "tilt_up", "tilt_down", "zoom_in", "zoom_out", "roll", "handheld")
TRANSITIONS = ("cut", "dissolve", "fade", "wipe", "gradual")
ROLES = ("caption", "title", "sticker", "watermark", "scene_text")
SOUNDS = ("speech", "music", "noise", "silence")
POSTURES = ("standing", "sitting", "bending", "lying", "upright")
GESTURES = ("wave", "point", "clap", "hands_up")
SETTINGS = ("indoor", "outdoor")

# A segment of the transcript lasts 15 s at most: some 60 words.
LONGEST_SAID, LONGEST_TEXT, LONGEST_NAME, LONGEST_LABEL, LONGEST_TOLD = 1000, 500, 64, 80, 2000


@dataclass(frozen=True, slots=True)
class Editable:
    """One thing that can be corrected.

    Attributes:
        part: The list of the analyzer in which it stands.
        values: What is allowed; None: any text up to `longest` characters.
        empty: Whether it can be taken away. lines: whether it may have several lines.
        when: `kind` of the segments that have it; None: all.
        added: Whether the analyzers have no such field: it is the user's alone.
    """

    kind: Kind
    analyzer: str
    field: str
    part: Part
    values: tuple[str, ...] | None = None
    longest: int = LONGEST_LABEL
    empty: bool = False
    lines: bool = False
    when: str | None = None
    added: bool = False

    def told(self) -> dict[str, object]:
        """For a page that offers it."""
        found: dict[str, object] = {"kind": self.kind, "analyzer": self.analyzer, "field": self.field, "longest": self.longest}
        found["lines"] = self.lines
        return found | {"values": list(self.values) if self.values else None, "may_be_empty": self.empty, "segments_of_kind": self.when}

    def check(self, now: str) -> str:
        """A new value as it is kept.

        Raises:
            InputError: It is none.
        """
        now = "\n".join(" ".join(line.split()) for line in now.split("\n")).strip("\n ")
        if not self.lines:
            now = " ".join(now.split())
        if not now and not self.empty:
            raise InputError(f"{self.field}: the new value is empty", code="empty_value", hint="say what it is")
        if len(now) > self.longest:
            raise InputError(
                f"{self.field}: {len(now)} characters, {self.longest} at most", code="too_long", hint="shorten it, or correct it in parts"
            )
        if self.values is not None and now not in self.values:
            message = f"{self.field}: {now!r} is no value of it{nearest(now, self.values)}"
            raise InputError(message, code="unknown_value", hint=f"one of: {', '.join(self.values)}")
        return now


EDITABLE: tuple[Editable, ...] = (
    Editable("word", SPEECH, "text", "words", longest=LONGEST_SAID, empty=True),
    Editable("text", "text_overlay", "text", "segments", longest=LONGEST_TEXT, empty=True, lines=True),
    Editable("text", "qwen2_vl_temporal", "what_happens", "segments", longest=LONGEST_TOLD),
    Editable("speaker", SPEECH, "speaker_name", "speakers", longest=LONGEST_NAME, added=True),
    Editable("shot", SHOTS, "size", "shots", SIZES),
    Editable("shot", SHOTS, "move", "shots", MOVES),
    Editable("shot", SHOTS, "transition", "transitions", TRANSITIONS),
    Editable("shot", SHOTS, "description", "shots", longest=LONGEST_TOLD),
    Editable("label", "object_detection", "label", "tracks"),
    Editable("label", "text_overlay", "role", "segments", ROLES),
    Editable("label", "audio_environment", "label", "segments", SOUNDS, when="class"),
    Editable("label", "audio_environment", "label", "segments", when="event"),
    Editable("label", "scene_segmentation", "name", "segments", added=True),
    Editable("label", "background_segmentation", "setting", "segments", SETTINGS),
    Editable("label", "body_pose", "posture", "segments", POSTURES, when="posture"),
    Editable("label", "body_pose", "gesture", "segments", GESTURES, when="gesture"),
    Editable("label", "speech_emotion", "category", "segments"),
)

_DEFAULTS: Mapping[str, tuple[str, str | None]] = {
    "word": (SPEECH, "text"),
    "text": ("text_overlay", None),
    "speaker": (SPEECH, "speaker_name"),
    "shot": (SHOTS, None),
}


def editable(kind: Kind, analyzer: str | None, field: str | None) -> list[Editable]:
    """What an edit is of: one of the table, or several that differ by the kind of segment.

    Raises:
        InputError: There is nothing of the kind.
    """
    analyzer = analyzer or _DEFAULTS.get(kind, (None, None))[0]
    of_kind = [e for e in EDITABLE if e.kind == kind]
    of_analyzer = [e for e in of_kind if e.analyzer == analyzer]
    if not of_analyzer:
        known = sorted({e.analyzer for e in of_kind})
        message = f"nothing of {analyzer} can be corrected as a {kind}" if analyzer else f"a {kind} is of one analyzer: name it"
        raise InputError(message, code="unknown_field", hint=f"analyzer: one of {', '.join(known)}")
    fields = {e.field for e in of_analyzer}
    field = field or _DEFAULTS.get(kind, (None, None))[1] or (next(iter(fields)) if len(fields) == 1 else None)
    found = [e for e in of_analyzer if e.field == field]
    if not found:
        message = (
            f"{field!r} of {analyzer} cannot be corrected{nearest(field, fields)}" if field else f"a {kind} has several fields: name one"
        )
        raise InputError(message, code="unknown_field", hint=f"field: one of {', '.join(sorted(fields))}")
    return found
