"""What stands on a timeline, in whole frames: shots, transitions, sound, markers. Pure; the formats are written from it.

The timeline is the clip as it was cut: a frame of the timeline is the same frame of the file. So a transition between two neighbours
lies over the very frames that show it already, and mixes each with itself: played in an editing program, the picture stays the clip's own.
"""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass, field, replace
from typing import Any

from reelscope.document.exports.shapes import Material
from reelscope.document.exports.timelines._grid import Grid, grid_of
from reelscope.document.exports.timelines._notes import Note, notes_of
from reelscope.document.exports.timelines._text import cleaned, file_name, media_url, one_line
from reelscope.document.schema import Document, ShotRow

__all__ = ["Gradual", "Mark", "Piece", "Plan", "plan"]

TITLE_LENGTH = 120
FILE_NAME_LENGTH = 255  # of file systems


@dataclass(frozen=True, slots=True)
class Gradual:
    """A gradual transition into a piece. before, after: frames of it on either side of where the pieces meet."""

    kind: str
    variant: str | None
    start_s: float
    end_s: float
    before: int
    after: int

    @property
    def words(self) -> str:
        return self.kind.replace("_", " ") + (f" ({self.variant.replace('_', ' ')})" if self.variant else "")


@dataclass(frozen=True, slots=True)
class Mark:
    """A note on the grid, inside of one piece: it ends where the piece does, if not before. At least one frame long."""

    first: int
    end: int
    note: Note


@dataclass(frozen=True, slots=True)
class Piece:
    """A stretch of the file, at the same frames of the timeline. fields: what the document says of it. line: its reshoot sheet."""

    name: str
    first: int
    end: int
    fields: dict[str, Any] = field(default_factory=dict)
    line: str = ""
    entered: Gradual | None = None
    marks: tuple[Mark, ...] = ()


@dataclass(frozen=True, slots=True)
class Plan:
    """A timeline.

    Attributes:
        frames: Length of the file on the grid.
        pieces: Shots, in order of time, none over another. Where the clip has a picture and its shots are not known: the whole clip.
        sound: The sound track; None where there is none.
        file: Name of the clip's file. url: where it is; None where that is not known.
        facts: What stands under "reelscope" in the timeline's metadata.
        remarks: What a reader of the times must know, sentence by sentence.
    """

    document: Document
    grid: Grid
    title: str
    frames: int
    pieces: tuple[Piece, ...]
    sound: Piece | None
    file: str
    url: str | None
    facts: dict[str, Any]
    remarks: tuple[str, ...]


def plan(material: Material) -> Plan:
    """The timeline of a document."""
    document = material.document
    grid = grid_of(document.media)
    rule = _Rule(grid, document.media.duration_s)
    pieces, short = _pieces(document, rule)
    sound = _sound(document, rule)
    marks = [Mark(f, max(f + 1, rule.at(n.end_s)), n) for n in notes_of(document) if (f := min(rule.at(n.start_s), rule.frames - 1)) >= 0]
    if pieces:
        pieces = _marked(pieces, marks)
    elif sound is not None:
        (sound,) = _marked([sound], marks)
    file = one_line(file_name(material.clip or document.source.path or document.source.url or "") or "clip", FILE_NAME_LENGTH)
    remarks = tuple(_remarks(document, grid, short, pieces))
    return Plan(
        document=document,
        grid=grid,
        title=one_line(material.title, TITLE_LENGTH) or one_line(document.analysis_id, TITLE_LENGTH),
        frames=rule.frames,
        pieces=tuple(pieces),
        sound=sound,
        file=file,
        url=media_url(material.clip) if material.clip else None,
        facts=_facts(document, grid, file, remarks),
        remarks=remarks,
    )


@dataclass(frozen=True, slots=True)
class _Rule:
    """Seconds to frames of a clip: nothing lies outside of it, and a clip with any length has at least one frame."""

    grid: Grid
    duration_s: float

    @property
    def frames(self) -> int:
        return max(self.grid.frame(self.duration_s), 1 if self.duration_s > 0 else 0)

    def at(self, t_s: float) -> int:
        return self.frames if t_s >= self.duration_s else max(0, min(self.grid.frame(t_s), self.frames))


