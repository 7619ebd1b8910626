"""How the figures of clips go together with their view counts: rank correlations and dominance, of a list of figures that is fixed.

The figures are the columns of the table that are numbers or yes and no, and the clip's length: a list that was written before anybody's
views were looked at. To try every number of the document would find more by chance, and the correction for that would hide what is there.
"""

from __future__ import annotations

import statistics
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace

from reelscope.document.compare.figures import Figures
from reelscope.document.compare.statistics import ALPHA, cliffs_delta, holm, spearman

__all__ = ["LEAST_CLIPS", "FigureEffect", "Effects", "measure_effects"]

# Under twelve clips the interval of no correlation at all reaches from -0.6 to 0.6 (n = 11: 0.60; n = 12: 0.57): nothing that the clips
# could show would say anything of others.
LEAST_CLIPS = 12

NOT_CAUSE = "a correlation is no cause: what goes together with views need not bring them"
AGE = (
    "a clip that has been online for longer has had more time for views: compare clips of like age, or counts after the same number of days"
)


@dataclass(frozen=True, slots=True)
class FigureEffect:
    """One figure against the view counts.

    Attributes:
        figure: Column of docs/table.md. n: clips in which it was measured and whose views are known.
        rho: Spearman's rank correlation, with its 95 % interval; bounds are None for 1 and -1. On ranks, views and log views are the same.
        p: Two-sided; p_adjusted: by Holm over all tests of this comparison; finding: whether that is at most 0.05.
        delta: Cliff's delta of the clips above the median of views against those below, with its 95 % interval; None with fewer than two
            clips on a side. above_n, below_n: how many those are.
    """

    figure: str
    n: int
    rho: float
    rho_low: float | None
    rho_high: float | None
    p: float
    p_adjusted: float
    finding: bool
    delta: float | None
    delta_low: float | None
    delta_high: float | None
    above_n: int
    below_n: int


@dataclass(frozen=True, slots=True)
class Effects:
    """All figures.

    Attributes:
        clips_with_views: Clips whose view count is known; clips_without.
        refused: Why nothing was tested; None where something was.
        tests: Figures that were tested, which p values were adjusted for.
        effects: By p value, the smallest first.
        not_tested: Figures that were not, with the reason.
        warnings: What holds for all of them.
    """

    clips_with_views: int
    clips_without: int
    refused: str | None
    tests: int
    effects: tuple[FigureEffect, ...]
    not_tested: dict[str, str]
    warnings: tuple[str, ...]


def measure_effects(documents: Sequence[Figures]) -> Effects:
    """Effects of the figures in `row` on the views of documents of different clips."""
    known = [d for d in documents if d.clip.views is not None]
    without = len(documents) - len(known)
    views = [float(d.clip.views or 0) for d in known]
    refused = None
    if len(known) < LEAST_CLIPS:
        clips = "clip" if len(known) == 1 else "clips"
        refused = f"view counts are known of {len(known)} {clips}; under {LEAST_CLIPS} chance alone makes correlations of 0.6"
    elif len(set(views)) == 1:
        refused = f"all {len(known)} clips have the same view count"
    if refused:
        return Effects(len(known), without, refused, 0, (), {}, ())
    measured: list[FigureEffect] = []
    not_tested: dict[str, str] = {}
    for figure in dict.fromkeys(name for d in known for name in d.row):
        pairs = [(value, count) for d, count in zip(known, views, strict=True) if (value := d.row.get(figure)) is not None]
        found = _effect(figure, [v for v, _ in pairs], [c for _, c in pairs])
        if isinstance(found, str):
            not_tested[figure] = found
        else:
            measured.append(found)
    measured.sort(key=lambda e: (e.p, -abs(e.rho)))
    adjusted = holm([e.p for e in measured])
    effects = tuple(_replaced(e, p) for e, p in zip(measured, adjusted, strict=True))
    return Effects(len(known), without, None, len(effects), effects, not_tested, tuple(_warnings(known)))


def _effect(figure: str, values: Sequence[float], views: Sequence[float]) -> FigureEffect | str:
    """The effect, not adjusted yet, or why there is none."""
    if len(values) < LEAST_CLIPS:
        return f"measured in {len(values)} of the clips with views, {LEAST_CLIPS} are needed"
    if len(set(values)) == 1:
        return f"the same in all {len(values)} clips"
    rank = spearman(values, views)
    if rank is None or rank.p is None:
        return f"the {len(values)} clips in which it was measured have the same view count"
    middle = statistics.median(views)
    above = [v for v, count in zip(values, views, strict=True) if count > middle]
    below = [v for v, count in zip(values, views, strict=True) if count < middle]
    delta = cliffs_delta(above, below) if min(len(above), len(below)) >= 2 else None
    return FigureEffect(
        figure, len(values), _short(rank.value), _maybe(rank.low), _maybe(rank.high), rank.p, rank.p, False,
        _maybe(delta.value if delta else None), _maybe(delta.low if delta else None), _maybe(delta.high if delta else None),
        len(above), len(below),
    )  # fmt: skip


def _replaced(effect: FigureEffect, adjusted: float) -> FigureEffect:
    return replace(effect, p=_short(effect.p), p_adjusted=_short(adjusted), finding=adjusted <= ALPHA)


def _short(value: float) -> float:
    """Five significant digits, as all figures have."""
    return float(f"{value:.5g}")


def _maybe(value: float | None) -> float | None:
    return None if value is None else _short(value)


def _warnings(documents: Sequence[Figures]) -> list[str]:
    """What to keep in mind of these clips."""
    accounts = Counter(d.account for d in documents if d.account is not None)
    unknown = len(documents) - sum(accounts.values())
    if len(accounts) == 1 and not unknown:
        whose = f"all {len(documents)} clips are of one account: they are not independent, and what holds there need not hold elsewhere"
    elif accounts and max(accounts.values()) > 1:
        whose = f"{len(documents)} clips are of {len(accounts)} known accounts ({unknown} unknown), up to {max(accounts.values())} of one: "
        whose += "clips of one account are not independent, so intervals are too narrow and p values too small"
    elif unknown:
        whose = (
            f"whose clips they are is not known of {unknown}: clips of one account are not independent, so that intervals are too narrow"
        )
    else:
        whose = ""
    return [NOT_CAUSE, AGE, *([whose] if whose else [])]
