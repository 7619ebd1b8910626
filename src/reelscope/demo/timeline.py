"""What happens in the demo reel and when: plain data, from which the pictures, the sound and the truth are made.

Shots lie on a grid of 30 frames/s and music of 100 beats/min (18 frames a beat), so that every time below is exact.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Literal

__all__ = [
    "BEAT_S",
    "CAPTIONS",
    "CHORDS",
    "DURATION_S",
    "FPS",
    "FRAMES",
    "HEIGHT_PX",
    "KEY",
    "PHRASES",
    "SHOTS",
    "TEMPO_BPM",
    "TRANSITIONS",
    "WATERMARK",
    "WIDTH_PX",
    "Caption",
    "Cutting",
    "Live",
    "Path",
    "Phrase",
    "Shot",
    "Syllable",
    "View",
    "beats_s",
    "caption_opacity",
    "layers_at",
    "view_at",
]

WIDTH_PX, HEIGHT_PX, FPS = 1080, 1920, 30
FRAMES = 612
DURATION_S = FRAMES / FPS
TEMPO_BPM = 100
BEAT_S = 60 / TEMPO_BPM
KEY = "D major"
CHORDS: tuple[str, ...] = ("D", "G", "D", "A", "D", "G", "A", "D", "D")  # one a bar of four beats; the last one rings out

Live = Literal["none", "steam", "motes", "plume", "sparks"]


@dataclass(frozen=True, slots=True)
class View:
    """What the camera frames of a photograph: centre and height of the crop in photo pixels, roll in degrees."""

    x: float
    y: float
    height: float
    roll_deg: float = 0.0


@dataclass(frozen=True, slots=True)
class Path:
    """The camera's way through a shot, linear (zoom: exponential) in the shot's own clock, plus a hand's unrest.

    Attributes:
        move: As camera_analysis names it.
        start: The view at the shot's first moment.
        speed_fw_s: Pan in frame widths per second (positive: the camera turns right).
        zoom_rate_s: Natural logarithm of the picture's scale per second (positive: content grows).
        unrest: Amplitude of the handheld sway in frame widths; clock_s: where in the sway the shot begins.
    """

    move: str
    start: View
    speed_fw_s: float = 0.0
    zoom_rate_s: float = 0.0
    unrest: float = 0.0
    clock_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Shot:
    """One shot; `source` is a photograph inside scikit-image, or "drawn"."""

    start_s: float
    end_s: float
    scene: int
    source: str
    path: Path
    live: Live = "none"


@dataclass(frozen=True, slots=True)
class Cutting:
    """A transition, in the words of cut_analysis; for a cut start_s = end_s = pts of the new shot's first frame."""

    kind: Literal["cut", "dissolve", "fade", "wipe"]
    start_s: float
    end_s: float
    variant: str | None = None
    jump_cut: bool = False


@dataclass(frozen=True, slots=True)
class Caption:
    """Text laid over the picture, centred at `x_px`, its top edge at `y_px` (both from the picture's top left).

    `fade_s`: how long it takes to come and to go, around start_s and end_s,
    which are the moments of half opacity. `box`: on a filled plate of this colour.
    """

    lines: tuple[str, ...]
    start_s: float
    end_s: float
    size_px: int
    y_px: int
    role: str = "caption"
    x_px: int = WIDTH_PX // 2
    fill: tuple[int, int, int] = (255, 255, 255)
    outline: tuple[int, int, int] | None = (0, 0, 0)
    box: tuple[int, int, int] | None = None
    fade_s: float = 0.0
    weight_px: int = 2
    opacity: float = 1.0


@dataclass(frozen=True, slots=True)
class Syllable:
    """Consonant ("" for none), vowel, length in seconds, and pitch as a factor of the phrase's contour."""

    onset: str
    vowel: str
    length_s: float
    pitch: float = 1.0


@dataclass(frozen=True, slots=True)
class Phrase:
    """Voice-like sound without words, between pauses of at least 0.3 s."""

    start_s: float
    syllables: tuple[Syllable, ...] = field(repr=False)

    @property
    def end_s(self) -> float:
        return round(self.start_s + sum(s.length_s for s in self.syllables), 3)


SHOTS: tuple[Shot, ...] = (
    Shot(0.0, 2.4, 0, "coffee.png", Path("zoom_in", View(322, 200, 392), zoom_rate_s=0.13), "steam"),
    Shot(2.4, 4.5, 0, "coffee.png", Path("static", View(196, 204, 384)), "steam"),
    Shot(4.5, 7.2, 1, "astronaut.png", Path("handheld", View(222, 212, 410), unrest=0.016)),
    Shot(7.2, 9.3, 1, "astronaut.png", Path("handheld", View(222, 186, 342), unrest=0.016, clock_s=3.6)),
    Shot(9.3, 11.4, 2, "chelsea.png", Path("static", View(197, 140, 272)), "motes"),
    Shot(11.4, 14.7, 3, "motorcycle_left.png", Path("pan_right", View(152, 262, 440), speed_fw_s=0.34)),
    Shot(14.7, 17.4, 4, "rocket.jpg", Path("zoom_out", View(322, 230, 250), zoom_rate_s=-0.15), "plume"),
    Shot(17.4, 20.4, 5, "drawn", Path("static", View(0, 0, 0)), "sparks"),
)

