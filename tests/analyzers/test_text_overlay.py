"""text_overlay through its contract: failure paths, a drawn clip with known words and times, real clips."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFont

from reelscope.analyzers.base import Clip, Inputs, LoadContext
from reelscope.analyzers.text_overlay import TextOverlay, TextOverlayResult
from reelscope.analyzers.text_overlay._follow import Follower
from reelscope.analyzers.text_overlay._ocr import LineBox, Reading
from reelscope.media.frames import FrameNeed, Frames, Window
from tests.clips import picture_facts

FPS = 30
NEEDS = TextOverlay.spec.backends[0].frames


@pytest.fixture(scope="module")
def loaded() -> Iterator[TextOverlay]:
    analyzer = TextOverlay()
    analyzer.load(LoadContext(device="cpu", options=TextOverlay.Options(), frames=NEEDS, backend="ppocrv6"))
    yield analyzer
    analyzer.close()


def clip_of(width: int, height: int, duration_s: float) -> Clip:
    return Clip("clip", picture_facts(duration_s, width, height), ".")


def run(
    analyzer: TextOverlay,
    frames: Sequence[np.ndarray],
    times: Sequence[float],
    *,
    results: dict[str, Any] | None = None,
    window_s: float = 1.0,
) -> TextOverlayResult:
    """Feed display-size frames (rgb) in windows, as the decode pass would."""
    import cv2

    height, width = frames[0].shape[:2] if len(frames) else (96, 160)
    duration_s = (times[-1] + 1 / FPS) if len(times) else 0.0
    clip = clip_of(width, height, duration_s)
    analyzer.begin(clip)

    def take(need: FrameNeed, first: float, last: float) -> Frames:
        spec = need.resolve(width, height)
        chosen, tick = [], 0
        for k, t in enumerate(times):
            if need.fps is not None:
                if t + 1e-9 < tick / need.fps:
                    continue
                tick = int((t + 1e-9) * need.fps) + 1
            if first <= t < last:
                chosen.append(k)
        pixels = np.zeros((len(chosen), *spec.shape), np.uint8)
        for row, k in enumerate(chosen):
            pixels[row] = cv2.resize(frames[k], (spec.width_px, spec.height_px), interpolation=cv2.INTER_AREA)
        pixels.flags.writeable = False
        return Frames(pixels, np.array([times[k] for k in chosen], np.float64), np.array(chosen, np.int64))

    count = max(1, int(np.ceil(duration_s / window_s)))
    for index in range(count):
        first, last = index * window_s, (index + 1) * window_s
        by_spec = {need.resolve(width, height): take(need, first, last) for need in NEEDS}
        analyzer.feed(Window(index, first, last, index == count - 1, by_spec, (width, height)))
    return analyzer.finish(Inputs(clip, results=results or {}))


def moving(seed: int = 0, size: tuple[int, int] = (320, 180)) -> Iterator[np.ndarray]:
    """A soft texture that slides sideways: (height, width) frames without anything like text."""
    import cv2

    h, w = size
    coarse = np.random.default_rng(seed).integers(40, 200, (h // 32 + 2, w // 32 + 40, 3), np.uint8)
    big = cv2.resize(coarse, None, fx=32, fy=32, interpolation=cv2.INTER_CUBIC)
    k = 0
    while True:
        x = (3 * k) % (big.shape[1] - w)
        yield np.ascontiguousarray(big[:h, x : x + w])
        k += 1


def write(picture: np.ndarray, text: str, at: tuple[int, int], size: int, opacity: float = 1.0) -> np.ndarray:
    under = Image.fromarray(picture)
    over = under.copy()
    ImageDraw.Draw(over).text(
        at, text, font=ImageFont.load_default(size), fill=(255, 255, 255), stroke_width=3, stroke_fill=(0, 0, 0), anchor="mm"
    )
    return np.asarray(Image.blend(under, over, opacity))


# failure paths


def test_importing_it_loads_nothing_heavy() -> None:
    code = (
        "import sys, reelscope.analyzers.text_overlay; print([m for m in ('numpy', 'cv2', 'onnxruntime', 'rapidocr') if m in sys.modules])"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.strip() == "[]"


def test_loading_it_opens_no_connection_and_imports_nothing_of_rapidocr() -> None:
    """That package opens connections for models it misses and installs log handlers; only the files inside it are used."""
    code = """
