"""Generated edits over real takes, with exact truth, for the figures of cut_analysis (and for fitting its weights, with other seeds).

A take is a stretch of a shared clip without any transition. Frames are decoded once at 256 px short side, edited there (crop, punch-in,
captions, flashes, a hand over the lens, transitions) and reduced to the 180 px that the feature reads, so that an enlarged picture is not
blurred by the experiment itself. Frames go to the feature directly, without an encoder in between.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import av
import cv2
import numpy as np
from PIL import Image, ImageDraw, ImageFont

__all__ = ["Clip", "Take", "Truth", "compose_gradual", "compose_join", "compose_untouched", "load_takes"]

SOURCE_SHORT_PX = 256
SHORT_PX = 180

# Stretches of one take each (seconds). Left out: clips that are edits themselves beyond these stretches, and reel-a (composed of the
# others).
TAKES: dict[str, tuple[tuple[float, float], ...]] = {
    "vertical-selfie-man-office.mp4": ((0.0, 11.7),),
    "vertical-woman-lake-zoom-out.mp4": ((0.0, 9.9),),
    "talking-woman-flag-512.mp4": ((0.0, 8.0),),
    "dog-and-woman-driveway.mp4": ((0.0, 9.6),),
    "coffee-pour-hands.mp4": ((0.0, 9.5),),
    "children-jumping-bed.mp4": ((0.0, 6.6),),
    "cars-top-down.mp4": ((0.0, 30.0),),
    "shot-change-clock-cat.mp4": ((0.0, 3.1), (3.3, 4.9)),
    "obama-statement-lower-third.mp4": ((0.0, 2.2), (3.2, 8.6)),
    "vertical-drummer-rehearsal.mp4": ((0.0, 16.0), (16.0, 31.5)),
    "cockatoo-close-up.mp4": ((0.0, 14.0),),
    "stage-applause-handheld.mp4": ((0.0, 10.0),),
    "basketball-gym-two-players.mp4": ((0.0, 10.0),),
    "plane-zoom-out-fade-out.mp4": ((0.0, 7.2),),
    "title-animation-bbb-30s.webm": ((2.2, 11.7), (11.9, 15.6), (15.8, 20.0)),
    "edited-beauty-captions-ru.mp4": ((1.45, 2.95), (3.05, 4.4), (6.4, 7.6)),
}

# Takes with a person, an animal or a moving camera in every second: there is something to jump. Empty tarmac and a clock are not cut for
# tempo.
JUMP_CLIPS = (
    "vertical-selfie-man-office.mp4",
    "vertical-woman-lake-zoom-out.mp4",
    "talking-woman-flag-512.mp4",
    "dog-and-woman-driveway.mp4",
    "coffee-pour-hands.mp4",
    "children-jumping-bed.mp4",
    "obama-statement-lower-third.mp4",
    "vertical-drummer-rehearsal.mp4",
    "cockatoo-close-up.mp4",
    "stage-applause-handheld.mp4",
    "basketball-gym-two-players.mp4",
)


@dataclass(frozen=True)
class Take:
    """uint8 [n, h, w, 3] frames of one take (a view), and its frame rate."""

    source: str
    frames: np.ndarray
    fps: float

    @property
    def seconds(self) -> float:
        return len(self.frames) / self.fps


@dataclass(frozen=True)
class Truth:
    """One true transition; a cut at the pts of the new shot's first frame."""

    kind: Literal["cut", "dissolve", "fade", "wipe"]
    start_s: float
    end_s: float
    variant: str | None = None
    jump: bool = False
    note: str = ""


@dataclass
class Clip:
    """A generated clip: uint8 [n, h, w, 3] at 180 px, pts [n], its truth."""

    frames: np.ndarray
    pts_s: np.ndarray
    truth: list[Truth] = field(default_factory=list)
    source: str = ""


