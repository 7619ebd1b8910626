"""How old a face looks: one interval per face track, never per frame. No sex, no identity.

Bias and limits: docs/analyzers/age_estimation.md.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, ClassVar

from pydantic import Field

from reelscope.analyzers.base import Analyzer, AnalyzerSpec, Backend, Clip, Inputs, LoadContext, Window
from reelscope.document.schema import AnalyzerResult, Model, Segment, Summary, Track, TrackPoint, Value
from reelscope.media.frames import SAMPLED_LARGE
from reelscope.timebase import round_s

if TYPE_CHECKING:
    from reelscope.analyzers.age_estimation._age import AgeStream
    from reelscope.features.faces import Faces, FaceTrack

__all__ = ["ANALYZER", "AgeEstimation", "AgeFigures", "AgeResult", "AgeSegment", "AgeSummary", "AgeTrack"]

MODELS = {"fairface": "age-fairface", "utkface": "age-utkface"}
NO_FACES = "no face was found"
FEW = "{} good views of this face, 3 are needed: {}"
WHY = {"small": "it is less than 60 px wide", "unclear": "it is not clear enough for a mesh", "turned": "it is turned away"}
BRIEF = "it is seen too briefly"

Years = Annotated[Value, Field(ge=0, le=116)]


class AgeFigures(Model):
    """How old a face looks; null with the reason where there are too few good views.

    Attributes:
        age_low, age_high: Interval that should hold the true age in 80 of 100 cases; how it is made depends on the backend, see the docs.
        age: Where half of the probability lies on either side.
        views: Frontal, clear, large looks that went into it. spread_y: their standard deviation in years.
    """

    age_low: Years = None
    age_high: Years = None
    age: Years = None
    views: int = 0
    spread_y: Value = None
    reason: str | None = None


class AgeSegment(Segment, AgeFigures):
    """One face in one shot. `face`: its track_id; `shot`: index of the shot."""

    face: int
    shot: int


class AgeTrack(Track, AgeFigures):
    """The same face with its box path."""

    shot: int


class AgeSummary(Summary):
    """`face_tracks`: faces, each counted once a shot; `estimated`: those with an age; `reason`: why there is none."""

    face_tracks: int = 0
    estimated: int = 0
    reason: str | None = None


class AgeResult(AnalyzerResult):
    """One segment and one track for each face and shot; no series: an age does not change within a clip."""

    segments: list[AgeSegment] = []  # type: ignore[assignment]
    tracks: list[AgeTrack] = []  # type: ignore[assignment]
    summary: AgeSummary = AgeSummary()


class AgeEstimation(Analyzer[AgeResult]):
    """Looks at a face a few times a second at most; keeps a few numbers of each look."""

    spec: ClassVar[AnalyzerSpec] = AnalyzerSpec(
        name="age_estimation",
        version=1,
        group="people",
        backends=(
            Backend(
                name="fairface",
                tier="full",
                rank=5,  # its weights could not be had for measuring: below the one that was measured
                models=("age-fairface",),
                packages=("torch", "transformers", "cv2", "numpy"),
                frames=(SAMPLED_LARGE,),
                features=("faces", "shots"),
                live=("faces",),
                ram_mib=600,
                vram_mib=600,
                cost=0.6,
            ),
            Backend(
                name="utkface",
                tier="compact",
                rank=10,
                models=("age-utkface",),
                packages=("ai_edge_litert", "cv2", "numpy"),
                frames=(SAMPLED_LARGE,),
                features=("faces", "shots"),
                live=("faces",),
                ram_mib=10,
                cost=0.03,
            ),
        ),
    )
    Result: ClassVar[type[AnalyzerResult]] = AgeResult

    def load(self, ctx: LoadContext) -> None:
        super().load(ctx)
        self._model = ctx.model(MODELS[ctx.backend or "utkface"])
        self._stream = self._new()

    def begin(self, clip: Clip) -> None:
        self._stream = self._new()

    def _new(self) -> AgeStream:
        from reelscope.analyzers.age_estimation import _readers
        from reelscope.analyzers.age_estimation._age import AgeStream

        kind = _readers.FairFace if self.ctx.backend == "fairface" else _readers.UtkFace
        return AgeStream(kind(lambda: self._model.session))

    def feed(self, window: Window) -> None:
        frames, seen = window.frames(self.frames[0]), window.features["faces"]
        by_time = dict(zip(seen.t_s, seen.faces, strict=True))
        for rgb, t_s in zip(frames.pixels, frames.pts_s.tolist(), strict=True):
            self._stream.look(rgb, t_s, by_time.get(t_s, ()))

    def finish(self, inputs: Inputs) -> AgeResult:
        faces: Faces = inputs.features["faces"]
        return result(faces, self._stream)


def result(faces: Faces, stream: AgeStream) -> AgeResult:
    """The result of a clip."""
    segments, tracks = [], []
    for face in faces.tracks:
        start_s, end_s = round_s(face.start_s), round_s(face.end_s)
        fields = figures(face, stream).model_dump()
        segments.append(AgeSegment(start_s=start_s, end_s=end_s, face=face.track_id, shot=face.shot, **fields))
        points = [
            TrackPoint(t_s=round_s(t), xywh_norm=tuple(box)) for t, box in zip(face.t_s.tolist(), face.xywh_norm.tolist(), strict=True)
        ]
        tracks.append(AgeTrack(track_id=face.track_id, start_s=start_s, end_s=end_s, label="face", points=points, shot=face.shot, **fields))
    estimated = sum(s.age is not None for s in segments)
    reason = None if estimated else segments[0].reason if segments else NO_FACES
    return AgeResult(
        coverage=1.0 if faces.sampled_s else 0.0,
        segments=segments,
        tracks=tracks,
        summary=AgeSummary(face_tracks=len(tracks), estimated=estimated, reason=reason),
    )


def figures(face: FaceTrack, stream: AgeStream) -> AgeFigures:
    """One face track's age, or why there is none."""
    from reelscope.analyzers.age_estimation._age import estimate, views_of

    views, passed = views_of(face, stream)
    found = estimate(stream.reader, views)
    if found is None:
        why = WHY[max(sorted(WHY), key=passed.count)] if passed else BRIEF
        return AgeFigures(views=len(views), reason=FEW.format(len(views), why))
    low, high, age = (round(v, 1) for v in (found.low, found.high, found.age))
    return AgeFigures(age_low=low, age_high=high, age=age, views=found.views, spread_y=round(found.spread, 1))


ANALYZER = AgeEstimation
