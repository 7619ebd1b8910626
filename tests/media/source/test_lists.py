"""Posts of a profile or a list."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from reelscope.config import Settings
from reelscope.errors import EngineError, ReelscopeError
from reelscope.media.source import Post, list_posts
from reelscope.media.source.fetching import Request
from reelscope.media.source.fetching import list_posts as listed_here
from tests.media.source.recorded_web import Web, recorded
from tests.media.source.stub_site import StubSite, send, serving

PROFILE = "https://www.tiktok.com/@kitchen.example"
API = "https://www.tiktok.com/api/creator/item_list/"
SECONDS_A_DAY = 86_400
LAST = 1767322800  # 2 January 2026


@pytest.fixture
def site() -> Iterator[StubSite]:
    with serving() as found:
        yield found


def settings(**sources: Any) -> Settings:
    return Settings.model_validate({"sources": {"allow_private": ["127.0.0.1"], "retries": 0, **sources}})


def feed(site: StubSite, *days: str | None) -> str:
    """A list of posts as a feed; each with its day or without."""
    items = "".join(
        f"<item><title>Post {i}</title><link>{site.url(f'/{i}.mp4')}</link>"
        + (f"<pubDate>{day}</pubDate>" if day else "")
        + f'<enclosure url="{site.url(f"/{i}.mp4")}" type="video/mp4"/></item>'
        for i, day in enumerate(days)
    )
    xml = f'<?xml version="1.0"?><rss version="2.0"><channel><title>Napkins</title>{items}</channel></rss>'
    return site.file("/feed", xml.encode(), "application/rss+xml")


def test_a_list_over_the_network(site: StubSite) -> None:
    url = feed(site, "Fri, 02 Jan 2026 03:00:00 GMT", "Wed, 31 Dec 2025 03:00:00 GMT", None)
    posts = list_posts(url, settings())
    assert posts == [
        Post(site.url("/0.mp4"), "Post 0", date(2026, 1, 2), None),
        Post(site.url("/1.mp4"), "Post 1", date(2025, 12, 31), None),
        Post(site.url("/2.mp4"), "Post 2", None, None),
    ]
    assert list_posts(url, settings(), limit=1) == posts[:1]
    site.file("/2.mp4", b"\0\0\0\x18ftypisom" + bytes(99))
    assert list_posts(url, settings(), since=date(2026, 1, 1)) == posts[:1]  # what tells no day anywhere is not known to be new


def test_what_goes_wrong_has_a_name(site: StubSite) -> None:
    for url, code in (
        (site.url("/nothing"), "post_gone"),
        (site.status("/busy", 429), "rate_limited"),
        ("http://10.0.0.1/list", "address_not_allowed"),
        ("ftp://x.example/", "bad_url"),
    ):
        with pytest.raises(ReelscopeError) as caught:
            list_posts(url, settings())
        assert caught.value.code == code


def test_a_stop(site: StubSite) -> None:
    stop = threading.Event()

    def answer(request: Any) -> None:
        stop.set()
        site.ended.wait(60)
        send(request, 200, b"", "text/html")

    with pytest.raises(EngineError):
        list_posts(site.answer("/list", answer), settings(), stop=stop)


@pytest.mark.parametrize(
    "url",
    ["https://youtu.be/a1B2c3D4-_5", "https://vm.tiktok.com/ZMabc", "https://cdn.example/a.mp4", "https://www.instagram.com/reel/Cx1_a/"],
)
def test_a_single_post_gives_itself(url: str) -> None:
    (post,) = list_posts(url, Settings())
    assert (post.title, post.published, post.author) == (None, None, None)


@pytest.fixture
def web(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Web:
    found = Web(monkeypatch, tmp_path)
    user = {
        "webapp.user-detail": {"userInfo": {"user": {"secUid": "MS4wLjABAAAA" + "x" * 64}, "stats": {"videoCount": 7}, "itemList": [1]}}
    }
    data = json.dumps({"__DEFAULT_SCOPE__": user})
    page = f'<html><script id="__UNIVERSAL_DATA_FOR_REHYDRATION__" type="application/json">{data}</script></html>'
    found.put(PROFILE, page.encode())
    return found


def profile(web: Web, *days: int) -> None:
    """One page of a profile, its posts so many days old; the next page would be the same for ever."""
    items = [
        {**recorded("tiktok_video"), "id": str(7251234567890123000 + i), "createTime": LAST - day * SECONDS_A_DAY, "desc": f"Post {i}"}
        for i, day in enumerate(days)
    ]
    web.put(API, json.dumps({"itemList": items, "hasMorePrevious": False}).encode(), kind="application/json")


def here(**more: Any) -> list[dict[str, Any]]:
    request = Request("list", PROFILE, ".", 50, 600.0, 60.0, 0, 0, 0.0, **more)
    return listed_here(request, lambda done, total: None)


def test_a_tiktok_profile(web: Web) -> None:
    profile(web, 0, 1, 2)
    assert here(limit=2) == [
        {
            "url": f"https://www.tiktok.com/@_/video/725123456789012300{i}",
            "title": f"Post {i}",
            "published": f"2026-01-0{2 - i}",
            "author": "kitchen.example",
        }
        for i in range(2)
    ]


def test_pinned_posts_do_not_end_the_search(web: Web) -> None:
    profile(web, 300, 400, 500, 0, 1, 30, 31, 32, 33, 0)
    rows = here(since="2026-01-01")
    assert [r["title"] for r in rows] == ["Post 3", "Post 4"]  # after four old ones in a row nothing newer comes


def test_an_empty_profile(web: Web) -> None:
    profile(web)
    assert here() == []


def test_a_channels_tabs_are_followed_and_live_streams_left_out(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    from reelscope.media.source.site import Site

    Web(monkeypatch, tmp_path)
    channel = "https://www.youtube.com/@kitchen.example"
    short = {"_type": "url", "title": "A short", "url": "https://www.youtube.com/shorts/a1B2c3D4-_5", "ie_key": "Youtube"}
    found = {
        channel: {
            "_type": "playlist",
            "entries": [{"_type": "url", "url": f"{channel}/shorts"}, {"_type": "url", "url": f"{channel}/live"}],
        },
        f"{channel}/shorts": {"_type": "playlist", "channel": "Kitchen Example", "entries": iter([short, short, None])},
        f"{channel}/live": {"_type": "playlist", "entries": [{**short, "url": "https://youtu.be/b1B2c3D4-_5", "live_status": "is_live"}]},
    }
    monkeypatch.setattr(Site, "extract_info", lambda self, url, **_: found[url])
    request = Request("list", channel, ".", 50, 600.0, 60.0, 0, 0, 0.0)
    assert listed_here(request, lambda done, total: None) == [
        {"url": "https://www.youtube.com/watch?v=a1B2c3D4-_5", "title": "A short", "published": None, "author": "Kitchen Example"}
    ]
