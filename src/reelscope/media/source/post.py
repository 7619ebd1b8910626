"""What a post's page says about it, as one plain dict for every platform. What a page does not say is null, never zero."""

from __future__ import annotations

import math
import re
import unicodedata
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

from reelscope.errors import InputError
from reelscope.media.source.forms import canonical

__all__ = ["name_of", "post_of", "published", "title_of"]

Info = Mapping[str, Any]

# A page may say anything of any length; what goes into the document is bounded.
LONGEST_TEXT = 20_000  # Instagram takes 2,200 characters, TikTok 4,000, YouTube 5,000
LONGEST_NAME = 300
MOST_TAGS = 200
TITLE_CHARS = 80
NAME_CHARS = 100  # of a folder: file systems take 255 bytes, and a character may have four

_TAG_MARKS = frozenset("_\u200c\u200d")  # the joiners are letters' parts in Persian and Indic scripts
_MENTION = re.compile(r"(?<![\w.@/])@([\w.]*\w)")
_FIRST_TIME_S, _LAST_TIME_S = 946_684_800, 7_258_118_400  # 2000 and 2200: else it is no date of a post


def post_of(info: Info, raw: Info | None = None, *, slides: int | None = None, fetched: Info | None = None) -> dict[str, Any]:
    """The post as the document carries it (`source.post`).

    Args:
        info: yt-dlp's dict of the post.
        raw: The platform's own object, where the extractor kept it: followers, marked hashtags, the sound's origin.
        slides: Number of pictures, for a photo post.
        fetched: What is known of the files that were fetched ("format").
    """
    raw = raw if isinstance(raw, Mapping) else {}
    platform = _platform(info)
    caption = _text(info.get("description"), LONGEST_TEXT)
    author = _author(info, raw, platform)
    own_title = None if platform in ("tiktok", "instagram") else _text(info.get("title"), LONGEST_NAME)  # theirs is cut from the caption
    words = " ".join(filter(None, (own_title, caption))) if platform == "youtube" else caption or ""
    marked = _marked(raw)
    published_at = published(info)
    return {
        "platform": platform,
        "extractor": _text(info.get("extractor"), LONGEST_NAME),
        "id": _text(info.get("id"), LONGEST_NAME) if platform != "web" else None,  # there it is a part of the address
        "webpage_url": _page(info, platform, author["handle"], photo=slides is not None),
        "author": author,
        "title": own_title,
        "caption": caption,
        "hashtags": _unique([*marked["hashtags"], *_tags(words)]),
        "mentions": _unique([*marked["mentions"], *(m[1] for m in _MENTION.finditer(words))]),
        "counts": {
            "views": _count(info.get("view_count"), raw.get("play_count") if platform == "instagram" else None),
            "likes": _count(info.get("like_count")),
            "comments": _count(info.get("comment_count")),
            "shares": _count(info.get("repost_count"), raw.get("reshare_count") if platform == "instagram" else None),
            "saves": _count(info.get("save_count")),
        },
        "sound": _sound(info, raw, platform),
        "published_at": published_at,
        "language": _text(raw.get("textLanguage") or raw.get("desc_language") or info.get("language"), 40),
        "duration_s": _seconds(info.get("duration")),
        "slides": slides,
        "format": dict(fetched) if fetched else None,
    }


def title_of(post: Info) -> str:
    """One line for people: the title, else the caption's first line, else the author and the number."""
    for text in (post.get("title"), post.get("caption")):
        line = next((line.strip() for line in (_text(text, LONGEST_TEXT) or "").splitlines() if line.strip()), "")
        if line:
            return line if len(line) <= TITLE_CHARS else line[: TITLE_CHARS - 1].rstrip() + "…"
    handle = (post.get("author") or {}).get("handle")
    return " ".join(filter(None, (handle, post.get("id")))) or "clip"


