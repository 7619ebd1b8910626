"""Rank statistics against values worked out by hand and against SciPy."""

from __future__ import annotations

import itertools
import math
import random

import numpy as np
import pytest
import scipy.stats
from hypothesis import given
from hypothesis import strategies as st

from reelscope.document.compare.statistics import cliffs_delta, holm, quartiles, ranks, spearman, t_two_sided

ROWS = st.lists(st.tuples(st.integers(0, 6), st.integers(0, 1000)), min_size=4, max_size=40)


def test_too_few_or_unequal_rows_are_refused() -> None:
    with pytest.raises(ValueError, match="4 at least"):
        spearman([1, 2, 3], [1, 2, 3])
    with pytest.raises(ValueError, match="not 5 and 4"):
        spearman([1, 2, 3, 4, 5], [1, 2, 3, 4])
    with pytest.raises(ValueError, match="two values"):
        cliffs_delta([1], [2, 3])


def test_a_constant_row_has_no_correlation() -> None:
    assert spearman([3, 3, 3, 3, 3], [1, 2, 3, 4, 5]) is None
    assert spearman([1, 2, 3, 4, 5], [7, 7, 7, 7, 7]) is None


def test_ranks_share_the_mean_where_values_are_equal() -> None:
    assert ranks([10, 30, 20, 20]) == [1, 4, 2.5, 2.5]
    assert ranks([5, 5, 5]) == [2, 2, 2]
    assert ranks([]) == []


def test_a_correlation_by_hand() -> None:
    # differences of ranks -1 1 -1 1 0: 1 - 6 * 4 / (5 * 24) = 0.8; Fisher's z 1.0986, its error sqrt(1.32 / 2) = 0.81240
    found = spearman([1, 2, 3, 4, 5], [2, 1, 4, 3, 5])
    assert found is not None
    assert found.value == pytest.approx(0.8)
    assert found.low == pytest.approx(math.tanh(math.atanh(0.8) - 1.959964 * 0.812404), abs=1e-5)
    assert found.high == pytest.approx(math.tanh(math.atanh(0.8) + 1.959964 * 0.812404), abs=1e-5)


def test_one_order_has_no_interval_and_the_least_p_that_permutations_have() -> None:
    for values, sign in ([1, 2, 3, 4, 5], 1.0), ([5, 4, 3, 2, 1], -1.0):
        found = spearman(values, [10, 20, 30, 40, 50])
        assert found is not None
        assert (found.value, found.low, found.high) == (sign, None, None)
        assert found.p == pytest.approx(2 / 120)


@given(ROWS)
def test_correlation_and_p_are_those_of_scipy(rows: list[tuple[int, int]]) -> None:
    x, y = [float(a) for a, _ in rows], [float(b) for _, b in rows]
    found = spearman(x, y)
    if len(set(x)) == 1 or len(set(y)) == 1:
        assert found is None
        return
    assert found is not None
    expected = scipy.stats.spearmanr(x, y)
    assert found.value == pytest.approx(expected.statistic, abs=1e-9)
    assert found.p == pytest.approx(max(expected.pvalue, 2 / math.factorial(len(x))), abs=1e-9)


@pytest.mark.parametrize("freedom", [1, 2, 3, 10, 47, 500, 5000])
@pytest.mark.parametrize("t", [0.0, 1e-6, 0.3, 1.0, 2.2, 5.0, 20.0, 200.0])
def test_the_tail_of_students_t_is_that_of_scipy(t: float, freedom: int) -> None:
    assert t_two_sided(t, freedom) == pytest.approx(2 * scipy.stats.t.sf(t, freedom), rel=1e-9, abs=1e-300)
    assert t_two_sided(-t, freedom) == t_two_sided(t, freedom)


def test_the_interval_holds_the_true_correlation_about_as_often_as_it_says() -> None:
    draw = np.random.default_rng(1)
    pearson, n, trials = 0.5, 30, 600
    true = 6 / math.pi * math.asin(pearson / 2)  # Spearman's of a bivariate normal distribution
    held = 0
    for _ in range(trials):
        x = draw.standard_normal(n)
        y = pearson * x + math.sqrt(1 - pearson**2) * draw.standard_normal(n)
        found = spearman(x.tolist(), y.tolist())
        assert found is not None and found.low is not None and found.high is not None
        held += found.low <= true <= found.high
    assert 0.92 <= held / trials <= 0.98


def test_dominance_by_hand() -> None:
    # pairs 3>1 3>2 3>2.5, 2.2>1 2.2>2 2.2<2.5: (5 - 1) / 6
    assert cliffs_delta([3, 2.2], [1, 2, 2.5]).value == pytest.approx(4 / 6)
    assert cliffs_delta([1, 1], [1, 1]).value == 0
    apart = cliffs_delta([5, 6], [1, 2])
    assert (apart.value, apart.low, apart.high) == (1.0, None, None)


@given(st.lists(st.integers(0, 9), min_size=2, max_size=20), st.lists(st.integers(0, 9), min_size=2, max_size=20))
def test_dominance_is_that_of_mann_whitney_and_turns_with_its_sides(upper: list[int], lower: list[int]) -> None:
    found, turned = cliffs_delta(upper, lower), cliffs_delta(lower, upper)
    u = scipy.stats.mannwhitneyu(upper, lower, method="asymptotic").statistic if len({*upper, *lower}) > 1 else len(upper) * len(lower) / 2
    assert found.value == pytest.approx(2 * u / (len(upper) * len(lower)) - 1)
    assert turned.value == pytest.approx(-found.value)
    if found.low is not None and found.high is not None:
        assert -1 <= found.low <= found.value <= found.high <= 1
        assert turned.high == pytest.approx(-found.low)


def test_the_interval_of_dominance_holds_the_truth_about_as_often_as_it_says() -> None:
    draw = np.random.default_rng(2)
    true = 2 * scipy.stats.norm.cdf(0.8 / math.sqrt(2)) - 1
    held = 0
    for _ in range(500):
        found = cliffs_delta((draw.standard_normal(20) + 0.8).tolist(), draw.standard_normal(20).tolist())
        held += found.low is not None and found.high is not None and found.low <= true <= found.high
    assert 0.91 <= held / 500 <= 0.98


def test_holm_by_hand() -> None:
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([0.6, 0.7]) == [1.0, 1.0]
    assert holm([]) == []


@given(st.lists(st.floats(0, 1), min_size=1, max_size=12))
def test_adjusted_values_keep_the_order_and_are_never_smaller(values: list[float]) -> None:
    adjusted = holm(values)
    assert all(p <= q <= 1 for p, q in zip(values, adjusted, strict=True))
    assert all((adjusted[i] <= adjusted[j]) for i, j in itertools.permutations(range(len(values)), 2) if values[i] < values[j])


@given(st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=30))
def test_quartiles_are_those_of_numpy(values: list[float]) -> None:
    assert quartiles(values) == pytest.approx(tuple(np.quantile(values, (0.25, 0.5, 0.75))), abs=1e-6)


def test_the_t_approximation_at_twelve_is_near_the_permutations() -> None:
    draw = random.Random(3)
    y = list(range(12))
    x = [v + draw.gauss(0, 4) for v in y]
    found = spearman(x, y)
    assert found is not None and found.p is not None
    least = abs(found.value)
    trials = 4000
    beyond = sum(abs((spearman(x, draw.sample(y, 12)) or found).value) >= least - 1e-9 for _ in range(trials))
    assert beyond / trials == pytest.approx(found.p, abs=4 * math.sqrt(found.p / trials) + 0.003)
