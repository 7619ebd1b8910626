"""Words per minute and fillers, from a transcript laid over the utterances."""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from reelscope.analyzers.speech_flow._fillers import LANGUAGES, find_fillers, language_of
from reelscope.analyzers.speech_flow._result import SpeechFlowSummary, SpeechSegment, UtteranceWords
from reelscope.document.measures.words import tokens
from reelscope.timebase import Interval

__all__ = ["SpokenWord", "add_words", "read_words", "why_absent"]

# A word is timed by the recogniser, an utterance by the voice: at the edges they differ by some tenths of a second. Utterances are at least
# 0.7 s apart, so that most words within this of one are its own.
REACH_S = 0.5
MIN_SPOKEN_S = 1.0  # of utterances with words, for a rate; as for syllables
# Written without blanks: what a recogniser calls a word there is a character or a piece of its own vocabulary.
UNPARTED = frozenset({"zh", "yue", "ja", "th", "lo", "my", "km", "bo"})

FIELDS = ("words", "words_per_minute", "articulation_words_per_minute", "words_outside", "by_utterance", "fillers", "filler_words")
_STATES = {
    "unavailable": "no words: speech_transcription is unavailable, its entry says why",
    "skipped": "no words: speech_transcription was not asked for",
    "failed": "no words: speech_transcription failed",
    "timeout": "no words: speech_transcription ran out of time",
}


@dataclass(frozen=True, slots=True)
class SpokenWord:
    """A word of the transcript. language: code of its segment's language; None where nothing says it."""

    start_s: float
    end_s: float
    text: str
    language: str | None = None


def why_absent(status: str | None) -> str:
    """Why there are no words, by the status of speech_transcription."""
    return _STATES.get(status or "", "no words: there is no transcript")


def read_words(transcript: Any) -> list[SpokenWord]:
    """The words of a result of speech_transcription in order of time; its words may be objects or what JSON makes of them."""
    whole = getattr(getattr(transcript, "summary", None), "language", None)
    out = []
    for segment in transcript.segments:
        language = language_of(getattr(segment, "language", None) or whole)
        for word in getattr(segment, "words", None) or ():
            facts = word if isinstance(word, dict) else {name: getattr(word, name) for name in ("start_s", "end_s", "text")}
            if tokens(facts["text"]):  # a lone dash is no word
                out.append(SpokenWord(float(facts["start_s"]), float(facts["end_s"]), facts["text"].strip(), language))
    return sorted(out, key=lambda w: (w.start_s, w.end_s))


def add_words(segments: Sequence[SpeechSegment], summary: SpeechFlowSummary, words: Sequence[SpokenWord]) -> None:
    """Write what the words say into the phrases and the summary, with the reason for what stays null.

    words_per_minute = words / (minutes of the utterances that have words, the pauses inside them included)
    articulation_words_per_minute = words / (minutes of the phrases of these utterances)
    """
    groups: dict[int, list[SpeechSegment]] = {}
    for segment in segments:
        if segment.kind == "speech" and segment.utterance is not None:
            groups.setdefault(segment.utterance, []).append(segment)
            segment.words = 0
    numbers = list(groups)
    spans = {number: (phrases[0].start_s, phrases[-1].end_s) for number, phrases in groups.items()}
    order = list(spans.values())
    mine: dict[int, list[int]] = {number: [] for number in groups}
    for index, word in enumerate(words):
        place = _nearest(word, order)
        if place is None or _distance(word, spans[numbers[place]]) > REACH_S:
            continue
        phrases = groups[numbers[place]]
        phrase = phrases[_nearest(word, [(p.start_s, p.end_s) for p in phrases]) or 0]
        phrase.words = (phrase.words or 0) + 1
        mine[numbers[place]].append(index)
    fillers, why = _fillers(words)
    counted = sum(len(indices) for indices in mine.values())
    spoken = [number for number, indices in mine.items() if indices]
    span_s = sum(spans[n][1] - spans[n][0] for n in spoken)
    speech_s = sum(p.end_s - p.start_s for n in spoken for p in groups[n])
    summary.words, summary.words_outside = counted, len(words) - counted
    summary.by_utterance = [_utterance(n, spans[n], mine[n], words, fillers) for n in groups]
    missing = dict(summary.not_measured)
    for name in FIELDS:
        missing.pop(name, None)
    unparted = sorted({w.language for w in words if w.language in UNPARTED})
    rates = ("words_per_minute", "articulation_words_per_minute")
    if not counted:
        missing |= dict.fromkeys(rates, "the transcript has no words where speech is heard")
    elif unparted:
        missing |= dict.fromkeys(rates, f"words are not parted by blanks in this language ({', '.join(unparted)})")
    elif span_s < MIN_SPOKEN_S:
        missing |= dict.fromkeys(rates, f"{span_s:.2f} s of speech with words are too short for a rate")
    else:
        summary.words_per_minute = 60 * counted / span_s
        summary.articulation_words_per_minute = 60 * counted / speech_s
    if fillers is None:
        missing |= dict.fromkeys(("fillers", "filler_words"), why)
    else:
        summary.fillers = len(fillers)
        summary.filler_words = dict(sorted(Counter(fillers.values()).items()))
    summary.not_measured = missing


def _utterance(
    number: int, span: Interval, mine: Sequence[int], words: Sequence[SpokenWord], fillers: dict[int, str] | None
) -> UtteranceWords:
    long_enough = span[1] - span[0] >= MIN_SPOKEN_S and not any(words[i].language in UNPARTED for i in mine)
    return UtteranceWords(
        utterance=number,
        start_s=span[0],
        end_s=span[1],
        words=len(mine),
        words_per_minute=60 * len(mine) / (span[1] - span[0]) if long_enough and mine else None,
        fillers=None if fillers is None else sum(i in fillers for i in mine),
    )


def _fillers(words: Sequence[SpokenWord]) -> tuple[dict[int, str] | None, str]:
    """Fillers by index of their (first) word; None and the reason where they cannot be told."""
    if not words:
        return None, "the transcript has no words"
    unknown = sorted({w.language or "unknown" for w in words} - LANGUAGES)
    if unknown:
        return None, f"there is no list of fillers for this language ({', '.join(unknown)})"
    out: dict[int, str] = {}
    first = 0
    while first < len(words):  # runs of one language
        after = next((i for i in range(first, len(words)) if words[i].language != words[first].language), len(words))
        language = words[first].language or ""
        out |= {first + i: name for i, name in find_fillers([w.text for w in words[first:after]], language)}
        first = after
    return out, ""


def _nearest(word: SpokenWord, spans: Sequence[Interval]) -> int | None:
    """Index of the one of several intervals in order that the middle of a word lies in or is nearest to; None where there are none."""
    after = bisect_right(spans, (word.start_s + word.end_s) / 2, key=lambda span: span[0])
    near = [i for i in (after - 1, after) if 0 <= i < len(spans)]
    return min(near, key=lambda i: _distance(word, spans[i]), default=None)


def _distance(word: SpokenWord, span: Interval) -> float:
    middle = (word.start_s + word.end_s) / 2
    return max(span[0] - middle, middle - span[1], 0.0)
