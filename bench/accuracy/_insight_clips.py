"""Generated clips for the insights: captions of known words, places and times over a moving ground, cuts and clicks at known times."""

from __future__ import annotations

import random
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from reelscope.demo.picture import caption_boxes, caption_image
from reelscope.demo.timeline import Caption
from reelscope.document.measures.zones import PROFILES, hidden_share
from reelscope.media.encode import ClipWriter

__all__ = ["FPS", "Drawn", "Plan", "plan", "render"]

FPS = 30
RATE_HZ = 48_000
SECONDS = 12.0
PAN_PX = 2  # a frame
BEAT_S = 0.5  # 15 frames, 120 a minute
# A share this near to the limit of a hidden text would turn its seconds over by the error of a pixel; such places are not drawn.
CLEAR_OF_LIMIT = 0.03
WORDS = (
    "light", "water", "morning", "coffee", "music", "garden", "silver", "window", "summer", "paper", "little", "river", "seven", "kitchen",
    "simple", "travel", "number", "orange",
)  # fmt: skip
COLOURS = (((255, 255, 255), (0, 0, 0), None), ((255, 221, 51), (0, 0, 0), None), ((22, 24, 34), None, (255, 255, 255)))


@dataclass(frozen=True, slots=True)
class Drawn:
    """A caption with the box of its ink in shares of the picture. colours: of letters and of what surrounds them, sRGB."""

    caption: Caption
    xywh_norm: tuple[float, float, float, float]
    colours: tuple[tuple[int, int, int], tuple[int, int, int]]

    @property
    def text(self) -> str:
        return " ".join(self.caption.lines)


@dataclass(frozen=True, slots=True)
class Plan:
    """What a clip shows and sounds. cuts_s: on the pts of frames; beats_s: of the clicks."""

    size_px: tuple[int, int]
    drawn: tuple[Drawn, ...]
    cuts_s: tuple[float, ...]
    beats_s: tuple[float, ...]
    seed: int


def plan(seed: int, size_px: tuple[int, int]) -> Plan:
    """A clip of twelve seconds: five captions, of which some are too fast, six cuts of which four or so lie on a beat."""
    rng = random.Random(seed)
    beats = tuple(round(k * BEAT_S, 6) for k in range(1, round(SECONDS / BEAT_S)))
    on, off = rng.sample(range(3, 22), 4), rng.sample(range(3, 22), 2)
    cuts = sorted({round(k * BEAT_S, 6) for k in on} | {round(k * BEAT_S + 7 / FPS, 6) for k in off})
    drawn: list[Drawn] = []
    at = 0.5
    for _ in range(5):
        length = rng.choice((0.8, 1.0, 1.5, 2.0))
        found = None
        while found is None:
            found = _caption(rng, round(at * FPS) / FPS, round((at + length) * FPS) / FPS, size_px)
        drawn.append(found)
        at += length + rng.choice((0.3, 0.5))
    return Plan(size_px, tuple(drawn), tuple(cuts), beats, seed)


def _caption(rng: random.Random, start_s: float, end_s: float, size_px: tuple[int, int]) -> Drawn | None:
    """A caption somewhere in the picture; None where it does not lie in it or is too near to a limit."""
    fill, outline, box = rng.choice(COLOURS)
    lines = tuple(" ".join(rng.sample(WORDS, rng.choice((2, 2, 3)))) for _ in range(rng.choice((1, 1, 2))))
    size, x, y = rng.choice((56, 64, 76)), rng.randint(300, 780), rng.randint(60, size_px[1] - 260)
    caption = Caption(lines, start_s, end_s, size, y, x_px=x, fill=fill, outline=outline, box=box)
    whole, (left, top, width, height) = caption_boxes(caption)
    if whole[0] < 8 or whole[1] < 8 or whole[0] + whole[2] > size_px[0] - 8 or whole[1] + whole[3] > size_px[1] - 8:
        return None
    where = left / size_px[0], top / size_px[1], width / size_px[0], height / size_px[1]
    shares = [hidden_share(p, where, *size_px) for p in PROFILES.values()]
    if any(abs(share - 0.05) < CLEAR_OF_LIMIT and share > 0 for share in shares):
        return None
    return Drawn(caption, where, (fill, outline or box or fill))


def render(path: Path, made: Plan) -> None:
    """Write the clip."""
    width, height = made.size_px
    frames = round(SECONDS * FPS)
    sound = _clicks(made)
    grounds = [_ground(made.seed * 100 + i) for i in range(len(made.cuts_s) + 1)]
    stamps = [(d.caption, *caption_image(d.caption)) for d in made.drawn]
    with ClipWriter(path, width, height, fps=FPS, audio_rate_hz=RATE_HZ, preset="ultrafast") as clip:
        for k in range(frames):
            t = k / FPS
            shot = sum(c <= t + 1e-6 for c in made.cuts_s)
            frame = _view(grounds[shot], k, width, height)
            for caption, (left, top), rgba in stamps:
                if caption.start_s - 1e-6 <= t < caption.end_s - 1e-6:
                    part = frame[top : top + rgba.shape[0], left : left + rgba.shape[1]]
                    alpha = rgba[..., 3:].astype(np.float32) / 255
                    part[:] = np.round(rgba[..., :3] * alpha + part * (1 - alpha)).astype(np.uint8)
            clip.frame(frame)
            if (k + 1) % FPS == 0:
                clip.audio(sound[round((k + 1 - FPS) / FPS * RATE_HZ) : round((k + 1) / FPS * RATE_HZ)])


def _ground(seed: int) -> np.ndarray:
    """Soft spots of colour, wide enough for the whole pan: uint8 [1920, w, 3]."""
    rng = np.random.default_rng(seed)
    spots = rng.uniform(30, 190, (26, 24, 3)).astype(np.float32) * rng.uniform(0.5, 1.1, 3).astype(np.float32)
    ground = cv2.resize(spots, (1080 + PAN_PX * round(SECONDS * FPS), 1920), interpolation=cv2.INTER_CUBIC)
    return (ground + rng.normal(0, 3, (*ground.shape[:2], 1))).clip(0, 255).astype(np.uint8)


def _view(ground: np.ndarray, k: int, width: int, height: int) -> np.ndarray:
    """A steady pan over the ground, so that what rests is the text."""
    return np.ascontiguousarray(ground[:height, k * PAN_PX : k * PAN_PX + width])


def _clicks(made: Plan) -> np.ndarray:
    """Drum-like clicks on the beats: float32 [n]."""
    n = round(SECONDS * RATE_HZ)
    sound = np.random.default_rng(made.seed).normal(0, 1e-4, n).astype(np.float32)
    t = np.arange(round(0.12 * RATE_HZ)) / RATE_HZ
    hit = (np.sin(2 * np.pi * (60 + 90 * np.exp(-t * 40)) * t) * np.exp(-t * 28)).astype(np.float32)
    hit += np.random.default_rng(1).normal(0, 0.35, len(t)).astype(np.float32) * np.exp(-t * 160).astype(np.float32)
    for beat in made.beats_s:
        at = round(beat * RATE_HZ)
        part = sound[at : at + len(hit)]
        part += 0.5 * hit[: len(part)]
    return sound.clip(-1, 1)
