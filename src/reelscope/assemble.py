"""From what the engine left to the parts of the document: facts of the file, the spine of shots, an entry for each analyzer."""

from __future__ import annotations

from typing import Any

from reelscope.document.merge import ShotInput, build_shots
from reelscope.document.names import ANALYZER_NAMES, title_of
from reelscope.document.schema import AnalyzerEntry, MediaInfo, ModelInfo, PluginEntry, ShotRow, ShotTransition
from reelscope.engine.outcome import MemberOutcome, Outcome
from reelscope.engine.plan import TIERS, Choice, Plan
from reelscope.media.probe import Probe, settle
from reelscope.models.catalog import Catalog

__all__ = ["best_tier", "entry", "media_facts", "models_of", "spine"]


def media_facts(probe: Probe, outcome: Outcome) -> MediaInfo:
    """Facts of the file, with what decoding taught about them."""
    return settle(probe.media, outcome.stats) if outcome.stats is not None else probe.media


def spine(outcome: Outcome) -> tuple[list[ShotRow], dict[str, bytes]]:
    """The rows of the shots and their keyframes, from the features and results that are there."""
    found = outcome.members.get("shots")
    if found is None or not found.ok:
        return [], {}
    spool = outcome.members["stills"].result if "stills" in outcome.members and outcome.members["stills"].ok else None
    stills = spool.stills if spool is not None else ()
    inputs = []
    for start_s, end_s in found.result.shots:
        leading = next((t for t in found.result.transitions if abs((t.start_s + t.end_s) / 2 - start_s) < 1e-3 and start_s > 0), None)
        inputs.append(ShotInput(start_s, end_s, _transition(leading) if leading is not None else None))
    results = {n: r.result for n, r in outcome.members.items() if n in ANALYZER_NAMES and r.ok}
    rows = build_shots(inputs, results, stills)
    by_time = {s.t_s: s for s in stills}
    keyframes = {r.keyframe: spool.read(by_time[r.keyframe_s]) for r in rows if r.keyframe is not None and spool is not None}
    return rows, keyframes


def _transition(found: Any) -> ShotTransition:
    return ShotTransition(kind=found.kind, variant=found.variant, start_s=found.start_s, end_s=found.end_s, jump_cut=found.jump_cut)


def entry(choice: Choice, outcome: Outcome, models: Catalog) -> AnalyzerEntry:
    """The entry of an analyzer: how it was computed, and what came out or why nothing did."""
    made = _begun(choice)
    if choice.spec is not None:
        made.version = choice.spec.version
    if choice.backend is not None:
        made.backend, made.tier = choice.backend.name, choice.backend.tier
    if choice.status is not None:
        return made
    run = outcome.members[choice.name]
    made.device = run.job.device
    made.options = run.job.options.model_dump(mode="json")
    made.models = models_of(run, outcome, models)
    made.seconds, made.attempts, made.reused = run.seconds, run.attempts, run.reused
    if run.failure is not None:
        made.status, made.code, made.reason, made.hint = run.failure.status, run.failure.code, run.failure.reason, run.failure.hint
        return made
    result = run.result
    return made.model_copy(update={name: getattr(result, name) for name in type(result).model_fields} | (result.model_extra or {}))


def _begun(choice: Choice) -> AnalyzerEntry:
    """An entry with what is known before anything ran."""
    facts = {
        "status": choice.status or "ok",
        "requested": choice.requested,
        "code": choice.code,
        "reason": choice.reason,
        "hint": choice.hint,
    }
    plugin = choice.plugin
    if plugin is None:
        return AnalyzerEntry.model_validate(facts)
    title = title_of(choice.name, choice.spec.title if choice.spec is not None else None)
    return PluginEntry.model_validate(
        {**facts, "title": title, "distribution": plugin.distribution, "distribution_version": plugin.version}
    )


def models_of(member: MemberOutcome, outcome: Outcome, models: Catalog) -> list[ModelInfo]:
    """Models that took part: the backend's own and those of the features that it read."""
    if member.reused:
        return list(member.models)
    if member.backend is None:
        return []
    specs = [outcome.members[f].spec for f in member.backend.features if f in outcome.members]
    names = dict.fromkeys([*member.backend.models, *(m for spec in specs for m in getattr(spec, "models", ()))])
    return [models.describe(m) for m in names]


def best_tier(plan: Plan) -> str:
    """The highest tier that took part; "none" where nothing ran."""
    return max((c.backend.tier for c in plan.running if c.backend is not None), key=TIERS.index, default="none")
