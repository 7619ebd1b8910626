"""What bars of the timeline are called."""

from __future__ import annotations

from typing import Any

import pytest

from reelscope.document.report.labels import QUIET, label_of, tone_key
from reelscope.document.report.words import percent


@pytest.mark.parametrize(
    ("extra", "label", "tone"),
    [
        ({"kind": "posture", "posture": "standing", "gesture": None}, "Standing", "standing"),
        ({"kind": "gesture", "posture": None, "gesture": "hands_up"}, "Hands up", "hands_up"),
        ({"kind": "look", "at_camera": True}, "Into the camera", "look"),
        ({"kind": "look", "at_camera": False}, "Away", "away"),
        ({"kind": "look", "at_camera": None}, "Not measurable", "none"),
        ({"kind": "blink", "at_camera": None}, "Blink", "blink"),
        ({"age_low": 24.2, "age_high": 50.9}, "24\N{EN DASH}51 years", ""),
        ({"subject_share": None, "background_share": None, "setting": "indoor"}, "Indoor, subject not measured", ""),
        ({"subject_share": 0.789, "background_share": 0.211, "setting": None, "shot": 0}, f"Subject {percent(0.79)}", ""),
        ({"subject_share": 0.3, "background_share": 0.7, "setting": "outdoor", "shot": 0}, f"Outdoor, subject {percent(0.3)}", ""),
        ({"kind": "shot", "shot": 2, "reasons": []}, "Shot 3", "none"),
    ],
)
def test_labels(extra: dict[str, Any], label: str, tone: str) -> None:
    assert label_of(extra) == (label, True)
    assert tone_key(extra) == tone


@pytest.mark.parametrize(
    ("extra", "label", "quiet"),
    [
        ({"stage": "pay_off", "strength": 2.0}, "Pay off", False),
        ({"claim": "text_hidden", "holds": True, "subject": "reels"}, "Text hidden: reels", False),
        ({"claim": "cut_to_beat", "holds": False}, "Not cut to beat", True),
        ({"utterance": 0, "arousal": -0.12, "category": None}, "Arousal \N{MINUS SIGN}0.12", False),
        ({"utterance": 0, "arousal": None, "category": None}, "Arousal not measurable", True),
        ({"utterance": 0, "arousal": None, "category": "happy"}, "Happy", False),
        ({"kind": "class", "label": "music"}, "Music", False),
    ],
)
def test_what_is_heard_and_meant_is_named(extra: dict[str, Any], label: str, quiet: bool) -> None:
    assert label_of(extra) == (label, True)
    assert (tone_key(extra) in QUIET) is quiet
