"""Models out of a folder: files that the manifest pins, found by size and sha256; or a folder taken as one model, as it is."""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import stat
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from reelscope.errors import InputError, ModelError
from reelscope.models import manifest as known
from reelscope.models.manifest import SAFE_NAME, Entry, FilePin, Pin
from reelscope.models.sources import file_sha256
from reelscope.models.store import RECORD, ModelStore, Record, part_of

__all__ = ["Imported", "import_as", "import_folder", "is_wanted", "weights_missing"]

# A folder of models has some dozens of files; who names a home folder by mistake is told instead of waiting.
MAX_FILES = 20_000
MAX_DEPTH = 8
CHUNK = 2**20

# Of a hub's repository: configuration, tokenizer and weights as safetensors, or the file that the manifest names. Never a pickle, never
# code. Weights of other programs (open_clip_model.safetensors, say) that lie beside them have other names.
WANTED = re.compile(r".+\.json|.+\.txt|.+\.model|chat_template\.jinja|model(-\d{5}-of-\d{5})?\.safetensors")
# What a runtime cannot open a model without, beside its weights.
BESIDE = {"ctranslate2": ("config.json", "tokenizer.json")}


@dataclass(slots=True)
class Imported:
    """What an import did.

    Attributes:
        taken: Models that are in the store now; here: those that were in it before.
        not_accepted: Those among them whose licence is still to be accepted by name.
        incomplete: Models of which files are missing, with the names of these.
        refused: Files that are known and not taken, with the reason. unknown: files that no model has.
    """

    taken: list[str] = field(default_factory=list)
    here: list[str] = field(default_factory=list)
    not_accepted: list[str] = field(default_factory=list)
    incomplete: dict[str, tuple[str, ...]] = field(default_factory=dict)
    refused: list[tuple[Path, str]] = field(default_factory=list)
    unknown: list[Path] = field(default_factory=list)


def import_folder(
    store: ModelStore,
    manifest: Mapping[str, Entry],
    folder: Path,
    accept: Collection[str] = (),
    *,
    link: bool = False,
    reserve_mib: int = 0,
) -> Imported:
    """Take every model of which the folder has all files.

    Args:
        store: Where they go. manifest: which models there are.
        folder: Searched with its subfolders; links to folders are not followed. A single file will do.
        accept: Models whose licences the user accepts, by name.
        link: Make hard links where the disk is the same, instead of copies.
        reserve_mib: Room that is to stay free on the disk.

    Raises:
        InputError: There is no such folder, or it has more files than a folder of models would have.
        ModelError, OutputError: A model is in another process's hands; the store cannot be written to.
    """
    done = Imported()
    wanted = [e for e in manifest.values() if e.files]
    pins = {f.pin: f for e in wanted for f in e.files}
    bad = {r.pin: r.why for r in known.refused()}
    sizes = {pin.bytes for pin in (*pins, *bad)}
    names = {f.name: e.name for e in wanted for f in e.files}
    found: dict[Pin, Path] = {}
    for path in _files(folder):
        try:
            size = path.stat().st_size
            pin = Pin(file_sha256(path), size) if size in sizes else None
        except OSError as error:
            done.refused.append((path, f"cannot be read: {error.strerror or error}"))
            continue
        if pin in pins:
            found.setdefault(pin, path)
        elif pin in bad:
            done.refused.append((path, bad[pin]))
        elif path.name in names:
            done.refused.append((path, f"named as a file of {names[path.name]}, but with other content: damaged, or another version"))
        else:
            done.unknown.append(path)
    for entry in wanted:
        there = [f for f in entry.files if f.pin in found]
        if there and len(there) < len(entry.files) and not store.present(entry):
            done.incomplete[entry.name] = tuple(f.name for f in entry.files if f.pin not in found)
        elif there:
            accepted = _accepts(entry, accept, manifest)
            files = [(found[f.pin], f) for f in there]
            _take(store, entry, files, done, accepted=accepted, link=link, reserve_mib=reserve_mib, origin=f"imported from {folder}")
    return done


def import_as(
    store: ModelStore,
    entry: Entry,
    folder: Path,
    accept: Collection[str] = (),
    *,
    revision: str | None = None,
    link: bool = False,
    reserve_mib: int = 0,
) -> Imported:
    """Take a folder as the files of one model that the manifest pins no sums for, and record its sums: it is trusted as it is.

    Args:
        entry: A model of a hub, or one that only the user can make.
        folder: Its files, not those of subfolders; for a model of one file also that file.
        revision: Commit that they are from, if the user knows it.

    Raises:
        InputError: It is not there or has no weights that would be taken.
        ModelError: The manifest pins this model's files (`model_pinned`).
    """
    if not entry.recorded:
        raise ModelError(
            f"the files of the model {entry.name} are pinned by their sums: they need no --as",
            code="model_pinned",
            hint=f"reelscope models import {folder}",
        )
    done = Imported()
    files: list[Path] = []
    for path in _files(folder, depth=0):
        if is_wanted(path.name, entry):
            files.append(path)
        else:
            done.unknown.append(path)
    lacking = weights_missing(entry, {p.name for p in files})
    if lacking:
        raise InputError(f"{folder}: {lacking}", code="no_weights", hint=f"what is taken: {_taken_words(entry)}")
    pinned = []
    for path in files:
        pinned.append((path, FilePin(path.name, Pin(file_sha256(path, again=True), path.stat().st_size))))
    _take(
        store,
        entry,
        pinned,
        done,
        accepted=_accepts(entry, accept, {}),
        link=link,
        reserve_mib=reserve_mib,
        origin=f"imported from {folder}",
        revision=revision,
    )
    return done


