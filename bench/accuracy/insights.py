"""Accuracy of the insights: figures of generated documents and clips against what was put in."""

from __future__ import annotations

from bench.accuracy._insights_a import measure_a
from bench.accuracy._insights_b import measure_b
from bench.accuracy.rows import Context, Row

__all__ = ["measure"]


def measure(ctx: Context) -> list[Row]:
    """Rows of all insights: hook, safe zones, reading load and pacing; then mute test, loop, attention and reshoot sheet."""
    return [*measure_a(ctx), *measure_b(ctx)]
