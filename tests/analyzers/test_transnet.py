"""TransNetV2 without the network: windows of a stream with a stub in its place, and transitions from answers by hand."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from reelscope.analyzers.cut_analysis import CutResult, describe, describe_neural
from reelscope.analyzers.cut_analysis._transnet import Stream, transitions_of
from reelscope.features.shots import Shots, Transition


class Echo:
    """Answers each frame with its own first pixel and the number of its window; remembers the sizes of batches."""

    def __init__(self) -> None:
        self.sizes: list[int] = []
        self.windows: list[np.ndarray] = []

    def __call__(self, windows: Sequence[np.ndarray]) -> list[np.ndarray]:
        self.sizes.append(len(windows))
        self.windows += windows
        return [np.stack([w[:, 0, 0, 0], np.full(len(w), i)], 1).astype(np.float32) for i, w in enumerate(windows)]


def frames(n: int) -> np.ndarray:
    out = np.zeros((n, 27, 48, 3), np.uint8)
    out[:, 0, 0, 0] = np.arange(n) % 251
    return out


@pytest.mark.parametrize("n", [1, 24, 25, 49, 50, 51, 74, 75, 100, 149, 150, 200, 260])
@pytest.mark.parametrize("piece", [1, 7, 60])
def test_every_frame_is_answered_once_in_order(n: int, piece: int) -> None:
    echo = Echo()
    stream = Stream(echo, batch=2)
    given = frames(n)
    for i in range(0, n, piece):
        stream.add(given[i : i + piece], [j / 30 for j in range(i, min(n, i + piece))])
    answers, pts_s = stream.end()
    assert answers[:, 0].tolist() == given[:, 0, 0, 0].tolist()
    assert pts_s.tolist() == [j / 30 for j in range(n)]
    assert sum(echo.sizes) == -(-n // 50) and max(echo.sizes) <= 2
    assert {w.shape for w in echo.windows} == {(100, 27, 48, 3)}
    assert (echo.windows[0][:25] == given[0]).all()  # the first frame stands for what was before it
    last = echo.windows[-1]
    assert (last[25 + (n - 1) % 50 + 1 :] == given[-1]).all()


def test_frames_are_copied() -> None:
    echo = Echo()
    stream = Stream(echo)
    shared = frames(3)
    stream.add(shared, [0.0, 0.1, 0.2])
    shared[:] = 99
    assert stream.end()[0][:, 0].tolist() == [0, 1, 2]


def test_a_clip_without_frames() -> None:
    answers, pts_s = Stream(Echo()).end()
    assert answers.shape == (0, 2) and len(pts_s) == 0
    assert transitions_of(answers, pts_s) == ()


def answers(n: int, one: dict[int, float], many: dict[int, float]) -> np.ndarray:
    out = np.full((n, 2), 0.01, np.float32)
    for column, given in ((0, one), (1, many)):
        for i, value in given.items():
            out[i, column] = value
    return out


TEN = np.arange(20) / 10


def found(one: dict[int, float], many: dict[int, float]) -> list[tuple[str, float, float]]:
    return [(t.kind, round(t.start_s, 3), round(t.end_s, 3)) for t in transitions_of(answers(20, one, many), TEN)]


def test_a_cut_is_where_the_new_shot_begins() -> None:
    assert found({7: 0.9}, {7: 0.8}) == [("cut", 0.8, 0.8)]
    assert found({7: 0.9, 8: 0.6}, {7: 0.8, 8: 0.7}) == [("cut", 0.8, 0.8)]  # of a run the highest frame counts
    assert found({7: 0.6, 8: 0.9}, {}) == [("cut", 0.9, 0.9)]  # the second output need not agree


def test_what_stays_below_the_threshold_is_nothing() -> None:
    assert found({7: 0.49}, {6: 0.9, 7: 0.9, 8: 0.9}) == []


def test_a_gradual_transition_lasts_as_long_as_the_second_output() -> None:
    many = dict.fromkeys(range(4, 12), 0.9)
    assert found({8: 0.7}, many) == [("gradual", 0.4, 1.2)]
    assert found({6: 0.7, 9: 0.8}, many) == [("gradual", 0.4, 1.2)]  # two peaks in one stretch are one transition
    assert found({8: 0.7, 15: 0.9}, many | {15: 0.9}) == [("gradual", 0.4, 1.2), ("cut", 1.6, 1.6)]


def test_at_the_edges_of_the_clip() -> None:
    assert found({19: 0.9}, {19: 0.9}) == []  # no frame follows that could begin a shot
    assert found({18: 0.9}, {17: 0.9, 18: 0.9, 19: 0.9}) == [("gradual", 1.7, 1.9)]
    assert found({0: 0.9}, {0: 0.9}) == [("cut", 0.1, 0.1)]


def test_what_the_network_does_not_tell_is_null() -> None:
    transitions = (Transition("cut", 2.0, 2.0, confidence=0.9), Transition("gradual", 4.0, 5.0, confidence=0.7))  # type: ignore[arg-type]
    result = describe_neural(Shots(transitions, ((0.0, 2.0), (2.0, 4.5), (4.5, 8.0))), 8.0)
    summary = result.summary
    assert (summary.shots, summary.transitions, summary.cuts, summary.gradual) == (3, 2, 1, 1)
    assert (summary.jump_cuts, summary.dissolves, summary.fades, summary.wipes) == (None,) * 4
    assert [s.jump_cut for s in result.segments] == [None, None]
    again = CutResult.model_validate_json(result.model_dump_json())
    assert again.summary.gradual == 1 and again.segments[1].kind == "gradual"  # a result is kept from run to run
    assert describe(Shots((), ((0.0, 8.0),)), 8.0).summary.gradual is None  # the embedded backend tells the kinds
