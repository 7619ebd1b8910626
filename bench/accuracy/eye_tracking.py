"""Looks into the camera, blinks, and the faces below them, against labels made by eye (tests/labels).

F1 of looks is by time: seconds told to be at the camera against seconds labelled so; stretches that the labeller was unsure of are left
out, stretches that the analyzer could not measure count as not told. Blinks match within 0.15 s of the most closed frame. No figure here is
held out: constants were set while looking at the labelled clips, and the generated clips with turned eyes, like compressed and shrunk
copies, were looked at while limits were tightened.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from bench.accuracy._turned_eyes import FROM_S, render
from bench.accuracy.drive import run_analyzer
from bench.accuracy.rows import Context, Counts, Row, match
from reelscope.document.schema import AnalyzerEntry
from reelscope.features.base import LoadContext, NoOptions
from reelscope.features.faces import FacesFeature, finder
from reelscope.pipeline import Session
from reelscope.timebase import Interval, intersect, subtract, total_s

NAME = "eye_tracking"
LABELS = Path(__file__).resolve().parents[2] / "tests" / "labels"
BLINK_S = 0.15
RIGHT_HALF = ("obama-statement-lower-third.mp4",)  # the labelled man stands right of another one
TURNED = tuple(
    (name, part) for name in ("vertical-selfie-man-office.mp4", "talking-woman-flag-512.mp4") for part in (0.3, -0.3, 0.2, -0.2, 0.0)
)


def measure(ctx: Context) -> list[Row]:
    if ctx.media is None:
        return [Row(NAME, "looks, blinks and faces on real clips", goal="F1 >= 0.85", note="../shared/media is not here")]
    with Session() as session:
        looked = {c["clip"]: c for c in _labels("at_camera")}
        blinked = {c["clip"]: c for c in _labels("blinks")}
        entries = {name: run_analyzer(NAME, ctx.media / name, session=session) for name in dict.fromkeys([*looked, *blinked])}
        rows = [*look_rows(looked, entries), *blink_rows(blinked, entries)]
        rows += turned_rows(ctx, session)
        rows += face_rows(ctx.media, entries, session, quick=ctx.quick)
    return [*rows, *portrait_rows(ctx.media)]


def _labels(name: str) -> list[dict[str, Any]]:
    path = LABELS / f"{name}.json"
    return json.loads(path.read_text(encoding="utf-8"))["clips"] if path.is_file() else []


def _spans(pairs: Sequence[Sequence[float]]) -> list[Interval]:
    return [(float(a), float(b)) for a, b in pairs]


def time_counts(found: Sequence[Interval], truth: Sequence[Interval], unsure: Sequence[Interval]) -> Counts:
    """Hundredths of a second: told and labelled, told only, labelled only."""
    found, truth = subtract(found, unsure), subtract(truth, unsure)
    both = total_s(intersect(found, truth))
    return Counts(round(100 * both), round(100 * (total_s(found) - both)), round(100 * (total_s(truth) - both)))


def looks_of(name: str, entry: AnalyzerEntry) -> list[Interval]:
    """Looks into the camera of the labelled person."""
    faces = {t.track_id for t in entry.tracks if name not in RIGHT_HALF or _centre(t) > 0.5}
    return [(s.start_s, s.end_s) for s in entry.segments if s.at_camera and s.face in faces]  # type: ignore[attr-defined]


def _centre(track: Any) -> float:
    return float(np.median([p.xywh_norm[0] + p.xywh_norm[2] / 2 for p in track.points]))


def look_rows(labels: dict[str, dict[str, Any]], entries: dict[str, AnalyzerEntry]) -> Iterator[Row]:
    total = Counts(0, 0, 0)
    for name, label in labels.items():
        counts = time_counts(looks_of(name, entries[name]), _spans(label["at_camera"]), _spans(label["unsure"]))
        total += counts
        yield Row(NAME, f"looks into the camera, {name} (1/100 s)", 1, counts.f1, "F1", counts=counts)
    f1 = total.f1
    yield Row(NAME, "looks into the camera, all clips (1/100 s)", len(labels), f1, "F1", ">= 0.85", f1 is not None and f1 >= 0.85, total)
    spread = Counts(0, 0, 0)
    second = [c for c in _labels("at_camera_second") if c["clip"] in labels]
    for label in second:
        first = labels[label["clip"]]
        unsure = _spans([*first["unsure"], *label["unsure"]])
        spread += time_counts(_spans(label["at_camera"]), _spans(first["at_camera"]), unsure)
    yield Row(NAME, "looks into the camera: second labelling against the first", len(second), spread.f1, "F1", counts=spread)


def blink_rows(labels: dict[str, dict[str, Any]], entries: dict[str, AnalyzerEntry]) -> Iterator[Row]:
    total, late = Counts(0, 0, 0), []
    for name, label in labels.items():
        truth = [float(b["closed_s"]) for b in label["blinks"]]
        found = [float(s.closed_s) for s in entries[name].segments if s.kind == "blink"]  # type: ignore[attr-defined]
        counts = match(found, truth, lambda a, b: abs(a - b), BLINK_S)
        late += [min(abs(a - b) for b in found) for a in truth if found]
        total += counts
        yield Row(NAME, f"blinks, {name}", len(truth), counts.f1, "F1", counts=counts)
    f1, n = total.f1, total.tp + total.fn
    note = f"median distance of the closed frame {np.median(late):.3f} s" if late else ""
    yield Row(NAME, "blinks, all clips", n, f1, "F1", ">= 0.8", f1 is not None and f1 >= 0.8, total, note=note)
    spread = Counts(0, 0, 0)
    second = [c for c in _labels("blinks_second") if c["clip"] in labels]
    for label in second:
        times = [[float(b["closed_s"]) for b in c["blinks"]] for c in (label, labels[label["clip"]])]
        spread += match(*times, lambda a, b: abs(a - b), BLINK_S)
    yield Row(NAME, "blinks: second labelling against the first", spread.tp + spread.fn, spread.f1, "F1", counts=spread)


def turned_rows(ctx: Context, session: Session) -> Iterator[Row]:
    """Eyes moved aside by 0.3 and 0.2 diameters from a moment on, and clips rendered the same way without moving them."""
    assert ctx.media is not None
    found: dict[float, list[float]] = {0.3: [], 0.2: [], 0.0: []}
    seen: dict[float, list[str]] = {0.3: [], 0.2: [], 0.0: []}
    for name, part in TURNED[:1] if ctx.quick else TURNED:
        path = ctx.work / "turned.mp4"
        render(ctx.media / name, path, part, fps=25 if name.startswith("talking") else 30)
        looks = intersect(looks_of(name, run_analyzer(NAME, path, session=session)), [(FROM_S + 0.2, 4.0)])
        share = total_s(looks) / (4.0 - FROM_S - 0.2)
        found[abs(part)].append(share)
        seen[abs(part)].append(f"{name} by {part:+.1f}: {share:.2f}")
    for part, text, goal in (
        (0.3, "eyes turned aside by 20 degrees", "<= 0.1"),
        (0.2, "eyes turned aside by 13 degrees", ""),
        (0.0, "the same clips, eyes not turned", ">= 0.9"),
    ):
        if found[part]:
            value = float(np.mean(found[part]))
            met = None if not goal else value <= 0.1 if part else value >= 0.9
            what = f"generated: {text}, share of the time told at the camera"
            yield Row(NAME, what, len(found[part]), value, "", goal, met, note="; ".join(seen[part]))


def face_rows(media: Path, entries: dict[str, AnalyzerEntry], session: Session, *, quick: bool) -> Iterator[Row]:
    """Face tracks where no face is visible, and time with a track where one is."""
    false, clips, seconds, misses, hit, there, parts = 0, 0, 0.0, [], 0.0, 0.0, []
    labels = _labels("no_people")
    for label in labels[:3] if quick else labels:
        name = label["clip"]
        entry = entries.get(name) or run_analyzer(NAME, media / name, session=session)
        spans = [(t.start_s, t.end_s) for t in entry.tracks]
        visible = _spans(label["face_visible"])
        if visible:
            seen = total_s(intersect(spans, visible))
            hit, there = hit + seen, there + total_s(visible)
            parts.append(f"{name} {seen / total_s(visible):.2f}")
        elif not label.get("face_unsure"):
            false, clips = false + len(spans), clips + 1
            seconds += _length(media, name)
            misses += [f"{name} {a:.1f}-{b:.1f}" for a, b in spans]
    if seconds:
        yield Row(
            NAME,
            "faces: false tracks per minute in clips without a visible face",
            clips,
            60 * false / seconds,
            "/min",
            note="; ".join(misses),
        )
    if there:
        yield Row(NAME, "faces: time with a track while a face is visible", len(parts), hit / there, note="; ".join(parts))


def _length(media: Path, name: str) -> float:
    entries = json.loads((media / "MANIFEST.json").read_text(encoding="utf-8"))
    return float(next(e["duration_s"] for e in entries if e["file"] == name))


def portrait_rows(media: Path) -> Iterator[Row]:
    """One and two faces on the two pictures."""
    ctx = LoadContext("cpu", NoOptions(), FacesFeature.spec.frames)
    find = finder(ctx)
    ctx.pin()
    try:
        for name, n in (("face-obama-portrait.jpg", 1), ("face-two-men.jpg", 2)):
            found = find.find(cv2.cvtColor(cv2.imread(str(media / name)), cv2.COLOR_BGR2RGB))
            yield Row(NAME, f"faces on {name}", n, len(found), "", str(n), len(found) == n)
    finally:
        ctx.unpin()
        ctx.models.close()
