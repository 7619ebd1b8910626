"""Fetching for real, over loopback, in a process of its own: what sites do wrong, and what is left after it."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import psutil
import pytest

import reelscope
from reelscope.config import Settings
from reelscope.errors import ConfigError, EngineError, MediaError, OutputError, ReelscopeError
from reelscope.media import source
from reelscope.media.probe import probe
from reelscope.media.source import Fetched, fetch
from tests.clips import moving_frames, tone, write_clip
from tests.media.source.stub_site import StubSite, send, serving

SECRET = "SECRETSIGNATURE"


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_clip(tmp_path_factory.mktemp("clip") / "a.mp4", moving_frames(60), sound=tone(2))


@pytest.fixture
def site() -> Iterator[StubSite]:
    with serving() as found:
        yield found


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Where to; afterwards no process of ours is left."""
    monkeypatch.setattr(source, "BACKOFF_S", 0.01)
    (tmp_path / "got").mkdir()
    yield tmp_path / "got"
    assert fetching_processes() == []


def fetching_processes() -> list[int]:
    found = []
    for process in psutil.Process().children(recursive=True):
        with contextlib.suppress(psutil.NoSuchProcess):  # it has ended meanwhile, and may wait for its parent to notice
            if "reelscope.media.source.child" in " ".join(process.cmdline()):
                found.append(process.pid)
    return found


def settings(**sources: Any) -> Settings:
    return Settings.model_validate(
        {"sources": {"allow_private": ["127.0.0.1"], "retries": 0, **sources}, "system": {"min_free_disk_mib": 0}}
    )


def get(url: str, folder: Path, **sources: Any) -> Fetched:
    return fetch(url, folder, settings(**sources))


def failure(url: str, folder: Path, **sources: Any) -> ReelscopeError:
    """Why a fetch failed; nothing is left of it, no secret is in it."""
    with pytest.raises(ReelscopeError) as caught:
        get(url, folder, **sources)
    assert list(folder.iterdir()) == []
    error = caught.value
    assert error.hint
    assert SECRET not in f"{error.message} {error.hint}"
    return error


# --- what goes well -----------------------------------------------------------------------------------------------------------------


def test_a_direct_file(site: StubSite, folder: Path, clip: Path) -> None:
    told: list[tuple[float, float | None]] = []
    url = site.file("/a%20clip.mp4", clip) + f"?sig={SECRET}"
    got = fetch(url, folder, settings(), progress=lambda *row: told.append(row))
    assert got == Fetched(folder / "clip.mp4", url, None, "a clip.mp4")  # a file has no page: nothing is told about it
    assert got.path.read_bytes() == clip.read_bytes()
    assert list(folder.iterdir()) == [got.path]
    assert told[-1] == (clip.stat().st_size, clip.stat().st_size)


def test_a_name_that_says_nothing(site: StubSite, folder: Path, clip: Path) -> None:
    assert get(site.file("/download", clip, "application/octet-stream"), folder).path.name == "clip.mp4"


def test_a_page_that_names_its_clip(site: StubSite, folder: Path, clip: Path) -> None:
    video = {
        "@context": "https://schema.org", "@type": "VideoObject", "name": "A napkin", "description": "Folded #twice",
        "author": "Ann Example", "uploadDate": "2026-02-03T04:05:06Z", "duration": "PT2S", "contentUrl": site.file("/a.mp4", clip),
    }  # fmt: skip
    got = get(site.page("/post", f'<html><script type="application/ld+json">{json.dumps(video)}</script></html>'), folder)
    assert got.post is not None
    assert got.title == got.post["title"] == "A napkin"
    assert got.post["author"]["name"] == "Ann Example"
    assert got.post["hashtags"] == ["twice"]
    assert got.post["published_at"] == "2026-02-03T04:05:06Z"


def test_a_page_without_a_date_has_none(site: StubSite, folder: Path, clip: Path) -> None:
    page = f'<html><title>Napkins</title><meta property="og:video" content="{site.file("/a.mp4", clip)}"></html>'
    got = get(site.page("/post", page), folder)
    assert got.post is not None
    assert got.post["published_at"] is None  # the server's Last-Modified is no day of a post
    assert got.post["author"] == dict.fromkeys(("name", "handle", "id", "url", "followers"))
    assert set(got.post["counts"].values()) == {None}


