"""From weighted colours to a palette: weighted k-means in OKLab, near clusters joined, each shown by its densest colour."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from reelscope.analyzers.color_analysis._frames import reduce_entries

__all__ = ["Colour", "Pool", "palette"]

FINE_CLUSTERS = 20  # k of the first clustering: more than any palette shows, so that small accents get a cluster of their own
JOIN_DISTANCE = 0.055  # OKLab; about deltaE2000 5: two nearer colours read as shades of one
LIGHTNESS_WEIGHT = 0.6  # on L while clustering: shades of one grey or skin say less about a picture's look than another hue does
MIN_SHARE = 0.015  # a colour on less of the picture is left out: the mixed pixels along one edge across it are about 1 %
KERNEL = 0.02  # OKLab; width of the kernel that finds the densest colour of a cluster: about the spread H.264 gives a plain patch
MAX_POINTS = 1500  # colours that k-means sees; the work of a palette is bounded whatever the length of the shot
LLOYD_ROUNDS = 25
POOL_CELL = 0.01  # OKLab; entries of many frames this near are joined, half a just noticeable difference
POOL_ROWS = 30_000  # entries held before they are joined: 1 MiB, whatever the length of the clip


@dataclass(frozen=True, slots=True)
class Colour:
    """One colour of a palette. lab: its densest colour, OKLab [3]; share: of the picture; mean: the cluster's mean colour, OKLab [3]."""

    lab: np.ndarray
    share: float
    mean: np.ndarray


def palette(entries: np.ndarray, colors: int) -> list[Colour]:
    """The at most `colors` colours of a picture, largest share first.

    Args:
        entries: float [n, 4]: OKLab L, a, b, and weight; weights of any sum above 0.
        colors: Upper bound of the palette's length.
    """
    if not len(entries) or entries[:, 3].sum() <= 0:
        return []
    entries = reduce_entries(entries, MAX_POINTS)
    points, weights = entries[:, :3], entries[:, 3] / entries[:, 3].sum()
    scaled = points * (LIGHTNESS_WEIGHT, 1.0, 1.0)
    owner = _join(scaled, weights, _kmeans(scaled, weights, FINE_CLUSTERS), colors)
    out = []
    for cluster in np.unique(owner):
        mine = owner == cluster
        share = float(weights[mine].sum())
        if share >= MIN_SHARE:
            mean = np.average(points[mine], axis=0, weights=weights[mine])
            out.append(Colour(_densest(points[mine], weights[mine]), share, mean))
    return sorted(out, key=lambda c: -c.share)


class Pool:
    """Entries of many frames in bounded memory: those in the same cell of edge POOL_CELL are joined, means and weights are kept."""

    def __init__(self) -> None:
        self._parts: list[np.ndarray] = []
        self._rows = 0

    def add(self, entries: np.ndarray) -> None:
        """Take float [n, 4]: OKLab L, a, b, and weight."""
        self._parts.append(entries)
        self._rows += len(entries)
        if self._rows > POOL_ROWS:
            self._parts = [self.entries()]
            # what cannot be joined any further must not be joined again at every call
            self._rows = min(len(self._parts[0]), POOL_ROWS // 2)

    def entries(self) -> np.ndarray:
        """All that was added, float64 [n, 4], joined."""
        every = np.concatenate(self._parts) if self._parts else np.empty((0, 4))
        key = np.round(every[:, :3] / POOL_CELL).astype(np.int64) + 512
        _, owner = np.unique((key[:, 0] << 20) | (key[:, 1] << 10) | key[:, 2], return_inverse=True)
        weight = np.bincount(owner, weights=every[:, 3])
        keep = weight > 0
        lab = [np.bincount(owner, weights=every[:, 3] * every[:, i])[keep] / weight[keep] for i in range(3)]
        return np.stack([*lab, weight[keep]], axis=1)


def _distances(points: np.ndarray, centres: np.ndarray) -> np.ndarray:
    """Squared distances [n, k]."""
    return ((points**2).sum(axis=1)[:, None] + (centres**2).sum(axis=1)[None] - 2.0 * points @ centres.T).clip(0.0)


def _kmeans(points: np.ndarray, weights: np.ndarray, k: int) -> np.ndarray:
    """Cluster of each point. Starts from the heaviest point, then the point of greatest sqrt(weight) x distance^2: no random numbers."""
    centres = points[[int(np.argmax(weights))]]
    nearest = _distances(points, centres)[:, 0]
    while len(centres) < min(k, len(points)):
        score = np.sqrt(weights) * nearest
        pick = int(np.argmax(score))
        if score[pick] <= 0:
            break
        centres = np.concatenate([centres, points[[pick]]])
        nearest = np.minimum(nearest, _distances(points, points[[pick]])[:, 0])
    owner = np.full(len(points), -1)
    for _ in range(LLOYD_ROUNDS):
        new = np.argmin(_distances(points, centres), axis=1)
        if np.array_equal(new, owner):
            break
        owner = new
        mass = np.bincount(owner, weights=weights, minlength=len(centres))
        used = mass > 0
        means = np.stack([np.bincount(owner, weights=weights * points[:, i], minlength=len(centres)) for i in range(3)], axis=1)
        centres = np.where(used[:, None], means / np.where(used, mass, 1.0)[:, None], centres)
    return owner


def _join(points: np.ndarray, weights: np.ndarray, owner: np.ndarray, colors: int) -> np.ndarray:
    """Join clusters: first those nearer than JOIN_DISTANCE, then, while there are more than `colors`, the cheapest pair."""
    owner = owner.copy()
    ids = list(np.unique(owner))
    mass = {c: float(weights[owner == c].sum()) for c in ids}
    mean = {c: np.average(points[owner == c], axis=0, weights=weights[owner == c]) for c in ids}
    while len(ids) > 1:
        centre = np.array([mean[c] for c in ids])
        m = np.array([mass[c] for c in ids])
        distance = _distances(centre, centre)
        np.fill_diagonal(distance, np.inf)
        if distance.min() <= JOIN_DISTANCE**2:
            a, b = np.unravel_index(int(np.argmin(distance)), distance.shape)
        elif int((m >= MIN_SHARE).sum()) > colors:
            # Ward's cost with the root of the mass term: as it stands it spends the palette on shades of the largest area
            cost = distance * np.sqrt(m[:, None] * m[None, :] / (m[:, None] + m[None, :]))
            a, b = np.unravel_index(int(np.argmin(cost)), cost.shape)
        else:
            break
        keep, gone = ids[int(a)], ids[int(b)]
        mean[keep] = (mean[keep] * mass[keep] + mean[gone] * mass[gone]) / (mass[keep] + mass[gone])
        mass[keep] += mass[gone]
        owner[owner == gone] = keep
        ids.remove(gone)
    return owner


def _densest(points: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """The cluster's densest colour: mean shift (Fukunaga and Hostetler 1975) from the point with the most weight within KERNEL."""
    density = np.exp(-_distances(points, points) / (2 * KERNEL**2)) @ weights
    at = points[int(np.argmax(density))]
    for _ in range(30):
        pull = weights * np.exp(-((points - at) ** 2).sum(axis=1) / (2 * KERNEL**2))
        new = pull @ points / pull.sum()
        done = float(np.abs(new - at).max()) < 1e-5
        at = new
        if done:
            break
    return at
