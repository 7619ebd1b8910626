"""Black, frozen and duplicate frames from a few numbers of every frame. Pure decisions; the pixels are read by `FrameMeter` only."""

from __future__ import annotations

from array import array
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Literal

import cv2
import numpy as np

__all__ = ["FrameLog", "FrameMeter", "StillSpan", "find_spans"]

BLACK_LUMA = 25  # of 255; a tenth of full scale, as FFmpeg's blackdetect has it (pixel_black_th 0.10)
BLACK_SHARE = 0.98  # of the pixels, as there (picture_black_ratio_th)
OVER_LUMA, UNDER_LUMA = 250, 5  # nothing can be told apart beyond them in an 8-bit picture
BLOCK_PX = 8  # of the small picture; a moving mouth fills one

# A repeated picture that went through a codec differs from the first by its coding noise: most pairs by nothing at all (skipped
# blocks), a few where the encoder refines the picture. Measured on H.264 at CRF 18-28: 0.01 and 0.8 at the median, 0.6 and 5.9 at worst,
# while the calmest of the real takes (an empty car park, a still sitter) keep above 0.02-0.25 and 1.0.
STILL_MEAN, STILL_BLOCK = 0.05, 1.0  # levels: mean over the picture, and over its most changed block
CALM_MEAN, CALM_BLOCK = 0.7, 6.0  # levels: what a refinement may change
STILL_PAIRS_SHARE = 0.7  # of the pairs of a frozen span are still, the others at least calm
FROZEN_MIN_S = 0.5  # shorter repeats are duplicates: at 24-30 frames/s nobody sees a pause below about half a second as a freeze
DUPLICATE_OF_MOTION = 0.12  # a duplicate changes at most this share of what its neighbours change
MOTION_PAIRS = 12  # pairs on each side that tell the motion around a pair
MIN_MOTION = 0.3  # levels, mean change around: where nothing moves a repeated frame can be neither seen nor told from a real one
STRETCH_GAP_S = 1.0  # duplicates this near belong to one stretch


@dataclass(slots=True)
class FrameLog:
    """Numbers of every frame, in time order.

    over, under: shares of the pixels. change_mean, change_block: against the frame before, over the picture and over its most changed
    block, in levels; -1 for the first frame.
    """

    t_s: array[float] = field(default_factory=lambda: array("d"))
    black: array[int] = field(default_factory=lambda: array("b"))
    over: array[float] = field(default_factory=lambda: array("f"))
    under: array[float] = field(default_factory=lambda: array("f"))
    change_mean: array[float] = field(default_factory=lambda: array("f"))
    change_block: array[float] = field(default_factory=lambda: array("f"))


class FrameMeter:
    """Adds small frames to a FrameLog; holds the last frame's luma, nothing else."""

    def __init__(self) -> None:
        self.log = FrameLog()
        self._last: np.ndarray | None = None

    def add(self, rgb: np.ndarray, t_s: float) -> None:
        """Take one frame, uint8 [h, w, 3]."""
        luma = cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY)
        counts = np.cumsum(cv2.calcHist([luma], [0], None, [256], [0, 256])) / luma.size
        mean = block = -1.0
        if self._last is not None and self._last.shape == luma.shape:
            sums = cv2.integral(cv2.absdiff(luma, self._last))
            mean = float(sums[-1, -1]) / luma.size
            corners = sums[::BLOCK_PX, ::BLOCK_PX]
            blocks = corners[1:, 1:] - corners[1:, :-1] - corners[:-1, 1:] + corners[:-1, :-1]
            block = float(blocks.max()) / BLOCK_PX**2 if blocks.size else mean
        self._last = luma
        log = self.log
        log.t_s.append(t_s)
        log.black.append(bool(counts[BLACK_LUMA] >= BLACK_SHARE))
        log.over.append(1.0 - float(counts[OVER_LUMA - 1]))
        log.under.append(float(counts[UNDER_LUMA]))
        log.change_mean.append(mean)
        log.change_block.append(block)


