"""The player in headless Chromium: the frame that the document names; a clip that is there, is gone, cannot be played, is another."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote_to_bytes

import pytest

from reelscope.document.report import render_report
from reelscope.document.report.beside import clip_address
from reelscope.document.schema import Document
from tests.browser import PATIENT_MS
from tests.clips import tone, write_clip
from tests.document.fixtures import full_document, keyframes_of
from tests.document.report.clips import FRAMES, KINDS, READ, Numbered, document_of, numbered, pattern, serving
from tests.document.report.conftest import DESKTOP, PHONE

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

CUTS = (1, 12, 29, 30, 31, 47, 48, 60, 88)
READY = "() => document.querySelector('#video').readyState >= 2 && document.querySelector('#still').hidden"
HOSTILE = "my \"clip\" #1 100% 'ok' & <b>\n\u00fc?x=y;.mp4"


def comes_to(page: Page, condition: str, wanted: Any = True, within_s: float = PATIENT_MS / 1000) -> bool:
    """Whether an expression comes to a value. Asked from here: Playwright's own waiting polls by eval, which the policy forbids."""
    until = time.monotonic() + within_s
    while page.evaluate(condition) != wanted:
        if time.monotonic() > until:
            return False
        page.wait_for_timeout(15)
    return True


@pytest.fixture(scope="module")
def clips(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[dict[str, Numbered], str]]:
    """Clips with numbered frames and their reports on a server: KIND.html."""
    folder = tmp_path_factory.mktemp("numbered")
    made = {kind: Numbered(numbered(kind, folder), CUTS) for kind in KINDS}
    for kind, one in made.items():
        html = render_report(one.document, keyframes={}, clip=clip_address(one.clip, folder))
        (folder / f"{kind}.html").write_text(html, encoding="utf-8")
    with serving(folder) as base:
        yield made, base


Looks = Callable[..., "Page"]


@pytest.fixture
def look(browser: Browser) -> Iterator[Looks]:
    """Opens an address; what the console says, but for `missing` files, fails the test at its end."""
    contexts, said = [], []

    def go(address: str, *, size: tuple[int, int] = DESKTOP, missing: bool = False, **more: Any) -> Page:
        context = browser.new_context(viewport={"width": size[0], "height": size[1]}, **more)
        contexts.append(context)
        context.set_default_timeout(PATIENT_MS)
        page = context.new_page()
        told = lambda text: said.append(text) if not (missing and "ERR_FILE_NOT_FOUND" in text) else None  # noqa: E731
        page.on("console", lambda message: told(message.text))
        page.on("pageerror", lambda error: told(str(error)))
        page.goto(address)
        return page

    yield go
    for context in contexts:
        context.close()
    assert [text for text in said if "favicon" not in text] == []


def written(folder: Path, document: Document, **options: Any) -> str:
    path = folder / "report.html"
    path.write_text(render_report(document, keyframes=keyframes_of(document), **options), encoding="utf-8")
    return path.as_uri()


@pytest.mark.parametrize("kind", KINDS)
def test_every_shot_starts_with_the_frame_that_the_document_names(clips: tuple[dict[str, Numbered], str], look: Looks, kind: str) -> None:
    made, base = clips
    one = made[kind]
    page = look(f"{base}/{kind}.html")
    assert comes_to(page, READY)
    # Where rates vary and frames are coded out of order, Chromium passes over some of them even when it plays: there a frame beside it
    # is as near as the browser lets anybody come.
    near = 1 if kind == "vfr, B-frames" else 0
    for number in (*CUTS, 47, 12):  # on, and back
        page.evaluate("t => { location.hash = `t=${t}`; }", one.times[number])
        shows = f"Math.abs(({READ})() - {number}) <= {near}"
        assert comes_to(page, shows), f"frame {number} at {one.times[number]} s: {page.evaluate(READ)} is shown"
        assert comes_to(page, f"Math.abs(document.querySelector('#scrub').value - {one.times[number]}) < 1e-4")


