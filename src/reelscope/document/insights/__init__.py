"""Insights for short-form video: one module each, pure functions of what the analyzers wrote. Formulas and limits: docs/insights.md.

A new insight is a module with `measure(evidence) -> Insight` (a subclass with typed fields) and its name in INSIGHTS.
"""

from __future__ import annotations

import importlib
import logging
from typing import Any

from reelscope.document.evidence import Evidence
from reelscope.document.schema import Insight

__all__ = ["INSIGHTS", "insight_types", "measure_insights"]

log = logging.getLogger(__name__)

INSIGHTS: dict[str, str] = {
    "hook": "The first three seconds",
    "safe_zones": "What the apps cover",
    "reading_load": "Reading load",
    "pacing": "Pacing",
    "mute_test": "Without sound, without picture",
    "loop": "Loop",
    "attention": "Attention risks",
    "reshoot": "Reshoot sheet",
}


def insight_types() -> dict[str, type[Insight]]:
    """The class of each insight: what its module's `measure` returns."""
    return {name: _module(name).RESULT for name in INSIGHTS}


def measure_insights(evidence: Evidence) -> dict[str, Insight]:
    """All insights; each is there, with its status.

    One that fails does not take the document with it: its status says so.
    """
    return {name: _measured(name, evidence) for name in INSIGHTS}


def _measured(name: str, evidence: Evidence) -> Insight:
    try:
        found: Insight = _module(name).measure(evidence)
    except Exception as error:  # a bug of ours in one insight; the rest of the document is worth having
        log.exception("insight %s failed", name)
        return Insight(status="failed", code="insight_failed", reason=f"{type(error).__name__}: {error}")
    return found


def _module(name: str) -> Any:
    return importlib.import_module(f"reelscope.document.insights.{name}")
