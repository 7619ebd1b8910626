"""How it is spoken: phrases and pauses, syllable rate, pitch, loudness and emphasis from the sound; words per minute from a transcript.

See docs/analyzers/speech_flow.md for the formulas and their measured errors.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from reelscope.analyzers.base import Analyzer, AnalyzerSpec, AudioNeed, Backend, Inputs, LoadContext
from reelscope.analyzers.speech_flow._result import Emphasis, SpeechFlowResult, SpeechFlowSummary, SpeechSegment, UtteranceWords
from reelscope.document.schema import AnalyzerResult, Series
from reelscope.media.audio import MONO_RATE_HZ

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    import numpy as np

    from reelscope.analyzers.speech_flow import _prosody
    from reelscope.features.voice import Voice
    from reelscope.models.manager import ModelHandle
    from reelscope.timebase import Interval

__all__ = ["ANALYZER", "Emphasis", "SpeechFlow", "SpeechFlowResult", "SpeechFlowSummary", "SpeechSegment", "UtteranceWords", "utterances"]

MAX_PAUSE_S = 3.0  # a longer gap is no pause in speaking but a part of the clip without speech
UTTERANCE_PAUSE_S = 0.7  # pauses within a sentence are mostly shorter (Campione & Veronis 2002: brief pauses below 0.2, medium to 1 s)
MIN_RATE_S = 1.0  # speech needed for a rate: five syllables or so
MIN_MARGIN_DB = 3.0  # speech less far above what is heard around it is measured as None: from here up syllable counts stay within 16 %
SERIES_STEP_S = 0.1
PROBABILITY_STEP_S = 0.2
TRANSCRIPT = "speech_transcription"


class SpeechFlow(Analyzer[SpeechFlowResult]):
    """Voice activity by Silero (feature `voice`), pitch by SwiftF0, syllables and emphasis by rules."""

    spec: ClassVar[AnalyzerSpec] = AnalyzerSpec(
        name="speech_flow",
        version=2,
        group="audio",
        backends=(
            Backend(
                name="silero_swiftf0",
                tier="embedded",
                rank=10,
                models=("swift-f0",),
                packages=("swift_f0", "onnxruntime"),
                audio=AudioNeed("mono16k"),
                features=("voice",),
                soft_after=(TRANSCRIPT,),
                ram_mib=60,
                cost=0.006,
            ),
        ),
    )
    Result: ClassVar[type[AnalyzerResult]] = SpeechFlowResult

    _model: ModelHandle | None = None

    def load(self, ctx: LoadContext) -> None:
        super().load(ctx)
        from reelscope.analyzers.speech_flow import _pitch  # noqa: F401  (imports numpy)

        self._model = ctx.model("swift-f0")  # the file alone: nothing of the package is imported

    def finish(self, inputs: Inputs) -> SpeechFlowResult:
        """Measure `inputs.audio` inside the phrases of the feature `voice`, and count the words of the transcript where there is one."""
        from reelscope.analyzers.speech_flow._words import add_words, read_words

        if inputs.audio is None:
            raise ValueError("speech_flow was run without sound; the plan must mark it not_applicable")
        result = analyse(inputs.audio.mono16k, inputs.features["voice"], self._pitch, no_words=inputs.absent.get(TRANSCRIPT))
        transcript = inputs.results.get(TRANSCRIPT)
        if transcript is not None and result.segments:
            add_words(result.segments, result.summary, read_words(transcript))
        return result

    def _pitch(self, samples: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        from reelscope.analyzers.speech_flow._pitch import detect_pitch

        assert self._model is not None, "load() comes before finish()"
        return detect_pitch(self._model.session, samples)

    def close(self) -> None:
        self._model = None  # other members may share the session: the manager unloads it


def utterances(phrases: Iterable[Interval]) -> list[list[Interval]]:
    """Group phrases whose pauses are shorter than 0.7 s."""
    out: list[list[Interval]] = []
    for phrase in phrases:
        if out and phrase[0] - out[-1][-1][1] < UTTERANCE_PAUSE_S:
            out[-1].append(phrase)
        else:
            out.append([phrase])
    return out


def analyse(
    samples: np.ndarray,
    voice: Voice,
    detect: Callable[[np.ndarray], tuple[np.ndarray, np.ndarray, np.ndarray]],
    *,
    no_words: str | None = None,
) -> SpeechFlowResult:
    """All figures of float32 [n] at 16 kHz but those of words.

    Args:
        detect: As in _prosody.pitch_contour.
        no_words: Status of speech_transcription where it gave no transcript.
    """
    from reelscope.analyzers.speech_flow import _prosody

    duration_s = len(samples) / MONO_RATE_HZ
    spoken = list(voice.segments)
    energy = _prosody.energy_contours(samples)
    background = _prosody.background_levels(energy.level_db, spoken)
    levels = [_rms(energy.level_db, start, end) for start, end in spoken]
    margins = [None if a is None or b is None else a - b for a, b in zip(levels, background, strict=True)]
    clear = [p for p, margin in zip(spoken, margins, strict=True) if margin is None or margin >= MIN_MARGIN_DB]
    pitch = _prosody.above_background(_prosody.pitch_contour(samples, clear, detect), energy.level_db, spoken, background)
    nuclei = {phrase: _prosody.find_syllables(energy.vowel_db, *phrase, pitch) for phrase in clear}

    groups = utterances(spoken)
    segments: list[SpeechSegment] = []
    rows = dict(zip(spoken, zip(levels, margins, strict=True), strict=True))
    before: SpeechSegment | None = None
    for number, group in enumerate(groups):
        events = _prosody.emphasised([s for phrase in group for s in nuclei.get(phrase, [])])
        for phrase in group:
            segment = _phrase(phrase, number, nuclei.get(phrase), events, pitch, voice)
            segment.level_dbfs, segment.background_margin_db = rows[phrase]
            if before is not None and segment.start_s - before.end_s <= MAX_PAUSE_S:
                segments.append(
                    SpeechSegment(
                        kind="pause",
                        start_s=before.end_s,
                        end_s=segment.start_s,
                        utterance=number if before.utterance == number else None,
                        level_dbfs=_rms(energy.level_db, before.end_s, segment.start_s),
                    )
                )
            segments.append(segment)
            before = segment

    summary = _summary(segments, groups, duration_s, pitch, no_words)
    return SpeechFlowResult(segments=segments, series=_series(duration_s, energy, pitch, voice), summary=summary)


def _phrase(
    phrase: Interval, number: int, nuclei: list[_prosody.Syllable] | None, events: list, pitch: _prosody.Pitch, voice: Voice
) -> SpeechSegment:
    import numpy as np

    start, end = phrase
    inside = slice(*np.searchsorted(pitch.t_s, (start, end)))
    voiced = pitch.voiced[inside]
    hz = pitch.hz[inside][voiced]
    return SpeechSegment(
        kind="speech",
        start_s=start,
        end_s=end,
        confidence=voice.mean_probability(start, end),
        utterance=number,
        syllables=None if nuclei is None else len(nuclei),
        syllables_per_s=len(nuclei) / (end - start) if nuclei is not None and end - start >= MIN_RATE_S else None,
        pitch_median_hz=float(np.median(hz)) if len(hz) else None,
        pitch_range_semitones=float(12 * np.log2(np.percentile(hz, 90) / np.percentile(hz, 10))) if len(hz) >= 10 else None,
        voiced_share=float(np.mean(voiced)) if len(voiced) else None,
        emphasis=[Emphasis(t_s=s.t_s, level_z=level, pitch_z=tone) for s, level, tone in events if start <= s.t_s < end],
    )


def _summary(
    segments: list[SpeechSegment], groups: list[list[Interval]], duration_s: float, pitch: _prosody.Pitch, no_words: str | None
) -> SpeechFlowSummary:
    import numpy as np

    speech = [s for s in segments if s.kind == "speech"]
    pauses = [s.end_s - s.start_s for s in segments if s.kind == "pause"]
    speech_s = sum(s.end_s - s.start_s for s in speech)
    counted = [s for s in speech if s.syllables is not None]
    counted_s = sum(s.end_s - s.start_s for s in counted)
    inner_s = sum(s.end_s - s.start_s for s in segments if s.kind == "pause" and s.utterance is not None)
    syllables = sum(s.syllables or 0 for s in counted)
    rated = counted_s >= MIN_RATE_S
    margins = [s.background_margin_db for s in speech if s.background_margin_db is not None]
    powers = [(10 ** (s.level_dbfs / 10), s.end_s - s.start_s) for s in speech if s.level_dbfs is not None]
    hz = pitch.hz[pitch.voiced]
    return SpeechFlowSummary(
        speech_s=speech_s,
        speech_share=min(1.0, speech_s / duration_s) if duration_s else None,
        phrases=len(speech),
        utterances=len(groups),
        pauses=len(pauses),
        pause_median_s=float(np.median(pauses)) if pauses else None,
        pause_longest_s=max(pauses, default=None),
        syllables=syllables if rated else None,
        articulation_rate_syl_s=syllables / counted_s if rated else None,
        speech_rate_syl_s=syllables / (counted_s + inner_s) if rated and len(counted) == len(speech) else None,
        pitch_median_hz=float(np.median(hz)) if len(hz) else None,
        pitch_low_hz=float(np.percentile(hz, 10)) if len(hz) else None,
        pitch_high_hz=float(np.percentile(hz, 90)) if len(hz) else None,
        pitch_variation_semitones=float(np.std(12 * np.log2(hz))) if len(hz) else None,
        level_dbfs=float(10 * np.log10(sum(p * d for p, d in powers) / sum(d for _, d in powers))) if powers else None,
        background_margin_db=float(np.median(margins)) if margins else None,
        emphasis=sum(len(s.emphasis) for s in speech),
        not_measured=_missing(speech_s, counted_s, len(counted) == len(speech), bool(margins), bool(len(hz)), bool(pauses), no_words),
    )


def _missing(
    speech_s: float, counted_s: float, all_counted: bool, margins: bool, voiced: bool, pauses: bool, no_words: str | None
) -> dict[str, str]:
    """Why the fields that are null are null."""
    from reelscope.analyzers.speech_flow._words import FIELDS, why_absent

    out = dict.fromkeys(FIELDS, why_absent(no_words))
    rates = ("syllables", "articulation_rate_syl_s", "speech_rate_syl_s")
    pitches = ("pitch_median_hz", "pitch_low_hz", "pitch_high_hz", "pitch_variation_semitones")
    if not speech_s:
        nobody = (*FIELDS, *rates, *pitches, "level_dbfs", "background_margin_db", "pause_median_s", "pause_longest_s")
        return out | dict.fromkeys(nobody, "nobody is heard speaking")
    loud = f"what is heard around the speech is too loud (speech less than {MIN_MARGIN_DB:.0f} dB above it)"
    if counted_s < MIN_RATE_S:
        out |= dict.fromkeys(rates, loud if counted_s < speech_s else f"{speech_s:.2f} s of speech are too short for a rate")
    elif not all_counted:
        out["speech_rate_syl_s"] = f"in some phrases {loud}"
    if not voiced:
        out |= dict.fromkeys(pitches, "no voiced sound stands out in the speech" if counted_s else loud)
    if not margins:
        out["background_margin_db"] = "nothing but speech is heard"
    if not pauses:
        out |= dict.fromkeys(("pause_median_s", "pause_longest_s"), "no pause between phrases")
    return out


def _series(duration_s: float, energy: _prosody.Energy, pitch: _prosody.Pitch, voice: Voice) -> list[Series]:
    import numpy as np

    from reelscope.analyzers.speech_flow import _prosody

    pitch_t: list[float] = []
    pitch_hz: list[float | None] = []
    t_voiced, hz_voiced = pitch.t_s[pitch.voiced], pitch.hz[pitch.voiced]
    for start, end in voice.segments:
        low, high = np.searchsorted(t_voiced, (start, end))
        times, values = _prosody.sampled(t_voiced[low:high], hz_voiced[low:high], start, end, SERIES_STEP_S)
        pitch_t += times.tolist()
        pitch_hz += [None if v != v else v for v in values.tolist()]
    power = 10 ** (energy.level_db.astype(np.float64) / 10)
    step = round(SERIES_STEP_S * 100)
    whole = len(power) // step * step
    means = power[:whole].reshape(-1, step).mean(axis=1)
    levels = [None if m <= 1.01 * 10 ** (_prosody.FLOOR_DB / 10) else 10 * float(np.log10(m)) for m in means.tolist()]
    t_probability = voice.start_s + voice.hop_s * np.arange(len(voice.probability))
    times, values = _prosody.sampled(t_probability, voice.probability.astype(np.float64), 0.0, duration_s, PROBABILITY_STEP_S)
    return [
        Series(name="pitch_hz", unit="Hz", t_s=pitch_t, values=pitch_hz),
        Series(name="energy_dbfs", unit="dBFS", t_s=[(i + 0.5) * SERIES_STEP_S for i in range(len(levels))], values=levels),
        Series(name="speech_probability", unit="0-1", t_s=times.tolist(), values=[None if v != v else v for v in values.tolist()]),
    ]


def _part(level_db: np.ndarray, start_s: float, end_s: float) -> np.ndarray:
    return level_db[round(start_s * 100) : max(round(end_s * 100), round(start_s * 100) + 1)]


def _rms(level_db: np.ndarray, start_s: float, end_s: float) -> float | None:
    return _mean_db(_part(level_db, start_s, end_s))


def _mean_db(level_db: np.ndarray) -> float | None:
    """Level of the mean power; None for digital silence and for nothing."""
    import numpy as np

    from reelscope.analyzers.speech_flow import _prosody

    if not len(level_db) or float(level_db.max()) <= _prosody.FLOOR_DB:
        return None
    return float(10 * np.log10(np.mean(10 ** (level_db.astype(np.float64) / 10))))


ANALYZER = SpeechFlow
