"""Subject and background: how much of the picture people fill and where, what is behind them, how soft it is, inside or outside.

The subject is people only (`_subject`). Method, formulae and limits: docs/analyzers/background_segmentation.md.
"""

from __future__ import annotations

from collections.abc import Sequence
from statistics import fmean, median
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import Field

from reelscope.analyzers.base import Analyzer, AnalyzerSpec, Backend, Clip, Inputs, LoadContext, Window
from reelscope.document.schema import AnalyzerResult, Model, Segment, Series, Summary, Track, TrackPoint, Value, XywhNorm
from reelscope.media.frames import SAMPLED_LARGE
from reelscope.timebase import round_s

if TYPE_CHECKING:
    import numpy as np

    from reelscope.analyzers.background_segmentation._classes import ClassModel
    from reelscope.analyzers.background_segmentation._shots import Reading, Sample
    from reelscope.features.shots import Shots

__all__ = ["ANALYZER", "BackgroundSegmentation", "BackgroundSegment", "BackgroundSummary", "BackgroundResult", "ClassShare", "SubjectTrack"]

# Of the frames of SAMPLED_LARGE (five a second, those that faces and people look at): masks on every second, edges on every fourth, classes
# on every fifth.
MASK_EVERY, EDGES_EVERY, CLASSES_EVERY = 2, 4, 5
SUBJECT_GAP_S = 1.0  # a subject that was away for longer begins a new track
# Share of the background's cells (1/128 of the longer side) that hold an edge. Plain: a wall, sky, a backdrop out of focus; busy: shelves,
# leaves, crowds. Between them no word is said.
PLAIN_BELOW, BUSY_FROM = 0.06, 0.22
LEAST_CLASS_SHARE = 0.01  # of the background; less is noise at the borders of larger ones

LEAST_CLASS_SAMPLES = 2  # one frame of a shot may be a blurred or half-covered one

ONE_SAMPLE = "one frame of this shot was classified, which is too few"
NOT_MEASURED = "this backend does not tell what is behind the subject"
NOBODY = "no person was found in this shot"
NO_MASK = "people were found, but the model masked none of them"
NO_SAMPLE = "no frame of this shot was sampled"
NO_EDGES = "too few edges on the subject or behind it to compare"


class ClassShare(Model):
    """A class of the background and its share of it (0-1; without people)."""

    label: str
    share: Value


class BackgroundFigures(Model):
    """Figures of a stretch. The subject is people: those that the features `faces` and `people` found, as far as the mask model marks them.

    Attributes:
        subject_share: Mean share of the picture that people fill, 0 at times when nobody was found; background_share: the rest.
        subject_max_share: Largest of them.
        person_present: Share of the sampled times with somebody.
        background_blur: Blur of the background's edges over that of the subject's: 1 equally sharp, 3 three times as soft.
        subject_edge_blur, background_edge_blur: Standard deviation of the blur of the median edge, thousandths of the shorter side.
        edge_density: Share of the background's cells that hold an edge; texture: plain below 0.06, busy from 0.22, else null.
        classes: Of the background, the largest first; null where the backend does not tell.
        person_share: Share of the picture that the class model calls a person, to compare with subject_share.
        setting: Inside or outside by the documented rule, or null with the reason; indoor_evidence, outdoor_evidence: shares it rests on.
    """

    subject_share: Value = None
    background_share: Value = None
    subject_max_share: Value = None
    person_present: Value = None
    subject_reason: str | None = None
    subject_edge_blur: Value = None
    background_edge_blur: Value = None
    background_blur: Value = None
    blur_reason: str | None = None
    edge_density: Value = None
    texture: Literal["plain", "busy"] | None = None
    classes: list[ClassShare] | None = None
    person_share: Value = None
    setting: Literal["indoor", "outdoor"] | None = None
    setting_reason: str | None = None
    indoor_evidence: Value = None
    outdoor_evidence: Value = None


