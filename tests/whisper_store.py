"""A tiny Whisper of the real architecture with random weights, as a CTranslate2 folder, and a model store that holds it. No torch needed.

Its decoder's position table is random too, but leans towards the tokens of a text: so a checkpoint "hears" that text in whatever it is
given, surely or not, which is what guards are tested against.
"""

from __future__ import annotations

import itertools
import json
import re
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from reelscope.analyzers.speech_transcription._languages import LANGUAGES
from reelscope.models.manifest import FilePin, Pin, manifest
from reelscope.models.sources import file_sha256
from reelscope.models.store import ModelStore, Record

SPECIAL = (
    "<|endoftext|>",
    "<|startoftranscript|>",
    *(f"<|{code}|>" for code in LANGUAGES if code != "yue"),
    "<|translate|>",
    "<|transcribe|>",
    "<|startoflm|>",
    "<|startofprev|>",
    "<|nospeech|>",
    "<|notimestamps|>",
)
TIMES = tuple(f"<|{i * 0.02:.2f}|>" for i in range(1501))
WORDS = ("and", "so", "my", "fellow", "ask", "not", "what", "your", "country", "can", "do", "for", "you", "pour", "slowly")
PROMPT = 4  # start, language, task, no timestamps: the first word stands at this position
MELS, WIDTH, LAYERS, HEADS = 80, 64, 2, 2
TEXT = "and so my fellow. ask not what your country can do for you."


@cache
def vocabulary() -> list[str]:
    """Tokens by id: a byte each, whole words, and Whisper's own."""
    from tokenizers.pre_tokenizers import ByteLevel

    words = [f"\u0120{w}" for w in WORDS]
    return [*sorted(ByteLevel.alphabet()), *words, "", *SPECIAL, *TIMES]  # by the empty token CTranslate2 knows a multilingual model


def write_tokenizer(folder: Path) -> None:
    """tokenizer.json: byte-level, with Whisper's special tokens after the words."""
    from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers

    tokens = vocabulary()
    plain = tokens[: tokens.index(SPECIAL[0])]
    made = Tokenizer(models.BPE(vocab={t: i for i, t in enumerate(plain)}, merges=[]))
    made.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    made.decoder = decoders.ByteLevel()
    made.add_special_tokens([AddedToken(t, special=True, normalized=False) for t in SPECIAL])
    made.add_tokens([AddedToken(t, normalized=False) for t in TIMES])
    assert all(made.token_to_id(t) == i for i, t in enumerate(tokens))
    made.save(str(folder / "tokenizer.json"))


def ids_of(text: str) -> list[int]:
    """Token ids of a text of the known words, with punctuation."""
    tokens = vocabulary()
    return [tokens.index(w if w in ".,?" else f"\u0120{w}") for w in re.findall(r"[a-z]+|[.,?]", text)]


def write_whisper(folder: Path, *, text: str = TEXT, language: str = "en", surety: float = 3.0, seed: int = 0) -> Path:
    """A folder with a model that hears `text`.

    Args:
        surety: Scale of the output weights: at 3 the tokens have probabilities near 1, at 0.2 near those of chance.
    """
    from ctranslate2.specs import whisper_spec

    folder.mkdir(parents=True, exist_ok=True)
    tokens, rng = vocabulary(), np.random.default_rng(seed)

    def noise(*shape: int, scale: float = 0.1) -> Any:
        return rng.normal(0, scale, shape).astype(np.float32)

    def linear(spec: Any, out: int, inputs: int) -> None:
        spec.weight, spec.bias = noise(out, inputs), np.zeros(out, np.float32)

    def norm(spec: Any) -> None:
        spec.gamma, spec.beta = np.ones(WIDTH, np.float32), np.zeros(WIDTH, np.float32)

    def attention(spec: Any, *, cross: bool) -> None:
        norm(spec.layer_norm)
        for part, rows in zip(spec.linear, (WIDTH, 2 * WIDTH, WIDTH) if cross else (3 * WIDTH, WIDTH), strict=True):
            linear(part, rows, WIDTH)

    def feed_forward(spec: Any) -> None:
        norm(spec.layer_norm)
        linear(spec.linear_0, 2 * WIDTH, WIDTH)
        linear(spec.linear_1, WIDTH, 2 * WIDTH)

    spec = whisper_spec.WhisperSpec(LAYERS, HEADS, LAYERS, HEADS)
    encoder, decoder = spec.encoder, spec.decoder
    encoder.conv1.weight, encoder.conv1.bias = noise(WIDTH, MELS, 3), np.zeros(WIDTH, np.float32)
    encoder.conv2.weight, encoder.conv2.bias = noise(WIDTH, WIDTH, 3), np.zeros(WIDTH, np.float32)
    encoder.position_encodings.encodings = noise(1500, WIDTH, scale=1.0)
    norm(encoder.layer_norm)
    for layer in encoder.layer:
        attention(layer.self_attention, cross=False)
        feed_forward(layer.ffn)
    out = noise(len(tokens), WIDTH, scale=1.0)
    out *= surety / np.linalg.norm(out, axis=1, keepdims=True)
    leaning = noise(448, WIDTH, scale=1.0)
    wanted = [tokens.index(f"<|{language}|>"), *[0] * (PROMPT - 2), *ids_of(text), tokens.index("<|endoftext|>")]
    for position, token in enumerate(wanted):
        if token or position == 0:
            leaning[position] += 40 * out[token] / surety
    decoder.embeddings.weight, decoder.position_encodings.encodings = noise(len(tokens), WIDTH), leaning
    decoder.scale_embeddings = False
    decoder.projection.weight = out
    norm(decoder.layer_norm)
    for layer in decoder.layer:
        attention(layer.self_attention, cross=False)
        attention(layer.attention, cross=True)
        feed_forward(layer.ffn)
    spec.register_vocabulary(tokens)
    spec.config.suppress_ids, spec.config.suppress_ids_begin = [], [tokens.index("\u0120"), tokens.index("<|endoftext|>")]
    spec.config.alignment_heads = list(itertools.product(range(LAYERS // 2, LAYERS), range(HEADS)))
    spec.config.lang_ids = [tokens.index(f"<|{code}|>") for code in LANGUAGES if code != "yue"]
    spec.validate()
    spec.optimize(quantization="float16")
    spec.save(str(folder))
    write_tokenizer(folder)
    (folder / "preprocessor_config.json").write_text(json.dumps({"feature_size": MELS, "sampling_rate": 16000}))
    return folder


def put(root: Path, name: str = "whisper-base", **how: Any) -> ModelStore:
    """A store that holds the tiny model under a name of the manifest, as a pull would leave it."""
    store, entry = ModelStore(root), manifest()[name]
    folder = write_whisper(store.folder(entry), **how)
    files = tuple(FilePin(p.name, Pin(file_sha256(p), p.stat().st_size)) for p in sorted(folder.iterdir()))
    store.note(entry, Record("0" * 40, False, files, "made by a test"))
    return store
