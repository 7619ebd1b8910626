"""Models that give every pixel a class: DeepLab through LiteRT, Mask2Former and SegFormer through transformers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Protocol

import cv2
import numpy as np

from reelscope.analyzers.background_segmentation._places import DEEPLAB_NAMES, main_name

__all__ = ["ClassModel", "DeepLab", "Transformer", "shares_of"]

# ImageNet statistics, RGB, which both transformers were trained with.
MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
DIVISOR = 32  # their pictures' sides are multiples of it
SHORT_SIDE_PX, LONG_SIDE_PX = 512, 1024  # 512 as in ADE20K's test protocol of SegFormer; Mask2Former's own is 640


class ClassModel(Protocol):
    """Pictures to maps of classes. names: by number."""

    names: tuple[str, ...]

    def maps(self, pictures: Sequence[np.ndarray]) -> list[np.ndarray]:
        """uint8 [h, w, 3] each to a map of class numbers of any size and the same aspect."""


class DeepLab:
    """DeepLabV3 with MobileNetV2, 512 x 512, uint8 in, class numbers out.

    The picture keeps its aspect at the top left and the rest is middle grey, as it was trained: squeezed into the square, an upright
    picture loses (person IoU of the man in the office 0.81 against 0.98).
    """

    names = DEEPLAB_NAMES
    SIDE_PX, GREY = 512, 128

    def __init__(self, session: Callable[[], Any]) -> None:
        self._session = session

    def maps(self, pictures: Sequence[np.ndarray]) -> list[np.ndarray]:
        out = []
        for rgb in pictures:
            scale = self.SIDE_PX / max(rgb.shape[:2])
            height, width = (max(1, round(side * scale)) for side in rgb.shape[:2])
            way = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
            given = np.full((1, self.SIDE_PX, self.SIDE_PX, 3), self.GREY, np.uint8)
            given[0, :height, :width] = cv2.resize(rgb, (width, height), interpolation=way)
            answer = self._session().run([given])[0]
            out.append(np.asarray(answer).reshape(self.SIDE_PX, self.SIDE_PX)[:height, :width].astype(np.uint8))
        return out


class Transformer:
    """Mask2Former or SegFormer of ADE20K; preparation and reading of the answer by hand, so that torchvision is not needed.

    Args:
        session: Hands out the session (its `model`, its device).
    """

    def __init__(self, session: Callable[[], Any]) -> None:
        self._session = session
        labels = session().model.config.id2label
        self.names = tuple(main_name(labels[i]) for i in range(len(labels)))

    def maps(self, pictures: Sequence[np.ndarray]) -> list[np.ndarray]:
        import torch

        session = self._session()
        given, (height, width) = prepare(pictures)
        tensor = torch.from_numpy(given).to(session.device, next(session.model.parameters()).dtype)
        with torch.inference_mode():
            answer = session.model(pixel_values=tensor)
            scores = semantic_scores(answer)
            rows, columns = (max(1, round(n * scores.shape[i] / given.shape[i])) for i, n in ((2, height), (3, width)))
            numbers = scores[:, :, :rows, :columns].argmax(1)  # without what was added to fill the sides up
        return [n.astype(np.uint8) for n in numbers.cpu().numpy()]


def prepare(pictures: Sequence[np.ndarray]) -> tuple[np.ndarray, tuple[int, int]]:
    """Pictures of one size as float32 [n, 3, h, w], scaled and normalised, filled up with 0 to multiples of 32; and (h, w) before that."""
    height, width = pictures[0].shape[:2]
    scale = min(SHORT_SIDE_PX / min(height, width), LONG_SIDE_PX / max(height, width))
    height, width = max(1, round(height * scale)), max(1, round(width * scale))
    out = np.zeros((len(pictures), 3, -(-height // DIVISOR) * DIVISOR, -(-width // DIVISOR) * DIVISOR), np.float32)
    way = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    for i, rgb in enumerate(pictures):
        small = cv2.resize(rgb, (width, height), interpolation=way).astype(np.float32) / 255
        out[i, :, :height, :width] = ((small - MEAN) / STD).transpose(2, 0, 1)
    return out, (height, width)


def semantic_scores(answer: Any) -> Any:
    """Scores of the classes, a tensor [n, classes, h, w], of either kind of answer.

    SegFormer gives them. Mask2Former gives queries, each with probabilities of classes and of a mask: the score of a class at a place is
    the sum over queries of the product (B. Cheng et al., "Per-pixel classification is not all you need", NeurIPS 2021, section 3.4); its
    last class means that the query found nothing.
    """
    if hasattr(answer, "masks_queries_logits"):
        classes = answer.class_queries_logits.softmax(-1)[..., :-1]
        masks = answer.masks_queries_logits.sigmoid()
        return classes.transpose(1, 2).bmm(masks.flatten(2)).unflatten(2, masks.shape[2:])
    return answer.logits


def shares_of(numbers: np.ndarray, names: Sequence[str]) -> dict[str, float]:
    """Share of the picture per class that is there."""
    count = np.bincount(numbers.ravel(), minlength=len(names))
    return {names[i]: float(count[i] / numbers.size) for i in np.flatnonzero(count).tolist()}
