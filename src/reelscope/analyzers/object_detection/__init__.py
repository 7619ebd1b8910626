"""Objects followed over time: label, path, share of the picture, counts. Method, limits and figures: docs/analyzers/object_detection.md.

One tracker and one gate for all backends; a backend is a detector. Faces come from the feature `faces` in all of them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from pydantic import Field

from reelscope.analyzers.base import Analyzer, AnalyzerSpec, Backend, Clip, Inputs, LoadContext, Options, Window
from reelscope.analyzers.object_detection._types import LabelFigures, ObjectResult, ObjectSegment, ObjectSummary, ObjectTrack
from reelscope.document.schema import AnalyzerResult
from reelscope.media.frames import SAMPLED_LARGE
from reelscope.timebase import coverage

if TYPE_CHECKING:
    from reelscope.analyzers._yolo import Detections
    from reelscope.analyzers.object_detection._collect import Collector

__all__ = ["ANALYZER", "LabelFigures", "ObjectDetection", "ObjectOptions", "ObjectResult", "ObjectSegment", "ObjectSummary", "ObjectTrack"]

HANDS = ("palm-detection", "hand-landmarks")
HANDS_EVERY = 2  # of five pictures a second: at 2.5 the tracks of coffee-pour-hands hold, at half the price
MODELS = {"yolox_nano": "yolox-nano", "yolov8": "yolov8x", "dfine": "dfine-large"}
BODY = ("person", "face", "hand")
DOUBTFUL = "of yolox_nano's things other than people 12 were named right and 7 wrong on our clips, some wrong ones with high scores"


class ObjectOptions(Options):
    """How often to look.

    Attributes:
        every: The detector looks at every k-th of five pictures a second; in between the path is a straight line.
    """

    every: int = Field(1, ge=1, le=5)


class ObjectDetection(Analyzer[ObjectResult]):
    """Streams pictures through a detector; keeps a few numbers per box."""

    spec: ClassVar[AnalyzerSpec] = AnalyzerSpec(
        "object_detection",
        version=1,
        group="detection",
        backends=(
            Backend(
                "dfine",
                "full",
                rank=40,
                models=("dfine-large",),
                packages=("torch", "transformers"),
                frames=(SAMPLED_LARGE,),
                features=("shots", "faces"),
                batch=64,
                ram_mib=300,
                vram_mib=4000,  # estimated: weights 130, the rest activations of a full batch; a smaller GPU halves the batch
                cost=1.5,
            ),
            Backend(
                "yolov8",
                "full",
                rank=30,
                models=("yolov8x",),
                packages=("onnxruntime", "cv2"),
                frames=(SAMPLED_LARGE,),
                features=("shots", "faces"),
                ram_mib=600,
                vram_mib=1200,  # estimated
                cost=4.0,
            ),
            Backend(
                "yolox_nano",
                "compact",
                rank=20,
                models=("yolox-nano", *HANDS),
                packages=("onnxruntime", "ai_edge_litert", "cv2"),
                frames=(SAMPLED_LARGE,),
                features=("shots", "faces"),
                ram_mib=60,
                cost=0.13,
            ),
            Backend(
                "mediapipe",
                "embedded",
                rank=10,
                models=HANDS,
                packages=("ai_edge_litert", "cv2"),
                frames=(SAMPLED_LARGE,),
                features=("shots", "faces", "people"),
                ram_mib=30,
                cost=0.04,
            ),
        ),
    )
    Options = ObjectOptions
    Result: ClassVar[type[AnalyzerResult]] = ObjectResult

    def load(self, ctx: LoadContext) -> None:
        super().load(ctx)
        from reelscope.analyzers.object_detection._collect import Collector

        name = str(ctx.backend)
        self._model = ctx.model(MODELS[name]) if name in MODELS else None
        self._hands = tuple(ctx.model(m) for m in HANDS) if name in ("yolox_nano", "mediapipe") else None
        if self._hands:
            from reelscope.analyzers.object_detection._hands import HandFinder

            self._finder = HandFinder()
        self._objects: Collector = Collector()
        self._palms: Collector = Collector()
        self._waiting: list[tuple[list[float], Any]] = []

    def begin(self, clip: Clip) -> None:
        from reelscope.analyzers.object_detection._collect import NOMINAL_STEP_S, Collector

        fps = self.frames[0].fps  # a setting may ask for less than five
        step_s = 1 / fps if fps else NOMINAL_STEP_S
        self._objects, self._palms = Collector(self.options.every * step_s), Collector(HANDS_EVERY * step_s)
        self._waiting = []
        self._turn = 0
        self._spans: list[tuple[float, float]] = []

    def feed(self, window: Window) -> None:
        frames = window.frames(self.frames[0])
        self._spans.append((window.start_s, window.end_s))
        times = frames.pts_s.tolist()
        turns = range(self._turn, self._turn + len(times))
        self._turn += len(times)
        if self._hands:
            palms, hands = self._hands
            for turn, t_s, rgb in zip(turns, times, frames.pixels, strict=True):
                if turn % HANDS_EVERY == 0:
                    found = self._finder.find(palms.session, hands.session, rgb)
                    self._palms.add(t_s, [(box, score, "hand") for box, score in found])
        looked = [k for k, turn in enumerate(turns) if turn % self.options.every == 0]
        if self._model is None or not looked:
            return
        if self.ctx.backend == "dfine":
            self._send(window, times, looked)
            return
        for k in looked:
            self._objects.add(times[k], self._yolo(frames.pixels[k]))

    def _yolo(self, rgb: Any) -> Detections:
        from reelscope.analyzers import _yolo
        from reelscope.analyzers.object_detection import _collect

        assert self._model is not None
        run = _yolo.yolox if self.ctx.backend == "yolox_nano" else _yolo.yolov8
        return run(self._model.session, rgb, _collect.LEAST)

    def _send(self, window: Window, times: Sequence[float], looked: Sequence[int]) -> None:
        """Frames go to the device once for all members; there they wait for a full batch. On the CPU nothing waits: it would only hold."""
        from reelscope.models.upload import uploads

        sent = uploads(self.ctx.device).frames(window, self.frames[0])
        self._waiting.append(([times[k] for k in looked], sent if len(looked) == len(times) else sent[list(looked)]))
        if self.ctx.device == "cpu" or sum(len(t) for t, _ in self._waiting) >= self.ctx.batch:
            self._flush()

    def _flush(self) -> None:
        if not self._waiting:
            return
        import torch

        from reelscope.analyzers.object_detection import _collect, _dfine

        assert self._model is not None
        waiting, self._waiting = self._waiting, []
        times = [t for part, _ in waiting for t in part]
        frames = torch.cat([tensor for _, tensor in waiting])
        model = self._model.session.model
        for t_s, found in zip(times, self.ctx.batched(frames, lambda x: _dfine.detect(model, x, _collect.LEAST)), strict=True):
            self._objects.add(t_s, found)

    def finish(self, inputs: Inputs) -> ObjectResult:
        from reelscope.analyzers.object_detection import _collect, _result

        self._flush()
        shots = inputs.features["shots"].shots
        paths = _collect.of_tracks("face", inputs.features["faces"], shots)
        if self._model is None:
            paths += _collect.of_tracks("person", inputs.features["people"], shots)
        paths += self._palms.objects(shots, _collect.HAND_GATE) + self._objects.objects(shots, _collect.OBJECT_GATE)
        duration_s = inputs.clip.media.duration_s
        times = self._objects.times if self._model else list(inputs.features["people"].sampled_s)
        made = _result.make_result(
            paths,
            times,
            duration_s,
            vocabulary=self._vocabulary(),
            step_s=_collect.step_of(times),
            coverage=coverage(self._spans, duration_s),
        )
        if self.ctx.backend == "yolox_nano" and any(t.label not in BODY for t in made.tracks):
            made.warnings = [*made.warnings, DOUBTFUL]
        return made

    def _vocabulary(self) -> list[str]:
        if self._model is None:
            return list(BODY)
        from reelscope.analyzers._coco import COCO
        from reelscope.analyzers.object_detection import _dfine

        names = _dfine.names_of(self._model.session.model.config.id2label).values() if self.ctx.backend == "dfine" else COCO
        return [*names, "face", *(["hand"] if self._hands else [])]

    def close(self) -> None:
        self._model = self._hands = None
        self._waiting = []


ANALYZER = ObjectDetection
