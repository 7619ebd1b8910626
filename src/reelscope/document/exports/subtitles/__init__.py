"""Subtitles: what is said, and what stands on the screen, as SRT, WebVTT and ASS. How they are shaped: docs/exports/subtitles.md.

Speech comes from the words of speech_transcription alone; without words the files are empty, whatever else is known of the voice. Texts
come from text_overlay.
"""

from __future__ import annotations

from reelscope.document.exports.shapes import Material
from reelscope.document.exports.subtitles._ass import speech_ass, texts_ass
from reelscope.document.exports.subtitles._plain import of_cues, of_texts, srt_bytes, vtt_bytes
from reelscope.document.exports.subtitles._texts import texts_of
from reelscope.document.exports.subtitles._timing import cues_of

__all__ = ["ass", "srt", "vtt"]


def srt(material: Material) -> dict[str, bytes]:
    """SubRip."""
    document = material.document
    cues, texts = cues_of(document, material.options), texts_of(document)
    return {"speech.srt": srt_bytes(of_cues(cues)), "text.srt": srt_bytes(of_texts(texts))}


def vtt(material: Material) -> dict[str, bytes]:
    """WebVTT."""
    document = material.document
    cues, texts = cues_of(document, material.options), texts_of(document)
    return {"speech.vtt": vtt_bytes(of_cues(cues)), "text.vtt": vtt_bytes(of_texts(texts))}


def ass(material: Material) -> dict[str, bytes]:
    """Advanced SubStation Alpha."""
    document = material.document
    return {"speech.ass": speech_ass(material, cues_of(document, material.options)), "text.ass": texts_ass(material, texts_of(document))}
