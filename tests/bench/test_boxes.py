"""The arithmetic of average precision, recall and identity, by hand-made tables."""

from __future__ import annotations

import pytest
from bench.accuracy import _boxes
from bench.accuracy._boxes import Found
from bench.accuracy.rows import Counts

A, B, FAR = (0.1, 0.1, 0.2, 0.2), (0.5, 0.5, 0.2, 0.2), (0.8, 0.1, 0.1, 0.1)


@pytest.mark.parametrize(
    ("right", "labelled", "expected"),
    [
        ([True, True], 2, 1.0),
        ([True, False], 2, 0.5),
        ([False, True], 1, 0.5),
        ([True, False, True], 2, 0.5 * 1 + 0.5 * 2 / 3),
        ([False, True, True], 2, 2 / 3),  # precision is made to fall: 2/3 at both recalls
        ([], 3, 0.0),
        ([False], 3, 0.0),
    ],
)
def test_average_precision(right: list[bool], labelled: int, expected: float) -> None:
    verdicts = [(1.0 - k / 10, ok) for k, ok in enumerate(right)]
    assert _boxes.average_precision(verdicts, labelled) == pytest.approx(expected)


def test_without_labels_there_is_no_figure() -> None:
    assert _boxes.average_precision([(0.9, False)], 0) is None


def test_the_better_score_takes_the_box_and_the_second_is_wrong() -> None:
    verdicts, taken = _boxes.judge([Found(0, A, 0.6, 1), Found(0, A, 0.9, 2)], {0: [A]}, {})
    assert verdicts == [(0.9, True), (0.6, False)] and taken == {(0, 0): 2}
    assert _boxes.counts(verdicts, 1) == Counts(1, 1, 0)


def test_boxes_count_in_their_own_frame_only() -> None:
    verdicts, taken = _boxes.judge([Found(1, A, 0.9)], {0: [A], 1: [B]}, {})
    assert verdicts == [(0.9, False)] and taken == {}
    assert _boxes.counts(verdicts, 2) == Counts(0, 1, 2)


@pytest.mark.parametrize(("width", "right"), [(0.2, True), (0.41, False), (0.39, True)])
def test_half_overlap_is_enough(width: float, right: bool) -> None:
    assert _boxes.judge([Found(0, (0.1, 0.1, width, 0.2), 0.5)], {0: [A]}, {})[0] == [(0.5, right)]


def test_what_the_labeller_left_open_counts_neither_way() -> None:
    found = [Found(0, FAR, 0.9), Found(0, B, 0.8)]
    assert _boxes.judge(found, {0: [A]}, {0: [(0.75, 0.0, 0.25, 0.3)]})[0] == [(0.8, False)]
    inside = [Found(0, A, 0.9)]
    assert _boxes.judge(inside, {0: [A]}, {0: [(0.0, 0.0, 1.0, 1.0)]})[0] == [(0.9, True)]  # a labelled box counts all the same


@pytest.mark.parametrize(
    ("tracks", "expected"), [([], 0), ([3, 3, 3], 0), ([3, None, 3], 0), ([3, None, 4, 4], 1), ([1, 2, 1], 2), ([None, None], 0)]
)
def test_switches(tracks: list[int | None], expected: int) -> None:
    assert _boxes.switches(tracks) == expected


def test_two_labellers_are_paired_by_overlap_not_by_order() -> None:
    assert _boxes.pair([A, B], [B, A]) == pytest.approx([1.0, 1.0])
    assert _boxes.pair([A, B], [A]) == pytest.approx([1.0])
    assert _boxes.pair([A], [FAR]) == []


def test_a_path_is_straight_between_its_points() -> None:
    boxes = [(0.0, 0.0, 0.2, 0.2), (0.4, 0.0, 0.4, 0.2)]
    assert _boxes.box_at([1.0, 2.0], boxes, 1.5) == pytest.approx((0.2, 0.0, 0.3, 0.2))
    assert _boxes.box_at([1.0, 2.0], boxes, 0.0) == boxes[0] and _boxes.box_at([1.0, 2.0], boxes, 9.0) == boxes[1]
