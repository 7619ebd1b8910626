"""Reshoot."""

from __future__ import annotations

from reelscope.document.evidence import Evidence, Lack
from reelscope.document.insights.base import unavailable
from reelscope.document.schema import Insight

__all__ = ["RESULT", "measure"]


class Reshoot(Insight):
    """Reshoot."""


RESULT = Reshoot


def measure(evidence: Evidence) -> Reshoot:
    """Not built yet."""
    return unavailable(Reshoot, Lack("this version does not measure it yet", "not_built"))
