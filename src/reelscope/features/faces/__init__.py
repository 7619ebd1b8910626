"""Feature `faces`: faces found five times a second, their mesh and head pose, followed within shots.

`FaceFinder` (`_find`) looks at each frame with two detectors and asks the face mesh for a second opinion; `_follow` numbers the faces and
decides at the end which tracks are kept. Figures of both, and why the limits are what they are: docs/analyzers/eye_tracking.md.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from reelscope.features.base import Clip, Feature, FeatureSpec, Inputs, LoadContext
from reelscope.features.faces._types import Faces, FaceSeen, FacesWindow, FaceTrack
from reelscope.media.frames import SAMPLED_LARGE, Window

if TYPE_CHECKING:
    from reelscope.features.faces._find import FaceFinder, Found
    from reelscope.models.manager import ModelHandle

__all__ = ["FEATURE", "FaceSeen", "FaceTrack", "Faces", "FacesFeature", "FacesWindow", "finder"]


def finder(ctx: LoadContext) -> FaceFinder:
    """A finder for single pictures or sequences on the models of a member, which must name the three in its `models`."""
    from reelscope.features.faces._find import FaceFinder

    near, far, mesh = (ctx.model(name) for name in FacesFeature.spec.models)
    return FaceFinder(_session(near), _session(far), _session(mesh))


def _session(handle: ModelHandle) -> Any:
    return lambda: handle.session


class FacesFeature(Feature[Faces]):
    """Streams; holds a few numbers per face and frame, and the last frame's meshes."""

    spec = FeatureSpec(
        name="faces",
        version=1,
        models=("face-detection-short", "face-detection-full", "face-landmarks"),
        packages=("ai_edge_litert", "cv2", "mediapipe", "numpy"),
        frames=(SAMPLED_LARGE,),
        features=("shots",),
        cost=0.05,
    )

    def load(self, ctx: LoadContext) -> None:
        super().load(ctx)
        from reelscope.features.faces._follow import Follower

        self._finder = finder(ctx)
        self._follower = Follower()

    def begin(self, clip: Clip) -> None:
        from reelscope.features.faces._follow import Follower

        self._follower = Follower()
        self._known: list[Found] = []
        self._tick = 0

    def feed(self, window: Window) -> FacesWindow:
        frames = window.frames(self.frames[0])
        seen = []
        for rgb, t_s in zip(frames.pixels, frames.pts_s.tolist(), strict=True):
            found = self._finder.find(rgb, tick=self._tick, known=self._known)
            self._known = found
            self._tick += 1
            seen.append(self._follower.add(t_s, found, rgb.shape[1], rgb.shape[0]))
        return FacesWindow(tuple(frames.pts_s.tolist()), tuple(seen))

    def finish(self, inputs: Inputs) -> Faces:
        shots = inputs.features["shots"].shots
        self._known = []
        return self._follower.finish(shots, inputs.clip.media.duration_s)


FEATURE = FacesFeature
