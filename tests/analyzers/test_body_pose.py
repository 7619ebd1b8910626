"""body_pose: geometry, postures and gestures by tables and generated figures, decoders by hand-written outputs, backends with stubs."""

from __future__ import annotations

from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any

import cv2
import numpy as np
import pytest
from bench.accuracy import _skeletons

from reelscope.analyzers._yolo import Letterbox
from reelscope.analyzers.body_pose import (
    BodyPoint,
    BodyPose,
    BodyPoseResult,
    BodySegment,
    BodySummary,
    BodyTrack,
    PersonFigures,
    _backends,
    _topdown,
    _yolo_pose,
)
from reelscope.analyzers.body_pose._collect import Collector, embodied
from reelscope.analyzers.body_pose._gestures import claps, gestures, hands_up, points, swings, waves
from reelscope.analyzers.body_pose._paths import BLAZE_NAMES, COCO_NAMES, Body, Path, body_of, from_people, intervals, with_points
from reelscope.analyzers.body_pose._posture import joint_deg, movement, posture_at, postures
from reelscope.analyzers.body_pose._result import POINTS_BUDGET, result_of, thin_to
from reelscope.features.base import Clip, Inputs, LoadContext, NoOptions
from reelscope.features.people import POINT_NAMES, People, PeopleWindow, PersonSeen, PersonTrack
from reelscope.features.shots import Shots
from reelscope.media.frames import SAMPLED_LARGE, Frames, Window

NAN = float("nan")
NAMES = {name: i for i, name in enumerate(COCO_NAMES)}
SHOTS = ((0.0, 10.0),)


def figure(**moved: tuple[float, float]) -> np.ndarray:
    """A person who stands, torso 1 long, shoulders at the origin; points by name may be put elsewhere."""
    xy = np.zeros((17, 2))
    xy[0:5] = [(0, -0.42), (0.06, -0.48), (-0.06, -0.48), (0.14, -0.45), (-0.14, -0.45)]
    for side, sign in ((0, 1), (1, -1)):
        for joint, at in ((5, (0.37, 0.0)), (7, (0.42, 0.6)), (9, (0.44, 1.1)), (11, (0.22, 1.0)), (13, (0.22, 1.9)), (15, (0.22, 2.8))):
            xy[joint + side] = (sign * at[0], at[1])
    for name, at in moved.items():
        xy[NAMES[name]] = at
    return xy


def still(xy: np.ndarray, n: int = 10) -> Body:
    return Body(np.arange(n) / 5, np.repeat(xy[None], n, axis=0), np.ones(n))


def path(n: int = 10, *, count: int = 17, shot: int = 0, start: float = 0.0, number: int = 0) -> Path:
    one = np.zeros((count, 3), np.float32)
    one[:17, :2] = figure() / 4 + (0.5, 0.2)
    one[:, 2] = 0.9
    t = start + np.arange(n) / 5
    box = np.tile(np.array([0.3, 0.05, 0.4, 0.9], np.float32), (n, 1))
    return Path(number, shot, start, start + n / 5, t, box, np.full(n, 0.9, np.float32), np.repeat(one[None], n, axis=0))


# --- units ---


def test_points_that_are_unsure_or_outside_are_no_points() -> None:
    p = path(2)
    p.points[0, 9, 2] = 0.4
    p.points[1, 10, 0] = 1.2
    body = body_of(p, 1.0, 0.5)
    assert np.isnan(body.xy[0, 9]).all() and np.isnan(body.xy[1, 10]).all() and np.isfinite(body.xy[0, 10]).all()


def test_the_unit_is_the_torso_or_comes_from_the_shoulders() -> None:
    assert body_of(path(), 2.0, 0.5).unit == pytest.approx(0.74 * 1.3 * 2 / 4)  # a wide picture: the shoulders are the longer measure
    p = path()
    p.points[:, 11:, 2] = 0
    assert body_of(p, 1.0, 0.5).unit == pytest.approx(0.74 * 1.3 / 4)
    assert body_of(path(), 1.0, 0.5).unit == pytest.approx(0.25)
    p.points[:, 5, 2] = 0
    assert np.isnan(body_of(p, 1.0, 0.5).unit).all()


