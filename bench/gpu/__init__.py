"""`python -m bench.gpu`: full-size models with random weights through the real engine on a GPU; tiny ones on a CPU. See docs/gpu.md.

`REGISTRY` stands at module level so that worker processes find it by name.
"""

from __future__ import annotations

from bench.gpu.registry import BenchRegistry

__all__ = ["REGISTRY"]

REGISTRY = BenchRegistry()
