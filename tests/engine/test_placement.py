"""Where members run, from tables: this process, CPU workers, lanes."""

from __future__ import annotations

from typing import Any, Literal

import pytest

from reelscope.analyzers.base import AnalyzerSpec, AudioNeed, Backend
from reelscope.config import Settings
from reelscope.engine.place import WORKERS_FROM_CORE_S, place
from reelscope.engine.placement import Gpu, Hardware, Placement
from reelscope.engine.plan import Choice
from reelscope.features.base import FeatureSpec
from reelscope.media.frames import FrameNeed

NEED = FrameNeed(None, 90)
SOUND = AudioNeed("mono16k")
GIB = 1024


def choice(
    name: str,
    cost: float = 1.0,
    *,
    group: Literal["language", "detection", "people", "audio"] = "people",
    frames: bool = True,
    tier: Literal["embedded", "compact", "full"] = "embedded",
    vram: int = 0,
    batch: int = 1,
    **needs: Any,
) -> Choice:
    frame_needs = (NEED,) if frames else ()
    backend = Backend("b", tier, 1, frames=frame_needs, cost=cost, vram_mib=vram, batch=batch, **needs)
    return Choice(name, True, None, AnalyzerSpec(name, 1, group, (backend,)), backend, frames=frame_needs, batch=batch)


def feature(name: str, cost: float = 1.0, *, frames: bool = True, **needs: Any) -> FeatureSpec:
    return FeatureSpec(name, 1, frames=(NEED,) if frames else (), cost=cost, **needs)


def placed(
    *choices: Choice,
    features: tuple[FeatureSpec, ...] = (),
    cores: int = 4,
    gpus: tuple[float, ...] = (),
    settings: dict[str, Any] | None = None,
    many: bool = True,
    material_s: float = 0.0,
) -> Placement:
    hardware = Hardware(cores, 16 * GIB, tuple(Gpu(i, f"GPU-{i}", "fake", int(g * GIB)) for i, g in enumerate(gpus)))
    given = Settings.model_validate(settings or {})
    return place(choices, {f.name: f for f in features}, hardware=hardware, settings=given, many=many, material_s=material_s)


def members(placement: Placement) -> dict[str, tuple[str, ...]]:
    return {w.name: w.members for w in placement.workers}


NAMES = (
    "body_pose", "color_analysis", "eye_tracking", "text_overlay", "camera_analysis",
    "cut_analysis", "age_estimation", "scene_segmentation",
)  # fmt: skip
FIVE = tuple(choice(n, c) for n, c in zip(NAMES, (8, 5, 4, 2, 1), strict=False))


@pytest.mark.parametrize(
    ("cores", "settings", "many", "names"),
    [
        (4, {}, False, ["here"]),
        (4, {"workers": 0}, True, ["here"]),
        (1, {}, True, ["cpu-0"]),
        (2, {}, True, ["cpu-0", "cpu-1"]),
        (4, {}, True, ["cpu-0", "cpu-1", "cpu-2", "cpu-3"]),
        (16, {}, True, [f"cpu-{i}" for i in range(5)]),
        (4, {"workers": 3}, False, ["cpu-0", "cpu-1", "cpu-2"]),
        (2, {"workers": 64}, True, [f"cpu-{i}" for i in range(5)]),
    ],
)
def test_workers_on_a_cpu(cores: int, settings: dict[str, Any], many: bool, names: list[str]) -> None:
    found = placed(*FIVE, cores=cores, settings={"placement": settings}, many=many)
    assert [w.name for w in found.workers] == names
    assert found.here is (names == ["here"])
    assert sorted(m for w in found.workers for m in w.members) == sorted(c.name for c in FIVE)
    assert found.why and all(w.device == "cpu" and w.gpu_uuid is None for w in found.workers)


@pytest.mark.parametrize(
    ("material_s", "cost", "settings", "here"),
    [
        (WORKERS_FROM_CORE_S - 0.1, 1.0, {}, True),
        (WORKERS_FROM_CORE_S + 0.1, 1.0, {}, False),
        (WORKERS_FROM_CORE_S + 0.1, 0.1, {}, True),  # a long clip with little to do
        (10 * WORKERS_FROM_CORE_S + 0.1, 0.1, {}, False),
        (1000.0, 1.0, {"workers": 0}, True),
        (0.0, 1.0, {"workers": 2}, False),
    ],
)
def test_a_single_clip_gets_workers_for_work_that_pays_for_them(
    material_s: float, cost: float, settings: dict[str, Any], here: bool
) -> None:
    work = choice("body_pose", cost * 0.75), choice("text_overlay", cost * 0.25)
    assert placed(*work, settings={"placement": settings}, many=False, material_s=material_s).here is here


@pytest.mark.parametrize(("cores", "loads"), [(1, [20]), (2, [10, 10]), (3, [6, 6, 8]), (4, [3, 4, 5, 8])])
def test_workers_are_balanced_by_cost(cores: int, loads: list[float]) -> None:
    found = placed(*FIVE, cores=cores)
    assert sorted(lane.cost for w in found.workers for lane in w.lanes) == loads
    assert all(len(w.lanes) == 1 and w.threads == 2 for w in found.workers)