def segments(tmp_path: Path) -> list[bytes]:
    parts = []
    for i in range(2):
        path = tmp_path / f"{i}.ts"
        write_clip(path, moving_frames(30, seed=i), sound=tone(1))
        parts.append(path.read_bytes())
    return parts


def playlist(*names: str, end: bool = True) -> bytes:
    lines = ["#EXTM3U", "#EXT-X-VERSION:3", "#EXT-X-TARGETDURATION:1"]
    for name in names:
        lines += ["#EXTINF:1.0,", name]
    return "\n".join(lines + ["#EXT-X-ENDLIST"] * end).encode() + b"\n"


def test_segments_become_one_file_that_browsers_play(site: StubSite, folder: Path, tmp_path: Path) -> None:
    for i, data in enumerate(segments(tmp_path)):
        site.file(f"/{i}.ts", data, "video/mp2t")
    url = site.file("/list.m3u8", playlist("0.ts", "1.ts"), "application/vnd.apple.mpegurl")
    got = get(url, folder)
    facts = probe(got.path).media
    assert got.path.name == "clip.mp4"
    assert facts.container.startswith("mov")
    assert facts.duration_s == pytest.approx(2, abs=0.2)  # though each segment's clock begins anew
    assert facts.audio is not None
    assert facts.audio.duration_s == pytest.approx(2, abs=0.2)
    assert site.count("/1.ts") == 1


def test_picture_and_sound_apart_are_put_together(site: StubSite, folder: Path, tmp_path: Path) -> None:
    write_clip(tmp_path / "v.mp4", moving_frames(60))
    write_clip(tmp_path / "s.mp4", moving_frames(2), sound=tone(2))
    master = (
        '#EXTM3U\n#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID="a",NAME="a",URI="s.m3u8"\n'
        '#EXT-X-STREAM-INF:BANDWIDTH=900000,RESOLUTION=160x120,CODECS="avc1.640028,mp4a.40.2",AUDIO="a"\nv.m3u8\n'
    )
    site.file("/v.mp4", tmp_path / "v.mp4")
    site.file("/s.mp4", tmp_path / "s.mp4")
    for name in "vs":
        site.file(f"/{name}.m3u8", playlist(f"{name}.mp4"), "application/vnd.apple.mpegurl")
    got = get(site.file("/master.m3u8", master.encode(), "application/vnd.apple.mpegurl"), folder)
    facts = probe(got.path).media
    assert (facts.width_px, facts.height_px) == (160, 120)
    assert facts.duration_s == pytest.approx(2, abs=0.1)
    assert facts.audio is not None
    assert facts.audio.duration_s == pytest.approx(2, abs=0.1)


def test_a_dash_manifest(site: StubSite, folder: Path, tmp_path: Path) -> None:
    write_clip(tmp_path / "v.mp4", moving_frames(60))
    write_clip(tmp_path / "s.mp4", moving_frames(2), sound=tone(2))
    parts = ""
    for name, kind, more in (("v", "video", 'width="160" height="120" codecs="avc1.640028"'), ("s", "audio", 'codecs="mp4a.40.2"')):
        site.file(f"/{name}.mp4", tmp_path / f"{name}.mp4")
        parts += (
            f'<AdaptationSet mimeType="{kind}/mp4"><Representation id="{name}" bandwidth="90000" {more}>'
            f'<SegmentList timescale="1" duration="2"><SegmentURL media="{name}.mp4"/></SegmentList></Representation></AdaptationSet>'
        )
    text = f'<MPD xmlns="urn:mpeg:dash:schema:mpd:2011" type="static" mediaPresentationDuration="PT2S"><Period>{parts}</Period></MPD>'
    facts = probe(get(site.file("/a.mpd", text.encode(), "application/dash+xml"), folder).path).media
    assert (facts.width_px, facts.audio is not None) == (160, True)
    live = text.replace('type="static"', 'type="dynamic"').encode()
    for path in folder.iterdir():
        path.unlink()
    assert failure(site.file("/live.mpd", live, "application/dash+xml"), folder).code == "live"


def test_the_library_takes_an_address(site: StubSite, folder: Path, clip: Path) -> None:
    document = reelscope.analyze(site.file("/a.mp4", clip), only=["color_analysis"], settings=settings())
    assert document.source.url == site.url("/a.mp4")
    assert document.source.path is None
    assert document.run.phases["fetch"] > 0


# --- what is tried again ------------------------------------------------------------------------------------------------------------


