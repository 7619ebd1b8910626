"""How much there is to read and how long there is for it: burned-in text against reading speed, speech and contrast.

Formulas, sources and limits: docs/insights.md.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Sequence
from itertools import accumulate
from typing import Literal

from reelscope.document.evidence import Evidence, Text
from reelscope.document.insights.base import Span, lacking, spans, unavailable
from reelscope.document.measures.words import align, tokens
from reelscope.document.measures.zones import fit
from reelscope.document.schema import Insight, Model, Seconds, Value
from reelscope.timebase import Interval, clip_to, intersect, meeting, merge, overlap_s, total_s

__all__ = ["COMFORTABLE_CPS", "FASTEST_CPS", "RESULT", "measure", "reading_s"]

# Characters a second, blanks and punctuation counted, at which subtitles can be read. Netflix' timed text style guides: 17 in most
# languages of Latin script and for children in English, 20 for adults in English; 9 in Chinese, 4 in Japanese. The BBC's 160-180 words a
# minute are 16-18 characters a second at six characters a word with its blank.
COMFORTABLE_CPS = 17.0
FASTEST_CPS = 20.0
CHINESE_CPS = 9.0
JAPANESE_CPS = 4.0

# WCAG 2.1, 1.4.3: text needs a contrast of 4.5 to 1, large text 3 to 1; large is from 18 pt = 24 CSS px, bold from 14 pt. Weight is not
# measured, so only size counts. A phone is taken to be 390 CSS px wide. The letters' ink, highest to lowest, is taken as 0.9 of the size
# of the type (ascender to descender); words without descenders read smaller, which holds them to the stricter figure.
CONTRAST_LEAST = 4.5
CONTRAST_LEAST_LARGE = 3.0
LARGE_CSS_PX = 24.0
PHONE_CSS_PX = 390.0
FRAME_WIDTH_PX = 1080.0
INK_OF_TYPE = 0.9

# A word counts as spoken with a text where it is said while the text stands or this much before or after: captions are set to phrases,
# whose first and last words may lie outside.
SAID_MARGIN_S = 0.5
# Share of its words that must be spoken for a text to count as what is said.
SAID_LEAST = 0.5
STEP_S = 0.5  # of the load over time
# Times stand in the document with 6 decimals; a dwell that is exactly enough must not fail by their rounding.
ROUNDING_S = 2e-6
ROUNDING = 1e-6  # of a load

Pace = Literal["comfortable", "fast", "too_fast"]


class ReadText(Model):
    """A caption, title or sticker to be read.

    Attributes:
        dwell_s: How long it stands.
        characters: With blanks and punctuation; lines are joined by a blank. words: as they are compared with speech.
        chars_per_s, words_per_min: Of the time it stands.
        needed_s: Time to read it at a comfortable speed; spare_s: what the dwell leaves, negative where it is too short.
        pace: comfortable; fast: only within the limit for adults in English; too_fast: beyond that.
        over_speech_s: Seconds of it in which somebody speaks.
        said_share: Share of its words that are spoken, in order, while it stands; null without a transcript.
        contrast_ratio: WCAG 2.1, as measured by text_overlay; contrast_least: what it needs at its size; contrast_ok; null with
            contrast_reason.
        large: Whether it is large in the sense of WCAG on a phone.
        at_once: Most overlaid texts that stand at one time while it does, itself included.
    """

    start_s: Seconds
    end_s: Seconds
    text: str
    role: str | None
    track_id: int | None
    dwell_s: Seconds
    lines: int | None
    characters: int
    words: int
    chars_per_s: Value
    words_per_min: Value
    needed_s: Seconds
    spare_s: Seconds
    pace: Pace
    over_speech_s: Seconds | None
    said_share: Value
    large: bool | None
    contrast_ratio: Value
    contrast_least: Value
    contrast_ok: bool | None
    contrast_reason: str | None = None
    at_once: int


class LoadOverTime(Model):
    """The load in the middle of steps of `step_s`: mean over the step of the sum, over the texts that stand, of needed_s / dwell_s."""

    step_s: Seconds
    t_s: list[Seconds]
    load: list[Value]


class ReadingLoad(Insight):
    """Reading load of the text that is laid over the picture. Seconds count a moment once, however many texts stand in it.

    Attributes:
        comfortable_cps, fastest_cps: Limits for Latin script, characters a second.
        texts: One by one.
        characters: Of all texts; text_s: seconds in which one stands; chars_per_s: characters over text_s.
        fastest_chars_per_s: Of the fastest text.
        fast, too_fast: How many texts have that pace.
        short_s: Seconds that are missing to read every text at a comfortable speed, over those that are too short.
        most_at_once: Texts standing together; several_s: seconds with two or more.
        load: Over time: 1 is reading without a break at a comfortable speed.
        overloaded: When the load is above 1; overloaded_s: seconds of that.
        over_speech_s: Seconds with text while somebody speaks; over_speech_share: of text_s.
        competing_s: Seconds of them in which a text stands that is not what is said; competing: when.
        low_contrast: Texts below the contrast they need; lowest_contrast_ratio.
        unread_lines: Lines that text_overlay followed but could not read: the load is at least what stands here.
    """

    comfortable_cps: Value = None
    fastest_cps: Value = None
    texts: list[ReadText] = []
    characters: int | None = None
    text_s: Seconds | None = None
    chars_per_s: Value = None
    fastest_chars_per_s: Value = None
    fast: int | None = None
    too_fast: int | None = None
    short_s: Seconds | None = None
    most_at_once: int | None = None
    several_s: Seconds | None = None
    load: LoadOverTime | None = None
    overloaded: list[Span] = []
    overloaded_s: Seconds | None = None
    over_speech_s: Seconds | None = None
    over_speech_share: Value = None
    competing: list[Span] = []
    competing_s: Seconds | None = None
    low_contrast: int | None = None
    lowest_contrast_ratio: Value = None
    unread_lines: int | None = None


RESULT = ReadingLoad

OF_SOME_TEXT = ("chars_per_s", "fastest_chars_per_s", "over_speech_share", "lowest_contrast_ratio")
NO_TEXT = "no text is laid over the picture"
NO_CONTRAST = "letters and ground could not be told apart"
NO_SIZE = "the letters' height was not measured"


def measure(evidence: Evidence) -> ReadingLoad:
    """The load of every overlaid text, and of all together."""
    found = evidence.overlays
    lack = evidence.staged or found.lack
    if lack is not None:
        return unavailable(ReadingLoad, lack)
    texts = [t for t in found.items if t.end_s > t.start_s]
    crowd, spoken = _Crowd(texts), _Spoken(evidence)
    rows = [_row(text, crowd, spoken, evidence) for text in texts]
    stand = merge((t.start_s, t.end_s) for t in texts)
    text_s = total_s(stand)
    characters = sum(r.characters for r in rows)
    result = ReadingLoad(
        comfortable_cps=COMFORTABLE_CPS,
        fastest_cps=FASTEST_CPS,
        texts=rows,
        characters=characters,
        text_s=text_s,
        fast=sum(r.pace == "fast" for r in rows),
        too_fast=sum(r.pace == "too_fast" for r in rows),
        short_s=sum(max(0.0, -r.spare_s) for r in rows),
        most_at_once=max((r.at_once for r in rows), default=0),
        several_s=total_s(_several(texts)),
        load=_over_time(rows, evidence.duration_s),
        low_contrast=sum(r.contrast_ok is False for r in rows),
        unread_lines=evidence.summary("text_overlay").get("unreadable_lines"),
        not_measured=_lacks(evidence),
    )
    result.overloaded = spans([(a, b) for a, b, load in _steps(rows) if load > 1 + ROUNDING])
    result.overloaded_s = total_s((s.start_s, s.end_s) for s in result.overloaded)
    if rows:
        result.chars_per_s = characters / text_s
        result.fastest_chars_per_s = max(r.characters / r.dwell_s for r in rows)
        result.lowest_contrast_ratio = min((r.contrast_ratio for r in rows if r.contrast_ratio is not None), default=None)
    else:
        result.not_measured |= dict.fromkeys(OF_SOME_TEXT, NO_TEXT)
    if rows and result.lowest_contrast_ratio is None:
        result.not_measured["lowest_contrast_ratio"] = NO_CONTRAST
    _against_speech(result, stand, evidence)
    return result


def _lacks(evidence: Evidence) -> dict[str, str]:
    """Figures that voice or words would be needed for."""
    voice, words = evidence.voice, evidence.words
    both = words if voice.known else voice
    return lacking({"over_speech_s": voice, "over_speech_share": voice, "said_share": words, "competing_s": both})


def reading_s(text: str, latin_cps: float) -> float:
    """Seconds that a text takes to read.

    Args:
        text: With blanks and punctuation, which count.
        latin_cps: Characters a second outside Chinese and Japanese.
    """
    kana = any(0x3040 <= ord(c) <= 0x30FF for c in text)
    wide = sum(_wide(c) for c in text)
    return (len(text) - wide) / latin_cps + wide / (JAPANESE_CPS if kana else CHINESE_CPS)


def _wide(c: str) -> bool:
    """Whether a character is one of Chinese or Japanese writing, or its punctuation."""
    return 0x3000 <= ord(c) <= 0x30FF or 0x3400 <= ord(c) <= 0x9FFF or 0xF900 <= ord(c) <= 0xFAFF or 0xFF00 <= ord(c) <= 0xFF60


def _row(text: Text, crowd: _Crowd, spoken: _Spoken, evidence: Evidence) -> ReadText:
    dwell = text.end_s - text.start_s
    words = tokens(text.text)
    needed = reading_s(text.text, COMFORTABLE_CPS)
    large = _large(text, evidence)
    ratio = text.contrast_ratio
    least = None if large is None else CONTRAST_LEAST_LARGE if large else CONTRAST_LEAST
    row = ReadText(
        start_s=text.start_s,
        end_s=text.end_s,
        text=text.text,
        role=text.role,
        track_id=text.track_id,
        dwell_s=dwell,
        lines=len(text.lines) or None,
        characters=len(text.text),
        words=len(words),
        chars_per_s=len(text.text) / dwell,
        words_per_min=60 * len(words) / dwell,
        needed_s=needed,
        spare_s=dwell - needed,
        pace=_pace(text.text, dwell),
        over_speech_s=spoken.over_s(text.start_s, text.end_s),
        said_share=spoken.share(words, text),
        large=large,
        contrast_ratio=ratio,
        contrast_least=least,
        contrast_ok=None if ratio is None or least is None else ratio >= least,
        at_once=crowd.most(text.start_s, text.end_s),
    )
    if row.contrast_ok is None:
        row.contrast_reason = NO_CONTRAST if ratio is None else NO_SIZE
    return row


def _pace(text: str, dwell_s: float) -> Pace:
    if reading_s(text, FASTEST_CPS) > dwell_s + ROUNDING_S:
        return "too_fast"
    return "fast" if reading_s(text, COMFORTABLE_CPS) > dwell_s + ROUNDING_S else "comfortable"


def _large(text: Text, evidence: Evidence) -> bool | None:
    """Whether its letters are large on a phone; None where their height is not known."""
    if text.line_height_share is None or not evidence.width_px or not evidence.height_px:
        return None
    scale, _, _ = fit(evidence.width_px, evidence.height_px)
    ink_css_px = text.line_height_share * evidence.height_px * scale * PHONE_CSS_PX / FRAME_WIDTH_PX
    return ink_css_px / INK_OF_TYPE >= LARGE_CSS_PX


class _Spoken:
    """Voice and words, looked up by time: an hour has thousands of each."""

    def __init__(self, evidence: Evidence) -> None:
        self._voice = evidence.voice
        self._known = evidence.words.known
        self._words = sorted(evidence.words.items, key=lambda w: w.start_s)
        self._starts = [w.start_s for w in self._words]
        self._longest = max((w.end_s - w.start_s for w in self._words), default=0.0)

    def over_s(self, start_s: float, end_s: float) -> float | None:
        """Seconds of a stretch in which somebody speaks."""
        if not self._voice.known:
            return None
        return total_s(clip_to(meeting(self._voice.items, (start_s, end_s)), (start_s, end_s)))

    def share(self, words: tuple[str, ...], text: Text) -> float | None:
        """Share of a text's words that are spoken, in order, while it stands."""
        if not self._known or not words:
            return None
        around = text.start_s - SAID_MARGIN_S, text.end_s + SAID_MARGIN_S
        near = self._words[bisect_left(self._starts, around[0] - self._longest) : bisect_left(self._starts, around[1])]
        spoken = [t for w in near if overlap_s((w.start_s, w.end_s), around) > 0 for t in tokens(w.text)]
        same = sum(i is not None and j is not None and words[i] == spoken[j] for i, j in align(words, spoken))
        return same / len(words)


