"""Finding models by name: registered ones, those inside packages, those in the store; and why one cannot be used here."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from reelscope.config import Settings
from reelscope.config.places import models_dir
from reelscope.document.schema import ModelInfo
from reelscope.errors import ConfigError, ModelError, nearest
from reelscope.models import embedded
from reelscope.models.manifest import Entry, manifest
from reelscope.models.sources import ModelSource, content_sha256, file_sha256, registered
from reelscope.models.store import ModelStore

__all__ = ["Catalog", "Lack", "Licences", "how_to_get"]

Licences = Literal["any", "permissive"]


@dataclass(frozen=True, slots=True)
class Lack:
    """Why a model cannot be used, and the command that changes it. on_request: whether it comes only by its name, not with its tier."""

    reason: str
    hint: str | None = None
    on_request: bool = False


class Catalog:
    """The models of an installation.

    Args:
        root: Folder of the model store; None: only what packages carry and what was registered.
        licences: "permissive" leaves out what is not Apache, MIT or BSD.
    """

    def __init__(self, root: Path | None = None, *, licences: Licences = "any") -> None:
        self.store = None if root is None else ModelStore(root)
        self.licences = licences

    @classmethod
    def of(cls, settings: Settings) -> Catalog:
        """The models that these settings lead to; without a home folder only those inside packages."""
        try:
            root = models_dir(settings)
        except ConfigError:
            root = None
        return cls(root, licences=settings.analysis.licence)

    def entry(self, name: str) -> Entry:
        """A model's entry in the manifest.

        Raises:
            ModelError: There is no such model (`model_missing`).
        """
        found = manifest().get(name)
        if found is None:
            raise ModelError(
                f"there is no model {name!r}{nearest(name, manifest())}", code="model_missing", hint="`reelscope models list` shows them"
            )
        return found

    def find(self, name: str) -> Path | None:
        """The model's file or folder; None where it is not there, and for a registered model without a file."""
        other = registered(name)
        if other is not None:
            return other.path
        entry = self.entry(name)
        if entry.in_package:
            return embedded.find(entry)
        owner = self._owner(entry)
        if self.store is None or not self.store.present(owner):
            return None
        return self.store.source(entry, owner).path

    def missing(self, name: str) -> bool:
        """Whether the model's file is not there; a registered model that its loader makes needs none."""
        other = registered(name)
        return self.find(name) is None and (other is None or other.loader is None)

    def lack(self, name: str) -> Lack | None:
        """Why a model cannot be used here; None where it can, as far as can be told without reading its files."""
        if registered(name) is not None:
            return None if not self.missing(name) else Lack(f"the model {name} is missing")
        entry = self.entry(name)
        if not entry.permissive and self.licences == "permissive":
            return Lack(
                f"the model {name} is under {entry.terms}; only permissive licences are allowed here",
                "reelscope analyze CLIP --licence any",
            )
        if entry.in_package:
            setup = "make setup-full" if entry.tier == "full" else "make setup"
            return Lack(f"the model {name} is missing from its package", setup) if self.missing(name) else None
        owner = self._owner(entry)
        record = self.store.record(owner) if self.store is not None else None
        accepted = entry.permissive or (record is not None and record.accepted)
        if self.missing(name):
            return Lack(f"the model {name} is not in the store", how_to_get(owner, accepted=accepted), owner.on_request)
        if not accepted:
            return Lack(f"the licence of the model {name} was not accepted ({entry.terms})", how_to_get(owner, accepted=False))
        return None

    def describe(self, name: str) -> ModelInfo:
        """What the document says of a model: what brought it, the true sha256 of its content, its licence.

        The sha256 is None where there is no file, where it cannot be read or went meanwhile: a document is written all the same.
        """
        other = registered(name)
        entry = self.entry(name) if other is None else None
        licence, revision, sha256 = (other.licence, other.revision, None) if entry is None else (entry.licence, None, None)
        with contextlib.suppress(ModelError, OSError):
            if entry is not None and entry.in_package:
                path = embedded.find(entry)
                revision = embedded.revision(entry)
                sha256 = file_sha256(path) if path is not None else None
            else:
                source = self.source_of(name)
                revision = source.revision
                sha256 = content_sha256(source)
        terms = entry.opt_in if entry is not None else None
        return ModelInfo(id=name, revision=revision, sha256=sha256, licence=licence, terms=terms)

    def source_of(self, name: str) -> ModelSource:
        """The model ready to be opened, with the sha256 that its files must have; they are not read.

        Raises:
            ModelError: There is no such model, it is not here (`model_missing`), or nothing says what its file must be
                (`model_unverified`).
        """
        other = registered(name)
        if other is not None:
            return other
        entry = self.entry(name)
        if entry.in_package:
            return embedded.package_source(entry)
        owner = self._owner(entry)
        if self.store is None:
            raise ModelError(f"model {name} is not in the store", code="model_missing", hint=how_to_get(owner, accepted=entry.permissive))
        return self.store.source(entry, owner)

    def _owner(self, entry: Entry) -> Entry:
        return entry if entry.files_of is None else self.entry(entry.files_of)


def how_to_get(owner: Entry, *, accepted: bool) -> str:
    """The command that brings a model into the store, with the licence to be accepted where it is not."""
    if owner.brings is not None:
        command = f"reelscope models import {owner.brings} --as {owner.name}"
    else:
        command = f"reelscope models pull {owner.name}" if owner.public else "reelscope models import DIR"
    return command if accepted else f"{command} --accept-licence {owner.name}"
