"""Timelines are read back by OpenTimelineIO and compared with the document, frame by frame."""

from __future__ import annotations

import re
from fractions import Fraction
from typing import Any
from xml.etree import ElementTree

import opentimelineio as otio
import pytest
from opentimelineio.opentime import RationalTime, TimeRange

from reelscope.document.evidence import Evidence
from reelscope.document.exports import FORMATS, Material
from reelscope.document.exports.timelines import edl, fcpxml
from reelscope.document.exports.timelines import otio as otio_json
from reelscope.document.exports.timelines._notes import notes_of
from reelscope.document.insights import measure_insights
from reelscope.document.schema import Document, ShotTransition
from tests.document.exports.timelines_made import EDGES, GRADUAL, RATES, Rate, document_at, material
from tests.document.fixtures import empty_document, entry, full_document, seg

SPANS = list(zip(EDGES, EDGES[1:], strict=False))
all_rates = pytest.mark.parametrize("rate", RATES.values(), ids=RATES)


def read_otio(given: Material) -> Any:
    return otio.adapters.read_from_string(otio_json(given)["timeline.otio"].decode(), "otio_json")


def read_edl(given: Material, timebase: int) -> Any:
    return otio.adapters.read_from_string(edl(given)["timeline.edl"].decode(), "cmx_3600", rate=timebase)


def xml_of(given: Material) -> ElementTree.Element:
    return ElementTree.fromstring(fcpxml(given)["timeline.fcpxml"])


def frames(span: TimeRange) -> tuple[float, float]:
    """First frame and the one after the last."""
    return span.start_time.value, span.end_time_exclusive().value


def seconds(text: str | None) -> Fraction:
    return Fraction((text or "0s").removesuffix("s"))


def on_grid(t_s: float, rate: Rate) -> int:
    """The nearest frame of the grid, counted another way than the code does; what lies between two is looked at in the grid's own tests."""
    return round(t_s * rate.grid)


def expected(document: Document, rate: Rate) -> list[tuple[int, int]]:
    return [(on_grid(s.start_s, rate), on_grid(s.end_s, rate)) for s in document.shots]


def offsets(document: Document, rate: Rate) -> dict[int, tuple[int, int]]:
    """Frames before and after the cut of each gradual transition, by shot."""
    out = {}
    for i in GRADUAL:
        how, cut = document.shots[i].transition_in, on_grid(document.shots[i].start_s, rate)
        assert how is not None
        out[i] = (cut - on_grid(how.start_s, rate), on_grid(how.end_s, rate) - cut)
    return out


@all_rates
def test_opentimelineio_has_the_shots_at_their_frames(rate: Rate) -> None:
    document = document_at(rate)
    made = read_otio(material(document))
    picture, sound = made.tracks
    clips = list(picture.find_clips())
    assert [c.name for c in clips] == [f"Shot {i}" for i in range(1, len(SPANS) + 1)]
    spans = expected(document, rate)
    if rate.exact:
        assert spans == SPANS
    assert [frames(c.source_range) for c in clips] == spans
    assert [frames(c.trimmed_range_in_parent()) for c in clips] == spans, "record times are source times"
    assert {c.source_range.duration.rate for c in clips} == {float(rate.grid)}
    whole = (0, on_grid(document.media.duration_s, rate))
    assert frames(picture.available_range()) == whole
    for clip in [*clips, *sound.find_clips()]:
        assert frames(clip.media_reference.available_range) == whole
        assert clip.media_reference.target_url == "file:///media/my%20clips/one.mp4"
    assert sound.kind == "Audio"
    assert [frames(c.source_range) for c in sound.find_clips()] == [whole]


@all_rates
def test_boundaries_are_within_half_a_frame_of_the_measured_time(rate: Rate) -> None:
    document = document_at(rate)
    clips = list(read_otio(material(document)).tracks[0].find_clips())
    for shot, clip in zip(document.shots, clips, strict=True):
        for t_s, frame in zip((shot.start_s, shot.end_s), frames(clip.source_range), strict=True):
            assert abs(Fraction(frame) / rate.grid - Fraction(t_s)) <= 1 / rate.grid / 2 + Fraction(1, 10**6)


