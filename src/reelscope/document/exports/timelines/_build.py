"""A plan as an OpenTimelineIO timeline: the one that is written as it is, and those that the other formats' adapters are given."""

from __future__ import annotations

from typing import Any

import opentimelineio as otio
from opentimelineio.opentime import RationalTime, TimeRange

from reelscope.document.exports.timelines._notes import Note
from reelscope.document.exports.timelines._plan import Gradual, Mark, Piece, Plan

__all__ = ["KEY", "build"]

KEY = "reelscope"  # of all metadata


def build(plan: Plan, *, rate: float, url: str | None, marks: bool = True, bare: bool = False) -> Any:
    """The timeline.

    Args:
        plan: What stands on it.
        rate: Frames a second that its times are told at. An adapter that cannot tell the plan's own rate gets one that it can: frames
            stay frames.
        url: Where the clip is; None: every clip has a missing reference, which says the file's name.
        marks: Whether clips have their markers.
        bare: Only what an adapter writes down: no metadata, and a gap for the picture of a clip of sound alone.
    """
    timeline = otio.schema.Timeline(name=plan.title)
    maker = _Maker(plan, rate, url, marks=marks, bare=bare)
    picture = otio.schema.Track(name="Picture", kind=otio.schema.TrackKind.Video)
    sound = otio.schema.Track(name="Sound", kind=otio.schema.TrackKind.Audio)
    if plan.pieces:
        maker.fill(picture, plan.pieces)
    elif bare and plan.frames:
        picture.append(maker.gap(0, plan.frames))
    if plan.pieces or bare:
        timeline.tracks.append(picture)
    if plan.sound is not None:
        maker.fill(sound, [plan.sound])
        timeline.tracks.append(sound)
    if not bare:
        timeline.metadata[KEY] = plan.facts
    return timeline


class _Maker:
    def __init__(self, plan: Plan, rate: float, url: str | None, *, marks: bool, bare: bool) -> None:
        self.plan, self.rate, self.url, self.marks, self.bare = plan, rate, url, marks, bare

    def fill(self, track: Any, pieces: Any) -> None:
        """Pieces one after the other, gaps where there is none."""
        at = 0
        for piece in pieces:
            if piece.first > at:
                track.append(self.gap(at, piece.first))
            if piece.entered is not None:
                track.append(self.transition(piece.entered))
            track.append(self.clip(piece))
            at = piece.end

    def span(self, first: int, end: int) -> Any:
        return TimeRange(RationalTime(first, self.rate), RationalTime(end - first, self.rate))

    def gap(self, first: int, end: int) -> Any:
        return otio.schema.Gap(source_range=self.span(0, end - first))

    def clip(self, piece: Piece) -> Any:
        clip = otio.schema.Clip(name=piece.name, media_reference=self.reference(), source_range=self.span(piece.first, piece.end))
        if not self.bare:
            clip.metadata[KEY] = piece.fields | ({"reshoot": piece.line} if piece.line else {})
        for mark in piece.marks if self.marks else ():
            clip.markers.append(self.marker(mark))
        return clip

    def reference(self) -> Any:
        """The whole file."""
        available = self.span(0, self.plan.frames)
        if self.url is None:
            missing = otio.schema.MissingReference(name=self.plan.file, available_range=available)
            missing.metadata[KEY] = {"file": self.plan.file, "sha256": self.plan.facts["sha256"]}
            return missing
        reference = otio.schema.ExternalReference(target_url=self.url, available_range=available)
        reference.name = self.plan.file
        return reference

    def transition(self, how: Gradual) -> Any:
        dissolve = how.kind == "dissolve"
        made = otio.schema.Transition(
            name=how.words,
            transition_type=otio.schema.TransitionTypes.SMPTE_Dissolve if dissolve else otio.schema.TransitionTypes.Custom,
            in_offset=RationalTime(how.before, self.rate),
            out_offset=RationalTime(how.after, self.rate),
        )
        made.metadata[KEY] = {"kind": how.kind, "variant": how.variant, "start_s": how.start_s, "end_s": how.end_s}
        return made

    def marker(self, mark: Mark) -> Any:
        note: Note = mark.note
        made = otio.schema.Marker(
            name=note.name, marked_range=self.span(mark.first, mark.end), color=getattr(otio.schema.MarkerColor, note.colour)
        )
        made.comment = note.comment
        made.metadata[KEY] = {"kind": note.kind, "start_s": note.start_s, "end_s": note.end_s}
        return made
