"""Labels of sounds, and the count of seconds that compares them with what was heard."""

from __future__ import annotations

import json

import pytest
from bench.accuracy.audio_environment import KNOWN, LABELS, TUNING, score_seconds
from bench.accuracy.rows import Counts

from reelscope.analyzers.audio_environment._classes import CLASSES

CLIPS = json.loads(LABELS.read_text(encoding="utf-8"))["clips"]


@pytest.mark.parametrize(
    ("found", "truth", "unsure", "duration_s", "counts"),
    [
        ([(0, 2)], [[0, 2]], [], 4.0, (2, 0, 0)),
        ([], [[1, 3]], [], 4.0, (0, 0, 2)),
        ([(0, 4)], [], [], 4.0, (0, 4, 0)),
        ([(0, 4)], [[0, 0.5]], [], 1.0, (0, 0, 0)),  # half a second is neither with nor without
        ([(0, 1)], [[0, 0.8]], [], 1.0, (1, 0, 0)),
        ([(0, 0.4)], [[0, 1]], [], 1.0, (0, 0, 1)),
        ([(0, 4)], [[0, 1]], [[1, 4]], 4.0, (1, 0, 0)),
        ([(0, 1.6)], [[0, 1.6]], [], 1.6, (2, 0, 0)),  # a rest of half a second or more counts as a second
        ([(0, 1.4)], [[0, 1.4]], [], 1.4, (1, 0, 0)),
        ([(0, 0.2)], [[0, 0.2]], [], 0.2, (1, 0, 0)),
    ],
)
def test_seconds(found: list, truth: list, unsure: list, duration_s: float, counts: tuple[int, int, int]) -> None:
    assert score_seconds(found, truth, unsure, duration_s) == Counts(*counts)


@pytest.mark.parametrize("clip", CLIPS, ids=lambda c: c["clip"])
def test_labels_are_in_order_and_in_the_sound(clip: dict) -> None:
    for spans in (*(clip[label] for label in CLASSES), *clip["unsure"].values()):
        assert all(0 <= a < b <= clip["duration_s"] + 0.02 for a, b in spans)
        assert all(a[1] <= b[0] for a, b in zip(spans, spans[1:], strict=False))
    assert set(clip["unsure"]) <= set(CLASSES)


def test_what_is_asked_for_by_name_is_labelled() -> None:
    names = {c["clip"] for c in CLIPS}
    assert set(KNOWN) <= names and set(TUNING) <= names