@all_rates
def test_gradual_transitions_lie_over_the_cut(rate: Rate) -> None:
    document = document_at(rate)
    track = read_otio(material(document)).tracks[0]
    found = {}
    for i, child in enumerate(track):
        if isinstance(child, otio.schema.Transition):
            found[int(track[i + 1].name.split()[1]) - 1] = child
    assert {i: (t.in_offset.value, t.out_offset.value) for i, t in found.items()} == offsets(document, rate)
    assert {i: t.metadata["reelscope"]["kind"] for i, t in found.items()} == {i: g[0] for i, g in GRADUAL.items()}
    assert found[3].transition_type == "SMPTE_Dissolve"
    assert found[4].name == "wipe (left)"


@all_rates
def test_edl_has_the_shots_at_their_frames(rate: Rate) -> None:
    document = document_at(rate)
    made = read_edl(material(document), round(rate.grid))
    picture, *sounds = made.tracks
    clips = list(picture.find_clips())
    # An EDL has a dissolve begin with the shot that comes in: the shot before ends there.
    spans, gradual = expected(document, rate), offsets(document, rate)
    begins = [first - gradual.get(i, (0, 0))[0] for i, (first, _) in enumerate(spans)]
    events = list(zip(begins, [*begins[1:], spans[-1][1]], strict=True))
    assert [frames(c.source_range) for c in clips] == events
    assert [frames(c.trimmed_range_in_parent()) for c in clips] == events
    assert [c.name for c in clips] == [f"Shot {i}" for i in range(1, len(spans) + 1)]
    assert {c.media_reference.target_url for c in clips} == {"/media/my clips/one.mp4"}
    assert {c.metadata["cmx_3600"]["reel"] for c in clips} == {"ONE"}
    found = {int(picture[i + 1].name.split()[1]) - 1: t for i, t in enumerate(picture) if isinstance(t, otio.schema.Transition)}
    assert {i: t.out_offset.value for i, t in found.items()} == {i: sum(g) for i, g in gradual.items()}
    assert [t.name for t in sounds] == ["A1", "A2"]
    for track in sounds:
        assert [frames(c.source_range) for c in track] == [(0, spans[-1][1])]
        assert track[0].media_reference.target_url == "/media/my clips/one.mp4"


@all_rates
def test_edl_timecode_is_non_drop_and_says_so(rate: Rate) -> None:
    text = edl(material(document_at(rate)))["timeline.edl"].decode()
    assert text.splitlines()[:2] == ["TITLE: My clip", "FCM: NON-DROP FRAME"]
    events = [line for line in text.splitlines() if line[:1].isdigit()]
    assert not any(";" in line for line in events)
    base = round(rate.grid)
    last = on_grid(document_at(rate).media.duration_s, rate)
    whole, left = divmod(last, base)
    assert events[-2].split()[-1] == f"00:{whole // 60:02d}:{whole % 60:02d}:{left:02d}"
    assert f"* REELSCOPE RATE: {rate.grid} frames a second" in text
    assert (", nominal; timecode" in text) == (not rate.exact)
    assert ("made of still pictures" in text) == rate.slides


@all_rates
def test_fcpxml_times_are_whole_frames_of_the_exact_rate(rate: Rate) -> None:
    document = document_at(rate)
    root = xml_of(material(document))
    spans = expected(document, rate)
    frame = root.find("resources/format")
    assert frame is not None
    assert seconds(frame.get("frameDuration")) == 1 / rate.grid
    if rate.grid.denominator == 1001:
        assert frame.get("frameDuration") == f"1001/{rate.grid.numerator}s"
    assert (frame.get("width"), frame.get("height")) == ("1080", "1920")
    clips = root.findall("project/sequence/spine/clip")
    for clip, (first, end) in zip(clips, spans, strict=True):
        assert seconds(clip.get("offset")) == seconds(clip.get("start")) == first / rate.grid
        assert seconds(clip.get("duration")) == (end - first) / rate.grid
    for element in root.iter():
        for name in ("offset", "start", "duration"):
            assert (seconds(element.get(name)) * rate.grid).denominator == 1, f"{element.tag} {name} lies between two frames"
    sequence, asset = root.find("project/sequence"), root.find("resources/asset")
    assert sequence is not None and asset is not None
    assert seconds(sequence.get("duration")) == seconds(asset.get("duration")) == spans[-1][1] / rate.grid
    assert (asset.get("src"), asset.get("hasVideo"), asset.get("hasAudio")) == ("file:///media/my%20clips/one.mp4", "1", "1")
    gradual = offsets(document, rate)
    found = [(seconds(t.get("offset")) * rate.grid, seconds(t.get("duration")) * rate.grid) for t in root.iter("transition")]
    assert found == [(spans[i][0] - before, before + after) for i, (before, after) in gradual.items()]
    order = [c.tag for c in root.findall("project/sequence/spine/*")]
    assert order == ["clip", "clip", "clip", "transition", "clip", "transition", "clip", "transition", "clip"]


