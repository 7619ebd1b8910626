"""Final Cut Pro XML, through OpenTimelineIO's adapter, whose output is then mended.

The adapter tells times by floating point, knows eight rates by rounded names, asks ffprobe about the clip, looks elements up by paths
in which a name with a quote is an error, and writes neither frame size, nor notes, nor transitions. So it is given frames at 24 a second,
which it tells exactly, and an address that leads nowhere. Here every time becomes the exact fraction of a second, and what is missing is
added.

Elements and attributes are those of the document type definition of FCPXML 1.8, in its order.
"""

from __future__ import annotations

from fractions import Fraction
from urllib.parse import quote
from xml.etree import ElementTree
from xml.etree.ElementTree import Element, SubElement

import opentimelineio as otio

from reelscope.document.exports.timelines._build import build
from reelscope.document.exports.timelines._grid import Grid
from reelscope.document.exports.timelines._notes import TO_DO
from reelscope.document.exports.timelines._plan import Gradual, Piece, Plan
from reelscope.document.exports.timelines._text import one_line

__all__ = ["fcpxml_text"]

HEAD = '<?xml version="1.0" encoding="UTF-8"?>\n<!DOCTYPE fcpxml>\n'
# The adapter's table has 24, and k / 24 * 24 is k in floating point for every frame of a day.
TICKS = 24
# Leads nowhere: `.invalid` is reserved for that (RFC 2606). The adapter runs ffprobe on a file that is there.
NOWHERE = "file://reelscope.invalid/clip"
TIMES = ("duration", "offset", "start")
# Final Cut Pro's own transition. Between two stretches that run on in one file it mixes each frame with itself, so no fade or wipe is put
# over the one that the picture shows already.
CROSS_DISSOLVE = ("Cross Dissolve", "FxPlug:4731E73A-8DAC-4113-9A30-AE85B1761265")
COLOUR_SPACES = {"hlg": "9-18-9 (Rec. 2020 HLG)", "pq": "9-16-9 (Rec. 2020 PQ)"}
SEQUENCE_RATES = {32000: "32k", 44100: "44.1k", 48000: "48k", 88200: "88.2k", 96000: "96k", 176400: "176.4k", 192000: "192k"}
LAYOUTS = {1: "mono", 2: "stereo", 6: "surround"}
NO_PICTURE_PX = (1920, 1080)  # a sequence has a frame, even where it holds sound alone
NOTE_LENGTH = 2000


def fcpxml_text(plan: Plan) -> str:
    """The document, the same for the same plan."""
    given = build(plan, rate=float(TICKS), url=NOWHERE, bare=True)
    for marker in (m for clip in given.find_clips() for m in clip.markers):
        # Red is the adapter's word for a marker that waits to be done, green for one that is done; anything else is a plain one.
        colours = otio.schema.MarkerColor
        marker.color = colours.RED if marker.metadata["reelscope"]["kind"] in TO_DO else colours.PURPLE
    root = ElementTree.fromstring(otio.adapters.write_to_string(given, "fcpx_xml"))
    _tidy(root)
    _retime(root, plan.grid)
    _resources(root, plan)
    _sequence(root, plan)
    ElementTree.indent(root, "    ")
    return HEAD + ElementTree.tostring(root, encoding="unicode") + "\n"


def _tidy(root: Element) -> None:
    """Without the printer's blanks, without a browser clip for each shot (each would be the whole file again), without empty attributes."""
    for element in root.iter():
        element.text = element.tail = None
        for name in [n for n, value in element.attrib.items() if not value]:
            del element.attrib[name]
    for clip in root.findall("asset-clip"):
        root.remove(clip)


def _retime(root: Element, grid: Grid) -> None:
    """From ticks to frames: every time is a whole number of frames of the exact rate."""
    for element in root.iter():
        for name in TIMES:
            if name in element.attrib:
                ticks = Fraction(element.attrib[name].removesuffix("s")) * TICKS
                if ticks.denominator != 1:
                    raise ArithmeticError(f"{element.tag} {name}={element.attrib[name]} is no whole number of ticks")
                element.set(name, _time(ticks.numerator, grid))


