"""What yt-dlp's failures mean: one of a few codes, a sentence of our own, and what to do about it.

yt-dlp's messages name signed addresses and, at times, what a page sent. None of that is repeated where it could hold a secret.
"""

from __future__ import annotations

import re
import socket
from collections.abc import Iterator
from typing import Any

from yt_dlp.networking.exceptions import CertificateVerifyError, HTTPError, RequestError, TransportError, UnsupportedRequest
from yt_dlp.utils import ContentTooShortError, ExtractorError, GeoRestrictedError, UnsupportedError, UserNotLive, YoutubeDLError

from reelscope.errors import InputError, MediaError, ReelscopeError

__all__ = ["explain", "refused", "without_secrets"]

COOKIES = "log in with a browser, export its cookies of this site in Netscape format and set sources.cookies"
LATER = "wait and try again; cookies of an account (sources.cookies) are often allowed more"
BROWSER = "open the post in a browser and see what it says"
LONGEST = 200  # characters of a foreign message

# Words in yt-dlp's messages, in the order in which they decide: a login page says "not available" too.
_WORDS: tuple[tuple[str, str], ...] = (
    (r"drm protected|drm-protected", "drm"),
    (r"rate.?limit|too many requests|try again later", "rate_limited"),
    (r"ip address is blocked|geo.?restrict|not available (?:in|from) your (?:country|location|region)|in your country", "geo_blocked"),
    (
        r"private (?:video|account|post)|(?:account|video|post|user) is (?:either |likely )*private|do not have permission|"
        r"follow this account",
        "post_private",
    ),
    (
        r"log ?in|sign in|registered users|authentication|--cookies|cookies are (?:needed|no longer)|confirm your age|age.restricted|"
        r"comfortable for some audiences|members.only|empty media response",
        "login_needed",
    ),
    (r"not currently live|premieres in|will begin in|is offline|live event", "live"),
    (
        r"unavailable|not available|no longer|removed|deleted|does not exist|not found|has been terminated|doesn't exist|"
        r"does not have any videos|status code",
        "post_gone",
    ),
    (r"did not get any data blocks|downloaded file is empty", "no_file"),
    (r"no video in this post|no video formats|no media|there's no video|no formats", "no_media"),
    (r"unsupported url|no suitable extractor|is not a valid url", "unsupported_url"),
)


def explain(error: BaseException, where: str) -> ReelscopeError:
    """The error to tell for what was raised while a post was fetched. where: its address for messages."""
    chain = list(_chain(error))
    for part in chain:
        if isinstance(part, ReelscopeError):
            return _named(part, where)
    for part in chain:
        if isinstance(part, HTTPError):
            return refused(part.status, where)
    # the cause says more than what was made of it on the way
    for part in sorted(chain, key=lambda part: isinstance(part, YoutubeDLError)):
        found = _network(part, where)
        if found is not None:
            return found
    for part in chain:
        if isinstance(part, GeoRestrictedError):
            return _known("geo_blocked", where)
        if isinstance(part, UserNotLive):
            return _known("live", where)
        if isinstance(part, UnsupportedError):
            return _known("unsupported_url", where)
    if any(isinstance(part, MemoryError) for part in chain):
        return InputError(f"{where}: the page is too large to be read", code="too_large", hint=BROWSER)
    # what an extractor says is more to the point than what was made of it on the way
    for part in sorted(chain, key=lambda part: not isinstance(part, ExtractorError)):
        if isinstance(part, YoutubeDLError):
            return _worded(part, where)
    return MediaError(
        f"{where}: reading the page failed ({type(error).__name__} in yt-dlp)",
        code="extractor_failed",
        hint="the site may have changed: a newer yt-dlp may help",
    )


def _named(error: ReelscopeError, where: str) -> ReelscopeError:
    """An error of our own: limits and refusals say nothing of the post, so its address is put in front."""
    if error.code == "fetch_timeout":
        return MediaError(f"{where}: {error.message}", code="timeout", hint=error.hint, retryable=True)
    if where in error.message:
        return error
    return type(error)(f"{where}: {error.message}", code=error.code, hint=error.hint, retryable=error.retryable)


def refused(status: int, where: str) -> ReelscopeError:
    """The error for an HTTP status of a page or a file."""
    if status == 429:
        return _known("rate_limited", where)
    if status in (404, 410):
        return _known("post_gone", where)
    if status == 401:
        return _known("login_needed", where)
    if status == 451:
        return _known("geo_blocked", where)
    if status == 408 or status >= 500:
        return MediaError(f"{where}: the site fails (HTTP {status})", code="network_failed", hint="try again later", retryable=True)
    return InputError(f"{where}: the site refuses (HTTP {status})", code="refused", hint=f"{BROWSER}; if it wants a login: {COOKIES}")