def test_what_broke_off_goes_on_where_it_was(site: StubSite, folder: Path, clip: Path) -> None:
    data = clip.read_bytes()
    cut = len(data) // 2

    def answer(request: BaseHTTPRequestHandler) -> None:
        asked = request.headers.get("Range")
        start = int(asked[6:-1]) if asked else 0
        if start:
            send(request, 206, data[start:], "video/mp4", {"Content-Range": f"bytes {start}-{len(data) - 1}/{len(data)}"})
            return
        request.send_response(200)
        request.send_header("Content-Type", "video/mp4")
        request.send_header("Content-Length", str(len(data)))
        request.end_headers()
        request.wfile.write(data[:cut])
        request.wfile.flush()
        request.close_connection = True
        request.connection.shutdown(2)

    assert get(site.answer("/a.mp4", answer), folder, retries=2).path.read_bytes() == data
    assert [h.get("Range") for _, _, h in site.asked if h.get("Range")] == [f"bytes={cut}-"]


def test_too_many_requests_then_fine(site: StubSite, folder: Path, clip: Path) -> None:
    def answer(request: BaseHTTPRequestHandler) -> None:
        if site.count("/a.mp4") == 1:
            send(request, 429, b"", "text/plain", {"Retry-After": "0"})
        else:
            send(request, 200, clip.read_bytes(), "video/mp4")

    assert get(site.answer("/a.mp4", answer), folder, retries=1).path.is_file()


@pytest.mark.parametrize(
    ("status", "code", "retryable", "asked"),
    [
        (429, "rate_limited", True, 3),
        (503, "network_failed", True, 3),
        (404, "post_gone", False, 1),
        (401, "login_needed", False, 1),
        (403, "refused", False, 1),
        (451, "geo_blocked", False, 1),
    ],
)
def test_statuses(site: StubSite, folder: Path, status: int, code: str, retryable: bool, asked: int) -> None:
    error = failure(site.status("/a.mp4", status) + f"?sig={SECRET}", folder, retries=2)
    assert (error.code, error.retryable, site.count("/a.mp4")) == (code, retryable, asked)


def test_a_long_rest_is_left_to_the_caller(site: StubSite, folder: Path) -> None:
    error = failure(site.status("/a.mp4", 429, Retry_After="3600"), folder, retries=5)
    assert (error.code, site.count("/a.mp4")) == ("rate_limited", 1)


# --- what is refused ----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (b"<html><body>log in first</body></html>", "video/mp4"),
        (b"#EXTM3U\n#EXTINF:1,\nhttp://10.0.0.1/0.ts\n#EXT-X-ENDLIST\n", "video/mp4"),
        (b"\xff\xd8\xff\xe0" + bytes(100), "video/mp4"),
        (b"just some words", "video/mp4"),
    ],
    ids=["page", "playlist", "picture", "text"],
)
def test_what_is_only_named_like_a_clip(site: StubSite, folder: Path, body: bytes, kind: str) -> None:
    assert failure(site.file("/a.mp4", body, kind), folder).code == "no_media"


def test_a_page_without_a_clip(site: StubSite, folder: Path) -> None:
    assert failure(site.page("/post", "<html>nothing to see</html>"), folder).code == "unsupported_url"


def test_a_page_with_several_clips(site: StubSite, folder: Path) -> None:
    videos = "".join(f'<video src="/{i}.mp4"></video>' for i in range(2))
    assert failure(site.page("/post", f"<html>{videos}</html>"), folder).code == "several_clips"


def test_a_profile_is_no_post(folder: Path) -> None:
    error = failure("https://www.tiktok.com/@kitchen.example", folder)
    assert error.code == "several_clips"
    assert "batch" in str(error.hint)


def test_a_live_stream(site: StubSite, folder: Path) -> None:
    url = site.file("/list.m3u8", playlist("0.ts", end=False), "application/vnd.apple.mpegurl")
    assert failure(url, folder).code == "live"
    assert site.count("/0.ts") == 0


def test_segments_that_last_too_long(site: StubSite, folder: Path) -> None:
    data = playlist("0.ts").replace(b"#EXTINF:1.0", b"#EXTINF:99999.0")
    assert failure(site.file("/list.m3u8", data, "application/vnd.apple.mpegurl"), folder).code == "too_long"
    assert site.count("/0.ts") == 0


