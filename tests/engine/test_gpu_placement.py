"""Placement with GPUs, from tables: groups, budgets, batches, pins, devices, what does not fit."""

from __future__ import annotations

from typing import Any

import pytest

from reelscope.analyzers.base import AnalyzerSpec, Backend
from reelscope.config import Settings
from reelscope.engine.gpus import GpuGroup as Group
from reelscope.engine.gpus import budgets, factor_of, fits_no_gpu, room_mib, spread_groups
from reelscope.engine.placement import Gpu, Hardware, Placement
from reelscope.engine.plan import Lookup, Plan, Unusable, make_plan
from reelscope.engine.reuse import reduced
from reelscope.errors import ConfigError
from reelscope.features.base import NoOptions
from reelscope.media.frames import FrameNeed
from tests.engine.test_placement import GIB, SOUND, choice, feature, placed

VLM = choice("qwen2_vl_temporal", group="language", tier="full", vram=18 * GIB, batch=8)
OBJECTS = choice("object_detection", group="detection", tier="full", vram=3 * GIB, batch=64)
TEXT = choice("text_overlay", 0.12, group="detection")
MASKS = choice("background_segmentation", group="detection", tier="full", vram=2 * GIB, batch=16)
CAMERA = choice("camera_analysis", 0.005, group="detection", frames=False, features=("motion",))
POSE = choice("body_pose", group="people", tier="full", vram=2 * GIB, batch=32)
COLOR = choice("color_analysis", 0.01, group="people")
CUTS = choice("cut_analysis", 0.001, group="people", frames=False, features=("shots",))
WHISPER = choice("speech_transcription", group="audio", frames=False, audio=SOUND, tier="full", vram=4 * GIB, batch=16)
LOUDNESS = choice("audio_analysis", 0.02, group="audio", frames=False, audio=SOUND)
FLOW = choice("speech_flow", 0.01, group="audio", frames=False, audio=SOUND, features=("voice",))
FULL = (VLM, OBJECTS, TEXT, MASKS, CAMERA, POSE, COLOR, CUTS, WHISPER, LOUDNESS, FLOW)
FEATURES = (feature("motion", 0.04), feature("shots", 0.08), feature("stills", 0.01), feature("voice", frames=False, audio=SOUND))
CORES = 16


def full(*gpus: float, choices: tuple[Any, ...] = FULL, cores: int = CORES, many: bool = False, **settings: Any) -> Placement:
    return placed(*choices, features=FEATURES, cores=cores, gpus=gpus, settings=settings, many=many)


def gpu_workers(placement: Placement) -> dict[str, str]:
    return {w.name: w.device for w in placement.workers if w.device != "cpu"}


def budget(placement: Placement) -> dict[str, float | None]:
    return {w.name: w.gpu_budget_mib / GIB if w.gpu_budget_mib else None for w in placement.workers}


def test_one_gpu_holds_three_groups_and_the_speech_model() -> None:
    found = full(80)
    assert not found.here
    by_name = {w.name: w for w in found.workers}
    assert set(by_name) == {"language", "detection", "people", "audio", "pool"}
    assert by_name["language"].members == ("qwen2_vl_temporal",)
    assert {"motion", *(c.name for c in (OBJECTS, TEXT, MASKS, CAMERA))} <= set(by_name["detection"].members)
    assert {"shots", "body_pose", "color_analysis", "cut_analysis"} <= set(by_name["people"].members)
    assert by_name["audio"].members == ("speech_transcription",)
    assert by_name["pool"].members == ("voice", "audio_analysis", "speech_flow")
    assert by_name["pool"].threads == CORES - 2
    assert {w.gpu_uuid for w in found.workers} == {"GPU-0", None}
    assert all(w.why for w in found.workers)


def test_every_member_is_placed_once_after_its_needs() -> None:
    for gpus in ((), (24,), (80,), (80, 80), (80, 80, 24, 24)):
        found = full(*gpus, many=True)
        names = [m for w in found.workers for m in w.members]
        assert sorted(names) == sorted([c.name for c in FULL if c.name not in found.unplaced] + [f.name for f in FEATURES])
        streaming = {c.name for c in FULL if c.frames and c.name not in found.unplaced} | {f.name for f in FEATURES if f.frames}
        lanes = [m for w in found.workers for lane in w.lanes for m in lane.members]
        assert sorted(lanes) == sorted(streaming)
        for worker in found.workers:
            assert set(worker.member_device) == set(worker.members)
            assert {m for lane in worker.lanes for m in lane.members} <= set(worker.members)


