"""Rank statistics in plain Python: correlation with its interval, dominance of one half over the other, p values, many tests at once.

Sources. Spearman's rank correlation with its t approximation: Kendall & Stuart, The Advanced Theory of Statistics II. Interval: Bonett &
Wright, Sample size requirements for estimating Pearson, Kendall and Spearman correlations, Psychometrika 65 (2000). Cliff's delta:
Cliff, Dominance statistics, Psychological Bulletin 114 (1993); its variance: DeLong et al., Biometrics 44 (1988), as delta is 2 AUC - 1.
Many tests: Holm, A simple sequentially rejective multiple test procedure, Scandinavian Journal of Statistics 6 (1979).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist, fmean

__all__ = ["ALPHA", "Effect", "cliffs_delta", "holm", "quartiles", "ranks", "spearman", "t_two_sided"]

ALPHA = 0.05  # the custom of the field; intervals hold 95 %
Z = NormalDist().inv_cdf(1 - ALPHA / 2)
# The continued fraction of the incomplete beta function settles in some tens of steps; it is ended where it no longer moves a double.
BETA_STEPS = 500
BETA_SETTLED = 1e-15
TINY = 1e-300


@dataclass(frozen=True, slots=True)
class Effect:
    """An effect with its 95 % interval (null where the formula has none) and its two-sided p value (null where it was not tested)."""

    value: float
    low: float | None = None
    high: float | None = None
    p: float | None = None


def ranks(values: Sequence[float]) -> list[float]:
    """Ranks from 1; equal values share the mean of theirs."""
    order = sorted(range(len(values)), key=values.__getitem__)
    out = [0.0] * len(values)
    i = 0
    while i < len(order):
        j = i
        while j + 1 < len(order) and values[order[j + 1]] == values[order[i]]:
            j += 1
        for k in order[i : j + 1]:
            out[k] = (i + j) / 2 + 1
        i = j + 1
    return out


def spearman(x: Sequence[float], y: Sequence[float]) -> Effect | None:
    """Spearman's rank correlation of n >= 4 pairs; None where one side is constant.

    r is the product-moment correlation of the ranks, so ties are accounted for. p: Student's t with n - 2 degrees of freedom of
    r sqrt((n - 2) / (1 - r^2)), never below 2 / n!, which is the least that a permutation of n different values can give. Interval:
    tanh(atanh r +- z sqrt((1 + r^2 / 2) / (n - 3))); there is none for r of 1 or -1.
    """
    n = len(x)
    if n != len(y) or n < 4:
        raise ValueError(f"pairs of two rows of the same length, 4 at least, not {n} and {len(y)}")
    rank_x, rank_y = ranks(x), ranks(y)
    middle = (n + 1) / 2
    dx, dy = [r - middle for r in rank_x], [r - middle for r in rank_y]
    spread = math.sqrt(sum(d * d for d in dx) * sum(d * d for d in dy))
    if spread == 0:
        return None
    r = max(-1.0, min(1.0, sum(a * b for a, b in zip(dx, dy, strict=True)) / spread))
    least = 2 / math.factorial(n) if n <= 20 else 0.0  # below 1e-18 further on
    if 1 - abs(r) < 1e-12:  # rounding of the sum
        return Effect(math.copysign(1.0, r), p=least)
    t = r * math.sqrt((n - 2) / (1 - r * r))
    half = Z * math.sqrt((1 + r * r / 2) / (n - 3))
    middle_z = math.atanh(r)
    return Effect(r, math.tanh(middle_z - half), math.tanh(middle_z + half), max(least, t_two_sided(t, n - 2)))


def cliffs_delta(upper: Sequence[float], lower: Sequence[float]) -> Effect:
    """Share of pairs in which a value of `upper` is larger, less the share in which it is smaller (-1 to 1), of at least 2 values each.

    Interval: variance from the spread of each value's own dominance (DeLong), on Fisher's z scale, so that it stays within -1 to 1; there
    is none where no value of one side lies within the other's range.
    """
    if min(len(upper), len(lower)) < 2:
        raise ValueError("two values on each side at least")
    rows = [[(a > b) - (a < b) for b in lower] for a in upper]
    own_upper = [fmean(row) for row in rows]
    own_lower = [fmean(column) for column in zip(*rows, strict=True)]
    delta = fmean(own_upper)
    variance = _variance(own_upper) / len(upper) + _variance(own_lower) / len(lower)
    if variance <= 0 or abs(delta) >= 1:
        return Effect(delta)
    middle, half = math.atanh(delta), Z * math.sqrt(variance) / (1 - delta * delta)
    return Effect(delta, math.tanh(middle - half), math.tanh(middle + half))


def _variance(values: Sequence[float]) -> float:
    mean = fmean(values)
    return sum((v - mean) ** 2 for v in values) / (len(values) - 1)


def holm(p_values: Sequence[float]) -> list[float]:
    """Adjusted p values: of m tests the k-th smallest times m - k + 1, never below the one before it, at most 1.

    The chance that any finding among them is none stays at the level, whatever the tests have to do with each other.
    """
    order = sorted(range(len(p_values)), key=p_values.__getitem__)
    out, before = [0.0] * len(p_values), 0.0
    for k, index in enumerate(order):
        before = max(before, min(1.0, p_values[index] * (len(p_values) - k)))
        out[index] = before
    return out


def quartiles(values: Sequence[float]) -> tuple[float, float, float]:
    """Lower quartile, median and upper quartile, straight between neighbours (Hyndman & Fan's type 7)."""
    ordered = sorted(values)

    def at(share: float) -> float:
        place = share * (len(ordered) - 1)
        below = math.floor(place)
        above = min(below + 1, len(ordered) - 1)
        return ordered[below] + (place - below) * (ordered[above] - ordered[below])

    return at(0.25), at(0.5), at(0.75)


def t_two_sided(t: float, freedom: int) -> float:
    """P(|T| >= |t|) for Student's t: the regularised incomplete beta function I_x(freedom / 2, 1 / 2) at x = freedom / (freedom + t^2)."""
    if t * t < 1:  # from the other end, where x would be rounded to 1
        return 1 - _beta(t * t / (freedom + t * t), 0.5, freedom / 2)
    return _beta(freedom / (freedom + t * t), freedom / 2, 0.5)


def _beta(x: float, a: float, b: float) -> float:
    """Regularised incomplete beta function by Lentz's continued fraction (Abramowitz & Stegun 26.5.8)."""
    if x <= 0 or x >= 1:
        return 0.0 if x <= 0 else 1.0
    if x > (a + 1) / (a + b + 2):  # the fraction settles quickly on this side only
        return 1 - _beta(1 - x, b, a)
    front = math.exp(a * math.log(x) + b * math.log1p(-x) + math.lgamma(a + b) - math.lgamma(a) - math.lgamma(b)) / a
    c, d = 1.0, 1 - (a + b) * x / (a + 1)
    d = 1 / (d if abs(d) > TINY else TINY)
    value = d
    for m in range(1, BETA_STEPS):
        for top in (m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m)), -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1))):
            d = 1 + top * d
            d = 1 / (d if abs(d) > TINY else TINY)
            c = 1 + top / c
            c = c if abs(c) > TINY else TINY
            value *= c * d
        if abs(c * d - 1) < BETA_SETTLED * 10:
            break
    return front * value
