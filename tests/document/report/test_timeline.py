"""The timeline in Chromium: every way to go to a second, the zoom, lanes to hide and move, long rows; by mouse, finger and keys."""

from __future__ import annotations

import json
from functools import cache
from typing import Any

import pytest

from reelscope.document.report import render_report
from reelscope.document.schema import Document, Series
from tests.document.fixtures import empty_document, entry, full_document, keyframes_of, seg
from tests.document.report.asking import comes, told, wrong_in
from tests.document.report.conftest import DESKTOP, PHONE, Opens
from tests.document.report.spoken import spoken

WHOLE_S = 24.0
FRAME_S = 1 / 29.97
HOSTILE = '</script><img src=x onerror="document.title=1"><b>&'
LANES = ".lane:not([hidden])"


@cache
def talk() -> Document:
    """The full document with words, a waveform and beats."""
    document = spoken()
    sound = document.analyzers["audio_analysis"]
    t_s = [(i + 0.5) / 10 for i in range(240)]
    sound.series.insert(0, Series(name="peak_dbfs", unit="dBFS", t_s=t_s, values=[-3.0 - i % 7 for i in range(240)]))
    sound.series.append(Series(name="beat_strength", unit="log10 power", t_s=[i / 2 + 0.25 for i in range(47)], values=[0.4] * 47))
    return document


@cache
def html_of_talk() -> str:
    return html_of(talk())


def html_of(document: Document) -> str:
    return render_report(document, keyframes=keyframes_of(document))


def now(page: Any) -> float:
    return float(page.evaluate("Number(document.querySelector('#scrub').value)"))


def to_timeline(page: Any) -> Any:
    page.evaluate("document.documentElement.style.scrollBehavior = 'auto'; document.querySelector('#timeline').scrollIntoView()")
    return page


def track(page: Any) -> dict[str, float]:
    return page.locator(".tl-head .tl-track").bounding_box()


def x_of(page: Any, t: float) -> float:
    """Where a moment is on the screen."""
    box = track(page)
    return box["x"] + box["width"] * t / WHOLE_S


def t_under(page: Any, x: float) -> float:
    box = track(page)
    return (x - box["x"]) / box["width"] * WHOLE_S


def names(page: Any) -> list[str]:
    return page.locator(f"{LANES} h3").all_text_contents()  # lanes off the screen have no rendered text


def row_y(page: Any, lane: str, selector: str = ".lane-head .tl-track") -> float:
    found = page.locator(f'[data-analyzer="{lane}"] {selector}').first
    found.scroll_into_view_if_needed()
    box = found.bounding_box()
    return box["y"] + box["height"] / 2


# ---- to a second -----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [DESKTOP, PHONE])
def test_a_click_on_a_track_goes_to_that_moment_and_the_page_stays(opens: Opens, size: tuple[int, int]) -> None:
    page = to_timeline(opens(html_of_talk(), size=size))
    y = row_y(page, "audio_analysis", ".waveform .tl-track")
    scrolled = page.evaluate("scrollY")
    for t in (3.21, 7.0):
        page.mouse.click(x_of(page, t), y)
        assert now(page) == pytest.approx(t, abs=FRAME_S if size == DESKTOP else 2 / 30)
    assert page.evaluate("scrollY") == scrolled
    assert page.evaluate("location.hash").startswith("#t=")


def test_a_click_on_a_bar_goes_to_its_start_and_tells_about_it(opens: Opens) -> None:
    page = to_timeline(opens(html_of_talk()))
    bar = page.get_by_role("button", name="Handheld, 0:07.27")
    bar.scroll_into_view_if_needed()
    box = bar.bounding_box()
    page.mouse.click(box["x"] + box["width"] - 6, box["y"] + 8)
    assert now(page) == pytest.approx(7.266667, abs=1e-5)
    tip = page.locator("#tip")
    assert tip.is_visible() and "Handheld" in tip.inner_text() and "0:07.27" in tip.inner_text()
    page.keyboard.press("Escape")
    assert tip.is_hidden()


