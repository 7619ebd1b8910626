"""Subject masks against outlines drawn by hand, subjects where nobody is, and inside or outside against what the eye says.

The outlines (tests/labels/masks.json) are of five frames; the analyzer looks at the frames around them as in any run, and the mask is read
where its features saw people in the very frame. Thresholds were looked at on the same frames.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from statistics import fmean
from typing import Any

import cv2
import numpy as np

from bench.accuracy.rows import Context, Row
from reelscope.analyzers.background_segmentation import _subject as subject
from reelscope.analyzers.background_segmentation._classes import DeepLab
from reelscope.config import Settings
from reelscope.document.schema import AnalyzerEntry
from reelscope.models.catalog import Catalog
from reelscope.models.importing import import_folder
from reelscope.models.manifest import manifest
from reelscope.models.sessions import SessionRequest, open_session
from reelscope.models.sources import ModelSource, register, registered
from reelscope.models.store import ModelStore
from reelscope.pipeline import Session

NAME = "background_segmentation"
LABELS = Path(__file__).resolve().parents[2] / "tests" / "labels"
GOAL_IOU = 0.85
OBJECTS = "object_detection"
DENIED = "sampled frames said to hold no subject (0, not null) where a body is visible, object_detection (yolox_nano) beside"
# By eye. Studios without a look at the room (talking woman, beauty spot) are left out.
SETTINGS = {
    "vertical-selfie-man-office.mp4": "indoor", "vertical-woman-lake-zoom-out.mp4": "outdoor", "dog-and-woman-driveway.mp4": "outdoor",
    "coffee-pour-hands.mp4": "indoor", "children-jumping-bed.mp4": "indoor", "cars-top-down.mp4": "outdoor",
    "basketball-gym-two-players.mp4": "indoor", "stage-applause-handheld.mp4": "indoor", "vertical-drummer-rehearsal.mp4": "indoor",
    "cockatoo-close-up.mp4": "indoor", "plane-zoom-out-fade-out.mp4": "outdoor", "title-animation-bbb-30s.webm": "outdoor",
    "obama-statement-lower-third.mp4": "indoor", "shot-change-clock-cat.mp4": "indoor", "scenedetect-fades-testvideo.mp4": "outdoor",
}  # fmt: skip
# Shot by shot. None: a flag, a dark curtain; whatever is told of them is wrong.
REEL = "reel-a-1080x1920.mp4"
REEL_SETTINGS = (None, "indoor", "indoor", "outdoor", None, "indoor", "outdoor", None)


def measure(ctx: Context) -> list[Row]:
    """Rows of background_segmentation."""
    if ctx.media is None:
        return [Row(NAME, "no truth", note="shared/media is not there")]
    rows = _masks(ctx.media)
    compact = _deeplab(ctx.media)
    with _session("selfie") as session:
        rows += _nobody(ctx, session)
        objects = _store(ctx)
        if objects is None:
            rows.append(Row(NAME, DENIED, note="NOT MEASURED: the detector is not here"))
        else:
            with _session("selfie", objects) as beside:
                rows.append(_denied(ctx, session, beside))
    if compact is None:
        rows.append(Row(NAME, "indoor or outdoor, deeplab_ade20k", goal="none", note="NOT MEASURED: the model is not here"))
        return rows
    with _session("deeplab_ade20k") as session:
        rows += _settings(ctx, session)
    return rows


def _session(backend: str, store: Path | None = None) -> Session:
    """A session in this process, which alone knows a model that was registered below; with a store: object_detection's compact backend."""
    backends = {NAME: backend} | ({} if store is None else {OBJECTS: "yolox_nano"})
    settings: dict[str, Any] = {"analysis": {"backends": backends}, "system": {"keep_results": False}, "placement": {"workers": 0}}
    if store is not None:
        settings["models"] = {"dir": str(store)}
    return Session(Settings.model_validate(settings))


def _store(ctx: Context) -> Path | None:
    """A store with what ../shared/models holds; None without it."""
    models = None if ctx.media is None else ctx.media.parent / "models"
    if models is None or not models.is_dir():
        return None
    store = ctx.work / "models"
    import_folder(ModelStore(store), manifest(), models)
    return store


