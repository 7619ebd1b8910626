"""Keys: what changes them and what does not; what is left to run; what is taken from the store and kept in it."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from reelscope.analyzers.base import Analyzer, AnalyzerSpec, AudioNeed, Backend, FrameNeed, Options
from reelscope.analyzers.registry import Registry
from reelscope.config import Settings
from reelscope.document.schema import AnalyzerResult, Segment
from reelscope.engine import reuse
from reelscope.engine.kept import Kept, KeptResults
from reelscope.engine.placement import Hardware
from reelscope.engine.plan import Lookup, Plan, make_plan
from reelscope.engine.reuse import Decoded, Taken, decode_key, keep, keys, prune, reduced, take
from reelscope.features.base import Feature, FeatureSpec
from reelscope.media.decode import DecodeStats

CLIP = "c1" * 32
SMALL, LARGE = FrameNeed(None, 90), FrameNeed(2, 540)
SPINE = ("shots", "stills")
MACHINE = Hardware(2, 4096)

# shots, stills and pose-points take frames; faces stands beside text_overlay; voice reads sound with a model.
FEATURES = {
    "shots": FeatureSpec("shots", 1, frames=(SMALL,)),
    "stills": FeatureSpec("stills", 1, frames=(LARGE,)),
    "faces": FeatureSpec("faces", 1, frames=(LARGE,), models=("face-model",)),
    "voice": FeatureSpec("voice", 1, audio=AudioNeed("mono16k"), models=("voice-model",)),
}
BACKENDS: dict[str, dict[str, Any]] = {
    "cut_analysis": {"features": ("shots",)},
    "text_overlay": {"frames": (LARGE,), "features": ("faces",), "live": ("faces",), "models": ("text-model",)},
    "scene_segmentation": {"frames": (SMALL,), "features": ("shots",), "soft_after": ("text_overlay",)},
    "speech_flow": {"audio": AudioNeed("mono16k"), "features": ("voice",)},
    "temporal_flow": {"after": ("cut_analysis", "speech_flow")},
    "audio_analysis": {"audio": AudioNeed("original")},
}
EVERYTHING = {*FEATURES, *BACKENDS}


class Threshold(Options):
    threshold: float = 0.5
    words: tuple[str, ...] = ()


def plan(
    *,
    backends: Mapping[str, dict[str, Any]] = BACKENDS,
    features: Mapping[str, FeatureSpec] = FEATURES,
    versions: Mapping[str, int] | None = None,
    settings: Mapping[str, Any] | None = None,
    skip: tuple[str, ...] = (),
    machine: Hardware = MACHINE,
    many: bool = False,
) -> Plan:
    known = {
        n: AnalyzerSpec(n, (versions or {}).get(n, 1), "people", (Backend(**{"name": "b", "tier": "embedded", "rank": 1, **needs}),))
        for n, needs in backends.items()
    }
    return make_plan(
        only=None,
        skip=skip,
        settings=Settings.model_validate(settings or {}),
        lookup=Lookup(lambda n: (known[n], Threshold) if n in known else None, lambda n: features[n], lambda b: None),
        has_picture=True,
        has_sound=True,
        hardware=machine,
        many=many,
        spine=SPINE,
    )


def changed_backend(member: str, /, **changes: Any) -> dict[str, dict[str, Any]]:
    return {**BACKENDS, member: {**BACKENDS[member], **changes}}


def changed_feature(name: str, **changes: Any) -> dict[str, FeatureSpec]:
    return {**FEATURES, name: dataclasses.replace(FEATURES[name], **changes)}


def key_table(made: Plan, *, clip: str = CLIP, models: Mapping[str, str | None] | None = None) -> dict[str, str]:
    return keys(made, clip_sha256=clip, models=(sums() if models is None else models).get)


def changed(made: Plan, **how: Any) -> set[str]:
    """Members whose key differs from the plain plan's."""
    before, after = key_table(plan()), key_table(made, **how)
    return {n for n in before.keys() | after.keys() if before.get(n) != after.get(n)}


