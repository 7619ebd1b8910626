"""The manifest: every model that reelscope can use, read from manifest.toml beside this module. See the head of that file for its keys."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache
from importlib import resources
from typing import Any, Literal, get_args

from reelscope.document.schema import Tier

__all__ = [
    "PERMISSIVE",
    "SAFE_NAME",
    "TIERS",
    "Entry",
    "FilePin",
    "Pin",
    "Refused",
    "Source",
    "manifest",
    "parse",
    "parse_refused",
    "refused",
]

TIERS: tuple[str, ...] = get_args(Tier)
SAFE_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")  # no path, nothing hidden: what a hub lists becomes a name in the store

# Licences that allow use, change and redistribution, also commercially, without asking for more than notices.
PERMISSIVE = frozenset({"Apache-2.0", "MIT", "BSD-2-Clause", "BSD-3-Clause", "ISC", "CC0-1.0"})


@dataclass(frozen=True, slots=True)
class Pin:
    """A file as it must be. bytes: its size."""

    sha256: str
    bytes: int


@dataclass(frozen=True, slots=True)
class Source:
    """Where a model's files come from.

    Attributes:
        revision: Full commit; None where it is learned at the first pull.
        ref: What the first pull asks for the commit where no revision stands.
    """

    kind: Literal["github", "hub"]
    repo: str
    revision: str | None = None
    ref: str = "main"


@dataclass(frozen=True, slots=True)
class FilePin:
    """One file of a model in the store. path: in the source, None where no public source has it."""

    name: str
    pin: Pin
    path: str | None = None
    source: Source | None = None


@dataclass(frozen=True, slots=True)
class Refused:
    """A file that looks like a model and that nothing here opens. why: for the user."""

    pin: Pin
    why: str


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
    brings: str | None = None
    weights: str | None = None
    member: str | None = None
    loads: str | None = None
    on_request: bool = False
    download_mib: float = 0.0
    ram_mib: float = 0.0
    vram_mib: float = 0.0

    @property
    def on_hub(self) -> bool:
        """Whether its files are those of a hub's repository, recorded when they came."""
        return self.source is not None and self.source.kind == "hub" and not self.files

    @property
    def single(self) -> str | None:
        """Name of the one file that makes up a recorded model; None for a model that is a folder of files."""
        return self.brings or (self.weights if self.runtime == "onnx" else None)

    @property
    def recorded(self) -> bool:
        """Whether its sums are those of the first time that it came, not of the manifest."""
        return self.on_hub or self.brings is not None

    @property
    def public(self) -> bool:
        """Whether all its files can be pulled."""
        return self.source is not None and all(f.path is not None for f in self.files)

    @property
    def bytes(self) -> int:
        """Size of its files as far as it is known beforehand."""
        if self.pins is not None:
            return next(iter(self.pins.values())).bytes
        return sum(f.pin.bytes for f in self.files) or round(self.download_mib * 2**20)

    @property
    def terms(self) -> str:
        """Its licence, and why it must be accepted by name where it must."""
        return self.licence if self.opt_in is None else f"{self.licence}: {self.opt_in}"

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
        if name != "refused":
            found[name] = _entry(name, dict(raw))
    for entry in found.values():
        if entry.files_of is not None and entry.files_of not in found:
            raise ValueError(f"model {entry.name}: files_of names {entry.files_of!r}, which is no model")
    for name, entry in found.items():
        owner = found[entry.folder]
        if entry.permissive and not owner.permissive:  # a part is under the terms of the whole
            found[name] = replace(entry, opt_in=owner.opt_in or f"its files are under {owner.licence}")
    return found


def parse_refused(text: str) -> tuple[Refused, ...]:
    """Files that are not taken, and why."""
    return tuple(Refused(Pin(raw["sha256"], raw["bytes"]), raw["why"]) for raw in tomllib.loads(text).get("refused", ()))


@cache
def manifest() -> Mapping[str, Entry]:
    """The manifest of this version."""
    return parse(_text())


@cache
def refused() -> tuple[Refused, ...]:
    """Files that this version knows and does not take."""
    return parse_refused(_text())


def _text() -> str:
    return resources.files("reelscope.models").joinpath("manifest.toml").read_text(encoding="utf-8")


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
    if entry.package is None and not entry.files and entry.files_of is None and not entry.recorded:
        raise ValueError(f"model {name}: it has neither a package nor files nor a hub, and nobody brings it")
    if any(not SAFE_NAME.fullmatch(f.name) for f in entry.files) or not SAFE_NAME.fullmatch(name):
        raise ValueError(f"model {name}: a name that is no plain file name")
    return entry


def _file(raw: Mapping[str, Any], source: Source | None) -> FilePin:
    path = raw.get("path")
    if path is not None and source is not None and "repo" in raw:
        source = Source(source.kind, raw["repo"], raw.get("revision"))
    return FilePin(raw["name"], Pin(raw["sha256"], raw["bytes"]), path, source if path is not None else None)