def test_intervals_end_at_gaps_in_time() -> None:
    assert intervals([True, True, False, True, True], np.array([0, 0.2, 0.4, 0.6, 2.0]), 0.5) == [(0, 1), (3, 3), (4, 4)]
    assert intervals([], np.zeros(0), 0.5) == []


def test_the_33_points_of_the_feature_come_in_coco_order_with_more_behind() -> None:
    keypoints = np.zeros((1, 33, 4), np.float32)
    keypoints[0, :, 0] = np.arange(33)
    track = PersonTrack(0, 5, 0.0, 0.2, 0, np.zeros(1), np.zeros((1, 4), np.float32), np.ones(1, np.float32), keypoints)
    (made,) = from_people(People((track,), (0.0,)))
    assert made.points.shape == (1, len(BLAZE_NAMES), 3) and BLAZE_NAMES[:17] == COCO_NAMES
    assert [POINT_NAMES[int(x)] for x in made.points[0, :, 0]] == list(BLAZE_NAMES)


def test_points_of_another_model_are_joined_by_person_and_time() -> None:
    t = np.array([0.0, 0.2])
    track = PersonTrack(0, 5, 0.0, 0.4, 0, t, np.zeros((2, 4), np.float32), np.ones(2, np.float32), np.zeros((2, 33, 4), np.float32))
    (made,) = with_points(People((track,), (0.0, 0.2)), {(5, 0.2): np.ones((17, 3), np.float32), (6, 0.0): np.ones((17, 3))}, 17)
    assert np.isnan(made.points[0]).all() and (made.points[1] == 1).all()


# --- posture and movement ---

SIT_SIDE = {"left_knee": (0.9, 1.1), "right_knee": (0.9, 1.1), "left_ankle": (0.9, 2.0), "right_ankle": (0.9, 2.0)}
SIT_FRONT = {"left_knee": (0.3, 1.3), "right_knee": (-0.3, 1.3), "left_ankle": (0.3, 2.1), "right_ankle": (-0.3, 2.1)}
GONE = (NAN, NAN)


@pytest.mark.parametrize(
    ("moved", "expected"),
    [
        ({}, "standing"),
        (SIT_SIDE, "sitting"),
        (SIT_FRONT, "sitting"),
        ({"left_knee": GONE, "right_knee": GONE}, "upright"),
        ({"left_ankle": GONE, "right_ankle": GONE}, None),  # a thigh straight down: kneeling looks the same
        ({"left_hip": GONE}, None),
        ({"left_shoulder": (1.2, 0.9), "right_shoulder": (1.0, 0.9)}, "bending"),
        ({"left_shoulder": (0.9, 0.3), "right_shoulder": (0.7, 0.3)}, "bending"),
        ({"left_knee": (0.22, 0.2), "right_knee": (-0.22, 0.2)}, None),  # knees over the hips: points gone wrong
    ],
)
def test_posture_of_one_sample(moved: dict[str, tuple[float, float]], expected: str | None) -> None:
    assert posture_at(figure(**moved))[0] == expected


def test_lying_needs_legs_that_lie_too() -> None:
    xy = figure()[:, ::-1].copy()
    assert posture_at(xy)[0] == "lying"
    xy[13:] = NAN
    assert posture_at(xy)[0] is None


def test_a_posture_lasts_and_a_single_other_sample_does_not_break_it() -> None:
    body = still(figure(), 12)
    body.xy[5] = figure(**SIT_SIDE)
    (span,) = postures(body)
    assert (span.posture, span.first, span.last) == ("standing", 0, 11) and span.evidence["knee_deg"] == pytest.approx(180)
    assert postures(still(figure(), 4)) == []  # 0.6 s


