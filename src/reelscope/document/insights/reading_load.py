"""ReadingLoad."""

from __future__ import annotations

from reelscope.document.evidence import Evidence, Lack
from reelscope.document.insights.base import unavailable
from reelscope.document.schema import Insight

__all__ = ["RESULT", "measure"]


class ReadingLoad(Insight):
    """ReadingLoad."""


RESULT = ReadingLoad


def measure(evidence: Evidence) -> ReadingLoad:
    """Not built yet."""
    return unavailable(ReadingLoad, Lack("this version does not measure it yet", "not_built"))