@all_rates
def test_fcpxml_is_read_back(rate: Rate) -> None:
    """By the adapter, whose reader cuts 29.97 down to 29 and rounds down: as near as it can come is a frame."""
    document = document_at(rate)
    made = otio.adapters.read_from_string(fcpxml(material(document))["timeline.fcpxml"].decode(), "fcpx_xml")
    assert made.name == "My clip"
    sound, picture = made.tracks
    assert (sound.kind, picture.kind) == ("Audio", "Video")
    clips = list(picture.find_clips())
    assert [c.name for c in clips] == [f"Shot {i}" for i in range(1, len(SPANS) + 1)]
    known = int(rate.grid)
    for clip, span in zip(clips, expected(document, rate), strict=True):
        for read, frame in zip((clip.source_range.start_time, clip.source_range.duration), (span[0], span[1] - span[0]), strict=True):
            assert read.rate == known
            assert 0 <= frame / rate.grid * known - Fraction(read.value) <= 1
    assert {c.media_reference.target_url for c in clips} == {"file:///media/my%20clips/one.mp4"}
    assert len(list(sound.find_clips())) == 1


def test_fcpxml_is_read_back_to_the_frame_where_the_reader_can() -> None:
    rate = RATES["24"]
    document = document_at(rate)
    made = otio.adapters.read_from_string(fcpxml(material(document))["timeline.fcpxml"].decode(), "fcpx_xml")
    sound, picture = made.tracks
    clips = list(picture.find_clips())
    assert [frames(c.source_range) for c in clips] == SPANS
    assert [frames(c.trimmed_range_in_parent()) for c in clips] == SPANS
    assert [frames(c.source_range) for c in sound.find_clips()] == [(0, EDGES[-1])]
    marks = {(m.name, *frames(m.marked_range)) for c in clips for m in c.markers}
    assert ("1. Light first", 130, 300) in marks, "it ends with its shot"
    assert ("Look at this light", 310, 440) in marks


@all_rates
def test_markers_stand_where_the_document_says(rate: Rate) -> None:
    document = document_at(rate)
    spans = expected(document, rate)
    text, said = (on_grid(document.analyzers[a].segments[0].start_s, rate) for a in ("text_overlay", "speech_transcription"))
    over = on_grid(document.analyzers["speech_transcription"].segments[0].end_s, rate)
    clips = list(read_otio(material(document)).tracks[0].find_clips())
    found = {m.name: (c.name, frames(m.marked_range), m.color, m.comment) for c in clips for m in c.markers}
    where = next(f"Shot {i}" for i, (first, end) in enumerate(spans, 1) if first <= text < end)
    assert found["1. Light first"][:3] == (where, (text, spans[int(where[5:]) - 1][1]), "GREEN")
    assert found["Look at this light"][:3] == ("Shot 5", (said, over), "WHITE")
    assert found["Look at this light"][3].startswith("speech; Ada; ")
    events = list(read_edl(material(document), round(rate.grid)).tracks[0].find_clips())
    read = {m.name.split(" | ")[0]: (c.name, m.marked_range.start_time.value, m.color) for c in events for m in c.markers}
    assert read == {"1. Light first": (where, text, "GREEN"), "Look at this light": ("Shot 5", said, "WHITE")}
    for marker in xml_of(material(document)).iter("marker"):
        first = text if marker.get("value") == "1. Light first" else said
        assert seconds(marker.get("start")) == first / rate.grid
        assert marker.get("note") == found[marker.get("value") or ""][3]


