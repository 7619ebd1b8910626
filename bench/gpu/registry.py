"""The benchmark's analyzers in place of those of the same names, everything else as installed."""

from __future__ import annotations

from typing import ClassVar

from reelscope.analyzers.base import Analyzer
from reelscope.analyzers.registry import Registry

__all__ = ["BenchRegistry"]


class BenchRegistry(Registry):
    """Without state, so that it may be pickled; `where` is how a worker process finds it."""

    where: ClassVar[str] = "bench.gpu:REGISTRY"

    def analyzer(self, name: str) -> type[Analyzer] | None:
        """The benchmark's class where there is one."""
        from bench.gpu.members import MEMBERS

        for kind in MEMBERS:
            if kind.spec.name == name:
                return kind
        return super().analyzer(name)
