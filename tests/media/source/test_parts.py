"""The pure parts: what a post tells, what a failure means, what a file is, how packets are put together."""

from __future__ import annotations

import json
import socket
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from yt_dlp.networking.exceptions import IncompleteRead, TransportError
from yt_dlp.utils import ContentTooShortError, DownloadError, ExtractorError, GeoRestrictedError, UnsupportedError, UserNotLive

from reelscope.document.schema import SourceInfo
from reelscope.errors import InputError, MediaError
from reelscope.media.probe import probe
from reelscope.media.source.failures import explain, without_secrets
from reelscope.media.source.formats import choices
from reelscope.media.source.mux import mux
from reelscope.media.source.post import name_of, post_of, title_of
from reelscope.media.source.site import manifest_facts
from reelscope.media.source.slides import MOST_SLIDES, tiktok_slides
from reelscope.media.source.sniff import kind_of
from tests.clips import moving_frames, tone, write_clip
from tests.media.source.recorded_web import recorded

# --- what a post tells ----------------------------------------------------------------------------------------------------------------


def test_a_short() -> None:
    info = recorded("youtube_short")
    post = post_of(info)
    assert post["platform"] == "youtube"
    assert post["webpage_url"] == "https://www.youtube.com/watch?v=a1B2c3D4-_5"
    assert post["author"] == {
        "name": "Kitchen Example",
        "handle": "kitchen.example",
        "id": "UC0000000000000000000000",
        "url": "https://www.youtube.com/channel/UC0000000000000000000000",
        "followers": 1500,
    }
    assert (post["title"], post["caption"]) == (info["title"], info["description"])
    assert post["hashtags"] == ["shorts", "HowTo"]
    assert post["mentions"] == ["table.example"]
    assert post["counts"] == {"views": 20100, "likes": 980, "comments": None, "shares": None, "saves": None}
    assert post["sound"] is None
    assert (post["published_at"], post["duration_s"], post["language"]) == ("2026-01-02T03:00:00Z", 31.0, "en")
    assert [f["format_id"] for f in choices(info["formats"], max_bytes=100 << 20)[0].formats] == ["137", "251"]


def test_an_unknown_page_tells_little() -> None:
    post = post_of(recorded("web_page"))
    assert post["platform"] == "web"
    assert post["webpage_url"] == "https://blog.example/napkins"
    assert post["id"] is None
    assert post["author"] == dict.fromkeys(("name", "handle", "id", "url", "followers"))
    assert post["counts"] == {"views": 10, "likes": None, "comments": None, "shares": None, "saves": None}
    assert post["published_at"] is None
    assert post["duration_s"] is None


def test_the_document_takes_a_post() -> None:
    post = post_of(recorded("youtube_short"))
    assert json.loads(SourceInfo(url="https://x.example/", post=post, sha256="0" * 64).model_dump_json())["post"] == post


@given(
    st.dictionaries(st.sampled_from(list(recorded("youtube_short"))), st.none() | st.text() | st.floats() | st.integers() | st.booleans())
)
def test_whatever_a_page_says_is_taken_or_left(changes: dict[str, Any]) -> None:
    post = post_of({**recorded("youtube_short"), **changes}, {"music": changes, "textExtra": [changes], "author": changes})
    json.dumps(post, allow_nan=False).encode()
    assert title_of(post)
    name = name_of(post, title_of(post))
    assert name
    assert not set(name) & set("/\\\0")
    assert not name.startswith(".")


def test_what_would_harm_a_reader_is_left_out() -> None:
    post = post_of({"title": "a\x1b[31mb\x00", "uploader": "Ann", "uploader_url": "javascript:alert(1)", "extractor_key": "Vimeo"})
    assert post["title"] == "a[31mb"
    assert post["author"]["url"] is None
    assert title_of({"title": "a\x07\nb"}) == "a"


def test_what_is_endless_is_cut() -> None:
    post = post_of({"description": "#a1b " * 100_000, "title": "t" * 10_000, "extractor_key": "Vimeo", "id": "9" * 999})
    assert len(json.dumps(post)) < 30_000


