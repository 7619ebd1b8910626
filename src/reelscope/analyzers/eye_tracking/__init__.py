"""Where eyes look: gaze, looks into the camera, blinks and head pose of each face. Method and limits: docs/analyzers/eye_tracking.md."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from reelscope.analyzers.base import Analyzer, AnalyzerSpec, Backend, Clip, Inputs, LoadContext, Window
from reelscope.analyzers.eye_tracking._result import EyeCalibration, EyeResult, EyeSegment, EyeSummary, EyeTrack, Look
from reelscope.document.schema import AnalyzerResult
from reelscope.media.frames import EYES

if TYPE_CHECKING:
    from reelscope.features.faces import Faces
    from reelscope.features.shots import Shots
    from reelscope.models.manager import ModelHandle

__all__ = ["ANALYZER", "EyeCalibration", "EyeResult", "EyeSegment", "EyeSummary", "EyeTrack", "EyeTracking", "Look"]


class EyeTracking(Analyzer[EyeResult]):
    """Follows the faces of the feature `faces` frame by frame and measures both eyes; the rest is done once the shots are known."""

    spec: ClassVar[AnalyzerSpec] = AnalyzerSpec(
        name="eye_tracking",
        version=1,
        group="people",
        backends=(
            Backend(
                name="iris_mesh",
                tier="embedded",
                rank=10,
                models=("face-landmarks", "iris-landmarks"),
                packages=("ai_edge_litert", "cv2", "mediapipe", "numpy"),
                frames=(EYES,),
                features=("faces", "shots"),
                live=("faces",),
                ram_mib=20,
                cost=0.07,
            ),
        ),
    )
    Result: ClassVar[type[AnalyzerResult]] = EyeResult

    def load(self, ctx: LoadContext) -> None:
        super().load(ctx)
        self._models = [ctx.model(name) for name in ("face-landmarks", "iris-landmarks")]
        self._start()

    def begin(self, clip: Clip) -> None:
        self._start()

    def _start(self) -> None:
        from reelscope.analyzers.eye_tracking._stream import EyeStream

        mesh, iris = self._models
        self._stream = EyeStream(_session(mesh), _session(iris))

    def feed(self, window: Window) -> None:
        self._stream.feed(window.frames(self.frames[0]), window.features["faces"])

    def finish(self, inputs: Inputs) -> EyeResult:
        from reelscope.analyzers.eye_tracking._assemble import assemble

        faces: Faces = inputs.features["faces"]
        shots: Shots = inputs.features["shots"]
        stream = self._stream
        return assemble(faces, shots.shots, stream.rows, times=stream.times, too_small=stream.too_small, crowded=frozenset(stream.crowded))


def _session(handle: ModelHandle) -> Any:
    return lambda: handle.session


ANALYZER = EyeTracking