class _Crowd:
    """How many texts stand from each time at which one comes or goes."""

    def __init__(self, texts: Sequence[Text]) -> None:
        changes = Counter(t.start_s for t in texts)
        changes.subtract(t.end_s for t in texts)
        self._edges = sorted(changes)
        self._counts = list(accumulate(changes[t] for t in self._edges))

    def most(self, start_s: float, end_s: float) -> int:
        """Most that stand at one time of a stretch that begins where one comes."""
        return max(self._counts[bisect_left(self._edges, start_s) : bisect_left(self._edges, end_s)])


def _several(texts: Sequence[Text]) -> list[Interval]:
    """When two or more stand."""
    changes = sorted([*((t.start_s, 1) for t in texts), *((t.end_s, -1) for t in texts)])
    counts = accumulate(change for _, change in changes)
    return merge((a, b) for (a, _), (b, _), count in zip(changes, changes[1:], counts, strict=False) if count >= 2)


def _steps(rows: Sequence[ReadText]) -> list[tuple[float, float, float]]:
    """(start_s, end_s, load) between the times at which a text comes or goes; neighbours of equal load are not joined."""
    changes = sorted(((t, turn * r.needed_s / r.dwell_s, turn) for r in rows for t, turn in ((r.start_s, 1), (r.end_s, -1))))
    out = []
    load, standing = 0.0, 0
    for (t, change, turn), (after, *_) in zip(changes, changes[1:], strict=False):
        standing += turn
        load = load + change if standing else 0.0  # exactly nothing, whatever the sums before have rounded
        if after > t and standing:
            out.append((t, after, load))
    return out