@pytest.mark.parametrize(
    ("post", "title", "name"),
    [
        ({"author": {"handle": "some.one"}, "id": "7251"}, "Words", "some.one-7251"),
        ({"author": {"handle": None}, "id": "a1B2"}, "Words", "a1B2"),
        ({"author": {"handle": None}, "id": None}, "A napkin: how/why?", "A-napkin-how-why"),
        (None, "clip.mp4", "clip"),
        (None, "../../etc", "etc"),
        (None, "\u202e\x00", "clip"),
        (None, "ä" * 300, "ä" * 100),
    ],
)
def test_folders_are_named_after_posts(post: dict[str, Any] | None, title: str, name: str) -> None:
    assert name_of(post, title) == name


def test_slides_of_the_app_and_of_the_web() -> None:
    web = tiktok_slides(recorded("tiktok_photo"))
    assert web is not None
    assert [len(p) for p in web.pictures] == [2, 2, 2]
    assert len(web.sounds) == 1
    images = [{"display_image": {"url_list": [f"https://p.example/{i}.jpg", None, "ftp://x"]}} for i in range(MOST_SLIDES + 5)]
    app = tiktok_slides({"image_post_info": {"images": images}, "music": {"play_url": {"url_list": ["//m.example/a.mp3"]}}})
    assert app is not None
    assert len(app.pictures) == MOST_SLIDES
    assert app.pictures[1] == ("https://p.example/1.jpg",)
    assert app.sounds == ("https://m.example/a.mp3",)
    assert tiktok_slides(recorded("tiktok_video")) is None
    assert tiktok_slides({"imagePost": {"images": ["x", {"imageURL": None}]}, "music": "y"}) is None


# --- what a failure means ---------------------------------------------------------------------------------------------------------------


def caused(cause: Exception) -> ExtractorError:
    return ExtractorError("Unable to download webpage", cause=cause)


@pytest.mark.parametrize(
    ("error", "code", "retryable"),
    [
        (UnsupportedError("https://x.example/?sig=abc"), "unsupported_url", False),
        (GeoRestrictedError("not here", countries=["SE"]), "geo_blocked", False),
        (UserNotLive(), "live", False),
        (caused(TransportError("reset")), "network_failed", True),
        (caused(TransportError(cause=socket.gaierror("unknown"))), "network_failed", True),
        (caused(TransportError(cause=TimeoutError("timed out"))), "timeout", True),
        (caused(IncompleteRead(5, 6)), "network_failed", True),
        (ContentTooShortError(5, 6), "network_failed", True),
        (ExtractorError("Private video. Sign in if you've been granted access to this video", expected=True), "post_private", False),
        (ExtractorError("Sign in to confirm you’re not a bot. Use --cookies-from-browser", expected=True), "login_needed", False),
        (ExtractorError("Sign in to confirm your age", expected=True), "login_needed", False),
        (ExtractorError("This user's account is likely either private or all of their videos are private."), "post_private", False),
        (ExtractorError("Video unavailable. This video has been removed by the uploader", expected=True), "post_gone", False),
        (ExtractorError("The uploader has not made this video available in your country", expected=True), "geo_blocked", False),
        (ExtractorError("Premieres in 3 hours", expected=True), "live", False),
        (ExtractorError("This video is DRM protected", expected=True), "no_media", False),
        (ExtractorError("There is no video in this post", expected=True), "no_media", False),
        (ExtractorError("Unable to extract data"), "extractor_failed", False),
        (KeyError("x"), "extractor_failed", False),
        (MemoryError(), "too_large", False),
        (InputError("10.0.0.1 is a private address", code="address_not_allowed", hint="x"), "address_not_allowed", False),
        (InputError("slow", code="fetch_timeout", hint="x", retryable=True), "timeout", True),
    ],
)
def test_failures_have_few_names(error: Exception, code: str, retryable: bool) -> None:
    for given_error in (error, DownloadError("ERROR: x", (type(error), error, None))):
        told = explain(given_error, "https://x.example/post")
        assert (told.code, told.retryable) == (code, retryable)
        assert told.message.startswith("https://x.example/post: ")
        assert told.hint
        assert "sig=" not in told.message


def test_foreign_messages_lose_their_secrets() -> None:
    text = (
        "ERROR: [TikTok] 7251: Unable to read https://user:pw@cdn.example/a.mp4?sig=0123 and \x1b[31mtoken\x1b[0m "
        f"{'k9' * 30}; please report this issue on  https://github.com/x"
    )
    assert without_secrets(text) == "Unable to read cdn.example and token …"
    assert len(without_secrets("word " * 500)) <= 200


