"""`reelscope batch`: a list of clips, here or on a server; stopped at any moment, it goes on where it was."""

from __future__ import annotations

import hashlib
import json
import os
import sys
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from reelscope.cli.remote import PATIENT, TokenFile, connect, request_of
from reelscope.cli.terminal import State, log_to_stderr, one_line, read_settings, say_error

if TYPE_CHECKING:
    from reelscope.cli.batch_journal import Journal
    from reelscope.cli.batch_list import Item
    from reelscope.config import Settings

__all__ = ["JOURNAL", "batch"]

JOURNAL = "batch.jsonl"
AT_ONCE_REMOTE = 4  # enough that no server of a worker or two waits for us
MOST_LOCAL, MOST_REMOTE = 16, 64  # optimisation.clips_in_flight's limit; the connections that a client keeps


def batch(
    ctx: typer.Context,
    source: Annotated[
        str,
        typer.Argument(
            metavar="LIST",
            help="File with an address or a file on each line, - for standard input, or the address of a profile or playlist.",
            show_default=False,
        ),
    ],
    workers: Annotated[
        int | None,
        typer.Option(
            "--workers", metavar="N", min=1, help=f"Clips on their way at the same time. Without: 2; with --server {AT_ONCE_REMOTE}."
        ),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option("--out", metavar="DIR", help=f"Folder for the results, a folder for each clip, and {JOURNAL}. Without: out/LIST."),
    ] = None,
    limit: Annotated[int | None, typer.Option("--limit", metavar="N", min=1, help="The first N clips; of a profile the newest N.")] = None,
    since: Annotated[str | None, typer.Option("--since", metavar="DATE", help="Of a profile: posts from this day on (2026-01-31).")] = None,
    retry_failed: Annotated[
        bool, typer.Option("--retry-failed", help="Try again what failed before, also where the error says that it will not help.")
    ] = False,
    analyzers: Annotated[
        list[str] | None, typer.Option("--analyzers", "--only", metavar="A,B", help="Run these analyzers (and what they need).")
    ] = None,
    skip: Annotated[list[str] | None, typer.Option("--skip", metavar="A,B", help="Do not run these analyzers.")] = None,
    tier: Annotated[str | None, typer.Option("--tier", metavar="T", help="Best tier to use: auto, embedded, compact or full.")] = None,
    backend: Annotated[list[str] | None, typer.Option("--backend", metavar="NAME=B", help="Use backend B for analyzer NAME.")] = None,
    option: Annotated[list[str] | None, typer.Option("--option", metavar="NAME.KEY=V", help="Set an option of analyzer NAME.")] = None,
    set_: Annotated[
        list[str] | None, typer.Option("--set", metavar="KEY=V", help="Set any setting of this machine, such as sources.max_mib=100.")
    ] = None,
    fresh: Annotated[bool, typer.Option("--fresh", help="Compute everything anew instead of using kept results.")] = False,
    priority: Annotated[int, typer.Option("--priority", metavar="N", min=1, max=10, help="On a server: 1 goes first, 10 last.")] = 5,
    as_json: Annotated[bool, typer.Option("--json", help=f"Print the lines of {JOURNAL} instead of lines for people.")] = False,
    server: Annotated[
        str | None, typer.Option("--server", metavar="URL", help="Have the server at this address do it. Without: done here.")
    ] = None,
    token_file: TokenFile = None,
    debug: Annotated[bool, typer.Option("--debug", help="Show tracebacks.")] = False,
) -> None:
    """Analyse many clips; print a line for each result.

    The same command goes on where it was stopped: what is done is not done again, what failed is tried again where that may help.

    Exit codes: the highest of all clips: 0 done, 1 failed, 2 bad input or usage, 3 cancelled; 130 interrupted.
    """
    from reelscope.cli.analyze import names_of, settings_flags
    from reelscope.cli.batch_journal import Journal
    from reelscope.cli.batch_ledger import Ledger, split
    from reelscope.cli.batch_list import name_of_list
    from reelscope.cli.options import checked_options
    from reelscope.errors import ConfigError
    from reelscope.outputs import out_folder

    state = ctx.ensure_object(State)
    state.debug |= debug
    most = MOST_LOCAL if server is None else MOST_REMOTE
    if workers is not None and workers > most:
        raise ConfigError(f"--workers {workers}: at most {most} go at the same time" + (" on one machine" if server is None else ""))
    flags = settings_flags(set_=set_ or (), fresh=fresh)
    if server is None:
        flags |= settings_flags(tier=tier, backend=backend or (), option=option or ())
        flags |= {"optimisation.clips_in_flight": workers} if workers is not None else {}
    settings = checked_options(read_settings(flags)).settings
    only, dropped = names_of(analyzers, "--analyzers") if analyzers else None, names_of(skip or (), "--skip")
    if server is None:
        at_once = settings.optimisation.clips_in_flight
        asked: dict[str, Any] = {"only": only, "skip": dropped, **settings.analysis.model_dump(mode="json", exclude={"fresh"})}
    else:
        at_once = workers or AT_ONCE_REMOTE
        request = request_of(analyzers=analyzers, skip=skip, tier=tier, backend=backend, option=option, fresh=fresh)
        asked = {"by": "a server", **{name: value for name, value in request.items() if name != "fresh"}}
    options = hashlib.sha256(json.dumps(asked, sort_keys=True).encode()).hexdigest()[:8]
    items = _items(source, settings, limit=limit, since=since)
    base = out if out is not None else settings.output.dir / name_of_list(source)
    with log_to_stderr(settings.system.log_level, state), out_folder(base), Journal(base / JOURNAL) as journal:
        todo, settled = split(items, journal, options, retry_failed=retry_failed)
        _tell_start(items, todo, journal, options)
        with Ledger(journal, options, total=len(todo), settled=settled, at_once=min(at_once, len(todo)), as_json=as_json) as ledger:
            try:
                if not todo:
                    pass
                elif server is None:
                    _here(todo, ledger, settings, only=only, skip=dropped)
                else:
                    from reelscope.cli.batch_run import run_remote

                    called = partial(connect, None if server == "-" else server, token_file, retries=PATIENT)
                    run_remote(called, todo, ledger, at_once=at_once, request=request | {"priority": priority})
            except BaseException:
                sys.stderr.write(f"stopped: {ledger.summary(settled)}; the same command goes on from here\n")
                raise
        sys.stderr.write(f"{ledger.summary(settled)}: {one_line(os.path.relpath(journal.path))}\n")
        lost = sum(entry.state == "failed" for entry in settled)
        if lost:
            say_error(f"{lost} failed in an earlier run and were not tried again", "--retry-failed does")
    raise typer.Exit(ledger.worst)


