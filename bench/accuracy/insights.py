"""Accuracy of the insights: figures of generated documents and clips against what was put in."""

from __future__ import annotations

import importlib
import importlib.util

from bench.accuracy.rows import Context, Row

__all__ = ["measure"]

PARTS = ("_insights_a", "_insights_b")


def measure(ctx: Context) -> list[Row]:
    """Rows of all insights: hook, safe zones, reading load and pacing; then mute test, loop, attention and reshoot sheet."""
    rows: list[Row] = []
    for part in PARTS:
        name = f"bench.accuracy.{part}"
        if importlib.util.find_spec(name) is not None:
            rows += getattr(importlib.import_module(name), f"measure{part.removeprefix('_insights')}")(ctx)
    return rows
