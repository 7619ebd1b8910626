"""What a worker puts into its beat: its machine, its process tree, the workers of its engine, its models."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from reelscope.engine.level import WorkerLevel
from reelscope.errors import ReelscopeError
from reelscope.pipeline import Session
from reelscope.server.monitor.gpus import GpuReader
from reelscope.server.monitor.models import ModelTally
from reelscope.server.monitor.sample import MachineSampler

__all__ = ["WorkerSampler"]


class WorkerSampler:
    """Samples for one worker process; made with its session, before the first clip."""

    def __init__(self, session: Session, data_dir: Path, *, gpus: GpuReader | None = None) -> None:
        self._session = session
        self._machine = MachineSampler(data_dir, session.settings.system.temp_dir, gpus=gpus)
        self._tally = ModelTally()
        session.events.subscribe(self._tally)

    def sample(self) -> dict[str, Any]:
        """JSON-able: the machine (sample.MachineSampler), `engine` (its workers) and the tally of models. It raises nothing."""
        return {**self._machine.sample(), "engine": [_row(level) for level in self._levels()], **self._tally.snapshot()}

    def close(self) -> None:
        """Listen no more."""
        self._session.events.unsubscribe(self._tally)
        self._machine.close()

    def _levels(self) -> list[WorkerLevel]:
        try:
            return self._session.engine.overview()
        except ReelscopeError:  # the session is closed: the last beats of a worker that ends
            return []


def _row(level: WorkerLevel) -> dict[str, Any]:
    return {
        "name": level.name,
        "device": level.device,
        "pid": level.pid,
        "ready": level.ready,
        "rss_mib": _rounded(level.ram_mib),
        "memory_limit_mib": _rounded(level.ram_limit_mib),
        "gpu_mib": _rounded(level.gpu_mib),
        "gpu_limit_mib": _rounded(level.gpu_limit_mib),
        "models_mib": round(level.models_mib, 1),
    }


def _rounded(mib: float | None) -> float | None:
    return None if mib is None else round(mib, 1)
