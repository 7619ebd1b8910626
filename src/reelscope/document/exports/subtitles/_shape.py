"""Where cues and lines break. Pure: tokens in, lines out; the same words always break in the same way.

Each break has a price, and so has a cue that is nearly empty; the cheapest way through a phrase is found exactly, by going from its end
to its beginning. Within a cue the lines are chosen likewise, among the fewest that hold the words.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from reelscope.document.exports.shapes import ExportOptions
from reelscope.document.exports.subtitles._letters import ends_clause, ends_sentence, held_together, starts_phrase, width_cells
from reelscope.document.exports.subtitles._words import PAUSE_S, Token

__all__ = ["Line", "line_text", "shaped"]

Line = tuple[Token, ...]

# Prices. Only their order matters: a break where the sentence goes on costs about as much as a further cue; one at a comma or a breath
# costs a third; one between a number and what it counts, or that leaves a word alone, is taken only where nothing else fits.
CUE = 1.0
AT_CLAUSE = 0.3
AT_PHRASE = 0.6
PLAIN = 1.0
NUMBER = 1.5
ORPHAN = 2.0
# A sentence that ends in the middle of a cue: worse than a further cue, better than a flash of one word.
OVER_SENTENCE = 1.8
# A comma in the middle of a cue is no fault; a breath is a small one, for the words after it are read before they are said.
OVER_BREATH = 0.3
# A cue that the next one takes away before it can be read: nothing from half a second on, all of this at no time at all.
FLASH = 2.0
FLASH_S = 0.5
# Of a cue's emptiness, squared: makes neighbours alike in length, and is less than any other price.
EMPTY = 0.5

# A breath: what speech_flow's phrases are parted by.
BREATH_S = 0.2

# In lines, beside the square of what is left free of the line (at most 1 a line).
LINE_PLAIN = 0.2
LINE_NUMBER = 1.5
LINE_ORPHAN = 0.3


@dataclass(frozen=True, slots=True)
class _Atom:
    """Tokens between which no line breaks. words: how many blanks stand in it, and one."""

    tokens: tuple[Token, ...]
    width: int
    blanks: int

    @property
    def space(self) -> bool:
        return self.tokens[0].space


class _Phrase:
    """What is said between two pauses, with what each place between two atoms is like."""

    def __init__(self, atoms: Sequence[_Atom], options: ExportOptions) -> None:
        self.atoms = atoms
        self.options = options

    @cached_property
    def sentence(self) -> list[bool]:
        """Whether a sentence ends before atom i."""
        following = [*(a.tokens[0].text for a in self.atoms[1:]), ""]
        return [False, *(ends_sentence(a.tokens[-1].text, text) for a, text in zip(self.atoms, following, strict=True))]

    @cached_property
    def clause(self) -> list[bool]:
        return [False, *(ends_clause(a.tokens[-1].text) for a in self.atoms)]

    @cached_property
    def breath(self) -> list[bool]:
        """Whether somebody breathes before atom i."""
        pairs = zip(self.atoms, self.atoms[1:], strict=False)
        return [False, *(_gap(a.tokens[-1], b.tokens[0]) >= BREATH_S for a, b in pairs), False]

    @cached_property
    def price(self) -> list[float]:
        """Of ending a cue before atom i."""
        out = [0.0]
        for i in range(1, len(self.atoms)):
            before, after = self.atoms[i - 1].tokens[-1].text, self.atoms[i].tokens[0].text
            if self.sentence[i]:
                out.append(0.0)
            elif self.clause[i] or self.breath[i]:
                out.append(AT_CLAUSE)
            elif before[-1].isdigit() and self.atoms[i].space:
                out.append(PLAIN + NUMBER)
            else:
                out.append(AT_PHRASE if starts_phrase(before, after) else PLAIN)
        return [*out, 0.0]

    def cues(self) -> list[tuple[int, int]]:
        """First atom and the one behind the last of each cue."""
        n = len(self.atoms)
        best: list[tuple[float, int]] = [(0.0, n)] * (n + 1)
        for i in range(n - 1, -1, -1):
            best[i] = min(((self._cue(i, j, inside) + best[j][0], j) for j, inside in self._reach(i)), key=lambda found: found[0])
        out, at = [], 0
        while at < n:
            out.append((at, best[at][1]))
            at = best[at][1]
        return out

    def _reach(self, first: int) -> list[tuple[int, float]]:
        """Where a cue that begins at an atom can end, with the price of what it would go over. The next atom is always one of them."""
        out, inside, at, lines = [], 0.0, first, 0
        while at < len(self.atoms) and lines < self.options.lines:
            until = self.full[at]  # greedy lines are the fewest
            for j in range(at + 1, until + 1):
                if j - 1 > first:
                    inside += OVER_SENTENCE * self.sentence[j - 1] + OVER_BREATH * (self.breath[j - 1] and not self.sentence[j - 1])
                out.append((j, inside))
            at, lines = until, lines + 1
        return out

    @cached_property
    def full(self) -> list[int]:
        """For each atom the one behind the last that fits on a line with it. One atom always does."""
        out, until = [], 0
        for first in range(len(self.atoms)):
            until = max(until, first + 1)
            while until < len(self.atoms) and self._fits(first, until + 1):
                until += 1
            out.append(until)
        return out

    def _fits(self, first: int, until: int) -> bool:
        width, words = self._size(first, until)
        return width <= self.options.chars_per_line and words <= self.options.words_per_line

    @cached_property
    def sums(self) -> list[tuple[int, int]]:
        """Cells and blanks of all atoms before the i-th, with the blanks before them."""
        out = [(0, 0)]
        for atom in self.atoms:
            out.append((out[-1][0] + atom.width + atom.space, out[-1][1] + atom.blanks + atom.space))
        return out

    def _size(self, first: int, until: int) -> tuple[int, int]:
        """Cells and words of atoms on one line."""
        led = self.atoms[first].space  # the blank before the line
        (from_width, from_blanks), (to_width, to_blanks) = self.sums[first], self.sums[until]
        return to_width - from_width - led, 1 + to_blanks - from_blanks - led

    def _cue(self, first: int, until: int, inside: float) -> float:
        room = self.options.chars_per_line * self.options.lines
        width, _ = self._size(first, until)
        alone = (
            until - first == 1 and len(self.atoms) > 1 and not self._whole(first) and self.options.words_per_line * self.options.lines > 1
        )
        price = CUE + self.price[until] + inside + EMPTY * max(0.0, 1 - width / room) ** 2 + ORPHAN * alone
        if until == len(self.atoms):
            return price  # a pause or another speaker follows
        shown_s = self.atoms[until].tokens[0].start_s - self.atoms[first].tokens[0].start_s
        return price + FLASH * max(0.0, 1 - shown_s / FLASH_S)

    def _whole(self, i: int) -> bool:
        """Whether an atom is a sentence by itself: "Yes." may stand alone."""
        return (i == 0 or self.sentence[i]) and (i + 1 == len(self.atoms) or self.sentence[i + 1])

    def lines(self, first: int, until: int) -> list[tuple[int, int]]:
        """The lines of a cue: the fewest, then the most even, broken at signs where that is not much less even."""
        fewest, at = 0, first
        while at < until:
            at, fewest = min(self.full[at], until), fewest + 1
        best: dict[int, tuple[float, list[tuple[int, int]]]] = {first: (0.0, [])}
        for _ in range(fewest):
            after: dict[int, tuple[float, list[tuple[int, int]]]] = {}
            for start, (cost, found) in best.items():
                for end in range(start + 1, min(self.full[start], until) + 1):
                    total = cost + self._line(start, end, until, whole=until - first)
                    if end not in after or total < after[end][0]:
                        after[end] = total, [*found, (start, end)]
            best = after
        return best[until][1]

    def _line(self, first: int, until: int, last: int, *, whole: int) -> float:
        width, _ = self._size(first, until)
        cost = max(0.0, 1 - width / self.options.chars_per_line) ** 2
        cost += LINE_ORPHAN * (until - first == 1 and whole > 2)
        if until == last or self.price[until] <= AT_CLAUSE:
            return cost
        return cost + (LINE_NUMBER if self.price[until] > PLAIN else LINE_PLAIN * self.price[until])


def _gap(before: Token, after: Token) -> float:
    """Seconds of pause between two words; none where it was not measured."""
    return after.start_s - before.end_s if before.measured and after.measured else 0.0


def _atoms(tokens: Sequence[Token], options: ExportOptions) -> list[_Atom]:
    groups: list[list[Token]] = []
    for token in tokens:
        if groups and _bound(groups[-1][-1], token, options):
            groups[-1].append(token)
        else:
            groups.append([token])
    return [
        _Atom(tuple(g), width_cells("".join(t.text for t in g)) + sum(t.space for t in g[1:]), sum(t.space for t in g[1:])) for g in groups
    ]


def _bound(before: Token, after: Token, options: ExportOptions) -> bool:
    """Whether two tokens are never parted: by the signs between them, unless somebody pauses there."""
    if _gap(before, after) >= PAUSE_S and after.space:
        return False
    return held_together(before.text, after.text, blank=after.space)


def _phrases(atoms: Sequence[_Atom]) -> list[list[_Atom]]:
    out: list[list[_Atom]] = []
    for atom in atoms:
        if out and _gap(out[-1][-1].tokens[-1], atom.tokens[0]) < PAUSE_S:
            out[-1].append(atom)
        else:
            out.append([atom])
    return out


def shaped(tokens: Sequence[Token], options: ExportOptions) -> list[tuple[Line, ...]]:
    """Cues of a turn as lines. Every token stands in exactly one, in order."""
    out: list[tuple[Line, ...]] = []
    for atoms in _phrases(_atoms(tokens, options)):
        phrase = _Phrase(atoms, options)
        for first, until in phrase.cues():
            out.append(tuple(tuple(t for a in atoms[i:j] for t in a.tokens) for i, j in phrase.lines(first, until)))
    return out


def line_text(line: Line) -> str:
    """A line's words with the blanks between them."""
    return "".join(f" {t.text}" if t.space and i else t.text for i, t in enumerate(line))
