"""audio_analysis: each figure on sound whose truth is known; failure paths first."""

from __future__ import annotations

import itertools
import math
from pathlib import Path

import numpy as np
import pytest
from bench.accuracy import _tones

from reelscope.analyzers.audio_analysis import (
    ANALYZER,
    AudioAnalysis,
    AudioAnalysisResult,
    AudioOptions,
    _key,
    _levels,
    _loudness,
    _rhythm,
    _spectrum,
    analyse,
)
from reelscope.analyzers.base import Clip, Inputs, LoadContext
from reelscope.document.schema import MediaInfo, Series
from reelscope.media.audio import AudioTrack
from tests.audio_tools import make_track

NUMBERS = (
    "integrated_lufs",
    "loudness_range_lu",
    "max_momentary_lufs",
    "max_short_term_lufs",
    "true_peak_dbtp",
    "sample_peak_dbfs",
    "rms_dbfs",
    "tempo_bpm",
    "key",
)


def measured(folder: Path, samples: np.ndarray, rate_hz: int = 48_000, layout: str | None = None) -> AudioAnalysisResult:
    return analyse(make_track(folder, samples, rate_hz, layout=layout), AudioOptions())


def series(result: AudioAnalysisResult, name: str) -> Series:
    return next(s for s in result.series if s.name == name)


def media_info(duration_s: float) -> MediaInfo:
    return MediaInfo(
        container="mp4", duration_s=duration_s, width_px=16, height_px=16, coded_width_px=16, coded_height_px=16, codec="h264", size_bytes=1
    )


# What cannot be measured


def test_run_without_sound_is_our_bug_and_says_so(tmp_path: Path) -> None:
    analyzer = ANALYZER()
    analyzer.load(LoadContext("cpu", AudioOptions(), ()))
    with pytest.raises(ValueError, match="not_applicable"):
        analyzer.finish(Inputs(Clip("a", media_info(1.0), str(tmp_path))))


@pytest.mark.parametrize("frames", [0, 1, 7, 48_000])
def test_silence_gives_null_and_a_reason_for_every_figure(tmp_path: Path, frames: int) -> None:
    result = measured(tmp_path, np.zeros((frames, 2)))
    for name in NUMBERS:
        assert getattr(result.summary, name) is None
        assert result.summary.not_measured[name]
    assert result.summary.integrated_lufs is None and result.summary.onsets == result.summary.beats == 0
    assert all(v is None for s in result.series for v in s.values)


@pytest.mark.parametrize(
    ("seconds", "missing"), [(0.3, {"integrated_lufs", "loudness_range_lu"}), (2.9, {"loudness_range_lu"}), (3.2, set())]
)
def test_too_short_for_a_window_is_null_with_the_length_in_the_reason(tmp_path: Path, seconds: float, missing: set[str]) -> None:
    summary = measured(tmp_path, _tones.sine(seconds, 1000, -20)).summary
    assert {n for n in ("integrated_lufs", "loudness_range_lu") if getattr(summary, n) is None} == missing
    assert all(f"{seconds:.2f} s" in summary.not_measured[n] for n in missing)
    assert summary.true_peak_dbtp == pytest.approx(-20, abs=0.05)


def test_sound_below_the_gate_has_a_peak_but_no_loudness(tmp_path: Path) -> None:
    summary = measured(tmp_path, _tones.sine(4, 1000, -75)).summary
    assert summary.integrated_lufs is None and "gate" in summary.not_measured["integrated_lufs"]
    assert summary.true_peak_dbtp == pytest.approx(-75, abs=0.05)  # the filter alone would say 0.000, minus infinity


def test_samples_that_are_no_numbers_count_as_silence_and_are_told(tmp_path: Path) -> None:
    wave = _tones.sine(4, 1000, -20)
    wave[1000:1010, 0] = np.nan
    wave[2000, 1] = np.inf
    result = measured(tmp_path, wave)
    assert result.warnings == ["11 samples are not finite numbers and count as silence"]
    assert result.summary.integrated_lufs == pytest.approx(-20, abs=0.2)
    assert "NaN" not in result.model_dump_json()


@pytest.mark.parametrize(
    ("rate_hz", "channels", "layout"),
    [(8000, 1, "mono"), (11_025, 2, "2 channels"), (192_000, 1, "1 channels"), (44_100, 3, "nonsense"), (48_000, 6, "5.1")],
)
def test_any_rate_and_layout(tmp_path: Path, rate_hz: int, channels: int, layout: str) -> None:
    wave = np.random.default_rng(3).uniform(-0.1, 0.1, (round(3.5 * rate_hz), channels))
    result = measured(tmp_path, wave, rate_hz, layout)
    assert result.summary.sample_peak_dbfs == pytest.approx(-20, abs=0.05)
    assert result.summary.integrated_lufs is not None
    assert (series(result, "band_air_dbfs").values[3] is None) == (rate_hz <= 11_025)  # nothing lies above half the rate


