"""Camera moves against a virtual camera's exact path, against what was observed in the shared clips, and shake by rank.

Generated clips (`_camera_clips.py`) are encoded with x264 (crf 26), decoded, and given to the motion feature and the analyzer as windows,
with one hand-made shot: what is tested here is not the detection of shots. Seeds 1-3, 4711 and 90210 served for tuning,
REPORT_SEED for this table only.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import av
import numpy as np

from bench.accuracy._camera_clips import COMBINED, MOVES, Part, Recipe, Source, load_sources, recipe, render, shake_recipe
from bench.accuracy.rows import Context, Row
from reelscope.analyzers.camera_analysis import CameraAnalyzer, CameraResult, CameraSegment
from reelscope.config import Settings
from reelscope.config.tree import Analysis, System
from reelscope.document.schema import MediaInfo
from reelscope.features.base import Clip, Inputs, LoadContext, NoOptions
from reelscope.features.motion import MotionFeature
from reelscope.features.shots import Shots, Transition
from reelscope.media.encode import ClipWriter
from reelscope.media.frames import EVERY_FRAME, Frames, Window
from reelscope.pipeline import Session

NAME = "camera_analysis"
REPORT_SEED = 60601
CRF = 26
SINGLES, PAIRED, CHAINS, SHAKES = 8, 3, 8, 6  # clips per move, per combination, of three moves in a row, per shake ranking
AMPLITUDES = (0.002, 0.004, 0.008, 0.016)
SLOWEST_FW_S = 0.03  # a relative error of a slower speed says little
STATIC_CLIPS = ("dog-and-woman-driveway.mp4", "coffee-pour-hands.mp4", "cars-top-down.mp4", "talking-woman-flag-512.mp4")


def measure(ctx: Context) -> list[Row]:
    rng = np.random.default_rng(REPORT_SEED)
    stills, takes = load_sources(ctx.media)
    found = [
        (r, p, s) for r in recipes(rng, stills, takes, quick=ctx.quick) for p, s in judge(r, analyse(frames_of(r, ctx.work), whole(r)))
    ]
    rows = generated_rows(found, {s.name for s in takes}) + [shake_row(rng, stills, takes, ctx)]
    return rows + (real_rows(ctx.media) if ctx.media else [])


def recipes(rng: np.random.Generator, stills: Sequence[Source], takes: Sequence[Source], *, quick: bool) -> list[Recipe]:
    """Every move alone, combined, and three in a row; half over stills, half over takes in which subjects move."""
    singles, paired, chains = (1, 1, 2) if quick else (SINGLES, PAIRED, CHAINS)
    plans: list[list[tuple[str, ...]]] = [[(m,)] for m in MOVES for _ in range(singles)] + [[c] for c in COMBINED for _ in range(paired)]
    for _ in range(chains):
        pan = (str(rng.choice(["pan_left", "pan_right"])),)
        zoom = (str(rng.choice(["zoom_in", "zoom_out"])),)
        plans.append([("static",), pan if rng.random() < 0.5 else zoom, ("static",)])
    out = []
    for k, plan in enumerate(plans):
        pool = takes if takes and k % 2 else stills
        for _ in range(60):
            source = pool[int(rng.integers(len(pool)))]
            limits = (1.5, 4.0) if len(plan) == 1 else (1.5, 2.0)
            made = recipe(rng, source, [(m, float(rng.uniform(*limits))) for m in plan], tries=60)
            if made is not None:
                out.append(made)
                break
    return out


def frames_of(r: Recipe, work: Path) -> Iterator[tuple[np.ndarray, float]]:
    """Render, encode, decode: (uint8 rgb [h, w, 3] at EVERY_FRAME's size, seconds)."""
    path = work / "camera.mp4"
    with ClipWriter(path, *r.size, fps=30, crf=CRF) as writer:
        for picture in render(r):
            writer.frame(picture)
    yield from decoded(path)


def decoded(path: Path) -> Iterator[tuple[np.ndarray, float]]:
    with av.open(str(path)) as container:
        first: float | None = None
        for frame in container.decode(video=0):
            first = frame.time if first is None else first
            spec = EVERY_FRAME.resolve(frame.width, frame.height)
            small = frame.reformat(spec.width_px, spec.height_px, "rgb24", interpolation="AREA").to_ndarray()
            yield np.ascontiguousarray(small), frame.time - first


def whole(r: Recipe) -> Shots:
    return Shots((), ((0.0, r.frames / 30),))


def analyse(frames: Iterator[tuple[np.ndarray, float]], shots: Shots) -> CameraResult:
    """Feature and analyzer through their contract, in windows of 60 frames."""
    feature, analyzer = MotionFeature(), CameraAnalyzer()
    feature.load(LoadContext("cpu", NoOptions(), (EVERY_FRAME,)))
    analyzer.load(LoadContext("cpu", NoOptions(), (), backend="flow"))
    end_s = shots.shots[-1][1]
    info = MediaInfo(
        container="mp4", duration_s=end_s, width_px=1, height_px=1, coded_width_px=1, coded_height_px=1, codec="h264", size_bytes=0
    )
    clip = Clip("generated", info, "")
    feature.begin(clip)
    batch: list[tuple[np.ndarray, float]] = []

    def flush() -> None:
        if not batch:
            return
        pixels = np.stack([f for f, _ in batch])
        pixels.flags.writeable = False
        size = (pixels.shape[2], pixels.shape[1])
        pts = np.array([t for _, t in batch])
        block = Frames(pixels, pts, np.arange(len(pts)))
        feature.feed(Window(0, float(pts[0]), float(pts[-1]), False, {EVERY_FRAME.resolve(*size): block}, size))
        batch.clear()

    for item in frames:
        batch.append(item)
        if len(batch) == 60:
            flush()
    flush()
    motion = feature.finish(Inputs(clip))
    return analyzer.finish(Inputs(clip, features={"motion": motion, "shots": shots}))


def judge(r: Recipe, result: CameraResult) -> list[tuple[Part, CameraSegment | None]]:
    """Each true part with the segment that overlaps it most."""
    out: list[tuple[Part, CameraSegment | None]] = []
    for part in r.parts:
        shared = [(min(s.end_s, part.end_s) - max(s.start_s, part.start_s), s) for s in result.segments]
        length, best = max(shared, key=lambda v: v[0], default=(0.0, None))
        out.append((part, best if length > 0 else None))
    return out


def right(part: Part, segment: CameraSegment | None) -> bool:
    """Whether the move is one of the true ones; of combined moves all must be named, and no other."""
    if segment is None or segment.move not in part.moves:
        return False
    return len(part.moves) == 1 or set(segment.components) == set(part.moves)


def generated_rows(found: Sequence[tuple[Recipe, Part, CameraSegment | None]], takes: set[str]) -> list[Row]:
    rows = []
    for where, group in (
        ("generated segments", found),
        ("generated segments over stills", [f for f in found if f[0].source.name not in takes]),
        ("generated segments over takes with moving subjects", [f for f in found if f[0].source.name in takes]),
    ):
        if not group:
            continue
        misses = [
            f"{'+'.join(p.moves)} on {r.source.name}: {'+'.join(s.components) if s else 'none'}" for r, p, s in group if not right(p, s)
        ]
        value = 1 - len(misses) / len(group)
        rows.append(Row(NAME, f"right move, {where}", len(group), value, "", ">= 0.95", value >= 0.95, note="; ".join(misses)))
    exact = [(p, s) for _, p, s in found if s is not None and len(p.moves) == 1]
    strict = float(np.mean([set(s.components) == set(p.moves) for p, s in exact])) if exact else None
    rows.append(Row(NAME, "no move named beside the only one", len(exact), strict))
    speed = [(p, s, s.speed_fw_s / p.speed_fw_s - 1) for _, p, s in found if s is not None and _has_speed(p)]
    rows.append(_within("speed within 10 %", [e for *_, e in speed], 0.10))
    zoom = [
        s.zoom_factor / p.zoom_factor - 1 for _, p, s in found if s is not None and _spans(p, s) and {"zoom_in", "zoom_out"} & set(p.moves)
    ]
    rows.append(_within("zoom factor within 5 % (segments that span the whole zoom to 0.3 s)", zoom, 0.05))
    every = [s.zoom_factor / p.zoom_factor - 1 if s else 1.0 for _, p, s in found if {"zoom_in", "zoom_out"} & set(p.moves)]
    rows.append(_within("zoom factor within 5 %, all zooms", every, 0.05))
    return rows


def _has_speed(part: Part) -> bool:
    return part.speed_fw_s >= SLOWEST_FW_S and any(m.startswith(("pan", "tilt")) for m in part.moves)


def _spans(part: Part, segment: CameraSegment) -> bool:
    return abs(segment.start_s - part.start_s) < 0.3 and abs(segment.end_s - part.end_s) < 0.3


def _within(measure_name: str, errors: Sequence[float], limit: float) -> Row:
    if not errors:
        return Row(NAME, measure_name, note="none generated")
    inside = float(np.mean(np.abs(errors) <= limit))
    note = f"median error {np.median(np.abs(errors)):.4f}, worst {np.max(np.abs(errors)):.3f}"
    return Row(NAME, measure_name, len(errors), inside, "", ">= 0.95", inside >= 0.95, note=note)


def shake_row(rng: np.random.Generator, stills: Sequence[Source], takes: Sequence[Source], ctx: Context) -> Row:
    pairs, wrong = 0, []
    for k in range(2 if ctx.quick else SHAKES):
        pool = takes if takes and k % 2 else stills
        source = pool[int(rng.integers(len(pool)))]
        made = shake_recipe(rng, source, 3.0, AMPLITUDES)
        figures = [analyse(frames_of(r, ctx.work), whole(r)).summary.shake for r in made]
        for i in range(len(made)):
            for j in range(i + 1, len(made)):
                pairs += 1
                a, b = figures[i], figures[j]
                if a is None or b is None or a >= b:
                    wrong.append(f"{source.name}: {AMPLITUDES[i]} -> {a}, {AMPLITUDES[j]} -> {b}")
    value = 1 - len(wrong) / pairs
    return Row(NAME, "shake: pairs of amplitudes in the right order", pairs, value, "", "1", value == 1, note="; ".join(wrong))


def real_shots(media: Path, name: str, duration_s: float) -> Shots:
    """Shots from the truth beside the clip."""
    if name.startswith("reel-a"):
        truth = json.loads((media / "reel-a-1080x1920.json").read_text())
        found = tuple(Transition(t["kind"], t["start_s"], t["end_s"]) for t in truth["transitions"])
        return Shots(found, tuple((s["start_s"], s["end_s"]) for s in truth["shots"]))
    entry = next(e for e in json.loads((media / "MANIFEST.json").read_text()) if e["file"] == name)
    found = tuple(Transition(t["kind"], t["start_s"], t["end_s"]) for t in entry["ground_truth"]["transitions"])
    edges = [0.0, *((t.start_s + t.end_s) / 2 for t in found), duration_s]
    return Shots(found, tuple((a, b) for a, b in zip(edges[:-1], edges[1:], strict=True) if b > a))


def real_rows(media: Path) -> list[Row]:
    results: dict[str, CameraResult] = {}
    for name in (
        *STATIC_CLIPS,
        "plane-zoom-out-fade-out.mp4",
        "vertical-woman-lake-zoom-out.mp4",
        "basketball-gym-two-players.mp4",
        "reel-a-1080x1920.mp4",
    ):
        frames = list(decoded(media / name))
        duration = frames[-1][1] + float(np.median(np.diff([t for _, t in frames])))
        results[name] = analyse(iter(frames), real_shots(media, name, duration))
    rows = []
    for name in STATIC_CLIPS:
        r = results[name]
        share = r.summary.move_share.get("static", 0.0)
        others = "; ".join(f"{s.move} {s.start_s:.1f}-{s.end_s:.1f}" for s in r.segments if s.move != "static")
        note = f"coverage {r.coverage:.2f}{'; ' + others if others else ''}"
        rows.append(Row(NAME, f"static stays static: {name}, share of segment time", 1, share, "", "1", share == 1.0, note=note))
    for text, name, hit, seen in observed(results):
        rows.append(Row(NAME, f"observed: {text} ({name})", 1, float(hit), "", "1", hit, note=seen))
    rows.append(size_row(media))
    return rows


def observed(results: dict[str, CameraResult]) -> Iterator[tuple[str, str, bool, str]]:
    """The moves that the manifest states: (what, clip, whether it was found, what was found)."""

    def text(segments: Sequence[Any]) -> str:
        return "; ".join(f"{s.start_s:.1f}-{s.end_s:.1f} {'+'.join(s.components)} x{s.zoom_factor:.2f}" for s in segments)

    name = "plane-zoom-out-fade-out.mp4"
    here = [s for s in results[name].segments if s.start_s < 3.5 and s.end_s > 1.5]
    longest = max(here, key=lambda s: min(s.end_s, 3.5) - max(s.start_s, 1.5), default=None)
    yield "zoom out 1.5-3.5 s", name, longest is not None and longest.move == "zoom_out", text(here)
    name = "vertical-woman-lake-zoom-out.mp4"
    yield "zoom out", name, results[name].summary.shots[0].camera.move == "zoom_out", text(results[name].segments)  # type: ignore[union-attr]
    name = "basketball-gym-two-players.mp4"
    named = {c for s in results[name].segments for c in s.components}
    yield "handheld pan", name, "handheld" in named and bool(named & {"pan_left", "pan_right"}), text(results[name].segments)
    name = "reel-a-1080x1920.mp4"
    here = [s for s in results[name].segments if s.shot == 2]
    rate = sum((s.zoom_rate_s or 0.0) * (s.end_s - s.start_s) for s in here) / max(1e-9, sum(s.end_s - s.start_s for s in here))
    hit = bool(here) and max(here, key=lambda s: s.end_s - s.start_s).move == "zoom_in"
    yield "zoom in 1.67x over 4 s", name, hit, f"{text(here)}; x{np.exp(4 * rate):.2f} over 4 s"


# By eye, two words where a shot lies between them; what reel-a's crops of the first three clips and of the children had been given was
# known by then, so these are no blind labels. Stage: from behind, no face.
SHOT_SIZES = {
    "talking-woman-flag-512.mp4": ("close_up", "extreme_close_up"),
    "vertical-selfie-man-office.mp4": ("medium_close_up", "close_up"),
    "vertical-woman-lake-zoom-out.mp4": ("medium",),
    "dog-and-woman-driveway.mp4": ("long",),
    "children-jumping-bed.mp4": ("long",),
    "stage-applause-handheld.mp4": ("medium", "medium_long"),
    "obama-statement-lower-third.mp4": ("medium",),
    "vertical-drummer-rehearsal.mp4": ("long",),
    "basketball-gym-two-players.mp4": ("long", "extreme_long"),
}


def size_row(media: Path) -> Row:
    """Shot sizes told right; what is not told counts as neither right nor wrong."""
    told, right, found = 0, 0, []
    with Session(Settings(analysis=Analysis(tier="embedded", fresh=True), system=System(keep_results=False))) as session:
        for name, wanted in SHOT_SIZES.items():
            document = session.analyze(media / name, only=["camera_analysis", "object_detection"]).document
            size = max(document.shots, key=lambda shot: shot.end_s - shot.start_s).size
            told += size is not None
            right += size in wanted
            found.append(f"{name.split('-')[0]} {name.split('-')[1]} {size}")
    return Row(NAME, "shot size right, of those told", told, right / told if told else None, "", "", note="; ".join(found))
