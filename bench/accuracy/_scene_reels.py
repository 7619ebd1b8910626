"""Composed reels of known grouping: a scene is several shots of one take, another scene is another take.

Frames are made as the analyzer gets them (four a second, 180 px short side), without an encoder in between: what is measured here is the
grouping of shots, not their detection. Within a scene the shots differ in time, framing (punch-ins up to 1.7x, views beside each other),
exposure and captions; scenes are one shot, several framings of one action, or two views in turn (A B A B).
"""

from __future__ import annotations

import json
import random
from dataclasses import dataclass
from pathlib import Path

import av
import cv2
import numpy as np

__all__ = ["FPS", "Reel", "Stock", "compose", "load_stock"]

FPS = 4.0
SOURCE_SHORT_PX = 288  # of the stock, so that a punch-in is not much blurred by the experiment itself
SIZE_PX = (180, 320)

# One place each: (file, start, end in seconds). Split in two halves that share no clip, one for fitting, one for reporting.
PLACES: dict[str, tuple[tuple[str, float, float], ...]] = {
    "fit": (
        ("vertical-selfie-man-office.mp4", 0.0, 11.7),
        ("dog-and-woman-driveway.mp4", 0.0, 9.6),
        ("children-jumping-bed.mp4", 0.0, 6.6),
        ("shot-change-clock-cat.mp4", 3.3, 4.9),
        ("obama-statement-lower-third.mp4", 0.0, 8.6),
        ("cockatoo-close-up.mp4", 0.0, 14.0),
        ("basketball-gym-two-players.mp4", 0.0, 10.0),
        ("title-animation-bbb-30s.webm", 2.5, 11.6),
        ("scenedetect-fades-testvideo.mp4", 1.2, 5.9),
    ),
    "report": (
        ("vertical-woman-lake-zoom-out.mp4", 0.0, 9.9),
        ("talking-woman-flag-512.mp4", 0.0, 8.0),
        ("coffee-pour-hands.mp4", 0.0, 9.5),
        ("cars-top-down.mp4", 0.0, 30.0),
        ("shot-change-clock-cat.mp4", 0.0, 3.1),
        ("vertical-drummer-rehearsal.mp4", 0.0, 31.5),
        ("stage-applause-handheld.mp4", 0.0, 10.0),
        ("plane-zoom-out-fade-out.mp4", 0.0, 7.2),
        ("title-animation-bbb-30s.webm", 16.0, 22.5),
        ("scenedetect-fades-testvideo.mp4", 13.6, 17.3),
    ),
}


@dataclass(frozen=True)
class Stock:
    """One take: uint8 [n, h, w, 3] at 8 frames/s."""

    name: str
    frames: np.ndarray


@dataclass(frozen=True)
class Reel:
    """A composed reel: frames uint8 [n, 320, 180, 3] at pts [n], its shots (tiling), and the scene of each shot."""

    frames: np.ndarray
    pts_s: np.ndarray
    shots: tuple[tuple[float, float], ...]
    scene_of: tuple[int, ...]

    @property
    def boundaries_s(self) -> list[float]:
        """Times at which a new scene begins, the clip's start left out."""
        return [self.shots[i][0] for i in range(1, len(self.shots)) if self.scene_of[i] != self.scene_of[i - 1]]


STOCK_FPS = 8.0


def load_stock(media: Path, work: Path, half: str) -> list[Stock]:
    """Decode the takes of one half; `work` keeps them between runs."""
    known = {m["file"] for m in json.loads((media / "MANIFEST.json").read_text())}
    return [Stock(name, _take(media / name, a, b, work)) for name, a, b in PLACES[half] if name in known]


def _take(path: Path, start_s: float, end_s: float, work: Path) -> np.ndarray:
    work.mkdir(parents=True, exist_ok=True)
    kept = work / f"{path.stem}.{start_s:g}-{end_s:g}.{SOURCE_SHORT_PX}.npy"
    if not kept.exists():
        rows: list[np.ndarray] = []
        with av.open(str(path)) as clip:
            stream = clip.streams.video[0]
            scale = SOURCE_SHORT_PX / min(stream.width, stream.height)
            size = (round(stream.width * scale), round(stream.height * scale))
            for frame in clip.decode(stream):
                if start_s + len(rows) / STOCK_FPS <= frame.time < end_s:
                    rows.append(cv2.resize(frame.to_ndarray(format="rgb24"), size, interpolation=cv2.INTER_AREA))
                if frame.time >= end_s:
                    break
        np.save(kept, np.stack(rows))
    return np.load(kept, mmap_mode="r")


