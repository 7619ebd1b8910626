"""Clips from the network: a post's address in, a file and what its page says about it out (docs/sources.md).

All of it happens in a process of its own (`child`), whose only way out is the filtering connector of `reelscope.net`.
"""

from __future__ import annotations

import contextlib
import re
import shutil
import tempfile
import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from reelscope.config import Settings
from reelscope.errors import ConfigError, InputError, MediaError
from reelscope.media.source.forms import canonical, direct_suffix, is_collection, is_short_link, shown
from reelscope.media.source.post import name_of
from reelscope.net import AddressRules
from reelscope.outputs import check_room, write_error

__all__ = ["Fetched", "Post", "canonical", "fetch", "is_collection", "list_posts", "name_of", "shown"]

# Wait before the second try of a fetch; doubled for each one after it.
BACKOFF_S = 1.0
COOKIES_MOST = 4 << 20  # bytes; browsers keep some 3,000 cookies
_SUFFIX = re.compile(r"\.[a-z0-9]{1,5}")

Progress = Callable[[float, float | None], None]


@dataclass(frozen=True, slots=True)
class Fetched:
    """A clip that was fetched.

    Attributes:
        path: The file, "clip" with the suffix that its content has.
        url: The post's one address (`canonical`), of short links that which they lead to.
        post: What the page says (docs/sources.md); None where it was only a file.
        title: One line for people.
    """

    path: Path
    url: str
    post: dict[str, Any] | None
    title: str


@dataclass(frozen=True, slots=True)
class Post:
    """A post of a list. What the list does not tell is None."""

    url: str
    title: str | None = None
    published: date | None = None
    author: str | None = None


def fetch(url: str, folder: Path, settings: Settings, *, stop: threading.Event | None = None, progress: Progress | None = None) -> Fetched:
    """Fetch a post's clip into a folder: all of it, or nothing is left there.

    Args:
        folder: An existing folder.
        stop: Gives the fetch up once it is set, within a tenth of a second.
        progress: Takes bytes so far and in all (None where that is not known).

    Raises:
        ReelscopeError: With one of the codes of docs/sources.md; EngineError `stopped`.
    """
    canonical(url)
    if is_collection(url):
        raise InputError(
            f"{shown(url)}: is a profile or a list, not one post",
            code="several_clips",
            hint="give the address of one post; 'reelscope batch' takes profiles and lists",
        )
    AddressRules(settings.sources.allow_private).check_url(url.strip())
    check_room(folder, settings.system.min_free_disk_mib)
    try:
        own = Path(tempfile.mkdtemp(prefix=".fetch-", dir=folder))
    except OSError as error:
        raise write_error(folder, error) from error
    try:
        told = _ask("fetch", url, own, settings, stop, progress)
        found = own / Path(told["path"]).name
        if found.is_symlink() or not found.is_file() or not _SUFFIX.fullmatch(found.suffix):
            raise MediaError(f"{shown(url)}: the fetch ended without a file", code="no_file", hint="try again later", retryable=True)
        path = folder / f"clip{found.suffix}"
        try:
            found.replace(path)
        except OSError as error:
            raise write_error(folder, error) from error
        return Fetched(path, told["url"], told["post"], told["title"])
    finally:
        shutil.rmtree(own, ignore_errors=True)


def list_posts(
    url: str, settings: Settings, *, limit: int | None = None, since: date | None = None, stop: threading.Event | None = None
) -> list[Post]:
    """The posts of a profile, a playlist or a channel's tab, in the site's order, which is newest first for profiles.

    Args:
        url: A single post gives itself.
        limit: At most so many; not given: 10,000.
        since: Only those of this day and later. Posts whose list tells no day are looked up one by one.

    Raises:
        ReelscopeError: As `fetch`.
    """
    one = canonical(url)
    host = urlsplit(one).hostname or ""
    known = host.endswith(("tiktok.com", "instagram.com", "youtube.com")) or direct_suffix(one) is not None
    if is_short_link(url) or (known and not is_collection(url)):
        return [Post(one)]
    AddressRules(settings.sources.allow_private).check_url(url.strip())
    with tempfile.TemporaryDirectory(prefix="reelscope-list-", dir=settings.system.temp_dir) as folder:
        rows = _ask("list", url, Path(folder), settings, stop, None, limit=limit, since=since.isoformat() if since else None)
    return [
        Post(row["url"], row["title"], date.fromisoformat(row["published"]) if row["published"] else None, row["author"]) for row in rows
    ]


def _ask(op: str, url: str, folder: Path, settings: Settings, stop: threading.Event | None, progress: Progress | None, **more: Any) -> Any:
    from reelscope.media.source.process import run

    sources = settings.sources
    request = {
        "op": op,
        "url": url.strip(),
        "folder": str(folder.resolve()),
        "max_mib": sources.max_mib,
        "max_duration_s": settings.system.max_duration_s,
        "timeout_s": sources.timeout_s,
        "retries": sources.retries,
        "min_free_mib": settings.system.min_free_disk_mib,
        "backoff_s": BACKOFF_S,
        "allow_private": list(sources.allow_private),
        "cookies": _cookies(sources.cookies),
        **more,
    }
    return run(request, folder, timeout_s=sources.timeout_s, stop=stop, progress=progress)


def _cookies(path: Path | None) -> str | None:
    """The text of the cookies file. yt-dlp is never given the file itself: it would write into it."""
    if path is None:
        return None
    hint = "export the cookies of a browser in Netscape format (cookies.txt)"
    try:
        with path.expanduser().open("rb") as file:
            data = file.read(COOKIES_MOST + 1)
    except OSError as error:
        raise ConfigError(f"sources.cookies: {path} cannot be read: {error.strerror or error}", code="bad_cookies", hint=hint) from None
    text = ""
    with contextlib.suppress(UnicodeDecodeError):
        text = data.decode("utf-8-sig")
    lines = [line for line in text.splitlines() if line.strip() and (not line.startswith("#") or line.startswith("#HttpOnly_"))]
    if len(data) > COOKIES_MOST or not lines or any(line.count("\t") != 6 for line in lines):
        raise ConfigError(f"sources.cookies: {path} is not a cookies file of Netscape's format", code="bad_cookies", hint=hint)
    # MozillaCookieJar wants this first line
    return "# Netscape HTTP Cookie File\n" + "\n".join(lines) + "\n"