def sums(**other: str | None) -> dict[str, str | None]:
    return {**{m: f"sum of {m}" for m in ("face-model", "voice-model", "text-model")}, **{k.replace("_", "-"): v for k, v in other.items()}}


# --- keys -------------------------------------------------------------------------------------------------------------------------


def test_every_member_has_a_key_of_its_own_and_the_same_one_again() -> None:
    first = key_table(plan())
    assert set(first) == EVERYTHING and len(set(first.values())) == len(EVERYTHING)
    assert all(len(key) == 64 and int(key, 16) for key in first.values())
    assert key_table(plan()) == first


TEXT_AND_READERS = {"text_overlay", "scene_segmentation"}


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"backends": changed_backend("cut_analysis", name="other")}, {"cut_analysis", "temporal_flow"}),
        ({"backends": changed_backend("text_overlay", frames=(SMALL,))}, TEXT_AND_READERS),
        ({"backends": changed_backend("text_overlay", models=())}, TEXT_AND_READERS),
        ({"backends": changed_backend("audio_analysis", audio=AudioNeed("mono16k"))}, {"audio_analysis"}),
        ({"backends": changed_backend("scene_segmentation", soft_after=())}, {"scene_segmentation"}),
        ({"versions": {"text_overlay": 2}}, TEXT_AND_READERS),
        ({"versions": {"audio_analysis": 2}}, {"audio_analysis"}),
        ({"features": changed_feature("shots", version=2)}, {"shots", "cut_analysis", "scene_segmentation", "temporal_flow"}),
        ({"features": changed_feature("faces", frames=(SMALL,))}, {"faces", *TEXT_AND_READERS}),
        ({"features": changed_feature("stills", version=2)}, {"stills"}),
        ({"features": changed_feature("stills", features=("shots",))}, {"stills"}),
        ({"settings": {"analysis": {"options": {"cut_analysis": {"threshold": 0.4}}}}}, {"cut_analysis", "temporal_flow"}),
        ({"settings": {"performance": {"analyzers": {"text_overlay": {"fps": 1.0}}}}}, TEXT_AND_READERS),
    ],
)
def test_a_change_reaches_the_keys_of_the_member_and_of_its_readers(change: dict[str, Any], expected: set[str]) -> None:
    assert changed(plan(**change)) == expected


@pytest.mark.parametrize(
    "change",
    [
        {"settings": {"performance": {"analyzers": {"text_overlay": {"batch": 9}}}}},
        {"settings": {"optimisation": {"lanes": 7}, "placement": {"decode_threads": 3}}},
        {"settings": {"analysis": {"options": {"cut_analysis": {"threshold": 0.5}}}}},  # the default, said
        {"settings": {"placement": {"workers": 2}}, "machine": Hardware(8, 99_999), "many": True},
        {"backends": dict(reversed(BACKENDS.items())), "features": dict(reversed(FEATURES.items()))},
        {"backends": changed_backend("text_overlay", rank=5, cost=9.0, batch=4, threads=3, ram_mib=100, packages=("json",), tier="full")},
        {"features": changed_feature("shots", cost=9.0)},
    ],
)
def test_how_the_work_is_spread_is_in_no_key(change: dict[str, Any]) -> None:
    assert changed(plan(**change)) == set()


def test_the_order_in_which_a_backend_names_things_is_in_no_key() -> None:
    def key(*, turn: int) -> str:
        names = {"models": ("face-model", "text-model"), "features": ("shots", "voice"), "soft_after": ("cut_analysis", "speech_flow")}
        backends = {**BACKENDS, "temporal_flow": {name: given[::turn] for name, given in names.items()}}
        return key_table(plan(backends=backends))["temporal_flow"]

    assert key(turn=1) == key(turn=-1)


def test_a_changed_model_reaches_its_member_and_its_readers_only() -> None:
    assert changed(plan(), models=sums(voice_model="another")) == {"voice", "speech_flow", "temporal_flow"}
    assert changed(plan(), models=sums(face_model="another")) == {"faces", "text_overlay", "scene_segmentation"}
    assert changed(plan(), models=sums(text_model="another")) == {"text_overlay", "scene_segmentation"}


