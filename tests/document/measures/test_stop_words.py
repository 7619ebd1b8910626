"""Stop words by language."""

from __future__ import annotations

import pytest

from reelscope.document.measures.stop_words import LANGUAGES, content, stop_words


@pytest.mark.parametrize(
    ("language", "text", "left"),
    [
        ("en", "This is not the coffee I've made", ("not", "coffee", "made")),
        ("en-GB", "the cup", ("cup",)),
        ("DE", "Das ist nicht der Kaffee", ("nicht", "kaffee")),
        ("fr", "c'est l'eau", ("c'est", "l'eau")),  # one token each: nothing is split off
        ("ru", "это не кофе", ("это", "не", "кофе")),  # no list: all count
        (None, "the cup", ("the", "cup")),
        ("", "the", ("the",)),
    ],
)
def test_content(language: str | None, text: str, left: tuple[str, ...]) -> None:
    assert content(text, stop_words(language)) == left


@pytest.mark.parametrize("language", LANGUAGES)
def test_negations_are_content(language: str) -> None:
    assert not stop_words(language) & {"not", "no", "never", "nicht", "kein", "nie", "nunca", "ne", "pas", "jamais"}
