"""What is said, to be read: segments with their speaker, word by word."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from reelscope.document.report.labels import fields
from reelscope.document.report.mends import Mends
from reelscope.document.report.parts import Mended, mended_rows
from reelscope.document.report.summaries import summary_of
from reelscope.document.report.words import clean, number, percent, timecode
from reelscope.document.schema import Document

__all__ = ["spoken_facts", "transcript"]

TONES = 8
UNSURE = 0.5  # words below it are shown as unsure: of words with less, more than half are wrong by the model's own reckoning


def transcript(document: Document, mends: Mends) -> list[dict[str, Any]]:
    """Rows of the transcript. A segment without words of its own (another program's document) is shown as its text."""
    rows = []
    entry = document.analyzers["speech_transcription"]
    for segment in sorted(entry.segments, key=lambda s: (s.start_s, s.end_s)) if entry.status == "ok" else []:
        found = fields(segment)
        voice = found.get("speaker")
        name = found.get("speaker_name")
        words = []
        for word in found.get("words") or []:
            confidence = word.get("confidence")
            unsure = isinstance(confidence, int | float) and confidence < UNSURE
            notes = [timecode(word["start_s"])]
            notes += [f"confidence {percent(confidence)}"] if unsure else []
            changed = _told(mended_rows(word.get("corrected")))
            notes += [changed] if changed else []
            words.append(
                {
                    "text": clean(word.get("text") or ""),
                    "start_s": word["start_s"],
                    "end_s": word["end_s"],
                    "unsure": unsure,
                    "corrected": bool(changed),
                    "title": ", ".join(notes),
                    "mend": mends.add("word", "Word", word.get("text"), start_s=word["start_s"], end_s=word["end_s"]),
                }
            )
        text = clean(found.get("text") or "")
        named = clean(name) if name else None if voice is None else f"Speaker {voice + 1}"
        rows.append(
            {
                "start_s": segment.start_s,
                "end_s": segment.end_s,
                "start": timecode(segment.start_s),
                "speaker": named,
                "tone": "tq" if voice is None else f"t{voice % TONES}",
                "language": clean(found.get("language") or ""),
                "text": text,
                "words": words,
                "corrected": _told(mended_rows(found.get("corrected"))),
                "mend": mends.add("word", "What is said", found.get("text"), start_s=segment.start_s, end_s=segment.end_s),
                "mend_speaker": ""
                if voice is None
                else mends.add(
                    "speaker",
                    f"Name of speaker {voice + 1}, in the whole clip",
                    voice,
                    shown=clean(name) if name else None,
                    analyzer="speech_transcription",
                ),
                "speaker_corrected": _told(mended_rows(found.get("corrected")), ("speaker_name", "speaker")),
            }
        )
    return rows


def _told(changes: Mapping[str, Mended], fields: tuple[str, ...] = ()) -> str:
    """What was corrected, for a title; "" where nothing was."""
    return "; ".join(change.told for field, change in changes.items() if not fields or field in fields)


def spoken_facts(document: Document) -> str:
    """The transcript in a line: words, speakers, language, as far as they were measured."""
    summary = summary_of(document, "speech_transcription")
    told = []
    for key, one, many in (("words", "word", "words"), ("speakers", "speaker", "speakers")):
        count = summary.get(key)
        if isinstance(count, int) and count:
            told.append(f"{number(count)} {one if count == 1 else many}")
    if summary.get("language"):
        told.append(f"language: {clean(summary['language'])}")
    return ", ".join(told)
