"""Insights lead to their seconds; what was not measured comes with the command for it; provenance is whole and can be copied."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from reelscope.document.insights import INSIGHTS
from reelscope.document.insights.hook import first_of
from reelscope.document.names import ANALYZER_NAMES
from reelscope.document.report import render_report
from reelscope.document.report.facts import GAPS_SHOWN, gaps
from reelscope.document.report.insights import SECTIONS, Card, cards
from reelscope.document.report.lanes import Tips
from reelscope.document.report.parts import At, Command, hint_parts
from reelscope.document.report.tables import sound
from reelscope.document.schema import Document, ModelInfo, Series
from tests.document.fixtures import SHA, entry, full_document, keyframes_of
from tests.document.report.asking import comes, told
from tests.document.report.conftest import PHONE, Opens
from tests.document.report.spoken import spoken

DOCS = Path(__file__).parents[3] / "docs" / "insights.md"
GRANTED = {"permissions": ["clipboard-read", "clipboard-write"]}


def card(name: str, **found: object) -> Card:
    """One card of the full document, with some of the insight's fields changed."""
    raw = full_document().model_dump(mode="json")
    raw["insights"][name] |= found
    return next(c for c in cards(Document.model_validate(raw)) if c.name == name)


def moments(parts: object) -> list[float]:
    """Seconds that lead somewhere, in any nesting."""
    if isinstance(parts, At):
        return [parts.t_s]
    return [t for p in parts for t in moments(p)] if isinstance(parts, list | tuple) else []


# ---- every claim leads to its seconds -----------------------------------------------------------------------------------------------


def test_the_first_word_is_one_click_away() -> None:
    found = card("hook", first_word_s=0.42, first_cut_s=5.5, said="Three things")
    assert 0.42 in moments(list(found.lead))
    assert [p.words for p in found.lead if isinstance(p, At) and p.t_s == 0.42] == ["word 0:00.42"]
    assert 5.5 not in moments(list(found.lead)) and 5.5 in moments([list(j[1]) for j in found.jumps]), "behind the window it is told apart"
    assert [(f.value, f.at) for f in found.figures if f.name == "Said"] == [("Three things", 0.42)]
    assert card("hook", **{k: None for k in full_document().insights["hook"].model_dump() if k.startswith("first_")}).lead == [
        "Nothing begins in it"
    ]


def test_what_an_app_hides_leads_there() -> None:
    found = card("safe_zones")
    hidden = [t for t in full_document().insights["safe_zones"].model_dump()["texts"] if t["zones"]["tiktok"]["hidden_s"]]
    tiktok = found.phones[0]
    assert [a.t_s for a, _ in tiktok.jumps] == sorted(t["start_s"] for t in hidden)
    assert all(box[-1] is not None for box in tiktok.boxes)
    assert found.table is not None and all(isinstance(row[0], At) for row in found.table.rows)


def test_faces_that_follow_each_other_are_told_one_by_one() -> None:
    zones = {"tiktok": {"hidden_s": 3.0}}
    faces = [
        {"start_s": 0.0, "end_s": 3.0, "zones": zones},
        {"start_s": 3.0, "end_s": 6.0, "zones": zones},
        {"start_s": 7.0, "end_s": 9.0, "zones": {"tiktok": {"hidden_s": 0.0}}},
    ]
    spans = [{"start_s": 0.0, "end_s": 3.2}, {"start_s": 5.0, "end_s": 8.0}]
    profile = {"polygon_px": [], "label": "TikTok"}
    shown = card("safe_zones", profiles={"tiktok": profile}, totals={"tiktok": {"face_spans": spans}}, faces=faces, texts=[])
    assert [(a.words, note) for a, note in shown.phones[0].jumps] == [
        ("0:00.00 face", "for 3\xa0s"),
        ("0:03.00 face", "for 0.2\xa0s"),
        ("0:05.00 face", "for 1\xa0s"),
    ]


def test_a_first_transition_that_is_no_cut_goes_by_its_kind() -> None:
    document = full_document()
    assert first_of("first_cut_s", 2.4, document) == "cut"
    assert first_of("first_cut_s", 7.033333, document) == "dissolve"
    assert first_of("first_voice_s", 7.033333, document) == "voice"


