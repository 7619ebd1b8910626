"""`reelscope status` and `reelscope cancel`: what a server has and does."""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer

from reelscope.cli.remote import Server, TokenFile, connect
from reelscope.cli.terminal import State, console, one_line, say_exception

if TYPE_CHECKING:
    from collections.abc import Sequence

    from reelscope.api import AnalysisStatus

__all__ = ["cancel", "span", "status"]

PAGE = 100
LEAST_TITLE = 10
STATES = ("queued", "running", "done", "failed", "cancelled")
STYLES = {"done": "green", "failed": "red", "running": "cyan", "cancelled": "yellow"}
Ids = Annotated[list[str], typer.Argument(metavar="ID...", help="Analyses on the server.", show_default=False)]


def status(
    ctx: typer.Context,
    ids: Annotated[
        list[str] | None, typer.Argument(metavar="ID...", help="Analyses to tell in detail; without: the newest.", show_default=False)
    ] = None,
    state: Annotated[str | None, typer.Option("--state", metavar="S", help=f"Only those that are {', '.join(STATES)}.")] = None,
    search: Annotated[
        str | None, typer.Option("--search", metavar="WORDS", help="Only those with these words in title, speech or text on screen.")
    ] = None,
    limit: Annotated[int, typer.Option("--limit", metavar="N", min=1, help="At most so many.")] = 20,
    as_json: Annotated[bool, typer.Option("--json", help="Print each analysis as a line of JSON.")] = False,
    server: Server = None,
    token_file: TokenFile = None,
) -> None:
    """Tell which analyses a server has, or how one of them is."""
    from itertools import islice

    from reelscope.client import ApiError
    from reelscope.errors import ConfigError, nearest

    if state is not None and state not in STATES:
        raise ConfigError(f"--state: {state!r} is no state{nearest(state, STATES)}", hint=f"states: {', '.join(STATES)}")
    worst = 0
    with connect(server, token_file) as client:
        if ids:
            shown = 0
            for id in dict.fromkeys(ids):
                try:
                    one = client.get(id)
                except ApiError as error:
                    if error.status != 404:
                        raise
                    worst = max(worst, say_exception(error, ctx.ensure_object(State)))
                    continue
                if as_json:
                    sys.stdout.write(one.model_dump_json() + "\n")
                else:
                    sys.stdout.write(("\n" if shown else "") + "\n".join(detail(one)) + "\n")
                shown += 1
            raise typer.Exit(worst)
        found = list(islice(client.iterate(state=state, q=search, page=min(limit, PAGE)), limit))  # type: ignore[arg-type]
    if as_json:
        sys.stdout.write("".join(one.model_dump_json() + "\n" for one in found))
    elif found:
        _table(found)
    else:
        sys.stderr.write("none\n")


def cancel(
    ctx: typer.Context,
    ids: Ids,
    purge: Annotated[bool, typer.Option("--purge", help="Remove them for good, with the clip and all results.")] = False,
    server: Server = None,
    token_file: TokenFile = None,
) -> None:
    """End analyses that wait or run on a server. Those that have ended stay as they are."""
    from reelscope.client import ApiError

    worst = 0
    with connect(server, token_file) as client:
        for id in dict.fromkeys(ids):
            try:
                if purge:
                    client.delete(id)
                    sys.stdout.write(f"removed: {id}\n")
                else:
                    one = client.cancel(id)
                    sys.stdout.write(f"{one.state}: {one.id}: {one_line(one.title)}\n")
            except ApiError as error:
                if error.status not in (404, 409):
                    raise
                worst = max(worst, say_exception(error, ctx.ensure_object(State)))
    raise typer.Exit(worst)


def span(seconds: float) -> str:
    """A time for people: "12 s", "3 min", "2 h 10 min"."""
    if seconds < 59.5:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"


