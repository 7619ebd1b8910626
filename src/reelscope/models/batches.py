"""Work in batches that shrink when a device runs out of memory."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

__all__ = ["Batches"]


class Batches:
    """Runs a call over batches of at most `size` items. The engine's kind (reelscope.engine.batching) also survives out-of-memory."""

    def __init__(self, size: int = 1) -> None:
        self.size = max(1, size)

    def run(self, items: Sequence[Any], call: Callable[[Sequence[Any]], Sequence[Any]]) -> list[Any]:
        """Results of `call` for all items, in order."""
        out: list[Any] = []
        for start in range(0, len(items), self.size):
            out.extend(call(items[start : start + self.size]))
        return out
