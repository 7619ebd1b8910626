"""The document as corrected. Pure: what comes in is never changed, and the measurement stays in every mark beside what it is now."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from reelscope.document.corrections.derived import renew_insights, renew_shots, renew_summary
from reelscope.document.corrections.fields import SHOTS, SPEECH
from reelscope.document.corrections.items import target
from reelscope.document.corrections.marks import mark, stamp
from reelscope.document.corrections.resolve import Outcome, Places, Stand, resolve
from reelscope.document.corrections.shapes import Correction, Corrections
from reelscope.document.corrections.transcript import Shown, shown_words
from reelscope.document.measures.words import joined
from reelscope.document.schema import Document
from reelscope.errors import InputError
from reelscope.timebase import overlap_s

__all__ = ["Corrected", "Outcome", "corrected"]

KEY = "corrections"  # of the document: what was corrected in it
OWN_TIME = 0.8  # of an utterance that must lie in a segment whose speaker is named

DOUBTED = frozenset({
    ("text_overlay", "text"), ("qwen2_vl_temporal", "what_happens"), ("object_detection", "label"), ("audio_environment", "label"),
    ("body_pose", "posture"), ("body_pose", "gesture"), ("speech_emotion", "category"),
})  # fmt: skip
"""Fields whose value is what the segment's confidence is of."""

AS_MEASURED = (
    "analyzers.*.summary, but for the text and the number of words of speech_transcription",
    "analyzers.*.series",
    "temporal_flow, speech_flow, speech_emotion, cross_analyzer_intelligence, but for names of speakers",
    "figures of shots: speed, zoom, shake, palette, loudness, share of speech",
)
"""What is not made anew from what was corrected; it stands in every corrected document."""


@dataclass(frozen=True, slots=True)
class Corrected:
    """A document as corrected, and what became of each correction, oldest first."""

    document: Document
    outcomes: tuple[Outcome, ...]

    def of(self, state: str) -> tuple[Outcome, ...]:
        """Those in one state."""
        return tuple(o for o in self.outcomes if o.state == state)

    @property
    def applied(self) -> tuple[Outcome, ...]:
        """Corrections that stand in the document."""
        return self.of("applied")

    @property
    def unplaced(self) -> tuple[Outcome, ...]:
        """Corrections whose place is not in this analysis, or not for certain; each with its reason."""
        return self.of("unplaced")


def corrected(document: Document, corrections: Corrections | None) -> Corrected:
    """A document with a clip's corrections in it; the same object where there are none.

    A corrected document stays as it is when the same corrections are applied again.

    Raises:
        InputError: The corrections are of another clip (`other_clip`), or the document was corrected by others (`already_corrected`).
    """
    if corrections is None or not corrections.edits:
        return Corrected(document, ())
    if corrections.sha256 != document.source.sha256:
        message = f"these corrections are of another clip ({corrections.sha256[:12]}, the document's is {document.source.sha256[:12]})"
        raise InputError(message, code="other_clip", hint="corrections are kept by the clip's sha256")
    digest = digest_of(corrections)
    before = (document.model_extra or {}).get(KEY)
    if before is not None:
        return _again(document, corrections, before, digest)
    raw: dict[str, Any] = document.model_dump(mode="json")
    places = Places(raw)
    found = resolve(places, corrections)
    out: dict[str, Any] = json.loads(json.dumps(raw))  # of JSON nothing is copied faster
    work = _Work(raw, out, places, found.stands)
    work.all()
    out[KEY] = {
        "digest": digest,
        "revision": corrections.revision,
        "states": {o.correction.id: o.state for o in sorted(found.outcomes, key=lambda o: o.correction.id)},
        "unplaced": [_unplaced(o) for o in sorted(found.outcomes, key=lambda o: o.correction.id) if o.state == "unplaced"],
        "taken_away": sorted(work.gone, key=lambda g: (g["start_s"], g["analyzer"], g["id"])),
        "as_measured": [*AS_MEASURED, *(f"insights.{name}" for name in work.stale)],
    }
    return Corrected(Document.model_validate(out), tuple(found.outcomes))


def digest_of(corrections: Corrections) -> str:
    """What a set of corrections is known by, whatever their order in the file."""
    rows = sorted(c.model_dump_json() for c in corrections.edits)
    return hashlib.sha256("\n".join([corrections.sha256, *rows]).encode()).hexdigest()[:32]


