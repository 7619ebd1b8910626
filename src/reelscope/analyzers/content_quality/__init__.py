"""Picture quality: sharpness, exposure, noise, blockiness and banding of each shot; black, frozen and duplicate frames; checks of the file.

No overall score: every figure stands by itself, `reasons` names those beyond a documented limit.
Formulas: docs/analyzers/content_quality.md.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from statistics import median
from typing import TYPE_CHECKING, Literal

from pydantic import Field

from reelscope.analyzers.base import Analyzer, AnalyzerSpec, Backend, Clip, Inputs, LoadContext, Window
from reelscope.analyzers.content_quality._judge import media_checks, reasons, video_bit_rate_bps
from reelscope.document.schema import AnalyzerResult, Model, Segment, Series, Summary, Value
from reelscope.media.frames import EVERY_FRAME, NATIVE_LUMA, SAMPLED_LARGE
from reelscope.timebase import round_s

if TYPE_CHECKING:
    import numpy as np

    from reelscope.analyzers.content_quality._luma import LumaFigures
    from reelscope.analyzers.content_quality._still import FrameLog
    from reelscope.features.shots import Shots

__all__ = ["ANALYZER", "CheckInfo", "ContentQuality", "QualityFigures", "QualityResult", "QualitySegment", "QualitySummary"]

LUMA_FIGURES = ("sharpness", "sharpness_peak", "fine_detail", "noise_sigma", "blockiness", "banding_share")
CLIP_EVERY = 5  # of the frames of SAMPLED_LARGE: one a second
EXPOSURE_STEP_S = 0.25  # of the exposure series: four values a second, of every frame's
NO_STABILITY = "camera_analysis did not measure this shot"
NO_NATIVE = "no unscaled frame was sampled in this shot: sharpness, noise, blockiness and banding are not known"


class QualityFigures(Model):
    """Figures of a stretch of picture, medians of its samples (means for the shares). Null: not measurable.

    Attributes:
        sharpness: 1 - Crete-Roffet blur over 9 px, 0-1, of the blurrier direction.
        sharpness_peak: The same, both directions together, in the sharpest tenth of the picture's tiles.
        fine_detail: Sharpness over 3 px, off the 8 px grid: what lives on single pixels and goes first in scaling and compression.
        noise_sigma: Standard deviation of the noise in levels of 255, in the plainest parts.
        blockiness: How much larger steps across the 8 px grid are than elsewhere, 0 and up.
        banding_share: Share of the picture made of plateaus on smooth gradients.
        over_share, under_share: Share of the pixels at or above 250, at or below 5 of 255.
        clip_iqa: Backend clip_iqa only: how much nearer to "Good photo." than to "Bad photo." CLIP has it, 0-1, mean of a frame a second.
    """

    sharpness: Value = None
    sharpness_peak: Value = None
    fine_detail: Value = None
    noise_sigma: Value = None
    blockiness: Value = None
    banding_share: Value = None
    over_share: Value = None
    under_share: Value = None
    clip_iqa: Value = Field(None, exclude_if=lambda v: v is None)


class QualitySegment(Segment, QualityFigures):
    """A shot with its figures (`kind` shot), or a stretch of black, frozen or duplicate frames.

    Attributes:
        shot: Index of the shot; null for the other kinds, which do not keep to shots.
        reasons: Words for figures beyond their limit (shots only).
        stability: As camera_analysis has it for the shot (1 a tripod); null for the other kinds, and with stability_reason.
        native_frames: Unscaled frames behind the figures of detail. frames: frames of the shot; black frames or repeats of the other kinds.
        reason: Why figures are missing.
    """

    kind: Literal["shot", "black", "frozen", "duplicate"]
    shot: int | None = None
    reasons: list[str] = []
    stability: Value = None
    stability_reason: str | None = None
    frames: int
    native_frames: int | None = None
    reason: str | None = None


class CheckInfo(Model):
    """One fact of the file against the least it should be; ok null: not known, with the reason."""

    check: Literal["short_side", "frame_rate", "bits_per_pixel"]
    value: Value
    unit: str
    least: Value
    ok: bool | None
    reason: str | None = None


class QualitySummary(Summary, QualityFigures):
    """The whole clip.

    Attributes:
        reasons_s: Seconds of shots for which each word is said.
        black_s, frozen_s: Seconds of black and of frozen picture. duplicate_frames: repeats of the frame before while the picture moves.
        unique_fps: Frame rate without those repeats, where there are any.
        checks: Resolution, frame rate, bits per pixel. video_bit_rate_bps: what the latter was computed from.
    """

    reasons_s: dict[str, Value] = {}
    black_s: Value = None
    frozen_s: Value = None
    duplicate_frames: int = 0
    unique_fps: Value = None
    frames: int = 0
    native_frames: int = 0
    video_bit_rate_bps: int | None = None
    checks: list[CheckInfo] = []
    reason: str | None = None


class QualityResult(AnalyzerResult):
    """Segments: one per shot, and the black, frozen and duplicate stretches among them, by start.

    Series: `sharpness`, `noise_sigma` (one value per unscaled frame), `over_share`, `under_share` (four a second).
    """

    segments: list[QualitySegment] = []  # type: ignore[assignment]
    summary: QualitySummary = QualitySummary()


class ContentQuality(Analyzer[QualityResult]):
    """Keeps six numbers of every frame and six of every unscaled one; the rest is done once the shots are known."""

    spec = AnalyzerSpec(
        name="content_quality",
        version=1,
        group="people",
        backends=(
            Backend(
                name="measured",
                tier="embedded",
                rank=10,
                packages=("cv2", "numpy"),
                frames=(NATIVE_LUMA, EVERY_FRAME),
                features=("shots",),
                soft_after=("camera_analysis",),
                cost=0.022,
            ),
            # The same and a score of CLIP's. Below the embedded one, since what the score is worth was not measured: taken when named.
            Backend(
                name="clip_iqa",
                tier="full",
                rank=5,
                models=("clip-vit-b32",),
                packages=("cv2", "numpy", "torch", "transformers"),
                frames=(NATIVE_LUMA, EVERY_FRAME, SAMPLED_LARGE),
                features=("shots",),
                soft_after=("camera_analysis",),
                batch=32,
                ram_mib=900,
                vram_mib=1500,
                cost=0.2,
            ),
        ),
    )
    Result = QualityResult

    def load(self, ctx: LoadContext) -> None:
        super().load(ctx)
        import reelscope.analyzers.content_quality._luma
        import reelscope.analyzers.content_quality._still  # noqa: F401

        self._clip = ctx.model("clip-vit-b32") if ctx.backend == "clip_iqa" else None
        self._prompts: np.ndarray | None = None

    def begin(self, clip: Clip) -> None:
        from reelscope.analyzers.content_quality._luma import LumaMeter
        from reelscope.analyzers.content_quality._still import FrameMeter

        self._luma_meter = LumaMeter()
        self._frame_meter = FrameMeter()
        self._luma: list[LumaFigures] = []
        self._tick = 0
        self._squares: list[tuple[float, np.ndarray]] = []
        self._scores: list[tuple[float, float]] = []

    def feed(self, window: Window) -> None:
        native = window.frames(self.frames[0])
        for luma, t_s in zip(native.pixels, native.pts_s, strict=True):
            self._luma.append(self._luma_meter.measure(luma, float(t_s)))
        small = window.frames(self.frames[1])
        for rgb, t_s in zip(small.pixels, small.pts_s, strict=True):
            self._frame_meter.add(rgb, float(t_s))
        if self._clip is not None:
            self._take(window)

    def _take(self, window: Window) -> None:
        """Keep one frame a second for CLIP, and ask it about a batch of them."""
        from reelscope.analyzers.content_quality._clip import centre_crop

        frames = window.frames(self.frames[2])
        for rgb, t_s in zip(frames.pixels, frames.pts_s, strict=True):
            if self._tick % CLIP_EVERY == 0:
                self._squares.append((float(t_s), centre_crop(rgb)))
            self._tick += 1
        if len(self._squares) >= self.ctx.batch:
            self._rate()

    def _rate(self) -> None:
        from reelscope.analyzers.content_quality._clip import prompt_points, score

        assert self._clip is not None
        model = self._clip
        if self._prompts is None:
            self._prompts = prompts = prompt_points(model.session)
        else:
            prompts = self._prompts
        values = self.ctx.batched([square for _, square in self._squares], lambda some: score(model.session, prompts, some))
        self._scores += [(t_s, value) for (t_s, _), value in zip(self._squares, values, strict=True)]
        self._squares = []

    def finish(self, inputs: Inputs) -> QualityResult:
        from reelscope.analyzers.content_quality._still import find_spans

        shots: Shots = inputs.features["shots"]
        if self._squares:
            self._rate()
        media = inputs.clip.media
        log = self._frame_meter.log
        black_at = {t for t, black in zip(log.t_s, log.black, strict=True) if black}
        # black frames and those of gradual transitions say nothing about how a shot was filmed
        luma = [f for f in self._luma if f.t_s not in black_at]
        segments: list[QualitySegment] = []
        reasons_s: dict[str, float] = {}
        for index, (start, end) in enumerate(shots.shots):
            # the shots tile the clip, so the last one takes whatever rounding left beyond its end
            last = index == len(shots.shots) - 1
            native = luma[bisect_left(luma, start, key=_time) : len(luma) if last else bisect_left(luma, end, key=_time)]
            gradual = [t for t in shots.transitions if t.end_s > start and t.start_s < end]
            native = [f for f in native if not any(t.start_s <= f.t_s < t.end_s for t in gradual)] or native
            frames = range(bisect_left(log.t_s, start), len(log.t_s) if last else bisect_left(log.t_s, end))
            figures = _figures(native, log, frames)
            words = reasons(figures)
            for word in words:
                reasons_s[word] = reasons_s.get(word, 0.0) + end - start
            segments.append(
                QualitySegment(
                    start_s=start,
                    end_s=end,
                    kind="shot",
                    shot=index,
                    reasons=words,
                    stability=(stable := _stability(inputs, index)),
                    stability_reason=NO_STABILITY if stable is None else None,
                    frames=len(frames),
                    native_frames=len(native),
                    reason=None if native else NO_NATIVE,
                    clip_iqa=_mean([v for t, v in self._scores if start <= t and (t < end or last) and t not in black_at]),
                    **figures,
                )
            )
        spans = find_spans(log, media.duration_s)
        segments += [QualitySegment(start_s=s.start_s, end_s=s.end_s, kind=s.kind, frames=s.frames) for s in spans]
        segments.sort(key=lambda s: s.start_s)  # stable: a shot stands before what begins with it
        length_s = {kind: sum(s.end_s - s.start_s for s in spans if s.kind == kind) for kind in ("black", "frozen")}
        duplicates = sum(s.frames for s in spans if s.kind == "duplicate")
        n = len(log.t_s)
        return QualityResult(
            coverage=1.0 if n else 0.0,
            segments=segments,
            series=self._series(),
            summary=QualitySummary(
                reasons_s=reasons_s,
                black_s=length_s["black"] if n else None,
                frozen_s=length_s["frozen"] if n else None,
                duplicate_frames=duplicates,
                unique_fps=media.fps * (n - duplicates) / n if duplicates and media.fps else None,
                frames=n,
                native_frames=len(luma),
                video_bit_rate_bps=video_bit_rate_bps(media),
                checks=[
                    CheckInfo(check=c.check, value=c.value, unit=c.unit, least=c.least, ok=c.ok, reason=c.reason)
                    for c in media_checks(media)
                ],
                reason=None if n else "no frame was decoded",
                clip_iqa=_mean([v for t, v in self._scores if t not in black_at]),
                **_figures(luma, log, range(n)),
            ),
        )

    def _series(self) -> list[Series]:
        log = self._frame_meter.log
        times = [round_s(f.t_s) for f in self._luma]
        series = [
            Series(name=name, unit=unit, t_s=times, values=[getattr(f, name) for f in self._luma])
            for name, unit in (("sharpness", "0-1"), ("noise_sigma", "levels"))
            if times
        ]
        kept: list[int] = []
        for i, t in enumerate(log.t_s):
            if not kept or t - log.t_s[kept[-1]] >= EXPOSURE_STEP_S - 1e-6:
                kept.append(i)
        times = [round_s(log.t_s[i]) for i in kept]
        pairs = (("over_share", log.over), ("under_share", log.under))
        return series + [Series(name=name, unit="0-1", t_s=times, values=[values[i] for i in kept]) for name, values in pairs if times]


def _stability(inputs: Inputs, shot: int) -> float | None:
    """What camera_analysis, where it ran, has for the shot."""
    camera = inputs.results.get("camera_analysis")
    rows = camera.summary.shots if camera is not None else []
    found = [row.camera.stability for row in rows if row.shot == shot and row.camera is not None]
    return found[0] if found else None


def _mean(values: Sequence[float]) -> float | None:
    return sum(values) / len(values) if values else None


def _time(figures: LumaFigures) -> float:
    return figures.t_s


def _figures(native: Sequence[LumaFigures], log: FrameLog, frames: Sequence[int]) -> dict[str, float | None]:
    """The fields of QualityFigures."""
    out: dict[str, float | None] = {}
    for name in LUMA_FIGURES:
        values = [v for f in native if (v := getattr(f, name)) is not None]
        out[name] = median(values) if values else None
    for name, shares in (("over_share", log.over), ("under_share", log.under)):
        out[name] = sum(shares[i] for i in frames) / len(frames) if frames else None
    return out


ANALYZER = ContentQuality
