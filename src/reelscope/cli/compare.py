"""`reelscope compare`: documents side by side."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from reelscope.document.compare.figures import Figures
    from reelscope.document.compare.many import Many
    from reelscope.document.compare.pairs import Pair

__all__ = ["compare"]

TOLD_MOST = 20  # files that are left out, rows that name no clip: named one by one up to here


def compare(
    documents: Annotated[
        list[Path],
        typer.Argument(
            metavar="DOCUMENT...",
            help="Two documents or more: an analysis.json, its folder, or a folder of many.",
            show_default=False,
            readable=False,
        ),
    ],
    views: Annotated[
        Path | None,
        typer.Option("--views", metavar="FILE.csv", help="View counts: columns file, sha256 or url, and views (three documents or more)."),
    ] = None,
    json_file: Annotated[Path | None, typer.Option("--json", metavar="FILE", help="Write the whole comparison there as JSON.")] = None,
    html_file: Annotated[
        Path | None, typer.Option("--html", metavar="FILE", help="Write the comparison there as a page that looks like the report.")
    ] = None,
    only: Annotated[
        str | None, typer.Option("--only", metavar="N,N", help="Print only these insights, analyzers, or media and shots.")
    ] = None,
    everything: Annotated[bool, typer.Option("--all", help="Print figures too that are the same in all documents.")] = False,
) -> None:
    """Compare documents: two shot by shot and figure by figure, three or more by the spread of each figure.

    Where view counts are known of 12 clips or more (of their posts, or from --views), each figure of the table is held against them, with
    confidence intervals and p values adjusted for the number of figures. Method, formulas and limits: docs/compare.md.
    """
    from reelscope.cli import compared
    from reelscope.cli.terminal import console
    from reelscope.document.compare.many import compare_many, each_once
    from reelscope.document.compare.pairs import compare_pair
    from reelscope.errors import InputError

    groups = _groups(only)
    given = _read(documents)
    if len(given) < 2:
        message = f"{len(given)} document is given, two or more are compared"
        raise InputError(message, code="too_few_documents", hint="reelscope compare A/analysis.json B/analysis.json")
    found = [figures for figures, _ in given]
    out = console()
    if len(found) == 2:
        if views is not None:
            message = "--views: view counts of two clips say nothing; 12 are needed"
            raise InputError(message, code="too_few_documents", hint="leave --views away, or give more documents")
        pair = compare_pair(found[0], found[1])
        told: dict[str, Any] = {"comparison": "pair", **asdict(pair)}
        _write(json_file, told)
        _page(html_file, given, pair)
        _warn(pair.warnings)
        compared.print_pair(out, pair, groups=groups, everything=everything)
    else:
        kept, left = each_once(found)
        if len(kept) < 3:
            clips = "one clip" if len(kept) == 1 else "two clips"
            message = f"the {len(found)} documents are of {clips} (same sha256): nothing to spread"
            raise InputError(message, code="too_few_documents", hint="compare two documents of one clip with each other")
        paths = [path for figures, path in given if any(figures is one for one in kept)]
        kept = _with_views(views, kept, paths)
        many = compare_many(kept)
        _page(html_file, list(zip(kept, paths, strict=True)), many, left)
        _write(json_file, {"comparison": "many", **asdict(many), "warnings": [*left, *many.warnings]})
        _warn([*left, *many.warnings])
        compared.print_many(out, many, groups=groups, everything=everything)
    for file in (json_file, html_file):
        if file is not None:
            sys.stdout.write(f"comparison: {os.path.relpath(file)}\n")


def _page(file: Path | None, given: Sequence[tuple[Figures, Path]], found: Pair | Many, left_out: Sequence[str] = ()) -> None:
    """Write the comparison as a page, with the keyframes that lie beside the documents."""
    if file is None:
        return
    from reelscope.cli.rerender import keyframes_beside
    from reelscope.document.report.comparison import render_comparison

    pictures = [keyframes_beside(path.parent, [s["keyframe"] for s in figures.shots if s.get("keyframe")]) for figures, path in given]
    html = render_comparison([figures for figures, _ in given], found, keyframes=pictures, left_out=left_out)
    _put(file, html.encode(), "--html comparison.html")


def _groups(only: str | None) -> frozenset[str]:
    """Groups that are printed; empty: all."""
    from reelscope.document.compare.figures import GROUPS
    from reelscope.errors import ConfigError, nearest
    from reelscope.plugins import plugins

    names = [name.strip() for name in (only or "").split(",") if name.strip()]
    known = (*GROUPS, *plugins().named)
    for name in names:
        if name not in known:
            message = f"--only: {name!r} is no insight, analyzer, media or shots{nearest(name, known)}"
            raise ConfigError(message, hint="reelscope analyzers lists the analyzers, docs/insights.md the insights")
    if only is not None and not names:
        raise ConfigError("--only: no name is given", hint="--only hook,pacing")
    return frozenset(names)


def _read(given: Sequence[Path]) -> list[tuple[Figures, Path]]:
    """Documents and their paths. What was named must be one; of a folder of many, other files are told and left out."""
    from reelscope.cli.terminal import one_line
    from reelscope.document.compare.read import names_of, read_figures
    from reelscope.document.table import find_documents
    from reelscope.errors import InputError

    files: list[tuple[Path, bool]] = []
    for path in given:
        if path.is_dir() and (path / "analysis.json").is_file():
            files.append((path / "analysis.json", True))
        elif path.is_dir():
            below = find_documents(path)
            if not below:
                raise InputError(f"{path}: no documents in it", code="no_documents", hint="give a folder that 'reelscope analyze' wrote")
            files += [(path / name, False) for name in below]
        else:
            files.append((path, True))
    out = []
    left = []
    for (path, named), name in zip(files, names_of([path for path, _ in files]), strict=True):
        try:
            out.append((read_figures(path, name), path))
        except InputError as error:
            if named:
                raise
            left.append(error.message)
    for message in left[:TOLD_MOST]:
        sys.stderr.write(f"left out: {one_line(message)}\n")
    if len(left) > TOLD_MOST:
        sys.stderr.write(f"left out: {len(left) - TOLD_MOST} more files\n")
    return out


def _with_views(file: Path | None, documents: list[Figures], paths: list[Path]) -> list[Figures]:
    """Documents with the view counts of the file, which go before those of the posts."""
    from reelscope.cli.terminal import one_line
    from reelscope.document.compare.read import with_views
    from reelscope.document.compare.views import read_views

    if file is None:
        return documents
    found = read_views(file, list(zip((d.clip for d in documents), paths, strict=True)))
    if found.unknown:
        names = ", ".join(found.unknown[:TOLD_MOST]) + (", ..." if len(found.unknown) > TOLD_MOST else "")
        rows = "1 row names" if len(found.unknown) == 1 else f"{len(found.unknown)} rows name"
        sys.stderr.write(f"warning: {one_line(f'{file}: {rows} none of the documents: {names}')}\n")
    return list(with_views(documents, found.counts))


def _warn(warnings: Sequence[str]) -> None:
    from reelscope.cli.terminal import one_line

    for warning in warnings:
        sys.stderr.write(f"warning: {one_line(warning)}\n")
    sys.stderr.flush()


def _write(file: Path | None, comparison: dict[str, Any]) -> None:
    """Write the comparison as JSON, if that was asked for."""
    if file is None:
        return
    from reelscope.version import VERSION

    text = json.dumps({"reelscope": VERSION, **comparison}, indent=1, ensure_ascii=False, allow_nan=False) + "\n"
    _put(file, text.encode("utf-8", "backslashreplace"), "--json comparison.json")


def _put(file: Path, data: bytes, example: str) -> None:
    from reelscope.errors import InputError
    from reelscope.outputs import out_folder, write_files

    if file.is_dir():
        raise InputError(f"{file}: is a folder", code="unwritable_output", hint=f"name the file: {example}")
    with out_folder(file.absolute().parent):
        write_files(file.absolute().parent, {file.name: data})