def _again(document: Document, corrections: Corrections, before: Mapping[str, Any], digest: str) -> Corrected:
    if not isinstance(before, Mapping) or before.get("digest") != digest:
        raise InputError(
            "this document was corrected already, by other corrections", code="already_corrected",
            hint="corrections belong to the measured document: GET /analyses/{id}/document without corrected=true",
        )  # fmt: skip
    states, reasons = before.get("states") or {}, {u.get("id"): u.get("reason") for u in before.get("unplaced") or ()}
    return Corrected(document, tuple(Outcome(c, states.get(c.id, "unplaced"), reasons.get(c.id)) for c in corrections.edits))


def _unplaced(outcome: Outcome) -> dict[str, Any]:
    c = outcome.correction
    times = {"start_s": c.anchor.start_s, "end_s": c.anchor.end_s}
    return {**stamp(c.field, c.was, c.now, c), "kind": c.kind, **times, "reason": outcome.reason}


class _Work:
    """One application. raw: the measurement; out: a copy of it that becomes the corrected document."""

    def __init__(self, raw: Mapping[str, Any], out: dict[str, Any], places: Places, stands: Sequence[Stand]) -> None:
        self.raw, self.out, self.places = raw, out, places
        self.stands = [s for s in stands if not s.agreed]
        self.gone: list[dict[str, Any]] = []
        self.stale: list[str] = []  # insights that could not be made anew

    def all(self) -> None:
        """Apply everything, then what follows from it."""
        for stand in self.stands:
            if stand.what is not None:
                for index in stand.indices:
                    self._field(stand, index)
        words = self._words()
        self._names()
        self._take_away()
        renew_shots(self.raw, self.out, self.stands)
        if words:
            renew_summary(self.out, [s.correction for s in self.stands if s.correction.kind == "word"])
        if self.stands:
            self.stale = renew_insights(self.raw, self.out)

    def _field(self, stand: Stand, index: int) -> None:
        """One field of one place, and what repeats it elsewhere in the document."""
        what, c = stand.what, stand.correction
        assert what is not None
        place = target(self.out, what, index)
        if what.analyzer == SHOTS:
            _shot(self.out, index, c)
            return
        if what.analyzer == "text_overlay" and what.field == "text":
            lines = c.now.split("\n")
            mark(place, "text", place["text"], " ".join(lines), c)
            place["lines"] = _lines(place.get("lines") or [], lines)
        else:
            mark(place, what.field, place.get(what.field), c.now, c)
        if (what.analyzer, what.field) in DOUBTED and place.get("confidence") is not None:
            place["confidence"] = None  # the model's was of another value
        repeats = {("object_detection", "label"): "segments", ("text_overlay", "role"): "tracks"}.get((what.analyzer, what.field))
        for other in self.out["analyzers"][what.analyzer].get(repeats) or () if repeats else ():
            if other.get("track_id") == place.get("track_id"):
                mark(other, "label", other.get("label"), c.now, c)
                if what.analyzer == "object_detection" and other.get("confidence") is not None:
                    other["confidence"] = None

    def _words(self) -> bool:
        """The transcript's segments; whether anything of them changed."""
        stands = [s for s in self.stands if s.correction.kind == "word"]
        if not stands:
            return False
        shown: dict[int, list[Shown]] = {}
        for word in shown_words(self.places.words, stands):
            shown.setdefault(word.segment, []).append(word)
        touched: dict[int, list[Correction]] = {}
        for stand in stands:
            for index in stand.indices:
                touched.setdefault(self.places.words[index].segment, []).append(stand.correction)
        segments = self.out["analyzers"][SPEECH]["segments"]
        for number, by in touched.items():
            segment, words = segments[number], shown.get(number, [])
            text = joined((w.text, w.language) for w in words)
            segment["words"] = [self._word(w) for w in words]
            mark(segment, "text", segment.get("text"), text, latest(by))
        return True

    def _word(self, word: Shown) -> dict[str, Any]:
        if word.correction is None:
            said = self.places.words[word.first]
            return dict(self.raw["analyzers"][SPEECH]["segments"][said.segment]["words"][said.word])
        # the model's probability was of another word
        made: dict[str, Any] = {"start_s": word.start_s, "end_s": word.end_s, "text": word.text, "confidence": None}
        if word.shared:
            made["times"] = "shared"
        return made | {"corrected": [stamp("text", word.correction.was, word.correction.now, word.correction)]}

    def _names(self) -> None:
        """Names of speakers: of voices first, then of single segments, which go before."""
        named = [s for s in self.stands if s.correction.kind == "speaker"]
        segments = self.out["analyzers"][SPEECH].get("segments") or []
        voices = {s.indices[0]: s.correction for s in named if s.correction.anchor.part == "speakers"}
        own = {i: s.correction for s in named if s.correction.anchor.part == "segments" for i in s.indices}
        for index, segment in enumerate(segments):
            c = own.get(index) or voices.get(segment.get("speaker"))
            if c is not None:
                mark(segment, "speaker_name", None, c.now, c)
        if voices:
            summary = self.out["analyzers"][SPEECH].setdefault("summary", {})
            summary["speaker_names"] = {str(n): c.now for n, c in sorted(voices.items())}
        for utterance in self.out["analyzers"]["speech_emotion"].get("segments") or ():
            times = (utterance["start_s"], utterance["end_s"])
            over = [
                own[i] for i in own if overlap_s(times, (segments[i]["start_s"], segments[i]["end_s"])) >= OWN_TIME * (times[1] - times[0])
            ]
            c = over[0] if over else voices.get(utterance.get("speaker"))
            if c is not None:
                mark(utterance, "speaker_name", None, c.now, c)

    def _take_away(self) -> None:
        """Segments of which nothing is left: the words were not said, the text was not there."""
        for name in (SPEECH, "text_overlay"):
            entry = self.out["analyzers"][name]
            segments = entry.get("segments") or []
            empty = [s for s in segments if s.get("corrected") and not s.get("text")]
            if not empty:
                continue
            entry["segments"] = [s for s in segments if s not in empty]
            tracks = {s.get("track_id") for s in empty} - {None} - {s.get("track_id") for s in entry["segments"]}
            if name == "text_overlay" and entry.get("tracks"):
                entry["tracks"] = [t for t in entry["tracks"] if t["track_id"] not in tracks]
            for segment in empty:
                by = next(m for m in segment["corrected"] if m["field"] == "text")
                self.gone.append({"analyzer": name, "start_s": segment["start_s"], "end_s": segment["end_s"], **by})


