"""One queue before one model: items of several clips gather until a batch is full, whoever brought them.

Members put items in while they are fed and take the results when they finish. The member that fills a batch runs it, for everybody.
"""

from __future__ import annotations

import itertools
import os
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

__all__ = ["Batch", "SharedQueue", "Ticket", "fill"]

Run = Callable[[Sequence[Any]], Sequence[Any]]


@dataclass(frozen=True, slots=True)
class Batch:
    """A batch that ran. key: unique over processes; size: items in it, of `limit`; clips: of how many clips they were."""

    key: str
    size: int
    limit: int
    clips: int


@dataclass(slots=True, eq=False)
class Ticket:
    """One item on its way. owner: tells clips apart."""

    owner: object
    item: Any
    result: Any = None
    error: BaseException | None = None
    batch: Batch | None = None
    done: threading.Event = field(default_factory=threading.Event)


class SharedQueue:
    """See the module. Thread-safe; batches of one queue run one after the other (a model keeps state while it generates)."""

    def __init__(self) -> None:
        self._waiting: deque[Ticket] = deque()
        self._changed = threading.Condition()
        self._running = threading.Lock()
        self._owners: set[int] = set()
        self._count = itertools.count()

    def enter(self, owner: object) -> None:
        """A clip begins that may bring items."""
        with self._changed:
            self._owners.add(id(owner))

    def leave(self, owner: object) -> None:
        """A clip ends: what it still has in the queue is dropped."""
        with self._changed:
            self._owners.discard(id(owner))
            self._waiting = deque(t for t in self._waiting if t.owner is not owner)
            self._changed.notify_all()

    def put(self, owner: object, item: Any, *, limit: int, run: Run, backlog: int = 1) -> Ticket:
        """Add an item; runs a batch where `backlog` times `limit` items wait with it."""
        ticket = Ticket(owner, item)
        with self._changed:
            self._waiting.append(ticket)
            full = len(self._waiting) >= limit * backlog
            self._changed.notify_all()
        if full:
            self._run(limit, run, only_full=True)
        return ticket

    def results(self, tickets: Sequence[Ticket], *, limit: int, run: Run, wait_s: float = 0.0) -> list[Any]:
        """Results of these tickets, in order. While other clips are on their way a batch that is not full waits `wait_s` for their items.

        Raises:
            Exception: What the batch of one of the tickets raised.
        """
        while not all(t.done.is_set() for t in tickets):
            deadline = time.monotonic() + wait_s
            with self._changed:
                while len(self._waiting) < limit and len(self._owners) > 1 and not all(t.done.is_set() for t in tickets):
                    left = deadline - time.monotonic()
                    if left <= 0:
                        break
                    self._changed.wait(left)
            self._run(limit, run, only_full=False)
        for ticket in tickets:
            if ticket.error is not None:
                raise ticket.error
        return [t.result for t in tickets]

    def _run(self, limit: int, run: Run, *, only_full: bool) -> None:
        with self._running:
            with self._changed:
                if len(self._waiting) < (limit if only_full else 1):
                    return  # another member took them meanwhile
                batch = [self._waiting.popleft() for _ in range(min(limit, len(self._waiting)))]
            facts = Batch(f"{os.getpid()}-{id(self)}-{next(self._count)}", len(batch), limit, len({id(t.owner) for t in batch}))
            try:
                results = run([t.item for t in batch])
            except Exception as error:
                for ticket in batch:
                    ticket.error = error
            else:
                for ticket, result in zip(batch, results, strict=True):
                    ticket.result = result
            finally:
                for ticket in batch:
                    ticket.item, ticket.batch = None, facts
                    ticket.done.set()
                with self._changed:
                    self._changed.notify_all()


def fill(batches: Sequence[Batch]) -> tuple[int, float, float] | None:
    """(batches, mean share of the limit that was used, share of batches with items of several clips); each batch counts once."""
    once = {b.key: b for b in batches}.values()
    if not once:
        return None
    return len(once), sum(b.size / b.limit for b in once) / len(once), sum(b.clips > 1 for b in once) / len(once)
