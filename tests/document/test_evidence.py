"""What a document says in plain tuples: the same from results, documents and JSON; a lack where nothing was measured."""

from __future__ import annotations

import json

import pytest

from reelscope.document.evidence import Channel, Evidence, Lack
from reelscope.document.names import ANALYZER_NAMES
from reelscope.document.schema import Document, MediaInfo
from tests.document.fixtures import empty_document, entry, full_document, seg

CHANNELS = (
    "cuts",
    "shots",
    "texts",
    "overlays",
    "said",
    "words",
    "phrases",
    "voice",
    "sounds",
    "faces",
    "face_time",
    "looks",
    "beats",
    "onsets",
    "silence",
    "told",
)


def media(**fields: object) -> MediaInfo:
    return MediaInfo.model_validate(
        {"container": "mp4", "duration_s": 10.0, "size_bytes": 1, "width_px": 1080, "height_px": 1920, **fields}
    )


def of(**entries: object) -> Evidence:
    return Evidence(media(), entries)  # type: ignore[arg-type]


@pytest.mark.parametrize("make", [full_document, empty_document])
@pytest.mark.parametrize("name", CHANNELS)
def test_a_document_and_its_json_say_the_same(name: str, make: object) -> None:
    document: Document = make()  # type: ignore[operator]
    raw = json.loads(document.model_dump_json())
    assert getattr(Evidence.of(document), name) == getattr(Evidence.of(raw), name)


@pytest.mark.parametrize("name", CHANNELS)
def test_nothing_measured_is_a_lack_everywhere(name: str) -> None:
    channel: Channel = getattr(of(), name)
    assert channel.items == () and channel.lack is not None and channel.lack.reason


def test_a_lack_keeps_reason_code_and_hint() -> None:
    document = empty_document()
    document.analyzers["text_overlay"] = entry("unavailable", code="no_backend", reason="no model", hint="reelscope models pull x")
    assert Evidence.of(document).texts.lack == Lack("text_overlay: no model", "no_backend", "reelscope models pull x")


def test_measured_and_empty_is_no_lack() -> None:
    found = of(text_overlay=entry(), speech_flow=entry())
    assert found.texts.known and found.texts.items == () and found.voice.known


def test_an_unknown_analyzer_is_a_mistake() -> None:
    with pytest.raises(KeyError):
        of().lack("speech")
    assert set(ANALYZER_NAMES) == {n for n in ANALYZER_NAMES if of().lack(n) is not None}


def test_shots_tile_the_clip_and_gradual_ones_are_divided_in_the_middle() -> None:
    found = of(cut_analysis=entry(segments=[seg(7.0, 8.0, kind="dissolve"), seg(3.0, 3.0, kind="cut", jump_cut=True)]))
    assert [(s.start_s, s.end_s, s.entered_by, s.jump_cut) for s in found.shots.items] == [
        (0.0, 3.0, None, None),
        (3.0, 7.5, "cut", True),
        (7.5, 10.0, "dissolve", None),
    ]


def test_a_fade_that_opens_or_closes_the_clip_divides_nothing() -> None:
    def fade(start: float, way: str) -> object:
        return seg(start, start + 1.0, kind="fade", variant=f"{way} black")

    def shots(*fades: object) -> list[tuple[float, float]]:
        found = of(cut_analysis=entry(segments=list(fades), summary={})).shots.items
        return [(s.start_s, s.end_s) for s in found]

    assert shots(fade(0.2, "from"), fade(8.5, "to")) == [(0.0, 10.0)]
    assert shots(fade(0.2, "to"), fade(8.5, "from")) == [(0.0, 0.7), (0.7, 9.0), (9.0, 10.0)], "these have a shot on both sides"


def test_shots_of_a_real_document_are_those_of_its_spine() -> None:
    document = full_document()
    found = Evidence.of(document).shots.items
    assert [s.start_s for s in found] == pytest.approx([s.start_s for s in document.shots], abs=1e-5)
    assert found[-1].end_s == document.shots[-1].end_s


