"""The pure parts of text_overlay: words, layout, colours, gate, matched filter, decoding."""

from __future__ import annotations

import importlib.util
from dataclasses import replace

import cv2
import numpy as np
import pytest

from reelscope.analyzers.text_overlay import TextOverlay, _layout, _words
from reelscope.analyzers.text_overlay._gate import Gate, gradient, unite
from reelscope.analyzers.text_overlay._ink import contrast_ratio, measure_ink
from reelscope.analyzers.text_overlay._layout import Block, Frame, ReadLine
from reelscope.analyzers.text_overlay._line import Ring, backwards, forwards
from reelscope.analyzers.text_overlay._ocr import boxes_from_map, crop_line, ctc_decode
from reelscope.analyzers.text_overlay._template import Template
from reelscope.errors import ModelError
from reelscope.features.base import LoadContext

FRAME = Frame(1080, 1920, 20.0, ((5.0, 5.0), (10.0, 10.4), (15.0, 15.0)))


def line(
    text: str = "hello world",
    start_s: float = 1.0,
    end_s: float = 3.0,
    box: tuple[float, float, float, float] = (200, 900, 800, 960),
    **more: object,
) -> ReadLine:
    times = np.arange(start_s, end_s, 0.2)
    made = ReadLine(1, text, 0.98, start_s, end_s, tuple((float(t), box) for t in times), samples=len(times), height_px=box[3] - box[1])
    return replace(made, **more)  # type: ignore[arg-type]


# words


@pytest.mark.parametrize(
    ("a", "b", "distance"), [("", "", 0), ("abc", "", 3), ("kitten", "sitting", 3), ("wait", "walt", 1), ("ab", "ba", 2), ("a b", "ab", 1)]
)
def test_edit_distance(a: str, b: str, distance: int) -> None:
    assert _words.edit_distance(a, b) == _words.edit_distance(b, a) == distance


@pytest.mark.parametrize(
    ("a", "b", "same"),
    [
        ("Wait for it...", "wait for it", True),
        ("Step 1", "Step 2", True),
        ("POV: Monday", "my dog", False),
        ("", "", True),
        ("G", "", False),
    ],
)
def test_similar(a: str, b: str, same: bool) -> None:
    assert _words.similar(a, b) is same


@pytest.mark.parametrize(
    ("part", "whole", "inside"),
    [
        ("Follow", "Follow for part 2", True),
        ("part 2", "Follow for part 2", True),
        ("Follow me", "Follow", False),
        ("", "text", False),
        ("dog", "my cat", False),
    ],
)
def test_within(part: str, whole: str, inside: bool) -> None:
    assert _words.within(part, whole) is inside


@pytest.mark.parametrize(
    ("readings", "best"),
    [
        ([], (0.0, "")),
        ([(0.8, "a dog"), (0.95, "my dog")], (0.95, "my dog")),
        ([(0.999, "Subscribe fo"), (0.99, "Subscribe for more")], (0.99, "Subscribe for more")),
        ([(0.999, "Subscribe"), (0.7, "Subscribe now")], (0.999, "Subscribe")),
    ],
)
def test_the_surest_reading_counts_unless_a_sure_one_says_more(readings: list[tuple[float, str]], best: tuple[float, str]) -> None:
    assert _words.best_reading(readings) == best


def test_lines_join_with_a_space_except_between_chinese() -> None:
    assert _words.join_lines(["3 things", " nobody ", "tells you"]) == "3 things nobody tells you"
    assert _words.join_lines(["韩国", "小馆"]) == "韩国小馆"
    assert _words.join_lines(["韩国", "2"]) == "韩国 2"
    assert _words.join_lines([]) == ""


@pytest.mark.parametrize(
    ("text", "doubt"),
    [
        ("wait for it", False),
        ("POV: Monday 9 am", False),
        ("McDonald", False),
        ("iPhone 15", False),
        ("BpeMe je", True),
        ("cMEx", True),
        ("韩a国b", True),
        ("", False),
    ],
)
def test_other_scripts_raise_doubt(text: str, doubt: bool) -> None:
    assert _words.script_doubt(text) is doubt


# layout


