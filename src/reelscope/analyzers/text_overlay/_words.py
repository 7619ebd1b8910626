"""Words: comparing, judging and joining what was read. Pure text, no pictures."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence

__all__ = [
    "best_reading",
    "edit_distance",
    "join_lines",
    "letters",
    "normal",
    "script_doubt",
    "similar",
    "within",
]

SIMILAR_MAX = 0.34  # normalised edit distance up to which two readings are of the same line: one error in three characters

LONGER_MIN = 0.9  # confidence from which a longer reading is preferred


def edit_distance(a: str, b: str) -> int:
    """Levenshtein distance (insert, delete, replace: 1 each)."""
    if len(a) < len(b):
        a, b = b, a
    row = list(range(len(b) + 1))
    for i, x in enumerate(a, 1):
        previous, row[0] = row[0], i
        for j, y in enumerate(b, 1):
            previous, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, previous + (x != y))
    return row[-1]


def normal(text: str) -> str:
    """The text as compared: compatibility forms, case and everything but letters and digits folded away."""
    return "".join(c for c in unicodedata.normalize("NFKC", text).casefold() if c.isalnum())


def similar(a: str, b: str) -> bool:
    """Whether two readings are of the same words."""
    left, right = normal(a), normal(b)
    if not left or not right:
        return left == right
    return edit_distance(left, right) <= SIMILAR_MAX * max(len(left), len(right))


def within(part: str, whole: str) -> bool:
    """Whether `whole` says `part` and more: a line being typed, or one of which only a piece was found."""
    left, right = normal(part), normal(whole)
    if not 0 < len(left) < len(right):
        return False
    allowed = int(SIMILAR_MAX / 2 * len(left))
    return any(edit_distance(left, right[i : i + len(left)]) <= allowed for i in range(len(right) - len(left) + 1))


def letters(text: str) -> int:
    """Letters and digits in the text."""
    return sum(c.isalnum() for c in text)


def _wide(c: str) -> bool:
    """Whether a character is of a script written without spaces between words (Chinese, Japanese)."""
    return unicodedata.east_asian_width(c) in "WF"


def best_reading(readings: Sequence[tuple[float, str]]) -> tuple[float, str]:
    """The surest reading (confidence, text), or a longer sure one that holds it: the first may be of a line half in the picture."""
    best = max(readings, default=(0.0, ""))
    for confidence, text in readings:
        if confidence >= LONGER_MIN and within(best[1], text):
            best = (confidence, text)
    return best


def join_lines(lines: Sequence[str]) -> str:
    """Lines as running text: a space between them, none between Chinese or Japanese characters."""
    text = ""
    for line in (line.strip() for line in lines):
        if text and line and not (_wide(text[-1]) and _wide(line[0])):
            text += " "
        text += line
    return text


def script_doubt(text: str) -> bool:
    """Whether the letters look like another script misread: what no Latin, Chinese or Japanese line looks like.

    The recogniser knows Latin, Chinese and Japanese. Cyrillic, Greek, Korean or Arabic come out as look-alikes: small and capital
    letters mixed inside words (`BpeMe`, `cMEX`), digits inside words, Chinese characters inside Latin words.
    """
    words = [w for w in text.split() if letters(w) > 1]
    odd = sum(_odd_word(w) for w in words)
    return bool(words) and odd * 3 >= len(words) and odd > 0


def _odd_word(word: str) -> bool:
    core = [c for c in word if c.isalnum()]
    wide = sum(_wide(c) for c in core)
    if 0 < wide < len(core) and any(c.isalpha() and not _wide(c) for c in core):
        return True
    narrow = [c for c in core if not _wide(c)]
    # small letter followed by a capital, more than once or at the end: not camel case
    turns = sum(a.islower() and b.isupper() for a, b in zip(narrow, narrow[1:], strict=False))
    inside = sum(a.isalpha() and b.isdigit() and c.isalpha() for a, b, c in zip(narrow, narrow[1:], narrow[2:], strict=False))
    return turns >= 2 or inside >= 1 or (turns == 1 and len(narrow) <= 5)
