"""`reelscope compare`: how often chance alone is called a finding, what the intervals hold, and whether shots come beside their own.

The rows of figures are drawn, so the truth is known: independent normal figures, coarse copies and mirrors of them, as the figures of a
document hang together. Shots are drawn too; the second clip is the first with shots taken out, put in, and lengths and sizes changed.
"""

from __future__ import annotations

import math
import random
from collections.abc import Mapping, Sequence
from statistics import NormalDist
from typing import Any

from bench.accuracy.rows import Context, Counts, Row
from reelscope.document.compare.alignment import SIZES, align
from reelscope.document.compare.effects import measure_effects
from reelscope.document.compare.figures import Clip, Figures
from reelscope.document.compare.statistics import ALPHA, cliffs_delta, spearman

__all__ = ["measure"]

NAME = "compare"
SEED = 5100
FIGURES = 60  # about as many as the table has with an order
TRIALS = 1000
COVERED = 1 - ALPHA


def measure(ctx: Context) -> list[Row]:
    """Rows of all parts."""
    trials = TRIALS // 10 if ctx.quick else TRIALS
    return [
        *(_chance(clips, trials) for clips in (12, 30, 100)),
        *(_planted(clips, trials // 5) for clips in (20, 40)),
        *(_rho_interval(clips, 4 * trials) for clips in (12, 30)),
        *(_delta_interval(side, 4 * trials) for side in (6, 15)),
        _shots(trials // 5),
    ]


def _rows(draw: random.Random, clips: int) -> list[dict[str, float]]:
    out = []
    for _ in range(clips):
        base = [draw.gauss(0, 1) for _ in range(FIGURES // 3)]
        row = {f"f{k}": v for k, v in enumerate(base)}
        row |= {f"coarse{k}": float(round(v + draw.gauss(0, 0.3))) for k, v in enumerate(base)}
        row |= {f"yes{k}": float(v > 0.5) for k, v in enumerate(base)}
        out.append(row)
    return out


def _findings(rows: Sequence[Mapping[str, float]], views: Sequence[int]) -> set[str]:
    documents = [
        Figures(Clip(f"{i}", f"{i:064x}", None, 10.0, "2026-11-01T00:00:00+00:00", "0", "1.0", views=count), row=row)
        for i, (row, count) in enumerate(zip(rows, views, strict=True))
    ]
    return {e.figure for e in measure_effects(documents).effects if e.finding}


def _chance(clips: int, trials: int) -> Row:
    draw = random.Random(SEED + clips)
    wrong = 0
    for _ in range(trials):
        rows = _rows(draw, clips)
        wrong += bool(_findings(rows, [round(1000 * math.exp(draw.gauss(0, 2))) for _ in rows]))
    share = wrong / trials
    allowed = ALPHA + 2 * math.sqrt(ALPHA * (1 - ALPHA) / trials)
    return Row(
        NAME, f"comparisons with any finding, views drawn at random, {clips} clips", trials, share,
        goal=f"<= {ALPHA} (two standard errors: {allowed:.3f})", met=share <= allowed,
        note=f"{FIGURES} figures, two thirds copies of others",
    )  # fmt: skip


def _planted(clips: int, trials: int) -> Row:
    draw = random.Random(SEED + 1 + clips)
    found = others = 0
    for _ in range(trials):
        rows = _rows(draw, clips)
        findings = _findings(rows, [round(1000 * math.exp(1.2 * row["f0"] + draw.gauss(0, 0.8))) for row in rows])
        found += "f0" in findings
        others += bool(findings - {"f0", "coarse0", "yes0"})
    goal = ">= 0.95" if clips >= 40 else ""
    return Row(
        NAME, f"planted effect found (log views = 1.2 f0 + noise of 0.8), {clips} clips", trials, found / trials,
        goal=goal, met=found / trials >= 0.95 if goal else None, note=f"comparisons with a finding beside it and its copies: {others}",
    )  # fmt: skip


def _rho_interval(clips: int, trials: int) -> Row:
    """Share of intervals that hold Spearman's rho of the bivariate normal distribution: 6 / pi asin(r / 2)."""
    draw = random.Random(SEED + 2 + clips)
    shares = {}
    for r in (0.0, 0.3, 0.6, 0.8):
        truth = 6 / math.pi * math.asin(r / 2)
        held = 0
        for _ in range(trials):
            x = [draw.gauss(0, 1) for _ in range(clips)]
            effect = spearman(x, [r * v + math.sqrt(1 - r * r) * draw.gauss(0, 1) for v in x])
            held += effect is not None and effect.low is not None and effect.high is not None and effect.low <= truth <= effect.high
        shares[f"r = {r}"] = held / trials
    least = min(shares.values())
    return Row(
        NAME, f"95 % intervals of rho that hold the truth, {clips} clips, least over four correlations", trials, least,
        goal=">= 0.93", met=least >= COVERED - 0.02, note=", ".join(f"{k}: {v:.3f}" for k, v in shares.items()),
    )  # fmt: skip


def _delta_interval(side: int, trials: int) -> Row:
    """Share of intervals that hold Cliff's delta of two normal distributions d apart: 2 Phi(d / sqrt 2) - 1."""
    draw = random.Random(SEED + 3 + side)
    shares = {}
    for apart in (0.0, 0.5, 1.0, 1.5):
        truth = 2 * NormalDist().cdf(apart / math.sqrt(2)) - 1
        held = without = 0
        for _ in range(trials):
            effect = cliffs_delta([draw.gauss(apart, 1) for _ in range(side)], [draw.gauss(0, 1) for _ in range(side)])
            without += effect.low is None
            held += effect.low is not None and effect.high is not None and effect.low <= truth <= effect.high
        shares[f"{apart} apart"] = held / (trials - without)
    least = min(shares.values())
    return Row(
        NAME, f"95 % intervals of delta that hold the truth, {side} against {side} clips, least over four distances", trials, least,
        goal=">= 0.93" if side >= 15 else "", met=least >= COVERED - 0.02 if side >= 15 else None,
        note=", ".join(f"{k}: {v:.3f}" for k, v in shares.items()),
    )  # fmt: skip


def _shots(trials: int) -> Row:
    """Pairs of a clip and its other edit against which shots are truly the same."""
    counts, by_index = Counts(0, 0, 0), Counts(0, 0, 0)
    for k in range(trials):
        draw = random.Random(SEED + 4 + k)
        first = [_shot(draw) for _ in range(draw.randint(6, 20))]
        kept = [i for i in range(len(first)) if draw.random() > 0.2]
        second: list[tuple[int | None, dict[str, Any]]] = []
        for i in kept:
            if draw.random() < 0.2:
                second.append((None, _shot(draw)))
            second.append((i, _changed(draw, first[i])))
        truth = {(i, j) for j, (i, _) in enumerate(second) if i is not None}
        found = {(i, j) for i, j in align(first, [shot for _, shot in second]) if i is not None and j is not None}
        naive = {(i, i) for i in range(min(len(first), len(second)))}
        counts += Counts(len(found & truth), len(found - truth), len(truth - found))
        by_index += Counts(len(naive & truth), len(naive - truth), len(truth - naive))
    f1 = counts.f1 or 0.0
    return Row(
        NAME, "shots beside their own in another edit of the clip", trials, f1, "F1",
        note="a fifth taken out, a fifth put in, lengths and looks changed",
        goal=">= 0.9", met=f1 >= 0.9, counts=counts, reference={"by index": by_index.f1 or 0.0},
    )  # fmt: skip


def _shot(draw: random.Random) -> dict[str, Any]:
    colours = [f"#{draw.randrange(1 << 24):06x}" for _ in range(4)]
    shares = [draw.random() for _ in colours]
    return {
        "start_s": 0.0, "end_s": draw.uniform(0.5, 5.0), "size": draw.choice((None, *SIZES)),
        "camera": {"move": draw.choice(("static", "static", "pan_left", "zoom_in", "handheld"))},
        "palette": [{"hex": c, "share": s / sum(shares)} for c, s in zip(colours, shares, strict=True)],
    }  # fmt: skip


def _changed(draw: random.Random, shot: Mapping[str, Any]) -> dict[str, Any]:
    """The same take, trimmed by up to a third, graded a little differently, its size now and then read one step off."""
    size = shot["size"]
    if size is not None and draw.random() < 0.2:
        size = SIZES[max(0, min(len(SIZES) - 1, SIZES.index(size) + draw.choice((-1, 1))))]
    palette = [{"hex": _graded(draw, s["hex"]), "share": s["share"] * draw.uniform(0.8, 1.2)} for s in shot["palette"]]
    return {**shot, "end_s": shot["end_s"] * draw.uniform(0.67, 1.0), "size": size, "palette": palette}


def _graded(draw: random.Random, colour: str) -> str:
    parts = (int(colour[i : i + 2], 16) + draw.randint(-16, 16) for i in (1, 3, 5))
    return "#" + "".join(f"{max(0, min(255, part)):02x}" for part in parts)
