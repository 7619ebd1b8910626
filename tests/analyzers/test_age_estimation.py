"""age_estimation: which views are good, the interval by tables, reasons, shots; the real model where it is."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from reelscope.analyzers.age_estimation import AgeEstimation, figures, result
from reelscope.analyzers.age_estimation import _age as age
from reelscope.analyzers.age_estimation._age import AgeStream, View, estimate, unfit, view_of
from reelscope.analyzers.age_estimation._readers import UtkFace, groups_of, interval, quantile
from reelscope.features.faces import Faces, FaceSeen, FaceTrack
from reelscope.media.encode import ClipWriter
from reelscope.models.manifest import manifest
from reelscope.models.sessions.base import SessionRequest
from reelscope.models.sessions.litert import open_session
from reelscope.models.sources import ModelSource
from reelscope.pipeline import Session
from tests.conftest import SHARED


class Model:
    """Answers with the ages given, one a call, over and over."""

    def __init__(self, *years: float) -> None:
        self.years, self.inputs = years, list[np.ndarray]()

    def reader(self) -> UtkFace:
        return UtkFace(lambda: self)

    def run(self, inputs: Sequence[Any]) -> list[Any]:
        self.inputs.append(inputs[0])
        return [np.array([[self.years[(len(self.inputs) - 1) % len(self.years)] / 116]], np.float32)]


def points(width: float = 0.4) -> np.ndarray:
    """A mesh about the middle, normalised."""
    out = np.full((468, 3), 0.5, np.float32)
    out[234, 0], out[454, 0], out[10, 1], out[152, 1] = 0.5 - width / 2, 0.5 + width / 2, 0.5 - width / 2, 0.5 + width / 2
    out[33, :2], out[263, :2] = (0.5 - width / 4, 0.45), (0.5 + width / 4, 0.45)
    return out


def seen(live_id: int = 0, *, width: float = 0.4, score: float = 0.99, yaw: float = 0.0, pitch: float = 0.0, mesh: bool = True) -> FaceSeen:
    pose = (yaw, pitch, 0.0) if mesh else (None, None, None)
    return FaceSeen(live_id, (0.3, 0.3, width, width), score, points(width) if mesh else None, *pose)


def track(start_s: float, end_s: float, shot: int = 0, live_id: int = 0) -> FaceTrack:
    t_s = np.arange(start_s, end_s - 1e-9, 0.2)
    n = len(t_s)
    box, pose = np.full((n, 4), 0.25, np.float32), np.zeros((n, 3), np.float32)
    return FaceTrack(shot, live_id, start_s, end_s, shot, t_s, box, np.ones(n, np.float32), pose)


PICTURE = np.random.default_rng(0).integers(0, 255, (300, 300, 3), np.uint8)


@pytest.mark.parametrize(
    ("face", "why"),
    [
        (seen(), None),
        (seen(width=0.19), "small"),  # 57 px of 300
        (seen(mesh=False), "unclear"),
        (seen(score=0.8), "unclear"),
        (seen(yaw=30.0), "turned"),
        (seen(pitch=-30.0), "turned"),
    ],
)
def test_which_views_are_good(face: FaceSeen, why: str | None) -> None:
    assert unfit(face, 300) == why


def test_a_view_is_the_mean_over_margins_and_mirrors() -> None:
    model = Model(20, 30, 40, 50)
    view = view_of(model.reader(), PICTURE, points() * 300, 1.5)
    assert view.answer == pytest.approx([35]) and view.t_s == 1.5 and view.sharpness > 0
    assert len(model.inputs) == 4 and all(
        i.shape == (1, 200, 200, 3) and i.dtype == np.float32 and 0 <= i.min() <= i.max() <= 1 for i in model.inputs
    )


def test_a_face_is_looked_at_often_at_first_then_seldom() -> None:
    stream = AgeStream(Model(30).reader())
    for k in range(50):
        stream.look(PICTURE, k * 0.2, [seen()])
    times = [v.t_s for v in stream.views[0]]
    assert times[:5] == pytest.approx([0, 0.2, 0.4, 0.6, 0.8]) and times[5] == pytest.approx(1.4) and len(times) == 5 + 15


@pytest.mark.parametrize(
    ("years", "expected"),
    [
        ([], None),
        ([30, 31], None),
        ([30, 30, 30], (30, 17.2, 42.8)),
        ([20, 30, 70], (30, 0.0, 30 + 1.28 * (100 + 700) ** 0.5)),
        ([2, 2, 2], (2, 0.0, 14.8)),
        ([115, 115, 115], (115, 102.2, 116.0)),
        ([130, 130, 130], (116, 103.2, 116.0)),
    ],
)
def test_interval(years: list[float], expected: tuple[float, float, float] | None) -> None:
    found = estimate(Model().reader(), [View(float(i), np.array([y], float), 1.0) for i, y in enumerate(years)])
    if expected is None:
        assert found is None
    else:
        assert found is not None and (found.age, found.low, found.high) == pytest.approx(expected, abs=1e-6)
        assert found.low <= found.age <= found.high


LABELS = {0: "10-19", 1: "0-9", 2: "more than 20"}
GROUPS = [(0.0, 10.0), (10.0, 20.0), (20.0, 116.0)]


def test_age_groups_come_in_order_whatever_the_labels_order() -> None:
    assert groups_of(LABELS) == (GROUPS, [1, 0, 2])
    with pytest.raises(ValueError, match="no age group"):
        groups_of({0: "young"})


@pytest.mark.parametrize(
    ("chances", "part", "expected"), [([1, 0, 0], 0.5, 5.0), ([0, 1, 0], 0.1, 11.0), ([0.5, 0.5, 0], 0.9, 18.0), ([0.5, 0.5, 0], 0.5, 10.0)]
)
def test_ages_at_a_part_of_the_probability(chances: list[float], part: float, expected: float) -> None:
    assert quantile(np.array(chances, float), GROUPS, part) == pytest.approx(expected)


def test_an_unsure_model_gives_a_wide_interval() -> None:
    sure, unsure = (interval(np.array(c), GROUPS, 0.1, 0.9) for c in ([0.0, 1.0, 0.0], [0.4, 0.3, 0.3]))
    assert sure == pytest.approx((11, 15, 19)) and unsure[0] < 5 and unsure[2] > 50


def test_the_sharpest_views_count() -> None:
    views = [View(i * 0.2, np.array([40.0]), 5.0) for i in range(age.MAX_VIEWS)] + [View(9.0, np.array([90.0]), 1.0)] * 20
    found = estimate(Model().reader(), views)
    assert found is not None and found.age == 40 and found.views == age.MAX_VIEWS and found.spread == 0


def test_each_track_has_its_own_shots_views() -> None:
    """The same live id on both sides of a cut: two people, two ages."""
    stream = AgeStream(Model(0).reader())
    stream.views[0] = [View(t, np.array([20.0 if t < 1 else 60.0]), 1.0) for t in (0.0, 0.2, 0.4, 0.6, 1.0, 1.2, 1.4)]
    found = result(Faces((track(0, 1), track(1, 2, shot=1)), (0.0,)), stream)
    assert [(s.age, s.views, s.shot) for s in found.segments] == [(20.0, 4, 0), (60.0, 3, 1)]
    assert [(t.age_low, t.age_high) for t in found.tracks] == [(s.age_low, s.age_high) for s in found.segments]
    assert found.summary.estimated == 2 and found.summary.reason is None


@pytest.mark.parametrize(
    ("faces", "reason"),
    [
        ([seen(width=0.1)] * 3, "0 good views of this face, 3 are needed: it is less than 60 px wide"),
        ([seen(mesh=False)] * 3, "0 good views of this face, 3 are needed: it is not clear enough for a mesh"),
        ([seen(yaw=40.0)] * 3 + [seen()], "1 good views of this face, 3 are needed: it is turned away"),
        ([seen()], "1 good views of this face, 3 are needed: it is seen too briefly"),
    ],
)
def test_why_there_is_no_age(faces: Sequence[FaceSeen], reason: str) -> None:
    stream = AgeStream(Model(30).reader())
    for i, face in enumerate(faces):
        stream.look(PICTURE, i * 0.2, [face])
    found = figures(track(0, 1), stream)
    assert found.age is None and found.age_low is None and found.age_high is None and found.reason == reason


def test_no_faces() -> None:
    found = result(Faces((), (0.0, 0.2)), AgeStream(Model(30).reader()))
    assert found.segments == [] and found.summary.reason == "no face was found" and found.coverage == 1.0


def test_without_the_model_it_is_unavailable_and_says_how_to_get_it(tmp_path: Path) -> None:
    path = tmp_path / "grey.mp4"
    with ClipWriter(path, 64, 64, fps=10) as writer:
        for _ in range(5):
            writer.frame(np.full((64, 64, 3), 128, np.uint8))
    with Session() as session:
        entry = session.analyze(path, only=["age_estimation"]).document.analyzers["age_estimation"]
    assert entry.status == "unavailable" and entry.reason and "age-utkface" in entry.reason
    assert entry.hint and "--accept-licence age-utkface" in entry.hint


def test_nothing_is_embedded_and_the_compact_weights_are_opt_in() -> None:
    assert {b.tier for b in AgeEstimation.spec.backends} == {"compact", "full"}  # nothing is embedded: nobody gets ages unasked
    assert manifest()["age-utkface"].opt_in


def test_a_portrait_on_the_real_model(media: Path) -> None:
    """A man of about fifty: the interval holds that, and a child's age does not lie in it."""
    import cv2

    weights = SHARED / "models" / "model_age_q.tflite"
    if not weights.is_file():
        pytest.skip("needs ../shared/models, which is not here")
    from reelscope.features.base import LoadContext, NoOptions
    from reelscope.features.faces import FacesFeature, finder

    session = open_session(SessionRequest(ModelSource.of_file("age-utkface", weights, runtime="litert")))
    ctx = LoadContext("cpu", NoOptions(), FacesFeature.spec.frames)
    find = finder(ctx)
    ctx.pin()
    rgb = cv2.cvtColor(cv2.imread(str(media / "face-obama-portrait.jpg")), cv2.COLOR_BGR2RGB)
    (face,) = find.find(rgb)
    ctx.unpin()
    ctx.models.close()
    assert face.mesh is not None
    reader = UtkFace(lambda: session)
    found = estimate(reader, [view_of(reader, rgb, face.mesh.points, 0.0)] * 3)
    assert found is not None and found.low < 50 < found.high and found.low > 12
