"""Faces: the detectors' heads by hand-made tensors, joining, squares turned there and back, pose of made-up heads, gates, real clips."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from reelscope.document.schema import MediaInfo
from reelscope.features.base import Clip, Inputs, LoadContext, NoOptions
from reelscope.features.faces import FEATURE, Faces, FacesFeature, FacesWindow, FaceTrack
from reelscope.features.faces import _pose as pose_module
from reelscope.features.faces._detect import (
    FULL,
    SHORT,
    Detection,
    Detector,
    Views,
    anchors,
    cut_square,
    decode,
    letterbox,
    model_input,
    tiles,
    weighted_nms,
)
from reelscope.features.faces._find import FaceFinder, Found
from reelscope.features.faces._follow import Follower, keep
from reelscope.features.faces._mesh import Mesh, roi_of_detection, roi_of_mesh
from reelscope.features.faces._pose import head_pose
from reelscope.features.faces._roi import Roi, crop, roi_of, to_picture
from reelscope.features.shots import Shots
from reelscope.media.frames import SAMPLED_LARGE, Frames, Window

# --- the detectors' heads ---


def test_anchors_are_as_many_as_the_models_answer() -> None:
    near, far = anchors(SHORT), anchors(FULL)
    assert near.shape == (896, 2) and far.shape == (2304, 2)
    assert near[0] == pytest.approx([1 / 32, 1 / 32]) and near[1] == pytest.approx(near[0])  # two a cell, row by row
    assert near[2] == pytest.approx([3 / 32, 1 / 32])
    assert near[512:518] == pytest.approx(np.full((6, 2), 1 / 16))  # six a cell of the coarse grid
    assert far[1] == pytest.approx([3 / 96, 1 / 96]) and far[48] == pytest.approx([1 / 96, 3 / 96])


def test_decode_places_a_box_and_its_points_by_the_anchor() -> None:
    centres = np.array([[0.25, 0.5], [0.75, 0.5]], np.float32)
    raw = np.zeros((2, 16), np.float32)
    raw[1] = [10, -10, 40, 20, *([20, 10] * 6)]
    rows, scores = decode(raw, np.array([-200.0, 2.0], np.float32), centres, 100, 0.5)
    assert scores == pytest.approx([1 / (1 + math.exp(-2))])
    assert rows[0, :4] == pytest.approx([0.85 - 0.2, 0.4 - 0.1, 0.4, 0.2])
    assert rows[0, 4:6] == pytest.approx([0.95, 0.6])


def test_decode_survives_extreme_logits_and_drops_boxes_without_area() -> None:
    raw = np.zeros((2, 16), np.float32)
    raw[0, 2:4] = 10
    rows, scores = decode(raw, np.array([1e30, 1e30], np.float32), np.full((2, 2), 0.5, np.float32), 100, 0.5)
    assert len(rows) == 1 and scores == pytest.approx([1.0])


def test_weighted_nms_averages_a_group_by_score() -> None:
    rows = np.array([[0, 0, 10, 10, 5], [1, 0, 10, 10, 6], [50, 50, 10, 10, 7]], float)
    joined = weighted_nms(rows, np.array([0.9, 0.3, 0.5]))
    assert len(joined) == 2
    assert joined[0][0] == pytest.approx([0.25, 0, 10, 10, 5.25]) and joined[0][1] == 0.9
    assert joined[1][0] == pytest.approx(rows[2]) and joined[1][1] == 0.5


@pytest.mark.parametrize("rows", [np.zeros((0, 4)), np.zeros((2, 4))])
def test_weighted_nms_ends_on_nothing_and_on_empty_boxes(rows: np.ndarray) -> None:
    assert len(weighted_nms(rows, np.full(len(rows), 0.5))) == len(rows)


@pytest.mark.parametrize(("width", "height"), [(540, 960), (960, 540), (512, 512), (16, 16), (1, 400), (426, 240)])
def test_tiles_cover_the_picture(width: int, height: int) -> None:
    short, long = min(width, height), max(width, height)
    cover = np.zeros(long, bool)
    for q in tiles(width, height):
        start = q.x if width >= height else q.y
        cover[max(0, math.floor(start)) : math.ceil(start + q.side)] = True
    assert cover.all()
    if long > 1.15 * short:
        assert all(q.side == short for q in tiles(width, height)) and len(tiles(width, height)) >= 2


def test_letterbox_pads_with_black_and_keeps_the_aspect() -> None:
    rgb = np.full((90, 30, 3), 255, np.uint8)
    (square,) = letterbox(30, 90)
    out = model_input(cut_square(rgb, square, 60))[0]
    assert out.shape == (60, 60, 3) and out.max() == pytest.approx(1.0)
    white = (out[..., 0] > 0).sum(axis=1)
    assert (white == 20).all() and (out[:, :20] == -1).all() and (out[:, 40:] == -1).all()


class Heads:
    """A detector that answers with one anchor."""

    def __init__(self, layout: Any, anchor: int, logit: float) -> None:
        n = len(anchors(layout))
        self.raw, self.logits = np.zeros((1, n, 16), np.float32), np.full((1, n, 1), -50.0, np.float32)
        self.raw[0, anchor, 2:4] = layout.side_px / 4
        self.logits[0, anchor, 0] = logit

    def run(self, inputs: Sequence[Any]) -> list[Any]:
        return [self.raw, self.logits]


def test_a_letterboxed_box_comes_back_in_the_pictures_pixels() -> None:
    middle = 24 * 48 + 24  # the cell just past the middle
    rows, _ = Detector(FULL, least=0.5).rows(Heads(FULL, middle, 5.0), Views(np.zeros((960, 540, 3), np.uint8)), letterbox(540, 960))
    x, y, w, h = rows[0, :4].tolist()
    assert (w, h) == pytest.approx((240, 240))
    assert (x + w / 2, y + h / 2) == pytest.approx((270 + 10, 480 + 10))


@pytest.mark.parametrize("size", [(540, 960), (541, 961), (300, 200), (3, 1)])
def test_shared_reduced_pictures_show_what_separate_ones_do(size: tuple[int, int]) -> None:
    """Of a smooth picture, within two levels; also where width and height are odd, and small."""
    width, height = size
    ys, xs = np.mgrid[0:height, 0:width]
    rgb = np.stack([xs * 255 / width, ys * 255 / height, np.full(xs.shape, 60)], axis=2).astype(np.uint8)
    views = Views(rgb)
    for q in (*letterbox(width, height), *tiles(width, height)):
        for side in (192, 128):
            one, other = (v.astype(int) for v in (views.square(q, side), cut_square(rgb, q, side)))
            inside = (one.max(axis=2) > 0) & (other.max(axis=2) > 0)
            assert inside.sum() >= 0.9 * (other.max(axis=2) > 0).sum()
            assert np.quantile(np.abs(one - other)[inside], 0.95) <= 2


# --- turned squares ---


@pytest.mark.parametrize("mirror", [False, True])
@pytest.mark.parametrize("angle", [0.0, 0.4, -2.5])
def test_points_of_a_square_go_there_and_back(angle: float, mirror: bool) -> None:
    roi = Roi(100, 80, 60, angle)
    rgb = np.zeros((200, 200, 3), np.uint8)
    inside = np.array([[48.0, 20.0], [32.0, 32.0], [10.0, 50.0]])
    out = to_picture(inside, roi, 64, mirror=mirror)
    for (x, y), want in zip(out.tolist(), inside.tolist(), strict=True):
        rgb[:] = 0
        rgb[round(y) - 1 : round(y) + 2, round(x) - 1 : round(x) + 2] = 255
        cut = crop(rgb, roi, 64, mirror=mirror)[..., 0].astype(float)
        ys, xs = np.nonzero(cut > 127)
        assert (xs.mean(), ys.mean()) == pytest.approx(want, abs=1.0)


def test_depth_is_brought_to_the_pictures_scale() -> None:
    assert to_picture(np.array([[32.0, 32.0, 16.0]]), Roi(10, 20, 128), 64)[0] == pytest.approx([10, 20, 32])


def test_a_square_beyond_the_picture_is_black_there() -> None:
    cut = crop(np.full((50, 50, 3), 200, np.uint8), Roi(0, 0, 40), 40)
    assert cut[30, 30, 0] == 200 and cut[5, 5, 0] == 0


def test_the_square_of_points_stands_level_with_the_eyes() -> None:
    turn = math.radians(30)
    c, s = math.cos(turn), math.sin(turn)
    level = np.array([[-20, -10], [20, -10], [-20, 30], [20, 30]], float)
    points = level @ np.array([[c, s], [-s, c]]) + 100
    roi = roi_of(points, points[0], points[1], 1.5)
    assert roi.angle == pytest.approx(turn) and roi.side == pytest.approx(60)
    assert (roi.cx, roi.cy) == pytest.approx(tuple(points.mean(axis=0)))


def test_the_square_of_a_detection_has_its_eyes_level() -> None:
    points = np.zeros((6, 2), np.float32)
    points[0], points[1] = (10, 10), (20, 20)
    roi = roi_of_detection(Detection((0, 0, 40, 20), 0.9, points))
    assert (roi.cx, roi.cy, roi.side) == (20, 10, 60) and roi.angle == pytest.approx(math.pi / 4)


# --- pose ---


def made_up_head() -> np.ndarray:
    """float64 [468, 3], looking into the camera: only the points that the pose reads."""
    rng = np.random.default_rng(1)
    points = np.zeros((468, 3))
    for right, left in zip(pose_module.RIGHT, pose_module.LEFT, strict=True):
        x, y, z = 10 + 30 * rng.random(), 30 * rng.normal(), 20 * rng.random()
        points[right], points[left] = (-x, y, z), (x, y, z)
    for index, y in ((10, -70), (151, -60), (9, -45), (199, 50), (175, 60), (152, 70)):
        points[index] = (0, y, 5)
    for index, x, y in ((33, -40, -30), (263, 40, -30), (61, -20, 30), (291, 20, 30)):
        points[index] = (x, y, 5)
    return points


def turn(yaw_deg: float, pitch_deg: float, roll_deg: float) -> np.ndarray:
    """The turn that brings a head from the camera into this pose."""
    y, p, r = (math.radians(v) for v in (yaw_deg, pitch_deg, roll_deg))
    about_y = np.array([[math.cos(y), 0, -math.sin(y)], [0, 1, 0], [math.sin(y), 0, math.cos(y)]])
    about_x = np.array([[1, 0, 0], [0, math.cos(p), math.sin(p)], [0, -math.sin(p), math.cos(p)]])
    about_z = np.array([[math.cos(r), -math.sin(r), 0], [math.sin(r), math.cos(r), 0], [0, 0, 1]])
    return about_y @ about_x @ about_z


@pytest.mark.parametrize("pose", [(0, 0, 0), (30, 0, 0), (0, 20, 0), (0, 0, 15), (35, -20, 10), (-60, 25, -30)])
def test_pose_of_a_turned_head(pose: tuple[float, float, float]) -> None:
    points = made_up_head() @ turn(*pose).T * 2 + 300
    assert head_pose(points) == pytest.approx(pose, abs=1e-6)


def test_directions_are_those_of_the_picture() -> None:
    """A face that turns to the picture's right shows its nose there; up: the nose rises; clockwise: its left eye sinks."""
    head = made_up_head()
    nose = np.array([0.0, 0.0, -30.0])
    assert (turn(20, 0, 0) @ nose)[0] > 0 and head_pose(head @ turn(20, 0, 0).T)[0] > 0  # type: ignore[index]
    assert (turn(0, 20, 0) @ nose)[1] < 0 and head_pose(head @ turn(0, 20, 0).T)[1] > 0  # type: ignore[index]
    rolled = head @ turn(0, 0, 20).T
    assert rolled[263, 1] > rolled[33, 1] and head_pose(rolled)[2] > 0  # type: ignore[index]


