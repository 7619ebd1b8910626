"""D-FINE through transformers, its pre- and post-processing by hand: the library's own wants torchvision, which is not there.

D-FINE (Peng et al. 2024) takes 640 x 640 pixels, 0-1, the aspect not kept, and gives a fixed number of queries, each with logits per class
and a box as centre and size, 0-1. One object is one query: there is nothing to suppress, only the best (query, class) pairs to take.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from reelscope.analyzers._coco import COCO
from reelscope.analyzers._yolo import Detections

if TYPE_CHECKING:
    import numpy as np

__all__ = ["SIDE_PX", "detect", "names_of", "prepare", "take_best"]

SIDE_PX = 640
TOP = 100  # of the 300 queries' pairs; as many as COCO's protocol counts


def prepare(frames: Any, dtype: Any) -> Any:
    """Model input [n, 3, 640, 640], 0-1.

    Args:
        frames: uint8 tensor [n, h, w, 3]. dtype: of the model.
    """
    import torch

    planes = frames.permute(0, 3, 1, 2).float()
    scaled = torch.nn.functional.interpolate(planes, size=(SIDE_PX, SIDE_PX), mode="bilinear", align_corners=False, antialias=True)
    return (scaled.round_().clamp_(0, 255) / 255).to(dtype)  # rounded to whole values, as the pictures that it was trained on


def take_best(logits: np.ndarray, boxes: np.ndarray, names: Mapping[int, str], least: float) -> Detections:
    """The best pairs of one picture.

    Args:
        logits: float32 [queries, classes]. boxes: float32 [queries, 4]: centre x, y, width, height, 0-1. names: of the classes.
        least: Least score.

    Returns:
        The best first; boxes cut at the picture's edges, those without area left out.
    """
    import numpy as np

    scores = 1 / (1 + np.exp(-logits.astype(np.float64).ravel()))
    best = np.argsort(-scores, kind="stable")[:TOP]
    best = best[scores[best] >= least]
    out: Detections = []
    for k in best.tolist():
        query, kind = divmod(k, logits.shape[1])
        x, y, w, h = boxes[query].tolist()
        x0, y0, x1, y1 = (min(1.0, max(0.0, v)) for v in (x - w / 2, y - h / 2, x + w / 2, y + h / 2))
        if x1 > x0 and y1 > y0:
            out.append(((x0, y0, x1 - x0, y1 - y0), float(scores[k]), names[kind]))
    return out


def names_of(id2label: Mapping[Any, str]) -> dict[int, str]:
    """Names of a model's classes. COCO's 80 get the spelling of the other backends: some checkpoints say `aeroplane` and `tvmonitor`."""
    names = {int(k): str(v) for k, v in id2label.items()}
    if len(names) == len(COCO) and (names.get(0), names.get(len(COCO) - 1)) == (COCO[0], COCO[-1]):
        return dict(enumerate(COCO))
    return names


def detect(model: Any, frames: Any, least: float) -> list[Detections]:
    """What D-FINE sees in each picture.

    Args:
        model: DFineForObjectDetection in evaluation mode. frames: uint8 tensor [n, h, w, 3] on its device.
    """
    import torch

    with torch.inference_mode():
        out = model(pixel_values=prepare(frames, next(model.parameters()).dtype))
        logits, boxes = out.logits.float().cpu().numpy(), out.pred_boxes.float().cpu().numpy()
    names = names_of(model.config.id2label)
    return [take_best(logits[i], boxes[i], names, least) for i in range(len(logits))]
