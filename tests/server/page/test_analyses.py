"""The list and one analysis, live."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from reelscope.api import ErrorBody, Estimate, SourceBrief
from tests.server.page.fake_api import Fake
from tests.server.page.scene import HOSTILE, Opened, comes, document_of, focused, look_now, sees

pytestmark = pytest.mark.system


def test_the_list_lives_and_is_searched_filtered_and_paged(tab: Callable[..., Opened], fake: Fake) -> None:
    for i in range(45):
        fake.end(fake.add(f"clip-{i:02d}.mp4"))
    page = tab()
    page.go()
    rows = page.locator(".row")
    assert comes(page, lambda: rows.count() == 20)
    assert "clip-44.mp4" in rows.nth(0).inner_text()
    page.get_by_role("button", name="Older").click()
    page.get_by_role("button", name="Older").click() if comes(page, lambda: "21–40 of 45" in page.locator(".pages").inner_text()) else None
    assert comes(page, lambda: rows.count() == 5)
    assert page.get_by_role("button", name="Older").get_attribute("aria-disabled") == "true"
    page.get_by_role("button", name="Newer").click()
    assert comes(page, lambda: "21–40 of 45" in page.locator("#said").inner_text())  # else it is told together with what follows
    page.locator("#q").fill("CLIP-07")
    assert comes(page, lambda: rows.count() == 1)
    assert comes(page, lambda: page.locator("#said").inner_text() == "1 analysis")
    live = fake.add("live.mp4")
    fake.texts[live] = "5 tiny habits"
    fake.run(live, 0.1, 40)
    page.locator("#q").fill("")
    assert sees(page, "live.mp4", ".rows")
    row = rows.nth(0)
    row.locator("a").first.focus()
    assert comes(page, lambda: "about 40 s left" in row.inner_text() and "10 %" in row.inner_text())
    fake.run(live, 0.6)
    look_now(page)
    assert comes(page, lambda: "60 %" in row.inner_text() and "no estimate yet" in row.inner_text())
    fake.end(live)
    look_now(page)
    assert comes(page, lambda: "17 of 19 measured, 1 failed" in row.inner_text())
    assert focused(page) == "live.mp4", "a look at the server takes nobody's focus"
    assert row.get_by_role("link", name="Report of live.mp4").get_attribute("href") == f"/analyses/{live}/report"
    page.get_by_role("radio", name="Failed").check()
    assert sees(page, "Nothing matches")
    page.get_by_role("button", name="Show all").click()
    page.locator("#q").fill("tiny HABITS")
    assert comes(page, lambda: rows.count() == 1)
    rows.nth(0).locator("a").first.click()
    assert comes(page, lambda: page.locator("h1").inner_text() == "live.mp4")
    page.get_by_role("link", name="All analyses").click()
    assert comes(page, lambda: rows.count() == 1), "the search is there again"
    assert page.locator("#q").input_value() == "tiny HABITS"
    assert [s for s in page.said if "404" not in s] == []  # its clip is not kept


def test_a_lost_server_is_said_and_found_again(tab: Callable[..., Opened], fake: Fake) -> None:
    fake.end(fake.add("one.mp4"))
    page = tab()
    page.go()
    assert sees(page, "one.mp4")
    page.route("**/analyses*", lambda route: route.abort())
    page.locator("#q").fill("one")
    assert comes(page, lambda: page.locator("#lost").is_visible())
    assert page.locator("#lost").inner_text() == "Connection lost, trying again …"
    assert "one.mp4" in page.locator(".rows").inner_text(), "what is known stays"
    page.unroute("**/analyses*")
    look_now(page)
    assert comes(page, lambda: page.locator("#lost").is_hidden())


def test_an_analysis_is_watched_to_its_report(tab: Callable[..., Opened], fake: Fake) -> None:
    id = fake.add("clip.mp4", estimate=Estimate(seconds=None, jobs_ahead=1, basis="no clip was analysed here yet"))
    fake.documents[id] = document_of(
        age_estimation={
            "status": "unavailable",
            "code": "no_backend",
            "reason": "the model is not in the store",
            "hint": "reelscope models pull age-utkface",
        }
    )
    page = tab()
    page.go(f"#/a/{id}")
    assert sees(page, "Waiting in the queue")
    assert sees(page, "1 clip ahead · no estimate yet (no clip was analysed here yet)")
    page.evaluate(
        "const place = document.getElementById('said'); window.told = [];"
        "new MutationObserver(() => told.push(place.textContent)).observe(place, {childList: true})"
    )
    fake.run(id, 0.3, 40, cut_analysis="ok")
    bar = page.locator("main [role=progressbar]")
    assert comes(page, lambda: bar.get_attribute("aria-valuenow") == "30")
    assert sees(page, "about 40 s left (from 12 earlier clips)")
    for words in ("25 percent", "clip.mp4: Running"):  # each stands only until the next is told
        assert comes(page, lambda words=words: words in page.evaluate("told.join()")), words
    assert "Cuts and shots\nMeasured\n1.5 s" in page.locator(".meters").inner_text()
    page.evaluate("told.length = 0")
    for share in (0.31, 0.33, 0.36, 0.4, 0.5):
        fake.run(id, share)
        assert comes(page, lambda share=share: bar.get_attribute("aria-valuenow") == str(round(share * 100)))
    assert comes(page, lambda: page.evaluate("told.some(Boolean)"))
    assert [t.split(".")[0] for t in page.evaluate("told.filter(Boolean)")] == ["50 percent"], "not every tick is told"
    fake.tell(id, "log", level="warning", message=HOSTILE, analyzer="object_detection")
    assert sees(page, HOSTILE, ".story")
    fake.end(id, started_at=datetime.now(UTC) - timedelta(seconds=10))
    assert sees(page, "reelscope models pull age-utkface")
    assert sees(page, "18 of 19 measured")
    assert comes(page, lambda: page.locator(".story li").count() == 5)
    assert [e.split("\n")[-1] for e in page.locator(".story li").all_inner_texts()] == [
        "Handed in, waits in the queue",
        "Begun by box-1",
        "Watching and listening",
        f"Objects: {HOSTILE}",
        "Done",
    ]
    assert comes(page, lambda: "clip.mp4: Done" in page.locator("#said").inner_text())
    with page.context.expect_page() as popup:
        page.get_by_role("link", name="Open the report, in a new tab").click()
    assert comes(popup.value, lambda: popup.value.locator("h1").inner_text() == "Report")
    assert popup.value.url.endswith(f"/analyses/{id}/report")
    page.locator(".menu summary").click()
    assert page.locator(".menu a").all_inner_texts() == ["Subtitles (SRT)", "Tables (CSV)", "Timeline (EDL)"]
    page.keyboard.press("Escape")
    assert page.locator(".menu a").first.is_hidden()
    assert page.title() == "clip.mp4 · reelscope"


def test_a_broken_stream_goes_on_where_it_broke(tab: Callable[..., Opened], fake: Fake) -> None:
    id = fake.add("clip.mp4")
    fake.run(id, 0.3)
    page = tab()
    page.go(f"#/a/{id}")
    assert sees(page, "30 %")
    fake.down = True
    assert comes(page, lambda: page.locator("#lost").is_visible())
    fake.tell(id, "log", level="info", message="told while nobody listened")
    fake.down = False
    assert sees(page, "Told while nobody listened")
    assert comes(page, lambda: page.locator("#lost").is_hidden())
    assert page.locator(".story li").count() == 4, "no line twice"


def test_cancel_and_delete_are_asked_for_twice(tab: Callable[..., Opened], fake: Fake) -> None:
    id = fake.add("clip.mp4")
    fake.run(id, 0.3)
    page = tab()
    page.go(f"#/a/{id}")
    assert sees(page, "30 %")
    button = page.get_by_role("button", name="Cancel")
    button.focus()
    page.keyboard.press("Enter")
    assert comes(page, lambda: page.locator("dialog").is_visible())
    assert focused(page) == "Keep going", "the harmless answer has the focus"
    page.keyboard.press("Enter")
    assert page.locator("dialog").is_hidden()
    assert focused(page) == "Cancel"
    assert fake.jobs[id].state == "running"

    def click() -> None:  # it takes another click when the page has taken the last answer
        assert comes(page, lambda: button.get_attribute("aria-disabled") is None)
        button.click()

    click()
    page.keyboard.press("Escape")
    assert fake.jobs[id].state == "running"
    click()
    page.get_by_role("button", name="Cancel the analysis").click()
    assert sees(page, "Cancelled", ".kicker")
    assert fake.jobs[id].state == "cancelled"
    assert comes(page, lambda: focused(page) == "clip.mp4")
    page.get_by_role("button", name="Delete").click()
    told = page.locator("dialog").inner_text()
    assert "cannot be undone" in told and "What was corrected stays with the clip" in told
    page.locator("dialog").get_by_role("button", name="Delete").click()
    assert sees(page, "No analyses yet")
    assert fake.jobs == {}
    page.go(f"#/a/{id}")
    assert sees(page, "This analysis is not here")


def test_what_failed_says_why_and_is_tried_again(tab: Callable[..., Opened], fake: Fake) -> None:
    page = tab()
    link = fake.add("a post", source=SourceBrief(kind="url", name="https://x.org/a", url="https://x.org/a"), priority=3)
    fake.end(
        link,
        "failed",
        ErrorBody(code="fetch_failed", message="the post is gone", hint="look whether it plays in a browser", retryable=True),
    )
    page.go(f"#/a/{link}")
    assert sees(page, "The post is gone fetch_failed", ".alert")
    assert "look whether it plays in a browser" in page.locator(".alert").inner_text()
    page.get_by_role("button", name="Try again").click()
    assert comes(page, lambda: len(fake.jobs) == 2 and page.url.endswith(list(fake.jobs)[1]))
    assert (fake.received[0]["request"].url, fake.received[0]["request"].priority) == ("https://x.org/a", 3)
    file = fake.add("film.mp4")
    fake.end(file)
    fake.media[file] = ("video/mp4", b"not really a film")
    page.go(f"#/a/{file}")
    page.get_by_role("button", name="Analyse again").click()
    assert sees(page, "film.mp4", ".rows")
    assert comes(page, lambda: len(fake.received) == 2)
    sent = fake.received[1]
    assert (sent["name"], sent["bytes"], sent["request"]) == ("film.mp4", 17, {"priority": 5, "fresh": True})


def test_nothing_is_asked_while_nobody_looks(tab: Callable[..., Opened], fake: Fake) -> None:
    id = fake.add("clip.mp4")
    fake.run(id, 0.3)
    page = tab()
    page.clock.install()
    going: list[Any] = []  # requests on their way
    page.page.on("request", lambda request: going.append(request))
    for end in ("requestfinished", "requestfailed"):
        page.page.on(end, lambda request: request in going and going.remove(request))
    page.go(f"#/a/{id}")
    assert sees(page, "30 %")
    assert sees(page, "Watching and listening", ".story")  # the stream is open
    page.evaluate("Object.defineProperty(document, 'hidden', {value: true, configurable: true})")
    look_now(page)
    assert comes(page, lambda: not going)
    streams = fake.asked.count(f"GET /analyses/{id}/events")
    fake.run(id, 0.6)
    fake.tell(id, "log", level="info", message="told while nobody looked")
    before = len(fake.asked)
    for _ in range(4):  # it looks every three seconds
        page.clock.run_for(5000)
        page.wait_for_timeout(50)
    assert len(fake.asked) == before and not going
    assert "30 %" in page.locator("main").inner_text()
    page.evaluate("Object.defineProperty(document, 'hidden', {value: false, configurable: true})")
    look_now(page)
    assert sees(page, "60 %")
    assert sees(page, "Told while nobody looked")
    assert page.locator(".story li").count() == 4
    assert fake.asked.count(f"GET /analyses/{id}/events") == streams + 1
    assert page.said == []
