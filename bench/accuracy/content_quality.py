"""Accuracy of content_quality: does a degraded version rank below its original, are black, frozen and duplicate frames found.

Originals are excerpts of the shared clips, written losslessly; versions as in bench/accuracy/_degraded.py. The limits behind `reasons` and
the thresholds for still frames were chosen on every second clip, at START_TUNE_S, and on seeds from 1000; these rows are excerpts of all
clips from START_S on, and generated clips of SEED, neither of them looked at before (an earlier pair, 2.4 s and 3000, was spent on a first
run, which led to leaving the block grid out of `fine_detail` and to following freezes to their edges).
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np

from bench.accuracy._degraded import STRENGTHS, excerpt, write_excerpt, write_version
from bench.accuracy.drive import run_analyzer
from bench.accuracy.rows import Context, Counts, Row
from reelscope.config import Settings
from reelscope.media.encode import ClipWriter
from reelscope.pipeline import Session

__all__ = ["START_TUNE_S", "measure"]

START_TUNE_S = 1.0
START_S = 3.1
EXCERPT_S = 1.2
EXCERPT_STEP = 3  # every third frame: the unscaled samples at 0 and 1 s are then one intra-coded and one predicted frame
SEED = 4000
# Figure by which each version must rank below the original, and whether more of it is worse
RANKED_BY = {
    "blur": ("sharpness", False),
    "noise": ("noise_sigma", True),
    "over": ("over_share", True),
    "recompress": ("fine_detail", False),
}
# Takes that move all the time and repeat no frame: truth for frozen and duplicate frames
MOVING = (
    "basketball-gym-two-players.mp4", "children-jumping-bed.mp4", "coffee-pour-hands.mp4", "dog-and-woman-driveway.mp4",
    "talking-woman-flag-512.mp4", "vertical-selfie-man-office.mp4",
)  # fmt: skip
SMALL_SIDE_PX = 360


def measure(ctx: Context) -> list[Row]:
    """Rows of content_quality."""
    if ctx.media is None:
        return [Row("content_quality", "ranking of degraded versions", note="no truth: the shared clips are not here")]
    with Session(Settings()) as session:
        return [*_ranking(ctx, session), *_still_rows(ctx, session), _duplicates_row(ctx, session)]


def sources(media: Path) -> list[Path]:
    """The shared video clips but for the composed reel, which is made of them."""
    return sorted(p for p in media.iterdir() if p.suffix in (".mp4", ".webm") and not p.name.startswith("reel-"))


def _ranking(ctx: Context, session: Session) -> list[Row]:
    assert ctx.media is not None
    right = dict.fromkeys(STRENGTHS, 0)
    blocky = pairs = 0
    wrong: dict[str, list[str]] = {kind: [] for kind in STRENGTHS}
    clips = sources(ctx.media)[:: 9 if ctx.quick else 1]
    for i, path in enumerate(clips):
        rate, frames = excerpt(path, START_S, EXCERPT_S, step=EXCERPT_STEP)
        base = run_analyzer("content_quality", write_excerpt(ctx.work / "original.mp4", rate, frames), session=session).summary
        for kind, strengths in STRENGTHS.items():
            figure, more_is_worse = RANKED_BY[kind]
            for strength in strengths:
                file = write_version(ctx.work / "version.mp4", rate, frames, kind=kind, strength=strength, seed=SEED + i)
                version = run_analyzer("content_quality", file, session=session).summary
                if _worse(getattr(version, figure), getattr(base, figure), more_is_worse=more_is_worse):
                    right[kind] += 1
                else:
                    wrong[kind].append(f"{path.stem} {strength:g}: {getattr(base, figure)} -> {getattr(version, figure)}")
                if kind == "recompress":
                    pairs += 1
                    blocky += _worse(version.blockiness, base.blockiness, more_is_worse=True)
    rows = []
    for kind, strengths in STRENGTHS.items():
        n = len(clips) * len(strengths)
        note = f"{len(clips)} clips x {len(strengths)} strengths {strengths}" + "".join(f"; {w}" for w in wrong[kind])
        rows.append(
            Row(
                "content_quality",
                f"{kind}: version worse than the original in {RANKED_BY[kind][0]}",
                n=n,
                value=right[kind] / n,
                goal="always",
                met=right[kind] == n,
                counts=Counts(right[kind], 0, n - right[kind]),
                note=note,
            )
        )
    note = "for information: the in-loop filter smooths the blocks of the original too, so mild re-compression often lowers it"
    rows.append(Row("content_quality", "recompress: version worse in blockiness", n=pairs, value=blocky / pairs, note=note))
    return rows


def _worse(version: float | None, original: float | None, *, more_is_worse: bool) -> bool:
    if version is None or original is None:
        return False
    return version > original if more_is_worse else version < original


@dataclass(frozen=True, slots=True)
class StillClip:
    """A generated clip: its frames' numbers in the take, None for black; frame rate."""

    path: Path
    fps: int
    order: tuple[int | None, ...]

    def spans(self, kind: str) -> list[tuple[float, float]]:
        """Truth of `black` or `frozen`, in seconds."""
        out = []
        start = 0
        for i in range(1, len(self.order) + 1):
            if i < len(self.order) and self.order[i] == self.order[start]:
                continue
            value = self.order[start]
            if (kind == "black" and value is None) or (kind == "frozen" and value is not None and i - start >= 0.5 * self.fps):
                out.append((start / self.fps, i / self.fps))
            start = i
        return out


