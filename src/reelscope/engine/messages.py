"""What the conductor and the hosts of members say to each other. Everything is picklable; pixels never are part of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from reelscope.engine.board import Running
from reelscope.engine.faults import Kind
from reelscope.engine.runner import Failure
from reelscope.features.base import Clip, Inputs
from reelscope.media.frames import FrameNeed
from reelscope.models.cache import CacheEvent, CacheStats

__all__ = [
    "Begin",
    "Broken",
    "Died",
    "End",
    "Fed",
    "Feed",
    "Finish",
    "Finished",
    "Forget",
    "Job",
    "Loaded",
    "LogLine",
    "ModelNews",
    "Pickled",
    "Preload",
    "Ready",
    "Shrunk",
    "Stop",
    "Took",
]


@dataclass(frozen=True, slots=True)
class Job:
    """One member in one clip: what to load and how.

    Attributes:
        kind: "feature" or "analyzer"; backend None for a feature.
        live: Features that must stand in each window before it is fed.
        batch, threads, device, options, frames: As in LoadContext.
    """

    name: str
    kind: str
    device: str
    options: Any
    frames: tuple[FrameNeed, ...]
    backend: str | None = None
    batch: int = 1
    threads: int = 1
    live: tuple[str, ...] = ()

    @property
    def key(self) -> tuple[Any, ...]:
        """Members with equal keys can stand in for each other."""
        return (self.kind, self.name, self.device, self.backend, self.options.model_dump_json(), self.frames)


# --- to a host --------------------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Begin:
    """A decode pass is about to start: load what is not loaded and begin the clip, in these lanes."""

    run: int
    clip: Clip
    lanes: tuple[tuple[Job, ...], ...]
    about: str = ""  # what the clip's events and log lines are told under


@dataclass(frozen=True, slots=True)
class Feed:
    """A window; `window` is a Window in this process, a WindowRef for another one."""

    run: int
    window: Any


@dataclass(frozen=True, slots=True)
class End:
    """The pass has no more windows."""

    run: int


@dataclass(frozen=True, slots=True)
class Finish:
    """Make a member's result."""

    run: int
    clip: Clip
    job: Job
    inputs: Inputs
    about: str = ""


@dataclass(frozen=True, slots=True)
class Forget:
    """The clip is over: let go of what it still holds."""

    run: int


@dataclass(frozen=True, slots=True)
class Preload:
    """Load members before a clip wants them."""

    jobs: tuple[Job, ...]


@dataclass(frozen=True, slots=True)
class Stop:
    """End."""


# --- from a host ------------------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Loaded:
    """A member is ready for the clip, or not. seconds: that this took; cache: of which for its models, found loaded or loaded now."""

    run: int
    name: str
    seconds: float
    failure: Failure | None
    cache: CacheStats = CacheStats()


@dataclass(frozen=True, slots=True)
class Took:
    """All lanes are through with a window; `key` is the window's index in this process, its slot's key from another one."""

    run: int
    key: Any


@dataclass(frozen=True, slots=True)
class Fed:
    """All lanes are through with the pass; failures by member."""

    run: int
    failures: dict[str, Failure] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Finished:
    """A member's result or failure. seconds: in begin, feed and finish; phases: by phase."""

    run: int
    name: str
    result: Any
    failure: Failure | None
    seconds: float
    phases: dict[str, float]


@dataclass(frozen=True, slots=True)
class Pickled:
    """A result on its way between processes: one that cannot be read back is its member's failure and not its worker's."""

    data: bytes


@dataclass(frozen=True, slots=True)
class Broken:
    """The host itself failed, which is a bug of ours."""

    run: int
    reason: str


@dataclass(frozen=True, slots=True)
class Shrunk:
    """A member's batch had to shrink; it keeps the new size."""

    key: tuple[Any, ...]
    size: int


@dataclass(frozen=True, slots=True)
class ModelNews:
    """A model was loaded, found loaded or unloaded."""

    event: CacheEvent


@dataclass(frozen=True, slots=True)
class LogLine:
    """A log record from a worker; trace: the traceback that belongs to it; bound: what its thread was at work on (events.bound)."""

    name: str
    level: int
    text: str
    trace: str = ""
    bound: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Ready:
    """A worker has started. view: what it sees of the machine."""

    view: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Died:
    """A host is gone.

    Attributes:
        kind: "killed", "exited", "hung", "memory" or "boot" (it never became ready).
        returncode: Of its process, as subprocess gives it; None for a host of this process.
        detail: More for people.
        running: What its board showed.
        boots: How often in a row it did not become ready.
        late_run: The run whose member was past its deadline.
        host: Who died, as the engine had handed it out.
    """

    kind: Kind
    returncode: int | None = None
    detail: str = ""
    running: tuple[Running, ...] = ()
    boots: int = 0
    late_run: int | None = None
    host: Any = None
