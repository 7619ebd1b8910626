"""The clips of a batch: lines of a file, of standard input, or the posts of a profile."""

from __future__ import annotations

import hashlib
import os
import re
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from reelscope.errors import ConfigError, InputError
from reelscope.media.urls import is_url

if TYPE_CHECKING:
    from reelscope.config import Settings

__all__ = ["Item", "folder_of", "items_of", "name_of_list", "parse_since", "posts_of", "read_lines"]

LIST_MAX_BYTES = 64 * 1024 * 1024  # half a million addresses; a video given in place of a list is told before it fills the memory
NAME_CHARS = 50  # at most 200 bytes of UTF-8: with the mark below a name stays within the 255 that file systems take
MARK_CHARS = 8


@dataclass(frozen=True, slots=True)
class Item:
    """One clip. source: as it was given; key: what it is known by in the batch's file, the same from whichever folder; folder: its name."""

    source: str
    key: str
    folder: str

    @property
    def label(self) -> str:
        """For people: the path, the address without what may be secret in it."""
        from reelscope.media.source import shown

        return shown(self.source) if is_url(self.source) else self.source


def items_of(sources: Iterable[str], *, limit: int | None = None) -> tuple[list[Item], int]:
    """Clips, each once, and how many were named again."""
    found: dict[str, Item] = {}
    again = 0
    for source in sources:
        key = _key(source)
        if key in found:
            again += 1
        elif limit is None or len(found) < limit:
            found[key] = Item(source, key, folder_of(source))
        else:
            break
    return list(found.values()), again


def read_lines(path: str) -> list[str]:
    """Sources of a list, a line each; blank lines and those that start with # are left out. "-": standard input.

    Raises:
        InputError: It cannot be read, or is no text.
    """
    hint = "a list holds an address or a file on each line"
    try:
        if path == "-":
            data = sys.stdin.buffer.read(LIST_MAX_BYTES + 1)
        else:
            if Path(path).is_dir():
                raise InputError(f"{path}: is a folder", code="no_list", hint=hint)
            with Path(path).open("rb") as file:
                data = file.read(LIST_MAX_BYTES + 1)
    except FileNotFoundError as error:
        raise InputError(f"{path}: no such file", code="no_list", hint=hint) from error
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror or error}", code="no_list", hint=hint) from error
    if b"\0" in data or len(data) > LIST_MAX_BYTES:
        raise InputError(f"{path}: is no list of sources", code="no_list", hint=hint)
    # names of files need not be text: what is not comes back as the same bytes
    lines = (line.strip() for line in re.split(r"\r\n|\n|\r", data.decode("utf-8", "surrogateescape").removeprefix("\ufeff")))
    return [line for line in lines if line and not line.startswith("#")]


def posts_of(url: str, settings: Settings, *, limit: int | None, since: date | None) -> list[str]:
    """Addresses of the posts of a profile or playlist.

    Raises:
        InputError: There is none, or it cannot be read.
    """
    from reelscope.media.source import list_posts

    return [post.url for post in list_posts(url, settings, limit=limit, since=since)]


def parse_since(text: str) -> date:
    """A day of --since.

    Raises:
        ConfigError: It is none.
    """
    try:
        return date.fromisoformat(text.strip())
    except ValueError as error:
        raise ConfigError(f"--since {text}: is no date", hint="for example --since 2026-01-31") from error


def name_of_list(source: str) -> str:
    """What a batch's folder is called where --out is not given."""
    if source == "-":
        return "batch"
    return _slug(_of_url(source) if is_url(source) else Path(source).stem) or "batch"


def _key(source: str) -> str:
    """The one address of a post, the absolute path of a file."""
    from reelscope.media.source import canonical

    if not is_url(source):
        return os.path.abspath(source)  # noqa: PTH100 - Path.absolute leaves ".." in
    try:
        return canonical(source)
    except InputError:  # it will be told when its turn comes
        return source


def folder_of(source: str) -> str:
    """A folder's name that tells people what is in it, with a mark that makes it this clip's whatever else the list holds."""
    key = _key(source)
    mark = hashlib.sha256(key.encode("utf-8", "surrogatepass")).hexdigest()[:MARK_CHARS]
    name = _slug(_of_url(key) if is_url(key) else Path(key).stem)
    return f"{name}-{mark}" if name else mark


def _of_url(url: str) -> str:
    try:
        parts = urlsplit(url)
    except ValueError:  # brackets that are no IPv6 address: refused when it is fetched
        return ""
    path: Sequence[str] = [part for part in parts.path.split("/") if part][-3:]
    return "-".join(path) or (parts.hostname or "")


def _slug(text: str) -> str:
    printable = text.encode("utf-8", "replace").decode("utf-8")
    return re.sub(r"[^\w.-]+", "-", printable).strip("-.")[:NAME_CHARS].strip("-.")
