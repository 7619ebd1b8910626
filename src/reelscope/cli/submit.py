"""`reelscope submit`: clips to a server."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from reelscope.cli.remote import PATIENT, PROMPT, Server, TokenFile, connect, request_of, save
from reelscope.cli.terminal import State, console, one_line, say_exception

if TYPE_CHECKING:
    from reelscope.api import AnalysisStatus
    from reelscope.client import Client

__all__ = ["submit"]


def submit(
    ctx: typer.Context,
    sources: Annotated[
        list[str], typer.Argument(metavar="SRC...", help="Addresses of posts or files, or video files from here.", show_default=False)
    ],
    path: Annotated[bool, typer.Option("--path", help="SRC are files on the server, under one of its roots.")] = False,
    analyzers: Annotated[
        list[str] | None, typer.Option("--analyzers", "--only", metavar="A,B", help="Run these analyzers (and what they need).")
    ] = None,
    skip: Annotated[list[str] | None, typer.Option("--skip", metavar="A,B", help="Do not run these analyzers.")] = None,
    tier: Annotated[str | None, typer.Option("--tier", metavar="T", help="Best tier to use: auto, embedded, compact or full.")] = None,
    backend: Annotated[list[str] | None, typer.Option("--backend", metavar="NAME=B", help="Use backend B for analyzer NAME.")] = None,
    option: Annotated[list[str] | None, typer.Option("--option", metavar="NAME.KEY=V", help="Set an option of analyzer NAME.")] = None,
    priority: Annotated[int, typer.Option("--priority", metavar="N", min=1, max=10, help="1 goes first, 10 last.")] = 5,
    fresh: Annotated[bool, typer.Option("--fresh", help="Compute anew, also where the same was analysed before.")] = False,
    callback: Annotated[
        str | None, typer.Option("--callback", metavar="URL", help="Address that the server tells when the analysis has ended.")
    ] = None,
    title: Annotated[
        str | None, typer.Option("--title", metavar="TEXT", help="Title to find it by; without: the file's or the post's.")
    ] = None,
    wait: Annotated[bool, typer.Option("--wait", help="Watch until the end; exit codes as for watch.")] = False,
    out: Annotated[
        Path | None, typer.Option("--out", metavar="DIR", help="With --wait: folder for the results; several SRC get a folder each in it.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print each analysis as a line of JSON.")] = False,
    server: Server = None,
    token_file: TokenFile = None,
) -> None:
    """Hand clips to a server; print the id of each analysis.

    Exit codes: 0 accepted (with --wait: done), 1 failed, 2 bad input or usage, 3 cancelled, 130 interrupted; with several SRC the highest.
    """
    from reelscope.cli.watch import EXIT_CODES, follow, left_running, tell_end
    from reelscope.client import ApiError
    from reelscope.errors import ConfigError, ReelscopeError

    state = ctx.ensure_object(State)
    if out is not None and not wait:
        raise ConfigError("--out is for results, and there are none yet", hint="add --wait, or fetch them later")
    request: dict[str, Any] = request_of(analyzers=analyzers, skip=skip, tier=tier, backend=backend, option=option, fresh=fresh)
    request |= {"priority": priority, "callback_url": callback, "title": title}
    worst = 0
    with connect(server, token_file, retries=PATIENT if wait else PROMPT) as client:
        accepted: dict[str, str] = {}
        for source in sources:
            try:
                status = _hand_in(client, source, path=path, request=request)
            except ReelscopeError as error:
                worst = max(worst, say_exception(error, state))
                if isinstance(error, ApiError) and error.status in (0, 401, 403):  # the others would be told the same
                    break
                continue
            accepted[source] = status.id
            if not (wait and as_json):
                _tell(source, status, as_json=as_json)
        if not wait or not accepted:
            raise typer.Exit(worst)
        with left_running(list(dict.fromkeys(accepted.values()))):
            ended = follow(client, list(dict.fromkeys(accepted.values())))
            places = _places(sources, out) if out is not None else {}
            for source, id in accepted.items():
                if as_json:
                    sys.stdout.write(ended[id].model_dump_json() + "\n")
                    worst = max(worst, EXIT_CODES[ended[id].state])
                else:
                    worst = max(worst, tell_end(ended[id]))
                if source in places and ended[id].state == "done":
                    for kind, written in save(client, id, places[source]).items():
                        (sys.stderr if as_json else sys.stdout).write(f"{kind}: {one_line(os.path.relpath(written))}\n")
    raise typer.Exit(worst)


def _places(sources: list[str], out: Path) -> dict[str, Path]:
    """Folder of each source's results: the one that was named, or for several one in it for each, named as `batch` does."""
    from reelscope.cli.batch_list import folder_of

    return {source: out if len(sources) == 1 else out / folder_of(source) for source in sources}


def _hand_in(client: Client, source: str, *, path: bool, request: dict[str, Any]) -> AnalysisStatus:
    from reelscope.media.urls import is_url

    if path:
        return client.submit(path=source, **request)
    if is_url(source):
        return client.submit(source, **request)
    with _upload_bar(Path(source).name) as progress:
        return client.submit(file=Path(source), progress=progress, **request)


def _tell(source: str, status: AnalysisStatus, *, as_json: bool) -> None:
    """The id on stdout, for whoever reads it; what it means on stderr."""
    if as_json:
        sys.stdout.write(status.model_dump_json() + "\n")
        sys.stdout.flush()
        return
    sys.stdout.write(f"{status.id}\n")
    sys.stdout.flush()
    about = ""
    if status.estimate is not None and status.state in ("queued", "running"):
        from reelscope.cli.status import span

        about = f", {status.estimate.jobs_ahead} ahead" if status.estimate.jobs_ahead else ""
        known = status.estimate.seconds is not None
        about += f", ends in about {span(status.estimate.seconds)}" if known else f" (end not known: {status.estimate.basis})"
    sys.stderr.write(f"{one_line(source)}: {status.state}{about}\n")


@contextmanager
def _upload_bar(name: str) -> Iterator[Callable[[int, int | None], None] | None]:
    """Shows how much of a file is sent, where somebody looks."""
    if not sys.stderr.isatty():
        yield None
        return
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn, TransferSpeedColumn

    title = TextColumn("{task.fields[title]}", markup=False)
    columns = (title, BarColumn(), DownloadColumn(), TransferSpeedColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console(stderr=True), transient=True, redirect_stdout=False) as bars:
        task = bars.add_task("", total=None, title=one_line(name))
        yield lambda done, total: bars.update(task, completed=done, total=total)
