"""MuteTest."""

from __future__ import annotations

from reelscope.document.evidence import Evidence, Lack
from reelscope.document.insights.base import unavailable
from reelscope.document.schema import Insight

__all__ = ["RESULT", "measure"]


class MuteTest(Insight):
    """MuteTest."""


RESULT = MuteTest


def measure(evidence: Evidence) -> MuteTest:
    """Not built yet."""
    return unavailable(MuteTest, Lack("this version does not measure it yet", "not_built"))
