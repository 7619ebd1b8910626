"""Who the finished features `faces` and `people` have in one frame of a clip."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np

from reelscope.analyzers.base import Inputs, LoadContext, NoOptions
from reelscope.analyzers.registry import INSTALLED
from reelscope.features.base import Clip
from reelscope.features.shots import Shots
from reelscope.media.frames import SAMPLED_LARGE, Frames, Window

__all__ = ["people_at"]

Box = tuple[float, float, float, float]
# Seconds before and after the frame that are looked at: tracks are judged by their persistence.
AROUND_S = 2.0
STEP_S = 0.2  # as SAMPLED_LARGE


def people_at(path: Path, t_s: float) -> tuple[np.ndarray, list[Box], list[Box]]:
    """The frame (uint8 [h, w, 3], 540 px) at `t_s` and the boxes of the faces and of the people of finished tracks in that frame."""
    times, pixels = _frames(path, t_s)
    clip = Clip(path.name, SimpleNamespace(duration_s=float(times[-1]) + STEP_S), "")  # type: ignore[arg-type]
    height, width = pixels.shape[1:3]
    shots = Shots((), ((0.0, float(times[-1]) + STEP_S),))
    found = []
    for name in ("faces", "people"):
        feature = INSTALLED.feature(name)()
        ctx = LoadContext(device="cpu", options=NoOptions(), frames=(SAMPLED_LARGE,))
        feature.load(ctx)
        feature.begin(clip)
        window = Window(
            0,
            0.0,
            float(times[-1]) + STEP_S,
            True,
            {SAMPLED_LARGE.resolve(width, height): Frames(pixels, times, np.arange(len(times)))},
            (width, height),
        )
        feature.feed(window)
        value: Any = feature.finish(Inputs(clip, features={"shots": shots}))
        found.append([box for track in value.tracks for box in _at(track, t_s)])
        feature.close()
    at = int(np.argmin(np.abs(times - t_s)))
    return pixels[at], found[0], found[1]


def _at(track: Any, t_s: float) -> Sequence[Box]:
    near = int(np.argmin(np.abs(track.t_s - t_s)))
    return [tuple(float(v) for v in track.xywh_norm[near])] if abs(track.t_s[near] - t_s) < 1e-3 else []  # type: ignore[list-item]


def _frames(path: Path, t_s: float) -> tuple[np.ndarray, np.ndarray]:
    """Frames every STEP_S around `t_s`, the one at it among them, on the file's own clock."""
    import av

    wanted = [t for t in (t_s + STEP_S * k for k in range(-round(AROUND_S / STEP_S), round(AROUND_S / STEP_S) + 1)) if t >= 0]
    times, pixels = [], []
    with av.open(str(path)) as container:
        first = None
        for frame in container.decode(container.streams.video[0]):
            first = frame.time if first is None else first
            at = frame.time - first
            if wanted and at >= wanted[0] - 2e-3:
                scale = min(1.0, 540 / min(frame.width, frame.height))
                size = round(frame.width * scale), round(frame.height * scale)
                pixels.append(frame.reformat(*size, "rgb24", interpolation="AREA").to_ndarray())
                times.append(t_s if abs(at - t_s) < 2e-3 else at)
                wanted.pop(0)
            if not wanted:
                break
    stack = np.ascontiguousarray(np.stack(pixels))
    stack.flags.writeable = False
    return np.array(times), stack
