"""`reelscope worker`: analyse for a server on another machine."""

from __future__ import annotations

from typing import Annotated

import typer

from reelscope.cli.analyze import settings_flags
from reelscope.cli.terminal import State, log_to_stderr, read_settings
from reelscope.errors import ConfigError

__all__ = ["worker"]


def worker(
    ctx: typer.Context,
    server: Annotated[
        str | None,
        typer.Option(
            "--server", metavar="URL", help="The server, which clips come from and results go to. Without: this data folder is its too."
        ),
    ] = None,
    database: Annotated[
        str | None, typer.Option("--database", metavar="URL", help="Its PostgreSQL database (server.database).", show_default=False)
    ] = None,
    token_file: Annotated[
        str | None, typer.Option("--token-file", metavar="F", help="File with a token of scope worker (`reelscope token create`).")
    ] = None,
    workers: Annotated[int, typer.Option("--workers", metavar="N", min=1, help="Processes, each with its share of the cores.")] = 1,
    set_: Annotated[list[str] | None, typer.Option("--set", metavar="KEY=V", help="Set any setting.")] = None,
    debug: Annotated[bool, typer.Option("--debug", help="Show tracebacks.")] = False,
) -> None:
    """Take jobs from a server's queue and analyse them here, until told to end (Ctrl-C, SIGTERM).

    Clips on their way may end within server.drain_s seconds and are handed back otherwise.
    """
    from reelscope.cli.options import checked_options
    from reelscope.config import FlagValue

    state = ctx.ensure_object(State)
    state.debug |= debug
    flags = settings_flags(set_=set_ or ())
    if database is not None:
        flags["server.database"] = FlagValue(database, "--database")
    settings = checked_options(read_settings(flags)).settings
    if settings.server.database is None:
        raise ConfigError("no database to share", hint="give --database postgresql://USER:PASSWORD@HOST/NAME, the server's")
    from reelscope.server.remote import token_of
    from reelscope.server.station import Station

    token_of(token_file)  # a file that is not there is told here, not by a process that ends again and again
    with log_to_stderr(settings.system.log_level, state), Station(settings, count=workers, server=server, token_file=token_file) as station:
        typer.echo(f"{workers} worker{'s' if workers > 1 else ''} of {station.shown}; Ctrl-C ends")
        station.wait()