def test_no_pose_of_points_without_extent() -> None:
    assert head_pose(np.zeros((468, 3))) is None


# --- following and gates ---


def found(x: float, score: float = 0.95, *, side: float = 100) -> Found:
    return Found((x, 100, side, side), score, None)


def follow(frames: Sequence[Sequence[Found]], shots: Sequence[tuple[float, float]] | None = None) -> Faces:
    follower = Follower()
    for i, faces in enumerate(frames):
        follower.add(i * 0.2, faces, 500, 500)
    end = len(frames) * 0.2
    return follower.finish(shots if shots is not None else ((0.0, end),), end)


def test_no_frames_and_no_faces_give_no_tracks() -> None:
    assert Follower().finish((), 0.0) == Faces((), ())
    assert follow([[], [], []]) == Faces((), (0.0, 0.2, 0.4))


def test_a_face_is_one_track_through_a_gap() -> None:
    faces = follow([[found(100)], [found(104)], [], [found(112)], [found(116)]])
    (track,) = faces.tracks
    assert track.t_s.tolist() == pytest.approx([0, 0.2, 0.6, 0.8]) and (track.start_s, track.end_s) == pytest.approx((0, 1.0))
    assert track.xywh_norm[0] == pytest.approx([0.2, 0.2, 0.2, 0.2]) and np.isnan(track.pose_deg).all()


