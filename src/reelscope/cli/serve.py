"""`reelscope serve`: the server with its workers."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from reelscope.cli.analyze import settings_flags
from reelscope.cli.terminal import State, log_to_stderr, read_settings

__all__ = ["serve"]


def serve(
    ctx: typer.Context,
    host: Annotated[str | None, typer.Option("--host", metavar="ADDRESS", help="Address to listen on.", show_default="127.0.0.1")] = None,
    port: Annotated[int | None, typer.Option("--port", metavar="N", help="Port; 0: any free one.", show_default="8003")] = None,
    database: Annotated[
        str | None, typer.Option("--database", metavar="URL", help="PostgreSQL instead of SQLite in the data folder.", show_default=False)
    ] = None,
    workers: Annotated[
        int | None, typer.Option("--workers", metavar="N", help="Processes that analyse here; 0: other machines do.", show_default="1")
    ] = None,
    root: Annotated[list[Path] | None, typer.Option("--root", metavar="DIR", help="Folder whose files may be analysed by path.")] = None,
    set_: Annotated[list[str] | None, typer.Option("--set", metavar="KEY=V", help="Set any setting.")] = None,
    debug: Annotated[bool, typer.Option("--debug", help="Show tracebacks.")] = False,
) -> None:
    """Serve the page and the API, and analyse what is handed in, until told to end (Ctrl-C, SIGTERM)."""
    from reelscope.cli.options import checked_options
    from reelscope.config import FlagValue

    state = ctx.ensure_object(State)
    state.debug |= debug
    flags = settings_flags(set_=set_ or ())
    given = {"host": host, "port": port, "database": database, "workers": workers, "roots": root and ",".join(map(str, root))}
    flags |= {f"server.{key}": FlagValue(value, f"--{key.removesuffix('s')}") for key, value in given.items() if value is not None}
    settings = checked_options(read_settings(flags)).settings
    from reelscope.server.serve import run

    with log_to_stderr(settings.system.log_level, state):
        run(settings, tell=typer.echo)
