"""Generated people: keypoints over time of a standing figure that makes a gesture, or something that looks like one, with noise.

Positions are continuous functions of time, sampled five times a second at a random phase, as the analyzer sees a clip. Lengths are in torso
lengths (ANSUR II: upper arm 0.6, forearm 0.5, shoulders 0.75 apart).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from reelscope.analyzers.body_pose._paths import Body, running_median

__all__ = ["GESTURES", "LOOK_ALIKES", "Act", "make"]

RATE_HZ = 5.0
LENGTH_S = 6.0
UPPER, FORE, SHOULDERS, HIPS = 0.6, 0.5, 0.75, 0.45
NOISE = (0.01, 0.05)  # standard deviation of a keypoint
DROPOUT = 0.03  # share of points that are not visible in a sample
GESTURES = ("wave", "point", "clap", "hands_up")
LOOK_ALIKES = (
    "stands",
    "talks with the hands",
    "walks",
    "crosses the arms",
    "stretches both arms out",
    "scratches the head",
    "drinks",
    "holds a phone to the ear",
    "drums",
    "folds the hands",
    "reaches out shortly",
    "adjusts the hair",
    "dances with both arms",
    "puts the hands on the hips",
)

Arms = Callable[[float], tuple[float, float, float, float]]
"""At a time: angle of the left upper arm and forearm, then of the right ones, in degrees outwards from hanging down."""


@dataclass(frozen=True, slots=True)
class Act:
    """What one figure does: its name, from when to when, and what the rules read."""

    name: str
    start_s: float
    end_s: float
    body: Body


def make(rng: np.random.Generator, name: str, rates_hz: tuple[float, float] = (1.2, 2.2)) -> Act:
    """A figure that does `name` for a while and stands before and after. rates_hz: of what swings, from and to."""
    start, length = float(rng.uniform(1.0, 1.8)), float(rng.uniform(1.8, 3.2))
    end = start + length
    act = _act(rng, name, rates_hz)
    rest = (8.0, 4.0, 8.0, 4.0)
    turn = float(rng.uniform(0.75, 1.0))  # of the body out of the picture's plane: widths shrink

    def arms(t: float) -> tuple[float, float, float, float]:
        into = min(np.clip((t - start) / 0.3, 0, 1), np.clip((end - t) / 0.3, 0, 1))
        return tuple(float(r + (a - r) * into) for r, a in zip(rest, act(t - start), strict=True))  # type: ignore[return-value]

    t_s = np.arange(0, LENGTH_S, 1 / RATE_HZ) + float(rng.uniform(0, 1 / RATE_HZ))
    sway = rng.normal(0, 0.03, 4)
    walk = float(rng.uniform(0.3, 0.8)) if name == "walks" else 0.0
    xy = np.stack([_figure(arms(t), walk * t + sway[0] * np.sin(t + sway[1] * 50), turn, t if walk else None) for t in t_s.tolist()])
    if name == "clap":
        _clap(rng, xy, t_s, (start, end), rates_hz)
    noise = float(rng.uniform(*NOISE))
    xy += rng.normal(0, noise, xy.shape)
    xy[rng.random(xy.shape[:2]) < DROPOUT] = np.nan
    scale = float(rng.uniform(0.1, 0.3))
    shoulders, hips = xy[:, 5:7].mean(axis=1), xy[:, 11:13].mean(axis=1)
    unit = np.linalg.norm(shoulders - hips, axis=1)
    return Act(name, start, end, Body(t_s, xy * scale, running_median(unit * scale, 5)))


def _act(rng: np.random.Generator, name: str, rates_hz: tuple[float, float]) -> Arms:
    f, phase = float(rng.uniform(*rates_hz)), float(rng.uniform(0, 6.28))
    left = bool(rng.random() < 0.5)

    def one(pair: tuple[float, float], other: tuple[float, float] = (8.0, 4.0)) -> tuple[float, float, float, float]:
        return (*pair, *other) if left else (*other, *pair)

    def swing(t: float, rate: float = 1.0) -> float:
        return float(np.sin(2 * np.pi * f * rate * t + phase))

    match name:
        case "wave":
            upper, reach = float(rng.uniform(30, 90)), float(rng.uniform(22, 40))
            return lambda t: one((upper + 4 * swing(t), 175 + reach * swing(t)))
        case "point":
            angle = float(rng.uniform(65, 125))
            return lambda t: one((angle, angle + float(3 * np.sin(t))))
        case "hands_up":
            upper = float(rng.uniform(90, 165))
            return lambda t: (upper, 172.0, upper + 5, 170.0)
        case "talks with the hands":
            a, b = rng.uniform(0.4, 1.4, 2)
            return lambda t: (
                15 + 8 * float(np.sin(6.28 * a * t)),
                -60 + 22 * float(np.sin(6.28 * b * t)),
                15 + 8 * float(np.sin(6.28 * b * t + 1)),
                -60 + 22 * float(np.sin(6.28 * a * t + 2)),
            )
        case "walks":
            return lambda t: (20 * abs(swing(t, 0.5)), 25 * abs(swing(t, 0.5)), 20 * abs(swing(t, 0.5)), 25 * abs(swing(t, 0.5)))
        case "crosses the arms":
            return lambda t: (12.0, -100.0, 12.0, -100.0)
        case "stretches both arms out":
            angle = float(rng.uniform(75, 105))
            return lambda t: (angle, angle, angle, angle)
        case "scratches the head":
            return lambda t: one((95.0, 205.0 + 4 * swing(t, 2)))
        case "drinks":
            return lambda t: one((40.0, 215.0 + 3 * swing(t, 0.2)))
        case "holds a phone to the ear":
            return lambda t: one((45.0, 195.0))
        case "drums":
            return lambda t: (25.0, -40 + 20 * swing(t), 25.0, -40 - 20 * swing(t))
        case "folds the hands":
            return lambda t: (20.0, -95.0, 20.0, -95.0)
        case "reaches out shortly":
            return lambda t: one((90.0, 90.0)) if 0.8 < t < 1.15 else one((8.0, 4.0))
        case "adjusts the hair":
            return lambda t: (130.0, 258.0 + 5 * swing(t), 130.0, 258.0 - 5 * swing(t))
        case "dances with both arms":
            return lambda t: (70 + 35 * swing(t, 0.6), 110 + 35 * swing(t, 0.6), 70 - 35 * swing(t, 0.6), 110 - 35 * swing(t, 0.6))
        case "puts the hands on the hips":
            return lambda t: (40.0, -35.0, 40.0, -35.0)
        case _:
            return lambda t: (8.0, 4.0, 8.0, 4.0)


def _clap(rng: np.random.Generator, xy: np.ndarray, t_s: np.ndarray, span_s: tuple[float, float], rates_hz: tuple[float, float]) -> None:
    """Wrists before the chest, to and fro: forearms swing out of the picture's plane, which angles in the plane do not give."""
    rate, phase, height = float(rng.uniform(*rates_hz)), float(rng.uniform(0, 6.28)), float(rng.uniform(0.2, 0.7))
    near, wide = float(rng.uniform(0.05, 0.12)), float(rng.uniform(0.2, 0.4))
    for i, t in enumerate(t_s.tolist()):
        if span_s[0] <= t < span_s[1]:
            half = near + wide * (1 + np.sin(2 * np.pi * rate * (t - span_s[0]) + phase)) / 2
            middle = xy[i, 5:7].mean(axis=0)
            xy[i, 9], xy[i, 10] = middle + (half, height), middle + (-half, height)


