"""Results of earlier runs on disk, found by key (reelscope.engine.reuse); a failing disk costs the keeping, never the analysis.

Everything stands in one folder that processes may share: `v<format>/<first two digits>/<key>.json.gz` for a result,
`<key>.files/` for a feature whose value is files. Both are made under `tmp/` and renamed, so a reader sees all of an entry or nothing.
The time of an entry is that of its last use; the longest unused go first. Nothing is ever unpickled.
"""

from __future__ import annotations

import contextlib
import errno
import gzip
import hashlib
import json
import logging
import math
import os
import shutil
import threading
import time
import uuid
import zlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError

from reelscope.config import Settings
from reelscope.config.places import data_dir
from reelscope.document.schema import AnalyzerResult, ModelInfo
from reelscope.errors import ConfigError
from reelscope.features.base import Feature

__all__ = ["FORMAT", "Kept", "KeptResults", "open_kept"]

log = logging.getLogger(__name__)

FORMAT = 1  # of the files; rises when an older version could not read them or would read them wrongly
MIB = 1 << 20
# Looking through the folder costs 10 us an entry: at the first entry, then each time that a sixteenth of the room was written.
LOOK_SHARE = 16
ROOM_AFTER = 0.9  # share of the room that is left filled, so that the next entries do not prune again
LEFTOVER_S = 3600.0  # what lies under tmp/ for longer belongs to a process that died: an entry is written in well under a minute
ENTRY = "entry.json"
DAMAGED = (EOFError, gzip.BadGzipFile, zlib.error, ValueError, KeyError, TypeError, AttributeError)  # ValidationError is a ValueError


@dataclass(frozen=True, slots=True)
class Kept:
    """What a member made in an earlier run, and what the document says of how.

    Attributes:
        result: Of an analyzer its Result, of a feature its value.
        seconds: That it took; attempts: that it took it; device: that it ran on, as the document names it.
        models: That took part.
        created_at: When it was made.
    """

    result: Any
    seconds: float
    device: str = "cpu"
    attempts: int = 1
    models: tuple[ModelInfo, ...] = ()
    created_at: datetime = field(default_factory=lambda: datetime.now(UTC))


def open_kept(settings: Settings) -> KeptResults | None:
    """The store that the settings name; None where nothing is to be kept, or there is no place to keep it (told in the log)."""
    system = settings.system
    if not system.keep_results:
        return None
    try:
        folder = data_dir(settings)
    except ConfigError as error:
        log.warning("results are not kept: %s; %s", error, error.hint)
        return None
    return KeptResults(folder / "results", max_mib=system.results_max_mib, min_free_mib=system.min_free_disk_mib)