@pytest.mark.parametrize(
    ("speed", "expected"),
    [
        (0.0, ["standing"]),
        (1.7, ["standing"]),  # a walk, or a camera that pans
        (2.5, []),  # a run, a jump: legs are as straight there
    ],
)
def test_who_travels_fast_has_no_posture(speed: float, expected: list[str]) -> None:
    body = still(figure(), 12)
    body.xy[..., 1] += (np.arange(12) % 2 * speed / 5)[:, None]  # up and down, as in a jump
    assert [s.posture for s in postures(body)] == expected


def test_a_posture_begins_where_the_run_ends() -> None:
    body = still(figure(), 24)
    body.xy[..., 0] += np.minimum(np.arange(24), 10)[:, None] * 0.6
    (span,) = postures(body)
    assert 10 <= span.first <= 12 and span.last == 23


def test_joint_angle() -> None:
    assert joint_deg(np.array([0, -1.0]), np.zeros(2), np.array([1.0, 0])) == pytest.approx(90)
    assert np.isnan(joint_deg(np.zeros(2), np.zeros(2), np.ones(2)))


def test_movement_is_of_the_body_and_travel_of_its_place() -> None:
    walking = still(figure(), 6)
    walking.xy[:] += (np.arange(6) * 0.1)[:, None, None]  # one diagonal step of 0.1 each way in 0.2 s
    moved, travelled = movement(walking)
    assert np.isnan(moved[0]) and moved[1:] == pytest.approx(0) and travelled[1:] == pytest.approx(0.1 * np.sqrt(2) * 5)
    waving = still(figure(), 6)
    waving.xy[::2, 9, 0] += 0.26
    moved, travelled = movement(waving)
    assert travelled[1:] == pytest.approx(0) and moved[1:] == pytest.approx(0.26 * 5 / 13)


def test_movement_over_a_gap_or_of_too_few_points_is_unknown() -> None:
    body = Body(np.array([0.0, 2.0]), np.stack([figure(), figure()]), np.ones(2))
    assert np.isnan(movement(body)[0]).all()
    few = still(figure(), 3)
    few.xy[:, 7:] = NAN
    assert np.isnan(movement(few)[0]).all() and np.isfinite(movement(few)[1][1:]).all()


# --- gestures ---


def test_turning_points_alternate_and_small_ones_do_not_count() -> None:
    t = np.arange(9) / 5
    assert swings(np.array([0, 1, 0, 1, 0, 1, 0, 1, 0.0]), t, 0.5) == [[0, 1, 2, 3, 4, 5, 6, 7, 8]]
    assert swings(np.array([0, 0.1, 0, 0.1, 0, 0.1, 0, 0.1, 0.0]), t, 0.5) == []
    assert swings(np.array([0, 1, 0, NAN, 0, 1, 0, 1, 0.0]), t, 0.5) == [[0, 1, 2], [4, 5, 6, 7, 8]]
    assert swings(np.array([0, 1, 1, 1, 1, 1, 0.0]), t[:7], 0.5) == [[0, 1]]  # the way back begins a second later
    assert swings(np.zeros(0), np.zeros(0), 0.5) == []


def test_both_hands_over_the_head_and_not_on_it() -> None:
    up = still(figure(left_wrist=(0.5, -1.0), right_wrist=(-0.5, -1.0)))
    (span,) = hands_up(up)
    assert (span.first, span.last) == (0, 9) and span.evidence["above_nose"] == pytest.approx(0.58)
    assert hands_up(still(figure(left_wrist=(0.5, -1.0)))) == []
    assert hands_up(still(figure(left_wrist=(0.1, -0.55), right_wrist=(-0.1, -0.55)))) == []
    assert hands_up(Body(up.t_s[:2], up.xy[:2], up.unit[:2])) == []


POINTING = {"left_elbow": (0.97, -0.05), "left_wrist": (1.47, -0.1)}


