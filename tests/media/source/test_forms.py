"""One address for each post, whatever form it came in."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reelscope.errors import InputError
from reelscope.media.source import canonical, is_collection, shown
from reelscope.media.source.forms import LONGEST_URL, is_short_link

ID = "7251234567890123456"
TIKTOK = f"https://www.tiktok.com/@_/video/{ID}"
REEL = "https://www.instagram.com/p/Cx1_a-2bC3d/"
SHORT = "https://www.youtube.com/watch?v=a1B2c3D4-_5"

POSTS = [
    (f"https://www.tiktok.com/@some.one/video/{ID}", TIKTOK),
    (f"https://tiktok.com/@some.one/video/{ID}?is_from_webapp=1&sender_device=pc", TIKTOK),
    (f"http://WWW.TikTok.com/@some.one/video/{ID}/", TIKTOK),
    (f"https://m.tiktok.com/v/{ID}.html?u_code=abc&share_app_name=musically", TIKTOK),
    (f"https://m.tiktok.com/v/{ID}", TIKTOK),
    (f"https://www.tiktok.com/v/{ID}.html", TIKTOK),
    (f"https://www.tiktok.com/embed/{ID}", TIKTOK),
    (f"https://www.tiktok.com/embed/v2/{ID}?lang=en", TIKTOK),
    (f"https://www.tiktok.com/player/v1/{ID}?autoplay=1", TIKTOK),
    (f"https://www.tiktok.com/@some.one/photo/{ID}?_r=1&_t=x", TIKTOK),
    (f"https://www.tiktok.com/@/video/{ID}", TIKTOK),
    (f"https://www.tiktok.com/share/video/{ID}/", TIKTOK),
    (f"https://www.tiktokv.com/share/video/{ID}/", TIKTOK),
    (f"https://m.tiktok.com/i18n/share/video/{ID}/", TIKTOK),
    ("https://vm.tiktok.com/ZMabc123/?k=1", "https://vm.tiktok.com/ZMabc123/"),
    ("https://vt.tiktok.com/ZSabc123", "https://vt.tiktok.com/ZSabc123/"),
    ("https://tiktok.com/t/ZTabc123/", "https://www.tiktok.com/t/ZTabc123/"),
    ("https://www.instagram.com/reel/Cx1_a-2bC3d/?igsh=abc==", REEL),
    ("https://instagram.com/reels/Cx1_a-2bC3d", REEL),
    ("https://www.instagram.com/p/Cx1_a-2bC3d/?img_index=2", REEL),
    ("https://www.instagram.com/some.one/reel/Cx1_a-2bC3d/", REEL),
    ("https://www.instagram.com/tv/Cx1_a-2bC3d/", REEL),
    ("https://www.instagram.com/p/Cx1_a-2bC3d/embed/captioned/", REEL),
    ("https://instagr.am/p/Cx1_a-2bC3d", REEL),
    ("https://www.instagram.com/share/reel/BAabc123", "https://www.instagram.com/share/reel/BAabc123/"),
    ("https://www.youtube.com/shorts/a1B2c3D4-_5?feature=share", SHORT),
    ("https://youtube.com/shorts/a1B2c3D4-_5/", SHORT),
    ("https://youtu.be/a1B2c3D4-_5?si=xyz", SHORT),
    ("https://m.youtube.com/watch?v=a1B2c3D4-_5&list=PLx&t=3s", SHORT),
    ("https://music.youtube.com/watch?v=a1B2c3D4-_5", SHORT),
    ("https://www.youtube-nocookie.com/embed/a1B2c3D4-_5?rel=0", SHORT),
    ("https://www.youtube.com/live/a1B2c3D4-_5", SHORT),
    ("HTTPS://CDN.Example.com:443/a/Clip.MP4#t=3", "https://cdn.example.com/a/Clip.MP4"),
    ("http://cdn.example.com:8080/a.mp4?sig=a%2Fb&e=1", "http://cdn.example.com:8080/a.mp4?sig=a%2Fb&e=1"),
    ("https://example.com/page?utm_source=x&id=7&fbclid=y", "https://example.com/page?id=7"),
    ("https://example.com", "https://example.com/"),
    ("  https://example.com/a.mp4\n", "https://example.com/a.mp4"),
    ("https://[2001:db8::1]/a.mp4", "https://[2001:db8::1]/a.mp4"),
]

COLLECTIONS = [
    "https://www.tiktok.com/@some.one",
    "https://tiktok.com/@some.one?lang=en",
    "https://www.tiktok.com/music/original-sound-7251234567890123456",
    "https://www.tiktok.com/tag/cats",
    "https://www.instagram.com/some.one/",
    "https://www.instagram.com/some.one/reels/",
    "https://www.instagram.com/explore/tags/cats/",
    "https://www.youtube.com/playlist?list=PLabc",
    "https://www.youtube.com/watch?list=PLabc",
    "https://www.youtube.com/@some.one/shorts",
    "https://www.youtube.com/@some.one",
    "https://www.youtube.com/channel/UCabc/videos",
]

NO_ADDRESSES = [
    "",
    "clip.mp4",
    "ftp://example.com/a.mp4",
    "file:///etc/passwd",
    "javascript:alert(1)",
    "https://",
    "https:///a.mp4",
    "https://user:secret@example.com/a.mp4",
    "https://exa mple.com/",
    "https://example.com/a\tb",
    "https://example.com:99999/",
    "https://[::1/",
    "https://good.example\\@evil.example/",
    "https://example.com/" + "a" * LONGEST_URL,
]


@pytest.mark.parametrize(("url", "one"), POSTS)
def test_each_form_has_the_posts_one_address(url: str, one: str) -> None:
    assert canonical(url) == one
    assert canonical(one) == one
    assert not is_collection(url)


@pytest.mark.parametrize("url", COLLECTIONS)
def test_lists_are_known_by_their_form(url: str) -> None:
    assert is_collection(url)
    assert is_collection(canonical(url))


@pytest.mark.parametrize("url", NO_ADDRESSES)
def test_what_is_no_address_is_refused(url: str) -> None:
    with pytest.raises(InputError) as caught:
        canonical(url)
    assert caught.value.code == "bad_url"
    assert caught.value.hint
    assert "secret" not in caught.value.message


def test_short_links_have_to_be_followed() -> None:
    assert [u for u, _ in POSTS if is_short_link(u)] == [
        "https://vm.tiktok.com/ZMabc123/?k=1",
        "https://vt.tiktok.com/ZSabc123",
        "https://tiktok.com/t/ZTabc123/",
        "https://www.instagram.com/share/reel/BAabc123",
    ]


def test_messages_show_no_signatures() -> None:
    assert shown("https://cdn.example.com/a.mp4?sig=secret#x") == "https://cdn.example.com/a.mp4"
    assert shown("https://youtu.be/a1B2c3D4-_5?si=xyz") == SHORT  # its number stands in the query


@given(st.text(max_size=60), st.sampled_from(["https://", "http://", "https://www.tiktok.com/", "https://www.youtube.com/", ""]))
def test_any_text_is_an_address_or_refused(text: str, start: str) -> None:
    try:
        one = canonical(start + text)
    except InputError as error:
        assert error.code == "bad_url"
    else:
        assert canonical(one) == one
        assert one.startswith(("https://", "http://"))
