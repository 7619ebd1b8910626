"""A small document as JSON gives it, for the table's tests."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from reelscope.document.names import ANALYZER_NAMES

__all__ = ["document", "save"]


def document(**analyzers: dict[str, Any]) -> dict[str, Any]:
    """All analyzers skipped but those given: their summaries. No insights, as older versions wrote it."""
    entries: dict[str, Any] = {name: {"status": "skipped", "reason": "not asked for", "summary": {}} for name in ANALYZER_NAMES}
    entries |= {name: {"status": "ok", "reason": None, "summary": summary, "segments": []} for name, summary in analyzers.items()}
    return {
        "schema_version": "1.0",
        "analysis_id": "a",
        "created_at": "2026-11-25T10:00:00Z",
        "source": {"path": "clip.mp4", "url": None, "sha256": "ab" * 32},
        "media": {"duration_s": 20.4, "width_px": 1080, "fps": 30.0, "vfr": False, "size_bytes": 10, "audio": None},
        "run": {"version": "0.1.0", "tier": "embedded", "seconds": 2.5},
        "analyzers": entries,
    }


def save(path: Path, value: Any) -> Path:
    """Write JSON; folders are made."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(value), encoding="utf-8")
    return path
