"""Analyzers and features that do what a test tells them, under real names, in a registry of their own."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from reelscope.analyzers.base import Analyzer, AnalyzerSpec, Backend, Inputs, LoadContext, Window
from reelscope.analyzers.registry import Registry
from reelscope.document.schema import AnalyzerResult, Segment
from reelscope.features.base import Feature, FeatureSpec
from reelscope.features.shots import Shots

__all__ = ["FakeRegistry", "stub_analyzer", "stub_feature", "stub_shots"]

Hook = Callable[..., Any]


class FakeRegistry(Registry):
    """Only what it is given, and the stills of the spine."""

    def __init__(self, *analyzers: type[Analyzer], features: tuple[type[Feature], ...] = ()) -> None:
        self.analyzers: Mapping[str, type[Analyzer]] = {a.spec.name: a for a in analyzers}
        self.features = {f.spec.name: f for f in (stub_shots(), *features)}

    def analyzer(self, name: str) -> type[Analyzer] | None:
        return self.analyzers.get(name)

    def feature(self, name: str) -> type[Feature]:
        return self.features.get(name) or super().feature(name)


def stub_analyzer(name: str, *, hooks: Mapping[str, Hook] | None = None, **backend: Any) -> type[Analyzer]:
    """An analyzer that counts frames; `hooks` by method name ("load", "begin", "feed", "finish", "close") are called first.

    What the finish hook returns, unless None, is the result.
    """
    hooks = hooks or {}

    def call(method: str, *args: Any) -> Any:
        return hooks[method](*args) if method in hooks else None

    class Stub(Analyzer[AnalyzerResult]):
        spec = AnalyzerSpec(name=name, version=3, group="people", backends=(Backend(name="stub", tier="embedded", rank=1, **backend),))
        Result = AnalyzerResult

        def load(self, ctx: LoadContext) -> None:
            super().load(ctx)
            call("load", self)

        def begin(self, clip: Any) -> None:
            self.counted = 0  # frames of the clip so far
            call("begin", self)

        def feed(self, window: Window) -> None:
            self.counted += len(window.frames(self.frames[0]))
            call("feed", self, window)

        def finish(self, inputs: Inputs) -> AnalyzerResult:
            given = call("finish", self, inputs)
            return given if given is not None else AnalyzerResult(segments=[Segment(start_s=0, end_s=1, counted=self.counted)])

        def close(self) -> None:
            call("close", self)

    return Stub


def stub_feature(name: str, *, hooks: Mapping[str, Hook] | None = None, **spec: Any) -> type[Feature]:
    """A feature whose value is what the finish hook returns (else its name), per window what the feed hook returns."""
    hooks = hooks or {}

    class Stub(Feature[Any]):
        def feed(self, window: Window) -> Any:
            return hooks["feed"](self, window) if "feed" in hooks else window.index

        def finish(self, inputs: Inputs) -> Any:
            return hooks["finish"](self, inputs) if "finish" in hooks else name

    Stub.spec = FeatureSpec(name=name, version=1, **spec)
    return Stub


def stub_shots() -> type[Feature]:
    """One shot over the whole clip."""
    return stub_feature("shots", hooks={"finish": lambda self, inputs: Shots((), ((0.0, inputs.clip.media.duration_s),))})