# --- what a file is -----------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("head", "kind"),
    [
        (b"\0\0\0\x18ftypisom", "mp4"),
        (b"\0\0\0\x14ftypqt  ", "mov"),
        (b"\0\0\0\x14ftypM4A ", "m4a"),
        (b"\0\0\0\x14ftypavif", "picture"),
        (b"\x1aE\xdf\xa3\x01\0\0\0\0\0\0\x1fB\x82\x84webm", "webm"),
        (b"\x1aE\xdf\xa3\x01\0\0\0\0\0\0\x1fB\x82\x88matroska", "mkv"),
        (b"\x47" + bytes(187) + b"\x47", "ts"),
        (b"RIFF\0\0\0\0AVI LIST", "avi"),
        (b"RIFF\0\0\0\0WEBPVP8 ", "picture"),
        (b"ID3\x04", "mp3"),
        (b"\xff\xfb\x90", "mp3"),
        (b"\xff\xf1\x50", "aac"),
        (b"\xff\xd8\xff\xe0", "picture"),
        (b"\x89PNG\r\n\x1a\n", "picture"),
        (b"\xef\xbb\xbf \n<!DOCTYPE html>", "page"),
        (b"#EXTM3U\n", "playlist"),
        (b"<?xml version='1.0'?><MPD>", "playlist"),
        (b'{"error": "log in"}', "text"),
        (b"\x01\x02\x03\x04", ""),
        (b"", ""),
    ],
)
def test_content_tells_what_it_is(tmp_path: Path, head: bytes, kind: str) -> None:
    (tmp_path / "a").write_bytes(head)
    assert kind_of(tmp_path / "a") == kind


@given(st.binary(max_size=64))
def test_any_content_has_an_answer(tmp_path_factory: pytest.TempPathFactory, head: bytes) -> None:
    path = tmp_path_factory.getbasetemp() / "head"
    path.write_bytes(head)
    assert isinstance(kind_of(path), str)


@pytest.mark.parametrize(
    ("text", "facts"),
    [
        ("#EXTM3U\n#EXTINF:1.5,\na\n#EXTINF:2,x\nb\n#EXT-X-ENDLIST", (3.5, True, True)),
        ("#EXTM3U\n#EXT-X-PLAYLIST-TYPE:VOD\n#EXTINF:x,\na", (0.0, True, True)),
        ("#EXTM3U\n#EXTINF:2,\na", (2.0, False, True)),
        ('#EXTM3U\n#EXT-X-KEY:METHOD=AES-128,URI="k"\n#EXT-X-ENDLIST', (0.0, True, True)),
        ('#EXTM3U\n#EXT-X-KEY:METHOD=SAMPLE-AES,URI="skd://k"\n#EXT-X-ENDLIST', (0.0, True, False)),
        ('#EXTM3U\n#EXT-X-KEY:METHOD=AES-128,KEYFORMAT="com.microsoft.playready"\n#EXT-X-ENDLIST', (0.0, True, False)),
    ],
)
def test_playlists_of_segments(text: str, facts: tuple[float, bool, bool]) -> None:
    assert manifest_facts(text) == facts


# --- putting together -------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("codec", "audio", "suffix"), [("libx264", "aac", ".mp4"), ("libvpx-vp9", "libopus", ".webm"), ("libx264", "pcm_s16le", ".mkv")]
)
def test_codecs_choose_the_container(tmp_path: Path, codec: str, audio: str, suffix: str) -> None:
    picture = write_clip(tmp_path / "v.mkv", moving_frames(30), codec=codec)
    sound = write_clip(tmp_path / "s.mkv", moving_frames(2), sound=tone(1), audio_codec=audio)
    made = mux([picture, sound], tmp_path / "clip.mp4")
    assert made.suffix == suffix
    facts, before = probe(made).media, probe(picture).media
    assert facts.codec == before.codec
    assert facts.duration_s == pytest.approx(1, abs=0.1)
    assert facts.fps == pytest.approx(30, abs=0.1)
    assert facts.audio is not None


def test_a_file_that_is_no_clip_is_not_put_together(tmp_path: Path) -> None:
    (tmp_path / "v.mp4").write_bytes(b"\0\0\0\x18ftypisom" + bytes(500))
    with pytest.raises((InputError, MediaError)):
        mux([tmp_path / "v.mp4"], tmp_path / "clip.mp4")
    assert not (tmp_path / "clip.mp4").exists()
