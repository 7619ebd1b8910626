"""eye_tracking: shapes of eyes, following by stub models, gaze and blinks by tables, gaps, cuts, real clips."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from reelscope.analyzers.eye_tracking import EyeResult, EyeTracking
from reelscope.analyzers.eye_tracking import _gaze as gaze_module
from reelscope.analyzers.eye_tracking._assemble import assemble
from reelscope.analyzers.eye_tracking._blinks import find_blinks, open_levels
from reelscope.analyzers.eye_tracking._eyes import Eye, measure_eye, shape_of
from reelscope.analyzers.eye_tracking._gaze import Calibration, Gaze, calibrate, gaze_of, stretches
from reelscope.analyzers.eye_tracking._stream import MAX_FACES, EyeLog, EyeRow, EyeStream
from reelscope.config import Settings
from reelscope.document.schema import MediaInfo
from reelscope.features.base import Clip, Inputs, LoadContext, NoOptions
from reelscope.features.faces import FEATURE, Faces, FaceSeen, FacesFeature, FacesWindow, FaceTrack
from reelscope.features.shots import Shots
from reelscope.media.encode import ClipWriter
from reelscope.media.frames import EYES, SAMPLED_LARGE, Frames, Window
from reelscope.pipeline import Session

FPS = 30.0

# --- one eye ---


def contour(width: float = 40.0, opening: float = 12.0) -> np.ndarray:
    """float [16, 2]: corners at (0, 0) and (width, 0), lids half the opening above and below."""
    points = np.zeros((16, 2))
    points[:9, 0] = np.linspace(0, width, 9)
    points[1:8, 1] = opening / 2
    points[9:, 0] = np.linspace(0, width, 9)[1:8]
    points[9:, 1] = -opening / 2
    return points


def iris(x: float, y: float, r: float = 8.0) -> np.ndarray:
    return np.array([[x, y], [x + r, y], [x, y - r], [x - r, y], [x, y + r]], float)


def test_shape_of_an_eye() -> None:
    eye = shape_of(contour(), iris(24, -2))
    assert (eye.width_px, eye.openness, eye.x, eye.y, eye.iris) == pytest.approx((40, 0.3, 0.1, -0.05, 0.4))


@pytest.mark.parametrize("angle", [0.5, -1.2])
def test_shape_does_not_change_with_the_heads_tilt(angle: float) -> None:
    c, s = math.cos(angle), math.sin(angle)
    turn = np.array([[c, s], [-s, c]])
    eye = shape_of(contour() @ turn + 100, iris(24, -2) @ turn + 100)
    assert (eye.width_px, eye.openness, eye.x, eye.y, eye.iris) == pytest.approx((40, 0.3, 0.1, -0.05, 0.4))


def test_the_other_eye_has_its_outer_corner_on_the_right_and_the_same_axes() -> None:
    flip = np.array([-1.0, 1.0])
    eye = shape_of(contour() * flip + 100, iris(16, -2) * flip + 100)
    assert eye.x == pytest.approx(0.1) and eye.y == pytest.approx(-0.05) and eye.openness == pytest.approx(0.3)


def test_an_eye_without_width_has_no_figures() -> None:
    assert shape_of(np.zeros((16, 2)), np.zeros((5, 2))) == Eye(0, 0, 0, 0, 0)


class IrisStub:
    """Answers with an eye in the middle of its crop, the iris to the crop's right."""

    def __init__(self) -> None:
        self.seen: list[np.ndarray] = []

    def run(self, inputs: Sequence[Any]) -> list[Any]:
        self.seen.append(inputs[0])
        points = np.zeros((71, 3), np.float32)
        points[:16, :2] = contour(28, 8) + [18, 32]
        rim = np.zeros((5, 3), np.float32)
        rim[:, :2] = iris(36, 32, 5)
        return [points.reshape(1, -1), rim.reshape(1, -1)]


def test_the_left_eye_is_mirrored_for_the_model_and_back() -> None:
    mesh = np.zeros((468, 3))
    mesh[33, :2], mesh[133, :2] = (20, 40), (48, 40)  # the subject's right eye: left in the picture
    mesh[362, :2], mesh[263, :2] = (72, 40), (100, 40)
    rgb = np.zeros((80, 120, 3), np.uint8)
    rgb[:, :34], rgb[:, 86:] = 255, 255  # bright on the outer sides of both
    stub = IrisStub()
    right, left = (measure_eye(stub, rgb, mesh, right=r) for r in (True, False))
    assert all(crop[0, 32, 2, 0] == 1 and crop[0, 32, 61, 0] == 0 for crop in stub.seen)  # outer side on the left for both
    assert right.x > 0 > left.x and right.width_px == pytest.approx(left.width_px)


