"""From distances between shots to scenes: overlapping links. Pure; no arrays.

Two shots that look alike belong to one scene, and so does whatever lies between them (A. Hanjalic, R. L. Lagendijk, J. Biemond, "Automated
high-level movie segmentation for advanced video-retrieval systems", IEEE Trans. CSVT 9(4), 1999). So a dialogue cut A B A B is one
scene although A and B do not look alike, and a scene ends where no link reaches across.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from reelscope.timebase import Interval

__all__ = ["BRIDGE_FACTOR", "Link", "group", "links_of"]

# A link over other shots claims these too, so it must be the closer one; 0.85 was the better of 1.0 and 0.85 on the reels for fitting.
BRIDGE_FACTOR = 0.85


@dataclass(frozen=True, slots=True)
class Link:
    """Two shots `a` < `b` that were compared, and how far apart they are; `joins`: whether that is near enough."""

    a: int
    b: int
    palette: float
    layout: float
    joins: bool

    @property
    def distance(self) -> float:
        return self.palette + self.layout


def links_of(
    shots: list[Interval],
    compare: Callable[[int, int], tuple[float, float] | None],
    *,
    threshold: float,
    ahead_shots: int,
    ahead_s: float,
) -> list[Link]:
    """Compare each shot with the one before it, and with those further back that nothing nearer has joined it to.

    Args:
        shots: The shots' intervals.
        compare: Palette and layout distance of two shots; None where one of them was not seen.
        threshold: Distance below which neighbours join.
        ahead_shots: How many shots further on to look; 1 is the next one only.
        ahead_s: How long the time between two shots may be for a link over others.

    Returns:
        Links in order of (a, b).
    """
    out: list[Link] = []
    joined = [False] * max(0, len(shots) - 1)  # whether shots i and i + 1 are in one scene
    for b in range(1, len(shots)):  # in order of the later shot, so that `compare` need not remember shots long past
        for a in range(b - 1, max(-1, b - 1 - ahead_shots), -1):
            step = b - a
            if step > 1 and (shots[b][0] - shots[a][1] > ahead_s or all(joined[a:b])):
                continue
            found = compare(a, b)
            if found is None:
                continue
            limit = threshold if step == 1 else threshold * BRIDGE_FACTOR
            link = Link(a, b, *found, joins=sum(found) < limit)
            out.append(link)
            if link.joins:
                joined[a:b] = [True] * step
    return sorted(out, key=lambda link: (link.a, link.b))


def group(count: int, links: list[Link], unseen: set[int]) -> list[list[int]]:
    """Scenes as lists of shots in order. A shot that was not seen stays with the shot before it (the first one with the next)."""
    if not count:
        return []
    joined = [False] * (count - 1)
    for link in links:
        if link.joins:
            joined[link.a : link.b] = [True] * (link.b - link.a)
    for i in sorted(unseen):
        if i > 0:
            joined[i - 1] = True
        elif count > 1:
            joined[0] = True
    scenes = [[0]]
    for i in range(1, count):
        if joined[i - 1]:
            scenes[-1].append(i)
        else:
            scenes.append([i])
    return scenes
