"""Filled pauses ("uh", "ähm", "euh") in a transcript, by language.

Only what carries no meaning is in the lists: a list that counts "like", "also", "ну" or "este" counts sentences that need them. Sounds of
agreement and surprise ("mm-hmm", "uh-huh", "uh-oh", "hm") are answers and not in them either.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence

__all__ = ["LANGUAGES", "find_fillers", "language_of"]

# Whole words in lower case; letters may be drawn out ("ummm").
_SOUNDS = {
    "de": re.compile(r"ä+h+m*|ä+m+|ö+h+m*|e+h+m+"),  # without "eh", which means "anyway" in the south
    "en": re.compile(r"u+h+m*|u+m+|e+r+m+|e+r"),  # "err" is a verb
    "es": re.compile(r"e+h+m*|e+m+"),
    "fr": re.compile(r"e+u+h+|h+e+u+"),
    "it": re.compile(r"e+h+m+|u+h+m+"),  # without "eh", which answers and exclaims
    "nl": re.compile(r"u+h+m*|e+u+h+m*|e+h+m*"),
    "ru": re.compile(r"э+(-э+)*(-?м+)?"),
}
# What makes another word of a sound: "uh huh" says yes, "uh oh" that something went wrong.
_NOT_BEFORE = {"en": frozenset({"huh", "oh"})}
# Two words that are empty only where commas set them off: "it was, you know, cold", but not "do you know".
_SET_OFF = {"en": (("you", "know"), ("i", "mean"))}
_ENDS = tuple(",.;:!?\u2026-\u2013\u2014")
_ASKING = re.compile(r"[?!\u00bf\u00a1]")

LANGUAGES = frozenset(_SOUNDS)


def language_of(code: str | None) -> str | None:
    """The language of a code: "en" of "en-US"."""
    return re.split(r"[-_]", code.lower())[0] if code else None


def find_fillers(texts: Sequence[str], language: str) -> list[tuple[int, str]]:
    """Fillers in a row of words.

    Args:
        texts: Words with their punctuation.
        language: One of LANGUAGES.

    Returns:
        Index of the (first) word and the filler in its plain form, in order.
    """
    plain = [_plain(t) for t in texts]
    found: list[tuple[int, str]] = []
    for i, text in enumerate(texts):
        after = plain[i + 1] if i + 1 < len(texts) else ""
        asks = language == "es" and _ASKING.search(text)  # "¿eh?" wants an answer
        other = asks or _is_acronym(text) or after in _NOT_BEFORE.get(language, ())
        if _SOUNDS[language].fullmatch(plain[i]) and not other:
            found.append((i, _short(plain[i])))
        for pair in _SET_OFF.get(language, ()):
            opens = i == 0 or texts[i - 1].endswith(_ENDS)
            if (plain[i], after) == pair and opens and text[-1:].isalpha() and texts[i + 1].endswith(","):
                found.append((i, " ".join(pair)))
    return found


def _plain(text: str) -> str:
    """Lower case, composed, without the signs around it."""
    return re.sub(r"^\W+|\W+$", "", unicodedata.normalize("NFC", text).casefold())


def _short(plain: str) -> str:
    """One letter for each that is drawn out."""
    return re.sub(r"(\w)\1+", r"\1", plain)


def _is_acronym(text: str) -> bool:
    """ "ER" is a room in a hospital, "UM" a university."""
    letters = [c for c in text if c.isalpha()]
    return len(letters) > 1 and all(c.isupper() for c in letters)
