"""Guesses at what somebody meant: only at names that are near."""

from __future__ import annotations

import pytest

from reelscope.document.exports import FORMATS
from reelscope.document.insights import INSIGHTS
from reelscope.document.names import ANALYZER_NAMES
from reelscope.errors import nearest

INSIGHTS_AND_ANALYZERS = (*INSIGHTS, *ANALYZER_NAMES, "media", "shots")


@pytest.mark.parametrize(
    ("word", "known", "meant"),
    [
        ("vvt", FORMATS, "vtt"),
        ("parqet", FORMATS, "parquet"),
        ("xml", FORMATS, "fcpxml"),
        ("hok", INSIGHTS_AND_ANALYZERS, "hook"),
        ("cut_analisis", ANALYZER_NAMES, "cut_analysis"),
        ("text", ANALYZER_NAMES, "text_overlay"),
        ("colours", ANALYZER_NAMES, "color_analysis"),
        ("cuts", ANALYZER_NAMES, "cut_analysis"),
    ],
)
def test_a_near_name_is_guessed(word: str, known: object, meant: str) -> None:
    assert nearest(word, known) == f", did you mean {meant!r}?"  # type: ignore[arg-type]


@pytest.mark.parametrize("word", ["foo", "xyz", "mp4", "", "f", "a name that is long and like no other", "\x00"])
@pytest.mark.parametrize("known", [FORMATS, INSIGHTS_AND_ANALYZERS, ()], ids=["formats", "insights", "nothing"])
def test_what_is_far_from_all_gets_no_guess(word: str, known: object) -> None:
    assert nearest(word, known) == ""  # type: ignore[arg-type]


def test_what_all_begin_with_makes_none_nearer() -> None:
    known = ("REELSCOPE_SERVER__PORT", "REELSCOPE_OUTPUT__DIR")
    assert nearest("REELSCOPE_FOO", known, stem="REELSCOPE_") == ""
    assert nearest("REELSCOPE_SERVER_PORT", known, stem="REELSCOPE_") == ", did you mean 'REELSCOPE_SERVER__PORT'?"
