"""What is said: words with times and confidence, language, speakers where a model for them is in the store.

Whisper through faster-whisper's CTranslate2, on the phrases of the feature `voice`. Nothing is written where nobody speaks, and what is not
believed is counted. See docs/analyzers/speech_transcription.md.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, ClassVar, NamedTuple

from pydantic import AfterValidator, Field

from reelscope.analyzers.base import Analyzer, AnalyzerSpec, AudioNeed, Backend, Inputs, LoadContext, Options
from reelscope.analyzers.speech_transcription._languages import LANGUAGES
from reelscope.analyzers.speech_transcription._result import (
    ChunkFigures,
    SpokenSegment,
    TranscriptionResult,
    TranscriptionSummary,
    Word,
)
from reelscope.document.measures.words import UNSPACED_LANGUAGES
from reelscope.document.schema import AnalyzerResult, Tier
from reelscope.errors import nearest
from reelscope.media.audio import MONO_RATE_HZ
from reelscope.models.catalog import how_to_get
from reelscope.models.manifest import manifest

if TYPE_CHECKING:
    from reelscope.analyzers.speech_transcription._guards import Placed
    from reelscope.analyzers.speech_transcription._listen import Heard, Transcript
    from reelscope.models.manager import ModelHandle

__all__ = [
    "ANALYZER",
    "WITH_SPEAKERS",
    "ChunkFigures",
    "SpeechTranscription",
    "SpokenSegment",
    "TranscriptionOptions",
    "TranscriptionResult",
    "TranscriptionSummary",
    "Word",
]

SPEAKERS_MODEL = "wespeaker-resnet34"
WITH_SPEAKERS = "-speakers"
# Cosine distance of voice embeddings up to which two groups of phrases are one speaker. Not measured here: see the docs.
SPEAKER_DISTANCE = 0.6

# What a subtitle reader takes for one unit: it ends with its sentence, with a pause between utterances, or after so long.
SENTENCE_ENDS = ".?!\u2026\u3002\uff1f\uff01"
UTTERANCE_PAUSE_S = 0.7  # as in speech_flow
MAX_SEGMENT_S = 15.0
SHOWN_LANGUAGE = 0.01

NO_VOICE = "nobody speaks"
NO_WORDS = "no words were heard"
SHORT_VOICES = "no phrase is long enough (1 s) to tell voices apart"


def _known(code: str | None) -> str | None:
    if code is not None and code not in LANGUAGES:
        raise ValueError(f"it is no code of a language that Whisper knows{nearest(code, LANGUAGES)}")
    return code


class TranscriptionOptions(Options):
    """Options of speech_transcription.

    Attributes:
        language: Code of the language that is spoken (en, de, ...); none: it is found.
        hints: Whether titles and captions on screen are a hint for the words.
        speaker_distance: Cosine distance up to which two voices are the same, for backends that tell speakers apart.
    """

    language: Annotated[str | None, AfterValidator(_known)] = Field(None, examples=["en"])
    hints: bool = True
    speaker_distance: float = Field(SPEAKER_DISTANCE, gt=0, le=2)


class _Size(NamedTuple):
    model: str
    tier: Tier
    rank: int
    batch: int
    ram_mib: int
    vram_mib: int
    cost: float


# ram_mib: weights as int8 and what hearing a chunk takes; cost: core-seconds per second of dense talk; both measured with random weights
# of the real size (docs), for the large ones reckoned from those. vram_mib: fp16 and a batch of 4, after faster-whisper's own figures
# (large-v2: 4525 MB alone, 6090 with a batch of 8). On a CPU a batch is no faster and takes more memory.
_SIZES = (
    _Size("whisper-tiny", "compact", 10, 1, 300, 0, 0.07),
    _Size("whisper-base", "compact", 20, 1, 450, 0, 0.09),
    _Size("whisper-small", "compact", 30, 1, 1100, 0, 0.28),
    _Size("whisper-large-v3-turbo", "full", 50, 4, 4000, 3400, 1.0),
    _Size("whisper-large-v3", "full", 40, 4, 6000, 5500, 2.0),
)


def _backends() -> tuple[Backend, ...]:
    """Each model alone, and with the one that tells speakers apart: that one wins where both are in the store."""
    out = []
    for size in _SIZES:
        for more, models, rank in (("", (), 0), (WITH_SPEAKERS, (SPEAKERS_MODEL,), 1)):
            out.append(
                Backend(
                    name=size.model + more,
                    tier=size.tier,
                    rank=size.rank + rank,
                    models=(size.model, *models),
                    packages=("faster_whisper", "ctranslate2", *(("onnxruntime",) if models else ())),
                    audio=AudioNeed("mono16k"),
                    features=("voice",),
                    soft_after=("text_overlay",),
                    batch=size.batch,
                    threads=4,
                    ram_mib=size.ram_mib + (60 if models else 0),
                    vram_mib=size.vram_mib,
                    cost=size.cost,
                )
            )
    return tuple(out)


class SpeechTranscription(Analyzer[TranscriptionResult]):
    """Hears the phrases of the feature `voice` in chunks of up to 30 s."""

    spec: ClassVar[AnalyzerSpec] = AnalyzerSpec(
        name="speech_transcription",
        version=1,
        group="audio",
        backends=_backends(),
        window_timeout_s=300.0,  # a short clip on a slow CPU with a large model
        finish_timeout_x=20.0,
    )
    Options: ClassVar[type[Options]] = TranscriptionOptions
    Result: ClassVar[type[AnalyzerResult]] = TranscriptionResult

    _model: ModelHandle | None = None
    _voices: ModelHandle | None = None

    def load(self, ctx: LoadContext) -> None:
        super().load(ctx)
        from reelscope.analyzers.speech_transcription import _whisper  # noqa: F401  (imports faster-whisper)

        name = ctx.backend or self.spec.backends[0].name
        self._model = ctx.model(name.removesuffix(WITH_SPEAKERS), precision="int8" if ctx.device == "cpu" else "fp16")
        self._voices = ctx.model(SPEAKERS_MODEL, device="cpu") if name.endswith(WITH_SPEAKERS) else None

    def finish(self, inputs: Inputs) -> TranscriptionResult:
        """Hear `inputs.audio` where the feature `voice` found somebody."""
        from reelscope.analyzers.speech_transcription._chunks import chunks_of
        from reelscope.analyzers.speech_transcription._hints import hints_of
        from reelscope.analyzers.speech_transcription._listen import listen
        from reelscope.analyzers.speech_transcription._whisper import Ears

        if inputs.audio is None:
            raise ValueError("speech_transcription was run without sound; the plan must mark it not_applicable")
        model = self._model
        assert model is not None, "load() comes before finish()"
        samples, voice = inputs.audio.mono16k, inputs.features["voice"]
        chunks = chunks_of(voice.segments, len(samples) / MONO_RATE_HZ, voice.mean_probability)
        texts = inputs.results["text_overlay"].segments if self.options.hints and "text_overlay" in inputs.results else ()
        hints = hints_of(texts) if chunks else ()
        heard = listen(
            chunks,
            lambda first, after: samples[first:after],
            Ears(lambda: model.session.model),
            batched=self.ctx.batched,
            language=self.options.language,
            hints=hints,
        )
        return made(heard, hints, self._speakers(chunks, samples), given=self.options.language, backend=self.ctx.backend or "")

    def _speakers(self, chunks: Sequence, samples: object) -> list[int | None] | None:
        """Speaker of each phrase of the chunks in order; None where this backend does not tell them apart."""
        from reelscope.analyzers.speech_transcription._speakers import speakers_of

        voices = self._voices
        if voices is None:
            return None
        phrases = [p for chunk in chunks for p in chunk.phrases]
        return speakers_of(phrases, lambda first, after: samples[first:after], lambda: voices.session, self.options.speaker_distance)  # type: ignore[index]

    def close(self) -> None:
        self._model = self._voices = None  # other members may share the sessions: the manager unloads them


class _Line(NamedTuple):
    word: Placed
    speaker: int | None
    language: str


def made(
    transcript: Transcript, hints: Sequence[str], speakers: Sequence[int | None] | None, *, given: str | None, backend: str
) -> TranscriptionResult:
    """The result of a clip.

    Args:
        speakers: Of each phrase of all chunks in order; None where they were not told apart.
        given: The language, where an option gave it.
    """
    lines: list[_Line] = []
    before = 0  # phrases of the chunks before
    for heard in transcript.heard:
        for word in heard.words:
            lines.append(_Line(word, speakers[before + word.phrase] if speakers is not None else None, heard.language))
        before += len(heard.chunk.phrases)
    segments = [_segment(group) for group in _grouped(lines)]
    voices = {line.speaker for line in lines if line.speaker is not None}
    mass = transcript.mass
    found = next(iter(mass), None)
    language = (given or found or transcript.heard[0].language) if transcript.heard else None
    summary = TranscriptionSummary(
        language=language,
        language_probability=mass[found] if found is not None and given is None else None,
        languages={code: p for code, p in mass.items() if p >= SHOWN_LANGUAGE},
        words=len(lines),
        speakers=len(voices) or None,
        text=_joined([s.text for s in segments], language),
        voice_s=sum(h.chunk.voice_s for h in transcript.heard),
        dropped=_dropped(transcript.heard),
        hints=list(hints),
        chunks=[_chunk(h) for h in transcript.heard],
        not_measured=_reasons(transcript, lines, voices, told=speakers is not None, given=given, backend=backend),
    )
    return TranscriptionResult(segments=segments, summary=summary)


def _grouped(lines: Sequence[_Line]) -> list[list[_Line]]:
    """Words in segments: until a sentence ends, a pause of 0.7 s, another speaker or language, or 15 s."""
    out: list[list[_Line]] = []
    for line in lines:
        last = out[-1][-1] if out else None
        if (
            last is None
            or last.word.text.rstrip("\"'\u201d\u2019)]").endswith(tuple(SENTENCE_ENDS))
            or line.word.start_s - last.word.end_s >= UTTERANCE_PAUSE_S
            or (line.speaker, line.language) != (last.speaker, last.language)
            or line.word.end_s - out[-1][0].word.start_s > MAX_SEGMENT_S
        ):
            out.append([])
        out[-1].append(line)
    return out


def _segment(lines: Sequence[_Line]) -> SpokenSegment:
    words = [
        Word(start_s=x.word.start_s, end_s=x.word.end_s, text=x.word.text.strip(), confidence=min(1.0, x.word.probability)) for x in lines
    ]
    return SpokenSegment(
        start_s=words[0].start_s,
        end_s=words[-1].end_s,
        confidence=min(1.0, sum(x.word.probability for x in lines) / len(lines)),
        text="".join(x.word.text for x in lines).strip(),
        words=words,
        speaker=lines[0].speaker,
        language=lines[0].language,
    )


def _joined(texts: Sequence[str], language: str | None) -> str:
    return ("" if language in UNSPACED_LANGUAGES else " ").join(texts)


def _dropped(heard: Sequence[Heard]) -> dict[str, int]:
    from reelscope.analyzers.speech_transcription._guards import REASONS

    return {reason: sum(h.dropped.get(reason, 0) for h in heard) for reason in REASONS}


def _chunk(heard: Heard) -> ChunkFigures:
    return ChunkFigures(
        start_s=heard.chunk.start_s,
        end_s=heard.chunk.end_s,
        language=heard.language if heard.own else None,
        language_probability=heard.own.get(heard.language) if heard.own else None,
        avg_logprob=heard.avg_logprob,
        no_speech_probability=min(1.0, heard.no_speech),
        compression_ratio=heard.compression,
        hinted=heard.hinted,
        dropped=heard.why,
    )


def _reasons(transcript: Transcript, lines: Sequence[_Line], voices: set, *, told: bool, given: str | None, backend: str) -> dict[str, str]:
    out: dict[str, str] = {}
    if not transcript.heard:
        out |= dict.fromkeys(("language", "language_probability"), NO_VOICE)
    elif given is not None:
        out["language_probability"] = "the language was given"
    elif not transcript.mass:
        out["language_probability"] = "the model knows English alone"
    if not transcript.heard:
        out["speakers"] = NO_VOICE
    elif not told:
        model = manifest()[SPEAKERS_MODEL]
        command = how_to_get(model, accepted=model.permissive)
        out["speakers"] = f"{backend} does not tell speakers apart; {backend}{WITH_SPEAKERS} does, with {SPEAKERS_MODEL}: {command}"
    elif not voices:
        out["speakers"] = SHORT_VOICES if lines else NO_WORDS
    return out


ANALYZER = SpeechTranscription
