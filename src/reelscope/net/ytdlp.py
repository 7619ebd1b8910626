"""yt-dlp behind the filtering connector: its only way out, with limits on what comes in.

Usage:
    with yt_dlp.YoutubeDL(options) as ydl:
        with install(ydl, rules, Limits(max_bytes=512 << 20, timeout_s=300)).watch():
            ydl.extract_info(url)
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NoReturn

from reelscope.errors import InputError
from reelscope.net.addresses import AddressRules
from reelscope.net.connector import Resolver, system_resolver
from reelscope.net.guard import only_connector

if TYPE_CHECKING:
    import ssl

__all__ = ["Installed", "Limits", "Meter", "install"]

MIB = 1024 * 1024
# Everything of one fetch together: a file may be begun anew after each of three retries where a server takes no ranges, and pages, players'
# scripts and manifests come beside it (YouTube's are the largest, about 10 MiB).
TRAFFIC_TIMES_FILE = 4
TRAFFIC_BESIDE_BYTES = 64 * MIB


@dataclass(frozen=True, slots=True)
class Limits:
    """What one fetch may take.

    Attributes:
        max_bytes: Largest single answer, packed or unpacked; of all answers together about four times that.
        timeout_s: Seconds from `install` until everything is here; None: no end.
        programs: File names of programs that yt-dlp may start (a JavaScript runtime without network rights, say); what they do is not seen.
    """

    max_bytes: int
    timeout_s: float | None = None
    programs: tuple[str, ...] = ()

    @property
    def traffic_bytes(self) -> int:
        """Most bytes of all answers together."""
        return TRAFFIC_TIMES_FILE * self.max_bytes + TRAFFIC_BESIDE_BYTES


class Meter:
    """Counts what comes in for one fetch, from any thread, and ends it at its limits. Remembers the first reason to stop."""

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self.stopped: InputError | None = None
        self.received = 0
        self._deadline = None if limits.timeout_s is None else time.monotonic() + limits.timeout_s
        self._lock = threading.Lock()

    def left_s(self, wait_s: float) -> float:
        """Seconds to wait for the next piece: `wait_s`, less near the end.

        Raises:
            InputError: `fetch_timeout`, the end is reached.
        """
        if self._deadline is None:
            return wait_s
        left = self._deadline - time.monotonic()
        if left <= 0:
            self.stop(
                InputError(
                    f"the post was not fetched in {self.limits.timeout_s:g} s",
                    code="fetch_timeout",
                    hint="try again later, or raise sources.timeout_s",
                    retryable=True,
                )
            )
        return min(wait_s, left)

    def took(self, count: int, of_answer: int) -> None:
        """Count bytes that came in over the network now; of_answer: the size of the answer so far, or as announced, unpacked.

        Raises:
            InputError: `too_large`.
        """
        with self._lock:
            self.received += count
        if of_answer > self.limits.max_bytes or self.received > self.limits.traffic_bytes:
            limit = f"{self.limits.max_bytes / MIB:g} MiB"
            self.stop(InputError(f"more than the {limit} taken for one clip came in", code="too_large", hint="raise sources.max_mib"))

    def stop(self, error: InputError) -> NoReturn:
        """Remember why and raise it."""
        self.stopped = self.stopped or error
        raise error


class Installed:
    """What `install` made of a YoutubeDL.

    Attributes:
        meter: What has come in; `meter.stopped` is the first refusal or limit that ended a request, also where yt-dlp hid it.
    """

    def __init__(self, meter: Meter) -> None:
        self.meter = meter

    @contextmanager
    def watch(self) -> Iterator[None]:
        """Work with the YoutubeDL inside: what opens connections past the connector fails, and refusals come out as they are.

        yt-dlp passes over much that fails (a segment, a thumbnail) and goes on. A refused address or a limit is never passed over: if one
        occurred in the block, it is raised at the end at the latest.

        Raises:
            InputError: `address_not_allowed`, `scheme_not_allowed`, `bad_url`, `too_large` or `fetch_timeout`.
        """
        with only_connector(self.meter.limits.programs):
            try:
                yield
            except Exception as error:
                if self.meter.stopped is not None:
                    raise self.meter.stopped from error
                raise
        if self.meter.stopped is not None:
            raise self.meter.stopped


def install(
    ydl: Any, rules: AddressRules, limits: Limits, *, resolver: Resolver = system_resolver, tls: ssl.SSLContext | None = None
) -> Installed:
    """Make our handler the only one that this YoutubeDL sends requests by, and start the clock of the limits.

    It takes http and https with redirects, cookies, ranges, gzip and deflate. Gone with the other handlers: proxies of options and
    environment, ftp, data and file addresses, websockets, imitated browsers, `nocheckcertificate`, `source_address`.

    Args:
        ydl: A yt_dlp.YoutubeDL that has sent nothing yet.
        tls: Instead of yt-dlp's own, which verifies names against the certificates of the package certifi.
    """
    from reelscope.net.ytdlp_handler import director_of

    meter = Meter(limits)
    ydl.params["enable_file_urls"] = False
    ydl.params["nocheckcertificate"] = False
    ydl.params["concurrent_fragment_downloads"] = 1  # more at once would only hide in which order a refusal came
    ydl.params["proxy"] = ""
    # Not only the director of now: after close() the next request would have one built anew, with every handler that yt-dlp knows.
    ydl.build_request_director = lambda handlers=(), preferences=None: director_of(ydl, rules, meter, resolver, tls)
    for kept in ("_request_director", "proxies"):
        ydl.__dict__.pop(kept, None)
    return Installed(meter)
