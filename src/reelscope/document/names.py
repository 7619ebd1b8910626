"""The nineteen analyzers by name: the one string that is module name, document key, CLI name and docs anchor."""

from __future__ import annotations

__all__ = ["ANALYZER_NAMES", "ANALYZER_TITLES"]

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
