"""Handing in: files with progress, links, drops; what is refused says why, and is tried again when the server says."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest

from reelscope.api import ErrorBody
from tests.server.page.fake_api import Fake
from tests.server.page.scene import AT, HOSTILE, Opened, comes, focused, sees

pytestmark = pytest.mark.system


def test_nothing_there_yet_says_what_to_do(tab: Callable[..., Opened], fake: Fake) -> None:
    page = tab()
    page.go()
    assert sees(page, "No analyses yet")
    assert "Drop a clip here, or paste a link. Everything stays on this machine." in page.locator("main").inner_text()
    assert page.locator("#q").is_hidden()
    assert page.said == []


def test_files_are_uploaded_with_progress_and_can_be_cancelled(tab: Callable[..., Opened], fake: Fake, tmp_path: Path) -> None:
    page = tab()
    page.go()
    fake.slow_upload = threading.Event()
    names = ["one.mp4", "two.mp4", "three.mp4", "empty.mp4"]
    for name in names:
        (tmp_path / name).write_bytes(b"" if name == "empty.mp4" else b"x" * 6_000_000)
    page.locator(".options summary").click()
    page.locator("#tier").select_option("compact")
    page.locator("#priority").select_option("1")
    page.get_by_text("Compute anew").click()
    assert sees(page, "Age", ".options ul")
    page.get_by_role("button", name="None").click()
    page.locator(".options input[value=age_estimation]").check()
    assert page.locator(".options summary").inner_text().split("\n")[-1] == "1 analyzer, tier compact, priority 1, computed anew"
    page.locator("input[type=file]").set_input_files([tmp_path / name for name in names])
    assert "“empty.mp4” is empty" in page.locator("#links-wrong").inner_text()
    rows = page.locator(".upload")
    assert rows.count() == 3
    assert comes(page, lambda: "%" in rows.nth(0).inner_text())
    assert rows.nth(0).locator("[role=progressbar]").get_attribute("aria-label") == "Sending one.mp4"
    assert "Waits for its turn" in rows.nth(2).inner_text(), "two at a time"
    assert page.locator("#uploading").inner_text() == "3"
    page.get_by_role("button", name="Cancel two.mp4").click()
    assert comes(page, lambda: rows.count() == 2 and "%" in rows.nth(1).inner_text()), "the next one begins"
    fake.slow_upload.set()
    assert sees(page, "three.mp4", ".rows")
    assert sees(page, "one.mp4", ".rows")
    asked = {"tier": "compact", "priority": 1, "fresh": True, "analyzers": ["age_estimation"]}
    assert sorted((r["name"], r["bytes"], r["request"] == asked) for r in fake.received) == [
        ("one.mp4", 6_000_000, True),
        ("three.mp4", 6_000_000, True),
    ]
    assert comes(page, lambda: rows.count() == 0), "what stands in the list stands here no more"
    assert page.said == []


def test_a_clip_is_dropped_anywhere(tab: Callable[..., Opened], fake: Fake) -> None:
    page = tab()
    page.go()
    page.evaluate("""() => { window.moved = new DataTransfer(); moved.items.add(new File(['abc'], 'dropped.mp4', {type: 'video/mp4'}));
      document.querySelector('.foot').dispatchEvent(new DragEvent('dragenter', {dataTransfer: moved, bubbles: true})); }""")
    assert page.locator("#veil").is_visible()
    page.evaluate(
        "document.querySelector('.foot').dispatchEvent(new DragEvent('drop', {dataTransfer: moved, bubbles: true, cancelable: true}))"
    )
    assert page.locator("#veil").is_hidden()
    assert sees(page, "dropped.mp4", ".rows")
    assert (fake.received[0]["name"], fake.received[0]["bytes"]) == ("dropped.mp4", 3)


def test_links_are_pasted_several_at_once(tab: Callable[..., Opened], fake: Fake) -> None:
    page = tab()
    page.go()
    box = page.locator("#links")
    page.get_by_role("button", name="Analyse", exact=True).click()
    assert "Paste a link first" in page.locator("#links-wrong").inner_text()
    box.fill("ftp://x.org/a.mp4")
    box.press("Enter")
    assert "is not an address of the web" in page.locator("#links-wrong").inner_text()
    assert box.get_attribute("aria-invalid") == "true"
    box.fill("https://vm.tiktok.com/ZM1/\nyoutube.com/shorts/abc  https://vm.tiktok.com/ZM1/")
    box.press("Enter")
    assert sees(page, "youtube.com/shorts/abc", ".rows")
    assert comes(page, lambda: len(fake.received) == 2)
    assert sorted(r["request"].url for r in fake.received) == ["https://vm.tiktok.com/ZM1/", "https://youtube.com/shorts/abc"]
    assert box.input_value() == ""
    assert focused(page) == "links"
    assert page.said == []


def test_a_refusal_that_passes_is_tried_again_when_the_server_says(tab: Callable[..., Opened], fake: Fake) -> None:
    page = tab()
    page.clock.install(time=AT)
    page.go()
    page.clock.pause_at(AT + timedelta(hours=1))  # the wait is as long as the test wants to look at it
    busy = ErrorBody(code="queue_full", message="the queue is full", hint="hand it in again later", retryable=True)
    fake.refusals = [(503, busy, 600)]
    page.locator("#links").fill("https://example.org/a.mp4")
    page.locator("#links").press("Enter")
    assert sees(page, "Tried again in", ".uploads")
    assert "the queue is full" in page.locator(".uploads").inner_text()
    assert "hand it in again later" in page.locator(".uploads").inner_text()
    page.clock.run_for(599_000)
    assert sees(page, "Tried again in 1.0 s", ".uploads")
    assert len(fake.received) == 1, "asked before the server said"
    page.clock.run_for(2_000)
    assert sees(page, "example.org/a.mp4", ".rows")
    assert len({r["key"] for r in fake.received}) == 1 and len(fake.received) == 2, "the same request has the same key"
    assert len([s for s in page.said if "503" not in s]) == 0


def test_a_refusal_for_good_says_why_and_what_to_do(tab: Callable[..., Opened], fake: Fake, tmp_path: Path) -> None:
    page = tab()
    page.go()
    (tmp_path / "big.mp4").write_bytes(b"x")
    fake.refusals = [(413, ErrorBody(code="too_large", message=HOSTILE, hint="at most 500 MiB"), None)]
    page.locator("input[type=file]").set_input_files(tmp_path / "big.mp4")
    assert sees(page, "at most 500 MiB", ".uploads")
    assert HOSTILE in page.locator(".uploads").inner_text()
    assert page.get_by_role("button", name="Try again: big.mp4").count() == 0
    page.get_by_role("button", name="Dismiss big.mp4").click()
    assert page.locator(".upload").count() == 0
    assert page.title() == "Analyses · reelscope"
