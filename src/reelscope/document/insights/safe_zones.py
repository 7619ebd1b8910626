"""SafeZones."""

from __future__ import annotations

from reelscope.document.evidence import Evidence, Lack
from reelscope.document.insights.base import unavailable
from reelscope.document.schema import Insight

__all__ = ["RESULT", "measure"]


class SafeZones(Insight):
    """SafeZones."""


RESULT = SafeZones


def measure(evidence: Evidence) -> SafeZones:
    """Not built yet."""
    return unavailable(SafeZones, Lack("this version does not measure it yet", "not_built"))
