"""Files of a server on another machine: fetched by their content's hash and brought back the same way, resumed where a transfer broke off.

GET  /blobs/{sha256}   Range: bytes=N-            the rest of a file
HEAD /blobs/{sha256}                              200: it is there whole; 404 with Upload-Offset: so many bytes of it are
PUT  /blobs/{sha256}   Content-Range: bytes A-B/TOTAL    201: whole, and its hash is right; 204 with Upload-Offset: more is wanted;
                                                  409 with Upload-Offset: it goes on elsewhere; 422: another content than its name says
"""

from __future__ import annotations

import fcntl
import hashlib
import io
import logging
import os
import random
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO, TypeVar

import httpx

from reelscope.errors import ConfigError, EngineError, OutputError
from reelscope.server.blobs import LocalBlobs

__all__ = ["OFFSET", "RemoteBlobs", "token_of"]

log = logging.getLogger(__name__)

# A server that is being updated is away for some seconds, a machine that starts again for a minute or two.
PATIENCE_S = 180.0
PAUSES_S = (0.2, 0.5, 1.0, 2.0, 5.0)
PIECE = 8 << 20  # bytes of one PUT: what is sent again at most where the connection breaks
TIMEOUT = httpx.Timeout(30.0, connect=10.0)
OFFSET = "Upload-Offset"
NOTHING = "0" * 64  # a hash that no file has

T = TypeVar("T")


class _Broken(Exception):
    """A transfer that may succeed when it is tried again."""


def token_of(token_file: str | None) -> str | None:
    """The token in a file.

    Raises:
        ConfigError: The file cannot be read or is empty.
    """
    if token_file is None:
        return None
    try:
        token = Path(token_file).expanduser().read_text(encoding="utf-8").strip()
    except OSError as error:
        raise ConfigError(
            f"{token_file}: cannot be read ({error.strerror or error})", hint="give the file with the worker's token"
        ) from error
    if not token:
        raise ConfigError(f"{token_file}: is empty", hint="`reelscope token create NAME --scope worker` on the server makes one")
    return token


def _is_at(path: Path, file: BinaryIO) -> bool:
    """Whether an open file is the one that has this name now."""
    try:
        return os.path.samestat(path.stat(), os.fstat(file.fileno()))
    except FileNotFoundError:
        return False


