"""Hand-made evidence: media and entries as a document has them, with one analyzer or another left out."""

from __future__ import annotations

from typing import Any

from reelscope.document.evidence import Evidence, Lack
from reelscope.document.schema import AnalyzerEntry, MediaInfo
from tests.document.fixtures import entry, seg

__all__ = ["box_px", "captions", "clip", "cuts", "face", "series", "talk", "voice"]

MISSING = Lack("it did not run", "no_backend", "reelscope models pull x")


def clip(
    duration_s: float = 10.0, *, size: tuple[int, int] | None = (1080, 1920), missing: tuple[str, ...] = (), **entries: Any
) -> Evidence:
    """Evidence of a clip. missing: analyzers that are known to be unavailable; what is not named at all is missing too."""
    media = MediaInfo.model_validate(
        {"container": "mp4", "duration_s": duration_s, "size_bytes": 1, "width_px": size and size[0], "height_px": size and size[1]}
    )
    given = {n: e for n, e in entries.items() if n not in missing}
    return Evidence(media, given, dict.fromkeys(missing, MISSING))


def box_px(x: float, y: float, w: float, h: float, size: tuple[int, int] = (1080, 1920)) -> list[float]:
    """A box in pixels as the document has it."""
    return [x / size[0], y / size[1], w / size[0], h / size[1]]


def captions(*texts: dict[str, Any], **fields: Any) -> AnalyzerEntry:
    """text_overlay with segments of start_s, end_s, text and more; `path`: (t_s, box) points of a track."""
    segments, tracks = [], []
    for i, text in enumerate(texts):
        points = [{"t_s": t, "xywh_norm": where} for t, where in text.get("path", ())]
        if points:
            tracks.append({"track_id": i, "start_s": text["start_s"], "end_s": text["end_s"], "label": "text", "points": points})
        base = {
            "role": "caption",
            "track_id": i,
            "xywh_norm": box_px(200, 400, 400, 100),
            "line_height_share": 0.04,
            "contrast_ratio": 21.0,
        }
        segments.append(seg(**{**base, **{k: v for k, v in text.items() if k != "path"}}))
    return entry(segments=segments, tracks=tracks, **fields)


def cuts(*times: float | tuple[float, float, str]) -> AnalyzerEntry:
    """cut_analysis with cuts at times, or (start_s, end_s, kind)."""
    gradual = [t if isinstance(t, tuple) else (t, t, "cut") for t in times]
    return entry(segments=[seg(a, b, kind=kind, jump_cut=False) for a, b, kind in gradual])


def voice(*spans: tuple[float, float]) -> AnalyzerEntry:
    """speech_flow with phrases."""
    return entry(segments=[seg(a, b, kind="speech", utterance=i) for i, (a, b) in enumerate(spans)])


def talk(*words: tuple[float, float, str]) -> AnalyzerEntry:
    """speech_transcription of one segment."""
    if not words:
        return entry()
    rows = [{"start_s": a, "end_s": b, "text": text, "confidence": 0.9} for a, b, text in words]
    return entry(segments=[seg(words[0][0], words[-1][1], text=" ".join(w[2] for w in words), words=rows)])


def face(
    *tracks: tuple[float, float, list[tuple[float, list[float]]]], looks: tuple[tuple[float, float, bool | None], ...] = ()
) -> AnalyzerEntry:
    """eye_tracking with (start_s, end_s, [(t_s, box)]) faces, and gazes."""
    return entry(
        tracks=[
            {"track_id": i, "start_s": a, "end_s": b, "label": "face", "points": [{"t_s": t, "xywh_norm": w} for t, w in points]}
            for i, (a, b, points) in enumerate(tracks)
        ],
        segments=[seg(a, b, kind="look", face=0, at_camera=at) for a, b, at in looks],
    )


def series(name: str, *values: tuple[float, float | None]) -> dict[str, Any]:
    """A series as an entry takes it."""
    return {"name": name, "unit": "1", "t_s": [t for t, _ in values], "values": [v for _, v in values]}
