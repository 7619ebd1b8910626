"""Members that work on a CPU in no time, and misbehave where a control file says so; importable by name, as workers need them.

Between them they are everything that a failure can hit: fed and not fed, with sound and without, a feature that is read live and one that
is read whole, results that others must have or may use, batches, and a model.
"""

from __future__ import annotations

import os
import zlib
from pathlib import Path
from typing import Any

from reelscope.analyzers.base import Analyzer, AnalyzerSpec, AudioNeed, Backend, Clip, FrameNeed, Inputs, LoadContext, Window
from reelscope.analyzers.registry import Registry
from reelscope.document.schema import AnalyzerResult, Segment
from reelscope.features.base import Feature, FeatureSpec
from reelscope.features.shots import Shots
from reelscope.models.manager import ModelHandle
from reelscope.models.sources import ModelSource, register
from tests.faults.misdeeds import misbehave, note, wanted

__all__ = ["MODEL", "REGISTRY", "StubRegistry", "use_model"]

EVERY = (FrameNeed(None, 48),)
MODEL, MODEL_FILE = "stub-model", "FAULT_TEST_MODEL"  # environment: the pinned sha256, then the path
BATCH = 8


class FakeCudaError(RuntimeError):
    """What PyTorch raises, by its words."""


class _Stub(Analyzer[AnalyzerResult]):
    """It adds up its frames, so that one frame too many, too few or of another window shows in the result."""

    Result = AnalyzerResult

    def __init__(self) -> None:
        misbehave(self.spec.name, "make")

    def close(self) -> None:
        misbehave(self.spec.name, "close")

    def load(self, ctx: LoadContext) -> None:
        super().load(ctx)
        misbehave(self.spec.name, "load")

    def begin(self, clip: Clip) -> None:
        self.counted = self.sum = 0
        self.live: list[int] = []
        misbehave(self.spec.name, "begin", clip=clip.name)

    def feed(self, window: Window) -> None:
        misbehave(self.spec.name, "feed", window=window.index)
        frames = window.frames(self.frames[0])
        self.counted += len(frames)
        self.sum = zlib.crc32(frames.pixels, self.sum)
        self.live += [window.features[name] for name in self.spec.backends[0].live]

    def finish(self, inputs: Inputs) -> AnalyzerResult:
        given = misbehave(self.spec.name, "finish", clip=inputs.clip.name)
        facts: dict[str, Any] = {"counted": self.counted, "sum": self.sum, "live": self.live, "duration_s": inputs.clip.media.duration_s}
        facts["read"] = {name: _gist(value) for name, value in sorted({**inputs.features, **inputs.results}.items())}
        facts["samples"] = inputs.audio.frames if inputs.audio is not None else 0
        return AnalyzerResult(segments=[Segment(start_s=0, end_s=1, **facts)], **({"extra": given} if given is not None else {}))


class _Batches(_Stub):
    """Takes its frames in batches; each batch's size is noted."""

    def feed(self, window: Window) -> None:
        frames = window.frames(self.frames[0])
        sums = self.ctx.batched(list(frames.pixels), self._sums)
        self.counted += len(sums)
        self.sum = zlib.crc32(repr(sums).encode(), self.sum)

    def begin(self, clip: Clip) -> None:
        super().begin(clip)
        self.number = 0

    def _sums(self, items: Any) -> list[int]:
        note(self.spec.name, f"{os.getpid()} {len(items)}")
        self.number += 1
        if wanted(self.spec.name, "batch", number=self.number) is not None:
            raise MemoryError if self.number == 1 else FakeCudaError("CUDA out of memory. Tried to allocate 2.00 GiB")
        return [zlib.crc32(item) for item in items]


class _Spools(_Stub):
    """Leaves a file in the clip's folder."""

    def begin(self, clip: Clip) -> None:
        super().begin(clip)
        (Path(clip.work_dir) / f"{self.spec.name}.spool").write_bytes(bytes(1 << 16))


class _Model(_Stub):
    """Holds a model."""

    model: ModelHandle

    def load(self, ctx: LoadContext) -> None:
        super().load(ctx)
        self.model = ctx.model(MODEL)

    def finish(self, inputs: Inputs) -> AnalyzerResult:
        made = super().finish(inputs)
        made.segments[0].device = self.model.session.device  # type: ignore[attr-defined]
        return made


