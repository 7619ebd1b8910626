"""How windows get from the decoder to the hosts, and how the slowest of these paces it: within this process, or through shared memory."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping
from contextlib import suppress
from types import TracebackType
from typing import TYPE_CHECKING, Any, Protocol

from reelscope.errors import EngineError
from reelscope.media.decode import plain_arrays
from reelscope.media.frames import FrameSpec, Window

if TYPE_CHECKING:
    import numpy as np

    from reelscope.engine.shared import FramePool

__all__ = ["Flow", "HereFlow", "SharedFlow", "Stopped", "Writer"]

POLL_S = 0.1


class Stopped(Exception):
    """The clip was given up while its decode pass waited; no error of its own."""


class Writer(Protocol):
    """What a decode pass hands its windows to. waited_s: seconds that it had to wait for readers."""

    waited_s: float

    def arrays(self, capacities: Mapping[FrameSpec, int]) -> Mapping[FrameSpec, np.ndarray]:
        """Memory for the next window; waits while too many are in flight."""

    def hand_out(self, window: Window, hosts: Mapping[str, Any], run: int) -> None:
        """Feed a window to every host that is still there."""

    def __enter__(self) -> Writer: ...

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None: ...


class Flow(Protocol):
    """The windows of one decode pass on their way."""

    def writer(self) -> Writer:
        """For the thread that decodes."""

    def took(self, worker: str, key: Any) -> None:
        """A worker is through with a window."""

    def forget(self, worker: str) -> None:
        """A worker is gone, with everything that it held."""

    def close(self) -> None:
        """The pass is over."""


class HereFlow:
    """Windows in plain memory for the host of this process; at most `in_flight` of them are with it."""

    def __init__(self, in_flight: int, stop: threading.Event) -> None:
        self.in_flight, self.stop = in_flight, stop
        self.waited_s = 0.0
        self._out = 0
        self._gone = False
        self._changed = threading.Condition()

    def writer(self) -> Writer:
        return self

    def __enter__(self) -> Writer:
        return self

    def __exit__(self, *error: object) -> None:
        pass

    def arrays(self, capacities: Mapping[FrameSpec, int]) -> Mapping[FrameSpec, np.ndarray]:
        started = time.perf_counter()
        with self._changed:
            while self._out >= self.in_flight and not self._gone:
                if self.stop.is_set():
                    raise Stopped
                self._changed.wait(POLL_S)
        self.waited_s += time.perf_counter() - started
        return plain_arrays(capacities)

    def hand_out(self, window: Window, hosts: Mapping[str, Any], run: int) -> None:
        if self.stop.is_set():
            raise Stopped
        with self._changed:
            if self._gone:
                return
            self._out += 1
        for host in hosts.values():
            host.feed(run, window)

    def took(self, worker: str, key: Any) -> None:
        with self._changed:
            self._out -= 1
            self._changed.notify()

    def forget(self, worker: str) -> None:
        with self._changed:
            self._gone = True
            self._changed.notify()

    def close(self) -> None:
        pass


class SharedFlow:
    """Windows in the slots of a pool, for worker processes."""

    def __init__(self, pool: FramePool, run: int, stop: threading.Event) -> None:
        self.pool, self.run, self.stop = pool, run, stop
        self.waited_s = 0.0
        self._gone: set[str] = set()
        self._readers: set[str] = set()
        self._lock = threading.Lock()
        self._writer = pool.writer(stop=stop)

    def writer(self) -> Writer:
        return self

    def __enter__(self) -> Writer:
        return self

    def __exit__(self, *error: object) -> None:
        self._writer.close()

    def arrays(self, capacities: Mapping[FrameSpec, int]) -> Mapping[FrameSpec, np.ndarray]:
        started = time.perf_counter()
        try:
            return self._writer.arrays(capacities)
        except EngineError as error:
            if error.code == "stopped":
                raise Stopped from error
            raise
        finally:
            self.waited_s += time.perf_counter() - started

    def hand_out(self, window: Window, hosts: Mapping[str, Any], run: int) -> None:
        if self.stop.is_set():
            raise Stopped
        with self._lock:  # a worker that is lost meanwhile is either no reader of this window, or forgotten as one
            there = [w for w in hosts if w not in self._gone]
            self._readers.update(there)
            ref = self._writer.publish(window, [(self.run, w) for w in there])
        for worker in there:
            hosts[worker].feed(run, ref)

    def took(self, worker: str, key: Any) -> None:
        self.pool.release(key, (self.run, worker))

    def forget(self, worker: str) -> None:
        with self._lock:
            self._gone.add(worker)
            self.pool.forget((self.run, worker))

    def close(self) -> None:
        for worker in self._readers:  # of an abandoned pass; a pass that ended holds nothing any more
            with suppress(EngineError):
                self.pool.forget((self.run, worker))
