"""Telling somebody's address that an analysis has ended: signed, one attempt at a time (docs/network.md).

Whoever schedules the attempts is elsewhere; here is what one attempt does, and how long to wait between them.
"""

from __future__ import annotations

import fcntl
import hashlib
import hmac
import json
import os
import re
import secrets
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from reelscope.errors import InputError, OutputError
from reelscope.net import AddressRules, Resolver, client, system_resolver
from reelscope.outputs import write_error

__all__ = ["DELAYS_S", "SECRET_FILE", "SIGNATURE_HEADER", "TOLERANCE_S", "Delivery", "deliver", "secret_of", "sign", "verify"]

SIGNATURE_HEADER = "Reelscope-Signature"
# Waits before the second and each further attempt. The first two bridge a restart of the receiver, the middle ones a deployment that went
# wrong, the last ones a night and a morning: 21 hours 36 minutes in all. Whoever is away for longer asks for the analysis.
DELAYS_S = (10.0, 60.0, 5 * 60.0, 30 * 60.0, 3600.0, 2 * 3600.0, 6 * 3600.0, 12 * 3600.0)
# An attempt is signed anew when it is made, so its age is the way to the receiver and the two clocks' difference.
TOLERANCE_S = 300
SECRET_FILE = "callback.key"
SECRET_BYTES = 32
_SECRET = re.compile(rb"[0-9a-f]{64}")
# The answer's body is of no interest; reading some of it lets a receiver that writes a line end well.
ANSWER_BYTES = 4096


@dataclass(frozen=True, slots=True)
class Delivery:
    """What came of one attempt.

    Attributes:
        outcome: "delivered" (2xx), "retry", or "give_up" (410 Gone, or an address that must not be connected to).
        status: The answer's HTTP status; None where there was none.
        error: What went wrong, for the job's story; without the address, whose path may hold a secret.
    """

    outcome: Literal["delivered", "retry", "give_up"]
    status: int | None = None
    error: str | None = None

    @property
    def delivered(self) -> bool:
        return self.outcome == "delivered"

    @property
    def give_up(self) -> bool:
        return self.outcome == "give_up"


def sign(secret: bytes, timestamp: int, body: bytes) -> str:
    """The value of the header `Reelscope-Signature`: "t=<seconds since 1970>,v1=<hex HMAC-SHA256 of "<t>.<body>">"."""
    return f"t={timestamp},v1={hmac.new(secret, b'%d.' % timestamp + body, hashlib.sha256).hexdigest()}"


def verify(secret: bytes, header: str, body: bytes, *, tolerance_s: float = TOLERANCE_S, now: float | None = None) -> bool:
    """Whether a request is from whoever holds `secret`, and not older than `tolerance_s` (an old one may be sent again by anybody).

    Args:
        header: The value of `Reelscope-Signature`, from the network: any text.
        body: The bytes as received, before any parsing.
        now: Seconds since 1970; None: the clock's.
    """
    stamp = re.match(r"t=([0-9]{1,15}),v1=", header)
    if stamp is None or abs((time.time() if now is None else now) - int(stamp[1])) > tolerance_s:
        return False
    return hmac.compare_digest(sign(secret, int(stamp[1]), body).encode(), header.encode("utf-8", "replace"))


def secret_of(data_dir: Path) -> bytes:
    """The key that callbacks of this data folder are signed with: 64 hexadecimal digits, as they stand in `callback.key`.

    Made at the first call, readable by its owner only. Processes that come at the same time get the same one.

    Raises:
        InputError, OutputError: The file cannot be made or read, or holds something else.
    """
    path = data_dir / SECRET_FILE
    try:
        data_dir.mkdir(parents=True, exist_ok=True)
        fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(fd, fcntl.LOCK_EX)
            os.fchmod(fd, 0o600)  # a file that was copied here may be readable by others
            key = os.pread(fd, 2 * SECRET_BYTES + 2, 0).strip()
            if not key:
                key = secrets.token_hex(SECRET_BYTES).encode()
                os.pwrite(fd, key + b"\n", 0)
                os.fsync(fd)
        finally:
            os.close(fd)
    except OSError as error:
        raise write_error(path, error) from error
    if not _SECRET.fullmatch(key):
        raise OutputError(
            f"{path} does not hold 64 hexadecimal digits",
            code="bad_secret",
            hint="restore it from a copy, or remove it: a new one is made, which receivers of callbacks must be told",
        )
    return key


def deliver(
    url: str,
    body: dict[str, Any],
    *,
    secret: bytes,
    rules: AddressRules,
    timeout_s: float,
    job_id: str,
    attempt: int,
    resolver: Resolver = system_resolver,
) -> Delivery:
    """POST `body` as JSON to `url`, once. Redirects are not followed: they would carry the signed body to somebody else.

    Args:
        timeout_s: For all of it, whatever the receiver does.
        job_id, attempt: Told in the headers `Reelscope-Job` and `Reelscope-Attempt`, so that a receiver can drop what it has already.
    """
    import httpx

    content = json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode()
    headers = {
        "Content-Type": "application/json",
        "Reelscope-Job": job_id,
        "Reelscope-Attempt": str(attempt),
        SIGNATURE_HEADER: sign(secret, int(time.time()), content),
    }
    try:
        rules.check_url(url)
        with (
            client(rules, timeout_s=timeout_s, total_s=timeout_s, follow_redirects=False, resolver=resolver) as sender,
            sender.stream("POST", url, content=content, headers=headers) as answer,
        ):
            status = answer.status_code
            _drop(answer)
    except InputError as error:
        return Delivery("give_up", error=error.message)
    except httpx.InvalidURL:
        return Delivery("give_up", error="the address is not usable")
    except httpx.TimeoutException:
        return Delivery("retry", error=f"no answer within {timeout_s:g} s")
    except httpx.HTTPError as error:
        return Delivery("retry", error=f"no answer: {_short(error)}")
    if 200 <= status < 300:
        return Delivery("delivered", status)
    return Delivery("give_up" if status == 410 else "retry", status, f"the answer was {status}")


def _drop(answer: Any) -> None:
    """Read the beginning of the answer's body and forget it; the status is what counts, also where the body breaks off."""
    import httpx

    read = 0
    try:
        for piece in answer.iter_raw():
            read += len(piece)
            if read >= ANSWER_BYTES:
                break
    except httpx.HTTPError:
        pass


def _short(error: Exception) -> str:
    return (str(error) or type(error).__name__)[:200]