def test_a_track_is_cut_at_shots_and_short_parts_fall_out() -> None:
    faces = follow([[found(100)]] * 6, ((0.0, 0.55), (0.55, 0.95), (0.95, 1.2)))
    assert [(t.shot, len(t.t_s), t.live_id) for t in faces.tracks] == [(0, 3, 0), (1, 2, 0), (2, 1, 0)]
    assert [t.track_id for t in faces.tracks] == [0, 1, 2] and faces.tracks[0].end_s == pytest.approx(0.55)
    assert faces.tracks[2].end_s == pytest.approx(1.2)  # one sure sighting in a shot of 0.25 s
    weak = follow([[found(100, 0.75)]] * 6, ((0.0, 0.95), (0.95, 1.2)))  # five unsure ones, then one in a short shot
    assert [t.shot for t in weak.tracks] == [0]


@pytest.mark.parametrize(
    ("scores", "times", "shot_s", "kept"),
    [
        ([0.99], [0.0], 5.0, False),  # once is not enough
        ([0.99, 0.99], [0.0, 0.2], 5.0, True),
        ([0.99, 0.99], [0.0, 0.1], 5.0, False),  # sampled at 10/s: too short
        ([0.99], [0.0], 0.5, True),  # no longer shot
        ([0.72] * 3, [0.0, 0.2, 0.4], 5.0, False),  # unsure: four
        ([0.72] * 4, [0.0, 0.2, 0.4, 0.6], 5.0, True),
        ([0.65] * 4, [0.0, 0.2, 0.4, 0.6], 5.0, False),
        ([0.95, 0.95, 0.4, 0.4], [0.0, 0.2, 0.4, 0.6], 5.0, True),
        ([0.95, 0.4, 0.4, 0.4], [0.0, 0.2, 0.4, 0.6], 5.0, False),
    ],
)
def test_gates(scores: list[float], times: list[float], shot_s: float, kept: bool) -> None:
    step = times[1] - times[0] if len(times) > 1 else 0.2
    assert keep(np.array(times), np.array(scores), step, shot_s) is kept


