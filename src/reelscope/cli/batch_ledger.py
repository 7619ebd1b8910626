"""What is said and kept while a batch goes on: a line for each result, how far the whole is, and the exit code."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from reelscope.cli.batch_journal import Entry, Journal
from reelscope.cli.batch_list import Item
from reelscope.cli.status import span
from reelscope.cli.terminal import console, one_line
from reelscope.errors import ReelscopeError

if TYPE_CHECKING:
    from rich.progress import Progress

__all__ = ["Ledger", "eta_s", "split"]

TELL_EVERY_S = 15.0  # a line about the whole where nobody looks at a bar


def split(items: list[Item], journal: Journal, options: str, *, retry_failed: bool) -> tuple[list[Item], list[Entry]]:
    """What is to be done now, and what earlier runs have settled: done with these options and still there, or failed for good."""
    todo: list[Item] = []
    settled: list[Entry] = []
    for item in items:
        entry = journal.entries.get(item.key)
        done = entry is not None and entry.state == "done" and (journal.path.parent / (entry.folder or item.folder)).is_dir()
        lost = entry is not None and entry.state == "failed" and not (retry_failed or entry.retryable)
        if entry is not None and entry.options == options and (done or lost):
            settled.append(entry)
        else:
            todo.append(item)
    return todo, settled


def eta_s(finished: int, elapsed_s: float, left: int, at_once: int) -> float | None:
    """Seconds until the end at the pace so far; None before as many are finished as go at once, when no pace is known yet."""
    if finished < max(1, at_once) or not left:
        return None
    return elapsed_s / finished * left


class Ledger:
    """Takes results from any thread. Use it as a context manager.

    Args:
        total: Clips to be done now; settled: by earlier runs.
        at_once: How many go at the same time.
        as_json: Print the lines of the journal in place of lines for people.

    Attributes:
        done, failed: Of this run. worst: the highest exit code so far, earlier runs' failures included.
    """

    def __init__(
        self,
        journal: Journal,
        options: str,
        *,
        total: int,
        settled: list[Entry],
        at_once: int,
        as_json: bool = False,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.journal = journal
        self.options = options
        self.done = self.failed = 0
        self.worst = max((entry.exit_code for entry in settled), default=0)
        self._total = total
        self._at_once = at_once
        self._as_json = as_json
        self._clock = clock
        self._started = clock()
        self._told = self._started
        self._lock = threading.Lock()
        self._bars: Progress | None = None
        self._task: Any = None

    def __enter__(self) -> Ledger:
        if sys.stderr.isatty() and self._total:
            from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

            columns = (BarColumn(), MofNCompleteColumn(), TextColumn("{task.description}", markup=False, style="dim"))
            # stdout stays its own: results go there, also where the bar is on a terminal and they go into a file
            self._bars = Progress(*columns, console=console(stderr=True), transient=True, redirect_stdout=False)
            self._task = self._bars.add_task("", total=self._total)
            self._bars.start()
        return self

    def __exit__(self, *error: object) -> None:
        if self._bars is not None:
            self._bars.stop()

    def submitted(self, item: Item, id: str) -> None:
        """A server took the clip: a rerun asks for this analysis in place of a new one."""
        self.journal.add(Entry(item.key, "submitted", self.options, id=id, exit_code=1))

    def finish(self, item: Item, *, seconds: float, id: str | None = None) -> None:
        """Its results lie in its folder."""
        self._take(item, Entry(item.key, "done", self.options, id=id, folder=item.folder, seconds=round(seconds, 3)))

    def lose(self, item: Item, error: BaseException, *, seconds: float, id: str | None = None, cancelled: bool = False) -> None:
        """It came to nothing."""
        if isinstance(error, ReelscopeError):
            told = {"code": error.code, "message": error.message, "hint": error.hint, "retryable": error.retryable}
            code = error.exit_code
        else:
            told = {"code": "internal", "message": f"internal error: {type(error).__name__}: {error}", "hint": None, "retryable": False}
            code = 1
        state, code = ("cancelled", 3) if cancelled else ("failed", code)
        entry = Entry(item.key, state, self.options, id=id, seconds=round(seconds, 3), error=told, exit_code=code)  # type: ignore[arg-type]
        self._take(item, entry)

    def summary(self, settled: list[Entry]) -> str:
        """One line on the whole."""
        before = sum(entry.state == "done" for entry in settled)
        failed = self.failed + len(settled) - before
        text = f"{self.done + before} done" + (f" ({before} before)" if before else "") + f", {failed} failed"
        left = self._total - self.done - self.failed
        return text + (f", {left} not begun or given up" if left else "")

    def _take(self, item: Item, entry: Entry) -> None:
        with self._lock:
            self.journal.add(entry)
            self.done += entry.state == "done"
            self.failed += entry.state != "done"
            self.worst = max(self.worst, entry.exit_code)
            self._say(entry.line() if self._as_json else self._line(item, entry))
            self._tell()

    def _line(self, item: Item, entry: Entry) -> str:
        took = f" ({entry.seconds:.1f} s)"
        if entry.state == "done":
            return f"done: {one_line(item.label)}: {one_line(str(_relative(self.journal.path.parent / item.folder)))}{took}"
        error = entry.error or {}
        hint = f"; {error['hint']}" if error.get("hint") else ""
        message = str(error.get("message", "")).removeprefix(f"{item.label}: ")  # most name the clip themselves
        return f"{entry.state}: {one_line(item.label)}: {one_line(message + hint)}{took}"

    def _say(self, line: str) -> None:
        if self._bars is not None and sys.stdout.isatty():
            from rich.text import Text

            self._bars.console.print(Text(line), soft_wrap=True)  # above the bar
            return
        sys.stdout.write(line + "\n")
        sys.stdout.flush()

    def _tell(self) -> None:
        finished, now = self.done + self.failed, self._clock()
        left_s = eta_s(finished, now - self._started, self._total - finished, self._at_once)
        text = f"{self.failed} failed, " if self.failed else ""
        text += f"about {span(left_s)} left" if left_s is not None else "" if finished == self._total else "time left not known yet"
        if self._bars is not None:
            self._bars.update(self._task, completed=finished, description=text.removesuffix(", "))
        elif now - self._told >= TELL_EVERY_S and finished < self._total:
            self._told = now
            sys.stderr.write(f"{finished} of {self._total}: {text}\n")
            sys.stderr.flush()


def _relative(path: Path) -> Path:
    try:
        return path.absolute().relative_to(Path.cwd())
    except ValueError:
        return path
