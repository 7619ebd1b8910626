"""Who says what when, out of a document: turns of one speaker, in tokens that know their time and whether it was measured."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from reelscope.document.exports.subtitles._letters import clean, ends_sentence, graphemes, is_unspaced, width_cells, words_of
from reelscope.document.measures.words import UNSPACED_LANGUAGES
from reelscope.document.schema import Document

__all__ = ["PAUSE_S", "SPEECH", "TEXTS", "Token", "Turn", "fields_of", "number", "segments_of", "turns_of"]

SPEECH, TEXTS = "speech_transcription", "text_overlay"

# A pause that ends a cue: short enough that no text waits on the screen while nobody speaks, longer than the stop of a consonant or a
# breath within a phrase (speech_flow's shortest pauses are 0.2 to 0.3 s). The transcript's own segments end at 0.7 s.
PAUSE_S = 0.5


@dataclass(frozen=True, slots=True)
class Token:
    """A piece of a line that is never divided.

    Attributes:
        text: Without blanks at which a line may break, never empty.
        space: Whether a blank stands before it.
        start_s, end_s: When it is spoken; reckoned where `measured` is false.
        measured: Whether the time is that of the word it belongs to.
        word: Number of the word within the turn; pieces of one word share its time.
    """

    text: str
    space: bool
    start_s: float
    end_s: float
    measured: bool
    word: int


@dataclass(frozen=True, slots=True)
class Turn:
    """What one speaker says without another one between. speaker: name for people, None where speakers were not told apart."""

    tokens: tuple[Token, ...]
    speaker: str | None


@dataclass(frozen=True, slots=True)
class _Word:
    """A word as it stands in the document."""

    text: str
    space: bool
    start_s: float | None
    end_s: float | None


@dataclass(frozen=True, slots=True)
class _Spoken:
    """A segment as it stands in the document. voice: what tells speakers apart."""

    start_s: float
    end_s: float
    words: tuple[_Word, ...]
    voice: object
    speaker: str | None


def number(value: object) -> float | None:
    """A finite number, or None: extra fields of a document are whatever stood in the file."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value) if math.isfinite(value) else None


def fields_of(thing: object) -> Mapping[str, Any]:
    """The fields of a model or of a plain mapping; none of anything else."""
    if isinstance(thing, Mapping):
        return thing
    dump = getattr(thing, "model_dump", None)
    return dump() if dump is not None else {}


def segments_of(document: Document, name: str) -> list[Mapping[str, Any]]:
    """An analyzer's segments in order of time; none where it has no result."""
    entry = document.analyzers[name]
    found = [fields_of(s) for s in entry.segments] if entry.status == "ok" else []
    return sorted(found, key=lambda s: number(s.get("start_s")) or 0.0)


def turns_of(document: Document, wide_cells: int) -> list[Turn]:
    """The transcript in turns.

    Segments of one speaker that follow without a pause and break off within a sentence (the transcript ends one after 15 s) go on as one.

    Args:
        document: Of which speech_transcription is read, and nothing else: where it has no words there are none.
        wide_cells: Width of a line. A longer word of a script without blanks is taken apart so that it can be broken.
    """
    spoken = [s for s in (_spoken(fields) for fields in segments_of(document, SPEECH)) if s.words]
    groups: list[list[_Spoken]] = []
    for segment in spoken:
        if groups and _goes_on(groups[-1][-1], segment):
            groups[-1].append(segment)
        else:
            groups.append([segment])
    return [_turn(group, wide_cells) for group in groups]


def _goes_on(before: _Spoken, after: _Spoken) -> bool:
    return (
        before.voice == after.voice
        and before.start_s <= before.end_s <= after.start_s < before.end_s + PAUSE_S
        and not ends_sentence(before.words[-1].text, after.words[0].text)
    )


def _spoken(fields: Mapping[str, Any]) -> _Spoken:
    start = number(fields.get("start_s")) or 0.0
    end = max(start, number(fields.get("end_s")) or 0.0)
    voice, name = fields.get("speaker"), clean(fields.get("speaker_name"))
    if not name and isinstance(voice, int) and not isinstance(voice, bool):
        name = f"Speaker {voice + 1}"
    return _Spoken(start, end, tuple(_words(fields)), (voice, name), name or clean(voice) or None)