def test_a_model_of_unknown_content_leaves_its_member_and_its_readers_without_a_key() -> None:
    known = key_table(plan(), models=sums(voice_model=None))
    assert EVERYTHING - known.keys() == {"voice", "speech_flow", "temporal_flow"}


def test_what_a_server_computes_and_its_readers_have_no_key() -> None:
    without = key_table(plan(backends=changed_backend("text_overlay", needs_option="threshold")))
    assert EVERYTHING - without.keys() == {"text_overlay", "scene_segmentation"}


def test_another_clip_changes_every_key() -> None:
    assert changed(plan(), clip="d2" * 32) == EVERYTHING
    assert decode_key(CLIP) != decode_key("d2" * 32)


def test_another_decoding_changes_what_reads_frames_or_sound_and_their_readers(monkeypatch: pytest.MonkeyPatch) -> None:
    before, facts = key_table(plan()), decode_key(CLIP)
    monkeypatch.setattr(reuse, "DECODE_VERSION", 2)
    after = key_table(plan())
    assert {n for n in before if before[n] != after[n]} == EVERYTHING  # every one reads them, some through others
    assert decode_key(CLIP) != facts
    alone = plan(backends={"cross_analyzer_intelligence": {}})
    assert key_table(alone)["cross_analyzer_intelligence"] == _with_decode(monkeypatch, 3, alone)["cross_analyzer_intelligence"]


def _with_decode(monkeypatch: pytest.MonkeyPatch, version: int, made: Plan) -> dict[str, str]:
    monkeypatch.setattr(reuse, "DECODE_VERSION", version)
    return key_table(made)


def test_a_result_made_without_what_it_would_use_has_another_key() -> None:
    made = plan(skip=("text_overlay",))
    assert changed(made) == {"text_overlay", "faces", "scene_segmentation"}
    assert set(key_table(made)) == EVERYTHING - {"text_overlay", "faces"}


def test_why_something_that_would_be_read_is_not_there_is_in_the_key() -> None:
    """A result may say why it lacks it: speech_flow of the words."""
    skipped = key_table(plan(skip=("text_overlay",)))
    unavailable = key_table(plan(backends={n: b for n, b in BACKENDS.items() if n != "text_overlay"}))
    common = skipped.keys() & unavailable.keys()
    assert {n for n in common if skipped[n] != unavailable[n]} == {"scene_segmentation"}


def test_the_kind_of_device_is_in_the_key_and_its_number_is_not() -> None:
    made = plan()

    def on(device: str) -> dict[str, str]:
        (worker,) = made.placement.workers
        moved = dataclasses.replace(worker, member_device={**worker.member_device, "text_overlay": device})
        return key_table(dataclasses.replace(made, placement=dataclasses.replace(made.placement, workers=(moved,))))

    assert on("cpu") == key_table(made)
    assert {n for n in EVERYTHING if on("cuda:0")[n] != key_table(made)[n]} == TEXT_AND_READERS
    assert on("cuda:1") == on("cuda:0")


# --- what is left to run ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("missing", "decoded", "expected"),
    [
        ((), True, set()),
        (EVERYTHING, True, EVERYTHING),
        (("cut_analysis",), True, {"cut_analysis"}),  # its shots were kept
        (("cut_analysis", "shots"), True, {"cut_analysis", "shots"}),
        (("text_overlay",), True, {"text_overlay", "faces"}),  # faces stands beside it, kept or not
        (("faces",), True, set()),  # nobody reads it
        (("shots",), True, {"shots"}),  # the document reads it
        (("speech_flow", "voice"), True, {"speech_flow", "voice"}),
        (("speech_flow",), True, {"speech_flow"}),
        (("temporal_flow",), True, {"temporal_flow"}),
        ((), False, {"shots", "stills"}),  # facts of the file come from decoding
        (("speech_flow",), False, {"speech_flow", "shots", "stills"}),
        (("scene_segmentation",), False, {"scene_segmentation"}),  # it takes frames: they come anyway
    ],
)
def test_what_has_to_run(missing: Any, decoded: bool, expected: set[str]) -> None:
    assert prune(plan(), EVERYTHING - set(missing), spine=SPINE, decoded=decoded) == expected


