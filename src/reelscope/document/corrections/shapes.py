"""The overlay's shape: what is asked for (`Edit`), what is kept of it (`Correction`), and the file of a clip's corrections."""

from __future__ import annotations

import unicodedata
from collections import Counter
from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints

from reelscope.document.schema import Seconds, XywhNorm

__all__ = [
    "LONGEST_AUTHOR",
    "MOST_EDITS",
    "OVERLAY_VERSION",
    "Added",
    "Anchor",
    "Correction",
    "CorrectionList",
    "CorrectionState",
    "Corrections",
    "CorrectionsAsked",
    "Edit",
    "Kind",
    "PathBox",
    "PlaceBrief",
    "State",
    "Withdrawn",
    "author_of",
    "unfit",
]

OVERLAY_VERSION = "1.0"

Kind = Literal["word", "text", "speaker", "shot", "label"]
Part = Literal["words", "segments", "tracks", "shots", "transitions", "speakers"]
State = Literal["applied", "agreed", "unplaced", "superseded", "withdrawn"]
Value = str | int | None

LONGEST_AUTHOR = 64  # as the name of a token
LONGEST_NOTE = 500
LONGEST_VALUE = 5000  # of anything that is asked for; each field has its own limit below that
MOST_EDITS = 5000  # of one clip: every word of ten minutes of talk, twice over
MOST_AT_ONCE = 200
MOST_SECONDS = 1e6


def unfit(text: str, *, lines: bool = False) -> str | None:
    """What a text holds that no file, page or database of ours can: the name of the first such character; None where it is fit.

    Args:
        lines: Whether line feeds are allowed.
    """
    for c in text:
        if unicodedata.category(c) in ("Cc", "Cs") and not (lines and c == "\n"):
            return f"U+{ord(c):04X}"
    return None


def author_of(name: str | None) -> str | None:
    """An author's name as it is kept: without blanks around it; None where there is none, or where it is no name."""
    name = (name or "").strip()
    return name if name and len(name) <= LONGEST_AUTHOR and unfit(name) is None else None


def _fit(text: str) -> str:
    wrong = unfit(text, lines=True)
    if wrong is not None:
        raise ValueError(f"holds the control character {wrong}")
    return text


Line = Annotated[str, StringConstraints(max_length=LONGEST_VALUE), AfterValidator(_fit)]
Time = Annotated[float, Field(ge=0, le=MOST_SECONDS)]


class Shape(BaseModel):
    """Base: what a newer version adds is kept."""

    model_config = ConfigDict(extra="allow", allow_inf_nan=False)


class PathBox(Shape):
    """Where something was at one moment."""

    t_s: Seconds
    xywh_norm: XywhNorm


class Anchor(Shape):
    """How the place is found again in another analysis of the same clip.

    Attributes:
        analyzer: Whose result it is in; "shots" for the document's list of shots.
        part: Which of its lists. of_kind: `kind` of its segments, where only those of one kind have the field.
        start_s, end_s: When, as measured then. spans: of a speaker, all times at which the voice was heard.
        path: Up to five boxes, where it has any.
        text: Of a segment whose speaker is corrected, what is said in it.
        before, after: Up to three words on either side, as they were measured.
        nth, of: Which of how many places of this value it was, from 0, in order of time.
        gap_s: Seconds to the nearest of the others; null where there is none.
    """

    analyzer: str
    part: Part
    of_kind: str | None = None
    start_s: Seconds = 0.0
    end_s: Seconds = 0.0
    spans: list[tuple[Seconds, Seconds]] = []
    path: list[PathBox] = []
    text: str | None = None
    before: list[str] = []
    after: list[str] = []
    nth: int = 0
    of: int = 1
    gap_s: float | None = None


class Withdrawn(Shape):
    """Who took a correction back, if they said so, and when."""

    author: str | None = None
    at: datetime


class Correction(Shape):
    """One correction. It is never changed: a later one of the same place goes before it, and one that is taken back stays here.

    Attributes:
        field: Of what the anchor names: text, speaker_name, size, move, transition, description, label ...
        was: What was measured. now: what it is; "" takes a word or a text away.
    """

    id: Annotated[str, StringConstraints(pattern=r"^[0-9A-Za-z_-]{1,64}$")]
    kind: Kind
    field: str
    anchor: Anchor
    was: Value
    now: Line
    author: str
    at: datetime
    note: str | None = None
    withdrawn: Withdrawn | None = None


