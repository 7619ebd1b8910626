"""What follows from what was corrected and is made anew: texts and words of shots, the transcript's text, insights."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from reelscope.document.corrections.fields import SPEECH
from reelscope.document.corrections.marks import mark
from reelscope.document.corrections.resolve import Stand
from reelscope.document.corrections.shapes import Correction
from reelscope.document.measures.words import joined
from reelscope.timebase import overlap_s

__all__ = ["renew_insights", "renew_shots", "renew_summary"]


def renew_shots(raw: Mapping[str, Any], out: dict[str, Any], stands: Sequence[Stand]) -> None:
    """`speech` and `text` of the shots in which corrected words and texts are, by the rules of document.merge.

    A shot in which nothing changed stays as it was written, by whichever version: nobody corrected it.
    """
    words = [s.correction for s in stands if s.correction.kind == "word"]
    texts = [s.correction for s in stands if s.what is not None and (s.what.analyzer, s.what.field) == ("text_overlay", "text")]
    for shot in out.get("shots") or ():
        if words and shot.get("speech") is not None:
            _renew(shot, "speech", _speech(raw, shot), _speech(out, shot), words)
        if texts:
            _renew(shot, "text", _texts(raw, shot), _texts(out, shot), texts)


def _renew(shot: dict[str, Any], field: str, was: Any, now: Any, by: Sequence[Correction]) -> None:
    if now not in (was, shot[field]):
        near = min(by, key=lambda c: (_away(c, shot), -c.at.timestamp(), c.id))
        mark(shot, field, shot[field], now, near)


def _away(c: Correction, shot: Mapping[str, Any]) -> float:
    """How far a correction is from a shot: who changed it is the one within, the last of several."""
    return max(0.0, c.anchor.start_s - shot["end_s"], shot["start_s"] - c.anchor.end_s)


def _speech(out: Mapping[str, Any], shot: Mapping[str, Any]) -> str:
    return joined(
        (word["text"], segment.get("language"))
        for segment in out["analyzers"][SPEECH].get("segments") or ()
        for word in segment.get("words") or ()
        if shot["start_s"] <= (word["start_s"] + word["end_s"]) / 2 < shot["end_s"]
    )


def _texts(out: Mapping[str, Any], shot: Mapping[str, Any]) -> list[str]:
    times = (shot["start_s"], shot["end_s"])
    seen = [s for s in out["analyzers"]["text_overlay"].get("segments") or () if overlap_s((s["start_s"], s["end_s"]), times) > 0]
    return list(dict.fromkeys(s["text"] for s in sorted(seen, key=lambda s: s["start_s"]) if s.get("text")))


def renew_summary(out: dict[str, Any], by: Sequence[Correction]) -> None:
    """The transcript's text and its number of words."""
    entry = out["analyzers"][SPEECH]
    summary, segments = entry.get("summary") or {}, entry.get("segments") or ()
    last = max(by, key=lambda c: (c.at, c.id))
    for field, now in (
        ("text", joined((s["text"], s.get("language")) for s in segments)),
        ("words", sum(len(s.get("words") or ()) for s in segments)),
    ):
        if field in summary and summary[field] != now:
            mark(summary, field, summary[field], now, last)


def renew_insights(raw: Mapping[str, Any], out: dict[str, Any]) -> list[str]:
    """The insights that what was corrected changes; the others stay as they were written, by whichever version.

    Returns:
        Those that could not be made anew, and stand as they were.
    """
    from reelscope.document.evidence import Evidence
    from reelscope.document.insights import measure_insights

    if not out.get("insights"):
        return []
    before, after = ({n: i.model_dump(mode="json") for n, i in measure_insights(Evidence.of(d)).items()} for d in (raw, out))
    stale = []
    for name, now in after.items():
        if name not in out["insights"] or now == before[name]:
            continue
        if now["status"] == "failed":
            stale.append(name)
        else:
            out["insights"][name] = {**now, "from_corrections": True}
    return stale