import socket, sys
def refuse(*a, **k): raise AssertionError("a connection")
socket.socket.connect = socket.create_connection = refuse
import numpy as np
from reelscope.analyzers.text_overlay._ocr import DETECTOR, RECOGNISER, TextReader
from reelscope.models.manager import ModelManager
models = ModelManager()
reader = TextReader(models.handle(DETECTOR), models.handle(RECOGNISER))
reader.detect(np.zeros((64, 64, 3), np.uint8)), reader.read([np.zeros((20, 60, 3), np.uint8)])
print([m for m in sys.modules if m.split(".")[0] == "rapidocr"])
"""
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert (out.stdout.strip(), out.stderr) == ("[]", "")


def test_close_is_legal_without_load() -> None:
    TextOverlay().close()


@pytest.mark.parametrize("shape", [(16, 16), (17, 33), (1, 1), (64, 2)])
def test_tiny_pictures_give_an_empty_result(loaded: TextOverlay, shape: tuple[int, int]) -> None:
    frames = [np.full((*shape, 3), 10 * k, np.uint8) for k in range(12)]
    assert run(loaded, frames, [k / FPS for k in range(12)]).segments == []


def test_no_frames_at_all(loaded: TextOverlay) -> None:
    result = run(loaded, [], [])
    assert result.segments == [] and result.summary.count == 0 and result.summary.lowest_contrast_ratio is None


def test_one_frame_is_not_enough_to_believe_a_text(loaded: TextOverlay) -> None:
    frame = write(next(moving()), "hello there", (90, 100), 28)
    assert run(loaded, [frame], [0.0]).segments == []


# a drawn clip


def test_words_times_box_and_colours_of_a_drawn_caption(loaded: TextOverlay) -> None:
    first, last = 17, 67
    frames = [
        write(f, "wait for it", (180, 400), 44) if first <= k < last else f for k, f in zip(range(90), moving(1, (640, 360)), strict=False)
    ]
    result = run(loaded, frames, [k / FPS for k in range(90)])
    assert [s.text for s in result.segments] == ["wait for it"]
    found = result.segments[0]
    assert found.start_s == pytest.approx(first / FPS, abs=1e-6)
    assert found.end_s == pytest.approx(last / FPS, abs=1e-6)
    assert found.role == "caption" or found.role == "title"
    assert found.confidence is not None and found.confidence > 0.9
    assert int(found.text_colour[1:3], 16) > 240 and int(found.background_colour[1:3], 16) < 20
    assert found.contrast_ratio > 15
    x, y, w, h = found.xywh_norm
    assert x + w / 2 == pytest.approx(0.5, abs=0.03) and y + h / 2 == pytest.approx(400 / 640, abs=0.02)
    assert found.line_height_px == pytest.approx(34, abs=6)  # ascenders of a 44 px face
    track = next(t for t in result.tracks if t.track_id == found.track_id)
    assert track.start_s == found.start_s and track.end_s == found.end_s
    gaps = np.diff([p.t_s for p in track.points])
    assert (gaps > 0.199).all() and found.start_s <= track.points[0].t_s and track.points[-1].t_s < found.end_s
    assert result.summary.count == 1 and result.summary.characters == 9
    assert result.summary.text_s == pytest.approx((last - first) / FPS)


def test_two_captions_in_one_place_are_two_texts_and_lines_are_one(loaded: TextOverlay) -> None:
    def draw(k: int, f: np.ndarray) -> np.ndarray:
        if 12 <= k < 45:
            return write(write(f, "three things", (180, 200), 40), "you missed", (180, 250), 40)
        return write(f, "number one", (180, 200), 40) if 45 <= k < 80 else f

    result = run(loaded, [draw(k, f) for k, f in zip(range(95), moving(2, (480, 360)), strict=False)], [k / FPS for k in range(95)])
    assert [s.text for s in result.segments] == ["three things you missed", "number one"]
    assert result.segments[0].lines == ["three things", "you missed"]
    assert [s.start_s for s in result.segments] == pytest.approx([12 / FPS, 45 / FPS], abs=0.04)
    assert [s.end_s for s in result.segments] == pytest.approx([45 / FPS, 80 / FPS], abs=0.04)


def test_a_fade_begins_and_ends_near_half_opacity(loaded: TextOverlay) -> None:
    def opacity(k: int) -> float:
        return float(np.clip(min((k - 20) / 9, (74 - k) / 9), 0, 1))

    frames = [write(f, "Chapter two", (180, 300), 46, opacity(k)) for k, f in zip(range(95), moving(3, (480, 360)), strict=False)]
    (found,) = run(loaded, frames, [k / FPS for k in range(95)]).segments
    assert found.text == "Chapter two"
    assert found.start_s == pytest.approx(24.5 / FPS, abs=0.12)
    assert found.end_s == pytest.approx(69.5 / FPS, abs=0.12)


def test_variable_frame_times_are_taken_from_pts(loaded: TextOverlay) -> None:
    times = [0.5 * k / FPS if k < 40 else 20 / FPS + (k - 40) * 2 / FPS for k in range(80)]
    frames = [write(f, "slow motion", (180, 300), 46) if k >= 50 else f for k, f in zip(range(80), moving(4, (480, 360)), strict=False)]
    (found,) = run(loaded, frames, times).segments
    assert found.start_s == pytest.approx(times[50], abs=1e-6)
    assert found.end_s == pytest.approx(times[-1] + 1 / FPS)


def test_a_text_to_the_end_ends_with_the_clip_and_the_next_clip_starts_clean(loaded: TextOverlay) -> None:
    frames = [write(f, "to the end", (180, 300), 46) for k, f in zip(range(45), moving(5, (480, 360)), strict=False)]
    (found,) = run(loaded, frames, [k / FPS for k in range(45)]).segments
    assert (found.start_s, found.end_s) == (0.0, pytest.approx(1.5))
    plain = [f for _, f in zip(range(30), moving(6, (480, 360)), strict=False)]
    assert run(loaded, plain, [k / FPS for k in range(30)]).segments == []


# following, with a reader that counts


class StubReader:
    """Finds one fixed line wherever the caption's plate is bright, and counts what it is asked."""

    def __init__(self) -> None:
        self.detected_px = 0
        self.read_count = 0

    def detect(self, rgb: np.ndarray, *, scale: float = 1.0) -> list[LineBox]:
        self.detected_px += int(rgb.shape[0] * rgb.shape[1] * scale * scale)
        bright = np.argwhere(rgb[..., 0] > 250)
        if len(bright) < 50:
            return []
        (y0, x0), (y1, x1) = bright.min(axis=0) - 4, bright.max(axis=0) + 5
        return [LineBox(np.array([[x0, y0], [x1, y0], [x1, y1], [x0, y1]], np.float32), 0.95)]

    def read(self, crops: list[np.ndarray]) -> list[Reading]:
        self.read_count += len(crops)
        return [Reading("steady caption", 0.99) for _ in crops]


