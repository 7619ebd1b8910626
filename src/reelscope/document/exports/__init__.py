"""Documents in other programs' formats: subtitles, tables, edit lists, a contact sheet. Which and how: docs/exports.md."""

from __future__ import annotations

from reelscope.document.exports.registry import FORMATS, export
from reelscope.document.exports.shapes import ExportOptions, Material

__all__ = ["FORMATS", "ExportOptions", "Material", "export"]
