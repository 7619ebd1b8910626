"""Gestures of one person from keypoints: wave, point, clap, hands up. Rules, their look-alikes and limits: docs/analyzers/body_pose.md.

Lengths are in torso lengths. Five samples a second do not show the rate of what is faster than 2.5 Hz, but it still shows as a swing to
and fro at another rate; so swings are counted, and no rate is given.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from reelscope.analyzers.body_pose._paths import L_HIP, L_SHOULDER, NOSE, R_HIP, R_SHOULDER, Body, intervals
from reelscope.analyzers.body_pose._posture import MAX_GAP_S, joint_deg
from reelscope.analyzers.body_pose._types import Gesture

__all__ = ["GestureSpan", "bridged", "claps", "gestures", "hands_up", "points", "swings", "waves"]

Side = Literal["left", "right"]
ARMS: tuple[tuple[Side, int, int, int], ...] = (("left", L_SHOULDER, 7, 9), ("right", R_SHOULDER, 8, 10))

HANDS_UP_MIN_S = 0.4  # three samples
OVER_HEAD = 0.4  # both wrists so far above the nose, or above it and ...
ASIDE = 0.35  # ... so far to its sides: hands on the head or in the hair are neither

POINT_MIN_S = 0.6  # four samples; reaching for something is shorter
STRAIGHT_DEG = 150.0
REACH = 0.85  # shoulder to wrist; a hanging or side-stretched arm has about 1.05, so arms up to 35 degrees out of the picture's plane
RAISED_DEG, OVERHEAD_DEG = 50.0, 150.0  # against hanging down; steeper is an arm held up
STEADY = 0.8  # torso lengths per second of the wrist against the shoulder
OTHER_BENT_DEG = 130.0  # two stretched arms are a balance or a measure, not a pointing

SWING_GAP_S = 0.8  # two turning points further apart belong to two movements
WAVE_SWING = 0.2  # to and fro of the wrist against the elbow; keypoint noise is 0.02-0.05
WAVE_TURNS = 4
WAVE_LIFT = 0.3  # the wrist is at most so far below the shoulder
WAVE_UPRIGHT_DEG = 70.0  # forearm against straight up
ELBOW_SHARE = 0.7  # an elbow that moves more than this share of the wrist's swing belongs to a dance or a run
CLAP_SWING = 0.2  # change of the distance between the wrists
CLAP_NEAR = 0.5  # ... which comes down to this: wrists of pressed palms are 0.1-0.3 apart, and samples miss the moment of touch
CLAP_TURNS = 5
CLAP_STRAIGHT = 0.6  # share of the wrists' ways that changes their distance: sticks on a drum go up and down
CLAP_SEEN = 0.75  # share of the samples that show both hands: wrists that are missed in every second sample (drumsticks, blur) and bridged
# make swings of their own
CLAP_SHARE = 0.25  # of the change that each wrist makes itself: one hand that hits the other still is no applause


@dataclass(frozen=True, slots=True)
class GestureSpan:
    """A gesture from one sample to another (indices, both included) with the figures that decided."""

    gesture: Gesture
    side: Side | None
    first: int
    last: int
    evidence: dict[str, float | None]


def gestures(body: Body) -> list[GestureSpan]:
    """All gestures, in time order. Hands that clap swing to and fro, too: a wave in the time of a clap is none."""
    shown = np.isfinite(body.xy[:, [9, 10]]).all(axis=(1, 2))
    body = bridged(body)
    clapping = claps(body, shown)
    waving = [w for w in waves(body) if not any(c.first < w.last and w.first < c.last for c in clapping)]
    return sorted([*hands_up(body), *points(body), *waving, *clapping], key=lambda g: g.first)


def bridged(body: Body) -> Body:
    """Points that are missing in a single sample lie in the middle of their neighbours: one blurred sample does not end a gesture."""
    xy = body.xy.copy()
    near = np.diff(body.t_s) <= MAX_GAP_S
    for i in range(1, len(xy) - 1):
        if near[i - 1] and near[i]:
            gap = np.isnan(body.xy[i])
            xy[i][gap] = ((body.xy[i - 1] + body.xy[i + 1]) / 2)[gap]
    return Body(body.t_s, xy, body.unit)


def hands_up(body: Body) -> list[GestureSpan]:
    """Both wrists above the head or beside and above the nose. Evidence: above_nose (lower wrist, median), seconds."""
    nose, wrists = body.xy[:, NOSE], body.xy[:, [9, 10]]
    above = (nose[:, None, 1] - wrists[..., 1]) / body.unit[:, None]
    aside = np.abs(nose[:, None, 0] - wrists[..., 0]) / body.unit[:, None]
    flags = ((above > OVER_HEAD) | ((above > 0) & (aside > ASIDE))).all(axis=1)
    out = []
    for first, last in intervals(flags, body.t_s, MAX_GAP_S):
        seconds = float(body.t_s[last] - body.t_s[first])
        if seconds >= HANDS_UP_MIN_S - 0.05:
            lower = float(np.median(above[first : last + 1].min(axis=1)))
            out.append(GestureSpan("hands_up", None, first, last, {"above_nose": lower, "seconds": seconds}))
    return out


def points(body: Body) -> list[GestureSpan]:
    """One arm straight, raised and still. Evidence: elbow_deg, raised_deg, reach (medians), wrist_speed (largest), seconds."""
    n = len(body.t_s)
    table = {side: _arm(body, s, e, w) for side, s, e, w in ARMS}
    out = []
    for side, shoulder, _, wrist in ARMS:
        bend, raised, reach = table[side]
        other_bend, other_raised, _ = table["right" if side == "left" else "left"]
        speed = np.full(n, np.nan)
        own = body.xy[:, wrist] - body.xy[:, shoulder]
        if n > 1:
            speed[1:] = np.linalg.norm(np.diff(own, axis=0), axis=1) / body.unit[1:] / np.diff(body.t_s)
        held = (bend >= STRAIGHT_DEG) & (reach >= REACH) & (raised >= RAISED_DEG) & (raised <= OVERHEAD_DEG)
        held &= ~((other_raised >= RAISED_DEG) & (other_bend >= OTHER_BENT_DEG))
        for start, end in intervals(held, body.t_s, MAX_GAP_S):
            # the arm still comes up in the first step of a run and goes down in its last: only steps within the run must be steady
            for a, b in intervals(speed[start + 1 : end + 1] < STEADY, body.t_s[start + 1 : end + 1], MAX_GAP_S):
                first, last = start + a, start + b + 1
                seconds = float(body.t_s[last] - body.t_s[first])
                if seconds >= POINT_MIN_S - 0.05:
                    run = slice(first, last + 1)
                    evidence: dict[str, float | None] = {
                        "elbow_deg": float(np.median(bend[run])),
                        "raised_deg": float(np.median(raised[run])),
                        "reach": float(np.median(reach[run])),
                        "wrist_speed": float(np.max(speed[first + 1 : last + 1])),
                        "seconds": seconds,
                    }
                    out.append(GestureSpan("point", side, first, last, evidence))
    return out


def _arm(body: Body, shoulder: int, elbow: int, wrist: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Inner angle of the elbow and angle against hanging (degrees), distance of wrist and shoulder (torso lengths), float64 [n] each."""
    a, b, c = body.xy[:, shoulder], body.xy[:, elbow], body.xy[:, wrist]
    bend = np.array([joint_deg(*row) for row in zip(a, b, c, strict=True)])
    way = c - a
    raised = np.degrees(np.arctan2(np.abs(way[:, 0]), way[:, 1]))
    return bend, raised, np.linalg.norm(way, axis=1) / body.unit


