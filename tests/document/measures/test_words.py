"""Words in their compared form, and distances between rows of them, against hand-written tables and a slow reference."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reelscope.document.measures.words import align, edit_distance, tokens


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", ()),
        (" \n\t—…! ", ()),
        ("And so, my fellow AMERICANS:", ("and", "so", "my", "fellow", "americans")),
        ("don\u2019t 'quote' rock'n'roll dogs'", ("don't", "quote", "rock'n'roll", "dogs")),
        ("twenty-one 3.5 1,000 end.5 5. 7,", ("twenty", "one", "3.5", "1,000", "end", "5", "5", "7")),
        ("Stra\u00dfe STRASSE", ("strasse", "strasse")),
        ("\uff26\uff55\uff4c\uff4c \ufb01ne", ("full", "fine")),
        ("cafe\u0301 caf\u00e9", ("caf\u00e9", "caf\u00e9")),
        ("co\u00adop zero\u200bwidth", ("coop", "zerowidth")),
        ("Привет, МИР!", ("привет", "мир")),
        ("GPT\u7248\u672c5 \u3053\u3093", ("gpt", "\u7248", "\u672c", "5", "\u3053", "\u3093")),
        ("like\U0001f525this #tag @me 50%", ("like", "this", "tag", "me", "50")),
        ("\u0939\u093f\u0928\u094d\u0926\u0940", ("\u0939\u093f\u0928\u094d\u0926\u0940",)),
    ],
)
def test_tokens(text: str, words: tuple[str, ...]) -> None:
    assert tokens(text) == words


@given(st.text())
def test_tokens_of_tokens_are_themselves(text: str) -> None:
    words = tokens(text)
    assert tokens(" ".join(words)) == words


@pytest.mark.parametrize(
    ("a", "b", "distance"),
    [("", "", 0), ("abc", "", 3), ("", "ab", 2), ("kitten", "sitting", 3), ("abc", "abc", 0), ("abcd", "bcde", 2), ("aab", "ab", 1)],
)
def test_edit_distance(a: str, b: str, distance: int) -> None:
    assert edit_distance(a, b) == distance == edit_distance(b, a)


@pytest.mark.parametrize(
    ("a", "b", "pairs"),
    [
        ("", "", []),
        ("a", "", [(0, None)]),
        ("", "a", [(None, 0)]),
        ("abc", "axc", [(0, 0), (1, 1), (2, 2)]),
        ("abc", "ac", [(0, 0), (1, None), (2, 1)]),
        ("ac", "abc", [(0, 0), (None, 1), (1, 2)]),
        (["the", "cat", "sat", "on"], ["a", "cat", "sat", "down", "on"], [(0, 0), (1, 1), (2, 2), (None, 3), (3, 4)]),
    ],
)
def test_align(a: str, b: str, pairs: list[tuple[int | None, int | None]]) -> None:
    assert align(a, b) == pairs


def slow_distance(a: str, b: str) -> int:
    if not a or not b:
        return len(a) + len(b)
    return min(slow_distance(a[1:], b) + 1, slow_distance(a, b[1:]) + 1, slow_distance(a[1:], b[1:]) + (a[0] != b[0]))


@given(st.text("abc", max_size=5), st.text("abc", max_size=5))
def test_distance_is_the_smallest_and_the_alignment_costs_just_that(a: str, b: str) -> None:
    pairs = align(a, b)
    assert [i for i, _ in pairs if i is not None] == list(range(len(a)))
    assert [j for _, j in pairs if j is not None] == list(range(len(b)))
    cost = sum(i is None or j is None or a[i] != b[j] for i, j in pairs)
    assert cost == edit_distance(a, b) == slow_distance(a, b)