def is_wanted(name: str, entry: Entry | None = None) -> bool:
    """Whether a file of a hub's repository, or of a folder in its place, is taken.

    Args:
        entry: The model that it would be of, which may name its file of weights.
    """
    if entry is not None and entry.single is not None:
        return name == entry.single
    if entry is not None and entry.weights is not None and name.endswith(".safetensors"):  # of another program that shares the repository
        return False
    wanted = WANTED.fullmatch(name) is not None or (entry is not None and name == entry.weights)
    return SAFE_NAME.fullmatch(name) is not None and wanted and name != RECORD


def weights_missing(entry: Entry, names: Collection[str]) -> str | None:
    """What these files lack of being a whole model; None where they are one."""
    if entry.single is not None:
        return None if entry.single in names else f"there is no {entry.single}"
    if entry.weights is not None:
        needed = (entry.weights, *BESIDE.get(entry.runtime, ()))
        return next((f"there is no {name}" for name in needed if name not in names), None)
    weights = [n for n in names if n.endswith(".safetensors")]
    if not weights:
        return "there are no weights as safetensors (model.safetensors)"
    if "config.json" not in names:
        return "there is no config.json"
    shards = [m for n in weights if (m := re.fullmatch(r"model-(\d{5})-of-(\d{5})\.safetensors", n))]
    if shards and "model.safetensors" not in names:
        gone = [f"model-{i:05d}-of-{shards[0][2]}.safetensors" for i in range(1, int(shards[0][2]) + 1)]
        gone = [n for n in (*gone, "model.safetensors.index.json") if n not in names]
        if gone:
            return f"{gone[0]} is missing"
    return None


def _taken_words(entry: Entry) -> str:
    if entry.weights is not None and entry.single is None:
        return f"*.json, *.txt, {entry.weights}"
    return entry.single or "*.json, *.txt, *.model, model.safetensors or its numbered parts; never *.bin, *.pt, *.pkl"


def _accepts(entry: Entry, accept: Collection[str], manifest: Mapping[str, Entry]) -> bool:
    """Whether the licence of a model is among those accepted, also through a model that shares its files."""
    return entry.name in accept or any(e.files_of == entry.name and e.name in accept for e in manifest.values())


def _take(
    store: ModelStore,
    entry: Entry,
    files: Sequence[tuple[Path, FilePin]],
    done: Imported,
    *,
    accepted: bool,
    link: bool,
    reserve_mib: int,
    origin: str,
    revision: str | None = None,
) -> None:
    with store.lock(entry) as folder:
        old = store.record(entry)
        accepted = accepted or (old is not None and old.accepted)
        pins = entry.files or tuple(f for _, f in files)
        new = [(path, f) for path, f in files if not _in_place(folder / f.name, f)]
        if entry.files:
            revision = entry.source.revision if entry.source is not None else None
        elif revision is None and old is not None and old.files == pins:
            revision = old.revision
        record = Record(revision, accepted, pins, origin if new or old is None else old.origin)
        store.check_room(0 if link else sum(f.pin.bytes for _, f in new), reserve_mib=reserve_mib)
        parts: list[tuple[Path, FilePin]] = []
        try:
            for path, file in new:
                part = part_of(folder, file.name)
                part.unlink(missing_ok=True)
                parts.append((part, file))
                if not (link and _linked(path, part)):
                    _copy(path, part, file)
            store.take(entry, parts, record)
        except BaseException:
            for part, _ in parts:
                with contextlib.suppress(OSError):
                    part.unlink(missing_ok=True)
            raise
    (done.taken if new or old is None else done.here).append(entry.name)
    if not entry.permissive and not accepted:
        done.not_accepted.append(entry.name)


def _in_place(place: Path, file: FilePin) -> bool:
    try:
        return place.is_file() and file_sha256(place, stamped=True) == file.pin.sha256
    except OSError:
        return False


def _linked(path: Path, part: Path) -> bool:
    try:
        os.link(path.resolve(), part)
    except OSError:  # another disk, or one without hard links
        return False
    return True


def _copy(path: Path, part: Path, file: FilePin) -> None:
    """Copy a file and see that what was written is what it must be."""
    digest = hashlib.sha256()
    try:
        source = path.open("rb")
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror or error}", code="unreadable") from error
    with source, part.open("xb") as target:
        while chunk := source.read(CHUNK):
            digest.update(chunk)
            target.write(chunk)
        target.flush()
        os.fsync(target.fileno())
    if digest.hexdigest() != file.pin.sha256:
        raise ModelError(f"{path} changed while it was copied", code="model_corrupt", hint="import it again", retryable=True)


def _files(folder: Path, depth: int = MAX_DEPTH) -> Iterator[Path]:
    """Plain files of a folder in the order of their names, also behind links to files (a hub's cache has them)."""
    if folder.is_file():
        yield folder
        return
    if not folder.is_dir():
        raise InputError(f"{folder}: there is no such folder", code="no_folder", hint="reelscope models import DIR")
    count = 0
    todo = [(folder, 0)]
    while todo:
        here, level = todo.pop()
        try:
            entries = sorted(os.scandir(here), key=lambda e: e.name)
        except OSError as error:
            raise InputError(f"{here}: cannot be read: {error.strerror or error}", code="no_folder") from error
        for item in entries:
            count += 1
            if count > MAX_FILES:
                raise InputError(f"{folder}: more than {MAX_FILES} files", code="too_many_files", hint="name the folder of the models")
            if item.is_dir(follow_symlinks=False):
                if level < depth:
                    todo.append((Path(item.path), level + 1))
                continue
            with contextlib.suppress(OSError):  # a link that leads nowhere
                if stat.S_ISREG(item.stat().st_mode):
                    yield Path(item.path)