# --- made-up rows ---


def row(
    t_s: float, *, yaw: float = 0.0, across: float = 0.0, down: float = gaze_module.REST_DOWN, openness: float = 0.3, width: float = 30.0
) -> EyeRow:
    """A level head with both eyes alike; offsets in iris diameters."""
    eye = Eye(width, openness, across * 0.4, down * 0.4, 0.4)
    return EyeRow(t_s, yaw, 0.0, 0.0, eye, eye)


def rows_at(n: int, make: Callable[[int], dict[str, float]] = lambda i: {}, *, fps: float = FPS) -> list[EyeRow]:
    return [row(i / fps, **make(i)) for i in range(n)]


def measured(rows: Sequence[EyeRow]) -> Gaze:
    t_s = np.array([r.t_s for r in rows])
    return gaze_of(rows, open_levels(t_s, gaze_module.visible_openness(rows)))


def offset(yaw_deg: float) -> float:
    """The iris' offset of a frontal face that looks this far to the side."""
    return math.sin(math.radians(yaw_deg)) * gaze_module.ROTATION_MM / gaze_module.IRIS_MM * gaze_module.RESPONSE


@pytest.mark.parametrize("deg", [-25.0, 0.0, 12.0])
def test_gaze_of_a_frontal_face(deg: float) -> None:
    gaze = measured(rows_at(10, lambda i: {"across": offset(deg)}))
    assert gaze.yaw_deg == pytest.approx(np.full(10, deg)) and gaze.pitch_deg == pytest.approx(np.zeros(10), abs=1e-9)


def test_eyes_that_turn_against_the_head_stay_on_the_camera() -> None:
    yaw = 20.0
    gaze = measured(rows_at(10, lambda i: {"yaw": yaw, "across": -gaze_module.DEPTH_IRIS * math.sin(math.radians(yaw))}))
    assert gaze.yaw_deg == pytest.approx(np.zeros(10), abs=1e-9)
    still = measured(rows_at(10, lambda i: {"yaw": yaw}))
    assert (still.yaw_deg > 10).all()  # eyes straight in a head turned to the picture's right look there


def test_up_is_positive_and_small_eyes_have_no_pitch() -> None:
    up = {"down": gaze_module.REST_DOWN - 0.05}
    assert (measured(rows_at(5, lambda i: up)).pitch_deg > 0).all()
    assert np.isnan(measured(rows_at(5, lambda i: {**up, "width": 8.0})).pitch_deg).all()


@pytest.mark.parametrize(("change", "why"), [({"yaw": 50.0}, "turned"), ({"openness": 0.05}, "shut whoever it is")])
def test_no_direction_where_it_cannot_be_seen(change: dict[str, float], why: str) -> None:
    assert np.isnan(measured(rows_at(5, lambda i: change)).yaw_deg).all(), why


def test_an_eye_turned_away_is_left_out() -> None:
    rows = [replace(r, left=Eye(10, 0.9, 0.5, 0.5, 0.4)) for r in rows_at(5)]
    gaze = measured(rows)
    assert gaze.yaw_deg == pytest.approx(np.zeros(5), abs=1e-9) and gaze.openness == pytest.approx(np.full(5, 0.3))


def test_calibration_takes_off_a_small_bias_of_the_densest_direction() -> None:
    some = measured(rows_at(60, lambda i: {"across": offset(4.0 if i < 40 else 30.0)}))
    found = calibrate(some)
    assert found.yaw_deg == pytest.approx(4.0, abs=0.3) and found.pitch_deg == pytest.approx(0, abs=0.1) and found.frames == 60


@pytest.mark.parametrize(
    ("frames", "deg"), [(10, 4.0), (60, 20.0)], ids=["too few frames", "the densest direction is no bias: it looks elsewhere"]
)
def test_no_calibration(frames: int, deg: float) -> None:
    assert calibrate(measured(rows_at(frames, lambda i: {"across": offset(deg)}))) == Calibration()


def states(directions: Sequence[float | None]) -> list[tuple[float, float, bool | None]]:
    """Stretches of a frontal face whose direction per frame is given; None: eyes shut."""
    n = len(directions)
    yaw = np.array([np.nan if d is None else d for d in directions])
    gaze = Gaze(np.arange(n) / FPS, yaw, np.zeros(n), np.full(n, 0.3), np.ones(n), np.full(n, 30.0), np.zeros((n, 3)))
    return [(s.first, s.last, s.at_camera) for s in stretches(gaze, Calibration(), 1 / FPS)]


