"""What commands share: state, consoles, the one-line form of errors, settings from the surroundings."""

from __future__ import annotations

import logging
import os
import sys
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from reelscope.errors import ReelscopeError

if TYPE_CHECKING:
    from rich.console import Console

    from reelscope.config import LoadedSettings

__all__ = ["EXIT_FAILED", "EXIT_INTERRUPTED", "State", "console", "one_line", "read_settings", "say_error", "start_logging"]

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

    return load_settings(flags or {}, env=os.environ, cwd=Path.cwd(), home=Path.home())


def start_logging(level: str) -> None:
    """Send the log of the package to stderr; the root logger stays as it is."""
    logger = logging.getLogger("reelscope")
    logger.setLevel(level.upper())
    if not logger.handlers:
        handler = logging.StreamHandler()
        handler.setFormatter(logging.Formatter("%(levelname)s %(name)s: %(message)s"))
        logger.addHandler(handler)
        logger.propagate = False
