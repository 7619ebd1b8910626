"""Composed clips that tell a story, or not: which stages were planted, where, and what else happens that is none of them.

A clip is a row of blocks; each has its shots, captions, sentences and level of music, so that the same blocks in another order are another
story with another truth. Picture, captions and sound are real: footage, burned letters, jazz or a chord loop, and a synthetic voice whose
syllables follow the sentences; what is said stands beside it as a transcript, for no speech recogniser is part of this.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import av
import numpy as np
from PIL import Image, ImageDraw, ImageFont

from bench.accuracy._speech import read_mono16k
from bench.accuracy._story_words import WORDS
from bench.accuracy._text_clips import fonts
from reelscope.demo.timeline import Phrase, Syllable
from reelscope.demo.voice import speak
from reelscope.media.encode import ClipWriter

__all__ = ["Block", "Recipe", "Stock", "Truth", "draw", "load_stock", "render", "transcript"]

WIDTH_PX, HEIGHT_PX, FPS, RATE_HZ = 360, 640, 25, 48_000
SYLLABLE_S, WORD_GAP_S = 0.16, 0.05

# Takes without writing of their own: which look into the camera at their start, which are fast, which are calm and without a face.
FACES = ("talking-woman-flag-512.mp4", "vertical-selfie-man-office.mp4")
FAST = ("children-jumping-bed.mp4",)
CALM = ("coffee-pour-hands.mp4", "cars-top-down.mp4", "cockatoo-close-up.mp4")
OTHERS = ("dog-and-woman-driveway.mp4", "vertical-woman-lake-zoom-out.mp4", "basketball-gym-two-players.mp4", "plane-zoom-out-fade-out.mp4")
TAKE_S = 6.0

HOOKS = (None, None, "title", "title", "spoken", "face", "bang", "fast")
TURNS = (None, None, "spoken", "written", "music", "pace")
CALLS = (None, None, "spoken", "spoken", "written", "both")


@dataclass(frozen=True)
class Stock:
    """Takes as uint8 [n, 640, 360, 3] at 25 frames/s, and jazz at 16 kHz."""

    takes: dict[str, np.ndarray]
    jazz: np.ndarray


@dataclass(frozen=True)
class Shot:
    """Part of a take. zoom: a punch-in."""

    take: str
    offset_s: float
    length_s: float
    zoom: float = 1.0


@dataclass(frozen=True)
class Block:
    """Some seconds of the clip; times within it count from its start.

    Attributes:
        plants: Stages that it plants: (stage, start_s, end_s).
        captions: (text, start_s, end_s). speech: (sentence, start_s). level_db: change of the music's level from here on.
        bang: Whether a loud hit sounds at its start.
    """

    name: str
    shots: tuple[Shot, ...]
    captions: tuple[tuple[str, float, float], ...] = ()
    speech: tuple[tuple[str, float], ...] = ()
    plants: tuple[tuple[str, float, float], ...] = ()
    level_db: float = 0.0
    bang: bool = False

    @property
    def length_s(self) -> float:
        return sum(s.length_s for s in self.shots)


@dataclass(frozen=True)
class Recipe:
    """A clip. kinds: how hook, turn and call were planted."""

    seed: int
    language: str
    music: str | None
    blocks: tuple[Block, ...]
    kinds: dict[str, str | None] = field(default_factory=dict)

    @property
    def duration_s(self) -> float:
        return sum(b.length_s for b in self.blocks)

    def starts(self) -> list[float]:
        """When each block begins."""
        return [sum(b.length_s for b in self.blocks[:i]) for i in range(len(self.blocks))]

    def truth(self) -> dict[str, Truth]:
        """Stages that were planted."""
        return {
            stage: Truth(start + at, start + end)
            for block, start in zip(self.blocks, self.starts(), strict=True)
            for stage, at, end in block.plants
        }

    def reordered(self, order: Sequence[int]) -> Recipe:
        """The same blocks in another order."""
        return replace(self, blocks=tuple(self.blocks[i] for i in order))


@dataclass(frozen=True)
class Truth:
    """When a stage was planted."""

    start_s: float
    end_s: float


def load_stock(media: Path) -> Stock:
    """Decode the takes, cropped to the upright picture."""
    return Stock({n: _load(media / n) for n in (*FACES, *FAST, *CALM, *OTHERS)}, read_mono16k(media / "music-jazz-vibe-ace.ogg"))


def _load(path: Path) -> np.ndarray:
    out: list[np.ndarray] = []
    with av.open(str(path)) as container:
        for frame in container.decode(video=0):
            if frame.time is None or frame.time < len(out) / FPS:
                continue
            scale = max(WIDTH_PX / frame.width, HEIGHT_PX / frame.height)
            picture = frame.reformat(round(frame.width * scale) + 1, round(frame.height * scale) + 1, "rgb24").to_ndarray()
            x, y = (picture.shape[1] - WIDTH_PX) // 2, (picture.shape[0] - HEIGHT_PX) // 2
            out.append(np.ascontiguousarray(picture[y : y + HEIGHT_PX, x : x + WIDTH_PX]))
            if len(out) >= TAKE_S * FPS:
                break
    return np.stack(out)


def _said_s(sentence: str) -> float:
    return sum(_word_s(w) + WORD_GAP_S for w in sentence.split())


def _word_s(word: str) -> float:
    vowels = sum(c in "aeiouyäöüáéíóúàèìòùãõâêôаеёиоуыэюя" for c in word.casefold())
    return SYLLABLE_S * max(1, vowels)


class _Author:
    """Draws one recipe."""

    def __init__(self, seed: int, part: str) -> None:
        self.rng = random.Random(f"{part}-{seed}")
        languages = list(WORDS[part])
        self.language = self.rng.choice(["en"] * len(languages) + languages)
        self.words = WORDS[part][self.language]
        self.take = ""
        self.used: set[str] = set()

    def sentence(self, kind: str) -> str:
        """One that was not used yet, where there is one."""
        rows = [s for s in self.words[kind] if s not in self.used] or list(self.words[kind])
        found = self.rng.choice(rows)
        self.used.add(found)
        return found

    def shot(self, length_s: float, *, among: Sequence[str] | None = None, new: bool = True) -> Shot:
        rng = self.rng
        if new:
            self.take = rng.choice([t for t in (among or (*FACES, *CALM, *OTHERS, *FAST)) if t != self.take])
            return Shot(self.take, rng.uniform(0, 0.3) if among is FACES else rng.uniform(0, TAKE_S - 3.5), length_s)
        return Shot(self.take, rng.uniform(0, TAKE_S - 3.5), length_s, rng.uniform(1.4, 1.8))

    def grid(self, low: float, high: float) -> float:
        """Lengths on the grid of frames."""
        return round(self.rng.uniform(low, high) * FPS) / FPS

    def opening(self, kind: str | None) -> Block:
        if kind is None:
            length = self.grid(3.2, 4.0)
            calm = self.shot(length, among=CALM)
            speech = ((self.sentence("plain"), 0.3),) if self.rng.random() < 0.5 else ()
            return Block("opening", (calm,), speech=speech)
        if kind == "title":
            length = self.grid(2.0, 2.8)
            return Block(
                "opening", (self.shot(length, among=CALM),), ((self.sentence("title"), 0.2, length),), plants=(("hook", 0, length),)
            )
        if kind == "spoken":
            text = self.sentence("hook")
            end = 0.3 + _said_s(text)
            length = round(max(2.4, end + 0.3) * FPS) / FPS
            return Block("opening", (self.shot(length, among=CALM),), speech=((text, 0.3),), plants=(("hook", 0, min(3.0, end)),))
        length = self.grid(2.0, 2.8)
        if kind == "fast":
            cut = self.grid(0.7, 1.2)
            shots = (self.shot(cut, among=CALM), self.shot(length - cut, among=FAST))
            return Block("opening", shots, plants=(("hook", 0, length),))
        shot = self.shot(length, among=FACES if kind == "face" else CALM)
        return Block("opening", (shot,), bang=kind == "bang", plants=(("hook", 0, length),))

    def plain(self) -> Block:
        """A block in which nothing of the story happens, although there are cuts, captions, sentences and traps."""
        rng, length = self.rng, self.grid(1.5, 2.6)
        shots = (self.shot(length, new=rng.random() < 0.6),)
        captions = ((self.sentence("caption"), 0.3, length - 0.3),) if rng.random() < 0.5 else ()
        kind = "trap" if rng.random() < 0.4 else "plain"
        text = self.sentence(kind)
        speech = ((text, 0.2),) if rng.random() < 0.6 and _said_s(text) < length - 0.3 else ()
        return Block("plain", shots, captions, speech)

    def turn(self, kind: str) -> Block:
        if kind == "pace":
            shots = tuple(self.shot(self.grid(0.6, 0.9)) for _ in range(4))
            return Block("turn", shots, level_db=self.rng.choice((0, 9)), plants=(("turn", 0, 0),))
        length = self.grid(2.0, 2.8)
        shot = self.shot(length)
        if kind == "music":
            return Block("turn", (shot,), level_db=self.rng.choice((-14, 14)), plants=(("turn", 0, 0),))
        text = self.sentence("turn")
        if kind == "written":
            return Block("turn", (shot,), ((text, 0.0, length - 0.2),), plants=(("turn", 0, 0),))
        length = round(max(length, _said_s(text) + 0.4) * FPS) / FPS
        return Block("turn", (replace(shot, length_s=length),), speech=((text, 0.1),), plants=(("turn", 0, 0),))

    def steps(self) -> Block:
        """Two or three counted steps, written."""
        shots, captions, t = [], [], 0.0
        for number in range(1, self.rng.choice((3, 4))):
            length = self.grid(1.5, 1.9)
            shots.append(self.shot(length, new=self.rng.random() < 0.5))
            captions.append((f"Step {number}: {self.sentence('caption')}", t + 0.2, t + length - 0.1))
            t += length
        return Block("steps", tuple(shots), tuple(captions), plants=(("build_up", 0.2, t - 0.1),))

    def promise(self) -> tuple[Block, Block]:
        length = self.grid(1.5, 2.0)
        first = Block("promise", (self.shot(length, new=False),), ((self.sentence("promise"), 0.2, length - 0.1),))
        length = self.grid(1.6, 2.4)
        return first, Block("reveal", (self.shot(length),), plants=(("pay_off", 0, length),))

    def call(self, kind: str) -> Block:
        text = self.sentence("call")
        said = _said_s(text)
        length = round(max(self.grid(1.9, 2.6), said + 0.5) * FPS) / FPS
        captions = ((text, 0.2, length - 0.1),) if kind in ("written", "both") else ()
        speech = ((text, 0.3),) if kind in ("spoken", "both") else ()
        start, end = (0.2, length - 0.1) if captions else (0.3, 0.3 + said)
        return Block("call", (self.shot(length, new=self.rng.random() < 0.7),), captions, speech, (("call_to_action", start, end),))


def draw(seed: int, part: str) -> Recipe:
    """A recipe of the part "tune" or "report": one opening, then blocks in random order, the turn not first and not last."""
    author = _Author(seed, part)
    rng = author.rng
    hook, turn, call = rng.choice(HOOKS), rng.choice(TURNS), rng.choice(CALLS)
    blocks = [author.opening(hook), author.plain()]
    place = rng.choice(("early", "middle", "late", "late")) if call else None
    if place == "early":
        blocks.append(author.call(call))
    if rng.random() < 0.3:
        blocks.append(author.steps())
    if turn:
        if rng.random() < 0.5:
            blocks.append(author.plain())
        blocks.append(author.turn(turn))
    else:
        blocks.append(author.plain())
    if place == "middle":
        blocks.append(author.call(call))
    if rng.random() < 0.35:
        blocks += author.promise()
    blocks.append(author.plain())
    if place == "late":
        blocks.append(author.call(call))
    elif not turn or rng.random() < 0.5:
        blocks.append(author.plain())
    return Recipe(seed, author.language, rng.choice(("jazz", "chords", "jazz")), tuple(blocks), {"hook": hook, "turn": turn, "call": call})


def transcript(recipe: Recipe, *, without: Sequence[str] = ()) -> dict[str, Any]:
    """What is said, as speech_transcription writes it. without: names of blocks whose sentences are left out."""
    segments = []
    for block, start in zip(recipe.blocks, recipe.starts(), strict=True):
        for text, at in block.speech if block.name not in without else ():
            words, t = [], start + at
            for word in text.split():
                words.append({"start_s": round(t, 3), "end_s": round(t + _word_s(word), 3), "text": word, "confidence": 1.0})
                t += _word_s(word) + WORD_GAP_S
            segments.append({"start_s": words[0]["start_s"], "end_s": words[-1]["end_s"], "text": text, "words": words, "speaker": None})
    return {"segments": segments, "summary": {"language": recipe.language}, "series": [], "tracks": []}


def render(path: Path, recipe: Recipe, stock: Stock) -> None:
    """Write the clip."""
    with ClipWriter(path, WIDTH_PX, HEIGHT_PX, fps=FPS, audio_rate_hz=RATE_HZ, crf=20) as clip:
        for block in recipe.blocks:
            t = 0.0
            layers = [(start, end, _caption(text, random.Random(text))) for text, start, end in block.captions]
            for shot in block.shots:
                for k in range(round(shot.length_s * FPS)):
                    frame = _picture(stock.takes[shot.take], shot, k)
                    for start, end, (alpha, colour) in layers:
                        if start <= t + k / FPS < end:
                            frame = np.round(colour * alpha + frame * (1 - alpha)).astype(np.uint8)
                    clip.frame(frame)
                t += shot.length_s
        clip.audio(_sound(recipe, stock))


def _picture(take: np.ndarray, shot: Shot, k: int) -> np.ndarray:
    at = (round(shot.offset_s * FPS) + k) % (2 * len(take) - 2)
    frame = take[at if at < len(take) else 2 * len(take) - 2 - at]
    if shot.zoom > 1:
        w, h = round(WIDTH_PX / shot.zoom), round(HEIGHT_PX / shot.zoom)
        x, y = (WIDTH_PX - w) // 2, (HEIGHT_PX - h) // 3
        image = Image.fromarray(frame[y : y + h, x : x + w]).resize((WIDTH_PX, HEIGHT_PX), Image.Resampling.BILINEAR)
        return np.asarray(image)
    return frame


def _caption(text: str, rng: random.Random) -> tuple[np.ndarray, np.ndarray]:
    """Alpha float32 [h, w, 1] and colour float32 [h, w, 3] of a caption with an outline."""
    layer = Image.new("RGBA", (WIDTH_PX, HEIGHT_PX), (0, 0, 0, 0))
    drawing = ImageDraw.Draw(layer)
    size, path = rng.randint(26, 34), rng.choice(fonts()[:2])
    while True:
        font = ImageFont.load_default(size) if path is None else ImageFont.truetype(str(path), size)
        left, top, right, bottom = drawing.textbbox((0, 0), text, font=font, stroke_width=3)
        if right - left <= 0.92 * WIDTH_PX or size <= 14:
            break
        size -= 1
    xy = ((WIDTH_PX - left - right) / 2, rng.uniform(0.2, 0.75) * HEIGHT_PX)
    fill = rng.choice(((255, 255, 255), (255, 221, 51)))
    drawing.text(xy, text, font=font, fill=(*fill, 255), stroke_width=3, stroke_fill=(0, 0, 0, 255))
    pixels = np.asarray(layer, np.float32)
    return pixels[..., 3:] / 255, pixels[..., :3]


def _sound(recipe: Recipe, stock: Stock) -> np.ndarray:
    rng = np.random.default_rng(recipe.seed)
    n = round(recipe.duration_s * RATE_HZ)
    gain = np.zeros(n)
    out = np.zeros(n)
    phrases = []
    level = -9.0 if any(b.level_db > 0 for b in recipe.blocks) else 0.0
    for block, start in zip(recipe.blocks, recipe.starts(), strict=True):
        level += block.level_db
        gain[round(start * RATE_HZ) :] = 10 ** (level / 20)
        if block.bang:
            hit = rng.normal(0, 1, RATE_HZ // 2) * np.exp(-np.arange(RATE_HZ // 2) / RATE_HZ / 0.12)
            at = round((start + 0.15) * RATE_HZ)
            out[at : at + len(hit)] += 0.8 * hit / np.abs(hit).max()
        for text, at in block.speech:
            syllables = [
                Syllable(rng.choice(list("mnlrdtks")), rng.choice(list("aeiou")), SYLLABLE_S, rng.uniform(0.9, 1.15))
                for word in text.split()
                for _ in range(max(1, round(_word_s(word) / SYLLABLE_S)))
            ]
            phrases.append(Phrase(start + at, tuple(syllables)))
    music = _chords(n, rng) if recipe.music == "chords" else _jazz(n, rng, stock.jazz)
    smooth = np.convolve(gain, np.ones(480) / 480, "same")
    out += 0.16 * music * smooth
    if phrases:
        voice = speak(phrases, recipe.duration_s, RATE_HZ)
        out[: len(voice)] += 0.30 * voice[:n]
    return np.clip(out, -1, 1).astype(np.float32)


def _jazz(n: int, rng: np.random.Generator, jazz: np.ndarray) -> np.ndarray:
    import soxr

    length = round(n / RATE_HZ * 16_000) + 16
    at = int(rng.integers(0, len(jazz) - length))
    part = soxr.resample(jazz[at : at + length], 16_000, RATE_HZ)[:n]
    return part / max(1e-6, float(np.sqrt(np.mean(part**2)))) * 0.5


def _chords(n: int, rng: np.random.Generator) -> np.ndarray:
    t = np.arange(n) / RATE_HZ
    beat = float(rng.uniform(0.45, 0.65))
    out = np.zeros(n)
    for i in range(int(n / RATE_HZ / (4 * beat)) + 1):
        root = 110 * 2 ** (int(rng.choice([0, 5, 7, 9])) / 12)
        here = (t >= i * 4 * beat) & (t < (i + 1) * 4 * beat)
        for ratio in (1, 1.25, 1.5, 2):
            out[here] += np.sin(2 * np.pi * root * ratio * t[here])
    within = np.mod(t, beat)
    return 0.5 * (out / 4 * np.exp(-within / 0.8) + 0.5 * np.sin(2 * np.pi * 60 * within) * np.exp(-within / 0.08))
