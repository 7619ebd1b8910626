"""The report in headless Chromium: quiet console, no request, no sideways scrolling, everything reachable by keyboard."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from reelscope.document.report import render_report
from reelscope.document.schema import Document
from tests.browser import chromium
from tests.document.fixtures import empty_document, full_document, keyframes_of

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

PHONE = (390, 844)
DESKTOP = (1440, 900)

pytestmark = pytest.mark.system


@dataclass
class Opened:
    """A report in a tab, with everything that it said and asked for."""

    page: Page
    said: list[str] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as found:
        yield found


DOCUMENTS = {"full": full_document, "empty": empty_document}


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("report")
    paths = {}
    for name, make in DOCUMENTS.items():
        document = make()
        paths[name] = folder / f"{name}.html"
        paths[name].write_text(render_report(document, keyframes=keyframes_of(document)), encoding="utf-8")
    return paths


def open_report(browser: Browser, path: Path, size: tuple[int, int], scheme: str = "light") -> Opened:
    context = browser.new_context(viewport={"width": size[0], "height": size[1]}, color_scheme=scheme)  # type: ignore[arg-type]
    opened = Opened(context.new_page())
    opened.page.on("console", lambda message: opened.said.append(f"{message.type}: {message.text}"))
    opened.page.on("pageerror", lambda error: opened.said.append(str(error)))
    opened.page.on("request", lambda request: opened.asked.append(request.url))
    opened.page.goto(path.as_uri())
    return opened


@pytest.fixture
def at(browser: Browser, files: dict[str, Path], request: pytest.FixtureRequest) -> Iterator[tuple[Opened, Document]]:
    name, size, scheme = request.param
    opened = open_report(browser, files[name], size, scheme)
    yield opened, DOCUMENTS[name]()
    opened.page.context.close()


def comes_to(page: Page, condition: str, within_s: float = 30) -> bool:
    """Whether `condition` becomes true. Asked from here: Playwright's own waiting polls by eval, which the page's policy forbids."""
    until = time.monotonic() + within_s
    while not page.evaluate(condition):
        if time.monotonic() > until:
            return False
        page.wait_for_timeout(20)
    return True


def sideways(page: Page) -> int:
    """How many px the page's body can be scrolled sideways."""
    to = "scrollTo({ left: %d, behavior: 'instant' })"  # else it would only begin to glide there
    return page.evaluate(f"() => {{ {to % 10000}; const x = scrollX; {to % 0}; return x; }}")


EVERY = [(n, s, c) for n in DOCUMENTS for s, c in ((PHONE, "light"), (PHONE, "dark"), (DESKTOP, "light"), (DESKTOP, "dark"))]


@pytest.mark.parametrize("at", EVERY, indirect=True, ids=lambda p: f"{p[0]}-{p[1][0]}-{p[2]}")
def test_it_opens_quietly_and_whole(at: tuple[Opened, Document]) -> None:
    opened, document = at
    page = opened.page
    for y in range(0, page.evaluate("document.documentElement.scrollHeight"), 700):
        page.evaluate("y => scrollTo(0, y)", y)
    assert opened.said == []
    assert [u for u in opened.asked if not u.startswith(("file:", "data:"))] == []
    assert sideways(page) == 0
    assert page.locator("#shots tbody tr").count() == len(document.shots)
    assert page.locator(".lane").count() == sum(e.status == "ok" for e in document.analyzers.values())
    assert page.locator("#status tbody tr").count() == 19
    pictures = sum(s.keyframe is not None for s in document.shots)
    drawn = page.evaluate("[...document.querySelectorAll('.key img')].filter(i => i.complete && i.naturalWidth > 0).length")
    assert drawn == pictures
    strip = page.evaluate("[...document.querySelectorAll('.cell')].filter(c => c.style.backgroundImage.startsWith('url(\"data:')).length")
    assert strip == pictures
    assert page.locator(".film i").count() == pictures


@pytest.mark.parametrize("at", [("full", PHONE, "light")], indirect=True)
def test_on_a_phone_the_timeline_scrolls_by_itself(at: tuple[Opened, Document]) -> None:
    page = at[0].page
    body = page.locator(".tl-body")
    assert body.evaluate("e => e.scrollWidth > e.clientWidth")
    body.evaluate("e => { e.scrollLeft = 200; }")
    assert comes_to(page, "document.querySelector('.tl-head').scrollLeft === 200")  # the filmstrip goes along
    assert sideways(page) == 0


