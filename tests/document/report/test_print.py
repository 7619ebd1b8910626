"""The reshoot sheet on paper: alone, on A4 and Letter, no shot over two pages; and the whole report, with nothing folded away."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from reelscope.document.report import render_report
from reelscope.document.report.sheet import LONGEST_SAID, LONGEST_TEXT, TEXTS_SHOWN, sheet
from reelscope.document.schema import Document
from tests.document.fixtures import empty_document, full_document, jpeg
from tests.document.report.asking import comes
from tests.document.report.conftest import Opens

HOSTILE = "</style></script><img src=x onerror=alert(1)>"
A4_PT, LETTER_PT = (595, 842), (612, 792)


def long_document(shots: int, *, talkative: bool = True) -> Document:
    """As many shots as asked for, made of those of the full document; the sixth has more to say than fits on a page."""
    raw = full_document().model_dump(mode="json")
    rows, sheets = raw["shots"], raw["insights"]["reshoot"]["shots"]
    step = 24.0 / shots
    for key, found in (("shots", rows), ("sheet", sheets)):
        made = [dict(found[i % len(found)]) | {"index": i, "start_s": i * step, "end_s": (i + 1) * step} for i in range(shots)]
        for row in made:
            row.update({"duration_s": step} if key == "sheet" else {})
        found[:] = made
    if talkative:
        text = {
            "text": "words\n" * 200,
            "role": "caption",
            "from_s": 0.0,
            "to_s": 0.5,
            "cell": None,
            "text_colour": "red",
            "background_colour": None,
        }
        sheets[5] |= {"texts": [text] * 20, "description": "tells " * 300}
        sheets[5]["sound"] = {"words": "say " * 500, "voice_share": 1.0}
    return Document.model_validate(raw)


def html_of(document: Document) -> str:
    pictures = {s.keyframe: jpeg(90, 160, (40 * (i % 6), 90, 120), (20, 20, 30)) for i, s in enumerate(document.shots) if s.keyframe}
    return render_report(document, keyframes=pictures)


def printing(page: Any) -> None:
    """The button of the sheet, with the browser's dialog left out."""
    page.evaluate("() => { window.print = () => { window.printed = (window.printed ?? 0) + 1; }; }")
    page.get_by_role("button", name="Print the reshoot sheet").click()
    assert comes(page, lambda: page.evaluate("window.printed") == 1)


def pdf_pages(data: bytes) -> list[tuple[int, int]]:
    """Sizes of a PDF's pages in points."""
    boxes = re.findall(rb"/MediaBox \[0 0 ([\d.]+) ([\d.]+)\]", data)
    return [(round(float(w)), round(float(h))) for w, h in boxes]


def darkness(page: Any) -> float:
    """Share of the page, as it is printed, that is dark: text is a few percent, a dark ground nearly all of it."""
    import cv2
    import numpy as np

    page.emulate_media(media="print")
    picture = cv2.imdecode(np.frombuffer(page.screenshot(full_page=True), np.uint8), cv2.IMREAD_GRAYSCALE)
    assert picture is not None
    return float((picture < 100).mean())


MOST_DARK = 0.15  # text, keyframes and plots; on a dark ground it is nine tenths


# ---- the rows ---------------------------------------------------------------------------------------------------------------------


def test_rows_say_what_to_shoot() -> None:
    document = full_document()
    made = sheet(document.insights["reshoot"].model_dump(mode="json"), document)
    assert made is not None
    assert [r.number for r in made.rows] == list(range(1, 9))
    first, fourth = made.rows[0], made.rows[3]
    assert (first.place, first.length, first.enters) == (0, "2.4 s", "")
    assert first.texts[0][0] == "Three things nobody tells you"
    assert first.texts[0][1].startswith("title, 0.2\u20132.3\xa0s, top centre")
    assert fourth.enters == "dissolve, 0.47\xa0s"
    assert "@studio.north" in made.throughout
    assert any("words" in names for names, _ in made.missing), "why nobody's words stand there"


def test_what_is_too_long_for_a_page_is_cut_and_says_so() -> None:
    document = long_document(8)
    made = sheet(document.insights["reshoot"].model_dump(mode="json"), document)
    assert made is not None
    row = made.rows[5]
    assert len(row.texts) == TEXTS_SHOWN
    assert row.more_texts == 20 - TEXTS_SHOWN
    assert len(row.said) <= LONGEST_SAID + 2 and row.said.endswith(" …")
    assert all(len(t) <= LONGEST_TEXT + 2 for t, _ in row.texts)
    assert "red" not in row.texts[0][1], "no colour that is none"


def test_a_document_without_a_sheet_has_no_button() -> None:
    bare = empty_document()
    bare.insights = {}
    html = render_report(bare, keyframes={})
    assert "Print the reshoot sheet</button>" not in html
    assert 'id="reshoot"' not in html


# ---- on paper -----------------------------------------------------------------------------------------------------------------------


