"""Loop."""

from __future__ import annotations

from reelscope.document.evidence import Evidence, Lack
from reelscope.document.insights.base import unavailable
from reelscope.document.schema import Insight

__all__ = ["RESULT", "measure"]


class Loop(Insight):
    """Loop."""


RESULT = Loop


def measure(evidence: Evidence) -> Loop:
    """Not built yet."""
    return unavailable(Loop, Lack("this version does not measure it yet", "not_built"))
