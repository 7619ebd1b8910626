"""Which way a head looks, from its mesh."""

from __future__ import annotations

import math

import numpy as np

__all__ = ["head_pose"]

# Points of the 468-point mesh that mirror each other, the subject's right one (left in the picture) first: corners of eyes and mouth,
# brows, cheeks, jaw, sides of the nose. Whatever the face's shape, their differences point along the head's lateral axis.
RIGHT = np.array([33, 133, 61, 234, 127, 93, 132, 58, 172, 136, 150, 70, 105, 107, 50, 205, 48, 64, 98, 129])
LEFT = np.array([263, 362, 291, 454, 356, 323, 361, 288, 397, 365, 379, 300, 334, 336, 280, 425, 278, 294, 327, 358])
# Along the face's vertical: forehead, between the brows and outer corners of the eyes against corners of the mouth and chin. In an upright
# face of average proportions these two groups lie equally deep.
UPPER, LOWER = np.array([10, 151, 9, 33, 263]), np.array([61, 291, 199, 175, 152])


def head_pose(points: np.ndarray) -> tuple[float, float, float] | None:
    """Yaw, pitch and roll in degrees; None where the points lie in a line.

    The mesh is the model's own estimate of the face in three dimensions under weak perspective, so its axes are the head's: lateral from
    mirrored pairs, vertical from upper to lower points, made square to it. What faces out of both is the direction of the face.

    Args:
        points: float [468, 3] in one scale for all three axes (pixels): x right, y down, z away from the camera.

    Returns:
        Yaw, positive to the picture's right; pitch, positive up; roll, positive clockwise as seen. A face into the camera: zeros.
    """
    p = np.asarray(points, np.float64)
    lateral = _unit((p[LEFT] - p[RIGHT]).sum(axis=0))
    if lateral is None:
        return None
    down = p[LOWER].mean(axis=0) - p[UPPER].mean(axis=0)
    down = _unit(down - lateral * float(down @ lateral))
    if down is None:
        return None
    out = np.cross(down, lateral)  # lateral (1,0,0), down (0,1,0): (0,0,-1), at the camera
    yaw = math.atan2(out[0], -out[2])
    pitch = math.asin(float(np.clip(-out[1], -1, 1)))
    level = np.array([math.cos(yaw), 0.0, math.sin(yaw)])  # the lateral axis of a head in this direction that does not roll
    below = np.cross(level, out)
    roll = math.atan2(float(lateral @ below), float(lateral @ level))
    return math.degrees(yaw), math.degrees(pitch), math.degrees(roll)


def _unit(v: np.ndarray) -> np.ndarray | None:
    length = float(np.linalg.norm(v))
    return v / length if length > 1e-9 else None
