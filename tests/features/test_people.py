"""The feature people: decoding and cropping by hand-written numbers, the gate by tables, the follower with stubs, the whole on clips."""

from __future__ import annotations

from collections.abc import Sequence
from math import pi
from pathlib import Path

import av
import cv2
import numpy as np
import pytest

from reelscope.features.base import Clip, Inputs, LoadContext, NoOptions
from reelscope.features.people import POINT_NAMES, People, PeopleFeature, _detector, _follow, _gate, _landmarks
from reelscope.features.people._detector import Tile
from reelscope.features.people._gate import Observation, certainty, tracks
from reelscope.features.people._landmarks import Body, Roi
from reelscope.features.people._picture import Picture
from reelscope.features.people._types import PersonSeen
from reelscope.features.shots import Shots
from reelscope.media.frames import SAMPLED_LARGE, Frames, Window

EMPTY = [np.zeros((1, 2254, 12), np.float32), np.full((1, 2254, 1), -20, np.float32)]


# --- the gate ---


def seen(t_s: float, *, detected: float = 0.9, torso: float = 100.0, number: int = 0, side: float = 0.2) -> Observation:
    return Observation(t_s, PersonSeen(number, (0.1, 0.1, side, side), 0.9, np.full((33, 4), 0.5, np.float32)), detected, torso)


@pytest.mark.parametrize(
    ("detected", "torso", "expected"),
    [
        ([], [], 0.0),
        ([0.9], [100], 0.0),  # a single sample proves nothing
        ([0, 0, 0], [100, 100, 100], 0.0),  # the detector never saw it
        ([0.9, 0.9], [100, 100], 0.9),
        ([0.9, 0, 0.9], [100, 100, 100], 0.9),  # samples in which it was only followed do not count against it
        ([0.9, 0.9], [100, 200], 0.9 - float(np.log(2))),  # a torso that doubles in 0.2 s
        ([0.4, 0.4, 0.8, 0.8], [1, 1, 1, 1], 0.8),
    ],
)
def test_certainty(detected: list[float], torso: list[float], expected: float) -> None:
    assert certainty(detected, torso) == pytest.approx(expected, abs=1e-6)


def test_nobody_gives_no_track_and_keeps_the_times() -> None:
    assert tracks([], [0.0, 0.2], [(0.0, 0.4)]) == People((), (0.0, 0.2))


@pytest.mark.parametrize("detected", [0.0, 0.3, 0.55, 0.65])
def test_what_the_detector_is_not_sure_of_is_dropped(detected: float) -> None:
    rows = [seen(k / 5, detected=detected) for k in range(10)]
    assert tracks(rows, [o.t_s for o in rows], [(0.0, 2.0)]).tracks == ()


def test_a_shape_that_swells_and_shrinks_is_dropped() -> None:
    rows = [seen(k / 5, torso=100 if k % 2 else 160) for k in range(10)]
    assert tracks(rows, [o.t_s for o in rows], [(0.0, 2.0)]).tracks == ()


def test_a_person_is_divided_at_a_cut_and_each_part_is_judged() -> None:
    rows = [seen(k / 5) for k in range(5)] + [seen(k / 5, detected=0.4) for k in range(5, 10)]
    found = tracks(rows, [o.t_s for o in rows], [(0.0, 1.0), (1.0, 2.0)]).tracks
    assert [(t.shot, t.start_s, t.end_s, len(t)) for t in found] == [(0, 0.0, 1.0, 5)]


def test_tracks_are_numbered_by_start_then_size_and_end_with_the_shot() -> None:
    rows = [seen(k / 5, number=7, side=0.1) for k in range(5)] + [seen(k / 5, number=3, side=0.3) for k in range(5)]
    found = tracks(rows, [k / 5 for k in range(5)], [(0.0, 0.9)]).tracks
    assert [(t.track_id, t.live_id, t.end_s) for t in found] == [(0, 3, 0.9), (1, 7, 0.9)]
    assert found[0].keypoints.shape == (5, 33, 4) and found[0].keypoints.dtype == np.float32


