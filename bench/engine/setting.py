"""What the parts share: the clip, how often, and processes to measure in."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.engine.material import cut
from bench.engine.runner import Runner, computing
from reelscope.engine.hardware import available_cores

__all__ = ["SHORT_S", "Bench", "ratio"]

SHORT_S = 2.0


@dataclass(frozen=True, slots=True)
class Bench:
    """What all parts share. work: an empty folder outside the repository; runs: of everything that is repeated."""

    clip: Path
    work: Path
    runs: int = 3
    minutes: float = 20.0
    clips: int = 20
    most_s: float | None = None

    @property
    def cores(self) -> int:
        """Cores that may be used."""
        return available_cores()

    @property
    def modes(self) -> dict[str, int]:
        """Ways to place the work, by the name that is printed."""
        return {"in this process": 0, f"{self.cores} worker processes": self.cores}

    def process(self, workers: int | None, *, many: bool = False, data: str = "data", **more: dict[str, Any]) -> Runner:
        """A process with a session in it; data: its folder under `work`; more: settings."""
        return Runner(computing(self.work / data, workers=workers, many=many, **more))

    def short(self) -> Path:
        """The clip's first two seconds."""
        target = self.work / f"short-{self.clip.name}"
        return target if target.exists() else cut(self.clip, target, SHORT_S)


def ratio(seconds: float, base: Sequence[float]) -> str:
    """As it is printed, against the median of `base`."""
    return f"{seconds / statistics.median(base):.2f}"