class BackgroundSegment(Segment, BackgroundFigures):
    """A shot. subject_xywh_norm, subject_centre: medians over the times with a subject; samples: frames behind the subject's figures."""

    shot: int
    subject_xywh_norm: XywhNorm | None = None
    subject_centre: tuple[Annotated[float, Field(ge=0, le=1)], Annotated[float, Field(ge=0, le=1)]] | None = None
    samples: int = 0


class BackgroundSummary(Summary, BackgroundFigures):
    """The whole clip: means over all samples. setting_share: share of the clip's duration per setting that was told."""

    setting_share: dict[str, Value] = {}


class SubjectTrack(Track):
    """The subject (everybody together) while it is there, within one shot."""

    shot: int


class BackgroundResult(AnalyzerResult):
    """Segments: the shots. Series: `subject_share` (2.5 a second; null: somebody is there without a mask), `background_blur` (1.25)."""

    segments: list[BackgroundSegment] = []  # type: ignore[assignment]
    tracks: list[SubjectTrack] = []  # type: ignore[assignment]
    summary: BackgroundSummary = BackgroundSummary()


CLASS_MODELS = {"deeplab_ade20k": "deeplab-ade20k", "segformer": "segformer-ade20k", "mask2former": "mask2former-ade20k"}
_SHARED: dict[str, Any] = {
    "frames": (SAMPLED_LARGE,),
    "features": ("shots", "faces", "people"),
    "live": ("faces", "people"),
}
_PACKAGES = ("ai_edge_litert", "cv2", "mediapipe", "numpy")


