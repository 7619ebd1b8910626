"""What stands beside a value that was corrected: what was measured, what it is now, who says so and when."""

from __future__ import annotations

from typing import Any

from reelscope.document.corrections.shapes import Correction

__all__ = ["mark", "stamp"]


def stamp(field: str, was: Any, now: Any, correction: Correction) -> dict[str, Any]:
    """One entry of a list `corrected`."""
    at = correction.model_dump(mode="json", include={"at"})["at"]
    return {"field": field, "was": was, "now": now, "author": correction.author, "at": at, "id": correction.id}


def mark(place: dict[str, Any], field: str, was: Any, now: Any, correction: Correction) -> None:
    """Set a field of a part of a document, and say that it was corrected."""
    place[field] = now
    marks = [*place.get("corrected", []), stamp(field, was, now, correction)]
    place["corrected"] = sorted(marks, key=lambda m: (m["field"], m["id"]))
