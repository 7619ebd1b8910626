"""What is drawn over the picture and said under it: never where nothing was measured, never without a reason where it is missing."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any

import pytest

from reelscope.document.evidence import Evidence
from reelscope.document.insights import measure_insights
from reelscope.document.names import ANALYZER_NAMES
from reelscope.document.report import render_report
from reelscope.document.report.lanes import Tips, lanes
from reelscope.document.report.now import now
from reelscope.document.report.overlay import HIDDEN, LAYERS, overlay
from reelscope.document.report.tables import shots
from reelscope.document.schema import Document, Segment, Series, Summary, Track, TrackPoint
from tests.document.fixtures import empty_document, entry, full_document
from tests.document.report.asking import WITHIN_S, told
from tests.document.report.conftest import PHONE, Opens

if TYPE_CHECKING:
    from playwright.sync_api import Page


def layers_of(document: Document) -> dict[str, Any]:
    return overlay(document, lanes(document, Tips()))


def path(*rows: tuple[float, float]) -> list[TrackPoint]:
    """Boxes of a tenth of the picture at (t, x)."""
    return [TrackPoint(t_s=t, xywh_norm=(x, 0.5, 0.1, 0.1)) for t, x in rows]


def body(t: float, *points: tuple[float, float, float] | None) -> TrackPoint:
    return TrackPoint.model_validate({"t_s": t, "xywh_norm": (0.2, 0.2, 0.4, 0.6), "keypoints": points})


def document_with(width: int = 1080, height: int = 1920, **entries: Any) -> Document:
    """An upright clip of 3 s of which these analyzers found something."""
    document = empty_document()
    document.media.width_px, document.media.height_px = width, height
    document.analyzers |= entries
    document.insights = measure_insights(Evidence.of(document))
    return document


def found_document(**size: int) -> Document:
    """A person seen in two stretches, a face, a body, a look and a text."""
    person = Track.model_validate({"track_id": 4, "start_s": 0, "end_s": 3, "label": "person", "shot": 0})
    person.points = path((0, 0.1), (0.6, 0.2), (2.4, 0.8), (2.8, 0.8))
    face = Track.model_validate({"track_id": 5, "start_s": 0, "end_s": 1, "label": "face", "shot": 0})
    face.points = path((0, 0.4), (0.8, 0.4))
    seen = [Segment.model_validate({"start_s": a, "end_s": b, "track_id": i, "label": w}) for i, w, a, b in SEEN]
    names = ["nose", "left_shoulder", "right_shoulder", "left_elbow"]
    pose = Track(track_id=0, start_s=0, end_s=1, label="person")
    pose.points = [
        body(0.0, (0.5, 0.3, 0.9), (0.4, 0.5, 0.9), (0.6, 0.5, 0.9), (0.3, 0.7, 0.2)),
        body(0.2, (0.5, 0.3, 0.9), None, None, None),
    ]
    eyes = Track(track_id=0, start_s=0, end_s=1, label="face", points=path((0, 0.4), (0.2, 0.4), (0.4, 0.4)))
    look = Segment.model_validate({"start_s": 0, "end_s": 0.3, "kind": "look", "face": 0, "at_camera": True})
    times = [0.0, 0.1, 0.2, 0.3]
    gaze = [
        Series(name="gaze_yaw.0", unit="deg", t_s=times, values=[1.4, None, -20.6, 12.0]),
        Series(name="gaze_pitch.0", unit="deg", t_s=times, values=[2.0, None, None, 3.6]),
    ]
    text = Segment.model_validate({"start_s": 0.5, "end_s": 2, "text": "Hello </script>", "role": "caption", "track_id": 1})
    where = Track(track_id=1, start_s=0.5, end_s=2, label="caption", points=path((0.5, 0.2), (0.7, 0.2), (0.9, 0.2), (1.8, 0.2)))
    return document_with(
        **size,
        object_detection=entry(segments=seen, tracks=[person, face]),
        body_pose=entry(tracks=[pose], summary=Summary.model_validate({"keypoint_names": names, "visibility_limit": 0.5})),
        eye_tracking=entry(segments=[look], tracks=[eyes], series=gaze),
        text_overlay=entry(segments=[text], tracks=[where]),
    )


SEEN = ((4, "person", 0.0, 0.8), (4, "person", 2.4, 3.0), (5, "face", 0.0, 1.0))


def test_boxes_come_with_the_stretches_in_which_their_thing_was_seen() -> None:
    made = layers_of(found_document())
    (person,) = made["objects"]["tracks"]
    assert person["l"] == "Person"
    assert person["s"] == [0, 800, 2400, 3000], "between them nobody was seen"
    assert person["p"][:5] == [0, 100, 500, 100, 100]
    assert 600 < made["objects"]["gap"] < 1800, "points of one stretch are joined, those of two are not"
    (face,) = made["faces"]["tracks"]
    assert face["l"] == "Face"


def test_faces_are_the_eyes_where_no_objects_were_looked_for() -> None:
    document = found_document()
    document.analyzers["object_detection"] = entry("skipped", reason="not asked for")
    made = layers_of(document)
    assert made["objects"] == {"why": "not asked for"}
    assert len(made["faces"]["tracks"]) == 1


def test_a_keypoint_that_was_not_visible_has_no_place() -> None:
    pose = layers_of(found_document())["pose"]
    first, second = pose["tracks"][0]["p"]
    assert first == [0, 500, 300, 400, 500, 600, 500, HIDDEN, HIDDEN], "the elbow is below the limit"
    assert second[1:] == [500, 300, *[HIDDEN] * 6]
    assert pose["bones"] == [[1, 2], [1, 3]], "only bones of which both ends are known to the model"


def test_a_gaze_stands_only_where_it_was_measured() -> None:
    (face,) = layers_of(found_document())["gaze"]["tracks"]
    assert face["g"] == [0, 1, 2, 200, -21, None, 300, 12, 4]
    assert face["look"] == [0, 300]


def test_a_run_in_one_place_keeps_only_its_ends() -> None:
    (text,) = layers_of(found_document())["text"]["tracks"]
    assert text["p"][::5] == [500, 1800]
    assert text["l"] == "Caption"


@pytest.mark.parametrize(("size", "has"), [((1080, 1920), True), ((720, 1280), True), ((1920, 1080), False), ((1080, 1080), False)])
def test_safe_zones_are_for_upright_clips(size: tuple[int, int], has: bool) -> None:
    zones = layers_of(found_document(width=size[0], height=size[1]))["zones"]
    assert (zones["why"] is None) is has
    if has:
        assert [p["n"] for p in zones["profiles"]] == ["tiktok", "reels", "shorts"]
        assert zones["profiles"][1]["p"][0] == [60, 140], "65 of 1080, 269 of 1920"


@pytest.mark.parametrize("status", ["not_applicable", "unavailable", "skipped", "failed", "timeout"])
def test_what_did_not_run_gives_its_reason(status: str) -> None:
    document = found_document()
    document.analyzers |= {name: entry(status, reason=f"{status} it is") for name in ANALYZER_NAMES}
    document.insights = measure_insights(Evidence.of(document))
    made = layers_of(document)
    assert {made[name]["why"] for name, _ in LAYERS if name != "zones"} == {f"{status} it is"}
    assert made["zones"]["why"]
    said = now(document, shots(document, {}))
    assert {said[row]["why"] for row in ("text", "said", "sound", "seen")} == {f"{status} it is"}
    assert said["flow"] == []
    assert render_report(document, keyframes={})


def test_what_was_looked_for_and_not_found_is_said() -> None:
    document = document_with(**{name: entry() for name in ANALYZER_NAMES})
    assert {name: layer["why"] for name, layer in layers_of(document).items() if name != "zones"} == {
        "objects": "no object or person was found",
        "faces": "no face was found",
        "pose": "no body was found",
        "text": "no text was found",
        "gaze": "no gaze could be measured",
    }


def test_words_have_their_times_and_speakers_their_names() -> None:
    words = [{"start_s": 0.1, "end_s": 0.4, "text": "Hi"}, {"start_s": 0.5, "end_s": 0.9, "text": "there."}]
    told = [
        Segment.model_validate({"start_s": 0.1, "end_s": 0.9, "text": "Hi there.", "words": words, "speaker": 1}),
        Segment.model_validate({"start_s": 1.0, "end_s": 1.4, "text": "Yes", "words": [], "speaker": 0, "speaker_name": "Ana"}),
    ]
    document = document_with(speech_transcription=entry(segments=told), speech_flow=entry(segments=[]))
    said = now(document, shots(document, {}))["said"]
    assert said == {
        "why": None,
        "of": [[100, 900, "Speaker 2", [[100, 400, "Hi"], [500, 900, "there."]]], [1000, 1400, "Ana", [[1000, 1400, "Yes"]]]],
    }


def test_without_words_only_that_somebody_speaks_is_told() -> None:
    speech = [Segment.model_validate({"start_s": 0.5, "end_s": 1, "kind": k}) for k in ("speech", "pause")]
    document = document_with(speech_flow=entry(segments=speech), speech_transcription=entry("unavailable", reason="no model"))
    said = now(document, shots(document, {}))
    assert said["said"] == {"why": "no model", "of": []}
    assert said["flow"] == [[500, 1000, "Speech"]]


def test_a_minute_of_people_is_small() -> None:
    """Four bodies of 29 points, five times a second."""
    points = [body(n / 5, *[(0.1 + k / 40, 0.123 + n / 999, 0.9) for k in range(29)]) for n in range(300)]
    tracks = [Track(track_id=i, start_s=0, end_s=60, label="person", points=points) for i in range(4)]
    summary = Summary.model_validate({"keypoint_names": [f"k{n}" for n in range(29)], "visibility_limit": 0.5})
    made = layers_of(document_with(body_pose=entry(tracks=tracks, summary=summary)))
    assert len(json.dumps(made, separators=(",", ":"))) < 400_000


# ---- drawn ----------------------------------------------------------------------------------------------------------------------------

PIXELS = """() => {
  const over = document.querySelector("#over"), copy = new OffscreenCanvas(over.width, over.height);
  const pen = copy.getContext("2d", { willReadFrequently: true });
  pen.drawImage(over, 0, 0);
  return pen;
}"""
DRAWN = f"""([x, y]) => {{
  const pen = ({PIXELS})(), r = 3 * devicePixelRatio;
  const found = pen.getImageData(x * pen.canvas.width - r, y * pen.canvas.height - r, 2 * r, 2 * r).data;
  return found.some((v, i) => i % 4 === 3 && v > 0);
}}"""
"""Whether something is drawn at a place of the picture."""
ANY = f"() => {{ const pen = ({PIXELS})(); return pen.getImageData(0, 0, pen.canvas.width, pen.canvas.height).data.some(v => v > 0); }}"


def comes_to(page: Page, expression: str, argument: Any = None, *, wanted: Any = True) -> bool:
    until = time.monotonic() + WITHIN_S
    while page.evaluate(expression, argument) != wanted:
        if time.monotonic() > until:
            return False
        page.wait_for_timeout(15)
    return True


def seek(page: Page, t: float) -> None:
    page.evaluate("t => { location.hash = `t=${t}`; }", t)


def test_a_box_is_drawn_where_it_was_seen_and_nowhere_else(opens: Opens) -> None:
    page = opens(render_report(found_document(), keyframes={}), device_scale_factor=2)
    assert not page.evaluate(ANY)
    page.keyboard.press("1")
    edge = [0.1, 0.55]  # the left side of the first box
    assert comes_to(page, DRAWN, edge)
    assert page.evaluate("document.querySelector('#over').width === 2 * document.querySelector('#screen').clientWidth")
    seek(page, 0.3)
    assert comes_to(page, DRAWN, [0.15, 0.55]), "half of the way at half of the time"
    assert not page.evaluate(DRAWN, edge)
    seek(page, 1.5)
    assert comes_to(page, ANY, wanted=False), "nobody was seen"
    seek(page, 2.9)
    assert comes_to(page, DRAWN, [0.8, 0.55])
    page.keyboard.press("1")
    assert comes_to(page, ANY, wanted=False)


@pytest.mark.parametrize(
    ("key", "t", "where"), [("2", 0.1, [0.4, 0.55]), ("3", 0.0, [0.5, 0.5]), ("4", 1.0, [0.2, 0.55]), ("5", 0.1, [0.45, 0.534])]
)
def test_every_layer_is_drawn(opens: Opens, key: str, t: float, where: list[float]) -> None:
    page = opens(render_report(found_document(), keyframes={}))
    seek(page, t)
    page.keyboard.press(key)
    assert comes_to(page, DRAWN, where)
    pressed = page.locator("[data-layer][aria-pressed=true]")
    assert pressed.count() == 1


def test_the_key_of_safe_zones_goes_through_the_apps(opens: Opens) -> None:
    page = opens(render_report(found_document(), keyframes={}))
    low = [0.5, 0.8]  # under the buttons of all three
    shown = "() => document.querySelector('[data-app][aria-pressed=true]')?.dataset.app"
    for app in ("tiktok", "reels", "shorts"):
        page.keyboard.press("6")
        assert page.evaluate(shown) == app
        assert comes_to(page, DRAWN, low)
    page.keyboard.press("6")
    assert comes_to(page, ANY, wanted=False)
    page.locator("[data-layer=zones]").click()
    page.locator("[data-app=reels]").click()
    assert page.evaluate(shown) == "reels"


def test_what_is_chosen_is_remembered(opens: Opens) -> None:
    page = opens(render_report(found_document(), keyframes={}))
    page.keyboard.press("2")
    page.keyboard.press("6")
    page.keyboard.press("6")
    page.reload()
    assert page.locator("[data-layer][aria-pressed=true]").all_inner_texts() == ["Faces", "Safe zones"]
    assert page.locator("[data-app][aria-pressed=true]").inner_text() == "Reels"


def test_a_layer_that_is_missing_says_why(opens: Opens) -> None:
    document = found_document()
    document.analyzers["body_pose"] = entry("failed", reason="the model </b> does not load")
    page = opens(render_report(document, keyframes={}), size=PHONE)
    chip = page.locator("[data-layer=pose]")
    assert chip.get_attribute("aria-disabled") == "true"
    assert chip.get_attribute("title") == "Pose: the model </b> does not load"
    chip.click(force=True)
    assert told(page, "Pose: the model </b> does not load")
    assert chip.get_attribute("aria-pressed") == "false"


def test_the_panel_says_what_holds_now(opens: Opens) -> None:
    words = [{"start_s": 0.1, "end_s": 0.4, "text": "Hi"}, {"start_s": 0.5, "end_s": 0.9, "text": "<i>there"}]
    told = Segment.model_validate({"start_s": 0.1, "end_s": 0.9, "text": "Hi there", "words": words, "speaker": 0})
    heard = [Segment.model_validate({"start_s": a, "end_s": b, "label": w}) for a, b, w in ((0, 3, "music"), (0.1, 0.9, "speech"))]
    document = found_document()
    document.analyzers |= {"speech_transcription": entry(segments=[told]), "audio_environment": entry(segments=heard)}
    page = opens(render_report(document, keyframes={}))
    row = "name => document.querySelector(`[data-now=${name}] dd`).textContent.trim()"
    seek(page, 0.6)
    assert comes_to(page, "document.querySelector('#now mark')?.textContent", wanted="<i>there")
    assert page.evaluate(row, "said") == "Speaker 1 Hi <i>there"
    assert page.evaluate(row, "shot").startswith("1 of 1")
    assert page.evaluate(row, "text") == "Hello </script>"
    assert page.evaluate(row, "sound") == "Music, Speech"
    assert page.evaluate(row, "seen") == "Person, Face"
    seek(page, 2.2)
    assert comes_to(page, row, "said", wanted="\N{EN DASH}")
    assert page.evaluate(row, "text") == "\N{EN DASH}"
    assert page.evaluate(row, "seen") == "\N{EN DASH}"
    seek(page, 0.45)
    assert comes_to(page, row, "said", wanted="Speaker 1 Hi <i>there")
    assert page.locator("#now mark").count() == 0, "between two words none is said"


def test_rows_without_a_measurement_keep_a_dash_with_its_reason(opens: Opens) -> None:
    page = opens(render_report(full_document(), keyframes={}))
    assert page.locator("[data-now=sound]").get_attribute("title") == "Sound: yamnet.onnx does not match its sha256"
    assert "not measured" in str(page.locator("[data-now=sound] dd").text_content())