@pytest.mark.parametrize("at", [("full", DESKTOP, "light")], indirect=True)
def test_lanes_are_walked_by_keyboard(at: tuple[Opened, Document]) -> None:
    opened, _ = at
    page = opened.page
    page.locator(".tl-body").focus()
    page.keyboard.press("Tab")
    assert page.locator(":focus").get_attribute("aria-label") == "Move or hide the lane Cuts and shots"
    page.keyboard.press("Tab")
    cut = page.locator(":focus")
    assert cut.get_attribute("aria-label") == "Cut, 0:02.40"
    assert page.locator("#tip").is_visible()
    assert "Confidence" in page.locator("#tip").inner_text()
    assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid"
    page.keyboard.press("ArrowRight")
    assert page.locator(":focus").get_attribute("aria-label") == "Jump cut, 0:05.10"
    page.keyboard.press("ArrowDown")
    assert str(page.locator(":focus").get_attribute("aria-label")).startswith(("Pan left", "Zoom in"))
    page.keyboard.press("Home")
    assert str(page.locator(":focus").get_attribute("aria-label")).startswith("Static, 0:00.00")
    page.keyboard.press("Escape")
    assert page.locator("#tip").is_hidden()
    stops = page.evaluate(
        "[...document.querySelectorAll('.tl-track')].every(t => [...t.querySelectorAll('.it')].filter(i => i.tabIndex === 0).length <= 1)"
    )
    assert stops, "one tab stop a row"
    assert opened.said == []


@pytest.mark.parametrize("at", [("full", DESKTOP, "light")], indirect=True)
def test_pointing_shows_the_values_under_the_needle(at: tuple[Opened, Document]) -> None:
    opened, _ = at
    page = opened.page
    track = page.locator("[data-analyzer=camera_analysis] .curve .tl-track").first
    track.scroll_into_view_if_needed()
    output = page.locator("[data-analyzer=camera_analysis] output").first
    until = time.monotonic() + 30
    while "frame widths/s" not in output.inner_text():  # lanes read once the page has noticed that they are in view
        assert time.monotonic() < until, "nothing is read under the pointer"
        box = track.bounding_box()
        assert box
        for by in (1, 0):
            page.mouse.move(box["x"] + box["width"] / 2 + by, box["y"] + box["height"] / 2)
    assert page.locator(".clock").inner_text().startswith("0:12.")
    page.mouse.move(5, 5)
    assert output.inner_text() == ""
    assert opened.said == []


@pytest.mark.parametrize("at", [("full", DESKTOP, "light")], indirect=True)
def test_zoom_more_and_the_viewer(at: tuple[Opened, Document]) -> None:
    opened, _ = at
    page = opened.page
    body = page.locator(".tl-body")
    page.locator("[data-zoom=in]").click()
    assert body.evaluate("e => e.scrollWidth > e.clientWidth * 1.4")
    page.locator("[data-zoom=fit]").click()
    assert body.evaluate("e => e.scrollWidth === e.clientWidth")
    more = page.locator(".more").first
    more.click()
    assert more.get_attribute("aria-expanded") == "true"
    assert page.locator(f"#{more.get_attribute('aria-controls')}").is_visible()
    page.locator("#shot-0 .grow").focus()
    page.keyboard.press("Enter")
    assert page.locator("#viewer").is_visible()
    page.keyboard.press("ArrowRight")
    assert "shot 2" in page.locator("#viewer figcaption").inner_text()
    page.keyboard.press("Escape")
    assert page.locator("#viewer").is_hidden()
    assert opened.said == []


@pytest.mark.parametrize("at", [("full", DESKTOP, "light")], indirect=True)
def test_every_control_has_a_name(at: tuple[Opened, Document]) -> None:
    nameless = at[0].page.evaluate(
        "[...document.querySelectorAll('button, a, [role=region], [role=img]')]"
        ".filter(e => !(e.getAttribute('aria-label') || e.textContent).trim()).map(e => e.outerHTML)"
    )
    assert nameless == []