@pytest.mark.system
@pytest.mark.parametrize(("paper", "size"), [("A4", A4_PT), ("Letter", LETTER_PT)])
def test_the_sheet_is_printed_alone(opens: Opens, tmp_path: Path, paper: str, size: tuple[int, int]) -> None:
    page = opens(html_of(long_document(8, talkative=False)), scheme="dark")
    title = page.title()
    printing(page)
    assert "reshoot sheet" in page.title(), "what the file will be called"
    assert darkness(page) < MOST_DARK, "black on white, also where the page is dark"
    page.emulate_media(media="null")
    data = page.pdf(path=tmp_path / "sheet.pdf", format=paper)
    pages = pdf_pages(data)
    assert len(pages) == 2
    assert all(abs(w - size[0]) <= 1 and abs(h - size[1]) <= 1 for w, h in pages), pages
    assert page.title() == title
    assert page.evaluate("document.documentElement.className") == "", "after printing the report is back"
    assert page.locator("#shots").is_visible()
    assert not page.locator("#reshoot").is_visible()


@pytest.mark.system
def test_on_paper_nothing_else_is_shown_and_every_shot_has_its_picture(opens: Opens) -> None:
    page = opens(html_of(long_document(12)))
    printing(page)
    page.emulate_media(media="print")
    assert page.locator("#reshoot .r-row").count() == 12
    places = "main > section, main > header, .bar, .stage, footer, .card, .filter"
    seen = page.evaluate("(q) => [...document.querySelectorAll(q)].filter(e => e.checkVisibility()).map(e => e.id)", places)
    assert seen == ["insights"]
    loaded = page.evaluate("[...document.querySelectorAll('#reshoot img')].map(i => i.complete && i.naturalWidth > 0)")
    assert loaded == [True] * 12
    assert [page.locator("#reshoot thead th").all_inner_texts()[i] for i in (0, 4, 5)] == ["Shot", "Take", "Note"]
    blank = page.evaluate("[...document.querySelectorAll('.r-blank')].every(c => c.textContent === '' && c.clientWidth > 30)")
    assert blank


@pytest.mark.system
@pytest.mark.parametrize("paper", ["A4", "Letter"])
def test_no_shot_is_divided_between_pages(opens: Opens, tmp_path: Path, paper: str) -> None:
    page = opens(html_of(long_document(40)))
    printing(page)
    page.emulate_media(media="print")
    height_mm = {"A4": 297, "Letter": 279.4}[paper] - 27  # without the margins
    width_mm = {"A4": 210, "Letter": 215.9}[paper] - 24
    page.set_viewport_size({"width": round(width_mm / 25.4 * 96), "height": 900})
    heads = page.evaluate("document.querySelector('#reshoot thead').getBoundingClientRect().height")
    rows = page.evaluate(
        "[...document.querySelectorAll('.r-row')].map(r => [r.getBoundingClientRect().height, getComputedStyle(r).breakInside])"
    )
    room = height_mm / 25.4 * 96 - heads
    assert max(height for height, _ in rows) < room, "each row fits on a page"
    assert {rule for _, rule in rows} == {"avoid"}
    pages, left = 1, room
    for height, _ in rows:
        if height > left:
            pages, left = pages + 1, room
        left -= height
    page.emulate_media(media="null")
    data = page.pdf(path=tmp_path / "sheet.pdf", format=paper)
    assert pages <= len(pdf_pages(data)) <= pages + 1, "as many pages as whole rows need, and one for the notes at the end"
    assert page.evaluate("getComputedStyle(document.querySelector('#reshoot thead')).display") == "table-header-group", (
        "its head is on every page"
    )


@pytest.mark.system
def test_the_key_prints_the_sheet_too_and_a_hostile_document_stays_text(opens: Opens) -> None:
    raw = long_document(3, talkative=False).model_dump(mode="json")
    raw["insights"]["reshoot"]["shots"][0]["texts"] = [
        {"text": HOSTILE, "role": HOSTILE, "from_s": 0, "to_s": 1, "cell": HOSTILE, "text_colour": HOSTILE, "background_colour": "#00ff00"}
    ]
    raw["insights"]["reshoot"]["shots"][0]["palette"] = [{"hex": "red;}</style>", "name": HOSTILE}]
    raw["insights"]["reshoot"]["watermarks"] = [{"text": HOSTILE}]
    raw["source"]["path"] = f"/clips/{HOSTILE}".replace("/s", "s")
    page = opens(html_of(Document.model_validate(raw)))
    page.evaluate("() => { window.print = () => { window.printed = 1; }; }")
    page.keyboard.press("p")
    assert comes(page, lambda: page.evaluate("window.printed") == 1)
    page.emulate_media(media="print")
    assert page.locator("#reshoot q").first.inner_text() == HOSTILE
    assert page.evaluate("document.querySelectorAll('img[src=x]').length") == 0


@pytest.mark.system
def test_the_whole_report_prints_unfolded_on_white(opens: Opens, tmp_path: Path) -> None:
    page = opens(html_of(long_document(8, talkative=False)), scheme="dark")
    folded = page.evaluate("document.querySelectorAll('details:not([open])').length")
    assert folded > 0
    page.evaluate(
        "() => { addEventListener('beforeprint', () => { window.open_ = document.querySelectorAll('details:not([open])').length; }); }"
    )
    data = page.pdf(path=tmp_path / "report.pdf", format="A4", print_background=True)
    assert page.evaluate("window.open_") == 0
    assert page.evaluate("document.querySelectorAll('details:not([open])').length") == folded
    assert len(pdf_pages(data)) > 3
    assert darkness(page) < MOST_DARK
    for gone in (".bar", ".stage", ".filter", ".tools", "#reshoot"):
        assert not page.locator(gone).first.is_visible(), gone
