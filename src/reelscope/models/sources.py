"""What a model is made of: its file with the pinned sha256, its runtime, what it holds in memory; and the check of the file."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from reelscope.errors import ModelError
from reelscope.models import stamps
from reelscope.models.stamps import Stamp

if TYPE_CHECKING:
    from reelscope.models.sessions.base import SessionRequest

__all__ = ["ModelSource", "Part", "content_sha256", "file_sha256", "register", "registered", "verify"]

MIB = 2**20


@dataclass(frozen=True, slots=True)
class Part:
    """One file of a model, as it must be. stamped: whether its sum is kept beside it (reelscope.models.stamps)."""

    path: Path
    sha256: str
    bytes: int
    stamped: bool = False


@dataclass(frozen=True, slots=True)
class ModelSource:
    """One model, ready to be opened.

    Attributes:
        name: As the specifications name it.
        runtime: Which kind of session runs it (see reelscope.models.sessions).
        path: Its file, or the folder of its files; None where `loader` makes the model out of nothing (random weights, tests).
        sha256, bytes: Of a single file, as pinned; verified before the first load and whenever the file has changed.
        parts: Its files where they come from the store; then sha256 and bytes above are not set.
        member: The part of a zip archive that is opened. loads: the class that loads it (transformers).
        ram_mib, vram_mib: What a session holds on the CPU and on a GPU, measured; budgets count at least the bytes of the file.
        loader: Makes the model object from a request; the torch runtime needs it.
        spin: Whether idle threads of a session with several threads wait busily. Off: members share the cores.
        revision, licence: For the document. hint: what the user does when the file is missing or damaged.
    """

    name: str
    runtime: str = "onnx"
    path: Path | None = None
    sha256: str | None = None
    bytes: int = 0
    parts: tuple[Part, ...] = ()
    member: str | None = None
    loads: str | None = None
    ram_mib: float = 0.0
    vram_mib: float = 0.0
    loader: Callable[[SessionRequest], Any] | None = None
    spin: bool = False
    revision: str | None = None
    licence: str | None = None
    hint: str | None = None

    def __post_init__(self) -> None:
        if self.path is None and self.loader is None:
            raise ValueError(f"model {self.name}: neither a file nor a loader")
        if self.path is not None and self.sha256 is None and not self.parts:
            raise ValueError(f"model {self.name}: a file without its sha256; ModelSource.of_file takes it from the file")

    @classmethod
    def of_file(cls, name: str, path: Path, **rest: Any) -> ModelSource:
        """A source for a file as it is now, for models that were just built (tests, benchmarks)."""
        return cls(name, path=path, sha256=file_sha256(path), bytes=path.stat().st_size, **rest)

    @property
    def files(self) -> tuple[Part, ...]:
        """All its files as they must be; none for a model that a loader makes."""
        if self.parts or self.path is None:
            return self.parts
        return (Part(self.path, str(self.sha256), self.bytes),)

    def memory(self, device: str) -> int:
        """Bytes that a session holds on `device`, as far as is known before it is opened."""
        return max(self.bytes or sum(f.bytes for f in self.parts), round((self.ram_mib if device == "cpu" else self.vram_mib) * MIB))


_registered: dict[str, ModelSource] = {}
_hashes: dict[tuple[object, ...], str] = {}
_lock = threading.Lock()


def register(source: ModelSource) -> None:
    """Make a model known to this process under its name; one of the same name is replaced."""
    with _lock:
        _registered[source.name] = source


def registered(name: str) -> ModelSource | None:
    """What was registered under the name."""
    return _registered.get(name)


def file_sha256(path: Path, *, again: bool = False, stamped: bool = False) -> str:
    """The file's sha256 in hex, kept until the file changes (size, times of change, inode).

    Args:
        path: The file; 32 MB take 20 ms.
        again: Read it now, whatever is kept.
        stamped: Keep it beside the file too, for other processes.

    Raises:
        OSError: The file cannot be read.
    """
    stamp = Stamp.of(path.stat())
    key = (path, stamp.size, stamp.mtime_ns, stamp.ctime_ns, stamp.inode)
    found = None if again else _hashes.get(key)
    if found is None and stamped and not again:
        found = stamps.known(path, stamp)
    if found is None:
        with path.open("rb") as file:
            found = hashlib.file_digest(file, "sha256").hexdigest()
        if stamped:
            stamps.note(path, stamp, found)
    with _lock:
        _hashes[key] = found
    return found


def content_sha256(source: ModelSource) -> str | None:
    """The true sha256 of a model's content: of its one file, or of the sorted list of its files' names and sums; None without files.

    Raises:
        OSError: A file cannot be read.
    """
    files = source.files
    if len(files) <= 1:
        return file_sha256(files[0].path, stamped=files[0].stamped) if files else None
    lines = sorted(f"{file.path.name} {file_sha256(file.path, stamped=file.stamped)}\n" for file in files)
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def verify(source: ModelSource, *, again: bool = False) -> None:
    """Compare the model's files with their pins.

    Args:
        source: What to verify; one without a file has nothing to verify.
        again: Read the files now even where they were read before and seem unchanged.

    Raises:
        ModelError: A file is missing (`model_missing`), cannot be read (`model_failed`) or is another one (`model_corrupt`).
    """
    for file in source.files:
        _verify(source, file, again=again)


def _verify(source: ModelSource, file: Part, *, again: bool) -> None:
    try:
        found = file_sha256(file.path, again=again, stamped=file.stamped)
    except FileNotFoundError:
        raise ModelError(f"model {source.name}: the file {file.path.name} is missing", code="model_missing", hint=source.hint) from None
    except OSError as error:
        raise ModelError(
            f"model {source.name}: the file {file.path.name} cannot be read: {error.strerror or error}", hint=source.hint
        ) from error
    if found != file.sha256:
        raise ModelError(
            f"model {source.name}: the file {file.path.name} is damaged or another one "
            f"(its sha256 begins {found[:12]}, it must begin {file.sha256[:12]})",
            code="model_corrupt",
            hint=source.hint,
        )
