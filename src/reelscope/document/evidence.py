"""What a document says, in plain tuples: the one reading of analyzers' results that insights and the analyzers of meaning share.

The same figures come out of a finished document, of its JSON and of the results of a run that is still under way, so an insight is a pure
function of what stands in the file. A channel without a result is empty and says why; an empty channel without a reason was measured and
nothing is in it.

Where a reading changes, the versions of temporal_flow and cross_analyzer_intelligence rise with it: their kept results are made of it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Generic, TypeVar

from reelscope.document.names import ANALYZER_NAMES
from reelscope.document.schema import AnalyzerEntry, AnalyzerResult, Document, MediaInfo
from reelscope.document.unread import unread_words
from reelscope.timebase import Interval, clip_to

__all__ = [
    "OVERLAY_ROLES",
    "Box",
    "Channel",
    "Cut",
    "Evidence",
    "Face",
    "Lack",
    "Look",
    "Phrase",
    "Said",
    "Shot",
    "Sound",
    "Text",
    "Told",
    "Word",
    "absent_lacks",
]

T = TypeVar("T")

Xywh = tuple[float, float, float, float]
Entry = Mapping[str, Any]

OVERLAY_ROLES = ("caption", "title", "sticker")  # text laid over the picture to be read; a watermark and writing in the scene are not


SOUNDLESS_S = 0.3  # as the shortest silence of audio_analysis; a sound track ends some frames before or after the picture as a rule


@dataclass(frozen=True, slots=True)
class Lack:
    """Why there is nothing to read. code: of the entry; hint: the command that would change it."""

    reason: str
    code: str | None = None
    hint: str | None = None


@dataclass(frozen=True, slots=True)
class Channel(Generic[T]):
    """What one analyzer found, in order of time. lack: why nothing can be said; None where it was measured."""

    items: tuple[T, ...] = ()
    lack: Lack | None = None

    @property
    def known(self) -> bool:
        """Whether it was measured; it may be empty all the same."""
        return self.lack is None


@dataclass(frozen=True, slots=True)
class Box:
    """Where something is: from `start_s` until the next sight of it or its end."""

    start_s: float
    end_s: float
    xywh_norm: Xywh


@dataclass(frozen=True, slots=True)
class Shot:
    """A shot of the spine. entered_by: kind of the transition into it, None for the first."""

    index: int
    start_s: float
    end_s: float
    entered_by: str | None = None
    jump_cut: bool | None = None


@dataclass(frozen=True, slots=True)
class Cut:
    """A transition. For a cut start_s = end_s. variant: of a fade "from black", "to white", ..."""

    start_s: float
    end_s: float
    kind: str
    jump_cut: bool | None = None
    variant: str | None = None

    @property
    def middle_s(self) -> float:
        return (self.start_s + self.end_s) / 2


@dataclass(frozen=True, slots=True)
class Text:
    """A text on the screen. boxes: its path; line_height_share: of the picture's height; contrast_ratio: WCAG, None where not measured."""

    start_s: float
    end_s: float
    text: str
    role: str | None
    track_id: int | None
    xywh_norm: Xywh | None
    boxes: tuple[Box, ...]
    lines: tuple[str, ...] = ()
    contrast_ratio: float | None = None
    line_height_share: float | None = None
    text_colour: str | None = None

    @property
    def overlaid(self) -> bool:
        """Whether it was laid over the picture to be read."""
        return self.role in OVERLAY_ROLES


@dataclass(frozen=True, slots=True)
class Word:
    """A spoken word. language: that it is spoken in, by Whisper's codes."""

    start_s: float
    end_s: float
    text: str
    confidence: float | None = None
    speaker: int | None = None
    language: str | None = None


@dataclass(frozen=True, slots=True)
class Said:
    """A stretch of the transcript."""

    start_s: float
    end_s: float
    text: str
    words: tuple[Word, ...]


@dataclass(frozen=True, slots=True)
class Phrase:
    """A stretch of voice without a longer pause; no words are needed for it."""

    start_s: float
    end_s: float
    utterance: int | None
    figures: Entry


@dataclass(frozen=True, slots=True)
class Sound:
    """Something that is heard. kind: "class" (speech, music, noise, silence) or "event"."""

    start_s: float
    end_s: float
    label: str
    kind: str
    confidence: float | None = None


