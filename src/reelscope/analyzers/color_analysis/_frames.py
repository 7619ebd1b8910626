"""What is kept of one frame: at most MAX_ENTRIES weighted colours, and the extents of plain bars at its edges."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from reelscope.analyzers.color_analysis._oklab import srgb_to_oklab

__all__ = [
    "MAX_ENTRIES",
    "Bars",
    "EdgeExtents",
    "FrameColours",
    "agree_on_bars",
    "edge_extents",
    "histogram",
    "keep",
    "reduce_entries",
    "without_bars",
]

BIN_BITS = 5  # 32 levels a channel: the mean colour of each bin is kept, so the bin's width only decides what is averaged together
MAX_ENTRIES = 96  # colours kept of a frame: 0.75 KiB in float16, 11 MiB for an hour at 4 frames/s
BAR_LEVELS = 16  # a pixel within this of the bar's colour in every channel is bar: H.264 at CRF 40 stays within 10 around plain areas
BAR_ROW_SHARE = 0.985  # share of a row that must be bar; the rest may be ringing
MIN_BAR_SHARE = 0.02  # of the picture's height or width, on each of both sides: thinner edges are encoder padding or a blanking line
EDGE_CONTENT_SHARE = 0.4  # of the line just inside a bar must be picture: a title on a plain card fills less of the line it starts on
BAR_FRAMES_SHARE = 0.3  # of a shot's frames must show that sharp edge: dark frames hide it


@dataclass(frozen=True, slots=True)
class EdgeExtents:
    """Lines of the frame's own edge colour, in px from each edge. `sharp`: on every side with a bar, picture fills the line inside it.

    rgb: colour of the bars, 0-255.
    """

    top: int
    bottom: int
    left: int
    right: int
    sharp: bool
    rgb: tuple[float, float, float]


@dataclass(frozen=True, slots=True)
class FrameColours:
    """One sampled frame.

    entries: float16 [n <= MAX_ENTRIES, 4]: OKLab L, a, b and share of the frame (sums to 1). contrast: range of OKLab L over 99.9 % of it.
    """

    t_s: float
    entries: np.ndarray
    edges: EdgeExtents | None
    contrast: float


@dataclass(frozen=True, slots=True)
class Bars:
    """Bars of a shot. xywh_norm: the picture inside them; share: of the frame that is bar; lab: their OKLab colour."""

    kind: str
    xywh_norm: tuple[float, float, float, float]
    share: float
    lab: np.ndarray


def keep(rgb: np.ndarray, t_s: float) -> FrameColours:
    """What is kept of one frame, uint8 [h, w, 3]."""
    entries = histogram(rgb)
    order = np.argsort(entries[:, 0])
    cumulative = np.cumsum(entries[order, 3])
    low, high = np.searchsorted(cumulative, (0.0005, 0.9995)).clip(0, len(order) - 1)
    contrast = float(entries[order[high], 0] - entries[order[low], 0])
    return FrameColours(t_s, reduce_entries(entries).astype(np.float16), edge_extents(rgb), contrast)


def histogram(rgb: np.ndarray) -> np.ndarray:
    """Colours of one frame, uint8 [h, w, 3], as float64 [n, 4]: OKLab of each occupied RGB bin's mean colour, and its share."""
    pixels = rgb.reshape(-1, 3)
    drop = 8 - BIN_BITS
    r, g, b = (np.ascontiguousarray(pixels[:, i]) for i in range(3))
    code = ((r >> drop).astype(np.uint16) << (2 * BIN_BITS)) | ((g >> drop).astype(np.uint16) << BIN_BITS) | (b >> drop)
    size = 1 << (3 * BIN_BITS)
    count = np.bincount(code, minlength=size)
    used = np.flatnonzero(count)
    n = count[used].astype(np.float64)
    mean = np.stack([np.bincount(code, weights=channel, minlength=size)[used] / n for channel in (r, g, b)], axis=1)
    return np.concatenate([srgb_to_oklab(mean), (n / len(pixels))[:, None]], axis=1)


def reduce_entries(entries: np.ndarray, limit: int = MAX_ENTRIES) -> np.ndarray:
    """At most `limit` of the [n, 4] entries: the heaviest stay, every other joins the nearest of them (means and shares are kept)."""
    if len(entries) <= limit:
        return entries
    order = np.argsort(-entries[:, 3], kind="stable")
    kept = entries[order[:limit]]
    rest = entries[order[limit:]]
    # |x - y|^2 without |x|^2, which does not change which y is nearest
    nearest = np.argmin((kept[:, :3] ** 2).sum(axis=1) - 2.0 * rest[:, :3] @ kept[:, :3].T, axis=1)
    owner = np.concatenate([np.arange(limit), nearest])
    every = np.concatenate([kept, rest])
    share = np.bincount(owner, weights=every[:, 3], minlength=limit)
    lab = [np.bincount(owner, weights=every[:, 3] * every[:, i], minlength=limit) / share for i in range(3)]
    return np.stack([*lab, share], axis=1)


