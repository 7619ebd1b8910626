"""All faces of one picture: two detectors, the mesh as a second opinion, a closer look where the mesh sees none."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from reelscope.features._tracking import iou_xywh
from reelscope.features.faces._detect import FULL, SHORT, Detection, Detector, Session, Square, Views, detections, letterbox, tiles
from reelscope.features.faces._mesh import Mesh, fit_mesh, roi_of_detection, roi_of_mesh

__all__ = ["Found", "FaceFinder"]

FIRST_LOOK = 0.5
"""Least score of a detector: what the models' makers use. Lower ones brought no face that the mesh saw in more than a frame or two."""
PRESENT = 0.5
"""From here on the mesh sees a face (its maker's limit): its points are kept."""
SURE = 0.9
"""From here on the mesh is sure. Faces wider than 40 px stay above 0.95, but a fist at a kettle reached 0.9-0.997 in five frames of 48."""
CONFIRMED = 0.7
"""Before a face is followed by its mesh alone, the closer look must give this once: fists of which the mesh was sure had 0-0.64 there,
faces 0.77-0.95 as the median of a track. And the mesh, asked again about its own points, must still be there: on fists it falls from 0.99
to 0.2."""
LOOK_X = 5.0
"""Side of the closer look over the box: at this scale the far detector knows a blurred face (0.45-0.9) from a fist (0.2-0.6) best."""
LOOK_LEAST = 0.3
"""Below this on the closer look it is no candidate at all."""
MAX_LOOKS = 4
"""Faces that the mesh is not sure of and that are looked for again where they were: 3 ms each."""
EVERY = 2
"""While the mesh follows all faces of the frame before, and all are wide, the detectors look for new ones in every second frame only."""
WIDE_PX = 40.0
"""Narrower faces are not left to the mesh: on a drummer's face of 20 px that moves fast it answers, sure of itself, half a face beside."""
BESIDE = 0.6
"""A followed face whose centre lies nearer than this part of its side to a detected one's is that face, and followed wrongly."""
MOVED = 0.1
"""A square that moved or changed by more than this part of its side is asked about once more."""
SAME_IOU = 0.3
"""A box on the closer look that overlaps less is another thing."""
SAME_PART = 0.5
"""Two faces of which more than this part of the smaller one lies in the other are one: detectors also answer to a part of a large face."""


