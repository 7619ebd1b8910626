"""Scenes: consecutive shots grouped by place and look, with the distances that decided.

Method and figures: docs/analyzers/scene_segmentation.md.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated

from pydantic import Field

from reelscope.analyzers.base import Analyzer, AnalyzerSpec, Backend, Clip, Inputs, LoadContext, Options, Window
from reelscope.document.schema import AnalyzerResult, Model, Seconds, Segment, Summary, Value
from reelscope.media.frames import EVERY_FRAME, SAMPLED_SMALL

if TYPE_CHECKING:
    import numpy as np

    from reelscope.analyzers.scene_segmentation._grouping import Link
    from reelscope.analyzers.scene_segmentation._looks import Look
    from reelscope.features.shots import Shots
    from reelscope.features.stills import Stills

__all__ = ["ANALYZER", "SceneLink", "SceneOptions", "SceneResult", "SceneSegment", "SceneSegmentation", "SceneSummary", "Seam"]

# The largest with which no boundary of the reels for fitting was missed: two places taken for one hide a change, one place taken for two
# shows both halves. F1 on those reels: 0.85 at 0.42, 0.92 at 0.48, 0.93 at 0.54.
THRESHOLD = 0.48
# Cosine distance of SigLIP embeddings. NOT MEASURED with the real weights, which no test here can fetch: a place to start from.
EMBEDDING_THRESHOLD = 0.2
# Begin, end and three between, since a moving camera shows a place from several sides; not the outermost tenths, where a transition that
# was not found, or found a frame late, shows the neighbour.
PICKS = (0.1, 0.3, 0.5, 0.7, 0.9)


class SceneOptions(Options):
    """Options of scene_segmentation."""

    threshold: Annotated[
        float, Field(gt=0, le=2, description="Distance below which neighbouring shots are one scene (siglip: 0.2 where not given)")
    ] = THRESHOLD
    ahead_shots: Annotated[int, Field(ge=1, le=8, description="How many shots ahead to look for the same view (A B A B)")] = 3
    ahead_s: Annotated[float, Field(ge=0, le=60, description="Longest time in seconds between two shots that hold what lies between")] = 8.0


class SceneLink(Model):
    """Two shots of one scene and how near they look.

    Attributes:
        shots: Indices of the two.
        palette_distance: Hellinger distance of their colours, 0-1.
        layout_distance: OKLab difference of their pictures where they fit best.
        embedding_distance: Cosine distance of their embeddings, 0-2 (backend siglip only, in place of the two).
        distance: The sum, which is compared with the threshold (times 0.85 over other shots).
    """

    shots: tuple[int, int]
    palette_distance: Value
    layout_distance: Value
    embedding_distance: Value = Field(None, exclude_if=lambda v: v is None)
    distance: Value


class SceneSegment(Segment):
    """One scene.

    Attributes:
        index: From 0. shots: indices of its shots, consecutive.
        links: What holds it together; empty for a scene of one shot.
        to_next: The comparison of its last shot with the next scene's first; null for the last scene or where one was not seen.
        unseen_shots: Shots without a sampled frame, which stay with the shot before them.
    """

    index: int
    shots: list[int]
    links: list[SceneLink] = []
    to_next: SceneLink | None = None
    unseen_shots: list[int] = []


class Seam(Model):
    """The last frame against the first, for clips that play again from the start.

    Attributes:
        first_s: Time of the first frame; last_s: of the last one.
        palette_distance: Hellinger distance of their colours, 0-1.
        layout_distance: OKLab difference where they fit best, shifted and scaled, as between shots.
        difference: OKLab difference as they lie.
        usual_first: Median of the same difference over a tenth of a second within the clip's first second, in the first shot; null where
            that has one sample only. usual_last: within its last second, in the last shot.
    """

    first_s: Seconds
    last_s: Seconds
    palette_distance: Value
    layout_distance: Value
    difference: Value
    usual_first: Value
    usual_last: Value


class SceneSummary(Summary):
    """The whole clip. threshold: as used; mean_scene_s: null without scenes; seam: null for a clip of fewer than two frames."""

    scenes: int = 0
    shots: int = 0
    mean_scene_s: Value = None
    threshold: Value = None
    seam: Seam | None = None


class SceneResult(AnalyzerResult):
    """Segments: the scenes, which tile the clip."""

    segments: list[SceneSegment] = []  # type: ignore[assignment]
    summary: SceneSummary = SceneSummary()


class SceneSegmentation(Analyzer[SceneResult]):
    """Keeps a grid of 18 x 32 colours a sampled frame (1.7 kB), or reads stills; shots are compared once they are known."""

    spec = AnalyzerSpec(
        name="scene_segmentation",
        version=2,
        group="people",
        backends=(
            Backend(
                name="layout",
                tier="embedded",
                rank=10,
                packages=("cv2", "numpy"),
                frames=(SAMPLED_SMALL, EVERY_FRAME),
                features=("shots",),
                cost=0.006,
            ),
            # Below the embedded one until its threshold is measured with the real weights: taken when named.
            Backend(
                name="siglip",
                tier="full",
                rank=5,
                models=("siglip2-base",),
                packages=("cv2", "numpy", "torch", "transformers"),
                frames=(EVERY_FRAME,),
                features=("shots", "stills"),
                batch=32,
                ram_mib=1800,
                vram_mib=2500,
                cost=0.3,
            ),
        ),
    )
    Options = SceneOptions
    Result = SceneResult

    def load(self, ctx: LoadContext) -> None:
        super().load(ctx)
        import reelscope.analyzers.scene_segmentation._seam  # noqa: F401

        self._model = ctx.model("siglip2-base") if ctx.backend == "siglip" else None

    def begin(self, clip: Clip) -> None:
        from reelscope.analyzers.scene_segmentation._seam import Ends

        self._grids: list[np.ndarray] = []
        self._times_s: list[float] = []
        self._ends = Ends()

    def feed(self, window: Window) -> None:
        every = window.frames(self.frames[-1])
        self._ends.add(every.pixels, every.pts_s)
        if self._model is not None:  # what it groups are the stills, picked at the end
            return
        from reelscope.analyzers.scene_segmentation._looks import reduce_frame

        frames = window.frames(self.frames[0])
        for rgb, t_s in zip(frames.pixels, frames.pts_s, strict=True):
            self._grids.append(reduce_frame(rgb))
            self._times_s.append(float(t_s))

    def finish(self, inputs: Inputs) -> SceneResult:
        if self._model is not None:
            return self._by_embedding(inputs)
        from reelscope.analyzers.scene_segmentation._looks import look_of, shot_distance

        shots: Shots = inputs.features["shots"]
        picked = _pick(self._times_s, shots)
        crop = self._crop(picked)
        looks: dict[int, list[Look]] = {}  # of the shots within reach, about 80 kB each: an hour of short shots must not add up

        def looks_at(shot: int) -> list[Look]:
            if shot not in looks:
                looks[shot] = [look_of(self._grids[i][crop]) for i in picked[shot]]
            return looks[shot]

        def compare(a: int, b: int) -> tuple[float, float] | None:
            for gone in [shot for shot in looks if shot < b - self.options.ahead_shots]:
                del looks[gone]
            return shot_distance(looks_at(a), looks_at(b)) if picked[a] and picked[b] else None

        return self._result(shots, picked, compare, self.options.threshold)

    def _by_embedding(self, inputs: Inputs) -> SceneResult:
        """The same grouping over the embeddings of stills."""
        import cv2
        import numpy as np

        from reelscope.analyzers.scene_segmentation._embed import embed, embedding_distance

        shots: Shots = inputs.features["shots"]
        stills: Stills = inputs.features["stills"]
        picked = _pick([s.t_s for s in stills.stills], shots)

        def read(index: int) -> np.ndarray:
            data = np.frombuffer(stills.read(stills.stills[index]), np.uint8)
            return np.ascontiguousarray(cv2.imdecode(data, cv2.IMREAD_COLOR)[..., ::-1])

        assert self._model is not None
        model = self._model
        points: list[list[np.ndarray]] = [[] for _ in picked]
        wanted = [(shot, i) for shot, indices in enumerate(picked) for i in indices]
        for first in range(0, len(wanted), self.ctx.batch):  # a batch of pictures at a time: an hour of stills would not fit
            part = wanted[first : first + self.ctx.batch]
            made = self.ctx.batched([read(i) for _, i in part], lambda some: embed(model.session, some))
            for (shot, _), point in zip(part, made, strict=True):
                points[shot].append(point)

        def compare(a: int, b: int) -> tuple[float, float] | None:
            return (embedding_distance(points[a], points[b]), 0.0) if points[a] and points[b] else None

        given = "threshold" in self.options.model_fields_set
        return self._result(shots, picked, compare, self.options.threshold if given else EMBEDDING_THRESHOLD)

    def _result(
        self, shots: Shots, picked: list[list[int]], compare: Callable[[int, int], tuple[float, float] | None], threshold: float
    ) -> SceneResult:
        from reelscope.analyzers.scene_segmentation._grouping import group, links_of

        options: SceneOptions = self.options
        embedded = self._model is not None
        intervals = list(shots.shots)
        links = links_of(intervals, compare, threshold=threshold, ahead_shots=options.ahead_shots, ahead_s=options.ahead_s)
        unseen = {i for i, frames in enumerate(picked) if not frames}
        scenes = group(len(intervals), links, unseen)
        duration = sum(end - start for start, end in intervals)
        seen_s = sum(end - start for i, (start, end) in enumerate(intervals) if i not in unseen)
        return SceneResult(
            coverage=min(1.0, seen_s / duration) if duration > 0 else 0.0,
            segments=[_segment(i, scene, intervals, links, unseen, embedded) for i, scene in enumerate(scenes)],
            summary=SceneSummary(
                scenes=len(scenes),
                shots=len(intervals),
                mean_scene_s=duration / len(scenes) if scenes else None,
                threshold=threshold,
                seam=self._seam(intervals),
            ),
        )

    def _seam(self, shots: list[tuple[float, float]]) -> Seam | None:
        found = self._ends.compare(shots)
        if found is None:
            return None
        return Seam(
            first_s=found.first_s,
            last_s=found.last_s,
            palette_distance=found.palette,
            layout_distance=found.layout,
            difference=found.difference,
            usual_first=found.usual_first,
            usual_last=found.usual_last,
        )

    def _crop(self, picked: list[list[int]]) -> tuple[slice, slice]:
        """Rows and columns of the grids inside plain bars, as agreed by all frames that are compared."""
        import numpy as np

        from reelscope.analyzers.scene_segmentation._looks import without_bars

        grids = [self._grids[i] for indices in picked for i in indices]
        return without_bars(np.stack(grids)) if grids else (slice(None), slice(None))


def _pick(times_s: list[float], shots: Shots) -> list[list[int]]:
    """Per shot the indices of at most five samples spread over it, outside gradual transitions where there are such."""
    inside: list[list[int]] = [[] for _ in shots.shots]
    clear: list[list[int]] = [[] for _ in shots.shots]
    gradual = [(t.start_s, t.end_s) for t in shots.transitions if t.end_s > t.start_s]
    shot = passed = 0
    for i, t_s in enumerate(times_s if inside else ()):
        while shot < len(shots.shots) - 1 and t_s >= shots.shots[shot][1]:
            shot += 1
        while passed < len(gradual) and t_s >= gradual[passed][1]:
            passed += 1
        inside[shot].append(i)
        if passed == len(gradual) or t_s < gradual[passed][0]:
            clear[shot].append(i)
    out = []
    for chosen in (c or i for c, i in zip(clear, inside, strict=True)):
        last = len(chosen) - 1
        out.append(sorted({chosen[round(share * last)] for share in PICKS}) if chosen else [])
    return out


def _segment(
    index: int, scene: list[int], shots: list[tuple[float, float]], links: list[Link], unseen: set[int], embedded: bool
) -> SceneSegment:
    first, last = scene[0], scene[-1]
    over = next((link for link in links if (link.a, link.b) == (last, last + 1)), None)
    return SceneSegment(
        start_s=shots[first][0],
        end_s=shots[last][1],
        index=index,
        shots=scene,
        links=[_link(link, embedded) for link in links if link.joins and first <= link.a and link.b <= last],
        to_next=_link(over, embedded) if over is not None else None,
        unseen_shots=[i for i in scene if i in unseen],
    )


def _link(link: Link, embedded: bool) -> SceneLink:
    if embedded:
        both = (link.a, link.b)
        return SceneLink(shots=both, palette_distance=None, layout_distance=None, embedding_distance=link.distance, distance=link.distance)
    return SceneLink(shots=(link.a, link.b), palette_distance=link.palette, layout_distance=link.layout, distance=link.distance)


ANALYZER = SceneSegmentation
