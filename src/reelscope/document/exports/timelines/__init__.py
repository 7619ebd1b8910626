"""A clip's shots as a timeline for editing programs: OpenTimelineIO, EDL (CMX 3600), Final Cut Pro XML. docs/exports/timelines.md.

All three are written from one plan in whole frames (`_plan`), so they agree to the frame. The libraries behind them are imported when a
timeline is asked for.
"""

from __future__ import annotations

from reelscope.document.exports.shapes import Material
from reelscope.document.exports.timelines._plan import plan

__all__ = ["edl", "fcpxml", "otio"]


def otio(material: Material) -> dict[str, bytes]:
    """OpenTimelineIO's JSON: a track of shots, a track of sound, transitions, markers, and every field of a shot as metadata."""
    import opentimelineio

    from reelscope.document.exports.timelines._build import build

    made = plan(material)
    timeline = build(made, rate=float(made.grid.rate), url=made.url)
    return {"timeline.otio": opentimelineio.adapters.write_to_string(timeline, "otio_json").encode() + b"\n"}


def edl(material: Material) -> dict[str, bytes]:
    """An edit decision list after CMX 3600: names, reels and timecode in ASCII, comments in UTF-8."""
    from reelscope.document.exports.timelines._cmx import edl_text

    return {"timeline.edl": edl_text(plan(material), material.clip).encode()}


def fcpxml(material: Material) -> dict[str, bytes]:
    """Final Cut Pro XML, version 1.8."""
    from reelscope.document.exports.timelines._final_cut import fcpxml_text

    return {"timeline.fcpxml": fcpxml_text(plan(material)).encode()}
