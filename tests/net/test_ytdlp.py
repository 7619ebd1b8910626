"""The real yt-dlp behind the connector: extractors and downloaders reach public hosts, and nothing else, whatever a manifest says."""

from __future__ import annotations

import contextlib
import gc
import gzip
import socket
import ssl
import subprocess
import sys
import threading
import time
import zlib
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import yt_dlp
from yt_dlp.networking import Request
from yt_dlp.networking.exceptions import CertificateVerifyError, HTTPError, RequestError, TransportError

from reelscope.errors import InputError
from reelscope.net import Installed, Limits, install
from reelscope.net.ytdlp_handler import PAGE_BYTES, Stopped
from tests.net.hostile import NAMES, URLS
from tests.net.stubs import PUBLIC, RULES, Answer, Handler, Names, Site, Trap

REFUSED = {"scheme_not_allowed", "address_not_allowed", "bad_url"}
MIB = 1024 * 1024
# yt-dlp leaves the file that it writes open where an error ends it.
pytestmark = pytest.mark.filterwarnings("ignore:unclosed file:ResourceWarning")
TLS = ssl.create_default_context()  # made once: reading the certificates takes longer than most tests
LIMITS = Limits(max_bytes=4 * MIB, timeout_s=300.0)
WAIT_S = 60.0
TS = bytes([0x47]) + bytes(187)  # one packet of a transport stream


def names(**more: Any) -> Names:
    return Names(**NAMES, **{"cdn.example": [PUBLIC], "other.example": [PUBLIC]}, **more)


class Downloader:
    """A YoutubeDL in a folder of its own, installed behind the connector."""

    def __init__(self, folder: Path, limits: Limits = LIMITS, resolver: Names | None = None, **options: Any) -> None:
        self.folder = folder
        self.resolver = resolver or names()
        self.ydl = yt_dlp.YoutubeDL(
            {
                "quiet": True,
                "no_warnings": True,
                "noprogress": True,
                "cachedir": False,
                "retries": 0,
                "fragment_retries": 0,
                "extractor_retries": 0,
                "socket_timeout": WAIT_S,
                "fixup": "never",
                "outtmpl": str(folder / "%(id)s.%(ext)s"),
                **options,
            }
        )
        self.installed: Installed = install(self.ydl, RULES, limits, resolver=self.resolver, tls=TLS)

    def fetch(self, url: str) -> Any:
        with self.installed.watch():
            return self.ydl.extract_info(url)

    def read(self, url: str | Request) -> bytes:
        with self.installed.watch(), self.ydl.urlopen(url) as answer:
            return answer.read()

    def files(self) -> dict[str, bytes]:
        return {p.name: p.read_bytes() for p in self.folder.iterdir()}


@pytest.fixture(autouse=True, scope="module")
def nothing_left_open() -> Iterator[None]:
    """What yt-dlp left open goes while these tests' filter of warnings still holds."""
    yield
    gc.collect()


@pytest.fixture
def make(tmp_path: Path) -> Iterator[Any]:
    made: list[Downloader] = []

    def one(limits: Limits = LIMITS, resolver: Names | None = None, **options: Any) -> Downloader:
        made.append(Downloader(tmp_path, limits, resolver, **options))
        return made[-1]

    yield one
    for each in made:
        each.ydl.close()


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[yt_dlp.YoutubeDL]:
    """One YoutubeDL for the tables: making one takes longer than their tests."""
    with yt_dlp.YoutubeDL({"quiet": True, "cachedir": False, "socket_timeout": WAIT_S}) as made:
        yield made


def redirect(place: str, code: int = 302) -> Answer:
    return code, {"Location": place}, b"moved"


def manifest(*lines: str) -> Answer:
    text = "\n".join(("#EXTM3U", "#EXT-X-VERSION:3", "#EXT-X-TARGETDURATION:2", *lines, "#EXT-X-ENDLIST", ""))
    return 200, {"Content-Type": "application/vnd.apple.mpegurl"}, text.encode()


