"""`reelscope analyze URL`: the clip lies beside its results, in a folder named after the post; what fails leaves nothing."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import pytest

from reelscope.media import source
from reelscope.media.source import Fetched
from tests.media.source.stub_site import StubSite, serving

ONLY = ["--only", "color_analysis", "--format", "json"]
ALLOW = ["--set", "sources.allow_private=127.0.0.1", "--set", "sources.retries=0"]


@pytest.fixture
def site() -> Iterator[StubSite]:
    with serving() as found:
        yield found


def left_in(folder: Path) -> list[str]:
    return sorted(str(p.relative_to(folder)) for p in folder.rglob("*") if "keyframes" not in p.parts)


def test_a_post_is_fetched_and_analysed(cli: Any, place: Path, clip: Path, site: StubSite) -> None:
    page = f'<html><title>How to fold: a napkin?</title><meta property="og:video" content="{site.file("/a.mp4", clip)}"></html>'
    url = site.page("/post", page)
    result = cli(["analyze", f"{url}?utm_source=x", *ONLY, *ALLOW])
    assert result.code == 0, result.err
    folder = place / "out" / "How-to-fold-a-napkin"
    assert left_in(place / "out") == ["How-to-fold-a-napkin"] + [f"How-to-fold-a-napkin/{n}" for n in ("analysis.json", "clip.mp4")]
    assert (folder / "clip.mp4").read_bytes() == clip.read_bytes()
    document = json.loads((folder / "analysis.json").read_text())
    assert document["source"]["url"] == url
    assert document["source"]["path"] is None
    assert document["source"]["post"]["title"] == "How to fold: a napkin?"
    assert document["run"]["phases"].get("fetch") is None  # it was fetched before the run
    assert result.err.splitlines()[0].startswith(f"{url}: fetching (")
    assert "document: out/How-to-fold-a-napkin/analysis.json" in result.out.splitlines()


def test_several_sources_have_folders_of_their_own(cli: Any, place: Path, clip: Path, site: StubSite) -> None:
    urls = [site.file(f"/{folder}/clip.mp4", clip) for folder in "ab"]
    result = cli(["analyze", *urls, clip, site.url("/nothing.mp4"), *ONLY, *ALLOW, "--out", "o"])
    assert result.code == 2
    assert f"error: {site.url('/nothing.mp4')}: there is no such post (any more)" in result.err
    assert {p.name for p in (place / "o").iterdir()} == {"clip", "clip-2", "clip-3"}
    assert (place / "o/clip-3/clip.mp4").is_file()
    assert not (place / "o/clip/clip.mp4").exists()  # a file of the user's stays where it is


def test_out_is_the_folder_itself(cli: Any, place: Path, clip: Path, site: StubSite) -> None:
    assert cli(["analyze", site.file("/a.mp4", clip), *ONLY, *ALLOW, "--out", "mine"]).code == 0
    assert left_in(place / "mine") == ["analysis.json", "clip.mp4"]


@pytest.mark.parametrize("body", [b"<html>log in</html>", b"\0\0\0\x18ftypisom" + bytes(500)], ids=["no clip", "a broken one"])
def test_what_fails_leaves_nothing(cli: Any, place: Path, site: StubSite, body: bytes) -> None:
    result = cli(["analyze", site.file("/a.mp4", body) + "?sig=SECRET", *ONLY, *ALLOW, "--out", "mine", "--quiet"])
    result.assert_refused(2)
    assert "SECRET" not in result.err
    assert left_in(place) == []


def test_addresses_that_are_refused(cli: Any, place: Path, site: StubSite) -> None:
    cli(["analyze", site.url("/a.mp4"), *ONLY, "--quiet"]).assert_refused(2, "sources.allow_private")
    cli(["analyze", "ftp://example.com/a.mp4", *ONLY, "--quiet"]).assert_refused(2, "https")
    cli(["analyze", "https://www.tiktok.com/@kitchen.example", *ONLY, "--quiet"]).assert_refused(2, "reelscope batch")
    assert left_in(place) == []


def test_a_platforms_post_names_its_folder(cli: Any, place: Path, clip: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    post = {"platform": "tiktok", "id": "7251", "author": {"handle": "kitchen.example"}}

    def fetch(url: str, folder: Path, *_: Any, progress: Any, **__: Any) -> Fetched:
        progress(1024 * 1024, 2048 * 1024)
        (folder / "clip.mp4").write_bytes(clip.read_bytes())
        return Fetched(folder / "clip.mp4", "https://www.tiktok.com/@_/video/7251", post, "Napkins")

    monkeypatch.setattr(source, "fetch", fetch)
    assert cli(["analyze", "https://tiktok.com/@kitchen.example/video/7251", *ONLY]).code == 0
    assert (place / "out/kitchen.example-7251/clip.mp4").is_file()


def test_an_interrupt_ends_the_fetch(place: Path, site: StubSite) -> None:
    def answer(request: BaseHTTPRequestHandler) -> None:
        request.send_response(200)
        request.send_header("Content-Type", "video/mp4")
        request.end_headers()
        request.close_connection = True
        while not site.ended.wait(0.05):
            request.wfile.write(bytes(100))

    command = [sys.executable, "-m", "reelscope", "analyze", site.answer("/a.mp4", answer), *ONLY, *ALLOW, "--out", "mine"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.PIPE, env={**os.environ}, text=True) as process:
        assert process.stderr is not None
        assert "fetching" in process.stderr.readline()
        process.send_signal(signal.SIGINT)
        assert process.wait(120) == 130
    assert left_in(place) == []