TRANSITIONS: tuple[Cutting, ...] = (
    Cutting("cut", 2.4, 2.4),
    Cutting("dissolve", 4.2, 4.8),
    Cutting("cut", 7.2, 7.2, jump_cut=True),
    Cutting("cut", 9.3, 9.3),
    Cutting("fade", 11.0, 11.8, variant="black"),
    Cutting("wipe", 14.4, 15.0, variant="left"),
    Cutting("cut", 17.4, 17.4),
)

YELLOW, INK, WHITE = (255, 221, 51), (22, 24, 34), (255, 255, 255)

CAPTIONS: tuple[Caption, ...] = (
    Caption(("5 tiny habits", "for slow mornings"), 0.2, 2.4, 104, 290, role="title", fill=YELLOW),
    Caption(("first: real coffee",), 2.6, 4.2, 84, 1390),
    Caption(("then ask an expert",), 4.9, 7.0, 80, 1460, fill=INK, outline=None, box=WHITE),
    Caption(("wait, what?",), 7.3, 9.1, 120, 930, fill=YELLOW),
    Caption(("my cat disagrees",), 9.5, 10.9, 88, 340),
    Caption(("Chapter two",), 12.1, 14.1, 132, 760, role="title", fade_s=0.4, weight_px=3),
    Caption(("and now: lift off in 3, 2, 1",), 15.2, 17.2, 68, 1500),
    Caption(("Follow for part 2",), 17.8, 20.4, 112, 560, outline=(60, 20, 90)),
)

WATERMARK = Caption(("@slowmornings",), 0.0, DURATION_S, 40, 96, role="watermark", x_px=880, weight_px=1, opacity=0.75)


def _phrase(start_s: float, text: str) -> Phrase:
    """Read "lo ME-na_" : syllables by spaces or hyphens, capitals for stress (longer, higher), a closing "_" for a drawn-out end."""
    out = []
    for token in text.replace("-", " ").split():
        drawn = token.endswith("_")
        stressed = token.rstrip("_").isupper()
        word = token.rstrip("_").lower()
        length_s = 0.17 + 0.05 * stressed + 0.11 * drawn
        out.append(Syllable(word[:-1], word[-1], length_s, 1.14 if stressed else 1.0))
    return Phrase(start_s, tuple(out))


PHRASES: tuple[Phrase, ...] = (
    _phrase(0.45, "ha LO me-na ti DA se-mo li-NA_"),
    _phrase(3.05, "wa RE ko-li NA_"),
    _phrase(4.95, "so mi-LA de na-RO ti ke-LA me NO_"),
    _phrase(7.65, "le DA_"),
    _phrase(8.75, "ni-KO_"),
    _phrase(9.95, "ma-li SE do-ri NA_"),
    _phrase(12.3, "di MO-la re ta-NI so ME-lo_"),
    _phrase(15.2, "na DE lo-mi KA re-so LI na_"),
    _phrase(17.9, "so LE-mi na DO ra-TE_"),
)


def beats_s() -> list[float]:
    """Times of all beats in the clip."""
    return [round(i * BEAT_S, 3) for i in range(math.ceil(DURATION_S / BEAT_S))]


def view_at(shot: Shot, t_s: float) -> View:
    """Where the camera looks at clip time `t_s`, also before and after the shot's own interval, where a transition shows it."""
    path, own_s = shot.path, t_s - shot.start_s
    start = path.start
    height = start.height * math.exp(-path.zoom_rate_s * own_s)
    width = height * WIDTH_PX / HEIGHT_PX
    x, y, roll = start.x + path.speed_fw_s * own_s * width, start.y, start.roll_deg
    if path.unrest:
        dx, dy, droll = _sway(own_s + path.clock_s)
        x, y, roll = x + dx * path.unrest * width, y + dy * path.unrest * width, roll + droll
    return View(x, y, height, roll)


def _sway(t_s: float) -> tuple[float, float, float]:
    """A hand's unrest: slow drift of the arms (below 1 Hz) and tremor (3-7 Hz), in units of the amplitude; roll in degrees."""
    wave = math.tau * t_s
    dx = 0.75 * math.sin(0.62 * wave) + 0.35 * math.sin(1.7 * wave + 1.1) + 0.16 * math.sin(4.3 * wave + 0.4)
    dy = 0.60 * math.sin(0.83 * wave + 2.0) + 0.40 * math.sin(2.1 * wave + 0.7) + 0.18 * math.sin(5.2 * wave + 2.2)
    roll = 0.45 * math.sin(0.55 * wave + 0.9) + 0.12 * math.sin(2.6 * wave)
    return dx, dy, roll


def layers_at(t_s: float) -> tuple[int, int | None, Cutting | None, float]:
    """Which shots the frame at `t_s` shows.

    Returns:
        Index of the (older) shot, index of the newer one and the transition where one is under way, and how far it is (0-1).
    """
    for i, transition in enumerate(TRANSITIONS):
        if transition.start_s <= t_s < transition.end_s:
            return i, i + 1, transition, (t_s - transition.start_s) / (transition.end_s - transition.start_s)
    for i, shot in enumerate(SHOTS):
        if t_s < shot.end_s:
            return i, None, None, 0.0
    return len(SHOTS) - 1, None, None, 0.0


def caption_opacity(caption: Caption, t_s: float) -> float:
    """How opaque (0-1) a caption is at `t_s`; the full figure is the caption's own `opacity`."""
    half = caption.fade_s / 2
    if not caption.start_s - half <= t_s < caption.end_s + half:
        return 0.0
    if not half:
        return caption.opacity
    ramp = min((t_s - caption.start_s + half) / caption.fade_s, (caption.end_s + half - t_s) / caption.fade_s, 1.0)
    return caption.opacity * max(0.0, ramp)
