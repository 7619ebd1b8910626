"""speech_emotion: arousal of utterances from figures of speech_flow, by hand-made tables; failure paths first."""

from __future__ import annotations

import math
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reelscope.analyzers.base import Inputs, LoadContext, NoOptions
from reelscope.analyzers.speech_emotion import ANALYZER, MIN_MARGIN_DB, SpeechEmotionResult, judge
from reelscope.analyzers.speech_emotion._prosody import FIGURES, LEAST_SPREAD, arousal, read_utterances, speaker_of
from reelscope.analyzers.speech_flow import SpeechFlowResult, SpeechSegment


def phrase(number: int, start: float, **given: Any) -> SpeechSegment:
    """A clear phrase of two seconds, unless said otherwise."""
    facts = {"syllables": 10, "pitch_median_hz": 200.0, "pitch_range_semitones": 6.0, "voiced_share": 0.6, "background_margin_db": 30.0}
    return SpeechSegment(kind="speech", utterance=number, start_s=start, end_s=given.pop("end", start + 2), **(facts | given))


def flow(*phrases: SpeechSegment) -> SpeechFlowResult:
    return SpeechFlowResult(segments=list(phrases))


def calm(count: int = 5, **first: Any) -> SpeechFlowResult:
    """Equal utterances, of which the first may be other."""
    return flow(*(phrase(i, 4.0 * i, **(first if i == 0 else {})) for i in range(count)))


def result(of: SpeechFlowResult, **inputs: Any) -> SpeechEmotionResult:
    made = ANALYZER()
    made.load(LoadContext("cpu", NoOptions(), (), backend="prosody"))
    return made.finish(Inputs(clip=None, results={"speech_flow": of, **inputs}))  # type: ignore[arg-type]


# What cannot be measured


def test_nobody_speaks() -> None:
    found = result(flow())
    assert found.segments == [] and found.coverage == 1 and found.warnings == []
    null = {name for name, value in found.summary.model_dump().items() if value is None}
    assert null == set(found.summary.not_measured) and set(found.summary.not_measured.values()) == {"nobody is heard speaking"}


@pytest.mark.parametrize("count", [1, 2, 3])
def test_few_utterances_have_nothing_to_be_compared_with(count: int) -> None:
    found = result(calm(count))
    assert [s.arousal for s in found.segments] == [None] * count
    assert f"{count - 1}; 3 are needed" in found.segments[0].not_measured["arousal"]
    assert found.segments[0].pitch_level.value == pytest.approx(12)  # what was measured is there all the same
    assert found.segments[0].pitch_level.z is None and found.summary.arousal_spread is None
    assert "3 are needed" in found.summary.not_measured["arousal_spread"]


def test_every_null_of_a_segment_has_its_reason() -> None:
    for of in (calm(5), calm(1), calm(5, background_margin_db=1.0), calm(5, pitch_median_hz=None), calm(5, syllables=None)):
        for segment in result(of).segments:
            null = {name for name, value in segment.model_dump().items() if value is None}
            assert null - {"speaker", "confidence", "arousal_from"} == set(segment.not_measured)


@pytest.mark.parametrize(
    ("odd", "what"),
    [
        ({"background_margin_db": MIN_MARGIN_DB - 0.1}, "11.9 dB above what is heard around it; 12 are needed"),
        ({"end": 0.9, "syllables": 5}, "0.90 s of speech are too short"),
        ({"pitch_median_hz": None, "pitch_range_semitones": None}, "have a pitch"),
        ({"voiced_share": 0.1}, "0.20 s of it have a pitch"),
        ({"syllables": None}, "syllables were counted in 0.00 s"),
    ],
)
def test_what_cannot_be_measured_is_left_out_on_both_sides(odd: dict[str, Any], what: str) -> None:
    found = result(calm(5, **odd))
    assert found.segments[0].arousal is None and what in found.segments[0].not_measured["arousal"]
    assert all(s.arousal == 0 for s in found.segments[1:]), "four whole ones are left: each has three others"
    fewer = result(calm(4, **odd))
    assert all(s.arousal is None for s in fewer.segments)
    assert "2; 3 are needed" in fewer.segments[1].not_measured["arousal"]


def test_without_anything_around_it_there_is_no_margin_to_fall_below() -> None:
    found = result(calm(5, background_margin_db=None))
    assert found.segments[0].arousal == 0 and found.segments[0].background_margin_db is None
    assert "background_margin_db" in found.segments[0].not_measured


def test_prosody_gives_neither_category_nor_valence() -> None:
    found = result(calm())
    for name in ("category", "probabilities", "valence", "dominance"):
        assert getattr(found.segments[0], name) is None and "prosody alone" in found.segments[0].not_measured[name]
    assert found.segments[0].confidence is None and found.summary.category_shares is None
    assert found.segments[0].arousal_from == "prosody"


# Arousal


