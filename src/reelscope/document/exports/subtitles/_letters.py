"""Characters: what may stand in a subtitle at all, how wide it is, and where a line must not break."""

from __future__ import annotations

import re
import unicodedata

__all__ = ["clean", "ends_clause", "ends_sentence", "graphemes", "held_together", "is_unspaced", "starts_phrase", "width_cells", "words_of"]

# Blanks at which a line may break. The no-break ones (of "10 000" and of French signs) hold their neighbours together.
_BLANK = re.compile(r"[^\S\u00a0\u202f\u2007]+")

# Signs that end a sentence or a part of one, in the scripts that Whisper writes.
_SENTENCE = ".!?\u2026\u3002\uff01\uff1f\uff0e\u061f\u06d4\u0964\u0965\u104b\u17d4\u203c\u2047\u2048\u2049"
_CLAUSE = ",;:\u2013\u2014\u060c\u061b\u3001\uff0c\uff1b\uff1a\u104a"
# Titles and the like that are written with a point and stand before a capital or a numeral.
_SHORT = frozenset(
    [
        "mr.",
        "mrs.",
        "ms.",
        "dr.",
        "prof.",
        "st.",
        "vs.",
        "no.",
        "nr.",
        "fr.",
        "hr.",
        "sr.",
        "sra.",
        "mme.",
        "mlle.",
        "m.",
        "e.g.",
        "i.e.",
        "z.b.",
        "г.",
        "ул.",
    ]
)
# Closing quotes and brackets may stand behind either.
_CLOSING = "\"'\u2019\u201d\u00bb\u203a)]}\u300d\u300f\u3011\uff09\u3009\u300b\uff3d\uff5d"
_OPENING = "([{\u201c\u2018\u00ab\u2039\u201e\u201a\u00bf\u00a1\u300c\u300e\u3010\uff08\u3008\u300a\uff3b\uff5b"
# What no line of a script without blanks begins with: small kana, marks of length and repetition, and Thai and Lao vowels and signs that
# follow their consonant (the first rule of Japanese line breaking, JIS X 4051, and of Unicode's, UAX 14: classes CL, NS, CJ, EX).
_NO_START = (
    "\u3041\u3043\u3045\u3047\u3049\u3063\u3083\u3085\u3087\u308e\u30a1\u30a3\u30a5\u30a7\u30a9\u30c3\u30e3\u30e5\u30e7\u30ee\u30f5\u30f6"
    "\u30fc\u3005\u309d\u309e\u30fd\u30fe\u30fb%\u2030\u00b0\u2103\u0e30\u0e32\u0e33\u0e45\u0e46\u0e2f\u0eb0\u0eb2\u0eb3\u0ebd\u0ec6\u0eaf"
)
# And what none ends with: Thai and Lao vowels that are written before their consonant, signs of currency.
_NO_END = "\u0e40\u0e41\u0e42\u0e43\u0e44\u0ec0\u0ec1\u0ec2\u0ec3\u0ec4$\u00a3\u00a5\u20ac\uffe5#"

# Scripts written without blanks between words: Thai to Lao, Burmese, Khmer, and what East Asian Width calls wide except Hangul.
_UNSPACED = ((0x0E00, 0x0EFF), (0x1000, 0x109F), (0x1780, 0x17FF))
_HANGUL = ((0x1100, 0x11FF), (0x3130, 0x318F), (0xA960, 0xA97F), (0xAC00, 0xD7FF))

_THOUSANDS = re.compile(r"\d{3}(?!\d)")


def clean(text: object) -> str:
    """Text as one line that any file can hold: without control characters and lone surrogates, runs of blanks as one blank.

    Marks of direction and joiners stay: Arabic, Hebrew and emoji need them. What is no text is none.
    """
    if not isinstance(text, str):
        return ""
    parts = _BLANK.split(text)
    return " ".join(p for p in ("".join(c for c in part if unicodedata.category(c) not in ("Cc", "Cs")) for part in parts) if p)


def words_of(text: str) -> list[str]:
    """The parts of a cleaned text between its blanks."""
    return [w for w in text.split(" ") if w]


