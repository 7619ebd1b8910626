"""The rules of background_segmentation by tables: who counts as the subject, which figures stand, inside or outside."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from reelscope.analyzers.background_segmentation._figures import figures_of, setting_of_clip
from reelscope.analyzers.background_segmentation._gate import (
    FLEETING,
    NO_MASK,
    NO_SAMPLE,
    NOBODY,
    SEEN_ELSEWHERE,
    Judged,
    judge,
    needed,
    persons_of,
    together,
)
from reelscope.analyzers.background_segmentation._places import DEEPLAB_NAMES, INSIDE, OUTSIDE, SEEN_RIGHT, main_name, setting_of
from reelscope.analyzers.background_segmentation._shots import Reading, Sample
from reelscope.document.schema import AnalyzerResult, Segment

# --- who counts as the subject


@pytest.mark.parametrize(("samples", "least"), [(1, 1), (2, 1), (3, 2), (8, 2), (20, 2), (24, 3), (50, 5), (500, 5)])
def test_in_how_many_samples_somebody_must_be_seen(samples: int, least: int) -> None:
    assert needed(samples) == least


STEP_S = 0.4
ALICE, EMPTY = frozenset({("face", 1)}), frozenset[tuple[str, int]]()


def judged(marks: str, persons: Sequence[tuple[float, float]] | None = None) -> Judged:
    """A shot by its samples: . nobody, m somebody with a mask, p somebody whom the model did not mark."""
    known = {".": EMPTY, "m": ALICE, "p": frozenset({("person", 99)})}
    mask = np.zeros((8, 16), bool)
    mask[2:6, 4:8] = True
    samples = [Sample(STEP_S * i, mask.shape, ALICE, ((ALICE, np.packbits(mask).tobytes()),)) for i in range(len(marks))]
    return judge(samples, [known[m] for m in marks], persons)


def as_marks(j: Judged) -> str:
    return "".join("?" if r.share is None else "m" if r.share > 0 else "." for r in j.readings)


@pytest.mark.parametrize(
    ("marks", "kept", "reason"),
    [
        ("", "", NO_SAMPLE),
        ("....", "....", NOBODY),
        ("mmmm", "mmmm", None),
        ("..m..", ".....", FLEETING),  # one sample is none
        ("m....m", "......", FLEETING),  # two of one sample each, 2 s apart
        ("m.m...", "m.m...", None),
        ("m....mm", ".....mm", None),  # the stretch of one sample goes, the other stays
        ("mm" + 22 * ".", 24 * ".", FLEETING),  # less than a tenth of the shot
        ("mmm" + 21 * ".", "mmm" + 21 * ".", None),
        ("mmmm" + 146 * ".", 150 * ".", FLEETING),
        ("mmmmm" + 145 * ".", "mmmmm" + 145 * ".", None),  # two seconds count in any take
        ("m", "m", None),  # short shots: the features have sighted them twice
        ("m.", "m.", None),
        ("p", "?", NO_MASK),
        ("pppp", "????", NO_MASK),
        ("pp..", "????", NO_MASK),  # not 0 because of the two others
        ("ppmp", "????", NO_MASK),  # one mask is none
        ("pmmp", "?mm?", None),
    ],
)
def test_a_subject_rests_on_enough_samples(marks: str, kept: str, reason: str | None) -> None:
    found = judged(marks)
    assert (as_marks(found), found.reason) == (kept, reason)


@pytest.mark.parametrize(
    ("marks", "persons", "kept", "present", "reason"),
    [
        ("......", None, "......", 0, NOBODY),  # it did not run
        ("......", [], "......", 0, NOBODY),
        ("......", [(0.0, 2.4)], "??????", 6, SEEN_ELSEWHERE),
        ("......", [(0.0, 1.0)], "??????", 3, SEEN_ELSEWHERE),  # half of the shot: a share of 0 at the other times would be a share of 0
        ("......", [(0.3, 0.5)], "......", 0, NOBODY),  # in one sample only
        ("..m...", [(0.0, 2.4)], "??????", 6, SEEN_ELSEWHERE),  # a fleeting face beside it
        ("..m...", [(0.3, 0.5)], "......", 0, FLEETING),
        (24 * ".", [(0.0, 0.8)], 24 * ".", 0, NOBODY),
        (".", [(0.0, 0.3)], "?", 1, SEEN_ELSEWHERE),
        ("mmm...", [(0.0, 2.4)], "mmm???", 6, None),  # the times without a mask are left out of the mean
        ("mmm...", [(0.0, 1.0)], "mmm...", 3, None),
        ("pppp", [(0.0, 1.6)], "????", 4, NO_MASK),
    ],
)
def test_a_person_of_object_detection_is_not_denied(
    marks: str, persons: list[tuple[float, float]] | None, kept: str, present: int, reason: str | None
) -> None:
    found = judged(marks, persons)
    assert (as_marks(found), sum(r.person for r in found.readings), found.reason) == (kept, present, reason)


def test_persons_of_object_detection() -> None:
    rows = [("person", 0.0, 9), ("person", 1.0, 1), ("dog", 2.0, 9), ("person", 3.0, 2)]
    segments = [Segment(start_s=t, end_s=t + 1, label=label, sightings=n) for label, t, n in rows]  # type: ignore[call-arg]
    assert persons_of(AnalyzerResult(segments=segments)) == [(0.0, 1.0), (3.0, 4.0)]
    assert persons_of(AnalyzerResult()) == [] and persons_of(None) is None


@pytest.mark.parametrize(
    ("reasons", "whole"),
    [
        ([], NO_SAMPLE),
        ([NOBODY, NO_SAMPLE], NOBODY),
        ([NOBODY, FLEETING], FLEETING),
        ([NOBODY, SEEN_ELSEWHERE], SEEN_ELSEWHERE),
        ([SEEN_ELSEWHERE, None], None),
    ],
)
def test_the_reason_of_the_clip(reasons: list[str | None], whole: str | None) -> None:
    assert together([Judged((), r) for r in reasons]).reason == whole


# --- figures and their reasons


def reading(t_s: float = 0.0, share: float | None = 0.0, **changes: Any) -> Reading:
    return Reading(t_s, bool(share) or share is None, share, **changes)


def test_a_clip_of_nobody_and_of_somebody_without_a_mask_is_not_0() -> None:
    found = figures_of(Judged((reading(), reading(share=None)), SEEN_ELSEWHERE), [], told=False)
    assert (found["subject_share"], found["background_share"], found["subject_known_share"]) == (None, None, 0)
    assert (found["person_present_share"], found["subject_reason"], found["blur_reason"]) == (0.5, SEEN_ELSEWHERE, SEEN_ELSEWHERE)
    found = figures_of(Judged((reading(), reading(share=None), reading(share=0.4)), None), [], told=False)
    assert (found["subject_share"], found["subject_known_share"]) == pytest.approx((0.2, 2 / 3))


@pytest.mark.parametrize(
    ("readings", "reason", "texture", "why"),
    [
        ([], NO_SAMPLE, None, NO_SAMPLE),
        ([reading(share=None)], SEEN_ELSEWHERE, None, SEEN_ELSEWHERE),
        ([reading()], NOBODY, None, "no frame was looked at for edges"),
        ([reading(share=1.0, with_edges=True)], None, None, "the subject leaves no background to look at"),
        ([reading(with_edges=True, edge_density=0.05)], NOBODY, "plain", None),
        ([reading(with_edges=True, edge_density=0.22)], NOBODY, "busy", None),
        ([reading(with_edges=True, edge_density=0.1)], NOBODY, None, "the edge density is between plain (below 0.06) and busy (from 0.22)"),
    ],
)
def test_texture_or_why_not(readings: list[Reading], reason: str | None, texture: str | None, why: str | None) -> None:
    found = figures_of(Judged(tuple(readings), reason), [], told=False)
    assert (found.get("texture"), found["texture_reason"]) == (texture, why)


def test_classes_below_a_twentieth_are_not_listed() -> None:
    classes = [{"wall": 0.4, "water": 0.02, "person": 0.5, "floor": 0.08}] * 2
    found = figures_of(Judged((reading(),), NOBODY), classes, told=True)
    assert [c.label for c in found["classes"]] == ["wall", "floor"] and found["person_class_share"] == 0.5
    assert figures_of(Judged((), NO_SAMPLE), [], told=True)["setting_reason"] == "no frame was classified"


def test_the_mask_has_its_say_in_how_much_background_there_is() -> None:
    classes = [{"bed": 0.5, "person": 0.5}] * 2
    assert figures_of(Judged((reading(share=0.6),), None), classes, told=True)["setting"] == "indoor"
    found = figures_of(Judged((reading(share=0.8),), None), classes, told=True)
    assert (found["setting"], found["setting_reason"]) == (None, "the background fills less than 30 % of the picture")
    unknown = figures_of(Judged((reading(share=None),), NO_MASK), classes, told=True)
    assert unknown["setting"] == "indoor"  # the class model's own word


@pytest.mark.parametrize(
    ("shares", "told", "setting", "reason"),
    [
        ({}, False, None, "this backend does not tell what is behind the subject"),
        ({}, True, None, "the setting was told of no shot"),
        ({"indoor": 0.4}, True, None, "the setting was told of 40 % of the clip, less than half"),
        ({"indoor": 0.5}, True, "indoor", None),
        ({"indoor": 0.1, "outdoor": 0.4}, True, "outdoor", None),
        ({"indoor": 0.11, "outdoor": 0.4}, True, None, "shots of both: outdoor has 78 % of the told time, below 80 %"),
    ],
)
def test_the_setting_of_the_clip(shares: dict[str, float], told: bool, setting: str | None, reason: str | None) -> None:
    assert setting_of_clip(shares, told) == {"setting": setting, "setting_reason": reason}


# --- classes


def test_names_of_places() -> None:
    assert len(DEEPLAB_NAMES) == len(set(DEEPLAB_NAMES)) == 32
    assert not INSIDE & OUTSIDE and set(DEEPLAB_NAMES) > SEEN_RIGHT
    assert [main_name(n) for n in ("windowpane, window ", "windowpane; window", "Sky")] == ["windowpane", "windowpane", "sky"]


@pytest.mark.parametrize(
    ("shares", "value"),
    [
        ({}, None),
        ({"wall": 0.7, "floor": 0.3}, None),
        ({"ceiling": 0.3, "wall": 0.7}, "indoor"),  # one class alone needs 30 %
        ({"ceiling": 0.29, "wall": 0.7}, None),
        ({"ceiling": 0.21, "windowpane": 0.03, "wall": 0.76}, None),  # a flag behind a face
        ({"ceiling": 0.1, "windowpane": 0.05, "wall": 0.8}, "indoor"),
        ({"ceiling": 0.09, "windowpane": 0.05, "wall": 0.8}, None),
        ({"tree": 0.3, "floor": 0.5}, "outdoor"),
        ({"tree": 0.2, "plant": 0.06, "floor": 0.5}, "outdoor"),
        ({"sky": 1.0}, None),  # a plain wall is often called sky
        ({"sky": 0.6, "mountain": 0.15}, "outdoor"),
        ({"bed": 0.3, "tree": 0.1}, None),
        ({"bed": 0.32, "tree": 0.05}, "indoor"),
        ({"curtain": 0.1, "tree": 0.2, "sky": 0.3}, "outdoor"),
    ],
)
def test_inside_or_outside(shares: dict[str, float], value: str | None) -> None:
    found = setting_of(shares)
    assert found.value == value and (found.reason is None) == (value is not None)
    little = setting_of(shares, 0.29)
    assert little.value is None and little.reason == "the background fills less than 30 % of the picture"
    assert (little.indoor_share, little.outdoor_share) == (found.indoor_share, found.outdoor_share)
