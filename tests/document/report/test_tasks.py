"""Ten tasks of an editor, each in at most two actions: at a desk and on a phone, light and dark, by pointer and by keys alone."""

from __future__ import annotations

from typing import Any

import pytest

from reelscope.document.report import render_report
from tests.document.fixtures import jpeg
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