def test_observations_are_normalised_and_boxes_are_cut_at_the_edges() -> None:
    points = np.zeros((33, 4), np.float32)
    points[:, :3] = (100, 50, 20)
    points[23:25, 1] = 150
    sight = _follow.Sight(4, 1.0, Body(0.8, points, Roi(0, 0, 1, 0), (-20.0, 10.0, 120.0, 400.0)), 0.7)
    (found,) = _gate.observe([sight], 200, 100)
    assert found.person.live_id == 4 and found.detected == 0.7 and found.torso == pytest.approx(100)
    assert found.person.xywh_norm == pytest.approx((0, 0.1, 0.5, 0.9))
    assert found.person.keypoints[0].tolist() == pytest.approx([0.5, 0.5, 0.1, 0])


@pytest.mark.parametrize("box", [None, (300.0, 10.0, 50.0, 50.0)], ids=["no mask", "mask outside"])
def test_a_body_without_a_mask_in_the_picture_is_nobody(box: tuple[float, float, float, float] | None) -> None:
    sight = _follow.Sight(0, 0.0, Body(0.9, np.ones((33, 4), np.float32), Roi(0, 0, 1, 0), box), 0.9)
    assert _gate.observe([sight], 200, 100) == []


# --- the detector ---


def test_anchors_are_those_of_the_model() -> None:
    centres = _detector.anchors()
    assert centres.shape == (2254, 2)
    assert centres[0].tolist() == pytest.approx([0.5 / 28] * 2) and centres[1].tolist() == pytest.approx([0.5 / 28] * 2)
    assert centres[2].tolist() == pytest.approx([1.5 / 28, 0.5 / 28])  # two per cell, along the row
    assert centres[28 * 28 * 2].tolist() == pytest.approx([0.5 / 14] * 2)
    assert centres[-1].tolist() == pytest.approx([6.5 / 7] * 2) and centres[-6].tolist() == centres[-1].tolist()


@pytest.mark.parametrize(
    ("size", "expected"),
    [
        ((400, 400), 1),
        ((400, 300), 1),
        ((960, 540), 3),
        ((540, 960), 3),
        ((1400, 400), 6),
    ],
)
def test_tiles_cover_the_picture(size: tuple[int, int], expected: int) -> None:
    tiles = _detector.tiles_of(*size)
    assert len(tiles) == expected and tiles[0].side == max(size)
    if len(tiles) > 1:
        long = max(size)
        starts = [t.x if size[0] > size[1] else t.y for t in tiles[1:]]
        assert starts[0] == 0 and starts[-1] + min(size) == long
        assert all(b - a < min(size) for a, b in zip(starts, starts[1:], strict=False))


def test_halves_are_made_once_and_never_to_nothing() -> None:
    picture = Picture(cv2, np.zeros((90, 161, 3), np.uint8))
    assert (
        picture.shrunk(1.9).shape[:2] == (90, 161) and picture.shrunk(2.0).shape[:2] == (45, 80) and picture.shrunk(5).shape[:2] == (22, 40)
    )
    assert picture.shrunk(5) is picture.shrunk(7.9)
    assert picture.shrunk(1e9).size and Picture(cv2, np.zeros((1, 1, 3), np.uint8)).shrunk(9).shape == (1, 1, 3)


def test_the_input_is_centred_and_black_beyond_the_picture() -> None:
    rgb = np.full((100, 200, 3), 255, np.uint8)
    out = _detector.tile_input(Picture(cv2, rgb), _detector.tiles_of(200, 100)[0])
    assert out.shape == (1, 224, 224, 3) and out.dtype == np.float32
    assert (out[0, :56] == -1).all() and (out[0, 56:168] == 1).all() and (out[0, 168:] == -1).all()


