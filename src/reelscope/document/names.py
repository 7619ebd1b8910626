"""The nineteen analyzers by name: the one string that is module name, document key, CLI name and docs anchor."""

from __future__ import annotations

from collections.abc import Iterable

__all__ = ["ANALYZER_NAMES", "ANALYZER_TITLES", "in_order", "title_of"]

ANALYZER_TITLES: dict[str, str] = {
    "qwen2_vl_temporal": "What happens, segment by segment",
    "object_detection": "Objects",
    "text_overlay": "Text on screen",
    "background_segmentation": "Subject and background",
    "camera_analysis": "Camera",
    "scene_segmentation": "Scenes",
    "color_analysis": "Colour",
    "body_pose": "Body pose",
    "age_estimation": "Age",
    "content_quality": "Picture quality",
    "eye_tracking": "Gaze",
    "cut_analysis": "Cuts and shots",
    "speech_transcription": "Words",
    "audio_analysis": "Sound and music",
    "audio_environment": "What is heard",
    "speech_emotion": "Emotion of the voice",
    "temporal_flow": "Story",
    "speech_flow": "Flow of speech",
    "cross_analyzer_intelligence": "Across analyzers",
}

ANALYZER_NAMES: tuple[str, ...] = tuple(ANALYZER_TITLES)


def in_order(names: Iterable[str]) -> tuple[str, ...]:
    """Keys of a document's analyzers in the order in which they are shown: the nineteen, then those of plugins by name."""
    given = frozenset(names)
    return (*(name for name in ANALYZER_NAMES if name in given), *sorted(given - set(ANALYZER_NAMES)))


def title_of(name: str, told: object = None) -> str:
    """What an analyzer is called; of a plugin's what it says itself (`told`), else its name in words."""
    if name in ANALYZER_TITLES:
        return ANALYZER_TITLES[name]
    return told.strip() if isinstance(told, str) and told.strip() else name.replace("_", " ").capitalize()
