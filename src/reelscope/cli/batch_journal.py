"""What became of each clip of a batch: a file that is only ever appended to, and survives being cut off at any byte.

One line of JSON for each result, on disk (fsync) before anything is said about it. The last line of a clip is the one that holds.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

from reelscope.errors import InputError
from reelscope.outputs import write_error

__all__ = ["Entry", "Journal"]

State = Literal["submitted", "done", "failed", "cancelled"]
STATES = ("submitted", "done", "failed", "cancelled")


@dataclass(frozen=True, slots=True)
class Entry:
    """A line.

    Attributes:
        source: The clip's key. options: what was asked of it, as a mark; another mark is another question.
        id: On a server; folder: of its results, beside this file.
        seconds: From its start to its result.
        error: code, message, hint, retryable.
        exit_code: What it stands for in the exit code of the whole.
    """

    source: str
    state: State
    options: str
    id: str | None = None
    folder: str | None = None
    seconds: float | None = None
    error: Mapping[str, Any] | None = None
    exit_code: int = 0
    at: str = field(default_factory=lambda: datetime.now(UTC).isoformat(timespec="seconds"))

    @property
    def retryable(self) -> bool:
        return bool(self.error and self.error.get("retryable"))

    def line(self) -> str:
        """JSON on one line, without what is not known."""
        names = ("at", "source", "state", "id", "folder", "seconds", "error", "exit_code", "options")
        known = {name: value for name in names if (value := getattr(self, name)) is not None}
        return json.dumps(known)  # ASCII: names of files that are no text survive as escapes

    @classmethod
    def read(cls, line: bytes) -> Entry | None:
        """An entry; None where the line is none."""
        try:
            told = json.loads(line)
        except ValueError:
            return None
        if not isinstance(told, dict) or not isinstance(told.get("source"), str) or told.get("state") not in STATES:
            return None
        error = told.get("error")
        code = told.get("exit_code")
        return cls(
            source=told["source"],
            state=told["state"],
            options=str(told.get("options", "")),
            id=told.get("id") if isinstance(told.get("id"), str) else None,
            folder=told.get("folder") if isinstance(told.get("folder"), str) else None,
            seconds=told.get("seconds") if isinstance(told.get("seconds"), (int, float)) else None,
            error=error if isinstance(error, dict) else None,
            exit_code=code if isinstance(code, int) else int(told["state"] != "done"),
            at=str(told.get("at", "")),
        )


class Journal:
    """The file of one batch, held by one process at a time. Any thread may add to it.

    Attributes:
        path: Where it lies. entries: the last entry of each clip. broken: lines that were none, as a power cut leaves them.

    Raises:
        InputError: It cannot be written to, or another batch is at work there.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.entries: dict[str, Entry] = {}
        self.broken = 0
        self._lock = threading.Lock()
        try:
            new = not path.exists()
            self._fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o644)
        except OSError as error:
            raise write_error(path, error) from error
        try:
            try:
                fcntl.flock(self._fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise InputError(
                    f"{path}: another batch is at work here",
                    code="batch_running",
                    hint="wait for its end, or choose another folder with --out",
                ) from None
            if new:
                _sync_folder(path.parent)
            data = path.read_bytes()
            self._cut_off = bool(data) and not data.endswith(b"\n")
            for line in data.splitlines():
                entry = Entry.read(line)
                if entry is not None:
                    self.entries[entry.source] = entry
                elif line.strip():
                    self.broken += 1
        except OSError as error:
            os.close(self._fd)
            raise write_error(path, error) from error
        except BaseException:
            os.close(self._fd)
            raise

    def close(self) -> None:
        """Let go of the file; may be called again."""
        with self._lock:
            fd, self._fd = self._fd, -1
        if fd >= 0:
            os.close(fd)

    def __enter__(self) -> Journal:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def add(self, entry: Entry) -> None:
        """Append a line; it is on disk when this returns, or not there at all.

        Raises:
            OutputError: The disk is full or fails.
        """
        with self._lock:
            # a line that was cut off is ended first, so that it spoils no other
            data = (b"\n" if self._cut_off else b"") + entry.line().encode("ascii") + b"\n"
            before = os.fstat(self._fd).st_size
            try:
                left = memoryview(data)
                while left:
                    left = left[os.write(self._fd, left) :]
                os.fsync(self._fd)
            except OSError as error:
                with contextlib.suppress(OSError):
                    os.ftruncate(self._fd, before)
                raise write_error(self.path, error) from error
            self._cut_off = False
            self.entries[entry.source] = entry


def _sync_folder(folder: Path) -> None:
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        with contextlib.suppress(OSError):  # not every file system syncs folders
            os.fsync(fd)
    finally:
        os.close(fd)