def test_a_feature_runs_with_those_that_it_reads() -> None:
    made = plan(features=changed_feature("faces", features=("shots",)))
    assert prune(made, EVERYTHING - {"text_overlay"}, spine=SPINE) == {"text_overlay", "faces", "shots"}


def test_without_a_spine_everything_runs_to_learn_what_decodes() -> None:
    made = plan(backends={"object_detection": {"frames": (SMALL,)}, "cut_analysis": {}})
    assert prune(made, {*made.features, "object_detection", "cut_analysis"}, decoded=False) >= {"object_detection"}


def test_a_clip_of_sound_alone_has_nothing_to_decode() -> None:
    made = plan(backends={"audio_analysis": BACKENDS["audio_analysis"]})
    assert not made.needs
    assert prune(made, {"audio_analysis"}, spine=SPINE, decoded=False) == set()


@pytest.mark.parametrize("many", [False, True])
def test_the_reduced_plan_holds_and_decodes_what_runs_only(many: bool) -> None:
    whole = plan(many=many)

    def left(*run: str) -> Plan:
        return reduced(whole, run, hardware=MACHINE, settings=Settings(), many=many)

    one = left("cut_analysis")
    assert [c.name for c in one.running] == ["cut_analysis"] and not one.features and not one.needs and not one.sound
    assert {m for w in one.placement.workers for m in w.members} == {"cut_analysis"}
    sound = left("speech_flow", "voice")
    assert sound.sound and not sound.needs and set(sound.features) == {"voice"}
    picture = left("text_overlay", "faces")
    assert picture.needs == (LARGE,) and not picture.sound
    assert {m for w in picture.placement.workers for lane in w.lanes for m in lane.members} == {"text_overlay", "faces"}
    assert {n for n, c in one.choices.items() if c.status is not None} == {n for n, c in whole.choices.items() if c.status is not None}
    everything = left(*EVERYTHING)
    assert everything == whole
    assert not left().running


# --- the store --------------------------------------------------------------------------------------------------------------------


class FileFeature(Feature[str]):
    """A feature that can be kept."""

    keeps = True

    @classmethod
    def store(cls, value: str, folder: Path) -> None:
        (folder / "value.txt").write_text(value, encoding="utf-8")

    @classmethod
    def restore(cls, folder: Path) -> str:
        return (folder / "value.txt").read_text(encoding="utf-8")

    def finish(self, inputs: Any) -> str:
        raise NotImplementedError


class Kinds(Registry):
    """Results are plain; shots and stills can be kept, the other features not."""

    def analyzer(self, name: str) -> Any:
        return type(name, (), {"Result": AnalyzerResult})

    def feature(self, name: str) -> Any:
        return FileFeature if name in SPINE else Feature


STATS = DecodeStats(frames=150, errors=1, end_s=5.0)


@pytest.fixture
def store(tmp_path: Path) -> KeptResults:
    return KeptResults(tmp_path / "results", max_mib=10)


@pytest.fixture
def work(tmp_path: Path) -> Path:
    (tmp_path / "work").mkdir()
    return tmp_path / "work"


def result(name: str) -> AnalyzerResult:
    return AnalyzerResult(segments=[Segment(start_s=0, end_s=1.23456789, of=name)])


def made_by(names: set[str], **other: Kept) -> dict[str, Kept]:
    return {n: Kept(f"value of {n}" if n in FEATURES else result(n), 0.25) for n in sorted(names)} | other


def look(store: KeptResults, work: Path, made: Plan, **how: Any) -> Taken:
    fresh = how.pop("fresh", False)
    work_dir = work / str(len(list(work.iterdir())))
    work_dir.mkdir()
    return take(made, store, clip_sha256=CLIP, keys=key_table(made, **how), registry=Kinds(), work_dir=work_dir, spine=SPINE, fresh=fresh)


