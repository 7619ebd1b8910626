"""Rows as CSV and as Parquet: of the table of clips, and of whatever other table has columns of these kinds."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal

from reelscope.document.table.column import WHY, Kind
from reelscope.document.table.columns import COLUMNS, header
from reelscope.document.table.read import Cell, Row
from reelscope.errors import InputError

__all__ = ["WRITERS", "Field", "csv_bytes", "harmless", "parquet_bytes", "to_csv", "to_parquet"]

Field = tuple[str, Kind | Literal["texts"], Mapping[str, str]]
"""Name, kind and metadata of a column; `texts`: a list of texts."""

# A spreadsheet runs a cell that begins with one of these as a formula (OWASP, CSV injection); the wide forms count in East Asian locales.
# Apostrophes before it belong to the pattern so that taking one away again gives back the text, whatever it was.
FORMULA = re.compile(r"'*[=+\-@\t\r\n＝＋－＠]")  # noqa: RUF001 - the wide forms are meant


def harmless(text: str) -> str:
    """Text that no spreadsheet runs: one that would begin a formula gets an apostrophe before it."""
    return f"'{text}" if FORMULA.match(text) else text


def to_csv(rows: Sequence[Row]) -> bytes:
    """The table of clips as `csv_bytes`."""
    return csv_bytes(header(), rows)


def csv_bytes(names: Sequence[str], rows: Sequence[Mapping[str, Cell]]) -> bytes:
    r"""UTF-8 without a mark, comma, lines ended by \n, numbers as in the document, true and false, blank for null."""
    out = io.StringIO(newline="")
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(names)
    writer.writerows([_csv_cell(row.get(name)) for name in names] for row in rows)
    return out.getvalue().encode()


def _csv_cell(cell: Cell) -> str:
    if cell is None:
        return ""
    if isinstance(cell, bool):
        return "true" if cell else "false"
    return harmless(cell) if isinstance(cell, str) else repr(cell)


def to_parquet(rows: Sequence[Row]) -> bytes:
    """The table of clips as `parquet_bytes`."""
    fields: list[Field] = []
    for column in COLUMNS:
        fields.append((column.name, column.kind, {"unit": column.unit, "meaning": column.meaning}))
        if column.measured:
            fields.append((column.name + WHY, "text", {"meaning": f"Why {column.name} is blank."}))
    return parquet_bytes(fields, rows)


def parquet_bytes(fields: Sequence[Field], rows: Sequence[Mapping[str, Any]]) -> bytes:
    """Typed, nullable columns; texts as they are. The field's metadata holds unit and meaning.

    Args:
        fields: Name, kind and metadata of each column; blank metadata is left out.

    Raises:
        InputError: pyarrow is not installed.
    """
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError as error:
        raise InputError(
            "Parquet needs the package pyarrow, which is not installed", code="no_pyarrow", hint="pip install pyarrow, or use --to csv"
        ) from error
    types = {
        "text": pyarrow.string(), "int": pyarrow.int64(), "float": pyarrow.float64(), "bool": pyarrow.bool_(),
        "texts": pyarrow.list_(pyarrow.string()),
    }  # fmt: skip
    described, arrays = [], []
    for name, kind, metadata in fields:
        cells = [row.get(name) for row in rows]
        if kind == "float":
            cells = [None if cell is None else float(cell) for cell in cells]
        described.append(pyarrow.field(name, types[kind], metadata={key: value for key, value in metadata.items() if value}))
        arrays.append(pyarrow.array(cells, types[kind]))
    sink = pyarrow.BufferOutputStream()
    pyarrow.parquet.write_table(pyarrow.table(arrays, schema=pyarrow.schema(described)), sink)
    return bytes(sink.getvalue())


WRITERS: dict[str, Callable[[Sequence[Row]], bytes]] = {"csv": to_csv, "parquet": to_parquet}
"""By name of the format, which is also the file's ending."""
