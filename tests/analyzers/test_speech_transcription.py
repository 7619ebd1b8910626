"""Chunks, guards, hints, speakers and the shape of the result, by hand-written tables."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from reelscope.analyzers.speech_transcription import SpeechTranscription, TranscriptionOptions, made
from reelscope.analyzers.speech_transcription._chunks import CHUNK_S, Chunk, chunks_of
from reelscope.analyzers.speech_transcription._fbank import fbank
from reelscope.analyzers.speech_transcription._guards import Placed, Spoken, compression_ratio, echoes, in_voice, judge, looping
from reelscope.analyzers.speech_transcription._hints import hints_of
from reelscope.analyzers.speech_transcription._languages import LANGUAGES
from reelscope.analyzers.speech_transcription._listen import Heard, Transcript, vote
from reelscope.analyzers.speech_transcription._speakers import embed, groups, speakers_of
from reelscope.analyzers.text_overlay import TextSegment
from reelscope.models.manifest import manifest


def spans(chunks: list[Chunk]) -> list[tuple[tuple[float, float], ...]]:
    return [c.phrases for c in chunks]


@pytest.mark.parametrize(
    ("phrases", "packed"),
    [
        ([], []),
        ([(1, 2)], [[(1, 2)]]),
        ([(1, 2), (4, 5)], [[(1, 2), (4, 5)]]),
        ([(1, 2), (5.1, 6)], [[(1, 2)], [(5.1, 6)]]),  # a pause of more than 3 s
        # 30 s would be needed: the longest pause of the second half parts them, not the last one
        ([(0, 9), (10, 19), (21, 26), (26.4, 33)], [[(0, 9), (10, 19)], [(21, 26), (26.4, 33)]]),
        ([(0, 9), (10, 13), (13.5, 20)], [[(0, 9), (10, 13), (13.5, 20)]]),
        ([(0, 14), (14.5, 31)], [[(0, 14)], [(14.5, 31)]]),  # no pause in the second half but the one before
        ([(0, 16), (16.5, 20), (20.4, 49)], [[(0, 16)], [(16.5, 20)], [(20.4, 49)]]),  # what would go along makes the next too long
    ],
)
def test_phrases_are_packed_without_cutting_them(phrases: list, packed: list) -> None:
    assert [list(p) for p in spans(chunks_of(phrases, 60.0))] == packed


def test_a_chunk_gets_a_margin_up_to_its_neighbours_and_the_ends() -> None:
    a, b, c = chunks_of([(0.1, 10), (20, 39), (39.3, 59.9)], 60.0)
    assert (a.start_s, a.end_s) == (0.0, 10.2)
    assert (b.start_s, b.end_s) == pytest.approx((19.8, 39.15)) and b.voice_s == 19
    assert (c.start_s, c.end_s) == pytest.approx((39.15, 60.0))


def test_a_phrase_longer_than_a_chunk_is_cut_where_the_voice_is_weakest() -> None:
    first, second = chunks_of([(5, 50)], 60.0, lambda a, b: 0.2 if a <= 28.0 < b else 0.9)
    (piece,), (rest,) = first.phrases, second.phrases
    assert piece[0] == 5 and piece[1] == pytest.approx(28.0, abs=0.07) and rest == (piece[1], 50)
    assert first.end_s == piece[1] == second.start_s  # nothing is heard twice
    unknown = chunks_of([(0, 45)], 60.0)
    assert [p for c in unknown for p in c.phrases] == [(0, unknown[0].end_s), (unknown[0].end_s, 45)]


@given(st.lists(st.tuples(st.floats(0.01, 6), st.floats(0.2, 40)), max_size=30))
def test_every_phrase_is_heard_once_and_no_chunk_is_too_long(steps: list[tuple[float, float]]) -> None:
    phrases, t = [], 0.0
    for pause, length in steps:
        phrases.append((t + pause, t + pause + length))
        t += pause + length
    chunks = chunks_of(phrases, t + 1)
    for chunk in chunks:
        assert chunk.end_s - chunk.start_s <= CHUNK_S + 1e-6
        assert chunk.start_s <= chunk.phrases[0][0] and chunk.phrases[-1][1] <= chunk.end_s
    assert all(a.end_s <= b.start_s + 1e-9 for a, b in zip(chunks, chunks[1:], strict=False))
    assert sum(c.voice_s for c in chunks) == pytest.approx(sum(b - a for a, b in phrases))


# --- guards


def spoken(*rows: tuple[float, float, str]) -> list[Spoken]:
    return [Spoken(a, b, t, 0.9) for a, b, t in rows]


@pytest.mark.parametrize(
    ("word", "kept"),
    [
        ((1.0, 1.5), (1.0, 1.5, 0)),
        ((3.0, 4.0), None),  # nobody speaks there
        ((2.1, 2.4), (2.1, 2.2, 0)),  # within the margin of the detector
        ((2.17, 2.9), None),  # 30 ms of it do not make it a word of the phrase
        ((2.19, 2.21), (2.19, 2.2, 0)),  # half of a very short one does
        ((1.5, 6.5), (5.0, 6.5, 1)),  # stretched over the pause by attention: it belongs where most of it is
        ((1.2, 5.3), (1.2, 2.0, 0)),
        ((1.3, 1.3), (1.3, 1.3, 0)),
        ((3.3, 3.3), None),
        ((0.85, 0.95), (0.85, 0.95, 0)),
    ],
)
def test_a_word_lies_in_the_voice_or_goes(word: tuple[float, float], kept: tuple[float, float, int] | None) -> None:
    found, outside = in_voice(spoken((*word, " a")), [(1.0, 2.0), (5.0, 8.0)])
    assert [(pytest.approx(w.start_s), pytest.approx(w.end_s), w.phrase) for w in found] == ([kept] if kept else [])
    assert outside == (kept is None)


def test_without_voice_every_word_goes() -> None:
    assert in_voice(spoken((0, 1, " Thank"), (1, 2, " you.")), []) == ([], 2)


@given(st.lists(st.tuples(st.floats(0, 1), st.floats(0, 2)), max_size=30))
def test_placed_words_stay_in_order_and_in_the_voice(steps: list[tuple[float, float]]) -> None:
    rows, t = [], 0.0
    for gap, length in steps:
        rows.append((t + gap, t + gap + length, " a"))
        t += gap + length
    phrases = [(0.5, 2.0), (2.3, 6.0), (9.0, 12.0)]
    kept, outside = in_voice(spoken(*rows), phrases)
    assert len(kept) + outside == len(rows)
    assert all(a.start_s <= b.start_s + 1e-9 for a, b in zip(kept, kept[1:], strict=False))
    for word in kept:
        low, high = phrases[word.phrase]
        assert low - 0.2 - 1e-9 <= word.start_s <= word.end_s <= high + 0.2 + 1e-9


@pytest.mark.parametrize(
    ("words", "gone"),
    [
        ("", set()),
        ("no no no no no", set()),
        ("no no no no no no", {1, 2, 3, 4, 5}),
        ("well No, no no! no no no then", {2, 3, 4, 5, 6}),  # compared without signs and case
        ("thank you thank you thank you", set()),
        ("so thank you. Thank you. Thank you. Thank you. bye", {3, 4, 5, 6, 7, 8}),
        ("a b c a b c a b c a b d", set()),
        ("a b c a b c a b c a b c d", {3, 4, 5, 6, 7, 8, 9, 10, 11}),
    ],
)
def test_loops(words: str, gone: set[int]) -> None:
    assert looping(words.split()) == gone


@pytest.mark.parametrize(
    ("text", "logprob", "no_speech", "reason"),
    [
        ("a sentence", -0.3, 0.1, None),
        ("a sentence", -0.3, 0.99, None),  # a sure text is speech, whatever the token of silence says
        ("a sentence", -1.0, 0.9, None),
        ("a sentence", -1.01, 0.5, "low_probability"),
        ("a sentence", -1.01, 0.61, "no_speech"),
        ("we will be right back after this " * 12, -0.1, 0.0, "repetitive"),
        ("", -0.1, 0.0, None),
    ],
)
def test_a_text_is_judged_as_a_whole(text: str, logprob: float, no_speech: float, reason: str | None) -> None:
    assert judge(text, logprob, no_speech) == reason


def test_compression_of_plain_talk_is_below_the_limit() -> None:
    talk = "Permission is hereby granted, free of charge, to any person obtaining a copy of the software and its documentation files."
    assert 0 < compression_ratio(talk) < 1.5 and compression_ratio("") == 0


@pytest.mark.parametrize(
    ("said", "hints", "found"),
    [
        ("3 things nobody tells you", ["3 Things nobody tells YOU!"], True),
        ("well, things nobody tells you about", ["3 things nobody tells you"], True),
        ("things nobody knows", ["3 things nobody tells you"], False),
        ("pour it slowly", ["pour slowly"], False),
        ("", ["a b c d"], False),
    ],
)
def test_the_prompt_is_recognised_in_the_text(said: str, hints: list[str], found: bool) -> None:
    assert echoes(said.split(), hints) is found


def text(words: str, role: str = "caption") -> TextSegment:
    box = (0.1, 0.1, 0.5, 0.1)
    return TextSegment(
        start_s=0, end_s=1, text=words, lines=[words], role=role, track_id=0, xywh_norm=box, line_height_px=20, line_height_share=0.02
    )


@pytest.mark.parametrize(
    ("texts", "hints"),
    [
        ([], ()),
        ([text("Pour  slowly"), text("POUR slowly!"), text("Step 2", "title")], ("Pour slowly", "Step 2")),
        ([text("@me", "watermark"), text("EXIT", "scene_text"), text("sale", "sticker")], ()),
        ([text("!!!")], ()),
        ([text("word " * 60), text("later")], (" ".join(["word"] * 40),)),  # 200 characters, whole words
    ],
)
def test_hints_are_titles_and_captions_once(texts: list[TextSegment], hints: tuple[str, ...]) -> None:
    assert hints_of(texts) == hints


@pytest.mark.parametrize(
    ("rows", "weights", "mass"),
    [
        ([], [], {}),
        ([{"en": 0.9, "de": 0.1}], [3.0], {"en": 0.9, "de": 0.1}),
        ([{"en": 0.6, "de": 0.4}, {"de": 0.9, "en": 0.1}], [1.0, 3.0], {"de": 0.775, "en": 0.225}),
        ([{"en": 0.51, "de": 0.49}] * 2 + [{"de": 0.99, "en": 0.01}], [1.0, 1.0, 1.0], {"de": 0.6567, "en": 0.3433}),  # mass, not heads
    ],
)
def test_languages_by_mass(rows: list[dict[str, float]], weights: list[float], mass: dict[str, float]) -> None:
    found = vote(rows, weights)
    assert found == pytest.approx(mass, abs=1e-4) and list(found) == list(mass)


# --- speakers


def voice(angle_deg: float) -> np.ndarray:
    return np.array([np.cos(np.radians(angle_deg)), np.sin(np.radians(angle_deg))])


@pytest.mark.parametrize(
    ("angles", "lengths", "speakers"),
    [
        ([], [], []),
        ([0], [2], [0]),
        ([0, 100, 10, 110], [2, 2, 2, 2], [0, 1, 0, 1]),
        ([100, 0, 10], [2, 2, 2], [0, 1, 1]),  # numbered as they appear
        ([0, 30, 60], [2, 2, 2], [0, 0, 0]),  # 60 degrees are a distance of 0.5
        ([0, 100, 8], [2, 2, 0.5], [0, 1, 0]),  # a short one goes to the nearest
        ([0, 180], [2, 0.5], [0, None]),  # or nowhere
        ([0, 5], [0.5, 0.9], [None, None]),  # short ones alone make no group
        ([None, 0], [0.2, 2], [None, 0]),
    ],
)
def test_voices_are_grouped(angles: list, lengths: list[float], speakers: list[int | None]) -> None:
    assert groups([None if a is None else voice(a) for a in angles], lengths, 0.6) == speakers


def test_average_linkage_agrees_with_scipy() -> None:
    from scipy.cluster.hierarchy import fcluster, linkage

    vectors = np.random.default_rng(3).normal(size=(40, 4)) + np.repeat(np.eye(4) * 2, 10, axis=0)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    ours = groups(list(vectors), [2.0] * 40, 0.5)
    theirs = fcluster(linkage(vectors, "average", "cosine"), 0.5, "distance")
    assert len(set(ours)) > 1
    assert [[a == b for b in ours] for a in ours] == [[a == b for b in theirs] for a in theirs]


class Embedder:
    """Takes a sound's level for its voice: two levels, two voices."""

    def __init__(self) -> None:
        self.seen: list[tuple[int, ...]] = []
        self.level = 0.0

    def run(self, outputs: None, feeds: dict[str, np.ndarray]) -> list[np.ndarray]:
        self.seen.append(feeds["feats"].shape)
        return [np.array([[1.0, 0.0]] if len(self.seen) % 2 else [[0.0, 2.0]])]


