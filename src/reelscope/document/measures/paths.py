"""Paths of boxes over time: where something stands at every moment of its life."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Protocol

__all__ = ["Placed", "held"]

Xywh = tuple[float, float, float, float]
Placed = tuple[float, float, Xywh]
"""start_s, end_s and the box that stands between them."""


class Dated(Protocol):
    """A box with the time for which it stands."""

    @property
    def start_s(self) -> float: ...
    @property
    def end_s(self) -> float: ...
    @property
    def xywh_norm(self) -> Xywh: ...


def held(boxes: Sequence[Dated], start_s: float, end_s: float) -> list[Placed]:
    """A path that tiles `[start_s, end_s)`: each box stands until the next one begins, the first also before it, the last until the end.

    Neighbours in the same place become one. Without boxes, or without time, it is empty.
    """
    path = sorted(boxes, key=lambda b: b.start_s)
    edges = [start_s, *(min(max(b.start_s, start_s), end_s) for b in path[1:]), end_s]
    return _joined((a, b, box.xywh_norm) for box, a, b in zip(path, edges, edges[1:], strict=False) if b > a)


def _joined(path: Iterable[Placed]) -> list[Placed]:
    out: list[Placed] = []
    for start, end, where in path:
        if out and out[-1][2] == where:
            start = out.pop()[0]
        out.append((start, end, where))
    return out
