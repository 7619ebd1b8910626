"""Accuracy of body_pose and of the person gate of the feature `people`.

Key points: bodies labelled by hand (tests/labels/bodies.json). The members see the clip five times a second and at the labelled moments
too, so that a point is compared with the frame that it was found in; a second row reads the document of five samples a second alone, on the
straight line between its points. PCK@0.2: share of the labelled visible points (v = 2) within 0.2 torsos; torso: left shoulder to right
hip, else 1.5 widths of the shoulders. A body that was not found misses all its points, a point that is null is missed. All of it after the
person gate.

The gate's limit was chosen with all clips in sight. What it was not chosen on are the clips mirrored and sampled at other moments: a row of
their own. Gestures: generated figures (`_skeletons`), thresholds chosen on TUNING_SEED, reported on REPORT_SEED; and what is found on the
real clips, where nobody waves, points, claps or holds the hands up.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np

from bench.accuracy import _skeletons
from bench.accuracy.rows import Context, Counts, Row
from reelscope.analyzers.base import Clip, Inputs, LoadContext, NoOptions, Window
from reelscope.analyzers.body_pose import BodyPose, BodyPoseResult
from reelscope.analyzers.body_pose._gestures import gestures
from reelscope.document.schema import MediaInfo
from reelscope.features._tracking import iou_xywh
from reelscope.features.people import People, PeopleFeature
from reelscope.features.shots import Shots
from reelscope.media.frames import SAMPLED_LARGE, Frames
from reelscope.models.catalog import Catalog
from reelscope.models.importing import import_folder
from reelscope.models.manager import ModelManager
from reelscope.models.manifest import manifest
from reelscope.models.store import ModelStore

__all__ = ["measure"]

NAME = "body_pose"
LABELS = Path(__file__).resolve().parents[2] / "tests" / "labels"
BACKENDS = ("mediapipe_full", "movenet", "pose_lite")
PCK, GOAL = 0.2, 0.80
SHOULDERS_PER_TORSO = 1.5  # for bodies without hips in the picture
MATCH_IOU = 0.1
SKELETON_GOAL = 0.02
NO_BODY = ("coffee-pour-hands.mp4",)  # hands and a headless torso: no skeleton
TUNING_SEED, REPORT_SEED = 1000, 81000
FIGURES = 60  # per gesture and per look-alike
FAST_HZ = ((2.5, 4.0), (4.3, 5.0))  # above what five samples a second show, and near their own rate
CHUNK = 10  # frames per window, as at five a second
SHIFT_S = 0.1
COCO = 17

Samples = tuple[np.ndarray, list[np.ndarray]]  # times, frames


def measure(ctx: Context) -> list[Row]:
    """All rows."""
    rows = [_spread(), *_gestures(FIGURES // 10 if ctx.quick else FIGURES)]
    if ctx.media is None:
        return [*rows, Row(NAME, "PCK, skeleton rates", note="no truth: ../shared/media is not there")]
    root = ctx.work / "models"
    models = ctx.media.parent / "models"
    if models.is_dir():
        import_folder(ModelStore(root), manifest(), models)
    manager = ModelManager(sources=Catalog(root).source_of)
    bodies = _bodies("bodies.json")
    entries = {e["file"]: e for e in json.loads((ctx.media / "MANIFEST.json").read_text())}
    seen = {c["clip"]: c for c in json.loads((LABELS / "no_people.json").read_text())["clips"]}
    clips = [c for c in seen if (ctx.media / c).suffix in (".mp4", ".webm") and c in entries]
    if ctx.quick:
        clips = ["dog-and-woman-driveway.mp4", "shot-change-clock-cat.mp4"]
    for backend in BACKENDS:
        if backend != "mediapipe_full" and not models.is_dir():
            rows.append(Row(NAME, backend, note="no truth: ../shared/models is not there"))
            continue
        rows += _backend(ctx.media, backend, manager, bodies, clips, entries, seen)
    return rows


def _backend(
    media: Path,
    backend: str,
    manager: ModelManager,
    bodies: Sequence[Any],
    clips: Sequence[str],
    entries: Mapping[str, Any],
    seen: Mapping[str, Any],
) -> list[Row]:
    runner = Runner(backend, manager)
    exact: list[tuple[Any, list[bool]]] = []
    between: list[tuple[Any, list[bool]]] = []
    with_people, without = [], []
    unseen: list[tuple[str, float, int]] = []
    false: list[str] = []
    for clip in clips:
        mine = [b for b in bodies if b["clip"] == clip]
        shots = _shots(entries[clip], clip, media)
        samples = _samples(media / clip)
        result = runner.run(samples, shots)
        false += [f"{clip} {s.start_s:.1f} {s.gesture}" for s in result.segments if s.gesture is not None]
        if mine:
            between += _judge(mine, result, samples, straight=True)
            dense = _samples(media / clip, sorted({b["t_s"] for b in mine}))
            exact += _judge(mine, runner.run(dense, shots), dense, straight=False)
        nobody = not seen[clip]["person_visible"] or clip in NO_BODY
        share = _share(result, samples)
        if nobody:
            without.append((clip, share, len(samples[0])))
            for kind, other in _variants(media / clip, samples):
                unseen.append((f"{clip} {kind}", _share(runner.run(other, shots), other), len(other[0])))
        else:
            with_people.append((clip, _share(result, samples, seen[clip]["body_visible"]), len(samples[0])))
    stills = [b for b in bodies if (media / b["clip"]).suffix == ".jpg"] if len(clips) > 2 else []
    for clip in dict.fromkeys(b["clip"] for b in stills):
        samples = _still(media / clip)
        mine = [{**b, "t_s": float(samples[0][1])} for b in stills if b["clip"] == clip]
        exact += _judge(mine, runner.run(samples, Shots((), ((0.0, 1.0),))), samples, straight=False)
    rows = [_pck("labelled bodies", backend, exact, goal=True), _matched(backend, exact), _pck("points of the document", backend, between)]
    rows += [_pck(clip, backend, [e for e in exact if e[0]["clip"] == clip]) for clip in dict.fromkeys(b["clip"] for b, _ in exact)]
    for what, group in (("clips without people", without), ("the same mirrored, or sampled 0.1 s later", unseen)):
        frames = sum(n for *_, n in group)
        rate = sum(s * n for _, s, n in group) / frames
        told = ", ".join(f"{c} {s:.3f}" for c, s, _ in group if s)
        rows.append(
            Row(NAME, f"sampled frames with a skeleton, {what}, {backend}", frames, rate, "", "<= 0.02", rate <= SKELETON_GOAL, note=told)
        )
    rows += [Row(NAME, f"frames with a skeleton where a body is visible: {c}, {backend}", n, s) for c, s, n in with_people]
    rows.append(Row(NAME, f"gestures found on the real clips, {backend}", len(clips), float(len(false)), "", note=", ".join(false)))
    return rows


class Runner:
    """The feature (where the backend reads it) and the analyzer, through their contract."""

    def __init__(self, backend: str, manager: ModelManager) -> None:
        spec = next(b for b in BodyPose.spec.backends if b.name == backend)
        self._reads = "people" in spec.features
        self._feature, self._analyzer = PeopleFeature(), BodyPose()
        self._feature.load(LoadContext("cpu", NoOptions(), (SAMPLED_LARGE,), models=manager))
        self._analyzer.load(LoadContext("cpu", NoOptions(), spec.frames, backend=backend, models=manager))

    def run(self, samples: Samples, shots: Shots) -> BodyPoseResult:
        """The result of the frames. Raises what the members raise."""
        times, frames = samples
        height, width = frames[0].shape[:2]
        media = MediaInfo(container="mp4", duration_s=shots.shots[-1][1], width_px=width, height_px=height, codec="h264", size_bytes=0)
        clip = Clip("clip", media, "")
        self._feature.begin(clip)
        self._analyzer.begin(clip)
        for k in range(0, len(times), CHUNK):
            pixels = np.stack(frames[k : k + CHUNK])
            pixels.flags.writeable = False
            block = Frames(pixels, times[k : k + CHUNK], np.arange(len(pixels)))
            spec = SAMPLED_LARGE.resolve(width, height)
            window = Window(k // CHUNK, float(block.pts_s[0]), float(block.pts_s[-1]), False, {spec: block}, (width, height))
            if self._reads:
                window.features["people"] = self._feature.feed(window)
            self._analyzer.feed(window)
        features: dict[str, Any] = {"shots": shots}
        if self._reads:
            people: People = self._feature.finish(Inputs(clip, features=features))
            features["people"] = people
        return self._analyzer.finish(Inputs(clip, features=features))


def _samples(path: Path, moments: Sequence[float] = (), *, offset_s: float = 0.0) -> Samples:
    """Frames at five ticks a second, as SAMPLED_LARGE takes them, and at `moments`."""
    wanted, tick = list(moments), 0
    times: list[float] = []
    frames: list[np.ndarray] = []
    for rgb, t in _decoded(path):
        labelled = bool(wanted) and t >= wanted[0] - 1e-3
        due = t + 1e-6 >= tick / 5 + offset_s
        if labelled:
            wanted.pop(0)
        while tick / 5 + offset_s <= t + 1e-6:
            tick += 1
        if due or labelled:
            times.append(t)
            frames.append(rgb())
    return np.array(times), frames


def _decoded(path: Path) -> Iterator[tuple[Any, float]]:
    with av.open(str(path)) as container:
        first: float | None = None
        for frame in container.decode(video=0):
            if frame.time is None:
                continue
            first = frame.time if first is None else first
            spec = SAMPLED_LARGE.resolve(frame.width, frame.height)

            def small(frame: Any = frame, spec: Any = spec) -> np.ndarray:
                return np.ascontiguousarray(frame.reformat(spec.width_px, spec.height_px, "rgb24", interpolation="AREA").to_ndarray())

            yield small, frame.time - first


def _still(path: Path) -> Samples:
    """A photograph as half a second of film: tracks need persistence."""
    bgr = cv2.imread(str(path))
    spec = SAMPLED_LARGE.resolve(bgr.shape[1], bgr.shape[0])
    rgb = cv2.cvtColor(cv2.resize(bgr, (spec.width_px, spec.height_px), interpolation=cv2.INTER_AREA), cv2.COLOR_BGR2RGB)
    return np.array([0.0, 0.2, 0.4]), [rgb] * 3


def _variants(path: Path, samples: Samples) -> Iterator[tuple[str, Samples]]:
    yield "mirrored", (samples[0], [np.ascontiguousarray(f[:, ::-1]) for f in samples[1]])
    yield "later", _samples(path, offset_s=SHIFT_S)


def _shots(entry: Mapping[str, Any], clip: str, media: Path) -> Shots:
    """Shots from the truth beside the clip."""
    duration = float(entry["duration_s"]) + 0.2
    if clip.startswith("reel-a"):
        truth = json.loads((media / "reel-a-1080x1920.json").read_text())
        return Shots((), tuple((s["start_s"], s["end_s"]) for s in truth["shots"]))
    middles = sorted((t["start_s"] + t["end_s"]) / 2 for t in entry["ground_truth"]["transitions"])
    edges = [0.0, *middles, duration]
    return Shots((), tuple((a, b) for a, b in zip(edges, edges[1:], strict=False) if b > a))


def _bodies(name: str) -> list[Any]:
    return json.loads((LABELS / name).read_text())["bodies"]


def _torso(points: np.ndarray, size: np.ndarray) -> float | None:
    xy = points[:, :2] * size
    if points[5, 2] and points[12, 2]:
        return float(np.linalg.norm(xy[5] - xy[12]))
    if points[5, 2] and points[6, 2]:
        return SHOULDERS_PER_TORSO * float(np.linalg.norm(xy[5] - xy[6]))
    return None


def _judge(labels: Sequence[Any], result: BodyPoseResult, samples: Samples, *, straight: bool) -> list[tuple[Any, list[bool]]]:
    """Each labelled body with a verdict per visible point; an empty found box is told by `matched` in the label."""
    height, width = samples[1][0].shape[:2]
    size = np.array([width, height], float)
    out = []
    for t in dict.fromkeys(b["t_s"] for b in labels):
        mine = [b for b in labels if b["t_s"] == t]
        found = [p for track in result.tracks if (p := _at(track.points, t, straight)) is not None]
        pairs = sorted(((iou_xywh(b["xywh_norm"], f[0]), i, j) for i, b in enumerate(mine) for j, f in enumerate(found)), reverse=True)
        taken: dict[int, int] = {}
        for iou, i, j in pairs:
            if iou > MATCH_IOU and i not in taken and j not in taken.values():
                taken[i] = j
        for i, body in enumerate(mine):
            points = np.array(body["points"], float)
            torso = _torso(points, size)
            if torso is None:
                continue
            visible = points[:, 2] == 2
            if i in taken:
                near = np.linalg.norm((found[taken[i]][1] - points[:, :2]) * size, axis=1) <= PCK * torso
                verdicts = near[visible].tolist()  # NaN (null) compares false
            else:
                verdicts = [False] * int(visible.sum())
            out.append(({**body, "matched": i in taken}, verdicts))
    return out


def _at(points: Sequence[Any], t: float, straight: bool) -> tuple[Sequence[float], np.ndarray] | None:
    """Box and points [17, 2] (NaN: null) at a moment: of the frame itself, or on the line between two points at most 0.5 s apart."""

    def xy(p: Any) -> np.ndarray:
        return np.array([(k[0], k[1]) if k is not None else (np.nan, np.nan) for k in p.keypoints[:COCO]])

    for p in points:
        if abs(p.t_s - t) < 2e-3:
            return p.xywh_norm, xy(p)
    if straight:
        for a, b in zip(points, points[1:], strict=False):
            if a.t_s <= t <= b.t_s and b.t_s - a.t_s <= 0.5:
                share = (t - a.t_s) / (b.t_s - a.t_s)
                box = [u + (v - u) * share for u, v in zip(a.xywh_norm, b.xywh_norm, strict=True)]
                return box, xy(a) + (xy(b) - xy(a)) * share
    return None


def _pck(what: str, backend: str, judged: Sequence[tuple[Any, list[bool]]], *, goal: bool = False) -> Row:
    verdicts = [v for _, row in judged for v in row]
    if not verdicts:
        return Row(NAME, f"PCK@0.2, {what}, {backend}", note="nothing labelled in the clips that were run")
    value = float(np.mean(verdicts))
    missed = sum(not b["matched"] for b, _ in judged)
    note = f"{len(judged)} bodies, {missed} not found"
    if goal:
        return Row(NAME, f"PCK@0.2, {what}, {backend}", len(verdicts), value, "", f">= {GOAL:.2f}", value >= GOAL, note=note)
    return Row(NAME, f"PCK@0.2, {what}, {backend}", len(verdicts), value, note=note)


def _matched(backend: str, judged: Sequence[tuple[Any, list[bool]]]) -> Row:
    verdicts = [v for b, row in judged if b["matched"] for v in row]
    return Row(NAME, f"PCK@0.2, bodies that were found, {backend}", len(verdicts), float(np.mean(verdicts)) if verdicts else None)


def _share(result: BodyPoseResult, samples: Samples, where: Sequence[Sequence[float]] | None = None) -> float:
    """Share of the sampled frames (of those in the intervals `where`) that lie in a track."""
    times = [t for t in samples[0].tolist() if where is None or any(a <= t < b for a, b in where)]
    hit = sum(any(track.start_s - 1e-6 <= t < track.end_s for track in result.tracks) for t in times)
    return hit / len(times) if times else 0.0


def _spread() -> Row:
    """The second labelling against the first, by the same measure."""
    first = {(b["clip"], b["t_s"], b["who"]): np.array(b["points"], float) for b in _bodies("bodies.json")}
    verdicts: list[bool] = []
    for other in _bodies("bodies_second.json"):
        mine = first.get((other["clip"], other["t_s"], other["who"]))
        theirs = np.array(other["points"], float)
        if mine is None:
            continue
        box = other["xywh_norm"]
        size = np.array([1.0, 1.0]) if not box else _picture(other["clip"])
        torso = _torso(mine, size)
        both = (mine[:, 2] == 2) & (theirs[:, 2] > 0)
        if torso is not None:
            verdicts += (np.linalg.norm((mine[:, :2] - theirs[:, :2]) * size, axis=1)[both] <= PCK * torso).tolist()
    return Row(NAME, "PCK@0.2 of the second labeller against the first", len(verdicts), float(np.mean(verdicts)) if verdicts else None)


def _picture(clip: str) -> np.ndarray:
    """Width and height that go with normalised coordinates; only their ratio matters."""
    manifest_path = LABELS.parents[1].parent / "shared" / "media" / "MANIFEST.json"
    if not manifest_path.is_file():
        return np.array([1.0, 1.0])
    entry = next(e for e in json.loads(manifest_path.read_text()) if e["file"] == clip)
    return np.array([entry["width"], entry["height"]], float)


def _gestures(count: int) -> list[Row]:
    rng = np.random.default_rng(REPORT_SEED)
    found: dict[str, Counts] = {g: Counts(0, 0, 0) for g in _skeletons.GESTURES}
    fooled: dict[str, int] = {}
    for name in (*_skeletons.GESTURES, *_skeletons.LOOK_ALIKES):
        for _ in range(count):
            act = _skeletons.make(rng, name)
            t = act.body.t_s
            seen = {(g.gesture, bool(t[g.first] < act.end_s and t[g.last] > act.start_s)) for g in gestures(act.body)}
            for gesture in _skeletons.GESTURES:
                hit = (gesture, True) in seen and gesture == name
                wrong = (gesture, False) in seen or ((gesture, True) in seen and gesture != name)
                found[gesture] += Counts(int(hit), int(wrong), int(gesture == name and not hit))
                if wrong:
                    fooled[f"{name} as {gesture}"] = fooled.get(f"{name} as {gesture}", 0) + 1
    rows = []
    for gesture, c in found.items():
        note = ", ".join(f"{k} {n}" for k, n in fooled.items() if k.endswith(f"as {gesture}"))
        precision = c.tp / (c.tp + c.fp) if c.tp + c.fp else 0.0
        text = f"precision {precision:.2f}, recall {c.tp / (c.tp + c.fn):.2f}"
        rows.append(
            Row(NAME, f"gesture {gesture}, generated figures, F1", c.tp + c.fn, c.f1, counts=c, note="; ".join(filter(None, (text, note))))
        )
    for gesture in ("wave", "clap"):
        for rates in FAST_HZ:
            hits = [any(g.gesture == gesture for g in gestures(_skeletons.make(rng, gesture, rates).body)) for _ in range(count)]
            rows.append(Row(NAME, f"gesture {gesture} of {rates[0]}-{rates[1]} Hz, generated figures, recall", count, float(np.mean(hits))))
    return rows
