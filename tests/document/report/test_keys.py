"""Keys of the whole page: they work wherever the pointer was last, and never take a key from a control that means something by it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from reelscope.document.report import render_report
from tests.document.fixtures import keyframes_of
from tests.document.report.asking import comes
from tests.document.report.conftest import Opens
from tests.document.report.spoken import spoken

if TYPE_CHECKING:
    from playwright.sync_api import Page

pytestmark = pytest.mark.system


def opened(opens: Opens, address: str = "") -> Page:
    document = spoken()
    page = opens(render_report(document, keyframes=keyframes_of(document)), reduced_motion="reduce")
    if address:  # until the page has heard of it: its own listener is before this one
        page.evaluate("(to) => new Promise((done) => { addEventListener('hashchange', done, {once: true}); location.hash = to; })", address)
    return page


def playing(page: Page) -> bool:
    return page.get_by_role("button", name="Pause", exact=True).count() == 1


def test_space_plays_after_a_click_on_any_button(opens: Opens) -> None:
    page = opened(opens)
    page.get_by_role("button", name="Fit", exact=True).click()
    page.keyboard.press("Space")
    assert playing(page)
    page.keyboard.press("Space")
    assert not playing(page)


def test_after_a_click_on_a_bar_the_keys_are_the_pages(opens: Opens) -> None:
    """Who clicked a bar wants to see its moment. Only whoever came into the lanes by keys walks along the bars."""
    page = opened(opens)
    bar = page.get_by_role("button", name="Static, 0:00.00")
    bar.click()
    for pressed, there in (
        ("ArrowDown", "0:02.40"),
        ("ArrowUp", "0:00.00"),
        ("End", "0:24.00"),
        ("Home", "0:00.00"),
        ("ArrowRight", "0:00.03"),
    ):
        page.keyboard.press(pressed)
        assert page.locator("#now-time").inner_text().startswith(there), pressed
        assert bar.evaluate("(bar) => bar === document.activeElement"), pressed
    page.keyboard.press("Space")
    assert playing(page)
    page.keyboard.press("Space")
    page.keyboard.press("Tab")
    page.keyboard.press("Shift+Tab")
    walked = page.evaluate("document.activeElement.matches('.it') && document.activeElement.getAttribute('aria-label')")
    page.keyboard.press("ArrowRight")
    assert walked and page.evaluate("document.activeElement.matches('.it') && document.activeElement.getAttribute('aria-label')") != walked


def test_space_presses_a_button_that_was_reached_by_keys(opens: Opens) -> None:
    page = opened(opens)
    page.get_by_role("button", name="Keys of this page").focus()
    page.keyboard.press("Space")
    assert page.locator("#keys").is_visible() and not playing(page)


def test_a_field_keeps_its_keys(opens: Opens) -> None:
    page = opened(opens)
    page.locator("#shot-find").fill("")
    page.keyboard.type("a k l e")
    assert page.locator("#shot-find").input_value() == "a k l e" and not playing(page)


def test_the_slider_keeps_its_arrows_and_space_plays(opens: Opens) -> None:
    page = opened(opens, "#t=5")
    page.locator("#scrub").focus()
    page.keyboard.press("Home")
    assert page.locator("#now-time").inner_text().startswith("0:00.00")
    page.keyboard.press("Space")
    assert playing(page)


def test_a_link_to_a_moment_opens_there(opens: Opens) -> None:
    page = opened(opens, "#t=12.3")
    assert page.locator("#now-time").inner_text().startswith("0:12.30")


@pytest.mark.parametrize("address", ["#t=-3", "#t=abc", "#t=", "#t=1e9", "#t=99999"])
def test_a_link_to_nowhere_does_no_harm(opens: Opens, address: str) -> None:
    page = opened(opens, address)
    assert page.locator("#now-time").inner_text().split()[0] in ("0:00.00", "0:01.00", "0:24.00")


def test_all_keys_are_told(opens: Opens) -> None:
    page = opened(opens)
    page.keyboard.press("?")
    for words in ("Play or pause", "A frame back", "The next shot", "Copy a link to this moment"):
        assert comes(page, lambda words=words: words in page.locator("#keys").inner_text()), words
    page.keyboard.press("Escape")
    assert not page.locator("#keys").is_visible()