@pytest.mark.parametrize("name", ["otio", "edl", "fcpxml"])
@pytest.mark.parametrize("document", [full_document(), empty_document()], ids=["every status", "nothing to say"])
def test_both_documents_make_the_declared_file(name: str, document: Document) -> None:
    made = FORMATS[name].make(material(document))
    assert list(made) == list(FORMATS[name].files)
    assert FORMATS[name].make(material(document)) == made, "the same document gives the same bytes"
    text = next(iter(made.values())).decode()
    kwargs = {"rate": 30 if document.media.vfr else 25} if name == "edl" else {}
    timeline = otio.adapters.read_from_string(text, {"otio": "otio_json", "edl": "cmx_3600", "fcpxml": "fcpx_xml"}[name], **kwargs)
    pictures = [t for t in timeline.tracks if t.kind == "Video"]
    assert [len(list(t.find_clips())) for t in pictures] == [len(document.shots)]
    assert len(timeline.tracks) > 1 if document.media.audio else len(timeline.tracks) == 1


def test_insights_become_markers_with_their_claim_and_figure() -> None:
    document = full_document()
    clips = list(read_otio(material(document)).tracks[0].find_clips())
    marks = [m for c in clips for m in c.markers]
    kinds = {m.metadata["reelscope"]["kind"] for m in marks}
    assert kinds >= {"hook", "safe_zones", "pacing", "attention", "text", "speech", "transition"}
    assert {m.color for m in marks if m.metadata["reelscope"]["kind"] == "attention"} == {"RED"}
    hidden = [m for m in marks if m.name == "Hidden by the app: Follow for part two"]
    assert len(hidden) == 1 and re.search(r"YouTube Shorts: [\d.]+ % outside, hidden for 3\.6 s", hidden[0].comment)
    zones: Any = document.insights["safe_zones"].model_dump()["texts"]
    share = next(t for t in zones if t["text"] == "Follow for part two")["zones"]["shorts"]["share"]
    assert f"{100 * share:.3g} % outside" in hidden[0].comment
    speech = [m for m in marks if m.metadata["reelscope"]["kind"] == "speech"]
    assert len(speech) == 6 and "words not known: no usable backend" in speech[0].comment, (
        "voice without a transcript is speech all the same"
    )
    assert len(marks) < 100, "beats are no markers"
    for clip, mark in ((c, m) for c in clips for m in c.markers):
        assert frames(clip.source_range)[0] <= frames(mark.marked_range)[0] < frames(mark.marked_range)[1] <= frames(clip.source_range)[1]


def test_speakers_count_from_one_as_in_subtitles() -> None:
    from tests.document.corrections.made import spoken

    said = [n.comment for n in notes_of(spoken()) if n.kind == "speech"]
    assert [re.search(r"speaker (\d)", comment)[1] for comment in said] == ["1", "1", "2", "2", "1", "3"]  # type: ignore[index]


def test_texts_that_cannot_be_read_are_marked() -> None:
    document = document_at(RATES["25"])
    rows = [
        seg(2.0, 2.6, text="Far too many words for the time that they stand", role="caption", contrast_ratio=9.0, line_height_share=0.05),
        seg(5.0, 9.0, text="Pale", role="title", contrast_ratio=1.4, line_height_share=0.02),
        seg(20.0, 24.0, text="Fine", role="title", contrast_ratio=9.0, line_height_share=0.05),
    ]
    found = {
        "text_overlay": entry(segments=rows),
        "speech_flow": entry(segments=[seg(10.0, 12.0, kind="speech"), seg(30.0, 30.5, kind="speech")]),
    }
    document = document.model_copy(update={"analyzers": document.analyzers | found})
    document.insights = measure_insights(Evidence.of(document))
    marks = [m for c in read_otio(material(document)).find_clips() for m in c.markers]
    read = {m.name: m.comment for m in marks if m.metadata["reelscope"]["kind"] in ("reading_load", "mute_test")}
    assert read == {
        "Too fast to read: Far too many words for the time that they stand": "78.3 characters/s; needs 2.76 s; 2.00 s to 2.60 s",
        "Low contrast: Pale": "contrast 1.4 of the 4.5 that its size needs; 5.00 s to 9.00 s",
        "Voice without text": "lost with the sound off; 10.00 s to 12.00 s",
    }


