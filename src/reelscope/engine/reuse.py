"""Which results of earlier runs may stand for new ones: keys over all that a result was made from, and what is left to run.

Pure except `take` and `keep`, which ask the store (reelscope.engine.kept). A member is an analyzer or a feature.
"""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from reelscope.analyzers.registry import Registry
from reelscope.config import Settings
from reelscope.engine.kept import Kept, KeptResults
from reelscope.engine.place import place
from reelscope.engine.placement import Hardware
from reelscope.engine.plan import Choice, Plan

if TYPE_CHECKING:
    from reelscope.media.decode import DecodeStats

__all__ = ["DECODE_VERSION", "KEY_FORMAT", "Decoded", "Taken", "decode_key", "keep", "keys", "prune", "reduced", "take"]

log = logging.getLogger(__name__)

KEY_FORMAT = 1  # of what a key is made of
# Rises when decoding may give other pixels, samples or times than before; part of the key of everything that reads frames or sound.
DECODE_VERSION = 1


@dataclass(frozen=True, slots=True)
class Decoded:
    """What the decode pass of an earlier run met. stats: None for a clip without a picture; sound_errors: None where no sound was read."""

    stats: DecodeStats | None = None
    sound_errors: int | None = None


@dataclass(frozen=True, slots=True)
class Taken:
    """What need not be done again.

    Attributes:
        keys: Of all members that can have one.
        results: Analyzers' results by name; features: features' values, those that the document or a member still to run reads.
        to_run: Names of the members that have to run.
        decoded: Of the earlier run's decode pass; None where none is known.
    """

    keys: Mapping[str, str] = field(default_factory=dict)
    results: Mapping[str, Kept] = field(default_factory=dict)
    features: Mapping[str, Kept] = field(default_factory=dict)
    to_run: frozenset[str] = frozenset()
    decoded: Decoded | None = None


# --- keys -------------------------------------------------------------------------------------------------------------------------


def keys(plan: Plan, *, clip_sha256: str, models: Callable[[str], str | None]) -> dict[str, str]:
    """Keys of the features and running analyzers of a plan: equal keys, equal results.

    A key covers the clip, the member's name, version and backend, the kind of device that it was placed on, its models, options and
    frames, how decoding is done, the keys of everything that it may read, and why what it would read besides is not there. Batch sizes,
    threads and lanes change nothing about a result and are not in it.

    Args:
        clip_sha256: Of the clip's file.
        models: sha256 of a model by name; None where it is not known: then the member, and who reads it, has no key.

    Returns:
        Key (64 hex digits) by name; members without a key are left out, among them those whose work a server does.
    """
    running = {c.name: c for c in plan.running}
    done: dict[str, str | None] = {}

    def key_of(name: str) -> str | None:
        if name not in done:
            done[name] = make(name)
        return done[name]

    def make(name: str) -> str | None:
        parts: dict[str, Any] = {"format": KEY_FORMAT, "clip": clip_sha256, "name": name, "device": _device_kind(plan, name)}
        if name in plan.features:
            spec = plan.features[name]
            frames, audio, names, reads = spec.frames, spec.audio, spec.models, spec.features
            parts |= {"kind": "feature", "version": spec.version}
        else:
            choice = running[name]
            assert choice.spec is not None and choice.backend is not None
            frames, audio, names, reads = choice.frames, choice.backend.audio, choice.backend.models, _reads(choice, running)
            options = choice.options.model_dump(mode="json") if choice.options is not None else {}
            parts |= {"kind": "analyzer", "version": choice.spec.version, "backend": choice.backend.name, "options": options}
            if choice.plugin is not None:  # what it measures may change with its package
                parts["distribution"] = [choice.plugin.distribution, choice.plugin.version]
            if choice.backend.needs_option is not None:  # a server does the work: what it holds has no sha256
                return None
        sums = {model: models(model) for model in names}
        inputs = {other: key_of(other) for other in reads}
        if None in sums.values() or None in inputs.values():
            return None
        if name in running and (absent := _absent(running[name], plan)):
            parts["absent"] = absent
        parts |= {"models": sums, "reads": inputs, "frames": [asdict(need) for need in frames], "audio": asdict(audio) if audio else None}
        if frames or audio:
            parts["decode"] = DECODE_VERSION
        return _digest(parts)

    made = {name: key_of(name) for name in [*plan.features, *running]}
    return {name: key for name, key in made.items() if key is not None}


