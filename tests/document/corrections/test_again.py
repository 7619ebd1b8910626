"""Another analysis of the same clip: every correction is on its own place or on none. Properties."""

from __future__ import annotations

import json
import random
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from reelscope.document.corrections import corrected
from reelscope.document.corrections.fields import EDITABLE
from reelscope.document.corrections.items import Words, alike, items, said
from reelscope.document.corrections.places import anchor_of, find
from reelscope.document.corrections.shapes import Correction
from reelscope.document.corrections.words import find_words, line_of, word_anchor
from reelscope.document.schema import Document
from tests.document.corrections.made import BEGAN, Overlay, said_of, spoken

MOVED_S = 0.2
FEW = settings(max_examples=20, deadline=None)
MANY = settings(max_examples=150, deadline=None)

# --- words ----------------------------------------------------------------------------------------------------------------------------

VOCABULARY = ("no", "oh", "the", "way", "light", "camera")


def raw_of(rows: list[list[Any]], cuts: set[int]) -> dict[str, Any]:
    """A document's JSON with a transcript only: rows of uid, start, end, text; a segment ends before each cut."""
    segments: list[dict[str, Any]] = []
    for k, (uid, start, end, text) in enumerate(rows):
        if k == 0 or k in cuts:
            segments.append({"start_s": start, "end_s": end, "text": "", "language": "en", "words": []})
        segments[-1]["words"].append({"start_s": start, "end_s": end, "text": text, "uid": uid})
        segments[-1]["end_s"] = end
    return {"analyzers": {"speech_transcription": {"segments": segments}}}


@st.composite
def hearings(draw: st.DrawFn) -> tuple[list[list[Any]], list[list[Any]], set[int], tuple[int, int], str]:
    """What was heard, what is heard now (moved, some words lost, some heard as others), cuts into segments, a corrected run, its text."""
    chance = random.Random(draw(st.integers(0, 2**32)))
    rows, t = [], 0.3
    for uid in range(draw(st.integers(1, 14))):
        length = chance.choice((0.1, 0.2, 0.3, 0.6))
        rows.append([uid, round(t, 3), round(t + length, 3), chance.choice(VOCABULARY)])
        t += length + chance.choice((0.0, 0.0, 0.1, 0.8))
    first = chance.randrange(len(rows))
    after = min(len(rows), first + chance.choice((1, 1, 2, 3)))
    now = " ".join(chance.choice((*VOCABULARY, "reelscope", "lamp")) for _ in range(chance.choice((0, 1, 1, 2, 3))))
    shift = draw(st.floats(-MOVED_S, MOVED_S))
    loss, other = draw(st.sampled_from(((0.0, 0.0), (0.15, 0.0), (0.0, 0.2), (0.1, 0.1))))
    again = []
    for uid, start, end, text in rows:
        roll = chance.random()
        if roll < loss:
            continue
        heard = chance.choice((*VOCABULARY, "sight")) if roll < loss + other else text
        again.append([uid, round(start + shift, 3), round(end + shift, 3), heard])
    cuts = {k for k in range(len(again)) if chance.random() < 0.3}
    return rows, again, cuts, (first, after), now


def neighbours_hold(rows: list[list[Any]], first: int, after: int, later: Words, found: Any) -> bool:
    """Whether the words around a place are those that were around the run."""
    before, behind = [w[3] for w in rows[:first]][-1:], [w[3] for w in rows[after:]][:1]
    i, j = found.indices[0], found.indices[-1] + 1
    return [w.text for w in later[:i]][-1:] == before and [w.text for w in later[j:]][:1] == behind


@given(hearings())
@MANY
def test_words_stand_where_they_were_or_nowhere(case: Any) -> None:
    rows, again, cuts, (first, after), now = case
    words, later = said(raw_of(rows, set())), raw_of(again, cuts)
    correction = Correction(
        id="c", kind="word", field="text", anchor=word_anchor(words, first, after), was=line_of(words[first:after]), now=now, author="a",
        at=BEGAN,
    )  # fmt: skip
    found = find_words(correction, said(later))
    uids = [w["uid"] for s in later["analyzers"]["speech_transcription"]["segments"] for w in s["words"]]
    kept = [w for w in again if first <= w[0] < after]
    if [w[3] for w in kept] == [w[3] for w in rows[first:after]]:
        assert {uids[i] for i in found.indices} <= set(range(first, after))
    elif found.indices and not found.agreed:  # of a word that is heard differently nobody can tell which it was; it must read like it
        placed = line_of([said(later)[i] for i in found.indices])
        assert (
            alike(placed, correction.was)
            or any(alike(placed, t) for t in now.split())
            or neighbours_hold(rows, first, after, said(later), found)
        )
    if not found.indices and not found.agreed:
        assert found.reason


