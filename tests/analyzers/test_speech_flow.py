"""speech_flow: contours, syllables, pauses and figures on made sound; failure paths first."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from reelscope.analyzers.base import Inputs, LoadContext, NoOptions
from reelscope.analyzers.speech_flow import ANALYZER, SpeechFlow, SpeechFlowResult, _prosody, analyse, utterances
from reelscope.features.voice import Voice
from tests.audio_tools import make_track

RATE = 16_000
HOP = 0.032


def voice(duration_s: float, *phrases: tuple[float, float]) -> Voice:
    t = HOP / 2 + HOP * np.arange(int(np.ceil(duration_s / HOP)))
    probability = np.zeros(len(t), np.float32)
    for start, end in phrases:
        probability[(t >= start) & (t < end)] = 0.9
    return Voice(HOP / 2, HOP, probability, phrases)


def syllables(times: list[float], seconds: float, *, hz: float | list[float] = 200.0, gains: list[float] | None = None) -> np.ndarray:
    """Vowel-like bursts of 0.15 s at these times: harmonics of `hz` with a hump at 700 Hz."""
    out = np.zeros(round(seconds * RATE))
    t = np.arange(round(0.15 * RATE)) / RATE
    for i, at in enumerate(times):
        f0 = hz[i] if isinstance(hz, list) else hz
        buzz = sum(np.sin(2 * np.pi * f0 * k * t) / (1 + ((f0 * k - 700) / 300) ** 2) for k in range(1, 20) if f0 * k < 4000)
        start = round((at - 0.075) * RATE)
        out[start : start + len(t)] += (gains[i] if gains else 0.1) * np.hanning(len(t)) * buzz
    return out.astype(np.float32)


def detect(hz: float = 200.0, confidence: float = 0.9):
    """A pitch detector that always answers the same."""

    def run(samples: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        t = np.arange(max(1, len(samples) // 256)) * 0.016
        return t, np.full(len(t), hz), np.full(len(t), confidence)

    return run


@pytest.fixture(scope="module")
def analyzer() -> SpeechFlow:
    made = ANALYZER()
    made.load(LoadContext("cpu", NoOptions(), ()))
    return made


# What cannot be measured


def test_run_without_sound_is_our_bug_and_says_so(analyzer: SpeechFlow) -> None:
    with pytest.raises(ValueError, match="not_applicable"):
        analyzer.finish(Inputs(clip=None))  # type: ignore[arg-type]


def test_close_is_legal_at_any_time() -> None:
    made = ANALYZER()
    made.close()
    made.close()


@pytest.mark.parametrize("seconds", [0.0, 0.01, 4.0])
def test_sound_without_speech_is_ok_and_empty(analyzer: SpeechFlow, tmp_path: Path, seconds: float) -> None:
    samples = np.random.default_rng(0).normal(0, 0.1, round(seconds * RATE))
    audio = make_track(tmp_path, samples, RATE)
    result = analyzer.finish(Inputs(clip=None, audio=audio, features={"voice": voice(seconds)}))  # type: ignore[arg-type]
    assert result.segments == [] and result.coverage == 1.0
    summary = result.summary
    assert (summary.speech_s, summary.phrases, summary.utterances, summary.pauses, summary.emphasis) == (0, 0, 0, 0, 0)
    null = {name for name, value in summary.model_dump().items() if value is None} - {"speech_share"}
    assert null == set(summary.not_measured)
    assert summary.not_measured["pitch_median_hz"] == "nobody is heard speaking"


def test_there_are_no_fillers_without_words() -> None:
    result = analyse(syllables([0.5], 1.0), voice(1.0, (0.4, 0.6)), detect())
    assert result.summary.fillers is None and result.summary.words_per_minute is None
    assert "words" in result.summary.not_measured["fillers"]


def test_less_than_a_second_has_no_rate() -> None:
    result = analyse(syllables([0.5, 0.8], 1.5), voice(1.5, (0.4, 0.95)), detect())
    assert result.segments[0].syllables == 2 and result.segments[0].syllables_per_s is None
    assert result.summary.articulation_rate_syl_s is None and "0.55 s" in result.summary.not_measured["articulation_rate_syl_s"]


def test_speech_under_loud_sound_is_not_measured() -> None:
    times = [2.2, 2.5, 2.8, 3.1, 3.4]
    samples = syllables(times, 6.0, gains=[0.02] * 5) + np.random.default_rng(0).normal(0, 0.05, 6 * RATE).astype(np.float32)
    result = analyse(samples, voice(6.0, (2.1, 3.5)), detect())
    speech = result.segments[0]
    assert speech.kind == "speech" and speech.background_margin_db < 3
    assert speech.syllables is None and speech.pitch_median_hz is None and speech.emphasis == []
    assert result.summary.syllables is None and "too loud" in result.summary.not_measured["syllables"]
    assert "too loud" in result.summary.not_measured["pitch_median_hz"]


def test_no_voiced_sound_has_no_pitch() -> None:
    result = analyse(syllables([0.5, 0.8, 1.1, 1.4], 2.0), voice(2.0, (0.4, 1.5)), detect(confidence=0.1))
    assert (
        result.summary.pitch_median_hz is None
        and result.summary.not_measured["pitch_median_hz"] == "no voiced sound stands out in the speech"
    )
    assert result.summary.syllables == 0  # nuclei are voiced


# Phrases, pauses, utterances


@pytest.mark.parametrize(
    ("phrases", "expected"),
    [
        ([], []),
        ([(0, 1)], [[(0, 1)]]),
        ([(0, 1), (1.69, 2), (2.71, 3)], [[(0, 1), (1.69, 2)], [(2.71, 3)]]),
    ],
)
def test_utterances(phrases: list, expected: list) -> None:
    assert utterances(phrases) == expected


def test_pauses_lie_between_phrases_and_long_gaps_are_none() -> None:
    phrases = ((0.5, 1.0), (1.4, 2.0), (3.5, 4.0), (7.5, 8.0))
    result = analyse(np.zeros(9 * RATE, np.float32), voice(9.0, *phrases), detect())
    assert [(s.kind, s.start_s, s.end_s, s.utterance) for s in result.segments] == [
        ("speech", 0.5, 1.0, 0),
        ("pause", 1.0, 1.4, 0),
        ("speech", 1.4, 2.0, 0),
        ("pause", 2.0, 3.5, None),
        ("speech", 3.5, 4.0, 1),
        ("speech", 7.5, 8.0, 2),  # 3.5 s without speech are no pause
    ]
    summary = result.summary
    assert (summary.phrases, summary.utterances, summary.pauses) == (4, 3, 2)
    assert summary.pause_median_s == pytest.approx(0.95) and summary.pause_longest_s == pytest.approx(1.5)
    assert summary.speech_s == pytest.approx(2.1) and summary.speech_share == pytest.approx(2.1 / 9)
    assert all(s.level_dbfs is None for s in result.segments)  # digital silence has no level
    assert [s.confidence is None for s in result.segments] == [False, True, False, True, False, False]


# Syllables and emphasis


@pytest.mark.parametrize("gap", [0.18, 0.25, 0.4])
def test_syllables_are_counted_where_they_are(gap: float) -> None:
    times = [0.5 + gap * i for i in range(9)]
    end = times[-1] + 0.1
    result = analyse(syllables(times, end + 0.5), voice(end + 0.5, (0.4, end)), detect())
    assert result.segments[0].syllables == 9
    assert result.segments[0].syllables_per_s == pytest.approx(9 / (end - 0.4))
    assert result.summary.articulation_rate_syl_s == pytest.approx(9 / (end - 0.4))


@pytest.mark.parametrize(
    ("level", "peaks"),
    [
        ([0, 0, 0], []),
        ([0, 5, 0], [1]),
        ([0, 5, 4, 5.5, 0], [3]),  # the dip is too shallow
        ([0, 5, 3, 6, 0], [1, 3]),
        ([5, 0, 0], [0]),
        ([0, 0, 5], [2]),
        ([9, 7, 5, 4.5], [0]),
    ],
)
def test_peaks_are_parted_by_dips(level: list[float], peaks: list[int]) -> None:
    assert _prosody._peaks(np.array(level, float), 1.5) == peaks


def make_syllables(levels: list[float], pitches: list[float], gap: float = 0.3) -> list[_prosody.Syllable]:
    return [_prosody.Syllable(i * gap, level, hz) for i, (level, hz) in enumerate(zip(levels, pitches, strict=True))]


@pytest.mark.parametrize(
    ("found", "times"),
    [
        (make_syllables([0, 0, 9, 0], [100, 100, 200, 100]), []),  # four are too few to compare
        (make_syllables([0, 0, 9, 0, 0, 0], [100, 100, 200, 100, 100, 100]), [0.6]),
        (make_syllables([0, 0, 9, 0, 0, 0], [100, 100, 90, 100, 100, 100]), []),  # louder but not higher
        (make_syllables([0] * 6, [100] * 6), []),  # all alike
        (make_syllables([0, 8, 9, 0, 0, 0, 0, 0, 0, 0], [100, 190, 200] + [100] * 7), [0.6]),  # one event within 0.4 s
    ],
)
def test_emphasis_is_louder_and_higher(found: list[_prosody.Syllable], times: list[float]) -> None:
    assert [s.t_s for s, _, _ in _prosody.emphasised(found)] == pytest.approx(times)


def test_emphasis_stands_in_its_phrase(analyzer: SpeechFlow) -> None:
    times = [0.5 + 0.3 * i for i in range(8)]
    samples = syllables(times, 3.2, hz=[150.0] * 4 + [230.0] + [150.0] * 3, gains=[0.05] * 4 + [0.3] + [0.05] * 3)
    result = analyse(samples, voice(3.2, (0.4, 2.7)), analyzer._pitch)
    assert [e.t_s for e in result.segments[0].emphasis] == [pytest.approx(times[4], abs=0.05)]
    assert result.summary.emphasis == 1
    assert result.segments[0].emphasis[0].level_z > 1 and result.segments[0].emphasis[0].pitch_z > 1


# Contours


@pytest.mark.parametrize("hz", [90.0, 140.0, 220.0, 350.0])
def test_pitch_of_a_steady_voice(analyzer: SpeechFlow, hz: float) -> None:
    t = np.arange(2 * RATE) / RATE
    samples = sum(0.1 / k * np.sin(2 * np.pi * hz * k * t) for k in range(1, 12)).astype(np.float32)
    samples[(t < 0.25) | (t > 1.75)] = 0  # what goes on beside the phrase would be its background
    result = analyse(samples, voice(2.0, (0.3, 1.7)), analyzer._pitch)
    assert result.summary.pitch_median_hz == pytest.approx(hz, rel=0.01)
    assert result.segments[0].voiced_share == 1 and result.segments[0].pitch_range_semitones < 0.3
    contour = next(s for s in result.series if s.name == "pitch_hz")
    assert contour.t_s[0] > 0.3 and contour.t_s[-1] < 1.7 and len(contour.t_s) == 14
    assert contour.values[5] == pytest.approx(hz, rel=0.01)


def test_long_phrases_are_heard_in_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[int] = []

    def spy(samples: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        seen.append(len(samples))
        t = np.arange(len(samples) // 256) * 0.016
        return t, np.full(len(t), 100.0), np.full(len(t), 0.9)

    found = _prosody.pitch_contour(np.zeros(100 * RATE, np.float32), [(1.0, 91.0)], spy)
    assert len(seen) == 5 and max(seen) <= 20.5 * RATE
    assert (np.diff(found.t_s) > 0).all() and np.diff(found.t_s).max() < 0.033
    assert found.t_s[0] >= 1.0 and found.t_s[-1] < 91.0


def test_energy_contour_is_the_rms_and_blocks_do_not_show(monkeypatch: pytest.MonkeyPatch) -> None:
    t = np.arange(3 * RATE) / RATE
    samples = (0.1 * np.sin(2 * np.pi * 1000 * t)).astype(np.float32)
    whole = _prosody.energy_contours(samples)
    assert np.allclose(whole.level_db[5:-5], -23.01, atol=0.1) and np.allclose(whole.vowel_db[5:-5], -23.01, atol=0.1)
    monkeypatch.setattr(_prosody, "BLOCK_S", 0.25)
    parts = _prosody.energy_contours(samples)
    assert np.allclose(parts.level_db, whole.level_db, atol=1e-4) and np.allclose(parts.vowel_db, whole.vowel_db, atol=1e-3)


def test_background_is_what_is_heard_beside_the_phrase() -> None:
    level = np.full(1000, -60.0)
    level[300:500] = -20
    level[500:] = -40
    assert _prosody.background_levels(level, [(3.0, 5.0)]) == [-50.0]  # before it -60, after it -40: the median of both
    assert _prosody.background_levels(level, [(3.0, 5.0), (5.05, 9.95)]) == [-60.0, None]  # next to the second there is no silence
    assert _prosody.background_levels(np.full(100, -20.0), [(0.0, 1.0)]) == [None]


def test_pitch_near_the_background_does_not_count() -> None:
    level = np.full(100, -50.0)
    level[40:60] = -44.5
    level[45:50] = -20
    pitch = _prosody.Pitch(np.array([0.42, 0.47, 0.55]), np.full(3, 200.0), np.full(3, 0.9))
    assert _prosody.above_background(pitch, level, [(0.4, 0.6)], [-50.0]).voiced.tolist() == [False, True, False]
    assert _prosody.above_background(pitch, level, [(0.4, 0.6)], [None]).voiced.all()


def test_sampled_takes_medians() -> None:
    t, values = _prosody.sampled(np.array([0.01, 0.02, 0.09, 0.25]), np.array([1.0, 5.0, 2.0, 7.0]), 0.0, 0.3, 0.1)
    assert t == pytest.approx([0.05, 0.15, 0.25]) and values[0] == 2 and np.isnan(values[1]) and values[2] == 7
    assert _prosody.sampled(np.zeros(0), np.zeros(0), 1.0, 1.25, 0.1)[0] == pytest.approx([1.05, 1.15, 1.225])  # the last step is shorter


def test_series_keep_the_documented_rates(analyzer: SpeechFlow) -> None:
    samples = syllables([0.5, 0.8, 1.1, 1.4], 5.0)
    result: SpeechFlowResult = analyse(samples, voice(5.0, (0.4, 1.5)), analyzer._pitch)
    assert {s.name for s in result.series} == {"pitch_hz", "energy_dbfs", "speech_probability"}
    for item in result.series:
        assert len(item.t_s) == len(item.values) <= 51 and all(0 <= t <= 5 for t in item.t_s)
    assert "NaN" not in result.model_dump_json()


@pytest.mark.real
def test_phrases_of_reel_a(media: Path) -> None:
    import json

    from bench.accuracy.drive import run_analyzer

    truth = json.loads((media / "reel-a-1080x1920.json").read_text())["speech_phrases"]
    found = [s for s in run_analyzer("speech_flow", media / "reel-a-1080x1920.mp4").segments if s.kind == "speech"]
    assert len(found) == len(truth) == 6
    for segment, phrase in zip(found, truth, strict=True):
        assert abs(segment.start_s - phrase["start_s"]) <= 0.25 and abs(segment.end_s - phrase["end_s"]) <= 0.25


@pytest.mark.parametrize("count", [1, 255, 256, 257, 5000, 327_680])
def test_pitch_is_what_the_package_says(count: int) -> None:
    """Its network is driven directly; the package's own call is the reference, to the bit."""
    import swift_f0

    from reelscope.analyzers.speech_flow._pitch import detect_pitch
    from reelscope.models.manager import ModelManager

    t = np.arange(count) / RATE
    samples = (np.sin(2 * np.pi * 180 * t) * (t % 1 > 0.3) * 0.2 + np.random.default_rng(0).normal(0, 2e-4, count)).astype(np.float32)
    theirs = swift_f0.SwiftF0(threads=1, spin=False).detect(samples, RATE, 60.0, 600.0)
    with ModelManager() as models:
        t_s, hz, score = detect_pitch(models.handle("swift-f0").session, samples)
    assert np.array_equal(t_s, theirs.timestamps) and np.array_equal(hz, theirs.pitch_hz) and np.array_equal(score, theirs.confidence)