def test_a_click_beside_a_beat_goes_to_the_beat(opens: Opens) -> None:
    page = to_timeline(opens(html_of_talk()))
    y = row_y(page, "audio_analysis", ".stems .tl-track")
    page.mouse.click(x_of(page, 10.25) + 5, y)
    assert now(page) == pytest.approx(10.25, abs=1e-6)
    page.mouse.click(x_of(page, 10.5), y)  # between two: where it is
    assert now(page) == pytest.approx(10.5, abs=FRAME_S)


def test_dragging_along_the_ruler_and_the_filmstrip_scrubs(opens: Opens) -> None:
    page = to_timeline(opens(html_of_talk()))
    box = track(page)
    for y in (box["y"] + box["height"] - 8, box["y"] + 30):
        page.mouse.move(x_of(page, 5), y)
        page.mouse.down()
        assert now(page) == pytest.approx(5, abs=FRAME_S)
        page.mouse.move(x_of(page, 9), y + 200)  # off the ruler the hand still holds it
        assert now(page) == pytest.approx(9, abs=FRAME_S)
        page.mouse.move(box["x"] + box["width"] + 300, y)
        assert now(page) == WHOLE_S
        page.mouse.move(x_of(page, 6), y)
        page.mouse.up()
        page.mouse.move(x_of(page, 20), y)
        assert now(page) == pytest.approx(6, abs=FRAME_S)
    assert page.evaluate("location.hash").startswith("#t=6")


def test_the_red_line_stands_at_the_playhead_in_ruler_and_lanes(opens: Opens) -> None:
    page = to_timeline(opens(html_of_talk()))
    for zooms in range(3):
        page.mouse.click(x_of(page, 4.0), track(page)["y"] + 30)
        for line in (".grip", ".playline"):
            box = page.locator(line).bounding_box()
            assert box["x"] + box["width"] / 2 == pytest.approx(x_of(page, now(page)), abs=1.5), (line, zooms)
        page.locator("[data-zoom=in]").click()


def test_the_shot_under_the_playhead_is_lit(opens: Opens) -> None:
    page = to_timeline(opens(html_of_talk()))
    page.mouse.click(x_of(page, 8.0), track(page)["y"] + 30)
    assert page.locator(".cell.on b").inner_text() == "4"
    band = page.locator(".shot-now").bounding_box()
    assert (t_under(page, band["x"]), t_under(page, band["x"] + band["width"])) == pytest.approx((7.266667, 10.8), abs=FRAME_S)


def test_keys_walk_along_the_bars_and_enter_goes_there(opens: Opens) -> None:
    page = to_timeline(opens(html_of_talk()))
    page.get_by_role("button", name="Static, 0:00.00").focus()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowRight")
    assert page.evaluate("document.activeElement.textContent") == "Zoom in"
    assert now(page) == 0, "to walk is not to seek"
    page.keyboard.press("Enter")
    assert now(page) == pytest.approx(5.1, abs=1e-5)
    assert page.locator("#tip").is_visible()
    page.keyboard.press("ArrowDown")
    assert page.evaluate("document.activeElement.closest('.lane').dataset.analyzer") == "scene_segmentation"
    page.keyboard.press("End")
    assert page.evaluate("document.activeElement.textContent") == "Scene 3"
    page.keyboard.press(" ")
    assert now(page) == pytest.approx(13.4, abs=0.2) or now(page) == pytest.approx(16.9, abs=1e-5)


def test_going_somewhere_from_another_place_leaves_the_page_where_it_is(opens: Opens) -> None:
    page = to_timeline(opens(html_of_talk()))
    for _ in range(4):
        page.keyboard.press("+")
    button = page.locator(".shot .go").nth(6)
    button.scroll_into_view_if_needed()
    scrolled = page.evaluate("scrollY")
    button.click()
    assert now(page) == pytest.approx(16.9, abs=1e-5)
    assert page.evaluate("scrollY") == pytest.approx(scrolled, abs=1)
    view, x = page.locator(".tl-body").bounding_box(), x_of(page, 16.9)
    assert view["x"] < x < view["x"] + view["width"], "the view of the timeline has gone along"


