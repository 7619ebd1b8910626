"""How it is spoken: phrases and pauses, syllable rate, pitch, loudness and emphasis, from voice activity and the sound alone.

See docs/analyzers/speech_flow.md for the formulas and their measured errors.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Literal

from pydantic import SerializeAsAny

from reelscope.analyzers.base import Analyzer, AnalyzerSpec, AudioNeed, Backend, Inputs, LoadContext
from reelscope.document.schema import AnalyzerResult, Model, Seconds, Segment, Series, Summary, Value
from reelscope.media.audio import MONO_RATE_HZ

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    import numpy as np

    from reelscope.features.voice import Voice
    from reelscope.timebase import Interval

__all__ = ["ANALYZER", "Emphasis", "SpeechFlow", "SpeechFlowResult", "SpeechFlowSummary", "SpeechSegment", "utterances"]

MAX_PAUSE_S = 3.0  # a longer gap is no pause in speaking but a part of the clip without speech
UTTERANCE_PAUSE_S = 0.7  # pauses within a sentence are mostly shorter (Campione & Veronis 2002: brief pauses below 0.2, medium to 1 s)
MIN_RATE_S = 1.0  # speech needed for a rate: five syllables or so
MIN_MARGIN_DB = 0.0
SERIES_STEP_S = 0.1
PROBABILITY_STEP_S = 0.2
NO_WORDS = "no words: speech_transcription has no backend here that ran"


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
        voiced_share: Share (0-1) of pitch frames that are voiced. level_dbfs: RMS.
    """

    kind: Literal["speech", "pause"]
    utterance: int | None = None
    syllables: int | None = None
    syllables_per_s: Value = None
    pitch_median_hz: Value = None
    pitch_range_semitones: Value = None
    voiced_share: Value = None
    level_dbfs: Value = None
    emphasis: list[Emphasis] = []


