"""Subject and background: how much of the picture people fill and where, what is behind them, how soft it is, inside or outside.

The subject is people only (`_subject`). Method, formulae and limits: docs/analyzers/background_segmentation.md.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from itertools import pairwise
from statistics import median
from typing import TYPE_CHECKING, Any

from reelscope.analyzers.background_segmentation._types import (
    BackgroundResult,
    BackgroundSegment,
    BackgroundSummary,
    ClassShare,
    SubjectTrack,
)
from reelscope.analyzers.base import Analyzer, AnalyzerSpec, Backend, Clip, Inputs, LoadContext, Window
from reelscope.document.schema import Series, TrackPoint
from reelscope.media.frames import SAMPLED_LARGE
from reelscope.timebase import round_s

if TYPE_CHECKING:
    import numpy as np

    from reelscope.analyzers.background_segmentation._classes import ClassModel
    from reelscope.analyzers.background_segmentation._gate import Judged
    from reelscope.analyzers.background_segmentation._shots import Reading, Sample
    from reelscope.features.shots import Shots

__all__ = ["ANALYZER", "BackgroundSegmentation", "BackgroundSegment", "BackgroundSummary", "BackgroundResult", "ClassShare", "SubjectTrack"]

# Of the frames of SAMPLED_LARGE (five a second, those that faces and people look at): masks on every second, edges on every fourth, classes
# on every fifth.
MASK_EVERY, EDGES_EVERY, CLASSES_EVERY = 2, 4, 5
FPS = 5.0

CLASS_MODELS = {"deeplab_ade20k": "deeplab-ade20k", "segformer": "segformer-ade20k", "mask2former": "mask2former-ade20k"}
_SHARED: dict[str, Any] = {
    "frames": (SAMPLED_LARGE,),
    "features": ("shots", "faces", "people"),
    "live": ("faces", "people"),
    "soft_after": ("object_detection",),
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
        import reelscope.analyzers.background_segmentation._figures
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
        from reelscope.analyzers.background_segmentation import _figures, _gate
        from reelscope.analyzers.background_segmentation._shots import known_at

        if self._pending:
            self._classify()
        shots: Shots = inputs.features["shots"]
        faces, people = inputs.features["faces"], inputs.features["people"]
        persons = _gate.persons_of(inputs.results.get("object_detection"))
        told = self._class_model is not None
        segments: list[BackgroundSegment] = []
        tracks: list[SubjectTrack] = []
        parts: list[Judged] = []
        seen_s = 0.0
        for index, (start, end) in enumerate(shots.shots):
            last = index == len(shots.shots) - 1
            here = [s for s in self._samples if start <= s.t_s and (s.t_s < end or last)]
            classes = [c for t, c in self._classes if start <= t and (t < end or last)]
            judged = _gate.judge(here, [known_at(s.t_s, faces, people) for s in here], persons)
            boxes = [r for r in judged.readings if r.box is not None]
            seen_s += end - start if here else 0.0
            parts.append(judged)
            segments.append(
                BackgroundSegment(
                    start_s=start,
                    end_s=end,
                    shot=index,
                    samples=len(here),
                    subject_xywh_norm=_middle([r.box for r in boxes]) if boxes else None,  # type: ignore[arg-type]
                    subject_centre=_middle([r.centre for r in boxes]) if boxes else None,  # type: ignore[arg-type]
                    **_figures.figures_of(judged, classes, told),
                )
            )
            tracks += self._tracks(boxes, index, end, len(tracks))
        duration = inputs.clip.media.duration_s
        shares: dict[str, float] = {}
        for s in segments:
            if s.setting is not None:
                shares[s.setting] = shares.get(s.setting, 0.0) + (s.end_s - s.start_s) / duration
        whole = _gate.together(parts)
        figures = _figures.figures_of(whole, [c for _, c in self._classes], told) | _figures.setting_of_clip(shares, told)
        result = BackgroundResult(
            coverage=min(1.0, seen_s / duration) if duration > 0 else 0.0,
            segments=segments,
            tracks=tracks,
            series=_series(whole.readings),
            summary=BackgroundSummary(**figures, setting_share=shares),
        )
        if self._classes:
            result.warnings = [_names_checked(str(self.ctx.backend), {c.label for s in segments for c in s.classes or ()})]
        return result

    def _tracks(self, boxes: Sequence[Reading], shot: int, end_s: float, number: int) -> list[SubjectTrack]:
        """Tracks of a shot. A point stands for the time to the middle between it and the next sample."""
        from reelscope.analyzers.background_segmentation._gate import SUBJECT_GAP_S
        from reelscope.analyzers.background_segmentation._shots import tracks_of

        times = [s.t_s for s in self._samples]
        step_s = median(b - a for a, b in pairwise(times)) if len(times) > 1 else MASK_EVERY / (self.frames[0].fps or FPS)
        return [
            SubjectTrack(
                track_id=number + k,
                start_s=part[0].t_s,
                end_s=max(part[-1].t_s, min(end_s, part[-1].t_s + step_s / 2)),
                label="subject",
                points=[TrackPoint(t_s=r.t_s, xywh_norm=r.box) for r in part if r.box is not None],
                shot=shot,
            )
            for k, part in enumerate(tracks_of(boxes, SUBJECT_GAP_S))
        ]


def _names_checked(backend: str, listed: Collection[str]) -> str:
    """How far the names of the classes can be trusted."""
    from reelscope.analyzers.background_segmentation._places import DEEPLAB_NAMES, OTHER, SEEN_RIGHT

    if backend != "deeplab_ade20k":
        return f"class names of {backend} are those of its checkpoint; none was checked by eye on our clips"
    said = (
        f"class names: {len(SEEN_RIGHT)} of DeepLab's {len(DEEPLAB_NAMES) - 1} were seen to be right somewhere on our clips by eye, "
        "and go wrong elsewhere (asphalt called water, a dark hall sky)"
    )
    others = sorted(set(listed) - SEEN_RIGHT - {OTHER})
    return f"{said}; of those listed here never seen to be right: {', '.join(others)}" if others else said


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
