"""Who is let in."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.server.page.fake_api import Fake
from tests.server.page.scene import Opened, comes, focused, look_now, sees

pytestmark = pytest.mark.system


def test_a_token_opens_a_session(tab: Callable[..., Opened], fake: Fake) -> None:
    fake.token = "right-token"  # noqa: S105 - of the fake
    fake.end(fake.add("secret.mp4"))
    page = tab()
    page.go()
    assert sees(page, "Access token")
    assert comes(page, lambda: focused(page) in ("token", "Token"))
    page.keyboard.press("Enter")
    assert "Paste the token first" in page.locator("#token-wrong").inner_text()
    page.keyboard.type("wrong")
    page.keyboard.press("Enter")
    assert comes(page, lambda: "no such token, or it was revoked" in page.locator("#token-wrong").inner_text())
    assert page.locator("#token").get_attribute("aria-invalid") == "true"
    page.keyboard.type("right-token")  # the wrong one is selected
    page.keyboard.press("Enter")
    assert sees(page, "secret.mp4", ".rows")
    assert page.evaluate("document.cookie") == "", "the session is not for scripts"
    assert "right-token" not in page.evaluate(
        "JSON.stringify(localStorage) + JSON.stringify(sessionStorage) + document.documentElement.outerHTML"
    )
    page.get_by_role("button", name="Log out").click()
    assert sees(page, "Access token")
    assert "secret.mp4" not in page.locator("main").inner_text()
    assert page.locator("#logout").is_hidden()
    assert [s for s in page.said if "401" not in s] == []


def test_a_session_that_ends_asks_again_and_goes_on(tab: Callable[..., Opened], fake: Fake) -> None:
    id = fake.add("clip.mp4")
    page = tab()
    page.go(f"#/a/{id}")
    assert sees(page, "Waiting in the queue")
    fake.token = "new"  # noqa: S105 - of the fake
    look_now(page)
    assert sees(page, "Access token")
    page.keyboard.type("new")
    page.keyboard.press("Enter")
    assert sees(page, "Waiting in the queue")
