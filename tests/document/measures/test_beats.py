"""Cuts against beats: the counting, the chance, the rule and its edges."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reelscope.document.measures.beats import MIN_CUTS, cuts_on_beats, pulse_stretches


def beats(count: int = 21, every_s: float = 0.5, start_s: float = 0.0) -> list[float]:
    return [start_s + i * every_s for i in range(count)]


@pytest.mark.parametrize("given_", [{"tolerance_s": 0.0}, {"tolerance_s": -0.1}, {"tempo_bpm": 0.0}, {"tempo_bpm": -60.0}])
def test_impossible_figures_are_refused(given_: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="above 0"):
        cuts_on_beats([1.0], beats(), **given_)


@pytest.mark.parametrize("found", [[], [3.0]])
def test_without_a_pulse_nothing_is_said(found: list[float]) -> None:
    match = cuts_on_beats([1.0, 2.0, 3.0], found)
    assert (match.cuts, match.outside, match.share, match.chance, match.holds, match.examined) == (0, 3, None, None, False, False)
    assert match.reason and "no pulse" in match.reason


def test_without_cuts_there_is_a_chance_but_no_share() -> None:
    match = cuts_on_beats([], beats())
    assert match.share is None and match.lift is None and match.by_chance is None and match.chance == pytest.approx(0.28)
    assert match.reason == "0 cuts inside the pulse, 3 are needed" and not match.examined


def test_two_cuts_on_the_beat_are_too_few() -> None:
    match = cuts_on_beats([1.0, 2.0], beats())
    assert match.share == 1.0 and not match.holds and match.reason == "2 cuts inside the pulse, 3 are needed"


def test_three_cuts_on_the_beat_hold() -> None:
    match = cuts_on_beats([1.0, 2.5, 4.0], beats())
    assert match.holds and match.reason is None and match.lift == pytest.approx(1 / 0.28) and match.by_chance == pytest.approx(0.28**3)


@pytest.mark.parametrize(("off", "on_beat"), [(0.0, True), (0.07, True), (-0.07, True), (0.0701, False), (-0.0701, False), (0.25, False)])
def test_the_window_is_closed_on_both_sides(off: float, on_beat: bool) -> None:
    match = cuts_on_beats([2.0 + off], beats(), tolerance_s=0.07)
    assert match.on_beat == on_beat and match.landings[0].offset_s == pytest.approx(off)


@pytest.mark.parametrize(
    ("on", "off", "holds"),
    # At 120 bpm and 70 ms the chance is 0.28, so 0.56 are needed; at 60 bpm it is 0.14, so the half decides.
    [(2, 1, True), (5, 4, False), (4, 3, True), (1, 2, False)],
)
def test_the_share_that_is_needed(on: int, off: int, holds: bool) -> None:
    cuts = [1.0 + i for i in range(on)] + [1.25 + i for i in range(off)]
    assert cuts_on_beats(cuts, beats()).holds is holds


def test_at_a_slow_tempo_half_of_the_cuts_is_enough() -> None:
    slow = beats(every_s=1.0)
    assert cuts_on_beats([1.0, 2.0, 3.5, 4.5], slow).holds
    match = cuts_on_beats([1.0, 3.5, 4.5], slow)
    assert not match.holds and match.reason == "0.33 of the cuts lie on a beat, 0.50 are needed at a chance of 0.14"


def test_the_window_is_never_more_than_a_quarter_of_the_beat() -> None:
    match = cuts_on_beats([1.0], beats(every_s=0.2), tolerance_s=0.07)
    assert match.tolerance_s == pytest.approx(0.05) and match.chance == pytest.approx(0.5)
    assert cuts_on_beats([1.0], beats(), tempo_bpm=300.0, tolerance_s=0.07).tolerance_s == pytest.approx(0.05)


def test_cuts_where_no_beat_is_are_not_counted() -> None:
    pulse = beats(9, start_s=10.0)  # 10 to 14 s, with half an interval either side
    match = cuts_on_beats([1.0, 5.0, 9.74, 9.76, 12.0, 14.24, 14.26, 20.0], pulse)
    assert [x.t_s for x in match.landings] == [9.76, 12.0, 14.24] and match.cuts == 3 and match.outside == 5
    assert match.pulse == ((9.75, 14.25),)


def test_a_hole_parts_the_pulse() -> None:
    both = beats(9) + beats(9, start_s=8.0)
    match = cuts_on_beats([6.0], both)
    assert match.pulse == ((-0.25, 4.25), (7.75, 12.25)) and match.outside == 1 and match.cuts == 0


def test_stretches_of_two_tempi_keep_their_own_intervals() -> None:
    fast, slow = beats(17, 0.5), beats(9, 1.0, start_s=12.0)
    assert pulse_stretches(fast + slow) == [fast, slow]
    near = beats(9, 1.0, start_s=9.0)  # a change of tempo without a pause is no hole
    assert sum(len(s) for s in pulse_stretches(fast + near)) == 26


def test_a_beat_alone_is_no_pulse() -> None:
    assert pulse_stretches([*beats(9), 30.0]) == [beats(9)]


def test_order_and_repeats_do_not_matter() -> None:
    cuts, pulse = [4.0, 1.0, 2.5], beats()
    assert cuts_on_beats(cuts, [*reversed(pulse), 1.0, 2.0]) == cuts_on_beats(sorted(cuts), pulse)


def test_random_cuts_reach_the_chance() -> None:
    rng = random.Random(5)
    pulse = beats(121)
    match = cuts_on_beats([rng.uniform(0, 60) for _ in range(4000)], pulse)
    assert match.share == pytest.approx(match.chance, abs=0.03) and not match.holds


uneven = st.lists(st.floats(0.25, 1.2), min_size=1, max_size=30)
moments = st.lists(st.floats(0, 40), max_size=12)


@given(uneven, moments, st.floats(0.01, 0.3))
def test_shares_are_shares_and_counts_add_up(gaps: list[float], cuts: list[float], tolerance_s: float) -> None:
    pulse = [sum(gaps[:i]) for i in range(len(gaps) + 1)]
    match = cuts_on_beats(cuts, pulse, tolerance_s=tolerance_s)
    assert match.cuts + match.outside == len(cuts) and 0 <= match.on_beat <= match.cuts == len(match.landings)
    if match.chance is not None:
        assert 0 < match.chance <= 1 and match.tolerance_s is not None and match.tolerance_s <= tolerance_s
    if match.share is not None:
        assert 0 <= match.share <= 1 and match.by_chance is not None and 0 <= match.by_chance <= 1
    if match.holds:
        assert match.cuts >= MIN_CUTS and match.share >= max(0.5, 2 * match.chance) - 1e-6  # type: ignore[operator]
    assert match.holds == (match.reason is None)


@given(st.floats(0.3, 1.0), st.floats(0, 0.5), moments)
def test_a_wider_window_never_loses_a_cut(every_s: float, start_s: float, cuts: list[float]) -> None:
    pulse = beats(20, every_s, start_s)
    narrow, wide = (cuts_on_beats(cuts, pulse, tolerance_s=x) for x in (0.03, 0.07))
    assert narrow.on_beat <= wide.on_beat and narrow.cuts == wide.cuts and narrow.chance < wide.chance  # type: ignore[operator]
