"""What a vision-language model says of reel-a, beside what is in its shots. Measured only with real weights, which nothing here fetches.

Two simple figures: the share of segments whose answer had its shape, and the share of shots in whose descriptions the thing that the shot
shows is named (English words for it, hand-picked below; naming is not understanding, and a word too few is a miss).
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from bench.accuracy.rows import Context, Row
from reelscope.analyzers.qwen2_vl_temporal import HappeningSegment, Qwen2VlTemporalAnalyzer
from reelscope.config import Settings
from reelscope.models.catalog import Catalog
from reelscope.pipeline import Session, lookup
from reelscope.timebase import overlap_s

__all__ = ["measure", "named"]

NAME = "qwen2_vl_temporal"
CLIP = "reel-a-1080x1920"
# What each source clip of the reel shows; one of the words of every group must be said.
SHOWN: dict[str, tuple[tuple[str, ...], ...]] = {
    "talking-woman-flag-512.mp4": (("woman", "lady"),),
    "vertical-selfie-man-office.mp4": (("man", "guy"),),
    "coffee-pour-hands.mp4": (("kettle", "pot", "water", "pour", "pours", "pouring"), ("cup", "mug", "coffee")),
    "dog-and-woman-driveway.mp4": (("dog", "puppy"),),
    "cockatoo-close-up.mp4": (("bird", "cockatoo", "parrot"),),
    "children-jumping-bed.mp4": (("child", "children", "kid", "kids", "boy", "boys", "girl", "girls"), ("bed", "mattress")),
    "vertical-woman-lake-zoom-out.mp4": (("woman", "person"), ("lake", "water", "river", "shore")),
}


def measure(ctx: Context) -> list[Row]:
    """Rows for each model that is in the store; one row that says why where none is."""
    if ctx.media is None:
        return [Row(NAME, "descriptions of reel-a", goal="measured", note="NOT MEASURED: ../shared/media is not there")]
    catalog = Catalog.of(Settings())
    usable = lookup(models=catalog).unusable
    rows, missing = [], []
    for backend in Qwen2VlTemporalAnalyzer.spec.backends:
        if backend.needs_option is not None:
            continue
        why = usable(backend)
        if why is None:
            rows += _backend(backend.name, ctx.media)
        else:
            missing.append(f"{backend.name}: {why.reason}")
    if not rows:
        note = f"NOT MEASURED: no real weights here ({'; '.join(missing)})"
        return [Row(NAME, "descriptions of reel-a", goal="measured", note=note)]
    return rows


def _backend(name: str, media: Path) -> list[Row]:
    settings = Settings.model_validate({"analysis": {"backends": {NAME: name}}, "system": {"keep_results": False}})
    with Session(settings) as session:
        entry = session.analyze(media / f"{CLIP}.mp4", only=[NAME]).document.analyzers[NAME]
    if entry.status != "ok":
        return [Row(NAME, f"{name}: descriptions of reel-a", goal="measured", note=f"NOT MEASURED: {entry.status}: {entry.reason}")]
    segments = [s for s in entry.segments if isinstance(s, HappeningSegment)]
    ok = [s for s in segments if s.status == "ok"]
    where = f"{name} on {entry.device}"
    truth = json.loads((media / f"{CLIP}.json").read_text())["shots"]
    hits = [(shot, named(shot, ok)) for shot in truth]
    lost = "; ".join(f"{s['source']} {s['start_s']}-{s['end_s']}" for s, hit in hits if not hit)
    note = f"not named in: {lost}" if lost else ""
    return [
        Row(NAME, f"{where}: segments with an answer of the shape", len(segments), len(ok) / len(segments) if segments else None),
        Row(NAME, f"{where}: answers at the second asking", len(ok), float(sum(s.repaired for s in ok))),
        Row(NAME, f"{where}: shots whose subject is named", len(hits), sum(h for _, h in hits) / len(hits), note=note),
        Row(NAME, f"{where}: seconds for 27.6 s of clip", 1, entry.seconds, "s"),
    ]  # fmt: skip


def named(shot: dict[str, Any], segments: list[HappeningSegment]) -> bool:
    """Whether the segments that lie mostly in a shot name what it shows."""
    span = (shot["start_s"], shot["end_s"])
    inside = [s for s in segments if 2 * overlap_s((s.start_s, s.end_s), span) >= s.end_s - s.start_s]
    said = " ".join(" ".join([s.what_happens or "", s.setting or "", *(s.objects or [])]) for s in inside)
    words = set(re.findall(r"[a-z]+", said.lower()))
    return bool(inside) and all(words & set(group) for group in SHOWN[shot["source"]])
