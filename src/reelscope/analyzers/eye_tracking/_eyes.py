"""Contour and iris of an eye, from the eye's own crop. Method: Ablavatski et al. 2020, Real-time Pupil Tracking from Monocular Video."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from reelscope.features.faces._mesh import LEFT_EYE, RIGHT_EYE
from reelscope.features.faces._roi import crop, roi_of, to_picture

__all__ = ["Eye", "both_eyes", "measure_eye", "shape_of"]

SIDE_PX = 64
MARGIN = 2.3  # side of the square over the distance of the corners: as published
CONTOUR = (
    16  # of the model's 71 points: the eye's opening, from the outer corner (0) along the lower lid to the inner (8), then the upper lid
)
OUTER, INNER = 0, 8
# Points of the lower and the upper lid that lie one above the other, about the middle of the eye.
LOWER, UPPER = np.array([2, 3, 4, 5, 6]), np.array([10, 11, 12, 13, 14])


class Session(Protocol):
    """What is needed of a model's session."""

    def run(self, inputs: Sequence[Any]) -> list[Any]:
        """Inputs and outputs in the model's order."""


@dataclass(frozen=True, slots=True)
class Eye:
    """One eye, measured along the line through its corners; lengths over the distance of the corners.

    Attributes:
        width_px: Distance of the corners in pixels of the picture.
        openness: Mean distance of the lids in the middle of the eye (eye aspect ratio).
        x, y: Centre of the iris from the middle of the corners; x positive to the picture's right, y positive down.
        iris: Diameter of the iris.
    """

    width_px: float
    openness: float
    x: float
    y: float
    iris: float


def both_eyes(session: Session, rgb: np.ndarray, mesh: np.ndarray) -> tuple[Eye, Eye]:
    """The subject's right and left eye (left and right in the picture).

    Args:
        rgb: uint8 [h, w, 3]. mesh: float [468, 3] in its pixels.
    """
    return measure_eye(session, rgb, mesh, right=True), measure_eye(session, rgb, mesh, right=False)


def measure_eye(session: Session, rgb: np.ndarray, mesh: np.ndarray, *, right: bool) -> Eye:
    """Ask the model. It knows eyes whose outer corner is on the picture's left; the left eye is mirrored.

    Measured on five clips, the distance of its corners from the mesh's: 0.02-0.11 of the eye's width so, 0.05-0.22 the other way round.
    """
    outer, inner = RIGHT_EYE if right else LEFT_EYE
    corners = mesh[[outer, inner], :2]
    first, second = (corners[0], corners[1]) if right else (corners[1], corners[0])  # from left to right in the picture
    roi = roi_of(corners, first, second, MARGIN)
    contour, iris = session.run([crop(rgb, roi, SIDE_PX, mirror=not right)[None] * np.float32(1 / 255)])
    contour = to_picture(contour.reshape(-1, 3)[:CONTOUR, :2], roi, SIDE_PX, mirror=not right)
    iris = to_picture(iris.reshape(5, 3)[:, :2], roi, SIDE_PX, mirror=not right)
    return shape_of(contour, iris)


def shape_of(contour: np.ndarray, iris: np.ndarray) -> Eye:
    """Figures of an eye.

    Args:
        contour: float [16, 2], pixels: outer corner, lower lid, inner corner, upper lid from the outer side.
        iris: float [5, 2], pixels: centre and four points of the rim, opposite ones two apart.
    """
    a, b = contour[OUTER].astype(float), contour[INNER].astype(float)
    if a[0] > b[0]:
        a, b = b, a
    width = float(np.hypot(*(b - a)))
    if width < 1e-6:
        return Eye(0.0, 0.0, 0.0, 0.0, 0.0)
    along = (b - a) / width
    across = np.array([-along[1], along[0]])
    middle = (a + b) / 2
    gap = (contour[LOWER] - contour[UPPER]) @ across
    offset = iris[0] - middle
    diameter = (float(np.hypot(*(iris[1] - iris[3]))) + float(np.hypot(*(iris[2] - iris[4])))) / 2
    return Eye(width, float(gap.mean()) / width, float(offset @ along) / width, float(offset @ across) / width, diameter / width)