def test_decoding_places_box_and_points_and_merges_by_score() -> None:
    centres = _detector.anchors()
    raw, logits = np.zeros((2254, 12), np.float32), np.full(2254, -20, np.float32)
    index = 28 * 28 * 2 + 14 * 14 * 2 + 6 * (3 * 7 + 3)  # the cell in the middle: (0.5, 0.5)
    for k, score in ((index, 2.0), (index + 1, 1.0)):
        logits[k] = score
        raw[k, :4] = (0, 0, 56, 112)
        raw[k, 4:6] = (22.4 if k == index else 0.0, 0)
    (found,) = _detector.decode(raw, logits, centres, Tile(100, 0, 448), 0.5)
    assert found.score == pytest.approx(1 / (1 + np.exp(-2)))
    assert found.xywh_px == pytest.approx((100 + 168, 112, 112, 224))
    a, b = 1 / (1 + np.exp(-2)), 1 / (1 + np.exp(-1))
    assert found.points_px[0].tolist() == pytest.approx([324 + 44.8 * a / (a + b), 224], abs=1e-3)
    assert found.points_px[1].tolist() == pytest.approx([324, 224])


def test_a_picture_without_people_gives_nothing() -> None:
    assert (
        _detector.detect(lambda _: EMPTY, _detector.anchors(), Picture(cv2, np.zeros((90, 160, 3), np.uint8)), Tile(0, -35, 160), 0.3) == []
    )


# --- the landmarks ---


def test_the_square_is_upright_when_the_circle_point_lies_above() -> None:
    roi = _landmarks.roi_of((50, 80), (50, 40))
    assert (roi.x, roi.y, roi.side, roi.angle) == pytest.approx((50, 80, 100, 0))
    assert abs(_landmarks.roi_of((50, 80), (90, 80)).angle) == pytest.approx(pi / 2)
    assert _landmarks.roi_of((50, 80), (90, 80)).angle == pytest.approx(pi / 2)  # lying, the head to the right: clockwise


@pytest.mark.parametrize("angle", [0.0, 0.7, pi / 2, -2.5])
def test_the_crop_and_its_inverse_agree(angle: float) -> None:
    """A white dot in the picture is where the model's input coordinates say."""
    rgb = np.zeros((400, 500, 3), np.uint8)
    cv2.circle(rgb, (300, 180), 4, (255, 255, 255), -1)
    roi = Roi(280.0, 200.0, 220.0, angle)
    square = _landmarks.crop(Picture(cv2, rgb), roi)
    assert square.shape == (1, 256, 256, 3) and square.max() == pytest.approx(1, abs=0.01)
    rows, columns = np.nonzero(square[0, ..., 0] > 0.5)
    at = np.array([(columns.mean() + 0.5) / 256, (rows.mean() + 0.5) / 256])
    assert _landmarks.to_picture(roi, at).tolist() == pytest.approx([300.5, 180.5], abs=0.8)


def test_a_large_square_is_shrunk_without_moving() -> None:
    rgb = np.zeros((1200, 1600, 3), np.uint8)
    cv2.circle(rgb, (800, 300), 20, (255, 255, 255), -1)
    square = _landmarks.crop(Picture(cv2, rgb), Roi(800.0, 600.0, 1600.0, 0.0))
    rows, columns = np.nonzero(square[0, ..., 0] > 0.5)
    assert (columns.mean() + 0.5) / 256 == pytest.approx(0.5, abs=0.004)
    assert (rows.mean() + 0.5) / 256 == pytest.approx(0.5 - 300 / 1600, abs=0.004)


def outputs(*, visibility: float = 5.0, mask: bool = True, presence: float = 0.9) -> list[np.ndarray]:
    table = np.zeros((39, 5), np.float32)
    table[:, :2] = 128
    table[:, 3] = visibility
    table[34, 1] = 64  # the circle's point straight above
    plane = np.full((1, 256, 256, 1), -5.0, np.float32)
    if mask:
        plane[0, 64:192, 96:160] = 5
    return [table.reshape(1, 195), np.array([[presence]], np.float32), plane, np.full((1, 64, 64, 39), -9.0, np.float32)]


def test_landmarks_are_mapped_back_with_visibility_mask_and_next_square() -> None:
    body = _landmarks.decode(outputs(), Roi(100.0, 200.0, 256.0, 0.0))
    assert body.presence == pytest.approx(0.9) and body.points.shape == (33, 4)
    assert body.points[0].tolist() == pytest.approx([100, 200, 0, 1 / (1 + np.exp(-5))])
    assert body.box_px == pytest.approx((100 - 32, 200 - 64, 64, 128), abs=3)
    assert (body.next_roi.x, body.next_roi.y, body.next_roi.side) == pytest.approx((100, 200, 2 * 1.25 * 64))
    assert _landmarks.decode(outputs(mask=False), Roi(0, 0, 256, 0)).box_px is None