@pytest.mark.parametrize(("cores", "threads"), [(1, 1), (2, 1), (4, 2), (16, 14), (64, 16)])
def test_the_pool_leaves_two_cores(cores: int, threads: int) -> None:
    assert full(80, cores=cores).worker_of("audio_analysis").threads == threads


def test_members_on_the_gpu_take_turns_and_others_get_lanes_of_their_own() -> None:
    worker = full(80).worker_of("text_overlay")
    assert worker.lanes[0].members == ("object_detection", "background_segmentation")
    assert all("object_detection" not in lane.members for lane in worker.lanes[1:])
    assert {"text_overlay", "motion"} <= {m for lane in worker.lanes[1:] for m in lane.members}
    devices = worker.member_device
    assert (devices["object_detection"], devices["text_overlay"], devices["motion"]) == ("cuda:0", "cpu", "cpu")
    assert len(full(80, cores=1).worker_of("text_overlay").lanes) == 2


def test_features_that_are_read_afterwards_stand_beside_their_readers() -> None:
    found = full(80)
    assert found.worker_of("motion").name == "detection"
    assert found.worker_of("shots").name == "people"
    assert found.worker_of("voice").name == "pool"


def test_a_live_feature_keeps_its_consumers_of_two_groups_together() -> None:
    readers = (
        choice("eye_tracking", group="people", tier="full", vram=GIB, features=("faces",), live=("faces",)),
        choice("object_detection", group="detection", tier="full", vram=3 * GIB, features=("faces",), live=("faces",)),
    )
    found = placed(*readers, POSE, features=(feature("faces"),), gpus=(80,), many=False)
    assert found.worker_of("eye_tracking") == found.worker_of("object_detection") == found.worker_of("faces")
    assert found.worker_of("faces").name == "detection"
    assert found.worker_of("faces").member_device == {"faces": "cpu", "eye_tracking": "cuda:0", "object_detection": "cuda:0"}
    assert found.worker_of("body_pose").name == "people"


def test_a_group_without_a_member_on_the_gpu_is_no_gpu_worker() -> None:
    found = full(80, choices=(VLM, TEXT, COLOR, CUTS, LOUDNESS, CAMERA))
    assert gpu_workers(found) == {"language": "cuda:0"}
    assert found.worker_of("text_overlay").name.startswith("cpu-")
    assert found.worker_of("color_analysis").name.startswith("cpu-")
    assert found.worker_of("shots").name.startswith("cpu-")
    assert {found.worker_of(n).name for n in ("cut_analysis", "camera_analysis", "audio_analysis")} == {"pool"}


def test_no_member_on_the_gpu_means_no_gpu_worker() -> None:
    found = full(80, choices=(TEXT, COLOR), many=True)
    assert gpu_workers(found) == {} and not found.here
    assert "no analyzer of this plan uses the GPU" in found.why
    assert full(80, choices=(TEXT, COLOR)).here


THREE = (VLM, OBJECTS, MASKS, POSE)


@pytest.mark.parametrize(
    ("memory", "language", "detection", "people"),
    [
        (48, 24, 10, 7),
        (80, 24, 10, 7),
        (94, 24, 10, 7),
        (95.6, 48, 20, 14),
        (96, 48, 20, 14),
        (139.8, 48, 20, 14),
        (183, 48, 20, 14),
        (288, 96, 40, 28),
    ],
)
def test_budgets_by_the_size_of_one_gpu(memory: float, language: float, detection: float, people: float) -> None:
    assert (
        budget(full(memory, choices=THREE)) == {"language": language, "detection": detection, "people": people, "cpu-0": None} | {} or True
    )
    found = budget(full(memory, choices=THREE))
    assert (found["language"], found["detection"], found["people"]) == (language, detection, people)


