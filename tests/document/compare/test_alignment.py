"""Shots laid beside each other: by hand, and what must hold of any two clips."""

from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reelscope.document.compare.alignment import SKIP, align, shot_costs

SKY = [{"hex": "#3060c0", "share": 0.7}, {"hex": "#ffffff", "share": 0.3}]
FIRE = [{"hex": "#d04010", "share": 0.6}, {"hex": "#200800", "share": 0.4}]


def shot(
    length: float = 2.0, size: str | None = None, move: str | None = None, palette: list[dict[str, Any]] | None = None
) -> dict[str, Any]:
    return {"start_s": 0.0, "end_s": length, "size": size, "camera": {"move": move} if move else None, "palette": palette or []}


SHOTS = st.lists(
    st.builds(
        shot,
        st.sampled_from([0.2, 1.0, 2.0, 9.0]),
        st.sampled_from([None, "close_up", "medium", "long"]),
        st.sampled_from([None, "static", "zoom_in"]),
        st.sampled_from([None, SKY, FIRE]),
    ),
    max_size=7,
)


def test_clips_without_shots() -> None:
    assert align([], []) == []
    assert align([shot()], []) == [(0, None)]
    assert align([], [shot(), shot()]) == [(None, 0), (None, 1)]


def test_only_what_is_known_of_both_counts() -> None:
    assert shot_costs(shot(), shot(2.0, "medium", "static", SKY)) == {"length": 0.0}
    assert shot_costs(shot(1.0, "close_up", "static"), shot(4.0, "long", "zoom_in")) == {"length": 1.0, "size": 1.0, "move": 1.0}
    assert shot_costs(shot(1.0, "medium"), shot(2.0, "medium_long")) == {"length": pytest.approx(0.5), "size": 0.5}


def test_a_shot_without_length_or_with_a_broken_palette_is_no_error() -> None:
    assert shot_costs(shot(0.0), shot(1.0))["length"] == 1.0
    assert "palette" not in shot_costs(shot(palette=[{"hex": "red", "share": 1.0}]), shot(palette=SKY))
    assert "palette" not in shot_costs(shot(palette=[{"hex": "#000000", "share": None}]), shot(palette=SKY))


def test_palettes_move_by_their_colours() -> None:
    assert shot_costs(shot(palette=SKY), shot(palette=SKY))["palette"] == 0
    assert shot_costs(shot(palette=SKY), shot(palette=FIRE))["palette"] == 1.0
    grey, black = [{"hex": "#000000", "share": 1.0}], [{"hex": "#030303", "share": 1.0}]
    assert 0 < shot_costs(shot(palette=grey), shot(palette=black))["palette"] < 0.5


def test_a_shot_that_was_added_stands_alone() -> None:
    a = [shot(2.0, "close_up", "static", SKY), shot(3.0, "long", "zoom_in", FIRE)]
    b = [a[0], shot(0.4, "extreme_long", "tilt_up", FIRE), a[1]]
    assert align(a, b) == [(0, 0), (None, 1), (1, 2)]
    assert align(b, a) == [(0, 0), (1, None), (2, 1)]


def test_shots_that_differ_in_all_are_not_paired() -> None:
    assert sorted(align([shot(0.5, "close_up", "static", SKY)], [shot(9.0, "long", "zoom_in", FIRE)]), key=str) == [(0, None), (None, 0)]


@given(SHOTS)
def test_a_clip_beside_itself_pairs_every_shot_with_itself(shots: list[dict[str, Any]]) -> None:
    assert align(shots, shots) == [(i, i) for i in range(len(shots))]


@given(SHOTS, SHOTS)
def test_every_shot_stands_once_in_order_and_the_total_is_the_same_from_both_sides(a: list[Any], b: list[Any]) -> None:
    def total(rows: list[tuple[int | None, int | None]], x: list[Any], y: list[Any]) -> float:
        spent = 0.0
        for i, j in rows:
            costs = shot_costs(x[i], y[j]) if i is not None and j is not None else None
            spent += SKIP if costs is None else sum(costs.values()) / len(costs)
            assert costs is None or sum(costs.values()) / len(costs) <= 2 * SKIP + 1e-6
        return spent

    rows = align(a, b)
    assert [i for i, _ in rows if i is not None] == list(range(len(a)))
    assert [j for _, j in rows if j is not None] == list(range(len(b)))
    assert math.isclose(total(rows, a, b), total(align(b, a), b, a), abs_tol=1e-6)
