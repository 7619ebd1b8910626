"""Generated clips with captions of known words and times over real footage."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import av
import cv2
import numpy as np
from PIL import Image, ImageDraw, ImageFont

from reelscope.media.encode import ClipWriter

__all__ = ["FOOTAGE", "Caption", "fast_captions", "fonts", "plan_captions", "render", "still_clip"]

FOOTAGE = (
    "vertical-selfie-man-office.mp4",
    "vertical-woman-lake-zoom-out.mp4",
    "talking-woman-flag-512.mp4",
    "dog-and-woman-driveway.mp4",
    "coffee-pour-hands.mp4",
    "children-jumping-bed.mp4",
    "cockatoo-close-up.mp4",
    "stage-applause-handheld.mp4",
)
"""Clips without text of their own."""

WIDTH_PX, HEIGHT_PX, FPS, SECONDS = 540, 960, 30, 9.0

PHRASES = (
    "you need to see this", "Day 1 of 30", "How I saved $200", "WAIT FOR THE END", "3 mistakes beginners make", "link in bio",
    "No way!!", "Part 4: the kitchen", "what nobody tells you", "POV: it's 6 am", "Step 2: add the milk", "this changed everything",
    "Before / After", "save this for later", "my honest review", "Watch till the end", "he had no idea", "100% worth it",
    "Sunday reset", "best in town?", "I was not ready for this", "Top 5 places in Rome", "full recipe below", "don't skip this",
    "Tag a friend", "it gets better...", "New York, 9:45 pm", "MYTH vs FACT", "Here is the trick", "you won't believe it",
    "tell me why", "Subscribe for more", "quick tip #7", "Budget: 50 euros", "meet my dog Oscar", "stop doing this", "Is it real?",
    "Outfit of the day", "GYM MOTIVATION", "and then it happened", "do you agree?", "3 ingredients only", "made in 10 minutes",
    "Let's go!", "one more time", "a week in my life", "The secret sauce", "coming soon", "Zero to hero", "my morning routine",
)  # fmt: skip

SYSTEM_FONTS = (
    "dejavu/DejaVuSans-Bold.ttf", "liberation/LiberationSans-Bold.ttf", "inter/Inter-ExtraBold.otf", "inter/Inter-SemiBold.otf",
    "dejavu/DejaVuSerif-Bold.ttf", "liberation/LiberationSerif-Bold.ttf", "dejavu/DejaVuSansCondensed-Bold.ttf",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Caption:
    """One drawn text. A fading or sliding text's start_s and end_s are the middles of its fades or slides.

    Attributes:
        xy: Centre as share of the picture; size_px: font size; font: index into fonts().
        style: outline | plate | plain (a soft shadow); colours sRGB.
        motion: none | fade | slide; motion_s: how long it takes to come, and to go.
    """

    text: str
    start_s: float
    end_s: float
    xy: tuple[float, float]
    size_px: int
    font: int
    style: str
    fill: tuple[int, int, int]
    ground: tuple[int, int, int]
    motion: str = "none"
    motion_s: float = 0.0
    slide_from: tuple[float, float] = (0.0, 0.0)


def fonts() -> list[Path | None]:
    """Fonts at hand: bold faces of the system where there are any, else the one inside Pillow (None)."""
    folders = [Path("/usr/share/fonts/truetype"), Path("/usr/share/fonts/opentype")]
    found = [folder / name for name in SYSTEM_FONTS for folder in folders if (folder / name).is_file()]
    return [*found, None]


def plan_captions(rng: random.Random, count: int = 4) -> list[Caption]:
    """Captions that follow each other or stand together in different bands of the picture."""
    out: list[Caption] = []
    bands = [0.14, 0.32, 0.5, 0.68, 0.85]
    faces = len(fonts())
    at_s = rng.uniform(0.3, 0.8)
    for text in rng.sample(PHRASES, count):
        length_s = rng.uniform(1.0, 2.4)
        motion = rng.choice(("none", "none", "fade", "slide"))
        style = rng.choice(("outline", "outline", "plate", "plain"))
        fill, ground = rng.choice(
            (((255, 255, 255), (0, 0, 0)), ((255, 221, 51), (0, 0, 0)), ((255, 255, 255), (200, 30, 60)), ((20, 20, 20), (255, 255, 255)))
        )
        if style == "plain":
            fill, ground = (255, 255, 255), (0, 0, 0)
        start_s, end_s = round(at_s, 3), round(min(at_s + length_s, SECONDS - 0.2), 3)
        band = rng.choice(bands)
        slide = rng.choice(((-0.6, 0.0), (0.6, 0.0), (0.0, 0.12), (0.0, -0.12)))
        size_px, face = rng.randint(26, 56), rng.randrange(faces)
        xy = 0.5 + rng.uniform(-0.04, 0.04), band + rng.uniform(-0.03, 0.03)
        motion_s = rng.uniform(0.2, 0.4) if motion != "none" else 0.0
        out.append(Caption(text, start_s, end_s, xy, size_px, face, style, fill, ground, motion, motion_s, slide))
        at_s = end_s + rng.uniform(0.15, 0.7)
        if at_s > SECONDS - 1.4:
            break
    return out


def fast_captions(rng: random.Random, words: Sequence[str], each_s: float = 0.4) -> list[Caption]:
    """One word after another in one place, as subtitle tools for short clips set them."""
    font, y = rng.randrange(len(fonts())), rng.uniform(0.55, 0.75)
    return [
        Caption(w, round(1 + k * each_s, 3), round(1 + (k + 1) * each_s, 3), (0.5, y), 52, font, "outline", (255, 255, 255), (0, 0, 0))
        for k, w in enumerate(words)
    ]


def render(path: Path, footage: Path, captions: Sequence[Caption], *, seconds: float = SECONDS, crf: int = 23) -> None:
    """Write `captions` over `footage` (cropped to the upright picture, repeated back and forth where too short)."""
    background = _load(footage, seconds)
    layers = [_layer(caption) for caption in captions]
    with ClipWriter(path, WIDTH_PX, HEIGHT_PX, fps=FPS, crf=crf) as clip:
        for k in range(round(seconds * FPS)):
            at = k % (2 * len(background) - 2) if len(background) > 1 else 0
            frame = background[at if at < len(background) else 2 * len(background) - 2 - at].copy()
            for caption, layer in zip(captions, layers, strict=True):
                _blend(frame, layer, *_state(caption, k / FPS))
            clip.frame(frame)


def still_clip(path: Path, image: Path, *, seconds: float = 3.0) -> None:
    """Write a still picture as a clip, on even sides."""
    picture = cv2.cvtColor(cv2.imread(str(image)), cv2.COLOR_BGR2RGB)
    h, w = picture.shape[:2]
    picture = cv2.copyMakeBorder(picture, 0, h % 2, 0, w % 2, cv2.BORDER_REPLICATE)
    with ClipWriter(path, w + w % 2, h + h % 2, fps=25, crf=18) as clip:
        for _ in range(round(seconds * 25)):
            clip.frame(picture)


def _load(path: Path, seconds: float) -> list[np.ndarray]:
    out: list[np.ndarray] = []
    with av.open(str(path)) as container:
        for frame in container.decode(video=0):
            scale = max(WIDTH_PX / frame.width, HEIGHT_PX / frame.height)
            picture = frame.reformat(round(frame.width * scale) + 1, round(frame.height * scale) + 1, "rgb24").to_ndarray()
            x, y = (picture.shape[1] - WIDTH_PX) // 2, (picture.shape[0] - HEIGHT_PX) // 2
            out.append(np.ascontiguousarray(picture[y : y + HEIGHT_PX, x : x + WIDTH_PX]))
            if len(out) >= seconds * FPS:
                break
    return out


def _layer(caption: Caption) -> Image.Image:
    """The caption drawn at rest on a transparent picture."""
    layer = Image.new("RGBA", (WIDTH_PX, HEIGHT_PX), (0, 0, 0, 0))
    draw = ImageDraw.Draw(layer)
    size = caption.size_px
    stroke = max(2, size // 11) if caption.style == "outline" else 0
    while True:
        path = fonts()[caption.font]
        font = ImageFont.load_default(size) if path is None else ImageFont.truetype(str(path), size)
        left, top, right, bottom = draw.textbbox((0, 0), caption.text, font=font, stroke_width=stroke)
        if right - left <= 0.92 * WIDTH_PX or size <= 14:
            break
        size -= 1
    x = caption.xy[0] * WIDTH_PX - (left + right) / 2
    x = min(max(x, 10 - left), WIDTH_PX - 10 - right)
    y = caption.xy[1] * HEIGHT_PX - (top + bottom) / 2
    if caption.style == "plate":
        pad = size // 3
        draw.rounded_rectangle((x + left - pad, y + top - pad, x + right + pad, y + bottom + pad), pad, fill=(*caption.ground, 255))
    if caption.style == "plain":
        draw.text((x + 2, y + 2), caption.text, font=font, fill=(0, 0, 0, 150))
    draw.text((x, y), caption.text, font=font, fill=(*caption.fill, 255), stroke_width=stroke, stroke_fill=(*caption.ground, 255))
    return layer


def _state(caption: Caption, t_s: float) -> tuple[float, int, int]:
    """Opacity 0-1 and shift in px at a time."""
    if caption.motion == "none":
        return (1.0 if caption.start_s - 1e-6 <= t_s < caption.end_s - 1e-6 else 0.0), 0, 0
    half = caption.motion_s / 2
    there = min((t_s - caption.start_s + half) / caption.motion_s, (caption.end_s + half - t_s) / caption.motion_s, 1.0)
    if there <= 0:
        return 0.0, 0, 0
    if caption.motion == "fade":
        return there, 0, 0
    away = (1 - there) ** 2 if there < 1 else 0.0  # eased, as editing tools move things
    opacity = there if caption.slide_from[1] else 1.0  # from the side it enters over the edge, up or down it comes out of nothing
    return opacity, round(caption.slide_from[0] * WIDTH_PX * away * 1.6), round(caption.slide_from[1] * HEIGHT_PX * away)


def _blend(frame: np.ndarray, layer: Image.Image, opacity: float, dx: int, dy: int) -> None:
    if opacity <= 0:
        return
    box = layer.getbbox()
    if box is None:
        return
    x0, y0, x1, y1 = box[0] + dx, box[1] + dy, box[2] + dx, box[3] + dy
    cx0, cy0, cx1, cy1 = max(0, x0), max(0, y0), min(WIDTH_PX, x1), min(HEIGHT_PX, y1)
    if cx1 <= cx0 or cy1 <= cy0:
        return
    part = np.asarray(layer.crop((cx0 - dx, cy0 - dy, cx1 - dx, cy1 - dy)), np.float32)
    alpha = part[..., 3:] / 255 * opacity
    under = frame[cy0:cy1, cx0:cx1].astype(np.float32)
    frame[cy0:cy1, cx0:cx1] = np.round(part[..., :3] * alpha + under * (1 - alpha)).astype(np.uint8)