AWAY, NEAR, BETWEEN = 30.0, 2.0, 9.5


@pytest.mark.parametrize(
    ("directions", "expected"),
    [
        ([], []),
        ([NEAR] * 30, [(0, 29, True)]),
        ([AWAY] * 30, [(0, 29, False)]),
        ([None] * 30, [(0, 29, None)]),
        ([NEAR] * 15 + [None] * 8 + [NEAR] * 15, [(0, 37, True)]),  # a blink does not interrupt
        ([NEAR] * 15 + [None] * 25 + [NEAR] * 15, [(0, 14, True), (15, 39, None), (40, 54, True)]),  # long closed eyes do
        ([NEAR] * 15 + [None] * 8 + [AWAY] * 15, [(0, 14, True), (15, 22, None), (23, 37, False)]),
        ([NEAR] * 15 + [BETWEEN] * 15 + [AWAY] * 15, [(0, 29, True), (30, 44, False)]),  # hysteresis: a look goes on
        ([AWAY] * 15 + [BETWEEN] * 15 + [NEAR] * 15, [(0, 29, False), (30, 44, True)]),  # and does not begin
        ([NEAR] * 15 + [AWAY] * 3 + [NEAR] * 15, [(0, 32, True)]),  # 0.1 s: no glance
        ([AWAY] * 15 + [NEAR] * 3 + [AWAY] * 15, [(0, 32, False)]),  # 0.1 s: no look
        ([None] * 25 + [NEAR] * 3 + [None] * 25, [(0, 52, None)]),
        ([NEAR] * 15 + [None] * 5 + [AWAY] + [None] * 5 + [NEAR] * 15, [(0, 40, True)]),  # a stray frame within a blink
        ([NEAR] * 15 + [None] * 12 + [AWAY] + [None] * 12 + [NEAR] * 15, [(0, 14, True), (15, 39, None), (40, 54, True)]),
        ([AWAY] * 2 + [NEAR] * 20, [(0, 21, True)]),
    ],
)
def test_looks_into_the_camera(directions: Sequence[float | None], expected: Sequence[tuple[int, int, bool | None]]) -> None:
    assert states(directions) == list(expected)


# --- blinks ---


def blinks_in(parts: Sequence[float], *, fps: float = FPS) -> list[tuple[float, float, float]]:
    return [
        (round(b.start_s * fps), round(b.closed_s * fps), round(b.end_s * fps))
        for b in find_blinks(np.arange(len(parts)) / fps, np.array(parts))
    ]


OPEN = [1.0] * 15


@pytest.mark.parametrize(
    ("parts", "expected"),
    [
        ([], []),
        (OPEN * 3, []),
        ([*OPEN, 0.7, 0.3, 0.5, 0.7, *OPEN], [(15, 16, 19)]),
        ([*OPEN, 0.7, 0.72, 0.75, 0.7, *OPEN], []),  # a look down: not deep enough
        ([*OPEN, 0.65, 0.66, *OPEN], []),  # one eye winks
        ([*OPEN, *([0.3] * 25), *OPEN], []),  # eyes kept closed
        ([*OPEN, *np.linspace(1, 0.5, 15), 0.8, *OPEN], []),  # slowly down: a look at the floor
        ([0.3, 0.6, *OPEN], []),  # began before the frames
        ([*OPEN, 0.7, 0.3], []),  # goes on after them
        ([*OPEN, 0.6, 0.3, 0.9, 0.6, 0.3, 0.9, *OPEN], [(15, 16, 17), (18, 19, 20)]),  # two in a row
        ([*OPEN, 0.5, 0.3, 0.5, 0.7, 0.5, 0.25, 0.6, 0.9, *OPEN], [(15, 16, 18), (19, 20, 22)]),  # not quite open between them
        ([*OPEN, 0.5, 0.3, 0.4, 0.3, 0.6, 0.9, *OPEN], [(15, 16, 20)]),  # one, with noise at the bottom
        ([0.85] * 15 + [0.5, 0.3, 0.6] + [0.82] * 15, [(15, 16, 18)]),  # a face that squints: level 0.85
    ],
)
def test_blinks(parts: Sequence[float], expected: Sequence[tuple[int, int, int]]) -> None:
    assert blinks_in(parts) == list(expected)