def test_a_resting_caption_is_read_once_however_long_it_stays() -> None:
    costs = []
    for samples in (15, 60):
        reader = StubReader()
        follower = Follower(reader)
        for k, picture in zip(range(samples), moving(7, (400, 300)), strict=False):
            follower.sample(k / 5, write(picture, "steady caption", (150, 300), 36))
        assert [line.text for line in follower.finish(samples / 5)] == ["steady caption"]
        assert reader.read_count == 1
        costs.append(reader.detected_px / samples)
    # per sample no more than the regular scan of the whole picture asks for, and not rising with time
    assert costs[1] <= costs[0]


# real material


@pytest.mark.real
def test_lower_third_of_a_small_real_clip(media: Path) -> None:
    from reelscope import analyze

    entry = analyze(media / "obama-statement-lower-third.mp4", only=["text_overlay"]).analyzers["text_overlay"]
    assert entry.status == "ok"
    assert [s.text.replace(", ", ",") for s in entry.segments] == ["PRESIDENT OBAMA STATEMENT ON IRAN JULY 14,2015"]
    assert entry.segments[0].start_s == pytest.approx(2.6, abs=0.25)


@pytest.mark.real
def test_nothing_is_invented_in_a_real_clip_without_text(media: Path) -> None:
    from reelscope import analyze

    assert analyze(media / "children-jumping-bed.mp4", only=["text_overlay"]).analyzers["text_overlay"].segments == []
