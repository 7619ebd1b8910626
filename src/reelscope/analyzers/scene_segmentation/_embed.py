"""Frames as points of a network's space of pictures, and how far two shots are apart there: SigLIP's vision tower, cosine distance.

X. Zhai et al., "Sigmoid loss for language image pre-training", ICCV 2023; M. Tschannen et al., "SigLIP 2", 2025.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import cv2
import numpy as np

__all__ = ["NEAR_QUANTILE", "embed", "embedding_distance", "prepare"]

SIDE_PX = 224
MEAN = STD = 0.5  # of every channel, as trained: -1 to 1
NEAR_QUANTILE = 0.1  # as for palettes (`_looks`): not the very nearest pair of frames


def prepare(pictures: Sequence[np.ndarray]) -> np.ndarray:
    """Pictures (uint8 [h, w, 3], RGB) as float32 [n, 3, 224, 224]; squeezed into the square, as the model was trained with them."""
    out = np.empty((len(pictures), 3, SIDE_PX, SIDE_PX), np.float32)
    for i, rgb in enumerate(pictures):
        way = cv2.INTER_AREA if min(rgb.shape[:2]) >= SIDE_PX else cv2.INTER_LINEAR
        small = cv2.resize(rgb, (SIDE_PX, SIDE_PX), interpolation=way).astype(np.float32) / 255
        out[i] = ((small - MEAN) / STD).transpose(2, 0, 1)
    return out


def embed(session: Any, pictures: Sequence[np.ndarray]) -> list[np.ndarray]:
    """Points (float32 [d], of length 1) of pictures; `session` holds a SiglipModel."""
    import torch

    tower = session.model.vision_model
    given = torch.from_numpy(prepare(pictures)).to(session.device, next(tower.parameters()).dtype)
    with torch.inference_mode():
        points = tower(pixel_values=given).pooler_output.float()
        points = torch.nn.functional.normalize(points, dim=1)
    return list(points.cpu().numpy())


def embedding_distance(a: Sequence[np.ndarray], b: Sequence[np.ndarray]) -> float:
    """Cosine distance of two shots, 0 (the same) to 2: the lower decile over pairs of their frames."""
    return float(np.quantile(1 - np.stack(a) @ np.stack(b).T, NEAR_QUANTILE))