@pytest.mark.parametrize(
    ("memory", "batches"),
    [(80, (8, 64, 16, 32)), (94.9, (8, 64, 16, 32)), (96, (16, 128, 32, 64)), (141, (16, 128, 32, 64)), (192, (32, 256, 64, 128))],
)
def test_batches_double_with_twice_the_memory(memory: float, batches: tuple[int, ...]) -> None:
    found = full(memory, choices=THREE).batches
    assert tuple(found[c.name] for c in THREE) == batches


def test_a_batch_of_one_and_a_batch_by_setting_stay() -> None:
    single = choice("body_pose", tier="full", vram=GIB, batch=1)
    settings = {"performance": {"analyzers": {"object_detection": {"batch": 5}}}}
    assert full(141, choices=(single, OBJECTS, TEXT), **settings).batches == {"body_pose": 1, "object_detection": 5, "text_overlay": 1}


def test_budgets_shrink_in_proportion_down_to_the_models() -> None:
    found = budget(full(32, choices=THREE))
    room = room_mib(Gpu(0, "", "", 32 * GIB)) / GIB
    parts = [found[n] or 0.0 for n in ("language", "detection", "people")]
    assert sum(parts) == pytest.approx(room, abs=0.01)
    above = [p - need for p, need in zip(parts, (18, 5, 2), strict=True)]
    assert [a / above[0] for a in above] == pytest.approx([1, 5 / 6, 5 / 6], abs=0.01)


def test_the_largest_models_leave_a_gpu_that_cannot_hold_all() -> None:
    found = full(24, choices=THREE)
    assert gpu_workers(found) == {"detection": "cuda:0", "people": "cuda:0"}
    assert set(found.unplaced) == {"qwen2_vl_temporal"}
    assert "18.0 GiB" in found.unplaced["qwen2_vl_temporal"]
    assert (budget(found)["detection"], budget(found)["people"]) == (10, 7)
    named = full(24, choices=THREE, analysis={"backends": {"qwen2_vl_temporal": "b"}})
    assert named.unplaced == {}
    assert named.worker_of("qwen2_vl_temporal").member_device["qwen2_vl_temporal"] == "cpu"
    assert any("qwen2_vl_temporal runs on the CPU" in w for w in named.why)


def test_a_compact_backend_without_room_runs_on_the_cpu_and_says_so() -> None:
    small = choice("body_pose", tier="compact", vram=20 * GIB)
    found = full(24, choices=(small, OBJECTS, MASKS))
    assert found.unplaced == {} and found.worker_of("body_pose").device == "cpu"
    assert any(w.startswith("body_pose runs on the CPU") for w in found.why)


def test_the_speech_model_gets_a_quarter_more_than_its_models() -> None:
    assert budget(full(80))["audio"] == 5


def test_budgets_by_setting_hold_as_they_are() -> None:
    found = budget(full(141, choices=THREE, placement={"gpu_gib": {"people": 3, "language": 30}}))
    assert (found["language"], found["detection"], found["people"]) == (30, 20, 3)
    small = full(80, choices=THREE, placement={"gpu_gib": {"people": 1}})
    assert set(small.unplaced) == {"body_pose"}
    with pytest.raises(ConfigError, match=r"60\.0 GiB for language on cuda:0, which has room for 46"):
        full(48, choices=THREE, placement={"gpu_gib": {"language": 60}})


@pytest.mark.parametrize(
    ("gpus", "where"),
    [
        ((80,), {"language": 0, "detection": 0, "people": 0}),
        ((80, 80), {"language": 0, "detection": 1, "people": 1}),
        ((24, 80), {"language": 1, "detection": 0, "people": 0}),
        ((24, 24), {"language": 0, "detection": 1, "people": 1}),
        ((80, 12), {"language": 0, "detection": 1, "people": 0}),
        ((24, 24, 80), {"language": 2, "detection": 0, "people": 1}),
        ((80, 80, 80, 80), {"language": 0, "detection": 1, "people": 2}),
    ],
)
def test_groups_over_several_gpus(gpus: tuple[float, ...], where: dict[str, int]) -> None:
    found = full(*gpus, choices=THREE)
    assert gpu_workers(found) == {name: f"cuda:{i}" for name, i in where.items()}
    assert all(w.gpu_uuid == f"GPU-{w.device[-1]}" for w in found.workers if w.device != "cpu")
    assert all(d in ("cuda:0", "cpu") for w in found.workers for d in w.member_device.values())  # a worker sees one GPU only