def _here(todo: list[Item], ledger: Any, settings: Settings, *, only: tuple[str, ...] | None, skip: tuple[str, ...]) -> None:
    from reelscope.cli.batch_run import run_local
    from reelscope.pipeline import Session

    with Session(settings, many=len(todo) > 1) as session:
        run_local(session, todo, ledger, only=only, skip=skip)


def _items(source: str, settings: Settings, *, limit: int | None, since: str | None) -> list[Item]:
    """The clips that are meant, each once.

    Raises:
        InputError: There are none, or the list cannot be read.
    """
    from reelscope.cli.batch_list import items_of, parse_since, posts_of, read_lines
    from reelscope.errors import ConfigError, InputError
    from reelscope.media.urls import is_url

    day = parse_since(since) if since is not None else None
    if is_url(source):
        sys.stderr.write(f"looking for posts at {one_line(source)}\n")
        items, again = items_of(posts_of(source, settings, limit=limit, since=day), limit=limit)
        if not items:
            late = f" since {since}" if since is not None else ""
            raise InputError(f"{source}: no posts{late}", code="empty_list", hint="give the address of a profile or a playlist")
    else:
        if day is not None:
            raise ConfigError("--since is for a profile: a list tells no dates", hint="give the profile's address in place of a list")
        items, again = items_of(read_lines(source), limit=limit)
        if not items:
            raise InputError(f"{source}: names no clips", code="empty_list", hint="write an address or a file on each line")
    if again:
        sys.stderr.write(f"named more than once: {again} {'line is' if again == 1 else 'lines are'} left out\n")
    return items


def _tell_start(items: list[Item], todo: list[Item], journal: Journal, options: str) -> None:
    """What this run will do, where that is not simply everything."""
    if journal.broken:
        sys.stderr.write(f"{journal.path.name}: {journal.broken} lines are damaged; what they told is done again\n")
    other = sum(1 for item in todo if (entry := journal.entries.get(item.key)) and entry.state == "done" and entry.options != options)
    if other:
        sys.stderr.write(f"{other} were analysed with other options before and are analysed again\n")
    if len(todo) < len(items):
        sys.stderr.write(f"{len(items)} clips, {len(items) - len(todo)} settled before, {len(todo)} to do\n")
    sys.stderr.flush()
