"""Captions against speech: are they the words that are spoken, and do they come before or after them?"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import quantiles

from reelscope.analyzers.cross_analyzer_intelligence._made import Found, claim
from reelscope.analyzers.cross_analyzer_intelligence._result import Clue
from reelscope.document.evidence import Evidence, Text
from reelscope.document.measures.words import align, tokens

__all__ = ["captions"]

# A word counts as spoken with a caption where it begins while the caption stands, or up to a second before or after: captions are set to
# phrases, and come late or early by some tenths; a second away the viewer reads one thing and hears another.
AROUND_S = 1.0
SPOKEN_LEAST = 0.5  # of the caption's words: captions shorten speech, and both readings make errors
WORDS_LEAST = 3  # fewer words in all can agree by accident, and say nothing of a habit
LIFT_LEAST = 2.0  # against the same captions at each other's times: common words agree wherever they stand
HANDED_ON = 7  # ways to hand the captions on, evenly: each may be a caption a word, 200 in a minute
LAGS_LEAST, WITHIN_LEAST = 3, 0.75  # a median of captions that scatter over the whole second is near 0 and says nothing
IN_TIME_S = 0.5  # EBU and BBC guidelines hold subtitles within about half a second of the words they show


@dataclass(frozen=True, slots=True)
class _Spoken:
    """A word of the transcript in compared form and when it begins."""

    t_s: float
    token: str


@dataclass(frozen=True, slots=True)
class _Match:
    """A caption beside what is spoken around it. lag_s: caption after the first of its words that is spoken."""

    text: Text
    words: int
    spoken: int
    lag_s: float | None

    @property
    def is_spoken(self) -> bool:
        return self.words > 0 and self.spoken >= SPOKEN_LEAST * self.words


def captions(evidence: Evidence, found: Found) -> None:
    """Examine both claims."""
    if found.lacks(("captions_are_spoken", "captions_in_time"), evidence.overlays, evidence.words):
        return
    speech = [_Spoken(w.start_s, token) for w in evidence.words.items for token in tokens(w.text)]
    shown = [(t, tokens(t.text)) for t in evidence.overlays.items]
    shown = [(t, words) for t, words in shown if words]
    total = sum(len(words) for _, words in shown)
    if total < WORDS_LEAST or not speech:
        lacking = "nobody speaks a word" if not speech else f"{total} words on screen, {WORDS_LEAST} are needed"
        found.not_measured |= dict.fromkeys(("captions_are_spoken", "captions_in_time"), lacking)
        return
    matches = [_match(text, words, speech) for text, words in shown]
    share = sum(m.spoken for m in matches) / total
    chance = _chance(shown, speech)
    needed = max(SPOKEN_LEAST, LIFT_LEAST * (chance or 0.0))
    holds = share >= needed and sum(m.spoken for m in matches) >= WORDS_LEAST
    found.claims.append(
        claim(
            "captions_are_spoken",
            evidence.bounds,
            holds=holds,
            strength=share,
            chance=chance,
            reason=f"{share:.2f} of the words on screen are spoken with them, {needed:.2f} and {WORDS_LEAST} words are needed",
            figures={"captions": len(matches), "captions_spoken": sum(m.is_spoken for m in matches), "words": total},
            evidence=[_clue(m) for m in matches],
        )
    )
    _in_time(evidence, found, [m for m in matches if m.is_spoken and m.lag_s is not None], holds=holds)


def _in_time(evidence: Evidence, found: Found, spoken: Sequence[_Match], *, holds: bool) -> None:
    if not holds:
        found.not_measured["captions_in_time"] = "the captions are not the words that are spoken"
        return
    if len(spoken) < LAGS_LEAST:
        found.not_measured["captions_in_time"] = f"the first word of {len(spoken)} captions is spoken, {LAGS_LEAST} are needed"
        return
    lags = sorted(m.lag_s for m in spoken if m.lag_s is not None)
    low, middle, high = quantiles(lags, n=4, method="inclusive")
    within = sum(abs(lag) <= IN_TIME_S for lag in lags) / len(lags)
    found.claims.append(
        claim(
            "captions_in_time",
            evidence.bounds,
            holds=abs(middle) <= IN_TIME_S and within >= WITHIN_LEAST,
            strength=within,
            reason=f"they come {abs(middle):.2f} s {'after' if middle > 0 else 'before'} the words, {within:.2f} within {IN_TIME_S:g} s",
            figures={
                "lag_s": middle,
                "lag_q1_s": low,
                "lag_q3_s": high,
                "least_lag_s": lags[0],
                "largest_lag_s": lags[-1],
                "captions": len(lags),
            },
            evidence=[
                Clue(source="text_overlay", what="lag", t_s=m.text.start_s, text=m.text.text, value=m.lag_s, unit="s") for m in spoken
            ],
        )
    )


def _around(speech: Sequence[_Spoken], start_s: float, end_s: float) -> Sequence[_Spoken]:
    first = bisect_left(speech, start_s - AROUND_S, key=lambda s: s.t_s)
    return speech[first : bisect_left(speech, end_s + AROUND_S, key=lambda s: s.t_s)]


def _match(text: Text, words: Sequence[str], speech: Sequence[_Spoken]) -> _Match:
    near = _around(speech, text.start_s, text.end_s)
    if not {s.token for s in near}.intersection(words):  # mostly so at another's time, and much faster than to align
        return _Match(text, len(words), 0, None)
    same = [(a, b) for a, b in align(words, [s.token for s in near]) if a is not None and b is not None and words[a] == near[b].token]
    # The first word of the caption that is spoken stands for its beginning only where none before it is missing.
    lag = text.start_s - near[same[0][1]].t_s if same and same[0][0] == 0 else None
    return _Match(text, len(words), len(same), lag)


def _chance(shown: Sequence[tuple[Text, Sequence[str]]], speech: Sequence[_Spoken]) -> float | None:
    """Share of the words that are spoken where each caption stands at the time of another, over some ways to hand them on in a circle.

    Only times so far away count that no word is near both. None where there are none: then nothing tells what chance would give.
    """
    count = len(shown)
    spoken = total = 0
    for step in sorted({max(1, count * k // (HANDED_ON + 1)) for k in range(1, HANDED_ON + 1)} if count > 1 else ()):
        for i, (text, own) in enumerate(shown):
            place, _ = shown[(i + step) % count]
            if max(place.start_s - text.end_s, text.start_s - place.end_s) >= 2 * AROUND_S:
                spoken += _match(place, own, speech).spoken
                total += len(own)
    return spoken / total if total else None


def _clue(match: _Match) -> Clue:
    share = match.spoken / match.words
    return Clue(
        source="text_overlay", what="spoken_share", t_s=match.text.start_s, end_s=match.text.end_s, text=match.text.text, value=share,
        unit="share",
    )  # fmt: skip
