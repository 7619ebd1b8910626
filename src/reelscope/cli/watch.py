"""`reelscope watch`, and what waits for analyses on a server."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated, Any

import typer

from reelscope.cli.remote import PATIENT, Server, TokenFile, connect
from reelscope.cli.terminal import EXIT_INTERRUPTED, console, one_line, say_error

if TYPE_CHECKING:
    from rich.progress import Progress as Bars

    from reelscope.api import AnalysisStatus, Progress
    from reelscope.client import Client

__all__ = ["EXIT_CODES", "follow", "left_running", "tell_end", "watch"]

EXIT_CODES = {"done": 0, "failed": 1, "cancelled": 3}
POLL_S = 0.5  # a person sees no difference to less
POLL_EACH_S = 0.05  # and fifty that are watched ask the server twenty times a second
PLAIN_STEP = 0.25  # of the whole: four lines an analysis are enough in a log
# Order of an analysis's phases, in words for people.
PHASES = {
    "queued": "waiting",
    "fetch": "fetching the clip",
    "probe": "looking at the file",
    "plan": "planning",
    "decode": "decoding and analysing",
    "finish": "finishing",
    "merge": "putting together",
    "store": "storing",
    "ended": "ended",
}


def watch(
    ids: Annotated[list[str], typer.Argument(metavar="ID...", help="Analyses on the server.", show_default=False)],
    server: Server = None,
    token_file: TokenFile = None,
) -> None:
    """Show analyses on a server live until they have ended.

    Exit codes: 0 done, 1 failed, 3 cancelled, 130 interrupted; with several ID the highest. An interrupt leaves them running.
    """
    with connect(server, token_file, retries=PATIENT) as client, left_running(ids):
        ended = follow(client, list(dict.fromkeys(ids)))
    raise typer.Exit(max(tell_end(status) for status in ended.values()))


@contextmanager
def left_running(ids: Sequence[str]) -> Iterator[None]:
    """On Ctrl-C say what goes on without us."""
    try:
        yield
    except KeyboardInterrupt:
        names = " ".join(ids)
        say_error("interrupted; the server goes on", f"to look again: reelscope watch {names}; to end it: reelscope cancel {names}")
        raise typer.Exit(EXIT_INTERRUPTED) from None


def follow(client: Client, ids: Sequence[str]) -> dict[str, AnalysisStatus]:
    """Show analyses until all have ended; return how, in the order given.

    Raises:
        ApiError: One is not there, or the server went away for good.
    """
    from reelscope.api import FINAL

    first = {id: client.get(id) for id in ids}
    with _View() as view:
        for status in first.values():
            view.take(status)
        if len(first) == 1:
            return {id: _by_events(client, status, view) for id, status in first.items()}
        ended = {id: status for id, status in first.items() if status.state in FINAL}
        while len(ended) < len(first):
            time.sleep(max(POLL_S, POLL_EACH_S * (len(first) - len(ended))))
            for id in [id for id in first if id not in ended]:
                status = client.get(id)
                view.take(status)
                if status.state in FINAL:
                    ended[id] = status
    return {id: ended[id] for id in ids}


def _by_events(client: Client, status: AnalysisStatus, view: _View) -> AnalysisStatus:
    """One analysis, by its story: as it happens, and with what is worth a line."""
    from pydantic import ValidationError

    from reelscope.api import FINAL, Progress

    if status.state in FINAL:
        return status
    for event in client.events(status.id):
        if event.kind == "log":
            view.note(status, event.data)
        elif event.kind == "progress":
            try:
                view.move(status.id, Progress.model_validate(event.data))
            except ValidationError:  # of a newer server; the end comes all the same
                continue
    return client.get(status.id)


def tell_end(status: AnalysisStatus) -> int:
    """One line on how an analysis ended; return its exit code."""
    name = one_line(status.title)
    if status.state == "done":
        parts = [f"{status.ok} analyzers ok"] if status.ok is not None else []
        parts += [f"{status.failed} failed"] if status.failed else []
        parts += [f"{status.unavailable} not measured"] if status.unavailable else []
        sys.stdout.write(f"done: {status.id}: {name}" + (f": {', '.join(parts)}" if parts else "") + "\n")
    elif status.error is not None:
        sys.stdout.flush()
        say_error(f"{name}: {status.error.message}", status.error.hint)
    else:
        sys.stdout.write(f"{status.state}: {status.id}: {name}\n")
    sys.stdout.flush()
    return EXIT_CODES[status.state]


class _View:
    """Bars where somebody looks, a few plain lines where nobody does; both on stderr. Use it as a context manager."""

    def __init__(self) -> None:
        self._bars: Bars | None = None
        self._tasks: dict[str, Any] = {}
        self._titles: dict[str, str] = {}
        self._said: dict[str, tuple[str, int]] = {}

    def __enter__(self) -> _View:
        if sys.stderr.isatty():
            from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn

            title, what = TextColumn("{task.fields[title]}", markup=False), TextColumn("{task.description}", markup=False, style="dim")
            # stdout is for results: it must not be sent to the bars' stream, which may be another one
            self._bars = Progress(
                title, BarColumn(), TaskProgressColumn(), what, console=console(stderr=True), transient=True, redirect_stdout=False
            )
            self._bars.start()
        return self

    def __exit__(self, *error: object) -> None:
        if self._bars is not None:
            self._bars.stop()

    def take(self, status: AnalysisStatus) -> None:
        """A new state of an analysis."""
        self._titles[status.id] = one_line(status.title)
        self.move(status.id, status.progress, waiting=_waiting(status) if status.state == "queued" else "")

    def move(self, id: str, progress: Progress, *, waiting: str = "") -> None:
        """A new progress of an analysis that `take` was told of."""
        running = [name for name, one in progress.analyzers.items() if one.state == "running"]
        text = waiting or PHASES[progress.phase] + (f": {', '.join(running[:3])}" if running else "")
        if self._bars is not None:
            if id not in self._tasks:
                self._tasks[id] = self._bars.add_task(text, total=1.0, title=self._titles[id])
            self._bars.update(self._tasks[id], completed=progress.share or 0.0, description=text)
            return
        mark = (progress.phase, int((progress.share or 0.0) / PLAIN_STEP))
        if mark != self._said.get(id):
            self._said[id] = mark
            done = f" ({progress.share:.0%})" if progress.share is not None else ""
            self._line(f"{self._titles[id]}: {waiting or PHASES[progress.phase]}{done}")

    def note(self, status: AnalysisStatus, data: Mapping[str, Any]) -> None:
        """A line of the story that is worth showing."""
        if data.get("level") in ("warning", "error") and data.get("message"):
            self._line(f"{self._titles[status.id]}: {one_line(str(data['message']))}")

    def _line(self, text: str) -> None:
        if self._bars is not None:
            from rich.text import Text

            self._bars.console.print(Text(text), soft_wrap=True)
            return
        sys.stderr.write(f"{text}\n")
        sys.stderr.flush()


def _waiting(status: AnalysisStatus) -> str:
    ahead = status.estimate.jobs_ahead if status.estimate is not None else 0
    return f"waiting, {ahead} ahead" if ahead else "waiting"
