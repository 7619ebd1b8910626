"""The plan: which backend runs each analyzer, with which frames, in which place. Pure functions over frozen data."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from pydantic import ValidationError

from reelscope.analyzers.base import AnalyzerSpec, Backend, Options
from reelscope.config import Settings
from reelscope.document.names import ANALYZER_NAMES
from reelscope.document.schema import Status
from reelscope.engine.gpus import COMMAND, Unusable, check_pins, fits_no_gpu, pinned_gpu, usable_gpus
from reelscope.engine.place import place
from reelscope.engine.placement import Gpu, Hardware, Placement
from reelscope.errors import ConfigError, PluginError, nearest
from reelscope.features.base import FeatureSpec
from reelscope.media.frames import FrameNeed
from reelscope.plugins import Plugin

__all__ = ["TIERS", "Choice", "Lookup", "Plan", "Unusable", "make_plan"]

TIERS = ("embedded", "compact", "full")
NOT_BUILT = "this version of reelscope has no backend for it yet"


@dataclass(frozen=True, slots=True)
class Lookup:
    """What the plan asks of the world; tests put tables here.

    Attributes:
        analyzer: Specification and options class of an analyzer; None where this version has none.
        feature: Specification of a feature.
        unusable: Why a backend cannot run on this machine; None where it can.
        plugins: What is declared besides the nineteen, by name; `analyzer` imports it.
    """

    analyzer: Callable[[str], tuple[AnalyzerSpec, type[Options]] | None]
    feature: Callable[[str], FeatureSpec]
    unusable: Callable[[Backend], Unusable | None]
    plugins: Mapping[str, Plugin] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Choice:
    """What happens to one analyzer. `status` None: it runs; else it ends at once with that status. plugin: where it is from that."""

    name: str
    requested: bool
    status: Status | None
    spec: AnalyzerSpec | None = None
    backend: Backend | None = None
    options: Any = None
    frames: tuple[FrameNeed, ...] = ()
    batch: int = 1
    code: str | None = None
    reason: str | None = None
    hint: str | None = None
    plugin: Plugin | None = None


@dataclass(frozen=True, slots=True)
class Plan:
    """What runs.

    Attributes:
        choices: All nineteen, in the document's order, then those of plugins.
        features: Features that are needed, each after those that it needs itself.
        placement: Workers, devices and lanes of the members.
        needs: Union of the frames that members take.
        sound: Whether any member reads the sound track.
    """

    choices: Mapping[str, Choice]
    features: Mapping[str, FeatureSpec]
    placement: Placement
    needs: tuple[FrameNeed, ...]
    sound: bool

    @property
    def running(self) -> list[Choice]:
        """Choices that run."""
        return [c for c in self.choices.values() if c.status is None]


def make_plan(
    *,
    only: Sequence[str] | None,
    skip: Sequence[str],
    settings: Settings,
    lookup: Lookup,
    has_picture: bool,
    has_sound: bool,
    hardware: Hardware,
    many: bool = False,
    material_s: float = 0.0,
    spine: Sequence[str] = (),
) -> Plan:
    """Choose backends, features and places for one clip.

    Args:
        only: Names asked for; None for all. skip: Names not to run.
        settings: Tier, backends, options, rates.
        lookup: What exists and is usable.
        has_picture, has_sound: What the clip holds.
        hardware: What may be used of the machine. many: whether several clips are analysed, which pays for worker processes;
            material_s: the length of a single clip, which may pay for them too.
        spine: Features that the document's shots need, added where anything takes frames.

    Raises:
        ConfigError: An unknown name, backend or option; a device, pin or budget that this machine does not have.
    """
    world = _World(settings, lookup, has_picture, has_sound, usable_gpus(hardware, settings))
    for where, given in (
        ("--only", only or ()), ("--skip", skip), ("analysis.backends", settings.analysis.backends),
        ("analysis.options", settings.analysis.options), ("performance.analyzers", settings.performance.analyzers.others),
    ):  # fmt: skip
        _check_names(where, given, world)
    check_pins(hardware, settings, names=world.names)
    asked = {n for n in (world.names if only is None else only) if n not in skip}
    while True:
        plan = _plan(asked, set(skip), world, hardware, many, material_s, spine)
        if not plan.placement.unplaced:
            return plan
        # what finds no room on the GPUs beside the others gives way to its next backend; each turn rules one out, so this ends
        for name, reason in plan.placement.unplaced.items():
            backend = plan.choices[name].backend
            assert backend is not None
            world.crowded[name, backend.name] = Unusable(reason, f"give it a GPU of its own, or skip others (--only {name})")


@dataclass(frozen=True, slots=True)
class _World:
    """What the choice of backends depends on. crowded: backends that found no room, by analyzer and backend."""

    settings: Settings
    lookup: Lookup
    has_picture: bool
    has_sound: bool
    gpus: tuple[Gpu, ...]
    crowded: dict[tuple[str, str], Unusable] = field(default_factory=dict)

    @property
    def names(self) -> tuple[str, ...]:
        """The nineteen and, unless they are switched off, those of plugins."""
        return (*ANALYZER_NAMES, *(self.lookup.plugins if self.settings.plugins.enabled else ()))

    def unusable(self, spec: AnalyzerSpec, backend: Backend, options: Options) -> Unusable | None:
        """Why a backend cannot run; a GPU too small comes first: nobody should fetch weights for nothing."""
        return (
            _lacks_option(spec, backend, options)
            or self.crowded.get((spec.name, backend.name))
            or self._fits_no_gpu(spec, backend)
            or self._lacks(spec, backend)
        )

    def _lacks(self, spec: AnalyzerSpec, backend: Backend) -> Unusable | None:
        """What is not installed; what a plugin lacks does not come with reelscope's own set-up."""
        found = self.lookup.unusable(backend)
        plugin = self.lookup.plugins.get(spec.name)
        if found is None or plugin is None or not (found.hint or "").startswith("make "):
            return found
        return replace(found, hint=f"install what {plugin.distribution} needs: pip install {plugin.distribution}")

    def _fits_no_gpu(self, spec: AnalyzerSpec, backend: Backend) -> Unusable | None:
        """What is lacking besides is told with it, so that the hint leads somewhere."""
        small = fits_no_gpu(spec.name, backend, self.gpus, self.settings, group=spec.group)
        other = None if small is None or not (small.hint or "").startswith(COMMAND) else self._lacks(spec, backend)
        return small if small is None or other is None else replace(small, hint=f"{small.hint}, after: {other.hint} ({other.reason})")


