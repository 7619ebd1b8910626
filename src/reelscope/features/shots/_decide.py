"""From candidates to transitions and shots. Pure functions over small values."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from reelscope.features.shots._types import Shots, Transition

__all__ = ["CutCandidate", "GradualCandidate", "choose_cuts", "combine", "drop_held", "join_fades", "slide_shots", "tile"]

# Two cuts closer than this are one disturbance: 0.14 s is four frames at 30 per second, below the shortest flash-cut that editors use
# (five to six).
MIN_SHOT_S = 0.14
# Probability from which a candidate is a cut; set on generated edits so that an untouched take with pop-ups and flashes gives less than
# one false cut in five minutes (see docs/analyzers/cut_analysis.md for the curve).
CUT_PROBABILITY = 0.7
# Three steps within 1.5 s to either side are a rhythm of held frames; three jump cuts in 3 s of an otherwise motionless picture are not
# edited.
HELD_STEPS, HELD_WITHIN_S = 3, 1.5
# A fade to black and the fade from black after it are one transition while the screen is dark no longer than this; longer black is a
# stretch of its own.
JOIN_FADES_S = 0.4
# What happens at the edges of a gradual transition (its first visible step) belongs to it; two frames at 30 per second.
EDGE_S = 0.07


@dataclass(frozen=True, slots=True)
class CutCandidate:
    """A frame that may be the first of a new shot."""

    pts_s: float
    probability: float
    same_take: bool
    figures: tuple[tuple[str, float], ...] = ()
    held: bool = False  # nothing at all moves in the frames before and after it


@dataclass(frozen=True, slots=True)
class GradualCandidate:
    """A blend or wipe; `cost` 0 (ideal) to 1 (just accepted)."""

    kind: str
    start_s: float
    end_s: float
    variant: str | None
    cost: float
    figures: tuple[tuple[str, float], ...] = ()


def drop_held(candidates: Sequence[CutCandidate]) -> list[CutCandidate]:
    """Without the steps of held frames: stop motion, or a slow source in a fast file, is a row of small jumps in one take with stillness
    between."""
    steps = [c.pts_s for c in candidates if c.held and c.same_take]
    return [c for c in candidates if not (c.held and c.same_take and sum(abs(c.pts_s - t) <= HELD_WITHIN_S for t in steps) >= HELD_STEPS)]


def choose_cuts(
    candidates: Sequence[CutCandidate], first_s: float, last_s: float, threshold: float = CUT_PROBABILITY
) -> list[CutCandidate]:
    """The most probable candidates that keep MIN_SHOT_S from each other and from the first and last frame, in time order."""
    chosen: list[CutCandidate] = []
    for candidate in sorted(drop_held(candidates), key=lambda c: (-c.probability, c.pts_s)):
        if candidate.probability < threshold:
            break
        taken = [first_s, last_s, *(c.pts_s for c in chosen)]
        if all(abs(candidate.pts_s - t) > MIN_SHOT_S for t in taken):
            chosen.append(candidate)
    return sorted(chosen, key=lambda c: c.pts_s)


def join_fades(found: Sequence[GradualCandidate]) -> list[GradualCandidate]:
    """Fade out and fade in with next to no black (white) between them become one fade through it."""
    out: list[GradualCandidate] = []
    for f in sorted(found, key=lambda g: g.start_s):
        last = out[-1] if out else None
        if last and last.kind == f.kind == "fade" and last.variant and f.variant and f.start_s - last.end_s <= JOIN_FADES_S:
            out_way, _, out_tone = last.variant.partition(" ")
            in_way, _, in_tone = f.variant.partition(" ")
            if (out_way, in_way) == ("to", "from") and out_tone == in_tone:
                out[-1] = replace(last, end_s=f.end_s, variant=out_tone, cost=max(last.cost, f.cost))
                continue
        out.append(f)
    return out


def combine(cuts: Sequence[CutCandidate], gradual: Sequence[GradualCandidate]) -> tuple[Transition, ...]:
    """All transitions in time order. A cut inside a gradual transition is a step of it, not a cut."""
    fades = join_fades(gradual)
    out = [
        Transition(g.kind, g.start_s, g.end_s, confidence=1 - g.cost / 2, variant=g.variant, figures=g.figures)  # type: ignore[arg-type]
        for g in fades
    ]
    for c in cuts:
        if not any(g.start_s - EDGE_S <= c.pts_s <= g.end_s + EDGE_S for g in fades):
            out.append(Transition("cut", c.pts_s, c.pts_s, confidence=c.probability, jump_cut=c.same_take, figures=c.figures))
    return tuple(sorted(out, key=lambda t: (t.start_s, t.end_s)))


def slide_shots(starts_s: Sequence[float], duration_s: float) -> Shots:
    """The shots of a clip that was made of still pictures: its slides, known rather than detected. No jump cuts: two pictures are no take.

    Args:
        starts_s: When each slide begins, the first at 0 (`MediaInfo.slides`).
    """
    return tile([Transition("cut", t, t, variant="slide") for t in starts_s[1:] if t < duration_s], duration_s)


def tile(transitions: Sequence[Transition], duration_s: float) -> Shots:
    """Shots that tile [0, duration_s): a cut divides at its time, a gradual transition at its midpoint.

    A fade from black (white) before which nothing else happened opens the clip, one to black after which nothing happens closes it:
    both are transitions that divide nothing.
    """
    if duration_s <= 0:
        return Shots(tuple(transitions), ())
    bounds = [0.0]
    for i, t in enumerate(transitions):
        way = (t.variant or "").partition(" ")[0] if t.kind == "fade" else ""
        if (way == "from" and i == 0) or (way == "to" and i == len(transitions) - 1):
            continue
        at = (t.start_s + t.end_s) / 2
        if bounds[-1] < at < duration_s:
            bounds.append(at)
    return Shots(tuple(transitions), tuple(zip(bounds, [*bounds[1:], duration_s], strict=True)))