# ---- zoom ------------------------------------------------------------------------------------------------------------------------


def test_the_wheel_with_ctrl_keeps_the_moment_under_the_pointer(opens: Opens) -> None:
    page = to_timeline(opens(html_of_talk()))
    for share in (0.3, 0.8):
        y = row_y(page, "camera_analysis")
        x = page.locator(".tl-body").bounding_box()["x"] + 200 + 600 * share
        page.mouse.move(x, y)
        before, wide = t_under(page, x), track(page)["width"]
        page.keyboard.down("Control")
        for _ in range(3):
            page.mouse.wheel(0, -40)
        page.keyboard.up("Control")
        assert comes(page, lambda wide=wide: track(page)["width"] > 2 * wide)
        page.wait_for_timeout(50)
        assert t_under(page, x) == pytest.approx(before, abs=2 * WHOLE_S / track(page)["width"])


def test_buttons_and_keys_zoom_from_the_whole_down_to_frames(opens: Opens) -> None:
    page = to_timeline(opens(html_of_talk()))
    fit = track(page)["width"]
    page.locator("[data-zoom=in]").click()
    assert track(page)["width"] == pytest.approx(1.6 * fit, rel=0.01)
    page.keyboard.press("-")
    assert track(page)["width"] == pytest.approx(fit, abs=1)
    page.mouse.click(x_of(page, 12.0), track(page)["y"] + 30)
    for _ in range(12):
        page.keyboard.press("+")
    assert track(page)["width"] == pytest.approx(WHOLE_S * 29.97 * 12, rel=0.001), "a frame is 12 px wide, and no wider"
    view = page.locator(".tl-body").bounding_box()
    assert view["x"] < x_of(page, now(page)) < view["x"] + view["width"], "keys keep the playhead in sight"
    marks = page.locator(".ruler .f")
    gap = marks.nth(11).bounding_box()["x"] - marks.nth(10).bounding_box()["x"]
    assert gap == pytest.approx(12, abs=0.6)
    assert page.locator(".ruler span").count() < 600, "the ruler has marks only where it is seen"
    page.keyboard.press("0")
    assert track(page)["width"] == pytest.approx(fit, abs=1)


def test_zoomed_in_the_view_follows_while_it_plays_unless_somebody_looks_elsewhere(opens: Opens) -> None:
    page = to_timeline(opens(html_of_talk()))
    for _ in range(10):
        page.keyboard.press("+")
    scroll = "document.querySelector('.tl-body').scrollLeft"
    assert page.evaluate(scroll) == 0
    page.keyboard.press("k")
    assert comes(page, lambda: page.evaluate(scroll) > 200)
    page.locator("#speed").select_option("0.25")  # it is not to end meanwhile, however long that takes
    page.mouse.move(x_of(page, now(page)), row_y(page, "camera_analysis"))
    page.mouse.wheel(4000, 0)
    assert comes(page, lambda: page.evaluate(scroll) > 3000)
    far = page.evaluate(scroll)
    start = now(page)
    assert comes(page, lambda: now(page) > start + 0.3)
    assert page.evaluate(scroll) >= far - 1, "who looks elsewhere is not pulled back"
    page.keyboard.press("k")


# ---- lanes -----------------------------------------------------------------------------------------------------------------------


