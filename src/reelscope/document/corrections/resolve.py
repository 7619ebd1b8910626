"""Which corrections stand where in one analysis, and which of several of one place holds."""

from __future__ import annotations

from collections.abc import Hashable, Iterator
from dataclasses import dataclass, field

from reelscope.document.corrections.fields import EDITABLE, SPEECH, Editable
from reelscope.document.corrections.items import Item, Raw, Words, items, said
from reelscope.document.corrections.places import Found, find
from reelscope.document.corrections.shapes import Correction, Corrections, PlaceBrief, State
from reelscope.document.corrections.speakers import find_segments, find_voice
from reelscope.document.corrections.words import find_words

__all__ = ["Outcome", "Places", "Resolved", "Stand", "resolve"]

SHOWN = 80  # characters of a value, in a reason
NO_RESULT = "{analyzer} has no result in this analysis: {status}"
UNKNOWN = "this version of reelscope cannot correct {field} of {analyzer}"
NO_VALUE = "{now!r} is no value of {field} that this version of reelscope knows"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a correction in one analysis."""

    correction: Correction
    state: State
    reason: str | None = None
    places: tuple[PlaceBrief, ...] = ()


@dataclass(frozen=True, slots=True)
class Stand:
    """A correction that holds, at these indices of its part. agreed: the analysis says so by itself."""

    correction: Correction
    indices: tuple[int, ...]
    agreed: bool
    what: Editable | None = None


class Places:
    """The places of a document, read once."""

    def __init__(self, raw: Raw) -> None:
        self.raw = raw
        self.words: Words = said(raw)
        self.segments = raw["analyzers"][SPEECH].get("segments") or []
        self._items: dict[Editable, list[Item]] = {}
        # by the correction's id: they do not depend on the others
        self._found: dict[str, tuple[Found, Editable | None]] = {}
        self._identities: dict[str, Hashable] = {}
        self._briefs: dict[str, tuple[PlaceBrief, ...]] = {}

    def of(self, what: Editable) -> list[Item]:
        """All places that have a field."""
        if what not in self._items:
            self._items[what] = items(self.raw, what)
        return self._items[what]

    def find(self, correction: Correction) -> tuple[Found, Editable | None]:
        """Where a correction stands."""
        if correction.id not in self._found:
            self._found[correction.id] = self._find(correction)
        return self._found[correction.id]

    def identity(self, correction: Correction) -> Hashable:
        """What two corrections share that were made of one place of one analysis."""
        if correction.id not in self._identities:
            self._identities[correction.id] = (correction.field, correction.was, correction.anchor.model_dump_json())
        return self._identities[correction.id]

    def _find(self, correction: Correction) -> tuple[Found, Editable | None]:
        anchor = correction.anchor
        what = _what(correction)
        if what is None:
            return Found(reason=UNKNOWN.format(field=correction.field, analyzer=anchor.analyzer)), None
        if not (correction.now or what.empty) or (what.values is not None and correction.now not in what.values):
            return Found(reason=NO_VALUE.format(now=correction.now[:SHOWN], field=correction.field)), None
        entry = self.raw["analyzers"].get(anchor.analyzer)
        if entry is not None and entry["status"] != "ok":
            return Found(reason=NO_RESULT.format(analyzer=anchor.analyzer, status=entry["status"].replace("_", " "))), None
        if correction.kind == "word":
            return find_words(correction, self.words), None
        if correction.kind == "speaker":
            found = find_voice(correction, self.segments) if anchor.part == "speakers" else find_segments(correction, self.segments)
            return found, None
        return find(correction, self.of(what), fuzzy=what.kind == "text"), what

    def briefs(self, correction: Correction) -> tuple[PlaceBrief, ...]:
        """The same for people: when."""
        if correction.id not in self._briefs:
            found, what = self.find(correction)
            self._briefs[correction.id] = tuple(self._told(correction, found.indices, what))
        return self._briefs[correction.id]

    def _told(self, correction: Correction, indices: tuple[int, ...], what: Editable | None) -> Iterator[PlaceBrief]:
        part, analyzer = correction.anchor.part, correction.anchor.analyzer
        if correction.kind == "word" and indices:
            first, last = self.words[indices[0]], self.words[indices[-1]]
            yield PlaceBrief(analyzer=analyzer, part=part, index=indices[0], start_s=first.start_s, end_s=max(first.start_s, last.end_s))
            return
        for index in indices:
            if part == "speakers":
                own = [s for s in self.segments if s.get("speaker") == index]
                start, end = own[0]["start_s"], own[-1]["end_s"]
            elif correction.kind == "speaker":
                start, end = self.segments[index]["start_s"], self.segments[index]["end_s"]
            else:
                item = next(i for i in self.of(what) if i.index == index)  # type: ignore[arg-type]
                start, end = item.start_s, item.end_s
            yield PlaceBrief(analyzer=analyzer, part=part, index=index, start_s=start, end_s=end)


def _what(correction: Correction) -> Editable | None:
    """The row of the table that a correction is of; None where it is of none: a newer version wrote it, or somebody by hand."""
    anchor = correction.anchor
    part = "speakers" if correction.kind == "speaker" and anchor.part == "segments" else anchor.part
    of = (correction.kind, anchor.analyzer, correction.field, part, anchor.of_kind)
    return next((e for e in EDITABLE if (e.kind, e.analyzer, e.field, e.part, e.when) == of), None)


@dataclass(slots=True)
class Resolved:
    """What holds, and what became of every correction, in the overlay's order."""

    stands: list[Stand] = field(default_factory=list)
    outcomes: list[Outcome] = field(default_factory=list)


def resolve(places: Places, corrections: Corrections) -> Resolved:
    """Find the place of every correction. Of several of one place the last that was not withdrawn holds."""
    taken: set[Hashable] = set()
    anchors: set[Hashable] = set()
    outcomes: list[Outcome] = []
    stands: list[Stand] = []
    for correction in reversed(corrections.edits):
        if correction.withdrawn is not None:
            outcomes.append(Outcome(correction, "withdrawn"))
            continue
        anchor = places.identity(correction)
        found, what = places.find(correction)
        keys = {i: (correction.anchor.analyzer, correction.anchor.part, i, correction.field) for i in found.indices}
        free = tuple(i for i in found.indices if keys[i] not in taken)
        whole = correction.kind == "word"  # words that were corrected together are not taken apart
        briefs = places.briefs(correction)
        if anchor in anchors or (found.indices and (not free or (whole and len(free) < len(found.indices)))):
            outcomes.append(Outcome(correction, "superseded", places=briefs))
            continue
        anchors.add(anchor)
        if found.indices or found.agreed:
            taken.update(keys[i] for i in free)
            stands.append(Stand(correction, free, found.agreed, what))
            outcomes.append(Outcome(correction, "agreed" if found.agreed else "applied", places=briefs))
        else:
            outcomes.append(Outcome(correction, "unplaced", found.reason))
    return Resolved(stands[::-1], outcomes[::-1])
