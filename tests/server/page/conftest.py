"""A browser for the tests of the page, the server whose answers they set, and tabs."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import pytest

from tests.browser import PATIENT_MS, chromium
from tests.server.page.fake_api import Fake, serving
from tests.server.page.scene import DESKTOP, Opened

if TYPE_CHECKING:
    from playwright.sync_api import Browser


@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    with chromium() as found:
        yield found


@pytest.fixture
def fake() -> Iterator[Fake]:
    fake = Fake()
    with serving(fake) as fake.base:
        yield fake


@pytest.fixture
def tab(browser: Browser, fake: Fake) -> Iterator[Callable[..., Opened]]:
    contexts = []

    def open_tab(size: tuple[int, int] = DESKTOP, scheme: str = "light", **more: Any) -> Opened:
        context = browser.new_context(viewport={"width": size[0], "height": size[1]}, color_scheme=scheme, **more)  # type: ignore[arg-type]
        contexts.append(context)
        context.set_default_timeout(PATIENT_MS)
        opened = Opened(context.new_page(), fake.base)
        opened.page.on("console", lambda message: opened.said.append(f"{message.type}: {message.text}"))
        opened.page.on("pageerror", lambda error: opened.said.append(str(error)))
        return opened

    yield open_tab
    for context in contexts:
        context.close()