def test_final_cut_shows_what_is_to_be_looked_at_as_to_do() -> None:
    root = xml_of(material(full_document()))
    todo = {m.get("value", "").split(":")[0] for m in root.iter("marker") if m.get("completed") == "0"}
    assert todo >= {"Attention", "Hidden by the app"}
    assert {m.get("completed") for m in root.iter("marker")} == {None, "0"}


def test_metadata_names_the_analysis_and_the_shots_fields() -> None:
    document = full_document()
    document.shots[2] = document.shots[2].model_copy(update={"corrected": [{"field": "size", "was": None, "now": "wide"}], "size": "wide"})
    made = read_otio(material(document))
    facts = made.metadata["reelscope"]
    assert (facts["analysis_id"], facts["sha256"]) == (document.analysis_id, document.source.sha256)
    assert facts["rate_is_nominal"] is True
    assert facts["remarks"][0].startswith("variable frame rate, 29.97 on the mean")
    third = list(made.tracks[0].find_clips())[2].metadata["reelscope"]
    assert (third["start_s"], third["end_s"], third["size"]) == (5.1, 7.266667, "wide")
    assert third["corrected"][0]["now"] == "wide"
    assert third["reshoot"].startswith("Shot 3, 2.17 s")


def test_without_an_address_the_reference_is_missing_and_names_the_file() -> None:
    given = material(full_document(), clip=None)
    reference = next(iter(read_otio(given).find_clips())).media_reference
    assert isinstance(reference, otio.schema.MissingReference)
    assert reference.name == "Three things nobody tells you (final v7).mp4"
    assert reference.available_range.duration.value == 24 * 30
    text = edl(given)["timeline.edl"].decode()
    assert "FROM CLIP:" not in text
    assert "* REELSCOPE FILE: Three things nobody tells you (final v7).mp4" in text
    assert "001  THREETHI V " in text, "a reel has eight characters"
    asset = xml_of(given).find("resources/asset")
    assert asset is not None and asset.get("src") == "Three%20things%20nobody%20tells%20you%20%28final%20v7%29.mp4"


def sound_only() -> Document:
    rate = RATES["25"]
    none = {"width_px": None, "height_px": None, "fps": None, "codec": None}
    document = document_at(rate, (0, 100), **none)
    return document.model_copy(
        update={"shots": [], "analyzers": document.analyzers | {"speech_transcription": entry(segments=[seg(1.0, 2.5, text="Hello")])}}
    )


def test_a_clip_of_sound_alone_is_one_audio_track() -> None:
    given = material(sound_only())
    made = read_otio(given)
    (track,) = made.tracks
    assert track.kind == "Audio"
    (clip,) = track
    assert frames(clip.source_range) == (0, 120), "4 s at 30"
    assert [(m.name, *frames(m.marked_range)) for m in clip.markers] == [("Hello", 30, 75)]
    assert list(made.metadata["reelscope"]["remarks"]) == ["the clip has no frame rate: times stand on a nominal grid"]
    tracks = read_edl(given, 30).tracks
    assert [(t.name, t.kind, frames(t[0].source_range)) for t in tracks] == [("A1", "Audio", (0, 120)), ("A2", "Audio", (0, 120))]
    assert [m.name for m in tracks[0][0].markers] == ["Hello | speech; 1.00 s to 2.50 s"]
    root = xml_of(given)
    (gap,) = root.findall("project/sequence/spine/*")
    assert (gap.tag, gap.get("duration")) == ("gap", "12000/3000s")
    asset = root.find("resources/asset")
    assert asset is not None and (asset.get("hasVideo"), asset.get("hasAudio"), asset.get("format")) == (None, "1", None)
    (mark,) = root.iter("marker")
    assert (mark.get("start"), mark.get("value")) == ("3000/3000s", "Hello")
    read = otio.adapters.read_from_string(fcpxml(given)["timeline.fcpxml"].decode(), "fcpx_xml")
    assert [t.kind for t in read.tracks] == ["Audio"]


