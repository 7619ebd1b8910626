"""One file over HTTPS: resumed where it stopped, never larger than it must be, and only whole and verified.

The only module that opens a connection for models; `reelscope models pull` is its only user.
"""

from __future__ import annotations

import contextlib
import hashlib
import http.client
import ipaddress
import json
import os
import re
import ssl
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from reelscope.errors import InputError, ModelError
from reelscope.models.store import store_error
from reelscope.version import VERSION

__all__ = ["Client", "Places", "Wanted"]

GITHUB = "https://raw.githubusercontent.com"
HUB = "https://huggingface.co"

CHUNK = 2**18
CHANGED = "the source or a proxy on the way changed it; nothing was kept"
TIMEOUT_S = 30.0  # without a byte: a line that is only slow sends some
# A line that drops now and then is worth some patience; a host that is gone is known after half a minute.
TRIES = 5
FIRST_WAIT_S = 1.0
LONGEST_WAIT_S = 60.0
PROGRESS_BYTES = 2**20  # after so much the next loss of the connection counts as the first
NUMBER = re.compile(r"[0-9]{1,18}")  # in a header; isdigit also takes signs that int does not
LIST_BYTES = 16 * 2**20  # of a repository's list of files; the largest seen had some 200 kB

Told = Callable[[int], None]


@dataclass(frozen=True, slots=True)
class Places:
    """Where files come from. token: for the hub and nobody else."""

    github: str = GITHUB
    hub: str = HUB
    token: str | None = None

    @classmethod
    def of(cls, env: Mapping[str, str]) -> Places:
        """As the hub's own variables say: HF_ENDPOINT for a mirror, HF_TOKEN.

        Raises:
            InputError: HF_ENDPOINT is not https.
        """
        hub = env.get("HF_ENDPOINT") or HUB
        if not _allowed(hub):
            raise InputError(f"HF_ENDPOINT: {hub} is not https", code="bad_setting", hint="for example HF_ENDPOINT=https://huggingface.co")
        return cls(hub=hub.rstrip("/"), token=(env.get("HF_TOKEN") or "").strip() or None)


@dataclass(frozen=True, slots=True)
class Wanted:
    """A file as it must be. blob: its git object id, where the sha256 is not known yet."""

    name: str
    bytes: int
    sha256: str | None = None
    blob: str | None = None


