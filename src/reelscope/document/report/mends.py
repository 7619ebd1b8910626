"""What a reader of the served report can mend: places in the page, each with the edit that would be asked for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from markupsafe import Markup

from reelscope.document.corrections.fields import EDITABLE, SHOTS, SPEECH
from reelscope.document.report.words import sentence
from reelscope.document.schema import Document, Track

__all__ = ["Mends", "known"]

# Shots, words and texts on the screen are mended where they are listed; of everything else the timeline has the only place.
BARS = {(what.analyzer, what.when): what for what in EDITABLE if what.analyzer not in (SHOTS, SPEECH, "text_overlay")}
NAMED = {"label": "What it is", "name": "Name of the scene", "what_happens": "What happens", "category": "Emotion"}


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
            shown: What the page shows in its place: the name of a speaker, a text line by line.
            place: analyzer, field, start_s, end_s, track_id, xywh_norm.
        """
        if not self.served:
            return Markup("")
        edit = {"kind": kind, "was": was, **{k: v for k, v in place.items() if v is not None}}
        self.edits.append({"what": what, "edit": edit} | ({"shown": shown} if shown else {}))
        return Markup(f' data-mend="{len(self.edits) - 1}"')  # noqa: S704 - a number

    def bar(self, analyzer: str, extra: Mapping[str, Any], start_s: float, end_s: float, track: Track | None) -> int | None:
        """The number of the edit of what a bar of the timeline says; None where the analyzer has nothing there that can be mended.

        Args:
            track: Of a segment that is a part of one: what is corrected of things is the track.
        """
        what = BARS.get((analyzer, extra.get("kind"))) or BARS.get((analyzer, None))
        if not self.served or what is None or (extra.get(what.field) is None and not what.added):
            return None
        if what.part == "tracks":
            if track is None:
                return None
            start_s, end_s = track.start_s, track.end_s
        place = {"analyzer": analyzer, "field": what.field, "start_s": start_s, "end_s": end_s, "track_id": extra.get("track_id")}
        title = NAMED.get(what.field) or sentence(what.field.replace("_", " "))
        self.add(what.kind, title, extra.get(what.field), **place)
        self.edits[-1] |= {"of": what.when} if what.when else {}
        return len(self.edits) - 1


def known(document: Document, revision: int) -> dict[str, Any]:
    """Which corrections a page shows or left aside: their revision and ids. What else the server has was made after it."""
    told = (document.model_extra or {}).get("corrections") or {}
    return {"revision": revision, "ids": list(told.get("states") or ())}
