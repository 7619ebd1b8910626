"""The feature `motion`: fits by hand-made points, the choice of the camera by table, the stream over a picture moved exactly."""

from __future__ import annotations

import pickle
from collections.abc import Sequence

import cv2
import numpy as np
import pytest

from reelscope.document.schema import MediaInfo
from reelscope.features._motion_fit import Candidate, Span, choose, fit_groups, grid_corners, least_squares, spread
from reelscope.features.base import Clip, Inputs, LoadContext, NoOptions
from reelscope.features.motion import COLUMNS, FEATURE, Motion
from reelscope.media.frames import EVERY_FRAME, Frames, Window


def clip() -> Clip:
    info = MediaInfo(
        container="mp4", duration_s=1, width_px=1, height_px=1, coded_width_px=1, coded_height_px=1, codec="h264", size_bytes=0
    )
    return Clip("a", info, "")


def run(frames: Sequence[np.ndarray], times: Sequence[float], window: int = 20) -> Motion:
    """The feature over gray frames, through its contract."""
    feature = FEATURE()
    feature.load(LoadContext("cpu", NoOptions(), (EVERY_FRAME,)))
    feature.begin(clip())
    for start in range(0, len(frames), window):
        pixels = np.stack([np.repeat(f[:, :, None], 3, 2) for f in frames[start : start + window]])
        pixels.flags.writeable = False
        pts = np.array(times[start : start + window], float)
        size = (pixels.shape[2], pixels.shape[1])
        block = Frames(pixels, pts, np.arange(start, start + len(pts)))
        feature.feed(Window(0, float(pts[0]), float(pts[-1]), False, {EVERY_FRAME.resolve(*size): block}, size))
    motion = feature.finish(Inputs(clip()))
    feature.close()
    return motion


def picture(h: int = 400, w: int = 400, seed: int = 1) -> np.ndarray:
    rng = np.random.default_rng(seed)
    noise = cv2.GaussianBlur(rng.normal(0, 1, (h, w)).astype(np.float32), (0, 0), 3)
    return np.clip(128 + noise / noise.std() * 40, 0, 255).astype(np.uint8)


def moved(
    source: np.ndarray, n: int, *, dx: float = 0, dy: float = 0, scale: float = 1, turn: float = 0, size: int = 180
) -> list[np.ndarray]:
    """Frames [size, size] whose content moves by dx, dy px, grows by `scale` and turns by `turn` rad (clockwise) a frame."""
    frames = []
    for i in range(n):
        a = scale**i * np.exp(1j * turn * i)
        m = np.array([[a.real, -a.imag, 0.0], [a.imag, a.real, 0.0]])
        centre = np.array([(source.shape[1] - 1) / 2, (source.shape[0] - 1) / 2])
        m[:, 2] = (size - 1) / 2 + np.array([dx, dy]) * i - m[:, :2] @ centre
        frames.append(cv2.warpAffine(source, m, (size, size), flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REFLECT))
    return frames


@pytest.mark.parametrize(
    ("kind", "column", "per_pair"),
    [
        ({"dx": 1.5}, "dx", 1.5 / 180),
        ({"dy": -0.25}, "dy", -0.25 / 180),
        ({"scale": 1.01}, "log_scale", np.log(1.01)),
        ({"turn": 0.01}, "rot", 0.01),
        ({}, "dx", 0.0),
    ],
)
def test_exact_motion_is_measured_with_sign_and_unit(kind: dict[str, float], column: str, per_pair: float) -> None:
    motion = run(moved(picture(), 25, **kind), [i / 30 for i in range(25)])
    assert len(motion) == 24
    assert getattr(motion, column).sum() == pytest.approx(24 * per_pair, abs=0.003)
    for other in {"dx", "dy", "log_scale", "rot"} - {column}:
        assert abs(getattr(motion, other).sum()) < 0.003
    assert motion.inliers.min() > 0.8
    assert motion.dt_s == pytest.approx(1 / 30)


def test_a_subject_over_a_still_background_does_not_move_the_camera() -> None:
    base = picture(180, 180)
    frames = []
    for i in range(30):
        f = base.copy()
        f[60:130, 10 + 2 * i : 80 + 2 * i] = picture(70, 70, seed=5)
        frames.append(f)
    motion = run(frames, [i / 30 for i in range(30)])
    assert np.abs(motion.dx).sum() < 0.01
    assert motion.local_motion.mean() > 0.02


def test_a_cut_spoils_only_its_own_pair() -> None:
    frames = moved(picture(seed=1), 20, dx=1) + moved(picture(seed=9), 20, dx=1)
    motion = run(frames, [i / 30 for i in range(40)])
    assert len(motion) == 39
    good = np.delete(np.arange(39), 19)
    assert motion.dx[good] == pytest.approx(1 / 180, abs=0.0015)


def test_times_come_from_the_frames() -> None:
    times = [0.0, 0.05, 0.2, 0.21, 0.4, 0.6]  # 0.21 comes within a thirtieth of the one before and is left out
    motion = run(moved(picture(), 6, dx=1), times)
    assert motion.t_s.tolist() == pytest.approx([0.05, 0.2, 0.4, 0.6])
    assert motion.dt_s.tolist() == pytest.approx([0.05, 0.15, 0.2, 0.2])
    assert motion.dx.tolist() == pytest.approx([1 / 180, 1 / 180, 2 / 180, 1 / 180], abs=0.001)


