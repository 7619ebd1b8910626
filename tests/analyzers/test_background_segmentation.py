"""background_segmentation: masks with a stub model, edges of known blur, places by tables, the class on synthetic windows, a real clip."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from reelscope.analyzers.background_segmentation import ANALYZER, BackgroundResult, _names_checked
from reelscope.analyzers.background_segmentation import _subject as subject
from reelscope.analyzers.background_segmentation._blur import EdgeBlur, measure_edges
from reelscope.analyzers.background_segmentation._classes import DeepLab, prepare, shares_of
from reelscope.analyzers.background_segmentation._gate import NO_MASK, NOBODY, SEEN_ELSEWHERE
from reelscope.analyzers.background_segmentation._places import DEEPLAB_NAMES
from reelscope.analyzers.background_segmentation._shots import Reading, Sample, known_at, read_sample, tracks_of
from reelscope.analyzers.base import Clip, Inputs, LoadContext, NoOptions
from reelscope.config import Settings
from reelscope.document.schema import AnalyzerResult, Segment
from reelscope.features.faces import Faces, FacesWindow, FaceTrack
from reelscope.features.people import People, PeopleWindow, PersonSeen, PersonTrack
from reelscope.features.shots import Shots
from reelscope.media.frames import SAMPLED_LARGE, Frames, Window
from reelscope.models.catalog import Catalog
from reelscope.models.sources import ModelSource, register
from reelscope.pipeline import Session
from tests.clips import picture_facts

SIDE = 256


def bright(given: list[Any]) -> list[Any]:
    """A model for which whatever is bright is a person."""
    return [given[0].mean(3, keepdims=True)]


def picture(*boxes: tuple[int, int, int, int], height: int = 200, width: int = 400) -> np.ndarray:
    """Black with white boxes (x, y, w, h) in px."""
    out = np.zeros((height, width, 3), np.uint8)
    for x, y, w, h in boxes:
        out[y : y + h, x : x + w] = 255
    return out


def person(x: float, y: float, w: float, h: float, live_id: int = 0) -> subject.Seen:
    return subject.Seen("person", live_id, (x, y, w, h))


# --- the subject


def test_without_people_nothing_is_looked_at() -> None:
    assert subject.clusters_of([]) == []
    assert subject.clusters_of([person(0.5, 0.5, 0.0, 0.2)]) == []


def test_people_side_by_side_share_a_crop_and_others_do_not() -> None:
    near = subject.clusters_of([person(0.1, 0.1, 0.2, 0.6, 0), person(0.2, 0.1, 0.2, 0.6, 1)])
    assert len(near) == 1 and {s.live_id for s in near[0][1]} == {0, 1}
    x, y, w, h = near[0][0]
    assert (x, y) == pytest.approx((0.07, 0.01)) and (x + w, y + h) == pytest.approx((0.43, 0.79))
    assert len(subject.clusters_of([person(0.0, 0.1, 0.2, 0.6, 0), person(0.7, 0.1, 0.2, 0.6, 1)])) == 2


def test_a_crowd_takes_no_more_crops_than_allowed_and_loses_nobody() -> None:
    crowd = [person(0.02 + 0.24 * i, 0.1 + 0.2 * (i % 2), 0.1, 0.2, i) for i in range(4)] + [person(0.5, 0.8, 0.1, 0.15, 9)]
    parts = subject.clusters_of(crowd)
    assert len(parts) == subject.MOST_CROPS
    assert sorted(s.live_id for _, who in parts for s in who) == [0, 1, 2, 3, 9]


def test_boxes_stay_in_the_picture() -> None:
    assert subject.body_of_face((0.4, 0.1, 0.2, 0.2)) == pytest.approx((0.0, 0.0, 1.0, 1.0))
    ((x, y, w, h), _) = subject.clusters_of([person(0.9, 0.9, 0.2, 0.2)])[0]
    assert x >= 0 and y >= 0 and x + w <= 1 + 1e-9 and y + h <= 1 + 1e-9


def test_the_mask_lies_where_the_subject_is() -> None:
    rgb = picture((100, 50, 80, 120))
    who = (person(100 / 400, 50 / 200, 80 / 400, 120 / 200),)
    ((part, _),) = subject.clusters_of(who)
    found = subject.probability(bright, rgb, part, who)
    mask = subject.mask_of(found, part, 200, 400)
    truth = rgb[..., 0] > 0
    assert (mask & truth).sum() / (mask | truth).sum() > 0.97
    grid = subject.grid_shape(200, 400)
    assert grid == (64, 128)
    cells = subject.unpack(subject.pack(found, part, grid), grid)
    assert cells.mean() == pytest.approx(truth.mean(), abs=0.01)


def test_a_second_thing_in_the_crop_is_left_out() -> None:
    """A patch outside of the person's box; one that reaches into it stays."""
    rgb = picture((100, 50, 80, 120), (184, 40, 6, 20))
    who = (person(100 / 400, 50 / 200, 80 / 400, 120 / 200),)
    ((part, _),) = subject.clusters_of(who)
    mask = subject.mask_of(subject.probability(bright, rgb, part, who), part, 200, 400)
    assert mask[100, 140] and not mask[50, 187]
    wider = (person(100 / 400, 40 / 200, 92 / 400, 130 / 200),)
    mask = subject.mask_of(subject.probability(bright, rgb, part, wider), part, 200, 400)
    assert mask[100, 140] and mask[50, 187]


