"""A file of the server on this disk: whole and checked under its name, or not there; a broken download goes on where it broke."""

from __future__ import annotations

import contextlib
import hashlib
import re
from collections.abc import Callable
from pathlib import Path

import httpx

from reelscope.client.errors import ApiError, bad_answer
from reelscope.client.transport import Transport
from reelscope.errors import InputError, OutputError
from reelscope.outputs import write_error

__all__ = ["download"]

Progress = Callable[[int, int | None], None]
PARTIAL, CANNOT = 206, 416
SHA256 = re.compile(r'"([0-9a-f]{64})"')


def download(transport: Transport, path: str, to: Path, *, key: str, progress: Progress | None = None) -> Path:
    """Fetch `path` into the file `to`. What came before a break, also of an earlier call, is not fetched again.

    Args:
        key: What the content is known by; it may change with the content only. Part of the name of the unfinished file.
        progress: Told bytes that are here and bytes in all (None where that is not known).

    Raises:
        ApiError: The server refused or went away for too long; what came stays for the next call.
        InputError: `to` cannot be written to. OutputError: the disk is full.
    """
    if to.is_dir():
        raise InputError(f"{to}: is a folder", code="unwritable_output", hint="give the name of a file")
    part = to.with_name(f".{to.name}.{key}.part")
    tag: str | None = None
    anew = False
    backoff = transport.backoff()
    while True:
        here = part.stat().st_size if part.exists() else 0
        headers = {"Accept": "*/*", "Accept-Encoding": "identity"}
        if here:
            headers["Range"] = f"bytes={here}-"
            if tag is not None:
                headers["If-Range"] = tag  # else the whole, where it is another file meanwhile
        try:
            with transport.stream(path, headers=headers, accept=(CANNOT,)) as response:
                tag = response.headers.get("ETag") or tag
                total = _total(response)
                if response.status_code == CANNOT and total != here:
                    raise _Other
                if response.status_code != CANNOT:
                    start = here if response.status_code == PARTIAL else 0
                    if start and _start(response) != start:
                        raise _Other
                    try:
                        with part.open("ab" if start else "wb") as file:
                            here = start
                            for piece in response.iter_bytes():
                                file.write(piece)
                                here += len(piece)
                                backoff.reset()
                                if progress is not None:
                                    progress(here, total)
                    except OSError as error:
                        raise write_error(to, error) from error
            if total is not None and here != total:
                raise ApiError(f"{here} of {total} bytes came", code="no_answer", hint="try again", retryable=True)
            _check(part, tag)
        except (InputError, OutputError):
            with contextlib.suppress(OSError):
                part.unlink(missing_ok=True)
            raise
        except _Other as error:  # the unfinished file is of something else: once more from the start
            part.unlink(missing_ok=True)
            if anew:
                raise bad_answer("the file that was asked for") from error
            anew = True
        except ApiError as error:
            backoff.again(error)
        else:
            break
    try:
        part.replace(to)
    except OSError as error:
        raise write_error(to, error) from error
    return to


class _Other(Exception):
    """What lies here and what the server has are not parts of one file."""


def _check(part: Path, tag: str | None) -> None:
    """Hold the file against its tag, where that is its sha256, as a reelscope server's is."""
    known = SHA256.fullmatch(tag or "")
    if known is None:
        return
    with part.open("rb") as file:
        if hashlib.file_digest(file, "sha256").hexdigest() != known[1]:
            raise _Other


def _total(response: httpx.Response) -> int | None:
    if response.status_code in (PARTIAL, CANNOT):
        found = re.fullmatch(r"bytes (?:\*|\d+-\d+)/(\d+)", response.headers.get("Content-Range", ""))
        return int(found[1]) if found else None
    length = response.headers.get("Content-Length", "")
    return int(length) if length.isdigit() else None


def _start(response: httpx.Response) -> int | None:
    found = re.match(r"bytes (\d+)-", response.headers.get("Content-Range", ""))
    return int(found[1]) if found else None
