"""Debian's Chromium for the tests that want a browser."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

from tests.conftest import debian_program

if TYPE_CHECKING:
    from playwright.sync_api import Browser

__all__ = ["ARGS", "PATIENT_MS", "chromium"]

PATIENT_MS = 120_000  # for what a browser is asked to do: a busy machine may hold it up for long, and only a hang reaches this

ARGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
)


@contextmanager
def chromium(*more: str) -> Iterator[Browser]:
    """A browser for the length of a block; the test is skipped by name without it, and fails where CI is set. more: arguments."""
    program = debian_program("chromium")
    sync_api = pytest.importorskip("playwright.sync_api")
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=[*ARGS, *more], timeout=PATIENT_MS)
        yield browser
        browser.close()