def test_a_lane_is_moved_and_hidden_by_its_menu_with_keys_alone_and_stays_so(opens: Opens) -> None:
    page = to_timeline(opens(html_of_talk()))
    before = names(page)
    page.get_by_role("button", name="Move or hide the lane Camera").focus()
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.textContent") == "Move up"
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    assert told(page, "Camera moved down")
    assert names(page)[:3] == [before[0], before[2], before[1]]
    assert page.evaluate("document.activeElement.closest('.lane').dataset.analyzer") == "camera_analysis"
    page.keyboard.press("Alt+ArrowUp")
    page.keyboard.press("Alt+ArrowUp")
    assert names(page)[0] == "Camera"
    page.keyboard.press("Enter")
    assert page.get_by_role("menuitem", name="Move up").is_disabled()
    page.keyboard.press("End")
    page.keyboard.press("Enter")
    assert "Camera" not in names(page)
    assert page.locator(".lanes-open").inner_text().endswith("1 hidden")
    assert page.evaluate("document.activeElement.className") == "lanes-open"
    page.reload()
    assert names(page) == [n for n in before if n != "Camera"]
    page.locator(".lanes-open").focus()
    page.keyboard.press("Enter")
    page.get_by_role("checkbox", name="Camera").press(" ")
    page.keyboard.press("Escape")
    assert names(page)[0] == "Camera"
    page.reload()
    assert names(page)[0] == "Camera"
    page.locator(".lanes-open").click()
    page.get_by_role("button", name="Reset").click()
    assert names(page) == before
    page.reload()
    assert names(page) == before


def test_escape_closes_the_menu_and_gives_the_focus_back(opens: Opens) -> None:
    page = to_timeline(opens(html_of_talk()))
    page.get_by_role("button", name="Move or hide the lane Scenes").click()
    assert page.locator("#lane-menu").is_visible()
    page.keyboard.press("Escape")
    assert page.locator("#lane-menu").is_hidden()
    assert comes(page, lambda: page.evaluate("document.activeElement.getAttribute('aria-label')") == "Move or hide the lane Scenes")


def test_a_lane_is_dragged_by_its_name(opens: Opens) -> None:
    page = to_timeline(opens(html_of_talk()))
    before = names(page)
    held, target = (page.locator(f"#lane-{n}").bounding_box() for n in ("cut_analysis", "scene_segmentation"))
    page.mouse.move(held["x"] + 10, held["y"] + 6)
    page.mouse.down()
    page.mouse.move(held["x"] + 10, held["y"] + 30)
    lane = page.locator('[data-analyzer="scene_segmentation"]').bounding_box()
    page.mouse.move(target["x"] + 10, lane["y"] + lane["height"] - 4, steps=4)
    page.mouse.up()
    assert names(page)[:3] == [before[1], before[2], before[0]]
    assert now(page) == 0
    page.reload()
    assert names(page)[2] == before[0]


def test_all_lanes_hidden_says_so_and_brings_them_back(opens: Opens) -> None:
    page = to_timeline(opens(html_of_talk()))
    page.locator(".lanes-open").click()
    boxes = page.locator("#lanes-panel input")
    for i in range(boxes.count()):
        boxes.nth(i).uncheck()
    page.keyboard.press("Escape")
    assert names(page) == []
    page.locator(".no-lanes button").click()
    assert len(names(page)) == boxes.count()


def test_what_a_browser_kept_of_others_harms_nothing(opens: Opens) -> None:
    page = opens(html_of_talk())
    before = names(page)
    for kept in ("17", '{"order": 3, "hidden": {"a": 1}}', "x", '{"order": ["nobody", "scene_segmentation"], "hidden": ["who"]}'):
        page.evaluate("(kept) => localStorage.setItem('reelscope.lanes', kept)", kept)
        page.reload()
        assert sorted(names(page)) == sorted(before)
    assert names(page)[0] == "Cuts and shots", "what is not named keeps its place"


# ---- long rows -------------------------------------------------------------------------------------------------------------------


@cache
def crowded() -> str:
    document = talk().model_copy(deep=True)
    words = [{"start_s": round(i * 0.012, 4), "end_s": round(i * 0.012 + 0.01, 4), "text": f"w{i}", "confidence": 0.9} for i in range(1990)]
    document.analyzers["speech_transcription"] = entry(segments=[seg(0, 24, text="all", words=words, speaker=0, language="en")])
    bars = [seg(i * 0.016, i * 0.016 + 0.014, move=("static", "pan_left")[i % 2], components=[]) for i in range(1500)]
    document.analyzers["camera_analysis"] = entry(segments=bars)
    return html_of(document)


