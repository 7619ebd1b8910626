"""The tables as files. The same columns and values in each format; only how a list or a null is written differs."""

from __future__ import annotations

import json
from typing import Any

from reelscope.document.exports.shapes import Material
from reelscope.document.exports.tables.columns import TABLES, Kind
from reelscope.document.exports.tables.rows import rows_of
from reelscope.document.table.write import Field, csv_bytes, parquet_bytes

__all__ = ["csv", "jsonl", "parquet"]

BETWEEN = " | "  # a line break would make rows of several lines, a comma or slash stands in texts too often


def csv(material: Material) -> dict[str, bytes]:
    """For spreadsheets: UTF-8, commas, blank for null; a text that would begin a formula gets an apostrophe before it."""
    return {
        f"{name}.csv": csv_bytes(
            [c.name for c in TABLES[name]], [{c.name: _csv_cell(c.kind, row[c.name]) for c in TABLES[name]} for row in rows]
        )
        for name, rows in rows_of(material.document).items()
    }


def jsonl(material: Material) -> dict[str, bytes]:
    r"""One JSON object a line, ended by \n, with every column in every line; lists and `fields` are JSON of their own."""
    return {
        f"{name}.jsonl": b"".join(json.dumps(row, ensure_ascii=False, allow_nan=False).encode() + b"\n" for row in rows)
        for name, rows in rows_of(material.document).items()
    }


def parquet(material: Material) -> dict[str, bytes]:
    """Typed columns, all nullable, with unit and meaning in the fields' metadata.

    Raises:
        InputError: pyarrow is not installed.
    """
    made = {}
    for name, rows in rows_of(material.document).items():
        fields: list[Field] = [
            (c.name, "text" if c.kind == "json" else c.kind, {"unit": c.unit, "meaning": c.meaning, "format": "json" * (c.kind == "json")})
            for c in TABLES[name]
        ]
        cells = [{c.name: _json_text(row[c.name]) if c.kind == "json" else row[c.name] for c in TABLES[name]} for row in rows]
        made[f"{name}.parquet"] = parquet_bytes(fields, cells)
    return made


def _csv_cell(kind: Kind, value: Any) -> Any:
    if kind == "json":
        return _json_text(value)
    if kind == "texts":
        return BETWEEN.join(value) or None if value is not None else None
    return value


def _json_text(value: Any) -> str | None:
    return None if value is None else json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