def _words(fields: Mapping[str, Any]) -> Iterator[_Word]:
    """The words with what stands between them in the segment's text.

    A segment of which no words are listed gives those of its text, without times. Words that are listed and empty were taken away.
    """
    text = clean(fields.get("text"))
    unspaced = fields.get("language") in UNSPACED_LANGUAGES
    listed = fields.get("words")
    found = [fields_of(w) for w in listed] if isinstance(listed, list | tuple) else []
    if not found:
        yield from (_Word(w, i > 0, None, None) for i, w in enumerate(words_of(text)))
        return
    known = [(clean(w.get("text")), number(w.get("start_s")), number(w.get("end_s"))) for w in found]
    known = [w for w in known if w[0]]
    blanks = _blanks(text, [w for w, _, _ in known], unspaced=unspaced)
    for (word, start, end), blank in zip(known, blanks, strict=True):
        timed = start is not None and end is not None and end >= start
        for i, part in enumerate(words_of(word)):
            yield _Word(part, blank if i == 0 else True, *((start, end) if timed else (None, None)))


def _blanks(text: str, words: Sequence[str], *, unspaced: bool) -> list[bool]:
    """Whether a blank stands before each word: by the running text, or by the language where the words are not those of the text."""
    at, out = 0, []
    for word in words:
        blank = text.startswith(" ", at)
        at += blank
        if not text.startswith(word, at):
            return [i > 0 and not unspaced for i in range(len(words))]
        out.append(blank)
        at += len(word)
    return out


def _turn(group: Sequence[_Spoken], wide_cells: int) -> Turn:
    tokens: list[Token] = []
    for segment in group:
        timed = _timed(segment)
        for n, (word, start, end, measured) in enumerate(timed):
            space = bool(tokens) and (word.space or (n == 0 and not is_unspaced(tokens[-1].text[-1] + word.text[0])))
            same = n > 0 and measured and timed[n - 1][3] and (timed[n - 1][1], timed[n - 1][2]) == (start, end)
            index = tokens[-1].word + (not same) if tokens else 0
            tokens += _pieces(Token(word.text, space, start, end, measured, index), wide_cells)
    return Turn(tuple(_shared(_rising(tokens))), group[0].speaker)


def _timed(segment: _Spoken) -> list[tuple[_Word, float, float, bool]]:
    """Words with times. Those without share, by their characters, the time between their neighbours or to the segment's ends."""
    out: list[tuple[_Word, float, float, bool]] = []
    words, at = segment.words, 0
    while at < len(words):
        until = at + 1
        word = words[at]
        if word.start_s is not None and word.end_s is not None:
            out.append((word, word.start_s, word.end_s, True))
        else:
            until = next((i for i in range(at, len(words)) if words[i].start_s is not None), len(words))
            left = out[-1][2] if out else segment.start_s
            right = (words[until].start_s if until < len(words) else segment.end_s) or left
            out += ((w, a, b, False) for w, (a, b) in zip(words[at:until], _parts(words[at:until], left, max(left, right)), strict=True))
        at = until
    return out


def _parts(words: Sequence[_Word | Token], start_s: float, end_s: float) -> Iterator[tuple[float, float]]:
    """A stretch of time shared out by characters."""
    sizes = [len(w.text) for w in words]
    total, done = sum(sizes), 0
    for size in sizes:
        yield start_s + (end_s - start_s) * done / total, start_s + (end_s - start_s) * (done + size) / total
        done += size


def _pieces(token: Token, wide_cells: int) -> Iterator[Token]:
    """A token, or its characters where it is too wide for a line and its script lets it be broken anywhere."""
    if width_cells(token.text) <= wide_cells or not is_unspaced(token.text):
        yield token
        return
    for i, piece in enumerate(graphemes(token.text)):
        yield replace(token, text=piece, space=token.space and i == 0)


def _rising(tokens: Sequence[Token]) -> list[Token]:
    """Times that never go back: words stay in the order of the text, whatever their times say."""
    out, latest = [], 0.0
    for token in tokens:
        latest = max(latest, token.start_s)
        out.append(replace(token, start_s=latest, end_s=max(latest, token.end_s)))
    return out


def _shared(tokens: Sequence[Token]) -> Iterator[Token]:
    """The time of a word of several pieces shared out among them; they are still one word."""
    at = 0
    while at < len(tokens):
        until = next((i for i in range(at, len(tokens)) if tokens[i].word != tokens[at].word), len(tokens))
        piece = tokens[at:until]
        spans = _parts(piece, piece[0].start_s, piece[-1].end_s)
        yield from (replace(t, start_s=a, end_s=b) for t, (a, b) in zip(piece, spans, strict=True))
        at = until
