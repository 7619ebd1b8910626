"""What audio_environment says in the document."""

from __future__ import annotations

from typing import Literal

from pydantic import SerializeAsAny

from reelscope.document.schema import AnalyzerResult, Model, Seconds, Segment, Summary, Value

__all__ = ["EnvironmentResult", "EnvironmentSegment", "EnvironmentSummary", "TopEvent"]


class EnvironmentSegment(Segment):
    """A stretch in which something is heard. Stretches overlap: speech over music is a segment of each.

    Attributes:
        kind: "class" (`label` is speech, music, noise or silence) or "event" (`label` is a name of AudioSet).
        confidence: Speech: mean voice probability. Music: mean probability of the regression, or with a model mean score of its music
            classes; noise: with a model mean score of its other classes, else null, as silence always: told by rule. Events: the model's
            largest score. The scores of models are no calibrated probabilities.
    """

    kind: Literal["class", "event"]
    label: str


class TopEvent(Model):
    """A sound of AudioSet, its largest score in the clip and where that is."""

    label: str
    score: Value
    t_s: Seconds


class EnvironmentSummary(Summary):
    """Figures of the whole sound; `not_measured` says why for each that is null.

    Attributes:
        speech_s, music_s, noise_s, silence_s: Seconds of each class; they overlap, so their sum may exceed the duration.
        speech_share, music_share, noise_share, silence_share: The same as shares (0-1) of the sound.
        speech_over_music_s, speech_over_noise_s: Seconds with both.
        unexplained_s: Seconds above the level of silence to which no class was given.
        top_events: Sounds of AudioSet by their largest score, ten at most; null without a model.
    """

    speech_s: Value = 0.0
    music_s: Value = 0.0
    noise_s: Value = 0.0
    silence_s: Value = 0.0
    speech_share: Value = None
    music_share: Value = None
    noise_share: Value = None
    silence_share: Value = None
    speech_over_music_s: Value = 0.0
    speech_over_noise_s: Value = 0.0
    unexplained_s: Value = 0.0
    top_events: list[TopEvent] | None = None
    not_measured: dict[str, str] = {}


class EnvironmentResult(AnalyzerResult):
    """Segments: classes and events. Series: `music_probability`, and with a model `speech_score`, `music_score`, `noise_score`."""

    segments: list[SerializeAsAny[EnvironmentSegment]] = []
    summary: EnvironmentSummary = EnvironmentSummary()
