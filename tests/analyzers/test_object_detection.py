"""object_detection: decoders by hand-made tensors, wrappers with stub sessions, gates and figures by tables, two real clips."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import av
import numpy as np
import pytest

from reelscope.analyzers._coco import COCO
from reelscope.analyzers._yolo import Letterbox, decode_yolov8, decode_yolox, grid, letterbox, pick, yolov8, yolox
from reelscope.analyzers.object_detection import ANALYZER, ObjectOptions
from reelscope.analyzers.object_detection._collect import OBJECT_GATE, Collector, of_tracks, step_of
from reelscope.analyzers.object_detection._dfine import names_of, take_best
from reelscope.analyzers.object_detection._hands import LAYOUT, HandFinder, hand_box, palm_rows, roi_of_palm
from reelscope.analyzers.object_detection._objects import Gate, counts_at, cut, one_label_each, presences, thin, worth
from reelscope.analyzers.object_detection._objects import Path as ObjectPath
from reelscope.analyzers.object_detection._result import MAX_SERIES, MAX_TRACKS, make_result
from reelscope.config import Settings
from reelscope.features.base import Clip, Inputs, LoadContext
from reelscope.features.faces import Faces, FaceTrack
from reelscope.features.faces._detect import anchors
from reelscope.features.people import People
from reelscope.features.shots import Shots
from reelscope.media.frames import Frames, Window
from reelscope.models.importing import import_folder
from reelscope.models.manifest import manifest
from reelscope.models.store import ModelStore
from reelscope.pipeline import Session
from tests.clips import picture_facts, write_clip

BOX = (0.2, 0.2, 0.2, 0.2)


def path(
    label: str = "dog", *, start: float = 0.0, n: int = 5, score: float = 0.8, box: Any = BOX, step: float = 0.2, shot: int = 0
) -> ObjectPath:
    return ObjectPath(label, tuple(start + k * step for k in range(n)), (box,) * n, (score,) * n, step, shot)


# --- YOLO ---


@pytest.mark.parametrize(("shape", "centred"), [((540, 960, 3), False), ((960, 540, 3), True), ((416, 416, 3), True)])
def test_a_box_comes_back_from_the_letterbox_as_it_was(shape: tuple[int, ...], centred: bool) -> None:
    square, place = letterbox(np.full(shape, 200, np.uint8), 416, centred=centred)
    assert square.shape == (416, 416, 3)
    rows, columns = np.nonzero(square[..., 0] == 200)
    assert place.normalised(np.array([[columns.min(), rows.min(), columns.max() + 1, rows.max() + 1]], float))[0] == pytest.approx(
        [0, 0, 1, 1], abs=1e-2
    )
    if not centred:
        assert square[0, 0, 0] == 200


def test_boxes_are_cut_at_the_edges_of_the_picture() -> None:
    place = Letterbox(0.5, 0, 100, 200, 100)  # a picture of 200 x 100 lies 100 x 50 large at (0, 100)
    out = place.normalised(np.array([[-20, 90, 50, 125], [200, 300, 220, 310]], float))
    assert out[0] == pytest.approx([0, 0, 0.5, 0.5])
    assert out[1, 2] == out[1, 3] == 0


def test_yolox_boxes_are_offsets_in_strides() -> None:
    cells, strides = grid(416)
    assert len(cells) == 3549
    at = 52 * 52 + 26 * 2 + 3  # second level: row 2, column 3
    assert (cells[at].tolist(), strides[at].tolist()) == ([3, 2], [16])
    raw = np.zeros((3549, 85), np.float32)
    raw[at] = [0.5, 0.25, math.log(2), math.log(4), 0.8, *([0.0] * 80)]
    raw[at, 5 + 16] = 0.5
    raw[0, 4], raw[0, 5] = 0.2, 0.4  # 0.08: below
    boxes, scores, classes = decode_yolox(raw, 416, 0.1)
    assert boxes[0] == pytest.approx([3.5 * 16 - 16, 2.25 * 16 - 32, 3.5 * 16 + 16, 2.25 * 16 + 32])
    assert scores == pytest.approx([0.4]) and COCO[int(classes[0])] == "dog"


def test_a_size_beyond_all_reason_stays_finite() -> None:
    raw = np.zeros((3549, 85), np.float32)
    raw[0, 2:6] = [900, 900, 1, 1]
    boxes, _, _ = decode_yolox(raw, 416, 0.1)
    assert np.isfinite(boxes).all()


def test_yolov8_has_no_objectness() -> None:
    raw = np.zeros((84, 8400), np.float32)
    raw[:4, 7], raw[4 + 41, 7] = [320, 160, 64, 32], 0.9
    raw[4 + 2, 9] = 0.05
    boxes, scores, classes = decode_yolov8(raw, 0.1)
    assert boxes.tolist() == [[288, 144, 352, 176]] and scores == pytest.approx([0.9]) and COCO[int(classes[0])] == "cup"


def test_only_the_same_class_suppresses() -> None:
    boxes = np.array([[0.1, 0.1, 0.4, 0.4], [0.11, 0.1, 0.4, 0.4], [0.1, 0.1, 0.4, 0.41], [0.5, 0.5, 0.0, 0.2]])
    found = pick(boxes, np.array([0.6, 0.9, 0.5, 0.99]), np.array([0, 0, 1, 0]), ("cat", "dog"))
    assert sorted((label, score) for _, score, label in found) == [("cat", 0.9), ("dog", 0.5)]


class Stub:
    """Answers with a fixed array; keeps what it was given."""

    def __init__(self, *answers: Any) -> None:
        self.answers = list(answers)
        self.given: list[Any] = []

    def run(self, *args: Any) -> list[Any]:
        self.given.append(args[-1])
        return list(self.answers)


def test_yolox_is_given_blue_first_unscaled_and_yolov8_red_first_scaled() -> None:
    rgb = np.zeros((270, 480, 3), np.uint8)
    rgb[..., 0] = 255
    raw = np.zeros((1, 3549, 85), np.float32)
    raw[0, 0, :6] = [20, 10, math.log(30), math.log(15), 1, 1]
    x = Stub(raw)
    [(box, score, label)] = yolox(x, rgb, 0.1)
    given = x.given[0]["images"]
    assert given.shape == (1, 3, 416, 416) and given.dtype == np.float32
    assert given[0, :, 5, 5].tolist() == [0, 0, 255] and given[0, :, -1, -1].tolist() == [114] * 3
    scale = 416 / 480
    assert box == pytest.approx((40 / scale / 480, 20 / scale / 270, 240 / scale / 480, 120 / scale / 270)) and (score, label) == (
        1,
        "person",
    )
    raw8 = np.zeros((1, 84, 8400), np.float32)
    raw8[0, :5, 3] = [320, 320, 640, 360, 0.7]
    v8 = Stub(raw8)
    [(box, score, label)] = yolov8(v8, rgb, 0.1)
    assert v8.given[0]["images"].shape == (1, 3, 640, 640) and v8.given[0]["images"][0, :, 320, 320].tolist() == [1, 0, 0]
    assert box == pytest.approx((0, 0, 1, 1)) and score == pytest.approx(0.7)


# --- D-FINE's answers ---


def test_the_best_pairs_of_query_and_class_win() -> None:
    logits = np.array([[2.0, -9, 1.0], [-9, -9, -9], [-9, 3.0, -9]], np.float32)
    boxes = np.array([[0.5, 0.5, 0.2, 0.4], [0.5, 0.5, 1, 1], [0.95, 0.5, 0.2, 0.2]], np.float32)
    found = take_best(logits, boxes, {0: "a", 1: "b", 2: "c"}, 0.5)
    assert [label for _, _, label in found] == ["b", "a", "c"]
    assert found[0][0] == pytest.approx((0.85, 0.4, 0.15, 0.2)) and found[1][0] == pytest.approx((0.4, 0.3, 0.2, 0.4))
    assert [s for _, s, _ in found] == pytest.approx([1 / (1 + math.exp(-v)) for v in (3, 2, 1)])
    assert take_best(logits, boxes, {0: "a", 1: "b", 2: "c"}, 0.99) == []


def test_other_spellings_of_the_80_become_ours_and_other_sets_stay() -> None:
    theirs = {str(k): {"airplane": "aeroplane", "tv": "tvmonitor"}.get(n, n) for k, n in enumerate(COCO)}
    assert names_of(theirs) == dict(enumerate(COCO))
    assert names_of({"0": "LABEL_0", "1": "LABEL_1"}) == {0: "LABEL_0", 1: "LABEL_1"}


# --- hands ---


def test_the_square_about_a_palm_points_where_the_fingers_do() -> None:
    row = np.zeros(18)
    row[:4] = [90, 90, 20, 20]
    points = row[4:].reshape(7, 2)
    points[0], points[2] = (100, 110), (100, 90)  # the wrist below: upright
    up = roi_of_palm(row)
    assert (up.cx, up.cy, up.side, up.angle) == pytest.approx((100, 90, 52, 0))
    points[0], points[2] = (90, 100), (110, 100)  # fingers to the right
    right = roi_of_palm(row)
    assert (right.cx, right.cy, right.angle) == pytest.approx((110, 100, math.pi / 2))


def test_palms_lie_where_their_anchor_says() -> None:
    centres = anchors(LAYOUT)
    assert len(centres) == 2016
    raw, logits = np.zeros((2016, 18), np.float32), np.full(2016, -300, np.float32)
    raw[100, :6], logits[100] = [9.6, 0, 19.2, 19.2, 9.6, 19.2], 3
    rows, scores = palm_rows(raw, logits, centres, 0.5)
    assert rows[0, :2] == pytest.approx(centres[100] + [0.05 - 0.05, -0.05]) and rows[0, 4:6] == pytest.approx(centres[100] + [0.05, 0.1])
    assert scores == pytest.approx([1 / (1 + math.exp(-3))])


def test_a_hand_outside_the_picture_is_none() -> None:
    assert hand_box(np.array([[-50.0, 10], [-20, 40]]), 100, 100) is None
    assert hand_box(np.array([[10.0, 10], [60, 60]]), 100, 100) == pytest.approx((0.07, 0.07, 0.56, 0.56))


@pytest.mark.parametrize(("presence", "found"), [(0.3, 0), (0.95, 1)])
def test_the_hand_model_has_the_last_word(presence: float, found: int) -> None:
    raw, logits = np.zeros((1, 2016, 18), np.float32), np.full((1, 2016, 1), -300, np.float32)
    raw[0, 300, 2:4] = 30
    raw[0, 300, 9] = -20  # the middle finger above the wrist
    logits[0, 300] = 5
    points = np.full((1, 63), 112, np.float32)
    points[0, :2] = 60
    hands = Stub(points, np.array([[presence]], np.float32))
    out = HandFinder().find(Stub(raw, logits), hands, np.zeros((192, 192, 3), np.uint8))
    assert len(out) == found and hands.given[0][0].shape == (1, 224, 224, 3)
    if found:
        assert out[0][1] == pytest.approx(presence)


# --- from boxes to objects ---


@pytest.mark.parametrize(
    ("scores", "passes"),
    [
        ([0.99], False),
        ([0.8, 0.8], True),
        ([0.6, 0.6], False),
        ([0.6, 0.6, 0.6], True),
        ([0.5, 0.5, 0.5], False),
        ([0.56] * 4, True),
        ([0.5] * 40, False),
        ([0.9] + [0.3] * 20, False),
    ],
)
def test_noise_does_not_become_an_object(scores: list[float], passes: bool) -> None:
    n = len(scores)
    assert worth(ObjectPath("dog", tuple(map(float, range(n))), (BOX,) * n, tuple(scores), 1.0), OBJECT_GATE) is passes


def test_a_path_is_cut_at_a_cut_and_ends_with_its_shot() -> None:
    first, second = cut(path(start=0.0, n=10), [(0.0, 1.1), (1.1, 3.0)])
    assert (first.shot, second.shot) == (0, 1) and len(first) == 6 and len(second) == 4
    assert first.end_s == pytest.approx(1.1) and second.end_s == pytest.approx(2.0)


def test_one_thing_has_one_label() -> None:
    car, case = path("car", score=0.8), path("suitcase", score=0.5)
    beside = path("dog", box=(0.6, 0.2, 0.2, 0.2))
    later = path("suitcase", start=5.0)
    twin = path("car", score=0.7)
    assert {(p.label, p.t_s[0]) for p in one_label_each([case, car, beside, later])} == {("car", 0), ("dog", 0), ("suitcase", 5)}
    assert len(one_label_each([car, twin])) == 2  # two of the same label are the tracker's to tell


def test_three_missed_samples_are_an_absence() -> None:
    def of(*steps: int) -> list[int]:
        return [len(p) for p in presences(ObjectPath("dog", tuple(0.2 * s for s in steps), (BOX,) * len(steps), (0.8,) * len(steps), 0.2))]

    assert of(0, 1, 4, 5) == [4]
    assert of(0, 1, 5, 6) == [2, 2]


def test_counts_follow_presences() -> None:
    times = [0.0, 0.2, 0.4, 0.6, 0.8]
    assert counts_at(times, [path(n=2), path(start=0.2, n=2)]) == [1, 2, 1, 0, 0]
    assert counts_at(times, []) == [0] * 5


def test_a_path_keeps_the_points_that_draw_it() -> None:
    still = path(n=30)
    times = [still.t_s[k] for k in thin(still, 0.199)]
    assert len(times) < 10 and max(b - a for a, b in zip(times, times[1:], strict=False)) <= 1.0 + 1e-6 and times[-1] == still.t_s[-1]
    turn = ObjectPath(
        "dog", tuple(0.2 * k for k in range(5)), tuple((x, 0.1, 0.1, 0.1) for x in (0.0, 0.1, 0.2, 0.1, 0.0)), (0.8,) * 5, 0.2
    )
    assert thin(turn, 0.199) == [0, 2, 4]
    assert thin(path(n=1), 0.199) == [0] and thin(path(n=2), 0.199) == [0, 1]
    dense = thin(path(n=50, step=0.02, box=BOX), 0.199)
    assert all(b - a >= 9 for a, b in zip(dense, dense[1:], strict=False))


def test_the_collector_numbers_gates_and_splits() -> None:
    collector = Collector()
    for k in range(20):
        found: list[Any] = [(BOX, 0.8, "dog")]
        if k == 7:
            found.append(((0.7, 0.7, 0.1, 0.1), 0.9, "kite"))
        collector.add(k * 0.2, found)
    objects = collector.objects([(0.0, 2.0), (2.0, 4.0)], OBJECT_GATE)
    assert [(p.label, len(p), p.shot) for p in sorted(objects, key=lambda p: p.t_s)] == [("dog", 10, 0), ("dog", 10, 1)]
    assert step_of(collector.times) == pytest.approx(0.2) and step_of([1.0]) is None


def test_a_detector_that_looks_once_a_second_does_not_lose_what_it_follows() -> None:
    """29.97 frames a second: every fifth of five samples is 1.001 s after the last one."""
    collector = Collector(5 * 0.2)
    for k in range(6):
        collector.add(k * 1.001, [(BOX, 0.8, "dog")] if k != 3 else [])
    assert [(p.label, len(p)) for p in collector.objects([(0.0, 6.0)], OBJECT_GATE)] == [("dog", 5)]


# --- the result ---


def test_figures_of_a_result() -> None:
    paths = [
        path("dog", start=0.4, n=5),
        path("person", n=10, box=(0.5, 0.1, 0.4, 0.5)),
        path("dog", start=0.6, n=2, box=(0.8, 0.8, 0.1, 0.1)),
    ]
    times = [0.2 * k for k in range(12)]
    result = make_result(paths, times, 2.2, vocabulary=["dog", "person"], step_s=0.2, coverage=1.0)
    assert [(t.track_id, t.label, t.start_s) for t in result.tracks] == [(0, "person", 0.0), (1, "dog", 0.4), (2, "dog", 0.6)]
    person, dog = result.summary.labels
    assert (person.label, person.tracks, person.largest_count, person.seconds) == ("person", 1, 1, 2.0)
    assert (dog.tracks, dog.largest_count, dog.seconds) == (2, 2, 1.0)
    assert dog.mean_share == pytest.approx((5 * 0.04 + 2 * 0.01) / 7)
    counts = {s.name: s.values for s in result.series}
    assert counts["count_dog"] == [0, 0, 1, 2, 2, 1, 1, 0, 0, 0, 0, 0] and set(counts) == {"count_dog", "count_person"}
    assert [s.start_s for s in result.segments] == [0, 0.4, 0.6] and result.segments[1].confidence == pytest.approx(0.8)


def test_an_object_that_goes_and_comes_back_is_one_track_of_two_segments() -> None:
    gone = ObjectPath("dog", (0.0, 0.2, 1.0, 1.2), (BOX,) * 4, (0.8,) * 4, 0.2)
    result = make_result([gone], [0.2 * k for k in range(8)], 1.4, vocabulary=["dog"], step_s=0.2, coverage=1.0)
    assert [(s.start_s, s.end_s, s.track_id) for s in result.segments] == [(0.0, 0.4, 0), (1.0, 1.4, 0)] and len(result.tracks) == 1


def test_crowds_are_bounded() -> None:
    crowd = [path(f"label {k % 30}", n=2 + k % 3, box=(k / 1000, 0.1, 0.1, 0.1)) for k in range(MAX_TRACKS + 50)]
    result = make_result(crowd, [0.0, 0.2, 0.4], 1.0, vocabulary=[], step_s=0.2, coverage=1.0)
    assert len(result.tracks) == MAX_TRACKS and len(result.series) == MAX_SERIES and result.warnings


def test_nothing_found_is_a_result() -> None:
    result = make_result([], [], 1.0, vocabulary=["dog"], step_s=None, coverage=0.0)
    assert not result.segments and not result.series and result.summary.labels == [] and result.summary.step_s is None


# --- the analyzer, with stub models ---


def _context(backend: str, sessions: dict[str, Any], options: ObjectOptions | None = None) -> LoadContext:
    frames = next(b for b in ANALYZER.spec.backends if b.name == backend).frames
    models = SimpleNamespace(handle=lambda name, **_: SimpleNamespace(session=sessions[name]))
    return LoadContext("cpu", options or ObjectOptions(), frames, backend, models=models)  # type: ignore[arg-type]


def _windows(n: int, *, each: int, size: tuple[int, int] = (96, 64)) -> list[Window]:
    out = []
    need = ANALYZER.spec.backends[0].frames[0]
    for start in range(0, n, each):
        index = np.arange(start, min(n, start + each))
        pixels = np.zeros((len(index), size[1], size[0], 3), np.uint8)
        pixels.flags.writeable = False
        frames = Frames(pixels, index * 0.2, index)
        last = start + each >= n
        out.append(Window(len(out), start * 0.2, min(n, start + each) * 0.2, last, {need.resolve(*size): frames}, size))
    return out


NOBODY = {"shots": Shots(((0.0, 4.0),), ()), "faces": Faces((), ()), "people": People((), tuple(0.2 * k for k in range(20)))}


def _run(analyzer: Any, windows: Sequence[Window], features: dict[str, Any] = NOBODY) -> Any:
    clip = Clip("clip", picture_facts(4.0, 96, 64), "")
    analyzer.begin(clip)
    for window in windows:
        analyzer.feed(window)
    return analyzer.finish(Inputs(clip, features=features))


def _yolox_answer() -> np.ndarray:
    raw = np.zeros((1, 3549, 85), np.float32)
    raw[0, 0, :5] = [20, 10, math.log(10), math.log(10), 0.9]
    raw[0, 0, 5 + 16] = 1
    return raw


NO_PALM = Stub(np.zeros((1, 2016, 18), np.float32), np.full((1, 2016, 1), -300, np.float32))


@pytest.mark.parametrize(("every", "asked"), [(1, 20), (2, 10), (3, 7)])
def test_the_detector_looks_at_every_kth_picture_across_windows(every: int, asked: int) -> None:
    model, palms = Stub(_yolox_answer()), Stub(*NO_PALM.answers)
    analyzer = ANALYZER()
    sessions = {"yolox-nano": model, "palm-detection": palms, "hand-landmarks": Stub()}
    analyzer.load(_context("yolox_nano", sessions, ObjectOptions(every=every)))
    result = _run(analyzer, _windows(20, each=7))
    assert len(model.given) == asked and len(palms.given) == 10
    [track] = result.tracks
    assert (track.label, track.sightings, track.start_s) == ("dog", asked, 0.0) and result.summary.step_s == pytest.approx(0.2 * every)
    assert result.coverage == pytest.approx(1.0) and result.summary.vocabulary == [*COCO, "face", "hand"]
    again = _run(analyzer, _windows(20, each=7))
    assert again == result  # nothing of the last clip stays
    analyzer.close()


def test_yolov8_runs_on_the_same_road() -> None:
    raw = np.zeros((1, 84, 8400), np.float32)
    raw[0, :4, 5], raw[0, 4 + 41, 5] = [320, 320, 64, 64], 0.8
    analyzer = ANALYZER()
    analyzer.load(_context("yolov8", {"yolov8x": Stub(raw)}))
    result = _run(analyzer, _windows(20, each=10))
    assert [(t.label, t.sightings) for t in result.tracks] == [("cup", 20)]
    assert result.summary.vocabulary == [*COCO, "face"]  # hands are looked for on the CPU only


def test_embedded_reports_people_and_faces_as_they_were_measured() -> None:
    face = FaceTrack(
        0, 0, 0.4, 1.2, 0, np.array([0.4, 0.6, 0.8, 1.0]), np.tile(np.float32(BOX), (4, 1)), np.full(4, 0.9, np.float32), np.zeros((4, 3))
    )
    features = {**NOBODY, "faces": Faces((face,), tuple(0.2 * k for k in range(20)))}
    analyzer = ANALYZER()
    analyzer.load(_context("mediapipe", {"palm-detection": NO_PALM, "hand-landmarks": Stub()}))
    result = _run(analyzer, _windows(20, each=10), features)
    assert [(t.label, t.sightings) for t in result.tracks] == [("face", 4)]  # a face alone is not made into a person
    assert [s.name for s in result.series] == ["count_face"] and result.summary.vocabulary == ["person", "face", "hand"]


def test_tracks_of_features_are_never_carried_over_a_cut() -> None:
    face = FaceTrack(0, 0, 0.0, 1.0, 0, np.arange(5) * 0.2, np.tile(np.float32(BOX), (5, 1)), np.full(5, 0.9, np.float32), np.zeros((5, 3)))
    parts = of_tracks("face", Faces((face,), (0.0, 0.2, 0.4, 0.6, 0.8)), [(0.0, 0.5), (0.5, 4.0)])
    assert [len(p) for p in parts] == [3, 2]


def test_gates_need_what_they_say() -> None:
    assert not worth(path(n=1, score=1.0), Gate(mean=0, base=0, sum=0, sightings=2))
    assert worth(path(n=2, score=0.5), Gate(mean=0.5, base=0, sum=1.0, sightings=2))


# --- real pictures ---


def _start_of(clip: Path, target: Path, seconds: float) -> Path:
    with av.open(str(clip)) as container:
        stream = container.streams.video[0]
        rate = float(stream.average_rate or 30)
        frames = []
        for frame in container.decode(stream):
            if len(frames) >= seconds * rate:
                break
            frames.append(frame.to_ndarray(format="rgb24"))
    return write_clip(target, frames, fps=round(rate))


def test_two_hands_on_a_kettle_and_a_cup(media: Path, tmp_path: Path) -> None:
    clip = _start_of(media / "coffee-pour-hands.mp4", tmp_path / "coffee.mp4", 2.0)
    with Session(Settings.model_validate({"analysis": {"backends": {"object_detection": "mediapipe"}}})) as session:
        entry = session.analyze(clip, only=["object_detection"]).document.analyzers["object_detection"]
    assert entry.status == "ok", entry.reason
    hands = next(row for row in entry.summary.labels if row.label == "hand")
    assert hands.seconds > 1.5 and 0.005 < hands.mean_share < 0.06 and hands.largest_count == 2


def test_yolox_finds_the_cup(media: Path, tmp_path: Path) -> None:
    models = media.parent / "models"
    if not models.is_dir():
        pytest.skip("needs ../shared/models, which is not here")
    import_folder(ModelStore(tmp_path / "models"), manifest(), models)
    clip = _start_of(media / "coffee-pour-hands.mp4", tmp_path / "coffee.mp4", 2.0)
    settings = {"analysis": {"backends": {"object_detection": "yolox_nano"}}, "models": {"dir": str(tmp_path / "models")}}
    with Session(Settings.model_validate(settings)) as session:
        entry = session.analyze(clip, only=["object_detection"]).document.analyzers["object_detection"]
    assert entry.status == "ok", entry.reason
    [cup] = [t for t in entry.tracks if t.label == "cup"]
    assert cup.score > 0.6 and cup.end_s - cup.start_s > 1.7
    x, y, w, h = cup.points[0].xywh_norm
    assert x < 0.69 < x + w and y < 0.68 < y + h
