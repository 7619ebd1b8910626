"""What a conductor keeps of its clip: how far each member is, the pass that is on its way, and what its own threads tell it."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any, Literal

from reelscope.engine.flow import Flow
from reelscope.engine.runner import Failure
from reelscope.media.audio import AudioTrack
from reelscope.media.decode import DecodeStats

__all__ = ["Crashed", "Decoded", "Pass", "Sound", "State"]


@dataclass(frozen=True, slots=True)
class Sound:
    """The sound is decoded, or will not be."""

    audio: AudioTrack | None
    failure: Failure | None
    seconds: float


@dataclass(slots=True)
class Pass:
    """One decode pass. hosts: those that take part, as they were when it began; feeding: of them, those not through with it;
    through: windows that each is through with.
    """

    hosts: dict[str, Any]
    members: dict[str, tuple[str, ...]]
    flow: Flow
    feeding: set[str]
    through: Counter[str] = field(default_factory=Counter)
    decoded: bool = False


@dataclass(frozen=True, slots=True)
class Decoded:
    """A pass has handed out its last window. decode_s: in the decoder; wait_s: for the slowest reader."""

    decode: Pass
    stats: DecodeStats
    decode_s: float
    wait_s: float


@dataclass(frozen=True, slots=True)
class Crashed:
    """The run ends with this error."""

    error: BaseException


@dataclass(slots=True)
class State:
    """How far a member is: waiting (to be begun), feeding, fed, finish, done. hold: it must run alone in its worker.

    host: Where it was begun.
    """

    phase: Literal["waiting", "feeding", "fed", "finish", "done"] = "waiting"
    hold: bool = False
    host: Any = None
