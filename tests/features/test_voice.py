"""The feature voice: phrases from probabilities by table, the model itself on real speech and on sounds that are none."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from bench.accuracy import _speech

from reelscope.errors import ModelError
from reelscope.features import voice
from reelscope.features.base import Inputs, LoadContext, NoOptions
from reelscope.features.voice import VoiceActivity, phrases
from reelscope.models.manager import ModelManager
from tests.audio_tools import make_track

HOP = 0.032


@pytest.fixture(scope="module")
def feature() -> VoiceActivity:
    made = VoiceActivity()
    made.load(LoadContext("cpu", NoOptions(), ()))
    return made


def inputs(folder: Path, samples: np.ndarray | None) -> Inputs:
    return Inputs(clip=None, audio=None if samples is None else make_track(folder, samples, 16_000))  # type: ignore[arg-type]


@pytest.mark.parametrize("samples", [None, np.zeros(0, np.float32)], ids=["no sound", "no samples"])
def test_nothing_to_hear(feature: VoiceActivity, tmp_path: Path, samples: np.ndarray | None) -> None:
    found = feature.finish(inputs(tmp_path, samples))
    assert found.segments == () and len(found.probability) == 0 and found.mean_probability(0, 1) is None


@pytest.mark.parametrize("count", [1, 511, 512, 513, 40_000])
def test_any_length_gives_one_probability_per_chunk(feature: VoiceActivity, tmp_path: Path, count: int) -> None:
    found = feature.finish(inputs(tmp_path, np.zeros(count, np.float32)))
    assert found.probability.shape == (-(-count // 512),) and found.segments == ()
    assert (found.probability < 0.5).all()


def test_samples_that_are_no_numbers_do_not_poison_the_rest(feature: VoiceActivity, tmp_path: Path) -> None:
    samples = np.zeros(16_000, np.float32)
    samples[100] = np.nan
    samples[200] = np.inf
    assert np.isfinite(feature.finish(inputs(tmp_path, samples)).probability).all()


def test_close_is_legal_at_any_time() -> None:
    made = VoiceActivity()
    made.close()
    made.close()


def test_a_package_without_the_model_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("reelscope.models.embedded.find", lambda name: None)
    with pytest.raises(ModelError, match="silero"):
        VoiceActivity().load(LoadContext("cpu", NoOptions(), ()))


def frames(*runs: tuple[int, float]) -> list[float]:
    return [p for count, p in runs for _ in range(count)]


@pytest.mark.parametrize(
    ("probability", "expected"),
    [
        ([], []),
        (frames((50, 0.1)), []),
        (frames((50, 0.59)), []),  # never reaches the threshold
        (frames((50, 0.9)), [(0, 50)]),  # to the end of the sound
        (frames((10, 0.0), (20, 0.9), (20, 0.0)), [(9, 31)]),  # a frame more at both ends
        (frames((10, 0.0), (20, 0.9), (9, 0.0), (20, 0.9), (10, 0.0)), [(9, 60)]),  # 0.288 s is no pause
        (frames((10, 0.0), (20, 0.9), (10, 0.0), (20, 0.9), (10, 0.0)), [(9, 31), (39, 61)]),  # 0.32 s is one
        (frames((10, 0.0), (20, 0.9), (10, 0.5), (20, 0.9), (10, 0.0)), [(9, 61)]),  # never fell below the release
        (frames((10, 0.0), (20, 0.9), (5, 0.0), (5, 0.5), (20, 0.9), (10, 0.0)), [(9, 31), (39, 61)]),  # 0.5 does not bring it back
        (frames((10, 0.0), (6, 0.9), (20, 0.0)), []),  # 0.19 s is too short
        (frames((10, 0.0), (7, 0.9), (20, 0.0)), [(9, 18)]),
    ],
)
def test_phrases(probability: list[float], expected: list[tuple[int, int]]) -> None:
    end = len(probability) * HOP
    found = phrases(probability, HOP, duration_s=end)
    assert found == [(pytest.approx(a * HOP), pytest.approx(min(b * HOP, end))) for a, b in expected]


def test_the_last_phrase_ends_with_the_sound() -> None:
    assert phrases(frames((20, 0.9)), HOP, duration_s=0.63) == [(0.0, 0.63)]  # the last chunk is filled up with zeros


def test_mean_probability_reads_the_frames_inside() -> None:
    found = voice.Voice(0.016, HOP, np.array([0.0, 1.0, 0.5, 0.0], np.float32), ())
    assert found.mean_probability(0.032, 0.096) == pytest.approx(0.75)
    assert found.mean_probability(5, 6) is None


def test_blocks_do_not_change_the_probabilities(feature: VoiceActivity, monkeypatch: pytest.MonkeyPatch) -> None:
    samples = np.random.default_rng(0).normal(0, 0.1, 50_000).astype(np.float32)
    whole = feature.probabilities(samples)
    monkeypatch.setattr(voice, "BLOCK_CHUNKS", 7)
    assert np.array_equal(feature.probabilities(samples), whole)


def test_samples_stay_as_they_were(feature: VoiceActivity) -> None:
    samples = np.random.default_rng(0).normal(0, 0.1, 5000).astype(np.float32)
    samples.flags.writeable = False  # what a read-only memory map is
    feature.probabilities(samples)


@pytest.mark.parametrize("kind", ["noise", "tone", "clicks"])
def test_sounds_that_are_no_speech(feature: VoiceActivity, tmp_path: Path, kind: str) -> None:
    t = np.arange(16_000 * 4) / 16_000
    rng = np.random.default_rng(0)
    samples = {
        "noise": rng.normal(0, 0.1, len(t)),
        "tone": 0.3 * np.sin(2 * np.pi * 220 * t),
        "clicks": np.where(np.arange(len(t)) % 8000 < 40, 0.8, 0.0),
    }
    assert feature.finish(inputs(tmp_path, samples[kind])).segments == ()


@pytest.mark.real
def test_real_speech_splits_at_its_pauses(feature: VoiceActivity, tmp_path: Path, media: Path) -> None:
    samples = _speech.read_mono16k(media / "speech-en-jfk.flac")[: round(10.6 * 16_000)]
    found = feature.finish(inputs(tmp_path, samples))
    truth = _speech.dry_phrases(samples)
    assert len(found.segments) == len(truth) == 4
    assert np.abs(np.array(found.segments) - np.array(truth)).max() < 0.25
    assert all(found.mean_probability(*p) > 0.4 for p in found.segments)


def test_closing_a_member_leaves_the_session_to_others() -> None:
    with ModelManager() as models:
        first, second = VoiceActivity(), VoiceActivity()
        for member in (first, second):
            member.load(LoadContext("cpu", NoOptions(), (), models=models))
            member.probabilities(np.zeros(512, np.float32))
        first.close()
        assert second.probabilities(np.zeros(512, np.float32)).shape == (1,)
        assert models.stats().misses == 1
