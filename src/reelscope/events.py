"""One stream of events; progress bars, logs, metrics and timings are subscribers of it. And what a thread is at work on, for the log."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Literal

__all__ = ["Event", "EventBus", "News", "Subscriber", "bound", "bound_now"]

log = logging.getLogger(__name__)

Step = Literal["fetch", "probe", "plan", "load", "model", "decode", "feed", "finish", "retry", "merge", "write", "done", "worker"]

_NOTHING: Mapping[str, str] = MappingProxyType({})
_bound: ContextVar[Mapping[str, str]] = ContextVar("reelscope_bound", default=_NOTHING)


@dataclass(frozen=True, slots=True)
class News:
    """What happened to a worker of the engine or to a model in it. It is told once, however many clips are on their way.

    Attributes:
        kind: Of a model as in models.cache.CacheEvent: load, hit, fail, evict, idle, over_budget, reload. Of a worker: started, lost,
            recycled.
        worker: Its name in the engine ("here": this process).
        why: Of a loss its kind (killed, exited, hung, memory, boot), of a recycling the reason.
        seconds: Of a load. bytes: as CacheEvent.
    """

    kind: str
    worker: str
    model: str | None = None
    device: str | None = None
    seconds: float = 0.0
    bytes: int = 0
    why: str = ""


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened to one clip.

    Attributes:
        job: Name of the clip or the job's id; empty for step "worker", which concerns no clip in particular.
        step: Which part of the way of a clip.
        analyzer: The analyzer or feature that it concerns, where it concerns one.
        done: How far this step is, in the unit of `total`; for decode seconds of the clip, for fetch bytes, else a count.
        total: Where the step ends; None where that is not known.
        seconds: Time that the step took, where it ended.
        message: One line for people; for finish how it ended, as the document's status.
        names: For plan the analyzers that are to run.
        news: For worker what happened.
    """

    job: str
    step: Step
    analyzer: str | None = None
    done: float = 0.0
    total: float | None = None
    seconds: float | None = None
    message: str = ""
    names: tuple[str, ...] = ()
    news: News | None = None


Subscriber = Callable[[Event], None]


@dataclass(slots=True)
class EventBus:
    """Delivers each event to every subscriber, from whichever thread publishes; a subscriber that raises is logged and dropped."""

    subscribers: list[Subscriber] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def subscribe(self, subscriber: Subscriber) -> None:
        self.subscribers.append(subscriber)

    def unsubscribe(self, subscriber: Subscriber) -> None:
        """Let go of one; nothing where it is not there (any more)."""
        with self._lock:
            self.subscribers = [s for s in self.subscribers if s is not subscriber]

    def publish(self, event: Event) -> None:
        with self._lock:
            for subscriber in tuple(self.subscribers):
                try:
                    subscriber(event)
                except Exception:
                    log.exception("subscriber %r failed and gets no more events", subscriber)
                    self.subscribers = [s for s in self.subscribers if s is not subscriber]


@contextmanager
def bound(**fields: str | None) -> Iterator[None]:
    """Say what this thread is at work on (job, analyzer, worker) until the block ends: log lines carry it. None leaves a field as it is.

    A thread that is started inside does not inherit it and says so itself.
    """
    before = _bound.set({**_bound.get(), **{name: value for name, value in fields.items() if value}})
    try:
        yield
    finally:
        _bound.reset(before)


def bound_now() -> Mapping[str, str]:
    """What this thread is at work on."""
    return _bound.get()
