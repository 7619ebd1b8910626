"""`reelscope models pull`: which models, under which licences, from where; and what was learned of them."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from urllib.parse import quote

from reelscope.config import Settings
from reelscope.errors import InputError, ModelError, nearest
from reelscope.models.catalog import how_to_get
from reelscope.models.download import Client, Wanted
from reelscope.models.importing import is_wanted, weights_missing
from reelscope.models.manifest import TIERS, Entry, FilePin, Pin
from reelscope.models.sources import file_sha256
from reelscope.models.store import ModelStore, Record, part_of

__all__ = ["Chosen", "Progress", "Puller", "choose", "why_offline"]

OFFLINE = ("REELSCOPE_OFFLINE", "HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE")
COMMIT = re.compile(r"[0-9a-f]{40}")
SHA256 = re.compile(r"[0-9a-f]{64}")

# Model, file, bytes there, bytes in all.
Progress = Callable[[str, str, int, int], None]


def why_offline(settings: Settings, env: Mapping[str, str] = os.environ) -> str | None:
    """The setting or variable that forbids every connection; None where none does."""
    if settings.models.offline:
        return "models.offline"
    return next((f"{name}={env[name]}" for name in OFFLINE if env.get(name, "").strip().lower() in ("1", "true", "yes", "on")), None)


@dataclass(frozen=True, slots=True)
class Chosen:
    """What is to be pulled.

    Attributes:
        left_out: Models of the same tiers that are not, with the reason and the command that takes them.
        on_request: Those that are not because another one does the same.
    """

    entries: tuple[Entry, ...]
    left_out: tuple[tuple[Entry, str, str], ...] = ()
    on_request: tuple[Entry, ...] = ()


def choose(store: ModelStore, manifest: Mapping[str, Entry], words: Iterable[str], accept: Collection[str] = ()) -> Chosen:
    """The models that names and tiers stand for; of a tier those that need nothing more than to be fetched.

    Raises:
        InputError: A word is neither a model nor a tier.
        ModelError: It names a model that cannot be pulled (`in_package`, `not_public`) or whose licence is not accepted
            (`licence_not_accepted`).
    """
    taken: dict[str, Entry] = {}
    left: dict[str, tuple[Entry, str, str]] = {}
    other: dict[str, Entry] = {}
    for word in words:
        if word in manifest:
            owner = manifest[manifest[word].folder]
            if owner.in_package:
                raise ModelError(
                    f"the model {word} comes inside the package {owner.distribution}: there is nothing to pull", code="in_package"
                )
            if not owner.public and not store.present(owner):
                raise _not_public(owner, accepted=owner.permissive or _accepted(store, owner, accept))
            _check_licence(store, owner, accept)
            taken[owner.name] = owner
        elif word in TIERS:
            for entry in manifest.values():
                if entry.tier != word or entry.in_package or entry.files_of is not None:
                    continue
                accepted = entry.permissive or _accepted(store, entry, accept)
                command = how_to_get(entry, accepted=accepted)
                if store.present(entry) and accepted:
                    taken[entry.name] = entry
                elif entry.on_request:
                    other[entry.name] = entry
                elif not entry.public:
                    left[entry.name] = (entry, "no public source has its files", command)
                elif not accepted:
                    left[entry.name] = (entry, f"its licence is accepted by name: {entry.terms}", command)
                else:
                    taken[entry.name] = entry
        else:
            raise InputError(
                f"{word!r} is neither a model nor a tier{nearest(word, (*manifest, *TIERS))}",
                code="model_missing",
                hint="`reelscope models list` shows them",
            )
    return Chosen(
        tuple(taken.values()),
        tuple(row for name, row in left.items() if name not in taken),
        tuple(entry for name, entry in other.items() if name not in taken),
    )


class Puller:
    """Brings models into a store.

    Args:
        offline: What forbids connections (`why_offline`).
        accept: Models whose licences the user accepts, by name.
        reserve_mib: Room that is to stay free on the disk. free: tells the free bytes of a folder's disk.
    """

    def __init__(
        self,
        store: ModelStore,
        client: Client,
        *,
        offline: str | None = None,
        accept: Collection[str] = (),
        reserve_mib: int = 0,
        progress: Progress = lambda model, file, done, total: None,
        free: Callable[[Path], int] | None = None,
    ) -> None:
        self._store, self._client, self._offline, self._accept = store, client, offline, accept
        self._reserve_mib, self._progress, self._free = reserve_mib, progress, free

    def pull(self, entry: Entry, *, revision: str | None = None) -> int:
        """Fetch what is missing or damaged of a model.

        Args:
            revision: Of a hub's model: this commit or branch, in place of what the manifest or the first pull says.

        Returns:
            Bytes fetched; 0 where all was here.

        Raises:
            ModelError: Its licence is not accepted, it is offline, busy, cannot be had, or is not what it must be.
            InputError, OutputError: The store cannot be written to or has no room.
        """
        store = self._store
        _check_licence(store, entry, self._accept)
        if revision is not None and not entry.on_hub:
            raise ModelError(f"the revision of the model {entry.name} is pinned", code="model_pinned", hint="leave --revision out")
        accepted = not entry.permissive
        whole = self._whole(entry, revision)
        if whole is not None and (whole.accepted or not accepted):
            return 0  # without the lock, which a store on a read-only disk does not give
        with store.lock(entry) as folder:
            record, whole = store.record(entry), self._whole(entry, revision)
            if whole is not None:
                if accepted and not whole.accepted:
                    store.note(entry, replace(whole, accepted=True))
                return 0
            if not entry.public:
                raise _not_public(entry, accepted=True)
            if self._offline is not None:
                bring = f"reelscope models import DIR{f' --as {entry.name}' if entry.recorded else ''}"
                raise ModelError(
                    f"the model {entry.name} is not fetched: {self._offline} forbids every connection",
                    code="offline",
                    hint=f"unset it, or bring the files in a folder: {bring}",
                )
            if entry.on_hub:
                return self._from_hub(entry, folder, record, revision, accepted)
            return self._from_github(entry, folder, accepted)

    def _from_github(self, entry: Entry, folder: Path, accepted: bool) -> int:
        urls = {}
        for file in entry.files:
            assert file.source is not None and file.path is not None
            urls[file.name] = f"{self._client.places.github}/{file.source.repo}/{file.source.revision}/{quote(file.path)}"
        assert entry.source is not None
        wanted = [Wanted(f.name, f.pin.bytes, f.pin.sha256) for f in entry.files]
        return self._bring(entry, folder, wanted, urls, entry.source.revision, accepted, f"github.com/{entry.source.repo}")

    def _from_hub(self, entry: Entry, folder: Path, record: Record | None, revision: str | None, accepted: bool) -> int:
        assert entry.source is not None
        repo, hub = entry.source.repo, self._client.places.hub
        known = record if record is not None and revision is None else None  # files that came before are what must come again
        asked = revision or (known.revision if known is not None else None) or entry.source.revision or entry.source.ref
        commit, listed = _listing(entry, self._client.json(f"{hub}/api/models/{repo}/revision/{quote(asked, safe='')}?blobs=true"), asked)
        if known is not None:
            wanted = [Wanted(f.name, f.pin.bytes, f.pin.sha256) for f in known.files]
            _check_same(entry, known.files, listed, asked)
        else:
            wanted = list(listed.values())
            lacking = weights_missing(entry, listed)
            if lacking is not None:
                raise ModelError(
                    f"{repo} at {asked}: {lacking}", code="no_weights", hint="--revision chooses another, such as one that was converted"
                )
        urls = {w.name: f"{hub}/{repo}/resolve/{commit}/{quote(w.name)}" for w in wanted}
        return self._bring(entry, folder, wanted, urls, commit, accepted, f"{hub}/{repo}")

    def _bring(
        self, entry: Entry, folder: Path, wanted: list[Wanted], urls: Mapping[str, str], revision: str | None, accepted: bool, origin: str
    ) -> int:
        """Fetch files and put them in their places once all are whole."""
        here = {w.name: w.sha256 for w in wanted if w.sha256 and _matches(folder / w.name, w.sha256)}
        todo = [w for w in wanted if w.name not in here]
        begun = sum(min(_size(part_of(folder, w.name)), w.bytes) for w in todo)
        self._store.check_room(sum(w.bytes for w in todo) - begun, reserve_mib=self._reserve_mib, free=self._free)
        sums = dict(here)
        for file in todo:

            def told(done: int, file: Wanted = file) -> None:
                self._progress(entry.name, file.name, done, file.bytes)

            sums[file.name] = self._client.file(urls[file.name], part_of(folder, file.name), file, told)
        pins = {w.name: FilePin(w.name, Pin(str(sums[w.name]), w.bytes)) for w in wanted}
        record = Record(revision, accepted, tuple(pins.values()), origin)
        self._store.take(entry, [(part_of(folder, w.name), pins[w.name]) for w in todo], record)
        return sum(w.bytes for w in todo)

    def _whole(self, entry: Entry, revision: str | None) -> Record | None:
        """The record of a model that is here, of this revision, with nothing missing or damaged."""
        record, pins, folder = self._store.record(entry), self._store.pins(entry), self._store.folder(entry)
        if record is None or not pins or revision not in (None, record.revision):
            return None
        return record if all(_matches(folder / f.name, f.pin.sha256) for f in pins) else None


def _not_public(entry: Entry, *, accepted: bool) -> ModelError:
    hint = how_to_get(entry, accepted=accepted)
    return ModelError(f"no public source has the files of the model {entry.name}", code="not_public", hint=hint)


def _check_licence(store: ModelStore, entry: Entry, accept: Collection[str]) -> None:
    if not entry.permissive and not _accepted(store, entry, accept):
        raise ModelError(
            f"the model {entry.name} is under {entry.terms}",
            code="licence_not_accepted",
            hint=f"read it, then: reelscope models pull {entry.name} --accept-licence {entry.name}",
        )


def _accepted(store: ModelStore, entry: Entry, accept: Collection[str]) -> bool:
    record = store.record(entry)
    return entry.name in accept or (record is not None and record.accepted)


def _matches(path: Path, sha256: str) -> bool:
    try:
        return path.is_file() and file_sha256(path, stamped=True) == sha256
    except OSError:
        return False


def _size(path: Path) -> int:
    return path.stat().st_size if path.is_file() else 0


def _listing(entry: Entry, answer: Any, asked: str) -> tuple[str, dict[str, Wanted]]:
    """Commit and wanted files of what a hub says of a repository.

    Raises:
        ModelError: It says something else than it is asked (`bad_answer`).
    """
    assert entry.source is not None
    repo = entry.source.repo
    bad = ModelError(f"{repo} at {asked}: the hub's list of files is not understood", code="bad_answer")
    if not isinstance(answer, dict) or not COMMIT.fullmatch(str(answer.get("sha", ""))) or not isinstance(answer.get("siblings"), list):
        raise bad
    commit = str(answer["sha"])
    if COMMIT.fullmatch(asked) and commit != asked:
        raise ModelError(f"{repo}: the hub answers with the commit {commit} when asked for {asked}", code="model_changed")
    found: dict[str, Wanted] = {}
    for item in answer["siblings"]:
        name = item.get("rfilename") if isinstance(item, dict) else None
        if not isinstance(name, str):
            raise bad
        if not is_wanted(name, entry):
            continue
        lfs = item.get("lfs") or {}
        size, sha256, blob = lfs.get("size", item.get("size")), lfs.get("sha256"), item.get("blobId")
        if not isinstance(size, int) or size < 0 or (sha256 is not None and not SHA256.fullmatch(str(sha256))):
            raise bad
        if sha256 is None and not COMMIT.fullmatch(str(blob)):  # neither sum: nothing could be checked
            raise bad
        found[name] = Wanted(name, size, sha256, None if sha256 is not None else str(blob))
    return commit, found


def _check_same(entry: Entry, recorded: Iterable[FilePin], listed: Mapping[str, Wanted], asked: str) -> None:
    """Refuse a revision whose content is not what came the first time."""
    for file in recorded:
        now = listed.get(file.name)
        if now is None or now.bytes != file.pin.bytes or now.sha256 not in (None, file.pin.sha256):
            raise ModelError(
                f"the model {entry.name} at {asked}: {file.name} is not what it was when it came first (its sum is recorded)",
                code="model_changed",
                hint=f"if you trust the new one: reelscope models remove {entry.name}, then pull it, or choose it: --revision COMMIT",
            )
