"""Safe zones against counting on a grid of whole pixels: how much is hidden, where the nearest seen place is, how large a box may be."""

from __future__ import annotations

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from reelscope.document.measures.zones import PROFILES, Profile, fit, hidden_share, largest_scale, nearest_safe

FRAME = 1080, 1920
GRID = 60  # every corner of a profile on the grid of its own small frame
Xywh = tuple[float, float, float, float]


def norm(x: float, y: float, w: float, h: float, size: tuple[float, float] = FRAME) -> Xywh:
    return x / size[0], y / size[1], w / size[0], h / size[1]


STEPS = Profile(
    "steps", "Steps", "never", "made up", ((120, 240), (960, 240), (960, 840), (780, 840), (780, 1260), (420, 1260), (420, 900), (120, 900))
)
NOTCH = Profile(  # a U: two arms that a box must not straddle
    "notch", "Notch", "never", "made up", ((60, 60), (480, 60), (480, 600), (600, 600), (600, 60), (960, 60), (960, 900), (60, 900))
)
ALL = [*PROFILES.values(), STEPS, NOTCH]
profiles = st.sampled_from(ALL)


def inside(profile: Profile, x: float, y: float) -> bool:
    """Whether a point lies in a polygon, by the crossings of a ray to the left."""
    corners = profile.polygon
    sides = zip(corners, (*corners[1:], *corners[:1]), strict=True)
    return sum(x0 == x1 and x0 < x and min(y0, y1) < y < max(y0, y1) for (x0, y0), (x1, y1) in sides) % 2 == 1


def covers(profile: Profile, x: int, y: int, w: int, h: int, cell: int) -> bool:
    return all(inside(profile, a + cell / 2, b + cell / 2) for a in range(x, x + w, cell) for b in range(y, y + h, cell))


boxes = st.tuples(st.integers(0, 1020), st.integers(0, 1860), st.integers(1, 400), st.integers(1, 400))
coarse = st.tuples(st.integers(0, 17), st.integers(0, 31), st.integers(1, 14), st.integers(1, 18)).map(lambda b: tuple(GRID * v for v in b))


@given(profiles, st.tuples(st.integers(0, 1079), st.integers(0, 1919), st.integers(1, 40), st.integers(1, 40)))
def test_hidden_share_is_the_share_of_pixels_outside(profile: Profile, box: tuple[int, int, int, int]) -> None:
    x, y, w, h = box
    out = sum(not inside(profile, x + a + 0.5, y + b + 0.5) for a in range(w) for b in range(h))
    assert hidden_share(profile, norm(*box), *FRAME) == pytest.approx(out / (w * h), abs=1e-9)


@given(profiles, boxes)
def test_the_size_of_the_clip_does_not_matter_at_the_same_shape(profile: Profile, box: tuple[int, int, int, int]) -> None:
    assert hidden_share(profile, norm(*box), 360, 640) == pytest.approx(hidden_share(profile, norm(*box), *FRAME), abs=1e-9)


@given(profiles, boxes)
def test_the_nearest_position_is_seen_and_none_on_the_grid_is_nearer(profile: Profile, box: tuple[int, int, int, int]) -> None:
    x, y, w, h = box
    found = nearest_safe(profile, norm(*box), *FRAME)
    if found is None:
        return
    at = (found[0], found[1], w / FRAME[0], h / FRAME[1])
    assert hidden_share(profile, at, *FRAME) == 0
    far = (found[0] * FRAME[0] - x) ** 2 + (found[1] * FRAME[1] - y) ** 2
    if hidden_share(profile, norm(*box), *FRAME) == 0:
        assert found == norm(*box)[:2]
    # Nothing on the lines through the candidate's own distance: a ring of positions closer by a pixel and more is tried.
    for dx in range(-400, 401, 25):
        for dy in range(-400, 401, 25):
            if dx * dx + dy * dy < far - 1:
                assert hidden_share(profile, norm(x + dx, y + dy, w, h), *FRAME) > 0 or not _in_picture(x + dx, y + dy, w, h)


def _in_picture(x: float, y: float, w: float, h: float) -> bool:
    return x >= 0 and y >= 0 and x + w <= FRAME[0] and y + h <= FRAME[1]


@given(st.sampled_from([STEPS, NOTCH, PROFILES["tiktok"]]), coarse)
def test_on_a_coarse_grid_nearest_is_exactly_the_best_of_all_positions(profile: Profile, box: tuple[int, int, int, int]) -> None:
    """With every corner and box on the grid, the best position is on it too, so trying all of them is the truth."""
    x, y, w, h = box
    free = [
        (a, b)
        for a in range(0, FRAME[0] - w + 1, GRID)
        for b in range(0, FRAME[1] - h + 1, GRID)
        if covers(profile, a, b, w, h, GRID)
    ]  # fmt: skip
    found = nearest_safe(profile, norm(*box), *FRAME)
    assert (found is None) == (not free)
    if found is not None:
        best = min((a - x) ** 2 + (b - y) ** 2 for a, b in free)
        assert (found[0] * FRAME[0] - x) ** 2 + (found[1] * FRAME[1] - y) ** 2 == pytest.approx(best, abs=1e-6)