class KeptResults:
    """The store. Its methods may be called from several threads and raise nothing that a disk may do.

    Args:
        folder: Made when the first entry is written, for this user alone (0700).
        max_mib: Room for entries; the longest unused go first.
        min_free_mib: Nothing is written where the disk has less left.
    """

    def __init__(self, folder: Path, *, max_mib: int, min_free_mib: int = 0) -> None:
        self.folder = folder
        self._max_bytes = max_mib * MIB
        self._min_free_bytes = min_free_mib * MIB
        self._entries = folder / f"v{FORMAT}"
        self._tmp = folder / "tmp"
        self._lock = threading.Lock()
        self._unlooked: int | None = None  # bytes written since the folder was last looked through; None: never looked
        self._told: set[str] = set()

    # --- results ------------------------------------------------------------------------------------------------------------------

    def get(self, key: str, kind: type[AnalyzerResult]) -> Kept | None:
        """An analyzer's result, None where there is none (or a damaged one, which is removed)."""
        return self._read_file(key, lambda data: _kept(data, kind.model_validate(data["result"])))

    def put(self, key: str, kept: Kept) -> bool:
        """Keep an analyzer's result. False where it was not kept: the disk, or it would not come back the same."""
        try:
            data = {**_facts(key, kept), "result": _plain(kept.result)}
            if not _same(kept.result, type(kept.result).model_validate(json.loads(json.dumps(data["result"])))):
                raise TypeError("it does not come back from JSON as it was")
        except (TypeError, ValidationError) as error:
            self._tell(type(kept.result).__qualname__, "a result of %s is not kept: %s", type(kept.result).__name__, error)
            return False
        return self._write_file(key, data)

    # --- features -----------------------------------------------------------------------------------------------------------------

    def has_feature(self, key: str) -> bool:
        """Whether a feature's value seems to be there."""
        return (self._path(key, ".files") / ENTRY).is_file()

    def get_feature(self, key: str, kind: type[Feature], into: Path) -> Kept | None:
        """A feature's value. Its files are linked or copied into the folder `into`, which is made: it must last as long as the value."""
        path = self._path(key, ".files")

        def read() -> Kept:
            data = json.loads((path / ENTRY).read_text(encoding="utf-8"))
            _check(data, key)
            into.mkdir()
            for name, fingerprint in data["files"].items():
                if Path(name).name != name:
                    raise ValueError(f"{name!r} is no plain file name")
                _link_or_copy(path / name, into / name)
                if _fingerprint(into / name) != fingerprint:
                    raise ValueError(f"{name} is damaged")
            try:
                return _kept(data, kind.restore(into))
            except Exception as error:  # a feature's own code on files of unknown age: whatever it says, the value is made anew
                raise ValueError(f"{type(error).__name__}: {error}") from error

        kept = self._read(path, read)
        if kept is None:
            shutil.rmtree(into, ignore_errors=True)
        return kept

    def put_feature(self, key: str, kind: type[Feature], kept: Kept) -> bool:
        """Keep a feature's value; False where it was not kept."""

        def fill(part: Path) -> None:
            part.mkdir()
            kind.store(kept.result, part)
            files = {path.name: _fingerprint(path) for path in sorted(part.iterdir())}
            (part / ENTRY).write_text(json.dumps({**_facts(key, kept), "files": files}), encoding="utf-8")

        return self._write(self._path(key, ".files"), fill)

    # --- facts --------------------------------------------------------------------------------------------------------------------

    def get_facts(self, key: str) -> dict[str, Any] | None:
        """A small table of plain values."""
        return self._read_file(key, lambda data: dict(data["facts"]))

    def put_facts(self, key: str, facts: Mapping[str, Any]) -> bool:
        """Keep a small table of plain values; False where it was not kept."""
        return self._write_file(key, {"format": FORMAT, "key": key, "facts": dict(facts)})

    # --- reading ------------------------------------------------------------------------------------------------------------------

    def _path(self, key: str, suffix: str) -> Path:
        return self._entries / key[:2] / (key + suffix)

    def _read_file(self, key: str, build: Callable[[dict[str, Any]], Any]) -> Any:
        path = self._path(key, ".json.gz")

        def read() -> Any:
            data = json.loads(gzip.decompress(path.read_bytes()))
            _check(data, key)
            return build(data)

        return self._read(path, read)

    def _read(self, path: Path, read: Callable[[], Any]) -> Any:
        try:
            value = read()
        except (FileNotFoundError, NotADirectoryError):
            return None
        except DAMAGED as error:
            log.warning("a kept result was damaged and is removed: %s (%s: %s)", path, type(error).__name__, error)
            self._remove(path)
            return None
        except OSError as error:
            self._tell("read", "kept results in %s cannot be read: %s", self.folder, error)
            return None
        with contextlib.suppress(OSError):  # a read-only folder, or removed just now: it only ages
            os.utime(path)
        return value

    # --- writing ------------------------------------------------------------------------------------------------------------------

    def _write_file(self, key: str, data: Mapping[str, Any]) -> bool:
        packed = gzip.compress(json.dumps(data).encode(), 1, mtime=0)
        return self._write(self._path(key, ".json.gz"), lambda part: part.write_bytes(packed))

    def _write(self, path: Path, fill: Callable[[Path], Any]) -> bool:
        part = self._tmp / f"{os.getpid()}-{uuid.uuid4().hex}"
        try:
            for folder in (self.folder, self._tmp, self._entries, path.parent):
                folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            if shutil.disk_usage(self.folder).free < self._min_free_bytes:
                raise OSError(f"less than {self._min_free_bytes // MIB} MiB are free (system.min_free_disk_mib)")
            fill(part)
            size = _size(part)
            if path.is_dir():  # a folder cannot be replaced in one step
                self._remove(path)
            part.replace(path)
        except OSError as error:
            _delete(part)
            if path.is_dir() and error.errno in (errno.ENOTEMPTY, errno.EEXIST):  # another process kept the same meanwhile
                return True
            self._tell("write", "results are not kept in %s: %s", self.folder, error)
            return False
        except Exception as error:  # a feature's own code: the analysis is done already and must not suffer
            self._tell("write", "results are not kept in %s: %s: %s", self.folder, type(error).__name__, error)
            _delete(part)
            return False
        with self._lock:
            look = self._unlooked is None or self._unlooked + size > self._max_bytes // LOOK_SHARE
            self._unlooked = 0 if look else (self._unlooked or 0) + size
        if look:
            self.prune()
        return True

    def prune(self) -> None:
        """Remove the longest unused entries until the rest fits, and what dead processes left half written."""
        found: list[tuple[float, int, Path]] = []
        for path in self._all():
            with contextlib.suppress(OSError):  # removed by another process meanwhile
                found.append((path.stat().st_mtime, _size(path), path))
        total = sum(size for _, size, _ in found)
        if total > self._max_bytes:
            for _, size, path in sorted(found, key=lambda entry: entry[0]):
                if total <= self._max_bytes * ROOM_AFTER:
                    break
                self._remove(path)
                total -= size
        with contextlib.suppress(OSError):
            for part in self._tmp.iterdir():
                if part.stat().st_mtime < time.time() - LEFTOVER_S:
                    _delete(part)

    def _all(self) -> Iterator[Path]:
        """Entries, also of other formats: a version that is used no more must not hold room for ever."""
        with contextlib.suppress(OSError):
            for entries in self.folder.glob("v*"):
                for group in entries.iterdir():
                    yield from group.iterdir()

    def _remove(self, path: Path) -> None:
        """In one step for readers: out of the way first, then gone."""
        gone = self._tmp / f"{os.getpid()}-{uuid.uuid4().hex}"
        with contextlib.suppress(OSError):  # read-only, or another process was faster
            self._tmp.mkdir(mode=0o700, exist_ok=True)
            path.replace(gone)
            _delete(gone)

    def _tell(self, what: str, message: str, *args: object) -> None:
        """Once for each cause: a full disk would else fill the log too."""
        if what not in self._told:
            self._told.add(what)
            log.warning(message, *args)


