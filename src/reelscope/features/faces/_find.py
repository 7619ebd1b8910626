"""All faces of one picture: two detectors, the mesh as a second opinion, a closer look where the mesh sees none."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from reelscope.features._tracking import iou_xywh
from reelscope.features.faces._detect import FULL, SHORT, Detection, Detector, Session, Square, detections, letterbox, tiles
from reelscope.features.faces._mesh import Mesh, fit_mesh, roi_of_detection, roi_of_mesh

__all__ = ["Found", "FaceFinder"]

FIRST_LOOK = 0.5
"""Least score of a detector: what the models' makers use. Lower ones brought no face that the mesh saw in more than a frame or two."""
PRESENT = 0.5
"""From here on the mesh sees a face (its maker's limit): its points are kept."""
SURE = 0.9
"""From here on nothing else is asked. A hand at a cup reached 0.5-0.94 in a tenth of its frames, faces wider than 40 px stay above 0.95."""
LOOK_X = 5.0
"""Side of the closer look over the box: at this scale the far detector knows a blurred face (0.45-0.9) from a fist (0.2-0.6) best."""
LOOK_LEAST = 0.3
"""Below this on the closer look it is no candidate at all."""
MAX_LOOKS = 4
"""Faces without a mesh that are looked for again where they were: 3 ms each."""
SAME_IOU = 0.4
"""A box on the closer look that overlaps less is another thing."""
SAME_PART = 0.5
"""Two faces of which more than this part of the smaller one lies in the other are one: detectors also answer to a part of a large face."""


@dataclass(frozen=True, slots=True)
class Found:
    """A face in a picture: box in pixels, score as in FaceSeen, and its mesh where the model sees one."""

    xywh_px: tuple[float, float, float, float]
    score: float
    mesh: Mesh | None


class FaceFinder:
    """Finds faces in pictures of any shape.

    Args:
        near, far, mesh: Give the sessions of face-detection-short, face-detection-full and face-landmarks.
    """

    def __init__(self, near: Callable[[], Session], far: Callable[[], Session], mesh: Callable[[], Session]) -> None:
        self._near_session, self._far_session, self._mesh_session = near, far, mesh
        self._near, self._far = Detector(SHORT, least=FIRST_LOOK), Detector(FULL, least=FIRST_LOOK)
        self._close = Detector(FULL, least=LOOK_LEAST)

    def find(self, rgb: np.ndarray, *, tick: int | None = None, known: Sequence[Found] = ()) -> list[Found]:
        """Faces of one picture, the largest first.

        Args:
            rgb: uint8 [h, w, 3].
            tick: Number of the frame in a sequence: each takes the next of the tiles in turn. None: a picture by itself, all tiles.
            known: Faces of the frame before, looked for where they were: by their mesh, or by a closer look around them.
        """
        height, width = rgb.shape[:2]
        parts = tiles(width, height)
        far = parts if tick is None else [parts[tick % len(parts)]]
        if len(parts) > 1:
            far = [*letterbox(width, height), *far]
        far += [_around(f.xywh_px) for f in known if f.mesh is None][:MAX_LOOKS]
        rows, scores = self._near.rows(self._near_session(), rgb, letterbox(width, height))
        more, more_scores = self._far.rows(self._far_session(), rgb, far)
        found: list[Found] = []
        for one in detections(np.concatenate([rows, more]), np.concatenate([scores, more_scores])):
            face = self._judge(rgb, one)
            if face is not None and not _among(face, found):
                found.append(face)
        for before in known:
            if before.mesh is None or _among(before, found):
                continue
            mesh = fit_mesh(self._mesh_session(), rgb, roi_of_mesh(before.mesh.points))
            face = Found(mesh.xywh_px, mesh.presence, mesh)
            if mesh.presence >= SURE and not _among(face, found):
                found.append(face)
        return sorted(found, key=lambda f: -f.xywh_px[2] * f.xywh_px[3])

    def _judge(self, rgb: np.ndarray, one: Detection) -> Found | None:
        """A detection with its mesh; None where neither the mesh nor a closer look confirms it."""
        mesh = fit_mesh(self._mesh_session(), rgb, roi_of_detection(one))
        if mesh.presence >= PRESENT:  # again about its own points: the detector's box is rough
            again = fit_mesh(self._mesh_session(), rgb, roi_of_mesh(mesh.points))
            mesh = again if again.presence >= mesh.presence else mesh
        if mesh.presence >= SURE:
            return Found(mesh.xywh_px, mesh.presence, mesh)
        rows, scores = self._close.rows(self._far_session(), rgb, [_around(one.xywh_px)])
        score = max((d.score for d in detections(rows, scores) if iou_xywh(d.xywh_px, one.xywh_px) >= SAME_IOU), default=0.0)
        if score < LOOK_LEAST:
            return None
        kept = mesh if mesh.presence >= PRESENT else None
        return Found(one.xywh_px if kept is None else kept.xywh_px, score, kept)


def _around(xywh_px: Sequence[float]) -> Square:
    """The square of the closer look."""
    x, y, w, h = xywh_px
    side = max(w, h) * LOOK_X
    return Square(x + (w - side) / 2, y + (h - side) / 2, side)


def _among(face: Found, others: Sequence[Found]) -> bool:
    return any(_shared(face.xywh_px, f.xywh_px) > SAME_PART for f in others)


def _shared(a: Sequence[float], b: Sequence[float]) -> float:
    """The two boxes' intersection over the smaller one."""
    width, height = (max(0.0, min(a[i] + a[i + 2], b[i] + b[i + 2]) - max(a[i], b[i])) for i in (0, 1))
    least = min(a[2] * a[3], b[2] * b[3])
    return width * height / least if least > 0 else 0.0