def test_a_gap_interrupts() -> None:
    t_s = np.array([0.0, 1, 2, 3, 10, 11, 12]) / FPS
    assert find_blinks(t_s, np.array([1, 1, 0.7, 0.3, 0.5, 0.9, 1])) == []


def test_the_open_level_follows_slow_changes() -> None:
    t_s = np.arange(300) / FPS
    levels = open_levels(t_s, np.where(t_s < 5, 0.3, 0.2))
    assert levels[0] == pytest.approx(0.3) and levels[-1] == pytest.approx(0.2)


# --- following ---


class MeshStub:
    """A face that lies where it is asked for, present as long as `present` says."""

    def __init__(self, present: Callable[[int], bool] = lambda call: True) -> None:
        self.calls, self.present = 0, present
        self.flat = np.tile(np.array([96.0, 96.0, 0.0], np.float32), 468).reshape(468, 3)
        for index, x, y in ((10, 96, 30), (151, 96, 40), (9, 96, 50), (199, 96, 150), (175, 96, 155), (152, 96, 160)):
            self.flat[index] = (x, y, 0)
        for index, x, y in ((33, 40, 80), (133, 80, 80), (362, 112, 80), (263, 152, 80), (61, 70, 130), (291, 122, 130)):
            self.flat[index] = (x, y, 0)

    def run(self, inputs: Sequence[Any]) -> list[Any]:
        self.calls += 1
        return [self.flat.reshape(1, 1, 1, -1), np.full((1, 1, 1, 1), 5.0 if self.present(self.calls) else -5.0, np.float32)]


def face_points(scale: float = 1.0) -> np.ndarray:
    """Normalised to a picture of 192 x 192."""
    return ((MeshStub().flat - [96, 96, 0]) * scale + [96, 96, 0]).astype(np.float32) / 192


def frames_of(times: Sequence[float], size: tuple[int, int] = (192, 192)) -> Frames:
    pixels = np.zeros((len(times), size[1], size[0], 3), np.uint8)
    pixels.flags.writeable = False
    return Frames(pixels, np.array(times, float), np.arange(len(times)))


def seen(times: Sequence[float], ids: Callable[[float], Sequence[int]] = lambda t: (0,), scale: float = 1.0) -> FacesWindow:
    faces = {i: FaceSeen(i, (0.2, 0.2, 0.6, 0.6), 0.99, face_points(scale), 0.0, 0.0, 0.0) for i in range(9)}
    return FacesWindow(tuple(times), tuple(tuple(faces[i] for i in ids(t)) for t in times))


def stream(mesh: MeshStub | None = None) -> EyeStream:
    mesh, eyes = mesh or MeshStub(), IrisStub()
    return EyeStream(lambda: mesh, lambda: eyes)


def all_rows(s: EyeStream) -> list[EyeRow]:
    return s.rows[0].between(-1.0, 1e9)


def test_a_log_gives_back_what_it_was_given() -> None:
    rows = [replace(r, right=Eye(1, 2, 3, 4, 5), yaw_deg=7.5) for r in rows_at(5)]
    log = EyeLog(rows)
    assert log.between(0, 1) == rows and len(log) == 5
    assert [r.t_s for r in log.between(1 / FPS, 3 / FPS)] == [1 / FPS, 2 / FPS] and EyeLog().between(0, 9) == []


def test_every_frame_of_a_face_is_measured_also_before_its_first_sighting() -> None:
    s = stream()
    times = [i / 30 for i in range(60)]
    s.feed(frames_of(times), seen([0.2 * k for k in range(10)], lambda t: (0,) if 0.39 < t < 1.3 else ()))
    t_s = [r.t_s for r in all_rows(s)]
    assert t_s == sorted(t_s) and len(set(t_s)) == len(t_s)
    assert t_s[0] == pytest.approx(0.4 - 7 / 30) and t_s[-1] == pytest.approx(1.2 + 13 / 30)


def test_a_face_is_followed_into_the_next_window_until_it_is_unseen_for_long() -> None:
    s = stream()
    s.feed(frames_of([i / 30 for i in range(60)]), seen([1.8]))
    s.feed(frames_of([2 + i / 30 for i in range(60)]), seen([], lambda t: ()))
    assert all_rows(s)[-1].t_s == pytest.approx(1.8 + 13 / 30)
    s.feed(frames_of([4.0]), seen([], lambda t: ()))
    assert len(s.rows[0]) == 7 + 6 + 8


