"""What cross_analyzer_intelligence says in the document."""

from __future__ import annotations

from typing import Literal, get_args

from pydantic import SerializeAsAny

from reelscope.document.schema import AnalyzerResult, Model, Seconds, Segment, Summary, Value

__all__ = ["CLAIMS", "Channel", "Claim", "ClaimName", "Clue", "CrossResult", "CrossSummary"]

ClaimName = Literal[
    "captions_are_spoken",
    "captions_in_time",
    "cut_to_beat",
    "speaker_may_be_on_camera",
    "voice_over",
    "text_hidden",
    "face_hidden",
    "text_over_face",
    "words_outside_voice",
    "voice_without_words",
    "silence_while_speaking",
    "speech_without_voice",
    "face_without_person",
    "black_with_text_or_face",
    "frozen_while_moving",
    "cut_inside_move",
    "scene_text_over_cut",
    "told_no_text",
]
CLAIMS: tuple[ClaimName, ...] = get_args(ClaimName)


class Clue(Model):
    """What a claim rests on. source: an analyzer; end_s: null for a moment; value, unit: null where it is no figure."""

    source: str
    what: str
    t_s: Seconds
    end_s: Seconds | None = None
    text: str | None = None
    value: Value = None
    unit: str | None = None


class Claim(Segment):
    """One claim that was examined, true or false.

    Attributes:
        claim: Which; docs/analyzers/cross_analyzer_intelligence.md has the rule of each.
        holds: Whether the rule is met.
        strength: 0-1, what the rule compares with its limit: a share; its meaning stands with the rule.
        chance: What the strength, or the rate of the claim, would be if the one channel had nothing to do with the other; null where the
            claim compares with a fixed thing instead of with another channel.
        subject: Which phrase (its number from 0 in speech_flow), or which app, where there are several.
        figures: What else was measured, by name with its unit.
        reason: Why it does not hold; null where it does.
        evidence: At most 12 rows, in order of time; evidence_total: how many there are.
    """

    claim: ClaimName
    holds: bool
    strength: Value = None
    chance: Value = None
    subject: str | None = None
    figures: dict[str, Value] = {}
    reason: str | None = None
    evidence: list[Clue] = []
    evidence_total: int = 0


class Channel(Model):
    """How much of the clip one channel describes. share: 0-1 of its time, null with the reason where it was not measured."""

    share: Value = None
    reason: str | None = None


class CrossSummary(Summary):
    """The claims as a whole.

    Attributes:
        holding: How many hold, by claim; only claims that were examined.
        examined: How often each was examined.
        contradictions: How many claims that two analyzers contradict each other hold.
        completeness: By channel, what share of the clip's time it describes.
        complete_share: Mean over the channels that were measured; channels_measured of channels.
        not_measured: Why a claim could not be examined, by claim.
    """

    holding: dict[str, int] = {}
    examined: dict[str, int] = {}
    contradictions: int = 0
    completeness: dict[str, Channel] = {}
    complete_share: Value = None
    channels: int = 0
    channels_measured: int = 0
    not_measured: dict[str, str] = {}


class CrossResult(AnalyzerResult):
    """Segments: claims, by start, then in the order of CLAIMS."""

    segments: list[SerializeAsAny[Claim]] = []
    summary: CrossSummary = CrossSummary()
