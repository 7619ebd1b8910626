"""Three documents or more: how each figure is spread over the clips, and which clips are its ends."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from reelscope.document.compare.effects import Effects, measure_effects
from reelscope.document.compare.figures import Clip, Figures, in_order
from reelscope.document.compare.pairs import made_differently
from reelscope.document.compare.statistics import quartiles

__all__ = ["Many", "Spread", "Words", "compare_many", "each_once"]

NAMED = 3  # clips at one end of a figure that are named; how many more stand there is told
SAID = 12  # different words of one figure that are counted by name; texts of many words are all different
LONGEST = 40  # characters of a word that is counted: what is longer is a text


@dataclass(frozen=True, slots=True)
class Spread:
    """A number over the clips; yes and no count as 1 and 0.

    Attributes:
        n: Clips in which it was measured. Quartiles are interpolated between neighbours (type 7 of Hyndman and Fan).
        lowest, highest: Clips at the ends, three at most by name; lowest_n, highest_n: how many there are. None where all are the same.
        missing: Reasons why it was not measured, with the number of clips.
    """

    path: str
    n: int
    min: float
    q1: float
    median: float
    q3: float
    max: float
    lowest: tuple[str, ...]
    lowest_n: int
    highest: tuple[str, ...]
    highest_n: int
    missing: dict[str, int]


@dataclass(frozen=True, slots=True)
class Words:
    """A figure that is a word (or words and numbers): how often each, most frequent first."""

    path: str
    n: int
    values: dict[str, int]
    missing: dict[str, int]


@dataclass(frozen=True, slots=True)
class Many:
    """Many documents. effects: of the figures on view counts; None where no view count is known."""

    clips: tuple[Clip, ...]
    warnings: tuple[str, ...]
    spreads: tuple[Spread, ...]
    words: tuple[Words, ...]
    effects: Effects | None


def each_once(documents: Sequence[Figures]) -> tuple[list[Figures], list[str]]:
    """One document of each clip, the first that was given, and a warning for each that is left out: no clip counts twice."""
    kept: dict[str, Figures] = {}
    warnings = []
    for document in documents:
        first = kept.setdefault(document.clip.sha256, document)
        if first is not document:
            warnings.append(
                f"{document.clip.name} is of the same clip as {first.clip.name} (same sha256) and is left out: a clip counts once"
            )
    return list(kept.values()), warnings


def compare_many(documents: Sequence[Figures]) -> Many:
    """Distributions over documents of different clips (see `each_once`), and effects where view counts are known."""
    spreads: list[Spread] = []
    words: list[Words] = []
    for path in in_order(path for document in documents for path in document.values):
        found = _spread(path, documents)
        if isinstance(found, Spread):
            spreads.append(found)
        elif found is not None:
            words.append(found)
    effects = measure_effects(documents) if any(d.clip.views is not None for d in documents) else None
    return Many(tuple(d.clip for d in documents), tuple(_warnings(documents)), tuple(spreads), tuple(words), effects)


def _warnings(documents: Sequence[Figures]) -> list[str]:
    versions = sorted({d.clip.schema_version for d in documents})
    different = f"the documents have different schema versions ({', '.join(versions)}): the older ones lack figures"
    return [*([different] if len(versions) > 1 else []), *made_differently(documents)]


def _spread(path: str, documents: Sequence[Figures]) -> Spread | Words | None:
    missing = Counter(d.lack(path) for d in documents if d.fact(path) is None)
    facts = [(d.clip.name, fact) for d in documents if (fact := d.fact(path)) is not None]
    if any(isinstance(fact, str) for _, fact in facts):
        counts = Counter(str(fact) for _, fact in facts)
        if len(counts) > SAID or any(len(word) > LONGEST for word in counts):
            return None  # texts, which are as many as there are clips
        return Words(path, len(facts), dict(counts.most_common()), dict(missing.most_common()))
    numbers = [(name, float(fact)) for name, fact in facts if not isinstance(fact, str)]
    values = [value for _, value in numbers]
    q1, median, q3 = quartiles(values)
    low, high = min(values), max(values)
    lowest = [name for name, value in numbers if value == low] if low < high else []
    highest = [name for name, value in numbers if value == high] if low < high else []
    return Spread(
        path, len(values), low, q1, median, q3, high,
        tuple(lowest[:NAMED]), len(lowest), tuple(highest[:NAMED]), len(highest), dict(missing.most_common()),
    )  # fmt: skip