class TestHandler:
    def test_ours_is_the_only_one(self, make: Any) -> None:
        ydl = make().ydl
        assert list(ydl._request_director.handlers) == ["Connector"]
        ydl.close()
        assert list(ydl._request_director.handlers) == ["Connector"], "after close() a new director is built"

    def test_headers_cookies_posts_and_ranges(self, make: Any, site: Site, no_other_lookups: None) -> None:
        loader = make()
        site.pages["/set"] = (200, {"Set-Cookie": "a=b; Path=/"}, b"set")
        site.pages["/get"] = (206, {"Content-Range": "bytes 1-2/9"}, b"12")
        assert loader.read(site.url("/set")) == b"set"
        assert loader.read(Request(site.url("/get"), data=b"posted", headers={"Range": "bytes=1-2", "Referer": "x"})) == b"12"
        method, _, headers, body = site.asked[1]
        assert (method, headers["Cookie"], headers["Range"], headers["Referer"], body) == ("POST", "a=b", "bytes=1-2", "x", b"posted")
        assert headers["Host"] == f"cdn.example:{site.port}" and headers["Accept-Encoding"] == "gzip, deflate"
        assert loader.resolver.asked == ["cdn.example"] * 2

    @pytest.mark.parametrize(
        ("encoding", "body"),
        [
            ("gzip", gzip.compress(b"hello" * 1000)),
            ("deflate", zlib.compress(b"hello" * 1000)),
            ("deflate", zlib.compress(b"hello" * 1000, wbits=-15)),
            ("gzip, gzip", gzip.compress(gzip.compress(b"hello" * 1000))),
            ("GZIP", gzip.compress(b"hello" * 1000) + b"junk behind"),
            ("identity", b"hello" * 1000),
            ("", b"hello" * 1000),
        ],
        ids=["gzip", "deflate", "bare deflate", "twice", "capitals and junk", "identity", "none"],
    )
    def test_packed_answers(self, make: Any, site: Site, encoding: str, body: bytes) -> None:
        site.pages["/"] = (200, {"Content-Encoding": encoding}, body)
        loader = make()
        assert loader.read(site.url("/")) == b"hello" * 1000
        with loader.installed.watch(), loader.ydl.urlopen(site.url("/")) as answer:
            pieces = iter(lambda: answer.read(7), b"")
            assert b"".join(pieces) == b"hello" * 1000

    @pytest.mark.parametrize("body", [gzip.compress(b"hello" * 1000)[:-9], b"not packed at all"], ids=["cut", "plain"])
    def test_damaged_packing_is_an_error_of_transport(self, make: Any, site: Site, body: bytes) -> None:
        site.pages["/"] = (200, {"Content-Encoding": "gzip"}, body)
        with pytest.raises(TransportError, match="damaged"):
            make().read(site.url("/"))

    def test_an_empty_packed_answer(self, make: Any, site: Site) -> None:
        site.pages["/"] = (200, {"Content-Encoding": "gzip"}, b"")
        assert make().read(site.url("/")) == b""
        with make().ydl.urlopen(Request(site.url("/"), method="HEAD")) as answer:
            assert answer.read() == b"" and answer.status == 200

    def test_an_answer_that_breaks_off(self, make: Any, site: Site) -> None:
        site.pages["/"] = (200, {"Content-Length": "100", "Connection": "close"}, b"short")
        with pytest.raises(TransportError):
            make().read(site.url("/"))

    def test_errors_keep_their_body(self, make: Any, site: Site) -> None:
        site.pages["/"] = (403, {"Content-Encoding": "gzip"}, gzip.compress(b"why"))
        with pytest.raises(HTTPError) as caught:
            make().read(site.url("/"))
        assert caught.value.status == 403 and caught.value.response.read() == b"why"

    def test_redirects_are_followed_and_secrets_stay_behind(self, make: Any, site: Site) -> None:
        site.pages |= {"/1": redirect("/2"), "/2": redirect(site.url("/3", "other.example"), 307), "/3": (200, {}, b"there")}
        assert make().read(Request(site.url("/1"), headers={"Authorization": "hunter2"})) == b"there"
        assert [headers.get("Authorization") for _, _, headers, _ in site.asked] == ["hunter2", "hunter2", None]

    def test_a_redirect_to_a_path_in_another_script(self, make: Any, site: Site) -> None:
        site.pages |= {"/": redirect("/a \xe2\x80\x93"), "/a%20%E2%80%93": (200, {}, b"there")}
        assert make().read(site.url("/")) == b"there"

    def test_an_endless_chain(self, make: Any, site: Site) -> None:
        site.pages["/"] = redirect("/")
        with pytest.raises(HTTPError, match="loop"):
            make().read(site.url("/"))

    def test_the_body_of_a_redirect_is_not_read(self, make: Any, site: Site) -> None:
        site.pages |= {"/": (302, {"Location": "/end"}, b"x" * 8 * MIB), "/end": (200, {}, b"there")}
        loader = make()
        assert loader.read(site.url("/")) == b"there"
        assert loader.installed.meter.received < MIB

    def test_proxies_are_ignored(self, tmp_path: Path, site: Site, forbidden: Trap, monkeypatch: pytest.MonkeyPatch) -> None:
        proxy = f"http://127.0.0.1:{forbidden.port}"
        for variable in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
            monkeypatch.setenv(variable, proxy)
        site.pages["/"] = (200, {}, b"direct")
        loader = Downloader(tmp_path, proxy=proxy, geo_verification_proxy=proxy, source_address="127.0.0.1")
        with loader.ydl:
            assert loader.read(Request(site.url("/"), proxies={"all": proxy}, headers={"Ytdl-Request-Proxy": proxy})) == b"direct"