def fill(store: KeptResults, work: Path, names: set[str] = EVERYTHING, **other: Kept) -> list[str]:
    taken = look(store, work, plan())
    return keep(plan(), store, clip_sha256=CLIP, taken=taken, made=made_by(names, **other), registry=Kinds(), decoded=Decoded(STATS, 2))


def test_nothing_is_found_in_an_empty_store(store: KeptResults, work: Path) -> None:
    taken = look(store, work, plan())
    assert taken.to_run == EVERYTHING and not taken.results and not taken.features and taken.decoded is None
    assert not store.folder.exists()


def test_a_second_run_has_nothing_to_do(store: KeptResults, work: Path) -> None:
    assert set(fill(store, work)) == {*BACKENDS, *SPINE}
    taken = look(store, work, plan())
    assert taken.to_run == frozenset()
    assert {n: k.result for n, k in taken.results.items()} == {n: result(n) for n in BACKENDS}
    assert {n: k.result for n, k in taken.features.items()} == {n: f"value of {n}" for n in SPINE}
    assert taken.decoded == Decoded(STATS, 2)
    assert {k.seconds for k in taken.results.values()} == {0.25}


def test_a_changed_model_runs_its_members_and_their_readers_again(store: KeptResults, work: Path) -> None:
    fill(store, work)
    taken = look(store, work, plan(), models=sums(voice_model="another"))
    assert taken.to_run == {"voice", "speech_flow", "temporal_flow"}
    assert set(taken.results) == {"cut_analysis", "text_overlay", "scene_segmentation", "audio_analysis"}


def test_what_was_not_kept_of_a_feature_is_made_again_for_its_reader(store: KeptResults, work: Path) -> None:
    fill(store, work, EVERYTHING - {"text_overlay"})
    taken = look(store, work, plan())
    assert taken.to_run == {"text_overlay", "faces", "scene_segmentation"}  # scenes used it in vain: they were not kept
    assert set(taken.features) == set(SPINE)


def test_a_kept_feature_is_there_for_a_reader_that_runs(store: KeptResults, work: Path) -> None:
    class All(Kinds):
        def feature(self, name: str) -> Any:
            return FileFeature

    made = made_by(EVERYTHING - {"speech_flow", "temporal_flow"})
    known = key_table(plan())
    keep(plan(), store, clip_sha256=CLIP, taken=Taken(known), made=made, registry=All(), decoded=Decoded(STATS))
    taken = take(plan(), store, clip_sha256=CLIP, keys=known, registry=All(), work_dir=work, spine=SPINE)
    assert taken.to_run == {"speech_flow", "temporal_flow"}
    assert {n: k.result for n, k in taken.features.items()} == {n: f"value of {n}" for n in ("shots", "stills", "voice")}


def test_what_runs_again_to_learn_what_decodes_is_not_taken_as_well(store: KeptResults, work: Path) -> None:
    made = plan(backends={"object_detection": {"frames": (SMALL,)}})
    known = key_table(made)
    results = {"object_detection": Kept(result("object_detection"), 1.0)}
    assert keep(made, store, clip_sha256=CLIP, taken=Taken(known), made=results, registry=Kinds()) == ["object_detection"]
    taken = take(made, store, clip_sha256=CLIP, keys=known, registry=Kinds(), work_dir=work)
    assert taken.to_run == {"object_detection"} and not taken.results


def test_fresh_looks_nothing_up_and_keeps_anew(store: KeptResults, work: Path) -> None:
    fill(store, work)
    taken = look(store, work, plan(), fresh=True)
    assert taken.to_run == EVERYTHING and not taken.results and not taken.features and taken.decoded is None
    newer = made_by(EVERYTHING, cut_analysis=Kept(result("newer"), 1.0), shots=Kept("newer shots", 1.0))
    keep(plan(), store, clip_sha256=CLIP, taken=taken, made=newer, registry=Kinds())
    again = look(store, work, plan())
    assert again.results["cut_analysis"].result == result("newer") and again.features["shots"].result == "newer shots"