class SpeechFlowSummary(Summary):
    """Figures of the whole clip; `not_measured` says why for each that is null.

    Attributes:
        speech_s, speech_share: Time spoken, and its share (0-1) of the sound.
        articulation_rate_syl_s: Syllables per second of speech; speech_rate_syl_s: per second of utterances, pauses inside them included.
        pitch_median_hz, pitch_low_hz, pitch_high_hz: Median, 10th and 90th percentile of the voiced frames.
        pitch_variation_semitones: Standard deviation. level_dbfs: RMS of the speech.
        background_margin_db: How much louder speech is than what is heard within 2 s of it.
        emphasis: Number of emphasised syllables. words_per_minute, fillers: Need words.
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
    words_per_minute: Value = None
    fillers: int | None = None
    not_measured: dict[str, str] = {}


class SpeechFlowResult(AnalyzerResult):
    """Segments: phrases and pauses. Series: pitch_hz (null where unvoiced), energy_dbfs, speech_probability."""

    segments: list[SerializeAsAny[SpeechSegment]] = []
    summary: SpeechFlowSummary = SpeechFlowSummary()


class SpeechFlow(Analyzer[SpeechFlowResult]):
    """Voice activity by Silero (feature `voice`), pitch by SwiftF0, syllables and emphasis by rules."""

    spec: ClassVar[AnalyzerSpec] = AnalyzerSpec(
        name="speech_flow",
        version=1,
        group="audio",
        backends=(
            Backend(
                name="silero_swiftf0",
                tier="embedded",
                rank=10,
                packages=("swift_f0", "onnxruntime"),
                audio=AudioNeed("mono16k"),
                features=("voice",),
                ram_mib=60,
                cost=0.006,
            ),
        ),
    )
    Result: ClassVar[type[AnalyzerResult]] = SpeechFlowResult

    _detector: Any = None

    def load(self, ctx: LoadContext) -> None:
        super().load(ctx)
        import swift_f0

        from reelscope.analyzers.speech_flow import _prosody  # noqa: F401  (imports numpy)

        self._detector = swift_f0.SwiftF0(threads=ctx.threads, spin=False)

    def finish(self, inputs: Inputs) -> SpeechFlowResult:
        """Measure `inputs.audio` inside the phrases of the feature `voice`."""
        if inputs.audio is None:
            raise ValueError("speech_flow was run without sound; the plan must mark it not_applicable")
        return analyse(inputs.audio.mono16k, inputs.features["voice"], self._pitch)

    def _pitch(self, samples: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        from reelscope.analyzers.speech_flow import _prosody

        found = self._detector.detect(samples, MONO_RATE_HZ, _prosody.PITCH_LOW_HZ, _prosody.PITCH_HIGH_HZ)
        return found.timestamps, found.pitch_hz, found.confidence

    def close(self) -> None:
        self._detector = None


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
    samples: np.ndarray, voice: Voice, detect: Callable[[np.ndarray], tuple[np.ndarray, np.ndarray, np.ndarray]]
) -> SpeechFlowResult:
    """All figures of float32 [n] at 16 kHz; `detect` as in _prosody.pitch_contour."""
    import numpy as np

    from reelscope.analyzers.speech_flow import _prosody

    duration_s = len(samples) / MONO_RATE_HZ
    energy = _prosody.energy_contours(samples)
    pitch = _prosody.pitch_contour(samples, voice.segments, detect)
    groups = utterances(voice.segments)
    margin = _prosody.background_margin_db(energy.level_db, list(voice.segments))
    countable = margin is None or margin >= MIN_MARGIN_DB

    segments: list[SpeechSegment] = []
    syllables_total = 0
    last: tuple[float, int] | None = None
    for number, group in enumerate(groups):
        nuclei = [_prosody.find_syllables(energy.vowel_db, start, end, pitch) for start, end in group]
        events = _prosody.emphasised([s for phrase in nuclei for s in phrase]) if countable else []
        for (start, end), found in zip(group, nuclei, strict=True):
            if last is not None and start - last[0] <= MAX_PAUSE_S:
                same = number if last[1] == number else None
                segments.append(
                    SpeechSegment(
                        kind="pause", start_s=last[0], end_s=start, utterance=same, level_dbfs=_rms(energy.level_db, last[0], start)
                    )
                )
            segments.append(_phrase(start, end, number, found, events, countable, energy, pitch, voice))
            syllables_total += len(found)
            last = (end, number)

    speech_s = sum(end - start for start, end in voice.segments)
    utterance_s = sum(group[-1][1] - group[0][0] for group in groups)
    pauses = [s.end_s - s.start_s for s in segments if s.kind == "pause"]
    hz = pitch.hz[pitch.voiced]
    missing = _missing(speech_s, countable, margin, len(hz), len(pauses))
    rated = countable and speech_s >= MIN_RATE_S
    level = np.concatenate([_part(energy.level_db, a, b) for a, b in voice.segments]) if voice.segments else np.zeros(0)
    summary = SpeechFlowSummary(
        speech_s=speech_s,
        speech_share=min(1.0, speech_s / duration_s) if duration_s else None,
        phrases=len(voice.segments),
        utterances=len(groups),
        pauses=len(pauses),
        pause_median_s=float(np.median(pauses)) if pauses else None,
        pause_longest_s=max(pauses, default=None),
        syllables=syllables_total if rated else None,
        articulation_rate_syl_s=syllables_total / speech_s if rated else None,
        speech_rate_syl_s=syllables_total / utterance_s if rated else None,
        pitch_median_hz=float(np.median(hz)) if len(hz) else None,
        pitch_low_hz=float(np.percentile(hz, 10)) if len(hz) else None,
        pitch_high_hz=float(np.percentile(hz, 90)) if len(hz) else None,
        pitch_variation_semitones=float(np.std(12 * np.log2(hz))) if len(hz) else None,
        level_dbfs=_mean_db(level),
        background_margin_db=margin,
        emphasis=sum(len(s.emphasis) for s in segments),
        not_measured=missing,
    )
    return SpeechFlowResult(segments=segments, series=_series(duration_s, energy, pitch, voice), summary=summary)


def _phrase(
    start: float, end: float, number: int, nuclei: list, events: list, countable: bool, energy: Any, pitch: Any, voice: Voice
) -> SpeechSegment:
    import numpy as np

    inside = (pitch.t_s >= start) & (pitch.t_s < end)
    hz = pitch.hz[inside & pitch.voiced]
    return SpeechSegment(
        kind="speech",
        start_s=start,
        end_s=end,
        confidence=voice.mean_probability(start, end),
        utterance=number,
        syllables=len(nuclei) if countable else None,
        syllables_per_s=len(nuclei) / (end - start) if countable and end - start >= MIN_RATE_S else None,
        pitch_median_hz=float(np.median(hz)) if len(hz) else None,
        pitch_range_semitones=float(12 * np.log2(np.percentile(hz, 90) / np.percentile(hz, 10))) if len(hz) >= 10 else None,
        voiced_share=float(np.mean(pitch.voiced[inside])) if inside.any() else None,
        level_dbfs=_rms(energy.level_db, start, end),
        emphasis=[Emphasis(t_s=s.t_s, level_z=level, pitch_z=tone) for s, level, tone in events if start <= s.t_s < end],
    )


def _missing(speech_s: float, countable: bool, margin: float | None, voiced: int, pauses: int) -> dict[str, str]:
    out = {"words_per_minute": NO_WORDS, "fillers": NO_WORDS}
    why = None
    if not speech_s:
        why = "nobody is heard speaking"
        out |= dict.fromkeys(("level_dbfs", "background_margin_db"), why)
    elif not countable:
        why = f"what is heard around the speech is too loud to count syllables ({margin:.0f} dB below it, needs {MIN_MARGIN_DB:.0f})"
    elif speech_s < MIN_RATE_S:
        why = f"{speech_s:.2f} s of speech are too short for a rate"
    if why:
        out |= dict.fromkeys(("syllables", "articulation_rate_syl_s", "speech_rate_syl_s"), why)
    if speech_s and margin is None:
        out["background_margin_db"] = "nothing but speech is heard"
    if not voiced:
        why = "nobody is heard speaking" if not speech_s else "no voiced sound in the speech"
        out |= dict.fromkeys(("pitch_median_hz", "pitch_low_hz", "pitch_high_hz", "pitch_variation_semitones"), why)
    if not pauses:
        out |= dict.fromkeys(("pause_median_s", "pause_longest_s"), "no pause between phrases" if speech_s else "nobody is heard speaking")
    return out


def _series(duration_s: float, energy: Any, pitch: Any, voice: Voice) -> list[Series]:
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