def test_phrases_are_embedded_one_by_one_from_their_own_sound() -> None:
    asked: list[tuple[int, int]] = []

    def sound(first: int, after: int) -> np.ndarray:
        asked.append((first, after))
        return np.random.default_rng(0).normal(0, 0.1, after - first).astype(np.float32)

    session = Embedder()
    phrases = [(0.0, 1.5), (2.0, 2.3), (3.0, 23.0), (24.0, 25.0)]
    assert speakers_of(phrases, sound, lambda: session, 0.6) == [0, None, 1, 0]
    assert asked == [(0, 24_000), (128_000, 288_000), (384_000, 400_000)]  # of the long one the 10 s in its middle
    assert session.seen == [(1, 148, 80), (1, 998, 80), (1, 98, 80)]
    assert embed(sound, lambda: session, (0, 0.39)) is None


def test_filter_banks_follow_a_tone() -> None:
    t = np.arange(16_000) / 16_000
    sound = 0.5 * np.sin(2 * np.pi * 1000 * t) * np.where(t < 0.5, 1.0, 0.01)
    bands = fbank(sound.astype(np.float32))
    assert bands.shape == (98, 80) and bands.dtype == np.float32
    np.testing.assert_allclose(bands.mean(axis=0), 0, atol=1e-3)
    steps = bands[10] - bands[80]  # 40 dB are 9.2 in natural logs of energy
    mel = 1127 * np.log1p(np.array([20.0, 1000, 8000]) / 700)
    at = round((mel[1] - mel[0]) / (mel[2] - mel[0]) * 81) - 1
    assert steps[at] == pytest.approx(2 * np.log(100), abs=0.1)
    assert fbank(np.zeros(399, np.float32)).shape == (0, 80)