def _plan(asked: set[str], skip: set[str], world: _World, hardware: Hardware, many: bool, material_s: float, spine: Sequence[str]) -> Plan:
    lookup = world.lookup
    choices = {name: _choose(name, name in asked, world) for name in world.names}
    _pull_in(choices, skip, world)
    _drop_circles(choices)
    _drop_orphans(choices)
    running = [c for c in choices.values() if c.status is None]
    wanted = [f for c in running if c.backend for f in c.backend.features]
    features = _closure(wanted, lookup.feature)
    if any(c.frames for c in running) or any(f.frames for f in features.values()):
        features = _closure([*wanted, *spine], lookup.feature)
    needs = [need for f in features.values() for need in f.frames] + [need for c in running for need in c.frames]
    placement = place(running, features, hardware=hardware, settings=world.settings, many=many, material_s=material_s)
    return Plan(
        choices={n: replace(c, batch=placement.batches.get(n, c.batch)) for n, c in choices.items()},
        features=features,
        placement=placement,
        needs=tuple(dict.fromkeys(needs)),
        sound=any(f.audio for f in features.values()) or any(c.backend and c.backend.audio for c in running),
    )


def _check_names(where: str, names: Iterable[str], world: _World) -> None:
    for name in names:
        if name in world.names:
            continue
        if name in world.lookup.plugins:
            raise ConfigError(f"{where}: {name} is a plugin's, and plugins are switched off", hint="set plugins.enabled to true")
        raise ConfigError(f"{where}: there is no analyzer {name!r}{nearest(name, world.names)}", hint="`reelscope analyzers` lists them")


