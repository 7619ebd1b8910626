"""Tiny checkpoints of the real Qwen-VL classes with random weights, in a model store of their own. Needs torch and transformers."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

SPECIAL = (
    "<|endoftext|>", "<|im_start|>", "<|im_end|>", "<|vision_start|>", "<|vision_end|>", "<|vision_pad|>", "<|image_pad|>", "<|video_pad|>",
)  # fmt: skip
BYTES = 256
IDS = {token: BYTES + i for i, token in enumerate(SPECIAL)}
VOCAB = BYTES + len(SPECIAL)


def write_tokenizer(folder: Path) -> None:
    """A byte-level tokenizer (a token a byte) with the real special tokens."""
    from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers

    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    words = Tokenizer(models.BPE(vocab={c: i for i, c in enumerate(alphabet)}, merges=[]))
    words.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    words.decoder = decoders.ByteLevel()
    words.add_special_tokens([AddedToken(t, special=True, normalized=False) for t in SPECIAL])
    assert {t: words.token_to_id(t) for t in SPECIAL} == IDS
    words.save(str(folder / "tokenizer.json"))


def tiny_model(model_type: str, seed: int = 0) -> Any:
    """A model of one of the three classes with random weights; the seed fixes them."""
    import torch
    import transformers

    text = {
        "hidden_size": 64, "intermediate_size": 96, "num_hidden_layers": 2, "num_attention_heads": 4, "num_key_value_heads": 2,
        "vocab_size": VOCAB, "bos_token_id": IDS["<|endoftext|>"], "eos_token_id": IDS["<|im_end|>"], "pad_token_id": IDS["<|endoftext|>"],
        "rope_parameters": {"rope_type": "default", "rope_theta": 1e6, "mrope_section": [2, 3, 3]},
    }  # fmt: skip
    ids = {
        "image_token_id": IDS["<|image_pad|>"], "video_token_id": IDS["<|video_pad|>"], "vision_start_token_id": IDS["<|vision_start|>"],
        "vision_end_token_id": IDS["<|vision_end|>"], "tie_word_embeddings": True,
    }  # fmt: skip
    eye: dict[str, Any] = {"depth": 2, "num_heads": 2, "hidden_size": 32, "intermediate_size": 64, "out_hidden_size": 64}
    if model_type == "qwen2_vl":
        eye = {"depth": 1, "embed_dim": 32, "num_heads": 2, "hidden_size": 64}
        kind, config = transformers.Qwen2VLForConditionalGeneration, transformers.Qwen2VLConfig
    elif model_type == "qwen2_5_vl":
        eye |= {"fullatt_block_indexes": [1]}
        kind, config = transformers.Qwen2_5_VLForConditionalGeneration, transformers.Qwen2_5_VLConfig
    else:
        eye |= {"num_position_embeddings": 16, "deepstack_visual_indexes": [0]}
        text |= {"head_dim": 16}
        kind, config = transformers.Qwen3VLForConditionalGeneration, transformers.Qwen3VLConfig
    torch.manual_seed(seed)
    return kind(config(text_config=text, vision_config=eye, **ids)).eval()


def put_model(store: Path, name: str, model: Any) -> Path:
    """Write a model and a tokenizer into a store as a pull would leave them."""
    folder = store / name
    folder.mkdir(parents=True)
    model.save_pretrained(folder)
    write_tokenizer(folder)
    files = {
        p.name: {"sha256": hashlib.sha256(p.read_bytes()).hexdigest(), "bytes": p.stat().st_size} for p in sorted(folder.iterdir())
    }  # fmt: skip
    (folder / "record.json").write_text(json.dumps({"revision": "0" * 40, "accepted": False, "files": files}))
    return folder
