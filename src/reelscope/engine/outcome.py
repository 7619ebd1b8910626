"""What a run leaves: every member with its result or failure, and what decoding taught."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from reelscope.analyzers.base import AnalyzerSpec, Backend
from reelscope.document.schema import ModelInfo
from reelscope.engine.kept import Kept
from reelscope.engine.messages import Job
from reelscope.engine.plan import Plan
from reelscope.engine.runner import Failure
from reelscope.features.base import Clip, FeatureSpec, NoOptions
from reelscope.media.audio import AudioTrack
from reelscope.media.decode import DecodeStats
from reelscope.models.cache import CacheStats

__all__ = ["MemberOutcome", "Outcome", "members_of"]


@dataclass(slots=True)
class MemberOutcome:
    """One analyzer or feature in one clip.

    Attributes:
        spec, backend, job: What it is and how it was asked to run; backend None for a feature.
        worker: Where it was placed.
        result, failure: One of them once it is done.
        seconds: Wall seconds in begin, feed and finish, of the attempt that counted; load_s: in load.
        attempts: How often it was begun; 0: it was not.
        reused: Whether the result is an earlier run's; models: those that took part then.
    """

    name: str
    spec: AnalyzerSpec | FeatureSpec
    backend: Backend | None
    job: Job
    worker: str
    result: Any = None
    failure: Failure | None = None
    done: bool = False
    seconds: float = 0.0
    load_s: float = 0.0
    attempts: int = 0
    phases: dict[str, float] = field(default_factory=dict)
    reused: bool = False
    models: tuple[ModelInfo, ...] = ()

    @property
    def frames(self) -> bool:
        """Whether it is fed."""
        return bool(self.job.frames)

    @property
    def audio(self) -> bool:
        """Whether it reads the sound."""
        source = self.backend if self.backend is not None else self.spec
        return source.audio is not None  # type: ignore[union-attr]

    @property
    def must(self) -> tuple[str, ...]:
        """Features and analyzers that it must have."""
        return (*self.backend.features, *self.backend.after) if self.backend is not None else self.spec.features  # type: ignore[union-attr]

    @property
    def soft(self) -> tuple[str, ...]:
        """Analyzers whose results it uses where they are there."""
        return self.backend.soft_after if self.backend is not None else ()

    @property
    def ok(self) -> bool:
        """Whether there is a result."""
        return self.done and self.failure is None


@dataclass(slots=True)
class Outcome:
    """What a run left.

    Attributes:
        members: Every member by name.
        clip: The clip with what decoding taught about it.
        stats: Of the first decode pass; None for a clip of sound alone or where nothing took frames.
        phases: Wall seconds: decode (inside the decoder), wait (for the slowest reader), sound, finish (after the last window).
        passes: Decode passes; frames_decoded: in all of them.
        cache: Models that members found loaded, that were loaded for them, and the seconds of that; bytes_held: of those loaded at the
            end, in all hosts.
        peak_vram_mib: GPU memory of all workers together at most, sampled; None without a GPU worker.
    """

    members: dict[str, MemberOutcome]
    clip: Clip
    stats: DecodeStats | None = None
    audio: AudioTrack | None = None
    phases: dict[str, float] = field(default_factory=dict)
    passes: int = 0
    frames_decoded: int = 0
    cache: CacheStats = CacheStats()
    bytes_held: int = 0
    peak_vram_mib: float | None = None


def members_of(plan: Plan, kept: Mapping[str, Kept], whole: Plan) -> dict[str, MemberOutcome]:
    """The members of a plan, nothing done yet, and those of the whole plan whose results were kept; each after those that it needs."""
    todo = _placed(plan)
    made: dict[str, MemberOutcome] = {}
    for name, member in _placed(whole).items():
        if name in todo:
            made[name] = todo[name]
        elif name in kept:
            made[name] = member
            entry = kept[name]
            member.result, member.done, member.reused = entry.result, True, True
            member.seconds, member.attempts, member.models = entry.seconds, entry.attempts, entry.models
            member.job = replace(member.job, device=entry.device)
    return made


def _placed(plan: Plan) -> dict[str, MemberOutcome]:
    made: dict[str, MemberOutcome] = {}
    batches: Mapping[str, int] = plan.placement.batches
    for worker in plan.placement.workers:
        for name in worker.members:
            device = worker.member_device.get(name, "cpu")
            if name in plan.features:
                spec = plan.features[name]
                made[name] = MemberOutcome(name, spec, None, Job(name, "feature", device, NoOptions(), spec.frames), worker.name)
                continue
            choice = plan.choices[name]
            assert choice.spec is not None and choice.backend is not None
            backend = choice.backend
            job = Job(
                name, "analyzer", device, choice.options, choice.frames, backend.name, batches.get(name, choice.batch), backend.threads,
                backend.live,
            )  # fmt: skip
            made[name] = MemberOutcome(name, choice.spec, backend, job, worker.name)
    return made