def test_one_straight_still_arm_points() -> None:
    (span,) = points(still(figure(**POINTING)))
    assert span.side == "left" and span.evidence["raised_deg"] == pytest.approx(95, abs=2) and span.evidence["wrist_speed"] == 0
    both = figure(**POINTING, right_elbow=(-0.97, 0), right_wrist=(-1.47, 0))
    assert points(still(both)) == []
    assert points(still(figure(left_elbow=(0.7, 0.5), left_wrist=(1.1, 0.2)))) == []  # bent
    assert points(still(figure())) == []  # hanging
    assert points(still(figure(left_elbow=(0.4, -0.6), left_wrist=(0.42, -1.1)))) == []  # overhead
    assert points(still(figure(**POINTING), 3)) == []  # 0.4 s


def test_an_arm_that_sweeps_does_not_point() -> None:
    body = still(figure(**POINTING))
    body.xy[:, 9, 1] += 0.25 * (np.arange(10) % 2)
    assert points(body) == []


@pytest.mark.parametrize(("every", "expected"), [(0, 1), (7, 1), (2, 0)], ids=["all seen", "few missed", "each second missed"])
def test_hands_that_are_half_guessed_do_not_clap(every: int, expected: int) -> None:
    body = still(figure(), 21)
    for i in range(21):
        half = 0.1 if i % 4 == 1 else 0.45 if i % 4 == 3 else 0.25
        body.xy[i, 9], body.xy[i, 10] = (half, 0.4), (-half, 0.4)
        if every and i % every == 0:
            body.xy[i, 9] = NAN
    assert [g.gesture for g in gestures(body)] == ["clap"] * expected


@pytest.mark.parametrize("name", _skeletons.GESTURES)
def test_generated_gestures_are_found(name: str) -> None:
    rng = np.random.default_rng(5)
    hits = 0
    for _ in range(20):
        act = _skeletons.make(rng, name)
        hits += any(g.gesture == name for g in gestures(act.body))
    assert hits >= 15


@pytest.mark.parametrize("name", _skeletons.LOOK_ALIKES)
def test_look_alikes_are_not(name: str) -> None:
    rng = np.random.default_rng(6)
    assert sum(bool(gestures(_skeletons.make(rng, name).body)) for _ in range(20)) <= 3


def test_still_people_make_no_gesture_and_nobody_none() -> None:
    assert gestures(still(figure())) == []
    empty = Body(np.zeros(0), np.zeros((0, 17, 2)), np.zeros(0))
    assert gestures(empty) == [] and postures(empty) == []
    lost = Body(np.arange(5) / 5, np.full((5, 17, 2), NAN), np.full(5, NAN))
    assert gestures(lost) == [] and postures(lost) == []
    assert waves(lost) == [] and claps(lost) == []


# --- paths of detectors ---


def found(score: float = 0.9, *, x: float = 0.3, head: float = 0.9, legs: float = 0.9) -> tuple[Any, float, np.ndarray]:
    keypoints = np.full((17, 3), 0.5, np.float32)
    keypoints[:5, 2], keypoints[5:13, 2], keypoints[13:, 2] = head, 0.9, legs
    return (x, 0.2, 0.2, 0.6), score, keypoints


def collected(frames: Sequence[Sequence[Any]], shots: Sequence[tuple[float, float]] = SHOTS) -> list[Path]:
    collector = Collector(0.5)
    for k, one in enumerate(frames):
        collector.feed(k / 5, one)
    return collector.paths(shots)


def test_one_person_is_one_path() -> None:
    (only,) = collected([[found()]] * 5)
    assert (only.track_id, only.start_s, only.end_s, len(only.t_s)) == (0, 0.0, 1.0, 5)


@pytest.mark.parametrize(
    ("frames", "why"),
    [
        ([], "no frame"),
        ([[]] * 5, "nobody"),
        ([[found()], [], [], [], []], "one sample of five"),
        ([[found(0.55)]] * 5, "never sure"),
        ([[found(head=0.1, legs=0.1)]] * 5, "a torso over a table"),
    ],
)
def test_what_is_no_person(frames: Sequence[Sequence[Any]], why: str) -> None:
    assert collected(frames) == [], why


