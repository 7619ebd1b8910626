"""Clips in which the eyes look aside: the iris of a real one is moved within the eye's opening, from a moment on.

The labelled clips hold almost no look beside the lens. Here the painted iris is cut out, its place filled with the white of the eye, and
set down again some part of its diameter to the side, in every frame from `FROM_S` on. 0.3 diameters of 11.7 mm over 10 mm from the eye's
centre of rotation are 20 degrees. Contour and iris are found by the model under test, so nothing is learned here of where it sees the iris
of an eye at rest; what is measured is whether a moved iris is noticed.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np

from reelscope.analyzers.eye_tracking._eyes import MARGIN, SIDE_PX
from reelscope.features.base import LoadContext, NoOptions
from reelscope.features.faces import FacesFeature, finder
from reelscope.features.faces._mesh import LEFT_EYE, RIGHT_EYE
from reelscope.features.faces._roi import crop, roi_of, to_picture
from reelscope.media.encode import ClipWriter

__all__ = ["FROM_S", "render"]

FROM_S = 2.0
SHORT_PX = 540


def render(source: Path, out: Path, part: float, *, end_s: float = 4.0, fps: int = 30) -> None:
    """Write a clip whose eyes are moved sideways by `part` of the iris' diameter from FROM_S on (positive: to the picture's right)."""
    ctx = LoadContext("cpu", NoOptions(), FacesFeature.spec.frames)
    find, iris = finder(ctx), ctx.model("iris-landmarks")
    writer: ClipWriter | None = None
    ctx.pin()
    try:
        with av.open(str(source)) as container:
            first: float | None = None
            for frame in container.decode(video=0):
                first = frame.time if first is None else first
                t_s = frame.time - first
                if t_s >= end_s:
                    break
                scale = min(1.0, SHORT_PX / min(frame.width, frame.height))
                size = (round(frame.width * scale) // 2 * 2, round(frame.height * scale) // 2 * 2)
                rgb = np.ascontiguousarray(frame.reformat(*size, "rgb24", interpolation="AREA").to_ndarray())
                if t_s >= FROM_S:
                    for face in find.find(rgb):
                        if face.mesh is not None:
                            for right in (True, False):
                                rgb = moved(rgb, face.mesh.points, part, iris.session, right=right)
                writer = writer or ClipWriter(out, *size, fps=fps, crf=20).__enter__()
                writer.frame(rgb)
    finally:
        if writer is not None:
            writer.__exit__(None, None, None)
        ctx.unpin()
        ctx.models.close()


def moved(rgb: np.ndarray, mesh: np.ndarray, part: float, session: Any, *, right: bool) -> np.ndarray:
    """One eye's iris set down again `part` of its diameter to the picture's right."""
    outer, inner = RIGHT_EYE if right else LEFT_EYE
    ends = mesh[[outer, inner], :2]
    roi = roi_of(ends, *(ends if right else ends[::-1]), MARGIN)
    contour, iris = session.run([crop(rgb, roi, SIDE_PX, mirror=not right)[None].astype(np.float32) / 255])
    contour = to_picture(contour.reshape(-1, 3)[:16, :2], roi, SIDE_PX, mirror=not right)
    iris = to_picture(iris.reshape(5, 3)[:, :2], roi, SIDE_PX, mirror=not right)
    radius = float(np.hypot(*(iris[1] - iris[3])) + np.hypot(*(iris[2] - iris[4]))) / 4
    opening, disc = (np.zeros(rgb.shape[:2], np.uint8) for _ in range(2))
    cv2.fillPoly(opening, [np.round(np.concatenate([contour[:9], contour[15:8:-1]]) * 16).astype(np.int32)], 255, shift=4)
    cv2.circle(disc, tuple(int(v * 16) for v in iris[0]), int(radius * 1.12 * 16), 255, -1, shift=4)
    step = np.array([[1, 0, part * 2 * radius], [0, 1, 0]], np.float32)
    shape = (rgb.shape[1], rgb.shape[0])
    here, white = (opening > 0) & (disc > 0), (opening > 0) & (disc == 0)
    if not here.any() or not white.any():
        return rgb
    out = rgb.copy()
    out[here] = np.median(rgb[white], axis=0)
    there = (cv2.warpAffine(disc, step, shape) > 0) & (opening > 0)
    known = cv2.warpAffine(here.astype(np.uint8) * 255, step, shape) > 127  # what the lids hid before is dark like the rest of the iris
    out[there] = np.median(rgb[here], axis=0)
    out[there & known] = cv2.warpAffine(rgb, step, shape)[there & known]
    soft = cv2.GaussianBlur(out, (0, 0), 0.7)
    out[opening > 0] = soft[opening > 0]
    return out
