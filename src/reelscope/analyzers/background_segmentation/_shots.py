"""From samples to figures of a shot, once features and shots are finished. Arrays of one sample at a time."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from reelscope.analyzers.background_segmentation._subject import unpack

if TYPE_CHECKING:
    from reelscope.analyzers.background_segmentation._blur import EdgeBlur
    from reelscope.features.faces import Faces
    from reelscope.features.people import People

__all__ = ["Name", "Reading", "Sample", "known_at", "read_sample", "tracks_of"]

Name = tuple[str, int]  # face or person, live id

# Cells on either side of the subject's outline that count for neither side: the outline itself is as sharp as the subject, and the mask is
# right to about one cell.
BAND_CELLS = 2
# Edges that each side needs: fewer are a seam or two, not a picture.
LEAST_EDGES = 40


@dataclass(frozen=True, slots=True)
class Sample:
    """One sampled frame.

    Attributes:
        who: Names of everybody seen. masks: bits of the grid per part of the picture, with the names of those in it.
        edges: None where they were not measured.
    """

    t_s: float
    grid: tuple[int, int]
    who: frozenset[Name]
    masks: tuple[tuple[frozenset[Name], bytes], ...]
    edges: EdgeBlur | None = None


@dataclass(frozen=True, slots=True)
class Reading:
    """What one sample says once it is known who was there.

    Attributes:
        person: Whether somebody is known to be there. share: of the picture; None where somebody is and has no mask.
        box: x, y, width, height, centre: x, y of the subject, 0-1; None without a subject.
        subject_blur, background_blur: Medians over edges, thousandths of the shorter side; None with too few edges.
        edge_density: Share of the background's cells that hold an edge; None where edges were not measured or there is no background.
    """

    t_s: float
    person: bool
    share: float | None
    box: tuple[float, float, float, float] | None = None
    centre: tuple[float, float] | None = None
    subject_blur: float | None = None
    background_blur: float | None = None
    edge_density: float | None = None
    with_edges: bool = False


def known_at(t_s: float, faces: Faces, people: People) -> frozenset[Name]:
    """Those whose finished tracks, of two sightings at least, are there at a time."""
    tracks = [("face", t) for t in faces.tracks] + [("person", t) for t in people.tracks]
    return frozenset((kind, t.live_id) for kind, t in tracks if len(t.t_s) >= 2 and t.start_s - 1e-6 <= t_s < t.end_s - 1e-6)


def read_sample(sample: Sample, known: Collection[Name]) -> Reading:
    """Figures of one sample. Masks count only where somebody in them is in a finished track."""
    rows, columns = sample.grid
    mask = np.zeros(sample.grid, bool)
    for names, bits in sample.masks:
        if names & set(known):
            mask |= unpack(bits, sample.grid)
    share, box, centre = None, None, None
    if mask.any():
        share = float(mask.mean())
        ys, xs = np.nonzero(mask)
        left, top = float(xs.min() / columns), float(ys.min() / rows)
        box = left, top, float((xs.max() + 1) / columns) - left, float((ys.max() + 1) / rows) - top
        centre = float((xs.mean() + 0.5) / columns), float((ys.mean() + 0.5) / rows)
    elif not known:
        share = 0.0
    if sample.edges is None or share is None:
        return Reading(sample.t_s, bool(known), share, box, centre)
    inner, outer = _without_band(mask)
    edges = sample.edges
    cells = unpack(edges.cells, sample.grid)
    subject, behind = inner[edges.row, edges.column], outer[edges.row, edges.column]
    return Reading(
        sample.t_s,
        bool(known),
        share,
        box,
        centre,
        _median(edges.sigma[subject]),
        _median(edges.sigma[behind]),
        float(cells[outer].mean()) if outer.any() else None,
        with_edges=True,
    )


def _without_band(mask: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Subject and background without the band around the outline; the picture's own border is no outline."""
    import cv2

    kernel = np.ones((2 * BAND_CELLS + 1, 2 * BAND_CELLS + 1), np.uint8)
    own = mask.astype(np.uint8)
    inner = cv2.erode(own, kernel, borderType=cv2.BORDER_REPLICATE)
    outer = cv2.dilate(own, kernel, borderType=cv2.BORDER_REPLICATE)
    return inner.astype(bool), ~outer.astype(bool)


def _median(sigma: np.ndarray) -> float | None:
    return float(np.median(sigma.astype(np.float32))) if len(sigma) >= LEAST_EDGES else None


def tracks_of(readings: Sequence[Reading], gap_s: float) -> list[list[Reading]]:
    """Readings in stretches without a gap of more than `gap_s`."""
    out: list[list[Reading]] = []
    for r in readings:
        if out and r.t_s - out[-1][-1].t_s <= gap_s:
            out[-1].append(r)
        else:
            out.append([r])
    return out
