"""The grid of frames that an editing program works on, and a clip's seconds on it.

Times in a document are true: they come from the stream's own time stamps. An edit list knows frames only, all of one length. So each
boundary is rounded to the nearest frame of a grid, alone and from its own seconds: errors do not add up, a boundary that two shots share
stays one boundary, and none is moved by more than half a frame.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import floor

from reelscope.document.schema import MediaInfo

__all__ = ["EDITING_RATES", "Grid", "grid_of"]

EDITING_RATES: tuple[Fraction, ...] = (
    Fraction(24000, 1001),
    Fraction(24),
    Fraction(25),
    Fraction(30000, 1001),
    Fraction(30),
    Fraction(50),
    Fraction(60000, 1001),
    Fraction(60),
)
"""Rates of sequences that Final Cut Pro, EDLs and their readers all know. The rates of NTSC are the exact fractions."""

WHOLE_RATES = tuple(r for r in EDITING_RATES if r.denominator == 1)

# A document has the mean rate of the time stamps. Files with time stamps in milliseconds are off by 1 ms over their length: 0.2 % at half a
# second. 24 and 24000/1001 are 0.1 % apart, so the nearest one is taken; the next rates are 4 % away.
SAME_RATE = Fraction(3, 1000)
# A phone that is asked for 30 and gives 30.2 on the mean shall not be put on a grid of 50.
FASTER_AT_MOST = Fraction(2, 100)
NO_RATE = Fraction(30)  # sound has no frames; 30 is the usual rate of vertical clips
MICRO = 10**6  # documents have 6 decimals


@dataclass(frozen=True, slots=True)
class Grid:
    """Frames of one length.

    Attributes:
        rate: Frames a second, exact.
        nominal: Whether the clip's own frames do not lie on this grid.
        why: Why it is nominal, for people; empty where it is the clip's own.
    """

    rate: Fraction
    nominal: bool = False
    why: str = ""

    @property
    def timebase(self) -> int:
        """Frames that a second of timecode counts: 30 for 30000/1001."""
        return round(self.rate)

    @property
    def words(self) -> str:
        """The rate as a fraction, 30000/1001, or as a whole number."""
        return str(self.rate)

    def frame(self, t_s: float) -> int:
        """The nearest frame boundary; of two that are equally near the later one."""
        return floor(Fraction(round(t_s * MICRO), MICRO) * self.rate + Fraction(1, 2))

    def seconds(self, frame: int) -> Fraction:
        """When a frame begins, exact."""
        return frame / self.rate


def grid_of(media: MediaInfo) -> Grid:
    """The grid of a clip: its own frames where they are all of one length that editing programs know, else a nominal one."""
    if not media.fps or media.fps <= 0:
        return Grid(NO_RATE, nominal=True, why="the clip has no frame rate: times stand on a nominal grid")
    fps = Fraction(media.fps).limit_denominator(MICRO)
    if media.vfr:
        return Grid(_finer(WHOLE_RATES, fps), nominal=True, why=f"variable frame rate, {float(fps):.6g} on the mean: {_NOMINAL}")
    nearest = min(EDITING_RATES, key=lambda r: abs(r - fps) / r)
    if abs(nearest - fps) <= SAME_RATE * nearest:
        return Grid(nearest)
    whole = [r for r in WHOLE_RATES if (n := round(r / fps)) >= 1 and abs(r - n * fps) <= SAME_RATE * r]
    rate = whole[0] if whole else _finer(WHOLE_RATES, fps)
    return Grid(rate, nominal=True, why=f"{float(fps):.6g} frames a second, at which editing programs have no sequences: {_NOMINAL}")


_NOMINAL = "times stand on a nominal grid, each within half a frame of it"


def _finer(rates: Sequence[Fraction], fps: Fraction) -> Fraction:
    """The first rate that is not slower than the clip; the fastest one where all are."""
    return next((r for r in rates if r >= fps * (1 - FASTER_AT_MOST)), rates[-1])
