"""Pacing."""

from __future__ import annotations

from reelscope.document.evidence import Evidence, Lack
from reelscope.document.insights.base import unavailable
from reelscope.document.schema import Insight

__all__ = ["RESULT", "measure"]


class Pacing(Insight):
    """Pacing."""


RESULT = Pacing


def measure(evidence: Evidence) -> Pacing:
    """Not built yet."""
    return unavailable(Pacing, Lack("this version does not measure it yet", "not_built"))
