"""The formats by name. Each makes one file or several, always all of them: with nothing to say a file is valid and empty."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from reelscope.document.exports.shapes import Material

__all__ = ["FORMATS", "Format", "export"]


@dataclass(frozen=True, slots=True)
class Format:
    """One format.

    Attributes:
        module: Module of this package that makes it; imported when it is asked for, because some libraries behind them are heavy.
        function: Takes the material, returns bytes by file name.
        files: Names of the files that it makes, with their media types.
        what: A line for people.
    """

    module: str
    function: str
    files: Mapping[str, str]
    what: str

    def make(self, material: Material) -> dict[str, bytes]:
        """The files."""
        function: Callable[[Material], dict[str, bytes]] = getattr(importlib.import_module(self.module), self.function)
        return function(material)


FORMATS: Mapping[str, Format] = {
    "srt": Format("reelscope.document.exports.subtitles", "srt", {"speech.srt": "application/x-subrip", "text.srt": "application/x-subrip"},
                  "subtitles from speech, and the text on screen"),
    "vtt": Format("reelscope.document.exports.subtitles", "vtt", {"speech.vtt": "text/vtt", "text.vtt": "text/vtt"},
                  "the same as WebVTT, for the web"),
    "ass": Format("reelscope.document.exports.subtitles", "ass", {"speech.ass": "text/x-ssa", "text.ass": "text/x-ssa"},
                  "the same as ASS, each word lit up while it is spoken, texts where they stand"),
    "csv": Format("reelscope.document.exports.tables", "csv", {"shots.csv": "text/csv", "segments.csv": "text/csv"},
                  "the shot list, and every segment of every analyzer, as CSV"),
    "jsonl": Format("reelscope.document.exports.tables", "jsonl", {"segments.jsonl": "application/jsonl"},
                    "every segment of every analyzer, one JSON object a line"),
    "parquet": Format("reelscope.document.exports.tables", "parquet", {"segments.parquet": "application/vnd.apache.parquet"},
                      "every segment of every analyzer, as Parquet"),
    "otio": Format("reelscope.document.exports.timelines", "otio", {"timeline.otio": "application/json"},
                   "OpenTimelineIO: shots as clips, insights as markers"),
    "edl": Format("reelscope.document.exports.timelines", "edl", {"timeline.edl": "text/plain"},
                  "CMX 3600 edit list"),
    "fcpxml": Format("reelscope.document.exports.timelines", "fcpxml", {"timeline.fcpxml": "application/xml"},
                     "Final Cut Pro XML"),
    "contact-sheet": Format("reelscope.document.exports.contact_sheet", "contact_sheet", {"contact-sheet.png": "image/png"},
                            "every shot's keyframe on one picture"),
}  # fmt: skip


def export(name: str, material: Material) -> dict[str, bytes]:
    """The files of one format, by name.

    Raises:
        KeyError: There is no such format.
    """
    return FORMATS[name].make(material)
