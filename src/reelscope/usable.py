"""What is usable in this installation: for the plan, and as the list that people see."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from reelscope.analyzers.base import Backend
from reelscope.analyzers.registry import INSTALLED, Registry
from reelscope.config import Settings
from reelscope.document.names import title_of
from reelscope.engine.plan import Lookup, Unusable, make_plan
from reelscope.features.base import FeatureSpec
from reelscope.models.catalog import Catalog

__all__ = ["Row", "catalog", "lookup"]


def lookup(registry: Registry = INSTALLED, models: Catalog | None = None) -> Lookup:
    """What exists in this installation and runs on this machine."""

    known = models or Catalog()

    def analyzer(name: str) -> tuple[Any, Any] | None:
        found = registry.analyzer(name)
        return (found.spec, found.Options) if found is not None else None

    def unusable(backend: Backend) -> Unusable | None:
        packages = [p for p in backend.packages if importlib.util.find_spec(p) is None]
        if packages:
            hint = "make setup-full" if backend.tier == "full" else "make setup"
            return Unusable(f"the Python package {packages[0]} is not installed", hint)
        needed = (*backend.models, *(m for f in _features(registry, backend.features) for m in f.models))
        lacks = [found for m in needed if (found := known.lack(m)) is not None]
        choice = int(any(lack.on_request for lack in lacks))
        return Unusable(lacks[0].reason, lacks[0].hint, choice) if lacks else None

    return Lookup(analyzer, lambda name: registry.feature(name).spec, unusable, registry.plugins)


def _features(registry: Registry, names: Sequence[str]) -> Iterator[FeatureSpec]:
    """Specifications of features and of what they read themselves."""
    for name in names:
        spec = registry.feature(name).spec
        yield from _features(registry, spec.features)
        yield spec


@dataclass(frozen=True, slots=True)
class Row:
    """One analyzer. `backend` None: it would not run, for `reason`; `hint` says what would change that. distribution: of a plugin's."""

    name: str
    title: str
    backend: str | None
    tier: str | None
    backends: tuple[str, ...]
    reason: str | None
    hint: str | None
    distribution: str | None = None

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


def catalog(settings: Settings) -> list[Row]:
    """All nineteen and those of plugins under these settings, for a clip with picture and sound."""
    from reelscope.engine.hardware import read_hardware

    plan = make_plan(
        only=None,
        skip=(),
        settings=settings,
        lookup=lookup(models=Catalog.of(settings)),
        has_picture=True,
        has_sound=True,
        hardware=read_hardware(settings),
    )
    rows = []
    for name, choice in plan.choices.items():
        runs = choice.status is None and choice.backend is not None
        rows.append(
            Row(
                name,
                title_of(name, choice.spec.title if choice.spec else None),
                choice.backend.name if runs and choice.backend else None,
                choice.backend.tier if runs and choice.backend else None,
                tuple(b.name for b in choice.spec.backends) if choice.spec else (),
                choice.reason,
                choice.hint,
                choice.plugin.origin if choice.plugin else None,
            )
        )
    return rows
