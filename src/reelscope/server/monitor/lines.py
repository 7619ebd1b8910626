"""Files of lines that several processes append to, bounded together; a full disk costs lines and nothing else.

A folder holds `<name>-000001.jsonl`, `<name>-000002.jsonl` and so on; the highest number is written to. Each line goes out in one write
to a file opened for appending, which the kernel keeps apart from those of other processes, and can be read at once.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

__all__ = ["FILES", "FILE_BYTES", "RotatingLines", "files_of", "read_lines"]

# Eight files of 8 MiB: some hours of snapshots or some hundred thousand log lines, and never more than 64 MiB of a disk that is there for
# results. Small files lose little when the oldest goes, and open in any editor.
FILES = 8
FILE_BYTES = 8 << 20


def files_of(folder: Path, name: str) -> list[Path]:
    """Its files, oldest first; none where the folder does not exist."""
    pattern = re.compile(rf"{re.escape(name)}-(\d+)\.jsonl")
    try:
        found = [(int(m[1]), folder / each) for each in os.listdir(folder) if (m := pattern.fullmatch(each))]  # noqa: PTH208
    except OSError:
        return []
    return [path for _, path in sorted(found)]


def read_lines(folder: Path, name: str, *, containing: str = "") -> Iterator[dict[str, Any]]:
    """Objects of all its lines, oldest first; lines that a crash or a full disk has cut are left out.

    containing: Only lines with this text in them are looked at, which spares parsing the others.
    """
    wanted = containing.encode()
    for path in files_of(folder, name):
        try:
            file = path.open("rb")
        except OSError:  # the oldest one, removed meanwhile
            continue
        with file:
            for line in file:
                if wanted in line:
                    with contextlib.suppress(ValueError):
                        made = json.loads(line)
                        if isinstance(made, dict):
                            yield made


class RotatingLines:
    """Appends lines. Any thread may write; other processes may write to the same files.

    Attributes:
        dropped: Lines that could not be written.
    """

    def __init__(self, folder: Path, name: str, *, file_bytes: int = FILE_BYTES, files: int = FILES) -> None:
        self.folder, self.name = folder, name
        self.dropped = 0
        self._file_bytes, self._files = file_bytes, files
        self._lock = threading.Lock()
        self._fd: int | None = None
        self._torn = False  # the last write ended in the middle of a line

    def write(self, line: str) -> bool:
        """Append one line; False where it had to be dropped: the disk is full, or the folder cannot be written to."""
        data = line.encode("utf-8", "backslashreplace") + b"\n"
        with self._lock:
            try:
                self._append(data)
            except OSError:
                self.dropped += 1
                return False
            return True

    def close(self) -> None:
        """Close the file; a later write opens it again."""
        with self._lock:
            self._let_go()

    def _append(self, data: bytes) -> None:
        fd = self._ready(len(data))
        if self._torn:
            data = b"\n" + data
        written = os.write(fd, data)
        self._torn = written < len(data)
        if self._torn:
            raise OSError("the disk took a part of the line")

    def _ready(self, more: int) -> int:
        """The file to write to: the newest while it has room, else the next one."""
        if self._fd is not None:
            facts = os.fstat(self._fd)
            if facts.st_nlink and (facts.st_size == 0 or facts.st_size + more <= self._file_bytes):
                return self._fd
            self._let_go()
        there = files_of(self.folder, self.name)
        newest = _number(there[-1]) if there else 0
        room = bool(there) and there[-1].stat().st_size + more <= self._file_bytes
        fd = self._open(newest if room else newest + 1)
        for old in files_of(self.folder, self.name)[: -self._files]:
            with contextlib.suppress(OSError):  # another process was quicker
                old.unlink()
        return fd

    def _open(self, number: int) -> int:
        self.folder.mkdir(parents=True, exist_ok=True)
        path = self.folder / f"{self.name}-{number:06d}.jsonl"
        # for its owner alone: log lines and snapshots name clips
        self._fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
        size = os.fstat(self._fd).st_size
        self._torn = size > 0 and os.pread(self._fd, 1, size - 1) != b"\n"  # left by a crash
        return self._fd

    def _let_go(self) -> None:
        fd, self._fd = self._fd, None
        if fd is not None:
            os.close(fd)


def _number(path: Path) -> int:
    return int(path.stem.rsplit("-", 1)[1])