def detail(one: AnalysisStatus) -> list[str]:
    """All that is known of an analysis, a line for each."""
    lines = [("id", one.id), ("title", one_line(one.title)), ("source", f"{one.source.kind} {one_line(one.source.name)}")]
    share = f", {one.progress.share:.0%}" if one.progress.share is not None and one.state == "running" else ""
    phase = f", {one.progress.phase}" if one.state == "running" else ""
    lines += [("state", f"{one.state}{phase}{share}"), ("submitted", _when(one.created_at))]
    if one.started_at is not None:
        lines.append(("begun", _when(one.started_at) + (f", for the {one.attempts}. time" if one.attempts > 1 else "")))
    if one.finished_at is not None:
        took = (one.finished_at - (one.started_at or one.created_at)).total_seconds()
        lines.append(("ended", f"{_when(one.finished_at)}, after {span(took)}"))
    if one.estimate is not None and one.state in ("queued", "running"):
        ends = f"in about {span(one.estimate.seconds)}" if one.estimate.seconds is not None else "not known"
        ahead = f"; {one.estimate.jobs_ahead} go first" if one.estimate.jobs_ahead else ""
        lines.append(("end", f"{ends}{ahead} ({one_line(one.estimate.basis)})"))
    if one.duration_s is not None:
        lines.append(("length", f"{one.duration_s:.1f} s"))
    lines.append(("priority", str(one.priority)))
    if one.analyzers is not None:
        lines.append(("analyzers", ", ".join(one.analyzers)))
    if one.worker is not None:
        lines.append(("worker", one_line(one.worker)))
    counts = [f"{n} {word}" for n, word in ((one.ok, "ok"), (one.failed, "failed"), (one.unavailable, "not measured")) if n is not None]
    if counts:
        lines.append(("result", ", ".join(counts)))
    if one.callback is not None:
        lines.append(("callback", one.callback))
    if one.error is not None:
        lines.append(("error", f"{one_line(one.error.message)} ({one.error.code})"))
        if one.error.hint:
            lines.append(("hint", one_line(one.error.hint)))
    for name, part in one.progress.analyzers.items() if one.state == "running" else ():
        fed = f" {part.done:.1f} of {part.total:.1f} s" if part.done is not None and part.total is not None else ""
        lines.append((f"  {name}", f"{part.state}{fed}" + (", kept from before" if part.reused else "")))
    width = max(len(name) for name, _ in lines)
    return [f"{name:<{width}}  {value}" for name, value in lines]


def _table(found: Sequence[AnalysisStatus]) -> None:
    """A line for each analysis. On a narrow terminal titles give way, and lines run over rather than cut an id."""
    from rich.text import Text

    out = console()
    head = ("id", "state", "how far", "submitted")
    rows = [(one.id, one.state, _how_far(one), _ago(one.created_at)) for one in found]
    widths = [max(len(row[n]) for row in (head, *rows)) for n in range(len(head))]
    room = max(LEAST_TITLE, out.width - sum(widths) - 2 * len(widths))
    out.print(
        Text("  ".join([*(name.ljust(width) for name, width in zip(head, widths, strict=True)), "title"]), style="bold"), soft_wrap=True
    )
    for one, row in zip(found, rows, strict=True):
        cells = [Text(cell.ljust(width)) for cell, width in zip(row, widths, strict=True)]
        cells[1].stylize(STYLES.get(one.state, ""))
        title = Text(one_line(one.title))
        title.truncate(room, overflow="ellipsis")
        out.print(Text("  ").join([*cells, title]), soft_wrap=True)


def _how_far(one: AnalysisStatus) -> str:
    if one.state == "done":
        return f"{one.ok} ok" + (f", {one.failed} failed" if one.failed else "") if one.ok is not None else ""
    if one.state == "failed" and one.error is not None:
        return one.error.code
    if one.state not in ("queued", "running"):
        return ""
    share = f"{one.progress.share:.0%}" if one.progress.share is not None and one.state == "running" else ""
    left = f"about {span(one.estimate.seconds)} left" if one.estimate is not None and one.estimate.seconds is not None else ""
    return ", ".join(part for part in (share, left) if part)


def _when(at: datetime) -> str:
    return at.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S UTC")


def _ago(at: datetime) -> str:
    return f"{span(max(0.0, (datetime.now(UTC) - at).total_seconds()))} ago"
