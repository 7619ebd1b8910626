"""Documents in which somebody speaks: the fixtures' transcript is unavailable, which is a status of its own."""

from __future__ import annotations

from collections.abc import Sequence

from reelscope.document.evidence import Evidence
from reelscope.document.insights import measure_insights
from reelscope.document.schema import Document
from tests.document.fixtures import entry, full_document, seg, summary

LINES: Sequence[tuple[float, int, str]] = (
    (0.6, 0, "Three things nobody tells you."),
    (3.2, 0, "First, look at the light."),
    (7.0, 1, "Second, wait for it!"),
    (12.5, 0, "And third, follow for part two."),
)
WORD_S = 0.3


def spoken(lines: Sequence[tuple[float, int | None, str]] = LINES) -> Document:
    """The full document with a transcript (when, who, what; every word lasts WORD_S) and what is measured from all of it."""
    document = full_document()
    segments = []
    for start, speaker, text in lines:
        words = [
            {"start_s": round(start + i * WORD_S, 6), "end_s": round(start + (i + 1) * WORD_S, 6), "text": word, "confidence": 0.9}
            for i, word in enumerate(text.split())
        ]
        segments.append(seg(start, words[-1]["end_s"], text=text, words=words, speaker=speaker, language="en"))
    voices = {speaker for _, speaker, _ in lines if speaker is not None}
    told = summary(words=sum(len(t.split()) for _, _, t in lines), speakers=len(voices), language="en", text=" ".join(t for *_, t in lines))
    document.analyzers["speech_transcription"] = entry(segments=segments, summary=told)
    document = Document.model_validate_json(document.model_dump_json())
    document.insights = measure_insights(Evidence.of(document))
    return document
