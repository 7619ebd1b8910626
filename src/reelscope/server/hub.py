"""One look at the database for all who follow events: a thread polls the jobs that somebody listens to, streams wait for what it finds."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

from reelscope.api import FINAL, JobEvent
from reelscope.server.jobs import Jobs
from reelscope.server.limits import Refusal

__all__ = ["HEARTBEAT_S", "MOST_STREAMS", "Hub"]

POLL_S = 0.25
HEARTBEAT_S = 15.0  # proxies close what is silent for a minute, some for half of one
MOST_STREAMS = 200  # each holds a connection; the page has one open at a time
BATCH = 200


@dataclass(eq=False, slots=True)
class _Listener:
    job_id: str
    seq: int
    loop: asyncio.AbstractEventLoop
    queue: asyncio.Queue[list[JobEvent] | None] = field(default_factory=asyncio.Queue)


class Hub:
    """Who listens to which job."""

    def __init__(self, jobs: Jobs) -> None:
        self._jobs = jobs
        self._listeners: set[_Listener] = set()
        self._lock = threading.Lock()
        self._wake = threading.Condition(self._lock)
        self._closed = False
        self._thread: threading.Thread | None = None

    def check_room(self) -> None:
        """Before a stream begins, while its answer can still say no.

        Raises:
            Refusal: Too many are open.
        """
        if len(self._listeners) >= MOST_STREAMS:
            raise Refusal(
                503, f"{MOST_STREAMS} streams are open", code="too_many_streams", hint="ask GET /analyses/{id} instead", retry_after_s=10
            )

    async def follow(self, job_id: str, after: int) -> AsyncIterator[JobEvent | None]:
        """A job's events after `after`, until its last one; None now and then where there are none, so that a lost reader is noticed."""
        listener = _Listener(job_id, after, asyncio.get_running_loop())
        with self._wake:
            if self._closed:
                return
            self._listeners.add(listener)
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="event-hub", daemon=True)
                self._thread.start()
            self._wake.notify()
        try:
            while True:
                try:
                    found = await asyncio.wait_for(listener.queue.get(), HEARTBEAT_S)
                except TimeoutError:
                    yield None
                    continue
                if found is None:
                    return
                for event in found:
                    yield event
                    if event.kind == "state" and event.data.get("state") in FINAL:
                        return
        finally:
            with self._wake:
                self._listeners.discard(listener)

    def close(self) -> None:
        """End every stream, after what there is to tell by now: a server that ends waited for the clips whose end it is."""
        with self._wake:
            self._closed = True
            self._wake.notify_all()

    def _run(self) -> None:
        while True:
            with self._wake:
                while not self._listeners and not self._closed:
                    self._wake.wait()
                closed, listeners = self._closed, list(self._listeners)
            if closed:
                self._end(listeners)
                return
            for listener in listeners:
                self._look(listener)
            with self._wake:
                self._wake.wait_for(lambda: self._closed, POLL_S)

    def _end(self, listeners: list[_Listener]) -> None:
        away = False
        for listener in listeners:
            while not away and (new := self._look(listener)) != 0:
                away = new is None
            self._give(listener, None)

    def _look(self, listener: _Listener) -> int | None:
        """Give it what is new; how many events that is, None where the database is away."""
        try:
            found = self._jobs.events_after(listener.job_id, listener.seq, BATCH)
            job = self._jobs.get(listener.job_id) if not found else None
            over = not found and (job is None or (job.final and listener.seq >= job.seq))  # it was read to its end before, or is removed
        except Exception:  # the database is away: the next look finds what came meanwhile
            return None
        if found:
            listener.seq = found[-1].seq
        if found or over:
            self._give(listener, found or None)
        return len(found)

    def _give(self, listener: _Listener, found: list[JobEvent] | None) -> None:
        try:
            listener.loop.call_soon_threadsafe(listener.queue.put_nowait, found)
        except RuntimeError:  # its loop has ended
            return
