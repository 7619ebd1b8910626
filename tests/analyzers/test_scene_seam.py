"""The seam of scene_segmentation: the last frame against the first, on drawn frames."""

from __future__ import annotations

import numpy as np
import pytest

from reelscope.analyzers.scene_segmentation._seam import KEEP, Ends, SeamFigures, difference
from tests.clips import moving_frames


def ends(
    frames: list[np.ndarray], *, fps: float = 30, shots: list[tuple[float, float]] | None = None, window: int = 20
) -> SeamFigures | None:
    taker = Ends()
    times = np.arange(len(frames)) / fps
    for i in range(0, len(frames), window):
        taker.add(np.stack(frames[i : i + window]), times[i : i + window])
    return taker.compare(shots if shots is not None else [(0.0, len(frames) / fps)])


def test_a_palindrome_ends_where_it_began() -> None:
    forward = moving_frames(60)
    found = ends(forward + forward[::-1])
    assert found is not None
    assert found.difference == found.palette == 0 and found.layout < 1e-3  # a core that fits is resampled once
    assert found.first_s == 0 and found.last_s == pytest.approx(119 / 30)


def test_what_runs_on_makes_a_smaller_step_than_a_tenth_of_a_second() -> None:
    take = moving_frames(120)
    found = ends(take[60:] + take[:60], shots=[(0, 2), (2, 4)])
    assert found is not None and found.usual_first is not None and found.usual_last is not None
    assert 0 < found.difference < max(found.usual_first, found.usual_last)


def test_a_hard_end_is_a_larger_step() -> None:
    found = ends(moving_frames(60, seed=1) + moving_frames(60, seed=2), shots=[(0, 2), (2, 4)])
    assert found is not None and found.usual_first is not None and found.usual_last is not None
    assert found.difference > 2 * max(found.usual_first, found.usual_last)


def test_the_very_last_frame_counts_and_windows_do_not_matter() -> None:
    frames = [*moving_frames(61), np.full((120, 160, 3), 255, np.uint8)]
    alone = ends(frames, window=1)
    assert alone == ends(frames, window=62)
    assert alone is not None and alone.last_s == pytest.approx(61 / 30)
    assert alone.difference == pytest.approx(difference_of(frames[0], frames[-1]))


def difference_of(a: np.ndarray, b: np.ndarray) -> float:
    from reelscope.analyzers.scene_segmentation._looks import reduce_frame

    return difference(reduce_frame(a), reduce_frame(b))


def test_a_cut_in_the_first_second_is_no_usual_step() -> None:
    still = [np.full((120, 160, 3), v, np.uint8) for v in (40, 200)]
    frames = [still[0]] * 15 + [still[1]] * 45
    found = ends(frames, shots=[(0, 0.5), (0.5, 2)])
    assert found is not None and found.usual_first == 0 == found.usual_last


def test_a_shot_of_one_sample_has_no_usual_step() -> None:
    found = ends(moving_frames(31), shots=[(0, 0.05), (0.05, 31 / 30)])
    assert found is not None and found.usual_first is None and found.usual_last is not None


@pytest.mark.parametrize("count", [0, 1])
def test_fewer_than_two_frames_have_no_seam(count: int) -> None:
    assert ends(moving_frames(1)[:count]) is None


def test_what_is_held_does_not_grow() -> None:
    taker = Ends()
    for i in range(50):
        taker.add(np.zeros((30, 18, 32, 3), np.uint8), (i * 30 + np.arange(30)) / 30)
    assert len(taker._head) == len(taker._tail) == KEEP