class RemoteBlobs:
    """Blobs of a server, with a folder of this machine for those that are in use.

    Args:
        server: Its address. cache: where fetched files are kept for a while.
        stop: Ends waiting for a server that is away.
    """

    def __init__(
        self, server: str, token: str | None, cache: LocalBlobs, *, stop: threading.Event | None = None, patience_s: float = PATIENCE_S
    ) -> None:
        headers = {"Accept-Encoding": "identity"} | ({"Authorization": f"Bearer {token}"} if token else {})
        self._client = httpx.Client(base_url=server, headers=headers, timeout=TIMEOUT, trust_env=False, follow_redirects=False)
        self._cache, self._stop, self._patience_s = cache, stop or threading.Event(), patience_s

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def reach(self) -> bool:
        """See Blobs: a server that is away, or that refuses the token, is asked until it lets us in; whoever took jobs would fail them."""
        for pause in _pauses():
            try:
                self._expect(self._client.head(f"/blobs/{NOTHING}"), 200, 404)
                return True
            except (httpx.TransportError, _Broken, ConfigError) as error:
                log.warning("no jobs are taken before %s lets us in: %s", self._client.base_url, error or type(error).__name__)
            if self._stop.wait(pause):
                return False
        raise AssertionError("unreachable")

    def path(self, sha256: str) -> Path:
        """See Blobs. A file that comes with another content than its name says is fetched again from its start."""
        if not self._cache.has(sha256):
            self._patiently(f"fetching {sha256[:12]}", lambda: self._fetch(sha256))
        found = self._cache.path(sha256)
        os.utime(found)  # what is in use is young
        return found

    def put_bytes(self, data: bytes) -> tuple[str, int]:
        """See Blobs."""
        sha256 = hashlib.sha256(data).hexdigest()
        self._patiently(f"bringing {sha256[:12]}", lambda: self._bring(sha256, io.BytesIO(data), len(data)))
        return sha256, len(data)

    def put_file(self, path: Path) -> tuple[str, int]:
        """See Blobs."""
        with path.open("rb") as file:
            sha256, size = hashlib.file_digest(file, "sha256").hexdigest(), file.tell()
            self._patiently(f"bringing {sha256[:12]}", lambda: self._bring(sha256, file, size))
        return sha256, size

    def _fetch(self, sha256: str) -> None:
        """One attempt; jobs of this and of other processes that want the same file wait for it."""
        part = self._cache.part(sha256)
        with part.open("ab") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            if self._cache.has(sha256):  # somebody else's attempt was the good one
                if _is_at(part, file):
                    part.unlink()
                return
            if not _is_at(part, file):  # it was damaged and removed; whoever began anew has another file under its name
                raise _Broken("another attempt failed")
            self._receive(sha256, file)
            file.flush()
            with part.open("rb") as whole:
                right = hashlib.file_digest(whole, "sha256").hexdigest() == sha256
            if right:
                self._cache.adopt(part, sha256)
            else:
                part.unlink()
                raise _Broken("it came damaged")

    def _receive(self, sha256: str, file: BinaryIO) -> None:
        have = os.fstat(file.fileno()).st_size
        with self._client.stream("GET", f"/blobs/{sha256}", headers={"Range": f"bytes={have}-"} if have else {}) as answer:
            if answer.status_code == 416:  # it was whole already, or is longer than it should be: its hash tells
                return
            self._expect(answer, 200, 206)
            if answer.status_code == 200:
                file.truncate(0)
            for block in answer.iter_raw():  # as it comes: what was written counts where the rest does not come
                file.write(block)

    def _bring(self, sha256: str, file: BinaryIO, size: int) -> None:
        there = self._client.head(f"/blobs/{sha256}")
        if there.status_code == 200:
            return
        self._expect(there, 404)
        at = int(there.headers.get(OFFSET, 0))
        while True:
            file.seek(at)
            data = file.read(PIECE)
            headers = {"Content-Range": f"bytes {at}-{at + len(data) - 1}/{size}" if size else "bytes */0"}
            answer = self._client.put(f"/blobs/{sha256}", content=data, headers=headers)
            if answer.status_code in (200, 201):
                return
            if answer.status_code == 422:
                raise _Broken("it arrived damaged")
            self._expect(answer, 204, 409)
            at = int(answer.headers.get(OFFSET, 0))

    def _expect(self, answer: httpx.Response, *codes: int) -> None:
        if answer.status_code in codes:
            return
        if answer.status_code == 404:
            raise OutputError("the server does not have this file any more", code="blob_missing", hint="hand the clip in again")
        if answer.status_code in (401, 403):
            raise ConfigError(
                "the server refuses this worker's token", code="token_refused", hint="`reelscope token create NAME --scope worker` there"
            )
        raise _Broken(f"the server answered {answer.status_code}")

    def _patiently(self, what: str, body: Callable[[], T]) -> T:
        until = time.monotonic() + self._patience_s
        for pause in _pauses():
            try:
                return body()
            except (httpx.TransportError, _Broken) as error:
                if time.monotonic() + pause > until or self._stop.is_set():
                    raise EngineError(
                        f"{what}: {error or type(error).__name__}", code="server_away", hint="is the server up?", retryable=True
                    ) from error
                log.warning("%s: %s; trying again", what, error or type(error).__name__)
            self._stop.wait(pause)
        raise AssertionError("unreachable")


def _pauses() -> Iterator[float]:
    number = 0
    while True:
        yield PAUSES_S[min(number, len(PAUSES_S) - 1)] * random.uniform(0.8, 1.2)  # workers of a fleet do not come back all at once
        number += 1
