"""Writing that could not be read: no place that counts texts may say that there are none."""

from __future__ import annotations

import re
from typing import Any

import pytest

from reelscope.document.compare.figures import figures_of, shot_figures
from reelscope.document.exports.tables.rows import rows_of
from reelscope.document.report import render_report
from reelscope.document.report.facts import gaps, glance
from reelscope.document.report.now import now
from reelscope.document.report.summaries import figures, summary_of
from reelscope.document.schema import Document
from reelscope.document.table import row_of
from reelscope.document.unread import measured, unread
from tests.document.fixtures import entry, full_document

WHY = "3 lines stand on the screen and could not be read"
NONE = {"count": 0, "by_role": {}, "characters": 0, "text_s": 0.0, "text_share": 0.0, "overlay_s": 0.0, "unreadable_lines": 3}
LOST = {"track_id": 1, "start_s": 3.0, "end_s": 4.0, "label": "unreadable", "points": []}


def document(tracks: list[dict[str, Any]] | None = None, **figures_: Any) -> Document:
    """A clip of captions in a script that was not read; its shots have no text."""
    made = full_document()
    made.analyzers["text_overlay"] = entry(tracks=[LOST] if tracks is None else tracks, summary=NONE | figures_)
    for shot in made.shots:
        shot.text = []
    return made


def words(html: str, part: str) -> str:
    found = re.search(rf'<section[^>]* (?:id|class)="{part}".*?</section>', html, re.DOTALL)
    assert found
    return " ".join(re.sub(r"<[^>]+>", " ", found[0]).split())


def test_the_report_says_what_could_not_be_read() -> None:
    texts = next(f for f in glance(document()) if f.name == "Texts")
    assert (texts.missing, texts.note) == (True, "3 lines on screen, not readable")
    assert [g.reason for g in gaps(document()) if "text_overlay" in dict(g.titles)] == [f"{WHY}: another script, too small or too blurred"]
    html = render_report(document(), keyframes={})
    assert "3 lines not readable" in words(html, "text")
    assert "could not be read" in words(html, "text")
    assert "0 found" not in words(html, "text")
    assert "3 lines stand on the screen" in words(html, "gaps")
    assert now(document(), [])["text"]["why"] == WHY


def test_a_shot_in_which_such_a_line_stood_is_not_said_to_have_no_text() -> None:
    html = render_report(document(), keyframes={})
    rows = re.findall(r'<tr role="row" class="shot".*?</tr>', html, re.DOTALL)
    assert ["not readable" in row for row in rows] == [i == 1 for i in range(8)]  # the second shot runs from 2.4 to 5.1 s
    assert ["no text" in row for row in rows] == [i != 1 for i in range(8)]
    shots = rows_of(document())["shots"]
    assert [row["text"] is None for row in shots] == [i == 1 for i in range(8)]
    counts = [shot_figures(shot)["texts"] for shot in figures_of(document(), "a").shots]
    assert counts == [0, None, 0, 0, 0, 0, 0, 0]


def test_where_it_is_not_told_when_they_stood_no_shot_is_said_to_have_no_text() -> None:
    html = render_report(document(tracks=[]), keyframes={})
    assert "no text" not in words(html, "shots")


@pytest.mark.parametrize("column", ["texts", "text_share"])
def test_the_table_is_blank_and_says_why(column: str) -> None:
    raw = document().model_dump(mode="json")
    assert (row_of(raw, "a.json")[column], row_of(raw, "a.json")[f"{column}_why"]) == (None, WHY)
    raw["analyzers"]["text_overlay"]["summary"]["unreadable_lines"] = 0
    assert (row_of(raw, "a.json")[column], row_of(raw, "a.json")[f"{column}_why"]) == (0, None)


def test_a_comparison_has_no_zero_either() -> None:
    found = figures_of(document(), "a")
    for key in ("count", "text_share", "by_role.caption"):
        assert found.fact(f"text_overlay.{key}") is None, key
        assert found.lack(f"text_overlay.{key}") == WHY
    assert found.fact("text_overlay.unreadable_lines") == 3


def test_figures_of_the_whole_clip_say_why() -> None:
    shown = {f.name: f for f in figures(summary_of(document(), "text_overlay"))}
    assert (shown["Text share"].missing, shown["Text share"].why) == (True, WHY)


def test_texts_that_were_read_are_counted_beside_those_that_were_not() -> None:
    summary = NONE | {"count": 2, "characters": 9, "text_s": 2.0, "text_share": 0.1, "overlay_s": 2.0, "unreadable_lines": 1}
    assert unread(summary) is None
    assert measured("text_overlay", summary) == summary
    made = full_document()
    made.analyzers["text_overlay"].summary = document(**summary).analyzers["text_overlay"].summary
    assert next(f for f in glance(made) if f.name == "Texts").note == "on screen; 1 line not readable"
    assert not [g for g in gaps(made) if g.status == "unread"]


def test_a_watermark_that_was_read_says_nothing_of_captions() -> None:
    told = measured("text_overlay", NONE | {"count": 1, "text_s": 20.0})
    assert (told["count"], told["text_s"], told["overlay_s"]) == (1, 20.0, None)


def test_nothing_lost_is_a_zero() -> None:
    assert measured("text_overlay", NONE | {"unreadable_lines": 0})["count"] == 0
    assert measured("plugin", NONE)["count"] == 0