# Loudness


@pytest.mark.parametrize(
    ("parts", "lufs"),
    [
        ([(5, -23)], -23.0),
        ([(3, -72), (3, -36), (15, -23), (3, -36), (3, -72)], -23.0),  # both gates
        ([(6, -26), (6.1, -20), (6, -26)], -23.0),
    ],
)
def test_integrated_loudness(tmp_path: Path, parts: list[tuple[float, float]], lufs: float) -> None:
    wave = np.concatenate([_tones.sine(s, 1000, db) for s, db in parts])
    assert measured(tmp_path, wave).summary.integrated_lufs == pytest.approx(lufs, abs=0.1)


def test_the_original_layout_counts(tmp_path: Path) -> None:
    """Mono is 3 LU below the same in two channels (BS.1770), but its true peak is not 3 dB lower."""
    mono = measured(tmp_path, _tones.sine(4, 1000, -20, channels=1)).summary
    stereo = measured(tmp_path, _tones.sine(4, 1000, -20)).summary
    assert stereo.integrated_lufs - mono.integrated_lufs == pytest.approx(3.01, abs=0.02)
    assert stereo.true_peak_dbtp == pytest.approx(mono.true_peak_dbtp, abs=0.01)
    surround = [_tones.sine(4, 1000, db, channels=1) for db in (-28, -28, -24, -30, -30)]
    assert measured(tmp_path, np.concatenate(surround, axis=1), layout="5.0").summary.integrated_lufs == pytest.approx(-23, abs=0.1)


def test_loudness_range(tmp_path: Path) -> None:
    wave = np.concatenate([_tones.sine(8, 1000, -20), _tones.sine(8, 1000, -30)])
    assert measured(tmp_path, wave).summary.loudness_range_lu == pytest.approx(10, abs=1)


def test_true_peak_between_the_samples_and_in_the_last_piece(tmp_path: Path) -> None:
    wave = _tones.sine(1, 12_000, -6, phase_deg=45) * np.hanning(48_000)[:, None] ** 0.1  # a hard edge has peaks of its own
    summary = measured(tmp_path, wave).summary
    assert summary.sample_peak_dbfs == pytest.approx(-9.01, abs=0.02)
    assert summary.true_peak_dbtp == pytest.approx(-6, abs=0.05)
    late = np.zeros((48_000 + 2000, 2), np.float32)  # 2000 samples are less than the filter's step of 0.1 s
    late[-1000:] = _tones.sine(1, 500, -3)[:1000]
    assert measured(tmp_path, late).summary.true_peak_dbtp == pytest.approx(-3, abs=0.1)


def test_momentary_values_lie_at_the_middle_of_their_window(tmp_path: Path) -> None:
    wave = np.concatenate([_tones.sine(2, 1000, -60), _tones.sine(2, 1000, -20)])
    found = series(measured(tmp_path, wave), "momentary_lufs")
    half = next(t for t, v in zip(found.t_s, found.values, strict=True) if v is not None and v > -23.5)  # half of the window is loud: -3 LU
    assert half == pytest.approx(2.0, abs=0.06)
    assert found.t_s[0] == pytest.approx(0.2) and found.t_s[1] - found.t_s[0] == pytest.approx(0.1)


def test_a_reading_without_full_windows_is_dropped() -> None:
    readings = [_loudness.Reading(0.1 * (i + 1), -23.0, -120.7, -23.0, 0.0) for i in range(10)]
    found = _loudness.summarise(readings, 1.0)
    assert len(found.momentary) == 7 and found.short_term == () and found.integrated_lufs == -23.0 and found.range_lu is None


# Levels


def test_clipping_needs_three_in_a_row_and_crosses_blocks() -> None:
    wave = np.zeros((3000, 2), np.float32)
    wave[100:102, 0] = 1.0  # two: a peak that touches
    wave[500:503, 1] = -1.0
    wave[995:1005, 0] = 1.2  # lies across the border of two blocks
    wave[2999, 0] = 1.0
    meter = _levels.LevelMeter(1000)
    for start in range(0, 3000, 1000):
        meter.push(wave[start : start + 1000])
    meter.finish()
    assert [(c.start_s, c.end_s, c.runs, c.samples) for c in meter.clipping] == [(0.5, 0.503, 1, 3), (0.995, 1.005, 1, 10)]
    assert (meter.clipped_runs, meter.clipped_samples) == (2, 13)
    assert meter.sample_peak == pytest.approx(1.2)