def _entry(session: Session, path: Path, beside: Sequence[str] = ()) -> AnalyzerEntry:
    analyzers = session.analyze(path, only=[NAME, *beside]).document.analyzers
    for other in beside:
        if analyzers[other].status != "ok":
            raise RuntimeError(f"{other} on {path.name}: {analyzers[other].status}: {analyzers[other].reason}")
    entry = analyzers[NAME]
    if entry.status != "ok":
        raise RuntimeError(f"{NAME} on {path.name}: {entry.status} ({entry.code}): {entry.reason}")
    return entry


def _deeplab(media: Path) -> Any:
    """DeepLab, from the store or from ../shared/models; None without it."""
    file = media.parent / "models" / "deeplabv3_mnv2_ade20k_uint8.tflite"
    if registered("deeplab-ade20k") is None and Catalog.of(Settings()).missing("deeplab-ade20k"):
        if not file.is_file():
            return None
        register(ModelSource.of_file("deeplab-ade20k", file, runtime="litert", licence="Apache-2.0"))
    source = Catalog.of(Settings()).source_of("deeplab-ade20k")
    return open_session(SessionRequest(source))


# --- masks


def _masks(media: Path) -> list[Row]:
    frames = json.loads((LABELS / "masks.json").read_text())["frames"]
    second = {(f["clip"], f["t_s"]): f for f in json.loads((LABELS / "masks_second.json").read_text())["frames"]}
    selfie = open_session(SessionRequest(Catalog().source_of("selfie-segmentation")))
    net = _deeplab(media)
    ious, whole, classes, spread, notes = [], [], [], [], []
    for label in frames:
        rgb, seen = _people_at(media / label["clip"], label["t_s"])
        height, width = rgb.shape[:2]
        truth = _raster(label, height, width)
        mask = np.zeros((height, width), bool)
        for part, who in subject.clusters_of(seen):
            mask |= subject.mask_of(subject.probability(selfie.run, rgb, part, who), part, height, width)
        everything = (0.0, 0.0, 1.0, 1.0)
        alone = subject.probability(selfie.run, rgb, everything, [subject.Seen("person", 0, everything)])
        ious.append(_iou(mask, truth))
        whole.append(_iou(subject.mask_of(alone, everything, height, width), truth))
        other = second.get((label["clip"], label["t_s"]))
        if other is not None:
            spread.append(_iou(_raster(other, height, width), truth))
        if net is not None:
            numbers = DeepLab(lambda: net).maps([rgb])[0]
            person = cv2.resize((numbers == DeepLab.names.index("person")).astype(np.uint8), (width, height)) > 0
            classes.append(_iou(person, truth))
        notes.append(f"{label['clip'].partition('.')[0]} {ious[-1]:.2f}")
    between = f"two labellers {fmean(spread):.2f} on {len(spread)} of them (least {min(spread):.2f})"
    return [
        Row(
            NAME,
            "subject IoU, selfie and deeplab_ade20k (the same mask)",
            len(ious),
            fmean(ious),
            "mean IoU",
            f">= {GOAL_IOU}",
            fmean(ious) >= GOAL_IOU,
            reference={"mask of the whole picture, no gate": fmean(whole)} | ({"DeepLab's person": fmean(classes)} if classes else {}),
            note=f"{', '.join(notes)}; {between}",
        )
    ]


def _people_at(path: Path, t_s: float) -> tuple[np.ndarray, list[subject.Seen]]:
    """The frame at `t_s` (540 px) and who the finished features have there, as the analyzer sees it."""
    from bench.accuracy._seen import people_at

    rgb, faces, people = people_at(path, t_s)
    seen = [subject.Seen("face", i, subject.body_of_face(box)) for i, box in enumerate(faces)]
    return rgb, seen + [subject.Seen("person", i, box) for i, box in enumerate(people)]


def _raster(label: dict[str, Any], height: int, width: int) -> np.ndarray:
    out = np.zeros((height, width), np.uint8)
    for key, value in (("polygons", 1), ("holes", 0)):
        for polygon in label.get(key, []):
            cv2.fillPoly(out, [np.rint(np.array(polygon) * (width, height)).astype(np.int32)], value)
    return out > 0


def _iou(a: np.ndarray, b: np.ndarray) -> float:
    return float((a & b).sum() / max(1, (a | b).sum()))


# --- where nobody is


