"""Corrections that show nowhere else: what has no place in this analysis, and what was taken away."""

from __future__ import annotations

from typing import Any

import pytest

from reelscope.document.corrections import corrected
from reelscope.document.report.aside import SHOWN, aside
from reelscope.document.report.render import render_report
from reelscope.document.schema import Document
from tests.document.corrections.made import Overlay, spoken
from tests.document.fixtures import empty_document, full_document
from tests.document.report.conftest import DESKTOP, PHONE, Opens, violations

CLIP = spoken()


def told(document: Document) -> list[tuple[bool, str, str, str]]:
    return [(a.taken, a.what, a.was, a.now) for a in aside(document)]


def lost() -> Document:
    """Of a clip in which nothing of the kind is found now."""
    overlay = Overlay(CLIP)
    overlay.say(0, "Welcome to <reelscope>,")
    overlay.add("speaker", was=1, now="Ben")
    return corrected(full_document(), overlay.all).document


def test_a_measured_document_has_none() -> None:
    assert aside(full_document()) == [] and "aside-h" not in render_report(empty_document(), keyframes={})


def test_what_stands_on_its_place_is_not_among_them() -> None:
    overlay = Overlay(CLIP)
    overlay.say(0, "Welcome to reelscope,")
    assert aside(corrected(CLIP, overlay.all).document) == []


def test_what_has_no_place_is_told_with_who_when_and_why() -> None:
    found = aside(lost())
    assert told(lost()) == [(False, "Words", "reel scope,", "<reelscope>,"), (False, "Speaker", "speaker 2", "Ben")]
    assert all(a.why and a.by.startswith("ana, 20") for a in found)
    html = render_report(lost(), keyframes={})
    assert "&lt;reelscope&gt;," in html and "<reelscope>," not in html
    assert "2 have no certain place in this analysis" in html


def test_what_was_taken_away_is_told() -> None:
    overlay = Overlay(CLIP)
    overlay.say(5, "")
    document = corrected(CLIP, overlay.all).document
    before = CLIP.analyzers["speech_transcription"].segments[5]
    [row] = aside(document)
    assert (row.taken, row.what, row.was, row.when.t_s) == (True, "Words", before.text, before.start_s)  # type: ignore[union-attr, attr-defined]
    assert "1 took away what was measured" in render_report(document, keyframes={})


@pytest.mark.parametrize(
    "odd", [None, [], "x", {"unplaced": "x", "taken_away": [1, None, []]}, {"unplaced": [{}], "taken_away": [{"start_s": "x"}]}]
)
def test_what_somebody_wrote_by_hand_does_no_harm(odd: Any) -> None:
    document = full_document().model_copy(update={"corrections": odd})
    assert all(a.by == "nobody named, an unknown day" for a in aside(document))
    render_report(document, keyframes={})


@pytest.mark.system
@pytest.mark.parametrize("size", [DESKTOP, PHONE])
def test_many_fold_out(opens: Opens, size: tuple[int, int]) -> None:
    overlay = Overlay(CLIP)
    for n in range(SHOWN + 1):
        overlay.say(n, f"said otherwise {n}")
    document = corrected(full_document(), overlay.all).document
    assert len(aside(document)) > SHOWN
    page = opens(render_report(document, keyframes={}), size=size)
    rest = page.locator("section[aria-labelledby=aside-h] details")
    assert not rest.locator("li").first.is_visible()
    rest.locator("summary").click()
    assert rest.locator("li").first.is_visible()
    assert violations(page) == []
