"""The networks of speech_emotion with tiny random checkpoints of the real classes, in a store as a pull would leave it."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from reelscope.analyzers.speech_emotion import _model as emotion
from reelscope.config import Settings
from reelscope.errors import ModelError
from reelscope.models.wav2vec2_dimensions import model_class
from reelscope.pipeline import Session
from tests.clips import RATE_HZ, moving_frames, write_clip

pytestmark = pytest.mark.torch
torch = pytest.importorskip("torch", reason="needs torch: make test-full")
transformers = pytest.importorskip("transformers", reason="needs transformers: make test-full")

RATE = 16_000
TINY = {
    "hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 24, "conv_dim": (8, 8, 8),
    "conv_kernel": (10, 8, 4), "conv_stride": (5, 8, 8), "num_feat_extract_layers": 3, "num_conv_pos_embeddings": 16,
    "num_conv_pos_embedding_groups": 2, "vocab_size": 8, "mask_time_prob": 0.05,
}  # fmt: skip
CLASSES = {0: "neu", 1: "hap", 2: "ang", 3: "sad"}
DIMENSIONS = {0: "arousal", 1: "dominance", 2: "valence"}


def tiny(labels: dict[int, str], seed: int = 0) -> Any:
    """As the real one: SUPERB's weighs all layers, the other normalises by layer and has its own head."""
    torch.manual_seed(seed)
    if labels is DIMENSIONS:
        own = {"feat_extract_norm": "layer", "do_stable_layer_norm": True, "conv_bias": True}
        return model_class()(transformers.Wav2Vec2Config(**TINY, **own, id2label=labels, label2id={n: i for i, n in labels.items()})).eval()
    own = {"use_weighted_layer_sum": True, "classifier_proj_size": 8}
    config = transformers.Wav2Vec2Config(**TINY, **own, id2label=labels, label2id={n: i for i, n in labels.items()})
    return transformers.Wav2Vec2ForSequenceClassification(config).eval()


def put(store: Path, name: str, model: Any, *, accepted: bool = False, **prepares: Any) -> Path:
    folder = store / name
    folder.mkdir(parents=True)
    model.save_pretrained(folder)
    (folder / "preprocessor_config.json").write_text(json.dumps({"do_normalize": True, "sampling_rate": RATE} | prepares))
    files = {p.name: {"sha256": hashlib.sha256(p.read_bytes()).hexdigest(), "bytes": p.stat().st_size} for p in sorted(folder.iterdir())}
    (folder / "record.json").write_text(json.dumps({"revision": "0" * 40, "accepted": accepted, "files": files}))
    return folder


def session_of(model: Any, folder: Path) -> SimpleNamespace:
    return SimpleNamespace(model=model, device="cpu", folder=folder)


def one_by_one(items: Any, call: Any) -> list[Any]:
    return [call([item])[0] for item in items]


def sound(seconds: float, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(0, 0.1, round(seconds * RATE)).astype(np.float32)


# What does not fit


def test_another_rate_is_refused(tmp_path: Path) -> None:
    folder = put(tmp_path, "wav2vec2-emotion", tiny(CLASSES), sampling_rate=8000)
    with pytest.raises(ModelError, match="8000 Hz"):
        emotion.hear(lambda: session_of(tiny(CLASSES), folder), sound(1), [(0, 1)], one_by_one)


def test_outputs_without_names_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="what its outputs stand for"):
        emotion.hear(lambda: session_of(tiny({0: "LABEL_0", 1: "LABEL_1"}), tmp_path), sound(1), [(0, 1)], one_by_one)


def test_a_head_that_the_files_lack_is_not_made_up(tmp_path: Path) -> None:
    """Checkpoints with a head of another shape load with random weights and a printed line otherwise."""
    from reelscope.models.sessions.base import SessionRequest
    from reelscope.models.sessions.transformers import open_session
    from reelscope.models.sources import ModelSource, Part, file_sha256

    tiny(CLASSES).save_pretrained(tmp_path)
    parts = tuple(Part(f, file_sha256(f), f.stat().st_size) for f in sorted(tmp_path.iterdir()))
    loads = "reelscope.models.wav2vec2_dimensions:model_class"
    with pytest.raises(ModelError, match="not in its files, such as classifier"):
        open_session(SessionRequest(ModelSource("odd", runtime="transformers", path=tmp_path, parts=parts, loads=loads)))


# Answers