def decode_key(clip_sha256: str) -> str:
    """Key of what decoding met in a clip."""
    return _digest({"format": KEY_FORMAT, "clip": clip_sha256, "kind": "decode", "decode": DECODE_VERSION})


def _reads(choice: Choice, running: Mapping[str, Choice]) -> list[str]:
    """Everything of this plan that an analyzer may read; what does not run is not among it."""
    assert choice.backend is not None
    backend = choice.backend
    others = [n for n in (*backend.after, *backend.soft_after) if n in running]
    return list(dict.fromkeys([*backend.features, *backend.live, *others]))


def _absent(choice: Choice, plan: Plan) -> dict[str, str | None]:
    """Status of what an analyzer would read and does not run: its result may say so."""
    assert choice.backend is not None
    chosen = {n: plan.choices[n].status for n in choice.backend.soft_after if n in plan.choices}
    return {name: status for name, status in chosen.items() if status is not None}


def _device_kind(plan: Plan, name: str) -> str:
    return plan.placement.worker_of(name).member_device.get(name, "cpu").partition(":")[0]


def _digest(parts: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(parts, sort_keys=True, separators=(",", ":"), allow_nan=False).encode()).hexdigest()


# --- what is left to run ----------------------------------------------------------------------------------------------------------


def prune(plan: Plan, found: set[str], *, spine: Sequence[str] = (), decoded: bool = True) -> frozenset[str]:
    """Names of the members that still have to run.

    Args:
        found: Members whose result is there: analyzers, and features that were kept.
        spine: Features that the document itself reads.
        decoded: Whether it is known what decoding met; if not, something that takes frames has to run where the plan has any.

    Returns:
        Analyzers that were not found; features that were not found and that these or the document read; and features, found or not,
        that have to stand beside a running member, since they hand it something in each window.
    """
    run = {c.name for c in plan.running} - found
    pending = [f for c in plan.running if c.name in run and c.backend for f in c.backend.live]
    pending += [f for f in _read_at_the_end(plan, run) | (set(spine) & set(plan.features)) if f not in found]
    while pending:
        name = pending.pop()
        if name not in run:
            run.add(name)
            pending += plan.features[name].features  # which it may read window by window
    if not decoded and plan.needs and not any(_takes_frames(plan, name) for name in run):
        left = found - set(spine)
        return prune(plan, left if left != found else set(), spine=spine, decoded=left == found)
    return frozenset(run)


def reduced(
    plan: Plan, run: Collection[str], *, hardware: Hardware, settings: Settings, many: bool = False, material_s: float = 0.0
) -> Plan:
    """The plan of the members that have to run, placed anew; choices whose result is there already are not in it.

    Args:
        run: What `prune` (or `Taken.to_run`) says. hardware, settings, many, material_s: as for make_plan.
    """
    choices = {name: choice for name, choice in plan.choices.items() if choice.status is not None or name in run}
    features = {name: spec for name, spec in plan.features.items() if name in run}
    running = [c for c in choices.values() if c.status is None]
    needs = [need for f in features.values() for need in f.frames] + [need for c in running for need in c.frames]
    return Plan(
        choices=choices,
        features=features,
        placement=place(running, features, hardware=hardware, settings=settings, many=many, material_s=material_s),
        needs=tuple(dict.fromkeys(needs)),
        sound=any(f.audio for f in features.values()) or any(c.backend and c.backend.audio for c in running),
    )


def _read_at_the_end(plan: Plan, run: set[str]) -> set[str]:
    return {f for c in plan.running if c.name in run and c.backend for f in c.backend.features}


def _takes_frames(plan: Plan, name: str) -> bool:
    return bool(plan.features[name].frames if name in plan.features else plan.choices[name].frames)


# --- the store --------------------------------------------------------------------------------------------------------------------


