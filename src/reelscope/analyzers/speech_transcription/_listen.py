"""From chunks to words: languages, texts, times, and what of them is believed. The model is asked through `Hearing`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from reelscope.analyzers.speech_transcription._chunks import Chunk
from reelscope.analyzers.speech_transcription._guards import Placed, Reason, Spoken, compression_ratio, echoes, in_voice, judge, looping
from reelscope.media.audio import MONO_RATE_HZ

if TYPE_CHECKING:
    import numpy as np

    from reelscope.analyzers.speech_transcription._whisper import Hearing, Timed, Written

__all__ = ["Heard", "Transcript", "listen", "vote"]

# Chunks from the start of the clip that decide on its language before anything is written: four minutes of talk.
LANGUAGE_CHUNKS = 8
# A chunk is written in its own language where that is so sure, else in the clip's: in a wrong one Whisper translates.
OWN_LANGUAGE = 0.8
ENGLISH = "en"

Batched = Callable[[Sequence[Any], Callable[[Sequence[Any]], Sequence[Any]]], list[Any]]


@dataclass(frozen=True, slots=True)
class Heard:
    """One chunk.

    Attributes:
        words: Those that are believed. phrases: index of the chunk's first phrase among all.
        own: Probability of each language in it; empty where none was asked for.
        dropped: Number of words by reason. why: why none of them is believed.
    """

    chunk: Chunk
    language: str
    words: tuple[Placed, ...]
    own: Mapping[str, float]
    avg_logprob: float
    no_speech: float
    compression: float
    hinted: bool
    dropped: Mapping[Reason, int]
    why: Reason | None


@dataclass(frozen=True, slots=True)
class Transcript:
    """All chunks. mass: share of each language over them; empty where it was given or the model knows one alone."""

    heard: tuple[Heard, ...]
    mass: Mapping[str, float]


def vote(rows: Sequence[Mapping[str, float]], weights: Sequence[float]) -> dict[str, float]:
    """Share of each language in the probabilities of several chunks, weighted by their seconds of voice; the largest first."""
    total = sum(weights) or 1.0
    mass: Counter[str] = Counter()
    for row, weight in zip(rows, weights, strict=True):
        for code, p in row.items():
            mass[code] += p * weight / total
    return dict(sorted(mass.items(), key=lambda item: (-item[1], item[0])))


def listen(
    chunks: Sequence[Chunk],
    sound: Callable[[int, int], np.ndarray],
    ears: Hearing,
    *,
    batched: Batched,
    language: str | None = None,
    hints: Sequence[str] = (),
) -> Transcript:
    """Hear all chunks.

    Args:
        sound: Samples [first, after) of the clip at 16 kHz, float32.
        batched: Cuts items into batches and makes them smaller where memory runs out.
        language: Code of the one that is spoken; None: it is found.
        hints: Texts that may be spoken.
    """
    heard = _Listening(chunks, sound, ears, batched, language, tuple(hints)).all()
    rows = [h.own for h in heard]
    mass = vote(rows, [h.chunk.voice_s for h in heard]) if language is None and all(rows) else {}
    return Transcript(tuple(heard), mass)


class _Listening:
    def __init__(
        self,
        chunks: Sequence[Chunk],
        sound: Callable[[int, int], np.ndarray],
        ears: Hearing,
        batched: Batched,
        language: str | None,
        hints: tuple[str, ...],
    ) -> None:
        self._chunks, self._sound, self._ears, self._batched = chunks, sound, ears, batched
        self._given, self._hints = language, hints
        self._clip_language = language or ENGLISH
        self._own: dict[int, Mapping[str, float]] = {}
        self._kept: dict[tuple[int, ...], Any] = {}  # encodings of the chunks that told the language, until they are written

    def all(self) -> list[Heard]:
        numbers = range(len(self._chunks))
        if self._given is None:
            voters = numbers[:LANGUAGE_CHUNKS]
            rows = self._batched(voters, self._languages)
            mass = vote(rows, [self._chunks[i].voice_s for i in voters])
            self._clip_language = next(iter(mass), ENGLISH)
        heard = self._batched(numbers, self._hear)
        self._kept.clear()
        return heard

    def _span(self, number: int) -> tuple[int, int]:
        chunk = self._chunks[number]
        return round(chunk.start_s * MONO_RATE_HZ), round(chunk.end_s * MONO_RATE_HZ)

    def _encode(self, batch: Sequence[int]) -> Any:
        return self._ears.encode([self._sound(*self._span(i)) for i in batch])

    def _languages(self, batch: Sequence[int]) -> Sequence[Mapping[str, float]]:
        encoding = self._encode(batch)
        rows = self._ears.languages(encoding)
        self._own.update(zip(batch, rows, strict=True))
        self._kept[tuple(batch)] = encoding
        return rows

    def _hear(self, batch: Sequence[int]) -> Sequence[Heard]:
        encoding = self._kept.pop(tuple(batch), None)
        if encoding is None:
            self._kept.clear()  # batches became smaller: what is kept fits none of them
            encoding = self._encode(batch)
        own = [{}] * len(batch) if self._given is not None else [self._own.get(i) for i in batch]
        if any(row is None for row in own):
            own = self._ears.languages(encoding)
        languages = [self._language(row or {}) for row in own]
        hint = ". ".join(self._hints) or None
        written = self._ears.write(encoding, languages, hint)
        samples = [b - a for a, b in (self._span(i) for i in batch)]
        timed = self._ears.place(encoding, written, languages, samples)
        hinted = [hint is not None] * len(batch)
        again = [i for i in range(len(batch)) if hint is not None and self._doubtful(written[i], timed[i])]
        if again:
            plain = self._ears.write(encoding, languages, None)
            placed = self._ears.place(encoding, plain, languages, samples)
            for i in again:
                written[i], timed[i], hinted[i] = plain[i], placed[i], False
        return [self._believed(n, languages[i], own[i] or {}, written[i], timed[i], hinted[i]) for i, n in enumerate(batch)]

    def _language(self, own: Mapping[str, float]) -> str:
        best = max(own, key=lambda code: own[code], default=None)
        return best if best is not None and own[best] >= OWN_LANGUAGE else self._clip_language

    def _doubtful(self, written: Written, timed: Sequence[Timed]) -> bool:
        """Whether a text may come from the hint rather than from the sound."""
        words = [w.text for w in timed]
        return bool(looping(words)) or judge(written.text, written.avg_logprob, written.no_speech) is not None or echoes(words, self._hints)

    def _believed(
        self, number: int, language: str, own: Mapping[str, float], written: Written, timed: Sequence[Timed], hinted: bool
    ) -> Heard:
        """Apply the guards: loops, then the text as a whole, then the voice."""
        chunk = self._chunks[number]
        offset = self._span(number)[0] / MONO_RATE_HZ
        gone = looping([w.text for w in timed])
        left = [w for i, w in enumerate(timed) if i not in gone]
        text = "".join(w.text for w in left).strip()
        why = judge(text, written.avg_logprob, written.no_speech)
        dropped: dict[Reason, int] = {"loop": len(gone)} if gone else {}
        words: list[Placed] = []
        if why is not None:
            dropped[why] = len(left)
        else:
            spoken = [Spoken(min(offset + w.start_s, chunk.end_s), min(offset + w.end_s, chunk.end_s), w.text, w.probability) for w in left]
            words, outside = in_voice(spoken, chunk.phrases)
            if outside:
                dropped["outside_voice"] = outside
        return Heard(
            chunk,
            language,
            tuple(words),
            own,
            written.avg_logprob,
            written.no_speech,
            compression_ratio(text),
            hinted,
            dropped,
            why,
        )
