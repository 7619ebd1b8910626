"""Error rates of transcripts, by hand."""

from __future__ import annotations

import pytest
from bench.accuracy._words import Errors, TimedWord, characters, edge_errors, words


@pytest.mark.parametrize(
    ("truth", "heard", "wrong", "units"),
    [
        ("", "", 0, 0),
        ("AT THAT HIGH LEVEL", "At that high level.", 0, 4),
        ("at that high level", "at the high level", 1, 4),
        ("at that high level", "", 4, 4),
        ("", "thanks for watching", 3, 0),
        ("and or sell copies", "and/or sell copies", 0, 4),
        ("a b", "x a y b z", 3, 2),
    ],
)
def test_words(truth: str, heard: str, wrong: int, units: int) -> None:
    assert words(truth, heard) == Errors(wrong, units)
    assert words(truth, heard).rate == (wrong / units if units else None)


@pytest.mark.parametrize(("truth", "heard", "wrong", "units"), [("The dog", "the dogs", 1, 7), ("the dog", "thedog", 1, 7), ("", "", 0, 0)])
def test_characters(truth: str, heard: str, wrong: int, units: int) -> None:
    assert characters(truth, heard) == Errors(wrong, units)


def test_edges_are_those_of_words_that_were_heard() -> None:
    phrases = [(1.0, 2.0, "ask not"), (3.0, 5.0, "what your country"), (6.0, 7.0, "stop")]
    heard = [TimedWord(1.1, 1.5, "Ask"), TimedWord(1.5, 1.8, "not,"), TimedWord(3.0, 3.2, "that"), TimedWord(4.0, 5.4, "country.")]
    assert edge_errors(phrases, heard) == pytest.approx([0.1, 0.2, 0.4])
    assert edge_errors(phrases, []) == [] and edge_errors([], heard) == []
