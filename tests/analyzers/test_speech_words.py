"""Words per minute and fillers of speech_flow, on given transcripts."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import soxr
from hypothesis import given
from hypothesis import strategies as st

from reelscope.analyzers.base import Inputs, LoadContext, NoOptions
from reelscope.analyzers.speech_flow import ANALYZER, SpeechFlowSummary, SpeechSegment
from reelscope.analyzers.speech_flow._fillers import LANGUAGES, find_fillers, language_of
from reelscope.analyzers.speech_flow._words import FIELDS, add_words, read_words, why_absent
from reelscope.document.schema import AnalyzerResult, Segment, Summary
from tests.analyzers.test_speech_flow import syllables, voice
from tests.audio_tools import make_track
from tests.clips import RATE_HZ, moving_frames, write_clip

RATE = 16_000


def transcript(*words: tuple[float, float, str], language: str | None = "en") -> AnalyzerResult:
    """As speech_transcription gives it: one segment."""
    listed = [{"start_s": a, "end_s": b, "text": t, "confidence": 0.9} for a, b, t in words]
    segments = [Segment(start_s=words[0][0], end_s=words[-1][1], words=listed, speaker=None, language=language)] if words else []  # type: ignore[call-arg]
    return AnalyzerResult(segments=segments, summary=Summary(language=language))  # type: ignore[call-arg]


def phrases(*spans: tuple[float, float, int]) -> list[SpeechSegment]:
    return [SpeechSegment(kind="speech", start_s=a, end_s=b, utterance=n) for a, b, n in spans]


def counted(segments: list[SpeechSegment], words: AnalyzerResult) -> SpeechFlowSummary:
    summary = SpeechFlowSummary(not_measured=dict.fromkeys(FIELDS, "no words"))
    add_words(segments, summary, read_words(words))
    null = {name for name in FIELDS if getattr(summary, name) is None}
    assert null == set(summary.not_measured), "every null has its reason, and nothing else has one"
    return summary


def evenly(count: int, start: float, end: float, text: str = "word") -> list[tuple[float, float, str]]:
    step = (end - start) / count
    return [(start + i * step, start + (i + 1) * step, text) for i in range(count)]


# What there is no rate of


@pytest.mark.parametrize(
    ("status", "what"),
    [
        ("unavailable", "speech_transcription is unavailable"),
        ("skipped", "was not asked for"),
        ("failed", "speech_transcription failed"),
        ("timeout", "ran out of time"),
        (None, "there is no transcript"),
    ],
)
def test_without_a_transcript_the_reason_is_the_true_state(status: str | None, what: str, tmp_path: Any) -> None:
    made = ANALYZER()
    made.load(LoadContext("cpu", NoOptions(), ()))
    audio = make_track(tmp_path, syllables([0.5, 0.8, 1.1, 1.4], 2.0), RATE)
    absent = {} if status is None else {"speech_transcription": status}
    result = made.finish(Inputs(clip=None, audio=audio, features={"voice": voice(2.0, (0.4, 1.5))}, absent=absent))  # type: ignore[arg-type]
    for name in FIELDS:
        assert getattr(result.summary, name) is None and what in result.summary.not_measured[name]
    assert result.segments[0].words is None
    assert result.summary.articulation_rate_syl_s is not None, "the rate of syllables stays what it is"
    assert why_absent(status) == result.summary.not_measured["fillers"]


def test_a_transcript_without_words() -> None:
    summary = counted(phrases((0, 2, 0)), transcript())
    assert (summary.words, summary.words_outside) == (0, 0) and summary.words_per_minute is None and summary.fillers is None
    assert "no words" in summary.not_measured["words_per_minute"]
    assert [(u.words, u.words_per_minute, u.fillers) for u in summary.by_utterance or []] == [(0, None, None)]


def test_words_where_nobody_is_heard_are_not_counted() -> None:
    summary = counted(phrases((0, 2, 0)), transcript((1, 1.4, "in"), (2.4, 2.5, "near"), (2.6, 3.0, "far")))
    assert (summary.words, summary.words_outside) == (2, 1)  # the middle of "far" is 0.8 s away
    assert summary.words_per_minute == pytest.approx(60)


def test_less_than_a_second_has_no_rate() -> None:
    summary = counted(phrases((0, 0.8, 0), (5, 9, 1)), transcript((0, 0.4, "oh"), (0.4, 0.8, "no")))
    assert summary.words == 2 and summary.words_per_minute is None and "0.80 s" in summary.not_measured["words_per_minute"]


def test_scripts_without_blanks_have_no_words_to_count() -> None:
    summary = counted(phrases((0, 4, 0)), transcript(*evenly(12, 0, 4, "你"), language="zh"))
    assert summary.words_per_minute is None and "not parted by blanks" in summary.not_measured["words_per_minute"]
    assert summary.by_utterance[0].words_per_minute is None  # type: ignore[index]


@pytest.mark.parametrize("language", ["pl", None])
def test_a_language_without_a_list_has_no_fillers(language: str | None) -> None:
    summary = counted(phrases((0, 4, 0)), transcript(*evenly(8, 0, 4, "um"), language=language))
    assert summary.words_per_minute == 120 and summary.fillers is None and summary.filler_words is None
    assert f"no list of fillers for this language ({language or 'unknown'})" in summary.not_measured["fillers"]


# Words per minute


@pytest.mark.parametrize(
    ("spans", "words", "rate", "articulation"),
    [
        ([(0, 6, 0)], evenly(15, 0, 6), 150, 150),
        ([(0, 2, 0), (2.5, 4, 0)], [*evenly(6, 0, 2), *evenly(4, 2.5, 4)], 150, 60 * 10 / 3.5),  # a pause inside counts
        ([(0, 2, 0), (4, 6, 1)], [*evenly(6, 0, 2), *evenly(6, 4, 6)], 180, 180),  # one between utterances does not
        ([(0, 2, 0), (4, 24, 1)], evenly(6, 0, 2), 180, 180),  # an utterance without a word is not what was spoken
        ([(0, 3, 0)], [*evenly(5, 0, 3), (2.9, 3.0, "—")], 100, 100),  # a dash is no word
        ([(0, 3, 0)], [(0, 1, "don't"), (1, 2, "twenty-one"), (2, 3, "3.5%")], 60, 60),  # as the transcript parts them
    ],
)
def test_words_per_minute_is_exact(spans: list, words: list, rate: float, articulation: float) -> None:
    summary = counted(phrases(*spans), transcript(*words))
    assert summary.words_per_minute == pytest.approx(rate, rel=1e-12)
    assert summary.articulation_words_per_minute == pytest.approx(articulation, rel=1e-12)


def test_each_utterance_and_phrase_has_its_words() -> None:
    segments = phrases((0, 2, 0), (2.5, 4, 0), (6, 6.6, 1), (9, 11, 2))
    summary = counted(segments, transcript(*evenly(6, 0, 2), *evenly(2, 2.5, 4), (6.0, 6.5, "um"), (8.8, 9.3, "so")))
    assert [s.words for s in segments] == [6, 2, 1, 1]
    assert [(u.utterance, u.words, u.words_per_minute, u.fillers) for u in summary.by_utterance or []] == [
        (0, 8, pytest.approx(120), 0),
        (1, 1, None, 1),
        (2, 1, pytest.approx(30), 0),
    ]


def test_words_may_be_objects_and_come_in_any_order() -> None:
    words = [SimpleNamespace(start_s=1.0, end_s=1.5, text=" two "), SimpleNamespace(start_s=0.0, end_s=0.5, text="one")]
    given = SimpleNamespace(segments=[SimpleNamespace(words=words, language="en-GB")], summary=SimpleNamespace(language="en"))
    assert [(w.text, w.language) for w in read_words(given)] == [("one", "en"), ("two", "en")]
    assert read_words(SimpleNamespace(segments=[SimpleNamespace(words=None)])) == []


@given(
    st.lists(st.tuples(st.integers(10, 80), st.integers(0, 6), st.integers(8, 30)), min_size=1, max_size=8),
    st.randoms(use_true_random=False),
)
def test_any_transcript_is_counted_exactly(rows: list[tuple[int, int, int]], random: Any) -> None:
    """Utterances of so many tenths of a second, with so many words anywhere in them, so many tenths apart."""
    spans, words, at = [], [], 1.0
    for number, (tenths, count, gap) in enumerate(rows):
        spans.append((at, at + tenths / 10, number))
        for _ in range(count):
            middle = random.uniform(at + 0.01, at + tenths / 10 - 0.01)
            words.append((middle - 0.01, middle + 0.01, "word"))
        at += tenths / 10 + gap / 10
    summary = counted(phrases(*spans), transcript(*words))
    assert (summary.words, summary.words_outside) == (len(words), 0)
    assert [u.words for u in summary.by_utterance or []] == [count for _, count, _ in rows]
    spoken_s = sum(tenths / 10 for tenths, count, _ in rows if count)
    if words and spoken_s >= 1:
        assert summary.words_per_minute == pytest.approx(60 * len(words) / spoken_s)
    else:
        assert summary.words_per_minute is None or spoken_s == pytest.approx(1)


# Fillers


def named(text: str, language: str = "en") -> list[str]:
    return [name for _, name in find_fillers(text.split(), language)]


@pytest.mark.parametrize(
    ("text", "language", "found"),
    [
        ("Um, I was, uh, there. Ummm... Uhm. Erm, er yes", "en", ["um", "uh", "um", "uhm", "erm", "er"]),
        ("Uh-huh. Mm-hmm. Uh huh. Uh oh! Uh-oh. Hmm. Mmm, tasty. Ah. Oh, eh?", "en", []),
        ("The ER is near UM, to err is human, um err", "en", ["um"]),
        ("I like it, like, so much, well, actually basically right, okay", "en", []),
        ("It was, you know, cold. You know, I mean, never mind", "en", ["you know", "you know", "i mean"]),
        ("Do you know, he asked, what I mean, as you know, you know it and you know what", "en", []),
        ("I mean it, you know", "en", []),
        ("Ähm, das ist, äh, gut. Öh, ÄHM eh also halt um ja hm", "de", ["ähm", "äh", "öh"]),
        ("Euh, c'est, heu, bien. Euuuh, bon ben alors heure", "fr", ["euh", "heu", "euh"]),
        ("Eh, pues, ehm, este hombre, ¿eh? eh... ¡eh! bueno", "es", ["eh", "ehm", "eh"]),
        ("Ehm, allora, uhm, eh sì, cioè", "it", ["ehm", "uhm"]),
        ("Uh, ik, euh, ehm, eh weet het niet, hè", "nl", ["uh", "euh", "ehm", "eh"]),
        ("Э, я, э-э, не знаю. Эм... ээээ, э-э-э это ну типа короче эхо", "ru", ["э", "э-э", "эм", "э", "э-э-э"]),
    ],
)
def test_fillers(text: str, language: str, found: list[str]) -> None:
    assert named(text, language) == found


def test_decomposed_letters_are_the_same() -> None:
    assert named("a\u0308hm", "de") == ["ähm"]


@pytest.mark.parametrize("language", sorted(LANGUAGES))
def test_a_sentence_with_meaning_has_no_fillers(language: str) -> None:
    said = {
        "de": "Um acht Uhr gehen wir also halt nach Hause, ja, und das ist eben so.",
        "en": "So I like this one, well, I actually know what you mean and you know it too.",
        "es": "Este es el día en que ella me dijo eso, bueno, pues así es.",
        "fr": "Alors voilà, donc on y va, quoi, tu sais, à cette heure bon.",
        "it": "Allora, questo è il mio cane, cioè, tipo, diciamo, ecco.",
        "nl": "Dus dat is eigenlijk gewoon zo, weet je, nou ja, zeg maar.",
        "ru": "Ну вот, это как бы короче типа эмоция, значит, так сказать эта.",
    }[language]
    assert named(said, language) == []


@pytest.mark.parametrize(("code", "language"), [("en", "en"), ("EN-us", "en"), ("pt_BR", "pt"), (None, None), ("", None)])
def test_language_of_a_code(code: str | None, language: str | None) -> None:
    assert language_of(code) == language


def test_a_clip_in_two_languages_is_counted_in_both() -> None:
    english, german = transcript(*evenly(4, 0, 2, "um")), transcript(*evenly(4, 3, 5, "um"), (5, 5.4, "ähm,"), language="de")
    both = AnalyzerResult(segments=[*english.segments, *german.segments], summary=english.summary)
    summary = counted(phrases((0, 2, 0), (3, 5.4, 1)), both)
    assert summary.fillers == 5 and summary.filler_words == {"um": 4, "ähm": 1}, "um is a German preposition"
    assert [u.fillers for u in summary.by_utterance or []] == [4, 1]


# Through the analyzer


def test_the_analyzer_reads_the_transcript(tmp_path: Any) -> None:
    made = ANALYZER()
    made.load(LoadContext("cpu", NoOptions(), ()))
    audio = make_track(tmp_path, syllables([0.5, 0.8, 1.1, 1.4], 3.0), RATE)
    words = transcript((0.4, 0.7, "Um,"), (0.7, 1.0, "hello"), (1.0, 1.5, "there."))
    inputs = Inputs(clip=None, audio=audio, features={"voice": voice(3.0, (0.4, 1.6))}, results={"speech_transcription": words})  # type: ignore[arg-type]
    result = made.finish(inputs)
    assert result.summary.words_per_minute == pytest.approx(3 / 1.2 * 60) and result.summary.fillers == 1
    assert result.segments[0].words == 3 and "fillers" not in result.summary.not_measured
    silent = make_track(tmp_path, np.zeros(3 * RATE), RATE)
    nobody = made.finish(Inputs(clip=None, audio=silent, features={"voice": voice(3.0)}, results={"speech_transcription": words}))  # type: ignore[arg-type]
    assert nobody.summary.words is None and nobody.summary.not_measured["words_per_minute"] == "nobody is heard speaking"


@pytest.mark.real
def test_kept_results_say_why_there_are_no_words_now(media: Path, tmp_path: Path) -> None:
    """The reason is that of this run, also where the rest was kept from another."""
    from bench.accuracy._speech import read_mono16k

    from reelscope.config import Settings
    from reelscope.pipeline import Session

    settings = Settings.model_validate({"system": {"data_dir": str(tmp_path / "data")}, "models": {"dir": str(tmp_path / "store")}})
    sound = soxr.resample(read_mono16k(media / "speech-en-harvard-dog.wav"), RATE, RATE_HZ)
    clip = write_clip(tmp_path / "spoken.mp4", moving_frames(85), sound=sound[:, None])
    with Session(settings) as session:
        reasons = []
        for only in (["speech_flow"], ["speech_flow", "speech_transcription"], ["speech_flow"]):
            entry = session.analyze(clip, only=only).document.analyzers["speech_flow"]
            reasons.append((entry.summary.not_measured["words_per_minute"], entry.reused))
    assert ["not asked for" in reasons[0][0], "unavailable" in reasons[1][0]] == [True, True]
    assert reasons[2] == (reasons[0][0], True)
