"""Figures against view counts: when nothing is tested, that chance alone finds nothing, and that what was planted is found."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence

import pytest

from reelscope.document.compare.effects import LEAST_CLIPS, measure_effects
from reelscope.document.compare.figures import Clip, Figures
from reelscope.document.compare.statistics import ALPHA


def document(index: int, row: Mapping[str, float], views: int | None, account: str | None = None) -> Figures:
    clip = Clip(f"clip-{index}", f"{index:064x}", None, 10.0, "2026-11-01T00:00:00+00:00", "0.1.0", "1.0", views=views)
    return Figures(clip=clip, row=row, account=account)


def documents(rows: Sequence[Mapping[str, float]], views: Sequence[int | None]) -> list[Figures]:
    return [document(i, row, count) for i, (row, count) in enumerate(zip(rows, views, strict=True))]


@pytest.mark.parametrize("n", [1, 3, LEAST_CLIPS - 1])
def test_too_few_clips_with_views_are_refused_however_many_there_are(n: int) -> None:
    found = measure_effects(documents([{"cuts": i} for i in range(40)], [i if i < n else None for i in range(40)]))
    assert (found.clips_with_views, found.clips_without, found.tests, found.effects) == (n, 40 - n, 0, ())
    assert found.refused is not None
    assert f"{n} clip" in found.refused
    assert str(LEAST_CLIPS) in found.refused


def test_twelve_clips_with_views_are_enough() -> None:
    found = measure_effects(documents([{"cuts": i} for i in range(12)], list(range(12))))
    assert found.refused is None
    assert [e.figure for e in found.effects] == ["cuts"]
    assert (found.effects[0].n, found.effects[0].rho, found.effects[0].finding) == (12, 1.0, True)


def test_the_same_views_everywhere_are_refused() -> None:
    found = measure_effects(documents([{"cuts": i} for i in range(12)], [5] * 12))
    assert found.refused == "all 12 clips have the same view count"


def test_a_figure_that_is_constant_or_measured_in_too_few_is_not_tested_and_says_why() -> None:
    rows = [{"same": 4.0, "cuts": float(i), **({"rare": float(i)} if i < 11 else {})} for i in range(14)]
    found = measure_effects(documents(rows, list(range(14))))
    assert found.tests == 1
    assert found.not_tested.keys() == {"same", "rare"}
    assert "11" in found.not_tested["rare"]
    assert "14" in found.not_tested["same"]


def test_a_figure_counts_only_where_its_clip_has_views() -> None:
    rows = [{"cuts": float(i)} for i in range(14)]
    found = measure_effects(documents(rows, [None, None, *range(12)]))
    assert [(e.figure, e.n) for e in found.effects] == [("cuts", 12)]


def test_ties_in_figure_and_views_are_no_error() -> None:
    found = measure_effects(documents([{"face": float(i % 2)} for i in range(16)], [100 * (i % 4) for i in range(16)]))
    effect = found.effects[0]
    assert -1 <= effect.rho <= 1
    assert effect.delta is not None
    assert effect.above_n + effect.below_n <= 16


def test_that_a_correlation_is_no_cause_and_that_one_account_is_no_sample_is_said() -> None:
    rows = [{"cuts": float(i)} for i in range(12)]
    one = [document(i, row, i, "north") for i, row in enumerate(rows)]
    assert any("no cause" in w for w in measure_effects(one).warnings)
    assert any("one account" in w and "not independent" in w for w in measure_effects(one).warnings)


def chance(draw: random.Random, clips: int, figures: int) -> list[dict[str, float]]:
    """Rows of figures that hang together as those of documents do: two thirds are noisy copies, coarse copies or mirrors of the others."""
    out = []
    for _ in range(clips):
        base = [draw.gauss(0, 1) for _ in range(figures // 3)]
        row = {f"f{k}": v for k, v in enumerate(base)}
        row |= {f"g{k}": round(v + draw.gauss(0, 0.3)) for k, v in enumerate(base)}
        row |= {f"h{k}": 1 - v for k, v in enumerate(base)}
        out.append(row)
    return out


@pytest.mark.parametrize("clips", [12, 30])
def test_permuted_views_give_a_finding_no_more_often_than_the_level_says(clips: int) -> None:
    draw = random.Random(clips)
    trials, wrong = 300, 0
    rows = chance(draw, clips, 30)
    views = [round(1000 * 2.718 ** draw.gauss(0, 2)) for _ in range(clips)]
    for _ in range(trials):
        if draw.random() < 0.1:  # new clips now and then: one set of figures is one chance
            rows = chance(draw, clips, 30)
        draw.shuffle(views)
        wrong += any(e.finding for e in measure_effects(documents(rows, views)).effects)
    # two standard errors of a share of 0.05 in 300 trials are 0.025
    assert wrong / trials <= ALPHA + 0.025


def test_a_planted_effect_is_found_among_many_figures_and_is_the_only_one() -> None:
    draw = random.Random(5)
    found = others = 0
    for _ in range(40):
        rows = chance(draw, 40, 30)
        views = [round(1000 * 2.718 ** (1.2 * row["f0"] + draw.gauss(0, 0.8))) for row in rows]
        findings = {e.figure for e in measure_effects(documents(rows, views)).effects if e.finding}
        found += "f0" in findings
        others += bool(findings - {"f0", "g0", "h0"})
    assert found >= 38
    assert others <= 5  # 0.05 of 40 is 2, and more than 5 come by chance once in a hundred


def test_the_order_of_documents_changes_nothing() -> None:
    draw = random.Random(7)
    rows = chance(draw, 20, 12)
    given = documents(rows, [draw.randrange(10_000) for _ in rows])
    turned = measure_effects(given[::-1])
    straight = measure_effects(given)
    assert {(e.figure, e.rho, e.p_adjusted) for e in straight.effects} == {(e.figure, e.rho, e.p_adjusted) for e in turned.effects}
