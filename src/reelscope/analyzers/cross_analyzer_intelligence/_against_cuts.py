"""Cuts that other analyzers deny: in the middle of one movement of the camera, under writing that belongs to the scene."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Sequence

from reelscope.analyzers.cross_analyzer_intelligence._made import TURNS, Found, claim
from reelscope.analyzers.cross_analyzer_intelligence._result import ClaimName, Clue
from reelscope.document.evidence import Evidence
from reelscope.timebase import Interval

__all__ = ["cut_contradictions"]

INSIDE_S = 0.4  # two samples of the camera, or of texts, on either side of the cut: nearer to an end it may be that end

Thing = tuple[Interval, str]


def cut_contradictions(evidence: Evidence, found: Found) -> None:
    """cut_inside_move and scene_text_over_cut."""
    cuts = evidence.cuts
    moves, texts = evidence.segments("camera_analysis"), evidence.texts
    if not found.lacks(("cut_inside_move",), cuts, moves):
        hard = [c.start_s for c in cuts.items if c.kind == "cut"]
        things = [((m["start_s"], m["end_s"]), str(m.get("move"))) for m in moves.items]
        _across("cut_inside_move", evidence, found, hard, ("camera_analysis", things))
    if not found.lacks(("scene_text_over_cut",), cuts, texts):
        # A jump cut leaves the camera where it was, and the writing with it.
        hard = [c.start_s for c in cuts.items if c.kind == "cut" and not c.jump_cut]
        things = [((t.start_s, t.end_s), t.text) for t in texts.items if t.role == "scene_text"]
        _across("scene_text_over_cut", evidence, found, hard, ("text_overlay", things))


def _across(name: ClaimName, evidence: Evidence, found: Found, cuts: Sequence[float], other: tuple[str, Sequence[Thing]]) -> None:
    """One claim: a cut lies well inside something that cannot go on over it."""
    source, things = other
    if not cuts or not things:
        found.not_measured[name] = "there is no hard cut" if not cuts else f"{source} has nothing that a cut could contradict"
        return
    duration = evidence.duration_s
    crossed = [(span, what, inside) for span, what in things if (inside := _inside(cuts, span))]
    turns = [sorted((t + duration * k / TURNS) % duration for t in cuts) for k in range(1, TURNS)] if duration > 0 else []
    likely = [any(_inside(turned, span) for span, _ in things) for turned in turns]
    count = len({t for _, _, inside in crossed for t in inside})
    rows = [
        Clue(source=source, what=f"goes on over the cut at {inside[0]:.2f} s", t_s=span[0], end_s=span[1], text=what)
        for span, what, inside in crossed
    ]
    found.claims.append(
        claim(
            name,
            (min(s[0] for s, _, _ in crossed), max(s[1] for s, _, _ in crossed)) if crossed else evidence.bounds,
            holds=bool(crossed),
            strength=len(crossed) / len(things),
            chance=sum(likely) / len(likely) if likely else None,
            reason=f"none of {len(things)} of {source} goes on over a cut for {INSIDE_S:g} s on either side",
            figures={"crossed": len(crossed), "cuts_denied": count},
            evidence=rows,
        )
    )


def _inside(cuts: Sequence[float], span: Interval) -> Sequence[float]:
    """Cuts well inside a stretch; `cuts` in order."""
    return cuts[bisect_left(cuts, span[0] + INSIDE_S) : bisect_right(cuts, span[1] - INSIDE_S)]
