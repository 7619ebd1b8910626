"""The model store: a folder with a subfolder for each model that was pulled or imported. See docs/models.md."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from reelscope.errors import InputError, ModelError, OutputError, ReelscopeError
from reelscope.models import stamps
from reelscope.models.manifest import SAFE_NAME, Entry, FilePin, Pin
from reelscope.models.sources import ModelSource, Part
from reelscope.models.stamps import STAMPS, Stamp
from reelscope.outputs import DISK_ERRORS

__all__ = ["RECORD", "ModelStore", "Record", "free_bytes", "part_of", "store_error"]

RECORD = "record.json"  # beside a model's files: what came, from where, and whether its licence was accepted
LOCKS = ".locks"  # files that are held while a model comes or goes; they stay, since removing one that is waited for breaks it
MIB = 2**20


@dataclass(frozen=True, slots=True)
class Record:
    """What the store noted of a model.

    Attributes:
        revision: Commit of its source; None where it was imported and nobody named one.
        accepted: Whether its licence was accepted by name.
        files: As they came; for a recorded model (a hub's, one's own) these are its pins.
        origin: Where it came from, for people.
    """

    revision: str | None
    accepted: bool
    files: tuple[FilePin, ...]
    origin: str = ""


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
            files = tuple(FilePin(name, Pin(str(f["sha256"]), int(f["bytes"]))) for name, f in raw["files"].items())
            if not all(SAFE_NAME.fullmatch(f.name) for f in files):
                return None
            return Record(raw.get("revision"), raw.get("accepted") is True, files, str(raw.get("origin", "")))
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            return None

    def pins(self, entry: Entry) -> tuple[FilePin, ...]:
        """Its files as they must be: the manifest's, else those recorded when they came first; none where it is not here."""
        record = self.record(entry)
        if record is None:
            return ()
        if entry.files and {f.name: f.pin for f in entry.files} != {f.name: f.pin for f in record.files}:
            return ()  # files of another version of reelscope
        return entry.files or record.files

    def present(self, entry: Entry) -> bool:
        """Whether all its files are there; their content is verified when it is opened."""
        pins = self.pins(entry)
        return bool(pins) and all((self.folder(entry) / f.name).is_file() for f in pins)

    def damage(self, entry: Entry) -> str | None:
        """What is wrong with a model's files as far as can be told without reading them; None where nothing is."""
        folder = self.folder(entry)
        if not folder.is_dir():
            return None
        if (folder / RECORD).exists() and self.record(entry) is None:
            return f"its {RECORD} cannot be read"
        for file in self.pins(entry):
            try:
                stamp = Stamp.of((folder / file.name).stat())
            except OSError:
                return f"the file {file.name} is missing"
            if stamp.size != file.pin.bytes:
                return f"the file {file.name} has {stamp.size} bytes instead of {file.pin.bytes}"
            if stamps.known(folder / file.name, stamp) not in (None, file.pin.sha256):
                return f"the file {file.name} is damaged or another one"
        return None

    def source(self, entry: Entry, owner: Entry) -> ModelSource:
        """The model ready to be opened.

        Args:
            owner: The entry that has the files: `entry` itself, or the one that it shares them with.

        Raises:
            ModelError: It is not in the store (`model_missing`).
        """
        record, folder, pins = self.record(owner), self.folder(owner), self.pins(owner)
        again = f"import {owner.brings} --as {owner.name}" if owner.brings else f"pull {owner.name}" if owner.public else "import DIR"
        if record is None or not pins:
            raise ModelError(f"model {entry.name} is not in the store", code="model_missing", hint=f"reelscope models {again}")
        return ModelSource(
            entry.name,
            runtime=entry.runtime,
            path=folder if owner.on_hub and owner.single is None else folder / pins[0].name,
            parts=tuple(Part(folder / f.name, f.pin.sha256, f.pin.bytes, stamped=True) for f in pins),
            member=entry.member,
            loads=entry.loads,
            ram_mib=entry.ram_mib,
            vram_mib=entry.vram_mib,
            revision=record.revision,
            licence=entry.licence,
            hint=f"reelscope models remove {owner.name}, then reelscope models {again}",
        )

    # --- changes

    @contextmanager
    def lock(self, entry: Entry) -> Iterator[Path]:
        """Hold the model's folder, made where it is not there, against other processes; the lock ends with the process.

        Raises:
            ModelError: Another process is at work on it (`model_busy`). InputError, OutputError: it cannot be written to.
        """
        folder = self.folder(entry)
        try:
            folder.mkdir(parents=True, exist_ok=True)
            (self.root / LOCKS).mkdir(exist_ok=True)
            fd = os.open(self.root / LOCKS / entry.folder, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        except OSError as error:
            raise store_error(self.root, error) from error
        try:
            try:
                fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                owner = os.pread(fd, 20, 0).decode("ascii", "replace").strip()
                raise ModelError(
                    f"another process ({owner or 'unknown'}) is fetching or removing the model {entry.name}",
                    code="model_busy",
                    hint="wait until it has ended",
                    retryable=True,
                ) from None
            os.ftruncate(fd, 0)
            os.pwrite(fd, str(os.getpid()).encode(), 0)
            folder.mkdir(exist_ok=True)  # whoever held the lock before may have removed it
            try:
                yield folder
            finally:  # while it is held: another process's empty folder is not ours to remove
                with contextlib.suppress(OSError):  # not empty: the model, or what can be resumed
                    folder.rmdir()
        except OSError as error:
            raise store_error(folder, error) from error
        finally:
            os.close(fd)

    def take(self, entry: Entry, parts: Sequence[tuple[Path, FilePin]], record: Record) -> None:
        """Put verified files in their places and note them; the caller holds the lock.

        Args:
            parts: Files in the model's folder under other names, with what they become; what is in its place already is left out.
            record: Of the model as it is then. What it does not name is removed.
        """
        folder = self.folder(entry)
        old = self.record(entry)
        if old is None or old.files != record.files or old.revision != record.revision:
            (folder / RECORD).unlink(missing_ok=True)  # until all is in place the model is not here
        for part, file in parts:
            place = folder / file.name
            part.replace(place)
            stamps.note(place, Stamp.of(place.stat()), file.pin.sha256)  # after the rename, which changes the stamp
        self.note(entry, record)
        keep = {RECORD, STAMPS, *(f.name for f in record.files)}
        for path in folder.iterdir():
            if path.name not in keep and (path.is_symlink() or not path.is_dir()):  # a folder is nothing that was put there by us
                path.unlink()

    def note(self, entry: Entry, record: Record) -> None:
        """Write the record of a model whose files are in their places."""
        raw = {
            "revision": record.revision,
            "accepted": record.accepted,
            "origin": record.origin,
            "files": {f.name: {"sha256": f.pin.sha256, "bytes": f.pin.bytes} for f in record.files},
        }
        part = self.folder(entry) / f".{RECORD}.part"
        part.write_text(json.dumps(raw, indent=1) + "\n", encoding="utf-8")
        part.replace(self.folder(entry) / RECORD)

    def accept(self, entry: Entry) -> None:
        """Note that the licence of a model that is here was accepted."""
        with self.lock(entry):
            record = self.record(entry)
            if record is not None and not record.accepted:
                self.note(entry, replace(record, accepted=True))

    def remove(self, entry: Entry) -> int:
        """Remove a model and what was begun to be fetched of it.

        Returns:
            Bytes freed; 0 where nothing was there.
        """
        if not self.folder(entry).is_dir():
            return 0
        with self.lock(entry) as folder:
            freed = sum(p.lstat().st_size for p in folder.iterdir())
            (folder / RECORD).unlink(missing_ok=True)  # first: half a model is none
            shutil.rmtree(folder)
        return freed

    def begun(self, entry: Entry) -> int:
        """Bytes of downloads that did not end."""
        folder = self.folder(entry)
        return sum(p.stat().st_size for p in folder.glob(".*.part")) if folder.is_dir() else 0

    def check_room(self, need_bytes: int, *, reserve_mib: int = 0, free: Callable[[Path], int] | None = None) -> None:
        """Raise where the disk has less room than this.

        Raises:
            OutputError: It has (`disk_full`); the message says what is needed and what is there.
        """
        here = self.root.absolute()
        while not here.exists():
            here = here.parent
        found = (free or free_bytes)(here)
        if need_bytes and found < need_bytes + reserve_mib * MIB:
            raise OutputError(
                f"{self.root}: {need_bytes / 1e6:.0f} MB are needed and {reserve_mib} MiB are to stay free, {found / 1e6:.0f} MB are free",
                code="disk_full",
                hint="free some space, or choose another folder: models.dir",
            )


def free_bytes(folder: Path) -> int:
    """Free space on a folder's disk."""
    return shutil.disk_usage(folder).free


def part_of(folder: Path, name: str) -> Path:
    """Where a file of a model lies until it is whole and verified."""
    return folder / f".{name}.part"


def store_error(path: Path, error: OSError) -> ReelscopeError:
    """What an OSError of the store means to the user."""
    message = f"{path}: {error.strerror or error}"
    if error.errno in DISK_ERRORS:
        return OutputError(message, code="disk_full", hint="free some space, or choose another folder: models.dir")
    return InputError(message, code="unwritable_store", hint="choose another folder for models: models.dir")