@dataclass(frozen=True, slots=True)
class Face:
    """A face followed within a shot."""

    start_s: float
    end_s: float
    track_id: int
    boxes: tuple[Box, ...]


@dataclass(frozen=True, slots=True)
class Look:
    """A stretch of one face's gaze. at_camera: None where it could not be told."""

    start_s: float
    end_s: float
    face: int | None
    at_camera: bool | None


@dataclass(frozen=True, slots=True)
class Told:
    """What the vision-language model says of a segment."""

    start_s: float
    end_s: float
    text: str


class Evidence:
    """A clip's channels.

    Args:
        media: Facts of the file.
        entries: Analyzers by name, as JSON or as results; only those of which there is a result.
        lacks: Why the others are not there, where that is known.
    """

    def __init__(self, media: MediaInfo, entries: Mapping[str, Entry | AnalyzerResult], lacks: Mapping[str, Lack] | None = None) -> None:
        self.media = media
        self.duration_s = float(media.duration_s)
        self.width_px, self.height_px = media.width_px, media.height_px
        self._given = dict(entries)
        self._lacks = dict(lacks or {})
        self._read: dict[str, Entry] = {}

    @classmethod
    def of(cls, document: Document | Mapping[str, Any]) -> Evidence:
        """Of a document, or of its JSON."""
        if isinstance(document, Document):
            return cls.of_entries(document.media, document.analyzers)
        raw = document["analyzers"]
        lacks = {n: _lack(n, e) for n, e in raw.items() if e["status"] != "ok"}
        return cls(MediaInfo.model_validate(document["media"]), {n: e for n, e in raw.items() if e["status"] == "ok"}, lacks)

    @classmethod
    def of_entries(cls, media: MediaInfo, entries: Mapping[str, AnalyzerEntry]) -> Evidence:
        """Of a document's parts, before it is put together."""
        lacks = {n: _lack(n, e.model_dump(include={"status", "code", "reason", "hint"})) for n, e in entries.items() if e.status != "ok"}
        return cls(media, {n: e for n, e in entries.items() if e.status == "ok"}, lacks)

    @property
    def bounds(self) -> Interval:
        """The whole clip."""
        return 0.0, self.duration_s

    @property
    def has_picture(self) -> bool:
        return self.width_px is not None and self.height_px is not None

    @property
    def has_sound(self) -> bool:
        return self.media.audio is not None

    @property
    def staged(self) -> Lack | None:
        """Why the times of cuts, and how long a picture stays, say nothing about the post; None for a clip that somebody cut."""
        if self.media.slides is None:
            return None
        return Lack("the clip was made of still pictures: how long each is shown was chosen for it, not by the post", "made_of_stills")

    def lack(self, name: str) -> Lack | None:
        """Why an analyzer has no result; None where it has one.

        Raises:
            KeyError: Not one of the nineteen.
        """
        if name not in ANALYZER_NAMES:
            raise KeyError(name)
        return None if name in self._given else self._lacks.get(name, Lack(f"{name} gave no result", "not_measured"))

    def entry(self, name: str) -> Entry:
        """An analyzer's result as JSON; empty where there is none."""
        if name not in self._read:
            found = self._given.get(name, {})
            self._read[name] = found.model_dump(mode="json") if isinstance(found, AnalyzerResult) else found
        return self._read[name]

    def segments(self, name: str, kind: str | None = None) -> Channel[Entry]:
        """Segments as they stand in the JSON, of one `kind` where given."""
        found = (s for s in self.entry(name).get("segments", ()) if kind is None or s.get("kind") == kind)
        return Channel(tuple(found), self.lack(name))

    def summary(self, name: str) -> Entry:
        """Figures of the whole clip; empty where there are none."""
        found: Entry = self.entry(name).get("summary") or {}
        return found

    def series(self, name: str, which: str) -> Channel[tuple[float, float | None]]:
        """(t_s, value) of a series; a lack where the analyzer has none of that name."""
        for series in self.entry(name).get("series", ()):
            if series["name"] == which:
                return Channel(tuple(zip(series["t_s"], series["values"], strict=True)))
        return Channel(lack=self.lack(name) or Lack(f"{name} has no series {which}", "not_measured"))

    @cached_property
    def cuts(self) -> Channel[Cut]:
        """Transitions."""
        found = self.segments("cut_analysis")
        items = (Cut(s["start_s"], s["end_s"], s["kind"], s.get("jump_cut"), s.get("variant")) for s in found.items if s.get("kind"))
        return Channel(tuple(sorted(items, key=lambda c: c.middle_s)), found.lack)

    @cached_property
    def shots(self) -> Channel[Shot]:
        """Shots as the shot list has them: they tile the clip, a gradual transition is divided at its midpoint, a fade that opens or closes
        the clip divides nothing.
        """
        if not self.cuts.known:
            return Channel(lack=self.cuts.lack)
        edges: list[float] = [0.0]
        entered: list[Cut | None] = [None]
        last = len(self.cuts.items) - 1
        for i, cut in enumerate(self.cuts.items):
            way = (cut.variant or "").partition(" ")[0] if cut.kind == "fade" else ""
            if (way == "from" and i == 0) or (way == "to" and i == last):
                continue
            if edges[-1] < cut.middle_s < self.duration_s:
                edges.append(cut.middle_s)
                entered.append(cut)
        ends = [*edges[1:], self.duration_s]
        return Channel(
            tuple(
                Shot(i, start, end, cut.kind if cut else None, cut.jump_cut if cut else None)
                for i, (start, end, cut) in enumerate(zip(edges, ends, entered, strict=True))
            )
        )

    @cached_property
    def texts(self) -> Channel[Text]:
        """Texts on the screen, of every role. Where lines stand there and none could be read, that is a lack and not an empty screen."""
        found = self.segments("text_overlay")
        paths = {t["track_id"]: t for t in self.entry("text_overlay").get("tracks", ())}
        items = tuple(_text(s, paths.get(s.get("track_id"))) for s in found.items)
        return Channel(items, found.lack if items else found.lack or self._unread)

    @property
    def _unread(self) -> Lack | None:
        """Why no text is no result where lines stood there that could not be read: of another script, too small, too blurred."""
        count = self.summary("text_overlay").get("unreadable_lines") or 0
        return Lack(f"text_overlay: {unread_words(count)}", "unreadable_text") if count else None

    @cached_property
    def overlays(self) -> Channel[Text]:
        """Texts laid over the picture to be read: captions, titles and stickers."""
        items = tuple(t for t in self.texts.items if t.overlaid)
        return Channel(items, self.texts.lack if items else self.texts.lack or self._unread)

    @cached_property
    def said(self) -> Channel[Said]:
        """The transcript."""
        found = self.segments("speech_transcription")
        return Channel(tuple(_said(s) for s in found.items), found.lack)

    @cached_property
    def words(self) -> Channel[Word]:
        """Spoken words."""
        return Channel(tuple(sorted((w for s in self.said.items for w in s.words), key=lambda w: w.start_s)), self.said.lack)

    @cached_property
    def phrases(self) -> Channel[Phrase]:
        """Stretches of voice."""
        found = self.segments("speech_flow", "speech")
        return Channel(tuple(Phrase(s["start_s"], s["end_s"], s.get("utterance"), s) for s in found.items), found.lack)

    @cached_property
    def voice(self) -> Channel[Interval]:
        """When somebody speaks."""
        return Channel(tuple(clip_to(((p.start_s, p.end_s) for p in self.phrases.items), self.bounds)), self.phrases.lack)

    @cached_property
    def sounds(self) -> Channel[Sound]:
        """What is heard when."""
        found = self.segments("audio_environment")
        items = (Sound(s["start_s"], s["end_s"], s["label"], s.get("kind", "event"), s.get("confidence")) for s in found.items)
        return Channel(tuple(items), found.lack)

    def heard(self, label: str) -> Channel[Interval]:
        """When one class of sound is heard: speech, music, noise or silence."""
        found = ((s.start_s, s.end_s) for s in self.sounds.items if s.kind == "class" and s.label == label)
        return Channel(tuple(clip_to(found, self.bounds)), self.sounds.lack)

    @cached_property
    def faces(self) -> Channel[Face]:
        """Faces: of eye_tracking, else of object_detection where its backend tells faces."""
        if self.lack(self.faces_from) is not None or not self._tells_faces(self.faces_from):
            return Channel(lack=self.lack("eye_tracking") or self.lack("object_detection"))
        return Channel(tuple(_face(t) for t in self.entry(self.faces_from).get("tracks", ()) if t.get("label") == "face"))

    @cached_property
    def faces_from(self) -> str:
        """The analyzer that `faces` are read from."""
        name = "object_detection"
        instead = self.lack("eye_tracking") is not None and self.lack(name) is None and self._tells_faces(name)
        return name if instead else "eye_tracking"

    def _tells_faces(self, name: str) -> bool:
        return name == "eye_tracking" or "face" in (self.summary(name).get("vocabulary") or ())

    @cached_property
    def face_time(self) -> Channel[Interval]:
        """When a face is seen."""
        return Channel(tuple(clip_to(((f.start_s, f.end_s) for f in self.faces.items), self.bounds)), self.faces.lack)

    @cached_property
    def looks(self) -> Channel[Look]:
        """Stretches of gaze."""
        found = self.segments("eye_tracking", "look")
        return Channel(tuple(Look(s["start_s"], s["end_s"], s.get("face"), s.get("at_camera")) for s in found.items), found.lack)

    @cached_property
    def beats(self) -> Channel[float]:
        """Times of beats, where the music has a pulse."""
        return self._times("beat_strength")

    @cached_property
    def onsets(self) -> Channel[float]:
        """Times at which something sets in."""
        return self._times("onset_strength")

    def _times(self, series: str) -> Channel[float]:
        lack = self.lack("audio_analysis")
        return Channel(tuple(t for t, _ in self.series("audio_analysis", series).items) if lack is None else (), lack)

    @cached_property
    def silence(self) -> Channel[Interval]:
        """When the sound is below the level of silence, or the sound track is not there: before it begins, after it has ended."""
        found = self.segments("audio_analysis", "silence")
        audio = self.media.audio
        ends = () if audio is None or not found.known else ((0.0, audio.start_s), (audio.start_s + audio.duration_s, self.duration_s))
        without = [(a, b) for a, b in ends if b - a >= SOUNDLESS_S]
        return Channel(tuple(clip_to([*((s["start_s"], s["end_s"]) for s in found.items), *without], self.bounds)), found.lack)

    @cached_property
    def told(self) -> Channel[Told]:
        """What the vision-language model says, segment by segment."""
        found = self.segments("qwen2_vl_temporal")
        items = (Told(s["start_s"], s["end_s"], s["what_happens"]) for s in found.items if s.get("what_happens"))
        return Channel(tuple(items), found.lack)


