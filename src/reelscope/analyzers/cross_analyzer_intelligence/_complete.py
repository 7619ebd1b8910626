"""How much of the clip's time each channel describes."""

from __future__ import annotations

from reelscope.analyzers.cross_analyzer_intelligence._result import Channel
from reelscope.document.evidence import Evidence
from reelscope.timebase import Interval, coverage, merge

__all__ = ["completeness"]

KINDS = {  # channel: analyzer, and which of its segments tell it
    "picture_quality": ("content_quality", "shot"),
    "gaze": ("eye_tracking", "look"),
    "pulse": ("audio_analysis", "pulse"),
    "sound_classes": ("audio_environment", "class"),
    "sound_events": ("audio_environment", "event"),
}
OF_SEGMENTS = {  # channel: analyzer whose segments tell something of their time
    "camera": "camera_analysis",
    "scenes": "scene_segmentation",
    "colour": "color_analysis",
    "background": "background_segmentation",
    "objects": "object_detection",
    "told": "qwen2_vl_temporal",
}


def completeness(evidence: Evidence) -> dict[str, Channel]:
    """Share of the clip's time in which each channel says something; null and why where it was not measured.

    A share below 1 is no fault of an analyzer: a clip in which half of the time nobody is seen has half of it described by faces.
    """
    spoken = [(w.start_s, w.end_s) for w in evidence.words.items]
    texts = [(t.start_s, t.end_s) for t in evidence.texts.items]
    shots = [(s.start_s, s.end_s) for s in evidence.shots.items]
    found = {
        "shots": _channel(evidence, shots, evidence.shots.lack),
        "texts": _channel(evidence, texts, evidence.texts.lack),
        "voice": _channel(evidence, list(evidence.voice.items), evidence.voice.lack),
        "words": _channel(evidence, spoken, evidence.words.lack),
        "faces": _channel(evidence, list(evidence.face_time.items), evidence.faces.lack),
    }
    for channel, name in OF_SEGMENTS.items():
        spans = [(s["start_s"], s["end_s"]) for s in evidence.segments(name).items]
        found[channel] = _channel(evidence, spans, evidence.lack(name))
    for channel, (name, kind) in KINDS.items():
        segments = evidence.segments(name, kind)
        spans = [(s["start_s"], s["end_s"]) for s in segments.items if s.get("at_camera", False) is not None]
        found[channel] = _channel(evidence, spans, segments.lack)
    if found["sound_events"].share == 0 and evidence.summary("audio_environment").get("top_events") is None:
        found["sound_events"] = Channel(reason="this backend of audio_environment names no sounds")
    found["music"] = _channel(evidence, list(evidence.heard("music").items), evidence.sounds.lack)
    people = [(t["start_s"], t["end_s"]) for t in evidence.entry("body_pose").get("tracks", ())]
    found["bodies"] = _channel(evidence, people, evidence.lack("body_pose"))
    return found


def _channel(evidence: Evidence, spans: list[Interval], lack: object) -> Channel:
    if lack is not None:
        return Channel(reason=getattr(lack, "reason", None))
    return Channel(share=coverage(merge(spans), evidence.duration_s))