def test_clipped_runs_closer_than_a_tenth_of_a_second_are_one_interval() -> None:
    wave = np.zeros((1000, 1), np.float32)
    wave[100:104] = wave[150:153] = wave[400:410] = 1.0
    meter = _levels.LevelMeter(1000)
    meter.push(wave)
    meter.finish()
    assert [(c.start_s, c.end_s, c.runs) for c in meter.clipping] == [(0.1, 0.153, 2), (0.4, 0.41, 1)]


@pytest.mark.parametrize("rate_hz", [48_000, 11_025, 8_001])
@pytest.mark.parametrize("size", [100_000, 701, 3])
def test_the_waveform_is_the_largest_sample_of_each_tenth_of_a_second(rate_hz: int, size: int) -> None:
    frames = round(0.36 * rate_hz)
    wave = np.random.default_rng(3).normal(0, 0.1, (frames, 2)).astype(np.float32)
    wave[: -(-rate_hz // 10)] = 0  # the first tenth: digital silence
    wave[round(0.25 * rate_hz), 1] = -1.1  # overshoots, in the other channel
    meter = _levels.LevelMeter(rate_hz)
    for start in range(0, frames, size):
        meter.push(wave[start : start + size])
    t_s, values = meter.peaks()
    assert t_s == pytest.approx([0.05, 0.15, 0.25, 0.33], abs=1e-4)
    edges = [-(-k * rate_hz // 10) for k in range(4)] + [frames]
    tops = [float(np.abs(wave[a:b]).max()) for a, b in itertools.pairwise(edges)]
    assert values[0] is None and values[1:] == pytest.approx([20 * math.log10(v) for v in tops[1:]])
    assert values[2] == pytest.approx(20 * math.log10(1.1), abs=1e-5)


def test_a_short_last_piece_of_the_waveform_joins_the_one_before() -> None:
    wave = np.full((1040, 1), 0.1, np.float32)
    wave[-1] = 0.5
    meter = _levels.LevelMeter(1000)
    meter.push(wave)
    t_s, values = meter.peaks()
    assert len(t_s) == len(values) == 10 and t_s[-1] == pytest.approx(0.95) and values[-1] == pytest.approx(-6.02, abs=0.01)
    assert _levels.LevelMeter(1000).peaks() == ([], [])


def test_the_peak_of_the_waveform_is_the_sample_peak(tmp_path: Path) -> None:
    wave = np.random.default_rng(4).normal(0, 0.1, 48_000 * 2)
    result = measured(tmp_path, wave)
    found = series(result, "peak_dbfs")
    assert found.unit == "dBFS" and len(found.values) == 20
    assert max(v for v in found.values if v is not None) == pytest.approx(result.summary.sample_peak_dbfs, abs=1e-6)


def test_silences(tmp_path: Path) -> None:
    wave = np.random.default_rng(0).normal(0, 0.1, 48_000 * 3)
    wave[48_000:72_000] = 0
    wave[100_000:105_000] = 0  # 0.1 s is none
    wave[-20_000:] *= 1e-3
    result = measured(tmp_path, wave)
    quiet = [s for s in result.segments if s.kind == "silence"]
    assert [(s.start_s, s.end_s) for s in quiet] == [
        (pytest.approx(1.0, abs=0.021), pytest.approx(1.5, abs=0.021)),
        (pytest.approx(2.583, abs=0.021), 3.0),
    ]
    assert quiet[0].level_dbfs is None and quiet[1].level_dbfs == pytest.approx(-80, abs=1)
    assert result.summary.silence_s == pytest.approx(0.917, abs=0.05)
    assert not analyse(make_track(tmp_path, wave, 48_000), AudioOptions(silence_dbfs=-110, silence_min_s=0.6)).summary.silence_s


# Rhythm


@pytest.mark.parametrize(("kind", "bpm"), [("click", 63.0), ("click", 171.3), ("rock", 97.7), ("house", 124.0), ("sixteenths", 88.0)])
def test_tempo_and_beats(tmp_path: Path, kind: str, bpm: float) -> None:
    rng = np.random.default_rng(5)
    track = _tones.click_track(rng, bpm, 9) if kind == "click" else _tones.drum_track(rng, bpm, 9, kind)
    result = measured(tmp_path, track.samples, _tones.RATE_HZ)
    assert result.summary.tempo_bpm == pytest.approx(bpm, rel=0.01)
    assert result.summary.pulse_clarity > 0.5 and result.summary.pulse_share > 0.9
    found = np.array(series(result, "beat_strength").t_s)
    errors = [np.abs(found - beat).min() for beat in track.beats_s[1:-2]]
    assert max(errors) < 0.03
    assert len(found) == result.summary.beats <= len(track.beats_s) + 1
    pulse = [s for s in result.segments if s.kind == "pulse"]
    assert len(pulse) == 1 and pulse[0].end_s <= 9


def test_music_between_noise_has_its_own_stretch(tmp_path: Path) -> None:
    rng = np.random.default_rng(6)
    drums = _tones.drum_track(rng, 110, 12, "pop").samples
    noise = rng.normal(0, 0.05, _tones.RATE_HZ * 8).astype(np.float32)
    result = measured(tmp_path, np.concatenate([noise, drums, noise]), _tones.RATE_HZ)
    stretch = [s for s in result.segments if s.kind == "pulse"]
    assert len(stretch) == 1 and stretch[0].start_s == pytest.approx(8, abs=4) and stretch[0].end_s == pytest.approx(20, abs=4)
    assert result.summary.tempo_bpm == pytest.approx(110, rel=0.01)
    assert all(stretch[0].start_s <= t <= stretch[0].end_s + 0.1 for t in series(result, "beat_strength").t_s)


@pytest.mark.parametrize(
    "make", [lambda rng, n: rng.normal(0, 0.1, n), lambda rng, n: 0.2 * np.sin(np.arange(n) * 0.05)], ids=["noise", "tone"]
)
def test_no_pulse_is_null(tmp_path: Path, make) -> None:
    result = measured(tmp_path, make(np.random.default_rng(7), 48_000 * 10))
    assert result.summary.tempo_bpm is None and "stable pulse" in result.summary.not_measured["tempo_bpm"]
    assert series(result, "beat_strength").t_s == [] and result.summary.pulse_share == 0


def test_irregular_clicks_have_onsets_but_no_tempo(tmp_path: Path) -> None:
    rng = np.random.default_rng(8)
    times = np.cumsum(rng.uniform(0.15, 1.2, 18))
    wave = rng.normal(0, 1e-3, 48_000 * 14)
    for at in times:
        wave[round(at * 48_000) :][:2000] += 0.5 * np.exp(-np.arange(2000) / 500) * np.sin(np.arange(2000) * 0.2)
    result = measured(tmp_path, wave)
    found = series(result, "onset_strength").t_s
    assert len(found) == len(times) and np.abs(np.array(found) - times).max() < 0.03
    assert result.summary.tempo_bpm is None


@pytest.mark.parametrize("seconds", [1.0, 2.13, 2.02])
def test_the_hard_end_of_the_sound_is_no_onset_and_no_time_lies_behind_it(tmp_path: Path, seconds: float) -> None:
    result = measured(tmp_path, _tones.sine(seconds, 440, -10))
    assert all(t < 0.1 for t in series(result, "onset_strength").t_s)
    assert all(0 <= t <= seconds for s in result.series for t in s.t_s)


def test_onsets_keep_a_tenth_of_a_second_apart() -> None:
    strength = np.zeros(100)
    strength[[20, 26, 40, 50]] = [0.5, 0.9, 0.5, 0.6]  # 20 and 26 are too close: the stronger stays
    found = _rhythm.find_onsets(strength, 0.01)
    assert np.allclose(found.t_s, np.array([0.26, 0.40, 0.50]) + _rhythm.ADVANCE_S)


def test_main_tempo_is_the_one_that_holds_longest() -> None:
    pulses = [_rhythm.Pulse(0, 8, 120, 0.9), _rhythm.Pulse(8, 30, 90, 0.5), _rhythm.Pulse(40, 48, 91, 0.4)]
    tempo, clarity = _rhythm.main_tempo(pulses)
    assert tempo == pytest.approx((90 * 22 + 91 * 8) / 30) and clarity == pytest.approx((0.5 * 22 + 0.4 * 8) / 30)
    assert _rhythm.main_tempo([]) is None


# Key and spectrum


@pytest.mark.parametrize(
    ("tonic", "mode", "key"), [(0, "major", "C major"), (9, "minor", "A minor"), (6, "major", "F# major"), (1, "minor", "C# minor")]
)
def test_key_of_a_cadence(tmp_path: Path, tonic: int, mode: str, key: str) -> None:
    wave = _tones.cadence(np.random.default_rng(tonic), tonic, mode, detune_cents=20)
    summary = measured(tmp_path, wave, _tones.RATE_HZ).summary
    assert summary.key == key and summary.key_margin > 0.03 and summary.tuning_cents == pytest.approx(20, abs=5)


@pytest.mark.parametrize(
    ("bins", "frames", "reason"),
    [
        (np.ones(120), 5, "less than 2 s"),
        (np.zeros(120), 50, "less than 2 s"),
        (np.ones(120), 50, "notes of a scale"),
        (np.eye(120)[90], 50, "only 1 different"),
        (np.tile(np.eye(10)[0], 12), 50, "no key fits"),
    ],
)
def test_key_is_null_with_the_reason(bins: np.ndarray, frames: int, reason: str) -> None:
    found = _key.estimate_key(bins, frames)
    assert found.key is None and reason in found.reason


@pytest.mark.parametrize(
    ("hz", "band"), [(40, "sub"), (150, "bass"), (400, "low_mid"), (1000, "mid"), (3000, "high_mid"), (5000, "presence"), (9000, "air")]
)
def test_a_tone_lies_in_its_band_and_is_its_own_centroid(tmp_path: Path, hz: float, band: str) -> None:
    result = measured(tmp_path, _tones.sine(2, hz, -20))
    level = series(result, f"band_{band}_dbfs")
    assert level.values[3] == pytest.approx(-23.01, abs=0.3)  # RMS of a sine of peak -20 dBFS
    assert max(series(result, f"band_{n}_dbfs").values[3] or -200 for n, _, _ in _spectrum.BANDS_HZ if n != band) < -35
    assert series(result, "spectral_centroid_hz").values[3] == pytest.approx(hz, rel=0.1)
    assert series(result, "spectral_flatness").values[3] < 0.01
    assert level.t_s[:3] == pytest.approx([0.125, 0.375, 0.625])


def test_white_noise_is_flat_and_wide() -> None:
    power = np.random.default_rng(0).chisquare(50, (3, 1025))
    frequencies = np.linspace(0, 24_000, 1025)
    centroid, rolloff, bandwidth, flatness = _spectrum.spectral_features(power, frequencies)
    assert np.allclose(centroid, 12_000, rtol=0.02) and np.allclose(rolloff, 0.85 * 24_000, rtol=0.02)
    assert np.allclose(bandwidth, 24_000 / np.sqrt(12), rtol=0.02) and (flatness > 0.9).all()


def test_blocks_do_not_change_the_result() -> None:
    wave = np.random.default_rng(1).normal(0, 0.1, 100_000).astype(np.float32)
    outputs = []
    for size in (100_000, 7_001):
        scan = _spectrum.SpectrumScan(44_100)
        for start in range(0, len(wave), size):
            scan.push(wave[start : start + size])
        outputs.append((*scan.finish(), scan.pitches.bins))
    (onset_a, rows_a, bins_a), (onset_b, rows_b, bins_b) = outputs
    assert np.allclose(onset_a, onset_b, atol=1e-5) and np.allclose(bins_a, bins_b)
    assert np.allclose(rows_a.centroid_hz, rows_b.centroid_hz, rtol=1e-4)


def test_series_keep_the_documented_rates(tmp_path: Path) -> None:
    track = _tones.drum_track(np.random.default_rng(2), 175, 10, "sixteenths")
    result = measured(tmp_path, track.samples, _tones.RATE_HZ)
    for item in result.series:
        assert len(item.t_s) == len(item.values) <= 10 * 10 + 1, item.name
        assert item.t_s == sorted(item.t_s)
    starts = [s.start_s for s in result.segments]
    assert starts == sorted(starts)


@pytest.mark.real
def test_reel_a(media: Path, tmp_path: Path) -> None:
    from bench.accuracy.drive import run_analyzer

    summary = run_analyzer("audio_analysis", media / "reel-a-1080x1920.mp4").summary
    assert summary.integrated_lufs == pytest.approx(-10.8, abs=0.1)  # ffmpeg 5.1's ebur128
    assert summary.true_peak_dbtp == pytest.approx(-0.3, abs=0.2)


def test_the_track_is_what_the_decoder_would_give(tmp_path: Path) -> None:
    track = make_track(tmp_path, np.zeros((44_100, 2)), 44_100)
    assert isinstance(track, AudioTrack) and track.samples[:].shape == (44_100, 2) and track.mono16k[:].shape == (16_000,)
    assert AudioAnalysis.spec.backends[0].audio.form == "original"