class Client:
    """Reads files from the places.

    Args:
        sleep: Waits between tries; tests give their own.
    """

    def __init__(
        self, places: Places, *, tries: int = TRIES, timeout_s: float = TIMEOUT_S, sleep: Callable[[float], None] = time.sleep
    ) -> None:
        self.places, self._tries, self._timeout_s, self._sleep = places, tries, timeout_s, sleep
        self._opener = urllib.request.build_opener(_Redirects(self._authorize))

    def json(self, url: str) -> Any:
        """A small JSON document.

        Raises:
            ModelError: It cannot be had, or is none.
        """
        failures = 0
        while True:
            try:
                with self._open(url) as answer:
                    body = answer.read(LIST_BYTES + 1)
                if len(body) > LIST_BYTES:
                    raise ModelError(f"{url}: the answer is longer than {LIST_BYTES} bytes", code="bad_answer")
                return json.loads(body)
            except (ValueError, RecursionError):
                raise ModelError(f"{url}: the answer is no JSON", code="bad_answer", retryable=True) from None
            except _Lost as lost:
                failures += 1
                self._wait(lost, failures, url, "")

    def file(self, url: str, part: Path, wanted: Wanted, told: Told = lambda done: None) -> str:
        """Fetch a file into `part`, going on where an earlier try stopped.

        Returns:
            Its sha256. `part` is then whole and what it must be.

        Raises:
            ModelError: It cannot be had; what came so far stays in `part`. Or it is not what it must be; then `part` is gone.
            InputError, OutputError: The disk does not take it.
        """
        failures, resumed = 0, part.exists()
        while True:
            before = _size(part)
            try:
                digest = self._rest(url, part, wanted, told)
            except _Lost as lost:
                if lost.restart:
                    part.unlink(missing_ok=True)
                failures = failures + 1 if _size(part) < before + PROGRESS_BYTES else 1
                self._wait(lost, failures, url, "; what came is kept: the same command goes on from there" if _size(part) else "")
                continue
            wrong = _wrong(digest, wanted)
            if wrong is None:
                return digest.sha256.hexdigest()
            part.unlink(missing_ok=True)
            if not resumed:
                raise ModelError(f"{url}: {wrong}", code="model_corrupt", hint=CHANGED)
            resumed = False  # what an earlier try left may have been damaged: once more from the start

    def _rest(self, url: str, part: Path, wanted: Wanted, told: Told) -> _Digest:
        """Ask for what is missing and append it."""
        digest = _Digest(wanted)
        try:
            have = _size(part)
            if have > wanted.bytes:
                part.unlink()
                have = 0
            if have:
                with part.open("rb") as file:
                    while chunk := file.read(CHUNK):
                        digest.update(chunk)
        except OSError as error:
            raise store_error(part, error) from error
        told(have)
        if have == wanted.bytes and part.exists():
            return digest
        with self._open(url, start=have) as answer:
            if have and answer.status == 206 and not _continues(answer, have, wanted.bytes):
                raise _Lost("the server sends another part than it is asked for", restart=True)
            if have and answer.status != 206:  # it does not resume: from the start
                digest, have = _Digest(wanted), 0
                told(0)
            self._check_length(url, answer, have, wanted, part)
            try:
                out = part.open("ab" if have else "wb")
            except OSError as error:
                raise store_error(part, error) from error
            with out:
                while chunk := answer.read(CHUNK):
                    have += len(chunk)
                    if have > wanted.bytes:
                        part.unlink(missing_ok=True)
                        raise ModelError(f"{url}: more came than the {wanted.bytes} bytes that it must have", code="model_corrupt")
                    digest.update(chunk)
                    try:
                        out.write(chunk)
                        out.flush()
                    except OSError as error:
                        raise store_error(part, error) from error
                    told(have)
                with contextlib.suppress(OSError):  # /dev/full and network disks: what was not kept is found when it is read
                    os.fsync(out.fileno())
        if have < wanted.bytes:
            raise _Lost(f"the connection ended after {have} of {wanted.bytes} bytes")
        return digest

    @staticmethod
    def _check_length(url: str, answer: _Answer, have: int, wanted: Wanted, part: Path) -> None:
        """Refuse an answer of another length before it is read."""
        said = answer.headers.get("Content-Length", "")
        if NUMBER.fullmatch(said) and int(said) + have != wanted.bytes:
            part.unlink(missing_ok=True)
            raise ModelError(
                f"{url}: the file has {int(said) + have} bytes, it must have {wanted.bytes}",
                code="model_corrupt",
                hint=CHANGED,
            )

    def _open(self, url: str, *, start: int = 0) -> _Answer:
        """Send a request; what may succeed later is `_Lost`."""
        if not _allowed(url):
            raise ModelError(f"{url} is not https", code="not_https")
        request = urllib.request.Request(url, headers={"User-Agent": f"reelscope/{VERSION}", "Accept-Encoding": "identity"})
        self._authorize(request)
        if start:
            request.add_header("Range", f"bytes={start}-")
        try:
            return _Answer(self._opener.open(request, timeout=self._timeout_s))
        except urllib.error.HTTPError as error:
            with error:
                raise self._refusal(url, error, start) from None
        except (OSError, http.client.HTTPException) as error:
            reason = getattr(error, "reason", error)
            if isinstance(reason, ssl.SSLCertVerificationError):
                raise ModelError(
                    f"{url}: its certificate is not trusted: {reason.verify_message}",
                    code="not_trusted",
                    hint="behind a proxy of your own, name its certificate: SSL_CERT_FILE=/path/to/ca.pem",
                ) from None
            raise _Lost(_words(error)) from None
        except ValueError:  # its words may quote a header, and so the token
            raise ModelError(
                f"{url}: the request cannot be sent, or its answer leads to no address",
                code="bad_answer",
                hint="look at HF_TOKEN and proxies",
            ) from None

    def _refusal(self, url: str, error: urllib.error.HTTPError, start: int) -> Exception:
        if error.code == 416 and start:
            return _Lost("the source has less than was fetched before", restart=True)
        if error.code in (408, 425, 429) or error.code >= 500:
            return _Lost(f"the server answers {error.code} {error.reason}", wait_s=_seconds(error.headers.get("Retry-After")))
        if error.code in (401, 403):
            hint = "set HF_TOKEN, and agree to the model's terms on its page" if url.startswith(self.places.hub) else None
            return ModelError(f"{url}: not allowed ({error.code})", code="not_allowed", hint=hint)
        if error.code in (404, 410):
            return ModelError(
                f"{url}: not there ({error.code})", code="model_gone", hint="a mirror may have it: HF_ENDPOINT, or models import"
            )
        return ModelError(f"{url}: the server answers {error.code} {error.reason}", code="bad_answer")

    def _wait(self, lost: _Lost, failures: int, url: str, kept: str) -> None:
        """Wait before the next try, longer each time; or give up."""
        if failures >= self._tries:
            raise ModelError(
                f"{url}: {lost} ({failures} tries{kept})",
                code="download_failed",
                hint="check the network, then run it again",
                retryable=True,
            ) from None
        self._sleep(min(LONGEST_WAIT_S, lost.wait_s if lost.wait_s is not None else FIRST_WAIT_S * 2 ** (failures - 1)))

    def _authorize(self, request: urllib.request.Request) -> None:
        """Give the token to the hub alone: a redirect to another host does not get it."""
        if self.places.token and _origin(request.full_url) == _origin(self.places.hub):
            request.add_unredirected_header("Authorization", f"Bearer {self.places.token}")


