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
# blocks), a few where the encoder refines the picture or looks ahead. Measured on H.264 at CRF 18-28: 0.01 and 0.8 at the median, 0.6 and
# 8 at worst, while the calmest of the real takes (an empty car park, a still sitter) keep above 0.02-0.25 and 1.0.
STILL_MEAN, STILL_BLOCK = 0.05, 1.0  # levels: mean over the picture, and over its most changed block
CALM_MEAN, CALM_BLOCK = 1.0, 8.0  # levels: what a refinement may change
STILL_PAIRS_SHARE = 0.7  # of the pairs of a frozen span are still, the others at least calm
FROZEN_MIN_S = 0.5  # shorter repeats are duplicates: at 24-30 frames/s nobody sees a pause below about half a second as a freeze
# A repeat is a dip between two movements. Over untouched takes no pair fell below 0.45 of the lesser of its two neighbours; repeats stay
# below 0.25 at CRF 18, below 0.35 mostly at CRF 23; where the picture hardly moves they cannot be told at all.
DIP = 0.35
MIN_MOTION = 0.3  # levels, mean change of the pairs on both sides of a duplicate
EDGE_PAIRS = 3  # pairs beyond a candidate that show whether the picture moves there
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
    """(first, last) frames of each frozen span: still pairs, calm ones between them, and at the ends those that dip."""
    n = len(log.t_s)
    mean, block = log.change_mean, log.change_block
    seen = [i > 0 and not log.black[i] and not log.black[i - 1] for i in range(n)]
    still = [seen[i] and mean[i] <= STILL_MEAN and block[i] <= STILL_BLOCK for i in range(n)]
    calm = [seen[i] and mean[i] <= CALM_MEAN and block[i] <= CALM_BLOCK for i in range(n)]

    def dips(i: int, beyond: range) -> bool:
        around = [j for j in beyond if 0 < j < n]
        return bool(around) and all(values[i] <= DIP * max(values[j] for j in around) for values in (mean, block))

    for a, b in _runs(calm):
        marks = still[a:b]
        if not any(marks):
            continue
        # pair i joins frames i - 1 and i
        start, stop = a + marks.index(True), b - marks[::-1].index(True)
        if sum(still[start:stop]) < STILL_PAIRS_SHARE * (stop - start):
            continue
        while start > a and dips(start - 1, range(start - 1 - EDGE_PAIRS, start - 1)):
            start -= 1
        while stop < b and dips(stop, range(stop + 1, stop + 1 + EDGE_PAIRS)):
            stop += 1
        if times[stop] - times[start - 1] >= FROZEN_MIN_S:
            yield start - 1, stop - 1


def _duplicates(log: FrameLog, frozen: Sequence[bool], times: list[float]) -> list[int]:
    """Frames that repeat the one before them although the picture moves before and after: short dips of the change."""
    change = log.change_mean
    calm = [
        i > 1
        and not frozen[i]
        and not log.black[i]
        and not log.black[i - 1]
        and change[i] <= CALM_MEAN
        and log.change_block[i] <= CALM_BLOCK
        for i in range(len(change))
    ]
    out: list[int] = []
    i = 1
    while i < len(change):
        before, end = change[i - 1], i
        while end < len(change) and calm[end] and change[end] <= DIP * before and times[end + 1] - times[i - 1] < FROZEN_MIN_S:
            end += 1
        if i < end < len(change) and min(before, change[end]) >= MIN_MOTION and max(change[i:end]) <= DIP * change[end]:
            out += range(i, end)
            i = end
        i += 1
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
