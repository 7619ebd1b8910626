"""What is said where the clip begins again: a sentence that the end leaves open and the beginning takes up. Needs words."""

from __future__ import annotations

from collections.abc import Sequence

from reelscope.document.evidence import Evidence, Word
from reelscope.document.measures.words import joined, tokens
from reelscope.document.schema import Model, Seconds

__all__ = ["LoopSentence", "sentence_over_the_seam"]

FULL_STOPS = ".!?。！？．।؟"
TRAILS_OFF = ("...", "…", "⋯")
CLOSING = "\"'”’»“)]」』"  # may stand after a full stop
AT_END_S = 0.3  # a voice that ends later than this before the end of the clip was given no time to fade: less than any pause in speech
REPEATED_WORDS = 3  # fewer that the end and the beginning share may be chance ("and the")
SHOWN_WORDS = 6


class LoopSentence(Model):
    """Sentence.

    Attributes:
        meets: True where the last sentence is left open and the first begins with a small letter, or where the last words are the first
            ones again; False where the last sentence is closed by a full stop and nothing is repeated; else null.
        ends_open: Whether the last word carries no full stop, question or exclamation mark.
        begins_small: Whether the first word begins with a small letter; null in a script without them.
        repeated_words: How many of the last words are the first words again.
        voice_to_end_s: From the last word to the end of the clip; cut_off: whether that is at most 0.3 s and the sentence is open.
        last_words, first_words: At most 6 of each, as they are written.
    """

    meets: bool | None = None
    ends_open: bool | None = None
    begins_small: bool | None = None
    repeated_words: int | None = None
    voice_to_end_s: Seconds | None = None
    cut_off: bool | None = None
    last_words: str | None = None
    first_words: str | None = None


def sentence_over_the_seam(evidence: Evidence, why: dict[str, str]) -> LoopSentence:
    """The figures; why: takes the reasons of those that are null."""
    out = LoopSentence()
    words = [w for w in evidence.words.items if tokens(w.text)]
    if evidence.words.lack is not None or not words:
        lack = evidence.words.lack
        why["sentence.meets"] = lack.reason if lack is not None else "no word is spoken"
        return out
    texts = [w.text.strip() for w in words]
    out.last_words, out.first_words = _line(words[-SHOWN_WORDS:]), _line(words[:SHOWN_WORDS])
    out.voice_to_end_s = max(0.0, evidence.duration_s - words[-1].end_s)
    out.begins_small = _small(texts[0])
    out.repeated_words = _repeated(texts)
    if not any(_closed(t) for t in texts):
        why["sentence.meets"] = "the transcript holds no full stop: where a sentence ends cannot be told"
        out.meets = True if out.repeated_words >= REPEATED_WORDS else None
        if out.meets:
            del why["sentence.meets"]
        return out
    out.ends_open = not _closed(texts[-1])
    out.cut_off = out.ends_open and out.voice_to_end_s <= AT_END_S
    if out.repeated_words >= REPEATED_WORDS or (out.ends_open and out.begins_small):
        out.meets = True
    elif not out.ends_open:
        out.meets = False
    else:
        why["sentence.meets"] = "the last sentence is open, but whether the first one takes it up cannot be told from a capital letter"
    return out


def _closed(text: str) -> bool:
    """Whether a written word closes its sentence; dots that trail off leave it open."""
    bare = text.rstrip(CLOSING)
    return bare.endswith(tuple(FULL_STOPS)) and not bare.endswith(TRAILS_OFF)


def _small(text: str) -> bool | None:
    """Whether a word begins with a small letter; None where its script has none, or it begins with a digit."""
    letter = next((c for c in text if c.isalnum()), "")
    return True if letter.islower() else False if letter.isupper() else None


def _repeated(texts: list[str]) -> int:
    """The longest run of words that both ends and begins the text; runs that overlap do not count."""
    row = [t for text in texts for t in tokens(text)]
    return next((n for n in range(len(row) // 2, 0, -1) if row[:n] == row[-n:]), 0)


def _line(words: Sequence[Word]) -> str:
    return joined((w.text.strip(), w.language) for w in words)
