"""A browser for the tests of pages that open from disk, and the rules of accessibility run in it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.browser import PATIENT_MS, chromium

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

DESKTOP, PHONE = (1440, 900), (390, 844)

Opens = Callable[..., "Page"]


@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    with chromium("--autoplay-policy=no-user-gesture-required") as found:
        yield found


@pytest.fixture
def opens(browser: Browser, tmp_path: Path) -> Iterator[Opens]:
    """Opens an HTML text from disk in a tab of its own; what the console said and what was asked of a network fails the test at its end."""
    contexts, said, asked = [], [], []

    def open_html(html: str, *, size: tuple[int, int] = DESKTOP, scheme: str = "light", name: str = "report.html", **more: Any) -> Page:
        path = tmp_path / name
        path.write_text(html, encoding="utf-8")
        context = browser.new_context(viewport={"width": size[0], "height": size[1]}, color_scheme=scheme, **more)  # type: ignore[arg-type]
        contexts.append(context)
        context.set_default_timeout(PATIENT_MS)
        page = context.new_page()
        page.on("console", lambda message: said.append(f"{message.type}: {message.text}"))
        page.on("pageerror", lambda error: said.append(str(error)))
        page.on("request", lambda request: asked.append(request.url) if not request.url.startswith(("file:", "data:", "blob:")) else None)
        page.goto(path.as_uri())
        return page

    yield open_html
    for context in contexts:
        context.close()
    assert (said, asked) == ([], [])


AA = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]


def violations(page: Page) -> list[str]:
    """What axe finds against WCAG 2.2 AA: rule, element, and what is wrong."""
    from axe_playwright_python.sync_playwright import Axe

    found = Axe().run(page, options={"runOnly": {"type": "tag", "values": AA}}).response["violations"]
    return [f"{rule['id']}: {node['target']}: {node['failureSummary']}" for rule in found for node in rule["nodes"]]
