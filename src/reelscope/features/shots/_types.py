"""Shots and transitions of the clip: what every other analyzer hangs its figures on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

__all__ = ["Shots", "Transition", "TransitionKind"]

TransitionKind = Literal["cut", "dissolve", "fade", "wipe"]


@dataclass(frozen=True, slots=True)
class Transition:
    """From one shot to the next; for a cut start_s = end_s = pts of the new shot's first frame.

    A fade at the clip's very start or end has a shot on one side only.

    Attributes:
        kind, start_s, end_s: What and when; half-open.
        confidence: For a cut the fitted probability, for a gradual one the margin `1 - cost / 2` (0.5 just accepted, 1 ideal); None where
            nothing was detected because it is known (slides).
        variant: fade: "black", "white" (through it), "from black", "to black", "from white", "to white"; wipe: "left", "right", "up",
            "down" (where the edge moves to); cut: "slide" where one still picture follows another.
        jump_cut: A cut between two moments of one take.
        figures: What it was decided on, as (name, value); the names are explained in docs/analyzers/cut_analysis.md.
    """

    kind: TransitionKind
    start_s: float
    end_s: float
    confidence: float | None = None
    variant: str | None = None
    jump_cut: bool = False
    figures: tuple[tuple[str, float], ...] = ()


@dataclass(frozen=True, slots=True)
class Shots:
    """Transitions in time order, and the shots: half-open (start_s, end_s) that tile [0, duration)."""

    transitions: tuple[Transition, ...]
    shots: tuple[tuple[float, float], ...]

    def at(self, t_s: float) -> int:
        """Index of the shot that contains `t_s`."""
        for i, (_, end) in enumerate(self.shots):
            if t_s < end:
                return i
        return len(self.shots) - 1