def edge_extents(rgb: np.ndarray) -> EdgeExtents | None:
    """Plain bars at the edges of one frame, uint8 [h, w, 3]; None where no pair of opposite edges is plain, or the whole frame is.

    A line is bar where BAR_ROW_SHARE of it lies within BAR_LEVELS of the corner's colour.
    """
    height, width = rgb.shape[:2]
    corner = rgb[0, 0].astype(np.int16)

    def plain(lines: np.ndarray) -> np.ndarray:
        near = (np.abs(lines.astype(np.int16) - corner) <= BAR_LEVELS).all(axis=-1)
        return near.mean(axis=-1)

    rows = bool(np.min(plain(rgb[[0, -1]])) >= BAR_ROW_SHARE)
    columns = bool(np.min(plain(rgb[:, [0, -1]].swapaxes(0, 1))) >= BAR_ROW_SHARE)
    if not rows and not columns:
        return None  # nearly every frame leaves here, for the cost of four lines
    near = (np.abs(rgb.astype(np.int16) - corner) <= BAR_LEVELS).all(axis=-1)
    bar_rows, bar_columns = near.mean(axis=1), near.mean(axis=0)
    top, bottom = _run(bar_rows), _run(bar_rows[::-1])
    left, right = _run(bar_columns), _run(bar_columns[::-1])
    if top == height or left == width:
        return None
    box = near[top : height - bottom, left : width - right]
    # rows or columns just inside; two deep, because scaling mixes the first one with the bar
    inside = []
    if rows:
        inside += [box[:2], box[-2:]]
    if columns:
        inside += [box[:, :2].T, box[:, -2:].T]
    sharp = all(1.0 - part[:2].mean(axis=1).min() >= EDGE_CONTENT_SHARE for part in inside)
    bar = np.ones(near.shape, bool)
    bar[top : height - bottom, left : width - right] = False
    r, g, b = rgb[bar].mean(axis=0)
    return EdgeExtents(top, bottom, left, right, sharp, (float(r), float(g), float(b)))


def _run(plain: np.ndarray) -> int:
    """Number of leading lines that are bar."""
    picture = np.flatnonzero(plain < BAR_ROW_SHARE)
    return int(picture[0]) if len(picture) else len(plain)


def agree_on_bars(edges: list[EdgeExtents | None], size_px: tuple[int, int]) -> Bars | None:
    """Bars of a shot from its frames' extents (None: a frame without): the least extent on each side, where enough frames show its edge.

    Args:
        edges: One entry for every sampled frame of the shot that is not all of one colour.
        size_px: Width and height of the sampled frames.
    """
    found = [e for e in edges if e is not None]
    # a bar never goes away within a shot, so one frame with picture at the edge refutes it
    if not found or len(found) < len(edges):
        return None
    width, height = size_px
    top, bottom = min(e.top for e in found), min(e.bottom for e in found)
    left, right = min(e.left for e in found), min(e.right for e in found)
    if min(top, bottom) < MIN_BAR_SHARE * height:
        top = bottom = 0
    if min(left, right) < MIN_BAR_SHARE * width:
        left = right = 0
    if not top and not left:
        return None
    near = [e for e in found if abs(e.top - top) <= 2 and abs(e.bottom - bottom) <= 2] if top else found
    near = [e for e in near if abs(e.left - left) <= 2 and abs(e.right - right) <= 2] if left else near
    if sum(e.sharp for e in near) < BAR_FRAMES_SHARE * len(edges):
        return None
    inner_w, inner_h = width - left - right, height - top - bottom
    kind = "windowbox" if top and left else "letterbox" if top else "pillarbox"
    box = (left / width, top / height, inner_w / width, inner_h / height)
    colour = srgb_to_oklab(np.mean([e.rgb for e in near], axis=0))
    return Bars(kind, box, 1.0 - inner_w * inner_h / (width * height), colour)


def without_bars(entries: np.ndarray, bars: Bars | None) -> np.ndarray:
    """Entries [n, 4] of the picture inside the bars, shares summing to 1.

    Bars are of one colour and of known area: their share is taken from the entries nearest to that colour, so no pixels are needed.
    """
    entries = entries.astype(np.float64)
    if bars is None or not len(entries):
        return entries
    order = np.argsort(((entries[:, :3] - bars.lab) ** 2).sum(axis=1), kind="stable")
    out = entries[order]
    before = np.concatenate([[0.0], np.cumsum(out[:-1, 3])])
    out[:, 3] -= np.clip(bars.share - before, 0.0, out[:, 3])
    out = out[out[:, 3] > 1e-6]
    total = out[:, 3].sum()
    if total > 0:
        out[:, 3] /= total
    return out
