"""cut_analysis: what it makes of shots and transitions."""

from __future__ import annotations

import pytest

from reelscope.analyzers.cut_analysis import ANALYZER, describe
from reelscope.features.shots import Shots, Transition


def of(*bounds: float, transitions: tuple[Transition, ...] = ()) -> Shots:
    return Shots(transitions, tuple(zip(bounds, bounds[1:], strict=False)))


def test_one_shot_has_no_rhythm_and_nothing_is_invented() -> None:
    result = describe(of(0.0, 8.0), 8.0)
    s = result.summary
    assert result.segments == []
    assert (s.shots, s.transitions, s.transitions_per_minute) == (1, 0, 0.0)
    assert (s.shot_length_mean_s, s.shot_length_min_s, s.shot_length_max_s) == (8.0, 8.0, 8.0)
    assert s.shot_length_cv is None
    assert s.rhythm is None
    assert s.trend is None


def test_a_clip_without_length() -> None:
    s = describe(Shots((), ()), 0.0).summary
    assert (s.shots, s.transitions_per_minute, s.shot_length_mean_s, s.shot_length_min_s) == (0, None, None, None)
    assert s.pace == []


def test_counts_and_segments() -> None:
    transitions = (
        Transition("cut", 2.0, 2.0, confidence=0.98, jump_cut=True, figures=(("hist", 0.01),)),
        Transition("dissolve", 3.5, 4.5, confidence=0.8),
        Transition("fade", 7.0, 8.0, confidence=0.9, variant="to black"),
    )
    result = describe(of(0.0, 2.0, 4.0, 8.0, transitions=transitions), 8.0)
    s = result.summary
    assert (s.cuts, s.jump_cuts, s.dissolves, s.fades, s.wipes, s.transitions) == (1, 1, 1, 1, 0, 3)
    assert s.transitions_per_minute == pytest.approx(22.5)
    assert s.shot_length_median_s == 2.0
    first, second, third = result.segments
    assert (first.kind, first.start_s, first.end_s, first.jump_cut, first.evidence) == ("cut", 2.0, 2.0, True, {"hist": 0.01})
    assert (second.duration_s, second.confidence, second.variant) == (1.0, 0.8, None)
    assert third.variant == "to black"


@pytest.mark.parametrize(
    ("bounds", "rhythm", "trend"),
    [
        ((0, 2, 4, 6, 8), "even", "steady"),
        ((0, 4, 8, 9, 10), "varied", "faster"),
        ((0, 1, 2, 6, 10), "varied", "slower"),
        ((0, 0.5, 1, 1.5, 9.5), "uneven", "slower"),
        ((0, 1, 2), None, None),
    ],
)
def test_rhythm(bounds: tuple[float, ...], rhythm: str | None, trend: str | None) -> None:
    s = describe(of(*bounds), float(bounds[-1])).summary
    assert (s.rhythm, s.trend) == (rhythm, trend)


@pytest.mark.parametrize(
    ("duration_s", "cuts", "expected"),
    [
        (4.0, (1.0, 3.0), [(0.0, 4.0, 2, 30.0)]),
        (24.0, (1.0, 10.0, 23.9), [(0.0, 10.0, 1, 6.0), (10.0, 24.0, 2, 60 * 2 / 14)]),
        (26.0, (20.0,), [(0.0, 10.0, 0, 0.0), (10.0, 20.0, 0, 0.0), (20.0, 26.0, 1, 10.0)]),
    ],
)
def test_pace(duration_s: float, cuts: tuple[float, ...], expected: list[tuple[float, float, int, float]]) -> None:
    shots = of(0.0, duration_s, transitions=tuple(Transition("cut", t, t) for t in cuts))
    pace = describe(shots, duration_s).summary.pace
    assert [(p.start_s, p.end_s, p.transitions, p.per_minute) for p in pace] == [pytest.approx(e) for e in expected]


def test_result_survives_json() -> None:
    result = describe(of(0.0, 2.0, 8.0, transitions=(Transition("cut", 2.0, 2.0, confidence=0.9),)), 8.0)
    assert ANALYZER.Result.model_validate_json(result.model_dump_json()) == result
