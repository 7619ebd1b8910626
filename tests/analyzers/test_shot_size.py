"""Shot size from boxes: the ladder, and when it is not told."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from reelscope.analyzers.camera_analysis._size import CUT_OFF, NOBODY, SELDOM, shot_size

Box = tuple[float, float, float, float]


def track(label: str, box: Box, *, start_s: float = 0.0, n: int = 10, step_s: float = 0.2) -> Any:
    end_s = start_s + n * step_s
    return SimpleNamespace(
        label=label, start_s=start_s, end_s=end_s, points=[SimpleNamespace(t_s=start_s + i * step_s, xywh_norm=box) for i in range(n)]
    )


def face(height: float, chin: float) -> Box:
    return (0.4, chin - height, 0.2, height)


@pytest.mark.parametrize(
    ("box", "size"),
    [
        (face(0.7, 0.95), "extreme_close_up"),
        (face(0.4, 0.7), "close_up"),  # shoulders below the edge: 1.6 heads
        (face(0.3, 0.6), "medium_close_up"),
        (face(0.2, 0.4), "medium"),
        (face(0.12, 0.3), "medium_long"),
        (face(0.08, 0.2), "long"),
        (face(0.03, 0.5), "extreme_long"),
    ],
)
def test_the_ladder(box: Box, size: str) -> None:
    found, evidence, reason = shot_size([track("face", box)], 0.0, 2.0)
    assert found == size and reason is None and evidence is not None and evidence.face_height == pytest.approx(box[3])


@pytest.mark.parametrize(
    ("box", "size", "reason"),
    [
        ((0.3, 0.2, 0.2, 0.6), "long", None),
        ((0.3, 0.5, 0.1, 0.2), "extreme_long", None),
        ((0.3, 0.2, 0.4, 0.8), None, CUT_OFF),
    ],
)
def test_people_without_faces(box: Box, size: str | None, reason: str | None) -> None:
    found, _, why = shot_size([track("person", box)], 0.0, 2.0)
    assert (found, why) == (size, reason)


def test_nobody_and_things_tell_nothing() -> None:
    assert shot_size([], 0.0, 2.0) == (None, None, NOBODY)
    assert shot_size([track("dog", (0.1, 0.1, 0.5, 0.5))], 0.0, 2.0) == (None, None, NOBODY)


def test_another_shots_people_do_not_count() -> None:
    assert shot_size([track("face", face(0.4, 0.7), start_s=5.0)], 0.0, 2.0)[2] == NOBODY


def test_a_glimpse_is_not_enough() -> None:
    assert shot_size([track("face", face(0.4, 0.7), n=2)], 0.0, 10.0)[2] == SELDOM


def test_the_largest_face_decides() -> None:
    assert shot_size([track("face", face(0.05, 0.3)), track("face", face(0.4, 0.7))], 0.0, 2.0)[0] == "close_up"


def test_a_box_stands_for_its_time_and_not_for_the_points_of_its_path() -> None:
    """The path of a still face is two points, that of a small one that moves behind it has one for each sample."""
    still = track("face", face(0.4, 0.7), n=10)
    still.points = [still.points[0], still.points[9]]
    found, evidence, _ = shot_size([still, track("face", face(0.05, 0.3), n=10)], 0.0, 2.0)
    assert found == "close_up" and evidence is not None and evidence.face_height == pytest.approx(0.4)


def test_a_path_is_straight_between_its_points() -> None:
    grows = track("face", face(0.2, 0.6), n=10)
    grows.points = [SimpleNamespace(t_s=0.0, xywh_norm=face(0.2, 0.6)), SimpleNamespace(t_s=2.0, xywh_norm=face(0.4, 0.6))]
    _, evidence, _ = shot_size([grows], 0.0, 2.0)
    assert evidence is not None and evidence.face_height == pytest.approx(0.3)


def test_a_face_seen_seldom_beside_a_whole_person_does_not_decide() -> None:
    tracks = [track("face", face(0.06, 0.2), n=3), track("person", (0.3, 0.1, 0.2, 0.7), n=10)]
    assert shot_size(tracks, 0.0, 2.0)[0] == "long"