def test_boxes_end_at_the_pictures_edge() -> None:
    (track,) = follow([[found(450)]] * 3).tracks
    assert track.xywh_norm[0] == pytest.approx([0.9, 0.2, 0.1, 0.2])


def test_order_is_by_start_then_size() -> None:
    frames = [[found(0, side=50)], [found(0, side=50), found(200, side=100), found(350, side=150)]] + [
        [found(0, side=50), found(200, side=100), found(350, side=150)]
    ] * 2
    assert [round(float(t.xywh_norm[0, 2]), 1) for t in follow(frames).tracks] == [0.1, 0.3, 0.2]


def test_arrays_of_a_track_must_agree() -> None:
    with pytest.raises(ValueError, match="differ in length"):
        FaceTrack(0, 0, 0.0, 1.0, 0, np.zeros(2), np.zeros((1, 4)), np.zeros(2), np.zeros((2, 3)))


# --- the finder on stub models ---


class MeshStub:
    """Answers with a fixed face and the presence asked for."""

    def __init__(self, presence: float) -> None:
        self.logit = math.log(presence / (1 - presence))
        self.flat = np.tile(np.array([96.0, 96.0, 0.0], np.float32), 468).reshape(468, 3)
        self.flat[10], self.flat[152], self.flat[33], self.flat[263] = (96, 40, 0), (96, 150, 0), (50, 80, 0), (140, 80, 0)

    def run(self, inputs: Sequence[Any]) -> list[Any]:
        assert inputs[0].shape == (1, 192, 192, 3) and inputs[0].min() >= 0 and inputs[0].max() <= 1
        return [self.flat.reshape(1, 1, 1, -1), np.full((1, 1, 1, 1), self.logit, np.float32)]


