"""Safe zones of hand-made clips: every figure is computed beside by hand."""

from __future__ import annotations

import pytest

from reelscope.document.insights.safe_zones import FACE_LIMIT, TEXT_LIMIT, measure
from reelscope.document.measures.zones import PROFILES
from tests.document.fixtures import entry
from tests.document.insights.made import box_px, captions, clip, face

FREE = box_px(200, 400, 400, 100)
LOW = box_px(200, 1500, 400, 100)
HALF_REELS = box_px(200, 1198, 400, 100)  # the safe area of Reels ends at 1248


def test_without_texts_and_faces_nothing_can_be_said() -> None:
    found = measure(clip(missing=("text_overlay", "eye_tracking", "object_detection")))
    assert (found.status, found.code, found.hint) == ("unavailable", "no_backend", "reelscope models pull x")
    assert found.reason and found.texts is None and found.totals == {}


def test_either_alone_is_enough_and_the_other_says_why_not() -> None:
    only_text = measure(clip(text_overlay=captions({"start_s": 0.0, "end_s": 2.0, "text": "a", "xywh_norm": LOW})))
    assert only_text.status == "ok" and only_text.faces is None and "faces" in only_text.not_measured
    assert only_text.totals["reels"].faces_share is None and only_text.totals["reels"].texts_hidden == 1
    only_face = measure(clip(eye_tracking=face((0.0, 2.0, [(0.0, LOW)]))))
    assert only_face.texts is None and set(only_face.not_measured) == {"texts", "marks", "in_scene"}
    assert only_face.totals["reels"].texts_hidden_s is None and only_face.totals["reels"].faces_hidden == 1


def test_measured_and_nothing_there_is_zero_not_null() -> None:
    found = measure(clip(text_overlay=entry(), eye_tracking=entry()))
    assert found.texts == [] and found.faces == [] and not found.not_measured
    assert found.totals["tiktok"].texts_hidden_s == 0.0 and found.totals["tiktok"].texts_share is None


def test_a_resting_text_half_outside_is_half_hidden_all_the_time() -> None:
    found = measure(clip(text_overlay=captions({"start_s": 1.0, "end_s": 4.0, "text": "half", "xywh_norm": HALF_REELS})))
    assert found.texts is not None
    zone = found.texts[0].zones["reels"]
    assert (zone.share, zone.largest_share, zone.hidden_s) == (pytest.approx(0.5, abs=1e-4), pytest.approx(0.5, abs=1e-4), 3.0)
    assert zone.nearest_xy_norm == pytest.approx((200 / 1080, 1148 / 1920), abs=1e-5)
    assert zone.move_px == pytest.approx((0, -50), abs=0.02) and zone.fits_at_scale is None
    total = found.totals["reels"]
    assert [(s.start_s, s.end_s) for s in total.text_spans or ()] == [(1.0, 4.0)] and total.texts_hidden_s == 3.0


def test_a_text_that_slides_in_is_weighted_by_time() -> None:
    """One second outside, a half second half outside, two and a half seconds inside."""
    path = [(0.0, LOW), (1.0, HALF_REELS), (1.5, FREE)]
    found = measure(clip(text_overlay=captions({"start_s": 0.0, "end_s": 4.0, "text": "in", "path": path, "xywh_norm": FREE})))
    assert found.texts is not None
    zone = found.texts[0].zones["reels"]
    assert zone.share == pytest.approx((1.0 * 1 + 0.5 * 0.5) / 4, abs=1e-4)
    assert zone.largest_share == 1.0 and zone.hidden_s == pytest.approx(1.5)
    assert zone.nearest_xy_norm == pytest.approx((FREE[0], FREE[1])) and zone.move_px == (0, 0), "where it comes to rest it is seen"
    assert found.totals["reels"].texts_hidden == 1


