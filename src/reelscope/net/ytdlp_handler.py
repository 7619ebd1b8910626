"""yt-dlp's urllib handler with our sockets under it. Importing this imports yt-dlp: `ytdlp.install` does when it is needed."""

from __future__ import annotations

import http.client
import io
import socket
import ssl
import string
import urllib.request
import zlib
from collections.abc import Callable
from typing import Any
from urllib.parse import quote, urljoin, urlsplit

from yt_dlp.networking import RequestDirector
from yt_dlp.networking._urllib import HTTPHandler, RedirectHandler, UrllibResponseAdapter, UrllibRH, add_accept_encoding_header
from yt_dlp.networking.exceptions import HTTPError, RequestError, TransportError
from yt_dlp.utils import DownloadCancelled

from reelscope.errors import InputError
from reelscope.net.addresses import AddressRules
from reelscope.net.connector import MOST_REDIRECTS, Resolver, connect
from reelscope.net.ytdlp import MIB, Meter

__all__ = ["ConnectorRH", "Stopped", "director_of"]

# What is read whole (pages, manifests, keys) goes into memory; TikTok's pages have 1 MiB, YouTube's scripts 3. Media comes in pieces.
PAGE_BYTES = 32 * MIB
CHUNK_BYTES = 64 * 1024
_ENCODINGS = ("gzip", "deflate")
MOST_ENCODINGS = 2  # one over the other happens by mistake; each more multiplies what a small answer becomes


class Stopped(RequestError, DownloadCancelled):
    """A refusal or a limit. yt-dlp tries failed requests again and passes over lost segments, but ends all work at a DownloadCancelled."""

    def __init__(self, error: InputError) -> None:
        super().__init__(error.message, cause=error)


def director_of(ydl: Any, rules: AddressRules, meter: Meter, resolver: Resolver, tls: ssl.SSLContext | None) -> RequestDirector:
    """A director with our handler alone, set up from the options of `ydl` that concern no connection."""
    handler = ConnectorRH(
        rules=rules,
        meter=meter,
        resolver=resolver,
        tls=tls,
        logger=_Silent(ydl),
        headers=ydl.params["http_headers"].copy(),
        cookiejar=ydl.cookiejar,
        timeout=ydl.params.get("socket_timeout"),
        legacy_ssl_support=bool(ydl.params.get("legacyserverconnect")),
    )
    director = RequestDirector(logger=handler._logger)
    director.add_handler(handler)
    return director


class _Silent:
    """What the director wants of a logger. Its unexpected errors are raised as well, and its chatter may hold addresses with secrets."""

    def __init__(self, ydl: Any) -> None:
        self._ydl = ydl

    def stdout(self, message: str) -> None:
        pass

    def stderr(self, message: str) -> None:
        pass

    def error(self, message: str, **_: Any) -> None:
        self._ydl.write_debug(message)


class ConnectorRH(UrllibRH):
    """Sends requests over `connect`; follows redirects, keeps cookies, unpacks, counts."""

    _SUPPORTED_URL_SCHEMES = ("http", "https")
    _SUPPORTED_PROXY_SCHEMES = None  # not looked at: proxies are ignored
    _SUPPORTED_FEATURES = None

    def __init__(self, *, rules: AddressRules, meter: Meter, resolver: Resolver, tls: ssl.SSLContext | None, **options: Any) -> None:
        super().__init__(proxies={}, source_address=None, verify=True, **options)
        self._rules = rules
        self._meter = meter
        self._resolver = resolver
        self._tls = tls

    def check(self, url: str) -> None:
        """Refuse an address before anything is opened for it.

        Raises:
            InputError: As `AddressRules.check_url`.
        """
        try:
            self._rules.check_url(url)
        except InputError as error:
            self._meter.stop(error)

    def open(self, address: tuple[str, int], timeout: float, _source: Any = None) -> socket.socket:
        """Stands where http.client calls socket.create_connection."""
        try:
            return connect(*address, self._rules, self._meter.left_s(timeout), resolver=self._resolver)
        except InputError as error:
            self._meter.stop(error)

    def _validate(self, request: Any) -> None:
        try:
            self.check(request.url)
        except InputError as error:
            raise Stopped(error) from error
        super()._validate(request)

    def _get_proxies(self, request: Any) -> dict[str, str]:
        return {}

    def _check_proxies(self, proxies: Any) -> None:
        pass

    def _prepare_headers(self, request: Any, headers: Any) -> None:
        add_accept_encoding_header(headers, list(_ENCODINGS))

    def _create_instance(self, proxies: Any, cookiejar: Any, legacy_ssl_support: bool | None = None) -> urllib.request.OpenerDirector:
        opener = urllib.request.OpenerDirector()
        opener.addheaders = []
        for handler in (
            _Http(self, self._tls or self._make_sslcontext(legacy_ssl_support=legacy_ssl_support)),
            _Redirects(self),
            urllib.request.HTTPCookieProcessor(cookiejar),
            urllib.request.HTTPDefaultErrorHandler(),
            urllib.request.HTTPErrorProcessor(),
            urllib.request.UnknownHandler(),
        ):
            opener.add_handler(handler)
        return opener

    def _send(self, request: Any) -> _Answer:
        try:
            return _Answer(super()._send(request), self._meter)
        except InputError as error:
            raise Stopped(error) from error
        except HTTPError as error:
            raise HTTPError(_Answer(error.response, self._meter), redirect_loop=error.redirect_loop) from error