class TestTls:
    def test_the_name_that_was_asked_for_is_verified(
        self, shared: yt_dlp.YoutubeDL, secure: Site, trusted: ssl.SSLContext, no_other_lookups: None
    ) -> None:
        with install(shared, RULES, LIMITS, resolver=names(), tls=trusted).watch():
            with shared.urlopen(secure.url("/")) as answer:
                assert answer.read() == b"secret"
            for host in ("other.example", PUBLIC):
                with pytest.raises(CertificateVerifyError):
                    shared.urlopen(secure.url("/", host))

    def test_an_unknown_issuer_is_refused(self, make: Any, secure: Site) -> None:
        loader = make(nocheckcertificate=True)
        installed = install(loader.ydl, RULES, LIMITS, resolver=names())
        with installed.watch(), pytest.raises(CertificateVerifyError):
            loader.ydl.urlopen(secure.url("/"))

    def test_https_to_a_private_address_ends_before_tls(self, make: Any, forbidden: Trap) -> None:
        with pytest.raises(InputError):
            make().read(f"https://loopback.example:{forbidden.port}/")


class TestHostile:
    @pytest.mark.parametrize("url", URLS.values(), ids=URLS)
    def test_addresses(self, shared: yt_dlp.YoutubeDL, forbidden: Trap, connected: list[Any], no_other_lookups: None, url: str) -> None:
        installed = install(shared, RULES, LIMITS, resolver=names(), tls=TLS)
        with pytest.raises((InputError, RequestError, ValueError)), installed.watch():  # yt-dlp itself cannot read some of them
            shared.urlopen(url.format(port=forbidden.port)).close()
        # It takes credentials out of an address by itself: two of them lead to the public host at their end, where nobody answers.
        assert {address for address, *_ in connected} <= {PUBLIC}

    @pytest.mark.parametrize("url", [url for url in URLS.values() if url and url.isascii() and not set(url) & set("\r\n\0")])
    def test_redirects(self, shared: yt_dlp.YoutubeDL, site: Site, forbidden: Trap, connected: list[Any], url: str) -> None:
        installed = install(shared, RULES, LIMITS, resolver=names(), tls=TLS)
        site.pages["/"] = redirect(url.format(port=forbidden.port))
        with pytest.raises((InputError, RequestError)), installed.watch():
            shared.urlopen(site.url("/")).close()
        assert {address for address, *_ in connected} == {PUBLIC}

    def test_a_chain(self, make: Any, site: Site, forbidden: Trap) -> None:
        site.pages |= {"/1": redirect("/2"), "/2": redirect("/3"), "/3": redirect(f"//third.example:{forbidden.port}/")}
        with pytest.raises(InputError) as caught:
            make().read(site.url("/1"))
        assert caught.value.code == "address_not_allowed" and site.paths() == ["/1", "/2", "/3"]

    def test_rebinding(self, make: Any, site: Site, forbidden: Trap, connected: list[Any]) -> None:
        site.pages["/"] = (200, {}, b"harmless")
        loader = make(resolver=Names(rebinding_example=[[PUBLIC], ["127.0.0.1"]]))
        assert loader.read(site.url("/", "rebinding.example")) == b"harmless"
        with pytest.raises(InputError):
            loader.read(f"http://rebinding.example:{forbidden.port}/")
        assert connected == [(PUBLIC, site.port)]

    def test_a_refusal_ends_everything_and_is_not_tried_again(self, make: Any, forbidden: Trap) -> None:
        loader = make(retries=10, extractor_retries=10, ignoreerrors=True)
        with pytest.raises(InputError) as caught:
            loader.fetch(f"http://intranet.example:{forbidden.port}/a.mp4")
        assert caught.value.code == "address_not_allowed"
        assert loader.resolver.asked == ["intranet.example"]

    def test_a_refusal_that_somebody_swallows_is_raised_at_the_end(self, make: Any, forbidden: Trap) -> None:
        loader = make()
        with pytest.raises(InputError), loader.installed.watch(), contextlib.suppress(Stopped):
            loader.ydl.urlopen(f"http://127.0.0.1:{forbidden.port}/")