def test_a_face_that_is_lost_comes_back_with_its_next_sighting() -> None:
    s = stream(MeshStub(lambda call: not 3 <= call <= 3))
    s.feed(frames_of([i / 10 for i in range(10)]), seen([0.0, 0.5]))
    assert [round(r.t_s, 1) for r in all_rows(s)] == [0.0, 0.1, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9]  # 0.3 and 0.4: backwards from 0.5


def test_small_and_surplus_faces_are_named() -> None:
    s = stream()
    s.feed(frames_of([0.0, 0.1]), seen([0.0], lambda t: range(5)))
    assert len(s.rows) == MAX_FACES and len(s.crowded) == 2
    small = stream()
    small.feed(frames_of([0.0, 0.1]), seen([0.0], scale=0.1))
    assert not small.rows and small.too_small[0] == pytest.approx(4.0, abs=0.1)


def test_faces_without_a_mesh_and_empty_windows_measure_nothing() -> None:
    s = stream()
    s.feed(frames_of([]), FacesWindow((), ()))
    s.feed(frames_of([0.0]), FacesWindow((0.0,), ((FaceSeen(0, (0.2, 0.2, 0.6, 0.6), 0.7),),)))
    assert not s.rows and list(s.times) == [0.0]


class MovingMesh(MeshStub):
    """A face that goes to the right by `step` of its square each time it is asked for."""

    def __init__(self, step: float) -> None:
        super().__init__()
        self.flat = self.flat + np.array([step * 192, 0, 0], np.float32)


@pytest.mark.parametrize(("step", "meshes"), [(0.0, 7), (0.02, 7), (0.3, 12)], ids=["still", "slow", "a jump each time"])
def test_one_mesh_serves_two_frames_unless_the_face_jumps(step: float, meshes: int) -> None:
    """Twelve frames from a sighting on: the first by itself, then pairs, and one left over. Eyes are looked at in all."""
    mesh = MovingMesh(step)
    s = stream(mesh)
    s.feed(frames_of([i / 30 for i in range(12)]), seen([0.0]))
    rows = all_rows(s)
    assert len(rows) == 12
    assert mesh.calls == meshes if step < 0.1 else mesh.calls >= meshes


# --- the result ---


def track(live_id: int = 0, start_s: float = 0.0, end_s: float = 2.0, shot: int = 0, number: int = 0) -> FaceTrack:
    t_s = np.arange(start_s, end_s - 1e-9, 0.2)
    n = len(t_s)
    return FaceTrack(
        number, live_id, start_s, end_s, shot, t_s, np.full((n, 4), 0.25, np.float32), np.ones(n, np.float32), np.zeros((n, 3), np.float32)
    )


def result(rows: Sequence[EyeRow], *tracks: FaceTrack, shots: Sequence[tuple[float, float]] = ((0.0, 10.0),), **more: Any) -> EyeResult:
    faces = Faces(tracks or (track(),), (0.0,))
    return assemble(faces, shots, {0: EyeLog(rows)}, times=[r.t_s for r in rows] or [0.0, 0.1], **more)


def with_blink(i: int) -> dict[str, float]:
    return {"openness": 0.08} if i in (30, 31, 32) else {"openness": 0.2} if i in (29, 33) else {}


def test_a_look_with_a_blink_in_it() -> None:
    r = result(rows_at(60, with_blink))
    look, blink = r.segments
    assert (look.kind, look.at_camera, look.start_s, look.end_s) == ("look", True, 0.0, 2.0)
    assert (blink.kind, blink.at_camera) == ("blink", None)
    assert (blink.start_s, blink.end_s) == pytest.approx((29 / 30, 34 / 30), abs=1e-5)
    assert blink.closed_s is not None and blink.open_part == pytest.approx(0.08 / 0.3, abs=1e-4)
    (face,) = r.tracks
    assert (face.blinks, face.blinks_per_min, face.at_camera_share) == (1, None, 1.0)
    assert face.blink_reason == "less than 5 s to count in: no rate" == r.summary.blink_reason
    assert r.summary.longest_look is not None and r.summary.longest_look.end_s == 2.0 and r.summary.at_camera_share == 1.0


def test_a_rate_of_blinks() -> None:
    r = result(rows_at(300, lambda i: with_blink(i % 60)), track(end_s=10.0))
    assert r.summary.blinks == 5 and r.summary.blinks_per_min == pytest.approx(30, rel=0.01) and r.summary.blink_reason is None


