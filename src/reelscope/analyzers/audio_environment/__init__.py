"""What is heard when: speech, music, noise and silence, several at once; with a model also which sounds of AudioSet.

Method, figures and limits: docs/analyzers/audio_environment.md.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from reelscope.analyzers.audio_environment._result import EnvironmentResult, EnvironmentSegment, EnvironmentSummary, TopEvent
from reelscope.analyzers.base import Analyzer, AnalyzerSpec, AudioNeed, Backend, Inputs, LoadContext
from reelscope.document.schema import AnalyzerResult

if TYPE_CHECKING:
    from reelscope.analyzers.audio_environment._audioset import Scores
    from reelscope.media.audio import AudioTrack
    from reelscope.models.manager import ModelHandle

__all__ = ["ANALYZER", "AudioEnvironment", "EnvironmentResult", "EnvironmentSegment", "EnvironmentSummary", "TopEvent"]

MODELS = {"yamnet": "yamnet", "ast": "ast-audioset"}


class AudioEnvironment(Analyzer[EnvironmentResult]):
    """Silence by level and speech by the feature `voice` in every backend; the rest by lines in the spectrum, or by a model's scores."""

    spec: ClassVar[AnalyzerSpec] = AnalyzerSpec(
        name="audio_environment",
        version=1,
        group="audio",
        backends=(
            Backend(
                name="ast",
                tier="full",
                rank=30,
                models=("ast-audioset",),
                packages=("torch", "transformers"),
                audio=AudioNeed("original"),
                features=("voice",),
                batch=8,
                ram_mib=700,
                vram_mib=1000,  # estimated: weights 350, the rest activations of a full batch
                cost=0.8,
            ),
            Backend(
                name="yamnet",
                tier="compact",
                rank=20,
                models=("yamnet",),
                packages=("ai_edge_litert",),
                audio=AudioNeed("original"),
                features=("voice",),
                ram_mib=130,
                cost=0.005,
            ),
            Backend(
                name="lines",
                tier="embedded",
                rank=10,
                packages=("numpy", "scipy"),
                audio=AudioNeed("original"),
                features=("voice",),
                ram_mib=40,
                cost=0.004,
            ),
        ),
    )
    Result: ClassVar[type[AnalyzerResult]] = EnvironmentResult

    _model: ModelHandle | None = None

    def load(self, ctx: LoadContext) -> None:
        super().load(ctx)
        from reelscope.analyzers.audio_environment import _assemble  # noqa: F401  (imports numpy and scipy)

        self._model = ctx.model(MODELS[ctx.backend]) if ctx.backend in MODELS else None

    def finish(self, inputs: Inputs) -> EnvironmentResult:
        """Hear `inputs.audio`."""
        from reelscope.analyzers.audio_environment import _assemble

        if inputs.audio is None:
            raise ValueError("audio_environment was run without sound; the plan must mark it not_applicable")
        if self._model is None:
            return _assemble.by_lines(inputs.audio, inputs.features["voice"])
        return _assemble.by_scores(inputs.audio, inputs.features["voice"], self._scores(inputs.audio))

    def _scores(self, audio: AudioTrack) -> Scores:
        assert self._model is not None
        if self.ctx.backend == "yamnet":
            from reelscope.analyzers.audio_environment import _yamnet

            session = self._model.session
            return _yamnet.score(session, audio.mono16k, _yamnet.class_names(session.folder))
        from reelscope.analyzers.audio_environment import _ast

        handle = self._model
        labels = handle.session.model.config.id2label
        names = tuple(str(labels[k]) for k in sorted(labels))
        return _ast.score(
            audio.mono16k, names, lambda inputs: self.ctx.batched(inputs, lambda some: _ast.sigmoids(handle.session, some)), self.ctx.batch
        )

    def close(self) -> None:
        self._model = None  # other members may share the session: the manager unloads it


ANALYZER = AudioEnvironment
