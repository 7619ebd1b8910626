"""Which models are loaded, how often they were found loaded, and what became of the engine's workers; counted in the worker process.

Counts of a process end with it. `Totals` adds them up over the processes that come and go, so that a count never falls.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from reelscope.events import Event, News

__all__ = ["ModelTally", "ModelTotal", "Totals"]

MIB = 2**20
UNLOADED = ("evict", "idle")


@dataclass(slots=True)
class _Counts:
    hits: int = 0
    loads: int = 0
    failed: int = 0
    load_s: float = 0.0
    unloads: int = 0
    loaded: dict[tuple[str, str], list[int]] = field(default_factory=dict)  # bytes of its sessions by worker and device


class ModelTally:
    """A subscriber of an engine's events. Any thread may publish, any thread may ask."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._models: dict[str, _Counts] = {}
        self._lost = 0
        self._recycled = 0

    def __call__(self, event: Event) -> None:
        """Take one event; what is no news is nothing to it."""
        if event.news is not None:
            with self._lock:
                self._take(event.news)

    def snapshot(self) -> dict[str, Any]:
        """JSON-able counts since it was made, and what is loaded now; models in the order of their names.

        `lost` and `recycled` are workers of the engine that died and that were started anew for having grown.
        """
        with self._lock:
            return {"models": [_row(name, c) for name, c in sorted(self._models.items())], "lost": self._lost, "recycled": self._recycled}

    def _take(self, news: News) -> None:
        if news.model is None:
            self._lost += news.kind == "lost"
            self._recycled += news.kind == "recycled"
            for counts in self._models.values():  # with a worker go its models, whatever ended it
                counts.loaded = {place: sizes for place, sizes in counts.loaded.items() if place[0] != news.worker}
            return
        counts = self._models.setdefault(news.model, _Counts())
        place = (news.worker, news.device or "cpu")
        if news.kind == "hit":
            counts.hits += 1
        elif news.kind in ("load", "fail"):
            counts.loads += news.kind == "load"
            counts.failed += news.kind == "fail"
            counts.load_s += news.seconds
            if news.kind == "load":
                counts.loaded.setdefault(place, []).append(news.bytes)
        elif news.kind in UNLOADED:
            counts.unloads += 1
            sizes = counts.loaded.get(place, [])
            if news.bytes in sizes:
                sizes.remove(news.bytes)
            if not sizes:
                counts.loaded.pop(place, None)


def _row(name: str, counts: _Counts) -> dict[str, Any]:
    loaded = [{"worker": w, "device": d, "mib": round(sum(sizes) / MIB, 1)} for (w, d), sizes in sorted(counts.loaded.items())]
    return {
        "name": name,
        "hits": counts.hits,
        "misses": counts.loads + counts.failed,
        "loads": counts.loads,
        "failed": counts.failed,
        "load_s": round(counts.load_s, 3),
        "unloads": counts.unloads,
        "loaded": loaded,
    }


@dataclass(frozen=True, slots=True)
class ModelTotal:
    """Counts of one model over all workers since the server's start. misses: loads and failed loads."""

    hits: int = 0
    misses: int = 0
    loads: int = 0
    failed: int = 0
    load_s: float = 0.0
    unloads: int = 0

    def __add__(self, other: ModelTotal) -> ModelTotal:
        return ModelTotal(*(getattr(self, name) + getattr(other, name) for name in self.__slots__))

    @property
    def hit_rate(self) -> float | None:
        """Share of the uses that found it loaded, 0-1; None before the first."""
        return self.hits / (self.hits + self.misses) if self.hits + self.misses else None


@dataclass(slots=True)
class Totals:
    """Adds up the tallies of workers by their ids; what a worker counted stays counted when it is gone."""

    _now: dict[str, tuple[dict[str, ModelTotal], int]] = field(default_factory=dict)
    _gone: dict[str, ModelTotal] = field(default_factory=dict)
    _gone_restarts: int = 0

    def take(self, tallies: Mapping[str, Mapping[str, Any]]) -> None:
        """What `ModelTally.snapshot` of each worker that is there says now; workers that are not in it are gone."""
        for worker in [w for w in self._now if w not in tallies]:
            models, restarts = self._now.pop(worker)
            _add(self._gone, models.items())
            self._gone_restarts += restarts
        for worker, tally in tallies.items():
            models = {row["name"]: ModelTotal(*(row.get(n, 0) for n in ModelTotal.__slots__)) for row in tally.get("models", ())}
            self._now[worker] = (models, int(tally.get("lost", 0)) + int(tally.get("recycled", 0)))

    def models(self) -> dict[str, ModelTotal]:
        """By model, in the order of their names."""
        found = dict(self._gone)
        for models, _ in self._now.values():
            _add(found, models.items())
        return dict(sorted(found.items()))

    @property
    def engine_restarts(self) -> int:
        """Workers of engines that were lost or recycled."""
        return self._gone_restarts + sum(restarts for _, restarts in self._now.values())


def _add(into: dict[str, ModelTotal], more: Iterable[tuple[str, ModelTotal]]) -> None:
    for name, total in more:
        into[name] = into.get(name, ModelTotal()) + total