def test_a_clip_whose_shots_are_not_known_is_one_clip_and_says_why() -> None:
    document = document_at(RATES["25"], (0, 100)).model_copy(update={"shots": []})
    made = read_otio(material(document))
    assert [(c.name, frames(c.source_range)) for c in made.tracks[0]] == [("Whole clip", (0, 100))]
    assert list(made.metadata["reelscope"]["remarks"]) == ["shots not known: not asked for"]


def test_a_clip_without_anything_is_an_empty_timeline() -> None:
    document = document_at(RATES["25"], (0, 0), duration_s=0.0, width_px=None, height_px=None, fps=None, audio=None)
    given = material(document.model_copy(update={"shots": []}))
    assert list(read_otio(given).tracks) == []
    assert list(read_edl(given, 30).tracks) == []
    assert edl(given)["timeline.edl"] == b"TITLE: My clip\nFCM: NON-DROP FRAME\n"
    spine = xml_of(given).find("project/sequence/spine")
    assert spine is not None and len(spine) == 0


def test_sound_that_begins_late_stands_late() -> None:
    rate = RATES["29.97"]
    audio = {"codec": "aac", "rate_hz": 44100, "channels": 1, "layout": "mono", "start_s": 1.938, "duration_s": 5.0}
    document = document_at(rate, (0, 29, 450), audio=audio)
    late, end = on_grid(1.938, rate), on_grid(6.938, rate)
    assert late == 58, "in the second shot, at a frame that floating point puts a frame early at many rates"
    given = material(document)
    gap, clip = read_otio(given).tracks[1]
    assert isinstance(gap, otio.schema.Gap) and gap.duration().value == late
    assert frames(clip.source_range) == (late, end)
    (track,) = list(read_edl(given, 30).tracks)[1:]
    assert track.name == "A1", "one channel is A, two are AA"
    assert frames(track[0].source_range) == (late, end)
    lane = next(c for c in xml_of(given).iter("clip") if c.get("lane"))
    assert seconds(lane.get("offset")) == seconds(lane.get("start")) == late / rate.grid
    assert seconds(lane.get("duration")) == (end - late) / rate.grid


def test_a_transition_leaves_room_to_its_neighbours() -> None:
    """Two that reach over each other in a short shot: an EDL cannot have a shot that ends before it begins."""
    rate = RATES["25"]
    document = document_at(rate, (0, 50, 56, 100))
    long = [ShotTransition(kind="dissolve", start_s=a, end_s=b) for a, b in ((1.6, 2.2), (2.04, 3.2))]
    shots = [document.shots[0], *(s.model_copy(update={"transition_in": t}) for s, t in zip(document.shots[1:], long, strict=True))]
    given = material(document.model_copy(update={"shots": shots}))
    track = read_otio(given).tracks[0]
    offsets = [(t.in_offset.value, t.out_offset.value) for t in track if isinstance(t, otio.schema.Transition)]
    assert offsets == [(10, 5), (1, 24)]
    assert [frames(c.source_range) for c in read_edl(given, 25).tracks[0].find_clips()] == [(0, 40), (40, 55), (55, 100)]


def test_shots_shorter_than_the_grid_are_left_out_and_named() -> None:
    rate = Rate(Fraction(120), Fraction(60), exact=False)
    document = document_at(rate, (0, 120, 121, 122, 240))
    made = read_otio(material(document))
    clips = list(made.tracks[0].find_clips())
    spans = [frames(c.source_range) for c in clips]
    assert spans[0][0] == 0 and spans[-1][1] == 120
    assert all(a[1] == b[0] for a, b in zip(spans, spans[1:], strict=False)), "no gap, no overlap"
    assert len(clips) == 3
    assert any(r.startswith("shorter than a frame of the grid and left out: shot") for r in made.metadata["reelscope"]["remarks"])


def test_rational_times_of_ntsc_are_those_of_opentimelineio() -> None:
    """Other readers look a rate up among those that have a timecode."""
    for rate in RATES.values():
        assert RationalTime.is_valid_timecode_rate(float(rate.grid))