def test_rows_evidence_and_stretches_lead_there() -> None:
    span = {"start_s": 3.0, "end_s": 7.0}
    evidence = [{"source": "cut_analysis", "what": "before: cut", "t_s": 3.0, "value": None, "unit": None}]
    evidence += [{"source": "x", "what": "moves", "t_s": None, "value": 0.2, "unit": "widths/s"}]
    found = card("attention", stretches=[span | {"kind": "nothing_new", "evidence": evidence}])
    assert found.table is not None
    assert moments(list(found.table.rows[0])) == [3.0, 3.0]
    assert moments([j[1] for j in card("pacing", fastest=span | {"per_minute": 24.0}).jumps])[0] == 3.0
    assert 3.0 in moments([j[1] for j in card("reading_load", overloaded=[span]).jumps])
    mute = full_document().insights["mute_test"].model_dump()["without_sound"] | {"voice_without_text": [span] * 20}
    line = dict(card("mute_test", without_sound=mute).jumps)["Voice without text"]
    assert (len(moments(list(line))), line[-1]) == (12, "and 8 more")
    assert moments([j[1] for j in card("loop").jumps]) == [22.0, 0.0], "the last two seconds, then the first"
    reshoot = card("reshoot")
    assert reshoot.table is not None
    assert moments([row[0] for row in reshoot.table.rows]) == pytest.approx([s.start_s for s in full_document().shots], abs=1e-5)


def test_the_loudest_moment_is_that_of_the_series() -> None:
    document = full_document()
    entry_ = document.analyzers["audio_analysis"]
    entry_.series = [
        Series(name="momentary_lufs", unit="LUFS", t_s=[0.2, 0.3, 0.4, 0.5], values=[-20.0, -9.04, None, -9.04]),
        Series(name="short_term_lufs", unit="LUFS", t_s=[1.5], values=[None]),
    ]
    found = {name: (moment.t_s, note) for name, moment, note in sound(document, Tips())["jumps"]}
    assert found["Loudest moment"] == (0.3, "\u22129\xa0LUFS over 0.4 s"), "the first of equals; nothing that is null"
    assert "Loudest stretch" not in found
    assert found["First voice"] == (0.31, "")
    document.analyzers["audio_analysis"] = entry("not_applicable", reason="no sound")
    document.analyzers["speech_flow"] = entry("not_applicable", reason="no sound")
    assert sound(document, Tips())["jumps"] == []


def test_sections_of_the_page_of_formulas_exist() -> None:
    heads = {
        re.sub(r"[^\w -]", "", h.lower()).replace(" ", "-")
        for h in re.findall(r"^## (.+)$", DOCS.read_text(encoding="utf-8"), re.MULTILINE)
    }
    assert set(SECTIONS) == set(INSIGHTS)
    assert set(SECTIONS.values()) <= heads
    for found in cards(full_document()):
        assert len(found.method) > 30, "what the module says of itself"
        assert ".md" not in found.method and "\n" not in found.method


# ---- what was not measured ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("hint", "commands"),
    [
        ("reelscope models pull whisper-base", ["reelscope models pull whisper-base"]),
        ("reelscope models pull qwen2-vl-7b (16.6 GB, Apache-2.0)", ["reelscope models pull qwen2-vl-7b"]),
        ("reelscope models remove old, then reelscope models pull new", ["reelscope models remove old", "reelscope models pull new"]),
        (
            "--backend qwen2_vl_temporal=qwen2-vl-7b runs it on the CPU, slowly, after: make setup-full (the package is missing)",
            ["--backend qwen2_vl_temporal=qwen2-vl-7b", "make setup-full"],
        ),
        (
            "reelscope analyze CLIP --backend qwen2_vl_temporal=qwen2-vl-7b runs it on the CPU, slowly, after: make setup-full (no torch)",
            ["reelscope analyze CLIP --backend qwen2_vl_temporal=qwen2-vl-7b", "make setup-full"],
        ),
        (
            "reelscope analyze CLIP --option qwen2_vl_temporal.server_host=h allows it",
            ["reelscope analyze CLIP --option qwen2_vl_temporal.server_host=h"],
        ),
        ("--only hook,pacing", ["--only hook,pacing"]),
        ("reelscope analyze --only body_pose --option body_pose.n=1", ["reelscope analyze --only body_pose --option body_pose.n=1"]),
        ("make the file readable", []),
        ("run it again; reelscope models list shows them", []),
        ("ask whoever runs it", []),
        (None, []),
    ],
)
def test_commands_in_hints(hint: str | None, commands: list[str]) -> None:
    parts = hint_parts(hint)
    assert [p.command for p in parts if isinstance(p, Command)] == commands
    words = " ".join(p.command if isinstance(p, Command) else p for p in parts)
    assert re.sub(r"\s", "", words) == re.sub(r"\s", "", hint or ""), "no word of the hint is lost"


