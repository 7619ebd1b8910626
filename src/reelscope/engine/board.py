"""The status board: what each thread of a worker is doing right now, readable from outside even after the worker was killed."""

from __future__ import annotations

import struct
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Literal

__all__ = ["BOARD_BYTES", "Board", "Phase", "Running"]

# A new phase also wants its words in faults.DOING and its limit in conduct.ClipRun.limit_s.
Phase = Literal["load", "begin", "feed", "finish", "close"]
PHASES: tuple[Phase, ...] = ("load", "begin", "feed", "finish", "close")

SLOTS = 128  # threads of one worker at the same time: lanes of two clips and their finishing members, with room
ROW = struct.Struct("<qqii64s")  # since_ns (0: free), run, phase, length of the name, name
COUNT = struct.Struct("<q")  # after the rows: messages that the worker has taken
BOARD_BYTES = SLOTS * ROW.size + COUNT.size


@dataclass(frozen=True, slots=True)
class Running:
    """A call that was under way when the board was read. seconds: since it began."""

    run: int
    name: str
    phase: Phase
    seconds: float


class Board:
    """A table in plain memory or in a mapped file. Only its own process writes it; times are of the system-wide monotonic clock."""

    def __init__(self, buffer: bytearray | memoryview | None = None) -> None:
        self._buffer = buffer if buffer is not None else bytearray(BOARD_BYTES)
        self._free = list(range(SLOTS))
        self._lock = threading.Lock()

    @contextmanager
    def entry(self, run: int, name: str, phase: Phase) -> Iterator[None]:
        """Stand on the board while the block runs."""
        with self._lock:
            slot = self._free.pop() if self._free else None
        if slot is None:  # never seen; the call runs unwatched rather than not at all
            yield
            return
        text = name.encode()[:64]
        ROW.pack_into(self._buffer, slot * ROW.size, 0, run, PHASES.index(phase), len(text), text)
        struct.pack_into("<q", self._buffer, slot * ROW.size, time.monotonic_ns())  # last: who sees a time sees a whole row
        try:
            yield
        finally:
            struct.pack_into("<q", self._buffer, slot * ROW.size, 0)
            with self._lock:
                self._free.append(slot)

    def take(self) -> None:
        """Note that one more message was taken."""
        COUNT.pack_into(self._buffer, SLOTS * ROW.size, self.taken + 1)

    @property
    def taken(self) -> int:
        """Messages that were taken so far."""
        return int(COUNT.unpack_from(self._buffer, SLOTS * ROW.size)[0])

    def read(self) -> list[Running]:
        """What is under way, longest first."""
        now = time.monotonic_ns()
        found = []
        for slot in range(SLOTS):
            since, run, phase, length, name = ROW.unpack_from(self._buffer, slot * ROW.size)
            again = struct.unpack_from("<q", self._buffer, slot * ROW.size)[0]
            if since and since == again:  # else the row changed under our eyes: that call has just begun or ended
                found.append(Running(run, name[:length].decode(errors="replace"), PHASES[phase], (now - since) / 1e9))
        return sorted(found, key=lambda r: -r.seconds)