@pytest.mark.parametrize("kind", [kind for kind in KINDS if "B-frames" not in kind])
def test_a_step_is_a_frame(clips: tuple[dict[str, Numbered], str], look: Looks, kind: str) -> None:
    made, base = clips
    one = made[kind]
    page = look(f"{base}/{kind}.html#t={one.times[29]}")
    assert comes_to(page, READ, 29)
    for number in (30, 31, 32, 33, 32, 31):
        page.keyboard.press("ArrowRight" if page.evaluate(READ) < number else "ArrowLeft")
        assert comes_to(page, READ, number), f"{page.evaluate(READ)} in place of {number}"
        assert comes_to(page, f"Math.abs(document.querySelector('#scrub').value - {one.times[number]}) < 0.002")


def test_steps_go_on_where_the_browser_passes_over_frames(clips: tuple[dict[str, Numbered], str], look: Looks) -> None:
    made, base = clips
    page = look(f"{base}/vfr, B-frames.html#t={made['vfr, B-frames'].times[29]}")
    assert comes_to(page, f"Math.abs(({READ})() - 29) <= 1")
    at = "+document.querySelector('#scrub').value"
    for press, sign in (("ArrowRight", 1), ("ArrowRight", 1), ("ArrowRight", 1), ("ArrowLeft", -1), ("ArrowLeft", -1)):
        before = page.evaluate(at)
        page.keyboard.press(press)
        assert comes_to(page, f"({at} - {before}) * {sign} > 0.002")
        assert abs(page.evaluate(at) - before) < 0.4


@pytest.mark.parametrize("kind", ["30", "29.97", "vfr", "vfr, B-frames", "begins at 2 s"])
def test_while_it_plays_the_playhead_is_with_the_frame(clips: tuple[dict[str, Numbered], str], look: Looks, kind: str) -> None:
    made, base = clips
    one = made[kind]
    page = look(f"{base}/{kind}.html#t={one.times[12]}")
    assert comes_to(page, READ, 12)
    page.evaluate(
        """() => {
          const video = document.querySelector("#video"), scrub = document.querySelector("#scrub");
          window.seen = [];
          const frame = (now, told) => { // not what comes when it was paused already: a busy machine may have shown a few more by then
            if (!video.paused) seen.push([told.mediaTime, +scrub.value]);
            video.requestVideoFrameCallback(frame);
          };
          video.requestVideoFrameCallback(frame);
        }"""
    )
    while True:  # a busy machine shows few of its frames: then from the start again
        page.keyboard.press(" ")
        assert comes_to(page, "seen.length > 20 || document.querySelector('#video').ended")
        if page.evaluate("seen.length > 20"):
            break
        page.keyboard.press("Home")
        assert comes_to(page, READ, 0)
    page.keyboard.press(" ")
    seen = page.evaluate("seen")[2:]  # the first may be the one that stood there
    begin = 2.0 if kind == "begins at 2 s" else 0.0
    longest = max(b - a for a, b in zip(one.times, one.times[1:], strict=False))
    assert max(abs(media - begin - at) for media, at in seen) <= longest + 0.002
    assert len({at for _, at in seen}) > 1


def test_it_plays_from_disk_whatever_the_file_is_called(tmp_path: Path, look: Looks) -> None:
    folder = tmp_path / "clips of 100% #1"
    folder.mkdir()
    clip = write_clip(folder / HOSTILE, [pattern(n) for n in range(30)], sound=tone(1.0))
    (tmp_path / "out").mkdir()
    document = document_of(clip)
    page = look(written(tmp_path / "out", document, clip=clip_address(clip, tmp_path / "out")))
    assert comes_to(page, READY)
    page.keyboard.press("k")
    assert comes_to(page, "document.querySelector('#video').currentTime > 0.2")
    assert page.locator("#no-clip").is_hidden()
    assert page.locator("#mute").is_enabled()


