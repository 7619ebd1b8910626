"""Clips whose cuts lie on the beats of their music, between them, or anywhere."""

from __future__ import annotations

import random
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import cv2
import numpy as np

from bench.accuracy import _tones
from reelscope.demo import timeline
from reelscope.demo.sound import RATE_HZ, soundtrack
from reelscope.media.encode import ClipWriter

__all__ = ["KINDS", "Made", "SOUNDS", "make"]

Kind = Literal["on", "off", "anywhere"]
KINDS: tuple[Kind, ...] = ("on", "off", "anywhere")
# The demo reel's music with its voice over it, a metronome, and drums whose tempo audio_analysis names right.
SOUNDS = ("demo", "clicks", "rock", "house")

FPS, WIDTH_PX, HEIGHT_PX = 30, 270, 480
SECONDS = 20.0
CUTS = 8
PAN_PX = 60
APART_S = 0.8  # shorter shots are the business of cut_analysis' own rows
EDGE_S = 1.0


@dataclass(frozen=True, slots=True)
class Made:
    """A clip that was written. cuts_s: pts of the first frames of new shots; beats_s: as they were played."""

    path: Path
    cuts_s: tuple[float, ...]
    beats_s: tuple[float, ...]


def make(path: Path, seed: int, kind: Kind, sound: str) -> Made:
    """Write a clip of twenty seconds with eight cuts."""
    rng = random.Random(seed)
    samples, beats = _sound(seed, sound)
    inner = [b for b in beats if EDGE_S <= b <= SECONDS - EDGE_S]
    gap = inner[1] - inner[0]
    places = {
        "on": inner,
        "off": [b + gap * rng.uniform(0.35, 0.65) for b in inner[:-1]],
        "anywhere": [rng.uniform(EDGE_S, SECONDS - EDGE_S) for _ in range(400)],
    }[kind]
    cuts = tuple(round(t * FPS) / FPS for t in _apart(rng, places))
    _render(path, seed, cuts, samples)
    return Made(path, cuts, tuple(beats))


def _sound(seed: int, sound: str) -> tuple[np.ndarray, list[float]]:
    """Mono float32 [n] at 48 kHz, and its beats."""
    rng = np.random.default_rng(seed)
    if sound == "demo":
        return soundtrack().mean(axis=1), [i * timeline.BEAT_S for i in range(int(SECONDS / timeline.BEAT_S))]
    tempo = float(rng.uniform(85, 150))
    made = _tones.click_track(rng, tempo, SECONDS, RATE_HZ) if sound == "clicks" else _tones.drum_track(rng, tempo, SECONDS, sound, RATE_HZ)
    return made.samples, made.beats_s.tolist()


def _apart(rng: random.Random, places: list[float]) -> list[float]:
    """Some of the places, in order, no two near each other."""
    out: list[float] = []
    for t in rng.sample(places, len(places)):
        if len(out) < CUTS and all(abs(t - other) >= APART_S for other in out):
            out.append(t)
    return sorted(out)


def _render(path: Path, seed: int, cuts_s: tuple[float, ...], samples: np.ndarray) -> None:
    grounds = [_ground(seed * 100 + i) for i in range(len(cuts_s) + 1)]
    with ClipWriter(path, WIDTH_PX, HEIGHT_PX, fps=FPS, audio_rate_hz=RATE_HZ, preset="ultrafast") as clip:
        for k in range(round(SECONDS * FPS)):
            ground = grounds[sum(c <= k / FPS + 1e-6 for c in cuts_s)]
            at = abs(k % (2 * PAN_PX) - PAN_PX)  # to and fro: a pan that starts again would be a cut
            clip.frame(np.ascontiguousarray(ground[:HEIGHT_PX, at : at + WIDTH_PX]))
            if (k + 1) % FPS == 0:
                clip.audio(samples[round((k + 1 - FPS) / FPS * RATE_HZ) : round((k + 1) / FPS * RATE_HZ)])


def _ground(seed: int) -> np.ndarray:
    """Soft spots of colour: uint8 [480, 330, 3]."""
    rng = np.random.default_rng(seed)
    spots = rng.uniform(30, 190, (13, 9, 3)).astype(np.float32) * rng.uniform(0.5, 1.1, 3).astype(np.float32)
    ground = cv2.resize(spots, (WIDTH_PX + PAN_PX, HEIGHT_PX), interpolation=cv2.INTER_CUBIC)
    return (ground + rng.normal(0, 3, (*ground.shape[:2], 1))).clip(0, 255).astype(np.uint8)
