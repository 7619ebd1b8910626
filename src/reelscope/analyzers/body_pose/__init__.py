"""People's bodies: keypoints over time, posture, gestures, movement. Method, rules, limits and figures: docs/analyzers/body_pose.md."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar

from reelscope.analyzers.base import Analyzer, AnalyzerSpec, Backend, Clip, Inputs, LoadContext, Window
from reelscope.analyzers.body_pose._types import (
    BodyPoint,
    BodyPoseResult,
    BodySegment,
    BodySummary,
    BodyTrack,
    Gesture,
    PersonFigures,
    Posture,
)
from reelscope.document.schema import AnalyzerResult
from reelscope.media.frames import SAMPLED_LARGE
from reelscope.timebase import coverage

if TYPE_CHECKING:
    from reelscope.analyzers.body_pose._backends import Looker

__all__ = [
    "ANALYZER",
    "BodyPoint",
    "BodyPose",
    "BodyPoseResult",
    "BodySegment",
    "BodySummary",
    "BodyTrack",
    "Gesture",
    "PersonFigures",
    "Posture",
]


class BodyPose(Analyzer[BodyPoseResult]):
    """Reads or makes points five times a second; postures, gestures and movement are rules over them."""

    spec: ClassVar[AnalyzerSpec] = AnalyzerSpec(
        "body_pose",
        version=1,
        group="people",
        backends=(
            Backend(
                "vitpose",
                "full",
                rank=40,
                models=("yolox-nano", "vitpose-base"),
                packages=("torch", "transformers", "onnxruntime", "cv2"),
                frames=(SAMPLED_LARGE,),
                features=("shots",),
                batch=16,
                ram_mib=500,
                vram_mib=1200,  # estimated: weights 350, the rest activations of a full batch
                cost=2.0,
            ),
            Backend(
                "yolov8_pose",
                "full",
                rank=30,
                models=("yolov8x-pose",),
                packages=("onnxruntime", "cv2"),
                frames=(SAMPLED_LARGE,),
                features=("shots",),
                ram_mib=600,
                vram_mib=1200,  # estimated
                cost=4.0,
            ),
            # Measured on the labelled bodies, PCK@0.2: movenet in YOLOX's boxes above 0.8, mediapipe_full 0.72, pose_lite 0.70
            Backend(
                "movenet",
                "compact",
                rank=20,
                models=("yolox-nano", "movenet-lightning"),
                packages=("onnxruntime", "ai_edge_litert", "cv2"),
                frames=(SAMPLED_LARGE,),
                features=("shots",),
                ram_mib=30,
                cost=0.15,
            ),
            Backend("mediapipe_full", "embedded", rank=10, packages=("cv2",), features=("people",), cost=0.003),
            Backend(
                "pose_lite",
                "compact",
                rank=5,
                models=("pose-landmarks-lite",),
                packages=("ai_edge_litert", "cv2"),
                frames=(SAMPLED_LARGE,),
                features=("people",),
                live=("people",),
                ram_mib=10,
                cost=0.06,
            ),
        ),
    )
    Result: ClassVar[type[AnalyzerResult]] = BodyPoseResult

    _looker: Looker | None = None

    def load(self, ctx: LoadContext) -> None:
        super().load(ctx)
        from reelscope.analyzers.body_pose import _backends

        name = ctx.backend or "mediapipe_full"
        self._limits = _backends.LIMITS[name], _backends.SURE[name]
        self._looker = _backends.make(ctx)

    def begin(self, clip: Clip) -> None:
        assert self._looker is not None
        self._looker.begin()

    def feed(self, window: Window) -> None:
        if not self.frames:
            return
        assert self._looker is not None
        frames = window.frames(self.frames[0])
        self._looker.feed(frames.pixels, frames.pts_s.tolist(), window.features.get("people"))

    def finish(self, inputs: Inputs) -> BodyPoseResult:
        from reelscope.analyzers.body_pose._result import result_of

        assert self._looker is not None
        people = inputs.features.get("people")
        shots = inputs.features["shots"].shots if "shots" in inputs.features else ()
        sampled = self._looker.sampled(people)
        paths = self._looker.paths(people, shots)
        media = inputs.clip.media
        aspect = (media.width_px or 1) / (media.height_px or 1)
        covered = _covered(sampled, media.duration_s)
        return result_of(paths, sampled, self._looker.names, self._limits, aspect, covered, self._looker.nobody(people))

    def close(self) -> None:
        self._looker = None


def _covered(sampled: Sequence[float], duration_s: float) -> float:
    """Share of the clip near a sampled time: each stands for a second after it, as five a second are asked for."""
    return coverage([(t, t + 1.0) for t in sampled], duration_s)


ANALYZER = BodyPose
