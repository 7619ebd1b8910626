"""Corrected words: cutting an edit of a sentence into the least changes, and finding each in another transcript.

Speech models differ in what they hear and in when they say it was, so words are found by their neighbours as well as by their times.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher

from reelscope.document.corrections.items import Said, Words, alike, plain
from reelscope.document.corrections.places import Found, missing
from reelscope.document.corrections.shapes import Anchor, Correction
from reelscope.document.measures.words import UNSPACED_LANGUAGES, align, joined, tokens

__all__ = ["Change", "changes", "find_words", "line_of", "pieces", "runs", "word_anchor"]

# Word times of two Whisper models differ by 0.1-0.5 s, more at pauses, where one gives the pause to the word before it.
NEAR_S = 0.75
SURE_S = 0.3  # without a neighbour that is the same
CONTEXT = 3  # words on either side that are kept
SIMILAR = 0.6  # of what was misheard in another way (difflib's ratio over characters)
LONGER = 1  # words that another hearing may take more

SEVERAL = "the same words are said several times there"


@dataclass(frozen=True, slots=True)
class Change:
    """Measured words [first, after) that are something else."""

    first: int
    after: int
    now: str


def pieces(text: str, language: str | None) -> list[str]:
    """A text as words; where its language has no blanks each character is one, with the punctuation after it."""
    words: list[str] = []
    for part in text.split():
        if language not in UNSPACED_LANGUAGES:
            words.append(part)
            continue
        for c in part:
            if words and not tokens(c):
                words[-1] += c
            else:
                words.append(c)
    return words


def line_of(words: Sequence[Said]) -> str:
    """Words as one line, as their language is written."""
    return joined((w.text, w.language) for w in words)


def changes(words: Sequence[Said], now: str) -> list[Change]:
    """The least changes that make of measured words what they should be; indices within `words`.

    Words that were forgotten belong to the one before them (at the start, after them): each change has a place that was heard.
    """
    language = words[0].language if words else None
    new = pieces(now, language)
    spans: list[list[int]] = []  # measured first, after, new first, after
    i = j = 0
    for a, b in align([w.text for w in words], new):
        after, new_after = i + (a is not None), j + (b is not None)
        if a is None or b is None or words[a].text != new[b]:
            if spans and spans[-1][1] == i and spans[-1][3] == j:
                spans[-1][1], spans[-1][3] = after, new_after
            else:
                spans.append([i, after, j, new_after])
        i, j = after, new_after
    found: list[list[int]] = []
    for first, after, new_first, new_after in spans:
        if first == after and first > 0:
            first, new_first = first - 1, new_first - 1
        elif first == after and words:
            after, new_after = after + 1, new_after + 1
        if found and first < found[-1][1]:
            found[-1][1], found[-1][3] = after, new_after
        else:
            found.append([first, after, new_first, new_after])
    return [Change(a, b, joined((t, language) for t in new[c:d])) for a, b, c, d in found]


def runs(words: Sequence[Said], text: str) -> list[tuple[int, int]]:
    """All runs [first, after) of words that say a text, in order."""
    want = tokens(text) or (plain(text),)
    found = []
    for i in words.starts.get(want[0], ()) if isinstance(words, Words) else range(len(words)):
        have: tuple[str, ...] = ()
        for j in range(i, len(words)):
            have += words[j].key
            if have == want:
                found.append((i, j + 1))
            if len(have) >= len(want) or have != want[: len(have)]:
                break
    return found


def word_anchor(words: Sequence[Said], first: int, after: int) -> Anchor:
    """The anchor of measured words [first, after)."""
    same = runs(words, line_of(words[first:after]))
    at = next((k for k, r in enumerate(same) if r == (first, after)), 0)
    start, end = words[first].start_s, words[after - 1].end_s
    gaps = [max(0.0, words[a].start_s - end, start - words[b - 1].end_s) for k, (a, b) in enumerate(same) if k != at]
    return Anchor(
        analyzer="speech_transcription", part="words", start_s=start, end_s=end,
        before=[w.text for w in words[max(0, first - CONTEXT) : first]], after=[w.text for w in words[after : after + CONTEXT]],
        nth=at, of=max(1, len(same)), gap_s=round(min(gaps), 6) if gaps else None,
    )  # fmt: skip


def find_words(correction: Correction, words: Sequence[Said]) -> Found:
    """Where corrected words are in a transcript: indices of its words; `agreed` without any where nothing is said there, as it should."""
    anchor, was, now = correction.anchor, str(correction.was or ""), correction.now
    same = runs(words, was)
    near = [r for r in same if _away(anchor, words, r) <= NEAR_S]
    chosen = _choose(anchor, words, same, near)
    if chosen is not None:
        return _found(chosen, words, now)
    if now and not near:
        agreeing = [r for r in runs(words, now) if _away(anchor, words, r) <= NEAR_S and _context(anchor, words, r) == 2]
        if len(agreeing) == 1:
            return _found(agreeing[0], words, now)
    if not near:
        gone = _heard_differently(anchor, words, was, now)
        if gone is not None:
            return gone
    return Found(reason=SEVERAL if near else missing(was))


def _found(run: tuple[int, int], words: Sequence[Said], now: str) -> Found:
    return Found(tuple(range(*run)), agreed=plain(line_of(words[slice(*run)])) == plain(now))


def _choose(
    anchor: Anchor, words: Sequence[Said], same: Sequence[tuple[int, int]], near: Sequence[tuple[int, int]]
) -> tuple[int, int] | None:
    """Of runs that say what was said then the one that is meant; None where that is not certain."""
    if not near:
        return None
    alone = anchor.gap_s is None or anchor.gap_s > 2 * NEAR_S
    if alone and len(near) == 1:
        context, away = _context(anchor, words, near[0]), _away(anchor, words, near[0])
        return near[0] if context == 2 or away <= SURE_S else None
    # said several times within a second or two: all that is known of the words around must be the same
    among = [r for r in near if _stand_before(words, r[0], anchor.before, edge=True) and _stand_from(words, r[1], anchor.after, edge=True)]
    if len(same) != anchor.of:
        return among[0] if len(among) == 1 else None
    numbered = same[anchor.nth]
    if numbered not in among:
        return None
    # and said several times among the same words: the number decides, and must not contradict the times
    nearest = all(_away(anchor, words, numbered) < _away(anchor, words, r) for r in among if r != numbered)
    return numbered if nearest else None


def _context(anchor: Anchor, words: Sequence[Said], run: tuple[int, int]) -> int:
    """On how many sides (0-2) the neighbour is the same; where there was none, there must be none."""
    before, after = words[max(0, run[0] - 1) : run[0]], words[run[1] : run[1] + 1]
    left = not before if not anchor.before else bool(before) and alike(before[0].text, anchor.before[-1])
    right = not after if not anchor.after else bool(after) and alike(after[0].text, anchor.after[0])
    return int(left) + int(right)


def _away(anchor: Anchor, words: Sequence[Said], run: tuple[int, int]) -> float:
    """How far a run is from the time of the correction: by the end that moved less, since the other may hold a pause."""
    return min(abs(words[run[0]].start_s - anchor.start_s), abs(words[run[1] - 1].end_s - anchor.end_s))


def _heard_differently(anchor: Anchor, words: Sequence[Said], was: str, now: str) -> Found | None:
    """What stands between the same neighbours at the same time and sounds much like it; or nothing, where it was to be taken away."""
    left, right = tuple(anchor.before[-2:]), tuple(anchor.after[:2])
    if len(left) + len(right) < 2:
        return None
    longest = max(len(was.split()), len(now.split()), 1) + LONGER
    found: list[tuple[int, int]] = []
    for i in range(len(words) + 1):
        if not _stand_before(words, i, left):
            continue
        for j in range(i, min(i + longest, len(words)) + 1):
            if _stand_from(words, j, right) and _in_time(anchor, words, i, j):
                found.append((i, j))
    if len(found) != 1:
        return None
    i, j = found[0]
    if i == j:
        return Found(agreed=True) if not now else None
    heard = line_of(words[i:j]).casefold()
    likest = max(SequenceMatcher(None, heard, t.casefold(), autojunk=False).ratio() for t in (was, now))
    return _found((i, j), words, now) if likest >= SIMILAR else None


def _stand_before(words: Sequence[Said], at: int, texts: Sequence[str], *, edge: bool = False) -> bool:
    """Whether these texts are said right before a word; none: whether it is the first.

    Args:
        edge: Whether fewer of them than are kept say that it is the first word but so many.
    """
    if not texts or (edge and len(texts) < CONTEXT and at != len(texts)):
        return at == len(texts)
    return at >= len(texts) and all(alike(words[at - len(texts) + k].text, t) for k, t in enumerate(texts))


def _stand_from(words: Sequence[Said], at: int, texts: Sequence[str], *, edge: bool = False) -> bool:
    """Whether these texts are said from a word on; none: whether all words are before it."""
    left = len(words) - at
    if not texts or (edge and len(texts) < CONTEXT and left != len(texts)):
        return left == len(texts)
    return left >= len(texts) and all(alike(words[at + k].text, t) for k, t in enumerate(texts))


def _in_time(anchor: Anchor, words: Sequence[Said], i: int, j: int) -> bool:
    if i == j:  # between two words
        before = words[i - 1].end_s if i else anchor.start_s
        after = words[j].start_s if j < len(words) else anchor.end_s
        return before <= anchor.end_s + NEAR_S and after >= anchor.start_s - NEAR_S
    return words[i].start_s >= anchor.start_s - NEAR_S and words[j - 1].end_s <= anchor.end_s + NEAR_S
