"""What features and analyzers share: the life of a member of a worker, and the contract of features.

Life of a member: `load` once per worker, then per clip `begin`, `feed` for every window (streaming ones only), `finish`; `close` at the
end. The engine measures seconds, catches what is raised and writes it into the document; a member never catches its own bugs.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Generic, TypeVar

from pydantic import BaseModel, ConfigDict

from reelscope.document.schema import MediaInfo
from reelscope.media.frames import AudioNeed, FrameNeed, Window
from reelscope.models.batches import Batches
from reelscope.models.cache import CacheStats
from reelscope.models.manager import ModelHandle, ModelManager

if TYPE_CHECKING:
    from reelscope.media.audio import AudioTrack

__all__ = ["Clip", "Feature", "FeatureSpec", "Inputs", "LoadContext", "Member", "NoOptions", "Options"]

V = TypeVar("V")


class Options(BaseModel):
    """Base of an analyzer's options; an unknown key is an error."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class NoOptions(Options):
    """For analyzers without options."""


@dataclass(frozen=True, slots=True)
class FeatureSpec:
    """Something several analyzers need; produced once, without a key in the document."""

    name: str
    version: int
    models: tuple[str, ...] = ()
    packages: tuple[str, ...] = ()
    frames: tuple[FrameNeed, ...] = ()
    audio: AudioNeed | None = None
    features: tuple[str, ...] = ()
    cost: float = 0.01
    window_timeout_s: float = 60.0  # as in AnalyzerSpec
    finish_timeout_x: float = 5.0


@dataclass(frozen=True, slots=True)
class LoadContext:
    """What a member gets once per worker.

    Attributes:
        device: "cpu", or "cuda:0" for the one GPU that its worker sees.
        options, frames: As planned.
        backend: Name of the chosen backend; None for a feature.
        batch: Items that a model takes at once; threads: for one inference.
        models: Hands out the sessions of models; `model(name)` asks it. handles: all that it handed out to this member.
        batches: Cuts work into batches and halves them when memory runs out; `batched` asks it.
    """

    device: str
    options: BaseModel
    frames: tuple[FrameNeed, ...]
    backend: str | None = None
    batch: int = 1
    threads: int = 1
    models: ModelManager = field(default_factory=ModelManager)
    batches: Batches = field(default_factory=Batches)
    handles: list[ModelHandle] = field(default_factory=list, compare=False)

    def model(self, name: str, *, precision: str = "fp32", device: str | None = None) -> ModelHandle:
        """A handle on a model's session; the engine holds it loaded from `begin` to `finish`.

        Args:
            device: "cpu" for a model that has no other place, beside others on a GPU; None: the member's own.

        Raises:
            ModelError: There is no such model, or its package is not installed.
        """
        handle = self.models.handle(name, device=device or self.device, precision=precision, threads=self.threads)
        self.handles.append(handle)
        return handle

    def pin(self) -> CacheStats:
        """Hold every model of the member loaded until `unpin`; all of them or none.

        Returns:
            Hits, misses and seconds of loading that this took.

        Raises:
            ModelError: One is missing, damaged or does not load.
        """
        cost = CacheStats()
        try:
            for handle in sorted(self.handles, key=lambda h: not h.loaded):  # what is there must not make room for what is not
                cost += handle.pin()
        except BaseException:
            self.unpin()
            raise
        return cost

    def unpin(self) -> None:
        """Models of the member may be unloaded again; legal at any time."""
        for handle in self.handles:
            handle.unpin()

    def batched(self, items: Sequence[Any], call: Callable[[Sequence[Any]], Sequence[Any]]) -> list[Any]:
        """`call` over batches of `items`, in order; where a device runs out of memory the batch is halved and tried again."""
        return self.batches.run(items, call)


@dataclass(frozen=True, slots=True)
class Clip:
    """The clip as the analyzers see it: facts, never pixels."""

    name: str
    media: MediaInfo
    work_dir: str  # private to this clip, removed after it: a place for spools


@dataclass(frozen=True, slots=True)
class Inputs:
    """What `finish` may read.

    Attributes:
        clip: As in `begin`; `clip.media.duration_s` is now the decoded duration.
        audio: Sound, where the backend asked for it and the clip has it.
        features: Finished features by name, those that the backend named.
        results: Results of the analyzers named in after and soft_after, where they are `ok`.
        absent: Status of the others of them by name: unavailable, skipped, failed ..., not_yet where two would read each other.
    """

    clip: Clip
    audio: AudioTrack | None = None
    features: Mapping[str, Any] = field(default_factory=dict)
    results: Mapping[str, Any] = field(default_factory=dict)
    absent: Mapping[str, str] = field(default_factory=dict)


class Member(ABC):
    """What analyzers and features share."""

    options: Any
    frames: tuple[FrameNeed, ...]

    def load(self, ctx: LoadContext) -> None:
        """Import heavy libraries and load models; once per worker. Overriders call super().load(ctx) first."""
        self.ctx = ctx
        self.options = ctx.options
        self.frames = ctx.frames

    def begin(self, clip: Clip) -> None:
        """Forget the last clip."""

    def close(self) -> None:
        """Let go of everything; bounded in time; legal after a failed load."""


class Feature(Member, Generic[V]):
    """Base of the features. `feed` may return a value for the window, `finish` the value for the clip (picklable)."""

    spec: ClassVar[FeatureSpec]
    keeps: ClassVar[bool] = False  # whether store and restore are there: a value is kept for later runs of the same clip

    @classmethod
    def store(cls, value: V, folder: Path) -> None:
        """Write a value of `finish` as files (no folders) into an empty folder; never through pickle."""
        raise NotImplementedError

    @classmethod
    def restore(cls, folder: Path) -> V:
        """Read it back. The folder stays as long as the clip's run, so the value may name files in it.

        Raises:
            Any exception where the files do not fit; the feature is then made anew.
        """
        raise NotImplementedError

    def feed(self, window: Window) -> Any:
        """Take one window; what it returns stands in `window.features[name]` for streaming consumers beside it."""
        return None

    @abstractmethod
    def finish(self, inputs: Inputs) -> V:
        """The feature of the whole clip."""
