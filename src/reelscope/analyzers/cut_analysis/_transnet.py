"""TransNetV2 over a stream of frames: windows of 100 with 25 of context on either side, and transitions out of its two outputs.

T. Soucek, J. Lokoc, "TransNet V2: An effective deep network architecture for fast shot transition detection", ACM MM 2024. The first output
marks the one frame of a transition that stands for it (of a cut the last frame of the old shot), the second every frame that takes part.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from reelscope.features.shots import Transition

__all__ = ["SIZE_PX", "THRESHOLD", "Stream", "answer", "transitions_of"]

SIZE_PX = (48, 27)  # width, height, the aspect not kept: as it was trained
WINDOW, CONTEXT = 100, 25
STEP = WINDOW - 2 * CONTEXT
THRESHOLD = 0.5  # as published, for both outputs
# A cut marks one frame of the second output, seldom two: a mixed frame where fields or a re-encoder blended both shots.
CUT_FRAMES = 2

Run = Callable[[Sequence[np.ndarray]], Sequence[np.ndarray]]


class Stream:
    """Collects frames into windows and keeps the middle 50 of each window's 100 answers.

    Args:
        run: Windows (uint8 [100, 27, 48, 3], RGB) to answers (float32 [100, 2]: one frame, every frame; 0-1).
        batch: Windows that are gathered before `run` is called.
    """

    def __init__(self, run: Run, *, batch: int = 1) -> None:
        self._run, self._batch = run, batch
        self._held: list[np.ndarray] = []  # frames that windows to come begin with
        self._windows: list[np.ndarray] = []
        self._answers: list[np.ndarray] = []
        self._pts_s: list[float] = []

    def add(self, frames: np.ndarray, pts_s: Sequence[float]) -> None:
        """Take frames (uint8 [n, 27, 48, 3]; copied)."""
        for frame, t_s in zip(frames, pts_s, strict=True):
            if not self._pts_s:
                self._held = [np.array(frame)] * CONTEXT  # the first frame stands for what was before it
            self._pts_s.append(float(t_s))
            self._push(np.array(frame))

    def end(self) -> tuple[np.ndarray, np.ndarray]:
        """Answers (float32 [n, 2]) and times (float64 [n]) of all frames; the last frame stands for what would follow."""
        n = len(self._pts_s)
        if n:
            last = self._held[-1]
            while STEP * (sum(len(a) for a in self._answers) // STEP + len(self._windows)) < n:
                self._push(last)
        self._flush()
        answers = np.concatenate(self._answers) if self._answers else np.zeros((0, 2), np.float32)
        return answers[:n], np.array(self._pts_s)

    def _push(self, frame: np.ndarray) -> None:
        self._held.append(frame)
        if len(self._held) == WINDOW:
            self._windows.append(np.stack(self._held))
            self._held = self._held[STEP:]
            if len(self._windows) >= self._batch:
                self._flush()

    def _flush(self) -> None:
        if self._windows:
            self._answers += [np.asarray(a)[CONTEXT : CONTEXT + STEP] for a in self._run(self._windows)]
            self._windows = []


def answer(session: Any, windows: Sequence[np.ndarray]) -> list[np.ndarray]:
    """Ask the network (a torch session) about a batch of windows: float32 [100, 2] each, sigmoids of its two outputs."""
    import torch

    with torch.inference_mode():
        one, more = session.model(torch.from_numpy(np.stack(windows)).to(session.device))
        both = torch.sigmoid(torch.cat([one, more["many_hot"]], dim=2).float())
    return list(both.cpu().numpy())


def transitions_of(answers: np.ndarray, pts_s: np.ndarray, threshold: float = THRESHOLD) -> tuple[Transition, ...]:
    """Transitions in time order.

    A run of frames at or above the threshold in the first output is one transition. The run of the second output around its highest frame
    says how long it is: at most CUT_FRAMES long it is a cut, whose time is that of the frame after the highest one; longer, it is gradual
    (TransNetV2 does not tell dissolves, fades and wipes apart) and lasts from the first of its frames to the one after the last.
    A cut after the very last frame is none.

    Args:
        answers: float32 [n, 2], 0-1. pts_s: float64 [n].
    """
    n = len(pts_s)
    one, many = answers[:, 0] >= threshold, answers[:, 1] >= threshold
    found: list[Transition] = []
    covered = -1  # last frame of a gradual transition that was already taken
    for first, last in _runs(one):
        peak = first + int(np.argmax(answers[first : last + 1, 0]))
        if peak <= covered:
            continue
        start = end = peak
        while start > 0 and many[peak] and many[start - 1]:
            start -= 1
        while end < n - 1 and many[peak] and many[end + 1]:
            end += 1
        confidence = float(answers[peak, 0])
        figures = (("single_frame", confidence), ("all_frames", float(answers[peak, 1])))
        if end - start + 1 <= CUT_FRAMES:
            if peak + 1 < n:
                at = float(pts_s[peak + 1])
                found.append(Transition("cut", at, at, confidence=confidence, figures=figures))
            continue
        covered = end
        stop = float(pts_s[min(end + 1, n - 1)])
        found.append(Transition("gradual", float(pts_s[start]), stop, confidence=confidence, figures=figures))  # type: ignore[arg-type]
    return tuple(found)


def _runs(marked: np.ndarray) -> list[tuple[int, int]]:
    """First and last index of each run of True."""
    padded = np.concatenate([[False], marked, [False]]).astype(np.int8)
    steps = np.diff(padded)
    return list(zip(np.flatnonzero(steps == 1).tolist(), (np.flatnonzero(steps == -1) - 1).tolist(), strict=True))