def latest(by: Sequence[Correction]) -> Correction:
    """The last of several."""
    return max(by, key=lambda c: (c.at, c.id))


def _shot(out: dict[str, Any], index: int, c: Correction) -> None:
    """A field of a shot, in the list of shots and where the analyzers have the same."""
    shot = out["shots"][index]
    rows = (out["analyzers"]["camera_analysis"].get("summary") or {}).get("shots") or ()
    row = next((r for r in rows if r.get("shot") == index), None)
    if c.field == "transition":
        place = shot["transition_in"]
        shot.setdefault("corrected", []).append(stamp("transition", place["kind"], c.now, c))
        place["kind"] = c.now
        middle = (place["start_s"] + place["end_s"]) / 2
        for segment in out["analyzers"]["cut_analysis"].get("segments") or ():
            if segment.get("kind") and abs((segment["start_s"] + segment["end_s"]) / 2 - middle) < 1e-3:
                mark(segment, "kind", segment["kind"], c.now, c)
        return
    if c.field == "move":
        was = (shot.get("camera") or {}).get("move")
        for holder in (shot, row):
            if holder is not None:
                holder["camera"] = _camera(holder.get("camera"), c.now)
                holder.setdefault("corrected", []).append(stamp("move", was, c.now, c))
        return
    mark(shot, c.field, shot.get(c.field), c.now, c)
    if c.field == "size" and row is not None:
        mark(row, "size", row.get("size"), c.now, c)
        row["size_reason"] = None


def _camera(camera: dict[str, Any] | None, move: str) -> dict[str, Any]:
    """A shot's camera with another move. Of moves at once the others stay, but for what cannot be together: standing still and moving."""
    if camera is None:  # not measured: the move is all that is known
        return {"move": move, "components": [move], "speed_fw_s": None, "zoom_rate_s": None, "shake": None}
    others = [m for m in camera.get("components") or () if m not in (camera["move"], move, "static")]
    return {**camera, "move": move, "components": [move] if move == "static" else [move, *others]}


def _lines(measured: Sequence[str], given: Sequence[str]) -> list[str]:
    """A text's lines: as given; of one line of as many words as were measured, broken where it was."""
    if len(given) > 1:
        return [line for line in given if line]
    words = given[0].split()
    counts = [len(line.split()) for line in measured]
    if sum(counts) != len(words):
        return [given[0]] if given[0] else []
    out, at = [], 0
    for count in counts:
        out.append(" ".join(words[at : at + count]))
        at += count
    return out