def test_a_short_shot_needs_the_person_all_through_it() -> None:
    frames = [[found()]] * 2 + [[]] * 4
    assert [(p.shot, p.end_s) for p in collected(frames, [(0.0, 0.4), (0.4, 1.2)])] == [(0, 0.4)]
    assert collected(frames, [(0.0, 1.2)]) == []


def test_people_side_by_side_keep_their_numbers() -> None:
    frames = [[found(x=0.1 + k * 0.01), found(x=0.6 - k * 0.01)] for k in range(6)]
    both = collected([f if k % 2 else f[::-1] for k, f in enumerate(frames)])
    assert len(both) == 2 and all(np.ptp(p.xywh_norm[:, 0]) < 0.06 for p in both)


def test_a_head_or_a_whole_leg_shows_a_body() -> None:
    rows = np.stack([found()[2], found(head=0.1)[2], found(legs=0.1)[2], found(head=0.1, legs=0.1)[2]])
    assert embodied(rows, 0.5).tolist() == [True, True, True, False]


# --- decoders ---


def test_yolo_pose_is_decoded_out_of_its_letterbox() -> None:
    raw = np.zeros((56, 3), np.float32)
    raw[:5, 0] = (320, 320, 100, 200, 0.9)
    raw[:5, 1] = (322, 321, 100, 200, 0.8)  # the same person
    raw[:5, 2] = (320, 320, 100, 200, 0.1)
    raw[5:8, 0] = (320, 240, 0.7)
    (only,) = _yolo_pose.decode(raw, Letterbox(0.5, 0, 140, 1280, 720), 0.25)
    box, score, keypoints = only
    assert box == pytest.approx((540 / 1280, 160 / 720, 200 / 1280, 400 / 720)) and score == pytest.approx(0.9)
    assert keypoints[0].tolist() == pytest.approx([640 / 1280, 200 / 720, 0.7]) and keypoints.shape == (17, 3)
    assert _yolo_pose.decode(raw[:, 2:], Letterbox(0.5, 0, 140, 1280, 720), 0.25) == []


def test_another_output_than_17_points_is_told() -> None:
    with pytest.raises(ValueError, match="56 rows"):
        _yolo_pose.decode(np.zeros((84, 8400), np.float32), Letterbox(1, 0, 0, 640, 640), 0.25)


def test_movenet_gets_the_square_and_its_points_are_placed() -> None:
    class Session:
        def run(self, inputs: Sequence[np.ndarray]) -> list[np.ndarray]:
            self.square = inputs[0]
            rows = np.zeros((1, 1, 17, 3), np.float32)
            rows[0, 0, :] = (0.25, 0.5, 0.8)
            return [rows]

    session = Session()
    rgb = np.zeros((400, 300, 3), np.uint8)
    rgb[100:300, 100:180] = 255
    (placed,) = _topdown.MoveNet(cv2, SimpleNamespace(session=session))([rgb], [(100.0, 100.0, 80.0, 200.0)], [])
    assert session.square.shape == (1, 192, 192, 3) and session.square.dtype == np.uint8
    rows = np.flatnonzero(session.square[0, :, 96, 0] > 127)
    assert (rows[0], rows[-1]) == pytest.approx((192 * 0.1, 192 * 0.9), abs=1.5)  # the box in a square a quarter larger
    assert placed[0].tolist() == pytest.approx([140, 200 - 62.5, 0.8])


def test_blaze_lite_looks_at_the_circle_about_the_whole_body() -> None:
    class Session:
        def run(self, inputs: Sequence[np.ndarray]) -> list[np.ndarray]:
            table = np.zeros((39, 5), np.float32)
            table[:, :2] = 128
            heat = np.full((1, 64, 64, 39), -9, np.float32)
            return [table.reshape(1, 195), np.ones((1, 1), np.float32), np.zeros((1, 256, 256, 1), np.float32), heat]

    keypoints = np.zeros((33, 4), np.float32)
    keypoints[23:25, :2] = (150, 200)
    keypoints[11:13, :2] = (150, 140)
    (placed,) = _topdown.BlazeLite(cv2, SimpleNamespace(session=Session()))(
        [np.zeros((400, 300, 3), np.uint8)], [(100.0, 100.0, 100.0, 200.0)], [keypoints]
    )
    assert placed.shape == (len(BLAZE_NAMES), 3) and placed[0].tolist() == pytest.approx([150, 200, 0.5])