def test_equal_utterances_are_all_as_usual() -> None:
    """A median absolute deviation of 0 divides by nothing."""
    found = result(calm(6))
    assert [s.arousal for s in found.segments] == [0] * 6 and found.summary.arousal_spread == 0
    assert found.segments[0].pitch_range.spread == LEAST_SPREAD["pitch_range"]


@pytest.mark.parametrize(
    ("odd", "name", "z"),
    [
        ({"pitch_median_hz": 200 * 2 ** (2 / 12)}, "pitch_level", 2),
        ({"pitch_range_semitones": 9.0}, "pitch_range", 2),
        ({"syllables": 13.2}, "syllable_rate", 2),
        ({"pitch_median_hz": 200 * 2 ** (-1 / 12)}, "pitch_level", -1),
    ],
)
def test_one_figure_moves_arousal_by_its_score(odd: dict[str, Any], name: str, z: float) -> None:
    of = calm()
    of.segments[0] = of.segments[0].model_copy(update=odd)
    segment = result(of).segments[0]
    assert getattr(segment, name).z == pytest.approx(z)
    assert segment.arousal == pytest.approx(math.tanh(3 * math.tanh(z / 3) / 3 / 2))


def test_the_others_are_the_baseline_not_the_utterance_itself() -> None:
    of = flow(*(phrase(i, 4.0 * i, pitch_range_semitones=r) for i, r in enumerate([20.0, 4.0, 6.0, 7.0])))
    figure = result(of).segments[0].pitch_range
    assert figure.baseline == 6 and figure.spread == pytest.approx(math.hypot(1.4826 * 1, 1.5))
    assert figure.z == pytest.approx(14 / figure.spread)


def test_figures_of_an_utterance_are_those_of_its_phrases() -> None:
    two = [phrase(0, 0.0, syllables=6, pitch_median_hz=100.0, pitch_range_semitones=2.0, voiced_share=0.5)]
    two.append(phrase(0, 2.3, end=5.3, syllables=9, pitch_median_hz=200.0, pitch_range_semitones=8.0, voiced_share=1.0))
    found = result(flow(*two)).segments
    assert len(found) == 1 and (found[0].start_s, found[0].end_s) == (0, 5.3)
    assert found[0].syllable_rate.value == 15 / 5
    assert found[0].pitch_level.value == pytest.approx(12 * 3 / 4) and found[0].pitch_range.value == pytest.approx((2 + 8 * 3) / 4)


def test_level_is_no_part_of_it() -> None:
    loud = calm(5, level_dbfs=-3.0)
    assert result(loud).segments[0].arousal == 0


def test_summary_names_the_extremes() -> None:
    of = flow(*(phrase(i, 4.0 * i, pitch_range_semitones=r) for i, r in enumerate([6.0, 10.0, 6.0, 2.0, 6.0])))
    summary = result(of).summary
    assert (summary.utterances, summary.measured, summary.arousal_highest_s, summary.arousal_lowest_s) == (5, 5, 4.0, 12.0)
    assert summary.arousal_spread > 0.5 and summary.speakers is None and "one voice" in summary.not_measured["speakers"]


@given(st.lists(st.floats(-1e3, 1e3), min_size=3, max_size=3), st.integers(0, 2), st.floats(0.01, 10))
def test_a_higher_score_never_lowers_arousal(scores: list[float], which: int, more: float) -> None:
    raised = [z + more * (i == which) for i, z in enumerate(scores)]
    assert -1 <= arousal(scores) <= arousal(raised) <= 1


@given(st.lists(st.tuples(*[st.floats(60, 600), st.floats(0, 20), st.integers(2, 20)]), min_size=4, max_size=9), st.floats(-30, 30))
def test_what_is_said_of_all_alike_changes_nothing(rows: list[tuple[float, float, int]], shift: float) -> None:
    """Another voice that speaks the same way gets the same: only the distance to the speaker's own others counts."""

    def arousals(semitones: float) -> list[float]:
        of = [
            phrase(i, 4.0 * i, pitch_median_hz=hz * 2 ** (semitones / 12), pitch_range_semitones=span, syllables=n)
            for i, (hz, span, n) in enumerate(rows)
        ]
        return [s.arousal for s in result(flow(*of)).segments]

    assert arousals(shift) == pytest.approx(arousals(0.0), abs=1e-6)


# Speakers


def words(*turns: tuple[float, float, int | None]) -> SimpleNamespace:
    return SimpleNamespace(segments=[SimpleNamespace(start_s=a, end_s=b, speaker=s) for a, b, s in turns])


