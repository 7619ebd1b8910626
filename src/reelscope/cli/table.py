"""`reelscope table`: the documents below a folder as one table."""

from __future__ import annotations

import os
import sys
import time
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from reelscope.document.table import Table

__all__ = ["table"]

FORMATS = ("csv", "parquet")
TOLD_MOST = 50  # files without a row that are named: a folder with thousands of other JSON files must not hide what matters
SLOW_S = 2.0  # from here on somebody wonders; then a line every so often


def table(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Folder with documents, at any depth.", show_default=False)],
    to: Annotated[
        str | None, typer.Option("--to", metavar="F,F", help="Formats: csv, parquet, or both; without: what --out ends in, else csv.")
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option("--out", metavar="PATH", help="A folder, or a file that ends in .csv or .parquet; without: table.csv in DIR."),
    ] = None,
) -> None:
    """Put documents into a table: one row per clip, each blank cell with its reason beside it.

    The columns stand in docs/table.md. Files that are no documents are told and left out; the exit code is 0 with at least one row.
    """
    from reelscope.document.table import WRITERS, find_documents, read_table
    from reelscope.engine.hardware import available_cores
    from reelscope.errors import InputError
    from reelscope.outputs import out_folder, write_files

    formats = _formats(to, out)
    where, stem = _target(folder, out, formats)
    if not folder.is_dir():
        why = "is no folder" if folder.exists() else "no such folder"
        raise InputError(f"{folder}: {why}", code="no_folder", hint="give the folder with the documents that 'reelscope analyze' wrote")
    found = read_table(folder, find_documents(folder), workers=available_cores(), progress=_Progress())
    _tell(found)
    if not found.rows:
        hint = "analyse clips first: reelscope analyze CLIP --out DIR" if not found.skipped else "none of its JSON files is a document"
        raise InputError(f"{folder}: no documents in it", code="no_documents", hint=hint)
    files = {f"{stem}.{name}": WRITERS[name](found.rows) for name in formats}
    with out_folder(where):
        write_files(where, files)
    _count(found)
    for name in files:
        sys.stdout.write(f"table: {os.path.relpath(where / name)}\n")


def _formats(to: str | None, out: Path | None) -> tuple[str, ...]:
    """What was asked for, each once, in the order given."""
    from reelscope.errors import ConfigError, nearest

    ending = out.suffix.lower().removeprefix(".") if out is not None else ""
    if to is None:
        return (ending,) if ending in FORMATS else ("csv",)
    names = tuple(dict.fromkeys(name for name in (part.strip().lower() for part in to.split(",")) if name))
    for name in names:
        if name not in FORMATS:
            raise ConfigError(f"--to: {name!r} is no format{nearest(name, FORMATS)}", hint=f"formats: {', '.join(FORMATS)}")
    if not names:
        raise ConfigError("--to: no format is given", hint=f"formats: {', '.join(FORMATS)}")
    if ending in FORMATS and ending not in names:
        raise ConfigError(
            f"--out ends in .{ending}, which is not among the formats asked for: {', '.join(names)}", hint=f"add {ending} to --to"
        )
    return names


def _target(folder: Path, out: Path | None, formats: tuple[str, ...]) -> tuple[Path, str]:
    """Folder and name without ending of what will be written.

    Raises:
        InputError: A folder stands where a file is to be.
    """
    from reelscope.errors import InputError

    if out is None:
        where, stem = folder, "table"
    elif out.suffix.lower().removeprefix(".") in FORMATS and not out.is_dir():
        where, stem = out.absolute().parent, out.stem
    else:
        where, stem = out, "table"
    for name in formats:
        if (where / f"{stem}.{name}").is_dir():
            raise InputError(f"{where / f'{stem}.{name}'}: is a folder", code="unwritable_output", hint="choose another file with --out")
    return where.absolute(), stem


def _tell(found: Table) -> None:
    """Files without a row, and clips that stand in several rows."""
    from reelscope.cli.terminal import one_line

    for file in found.skipped[:TOLD_MOST]:
        sys.stderr.write(f"left out: {one_line(file.path)}: {one_line(file.reason)}\n")
    if len(found.skipped) > TOLD_MOST:
        sys.stderr.write(f"left out: {len(found.skipped) - TOLD_MOST} more files\n")
    several = {sha: n for sha, n in Counter(row["sha256"] for row in found.rows).items() if n > 1}
    if several:
        sys.stderr.write(f"{sum(several.values())} rows are of {len(several)} clips that were analysed several times (same sha256)\n")
    sys.stderr.flush()


def _count(found: Table) -> None:
    """How much the table has, once it is written: a figure before an error reads as a success."""
    sys.stderr.write(f"rows: {len(found.rows)}; files left out: {len(found.skipped)}\n")
    sys.stderr.flush()


class _Progress:
    """Says how far the reading is, where it takes long."""

    def __init__(self) -> None:
        self._next = time.monotonic() + SLOW_S

    def __call__(self, done: int, total: int) -> None:
        now = time.monotonic()
        if now >= self._next and done < total:
            self._next = now + SLOW_S
            sys.stderr.write(f"{done} of {total} files read\n")
            sys.stderr.flush()
