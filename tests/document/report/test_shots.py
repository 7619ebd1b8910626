"""The shot list: found by a few letters, copied as a table and as text, marked where the playhead is, honest about corrections."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from reelscope.document.report import render_report
from reelscope.document.report.parts import mended
from reelscope.document.report.shotlist import SHOT_HEAD, shots
from reelscope.document.schema import Document, Segment, ShotRow
from tests.document.fixtures import empty_document, entry, full_document, keyframes_of
from tests.document.report.asking import told, wrong_in
from tests.document.report.conftest import DESKTOP, PHONE, Opens

HOSTILE = '</script><img src=x onerror="document.title=1">\t=cmd()\n|<b>'
BY = {"author": "Ada <b>", "at": "2026-11-26T10:00:00Z", "id": "1"}


def document_of(**changes: Any) -> Document:
    """The full document with fields of its shots changed: by index."""
    raw = full_document().model_dump(mode="json")
    for index, fields in changes.items():
        raw["shots"][int(index[1:])] |= fields
    return Document.model_validate(raw)


def test_a_size_that_is_not_known_says_why() -> None:
    document = document_of(_2={"size": None}, _3={"size": None})
    none = "shot size is told by faces and people, and none was found in this shot"
    rows = [{"shot": 2, "size_reason": none}, {"shot": 3, "size_reason": "another reason"}, {"shot": 0, "size_reason": "but it has one"}]
    document.analyzers["camera_analysis"] = entry(summary={"shots": rows})
    found = shots(document, {})
    assert [(r["size_why"], r["size_note"]) for r in found[:4]] == [
        (None, None),
        (None, None),
        (none, "no face, no person"),
        ("another reason", "another reason"),
    ]
    html = html_of(document)
    assert f'title="not measured: {none}"' in html
    assert "<small>no face, no person</small>" in html


def html_of(document: Document) -> str:
    return render_report(document, keyframes=keyframes_of(document))


def shown(page: Any) -> list[str]:
    return page.locator(".shot:visible .c-no b").all_inner_texts()


def chips(page: Any, name: str) -> Any:
    return page.locator(".filter").get_by_role("button", name=re.compile(f"^{name}"))


def pasted(page: Any, kind: str = "text/plain") -> str:
    return page.evaluate(
        "async (kind) => { const [item] = await navigator.clipboard.read(); return (await item.getType(kind)).text(); }", kind
    )


GRANTED = {"permissions": ["clipboard-read", "clipboard-write"]}


# ---- the rows without a browser -------------------------------------------------------------------------------------------------


def test_a_shot_as_text_says_what_was_measured_and_nothing_else() -> None:
    rows = shots(full_document(), {})
    told = rows[3]["paragraph"]
    assert told.startswith("Shot 4, 0:07.27-0:10.80 (3.53 s), enters by dissolve of 0.47 s, camera handheld (with roll), wide. ")
    assert "On screen: “2. Move the camera”" in told
    assert "@studio" not in told, "a watermark is no text of the shot"
    assert rows[0]["paragraph"].startswith("Shot 1, 0:00.00-0:02.40 (2.4 s), opens the clip, camera static, close up. ")
    assert rows[2]["paragraph"].startswith("Shot 3, 0:05.10-0:07.27 (2.17 s), enters by jump cut, camera zoom in")
    bare = Document.model_validate(full_document().model_dump(mode="json") | {"insights": {}})
    bare.shots = [ShotRow(index=0, start_s=0, end_s=2)]
    assert shots(bare, {})[0]["paragraph"] == "Shot 1, 0:00.00-0:02.00 (2 s), opens the clip."


def test_cells_are_figures_that_a_spreadsheet_can_reckon_with() -> None:
    rows = [json.loads(r["cells"]) for r in shots(full_document(), {})]
    assert all(len(cells) == len(SHOT_HEAD) for cells in rows)
    row = dict(zip(SHOT_HEAD, rows[3], strict=True))
    assert (row["Length (s)"], row["Loudness (LUFS)"], row["Speech (%)"]) == ("3.533", "-13.7", "78.0")
    assert (row["Enters by"], row["Camera"]) == ("Dissolve (0.47 s)", "Handheld (with roll)")
    missing = dict(zip(SHOT_HEAD, rows[2], strict=True))
    assert (missing["Size"], missing["Loudness (LUFS)"], missing["Speech (%)"]) == ("", "", "0.0"), "empty is not measured, zero is zero"


def test_what_is_heard_comes_from_the_sheet() -> None:
    raw = full_document().model_dump(mode="json")
    raw["insights"]["reshoot"]["shots"][1]["sound"] = {
        "heard": {"speech": 1.0, "music": 0.5, "noise": 0.01, "silence": 0.2},
        "events": ["dog_bark"],
    }
    rows = shots(Document.model_validate(raw), {})
    assert rows[1]["sounds"] == ["music", "dog bark"]


def test_a_correction_is_marked_with_what_was_measured() -> None:
    raw = document_of(
        s1={"size": "wide", "corrected": [{"field": "size", "was": "medium_close_up", "now": "wide", **BY}]},
        s2={"corrected": [{"field": "move", "was": None, "now": "static"}, "rubbish", {"was": 1}]},
    ).model_dump(mode="json")
    text = next(s for s in raw["analyzers"]["text_overlay"]["segments"] if s["text"].startswith("1."))
    text |= {"corrected": [{"field": "text", "was": "1. Ligth first", "now": text["text"], **BY}]}
    document = Document.model_validate(raw)
    rows = shots(document, {})
    assert {f: m.told for f, m in rows[1]["mended"].items()} == {"size": "corrected by Ada <b> on 2026-11-26, measured: medium close up"}
    assert rows[2]["mended"]["move"].told == "corrected by nobody named on an unknown day, measured: nothing"
    assert "Size corrected by Ada <b>" in rows[1]["paragraph"]
    assert "corrected by Ada <b>" in json.loads(rows[1]["cells"])[-1]
    html = html_of(document)
    assert html.count("measured: medium close up") >= 2
    assert html.count('title="corrected by Ada &lt;b&gt; on 2026-11-26, measured: 1. Ligth first"') == 2, (
        "in the shot and in the table of texts"
    )
    assert "<b> on" not in html


def test_words_that_were_corrected_mark_their_shot() -> None:
    document = document_of(s0={"speech": "Hello there"})
    said = {
        "start_s": 0.3,
        "end_s": 2.2,
        "text": "Hello there",
        "corrected": [{"field": "text", "was": "Yellow hair", "now": "Hello there", **BY}],
    }
    document.analyzers["speech_transcription"] = entry(segments=[Segment.model_validate(said)])
    rows = shots(document, {})
    assert rows[0]["mended"]["speech"].was == "Yellow hair"
    assert "speech" not in rows[4]["mended"]
    assert mended(None) == mended(ShotRow(index=0, start_s=0, end_s=1)) == {}


def test_chips_are_what_is_there() -> None:
    html = html_of(full_document())
    chips = re.findall(r'data-group="(\w+)" data-value="([^"]*)"', html)
    assert {v for g, v in chips if g == "size"} == {"Close up", "Medium", "Wide"}
    assert {v for g, v in chips if g == "enters"} == {"Cut", "Dissolve", "Wipe", "Fade"}
    assert [v for g, v in chips if g == "with"] == ["text", "speech"]
    assert "data-group" not in html_of(empty_document()), "one shot is not narrowed"
    assert 'id="shot-find"' not in html_of(empty_document())


# ---- in the browser ---------------------------------------------------------------------------------------------------------------


@pytest.mark.system
def test_narrowing_by_words_and_chips(opens: Opens) -> None:
    page = opens(html_of(document_of(s5={"text": ["Crème brûlée"]})))
    assert page.locator("#shot-found").inner_text() == "8 shots"
    page.keyboard.press("/")
    page.keyboard.type("creme BRULEE")
    assert (shown(page), page.locator("#shot-found").inner_text()) == (["6"], "1 of 8")
    page.keyboard.press("Escape")
    assert len(shown(page)) == 8
    assert page.evaluate("document.activeElement.id") == "shot-find", "Escape clears first, and leaves only then"
    page.keyboard.press("Escape")
    assert page.evaluate("document.activeElement.id") != "shot-find"
    chip = chips(page, "Close up")
    chip.click()
    assert chip.get_attribute("aria-pressed") == "true"
    assert shown(page) == ["1", "5"]
    chips(page, "Wide").click()
    assert shown(page) == ["1", "4", "5", "8"], "chips of one group widen"
    chips(page, "Dissolve").click()
    assert shown(page) == ["4"], "groups narrow"
    page.locator("#shot-find").fill("no such word")
    assert shown(page) == []
    assert page.get_by_text("No shot has all of that.").is_visible()
    assert page.locator("#shot-found").get_attribute("aria-live") == "polite"
    page.get_by_role("button", name="Clear").click()
    assert len(shown(page)) == 8
    assert page.locator(".chip[aria-pressed=true]").count() == 0
    assert not page.get_by_role("button", name="Clear").is_visible()


@pytest.mark.system
def test_the_table_that_is_copied_is_the_one_that_is_shown(opens: Opens) -> None:
    document = document_of(
        s1={"text": [HOSTILE, "=1+1"]}, s2={"text": ["=HYPERLINK(1)"]}, s3={"text": ["@studio.north"]}, s4={"text": ["-2 kg | `now`"]}
    )
    page = opens(html_of(document), **GRANTED)
    page.locator("#shot-find").fill("cut")
    page.get_by_role("button", name="Copy as table").click()
    assert told(page, "copied")
    n = len(shown(page))
    assert page.locator("#said").inner_text() == f"{n} shots copied"
    lines = pasted(page).split("\r\n")
    assert (len(lines), {len(line.split("\t")) for line in lines}) == (n + 1, {len(SHOT_HEAD)}), "no text of a clip breaks a row or column"
    assert lines[0].split("\t") == list(SHOT_HEAD)
    cells = [dict(zip(SHOT_HEAD, line.split("\t"), strict=True)) for line in lines[1:]]
    assert [c["Shot"] for c in cells] == shown(page)
    by = {c["Shot"]: c for c in cells}
    assert by["3"]["On screen"] == "'=HYPERLINK(1)", "a spreadsheet must not run it"
    assert by["5"]["On screen"] == "'-2 kg | `now`"
    assert by["2"]["Loudness (LUFS)"] == "-14.7", "a figure stays a figure"
    html = pasted(page, "text/html")
    assert (html.count("<tr>"), html.count("<th>")) == (n + 1, len(SHOT_HEAD))
    assert "&lt;img src=x" in html and "<img" not in html
    page.get_by_role("button", name="Clear").click()
    page.get_by_role("button", name="Markdown").click()
    assert told(page, "Markdown")
    rows = pasted(page).split("\n")
    assert len(rows) == 8 + 2
    assert rows[0].startswith("| Shot | Start | End |")
    assert {len(re.findall(r"(?<!\\)\|", row)) for row in rows} == {len(SHOT_HEAD) + 1}
    assert "| @studio.north |" in rows[5]
    assert page.title() != "1"


@pytest.mark.system
def test_without_a_clipboard_the_table_is_copied_in_the_old_way(opens: Opens) -> None:
    page = opens(html_of(full_document()), **GRANTED)
    page.evaluate("() => { navigator.clipboard.write = () => Promise.reject(new Error('no')); }")
    page.get_by_role("button", name="Copy as table").click()
    assert told(page, "8 shots copied")
    assert pasted(page).startswith("Shot\tStart\t")
    assert "<th>Shot</th>" in pasted(page, "text/html")


@pytest.mark.system
def test_a_shot_is_copied_as_text_in_one_click(opens: Opens) -> None:
    page = opens(html_of(full_document()), size=PHONE, **GRANTED)
    page.get_by_role("button", name="Copy shot 4 as text").click()
    assert told(page, "Shot 4 copied as text")
    assert pasted(page) == shots(full_document(), {})[3]["paragraph"]


@pytest.mark.system
def test_the_row_under_the_playhead_is_marked_and_its_picture_leads_there(opens: Opens) -> None:
    page = opens(html_of(full_document()))
    marked = "[...document.querySelectorAll('.shot[aria-current]')].map(row => row.id)"
    assert page.evaluate(marked) == ["shot-0"]
    page.get_by_role("button", name="Go to shot 5").click()
    assert page.evaluate(marked) == ["shot-4"]
    assert page.locator("#now-time").inner_text() == "0:10.80"
    page.get_by_role("button", name="0:02.40", exact=True).first.click()
    assert page.evaluate(marked) == ["shot-1"]
    changes = page.evaluate(
        """() => {
          let n = 0;
          const scrub = document.querySelector("#scrub"), rows = document.querySelector("#shot-rows");
          new MutationObserver((found) => { n += found.length; }).observe(rows, {attributes: true, subtree: true});
          for (const t of [2.5, 2.6, 2.7, 2.8]) { scrub.value = t; scrub.dispatchEvent(new Event("input")); }
          return new Promise((done) => setTimeout(() => done(n)));
        }"""
    )
    assert changes == 0, "within a shot nothing of the list is touched"
    page.get_by_role("button", name="Enlarge the keyframe of shot 3").click()
    assert page.locator("#viewer").is_visible()
    assert page.locator("#now-time").inner_text() == "0:02.80", "enlarging goes nowhere"


@pytest.mark.system
@pytest.mark.parametrize(("size", "scheme"), [(DESKTOP, "light"), (DESKTOP, "dark"), ((768, 1000), "light"), (PHONE, "dark")], ids=str)
def test_every_width_is_legible_and_hides_no_column(opens: Opens, size: tuple[int, int], scheme: str) -> None:
    page = opens(
        html_of(document_of(s1={"corrected": [{"field": "size", "was": "wide", "now": "medium", **BY}]})), size=size, scheme=scheme
    )
    cells = page.locator(".shot").first.locator("td")
    assert all(cells.nth(i).is_visible() for i in range(cells.count()))
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), "nothing scrolls sideways"
    mine = ("#shots", "#insights", "#status", "#text", "#sound", "#colour", ".gaps", "#figures")
    assert wrong_in(page, mine) == []
    low = page.evaluate(
        "(places) => places.flatMap((place) => [...document.querySelectorAll(`${place} button`)])"
        ".filter((b) => b.checkVisibility() && b.getBoundingClientRect().height < 23.9).map((b) => b.outerHTML)",
        mine,
    )
    assert low == []
