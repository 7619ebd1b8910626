"""What a worker tells of itself once a second: its processes' memory, its models, its machine."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import psutil

from reelscope.pipeline import Session

__all__ = ["WorkerSampler", "tree_rss_mib"]

MIB = 1 << 20


def tree_rss_mib(process: psutil.Process) -> float:
    """Resident memory of a process and all that it started; pages that they share are counted for each."""
    total = 0
    for one in [process, *_children(process)]:
        try:
            total += one.memory_info().rss
        except psutil.Error:  # it ended meanwhile
            continue
    return total / MIB


def _children(process: psutil.Process) -> list[psutil.Process]:
    try:
        return process.children(recursive=True)
    except psutil.Error:
        return []


class WorkerSampler:
    """Samples of one worker process and the machine that it is on."""

    def __init__(self, session: Session, data_dir: Path) -> None:
        self._session, self._data_dir = session, data_dir
        self._me = psutil.Process()

    def sample(self) -> dict[str, Any]:
        """One sample, as JSON; never raises."""
        return {"rss_mib": round(tree_rss_mib(self._me), 1)}

    def close(self) -> None:
        """Let go of what it asks."""