@dataclass(frozen=True)
class _View:
    """A framing: crop height as a share of what fits, centre as a share of the room left."""

    size: float
    x: float
    y: float


def compose(stock: list[Stock], seed: int, *, scenes: tuple[int, int] = (4, 7)) -> Reel:
    """A reel of 4 to 7 scenes from the stock; the same seed gives the same reel."""
    rng = random.Random(seed)
    noise = np.random.default_rng(seed)
    frames: list[np.ndarray] = []
    shots: list[tuple[float, float]] = []
    scene_of: list[int] = []
    last_used: dict[str, float] = {}
    for scene in range(rng.randint(*scenes)):
        now_s = len(frames) / FPS
        # A place may come back, but only after a while: what comes back at once is a cutaway, of which no one could say whose scene it is.
        free = [s for s in stock if now_s - last_used.get(s.name, -99.0) > 12.0]
        take = rng.choice(free)
        for view, length in _scene_plan(rng):
            start = len(frames) / FPS
            frames += _shot(take, view, length, rng, noise)
            shots.append((start, len(frames) / FPS))
            scene_of.append(scene)
        last_used[take.name] = len(frames) / FPS
    pixels = np.stack(frames)
    return Reel(pixels, np.arange(len(pixels)) / FPS, tuple(shots), tuple(scene_of))


def _scene_plan(rng: random.Random) -> list[tuple[_View, int]]:
    """Framing and number of samples of each shot of one scene."""

    def length() -> int:
        return rng.randint(4, 14)  # 1 to 3.5 s

    kind = rng.choices(("single", "framings", "turns"), (0.3, 0.45, 0.25))[0]
    base = _View(rng.uniform(0.75, 1.0), rng.uniform(0.2, 0.8), rng.uniform(0.2, 0.8))
    if kind == "single":
        return [(base, length())]
    if kind == "framings":
        out = [(base, length())]
        for _ in range(rng.randint(1, 3)):
            size = base.size / rng.uniform(1.0, 1.7)
            out.append((_View(size, base.x + rng.uniform(-0.25, 0.25), base.y + rng.uniform(-0.25, 0.25)), length()))
        rng.shuffle(out)
        return out
    side = rng.choice((-1, 1))
    views = (
        _View(base.size, 0.5 - side * rng.uniform(0.2, 0.45), base.y),
        _View(base.size * 0.8, 0.5 + side * rng.uniform(0.2, 0.45), base.y),
    )
    return [(views[i % 2], length()) for i in range(rng.randint(3, 5))]


def _shot(take: Stock, view: _View, length: int, rng: random.Random, noise: np.random.Generator) -> list[np.ndarray]:
    """`length` samples of the take from a random moment on (there and back where the take is shorter), framed and slightly regraded."""
    n, height, width = take.frames.shape[:3]
    step = round(STOCK_FPS / FPS)
    start = rng.randrange(max(1, n - length * step))
    crop_h = min(height, width * SIZE_PX[1] / SIZE_PX[0]) * view.size
    crop_w = crop_h * SIZE_PX[0] / SIZE_PX[1]
    x = min(1.0, max(0.0, view.x)) * (width - crop_w)
    y = min(1.0, max(0.0, view.y)) * (height - crop_h)
    box = slice(round(y), round(y + crop_h)), slice(round(x), round(x + crop_w))
    gain, lift = rng.uniform(0.93, 1.07), rng.uniform(-5, 5)
    caption = rng.random() < 0.5
    out = []
    for i in range(length):
        k = (start + i * step) % max(1, 2 * n - 2)
        source = take.frames[k if k < n else 2 * n - 2 - k][box]
        frame = cv2.resize(source, SIZE_PX, interpolation=cv2.INTER_AREA).astype(np.float32) * gain + lift
        frame = (frame + noise.normal(0, 2.0, frame.shape)).clip(0, 255).astype(np.uint8)
        if caption:
            cv2.rectangle(frame, (20, 236), (160, 262), (0, 0, 0), -1)
            cv2.putText(frame, "caption", (40, 255), cv2.FONT_HERSHEY_SIMPLEX, 0.7, (255, 255, 255), 2, cv2.LINE_AA)
        out.append(frame)
    return out
