"""audio_environment: silence, lines, music and the rules that join them, on made sound; failure paths first."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reelscope.analyzers.audio_environment import ANALYZER, AudioEnvironment, EnvironmentResult, _assemble, _frames, _levels, _music
from reelscope.analyzers.audio_environment._classes import heard
from reelscope.analyzers.base import Inputs, LoadContext, NoOptions
from reelscope.config import Settings
from reelscope.features.voice import Voice
from reelscope.pipeline import Session
from reelscope.timebase import overlap_s, total_s
from tests.audio_tools import make_track

RATE = 16_000
HOP = 0.032


def voice(duration_s: float, *phrases: tuple[float, float]) -> Voice:
    t = HOP / 2 + HOP * np.arange(int(np.ceil(duration_s / HOP)))
    probability = np.zeros(len(t), np.float32)
    for start, end in phrases:
        probability[(t >= start) & (t < end)] = 0.9
    return Voice(HOP / 2, HOP, probability, phrases)


def hear(folder: Path, samples: np.ndarray, *phrases: tuple[float, float], rate_hz: int = RATE) -> EnvironmentResult:
    return _assemble.by_lines(make_track(folder, samples, rate_hz), voice(len(samples) / rate_hz, *phrases))


def spans(result: EnvironmentResult, label: str) -> list[tuple[float, float]]:
    return [(round(s.start_s, 2), round(s.end_s, 2)) for s in result.segments if s.label == label]


def noise(seconds: float, level: float = 0.05, seed: int = 0) -> np.ndarray:
    return (level * np.random.default_rng(seed).normal(size=round(seconds * RATE))).astype(np.float32)


def melody(seconds: float, level: float = 0.1, seed: int = 1) -> np.ndarray:
    """Chords of three notes with six partials each, every 0.4 s another one, over a bass note."""
    rng = np.random.default_rng(seed)
    out = np.zeros(round(seconds * RATE))
    length = round(0.4 * RATE)
    t = np.arange(length) / RATE
    for at in range(0, len(out) - length + 1, length):
        for note in (rng.integers(0, 12) - 24, *rng.choice(12, 3, replace=False)):
            hz = 261.6 * 2 ** (note / 12)
            out[at : at + length] += np.exp(-t * 2) * sum(np.sin(2 * np.pi * hz * k * t) / k for k in range(1, 7))
    return (level * out / np.std(out)).astype(np.float32)


# --- What cannot be measured, and hostile sound


def test_run_without_sound_is_our_bug_and_says_so() -> None:
    analyzer = AudioEnvironment()
    analyzer.load(LoadContext("cpu", NoOptions(), (), backend="lines"))
    with pytest.raises(ValueError, match="not_applicable"):
        analyzer.finish(Inputs(None))  # type: ignore[arg-type]
    analyzer.close()


def test_closing_before_loading_is_legal() -> None:
    ANALYZER().close()


@pytest.mark.parametrize("seconds", [0.1, 3.0, 25.0])
def test_digital_silence_is_silence_and_nothing_else(tmp_path: Path, seconds: float) -> None:
    result = hear(tmp_path, np.zeros(round(seconds * RATE), np.float32))
    assert [(s.label, s.start_s, s.end_s, s.confidence) for s in result.segments] == [("silence", 0.0, pytest.approx(seconds), None)]
    assert result.summary.silence_share == pytest.approx(1) and result.summary.unexplained_s == pytest.approx(0)


def test_no_samples_at_all(tmp_path: Path) -> None:
    result = hear(tmp_path, np.zeros(0, np.float32))
    assert result.segments == [] and result.summary.music_share is None
    assert result.summary.not_measured["music_share"] == "the sound track is empty"


def test_one_sample(tmp_path: Path) -> None:
    result = hear(tmp_path, np.full(1, 0.5, np.float32))
    assert all(s.label != "silence" for s in result.segments) and result.summary.silence_s == 0


def test_a_tenth_of_a_second_of_noise_is_too_short_for_a_class(tmp_path: Path) -> None:
    result = hear(tmp_path, noise(0.1))
    assert result.segments == [] and result.summary.unexplained_s == pytest.approx(0.1)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_samples_that_are_no_numbers_count_as_zero(tmp_path: Path, bad: float) -> None:
    samples = noise(4.0)
    samples[RATE : 2 * RATE] = bad
    result = hear(tmp_path, samples)
    assert spans(result, "silence") == [(1.0, 2.0)] and spans(result, "noise") == [(0.0, 1.0), (2.0, 4.0)]
    assert all(v is None or np.isfinite(v) for s in result.series for v in s.values)


def test_a_constant_is_no_music(tmp_path: Path) -> None:
    assert spans(hear(tmp_path, np.full(8 * RATE, 0.3, np.float32)), "music") == []


def test_clipped_noise_is_noise(tmp_path: Path) -> None:
    result = hear(tmp_path, np.clip(noise(8.0, 3.0), -1, 1))
    assert spans(result, "noise") == [(0.0, 8.0)] and spans(result, "music") == []


# --- Silence


def test_silence_is_a_matter_of_level(tmp_path: Path) -> None:
    quiet, loud = 10 ** (-51 / 20), 10 ** (-49 / 20)
    samples = np.concatenate([noise(2.0, quiet), noise(2.0, loud, 1), noise(0.28, quiet, 2), noise(1.0, loud, 3)])
    silent, zeros = _levels.silences(make_track(tmp_path, samples, RATE))
    covered = total_s(silent)
    assert 1.4 < covered <= 2.0 and all(b <= 2.0 for _, b in silent)
    assert zeros == []


def test_silence_is_measured_on_all_channels(tmp_path: Path) -> None:
    """Left and right that cancel in mono are no silence."""
    left = noise(3.0)
    track = make_track(tmp_path, np.stack([left, -left], axis=1), RATE)
    assert _levels.silences(track) == ([], [])
    zero = make_track(tmp_path, np.zeros((44_100 * 2, 2), np.float32), 44_100)
    assert _levels.silences(zero) == ([(0.0, 2.0)], [(0.0, 2.0)])


# --- Lines


def test_a_steady_tone_is_one_line_and_a_glide_is_none() -> None:
    t = np.arange(4 * RATE) / RATE
    tone = _frames.frame_features((0.1 * np.sin(2 * np.pi * 1000 * t)).astype(np.float32))
    glide = _frames.frame_features((0.1 * np.sin(2 * np.pi * (400 * t + 150 * t**2))).astype(np.float32))
    middle = slice(30, 90)
    assert np.all(tone.lines[middle] == 1) and tone.notes[middle].sum(axis=1).max() == 1
    assert np.all(glide.lines[middle, 2] == 0) and tone.starts[middle].sum() == 0
    np.testing.assert_allclose(tone.power[middle], 0.005, rtol=0.02)


def test_noise_has_hardly_a_line() -> None:
    assert _frames.frame_features(noise(10.0)).lines[:, 2].mean() < 0.05


def test_mains_hum_is_no_note() -> None:
    t = np.arange(12 * RATE) / RATE
    hum = 0.05 * sum(np.sin(2 * np.pi * 50 * k * t + k) for k in (2, 3, 4)) + noise(12.0, 0.001)
    assert _frames.frame_features(hum.astype(np.float32)).lines[20:-20, 2].mean() < 0.1
    short = _frames.frame_features(hum[: 5 * RATE].astype(np.float32))  # too short to say that it never stops
    assert short.lines[20:-20, 2].mean() > 1.5


@pytest.mark.parametrize("seconds", [19.9, 20.0, 27.0, 61.0])
def test_blocks_give_what_the_whole_gives(seconds: float, monkeypatch: pytest.MonkeyPatch) -> None:
    samples = melody(seconds) + noise(seconds, 0.01)
    monkeypatch.setattr(_frames, "HUM_SHARE", 2.0)  # hum is told block by block
    parts = _frames.frame_features(samples)
    monkeypatch.setattr(_frames, "BLOCK", 10**6)
    whole = _frames.frame_features(samples)
    assert len(parts.power) == len(samples) // 512 + 1
    for name in ("power", "flux", "lines", "notes", "starts"):
        np.testing.assert_allclose(getattr(parts, name), getattr(whole, name), rtol=1e-5, atol=1e-6, err_msg=name)


# --- Music


def test_music_between_noise(tmp_path: Path) -> None:
    result = hear(tmp_path, np.concatenate([noise(8.0), melody(12.0), noise(8.0, seed=4)]))
    ((start, end),) = spans(result, "music")
    assert abs(start - 8) < 1.6 and abs(end - 20) < 1.6
    first, last = spans(result, "noise")
    assert first == (0.0, start) and last == (end, 28.0)
    confidence = {s.label: s.confidence for s in result.segments}
    assert confidence["music"] is not None and confidence["music"] > 0.7 and confidence["noise"] is None


def test_music_goes_on_over_a_rest_but_not_over_a_silence(tmp_path: Path) -> None:
    rest, silence = np.zeros(round(0.6 * RATE), np.float32), np.zeros(3 * RATE, np.float32)
    tune = melody(8.0)
    result = hear(tmp_path, np.concatenate([tune, rest + noise(0.6, 1e-4), tune, silence, tune]))
    assert len(spans(result, "music")) == 2
    assert all(b <= 16.61 or a >= 19.59 for a, b in spans(result, "music"))
    assert spans(result, "silence")[-1] == (16.6, 19.6)


def test_smoothing_ignores_a_single_window() -> None:
    odds = np.full(20, -2.0)
    odds[10] = 3.0
    assert _music.smooth(odds) == [False] * 20
    odds[8:14] = 3.0
    assert [i for i, on in enumerate(_music.smooth(odds)) if on] == [8, 9, 10, 11, 12, 13]
    assert _music.smooth(np.zeros(0)) == []


@given(st.lists(st.floats(-30, 30), max_size=40))
def test_smoothing_is_symmetric_in_time(values: list[float]) -> None:
    """The best sequence is worth the same read backwards."""

    def worth(odds: np.ndarray, states: list[bool]) -> float:
        changes = sum(a != b for a, b in zip(states, states[1:], strict=False))
        return float(sum(v / 2 if s else -v / 2 for v, s in zip(odds, states, strict=True))) - _music.CHANGE * changes

    odds = np.array(values)
    assert worth(odds, _music.smooth(odds)) == pytest.approx(worth(odds, _music.smooth(odds[::-1])[::-1]), abs=1e-6)


def test_every_figure_that_is_weighted_is_measured() -> None:
    _, figures, spoken, level = _music.windows(_frames.frame_features(melody(5.0)), np.zeros(156, np.float32))
    for name, mean, spread, _ in (*_music.QUIET_FEATURES, *_music.SPOKEN_FEATURES):
        assert np.all(np.isfinite(figures[name])) and spread > 0 and np.isfinite(mean)
    assert not spoken.any() and np.all(level < 0)


def test_where_somebody_speaks_the_other_regression_answers() -> None:
    frames = _frames.frame_features(melody(6.0))
    assert _music.windows(frames, np.full(200, 0.9, np.float32))[2].all()


# --- Rules


def rules(duration_s: float = 20.0, **given: list[tuple[float, float]]) -> dict[str, list[tuple[float, float]]]:
    found = heard(duration_s, **{k: given.get(k, []) for k in ("phrases", "music", "silences", "zeros")})
    return {label: [(round(a, 3), round(b, 3)) for a, b in found[label]] for label in found}


def test_what_is_left_is_noise() -> None:
    found = rules(phrases=[(2, 4)], music=[(10, 15)], silences=[(18, 20)])
    assert found == {"speech": [(2, 4)], "music": [(10, 15)], "noise": [(0, 10), (15, 18)], "silence": [(18, 20)]}


def test_noise_goes_on_under_a_short_phrase_only() -> None:
    assert rules(phrases=[(4, 9.5)])["noise"] == [(0, 20)]
    assert rules(phrases=[(4, 11)])["noise"] == [(0, 3.9), (11.1, 20)]


def test_noise_is_not_carried_over_silence_or_music() -> None:
    assert rules(phrases=[(4, 5)], silences=[(5, 6)])["noise"] == [(0, 3.9), (6, 20)]
    assert rules(phrases=[(4, 5), (7, 8)], music=[(5, 7)])["noise"] == [(0, 3.9), (8.1, 20)]


def test_music_is_carried_under_a_phrase() -> None:
    assert rules(phrases=[(5, 7)], music=[(0, 5), (7, 20)])["music"] == [(0, 20)]
    assert rules(phrases=[(5, 6)], music=[(0, 5), (7, 20)])["music"] == [(0, 5), (7, 20)]


def test_short_leftovers_are_no_noise() -> None:
    assert rules(4.0, phrases=[(0, 1.6), (2.0, 4.0)])["noise"] == []


def test_zeros_end_everything_and_silence_does_not_end_speech() -> None:
    found = rules(phrases=[(1, 5)], music=[(0, 20)], silences=[(2, 4), (10, 12)], zeros=[(10, 12)])
    assert found["speech"] == [(1, 5)] and found["music"] == [(0, 2), (4, 10), (12, 20)]
    assert rules(phrases=[(1, 5)], silences=[(2, 4)], zeros=[(2, 4)])["speech"] == [(1, 2), (4, 5)]


intervals = st.lists(
    st.tuples(st.floats(-2, 22), st.floats(0, 6)).map(lambda p: (p[0], p[0] + p[1])).filter(lambda i: i[1] - i[0] > 1e-3), max_size=5
)


@given(intervals, intervals, intervals)
def test_rules_hold_for_any_stretches(
    phrases: list[tuple[float, float]], music: list[tuple[float, float]], silences: list[tuple[float, float]]
) -> None:
    found = heard(20.0, phrases=phrases, music=music, silences=silences, zeros=silences)
    for label, parts in found.items():
        assert all(0 <= a < b <= 20 for a, b in parts), label
        assert all(a[1] <= b[0] for a, b in zip(parts, parts[1:], strict=False)), label
    for label in ("speech", "music", "noise"):
        assert all(overlap_s(a, b) <= 1e-9 for a in found[label] for b in found["silence"]), label
    assert all(overlap_s(a, b) <= 1e-9 for a in found["noise"] for b in found["music"])


def test_summary_counts_what_overlaps(tmp_path: Path) -> None:
    result = hear(tmp_path, melody(20.0), (4.0, 8.0))
    assert spans(result, "music") == [(0.0, 20.0)] and spans(result, "speech") == [(4.0, 8.0)]
    assert result.summary.speech_over_music_s == pytest.approx(4) and result.summary.speech_s == pytest.approx(4)
    assert result.summary.top_events is None and "models pull yamnet" in result.summary.not_measured["top_events"]


# --- Real clips


def test_reel_a(media: Path) -> None:
    """Music under everything; it is plain to see before 4 s and from 15 s on."""
    settings = {"placement": {"workers": 0}, "analysis": {"backends": {"audio_environment": "lines"}}}
    with Session(Settings.model_validate(settings)) as session:
        reel = session.analyze(media / "reel-a-1080x1920.mp4", only=["audio_environment"]).document.analyzers["audio_environment"]
        applause = session.analyze(media / "stage-applause-handheld.mp4", only=["audio_environment"]).document
    assert (reel.status, reel.backend) == ("ok", "lines"), reel.reason
    music = [(s.start_s, s.end_s) for s in reel.segments if s.label == "music"]
    assert total_s(music) > 12 and sum(overlap_s(i, (15, 27)) for i in music) > 11
    assert len([s for s in reel.segments if s.label == "speech"]) == 6
    labels = {s.label for s in applause.analyzers["audio_environment"].segments}
    assert labels == {"noise"}
