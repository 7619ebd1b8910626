"""Tables for spreadsheets and data frames: shots, segments of every analyzer, analyzers. The columns: docs/exports.md."""

from __future__ import annotations

from reelscope.document.exports.tables.columns import TABLES, TableColumn
from reelscope.document.exports.tables.reference import tables_reference
from reelscope.document.exports.tables.write import csv, jsonl, parquet

__all__ = ["TABLES", "TableColumn", "csv", "jsonl", "parquet", "tables_reference"]