PICTURE = np.full((192, 192, 3), 128, np.uint8)


class TwoLooks(Heads):
    """Of one logit at first; on the closer look, called last, of another, its box a fifth of the square, as it should be."""

    def __init__(self, closer: float, first: float = 3.0) -> None:
        super().__init__(FULL, 24 * 48 + 24, first)
        self.closer, self.calls = closer, 0

    def run(self, inputs: Sequence[Any]) -> list[Any]:
        self.calls += 1
        if self.calls > 1:
            self.raw[..., 2:4] = np.where(self.raw[..., 2:4] > 0, FULL.side_px / 5, 0)
            self.logits[self.logits > -50] = self.closer
        return super().run(inputs)


def finder_on(presence: float, far_logit: float) -> FaceFinder:
    near, far, mesh = Heads(SHORT, 256, -50.0), TwoLooks(far_logit, far_logit), MeshStub(presence)
    return FaceFinder(lambda: near, lambda: far, lambda: mesh)


def test_a_sure_mesh_gives_its_own_box_and_score() -> None:
    (face,) = finder_on(0.99, 3.0).find(PICTURE)
    assert face.mesh is not None and face.score == pytest.approx(0.99)
    assert face.xywh_px == pytest.approx(face.mesh.xywh_px)


def test_without_a_mesh_the_closer_look_decides() -> None:
    near, mesh = Heads(SHORT, 0, -50.0), MeshStub(0.01)
    for closer, seen in ((1.0, 1), (-3.0, 0)):
        far = TwoLooks(closer)
        faces = FaceFinder(lambda: near, lambda far=far: far, lambda: mesh).find(PICTURE)  # type: ignore[misc]
        assert len(faces) == seen and far.calls == 2
        assert all(f.mesh is None and f.score == pytest.approx(1 / (1 + math.exp(-1)), abs=1e-3) for f in faces)
    assert finder_on(0.01, -3.0).find(PICTURE) == []


class FadingMesh(MeshStub):
    """Sure of the detector's box, not of its own points."""

    def __init__(self) -> None:
        super().__init__(0.99)
        self.calls = 0

    def run(self, inputs: Sequence[Any]) -> list[Any]:
        self.calls += 1
        flat, logit = super().run(inputs)
        return [flat, logit if self.calls % 2 else -logit]


@pytest.mark.parametrize(
    ("closer", "mesh", "sure"), [(2.0, MeshStub(0.99), True), (0.4, MeshStub(0.99), False), (2.0, FadingMesh(), False)]
)
def test_a_mesh_alone_makes_no_face(closer: float, mesh: MeshStub, sure: bool) -> None:
    """A fist of which the mesh is sure: the closer look is not, or the mesh is gone when asked about its own points."""
    near, far = Heads(SHORT, 0, -50.0), TwoLooks(closer)
    (face,) = FaceFinder(lambda: near, lambda: far, lambda: mesh).find(PICTURE)
    assert face.followed is sure
    assert sure or face.score == pytest.approx(1 / (1 + math.exp(-closer)), abs=1e-3)


class Counted(Heads):
    """Counts its calls."""

    calls = 0

    def run(self, inputs: Sequence[Any]) -> list[Any]:
        self.calls += 1
        return super().run(inputs)


def test_detectors_rest_in_every_second_frame_while_all_faces_are_followed() -> None:
    near, far, mesh = Counted(SHORT, 0, -50.0), Counted(FULL, 0, -50.0), MeshStub(0.99)
    finder = FaceFinder(lambda: near, lambda: far, lambda: mesh)
    known = [Found((40, 40, 110, 110), 0.99, Mesh(MeshStub(0.9).flat, 0.99))]
    for tick, calls in ((1, 0), (2, 1), (3, 1)):
        assert len(finder.find(PICTURE, tick=tick, known=known)) == 1 and near.calls == calls
    assert finder.find(PICTURE, tick=5, known=[]) == [] and near.calls == 2
    narrow = Found((40, 40, 30, 30), 0.99, Mesh((MeshStub(0.9).flat - 96) * 0.3 + 96, 0.99))
    assert finder.find(PICTURE, tick=7, known=[narrow])[0].xywh_px[2] < 40 and near.calls == 3


