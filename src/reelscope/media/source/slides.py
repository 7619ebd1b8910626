"""Photo posts: the pictures in their order and the sound that plays with them, from the platform's own object. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

__all__ = ["MOST_SLIDES", "Slides", "instagram_slides", "tiktok_slides"]

MOST_SLIDES = 60  # TikTok takes 35 pictures, Instagram 20


@dataclass(frozen=True, slots=True)
class Slides:
    """pictures: for each the addresses it can be had from, best first. sounds: the same for the sound; empty where there is none."""

    pictures: tuple[tuple[str, ...], ...]
    sounds: tuple[str, ...] = ()


def tiktok_slides(raw: Mapping[str, Any]) -> Slides | None:
    """The slides of TikTok's object of a post, of the web page or of the app; None where it is no photo post."""
    rows = _list(_get(raw, "imagePost", "images")) or _list(_get(raw, "image_post_info", "images"))
    pictures = []
    for row in rows[:MOST_SLIDES]:
        found = _addresses(_get(row, "imageURL", "urlList")) or _addresses(_get(row, "display_image", "url_list"))
        if found:
            pictures.append(found)
    if not pictures:
        return None
    return Slides(tuple(pictures), _addresses([_get(raw, "music", "playUrl")]) or _addresses(_get(raw, "music", "play_url", "url_list")))


def instagram_slides(media: Sequence[Mapping[str, Any]], raw: Mapping[str, Any] | None = None) -> Slides | None:
    """The slides of an Instagram post.

    Args:
        media: yt-dlp's rows of the post's parts; the "thumbnails" of a part without video are the picture itself, smallest first.
        raw: The platform's object, which names the music.
    """
    pictures = []
    for part in media[:MOST_SLIDES]:
        rows = [t for t in part.get("thumbnails") or () if isinstance(t, Mapping)]
        rows.sort(key=lambda t: (t.get("width") or 0) * (t.get("height") or 0), reverse=True)  # stable: equal ones stay best last
        found = _addresses([t.get("url") for t in rows])
        if found:
            pictures.append(found)
    if not pictures:
        return None
    song = _get(raw, "music_metadata", "music_info", "music_asset_info", "progressive_download_url")
    own = _get(raw, "music_metadata", "original_sound_info", "progressive_download_url")
    return Slides(tuple(pictures), _addresses([song, own])[:1])


def _get(holder: Any, *keys: str) -> Any:
    for key in keys:
        if not isinstance(holder, Mapping):
            return None
        holder = holder.get(key)
    return holder


def _list(value: Any) -> list[Any]:
    return list(value) if isinstance(value, list | tuple) else []


def _addresses(values: Any) -> tuple[str, ...]:
    found = []
    for value in _list(values):
        if isinstance(value, str) and value.startswith("//"):
            value = f"https:{value}"
        if isinstance(value, str) and value.startswith(("https://", "http://")):
            found.append(value)
    return tuple(found)
