"""What one unscaled luma frame tells: sharpness, fine detail, noise, blockiness, banding. Formulas: docs/analyzers/content_quality.md."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

__all__ = ["LumaFigures", "LumaMeter", "without_black_edges"]

MIN_SIDE_PX = 24  # a smaller picture has too few 8 px blocks and 9 px neighbourhoods to measure anything
BLACK_LINE = 24  # a line with no pixel above it belongs to a black bar
MIN_STEP = 0.01  # levels; a picture whose neighbouring pixels differ by less on average has no detail to judge
SHARP_TAPS = 9  # Crete-Roffet 2007: strong enough to blur what a viewer sees as sharp
FINE_TAPS = 3  # removes only what lives on single pixels: the first victim of scaling and compression
TILES = 6  # per side, for the sharpest parts: a subject of a sixth of the picture fills one
PEAK_QUANTILE = 0.9  # of the tiles: a shot with a sharp subject before a blurred background is sharp there
TILE_MIN_STEP = 0.5  # levels; flatter tiles have no say in it
NOISE_BLOCK_PX = 16
NOISE_QUANTILE = 0.2  # of the blocks: the plainest fifth, where texture adds least
NOISE_LUMA = (16.0, 240.0)  # mean of a block; clipping hides noise outside
STEP_CAP = 20  # levels; a single strong edge on a grid line must not look like a grid
GRID_PX = 8  # transform blocks of H.264, HEVC, VP9 and MPEG-2/4 meet on multiples of 8
MIN_GRID_STEP = 0.05  # levels; floor of the denominator: in a perfectly flat picture the quotient means nothing
BAND_STRIDE = 2  # every second pixel: contours are longer than that
BAND_BLOCK_PX = 16  # of the thinned picture
BAND_RANGE = (2, 12)  # levels between the darkest and the brightest pixel of a block on a smooth gradient; 1 is too faint to see
BAND_FLAT_SHARE = 0.85  # of neighbour pairs are equal in a block of plateaus; noise of sigma 0.5 already leaves less than half


@dataclass(frozen=True, slots=True)
class LumaFigures:
    """Figures of one frame; None: not measurable (too small, flat, clipped).

    sharpness, sharpness_peak, fine_detail: 0-1. noise_sigma: levels of 255. blockiness: 0 none. banding_share: 0-1 of the picture.
    """

    t_s: float
    sharpness: float | None = None
    sharpness_peak: float | None = None
    fine_detail: float | None = None
    noise_sigma: float | None = None
    blockiness: float | None = None
    banding_share: float | None = None


def without_black_edges(luma: np.ndarray) -> np.ndarray:
    """View of luma [h, w] without the black bars at its edges, cut at multiples of GRID_PX; all of it where it is black throughout."""
    rows = np.flatnonzero(cv2.reduce(luma, 1, cv2.REDUCE_MAX).ravel() > BLACK_LINE)
    columns = np.flatnonzero(cv2.reduce(luma, 0, cv2.REDUCE_MAX).ravel() > BLACK_LINE)
    if not len(rows) or not len(columns):
        return luma
    # half a bar's edge would be a step stronger than anything in the picture, so the cut lies inside it
    top, left = (-(-int(first) // GRID_PX) * GRID_PX for first in (rows[0], columns[0]))
    bottom, right = int(rows[-1]) + 1, int(columns[-1]) + 1
    return luma[top:bottom, left:right]


class LumaMeter:
    """Measures frames one after the other in buffers of its own.

    New 2 MiB temporaries for every step made the work four times as slow: the allocator hands such blocks back to the system each time.
    """

    def __init__(self) -> None:
        self._buffers: dict[str, np.ndarray] = {}

    def measure(self, luma: np.ndarray, t_s: float) -> LumaFigures:
        """Figures of one frame, uint8 [h, w], full-range luma."""
        picture = without_black_edges(luma)
        height, width = picture.shape
        if min(height, width) < MIN_SIDE_PX:
            return LumaFigures(t_s)
        across = cv2.absdiff(picture[:, 1:], picture[:, :-1], dst=self._buffer("across", (height, width - 1)))
        down = cv2.absdiff(picture[1:], picture[:-1], dst=self._buffer("down", (height - 1, width)))
        steps = (across, down)
        sharpness = peak = fine = None
        if min(cv2.mean(s)[0] for s in steps) >= MIN_STEP:
            sharpness, peak = self._sharpness(picture, steps)
            fine = self._fine_detail(picture, steps)
        noise = self._noise(picture)
        banding = _banding(picture)
        return LumaFigures(t_s, sharpness, peak, fine, noise, _blockiness(steps), banding)

    def _buffer(self, name: str, shape: tuple[int, int], dtype: type = np.uint8) -> np.ndarray:
        """The buffer of that name, made anew where the shape has changed."""
        found = self._buffers.get(name)
        if found is None or found.shape != shape:
            found = self._buffers[name] = np.empty(shape, dtype)
        return found

    def _lost(self, picture: np.ndarray, step: np.ndarray, axis: int, taps: int) -> np.ndarray:
        """How much smaller the steps along an axis (0: across) are after averaging over `taps` pixels along it, uint8, never negative."""
        soft = cv2.blur(picture, (taps, 1) if axis == 0 else (1, taps), dst=self._buffer("soft", picture.shape))
        soft_step = self._buffer(f"soft_step{axis}", step.shape)
        if axis == 0:
            cv2.absdiff(soft[:, 1:], soft[:, :-1], dst=soft_step)
        else:
            cv2.absdiff(soft[1:], soft[:-1], dst=soft_step)
        return cv2.subtract(step, soft_step, dst=soft_step)

    def _sharpness(self, picture: np.ndarray, steps: tuple[np.ndarray, np.ndarray]) -> tuple[float, float | None]:
        """1 - blur (Crete-Roffet) of the blurrier direction; and the PEAK_QUANTILE over tiles, both directions together."""
        lost, total = np.zeros((2, TILES, TILES)), np.zeros((2, TILES, TILES))
        area = np.zeros((TILES, TILES))
        for axis, step in enumerate(steps):
            gone = self._lost(picture, step, axis, SHARP_TAPS)
            ys = np.linspace(0, step.shape[0], TILES + 1).astype(int)
            xs = np.linspace(0, step.shape[1], TILES + 1).astype(int)
            for i in range(TILES):
                for j in range(TILES):
                    tile = (slice(ys[i], ys[i + 1]), slice(xs[j], xs[j + 1]))
                    lost[axis, i, j], total[axis, i, j] = cv2.sumElems(gone[tile])[0], cv2.sumElems(step[tile])[0]
                    area[i, j] = (ys[i + 1] - ys[i]) * (xs[j + 1] - xs[j])
        whole = float((lost.sum(axis=(1, 2)) / total.sum(axis=(1, 2))).min())
        both = total.sum(axis=0)
        busy = both >= 2 * TILE_MIN_STEP * area
        return whole, float(np.quantile(lost.sum(axis=0)[busy] / both[busy], PEAK_QUANTILE)) if busy.any() else None

    def _fine_detail(self, picture: np.ndarray, steps: tuple[np.ndarray, np.ndarray]) -> float | None:
        """As the sharpness of the whole, over FINE_TAPS, and without the steps across the grid: edges of blocks are no detail."""
        found = []
        for axis, step in enumerate(steps):
            total = _inside_blocks(step, axis)
            if not total:
                return None
            found.append(_inside_blocks(self._lost(picture, step, axis, FINE_TAPS), axis) / total)
        return min(found)

    def _noise(self, picture: np.ndarray) -> float | None:
        """Standard deviation of the noise in levels: Immerkaer 1996's operator, in the plainest blocks."""
        rows, columns = (side // NOISE_BLOCK_PX for side in picture.shape)
        used = picture[: rows * NOISE_BLOCK_PX, : columns * NOISE_BLOCK_PX]
        kernel = np.array([1, -2, 1], np.float32)
        response = cv2.sepFilter2D(used, cv2.CV_16S, kernel, kernel, dst=self._buffer("response", used.shape, np.int16))
        size = cv2.convertScaleAbs(response, dst=self._buffer("size", used.shape))
        mean = self._block_sums(size) / NOISE_BLOCK_PX**2
        level = self._block_sums(used) / NOISE_BLOCK_PX**2
        plain = mean[(level > NOISE_LUMA[0]) & (level < NOISE_LUMA[1])]
        # fewer than one block in fifty: what is left are the edges of clipped areas
        if len(plain) < max(1, mean.size // 50):
            return None
        return float(np.quantile(plain, NOISE_QUANTILE) * np.sqrt(np.pi / 2) / 6)

    def _block_sums(self, values: np.ndarray) -> np.ndarray:
        """Sums over blocks of NOISE_BLOCK_PX, exactly."""
        whole = cv2.integral(values, sum=self._buffer("integral", (values.shape[0] + 1, values.shape[1] + 1), np.int32))
        corners = whole[::NOISE_BLOCK_PX, ::NOISE_BLOCK_PX].astype(np.int64)
        return corners[1:, 1:] - corners[1:, :-1] - corners[:-1, 1:] + corners[:-1, :-1]


def _inside_blocks(steps: np.ndarray, axis: int) -> float:
    """Sum of the steps along an axis that do not cross a line of the grid."""
    profile = cv2.reduce(steps, axis, cv2.REDUCE_SUM, dtype=cv2.CV_32S).ravel()
    return float(profile.sum(dtype=np.int64) - profile[GRID_PX - 1 :: GRID_PX].sum(dtype=np.int64))


def _blockiness(steps: tuple[np.ndarray, np.ndarray]) -> float:
    """How much larger steps across the GRID_PX grid are than elsewhere, 0 and up, mean of both directions. Caps the steps in place."""
    found = []
    for axis, step in enumerate(steps):
        cv2.threshold(step, STEP_CAP, STEP_CAP, cv2.THRESH_TRUNC, dst=step)
        profile = cv2.reduce(step, axis, cv2.REDUCE_AVG, dtype=cv2.CV_32F).ravel()
        phases = profile[: len(profile) // GRID_PX * GRID_PX].reshape(-1, GRID_PX).mean(axis=0)
        found.append(float(phases[-1]) / max(float(np.median(phases[:-1])), MIN_GRID_STEP) - 1.0)
    return max(0.0, sum(found) / 2)


def _banding(picture: np.ndarray) -> float:
    """Share of blocks on a smooth gradient that consist of plateaus with steps between them."""
    thin = picture[::BAND_STRIDE, ::BAND_STRIDE]
    rows, columns = thin.shape[0] // BAND_BLOCK_PX, thin.shape[1] // BAND_BLOCK_PX
    if rows < 1 or columns < 1:
        return 0.0
    blocks = thin[: rows * BAND_BLOCK_PX, : columns * BAND_BLOCK_PX].reshape(rows, BAND_BLOCK_PX, columns, BAND_BLOCK_PX)
    spread = blocks.max(axis=(1, 3)) - blocks.min(axis=(1, 3))
    smooth = (spread >= BAND_RANGE[0]) & (spread <= BAND_RANGE[1])
    if not smooth.any():
        return 0.0
    chosen = blocks.transpose(0, 2, 1, 3)[smooth]
    flat = ((chosen[:, :, 1:] == chosen[:, :, :-1]).mean(axis=(1, 2)) + (chosen[:, 1:] == chosen[:, :-1]).mean(axis=(1, 2))) / 2
    return float((flat >= BAND_FLAT_SHARE).sum()) / (rows * columns)
