"""Ten tasks of an editor, each in at most two actions: at a desk and on a phone, light and dark, by pointer and by keys alone."""

from __future__ import annotations

from typing import Any

import pytest

from reelscope.document.report import render_report
from tests.document.fixtures import jpeg
from tests.document.report.asking import comes
from tests.document.report.conftest import DESKTOP, PHONE, Opens
from tests.document.report.spoken import spoken
from tests.document.report.tasks import MOST_ACTIONS, TASKS, Hand, Task

pytestmark = pytest.mark.system

LOOKS = [(size, scheme) for size in (DESKTOP, PHONE) for scheme in ("light", "dark")]
GRANTED = {"permissions": ["clipboard-read", "clipboard-write"], "reduced_motion": "reduce"}
STANDS_IN = "() => { window.print = () => { window.printed = (window.printed ?? 0) + 1; }; }"  # for the browser's dialog


@pytest.fixture(scope="module")
def html() -> str:
    document = spoken()
    pictures = {s.keyframe: jpeg(90, 160, (40 * (i % 6), 90, 120), (20, 20, 30)) for i, s in enumerate(document.shots) if s.keyframe}
    return render_report(document, keyframes=pictures)


def test_there_are_ten() -> None:
    assert len({task.name for task in TASKS}) == len(TASKS) == 10


def fresh(opens: Opens, html: str, size: tuple[int, int], scheme: str) -> Any:
    page = opens(html, size=size, scheme=scheme, has_touch=size == PHONE, is_mobile=size == PHONE, **GRANTED)
    page.evaluate(STANDS_IN)
    return page


@pytest.mark.parametrize("by", ["pointer", "keys"])
@pytest.mark.parametrize(("size", "scheme"), LOOKS, ids=[f"{size[0]} {scheme}" for size, scheme in LOOKS])
@pytest.mark.parametrize("task", TASKS, ids=[task.name for task in TASKS])
def test_a_task_takes_two_actions_at_most(opens: Opens, html: str, task: Task, size: tuple[int, int], scheme: str, by: str) -> None:
    page = fresh(opens, html, size, scheme)
    assert page.evaluate("matchMedia('(prefers-color-scheme: dark)').matches") == (scheme == "dark")
    hand = Hand(page, touch=size == PHONE)
    (task.pointer if by == "pointer" else task.keys)(hand)
    assert task.done(page), f"{task.name}: not done after {hand.actions} actions"
    assert 1 <= hand.actions <= MOST_ACTIONS


def test_what_else_is_near_at_hand(opens: Opens, html: str) -> None:
    page = fresh(opens, html, DESKTOP, "light")
    for key in ("ArrowDown", "c"):
        page.keyboard.press(key)
    assert comes(page, lambda: page.evaluate("navigator.clipboard.readText()").startswith("Shot 2, "))
    for key in ("/", *"camera", "Enter"):
        page.keyboard.press(key)
    assert page.locator("#now-time").inner_text() == "0:07.27", "the first shot that is found"
    chips = page.locator(".chip")
    page.keyboard.press("Escape")
    page.keyboard.press("Tab")
    page.keyboard.press("End")
    assert chips.last.evaluate("chip => chip === document.activeElement")
    page.keyboard.press("Tab")
    assert not page.evaluate("document.activeElement.matches('.chip')"), "all chips are one stop"


def test_a_lane_is_shown_alone_and_all_come_back(opens: Opens, html: str) -> None:
    page = fresh(opens, html, DESKTOP, "light")
    lanes = page.locator(".lane:visible h3")
    before = lanes.all_text_contents()
    page.get_by_role("button", name="Move or hide the lane Words").click()
    page.get_by_role("menuitem", name="Show only this lane").click()
    assert lanes.all_text_contents() == ["Words"] and len(before) > 8
    page.locator(".lanes-open").click()
    page.get_by_role("button", name="Show all").click()
    assert lanes.all_text_contents() == before
