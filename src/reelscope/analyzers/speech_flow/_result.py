"""What speech_flow says in the document."""

from __future__ import annotations

from typing import Literal

from pydantic import SerializeAsAny

from reelscope.document.schema import AnalyzerResult, Model, Seconds, Segment, Summary, Value

__all__ = ["Emphasis", "SpeechFlowResult", "SpeechFlowSummary", "SpeechSegment", "UtteranceWords"]


class Emphasis(Model):
    """A syllable that is louder and higher than the others of its utterance: its z-scores of level and pitch, sum 2.5 or more."""

    t_s: Seconds
    level_z: Value
    pitch_z: Value


class SpeechSegment(Segment):
    """A phrase (`kind` speech: no pause of 0.3 s or more inside) or the pause between two phrases (up to 3 s).

    Attributes:
        confidence: Mean voice probability of a phrase; null for pauses.
        utterance: Number of the utterance (phrases with pauses below 0.7 s between them), from 0; for a pause that of its neighbours
            where both are the same, else null.
        syllables, syllables_per_s: Nuclei found and their rate; the rate is null below 1 s.
        pitch_median_hz, pitch_range_semitones: Over voiced frames; the range is from the 10th to the 90th percentile.
        voiced_share: Share (0-1) of pitch frames that are voiced and 6 dB louder than the background. level_dbfs: RMS.
        background_margin_db: How much louder the phrase is than the median of what is heard within 2 s of it; null where nothing is.
            Below 3 dB syllables, pitch and emphasis are null.
        words: Of the transcript in this phrase; null without a transcript.
    """

    kind: Literal["speech", "pause"]
    utterance: int | None = None
    syllables: int | None = None
    syllables_per_s: Value = None
    pitch_median_hz: Value = None
    pitch_range_semitones: Value = None
    voiced_share: Value = None
    level_dbfs: Value = None
    background_margin_db: Value = None
    emphasis: list[Emphasis] = []
    words: int | None = None


class UtteranceWords(Model):
    """Words of one utterance. words_per_minute: pauses included; null below 1 s and without words. fillers: null where not told."""

    utterance: int
    start_s: Seconds
    end_s: Seconds
    words: int
    words_per_minute: Value = None
    fillers: int | None = None


class SpeechFlowSummary(Summary):
    """Figures of the whole clip; `not_measured` says why for each that is null.

    Attributes:
        speech_s, speech_share: Time spoken, and its share (0-1) of the sound.
        articulation_rate_syl_s: Syllables per second of speech; speech_rate_syl_s: per second of utterances, pauses inside them included.
        pitch_median_hz, pitch_low_hz, pitch_high_hz: Median, 10th and 90th percentile of the voiced frames.
        pitch_variation_semitones: Standard deviation. level_dbfs: RMS of the speech.
        background_margin_db: Median of the phrases'. syllables and rates: of the phrases at least 3 dB above their background.
        emphasis: Number of emphasised syllables.
        words: Of the transcript, in utterances; words_outside: more than 0.5 s from any, not counted.
        words_per_minute: Per minute of the utterances with words, pauses inside them included; articulation_words_per_minute: per minute
            of their phrases. Null without a transcript: a rate of syllables is no rate of words.
        fillers: Filled pauses and what stands for them, by the lists of docs/analyzers/speech_flow.md; filler_words: how often each.
        by_utterance: The same for each utterance.
    """

    speech_s: Value = 0.0
    speech_share: Value = None
    phrases: int = 0
    utterances: int = 0
    pauses: int = 0
    pause_median_s: Value = None
    pause_longest_s: Value = None
    syllables: int | None = None
    articulation_rate_syl_s: Value = None
    speech_rate_syl_s: Value = None
    pitch_median_hz: Value = None
    pitch_low_hz: Value = None
    pitch_high_hz: Value = None
    pitch_variation_semitones: Value = None
    level_dbfs: Value = None
    background_margin_db: Value = None
    emphasis: int = 0
    words: int | None = None
    words_outside: int | None = None
    words_per_minute: Value = None
    articulation_words_per_minute: Value = None
    fillers: int | None = None
    filler_words: dict[str, int] | None = None
    by_utterance: list[UtteranceWords] | None = None
    not_measured: dict[str, str] = {}


class SpeechFlowResult(AnalyzerResult):
    """Segments: phrases and pauses. Series: pitch_hz (null where unvoiced), energy_dbfs, speech_probability."""

    segments: list[SerializeAsAny[SpeechSegment]] = []
    summary: SpeechFlowSummary = SpeechFlowSummary()