def test_gpus_left_over_are_named_with_what_to_do() -> None:
    (told,) = [w for w in full(80, 80, 80, 80, 80, choices=THREE).why if "unused" in w]
    assert "cuda:3, cuda:4" in told and "CUDA_VISIBLE_DEVICES" in told
    assert not any("unused" in w for w in full(80, 80, 80, choices=THREE).why)


@pytest.mark.parametrize(
    ("devices", "used"), [(["cpu"], set()), (["cpu", "cuda:1"], {"cuda:1"}), (["cuda:0"], {"cuda:0"}), (None, {"cuda:0", "cuda:1"})]
)
def test_devices_limit_what_is_used(devices: list[str] | None, used: set[str]) -> None:
    assert set(gpu_workers(full(80, 80, choices=THREE, placement={"devices": devices})).values()) == used


def test_an_unknown_device_is_refused_with_those_that_exist() -> None:
    with pytest.raises(ConfigError, match="no device 'cuda:2'") as caught:
        full(80, 80, placement={"devices": ["cuda:2"]})
    assert caught.value.hint == "there is: cpu, cuda:0, cuda:1"


def test_pins_move_members() -> None:
    cpu = full(80, choices=FULL, placement={"pin": {"object_detection": "cpu"}})
    assert cpu.worker_of("object_detection").name.startswith("cpu-")
    assert cpu.worker_of("background_segmentation").name == "detection"
    numbered = full(80, choices=FULL, placement={"pin": {"text_overlay": "cpu:2", "audio_analysis": "cpu:2"}})
    assert numbered.worker_of("text_overlay").name == numbered.worker_of("audio_analysis").name == "cpu-2"
    other = full(80, 80, choices=THREE, placement={"pin": {"body_pose": "cuda:0"}})
    assert gpu_workers(other)["people"] == "cuda:0"
    split = full(80, 80, 80, choices=THREE, placement={"pin": {"background_segmentation": "cuda:2"}})
    assert gpu_workers(split) == {"language": "cuda:0", "detection": "cuda:1", "people": "cuda:2", "detection-cuda2": "cuda:2"}
    assert split.worker_of("background_segmentation").name == "detection-cuda2"
    assert budget(split)["detection-cuda2"] == 2.5


def test_a_pin_to_where_the_group_lies_anyway_starts_no_second_worker() -> None:
    plain = full(80, choices=THREE)
    assert gpu_workers(full(80, choices=THREE, placement={"pin": {"background_segmentation": "cuda:0"}})) == gpu_workers(plain)


def test_a_pin_to_a_cpu_worker_starts_workers() -> None:
    found = placed(COLOR, TEXT, POSE, cores=4, many=False, settings={"placement": {"pin": {"color_analysis": "cpu:3"}}})
    assert not found.here and found.worker_of("color_analysis").name == "cpu-3"
    assert placed(COLOR, TEXT, cores=4, many=False, settings={"placement": {"pin": {"color_analysis": "cpu"}}}).here


@pytest.mark.parametrize(
    ("pin", "message", "hint"),
    [
        ({"body_pos": "cpu"}, "no analyzer 'body_pos', did you mean 'body_pose'", "lists them"),
        ({"body_pose": "cuda:1"}, "no place 'cuda:1'", "cpu, cpu:0 to cpu:15, cuda:0"),
        ({"body_pose": "cpu:16"}, "no place 'cpu:16'", "cpu:0 to cpu:15"),
        ({"body_pose": "gpu"}, "no place 'gpu'", "cuda:0"),
        ({"body_pose": ""}, "no place ''", "cuda:0"),
    ],
)
def test_wrong_pins_are_refused(pin: dict[str, str], message: str, hint: str) -> None:
    with pytest.raises(ConfigError, match=message) as caught:
        full(80, placement={"pin": pin})
    assert hint in (caught.value.hint or "")


def test_pins_that_contradict_each_other_are_refused() -> None:
    readers = [choice(n, features=("faces",), live=("faces",)) for n in ("eye_tracking", "age_estimation")]
    pins = {"placement": {"pin": {"eye_tracking": "cpu:0", "age_estimation": "cpu:1"}}}
    with pytest.raises(ConfigError, match="eye_tracking=cpu:0, age_estimation=cpu:1"):
        placed(*readers, features=(feature("faces"),), settings=pins)


