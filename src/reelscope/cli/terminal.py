"""What commands share: state, consoles, the one-line form of errors, settings from the surroundings."""

from __future__ import annotations

import logging
import os
import sys
import unicodedata
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from reelscope.errors import InputError, ReelscopeError

if TYPE_CHECKING:
    from rich.console import Console

    from reelscope.config import LoadedSettings

__all__ = [
    "EXIT_FAILED",
    "EXIT_INTERRUPTED",
    "State",
    "console",
    "log_to_stderr",
    "one_line",
    "read_settings",
    "say_error",
    "say_exception",
]

EXIT_FAILED = 1
EXIT_USAGE = 2
EXIT_INTERRUPTED = 130  # what shells give for a process that SIGINT ended: 128 + 2


@dataclass(slots=True)
class State:
    """What holds for the whole call."""

    debug: bool = False


def console(*, stderr: bool = False) -> Console:
    """A console on the present stdout or stderr; nothing is highlighted that we did not mark."""
    from rich.console import Console

    return Console(stderr=stderr, highlight=False)


def one_line(text: str) -> str:
    """Text on one line, with control characters (of file names, say) shown instead of sent to the terminal."""
    flat = " ".join(text.split())
    return "".join(
        c if unicodedata.category(c) not in ("Cc", "Cf", "Cs") else c.encode("unicode_escape", "surrogatepass").decode() for c in flat
    )


def say_error(message: str, hint: str | None = None) -> None:
    """Write `error: ...` and `hint: ...` on stderr, each on one line whatever the width of the terminal."""
    sys.stderr.write(f"error: {one_line(message)}\n")
    if hint:
        sys.stderr.write(f"hint: {one_line(hint)}\n")
    sys.stderr.flush()


def say_exception(error: BaseException, state: State) -> int:
    """Report an exception that ends a command or one clip of several; return the exit code that it stands for."""
    if state.debug:
        import traceback

        traceback.print_exception(error)
    if isinstance(error, ReelscopeError):
        say_error(error.message, error.hint)
        return error.exit_code
    if isinstance(error, MemoryError):
        say_error("out of memory", "close other programs, or lower performance.windows_in_flight and performance.window_s")
        return EXIT_FAILED
    say_error(
        f"internal error: {type(error).__name__}: {error}",
        None if state.debug else "run again with --debug for the details of a bug report",
    )
    return EXIT_FAILED


def read_settings(flags: Mapping[str, Any] | None = None) -> LoadedSettings:
    """Settings for this process: its folder, its environment, its user."""
    from reelscope.config import load_settings

    try:
        cwd = Path.cwd()
    except FileNotFoundError as error:
        raise InputError("the current folder is not there any more", code="no_cwd", hint="change to another folder") from error
    return load_settings(flags or {}, env=os.environ, cwd=cwd, home=home_folder())


def home_folder() -> Path:
    """The user's home; the root where nobody knows one (a user id without an account, as in containers)."""
    try:
        return Path.home()
    except RuntimeError:
        return Path(os.sep)


class _Stderr(logging.StreamHandler):  # type: ignore[type-arg]
    """Writes to what sys.stderr is at that moment: a progress bar puts its own there, so that lines do not tear it."""

    def __init__(self) -> None:
        logging.Handler.__init__(self)

    @property
    def stream(self) -> Any:
        return sys.stderr


class _OneLine(logging.Formatter):
    """One line a message; of an exception its kind and message."""

    def format(self, record: logging.LogRecord) -> str:
        text = f"{record.levelname.lower()}: {record.getMessage()}"
        if record.exc_info and record.exc_info[1] is not None:
            text += f" ({type(record.exc_info[1]).__name__}: {record.exc_info[1]})"
        return one_line(text)


@contextmanager
def log_to_stderr(level: str, state: State) -> Iterator[None]:
    """Send the package's log to stderr until the block ends; the root logger stays as it is. Tracebacks only when debugging."""
    logger = logging.getLogger("reelscope")
    before = logger.level
    handler = _Stderr()
    handler.setFormatter(logging.Formatter("%(levelname)s %(name)s: %(message)s") if state.debug else _OneLine())
    logger.setLevel("DEBUG" if state.debug else level.upper())
    logger.addHandler(handler)
    try:
        yield
    finally:
        logger.removeHandler(handler)
        logger.setLevel(before)
