"""Clips from the network on the command line: fetched beside their results, in a folder named after the post."""

from __future__ import annotations

import shutil
import tempfile
import threading
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from reelscope.media.urls import is_url
from reelscope.outputs import out_folder, write_error

if TYPE_CHECKING:
    from reelscope.cli.once import Target
    from reelscope.pipeline import Session, Written

__all__ = ["Names", "analyze_fetched", "label"]


class Names:
    """Folders' names of one call, each given once, from any thread."""

    def __init__(self, taken: Iterable[str]) -> None:
        self._taken = {name.casefold() for name in taken}  # some file systems do not tell case
        self._lock = threading.Lock()

    def take(self, name: str) -> str:
        """This name, or it with a number where it is taken."""
        with self._lock:
            given, number = name, 2
            while given.casefold() in self._taken:
                given, number = f"{name}-{number}", number + 1
            self._taken.add(given.casefold())
            return given


def label(source: str) -> str:
    """A source's name for people: a file's name, an address without what may be secret in it."""
    if not is_url(source):
        return Path(source).name
    from reelscope.media.source import shown

    return shown(source)


def analyze_fetched(session: Session, target: Target, names: Names, *, only: Sequence[str] | None, skip: Sequence[str]) -> Written:
    """Fetch a post's clip, analyse it, and put it beside its results as clip.mp4 (or what it is). Nothing is left where that fails.

    Raises:
        ReelscopeError: As `media.source.fetch`, `Session.analyze` and `Session.write`.
    """
    from reelscope.media.source import name_of
    from reelscope.pipeline import Origin

    room = session.settings.system.min_free_disk_mib
    with out_folder(target.folder, room) as base:
        try:
            staging = Path(tempfile.mkdtemp(prefix=".fetch-", dir=base))  # beside its place: a rename puts it there
        except OSError as error:
            raise write_error(base, error) from error
        try:
            got = session.fetch(target.source, staging, job=target.job)
            folder = base / names.take(name_of(got.post, got.title)) if target.by_post else base
            with out_folder(folder, room):
                analysis = session.analyze(got.path, only=only, skip=skip, job=target.job, origin=Origin(got.url, got.post))
                clip = folder / got.path.name
                before = clip.exists()
                try:
                    got.path.replace(clip)
                    return session.write(analysis, folder, clip=clip)
                except BaseException as error:
                    if not before:  # else the results of then still lie there
                        clip.unlink(missing_ok=True)
                    if isinstance(error, OSError):
                        raise write_error(folder, error) from error
                    raise
        finally:
            shutil.rmtree(staging, ignore_errors=True)
