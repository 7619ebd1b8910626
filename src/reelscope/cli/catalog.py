"""What `reelscope analyzers` lists: for each of the nineteen, the backend that would run here or why none would."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from reelscope.document.names import ANALYZER_TITLES

if TYPE_CHECKING:
    from reelscope.config import Settings

__all__ = ["Row", "catalog"]


@dataclass(frozen=True, slots=True)
class Row:
    """One analyzer. `backend` None: it would not run, for `reason`; `hint` says what would change that."""

    name: str
    title: str
    backend: str | None
    tier: str | None
    backends: tuple[str, ...]
    reason: str | None
    hint: str | None

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


def catalog(settings: Settings) -> list[Row]:
    """All nineteen under these settings, for a clip with picture and sound."""
    from reelscope.engine.hardware import read_hardware
    from reelscope.engine.plan import make_plan
    from reelscope.models.catalog import Catalog
    from reelscope.pipeline import lookup

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
                ANALYZER_TITLES[name],
                choice.backend.name if runs and choice.backend else None,
                choice.backend.tier if runs and choice.backend else None,
                tuple(b.name for b in choice.spec.backends) if choice.spec else (),
                choice.reason,
                choice.hint,
            )
        )
    return rows
