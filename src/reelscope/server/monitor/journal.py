"""The monitor's memory on disk: one snapshot a second as a line of JSON in DATA/monitor/, bounded, readable while it is written."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from reelscope.server.monitor.lines import FILE_BYTES, FILES, RotatingLines, read_lines
from reelscope.server.monitor.shapes import MonitorSnapshot

__all__ = ["FOLDER", "Journal", "compact", "read_journal"]

FOLDER, NAME = "monitor", "monitor"
# What a snapshot repeats every second though it hardly changes, and what the lines before and after tell as well.
LEFT_OUT = {"machines": {"__all__": {"cpu_why", "gpus_note"}}}


class Journal:
    """Writes snapshots. When the disk is full, lines are dropped and counted; it goes on by itself when there is room again."""

    def __init__(self, data_dir: Path, *, file_bytes: int = FILE_BYTES, files: int = FILES) -> None:
        self._lines = RotatingLines(data_dir / FOLDER, NAME, file_bytes=file_bytes, files=files)

    @property
    def dropped(self) -> int:
        """Snapshots that could not be written."""
        return self._lines.dropped

    def write(self, snapshot: MonitorSnapshot) -> bool:
        """Write one; False where it was dropped."""
        return self._lines.write(compact(snapshot))

    def close(self) -> None:
        """Close the file."""
        self._lines.close()


def compact(snapshot: MonitorSnapshot) -> str:
    """A snapshot on one line: keys whose value is null are left out, a reader takes them as null."""
    return snapshot.model_dump_json(exclude_none=True, exclude=LEFT_OUT)


def read_journal(data_dir: Path) -> Iterator[dict[str, Any]]:
    """Snapshots that are kept, oldest first; also while they are written."""
    return read_lines(data_dir / FOLDER, NAME)