def _pieces(document: Document, rule: _Rule) -> tuple[list[Piece], list[int]]:
    """Shots as pieces, and the indices of those that are shorter than the grid can show."""
    lines = _lines(document)
    pieces: list[Piece] = []
    short = []
    for shot in document.shots:
        # Shots of a document tile the clip. One made by hand may not: what overlaps begins where the last one ended.
        first = max(rule.at(shot.start_s), pieces[-1].end if pieces else 0)
        end = rule.at(shot.end_s)
        if end <= first:
            short.append(shot.index)
            continue
        entered = _gradual(shot, first, end, pieces[-1], rule) if pieces and pieces[-1].end == first else None
        fields = cleaned(shot.model_dump(mode="json"))
        pieces.append(Piece(f"Shot {shot.index + 1}", first, end, fields, lines.get(shot.index, ""), entered))
    if not pieces and document.media.width_px is not None and rule.frames:
        pieces.append(Piece("Whole clip", 0, rule.frames))
    return pieces, short


def _lines(document: Document) -> dict[int, str]:
    """What the reshoot sheet says of each shot, by its index."""
    insight = document.insights.get("reshoot")
    if insight is None or insight.status != "ok":
        return {}
    return {s["index"]: one_line(s["line"], 2000) for s in insight.model_dump(mode="json").get("shots") or () if s.get("line")}


def _gradual(shot: ShotRow, first: int, end: int, before: Piece, rule: _Rule) -> Gradual | None:
    """The transition into a shot; None for a cut. It leaves to the shot before what its own transition needs, and ends with this shot."""
    how = shot.transition_in
    if how is None or how.end_s <= how.start_s:
        return None
    room = before.end - before.first - (before.entered.after if before.entered else 0)
    ahead = min(max(0, first - rule.at(how.start_s)), room)
    behind = min(max(0, rule.at(how.end_s) - first), end - first)
    if ahead + behind == 0:
        return None
    variant = one_line(how.variant, 40) if how.variant else None
    return Gradual(one_line(how.kind, 40), variant, how.start_s, how.end_s, ahead, behind)


def _sound(document: Document, rule: _Rule) -> Piece | None:
    audio = document.media.audio
    if audio is None:
        return None
    first, end = rule.at(audio.start_s), rule.at(audio.start_s + audio.duration_s)
    return Piece("Sound", first, end, cleaned(audio.model_dump(mode="json"))) if end > first else None


def _marked(pieces: list[Piece], marks: list[Mark]) -> list[Piece]:
    """Each mark in the piece in which it begins; in the last one before it where it begins in none."""
    held: list[list[Mark]] = [[] for _ in pieces]
    firsts = [p.first for p in pieces]
    for mark in marks:
        index = max(0, bisect_right(firsts, mark.first) - 1)
        piece = pieces[index]
        first = min(max(mark.first, piece.first), piece.end - 1)
        held[index].append(replace(mark, first=first, end=max(first + 1, min(mark.end, piece.end))))
    return [replace(p, marks=tuple(own)) for p, own in zip(pieces, held, strict=True)]


def _remarks(document: Document, grid: Grid, short: list[int], pieces: list[Piece]) -> list[str]:
    media = document.media
    out = [grid.why] if grid.why else []
    if media.slides is not None:
        out.append("made of still pictures: how long each is shown was chosen for the clip, not by the post")
    if media.start_s > 0:
        out.append(f"the picture begins {media.start_s:.3f} s after the sound")
    if short:
        names = ", ".join(str(i + 1) for i in short[:20]) + (" and more" if len(short) > 20 else "")
        out.append(f"shorter than a frame of the grid and left out: shot {names}")
    if pieces and not document.shots:
        cuts = document.analyzers["cut_analysis"]
        out.append(f"shots not known: {one_line(cuts.reason or cuts.status.replace('_', ' '), 200)}")
    return out


def _facts(document: Document, grid: Grid, file: str, remarks: tuple[str, ...]) -> dict[str, Any]:
    media = document.media
    return cleaned(
        {
            "analysis_id": document.analysis_id,
            "sha256": document.source.sha256,
            "version": document.run.version,
            "file": file,
            "duration_s": media.duration_s,
            "start_s": media.start_s,
            "fps": media.fps,
            "vfr": media.vfr,
            "rate": grid.words,
            "rate_is_nominal": grid.nominal,
            "slides": media.slides,
            "remarks": list(remarks),
        }
    )
