"""A path of boxes as stretches that tile its life."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from reelscope.document.evidence import Box
from reelscope.document.measures.paths import held

A, B = (0.1, 0.1, 0.2, 0.1), (0.5, 0.5, 0.2, 0.1)


def test_the_first_stands_before_its_sight_and_the_last_to_the_end() -> None:
    assert held([Box(1.0, 2.0, A), Box(2.0, 2.5, B)], 0.5, 4.0) == [(0.5, 2.0, A), (2.0, 4.0, B)]


def test_the_same_place_is_one_stretch_and_what_lies_outside_is_left_out() -> None:
    assert held([Box(0.0, 1.0, A), Box(1.0, 2.0, A), Box(2.0, 9.0, B)], 0.0, 2.0) == [(0.0, 2.0, A)]
    assert held([Box(0.0, 1.0, A), Box(1.0, 2.0, B)], 1.5, 2.0) == [(1.5, 2.0, B)]


def test_without_boxes_or_time_there_is_nothing() -> None:
    assert held([], 0.0, 1.0) == [] and held([Box(0.0, 1.0, A)], 1.0, 1.0) == []


@given(st.lists(st.tuples(st.floats(0, 10), st.sampled_from([A, B])), min_size=1, max_size=6), st.floats(0, 10), st.floats(0.01, 5))
def test_stretches_tile_the_time(sights: list[tuple[float, tuple[float, float, float, float]]], start: float, length: float) -> None:
    path = held([Box(t, t + 1, where) for t, where in sights], start, start + length)
    assert path[0][0] == start and path[-1][1] == start + length
    assert all(x[1] == y[0] and x[2] != y[2] for x, y in zip(path, path[1:], strict=False)) and all(a < b for a, b, _ in path)