@pytest.mark.parametrize(
    ("changes", "accepted"),
    [
        ({}, True),
        ({"text": ""}, False),
        ({"text": "..."}, False),
        ({"samples": 1, "end_s": 1.05}, False),  # one sample, and gone on the next frames
        ({"samples": 1, "end_s": 1.3, "confidence": 0.99}, True),  # one sample, but there on the frames between
        ({"samples": 1, "end_s": 1.3, "confidence": 0.92}, False),
        ({"confidence": 0.88}, False),  # read once, not sure
        ({"confidence": 0.88, "agreement": 2, "readings": 2}, True),
        ({"confidence": 0.7, "agreement": 3, "readings": 3}, False),  # noise reads at up to 0.8
        ({"text": "G", "confidence": 0.96, "agreement": 2, "readings": 2}, False),  # an earring
        ({"text": "5", "confidence": 0.99, "agreement": 2, "readings": 2, "flat": 2.0, "contrast": 12.0}, True),
        ({"text": "5", "confidence": 0.99, "agreement": 2, "readings": 3, "flat": 2.0, "contrast": 12.0}, False),
    ],
)
def test_accept(changes: dict[str, object], accepted: bool) -> None:
    assert _layout.accept(line(**changes)) is accepted  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("changes", "lost"),
    [
        ({"text": "", "confidence": 0.0}, True),
        ({"text": "", "confidence": 0.0, "ratio": 1.2}, False),
        ({"text": "", "confidence": 0.0, "score": 0.7}, False),
        ({"text": "", "confidence": 0.0, "travel": 4.0}, False),
        ({"text": "", "confidence": 0.0, "samples": 1}, False),
        ({}, False),  # what could be read is not lost
    ],
)
def test_unreadable(changes: dict[str, object], lost: bool) -> None:
    assert _layout.unreadable(line(**changes), FRAME) is lost  # type: ignore[arg-type]


def test_merge_closes_short_gaps_of_the_same_words_only() -> None:
    first, again = line(end_s=3.0), line(start_s=3.3, end_s=5.0)
    merged = _layout.merge_lines([again, first])
    assert [(m.start_s, m.end_s) for m in merged] == [(1.0, 5.0)]
    assert len(_layout.merge_lines([first, line(start_s=3.6, end_s=5.0)])) == 2
    assert len(_layout.merge_lines([first, line("other words", start_s=3.1, end_s=5.0)])) == 2
    assert len(_layout.merge_lines([first, line(start_s=3.3, end_s=5.0, box=(200, 100, 800, 160))])) == 2


def test_merge_keeps_the_surer_reading() -> None:
    merged = _layout.merge_lines([line("hel1o world", confidence=0.8), line(start_s=3.2, end_s=5.0)])
    assert [m.text for m in merged] == ["hello world"]


def test_group_reads_top_to_bottom_and_left_to_right() -> None:
    upper, left, right = (
        line("3 things", box=(200, 100, 600, 160)),
        line("tells", box=(200, 170, 380, 230)),
        line("you", box=(420, 172, 600, 232)),
    )
    blocks = _layout.group([right, left, upper])
    assert [b.text for b in blocks] == ["3 things tells you"]
    assert blocks[0].box == (200, 100, 600, 232)


@pytest.mark.parametrize(
    "other",
    [
        line("b", box=(200, 1500, 800, 1560)),  # far below
        line("b", box=(200, 970, 800, 1030), start_s=2.0),  # comes later
        line("b", box=(200, 970, 800, 1200), height_px=200.0),  # much larger
        line("b", box=(200, 970, 800, 1030), angle_deg=15.0),
    ],
)
def test_group_keeps_apart(other: ReadLine) -> None:
    assert len(_layout.group([line(), other])) == 2


def test_a_line_begins_no_earlier_than_the_one_before_it_in_its_place_ended() -> None:
    first, second = line("word", 3.0, 3.4), line("gets", 3.0, 3.8, found_s=3.4)
    assert [(a.start_s, a.end_s) for a in _layout.in_turn([first, second])] == [(3.0, 3.4), (3.4, 3.8)]
    elsewhere = replace(second, path=line(box=(200, 100, 800, 160)).path)
    assert _layout.in_turn([first, elsewhere])[1].start_s == 3.0
    already_there = replace(second, found_s=3.2)
    assert _layout.in_turn([first, already_there])[1].start_s == 3.0


