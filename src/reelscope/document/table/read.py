"""Documents as rows: finding them below a folder, reading them without checking every field, and saying why a cell is blank.

A document of a 20 s clip is some 300 kB, of which a row needs a hundred values: `json.loads` and a walk along the paths take a few
milliseconds; building the document's classes would double that, and would refuse a whole row for one field that is damaged.
"""

from __future__ import annotations

import json
import os
import stat
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import Any

from reelscope.document.names import ANALYZER_NAMES
from reelscope.document.schema import SCHEMA_VERSION
from reelscope.document.table.column import WHY, Column, Kind
from reelscope.document.table.columns import COLUMNS
from reelscope.document.unread import measured

__all__ = ["MAX_BYTES", "Cell", "Row", "Skipped", "Table", "find_documents", "plain", "read_row", "read_table", "row_of", "typed"]

Cell = str | int | float | bool | None
Row = dict[str, Cell]

MAX_BYTES = 64 * 1024 * 1024  # documents stay below 3 MB a minute of clip; what is far larger is not ours, and is not read into memory
POOL_FROM = 64  # files: below, they are read sooner than processes start (0.3 s)
CHUNK = 8
INT64 = 2**63  # what a column of whole numbers holds in Parquet

NULL = "null in the document, which gives no reason"


@dataclass(frozen=True, slots=True)
class Skipped:
    """A file that gives no row. path: relative to the folder."""

    path: str
    reason: str


@dataclass(frozen=True, slots=True)
class Table:
    """Rows by document, and the files that gave none; both in order of their paths."""

    rows: list[Row]
    skipped: list[Skipped]


def find_documents(folder: Path) -> list[str]:
    """Paths of all JSON files below a folder, relative to it, in order. Hidden folders and links to folders are not entered."""
    found: list[str] = []
    for here, folders, names in os.walk(folder):
        folders[:] = [name for name in folders if not name.startswith(".")]
        found += [(Path(here) / name).relative_to(folder).as_posix() for name in names if name.lower().endswith(".json")]
    return sorted(name for name in found if not name.rpartition("/")[2].startswith("."))


def read_table(
    folder: Path, names: Sequence[str], *, workers: int = 1, progress: Callable[[int, int], None] = lambda done, total: None
) -> Table:
    """Read documents.

    Args:
        folder: What the names are relative to.
        names: As `find_documents` gives them.
        workers: Processes that read; one reads here.
        progress: Called with the files that are done and all of them.
    """
    rows: list[Row] = []
    skipped: list[Skipped] = []
    for done, result in enumerate(_each(folder, names, workers), 1):
        if isinstance(result, Skipped):
            skipped.append(result)
        else:
            rows.append(result)
        progress(done, len(names))
    return Table(rows, skipped)


def _each(folder: Path, names: Sequence[str], workers: int) -> Iterator[Row | Skipped]:
    """Results in the order of the names."""
    if workers < 2 or len(names) < POOL_FROM:
        yield from (read_row(folder, name) for name in names)
        return
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
        try:
            yield from pool.map(read_row, [folder] * len(names), names, chunksize=CHUNK)
        finally:
            pool.shutdown(wait=True, cancel_futures=True)


def read_row(folder: Path, name: str) -> Row | Skipped:
    """One file's row, or why it has none."""
    path = folder / name
    try:
        facts = path.stat()
        if not stat.S_ISREG(facts.st_mode):  # to open a named pipe would wait for ever
            return Skipped(plain(name), "no regular file")
        if facts.st_size > MAX_BYTES:
            return Skipped(plain(name), f"{facts.st_size} bytes are too many for a document")
        data = path.read_bytes()
    except OSError as error:
        return Skipped(plain(name), f"cannot be read: {error.strerror or error}")
    try:
        document = json.loads(data, parse_constant=_no_constant)
    except RecursionError:
        return Skipped(plain(name), "is nested too deeply for a document")
    except UnicodeDecodeError:
        return Skipped(plain(name), "is not JSON: no UTF-8")
    except ValueError as error:  # a number of thousands of digits is one too
        return Skipped(plain(name), f"is not JSON: {error}" if data.strip() else "is empty")
    reason = _no_document(document)
    return Skipped(plain(name), reason) if reason else row_of(document, name)


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is no JSON number")


def _no_document(document: Any) -> str | None:
    """Why this is none; None for a document."""
    if not isinstance(document, dict):
        return "is no document: not an object"
    version = document.get("schema_version")
    if not isinstance(version, str):
        return "is no document: it has no schema_version"
    if version.partition(".")[0] != SCHEMA_VERSION.partition(".")[0]:
        return f"has schema version {version[:20]}; this version of reelscope reads {SCHEMA_VERSION.partition('.')[0]}.x"
    lacking = [key for key in ("source", "media", "run", "analyzers") if not isinstance(document.get(key), dict)]
    if lacking:
        return f"is no document: it has no {', '.join(lacking)}"
    if not isinstance(document["source"].get("sha256"), str):
        return "is no document: it has no source.sha256"
    return None


