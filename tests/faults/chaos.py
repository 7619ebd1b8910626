"""Kills workers of a session at random while it works; for the chaos test and for bench/chaos.py."""

from __future__ import annotations

import random
import threading
import time
from dataclasses import dataclass, field
from types import TracebackType

from reelscope.pipeline import Session

__all__ = ["Killer"]


@dataclass(slots=True)
class Killer:
    """A thread that kills a random worker after random pauses, as SIGKILL does.

    Only workers that are ready: three that die in a row while they start end a clip by policy (docs/failures.md).

    Attributes:
        pause_s: Shortest and longest pause; most_s: no more kills after that, once there were `least`.
        killed: Names of the workers, in order.
    """

    session: Session
    seed: int
    pause_s: tuple[float, float]
    most_s: float = 3600.0
    least: int = 0
    killed: list[str] = field(default_factory=list)
    _stop: threading.Event = field(default_factory=threading.Event)
    _thread: threading.Thread | None = None

    def __enter__(self) -> Killer:
        self._thread = threading.Thread(target=self._run, name="killer", daemon=True)
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._stop.set()
        assert self._thread is not None
        self._thread.join()

    def kill_one(self, chance: random.Random) -> bool:
        """Kill one of the workers that are ready; False where none is."""
        engine = self.session.engine
        with engine._lock:
            there = [(n, s.host) for n, s in sorted(engine._seats.items()) if s.host is not None and s.host.ready]
            if not there:
                return False
            name, host = chance.choice(there)
            host.process.kill()
        self.killed.append(name)
        return True

    def _run(self) -> None:
        chance = random.Random(self.seed)
        until = time.monotonic() + self.most_s
        while not self._stop.wait(chance.uniform(*self.pause_s)) and (time.monotonic() < until or len(self.killed) < self.least):
            self.kill_one(chance)
