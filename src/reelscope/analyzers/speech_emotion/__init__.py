"""How excited each utterance sounds: arousal from prosody against the speaker's own others, or emotions from a network of the store.

Formulae, measured figures and limits: docs/analyzers/speech_emotion.md.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from reelscope.analyzers.base import Analyzer, AnalyzerSpec, AudioNeed, Backend, Inputs, LoadContext
from reelscope.analyzers.speech_emotion._result import Component, SpeechEmotionResult, SpeechEmotionSegment, SpeechEmotionSummary
from reelscope.document.schema import AnalyzerResult

if TYPE_CHECKING:
    from reelscope.analyzers.speech_emotion._model import Heard
    from reelscope.analyzers.speech_emotion._prosody import Scored, Utterance
    from reelscope.models.manager import ModelHandle

__all__ = ["ANALYZER", "Component", "SpeechEmotion", "SpeechEmotionResult", "SpeechEmotionSegment", "SpeechEmotionSummary", "judge"]

# Nearer to it pitch follows the music more, and a voice that is only softer sounds livelier: at 10 to 12 dB a change of gain alone moved
# arousal by more than 0.1 in three of ten cases, above in none.
MIN_MARGIN_DB = 12.0
# Two people in one clip, told apart by nobody, would be each other's baseline; one voice seldom leaves such a hole between its utterances.
TWO_VOICES_SEMITONES = 6.0

PROSODY_ONLY = "prosody alone does not tell it, a network does (backends wav2vec2, wav2vec2_dimensions)"
NO_DIMENSIONS = "this network gives classes only"
NO_CLASSES = "this network gives no classes"
NOBODY = "nobody is heard speaking"

_SHARED: dict[str, Any] = {"audio": AudioNeed("mono16k"), "after": ("speech_flow",), "soft_after": ("speech_transcription",)}


class SpeechEmotion(Analyzer[SpeechEmotionResult]):
    """Reads what speech_flow measured; the full backends also hear each utterance through a wav2vec2 network."""

    spec: ClassVar[AnalyzerSpec] = AnalyzerSpec(
        name="speech_emotion",
        version=1,
        group="audio",
        backends=(
            Backend(name="prosody", tier="embedded", rank=10, cost=0.0002, **_SHARED),
            Backend(
                name="wav2vec2",
                tier="full",
                rank=20,
                models=("wav2vec2-emotion",),
                packages=("torch", "transformers"),
                ram_mib=900,
                vram_mib=900,
                cost=0.1,
                **_SHARED,
            ),
            # Below the one whose licence allows every use: taken when named, or where it is the only one in the store.
            Backend(
                name="wav2vec2_dimensions",
                tier="full",
                rank=15,
                models=("wav2vec2-emotion-dimensions",),
                packages=("torch", "transformers"),
                ram_mib=1500,
                vram_mib=1500,
                cost=0.19,
                **_SHARED,
            ),
        ),
    )
    Result: ClassVar[type[AnalyzerResult]] = SpeechEmotionResult

    _model: ModelHandle | None = None

    def load(self, ctx: LoadContext) -> None:
        super().load(ctx)
        names = {b.name: b.models for b in self.spec.backends}.get(ctx.backend or "", ())
        if names:
            from reelscope.analyzers.speech_emotion import _model  # noqa: F401  (imports numpy)

            self._model = ctx.model(names[0])

    def finish(self, inputs: Inputs) -> SpeechEmotionResult:
        """Judge the utterances of speech_flow; the networks also read `inputs.audio`."""
        from reelscope.analyzers.speech_emotion._prosody import read_utterances

        utterances = read_utterances(inputs.results["speech_flow"], MIN_MARGIN_DB)
        turns = _turns(inputs.results.get("speech_transcription"))
        if self._model is None or not utterances:
            return judge(utterances, turns)
        from reelscope.analyzers.speech_emotion._model import hear

        if inputs.audio is None:
            raise ValueError("speech_emotion was run without sound; the plan must mark it not_applicable")
        audible = [u for u in utterances if u.audible]
        heard = hear(lambda: self._model.session, inputs.audio.mono16k, [(u.start_s, u.end_s) for u in audible], self.ctx.batched)  # type: ignore[union-attr]
        return judge(utterances, turns, heard={u.number: h for u, h in zip(audible, heard, strict=True)})

    def close(self) -> None:
        self._model = None  # other members may share the session: the manager unloads it


def _turns(transcript: Any) -> list[tuple[float, float, int]]:
    """Who speaks when, as far as speech_transcription told speakers apart."""
    segments = getattr(transcript, "segments", ())
    return [(s.start_s, s.end_s, s.speaker) for s in segments if getattr(s, "speaker", None) is not None]


def judge(
    utterances: Sequence[Utterance], turns: Sequence[tuple[float, float, int]] = (), *, heard: Mapping[int, Heard] | None = None
) -> SpeechEmotionResult:
    """The result.

    Args:
        turns: Start, end and speaker of stretches of the transcript; empty where nobody told speakers apart.
        heard: What a network answered, by number of the utterance; None without a network.
    """
    from reelscope.analyzers.speech_emotion._prosody import against_others, speaker_of

    speakers = [speaker_of(u, turns) for u in utterances]
    scored = against_others(utterances, speakers)
    segments = [_segment(u, s, by, heard) for u, s, by in zip(utterances, speakers, scored, strict=True)]
    return SpeechEmotionResult(segments=segments, summary=_summary(segments, heard), warnings=_warnings(utterances, speakers))


def _segment(utterance: Utterance, speaker: int | None, scored: Scored, heard: Mapping[int, Heard] | None) -> SpeechEmotionSegment:
    from reelscope.analyzers.speech_emotion._prosody import FIGURES

    segment = SpeechEmotionSegment(
        start_s=utterance.start_s,
        end_s=utterance.end_s,
        utterance=utterance.number,
        speaker=speaker,
        arousal=scored.arousal,
        arousal_from="prosody" if scored.arousal is not None else None,
        background_margin_db=utterance.margin_db,
    )
    missing = {"arousal": scored.reason} if scored.reason is not None else {}
    if utterance.margin_db is None:
        missing["background_margin_db"] = "nothing but speech is heard around it"
    for name in FIGURES:
        figure = scored.figures.get(name)
        if figure is not None:
            made = Component(value=figure.value, baseline=figure.baseline, spread=figure.spread, z=figure.z)
        elif name in utterance.figures:
            made = Component(value=utterance.figures[name])
        else:
            missing[name] = utterance.missing[name]
            continue
        setattr(segment, name, made)
    answer = heard.get(utterance.number) if heard is not None else None
    if answer is None:
        why = PROSODY_ONLY if heard is None else str(utterance.reason)
        missing |= dict.fromkeys(("valence", "dominance", "category", "probabilities"), why)
    else:
        missing |= _take(segment, answer)
        if segment.arousal is not None:
            missing.pop("arousal", None)
    segment.not_measured = missing
    return segment


def _take(segment: SpeechEmotionSegment, answer: Heard) -> dict[str, str]:
    """Put a network's answer into the segment; why what it does not give is missing."""
    missing: dict[str, str] = {}
    if answer.probabilities:
        segment.probabilities = dict(answer.probabilities)
        segment.category = max(sorted(answer.probabilities), key=lambda c: answer.probabilities[c])
        segment.confidence = answer.probabilities[segment.category]
    else:
        missing |= dict.fromkeys(("category", "probabilities"), NO_CLASSES)
    for name in ("valence", "dominance", "arousal"):
        if name in answer.dimensions:
            setattr(segment, name, answer.dimensions[name])
        elif name != "arousal":
            missing[name] = NO_DIMENSIONS
    if "arousal" in answer.dimensions:
        segment.arousal_from = "model"
    return missing