@given(hearings())
@MANY
def test_words_are_found_again_in_the_same_analysis(case: Any) -> None:
    rows, _, _, (first, after), now = case
    words = said(raw_of(rows, set()))
    correction = Correction(
        id="c", kind="word", field="text", anchor=word_anchor(words, first, after), was=line_of(words[first:after]), now=now, author="a",
        at=BEGAN,
    )  # fmt: skip
    assert find_words(correction, Words(words)).indices == tuple(range(first, after))


# --- segments, tracks, shots ----------------------------------------------------------------------------------------------------------

BOXES = ([0.1, 0.1, 0.3, 0.2], [0.5, 0.1, 0.3, 0.2], [0.1, 0.7, 0.8, 0.1])
LABELS = ("dog", "cat", "cup")
TRACKS = next(e for e in EDITABLE if e.analyzer == "object_detection")
TEXTS = next(e for e in EDITABLE if e.analyzer == "text_overlay" and e.field == "text")
SIZE = next(e for e in EDITABLE if e.field == "size")
CUT = next(e for e in EDITABLE if e.field == "transition")


def tracks_of(rows: list[dict[str, Any]], name: str, part: str) -> dict[str, Any]:
    return {"analyzers": {name: {part: rows}}}


@st.composite
def sightings(draw: st.DrawFn) -> tuple[list[dict[str, Any]], list[dict[str, Any]], int]:
    """Things that were seen, the same as they are seen now (moved, some lost, some in two, some called otherwise), one of them."""
    chance = random.Random(draw(st.integers(0, 2**32)))
    rows: list[dict[str, Any]] = []
    for box in BOXES[: draw(st.integers(1, 3))]:
        t = chance.choice((0.0, 0.5))
        for _ in range(draw(st.integers(0, 5))):
            length = chance.choice((0.2, 0.4, 1.0, 3.0))
            label = chance.choice(LABELS)
            rows.append(_thing(len(rows), t, t + length, label, [round(v + chance.uniform(-0.02, 0.02), 3) for v in box]))
            t += length + chance.choice((0.1, 0.4, 2.0))
    if not rows:
        rows.append(_thing(0, 0.0, 1.0, "dog", BOXES[0]))
    shift, losing = draw(st.floats(-MOVED_S, MOVED_S)), draw(st.sampled_from((0.0, 0.2)))
    again: list[dict[str, Any]] = []
    for row in rows:
        if chance.random() < losing:
            continue
        start, end = max(0.0, round(row["start_s"] + shift, 3)), round(row["end_s"] + shift, 3)
        label = chance.choice(("fox", "bird")) if chance.random() < losing else row["label"]
        box = [round(v + chance.uniform(-0.02, 0.02), 3) for v in row["points"][0]["xywh_norm"]]
        if end - start > 0.5 and chance.random() < losing:
            middle = chance.uniform(start + 0.1, end - 0.1)
            again += [
                _thing(row["uid"], start, round(middle - 0.05, 3), label, box),
                _thing(row["uid"], round(middle + 0.05, 3), end, label, box),
            ]
        elif end > start:
            again.append(_thing(row["uid"], start, end, label, box))
    chance.shuffle(again)
    for number, row in enumerate(again):
        row["track_id"] = number
    return rows, again, chance.randrange(len(rows))


def _thing(uid: int, start_s: float, end_s: float, label: str, box: list[float]) -> dict[str, Any]:
    points = [{"t_s": t, "xywh_norm": box} for t in (start_s, end_s)]
    return {
        "uid": uid,
        "track_id": uid,
        "start_s": start_s,
        "end_s": end_s,
        "label": label,
        "text": label,
        "points": points,
        "xywh_norm": box,
    }