@pytest.mark.parametrize(
    ("rows", "reason"),
    [
        (rows_at(24, fps=12.0), "the eyes were seen at 12.0 frames/s, 25 are needed"),
        (rows_at(60, lambda i: {"width": 6.0}), "the eyes are 6.0 px wide, 7 are needed"),
        (rows_at(60, lambda i: {"yaw": 60.0}), "the head is turned away"),
    ],
)
def test_why_no_blinks_were_counted(rows: Sequence[EyeRow], reason: str) -> None:
    r = result(rows)
    assert r.tracks[0].blinks is None and r.tracks[0].blink_reason == reason == r.summary.blink_reason
    assert not any(s.kind == "blink" for s in r.segments)


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (lambda i: {"yaw": 60.0}, "the head is turned by more than 40 degrees"),
        (lambda i: {"openness": 0.05}, "the eyes are closed or narrowed"),
        (lambda i: {"width": 4.5}, "the eyes are 4.5 px wide, 5 are needed"),
    ],
)
def test_why_a_stretch_is_not_measured(make: Callable[[int], dict[str, float]], reason: str) -> None:
    r = result(rows_at(60, make))
    (look,) = [s for s in r.segments if s.kind == "look"]
    assert look.at_camera is None and look.reason == reason and look.gaze_yaw_deg is None
    assert r.summary.at_camera_share is None and r.summary.measured_s == 0
    assert r.summary.reason == reason == r.tracks[0].reason


@pytest.mark.parametrize(
    ("more", "reason"),
    [
        ({}, "the face is too small, blurred or turned away for a mesh"),
        ({"too_small": {0: 3.21}}, "the eyes are at most 3.2 px wide, 5 are needed"),
        ({"crowded": frozenset({0})}, "there were three larger faces"),
    ],
)
def test_why_a_face_has_no_eyes(more: dict[str, Any], reason: str) -> None:
    r = result([], **more)
    assert r.tracks[0].reason == reason == r.segments[0].reason == r.summary.reason
    assert r.segments[0].at_camera is None and r.series == [] and r.summary.face_s == 2.0


def test_a_single_frame_makes_nothing_up() -> None:
    """Of a clip of 0.04 s: no rate, no step, no look; what was measured of the frame stands."""
    one = FaceTrack(
        0, 0, 0.0, 0.04, 0, np.zeros(1), np.full((1, 4), 0.25, np.float32), np.ones(1, np.float32), np.zeros((1, 3), np.float32)
    )
    r = result(rows_at(1), one, shots=((0.0, 0.04),))
    (look,) = r.segments
    assert (look.start_s, look.end_s, look.at_camera, look.reason) == (0.0, 0.04, None, "a single frame is too short")
    assert look.gaze_yaw_deg == look.raw_gaze_yaw_deg == pytest.approx(0, abs=0.1)
    assert r.tracks[0].eye_fps is None and r.summary.eye_fps is None and r.tracks[0].end_s == 0.04
    assert r.tracks[0].reason == r.tracks[0].blink_reason == r.summary.reason == r.summary.blink_reason == "a single frame is too short"


def test_a_glance_too_short_for_a_look_says_so() -> None:
    rows = rows_at(60, lambda i: {} if i in (30, 31, 32) else {"yaw": 60.0})
    looks = [s for s in result(rows, track()).segments if s.kind == "look"]
    assert [(s.at_camera, s.reason) for s in looks] == [(None, "the head is turned by more than 40 degrees")]
    few = result(rows_at(4)).segments
    assert [(s.at_camera, s.reason) for s in few] == [(None, "too short: a look takes 0.2 s")]


def test_directions_before_and_after_calibration() -> None:
    (look,) = result(rows_at(60, lambda i: {"across": offset(5.0)})).segments
    assert look.raw_gaze_yaw_deg == pytest.approx(5.0, abs=0.1) and look.gaze_yaw_deg == pytest.approx(0, abs=0.1)
    assert look.raw_gaze_pitch_deg is not None and look.pitch_reason is None


def test_small_eyes_are_marked() -> None:
    r = result(rows_at(60, lambda i: {"width": 7.0}))
    (look,) = [s for s in r.segments if s.kind == "look"]
    assert look.at_camera and look.weak_reason == "the eyes are 7.0 px wide, below 8 the direction is uncertain"
    assert look.gaze_pitch_deg is None and look.pitch_reason == "the eyes are 7.0 px wide, 18 are needed for up and down"
    assert r.tracks[0].weak_s == r.tracks[0].measured_s == r.summary.weak_s == 2.0
    assert result(rows_at(60)).summary.weak_s == 0 and result(rows_at(60)).segments[0].weak_reason is None


