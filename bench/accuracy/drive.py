"""Running one analyzer over a file, for measurements."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from reelscope.config import Settings
from reelscope.document.schema import AnalyzerEntry
from reelscope.pipeline import Session

__all__ = ["run_analyzer"]


def run_analyzer(name: str, path: Path, *, options: Mapping[str, Any] | None = None, session: Session | None = None) -> AnalyzerEntry:
    """Analyse `path` with one analyzer (and what it needs); the entry has the analyzer's own result types.

    Raises:
        RuntimeError: It did not end `ok`; the message says how.
    """
    if session is None or options:
        with Session(Settings.model_validate({"analysis": {"options": {name: dict(options or {})}}})) as own:
            entry = own.analyze(path, only=[name]).document.analyzers[name]
    else:
        entry = session.analyze(path, only=[name]).document.analyzers[name]
    if entry.status not in ("ok", "not_applicable"):
        raise RuntimeError(f"{name} on {path.name}: {entry.status} ({entry.code}): {entry.reason}")
    return entry
