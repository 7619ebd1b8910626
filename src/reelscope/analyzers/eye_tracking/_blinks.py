"""Blinks from the openness of the eyes over time. Pure figures."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

__all__ = ["Blink", "find_blinks", "open_levels"]

LEVEL_S = 1.5
LEVEL_QUANTILE = 0.8
"""The open level about a moment: the fifth largest of ten values within 1.5 s. Eyes are open most of the time; over a longer stretch
smiling and turning the head change the level itself."""
DEEP, UP = 0.6, 0.8
"""Parts of the open level: a blink goes below the first and is over above the second. The 18 labelled ones reach 0.25-0.53; a smile or a
look down 0.7-0.85, a wink of one eye 0.65."""
RISE = 0.15
"""Between two blinks the lid rises by at least this part."""
FALL = 0.02
"""A lid that falls by less than this part from frame to frame is not on its way down yet."""
MAX_S = 0.6
"""Longer is closing the eyes: blinks take 0.1-0.4 s, those of the labels 0.16-0.43 s."""
MAX_FALL_S = 0.25
"""From the first movement to the deepest: slower is a look down or sleepiness. Those of the labels: 0.04-0.17 s."""
GAP_S = 0.1
"""Frames further apart than this interrupt the measurement."""


@dataclass(frozen=True, slots=True)
class Blink:
    """First frame on the way down, most closed frame, first frame open again (seconds), and the least part of the open level."""

    start_s: float
    closed_s: float
    end_s: float
    depth: float


def open_levels(t_s: np.ndarray, openness: np.ndarray) -> np.ndarray:
    """The open level about each frame: float64 [n]."""
    first = np.searchsorted(t_s, t_s - LEVEL_S)
    last = np.searchsorted(t_s, t_s + LEVEL_S, side="right")
    return np.array([float(np.quantile(openness[a:b], LEVEL_QUANTILE)) for a, b in zip(first, last, strict=True)])


def find_blinks(t_s: np.ndarray, part: np.ndarray) -> list[Blink]:
    """All blinks that lie wholly within the frames.

    Args:
        t_s: float64 [n], increasing. part: float64 [n], openness over the open level.
    """
    out: list[Blink] = []
    edges = np.flatnonzero(np.diff(t_s) > GAP_S) + 1
    for times, parts in zip(np.split(t_s, edges), np.split(part, edges), strict=True):
        lows = _lows(parts)
        for k, low in enumerate(lows):
            first = low
            floor = lows[k - 1] if k else 0
            while first > floor and (parts[first - 1] > parts[first] + FALL or max(parts[first - 1], parts[first]) < DEEP):
                first -= 1
            roof = lows[k + 1] if k + 1 < len(lows) else len(parts) - 1
            end = low
            while end < roof and parts[end] < UP:
                end += 1
            if k + 1 < len(lows) and end == roof:  # not open again before the next one: as far as the lid came
                end = low + int(np.argmax(parts[low:roof]))
            if parts[first] < DEEP or parts[end] < DEEP:
                continue  # began before the frames or goes on after them
            start_s, closed_s, end_s = (float(times[i]) for i in (first + 1, low, end))
            if end_s - start_s <= MAX_S and closed_s - start_s <= MAX_FALL_S:
                out.append(Blink(start_s, closed_s, end_s, float(parts[low])))
    return out


def _lows(part: np.ndarray) -> list[int]:
    """The deepest frame of each dip below DEEP; dips between which the lid does not rise by RISE are one."""
    lows: list[int] = []
    for i in np.flatnonzero(part < DEEP).tolist():
        if lows and float(part[lows[-1] : i + 1].max()) < max(float(part[lows[-1]]), float(part[i])) + RISE:
            if part[i] < part[lows[-1]]:
                lows[-1] = i
        else:
            lows.append(i)
    return lows
