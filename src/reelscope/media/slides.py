"""The mark in a clip of still pictures: which frames are which slide. The file alone tells, wherever it is sent.

The mark counts frames and gives no times: those come from the stream itself. A file that was cut, sped up or re-encoded at another rate and
kept the mark has other frames, and is then read like any clip.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from fractions import Fraction
from itertools import accumulate
from typing import Any

from reelscope.timebase import seconds

__all__ = ["MAX_SLIDES", "TAG", "SlideMark", "read_mark", "slide_starts", "slide_words"]

# A key of our own: chapters and titles mean other things in other people's files.
TAG = "reelscope:slides"
FORMAT = 1
# TikTok takes 35 pictures in a post, Instagram 20; a hundred leaves room, and bounds what making a clip costs.
MAX_SLIDES = 100
# A mark of a hundred slides has some 600 characters; more is not ours, and is not parsed.
MAX_MARK_CHARS = 4096
MAX_FRAMES = 10_000_000


@dataclass(frozen=True, slots=True)
class SlideMark:
    """What the file says about its slides.

    Attributes:
        frames: Frames of each slide, in order.
        sound_s: Length of the whole sound where only its beginning is in the clip, else None.
        moving: Number of animated pictures, of which the first frame is shown.
    """

    frames: tuple[int, ...]
    sound_s: float | None = None
    moving: int = 0

    def text(self) -> str:
        """The value of the tag."""
        return json.dumps({"format": FORMAT, **asdict(self)}, separators=(",", ":"))


def read_mark(container: Any) -> SlideMark | None:
    """The mark of an opened file; None where there is none, or one that we would not write."""
    text = container.metadata.get(TAG)
    if text is None or len(text) > MAX_MARK_CHARS:
        return None
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return None
    if not isinstance(found, dict) or found.get("format") != FORMAT:
        return None
    frames, sound_s, moving = found.get("frames"), found.get("sound_s"), found.get("moving", 0)
    if not isinstance(frames, list) or not 1 <= len(frames) <= MAX_SLIDES or not all(_count(n, 1, MAX_FRAMES) for n in frames):
        return None
    if not _count(moving, 0, len(frames)) or not (sound_s is None or (type(sound_s) in (int, float) and 0 < sound_s < MAX_FRAMES)):
        return None
    return SlideMark(tuple(frames), None if sound_s is None else float(sound_s), moving)


def _count(value: Any, least: int, most: int) -> bool:
    return type(value) is int and least <= value <= most  # True is an int, and no count


def slide_starts(mark: SlideMark, pts: Sequence[int], time_base: Fraction, origin: Fraction) -> tuple[float, ...] | None:
    """When each slide's first frame is shown, in seconds on the clip's clock; None where the file has other frames than the mark says.

    Args:
        pts: Distinct times of the picture's packets, ascending, in ticks of `time_base`; origin: see Probe.
    """
    if sum(mark.frames) != len(pts):
        return None
    steps = {b - a for a, b in zip(pts, pts[1:], strict=False)}
    if steps and max(steps) - min(steps) > 1:  # made at a constant rate; one tick for the rounding of another container's clock
        return None
    firsts = accumulate(mark.frames[:-1], initial=0)
    return tuple(seconds(pts[first], time_base, origin) for first in firsts)


def slide_words(mark: SlideMark, duration_s: float) -> list[str]:
    """What a reader of the document must know about a clip of slides."""
    n = len(mark.frames)
    what = f"{n} still pictures" if n > 1 else "a still picture"
    words = [f"the clip was made of {what}: frame rate, stillness, and when one picture follows another are of the making, not of the post"]
    if mark.sound_s is not None:
        words.append(f"of its sound of {mark.sound_s:.2f} s the first {duration_s:.2f} s are in the clip")
    if mark.moving:
        words.append(f"of {mark.moving} animated picture{'s' if mark.moving > 1 else ''} only the first frame is shown")
    return words
