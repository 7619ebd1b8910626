"""With the real classes of transformers: a converted checkpoint end to end, and filter banks against the library's Kaldi form."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from reelscope.analyzers.speech_transcription._fbank import fbank
from reelscope.analyzers.speech_transcription._whisper import Ears
from reelscope.config import Settings
from reelscope.models.importing import import_as
from reelscope.models.manifest import manifest
from reelscope.models.sessions import SessionRequest, open_session
from reelscope.models.store import ModelStore
from reelscope.pipeline import Session
from tests.whisper_store import PROMPT, SPECIAL, TEXT, ids_of, vocabulary, write_tokenizer

pytestmark = pytest.mark.torch
torch = pytest.importorskip("torch", reason="needs torch: make test-full")
transformers = pytest.importorskip("transformers", reason="needs transformers: make test-full")

BASE = manifest()["whisper-base"]
SURETY = 1.5  # scale of the output weights: probabilities of about a half


@pytest.fixture(scope="module")
def model() -> object:
    """A tiny WhisperForConditionalGeneration with random weights whose decoder leans towards a text, as in tests/whisper_store."""
    tokens = vocabulary()
    end = tokens.index("<|endoftext|>")
    config = transformers.WhisperConfig(
        vocab_size=len(tokens),
        d_model=32,
        encoder_layers=2,
        decoder_layers=2,
        encoder_attention_heads=2,
        decoder_attention_heads=2,
        encoder_ffn_dim=64,
        decoder_ffn_dim=64,
        num_mel_bins=80,
        bos_token_id=end,
        eos_token_id=end,
        pad_token_id=end,
        decoder_start_token_id=tokens.index("<|startoftranscript|>"),
        suppress_tokens=None,
        begin_suppress_tokens=None,
    )
    torch.manual_seed(0)
    made = transformers.WhisperForConditionalGeneration(config).eval()
    words, places = made.model.decoder.embed_tokens.weight, made.model.decoder.embed_positions.weight
    with torch.no_grad():
        words.copy_(SURETY * torch.nn.functional.normalize(torch.randn(words.shape), dim=1))
        for position, token in enumerate([*ids_of(TEXT), end], PROMPT - 1):
            places[position] += 40 * words[token] / SURETY
    return made


@pytest.fixture(scope="module")
def folder(model: object, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same as CTranslate2's own converter makes it."""
    from ctranslate2.converters import TransformersConverter

    given = tmp_path_factory.mktemp("given")
    model.save_pretrained(given)  # type: ignore[attr-defined]
    write_tokenizer(given)
    plain = {"tokenizer_class": "PreTrainedTokenizerFast", "eos_token": SPECIAL[0], "unk_token": SPECIAL[0]}
    (given / "tokenizer_config.json").write_text(json.dumps(plain))
    (given / "preprocessor_config.json").write_text(json.dumps({"feature_size": 80, "sampling_rate": 16000}))
    made = given / "made"
    TransformersConverter(str(given), copy_files=["tokenizer.json", "preprocessor_config.json"]).convert(str(made), quantization="float16")
    config = json.loads((made / "config.json").read_text())
    config["lang_ids"] = [i for i, t in enumerate(vocabulary()) if t in ("<|en|>", "<|de|>")]
    (made / "config.json").write_text(json.dumps(config))
    return made


def test_a_converted_checkpoint_encodes_as_the_original(model: object, folder: Path, tmp_path: Path) -> None:
    store = ModelStore(tmp_path)
    import_as(store, BASE, folder)
    session = open_session(SessionRequest(store.source(BASE, BASE), precision="fp32"))
    spectra = np.random.default_rng(0).normal(0, 0.5, (2, 80, 3000)).astype(np.float32)
    ours = np.array(session.model.encode(spectra))
    with torch.inference_mode():
        theirs = model.model.encoder(torch.from_numpy(spectra)).last_hidden_state.numpy()  # type: ignore[attr-defined]
    np.testing.assert_allclose(ours, theirs, atol=5e-3)  # weights stored as fp16


def test_scores_are_those_of_the_original(model: object, folder: Path, tmp_path: Path) -> None:
    """The mean log-probability that guards judge by is that of the text's tokens and the end, as the original gives them."""
    store = ModelStore(tmp_path)
    import_as(store, BASE, folder)
    session = open_session(SessionRequest(store.source(BASE, BASE), precision="fp32"))
    ears = Ears(lambda: session.model)
    sound = np.random.default_rng(1).normal(0, 0.1, 16_000 * 5).astype(np.float32)
    encoding = ears.encode([sound])
    (written,) = ears.write(encoding, ["en"], None)
    tokens = vocabulary()
    start = [tokens.index(t) for t in ("<|startoftranscript|>", "<|en|>", "<|transcribe|>", "<|notimestamps|>")]
    ids = [*start, *written.tokens, tokens.index("<|endoftext|>")]
    hidden = torch.from_numpy(np.array(encoding))
    with torch.inference_mode():
        known = transformers.modeling_outputs.BaseModelOutput(last_hidden_state=hidden)
        logits = model(encoder_outputs=known, decoder_input_ids=torch.tensor([ids[:-1]])).logits[0]  # type: ignore[operator]
    scores = logits.log_softmax(dim=-1)[torch.arange(len(ids) - 1), torch.tensor(ids[1:])][len(start) - 1 :]
    assert written.text.strip() == TEXT and -1 < float(scores.mean()) < -0.3
    assert written.avg_logprob == pytest.approx(float(scores.mean()), abs=0.1)  # suppressed tokens leave a little more to the others
    assert all(w.end_s <= 30 for w in ears.place(encoding, [written], ["en"], [len(sound)])[0])


def test_a_clip_through_a_converted_checkpoint(folder: Path, tmp_path: Path, media: Path) -> None:
    import_as(ModelStore(tmp_path), BASE, folder)
    with Session(Settings.model_validate({"models": {"dir": str(tmp_path)}})) as session:
        document = session.analyze(media / "speech-en-harvard-dog.wav", only=["speech_transcription"]).document
    entry = document.analyzers["speech_transcription"]
    assert entry.status == "ok", entry.reason
    (chunk,) = entry.summary.chunks
    assert chunk.dropped is None and entry.summary.words + entry.summary.dropped["outside_voice"] == len(TEXT.split())
    assert entry.summary.words and entry.summary.language in ("en", "de")


def test_filter_banks_are_those_of_kaldi_as_the_library_makes_them() -> None:
    from transformers.audio_utils import mel_filter_bank, spectrogram

    sound = np.random.default_rng(0).normal(0, 0.1, 16_000).astype(np.float32)
    filters = mel_filter_bank(257, 80, 20, 8000, 16_000, norm=None, mel_scale="kaldi", triangularize_in_mel_space=True)
    theirs = spectrogram(
        sound * 32768.0,
        np.hamming(400),
        frame_length=400,
        hop_length=160,
        fft_length=512,
        power=2.0,
        center=False,
        preemphasis=0.97,
        mel_filters=filters,
        log_mel="log",
        mel_floor=float(np.finfo(np.float32).eps),
        remove_dc_offset=True,
    ).T
    np.testing.assert_allclose(fbank(sound), theirs - theirs.mean(axis=0), atol=2e-3)