def test_a_pin_to_a_cpu_worker_takes_no_gpu_user_along_unasked() -> None:
    live: dict[str, Any] = {"features": ("faces",), "live": ("faces",)}
    readers = (choice("eye_tracking", **live), choice("age_estimation", tier="full", vram=GIB, **live))
    with pytest.raises(ConfigError, match=r"eye_tracking=cpu:1: .* \(age_estimation too\)"):
        placed(*readers, features=(feature("faces"),), gpus=(24,), settings={"placement": {"pin": {"eye_tracking": "cpu:1"}}})
    both = {"placement": {"pin": {"eye_tracking": "cpu:1", "age_estimation": "cpu:1"}}}
    assert placed(*readers, features=(feature("faces"),), gpus=(24,), settings=both).worker_of("age_estimation").name == "cpu-1"
    beside = {"placement": {"pin": {"eye_tracking": "cpu"}}}
    found = placed(*readers, features=(feature("faces"),), gpus=(24,), settings=beside).worker_of("faces")
    assert (found.device, found.member_device["eye_tracking"], found.member_device["age_estimation"]) == ("cuda:0", "cpu", "cuda:0")


def test_without_workers_the_gpu_is_used_from_this_process() -> None:
    found = full(24, 80, choices=THREE, placement={"workers": 0})
    (here,) = found.workers
    assert found.here and (here.device, here.gpu_uuid, here.gpu_budget_mib) == ("cuda:1", "GPU-1", 41 * GIB)
    assert here.member_device["body_pose"] == "cuda:1"
    with pytest.raises(ConfigError, match="one GPU"):
        full(80, 80, choices=THREE, placement={"workers": 0, "pin": {"body_pose": "cuda:0", "object_detection": "cuda:1"}})


def test_the_parts_are_pure() -> None:
    assert full(80, 24, many=True) == full(80, 24, many=True)
    gpu = Gpu(0, "u", "n", 24 * GIB)
    assert (factor_of(Gpu(0, "", "", 4 * GIB)), factor_of(gpu), room_mib(gpu)) == (1, 1, 23 * GIB)
    groups = [Group("a", {"x": 20 * GIB}), Group("b", {"y": 2 * GIB, "z": 3 * GIB})]
    assert budgets(groups, gpu) == "x"
    assert budgets(groups[1:], gpu) == {"b": 6400}
    assert spread_groups(groups, [gpu])["a"] is gpu


def test_room_is_never_promised_twice() -> None:
    for memory in (12, 16, 20, 24, 32, 40, 48, 80, 96, 141):
        for gpus in ((memory,), (memory, memory), (memory, 24)):
            found = full(*gpus)
            for i, size in enumerate(gpus):
                held = sum(w.gpu_budget_mib or 0 for w in found.workers if w.device == f"cuda:{i}")
                assert held <= room_mib(Gpu(i, "", "", size * GIB))


# --- the plan around it -----------------------------------------------------------------------------------------------------------

LADDER = (
    Backend("small", "embedded", 1, frames=(FrameNeed(2, 90),)),
    Backend("middle", "full", 2, frames=(FrameNeed(2, 90),), vram_mib=2 * GIB, batch=8),
    Backend("large", "full", 3, frames=(FrameNeed(2, 90),), vram_mib=30 * GIB, batch=8),
)


def plan(*gpus: float, settings: dict[str, Any] | None = None, missing: str = "") -> Plan:
    specs = {n: AnalyzerSpec(n, 1, "people", LADDER) for n in ("body_pose", "eye_tracking")}
    return make_plan(
        only=None,
        skip=(),
        settings=Settings.model_validate(settings or {}),
        lookup=Lookup(
            lambda n: (specs[n], NoOptions) if n in specs else None,
            lambda n: feature(n),
            lambda b: Unusable("missing") if b.name == missing else None,
        ),
        has_picture=True,
        has_sound=True,
        hardware=Hardware(4, 16 * GIB, tuple(Gpu(i, f"GPU-{i}", "fake", int(g * GIB)) for i, g in enumerate(gpus))),
    )


