"""Progress of an analysis on the terminal: a bar where somebody looks, a few plain lines where nobody does."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from reelscope.cli.terminal import console, one_line
from reelscope.events import Event, EventBus

if TYPE_CHECKING:
    from rich.progress import Progress

__all__ = ["ProgressView", "Tally"]

# Where each step stands in the whole, as a share of its time: (start, end). Decoding and analysing go together and take nearly all;
# measured on short clips of the shared media. Only the estimate depends on it.
SHARES = {
    "fetch": (0.0, 0.0),
    "probe": (0.0, 0.01),
    "plan": (0.01, 0.02),
    "load": (0.02, 0.08),
    "model": (0.02, 0.02),
    "decode": (0.08, 0.90),
    "feed": (0.08, 0.90),
    "finish": (0.90, 0.98),
    "retry": (0.08, 0.08),
    "merge": (0.98, 0.99),
    "write": (0.99, 1.0),
    "done": (1.0, 1.0),
}
WORDS = {
    "fetch": "fetching",
    "probe": "looking at the file",
    "plan": "planning",
    "load": "loading",
    "model": "loading models",
    "decode": "decoding and analysing",
    "feed": "analysing",
    "finish": "finished",
    "retry": "trying again",
    "merge": "putting together",
    "write": "writing",
    "done": "done",
}
DECODED = 0.97  # of the length that the header tells: the sound may outlast the picture a little
MIB = 1024 * 1024
PLAIN_LINE_EVERY = 0.25  # of the decoding: four lines a clip are enough in a log


@dataclass(slots=True)
class Tally:
    """Turns events into how far the whole is (0-1, never backwards) and what is being done."""

    share: float = 0.0
    text: str = WORDS["probe"]
    decoded: float = 0.0
    finished: int = 0
    expected: float = 0.0

    def take(self, event: Event) -> None:
        """Take one event."""
        start, end = SHARES[event.step]
        part = min(1.0, max(0.0, event.done / event.total)) if event.total else 0.0
        if event.step == "plan":
            self.expected = event.total or 0.0
        elif event.step == "decode":
            self.decoded = part
        elif event.step == "finish":
            self.finished += 1
            part = min(1.0, self.finished / self.expected) if self.expected else 0.0
        if event.step == "feed" or (event.step == "finish" and self.decoded < DECODED):
            return  # analyzers run beside the decoder, whose position tells how far all are; those of sound alone finish early
        if event.step == "fetch":
            self.text = _fetched(event)
            return
        share = start + (end - start) * part
        if share >= self.share:
            self.share = share
            self.text = f"{WORDS[event.step]} {event.analyzer}" if event.analyzer else WORDS[event.step]


class ProgressView:
    """Shows what a bus tells of the clips that are on their way, a line for each. Use it as a context manager."""

    def __init__(self, bus: EventBus, *, quiet: bool) -> None:
        self._shown: dict[str, Callable[[Event], None]] = {}
        self._bars: Progress | None = None
        self._quiet = quiet
        if not quiet:
            bus.subscribe(self._take)

    def __enter__(self) -> ProgressView:
        if not self._quiet and sys.stderr.isatty():
            self._bars = _bars()
            self._bars.start()
        return self

    def __exit__(self, *error: object) -> None:
        if self._bars is not None:
            self._bars.stop()

    @contextmanager
    def clip(self, job: str, title: str) -> Iterator[None]:
        """Show a clip until the block ends. Any thread."""
        if self._bars is None:
            self._shown[job] = _plain(title)
            try:
                yield
            finally:
                del self._shown[job]
            return
        bars, tally = self._bars, Tally()
        task = bars.add_task(tally.text, total=1.0, title=one_line(title))

        def take(event: Event) -> None:
            tally.take(event)
            bars.update(task, completed=tally.share, description=tally.text)

        self._shown[job] = take
        try:
            yield
        finally:
            del self._shown[job]
            bars.remove_task(task)

    def _take(self, event: Event) -> None:
        shown = self._shown.get(event.job)
        if shown is not None:
            shown(event)


def _bars() -> Progress:
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

    columns = (
        TextColumn("{task.fields[title]}", markup=False),
        BarColumn(),
        TaskProgressColumn(),
        TimeRemainingColumn(elapsed_when_finished=True),
        TextColumn("{task.description}", markup=False, style="dim"),
    )
    return Progress(*columns, console=console(stderr=True), transient=True)


def _fetched(event: Event) -> str:
    """How much of a clip has come in."""
    if not event.done:
        return WORDS["fetch"]
    total = f" of {event.total / MIB:.1f}" if event.total else ""
    return f"{WORDS['fetch']}: {event.done / MIB:.1f}{total} MiB"


def _plain(title: str) -> Callable[[Event], None]:
    tally = Tally()
    start = time.monotonic()
    said: set[str] = set()

    def take(event: Event) -> None:
        tally.take(event)
        if event.step == "decode" and event.total:
            quarter = int(event.done / event.total / PLAIN_LINE_EVERY)
            if quarter == 0:
                return
            mark, line = f"decode {quarter}", f"{min(100, quarter * 25)} % of {event.total:.1f} s decoded and analysed"
        elif event.step in ("fetch", "load", "merge"):
            mark, line = event.step, WORDS[event.step]
        elif event.step == "retry":
            mark, line = event.message, event.message
        else:
            return
        if mark not in said:
            said.add(mark)
            sys.stderr.write(f"{one_line(title)}: {line} ({time.monotonic() - start:.1f} s)\n")
            sys.stderr.flush()

    return take
