"""WCAG AA of whole reports at a desk and on a phone, light and dark, and what no tool sees: focus, room, space between letters, motion."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from reelscope.document.report import render_report
from reelscope.document.schema import Document
from tests.document.fixtures import empty_document, full_document, keyframes_of
from tests.document.report.conftest import DESKTOP, PHONE, Opens, violations
from tests.document.report.spoken import spoken
from tests.document.report.tasks import SEES

pytestmark = pytest.mark.system

DOCUMENTS: dict[str, Callable[[], Document]] = {"full": full_document, "empty": empty_document, "spoken": spoken}
STOPS = 400  # of the Tab key; more than any of these pages has

SPACED = """() => {
  const sheet = new CSSStyleSheet();
  sheet.replaceSync(`
    * { line-height: 1.5 !important; letter-spacing: .12em !important; word-spacing: .16em !important }
    p { margin-bottom: 2em !important }`);
  document.adoptedStyleSheets = [sheet];
}"""
"""The spacing that a reader may set (WCAG 1.4.12)."""

SMALL = """() => [...document.querySelectorAll("button, select, input, summary")].filter((e) => {
  const box = e.getBoundingClientRect();
  return e.checkVisibility() && e.type !== "range" && !e.closest(".tl, p") && box.width > 0 && Math.min(box.width, box.height) < 23.5;
}).map((e) => `${e.getAttribute("aria-label") ?? e.textContent.trim()}: ${e.getBoundingClientRect().height}`)"""
"""Controls of less than 24 px, but for those in a line of prose and the bars of the timeline, whose size is their time."""

TURNING = """() => document.getAnimations().length + [...document.querySelectorAll("html, body")]
  .filter((e) => getComputedStyle(e).scrollBehavior === "smooth").length"""


def html_of(name: str, *, served: bool = False) -> str:
    document = DOCUMENTS[name]()
    return render_report(document, keyframes=keyframes_of(document), served=served)


LOOKS = [  # each look at a whole page takes seconds: every document, size and scheme is in some of them, the one with all parts in four
    ("served", DESKTOP, "light"),
    ("served", DESKTOP, "dark"),
    ("served", PHONE, "light"),
    ("served", PHONE, "dark"),
    ("full", PHONE, "light"),
    ("empty", DESKTOP, "dark"),
]


@pytest.mark.parametrize(("name", "size", "scheme"), LOOKS, ids=[f"{name} {size[0]} {scheme}" for name, size, scheme in LOOKS])
def test_whole_reports_are_accessible(opens: Opens, name: str, size: tuple[int, int], scheme: str) -> None:
    served = name == "served"
    page = opens(html_of("spoken" if served else name, served=served), size=size, scheme=scheme, reduced_motion="reduce")
    if served:
        page.keyboard.press("e")
        assert page.locator("body.mending").count() == 1
    assert violations(page) == []


@pytest.mark.parametrize("size", [DESKTOP, PHONE], ids=["desk", "phone"])
def test_the_focus_is_seen_at_every_stop_and_goes_down_the_page(opens: Opens, size: tuple[int, int]) -> None:
    page = opens(html_of("spoken", served=True), size=size, reduced_motion="reduce")
    parts: list[str] = []
    wrong: list[str] = []
    for _ in range(STOPS):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement === document.body"):
            break
        if told := page.evaluate(SEES):
            wrong.append(told)
        part = page.evaluate("document.activeElement.closest('section[id], nav, aside, header')?.id ?? ''")
        if not parts or parts[-1] != part:
            parts.append(part)
    else:
        pytest.fail(f"the Tab key has not left the page after {STOPS} stops")
    assert wrong == []
    sections = [part for part in parts if part in ("stage", "timeline", "shots", "said-words", "insights", "text", "sound", "status")]
    assert sections == ["stage", "timeline", "shots", "said-words", "insights", "text", "sound", "status"]


@pytest.mark.parametrize("width", [320, 720], ids=["320 px", "200 percent"])
@pytest.mark.parametrize("name", [*DOCUMENTS])
def test_no_page_scrolls_sideways_however_its_letters_stand(opens: Opens, name: str, width: int) -> None:
    page = opens(html_of(name), size=(width, 640))
    assert page.evaluate("document.documentElement.scrollWidth") == width
    page.evaluate(SPACED)
    assert page.evaluate("document.documentElement.scrollWidth") == width


@pytest.mark.parametrize("size", [DESKTOP, PHONE], ids=["desk", "phone"])
def test_controls_can_be_hit(opens: Opens, size: tuple[int, int]) -> None:
    assert opens(html_of("spoken", served=True), size=size).evaluate(SMALL) == []


def test_nothing_moves_for_those_who_asked_for_it(opens: Opens) -> None:
    still = opens(html_of("spoken"), reduced_motion="reduce")
    still.keyboard.press("ArrowDown")
    assert still.evaluate(TURNING) == 0
    moving: Any = opens(html_of("spoken"), reduced_motion="no-preference", name="other.html")
    assert moving.evaluate(TURNING) > 0, "else this would see nothing"
