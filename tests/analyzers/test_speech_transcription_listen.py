"""From chunks to words with a scripted model: times, languages, hints, guards, batches."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest

from reelscope.analyzers.speech_transcription import made
from reelscope.analyzers.speech_transcription._chunks import chunks_of
from reelscope.analyzers.speech_transcription._listen import LANGUAGE_CHUNKS, Transcript, listen
from reelscope.analyzers.speech_transcription._whisper import Timed, Written
from reelscope.engine.batching import MemoryBatches
from reelscope.errors import AnalyzerError
from reelscope.models.batches import Batches

RATE = 16_000
Row = tuple[float, float, str]


@dataclass
class Script:
    """What the model hears in the chunk that starts with a sound of this number, and how it was asked.

    Attributes:
        says: Words by chunk with times in it; plain: what it says without a hint, where that differs.
        speaks: Probabilities of languages by chunk. fits: the largest batch that memory is there for.
    """

    says: dict[int, list[Row]]
    plain: dict[int, list[Row]] = field(default_factory=dict)
    speaks: dict[int, dict[str, float]] = field(default_factory=dict)
    logprob: dict[int, float] = field(default_factory=dict)
    no_speech: float = 0.01
    fits: int = 100
    encoded: list[list[int]] = field(default_factory=list)
    lengths: list[int] = field(default_factory=list)
    written: list[tuple[list[int], list[str], str | None]] = field(default_factory=list)

    def encode(self, sounds: Sequence[np.ndarray]) -> list[int]:
        if len(sounds) > self.fits:
            raise RuntimeError("CUDA failed with error out of memory")
        self.encoded.append([int(s[0]) for s in sounds])
        self.lengths += [len(s) for s in sounds]
        return self.encoded[-1]

    def languages(self, encoding: list[int]) -> list[dict[str, float]]:
        return [self.speaks.get(n, {"en": 1.0}) for n in encoding]

    def write(self, encoding: list[int], languages: Sequence[str], hint: str | None) -> list[Written]:
        self.written.append((list(encoding), list(languages), hint))
        out = []
        for n in encoding:
            rows = self.plain.get(n, self.says[n]) if hint is None else self.says[n]
            out.append(Written((n, hint is None), "".join(t for _, _, t in rows), self.logprob.get(n, -0.1), self.no_speech))
        return out

    def place(self, encoding: Any, written: Sequence[Written], languages: Sequence[str], samples: Sequence[int]) -> list[list[Timed]]:
        assert len(written) == len(languages) == len(samples)
        rows = [self.plain.get(w.tokens[0], self.says[w.tokens[0]]) if w.tokens[1] else self.says[w.tokens[0]] for w in written]
        return [[Timed(a, b, t, 0.9) for a, b, t in r] for r in rows]


def hear(script: Script, phrases: list[tuple[float, float]], batches: Batches | None = None, **how: Any) -> tuple[Transcript, Any]:
    chunks = chunks_of(phrases, 1000.0)
    starts = {round(c.start_s * RATE): i for i, c in enumerate(chunks)}

    def sound(first: int, after: int) -> np.ndarray:
        samples = np.zeros(after - first, np.float32)
        samples[0] = starts[first]
        return samples

    heard = listen(chunks, sound, script, batched=(batches or Batches(2)).run, **how)
    return heard, made(heard, how.get("hints", ()), None, given=how.get("language"), backend="whisper-base")


def said(text: str, start: float = 0.2, step: float = 0.5) -> list[Row]:
    return [(start + i * step, start + (i + 1) * step - 0.1, f" {w}") for i, w in enumerate(text.split())]


def test_times_of_a_chunk_are_those_of_the_clip_less_its_first_sample() -> None:
    phrases = [(0.37, 4.0), (100.123456, 104.0)]
    script = Script({0: said("one two"), 1: said("three four", start=1.0)})
    heard, result = hear(script, phrases)
    firsts = [round((a - 0.2) * RATE) / RATE for a, _ in phrases]
    words = [w for s in result.segments for w in s.words]
    assert [w.text for w in words] == ["one", "two", "three", "four"]
    assert [w.start_s for w in words] == pytest.approx([firsts[0] + 0.2, firsts[0] + 0.7, firsts[1] + 1.0, firsts[1] + 1.5], abs=1e-9)
    assert script.lengths == [round(4.2 * RATE) - round(0.17 * RATE), round(104.2 * RATE) - round(99.923456 * RATE)]
    assert sum(h.chunk.voice_s for h in heard.heard) == pytest.approx(3.63 + 3.876544)


def test_a_word_never_ends_behind_its_chunk() -> None:
    _, result = hear(Script({0: [(1.0, 29.9, " long")]}), [(10.0, 13.0)])
    (word,) = result.segments[0].words
    assert (word.start_s, word.end_s) == (pytest.approx(10.8), 13.0)


def test_words_where_nobody_speaks_are_dropped_and_counted() -> None:
    rows = [*said("we are here"), (2.9, 3.2, " Thanks"), (3.2, 3.4, " for"), (3.4, 3.8, " watching."), (5.3, 5.6, " again")]
    _, result = hear(Script({0: rows}), [(1.0, 2.6), (5.4, 6.5)])
    assert result.summary.text == "we are here again" and result.summary.dropped["outside_voice"] == 3


def test_a_loop_is_said_once() -> None:
    rows = said("so thank you " + "thank you " * 6 + "bye", step=0.2)
    _, result = hear(Script({0: rows}), [(0.2, 9.0)])
    assert result.summary.text == "so thank you bye" and result.summary.dropped["loop"] == 12


@pytest.mark.parametrize(("logprob", "no_speech", "reason"), [(-1.5, 0.1, "low_probability"), (-1.5, 0.9, "no_speech")])
def test_a_text_that_the_model_does_not_believe_itself_is_dropped(logprob: float, no_speech: float, reason: str) -> None:
    script = Script({0: said("one two three"), 1: said("four")}, logprob={0: logprob}, no_speech=no_speech)
    _, result = hear(script, [(0.2, 4.0), (20.0, 24.0)])
    assert result.summary.text == "four" and result.summary.dropped[reason] == 3
    assert [c.dropped for c in result.summary.chunks] == [reason, None]
    assert result.summary.chunks[0].avg_logprob == logprob


def test_a_text_that_repeats_itself_with_changes_is_dropped() -> None:
    text = " ".join(f"we will be right back after this number {i}" for i in range(12))
    _, result = hear(Script({0: said(text, step=0.25)}), [(0.2, 29.0)])
    assert result.segments == [] and result.summary.dropped["repetitive"] == len(text.split())
    assert result.summary.chunks[0].dropped == "repetitive" and result.summary.chunks[0].compression_ratio > 2.4


# --- languages

APART = [(i * 10.0 + 1, i * 10.0 + 4) for i in range(4)]


def test_the_language_is_that_of_most_probability_over_the_chunks() -> None:
    doubt = {"de": 0.55, "nl": 0.45}
    script = Script({i: said("ja") for i in range(4)}, speaks={0: {"nl": 0.6, "de": 0.4}, 1: doubt, 2: doubt, 3: {"de": 0.7, "nl": 0.3}})
    heard, result = hear(script, APART)
    assert {tuple(languages) for _, languages, _ in script.written} == {("de", "de")}
    assert result.summary.language == "de" and result.summary.language_probability == pytest.approx(0.55)
    assert result.summary.languages == pytest.approx({"de": 0.55, "nl": 0.45})
    assert [h.language for h in heard.heard] == ["de"] * 4


def test_a_chunk_that_is_sure_of_another_language_is_written_in_it() -> None:
    script = Script({i: said("a") for i in range(4)}, speaks={2: {"de": 0.97, "en": 0.03}, 3: {"de": 0.7, "en": 0.3}})
    _, result = hear(script, APART)
    assert [s.language for s in result.segments] == ["en", "en", "de", "en"] and result.summary.language == "en"


def test_a_given_language_is_taken_without_asking() -> None:
    script = Script({0: said("a")}, speaks={0: {"de": 1.0}})
    _, result = hear(script, [(1, 2)], language="fr")
    assert script.written[0][1] == ["fr"] and result.segments[0].language == "fr"
    assert (result.summary.language, result.summary.language_probability, result.summary.languages) == ("fr", None, {})
    assert result.summary.chunks[0].language is None


def test_a_model_of_english_alone_hears_english() -> None:
    _, result = hear(Script({0: said("a")}, speaks={0: {}}), [(1, 2)])
    assert result.summary.language == "en" and result.summary.language_probability is None


def test_a_long_clip_decides_on_its_first_chunks_and_tells_of_all() -> None:
    count = LANGUAGE_CHUNKS + 2
    doubt = {"en": 0.6, "de": 0.4}
    script = Script(
        {i: said("a") for i in range(count)}, speaks={i: doubt if i < LANGUAGE_CHUNKS else {"de": 0.7, "en": 0.3} for i in range(count)}
    )
    _, result = hear(script, [(i * 10.0 + 1, i * 10.0 + 4) for i in range(count)])
    assert {x for _, languages, _ in script.written for x in languages} == {"en"}
    assert result.summary.languages["de"] == pytest.approx((0.4 * LANGUAGE_CHUNKS + 1.4) / count)


# --- encodings and batches


def test_sound_is_encoded_once_for_language_and_words() -> None:
    script = Script({i: said("a") for i in range(4)})
    hear(script, APART)
    assert script.encoded == [[0, 1], [2, 3]] and [e for e, _, _ in script.written] == [[0, 1], [2, 3]]


def test_batches_are_halved_where_memory_runs_out() -> None:
    sizes: list[int] = []
    script = Script({i: said(f"w{i}") for i in range(4)}, fits=1)
    batches = MemoryBatches(4, on_shrink=sizes.append, free=lambda: None)
    _, result = hear(script, APART, batches)
    assert sizes == [2, 1] and result.summary.text == "w0 w1 w2 w3"
    assert script.encoded == [[0], [1], [2], [3]]


def test_memory_that_runs_out_while_writing_leaves_no_word_twice() -> None:
    class Full(Script):
        def write(self, encoding: list[int], languages: Sequence[str], hint: str | None) -> list[Written]:
            if len(encoding) > 1:
                raise RuntimeError("CUDA failed with error out of memory")
            return super().write(encoding, languages, hint)

    script = Full({i: said(f"w{i}") for i in range(4)})
    _, result = hear(script, APART, MemoryBatches(4, free=lambda: None))
    assert result.summary.text == "w0 w1 w2 w3" and result.summary.words == 4
    assert script.encoded[0] == [0, 1, 2, 3] and script.encoded[-4:] == [[0], [1], [2], [3]]


def test_what_does_not_fit_alone_fails_with_its_code() -> None:
    with pytest.raises(AnalyzerError) as caught:
        hear(Script({0: said("a")}, fits=0), [(1, 2)], MemoryBatches(1, free=lambda: None))
    assert caught.value.code == "out_of_memory"


# --- hints

HINTS = ("3 things nobody tells you", "pour slowly")


def test_hints_are_given_once_for_all_and_stand_in_the_document() -> None:
    script = Script({0: said("hello there")})
    _, result = hear(script, [(1, 4)], hints=HINTS)
    assert [hint for _, _, hint in script.written] == ["3 things nobody tells you. pour slowly"]
    assert result.summary.hints == list(HINTS) and result.summary.chunks[0].hinted


@pytest.mark.parametrize(
    ("hinted", "logprob"),
    [("well things nobody tells you", -0.1), ("go " * 8, -0.1), ("hello there", -2.0)],
    ids=["echo", "loop", "unsure"],
)
def test_a_text_that_may_come_from_the_hint_is_written_again_without(hinted: str, logprob: float) -> None:
    script = Script({0: said(hinted), 1: said("other")}, plain={0: said("plain words")}, logprob={0: logprob})
    _, result = hear(script, [(0.2, 9.0), (20.0, 22.0)], hints=HINTS)
    assert [hint is None for _, _, hint in script.written] == [False, True]
    assert [c.hinted for c in result.summary.chunks] == [False, True]
    assert result.summary.text == ("other" if logprob < -1 else "plain words other")


def test_what_is_really_said_stays_when_it_is_also_written() -> None:
    script = Script({0: said("3 things nobody tells you")})
    _, result = hear(script, [(0.2, 9.0)], hints=HINTS)
    assert result.summary.text == "3 things nobody tells you" and not result.summary.chunks[0].hinted


def test_without_voice_the_model_is_not_asked() -> None:
    script = Script({})
    _, result = hear(script, [])
    assert script.encoded == [] and result.segments == [] and result.summary.language is None
    assert re.match("nobody speaks", result.summary.not_measured["language"])


def test_the_same_again_gives_the_same() -> None:
    def once() -> str:
        return hear(Script({i: said(f"a b c{i}") for i in range(4)}), APART)[1].model_dump_json()

    assert once() == once()