def without_secrets(text: str) -> str:
    """A foreign message in one bounded line: addresses cut down to their host, yt-dlp's requests for bug reports left out."""
    text = re.split(r"; please report this issue|\. Use --cookies|\. See {2}https", text, maxsplit=1)[0]
    text = re.sub(r"(?i)\b[a-z][a-z0-9+.-]*://([^\s/?#'\"<>]+)[^\s'\"<>]*", lambda m: m[1].rpartition("@")[2], text)
    text = re.sub(r"\x1b\[[0-9;]*m", "", text)
    text = re.sub(r"[\w%+/=-]{40,}", "…", text)  # keys and signatures
    text = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    text = re.sub(r"^(?:ERROR: )?(?:\[[\w:+-]+\] )?(?:[\w.-]+: )?", "", text)
    return text if len(text) <= LONGEST else text[: LONGEST - 1] + "…"


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    """An error and all that it came from: yt-dlp keeps causes in several places."""
    seen: set[int] = set()
    waiting: list[Any] = [error]
    while waiting:
        part = waiting.pop(0)
        if not isinstance(part, BaseException) or id(part) in seen:
            continue
        seen.add(id(part))
        yield part
        info = getattr(part, "exc_info", None)
        waiting += [getattr(part, "cause", None), info[1] if isinstance(info, tuple) and len(info) > 1 else None]
        waiting += getattr(part, "unexpected_errors", None) or []
        waiting += [getattr(part, "reason", None), part.__cause__, part.__context__]


def _network(part: BaseException, where: str) -> ReelscopeError | None:
    if isinstance(part, CertificateVerifyError):
        return MediaError(
            f"{where}: its certificate is not valid", code="network_failed", hint="a login page of the network? open it in a browser"
        )
    if isinstance(part, TimeoutError):
        return MediaError(f"{where}: no answer in time", code="timeout", hint="try again later", retryable=True)
    if isinstance(part, PermissionError) and "refused" in str(part):  # net.guard: something went round the filtering connector
        return InputError(f"{where}: wants a connection or a program that is not allowed", code="unsupported_url", hint=BROWSER)
    if isinstance(part, UnsupportedRequest):
        return InputError(f"{where}: needs a kind of connection that is not made", code="unsupported_url", hint=BROWSER)
    if isinstance(part, socket.gaierror):
        return MediaError(
            f"{where}: its host is not known", code="network_failed", hint="check the address and the network", retryable=True
        )
    if isinstance(part, TransportError):
        if any(isinstance(p, TimeoutError) or "timed out" in str(p) for p in _chain(part)):
            return MediaError(f"{where}: no answer in time", code="timeout", hint="try again later", retryable=True)
        return MediaError(f"{where}: the connection failed or broke off", code="network_failed", hint="try again later", retryable=True)
    if isinstance(part, ContentTooShortError):
        return MediaError(f"{where}: the connection broke off", code="network_failed", hint="try again later", retryable=True)
    return None


def _worded(error: YoutubeDLError, where: str) -> ReelscopeError:
    text = str(getattr(error, "orig_msg", None) or error)
    for words, code in _WORDS:
        if re.search(words, text, re.IGNORECASE):
            return _known(code, where)
    if isinstance(error, RequestError):
        return MediaError(f"{where}: the connection failed", code="network_failed", hint="try again later", retryable=True)
    told = without_secrets(text) if isinstance(error, ExtractorError) else type(error).__name__
    return MediaError(
        f"{where}: the page cannot be read: {told}", code="extractor_failed", hint="the site may have changed: a newer yt-dlp may help"
    )


def _known(code: str, where: str) -> ReelscopeError:
    if code == "rate_limited":
        return MediaError(f"{where}: the site wants fewer requests for now", code=code, hint=LATER, retryable=True)
    if code == "no_file":
        return MediaError(f"{where}: the site sent an empty file", code=code, hint="try again later", retryable=True)
    sentences = {
        "login_needed": ("the site wants a login for this post", COOKIES),
        "post_private": ("this post is private", f"with an account that may see it: {COOKIES}"),
        "post_gone": ("there is no such post (any more)", BROWSER),
        "geo_blocked": ("this post is not shown in the country of this machine", BROWSER),
        "live": ("this is a live stream or has not begun, not a clip", "fetch it once it has ended"),
        "no_media": ("there is no video in this post", BROWSER),
        "unsupported_url": ("no video was found at this address", "give the address of one post, or of a file such as .mp4"),
        "drm": ("this post is protected against copying (DRM)", "analyse a recording of your own"),
    }
    sentence, hint = sentences[code]
    return InputError(f"{where}: {sentence}", code="no_media" if code == "drm" else code, hint=hint)
