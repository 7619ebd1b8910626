"""Pacing of hand-made cuts."""

from __future__ import annotations

import statistics

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reelscope.document.insights.pacing import BIN_EDGES_S, WINDOW_S, measure, quantile
from reelscope.document.schema import AnalyzerEntry
from tests.document.fixtures import entry
from tests.document.insights.made import clip, cuts, series


def test_without_cut_analysis_it_is_unavailable() -> None:
    found = measure(clip(missing=("cut_analysis",)))
    assert (found.status, found.code) == ("unavailable", "no_backend") and found.lengths is None and found.bins == []


def test_one_shot_is_a_result() -> None:
    found = measure(clip(20.0, cut_analysis=cuts()))
    assert found.shots == 1 and found.transitions == 0 and found.per_minute == 0.0 and found.by_kind == {}
    assert found.lengths is not None and found.lengths.min_s == found.lengths.max_s == 20.0 and found.lengths.cv == 0.0
    assert found.rate is not None and set(found.rate.per_minute) == {0.0}


def test_lengths_bins_and_rates_by_hand() -> None:
    found = measure(clip(12.0, cut_analysis=cuts(1.0, 2.0, (3.5, 4.5, "dissolve"), 10.0)))  # lengths 1, 1, 2, 6, 2
    assert found.lengths is not None
    assert (found.shots, found.transitions, found.by_kind) == (5, 4, {"cut": 3, "dissolve": 1})
    assert (found.lengths.min_s, found.lengths.q1_s, found.lengths.median_s, found.lengths.q3_s, found.lengths.max_s) == (1, 1, 2, 2, 6)
    assert found.lengths.mean_s == pytest.approx(2.4) and found.lengths.sd_s == pytest.approx(3.44**0.5)
    assert {b.from_s: b.shots for b in found.bins if b.shots} == {1.0: 2, 2.0: 2, 6.0: 1}
    assert {b.from_s: b.time_share for b in found.bins if b.shots} == pytest.approx({1.0: 2 / 12, 2.0: 4 / 12, 6.0: 0.5})
    assert found.per_minute == pytest.approx(20.0)
    assert found.rate is not None and (found.rate.t_s[0], found.rate.t_s[-1]) == (2.5, 9.5)
    assert found.rate.per_minute[:4] == [36.0, 36.0, 36.0, 24.0], "a window holds its start and not its end"
    assert found.fastest is not None and (found.fastest.start_s, found.fastest.per_minute) == (0.0, 36.0)
    assert found.slowest is not None and (found.slowest.start_s, found.slowest.per_minute) == (4.5, 0.0)


def music(tempo_bpm: float | None, *beats: float) -> AnalyzerEntry:
    return entry(series=[series("beat_strength", *((t, 1.0) for t in beats))], summary={"tempo_bpm": tempo_bpm})


BEATS = tuple(k / 2 for k in range(1, 20))


def test_cuts_on_the_beat_against_chance() -> None:
    """Beats every half second, 0.07 s either way: 28 % of the time. Three of four hard cuts lie on one; the dissolve is left out."""
    edits = cuts(1.0, 2.52, 4.25, 6.0, (7.0, 8.0, "dissolve"))
    found = measure(clip(cut_analysis=edits, audio_analysis=music(120.0, *BEATS))).beats
    assert found is not None
    assert (found.cuts, found.outside, found.on_beat, found.tempo_bpm) == (4, 0, 3, 120.0)
    assert found.share == pytest.approx(0.75) and found.chance == pytest.approx(0.28) and found.lift == pytest.approx(0.75 / 0.28)
    assert found.cut_to_beat and found.reason is None
    assert found.offset_mean_s == pytest.approx(0.02 / 3, abs=1e-6)
    assert [(b.t_s, b.on_beat) for b in found.landings] == [(1.0, True), (2.52, True), (4.25, False), (6.0, True)]


def test_two_cuts_on_the_beat_are_not_cut_to_it() -> None:
    found = measure(clip(cut_analysis=cuts(1.0, 2.0), audio_analysis=music(120.0, *BEATS))).beats
    assert found is not None and found.share == 1.0 and not found.cut_to_beat and found.reason


def test_music_without_a_pulse_is_measured_and_says_so() -> None:
    found = measure(clip(cut_analysis=cuts(1.0, 2.0, 3.0), audio_analysis=music(None)))
    assert found.beats is not None and not found.beats.cut_to_beat and found.beats.reason and found.beats.share is None
    assert found.beats.outside == 3 and "beats" not in found.not_measured


def test_without_sound_analysis_beats_are_null_and_the_rest_stands() -> None:
    found = measure(clip(missing=("audio_analysis",), cut_analysis=cuts(1.0)))
    assert found.beats is None and found.not_measured["beats"] == "it did not run" and found.shots == 2


def test_a_clip_of_one_window_has_no_rate_over_time() -> None:
    found = measure(clip(WINDOW_S, cut_analysis=cuts(1.0)))
    assert found.rate is None and found.fastest is None and set(found.not_measured) >= {"rate", "fastest", "slowest"}
    assert found.per_minute == pytest.approx(12.0)


def test_a_shot_on_an_edge_belongs_to_the_bin_above() -> None:
    found = measure(clip(6.0, cut_analysis=cuts(1.1, 3.1)))  # 3.1 - 1.1 is a hair below 2 in floats
    assert {b.from_s: b.shots for b in found.bins if b.shots} == {1.0: 1, 2.0: 2}


@given(st.lists(st.integers(1, 599), max_size=40, unique=True))
def test_bins_hold_every_shot_once_and_rates_are_counts(frames: list[int]) -> None:
    times = sorted(t / 20 for t in frames)
    found = measure(clip(30.0, cut_analysis=cuts(*times)))
    assert sum(b.shots for b in found.bins) == found.shots == len(times) + 1
    assert sum(b.time_share or 0.0 for b in found.bins) == pytest.approx(1.0)
    assert found.rate is not None and len(found.rate.t_s) <= 2 * 30
    for t, rate in zip(found.rate.t_s, found.rate.per_minute, strict=True):
        assert rate == 12 * sum(round((t - 2.5) * 20) <= f < round((t + 2.5) * 20) for f in frames)
    assert [b.from_s for b in found.bins] == list(BIN_EDGES_S)


@given(st.lists(st.floats(0.1, 100), min_size=2, max_size=30))
def test_quartiles_are_those_of_the_standard_library(values: list[float]) -> None:
    assert [quantile(values, q) for q in (0.25, 0.5, 0.75)] == pytest.approx(statistics.quantiles(values, n=4, method="inclusive"))


def test_a_quantile_of_nothing_is_a_mistake() -> None:
    assert quantile([3.0], 0.25) == 3.0
    with pytest.raises(ValueError, match="no values"):
        quantile([], 0.5)