def test_a_detected_face_replaces_one_that_was_followed_half_beside_it() -> None:
    """The stub's mesh answers in the middle of whatever square it is asked about."""
    aside = Found((0, 0, 50, 50), 0.99, Mesh(MeshStub(0.9).flat + [45, 0, 0], 0.99))
    (face,), (alone,) = (finder_on(0.99, 3.0).find(PICTURE, tick=0, known=known) for known in ([aside], []))
    assert face.xywh_px == pytest.approx(alone.xywh_px) and face.xywh_px[2] < 40 < aside.mesh.xywh_px[2]  # type: ignore[union-attr]


def test_a_known_face_is_found_where_the_detectors_miss_it() -> None:
    finder = finder_on(0.99, -50.0)
    assert finder.find(PICTURE) == []
    before = Found((40, 40, 110, 110), 0.99, Mesh(MeshStub(0.9).flat, 0.99))
    (face,) = finder.find(PICTURE, tick=3, known=[before])
    assert face.mesh is not None
    assert finder_on(0.8, -50.0).find(PICTURE, known=[before]) == []  # not sure enough to go on without a detection
    assert roi_of_mesh(face.mesh.points).side > 0


# --- the feature on real models and clips ---


@pytest.fixture(scope="module")
def feature() -> Iterator[FacesFeature]:
    member = FEATURE()
    ctx = LoadContext("cpu", NoOptions(), FacesFeature.spec.frames)
    member.load(ctx)
    ctx.pin()
    yield member
    ctx.unpin()
    ctx.models.close()


def picture(path: Path, short_px: int = 540) -> np.ndarray:
    import cv2

    bgr = cv2.imread(str(path))
    k = min(1.0, short_px / min(bgr.shape[:2]))
    return cv2.cvtColor(cv2.resize(bgr, None, fx=k, fy=k, interpolation=cv2.INTER_AREA), cv2.COLOR_BGR2RGB)


def run(member: FacesFeature, pixels: np.ndarray, times: Sequence[float]) -> tuple[FacesWindow, Faces]:
    pixels = np.ascontiguousarray(pixels)
    pixels.flags.writeable = False
    size = (pixels.shape[2], pixels.shape[1])
    pts = np.array(times, float)
    end_s = (float(pts[-1]) if len(pts) else 0.0) + 0.2
    clip = Clip("made", MediaInfo(container="mp4", duration_s=end_s, size_bytes=0), "")
    member.begin(clip)
    window = Window(0, 0.0, end_s, True, {SAMPLED_LARGE.resolve(*size): Frames(pixels, pts, np.arange(len(pts)))}, size)
    live = member.feed(window)
    return live, member.finish(Inputs(clip, features={"shots": Shots((), ((0.0, end_s),))}))


def test_portraits(feature: FacesFeature, media: Path) -> None:
    """One face where the manifest's box has it, and two on the picture of two."""
    one = picture(media / "face-obama-portrait.jpg")
    live, faces = run(feature, np.stack([one, one, one]), [0.0, 0.2, 0.4])
    (track,) = faces.tracks
    assert len(live.faces) == 3 and live.faces[0][0].points is not None and live.faces[0][0].points.shape == (468, 3)
    assert abs(float(track.pose_deg[0, 0])) < 20
    two = picture(media / "face-two-men.jpg")
    _, faces = run(feature, np.stack([two, two]), [0.0, 0.2])
    assert len(faces.tracks) == 2


@pytest.mark.parametrize("shape", [(16, 16), (1, 1), (16, 200)])
def test_tiny_and_narrow_pictures_hold_no_face(feature: FacesFeature, shape: tuple[int, int]) -> None:
    rgb = np.random.default_rng(0).integers(0, 255, (3, *shape, 3), np.uint8)
    live, faces = run(feature, rgb, [0.0, 0.2, 0.4])
    assert faces.tracks == () and faces.sampled_s == (0.0, 0.2, 0.4) and live.faces == ((), (), ())


def test_an_empty_window_is_fine(feature: FacesFeature) -> None:
    live, faces = run(feature, np.zeros((0, 90, 160, 3), np.uint8), [])
    assert live == FacesWindow((), ()) and faces == Faces((), ())
