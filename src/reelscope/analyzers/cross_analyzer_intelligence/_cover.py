"""Texts laid over the picture that cover a face."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence

from reelscope.analyzers.cross_analyzer_intelligence._made import Found, claim
from reelscope.analyzers.cross_analyzer_intelligence._result import Clue
from reelscope.document.evidence import Evidence
from reelscope.document.insights.safe_zones import FACE_LIMIT
from reelscope.document.measures.paths import Placed, held
from reelscope.timebase import Interval, merge, total_s

__all__ = ["cover"]

COVERED_LEAST_S = 0.4  # two samples of five a second: one may be a box that jumped

Xywh = tuple[float, float, float, float]


def cover(evidence: Evidence, found: Found) -> None:
    """text_over_face: a text covers so much of a face that eyes or mouth may go (the limit of safe_zones) for two samples or more."""
    name = "text_over_face"
    if found.lacks((name,), evidence.overlays, evidence.faces):
        return
    faces = sorted(evidence.faces.items, key=lambda f: f.start_s)
    longest = max((f.end_s - f.start_s for f in faces), default=0.0)
    paths = [held(f.boxes, f.start_s, f.end_s) for f in faces]
    together: list[Interval] = []
    covered: list[Interval] = []
    rows: list[Clue] = []
    for text in evidence.overlays.items:
        path = held(text.boxes, text.start_s, text.end_s)
        first = bisect_left(faces, text.start_s - longest, key=lambda f: f.start_s)
        for face in paths[first : bisect_left(faces, text.end_s, lo=first, key=lambda f: f.start_s)]:
            both, over, worst = _covered(path, face)
            together += both
            if total_s(over) >= COVERED_LEAST_S - 1e-6:
                covered += over
                rows.append(
                    Clue(
                        source="text_overlay", what="covers a face", t_s=over[0][0], end_s=over[-1][1], text=text.text, value=worst,
                        unit="share of the face",
                    )
                )  # fmt: skip
    if not together:
        found.not_measured[name] = "no text and no face are seen at the same time"
        return
    over_s, both_s = total_s(covered), total_s(together)
    spans = covered or together
    found.claims.append(
        claim(
            name,
            (min(a for a, _ in spans), max(b for _, b in spans)),
            holds=bool(covered),
            strength=over_s / both_s,
            reason=f"no text covers {FACE_LIMIT:.0%} of a face for {COVERED_LEAST_S:g} s",
            figures={"covered_s": over_s, "together_s": both_s},
            evidence=rows,
        )
    )


def _covered(text: Sequence[Placed], face: Sequence[Placed]) -> tuple[list[Interval], list[Interval], float]:
    """When both are seen; when the text covers FACE_LIMIT of the face or more; the largest share that it covers."""
    both: list[Interval] = []
    over: list[Interval] = []
    worst = 0.0
    i = j = 0
    while i < len(text) and j < len(face):
        start, end = max(text[i][0], face[j][0]), min(text[i][1], face[j][1])
        if end > start:
            share = _part(face[j][2], text[i][2])
            both.append((start, end))
            worst = max(worst, share)
            if share >= FACE_LIMIT:
                over.append((start, end))
        if text[i][1] <= face[j][1]:
            i += 1
        else:
            j += 1
    return merge(both), merge(over), worst


def _part(of: Xywh, by: Xywh) -> float:
    """Share of a box's area that another covers."""
    width = min(of[0] + of[2], by[0] + by[2]) - max(of[0], by[0])
    height = min(of[1] + of[3], by[1] + by[3]) - max(of[1], by[1])
    return max(0.0, width) * max(0.0, height) / (of[2] * of[3]) if of[2] > 0 and of[3] > 0 else 0.0