def _choose(name: str, asked: bool, world: _World) -> Choice:
    """What happens to an analyzer, whatever is wrong with a plugin's."""
    plugin = world.lookup.plugins.get(name)
    if not asked:
        return Choice(name, False, "skipped", reason="not asked for", plugin=plugin)
    try:
        return replace(_chosen(name, world), plugin=plugin)
    except PluginError as error:
        return Choice(name, True, "unavailable", code=error.code, reason=error.message, hint=error.hint, plugin=plugin)


def _chosen(name: str, world: _World) -> Choice:
    settings, lookup = world.settings, world.lookup
    named = settings.analysis.backends.get(name)
    found = lookup.analyzer(name)
    if found is None:
        if named is not None:
            raise ConfigError(f"analysis.backends: {name} has no backend {named!r}: {NOT_BUILT}")
        return Choice(name, True, "unavailable", code="not_built", reason=NOT_BUILT)
    spec, options_type = found
    options = _options(name, options_type, settings.analysis.options.get(name, {}))
    backend, why = _backend(spec, named, options, world)
    base = Choice(name, True, None, spec, backend, options)
    for code, reason in _lacking(spec.backends if backend is None else (backend,), world):
        return replace(base, status="not_applicable", code=code, reason=reason)
    if backend is None:
        return replace(base, status="unavailable", code="no_backend", reason=why.reason, hint=why.hint)
    tuning = settings.performance.analyzers.of(name)
    frames = backend.frames if tuning.fps is None else tuple(replace(n, fps=tuning.fps) for n in backend.frames)
    return replace(base, frames=frames, batch=tuning.batch or backend.batch)


def _lacking(backends: Sequence[Backend], world: _World) -> Iterator[tuple[str, str]]:
    """Code and reason of what the clip has not and every one of the backends needs: to install one of them would not help."""
    needs = [(b, list(_closure(b.features, world.lookup.feature).values())) for b in backends]
    if not world.has_picture and all(b.frames or any(f.frames for f in features) for b, features in needs):
        yield "no_picture", "the clip has no picture"
    if not world.has_sound and all(b.audio is not None or any(f.audio for f in features) for b, features in needs):
        yield "no_audio", "the clip has no sound track"


def _options(name: str, kind: type[Options], given: Mapping[str, Any]) -> Options:
    for key in given:
        if key not in kind.model_fields:
            known = list(kind.model_fields)
            hint = f"its options: {', '.join(known)}" if known else "it has no options"
            raise ConfigError(f"--option {name}.{key}: {name} has no option {key!r}{nearest(key, known)}", hint=hint)
    try:
        return kind.model_validate(given)
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(str(p) for p in first["loc"])
        raise ConfigError(f"--option {name}.{key}={first['input']}: {first['msg']}") from None


def _backend(spec: AnalyzerSpec, named: str | None, options: Options, world: _World) -> tuple[Backend | None, Unusable]:
    tier = world.settings.analysis.tier
    by_name = {b.name: b for b in spec.backends}
    if named is not None:
        if named not in by_name:
            raise ConfigError(
                f"analysis.backends: {spec.name} has no backend {named!r}{nearest(named, by_name)}", hint=f"it has: {', '.join(by_name)}"
            )
        _check_gpu_pin(spec, [by_name[named]], world.settings)
        why = world.unusable(spec, by_name[named], options)
        return (by_name[named], Unusable("")) if why is None else (None, why)
    allowed = [b for b in spec.backends if tier == "auto" or TIERS.index(b.tier) <= TIERS.index(tier)]
    if pinned_gpu(spec.name, world.settings) is not None:
        _check_gpu_pin(spec, spec.backends, world.settings)
        allowed = [b for b in allowed if b.vram_mib > 0]
    told: Unusable | None = None  # of the best one among those that lack what is easiest to give
    for backend in sorted(allowed, key=lambda b: -b.rank):
        why = world.unusable(spec, backend, options)
        if why is None:
            return backend, Unusable("")
        if told is None or why.choice < told.choice:
            told = why
    return None, told or Unusable(f"it has no backend in the {tier} tier", f"choose another tier than {tier}")


