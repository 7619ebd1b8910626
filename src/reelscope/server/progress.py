"""From the engine's events of one clip to how far a job is: what is written to its row a few times a second, and its story."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from typing import Any

from reelscope.api import AnalyzerProgress, Progress
from reelscope.events import Event

__all__ = ["JobProgress"]

PHASES: Mapping[str, Any] = {step: step for step in ("fetch", "probe", "plan", "decode", "finish", "merge")}
# Decoding and analysing go together and take nearly all; the rest is that every analyzer ends. The bar moves by it, nothing else does.
ENDING = 0.1
DECODED = 0.97  # of the length that the header tells: the sound may outlast the picture a little


class JobProgress:
    """Takes the events of one job, from any thread; `take` gives what is new since it was last asked."""

    def __init__(self, job: str) -> None:
        self.job = job
        self._lock = threading.Lock()
        self._progress = Progress(phase="queued")
        self._story: list[tuple[str, dict[str, Any]]] = []
        self._changed = True

    def __call__(self, event: Event) -> None:
        """A subscriber of the session's events."""
        if event.job != self.job:
            return
        with self._lock:
            self._changed = True
            self._take_in(event)

    def take(self) -> tuple[Progress, list[tuple[str, dict[str, Any]]]] | None:
        """How far it is, and what there is to tell since the last time; None where nothing changed."""
        with self._lock:
            if not self._changed:
                return None
            self._changed = False
            story, self._story = self._story, []
            return self._progress.model_copy(deep=True), story

    def now(self) -> Progress:
        """How far it is."""
        with self._lock:
            return self._progress.model_copy(deep=True)

    def phase(self, phase: Any) -> None:
        """A step that no event tells of."""
        with self._lock:
            self._changed = True
            self._progress.phase = phase

    def log(self, level: str, message: str, **more: Any) -> None:
        """A line of the story."""
        with self._lock:
            self._changed = True
            self._story.append(("log", {"level": level, "message": message, **more}))

    @property
    def _decoded(self) -> bool:
        now = self._progress
        return now.done_s is not None and (not now.total_s or now.done_s >= DECODED * now.total_s)

    def _take_in(self, event: Event) -> None:
        now = self._progress
        if event.step in PHASES:
            # Analyzers of sound finish while the picture decodes, also before its first window: then decoding is what goes on.
            now.phase = "decode" if event.step == "finish" and not self._decoded else PHASES[event.step]
        if event.step == "plan":
            now.analyzers = {name: AnalyzerProgress(state="waiting") for name in event.names}
        elif event.step == "decode":
            now.done_s, now.total_s = round(event.done, 3), event.total
            for of in now.analyzers.values():  # analyzers run beside the decoder
                of.state = "running" if of.state == "waiting" else of.state
        elif event.step == "finish" and event.analyzer in now.analyzers:
            of = now.analyzers[event.analyzer]
            of.state = event.message or "ok"  # type: ignore[assignment]
            of.seconds = round(event.seconds, 3) if event.seconds is not None else None
        elif event.step == "retry":
            self._story.append(("log", {"level": "warning", "message": event.message, "analyzer": event.analyzer}))
        if now.analyzers:
            ended = sum(of.state not in ("waiting", "running") for of in now.analyzers.values())
            decoded = min(1.0, now.done_s / now.total_s) if now.done_s and now.total_s else 0.0
            now.share = round((1 - ENDING) * decoded + ENDING * ended / len(now.analyzers), 4)
