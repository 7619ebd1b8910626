"""What the compact model makes of faces: an order and a range that can be told by eye, ages of known people; no data set of ages is here.

The weights come from the model store, or from ../shared/models beside ../shared/media.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import cv2

from bench.accuracy.drive import run_analyzer
from bench.accuracy.rows import Context, Row
from reelscope.analyzers.age_estimation._age import view_of
from reelscope.analyzers.age_estimation._readers import UtkFace
from reelscope.features.base import LoadContext, NoOptions
from reelscope.features.faces import FacesFeature, finder
from reelscope.models.sources import ModelSource, register
from reelscope.pipeline import Session

NAME = "age_estimation"
WEIGHTS = "model_age_q.tflite"
ADULTS = ("vertical-selfie-man-office.mp4", "talking-woman-flag-512.mp4", "vertical-woman-lake-zoom-out.mp4")
# The men's ages when the pictures were taken lie in these ranges (their birthdays and offices are public).
KNOWN = (("face-obama-portrait.jpg", (47, 51)), ("face-two-men.jpg", (47, 51)), ("face-two-men.jpg", (66, 70)))
SHORT_PX = 540


def measure(ctx: Context) -> list[Row]:
    if ctx.media is None:
        return [Row(NAME, "ages on real clips", note="no truth: ../shared/media is not here")]
    weights = ctx.media.parent / "models" / WEIGHTS
    if not weights.is_file():
        return [Row(NAME, "ages on real clips", note="no truth: ../shared/models is not here")]
    register(ModelSource.of_file("age-utkface", weights, runtime="litert", licence="MIT"))
    return [*clip_rows(ctx.media), *known_rows(ctx.media)]


def clip_rows(media: Path) -> Iterator[Row]:
    with Session() as session:
        ages = {name: _first(run_analyzer(NAME, media / name, session=session)) for name in (*ADULTS, "children-jumping-bed.mp4")}
    age, low, high, why = ages[ADULTS[0]]
    met = age is not None and 20 <= age <= 45
    note = f"interval {low:.0f}-{high:.0f}" if age is not None and low is not None and high is not None else why
    yield Row(NAME, f"the man in the office, age told ({ADULTS[0]})", 1, age, "years", "20-45", met, note=note)
    child, *_, why = ages["children-jumping-bed.mp4"]
    adults = [a for n in ADULTS if (a := ages[n][0]) is not None]
    text = "children told younger than every adult (children-jumping-bed.mp4)"
    if child is None or not adults:
        yield Row(NAME, text, goal="1", note=f"no age for the children, whose faces are blurred in the source: {why}")
    else:
        yield Row(NAME, text, 1, float(child < min(adults)), "", "1", child < min(adults), note=f"{child:.0f} against {min(adults):.0f}")
    others = "; ".join(f"{n} {ages[n][0]:.0f}" for n in ADULTS[1:] if ages[n][0] is not None)
    yield Row(NAME, "ages told of two women who look 20-35", note=others)


def _first(entry: object) -> tuple[float | None, float | None, float | None, str]:
    """Age, interval and reason of the longest face."""
    segments = sorted(entry.segments, key=lambda s: s.start_s - s.end_s)  # type: ignore[attr-defined]
    if not segments:
        return None, None, None, "no face"
    s = segments[0]
    return s.age, s.age_low, s.age_high, s.reason or ""


def known_rows(media: Path) -> Iterator[Row]:
    """Distance to the nearer end of the known range, and whether the interval reaches into it, on three faces of two pictures."""
    ctx = LoadContext("cpu", NoOptions(), FacesFeature.spec.frames)
    find, model = finder(ctx), ctx.model("age-utkface")
    reader = UtkFace(lambda: model.session)
    ctx.pin()
    errors, inside, told = [], 0, []
    try:
        for k, (name, (young, old)) in enumerate(KNOWN):
            bgr = cv2.imread(str(media / name))
            scale = min(1.0, SHORT_PX / min(bgr.shape[:2]))
            rgb = cv2.cvtColor(cv2.resize(bgr, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA), cv2.COLOR_BGR2RGB)
            faces = sorted((f for f in find.find(rgb) if f.mesh is not None), key=lambda f: f.xywh_px[0])
            face = faces[k - 1 if name == KNOWN[2][0] else 0]
            assert face.mesh is not None
            found = reader.sum_up([view_of(reader, rgb, face.mesh.points, 0.0).answer] * 3)
            errors.append(max(young - found.age, found.age - old, 0.0))
            inside += found.low <= old and found.high >= young
            told.append(f"{young}-{old}: {found.age:.0f} ({found.low:.0f}-{found.high:.0f})")
    finally:
        ctx.unpin()
        ctx.models.close()
    note = "; ".join(told)
    yield Row(NAME, "mean distance from the known age, faces on two pictures", len(errors), sum(errors) / len(errors), "years", note=note)
    yield Row(NAME, "intervals that reach the known age (80 % expected)", len(errors), inside / len(errors))
