"""Hook."""

from __future__ import annotations

from reelscope.document.evidence import Evidence, Lack
from reelscope.document.insights.base import unavailable
from reelscope.document.schema import Insight

__all__ = ["RESULT", "measure"]


class Hook(Insight):
    """Hook."""


RESULT = Hook


def measure(evidence: Evidence) -> Hook:
    """Not built yet."""
    return unavailable(Hook, Lack("this version does not measure it yet", "not_built"))