def test_a_rate_of_blinks_is_that_of_one_face() -> None:
    def summary(*seconds: int) -> Any:
        tracks = [track(i, end_s=float(n), number=i) for i, n in enumerate(seconds)]
        rows = {i: EyeLog(rows_at(30 * n, lambda i: with_blink(i % 60))) for i, n in enumerate(seconds)}
        return assemble(Faces(tuple(tracks), (0.0,)), ((0.0, 10.0),), rows, times=[i / 30 for i in range(300)]).summary

    pooled = summary(3, 4)
    assert pooled.blinks == 3 and pooled.blink_observed_s == pytest.approx(7) and pooled.blinks_per_min is None
    assert pooled.blink_reason == "no face was seen for 5 s to count in: no rate" and pooled.blinks_face is None
    one = summary(3, 10)
    assert one.blinks_face == 1 and one.blinks_per_min == pytest.approx(30, rel=0.01) and one.blink_reason is None
    both = summary(10, 8)
    assert both.blinks_per_min is None and both.blink_reason == "2 faces have a rate of their own: see the tracks"


def test_no_faces() -> None:
    r = assemble(Faces((), (0.0, 0.2)), ((0.0, 1.0),), {}, times=[0.0, 0.1, 0.2])
    assert r.segments == [] and r.summary.reason == "no face was found" and r.summary.face_s == 0 and r.coverage == 1
    assert r.summary.at_camera_share is None and r.summary.eye_fps is None and r.summary.blink_reason == "no face was found"
    assert assemble(Faces((), ()), (), {}, times=[]).coverage == 0


def test_a_face_ends_at_the_cut_even_where_it_was_followed_across() -> None:
    r = result(rows_at(90), track(end_s=1.0), shots=((0.0, 1.0), (1.0, 3.0)))
    assert max(s.end_s for s in r.segments) == 1.0 and r.tracks[0].end_s == 1.0
    assert all(t < 1.0 for s in r.series for t in s.t_s)


def test_a_hole_in_the_frames_is_in_no_stretch() -> None:
    rows = [r for r in rows_at(90) if not 0.8 < r.t_s < 2.0]
    looks = [s for s in result(rows, track(end_s=3.0)).segments if s.kind == "look"]
    assert [(s.at_camera, round(s.start_s, 1)) for s in looks] == [(True, 0.0), (True, 2.0)]
    assert looks[0].end_s < 0.9


def test_series_stay_within_ten_a_second() -> None:
    r = result(rows_at(300), track(end_s=10.0))
    assert {s.name for s in r.series} == {f"{n}.0" for n in ("gaze_yaw", "gaze_pitch", "openness", "head_yaw", "head_pitch", "head_roll")}
    assert all(len(s.t_s) <= (50 if s.name.startswith("head") else 100) for s in r.series)


def test_two_faces_count_shared_time_once() -> None:
    faces = Faces((track(0, number=0), track(1, number=1)), (0.0,))
    rows = {0: EyeLog(rows_at(60)), 1: EyeLog(rows_at(60, lambda i: {"across": offset(30)}))}
    r = assemble(faces, ((0.0, 10.0),), rows, times=[0.0, 0.1])
    assert r.summary.face_s == r.summary.at_camera_s == 2.0 and r.summary.looks == 1
    assert [t.at_camera_share for t in r.tracks] == [1.0, 0.0]


# --- real models and clips ---


@pytest.fixture(scope="module")
def members() -> Iterator[tuple[FacesFeature, EyeTracking]]:
    feature, analyzer = FEATURE(), EyeTracking()
    contexts = [LoadContext("cpu", NoOptions(), FacesFeature.spec.frames), LoadContext("cpu", NoOptions(), (EYES,), backend="iris_mesh")]
    for member, ctx in zip((feature, analyzer), contexts, strict=True):
        member.load(ctx)
        ctx.pin()
    yield feature, analyzer
    for ctx in contexts:
        ctx.unpin()
        ctx.models.close()


def decoded(path: Path, end_s: float) -> tuple[list[np.ndarray], list[float]]:
    import av

    pictures, times = [], []
    with av.open(str(path)) as container:
        for frame in container.decode(video=0):
            if frame.time >= end_s:
                break
            pictures.append(frame.to_ndarray(format="rgb24"))
            times.append(float(frame.time))
    return pictures, times


