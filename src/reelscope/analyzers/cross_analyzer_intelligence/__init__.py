"""What only several analyzers show together: claims, each with its strength, its chance and its evidence, true or false.

See docs/analyzers/cross_analyzer_intelligence.md for the rules and their measured errors.
"""

from __future__ import annotations

from collections import Counter
from typing import ClassVar

from reelscope.analyzers.base import Analyzer, AnalyzerSpec, Backend, Inputs
from reelscope.analyzers.cross_analyzer_intelligence._result import CLAIMS, Channel, Claim, Clue, CrossResult, CrossSummary
from reelscope.document.evidence import Evidence, absent_lacks
from reelscope.document.schema import AnalyzerResult

__all__ = ["ANALYZER", "CLAIMS", "Channel", "Claim", "Clue", "CrossAnalyzerIntelligence", "CrossResult", "CrossSummary", "analyse"]

READ = (
    "cut_analysis",
    "text_overlay",
    "camera_analysis",
    "scene_segmentation",
    "color_analysis",
    "background_segmentation",
    "object_detection",
    "body_pose",
    "content_quality",
    "eye_tracking",
    "audio_analysis",
    "audio_environment",
    "speech_flow",
    "speech_transcription",
    "qwen2_vl_temporal",
)


class CrossAnalyzerIntelligence(Analyzer[CrossResult]):
    """Rules over the results of other analyzers; it looks at no frame and hears no sound itself."""

    spec: ClassVar[AnalyzerSpec] = AnalyzerSpec(
        name="cross_analyzer_intelligence",
        version=3,
        group="audio",
        backends=(Backend(name="rules", tier="embedded", rank=10, soft_after=READ, cost=0.001),),
    )
    Result: ClassVar[type[AnalyzerResult]] = CrossResult

    def finish(self, inputs: Inputs) -> CrossResult:
        """Examine every claim for which `inputs.results` holds what it needs."""
        return analyse(Evidence(inputs.clip.media, inputs.results, absent_lacks(inputs.absent)))


def analyse(evidence: Evidence) -> CrossResult:
    """Claims and completeness; a pure function of what the others measured. Without any of it the coverage is 0."""
    from reelscope.analyzers.cross_analyzer_intelligence._against import AGAINST, contradictions
    from reelscope.analyzers.cross_analyzer_intelligence._captions import captions
    from reelscope.analyzers.cross_analyzer_intelligence._complete import completeness
    from reelscope.analyzers.cross_analyzer_intelligence._cover import cover
    from reelscope.analyzers.cross_analyzer_intelligence._made import Found
    from reelscope.analyzers.cross_analyzer_intelligence._seen import beats, speaker, zones

    found = Found()
    for examine in (captions, beats, speaker, zones, cover, contradictions):
        examine(evidence, found)
    claims = sorted(found.claims, key=lambda c: (c.start_s, CLAIMS.index(c.claim), c.end_s))
    channels = completeness(evidence)
    shares = [c.share for c in channels.values() if c.share is not None]
    holding = Counter(c.claim for c in claims if c.holds)
    summary = CrossSummary(
        holding={name: holding[name] for name in CLAIMS if any(c.claim == name for c in claims)},
        examined=dict(sorted(Counter(c.claim for c in claims).items(), key=lambda item: CLAIMS.index(item[0]))),
        contradictions=sum(holding[name] for name in AGAINST),
        completeness=channels,
        complete_share=sum(shares) / len(shares) if shares else None,
        channels=len(channels),
        channels_measured=len(shares),
        not_measured={name: found.not_measured[name] for name in CLAIMS if name in found.not_measured},
    )
    return CrossResult(coverage=1.0 if shares else 0.0, segments=claims, summary=summary, warnings=found.warnings)


ANALYZER = CrossAnalyzerIntelligence
