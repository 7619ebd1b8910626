"""The story of the clip: hook, build-up, turn, pay-off and call to action from what the other analyzers measured; pacing; key moments.

See docs/analyzers/temporal_flow.md for the rules, the words and their measured errors.
"""

from __future__ import annotations

from typing import ClassVar

from reelscope.analyzers.base import Analyzer, AnalyzerSpec, Backend, Inputs, LoadContext
from reelscope.analyzers.temporal_flow._result import (
    STAGES,
    Clue,
    FlowSegment,
    FlowSummary,
    KeyMoment,
    Stage,
    StageFinding,
    TemporalFlowResult,
)
from reelscope.document.evidence import Evidence, absent_lacks
from reelscope.document.schema import AnalyzerResult

__all__ = [
    "ANALYZER",
    "STAGES",
    "Clue",
    "FlowSegment",
    "FlowSummary",
    "KeyMoment",
    "Stage",
    "StageFinding",
    "TemporalFlow",
    "TemporalFlowResult",
    "analyse",
]

OF_PICTURE = (
    "cut_analysis",
    "scene_segmentation",
    "text_overlay",
    "camera_analysis",
    "color_analysis",
    "eye_tracking",
    "qwen2_vl_temporal",
)
OF_SOUND = ("audio_analysis", "speech_flow", "speech_transcription", "audio_environment")


class TemporalFlow(Analyzer[TemporalFlowResult]):
    """Rules over the results of other analyzers; it looks at no frame and hears no sound itself."""

    spec: ClassVar[AnalyzerSpec] = AnalyzerSpec(
        name="temporal_flow",
        version=3,
        group="audio",
        backends=(Backend(name="rules", tier="embedded", rank=10, soft_after=(*OF_PICTURE, *OF_SOUND), cost=0.0002),),
    )
    Result: ClassVar[type[AnalyzerResult]] = TemporalFlowResult

    def load(self, ctx: LoadContext) -> None:
        super().load(ctx)
        from reelscope.analyzers.temporal_flow._find import prepare

        prepare()

    def finish(self, inputs: Inputs) -> TemporalFlowResult:
        """Tell the story of what `inputs.results` holds."""
        return analyse(Evidence(inputs.clip.media, inputs.results, absent_lacks(inputs.absent)))


def analyse(evidence: Evidence) -> TemporalFlowResult:
    """Stages, pacing and key moments; a pure function of what the others measured.

    Without any of their results every stage is `not_found`, says so, and the coverage is 0.
    """
    from reelscope.analyzers.temporal_flow._changes import changes
    from reelscope.analyzers.temporal_flow._lines import clauses
    from reelscope.analyzers.temporal_flow._pacing import key_moments, pacing
    from reelscope.analyzers.temporal_flow._stages import tell

    channels = (*(OF_PICTURE if evidence.has_picture else ()), *(OF_SOUND if evidence.has_sound else ()))
    not_read = {name: lack.reason for name in channels if (lack := evidence.lack(name)) is not None}
    if len(not_read) == len(channels):
        reason = "none of the analyzers that it reads has a result"
        stages = {stage: StageFinding(status="not_found", reason=reason) for stage in STAGES}
        return TemporalFlowResult(coverage=0.0, summary=FlowSummary(stages=stages, not_read=not_read), warnings=[reason])
    said = clauses(evidence)
    events = changes(evidence, said)
    story = tell(evidence, said, events)
    series, counts = pacing(evidence)
    moments, total = key_moments(events)
    segments = sorted((s for rows in story.found.values() for s in rows), key=lambda s: (s.start_s, s.end_s, STAGES.index(s.stage)))
    stages = {}
    for stage in STAGES:
        best = story.best(stage)
        stages[stage] = (
            StageFinding(status="not_found", reason=story.why_not[stage])
            if best is None
            else StageFinding(status="found", start_s=best.start_s, end_s=best.end_s)
        )
    summary = FlowSummary(stages=stages, key_moments=moments, key_moments_total=total, pace_counts=counts, not_read=not_read)
    return TemporalFlowResult(segments=segments, series=series, summary=summary)


ANALYZER = TemporalFlow