def waves(body: Body) -> list[GestureSpan]:
    """A raised hand that swings from side to side about its elbow. Evidence: turns, swing (median), elbow_share, seconds."""
    out = []
    for side, shoulder, elbow, wrist in ARMS:
        forearm = body.xy[:, wrist] - body.xy[:, elbow]
        lift = (body.xy[:, shoulder, 1] - body.xy[:, wrist, 1]) / body.unit
        upright = np.degrees(np.arctan2(np.abs(forearm[:, 0]), -forearm[:, 1]))
        signal = np.where((lift > -WAVE_LIFT) & (upright < WAVE_UPRIGHT_DEG), forearm[:, 0] / body.unit, np.nan)
        for turns in swings(signal, body.t_s, WAVE_SWING):
            if len(turns) < WAVE_TURNS:
                continue
            first, last = turns[0], turns[-1]
            own = (body.xy[first : last + 1, elbow, 0] - body.xy[first : last + 1, shoulder, 0]) / body.unit[first : last + 1]
            swing = float(np.median(np.abs(np.diff(signal[turns]))))
            share = float(np.ptp(own)) / float(np.ptp(signal[first : last + 1]))
            if share <= ELBOW_SHARE:
                evidence: dict[str, float | None] = {
                    "turns": float(len(turns)),
                    "swing": swing,
                    "elbow_share": share,
                    "seconds": float(body.t_s[last] - body.t_s[first]),
                }
                out.append(GestureSpan("wave", side, first, last, evidence))
    return out