def test_vitpose_part_of_the_picture() -> None:
    assert _topdown.vitpose_box((100, 100, 30, 80)) == pytest.approx((115, 140, 60 * 1.25, 80 * 1.25))
    assert _topdown.vitpose_box((100, 100, 90, 80)) == pytest.approx((145, 140, 90 * 1.25, 120 * 1.25))
    rgb = np.zeros((300, 300, 3), np.uint8)
    rgb[140, 115] = 255
    part = _topdown.vitpose_input(cv2, rgb, (100.0, 100.0, 30.0, 80.0))
    assert part.shape == (3, 256, 192) and part.dtype == np.float32
    y, x = np.unravel_index(part[0].argmax(), part[0].shape)
    assert abs(x - 95.5) <= 1.5 and abs(y - 127.5) <= 1.5
    assert part[:, 0, 0].tolist() == pytest.approx([-0.485 / 0.229, -0.456 / 0.224, -0.406 / 0.225], abs=1e-4)


@pytest.mark.parametrize("at", [(20.0, 30.0), (20.3, 30.4), (11.6, 50.2)])
def test_dark_finds_the_top_between_pixels(at: tuple[float, float]) -> None:
    y, x = np.mgrid[:64, :48]
    heat = np.exp(-((x - at[0]) ** 2 + (y - at[1]) ** 2) / (2 * 2.0**2)).astype(np.float32)
    (top,) = _topdown.dark(cv2, heat[None])
    assert top[:2].tolist() == pytest.approx(at, abs=0.05) and top[2] > 0.9


def test_dark_of_a_flat_map_and_of_a_peak_at_the_edge() -> None:
    flat, edge = np.zeros((1, 64, 48), np.float32), np.zeros((1, 64, 48), np.float32)
    edge[0, 0, 47] = 1
    assert _topdown.dark(cv2, flat)[0].tolist() == [0, 0, 0]
    assert _topdown.dark(cv2, edge)[0].tolist() == [47, 0, 1]


# --- the result ---


def test_nobody_is_a_result_that_says_why() -> None:
    made = result_of([], [0.0, 0.2], COCO_NAMES, (0.3, 0.3), 1.0, 1.0)
    assert made.tracks == [] and made.series == [] and made.segments == []
    assert made.summary.people_max == 0 and made.summary.person_time_share == 0
    assert made.summary.movement_mean is None and made.summary.not_measured["movement_mean"] == "nobody was found"


def test_persons_without_a_skeleton_are_told_from_nobody() -> None:
    reasons = []
    for frames in ([[]] * 4, [[found(head=0.1, legs=0.1)]] * 4):
        looker = _backends.Boxed(SimpleNamespace(), lambda *_: [], 0.5)
        for k, one in enumerate(frames):
            looker._collector.feed(k / 5, one)
        assert looker.paths(None, SHOTS) == []
        made = result_of([], looker.sampled(None), COCO_NAMES, (0.3, 0.3), 1.0, 1.0, looker.nobody(None))
        reasons.append(made.summary.not_measured["movement_mean"])
    assert reasons == ["nobody was found", "persons were found, but no skeleton was certain enough"]


def test_every_field_says_what_it_is() -> None:
    for model in (BodySegment, BodyPoint, BodyTrack, BodySummary, PersonFigures):
        own = set(model.__annotations__)
        assert [n for n, f in model.model_fields.items() if n in own and not f.description] == []


