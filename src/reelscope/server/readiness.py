"""Whether the server can take work: a worker is there, and the models that are here are whole. Looked at in the background."""

from __future__ import annotations

import logging
import threading
from dataclasses import dataclass

from reelscope.config import Settings
from reelscope.errors import ReelscopeError
from reelscope.models.catalog import Catalog
from reelscope.models.manifest import manifest
from reelscope.models.states import check
from reelscope.outputs import check_room
from reelscope.server.fleet import Fleet

__all__ = ["Check", "Readiness"]

log = logging.getLogger(__name__)

LOOK_S = 1.0


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that was looked at. grave: without it the server is not ready."""

    name: str
    ok: bool
    detail: str
    hint: str | None = None
    grave: bool = True


class Readiness:
    """Looks once a second at the workers, and once, at the start, at every model."""

    def __init__(self, settings: Settings, fleet: Fleet) -> None:
        self.settings, self.fleet = settings, fleet
        self._models: list[Check] | None = None
        self._workers = Check("workers", False, "none is ready yet", "they load; see the log where this lasts")
        self._database = Check("database", True, fleet.database.shown)
        self._disk = self._room()
        self._stopped = threading.Event()
        self._threads: list[threading.Thread] = []

    @property
    def ready(self) -> bool:
        """Whether jobs that are handed in are worked on."""
        return all(check.ok or not check.grave for check in self.checks())

    def checks(self) -> list[Check]:
        """What was looked at, as it was at the last look."""
        waiting = [Check("models", False, "are being verified")]
        return [self._database, self._workers, self._disk, *(waiting if self._models is None else self._models)]

    def start(self) -> None:
        """Begin to look."""
        for name, body in (("ready-workers", self._watch), ("ready-models", self._verify)):
            thread = threading.Thread(target=body, name=name, daemon=True)
            self._threads.append(thread)
            thread.start()

    def stop(self) -> None:
        """Look no more."""
        self._stopped.set()
        for thread in self._threads:
            thread.join()

    def _room(self) -> Check:
        """Whether new jobs are taken as far as the disk goes; the intake looks twice a second (limits.DiskWatch)."""
        try:
            check_room(self.fleet.data_dir, self.settings.server.min_free_disk_mib)
        except ReelscopeError as error:
            return Check("disk", False, error.message, "free some space, or lower server.min_free_disk_mib")
        return Check("disk", True, "there is room")

    def _watch(self) -> None:
        while not self._stopped.is_set():
            self._disk = self._room()
            try:
                found = self.fleet.all()
                ready = [w for w in found if w.alive and w.state == "ready"]
                starting = [w for w in found if w.alive and w.state == "starting"]
                detail = f"{len(ready)} ready" + (f", {len(starting)} starting" if starting else "")
                hint = None if ready else "they load; see the log where this lasts" if starting else "start some: reelscope worker"
                self._workers = Check("workers", bool(ready), detail, hint)
                self._database = Check("database", True, self.fleet.database.shown)
            except Exception as error:
                log.warning("the database does not answer: %s", type(error).__name__)
                self._database = Check("database", False, f"does not answer ({type(error).__name__})", "is it up?")
            self._stopped.wait(LOOK_S)

    def _verify(self) -> None:
        """Every model that is here: those in packages are read (some 55 MB), those of the store where they changed since they were read."""
        catalog = Catalog.of(self.settings)
        checks = []
        for entry in manifest().values():
            if self._stopped.is_set():
                return
            if entry.folder != entry.name:
                continue
            try:
                found = check(catalog, [entry], full=entry.in_package)
            except Exception as error:
                checks.append(Check(entry.name, False, f"cannot be read ({type(error).__name__})", "reelscope models verify", grave=False))
                continue
            for one in found:  # none: it is not here, which is no fault
                hint = None if one.problem is None else "reelscope models verify"
                checks.append(Check(one.name, one.problem is None, one.problem or "whole", hint, grave=False))
        self._models = checks
