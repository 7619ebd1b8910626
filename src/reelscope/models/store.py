"""The model store: a folder with a subfolder for each model that was pulled or imported. See docs/models.md."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from reelscope.errors import ModelError
from reelscope.models.manifest import Entry, FilePin, Pin
from reelscope.models.sources import ModelSource, Part

__all__ = ["RECORD", "ModelStore", "Record"]

RECORD = "record.json"  # beside a model's files: what came, from where, and whether its licence was accepted


@dataclass(frozen=True, slots=True)
class Record:
    """What the store noted of a model. files: as they came; for a hub's model these are its pins."""

    revision: str | None
    accepted: bool
    files: tuple[FilePin, ...]


class ModelStore:
    """Where models of the compact and full tiers lie.

    Args:
        root: The folder; it need not exist yet.
    """

    def __init__(self, root: Path) -> None:
        self.root = root

    def folder(self, entry: Entry) -> Path:
        """Where the model's files lie."""
        return self.root / entry.folder

    def record(self, entry: Entry) -> Record | None:
        """What was noted when it came; None where it is not there or the note cannot be read."""
        try:
            raw = json.loads((self.folder(entry) / RECORD).read_text(encoding="utf-8"))
            files = tuple(FilePin(name, Pin(f["sha256"], f["bytes"])) for name, f in raw["files"].items())
            return Record(raw.get("revision"), bool(raw.get("accepted")), files)
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            return None

    def pins(self, entry: Entry) -> tuple[FilePin, ...]:
        """Its files as they must be: the manifest's, else those recorded at the first pull."""
        record = self.record(entry)
        return record.files if record is not None else ()

    def present(self, entry: Entry) -> bool:
        """Whether all its files are there; their content is verified when it is opened."""
        pins = self.pins(entry)
        return bool(pins) and all((self.folder(entry) / f.name).is_file() for f in pins)

    def source(self, entry: Entry, owner: Entry) -> ModelSource:
        """The model ready to be opened.

        Args:
            owner: The entry that has the files: `entry` itself, or the one that it shares them with.

        Raises:
            ModelError: It is not in the store (`model_missing`).
        """
        record, folder = self.record(owner), self.folder(owner)
        pins = owner.files or (record.files if record is not None else ())
        if record is None or not pins:
            raise ModelError(
                f"model {entry.name} is not in the store",
                code="model_missing",
                hint=f"reelscope models pull {owner.name}" if owner.source else "reelscope models import DIR",
            )
        main = folder if owner.source is not None and owner.source.kind == "hub" and owner.runtime == "transformers" else folder / pins[0].name
        return ModelSource(
            entry.name,
            runtime=entry.runtime,
            path=main,
            parts=tuple(Part(folder / f.name, f.pin.sha256, f.pin.bytes) for f in pins),
            member=entry.member,
            loads=entry.loads,
            ram_mib=entry.ram_mib,
            vram_mib=entry.vram_mib,
            revision=record.revision,
            licence=entry.licence,
            hint=f"reelscope models verify --full {owner.name}",
        )