class _Http(HTTPHandler):
    """Opens http and https through the handler; leaves answers packed, `_Answer` unpacks them piece by piece."""

    def __init__(self, owner: ConnectorRH, context: ssl.SSLContext) -> None:
        super().__init__(context=context)
        self._owner = owner

    def http_request(self, request: urllib.request.Request) -> urllib.request.Request:
        request = super().http_request(request)
        self._owner.check(request.full_url)
        return request

    def http_response(self, request: Any, response: Any) -> Any:
        return response

    def http_open(self, request: urllib.request.Request) -> http.client.HTTPResponse:
        return self.do_open(self._made(http.client.HTTPConnection), request)

    def https_open(self, request: urllib.request.Request) -> http.client.HTTPResponse:
        return self.do_open(self._made(http.client.HTTPSConnection), request, context=self._context)

    https_request = http_request
    https_response = http_response

    def _made(self, kind: type[http.client.HTTPConnection]) -> Callable[..., http.client.HTTPConnection]:
        def make(*args: Any, **options: Any) -> http.client.HTTPConnection:
            connection = kind(*args, **options)
            connection._create_connection = self._owner.open
            wait_s = connection.timeout

            def response(sock: socket.socket, *rest: Any, **more: Any) -> http.client.HTTPResponse:
                return http.client.HTTPResponse(_Counted(sock, self._owner._meter, wait_s), *rest, **more)

            connection.response_class = response
            return connection

        return make


class _Redirects(RedirectHandler):
    """Each hop is judged before anything of it is done."""

    max_redirections = MOST_REDIRECTS

    def __init__(self, owner: ConnectorRH) -> None:
        self._owner = owner

    def http_error_302(self, request: Any, response: Any, code: int, message: str, headers: Any) -> Any:
        place = headers.get("location") or headers.get("uri")
        if place:
            # As urllib will write it: the bytes of other scripts and spaces percent-encoded.
            written = quote(place, encoding="iso-8859-1", safe=string.punctuation)
            try:
                self._owner.check(urljoin(request.full_url, written))
            except InputError:
                response.close()
                raise
        response.read = lambda amount=None: b""  # nobody wants the body of a redirect, and urllib would read all of it into memory
        return super().http_error_302(request, response, code, message, headers)

    http_error_301 = http_error_303 = http_error_307 = http_error_308 = http_error_302

    def redirect_request(self, request: Any, response: Any, code: int, message: str, headers: Any, url: str) -> Any:
        made = super().redirect_request(request, response, code, message, headers, url)
        if urlsplit(url).netloc.lower() != urlsplit(request.full_url).netloc.lower():
            made.remove_header("Authorization")  # meant for the host that it was sent to
        return made


class _Counted:
    """A socket as http.client's response reads it: every wait ends by the meter's clock, every byte is counted."""

    def __init__(self, sock: socket.socket, meter: Meter, wait_s: float) -> None:
        self._sock, self._meter, self._wait_s = sock, meter, wait_s

    def makefile(self, mode: str) -> io.BufferedReader:
        return io.BufferedReader(_CountedRaw(self._sock, self._meter, self._wait_s))


