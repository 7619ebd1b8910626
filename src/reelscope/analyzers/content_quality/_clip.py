"""A score of how good a photo looks to CLIP, after CLIP-IQA: softmax of a picture's likeness to "Good photo." against "Bad photo.".

J. Wang, K. C. K. Chan, C. C. Loy, "Exploring CLIP for assessing the look and feel of images", AAAI 2023: antonym prompts and the softmax of
the two similarities times CLIP's own temperature (the published variant reads a ResNet-50 without position embeddings at full size;
here it is ViT-B/32 at its own 224 px, so that the figures are not comparable with published ones).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import cv2
import numpy as np

__all__ = ["PROMPTS", "centre_crop", "prepare", "prompt_points", "score"]

PROMPTS = ("Good photo.", "Bad photo.")
SIDE_PX = 224
MEAN, STD = (0.48145466, 0.4578275, 0.40821073), (0.26862954, 0.26130258, 0.27577711)  # of CLIP, RGB


def centre_crop(rgb: np.ndarray) -> np.ndarray:
    """The middle square of a picture, uint8 [224, 224, 3]: the shorter side to 224 px, bicubic, as CLIP prepares pictures.

    Pictures are shrunk by area first to at most twice the size: a bicubic step of more than that would alias.
    """
    height, width = rgb.shape[:2]
    side = min(height, width)
    top, left = (height - side) // 2, (width - side) // 2
    square = rgb[top : top + side, left : left + side]
    if side > 2 * SIDE_PX:
        square = cv2.resize(square, (2 * SIDE_PX, 2 * SIDE_PX), interpolation=cv2.INTER_AREA)
    return cv2.resize(square, (SIDE_PX, SIDE_PX), interpolation=cv2.INTER_CUBIC)


def prepare(squares: Sequence[np.ndarray]) -> np.ndarray:
    """Squares of `centre_crop` as float32 [n, 3, 224, 224], normalised."""
    return np.stack([((s.astype(np.float32) / 255 - MEAN) / STD).transpose(2, 0, 1) for s in squares]).astype(np.float32)


def prompt_points(session: Any) -> np.ndarray:
    """The prompts in CLIP's space: float32 [2, d] of length 1. `session` holds a CLIPModel and knows the folder of its tokenizer."""
    import torch
    from transformers import CLIPTokenizer

    tokenizer = CLIPTokenizer.from_pretrained(session.folder, local_files_only=True)
    model = session.model
    with torch.inference_mode():
        rows = []
        for prompt in PROMPTS:  # one by one: nothing to fill up
            tokens = torch.tensor([tokenizer(prompt)["input_ids"]]).to(session.device)
            rows.append(model.text_projection(model.text_model(input_ids=tokens).pooler_output))
        return torch.nn.functional.normalize(torch.cat(rows).float(), dim=1).cpu().numpy()


def score(session: Any, prompts: np.ndarray, squares: Sequence[np.ndarray]) -> list[float]:
    """Score of each square, 0-1: exp(t good) / (exp(t good) + exp(t bad)) with the cosines to both prompts and CLIP's temperature t."""
    import torch

    model = session.model
    given = torch.from_numpy(prepare(squares)).to(session.device, model.visual_projection.weight.dtype)
    with torch.inference_mode():
        points = model.visual_projection(model.vision_model(pixel_values=given).pooler_output).float()
        points = torch.nn.functional.normalize(points, dim=1)
        likeness = model.logit_scale.float().exp() * points @ torch.from_numpy(prompts).to(points.device).T
        return [float(v) for v in likeness.softmax(1)[:, 0].cpu()]
