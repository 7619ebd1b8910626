"""The subject's mask: the selfie segmentation model looking at the people that were found, part of the picture by part.

The model (256 x 256, one probability per pixel) marks people, and whatever looks like one where there is nobody: leaves and a deer with
certainty 1.0. So it is only shown the surroundings of people that the features `people` and `faces` found, and only what reaches into
their boxes counts.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np

__all__ = ["GRID_LONG", "Box", "Seen", "clusters_of", "body_of_face", "grid_shape", "mask_of", "pack", "probability", "unpack"]

Box = tuple[float, float, float, float]  # x, y, width, height of the picture, 0-1
Run = Callable[[list[Any]], Sequence[Any]]

INPUT_PX = 256
# As trained, and the middle of a plateau: IoU over the labelled frames differs by 0.01 between 0.3 and 0.7.
THRESHOLD = 0.5
# Room around a person's box, in shares of its sides, half on either side. Tight crops lose what the box missed (hair, a raised hand), wide
# ones resolution: IoU of the woman in dog-and-woman-driveway 0.86 with 0.3, 0.79 with 1.0, 0.76 with the whole picture.
ROOM = 0.3
# Two crops that share this much of the smaller one are one: people side by side are seen better together.
JOIN_SHARE = 0.3
MOST_CROPS = 3  # the largest; more people than that are a crowd, which is masked as one
# Of a patch of the mask, the share that must lie in somebody's box. A stretched arm is half outside of it; a second thing that looks like
# a person is all outside.
INSIDE_SHARE = 0.25
# Masks are kept as bits on a grid, its longer side this many cells: 1.2 kB a sample; a cell is a seventh of a percent of the width.
GRID_LONG = 128


@dataclass(frozen=True, slots=True)
class Seen:
    """Somebody in one frame: `kind` face or person and the live id in that feature; box: of the whole body, in the picture."""

    kind: str
    live_id: int
    box: Box


def body_of_face(face: Box) -> Box:
    """Where the upright body of a face may be: 5 face widths wide, from half a face above it, 8 face heights high; in the picture."""
    x, y, w, h = face
    return _clip(x - 2 * w, y - 0.5 * h, 5 * w, 8 * h)


def clusters_of(seen: Sequence[Seen]) -> list[tuple[Box, tuple[Seen, ...]]]:
    """Parts of the picture to look at, with those who are in them: boxes with room, joined where they overlap, the largest first."""
    parts = [(_roomy(s.box), (s,)) for s in seen if s.box[2] > 0 and s.box[3] > 0]
    joined = True
    while joined:
        joined = False
        for i in range(len(parts)):
            for j in range(i + 1, len(parts)):
                if _shared(parts[i][0], parts[j][0]) > JOIN_SHARE:
                    parts[i] = (_around(parts[i][0], parts[j][0]), parts[i][1] + parts[j][1])
                    del parts[j]
                    joined = True
                    break
            if joined:
                break
    parts.sort(key=lambda part: -part[0][2] * part[0][3])
    while len(parts) > MOST_CROPS:
        box, who = parts.pop()
        parts[-1] = (_around(parts[-1][0], box), parts[-1][1] + who)
    return parts


def probability(run: Run, rgb: np.ndarray, part: Box, who: Sequence[Seen]) -> np.ndarray:
    """Probability of a person in a part of the picture, squeezed to float32 [256, 256]; 0 in patches outside of everybody's box.

    Args:
        run: The model: [float32 [1, 256, 256, 3], 0-1] to [float32 [1, 256, 256, 1]].
        rgb: uint8 [h, w, 3].
    """
    rows, columns = _place(part, *rgb.shape[:2])
    # the aspect is not kept: squeezed people are found as well as others (0.96-0.99 on upright clips), bars lose IoU (0.89)
    given = cv2.resize(rgb[rows, columns], (INPUT_PX, INPUT_PX), interpolation=cv2.INTER_AREA).astype(np.float32) / 255
    answer = np.array(run([given[None]])[0], np.float32).reshape(INPUT_PX, INPUT_PX)
    count, labels = cv2.connectedComponents((answer > THRESHOLD).astype(np.uint8))
    inside = np.zeros((INPUT_PX, INPUT_PX), bool)
    for box in (s.box for s in who):
        (x0, x1), (y0, y1) = (
            [round(INPUT_PX * min(1.0, max(0.0, (v - part[i]) / part[i + 2]))) for v in (box[i], box[i] + box[i + 2])] for i in (0, 1)
        )
        inside[y0:y1, x0:x1] = True
    keep = np.bincount(labels[inside], minlength=count) >= INSIDE_SHARE * np.bincount(labels.ravel(), minlength=count)
    keep[0] = True  # what is below the threshold stays, so that the outline is where it crosses it
    answer[~keep[labels]] = 0
    return answer


def mask_of(found: np.ndarray, part: Box, height: int, width: int) -> np.ndarray:
    """The mask (bool [height, width]) that the probability of a part gives in a picture of that size."""
    rows, columns = _place(part, height, width)
    out = np.zeros((height, width), bool)
    size = (columns.stop - columns.start, rows.stop - rows.start)
    out[rows, columns] = cv2.resize(found, size, interpolation=cv2.INTER_LINEAR) > THRESHOLD
    return out


def _place(part: Box, height: int, width: int) -> tuple[slice, slice]:
    """Rows and columns of a part of the picture, at least one of each."""
    out = []
    for start, length, size in ((part[1], part[3], height), (part[0], part[2], width)):
        first = min(size - 1, int(start * size))
        out.append(slice(first, min(size, max(first + 1, int(np.ceil((start + length) * size))))))
    return out[0], out[1]


def grid_shape(height: int, width: int) -> tuple[int, int]:
    """Rows and columns of the grid for a picture."""
    scale = GRID_LONG / max(height, width)
    return max(1, round(height * scale)), max(1, round(width * scale))


def pack(found: np.ndarray, part: Box, shape: tuple[int, int]) -> bytes:
    """The mask that the probability of a part gives, as bits of grid cells of which at least half is in it."""
    fine = mask_of(found, part, 2 * shape[0], 2 * shape[1])
    cells = cv2.resize(fine.astype(np.float32), shape[::-1], interpolation=cv2.INTER_AREA) >= 0.5
    return np.packbits(cells).tobytes()


def unpack(bits: bytes, shape: tuple[int, int]) -> np.ndarray:
    """The grid again: bool [rows, columns]."""
    flat = np.unpackbits(np.frombuffer(bits, np.uint8), count=shape[0] * shape[1])
    return flat.reshape(shape).astype(bool)


def _clip(x: float, y: float, w: float, h: float) -> Box:
    x0, y0 = min(1.0, max(0.0, x)), min(1.0, max(0.0, y))
    return x0, y0, max(0.0, min(1.0, x + w) - x0), max(0.0, min(1.0, y + h) - y0)


def _roomy(box: Box) -> Box:
    x, y, w, h = box
    return _clip(x - ROOM / 2 * w, y - ROOM / 2 * h, (1 + ROOM) * w, (1 + ROOM) * h)


def _around(a: Box, b: Box) -> Box:
    x, y = min(a[0], b[0]), min(a[1], b[1])
    return x, y, max(a[0] + a[2], b[0] + b[2]) - x, max(a[1] + a[3], b[1] + b[3]) - y


def _shared(a: Box, b: Box) -> float:
    """Intersection over the smaller of the two."""
    w = min(a[0] + a[2], b[0] + b[2]) - max(a[0], b[0])
    h = min(a[1] + a[3], b[1] + b[3]) - max(a[1], b[1])
    smaller = min(a[2] * a[3], b[2] * b[3])
    return w * h / smaller if w > 0 and h > 0 and smaller > 0 else 0.0
