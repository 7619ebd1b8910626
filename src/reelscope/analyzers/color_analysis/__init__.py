"""Colour: palette of each shot and of the clip, brightness, contrast, chroma, temperature, harmony, and plain bars around the picture.

Method and formulas: docs/analyzers/color_analysis.md.
"""

from __future__ import annotations

from bisect import bisect_left
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field

from reelscope.analyzers.base import Analyzer, AnalyzerSpec, Backend, Clip, Inputs, LoadContext, Options, Window
from reelscope.document.schema import AnalyzerResult, Model, Segment, Series, Summary, Swatch, Value, XywhNorm
from reelscope.media.frames import SAMPLED_SMALL
from reelscope.timebase import round_s

if TYPE_CHECKING:
    import numpy as np

    from reelscope.analyzers.color_analysis._figures import Figures
    from reelscope.analyzers.color_analysis._frames import Bars, FrameColours
    from reelscope.features.shots import Shots

__all__ = ["ANALYZER", "BarsInfo", "ColorAnalysis", "ColorFigures", "ColorOptions", "ColorResult", "ColorSegment", "ColorSummary"]

Tone = Literal["warm", "neutral", "cool"]
Harmony = Literal["monochromatic", "analogous", "complementary", "split_complementary", "triadic", "tetradic", "mixed"]

BLANK_CONTRAST = 0.03  # OKLab L; a frame with less between its darkest and lightest parts shows no edge of a bar, so it has no say


class ColorOptions(Options):
    """Options of color_analysis."""

    colors: Annotated[int, Field(ge=1, le=12, description="Most colours in a palette")] = 6


class BarsInfo(Model):
    """Plain bars around the picture. share: 0-1 of the frame; xywh_norm: the picture inside them."""

    kind: Literal["letterbox", "pillarbox", "windowbox"]
    xywh_norm: XywhNorm
    share: Value
    hex: str


class ColorFigures(Model):
    """Colour of a stretch of picture, bars excluded. Null: not measurable.

    Attributes:
        palette: Largest share first; shares of the picture, colours on less than 1.5 % left out, so they may sum to less than 1.
        brightness: Mean OKLab lightness, 0-1. contrast: its 95th minus 5th percentile, 0-1.
        chroma: Mean OKLab chroma (grey 0, sRGB red 0.26). saturation: mean chroma over mean lightness; null in near-black pictures.
        warmth: Mean shift along the blue-orange axis, OKLab units; tone: warm above 0.015, cool below -0.015.
        cct_k: Correlated colour temperature of the mean colour; null far from white light's colours.
        harmony: Scheme of the palette's hues; null with a reason where no colour is chromatic.
    """

    palette: list[Swatch] = []
    brightness: Value = None
    contrast: Value = None
    chroma: Value = None
    saturation: Value = None
    warmth: Value = None
    tone: Tone | None = None
    cct_k: Value = None
    harmony: Harmony | None = None
    harmony_reason: str | None = None


class ColorSegment(Segment, ColorFigures):
    """One shot. frames: how many samples it was measured on; reason: why there are no figures; bars: null where there are none."""

    shot: int
    frames: int
    bars: BarsInfo | None = None
    reason: str | None = None


class ColorSummary(Summary, ColorFigures):
    """The whole clip. bars_s: seconds of shots with bars."""

    frames: int = 0
    bars_s: Value = None
    reason: str | None = None


class ColorResult(AnalyzerResult):
    """Segments: one per shot. Series `brightness`, `chroma`, `warmth`, one value a sample."""

    segments: list[ColorSegment] = []  # type: ignore[assignment]
    summary: ColorSummary = ColorSummary()


