"""The monitor that the server owns: a look at everything once a second, for the page, /metrics, `reelscope top` and the journal."""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections import deque
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from pathlib import Path

from reelscope.server.monitor.build import Kept, point_of, snapshot_of
from reelscope.server.monitor.gpus import GpuReader
from reelscope.server.monitor.journal import Journal
from reelscope.server.monitor.metrics import Counters, render
from reelscope.server.monitor.sample import MachineSampler
from reelscope.server.monitor.shapes import MonitorHistory, MonitorPoint, MonitorSnapshot, ServerState
from reelscope.server.monitor.store import Store
from reelscope.server.monitor.tally import HOUR_S

__all__ = ["Monitor"]

log = logging.getLogger(__name__)

EVERY_S = 1.0
HISTORY = 300  # points: five minutes, as the shorter of the two spans of the rates
# A row's time is taken before its transaction is committed, and a writer may have to wait for half a minute (db.BUSY_MS): so far back is
# asked for again each time; what is known already is not counted again.
AGAIN_S = 60.0

Told = Callable[[MonitorSnapshot], object]


class Monitor:
    """Looks once a second while it is started. Its methods may be called from any thread.

    Args:
        store: The database. data_dir, temp_dir: whose disks are told; the journal goes into the first.
        state: Of the server, asked at each look.
        gpus: See MachineSampler.
        every_s: Seconds between looks.
    """

    def __init__(
        self,
        store: Store,
        data_dir: Path,
        *,
        temp_dir: Path | None = None,
        state: Callable[[], ServerState] = lambda: "ready",
        gpus: GpuReader | None = None,
        journal: Journal | None = None,
        every_s: float = EVERY_S,
    ) -> None:
        self._store, self._state, self._every_s = store, state, every_s
        self._machine = MachineSampler(data_dir, temp_dir, gpus=gpus)
        self._journal = journal or Journal(data_dir)
        self._kept = Kept()
        self._started: float | None = None  # by the database's clock
        self._looked: float | None = None
        self._latest: MonitorSnapshot | None = None
        self._latest_json: str | None = None
        self._latest_at = 0.0
        self._counts = Counters()
        self._failed = 0
        self._blind = False
        self._history: deque[MonitorPoint] = deque(maxlen=HISTORY)
        self._told: list[Told] = []
        self._wakers: list[Callable[[], None]] = []
        self._lock = threading.Lock()
        self._stopped = threading.Event()
        self._leaving = threading.Event()
        self._thread: threading.Thread | None = None

    # --- its life -----------------------------------------------------------------------------------------------------------------------

    def start(self) -> None:
        """Begin to look, in a thread of its own."""
        self._thread = threading.Thread(target=self._run, name="monitor", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Look no more and end what follows it; joins the thread. Legal twice, and without a start."""
        self._stopped.set()
        if self._thread is not None:
            self._thread.join()
        self.end_followers()
        self._journal.close()
        self._machine.close()

    def end_followers(self) -> None:
        """End every `follow`, so that a server that is about to end does not wait for its readers. May be called in a signal handler."""
        self._leaving.set()
        for wake in tuple(self._wakers):  # without the lock, which the interrupted thread may hold
            wake()

    def look(self) -> MonitorSnapshot:
        """Look once, now; the thread does this every second.

        Raises:
            Exception: What the store raises where the database cannot be read.
        """
        now = self._store.look(HOUR_S if self._looked is None else AGAIN_S + time.monotonic() - self._looked)
        self._looked = time.monotonic()
        if self._started is None:
            self._started = now.now
        self._kept.take(now, started=self._started)
        snapshot = snapshot_of(now, self._kept, self._machine.sample(), started=self._started, state=self._state())
        with self._lock:
            self._latest, self._latest_json, self._latest_at = snapshot, snapshot.model_dump_json(), time.monotonic()
            windows = self._kept.windows
            self._counts = Counters(jobs=dict(self._kept.ended.total), runs=dict(windows.ended), seconds=dict(windows.spent))
            self._history.append(point_of(snapshot))
            told, wakers = list(self._told), list(self._wakers)
        self._journal.write(snapshot)
        for call in told:
            try:
                call(snapshot)
            except Exception:
                log.exception("%r failed and is told no more", call)
                self._forget(call)
        for wake in wakers:
            wake()
        return snapshot

    # --- what it saw ----------------------------------------------------------------------------------------------------------------------

    def latest(self) -> MonitorSnapshot | None:
        """The newest snapshot; None before the first look."""
        return self._latest

    def latest_json(self) -> str | None:
        """The same as JSON, made once for all who ask."""
        return self._latest_json

    def history(self) -> MonitorHistory:
        """The last five minutes."""
        with self._lock:
            return MonitorHistory(points=list(self._history))

    def counters(self) -> Counters:
        """Counts since the server's start that a snapshot does not hold."""
        with self._lock:
            age_s = time.monotonic() - self._latest_at if self._latest is not None else None
            return replace(self._counts, looks_failed=self._failed, journal_dropped=self._journal.dropped, age_s=age_s)

    def metrics(self) -> bytes:
        """Prometheus's exposition of all this; only the counters before the first look."""
        return render(self._latest, self.counters())

    # --- who is told ----------------------------------------------------------------------------------------------------------------------

    def subscribe(self, told: Told) -> Callable[[], None]:
        """Call with every new snapshot, from the monitor's thread. Returns what ends that; one that raises is told no more."""
        with self._lock:
            self._told.append(told)
        return lambda: self._forget(told)

    async def follow(self) -> AsyncIterator[str]:
        """The newest snapshot and every later one as JSON, until `end_followers` or `stop`.

        Who reads slowly misses some and holds up nobody.
        """
        loop, news = asyncio.get_running_loop(), asyncio.Event()

        def wake() -> None:
            try:
                loop.call_soon_threadsafe(news.set)
            except RuntimeError:  # the loop has ended before its reader was closed
                self._forget_waker(wake)

        with self._lock:
            self._wakers.append(wake)
        last: str | None = None
        try:
            while not self._leaving.is_set():
                news.clear()
                latest = self._latest_json
                if latest is not None and latest is not last:
                    last = latest
                    yield latest
                else:
                    await news.wait()
        finally:
            self._forget_waker(wake)

    def _forget(self, told: Told) -> None:
        with self._lock:
            self._told = [t for t in self._told if t is not told]

    def _forget_waker(self, wake: Callable[[], None]) -> None:
        with self._lock:
            self._wakers = [w for w in self._wakers if w is not wake]

    def _run(self) -> None:
        due = time.monotonic()
        while not self._stopped.is_set():
            try:
                self.look()
                if self._blind:
                    log.warning("the monitor sees the database again")
                self._blind = False
            except Exception as error:  # the database is away: the last snapshot stays, with its age
                self._failed += 1
                if not self._blind:
                    log.warning("the monitor cannot read the database: %s", type(error).__name__)
                    log.debug("the monitor cannot read the database", exc_info=True)
                self._blind = True
            due = max(due + self._every_s, time.monotonic())  # what was missed is not made up for
            self._stopped.wait(due - time.monotonic())