def in_row(page: Any, lane: str) -> Any:
    return page.locator(f'[data-analyzer="{lane}"] .it')


def test_a_long_row_has_only_what_is_in_sight_and_the_zoom_parts_it(opens: Opens) -> None:
    page = to_timeline(opens(crowded()))
    bars = in_row(page, "camera_analysis")
    assert comes(page, lambda: bars.count() > 20)
    assert bars.count() < 200
    assert bars.first.get_attribute("aria-label").startswith("23 bars, 0:00.00 \N{EN DASH} 0:00.3")
    page.mouse.click(x_of(page, 12.0), track(page)["y"] + 30)
    for _ in range(12):
        page.keyboard.press("+")

    def times() -> list[float]:
        told = bars.evaluate_all("(bars) => bars.map((bar) => bar.getAttribute('aria-label'))")
        return [float(t.split(", 0:")[1].split(" ")[0]) for t in told]

    assert comes(page, lambda: 20 < len(times()) < 400 and 8 < min(times()) < 12 < max(times()) < 16)


def test_words_that_are_too_narrow_stand_in_phrases(opens: Opens) -> None:
    page = to_timeline(opens(html_of_talk()))
    row_y(page, "speech_transcription")
    words = in_row(page, "speech_transcription")
    assert comes(page, lambda: words.count() > 0)
    assert words.first.inner_text() == "Three things nobody tells you."
    for _ in range(4):
        page.keyboard.press("+")
    assert comes(page, lambda: words.first.inner_text() == "Three")
    words.nth(1).click()
    assert now(page) == pytest.approx(0.9, abs=1e-5)
    assert page.locator("#tip b").inner_text() == "things"


def test_keys_reach_both_ends_of_a_long_row(opens: Opens) -> None:
    page = to_timeline(opens(crowded()))
    for _ in range(9):
        page.keyboard.press("+")
    bars = in_row(page, "camera_analysis")
    assert comes(page, lambda: bars.count() > 5)
    page.wait_for_timeout(200)
    bars.first.focus()
    page.keyboard.press("End")
    assert comes(page, lambda: "0:23.9" in page.evaluate("document.activeElement.getAttribute('aria-label')"))
    page.keyboard.press("Enter")
    assert now(page) == pytest.approx(1499 * 0.016, abs=0.05)
    page.keyboard.press("Home")
    assert comes(page, lambda: "0:00.00" in page.evaluate("document.activeElement.getAttribute('aria-label')"))
    for _ in range(40):
        page.keyboard.press("ArrowRight")
    page.keyboard.press("Enter")
    assert now(page) > 0.5


# ---- every kind of document --------------------------------------------------------------------------------------------------------


def only_sound() -> Document:
    raw = talk().model_dump(mode="json")
    heard = {"audio_analysis", "speech_transcription", "speech_flow"}
    for name in raw["analyzers"]:
        if name not in heard:
            raw["analyzers"][name] = entry("not_applicable", reason="the file has no picture").model_dump(mode="json")
    picture = ("width_px", "height_px", "coded_width_px", "coded_height_px", "codec", "fps")
    raw["media"] |= dict.fromkeys(picture)
    return Document.model_validate(raw | {"shots": [], "insights": {}})


def nothing() -> Document:
    document = empty_document()
    for name in document.analyzers:
        document.analyzers[name] = entry("skipped", reason="not asked for")
    return document


@pytest.mark.parametrize(("make", "size"), [(only_sound, PHONE), (empty_document, DESKTOP), (nothing, PHONE), (full_document, PHONE)])
def test_any_document_has_a_timeline_that_works(opens: Opens, make: Any, size: tuple[int, int]) -> None:
    page = to_timeline(opens(html_of(make()), size=size))
    whole = page.evaluate("JSON.parse(document.querySelector('#data').textContent).duration")
    box = track(page)
    page.mouse.click(box["x"] + 30, box["y"] + 10)
    assert now(page) == pytest.approx(30 / box["width"] * whole, abs=0.04)
    page.keyboard.press("+")
    page.keyboard.press("0")
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    if make is nothing:
        assert wrong_in(page, ["#timeline"]) == []