@pytest.mark.parametrize(("lanes", "per_worker"), [(None, [1, 1, 1, 1]), (2, [1, 1]), (3, [1, 1, 1]), (5, [2, 1, 1, 1]), (1, [1])])
def test_lanes_over_workers(lanes: int | None, per_worker: list[int]) -> None:
    many = [choice(n) for n in NAMES]
    found = placed(*many, settings={"optimisation": {"lanes": lanes}})
    assert [len(w.lanes) for w in found.workers] == per_worker


def test_in_this_process_there_is_a_lane_for_each_core() -> None:
    (here,) = placed(*FIVE, cores=3, many=False).workers
    assert sorted(lane.cost for lane in here.lanes) == [6, 6, 8]
    assert (here.threads, here.numeric_threads) == (3, 1)
    assert len(placed(*FIVE, cores=3, many=False, settings={"optimisation": {"lanes": 2}}).workers[0].lanes) == 2


def test_members_stand_after_what_they_need() -> None:
    found = placed(
        choice("cross_analyzer_intelligence", after=("temporal_flow",)),
        choice("temporal_flow", frames=False, soft_after=("text_overlay",)),
        choice("text_overlay", features=("shots",)),
        features=(feature("people"), feature("faces", features=("people",)), feature("shots")),
        many=False,
    )
    assert found.workers[0].members == ("people", "faces", "shots", "text_overlay", "temporal_flow", "cross_analyzer_intelligence")


def test_soft_needs_in_a_ring_are_placed_all_the_same() -> None:
    ring = (choice("text_overlay", soft_after=("color_analysis",)), choice("color_analysis", soft_after=("text_overlay",)))
    found = placed(*ring, many=False)
    assert sorted(found.workers[0].members) == ["color_analysis", "text_overlay"]


def test_a_live_feature_stands_before_its_consumers_in_their_lane() -> None:
    found = placed(
        choice("eye_tracking", 9, features=("faces",), live=("faces",)),
        choice("age_estimation", 9, features=("faces",), live=("faces",)),
        choice("color_analysis", 1),
        features=(feature("people", 9), feature("faces", 9, features=("people",))),
        cores=4,
    )
    assert [lane.members for w in found.workers for lane in w.lanes] == [
        ("people", "faces", "eye_tracking", "age_estimation"),
        ("color_analysis",),
    ]


def test_a_finished_feature_moves_beside_its_reader_where_that_is_free() -> None:
    reader, shots = choice("cut_analysis", 1, features=("shots",)), (feature("shots", 4),)
    free = placed(choice("body_pose", 10), choice("color_analysis", 6), reader, features=shots, cores=2)
    assert set(members(free).values()) == {("body_pose",), ("shots", "color_analysis", "cut_analysis")}
    dear = placed(choice("body_pose", 10), choice("color_analysis", 7), reader, features=shots, cores=2)
    assert set(members(dear).values()) == {("body_pose", "cut_analysis"), ("shots", "color_analysis")}


def test_where_one_reader_has_no_room_it_moves_beside_the_next() -> None:
    """cut_analysis is read by text_overlay, whose worker is the fullest, and reads shots."""
    costs = choice("text_overlay", 10, soft_after=("cut_analysis",)), choice("cut_analysis", 0.1, frames=False, features=("shots",))
    found = placed(*costs, choice("color_analysis", 1), features=(feature("shots", 5),), cores=3)
    assert found.worker_of("cut_analysis") is found.worker_of("shots")


def test_members_without_frames_are_balanced_too() -> None:
    found = placed(choice("audio_analysis", 4, frames=False, audio=SOUND), choice("body_pose", 4), choice("color_analysis", 1), cores=2)
    assert found.worker_of("audio_analysis") is not found.worker_of("body_pose")
    audio = found.worker_of("audio_analysis")
    assert "audio_analysis" not in [m for lane in audio.lanes for m in lane.members]


def test_sound_alone_needs_no_more_workers_than_it_has_parts() -> None:
    voice = feature("voice", 1, frames=False, audio=SOUND)
    found = placed(choice("speech_flow", 1, frames=False, audio=SOUND, features=("voice",)), features=(voice,), cores=8)
    assert [(w.name, w.members, w.lanes) for w in found.workers] == [("cpu-0", ("voice",), ()), ("cpu-1", ("speech_flow",), ())]


def test_nothing_to_run_is_a_placement_too() -> None:
    assert placed(many=False).workers[0].members == ()
    assert placed(many=True).workers == ()


def test_batches_windows_and_threads_come_from_settings_and_backends() -> None:
    settings = {
        "performance": {"windows_in_flight": 5, "analyzers": {"body_pose": {"batch": 3}}},
        "placement": {"decode_threads": 7},
        "models": {"ram_mib": 99},
    }
    found = placed(choice("body_pose", batch=8), choice("color_analysis", batch=8), settings=settings)
    assert (found.batches, found.windows_in_flight, found.decode_threads) == ({"body_pose": 3, "color_analysis": 8}, 5, 7)
    assert {w.ram_budget_mib for w in found.workers} == {99}
    assert placed(FIVE[0], cores=6).decode_threads == 6


def test_numeric_threads_are_what_the_backend_uses_within_the_cores() -> None:
    two = placed(choice("body_pose", threads=16), choice("color_analysis"), cores=8)
    assert {w.name: w.numeric_threads for w in two.workers} == {"cpu-0": 4, "cpu-1": 1}


def test_the_same_input_gives_the_same_placement() -> None:
    assert placed(*FIVE) == placed(*FIVE)