def _time(frames: int, grid: Grid) -> str:
    """Seconds as Final Cut Pro writes them: over one denominator for the whole document, `200200/30000s`, `200/3000s`."""
    if frames == 0:
        return "0s"
    scale = 100 if grid.rate.denominator == 1 else 1
    return f"{frames * grid.rate.denominator * scale}/{grid.rate.numerator * scale}s"


def _resources(root: Element, plan: Plan) -> None:
    """The frame and the file."""
    media = plan.document.media
    resources = _found(root, "resources")
    frame = _found(resources, "format")
    width, height = (media.width_px, media.height_px) if media.width_px and media.height_px else NO_PICTURE_PX
    frame.attrib.pop("name", None)
    frame.attrib.update({"frameDuration": _time(1, plan.grid), "width": str(width), "height": str(height)})
    if media.hdr in COLOUR_SPACES:
        frame.set("colorSpace", COLOUR_SPACES[media.hdr])
    for asset in resources.findall("asset"):
        # Without an address the name of the file stands there, beside the document: Final Cut Pro then asks for it.
        asset.attrib.update({"name": plan.file, "src": plan.url or quote(plan.file)})
        for has in ("hasVideo", "hasAudio"):
            if asset.get(has) == "0":
                del asset.attrib[has]
        if "hasVideo" not in asset.attrib:
            asset.attrib.pop("format", None)
        if media.audio is not None and "hasAudio" in asset.attrib:
            asset.attrib.update(audioSources="1", audioChannels=str(media.audio.channels), audioRate=str(media.audio.rate_hz))
    if any(piece.entered for piece in plan.pieces):
        name, uid = CROSS_DISSOLVE
        SubElement(resources, "effect", {"id": _effect_id(resources), "name": name, "uid": uid})


def _effect_id(resources: Element) -> str:
    return f"r{len(resources) + 1}"


def _sequence(root: Element, plan: Plan) -> None:
    """Timecode, notes, transitions."""
    sequence = _found(root, "project/sequence")
    sequence.attrib.update(tcStart="0s", tcFormat="NDF")
    audio = plan.document.media.audio
    if audio is not None and audio.channels in LAYOUTS:
        sequence.set("audioLayout", LAYOUTS[audio.channels])
    if audio is not None and audio.rate_hz in SEQUENCE_RATES:
        sequence.set("audioRate", SEQUENCE_RATES[audio.rate_hz])
    _note(sequence, _about(plan))
    spine = _found(sequence, "spine")
    effect = root.find("resources/effect")
    for clip, piece in zip(spine.findall("clip"), plan.pieces, strict=True):
        _note(clip, piece.line)
        _marker_notes(clip, piece)
        if piece.entered is not None and effect is not None:
            spine.insert(list(spine).index(clip), _transition(piece.entered, piece.first, effect.attrib["id"], plan.grid))
    if plan.sound is not None:
        _marker_notes(next(c for c in sequence.iter("clip") if c.get("lane")), plan.sound)


def _marker_notes(clip: Element, piece: Piece) -> None:
    for marker, mark in zip(clip.findall("marker"), piece.marks, strict=True):
        marker.set("note", mark.note.comment)


def _transition(how: Gradual, at: int, effect: str, grid: Grid) -> Element:
    made = Element(
        "transition", {"name": how.words, "offset": _time(at - how.before, grid), "duration": _time(how.before + how.after, grid)}
    )
    SubElement(made, "filter-video", {"ref": effect, "name": CROSS_DISSOLVE[0]})
    return made


def _note(element: Element, text: str) -> None:
    if text:
        note = Element("note")
        note.text = one_line(text, NOTE_LENGTH)
        element.insert(0, note)


def _about(plan: Plan) -> str:
    facts = plan.facts
    rate = f"{facts['rate']} frames a second{' (nominal)' if plan.grid.nominal else ''}"
    return "; ".join([f"reelscope analysis {facts['analysis_id']}", f"sha256 {facts['sha256']}", rate, *plan.remarks])


def _found(parent: Element, path: str) -> Element:
    """An element that the adapter always writes.

    Raises:
        LookupError: It has not: another version of the adapter.
    """
    found = parent.find(path)
    if found is None:
        raise LookupError(f"the FCPXML adapter wrote no {path}")
    return found