def test_a_certain_heat_map_moves_its_point_and_an_uncertain_one_does_not() -> None:
    heat = np.full((64, 64, 2), -9.0, np.float32)
    heat[33, 34] = (4.0, -1.0)
    xy = np.full((2, 2), 0.5, np.float32)
    _landmarks.refine(xy, heat)
    assert xy[0].tolist() == pytest.approx([34 / 64, 33 / 64], abs=0.005) and xy[1].tolist() == [0.5, 0.5]


# --- from frame to frame ---


class Models:
    """Stubs of both models: who is detected where in each frame, and whether a body is there."""

    def __init__(self, scores: Sequence[float], present: Sequence[bool]) -> None:
        self.scores, self.present, self.bodies = list(scores), list(present), 0
        self.frame = 0
        self.looks: list[int] = []

    def people(self, inputs: Sequence[np.ndarray]) -> list[np.ndarray]:
        score = self.scores[self.frame]
        self.looks.append(self.frame)
        raw, logits = np.zeros((1, 2254, 12), np.float32), np.full((1, 2254, 1), -20, np.float32)
        index = 28 * 28 * 2 + 14 * 14 * 2 + 6 * (3 * 7 + 3)
        if score:
            logits[0, index] = np.log(score / (1 - score))
            raw[0, index, 2:4] = 60
            raw[0, index, 7] = -56  # the circle's point a quarter of the picture above
        return [raw, logits]

    def points(self, inputs: Sequence[np.ndarray]) -> list[np.ndarray]:
        self.bodies += 1
        return outputs(presence=0.9 if self.present[self.frame] else 0.1)


def followed(
    scores: Sequence[float],
    present: Sequence[bool] | None = None,
    *,
    light: Sequence[int] | None = None,
    size: tuple[int, int] = (224, 224),
) -> tuple[list[list[_follow.Sight]], Models]:
    models = Models(scores, present or [True] * len(scores))
    follower = _follow.Follower(cv2, models.people, models.points)
    frames = []
    for k in range(len(scores)):
        models.frame = k
        frames.append(follower.feed(np.full((size[1], size[0], 3), light[k] if light else 0, np.uint8), k / 5))
    return frames, models


@pytest.mark.parametrize(
    ("scores", "present", "expected"),
    [
        ([0.9] * 8, [True] * 8, [0, 1, 3, 5, 7]),  # new, then sure
        ([0.6] * 6, [True] * 6, [0, 1, 2, 3, 4, 5]),  # doubtful
        ([0.9, 0.9, 0.9, 0.5, 0.9, 0.9], [True] * 6, [0, 1, 3, 4]),  # in doubt for once
        ([0.9, 0.9, 0.0, 0.0], [True, True, False, False], [0, 1, 2, 3]),  # lost: the same frame is looked at
        ([0.0] * 10, [False] * 10, [0, 1, 2, 3, 4, 6, 8]),  # nobody for a second
        ([0.0] * 6 + [0.9] * 4, [True] * 10, [0, 1, 2, 3, 4, 6, 7, 9]),
    ],
)
def test_the_detector_rests_where_it_is_sure(scores: list[float], present: list[bool], expected: list[int]) -> None:
    frames, models = followed(scores, present)
    assert models.looks == expected
    shown = [bool(f) for f in frames]
    assert shown == [p and (s > 0 or k > 0 and shown[k - 1]) for k, (s, p) in enumerate(zip(scores, present, strict=True))]


def test_another_picture_is_looked_at_at_once() -> None:
    assert followed([0.9] * 4)[1].looks == [0, 1, 3]
    assert followed([0.9] * 4, light=[0, 0, 200, 200])[1].looks == [0, 1, 2]
    assert followed([0.9] * 4, light=[0, 0, 20, 20])[1].looks == [0, 1, 3]


def test_a_wide_picture_is_always_looked_at_and_in_one_square_more() -> None:
    assert followed([0.0] * 8, [False] * 8, size=(400, 224))[1].looks == [k for k in range(8) for _ in range(2)]


