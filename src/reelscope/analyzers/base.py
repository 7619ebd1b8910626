"""The contract between an analyzer and the engine; the life of a member stands in reelscope.features.base."""

from __future__ import annotations

import inspect
from abc import abstractmethod
from dataclasses import dataclass
from typing import Any, ClassVar, Generic, Literal, TypeVar

from reelscope.document.schema import AnalyzerResult, Tier
from reelscope.features.base import Clip, Inputs, LoadContext, Member, NoOptions, Options
from reelscope.media.frames import AudioNeed, FrameNeed, Window

__all__ = [
    "Analyzer",
    "AnalyzerSpec",
    "Backend",
    "AudioNeed",
    "Clip",
    "FrameNeed",
    "Group",
    "Inputs",
    "LoadContext",
    "NoOptions",
    "Options",
    "Window",
]

Group = Literal["language", "detection", "people", "audio"]

R = TypeVar("R", bound=AnalyzerResult)


@dataclass(frozen=True, slots=True)
class Backend:
    """One way to compute an analyzer and what this way needs.

    Attributes:
        name: Short and stable; stands in the document.
        tier: What it takes to have it.
        rank: Among usable backends the highest wins; set by measuring.
        models: Names in the model manifest.
        packages: Import names that must be there.
        frames: Frames that `feed` reads as `self.frames[i]`; empty for backends that need none.
        audio: Sound that `finish` reads from `inputs.audio`; a clip without a sound track makes the analyzer `not_applicable`.
        features: Features it reads in `finish` from `inputs.features[name]`.
        live: Those of them that it also reads in `feed` from `window.features[name]`; the plan puts them beside it.
        after: Analyzers whose results it must have; soft_after: whose results it uses where they are there.
        batch: Default batch size; threads: threads it makes good use of; ram_mib, vram_mib: what it holds when loaded.
        cost: CPU core-seconds per second of clip, measured; the plan balances workers by it.
        needs_option: Option without which it cannot run: the address of a server that does the work. What that server holds is not known,
            so nothing that it made is kept for later runs.
    """

    name: str
    tier: Tier
    rank: int
    models: tuple[str, ...] = ()
    packages: tuple[str, ...] = ()
    frames: tuple[FrameNeed, ...] = ()
    audio: AudioNeed | None = None
    features: tuple[str, ...] = ()
    live: tuple[str, ...] = ()
    after: tuple[str, ...] = ()
    soft_after: tuple[str, ...] = ()
    batch: int = 1
    threads: int = 1
    ram_mib: int = 0
    vram_mib: int = 0
    cost: float = 0.01
    needs_option: str | None = None


@dataclass(frozen=True, slots=True)
class AnalyzerSpec:
    """An analyzer's identity; `version` rises when its output may change.

    window_timeout_s bounds one feed; finish may take finish_timeout_x times the clip's duration, at least window_timeout_s. title: what
    a plugin's analyzer is called in lists and in the report (the nineteen have theirs in reelscope.document.names); not given: its name.
    """

    name: str
    version: int
    group: Group
    backends: tuple[Backend, ...]
    window_timeout_s: float = 60.0
    finish_timeout_x: float = 5.0
    title: str = ""


class Analyzer(Member, Generic[R]):
    """Base of the nineteen, and of a plugin's. A subclass sets `spec`, `Result` and, where it has any, `Options`."""

    spec: ClassVar[AnalyzerSpec]
    Options: ClassVar[type[Options]] = NoOptions
    Result: ClassVar[type[AnalyzerResult]]

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if inspect.isabstract(cls):
            return
        spec = cls.__dict__.get("spec")
        if spec is None:
            return
        if not spec.backends:
            raise TypeError(f"{cls.__name__}: an analyzer has at least one backend")
        names = [b.name for b in spec.backends]
        if len(set(names)) != len(names) or len({b.rank for b in spec.backends}) != len(names):
            raise TypeError(f"{cls.__name__}: names and ranks of backends must differ: {names}")
        if not issubclass(cls.Result, AnalyzerResult):
            raise TypeError(f"{cls.__name__}: Result must be an AnalyzerResult")

    def feed(self, window: Window) -> None:
        """Take one window; streaming backends override it. Views are valid only until it returns: copy what you keep."""

    @abstractmethod
    def finish(self, inputs: Inputs) -> R:
        """Make the result of the clip."""