# --- the result


def heard(phrases: list[tuple[float, float]], words: list[tuple[float, float, str, int]], **more: object) -> Heard:
    fields = {"language": "en", "own": {"en": 0.95, "de": 0.05}, "dropped": {}, "why": None, **more}
    placed = tuple(Placed(a, b, t, 0.5 + 0.1 * i, p) for i, (a, b, t, p) in enumerate(words))
    return Heard(
        Chunk(phrases[0][0], phrases[-1][1], tuple(phrases)),
        words=placed,
        avg_logprob=-0.2,
        no_speech=0.01,
        compression=0.9,
        hinted=False,
        **fields,  # type: ignore[arg-type]
    )


def test_words_become_segments_at_sentence_pause_speaker_and_language() -> None:
    first = heard([(0, 4), (5, 9)], [(0, 0.5, " So,", 0), (0.6, 1, " hello.", 0), (1.1, 1.5, " You", 0), (5, 5.5, " there", 1)])
    second = heard(
        [(20, 24)],
        [(20, 20.5, " Ja", 0), (20.6, 21, " gut", 0)],
        language="de",
        own={"de": 0.9, "en": 0.1},
        dropped={"outside_voice": 2},
    )
    transcript = Transcript((first, second), {"en": 0.67, "de": 0.32, "nl": 0.005})
    found = made(transcript, ("So",), [0, 1, 0], given=None, backend="whisper-base-speakers")
    assert [(s.text, s.speaker, s.language, s.start_s, s.end_s) for s in found.segments] == [
        ("So, hello.", 0, "en", 0, 1),
        ("You", 0, "en", 1.1, 1.5),
        ("there", 1, "en", 5, 5.5),
        ("Ja gut", 0, "de", 20, 21),
    ]
    assert [w.text for w in found.segments[0].words] == ["So,", "hello."] and found.segments[0].confidence == pytest.approx(0.55)
    s = found.summary
    assert (s.language, s.language_probability, s.languages) == ("en", 0.67, {"en": 0.67, "de": 0.32})
    assert (s.words, s.speakers, s.text, s.voice_s) == (6, 2, "So, hello. You there Ja gut", 12)
    assert s.dropped == {"outside_voice": 2, "loop": 0, "low_probability": 0, "no_speech": 0, "repetitive": 0}
    assert s.not_measured == {} and s.hints == ["So"]
    assert [(c.language, c.language_probability) for c in s.chunks] == [("en", 0.95), ("de", 0.9)]


