"""Sums of files that were read once, kept beside them: a file that has not changed since need not be read in every new process.

A stamp guards against accidents, not against somebody who can write to the store: who can change a model there can change its stamp
too. `reelscope models verify --full` reads everything.
"""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Mapping
from dataclasses import astuple, dataclass
from pathlib import Path

__all__ = ["STAMPS", "Stamp", "known", "note"]

STAMPS = ".stamps.json"


@dataclass(frozen=True, slots=True)
class Stamp:
    """What of a file changes when its content does. A copy or a rename has another one, and is read again once."""

    size: int
    mtime_ns: int
    ctime_ns: int
    inode: int

    @classmethod
    def of(cls, status: os.stat_result) -> Stamp:
        """Of a file as it is now."""
        return cls(status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino)


def known(path: Path, stamp: Stamp) -> str | None:
    """The sha256 that was noted of the file when it had this stamp."""
    found = _read(path.parent).get(path.name)
    match found:
        case [int(), int(), int(), int(), str(sha256)] if tuple(found[:4]) == astuple(stamp):
            return sha256
    return None


def note(path: Path, stamp: Stamp, sha256: str) -> None:
    """Note the sha256 of a file; where the folder cannot be written to, the file will be read again."""
    noted = {name: row for name, row in _read(path.parent).items() if (path.parent / str(name)).is_file()}
    noted[path.name] = [*astuple(stamp), sha256]
    part = path.parent / f".stamps.{os.getpid()}.part"
    try:
        part.write_text(json.dumps(noted, indent=1), encoding="utf-8")
        part.replace(path.parent / STAMPS)  # of two at once the last one counts: what the other noted is read again
    except OSError:
        with contextlib.suppress(OSError):
            part.unlink(missing_ok=True)


def _read(folder: Path) -> Mapping[str, object]:
    try:
        found = json.loads((folder / STAMPS).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}