class BackgroundSegmentation(Analyzer[BackgroundResult]):
    """Keeps about 4 kB a sample: masks as bits, edges as bytes. Who was really there is known at the end, from the finished features."""

    spec = AnalyzerSpec(
        name="background_segmentation",
        version=1,
        group="detection",
        backends=(
            Backend("selfie", "embedded", rank=10, models=("selfie-segmentation",), packages=_PACKAGES, cost=0.03, **_SHARED),
            Backend(
                "deeplab_ade20k",
                "compact",
                rank=20,
                models=("selfie-segmentation", "deeplab-ade20k"),
                packages=_PACKAGES,
                cost=0.15,
                **_SHARED,
            ),
            Backend(
                "segformer",
                "full",
                rank=25,
                models=("selfie-segmentation", "segformer-ade20k"),
                packages=(*_PACKAGES, "torch", "transformers"),
                batch=8,
                ram_mib=600,
                vram_mib=1500,
                cost=1.0,
                **_SHARED,
            ),
            Backend(
                "mask2former",
                "full",
                rank=30,
                models=("selfie-segmentation", "mask2former-ade20k"),
                packages=(*_PACKAGES, "torch", "transformers"),
                batch=8,
                ram_mib=1200,
                vram_mib=4000,
                cost=3.0,
                **_SHARED,
            ),
        ),
    )
    Result = BackgroundResult

    def load(self, ctx: LoadContext) -> None:
        super().load(ctx)
        import reelscope.analyzers.background_segmentation._blur
        import reelscope.analyzers.background_segmentation._shots
        import reelscope.analyzers.background_segmentation._subject  # noqa: F401

        self._selfie = ctx.model("selfie-segmentation", device="cpu")
        self._class_model = None
        if ctx.backend in CLASS_MODELS:
            self._class_model = ctx.model(CLASS_MODELS[ctx.backend], device="cpu" if ctx.backend == "deeplab_ade20k" else None)

    def begin(self, clip: Clip) -> None:
        self._tick = 0
        self._samples: list[Sample] = []
        self._pending: list[tuple[float, np.ndarray]] = []
        self._classes: list[tuple[float, dict[str, float]]] = []
        self._mapper: ClassModel | None = None

    def feed(self, window: Window) -> None:
        frames = window.frames(self.frames[0])
        faces, people = window.features["faces"], window.features["people"]
        for i, (rgb, t_s) in enumerate(zip(frames.pixels, frames.pts_s.tolist(), strict=True)):
            if self._tick % MASK_EVERY == 0:
                self._samples.append(self._look(rgb, t_s, faces.faces[i], people.people[i], edges=self._tick % EDGES_EVERY == 0))
            if self._class_model is not None and self._tick % CLASSES_EVERY == 0:
                self._pending.append((t_s, rgb.copy()))
                if len(self._pending) >= self.ctx.batch:
                    self._classify()
            self._tick += 1

    def _look(self, rgb: np.ndarray, t_s: float, faces: Sequence[Any], people: Sequence[Any], *, edges: bool) -> Sample:
        from reelscope.analyzers.background_segmentation import _blur, _shots, _subject

        seen = [_subject.Seen("face", f.live_id, _subject.body_of_face(f.xywh_norm)) for f in faces]
        seen += [_subject.Seen("person", p.live_id, p.xywh_norm) for p in people]
        grid = _subject.grid_shape(*rgb.shape[:2])
        masks = []
        for part, who in _subject.clusters_of(seen):
            found = _subject.probability(self._selfie.session.run, rgb, part, who)
            masks.append((frozenset((s.kind, s.live_id) for s in who), _subject.pack(found, part, grid)))
        names = frozenset((s.kind, s.live_id) for s in seen)
        return _shots.Sample(t_s, grid, names, tuple(masks), _blur.measure_edges(rgb, grid) if edges else None)

    def _classify(self) -> None:
        from reelscope.analyzers.background_segmentation import _classes

        if self._mapper is None:
            assert self._class_model is not None
            kind = _classes.DeepLab if self.ctx.backend == "deeplab_ade20k" else _classes.Transformer
            handle = self._class_model
            self._mapper = kind(lambda: handle.session)
        maps = self.ctx.batched([rgb for _, rgb in self._pending], self._mapper.maps)
        for (t_s, _), numbers in zip(self._pending, maps, strict=True):
            self._classes.append((t_s, _classes.shares_of(numbers, self._mapper.names)))
        self._pending = []

    def finish(self, inputs: Inputs) -> BackgroundResult:
        from reelscope.analyzers.background_segmentation._shots import known_at, read_sample, tracks_of

        if self._pending:
            self._classify()
        shots: Shots = inputs.features["shots"]
        faces, people = inputs.features["faces"], inputs.features["people"]
        readings = [read_sample(s, known_at(s.t_s, faces, people)) for s in self._samples]
        segments: list[BackgroundSegment] = []
        tracks: list[SubjectTrack] = []
        seen_s = 0.0
        for index, (start, end) in enumerate(shots.shots):
            last = index == len(shots.shots) - 1
            here = [r for r in readings if start <= r.t_s and (r.t_s < end or last)]
            classes = [c for t, c in self._classes if start <= t and (t < end or last)]
            boxes = [r for r in here if r.box is not None]
            seen_s += end - start if here else 0.0
            segments.append(
                BackgroundSegment(
                    start_s=start,
                    end_s=end,
                    shot=index,
                    samples=len(here),
                    subject_xywh_norm=_middle([r.box for r in boxes]) if boxes else None,  # type: ignore[arg-type]
                    subject_centre=_middle([r.centre for r in boxes]) if boxes else None,  # type: ignore[arg-type]
                    **_figures(here, classes, self._class_model is not None),
                )
            )
            for part in tracks_of(here, SUBJECT_GAP_S):
                points = [TrackPoint(t_s=r.t_s, xywh_norm=r.box) for r in part if r.box is not None]
                track = SubjectTrack(
                    track_id=len(tracks), start_s=part[0].t_s, end_s=part[-1].t_s, label="subject", points=points, shot=index
                )
                tracks.append(track)
        duration = inputs.clip.media.duration_s
        told: dict[str, float] = {}
        for s in segments:
            if s.setting is not None:
                told[s.setting] = told.get(s.setting, 0.0) + (s.end_s - s.start_s) / duration
        whole = _figures(readings, [c for _, c in self._classes], self._class_model is not None)
        return BackgroundResult(
            coverage=min(1.0, seen_s / duration) if duration > 0 else 0.0,
            segments=segments,
            tracks=tracks,
            series=_series(readings),
            summary=BackgroundSummary(**whole | {"setting": None, "setting_reason": None}, setting_share=told),
        )