def name_of(post: Info | None, title: str) -> str:
    """A folder's name: author and number where both are known, else the title, without what a file system stumbles over.

    post: None of a file, whose title is its name.
    """
    title = title if post is not None else re.sub(r"\.\w{1,5}$", "", title)
    post = post or {}
    handle, number = (post.get("author") or {}).get("handle"), post.get("id")
    told = f"{handle}-{number}" if handle and number else number or title
    kept = "".join("-" if c in '/\\:*?"<>|' or c.isspace() or unicodedata.category(c).startswith("C") else c for c in str(told))
    return re.sub(r"-{2,}", "-", kept)[:NAME_CHARS].strip(".- ") or "clip"


def published(info: Info) -> str | None:
    """When it was published: ISO 8601 in UTC, or only the day where no time is told."""
    for key in ("timestamp", "release_timestamp"):
        at = info.get(key)
        if isinstance(at, int | float) and not isinstance(at, bool) and _FIRST_TIME_S <= at < _LAST_TIME_S:
            return datetime.fromtimestamp(at, UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
    day = info.get("upload_date") or info.get("release_date")
    if isinstance(day, str) and re.fullmatch(r"(?:19|20|21)\d{6}", day):
        try:
            return datetime.strptime(day, "%Y%m%d").replace(tzinfo=UTC).date().isoformat()
        except ValueError:
            pass
    return None


def _platform(info: Info) -> str:
    key = str(info.get("extractor_key") or info.get("ie_key") or info.get("extractor") or "")
    known = next((name for name in ("tiktok", "instagram", "youtube") if key.lower().startswith(name)), None)
    return known or ("web" if key.lower() in ("", "generic", "html5mediaembed") else key.lower()[:40])


def _page(info: Info, platform: str, handle: str | None, *, photo: bool) -> str | None:
    """The post's page as people open it."""
    number = info.get("id")
    if platform == "tiktok" and number:
        return f"https://www.tiktok.com/@{handle or '_'}/{'photo' if photo else 'video'}/{number}"
    try:
        return canonical(str(info.get("webpage_url") or info.get("original_url") or ""))
    except InputError:
        return None


def _author(info: Info, raw: Info, platform: str) -> dict[str, Any]:
    names: dict[str, Any]
    if platform == "tiktok":
        names = {"name": info.get("channel"), "handle": info.get("uploader"), "id": info.get("uploader_id")}
    elif platform == "instagram":
        names = {"name": info.get("uploader"), "handle": info.get("channel"), "id": info.get("uploader_id")}
    elif platform == "youtube":
        handle = str(info.get("uploader_id") or "")
        names = {
            "name": info.get("channel") or info.get("uploader"),
            "handle": handle[1:] if handle.startswith("@") else None,
            "id": info.get("channel_id"),
        }
    else:
        name, number = info.get("uploader") or info.get("channel"), info.get("uploader_id") or info.get("channel_id")
        page = urlsplit(str(info.get("webpage_url") or ""))
        # yt-dlp calls the host of an unknown page its author
        names = {"name": None if name in (page.netloc, page.hostname) else name, "handle": None, "id": number}
    found: dict[str, Any] = {key: _text(value, LONGEST_NAME) for key, value in names.items()}
    handle = found["handle"]
    pages = {"tiktok": f"https://www.tiktok.com/@{handle}", "instagram": f"https://www.instagram.com/{handle}/"}
    given = str(info.get("channel_url") or info.get("uploader_url") or "")
    own = pages.get(platform) if handle else None
    found["url"] = own or (_text(given, LONGEST_NAME) if platform not in pages and given.startswith(("https://", "http://")) else None)
    found["followers"] = _count(
        info.get("channel_follower_count"),
        _inner(raw, "authorStats", "followerCount"),
        _inner(raw, "author", "follower_count"),
        _inner(raw, "user", "follower_count"),
    )
    return found


def _sound(info: Info, raw: Info, platform: str) -> dict[str, Any] | None:
    """The sound that a post names as its own. original: made for this post; null where the platform does not tell."""
    found: dict[str, Any] = {
        "title": info.get("track"),
        "author": ", ".join(map(str, info.get("artists") or ())),
        "id": None,
        "original": None,
    }
    if platform == "tiktok" and isinstance(music := raw.get("music"), Mapping):
        found = {
            "title": music.get("title"),
            "author": music.get("authorName") or music.get("author"),
            "id": music.get("id_str") or music.get("id") or music.get("mid"),
            "original": next((v for k in ("original", "is_original_sound") if isinstance(v := music.get(k), bool)), None),
        }
    elif platform == "instagram":
        found = _instagram_sound(raw) or found
    text = {key: _text(found[key], LONGEST_NAME) for key in ("title", "author", "id")}
    return {**text, "original": found["original"]} if any(text.values()) else None


def _instagram_sound(raw: Info) -> dict[str, Any] | None:
    for holder in (raw.get("clips_metadata"), raw.get("music_metadata")):
        if not isinstance(holder, Mapping):
            continue
        song = _inner(holder, "music_info", "music_asset_info")
        if isinstance(song, Mapping):
            number = song.get("audio_asset_id") or song.get("audio_cluster_id")
            return {"title": song.get("title"), "author": song.get("display_artist"), "id": number, "original": False}
        own = holder.get("original_sound_info")
        if isinstance(own, Mapping):
            author = _inner(own, "ig_artist", "username")
            return {"title": own.get("original_audio_title"), "author": author, "id": own.get("audio_asset_id"), "original": True}
    return None


def _marked(raw: Info) -> dict[str, list[str]]:
    """Hashtags and mentions that TikTok marks in the caption (they may hold what a pattern would cut)."""
    rows = raw.get("textExtra") or raw.get("text_extra") or ()
    rows = [r for r in rows if isinstance(r, Mapping)] if isinstance(rows, list | tuple) else []
    return {
        "hashtags": [str(r.get("hashtagName") or r.get("hashtag_name") or "") for r in rows],
        "mentions": [str(r.get("userUniqueId") or r.get("user_unique_id") or "") for r in rows],
    }


def _tags(text: str) -> list[str]:
    """Words that begin with #, of letters, marks and digits of any script, with at least one letter."""
    found = []
    for start in (i for i, c in enumerate(text) if c in "#＃"):
        if start and (text[start - 1].isalnum() or text[start - 1] in "&/"):  # a character reference, the fragment of an address
            continue
        end = start + 1
        while end < len(text) and (text[end] in _TAG_MARKS or unicodedata.category(text[end])[0] in "LMN"):
            end += 1
        word = text[start + 1 : end]
        if any(unicodedata.category(c)[0] == "L" for c in word):
            found.append(word)
    return found


def _unique(words: Iterable[str]) -> list[str]:
    """Each word once, in order, without regard to case."""
    found: dict[str, str] = {}
    for word in words:
        if word:
            found.setdefault(word.casefold(), word[:LONGEST_NAME])
    return list(found.values())[:MOST_TAGS]


def _text(value: Any, longest: int) -> str | None:
    """A value as text of bounded length that JSON and terminals take; None where there is none."""
    if value is None or isinstance(value, bool | Mapping | list | tuple):
        return None
    kept = "".join(c for c in str(value)[:longest] if c in "\n\t" or unicodedata.category(c) not in ("Cc", "Cs")).strip()
    return kept or None


def _count(*values: Any) -> int | None:
    """The first that is a count. Platforms write -1 where a figure is hidden."""
    for value in values:
        if isinstance(value, str) and re.fullmatch(r"\d{1,18}", value):
            return int(value)
        if isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value) and 0 <= value < 2**63:
            return int(value)
    return None


def _seconds(value: Any) -> float | None:
    good = isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value) and value > 0
    return round(float(value), 3) if good else None


def _inner(holder: Any, *keys: str) -> Any:
    for key in keys:
        if not isinstance(holder, Mapping):
            return None
        holder = holder.get(key)
    return holder