def _lacks_option(spec: AnalyzerSpec, backend: Backend, options: Options) -> Unusable | None:
    """Why a backend that an option must give something to cannot run; None where the option is set or none is needed."""
    name = backend.needs_option
    if name is None or getattr(options, name, None) is not None:
        return None
    field = type(options).model_fields.get(name)
    example = next(iter((field.examples if field is not None else None) or ()), "VALUE")
    return Unusable(f"the backend {backend.name} needs the option {name}", f"{COMMAND} --option {spec.name}.{name}={example}", 3)


def _check_gpu_pin(spec: AnalyzerSpec, backends: Sequence[Backend], settings: Settings) -> None:
    if pinned_gpu(spec.name, settings) is not None and not any(b.vram_mib > 0 for b in backends):
        given = f"placement.pin.{spec.name}={settings.placement.pin[spec.name]}"
        what = f"the backend {backends[0].name}" if len(backends) == 1 else "every backend of it"
        raise ConfigError(f"{given}: {what} computes on the CPU", hint=f"remove the pin, or pin {spec.name} to cpu")


def _pull_in(choices: dict[str, Choice], skip: set[str], world: _World) -> None:
    """Add what running analyzers must have, although nobody asked for it; never what was told to be skipped."""
    queue = [n for c in choices.values() if c.status is None and c.backend for n in c.backend.after]
    while queue:
        name = queue.pop()
        if choices[name].status != "skipped" or name in skip:
            continue
        choices[name] = replace(_choose(name, True, world), requested=False)
        added = choices[name]
        if added.status is None and added.backend:
            queue += added.backend.after


def _drop_circles(choices: dict[str, Choice]) -> None:
    """Analyzers that must have their own result, by way of others: only plugins can be made so."""
    needs = {c.name: c.backend.after for c in choices.values() if c.status is None and c.backend is not None}
    for name in needs:
        reached: set[str] = set()
        queue = list(needs[name])
        while queue:
            if (other := queue.pop()) not in reached:
                reached.add(other)
                queue += needs.get(other, ())
        if name in reached:
            reason = f"it needs its own result, by way of {', '.join(sorted(reached - {name})) or 'itself'}"
            choices[name] = replace(choices[name], status="unavailable", frames=(), code="plugin_broken", reason=reason)


def _drop_orphans(choices: dict[str, Choice]) -> None:
    """What must have the result of something that does not run does not run either, and says why."""
    changed = True
    while changed:
        changed = False
        for choice in list(choices.values()):
            if choice.status is not None or choice.backend is None:
                continue
            for name in choice.backend.after:
                other = choices[name]
                if other.status is not None:
                    status: Status = "not_applicable" if other.status == "not_applicable" else "unavailable"
                    reason = f"needs {name}, which is {other.status}: {other.reason}"
                    hint = f"let {name} run too" if other.status == "skipped" else other.hint
                    choices[choice.name] = replace(choice, status=status, frames=(), code="dependency", reason=reason, hint=hint)
                    changed = True
                    break


def _closure(names: Sequence[str], lookup: Callable[[str], FeatureSpec]) -> dict[str, FeatureSpec]:
    """Features and what they need themselves, in an order in which each comes after its needs."""
    done: dict[str, FeatureSpec] = {}

    def visit(name: str, path: tuple[str, ...]) -> None:
        if name in path:
            raise ValueError(f"features need each other: {' -> '.join((*path, name))}")
        if name in done:
            return
        spec = lookup(name)
        for other in spec.features:
            visit(other, (*path, name))
        done[name] = spec

    for name in names:
        visit(name, ())
    return done
