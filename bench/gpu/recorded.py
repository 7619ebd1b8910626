"""What models with trained weights say, written down: random weights neither stop nor speak JSON, so post-processing reads these.

The documents of two runs are then equal although bf16 sums differ with the size of a batch. Nothing here describes the clip.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from reelscope.document.schema import Segment

__all__ = ["SEGMENTS", "make_segments", "parse_description"]

SEGMENTS: Mapping[str, Sequence[str]] = {
    "qwen2_vl_temporal": (
        '{"action": "A woman in a yellow jumper lifts a saucepan lid and steam rises.", "objects": ["saucepan", "lid", "hob"], '
        '"setting": "bright kitchen, window on the left", "mood": "calm", "continues": false}',
        '{"action": "Close-up of hands slicing a lemon on a wooden board.", "objects": ["knife", "lemon", "chopping board"], '
        '"setting": "kitchen worktop", "mood": "focused", "continues": false}',
        '```json\n{"action": "The slices drop into the pan one after the other.", "objects": ["lemon", "saucepan"], '
        '"setting": "kitchen worktop", "mood": "focused", "continues": true}\n```',
        '{"action": "She tastes from a spoon, nods and smiles at the camera.", "objects": ["spoon"], "setting": "bright kitchen", '
        '"mood": "cheerful", "continues": false}',
        '{"action": "Plated dish turns slowly; a hand adds parsley.", "objects": ["plate", "parsley"], "setting": "dark table", '
        '"mood": "appetising", "continues": false}',
    ),
    "object_detection": (
        '{"label": "person", "confidence": 0.94, "xywh_norm": [0.21, 0.18, 0.55, 0.78]}',
        '{"label": "cup", "confidence": 0.71, "xywh_norm": [0.63, 0.55, 0.12, 0.09]}',
        '{"label": "dog", "confidence": 0.88, "xywh_norm": [0.1, 0.5, 0.4, 0.38]}',
    ),
    "background_segmentation": (
        '{"subject_share": 0.37, "background": {"wall": 0.31, "windowpane": 0.12, "cabinet": 0.11}}',
        '{"subject_share": 0.22, "background": {"sky": 0.4, "tree": 0.28, "road": 0.07}}',
    ),
    "body_pose": (
        '{"posture": "standing", "keypoints": 17, "confidence": 0.83}',
        '{"posture": "sitting", "keypoints": 15, "confidence": 0.66}',
    ),
    "scene_segmentation": ('{"place": "kitchen", "similarity": 0.91}', '{"place": "street", "similarity": 0.42}'),
    "content_quality": ('{"score": 0.74}', '{"score": 0.58}'),
    "speech_transcription": (
        '{"text": "so the first thing you do is heat the pan until a drop of water dances", "confidence": 0.93}',
        '{"text": "and then you wait thirty seconds, trust me, do not touch it", "confidence": 0.89}',
    ),
    "audio_environment": (
        '{"label": "Speech", "confidence": 0.97}',
        '{"label": "Music", "confidence": 0.81}',
        '{"label": "Sizzle", "confidence": 0.44}',
    ),
    "speech_emotion": ('{"arousal": 0.61, "valence": 0.55, "dominance": 0.58}', '{"arousal": 0.72, "valence": 0.63, "dominance": 0.6}'),
}


def parse_description(text: str) -> dict[str, Any]:
    """The JSON object in a model's answer, with or without a code fence. There is no repair: what is not JSON is an error.

    Raises:
        ValueError: No JSON object.
    """
    body = text.strip()
    if body.startswith("```"):
        body = body.removeprefix("```json").removeprefix("```").removesuffix("```")
    found = json.loads(body)
    if not isinstance(found, dict):
        raise ValueError(f"expected a JSON object, not {type(found).__name__}")
    return found


def make_segments(name: str, spans: Sequence[tuple[float, float]]) -> list[Segment]:
    """A segment for each span (start_s, end_s), from the recorded outputs in turn."""
    outputs = SEGMENTS[name]
    return [Segment(start_s=a, end_s=b, **parse_description(outputs[i % len(outputs)])) for i, (a, b) in enumerate(spans)]