@pytest.mark.parametrize("shape", [(1, 1), (3, 500), (500, 3)])
def test_tiny_pictures(shape: tuple[int, int]) -> None:
    rgb = np.full((*shape, 3), 255, np.uint8)
    who = (person(0.2, 0.2, 0.5, 0.5),)
    ((part, _),) = subject.clusters_of(who)
    found = subject.probability(bright, rgb, part, who)
    assert subject.mask_of(found, part, *shape).shape == shape
    grid = subject.grid_shape(*shape)
    assert subject.unpack(subject.pack(found, part, grid), grid).shape == grid
    measure_edges(rgb, grid)


# --- blur


def step(sigma: float, contrast: float = 80.0, noise: float = 0.0) -> np.ndarray:
    """Upright bars whose edges are softened by `sigma` px."""
    x = np.arange(640)
    luma = np.tile(80 + contrast * ((x // 80) % 2), (360, 1)).astype(np.float32)
    if sigma:
        luma = cv2.GaussianBlur(luma, (0, 0), sigma)
    luma += np.random.default_rng(0).normal(0, noise, luma.shape).astype(np.float32)
    return np.repeat(np.clip(np.rint(luma), 0, 255).astype(np.uint8)[..., None], 3, 2)


@pytest.mark.parametrize("sigma", [1.0, 2.0, 3.0, 5.0])
@pytest.mark.parametrize("contrast", [30.0, 120.0])
def test_blur_of_an_edge_is_measured_whatever_its_contrast(sigma: float, contrast: float) -> None:
    found = measure_edges(step(sigma, contrast, noise=1.0), (72, 128))
    assert np.median(found.sigma.astype(float)) * 360 / 1000 == pytest.approx(sigma, rel=0.2)


def test_sharp_edges_and_no_edges() -> None:
    assert np.median(measure_edges(step(0.0), (72, 128)).sigma) * 0.36 == pytest.approx(0.5, abs=0.01)  # the least that is told
    flat = measure_edges(np.full((360, 640, 3), 90, np.uint8), (72, 128))
    assert len(flat.sigma) == 0 and not subject.unpack(flat.cells, (72, 128)).any()
    noisy = measure_edges(step(0.0, contrast=0.0, noise=4.0), (72, 128))
    assert len(noisy.sigma) < 40  # noise alone is no edge


# --- samples


def boxes_bits(rows: slice, columns: slice, grid: tuple[int, int]) -> bytes:
    mask = np.zeros(grid, bool)
    mask[rows, columns] = True
    return np.packbits(mask).tobytes()


GRID = (64, 128)
ALICE, BOB = frozenset({("face", 1), ("person", 4)}), frozenset({("person", 7)})


def sample(**changes: Any) -> Sample:
    masks = ((ALICE, boxes_bits(slice(16, 48), slice(32, 64), GRID)), (BOB, boxes_bits(slice(0, 8), slice(96, 128), GRID)))
    return Sample(**{"t_s": 1.0, "grid": GRID, "who": ALICE | BOB, "masks": masks} | changes)


def test_only_masks_of_people_who_were_really_there_count() -> None:
    reading = read_sample(sample(), {("face", 1)})
    assert (reading.share, reading.person) == (32 * 32 / (64 * 128), True)
    assert reading.box == pytest.approx((0.25, 0.25, 0.25, 0.5)) and reading.centre == pytest.approx((0.375, 0.5))
    both = read_sample(sample(), {("face", 1), ("person", 7)})
    assert both.share == pytest.approx((32 * 32 + 8 * 32) / (64 * 128)) and both.box == pytest.approx((0.25, 0, 0.75, 0.75))


def test_nobody_is_0_and_somebody_without_a_mask_is_null() -> None:
    nobody = read_sample(sample(), set())
    assert (nobody.share, nobody.person, nobody.box) == (0.0, False, None)
    unmasked = read_sample(sample(), {("person", 99)})
    assert (unmasked.share, unmasked.person, unmasked.box) == (None, True, None)


def test_blur_of_both_sides_without_the_outline() -> None:
    inside = np.array([[r, c] for r in range(20, 44, 3) for c in range(38, 58, 3)])
    outside = np.array([[r, c] for r in range(0, 64, 6) for c in range(72, 128, 8)])
    outline = np.array([[16, c] for c in range(32, 64)] * 4)
    places = np.concatenate([inside, outside, outline]).astype(np.uint8)
    sigma = np.concatenate([np.full(len(inside), 2.0), np.full(len(outside), 6.0), np.full(len(outline), 99.0)]).astype(np.float16)
    edges = EdgeBlur(places[:, 0], places[:, 1], sigma, np.packbits(np.ones(GRID, bool)).tobytes())
    reading = read_sample(sample(edges=edges), {("face", 1)})
    assert (reading.subject_blur, reading.background_blur, reading.edge_density) == (2.0, 6.0, 1.0)
    few = EdgeBlur(places[:10, 0], places[:10, 1], sigma[:10], np.packbits(np.zeros(GRID, bool)).tobytes())
    reading = read_sample(sample(edges=few), {("face", 1)})
    assert (reading.subject_blur, reading.background_blur, reading.edge_density) == (None, None, 0.0)


def face_track(live_id: int, start_s: float, end_s: float, sightings: int = 2) -> FaceTrack:
    n = sightings
    return FaceTrack(0, live_id, start_s, end_s, 0, np.zeros(n), np.zeros((n, 4)), np.zeros(n), np.zeros((n, 3)))


def person_track(live_id: int, start_s: float, end_s: float) -> PersonTrack:
    return PersonTrack(0, live_id, start_s, end_s, 0, np.zeros(2), np.zeros((2, 4)), np.zeros(2), np.zeros((2, 33, 4)))


def test_who_is_known_at_a_time() -> None:
    faces, people = (
        Faces((face_track(1, 0.0, 2.0), face_track(2, 0.0, 3.0, sightings=1)), ()),
        People((person_track(4, 1.0, 3.0), person_track(5, 5.0, 6.0)), ()),
    )
    assert known_at(0.5, faces, people) == {("face", 1)}
    assert known_at(1.5, faces, people) == {("face", 1), ("person", 4)}
    assert known_at(4.0, faces, people) == frozenset()


def test_a_subject_that_was_away_begins_a_new_track() -> None:
    box = (0.1, 0.1, 0.2, 0.2)
    readings = [Reading(t, True, 0.1, box) for t in (0.0, 0.4, 0.8, 1.6, 4.0)]
    assert [[r.t_s for r in part] for part in tracks_of(readings, 1.0)] == [[0.0, 0.4, 0.8, 1.6], [4.0]]


# --- classes


class FakeDeepLab:
    """Answers with the brightness of each place, in classes."""

    def run(self, given: Sequence[np.ndarray]) -> list[np.ndarray]:
        self.given = given[0]
        return [(given[0][..., 0] // 8).astype(np.int32)]


def test_deeplab_sees_the_picture_with_its_aspect_beside_grey() -> None:
    session = FakeDeepLab()
    rgb = np.zeros((640, 360, 3), np.uint8)
    rgb[:320] = 13 * 8
    (numbers,) = DeepLab(lambda: session).maps([rgb])
    assert session.given.shape == (1, 512, 512, 3) and session.given.dtype == np.uint8
    assert (session.given[0, :, 288:] == 128).all() and session.given[0, 10, 10, 0] == 104
    assert numbers.shape == (512, 288)
    shares = shares_of(numbers, DEEPLAB_NAMES)
    assert shares["person"] == pytest.approx(0.5, abs=0.01) and sum(shares.values()) == pytest.approx(1)


def test_preparation_for_the_transformers() -> None:
    rgb = np.zeros((1024, 600, 3), np.uint8)
    rgb[..., 0] = 255
    given, (height, width) = prepare([rgb, rgb])
    assert (height, width) == (874, 512) and given.shape == (2, 3, 896, 512) and given.dtype == np.float32
    np.testing.assert_allclose(given[0, :, 5, 5], [(1 - 0.485) / 0.229, -0.456 / 0.224, -0.406 / 0.225], rtol=1e-5)
    assert (given[:, :, 874:] == 0).all()
    wide, size = prepare([np.zeros((100, 1000, 3), np.uint8)])
    assert size == (102, 1024) and wide.shape == (1, 3, 128, 1024)


# --- the class


def windows(people_at: Sequence[bool], step_s: float = 0.2) -> Window:
    """One window of 5 frames a second: a textured picture with a bright person in its middle."""
    n = len(people_at)
    rng = np.random.default_rng(0)
    base = (rng.integers(0, 2, (20, 40, 1)) * 90).astype(np.uint8).repeat(27, 0).repeat(24, 1).repeat(3, 2)
    base[135:405, 360:600] = (rng.integers(0, 2, (27, 24, 1)) * 80 + 170).astype(np.uint8).repeat(10, 0).repeat(10, 1)
    pixels = np.ascontiguousarray(np.stack([base] * n))
    pixels.flags.writeable = False
    times = np.arange(n) * step_s
    key = np.zeros((33, 4), np.float32)
    seen = tuple((PersonSeen(3, (0.375, 0.25, 0.25, 0.5), 0.9, key),) if there else () for there in people_at)
    features = {"people": PeopleWindow(tuple(times), seen), "faces": FacesWindow(tuple(times), tuple(() for _ in people_at))}
    by_spec = {SAMPLED_LARGE.resolve(960, 540): Frames(pixels, times, np.arange(n))}
    return Window(0, 0.0, n * step_s, True, by_spec, (960, 540), features)


@pytest.fixture
def fake_selfie(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The mask model replaced by brightness; the list counts its calls."""
    calls: list[int] = []
    original = subject.probability

    def stub(run: Any, rgb: np.ndarray, part: Any, who: Any) -> np.ndarray:
        calls.append(1)
        return original(lambda given: [(given[0].mean(3, keepdims=True) > 0.6).astype(np.float32)], rgb, part, who)

    monkeypatch.setattr(subject, "probability", stub)
    return calls


def analyse(
    window: Window, tracks: People, shots: Shots, backend: str = "selfie", objects: AnalyzerResult | None = None
) -> BackgroundResult:
    analyzer = ANALYZER()
    analyzer.load(LoadContext(device="cpu", options=NoOptions(), frames=(SAMPLED_LARGE,), backend=backend))
    clip = Clip("made", picture_facts(window.end_s, 960, 540), "")
    analyzer.begin(clip)
    analyzer.feed(window)
    results = {} if objects is None else {"object_detection": objects}
    result = analyzer.finish(Inputs(clip, features={"shots": shots, "faces": Faces((), ()), "people": tracks}, results=results))
    analyzer.close()
    return result


def test_shots_with_and_without_a_subject(fake_selfie: list[int]) -> None:
    there = [True] * 10 + [False] * 10
    shots = Shots((), ((0.0, 2.0), (2.0, 4.0)))
    result = analyse(windows(there), People((person_track(3, 0.0, 2.0),), ()), shots)
    first, second = result.segments
    assert len(fake_selfie) == 5  # every second frame with somebody in it, and no frame without
    assert first.subject_share == pytest.approx(0.125, abs=0.01) and first.background_share == pytest.approx(0.875, abs=0.01)
    assert first.subject_xywh_norm == pytest.approx((0.375, 0.25, 0.25, 0.5), abs=0.02)
    assert first.subject_centre == pytest.approx((0.5, 0.5), abs=0.01)
    assert first.person_present_share == 1 and first.subject_reason is None and first.samples == 5
    assert first.background_blur == pytest.approx(1, abs=0.3) and first.blur_reason is None  # both are drawn sharp
    assert (second.subject_share, second.person_present_share, second.subject_xywh_norm) == (0, 0, None)
    assert second.subject_reason == "no person was found" and second.background_blur is None
    assert second.setting is None and second.setting_reason and second.classes is None
    assert [(t.label, t.shot, len(t.points)) for t in result.tracks] == [("subject", 0, 5)]
    assert (result.tracks[0].start_s, result.tracks[0].end_s) == pytest.approx((0.0, 1.8))  # half a step after 1.6
    assert second.texture_reason or second.texture
    assert result.warnings == []
    share = next(s for s in result.series if s.name == "subject_share")
    assert share.values[-1] == 0 and len(share.t_s) == 10
    assert result.summary.person_present_share == 0.5 and result.summary.setting_share == {}


def test_a_person_that_the_gate_dropped_leaves_no_subject(fake_selfie: list[int]) -> None:
    result = analyse(windows([True] * 10), People((), ()), Shots((), ((0.0, 2.0),)))
    assert fake_selfie and result.segments[0].subject_share == 0 and result.tracks == []


def test_a_person_that_the_model_does_not_mark_is_null(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(subject, "probability", lambda *args: np.zeros((SIDE, SIDE), np.float32))
    result = analyse(windows([True] * 10), People((person_track(3, 0.0, 2.0),), ()), Shots((), ((0.0, 2.0),)))
    segment = result.segments[0]
    assert segment.subject_share is None and segment.subject_reason == NO_MASK
    assert segment.background_blur is None and segment.blur_reason == segment.texture_reason == NO_MASK
    assert {s.name: s.values for s in result.series} == {"subject_share": [None] * 5}


def test_a_track_ends_with_its_shot_at_the_latest_and_has_a_length(fake_selfie: list[int]) -> None:
    result = analyse(windows([True] * 10), People((person_track(3, 0.0, 2.0),), ()), Shots((), ((0.0, 0.1), (0.1, 0.9), (0.9, 2.0))))
    assert [(t.shot, len(t.points), t.start_s, t.end_s) for t in result.tracks] == [
        (0, 1, 0.0, pytest.approx(0.1)),
        (1, 2, pytest.approx(0.4), pytest.approx(0.9)),
        (2, 2, pytest.approx(1.2), pytest.approx(1.8)),
    ]


def test_a_person_whom_only_object_detection_saw_leaves_no_0(fake_selfie: list[int]) -> None:
    row: Any = {"start_s": 0.0, "end_s": 1.2, "label": "person", "sightings": 6}
    shots = Shots((), ((0.0, 2.0), (2.0, 4.0)))
    result = analyse(windows([False] * 20), People((), ()), shots, objects=AnalyzerResult(segments=[Segment(**row)]))
    first, second = result.segments
    assert (first.subject_share, first.background_share, first.subject_max_share, first.background_edge_blur) == (None,) * 4
    assert first.subject_reason == first.blur_reason == first.texture_reason == SEEN_ELSEWHERE
    assert first.person_present_share == pytest.approx(0.6) and result.tracks == []
    assert (second.subject_share, second.person_present_share, second.subject_reason) == (0, 0, NOBODY)
    assert (result.summary.subject_share, result.summary.subject_reason) == (None, SEEN_ELSEWHERE)
    assert result.series[0].values == [None] * 5 + [0] * 5
    alone = analyse(windows([False] * 20), People((), ()), shots)
    assert (alone.segments[0].subject_share, alone.segments[0].subject_reason) == (0, NOBODY)


def test_a_shot_between_two_samples_says_so(fake_selfie: list[int]) -> None:
    shots = Shots((), ((0.0, 0.05), (0.05, 0.15), (0.15, 2.0)))
    result = analyse(windows([False] * 10), People((), ()), shots)
    assert result.segments[1].subject_reason == "no frame was sampled" and result.segments[1].subject_share is None
    assert result.coverage == pytest.approx(0.95)


def test_classes_of_the_background(fake_selfie: list[int], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A quarter person, the rest ceiling and wall: shares are of the rest."""
    numbers = np.full((100, 100), 6, np.uint8)
    numbers[:, :25] = 13
    numbers[:30, 25:] = 1
    monkeypatch.setattr(DeepLab, "maps", lambda self, pictures: [numbers for _ in pictures])
    (tmp_path / "m.tflite").write_bytes(b"x")
    monkeypatch.setattr("reelscope.models.sources._registered", {})  # forgotten after the test
    register(ModelSource.of_file("deeplab-ade20k", tmp_path / "m.tflite", runtime="litert"))
    result = analyse(windows([False] * 12), People((), ()), Shots((), ((0.0, 0.9), (0.9, 2.4))), backend="deeplab_ade20k")
    first, second = result.segments
    assert first.classes is not None and [(c.label, round(c.share or 0, 3)) for c in first.classes] == [("ceiling", 0.7), ("wall", 0.3)]
    assert first.person_class_share == pytest.approx(0.25)
    assert (first.setting, first.setting_reason) == (None, "one frame was classified, which is too few")
    assert (second.setting, second.indoor_evidence) == ("indoor", pytest.approx(0.7))
    assert result.summary.setting_share == pytest.approx({"indoor": 1.5 / 2.4})
    assert (result.summary.setting, result.summary.setting_reason) == ("indoor", None)
    (warning,) = result.warnings
    assert "20 of DeepLab's 31" in warning and "never seen" not in warning  # ceiling and wall were
    assert _names_checked("deeplab_ade20k", {"rug", "sky", "other", "door"}).endswith("never seen to be right: door, rug")
    assert "none was checked" in _names_checked("segformer", {"rug"})


def test_on_a_gpu_the_mask_model_stays_on_the_cpu(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """LiteRT has no other place; a backend of the full tier uses both."""
    (tmp_path / "m").write_bytes(b"x")
    monkeypatch.setattr("reelscope.models.sources._registered", {})
    register(ModelSource.of_file("mask2former-ade20k", tmp_path / "m", runtime="transformers"))
    ctx = LoadContext(device="cuda:0", options=NoOptions(), frames=(SAMPLED_LARGE,), backend="mask2former")
    ANALYZER().load(ctx)
    assert {h.key.model: h.key.device for h in ctx.handles} == {"selfie-segmentation": "cpu", "mask2former-ade20k": "cuda:0"}


# --- real


def test_the_embedded_model_masks_the_woman_at_the_lake(media: Path) -> None:
    import av

    from reelscope.models.sessions import SessionRequest, open_session

    labels = json.loads((Path(__file__).parents[1] / "labels" / "masks.json").read_text())
    label = next(f for f in labels["frames"] if f["clip"] == "vertical-woman-lake-zoom-out.mp4")
    with av.open(str(media / label["clip"])) as container:
        frame = next(f for f in container.decode(video=0) if f.time >= label["t_s"] - 1e-3)
        rgb = frame.to_ndarray(format="rgb24")
    height, width = rgb.shape[:2]
    truth = np.zeros((height, width), np.uint8)
    for polygon in label["polygons"]:
        cv2.fillPoly(truth, [np.rint(np.array(polygon) * (width, height)).astype(np.int32)], 1)
    session = open_session(SessionRequest(Catalog().source_of("selfie-segmentation")))
    who = (person(0.0, 0.1, 0.95, 0.9),)
    ((part, _),) = subject.clusters_of(who)
    mask = subject.mask_of(subject.probability(session.run, rgb, part, who), part, height, width)
    assert (mask & (truth > 0)).sum() / (mask | (truth > 0)).sum() > 0.93


def test_a_real_clip_without_people_has_no_subject(media: Path) -> None:
    settings = Settings.model_validate({"analysis": {"backends": {"background_segmentation": "selfie"}}})
    with Session(settings) as session:
        entry = session.analyze(media / "shot-change-clock-cat.mp4", only=["background_segmentation"]).document.analyzers[
            "background_segmentation"
        ]
    assert entry.status == "ok" and entry.backend == "selfie"
    assert entry.segments[0].subject_share == 0  # type: ignore[attr-defined]  # the clock
