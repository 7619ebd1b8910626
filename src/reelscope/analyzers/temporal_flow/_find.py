"""Finding the words of the tables in a clause."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

from reelscope.analyzers.temporal_flow._patterns import LANGUAGES, LEADS, LINKS, ORDINALS, TABLES

__all__ = ["Hit", "find", "fold", "ordinal", "prepare"]

NUMERAL = re.compile(
    r"(?:(?:step|tip|day|part|schritt|tag|tipp|paso|dia|etape|jour|passo|giorno|passaggio|шаг|день|совет|number|no|nr|fact|rule) )?"
    r"(\d{1,2})(?= |$)"
)
GLUED_CHARS = 15  # a "word" this long of a text is taken for several without their blanks


@dataclass(frozen=True, slots=True)
class Hit:
    """A pattern found. start, end: where in the folded clause."""

    kind: str
    start: int
    end: int


def fold(text: str) -> str:
    """Without accents, so that both spellings meet (OCR often loses them): é -> e, й -> и."""
    return "".join(c for c in unicodedata.normalize("NFD", text) if unicodedata.category(c) != "Mn")


def find(table: str, words: Sequence[str], language: str | None, *, glued: bool = False) -> list[Hit]:
    """Patterns of a table in one clause, the first hit of each kind, in order of the table.

    Args:
        table: Name in TABLES.
        words: Compared words of the clause (document.measures.words.tokens), folded.
        language: Two letters; its own patterns and the English ones count, which are used in every language. None: all count, but for
            those that are ambiguous. A language without a table: the English ones.
        glued: Whether blanks may be missing, as they are where OCR reads a tight line.
    """
    clause = " ".join(words)
    tight = glued and any(len(w) >= GLUED_CHARS for w in words)
    out: list[Hit] = []
    for kind, pattern in _compiled(table, language[:2] if language else None, tight):
        found = pattern.search(clause)
        if found is not None and all(h.kind != kind for h in out):
            out.append(Hit(kind, found.start("hit"), found.end("hit")))
    return out


def prepare() -> None:
    """Compile all patterns once per worker (0.06 s) rather than with the first clip."""
    for table in TABLES:
        _compiled(table, None, False)


def ordinal(words: Sequence[str], language: str | None) -> int | None:
    """The number of the step that a clause opens ("Step 2", "#3", "1. cut it", "zweitens"); None where it opens none."""
    clause = " ".join(words)
    found = NUMERAL.match(clause)
    if found is not None:
        return int(found.group(1))
    for lang in LANGUAGES if language is None else dict.fromkeys((language[:2], "en")):
        for i, names in enumerate(ORDINALS.get(lang, ()), 1):
            if re.match(f"(?:{fold(names)})(?= |$)", clause):
                return i
    return None


@cache
def _compiled(table: str, language: str | None, glued: bool) -> list[tuple[str, re.Pattern[str]]]:
    languages = LANGUAGES if language is None else tuple(dict.fromkeys(lang for lang in (language, "en") if lang in LANGUAGES))
    before = LEADS if table == "calls" else LINKS
    return [
        (kind, _compile(pattern.removeprefix("~"), before[lang], glued))
        for kind, by_language in TABLES[table].items()
        for lang in languages
        for pattern in by_language.get(lang, ())
        if language is not None or not pattern.startswith("~")
    ]


def _compile(pattern: str, leads: str, glued: bool) -> re.Pattern[str]:
    """Leads are not part of the hit where all alternatives are bound to the start of the clause."""
    parts = [(part.startswith("^"), part.removeprefix("^")) for part in _alternatives(fold(pattern))]
    before = {True: f"^(?:(?:{fold(leads)}) )*", False: "(?:^| )"}
    if len({anchored for anchored, _ in parts}) == 1:
        source = f"{before[parts[0][0]]}(?P<hit>{'|'.join(body for _, body in parts)})"
    else:
        source = f"(?P<hit>{'|'.join(f'{before[anchored]}(?:{body})' for anchored, body in parts)})"
    if not glued:
        return re.compile(f"{source}(?= |$)")
    # not before \S+, whose way back would take as many steps as there are ways to cut the clause
    return re.compile(re.sub(r" (?!\\S)", " ?", source).replace("(?:^| ?)", "(?:^| )"))


def _alternatives(pattern: str) -> list[str]:
    """Split at the bars outside of parentheses."""
    out, depth, part = [], 0, ""
    for c in pattern:
        depth += (c == "(") - (c == ")")
        if c == "|" and depth == 0:
            out.append(part)
            part = ""
        else:
            part += c
    return [*out, part]