def _told_apart(edits: list[Correction]) -> list[Correction]:
    for id, count in Counter(edit.id for edit in edits).most_common(1):
        if count > 1:
            raise ValueError(f"{count} corrections have the id {id}")
    return edits


class Corrections(Shape):
    """The corrections of one clip, oldest first: the file `corrections.json`.

    Attributes:
        sha256: Of the clip. revision: Rises with every change where a server keeps them; 0 in a file of somebody else's making.
    """

    schema_version: str = OVERLAY_VERSION
    sha256: Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
    revision: int = 0
    edits: Annotated[list[Correction], Field(max_length=MOST_EDITS), AfterValidator(_told_apart)] = []


class Edit(BaseModel):
    """A correction as somebody asks for it: what stands at a place (by its times, as the document has them), and what should.

    Attributes:
        kind: word: one word or several in a row, up to a whole segment of the transcript. text: of a text on the screen. speaker: a name,
            for a voice (`was`: its number) or, with times, for one segment. shot: a field of a shot. label: a field of another analyzer.
        analyzer, field: For `label`, and for `text` of another analyzer than text_overlay; `field` also for `shot`.
        start_s, end_s: Of the segment, track, shot or words; for the field `transition` of the transition or of its shot.
        was: What stands there by now, as measured or, where somebody corrected it, as corrected; refused where something else does.
            Of a speaker the number, which names the voice whatever it is called by now, or the name.
        now: What should. "" takes words or a text away.
        track_id, xywh_norm: Which one is meant, where several stand there at the same time.
    """

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)

    kind: Kind
    analyzer: Annotated[str, StringConstraints(max_length=64)] | None = None
    field: Annotated[str, StringConstraints(max_length=64)] | None = None
    start_s: Time | None = None
    end_s: Time | None = None
    was: Annotated[int, Field(ge=0, le=10_000)] | Line | None = None
    now: Line
    track_id: Annotated[int, Field(ge=0, le=10**9)] | None = None
    xywh_norm: Annotated[list[Annotated[float, Field(ge=-1, le=2)]], Field(min_length=4, max_length=4)] | None = None
    note: Annotated[str, StringConstraints(max_length=LONGEST_NOTE), AfterValidator(_fit)] | None = None


class CorrectionsAsked(BaseModel):
    """What POST /analyses/{id}/corrections takes. author: who asks, where no token says it."""

    model_config = ConfigDict(extra="forbid")

    edits: Annotated[list[Edit], Field(min_length=1, max_length=MOST_AT_ONCE)]
    author: Annotated[str, StringConstraints(max_length=LONGEST_AUTHOR)] | None = None


class PlaceBrief(Shape):
    """Where a correction stands in an analysis. index: in the list of the anchor's part, in this analysis only."""

    analyzer: str
    part: Part
    index: int
    start_s: Seconds
    end_s: Seconds


class CorrectionState(Correction):
    """A correction and what became of it in one analysis.

    Attributes:
        state: applied; agreed: this analysis found `now` by itself; unplaced: its place is not there, or not for certain (`reason`);
            superseded: a later one of the same place goes before it; withdrawn.
        places: Where it stands; empty for one that is unplaced or withdrawn.
    """

    state: State
    reason: str | None = None
    places: list[PlaceBrief] = []


class Added(Shape):
    """What came of asking. ids: of the new corrections; none where all of it stood there already."""

    ids: list[str] = []


class CorrectionList(Shape):
    """The corrections of a clip as they stand in one analysis, oldest first.

    Attributes:
        sha256: Of the clip: every analysis of it has the same corrections.
        revision: Rises with every change; with it in `If-Match` a change of somebody who has not seen the latest is refused.
        editable: What can be corrected in this document: kind, analyzer, field, and the values that are allowed.
        added: Of a POST, the new ones.
    """

    sha256: str
    revision: int
    items: list[CorrectionState]
    editable: list[dict[str, Any]] = []
    added: Added | None = None
