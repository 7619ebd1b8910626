"""Decisions of the plan, from tables: backends by tier and rank, what is pulled in, features, lanes."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import Field

from reelscope.analyzers.base import AnalyzerSpec, AudioNeed, Backend, Options
from reelscope.config import Settings
from reelscope.document.names import ANALYZER_NAMES
from reelscope.engine.placement import Hardware
from reelscope.engine.plan import Lookup, Plan, Unusable, make_plan
from reelscope.errors import ConfigError
from reelscope.features.base import FeatureSpec, NoOptions
from reelscope.media.frames import FrameNeed

SMALL, LARGE = FrameNeed(None, 90), FrameNeed(2, 540)


class Threshold(Options):
    threshold: float = 0.5


class Address(Options):
    server: str | None = Field(default=None, examples=["http://127.0.0.1:8000/v1"])


def backend(name: str = "b", *, tier: Any = "embedded", rank: int = 1, **needs: Any) -> Backend:
    return Backend(name=name, tier=tier, rank=rank, **needs)


def plan(
    specs: dict[str, tuple[Backend, ...]],
    *,
    features: dict[str, FeatureSpec] | None = None,
    unusable: dict[str, Unusable] | None = None,
    options: type[Options] = NoOptions,
    settings: dict[str, Any] | None = None,
    only: list[str] | None = None,
    skip: tuple[str, ...] = (),
    has_picture: bool = True,
    has_sound: bool = True,
    cores: int = 2,
    spine: tuple[str, ...] = (),
) -> Plan:
    known = {n: AnalyzerSpec(name=n, version=1, group="people", backends=b) for n, b in specs.items()}
    return make_plan(
        only=only,
        skip=skip,
        settings=Settings.model_validate(settings or {}),
        lookup=Lookup(
            lambda n: (known[n], options) if n in known else None, lambda n: (features or {})[n], lambda b: (unusable or {}).get(b.name)
        ),
        has_picture=has_picture,
        has_sound=has_sound,
        hardware=Hardware(cores, 4096),
        spine=spine,
    )


LADDER = (backend("e", rank=1), backend("c", tier="compact", rank=2), backend("f", tier="full", rank=3))


@pytest.mark.parametrize(
    ("tier", "missing", "chosen"),
    [
        ("auto", (), "f"),
        ("auto", ("f",), "c"),
        ("embedded", (), "e"),
        ("compact", (), "c"),
        ("compact", ("c",), "e"),
        ("full", ("f", "c"), "e"),
    ],
)
def test_the_best_usable_backend_within_the_tier_wins(tier: str, missing: tuple[str, ...], chosen: str) -> None:
    found = plan({"body_pose": LADDER}, unusable={m: Unusable("gone") for m in missing}, settings={"analysis": {"tier": tier}}).choices[
        "body_pose"
    ]
    assert found.status is None and found.backend is not None and found.backend.name == chosen


def test_without_a_usable_backend_the_reason_of_the_best_is_told() -> None:
    found = plan(
        {"body_pose": LADDER}, unusable={"e": Unusable("e"), "c": Unusable("c"), "f": Unusable("no weights", "pull them")}
    ).choices["body_pose"]
    assert (found.status, found.code, found.reason, found.hint) == ("unavailable", "no_backend", "no weights", "pull them")


@pytest.mark.parametrize(
    ("lacks", "told"),
    [
        ({"e": 0, "c": 1, "f": 2}, "e"),
        ({"e": 1, "c": 1, "f": 2}, "c"),
        ({"e": 0, "c": 0, "f": 1}, "c"),
        ({"e": 3, "c": 3, "f": 2}, "f"),
    ],
)
def test_what_everybody_can_fetch_is_told_before_what_only_some_have(lacks: dict[str, int], told: str) -> None:
    found = plan({"body_pose": LADDER}, unusable={n: Unusable(n, f"pull {n}", choice) for n, choice in lacks.items()}).choices["body_pose"]
    assert (found.status, found.hint) == ("unavailable", f"pull {told}")


def test_a_tier_below_all_backends_says_so() -> None:
    found = plan({"body_pose": LADDER[1:]}, settings={"analysis": {"tier": "embedded"}}).choices["body_pose"]
    assert found.status == "unavailable" and "embedded" in (found.reason or "")


def test_a_named_backend_is_taken_or_refused_never_replaced() -> None:
    named = {"analysis": {"backends": {"body_pose": "e"}}}
    assert plan({"body_pose": LADDER}, settings=named).choices["body_pose"].backend is LADDER[0]
    assert plan({"body_pose": LADDER}, settings=named, unusable={"e": Unusable("gone")}).choices["body_pose"].status == "unavailable"
    with pytest.raises(ConfigError, match="no backend 'x'"):
        plan({"body_pose": LADDER}, settings={"analysis": {"backends": {"body_pose": "x"}}})


SERVED = (backend("local", tier="full", rank=1), backend("server", tier="full", rank=2, needs_option="server"))
SERVER = {"options": {"body_pose": {"server": "http://127.0.0.1:1/v1"}}}


@pytest.mark.parametrize(
    ("analysis", "missing", "chosen"),
    [
        ({}, (), "local"),
        (SERVER, (), "server"),  # who names a server wants it, whatever else there is
        (SERVER, ("local",), "server"),
        (SERVER | {"backends": {"body_pose": "local"}}, (), "local"),
        (SERVER | {"tier": "embedded"}, (), None),
    ],
)
def test_a_backend_that_an_option_gives_a_server_runs_only_with_it(analysis: dict[str, Any], missing: Any, chosen: str | None) -> None:
    given = {m: Unusable("no weights", "pull them") for m in missing}
    found = plan({"body_pose": SERVED}, options=Address, unusable=given, settings={"analysis": analysis}).choices["body_pose"]
    assert (found.backend.name if found.backend is not None and found.status is None else None) == chosen


def test_a_missing_option_is_told_where_nothing_else_is_missing_or_the_backend_is_named() -> None:
    why = ("the backend server needs the option server", "reelscope analyze CLIP --option body_pose.server=http://127.0.0.1:8000/v1")
    gone = {"local": Unusable("no weights", "pull them")}
    both = plan({"body_pose": SERVED}, options=Address, unusable=gone).choices["body_pose"]
    assert (both.status, both.reason, both.hint) == ("unavailable", "no weights", "pull them")
    alone = plan({"body_pose": SERVED[1:]}, options=Address).choices["body_pose"]
    named = plan({"body_pose": SERVED}, options=Address, settings={"analysis": {"backends": {"body_pose": "server"}}}).choices["body_pose"]
    assert (alone.status, alone.reason, alone.hint) == (named.status, named.reason, named.hint) == ("unavailable", *why)


@pytest.mark.parametrize("where", ["only", "skip"])
def test_unknown_names_are_refused_with_the_nearest(where: str) -> None:
    with pytest.raises(ConfigError, match="body_pose"):
        plan({}, **{where: ["body_pos"]})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("given", "message"),
    [({"treshold": 1}, "did you mean 'threshold'"), ({"threshold": "much"}, "threshold=much")],
)
def test_options_are_checked(given: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        plan({"body_pose": LADDER}, options=Threshold, settings={"analysis": {"options": {"body_pose": given}}})


def test_options_reach_the_choice() -> None:
    found = plan({"body_pose": LADDER}, options=Threshold, settings={"analysis": {"options": {"body_pose": {"threshold": 0.7}}}})
    assert found.choices["body_pose"].options == Threshold(threshold=0.7)


def test_what_the_clip_does_not_hold_does_not_apply() -> None:
    specs = {"body_pose": (backend(frames=(SMALL,)),), "speech_flow": (backend(audio=AudioNeed("mono16k")),)}
    mute = plan(specs, has_sound=False).choices
    blind = plan(specs, has_picture=False)
    assert (mute["speech_flow"].status, mute["speech_flow"].code, mute["body_pose"].status) == ("not_applicable", "no_audio", None)
    assert (blind.choices["body_pose"].status, blind.choices["body_pose"].code) == ("not_applicable", "no_picture")
    assert blind.placement.workers[0].lanes == () and blind.needs == ()


def test_every_name_has_a_choice_and_says_why_it_does_not_run() -> None:
    choices = plan({"body_pose": LADDER}, only=["body_pose"]).choices
    assert list(choices) == list(ANALYZER_NAMES)
    assert all(c.reason for c in choices.values() if c.status is not None)


def test_dependencies_are_pulled_in_through_several_steps() -> None:
    specs = {
        "cut_analysis": (backend(),),
        "temporal_flow": (backend(after=("cut_analysis",)),),
        "cross_analyzer_intelligence": (backend(after=("temporal_flow",)),),
    }
    choices = plan(specs, only=["cross_analyzer_intelligence"]).choices
    assert {n for n, c in choices.items() if c.status is None} == set(specs)
    assert [choices[n].requested for n in specs] == [False, False, True]


def test_what_lacks_something_that_was_skipped_says_so_with_what_would_help() -> None:
    found = plan({"cut_analysis": (backend(),), "temporal_flow": (backend(after=("cut_analysis",)),)}, skip=("cut_analysis",))
    choice = found.choices["temporal_flow"]
    assert (choice.status, choice.code, choice.hint) == ("unavailable", "dependency", "let cut_analysis run too")


def test_nothing_that_is_installed_helps_a_clip_that_lacks_what_every_way_needs() -> None:
    ways = {"speech_flow": (backend(audio=AudioNeed("mono16k"), models=("m",)),), "cut_analysis": (backend("seen", frames=(SMALL,)),)}
    missing = {"b": Unusable("no model", "fetch it"), "seen": Unusable("no model", "fetch it")}
    bare = plan(ways, unusable=missing, has_sound=False, has_picture=False).choices
    assert (bare["speech_flow"].status, bare["speech_flow"].code) == ("not_applicable", "no_audio")
    assert (bare["cut_analysis"].status, bare["cut_analysis"].code) == ("not_applicable", "no_picture")
    whole = plan(ways, unusable=missing).choices
    assert whole["speech_flow"].status == whole["cut_analysis"].status == "unavailable" and whole["speech_flow"].hint == "fetch it"


def test_the_union_of_needs_is_made_once() -> None:
    features = {"motion": FeatureSpec("motion", 1, frames=(SMALL,)), "stills": FeatureSpec("stills", 1, frames=(LARGE,))}
    found = plan(
        {"body_pose": (backend(frames=(SMALL, LARGE), features=("motion",)),), "color_analysis": (backend(frames=(SMALL,)),)},
        features=features,
        spine=("stills",),
    )
    assert set(found.needs) == {SMALL, LARGE}
    assert set(found.features) == {"motion", "stills"}


def test_a_spine_is_planned_only_where_frames_are_decoded() -> None:
    features = {"stills": FeatureSpec("stills", 1, frames=(LARGE,))}
    assert plan({"speech_flow": (backend(audio=AudioNeed("mono16k")),)}, features=features, spine=("stills",)).features == {}


def test_a_spine_is_planned_where_only_a_feature_takes_frames() -> None:
    features = {"shots": FeatureSpec("shots", 1, frames=(SMALL,)), "stills": FeatureSpec("stills", 1, frames=(LARGE,))}
    found = plan({"cut_analysis": (backend(features=("shots",)),)}, features=features, spine=("shots", "stills"))
    assert set(found.features) == {"shots", "stills"}


def test_what_a_feature_needs_counts_as_needed() -> None:
    features = {"shots": FeatureSpec("shots", 1, frames=(SMALL,)), "voice": FeatureSpec("voice", 1, audio=AudioNeed("mono16k"))}
    specs = {"cut_analysis": (backend(features=("shots",)),), "speech_emotion": (backend(features=("voice",)),)}
    found = plan(specs, features=features, has_picture=False, has_sound=False)
    assert [found.choices[n].code for n in specs] == ["no_picture", "no_audio"]
    assert found.features == {}


def test_a_rate_in_the_settings_replaces_the_backends() -> None:
    found = plan({"body_pose": (backend(frames=(LARGE,)),)}, settings={"performance": {"analyzers": {"body_pose": {"fps": 7, "batch": 9}}}})
    assert found.choices["body_pose"].frames == (FrameNeed(7, 540),) == found.needs
    assert found.choices["body_pose"].batch == 9


def test_lanes_balance_cost() -> None:
    specs = {n: (backend(frames=(SMALL,), cost=c),) for n, c in zip(ANALYZER_NAMES, (8, 5, 4, 2, 1), strict=False)}
    assert sorted(lane.cost for lane in plan(specs).placement.workers[0].lanes) == [10, 10]
    assert [lane.cost for lane in plan(specs, cores=1).placement.workers[0].lanes] == [20]


def test_live_features_stand_before_their_consumers_in_the_same_lane() -> None:
    features = {
        "faces": FeatureSpec("faces", 1, frames=(SMALL,), features=("people",), cost=9),
        "people": FeatureSpec("people", 1, frames=(SMALL,), cost=9),
    }
    specs = {
        "eye_tracking": (backend(frames=(SMALL,), features=("faces",), live=("faces",), cost=9),),
        "color_analysis": (backend(frames=(SMALL,)),),
    }
    lanes = plan(specs, features=features).placement.workers[0].lanes
    assert [lane.members for lane in lanes] == [("people", "faces", "eye_tracking"), ("color_analysis",)]


def test_features_that_need_each_other_are_a_bug_told_at_once() -> None:
    features = {"a": FeatureSpec("a", 1, features=("b",)), "b": FeatureSpec("b", 1, features=("a",))}
    with pytest.raises(ValueError, match="a -> b -> a"):
        plan({"body_pose": (backend(features=("a",)),)}, features=features)


def test_a_hint_towards_the_cpu_names_what_else_is_lacking() -> None:
    big = Backend("big", "full", 20, vram_mib=9000, packages=("torch",))
    spec = AnalyzerSpec("object_detection", 1, "detection", (big,))
    lacking = Unusable("the Python package torch is not installed", "make setup-full")
    lookup = Lookup(
        lambda name: (spec, NoOptions) if name == spec.name else None,
        lambda name: None,
        lambda backend: lacking,  # type: ignore[arg-type,return-value]
    )
    plan = make_plan(
        only=[spec.name],
        skip=(),
        settings=Settings(),
        lookup=lookup,
        has_picture=True,
        has_sound=True,
        hardware=Hardware(cores=2, ram_mib=8000),
    )
    hint = plan.choices[spec.name].hint or ""
    assert hint.startswith("reelscope analyze CLIP --backend object_detection=big runs it on the CPU"), "a command that stands whole"
    assert hint.endswith("make setup-full (the Python package torch is not installed)")
