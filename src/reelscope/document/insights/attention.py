"""Attention."""

from __future__ import annotations

from reelscope.document.evidence import Evidence, Lack
from reelscope.document.insights.base import unavailable
from reelscope.document.schema import Insight

__all__ = ["RESULT", "measure"]


class Attention(Insight):
    """Attention."""


RESULT = Attention


def measure(evidence: Evidence) -> Attention:
    """Not built yet."""
    return unavailable(Attention, Lack("this version does not measure it yet", "not_built"))