class _CountedRaw(io.RawIOBase):
    """The bytes under it."""

    def __init__(self, sock: socket.socket, meter: Meter, wait_s: float) -> None:
        super().__init__()
        self._sock, self._meter, self._wait_s = sock, meter, wait_s
        self._raw = sock.makefile("rb", buffering=0)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        self._sock.settimeout(self._meter.left_s(self._wait_s))
        try:
            count = self._raw.readinto(buffer) or 0
        except TimeoutError:
            self._meter.left_s(self._wait_s)  # where all time is over, that is the reason
            raise
        self._meter.took(count, 0)
        return count

    def close(self) -> None:
        if not self.closed:
            self._raw.close()
        super().close()


class _Unpacker:
    """Takes gzip or deflate out of what it is given, in pieces: a megabyte that unpacks to a gigabyte is never in memory as a whole."""

    def __init__(self, encoding: str) -> None:
        self._gzip = encoding == "gzip"
        self._engine: Any = None
        self._tail = b""
        self._ended = False

    def read(self, amount: int, source: Callable[[int], bytes]) -> bytes:
        """At least one and at most `amount` bytes (a few more at the very end) of what `source` gives; none once all is read.

        Raises:
            zlib.error: The data is damaged or ends early.
        """
        while not self._ended:
            packed = self._tail or source(CHUNK_BYTES)
            if not packed:
                self._ended = True
                if self._engine is None:  # no body at all
                    return b""
                rest = self._engine.flush()
                if not self._engine.eof:
                    raise zlib.error("the data ends early")
                return rest
            self._engine = self._engine or zlib.decompressobj(self._window(packed))
            out = self._engine.decompress(packed, amount)
            self._tail = self._engine.unconsumed_tail
            self._ended = self._engine.eof  # what some servers send behind it is not looked at
            if out:
                return out
        return b""

    def _window(self, start: bytes) -> int:
        if self._gzip:
            return zlib.MAX_WBITS | 16
        # "deflate" means deflate in a zlib envelope (RFC 1950), but some servers leave the envelope out
        enveloped = len(start) > 1 and start[0] & 15 == 8 and int.from_bytes(start[:2], "big") % 31 == 0
        return zlib.MAX_WBITS if enveloped else -zlib.MAX_WBITS


class _Answer(UrllibResponseAdapter):
    """yt-dlp's response: unpacked while it is read, limits raised as `Stopped`."""

    def __init__(self, plain: UrllibResponseAdapter, meter: Meter) -> None:
        super().__init__(plain.fp)
        self._plain = plain  # closes what we read when it is no longer held
        self._meter = meter
        self._received = 0
        # The encodings stand in the order in which they were applied. Any that we did not offer is left as it is.
        packed = [e.strip().lower() for e in self.headers.get("Content-Encoding", "").split(",")]
        self._unpackers = [_Unpacker(e) for e in reversed(packed) if e in _ENCODINGS][:MOST_ENCODINGS]
        try:
            meter.took(0, self.fp.length or 0)  # an announced size is refused before any of it comes
        except InputError as error:
            self.close()
            raise Stopped(error) from error

    def read(self, amt: int | None = None) -> bytes:
        try:
            return self._whole() if amt is None or amt < 0 else self._counted(amt)
        except InputError as error:
            self.close()
            raise Stopped(error) from error
        except zlib.error as error:
            raise TransportError("the answer is damaged: it cannot be unpacked", cause=error) from error

    def _counted(self, amount: int) -> bytes:
        piece = self._pulled(amount, len(self._unpackers))
        self._received += len(piece)
        self._meter.took(0, self._received)
        if amount and not piece:
            self.close()
        return piece

    def _pulled(self, amount: int, unpackers: int) -> bytes:
        """A piece that went through so many of the unpackers."""
        if unpackers == 0:
            return super().read(amount)
        return self._unpackers[unpackers - 1].read(amount, lambda packed: self._pulled(packed, unpackers - 1))

    def _whole(self) -> bytes:
        length = self.fp.length
        if not self._unpackers and length is not None and length <= PAGE_BYTES:
            return super().read()  # tells when the answer ended early
        parts, size = [], 0
        while piece := self._counted(CHUNK_BYTES):
            parts.append(piece)
            size += len(piece)
            if size > PAGE_BYTES:
                self._meter.stop(InputError(f"a page of more than {PAGE_BYTES // MIB} MiB came in", code="too_large"))
        return b"".join(parts)