def row_of(document: Mapping[str, Any], name: str, columns: Sequence[Column] = COLUMNS) -> Row:
    """The row of a document.

    Args:
        document: As JSON gives it; nothing in it is trusted to have its type.
        name: Path that the row shows.
    """
    row: Row = {}
    for column in columns:
        if not column.measured:
            row[column.name] = typed(column.kind, _fact(document, name, column))
            continue
        holder, lack = _holder(document, column.source)
        value: Cell = None
        if lack is None:
            raw, lack = _value(holder, column, document)
            value = typed(column.kind, raw)
            if raw is not None and value is None:
                lack = f"the document has no {column.kind} there"
        row[column.name], row[column.name + WHY] = value, None if value is not None else plain(lack or NULL)
    return row


def _fact(document: Mapping[str, Any], name: str, column: Column) -> Any:
    if column.source == "table":
        if column.path == "document":
            return name
        return sum(_mapping(document["analyzers"].get(key)).get("status") == "ok" for key in ANALYZER_NAMES)
    return _walk(document if column.source == "document" else document[column.source], column.path)[0]


def _holder(document: Mapping[str, Any], source: str) -> tuple[Mapping[str, Any], str | None]:
    """The entry of an analyzer or insight, and why it says nothing where it does not."""
    part = "analyzers" if source in ANALYZER_NAMES else "insights"
    entry = _mapping(document.get(part)).get(source)
    if not isinstance(entry, dict):
        return {}, f"the document has no {source}: it was written by reelscope {_version(document)}"
    status = entry.get("status")
    if status == "ok":
        summary = entry.get("summary")
        return (entry | {"summary": measured(source, summary)} if isinstance(summary, dict) else entry), None
    reason = entry.get("reason")
    return entry, f"{status}: {reason}" if reason else f"{status}"


def _value(holder: Mapping[str, Any], column: Column, document: Mapping[str, Any]) -> tuple[Any, str | None]:
    """The value as it stands there; where it is null, the reason."""
    value, there = _walk(holder, column.path)
    if column.equals is not None and isinstance(value, str):
        return value == column.equals, None
    if column.keys and isinstance(value, dict):
        value = " ".join(map(str, value)) or None
    if value is not None:
        return value, None
    reason = _reason(holder, column)
    if reason is None and not there:
        reason = f"the document has no such field: it was written by reelscope {_version(document)}"
    return None, reason or column.absent


def _reason(holder: Mapping[str, Any], column: Column) -> str | None:
    """What the document says about a null: at the column's own places, else under `not_measured` by its path, a part of it or its name."""
    for path in column.why:
        if (said := _walk(holder, path)[0]) and isinstance(said, str):
            return said
    inside, _, path = column.path.rpartition("summary.")
    told = _mapping(_mapping(holder.get("summary") if inside or column.path.startswith("summary.") else holder).get("not_measured"))
    parts = path.split(".")
    for key in (*(".".join(parts[:n]) for n in range(len(parts), 0, -1)), parts[-1]):
        if (said := told.get(key)) and isinstance(said, str):
            return said
    return None


def _walk(holder: Any, path: str) -> tuple[Any, bool]:
    """What stands at a path, and whether anything does: a null that the document has is there."""
    here = holder
    for step in path.split("."):
        key, _, choice = step.partition("[")
        if here is None:  # a part that is null has no figures of its own
            return None, True
        if not isinstance(here, dict) or key not in here:
            return None, False
        here = here[key]
        if choice:
            field, _, wanted = choice.rstrip("]").partition("=")
            rows = here if isinstance(here, list) else []
            here = next((row for row in rows if isinstance(row, dict) and row.get(field) == wanted), None)
    return here, True


def typed(kind: Kind, value: Any) -> Cell:
    """The value if it has the type, else None: no text becomes a number, and no figure is infinite."""
    match kind:
        case "text":
            return plain(value) if isinstance(value, str) else None
        case "bool":
            return value if isinstance(value, bool) else None
        case "int":
            return value if isinstance(value, int) and not isinstance(value, bool) and -INT64 <= value < INT64 else None
        case "float":
            if isinstance(value, bool) or not isinstance(value, (int, float)):
                return None
            return value if -INT64 < value < INT64 else None  # `1e999` is a number in JSON and infinity here; no figure is that large


def plain(text: str) -> str:
    """Text that can be written as UTF-8: halves of surrogate pairs, which JSON may hold, become U+FFFD."""
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _version(document: Mapping[str, Any]) -> str:
    return str(_mapping(document.get("run")).get("version", "of an unknown version"))[:40]
