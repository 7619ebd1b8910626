"""From what somebody asks for to corrections with anchors: the place is looked up in the document that was in front of them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from typing import Any

from reelscope.document.corrections.fields import Editable, editable
from reelscope.document.corrections.items import Item, iou, plain
from reelscope.document.corrections.places import EXACT_S, anchor_of
from reelscope.document.corrections.resolve import Places, Resolved, Stand, resolve
from reelscope.document.corrections.shapes import MOST_EDITS, Anchor, Correction, Corrections, Edit
from reelscope.document.corrections.speakers import segment_anchor, voice_anchor
from reelscope.document.corrections.transcript import Shown, shown_words
from reelscope.document.corrections.words import changes, line_of, word_anchor
from reelscope.document.measures.words import joined
from reelscope.document.schema import Document
from reelscope.errors import InputError

__all__ = ["planned"]

STRICT_BOX = 0.5
MOST_WORDS = 500  # in one edit: a segment has some 60
SHOWN = 80  # characters of what stands there, in a message


def planned(
    document: Document, corrections: Corrections, edits: Iterable[Edit], *, author: str, at: datetime, new_id: Callable[[], str]
) -> list[Correction]:
    """What has to be added to a clip's corrections for these edits; none where they stand there already.

    Args:
        document: The measurement that was in front of whoever asks.
        at: When they asked; later ones go before earlier ones of the same place by their order in the overlay.

    Raises:
        InputError: An edit is of nothing that can be corrected (`unknown_field`, `unknown_value`, `too_long`, `empty_value`,
            `no_times`), what it says stands there does not (`not_there`), or it does for several (`several_places`).
    """
    raw = document.model_dump(mode="json")
    places = Places(raw)
    found: list[Correction] = []
    for edit in edits:
        so_far = corrections.model_copy(update={"edits": [*corrections.edits, *found]})
        task = _Task(places, resolve(places, so_far), edit)
        for anchor, field, was, now in task.all():
            found.append(
                Correction(
                    id=new_id(), kind=edit.kind, field=field, anchor=anchor, was=was, now=now, author=author, at=at, note=edit.note or None
                )
            )
    if len(corrections.edits) + len(found) > MOST_EDITS:
        message = f"a clip has {MOST_EDITS} corrections at most"
        raise InputError(message, code="too_many_corrections", hint="DELETE /analyses/{id}/corrections removes them all")
    return found


Row = tuple[Anchor, str, str | int | None, str]


class _Task:
    """One edit against the state before it."""

    def __init__(self, places: Places, resolved: Resolved, edit: Edit) -> None:
        self.places, self.resolved, self.edit = places, resolved, edit

    def all(self) -> Iterable[Row]:
        """Anchors, fields, measured and new values."""
        edit = self.edit
        whats = editable(edit.kind, edit.analyzer, edit.field)
        if edit.kind == "speaker" and edit.start_s is None and edit.end_s is None:
            return self._voice(whats[0])
        if edit.start_s is None or edit.end_s is None or edit.end_s < edit.start_s:
            raise InputError("start_s and end_s say where it is", code="no_times", hint="as the document has them")
        if edit.kind == "word":
            return self._words(whats[0], edit.start_s, edit.end_s)
        if edit.kind == "speaker":
            return self._segment(whats[0], edit.start_s, edit.end_s)
        return self._item(whats, edit.start_s, edit.end_s)

    # --- words ------------------------------------------------------------------------------------------------------------------------

    def _words(self, what: Editable, start_s: float, end_s: float) -> list[Row]:
        now = what.check(self.edit.now)
        words, stands = self.places.words, self.resolved.stands
        shown = shown_words(words, stands)
        first, after, line = self._said(shown, start_s, end_s, now)
        spans = {words[k].segment for k in range(first, after)}
        if len(spans) > 1:
            message = "these words are of several segments of the transcript"
            raise InputError(message, code="several_places", hint="correct each segment on its own")
        wanted = {(first + c.first, first + c.after): c.now for c in changes(words[first:after], line)}
        for stand in stands:
            if stand.correction.kind != "word" or not stand.indices:
                continue
            own = (stand.indices[0], stand.indices[-1] + 1)
            if own[1] <= first or own[0] >= after:
                continue
            if own in wanted and plain(wanted[own]) == plain(stand.correction.now):
                del wanted[own]  # it stands there
            elif not any(a < own[1] and b > own[0] for a, b in wanted) and not stand.agreed:
                wanted[own] = line_of(words[own[0] : own[1]])  # it is taken back to what was measured
        return [(word_anchor(words, a, b), "text", line_of(words[a:b]), text) for (a, b), text in sorted(wanted.items())]

    def _said(self, shown: Sequence[Shown], start_s: float, end_s: float, now: str) -> tuple[int, int, str]:
        """The measured words [first, after) that are meant, and what all of them together should say."""
        was = plain(self.edit.was or "")
        words = self.places.words
        run = _run([(w.start_s, w.end_s, w.text, w.language) for w in shown], start_s, end_s, was)
        if run is not None:
            a, b = run
            while a > 0 and shown[a - 1].correction is not None and shown[a - 1].correction is shown[a].correction:
                a -= 1
            while b < len(shown) and shown[b].correction is not None and shown[b].correction is shown[b - 1].correction:
                b += 1
            row = shown[a:b]
            parts = [*((w.text, w.language) for w in shown[a : run[0]]), *([(now, row[0].language)] if now else [])]
            line = joined([*parts, *((w.text, w.language) for w in shown[run[1] : b])])
            return row[0].first, row[-1].after, line
        inside = [k for k, w in enumerate(words) if w.start_s >= start_s - EXACT_S and w.end_s <= end_s + EXACT_S]
        run = _run([(w.start_s, w.end_s, w.text, w.language) for w in words], start_s, end_s, was)
        first, after = run or ((inside[0], inside[-1] + 1) if inside else (0, 0))
        held = [s for s in self.resolved.stands if s.correction.kind == "word" and not s.agreed and set(s.indices) & {*range(first, after)}]
        there = joined((w.text, w.language) for w in shown if w.first < after and w.after > first)
        if run is not None and (not held or plain(there) == plain(now)):
            return first, after, now
        raise _changed(held, there) or _not_there(there or None, hint="give the times and the text of the whole segment")

    # --- speakers ---------------------------------------------------------------------------------------------------------------------

    def _voice(self, what: Editable) -> list[Row]:
        segments, was = self.places.segments, self.edit.was
        names = {s.indices[0]: s.correction.now for s in self._named("speakers")}
        numbers = {int(s["speaker"]) for s in segments if s.get("speaker") is not None}
        meant = {was} & numbers if isinstance(was, int) else {n for n in numbers if was is not None and names.get(n) == plain(was)}
        if not meant:
            raise _not_there(", ".join(map(str, sorted(numbers))) or None, hint="was: a speaker's number, or the name that it has by now")
        if len(meant) > 1:
            raise InputError("several speakers have this name", code="several_places", hint="give the number of one")
        number, now = meant.pop(), what.check(self.edit.now)
        return [] if names.get(number) == now else [(voice_anchor(segments, number), what.field, number, now)]

    def _segment(self, what: Editable, start_s: float, end_s: float) -> list[Row]:
        segments, was = self.places.segments, self.edit.was
        own = {i: s.correction.now for s in self._named("segments") for i in s.indices}
        voices = {s.indices[0]: s.correction.now for s in self._named("speakers")}
        at = [i for i, s in enumerate(segments) if _at(s["start_s"], s["end_s"], start_s, end_s)]
        if len(at) != 1:
            raise _not_there(None, hint="give the times of a segment of the transcript")
        index, now = at[0], what.check(self.edit.now)
        speaker = segments[index].get("speaker")
        shown = own.get(index, voices.get(speaker))
        if was != speaker and (was is None or shown is None or plain(was) != shown):
            raise _not_there(shown if shown is not None else speaker, hint="was: the number of the speaker, or the name")
        return [] if shown == now else [(segment_anchor(segments, index), what.field, speaker, now)]

    def _named(self, part: str) -> list[Stand]:
        return [s for s in self.resolved.stands if s.correction.kind == "speaker" and s.correction.anchor.part == part and s.indices]

    # --- everything else --------------------------------------------------------------------------------------------------------------

    def _item(self, whats: Sequence[Editable], start_s: float, end_s: float) -> list[Row]:
        edit = self.edit
        at = [(w, i) for w in whats for i in self.places.of(w) if self._meant(w, i, start_s, end_s)]
        if edit.track_id is not None:
            at = [(w, i) for w, i in at if i.track_id == edit.track_id]
        if edit.xywh_norm is not None:
            at = [(w, i) for w, i in at if any(iou(edit.xywh_norm, p.xywh_norm) >= STRICT_BOX for p in i.path)]
        fitting = [(w, i) for w, i in at if _says(self._shown(w, i), edit.was)]
        if not fitting:
            before = [(w, i) for w, i in at if _says(i.value, edit.was)]  # what it was when it was measured, and is not by now
            if len(before) == 1 and _says(self._shown(*before[0]), before[0][0].check(edit.now)):
                return []  # asked twice is asked once
            one = before[0] if len(before) == 1 else at[0] if len(at) == 1 else None
            held = self._held(*one) if one else None
            hint = "give the times and the value as the document has them"
            raise _changed([held] if held else [], None) or _not_there(self._shown(*one) if one else None, hint=hint)
        if len(fitting) > 1:
            message = "several things with this value stand there at the same time"
            raise InputError(message, code="several_places", hint="say which one: track_id or xywh_norm")
        what, item = fitting[0]
        now, shown = what.check(edit.now), self._shown(what, item)
        if _says(shown, now):
            return []
        anchor = anchor_of(what, item, self.places.of(what))
        return [(anchor, what.field, item.value, now)]

    def _meant(self, what: Editable, item: Item, start_s: float, end_s: float) -> bool:
        if _at(item.start_s, item.end_s, start_s, end_s):
            return True
        if what.part != "transitions":
            return False
        shot: Any = self.places.raw["shots"][item.index]
        return _at(shot["start_s"], shot["end_s"], start_s, end_s)

    def _shown(self, what: Editable, item: Item) -> str | int | None:
        """What stands there by now."""
        held = self._held(what, item)
        return item.value if held is None else held.correction.now

    def _held(self, what: Editable, item: Item) -> Stand | None:
        """The correction that holds there."""
        return next((s for s in self.resolved.stands if s.what == what and item.index in s.indices), None)


def _run(words: Sequence[tuple[float, float, str, str | None]], start_s: float, end_s: float, was: str) -> tuple[int, int] | None:
    """The words in a stretch of time that are the given text: all of them, else the only ones in a row that are; None where none are."""
    inside = [k for k, w in enumerate(words) if w[0] >= start_s - EXACT_S and w[1] <= end_s + EXACT_S]
    if not inside or not was:
        return None
    if len(inside) > MOST_WORDS:
        raise InputError(f"{len(inside)} words at once, {MOST_WORDS} at most", code="too_long", hint="correct each segment on its own")
    first, after = inside[0], inside[-1] + 1
    texts = [(w[2], w[3]) for w in words[first:after]]
    if plain(joined(texts)) == was:
        return first, after
    found = []
    for a in range(len(texts)):
        for b in range(a + 1, len(texts) + 1):
            line = plain(joined(texts[a:b]))
            if line == was:
                found.append((first + a, first + b))
            if len(line) >= len(was):
                break
    return found[0] if len(found) == 1 else None


def _at(start_s: float, end_s: float, given_start_s: float, given_end_s: float) -> bool:
    return abs(start_s - given_start_s) <= EXACT_S and abs(end_s - given_end_s) <= EXACT_S


def _says(value: str | int | None, given: str | int | None) -> bool:
    if value is None or given is None:
        return value is given
    return plain(value) == plain(given)


def _not_there(there: object, *, hint: str) -> InputError:
    """What was said to stand there does not: it is another analysis, or another place."""
    if there is None:
        return InputError("nothing of the kind stands there", code="not_there", hint=hint)
    return InputError(f"something else stands there: {_brief(there)}", code="not_there", hint=hint)


def _changed(held: Sequence[Stand], there: str | None) -> InputError | None:
    """What was said to stand there does not by now: who changed it, to what and when. None where nobody did.

    Args:
        there: What stands there with all of it; None: what the last of them says.
    """
    if not held:
        return None
    c = max((s.correction for s in held), key=lambda c: (c.at, c.id))
    value = c.now if there is None else there
    did = f"changed this to “{_brief(value)}”" if value else "took this away"
    message = f"{c.author} {did} on {c.at:%Y-%m-%d} at {c.at:%H:%M} UTC"
    return InputError(message, code="not_there", hint="give as `was` what stands there now; DELETE takes a correction back")


def _brief(value: object) -> str:
    text = plain(value)
    return text if len(text) <= SHOWN else text[: SHOWN - 1] + "…"