def test_speakers_are_not_each_others_baseline() -> None:
    of = flow(*(phrase(i, 4.0 * i, pitch_median_hz=100.0 if i % 2 else 220.0) for i in range(8)))
    told = result(of, speech_transcription=words(*((4.0 * i, 4.0 * i + 2, i % 2) for i in range(8))))
    assert [s.speaker for s in told.segments] == [0, 1] * 4 and all(s.arousal == 0 for s in told.segments)
    assert told.summary.speakers == 2 and "speakers" not in told.summary.not_measured and told.warnings == []
    untold = result(of, speech_transcription=words(*((4.0 * i, 4.0 * i + 2, None) for i in range(8))))
    assert untold.segments[0].arousal > 0.2 and "more than one person" in untold.warnings[0]


def test_one_lively_voice_gets_no_warning() -> None:
    of = flow(*(phrase(i, 4.0 * i, pitch_median_hz=150.0 * 2 ** (i * 4 / 12)) for i in range(4)))
    assert result(of).warnings == []


def test_the_speaker_is_who_speaks_longest() -> None:
    (utterance,) = read_utterances(flow(phrase(0, 0.0), phrase(0, 2.5)), MIN_MARGIN_DB)
    assert speaker_of(utterance, [(0, 1, 4), (1, 2, 7), (2.5, 4.5, 7)]) == 7
    assert speaker_of(utterance, [(2.0, 2.5, 4)]) is None, "the pause between its phrases is nobody's"
    assert speaker_of(utterance, []) is None


# Networks' answers


def test_answers_of_networks_stand_beside_prosody() -> None:
    from reelscope.analyzers.speech_emotion._model import Heard

    spoken = read_utterances(calm(5, background_margin_db=2.0), MIN_MARGIN_DB)
    assert [u.audible for u in spoken] == [False, True, True, True, True]
    classes = Heard(probabilities={"angry": 0.25, "happy": 0.5, "sad": 0.25})
    found = judge(spoken, heard={u.number: classes for u in spoken[1:]})
    first, second = found.segments[:2]
    assert first.category is None and "2.0 dB above" in first.not_measured["category"]
    assert (second.category, second.confidence, second.arousal, second.arousal_from) == ("happy", 0.5, 0, "prosody")
    assert second.probabilities == {"angry": 0.25, "happy": 0.5, "sad": 0.25} and "classes only" in second.not_measured["valence"]
    assert found.summary.category_shares == {"happy": 1.0}


def test_dimensions_of_a_network_replace_the_arousal_of_prosody() -> None:
    from reelscope.analyzers.speech_emotion._model import Heard

    spoken = read_utterances(calm(1), MIN_MARGIN_DB)
    found = judge(spoken, heard={0: Heard(dimensions={"arousal": 0.5, "valence": -0.25, "dominance": 0.0})})
    one = found.segments[0]
    assert (one.arousal, one.arousal_from, one.valence, one.dominance) == (0.5, "model", -0.25, 0.0)
    assert "arousal" not in one.not_measured and one.not_measured["category"] == "this network gives no classes"
    assert one.confidence is None and found.summary.measured == 1


def test_long_utterances_are_heard_in_equal_pieces() -> None:
    from reelscope.analyzers.speech_emotion._model import pieces

    assert pieces(2.0, 17.0) == [(2.0, 17.0)]
    assert [pytest.approx(p) for p in ((0, 40 / 3), (40 / 3, 80 / 3), (80 / 3, 40))] == pieces(0.0, 40.0)


def test_sound_is_normalised_and_silence_stays_silent() -> None:
    import numpy as np

    from reelscope.analyzers.speech_emotion._model import normalised

    given = np.random.default_rng(0).normal(0.3, 0.01, 1000).astype(np.float32)
    assert normalised(given).mean() == pytest.approx(0, abs=1e-4) and normalised(given).std() == pytest.approx(1, abs=1e-2)
    np.testing.assert_allclose(normalised(given), normalised(given * 4), atol=1e-2)  # gain is taken out
    assert not normalised(np.zeros(100, np.float32)).any()
    assert np.isfinite(normalised(np.array([np.nan, np.inf, 0.5, -0.5], np.float32))).all()


def test_close_is_legal_at_any_time() -> None:
    made = ANALYZER()
    made.close()
    made.close()


# Clips


def test_a_clip_without_sound_is_not_applicable(tmp_path: Path) -> None:
    from reelscope.pipeline import Session
    from tests.clips import moving_frames, write_clip

    with Session() as session:
        document = session.analyze(write_clip(tmp_path / "mute.mp4", moving_frames(5)), only=["speech_emotion"]).document
    entry = document.analyzers["speech_emotion"]
    assert entry.status == "not_applicable" and entry.segments == []


@pytest.mark.real
def test_utterances_are_those_of_speech_flow(media: Path) -> None:
    from reelscope.pipeline import Session

    with Session() as session:
        found = session.analyze(media / "reel-a-1080x1920.mp4", only=["speech_emotion", "speech_flow"]).document.analyzers
    spoken = {s.utterance for s in found["speech_flow"].segments if s.kind == "speech"}
    assert {s.utterance for s in found["speech_emotion"].segments} == spoken and FIGURES
    assert found["speech_emotion"].summary.measured >= 1
