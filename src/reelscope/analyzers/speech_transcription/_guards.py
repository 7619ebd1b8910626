"""What of a decoded text is not believed. Pure functions; docs/analyzers/speech_transcription.md gives the thresholds' reasons."""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from reelscope.document.measures.words import tokens
from reelscope.timebase import Interval, overlap_s

__all__ = ["REASONS", "Placed", "Reason", "Spoken", "compression_ratio", "echoes", "in_voice", "judge", "looping"]

Reason = Literal["outside_voice", "loop", "low_probability", "no_speech", "repetitive"]
REASONS: tuple[Reason, ...] = ("outside_voice", "loop", "low_probability", "no_speech", "repetitive")

# Whisper's own (Radford et al. 2022, section 4.5): below this mean log-probability of its tokens a decoding has failed ...
LOGPROB_MIN = -1.0
# ... and with that much probability of no speech it is taken for silence.
NO_SPEECH_MAX = 0.6
# Bytes of the text over bytes of its gzip; a text that repeats itself has more.
COMPRESSION_MAX = 2.4
# The same words in a row, so often that nobody says it: "no, no, no, no, no" is said, a sentence four times is not.
REPEATS_OF_ONE = 6
REPEATS_OF_MORE = 4
LONGEST_GRAM = 20  # words of a sentence that is repeated
# Words times by attention are about 0.1 s off; the voice detector's edges, too.
VOICE_MARGIN_S = 0.2
MIN_VOICED_S = 0.06  # of a word, or half of it where it is shorter
ECHO_WORDS = 4  # of a hint in its order


@dataclass(frozen=True, slots=True)
class Spoken:
    """A word as the model gives it. text: with the blank before it where the language has one; times in seconds of the clip."""

    start_s: float
    end_s: float
    text: str
    probability: float


@dataclass(frozen=True, slots=True)
class Placed(Spoken):
    """A word that lies in the voice. phrase: index of the stretch that it lies in; its times do not leave that."""

    phrase: int


def compression_ratio(text: str) -> float:
    """Bytes of a text over those of its zlib form; 0 for none."""
    raw = text.encode()
    return len(raw) / len(zlib.compress(raw)) if raw else 0.0


def judge(text: str, avg_logprob: float, no_speech: float) -> Reason | None:
    """Why the text of a chunk is not believed as a whole; None where it is. Loops are taken out of it before."""
    if avg_logprob < LOGPROB_MIN:
        return "no_speech" if no_speech > NO_SPEECH_MAX else "low_probability"
    return "repetitive" if compression_ratio(text) > COMPRESSION_MAX else None


def looping(words: Sequence[str]) -> set[int]:
    """Indices of the words that only repeat those before them: of a run of the same 1 to 20 words all but the first time.

    Words are compared in their normal form; those without letters (punctuation alone) count as their text.
    """
    plain = ["".join(tokens(w)) or w.strip() for w in words]
    gone: set[int] = set()
    at = 0
    while at < len(plain):
        size, times = _run(plain, at)
        if size:
            gone.update(range(at + size, at + size * times))
        at += size * times or 1
    return gone


def _run(words: Sequence[str], at: int) -> tuple[int, int]:
    """Words and times of the shortest group that repeats itself too often from `at` on; (0, 0) where none does."""
    for size in range(1, LONGEST_GRAM + 1):
        group, times = words[at : at + size], 1
        while words[at + size * times : at + size * (times + 1)] == group:
            times += 1
        if times >= (REPEATS_OF_ONE if size == 1 else REPEATS_OF_MORE):
            return size, times
    return 0, 0


def echoes(words: Sequence[str], hints: Sequence[str]) -> bool:
    """Whether four words or more of a hint stand in the text in their order: perhaps the prompt and not the speaker."""
    said = tokens(" ".join(words))
    runs = {said[i : i + ECHO_WORDS] for i in range(len(said) - ECHO_WORDS + 1)}
    return any(h[i : i + ECHO_WORDS] in runs for hint in hints if (h := tokens(hint)) for i in range(len(h) - ECHO_WORDS + 1))


def in_voice(words: Sequence[Spoken], phrases: Sequence[Interval]) -> tuple[list[Placed], int]:
    """Words that lie in the voice, and the number of those that do not.

    A word is kept where at least 60 ms of it (or half of it) lie in a phrase widened by 0.2 s. It belongs to the phrase that it shares most
    time with, and ends where that ends: attention stretches the words before and after a pause into it.
    """
    kept: list[Placed] = []
    for word in words:
        wide = [(max(0.0, a - VOICE_MARGIN_S), b + VOICE_MARGIN_S) for a, b in phrases]
        span = (word.start_s, word.end_s)
        inside = [_shared(span, w) for w in wide]
        need = min(MIN_VOICED_S, (word.end_s - word.start_s) / 2)
        if not inside or max(inside) < need:
            continue
        phrase = max(range(len(phrases)), key=lambda i: (overlap_s(span, phrases[i]), inside[i], -i))
        low, high = phrases[phrase] if overlap_s(span, phrases[phrase]) > 0 else wide[phrase]
        start, end = (min(max(t, low), high) for t in span)
        kept.append(Placed(start, end, word.text, word.probability, phrase))
    return kept, len(words) - len(kept)


def _shared(span: Interval, other: Interval) -> float:
    """Seconds that two intervals share; below 0 how far they are apart."""
    return min(span[1], other[1]) - max(span[0], other[0])
