"""Two documents side by side: shot by shot as `align` lays them, figure by figure with their difference."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from reelscope.document.compare.alignment import MAX_PAIRS, align, pair_cost, shot_costs
from reelscope.document.compare.figures import Clip, Fact, Figures, in_order, shot_figures

__all__ = ["Difference", "OnlyOne", "Pair", "ShotPair", "Unmeasured", "compare_pair", "difference", "made_differently"]

DIGITS = 6  # of a difference: figures have 5, and the sixth keeps what the rounding of both leaves


@dataclass(frozen=True, slots=True)
class Difference:
    """A figure that both have. difference: b - a; None for words and for yes or no."""

    path: str
    a: Fact
    b: Fact
    difference: float | None

    @property
    def same(self) -> bool:
        return self.a == self.b


@dataclass(frozen=True, slots=True)
class OnlyOne:
    """A figure that one of the two has. measured_in: "a" or "b"; reason: why the other has none."""

    path: str
    measured_in: str
    value: Fact
    reason: str


@dataclass(frozen=True, slots=True)
class Unmeasured:
    """An analyzer or insight of which neither document has a result, and why."""

    group: str
    a: str
    b: str


@dataclass(frozen=True, slots=True)
class ShotPair:
    """Two shots that stand beside each other, or one without a counterpart.

    Attributes:
        a, b: Their indexes; None on the side that has none.
        start_a_s, start_b_s: When they start.
        cost: What the pair costs, 0-1; parts: of what it is the mean. None and empty without a counterpart.
        figures: Of each figure what a has, what b has, and b - a where both are numbers.
    """

    a: int | None
    b: int | None
    start_a_s: float | None
    start_b_s: float | None
    cost: float | None
    parts: dict[str, float]
    figures: dict[str, tuple[Fact | None, Fact | None, float | None]]


@dataclass(frozen=True, slots=True)
class Pair:
    """Two documents. shots_reason: why the shots are not laid beside each other; None where they are."""

    a: Clip
    b: Clip
    warnings: tuple[str, ...]
    shots: tuple[ShotPair, ...]
    shots_reason: str | None
    figures: tuple[Difference, ...]
    only_one: tuple[OnlyOne, ...]
    unmeasured: tuple[Unmeasured, ...]


def compare_pair(a: Figures, b: Figures) -> Pair:
    """Compare two documents."""
    both, one = [], []
    for path in in_order([*a.values, *b.values]):
        left, right = a.fact(path), b.fact(path)
        if left is not None and right is not None:
            both.append(Difference(path, left, right, difference(left, right)))
        elif left is not None:
            one.append(OnlyOne(path, "a", left, b.lack(path)))
        elif right is not None:
            one.append(OnlyOne(path, "b", right, a.lack(path)))
    lacking = [path for path in a.lacks if path in b.lacks and "." not in path]
    neither = [Unmeasured(group, a.lacks[group], b.lacks[group]) for group in in_order(lacking)]
    shots, reason = _shots(a, b)
    return Pair(a.clip, b.clip, tuple(_warnings(a, b)), shots, reason, tuple(both), tuple(one), tuple(neither))


def difference(a: Fact, b: Fact) -> float | None:
    """b - a of two numbers; None for words and for yes or no."""
    if isinstance(a, bool | str) or isinstance(b, bool | str):
        return None
    return float(f"{b - a:.{DIGITS}g}")


def made_differently(documents: Sequence[Figures]) -> Iterator[str]:
    """Analyzers that did not measure in the same way in all documents in which they ran: what differs may be the method, not the clip."""
    for name in in_order(name for d in documents for name in d.made_by):
        ways = [d.made_by[name] for d in documents if name in d.made_by]
        differing = [key for key in ("backend", "version", "models", "options") if any(way[key] != ways[0][key] for way in ways)]
        if differing:
            told = "; ".join(f"{key} {_several(way[key] for way in ways)}" if key in ("backend", "version") else key for key in differing)
            yield f"{name} did not measure all documents in the same way ({told}): what differs may be the method, not the clips"


def _several(values: Iterator[Any]) -> str:
    return " / ".join(dict.fromkeys(str(value) for value in values))


def _warnings(a: Figures, b: Figures) -> Iterator[str]:
    if a.clip.sha256 == b.clip.sha256:
        yield "both documents are of the same clip (same sha256): what differs is how it was analysed"
    if a.clip.schema_version != b.clip.schema_version:
        yield f"the documents have different schema versions ({a.clip.schema_version}, {b.clip.schema_version}): one lacks figures"
    yield from made_differently((a, b))


def _shots(a: Figures, b: Figures) -> tuple[tuple[ShotPair, ...], str | None]:
    if "shots" in a.lacks or "shots" in b.lacks:
        return (), "; ".join(f"{d.clip.name}: {d.lacks['shots']}" for d in (a, b) if "shots" in d.lacks)
    if len(a.shots) * len(b.shots) > MAX_PAIRS:
        return (), f"{len(a.shots)} and {len(b.shots)} shots are too many to lay beside each other: {MAX_PAIRS} pairs at most"
    rows = []
    for i, j in align(a.shots, b.shots):
        left = a.shots[i] if i is not None else None
        right = b.shots[j] if j is not None else None
        figures_a = shot_figures(left) if left else {}
        figures_b = shot_figures(right) if right else {}
        parts = shot_costs(left, right) if left and right else {}
        rows.append(
            ShotPair(
                i, j, left["start_s"] if left else None, right["start_s"] if right else None,
                round(pair_cost(parts), 5) if parts else None, parts,
                {key: _laid(figures_a.get(key), figures_b.get(key)) for key in figures_a or figures_b},
            )
        )  # fmt: skip
    return tuple(rows), None


def _laid(a: Fact | None, b: Fact | None) -> tuple[Fact | None, Fact | None, float | None]:
    return a, b, difference(a, b) if a is not None and b is not None else None
