"""Documents with what can be corrected, made by hand, and what another analysis of the same clip might say."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from reelscope.document.corrections import Corrections, Edit, planned
from reelscope.document.measures.words import joined
from reelscope.document.schema import Document
from tests.document.fixtures import entry, full_document

BEGAN = datetime(2026, 11, 24, 9, 0, tzinfo=UTC)

SENTENCES = (
    (0.3, 2.2, 0, ("Welcome", "to", "reel", "scope,")),
    (2.6, 4.9, 0, ("no", "no", "no", "light", "comes", "first.")),
    (7.4, 10.4, 1, ("Move", "the", "camera", "slowly.")),
    (11.0, 13.1, 1, ("Then", "move", "the", "lamp.")),
    (13.9, 16.6, 0, ("Sound", "is", "half.")),
    (20.4, 23.1, 2, ("Follow", "four", "part", "two.")),
)


def sentence(start_s: float, end_s: float, speaker: int | None, words: Sequence[str], language: str = "en") -> dict[str, Any]:
    """A segment of a transcript, its words spread evenly."""
    step = (end_s - start_s) / len(words)
    spoken = [
        {"start_s": round(start_s + k * step, 3), "end_s": round(start_s + (k + 0.9) * step, 3), "text": w, "confidence": 0.9}
        for k, w in enumerate(words)
    ]
    text = joined((w, language) for w in words)
    return {"start_s": start_s, "end_s": end_s, "confidence": 0.9, "text": text, "words": spoken, "speaker": speaker, "language": language}


def transcript(rows: Iterable[Any] = SENTENCES) -> list[dict[str, Any]]:
    return [sentence(*row) for row in rows]


def spoken(segments: list[dict[str, Any]] | None = None, **analyzers: Any) -> Document:
    """The full fixture with a transcript and more that can be corrected, read back from JSON."""
    document = full_document()
    segments = transcript() if segments is None else segments
    text = joined((s["text"], s.get("language")) for s in segments)
    words = [w for s in segments for w in s["words"]]
    found = {
        "speech_transcription": entry(segments=segments, summary={"text": text, "words": len(words), "speakers": 3, "language": "en"}),
        "audio_environment": entry(
            segments=[
                {"start_s": 0.0, "end_s": 12.0, "kind": "class", "label": "music", "confidence": 0.8},
                {"start_s": 0.3, "end_s": 5.0, "kind": "class", "label": "speech", "confidence": 0.9},
                {"start_s": 14.0, "end_s": 15.0, "kind": "event", "label": "Dog", "confidence": 0.7},
            ]
        ),
        "body_pose": entry(
            segments=[
                {"start_s": 1.0, "end_s": 4.0, "kind": "posture", "track_id": 0, "shot": 0, "posture": "standing", "gesture": None},
                {"start_s": 2.0, "end_s": 3.0, "kind": "gesture", "track_id": 0, "shot": 0, "posture": None, "gesture": "wave"},
            ]
        ),
        "qwen2_vl_temporal": entry(
            segments=[
                {"start_s": 2.0 * k, "end_s": 2.0 * k + 2, "status": "ok", "frames": 16, "what_happens": f"Something {k}."}
                for k in range(12)
            ]
        ),
        "speech_emotion": entry(
            segments=[
                {"start_s": s["start_s"], "end_s": s["end_s"], "utterance": k, "speaker": s["speaker"], "arousal": 0.1, "category": "calm"}
                for k, s in enumerate(segments)
            ]
        ),
        **analyzers,
    }
    raw = document.model_dump(mode="json")
    for name, made in found.items():
        raw["analyzers"][name] = made if isinstance(made, dict) else made.model_dump(mode="json")
    for shot in raw["shots"]:
        inside = [(w["text"], s["language"]) for s in segments for w in s["words"] if _in(w, shot)]
        shot["speech"] = joined(inside)
        seen = [t for t in raw["analyzers"]["text_overlay"]["segments"] if t["end_s"] > shot["start_s"] and t["start_s"] < shot["end_s"]]
        shot["text"] = list(dict.fromkeys(t["text"] for t in sorted(seen, key=lambda t: t["start_s"])))
    raw["analyzers"]["camera_analysis"]["summary"]["shots"] = [
        {"shot": s["index"], "start_s": s["start_s"], "end_s": s["end_s"], "camera": s["camera"], "size": s["size"], "size_reason": None}
        for s in raw["shots"]
    ]
    made_of = Document.model_validate(raw)
    from reelscope.document.evidence import Evidence
    from reelscope.document.insights import measure_insights

    made_of.insights = measure_insights(Evidence.of(raw))
    return Document.model_validate_json(made_of.model_dump_json())


def _in(word: dict[str, Any], shot: dict[str, Any]) -> bool:
    return bool(shot["start_s"] <= (word["start_s"] + word["end_s"]) / 2 < shot["end_s"])


class Overlay:
    """Corrections of a document, made one after the other, a second apart."""

    def __init__(self, document: Document, prefix: str = "c") -> None:
        self.document = document
        self.all = Corrections(sha256=document.source.sha256)
        self._numbers = itertools.count()
        self._prefix = prefix

    def add(self, kind: str, author: str = "ana", **edit: Any) -> list[Any]:
        """Make one edit; returns the corrections that came of it."""
        at = BEGAN + timedelta(seconds=len(self.all.edits))
        asked = Edit.model_validate({"kind": kind, **edit})
        made = planned(self.document, self.all, [asked], author=author, at=at, new_id=lambda: f"{self._prefix}{next(self._numbers):03d}")
        self.all = self.all.model_copy(update={"edits": [*self.all.edits, *made]})
        return made

    def say(self, index: int, now: str, **more: Any) -> list[Any]:
        """Write a segment of the transcript anew, as a page does: all of it, in place of what stands there."""
        from reelscope.document.corrections import corrected

        measured = self.document.analyzers["speech_transcription"].segments[index]
        shown = corrected(self.document, self.all).document.analyzers["speech_transcription"].segments
        was = next((s.text for s in shown if s.start_s == measured.start_s), measured.text)  # type: ignore[attr-defined]
        return self.add("word", start_s=measured.start_s, end_s=measured.end_s, was=was, now=now, **more)


def said_of(document: Document) -> list[str]:
    """The transcript's segments as they read."""
    return [s.text for s in document.analyzers["speech_transcription"].segments]  # type: ignore[attr-defined]
