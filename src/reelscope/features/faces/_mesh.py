"""468 points of one face, and how sure it is that there is one. Method: Kartynnik et al. 2019, Real-time Facial Surface Geometry."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from reelscope.features.faces._detect import Detection, Session
from reelscope.features.faces._roi import Roi, crop, roi_of, to_picture

__all__ = ["LEFT_EYE", "RIGHT_EYE", "Mesh", "fit_mesh", "roi_of_detection", "roi_of_mesh"]

SIDE_PX = 192
POINTS = 468
MARGIN = 1.5  # side of the square over the face's: as published
# Outer and inner corner, the subject's own right and left.
RIGHT_EYE, LEFT_EYE = (33, 133), (263, 362)


@dataclass(frozen=True, slots=True)
class Mesh:
    """A face: float32 [468, 3] in pixels of the picture (z in the same scale, smaller is nearer), and presence 0-1."""

    points: np.ndarray
    presence: float

    @property
    def xywh_px(self) -> tuple[float, float, float, float]:
        """The box about the points: forehead to chin, ear to ear."""
        low, high = self.points[:, :2].min(axis=0), self.points[:, :2].max(axis=0)
        return float(low[0]), float(low[1]), float(high[0] - low[0]), float(high[1] - low[1])


def roi_of_detection(found: Detection) -> Roi:
    """The square for a detected face: about its box, its eyes level."""
    x, y, w, h = found.xywh_px
    turn = roi_of(found.points[:2], found.points[0], found.points[1], 1.0).angle
    return Roi(x + w / 2, y + h / 2, max(w, h) * MARGIN, turn)


def roi_of_mesh(points: np.ndarray) -> Roi:
    """The square for a face whose points (pixels) are known from this frame or the one before."""
    return roi_of(points[:, :2], points[RIGHT_EYE[0], :2], points[LEFT_EYE[0], :2], MARGIN)


def fit_mesh(session: Session, rgb: np.ndarray, roi: Roi) -> Mesh:
    """Ask the model for the face in a square of a picture (uint8 [h, w, 3])."""
    flat, logit = session.run([np.multiply(crop(rgb, roi, SIDE_PX)[None], np.float32(1 / 255), dtype=np.float32)])
    presence = 1 / (1 + np.exp(-float(np.clip(logit.reshape(-1)[0], -80, 80))))
    return Mesh(to_picture(flat.reshape(POINTS, 3), roi, SIDE_PX), float(presence))
