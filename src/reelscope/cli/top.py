"""`reelscope top`: what a server and its workers are doing, live."""

from __future__ import annotations

import json
import sys
import time
from typing import TYPE_CHECKING, Annotated, Any

import typer

from reelscope.cli.remote import Server, TokenFile, connect
from reelscope.cli.terminal import console, one_line

if TYPE_CHECKING:
    from collections.abc import Callable

    from rich.console import RenderableType

    from reelscope.client import Client
    from reelscope.server.monitor.shapes import MonitorSnapshot

__all__ = ["look", "top"]

EVERY_S = 1.0  # as often as the server looks


def top(
    server: Server = None,
    token_file: TokenFile = None,
    once: Annotated[bool, typer.Option("--once", help="Print it once and end; also where the output is no terminal.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the server's answer as JSON, once.")] = False,
) -> None:
    """Show what a server and its workers are doing: queue, machines, GPUs, analyzers and models. Ctrl-C ends it."""
    with connect(server, token_file) as client:
        if as_json:
            sys.stdout.write(json.dumps(client.monitor()) + "\n")
            return
        first = look(client)
        if once or not sys.stdout.isatty():
            from reelscope.cli.top_view import view

            out = console()
            out.print(view(first, width=out.width, server=client.server))
            return
        _live(client, first)


def look(client: Client) -> MonitorSnapshot:
    """What the server says now.

    Raises:
        ApiError: It does not answer, refuses, or answers something else.
    """
    from pydantic import ValidationError

    from reelscope.client.errors import bad_answer
    from reelscope.server.monitor.shapes import MonitorSnapshot

    try:
        return MonitorSnapshot.model_validate(client.monitor())
    except ValidationError:
        raise bad_answer("a server's monitor") from None


def _live(client: Client, snapshot: MonitorSnapshot, *, sleep: Callable[[float], Any] = time.sleep) -> None:
    """Redraw until Ctrl-C. A server that goes away is told above its last figures, and asked on."""
    from rich.live import Live

    from reelscope.cli.top_view import view
    from reelscope.client import ApiError

    out = console()
    trouble: str | None = None

    def drawn() -> RenderableType:
        return view(snapshot, width=out.width, server=client.server, trouble=trouble)

    try:
        with Live(drawn(), console=out, screen=True, auto_refresh=False) as live:
            while True:
                sleep(EVERY_S)
                try:
                    snapshot, trouble = look(client), None
                except ApiError as error:
                    trouble = one_line(error.message)
                live.update(drawn(), refresh=True)
    except KeyboardInterrupt:  # the way out, and no failure
        return