def test_null_points_are_null_and_counts_are_told() -> None:
    one = path()
    one.points[0, 9, 2] = 0.1
    made = result_of([one, path(number=1)], [k / 5 for k in range(20)], COCO_NAMES, (0.3, 0.3), 1.0, 1.0)
    data = BodyPoseResult.model_validate_json(made.model_dump_json())
    first = data.tracks[0].points[0].keypoints
    assert first[9] is None and first[0] is not None and len(first) == 17
    assert made.summary.people_max == 2 and made.summary.person_time_share == 0.5 and made.summary.points_per_s == pytest.approx(5)
    assert made.summary.postures["standing"].count == 2 and made.summary.postures["standing"].person_s == pytest.approx(4.0)
    assert [s.t_s for s in made.series[0:1]] == [[pytest.approx(k / 5) for k in range(10)]]
    assert made.series[0].values[0] is None and made.series[0].values[1] == pytest.approx(0, abs=1e-5)


def test_a_point_may_be_written_and_not_count_for_the_rules() -> None:
    one = path()
    one.points[:, 13:, 2] = 0.25
    made = result_of([one], one.t_s.tolist(), COCO_NAMES, (0.2, 0.3), 1.0, 1.0)
    assert all(k is not None for k in made.tracks[0].points[0].keypoints)
    assert list(made.summary.postures) == ["upright"], "knees that are not sure make nobody stand"


@pytest.mark.parametrize(
    ("counts", "points_each", "every"), [([], 17, 1), ([300, 300], 29, 1), ([1200], 17, 1), ([1201], 17, 2), ([9000], 29, 10)]
)
def test_tracks_are_thinned_to_the_budget(counts: list[int], points_each: int, every: int) -> None:
    assert thin_to(counts, points_each) == every


def test_two_people_for_a_minute_stay_under_half_a_megabyte() -> None:
    rng = np.random.default_rng(0)
    people = [path(300, count=29, number=k) for k in range(2)]
    for p in people:
        p.points[..., :2] += rng.normal(0, 0.01, p.points[..., :2].shape)
    made = result_of(people, people[0].t_s.tolist(), BLAZE_NAMES, (0.5, 0.5), 1.0, 1.0)
    assert sum(len(t.points) for t in made.tracks) == 600 <= POINTS_BUDGET
    assert len(made.model_dump_json()) < 600_000
    crowd = result_of([path(300, number=k) for k in range(8)], people[0].t_s.tolist(), COCO_NAMES, (0.5, 0.5), 1.0, 1.0)
    assert sum(len(t.points) for t in crowd.tracks) <= POINTS_BUDGET and crowd.summary.points_per_s == pytest.approx(2.5)


# --- the analyzer with stubs ---


def person_seen(number: int) -> PersonSeen:
    keypoints = np.zeros((33, 4), np.float32)
    keypoints[:, 0], keypoints[:, 1], keypoints[:, 3] = 0.5, 0.5, 0.9
    return PersonSeen(number, (0.25, 0.25, 0.5, 0.5), 0.9, keypoints)


def window() -> Window:
    pixels = np.zeros((2, 90, 160, 3), np.uint8)
    pixels.flags.writeable = False
    frames = Frames(pixels, np.array([0.0, 0.2]), np.array([0, 6]))
    return Window(0, 0.0, 0.4, True, {SAMPLED_LARGE.resolve(160, 90): frames}, (160, 90))


CLIP = Clip("clip", SimpleNamespace(duration_s=0.4, width_px=160, height_px=90), "")  # type: ignore[arg-type]


def test_the_embedded_backend_reads_the_feature_only() -> None:
    analyzer = BodyPose()
    analyzer.load(LoadContext("cpu", NoOptions(), (), backend="mediapipe_full"))
    analyzer.begin(CLIP)
    seen = person_seen(3)
    track = PersonTrack(
        0,
        3,
        0.0,
        0.4,
        0,
        np.array([0.0, 0.2]),
        np.array([seen.xywh_norm] * 2, np.float32),
        np.ones(2, np.float32),
        np.stack([seen.keypoints] * 2),
    )
    features = {"people": People((track,), (0.0, 0.2))}
    made = analyzer.finish(Inputs(CLIP, features=features))
    assert len(made.tracks) == 1 and made.summary.keypoint_names == list(BLAZE_NAMES) and made.coverage == 1.0
    assert analyzer.finish(Inputs(CLIP, features={"people": People((), ())})).coverage == 0
    analyzer.close()
    analyzer.close()


