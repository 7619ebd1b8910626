"""The edit grammar: each edit planted in textures that move, and its look-alikes."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import cv2
import numpy as np
import pytest

from reelscope.features.edits import Edit
from reelscope.features.edits._backdrop import Backdrop, screen_share
from reelscope.features.edits._panels import Panels
from reelscope.features.edits._replay import Replay, turns

H, W, FPS = 320, 180, 10


def texture(seed: int, height: int = H, width: int = W * 2) -> np.ndarray:
    """uint8 [h, w]: soft blobs of all sizes, as pictures have."""
    rng = np.random.default_rng(seed)
    total = np.zeros((height, width), np.float32)
    for cell in (8, 24, 60):
        small = rng.normal(0, cell / 3, (height // cell + 2, width // cell + 2)).astype(np.float32)
        total += cv2.resize(small, (width, height), interpolation=cv2.INTER_CUBIC)
    return np.clip(128 + total, 0, 255).astype(np.uint8)


def drift(seed: int, n: int, *, height: int = H, width: int = W, speed: int = 2, bias: int = 0) -> list[np.ndarray]:
    """`n` views of a texture that slides by `speed` px a frame, brighter by `bias`."""
    big = np.clip(texture(seed, height, width + n * speed + 8).astype(int) + bias, 0, 255).astype(np.uint8)
    return [np.ascontiguousarray(big[:, i * speed : i * speed + width]) for i in range(n)]


def panels(frames: Iterable[np.ndarray], shots: list[tuple[float, float]] | None = None) -> list[Edit]:
    meter, n = Panels(), 0
    for n, frame in enumerate(frames, 1):
        meter.add(frame, (n - 1) / FPS)
    return meter.finish(shots or [(0.0, n / FPS)])


def side_by_side(n: int = 30, *, still: bool = False) -> list[np.ndarray]:
    left, right = drift(1, n, width=90, bias=-30), drift(2, n, width=90, speed=3, bias=40)
    if still:
        right = [right[0]] * n
    return [np.concatenate(pair, axis=1) for pair in zip(left, right, strict=True)]


def inset(n: int = 30, *, still: bool = False) -> list[np.ndarray]:
    back, front = drift(3, n, bias=-40), drift(4, n, height=100, width=70, speed=3, bias=50)
    out = []
    for i, frame in enumerate(back):
        picture = frame.copy()
        picture[20:120, 95:165] = front[0 if still else i]
        out.append(picture)
    return out


def test_a_split_screen_is_found_with_its_place() -> None:
    (edit,) = panels(side_by_side())
    assert edit.kind == "split_screen" and (edit.start_s, edit.end_s) == (0.0, 3.0)
    assert dict(edit.evidence)["x"] == pytest.approx(0.5, abs=0.02) and dict(edit.evidence)["change_a"] > 1


def test_stacked_panels_are_a_split_screen_too() -> None:
    (edit,) = panels(
        [np.concatenate([a, b]) for a, b in zip(drift(1, 30, height=160, bias=-30), drift(2, 30, height=160, bias=40), strict=True)]
    )
    assert edit.kind == "split_screen" and dict(edit.evidence)["y"] == pytest.approx(0.5, abs=0.02)


def test_an_inset_is_found_with_its_box() -> None:
    (edit,) = panels(inset())
    found = dict(edit.evidence)
    assert edit.kind == "picture_in_picture"
    assert (found["x"], found["y"], found["w"], found["h"]) == pytest.approx((95 / W, 20 / H, 70 / W, 100 / H), abs=0.02)


LOOK_ALIKES: dict[str, Callable[[], list[np.ndarray]]] = {
    "one take": lambda: drift(5, 30),
    "a still panel is a picture, not footage": lambda: side_by_side(still=True),
    "a still inset is a sticker or a box of text": lambda: inset(still=True),
    "nothing moves": lambda: [side_by_side(1)[0]] * 30,
    "an edge that moves with the scene": lambda: [np.roll(f, 3 * i, axis=1) for i, f in enumerate(side_by_side())],
    "a box that does not reach the edges": lambda: [cv2.rectangle(f, (20, 200), (160, 216), 255, -1) for f in drift(6, 30)],
    "too short": lambda: [*drift(7, 12), *side_by_side(6), *drift(8, 12)],
    "flat": lambda: [np.full((H, W), 90, np.uint8)] * 30,
    "tiny": lambda: [f[:12, :12].copy() for f in drift(9, 30)],
}


@pytest.mark.parametrize("name", LOOK_ALIKES)
def test_look_alikes_are_no_panels(name: str) -> None:
    assert panels(LOOK_ALIKES[name]()) == []


def test_a_change_of_the_frame_size_does_not_break_a_chunk() -> None:
    assert panels([*drift(1, 5), *drift(1, 20, width=120)]) == []


def test_ends_move_onto_the_cuts() -> None:
    frames = [*drift(7, 13), *side_by_side(30), *drift(8, 12)]
    (edit,) = panels(frames, [(0.0, 1.3), (1.3, 4.3), (4.3, 5.5)])
    assert (edit.start_s, edit.end_s) == (1.3, 4.3)


# --- footage that comes again


def replay(frames: list[np.ndarray], shots: list[tuple[float, float]] | None = None) -> list[Edit]:
    meter = Replay()
    for i, frame in enumerate(frames):
        meter.add(frame, i / 15)
    return meter.finish(shots or [(0.0, len(frames) / 15)])


def test_a_boomerang_is_found_where_time_turns_round() -> None:
    forward = drift(1, 30, speed=4)
    (edit,) = replay(forward + forward[-2:-20:-1])
    assert edit.kind == "reversed"
    assert edit.start_s == pytest.approx(30 / 15, abs=0.14) and edit.end_s == pytest.approx(47 / 15, abs=0.14)


@pytest.mark.parametrize(
    "frames",
    [drift(1, 40, speed=4), [drift(1, 1)[0]] * 40, drift(1, 5), [*drift(1, 20, speed=4), *drift(2, 20, speed=4)]],
    ids=["forwards", "still", "short", "a cut"],
)
def test_what_does_not_turn_round_is_not_reversed(frames: list[np.ndarray]) -> None:
    assert replay(frames) == []


def test_a_turn_at_a_cut_is_two_shots_and_none_of_them_turns() -> None:
    forward = drift(1, 30, speed=4)
    assert replay(forward + forward[::-1], [(0.0, 2.0), (2.0, 4.0)]) == []


def test_too_few_frames_have_no_turn() -> None:
    assert turns(np.zeros((3, 144), np.uint8), np.arange(3) / 15) == []


def test_a_mirrored_repeat_is_found_and_a_plain_one_is_not() -> None:
    first, other = drift(1, 20, speed=3), drift(2, 15, speed=3)
    shots = [(0.0, 20 / 15), (20 / 15, 35 / 15), (35 / 15, 55 / 15)]
    (edit,) = replay(first + other + [f[:, ::-1] for f in first], shots)
    assert edit.kind == "mirrored" and dict(edit.evidence)["of_shot"] == 0 and edit.start_s == pytest.approx(35 / 15)
    assert replay(first + other + first, shots) == []


def test_a_symmetrical_picture_is_not_mirrored() -> None:
    half = drift(1, 20, width=90, speed=3)
    both = [np.concatenate([f, f[:, ::-1]], axis=1) for f in half]
    assert [
        e for e in replay(both + drift(2, 15) + both, [(0.0, 20 / 15), (20 / 15, 35 / 15), (35 / 15, 55 / 15)]) if e.kind == "mirrored"
    ] == []


@pytest.mark.parametrize("size", [(1, 1), (1, 40), (40, 1), (2, 2)])
def test_pictures_of_a_pixel_have_no_edits(size: tuple[int, int]) -> None:
    panels, replay, backdrop = Panels(), Replay(), Backdrop()
    for k in range(30):
        rgb = np.zeros((*size, 3), np.uint8)
        rgb[..., 1] = 200
        panels.add(rgb[..., 0].copy(), k * 0.1)
        replay.add(rgb[..., 0].copy(), k * 0.1)
        backdrop.add(rgb, k * 0.1)
    found = [*panels.finish([(0.0, 3.0)]), *replay.finish([(0.0, 3.0)])]
    assert found == [] and all(e.kind == "green_screen" for e in backdrop.finish([(0.0, 3.0)]))


def test_nothing_fed_is_nothing_found() -> None:
    assert panels([]) == [] and replay([]) == [] and Backdrop().finish([(0.0, 2.0)]) == []


# --- green screens


def screen(hue: int, *, noise: float = 2.0, saturation: int = 190) -> np.ndarray:
    hsv = np.full((90, 160, 3), (hue, saturation, 170), np.uint8)
    hsv[30:, 60:100] = (10, 90, 150)  # somebody before it
    rgb = cv2.cvtColor(hsv, cv2.COLOR_HSV2RGB).astype(np.float32)
    return np.clip(rgb + np.random.default_rng(0).normal(0, noise, rgb.shape), 0, 255).astype(np.uint8)


@pytest.mark.parametrize(("hue", "blue"), [(60, 0.0), (112, 1.0)])
def test_a_lit_screen_is_found(hue: int, blue: float) -> None:
    meter = Backdrop()
    for i in range(5):
        meter.add(screen(hue), i / 2)
    (edit,) = meter.finish([(0.0, 2.5)])
    assert edit.kind == "green_screen" and dict(edit.evidence)["blue"] == blue and dict(edit.evidence)["share"] > 0.5


@pytest.mark.parametrize(
    "rgb",
    [screen(60, saturation=60), screen(60, noise=40), screen(20), np.zeros((90, 160, 3), np.uint8)],
    ids=["pale", "a lawn has texture", "wood", "black"],
)
def test_what_is_no_screen(rgb: np.ndarray) -> None:
    assert screen_share(rgb)[0] == 0.0


def test_a_green_thing_in_the_middle_is_no_backdrop() -> None:
    rgb = np.full((90, 160, 3), 120, np.uint8)
    rgb[15:75, 30:130] = screen(60)[:60, :100]
    assert screen_share(rgb)[0] == 0.0
