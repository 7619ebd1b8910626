"""From still stretches and the feature's edits to the edit grammar of cut_analysis."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from reelscope.analyzers.cut_analysis._edits import NO_STILLS, edit_segments, unmeasured
from reelscope.features.edits import Edit, Edits

SHOTS = [(0.0, 4.0), (4.0, 6.0)]


def still(kind: str, start_s: float, end_s: float, frames: int = 0) -> Any:
    return SimpleNamespace(kind=kind, start_s=start_s, end_s=end_s, frames=frames)


@pytest.mark.parametrize(
    ("stills", "expected"),
    [
        ([], []),
        ([still("frozen", 1.0, 2.0)], [("freeze_frame", 1.0, 2.0)]),
        ([still("frozen", 4.0, 6.0)], [("still_picture", 4.0, 6.0)]),
        ([still("frozen", 3.0, 6.0)], [("freeze_frame", 3.0, 4.0), ("still_picture", 4.0, 6.0)]),
        ([still("black", 1.0, 2.0), still("shot", 0.0, 4.0)], []),
        ([still("duplicate", 1.0, 2.0, frames=15)], [("slowed", 1.0, 2.0)]),  # every frame twice at 30 frames/s
        ([still("duplicate", 1.0, 2.0, frames=6)], []),  # a pulldown
        ([still("duplicate", 0.0, 5.9, frames=89)], []),  # the whole clip: a change of its rate
        ([still("duplicate", 0.0, 2.0, frames=30), still("duplicate", 3.5, 6.0, frames=38)], []),  # so is half of it here, half there
        ([still("duplicate", 1.0, 1.3, frames=5)], []),
    ],
)
def test_stretches_become_edits(stills: list[Any], expected: list[tuple[str, float, float]]) -> None:
    found = edit_segments(None, stills, SHOTS, fps=30.0, duration_s=6.0)
    assert [(e.kind, e.start_s, e.end_s) for e in found] == expected
    assert all(e.confidence is None and e.evidence for e in found)


def test_the_evidence_of_slowed_footage_is_its_speed() -> None:
    (edit,) = edit_segments(None, [still("duplicate", 1.0, 3.0, frames=40)], SHOTS, fps=30.0, duration_s=6.0)
    assert edit.evidence["speed"] == pytest.approx(1 / 3)


def test_without_a_frame_rate_slowed_footage_is_not_told() -> None:
    assert edit_segments(None, [still("duplicate", 1.0, 2.0, frames=15)], SHOTS, fps=None, duration_s=6.0) == []


def test_edits_of_the_feature_end_with_the_clip_and_stand_in_order() -> None:
    edits = Edits((Edit("split_screen", 3.0, 6.5, (("x", 0.5),)),))
    found = edit_segments(edits, [still("frozen", 1.0, 2.0)], SHOTS, fps=30.0, duration_s=6.0)
    assert [(e.kind, e.end_s) for e in found] == [("freeze_frame", 2.0), ("split_screen", 6.0)]


def test_what_is_not_measured_is_said() -> None:
    assert {"speed_ramp", "reversed_alone", "mirrored_alone", "keyed_background"} == set(unmeasured([]))
    assert unmeasured(None)["freeze_frame"] == unmeasured(None)["slowed"] == NO_STILLS
