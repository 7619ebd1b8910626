"""The page against `reelscope serve` itself: a clip from its upload to its report, with a real worker."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.browser import PATIENT_MS
from tests.server.conftest import Served
from tests.server.page.scene import Opened, comes, focused, look_now, sees
from tests.server.places import CHEAP, small_clip

if TYPE_CHECKING:
    from playwright.sync_api import Browser

pytestmark = pytest.mark.system


def test_a_clip_from_its_upload_to_its_report(browser: Browser, serve: Callable[..., Served], tmp_path: Path) -> None:
    server = serve("--workers", "1")
    server.ready()
    clip = small_clip(tmp_path)
    context = browser.new_context(viewport={"width": 1300, "height": 900})
    context.set_default_timeout(PATIENT_MS)
    page = Opened(context.new_page(), server.url.rstrip("/"))
    page.page.on("console", lambda message: page.said.append(f"{message.type}: {message.text}"))
    page.page.on("pageerror", lambda error: page.said.append(str(error)))
    page.go()
    assert sees(page, "No analyses yet")
    page.locator(".options summary").click()
    assert comes(page, lambda: page.locator(".options li").count() == 19)
    page.get_by_role("button", name="None").click()
    for name in CHEAP:
        page.locator(f".options input[value={name}]").check()
    page.locator("input[type=file]").set_input_files(clip)
    assert sees(page, clip.name, ".rows")
    page.locator(".row a").first.click()
    assert comes(page, lambda: page.locator("h1").inner_text() == clip.name)
    assert sees(page, "Done", ".kicker"), page.locator("main").inner_text()
    assert sees(page, f"{len(CHEAP)} of {len(CHEAP)} measured, {19 - len(CHEAP)} not asked for")
    assert page.locator(".story li").last.inner_text().endswith("Done")
    assert comes(page, lambda: page.locator("video").evaluate("v => v.readyState > 0 || v.error?.code"))
    assert page.locator("video").evaluate("v => v.error") is None, "the clip plays from the server"
    with context.expect_page() as popup:
        page.get_by_role("link", name="Open the report, in a new tab").click()
    reports = Opened(popup.value, page.base)
    assert comes(reports, lambda: popup.value.locator("#shots tbody tr").count() > 0)
    video = popup.value.locator("#video")
    assert comes(reports, lambda: video.evaluate("v => v.readyState >= 2 && !v.error")), "it plays under the server's policy"
    video.evaluate("v => { v.currentTime = v.duration / 2; }")
    assert comes(reports, lambda: video.evaluate("v => !v.seeking && v.currentTime > 0")), "ranges let it seek"
    assert popup.value.locator("#no-clip").is_hidden()
    page.get_by_role("link", name="Monitor").click()
    assert comes(page, lambda: page.locator(".worker").count() == 1 and "Ready" in page.locator(".worker").inner_text())
    assert comes(page, lambda: page.locator(".rates tbody tr").count() == len(CHEAP))
    page.get_by_role("link", name="Analyses", exact=True).click()
    page.locator("#q").fill(clip.name.upper())
    assert comes(page, lambda: page.locator(".row").count() == 1)
    page.locator("#q").fill("nowhere to be found")
    assert sees(page, "Nothing matches")
    page.locator("#q").fill("")
    assert comes(page, lambda: page.locator(".row").count() == 1)
    page.locator(".row a").first.click()
    page.get_by_role("button", name="Delete").click()
    page.locator("dialog").get_by_role("button", name="Delete").click()
    assert sees(page, "No analyses yet")
    assert focused(page) == "intake-h", "the heading of the view that follows"
    assert page.said == []
    made = subprocess.run(
        [sys.executable, "-m", "reelscope", "token", "create", "page"], env=server.env, capture_output=True, text=True, check=True
    )
    token = made.stdout.split()[-1]
    assert comes(page, lambda: server.client.get("/analyses").status_code == 401)
    look_now(page)
    assert sees(page, "Access token")
    page.keyboard.type(token)
    page.keyboard.press("Enter")
    assert sees(page, "No analyses yet")
    page.get_by_role("link", name="Monitor").click()
    assert comes(page, lambda: page.locator(".worker").count() == 1), "streams open with the session too"
    page.get_by_role("button", name="Log out").click()
    assert sees(page, "Access token")
    assert [s for s in page.said if "401" not in s] == []
    context.close()