def graphemes(text: str) -> list[str]:
    """Text in pieces between which a script without blanks may break: characters with their marks, joined emoji in one piece."""
    out: list[str] = []
    for c in text:
        if out and (unicodedata.category(c) in ("Mn", "Mc", "Me", "Cf", "Sk") or held_together(out[-1], c)):
            out[-1] += c
        else:
            out.append(c)
    return out


def width_cells(text: str) -> int:
    """Width in cells: two for a wide character (Chinese, Japanese, Korean, emoji), none for a mark on another one, one for the rest."""
    return sum(_cells(c) for c in text)


def _cells(c: str) -> int:
    if c.isascii():
        return 1
    if unicodedata.category(c) in ("Mn", "Me", "Cf"):
        return 0
    return 2 if unicodedata.east_asian_width(c) in "WF" else 1


def ends_sentence(text: str, following: str = "") -> bool:
    """Whether a word is the last of a sentence by its sign.

    A point ends none behind a title or an initial, nor before a small letter.
    """
    bare = text.rstrip(_CLOSING)
    if not bare.endswith(tuple(_SENTENCE)):
        return False
    if bare[-1] not in ".\u2026":
        return True
    plain = bare.strip(_OPENING).casefold()
    return not (following[:1].islower() or plain in _SHORT or (len(plain) == 2 and plain[0].isalpha()))


def ends_clause(text: str) -> bool:
    """Whether a word is the last of a part of a sentence, or a dash."""
    bare = text.rstrip(_CLOSING)
    return bare.endswith((*_CLAUSE, "\u2026", "...")) or bare in ("-", "--")


def is_unspaced(text: str) -> bool:
    """Whether a text has a character of a script that is written without blanks."""
    return any(_unspaced(c) for c in text)


def _unspaced(c: str) -> bool:
    point = ord(c)
    if any(a <= point <= b for a, b in _UNSPACED):
        return True
    return unicodedata.east_asian_width(c) in "WF" and c.isalnum() and not any(a <= point <= b for a, b in _HANGUL)


def starts_phrase(before: str, after: str) -> bool:
    """Whether a Japanese phrase begins between two pieces: hiragana, which end one, before another script, which begins one."""
    return bool(before and after) and "\u3041" <= before[-1] <= "\u309f" and _unspaced(after[0]) and not "\u3041" <= after[0] <= "\u30fe"


def held_together(before: str, after: str, *, blank: bool = False) -> bool:
    """Whether no line may break between two pieces of text.

    Args:
        blank: Whether a blank stands between them: then only a number's digit groups ("10 000"), and signs that belong to a neighbour,
            hold together.
    """
    if not before or not after:
        return True
    if not any(c.isalnum() for c in after) and not _opens(after) and (not blank or not _symbol(after)):
        return True  # signs stand behind the word that they follow
    if not any(c.isalnum() for c in before) and _opens(before):
        return True
    if blank:
        return before[-1].isdigit() and _is_group(before) and _THOUSANDS.match(after) is not None
    first, last = after[0], before[-1]
    if unicodedata.category(first) in ("Mn", "Mc", "Me", "Cf") or unicodedata.category(last) == "Cf":
        return True
    if first in _NO_START or last in _NO_END or first in _CLOSING or last in _OPENING or first in _SENTENCE or first in _CLAUSE:
        return True
    if first.isdigit() and (last.isdigit() or last in ".,:/-\uff0e"):
        return True  # "20" and "26" of 2026, "3." and "5"
    return not (_unspaced(first) or _unspaced(last))  # two pieces of one word of a script with blanks


def _is_group(text: str) -> bool:
    """Whether a text ends with at most three digits, with others only before them: the head of a number that is written in groups."""
    digits = len(text) - len(text.rstrip("0123456789"))
    return 1 <= digits <= 3


def _opens(text: str) -> bool:
    return text[-1] in _OPENING


def _symbol(text: str) -> bool:
    """Whether a sign stands for a word: emoji, currency, arithmetic."""
    return any(unicodedata.category(c) in ("So", "Sm", "Sc") for c in text)
