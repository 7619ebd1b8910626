"""color_analysis: the pure parts by hand-written tables, then the class on synthetic windows, then one real clip."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from reelscope.analyzers.base import Clip, Inputs, LoadContext
from reelscope.analyzers.color_analysis import ANALYZER, ColorOptions, ColorResult
from reelscope.analyzers.color_analysis._figures import cct_k, figures, harmony
from reelscope.analyzers.color_analysis._frames import MAX_ENTRIES, edge_extents, histogram, reduce_entries
from reelscope.analyzers.color_analysis._names import NAMED_COLOURS, name_of
from reelscope.analyzers.color_analysis._oklab import hex_of, oklab_to_srgb8, srgb8_of_hex, srgb_to_linear, srgb_to_oklab
from reelscope.analyzers.color_analysis._palette import POOL_ROWS, Pool, palette
from reelscope.config import Settings
from reelscope.document.schema import MediaInfo
from reelscope.features.shots import Shots, Transition
from reelscope.media.frames import SAMPLED_SMALL, Frames, Window
from reelscope.pipeline import Session
from tests.clips import picture_facts


def facts_of(duration_s: float, width: int = 180, height: int = 320) -> MediaInfo:
    return picture_facts(duration_s, width, height)


def window(pixels: np.ndarray, pts_s: list[float], size_px: tuple[int, int], *, index: int = 0, last: bool = True) -> Window:
    pixels = np.ascontiguousarray(pixels)
    pixels.flags.writeable = False
    frames = Frames(pixels, np.array(pts_s, float), np.arange(len(pts_s)))
    start, end = (pts_s[0], pts_s[-1] + 0.25) if pts_s else (0.0, 0.0)
    return Window(index, start, end, last, {SAMPLED_SMALL.resolve(*size_px): frames}, size_px)


def analyse(frames: list[np.ndarray], pts_s: list[float], shots: Shots, options: ColorOptions | None = None) -> ColorResult:
    analyzer = ANALYZER()
    analyzer.load(LoadContext(device="cpu", options=options or ColorOptions(), frames=(SAMPLED_SMALL,)))
    height, width = frames[0].shape[:2] if frames else (320, 180)
    clip = Clip("clip", facts_of(shots.shots[-1][1] if shots.shots else 0.0, width, height), "/nonexistent")
    analyzer.begin(clip)
    half = len(frames) // 2
    for i, (start, stop) in enumerate([(0, half), (half, half), (half, len(frames))]):  # the middle one has no frames
        part = np.stack(frames[start:stop]) if stop > start else np.empty((0, height, width, 3), np.uint8)
        analyzer.feed(window(part, pts_s[start:stop], (width, height), index=i, last=i == 2))
    result = analyzer.finish(Inputs(clip, features={"shots": shots}))
    analyzer.close()
    return result


def one_shot(end_s: float) -> Shots:
    return Shots((), ((0.0, end_s),))


def plain(colour: tuple[int, int, int], width: int = 180, height: int = 320) -> np.ndarray:
    return np.full((height, width, 3), colour, np.uint8)


# --- failure and edge cases first


def test_clip_without_a_frame_has_no_figures_and_says_why() -> None:
    result = analyse([], [], one_shot(2.0))
    assert result.coverage == 0.0
    assert result.series == []
    assert result.segments[0].palette == [] and result.segments[0].brightness is None
    assert result.segments[0].reason == "no sampled frame falls into this shot"
    assert result.summary.reason == "no frame was sampled"


def test_clip_without_a_shot() -> None:
    result = analyse([], [], Shots((), ()))
    assert (result.segments, result.coverage) == ([], 0.0)


def test_shot_between_two_samples_is_null_and_lowers_coverage() -> None:
    shots = Shots((), ((0.0, 0.3), (0.3, 0.4), (0.4, 1.0)))
    result = analyse([plain((200, 0, 0))] * 4, [0.0, 0.25, 0.5, 0.75], shots)
    assert [s.frames for s in result.segments] == [2, 0, 2]
    assert result.segments[1].cct_k is None and result.segments[1].harmony is None
    assert result.coverage == pytest.approx(0.9)


@pytest.mark.parametrize("size", [(1, 1), (16, 16), (17, 3), (3, 181), (2, 2)])
def test_any_size_works(size: tuple[int, int]) -> None:
    width, height = size
    noise = np.random.default_rng(1).integers(0, 256, (height, width, 3)).astype(np.uint8)
    result = analyse([noise], [0.0], one_shot(0.1))
    assert 0 < result.summary.brightness < 1
    assert result.segments[0].frames == 1


def test_black_picture_has_no_hue_temperature_or_saturation() -> None:
    segment = analyse([plain((0, 0, 0))], [0.0], one_shot(1.0)).segments[0]
    assert [(c.hex, c.share, c.name) for c in segment.palette] == [("#000000", pytest.approx(1.0, abs=1e-3), "black")]
    assert (segment.brightness, segment.contrast, segment.saturation, segment.cct_k, segment.harmony) == (0.0, 0.0, None, None, None)
    assert segment.harmony_reason.startswith("achromatic")
    assert segment.bars is None  # a picture of one colour has none


def test_begin_forgets_the_last_clip() -> None:
    analyzer = ANALYZER()
    analyzer.load(LoadContext(device="cpu", options=ColorOptions(), frames=(SAMPLED_SMALL,)))
    clip = Clip("clip", facts_of(1.0), "/nonexistent")
    for colour, code in (((255, 0, 0), "#ff0000"), ((0, 0, 255), "#0000ff")):
        analyzer.begin(clip)
        analyzer.feed(window(plain(colour)[None], [0.0], (180, 320)))
        found = analyzer.finish(Inputs(clip, features={"shots": one_shot(1.0)}))
        assert [c.hex for c in found.summary.palette] == [code]


def test_memory_per_frame_is_bounded() -> None:
    noise = np.random.default_rng(2).integers(0, 256, (320, 180, 3)).astype(np.uint8)
    analyzer = ANALYZER()
    analyzer.load(LoadContext(device="cpu", options=ColorOptions(), frames=(SAMPLED_SMALL,)))
    analyzer.begin(Clip("clip", facts_of(1.0), "/nonexistent"))
    analyzer.feed(window(noise[None], [0.0], (180, 320)))
    assert analyzer._kept[0].entries.nbytes <= MAX_ENTRIES * 4 * 2


# --- colour space and names


@pytest.mark.parametrize(
    ("rgb", "lab"),
    [  # https://bottosson.github.io/posts/oklab/ and the CSS Color 4 samples
        ((255, 255, 255), (1.0, 0.0, 0.0)),
        ((255, 0, 0), (0.62796, 0.22486, 0.12585)),
        ((0, 255, 0), (0.86644, -0.23389, 0.17950)),
        ((0, 0, 255), (0.45201, -0.03246, -0.31153)),
    ],
)
def test_oklab_of_known_colours(rgb: tuple[int, int, int], lab: tuple[float, float, float]) -> None:
    assert srgb_to_oklab(np.array(rgb, float)) == pytest.approx(lab, abs=2e-4)


def test_oklab_round_trip() -> None:
    rgb = np.random.default_rng(3).integers(0, 256, (500, 3))
    assert np.array_equal(oklab_to_srgb8(srgb_to_oklab(rgb)), rgb)
    assert hex_of(srgb_to_oklab(np.array([18, 52, 86.0]))) == "#123456" and srgb8_of_hex("#123456") == (18, 52, 86)


def test_every_table_entry_bears_its_own_name() -> None:
    assert [name_of(srgb_to_oklab(np.array(srgb8_of_hex(code), float))) for _, code in NAMED_COLOURS] == [name for name, _ in NAMED_COLOURS]


@pytest.mark.parametrize(
    ("code", "name"),
    [
        ("#808080", "grey"),
        ("#e1e2df", "light grey"),
        ("#232826", "dark grey"),
        ("#fdfdfd", "white"),
        ("#e1b696", "tan"),
        ("#b22222", "red"),
    ],
)
def test_names_of_other_colours(code: str, name: str) -> None:
    assert name_of(srgb_to_oklab(np.array(srgb8_of_hex(code), float))) == name


# --- histogram and palette


def test_reduction_keeps_mean_and_mass() -> None:
    entries = histogram(np.random.default_rng(4).integers(0, 256, (64, 64, 3)).astype(np.uint8))
    small = reduce_entries(entries, 50)
    assert len(entries) > 1000 and len(small) == 50
    assert small[:, 3].sum() == pytest.approx(1.0)
    assert small[:, 3] @ small[:, :3] == pytest.approx(entries[:, 3] @ entries[:, :3])


def test_palette_finds_noisy_swatches_with_shares() -> None:
    rng = np.random.default_rng(5)
    truth = {(220, 40, 40): 0.5, (20, 60, 160): 0.3, (240, 230, 120): 0.15, (30, 30, 30): 0.05}
    picture = np.concatenate([np.tile(c, (round(s * 100), 100, 1)) for c, s in truth.items()])
    noisy = (picture + rng.normal(0, 4, picture.shape)).clip(0, 255).astype(np.uint8)
    found = palette(histogram(noisy), 6)
    assert [c.share for c in found] == pytest.approx(list(truth.values()), abs=0.01)
    for colour, rgb in zip(found, truth, strict=True):
        assert oklab_to_srgb8(colour.lab) == pytest.approx(np.array(rgb), abs=3)


def test_palette_shows_the_densest_colour_not_the_mean_of_its_cluster() -> None:
    # a plain patch among a spread of neighbours: the patch's own colour is the answer
    spread = np.column_stack([np.full(60, 0.6), np.linspace(0.10, 0.16, 60), np.full(60, 0.05), np.full(60, 0.5 / 60)])
    patch = np.array([[0.6, 0.10, 0.05, 0.5]])
    found = palette(np.concatenate([spread, patch]), 6)
    assert len(found) == 1
    assert found[0].lab[1] < 0.108 and found[0].mean[1] > 0.112


@pytest.mark.parametrize("colors", [1, 2, 3, 6])
def test_palette_is_never_longer_than_asked(colors: int) -> None:
    noise = np.random.default_rng(6).integers(0, 256, (80, 80, 3)).astype(np.uint8)
    found = palette(histogram(noise), colors)
    assert 1 <= len(found) <= colors
    assert sum(c.share for c in found) <= 1.0 + 1e-9
    assert [c.share for c in found] == sorted((c.share for c in found), reverse=True)


def test_small_accent_survives_many_shades_of_grey() -> None:
    rows = [np.full((10, 100, 3), v, np.uint8) for v in range(60, 250, 10)]
    accent = np.tile(np.array([30, 40, 200], np.uint8), (6, 100, 1))
    found = palette(histogram(np.concatenate([*rows, accent])), 6)
    assert any(abs(int(oklab_to_srgb8(c.lab)[2]) - 200) <= 3 for c in found)


def test_pool_is_bounded_and_keeps_mean_and_mass() -> None:
    rng = np.random.default_rng(9)
    pool, every = Pool(), []
    for _ in range(700):
        part = np.column_stack([rng.uniform(0, 1, 96), rng.uniform(-0.1, 0.1, (96, 2)), np.full(96, 1 / 96)])
        pool.add(part)
        every.append(part)
        assert sum(len(p) for p in pool._parts) < 2.5 * POOL_ROWS
    kept, all_ = pool.entries(), np.concatenate(every)
    assert kept[:, 3].sum() == pytest.approx(700)
    assert kept[:, 3] @ kept[:, :3] == pytest.approx(all_[:, 3] @ all_[:, :3])
    assert Pool().entries().shape == (0, 4)


# --- figures


def test_figures_of_half_black_half_white() -> None:
    found = figures(np.array([[0.0, 0, 0, 1.0], [1.0, 0, 0, 1.0]]))
    assert (found.brightness, found.contrast, found.chroma, found.warmth, found.tone) == (0.5, 1.0, 0.0, 0.0, "neutral")


@pytest.mark.parametrize(
    ("rgb", "tone"), [((255, 180, 90), "warm"), ((120, 160, 230), "cool"), ((128, 128, 128), "neutral"), ((60, 170, 60), "warm")]
)
def test_tone(rgb: tuple[int, int, int], tone: str) -> None:
    assert figures(histogram(np.array([[rgb]], np.uint8))).tone == tone


@pytest.mark.parametrize("kelvin", [2856, 4000, 5003, 6504, 9300])
def test_cct_of_planckian_and_daylight_whites(kelvin: int) -> None:
    # CIE xy: illuminant A, blackbody 4000 K, D50, D65, D93
    xy = {2856: (0.44757, 0.40745), 4000: (0.3805, 0.3768), 5003: (0.34567, 0.35850), 6504: (0.31271, 0.32902), 9300: (0.28315, 0.29711)}[
        kelvin
    ]
    xyz = np.array([xy[0] / xy[1], 1.0, (1 - xy[0] - xy[1]) / xy[1]]) * 0.4
    rgb = (
        np.linalg.inv(np.array([[0.4124564, 0.3575761, 0.1804375], [0.2126729, 0.7151522, 0.0721750], [0.0193339, 0.1191920, 0.9503041]]))
        @ xyz
    )
    assert cct_k(rgb) == pytest.approx(kelvin, rel=0.01)


@pytest.mark.parametrize("rgb", [(0, 255, 0), (255, 0, 255), (0, 0, 0), (0, 0, 255), (255, 0, 0)])
def test_cct_is_null_where_it_has_no_meaning(rgb: tuple[int, int, int]) -> None:
    assert cct_k(srgb_to_linear(np.array(rgb, float))) is None


@pytest.mark.parametrize(
    ("hues", "scheme"),
    [
        ((), None),
        ((40,), "monochromatic"),
        ((350, 10), "monochromatic"),
        ((350, 10, 35), "analogous"),
        ((100, 165), "analogous"),
        ((20, 200), "complementary"),
        ((20, 30, 225), "complementary"),
        ((0, 120, 240), "triadic"),
        ((29, 142, 264), "triadic"),
        ((0, 150, 205), "split_complementary"),
        ((10, 75, 190, 255), "tetradic"),
        ((0, 100), "mixed"),
        ((0, 60, 110), "mixed"),
        ((0, 40, 80, 120, 160, 200), "mixed"),
    ],
)
def test_harmony(hues: tuple[float, ...], scheme: str | None) -> None:
    grey = (np.array([0.5, 0.01, 0.01]), 0.5)
    colours = [(np.array([0.6, 0.1 * np.cos(np.radians(h)), 0.1 * np.sin(np.radians(h))]), 0.1) for h in hues]
    assert harmony([grey, *colours]) == scheme
    assert harmony([*reversed(colours), grey]) == scheme


# --- bars


def boxed(top: int, left: int, level: int = 0, seed: int = 7) -> np.ndarray:
    picture = np.full((320, 180, 3), level, np.uint8)
    inner = np.random.default_rng(seed).integers(60, 200, (320 - 2 * top, 180 - 2 * left, 3)).astype(np.uint8)
    picture[top : 320 - top, left : 180 - left] = inner
    return picture


@pytest.mark.parametrize(
    ("top", "left", "level", "kind"),
    [
        (40, 0, 0, "letterbox"),
        (0, 20, 0, "pillarbox"),
        (40, 20, 0, "windowbox"),
        (40, 0, 255, "letterbox"),
        (0, 0, 0, None),
        (3, 0, 0, None),
    ],
)
def test_bars(top: int, left: int, level: int, kind: str | None) -> None:
    segment = analyse([boxed(top, left, level, s) for s in range(4)], [0.0, 0.25, 0.5, 0.75], one_shot(1.0)).segments[0]
    if kind is None:
        assert segment.bars is None
        return
    assert segment.bars.kind == kind
    assert segment.bars.xywh_norm == pytest.approx((left / 180, top / 320, 1 - 2 * left / 180, 1 - 2 * top / 320))
    assert segment.bars.share == pytest.approx(1 - (1 - 2 * left / 180) * (1 - 2 * top / 320))
    assert segment.bars.hex == f"#{level:02x}{level:02x}{level:02x}"


def test_bars_do_not_count_as_picture() -> None:
    frames = [boxed(0, 0, 0, s) for s in range(4)]
    barred = [boxed(80, 0, 0, s) for s in range(4)]
    whole, inside = (analyse(f, [0.0, 0.25, 0.5, 0.75], one_shot(1.0)) for f in (frames, barred))
    assert inside.segments[0].brightness == pytest.approx(whole.segments[0].brightness, abs=0.01)
    assert inside.segments[0].contrast == pytest.approx(whole.segments[0].contrast, abs=0.02)
    assert inside.series[0].values == pytest.approx(whole.series[0].values, abs=0.01)
    assert "#000000" not in [c.hex for c in inside.summary.palette]
    assert (whole.summary.bars_s, inside.summary.bars_s) == (0.0, 1.0)


def test_one_frame_with_picture_at_the_edge_refutes_bars() -> None:
    frames = [boxed(40, 0), boxed(40, 0), boxed(0, 0)]
    assert analyse(frames, [0.0, 0.25, 0.5], one_shot(0.75)).segments[0].bars is None


def test_black_frames_do_not_refute_bars() -> None:
    frames = [plain((0, 0, 0)), boxed(40, 0), boxed(40, 0)]
    assert analyse(frames, [0.0, 0.25, 0.5], one_shot(0.75)).segments[0].bars.kind == "letterbox"


def test_title_on_a_plain_card_is_no_bar() -> None:
    card = plain((10, 10, 10))
    card[150:170, 40:140:6] = 255  # strokes, not a filled line
    card[150:170, 41:140:6] = 255
    assert edge_extents(card) is not None
    assert analyse([card] * 3, [0.0, 0.25, 0.5], one_shot(0.75)).segments[0].bars is None


# --- the class


def test_frames_inside_a_gradual_transition_do_not_colour_the_shots() -> None:
    red, blue, mixed = plain((255, 0, 0)), plain((0, 0, 255)), plain((128, 0, 128))
    shots = Shots((Transition("dissolve", 0.5, 1.0),), ((0.0, 0.75), (0.75, 1.5)))
    result = analyse([red, red, mixed, mixed, blue, blue], [0.0, 0.25, 0.5, 0.75, 1.0, 1.25], shots)
    assert [[c.hex for c in s.palette] for s in result.segments] == [["#ff0000"], ["#0000ff"]]
    assert [len(s.values) for s in result.series] == [6, 6, 6]  # the series do show them
    assert [(s.name, s.unit) for s in result.series] == [("brightness", "OKLab"), ("chroma", "OKLab"), ("warmth", "OKLab")]
    assert {c.hex: round(c.share, 2) for c in result.summary.palette} == {"#ff0000": 0.5, "#0000ff": 0.5}
    assert result.summary.harmony == "mixed"


def test_option_bounds_the_palette() -> None:
    noise = np.random.default_rng(8).integers(0, 256, (320, 180, 3)).astype(np.uint8)
    assert len(analyse([noise], [0.0], one_shot(1.0), ColorOptions(colors=3)).summary.palette) == 3
    with pytest.raises(ValueError, match="colors"):
        ColorOptions(colors=0)


def test_result_survives_json() -> None:
    result = analyse([boxed(40, 0)], [0.0], one_shot(1.0))
    assert ColorResult.model_validate_json(result.model_dump_json()).segments[0].start_s == 0.0


# --- real clips


@pytest.mark.real
def test_two_shots_of_a_real_clip_are_told_apart_by_colour(media: Path) -> None:
    with Session(Settings()) as session:
        entry = session.analyze(media / "shot-change-clock-cat.mp4", only=["color_analysis"]).document.analyzers["color_analysis"]
    assert entry.status == "ok", entry.reason
    clock, cat = entry.segments[0], entry.segments[-1]  # a grey clock on green, then a cat lying in yellow
    assert (cat.palette[0].name, cat.tone) == ("gold", "warm")
    assert any("green" in c.name for c in clock.palette) and clock.chroma < 0.6 * cat.chroma
