"""What `reelscope doctor` looks at of the models: files are looked at by size, or by what was noted when they were read last."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from reelscope.cli.checks import Check

if TYPE_CHECKING:
    from reelscope.config import Settings

__all__ = ["packages", "store"]


def packages() -> Check:
    """Models that come inside packages: without them the embedded tier is not whole."""
    from reelscope.models.catalog import Catalog
    from reelscope.models.manifest import manifest
    from reelscope.models.states import state

    states = [state(Catalog(), entry) for entry in manifest().values() if entry.tier == "embedded"]
    lacking = [s for s in states if s.word != "in package"]
    if lacking:
        said = ", ".join(f"{s.entry.purpose} ({s.entry.distribution}): {s.detail}" for s in lacking)
        return Check("models", "fail", f"missing or damaged: {said}", "reinstall these packages from their wheels: make setup")
    return Check("models", "ok", f"inside packages: {', '.join(s.entry.purpose for s in states)}")


def store(settings: Settings | None = None) -> Check:
    """Models of the store: what is there, what is damaged, what waits for its licence. To have none is normal."""
    from reelscope.cli.terminal import read_settings
    from reelscope.models.catalog import Catalog
    from reelscope.models.fetch import why_offline
    from reelscope.models.manifest import manifest
    from reelscope.models.states import state

    settings = settings or read_settings().settings
    catalog = Catalog.of(settings)
    if catalog.store is None:
        return Check("model store", "ok", "no folder for one: the user has no home; the embedded tier needs none")
    states = [state(catalog, entry) for entry in manifest().values() if not entry.in_package and entry.files_of is None]
    damaged = [s for s in states if s.word == "damaged"]
    waiting = [s.entry.name for s in states if s.word == "licence not accepted"]
    here = Counter(s.entry.tier for s in states if s.word == "in store")
    size = sum(s.bytes for s in states if s.word in ("in store", "licence not accepted"))
    parts = [f"{count} {tier}" for tier, count in here.items()] or ["no models: the embedded tier needs none"]
    detail = f"{catalog.store.root}: {', '.join(parts)}" + (f", {size / 1e6:,.0f} MB" if size else "")
    if waiting:
        detail += f"; licence not accepted: {', '.join(waiting)}"
    offline = why_offline(settings)
    if offline:
        detail += f"; offline ({offline})"
    if damaged:
        said = ", ".join(f"{s.entry.name} ({s.detail})" for s in damaged)
        return Check("model store", "warn", f"{detail}; damaged: {said}", damaged[0].hint)
    return Check("model store", "ok", detail)