def test_a_long_list_is_folded_and_says_what_is_in_the_fold() -> None:
    document = full_document()
    found = gaps(document)
    assert len(found) > GAPS_SHOWN
    html = render_report(document, keyframes={})
    fold = re.search(r'<details class="gap-rest">.*?<summary>(.*?)</summary>(.*?)</details>', html, re.DOTALL)
    assert fold
    assert fold[1].startswith(f"{len(found) - GAPS_SHOWN} more reason")
    for gap in found[GAPS_SHOWN:]:
        assert all(title in fold[1] for _, title in gap.titles), "the fold names whom it hides"
        assert gap.reason in fold[2]
    assert html.count('<li class="gap ') == len(found)


def test_provenance_is_whole() -> None:
    document = full_document()
    document.analyzers["text_overlay"].models = [
        ModelInfo(id="ocr", revision="r7", sha256=SHA, licence="MIT", terms="not for <b>faces</b>")
    ]
    document.analyzers["text_overlay"].reused = True
    html = render_report(document, keyframes={})
    row = re.search(r'<tr[^>]*id="of-text_overlay".*?</tr>', html, re.DOTALL)
    assert row
    whole = (
        "ocr",
        "r7",
        "MIT",
        "not for &lt;b&gt;faces",
        f'data-copy="{SHA}"',
        "kept from an earlier run",
        "embedded on cpu, version 1",
        "3.1\xa0s",
    )
    assert [part for part in whole if part not in row[0]] == []
    assert len(re.findall(r'<tr[^>]*id="of-', html)) == len(ANALYZER_NAMES)
    assert "2 attempts" in html


# ---- in the browser --------------------------------------------------------------------------------------------------------------------


@pytest.mark.system
@pytest.mark.parametrize("size", [(1440, 900), PHONE], ids=str)
def test_times_seek_and_commands_are_copied(opens: Opens, size: tuple[int, int]) -> None:
    document = full_document()
    page = opens(render_report(document, keyframes=keyframes_of(document)), size=size, **GRANTED)
    now = page.locator("#now-time")
    page.get_by_role("button", name="Copy the command reelscope models verify --repair yamnet").first.click()
    assert told(page, "Command copied")
    assert page.evaluate("navigator.clipboard.readText()") == "reelscope models verify --repair yamnet"
    page.locator("#sound").get_by_role("button").first.click()
    loudest = sound(document, Tips())["jumps"][0][1]
    assert now.inner_text() == loudest.words
    page.get_by_role("button", name="2. Move the camera", exact=True).click()
    assert now.inner_text() == "0:07.50", "a click on a text"
    page.get_by_role("button", name="the end", exact=True).focus()
    page.keyboard.press("Enter")
    assert now.inner_text() == "0:22.00", "by keyboard"
    page.locator(".phones rect[data-seek='20.3']").first.click()
    assert now.inner_text() == "0:20.30", "a box in a phone"
    page.locator("#status summary, #status .sha").first.click()
    assert told(page, "sha256 of")
    assert page.evaluate("navigator.clipboard.readText()") == SHA
    page.locator(".swatches button").first.click()
    assert comes(page, lambda: re.fullmatch("#[0-9a-f]{6} copied", page.locator("#said").inner_text()))
    assert re.fullmatch("#[0-9a-f]{6}", page.evaluate("navigator.clipboard.readText()"))


@pytest.mark.system
def test_plots_go_where_they_are_clicked_and_show_the_playhead(opens: Opens) -> None:
    page = opens(render_report(full_document(), keyframes={}))
    plot = page.locator("[data-plot]").first
    plot.scroll_into_view_if_needed()
    box = plot.bounding_box()
    assert box
    page.mouse.click(box["x"] + box["width"] / 4, box["y"] + 20)
    t = page.evaluate("+document.querySelector('#scrub').value")
    assert abs(t - 6.0) < 0.1
    left = page.evaluate("[...document.querySelectorAll('.soundline')].map(l => parseFloat(l.style.left))")
    assert len(left) == page.locator("[data-plot]").count()
    assert all(abs(x - 100 * t / 24) < 0.01 for x in left)


@pytest.mark.system
def test_on_a_phone_provenance_stands_in_cards(opens: Opens) -> None:
    page = opens(render_report(full_document(), keyframes={}), size=PHONE)
    wide = page.evaluate("(e => e.scrollWidth - e.clientWidth)(document.querySelector('#status .scroll'))")
    assert wide <= 0, "nothing scrolls sideways"
    page.locator(".gap-rest summary").focus()
    page.keyboard.press("Enter")
    assert page.locator(".gap-rest .gap").first.is_visible()


def test_words_that_are_lost_lead_to_where_they_are_spoken() -> None:
    card = next(c for c in cards(spoken()) if c.name == "mute_test")
    lost = dict(card.jumps)["Lost without sound"]
    assert [(part.words, part.t_s) for part in lost if isinstance(part, At)][:3] == [("look", 3.5), ("second", 7.0), ("wait", 7.3)]
