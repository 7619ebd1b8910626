"""Generated edits for the edit grammar of cut_analysis, composed from takes of the shared clips, with exact truth, and its figures.

Each clip is encoded as H.264 (crf 23) and goes the whole way through the pipeline. Thresholds were chosen on seeds 0 to 11; the rows use
seeds from REPORT_SEED on. Takes are the same: no others are there.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import cv2
import numpy as np

from bench.accuracy._cut_material import Take
from bench.accuracy.rows import Counts, Row
from reelscope.config import Settings
from reelscope.config.tree import Analysis, Placement, System
from reelscope.media.encode import ClipWriter
from reelscope.pipeline import Session

__all__ = ["KINDS", "EditClip", "EditTruth", "compose_edit", "measure", "score", "untouched", "write"]

FPS = 30
HEIGHT, WIDTH = 640, 360  # vertical, as short-form is
REPORT_SEED = 500
CLIPS = 20  # of each kind
OVERLAP = 0.5  # intersection over union in time from which a found edit is the planted one


@dataclass(frozen=True)
class EditTruth:
    """One planted edit."""

    kind: str
    start_s: float
    end_s: float


@dataclass
class EditClip:
    """uint8 [n, h, w, 3] frames at FPS and what was done to them."""

    frames: list[np.ndarray]
    truth: list[EditTruth] = field(default_factory=list)
    source: str = ""


def _at_rate(take: Take) -> np.ndarray:
    """Frames of a take at FPS, the nearest one each time."""
    n = int(take.seconds * FPS)
    return np.minimum((np.arange(n) * take.fps / FPS).astype(int), len(take.frames) - 1)


def _fit(frame: np.ndarray, width: int, height: int, rng: np.random.Generator | None = None, x: float = 0.5) -> np.ndarray:
    """Cut to the aspect and scaled, as editors fill a panel."""
    h, w = frame.shape[:2]
    scale = max(width / w, height / h)
    crop_w, crop_h = round(width / scale), round(height / scale)
    x0, y0 = round((w - crop_w) * x), (h - crop_h) // 2
    return cv2.resize(
        frame[y0 : y0 + crop_h, x0 : x0 + crop_w], (width, height), interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    )


def _moving(takes: list[Take]) -> list[Take]:
    return [t for t in takes if t.seconds >= 4 and "cars" not in t.source and "clock" not in t.source]


def _pick(rng: np.random.Generator, takes: list[Take], seconds: float, avoid: set[str] | None = None) -> list[np.ndarray]:
    """A stretch of a take of none of the clips in `avoid`, to which its clip is added."""
    avoid = set() if avoid is None else avoid
    fitting = [t for t in takes if t.seconds >= seconds + 0.1 and t.source not in avoid]
    take = fitting[rng.integers(len(fitting))]
    avoid.add(take.source)
    index = _at_rate(take)
    n = round(seconds * FPS)
    start = int(rng.integers(0, max(1, len(index) - n)))
    return [take.frames[i] for i in index[start : start + n]]


def _split_screen(rng: np.random.Generator, takes: list[Take]) -> EditClip:
    seconds = float(rng.uniform(2.5, 4.0))
    panels = int(rng.choice([2, 2, 2, 3]))
    stacked = bool(rng.integers(2))  # one above the other, the commoner form in vertical clips
    used: set[str] = set()
    parts = [_pick(rng, takes, seconds, used) for _ in range(panels)]
    sizes = [HEIGHT // panels if stacked else WIDTH // panels for _ in range(panels)]
    line = int(rng.choice([0, 0, 2, 4]))
    frames = []
    for row in zip(*parts, strict=False):
        tiles = [_fit(f, WIDTH, s) if stacked else _fit(f, s, HEIGHT) for f, s in zip(row, sizes, strict=True)]
        picture = np.concatenate(tiles, axis=0 if stacked else 1)
        picture = cv2.resize(picture, (WIDTH, HEIGHT))
        if line:
            for k in range(1, panels):
                at = sum(sizes[:k])
                if stacked:
                    picture[at - line // 2 : at + line // 2] = 255
                else:
                    picture[:, at - line // 2 : at + line // 2] = 255
        frames.append(picture)
    return _between(rng, takes, frames, "split_screen")


def _inset(rng: np.random.Generator, takes: list[Take]) -> EditClip:
    seconds = float(rng.uniform(2.5, 4.0))
    used: set[str] = set()
    back, front = _pick(rng, takes, seconds, used), _pick(rng, takes, seconds, used)
    w = round(WIDTH * rng.uniform(0.28, 0.5))
    h = round(w * rng.choice([1.0, 1.33, 1.78]))
    x = int(rng.choice([12, WIDTH - w - 12]))
    y = int(rng.choice([20, HEIGHT - h - 60]))
    border = int(rng.choice([0, 0, 3]))
    frames = []
    for a, b in zip(back, front, strict=False):
        picture = _fit(a, WIDTH, HEIGHT)
        if border:
            picture[y - border : y + h + border, x - border : x + w + border] = 255
        picture[y : y + h, x : x + w] = _fit(b, w, h)
        frames.append(picture)
    return _between(rng, takes, frames, "picture_in_picture")


def _boomerang(rng: np.random.Generator, takes: list[Take]) -> EditClip:
    forward = _pick(rng, takes, float(rng.uniform(1.5, 3.0)))
    n = int(min(len(forward) - 1, round(FPS * rng.uniform(0.8, 1.5))))
    frames = [_fit(f, WIDTH, HEIGHT) for f in forward]
    back = frames[-2 : -2 - n : -1]
    return EditClip(frames + back, [EditTruth("reversed", len(frames) / FPS, (len(frames) + len(back)) / FPS)])


def _mirror(rng: np.random.Generator, takes: list[Take]) -> EditClip:
    first = [_fit(f, WIDTH, HEIGHT, x=0.2) for f in _pick(rng, takes, float(rng.uniform(1.5, 2.5)))]
    other = [_fit(f, WIDTH, HEIGHT) for f in _pick(rng, takes, 1.2)]
    again = [np.ascontiguousarray(f[:, ::-1]) for f in first]
    start = (len(first) + len(other)) / FPS
    return EditClip(first + other + again, [EditTruth("mirrored", start, start + len(again) / FPS)])


def _green(rng: np.random.Generator, takes: list[Take]) -> EditClip:
    """Somebody (a stand-in: the middle of a take in an oval) in front of a lit screen with a slow gradient and noise."""
    subject = _pick(rng, takes, float(rng.uniform(2.0, 3.0)))
    hue = rng.uniform(56, 66) if rng.integers(2) else rng.uniform(108, 116)
    base = np.zeros((HEIGHT, WIDTH, 3), np.float32)
    base[..., 0], base[..., 1] = hue, rng.uniform(150, 220)
    base[..., 2] = np.linspace(rng.uniform(120, 160), rng.uniform(170, 220), WIDTH)[None]
    screen = cv2.cvtColor(base.astype(np.uint8), cv2.COLOR_HSV2RGB).astype(np.float32)
    yy, xx = np.mgrid[0:HEIGHT, 0:WIDTH]
    oval = (((xx - WIDTH / 2) / (WIDTH * 0.3)) ** 2 + ((yy - HEIGHT * 0.65) / (HEIGHT * 0.42)) ** 2 < 1)[..., None]
    frames = []
    for f in subject:
        noise = rng.normal(0, 3, screen.shape).astype(np.float32)
        frames.append(np.where(oval, _fit(f, WIDTH, HEIGHT), np.clip(screen + noise, 0, 255)).astype(np.uint8))
    return _between(rng, takes, frames, "green_screen")


def _freeze(rng: np.random.Generator, takes: list[Take]) -> EditClip:
    frames = [_fit(f, WIDTH, HEIGHT) for f in _pick(rng, takes, float(rng.uniform(2.5, 3.5)))]
    at, n = len(frames) // 2, round(FPS * rng.uniform(0.7, 1.5))
    return EditClip(frames[:at] + [frames[at]] * n + frames[at:], [EditTruth("freeze_frame", (at + 1) / FPS, (at + n + 1) / FPS)])


def _slowed(rng: np.random.Generator, takes: list[Take]) -> EditClip:
    """Slow motion as editors make it without optical flow: every frame shown two or three times."""
    frames = [_fit(f, WIDTH, HEIGHT) for f in _pick(rng, takes, 3.2)]
    times, third = int(rng.choice([2, 3])), len(frames) // 3
    slow = [f for f in frames[third : 2 * third] for _ in range(times)]
    start = third / FPS
    return EditClip(frames[:third] + slow + frames[2 * third :], [EditTruth("slowed", start, start + len(slow) / FPS)])


def _between(rng: np.random.Generator, takes: list[Take], frames: list[np.ndarray], kind: str) -> EditClip:
    """A second of plain picture before and after, joined by cuts."""
    before, after = ([_fit(f, WIDTH, HEIGHT) for f in _pick(rng, takes, 1.0)] for _ in range(2))
    start = len(before) / FPS
    return EditClip(before + frames + after, [EditTruth(kind, start, start + len(frames) / FPS)])


KINDS: dict[str, Callable[[np.random.Generator, list[Take]], EditClip]] = {
    "split_screen": _split_screen,
    "picture_in_picture": _inset,
    "reversed": _boomerang,
    "mirrored": _mirror,
    "green_screen": _green,
    "freeze_frame": _freeze,
    "slowed": _slowed,
}


def compose_edit(kind: str, seed: int, takes: list[Take]) -> EditClip:
    """One generated clip of a kind."""
    return KINDS[kind](np.random.default_rng([seed, list(KINDS).index(kind)]), _moving(takes))


def untouched(takes: list[Take]) -> list[EditClip]:
    """Takes as they are, in which every edit found is a false one."""
    return [EditClip([t.frames[i] for i in _at_rate(t)], source=t.source) for t in takes]


def write(clip: EditClip, path: Path) -> Path:
    """Encode it."""
    h, w = clip.frames[0].shape[:2]
    with ClipWriter(path, w // 2 * 2, h // 2 * 2, fps=FPS, crf=23) as out:
        for f in clip.frames:
            out.frame(np.ascontiguousarray(f[: h // 2 * 2, : w // 2 * 2]))
    return path


def score(found: list[tuple[str, float, float]], truth: list[EditTruth], kind: str) -> Counts:
    """Edits of one kind: right where the overlap in time is at least OVERLAP."""
    mine = [(s, e) for k, s, e in found if k == kind]
    wanted = [(t.start_s, t.end_s) for t in truth if t.kind == kind]
    used: set[int] = set()
    for a in mine:
        for j, b in enumerate(wanted):
            shared = min(a[1], b[1]) - max(a[0], b[0])
            if j not in used and shared > 0 and shared / (max(a[1], b[1]) - min(a[0], b[0])) >= OVERLAP:
                used.add(j)
                break
    return Counts(len(used), len(mine) - len(used), len(wanted) - len(used))


def measure(takes: list[Take], work: Path, size: float) -> list[Row]:
    """A row for each kind: F1 over its own clips and false ones of that kind in all others and in the untouched takes."""
    settings = Settings(
        analysis=Analysis(fresh=True, backends={"cut_analysis": "embedded"}),
        placement=Placement(workers=0),
        system=System(keep_results=False),
    )
    total = {kind: Counts(0, 0, 0) for kind in KINDS}
    takes_false = dict.fromkeys(KINDS, 0)
    seconds = 0.0
    with Session(settings) as session:

        def found_in(clip: EditClip) -> list[tuple[str, float, float]]:
            document = session.analyze(write(clip, work / "edit.mp4"), only=["cut_analysis", "content_quality"]).document
            return [(e["kind"], e["start_s"], e["end_s"]) for e in document.model_dump()["analyzers"]["cut_analysis"]["edits"]]

        for kind in KINDS:
            for i in range(max(3, round(CLIPS * size))):
                clip = compose_edit(kind, REPORT_SEED + i, takes)
                found = found_in(clip)
                for other in KINDS:
                    total[other] += score(found, clip.truth, other)
        for clip in untouched(takes):
            seconds += len(clip.frames) / FPS
            for name, *_ in found_in(clip):
                takes_false[name] = takes_false.get(name, 0) + 1
    return [
        Row(
            "cut_analysis",
            f"edit {kind}, generated (IoU >= {OVERLAP})",
            c.tp + c.fn,
            c.f1,
            "F1",
            counts=c,
            note=f"in {seconds:.0f} s of untouched takes {takes_false[kind]} false",
        )
        for kind, c in total.items()
    ]
