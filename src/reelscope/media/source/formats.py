"""Which of a post's files are fetched: a decision over the plain rows that yt-dlp gives, without yt-dlp."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from reelscope.errors import InputError

__all__ = ["LARGEST_SIDE_PX", "Choice", "choices", "is_watermarked"]

Format = Mapping[str, Any]

# The platforms show shorts at 1080x1920, and what reads a frame takes at most that: more pixels only cost time and room.
LARGEST_SIDE_PX = 1920
# What yt-dlp can fetch by itself, over connections that the address rules see. Everything else wants another program or a live stream.
PROTOCOLS = frozenset({"http", "https", "m3u8", "m3u8_native", "http_dash_segments"})
# At the same size: H.264 decodes fastest and platforms give it the most bits, then in the order of what decoding costs.
CODECS = ("h264", "h265", "vp9", "av1", "")
_FAMILIES = {
    "avc": "h264", "h264": "h264", "hev": "h265", "hvc": "h265", "h265": "h265", "hevc": "h265", "bytevc1": "h265", "vp09": "vp9",
    "vp9": "vp9", "vp8": "vp9", "vp08": "vp9", "av01": "av1", "av1": "av1", "bytevc2": "h266", "vvc": "h266", "vvi": "h266", "h266": "h266",
}  # fmt: skip
_STILL = frozenset({"mhtml", "jpg", "jpeg", "png", "webp", "gif", "heic"})
CHOICES_MOST = 4  # a post whose first four files are all refused is not to be had


@dataclass(frozen=True, slots=True)
class Choice:
    """What is fetched together: one file with picture and sound, or a picture and the sound that belongs to it."""

    formats: tuple[Format, ...]
    watermarked: bool = False

    @property
    def picture(self) -> Format:
        """The row that tells the picture's codec and size."""
        return self.formats[0]


def choices(formats: Sequence[Format], *, max_bytes: int, tiktok: bool = False) -> list[Choice]:
    """The ways to fetch a post, best first.

    Files with sound and without watermark come first, then the larger picture up to `LARGEST_SIDE_PX`, then one file before two, direct
    files before segments, and the codec that decodes fastest. A picture without sound is only taken where the post has no sound at all, a
    sound without picture only where it has no picture.

    Args:
        formats: yt-dlp's rows, worst first.
        max_bytes: Files known to be larger are left out.
        tiktok: The sound that stands beside a TikTok is its music, not its sound track: never joined to a picture, never taken alone.

    Raises:
        InputError: `no_media`, none of them is usable; `too_large`, each is too large.
    """
    usable = [f for f in formats if _usable(f)]
    fitting = [f for f in usable if (f.get("filesize") or 0) <= max_bytes]
    if usable and not fitting:
        raise InputError(
            f"each file of this post is larger than the {max_bytes >> 20} MiB taken", code="too_large", hint="raise sources.max_mib"
        )
    order = {id(f): place for place, f in enumerate(fitting)}
    pictures = [f for f in fitting if f.get("vcodec") != "none"]
    sounds = [] if tiktok else [f for f in fitting if f.get("vcodec") == "none" and f.get("acodec") != "none"]
    if not pictures:
        if sounds:
            return [Choice((f,)) for f in reversed(sounds)][:CHOICES_MOST]
        raise _none(formats)
    # dubbed tracks stand beside the original one; yt-dlp says which is which
    sounds.sort(key=lambda f: (_direct(f), f.get("language_preference") or 0, order[id(f)]))
    found = []
    for picture in pictures:
        if picture.get("acodec") != "none":
            found.append(Choice((picture,), is_watermarked(picture)))
        elif sounds:
            size = picture.get("filesize") or 0
            partner = next((s for s in reversed(sounds) if size + (s.get("filesize") or 0) <= max_bytes), None)
            found += [Choice((picture, partner), is_watermarked(picture))] if partner else []
        else:
            found.append(Choice((picture,), is_watermarked(picture)))
    if not found:
        raise InputError(
            f"picture and sound of this post are together larger than the {max_bytes >> 20} MiB taken",
            code="too_large",
            hint="raise sources.max_mib",
        )
    return sorted(found, key=lambda c: _worth(c, order), reverse=True)[:CHOICES_MOST]


def is_watermarked(row: Format) -> bool:
    """Whether the platform has drawn its mark into this file."""
    return "watermark" in f"{row.get('format_note') or ''} {row.get('format_id') or ''}".lower()


def family(codec: str | None) -> str:
    """The family of a video codec: "h264", "h265", "h266", "vp9", "av1"; "" where it is not known."""
    name = (codec or "").lower()
    return next((found for start, found in _FAMILIES.items() if name.startswith(start)), "")


def _usable(row: Format) -> bool:
    if not row.get("url") or row.get("protocol", "https") not in PROTOCOLS or row.get("ext") in _STILL:
        return False
    if row.get("has_drm") is True or row.get("is_live"):
        return False
    if row.get("vcodec") == "none" and row.get("acodec") == "none":  # a storyboard
        return False
    # H.266 is not decoded by anything here; TikTok calls its own form bytevc2
    return family(row.get("vcodec")) != "h266" and "unplayable" not in str(row.get("format_note") or "").lower()


def _direct(row: Format) -> bool:
    return row.get("protocol", "https") in ("http", "https")


def _worth(choice: Choice, order: Mapping[int, int]) -> tuple[Any, ...]:
    picture = choice.picture
    codec = family(picture.get("vcodec"))
    silent = len(choice.formats) == 1 and picture.get("acodec") == "none"
    side = max(picture.get("width") or 0, picture.get("height") or 0)
    return (
        not silent,  # with the mark, but with the sound, still tells more of the clip than the other way round
        not choice.watermarked,
        min(side, LARGEST_SIDE_PX),
        -max(0, side - LARGEST_SIDE_PX),
        not picture.get("__needs_testing"),  # known to be refused at times
        len(choice.formats) == 1,
        _direct(picture),
        -CODECS.index(codec if codec in CODECS else ""),
        picture.get("tbr") or 0,
        order[id(picture)],
    )


def _none(formats: Sequence[Format]) -> InputError:
    if any(f.get("has_drm") is True for f in formats):
        return InputError("this post is protected against copying (DRM)", code="no_media", hint="analyse a recording of your own")
    if any(f.get("is_live") for f in formats):
        return InputError("this is a live stream, not a clip", code="live", hint="fetch it once it has ended")
    if formats:
        return InputError("none of this post's files has a picture that can be decoded here", code="no_media", hint="analyse a file of it")
    return InputError("there is no video in this post", code="no_media", hint="open it in a browser and see what it holds")