def test_a_weak_detection_starts_nobody() -> None:
    frames, models = followed([0.4, 0.45])
    assert frames == [[], []] and models.bodies == 0


def test_a_weak_detection_confirms_somebody_who_was_there() -> None:
    frames, _ = followed([0.9, 0.4, 0.0])
    assert [len(f) for f in frames] == [1, 1, 1]
    assert [round(f[0].detected, 2) for f in frames] == [0.9, 0.4, 0]
    assert len({f[0].number for f in frames}) == 1


def test_a_body_that_the_detector_does_not_see_again_is_let_go() -> None:
    frames, models = followed([0.9] + [0.0] * 8)
    assert [len(f) for f in frames] == [1] * (1 + _follow.UNCONFIRMED) + [0] * (8 - _follow.UNCONFIRMED)
    assert models.bodies == 1 + _follow.UNCONFIRMED


def test_a_place_without_a_body_is_nobody() -> None:
    frames, _ = followed([0.9, 0.9], [False, True])
    assert [len(f) for f in frames] == [0, 1]


def test_nothing_of_the_last_clip_stays() -> None:
    models = Models([0.9, 0.0], [True, True])
    follower = _follow.Follower(cv2, models.people, models.points)
    rgb = np.zeros((224, 224, 3), np.uint8)
    assert len(follower.feed(rgb, 5.0)) == 1
    follower.reset()
    models.frame = 1
    assert follower.feed(rgb, 0.0) == []


# --- real clips ---


def of_clip(path: Path, seconds: float) -> tuple[People, list[int]]:
    """The feature over the first seconds of a clip: finished value, and how many were seen live in each frame."""
    feature = PeopleFeature()
    feature.load(LoadContext("cpu", NoOptions(), (SAMPLED_LARGE,)))
    feature.begin(Clip("clip", None, ""))  # type: ignore[arg-type]
    times: list[float] = []
    pixels: list[np.ndarray] = []
    with av.open(str(path)) as container:
        for frame in container.decode(video=0):
            if frame.time > seconds:
                break
            if frame.time + 1e-6 >= len(times) / 5:
                spec = SAMPLED_LARGE.resolve(frame.width, frame.height)
                pixels.append(frame.reformat(spec.width_px, spec.height_px, "rgb24", interpolation="AREA").to_ndarray())
                times.append(frame.time)
                size = (frame.width, frame.height)
    stack = np.ascontiguousarray(np.stack(pixels))
    stack.flags.writeable = False
    block = Frames(stack, np.array(times), np.arange(len(times)))
    live = feature.feed(Window(0, 0.0, seconds, True, {SAMPLED_LARGE.resolve(*size): block}, size))
    found = feature.finish(Inputs(None, features={"shots": Shots((), ((0.0, seconds),))}))  # type: ignore[arg-type]
    feature.close()
    feature.close()
    return found, [len(p) for p in live.people]


def test_a_woman_is_one_track_with_her_points_in_place(media: Path) -> None:
    found, live = of_clip(media / "dog-and-woman-driveway.mp4", 1.5)
    (track,) = found.tracks
    assert len(track) == len(found.sampled_s) == len(live) and min(live) >= 1
    nose, left_ankle, right_ankle = (track.keypoints[-1][POINT_NAMES.index(n)] for n in ("nose", "left_ankle", "right_ankle"))
    # labelled by hand at 1.17 s: nose (0.249, 0.184), feet near y 0.75
    assert abs(nose[0] - 0.249) < 0.03 and abs(nose[1] - 0.184) < 0.04
    assert left_ankle[1] > 0.65 and right_ankle[1] > 0.65
    x, y, width, height = track.xywh_norm[-1].tolist()
    assert x < nose[0] < x + width and y < 0.2 and y + height > 0.7


@pytest.mark.parametrize("clip", ["cockatoo-close-up.mp4", "coffee-pour-hands.mp4"])
def test_a_bird_and_hands_get_no_skeleton(media: Path, clip: str) -> None:
    found, live = of_clip(media / clip, 3.0)
    assert found.tracks == ()
    assert any(live), "the models see something here, so the gate had something to hold back"