def test_without_a_store_everything_runs_and_nothing_is_kept(work: Path) -> None:
    taken = take(plan(), None, clip_sha256=CLIP, keys=key_table(plan()), registry=Kinds(), work_dir=work, spine=SPINE)
    assert taken.to_run == EVERYTHING
    assert keep(plan(), None, clip_sha256=CLIP, taken=taken, made=made_by(EVERYTHING), registry=Kinds()) == []


@pytest.mark.parametrize(
    ("failed", "lost"),
    [
        ({"text_overlay"}, {"text_overlay", "scene_segmentation"}),  # scenes were made without the texts
        ({"speech_flow", "temporal_flow"}, {"speech_flow", "temporal_flow"}),
        ({"audio_analysis"}, {"audio_analysis"}),
    ],
)
def test_what_was_made_without_something_that_failed_is_not_kept(store: KeptResults, work: Path, failed: set[str], lost: set[str]) -> None:
    assert set(fill(store, work, EVERYTHING - failed)) == {*BACKENDS, *SPINE} - lost


def test_what_read_a_result_of_that_kind_is_not_kept_either(store: KeptResults, work: Path) -> None:
    chain = {**BACKENDS, "temporal_flow": {"after": ("scene_segmentation",)}}
    made = plan(backends=chain)
    taken = look(store, work, made)
    kept = keep(made, store, clip_sha256=CLIP, taken=taken, made=made_by(EVERYTHING - {"text_overlay"}), registry=Kinds())
    assert not {"scene_segmentation", "temporal_flow"} & set(kept) and "cut_analysis" in kept


def test_what_ran_on_another_kind_of_device_than_planned_is_not_kept(store: KeptResults, work: Path) -> None:
    kept = fill(store, work, text_overlay=Kept(result("text_overlay"), 1.0, device="cuda:0"))
    assert {*BACKENDS, *SPINE} - set(kept) == {"text_overlay", "scene_segmentation"}


def test_what_time_ran_out_for_is_not_kept(store: KeptResults, work: Path) -> None:
    class Unfinished(AnalyzerResult):
        @property
        def repeatable(self) -> bool:
            return False

    kept = fill(store, work, text_overlay=Kept(Unfinished(), 1.0))
    assert {*BACKENDS, *SPINE} - set(kept) == {"text_overlay", "scene_segmentation"}


def test_a_damaged_feature_is_made_again(store: KeptResults, work: Path, caplog: pytest.LogCaptureFixture) -> None:
    fill(store, work)
    (path,) = store.folder.glob(f"v*/*/{key_table(plan())['shots']}.files/value.txt")
    path.write_text("value of shotz", encoding="utf-8")
    taken = look(store, work, plan())
    assert taken.to_run == {"shots"} and set(taken.features) == {"stills"} and set(taken.results) == set(BACKENDS)
    assert "damaged" in caplog.text


def test_unknown_facts_of_decoding_make_it_decode_again(store: KeptResults, work: Path) -> None:
    taken = look(store, work, plan())
    keep(plan(), store, clip_sha256=CLIP, taken=taken, made=made_by(EVERYTHING), registry=Kinds())
    assert look(store, work, plan()).to_run == set(SPINE)
    store.put_facts(decode_key(CLIP), {"stats": {"of another": "version"}})
    assert look(store, work, plan()).to_run == set(SPINE)


def test_facts_of_decoding_gather_over_runs(store: KeptResults, work: Path) -> None:
    for part in (Decoded(None, 3), Decoded(STATS, None)):
        keep(plan(), store, clip_sha256=CLIP, taken=Taken(), made={}, registry=Kinds(), decoded=part)
    assert look(store, work, plan()).decoded == Decoded(STATS, 3)


def test_the_kinds_of_real_analyzers_and_features_are_known_to_the_registry() -> None:
    registry = Registry()
    assert issubclass(registry.feature("shots"), Feature) and registry.feature("shots").keeps and registry.feature("stills").keeps
    kind = registry.analyzer("cut_analysis")
    assert kind is not None and issubclass(kind, Analyzer) and issubclass(kind.Result, AnalyzerResult)