def test_too_wide_a_text_says_what_it_must_be_scaled_by() -> None:
    found = measure(clip(text_overlay=captions({"start_s": 0.0, "end_s": 1.0, "text": "wide", "xywh_norm": box_px(90, 400, 900, 90)})))
    assert found.texts is not None
    zones = found.texts[0].zones
    assert zones["tiktok"].nearest_xy_norm is None and zones["tiktok"].move_px is None
    assert zones["tiktok"].fits_at_scale == pytest.approx(840 / 900, rel=1e-4)
    assert zones["reels"].nearest_xy_norm is not None and zones["reels"].fits_at_scale is None
    assert found.totals["tiktok"].texts_unplaceable == 1 and found.totals["reels"].texts_unplaceable == 0


def test_marks_and_writing_in_the_scene_stand_apart_and_outside_the_totals() -> None:
    rows = [{"start_s": 0.0, "end_s": 9.0, "text": r, "role": r, "xywh_norm": LOW} for r in ("watermark", "scene_text", "title", "sticker")]
    found = measure(clip(text_overlay=captions(*rows)))
    assert [t.text for t in found.texts or ()] == ["title", "sticker"]
    assert [t.text for t in found.marks or ()] == ["watermark"] and [t.text for t in found.in_scene or ()] == ["scene_text"]
    assert found.totals["shorts"].texts_hidden == 2 and found.totals["shorts"].texts_hidden_s == 9.0, "a moment counts once"


def test_totals_weigh_by_area_and_time() -> None:
    rows = [
        {"start_s": 0.0, "end_s": 1.0, "text": "hidden", "xywh_norm": LOW},
        {"start_s": 0.0, "end_s": 6.0, "text": "seen", "xywh_norm": box_px(200, 400, 200, 100)},
    ]
    found = measure(clip(text_overlay=captions(*rows)))
    assert found.totals["reels"].texts_share == pytest.approx(40000 * 1 / (40000 * 1 + 20000 * 6), rel=1e-4)


@pytest.mark.parametrize(("outside", "hidden"), [(TEXT_LIMIT - 0.001, 0.0), (TEXT_LIMIT + 0.001, 2.0)])
def test_a_text_is_hidden_from_its_limit_on(outside: float, hidden: float) -> None:
    where = box_px(300, 1248 - 100 * (1 - outside), 400, 100)
    found = measure(clip(text_overlay=captions({"start_s": 0.0, "end_s": 2.0, "text": "a", "xywh_norm": where})))
    assert found.texts is not None and found.texts[0].zones["reels"].hidden_s == hidden


@pytest.mark.parametrize(("outside", "hidden"), [(FACE_LIMIT - 0.001, 0.0), (FACE_LIMIT + 0.001, 2.0)])
def test_a_face_is_hidden_from_its_limit_on(outside: float, hidden: float) -> None:
    where = box_px(300, 1248 - 300 * (1 - outside), 300, 300)
    found = measure(clip(eye_tracking=face((0.0, 2.0, [(0.0, where)]))))
    assert found.faces is not None and found.faces[0].zones["reels"].hidden_s == hidden
    assert found.totals["reels"].faces_hidden == bool(hidden)


def test_a_wide_clip_is_fitted_into_the_frame() -> None:
    """1920x1080 stands at 656-1263 of the frame: its lower edge just below Reels' safe area, which ends at 1248."""
    size = 1920, 1080
    rows = [{"start_s": 0.0, "end_s": 1.0, "text": "low", "xywh_norm": box_px(800, 1000, 320, 80, size)}]
    found = measure(clip(size=size, text_overlay=captions(*rows)))
    assert found.picture_px == pytest.approx((0, 656.25, 1080, 607.5))
    assert found.texts is not None
    zone = found.texts[0].zones["reels"]
    below = 656.25 + 1080 * 0.5625 - 1248
    assert zone.share == pytest.approx(below / (80 * 0.5625), rel=1e-3)
    assert zone.move_px == pytest.approx((0, -below / 0.5625), rel=1e-3)


def test_every_profile_stands_in_the_insight_with_its_date() -> None:
    found = measure(clip(text_overlay=entry()))
    assert set(found.profiles) == set(found.totals) == set(PROFILES)
    assert all(p.dated == "2026-11" and p.source and p.polygon_px for p in found.profiles.values())
