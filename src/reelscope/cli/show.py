"""Commands that show or render: analyzers, config, report, demo."""

from __future__ import annotations

import json
import os
import re
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

__all__ = ["analyzers", "config_path", "config_show", "demo", "report"]

Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]


def analyzers(
    tier: Annotated[str | None, typer.Option("--tier", metavar="T", help="Best tier to use: auto, embedded, compact or full.")] = None,
    licence: Annotated[
        str | None, typer.Option("--licence", metavar="L", help="Models to use: permissive (Apache, MIT, BSD), or any accepted by name.")
    ] = None,
    as_json: Json = False,
) -> None:
    """List the analyzers with the backend that would run here and, where none would, what is missing."""
    from reelscope.cli.analyze import settings_flags
    from reelscope.cli.terminal import console, read_settings
    from reelscope.plugins import plugins
    from reelscope.usable import catalog

    settings = read_settings(settings_flags(tier=tier, licence=licence)).settings
    rows = catalog(settings)
    if as_json:
        sys.stdout.write(json.dumps([row.as_dict() for row in rows], indent=2) + "\n")
        return
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False, header_style="bold")
    titles = ("analyzer", "what it tells", "backend", "tier", *(["from"] if any(row.distribution for row in rows) else []))
    for title in titles:
        table.add_column(title, no_wrap=title != "what it tells")
    for row in rows:
        usable = row.backend is not None
        cells = (row.name, Text(row.title), Text(row.backend or "none", style="green" if usable else "dim"), row.tier or "")
        table.add_row(*(*cells, Text(row.distribution or "reelscope"))[: len(titles)])
    out = console()
    out.print(table)
    lacking: dict[str, list[str]] = {}
    for row in rows:
        if row.backend is None:
            lacking.setdefault(f"{row.reason}; {row.hint}" if row.hint else row.reason or "", []).append(row.name)
    for reason, names in lacking.items():
        out.print(Text(f"\n{reason}: {', '.join(names)}"), soft_wrap=True)
    found = plugins()
    for plugin in found.refused if settings.plugins.enabled else ():
        out.print(Text(f"\nnot used, from {plugin.origin}: {plugin.refused}"), soft_wrap=True)
    if found.named and not settings.plugins.enabled:
        out.print(Text(f"\nswitched off (plugins.enabled): {', '.join(found.named)}"), soft_wrap=True)


def config_show(
    origin: Annotated[bool, typer.Option("--origin", help="Name the layer of every value, with file and line, variable or flag.")] = False,
    as_json: Json = False,
    set_: Annotated[list[str] | None, typer.Option("--set", metavar="KEY=V", help="Set a setting, as for analyze.")] = None,
) -> None:
    """Print every setting as it holds here; the output can stand in reelscope.toml, but that a database's password is shown as ***."""
    from reelscope.cli.analyze import settings_flags
    from reelscope.cli.terminal import read_settings

    loaded = read_settings(settings_flags(set_=set_ or ()))
    if as_json:
        rows: dict[str, Any] = {
            key: {"value": _masked(key, _plain(loaded.value(key))), "layer": where.layer, "where": _masked(key, str(where))}
            for key, where in loaded.origins.items()
        }
        sys.stdout.write(json.dumps(rows if origin else {key: row["value"] for key, row in rows.items()}, indent=2) + "\n")
        return
    lines = []
    for key, where in loaded.origins.items():
        line = f"{key} = {_toml(_masked(key, _plain(loaded.value(key))))}"
        lines.append(f"{line}  # {_masked(key, _origin_words(where))}" if origin else line)
    sys.stdout.write("\n".join(lines) + "\n")


def _origin_words(where: Any) -> str:
    return where.layer if str(where) == where.layer else f"{where.layer}: {where}"


# Settings whose value, and whose flag as it was written, may hold a password.
WITH_PASSWORD = frozenset({"server.database"})
# From the first colon after the scheme to the last @: passwords are written down as they are, with whatever is in them.
_PASSWORD = re.compile(r"(://[^:]*:).*(?=@)|(?<=password=)[^&]*")


def _masked(key: str, value: Any) -> Any:
    """The value without a password."""
    return _PASSWORD.sub(r"\g<1>***", value) if key in WITH_PASSWORD and isinstance(value, str) else value


def _plain(value: Any) -> Any:
    if isinstance(value, Path):
        return str(value)
    return list(value) if isinstance(value, tuple) else value


def _toml(value: Any) -> str:
    """A value as TOML; JSON's forms are TOML's but for null and tables."""
    if value is None:
        return '"auto"'
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{json.dumps(k)} = {_toml(v)}" for k, v in value.items()) + " }" if value else "{}"
    if isinstance(value, list):
        return "[" + ", ".join(_toml(v) for v in value) + "]"
    return json.dumps(value)


def config_path() -> None:
    """Print where the settings files are looked for."""
    from reelscope.cli.terminal import home_folder
    from reelscope.config import project_file, user_file

    for what, path in (("user", user_file(os.environ, home_folder())), ("project", project_file(Path.cwd()))):
        sys.stdout.write(f"{what}: {path}{'' if path.is_file() else ' (not there)'}\n")


def report(
    document: Annotated[
        Path,
        typer.Argument(metavar="analysis.json", help="A document that `analyze` wrote, or its folder.", show_default=False, readable=False),
    ],
    out: Annotated[
        Path | None, typer.Option("--out", metavar="FILE", help="Where to write; without: report.html beside the document.")
    ] = None,
) -> None:
    """Render the report of a document again."""
    from reelscope.cli.rerender import rerender

    sys.stdout.write(f"report: {os.path.relpath(rerender(document, out))}\n")


def demo(
    out: Annotated[Path, typer.Argument(metavar="OUT.mp4", help="The clip to write.", show_default=False)],
) -> None:
    """Render the demo reel: a captioned, edited clip of about 20 s, with its truth beside it as JSON."""
    from reelscope.cli.terminal import console
    from reelscope.demo import render_demo
    from reelscope.outputs import out_folder

    with out_folder(out.absolute().parent), console(stderr=True).status("rendering"):
        truth = render_demo(out)
    sys.stdout.write(f"clip: {out}\ntruth: {truth}\n")
