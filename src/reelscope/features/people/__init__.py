"""People in the clip: boxes and 33 points of each body over time, behind a gate that holds back skeletons where nobody is.

Method, gate and measured rates: docs/analyzers/body_pose.md.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from reelscope.features.base import Clip, Feature, FeatureSpec, Inputs, LoadContext
from reelscope.features.people._types import POINT_NAMES, People, PeopleWindow, PersonSeen, PersonTrack
from reelscope.media.frames import SAMPLED_LARGE, Window

if TYPE_CHECKING:
    from reelscope.features.people._gate import Observation
    from reelscope.features.shots import Shots

__all__ = ["FEATURE", "POINT_NAMES", "People", "PeopleFeature", "PeopleWindow", "PersonSeen", "PersonTrack"]


class PeopleFeature(Feature[People]):
    """Streams frames through a detector and a landmark model; keeps about 1 KiB per person and sample."""

    spec: ClassVar[FeatureSpec] = FeatureSpec(
        "people",
        version=1,
        models=("pose-detection", "pose-landmarks-full"),
        packages=("cv2", "ai_edge_litert"),
        frames=(SAMPLED_LARGE,),
        features=("shots",),
        cost=0.115,
    )

    def load(self, ctx: LoadContext) -> None:
        super().load(ctx)
        import cv2

        from reelscope.features.people._follow import Follower

        detector, points = ctx.model("pose-detection"), ctx.model("pose-landmarks-full")
        self._follower = Follower(cv2, lambda x: detector.session.run(x), lambda x: points.session.run(x))
        self._start()

    def begin(self, clip: Clip) -> None:
        self._start()

    def _start(self) -> None:
        self._follower.reset()
        self._seen: list[Observation] = []
        self._sampled: list[float] = []

    def feed(self, window: Window) -> PeopleWindow:
        from reelscope.features.people import _gate

        frames = window.frames(self.frames[0])
        times = frames.pts_s.tolist()
        people: list[tuple[PersonSeen, ...]] = []
        for rgb, t_s in zip(frames.pixels, times, strict=True):
            here = _gate.observe(self._follower.feed(rgb, t_s), rgb.shape[1], rgb.shape[0])
            self._seen += here
            people.append(tuple(o.person for o in here))
        self._sampled += times
        return PeopleWindow(tuple(times), tuple(people))

    def finish(self, inputs: Inputs) -> People:
        from reelscope.features.people import _gate

        shots: Shots = inputs.features["shots"]
        return _gate.tracks(self._seen, self._sampled, shots.shots)

    def close(self) -> None:
        self._follower = None  # type: ignore[assignment]


FEATURE = PeopleFeature
