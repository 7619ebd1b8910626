"""The monitor view: every part, once a second."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.server.page.fake_api import Fake
from tests.server.page.scene import HOSTILE, Opened, comes, history, sees, snapshot

pytestmark = pytest.mark.system


def test_the_monitor_shows_every_part_and_lives(tab: Callable[..., Opened], fake: Fake) -> None:
    fake.snapshot, fake.history = snapshot(lost=False), history()
    page = tab()
    page.go("#/monitor")
    assert sees(page, "studio-1")
    tiles = dict(zip(page.locator(".glance dt").all_inner_texts(), page.locator(".glance dd:nth-child(2)").all_inner_texts(), strict=True))
    assert tiles == {"Waiting": "7", "Running": "1", "Workers": "1", "Done": "132", "Failed": "3", "Cancelled": "1"}
    studio, laptop = page.locator(".machine").all_inner_texts()
    for text in (
        "63 %",
        "20.8 GiB of 64.0 GiB",
        "29.5 GiB of 32.0 GiB",
        "17.8 GiB free of 500 GiB",
        "GPU 0 · H100",
        "87 %",
        "64 °C",
        "512 W",
    ):
        assert text in studio
    assert "No GPU: no NVIDIA driver" in laptop and "told 12 s ago" in laptop
    assert "CPU\n—" in laptop, "what is not known is no 0"
    worker, gone = page.locator(".worker").all_inner_texts()
    assert HOSTILE in worker and "42 %, for 12 s" in worker and "whisper-base" in worker
    assert page.locator(".jobs a").get_attribute("href") == f"#/a/{'a' * 32}"
    assert "No sign of life for 31 s" in gone
    assert page.locator(".rates tbody tr").first.inner_text().split("\t") == [
        "Objects",
        "15",
        "6.7 %",
        "0.40 s",
        "132",
        "0 %",
        "1.5 s",
        "—",
    ]
    assert page.locator(".models tbody tr").first.inner_text().split("\t") == [
        "whisper-base",
        "studio-1",
        "75 %",
        "3",
        "1",
        "1",
        "0",
        "2.4 s",
    ]
    line = page.locator(".machine .spark path:not(.fill)").first
    assert comes(page, lambda: str(line.get_attribute("d")).count("M") == 2), "the gap of 50 s stays a gap"
    page.locator(".engine summary").first.click()
    fake.snapshot = snapshot(1, queued=9)
    assert comes(page, lambda: page.locator(".glance dd").first.inner_text() == "9")
    assert page.locator(".engine").first.evaluate("e => e.open"), "a tick closes nothing"
    assert "Lost" in page.locator(".gpus").first.inner_text()
    assert comes(page, lambda: "GPU 1 of studio is lost" in page.locator("#said").inner_text())
    fake.snapshot = snapshot(2, queued=9).model_copy(update={"workers": [], "analyzers": [], "models": []})
    assert sees(page, "No worker is there. Clips wait until one starts")
    assert sees(page, "Nothing ran within the hour.")
    page.get_by_role("link", name="Analyses").click()
    assert sees(page, "No analyses yet")
    assert page.said == []
