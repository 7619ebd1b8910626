"""What speech_emotion says in the document."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, SerializeAsAny

from reelscope.document.schema import AnalyzerResult, Model, Segment, Summary, Value

__all__ = ["Component", "SpeechEmotionResult", "SpeechEmotionSegment", "SpeechEmotionSummary"]


class Component(Model):
    """One figure of an utterance's prosody beside the speaker's other utterances.

    Attributes:
        value: Of this utterance; unit as its field says.
        baseline, spread: Median of the speaker's other utterances and how far they scatter (docs/analyzers/speech_emotion.md).
        z: (value - baseline) / spread. baseline, spread and z are null where there are too few others.
    """

    value: Value
    baseline: Value = None
    spread: Value = None
    z: Value = None


class SpeechEmotionSegment(Segment):
    """One utterance of speech_flow; what is null has its reason in `not_measured`.

    Attributes:
        confidence: Probability of `category`; null without one.
        utterance: Its number in speech_flow. speaker: as speech_transcription tells speakers apart; null where it does not.
        arousal: -1 (calm) to 1 (excited). arousal_from: prosody (against the speaker's other utterances) or model (as it was trained).
        valence: -1 (unpleasant) to 1 (pleasant); dominance: -1 to 1: from a model that gives them, else null.
        category, probabilities: The most probable class of a model's, and the probability of every class; null without such a model.
        pitch_level: Median pitch in semitones above 100 Hz. pitch_range: 10th to 90th percentile in semitones. Both are the means of the
            phrases', by voiced time. syllable_rate: Syllables per second of speech.
        background_margin_db: How much louder the utterance is than what is heard around it; null where nothing is.
    """

    utterance: int
    speaker: int | None = None
    arousal: Annotated[Value, Field(ge=-1, le=1)] = None
    arousal_from: Literal["prosody", "model"] | None = None
    valence: Annotated[Value, Field(ge=-1, le=1)] = None
    dominance: Annotated[Value, Field(ge=-1, le=1)] = None
    category: str | None = None
    probabilities: dict[str, Value] | None = None
    pitch_level: Component | None = None
    pitch_range: Component | None = None
    syllable_rate: Component | None = None
    background_margin_db: Value = None
    not_measured: dict[str, str] = {}


class SpeechEmotionSummary(Summary):
    """The whole clip; `not_measured` says why for each field that is null.

    Attributes:
        utterances: All; measured: those with an arousal. speakers: told apart by speech_transcription; null where it does not.
        arousal_highest_s, arousal_lowest_s: Start of the utterance with the highest and the lowest arousal. arousal_spread: between them.
        category_shares: Share (0-1) of the utterances' time by category.
    """

    utterances: int = 0
    measured: int = 0
    speakers: int | None = None
    arousal_highest_s: Value = None
    arousal_lowest_s: Value = None
    arousal_spread: Value = None
    category_shares: dict[str, Value] | None = None
    not_measured: dict[str, str] = {}


class SpeechEmotionResult(AnalyzerResult):
    """Segments: the utterances. Arousal from prosody is relative to the same voice in the same clip, and from nothing but prosody."""

    segments: list[SerializeAsAny[SpeechEmotionSegment]] = []
    summary: SpeechEmotionSummary = SpeechEmotionSummary()
