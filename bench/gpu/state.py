"""What all parts of the benchmark share."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bench.gpu.nvml import Reading, nvml_reader
from bench.gpu.report import Printer
from bench.gpu.setup import session_on, settings_for
from reelscope.document.schema import Document
from reelscope.engine.placement import Hardware
from reelscope.pipeline import Session

__all__ = ["Bench", "analyze"]


@dataclass(slots=True)
class Bench:
    """The clip, the members, the hardware.

    Attributes:
        repeats: Cached runs of one clip. batches: sizes of batches other than the plan's. save: writes what there is, after each part.
        documents: Of all runs so far that stand for the ordinary case.
    """

    size: str
    vlm: str
    clip: Path
    seconds: float
    clips: int
    names: tuple[str, ...]
    everything: bool
    hardware: Hardware
    out: Printer
    repeats: int = 3
    batches: Mapping[str, int] = field(default_factory=dict)
    save: Callable[[], None] = lambda: None
    documents: list[Document] = field(default_factory=list)

    @property
    def only(self) -> tuple[str, ...] | None:
        """Analyzers to ask for; None: the CPU analyzers as well."""
        return None if self.everything else self.names

    @property
    def judged(self) -> bool:
        """Goals are of full size on a GPU."""
        return self.size == "full"

    def session(self, **settings: Any) -> AbstractContextManager[Session]:
        """A session on the benchmark's hardware."""
        names = settings.pop("names", self.names)
        return session_on(self.hardware, settings_for(self.size, self.vlm, names, batches=self.batches, **settings))

    def reader(self) -> Callable[[], Reading] | None:
        """Reads the first GPU; None where there is none (or a CPU stands in)."""
        return nvml_reader(self.hardware.gpus[0].uuid) if self.size == "full" else None


def analyze(session: Session, clip: Path, only: Sequence[str] | None) -> Document:
    """One clip; kept results are off in every session here."""
    return session.analyze(clip, only=only).document