def load_takes(media: Path, cache: Path) -> list[Take]:
    """Decode every take once; `cache` keeps the frames between runs."""
    names = {m["file"] for m in json.loads((media / "MANIFEST.json").read_text())}
    takes = []
    for name, spans in TAKES.items():
        if name not in names:
            continue
        frames, pts = _decode(media / name, cache)
        fps = (len(pts) - 1) / (pts[-1] - pts[0])
        for start_s, end_s in spans:
            a, b = np.searchsorted(pts, [start_s, end_s])
            takes.append(Take(name, frames[a:b], float(fps)))
    return takes


def _decode(path: Path, cache: Path) -> tuple[np.ndarray, np.ndarray]:
    cache.mkdir(parents=True, exist_ok=True)
    pixels, times = cache / f"{path.stem}.{SOURCE_SHORT_PX}.npy", cache / f"{path.stem}.pts.npy"
    if not (pixels.exists() and times.exists()):
        with av.open(str(path)) as container:
            stream = container.streams.video[0]
            scale = min(1.0, SOURCE_SHORT_PX / min(stream.width, stream.height))
            w, h = round(stream.width * scale), round(stream.height * scale)
            rows, pts = [], []
            for frame in container.decode(stream):
                rows.append(frame.reformat(w, h, "rgb24", interpolation="AREA").to_ndarray())
                pts.append(float(frame.pts * stream.time_base))
        np.save(pixels, np.stack(rows))
        np.save(times, np.array(pts) - pts[0])
    return np.load(pixels, mmap_mode="r"), np.load(times)


SHAPES = ((320, 180), (180, 320), (240, 180))  # (h, w): vertical, wide, nearly square


def _crop(frames: np.ndarray, shape: tuple[int, int], at: tuple[float, float], zoom: float = 1.0) -> np.ndarray:
    """Cover `shape` with the frames: the largest crop of that aspect, shrunk by `zoom`, placed at the relative position `at` (y, x)."""
    h, w = frames.shape[1:3]
    scale = min(h / shape[0], w / shape[1]) / zoom
    ch, cw = scale * shape[0], scale * shape[1]
    y, x = at[0] * (h - ch), at[1] * (w - cw)
    out = np.empty((len(frames), *shape, 3), np.uint8)
    for i, frame in enumerate(frames):
        out[i] = _sample(np.asarray(frame), y, x, scale, shape)
    return out


def _sample(frame: np.ndarray, y: float, x: float, scale: float, shape: tuple[int, int]) -> np.ndarray:
    m = np.array([[scale, 0, x + scale / 2 - 0.5], [0, scale, y + scale / 2 - 0.5]], np.float32)
    if scale > 1.05:  # soften first: warpAffine does not average
        frame = cv2.GaussianBlur(frame, (0, 0), 0.45 * scale)
    return cv2.warpAffine(frame, m, (shape[1], shape[0]), flags=cv2.INTER_CUBIC | cv2.WARP_INVERSE_MAP, borderMode=cv2.BORDER_REPLICATE)


def _pick(rng: np.random.Generator, takes: list[Take], n: int) -> tuple[Take, int]:
    ok = [t for t in takes if len(t.frames) >= n]
    sources = sorted({t.source for t in ok})
    source = sources[rng.integers(len(sources))]
    own = [t for t in ok if t.source == source]
    take = own[rng.integers(len(own))]
    return take, int(rng.integers(len(take.frames) - n + 1))