def test_a_long_run_of_words_is_parted_after_15_s() -> None:
    words = [(i * 1.0, i + 0.9, f" w{i}", 0) for i in range(20)]
    found = made(Transcript((heard([(0, 20)], words),), {"en": 1.0}), (), None, given=None, backend="whisper-base")
    assert [len(s.words) for s in found.segments] == [15, 5]


def test_without_a_blank_between_words_texts_are_joined_without_one() -> None:
    rows = [(0, 0.2, "\u4f60", 0), (0.2, 0.4, "\u597d\u3002", 0), (0.5, 0.8, "\u518d", 0)]
    found = made(Transcript((heard([(0, 2)], rows, language="zh"),), {"zh": 1.0}), (), None, given=None, backend="whisper-base")
    assert [s.text for s in found.segments] == ["\u4f60\u597d\u3002", "\u518d"] and found.summary.text == "\u4f60\u597d\u3002\u518d"


def test_what_could_not_be_told_says_why() -> None:
    empty = made(Transcript((), {}), (), None, given=None, backend="whisper-base").summary
    assert (empty.language, empty.language_probability, empty.words, empty.text, empty.speakers) == (None, None, 0, "", None)
    assert set(empty.not_measured) == {"language", "language_probability", "speakers"}
    plain = Transcript((heard([(0, 0.9)], [(0, 0.5, " hi", 0)], own={}),), {})
    alone = made(plain, (), None, given="fr", backend="whisper-small").summary
    assert alone.language == "fr" and alone.not_measured["language_probability"] == "the language was given"
    assert "reelscope models pull wespeaker-resnet34 --accept-licence wespeaker-resnet34" in alone.not_measured["speakers"]
    assert "whisper-small-speakers" in alone.not_measured["speakers"]
    short = made(plain, (), [None], given=None, backend="whisper-small-speakers").summary
    assert (short.speakers, short.language) == (None, "en") and "1 s" in short.not_measured["speakers"]
    assert short.not_measured["language_probability"] == "the model knows English alone"


def test_options_are_checked_before_anything_runs() -> None:
    assert TranscriptionOptions(language="de").language == "de"
    with pytest.raises(ValidationError, match="no code of a language"):
        TranscriptionOptions(language="deutsch")
    with pytest.raises(ValidationError):
        TranscriptionOptions(speaker_distance=0)


def test_languages_are_those_of_the_library() -> None:
    from faster_whisper.tokenizer import _LANGUAGE_CODES

    assert LANGUAGES == _LANGUAGE_CODES


def test_backends_name_models_of_the_manifest() -> None:
    for backend in SpeechTranscription.spec.backends:
        entry = manifest()[backend.models[0]]
        assert (entry.runtime, entry.licence, entry.tier) == ("ctranslate2", "MIT", backend.tier)
        assert backend.name.startswith(entry.name) and (len(backend.models) == 2) == backend.name.endswith("-speakers")