def test_pieces_of_a_line_are_dropped() -> None:
    whole, piece, other = line(), line("worl", box=(300, 890, 500, 970), confidence=0.99), line("elsewhere", box=(200, 100, 500, 160))
    assert _layout.without_parts([piece, whole, other]) == [whole, other]
    later = replace(piece, start_s=10.0, end_s=12.0)
    assert _layout.without_parts([whole, later]) == [whole, later]


@pytest.mark.parametrize(
    ("made", "role"),
    [
        (line(start_s=6.0, end_s=8.0, flat=1.0, ground_flat=1.0), "caption"),
        (line(start_s=0.2, end_s=2.0, flat=1.0), "title"),  # opens the clip
        (line(start_s=6.0, end_s=8.0, box=(100, 800, 1000, 960)), "title"),  # large
        (line(start_s=6.0, end_s=8.0, angle_deg=12.0), "sticker"),
        (line(start_s=6.0, end_s=8.0, box=(40, 300, 300, 360), flat=1.0, ground_flat=2.0), "sticker"),
        (line("@someone", start_s=0.0, end_s=20.0, box=(700, 90, 1000, 130)), "watermark"),
        (line(start_s=5.0, end_s=10.2), "scene_text"),  # came and went with its shot, nothing else speaks for an overlay
        (line(start_s=6.0, end_s=8.0, travel=9.0), "scene_text"),  # moves with the picture
        (line(start_s=5.0, end_s=10.2, surround_change=40.0), "caption"),  # rests while the picture changes
        (line(start_s=5.0, end_s=10.2, pops=True), "caption"),
    ],
)
def test_roles(made: ReadLine, role: str) -> None:
    found, evidence = _layout.block_role(Block((made,), made.start_s, made.end_s), FRAME)
    assert found == role
    assert evidence


@pytest.mark.parametrize(("end_s", "role"), [(8.0, "caption"), (15.0, "watermark")])
def test_a_caption_over_quick_cuts_is_a_caption_until_it_stays_for_half_of_the_clip(end_s: float, role: str) -> None:
    cuts = replace(FRAME, transitions_s=tuple((t, t) for t in (5.2, 6.0, 6.8, 7.6, 12.0)))
    made = line(start_s=4.0, end_s=end_s, box=(300, 890, 780, 930))
    found, evidence = _layout.block_role(Block((made,), 4.0, end_s), cuts)
    assert found == role and "stays_over_cuts" in evidence


def test_without_known_transitions_nothing_is_concluded_from_them() -> None:
    made = line(start_s=6.0, end_s=8.0)
    assert _layout.block_role(Block((made,), 6.0, 8.0), replace(FRAME, transitions_s=None)) == (
        "scene_text",
        ("rests_in_a_resting_picture",),
    )


def test_a_block_moves_as_the_hull_of_its_lines() -> None:
    upper, lower = line(box=(200, 100, 600, 160)), line("b", box=(250, 170, 700, 230), start_s=1.2)
    path = Block((upper, lower), 1.0, 3.0).path()
    assert path[0] == (1.0, (200, 100, 600, 160))
    assert path[-1][1] == (200, 100, 700, 230)


# colours


@pytest.mark.parametrize(
    ("a", "b", "ratio"),
    [
        ((0, 0, 0), (255, 255, 255), 21.0),
        ((119, 119, 119), (255, 255, 255), 4.48),
        ((9, 9, 9), (9, 9, 9), 1.0),
        ((255, 0, 0), (255, 255, 255), 4.0),
    ],
)
def test_contrast_is_that_of_wcag(a: tuple[int, int, int], b: tuple[int, int, int], ratio: float) -> None:
    assert contrast_ratio(a, b) == contrast_ratio(b, a) == pytest.approx(ratio, abs=0.01)