def placed(rows: list[dict[str, Any]], again: list[dict[str, Any]], chosen: int, what: Any, now: str) -> Any:
    before = items(tracks_of(rows, what.analyzer, what.part), what)
    anchor = anchor_of(what, before[chosen], before)
    correction = Correction(
        id="c", kind=what.kind, field=what.field, anchor=anchor, was=rows[chosen]["label"], now=now, author="a", at=BEGAN
    )  # fmt: skip
    return find(correction, items(tracks_of(again, what.analyzer, what.part), what), fuzzy=what.kind == "text")


@given(sightings(), st.sampled_from((TRACKS, TEXTS)), st.sampled_from(("fox", "cat")))
@MANY
def test_things_stand_where_they_were_or_nowhere(case: Any, what: Any, now: str) -> None:
    rows, again, chosen = case
    found = placed(rows, again, chosen, what, now)
    uids = {again[i]["uid"] for i in found.indices}
    assert uids <= {chosen}
    assert found.indices or found.reason


@given(sightings(), st.sampled_from((TRACKS, TEXTS)))
@MANY
def test_things_are_found_again_in_the_same_analysis(case: Any, what: Any) -> None:
    rows, _, chosen = case
    assert placed(rows, rows, chosen, what, "fox").indices == (chosen,)


@st.composite
def spines(draw: st.DrawFn) -> tuple[list[float], list[float], int, bool]:
    """Edges of shots, the same as another analysis has them (moved; some lost, some more), a shot, whether edges only moved."""
    lengths = draw(st.lists(st.sampled_from((0.2, 0.3, 0.7, 2.0)), min_size=1, max_size=8))
    edges = [0.0]
    for length in lengths:
        edges.append(round(edges[-1] + length, 3))
    shift = draw(st.floats(-MOVED_S, MOVED_S))
    chance = random.Random(draw(st.integers(0, 2**32)))
    losing = draw(st.sampled_from((0.0, 0.2)))
    inner = [round(e + shift, 3) for e in edges[1:-1] if chance.random() >= losing]
    if losing and chance.random() < 0.3:
        inner = sorted({*inner, round(chance.uniform(0.1, edges[-1]), 3)})
    again = [0.0, *(e for e in inner if 0.02 < e < edges[-1] - 0.02), edges[-1]]
    return edges, again, draw(st.integers(0, len(lengths) - 1)), not losing and len(again) == len(edges)


def shots_of(edges: list[float]) -> dict[str, Any]:
    rows = []
    for k, (start, end) in enumerate(zip(edges, edges[1:], strict=False)):
        entered = {"kind": "cut", "start_s": start, "end_s": start} if k else None
        rows.append({"index": k, "start_s": start, "end_s": end, "size": "medium", "transition_in": entered})
    return {"shots": rows, "analyzers": {}}


@given(spines(), st.sampled_from((SIZE, CUT)))
@MANY
def test_shots_stand_where_they_were_or_nowhere(case: Any, what: Any) -> None:
    edges, again, chosen, moved = case
    before, now = items(shots_of(edges), what), items(shots_of(again), what)
    for item in before:
        if item.index != chosen:
            continue
        anchor = anchor_of(what, item, before)
        correction = Correction(id="c", kind="shot", field=what.field, anchor=anchor, was="x", now="wipe", author="a", at=BEGAN)
        assert find(correction, before, fuzzy=False).indices == (chosen,)
        found = find(correction, now, fuzzy=False)
        assert len(found.indices) <= 1 and (found.indices or found.reason)
        if moved:
            assert set(found.indices) <= {chosen}
        for index in found.indices:  # else its both ends are where they were
            place = next(i for i in now if i.index == index)
            assert abs(place.start_s - item.start_s) <= 0.31 and abs(place.end_s - item.end_s) <= 0.31


# --- the whole ------------------------------------------------------------------------------------------------------------------------

CLIP = spoken()


@st.composite
def edits(draw: st.DrawFn) -> Overlay:
    """Several edits of one document, each of another place."""
    overlay = Overlay(CLIP)
    for name in draw(st.lists(st.sampled_from(sorted(SOME)), min_size=1, max_size=5, unique=True)):
        overlay.add(**SOME[name])
    return overlay


