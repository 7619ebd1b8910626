"""Documents in other programs' formats: subtitles, tables, edit lists, a contact sheet. Which and how: docs/exports.md."""

from __future__ import annotations

from reelscope.document.exports.counts import count_of
from reelscope.document.exports.registry import FORMATS, Format, export
from reelscope.document.exports.shapes import ExportOptions, Material, title_of

__all__ = ["FORMATS", "ExportOptions", "Format", "Material", "count_of", "export", "title_of"]
