"""Documents side by side: what is read, where it is written, what it exits with."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from reelscope.errors import ConfigError, InputError, nearest

if TYPE_CHECKING:
    from reelscope.document.compare.figures import Figures

__all__ = ["compare", "groups_of"]

MAX_VIEWS_BYTES = 16 * 1024 * 1024  # a row is some 100 bytes: far more clips than anybody compares


def compare(
    documents: Annotated[
        list[Path],
        typer.Argument(metavar="A.json B.json...", help="Documents that `analyze` wrote, or the folders they lie in.", show_default=False),
    ],
    only: Annotated[
        list[str] | None,
        typer.Option("--only", metavar="A,B", help="Compare these alone: insights (hook), analyzers (cut_analysis), shots, media."),
    ] = None,
    views: Annotated[
        Path | None,
        typer.Option("--views", metavar="FILE", help="CSV of views, columns views and file or sha256; it goes before what documents say."),
    ] = None,
    json_file: Annotated[
        Path | None, typer.Option("--json", metavar="FILE", help="Write everything as JSON, also what the terminal leaves out.")
    ] = None,
) -> None:
    """Compare documents: two by shot and figure, more as distributions and, where views are known, with effect sizes.

    Effects need 12 clips with views. Exit codes: 0 compared, 2 bad input or usage.
    """
    from reelscope.cli.terminal import console, one_line
    from reelscope.document.compare.many import compare_many
    from reelscope.document.compare.pairs import compare_pair
    from reelscope.outputs import out_folder, write_files

    groups = groups_of(only or ())
    if len(documents) < 2:
        raise InputError("one document cannot be compared", code="one_document", hint="give two documents or more")
    read, notes = _read(documents, views)
    result = compare_pair(*read, only=groups) if len(read) == 2 else compare_many(read, only=groups)
    for note in notes:
        sys.stderr.write(f"warning: {one_line(note)}\n")
    if json_file is not None:
        if json_file.is_dir():
            raise InputError(f"{json_file}: is a folder", code="unwritable_output", hint="name a file: --json comparison.json")
        text = json.dumps({**result.as_dict(), "notes": notes}, indent=1, ensure_ascii=False, allow_nan=False) + "\n"
        with out_folder(json_file.absolute().parent) as folder:
            write_files(folder, {json_file.name: text.encode()})
    from reelscope.cli.compare_tables import show_many, show_pair
    from reelscope.document.compare.pairs import Pair

    out = console()
    if isinstance(result, Pair):
        show_pair(result, out)
    else:
        show_many(result, out)


def groups_of(given: list[str] | tuple[()]) -> tuple[str, ...]:
    """Names of --only.

    Raises:
        ConfigError: One that is not known, or none at all.
    """
    from reelscope.document.compare.figures import GROUPS

    names = tuple(dict.fromkeys(name.strip() for part in given for name in part.split(",") if name.strip()))
    hint = f"insights, analyzers, shots, media: {', '.join(GROUPS)}"
    for name in names:
        if name not in GROUPS:
            raise ConfigError(f"--only: {name!r} is not known{nearest(name, GROUPS)}", code="unknown_group", hint=hint)
    if given and not names:
        raise ConfigError("--only: no name given", hint=hint)
    return names


def _read(paths: list[Path], views: Path | None) -> tuple[list[Figures], list[str]]:
    """Figures of each document with its views, and what the table of views says of none of them.

    Raises:
        InputError: A document or the table cannot be read.
    """
    from dataclasses import replace

    from reelscope.cli.rerender import read_document
    from reelscope.document.compare.figures import figures_of
    from reelscope.document.compare.views import match_views, read_views, views_of_post

    rows = read_views(_text(views), str(views)) if views is not None else []
    read = []
    for path in paths:
        document = read_document(path / "analysis.json" if path.is_dir() else path)
        read.append(figures_of(document, str(path), views_of_post(document.source.post)))
    given, notes = match_views(rows, [(f.clip.name, f.clip.sha256, f.clip.file) for f in read])
    read = [f if n is None else replace(f, clip=replace(f.clip, views=n)) for f, n in zip(read, given, strict=True)]
    return read, [f"{views}: {note}" for note in notes]


def _text(path: Path) -> str:
    hint = "give a CSV in UTF-8 with the columns views and file or sha256"
    try:
        if path.stat().st_size > MAX_VIEWS_BYTES:
            raise InputError(f"{path}: is too large for a table of views", code="bad_views", hint=hint)
        return path.read_text(encoding="utf-8")
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror}", code="no_views", hint=hint) from error
    except UnicodeDecodeError as error:
        raise InputError(f"{path}: is no UTF-8 text", code="bad_views", hint=hint) from error
