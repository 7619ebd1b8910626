"""Figures of a shot or a clip from its readings and classes, each null with its reason. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from statistics import fmean, median
from typing import Any

from reelscope.analyzers.background_segmentation._gate import UNKNOWN, Judged
from reelscope.analyzers.background_segmentation._places import PERSON, setting_of
from reelscope.analyzers.background_segmentation._types import ClassShare

__all__ = ["figures_of", "setting_of_clip"]

# Share of the background's cells (1/128 of the longer side) that hold an edge. Plain: a wall, sky, a backdrop out of focus; busy: shelves,
# leaves, crowds. Between them no word is said.
PLAIN_BELOW, BUSY_FROM = 0.06, 0.22
# Of the background. Smaller ones are mostly not there: a mirror (4.6 %), a building, a floor and a windowpane in the flag of reel-a's first
# shot, water (4.3 and 3.3 %) on a table and a driveway. The price: the strip of shore at the lake (3 %) is not listed.
LEAST_CLASS_SHARE = 0.05
LEAST_CLASS_SAMPLES = 2  # one frame of a shot may be a blurred or half-covered one
# Of the told time, for a word about the whole clip; and how much of the clip must be told, or one shot would speak for all.
LEAST_OF_TOLD, LEAST_TOLD = 0.8, 0.5

NOT_MEASURED = "this backend does not tell what is behind the subject"
NO_CLASSES = "no frame was classified"
ONE_SAMPLE = "one frame was classified, which is too few"
NO_EDGES = "too few edges on the subject or behind it to compare"
NO_EDGE_FRAME = "no frame was looked at for edges"
NO_BACKGROUND = "the subject leaves no background to look at"
BETWEEN = f"the edge density is between plain (below {PLAIN_BELOW}) and busy (from {BUSY_FROM})"
NEVER_TOLD = "the setting was told of no shot"


def figures_of(judged: Judged, classes: Sequence[Mapping[str, float]], told: bool) -> dict[str, Any]:
    """The fields of BackgroundFigures.

    Args:
        classes: Share of the picture per class, of each frame that was classified.
        told: Whether the backend has a class model.
    """
    out = _subject(judged) | _edges(judged)
    return out | (_classes(classes, out["background_share"]) if told else {"setting_reason": NOT_MEASURED})


def _subject(judged: Judged) -> dict[str, Any]:
    readings, reason = judged.readings, judged.reason
    shares = [r.share for r in readings if r.share is not None] if reason not in UNKNOWN else []
    return {
        "subject_share": fmean(shares) if shares else None,
        "background_share": 1 - fmean(shares) if shares else None,
        "subject_max_share": max(shares) if shares else None,
        "subject_known_share": len(shares) / len(readings) if readings else None,
        "person_present_share": sum(r.person for r in readings) / len(readings) if readings else None,
        "subject_reason": reason,
    }


def _edges(judged: Judged) -> dict[str, Any]:
    readings, reason = judged.readings, judged.reason
    both = [(r.subject_blur, r.background_blur) for r in readings if r.subject_blur is not None and r.background_blur is not None]
    behind = [r.background_blur for r in readings if r.background_blur is not None]
    density = [r.edge_density for r in readings if r.edge_density is not None]
    out: dict[str, Any] = {
        "background_edge_blur": median(behind) if behind else None,
        "subject_edge_blur": median(a for a, _ in both) if both else None,
        "background_blur": median(b / a for a, b in both) if both else None,
        "blur_reason": None if both else reason or NO_EDGES,
        "edge_density": median(density) if density else None,
    }
    if not density:
        looked = any(r.with_edges for r in readings)
        return out | {"texture_reason": NO_BACKGROUND if looked else reason if reason in UNKNOWN or not readings else NO_EDGE_FRAME}
    found = out["edge_density"]
    texture = "plain" if found < PLAIN_BELOW else "busy" if found >= BUSY_FROM else None
    return out | {"texture": texture, "texture_reason": None if texture else BETWEEN}


def _classes(classes: Sequence[Mapping[str, float]], background_share: float | None) -> dict[str, Any]:
    if not classes:
        return {"setting_reason": NO_CLASSES}
    person = fmean(c.get(PERSON, 0.0) for c in classes)
    rest: dict[str, float] = {}
    for one in classes:
        for label, share in one.items():
            if label != PERSON:
                rest[label] = rest.get(label, 0.0) + share
    total = sum(rest.values())
    behind = {label: share / total for label, share in rest.items()} if total > 0 else {}
    # the class model takes faces in close-up for walls and tables, so the mask has its say in how much background there is
    setting = setting_of(behind, min(1 - person, 1.0 if background_share is None else background_share))
    sure = len(classes) >= LEAST_CLASS_SAMPLES
    ordered = sorted(((s, label) for label, s in behind.items() if s >= LEAST_CLASS_SHARE), reverse=True)
    return {
        "classes": [ClassShare(label=label, share=s) for s, label in ordered],
        "person_class_share": person,
        "setting": setting.value if sure else None,
        "setting_reason": setting.reason if sure else ONE_SAMPLE,
        "indoor_evidence": setting.indoor_share,
        "outdoor_evidence": setting.outdoor_share,
    }


def setting_of_clip(shares: Mapping[str, float], told: bool) -> dict[str, Any]:
    """`setting`, `setting_reason` of the summary from the share of the clip's duration per setting that was told."""
    total = sum(shares.values())
    if not told or total <= 0:
        return {"setting": None, "setting_reason": NEVER_TOLD if told else NOT_MEASURED}
    if total < LEAST_TOLD:
        return {"setting": None, "setting_reason": f"the setting was told of {100 * total:.0f} % of the clip, less than half"}
    value, share = max(shares.items(), key=lambda pair: pair[1])
    if share < LEAST_OF_TOLD * total:
        return {"setting": None, "setting_reason": f"shots of both: {value} has {100 * share / total:.0f} % of the told time, below 80 %"}
    return {"setting": value, "setting_reason": None}
