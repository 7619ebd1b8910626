"""Feature `shots`: transitions and the shots between them, from every frame at 180 px.

Two detectors share one pass. Cuts: figures of the change between neighbouring frames, of the frames around it and of what becomes of it
go into a small fitted model (`_evidence`, `_model`). Gradual transitions: blends and wipes are recognised by their own geometry in a few
seconds of thumbnails (`_gradual`). Only these thumbnails and the figures of a third of a second of frames are held.

A clip that was made of still pictures says itself where its slides begin (`media.slides`): these are its shots, and nothing is detected.
"""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from reelscope.features.base import Clip, Feature, FeatureSpec, Inputs, LoadContext
from reelscope.features.shots._types import Shots, Transition, TransitionKind
from reelscope.media.frames import EVERY_FRAME, Window

if TYPE_CHECKING:
    from reelscope.features.shots._stream import ShotStream

__all__ = ["FEATURE", "Shots", "ShotsFeature", "Transition", "TransitionKind"]

STORED = "shots.json"


class ShotsFeature(Feature[Shots]):
    """Finds transitions while the clip streams by; `finish` tiles the clip."""

    spec = FeatureSpec(name="shots", version=1, packages=("cv2", "numpy"), frames=(EVERY_FRAME,), cost=0.08)
    keeps = True

    @classmethod
    def store(cls, value: Shots, folder: Path) -> None:
        (folder / STORED).write_text(json.dumps(asdict(value)), encoding="utf-8")

    @classmethod
    def restore(cls, folder: Path) -> Shots:
        stored = json.loads((folder / STORED).read_text(encoding="utf-8"))
        transitions = (
            Transition(**{**t, "figures": tuple((name, figure) for name, figure in t["figures"])}) for t in stored["transitions"]
        )
        return Shots(tuple(transitions), tuple((start_s, end_s) for start_s, end_s in stored["shots"]))

    def load(self, ctx: LoadContext) -> None:
        super().load(ctx)
        from reelscope.features.shots._stream import ShotStream

        self._stream: ShotStream = ShotStream()

    def begin(self, clip: Clip) -> None:
        self._known = clip.media.slides is not None
        self._stream.begin()

    def feed(self, window: Window) -> Any:
        if self._known:
            return None
        frames = window.frames(self.frames[0])
        for pixels, pts_s in zip(frames.pixels, frames.pts_s, strict=True):
            self._stream.add(pixels, float(pts_s))
        return None

    def finish(self, inputs: Inputs) -> Shots:
        from reelscope.features.shots._decide import slide_shots, tile

        media = inputs.clip.media
        found = self._stream.end()
        return tile(found, media.duration_s) if media.slides is None else slide_shots(media.slides, media.duration_s)


FEATURE = ShotsFeature
