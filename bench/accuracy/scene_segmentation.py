"""Scenes: boundaries on composed reels of known grouping, and on whole reels through the pipeline.

The threshold, the bridge factor and the form of the distance were chosen on reels made of one half of the clips (`FIT_SEED`); what is
printed here is made of the other half, with other seeds. Cuts in the composed reels are given, not detected: the figure is that of the
grouping.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from itertools import pairwise
from pathlib import Path

import numpy as np

from bench.accuracy._scene_reels import Reel, compose, load_stock
from bench.accuracy.rows import Context, Counts, Row, match
from reelscope.analyzers.base import Clip, Inputs, LoadContext
from reelscope.analyzers.scene_segmentation import ANALYZER, SceneOptions, SceneResult
from reelscope.document.schema import MediaInfo
from reelscope.features.shots import Shots
from reelscope.media.frames import SAMPLED_SMALL, Frames, Window

__all__ = ["FIT_SEED", "boundary_counts", "group_reel", "measure"]

FIT_SEED, REPORT_SEED = 1_000, 9_000
REELS = 40
NEAR_S = 0.05  # boundaries are cuts, so they are equal or wrong
GOAL = 0.80


def measure(ctx: Context) -> list[Row]:
    """Rows of scene_segmentation."""
    return [*_composed(ctx), *_whole(ctx)]


def _composed(ctx: Context) -> list[Row]:
    name = "scene boundaries, composed reels, cuts given"
    if ctx.media is None:
        return [Row("scene_segmentation", name, note="no truth: the reels are composed of ../shared/media, which is not here")]
    rows = []
    for half, seed, what in (("report", REPORT_SEED, "unseen clips"), ("fit", FIT_SEED, "clips for fitting")):
        stock = load_stock(ctx.media, ctx.work / "scenes", half)
        reels = [compose(stock, seed + i) for i in range(4 if ctx.quick else REELS)]
        ours = _sum(boundary_counts(group_reel(reel), reel.boundaries_s) for reel in reels)
        every = _sum(boundary_counts([start for start, _ in reel.shots[1:]], reel.boundaries_s) for reel in reels)
        rows.append(
            Row(
                "scene_segmentation",
                f"{name}, {what}: F1",
                n=len(reels),
                value=ours.f1,
                goal=f"F1 >= {GOAL:.2f}" if half == "report" else "",
                met=(ours.f1 or 0.0) >= GOAL if half == "report" else None,
                counts=ours,
                reference={"every cut a boundary": every.f1 or 0.0},
                note="frames fed directly, without an encoder" if half == "report" else "the half on which thresholds were chosen",
            )
        )
    return rows


def _whole(ctx: Context) -> list[Row]:
    """Reels with their own, detected cuts: the demo reel, and the composed reel where it is there (each of its shots is another place)."""
    from bench.accuracy.drive import run_analyzer
    from reelscope.demo import render_demo

    demo = ctx.work / "demo.mp4"
    if not demo.is_file():
        render_demo(demo)
    clips: list[Path] = [demo]
    if ctx.media is not None:
        clips.append(ctx.media / "reel-a-1080x1920.mp4")
    rows = []
    for path in clips:
        truth = json.loads(path.with_suffix(".json").read_text())
        marks = [(s["start_s"], s.get("scene", s["source"])) for s in truth["shots"]]
        bounds = [t for (_, a), (t, b) in pairwise(marks) if a != b]
        entry = run_analyzer("scene_segmentation", path)
        # Detected middles of gradual transitions may lie some frames beside the true ones.
        counts = boundary_counts([s.start_s for s in entry.segments[1:]], bounds, near_s=0.25)
        rows.append(
            Row("scene_segmentation", f"scene boundaries, {path.stem}, cuts detected: F1", n=len(bounds), value=counts.f1, counts=counts)
        )
    return rows


def group_reel(reel: Reel, options: SceneOptions | None = None) -> list[float]:
    """Times at which the analyzer begins a new scene in a composed reel whose shots it is given."""
    result = _analyse(reel, options or SceneOptions())
    return [s.start_s for s in result.segments[1:]]


def _analyse(reel: Reel, options: SceneOptions) -> SceneResult:
    height, width = reel.frames.shape[1:3]
    info = MediaInfo(
        container="mp4",
        duration_s=reel.shots[-1][1],
        width_px=width,
        height_px=height,
        coded_width_px=width,
        coded_height_px=height,
        codec="h264",
        size_bytes=0,
    )
    analyzer = ANALYZER()
    analyzer.load(LoadContext(device="cpu", options=options, frames=(SAMPLED_SMALL,)))
    clip = Clip("reel", info, "")
    analyzer.begin(clip)
    pixels = np.ascontiguousarray(reel.frames)
    pixels.flags.writeable = False
    frames = Frames(pixels, reel.pts_s, np.arange(len(pixels)))
    analyzer.feed(Window(0, 0.0, reel.shots[-1][1], True, {SAMPLED_SMALL.resolve(width, height): frames}, (width, height)))
    result = analyzer.finish(Inputs(clip, features={"shots": Shots((), reel.shots)}))
    analyzer.close()
    return result


def boundary_counts(found: list[float], truth: list[float], *, near_s: float = NEAR_S) -> Counts:
    """Found against true boundaries."""
    return match(found, truth, lambda a, b: abs(a - b), near_s)


def _sum(counts: Iterable[Counts]) -> Counts:
    total = Counts(0, 0, 0)
    for one in counts:
        total = total + one
    return total
