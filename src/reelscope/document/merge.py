"""From results to the document: the entries of all nineteen and the spine of shots. Pure functions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from reelscope.document.measures.words import joined
from reelscope.document.schema import AnalyzerResult, Segment, ShotCamera, ShotRow, ShotTransition, Swatch
from reelscope.timebase import overlap_s

__all__ = ["ShotInput", "StillInput", "build_shots", "pick_keyframe"]

# Loudness of a stretch needs at least one momentary window (ITU-R BS.1770: 0.4 s).
MIN_LOUDNESS_S = 0.4
# The middle of a shot shows what it is about; its edges show entrances and motion blur.
MIDDLE_SHARE = 0.6


class StillInput(Protocol):
    """What a keyframe is chosen by."""

    t_s: float
    sharpness: float


@dataclass(frozen=True, slots=True)
class ShotInput:
    """A shot's interval and the transition that leads into it, if any."""

    start_s: float
    end_s: float
    transition_in: ShotTransition | None = None


def pick_keyframe(shot: ShotInput, stills: Sequence[StillInput], gradual: Sequence[tuple[float, float]]) -> StillInput | None:
    """The sharpest still in the middle of a shot, away from gradual transitions; else anywhere in it; None where it has none."""
    inside = [s for s in stills if shot.start_s <= s.t_s < shot.end_s]
    clean = [s for s in inside if not any(a <= s.t_s < b for a, b in gradual)] or inside
    margin = (shot.end_s - shot.start_s) * (1 - MIDDLE_SHARE) / 2
    middle = [s for s in clean if shot.start_s + margin <= s.t_s < shot.end_s - margin] or clean
    return max(middle, key=lambda s: (s.sharpness, -s.t_s), default=None)


def build_shots(shots: Sequence[ShotInput], results: Mapping[str, AnalyzerResult], stills: Sequence[StillInput]) -> list[ShotRow]:
    """Merge what the analyzers say about each shot into the spine.

    Args:
        shots: They tile the clip.
        results: Results of the analyzers that are `ok`, by name; a missing one leaves its fields null.
        stills: Candidates for keyframes, in time order.
    """
    gradual = [(t.start_s, t.end_s) for s in shots if (t := s.transition_in) is not None and t.end_s > t.start_s]
    rows = []
    for index, shot in enumerate(shots):
        still = pick_keyframe(shot, stills, gradual)
        seen = _camera_row(results, index)
        rows.append(
            ShotRow(
                index=index,
                start_s=shot.start_s,
                end_s=shot.end_s,
                transition_in=shot.transition_in,
                keyframe_s=still.t_s if still is not None else None,
                keyframe=f"keyframes/shot-{index:03d}.jpg" if still is not None else None,
                size=_get(seen, "size"),
                camera=_camera(_get(seen, "camera")),
                text=_texts(results, shot),
                speech=_speech(results, shot),
                speech_share=_speech_share(results, shot),
                palette=_palette(_longest(results, "color_analysis", shot)),
                loudness_lufs=_loudness(results, shot),
                sharpness=_get(_longest(results, "content_quality", shot, having="sharpness"), "sharpness"),
                scene=_get(_longest(results, "scene_segmentation", shot), "index"),
                description=_description(results, shot),
            )
        )
    return rows


def _get(source: Any, name: str) -> Any:
    return getattr(source, name, None)


def _segments(results: Mapping[str, AnalyzerResult], name: str) -> Sequence[Segment]:
    return results[name].segments if name in results else ()


def _longest(results: Mapping[str, AnalyzerResult], name: str, shot: ShotInput, *, having: str | None = None) -> Segment | None:
    """The segment that covers most of the shot; None where none touches it."""
    found = [s for s in _segments(results, name) if having is None or getattr(s, having, None) is not None]
    best = max(found, key=lambda s: overlap_s((s.start_s, s.end_s), (shot.start_s, shot.end_s)), default=None)
    return best if best is not None and overlap_s((best.start_s, best.end_s), (shot.start_s, shot.end_s)) > 0 else None


def _camera_row(results: Mapping[str, AnalyzerResult], index: int) -> Any:
    """What camera_analysis says of a whole shot (its segments are parts of shots)."""
    rows = _get(results["camera_analysis"].summary, "shots") if "camera_analysis" in results else None
    return next((r for r in rows or () if r.shot == index), None)


def _camera(figures: Any) -> ShotCamera | None:
    """The shot's figures under the document's names; None where too little of the shot could be measured."""
    if figures is None:
        return None
    return ShotCamera(
        move=figures.move,
        components=list(figures.components),
        speed_fw_s=figures.speed_fw_s,
        zoom_rate_s=figures.zoom_rate_s,
        shake=figures.shake,
    )


def _texts(results: Mapping[str, AnalyzerResult], shot: ShotInput) -> list[str]:
    seen = [s for s in _segments(results, "text_overlay") if overlap_s((s.start_s, s.end_s), (shot.start_s, shot.end_s)) > 0]
    return list(dict.fromkeys(t for s in sorted(seen, key=lambda s: s.start_s) if (t := _get(s, "text"))))


def _description(results: Mapping[str, AnalyzerResult], shot: ShotInput) -> str | None:
    """What is told of a shot: the text of the segment that covers most of it; None where none of those that touch it has one.

    A text of which most is about other shots is left out: a segment must have most of its time in the shot, or most of the shot in it.
    """
    segment = _longest(results, "qwen2_vl_temporal", shot, having="what_happens")
    if segment is None:
        return None
    shared = overlap_s((segment.start_s, segment.end_s), (shot.start_s, shot.end_s))
    if 2 * shared < min(segment.end_s - segment.start_s, shot.end_s - shot.start_s):
        return None
    return str(_get(segment, "what_happens"))


def _speech(results: Mapping[str, AnalyzerResult], shot: ShotInput) -> str | None:
    """The words whose middle lies in the shot, joined as their language is written; None where there is no transcript."""
    if "speech_transcription" not in results:
        return None
    return joined(
        (w.text, _get(segment, "language"))
        for segment in _segments(results, "speech_transcription")
        if overlap_s((segment.start_s, segment.end_s), (shot.start_s, shot.end_s)) > 0
        for w in _get(segment, "words") or ()
        if shot.start_s <= (w.start_s + w.end_s) / 2 < shot.end_s
    )


def _speech_share(results: Mapping[str, AnalyzerResult], shot: ShotInput) -> float | None:
    if "speech_flow" not in results:
        return None
    speech = [s for s in _segments(results, "speech_flow") if _get(s, "kind") == "speech"]
    return sum(overlap_s((s.start_s, s.end_s), (shot.start_s, shot.end_s)) for s in speech) / (shot.end_s - shot.start_s)


def _palette(segment: Segment | None) -> list[Swatch]:
    return [Swatch.model_validate(s if isinstance(s, dict) else s.model_dump()) for s in (_get(segment, "palette") or [])]


def _loudness(results: Mapping[str, AnalyzerResult], shot: ShotInput) -> float | None:
    """Energy mean of the momentary loudness values that lie in the shot (LUFS, ungated); None for silence or shorter than one window."""
    if "audio_analysis" not in results or shot.end_s - shot.start_s < MIN_LOUDNESS_S:
        return None
    series = next((s for s in results["audio_analysis"].series if s.name == "momentary_lufs"), None)
    if series is None:
        return None
    values = [v for t, v in zip(series.t_s, series.values, strict=True) if v is not None and shot.start_s <= t < shot.end_s]
    if not values:
        return None
    import math

    return 10 * math.log10(sum(10 ** (v / 10) for v in values) / len(values))
