"""Mending in the served report, in a browser against the real application: what is saved, shown, taken back, and what is refused."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import pytest
import uvicorn

from reelscope.config import Settings
from reelscope.document.schema import Document
from reelscope.server.app import create_app
from reelscope.server.jobs import Made
from tests.browser import PATIENT_MS
from tests.document.fixtures import keyframes_of
from tests.document.report.spoken import spoken
from tests.server.places import until

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

pytestmark = pytest.mark.system

PATIENT: Any = {"trust_env": False, "timeout": PATIENT_MS / 1000}


@dataclass
class Place:
    """A server with one finished analysis."""

    url: str
    id: str

    def correct(self, *edits: dict[str, Any], author: str) -> None:
        answer = httpx.post(f"{self.url}/analyses/{self.id}/corrections", json={"edits": [*edits], "author": author}, **PATIENT)
        assert answer.status_code == 201, answer.text

    def document(self, *, corrected: bool = False) -> Document:
        answer = httpx.get(f"{self.url}/analyses/{self.id}/document", params={"corrected": "true"} if corrected else {}, **PATIENT)
        return Document.model_validate(answer.json())


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    roots = tmp_path / "roots"
    roots.mkdir()
    server = {"workers": 0, "min_free_disk_mib": 0, "requests_per_minute": 1_000_000, "roots": [str(roots)]}
    app = create_app(Settings.model_validate({"system": {"data_dir": str(tmp_path / "data")}, "server": server}))
    serving = uvicorn.Server(uvicorn.Config(app, host="127.0.0.1", port=0, log_level="warning"))
    thread = threading.Thread(target=serving.run)
    thread.start()
    try:
        until(lambda: serving.started, lambda: "the server did not start")
        url = f"http://127.0.0.1:{serving.servers[0].sockets[0].getsockname()[1]}"
        (roots / "clip.mp4").write_bytes(b"\x00\x00\x00\x18ftypmp42" + bytes(range(256)) * 40)
        accepted = httpx.post(f"{url}/analyses", json={"path": str(roots / "clip.mp4")}, **PATIENT)
        yield Place(url, _finished(app, accepted.json()["id"]))
    finally:
        serving.should_exit = True
        thread.join()


def _finished(app: Any, id: str) -> str:
    """The job is done, with the document of `spoken`."""
    parts, document = app.state.parts, spoken()
    claim = parts.jobs.claim(id, "w1")
    files = {"analysis.json": parts.blobs.put_bytes(document.model_dump_json().encode())}
    files |= {name: parts.blobs.put_bytes(data) for name, data in keyframes_of(document).items()}
    made = Made(
        files=files, title="clip.mp4", clip_sha256=document.source.sha256, duration_s=24.0, seconds=1.5, ok=3, failed=0, unavailable=2,
        search_text="clip.mp4",
    )  # fmt: skip
    assert parts.jobs.finish(claim, made)
    return id


@pytest.fixture
def report(browser: Browser, place: Place) -> Iterator[Callable[..., Page]]:
    contexts, said = [], []

    def open_report(**more: Any) -> Page:
        context = browser.new_context(viewport={"width": 1440, "height": 900}, reduced_motion="reduce", **more)
        contexts.append(context)
        context.set_default_timeout(PATIENT_MS)
        page = context.new_page()
        page.on("console", lambda message: said.append(f"{message.type}: {message.text}"))
        page.on("pageerror", lambda error: said.append(str(error)))
        page.goto(f"{place.url}/analyses/{place.id}/report")
        return page

    yield open_report
    for context in contexts:
        context.close()
    assert [line for line in said if "Failed to load resource" not in line] == []


def mend(page: Page, now: str, *, author: str | None = "Ada") -> None:
    """Fill the form that is open, and save it; the page is shown anew."""
    field = page.locator("#mend-now")
    field.wait_for()
    if author is not None:
        page.get_by_label("Your name").fill(author)
    if field.evaluate("e => e.tagName") == "SELECT":
        field.select_option(now)
    else:
        field.fill(now)
    with page.expect_navigation():
        page.get_by_role("button", name="Save").click()


def test_a_word_is_mended_and_the_measurement_stays(place: Place, report: Callable[..., Page]) -> None:
    page = report()
    page.keyboard.press("e")
    page.locator(".w", has_text="nobody").click()
    mend(page, "somebody")
    word = page.locator(".w", has_text="somebody")
    word.wait_for()
    assert "corrected by Ada" in (word.get_attribute("title") or "") and "nobody" in (word.get_attribute("title") or "")
    measured, shown = place.document(), place.document(corrected=True)
    assert "nobody" in measured.analyzers["speech_transcription"].segments[0].text  # type: ignore[attr-defined]
    assert "somebody" in shown.analyzers["speech_transcription"].segments[0].text  # type: ignore[attr-defined]
    subtitles = httpx.get(f"{place.url}/analyses/{place.id}/export/srt", params={"file": "speech.srt"}, **PATIENT).text
    assert "somebody" in subtitles and "nobody" not in subtitles


def test_it_is_taken_back(place: Place, report: Callable[..., Page]) -> None:
    page = report()
    page.keyboard.press("e")
    page.locator(".w", has_text="nobody").click()
    mend(page, "somebody")
    page.locator(".w", has_text="somebody").click()
    page.locator("#mend-history li", has_text="“nobody” became “somebody”").wait_for()
    assert re.search(r"Ada, \d{4}-\d\d-\d\d at \d\d:\d\d UTC", page.locator("#mend-history li").inner_text())  # as the marks have it
    page.get_by_label("Your name").fill("")
    page.get_by_role("button", name="Take back").click()
    page.locator("#mend-failed", has_text="Please give your name.").wait_for()
    page.get_by_label("Your name").fill("Ben")
    with page.expect_navigation():
        page.get_by_role("button", name="Take back").click()
    page.locator(".w", has_text="nobody").wait_for()


def test_a_speaker_is_named_in_the_whole_clip(place: Place, report: Callable[..., Page]) -> None:
    page = report()
    page.keyboard.press("e")
    page.locator(".who span", has_text="Speaker 1").first.click()
    mend(page, "Ada Lovelace")
    page.locator(".who", has_text="Ada Lovelace").first.wait_for()
    assert page.locator(".who", has_text="Ada Lovelace").count() == 3 and page.locator(".who", has_text="Speaker 2").count() == 1


def test_only_what_was_mended_at_a_place_is_told_there(place: Place, report: Callable[..., Page]) -> None:
    def told(selector: str, text: str = "") -> list[str]:
        page.locator(selector, has_text=text).first.click()
        page.locator("#mend-now").wait_for()
        rows = [row.partition("”A")[0] for row in page.locator("#mend-history li span").all_text_contents()]
        page.keyboard.press("Escape")
        return rows

    for edit in (
        {"kind": "speaker", "was": 0, "now": "Grace"},
        {"kind": "word", "start_s": 0.0, "end_s": 9.0, "was": "nobody", "now": "hardly any body"},
        {"kind": "shot", "field": "transition", "start_s": place.document().shots[1].start_s, "end_s": place.document().shots[1].end_s,
         "was": "cut", "now": "fade"},
    ):  # fmt: skip
        answer = httpx.post(f"{place.url}/analyses/{place.id}/corrections", json={"edits": [edit], "author": "Ada"}, **PATIENT)
        assert answer.status_code == 201, answer.text
    page = report()
    page.keyboard.press("e")
    assert len(told(".who span", "Grace")) == 1 and told(".who span", "Speaker 2") == []
    assert len(told(".w", "hardly")) == 1 and len(told(".w", "body")) == 1
    assert len(told("#shot-1 [data-mend]", "Fade")) == 1
    page.locator(".who span", has_text="Grace").first.click()
    page.locator("#mend-now").wait_for()
    assert page.locator("#mend-now").input_value() == "Grace"


def test_a_shot_has_a_choice_of_values(place: Place, report: Callable[..., Page]) -> None:
    page = report()
    page.keyboard.press("e")
    row = page.locator("#shot-1")
    row.locator(".c-size [data-mend]").click()
    page.locator("select#mend-now").wait_for()
    mend(page, "medium_long")
    page.locator("#shot-1 .c-size", has_text="Medium long").wait_for()
    assert place.document(corrected=True).shots[1].size == "medium_long" != place.document().shots[1].size


def test_a_bar_of_the_timeline_is_mended_and_kept(place: Place, report: Callable[..., Page]) -> None:
    page = report()
    page.keyboard.press("e")
    lane = page.locator(".lane.can-mend[data-analyzer=object_detection]")
    bar = lane.locator(".it").first
    label = (bar.get_attribute("aria-label") or "").partition(",")[0]
    bar.focus()
    page.keyboard.press("Enter")
    page.locator("#mend-what", has_text="What it is").wait_for()
    assert page.locator("#mend-now").input_value() == label.lower()
    mend(page, "espresso cup")
    page.locator(".lane[data-analyzer=object_detection] .it", has_text="Espresso cup").first.wait_for()
    tracks = place.document(corrected=True).analyzers["object_detection"].tracks
    assert [t.label for t in tracks].count("espresso cup") == 1  # type: ignore[attr-defined]
    page.locator(".lane[data-analyzer=color_analysis] .it").first.click()
    assert not page.locator("#mend").is_visible()


def test_a_shot_without_a_description_is_given_one(place: Place, report: Callable[..., Page]) -> None:
    page = report()
    bare = page.locator(".undescribed")
    count, number = bare.count(), next(i for i, shot in enumerate(place.document().shots) if shot.description is None)
    assert count and not bare.first.is_visible()
    page.keyboard.press("e")
    bare.first.click()
    page.locator("textarea#mend-now").wait_for()
    mend(page, "She looks up.")
    page.locator(".shot", has_text="She looks up.").wait_for()
    assert page.locator(".undescribed").count() == count - 1
    assert place.document(corrected=True).shots[number].description == "She looks up."


def test_a_text_of_several_lines_keeps_them(place: Place, report: Callable[..., Page]) -> None:
    page = report()
    page.keyboard.press("e")
    page.locator("#text [data-mend].words button, #text .words [data-mend]").first.click()
    page.locator("textarea#mend-now").wait_for()
    page.get_by_label("Your name").fill("Ada")
    page.locator("#mend-now").fill("Make it\nyours")
    with page.expect_navigation():
        page.locator("#mend-now").press("ControlOrMeta+Enter")
    page.locator("#text .words", has_text="Make it yours").wait_for()
    page.locator("#text .words [data-mend]", has_text="Make it yours").click()
    page.locator("textarea#mend-now").wait_for()
    assert page.locator("#mend-now").input_value() == "Make it\nyours"


def test_keys_alone_suffice_and_the_place_is_kept(place: Place, report: Callable[..., Page]) -> None:
    page = report()
    page.goto(f"{page.url}#t=3.5")
    page.keyboard.press("e")
    page.get_by_role("button", name="Mend the line at 0:03.20").focus()
    page.keyboard.press("Enter")
    page.get_by_label("Your name").wait_for()
    page.keyboard.press("ControlOrMeta+A")
    page.keyboard.type("First, look at the night.")
    page.get_by_label("Your name").fill("Ada")
    with page.expect_navigation():
        page.keyboard.press("Enter")
    page.locator(".w", has_text="night.").wait_for()
    assert page.locator("#now-time").inner_text().startswith("0:03.50")
    assert page.evaluate("document.body.classList.contains('mending')")


def test_what_is_refused_says_why_and_changes_nothing(place: Place, report: Callable[..., Page]) -> None:
    page = report()
    page.keyboard.press("e")
    page.locator(".w", has_text="nobody").click()
    page.get_by_label("Your name").fill("")
    page.locator("#mend-now").fill("somebody")
    page.get_by_role("button", name="Save").click()
    page.locator("#mend-failed", has_text="Please give your name.").wait_for()
    assert page.get_by_label("Your name").evaluate("e => e === document.activeElement")
    assert "somebody" not in place.document(corrected=True).analyzers["speech_transcription"].segments[0].text  # type: ignore[attr-defined]


def test_what_somebody_mended_meanwhile_is_told_and_not_written_over(place: Place, report: Callable[..., Page]) -> None:
    page = report()
    page.keyboard.press("e")
    line = {"kind": "word", "start_s": 0.6, "end_s": 2.1, "was": "Three things nobody tells you.", "now": "Four things nobody tells you."}
    page.get_by_role("button", name="Mend the line at 0:00.60").click()
    page.locator("#mend-now").fill("Three things everybody tells you.")
    page.get_by_label("Your name").fill("Ben")
    place.correct(line, author="Ana")
    page.get_by_role("button", name="Save").click()
    page.locator("#mend-failed", has_text="Ana changed this to “Four” on ").wait_for()
    assert "after this page was made. Nothing was saved." in page.locator("#mend-failed").inner_text()
    with page.expect_navigation():
        page.get_by_role("button", name="Show anew").click()
    page.locator("#mend-else", has_text="Here it says by now: “Four things nobody tells you.”").wait_for()
    assert page.locator("#mend-now").input_value() == "Three things everybody tells you."
    mend(page, "Four things everybody tells you.", author=None)
    page.locator(".w", has_text="everybody").wait_for()
    corrected = place.document(corrected=True).analyzers["speech_transcription"]
    assert corrected.segments[0].text == "Four things everybody tells you."  # type: ignore[attr-defined]


def test_what_was_mended_elsewhere_meanwhile_is_told_too(place: Place, report: Callable[..., Page]) -> None:
    page = report()
    page.keyboard.press("e")
    page.locator(".w", has_text="nobody").click()
    page.locator("#mend-now").fill("somebody")
    page.get_by_label("Your name").fill("Ben")
    place.correct({"kind": "speaker", "was": 1, "now": "Grace"}, author="Ana")
    page.get_by_role("button", name="Save").click()
    page.locator("#mend-failed", has_text="Ana mended something else of this clip on ").wait_for()
    with page.expect_navigation():
        page.get_by_role("button", name="Show anew").click()
    page.locator("#mend-else", has_text="nobody").wait_for()
    mend(page, "somebody", author=None)
    page.locator(".w", has_text="somebody").wait_for()
    assert page.locator(".who", has_text="Grace").count() == 1


def test_without_mending_a_click_on_a_word_goes_there(place: Place, report: Callable[..., Page]) -> None:
    page = report()
    page.locator(".w", has_text="Second,").click()
    assert page.locator("#now-time").inner_text().startswith("0:07.00")
    assert not page.locator("#mend").is_visible()


def test_the_report_opens_again_as_it_did(place: Place, report: Callable[..., Page]) -> None:
    page = report()
    for _ in range(3):  # the browser asks whether what it kept still holds, and takes headers from the answer
        page.reload()
        page.keyboard.press("?")
        assert page.locator("#keys").is_visible()
        assert page.locator(".stage").evaluate("e => getComputedStyle(e).position") == "sticky"