@dataclass(frozen=True, slots=True)
class Found:
    """A face in a picture: box in pixels, score as in FaceSeen, and its mesh where the model sees one."""

    xywh_px: tuple[float, float, float, float]
    score: float
    mesh: Mesh | None

    @property
    def followed(self) -> bool:
        """Whether its mesh is looked for in the next frame without asking the detectors."""
        return self.mesh is not None and self.score >= SURE


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
        found: list[Found] = []
        for before in known:
            face = self._follow(rgb, before)
            if face is not None and not _among(face, found):
                found.append(face)
        followed = list(found)
        settled = bool(known) and len(found) == len(known) and all(f.xywh_px[2] >= WIDE_PX for f in found)
        if not (settled and tick is not None and tick % EVERY):
            views = Views(rgb)
            turn = None if tick is None else tick // EVERY if settled else tick
            for one in self._detect(views, rgb.shape[1], rgb.shape[0], turn, known):
                if any(_shared(one.xywh_px, f.xywh_px) > SAME_PART for f in found):
                    continue
                face = self._judge(rgb, views, one, known)
                if face is not None and not _among(face, found):
                    found = [f for f in found if not (any(f is g for g in followed) and _beside(f, face))]
                    found.append(face)
        return sorted(found, key=lambda f: -f.xywh_px[2] * f.xywh_px[3])

    def _detect(self, views: Views, width: int, height: int, turn: int | None, known: Sequence[Found]) -> list[Detection]:
        """What the detectors see, joined: in the whole picture, in the tile whose turn it is, about unsure faces of the frame before."""
        whole, parts = letterbox(width, height), tiles(width, height)
        far = parts if turn is None else [parts[turn % len(parts)]]
        if len(parts) > 1:
            far = [*whole, *far]
        far += [_around(f.xywh_px) for f in known if not f.followed][:MAX_LOOKS]
        rows, scores = self._far.rows(self._far_session(), views, far)
        more, more_scores = self._near.rows(self._near_session(), views, whole)
        return detections(np.concatenate([more, rows]), np.concatenate([more_scores, scores]))

    def _follow(self, rgb: np.ndarray, before: Found) -> Found | None:
        """A face that the mesh was sure of in the frame before, where it is now; None where it is not sure of it any more."""
        if before.mesh is None or not before.followed:
            return None
        roi = roi_of_mesh(before.mesh.points)
        mesh = fit_mesh(self._mesh_session(), rgb, roi)
        now = roi_of_mesh(mesh.points)
        if mesh.presence >= PRESENT and max(abs(now.cx - roi.cx), abs(now.cy - roi.cy), abs(now.side - roi.side)) > MOVED * roi.side:
            again = fit_mesh(self._mesh_session(), rgb, now)
            mesh = again if again.presence >= mesh.presence else mesh
        return Found(mesh.xywh_px, mesh.presence, mesh) if mesh.presence >= SURE else None

    def _judge(self, rgb: np.ndarray, views: Views, one: Detection, known: Sequence[Found]) -> Found | None:
        """A detection with its mesh; None where neither the mesh nor a closer look confirms it."""
        mesh, sure = self._fit(rgb, one)
        if sure and any(f.followed and iou_xywh(f.xywh_px, mesh.xywh_px) >= SAME_IOU for f in known):
            return Found(mesh.xywh_px, mesh.presence, mesh)
        rows, scores = self._close.rows(self._far_session(), views, [_around(one.xywh_px)])
        near = [d for d in detections(rows, scores) if iou_xywh(d.xywh_px, one.xywh_px) >= SAME_IOU]
        if not near:
            return None
        best = max(near, key=lambda d: d.score)
        if best.score >= CONFIRMED and not sure:  # its box is the better one
            again, sure = self._fit(rgb, best)
            mesh = again if again.presence >= mesh.presence else mesh
        if sure and best.score >= CONFIRMED:
            return Found(mesh.xywh_px, mesh.presence, mesh)
        kept = mesh if mesh.presence >= PRESENT else None
        return Found(one.xywh_px if kept is None else kept.xywh_px, best.score, kept)

    def _fit(self, rgb: np.ndarray, one: Detection) -> tuple[Mesh, bool]:
        """The mesh of a detection, and whether it is sure: also when it is asked again about its own points."""
        mesh = fit_mesh(self._mesh_session(), rgb, roi_of_detection(one))
        if mesh.presence < PRESENT:
            return mesh, False
        again = fit_mesh(self._mesh_session(), rgb, roi_of_mesh(mesh.points))  # the detector's box is rough
        best, least = (again, mesh) if again.presence >= mesh.presence else (mesh, again)
        return best, best.presence >= SURE and least.presence >= PRESENT


def _around(xywh_px: Sequence[float]) -> Square:
    """The square of the closer look."""
    x, y, w, h = xywh_px
    side = max(w, h) * LOOK_X
    return Square(x + (w - side) / 2, y + (h - side) / 2, side)


def _beside(face: Found, other: Found) -> bool:
    (x, y, w, h), (u, v, s, t) = face.xywh_px, other.xywh_px
    return bool(np.hypot(x + w / 2 - u - s / 2, y + h / 2 - v - t / 2) < BESIDE * max(w, h))


def _among(face: Found, others: Sequence[Found]) -> bool:
    return any(_shared(face.xywh_px, f.xywh_px) > SAME_PART for f in others)


def _shared(a: Sequence[float], b: Sequence[float]) -> float:
    """The two boxes' intersection over the smaller one."""
    width, height = (max(0.0, min(a[i] + a[i + 2], b[i] + b[i + 2]) - max(a[i], b[i])) for i in (0, 1))
    least = min(a[2] * a[3], b[2] * b[3])
    return width * height / least if least > 0 else 0.0