class _People(Feature[Any]):
    """A feature that is read while frames are fed, and whole afterwards."""

    spec = FeatureSpec(name="people", version=1, frames=EVERY)

    def load(self, ctx: LoadContext) -> None:
        super().load(ctx)
        misbehave("people", "load")

    def begin(self, clip: Clip) -> None:
        self.sums: list[int] = []

    def feed(self, window: Window) -> int:
        misbehave("people", "feed", window=window.index)
        self.sums.append(zlib.crc32(window.frames(self.frames[0]).pixels))
        return self.sums[-1]

    def finish(self, inputs: Inputs) -> Any:
        misbehave("people", "finish")
        return tuple(self.sums)


class _Shots(Feature[Any]):
    """One shot over the whole clip: the document's spine."""

    spec = FeatureSpec(name="shots", version=1, frames=EVERY)

    def finish(self, inputs: Inputs) -> Any:
        return Shots((), ((0.0, inputs.clip.media.duration_s),))


class _Stills(Feature[Any]):
    """No pictures."""

    spec = FeatureSpec(name="stills", version=1)

    def finish(self, inputs: Inputs) -> None:
        return None


def _gist(value: Any) -> Any:
    return value.model_dump() if isinstance(value, AnalyzerResult) else repr(value)


def _analyzer(name: str, kind: type[_Stub] = _Stub, *, group: Any = "people", cost: float = 0.01, **backend: Any) -> type[Analyzer]:
    made = Backend(name="stub", tier="embedded", rank=1, cost=cost, **backend)
    return type(
        name,
        (kind,),
        {"spec": AnalyzerSpec(name=name, version=1, group=group, backends=(made,), finish_timeout_x=0.5), "__module__": __name__},
    )


class StubRegistry(Registry):
    """Only what it is given; travels by name."""

    def __init__(self, where: str, *members: type[Analyzer] | type[Feature]) -> None:
        self.where = f"{__name__}:{where}"
        self.members: dict[str, Any] = {m.spec.name: m for m in members}

    def analyzer(self, name: str) -> type[Analyzer] | None:
        found = self.members.get(name)
        hidden = found is not None and MODEL in found.spec.backends[0].models and not os.environ.get(MODEL_FILE)
        return None if hidden else found

    def feature(self, name: str) -> type[Feature]:
        return self.members[name]


REGISTRY = StubRegistry(
    "REGISTRY",
    _analyzer("cut_analysis", frames=EVERY),
    _analyzer("color_analysis", frames=EVERY),
    _analyzer("camera_analysis", _Spools, frames=EVERY),
    _analyzer("body_pose", frames=EVERY, features=("people",), live=("people",)),
    _analyzer("eye_tracking", frames=EVERY, features=("people",)),
    _analyzer("content_quality", _Batches, frames=EVERY, batch=BATCH),
    _analyzer("object_detection", _Model, frames=EVERY, models=(MODEL,)),
    _analyzer("audio_analysis", audio=AudioNeed("original")),
    _analyzer("speech_flow", audio=AudioNeed("mono16k")),
    _analyzer("temporal_flow", after=("cut_analysis",)),
    _analyzer("cross_analyzer_intelligence", soft_after=("cut_analysis", "color_analysis", "temporal_flow")),
    _People,
    _Shots,
    _Stills,
)
GPU_REGISTRY = StubRegistry(
    "GPU_REGISTRY",
    _analyzer("qwen2_vl_temporal", group="language", frames=EVERY, vram_mib=16_000),
    _analyzer("object_detection", group="detection", frames=EVERY, vram_mib=4_000),
    _analyzer("color_analysis", frames=EVERY, vram_mib=2_000),
    _analyzer("cut_analysis", frames=EVERY),
    _analyzer("audio_analysis", group="audio", audio=AudioNeed("original")),
    _analyzer("temporal_flow", group="audio", after=("cut_analysis", "qwen2_vl_temporal")),
    _Shots,
    _Stills,
)


def use_model(path: Path | None) -> None:
    """Register a model's file here and, through the environment, in workers started from now on; None: nobody has the model."""
    if path is None:
        os.environ.pop(MODEL_FILE, None)
        return
    source = ModelSource.of_file(MODEL, path)
    register(source)
    os.environ[MODEL_FILE] = f"{source.sha256} {path}"


def _registered_by_parent() -> None:
    given = os.environ.get(MODEL_FILE)
    if given:
        sha256, _, path = given.partition(" ")
        register(ModelSource(MODEL, path=Path(path), sha256=sha256, bytes=Path(path).stat().st_size))


_registered_by_parent()
