"""The grid: which one a clip is put on, and that rounding keeps every promise for any cuts at any rate."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reelscope.document.exports.timelines._grid import EDITING_RATES, Grid, grid_of
from reelscope.document.exports.timelines._plan import plan
from reelscope.document.schema import ShotRow, ShotTransition
from tests.document.exports.timelines_made import RATES, Rate, document_at, material, media_at


@pytest.mark.parametrize("rate", RATES.values(), ids=RATES)
def test_each_rate_has_its_grid(rate: Rate) -> None:
    grid = grid_of(media_at(rate, 100))
    assert grid.rate == rate.grid
    assert grid.nominal == (not rate.exact)
    assert bool(grid.why) == grid.nominal


@pytest.mark.parametrize(
    ("fps", "vfr", "rate"),
    [
        (23.976, False, "24000/1001"),
        (23.98, False, "24000/1001"),
        (24.000267, False, "24"),  # a WebM with time stamps in milliseconds
        (29.97, False, "30000/1001"),
        (29.968, False, "30000/1001"),
        (59.940060, False, "60000/1001"),
        (12.5, False, "25"),
        (12.0, False, "24"),
        (10.0, False, "30"),
        (48.0, False, "50"),
        (90.0, False, "60"),
        (1.0, False, "24"),
        (0.0, False, "30"),
        (29.97, True, "30"),
        (30.2, True, "30"),
        (24.4, True, "24"),
        (26.0, True, "30"),
        (240.0, True, "60"),
    ],
)
def test_measured_rates_are_recognised(fps: float, vfr: bool, rate: str) -> None:
    media = media_at(RATES["25"], 100, fps=fps, vfr=vfr)
    assert grid_of(media).words == rate


def test_equally_near_frames_round_up() -> None:
    assert [Grid(Fraction(25)).frame(t) for t in (0.0199, 0.02, 0.0201, 0.06)] == [0, 1, 1, 2]


@given(st.sampled_from(EDITING_RATES), st.integers(0, 10_000_000))
def test_a_frames_own_time_is_that_frame_however_it_was_rounded(rate: Fraction, frame: int) -> None:
    assert Grid(rate).frame(round(float(frame / rate), 6)) == frame


@given(st.sampled_from(EDITING_RATES), st.floats(0, 86_400))
def test_rounding_is_within_half_a_frame(rate: Fraction, t_s: float) -> None:
    grid = Grid(rate)
    assert abs(grid.seconds(grid.frame(t_s)) - Fraction(t_s)) <= 1 / rate / 2 + Fraction(1, 10**6)


@settings(max_examples=150, deadline=None)
@given(
    fps=st.floats(1, 240),
    vfr=st.booleans(),
    lengths=st.lists(st.floats(0.001, 20), min_size=1, max_size=12),
    spread=st.floats(0, 3),
)
def test_shots_tile_the_clip_on_every_grid(fps: float, vfr: bool, lengths: list[float], spread: float) -> None:
    edges = [0.0]
    for length in lengths:
        edges.append(round(edges[-1] + length, 6))
    shots = [
        ShotRow(
            index=i,
            start_s=a,
            end_s=b,
            transition_in=ShotTransition(kind="dissolve", start_s=max(0.0, a - spread), end_s=min(a + spread, edges[-1])) if i else None,
        )
        for i, (a, b) in enumerate(zip(edges, edges[1:], strict=False))
    ]
    document = document_at(RATES["25"], (0, 100), duration_s=edges[-1], fps=fps, vfr=vfr).model_copy(update={"shots": shots})
    made = plan(material(document))
    half = 1 / made.grid.rate / 2 + Fraction(1, 10**6)
    assert made.pieces[0].first == 0
    assert made.pieces[-1].end == made.frames
    for before, after in zip(made.pieces, made.pieces[1:], strict=False):
        assert before.end == after.first, "no gap and no overlap"
    for piece in made.pieces:
        assert piece.end > piece.first
        assert abs(made.grid.seconds(piece.first) - Fraction(piece.fields["start_s"])) <= half
        if made.frames > 1:
            assert abs(made.grid.seconds(piece.end) - Fraction(piece.fields["end_s"])) <= half
    for i, piece in enumerate(made.pieces):
        following = made.pieces[i + 1].entered if i + 1 < len(made.pieces) else None
        own, next_one = (piece.entered.after if piece.entered else 0), (following.before if following else 0)
        assert own + next_one <= piece.end - piece.first, "transitions do not reach over each other"
    assert abs(made.grid.seconds(made.frames) - Fraction(edges[-1])) <= max(half, made.grid.seconds(1))
