"""The models that come inside installed Python packages: the embedded tier downloads nothing.

Their files are pinned by sha256 for the package versions that the lock files name. A newer version that pyproject allows may carry
another file: it is verified against the hash that the wheel's own RECORD gives, and a warning says that its figures were not measured.
"""

from __future__ import annotations

import base64
import importlib.metadata
import importlib.util
import logging
from pathlib import Path

from reelscope.errors import ModelError
from reelscope.models.manifest import Entry, Pin
from reelscope.models.sources import ModelSource

__all__ = ["find", "package_source", "revision"]

log = logging.getLogger(__name__)

_told: set[str] = set()


def find(entry: Entry) -> Path | None:
    """The model's file; None where its package is not installed or does not carry it."""
    assert entry.package is not None and entry.pattern is not None
    spec = importlib.util.find_spec(entry.package)  # of a top-level package: looks it up without importing it
    if spec is None or spec.origin is None:
        return None
    return next(iter(sorted(Path(spec.origin).parent.glob(entry.pattern))), None)


def revision(entry: Entry) -> str:
    """The package and version that brought it."""
    assert entry.distribution is not None
    return f"{entry.distribution} {importlib.metadata.version(entry.distribution)}"


def package_source(entry: Entry) -> ModelSource:
    """The model ready to be opened, with the sha256 that its file must have; the file is not read.

    Raises:
        ModelError: Its package is not installed (`model_missing`), or nothing says what its file must be (`model_unverified`).
    """
    assert entry.distribution is not None and entry.pins is not None
    path, measured = find(entry), next(iter(entry.pins))
    if path is None:
        raise ModelError(
            f"model {entry.name}: the package {entry.distribution} is not installed or carries no {entry.pattern}",
            code="model_missing",
            hint=_reinstall(entry, measured),
        )
    version = importlib.metadata.version(entry.distribution)
    pin = entry.pins.get(version)
    if pin is None:
        pin = _recorded(entry, path)
        if pin is None:
            raise ModelError(
                f"model {entry.name}: nothing says what its file must be: {entry.distribution} {version} is not pinned "
                "and has no record of it",
                code="model_unverified",
                hint=_reinstall(entry, measured),
            )
        if entry.name not in _told:  # once per process
            _told.add(entry.name)
            log.warning("model %s comes from %s %s, with which nothing was measured", entry.name, entry.distribution, version)
    return ModelSource(
        entry.name,
        runtime=entry.runtime,
        path=path,
        sha256=pin.sha256,
        bytes=pin.bytes,
        member=entry.member,
        loads=entry.loads,
        ram_mib=entry.ram_mib,
        vram_mib=entry.vram_mib,
        revision=f"{entry.distribution} {version}",
        licence=entry.licence,
        hint=_reinstall(entry, version),
    )


def _recorded(entry: Entry, path: Path) -> Pin | None:
    """The file as the installed wheel's RECORD has it."""
    for file in importlib.metadata.files(str(entry.distribution)) or ():
        if file.name == path.name and file.hash is not None and file.hash.mode == "sha256" and Path(str(file.locate())).samefile(path):
            digest = base64.urlsafe_b64decode(file.hash.value + "=" * (-len(file.hash.value) % 4))
            return Pin(digest.hex(), int(file.size or 0))
    return None


def _reinstall(entry: Entry, version: str) -> str:
    return f"python -m pip install --force-reinstall --no-deps {entry.distribution}=={version}"
