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
        pictures: Whether it shows keyframes: others need not be given any.
    """

    module: str
    function: str
    files: Mapping[str, str]
    what: str
    pictures: bool = False

    def make(self, material: Material) -> dict[str, bytes]:
        """The files."""
        function: Callable[[Material], dict[str, bytes]] = getattr(importlib.import_module(self.module), self.function)
        return function(material)


def _tables(ending: str, media_type: str, what: str) -> Format:
    files = {f"{name}.{ending}": media_type for name in ("shots", "segments", "analyzers")}
    return Format("reelscope.document.exports.tables", ending, files, what)


FORMATS: Mapping[str, Format] = {
    "srt": Format("reelscope.document.exports.subtitles", "srt", {"speech.srt": "application/x-subrip", "text.srt": "application/x-subrip"},
                  "subtitles from speech, and the text on screen"),
    "vtt": Format("reelscope.document.exports.subtitles", "vtt", {"speech.vtt": "text/vtt", "text.vtt": "text/vtt"},
                  "the same subtitles as WebVTT, for the web"),
    "ass": Format("reelscope.document.exports.subtitles", "ass", {"speech.ass": "text/x-ssa", "text.ass": "text/x-ssa"},
                  "the same subtitles as ASS, each word lit up while it is spoken, texts where they stand"),
    "csv": _tables("csv", "text/csv", "tables of the shots, of every segment and of the analyzers, for spreadsheets"),
    "jsonl": _tables("jsonl", "application/jsonl", "the same tables as JSON, an object a line"),
    "parquet": _tables("parquet", "application/vnd.apache.parquet", "the same tables as Parquet, for data frames"),
    "otio": Format("reelscope.document.exports.timelines", "otio", {"timeline.otio": "application/json"},
                   "OpenTimelineIO: shots as clips, insights as markers"),
    "edl": Format("reelscope.document.exports.timelines", "edl", {"timeline.edl": "text/plain"},
                  "CMX 3600 edit list"),
    "fcpxml": Format("reelscope.document.exports.timelines", "fcpxml", {"timeline.fcpxml": "application/xml"},
                     "Final Cut Pro XML"),
    "contact-sheet": Format("reelscope.document.exports.contact_sheet", "contact_sheet", {"contact-sheet.png": "image/png"},
                            "every shot's keyframe on one picture", pictures=True),
}  # fmt: skip


def export(name: str, material: Material) -> dict[str, bytes]:
    """The files of one format, by name.

    Raises:
        KeyError: There is no such format.
    """
    return FORMATS[name].make(material)
