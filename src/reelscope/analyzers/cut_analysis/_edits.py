"""The edit grammar of cut_analysis: what the feature `edits` found, and freezes and slowed footage from the still stretches of
content_quality. Pure functions."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, Literal

from reelscope.document.schema import Segment, Value

if TYPE_CHECKING:
    from reelscope.features.edits import Edits

__all__ = ["UNMEASURED", "EditSegment", "edit_segments", "unmeasured"]

Kind = Literal["split_screen", "picture_in_picture", "reversed", "mirrored", "green_screen", "freeze_frame", "still_picture", "slowed"]

STILL_SHARE = 0.9  # of a shot that does not move: a picture, not a freeze of footage
SLOWED_SHARE = 0.4  # of the frames are repeats: half speed makes 0.5, pulldown from 24 to 30 frames a second 0.2
SLOWED_MIN_S = 0.5
# Repeats all over the clip come from a change of its frame rate, not from an editor: there must be a rest of the clip, with fewer of them.
REST_SHARE, REST_MIN_S = 0.5, 0.5

UNMEASURED = {
    "speed_ramp": "footage that was sped up, or slowed by blending or made-up frames, leaves no trace that is measured here; repeated "
    "frames are (slowed)",
    "reversed_alone": "whether footage runs backwards is measured only where it also runs forwards right before it",
    "mirrored_alone": "whether footage is mirrored is measured only where it is also shown as it is, in an earlier shot",
    "keyed_background": "a background that was put behind somebody is not told from a real one; a screen that was not keyed is",
}
NO_STILLS = "freezes and slowed footage need the still stretches of content_quality, which is not there"


class EditSegment(Segment):
    """One edit. `evidence`: the figures that it was decided on, explained in docs/analyzers/cut_analysis.md; confidence is null."""

    kind: Kind
    evidence: dict[str, Value] = {}


def edit_segments(
    found: Edits | None, stills: Iterable[Any] | None, shots: Sequence[tuple[float, float]], *, fps: float | None, duration_s: float
) -> list[EditSegment]:
    """All edits by start.

    Args:
        found: The feature's; None where it is not there.
        stills: Segments of content_quality; None where it is not there.
        shots: Half-open seconds. fps: nominal frame rate of the clip.
    """
    out = [
        EditSegment(start_s=e.start_s, end_s=min(e.end_s, duration_s), kind=e.kind, evidence=dict(e.evidence))
        for e in (found.edits if found is not None else ())
        if e.start_s < duration_s
    ]
    stills = list(stills or ())
    repeats = sum(s.frames for s in stills if s.kind == "duplicate")
    for still in stills:
        if still.kind == "frozen":
            out += _freeze(still, shots)
        elif still.kind == "duplicate" and fps:
            out += _slowed(still, repeats, fps, duration_s)
    return sorted(out, key=lambda e: (e.start_s, e.kind))


def unmeasured(stills: Iterable[Any] | None) -> dict[str, str]:
    """Kinds of edits that were not measured, with the reason."""
    return UNMEASURED if stills is not None else {**UNMEASURED, "freeze_frame": NO_STILLS, "slowed": NO_STILLS}


def _freeze(still: Any, shots: Sequence[tuple[float, float]]) -> list[EditSegment]:
    """The frozen stretch in each shot that it lies in: a freeze where the rest of the shot moves, a picture where it is the whole shot."""
    out: list[EditSegment] = []
    for start_s, end_s in shots:
        a, b = max(start_s, still.start_s), min(end_s, still.end_s)
        if b - a <= 0:
            continue
        share = (b - a) / (end_s - start_s)
        evidence = {"share_of_shot": share, "moves_before_s": a - start_s, "moves_after_s": end_s - b}
        out.append(EditSegment(start_s=a, end_s=b, kind="still_picture" if share >= STILL_SHARE else "freeze_frame", evidence=evidence))
    return out


def _slowed(still: Any, repeats: int, fps: float, duration_s: float) -> list[EditSegment]:
    """repeats: of the whole clip."""
    length_s = still.end_s - still.start_s
    rest_s = duration_s - length_s
    if length_s < SLOWED_MIN_S or rest_s < REST_MIN_S:
        return []
    share, rest = min(1.0, still.frames / (length_s * fps)), (repeats - still.frames) / (rest_s * fps)
    if share < SLOWED_SHARE or rest > REST_SHARE * share:
        return []
    evidence = {"repeats": share, "repeats_elsewhere": rest, "speed": 1 - share}
    return [EditSegment(start_s=still.start_s, end_s=still.end_s, kind="slowed", evidence=evidence)]
