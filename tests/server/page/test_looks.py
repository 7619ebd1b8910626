"""Every view at three widths, light and dark: quiet console, legible, named, reached by keyboard, nothing scrolls sideways."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.server.page.fake_api import Fake
from tests.server.page.scene import DESKTOP, PHONE, TABLET, Opened, comes, filled, focused, probe, sees

pytestmark = pytest.mark.system

VIEWS = {"list": "#/", "done": "#/a/{done}", "failed": "#/a/{failed}", "running": "#/a/{running}", "monitor": "#/monitor"}


READY = {
    "list": "older-0.mp4",
    "done": "Across analyzers",
    "failed": "hand in a clip with pictures",
    "running": "Watching and listening",
    "monitor": "whisper-base",
}


@pytest.mark.parametrize(
    ("size", "scheme"), [(PHONE, "light"), (PHONE, "dark"), (TABLET, "light"), (DESKTOP, "light"), (DESKTOP, "dark")], ids=lambda p: str(p)
)
def test_every_view_is_quiet_legible_and_named(tab: Callable[..., Opened], fake: Fake, size: tuple[int, int], scheme: str) -> None:
    ids = filled(fake)
    page = tab(size, scheme)
    for view, hash in VIEWS.items():
        page.go(hash.format(**ids))
        assert sees(page, READY[view]), view
        if view == "list":
            page.locator(".options summary").click()
            assert sees(page, "there is no GPU to use", ".options")
        if view == "done":
            assert comes(page, lambda: page.locator(".player p").all_inner_texts() == ["The server keeps this clip no longer."])
        page.evaluate("document.getAnimations().forEach(a => a.cancel())")
        assert probe(page, "contrast") == [], view
        assert probe(page, "names") == [], view
        assert probe(page, "odd") == {"h1": 1, "mains": 1, "twice": [], "skipped": [], "lost": []}, view
        assert page.evaluate("() => { scrollTo(10000, 0); const x = scrollX; scrollTo(0, 0); return x; }") == 0, view
        if size == PHONE:
            assert probe(page, "small") == [], view
        assert page.title().endswith("reelscope"), "a clip's title runs as a script"
    noise = [s for s in page.said if "404" not in s]  # the clip of the finished one is not kept
    assert noise == []


def test_who_wants_no_motion_sees_none(tab: Callable[..., Opened], fake: Fake) -> None:
    ids = filled(fake)
    page = tab(reduced_motion="reduce")
    for hash in ("#/", f"#/a/{ids['running']}"):
        page.go(hash)
        assert sees(page, "38 s left")
        assert page.evaluate("document.getAnimations().length") == 0


def test_everything_is_reached_by_keyboard(tab: Callable[..., Opened], fake: Fake) -> None:
    ids = filled(fake)
    page = tab()
    page.go()
    assert sees(page, "runs.mp4")
    page.keyboard.press("Tab")
    assert focused(page) == "Skip to the content"
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "main"
    assert page.url.endswith("#/"), "the way is not lost by skipping"
    reached = []
    for _ in range(12):
        page.keyboard.press("Tab")
        reached.append(focused(page))
        assert page.evaluate("document.activeElement.matches(':focus-visible')"), reached[-1]
    assert reached[:3] == ["Choose clips", "links", "Analyse"]
    assert reached[3].startswith("Options")
    assert reached[4] == "q"
    assert reached[6:9] == ["runs.mp4", "waits.mp4", "stopped.mp4"], "one stop for the filter, then a row each"
    page.locator("#q").focus()
    page.keyboard.press("Tab")
    for _ in range(4):
        page.keyboard.press("ArrowRight")
    assert comes(page, lambda: page.locator(".row h3").all_inner_texts() == ["broken.mp4"]), "arrows choose among the states"
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    assert comes(page, lambda: page.locator("h1").inner_text() == "broken.mp4")
    assert focused(page) == "broken.mp4" or comes(page, lambda: focused(page) == "broken.mp4"), "the focus goes to the new view's heading"
    page.keyboard.press("Tab")
    assert focused(page) == "Try again"
    page.keyboard.press("Shift+Tab")
    page.keyboard.press("Enter")
    assert sees(page, "Take a clip apart")
    page.go(f"#/a/{ids['done']}")
    assert comes(page, lambda: page.locator(".menu").count() == 1)
    page.locator(".menu summary").focus()
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    assert focused(page) == "Subtitles (SRT)"
    page.keyboard.press("Escape")
    assert focused(page) == "Export"
