"""The tracker: what keeps its number, what must not, and the pure helpers beside it."""

from __future__ import annotations

import pytest

from reelscope.features._tracking import Tracker, iou_xywh, nms, shot_of, split_at


def _follow(tracker, frames, *, step=0.2, labels=None):
    """Numbers of each frame's boxes; a frame is a list of (box, score)."""
    return [
        tracker.update(k * step, [b for b, _ in f], [s for _, s in f], None if labels is None else labels[k]) for k, f in enumerate(frames)
    ]


@pytest.mark.parametrize(
    ("a", "b", "expected"),
    [
        ((0, 0, 2, 2), (0, 0, 2, 2), 1.0),
        ((0, 0, 2, 2), (1, 0, 2, 2), 1 / 3),
        ((0, 0, 2, 2), (2, 0, 2, 2), 0.0),
        ((0, 0, 4, 4), (1, 1, 2, 2), 0.25),
        ((0, 0, 0, 0), (0, 0, 0, 0), 0.0),
    ],
)
def test_overlap_of_two_boxes(a, b, expected):
    assert iou_xywh(a, b) == pytest.approx(expected)


def test_nms_keeps_the_best_of_those_that_overlap():
    boxes = [(0, 0, 10, 10), (1, 0, 10, 10), (20, 0, 10, 10), (0, 1, 10, 10)]
    assert nms(boxes, [0.5, 0.9, 0.3, 0.8], 0.5) == [1, 2]
    assert nms(boxes, [0.5, 0.9, 0.3, 0.8], 0.95) == [1, 3, 0, 2]
    assert nms([], [], 0.5) == []


def test_a_track_is_cut_where_shots_meet():
    shots = [(0.0, 1.0), (1.0, 2.0), (2.0, 3.0)]
    assert split_at([0.2, 0.8, 1.0, 1.4, 2.9, 3.0], shots) == [slice(0, 2), slice(2, 4), slice(4, 6)]
    assert split_at([0.2, 2.5], shots) == [slice(0, 1), slice(1, 2)]
    assert split_at([], shots) == []
    assert split_at([0.1, 0.2], []) == [slice(0, 2)]
    assert [shot_of(t, shots) for t in (-0.1, 0.0, 0.999, 1.0, 7.0)] == [0, 0, 0, 1, 2]


def test_times_must_increase_and_lists_must_match():
    tracker = Tracker(high=0.5)
    tracker.update(1.0, [], [])
    with pytest.raises(ValueError, match="increase"):
        tracker.update(1.0, [], [])
    with pytest.raises(ValueError, match="one of each"):
        tracker.update(2.0, [(0, 0, 1, 1)], [])


def test_a_steady_mover_keeps_its_number():
    frames = [[((0.05 * k, 0.3, 0.1, 0.2), 0.9)] for k in range(15)]  # half a width per sample
    assert _follow(Tracker(high=0.5), frames) == [[0]] * 15


def test_two_that_cross_keep_their_numbers():
    frames = [[((0.1 + 0.04 * k, 0.3, 0.12, 0.2), 0.9), ((0.66 - 0.04 * k, 0.33, 0.12, 0.2), 0.9)] for k in range(15)]
    assert _follow(Tracker(high=0.5), frames) == [[0, 1]] * 15


def test_a_doubtful_box_carries_a_track_and_never_starts_one():
    box = (0.2, 0.2, 0.3, 0.3)
    assert _follow(Tracker(high=0.5, low=0.2), [[(box, s)] for s in (0.3, 0.9, 0.3, 0.25, 0.1, 0.3, 0.9)]) == [
        [-1],
        [0],
        [0],
        [0],
        [-1],
        [-1],  # unseen in the sample before: a doubtful box does not bring it back
        [0],
    ]


def test_a_start_may_ask_more_than_going_on():
    box = (0.2, 0.2, 0.3, 0.3)
    assert _follow(Tracker(high=0.4, new=0.8), [[(box, s)] for s in (0.5, 0.85, 0.5)]) == [[-1], [0], [0]]


