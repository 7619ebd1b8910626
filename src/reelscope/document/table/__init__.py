"""Documents as a table, one row a clip. The columns and the rules: docs/table.md."""

from __future__ import annotations

from reelscope.document.table.column import WHY, Column
from reelscope.document.table.columns import COLUMNS, FACTS, MEASURED, header
from reelscope.document.table.read import Cell, Row, Skipped, Table, find_documents, read_row, read_table, row_of
from reelscope.document.table.reference import table_reference
from reelscope.document.table.write import WRITERS, harmless, to_csv, to_parquet

__all__ = [
    "COLUMNS",
    "FACTS",
    "MEASURED",
    "WHY",
    "WRITERS",
    "Cell",
    "Column",
    "Row",
    "Skipped",
    "Table",
    "find_documents",
    "harmless",
    "header",
    "read_row",
    "read_table",
    "row_of",
    "table_reference",
    "to_csv",
    "to_parquet",
]
