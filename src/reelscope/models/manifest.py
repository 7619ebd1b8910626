"""The manifest: every model that reelscope can use, read from manifest.toml beside this module. See the head of that file for its keys."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any, Literal

from reelscope.document.schema import Tier

__all__ = ["PERMISSIVE", "Entry", "FilePin", "Pin", "Source", "manifest", "parse"]

# Licences that allow use, change and redistribution, also commercially, without asking for more than notices.
PERMISSIVE = frozenset({"Apache-2.0", "MIT", "BSD-2-Clause", "BSD-3-Clause", "ISC", "CC0-1.0"})


@dataclass(frozen=True, slots=True)
class Pin:
    """A file as it must be. bytes: its size."""

    sha256: str
    bytes: int


@dataclass(frozen=True, slots=True)
class Source:
    """Where a model's files come from. revision: full commit; None where it is learned at the first pull."""

    kind: Literal["github", "hub"]
    repo: str
    revision: str | None = None


@dataclass(frozen=True, slots=True)
class FilePin:
    """One file of a model in the store. path: in the source, None where no public source has it."""

    name: str
    pin: Pin
    path: str | None = None
    source: Source | None = None


@dataclass(frozen=True, slots=True)
class Entry:
    """One model. The attributes are the keys of manifest.toml.

    `files` is empty for a model of a hub whose files are recorded at the first pull, and for a model inside a package.
    """

    name: str
    tier: Tier
    purpose: str
    runtime: str
    licence: str
    opt_in: str | None = None
    package: str | None = None
    distribution: str | None = None
    pattern: str | None = None
    pins: Mapping[str, Pin] | None = None
    source: Source | None = None
    files: tuple[FilePin, ...] = ()
    files_of: str | None = None
    member: str | None = None
    loads: str | None = None
    ram_mib: float = 0.0
    vram_mib: float = 0.0

    @property
    def in_package(self) -> bool:
        """Whether an installed package carries it."""
        return self.package is not None

    @property
    def folder(self) -> str:
        """Name of the model whose folder in the store holds the files."""
        return self.files_of or self.name

    @property
    def permissive(self) -> bool:
        """Whether it may be used without accepting its licence by name."""
        return self.licence in PERMISSIVE and self.opt_in is None


def parse(text: str) -> dict[str, Entry]:
    """Entries by name, in the order of the text.

    Raises:
        ValueError: A model that says too little to be found and checked.
    """
    found: dict[str, Entry] = {}
    for name, raw in tomllib.loads(text).items():
        found[name] = _entry(name, dict(raw))
    for entry in found.values():
        if entry.files_of is not None and entry.files_of not in found:
            raise ValueError(f"model {entry.name}: files_of names {entry.files_of!r}, which is no model")
    return found


@cache
def manifest() -> Mapping[str, Entry]:
    """The manifest of this version."""
    return parse(resources.files("reelscope.models").joinpath("manifest.toml").read_text(encoding="utf-8"))


def _entry(name: str, raw: dict[str, Any]) -> Entry:
    source = Source(**raw.pop("source")) if "source" in raw else None
    files = tuple(_file(f, source) for f in raw.pop("files", ()))
    pins = {version: Pin(**pin) for version, pin in raw.pop("pins", {}).items()} or None
    try:
        entry = Entry(name, source=source, files=files, pins=pins, **raw)
    except TypeError as error:
        raise ValueError(f"model {name}: {error}") from None
    if entry.package is not None and not (entry.distribution and entry.pattern and entry.pins):
        raise ValueError(f"model {name}: a model inside a package names distribution, pattern and pins")
    hub = entry.source is not None and entry.source.kind == "hub"
    if entry.package is None and not entry.files and entry.files_of is None and not hub:
        raise ValueError(f"model {name}: it has neither a package nor files nor a hub")
    return entry


def _file(raw: Mapping[str, Any], source: Source | None) -> FilePin:
    path = raw.get("path")
    if path is not None and source is not None and "repo" in raw:
        source = Source(source.kind, raw["repo"], raw.get("revision"))
    return FilePin(raw["name"], Pin(raw["sha256"], raw["bytes"]), path, source if path is not None else None)
