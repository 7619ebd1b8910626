"""Whisper as the rest of this package asks it: encode, tell languages, write, place words in time. Imports faster-whisper."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from faster_whisper.audio import pad_or_trim
from faster_whisper.tokenizer import Tokenizer
from faster_whisper.transcribe import get_suppressed_tokens, merge_punctuations

__all__ = ["Ears", "Hearing", "Timed", "Written"]

BEAM = 5  # Whisper's own; no sampling: the same sound gives the same text
HOP = 160  # samples of a frame of the spectrum
MOST_FRAMES = 3000
MOST_TOKENS = 448
BEFORE, AFTER = (
    "\"'\u201c\u00bf([{-",
    "\"'.\u3002,\uff0c!\uff01?\uff1f:\uff1a\u201d)]}\u3001",
)  # punctuation that belongs to the next and to the last word


@dataclass(frozen=True, slots=True)
class Written:
    """A decoded text. tokens: of text alone; avg_logprob: mean natural log of their probabilities and of the end's."""

    tokens: tuple[int, ...]
    text: str
    avg_logprob: float
    no_speech: float


@dataclass(frozen=True, slots=True)
class Timed:
    """A word with its time in the chunk."""

    start_s: float
    end_s: float
    text: str
    probability: float


class Hearing(Protocol):
    """What the listener needs of a model; tests script it. A batch is one encoding."""

    def encode(self, sounds: Sequence[np.ndarray]) -> Any:
        """Sounds of up to 30 s, float32 [n] at 16 kHz."""

    def languages(self, encoding: Any) -> list[dict[str, float]]:
        """Probability of each language, for each sound; empty for a model of English alone."""

    def write(self, encoding: Any, languages: Sequence[str], hint: str | None) -> list[Written]:
        """Decode each sound in its language."""

    def place(self, encoding: Any, written: Sequence[Written], languages: Sequence[str], samples: Sequence[int]) -> list[list[Timed]]:
        """Words of each text, placed in time by the attention to the sound."""


class Ears:
    """A WhisperModel of faster-whisper; `take` gives it anew for each use.

    Of its own pipeline only parts are used: spectra, prompt, alignment. What it would add (a second voice detector, times by stretching
    and random retries) is decided here otherwise.
    """

    def __init__(self, take: Callable[[], Any]) -> None:
        self._take = take

    def encode(self, sounds: Sequence[np.ndarray]) -> Any:
        """Spectra, filled up to 30 s, and their encoding on the model's device."""
        model = self._take()
        spectra = [pad_or_trim(model.feature_extractor(np.ascontiguousarray(s, np.float32))[..., :-1]) for s in sounds]
        return model.encode(np.stack(spectra).astype(np.float32))

    def languages(self, encoding: Any) -> list[dict[str, float]]:
        """As the model tells them at the start token."""
        model = self._take().model
        if not model.is_multilingual:
            return [{} for _ in range(encoding.shape[0])]
        return [{token[2:-2]: float(p) for token, p in row} for row in model.detect_language(encoding)]

    def write(self, encoding: Any, languages: Sequence[str], hint: str | None) -> list[Written]:
        """Beam search without times: they come from the alignment."""
        model = self._take()
        words = {code: self._tokenizer(model, code) for code in dict.fromkeys(languages)}
        prompts = [model.get_prompt(words[code], [], without_timestamps=True, hotwords=hint) for code in languages]
        any_words = words[languages[0]]
        found = model.model.generate(
            encoding,
            prompts,
            beam_size=BEAM,
            patience=1,
            length_penalty=1,
            max_length=MOST_TOKENS,
            suppress_blank=True,
            suppress_tokens=list(get_suppressed_tokens(any_words, [-1])),
            return_scores=True,
            return_no_speech_prob=True,
        )
        out = []
        for result in found:
            ids = result.sequences_ids[0]
            text = tuple(t for t in ids if t < any_words.eot)
            # the score is a mean over the tokens without the end, of a sum with it
            out.append(Written(text, any_words.decode(list(text)), result.scores[0] * len(ids) / (len(ids) + 1), result.no_speech_prob))
        return out

    def place(self, encoding: Any, written: Sequence[Written], languages: Sequence[str], samples: Sequence[int]) -> list[list[Timed]]:
        """Dynamic time warping over the cross-attention of the checkpoint's alignment heads (faster-whisper's `find_alignment`)."""
        model = self._take()
        tokens = [list(w.tokens) for w in written]
        frames = [min(MOST_FRAMES, -(-n // HOP)) for n in samples]
        out: list[list[Timed]] = [[] for _ in written]
        for code in dict.fromkeys(languages):  # one start sequence a call: several only where the languages of a batch differ
            rows = model.find_alignment(self._tokenizer(model, code), tokens, encoding, frames)
            for i, row in enumerate(rows):
                if languages[i] == code:
                    merge_punctuations(row, BEFORE, AFTER)
                    out[i] = [Timed(float(w["start"]), float(w["end"]), w["word"], float(w["probability"])) for w in row if w["word"]]
        return out

    @staticmethod
    def _tokenizer(model: Any, code: str) -> Tokenizer:
        return Tokenizer(model.hf_tokenizer, model.model.is_multilingual, task="transcribe", language=code)