def take(
    plan: Plan,
    store: KeptResults | None,
    *,
    clip_sha256: str,
    keys: Mapping[str, str],
    registry: Registry,
    work_dir: Path,
    spine: Sequence[str] = (),
    fresh: bool = False,
) -> Taken:
    """Look up what earlier runs left.

    Args:
        store: None: nothing is kept. keys: of this plan. registry: knows the classes of results and features.
        work_dir: The clip's; files of features are linked into folders of it.
        spine: Features that the document itself reads.
        fresh: Look nothing up (`analysis.fresh`); what comes out may still be kept.
    """
    everything = frozenset([*plan.features, *(c.name for c in plan.running)])
    if store is None or fresh:
        return Taken(keys, to_run=everything)
    results: dict[str, Kept] = {}
    for choice in plan.running:
        kind = registry.analyzer(choice.name)
        kept = store.get(keys[choice.name], kind.Result) if kind is not None and choice.name in keys else None
        if kept is not None:
            results[choice.name] = kept
    decoded = _get_decoded(store, clip_sha256)
    known = decoded is not None and decoded.stats is not None
    there = {n for n in plan.features if n in keys and registry.feature(n).keeps and store.has_feature(keys[n])}
    features: dict[str, Kept] = {}
    while True:  # ends: each round restores something for good or takes a damaged one out
        run = prune(plan, {*results, *there}, spine=spine, decoded=known)
        wanted = (_read_at_the_end(plan, set(run)) | (set(spine) & set(plan.features))) - run
        missing = sorted(wanted - features.keys())
        if not missing:
            break
        kept = store.get_feature(keys[missing[0]], registry.feature(missing[0]), work_dir / f"kept-{missing[0]}")
        if kept is not None:
            features[missing[0]] = kept
        else:
            there.discard(missing[0])
    left = {name: kept for name, kept in results.items() if name not in run}
    return Taken(keys, left, {name: features[name] for name in sorted(wanted)}, run, decoded)


def keep(
    plan: Plan,
    store: KeptResults | None,
    *,
    clip_sha256: str,
    taken: Taken,
    made: Mapping[str, Kept],
    registry: Registry,
    decoded: Decoded | None = None,
) -> list[str]:
    """Keep what a run made.

    Args:
        plan: The whole one, that the keys were made of.
        taken: What it started from. made: results of the members that ran and are `ok`, by name.
        decoded: What its decode pass met, where there was one.

    Returns:
        Names that were kept. A result that was made without something that it would have read (since that failed), on another kind of
        device than planned, or for which time ran out, is not kept, nor is one that read such a result: their keys promise more.
    """
    if store is None:
        return []
    choices = {c.name: c for c in plan.running}
    whole: dict[str, bool] = {}

    def is_whole(name: str) -> bool:
        if name not in whole:
            if name in taken.results or name in taken.features:
                whole[name] = True
            elif name in made:
                reads = _reads(choices[name], choices) if name in choices else plan.features[name].features
                as_planned = made[name].device.partition(":")[0] == _device_kind(plan, name)
                lasts = getattr(made[name].result, "repeatable", True)  # features have no such word
                whole[name] = as_planned and lasts and all(is_whole(other) for other in reads)
            else:
                whole[name] = name in plan.features  # its reader is `ok`, so it was there; its value is not carried to here
        return whole[name]

    done = []
    for name, kept in made.items():
        if name not in taken.keys:
            stored = False
        elif name in choices:
            stored = is_whole(name) and store.put(taken.keys[name], kept)
        else:
            kind = registry.feature(name)
            stored = kind.keeps and is_whole(name) and store.put_feature(taken.keys[name], kind, kept)
        if stored:
            done.append(name)
    if decoded is not None:
        _put_decoded(store, clip_sha256, decoded)
    return done


def _put_decoded(store: KeptResults, clip_sha256: str, decoded: Decoded) -> None:
    """Beside what is known: a run may have decoded the picture or the sound alone."""
    known = store.get_facts(decode_key(clip_sha256)) or {}
    facts = {"stats": asdict(decoded.stats) if decoded.stats is not None else None, "sound_errors": decoded.sound_errors}
    merged = {**known, **{name: value for name, value in facts.items() if value is not None}}
    if merged != known:
        store.put_facts(decode_key(clip_sha256), merged)


def _get_decoded(store: KeptResults, clip_sha256: str) -> Decoded | None:
    facts = store.get_facts(decode_key(clip_sha256))
    if facts is None:
        return None
    from reelscope.media.decode import DecodeStats  # with NumPy: not for the plan and its tests

    try:
        stats = facts.get("stats")
        return Decoded(DecodeStats(**stats) if stats is not None else None, facts.get("sound_errors"))
    except TypeError as error:  # of a version that counted other things
        log.info("kept facts of decoding do not fit: %s", error)
        return None