def _facts(key: str, kept: Kept) -> dict[str, Any]:
    return {
        "format": FORMAT,
        "key": key,
        "seconds": kept.seconds,
        "device": kept.device,
        "attempts": kept.attempts,
        "models": [model.model_dump(mode="json") for model in kept.models],
        "created_at": kept.created_at.isoformat(),
    }


def _kept(data: Mapping[str, Any], result: Any) -> Kept:
    return Kept(
        result,
        float(data["seconds"]),
        str(data["device"]),
        int(data["attempts"]),
        tuple(ModelInfo.model_validate(model) for model in data["models"]),
        datetime.fromisoformat(data["created_at"]),
    )


def _check(data: Any, key: str) -> None:
    if data["format"] != FORMAT or data["key"] != key:
        raise ValueError("it belongs to another key")


def _plain(value: Any) -> Any:
    """Models as tables with all their digits: the document's own serialisation rounds, and dependants would read rounded figures."""
    if isinstance(value, BaseModel):
        names = [*type(value).model_fields, *(value.model_extra or {})]
        return {name: _plain(getattr(value, name)) for name in names}
    if isinstance(value, Mapping):
        if not all(isinstance(name, str) for name in value):
            raise TypeError("a table with keys that are no text")
        return {name: _plain(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if value is None or isinstance(value, str | int | float):
        return value
    raise TypeError(f"{type(value).__name__} is no plain value")


def _same(a: Any, b: Any) -> bool:
    """Equal in types and values all the way down; NaN equals NaN; a float of another library is a float."""
    if isinstance(a, float) and isinstance(b, float):
        return a == b or (math.isnan(a) and math.isnan(b))
    if type(a) is not type(b):
        return False
    if isinstance(a, BaseModel):
        return _same({**dict(a), **(a.model_extra or {})}, {**dict(b), **(b.model_extra or {})})
    if isinstance(a, dict):
        return a.keys() == b.keys() and all(_same(a[name], b[name]) for name in a)
    if isinstance(a, list | tuple):
        return len(a) == len(b) and all(_same(x, y) for x, y in zip(a, b, strict=True))
    return bool(a == b)


def _fingerprint(path: Path) -> dict[str, Any]:
    with path.open("rb") as file:
        return {"bytes": path.stat().st_size, "sha256": hashlib.file_digest(file, "sha256").hexdigest()}


def _link_or_copy(source: Path, target: Path) -> None:
    try:
        target.hardlink_to(source)
    except FileNotFoundError:
        raise
    except OSError:  # another file system, or one without links
        shutil.copyfile(source, target)


def _size(path: Path) -> int:
    return sum(p.stat().st_size for p in path.iterdir()) if path.is_dir() else path.stat().st_size


def _delete(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path, ignore_errors=True)
    else:
        with contextlib.suppress(OSError):
            path.unlink()
