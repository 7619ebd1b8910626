"""Words as they are compared: one normal form for speech, captions and truth, and the distance between two rows of them."""

from __future__ import annotations

import unicodedata
from collections.abc import Hashable, Iterable, Sequence

__all__ = ["UNSPACED_LANGUAGES", "align", "edit_distance", "joined", "tokens"]

UNSPACED_LANGUAGES = frozenset({"zh", "ja", "th", "lo", "my", "yue"})
"""Languages, by Whisper's codes, that are written without blanks between words; a transcript's "word" is mostly one character there."""

# Typographic apostrophes, which NFKC leaves alone.
_APOSTROPHES = str.maketrans(dict.fromkeys("\u2019\u2018\u02bc\u00b4`\u2032", "'"))
# Scripts written without blanks: each character is a word, as error rates are counted for them (first and last code point).
_UNSPACED = (
    (0x2E80, 0x2FDF),
    (0x3005, 0x3007),
    (0x3040, 0x30FF),
    (0x31F0, 0x31FF),
    (0x3400, 0x4DBF),
    (0x4E00, 0x9FFF),
    (0xF900, 0xFAFF),
    (0x20000, 0x3FFFF),
)

# Moves of an alignment, in the order in which they are tried on the way back.
_PAIR, _ONLY_A, _ONLY_B = 0, 1, 2


def tokens(text: str) -> tuple[str, ...]:
    """The words of a text in the form in which they are compared.

    NFKC and case folded; a word is a run of letters, marks and digits. An apostrophe between letters stays ("don't"), a point or comma
    between digits stays ("3.5", "1,000"); every other sign parts words ("twenty-one" are two). Invisible format characters are dropped.
    Numerals stay numerals: nothing spells them out. In Chinese and Japanese each character is a word.
    """
    folded = unicodedata.normalize("NFKC", text.translate(_APOSTROPHES)).casefold()
    plain = "".join(c for c in unicodedata.normalize("NFKC", folded.translate(_APOSTROPHES)) if unicodedata.category(c) != "Cf")
    out: list[str] = []
    word = ""
    for i, c in enumerate(plain):
        if _unspaced(c):
            out += [word, c]
            word = ""
        elif unicodedata.category(c)[0] in "LMN" or (word and _joins(c, plain[i - 1], plain[i + 1 : i + 2])):
            word += c
        else:
            out.append(word)
            word = ""
    return tuple(w for w in (*out, word) if w)


def joined(words: Iterable[tuple[str, str | None]]) -> str:
    """Words (text, language) as a line, with blanks before those whose language is written with them."""
    out = ""
    for text, language in words:
        out += text if not out or language in UNSPACED_LANGUAGES else f" {text}"
    return out


def _unspaced(c: str) -> bool:
    return any(first <= ord(c) <= last for first, last in _UNSPACED)


def _joins(c: str, before: str, after: str) -> bool:
    """Whether a sign between two characters holds them together."""
    if c == "'":
        return before.isalpha() and after.isalpha() and not _unspaced(after)
    return c in ".," and before.isdigit() and after.isdigit()


def edit_distance(a: Sequence[Hashable], b: Sequence[Hashable]) -> int:
    """Levenshtein distance: the fewest insertions, deletions and substitutions that make `a` into `b`. Takes len(a) x len(b) steps."""
    head, tail = _shared_ends(a, b)
    a, b = a[head : len(a) - tail], b[head : len(b) - tail]
    row = list(range(len(b) + 1))
    for i, x in enumerate(a, 1):
        corner, row[0] = row[0], i
        for j, y in enumerate(b, 1):
            corner, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, corner + (x != y))
    return row[-1]


def align(a: Sequence[Hashable], b: Sequence[Hashable]) -> list[tuple[int | None, int | None]]:
    """One cheapest way to lay `b` along `a`, as pairs of indices in order.

    Returns:
        (i, j): a[i] stands against b[j], the same or in its place; (i, None): a[i] is missing in b; (None, j): b[j] was put in.
        Of several cheapest ways it is the one that pairs as late as it can; the same input gives the same again.
    """
    head, tail = _shared_ends(a, b)
    inner = _align(a[head : len(a) - tail], b[head : len(b) - tail])
    return [
        *((i, i) for i in range(head)),
        *((None if i is None else i + head, None if j is None else j + head) for i, j in inner),
        *((len(a) - k, len(b) - k) for k in range(tail, 0, -1)),
    ]


def _shared_ends(a: Sequence[Hashable], b: Sequence[Hashable]) -> tuple[int, int]:
    """How many items both share at the start, and then at the end; pairing them is never dearer than another way."""
    most = min(len(a), len(b))
    head = next((i for i in range(most) if a[i] != b[i]), most)
    most -= head
    return head, next((i for i in range(most) if a[-1 - i] != b[-1 - i]), most)


def _align(a: Sequence[Hashable], b: Sequence[Hashable]) -> list[tuple[int | None, int | None]]:
    row = list(range(len(b) + 1))
    moves = [bytearray([_ONLY_B]) * (len(b) + 1)]  # one byte a cell: the move that leads into it
    for i, x in enumerate(a, 1):
        corner, row[0] = row[0], i
        move = bytearray([_ONLY_A]) * (len(b) + 1)
        for j, y in enumerate(b, 1):
            costs = (corner + (x != y), row[j] + 1, row[j - 1] + 1)
            corner, row[j] = row[j], min(costs)
            move[j] = costs.index(row[j])
        moves.append(move)
    out: list[tuple[int | None, int | None]] = []
    i, j = len(a), len(b)
    while i or j:
        step = moves[i][j]
        i -= step != _ONLY_B
        j -= step != _ONLY_A
        out.append((None if step == _ONLY_B else i, None if step == _ONLY_A else j))
    return out[::-1]
