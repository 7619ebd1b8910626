"""Shots of two clips laid beside each other in their order: the cheapest way of pairing and leaving out (Needleman & Wunsch, 1970).

What a pair costs is the mean of what differs, each part 0-1, over the parts that are known of both:

- length: |ln(a / b)| / ln 4, at most 1 (four times as long is as different as lengths get);
- size: steps between the two on the ladder from extreme close-up to extreme long, two steps or more count 1;
- move: 0 where the same, else 1;
- palette: how far one palette's colour has to go to become the other's (OKLab, each share to the nearest that still has room), over 0.25.

Leaving a shot out costs 0.3, so a pair stands only if it costs at most 0.6: above that more speaks against it than for it.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

__all__ = ["MAX_PAIRS", "SKIP", "align", "pair_cost", "shot_costs"]

SKIP = 0.3
LENGTH_SPAN = math.log(4)
SIZES = ("extreme_close_up", "close_up", "medium_close_up", "medium", "medium_long", "long", "extreme_long")
SIZE_SPAN = 2  # close-up and medium are told apart by anybody; neighbours on the ladder often are not
# OKLab distance of colours that bear different names: red and orange are 0.24 apart, tan and brown 0.24, navy and black 0.33.
COLOUR_SPAN = 0.25

HEX = re.compile("#[0-9a-fA-F]{6}")
# Every shot of one clip is held against every shot of the other: this many pairs take some 6 s. A 60 s clip has 10 to 60 shots.
MAX_PAIRS = 250_000

Shot = Mapping[str, Any]


def align(a: Sequence[Shot], b: Sequence[Shot]) -> list[tuple[int | None, int | None]]:
    """Pairs of indexes in order; None on one side for a shot without a counterpart. Of ways that cost the same, the one with more pairs."""
    costs = [[pair_cost(shot_costs(x, y)) for y in b] for x in a]
    best = [[(0.0, 0)] * (len(b) + 1) for _ in range(len(a) + 1)]  # cost, and pairs as a negative number: smaller is better
    for i in range(len(a) + 1):
        for j in range(len(b) + 1):
            if i or j:
                best[i][j] = min(_ways(best, costs, i, j))[:2]
    out: list[tuple[int | None, int | None]] = []
    i, j = len(a), len(b)
    while i or j:
        step = min(_ways(best, costs, i, j))[2]
        i, j = i - (step != "b"), j - (step != "a")
        out.append((i if step != "b" else None, j if step != "a" else None))
    return out[::-1]


def _ways(best: list[list[tuple[float, int]]], costs: list[list[float]], i: int, j: int) -> list[tuple[float, int, str]]:
    """What is spent up to here by pairing, or by leaving out the last of one side. Rounded, so that the order of sums does not decide."""
    ways = []
    if i and j:
        cost, pairs = best[i - 1][j - 1]
        ways.append((round(cost + costs[i - 1][j - 1], 9), pairs - 1, "pair"))
    if i:
        cost, pairs = best[i - 1][j]
        ways.append((round(cost + SKIP, 9), pairs, "a"))
    if j:
        cost, pairs = best[i][j - 1]
        ways.append((round(cost + SKIP, 9), pairs, "b"))
    return ways


def shot_costs(a: Shot, b: Shot) -> dict[str, float]:
    """What differs between two shots, 0-1 by part; a part that is not known of both is left out. Length is always known."""
    long_a, long_b = (max(s["end_s"] - s["start_s"], 1e-6) for s in (a, b))
    parts = {"length": min(1.0, abs(math.log(long_a / long_b)) / LENGTH_SPAN)}
    if a.get("size") in SIZES and b.get("size") in SIZES:
        parts["size"] = min(1.0, abs(SIZES.index(a["size"]) - SIZES.index(b["size"])) / SIZE_SPAN)
    move_a, move_b = ((s.get("camera") or {}).get("move") for s in (a, b))
    if move_a and move_b:
        parts["move"] = float(move_a != move_b)
    moved = _palette_distance(a.get("palette") or (), b.get("palette") or ())
    if moved is not None:
        parts["palette"] = min(1.0, moved / COLOUR_SPAN)
    return {key: round(value, 5) for key, value in parts.items()}


def pair_cost(parts: Mapping[str, float]) -> float:
    """What a pair costs: the mean of its parts."""
    return sum(parts.values()) / len(parts)


def _palette_distance(a: Sequence[Mapping[str, Any]], b: Sequence[Mapping[str, Any]]) -> float | None:
    """Mean OKLab distance by which colour has to move; both palettes' shares are scaled to 1. Nearest go first. None without colour."""
    left, right = _shares(a), _shares(b)
    if not left or not right:
        return None
    near = sorted((math.dist(x, y), i, j) for i, (x, _) in enumerate(left) for j, (y, _) in enumerate(right))
    have, room = [s for _, s in left], [s for _, s in right]
    moved = 0.0
    for distance, i, j in near:
        part = min(have[i], room[j])
        have[i] -= part
        room[j] -= part
        moved += part * distance
    return moved


def _shares(palette: Sequence[Mapping[str, Any]]) -> list[tuple[tuple[float, float, float], float]]:
    known = [(_oklab(s["hex"]), s["share"]) for s in palette if (s["share"] or 0) > 0 and HEX.fullmatch(s["hex"])]
    total = sum(share for _, share in known)
    return [(colour, share / total) for colour, share in known]


@lru_cache(maxsize=4096)  # a palette has six colours and is held against every shot of the other clip
def _oklab(colour: str) -> tuple[float, float, float]:
    """OKLab of an sRGB hex colour (Ottosson, 2020)."""
    r, g, b = (_linear(int(colour[i : i + 2], 16) / 255) for i in (1, 3, 5))
    l, m, s = (  # noqa: E741 - long, middle, short cones
        math.cbrt(0.4122214708 * r + 0.5363325363 * g + 0.0514459929 * b),
        math.cbrt(0.2119034982 * r + 0.6806995451 * g + 0.1073969566 * b),
        math.cbrt(0.0883024619 * r + 0.2817188376 * g + 0.6299787005 * b),
    )
    return (
        0.2104542553 * l + 0.7936177850 * m - 0.0040720468 * s,
        1.9779984951 * l - 2.4285922050 * m + 0.4505937099 * s,
        0.0259040371 * l + 0.7827717662 * m - 0.8086757660 * s,
    )


def _linear(value: float) -> float:
    return value / 12.92 if value <= 0.04045 else float(((value + 0.055) / 1.055) ** 2.4)