def drawn(fill: int, ground: int, outline: int | None = None, thickness: int = 5) -> np.ndarray:
    crop = np.full((64, 360, 3), ground, np.uint8)
    if outline is not None:
        cv2.putText(crop, "Sample", (30, 46), cv2.FONT_HERSHEY_SIMPLEX, 1.4, (outline,) * 3, thickness + 8, cv2.LINE_AA)
    cv2.putText(crop, "Sample", (30, 46), cv2.FONT_HERSHEY_SIMPLEX, 1.4, (fill,) * 3, thickness, cv2.LINE_AA)
    return crop


@pytest.mark.parametrize(
    ("crop", "text", "ground"),
    [
        (drawn(255, 20), 255, 20),
        (drawn(10, 240), 10, 240),
        (drawn(255, 150, outline=0), 255, 0),  # the outline is what the letters stand on
        (drawn(20, 120, outline=250), 20, 250),
        (cv2.copyMakeBorder(drawn(0, 250), 6, 6, 12, 12, cv2.BORDER_CONSTANT, value=(60, 60, 60)), 0, 250),  # a plate inside the crop
    ],
)
def test_ink_and_ground_are_told_apart(crop: np.ndarray, text: int, ground: int) -> None:
    ink = measure_ink(crop)
    assert ink is not None
    assert ink.text == pytest.approx((text,) * 3, abs=4)
    assert ink.ground == pytest.approx((ground,) * 3, abs=4)
    assert 0.0 < ink.extent[1] < ink.extent[3] < 1.0


@pytest.mark.parametrize("crop", [np.full((40, 200, 3), 90, np.uint8), np.zeros((3, 50, 3), np.uint8)])
def test_no_ink_no_colours(crop: np.ndarray) -> None:
    assert measure_ink(crop) is None


# gate


def texture(seed: int, size: tuple[int, int] = (160, 240)) -> np.ndarray:
    noise = np.random.default_rng(seed).integers(0, 256, size, np.uint8)
    return cv2.GaussianBlur(noise, (0, 0), 3)


def written(picture: np.ndarray, text: str = "caption here") -> np.ndarray:
    return cv2.putText(picture.copy(), text, (40, 90), cv2.FONT_HERSHEY_SIMPLEX, 0.8, 255, 2, cv2.LINE_AA)


def test_the_gate_opens_for_text_that_rests_on_a_moving_picture() -> None:
    gate = Gate()
    for k in range(4):
        gate.step(texture(k), k / 5)
        assert gate.regions("quick") == []
    gate.step(written(texture(5)), 1.0)
    gate.step(written(texture(6)), 1.2)
    regions = gate.regions("quick")
    assert len(regions) == 1
    x0, y0, x1, y1 = regions[0]
    assert x0 <= 45 and x1 >= 190 and y0 <= 75 and y1 >= 90 and y1 - y0 < 100
    gate.examined(regions[0], "quick")
    gate.step(written(texture(7)), 1.4)
    assert gate.regions("quick") == []


def test_a_resting_picture_is_examined_once_and_small_print_later() -> None:
    gate, picture = Gate(), written(texture(1))
    opened = []
    for k in range(9):
        gate.step(picture, k / 5)
        for level in ("quick", "close"):
            for region in gate.regions(level):
                opened.append((k, level))
                gate.examined(region, level)
    assert {k for k, level in opened if level == "quick"} == {1}
    assert {k for k, level in opened if level == "close"} == {5}


def test_the_same_caption_coming_back_is_new() -> None:
    gate, plain, text = Gate(), texture(1), written(texture(1))
    seen = []
    for k, picture in enumerate((plain, plain, text, text, plain, plain, text, text)):
        gate.step(picture, k / 5)
        for region in gate.regions("quick"):
            gate.examined(region, "quick")
            seen.append(k)
    assert 3 in seen and 7 in seen


def test_unite_merges_chains_of_boxes() -> None:
    assert unite([(0, 0, 10, 10), (20, 0, 30, 10), (9, 5, 21, 8), (50, 50, 60, 60)]) == [(0, 0, 30, 10), (50, 50, 60, 60)]


# matched filter


