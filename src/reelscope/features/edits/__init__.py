"""Feature `edits`: what an editor did to the picture besides cutting it, where that leaves a trace that can be measured.

Split screens and pictures in the picture leave straight edges that stand still while both sides move on their own (`_panels`); footage
that runs backwards right after it ran forwards, and footage that comes again mirrored, match themselves (`_replay`); a green screen that
was not keyed is one saturated hue over much of the picture (`_backdrop`). Small signatures of the frames and a few numbers a second are
held, nothing else.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from reelscope.features.base import Clip, Feature, FeatureSpec, Inputs, LoadContext
from reelscope.media.frames import EVERY_FRAME, Window

if TYPE_CHECKING:
    from reelscope.features.shots import Shots

__all__ = ["FEATURE", "Edit", "EditKind", "Edits", "EditsFeature"]

EditKind = Literal["split_screen", "picture_in_picture", "reversed", "mirrored", "green_screen"]

# Ten frames a second show whether an edge stands still, fifteen where time turns round to 0.07 s; two show a backdrop.
PANELS_HZ, REPLAY_HZ, BACKDROP_HZ = 10.0, 15.0, 2.0


@dataclass(frozen=True, slots=True)
class Edit:
    """One stretch of one edit; half-open seconds. evidence: figures it was decided on, explained in docs/analyzers/cut_analysis.md."""

    kind: EditKind
    start_s: float
    end_s: float
    evidence: tuple[tuple[str, float], ...]


@dataclass(frozen=True, slots=True)
class Edits:
    """Edits of the clip by start."""

    edits: tuple[Edit, ...]


class _Pace:
    """Lets frames through at most so often."""

    def __init__(self, hz: float) -> None:
        self._step_s = 1 / hz - 0.004  # slack for rounded pts, so that no frame of a matching rate falls out
        self._last: float | None = None

    def due(self, t_s: float) -> bool:
        if self._last is not None and t_s - self._last < self._step_s:
            return False
        self._last = t_s
        return True


class EditsFeature(Feature[Edits]):
    """Streams small frames through three meters."""

    spec: ClassVar[FeatureSpec] = FeatureSpec("edits", version=1, packages=("cv2",), frames=(EVERY_FRAME,), features=("shots",), cost=0.012)

    def load(self, ctx: LoadContext) -> None:
        super().load(ctx)
        import cv2

        import reelscope.features.edits._backdrop
        import reelscope.features.edits._panels
        import reelscope.features.edits._replay  # noqa: F401

        self._cv2: Any = cv2

    def begin(self, clip: Clip) -> None:
        from reelscope.features.edits._backdrop import Backdrop
        from reelscope.features.edits._panels import Panels
        from reelscope.features.edits._replay import Replay

        self._panels, self._replay, self._backdrop = Panels(), Replay(), Backdrop()
        self._paces = _Pace(PANELS_HZ), _Pace(REPLAY_HZ), _Pace(BACKDROP_HZ)

    def feed(self, window: Window) -> Any:
        frames = window.frames(self.frames[0])
        for rgb, t_s in zip(frames.pixels, frames.pts_s.tolist(), strict=True):
            panels, replay, backdrop = (pace.due(t_s) for pace in self._paces)
            if not (panels or replay or backdrop):
                continue
            gray = self._cv2.cvtColor(rgb, self._cv2.COLOR_RGB2GRAY)
            if panels:
                self._panels.add(gray, t_s)
            if replay:
                self._replay.add(gray, t_s)
            if backdrop:
                self._backdrop.add(rgb, t_s)
        return None

    def finish(self, inputs: Inputs) -> Edits:
        shots: Shots = inputs.features["shots"]
        found = [*self._panels.finish(shots.shots), *self._replay.finish(shots.shots), *self._backdrop.finish(shots.shots)]
        return Edits(tuple(sorted(found, key=lambda e: (e.start_s, e.kind))))


FEATURE = EditsFeature