def make_still(work: Path, media: Path, seed: int) -> StillClip:
    """A take with one black and one frozen stretch (0.6-2 s) at random places, CRF 18-28."""
    rng = np.random.default_rng(seed)
    take = _small(media / MOVING[seed % len(MOVING)], 70)
    fps = int(rng.choice([24, 25, 30]))
    a, b = sorted(int(v) for v in rng.choice(np.arange(12, len(take) - 12, 8), 2, replace=False))
    black, frozen = (int(rng.uniform(0.2, 1.5) * fps), int(rng.uniform(0.6, 2.0) * fps))
    if rng.integers(0, 2):
        order = [*range(a), *[None] * black, *range(a, b), *[b] * frozen, *range(b + 1, len(take))]
    else:
        order = [*range(a), *[a] * frozen, *range(a + 1, b), *[None] * black, *range(b, len(take))]
    path = work / f"still-{seed}.mp4"
    _write(path, take, order, fps, int(rng.choice([18, 23, 28])))
    return StillClip(path, fps, tuple(order))


def _small(path: Path, count: int) -> list[np.ndarray]:
    """The first frames of a clip at SMALL_SIDE_PX."""
    import av

    out = []
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        scale = SMALL_SIDE_PX / min(stream.width, stream.height)
        width, height = (round(side * scale / 2) * 2 for side in (stream.width, stream.height))
        for frame, _ in zip(container.decode(stream), range(count), strict=False):
            out.append(frame.to_ndarray(format="rgb24", width=width, height=height))
    return out


def _write(path: Path, take: list[np.ndarray], order: list[Any], fps: int, crf: int) -> None:
    height, width = take[0].shape[:2]
    black = np.zeros_like(take[0])
    with ClipWriter(path, width, height, fps=Fraction(fps), crf=crf) as clip:
        for number in order:
            clip.frame(black if number is None else take[number])


def _still_rows(ctx: Context, session: Session) -> list[Row]:
    assert ctx.media is not None
    counts = {"black": Counts(0, 0, 0), "frozen": Counts(0, 0, 0)}
    worst = {"black": 0.0, "frozen": 0.0}
    notes: dict[str, list[str]] = {"black": [], "frozen": []}
    n = 4 if ctx.quick else 30
    for i in range(n):
        clip = make_still(ctx.work, ctx.media, SEED + i)
        segments = run_analyzer("content_quality", clip.path, session=session).segments
        for kind in counts:
            truth = clip.spans(kind)
            found = [(s.start_s, s.end_s) for s in segments if s.kind == kind]
            hits = 0
            for t in truth:
                errors = [max(abs(t[0] - f[0]), abs(t[1] - f[1])) * clip.fps for f in found]
                if errors and min(errors) <= 1.01:
                    hits += 1
                    worst[kind] = max(worst[kind], min(errors))
                else:
                    notes[kind].append(f"{clip.path.stem}: {_short(t)} read as {[_short(f) for f in found]}")
            counts[kind] += Counts(hits, len(found) - hits, len(truth) - hits)
    return [
        Row(
            "content_quality",
            f"{kind} stretches, both edges within one frame",
            n=n,
            value=c.f1,
            unit="F1",
            goal="exact within a frame",
            met=c.fp == 0 and c.fn == 0,
            counts=c,
            note=f"{n} generated clips; worst edge of the found {worst[kind]:.0f} frames" + "".join(f"; {w}" for w in notes[kind]),
        )
        for kind, c in counts.items()
    ]


def _short(span: tuple[float, float]) -> str:
    return f"{span[0]:.2f}-{span[1]:.2f}"


def _duplicates_row(ctx: Context, session: Session) -> Row:
    """Takes at 24 frames/s raised to 30 by repeating every fourth frame, and the same takes untouched."""
    assert ctx.media is not None
    true = found = false = 0
    notes = []
    names = MOVING[:2] if ctx.quick else MOVING
    for i, name in enumerate(names):
        take = _small(ctx.media / name, 73)  # ends on a frame that is not repeated
        raised = [k for k in range(len(take)) for _ in range(2 if k % 4 == 3 else 1)]
        for crf in (18, 23, 28):
            for order in (raised, list(range(len(take)))):
                path = ctx.work / f"duplicates-{i}.mp4"
                _write(path, take, order, 30, crf)
                count = run_analyzer("content_quality", path, session=session).summary.duplicate_frames
                if order is raised:
                    true += len(raised) - len(take)
                    found += count
                    notes.append(f"{name.split('-')[0]} CRF {crf}: {count} of {len(raised) - len(take)}")
                else:
                    false += count
    share = found / true
    return Row(
        "content_quality",
        "duplicate frames counted, of those there are",
        n=true,
        value=share,
        goal="none in untouched takes",
        met=false == 0,
        counts=Counts(min(found, true), false + max(0, found - true), max(0, true - found)),
        note=f"{false} in the untouched takes; " + "; ".join(notes),
    )
