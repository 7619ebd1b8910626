"""What was corrected of a clip, and whether each correction still finds its place in a document."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from reelscope.document.corrections import Outcome

__all__ = ["corrections"]

LONGEST = 60  # characters of a value on a line


def corrections(
    document: Annotated[
        Path,
        typer.Argument(metavar="analysis.json", help="A document that `analyze` wrote, or its folder.", show_default=False, readable=False),
    ],
    file: Annotated[
        Path | None,
        typer.Option("--corrections", metavar="FILE", help="The corrections; without: corrections.json beside the document."),
    ] = None,
) -> None:
    """List what was corrected of a clip, and whether each correction finds its place in this analysis.

    The measurement stays as it is: `report` and `export` apply what lies in corrections.json beside a document.
    """
    from reelscope.cli.rerender import document_at, read_document
    from reelscope.cli.terminal import one_line
    from reelscope.document.corrections import FILE_NAME, beside, corrected, read_corrections
    from reelscope.errors import InputError

    path = document_at(document)
    measured = read_document(path)
    found = read_corrections(file) if file is not None else beside(measured, path)
    if found is None:
        where = path.with_name(FILE_NAME)
        raise InputError(f"{where}: no such file", code="no_corrections", hint="a server's are at GET /analyses/{id}/corrections?file=true")
    done = corrected(measured, found)
    for outcome in done.outcomes:
        sys.stdout.write(f"{one_line(_line(outcome))}\n")
        if outcome.reason:
            sys.stdout.write(f"    {one_line(outcome.reason)}\n")
    states = [o.state for o in done.outcomes]
    counts = ", ".join(f"{states.count(s)} {s}" for s in dict.fromkeys(states))
    sys.stdout.write(f"{len(states)} corrections{f': {counts}' if counts else ''}\n")


def _line(outcome: Outcome) -> str:
    c = outcome.correction
    what = f"{c.anchor.analyzer}.{c.field}" if c.kind == "label" else c.kind if c.kind in ("word", "text") else f"{c.kind} {c.field}"
    return f"{outcome.state:<10} {c.anchor.start_s:8.2f} s  {what}: {_short(c.was)} -> {_short(c.now)}  ({c.author}, {c.at:%Y-%m-%d %H:%M})"


def _short(value: str | int | None) -> str:
    if value is None:
        return "(nothing)"
    text = str(value)
    return repr(text if len(text) <= LONGEST else text[: LONGEST - 1] + "…") if text else "(taken away)"
