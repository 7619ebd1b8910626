"""What was corrected of a clip, and whether each correction still finds its place in a document."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from reelscope.cli.remote import Server, TokenFile

if TYPE_CHECKING:
    from reelscope.document.corrections import Outcome
    from reelscope.document.schema import Document

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
    fetch: Annotated[
        str | None,
        typer.Option("--fetch", metavar="ID", help="First write what the server has of its analysis ID beside the document."),
    ] = None,
    server: Server = None,
    token_file: TokenFile = None,
) -> None:
    """List what was corrected of a clip, and whether each correction finds its place in this analysis.

    The measurement stays as it is: `report` and `export` apply what lies in corrections.json beside a document.
    """
    from reelscope.cli.rerender import document_at, read_document, reading
    from reelscope.cli.terminal import one_line
    from reelscope.document.corrections import beside, corrected, read_corrections
    from reelscope.errors import ConfigError

    path = document_at(document)
    measured = read_document(path)
    if fetch is not None and file is not None:
        raise ConfigError("--fetch writes corrections.json beside the document, --corrections reads another file", hint="give one of them")
    if fetch is not None:
        _fetch(fetch, measured, path, server, token_file)
    found = read_corrections(file) if file is not None else beside(measured, path)
    if found is None or not found.edits:
        sys.stdout.write("no corrections\n")
        return
    with reading(measured, path):
        done = corrected(measured, found)
    for outcome in done.outcomes:
        sys.stdout.write(f"{one_line(_line(outcome))}\n")
        if outcome.reason:
            sys.stdout.write(f"    {one_line(outcome.reason)}\n")
    states = [o.state for o in done.outcomes]
    counts = ", ".join(f"{states.count(s)} {s}" for s in dict.fromkeys(states))
    sys.stdout.write(f"{len(states)} corrections{f': {counts}' if counts else ''}\n")


def _fetch(id: str, document: Document, path: Path, server: str | None, token_file: Path | None) -> None:
    """Write what a server has into the file beside a document. Where it has nothing, a file that lies there stays.

    Raises:
        InputError: They are of another clip (`other_clip`), or the folder cannot be written to. ApiError: the server refused.
    """
    from reelscope.cli.remote import FILE_NAME, connect, corrections_of
    from reelscope.document.corrections import Corrections
    from reelscope.errors import InputError
    from reelscope.outputs import write_files

    with connect(server, token_file) as client:
        data = corrections_of(client, id)
    if data is None:
        sys.stderr.write("note: the server has no corrections of this clip\n")
        return
    sha256 = Corrections.model_validate_json(data).sha256
    if sha256 != document.source.sha256:
        message = f"analysis {id} is of another clip ({sha256[:12]}, the document's is {document.source.sha256[:12]})"
        raise InputError(message, code="other_clip", hint="'reelscope status' lists the server's analyses")
    write_files(path.parent, {FILE_NAME: data})


def _line(outcome: Outcome) -> str:
    c = outcome.correction
    what = f"{c.anchor.analyzer}.{c.field}" if c.kind == "label" else c.kind if c.kind in ("word", "text") else f"{c.kind} {c.field}"
    return f"{outcome.state:<10} {c.anchor.start_s:8.2f} s  {what}: {_short(c.was)} -> {_short(c.now)}  ({c.author}, {c.at:%Y-%m-%d %H:%M})"


def _short(value: str | int | None) -> str:
    if value is None:
        return "(nothing)"
    text = str(value)
    return repr(text if len(text) <= LONGEST else text[: LONGEST - 1] + "…") if text else "(taken away)"