SOME: dict[str, dict[str, Any]] = {
    "word": {"kind": "word", "start_s": 0.3, "end_s": 2.2, "was": "Welcome to reel scope,", "now": "Welcome to reelscope,"},
    "gone": {"kind": "word", "start_s": 13.9, "end_s": 16.6, "was": "Sound is half.", "now": ""},
    "voice": {"kind": "speaker", "was": 1, "now": "Ben"},
    "said": {"kind": "speaker", "start_s": 2.6, "end_s": 4.9, "was": 0, "now": "Cleo"},
    "text": {"kind": "text", "start_s": 2.5, "end_s": 5.0, "was": "1. Light first", "now": "1. Lights first"},
    "size": {"kind": "shot", "field": "size", "start_s": 0.0, "end_s": 2.4, "was": "close_up", "now": "medium"},
    "move": {"kind": "shot", "field": "move", "start_s": 2.4, "end_s": 5.1, "was": "pan_left", "now": "static"},
    "cut": {"kind": "shot", "field": "transition", "start_s": 5.1, "end_s": 5.1, "was": "cut", "now": "wipe"},
    "cup": {"kind": "label", "analyzer": "object_detection", "start_s": 2, "end_s": 9, "was": "cup", "now": "mug"},
    "scene": {"kind": "label", "analyzer": "scene_segmentation", "start_s": 0.0, "end_s": 7.266667, "was": None, "now": "kitchen"},
}


@given(edits())
@FEW
def test_what_comes_in_is_never_changed(overlay: Overlay) -> None:
    before, kept = CLIP.model_dump_json(), overlay.all.model_dump_json()
    corrected(CLIP, overlay.all)
    assert (CLIP.model_dump_json(), overlay.all.model_dump_json()) == (before, kept)


@given(edits())
@FEW
def test_twice_is_once(overlay: Overlay) -> None:
    once = corrected(CLIP, overlay.all)
    again = corrected(Document.model_validate_json(once.document.model_dump_json()), overlay.all)
    assert again.document.model_dump_json() == once.document.model_dump_json()
    assert [o.state for o in again.outcomes] == [o.state for o in once.outcomes] == ["applied"] * len(once.outcomes)


@given(edits(), st.randoms())
@FEW
def test_the_order_of_edits_of_different_places_is_nothing(overlay: Overlay, chance: random.Random) -> None:
    other = list(overlay.all.edits)
    chance.shuffle(other)
    mixed = overlay.all.model_copy(update={"edits": other})
    assert json.loads(corrected(CLIP, mixed).document.model_dump_json()) == json.loads(
        corrected(CLIP, overlay.all).document.model_dump_json()
    )


def test_another_analysis_with_other_numbers_and_times() -> None:
    overlay = Overlay(CLIP)
    for name in SOME:
        overlay.add(**SOME[name])
    raw = CLIP.model_dump(mode="json")
    entries = raw["analyzers"]
    for segment in entries["speech_transcription"]["segments"]:  # voices are numbered otherwise
        segment["speaker"] = {0: 2, 1: 0, 2: 1}[segment["speaker"]]
    for name in ("speech_transcription", "text_overlay", "object_detection", "scene_segmentation"):
        _move(entries[name], 0.15)
    for number, track in enumerate(reversed(entries["object_detection"]["tracks"])):
        track["track_id"] = 100 + number
    first = entries["speech_transcription"]["segments"][0]  # and one sentence is two segments
    words = first["words"]
    halves = [{**first, "words": words[:2], "end_s": words[1]["end_s"]}, {**first, "words": words[2:], "start_s": words[2]["start_s"]}]
    for half in halves:
        half["text"] = " ".join(w["text"] for w in half["words"])
    entries["speech_transcription"]["segments"][:1] = halves
    found = corrected(Document.model_validate(raw), overlay.all)
    assert {o.correction.id: (o.state, o.reason) for o in found.outcomes if o.state != "applied"} == {}
    texts = said_of(found.document)
    assert texts[:3] == ["Welcome to", "reelscope,", "no no no light comes first."] and "Sound is half." not in texts
    names = [getattr(s, "speaker_name", None) for s in found.document.analyzers["speech_transcription"].segments]
    assert names == [None, None, "Cleo", "Ben", "Ben", None]
    labels = [t.label for t in found.document.analyzers["object_detection"].tracks]
    assert labels.count("mug") == 1 and "cup" not in labels


def _move(entry: dict[str, Any], by_s: float) -> None:
    for part in [*entry["segments"], *entry["tracks"]]:
        for held in [part, *part.get("words", []), *part.get("points", [])]:
            for key in ("start_s", "end_s", "t_s"):
                if key in held:
                    held[key] = round(held[key] + by_s, 6)
