"""What moves by itself in the demo reel's shots (steam, dust, smoke, sparks), as numbers; pure functions of time."""

from __future__ import annotations

import math
from dataclasses import dataclass

from reelscope.demo.timeline import BEAT_S, HEIGHT_PX, WIDTH_PX

__all__ = ["ON_LENS", "Puff", "beat_pulse", "puffs_at"]

Colour = tuple[int, int, int]

ON_LENS = ("motes", "sparks")  # these hang in front of the camera, not in the photograph


@dataclass(frozen=True, slots=True)
class Puff:
    """A soft light spot: centre and radius in photo pixels (ON_LENS: in output pixels), peak added brightness per channel."""

    x: float
    y: float
    radius: float
    light: Colour


def _hash(i: int, salt: int) -> float:
    """A fixed number in [0, 1) for piece `i`: random-looking, the same everywhere."""
    x = math.sin(i * 12.9898 + salt * 78.233) * 43758.5453
    return x - math.floor(x)


def puffs_at(live: str, t_s: float) -> list[Puff]:
    """Light spots of a shot at `t_s`: steam over the cup, dust in the light, smoke under the rocket, sparks over the end card."""
    if live == "steam":
        return [_steam(i, t_s) for i in range(16)]
    if live == "motes":
        return [_mote(i, t_s) for i in range(14)]
    if live == "sparks":
        return [_spark(i, t_s) for i in range(26)]
    if live == "plume":
        return [_smoke(i, t_s) for i in range(18)]
    return []


def _steam(i: int, t_s: float) -> Puff:
    age = (t_s / 1.9 + i / 16 + 0.3 * _hash(i, 1)) % 1.0
    x = 282 + 44 * (_hash(i, 2) - 0.5) + 17 * age * math.sin(5.2 * age + 2.1 * t_s + 6 * _hash(i, 3))
    glow = int(66 * math.sin(math.pi * age) ** 1.2)
    return Puff(x, 128 - 128 * age, 6 + 15 * age, (glow, glow, glow))


def _mote(i: int, t_s: float) -> Puff:
    x = (_hash(i, 4) * WIDTH_PX + 55 * math.sin(0.7 * t_s + 6 * _hash(i, 5)) + 30 * t_s) % WIDTH_PX
    y = (_hash(i, 6) * HEIGHT_PX - 60 * (t_s + 3 * _hash(i, 7))) % HEIGHT_PX
    twinkle = 0.55 + 0.45 * math.sin(2.6 * t_s + 6 * _hash(i, 8))
    return Puff(x, y, 16 + 34 * _hash(i, 9), (int(70 * twinkle), int(60 * twinkle), int(38 * twinkle)))


def _smoke(i: int, t_s: float) -> Puff:
    age = (t_s / 1.6 + i / 18) % 1.0
    side = 1 if i % 2 else -1
    x = 322 + side * (4 + 92 * age**0.8) + 6 * math.sin(3 * t_s + i)
    glow = math.sin(math.pi * min(1.0, age + 0.15)) * 62
    warm = 1.0 - 0.55 * age
    return Puff(
        x, 408 - 10 * age - 14 * _hash(i, 3) * age, 7 + 20 * age, (int(glow), int(glow * (0.72 + 0.2 * (1 - warm))), int(glow * 0.55))
    )


SPARKS: tuple[Colour, ...] = ((120, 96, 20), (30, 92, 120), (130, 40, 70), (40, 110, 70), (110, 110, 110))


def _spark(i: int, t_s: float) -> Puff:
    x = _hash(i, 13) * WIDTH_PX + 60 * math.sin(1.1 * t_s + 6 * _hash(i, 14))
    y = (_hash(i, 12) * (HEIGHT_PX + 240) - (120 + 130 * _hash(i, 11)) * t_s) % (HEIGHT_PX + 240) - 120
    return Puff(x, y, 24 + 50 * _hash(i, 15), SPARKS[i % len(SPARKS)])


def beat_pulse(t_s: float) -> float:
    """1.0 on each beat of the music, falling towards 0 before the next."""
    return math.exp(-6.0 * (t_s % BEAT_S))
