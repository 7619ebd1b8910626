"""The feature `shots`: decisions by table, geometry of blends and wipes, and the stream over synthetic frames."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
import pytest

from reelscope.features.shots import FEATURE, Shots, Transition, _evidence, _gradual, _model
from reelscope.features.shots._decide import CutCandidate, GradualCandidate, choose_cuts, combine, join_fades, tile
from reelscope.features.shots._same import same_take
from reelscope.features.shots._stream import ShotStream


def scene(seed: int, h: int = 90, w: int = 160) -> np.ndarray:
    """A picture of soft blobs and edges, uint8 [h, w, 3]; another seed, another picture."""
    rng = np.random.default_rng(seed)
    coarse = cv2.resize(rng.integers(20, 236, (6, 8, 3), dtype=np.uint8), (w, h), interpolation=cv2.INTER_CUBIC)
    fine = cv2.resize(rng.integers(0, 60, (45, 80, 1), dtype=np.uint8), (w, h), interpolation=cv2.INTER_LINEAR)
    return np.clip(coarse.astype(np.int16) + fine[..., None] - 30, 0, 255).astype(np.uint8)


def still(picture: np.ndarray, n: int, seed: int = 0) -> np.ndarray:
    """A still with sensor noise."""
    rng = np.random.default_rng(seed)
    noise = rng.integers(-2, 3, (4, *picture.shape), dtype=np.int16)
    return np.clip(picture[None].astype(np.int16) + noise[np.arange(n) % 4], 0, 255).astype(np.uint8)


def run(frames: np.ndarray | Sequence[np.ndarray], pts_s: np.ndarray | None = None, fps: float = 30.0) -> tuple[Transition, ...]:
    stream = ShotStream()
    times = np.arange(len(frames)) / fps if pts_s is None else pts_s
    for frame, t in zip(frames, times, strict=True):
        stream.add(frame, float(t))
    return stream.end()


def cut(t: float, p: float) -> CutCandidate:
    return CutCandidate(t, p, same_take=False)


# --- decisions


@pytest.mark.parametrize(
    ("candidates", "expected"),
    [
        ([], []),
        ([cut(1.0, 0.69)], []),  # under the threshold
        ([cut(1.0, 0.9), cut(1.1, 0.95)], [1.1]),  # one disturbance, the better one
        ([cut(1.0, 0.9), cut(1.2, 0.95)], [1.0, 1.2]),
        ([cut(0.1, 0.99), cut(9.95, 0.99), cut(5.0, 0.8)], [5.0]),  # next to the clip's ends
    ],
)
def test_choose_cuts(candidates: list[CutCandidate], expected: list[float]) -> None:
    assert [c.pts_s for c in choose_cuts(candidates, 0.0, 10.0)] == expected


def test_steps_of_held_frames_are_no_cuts() -> None:
    steps = [CutCandidate(t, 0.9, same_take=True, held=True) for t in (1.0, 1.3, 1.6, 1.9)]
    alone = CutCandidate(6.0, 0.9, same_take=True, held=True)
    slides = [CutCandidate(t, 0.9, same_take=False, held=True) for t in (8.0, 8.4, 8.8)]
    moving = [CutCandidate(t, 0.9, same_take=True) for t in (9.2, 9.6, 10.0)]
    assert choose_cuts([*steps, alone, *slides, *moving], 0.0, 20.0) == [alone, *slides, *moving]


@pytest.mark.parametrize(
    ("second", "expected"),
    [
        (GradualCandidate("fade", 2.3, 3.0, "from black", 0.2), [("black", 1.0, 3.0)]),
        (
            GradualCandidate("fade", 2.5, 3.0, "from black", 0.2),
            [("to black", 1.0, 2.0), ("from black", 2.5, 3.0)],
        ),  # black long enough to be seen
        (GradualCandidate("fade", 2.1, 3.0, "from white", 0.2), [("to black", 1.0, 2.0), ("from white", 2.1, 3.0)]),
        (GradualCandidate("fade", 2.1, 3.0, "to black", 0.2), [("to black", 1.0, 2.0), ("to black", 2.1, 3.0)]),
        (GradualCandidate("dissolve", 2.1, 3.0, None, 0.2), [("to black", 1.0, 2.0), (None, 2.1, 3.0)]),
    ],
)
def test_join_fades(second: GradualCandidate, expected: list[tuple[str | None, float, float]]) -> None:
    out = join_fades([second, GradualCandidate("fade", 1.0, 2.0, "to black", 0.5)])
    assert [(g.variant, g.start_s, g.end_s) for g in out] == expected


def test_a_cut_inside_a_gradual_transition_is_part_of_it() -> None:
    out = combine([cut(1.05, 0.9), cut(1.5, 0.9), cut(2.5, 0.9)], [GradualCandidate("wipe", 1.1, 2.0, "left", 0.4)])
    assert [(t.kind, t.start_s) for t in out] == [("wipe", 1.1), ("cut", 2.5)]
    assert [t.confidence for t in out] == [0.8, 0.9]


@pytest.mark.parametrize(
    ("transitions", "duration_s", "expected"),
    [
        ((), 4.0, ((0.0, 4.0),)),
        ((), 0.0, ()),
        ((Transition("cut", 1.0, 1.0),), 4.0, ((0.0, 1.0), (1.0, 4.0))),
        ((Transition("dissolve", 1.0, 2.0),), 4.0, ((0.0, 1.5), (1.5, 4.0))),
        ((Transition("fade", 0.0, 1.0, variant="from black"),), 4.0, ((0.0, 4.0),)),
        ((Transition("fade", 3.0, 4.0, variant="to black"),), 4.0, ((0.0, 4.0),)),
        ((Transition("cut", 1.0, 1.0), Transition("fade", 2.0, 3.0, variant="from black")), 4.0, ((0.0, 1.0), (1.0, 2.5), (2.5, 4.0))),
        ((Transition("fade", 1.0, 2.0, variant="black"),), 4.0, ((0.0, 1.5), (1.5, 4.0))),
        ((Transition("cut", 5.0, 5.0),), 4.0, ((0.0, 4.0),)),  # a duration that ends before: still a tiling
        ((Transition("cut", 1.0, 1.0), Transition("cut", 1.0, 1.0)), 4.0, ((0.0, 1.0), (1.0, 4.0))),
    ],
)
def test_shots_tile_the_clip(transitions: tuple[Transition, ...], duration_s: float, expected: tuple[tuple[float, float], ...]) -> None:
    assert tile(transitions, duration_s).shots == expected


def test_shot_at() -> None:
    shots = Shots((), ((0.0, 1.0), (1.0, 4.0)))
    assert [shots.at(t) for t in (0.0, 0.999, 1.0, 3.9, 4.0)] == [0, 0, 1, 1, 1]


# --- model


def test_model_belongs_to_the_figures() -> None:
    trees = _model.load()
    assert trees.feature.max() < len(_evidence.NAMES)
    assert 0 <= _model.probability(np.zeros(len(_evidence.NAMES), np.float32)) <= 1


def test_trees_by_hand() -> None:
    # figure 1 <= 0.5 -> 2.0; else figure 0 <= 0 -> -1.0, else 3.0
    trees = _model.Trees(
        np.array([[1, -1, 0, -1, -1]], np.int16),
        np.array([[0.5, 0, 0, 0, 0]], np.float32),
        np.array([[1, 0, 3, 0, 0]], np.int16),
        np.array([[2, 0, 4, 0, 0]], np.int16),
        np.array([[0, 2.0, 0, -1.0, 3.0]], np.float32),
        baseline=0.25,
    )
    for figures, expected in (((9, 0.5), 2.25), ((0, 0.6), -0.75), ((1, 0.6), 3.25)):
        assert trees.log_odds(np.array(figures, np.float32)) == pytest.approx(expected)


def test_same_take() -> None:
    a, b = (
        cv2.cvtColor(cv2.resize(scene(s), (32, 18), interpolation=cv2.INTER_AREA), cv2.COLOR_RGB2GRAY).astype(np.float32) for s in (1, 2)
    )
    nearer = cv2.resize(a[1:-1, 2:-2], (32, 18))
    assert same_take(a, nearer, 0.02)
    assert not same_take(a, nearer, 0.5)
    assert not same_take(a, b, 0.02)


# --- geometry of gradual transitions, on thumbnails


def thumbs(frames: np.ndarray) -> np.ndarray:
    return np.stack([cv2.resize(cv2.cvtColor(f, cv2.COLOR_RGB2GRAY), (32, 18), interpolation=cv2.INTER_AREA) for f in frames]).astype(
        np.float32
    )


def joined(mid: list[np.ndarray], a: np.ndarray, b: np.ndarray, side: int = 40) -> np.ndarray:
    middle = np.array(mid).reshape(-1, *a.shape)
    return np.concatenate([still(a, side), np.clip(middle, 0, 255).astype(np.uint8), still(b, side, 1)])


def wipe_frames(a: np.ndarray, b: np.ndarray, n: int, direction: str) -> list[np.ndarray]:
    out = []
    for k in range(1, n + 1):
        f = a.copy()
        h, w = a.shape[:2]
        x, y = round(w * k / (n + 1)), round(h * k / (n + 1))
        where = {"left": np.s_[:, w - x :], "right": np.s_[:, :x], "up": np.s_[h - y :], "down": np.s_[:y]}[direction]
        f[where] = b[where]
        out.append(f)
    return out


@pytest.mark.parametrize("n", [9, 30, 75])
def test_dissolve(n: int) -> None:
    a, b = scene(1), scene(2)
    frames = joined([a * (1 - k / (n + 1)) + b * (k / (n + 1)) for k in range(1, n + 1)], a, b)
    (found,) = _gradual.scan(np.arange(len(frames)) / 30, thumbs(frames))
    assert (found.kind, found.variant) == ("dissolve", None)
    assert found.start_s == pytest.approx(39 / 30, abs=0.1)
    assert found.end_s == pytest.approx((40 + n) / 30, abs=0.1)


@pytest.mark.parametrize(("tone", "name"), [(0, "black"), (255, "white")])
def test_fade_through(tone: int, name: str) -> None:
    a, b, n = scene(1), scene(2), 14
    out = [a * (1 - k / n) + tone * (k / n) for k in range(1, n + 1)]
    back = [b * (k / n) + tone * (1 - k / n) for k in range(n)]
    frames = joined(out + back, a, b)
    found = _gradual.scan(np.arange(len(frames)) / 30, thumbs(frames))
    assert [(f.kind, f.variant) for f in found] == [("fade", f"to {name}"), ("fade", f"from {name}")]


@pytest.mark.parametrize("direction", ["left", "right", "up", "down"])
def test_wipe(direction: str) -> None:
    a, b = scene(3), scene(4)
    frames = joined(wipe_frames(a, b, 14, direction), a, b)
    (found,) = _gradual.scan(np.arange(len(frames)) / 30, thumbs(frames))
    assert (found.kind, found.variant) == ("wipe", direction)
    assert found.start_s == pytest.approx(40 / 30, abs=0.1)
    assert found.end_s == pytest.approx(54 / 30, abs=0.1)


def test_a_cut_a_title_a_pan_and_a_light_are_no_gradual_transitions() -> None:
    a, b = scene(1), scene(2)
    hard = joined([], a, b)
    title = a.copy()
    title[30:55, 20:140] = 255
    fading = joined([a * (1 - k / 20) + title * (k / 20) for k in range(1, 20)], a, title)
    wide = scene(5, 90, 350)
    pan = np.stack([wide[:, x : x + 160] for x in [0] * 30 + list(range(0, 190, 5)) + [190] * 30])
    light = joined([a * (1 - 0.4 * k / 20) for k in range(1, 20)], a, (a * 0.6).astype(np.uint8))
    for name, frames in (("cut", hard), ("title", fading), ("pan", pan), ("light", light)):
        assert _gradual.scan(np.arange(len(frames)) / 30, thumbs(frames)) == [], name


def test_a_hand_before_the_lens_is_no_wipe() -> None:
    a = scene(3)
    hand = np.full_like(a, (150, 105, 85))
    over = wipe_frames(a, hand, 8, "right")
    frames = np.concatenate([joined(over, a, hand), np.array(over[::-1]), still(a, 40)])
    assert _gradual.scan(np.arange(len(frames)) / 30, thumbs(frames)) == []


# --- the stream


@pytest.mark.parametrize("shape", [(180, 320), (320, 180), (16, 16), (17, 33), (16, 400), (1, 1)])
@pytest.mark.parametrize("n", [0, 1, 2, 12])
def test_any_size_and_length(shape: tuple[int, int], n: int) -> None:
    assert run(still(scene(1, *shape), n)) == ()


def test_cut_time_is_the_pts_of_the_first_new_frame_also_with_uneven_pts() -> None:
    frames = np.concatenate([still(scene(1), 31), still(scene(2), 33, 1)])
    steps = np.where(np.arange(64) % 5 == 0, 0.05, 0.031)
    pts = np.cumsum(steps)
    (found,) = run(frames, pts)
    assert (found.kind, found.start_s, found.end_s) == ("cut", pts[31], pts[31])
    assert not found.jump_cut
    assert 0.7 <= (found.confidence or 0) <= 1


def test_punched_in_jump_cut_is_a_cut_and_marked() -> None:
    base, rng = scene(6, 135, 240), np.random.default_rng(0)
    frames = []
    for i in range(80):
        scale, x = (1.2, 10.0 + 0.15 * i) if i < 40 else (1.0, 24.0 + 0.15 * i)
        view = cv2.warpAffine(
            base, np.array([[scale, 0, x], [0, scale, 8]], np.float32), (160, 90), flags=cv2.INTER_CUBIC | cv2.WARP_INVERSE_MAP
        )
        frames.append(np.clip(view + rng.normal(0, 1.0, view.shape), 0, 255).astype(np.uint8))
    (found,) = run(frames)
    assert found.start_s == pytest.approx(40 / 30, abs=0.034)
    assert found.jump_cut


def test_flash_and_pop_up_box_are_no_cuts() -> None:
    frames = still(scene(7), 90)
    frames[30:32] = np.clip(frames[30:32].astype(np.int16) + 120, 0, 255).astype(np.uint8)
    frames[50:80, 60:75, 30:130] = 255
    frames[50:80, 64:71, 35:125:3] = 0
    assert run(frames) == ()


def test_stop_motion_has_no_cuts_and_a_slide_show_has() -> None:
    base = scene(6, 135, 240)
    held = [base[20:110, 20 + 3 * (i // 6) : 180 + 3 * (i // 6)] for i in range(90)]
    assert run(held) == ()
    slides = [scene(10 + i // 12) for i in range(48)]
    assert [t.start_s for t in run(slides)] == pytest.approx([0.4, 0.8, 1.2])


def test_begin_forgets_the_last_clip() -> None:
    stream = ShotStream()
    for i, f in enumerate(np.concatenate([still(scene(1), 20), still(scene(2), 20)])):
        stream.add(f, i / 30)
    assert len(stream.end()) == 1
    stream.begin()
    for i, f in enumerate(still(scene(3), 20)):
        stream.add(f, i / 30)
    assert stream.end() == ()


def test_memory_is_bounded() -> None:
    stream = ShotStream()
    picture = scene(1, 16, 16)
    for i in range(900):  # 90 s
        stream.add(picture, i / 10)
    assert len(stream._pts) <= 310
    assert len(stream._rows) <= 17


def test_long_clip_finds_transitions_in_every_stretch() -> None:
    a, b = scene(1, 90, 160), scene(2, 90, 160)
    mid = [(a * (1 - k / 16) + b * (k / 16)).astype(np.uint8) for k in range(1, 16)]
    frames = [*still(a, 195), *mid, *still(b, 100), *mid[::-1], *still(a, 100), *mid, *still(b, 20)]
    found = run(frames, fps=10.0)
    assert [t.kind for t in found] == ["dissolve"] * 3
    assert [t.start_s for t in found] == pytest.approx([19.4, 30.9, 42.4], abs=0.25)


@pytest.mark.real
def test_reel_a(media: Path) -> None:
    import json

    from reelscope.pipeline import analyze

    truth = json.loads((media / "reel-a-1080x1920.json").read_text())["transitions"]
    found = analyze(str(media / "reel-a-1080x1920.mp4"), only=["cut_analysis"]).analyzers["cut_analysis"].segments
    assert [(s.kind, s.variant) for s in found] == [(t["kind"], t.get("variant")) for t in truth]  # type: ignore[attr-defined]
    for s, t in zip(found, truth, strict=True):
        assert s.start_s == pytest.approx(t["start_s"], abs=0.1)
        assert s.end_s == pytest.approx(t["end_s"], abs=0.1)


def test_feature_is_registered() -> None:
    assert FEATURE.spec.name == "shots"