class TestManifests:
    """Each case has its harmless twin, so that it is the forbidden address and nothing else that ends the fetch."""

    @pytest.fixture(params=["127.0.0.1", "[::ffff:127.0.0.1]", "loopback.example"])
    def inside(self, request: pytest.FixtureRequest, forbidden: Trap) -> str:
        return f"http://{request.param}:{forbidden.port}"

    def expect_refused(self, loader: Downloader, url: str) -> None:
        with pytest.raises(InputError) as caught:
            loader.fetch(url)
        assert caught.value.code in REFUSED

    def test_harmless_hls(self, make: Any, site: Site, no_other_lookups: None) -> None:
        site.pages |= {
            "/a.m3u8": manifest("#EXTINF:2,", "1.ts", "#EXTINF:2,", site.url("/2.ts", "other.example")),
            "/1.ts": (200, {}, TS),
            "/2.ts": (200, {}, TS * 2),
        }
        loader = make()
        loader.fetch(site.url("/a.m3u8"))
        assert list(loader.files().values()) == [TS * 3]
        assert set(loader.resolver.asked) == {"cdn.example", "other.example"}

    def test_second_segment(self, make: Any, site: Site, inside: str) -> None:
        site.pages |= {"/a.m3u8": manifest("#EXTINF:2,", "1.ts", "#EXTINF:2,", f"{inside}/2.ts"), "/1.ts": (200, {}, TS)}
        self.expect_refused(make(), site.url("/a.m3u8"))
        assert "/1.ts" in site.paths()

    def test_second_segment_redirects(self, make: Any, site: Site, inside: str) -> None:
        site.pages |= {
            "/a.m3u8": manifest("#EXTINF:2,", "1.ts", "#EXTINF:2,", "2.ts"),
            "/1.ts": (200, {}, TS),
            "/2.ts": redirect(f"{inside}/2.ts"),
        }
        self.expect_refused(make(), site.url("/a.m3u8"))

    def test_second_segment_is_a_file(self, make: Any, site: Site) -> None:
        site.pages |= {"/a.m3u8": manifest("#EXTINF:2,", "1.ts", "#EXTINF:2,", "file:///etc/passwd"), "/1.ts": (200, {}, TS)}
        loader = make()
        with pytest.raises(InputError) as caught:
            loader.fetch(site.url("/a.m3u8"))
        assert caught.value.code == "scheme_not_allowed"
        assert b"root:" not in b"".join(loader.files().values())

    def test_segments_of_one_host_that_moves_inside(self, make: Any, site: Site, forbidden: Trap, connected: list[Any]) -> None:
        site.pages |= {
            "/a.m3u8": manifest("#EXTINF:2,", "1.ts", "#EXTINF:2,", f"http://rebinding.example:{forbidden.port}/2.ts"),
            "/1.ts": (200, {}, TS),
        }
        moving = Names(cdn_example=[PUBLIC], rebinding_example=["127.0.0.1"])
        self.expect_refused(make(resolver=moving), site.url("/a.m3u8"))
        assert {address for address, *_ in connected} == {PUBLIC}

    def test_key_of_a_segment(self, make: Any, site: Site, inside: str) -> None:
        site.pages |= {
            "/a.m3u8": manifest(f'#EXT-X-KEY:METHOD=AES-128,URI="{inside}/key"', "#EXTINF:2,", "1.ts"),
            "/1.ts": (200, {}, TS),
        }
        self.expect_refused(make(), site.url("/a.m3u8"))

    def test_beginning_of_the_segments(self, make: Any, site: Site, inside: str) -> None:
        site.pages |= {"/a.m3u8": manifest(f'#EXT-X-MAP:URI="{inside}/init.mp4"', "#EXTINF:2,", "1.m4s"), "/1.m4s": (200, {}, TS)}
        self.expect_refused(make(), site.url("/a.m3u8"))

    def test_variant_of_a_master_playlist(self, make: Any, site: Site, inside: str) -> None:
        site.pages["/a.m3u8"] = manifest("#EXT-X-STREAM-INF:BANDWIDTH=100000,RESOLUTION=64x64", f"{inside}/v.m3u8")
        with pytest.raises((InputError, yt_dlp.utils.DownloadError)):  # it takes this for a live stream and would start ffmpeg
            make().fetch(site.url("/a.m3u8"))

    def test_manifest_that_an_extractor_names(self, make: Any, inside: str) -> None:
        loader = make()
        found = {"id": "a", "title": "a", "extractor": "x", "webpage_url": "x", "url": f"{inside}/v.m3u8", "protocol": "m3u8_native"}
        with pytest.raises(InputError) as caught, loader.installed.watch():
            loader.ydl.process_ie_result({**found, "ext": "mp4"})
        assert caught.value.code in REFUSED

    def dash(self, base: str) -> Answer:
        return (
            200,
            {"Content-Type": "application/dash+xml"},
            f"""<?xml version="1.0"?>
<MPD xmlns="urn:mpeg:dash:schema:mpd:2011" type="static" mediaPresentationDuration="PT4S" profiles="urn:mpeg:dash:profile:isoff-live:2011">
 <Period><AdaptationSet mimeType="video/mp4"><Representation id="v" bandwidth="1000" width="64" height="64" codecs="avc1.42c00d">
  <BaseURL>{base}</BaseURL>
  <SegmentTemplate media="$Number$.m4s" initialization="init.mp4" startNumber="1" duration="2" timescale="1"/>
 </Representation></AdaptationSet></Period>
</MPD>""".encode(),
        )

    def test_harmless_dash(self, make: Any, site: Site, no_other_lookups: None) -> None:
        site.pages |= {"/a.mpd": self.dash("v/"), "/v/init.mp4": (200, {}, b"i"), "/v/1.m4s": (200, {}, b"1"), "/v/2.m4s": (200, {}, b"2")}
        loader = make()
        loader.fetch(site.url("/a.mpd"))
        assert list(loader.files().values()) == [b"i12"]

    def test_base_of_a_dash_manifest(self, make: Any, site: Site, inside: str) -> None:
        site.pages["/a.mpd"] = self.dash(f"{inside}/v/")
        self.expect_refused(make(), site.url("/a.mpd"))

    def test_a_dash_segment_redirects(self, make: Any, site: Site, inside: str) -> None:
        site.pages |= {
            "/a.mpd": self.dash("v/"),
            "/v/init.mp4": (200, {}, b"i"),
            "/v/1.m4s": (200, {}, b"1"),
            "/v/2.m4s": redirect(f"{inside}/2.m4s"),
        }
        self.expect_refused(make(), site.url("/a.mpd"))

    def page(self, *, poster: str, track: str) -> Answer:
        text = (
            f'<html><body><video poster="{poster}"><source src="/clip.mp4" type="video/mp4">'
            f'<track kind="subtitles" srclang="en" src="{track}"></video></body></html>'
        )
        return 200, {"Content-Type": "text/html"}, text.encode()

    def test_harmless_page(self, make: Any, site: Site) -> None:
        site.pages |= {
            "/": self.page(poster="/p.jpg", track="/t.vtt"),
            "/clip.mp4": (200, {"Content-Type": "video/mp4"}, b"clip"),
            "/p.jpg": (200, {}, b"picture"),
            "/t.vtt": (200, {}, b"WEBVTT"),
        }
        loader = make(writethumbnail=True, writesubtitles=True)
        loader.fetch(site.url("/"))
        assert sorted(loader.files().values()) == [b"WEBVTT", b"clip", b"picture"]

    @pytest.mark.parametrize("where", ["poster", "track"])
    def test_thumbnail_and_subtitles_of_a_page(self, make: Any, site: Site, inside: str, where: str) -> None:
        files = {"poster": "/p.jpg", "track": "/t.vtt"} | {where: f"{inside}/x"}
        site.pages |= {
            "/": self.page(**files),
            "/clip.mp4": (200, {"Content-Type": "video/mp4"}, b"clip"),
            "/p.jpg": (200, {}, b"picture"),
            "/t.vtt": (200, {}, b"WEBVTT"),
        }
        self.expect_refused(make(writethumbnail=True, writesubtitles=True), site.url("/"))

    def test_a_page_that_leads_inside(self, make: Any, site: Site, inside: str) -> None:
        site.pages["/"] = (200, {"Content-Type": "text/html"}, f'<meta http-equiv="refresh" content="0;url={inside}/">'.encode())
        self.expect_refused(make(), site.url("/"))

    def test_a_live_stream_is_not_handed_to_another_program(self, make: Any, site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
        started: list[Any] = []
        run = subprocess.Popen.__init__
        monkeypatch.setattr(subprocess.Popen, "__init__", lambda self, *a, **k: (started.append(a), run(self, *a, **k))[1])
        loader = make()
        with pytest.raises(yt_dlp.utils.DownloadError), loader.installed.watch():
            loader.ydl.process_ie_result(
                {
                    "id": "live",
                    "title": "live",
                    "extractor": "x",
                    "webpage_url": "x",
                    "is_live": True,
                    "formats": [{"url": site.url("/a.m3u8"), "protocol": "m3u8", "ext": "mp4", "format_id": "1"}],
                }
            )
        assert site.asked == []


class TestLimits:
    def small(self, make: Any, **limits: Any) -> Downloader:
        return make(limits=Limits(**{"max_bytes": 100_000, "timeout_s": 300.0, **limits}))

    def expect(self, code: str, loader: Downloader, url: str) -> InputError:
        with pytest.raises(InputError) as caught:
            loader.fetch(url)
        assert caught.value.code == code
        return caught.value

    def test_an_announced_size_is_refused_before_it_comes(self, make: Any, site: Site) -> None:
        site.pages["/a.mp4"] = (200, {"Content-Type": "video/mp4"}, b"x" * 100_001)
        loader = self.small(make)
        self.expect("too_large", loader, site.url("/a.mp4"))
        assert loader.installed.meter.received < 100_000

    def test_a_size_that_is_not_announced(self, make: Any, site: Site) -> None:
        def endless(handler: Handler) -> None:
            handler.send_response(200)
            handler.send_header("Content-Type", "video/mp4")
            handler.send_header("Connection", "close")
            handler.end_headers()
            try:
                while True:
                    handler.wfile.write(b"x" * 65536)
            except OSError:
                ended.set()

        ended = threading.Event()
        site.pages["/a.mp4"] = endless
        error = self.expect("too_large", loader := self.small(make), site.url("/a.mp4"))
        assert error.hint == "raise sources.max_mib"
        assert ended.wait(WAIT_S) and loader.installed.meter.received < 32 * MIB

    def test_what_unpacks_to_much(self, make: Any, site: Site) -> None:
        bomb = gzip.compress(bytes(200 * MIB), compresslevel=1)
        site.pages["/"] = (200, {"Content-Encoding": "gzip"}, bomb)
        with pytest.raises(InputError) as caught:
            make(limits=Limits(max_bytes=50 * MIB)).read(site.url("/"))
        assert caught.value.code == "too_large"

    def test_pages_are_not_read_into_memory_without_end(self, make: Any, site: Site) -> None:
        site.pages["/"] = (200, {"Content-Encoding": "gzip"}, gzip.compress(bytes(PAGE_BYTES + 1), compresslevel=1))
        with pytest.raises(InputError, match="32 MiB"):
            make(limits=Limits(max_bytes=1024 * MIB)).read(site.url("/"))

    def test_traffic_of_many_segments(self, make: Any, site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("reelscope.net.ytdlp.TRAFFIC_BESIDE_BYTES", 0)
        segments = [line for i in range(6) for line in ("#EXTINF:2,", f"s.ts?{i}")]
        site.pages |= {"/a.m3u8": manifest(*segments), "/s.ts": (200, {}, b"x" * 90_000)}
        self.expect("too_large", self.small(make), site.url("/a.m3u8"))

    def test_a_server_that_drips(self, make: Any, site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
        now = time.monotonic  # the time ends when the site was asked, and not before
        monkeypatch.setattr("reelscope.net.ytdlp.time", SimpleNamespace(monotonic=lambda: now() + (1000.0 if site.asked else 0.0)))

        def drip(handler: Handler) -> None:
            while not left.wait(0.02):
                try:
                    handler.wfile.write(b"H")
                except OSError:
                    return

        left = threading.Event()
        site.pages["/"] = drip
        error = self.expect("fetch_timeout", self.small(make), site.url("/"))
        left.set()
        assert error.retryable and error.hint == "try again later, or raise sources.timeout_s"

    def test_a_resolver_that_hangs(self, make: Any) -> None:
        held = threading.Event()

        def slow(host: str) -> list[str]:
            held.wait(WAIT_S)
            return [PUBLIC]

        with pytest.raises((InputError, yt_dlp.utils.DownloadError)):
            make(limits=Limits(max_bytes=MIB, timeout_s=0.1), resolver=slow).fetch("http://slow.example/")
        held.set()


class TestNothingElse:
    """Code that goes past the handler fails too, while it is watched."""

    def test_connections_of_others(self, make: Any, forbidden: Trap) -> None:
        with make().installed.watch():
            for attempt in (
                lambda: socket.create_connection(("127.0.0.1", forbidden.port)),
                lambda: socket.getaddrinfo("localhost", 80),
                lambda: subprocess.run([sys.executable, "-c", "pass"], check=False),
            ):
                with pytest.raises(PermissionError):
                    attempt()

    def test_importing_the_package_does_not_import_yt_dlp(self) -> None:
        code = "import sys, reelscope.net; print([m for m in ('yt_dlp', 'httpx', 'httpcore', 'idna') if m in sys.modules])"
        assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip() == "[]"