@dataclass(frozen=True, slots=True)
class StillSpan:
    """A stretch of black, frozen or duplicate frames, half-open. frames: how many black frames, or how many repeats of a frame before."""

    kind: Literal["black", "frozen", "duplicate"]
    start_s: float
    end_s: float
    frames: int


def find_spans(log: FrameLog, end_s: float) -> list[StillSpan]:
    """All spans in time order; `end_s` is where the last frame ends. Black frames are neither frozen nor duplicate."""
    times = [*log.t_s, max(end_s, log.t_s[-1] if log.t_s else end_s)]
    spans = [StillSpan("black", times[a], times[b], b - a) for a, b in _runs(list(log.black))]
    repeat = [False] * len(log.t_s)
    for first, last in _frozen(log, times):
        spans.append(StillSpan("frozen", times[first], times[last + 1], last - first))
        repeat[first : last + 1] = [True] * (last + 1 - first)
    spans += _stretches(_duplicates(log, repeat, times), times)
    return sorted(spans, key=lambda s: (s.start_s, s.kind))


def _runs(flags: Sequence[int | bool]) -> Iterator[tuple[int, int]]:
    """Half-open index ranges of consecutive true flags."""
    start = None
    for i, flag in enumerate([*flags, False]):
        if flag and start is None:
            start = i
        elif not flag and start is not None:
            yield start, i
            start = None


def _frozen(log: FrameLog, times: list[float]) -> Iterator[tuple[int, int]]:
    """(first, last) frames of each frozen span: calm pairs, most of them still, trimmed to still pairs at both ends."""
    n = len(log.t_s)
    seen = [i > 0 and not log.black[i] and not log.black[i - 1] for i in range(n)]
    still = [seen[i] and log.change_mean[i] <= STILL_MEAN and log.change_block[i] <= STILL_BLOCK for i in range(n)]
    calm = [seen[i] and log.change_mean[i] <= CALM_MEAN and log.change_block[i] <= CALM_BLOCK for i in range(n)]
    for a, b in _runs(calm):
        marks = still[a:b]
        if not any(marks):
            continue
        first, last = a + marks.index(True) - 1, b - 1 - marks[::-1].index(True)  # pair i joins frames i - 1 and i
        share = sum(still[first + 1 : last + 1]) / (last - first)
        if share >= STILL_PAIRS_SHARE and times[last + 1] - times[first] >= FROZEN_MIN_S:
            yield first, last


def _duplicates(log: FrameLog, frozen: Sequence[bool], times: list[float]) -> list[int]:
    """Frames that repeat the one before them although the picture moves around them.

    Runs of FROZEN_MIN_S and more that are not frozen are pauses of a live picture, not repeats.
    """
    change = np.array(log.change_mean)
    black = log.black
    calm = [
        i > 0
        and not frozen[i]
        and not black[i]
        and not black[i - 1]
        and log.change_mean[i] <= CALM_MEAN
        and log.change_block[i] <= CALM_BLOCK
        for i in range(len(change))
    ]
    out = []
    for a, b in _runs(calm):
        if times[b] - times[a - 1] >= FROZEN_MIN_S:
            continue
        for i in range(a, b):
            around = np.concatenate([change[max(1, i - MOTION_PAIRS) : i], change[i + 1 : i + 1 + MOTION_PAIRS]])
            # the upper quartile: of a clip raised from 12 to 30 frames/s more than half of all pairs are repeats
            if len(around) and (motion := float(np.quantile(around, 0.75))) >= MIN_MOTION and change[i] <= DUPLICATE_OF_MOTION * motion:
                out.append(i)
    return out


def _stretches(frames: list[int], times: list[float]) -> list[StillSpan]:
    """Duplicates no more than STRETCH_GAP_S apart as one span, from the first to the end of the last."""
    out: list[StillSpan] = []
    for i in frames:
        if out and times[i] - out[-1].end_s <= STRETCH_GAP_S:
            out[-1] = StillSpan("duplicate", out[-1].start_s, times[i + 1], out[-1].frames + 1)
        else:
            out.append(StillSpan("duplicate", times[i], times[i + 1], 1))
    return out