def _figures(readings: Sequence[Reading], classes: Sequence[dict[str, float]], told: bool) -> dict[str, Any]:
    """The fields of BackgroundFigures."""
    from reelscope.analyzers.background_segmentation._places import PERSON, setting_of

    shares = [r.share for r in readings if r.share is not None]
    out: dict[str, Any] = {}
    if shares:
        out |= {"subject_share": fmean(shares), "background_share": 1 - fmean(shares), "subject_max_share": max(shares)}
    if readings:
        out["person_present"] = sum(r.person for r in readings) / len(readings)
    if not readings:
        out["subject_reason"] = NO_SAMPLE
    elif not any(r.person for r in readings):
        out["subject_reason"] = NOBODY
    elif not any(r.box for r in readings):
        out["subject_reason"] = NO_MASK
    both = [(r.subject_blur, r.background_blur) for r in readings if r.subject_blur is not None and r.background_blur is not None]
    behind = [r.background_blur for r in readings if r.background_blur is not None]
    if behind:
        out["background_edge_blur"] = median(behind)
    if both:
        out["subject_edge_blur"] = median(a for a, _ in both)
        out["background_blur"] = median(b / a for a, b in both) if all(a > 0 for a, _ in both) else None
    if out.get("background_blur") is None:
        out["blur_reason"] = out.get("subject_reason") or NO_EDGES
    density = [r.edge_density for r in readings if r.edge_density is not None]
    if density:
        found = median(density)
        out |= {"edge_density": found, "texture": "plain" if found < PLAIN_BELOW else "busy" if found >= BUSY_FROM else None}
    if not told:
        return out | {"setting_reason": NOT_MEASURED}
    if not classes:
        return out | {"setting_reason": NO_SAMPLE}
    person = fmean(c.get(PERSON, 0.0) for c in classes)
    rest: dict[str, float] = {}
    for one in classes:
        for label, share in one.items():
            if label != PERSON:
                rest[label] = rest.get(label, 0.0) + share
    total = sum(rest.values())
    behind_shares = {label: share / total for label, share in rest.items()} if total > 0 else {}
    setting = setting_of(behind_shares)
    sure = len(classes) >= LEAST_CLASS_SAMPLES
    ordered = sorted(((s, label) for label, s in behind_shares.items() if s >= LEAST_CLASS_SHARE), reverse=True)
    return out | {
        "classes": [ClassShare(label=label, share=s) for s, label in ordered],
        "person_share": person,
        "setting": setting.value if sure else None,
        "setting_reason": setting.reason if sure else ONE_SAMPLE,
        "indoor_evidence": setting.indoor_share,
        "outdoor_evidence": setting.outdoor_share,
    }


def _series(readings: Sequence[Reading]) -> list[Series]:
    edges = [r for r in readings if r.with_edges]
    ratio = [r.background_blur / r.subject_blur if r.background_blur is not None and r.subject_blur else None for r in edges]
    out = []
    if readings:
        times, shares = [round_s(r.t_s) for r in readings], [r.share for r in readings]
        out.append(Series(name="subject_share", unit="share of the picture", t_s=times, values=shares))
    if any(v is not None for v in ratio):
        out.append(Series(name="background_blur", unit="ratio", t_s=[round_s(r.t_s) for r in edges], values=ratio))
    return out


def _middle(values: Sequence[tuple[float, ...]]) -> tuple[float, ...]:
    """Medians, one number at a time."""
    return tuple(round(median(column), 5) for column in zip(*values, strict=True))


ANALYZER = BackgroundSegmentation