def _nobody(ctx: Context, session: Session) -> list[Row]:
    assert ctx.media is not None
    clips = json.loads((LABELS / "no_people.json").read_text())["clips"]
    empty, there = [0, 0], [0, 0]
    notes, missed = [], []
    for clip in clips[:: 4 if ctx.quick else 1]:
        entry = _entry(session, ctx.media / clip["clip"])
        series = {s.name: s for s in entry.series}["subject_share"]
        found, with_body = [0, 0], [0, 0]
        for t, share in zip(series.t_s, series.values, strict=True):
            visible = any(a <= t < b for a, b in clip["person_visible"])
            body = any(a <= t < b for a, b in clip["body_visible"])
            if visible and not body:
                continue
            counted = there if visible else empty
            counted[0] += bool(share)
            counted[1] += 1
            own = with_body if visible else found
            own[0] += bool(share)
            own[1] += 1
        name = clip["clip"].partition(".")[0]
        if found[0]:
            notes.append(f"{name} {found[0]} of {found[1]}")
        if with_body[0] < 0.95 * with_body[1]:
            missed.append(f"{name} {with_body[0]} of {with_body[1]}")
    return [
        Row(
            NAME,
            "sampled frames with a subject where nobody is visible",
            empty[1],
            empty[0] / max(1, empty[1]),
            "share",
            "<= 0.02",
            empty[0] <= 0.02 * empty[1],
            note=", ".join([*notes, "the gate is that of faces and people"]),
        ),
        Row(
            NAME,
            "sampled frames with a subject where a body is visible",
            there[1],
            there[0] / max(1, there[1]),
            "share",
            note="few in " + ", ".join(missed) if missed else "",
        ),
    ]


def _denied(ctx: Context, alone: Session, beside: Session) -> Row:
    """How often the document says that there is no subject (0, not null) at times when a body is visible."""
    assert ctx.media is not None
    clips = [c for c in json.loads((LABELS / "no_people.json").read_text())["clips"] if c["body_visible"]]
    zeros, n, notes = {"alone": 0, "beside": 0}, 0, []
    for clip in clips[:: 4 if ctx.quick else 1]:
        path = ctx.media / clip["clip"]
        own = {}
        for key, entry in (("alone", _entry(alone, path)), ("beside", _entry(beside, path, [OBJECTS]))):
            series = {s.name: s for s in entry.series}["subject_share"]
            there = [v for t, v in zip(series.t_s, series.values, strict=True) if any(a <= t < b for a, b in clip["body_visible"])]
            own[key] = sum(v == 0 for v in there)
            zeros[key] += own[key]
        n += len(there)
        if any(own.values()):
            notes.append(f"{path.stem} {own['beside']} of {len(there)} ({own['alone']})")
    return Row(
        NAME,
        DENIED,
        n,
        zeros["beside"] / max(1, n),
        "share",
        reference={"without object_detection": zeros["alone"] / max(1, n)},
        note="(without it): " + ", ".join(notes) if notes else "",
    )


# --- inside or outside


def _settings(ctx: Context, session: Session) -> list[Row]:
    assert ctx.media is not None
    right, wrong, none = 0.0, 0.0, 0.0
    errors = []
    for clip in (*SETTINGS, REEL):
        entry = _entry(session, ctx.media / clip)
        truths = REEL_SETTINGS if clip == REEL else (SETTINGS[clip],) * len(entry.segments)
        if len(truths) != len(entry.segments):
            raise RuntimeError(f"{clip}: {len(entry.segments)} shots instead of the {len(truths)} that were looked at")
        for segment, truth in zip(entry.segments, truths, strict=True):
            seconds, setting = segment.end_s - segment.start_s, segment.setting  # type: ignore[attr-defined]
            if setting is None:
                none += seconds
            elif setting == truth:
                right += seconds
            else:
                wrong += seconds
                errors.append(f"{clip} {segment.start_s:.0f}-{segment.end_s:.0f} s")
    told = right + wrong
    note = f"{told:.0f} s told, {none:.0f} s not told; the rule was made on the same clips. " + "; ".join(errors)
    return [
        Row(
            NAME,
            "indoor or outdoor where it is told, deeplab_ade20k",
            len(SETTINGS) + 1,
            right / max(1e-9, told),
            "share of time",
            note=note,
        )
    ]