def test_hostile_words_stay_words(opens: Opens) -> None:
    document = talk().model_copy(deep=True)
    line = (
        document.analyzers["speech_transcription"]
        .segments[0]
        .model_copy(update={"speaker_name": HOSTILE, "words": [{"start_s": 1, "end_s": 4, "text": HOSTILE, "confidence": 0.9}]})
    )
    document.analyzers["speech_transcription"].segments = [line]
    page = to_timeline(opens(html_of(document)))
    row_y(page, "speech_transcription")
    words = in_row(page, "speech_transcription")
    assert comes(page, lambda: words.count() == 1)
    words.first.hover()
    assert page.locator("#tip b").inner_text() == HOSTILE
    assert page.locator('[data-analyzer="speech_transcription"] .sub').first.inner_text() == HOSTILE
    assert page.locator("#timeline img, #timeline b b").count() == 0
    assert page.title() != "1"


@pytest.mark.parametrize(("scheme", "size"), [("light", DESKTOP), ("dark", PHONE)])
def test_the_timeline_meets_aa(opens: Opens, scheme: str, size: tuple[int, int]) -> None:
    page = to_timeline(opens(html_of_talk(), scheme=scheme, size=size))
    assert wrong_in(page, ["#timeline"]) == []
    page.locator(".lanes-open").click()
    assert wrong_in(page, ["#lanes-panel"]) == []
    small = page.evaluate(
        "[...document.querySelectorAll('#timeline button:not(.it), #lanes-panel label')]"
        ".filter((b) => b.checkVisibility()).map((b) => [b.className || b.textContent, b.getBoundingClientRect()])"
        ".filter(([, r]) => r.width && (r.width < 24 || r.height < 24))"
        ".map(([n, r]) => `${n} ${r.width} x ${r.height}`)"
    )
    assert small == []


def test_a_finger_goes_and_tells(opens: Opens) -> None:
    page = to_timeline(opens(html_of_talk(), size=PHONE, has_touch=True))
    bar = page.get_by_role("button", name="Pan left, 0:02.40")
    bar.scroll_into_view_if_needed()
    bar.tap()
    assert comes(page, lambda: now(page) == pytest.approx(2.4, abs=1e-5))
    assert page.locator("#tip b").inner_text() == "Pan left"
    head, under = page.locator(".tl-head").bounding_box(), page.locator(".stage").bounding_box()
    assert head["y"] >= under["y"] + under["height"] - 1, "the filmstrip is not beneath the player"


def test_the_needle_reads_every_curve_in_sight(opens: Opens) -> None:
    page = to_timeline(opens(html_of_talk()))
    y = row_y(page, "audio_analysis", ".waveform .tl-track")
    read = page.locator(".waveform output")

    def reads() -> str:  # curves read where the pointer moves, as soon as the page knows that they are in sight
        page.mouse.move(x_of(page, 3.05), y + 1)
        page.mouse.move(x_of(page, 3.05), y)
        return read.inner_text()

    assert comes(page, lambda: reads() == f"\N{MINUS SIGN}{3.0 + 30 % 7:.1f} dBFS")
    assert page.locator(".tl-head .clock").inner_text() in ("0:03.05", "0:03.04", "0:03.06")
    page.mouse.move(5, 5)
    assert comes(page, lambda: read.inner_text() == "")


def test_the_data_of_the_script_is_json_without_surprises() -> None:
    found = html_of_talk().split('id="data">')[1].split("</script>")[0]
    data = json.loads(found)
    assert len(data["rows"]) == 2, "a row of words for each of two voices"
    assert {"i", "l", "w", "k", "tones"} <= set(data["rows"][0])