def test_a_text_stands_where_its_path_says_and_roles_part_what_was_laid_over() -> None:
    track = {
        "track_id": 4,
        "start_s": 1.0,
        "end_s": 2.0,
        "label": "caption",
        "points": [{"t_s": 1.0, "xywh_norm": [0.1, 0.1, 0.2, 0.1]}, {"t_s": 1.4, "xywh_norm": [0.3, 0.1, 0.2, 0.1]}],
    }
    found = of(
        text_overlay=entry(
            segments=[
                seg(1.0, 2.0, text="a", role="caption", track_id=4, xywh_norm=[0.2, 0.1, 0.2, 0.1]),
                seg(0.0, 9.0, text="@b", role="watermark", track_id=7, xywh_norm=[0.8, 0.9, 0.1, 0.05]),
            ],
            tracks=[track],
        )
    )
    caption, mark = found.texts.items
    assert [(b.start_s, b.end_s, b.xywh_norm[0]) for b in caption.boxes] == [(1.0, 1.4, 0.1), (1.4, 2.0, 0.3)]
    assert [(b.start_s, b.end_s) for b in mark.boxes] == [(0.0, 9.0)], "without a path the segment's own box"
    assert found.overlays.items == (caption,)


def test_lines_that_could_not_be_read_are_no_empty_screen() -> None:
    unread = of(text_overlay=entry(summary={"unreadable_lines": 3}))
    lack = unread.overlays.lack
    assert lack == unread.texts.lack and lack is not None and "3 lines stand on the screen and could not be read" in lack.reason
    mark = seg(0.0, 9.0, text="@b", role="watermark", xywh_norm=[0.8, 0.9, 0.1, 0.05])
    some = of(text_overlay=entry(segments=[mark], summary={"unreadable_lines": 1}))
    assert some.texts.known and not some.overlays.known, "the line may have been a caption"
    assert of(text_overlay=entry(summary={"unreadable_lines": 0})).overlays.known


def test_words_are_in_order_and_know_their_speaker() -> None:
    words = [{"start_s": 4.0, "end_s": 4.2, "text": "two", "confidence": 0.5}]
    early = [{"start_s": 1.0, "end_s": 1.2, "text": "one", "confidence": None}]
    found = of(
        speech_transcription=entry(segments=[seg(4.0, 4.2, text="two", words=words, speaker=1), seg(1.0, 1.2, text="one", words=early)])
    )
    assert [(w.text, w.speaker) for w in found.words.items] == [("one", None), ("two", 1)]


def test_faces_come_from_eye_tracking_else_from_a_detector_that_knows_faces() -> None:
    face = {"track_id": 1, "start_s": 0.0, "end_s": 2.0, "label": "face", "points": [{"t_s": 0.0, "xywh_norm": [0, 0, 1, 1]}]}
    dog = {**face, "track_id": 2, "label": "dog"}
    knows = entry(tracks=[face, dog], summary={"vocabulary": ["face", "dog"]})
    assert [f.track_id for f in of(object_detection=knows).faces.items] == [1]
    unknowing = of(object_detection=entry(tracks=[dog], summary={"vocabulary": ["dog"]}))
    assert not unknowing.faces.known, "a detector without faces says nothing of faces"
    assert of(object_detection=knows, eye_tracking=entry()).faces.items == ()


def test_a_series_that_is_not_there_is_a_lack() -> None:
    found = of(audio_analysis=entry(series=[{"name": "momentary_lufs", "unit": "LUFS", "t_s": [0.2], "values": [None]}]))
    assert found.series("audio_analysis", "momentary_lufs").items == ((0.2, None),)
    assert found.series("audio_analysis", "nonsense").lack == Lack("audio_analysis has no series nonsense", "not_measured")
    assert found.beats.known and found.beats.items == (), "no pulse is a result"