def claps(body: Body, shown: np.ndarray | None = None) -> list[GestureSpan]:
    """Hands that come together and part again and again before the body. Evidence: turns, swing, nearest, straight, shown, seconds.

    Args:
        shown: bool [n], samples in which both wrists were visible before gaps were bridged; None: those where they are now.
    """
    shown = np.isfinite(body.xy[:, [9, 10]]).all(axis=(1, 2)) if shown is None else shown
    left, right = body.xy[:, 9], body.xy[:, 10]
    shoulders, hips = body.xy[:, [L_SHOULDER, R_SHOULDER]], body.xy[:, [L_HIP, R_HIP]]
    middle = shoulders.mean(axis=1)
    floor = np.where(np.isfinite(hips[..., 1]).all(axis=1), hips[..., 1].mean(axis=1), middle[:, 1] + body.unit)
    ceiling = middle[:, 1] - body.unit  # applause over the head counts, arms thrown up do not
    before = (np.maximum(left[:, 1], right[:, 1]) < floor) & (np.minimum(left[:, 1], right[:, 1]) > ceiling)
    signal = np.where(before, np.linalg.norm(left - right, axis=1) / body.unit, np.nan)
    out = []
    for turns in swings(signal, body.t_s, CLAP_SWING):
        near = [i for i in turns if signal[i] <= CLAP_NEAR]
        if len(turns) < CLAP_TURNS or len(near) < (len(turns) - 1) // 2:
            continue
        first, last = turns[0], turns[-1]
        swing = float(np.median(np.abs(np.diff(signal[turns]))))
        run = slice(first, last + 1)
        ways = [np.linalg.norm(np.diff(((p - middle) / body.unit[:, None])[turns], axis=0), axis=1) for p in (left, right)]
        straight = float(np.median(np.abs(np.diff(signal[turns])) / np.maximum(ways[0] + ways[1], 1e-9)))
        both = float(np.mean(shown[run]))
        if min(float(np.median(way)) for way in ways) < CLAP_SHARE * swing or straight < CLAP_STRAIGHT or both < CLAP_SEEN:
            continue
        evidence: dict[str, float | None] = {
            "turns": float(len(turns)),
            "swing": swing,
            "nearest": float(np.nanmin(signal[run])),
            "straight": straight,
            "shown": both,
            "seconds": float(body.t_s[last] - body.t_s[first]),
        }
        out.append(GestureSpan("clap", None, first, last, evidence))
    return out


def swings(signal: np.ndarray, t_s: np.ndarray, least: float) -> list[list[int]]:
    """Turning points of a signal, in groups: neighbours differ by at least `least` and lie at most SWING_GAP_S apart.

    Args:
        signal: float64 [n]; NaN ends a group, as a gap in t_s does.

    Returns:
        Indices, alternating highs and lows; groups of at least two.
    """
    out: list[list[int]] = []
    for start, end in intervals(np.isfinite(signal), t_s, MAX_GAP_S):
        out += _split(_turns(signal, start, end, least), t_s)
    return out


def _turns(signal: np.ndarray, start: int, end: int, least: float) -> list[int]:
    """Alternating extremes from `start` to `end` (included) that differ by at least `least` from their neighbours."""
    low = high = start
    turns: list[int] = []
    rising: bool | None = None
    for i in range(start + 1, end + 1):
        low = i if signal[i] < signal[low] else low
        high = i if signal[i] > signal[high] else high
        if rising is not False and signal[high] - signal[i] >= least:
            turns.append(high)
            rising, low = False, i
            high = i
        elif rising is not True and signal[i] - signal[low] >= least:
            turns.append(low)
            rising, high = True, i
            low = i
    if rising is not None:
        turns.append(high if rising else low)
    return turns


def _split(turns: Sequence[int], t_s: np.ndarray) -> list[list[int]]:
    groups: list[list[int]] = []
    for i in turns:
        if groups and t_s[i] - t_s[groups[-1][-1]] <= SWING_GAP_S:
            groups[-1].append(i)
        else:
            groups.append([i])
    return [g for g in groups if len(g) > 1]
