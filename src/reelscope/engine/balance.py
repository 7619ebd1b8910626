"""Spreading members over workers and lanes by their measured cost. Pure functions over frozen data."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from reelscope.engine.placement import Lane
from reelscope.features.base import FeatureSpec

if TYPE_CHECKING:
    from reelscope.engine.plan import Choice

__all__ = ["Unit", "dependency_order", "lanes_of", "spread", "units_of"]


@dataclass(frozen=True, slots=True)
class Unit:
    """Members that must stand in one lane, in order: live features and the streaming members that read them while they are made.

    Attributes:
        cost: CPU core-seconds per second of clip. streaming: whether it is fed windows.
        reads: Features and analyzers whose finished results its members read.
    """

    members: tuple[str, ...]
    cost: float
    streaming: bool
    reads: frozenset[str] = frozenset()


def dependency_order(running: Sequence[Choice], features: Mapping[str, FeatureSpec]) -> tuple[str, ...]:
    """All members: features first, each analyzer after those whose results it reads."""
    left = {c.name: {*c.backend.after, *c.backend.soft_after} for c in running if c.backend}
    order = list(features)
    while left:
        # a ring of soft needs has no right order: the first one then goes without
        name = next((n for n, needs in left.items() if not needs & left.keys() - {n}), next(iter(left)))
        order.append(name)
        del left[name]
    return tuple(order)


def units_of(running: Sequence[Choice], features: Mapping[str, FeatureSpec]) -> list[Unit]:
    """What can be placed apart from each other, in dependency order."""
    order = dependency_order(running, features)
    backends = {c.name: c.backend for c in running if c.backend}
    streaming = {n for n, f in features.items() if f.frames} | {c.name for c in running if c.frames}
    root = {n: n for n in order}

    def find(name: str) -> str:
        while root[name] != name:
            name = root[name]
        return name

    for name in order:
        beside = backends[name].live if name in backends else features[name].features
        for other in beside:
            if name in streaming and other in streaming:
                root[find(name)] = find(other)
    together: dict[str, list[str]] = {}
    for name in order:
        together.setdefault(find(name), []).append(name)
    cost = {n: f.cost for n, f in features.items()} | {n: b.cost for n, b in backends.items()}
    reads = {n: f.features for n, f in features.items()} | {n: (*b.features, *b.after, *b.soft_after) for n, b in backends.items()}
    return [
        Unit(tuple(names), sum(cost[n] for n in names), names[0] in streaming, frozenset(r for n in names for r in reads[n]))
        for names in together.values()
    ]


def spread(units: Iterable[Unit], count: int, fixed: Mapping[str, int] | None = None) -> list[list[Unit]]:
    """Spread units over `count` piles: the costliest first, always onto the pile with the least to do.

    Then units move beside those that they read or that read them where the fullest pile does not grow by it: a result that stays in
    its process need not be sent.

    Args:
        fixed: Pile of a member that must lie there, with its unit.
    """
    fixed = fixed or {}
    units = list(units)
    piles: list[list[Unit]] = [[] for _ in range(max(1, count))]
    load = [0.0] * len(piles)

    def put(unit: Unit, at: int) -> None:
        piles[at].append(unit)
        load[at] += unit.cost

    free = []
    for unit in units:
        at = next((fixed[n] for n in unit.members if n in fixed), None)
        if at is None:
            free.append(unit)
        else:
            put(unit, at)
    for unit in sorted(free, key=lambda u: -u.cost):
        put(unit, min(range(len(piles)), key=load.__getitem__))
    full = max(load)
    for unit in sorted(free, key=lambda u: u.cost):
        here = next(i for i, pile in enumerate(piles) if unit in pile)
        ties = [sum(_tied(unit, other) for other in pile if other is not unit) for pile in piles]
        room = [i for i in range(len(piles)) if i == here or load[i] + unit.cost <= full]
        best = max(room, key=lambda i: (ties[i], i == here))
        if best != here and len(piles[here]) > 1:
            piles[here].remove(unit)
            load[here] -= unit.cost
            put(unit, best)
    return [[u for u in units if u in pile] for pile in piles]


def _tied(one: Unit, other: Unit) -> bool:
    return not one.reads.isdisjoint(other.members) or not other.reads.isdisjoint(one.members)


def lanes_of(units: Iterable[Unit], count: int) -> tuple[Lane, ...]:
    """The streaming units of one worker in at most `count` lanes; results of one process cost nothing to pass, so only cost counts."""
    streaming = [u for u in units if u.streaming]
    piles: list[list[Unit]] = [[] for _ in range(max(1, min(count, len(streaming))))]
    for unit in sorted(streaming, key=lambda u: -u.cost):
        min(piles, key=lambda p: sum(u.cost for u in p)).append(unit)
    ordered = [[u for u in streaming if u in pile] for pile in piles]
    return tuple(Lane(tuple(n for u in pile for n in u.members), sum(u.cost for u in pile)) for pile in ordered if pile)
