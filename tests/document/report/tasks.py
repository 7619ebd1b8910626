"""What editors do with a report, each as actions by pointer, as actions by keys, and as what must come of it.

An action is a click or tap, a key, or a word that is typed. Scrolling to a control or reaching it with Tab is finding it and no action; but
the stops on the way are counted, and each must show where the focus is.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from tests.document.report.asking import comes

__all__ = ["CHANGED", "MOST_ACTIONS", "MOST_STOPS", "SEES", "TASKS", "Hand", "Task"]

MOST_ACTIONS = 2
MOST_STOPS = 16  # of the Tab key in one task

SEES = """() => {
  const at = document.activeElement, style = getComputedStyle(at), box = at.getBoundingClientRect();
  if (at === document.body) return "nothing has the focus";
  const name = `${at.tagName} ${at.getAttribute("aria-label") ?? at.textContent.trim().slice(0, 40)}`;
  if (!at.matches(":focus-visible")) return `${name}: the focus is not marked`;
  if (style.outlineStyle === "none" || parseFloat(style.outlineWidth) < 2) return `${name}: no outline`;
  const shown = (x, y) => { const top = document.elementFromPoint(x, y); return top !== null && (at.contains(top) || top.contains(at)); };
  const inside = (low, high, most) => (Math.max(low, 0) + Math.min(high, most)) / 2;
  const x = inside(box.left, box.right, innerWidth);
  if (shown(x, inside(box.top, box.bottom, innerHeight)) || shown(x, box.top + 2) || shown(x, box.bottom - 2)) return "";
  return `${name}: covered or out of sight (${Math.round(box.top)} to ${Math.round(box.bottom)} of ${innerHeight})`;
}"""
"""What is wrong with how the focus is shown; "" where nothing is."""


class Hand:
    """Somebody's hand on the page, by pointer or by keys; counts what it does."""

    def __init__(self, page: Any, *, touch: bool = False) -> None:
        self.page, self.touch = page, touch
        self.actions = self.stops = 0

    def press(self, target: Any) -> None:
        self.actions += 1
        if self.touch:  # the browser makes a click of it a little later
            self.page.evaluate("() => { tapped = false; addEventListener('click', () => { tapped = true; }, {capture: true, once: true}) }")
            target.tap()
            assert comes(self.page, lambda: self.page.evaluate("tapped")), "the tap came to no click"
        else:
            target.click()

    def key(self, name: str) -> None:
        self.actions += 1
        self.page.keyboard.press(name)

    def word(self, text: str) -> None:
        self.actions += 1
        self.page.keyboard.type(text)

    def reach(self, target: Any) -> None:
        """Tab until it has the focus."""
        wanted = target.element_handle()
        while not self.page.evaluate("(wanted) => document.activeElement === wanted", wanted):
            self.stops += 1
            assert self.stops <= MOST_STOPS, f"{MOST_STOPS} stops of the Tab key do not reach it"
            self.page.keyboard.press("Tab")
            wrong = self.page.evaluate(SEES)
            assert not wrong, wrong

    def enter(self, target: Any) -> None:
        self.reach(target)
        self.key("Enter")


Deed = Callable[[Hand], None]


@dataclass(frozen=True, slots=True)
class Task:
    """pointer and keys do it; done tells whether it is done."""

    name: str
    pointer: Deed
    keys: Deed
    done: Callable[[Any], bool]


def _button(hand: Hand, name: str, inside: str = "body") -> Any:
    return hand.page.locator(inside).get_by_role("button", name=name, exact=True)


def _section(hand: Hand, name: str) -> Any:
    return hand.page.locator(".bar-links").get_by_role("link", name=name, exact=True)


def _two(section: str, find: Callable[[Hand], Any]) -> tuple[Deed, Deed]:
    """To a section, then what stands there."""

    def pointer(hand: Hand) -> None:
        hand.press(_section(hand, section))
        hand.press(find(hand))

    def keys(hand: Hand) -> None:
        hand.enter(_section(hand, section))
        hand.enter(find(hand))

    return pointer, keys


def _is_at(seconds: float) -> Callable[[Any], bool]:
    wanted = f"0:{seconds:05.2f}"
    return lambda page: comes(page, lambda: page.locator("#now-time").inner_text() == wanted)


def _pasted(page: Any) -> str:
    return str(page.evaluate("navigator.clipboard.readText()"))


def _copied(what: Callable[[str], bool]) -> Callable[[Any], bool]:
    return lambda page: comes(page, lambda: what(_pasted(page)))


# ---- one: the first word of the hook ----

FIRST_WORD_S = 0.6


def _first_word_is_shown(page: Any) -> bool:
    return _is_at(FIRST_WORD_S)(page) and comes(page, lambda: page.locator("#now mark").inner_text() == "Three")


# ---- two: a shot as text ----


def _copy_shot_by_keys(hand: Hand) -> None:
    hand.key("/")
    hand.enter(_button(hand, "Copy shot 4 as text"))