def compose_join(rng: np.random.Generator, takes: list[Take], *, jump: bool, side_s: float = 1.6) -> Clip:
    """One hard cut in the middle: between two sources, or (`jump`) 0.2-1.5 s taken out of one take, half of them with 5-20 % punch-in or
    -out."""
    shape = SHAPES[rng.integers(len(SHAPES))]
    at = (float(rng.random()), float(rng.random()))
    if jump:
        pool = [t for t in takes if t.source in JUMP_CLIPS and t.seconds >= 2 * 0.8 + 0.25]
        sources = sorted({t.source for t in pool})
        source = sources[rng.integers(len(sources))]
        take = [t for t in pool if t.source == source][rng.integers(len([t for t in pool if t.source == source]))]
        gap = max(1, round(float(rng.uniform(0.2, 1.5)) * take.fps))
        side = min(round(side_s * take.fps), (len(take.frames) - gap) // 2)
        if side < round(0.6 * take.fps):
            gap = len(take.frames) - 2 * round(0.6 * take.fps)
            side = round(0.6 * take.fps)
        start = int(rng.integers(len(take.frames) - 2 * side - gap + 1))
        before, after = take.frames[start : start + side], take.frames[start + side + gap : start + 2 * side + gap]
        punch = float(rng.uniform(1.05, 1.2)) if rng.random() < 0.5 else 1.0
        zooms = (1.0, punch) if rng.random() < 0.5 else (punch, 1.0)
        base = float(rng.uniform(1.0, 1.1))
        first, second = _crop(before, shape, at, base * zooms[0]), _crop(after, shape, at, base * zooms[1])
        note = f"gap {gap / take.fps:.2f} s" + (f", punch {zooms[1] / zooms[0]:.2f}" if punch > 1 else "")
        fps, source = take.fps, take.source
    else:
        a, i = _pick(rng, takes, round(1.0 * 30))
        b, j = _pick(rng, [t for t in takes if t.source != a.source], 30)
        n, m = min(round(side_s * a.fps), len(a.frames) - i), min(round(side_s * b.fps), len(b.frames) - j)
        first = _crop(a.frames[i : i + n], shape, at, float(rng.uniform(1, 1.2)))
        second = _crop(b.frames[j : j + m], shape, (float(rng.random()), float(rng.random())), float(rng.uniform(1, 1.2)))
        fps, note, source = a.fps, "", f"{a.source} | {b.source}"
    frames = np.concatenate([first, second])
    if rng.random() < 0.3:  # a caption that stays over the join, as in edited reels
        _caption(rng, frames, 0, len(frames))
    pts = np.arange(len(frames)) / fps
    t = float(pts[len(first)])
    return Clip(frames, pts, [Truth("cut", t, t, jump=jump, note=note)], source)


def compose_untouched(
    rng: np.random.Generator, takes: list[Take], seconds: float = 6.0, *, extras: tuple[str, ...] = ("flash", "caption", "hand")
) -> Clip:
    """One take without any cut, with flashes, pop-up captions and a hand over the lens laid over it.

    `camera` adds jerks, whip pans and quick zooms of the crop; `repeat` repeats frames as a 24 to 30 conversion or a busy phone does.
    """
    take, start = _pick(rng, takes, 45)
    n = min(round(seconds * take.fps), len(take.frames))
    start = int(rng.integers(len(take.frames) - n + 1))
    shape = SHAPES[rng.integers(len(SHAPES))]
    at, zoom = (float(rng.random()), float(rng.random())), float(rng.uniform(1, 1.15))
    if "camera" in extras and rng.random() < 0.4:
        frames = _moving_crop(rng, take.frames[start : start + n], shape)
    else:
        frames = _crop(take.frames[start : start + n], shape, at, zoom)
    if "repeat" in extras and rng.random() < 0.15:
        frames = _repeat(rng, frames)
    if "caption" in extras:
        t = int(rng.integers(3, 20))
        while t < n - 6:
            length = int(rng.integers(6, 45))
            _caption(rng, frames, t, min(n, t + length))
            t += length + int(rng.choice([0, 0, rng.integers(2, 30)]))
    if "flash" in extras:
        for _ in range(int(rng.integers(1, 4))):
            _flash(rng, frames, int(rng.integers(2, n - 4)))
    if "hand" in extras and rng.random() < 0.6:
        _hand(rng, frames, int(rng.integers(2, max(3, n - 30))))
    return Clip(frames, np.arange(n) / take.fps, [], take.source)


def _moving_crop(rng: np.random.Generator, frames: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    """A crop that moves: pans of 5-25 frames up to the whole free width, jerks, zooms of up to 1.35 within 4-30 frames; motion blur by
    averaging."""
    n, h, w = frames.shape[:3]
    zoom, y, x = np.full(n, 1.35), np.full(n, 0.5), np.full(n, 0.5)
    t = 0
    while t < n:
        k = int(rng.integers(5, 26))
        ease = 0.5 - 0.5 * np.cos(np.pi * np.clip((np.arange(n) - t) / k, 0, 1))
        track = (zoom, y, x)[int(rng.integers(3))]
        target = float(rng.uniform(1.05, 1.6)) if track is zoom else float(rng.random())
        track += ease * (target - track[min(t, n - 1)])
        t += k + int(rng.integers(0, 30))
    y += 0.01 * np.cumsum(rng.normal(0, 0.3, n)).clip(-8, 8)
    y, x = y.clip(0, 1), x.clip(0, 1)
    out = np.empty((n, *shape, 3), np.uint8)
    for i, frame in enumerate(frames):
        total = np.zeros((*shape, 3), np.float32)
        steps = 3
        for q in range(steps):
            f = min(n - 1, i + 1)
            a = q / steps * 0.6
            z, yy, xx = (track[i] * (1 - a) + track[f] * a for track in (zoom, y, x))
            scale = min(h / shape[0], w / shape[1]) / z
            total += _sample(np.asarray(frame), yy * (h - scale * shape[0]), xx * (w - scale * shape[1]), scale, shape)
        out[i] = total / steps
    return out


def _repeat(rng: np.random.Generator, frames: np.ndarray) -> np.ndarray:
    n = len(frames)
    every = int(rng.integers(3, 9))
    index = np.arange(n)
    if rng.random() < 0.6:
        index[every - 1 :: every] -= 1
    else:
        index -= rng.random(n) < 0.08
    return frames[np.maximum(index, 0)].copy()


WORDS = [
    "wait",
    "for",
    "it",
    "POV",
    "three",
    "things",
    "nobody",
    "tells",
    "you",
    "about",
    "step",
    "one",
    "pour",
    "slowly",
    "follow",
    "part",
    "two",
    "my",
    "dog",
    "is",
    "not",
    "impressed",
    "link",
    "in",
    "bio",
    "OMG",
    "watch",
    "this",
]


def _caption(rng: np.random.Generator, frames: np.ndarray, start: int, end: int) -> None:
    """Draw a caption or a picture sticker on frames[start:end] in place; it appears at once or grows over 2-4 frames."""
    h, w = frames.shape[1:3]
    layer = _sticker(rng, min(h, w)) if rng.random() < 0.15 else _text(rng, w)
    lh, lw = layer.shape[:2]
    if lh >= h or lw >= w:
        layer = cv2.resize(layer, (min(lw, w - 2), min(lh, h - 2)), interpolation=cv2.INTER_AREA)
        lh, lw = layer.shape[:2]
    y = int(rng.choice([0.12, 0.3, 0.5, 0.68, 0.8]) * (h - lh))
    x = (w - lw) // 2 if rng.random() < 0.8 else int(rng.integers(0, w - lw))
    ramp = int(rng.choice([1, 1, 1, 2, 4]))
    alpha = layer[..., 3:].astype(np.float32) / 255
    for i in range(start, end):
        k = min(1.0, (i - start + 1) / ramp)
        part = frames[i, y : y + lh, x : x + lw]
        part[:] = np.round(part * (1 - alpha * k) + layer[..., :3] * (alpha * k)).astype(np.uint8)


def _text(rng: np.random.Generator, w: int) -> np.ndarray:
    scale = 3  # drawn large and reduced, as a compositor would anti-alias
    size = int(rng.integers(11, 26)) * scale
    lines = [" ".join(rng.choice(WORDS, int(rng.integers(1, 4)))) for _ in range(int(rng.integers(1, 3)))]
    font = ImageFont.load_default(size)
    box = ImageDraw.Draw(Image.new("RGBA", (8, 8))).multiline_textbbox((0, 0), "\n".join(lines), font=font, stroke_width=scale)
    pad = 4 * scale
    image = Image.new("RGBA", (int(box[2] - box[0]) + 2 * pad, int(box[3] - box[1]) + 2 * pad), (0, 0, 0, 0))
    draw = ImageDraw.Draw(image)
    ink = [(255, 255, 255, 255), (255, 225, 40, 255), (20, 20, 20, 255), (255, 60, 90, 255)][int(rng.integers(4))]
    if rng.random() < 0.35 or ink[0] < 100:
        draw.rectangle((0, 0, *image.size), fill=(255, 255, 255, 235) if ink[0] < 100 else (0, 0, 0, int(rng.choice([140, 255]))))
    stroke = scale if ink[0] > 100 and rng.random() < 0.7 else 0
    draw.multiline_text(
        (pad - box[0], pad - box[1]), "\n".join(lines), font=font, fill=ink, stroke_width=stroke, stroke_fill=(0, 0, 0, 255), align="center"
    )
    k = min(1 / scale, 0.92 * w / image.size[0])
    return np.asarray(
        image.resize(
            (max(4, int(image.size[0] * k)), max(4, int(image.size[1] * k))),
            Image.Resampling.BOX if k == 1 / scale else Image.Resampling.LANCZOS,
        )
    )


def _sticker(rng: np.random.Generator, short: int) -> np.ndarray:
    side = int(short * rng.uniform(0.2, 0.4))
    yy, xx = np.mgrid[0:side, 0:side] / side - 0.5
    layer = np.zeros((side, side, 4), np.uint8)
    layer[..., :3] = rng.integers(0, 256, 3)
    layer[..., 3] = 255 * (np.hypot(yy, xx) < 0.48)
    for cx in (-0.16, 0.16):
        layer[np.hypot(yy + 0.1, xx - cx) < 0.08, :3] = rng.integers(0, 256, 3)
    return layer


def _flash(rng: np.random.Generator, frames: np.ndarray, start: int) -> None:
    """A photo flash: 1-4 frames of added light, decaying; whole picture or from one side."""
    h, w = frames.shape[1:3]
    length = int(rng.integers(1, 5))
    peak = float(rng.uniform(0.35, 1.0))
    shape = np.ones((h, w, 1), np.float32)
    if rng.random() < 0.5:
        yy, xx = np.mgrid[0:h, 0:w].astype(np.float32)
        d = np.hypot((yy / h - rng.random()), (xx / w - rng.random()))
        shape = np.exp(-((d / 0.7) ** 2))[..., None].astype(np.float32)
    for k in range(length):
        if start + k >= len(frames):
            break
        a = shape * peak * (1 - k / (length + 0.5))
        f = frames[start + k].astype(np.float32)
        frames[start + k] = np.clip(f * (1 + 0.8 * a) + 200 * a, 0, 255).astype(np.uint8)


def _hand(rng: np.random.Generator, frames: np.ndarray, start: int) -> None:
    """A defocused hand that slides over the lens within 0.15-0.5 s, stays, and goes away."""
    n, h, w = frames.shape[:3]
    travel, hold = int(rng.integers(5, 15)), int(rng.integers(4, 25))
    tone = np.array([[185, 130, 105], [120, 80, 62], [70, 45, 36], [30, 20, 18]][int(rng.integers(4))], np.float32)
    side = float(rng.choice([0, np.pi / 2, np.pi, -np.pi / 2])) + float(rng.uniform(-0.4, 0.4))
    big = np.zeros((3 * h, 3 * w), np.float32)
    cv2.ellipse(big, (3 * w // 2, 3 * h // 2), (int(0.85 * w), int(0.85 * h)), float(rng.uniform(-20, 20)), 0, 360, 1.0, -1)
    for k in range(4):
        cv2.ellipse(big, (int(3 * w / 2 + (k - 1.5) * 0.3 * w), int(0.75 * h)), (int(0.13 * w), int(0.45 * h)), 0, 0, 360, 1.0, -1)
    big = cv2.GaussianBlur(big, (0, 0), 0.03 * min(h, w))
    shade = cv2.GaussianBlur(rng.random((3 * h, 3 * w)).astype(np.float32), (0, 0), 0.15 * min(h, w))
    shade = 0.7 + 0.6 * (shade - shade.min()) / (np.ptp(shade) + 1e-6)
    for k in range(2 * travel + hold):
        i = start + k
        if i >= n:
            break
        u = min(1.0, (k + 1) / travel, (2 * travel + hold - k) / travel)
        u = 0.5 - 0.5 * np.cos(np.pi * u)
        dy, dx = (1 - u) * 1.9 * h * np.sin(side), (1 - u) * 1.9 * w * np.cos(side)
        m = np.array([[1, 0, w + dx], [0, 1, h + dy]], np.float32)
        flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
        a = cv2.warpAffine(big, m, (w, h), flags=flags)[..., None]
        s = cv2.warpAffine(shade, m, (w, h), flags=flags)[..., None]
        frames[i] = np.clip(frames[i] * (1 - a) + tone * s * a, 0, 255).astype(np.uint8)


def compose_gradual(rng: np.random.Generator, takes: list[Take], kind: str, side_s: float = 1.8) -> Clip:
    """Two takes of different sources joined by a dissolve (0.3-1.6 s), a fade through black or white (0.5-1.8 s in all) or a wipe
    (0.3-1.0 s)."""
    shape = SHAPES[rng.integers(len(SHAPES))]
    a, i = _pick(rng, takes, 40)
    b, j = _pick(rng, [t for t in takes if t.source != a.source], 40)
    fps = a.fps
    low, high = {"dissolve": (0.3, 1.6), "fade": (0.5, 1.8), "wipe": (0.3, 1.0)}[kind]
    k = max(4, round(float(rng.uniform(low, high)) * fps))
    side = round(side_s * fps)
    n = min(side + k, len(a.frames) - i)
    m = min(side + k, len(b.frames) - j)
    k = min(k, n - 5, m - 5)
    first = _crop(a.frames[i : i + n], shape, (float(rng.random()), float(rng.random()))).astype(np.float32)
    second = _crop(b.frames[j : j + m], shape, (float(rng.random()), float(rng.random()))).astype(np.float32)
    u = ((np.arange(k) + 1) / (k + 1)).astype(np.float32)[:, None, None, None]
    x, y = first[n - k :], second[:k]
    variant = None
    if kind == "dissolve":
        mid = x * (1 - u) + y * u
    elif kind == "fade":
        variant = str(rng.choice(["black", "white"]))
        c = 0.0 if variant == "black" else 255.0
        mid = np.where(u < 0.5, x * (1 - 2 * u) + c * 2 * u, y * (2 * u - 1) + c * (2 - 2 * u))
    else:
        variant = str(rng.choice(["left", "right", "up", "down"]))
        h, w = shape
        soft = float(rng.choice([0.5, 4.0]))  # px: a hard or a soft edge
        pos = (np.arange(w)[None, :] + np.zeros((h, 1))) if variant in ("left", "right") else (np.arange(h)[:, None] + np.zeros((1, w)))
        span = w if variant in ("left", "right") else h
        mids = []
        for q in range(k):
            edge = float(u[q, 0, 0, 0]) * span
            d = edge - pos if variant in ("right", "down") else pos - (span - edge)
            s = np.clip(d / soft + 0.5, 0, 1)[..., None]
            mids.append(x[q] * (1 - s) + y[q] * s)
        mid = np.stack(mids)
    frames = np.concatenate([first[: n - k], mid, second[k:]]).round().clip(0, 255).astype(np.uint8)
    pts = np.arange(len(frames)) / fps
    truth = Truth(kind, float(pts[n - k]), float(pts[n]), variant=variant)  # type: ignore[arg-type]
    return Clip(frames, pts, [truth], f"{a.source} | {b.source}")


def batches(clip: Clip, size: int = 60) -> Iterator[slice]:
    """Windows of about two seconds."""
    for start in range(0, len(clip.frames), size):
        yield slice(start, min(len(clip.frames), start + size))
