"""What is here of the models, and whether it is whole."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Literal

from reelscope.errors import ModelError
from reelscope.models.catalog import Catalog, how_to_get
from reelscope.models.manifest import Entry
from reelscope.models.sources import verify

__all__ = ["Checked", "State", "Word", "check", "state"]

Word = Literal["in package", "in store", "not here", "damaged", "licence not accepted", "import only"]


@dataclass(frozen=True, slots=True)
class State:
    """Of one model, as far as can be told without reading its files.

    Attributes:
        detail: What is damaged, or how much of a download is there. hint: the command that changes it.
        bytes: Of its files as they are here, else as they would be.
    """

    entry: Entry
    word: Word
    detail: str | None = None
    hint: str | None = None
    bytes: int = 0


def state(catalog: Catalog, entry: Entry) -> State:
    """Look at one model."""
    if entry.in_package:
        path = catalog.find(entry.name)
        if path is None:
            setup = "make setup-full" if entry.tier == "full" else "make setup"
            return State(entry, "not here", f"the package {entry.distribution} is not installed", setup, entry.bytes)
        size = path.stat().st_size
        try:
            source = catalog.source_of(entry.name)
        except ModelError as error:
            return State(entry, "damaged", error.message, error.hint, size)
        if size != source.bytes:
            return State(entry, "damaged", f"{path.name} has {size} bytes instead of {source.bytes}", source.hint, size)
        return State(entry, "in package", None, None, size)
    owner, store = catalog.entry(entry.folder), catalog.store
    if store is None:
        return State(entry, "not here", "there is no folder for a model store", "set models.dir", owner.bytes)
    record, pins = store.record(owner), store.pins(owner)
    accepted = entry.permissive or (record is not None and record.accepted)
    get = how_to_get(owner, accepted=accepted)
    size = sum(f.pin.bytes for f in pins) or owner.bytes
    damage = store.damage(owner)
    if damage is not None:
        return State(entry, "damaged", damage, get if owner.public else f"reelscope models remove {owner.name}, then {get}", size)
    if not pins:
        if not owner.public:
            return State(entry, "import only", None, get, size)
        begun = store.begun(owner)
        return State(entry, "not here", f"{begun / 1e6:.0f} MB of it were fetched before" if begun else None, get, size)
    if not accepted:
        return State(entry, "licence not accepted", entry.terms, get, size)
    return State(entry, "in store", None, None, size)


@dataclass(frozen=True, slots=True)
class Checked:
    """The files of one model, looked at. problem: what is wrong with them. read: whether their content was read for it."""

    name: str
    bytes: int
    seconds: float
    read: bool
    problem: str | None = None
    code: str | None = None
    hint: str | None = None


def check(catalog: Catalog, entries: Iterable[Entry], *, full: bool, told: Callable[[Entry], None] = lambda entry: None) -> list[Checked]:
    """Verify the models that are here.

    Args:
        full: Read every file, also those inside packages. Otherwise files of packages are looked at by size, and files of the store are
            read only where they changed since they were read last.
    """
    found = []
    for entry in entries:
        now = state(catalog, entry)
        if now.word in ("not here", "import only") or entry.files_of is not None:
            continue
        told(entry)
        start = time.perf_counter()
        problem = code = hint = None
        if now.word == "damaged":
            problem, code, hint = now.detail, "model_corrupt", now.hint
        elif full or not entry.in_package:
            try:
                verify(catalog.source_of(entry.name), again=full)
            except ModelError as error:
                problem, code, hint = error.message, error.code, error.hint
        found.append(Checked(entry.name, now.bytes, time.perf_counter() - start, full, problem, code, hint))
    return found
