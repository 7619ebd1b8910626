"""content_quality: the pure parts by tables, the meters on drawn pictures, the class on synthetic windows, then one real clip."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import cv2
import numpy as np
import pytest

from reelscope.analyzers.base import Clip, Inputs, LoadContext, NoOptions
from reelscope.analyzers.camera_analysis import CameraResult, CameraSummary, Figures, ShotCameraFigures
from reelscope.analyzers.content_quality import ANALYZER, QualityResult, QualitySegment
from reelscope.analyzers.content_quality._judge import LIMITS, media_checks, reasons, video_bit_rate_bps
from reelscope.analyzers.content_quality._luma import LumaFigures, LumaMeter, without_black_edges
from reelscope.analyzers.content_quality._still import FrameLog, FrameMeter, StillSpan, find_spans
from reelscope.config import Settings
from reelscope.document.schema import AudioInfo, MediaInfo
from reelscope.features.shots import Shots, Transition
from reelscope.media.frames import EVERY_FRAME, NATIVE_LUMA, Frames, Window
from reelscope.pipeline import Session

FPS = 30


def facts_of(**changes: object) -> MediaInfo:
    facts = {
        "container": "mp4", "duration_s": 10.0, "width_px": 1080, "height_px": 1920, "coded_width_px": 1080, "coded_height_px": 1920,
        "codec": "h264", "size_bytes": 1, "fps": 30.0,
    }  # fmt: skip
    return MediaInfo.model_validate(facts | changes)


@cache
def scene(height: int = 320, width: int = 180, seed: int = 1) -> np.ndarray:
    """A drawn luma picture with edges of all directions, texture and smooth parts; levels 40-215."""
    rng = np.random.default_rng(seed)
    picture = np.tile(np.linspace(80, 150, width), (height, 1))
    for _ in range(40):
        x, y, r = rng.uniform(0, width), rng.uniform(0, height), rng.uniform(4, width / 4)
        yy, xx = np.mgrid[:height, :width]
        inside = (xx - x) ** 2 + (yy - y) ** 2 < r**2
        picture[inside] = rng.uniform(50, 200)
    picture[: height // 3] += rng.normal(0, 8, (height // 3, width))
    out = np.clip(picture, 40, 215).astype(np.uint8)
    out.flags.writeable = False  # shared between the tests
    return out


def measure(luma: np.ndarray) -> LumaFigures:
    return LumaMeter().measure(luma, 0.0)


# --- failure and edge cases first


@pytest.mark.parametrize("shape", [(1, 1), (16, 16), (2, 900), (900, 5)])
def test_pictures_too_small_to_measure_give_null(shape: tuple[int, int]) -> None:
    noise = np.random.default_rng(0).integers(40, 200, shape).astype(np.uint8)
    assert measure(noise) == LumaFigures(0.0)


@pytest.mark.parametrize("level", [0, 128, 255])
def test_plain_picture_has_no_sharpness(level: int) -> None:
    found = measure(np.full((320, 180), level, np.uint8))
    assert (found.sharpness, found.sharpness_peak, found.fine_detail) == (None, None, None)
    assert (found.blockiness, found.banding_share) == (0.0, 0.0)
    assert found.noise_sigma == (0.0 if level == 128 else None)  # clipped levels hide their noise


@pytest.mark.parametrize("shape", [(24, 24), (25, 33), (101, 57), (320, 180), (481, 853)])
def test_odd_sizes_are_measured(shape: tuple[int, int]) -> None:
    found = measure(scene(*shape))
    assert 0 < found.sharpness < 1 and 0 < found.fine_detail < 1 and found.noise_sigma >= 0 and found.blockiness >= 0


def test_meter_keeps_nothing_between_frames_and_sizes() -> None:
    meter = LumaMeter()
    sizes = [(320, 180), (48, 640), (320, 180)]
    together = [meter.measure(scene(*s), 0.0) for s in sizes]
    assert together == [measure(scene(*s)) for s in sizes]
    assert together[0] == together[2]


# --- figures rank


@pytest.mark.parametrize("sigma", [0.7, 1.5, 4.0])
def test_blur_lowers_sharpness_and_fine_detail(sigma: float) -> None:
    sharp, soft = measure(scene()), measure(cv2.GaussianBlur(scene(), (0, 0), sigma))
    assert soft.sharpness < sharp.sharpness and soft.fine_detail < sharp.fine_detail and soft.sharpness_peak < sharp.sharpness_peak


def test_motion_blur_in_one_direction_is_seen() -> None:
    for kernel in (np.ones((1, 15)) / 15, np.ones((15, 1)) / 15):
        assert measure(cv2.filter2D(scene(), -1, kernel)).sharpness < 0.6 * measure(scene()).sharpness


def test_sharp_subject_before_a_blurred_background_is_sharp_at_its_peak() -> None:
    rng = np.random.default_rng(6)
    squares = np.kron(rng.integers(60, 200, (40, 40)), np.ones((12, 12))).astype(np.uint8)
    picture = cv2.GaussianBlur(squares, (0, 0), 6)
    picture[80:400, 80:400] = squares[80:400, 80:400]
    found = measure(picture)
    assert found.sharpness < 0.8 * found.sharpness_peak
    assert found.sharpness_peak == pytest.approx(measure(squares).sharpness_peak, abs=0.02)


@pytest.mark.parametrize("sigma", [2.0, 5.0, 10.0])
def test_noise_sigma_is_about_that_of_the_noise(sigma: float) -> None:
    noise = np.random.default_rng(2).normal(0, sigma, (480, 480))
    plain = np.tile(np.linspace(80, 170, 480), (480, 1))
    found = measure((plain + noise).round().clip(0, 255).astype(np.uint8)).noise_sigma
    assert found == pytest.approx(sigma, rel=0.1)


def test_noise_is_not_measured_in_clipped_parts() -> None:
    picture = np.full((480, 480), 255, np.uint8)
    picture[:240] = np.clip(120 + np.random.default_rng(3).normal(0, 6, (240, 480)), 0, 255).astype(np.uint8)
    assert measure(picture).noise_sigma == pytest.approx(6, rel=0.15)


@pytest.mark.parametrize("step", [4, 8])
def test_blocks_on_the_grid_count_and_others_do_not(step: int) -> None:
    rng = np.random.default_rng(4)
    base = np.clip(128 + rng.normal(0, 3, (320, 320)), 0, 255)
    blocks = np.kron(rng.uniform(-step, step, (40, 40)), np.ones((8, 8)))
    on = measure((base + blocks).clip(0, 255).astype(np.uint8)).blockiness
    off = measure((base + np.roll(blocks, (3, 3), (0, 1))).clip(0, 255).astype(np.uint8)).blockiness
    none = measure(base.astype(np.uint8)).blockiness
    assert on > 0.2 and none < 0.05 and off < 0.05


def test_edges_of_blocks_are_no_fine_detail() -> None:
    soft = cv2.GaussianBlur(scene(), (0, 0), 3)
    blocks = np.kron(np.random.default_rng(8).uniform(-4, 4, (40, 23)), np.ones((8, 8)))[:, :180]
    on, off = (measure((soft + b).round().clip(0, 255).astype(np.uint8)) for b in (blocks, np.roll(blocks, (3, 3), (0, 1))))
    assert on.blockiness > 0.5 and off.blockiness < 0.05
    assert on.fine_detail < 0.6 * off.fine_detail


def test_banding_is_plateaus_not_smooth_dithered_gradients() -> None:
    gradient = np.tile(np.linspace(60, 120, 640), (320, 1))
    dithered = (gradient + np.random.default_rng(5).normal(0, 0.7, gradient.shape)).round().astype(np.uint8)
    assert measure(dithered).banding_share == 0.0
    assert measure((gradient / 4).round().astype(np.uint8) * 4).banding_share > 0.3
    assert measure(scene(320, 640)).banding_share < 0.05


def test_black_bars_are_left_out() -> None:
    inner = scene(240, 180)
    barred = np.zeros((320, 180), np.uint8)
    barred[43:283] = inner
    view = without_black_edges(barred)
    assert view.shape == (235, 180) and np.array_equal(view, inner[5:])  # cut at the next multiple of eight
    found, alone = measure(barred), measure(inner)
    assert found.sharpness == pytest.approx(alone.sharpness, rel=0.05)
    assert found.blockiness == pytest.approx(alone.blockiness, abs=0.05)


# --- words


@pytest.mark.parametrize("limit", LIMITS, ids=lambda limit: limit.word)
def test_each_word_is_said_beyond_its_limit_only(limit: object) -> None:
    sign = 1 if limit.above else -1
    assert reasons({limit.figure: limit.value + sign * 1e-6}) == [limit.word]
    assert reasons({limit.figure: limit.value}) == []
    assert reasons({limit.figure: None}) == [] and reasons({}) == []
    assert limit.figure in QualitySegment.model_fields and limit.why


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        ({"video_bit_rate_bps": 8_000_000}, {"short_side": True, "frame_rate": True, "bits_per_pixel": True}),
        ({"video_bit_rate_bps": 1_000_000}, {"short_side": True, "frame_rate": True, "bits_per_pixel": False}),
        ({"width_px": 360, "fps": 12.5}, {"short_side": False, "frame_rate": False, "bits_per_pixel": None}),
        ({"fps": None, "video_bit_rate_bps": 1}, {"short_side": True, "frame_rate": None, "bits_per_pixel": None}),
        ({"codec": "mpeg4", "video_bit_rate_bps": 8_000_000}, {"short_side": True, "frame_rate": True, "bits_per_pixel": None}),
        ({"fps": 24000 / 1001}, {"short_side": True, "frame_rate": True, "bits_per_pixel": None}),
    ],
)
def test_media_checks(facts: dict[str, object], expected: dict[str, bool | None]) -> None:
    found = media_checks(facts_of(**facts))
    assert {c.check: c.ok for c in found} == expected
    assert all(c.reason for c in found if c.ok is None)


def test_bits_per_pixel_and_where_the_bit_rate_comes_from() -> None:
    sound = AudioInfo(codec="aac", rate_hz=44100, channels=2, layout="stereo", start_s=0, duration_s=10, bit_rate_bps=128_000)
    assert video_bit_rate_bps(facts_of(video_bit_rate_bps=5, bit_rate_bps=9)) == 5
    assert video_bit_rate_bps(facts_of(bit_rate_bps=1_128_000, audio=sound)) == 1_000_000
    assert video_bit_rate_bps(facts_of()) is None
    checks = {c.check: c for c in media_checks(facts_of(video_bit_rate_bps=1080 * 1920 * 30))}
    assert checks["bits_per_pixel"].value == pytest.approx(1.0)


# --- black, frozen, duplicate: hand-written logs


def log_of(text: str) -> FrameLog:
    """m: moving, r: exact repeat, c: calm (a refinement), b: black; the first frame has no change."""
    change = {"m": (3.0, 40.0), "r": (0.0, 0.2), "c": (0.25, 3.0), "b": (0.0, 0.0)}
    log = FrameLog()
    for i, letter in enumerate(text):
        mean, block = change[letter] if i else (-1.0, -1.0)
        log.t_s.append(i / FPS)
        log.black.append(letter == "b")
        log.over.append(0.0)
        log.under.append(0.0)
        log.change_mean.append(mean)
        log.change_block.append(block)
    return log


@pytest.mark.parametrize(
    ("text", "spans"),
    [
        ("", []),
        ("m", []),
        ("b", [("black", 0, 1, 1)]),
        ("m" * 40, []),
        ("m" * 10 + "b" * 7 + "m" * 10, [("black", 10, 17, 7)]),
        ("m" * 10 + "r" * 20 + "m" * 10, [("frozen", 9, 30, 20)]),
        ("m" * 10 + "r" * 20, [("frozen", 9, 30, 20)]),
        ("mm" + "r" * 7 + "cc" + "r" * 9 + "m" * 9, [("frozen", 1, 20, 18)]),  # refinements do not break a freeze
        ("m" * 9 + "c" * 20 + "m" * 9, []),  # nor are they one
        ("m" * 9 + "rcccc" * 6 + "m" * 9, []),
        ("m" * 20 + "b" * 30 + "m" * 20, [("black", 20, 50, 30)]),  # black is not frozen too
        ("m" * 13 + "r" + "m" * 13, [("duplicate", 13, 14, 1)]),
        ("mmmmr" * 8 + "m", [("duplicate", 4, 40, 8)]),  # 24 raised to 30: one stretch
        ("mm" + "rrm" * 12, [("duplicate", 2, 37, 24)]),  # 10 raised to 30
        ("m" * 9 + "r", []),  # no movement after it: the end of the clip may be a pause
        ("m" * 9 + "c" + "r" * 20 + "c" + "m" * 9, [("frozen", 8, 31, 22)]),  # coding noise at the edges of a freeze
        ("m" * 13 + "r" + "m" * 33 + "r" + "m" * 13, [("duplicate", 13, 14, 1), ("duplicate", 47, 48, 1)]),
    ],
)
def test_spans(text: str, spans: list[tuple[str, int, int, int]]) -> None:
    expected = [StillSpan(kind, a / FPS, b / FPS, n) for kind, a, b, n in spans]
    found = find_spans(log_of(text), len(text) / FPS)
    assert [(s.kind, s.frames) for s in found] == [(s.kind, s.frames) for s in expected]
    assert [(s.start_s, s.end_s) for s in found] == [pytest.approx((s.start_s, s.end_s)) for s in expected]


def test_repeats_in_a_scene_without_motion_are_not_duplicates() -> None:
    log = log_of("m" * 40)
    for i in range(1, 40):
        log.change_mean[i], log.change_block[i] = (0.0, 0.2) if i % 5 == 0 else (0.1, 2.0)
    assert find_spans(log, 40 / FPS) == []


def test_variable_frame_rate_uses_times_not_counts() -> None:
    log = log_of("m" * 5 + "rrr" + "m" * 5)
    for i in range(5, len(log.t_s)):
        log.t_s[i] += 0.2 * min(i - 4, 4)
    assert [(s.kind, s.frames) for s in find_spans(log, log.t_s[-1] + 0.03)] == [("frozen", 3)]


# --- the class


def window(small: np.ndarray, native: np.ndarray, times: list[float], native_times: list[float], size_px: tuple[int, int]) -> Window:
    by_spec = {}
    for need, pixels, pts in ((EVERY_FRAME, small, times), (NATIVE_LUMA, native, native_times)):
        pixels = np.ascontiguousarray(pixels)
        pixels.flags.writeable = False
        by_spec[need.resolve(*size_px)] = Frames(pixels, np.array(pts, float), np.arange(len(pts)))
    return Window(0, 0.0, 1.0, True, by_spec, size_px)


def analyse(frames: list[np.ndarray], shots: Shots, *, camera: CameraResult | None = None, **facts: object) -> QualityResult:
    """Frames uint8 [h, w] luma at FPS, as small RGB and, one a second, as native luma; in two windows with an empty one between."""
    height, width = frames[0].shape if frames else (320, 180)
    analyzer = ANALYZER()
    analyzer.load(LoadContext(device="cpu", options=NoOptions(), frames=analyzer.spec.backends[0].frames))
    clip = Clip("clip", facts_of(duration_s=len(frames) / FPS, width_px=width, height_px=height, **facts), "/nonexistent")
    analyzer.begin(clip)
    half = len(frames) // 2
    for start, stop in ((0, half), (half, half), (half, len(frames))):
        luma = np.stack(frames[start:stop]) if stop > start else np.empty((0, height, width), np.uint8)
        ticks = [i for i in range(start, stop) if i % FPS == 0]
        native = np.stack([frames[i] for i in ticks]) if ticks else np.empty((0, height, width), np.uint8)
        times = [i / FPS for i in range(start, stop)]
        analyzer.feed(window(np.repeat(luma[..., None], 3, axis=3), native, times, [i / FPS for i in ticks], (width, height)))
    results = {} if camera is None else {"camera_analysis": camera}
    result = analyzer.finish(Inputs(clip, features={"shots": shots}, results=results))
    analyzer.close()
    return result


def moving(count: int, seed: int = 1) -> list[np.ndarray]:
    picture = scene(400, 180, seed)
    return [np.ascontiguousarray(picture[2 * i % 80 : 2 * i % 80 + 320]) for i in range(count)]


def test_clip_without_a_frame() -> None:
    result = analyse([], Shots((), ((0.0, 1.0),)))
    assert (result.coverage, result.series, result.summary.reason) == (0.0, [], "no frame was decoded")
    assert result.segments[0].sharpness is None and result.segments[0].over_share is None
    assert (result.summary.black_s, result.summary.frozen_s, result.summary.unique_fps) == (None, None, None)


def test_one_frame() -> None:
    result = analyse(moving(1), Shots((), ((0.0, 1 / FPS),)))
    assert result.segments[0].sharpness > 0 and len(result.segments) == 1


def test_shot_without_an_unscaled_frame_says_so_and_keeps_exposure() -> None:
    white = [np.full((320, 180), 255, np.uint8)] * 10
    shots = Shots((), ((0.0, 0.5), (0.5, 25 / FPS)))
    result = analyse([*moving(15), *white], shots)
    first, second = (s for s in result.segments if s.kind == "shot")
    assert first.native_frames == 1 and first.reason is None and first.sharpness > 0
    assert second.native_frames == 0 and second.reason.startswith("no unscaled frame") and second.sharpness is None
    assert (second.over_share, second.under_share, second.reasons) == (1.0, 0.0, ["highlights_clipped"])
    assert result.summary.reasons_s["highlights_clipped"] == pytest.approx(25 / FPS - 0.5)


def test_black_and_frozen_stretches_stand_beside_the_shots() -> None:
    take = moving(30)
    black = [np.zeros((320, 180), np.uint8)] * 9
    frames = [*take[:20], *[take[20]] * 30, *take[21:], *black]
    result = analyse(frames, Shots((), ((0.0, len(frames) / FPS),)))
    assert [(s.kind, s.frames, s.shot) for s in result.segments] == [("shot", 68, 0), ("frozen", 29, None), ("black", 9, None)]
    assert (result.segments[1].start_s, result.segments[1].end_s) == pytest.approx((20 / FPS, 50 / FPS))
    assert (result.summary.frozen_s, result.summary.black_s) == pytest.approx((1.0, 0.3))
    assert result.summary.unique_fps is None


def test_raised_frame_rate_is_told() -> None:
    frames = [f for i, f in enumerate(moving(49)) for _ in range(2 if i % 4 == 3 else 1)]
    summary = analyse(frames, Shots((), ((0.0, 2.1),))).summary
    assert (summary.duplicate_frames, summary.frames) == (12, 61)
    assert summary.unique_fps == pytest.approx(30 * 49 / 61)


def test_unscaled_frames_in_gradual_transitions_and_black_do_not_count() -> None:
    blurred = [cv2.GaussianBlur(f, (0, 0), 4) for f in moving(30)]
    black = [np.zeros((320, 180), np.uint8)] * 30
    shots = Shots((Transition("dissolve", 0.9, 1.5),), ((0.0, 4.0),))
    result = analyse([*moving(30), *blurred, *black, *moving(30)], shots)
    shot = result.segments[0]
    assert shot.native_frames == 2  # at 0 and 3 s: the one at 1 s is inside the dissolve, the one at 2 s black
    assert shot.sharpness == pytest.approx(result.series[0].values[0], rel=0.1)
    assert [s.name for s in result.series] == ["sharpness", "noise_sigma", "over_share", "under_share"]
    assert [len(s.t_s) for s in result.series] == [4, 4, 15, 15]


def test_stability_is_that_of_camera_analysis_or_null_with_the_reason() -> None:
    figures = Figures.model_validate(dict.fromkeys(Figures.model_fields) | {"move": "static", "components": ["static"], "stability": 0.8})
    rows = [
        ShotCameraFigures(shot=0, start_s=0, end_s=0.2, camera=figures),
        ShotCameraFigures(shot=1, start_s=0.2, end_s=0.4, camera=None, reason="too short"),
    ]
    shots = Shots((), ((0.0, 0.2), (0.2, 0.4)))
    both = analyse(moving(12), shots, camera=CameraResult(summary=CameraSummary(shots=rows)))
    alone = analyse(moving(12), shots)
    assert [s.stability for s in both.segments] == [0.8, None]
    assert [s.stability_reason is None for s in both.segments] == [True, False]
    assert [s.stability for s in alone.segments] == [None, None] and all(s.stability_reason for s in alone.segments)


def test_result_survives_json() -> None:
    result = analyse(moving(5), Shots((), ((0.0, 5 / FPS),)), video_bit_rate_bps=1000)
    again = QualityResult.model_validate_json(result.model_dump_json())
    assert again.summary.checks[2].ok is False


def test_frame_meter_holds_one_frame_only() -> None:
    meter = FrameMeter()
    for i in range(3):
        meter.add(np.full((40, 30, 3), 100 + i, np.uint8), i / FPS)
    assert list(meter.log.change_mean) == [-1.0, 1.0, 1.0]
    assert meter._last.shape == (40, 30)


# --- real clips


@pytest.mark.real
def test_black_end_of_a_real_fade_out(media: Path) -> None:
    with Session(Settings()) as session:
        entry = session.analyze(media / "plane-zoom-out-fade-out.mp4", only=["content_quality"]).document.analyzers["content_quality"]
    assert entry.status == "ok", entry.reason
    black = [s for s in entry.segments if s.kind == "black"]
    assert len(black) == 1 and black[0].end_s == pytest.approx(11.2, abs=0.08) and 0.2 < black[0].end_s - black[0].start_s < 1.0
    assert [s for s in entry.segments if s.kind == "frozen"] == []
    assert {c.check: c.ok for c in entry.summary.checks}["short_side"] is False