# ---- three: what an app hides ----

CHANGED = """() => {
  const over = document.querySelector("#over"), { width, height } = over, copy = new OffscreenCanvas(width, height);
  const pen = copy.getContext("2d", { willReadFrequently: true }); // reading the canvas itself again and again, Chromium complains
  pen.drawImage(over, 0, 0);
  return pen.getImageData(0, 0, width, height).data.some((value) => value > 0);
}"""
"""Whether anything is drawn over the picture."""


def _tiktok_is_drawn(page: Any) -> bool:
    chip = page.locator("[data-app=tiktok]")
    shown = comes(page, lambda: chip.is_visible() and chip.get_attribute("aria-pressed") == "true")
    return shown and comes(page, lambda: page.evaluate(CHANGED))  # the canvas has its size with the page's first picture


# ---- four: the sheet for the set ----


def _sheet_is_printed(page: Any) -> bool:
    """The dialog was asked for (the test's own print), and what it would print is the sheet and no more, with its pictures."""
    if not comes(page, lambda: page.evaluate("window.printed === 1")):
        return False
    page.emulate_media(media="print")
    loaded = "[...document.querySelectorAll('#reshoot img')].every((image) => image.complete && image.naturalWidth > 0)"
    alone = page.locator("#reshoot").is_visible() and not page.locator("#timeline").is_visible()
    return alone and page.locator("#reshoot .r-row").count() == 8 and page.evaluate(loaded)


# ---- six: a shot again and again ----


SECOND_SHOT_S = 2.4


def _repeat_by_pointer(hand: Hand) -> None:
    hand.press(_button(hand, "The next shot"))
    hand.press(_button(hand, "Repeat the shot"))


def _repeat_by_keys(hand: Hand) -> None:
    hand.key("ArrowDown")
    hand.key("r")


def _second_shot_plays(page: Any) -> bool:
    """It plays, is to be repeated, and has come from the second shot's start."""
    loop, pause = page.locator("#loop"), _button(Hand(page), "Pause")
    on = comes(page, lambda: loop.get_attribute("aria-pressed") == "true" and pause.count() == 1)  # a tap is a click a little later
    plays = comes(page, lambda: page.evaluate("+document.querySelector('#scrub').value") > SECOND_SHOT_S + 0.1)
    return on and plays and comes(page, lambda: page.url.endswith(f"#t={SECOND_SHOT_S}"))


# ---- seven: the close-ups ----


def _find_close_ups_by_keys(hand: Hand) -> None:
    hand.key("/")
    assert hand.page.evaluate(SEES) == ""
    hand.word("close")


def _close_ups_are_left(page: Any) -> bool:
    rows = page.locator("tr.shot:visible .c-size")
    return comes(page, lambda: 0 < rows.count() < 8) and all("Close up" in row for row in rows.all_inner_texts())


# ---- eight: what is missing ----


def _missing(hand: Hand) -> Any:
    return hand.page.locator(".gaps .copy-cmd").first


def _copy_command_by_keys(hand: Hand) -> None:
    hand.enter(hand.page.get_by_role("link", name="Skip to the content"))
    hand.enter(_missing(hand))


TASKS = (
    Task("find the first word of the hook", *_two("Insights", lambda h: _button(h, "word 0:00.60")), _first_word_is_shown),
    Task(
        "copy shot 4 as text",
        _two("Shots", lambda h: _button(h, "Copy shot 4 as text"))[0],
        _copy_shot_by_keys,
        _copied(lambda text: text.startswith("Shot 4, 0:07.27-0:10.80 (3.53 s), enters by dissolve")),
    ),
    Task("see what TikTok hides", lambda h: h.press(_button(h, "Safe zones")), lambda h: h.key("6"), _tiktok_is_drawn),
    Task(
        "print the reshoot sheet",
        _two("Insights", lambda h: _button(h, "Print the reshoot sheet"))[0],
        lambda h: h.key("p"),
        _sheet_is_printed,
    ),
    Task("jump to the loudest moment", *_two("Sound", lambda h: _button(h, "0:10.70", "#sound")), _is_at(10.7)),
    Task("repeat the second shot", _repeat_by_pointer, _repeat_by_keys, _second_shot_plays),
    Task(
        "find the close-ups",
        _two("Shots", lambda h: h.page.locator(".chip[data-value='Close up']"))[0],
        _find_close_ups_by_keys,
        _close_ups_are_left,
    ),
    Task(
        "copy the command that measures what is missing",
        lambda h: h.press(_missing(h)),
        _copy_command_by_keys,
        _copied(lambda text: text.startswith("reelscope ")),
    ),
    Task(
        "share a link to this moment",
        lambda h: h.press(_button(h, "Copy a link to this moment")),
        lambda h: h.key("l"),
        _copied(lambda text: text.startswith("file:") and text.endswith("report.html#t=0")),
    ),
    Task("find a text on the screen", *_two("Text", lambda h: _button(h, "1. Light first", "#text")), _is_at(2.5)),
)
