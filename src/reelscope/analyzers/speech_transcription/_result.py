"""What speech_transcription says in the document."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from reelscope.document.schema import AnalyzerResult, Model, Seconds, Segment, Summary, Value

__all__ = ["ChunkFigures", "SpokenSegment", "TranscriptionResult", "TranscriptionSummary", "Word"]

Probability = Annotated[Value, Field(ge=0, le=1)]


class Word(Model):
    """A word. text: with its punctuation, without blanks; confidence: mean probability of its tokens by the model."""

    start_s: Seconds
    end_s: Seconds
    text: str
    confidence: Probability = None


class SpokenSegment(Segment):
    """What one speaker says up to the end of a sentence, a pause of 0.7 s, or 15 s.

    Attributes:
        confidence: Mean of the words'.
        text: As it is written; words: the same one by one, with times.
        speaker: Number from 0, in order of appearance; null where speakers were not told apart, or the voice is too short to tell.
        language: Code of the language that it was heard in.
    """

    text: str
    words: list[Word]
    speaker: int | None = None
    language: str


class ChunkFigures(Model):
    """A stretch of up to 30 s that the model heard at once, with what decided whether its text was believed.

    Attributes:
        language, language_probability: As heard in this chunk; null where the language was given.
        avg_logprob: Mean natural log of its tokens' probabilities. no_speech_probability: That nobody speaks, by the model.
        compression_ratio: Of the text without loops. hinted: Whether the text on screen was a hint for it.
        dropped: Why its text was not believed as a whole; null where it was.
    """

    start_s: Seconds
    end_s: Seconds
    language: str | None = None
    language_probability: Probability = None
    avg_logprob: Value = None
    no_speech_probability: Probability = None
    compression_ratio: Value = None
    hinted: bool = False
    dropped: str | None = None


class TranscriptionSummary(Summary):
    """The whole clip; `not_measured` says why for each of language, language_probability and speakers that is null.

    Attributes:
        language: Code of the language with most probability over all chunks, weighted by their seconds of voice, or as given.
        language_probability: Its share of that. languages: That share for all with 0.01 or more.
        words: How many; text: all that is said. speakers: How many voices were told apart.
        voice_s: Seconds of voice that were listened to.
        dropped: Words that were decoded and not believed, by reason: outside_voice, loop, low_probability, no_speech, repetitive.
        hints: Texts on screen that the model was given as a hint.
        chunks: What was heard at once.
    """

    language: str | None = None
    language_probability: Probability = None
    languages: dict[str, Value] = {}
    words: int = 0
    speakers: int | None = None
    text: str = ""
    voice_s: Value = 0.0
    dropped: dict[str, int] = {}
    hints: list[str] = []
    chunks: list[ChunkFigures] = []
    not_measured: dict[str, str] = {}


class TranscriptionResult(AnalyzerResult):
    """Segments in order of time; no series."""

    segments: list[SpokenSegment] = []  # type: ignore[assignment]
    summary: TranscriptionSummary = TranscriptionSummary()
