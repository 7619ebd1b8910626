"""Footage that comes again: backwards right after it ran forwards (a boomerang), or mirrored in a later shot.

Frames are compared by signatures of 12 x 12 luma means. Whether a single stretch runs backwards or is mirrored cannot be told from the
picture alone and is not guessed: what is found here is footage that matches footage seen before.
"""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

from reelscope.features.edits import Edit

__all__ = ["Replay", "mirrored_shots", "turns"]

SIDE = 12
MIN_TURN_S = 0.4  # shorter turns are gestures
MIN_MOTION = 1.0  # levels, mean change between neighbouring signatures: what stands still looks the same in both directions
# Against the difference that the same time apart makes when time does not turn; a pendulum or a bouncing ball comes near 0.5.
TURN_RATIO = 0.3
WHOLE_RATIO = 0.35  # the same over all that matches; generated boomerangs stay below 0.2, gestures that go to and fro are above 0.39
MIRROR_MAX = 6.0  # levels, median distance of a frame to its nearest mirrored one; other shots of the same place are above 12
MIRROR_RATIO = 0.5  # against the nearest frame as it is: symmetrical pictures match both ways
MIRROR_MARGIN = 1.0  # levels: coding noise between two showings of the same frame
MIRROR_PICKS = 8  # frames compared of each shot
MIRROR_SHOTS = 40  # earlier shots that a shot is compared with


class Replay:
    """Takes luma frames and holds 144 bytes of each."""

    def __init__(self) -> None:
        self._signatures: list[np.ndarray] = []
        self._times: list[float] = []

    def add(self, gray: np.ndarray, t_s: float) -> None:
        """Take one frame, uint8 [h, w]."""
        self._signatures.append(cv2.resize(gray, (SIDE, SIDE), interpolation=cv2.INTER_AREA).reshape(-1))
        self._times.append(t_s)

    def finish(self, shots: Sequence[tuple[float, float]]) -> list[Edit]:
        """Edits, each within one shot."""
        if not self._times:
            return []
        times, signatures = np.array(self._times), np.stack(self._signatures)
        out = []
        for start_s, end_s in shots:
            a, b = np.searchsorted(times, [start_s - 1e-6, end_s - 1e-6])
            for first, last, ratio, motion in turns(signatures[a:b], times[a:b]):
                figures = (("ratio", round(ratio, 4)), ("motion", round(motion, 3)))
                out.append(Edit("reversed", float(times[a + first]), float(times[a + last]), figures))
        return out + mirrored_shots(signatures, times, shots)


def turns(signatures: np.ndarray, times: np.ndarray) -> list[tuple[int, int, float, float]]:
    """Where time turns round inside a shot.

    Args:
        signatures: uint8 [n, SIDE * SIDE]. times: float [n], seconds.

    Returns:
        (pivot, last index that matches, ratio, motion) of each stretch that runs backwards: the mean distance of frames equally far
        before and after the pivot, over the mean distance of frames equally far apart in time beside it.
    """
    n = len(times)
    if n < 8:
        return []
    s = signatures.astype(np.float32)
    step = float(np.median(np.diff(times)))
    need = max(4, int(np.ceil(MIN_TURN_S / step)))
    motion = cv2.absdiff(signatures[1:], signatures[:-1]).mean(axis=1)  # in bytes: an hour in one take has 54,000 of them
    out: list[tuple[int, int, float, float]] = []
    pivots = []
    for twice in range(2 * need, 2 * (n - need)):  # a pivot may lie on a frame or between two
        low, high = (twice - 1) // 2, twice // 2 + 1  # the frames on both sides of it
        if twice % 2 == 0:
            low, high = twice // 2 - 1, twice // 2 + 1
        before, after = s[low - need + 1 : low + 1][::-1], s[high : high + need]
        if len(before) < need or len(after) < need:
            continue
        matched = float(np.abs(before - after).mean())
        moved = float(motion[low - need + 1 : high + need - 1].mean())
        if moved < MIN_MOTION:
            continue
        apart = float(np.abs(before[-1] - s[low]).mean() + np.abs(after[-1] - s[high]).mean()) / 2
        if apart >= 2 * MIN_MOTION and matched <= TURN_RATIO * apart:
            pivots.append((matched / apart, high, low, moved))
    taken: list[tuple[int, int]] = []
    for _, high, low, moved in sorted(pivots):
        if any(a - need <= high <= b for a, b in taken):
            continue
        far = need
        while (
            low - far >= 0
            and high + far < n
            and np.abs(s[low - far] - s[high + far]).mean() <= max(2.0, TURN_RATIO * np.abs(s[low - far] - s[low]).mean())
        ):
            far += 1
        last = high + far - 1
        whole = float(np.abs(s[low - far + 1 : low + 1][::-1] - s[high : high + far]).mean())
        spread = float(np.abs(s[high : high + far] - s[high]).mean())
        taken.append((high, last))
        if spread > 0 and whole <= WHOLE_RATIO * spread:
            out.append((high, last, whole / spread, moved))
    return sorted(out)


def mirrored_shots(signatures: np.ndarray, times: np.ndarray, shots: Sequence[tuple[float, float]]) -> list[Edit]:
    """Shots whose frames match those of an earlier shot when mirrored left to right, and not as they are."""
    picked: list[np.ndarray] = []
    for start_s, end_s in shots:
        a, b = np.searchsorted(times, [start_s - 1e-6, end_s - 1e-6])
        where = np.unique(np.linspace(a, max(a, b - 1), 4 * MIRROR_PICKS).round().astype(int)) if b > a else np.zeros(0, int)
        picked.append(signatures[where].reshape(-1, SIDE, SIDE).astype(np.float32))
    out = []
    for i in range(1, len(shots)):
        mine = picked[i][:: max(1, len(picked[i]) // MIRROR_PICKS)]
        best: tuple[float, float, int] | None = None
        for j in range(max(0, i - MIRROR_SHOTS), i):
            if not len(mine) or not len(picked[j]):
                continue
            plain, flipped = (_nearest(m, picked[j]) for m in (mine, mine[:, :, ::-1]))
            if best is None or flipped < best[0]:
                best = flipped, plain, j
        if best is not None and best[0] <= MIRROR_MAX and best[0] < MIRROR_RATIO * best[1] - MIRROR_MARGIN:
            figures = (("distance", round(best[0], 3)), ("as_it_is", round(best[1], 3)), ("of_shot", float(best[2])))
            out.append(Edit("mirrored", float(shots[i][0]), float(shots[i][1]), figures))
    return out


def _nearest(a: np.ndarray, b: np.ndarray) -> float:
    """Median over `a` of the mean absolute distance to the nearest of `b`; both [n, SIDE, SIDE]."""
    distances = np.abs(a[:, None] - b[None]).mean(axis=(2, 3))
    return float(np.median(distances.min(axis=1)))
