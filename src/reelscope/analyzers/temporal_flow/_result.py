"""What temporal_flow says in the document."""

from __future__ import annotations

from typing import Literal

from pydantic import SerializeAsAny

from reelscope.document.schema import AnalyzerResult, Model, Seconds, Segment, Summary, Value

__all__ = ["STAGES", "Clue", "FlowSegment", "FlowSummary", "KeyMoment", "Stage", "StageFinding", "TemporalFlowResult"]

Stage = Literal["hook", "build_up", "turn", "pay_off", "call_to_action"]
STAGES: tuple[Stage, ...] = ("hook", "build_up", "turn", "pay_off", "call_to_action")


class Clue(Model):
    """One thing that another analyzer measured and that a stage or a key moment rests on.

    Attributes:
        source: The analyzer. what: Name of the rule that took it; the list stands in docs/analyzers/temporal_flow.md.
        channel: What changed: picture, sound, words, text, pace or told.
        end_s: Where it ends; null for a moment. text: The words, where there are any.
        value, unit: What was measured, null where the clue is no figure.
    """

    source: str
    t_s: Seconds
    what: str
    channel: str
    end_s: Seconds | None = None
    text: str | None = None
    value: Value = None
    unit: str | None = None


class FlowSegment(Segment):
    """A stage of the story where it was found. A turn and a pay-off begin at their moment.

    Attributes:
        strength: hook, build_up, pay_off: different kinds of evidence; call_to_action: different calls; turn: the sum over the channels
            that change together of measured / limit, 3 at most each. Formulas in docs/analyzers/temporal_flow.md.
        evidence: In order of time; never empty.
    """

    stage: Stage
    strength: Value = None
    evidence: list[Clue] = []


class StageFinding(Model):
    """Whether a stage was found, and when. Of several calls to action: the one with the most different calls, the later of equals.

    Attributes:
        reason: Why it was not found; null where it was.
    """

    status: Literal["found", "not_found"]
    reason: str | None = None
    start_s: Seconds | None = None
    end_s: Seconds | None = None


class KeyMoment(Model):
    """A moment at which two channels or more change within 0.5 s. t_s: the transition's where there is one, else of the first change."""

    t_s: Seconds
    reasons: list[Clue]


class FlowSummary(Summary):
    """The story as a whole.

    Attributes:
        stages: All five, each found or not.
        key_moments: At most 60, those with the most channels; key_moments_total: how many there are.
        pace_counts: What the series `pace` counts in this clip.
        not_read: Why a channel could not be read, by analyzer; what it would have shown is not in the stages.
    """

    stages: dict[str, StageFinding] = {}
    key_moments: list[KeyMoment] = []
    key_moments_total: int = 0
    pace_counts: list[str] = []
    not_read: dict[str, str] = {}


class TemporalFlowResult(AnalyzerResult):
    """Stages as segments, pacing as series, the rest in the summary."""

    segments: list[SerializeAsAny[FlowSegment]] = []
    summary: FlowSummary = FlowSummary()