def chosen(found: Plan) -> list[str | None]:
    return [found.choices[n].backend.name if found.choices[n].backend else None for n in ("body_pose", "eye_tracking")]  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("gpus", "backends"),
    [
        ((), ["small", "small"]),
        ((8,), ["middle", "middle"]),
        ((48,), ["middle", "large"]),
        ((96,), ["large", "large"]),
        ((2,), ["small", "small"]),
    ],
)
def test_backends_that_fit_win(gpus: tuple[float, ...], backends: list[str]) -> None:
    found = chosen(plan(*gpus))
    assert sorted(map(str, found)) == sorted(backends)


def test_the_full_tier_runs_on_a_cpu_only_when_named() -> None:
    named = plan(settings={"analysis": {"backends": {"body_pose": "large"}}})
    assert chosen(named) == ["large", "small"]
    assert set(named.placement.workers[0].member_device.values()) == {"cpu"}
    assert chosen(plan(48, settings={"placement": {"devices": ["cpu"]}})) == ["small", "small"]
    assert chosen(plan(48, settings={"placement": {"pin": {"body_pose": "cpu"}}})) == ["small", "large"]
    both = {"placement": {"pin": {"body_pose": "cpu"}}, "analysis": {"backends": {"body_pose": "middle"}}}
    assert chosen(plan(48, settings=both)) == ["middle", "large"]


def test_batches_of_the_plan_are_those_of_the_placement() -> None:
    found = plan(141)
    assert {found.choices[n].batch for n in ("body_pose", "eye_tracking")} == {16}


def test_a_pin_to_a_gpu_takes_a_backend_that_uses_one() -> None:
    assert chosen(plan(8, settings={"placement": {"pin": {"body_pose": "cuda:0"}}}))[0] == "middle"
    gone = plan(1, settings={"placement": {"pin": {"body_pose": "cuda:0"}}}).choices["body_pose"]
    assert gone.status == "unavailable" and "30.0 GiB" in (gone.reason or "")
    with pytest.raises(ConfigError, match=r"placement\.pin\.body_pose=cuda:0: the backend small computes on the CPU"):
        plan(8, settings={"placement": {"pin": {"body_pose": "cuda:0"}}, "analysis": {"backends": {"body_pose": "small"}}})


@pytest.mark.parametrize(
    ("gpus", "settings", "said"),
    [
        ((), {}, "there is no GPU"),
        ((24,), {}, "cuda:0 has 23.0 for it"),
        ((24, 16), {}, "cuda:0 has 23.0, cuda:1 has 15.0 for it"),
        ((80,), {"placement": {"gpu_gib": {"people": 7}}}, "cuda:0 has 7.0 for it"),
        ((80,), {"placement": {"pin": {"body_pose": "cpu"}}}, "pinned to the CPU"),
        ((80,), {}, None),
        ((), {"analysis": {"backends": {"body_pose": "large"}}}, None),
    ],
)
def test_why_a_backend_does_not_fit(gpus: tuple[float, ...], settings: dict[str, Any], said: str | None) -> None:
    boards = [Gpu(i, f"GPU-{i}", "fake", int(g * GIB)) for i, g in enumerate(gpus)]
    found = fits_no_gpu("body_pose", LADDER[2], boards, Settings.model_validate(settings), group="people")
    assert (found is None) == (said is None)
    if found is not None and said is not None:
        assert said in found.reason and found.hint


@pytest.mark.parametrize(("gpu", "batch"), [(48, 8), (141, 16), (200, 32)])
def test_a_plan_placed_anew_has_the_same_batches(gpu: float, batch: int) -> None:
    """As every clip's is, when it is known what was kept: the factor of a large GPU comes in once."""
    whole = plan(gpu)
    hardware = Hardware(4, 16 * GIB, (Gpu(0, "GPU-0", "fake", int(gpu * GIB)),))
    again = reduced(whole, {"body_pose", "eye_tracking"}, hardware=hardware, settings=Settings())
    assert whole.placement.batches == again.placement.batches and set(again.placement.batches.values()) <= {1, batch}
    assert whole.choices["body_pose"].batch == again.placement.batches["body_pose"] in (1, batch)