def test_a_template_measures_fading_and_shift() -> None:
    under = np.full((160, 240), 100, np.uint8)
    full = gradient(written(under))
    template = Template(full, (30, 60, 220, 100))
    assert template.usable
    assert template.find(full).alpha == pytest.approx(1.0, abs=0.01)
    half = cv2.addWeighted(written(under), 0.5, under, 0.5, 0)
    assert template.find(gradient(half)).alpha == pytest.approx(0.5, abs=0.03)
    assert template.find(gradient(under), radius=3).alpha == pytest.approx(0.0, abs=0.01)
    moved = gradient(np.roll(written(under), (2, -5), (0, 1)))
    match = template.find(moved, radius=6)
    assert (match.dx, match.dy) == (-5, 2)
    assert match.alpha == pytest.approx(1.0, abs=0.02)


def test_other_words_do_not_match() -> None:
    under = np.full((160, 240), 100, np.uint8)
    template = Template(gradient(written(under)), (30, 60, 220, 100))
    match = template.find(gradient(written(under, "other words")), radius=3)
    assert match.alpha < 0.3 or match.likeness < 0.4
    assert template.find(gradient(written(under))).likeness == pytest.approx(1.0, abs=0.03)


def test_a_template_at_the_edge_and_a_flat_one_do_not_fail() -> None:
    flat = gradient(np.full((20, 30), 50, np.uint8))
    template = Template(flat, (25.5, 15.5, 60.0, 40.0))
    assert not template.usable
    assert template.find(flat, radius=12).alpha == 0.0
    edge = Template(gradient(written(np.zeros((160, 240), np.uint8))), (-5, 60, 300, 100))
    assert edge.find(gradient(np.zeros((160, 240), np.uint8)), radius=12).alpha == 0.0


def test_beginning_and_end_are_found_on_the_frames_between() -> None:
    ring = Ring(3.0)
    under = np.full((160, 240), 100, np.uint8)
    for k in range(30):
        ring.add(k / 30, written(under) if 8 <= k < 21 else under)
    template = Template(ring.field(12 / 30), (30, 60, 220, 100))
    assert backwards(template, ring, 0.0, 12 / 30)[-1][0] == pytest.approx(8 / 30)
    assert forwards(template, ring, 12 / 30, 29 / 30) == pytest.approx(21 / 30)
    ring.forget(29 / 30 + 2.49)
    assert ring.between(0, 9)[0] == pytest.approx(14 / 30)


# networks, without running them


def test_cores_grow_back_to_lines() -> None:
    core = np.zeros((64, 160), np.float32)
    core[28:36, 40:120] = 0.9
    core[2:4, 2:4] = 0.9  # a speck
    core[50:56, 10:60] = 0.4  # not sure enough
    boxes = boxes_from_map(core, 2.0, 2.0, (320, 128))
    assert len(boxes) == 1
    x0, y0, x1, y1 = boxes[0].xyxy
    # offset = area * 1.6 / perimeter, in px of the map; then twice the size
    offset = 79 * 7 * 1.6 / (2 * (79 + 7))
    assert (x0, y0, x1, y1) == pytest.approx((80 - 2 * offset, 56 - 2 * offset, 238 + 2 * offset, 70 + 2 * offset), abs=1)


def test_nothing_in_the_map_gives_no_line() -> None:
    assert boxes_from_map(np.zeros((32, 32), np.float32), 1, 1, (32, 32)) == []


def test_ctc_collapses_repeats_and_drops_blanks() -> None:
    steps = [0, 1, 1, 0, 1, 2, 2, 3, 0]
    table = np.full((len(steps), 4), 0.02, np.float32)
    table[np.arange(len(steps)), steps] = 0.9
    reading = ctc_decode(table, ["", "a", "b", " "])
    assert reading.text == "aab "
    assert reading.confidence == pytest.approx(0.9)
    assert ctc_decode(table[:1], ["", "a", "b", " "]).text == ""


def test_a_tall_crop_is_turned() -> None:
    picture = np.zeros((100, 100, 3), np.uint8)
    upright = np.array([[10, 10], [30, 10], [30, 90], [10, 90]], np.float32)
    assert crop_line(picture, upright).shape == (20, 80, 3)
    assert crop_line(picture, upright[[0, 0, 0, 0]]).size == 0


def test_a_missing_wheel_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(ModelError, match="rapidocr"):
        TextOverlay().load(LoadContext("cpu", TextOverlay.Options(), ()))