def analyse(members: tuple[FacesFeature, EyeTracking], pictures: Sequence[np.ndarray], times: Sequence[float]) -> EyeResult:
    """Both members on one window; pictures no larger than EYES."""
    feature, analyzer = members
    pixels = np.stack(pictures)
    pixels.flags.writeable = False
    size = (pixels.shape[2], pixels.shape[1])
    end_s = times[-1] + 1 / FPS
    clip = Clip("made", MediaInfo(container="mp4", duration_s=end_s, size_bytes=0), "")
    picked = [int(np.searchsorted(times, k / 5 - 1e-6)) for k in range(math.ceil(end_s * 5))]
    picked = sorted({i for i in picked if i < len(times)})
    few = np.ascontiguousarray(pixels[picked])
    few.flags.writeable = False
    large = Frames(few, np.array(times)[picked], np.array(picked))
    by_spec = {SAMPLED_LARGE.resolve(*size): large, EYES.resolve(*size): Frames(pixels, np.array(times), np.arange(len(times)))}
    feature.begin(clip)
    analyzer.begin(clip)
    window = Window(0, 0.0, end_s, True, by_spec, size)
    window.features["faces"] = feature.feed(window)
    analyzer.feed(window)
    shots = Shots((), ((0.0, end_s),))
    return analyzer.finish(Inputs(clip, features={"faces": feature.finish(Inputs(clip, features={"shots": shots})), "shots": shots}))


def shrink(pictures: Sequence[np.ndarray], short_px: int) -> list[np.ndarray]:
    import cv2

    k = short_px / min(pictures[0].shape[:2])
    return [cv2.resize(p, None, fx=k, fy=k, interpolation=cv2.INTER_AREA) for p in pictures]


def test_a_man_looks_into_the_camera_and_blinks_once(members: tuple[FacesFeature, EyeTracking], media: Path) -> None:
    """The first two seconds of the office selfie: one blink at 1.43 s."""
    pictures, times = decoded(media / "vertical-selfie-man-office.mp4", 2.0)
    r = analyse(members, shrink(pictures, 360), times)
    looks, blinks = ([s for s in r.segments if s.kind == kind] for kind in ("look", "blink"))
    assert r.summary.face_tracks == 1 and r.summary.at_camera_share is not None and r.summary.at_camera_share > 0.9
    assert [s.at_camera for s in looks] == [True]
    assert len(blinks) == 1 and blinks[0].closed_s == pytest.approx(1.43, abs=0.15)


def test_nothing_in_a_clip_without_people(members: tuple[FacesFeature, EyeTracking], media: Path) -> None:
    pictures, times = decoded(media / "cockatoo-close-up.mp4", 1.0)
    r = analyse(members, shrink(pictures, 360), times)
    assert r.segments == [] and r.tracks == [] and r.summary.reason == "no face was found"


@pytest.mark.parametrize("fps", [120, 12])
def test_other_frame_rates(fps: int, media: Path, tmp_path: Path) -> None:
    """A still face at 120 frames/s is measured at 30, at 12 its blinks are not counted; through the whole engine."""
    pictures, _ = decoded(media / "talking-woman-flag-512.mp4", 0.05)
    path = tmp_path / "still.mp4"
    with ClipWriter(path, 512, 512, fps=fps) as writer:
        for _ in range(fps):
            writer.frame(pictures[0])
    with Session() as session:
        document = session.analyze(path, only=["eye_tracking"]).document
    entry = document.analyzers["eye_tracking"]
    assert entry.status == "ok", entry.reason
    face = entry.tracks[0].model_dump()
    assert face["eye_fps"] == pytest.approx(min(fps, 30), rel=0.02)
    assert (face["blinks"] is None) == (fps == 12)


def test_equal_in_this_process_and_in_another(media: Path, tmp_path: Path) -> None:
    """Half a second decoded, twice here and once by a worker: not a figure differs."""
    pictures, times = decoded(media / "talking-woman-flag-512.mp4", 0.5)
    path = tmp_path / "short.mp4"
    with ClipWriter(path, 512, 512, fps=25) as writer:
        for picture, t_s in zip(pictures, times, strict=True):
            writer.frame(picture, pts_s=t_s)
    results = []
    for workers in (0, 0, 1):
        settings = Settings.model_validate({"placement": {"workers": workers}, "analysis": {"fresh": True}})
        with Session(settings) as session:
            entry = session.analyze(path, only=["eye_tracking"]).document.analyzers["eye_tracking"]
        assert entry.status == "ok" and entry.tracks, entry.reason
        results.append([x.model_dump() for x in (*entry.segments, *entry.tracks, *entry.series, entry.summary)])
    assert results[0] == results[1] == results[2]