class _Lost(Exception):
    """The connection broke or the server is busy: worth another try. restart: what came so far is of no use."""

    def __init__(self, message: str, *, wait_s: float | None = None, restart: bool = False) -> None:
        super().__init__(message)
        self.wait_s, self.restart = wait_s, restart


class _Redirects(urllib.request.HTTPRedirectHandler):
    """Follows to https only."""

    max_redirections = 5

    def __init__(self, authorize: Callable[[urllib.request.Request], None]) -> None:
        self._authorize = authorize

    def http_error_302(self, req: Any, fp: Any, code: int, msg: str, headers: Any) -> Any:
        try:
            return super().http_error_302(req, fp, code, msg, headers)
        except ValueError:  # it leads to no address
            fp.close()
            raise

    http_error_301 = http_error_303 = http_error_307 = http_error_308 = http_error_302

    def redirect_request(self, req: Any, fp: Any, code: int, msg: str, headers: Any, newurl: str) -> urllib.request.Request | None:
        if not _allowed(newurl) or (req.type == "https" and urlsplit(newurl).scheme != "https"):
            fp.close()
            raise ModelError(f"{req.full_url} leads to {newurl}, which is not https", code="not_https")
        found = super().redirect_request(req, fp, code, msg, headers, newurl)
        if found is not None:
            self._authorize(found)
        return found


class _Digest:
    """The sha256 of what passes, and its git object id where that is what is known."""

    def __init__(self, wanted: Wanted) -> None:
        self.sha256 = hashlib.sha256()
        self.blob = hashlib.sha1(f"blob {wanted.bytes}\0".encode(), usedforsecurity=False) if wanted.blob else None

    def update(self, chunk: bytes) -> None:
        self.sha256.update(chunk)
        if self.blob is not None:
            self.blob.update(chunk)


def _wrong(digest: _Digest, wanted: Wanted) -> str | None:
    found = digest.sha256.hexdigest()
    if wanted.sha256 is not None and found != wanted.sha256:
        return f"its sha256 begins {found[:12]}, it must begin {wanted.sha256[:12]}"
    if digest.blob is not None and digest.blob.hexdigest() != wanted.blob:
        return "its content is not what the list of files says"
    return None


class _Answer:
    """An answer whose reading fails as `_Lost`."""

    def __init__(self, answer: Any) -> None:
        self._answer = answer
        self.headers, self.status = answer.headers, answer.status

    def read(self, size: int) -> bytes:
        try:
            return bytes(self._answer.read(size))
        except (OSError, http.client.HTTPException) as error:
            raise _Lost(_words(error)) from None

    def __enter__(self) -> _Answer:
        return self

    def __exit__(self, *error: object) -> None:
        with contextlib.suppress(OSError):
            self._answer.close()


def _continues(answer: _Answer, start: int, total: int) -> bool:
    """Whether an answer is the rest that was asked for."""
    said = re.fullmatch(r"bytes ([0-9]{1,18})-[0-9]+/([0-9]+|\*)", answer.headers.get("Content-Range", ""))
    return said is not None and int(said[1]) == start and said[2] in ("*", str(total))


def _size(part: Path) -> int:
    try:
        return part.stat().st_size
    except OSError:
        return 0


def _origin(url: str) -> tuple[str, str | None, int | None]:
    parts = urlsplit(url)
    return parts.scheme, parts.hostname, parts.port or {"https": 443, "http": 80}.get(parts.scheme)


def _allowed(url: str) -> bool:
    """https, or http on this machine (a mirror in development, tests)."""
    parts = urlsplit(url)
    if parts.scheme == "https":
        return bool(parts.hostname)
    try:
        return parts.scheme == "http" and (parts.hostname == "localhost" or ipaddress.ip_address(parts.hostname or "").is_loopback)
    except ValueError:
        return False


def _seconds(text: str | None) -> float | None:
    return float(text) if text is not None and NUMBER.fullmatch(text) else None


def _words(error: BaseException) -> str:
    reason = getattr(error, "reason", None) or error
    return str(getattr(reason, "strerror", None) or reason) or type(reason).__name__
