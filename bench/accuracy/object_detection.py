"""Accuracy of object_detection on the shared clips, labelled by hand in tests/labels/boxes.json.

What is judged is the document: at each labelled moment the boxes of the tracks present then, on the straight line between their points,
with the track's score. In boxes.json the n-th person of a clip's frames is the same person throughout (checked by eye), and a dog, cup,
bird, cat, clock or bed is alone in its clip: that is the truth for identities. Thresholds were chosen on these clips: there are no others.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from bench.accuracy import _boxes
from bench.accuracy._boxes import Found
from bench.accuracy.rows import Context, Row
from reelscope.config import Settings
from reelscope.models.importing import import_folder
from reelscope.models.manifest import manifest
from reelscope.models.store import ModelStore
from reelscope.pipeline import Session

__all__ = ["measure"]

NAME = "object_detection"
LABELS = Path(__file__).resolve().parents[2] / "tests" / "labels"
BACKENDS = ("mediapipe", "yolox_nano")
VOCABULARY = {"mediapipe": ("person",)}  # of the labelled classes
ALONE = ("dog", "cup", "bird", "cat", "clock", "bed", "person")
STABLE = (
    ("dog", "dog-and-woman-driveway.mp4"),
    ("person", "dog-and-woman-driveway.mp4"),
    ("cup", "coffee-pour-hands.mp4"),
    ("bird", "cockatoo-close-up.mp4"),
    ("car", "cars-top-down.mp4"),
)
AS_MEASURED = ("bird", "car")
PERSON_LIMIT = 0.02
SLACK_S = 0.02  # a labelled moment may be a frame's exact pts, a track's start the same rounded


def measure(ctx: Context) -> list[Row]:
    """All rows."""
    rows = [_spread()]
    if ctx.media is None:
        return [*rows, Row(NAME, "AP50, recall, tracks", note="no truth: ../shared/media is not there")]
    store = ctx.work / "models"
    models = ctx.media.parent / "models"
    if models.is_dir():
        import_folder(ModelStore(store), manifest(), models)
    for backend in BACKENDS:
        if backend == "yolox_nano" and not models.is_dir():
            rows.append(Row(NAME, backend, note="no truth: ../shared/models is not there"))
            continue
        settings = Settings.model_validate(
            {"analysis": {"backends": {NAME: backend}}, "models": {"dir": str(store)}, "system": {"keep_results": False}}
        )
        with Session(settings) as session:
            rows += _backend(session, ctx, backend)
    return rows


def _backend(session: Session, ctx: Context, backend: str) -> list[Row]:
    assert ctx.media is not None
    frames = _labelled("boxes.json")
    clips = list(dict.fromkeys(f["clip"] for f in frames))
    empty = [e["file"] for e in json.loads((ctx.media / "MANIFEST.json").read_text()) if (e.get("ground_truth") or {}).get("no_people")]
    empty = [c for c in empty if (ctx.media / c).suffix in (".mp4", ".webm")]
    if ctx.quick:
        clips, empty = clips[:2], empty[:1]
    entries = {c: _run(session, ctx.media / c) for c in dict.fromkeys([*clips, *empty])}
    rows: list[Row] = []
    labels = sorted({b["label"] for f in frames if f["clip"] in clips for b in f["boxes"]})
    switched: dict[str, int] = {}
    for label in labels:
        if label not in VOCABULARY.get(backend, labels):
            continue
        row, takers = _label(label, [f for f in frames if f["clip"] in clips], entries, backend)
        rows += row
        if label in ALONE:
            for (clip, _), tracks in takers.items():
                switched[clip] = switched.get(clip, 0) + _boxes.switches(tracks)
    worst = max(switched, key=lambda c: switched[c])
    told = ", ".join(f"{c} {n}" for c, n in switched.items() if n)
    rows.append(
        Row(NAME, f"identity switches, worst clip, {backend}", len(switched), switched[worst], "", "<= 1", switched[worst] <= 1, note=told)
    )
    rows += _stable(backend, frames, entries)
    for label in ("person", "face", "hand"):
        rows.append(_nobody(label, {c: entries[c] for c in empty}, backend))
    return rows


def _label(
    label: str, frames: Sequence[Any], entries: dict[str, Any], backend: str
) -> tuple[list[Row], dict[tuple[str, int], list[int | None]]]:
    found: list[Found] = []
    for k, frame in enumerate(frames):
        found += [Found(k, box, track.score, track.track_id) for track, box in _present(entries[frame["clip"]], label, frame["t_s"])]
    truth = {k: [tuple(b["xywh_norm"]) for b in f["boxes"] if b["label"] == label] for k, f in enumerate(frames)}
    ignore = {k: [tuple(r) for r in f.get("ignore", ())] for k, f in enumerate(frames)}
    verdicts, taken = _boxes.judge(found, truth, ignore)
    n = sum(map(len, truth.values()))
    counts = _boxes.counts(verdicts, n)
    takers: dict[tuple[str, int], list[int | None]] = {}
    for k, frame in enumerate(frames):
        for i in range(len(truth[k])):
            takers.setdefault((frame["clip"], i), []).append(taken.get((k, i)))
    goal = "as measured" if label in AS_MEASURED else ""
    rows = [
        Row(NAME, f"AP50, {label}, {backend}", n, _boxes.average_precision(verdicts, n), "", goal, counts=counts),
        Row(NAME, f"recall, {label}, {backend}", n, counts.tp / n, "", goal),
    ]
    return rows, takers


def _stable(backend: str, frames: Sequence[Any], entries: dict[str, Any]) -> list[Row]:
    """Share of the labelled moments of a thing that its longest track is on it."""
    rows = []
    for label, clip in STABLE:
        if clip not in entries or label not in VOCABULARY.get(backend, (label,)):
            continue
        hits: dict[int, int] = {}
        moments = 0
        for frame in frames:
            boxes = [b["xywh_norm"] for b in frame["boxes"] if b["label"] == label]
            if frame["clip"] != clip or not boxes:
                continue
            moments += 1
            for track, box in _present(entries[clip], label, frame["t_s"]):
                if max(_boxes.iou_xywh(box, b) for b in boxes) >= _boxes.IOU:
                    hits[track.track_id] = hits.get(track.track_id, 0) + 1
        share = max(hits.values(), default=0) / moments
        known = label in AS_MEASURED
        rows.append(
            Row(
                NAME,
                f"labelled moments held by the longest track, {label}, {backend}",
                moments,
                share,
                "",
                "as measured" if known else ">= 0.6",
                None if known else share >= 0.6,
                note=f"{len(hits)} tracks; {clip}",
            )
        )
    return rows


def _nobody(label: str, entries: dict[str, Any], backend: str) -> Row:
    shares: dict[str, float] = {}
    for clip, entry in entries.items():
        series = {s.name: s for s in entry.series}.get(f"count_{label}")
        shares[clip] = sum(v > 0 for v in series.values) / len(series.values) if series else 0.0
    worst = max(shares, key=lambda c: shares[c])
    told = ", ".join(f"{c} {v:.3f}" for c, v in shares.items() if v)
    goal = f"<= {PERSON_LIMIT}" if label == "person" else ""
    met = shares[worst] <= PERSON_LIMIT if goal else None
    return Row(
        NAME,
        f"{label} on clips without people, share of samples, worst clip, {backend}",
        len(shares),
        shares[worst],
        "",
        goal,
        met,
        note=told,
    )


def _spread() -> Row:
    """How far two people's boxes of the same things differ."""
    second = LABELS / "boxes_second.json"
    if not second.is_file():
        return Row(NAME, "IoU between two labellers", note="no second labelling")
    first = {(f["clip"], f["t_s"]): f for f in _labelled("boxes.json")}
    values: list[float] = []
    for frame in _labelled("boxes_second.json"):
        other = first.get((frame["clip"], frame["t_s"]))
        if other is None:
            continue
        for label in {b["label"] for b in frame["boxes"]}:
            mine, theirs = ([tuple(b["xywh_norm"]) for b in f["boxes"] if b["label"] == label] for f in (other, frame))
            values += _boxes.pair(mine, theirs)
    note = f"lowest {min(values):.2f}; below 0.5: {sum(v < _boxes.IOU for v in values)}"
    return Row(NAME, "mean IoU between two labellers", len(values), sum(values) / len(values), note=note)


def _labelled(name: str) -> list[Any]:
    return list(json.loads((LABELS / name).read_text(encoding="utf-8"))["frames"])


def _run(session: Session, path: Path) -> Any:
    entry = session.analyze(path, only=[NAME]).document.analyzers[NAME]
    if entry.status != "ok":
        raise RuntimeError(f"{NAME} on {path.name}: {entry.status} ({entry.code}): {entry.reason}")
    return entry


def _present(entry: Any, label: str, t_s: float) -> list[tuple[Any, _boxes.Xywh]]:
    """Tracks of the label that are there at the moment, with their boxes."""
    here = {s.track_id for s in entry.segments if s.label == label and s.start_s - SLACK_S <= t_s < s.end_s}
    return [(t, _boxes.box_at([p.t_s for p in t.points], [p.xywh_norm for p in t.points], t_s)) for t in entry.tracks if t.track_id in here]
