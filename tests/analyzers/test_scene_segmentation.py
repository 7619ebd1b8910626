"""scene_segmentation: grouping by hand-written tables, distances on drawn pictures, then the class on synthetic windows."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from reelscope.analyzers.base import Clip, Inputs, LoadContext
from reelscope.analyzers.scene_segmentation import ANALYZER, SceneOptions, SceneResult, _pick
from reelscope.analyzers.scene_segmentation._grouping import BRIDGE_FACTOR, Link, group, links_of
from reelscope.analyzers.scene_segmentation._looks import (
    layout_distance,
    look_of,
    palette_distance,
    palette_of,
    reduce_frame,
    shot_distance,
    without_bars,
)
from reelscope.features.shots import Shots, Transition
from reelscope.media.frames import SAMPLED_SMALL, Frames, Window
from tests.clips import picture_facts

SIZE_PX = (90, 160)


def place(seed: int, *, width: int = 90, height: int = 160) -> np.ndarray:
    """A picture of a place: a few large patches of its own family of colours, uint8 [h, w, 3]."""
    rng = np.random.default_rng(seed)
    base = rng.integers(30, 226, 3)
    patches = np.clip(base + rng.integers(-45, 46, (5, 4, 3)), 0, 255).astype(np.uint8)
    rows = np.arange(height) * 5 // height
    columns = np.arange(width) * 4 // width
    return patches[rows][:, columns]


def analyse(
    shot_frames: list[list[np.ndarray]], *, transitions: tuple[Transition, ...] = (), options: SceneOptions | None = None
) -> SceneResult:
    """Shots of one second for every four frames (an empty one lasts a tenth of a second), fed in windows of two seconds."""
    frames: list[np.ndarray] = []
    times: list[float] = []
    shots: list[tuple[float, float]] = []
    t_s = 0.0
    for one in shot_frames:
        times += [t_s + i / 4 for i in range(len(one))]
        frames += one
        end_s = t_s + (len(one) / 4 or 0.1)
        shots.append((t_s, end_s))
        t_s = end_s
    height, width = frames[0].shape[:2] if frames else (SIZE_PX[1], SIZE_PX[0])
    analyzer = ANALYZER()
    analyzer.load(LoadContext(device="cpu", options=options or SceneOptions(), frames=(SAMPLED_SMALL,)))
    clip = Clip("clip", picture_facts(t_s, width, height), "/nonexistent")
    for _ in range(2):  # the second time must not remember the first
        analyzer.begin(clip)
        for i, start in enumerate(range(0, max(1, len(frames)), 8)):
            part = frames[start : start + 8]
            pixels = np.ascontiguousarray(np.stack(part)) if part else np.empty((0, height, width, 3), np.uint8)
            pixels.flags.writeable = False
            data = Frames(pixels, np.array(times[start : start + 8], float), np.arange(start, start + len(part)))
            analyzer.feed(Window(i, 0.0, t_s, False, {SAMPLED_SMALL.resolve(width, height): data}, (width, height)))
        result = analyzer.finish(Inputs(clip, features={"shots": Shots(transitions, tuple(shots))}))
    analyzer.close()
    return result


def scenes(result: SceneResult) -> list[list[int]]:
    return [s.shots for s in result.segments]


# ---- grouping -------------------------------------------------------------------------------------------------------------------------


def compared(table: dict[tuple[int, int], float], count: int, *, shot_s: float = 1.0, **options: float) -> list[list[int]]:
    """Scenes of `count` shots of equal length whose distances stand in the table (0.9 where they do not), at a threshold of 0.5."""
    shots = [(i * shot_s, (i + 1) * shot_s) for i in range(count)]
    settings = {"ahead_shots": 3, "ahead_s": 8.0, **options}
    links = links_of(shots, lambda a, b: (table.get((a, b), 0.9), 0.0), threshold=0.5, **settings)
    return group(count, links, set())


@pytest.mark.parametrize(
    ("table", "count", "expected"),
    [
        ({}, 0, []),
        ({}, 1, [[0]]),
        ({}, 3, [[0], [1], [2]]),
        ({(0, 1): 0.2}, 3, [[0, 1], [2]]),
        ({(0, 1): 0.2, (1, 2): 0.2}, 3, [[0, 1, 2]]),
        ({(0, 2): 0.2, (1, 3): 0.2}, 5, [[0, 1, 2, 3], [4]]),  # A B A B, then another
        ({(0, 2): 0.2, (1, 2): 0.2}, 4, [[0, 1, 2], [3]]),
        ({(0, 3): 0.2}, 4, [[0, 1, 2, 3]]),
        ({(0, 4): 0.2}, 5, [[0], [1], [2], [3], [4]]),  # too far ahead
        ({(0, 1): 0.499}, 2, [[0, 1]]),
        ({(0, 1): 0.5}, 2, [[0], [1]]),  # the threshold itself does not join
        ({(0, 2): 0.5 * BRIDGE_FACTOR + 0.01}, 3, [[0], [1], [2]]),  # near enough for neighbours, not for a bridge
    ],
)
def test_grouping(table: dict[tuple[int, int], float], count: int, expected: list[list[int]]) -> None:
    assert compared(table, count) == expected


def test_what_comes_back_after_long_is_another_scene() -> None:
    table = {(0, 2): 0.1}
    assert compared(table, 3, shot_s=8.0) == [[0, 1, 2]]
    assert compared(table, 3, shot_s=8.1) == [[0], [1], [2]]


def test_looking_ahead_can_be_turned_off() -> None:
    assert compared({(0, 2): 0.1}, 3, ahead_shots=1) == [[0], [1], [2]]


def test_shots_already_joined_are_not_compared_again() -> None:
    asked: list[tuple[int, int]] = []

    def compare(a: int, b: int) -> tuple[float, float]:
        asked.append((a, b))
        return 0.1, 0.0

    links_of([(i, i + 1.0) for i in range(6)], compare, threshold=0.5, ahead_shots=3, ahead_s=8.0)
    assert asked == [(i, i + 1) for i in range(5)]


@pytest.mark.parametrize(
    ("unseen", "expected"),
    [({0}, [[0, 1], [2], [3]]), ({2}, [[0], [1, 2], [3]]), ({3}, [[0], [1], [2, 3]]), ({0, 1, 2, 3}, [[0, 1, 2, 3]])],
)
def test_an_unseen_shot_stays_with_the_one_before(unseen: set[int], expected: list[list[int]]) -> None:
    assert group(4, [], unseen) == expected


def test_a_link_that_does_not_join_is_kept_as_evidence() -> None:
    links = links_of([(0.0, 1.0), (1.0, 2.0)], lambda a, b: (0.6, 0.2), threshold=0.5, ahead_shots=3, ahead_s=8.0)
    assert links == [Link(0, 1, 0.6, 0.2, joins=False)]
    assert links[0].distance == pytest.approx(0.8)


# ---- looks ----------------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("shape", [(1, 1), (16, 16), (17, 31), (320, 180), (180, 320), (5, 900)])
def test_any_size_reduces(shape: tuple[int, int]) -> None:
    grid = reduce_frame(np.full((*shape, 3), 200, np.uint8))
    assert min(grid.shape[:2]) == 18
    assert max(grid.shape[:2]) <= 64
    assert (grid == 200).all()
    look = look_of(grid)
    assert look.palette.sum() == pytest.approx(1.0)
    assert shot_distance([look], [look]) == (pytest.approx(0.0, abs=1e-6), pytest.approx(0.0, abs=1e-3))


def test_palette_distance_of_equal_and_of_disjoint_colours() -> None:
    dark, light = np.full((4, 4, 3), (0.2, 0.0, 0.0)), np.full((4, 4, 3), (0.9, 0.1, 0.1))
    assert palette_distance(palette_of(dark), palette_of(dark)) == pytest.approx(0.0, abs=1e-7)
    assert palette_distance(palette_of(dark), palette_of(light)) == pytest.approx(1.0)
    half = np.concatenate([dark, light])
    # Bhattacharyya coefficient sqrt(1 * 1/2): Hellinger distance sqrt(1 - 0.7071).
    assert palette_distance(palette_of(dark), palette_of(half)) == pytest.approx(0.5412, abs=1e-3)


def test_colours_outside_the_bins_are_kept() -> None:
    wild = np.array([[[1.5, 0.9, -0.9], [-0.2, -0.9, 0.9]]])
    assert palette_of(wild).sum() == pytest.approx(1.0)


def test_a_punch_in_is_nearer_than_another_picture() -> None:
    rng = np.random.default_rng(5)
    texture = np.kron(rng.integers(0, 256, (16, 9, 3), np.uint8), np.ones((20, 20, 1), np.uint8))
    other = np.kron(rng.integers(0, 256, (16, 9, 3), np.uint8), np.ones((20, 20, 1), np.uint8))
    closer = texture[50:270, 20:144]
    grids = [look_of(reduce_frame(p)).grid for p in (texture, closer, other)]
    assert layout_distance(grids[0], grids[1]) < 0.6 * layout_distance(grids[0], grids[2])
    assert layout_distance(grids[0], grids[1]) == pytest.approx(layout_distance(grids[1], grids[0]))


def test_bars_are_cut_off_where_they_stand_throughout() -> None:
    grids = np.random.default_rng(0).integers(0, 256, (6, 32, 18, 3), np.uint8)
    grids[:, :7] = 3
    grids[:, 26:] = 3
    assert without_bars(grids) == (slice(7, 26), slice(0, 18))
    grids[2, 1] = 90  # something was there once: no bar
    assert without_bars(grids)[0].start == 1


def test_a_plain_clip_is_not_all_bar() -> None:
    assert without_bars(np.full((3, 32, 18, 3), 9, np.uint8)) == (slice(0, 32), slice(0, 18))
    assert without_bars(np.empty((0, 32, 18, 3), np.uint8)) == (slice(0, 32), slice(0, 18))


def test_picks_lie_inside_the_shots_and_outside_transitions() -> None:
    times = [i / 4 for i in range(20)]
    shots = Shots((Transition("dissolve", 2.0, 3.0),), ((0.0, 2.5), (2.5, 5.0)))
    picked = _pick(times, shots)
    assert [[times[i] for i in shot] for shot in picked] == [[0.25, 0.5, 1.0, 1.25, 1.5], [3.25, 3.5, 4.0, 4.25, 4.5]]


def test_a_shot_wholly_inside_a_transition_is_still_seen() -> None:
    shots = Shots((Transition("dissolve", 0.5, 2.0), Transition("fade", 2.0, 3.0)), ((0.0, 1.25), (1.25, 2.5), (2.5, 4.0)))
    assert all(_pick([i / 4 for i in range(16)], shots))


# ---- the analyzer ---------------------------------------------------------------------------------------------------------------------


def test_an_empty_clip() -> None:
    analyzer = ANALYZER()
    analyzer.load(LoadContext(device="cpu", options=SceneOptions(), frames=(SAMPLED_SMALL,)))
    clip = Clip("clip", picture_facts(0.0, 9, 9), "/nonexistent")
    analyzer.begin(clip)
    result = analyzer.finish(Inputs(clip, features={"shots": Shots((), ())}))
    assert (result.segments, result.coverage, result.summary.scenes, result.summary.mean_scene_s) == ([], 0.0, 0, None)


def test_shots_that_nobody_saw_claim_nothing() -> None:
    result = analyse([[], []])
    assert scenes(result) == [[0, 1]]
    assert result.coverage == 0.0
    assert result.segments[0].links == []
    assert result.segments[0].unseen_shots == [0, 1]


def test_one_frame() -> None:
    result = analyse([[place(1)]])
    assert scenes(result) == [[0]]
    assert result.segments[0].to_next is None
    assert result.coverage == 1.0


def test_places_are_told_apart_and_their_shots_kept_together() -> None:
    a, b, c = place(1), place(2), place(6)
    closer = a[20:140, 10:78]
    result = analyse([[a] * 4, [np.ascontiguousarray(np.kron(closer, np.ones((2, 2, 1), np.uint8))[:160, :90])] * 4, [b] * 4, [c] * 4])
    assert scenes(result) == [[0, 1], [2], [3]]
    assert [s.index for s in result.segments] == [0, 1, 2]
    assert [(s.start_s, s.end_s) for s in result.segments] == [(0.0, 2.0), (2.0, 3.0), (3.0, 4.0)]
    first = result.segments[0]
    assert [link.shots for link in first.links] == [(0, 1)]
    assert first.links[0].distance < result.summary.threshold < first.to_next.distance
    assert result.segments[-1].to_next is None
    assert result.summary.scenes == 3
    assert result.summary.mean_scene_s == pytest.approx(4 / 3)


def test_views_in_turn_are_one_scene() -> None:
    a, b, c = place(1), place(2), place(6)
    result = analyse([[a] * 4, [b] * 4, [a] * 4, [b] * 4, [c] * 4])
    assert scenes(result) == [[0, 1, 2, 3], [4]]
    assert {link.shots for link in result.segments[0].links} == {(0, 2), (1, 3)}


def test_a_higher_threshold_joins_more() -> None:
    frames = [[place(1)] * 4, [place(2)] * 4]
    assert len(analyse(frames).segments) == 2
    assert len(analyse(frames, options=SceneOptions(threshold=2.0)).segments) == 1


def test_frames_of_a_dissolve_do_not_join_two_places() -> None:
    a, b = place(1), place(2)
    mixed = [((1 - s) * a + s * b).astype(np.uint8) for s in (0.3, 0.45, 0.55, 0.7)]
    shots = [[a] * 4 + mixed[:2], mixed[2:] + [b] * 4]
    known = analyse(shots, transitions=(Transition("dissolve", 1.0, 2.0),))
    assert scenes(known) == [[0], [1]]
    assert known.segments[0].to_next.palette_distance == pytest.approx(analyse([[a] * 4, [b] * 4]).segments[0].to_next.palette_distance)


def test_bars_do_not_make_places_alike() -> None:
    def barred(picture: np.ndarray) -> np.ndarray:
        out = np.zeros_like(picture)
        out[55:105] = picture[55:105]
        return out

    assert scenes(analyse([[barred(place(1))] * 4, [barred(place(2))] * 4])) == [[0], [1]]


@pytest.mark.parametrize("size", [(16, 16), (17, 31), (301, 15)])
def test_odd_sizes(size: tuple[int, int]) -> None:
    a, b = (place(s, width=size[0], height=size[1]) for s in (1, 2))
    assert scenes(analyse([[a] * 2, [b] * 2, [b] * 2])) == [[0], [1, 2]]


@pytest.mark.slow
def test_the_demo_reel_end_to_end(demo_reel: Path) -> None:
    """The shots that were found are grouped as the truth groups the places at their middles."""
    from reelscope import analyze

    truth = json.loads(demo_reel.with_suffix(".json").read_text())["scenes"]
    document = analyze(demo_reel, only=["scene_segmentation"])
    entry = document.analyzers["scene_segmentation"]
    assert entry.status == "ok"
    places: dict[str, list[int]] = {}
    for shot in document.shots:
        middle = (shot.start_s + shot.end_s) / 2
        places.setdefault(next(s["name"] for s in truth if middle < s["end_s"]), []).append(shot.index)
    assert [s.shots for s in entry.segments] == list(places.values())
    assert len(places) >= 5