def test_a_redirect_to_our_own_network(site: StubSite, folder: Path) -> None:
    url = site.answer("/a.mp4", lambda request: send(request, 302, b"", "text/plain", {"Location": f"http://10.0.0.1/?k={SECRET}"}))
    assert failure(url, folder).code == "address_not_allowed"


def test_a_segment_in_our_own_network(site: StubSite, folder: Path, tmp_path: Path) -> None:
    site.file("/0.ts", segments(tmp_path)[0], "video/mp2t")
    url = site.file("/list.m3u8", playlist("0.ts", f"http://169.254.169.254/{SECRET}"), "application/vnd.apple.mpegurl")
    assert failure(url, folder, retries=3).code == "address_not_allowed"


def test_nothing_is_started_for_a_forbidden_address(site: StubSite, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(subprocess, "Popen", lambda *_, **__: pytest.fail("a process was started"))
    with pytest.raises(ReelscopeError) as caught:
        fetch(site.url("/a.mp4"), folder, Settings())
    assert caught.value.code == "address_not_allowed"


@pytest.mark.parametrize("told", [True, False], ids=["with a length", "without one"])
def test_more_than_is_taken(site: StubSite, folder: Path, told: bool) -> None:
    block = b"\0\0\0\x18ftypisom" + bytes(1 << 16)

    def endless(request: BaseHTTPRequestHandler) -> None:
        request.send_response(200)
        request.send_header("Content-Type", "video/mp4")
        if told:
            request.send_header("Content-Length", str(1 << 40))
        request.end_headers()
        request.close_connection = True
        while not site.ended.is_set():
            request.wfile.write(block)

    assert failure(site.answer("/a.mp4", endless), folder, max_mib=1, retries=3).code == "too_large"
    assert site.count("/a.mp4") <= 2  # the look at it and the fetch: never tried again


def test_a_length_that_lies(site: StubSite, folder: Path) -> None:
    def answer(request: BaseHTTPRequestHandler) -> None:
        request.send_response(200)
        request.send_header("Content-Type", "video/mp4")
        request.send_header("Content-Length", "500000")
        request.end_headers()
        request.wfile.write(b"\0\0\0\x18ftypisom" + bytes(1000))
        request.close_connection = True

    error = failure(site.answer("/a.mp4", answer), folder, retries=1)
    assert (error.code, error.retryable) == ("network_failed", True)


def test_an_empty_file(site: StubSite, folder: Path) -> None:
    assert failure(site.file("/a.mp4", b""), folder).code == "no_file"


def test_a_page_without_end(site: StubSite, folder: Path) -> None:
    def endless(request: BaseHTTPRequestHandler) -> None:
        request.send_response(200)
        request.send_header("Content-Type", "text/html")
        request.end_headers()
        request.close_connection = True
        while not site.ended.is_set():
            request.wfile.write(b"<html>" + b"<p>more</p>" * 6000)

    assert failure(site.answer("/post", endless), folder, max_mib=2).code == "too_large"


# --- time -----------------------------------------------------------------------------------------------------------------------------


def drip(site: StubSite) -> str:
    """A file that comes a byte now and then."""

    def answer(request: BaseHTTPRequestHandler) -> None:
        request.send_response(200)
        request.send_header("Content-Type", "video/mp4")
        request.end_headers()
        request.close_connection = True
        request.wfile.write(b"\0\0\0\x18ftypisom" + bytes(1 << 17))
        while not site.ended.wait(0.05):
            request.wfile.write(b"\0")

    return site.answer("/a.mp4", answer)


def test_a_site_that_drips(site: StubSite, folder: Path) -> None:
    error = failure(drip(site), folder, timeout_s=1.5, retries=3)
    assert (error.code, error.retryable) == ("timeout", True)


def test_a_stop_ends_it_at_once(site: StubSite, folder: Path) -> None:
    stop, begun = threading.Event(), threading.Event()
    errors: list[Exception] = []

    def work() -> None:
        try:
            fetch(drip(site), folder, settings(), stop=stop, progress=lambda *_: begun.set())
        except EngineError as error:
            errors.append(error)

    thread = threading.Thread(target=work)
    thread.start()
    assert begun.wait(120)
    assert len(fetching_processes()) == 1
    stop.set()
    thread.join(60)
    assert not thread.is_alive()
    assert [e.code for e in errors] == ["stopped"]  # type: ignore[attr-defined]
    assert list(folder.iterdir()) == []


def test_it_ends_with_its_parent(site: StubSite, folder: Path) -> None:
    """The parent is killed in the middle of a fetch: no process goes on fetching for nobody."""
    code = (
        "import sys; from pathlib import Path; from reelscope.config import Settings; from reelscope.media.source import fetch\n"
        "s = Settings.model_validate({'sources': {'allow_private': ['127.0.0.1']}, 'system': {'min_free_disk_mib': 0}})\n"
        "fetch(sys.argv[1], Path(sys.argv[2]), s, progress=lambda *_: print('going', flush=True))\n"
    )
    with subprocess.Popen([sys.executable, "-c", code, drip(site), str(folder)], stdout=subprocess.PIPE) as parent:
        assert parent.stdout is not None
        assert parent.stdout.readline() == b"going\n"
        (child,) = psutil.Process(parent.pid).children()
        os.kill(parent.pid, signal.SIGKILL)
    child.wait(60)


def test_a_fetching_process_that_dies_is_an_error(site: StubSite, folder: Path) -> None:
    killed: list[int] = []

    def kill(*_: Any) -> None:
        for pid in fetching_processes():
            if pid not in killed:
                killed.append(pid)
                os.kill(pid, signal.SIGSEGV)

    with pytest.raises(MediaError) as caught:
        fetch(drip(site), folder, settings(), progress=kill)
    assert caught.value.code == "fetch_crashed"
    assert list(folder.iterdir()) == []


# --- cookies, room, surroundings --------------------------------------------------------------------------------------------------------


def test_cookies_are_sent_and_the_users_file_stays_as_it_is(site: StubSite, folder: Path, clip: Path, tmp_path: Path) -> None:
    cookies = tmp_path / "cookies.txt"
    cookies.write_text(f"# Netscape HTTP Cookie File\n127.0.0.1\tFALSE\t/\tFALSE\t0\tsession\t{SECRET}\n")
    cookies.chmod(0o400)
    before = (cookies.read_bytes(), cookies.stat().st_mtime_ns)
    url = site.file("/a.mp4", clip, **{"Set-Cookie": "session=changed; Path=/"})
    get(url, folder, cookies=str(cookies))
    assert {h.get("Cookie") for _, _, h in site.asked} <= {f"session={SECRET}", "session=changed"}
    assert site.asked[0][2]["Cookie"] == f"session={SECRET}"
    assert (cookies.read_bytes(), cookies.stat().st_mtime_ns) == before
    assert SECRET not in "".join(str(p) for p in folder.rglob("*"))


@pytest.mark.parametrize("text", [None, '[{"name": "x"}]', "# only a comment\n", "a\tb\n"], ids=["none", "json", "empty", "columns"])
def test_cookies_that_are_none(folder: Path, tmp_path: Path, text: str | None) -> None:
    path = tmp_path / "cookies.txt"
    if text is not None:
        path.write_text(text)
    with pytest.raises(ConfigError) as caught:
        get("http://127.0.0.1:9/a.mp4", folder, cookies=str(path))
    assert caught.value.code == "bad_cookies"


def test_a_full_disk_is_known_before(site: StubSite, folder: Path) -> None:
    full = settings().model_copy(update={"system": Settings().system.model_copy(update={"min_free_disk_mib": 10**9})})
    with pytest.raises(OutputError) as caught:
        fetch(site.url("/a.mp4"), folder, full)
    assert caught.value.code == "disk_full"
    assert site.asked == []


def test_the_process_sees_nothing_of_ours(site: StubSite, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No programs, no plugins, no secrets of the environment, nothing of the user's home."""
    monkeypatch.setenv("REELSCOPE_SECRET", SECRET)
    seen: list[dict[str, str]] = []

    def look(*_: Any) -> None:
        for pid in fetching_processes():
            seen.append(psutil.Process(pid).environ())
        stop.set()

    stop = threading.Event()
    with pytest.raises(EngineError):
        fetch(drip(site), folder, settings(), stop=stop, progress=look)
    assert seen
    for environment in seen:
        assert SECRET not in environment.values()
        assert environment["PATH"] == "/nonexistent"
        assert environment["YTDLP_NO_PLUGINS"] == "1"
        assert environment["HOME"].startswith(str(folder.resolve()))


def test_the_parent_needs_no_ytdlp() -> None:
    code = "import sys, reelscope.media.source; print([m for m in ('yt_dlp', 'httpx', 'av', 'numpy') if m in sys.modules])"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip() == "[]"