def test_an_address_is_relative_quoted_and_tells_no_folder_of_the_machine(tmp_path: Path) -> None:
    clip = tmp_path / "a" / HOSTILE
    clip.parent.mkdir()
    clip.write_bytes(b"x")
    found = clip_address(clip, tmp_path / "a" / "out")
    assert found is not None
    assert unquote_to_bytes(found) == b"../" + os.fsencode(HOSTILE)
    assert not set(found) & set("\"'#?&<>\n :")
    assert tmp_path.name not in str(clip_address(clip, tmp_path / "b" / "c"))
    assert clip_address(tmp_path / "gone.mp4", tmp_path) is None
    assert clip_address(clip, Path("/usr/share")) is None, "the way would lead through the root"
    colon = tmp_path / "data:text,x.mp4"
    colon.write_bytes(b"x")
    assert ":" not in str(clip_address(colon, tmp_path)), "no scheme"


def test_without_the_clip_keyframes_stand_in_and_the_time_runs(tmp_path: Path, look: Looks) -> None:
    document = full_document()
    document.media.duration_s = 3600.0  # it does not end while this looks at it
    page = look(written(tmp_path, document))
    assert "keyframes stand in" in page.locator("#no-clip").inner_text()
    assert page.locator("#mute").is_disabled()
    assert page.locator("#volume").is_disabled()
    first = page.locator("#still").get_attribute("src")
    page.keyboard.press("ArrowDown")
    assert page.locator("#still").get_attribute("src") != first
    page.locator("#speed").select_option("2")
    before = float(page.locator("#scrub").input_value())
    page.locator("[data-do=play]").click()
    assert comes_to(page, f"document.querySelector('#scrub').value > {before} + 0.3")
    assert page.locator("[data-do=play]").get_attribute("aria-label") == "Pause"
    page.locator("[data-shut]").click()
    assert page.locator("#no-clip").is_hidden()


def test_a_clip_that_is_gone_is_said(tmp_path: Path, look: Looks) -> None:
    document = full_document()
    document.media.codec = "h264"
    page = look(written(tmp_path, document, clip="moved/away.mp4"), missing=True)
    assert comes_to(page, "!document.querySelector('#no-clip').hidden && !document.querySelector('#still').hidden")
    assert "not beside this report any more" in page.locator("#no-clip").inner_text()


def test_what_no_browser_plays_is_named(tmp_path: Path, look: Looks) -> None:
    clip = write_clip(tmp_path / "clip.avi", [pattern(n) for n in range(10)], codec="mpeg4", fps=25)
    page = look(written(tmp_path, document_of(clip), clip="clip.avi"))
    assert comes_to(page, "!document.querySelector('#no-clip').hidden")
    assert "Browsers do not play this clip (MPEG-4 in AVI)" in page.locator("#no-clip").inner_text()


def test_the_reader_opens_the_clip_and_another_one_is_told(tmp_path: Path, look: Looks) -> None:
    clip = write_clip(tmp_path / "mine.mp4", [pattern(n) for n in range(60)])
    other = write_clip(tmp_path / "other.mp4", [pattern(n) for n in range(15)])
    noise = tmp_path / "noise.mp4"
    noise.write_bytes(b"no clip at all" * 99)
    page = look(written(tmp_path, document_of(clip)) + "#t=1")
    page.locator("#clip-file").set_input_files(clip)
    assert comes_to(page, READ, 30), "it goes on where the page was"
    assert page.locator("#no-clip").is_hidden()
    assert page.locator("#mute").is_disabled(), "a clip without sound"
    page.locator("#clip-file").set_input_files(other)
    assert comes_to(page, "document.querySelector('#no-clip').textContent.includes('it is another one')")
    assert "0:00.50" in page.locator("#no-clip").inner_text()
    page.locator("#clip-file").set_input_files(noise)
    assert comes_to(page, "document.querySelector('#no-clip').textContent.includes('cannot play')")
    assert "noise.mp4" in page.locator("#no-clip").inner_text()