def absent_lacks(absent: Mapping[str, str]) -> dict[str, Lack]:
    """Lacks of analyzers of which only the status is known, as it is while others still run."""
    return {name: Lack(f"{name}: {status.replace('_', ' ')}", status) for name, status in absent.items()}


def _lack(name: str, entry: Entry) -> Lack:
    status = entry["status"]
    return Lack(f"{name}: {entry.get('reason') or status}", entry.get("code") or status, entry.get("hint"))


def _boxes(track: Entry) -> tuple[Box, ...]:
    """A path as boxes that stand until the next one; the last one to the track's end."""
    points: Sequence[Entry] = track.get("points", ())
    out = []
    for i, point in enumerate(points):
        until = points[i + 1]["t_s"] if i + 1 < len(points) else max(track["end_s"], point["t_s"])
        if until > point["t_s"]:
            out.append(Box(point["t_s"], until, tuple(point["xywh_norm"])))
    return tuple(out)


def _text(segment: Entry, track: Entry | None) -> Text:
    start, end = segment["start_s"], segment["end_s"]
    where = tuple(segment["xywh_norm"]) if segment.get("xywh_norm") else None
    boxes = [b for b in _boxes(track) if b.end_s > start and b.start_s < end] if track is not None else []
    if not boxes and where is not None:
        boxes = [Box(start, end, where)]
    return Text(
        start, end, segment["text"], segment.get("role"), segment.get("track_id"), where, tuple(boxes),
        lines=tuple(segment.get("lines") or ()), contrast_ratio=segment.get("contrast_ratio"),
        line_height_share=segment.get("line_height_share"), text_colour=segment.get("text_colour"),
    )  # fmt: skip


def _said(segment: Entry) -> Said:
    whose = segment.get("speaker"), segment.get("language")
    words = (Word(w["start_s"], w["end_s"], w["text"], w.get("confidence"), *whose) for w in segment.get("words") or ())
    return Said(segment["start_s"], segment["end_s"], segment["text"], tuple(words))


def _face(track: Entry) -> Face:
    return Face(track["start_s"], track["end_s"], track["track_id"], _boxes(track))