class ColorAnalysis(Analyzer[ColorResult]):
    """Keeps at most 96 weighted colours a sampled frame; the rest is done once the shots are known."""

    spec = AnalyzerSpec(
        name="color_analysis",
        version=1,
        group="people",
        backends=(
            Backend(name="oklab", tier="embedded", rank=10, packages=("numpy",), frames=(SAMPLED_SMALL,), features=("shots",), cost=0.012),
        ),
    )
    Options = ColorOptions
    Result = ColorResult

    def load(self, ctx: LoadContext) -> None:
        super().load(ctx)
        import reelscope.analyzers.color_analysis._figures
        import reelscope.analyzers.color_analysis._names
        import reelscope.analyzers.color_analysis._palette  # noqa: F401

    def begin(self, clip: Clip) -> None:
        self._kept: list[FrameColours] = []
        self._size_px = (1, 1)

    def feed(self, window: Window) -> None:
        from reelscope.analyzers.color_analysis._frames import keep

        frames = window.frames(self.frames[0])
        for rgb, t_s in zip(frames.pixels, frames.pts_s, strict=True):
            self._size_px = (rgb.shape[1], rgb.shape[0])
            self._kept.append(keep(rgb, float(t_s)))

    def finish(self, inputs: Inputs) -> ColorResult:
        from reelscope.analyzers.color_analysis._figures import figures
        from reelscope.analyzers.color_analysis._frames import without_bars
        from reelscope.analyzers.color_analysis._palette import Pool

        shots: Shots = inputs.features["shots"]
        times_s = [f.t_s for f in self._kept]
        segments: list[ColorSegment] = []
        per_frame: list[tuple[float, Figures]] = []
        clip, measured = Pool(), 0
        covered = bars_s = 0.0
        for index, (start, end) in enumerate(shots.shots):
            # the shots tile the clip, so the last one takes whatever rounding left beyond its end
            last = index == len(shots.shots) - 1
            frames = self._kept[bisect_left(times_s, start) : len(times_s) if last else bisect_left(times_s, end)]
            gradual = [t for t in shots.transitions if t.end_s > start and t.start_s < end]
            # a gradual transition shows two shots at once
            settled = [f for f in frames if not any(t.start_s <= f.t_s < t.end_s for t in gradual)] or frames
            bars = self._bars(settled)
            shot, settled_at = Pool(), {f.t_s for f in settled}
            for frame in frames:
                entries = without_bars(frame.entries, bars)
                if (found := figures(entries)) is not None:
                    per_frame.append((frame.t_s, found))
                if frame.t_s in settled_at:
                    shot.add(entries)
            mine = shot.entries()
            clip.add(mine)
            measured += len(settled)
            covered += end - start if frames else 0.0
            bars_s += end - start if bars else 0.0
            segments.append(
                ColorSegment(
                    start_s=start,
                    end_s=end,
                    shot=index,
                    frames=len(settled),
                    bars=_bars_info(bars),
                    reason=None if settled else "no sampled frame falls into this shot",
                    **self._describe(mine),
                )
            )
        times = [round_s(t) for t, _ in per_frame]
        series = [
            Series(name=name, unit="OKLab", t_s=times, values=[getattr(f, name) for _, f in per_frame])
            for name in ("brightness", "chroma", "warmth")
        ]
        duration = sum(end - start for start, end in shots.shots)
        return ColorResult(
            coverage=min(1.0, covered / duration) if duration > 0 else 0.0,
            segments=segments,
            series=series if per_frame else [],
            summary=ColorSummary(
                frames=measured, bars_s=bars_s, reason=None if measured else "no frame was sampled", **self._describe(clip.entries())
            ),
        )

    def _bars(self, frames: list[FrameColours]) -> Bars | None:
        from reelscope.analyzers.color_analysis._frames import agree_on_bars

        return agree_on_bars([f.edges for f in frames if f.contrast >= BLANK_CONTRAST], self._size_px)

    def _describe(self, entries: np.ndarray) -> dict[str, object]:
        """The fields of ColorFigures for the entries of many frames."""
        from reelscope.analyzers.color_analysis._figures import figures, harmony
        from reelscope.analyzers.color_analysis._names import name_of
        from reelscope.analyzers.color_analysis._oklab import hex_of
        from reelscope.analyzers.color_analysis._palette import palette

        found = figures(entries)
        if found is None:
            return {}
        colours = palette(entries, self.options.colors)
        scheme = harmony([(c.lab, c.share) for c in colours])
        return {
            "palette": [Swatch(hex=hex_of(c.lab), share=c.share, name=name_of(c.lab)) for c in colours],
            "brightness": found.brightness,
            "contrast": found.contrast,
            "chroma": found.chroma,
            "saturation": found.saturation,
            "warmth": found.warmth,
            "tone": found.tone,
            "cct_k": found.cct_k,
            "harmony": scheme,
            "harmony_reason": None if scheme else "achromatic: no palette colour has a chroma of 0.04 or more",
        }


def _bars_info(bars: Bars | None) -> BarsInfo | None:
    from reelscope.analyzers.color_analysis._oklab import hex_of

    if bars is None:
        return None
    return BarsInfo(kind=bars.kind, xywh_norm=bars.xywh_norm, share=bars.share, hex=hex_of(bars.lab))


ANALYZER = ColorAnalysis