def _over_time(rows: Sequence[ReadText], duration_s: float) -> LoadOverTime:
    edges = [min(k * STEP_S, duration_s) for k in range(int(duration_s / STEP_S + 1 - 1e-9) + 1)]
    bins = list(zip(edges, edges[1:], strict=False))
    sums = [0.0] * len(bins)
    for start, end, value in _steps(rows):
        for k in range(max(0, int(start / STEP_S) - 1), min(len(bins), int(end / STEP_S) + 2)):
            sums[k] += overlap_s(bins[k], (start, end)) * value
    t_s = [(a + b) / 2 for a, b in bins]
    return LoadOverTime(step_s=STEP_S, t_s=t_s, load=[s / (b - a) for s, (a, b) in zip(sums, bins, strict=True)])


def _against_speech(result: ReadingLoad, stand: Sequence[Interval], evidence: Evidence) -> None:
    """Fields that need voice, and those that need words too."""
    if not evidence.voice.known:
        return
    over = intersect(stand, evidence.voice.items)
    result.over_speech_s = total_s(over)
    result.over_speech_share = result.over_speech_s / result.text_s if result.text_s else None
    if not evidence.words.known:
        return
    other = merge((r.start_s, r.end_s) for r in result.texts if r.said_share is not None and r.said_share < SAID_LEAST)
    competing = intersect(other, over)
    result.competing = spans(competing)
    result.competing_s = total_s(competing)
