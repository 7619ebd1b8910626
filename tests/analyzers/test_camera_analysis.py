"""camera_analysis: moves by table, parts of a shot, transitions left out; the whole way over a picture that is moved exactly."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from reelscope.analyzers.camera_analysis import CameraAnalyzer, CameraResult
from reelscope.analyzers.camera_analysis._moves import (
    analyse_shot,
    build_path,
    classify,
    cut_path,
    fw_series,
    measured_intervals,
    stability,
)
from reelscope.document.schema import MediaInfo
from reelscope.features.base import Clip, Inputs, LoadContext, NoOptions
from reelscope.features.motion import Motion
from reelscope.features.shots import Shots, Transition

FPS = 30.0


def motion(
    n: int, *, dx: float | np.ndarray = 0.0, dy: float | np.ndarray = 0.0, zoom: float | np.ndarray = 0.0, rot: float = 0.0,
    inliers: float | np.ndarray = 0.9, height_fw: float = 1.0,
) -> Motion:  # fmt: skip
    """`n` pairs at 30 a second; dx, dy in frame widths per second, zoom in ln scale per second, rot in rad per second."""
    one = np.ones(n)
    t = (np.arange(n) + 1) / FPS
    rate = one / FPS
    return Motion(t, rate, dx * rate, dy * rate, zoom * rate, rot * rate, inliers * one, one * 1e-3, one * 0.01, height_fw)


def one_shot(seconds: float) -> Shots:
    return Shots((), ((0.0, seconds),))


def finish(m: Motion, shots: Shots) -> CameraResult:
    analyzer = CameraAnalyzer()
    analyzer.load(LoadContext("cpu", NoOptions(), (), backend="flow"))
    end = shots.shots[-1][1] if shots.shots else 0.0
    info = MediaInfo(
        container="mp4", duration_s=end, width_px=1, height_px=1, coded_width_px=1, coded_height_px=1, codec="h264", size_bytes=0
    )
    result = analyzer.finish(Inputs(Clip("a", info, ""), features={"motion": m, "shots": shots}))
    return CameraResult.model_validate_json(result.model_dump_json())


@pytest.mark.parametrize(
    ("net", "shake", "components"),
    [
        ((0, 0, 0, 0), 0.0, ("static",)),
        ((0, 0, 0, 0), 0.01, ("handheld",)),
        ((0.4, 0, 0, 0), 0.0, ("pan_left",)),  # the picture goes right, the camera left
        ((-0.4, 0, 0, 0), 0.0, ("pan_right",)),
        ((0, 0.4, 0, 0), 0.0, ("tilt_up",)),
        ((0, -0.4, 0, 0), 0.0, ("tilt_down",)),
        ((0, 0, 0.4, 0), 0.0, ("zoom_in",)),
        ((0, 0, -0.4, 0), 0.0, ("zoom_out",)),
        ((0, 0, 0, 0.3), 0.0, ("roll",)),
        ((0, 0, 0, -0.3), 0.0, ("roll",)),
        ((0.4, 0, 0.3, 0), 0.0, ("pan_left", "zoom_in")),
        ((0.4, 0, 0, 0), 0.01, ("pan_left", "handheld")),
        ((0.04, 0, 0, 0), 0.01, ("handheld",)),  # a drift within the shake
        ((0.4, 0.01, 0, 0), 0.0, ("pan_left",)),  # too little beside the pan to be named
        ((0.015, 0, 0, 0), 0.0, ("static",)),
    ],
)
def test_what_a_stretch_is(net: tuple[float, ...], shake: float, components: tuple[str, ...]) -> None:
    move, named = classify(np.array(net, float), 2.0, shake, np.array([1.0, 1.0, 0.4, 0.4]))
    assert named == components
    assert move == components[0]


def test_a_pan_has_its_speed_sign_and_place() -> None:
    result = finish(motion(89, dx=0.2), one_shot(3.0))
    (segment,) = result.segments
    assert (segment.move, segment.components, segment.shot) == ("pan_left", ["pan_left"], 0)
    assert (segment.start_s, segment.end_s) == (0.0, 3.0)
    assert segment.speed_fw_s == pytest.approx(0.2, rel=1e-3)
    assert segment.pan_fw_s == pytest.approx(-0.2, rel=1e-3)
    assert segment.shake == pytest.approx(0.0, abs=1e-9)
    assert segment.stability == pytest.approx(1.0)
    assert result.coverage == pytest.approx(1.0)
    assert result.summary.move_share == {"pan_left": 1.0}


def test_a_zoom_has_its_factor_and_a_roll_its_angle() -> None:
    (zoom,) = finish(motion(89, zoom=0.25), one_shot(3.0)).segments
    assert zoom.zoom_factor == pytest.approx(np.exp(0.75), rel=0.01)
    assert zoom.zoom_rate_s == pytest.approx(0.25, rel=1e-3)
    (roll,) = finish(motion(89, rot=0.1), one_shot(3.0)).segments
    assert roll.move == "roll"
    assert roll.roll_deg == pytest.approx(np.degrees(0.3), rel=0.02)


def test_a_long_shot_is_divided_where_the_move_changes() -> None:
    dx = np.concatenate([np.zeros(60), np.full(60, -0.3), np.zeros(59)])
    _, parts = analyse_shot(motion(179, dx=dx), one_shot(6.0), 0)
    assert [p.move for p in parts] == ["static", "pan_right", "static"]
    assert [p.end_s for p in parts[:2]] == pytest.approx([2.0, 4.0], abs=0.3)
    assert all(a.end_s == b.start_s for a, b in zip(parts[:-1], parts[1:], strict=True))
    whole, _ = analyse_shot(motion(179, dx=dx), one_shot(6.0), 0)
    assert whole is not None
    assert whole.move == "static"
    assert "pan_right" in whole.components


def test_shake_grows_with_the_amplitude_and_does_not_cut() -> None:
    rng = np.random.default_rng(3)
    wave = np.cumsum(rng.normal(0, 1, 180))
    wave = wave - np.convolve(wave, np.ones(15) / 15, "same")
    figures = []
    for amplitude in (0.002, 0.005, 0.012):
        path = wave / wave[20:160].std() * amplitude
        result = finish(motion(179, dx=np.diff(path) * FPS), one_shot(6.0))
        assert {s.move for s in result.segments} == {"handheld"}
        figures.append(result.summary.shake)
    assert figures == sorted(figures)
    assert figures[-1] == pytest.approx(6 * figures[0], rel=0.01)


def test_nothing_is_measured_across_a_cut_or_in_a_dissolve() -> None:
    dx = np.zeros(179)
    dx[59] = 9.0  # the pair that ends with the first frame of the second shot: nonsense
    shots = Shots((Transition("cut", 2.0, 2.0), Transition("dissolve", 3.5, 4.5)), ((0.0, 2.0), (2.0, 4.0), (4.0, 6.0)))
    dx[105:135] = 5.0
    result = finish(motion(179, dx=dx), shots)
    assert [(s.shot, s.move) for s in result.segments] == [(0, "static"), (1, "static"), (2, "static")]
    assert [(s.start_s, s.end_s) for s in result.segments] == [
        (0.0, 2.0),
        (2.0, pytest.approx(3.5, abs=0.04)),
        (pytest.approx(4.5, abs=0.04), 6.0),
    ]
    assert result.coverage == pytest.approx(5 / 6, abs=0.02)


def test_what_could_not_be_fitted_is_null_with_the_reason() -> None:
    shots = Shots((Transition("cut", 2.0, 2.0),), ((0.0, 2.0), (2.0, 4.0)))
    inliers = np.concatenate([np.full(59, 0.9), np.zeros(60)])
    m = motion(119, dx=np.where(inliers > 0, 0.0, np.nan), inliers=inliers)
    result = finish(m, shots)
    assert [s.shot for s in result.segments] == [0]
    first, second = result.summary.shots
    assert first.camera is not None
    assert first.reason is None
    assert second.camera is None
    assert second.reason
    assert second.size is None
    assert second.size_reason
    assert result.coverage == pytest.approx(0.5, abs=0.02)
    speed = next(s for s in result.series if s.name == "speed")
    assert speed.values[-1] is None
    assert speed.values[2] == pytest.approx(0.0, abs=1e-6)


def test_a_short_gap_is_bridged_and_counts_as_not_measured() -> None:
    inliers = np.full(179, 0.9)
    inliers[60:72] = 0.0
    m = motion(179, dx=np.where(inliers > 0, 0.2, np.nan), inliers=inliers)
    (part,) = analyse_shot(m, one_shot(6.0), 0)[1]
    assert part.move == "pan_left"
    assert part.net[0] == pytest.approx(1.2, rel=0.01)
    assert sum(b - a for a, b in measured_intervals(m, one_shot(6.0))) == pytest.approx(5.6, abs=0.01)


@pytest.mark.parametrize("n", [0, 1, 3])
def test_clips_of_hardly_any_frames(n: int) -> None:
    result = finish(motion(n), one_shot(max(0.04, (n + 1) / FPS)))
    assert result.segments == []
    assert result.summary.shake is None
    assert result.summary.shots[0].camera is None


def test_no_shot_at_all() -> None:
    result = finish(motion(0), Shots((), ()))
    assert result.segments == []
    assert result.series == []


def test_series_stay_below_ten_a_second() -> None:
    series = fw_series(motion(299, dx=0.1), one_shot(10.0))
    assert {name for name, *_ in series} == {"speed", "zoom_rate", "local_motion"}
    assert all(len(t) <= 100 for _, _, t, _ in series)
    assert series[0][3][20] == pytest.approx(0.1, rel=1e-3)


def test_the_division_is_linear_in_length() -> None:
    """Forty times as long: as many parts as there are, no more."""
    dx = np.tile(np.concatenate([np.zeros(90), np.full(90, 0.3)]), 10)[:-1]
    (path,) = build_path(motion(len(dx), dx=dx), 0.0, 60.0)
    assert len(cut_path(path)) - 1 == pytest.approx(20, abs=2)


def test_stability_is_its_formula() -> None:
    assert stability(None) is None
    assert stability(0.0) == 1.0
    assert stability(0.005) == pytest.approx(np.exp(-1))


@pytest.mark.real
@pytest.mark.slow
@pytest.mark.parametrize("name", ["dog-and-woman-driveway.mp4", "coffee-pour-hands.mp4"])
def test_real_tripod_takes_stay_static(media: Path, name: str) -> None:
    from bench.accuracy.camera_analysis import analyse, decoded, real_shots

    frames = list(decoded(media / name))
    result = analyse(iter(frames), real_shots(media, name, frames[-1][1] + 1 / 30))
    assert {s.move for s in result.segments} == {"static"}
    assert result.coverage > 0.9
