"""What a reader of the served report can mend: places in the page, each with the edit that would be asked for."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from markupsafe import Markup

from reelscope.document.schema import Document

__all__ = ["Mends", "known"]


@dataclass(slots=True)
class Mends:
    """Edits as `POST /analyses/{id}/corrections` takes them, without `now`; the page names them by their number.

    Nothing is collected for a report that no server shows: it has nobody to send an edit to.
    """

    served: bool = False
    edits: list[dict[str, Any]] = field(default_factory=list)

    def add(self, kind: str, what: str, was: Any, *, shown: str | None = None, **place: Any) -> Markup:
        """Attributes for the element that shows the value; none where nothing can be mended.

        Args:
            kind: word, text, speaker, shot or label.
            what: In words, for the one who mends.
            was: The value as it stands; null: not measured.
            shown: What the page shows in its place: the name of a speaker.
            place: analyzer, field, start_s, end_s, track_id, xywh_norm.
        """
        if not self.served:
            return Markup("")
        edit = {"kind": kind, "was": was, **{k: v for k, v in place.items() if v is not None}}
        self.edits.append({"what": what, "edit": edit} | ({"shown": shown} if shown else {}))
        return Markup(f' data-mend="{len(self.edits) - 1}"')  # noqa: S704 - a number


def known(document: Document, revision: int) -> dict[str, Any]:
    """Which corrections a page shows or left aside: their revision and ids. What else the server has was made after it."""
    told = (document.model_extra or {}).get("corrections") or {}
    return {"revision": revision, "ids": list(told.get("states") or ())}
