"""One stream of events; progress bars, logs, metrics and timings are subscribers of it."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

__all__ = ["Event", "EventBus", "Subscriber"]

log = logging.getLogger(__name__)

Step = Literal["fetch", "probe", "plan", "load", "model", "decode", "feed", "finish", "retry", "merge", "write", "done"]


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened to one clip.

    Attributes:
        job: Name of the clip or the job's id.
        step: Which part of the way of a clip.
        analyzer: The analyzer or feature that it concerns, where it concerns one.
        done: How far this step is, in the unit of `total`; for decode seconds of the clip, for fetch bytes, else a count.
        total: Where the step ends; None where that is not known.
        seconds: Time that the step took, where it ended.
        message: One line for people; for finish how it ended, as the document's status.
        names: For plan the analyzers that are to run.
    """

    job: str
    step: Step
    analyzer: str | None = None
    done: float = 0.0
    total: float | None = None
    seconds: float | None = None
    message: str = ""
    names: tuple[str, ...] = ()


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