def test_probabilities_are_the_models_own(tmp_path: Path) -> None:
    """Against the library's own feature extractor and forward pass."""
    model, samples = tiny(CLASSES), sound(2)
    (heard,) = emotion.hear(lambda: session_of(model, tmp_path), samples, [(0.5, 1.5)], one_by_one)
    extractor = transformers.Wav2Vec2FeatureExtractor(do_normalize=True)
    given = extractor(samples[RATE // 2 : RATE * 3 // 2], sampling_rate=RATE, return_tensors="pt")
    with torch.inference_mode():
        theirs = model(given.input_values).logits.softmax(1)[0].numpy()
    assert list(heard.probabilities) == ["neutral", "happy", "angry", "sad"] and not heard.dimensions
    np.testing.assert_allclose(list(heard.probabilities.values()), theirs, atol=1e-5)
    assert sum(heard.probabilities.values()) == pytest.approx(1)


def test_dimensions_are_the_mean_of_the_last_layer_through_the_head(tmp_path: Path) -> None:
    model, samples = tiny(DIMENSIONS), sound(1)
    (heard,) = emotion.hear(lambda: session_of(model, tmp_path), samples, [(0, 1)], one_by_one)
    with torch.inference_mode():
        layers = model.wav2vec2(torch.from_numpy(emotion.normalised(samples))[None]).last_hidden_state.mean(1)
        head = model.classifier
        raw = (torch.tanh(layers @ head.dense.weight.T + head.dense.bias) @ head.out_proj.weight.T + head.out_proj.bias)[0].tolist()
    assert not heard.probabilities
    for name, value in zip(DIMENSIONS.values(), raw, strict=True):
        assert heard.dimensions[name] == pytest.approx(np.clip(2 * value - 1, -1, 1), abs=1e-5)


def test_a_long_utterance_is_the_mean_of_its_pieces_by_length(tmp_path: Path) -> None:
    model, samples = tiny(CLASSES), sound(20)
    whole, first, second = emotion.hear(lambda: session_of(model, tmp_path), samples, [(0, 20), (0, 10), (10, 20)], one_by_one)
    for name, value in whole.probabilities.items():
        assert value == pytest.approx((first.probabilities[name] + second.probabilities[name]) / 2, abs=1e-6)


@pytest.mark.parametrize(("told", "deviation"), [({"do_normalize": True}, 1.0), ({"do_normalize": False}, 0.1)])
def test_the_sound_is_prepared_as_the_checkpoint_says(tmp_path: Path, told: dict[str, bool], deviation: float) -> None:
    seen = []

    def model(given: Any) -> Any:
        seen.append(given.numpy())
        return SimpleNamespace(logits=torch.zeros(1, 4))

    model.config = SimpleNamespace(id2label=CLASSES)  # type: ignore[attr-defined]
    (tmp_path / "preprocessor_config.json").write_text(json.dumps(told))
    emotion.hear(lambda: session_of(model, tmp_path), sound(1), [(0, 1)], one_by_one)
    assert seen[0].shape == (1, RATE) and seen[0].std() == pytest.approx(deviation, rel=0.05)


# Through the engine, from a store


@pytest.fixture
def spoken(media: Path, tmp_path: Path) -> Path:
    """Eleven seconds of a voice under a picture of some frames."""
    import soxr
    from bench.accuracy._speech import read_mono16k

    voice = soxr.resample(read_mono16k(media / "speech-en-jfk.flac"), RATE, RATE_HZ)
    return write_clip(tmp_path / "voice.mp4", moving_frames(330), sound=voice[:, None])


@pytest.mark.real
@pytest.mark.parametrize(
    ("backend", "model", "labels", "accepted"),
    [("wav2vec2", "wav2vec2-emotion", CLASSES, False), ("wav2vec2_dimensions", "wav2vec2-emotion-dimensions", DIMENSIONS, True)],
)
def test_a_clip_from_a_store(spoken: Path, tmp_path: Path, backend: str, model: str, labels: dict[int, str], accepted: bool) -> None:
    put(tmp_path / "store", model, tiny(labels), accepted=accepted)
    settings = {"models": {"dir": str(tmp_path / "store")}, "analysis": {"backends": {"speech_emotion": backend}}}
    with Session(Settings.model_validate(settings)) as session:
        entry = session.analyze(spoken, only=["speech_emotion"]).document.analyzers["speech_emotion"]
    assert (entry.status, entry.backend, entry.tier, entry.device) == ("ok", backend, "full", "cpu"), entry.reason
    assert model in [m.id for m in entry.models] and entry.segments
    answered = [s for s in entry.segments if "short" not in s.not_measured.get("pitch_level", "")]
    assert answered
    for segment in answered:
        if labels is CLASSES:
            assert segment.category in ("neutral", "happy", "angry", "sad") and segment.confidence == max(segment.probabilities.values())
            assert segment.valence is None and sum(segment.probabilities.values()) == pytest.approx(1)
        else:
            assert segment.arousal_from == "model" and -1 <= segment.valence <= 1 and segment.category is None


@pytest.mark.real
def test_a_licence_that_nobody_accepted(spoken: Path, tmp_path: Path) -> None:
    put(tmp_path / "store", "wav2vec2-emotion-dimensions", tiny(DIMENSIONS))
    settings = {"models": {"dir": str(tmp_path / "store")}, "analysis": {"backends": {"speech_emotion": "wav2vec2_dimensions"}}}
    with Session(Settings.model_validate(settings)) as session:
        entry = session.analyze(spoken, only=["speech_emotion"]).document.analyzers["speech_emotion"]
    assert entry.status == "unavailable" and "licence" in entry.reason and "--accept-licence" in entry.hint