def _figure(arms: tuple[float, float, float, float], x: float, turn: float, walk_t: float | None) -> np.ndarray:
    """Points [17, 2], y down, the middle of the shoulders at (x, 0); the person's left is on the picture's right."""
    xy = np.zeros((17, 2))
    xy[0:5] = [(0, -0.42), (0.06, -0.48), (-0.06, -0.48), (0.14, -0.45), (-0.14, -0.45)]
    stride = 0.25 * np.sin(2 * np.pi * 0.9 * walk_t) if walk_t is not None else 0.0
    for side, sign in ((0, 1.0), (1, -1.0)):
        upper, fore = np.radians(arms[2 * side]), np.radians(arms[2 * side + 1])
        xy[5 + side] = (sign * SHOULDERS / 2, 0)
        xy[7 + side] = xy[5 + side] + (sign * UPPER * np.sin(upper), UPPER * np.cos(upper))
        xy[9 + side] = xy[7 + side] + (sign * FORE * np.sin(fore), FORE * np.cos(fore))
        xy[11 + side] = (sign * HIPS / 2, 1.0)
        xy[13 + side] = (sign * HIPS / 2 + sign * stride / 2, 1.85)
        xy[15 + side] = (sign * HIPS / 2 + sign * stride, 2.7)
    xy[:, 0] = xy[:, 0] * turn + x
    return xy