def test_a_model_on_the_feature_gets_pixels_and_gives_them_back_normalised() -> None:
    asked: list[Any] = []

    def model(pictures: Sequence[np.ndarray], boxes: Sequence[Any], keypoints: Sequence[np.ndarray]) -> list[np.ndarray]:
        asked.append((boxes, [k[0, :2].tolist() for k in keypoints]))
        return [np.tile(np.array([80.0, 45.0, 0.9], np.float32), (len(BLAZE_NAMES), 1)) for _ in boxes]

    looker = _backends.OfFeature(model)
    people = PeopleWindow((0.0, 0.2), ((person_seen(3),), ()))
    frames = window().frames(SAMPLED_LARGE)
    looker.feed(frames.pixels, frames.pts_s.tolist(), people)
    assert asked[0] == ([(40, 22.5, 80, 45)], [[80, 45]])
    seen = person_seen(3)
    track = PersonTrack(0, 3, 0.0, 0.2, 0, np.zeros(1), np.zeros((1, 4), np.float32), np.ones(1, np.float32), seen.keypoints[None])
    (made,) = looker.paths(People((track,), (0.0, 0.2)), SHOTS)
    assert made.points[0, 0].tolist() == pytest.approx([0.5, 0.5, 0.9])
    looker.begin()
    (fresh,) = looker.paths(People((track,), (0.0,)), SHOTS)
    assert np.isnan(fresh.points).all()


def test_only_persons_of_the_detector_are_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        _backends, "yolox", lambda session, rgb, least: [((0.1, 0.1, 0.5, 0.8), 0.9, "person"), ((0.5, 0.5, 0.2, 0.2), 0.9, "dog")]
    )
    looker = _backends.Boxed(
        SimpleNamespace(session=None), lambda pictures, boxes, _: [np.full((17, 3), 45.0, np.float32) for _ in boxes], 0.3
    )
    (only,), (other,) = looker.find(np.zeros((2, 90, 160, 3), np.uint8))
    assert other[0] == only[0]
    assert only[0] == (0.1, 0.1, 0.5, 0.8) and only[2][0].tolist() == pytest.approx([45 / 160, 0.5, 45])


def test_two_boxes_of_one_person_are_one(monkeypatch: pytest.MonkeyPatch) -> None:
    boxes = [((0.1, 0.1, 0.5, 0.8), 0.9, "person"), ((0.1, 0.1, 0.8, 0.8), 0.6, "person"), ((0.5, 0.1, 0.4, 0.8), 0.5, "person")]
    monkeypatch.setattr(_backends, "yolox", lambda session, rgb, least: boxes)

    def model(pictures: Sequence[np.ndarray], pixels: Sequence[Any], _: Sequence[np.ndarray]) -> list[np.ndarray]:
        return [np.concatenate([figure() * 30 + (x, 20), np.ones((17, 1))], axis=1) for x in (60, 63, 120)]

    looker = _backends.Boxed(SimpleNamespace(session=None), model, 0.3)
    assert [[score for _, score, _ in one] for one in looker.find(np.zeros((1, 90, 160, 3), np.uint8))] == [[0.9, 0.5]]


def test_every_backend_has_a_limit_and_its_models_are_in_the_manifest() -> None:
    from reelscope.models.manifest import manifest

    for backend in BodyPose.spec.backends:
        assert _backends.LIMITS[backend.name] <= _backends.SURE[backend.name]
        assert set(backend.models) <= set(manifest())
    shots = Shots((), SHOTS)
    assert shots.shots == SHOTS
