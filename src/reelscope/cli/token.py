"""`reelscope token`: who may use the server."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated

import typer

from reelscope.errors import InputError

if TYPE_CHECKING:
    from reelscope.server.tokens import Tokens

__all__ = ["app"]

app = typer.Typer(help="Tokens: who may use the server, from this machine and from others.", no_args_is_help=True)

SCOPES = ("client", "worker")

Name = Annotated[str, typer.Argument(metavar="NAME", help="What it is called, in lists and logs.", show_default=False)]


@app.command()
def create(
    name: Name,
    scope: Annotated[
        str, typer.Option("--scope", metavar="S", help="client: jobs and the page; worker: files, for workers on other machines.")
    ] = "client",
) -> None:
    """Make a token and print it, this once; the server keeps only its hash.

    With the first token the server asks everybody for one, this machine too. Put it into a file that only you can read.
    """
    if scope not in SCOPES:
        raise InputError(f"--scope {scope}: there is no such scope", hint=f"one of {', '.join(SCOPES)}")
    with _tokens() as tokens:
        text, where = tokens.create(name, "worker" if scope == "worker" else "client"), tokens.database.shown
    sys.stdout.write(f"{text}\n")  # alone, so that it can be sent into a file
    sys.stderr.write(f"it opens the server of {where}\n")  # of another database than the server's, it would open nothing
    sys.stderr.write(f"this is the only time that it is shown; `reelscope token revoke {name}` takes it away\n")


@app.command("list")
def list_tokens(as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False) -> None:
    """List every token by name, scope and age; the tokens themselves are not kept."""
    from datetime import UTC, datetime

    with _tokens() as tokens:
        found = tokens.all()
    rows = [{"name": t.name, "scope": t.scope, "created_at": datetime.fromtimestamp(round(t.created_at), UTC).isoformat()} for t in found]
    if as_json:
        sys.stdout.write(json.dumps(rows, indent=2) + "\n")
        return
    if not rows:
        sys.stdout.write("no tokens: everybody on this machine may use the server, and nobody else\n")
    wide = max((len(row["name"]) for row in rows), default=0)
    for row in rows:
        sys.stdout.write(f"{row['name']:{wide}}  {row['scope']}  {row['created_at']}\n")


@app.command()
def revoke(name: Name) -> None:
    """Take a token away: within seconds it opens nothing any more, and neither do pages that logged in with it."""
    with _tokens() as tokens:
        if not tokens.revoke(name):
            raise InputError(f"there is no token named {name}", code="no_token", hint="`reelscope token list` shows what is there")
        last = not tokens.all()
    sys.stdout.write(f"revoked: {name}\n")
    if last:
        sys.stderr.write("that was the last one: a server that runs lets nobody in until one is made, or it is started again\n")


@contextmanager
def _tokens() -> Iterator[Tokens]:
    """The tokens of the server that the settings here are for."""
    from reelscope.cli.terminal import read_settings
    from reelscope.server.db import open_database
    from reelscope.server.tokens import Tokens

    database = open_database(read_settings().settings)
    try:
        database.prepare()
        yield Tokens(database)
    finally:
        database.close()
