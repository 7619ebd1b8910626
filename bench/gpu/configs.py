"""The architectures, written out: full size as published, tiny ones of the same classes for a CPU. Weights are random; nothing is fetched.

Where a family has several published sizes the one that DESIGN section 4 names, or the largest common one, was taken.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

__all__ = ["ARCHITECTURES", "Architecture"]


@dataclass(frozen=True, slots=True)
class Architecture:
    """How to build a network.

    Attributes:
        kind: Class of transformers. config: makes its configuration.
        wrapper: Class of bench.gpu.networks that feeds it.
        size_px: (width, height) of a picture that it takes, where it takes pictures.
        tokens: Tokens that one item generates, always as many.
        vram_mib: For the plan: weights in bf16 and what a batch takes, as bench.gpu.batches measured it on an H200 where that is much.
    """

    kind: str
    config: Callable[[], Any]
    wrapper: str
    size_px: tuple[int, int] | None = None
    tokens: int = 0
    vram_mib: int = 0


def _qwen2_vl(
    *, hidden: int, inner: int, layers: int, heads: int, kv: int, vocab: int, tied: bool, vision: Mapping[str, int], rope: list[int]
) -> Any:
    from transformers import Qwen2VLConfig

    special = vocab - 64  # the special tokens stand near the end of every size's vocabulary
    return Qwen2VLConfig(
        text_config={
            "hidden_size": hidden,
            "intermediate_size": inner,
            "num_hidden_layers": layers,
            "num_attention_heads": heads,
            "num_key_value_heads": kv,
            "vocab_size": vocab,
            "rope_parameters": {"rope_type": "default", "rope_theta": 1e6, "mrope_section": rope},
            "bos_token_id": special,
            "eos_token_id": special + 1,
            "pad_token_id": special,
        },
        vision_config={"hidden_size": hidden, **vision},
        image_token_id=special + 2,
        video_token_id=special + 3,
        vision_start_token_id=special + 4,
        vision_end_token_id=special + 5,
        tie_word_embeddings=tied,
    )


LARGE_EYE = {"depth": 32, "embed_dim": 1280, "num_heads": 16}


def _qwen2_vl_7b() -> Any:
    return _qwen2_vl(hidden=3584, inner=18944, layers=28, heads=28, kv=4, vocab=152064, tied=False, vision=LARGE_EYE, rope=[16, 24, 24])


def _qwen2_vl_2b() -> Any:
    return _qwen2_vl(hidden=1536, inner=8960, layers=28, heads=12, kv=2, vocab=151936, tied=True, vision=LARGE_EYE, rope=[16, 24, 24])


def _qwen2_vl_tiny() -> Any:
    eye = {"depth": 1, "embed_dim": 32, "num_heads": 2}
    return _qwen2_vl(hidden=64, inner=128, layers=2, heads=4, kv=2, vocab=512, tied=True, vision=eye, rope=[2, 3, 3])


def _d_fine_full() -> Any:
    from transformers import DFineConfig

    return DFineConfig()  # the library's defaults are D-FINE with the HGNetV2 backbone, 80 classes


def _d_fine_tiny() -> Any:
    from transformers import DFineConfig, HGNetV2Config

    backbone = HGNetV2Config(
        stem_channels=[3, 8, 8], stage_in_channels=[8, 16, 16, 16], stage_mid_channels=[8, 8, 8, 8], stage_out_channels=[16, 16, 16, 16],
        stage_num_blocks=[1, 1, 1, 1], stage_numb_of_layers=[1, 1, 1, 1], stage_downsample=[False, True, True, True],
        stage_light_block=[False, False, True, True], stage_kernel_size=[3, 3, 3, 3], hidden_sizes=[16, 16, 16, 16], depths=[1, 1, 1, 1],
        embedding_size=8, out_features=["stage2", "stage3", "stage4"], return_idx=[1, 2, 3],
    )  # fmt: skip
    return DFineConfig(
        backbone_config=backbone, encoder_in_channels=[16, 16, 16], encoder_hidden_dim=16, encoder_ffn_dim=16, encoder_attention_heads=2,
        feat_strides=[8, 16, 32], d_model=16, decoder_in_channels=[16, 16, 16], decoder_ffn_dim=16, decoder_layers=2,
        decoder_attention_heads=2, decoder_n_points=[1, 1, 1], num_queries=10, hidden_expansion=0.5, num_denoising=0,
    )  # fmt: skip


def _segformer(depths: list[int], widths: list[int], decoder: int) -> Any:
    from transformers import SegformerConfig

    return SegformerConfig(depths=depths, hidden_sizes=widths, decoder_hidden_size=decoder, num_labels=150)  # ADE20K's classes


def _vitpose(*, hidden: int, layers: int, heads: int) -> Any:
    from transformers import VitPoseBackboneConfig, VitPoseConfig

    backbone = VitPoseBackboneConfig(
        hidden_size=hidden, num_hidden_layers=layers, num_attention_heads=heads, out_indices=[layers], image_size=[256, 192]
    )
    return VitPoseConfig(backbone_config=backbone, num_labels=17, use_simple_decoder=False)


def _vision(kind: str, *, hidden: int, inner: int, layers: int, heads: int, side: int, patch: int) -> Any:
    import transformers

    return getattr(transformers, kind)(
        hidden_size=hidden, intermediate_size=inner, num_hidden_layers=layers, num_attention_heads=heads, image_size=side, patch_size=patch
    )


def _whisper(*, hidden: int, inner: int, layers: int, heads: int, vocab: int) -> Any:
    from transformers import WhisperConfig

    return WhisperConfig(
        d_model=hidden, encoder_ffn_dim=inner, decoder_ffn_dim=inner, encoder_layers=layers, decoder_layers=layers,
        encoder_attention_heads=heads, decoder_attention_heads=heads, num_mel_bins=128, vocab_size=vocab, max_target_positions=448,
        pad_token_id=0, bos_token_id=1, eos_token_id=1, decoder_start_token_id=2, suppress_tokens=None, begin_suppress_tokens=None,
    )  # fmt: skip


def _ast(*, hidden: int, inner: int, layers: int, heads: int) -> Any:
    from transformers import ASTConfig

    return ASTConfig(
        hidden_size=hidden, intermediate_size=inner, num_hidden_layers=layers, num_attention_heads=heads, num_mel_bins=128, num_labels=527
    )


def _wav2vec2(*, hidden: int, inner: int, layers: int, heads: int, conv: int) -> Any:
    from transformers import Wav2Vec2Config

    return Wav2Vec2Config(
        hidden_size=hidden, intermediate_size=inner, num_hidden_layers=layers, num_attention_heads=heads, conv_dim=(conv,) * 7,
        feat_extract_norm="layer", do_stable_layer_norm=True, num_labels=3, classifier_proj_size=hidden // 4,
        num_conv_pos_embeddings=128 if hidden > 64 else 16, num_conv_pos_embedding_groups=16 if hidden > 64 else 2, conv_bias=True,
    )  # fmt: skip


QWEN, SIGLIP, CLIP = "Qwen2VLForConditionalGeneration", "SiglipVisionModel", "CLIPVisionModelWithProjection"
WHISPER, AST, WAV2VEC2 = "WhisperForConditionalGeneration", "ASTForAudioClassification", "Wav2Vec2ForSequenceClassification"
D_FINE, SEGFORMER, VITPOSE = "DFineForObjectDetection", "SegformerForSemanticSegmentation", "VitPoseForPoseEstimation"

ARCHITECTURES: Mapping[str, Architecture] = {
    "qwen2-vl-7b": Architecture(QWEN, _qwen2_vl_7b, "Describer", (252, 448), 160, 18000),
    "qwen2-vl-2b": Architecture(QWEN, _qwen2_vl_2b, "Describer", (252, 448), 160, 6500),
    "qwen2-vl-tiny": Architecture(QWEN, _qwen2_vl_tiny, "Describer", (56, 84), 160, 8),
    "d-fine-full": Architecture(D_FINE, _d_fine_full, "Detector", (640, 640), 0, 4000),
    "d-fine-tiny": Architecture(D_FINE, _d_fine_tiny, "Detector", (64, 64), 0, 8),
    "segformer-b5": Architecture(SEGFORMER, lambda: _segformer([3, 6, 40, 3], [64, 128, 320, 512], 768), "Masks", (640, 640), 0, 6000),
    "segformer-tiny": Architecture(SEGFORMER, lambda: _segformer([1, 1, 1, 1], [16, 16, 20, 16], 16), "Masks", (64, 64), 0, 8),
    "vitpose-huge": Architecture(VITPOSE, lambda: _vitpose(hidden=1280, layers=32, heads=16), "Pose", (384, 384), 0, 2500),
    "vitpose-tiny": Architecture(VITPOSE, lambda: _vitpose(hidden=32, layers=2, heads=2), "Pose", (64, 64), 0, 8),
    "siglip-so400m": Architecture(
        SIGLIP, lambda: _vision("SiglipVisionConfig", hidden=1152, inner=4304, layers=27, heads=16, side=384, patch=14), "Embedder",
        (384, 384), 0, 2000,
    ),
    "siglip-tiny": Architecture(
        SIGLIP, lambda: _vision("SiglipVisionConfig", hidden=32, inner=64, layers=2, heads=2, side=64, patch=16), "Embedder", (64, 64), 0, 8
    ),
    "clip-vit-l": Architecture(
        CLIP, lambda: _vision("CLIPVisionConfig", hidden=1024, inner=4096, layers=24, heads=16, side=224, patch=14), "Embedder",
        (384, 384), 0, 1500,
    ),
    "clip-tiny": Architecture(
        CLIP, lambda: _vision("CLIPVisionConfig", hidden=32, inner=64, layers=2, heads=2, side=32, patch=16), "Embedder", (64, 64), 0, 8
    ),
    "whisper-large-v3": Architecture(
        WHISPER, lambda: _whisper(hidden=1280, inner=5120, layers=32, heads=20, vocab=51866), "Transcriber", None, 120, 4500
    ),
    "whisper-tiny-random": Architecture(
        WHISPER, lambda: _whisper(hidden=32, inner=64, layers=1, heads=2, vocab=256), "Transcriber", None, 12, 8
    ),
    "ast": Architecture(AST, lambda: _ast(hidden=768, inner=3072, layers=12, heads=12), "Tagger", None, 0, 700),
    "ast-tiny": Architecture(AST, lambda: _ast(hidden=32, inner=64, layers=1, heads=2), "Tagger", None, 0, 8),
    "wav2vec2-large": Architecture(
        WAV2VEC2, lambda: _wav2vec2(hidden=1024, inner=4096, layers=24, heads=16, conv=512), "Voice", None, 0, 1500
    ),
    "wav2vec2-tiny": Architecture(WAV2VEC2, lambda: _wav2vec2(hidden=32, inner=64, layers=1, heads=2, conv=16), "Voice", None, 0, 8),
}  # fmt: skip
