"""Asking a page from outside until it answers: its own policy forbids Playwright's waiting, which polls by eval."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any

__all__ = ["comes", "told", "wrong_in"]

WITHIN_S = 120.0


def comes(page: Any, what: Callable[[], Any]) -> bool:
    """Whether it becomes true."""
    until = time.monotonic() + WITHIN_S
    while not what():
        if time.monotonic() > until:
            return False
        page.wait_for_timeout(20)
    return True


def told(page: Any, words: str) -> bool:
    """Whether the page comes to say so."""
    return comes(page, lambda: words in page.locator("#said").inner_text())


def wrong_in(page: Any, places: Sequence[str]) -> list[str]:
    """What axe finds against WCAG 2.2 AA in parts of a page."""
    from axe_playwright_python.sync_playwright import Axe

    tags = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]
    include = [[place] for place in places if page.locator(place).count()]
    found = Axe().run(page, context={"include": include}, options={"runOnly": {"type": "tag", "values": tags}}).response["violations"]
    return [f"{rule['id']}: {node['target']}: {node['failureSummary']}" for rule in found for node in rule["nodes"]]