@pytest.mark.parametrize(("gap", "number"), [(4, 0), (6, 1)])
def test_what_was_away_too_long_is_new(gap, number):
    box = (0.2, 0.2, 0.3, 0.3)
    frames = [[(box, 0.9)]] * 3 + [[]] * gap + [[(box, 0.9)]]
    assert _follow(Tracker(high=0.5, lost_s=1.0), frames)[-1] == [number]


def test_an_unseen_mover_is_met_again_where_it_was_heading():
    seen = [[((0.05 * k, 0.3, 0.1, 0.2), 0.9)] for k in range(6)]
    again = [((0.05 * 8, 0.3, 0.1, 0.2), 0.9)]
    other = [((0.05 * 2, 0.3, 0.1, 0.2), 0.9)]
    assert _follow(Tracker(high=0.5), [*seen, [], [], again])[-1] == [0]
    assert _follow(Tracker(high=0.5), [*seen, [], [], other])[-1] == [1]


def test_a_small_fast_box_is_followed_by_its_centre():
    frames = [[((0.1 + 0.055 * k * (k + 1) / 2, 0.5, 0.06, 0.06), 0.9)] for k in range(4)]
    assert iou_xywh(frames[1][0][0], frames[2][0][0]) == 0
    assert _follow(Tracker(high=0.5), frames) == [[0]] * 4
    far = [[((0.1, 0.5, 0.06, 0.06), 0.9)], [((0.4, 0.5, 0.06, 0.06), 0.9)]]
    assert _follow(Tracker(high=0.5), far) == [[0], [1]]
    grown = [[((0.1, 0.5, 0.06, 0.06), 0.9)], [((0.15, 0.45, 0.2, 0.2), 0.9)]]
    assert _follow(Tracker(high=0.5), grown) == [[0], [1]]


def test_who_passes_behind_somebody_does_not_take_that_box():
    tracker = Tracker(high=0.5)
    for k in range(5):  # one stands, sways and turns; the other comes from the right and vanishes behind
        tracker.update(k * 0.2, [(0.30, 0.3, 0.1, 0.3), (0.66 - 0.06 * k, 0.3, 0.1, 0.3)], [0.9, 0.9])
    assert tracker.update(1.0, [(0.30, 0.3, 0.1, 0.3)], [0.9]) == [0]
    assert tracker.update(1.2, [(0.34, 0.3, 0.1, 0.3)], [0.9]) == [0]  # nearer to where the hidden one is heading


def test_labels_never_mix():
    box = (0.2, 0.2, 0.3, 0.3)
    frames = [[(box, 0.9)], [(box, 0.9), (box, 0.8)], [(box, 0.8)]]
    assert _follow(Tracker(high=0.5), frames, labels=[["dog"], ["cat", "dog"], ["cat"]]) == [[0], [1, 0], [1]]


def test_the_best_pairs_win_together():
    tracker = Tracker(high=0.5, iou_min=0.1)
    tracker.update(0.0, [(0.0, 0, 1, 1), (0.5, 0, 1, 1)], [0.9, 0.9])
    # Each new box overlaps both tracks; the greedy choice would leave one over.
    assert tracker.update(0.2, [(0.45, 0, 1, 1), (0.9, 0, 1, 1)], [0.9, 0.9]) == [0, 1]


def test_numbers_are_not_used_twice_after_a_reset():
    tracker = Tracker(high=0.5)
    box = (0.2, 0.2, 0.3, 0.3)
    assert tracker.update(0.0, [box], [0.9]) == [0]
    tracker.reset()
    assert tracker.update(0.0, [box], [0.9]) == [1]


def test_boxes_without_area_do_no_harm():
    frames = [[((0.2, 0.2, 0.0, 0.3), 0.9)], [((0.2, 0.2, 0.0, 0.3), 0.9), ((0.2, 0.2, 0.1, 0.0), 0.9)]]
    assert all(n >= 0 for row in _follow(Tracker(high=0.5), frames) for n in row)
