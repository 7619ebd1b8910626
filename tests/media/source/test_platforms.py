"""yt-dlp's own extractors over recorded pages: what is chosen, made and told of a post."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from reelscope.errors import ReelscopeError
from reelscope.media.probe import probe
from tests.clips import moving_frames, tone, write_clip
from tests.media.source.recorded_web import Web, instagram_page, recorded, tiktok_page

TIKTOK = "https://www.tiktok.com/@kitchen.example/video/7251234567890123456"
REEL = "https://www.instagram.com/reel/Csb_Abc1234/?igsh=x"
CDN = "https://v16.tiktokcdn.example/"
SECRET = "SECRETSIGNATURE"


@pytest.fixture
def web(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Web:
    (tmp_path / "got").mkdir()
    found = Web(monkeypatch, tmp_path / "got")
    found.put("https://www.instagram.com/", b'<script>["LSD",[],{"token":"abc"},323]</script>')
    found.put("https://www.instagram.com/api/", b'{"status": "ok"}', kind="application/json")
    return found


@pytest.fixture(scope="session")
def clip(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    return write_clip(tmp_path_factory.mktemp("clip") / "a.mp4", moving_frames(30), sound=tone(1)).read_bytes()


@pytest.fixture(scope="session")
def song(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    path = tmp_path_factory.mktemp("song") / "a.mp4"
    write_clip(path, moving_frames(2), sound=tone(9))
    return path.read_bytes()


def picture(shade: int) -> bytes:
    data = io.BytesIO()
    Image.fromarray(np.full((144, 108, 3), shade, np.uint8)).save(data, "JPEG")
    return data.getvalue()


def code_of(web: Web, url: str, **more: Any) -> str:
    with pytest.raises(ReelscopeError) as caught:
        web.fetch(url, **more)
    error = caught.value
    assert SECRET not in f"{error.message} {error.hint}"
    assert error.hint
    return error.code


def test_a_tiktok(web: Web, clip: bytes) -> None:
    web.put("https://www.tiktok.com/@_/video/7251234567890123456", tiktok_page(recorded("tiktok_video")))
    web.put(CDN, clip, kind="video/mp4")
    got = web.fetch(TIKTOK + "?is_from_webapp=1")
    # the largest that is neither H.266 nor watermarked
    assert [u for u in web.asked if u.startswith(CDN)] == [f"{CDN}v0f025_bytevc1_720p_700000.mp4?sig={SECRET}"]
    assert Path(got["path"]).name == "clip.mp4"
    assert probe(got["path"]).media.duration_s == pytest.approx(1, abs=0.1)
    assert got["url"] == "https://www.tiktok.com/@_/video/7251234567890123456"
    assert got["title"] == "Three ways to fold a napkin #napkin #Größe"
    assert SECRET not in str(got)
    assert got["post"] == {
        "platform": "tiktok",
        "extractor": "TikTok",
        "id": "7251234567890123456",
        "webpage_url": "https://www.tiktok.com/@kitchen.example/video/7251234567890123456",
        "author": {
            "name": "Kitchen Example",
            "handle": "kitchen.example",
            "id": "6800000000000000001",
            "url": "https://www.tiktok.com/@kitchen.example",
            "followers": 12345,
        },
        "title": None,
        "caption": "Three ways to fold a napkin #napkin #Größe\n@table.example",
        "hashtags": ["napkin", "größe"],
        "mentions": ["table.example"],
        "counts": {"views": 98000, "likes": 4100, "comments": 0, "shares": 52, "saves": 310},
        "sound": {"title": "original sound - kitchen.example", "author": "Kitchen Example", "id": "7250000000000000001", "original": True},
        "published_at": "2026-01-02T03:00:00Z",
        "language": "en",
        "duration_s": 6.0,
        "slides": None,
        "format": {
            "id": "bytevc1_720p_700000",
            "video_codec": "h265",
            "audio_codec": "aac",
            "width_px": 720,
            "height_px": 1280,
            "watermarked": False,
        },
    }


def test_a_tiktok_whose_first_file_is_refused(web: Web, clip: bytes) -> None:
    web.put("https://www.tiktok.com/@_/video/", tiktok_page(recorded("tiktok_video")))
    web.put(CDN, clip, kind="video/mp4")
    web.put(f"{CDN}v0f025_bytevc1", status=403)
    got = web.fetch(TIKTOK)
    assert got["post"]["format"]["id"] == "h264_540p_900000"
    web.put(CDN, status=403)
    for path in web.folder.iterdir():
        path.unlink()
    assert code_of(web, TIKTOK) == "refused"


def test_the_music_of_a_tiktok_is_not_taken_for_its_clip(web: Web) -> None:
    item = recorded("tiktok_video")
    item["video"] |= {"bitrateInfo": item["video"]["bitrateInfo"][2:], "playAddr": "", "downloadAddr": ""}
    web.put("https://www.tiktok.com/@_/video/", tiktok_page(item))
    assert code_of(web, TIKTOK) == "no_media"


def test_a_tiktok_of_photos_becomes_a_clip_of_slides(web: Web, song: bytes) -> None:
    web.put("https://www.tiktok.com/@_/video/", tiktok_page(recorded("tiktok_photo")))
    for i in (1, 2, 3):
        web.put(f"https://p16.tiktokcdn.example/slide{i}.heic", b"\0\0\0\x18ftypheic" + bytes(40), kind="image/heic")
        web.put(f"https://p19.tiktokcdn.example/slide{i}.jpeg", picture(60 * i), kind="image/jpeg")
    web.put(f"{CDN}music.mp3", song, kind="audio/mp4")
    got = web.fetch("https://www.tiktok.com/@kitchen.example/photo/7251234567890123456")
    facts = probe(got["path"]).media
    assert facts.duration_s == pytest.approx(9, abs=0.2)
    assert facts.audio is not None
    assert got["post"]["slides"] == 3
    assert got["post"]["format"] is None
    assert got["post"]["webpage_url"] == "https://www.tiktok.com/@kitchen.example/photo/7251234567890123456"
    assert got["url"] == "https://www.tiktok.com/@_/video/7251234567890123456"
    assert [p for p in web.folder.iterdir() if p.name == "clip.mp4"]


def test_photos_without_sound_and_photos_that_are_none(web: Web) -> None:
    item = recorded("tiktok_photo")
    item["music"] = {}
    web.put("https://www.tiktok.com/@_/video/", tiktok_page(item))
    web.put("https://p16.tiktokcdn.example/", status=404)
    web.put("https://p19.tiktokcdn.example/", picture(90), kind="image/jpeg")
    assert probe(web.fetch(TIKTOK)["path"]).media.audio is None
    web.put("https://p19.tiktokcdn.example/slide2", b"<html>log in</html>", kind="image/jpeg")
    for path in web.folder.iterdir():
        path.unlink()
    assert code_of(web, TIKTOK) == "no_media"


@pytest.mark.parametrize(
    ("page", "code"),
    [
        (tiktok_page(None, 10216), "post_private"),
        (tiktok_page(None, 10222), "post_private"),
        (tiktok_page(None, 10204), "geo_blocked"),
        (tiktok_page(None, 10215), "post_gone"),
        (tiktok_page({"isContentClassified": True}), "login_needed"),
        (b"<html>something new</html>", "extractor_failed"),
    ],
)
def test_why_a_tiktok_is_not_to_be_had(web: Web, page: bytes, code: str) -> None:
    web.put("https://www.tiktok.com/@_/video/", page)
    assert code_of(web, TIKTOK) == code


def test_a_tiktok_behind_the_login_page(web: Web) -> None:
    web.put("https://www.tiktok.com/@_/video/", b"<html>log in</html>", at="https://www.tiktok.com/login?redirect_url=x")
    assert code_of(web, TIKTOK) == "login_needed"


def test_a_short_link_is_followed(web: Web, clip: bytes) -> None:
    web.put("https://vm.tiktok.com/ZMabc/", b"<html></html>", at=f"{TIKTOK}?_r=1&u_code=x")
    web.put("https://www.tiktok.com/@_/video/", tiktok_page(recorded("tiktok_video")))
    web.put(CDN, clip, kind="video/mp4")
    assert web.fetch("https://vm.tiktok.com/ZMabc?k=1")["url"] == "https://www.tiktok.com/@_/video/7251234567890123456"
    web.put("https://vm.tiktok.com/ZMabc/", b"<html></html>", at="https://www.tiktok.com/")
    assert code_of(web, "https://vm.tiktok.com/ZMabc") == "post_gone"


def test_too_long_is_known_before_anything_is_fetched(web: Web) -> None:
    web.put("https://www.tiktok.com/@_/video/", tiktok_page(recorded("tiktok_video")))
    assert code_of(web, TIKTOK, max_duration_s=5.0) == "too_long"
    assert not [u for u in web.asked if u.startswith(CDN)]


def test_a_reel(web: Web, clip: bytes) -> None:
    web.put("https://www.instagram.com/p/Csb_Abc1234", instagram_page(recorded("instagram_reel")))
    web.put("https://scontent.example/clip1.mp4", clip, kind="video/mp4")
    got = web.fetch(REEL)
    assert got["url"] == "https://www.instagram.com/p/Csb_Abc1234/"
    post = got["post"]
    assert SECRET not in str(got)
    assert post["platform"] == "instagram"
    assert post["author"]["handle"] == "garden.example"
    assert post["author"]["name"] == "Garden Example"
    assert post["author"]["followers"] is None
    assert post["counts"] == {"views": 5400, "likes": None, "comments": 12, "shares": None, "saves": None}  # likes are hidden
    assert post["hashtags"] == ["gardening", "日本語"]
    assert post["mentions"] == ["seed_example"]
    assert post["sound"] == {"title": "Morning Song", "author": "Example Band", "id": "555000111", "original": False}
    assert post["published_at"] == "2026-01-02T03:00:00Z"
    assert post["duration_s"] == 6.0


def test_an_instagram_post_of_photos(web: Web, song: bytes) -> None:
    web.put("https://www.instagram.com/p/Csb_Abc1234", instagram_page(recorded("instagram_photos")))
    for i in (2, 3):
        web.put(f"https://scontent.example/photo{i}_1080.jpg", picture(70 * i), kind="image/jpeg")
    web.put("https://scontent.example/song.m4a", song, kind="audio/mp4")
    got = web.fetch("https://www.instagram.com/p/Csb_Abc1234/?img_index=2")
    facts = probe(got["path"]).media
    assert got["post"]["slides"] == 2
    assert facts.duration_s == pytest.approx(6, abs=0.2)
    assert facts.audio is not None


def test_a_single_photo(web: Web) -> None:
    product = recorded("instagram_photos")
    product |= product.pop("carousel_media")[0] | {"media_type": 1, "music_metadata": None, "pk": product["pk"]}
    web.put("https://www.instagram.com/p/Csb_Abc1234", instagram_page(product))
    web.put("https://scontent.example/photo2_1080.jpg", picture(99), kind="image/jpeg")
    assert web.fetch(REEL)["post"]["slides"] == 1


def test_photos_and_clips_together_are_refused_plainly(web: Web) -> None:
    web.put("https://www.instagram.com/p/Csb_Abc1234", instagram_page(recorded("instagram_mixed")))
    assert code_of(web, REEL) == "several_clips"


def test_an_instagram_post_behind_the_login(web: Web) -> None:
    web.put("https://www.instagram.com/p/Csb_Abc1234", b"<html></html>", at="https://www.instagram.com/accounts/login/?next=x")
    assert code_of(web, REEL) == "rate_limited"  # yt-dlp says so; cookies are in the hint
    web.put("https://www.instagram.com/p/Csb_Abc1234", b"<html></html>")
    assert code_of(web, REEL) == "login_needed"