def _summary(segments: Sequence[SpeechEmotionSegment], heard: Mapping[int, Heard] | None) -> SpeechEmotionSummary:
    summary = SpeechEmotionSummary(utterances=len(segments))
    rated = sorted((s for s in segments if s.arousal is not None), key=lambda s: (s.arousal, s.start_s))
    told = {s.speaker for s in segments if s.speaker is not None}
    summary.measured = len(rated)
    summary.speakers = len(told) or None
    if rated:
        summary.arousal_lowest_s, summary.arousal_highest_s = rated[0].start_s, rated[-1].start_s
        summary.arousal_spread = rated[-1].arousal - rated[0].arousal  # type: ignore[operator]
    times: dict[str, float] = {}
    for s in segments:
        if s.category is not None:
            times[s.category] = times.get(s.category, 0.0) + s.end_s - s.start_s
    if times:
        summary.category_shares = {name: t / sum(times.values()) for name, t in sorted(times.items())}
    missing: dict[str, str] = {}
    if not rated:
        first = next((s.not_measured["arousal"] for s in segments if "arousal" in s.not_measured), NOBODY)
        missing |= dict.fromkeys(("arousal_highest_s", "arousal_lowest_s", "arousal_spread"), first)
    if not times:
        why = PROSODY_ONLY if heard is None else next((s.not_measured["category"] for s in segments), NOBODY)
        missing["category_shares"] = why if segments else NOBODY
    if not told:
        missing["speakers"] = "speech_transcription told no speakers apart: all utterances are taken for one voice" if segments else NOBODY
    summary.not_measured = missing
    return summary


def _warnings(utterances: Sequence[Utterance], speakers: Sequence[int | None]) -> list[str]:
    """Of voices that lie too far apart to be one, where nobody told speakers apart."""
    if any(s is not None for s in speakers):
        return []
    tones = sorted(u.figures["pitch_level"] for u in utterances if "pitch_level" in u.figures)
    hole = max((b - a for a, b in zip(tones, tones[1:], strict=False)), default=0.0)
    if hole < TWO_VOICES_SEMITONES:
        return []
    return [f"the utterances' pitches leave a hole of {hole:.0f} semitones: if more than one person speaks, arousal says nothing of either"]


ANALYZER = SpeechEmotion
