"""Arithmetic on half-open intervals, against sets of whole seconds."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reelscope.timebase import Interval, clip_to, coverage, intersect, merge, overlap_s, round_s, seconds, subtract, total_s

LAST = 24
whole = st.integers(0, LAST)
interval = st.tuples(whole, whole).map(lambda p: (float(p[0]), float(p[1])))  # some of them empty or backwards
several = st.lists(interval, max_size=8)
real = st.lists(st.tuples(st.floats(-5, 65), st.floats(0, 9)).map(lambda p: (p[0], p[0] + p[1])), max_size=8)


def cells(intervals: list[Interval]) -> set[int]:
    """The whole seconds that lie in a union."""
    return {k for a, b in intervals for k in range(int(a), int(b))}


def in_order(intervals: list[Interval]) -> bool:
    return all(a < b for a, b in intervals) and all(x[1] < y[0] for x, y in zip(intervals, intervals[1:], strict=False))


@given(several)
def test_merge_is_the_same_set_in_order_without_overlap_or_touch(a: list[Interval]) -> None:
    joined = merge(a)
    assert cells(joined) == cells(a) and in_order(joined)
    assert merge(joined) == joined and merge(reversed(a)) == joined


@given(several, several)
def test_intersect_and_subtract_are_those_of_sets(a: list[Interval], b: list[Interval]) -> None:
    both, left = intersect(a, b), subtract(a, b)
    assert cells(both) == cells(a) & cells(b) and in_order(both)
    assert cells(left) == cells(a) - cells(b)
    assert all(x < y for x, y in left)
    assert intersect(b, a) == both


@given(several, several)
def test_what_is_taken_and_what_is_left_tile_the_whole(a: list[Interval], b: list[Interval]) -> None:
    both, left = intersect(a, b), subtract(a, b)
    assert intersect(both, left) == []
    assert merge([*both, *left]) == merge(a)
    assert total_s(both) + total_s(left) == total_s(a)
    assert total_s([*a, *b]) == total_s(a) + total_s(b) - total_s(both)
    assert subtract(a, []) == merge(a) and subtract(a, a) == [] and intersect(a, a) == merge(a)


@given(several, interval)
def test_clipping_is_intersection_with_the_bounds(a: list[Interval], bounds: Interval) -> None:
    kept = clip_to(a, bounds)
    assert cells(kept) == cells(a) & cells([bounds])
    assert clip_to(kept, bounds) == kept


@given(several, interval)
def test_overlap_is_the_length_of_the_intersection(a: list[Interval], b: Interval) -> None:
    for one in a:
        assert overlap_s(one, b) == overlap_s(b, one)
        if one[1] > one[0] and b[1] > b[0]:
            assert overlap_s(one, b) == total_s(intersect([one], [b]))


@given(real, real, st.floats(0.1, 60))
def test_lengths_add_up_for_any_times(a: list[Interval], b: list[Interval], duration_s: float) -> None:
    both, left = intersect(a, b), subtract(a, b)
    assert total_s(both) + total_s(left) == pytest.approx(total_s(a), abs=1e-9)
    assert total_s([*a, *b]) == pytest.approx(total_s(a) + total_s(b) - total_s(both), abs=1e-9)
    assert 0 <= coverage(a, duration_s) <= 1
    assert coverage(a, duration_s) == pytest.approx(total_s(clip_to(a, (0.0, duration_s))) / duration_s)


@pytest.mark.parametrize(
    ("given_", "gap", "joined"),
    [
        ([], 0.0, []),
        ([(2.0, 1.0), (3.0, 3.0)], 0.0, []),
        ([(1.0, 2.0), (2.0, 3.0)], 0.0, [(1.0, 3.0)]),
        ([(2.5, 3.0), (1.0, 2.0)], 0.4, [(1.0, 2.0), (2.5, 3.0)]),
        ([(2.5, 3.0), (1.0, 2.0)], 0.5, [(1.0, 3.0)]),
        ([(1.0, 9.0), (2.0, 3.0)], 0.0, [(1.0, 9.0)]),
    ],
)
def test_merge_by_hand(given_: list[Interval], gap: float, joined: list[Interval]) -> None:
    assert merge(given_, gap) == joined


def test_half_open_ends_do_not_meet() -> None:
    assert intersect([(0.0, 1.0)], [(1.0, 2.0)]) == [] and overlap_s((0.0, 1.0), (1.0, 2.0)) == 0.0
    assert subtract([(0.0, 3.0)], [(1.0, 2.0)]) == [(0.0, 1.0), (2.0, 3.0)]


def test_nothing_covers_a_clip_without_time() -> None:
    assert coverage([(0.0, 1.0)], 0.0) == 0.0


def test_pts_become_seconds_on_the_clips_clock() -> None:
    assert seconds(1001, Fraction(1, 30000)) == 0.033367
    assert seconds(90000, Fraction(1, 90000), Fraction(1, 4)) == 0.75
    assert round_s(1 / 3) == 0.333333