@given(profiles, boxes)
def test_scaled_to_the_largest_it_fits_and_a_hair_larger_it_does_not(profile: Profile, box: tuple[int, int, int, int]) -> None:
    x, y, w, h = box
    scale = largest_scale(profile, norm(*box), *FRAME)
    assert nearest_safe(profile, norm(x, y, w * scale * 0.9999, h * scale * 0.9999), *FRAME) is not None
    assert nearest_safe(profile, norm(x, y, w * scale * 1.0001, h * scale * 1.0001), *FRAME) is None
    assert (nearest_safe(profile, norm(*box), *FRAME) is None) == (scale < 1) or scale == pytest.approx(1)


@given(profiles, boxes, st.sampled_from([(1920, 1080), (1080, 1080), (1080, 1350), (1080, 2400)]))
def test_pictures_of_another_shape_stand_whole_in_the_middle(
    profile: Profile, box: tuple[int, int, int, int], size: tuple[int, int]
) -> None:
    scale, left, top = fit(*size)
    assert left + size[0] * scale == pytest.approx(1080 - left) and top + size[1] * scale == pytest.approx(1920 - top)
    assert min(left, top) == pytest.approx(0)
    x, y, w, h = norm(*box)
    assume(x + w <= 1 and y + h <= 1)
    framed = left + x * size[0] * scale, top + y * size[1] * scale, w * size[0] * scale, h * size[1] * scale
    assert hidden_share(profile, (x, y, w, h), *size) == pytest.approx(hidden_share(profile, norm(*framed), *FRAME), abs=1e-9)
    found = nearest_safe(profile, (x, y, w, h), *size)
    if found is not None:
        assert hidden_share(profile, (*found, w, h), *size) == 0
        assert -1e-9 <= found[0] <= 1 - w + 1e-9 and -1e-9 <= found[1] <= 1 - h + 1e-9, "inside the picture, not in its bars"


@pytest.mark.parametrize(
    ("name", "box", "hidden", "nearest"),
    [
        ("tiktok", (120, 240, 840, 600), 0.0, (120, 240)),
        ("tiktok", (120, 240, 840, 601), 840 / (840 * 601) * 180 / 840, None),
        ("tiktok", (100, 230, 200, 100), 1 - 180 * 90 / 20000, (120, 240)),
        ("tiktok", (700, 800, 160, 100), 80 * 60 / 16000, (700, 740)),
        ("tiktok", (760, 1100, 100, 60), 0.8, (680, 1100)),
        ("tiktok", (0, 1500, 600, 80), 1.0, (120, 1180)),
        ("reels", (65, 269, 950, 979), 0.0, (65, 269)),
        ("reels", (0, 0, 1080, 1920), 1 - 950 * 979 / (1080 * 1920), None),
        ("shorts", (788, 1200, 200, 96), 1 - 100 * 48 / (200 * 96), (688, 1152)),
        ("shorts", (48, 288, 840, 960), 0.0, (48, 288)),
    ],
)
def test_profiles_by_hand(name: str, box: tuple[int, ...], hidden: float, nearest: tuple[int, int] | None) -> None:
    assert hidden_share(PROFILES[name], norm(*box), *FRAME) == pytest.approx(hidden, abs=1e-9)
    found = nearest_safe(PROFILES[name], norm(*box), *FRAME)
    assert found == (None if nearest is None else pytest.approx((nearest[0] / 1080, nearest[1] / 1920)))


def test_profiles_are_dated_and_say_where_they_come_from() -> None:
    for name, profile in PROFILES.items():
        assert profile.name == name and profile.dated == "2026-11" and "November 2026" in profile.source
    areas = {n: sum((r - x) * (b - y) for x, y, r, b in p.safe) for n, p in PROFILES.items()}
    assert areas == {"tiktok": 840 * 600 + 660 * 420, "reels": 950 * 979, "shorts": 840 * 960}


def test_a_box_without_area_is_a_line_or_a_point() -> None:
    tiktok = PROFILES["tiktok"]
    assert hidden_share(tiktok, norm(60, 300, 120, 0), *FRAME) == pytest.approx(0.5, abs=1e-5)
    assert hidden_share(tiktok, norm(10, 10, 0, 0), *FRAME) == 1.0
    assert hidden_share(tiktok, norm(500, 500, 0, 0), *FRAME) == 0.0


def test_a_slanting_side_is_no_profile_and_a_picture_has_an_area() -> None:
    with pytest.raises(ValueError, match="level or upright"):
        Profile("x", "X", "", "", ((0, 0), (100, 0), (90, 100), (0, 100)))
    with pytest.raises(ValueError, match="no area"):
        fit(0, 1920)