def test_sixty_frames_a_second_are_halved() -> None:
    assert len(run(moved(picture(), 61, dx=0.2), [i / 60 for i in range(61)])) == 30


@pytest.mark.parametrize("shape", [(16, 16), (1, 1), (3, 40), (181, 97)])
@pytest.mark.parametrize("n", [1, 2, 5])
def test_any_size_and_flat_pictures_give_nothing_but_no_error(shape: tuple[int, int], n: int) -> None:
    motion = run([np.full(shape, 90, np.uint8)] * n, [i / 30 for i in range(n)])
    assert len(motion) == n - 1
    assert np.isnan(motion.dx).all()
    assert (motion.inliers == 0).all()


def test_no_frame_at_all() -> None:
    feature = FEATURE()
    feature.load(LoadContext("cpu", NoOptions(), (EVERY_FRAME,)))
    feature.begin(clip())
    motion = feature.finish(Inputs(clip()))
    assert len(motion) == 0
    assert len(pickle.loads(pickle.dumps(motion))) == 0


def test_begin_forgets_the_clip_before() -> None:
    feature = FEATURE()
    feature.load(LoadContext("cpu", NoOptions(), (EVERY_FRAME,)))
    for _ in range(2):
        feature.begin(clip())
        pixels = np.stack([np.repeat(f[:, :, None], 3, 2) for f in moved(picture(), 10, dx=1)])
        pixels.flags.writeable = False
        block = Frames(pixels, np.arange(10) / 30, np.arange(10))
        feature.feed(Window(0, 0, 1, True, {EVERY_FRAME.resolve(180, 180): block}, (180, 180)))
        assert len(feature.finish(Inputs(clip()))) == 9


def test_columns_of_different_length_are_refused() -> None:
    columns = {name: np.zeros(3) for name in COLUMNS}
    with pytest.raises(ValueError, match="length"):
        Motion(**{**columns, "dx": np.zeros(2)}, height_fw=1.0)


def test_groups_are_told_apart_largest_first() -> None:
    rng = np.random.default_rng(0)
    p = rng.uniform(-80, 80, 100) + 1j * rng.uniform(-80, 80, 100)
    q = np.stack([p + 2, p + 4])
    q[0, :30] = p[:30] * 1.02 - 5
    q[1, :30] = p[:30] * 1.04 - 10
    groups = fit_groups(p, q, np.ones(100), rng)
    assert groups[0][30:].all()
    assert groups[0][:30].sum() <= 2
    assert groups[1][:30].sum() >= 28


def test_too_few_points_make_no_group() -> None:
    p = np.arange(5) * (3 + 1j)
    assert fit_groups(p, np.stack([p]), np.ones(5), np.random.default_rng(0)) == []


def test_least_squares_is_exact_on_exact_points() -> None:
    p = np.array([0, 10, 10j, 7 + 3j])
    a, b = least_squares(p, np.stack([p * 1.1j + 4, p]), np.ones(4))
    assert a == pytest.approx([1.1j, 1])
    assert b == pytest.approx([4, 0], abs=1e-9)


def test_corners_are_one_per_cell_and_none_on_a_wall() -> None:
    assert len(grid_corners(np.zeros((180, 320), np.float32))) == 0
    strength = np.zeros((64, 64), np.float32)
    strength[3, 5] = strength[4, 6] = 1.0
    strength[40, 50] = 0.5
    assert sorted(map(tuple, grid_corners(strength).tolist())) == [(5.0, 3.0), (50.0, 40.0)]


def test_spread_is_small_for_a_compact_group() -> None:
    x, y = np.meshgrid(np.linspace(-80, 80, 12), np.linspace(-80, 80, 12))
    p = (x + 1j * y).ravel()
    assert spread(p, np.ones(len(p), bool), 180, 180) == 1.0
    assert spread(p, np.abs(p) < 40, 180, 180) <= 0.25


def candidate(share: float, dx_px: float, *, wide: float = 1.0) -> Candidate:
    return Candidate(share, wide, 0.1, np.tile([dx_px, 0.0, 0.0, 0.0], (3, 1)), np.zeros(3))


@pytest.mark.parametrize(
    ("candidates", "picked"),
    [
        ([(candidate(0.8, 0.0),)] * 3, [0, 0, 0]),
        # in the middle the subject holds more corners, but standing still goes on
        ([(candidate(0.8, 0.0),), (candidate(0.45, 6.0), candidate(0.3, 0.0)), (candidate(0.8, 0.0),)], [0, 1, 0]),
        # a pan goes on under a caption that stands still
        ([(candidate(0.8, 3.0),), (candidate(0.3, 0.0), candidate(0.3, 3.0)), (candidate(0.8, 3.0),)], [0, 1, 0]),
        # the spread group wins over the compact one
        ([(candidate(0.4, 4.0, wide=0.2), candidate(0.35, 4.5, wide=0.9))], [1]),
        ([(), (candidate(0.5, 0.0),), ()], [None, 0, None]),
        ([], []),
    ],
)
def test_the_camera_is_chosen_over_time(candidates: list[tuple[Candidate, ...]], picked: list[int | None]) -> None:
    spans = [Span(np.arange(4) / 30 + i * 0.1, c) for i, c in enumerate(candidates)]
    assert choose(spans, 180, 70.0) == picked
