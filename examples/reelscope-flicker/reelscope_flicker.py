"""Flashes of the picture, which may bring on seizures in people with photosensitive epilepsy: an analyzer for reelscope.

A flash is a pair of opposing changes of relative luminance by 0.1 or more, the darker of the two below 0.8 (WCAG 2.2, "general flash"),
over a quarter of the picture or more (ITU-R BT.1702-3). More than three within one second are over the limit.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from pydantic import Field

from reelscope.analyzers.base import Analyzer, AnalyzerSpec, Backend, Clip, Inputs, LoadContext, Options, Window
from reelscope.document.schema import AnalyzerResult, Segment, Series, Summary, Value
from reelscope.media.frames import EVERY_FRAME

if TYPE_CHECKING:
    import numpy as np

STEP, DARKER_BELOW = 0.1, 0.8  # of relative luminance
CELLS = 32  # the picture is looked at in 32 x 32 parts: a share of it is known to a row or column of them, about 3 %
EVERY_S = 0.1  # of the series: a document has at most ten values a second


class FlickerOptions(Options):
    area: Annotated[float, Field(gt=0, le=1, description="Least share of the picture that flashes")] = 0.25
    most: Annotated[int, Field(ge=1, description="Flashes within a second that are still allowed")] = 3


class Flashing(Segment):
    """A stretch with more flashes than allowed. per_s: the most within a second; area: median share of the picture that changed."""

    label: str
    flashes: int
    per_s: int
    area: Value


class FlickerSummary(Summary):
    """The whole clip. over_s: seconds of stretches over the limit; frames: how many were looked at."""

    flashes: int
    per_s: int
    over_s: Value
    within_limit: bool
    frames: int


class FlickerResult(AnalyzerResult):
    """Segments: stretches over the limit. Series `flashes`: those within the second before."""

    segments: list[Flashing] = []  # type: ignore[assignment]
    summary: FlickerSummary


class Flicker(Analyzer[FlickerResult]):
    """Follows the luminance of each part of the picture from turn to turn."""

    spec = AnalyzerSpec(
        name="flicker",
        title="Flashes",
        version=1,
        group="people",
        backends=(Backend(name="luminance", tier="embedded", rank=10, packages=("numpy",), frames=(EVERY_FRAME,), cost=0.03),),
    )
    Options = FlickerOptions
    Result = FlickerResult

    def load(self, ctx: LoadContext) -> None:
        super().load(ctx)
        import numpy as np

        level = np.arange(256) / 255
        linear = np.where(level <= 0.04045, level / 12.92, ((level + 0.055) / 1.055) ** 2.4)  # sRGB to light
        self.light = np.outer([0.2126, 0.7152, 0.0722], linear).astype(np.float32)  # R, G and B in relative luminance

    def begin(self, clip: Clip) -> None:
        self.turns: list[tuple[float, float]] = []  # time and share of the picture; rises and falls in turn
        self.rising: bool | None = None  # what the last of them was
        self.frame_count = 0

    def feed(self, window: Window) -> None:
        frames = window.frames(self.frames[0])
        for rgb, t_s in zip(frames.pixels, frames.pts_s, strict=True):
            now = luminance(rgb, self.light)
            if self.frame_count == 0:  # extremes of each part since its own last turn, which was up (1) or down (-1)
                self.low, self.high, self.turned = now, now, now * 0
            self.frame_count += 1
            rise = (now - self.low >= STEP) & (self.low < DARKER_BELOW) & (self.turned < 1)
            fall = (self.high - now >= STEP) & (now < DARKER_BELOW) & (self.turned > -1)
            self.turned = self.turned * ~(rise | fall) + rise - 1.0 * fall
            self.low, self.high = now.clip(max=self.low), now.clip(min=self.high)
            self.low[rise], self.high[fall] = now[rise], now[fall]
            for rising, share in ((True, float(rise.mean())), (False, float(fall.mean()))):
                if share >= self.options.area and rising != self.rising:
                    self.turns.append((float(t_s), share))
                    self.rising = rising

    def finish(self, inputs: Inputs) -> FlickerResult:
        times, shares = [t for t, _ in self.turns], [share for _, share in self.turns]
        ticks = [k * EVERY_S for k in range(int(inputs.clip.media.duration_s / EVERY_S) + 1)]
        before = [sum(t - 1 < turn <= t for turn in times) // 2 for t in ticks]
        segments = []
        for i, j in stretches(times, turns=2 * (self.options.most + 1)):
            area, per_s = sorted(shares[i:j])[(j - i) // 2], most(times[i:j])
            label = f"{per_s} flashes a second"
            segments.append(Flashing(start_s=times[i], end_s=times[j - 1], label=label, flashes=(j - i) // 2, per_s=per_s, area=area))
        over_s = sum(s.end_s - s.start_s for s in segments)
        summary = FlickerSummary(
            flashes=len(times) // 2, per_s=most(times), over_s=over_s, within_limit=not segments, frames=self.frame_count
        )
        return FlickerResult(segments=segments, series=[Series(name="flashes", unit="1/s", t_s=ticks, values=before)], summary=summary)


def luminance(rgb: np.ndarray, light: np.ndarray) -> np.ndarray:
    """Mean relative luminance (0-1) of each part of a picture, at most [32, 32]. rgb: uint8 [h, w, 3]; light: float32 [3, 256]."""
    rows, columns = min(CELLS, rgb.shape[0]), min(CELLS, rgb.shape[1])
    high, wide = rgb.shape[0] // rows, rgb.shape[1] // columns  # pixels beyond the last whole part are left out
    whole = rgb[: rows * high, : columns * wide]
    pixels = light[0][whole[..., 0]] + light[1][whole[..., 1]] + light[2][whole[..., 2]]
    return pixels.reshape(rows, high, columns, wide).mean((1, 3))


def stretches(times: list[float], *, turns: int) -> list[tuple[int, int]]:
    """Ranges of indices in which so many turns or more follow each other within less than a second."""
    found: list[tuple[int, int]] = []
    for i in range(len(times) - turns + 1):
        if times[i + turns - 1] - times[i] < 1:
            start = found.pop()[0] if found and i < found[-1][1] else i
            found.append((start, i + turns))
    return found


def most(times: list[float]) -> int:
    """The most flashes, which are pairs of turns, within less than a second."""
    return max((sum(t <= turn < t + 1 for turn in times) for t in times), default=0) // 2