def test_one_shot_is_repeated(clips: tuple[dict[str, Numbered], str], look: Looks) -> None:
    made, base = clips
    one = made["30"]  # the shot of frames 12 to 28
    page = look(f"{base}/30.html#t={one.times[24]}")
    assert comes_to(page, READ, 24)
    page.evaluate(
        """() => {
          window.lasts = []; window.sent = []; let before = 0; // the last frame of every round, and where the clip is sent
          const video = document.querySelector("#video");
          const frame = (now, told) => {
            if (told.mediaTime < before - 0.1) lasts.push(before);
            before = told.mediaTime;
            video.requestVideoFrameCallback(frame);
          };
          video.requestVideoFrameCallback(frame);
          const { get, set } = Object.getOwnPropertyDescriptor(HTMLMediaElement.prototype, "currentTime");
          Object.defineProperty(video, "currentTime", { get, set(to) { sent.push(to); set.call(video, to); } });
        }"""
    )
    page.keyboard.press("r")  # who asks to see a shot again wants it to play
    assert comes_to(page, "lasts.length >= 2")
    assert max(page.evaluate("lasts")[:2]) < one.times[29] + 0.07, "at most a frame or two of the next shot on a busy machine"
    page.evaluate("() => { window.stalled = sent.length; for (const end = performance.now() + 1200; performance.now() < end;); }")
    assert comes_to(page, "sent.length >= stalled + 2")
    sent = page.evaluate("sent")
    assert sent == pytest.approx([one.times[12]] * len(sent), abs=0.005), "never another shot"
    assert page.evaluate("+document.querySelector('#scrub').value") >= one.times[12] - 0.001


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", [DESKTOP, PHONE], ids=["desktop", "phone"])
def test_its_controls_are_accessible(tmp_path: Path, look: Looks, size: tuple[int, int], scheme: str) -> None:
    from axe_playwright_python.sync_playwright import Axe

    page = look(written(tmp_path, full_document()), size=size, color_scheme=scheme)
    found = Axe().run(page, context="#stage", options={"runOnly": {"type": "tag", "values": ["wcag2a", "wcag2aa", "wcag22aa"]}})
    assert [(v["id"], [n["html"] for n in v["nodes"]]) for v in found.response["violations"]] == []


def test_a_phone_keeps_most_of_its_height_for_the_page(tmp_path: Path, look: Looks) -> None:
    page = look(written(tmp_path, full_document()), size=PHONE)
    left = "() => 1 - document.querySelector('#stage').getBoundingClientRect().bottom / innerHeight"
    page.evaluate("scrollTo({ top: 600, behavior: 'instant' })")
    assert page.evaluate(left) > 0.55
    page.locator("#fold").click()
    assert page.evaluate(left) > 0.85
    page.reload()
    assert page.locator("#fold").get_attribute("aria-expanded") == "false", "remembered"
    page.locator("#fold").click()
    assert page.locator("#screen").is_visible()


def test_nothing_moves_when_the_clip_has_come(clips: tuple[dict[str, Numbered], str], look: Looks) -> None:
    made, base = clips
    assert len(made["30"].times) == FRAMES
    page = look("about:blank")
    page.add_init_script(
        "window.moved = 0; new PerformanceObserver(list => { for (const e of list.getEntries()) for (const s of e.sources) "
        "if (s.node?.closest?.('#stage')) moved += e.value; }).observe({ type: 'layout-shift', buffered: true });"
    )
    page.goto(f"{base}/30.html")
    assert comes_to(page, READY)
    assert page.evaluate("moved") == 0


def test_sound_alone_has_a_player_too(tmp_path: Path, look: Looks) -> None:
    from tests.clips import write_wav

    clip = write_wav(tmp_path / "voice.wav", 2.0)
    document = document_of(clip).model_copy(update={"shots": []})
    page = look(written(tmp_path, document, clip="voice.wav"))
    assert comes_to(page, "document.querySelector('#video').readyState >= 2 && !document.querySelector('#mute').disabled")
    assert "sound only" in page.locator("#screen").inner_text()
    page.keyboard.press(" ")
    assert comes_to(page, "document.querySelector('#scrub').value > 0.3")
    assert page.locator("#loop").is_disabled()
