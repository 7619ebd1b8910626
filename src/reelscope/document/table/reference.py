"""docs/table.md, generated from the columns."""

from __future__ import annotations

from collections.abc import Iterable

from reelscope.document.names import ANALYZER_NAMES
from reelscope.document.table.column import Column
from reelscope.document.table.columns import COLUMNS, FACTS, MEASURED, header

__all__ = ["table_reference"]

HEAD = """# Table of many clips

Generated from the columns by `make docs`; do not edit.

`reelscope table DIR --to csv,parquet [--out PATH]` writes one row for each document below DIR: {columns} columns, of which {measured} were
measured. Each of these has a twin `<column>_why` behind it ({all} names in all). A cell that was not measured is blank, and its twin says
why: the status and reason of the analyzer or insight, or what the document says about that one figure. A cell with a value has a blank
twin. Columns are added, never renamed.

## Which files

All `*.json` below DIR that are documents, in order of their paths; hidden folders and links to folders are not entered. A file that is
damaged, too large (over 64 MiB) or no document gives no row: it is told on stderr with the reason. Two documents of one clip give two rows
with the same `sha256`; how many there are is told. Values are read as they stand; a value of another type than its column's is blank and
says so. Exit code: 0 with at least one row, 2 with none.

Without `--out` the files are `table.csv` and `table.parquet` in DIR. PATH is a folder, or a file that ends in `.csv` or `.parquet`; of two
formats both files get its name. All files are written or none.

## CSV

UTF-8 without a byte-order mark, commas, lines ended by a line feed, a text with a comma, quote or line break in double quotes (RFC 4180).
Numbers stand as in the document, with a point; yes and no are `true` and `false`.

The words in a clip are somebody else's, and a spreadsheet runs a cell that begins like a formula. So a text that begins with `=`, `+`, `-`,
`@`, a tab, a line break or the wide form of one of the signs gets an apostrophe before it, and so does one that has apostrophes before such
a sign. Taking one apostrophe away from cells of that form gives back the text. A spreadsheet that splits lines at semicolons (some
languages' setting) must be told that the separator is a comma: it would find cells inside of texts.

## Parquet

Columns are `string`, `int64`, `double` or `bool`, all nullable, with unit and meaning in the fields' metadata. Texts stand as they are,
without the apostrophe.

"""


def table_reference() -> str:
    """The page: what the table is, and every column with type, unit, meaning and place in the document."""
    head = HEAD.format(columns=len(COLUMNS), measured=len(MEASURED), all=len(header()))
    return head + "## Facts of the file and the run\n\n" + _rows(FACTS) + "\n## Measured, each with its twin\n\n" + _rows(MEASURED)


def _rows(columns: Iterable[Column]) -> str:
    lines = ["| column | type | unit | what | from |", "|---|---|---|---|---|"]
    lines += [f"| `{c.name}` | {c.kind} | {c.unit} | {c.meaning} | {_place(c)} |" for c in columns]
    return "\n".join(lines) + "\n"


def _place(column: Column) -> str:
    if column.source == "table":
        return "the table"
    if column.source == "document":
        return f"`{column.path}`"
    part = "analyzers." if column.source in ANALYZER_NAMES else "insights." if column.measured else ""
    return (
        f"`{part}{column.source}.{column.path}`" + (f" = {column.equals}" if column.equals else "") + (", its keys" if column.keys else "")
    )
